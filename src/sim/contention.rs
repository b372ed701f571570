//! CPU: what a host's jobs and daemons get of it.
//!
//! Contention is solved only where jobs could run more than the host has (or could until now); elsewhere only the attempts
//! that changed are looked at. A host's `cpu` is what jobs may use: the machine has that and what its daemons want, and
//! daemons stand in the tree beside the jobs.

use std::rc::Rc;

use super::change::Change;
use super::engine::Simulation;
use super::queue::Event;
use crate::host::cpu_group::Whom;
use crate::host::cpu_host::{HostTree, JobShare, Layout};
use crate::host::daemon::DaemonDeath;
use crate::host::felt::{self, CpuFelt};
use crate::host::pod_cpu::{self, PodCpu};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Enforcement, OrchestratorInfo, RequestRule, Scores};
use crate::units::SimDuration;

/// Buffers that are used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    slots: Vec<u32>,
    shares: Vec<(Whom, u64, u64)>,
    ranks: Vec<(u64, u32)>,
}

/// What the daemons of a run's hosts want, and which of them a host is heard by.
#[derive(Debug, Default)]
pub(super) struct Daemons {
    /// Nano-cores, in the order of their table.
    wanted: Vec<u64>,
    /// Least that each needs, nano-cores.
    needed: Vec<u64>,
    /// Σ wanted.
    total: u64,
    /// Bits of those whose silence is the host's.
    silence: u32,
}

impl Daemons {
    pub(super) fn new(info: &OrchestratorInfo, model: &crate::host::CpuModel) -> Self {
        let milli = |nano: u64, milli: u32| nano / 1000 * u64::from(milli);
        let wanted: Vec<u64> = info.daemons.iter().map(|d| milli(d.cpu.nano_cores(), model.daemon_milli)).collect();
        let silence = info.daemons.iter().enumerate().filter(|(_, d)| d.death == DaemonDeath::Silence);
        Daemons {
            needed: wanted.iter().map(|&w| milli(w, model.daemon_needed_milli)).collect(),
            total: wanted.iter().sum(),
            silence: silence.map(|(i, _)| 1 << i).sum(),
            wanted,
        }
    }
}

impl Simulation<'_> {
    /// Works out what everybody on `host` gets. Who is wanted of no more than there is and was so before gets all that he
    /// is able to run, so that only those are looked at who changed.
    pub(super) fn share_cpu(&mut self, host: HostId) {
        let mut s = std::mem::take(&mut self.scratch);
        let speeds = self.speeds(host);
        let h = &mut self.hosts[host.index()];
        let capacity = h.capacity;
        s.slots.clear();
        if h.speed_changed {
            s.slots.extend_from_slice(&h.attempts);
            h.changed.clear();
        } else {
            s.slots.append(&mut h.changed);
        }
        for &slot in &s.slots {
            let a = &mut self.attempts[slot as usize];
            let able = speeds.able(a);
            a.changed |= able != a.cpu.able;
            h.cpu.able = h.cpu.able - a.cpu.able + able;
            a.cpu.able = able;
        }
        let was_contended = std::mem::replace(&mut h.contended, h.cpu.able > capacity);
        let all = std::mem::take(&mut h.speed_changed) || std::mem::take(&mut h.cast_changed);
        if h.contended {
            if all || !was_contended {
                self.cast_tree(host);
            } else {
                let tree = self.hosts[host.index()].tree.as_mut().expect("a contended host has a tree");
                for &slot in &s.slots {
                    let a = &self.attempts[slot as usize];
                    tree.set_cap(a.qos, slot, a.cpu.able);
                }
            }
            let tree = self.hosts[host.index()].tree.as_mut().expect("a contended host has a tree");
            tree.solve(capacity + self.daemons.total, &mut s.ranks);
            s.shares.clear();
            s.shares.extend(tree.shares());
            let (mut missing, mut starved) = (0, 0);
            for i in 0..s.shares.len() {
                let (whom, received, free) = s.shares[i];
                match whom {
                    Whom::Job(slot) => {
                        let speed = speeds.clock(&self.attempts[slot as usize]);
                        self.set_rate(slot, received, free, speed);
                    }
                    Whom::Daemon(d) => {
                        missing += self.daemons.wanted[d as usize] - received;
                        starved |= u32::from(received < self.daemons.needed[d as usize]) << d;
                    }
                    Whom::Group(_) => {}
                }
            }
            self.set_daemons(host, missing, starved);
        } else {
            if was_contended {
                s.slots.clear();
                s.slots.extend_from_slice(&h.attempts);
            }
            if s.slots.len() > 1 {
                let attempts = &self.attempts;
                s.slots.sort_unstable_by_key(|&slot| attempts[slot as usize].serial);
            }
            for &slot in &s.slots {
                let speed = speeds.clock(&self.attempts[slot as usize]);
                self.set_rate(slot, self.attempts[slot as usize].cpu.able, u64::MAX, speed);
            }
            self.set_daemons(host, 0, 0);
        }
        self.scratch = s;
        let h = &self.hosts[host.index()];
        let (cpu, memory, cpu_request, memory_request) = (h.cpu, h.memory, h.cpu_request, h.memory_request);
        let attempts = h.attempts.len() as u32;
        if h.felt_changed {
            let h = &mut self.hosts[host.index()];
            let felt = h.felt;
            h.felt_changed = false;
            if std::mem::replace(&mut h.felt_told, felt) != felt {
                self.emit(Change::CpuFelt { host, felt });
            }
        }
        self.emit(Change::HostLoad { host, cpu, memory, cpu_request, memory_request, attempts });
    }

    /// Who is on `host` has changed, or all of them want something else: its tree is made anew.
    fn cast_tree(&mut self, host: HostId) {
        let layout = if self.info.scores == Scores::Pod { Layout::Tiers } else { Layout::Flat };
        let h = &mut self.hosts[host.index()];
        let tree = h.tree.get_or_insert_with(|| Box::new(HostTree::new(layout)));
        let attempts = &self.attempts;
        let jobs = h.attempts.iter().map(|&slot| {
            let a = &attempts[slot as usize];
            JobShare {
                job: slot,
                serial: a.serial,
                qos: a.qos,
                weight: a.weight,
                request_milli: a.cpu_request,
                cap: a.cpu.able,
            }
        });
        tree.rebuild(self.setup.cluster.spec(host).cpu.0, &self.daemons.wanted, jobs);
    }

    /// The cgroups of the pod that `job` was described by, where kubelets make such: its requests are then as written.
    pub(super) fn pod_cpu(&mut self, job: JobId) -> Option<Rc<PodCpu>> {
        let world = self.world;
        let number = world.workload.spec(job).template?;
        if self.info.scores != Scores::Pod || self.options.requests != RequestRule::AsWritten {
            return None;
        }
        let limited = self.options.enforcement == Enforcement::Limits;
        let (quotas, oci) = (self.options.cpu_quota, self.setup.host_model.cpu.oci_weight);
        let pod = self.pods.entry(number).or_insert_with(|| {
            let template = world.workload.template(job).expect("a numbered template");
            Rc::new(PodCpu::new(&pod_cpu::kubelet_pod(&template.size, limited), quotas, oci))
        });
        Some(Rc::clone(pod))
    }

    /// `received` and `speed` are in force for the attempt from now on; its step's end is queued anew if it moved. Without its
    /// quota it would get at least `free` nano-cores of what it could then run.
    fn set_rate(&mut self, slot: u32, received: u64, free: u64, speed: u64) {
        let a = &self.attempts[slot as usize];
        let same = !a.changed && a.cpu.received == received && a.speed == speed;
        let has_quota = a.has_quota();
        if same && !has_quota {
            return;
        }
        if has_quota || a.feels || received != a.cpu.able {
            self.feel(slot, received, free);
        }
        if same {
            return;
        }
        self.settle(slot);
        let a = &mut self.attempts[slot as usize];
        let moved = a.reschedule || if a.step_by_work() { a.cpu.received != received } else { a.speed != speed };
        let h = &mut self.hosts[a.host.index()];
        h.cpu.received = h.cpu.received - a.cpu.received + received;
        a.cpu.received = received;
        a.speed = speed;
        a.changed = false;
        a.reschedule = false;
        let change = Change::Rate { job: a.job, attempt: a.number, host: a.host, cpu: a.cpu, memory: a.step.memory.0 };
        if moved {
            let epoch = &mut self.epochs[slot as usize];
            *epoch += 1;
            let epoch = *epoch;
            if let Some(us) = a.time_left() {
                let at = self.now + SimDuration(us);
                if at <= self.setup.end {
                    self.queue.push(at, Event::StepEnds { slot, epoch });
                }
            }
        }
        self.emit(change);
    }

    /// What the attempt feels of its quota and its neighbours from now on.
    fn feel(&mut self, slot: u32, received: u64, free: u64) {
        let a = &mut self.attempts[slot as usize];
        let (cpu, host) = (a.cpu, a.host);
        let mut felt = CpuFelt::of_neighbours(cpu.able, received);
        let cluster = &self.setup.cluster;
        let cores = || cluster.spec(host).cpu.nano_cores();
        if let Some(pod) = a.pod() {
            let rates = [cpu.within_quota, cpu.able, received];
            pod.feel(cpu.runnable, rates, free, |wanted| felt::queues(wanted, a.threads, cores()), &mut felt);
        } else if a.quota != u64::MAX {
            // What it would run, no faster than its host lets it.
            let wants = match cpu.within_quota {
                0 => 0,
                within => (u128::from(cpu.runnable) * u128::from(cpu.able) / u128::from(within)) as u64,
            };
            let queues = felt::queues(cpu.runnable, a.threads, cores());
            felt.add_quota(a.quota, free.min(wants), queues);
        }
        if self.felts.len() < self.epochs.len() {
            self.felts.resize(self.epochs.len(), CpuFelt::default());
        }
        let before = if a.feels { self.felts[slot as usize] } else { CpuFelt::default() };
        if before == felt {
            return;
        }
        a.feels = felt != CpuFelt::default();
        self.felts[slot as usize] = felt;
        let h = &mut self.hosts[host.index()];
        h.felt -= before;
        h.felt += felt;
        h.felt_changed = true;
    }

    /// The daemons of `host` lack `missing` nano-cores of what they want, and those of the bits `starved` are starved.
    fn set_daemons(&mut self, host: HostId, missing: u64, starved: u32) {
        let h = &mut self.hosts[host.index()];
        if (missing, starved) == (0, 0) && (h.daemons_missing, h.daemons_starved) == (0, 0) {
            return;
        }
        let old = std::mem::replace(&mut h.daemons_starved, starved);
        if std::mem::replace(&mut h.daemons_missing, missing) != missing {
            self.emit(Change::DaemonCpu { host, missing });
        }
        if old == starved {
            return;
        }
        for daemon in 0..self.daemons.wanted.len() as u32 {
            let on = starved >> daemon & 1 == 1;
            if on != (old >> daemon & 1 == 1) {
                self.emit(Change::DaemonStarved { host, daemon, on });
            }
        }
        self.look_at_member(host);
        let silent = (starved & self.daemons.silence != 0, old & self.daemons.silence != 0);
        let h = &mut self.hosts[host.index()];
        match silent {
            (true, false) => {
                h.starved_epoch += 1;
                let epoch = h.starved_epoch;
                let at = self.now + self.setup.host_model.cpu.daemon_grace;
                if at <= self.setup.end {
                    self.queue.push(at, Event::DaemonsLapse { host, epoch });
                }
            }
            (false, true) => {
                h.starved_epoch += 1;
                if std::mem::take(&mut h.starved_mute) {
                    self.update_heard(host);
                }
            }
            _ => {}
        }
    }

    /// The daemon that `host` is heard by has been starved for too long.
    pub(super) fn daemons_lapse(&mut self, host: HostId, epoch: u32) {
        let h = &mut self.hosts[host.index()];
        if h.starved_epoch == epoch && h.daemons_starved & self.daemons.silence != 0 {
            h.starved_mute = true;
            self.update_heard(host);
        }
    }
}
