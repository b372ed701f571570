//! Memory: what the bytes in use on a host do: kills at limits, kills by the kernel, the last megabytes, pressure.

use super::change::{DownCause, EndReason};
use super::engine::Simulation;
use super::state::Band;
use crate::host::MemoryPolicy;
use crate::host::daemon::Daemon;
use crate::host::memory::Marks;
use crate::ids::{HostId, JobId};
use crate::workload::UsageStep;

impl Simulation<'_> {
    pub(super) fn marks(&self, host: HostId) -> Marks {
        self.marks[host.index()]
    }

    /// What `daemon` holds of memory.
    pub(super) fn daemon_memory(&self, daemon: &Daemon) -> i64 {
        (i128::from(daemon.memory.0) * i128::from(self.setup.host_model.memory.daemon_milli) / 1000) as i64
    }

    /// Memory in use as the marks count it: of jobs, less what dead daemons have left free.
    pub(super) fn used(&self, host: HostId) -> i64 {
        let h = &self.hosts[host.index()];
        if h.daemons_gone == 0 {
            return h.memory;
        }
        let gone = self.info.daemons.iter().zip(&h.daemons).filter(|(_, state)| state.back.is_some());
        h.memory - gone.map(|(daemon, _)| self.daemon_memory(daemon)).sum::<i64>()
    }

    /// What the memory in use does: kills at limits, kills by the kernel, the last megabytes, pressure.
    pub(super) fn apply_memory(&mut self, host: HostId) {
        if !self.hosts[host.index()].up {
            return;
        }
        if std::mem::take(&mut self.hosts[host.index()].over_limit) {
            self.kill_at_limits(host);
        }
        if self.has_room(host) {
            if self.hosts[host.index()].parked_oom > 0 {
                self.unpark(host);
            }
            return;
        }
        let marks = self.marks(host);
        if self.setup.host_model.memory.policy == MemoryPolicy::HostDown && self.used(host) > marks.brim {
            let model = &self.setup.host_model.memory;
            self.fall(host, DownCause::Memory, model.operator_reboot + model.boot);
            return;
        }
        while self.is_out_of_memory(host, &marks) && self.kill_for_host(host, &marks) {}
        if !self.hosts[host.index()].up {
            return;
        }
        self.update_band(host, &marks);
        if self.hosts[host.index()].parked_oom > 0 {
            self.unpark(host);
        }
    }

    /// Whether memory is in no way felt on `host`, nor was it: then there is nothing to work out. What dead daemons have left free only
    /// makes more room.
    fn has_room(&self, host: HostId) -> bool {
        let h = &self.hosts[host.index()];
        let swaps = self.setup.host_model.memory.swap.0 > 0;
        // Where nothing thrashes only swap is felt.
        h.memory + h.cache <= h.calm && !h.thrashing && !h.over && (!swaps || h.band == Band::default())
    }

    fn kill_at_limits(&mut self, host: HostId) {
        for slot in self.in_scan_order(host) {
            let a = &self.attempts[slot as usize];
            if a.step.memory.0 > a.memory_limit && a.dying.is_none() {
                self.choose(slot, EndReason::OomLimit);
            }
        }
    }

    /// Slots of live attempts on `host` in the kernel's scan order: of starts, then of names.
    pub(super) fn in_scan_order(&self, host: HostId) -> Vec<u32> {
        let mut slots = self.hosts[host.index()].attempts.clone();
        slots.sort_unstable_by(|&a, &b| {
            let (a, b) = (&self.attempts[a as usize], &self.attempts[b as usize]);
            let name = |job: JobId| self.setup.workload.name(job);
            a.started.cmp(&b.started).then_with(|| name(a.job).cmp(name(b.job)))
        });
        slots
    }

    /// Works out how fast the memory of the attempt in `slot` grows towards its next step.
    pub(super) fn note_growth(&mut self, slot: u32) {
        let a = &mut self.attempts[slot as usize];
        let mut cursor = a.cursor;
        let length = a.step.length_us;
        let next: Option<UsageStep> =
            if length == u64::MAX { None } else { self.setup.workload.next_step(a.job, &mut cursor, length) };
        let more = next.map_or(0, |next| a.left_of(next.memory.0) - a.step.memory.0).max(0);
        let rate = i128::from(more) * 1_000_000 / i128::from(length.max(1));
        a.rare.get_or_insert_default().growth = u64::try_from(rate).unwrap_or(u64::MAX);
    }
}
