//! Planned work: hosts that are emptied, taken down, booted and given back, so many at a time.

use super::change::{Change, DownCause, MaintenanceStep};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use super::state::Upkeep;
use crate::ids::HostId;
use crate::orchestrator;

/// How far the hosts of one piece of work have come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Position of the next host.
    next: usize,
    /// Hosts that are drained or down.
    under_way: u32,
}

impl Simulation<'_> {
    /// Begins with hosts as long as more may be under way.
    pub(super) fn go_on(&mut self, n: u32) {
        let work = &self.setup.maintenance[n as usize];
        loop {
            let progress = &mut self.progress[n as usize];
            let Some(&host) = work.hosts.get(progress.next).filter(|_| progress.under_way < work.at_once) else {
                return;
            };
            progress.next += 1;
            let h = &mut self.hosts[host.index()];
            if !h.member || h.upkeep != Upkeep::None {
                self.emit(Change::Maintenance { host, step: MaintenanceStep::Skipped });
                continue;
            }
            progress.under_way += 1;
            h.upkeep = Upkeep::Draining(n);
            h.upkeep_epoch += 1;
            let epoch = h.upkeep_epoch;
            self.emit(Change::Maintenance { host, step: MaintenanceStep::Begins });
            self.notices.push_back(Notice::Maintenance(host, orchestrator::Maintenance::Begins));
            if let Some(timeout) = work.timeout {
                self.queue.push(self.now + timeout, Event::DrainTimesOut { host, epoch });
            }
        }
    }

    pub(super) fn drain_times_out(&mut self, host: HostId, epoch: u32) {
        let h = &self.hosts[host.index()];
        if h.upkeep_epoch == epoch && matches!(h.upkeep, Upkeep::Draining(_)) {
            self.emit(Change::Maintenance { host, step: MaintenanceStep::TimedOut });
            self.notices.push_back(Notice::Maintenance(host, orchestrator::Maintenance::TimedOut));
            self.take_down(host);
        }
    }

    /// The host goes down for its planned time, whatever is on it.
    pub(super) fn take_down(&mut self, host: HostId) {
        let Upkeep::Draining(n) = self.hosts[host.index()].upkeep else { return };
        self.hosts[host.index()].upkeep = Upkeep::Down(n);
        // Where it lies there already it is worked on as it lies, and stays down for the planned time at least.
        self.fall(host, DownCause::Planned, self.setup.maintenance[n as usize].takes);
    }

    /// The host has booted: if it was down for planned work, that is over.
    pub(super) fn upkeep_over(&mut self, host: HostId) {
        if let Upkeep::Down(n) = self.hosts[host.index()].upkeep {
            self.emit(Change::Maintenance { host, step: MaintenanceStep::Over });
            self.notices.push_back(Notice::Maintenance(host, orchestrator::Maintenance::Over));
            self.upkeep_ends(host, n);
        }
    }

    /// The host has left the cluster: nobody works on it any more.
    pub(super) fn upkeep_lapses(&mut self, host: HostId) {
        if let Upkeep::Draining(n) | Upkeep::Down(n) = self.hosts[host.index()].upkeep {
            self.upkeep_ends(host, n);
        }
    }

    fn upkeep_ends(&mut self, host: HostId, n: u32) {
        self.hosts[host.index()].upkeep = Upkeep::None;
        self.progress[n as usize].under_way -= 1;
        self.go_on(n);
    }
}
