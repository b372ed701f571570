//! The daemons of a host: how they are killed for memory, what that does, how they come back.

use super::change::{Change, EndReason};
use super::engine::Simulation;
use super::queue::Event;
use super::state::DaemonState;
use crate::host::daemon::DaemonDeath;
use crate::ids::HostId;
use crate::units::{SimDuration, SimTime};

impl Simulation<'_> {
    /// The host has booted: its daemons run.
    pub(super) fn daemons_begin(&mut self, host: HostId) {
        let now = self.now;
        self.hosts[host.index()].daemons_gone = 0;
        for state in &mut self.hosts[host.index()].daemons {
            *state = DaemonState { since: now, epoch: state.epoch.wrapping_add(1), ..DaemonState::default() };
        }
    }

    /// The host is without power: its daemons neither run nor are missed.
    pub(super) fn daemons_end(&mut self, host: HostId) {
        for i in 0..self.info.daemons.len() {
            let h = &mut self.hosts[host.index()];
            let state = std::mem::take(&mut h.daemons[i]);
            h.daemons_gone -= u32::from(state.back.is_some());
            h.daemons[i].epoch = state.epoch.wrapping_add(1);
            h.dying -= u32::from(state.dying);
            if state.back.is_some() {
                self.emit(Change::DaemonUp { host, daemon: self.info.daemons[i].name });
            }
        }
        self.hosts[host.index()].deaf = false;
    }

    /// The kernel has chosen a daemon. Whether its memory is free already.
    pub(super) fn choose_daemon(&mut self, host: HostId, daemon: usize) -> bool {
        let state = &mut self.hosts[host.index()].daemons[daemon];
        let (epoch, number) = (state.epoch, daemon as u16);
        state.dying = true;
        self.hosts[host.index()].dying += 1;
        if self.latency() == SimDuration::ZERO {
            self.daemon_dies(host, number, epoch);
            return true;
        }
        self.queue.push(self.now + self.latency(), Event::DaemonDies { host, daemon: number, epoch });
        false
    }

    pub(super) fn daemon_dies(&mut self, host: HostId, daemon: u16, epoch: u16) {
        let info = &self.info.daemons[usize::from(daemon)];
        let back = self.now + self.setup.host_model.memory.daemon_restart;
        let h = &mut self.hosts[host.index()];
        let state = &mut h.daemons[usize::from(daemon)];
        if state.epoch != epoch || !state.dying {
            return;
        }
        (state.dying, state.back) = (false, Some(back));
        h.daemons_gone += 1;
        h.dying -= 1;
        self.emit(Change::DaemonDown { host, daemon: info.name });
        self.queue.push(back, Event::DaemonBack { host, daemon, epoch });
        self.touch_host(host);
        match info.death {
            DaemonDeath::Containers => {
                self.hold_parked(host, back);
                for slot in self.in_scan_order(host) {
                    self.end_attempt(slot, EndReason::DaemonDied);
                }
            }
            DaemonDeath::NoStarts => self.hold_parked(host, back),
            DaemonDeath::Silence | DaemonDeath::Member => self.update_deaf(host),
            DaemonDeath::Nothing => {}
        }
    }

    pub(super) fn daemon_back(&mut self, host: HostId, daemon: u16, epoch: u16) {
        let now = self.now;
        let h = &mut self.hosts[host.index()];
        let state = &mut h.daemons[usize::from(daemon)];
        if state.epoch != epoch || state.back.is_none() {
            return;
        }
        *state = DaemonState { since: now, epoch: epoch.wrapping_add(1), ..DaemonState::default() };
        h.daemons_gone -= 1;
        let info = &self.info.daemons[usize::from(daemon)];
        self.emit(Change::DaemonUp { host, daemon: info.name });
        self.touch_host(host);
        if matches!(info.death, DaemonDeath::Silence | DaemonDeath::Member) {
            self.update_deaf(host);
        }
    }

    /// A host is deaf without the daemon it is heard by; and, where there is a store, without its own etcd, through which
    /// that daemon reaches it.
    fn update_deaf(&mut self, host: HostId) {
        let silences = |death| death == DaemonDeath::Silence || death == DaemonDeath::Member && self.store.is_some();
        let h = &self.hosts[host.index()];
        let deaf = self.info.daemons.iter().zip(&h.daemons).any(|(d, state)| silences(d.death) && state.back.is_some());
        self.hosts[host.index()].deaf = deaf;
        self.update_heard(host);
    }

    /// When containers can start on `host` again; `None`: now.
    pub(super) fn no_starts_until(&self, host: HostId) -> Option<SimTime> {
        if self.hosts[host.index()].daemons_gone == 0 {
            return None;
        }
        let gone = self.info.daemons.iter().zip(&self.hosts[host.index()].daemons);
        let starts = gone.filter(|(info, _)| matches!(info.death, DaemonDeath::Containers | DaemonDeath::NoStarts));
        starts.filter_map(|(_, state)| state.back).max()
    }

    /// Jobs whose starts are counted in closed form do not start before `back`.
    fn hold_parked(&mut self, host: HostId, back: SimTime) {
        self.count_parked(host, self.now);
        for parked in &mut self.hosts[host.index()].parked {
            parked.retry = parked.retry.max(back);
        }
    }
}
