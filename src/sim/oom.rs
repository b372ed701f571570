//! Whom the kernel kills, and what becomes of a victim.
//!
//! A victim is chosen, and gone when the latency is over; until then nobody else is chosen for the same memory. One that
//! is chosen at the instant of its start is gone at once: so the repeats of a job whose first memory does not fit are all
//! alike, and [`super::restart`] counts them in closed form (the latency would add a fifth of a second to each life).

use super::change::{Change, DownCause, EndReason};
use super::engine::Simulation;
use super::queue::Event;
use super::state::Attempt;
use crate::host::memory::{self, Candidate, Marks, Part};
use crate::host::oom::Era;
use crate::host::{Kernel, MemoryPolicy, OomGroup, PanicOnOom};
use crate::ids::{HostId, JobId};
use crate::orchestrator::Scores;
use crate::units::{SimDuration, SimTime};

/// Whom the kernel may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Attempt(u32),
    /// By its place in the orchestrator's table.
    Daemon(usize),
}

/// The largest process of each part of a job that holds `memory` in `processes` processes. Of equal processes of one job
/// any one stands for all.
fn largest(parts: &[Part], adj: i64, memory: i64, processes: u32) -> impl Iterator<Item = Candidate> {
    let n = i64::from(processes.max(1));
    let of = move |memory: i64, adj| Candidate { rss: (memory + n - 1) / n, adj, privileged: false };
    let alone = parts.is_empty().then(|| of(memory, adj));
    alone.into_iter().chain((0..parts.len()).map(move |i| of(memory::part_of(parts, i, memory), parts[i].adj)))
}

impl Simulation<'_> {
    /// Whose rules the kernel kills by.
    pub(super) fn era(&self) -> Era {
        match self.setup.host_model.memory.kernel {
            Kernel::ByEra => self.info.kernel,
            Kernel::Old => Era::Floored,
            Kernel::New => Era::Signed,
        }
    }

    /// Whether a container dies whole. The old kernels know no groups.
    fn oom_group(&self) -> bool {
        let asked = match self.setup.host_model.memory.oom_group {
            OomGroup::ByEra => self.info.scores == Scores::Pod,
            OomGroup::On => true,
            OomGroup::Off => false,
        };
        asked && self.era() == Era::Signed
    }

    /// Whether the pods' own cgroup holds more than it may.
    fn is_over_kubepods(&self, marks: &Marks, memory: i64) -> bool {
        self.info.scores == Scores::Pod && memory > marks.kubepods
    }

    /// Whether somebody has to go for memory that is not his own limit's.
    pub(super) fn is_out_of_memory(&self, host: HostId, marks: &Marks) -> bool {
        let h = &self.hosts[host.index()];
        h.up && (self.used(host) >= marks.full || self.is_over_kubepods(marks, h.memory))
    }

    /// All that could be killed on `host`, in scan order: daemons since boot, then jobs by start, then by name.
    fn candidates(&self, host: HostId, pods_only: bool) -> Vec<(Who, Candidate)> {
        let h = &self.hosts[host.index()];
        let mut all: Vec<(SimTime, Who, Candidate)> = Vec::with_capacity(h.attempts.len() + h.daemons.len());
        if !pods_only {
            for (i, (daemon, state)) in self.info.daemons.iter().zip(&h.daemons).enumerate() {
                if state.back.is_none() {
                    let rss = self.daemon_memory(daemon);
                    let candidate = Candidate { rss, adj: daemon.oom_score_adj, privileged: true };
                    all.push((state.since, Who::Daemon(i), candidate));
                }
            }
        }
        for slot in self.in_scan_order(host) {
            let a = &self.attempts[slot as usize];
            for candidate in processes_of(a) {
                all.push((a.started, Who::Attempt(slot), candidate));
            }
        }
        // Stable: jobs keep their order, and daemons go first among those of one instant.
        all.sort_by_key(|&(since, _, _)| since);
        all.into_iter().map(|(_, who, candidate)| (who, candidate)).collect()
    }

    /// The kernel's killer takes one; `false` if there is nobody, or somebody is on his way out already.
    pub(super) fn kill_for_host(&mut self, host: HostId, marks: &Marks) -> bool {
        let h = &self.hosts[host.index()];
        if h.dying > 0 {
            return false;
        }
        let pods_only = self.is_over_kubepods(marks, h.memory);
        let model = self.setup.host_model.memory;
        if !pods_only && model.panic_on_oom != PanicOnOom::Off {
            let until =
                if model.panic_on_oom == PanicOnOom::Reboot { model.panic_reboot } else { model.operator_reboot };
            self.fall(host, DownCause::Memory, until + model.boot);
            return false;
        }
        let candidates = self.candidates(host, pods_only);
        let total = if pods_only { marks.kubepods } else { marks.total };
        match memory::oom_victim(self.era(), candidates.iter().map(|c| c.1), total) {
            Some(i) => match candidates[i].0 {
                Who::Attempt(slot) => self.choose(slot, EndReason::OomHost),
                Who::Daemon(daemon) => self.choose_daemon(host, daemon),
            },
            // Nobody may die in the pods' cgroup: who asks for memory hangs.
            None if pods_only => false,
            None => {
                self.fall(host, DownCause::Memory, model.panic_reboot + model.boot);
                false
            }
        }
    }

    /// From a choice to memory being free.
    pub(super) fn latency(&self) -> SimDuration {
        self.setup.host_model.memory.kill_latency + self.setup.host_model.memory.reaper_delay
    }

    /// The kernel has chosen a process of the attempt in `slot`. Whether its memory is free already.
    pub(super) fn choose(&mut self, slot: u32, why: EndReason) -> bool {
        let (started, host, serial) = {
            let a = &self.attempts[slot as usize];
            (a.started, a.host, a.serial as u32)
        };
        if started == self.now || self.latency() == SimDuration::ZERO {
            self.process_dies(slot, why);
            return true;
        }
        self.attempts[slot as usize].dying = Some(why);
        self.hosts[host.index()].dying += 1;
        self.queue.push(self.now + self.latency(), Event::Dies { slot, serial });
        false
    }

    /// A victim is gone, if nothing else ended it meanwhile.
    pub(super) fn victim_dies(&mut self, slot: u32, serial: u32) {
        let a = &mut self.attempts[slot as usize];
        if a.job.0 == super::state::NONE || a.serial as u32 != serial {
            return;
        }
        let host = a.host;
        if let Some(why) = a.dying.take() {
            self.hosts[host.index()].dying -= 1;
            self.process_dies(slot, why);
        }
    }

    /// The job ends, or goes on without the process that died if it consists of several and does not die whole.
    fn process_dies(&mut self, slot: u32, why: EndReason) {
        let a = &self.attempts[slot as usize];
        if a.processes_left() <= 1 || !a.parts().is_empty() || self.oom_group() {
            self.end_attempt(slot, why);
            return;
        }
        self.settle(slot);
        let a = &mut self.attempts[slot as usize];
        let (job, attempt, host, before) = (a.job, a.number, a.host, a.step.memory.0);
        let whole = a.whole_memory();
        a.rare.get_or_insert_default().processes_left -= 1;
        a.step.memory.0 = a.left_of(whole);
        let (after, left) = (a.step.memory.0, a.processes_left());
        let over = after > a.memory_limit;
        let h = &mut self.hosts[host.index()];
        h.memory += after - before;
        h.over_limit |= over;
        self.emit(Change::ProcessKilled { job, attempt, host, left });
        self.touch(host, slot);
    }

    /// How an attempt of `job` with so much memory would be killed if it started on `host` now; `None`: it would live.
    pub(super) fn killed_at_start(&self, job: JobId, host: HostId, memory: i64) -> Option<EndReason> {
        let h = &self.hosts[host.index()];
        let parts = self.parts(job, host);
        let processes = self.setup.workload.spec(job).processes.unwrap_or(1);
        // One that goes on without a process is not dead; what it comes to is left to the run.
        let whole = processes == 1 || !parts.is_empty() || self.oom_group();
        if memory > self.memory_limit(job, &parts) {
            return whole.then_some(EndReason::OomLimit);
        }
        let model = &self.setup.host_model.memory;
        let marks = self.marks(host);
        let pods_only = self.is_over_kubepods(&marks, h.memory + memory);
        let full = self.used(host) + memory >= marks.full;
        let panics = full && !pods_only && model.panic_on_oom != PanicOnOom::Off;
        let falls = model.policy == MemoryPolicy::HostDown && self.used(host) + memory > marks.brim;
        if !(full || pods_only) || panics || falls || h.dying > 0 || !whole {
            return None;
        }
        let total = if pods_only { marks.kubepods } else { marks.total };
        let others = h.attempts.iter().flat_map(|&slot| processes_of(&self.attempts[slot as usize]));
        let daemons = self.info.daemons.iter().zip(&h.daemons).filter(|(_, state)| !pods_only && state.back.is_none());
        let daemons = daemons.map(|(daemon, _)| Candidate {
            rss: self.daemon_memory(daemon),
            adj: daemon.oom_score_adj,
            privileged: true,
        });
        let rivals: Vec<Candidate> = others.chain(daemons).collect();
        let adj = self.oom_score_adj(job, host);
        let dies = largest(&parts, adj, memory, processes)
            .any(|own| memory::newest_is_victim(self.era(), own, rivals.iter().copied(), total));
        dies.then_some(EndReason::OomHost)
    }
}

fn processes_of(a: &Attempt) -> impl Iterator<Item = Candidate> {
    largest(a.parts(), a.oom_score_adj, a.step.memory.0, a.processes_left())
}
