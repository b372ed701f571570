//! Memory: kills at limits, kills by the kernel, thrash.

use super::change::{Change, DownCause, EndReason};
use super::engine::Simulation;
use super::queue::Event;
use crate::host::MemoryPolicy;
use crate::host::memory::{self, Candidate, Marks};
use crate::ids::{HostId, JobId};

impl Simulation<'_> {
    pub(super) fn marks(&self, host: HostId) -> Marks {
        memory::marks(&self.setup.host_model, self.setup.cluster.spec(host).memory)
    }

    /// What the memory in use does: kills at limits, kills by the kernel, thrash, pressure.
    pub(super) fn apply_memory(&mut self, host: HostId) {
        if !self.hosts[host.index()].up {
            return;
        }
        if std::mem::take(&mut self.hosts[host.index()].over_limit) {
            self.kill_at_limits(host);
        }
        let marks = self.marks(host);
        let policy = self.setup.host_model.memory.policy;
        if policy == MemoryPolicy::HostDown && self.hosts[host.index()].memory >= marks.thrash {
            let model = &self.setup.host_model.memory;
            self.fall(host, DownCause::Memory, model.operator_reboot + model.boot);
            return;
        }
        while self.hosts[host.index()].memory >= marks.full && self.kill_for_host(host) {}
        let thrashing = policy == MemoryPolicy::Thrash && self.hosts[host.index()].memory >= marks.thrash;
        if thrashing != self.hosts[host.index()].thrashing {
            self.set_thrash(host, thrashing);
        }
        if self.hosts[host.index()].parked_oom > 0 {
            self.unpark(host);
        }
    }

    fn kill_at_limits(&mut self, host: HostId) {
        let mut over: Vec<(u64, u32)> = self.hosts[host.index()]
            .attempts
            .iter()
            .map(|&slot| (slot, &self.attempts[slot as usize]))
            .filter(|(_, a)| a.step.memory.0 > a.memory_limit)
            .map(|(slot, a)| (a.serial, slot))
            .collect();
        over.sort_unstable();
        for (_, slot) in over {
            self.end_attempt(slot, EndReason::OomLimit);
        }
    }

    /// Whether an attempt of `job` with so much memory would be the one that the kernel kills if it started on `host`
    /// now.
    pub(super) fn killed_at_start(&self, job: JobId, host: HostId, memory: i64) -> bool {
        let h = &self.hosts[host.index()];
        let policy = self.setup.host_model.memory.policy;
        if policy == MemoryPolicy::HostDown || h.memory + memory < self.marks(host).full {
            return false;
        }
        let total = self.setup.cluster.spec(host).memory.0;
        let adj = self.oom_score_adj(job, host);
        let others = h.attempts.iter().map(|&slot| {
            let a = &self.attempts[slot as usize];
            Candidate { rss: a.step.memory.0, adj: a.oom_score_adj }
        });
        memory::newest_is_victim(Candidate { rss: memory, adj }, others, total)
    }

    /// Slots of live attempts on `host` in order of starts: the kernel's scan order.
    pub(super) fn in_scan_order(&self, host: HostId) -> Vec<u32> {
        let mut slots = self.hosts[host.index()].attempts.clone();
        slots.sort_unstable_by_key(|&slot| self.attempts[slot as usize].serial);
        slots
    }

    /// The kernel's global OOM killer takes one; `false` if there is nobody.
    fn kill_for_host(&mut self, host: HostId) -> bool {
        let slots = self.in_scan_order(host);
        let total = self.setup.cluster.spec(host).memory.0;
        let candidates = slots.iter().map(|&slot| {
            let a = &self.attempts[slot as usize];
            Candidate { rss: a.step.memory.0, adj: a.oom_score_adj }
        });
        match memory::oom_victim(candidates, total) {
            Some(i) => {
                self.end_attempt(slots[i], EndReason::OomHost);
                true
            }
            None => false,
        }
    }

    fn set_thrash(&mut self, host: HostId, on: bool) {
        let h = &mut self.hosts[host.index()];
        h.thrashing = on;
        h.thrash_epoch += 1;
        h.speed_changed = true;
        let epoch = h.thrash_epoch;
        self.emit(Change::Thrash { host, on });
        self.touch_host(host);
        if on {
            let model = &self.setup.host_model.memory;
            let (lapse, reboot) = (self.now + model.heartbeat_grace, self.now + model.operator_reboot);
            self.queue.push(lapse, Event::HeartbeatsLapse { host, epoch });
            self.queue.push(reboot, Event::OperatorReboots { host, epoch });
        } else if self.hosts[host.index()].muted {
            self.hosts[host.index()].muted = false;
            self.update_heard(host);
        }
    }
}
