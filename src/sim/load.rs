//! Load: what a host's jobs get of its CPU, and what its memory does to them.
//!
//! A host is worked out once for all that touched it at one instant. Contention is solved only where demand exceeds
//! capacity (or did until now); elsewhere only the attempts that changed are looked at.

use super::change::{Change, DownCause, EndReason};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use super::state::FULL_SPEED;
use crate::host::memory::{self, Candidate, Evictable, Marks};
use crate::host::{MemoryPolicy, cpu};
use crate::ids::{HostId, JobId};
use crate::orchestrator::Now;
use crate::units::SimDuration;

/// Buffers that are used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    slots: Vec<u32>,
    claims: Vec<cpu::Claim>,
    received: Vec<u64>,
    order: Vec<u32>,
}

impl Simulation<'_> {
    /// Works out every touched host, in order of ids, until none is touched any more at this instant.
    pub(super) fn work_out_hosts(&mut self) {
        let mut hosts = std::mem::take(&mut self.dirty);
        hosts.sort_unstable();
        for &host in &hosts {
            self.hosts[host.index()].dirty = false;
            self.share_cpu(host);
        }
        for &host in &hosts {
            self.apply_memory(host);
        }
        hosts.clear();
        // What memory did may have touched hosts again: they come up in the next round of this instant.
        if self.dirty.is_empty() {
            self.dirty = hosts;
        }
    }

    fn share_cpu(&mut self, host: HostId) {
        let mut s = std::mem::take(&mut self.scratch);
        let h = &mut self.hosts[host.index()];
        let speed = if h.thrashing { u64::from(self.setup.host_model.thrash_speed_milli) } else { FULL_SPEED };
        let full = self.setup.cluster.spec(host).cpu.nano_cores();
        let capacity = (u128::from(full) * u128::from(speed) / u128::from(FULL_SPEED)) as u64;
        let contended = h.within_quota > capacity;
        let all = contended || h.contended || h.speed_changed;
        h.contended = contended;
        h.speed_changed = false;
        s.slots.clear();
        if all {
            s.slots.extend_from_slice(&h.attempts);
            h.changed.clear();
        } else {
            s.slots.append(&mut h.changed);
        }
        let attempts = &self.attempts;
        s.slots.sort_unstable_by_key(|&slot| attempts[slot as usize].serial);
        if contended {
            s.claims.clear();
            s.claims.extend(s.slots.iter().map(|&slot| {
                let a = &attempts[slot as usize];
                cpu::Claim { cap: a.within_quota, weight: a.weight }
            }));
            cpu::share(capacity, &s.claims, &mut s.received, &mut s.order);
        } else {
            s.received.clear();
            s.received.extend(s.slots.iter().map(|&slot| attempts[slot as usize].within_quota));
        }
        for i in 0..s.slots.len() {
            self.set_rate(s.slots[i], s.received[i], speed);
        }
        self.scratch = s;
        let h = &self.hosts[host.index()];
        self.emit(Change::HostLoad {
            host,
            demand: h.demand,
            within_quota: h.within_quota,
            received: h.received,
            memory: h.memory,
            cpu_request: h.cpu_request,
            memory_request: h.memory_request,
            attempts: h.attempts.len() as u32,
        });
    }

    /// `received` and `speed` are in force for the attempt from now on; its step's end is queued anew if it moved.
    fn set_rate(&mut self, slot: u32, received: u64, speed: u64) {
        let a = &self.attempts[slot as usize];
        if !a.changed && a.received == received && a.speed == speed {
            return;
        }
        self.settle(slot);
        let a = &mut self.attempts[slot as usize];
        let moved = a.reschedule || if a.step_by_work() { a.received != received } else { a.speed != speed };
        let h = &mut self.hosts[a.host.index()];
        h.received = h.received - a.received + received;
        a.received = received;
        a.speed = speed;
        a.changed = false;
        a.reschedule = false;
        let change = Change::Rate {
            job: a.job,
            attempt: a.number,
            host: a.host,
            demand: a.demand,
            within_quota: a.within_quota,
            received,
            memory: a.step.memory.0,
        };
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

    pub(super) fn marks(&self, host: HostId) -> Marks {
        memory::marks(&self.setup.host_model, self.setup.cluster.spec(host).memory)
    }

    /// What the memory in use does: kills at limits, kills by the kernel, thrash, pressure.
    fn apply_memory(&mut self, host: HostId) {
        if !self.hosts[host.index()].up {
            return;
        }
        if std::mem::take(&mut self.hosts[host.index()].over_limit) {
            self.kill_at_limits(host);
        }
        let marks = self.marks(host);
        let policy = self.setup.host_model.memory_policy;
        if policy == MemoryPolicy::HostDown && self.hosts[host.index()].memory >= marks.thrash {
            let model = &self.setup.host_model;
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
        if self.options.eviction && self.hosts[host.index()].memory > marks.evict {
            self.ask_eviction_tick(host);
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
        let policy = self.setup.host_model.memory_policy;
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
    fn in_scan_order(&self, host: HostId) -> Vec<u32> {
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
            let model = &self.setup.host_model;
            let (lapse, reboot) = (self.now + model.heartbeat_grace, self.now + model.operator_reboot);
            self.queue.push(lapse, Event::HeartbeatsLapse { host, epoch });
            self.queue.push(reboot, Event::OperatorReboots { host, epoch });
        } else if self.hosts[host.index()].muted {
            self.hosts[host.index()].muted = false;
            self.update_heard(host);
        }
    }

    /// Queues the next tick of the kubelet's eviction loop, if none is queued.
    pub(super) fn ask_eviction_tick(&mut self, host: HostId) {
        if !self.hosts[host.index()].eviction_asked {
            self.hosts[host.index()].eviction_asked = true;
            let at = self.eviction_rhythm(host).next(Now { at: self.now, late: self.late });
            self.queue.push(at, Event::EvictionTick(host));
        }
    }

    /// One look of the kubelet's eviction manager: if available memory is under the threshold, one pod goes.
    pub(super) fn eviction_tick(&mut self, host: HostId) {
        self.hosts[host.index()].eviction_asked = false;
        let marks = self.marks(host);
        let under = self.hosts[host.index()].up && self.hosts[host.index()].memory > marks.evict;
        if under {
            self.set_pressure(host, true);
            let slots = self.in_scan_order(host);
            let pods = slots.iter().map(|&slot| {
                let a = &self.attempts[slot as usize];
                let priority = self.setup.workload.spec(a.job).priority;
                Evictable { usage: a.step.memory.0, request: a.memory_request, priority }
            });
            if let Some(i) = memory::eviction_victim(pods) {
                self.end_attempt(slots[i], EndReason::EvictedPressure);
            }
        }
        let still = self.hosts[host.index()].up && self.hosts[host.index()].memory > marks.evict;
        if still || self.world.every_tick {
            // The loop does not sleep after an eviction but looks again once the pod is gone, at the earliest after 1 s;
            // here at its next regular tick.
            self.hosts[host.index()].eviction_asked = true;
            let at = self.eviction_rhythm(host).next(Now { at: self.now, late: true });
            self.queue.push(at, Event::EvictionTick(host));
        }
    }

    /// Enters or leaves memory pressure; entering again extends it.
    pub(super) fn set_pressure(&mut self, host: HostId, on: bool) {
        let h = &mut self.hosts[host.index()];
        h.pressure_epoch += 1;
        if on {
            let until = self.now + self.setup.host_model.pressure_transition;
            self.queue.push(until, Event::PressureEnds { host, epoch: h.pressure_epoch });
        }
        if std::mem::replace(&mut self.hosts[host.index()].pressure, on) != on {
            self.emit(Change::Pressure { host, on });
            self.notices.push_back(Notice::Pressure(host, on));
        }
    }
}
