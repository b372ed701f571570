//! Power and reach: hosts that join, leave, fall, boot, are cut off, and whether the control plane hears them.

use super::change::{Change, DownCause, EndReason};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use super::state::{Band, NONE};
use crate::ids::HostId;
use crate::units::SimDuration;

impl Simulation<'_> {
    pub(super) fn host_joins(&mut self, host: HostId) {
        let h = &mut self.hosts[host.index()];
        h.member = true;
        h.up = true;
        h.image_cache = self.setup.host_model.kubelet.image_cache.0;
        self.daemons_begin(host);
        self.emit(Change::HostUp { host });
        self.start_kubelet(host);
        self.update_heard(host);
    }

    /// The host is taken out for good.
    pub(super) fn host_leaves(&mut self, host: HostId) {
        if !self.hosts[host.index()].member {
            return;
        }
        self.end_all(host, EndReason::HostLeft);
        self.forget_agent(host);
        self.lose_unseen(host);
        self.give_back_waits(host);
        let h = &mut self.hosts[host.index()];
        h.member = false;
        h.up = false;
        h.heard = false;
        h.down_epoch += 1;
        self.calm(host);
        self.emit(Change::HostLeft { host });
        self.touch_host(host);
        self.notices.push_back(Notice::HostLeft(host));
        self.upkeep_lapses(host);
    }

    /// The host loses power: all that lives there is gone. It has booted after `lasts`; `u64::MAX`: never.
    pub(super) fn fall(&mut self, host: HostId, cause: DownCause, lasts: SimDuration) {
        let back = self.now + lasts;
        let h = &mut self.hosts[host.index()];
        if !h.member {
            return;
        }
        if h.up {
            h.up = false;
            self.emit(Change::HostDown { host, cause });
            self.end_all(host, EndReason::HostDown);
            self.forget_agent(host);
            self.lose_unseen(host);
            self.calm(host);
            self.touch_host(host);
            self.update_heard(host);
        } else if back <= self.hosts[host.index()].down_until {
            return;
        }
        let h = &mut self.hosts[host.index()];
        h.down_until = back;
        h.down_epoch += 1;
        let epoch = h.down_epoch;
        if back <= self.setup.end {
            self.queue.push(back, Event::Boots { host, epoch });
        }
    }

    pub(super) fn boot(&mut self, host: HostId) {
        self.hosts[host.index()].up = true;
        self.daemons_begin(host);
        self.emit(Change::HostUp { host });
        self.start_kubelet(host);
        self.give_back_waits(host);
        self.touch_host(host);
        self.update_heard(host);
        self.upkeep_over(host);
    }

    /// The host is cut off; of overlapping partitions the one that lasts longest decides, as with falls.
    pub(super) fn cut(&mut self, host: HostId, lasts: SimDuration) {
        let at = self.now + lasts;
        let h = &mut self.hosts[host.index()];
        if h.cut && at <= h.cut_until {
            return;
        }
        h.cut = true;
        h.cut_until = at;
        h.cut_epoch += 1;
        let epoch = h.cut_epoch;
        if at <= self.setup.end {
            self.queue.push(at, Event::PartitionHeals { host, epoch });
        }
        self.update_heard(host);
    }

    pub(super) fn heal(&mut self, host: HostId, epoch: u32) {
        if self.hosts[host.index()].cut_epoch == epoch {
            self.hosts[host.index()].cut = false;
            self.update_heard(host);
        }
    }

    /// Tells the control plane if the host fell silent or is heard again.
    pub(super) fn update_heard(&mut self, host: HostId) {
        self.look_at_member(host);
        let h = &mut self.hosts[host.index()];
        let heard = h.member && h.up && !h.cut && !h.muted && !h.deaf && !h.starved_mute;
        if heard == h.heard {
            return;
        }
        h.heard = heard;
        self.emit(Change::Heartbeats { host, on: heard });
        if heard {
            self.hear_unseen(host);
            for job in std::mem::take(&mut self.hosts[host.index()].unheard_restarts) {
                self.notices.push_back(Notice::Restarts(job, host));
            }
            self.notices.push_back(Notice::HostUp(host));
            // Its kubelet says how it is; what it said before it fell silent no longer counts.
            self.notices.push_back(Notice::Pressure(host, self.pressure(host)));
        } else {
            self.notices.push_back(Notice::HostSilent(host));
        }
    }

    fn end_all(&mut self, host: HostId, why: EndReason) {
        let mut slots = self.hosts[host.index()].attempts.clone();
        slots.sort_unstable_by_key(|&slot| self.attempts[slot as usize].serial);
        for slot in slots {
            self.end_attempt(slot, why);
        }
    }

    /// Jobs that waited for this host's fall to end wait for their control plane or agent from now on.
    fn give_back_waits(&mut self, host: HostId) {
        for job in std::mem::take(&mut self.hosts[host.index()].down_jobs) {
            if self.jobs[job.index()].down_on == host.0 {
                self.jobs[job.index()].down_on = NONE;
                self.update_waiting(job);
            }
        }
    }

    /// A host without power neither thrashes nor is it under pressure.
    fn calm(&mut self, host: HostId) {
        self.daemons_end(host);
        let h = &mut self.hosts[host.index()];
        (h.muted, h.beat_waits, h.recovering, h.over, h.band) = (false, false, false, false, Band::default());
        h.recover_epoch += 1;
        h.over_epoch += 1;
        h.beat_epoch += 1;
        let thrashing = std::mem::take(&mut h.thrashing);
        h.speed_changed |= thrashing;
        if thrashing {
            self.emit(Change::Thrash { host, on: false });
        }
        self.stop_kubelet(host);
    }
}
