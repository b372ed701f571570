//! Node-pressure eviction: the kubelet's looks at its host's memory.

use super::change::{Change, EndReason};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use crate::host::memory::{self, Evictable};
use crate::ids::HostId;
use crate::orchestrator::Now;

impl Simulation<'_> {
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
            let until = self.now + self.setup.host_model.kubelet.pressure_transition;
            self.queue.push(until, Event::PressureEnds { host, epoch: h.pressure_epoch });
        }
        if std::mem::replace(&mut self.hosts[host.index()].pressure, on) != on {
            self.emit(Change::Pressure { host, on });
            self.notices.push_back(Notice::Pressure(host, on));
        }
    }
}
