//! The last megabytes of a host: who waits for file pages and how long, how late heartbeats are, when it is over.
//!
//! The band begins where the file pages in use no longer fit: the host's own and those that jobs need (`cache`). A plain
//! leak is not slowed; work on file pages is, and a leak that runs code, by [`near_oom`]. Also here: memory that goes to
//! swap, no faster than the disk takes it.

use super::change::Change;
use super::engine::Simulation;
use super::queue::Event;
use super::state::{Attempt, Band, FULL_SPEED};
use crate::host::memory::Marks;
use crate::host::{MemoryPolicy, near_oom};
use crate::ids::HostId;
use crate::units::SimDuration;

/// Most touches of file pages a second that a leak is taken to make.
const MOST_TOUCHES: u128 = 1_000_000_000;

/// What speeds on a host follow from.
#[derive(Clone, Copy)]
pub(super) struct Speeds {
    slow: bool,
    band: Band,
    fault_us: u64,
    compute_ppm: u64,
}

impl Speeds {
    /// What the attempt runs of what it might within its quota, nano-cores.
    pub fn able(&self, a: &Attempt) -> u64 {
        if !self.slow {
            return a.cpu.within_quota;
        }
        let ppm = match u64::from(a.file_touches) {
            0 => self.compute_ppm,
            touches => near_oom::speed_ppm(touches, self.band.missing, self.band.tasks, self.fault_us),
        };
        (u128::from(a.cpu.within_quota) * u128::from(ppm) / u128::from(near_oom::PPM)) as u64
    }

    /// How fast the profile clock of a service runs: full speed, unless it takes on memory behind faults or swap.
    pub fn clock(&self, a: &Attempt) -> u64 {
        let mut speed = FULL_SPEED;
        if !self.slow && self.band.swap == 0 {
            return speed;
        }
        let growth = a.growth();
        if growth == 0 {
            return speed;
        }
        if self.slow && a.leak_touches > 0 {
            let touches = ((u128::from(growth) * u128::from(a.leak_touches)) >> 20).min(MOST_TOUCHES) as u64;
            // The leak waits for the disk itself, whether it uses CPU or not.
            speed = near_oom::speed_ppm(touches, self.band.missing, self.band.tasks.max(1), self.fault_us);
        }
        if self.band.swap > 0 {
            speed = speed.min(self.band.swap);
        }
        speed.max(1)
    }
}

impl Simulation<'_> {
    pub(super) fn speeds(&self, host: HostId) -> Speeds {
        let h = &self.hosts[host.index()];
        let model = &self.setup.host_model.memory;
        // Where nothing is slow there is no band but of swap.
        let band = if h.thrashing || model.swap.0 > 0 { h.band } else { Band::default() };
        Speeds {
            slow: h.thrashing,
            band,
            // Where nothing is slow nobody asks.
            fault_us: if h.thrashing { model.fault_us() } else { 0 },
            compute_ppm: u64::from(model.compute_milli) * 1000,
        }
    }

    /// Works out how the memory in use is felt on `host`, if that changed.
    pub(super) fn update_band(&mut self, host: HostId, marks: &Marks) {
        let used = self.used(host);
        let h = &self.hosts[host.index()];
        let (cache, mut band) = (h.cache, h.band);
        let ram = marks.brim - self.setup.host_model.memory.swap.0;
        band.swap = self.swap_speed(host, used > ram - cache && used < marks.brim);
        if self.setup.host_model.memory.policy == MemoryPolicy::Thrash {
            self.mind_operator(host, used > marks.brim);
            let (left, hot) = (marks.left(used), marks.hot_file + cache);
            if left < hot {
                band.missing = near_oom::missing_ppm(left as u64, hot as u64);
                band.tasks = self.tasks(host);
                let h = &mut self.hosts[host.index()];
                h.recover_epoch += u32::from(std::mem::take(&mut h.recovering));
                if !h.thrashing {
                    self.set_thrash(host, true);
                }
            } else if self.hosts[host.index()].thrashing && !self.hosts[host.index()].recovering {
                let at = self.now + self.setup.host_model.memory.recovery(hot);
                let h = &mut self.hosts[host.index()];
                h.recovering = true;
                self.queue.push(at, Event::Recovers { host, epoch: h.recover_epoch });
            }
        }
        let h = &mut self.hosts[host.index()];
        if band != h.band {
            h.band = band;
            h.speed_changed = true;
            self.touch_host(host);
        }
        self.mute_if_late(host);
    }

    /// How many live attempts on `host` wait for file pages: all that touch them and use CPU.
    fn tasks(&self, host: HostId) -> u64 {
        let attempts = self.hosts[host.index()].attempts.iter().map(|&slot| &self.attempts[slot as usize]);
        attempts.filter(|a| a.file_touches > 0 && a.cpu.within_quota > 0).count() as u64
    }

    /// How fast growth passes, where it goes to swap: as fast as the disk takes all of it.
    fn swap_speed(&self, host: HostId, swaps: bool) -> u64 {
        if !swaps || self.setup.host_model.memory.swap.0 == 0 {
            return 0;
        }
        let attempts = self.hosts[host.index()].attempts.iter().map(|&slot| &self.attempts[slot as usize]);
        let growth: u128 = attempts.map(|a| u128::from(a.growth())).sum();
        let takes = u128::from(self.setup.host_model.memory.swap_bytes_per_s());
        if growth <= takes { 0 } else { ((takes * u128::from(FULL_SPEED) / growth) as u64).max(1) }
    }

    /// An operator reboots a host whose jobs have used more than they may for so long.
    fn mind_operator(&mut self, host: HostId, over: bool) {
        let at = self.now + self.setup.host_model.memory.operator_reboot;
        let h = &mut self.hosts[host.index()];
        if std::mem::replace(&mut h.over, over) == over {
            return;
        }
        h.over_epoch += 1;
        if over {
            self.queue.push(at, Event::OperatorReboots { host, epoch: h.over_epoch });
        }
    }

    fn set_thrash(&mut self, host: HostId, on: bool) {
        let h = &mut self.hosts[host.index()];
        h.thrashing = on;
        h.speed_changed = true;
        self.emit(Change::Thrash { host, on });
        self.touch_host(host);
    }

    /// File pages are back: all is as before.
    pub(super) fn recovers(&mut self, host: HostId, epoch: u32) {
        let h = &mut self.hosts[host.index()];
        if h.recover_epoch != epoch || !h.recovering {
            return;
        }
        (h.recovering, h.muted, h.beat_waits) = (false, false, false);
        h.recover_epoch += 1;
        h.beat_epoch += 1;
        h.band = Band { swap: h.band.swap, ..Band::default() };
        self.set_thrash(host, false);
        self.update_heard(host);
    }

    /// How late a heartbeat of `host` is.
    fn beat_delay(&self, host: HostId) -> SimDuration {
        let model = &self.setup.host_model.memory;
        let tasks = self.hosts[host.index()].band.tasks;
        let (windows, turns) = (u64::from(model.beat_windows), u64::from(model.beat_turns));
        SimDuration(near_oom::beat_delay_us(windows, tasks, model.fault_us(), turns))
    }

    /// A host whose heartbeats are late enough to be felt falls silent once they are: what happens at one instant, such as a
    /// victim's death, is never felt, however fast a control plane is.
    fn mute_if_late(&mut self, host: HostId) {
        let h = &self.hosts[host.index()];
        if !h.thrashing || h.muted || h.beat_waits || self.beat_delay(host).0 < near_oom::FELT_US {
            return;
        }
        let at = self.now + SimDuration(near_oom::FELT_US);
        let h = &mut self.hosts[host.index()];
        h.beat_waits = true;
        h.beat_epoch += 1;
        self.queue.push(at, Event::BeatIsLate { host, epoch: h.beat_epoch });
    }

    /// A heartbeat has been late for long enough to be felt: the host is silent until it gets through.
    pub(super) fn beat_is_late(&mut self, host: HostId, epoch: u32) {
        let h = &mut self.hosts[host.index()];
        if h.beat_epoch != epoch || !std::mem::take(&mut h.beat_waits) {
            return;
        }
        let delay = self.beat_delay(host);
        if let Some(left) = delay.0.checked_sub(near_oom::FELT_US) {
            self.mute(host, SimDuration(left));
        }
    }

    /// The host is silent for so long.
    fn mute(&mut self, host: HostId, lasts: SimDuration) {
        let at = self.now + lasts;
        let h = &mut self.hosts[host.index()];
        h.muted = true;
        h.beat_epoch += 1;
        if at <= self.setup.end {
            self.queue.push(at, Event::BeatArrives { host, epoch: h.beat_epoch });
        }
        self.update_heard(host);
    }

    /// A late heartbeat gets through; the next one is as late.
    pub(super) fn beat_arrives(&mut self, host: HostId, epoch: u32) {
        if self.hosts[host.index()].beat_epoch != epoch || !self.hosts[host.index()].muted {
            return;
        }
        self.hosts[host.index()].muted = false;
        self.update_heard(host);
        let delay = self.beat_delay(host);
        if self.hosts[host.index()].thrashing && delay.0 >= near_oom::FELT_US {
            self.mute(host, delay);
        }
    }
}
