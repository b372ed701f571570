//! `fleet`: etcd and systemd. The engine puts a unit on the machine with the fewest units, in turns, and never
//! rebalances; agents start what the engine scheduled; systemd restarts what failed.
//!
//! After fleet v0.11.5 or v1.0.0. [`engine`] is one turn, task by task that of the library [`crate::fleet`];
//! [`presence`] who is there and who leads; [`agent`] what agents do; [`registry`] what a failing etcd does to all of
//! them; [`units`] what jobs are as units.
//!
//! A turn begins two seconds after the last one began, or a second after a write to a unit's `target` or `target-state`
//! (a unit that is submitted, the engine's own tasks): the watch sleeps that second and hears nothing in it, but the
//! turn sees all.
//!
//! Departs from fleet in this: a healthy etcd answers at once; heartbeats and state of units, which disturb the real
//! watch, do not here (with many units the real engine falls back to its 2 s timer, and agents to their 5 s); a unit
//! that is submitted is one write; units stop at once (`docker stop` takes up to 10 s) and starts never time out (20
//! min); systemd waits the same time before each restart. Presence of a machine out of reach runs out as if it had
//! died; a machine that is cut off goes on running what it has.

mod agent;
mod engine;
mod parameters;
mod pending;
mod presence;
mod registry;
mod units;

use std::collections::BTreeSet;

use super::{
    Action, Books, Enforcement, Heard, Maintenance, Now, Orchestrator, OrchestratorInfo, Outcome, Periodic,
    RestartRule, StoreOn, World,
};
use crate::host::daemon;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::units::SimTime;
use engine::Etcd;
use parameters::Settings;
use pending::Pending;
use presence::{Lead, Presence};
use units::Units;

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "fleet",
    summary: "etcd + systemd: the machine with the fewest jobs, in engine turns of 2 s; re-places units of lost machines, never rebalances",
    placement: "least-jobs",
    enforcement: Enforcement::None,
    eviction: false,
    cpu_quota: false,
    tie_break: super::TieBreak::First,
    scores: super::Scores::Flat,
    discovery: "etcd",
    store: StoreOn::Hosts,
    daemons: &[daemon::DOCKERD_2015, daemon::ETCD_2, daemon::FLEETD],
    kernel: Era::Floored,
    parameters: parameters::PARAMETERS,
    choices: parameters::CHOICES,
    build: |world| Box::new(Fleet::new(world)),
};

/// A turn by the timer.
const TURN: u64 = 0;
/// A turn because the watch fired.
const FIRE: u64 = 1;
/// A lease may have run out.
const LEASE: u64 = 2;
/// A write of a turn is done.
const WRITE: u64 = 3;
/// A reconcile of an agent fails in part; with an epoch and a host, as the two below.
const AGENTS: u64 = 4;
/// The first try of a heartbeat fails.
const BEATS: u64 = 5;
/// A machine tries again to send its heartbeat.
const BEAT: u64 = 6;
/// An agent reconciles what it found when it was heard again.
const TICK: u64 = 7;

struct Fleet {
    settings: Settings,
    books: Books,
    units: Units,
    unit_count: u64,
    /// Units that were submitted and not destroyed, and which of them have no machine.
    pending: Pending,
    /// Copies of global units that a conflict keeps off their machine.
    kept_off: BTreeSet<JobId>,
    /// What etcd holds by name, where names matter.
    etcd: Option<Etcd>,
    presence: Vec<Presence>,
    /// When which keys run out, if nothing refreshes them.
    expiries: BTreeSet<(SimTime, HostId)>,
    lead: Lead,
    /// When the leader last renewed its lease, where not every turn does; `None`: there has been none.
    renewed: Option<SimTime>,
    /// Turns by the timer: from the last one on.
    turns: Periodic,
    last_turn: Option<SimTime>,
    /// Since when this leader leads.
    led_from: SimTime,
    /// The turn by the timer that is asked for, if any.
    asked: Option<SimTime>,
    /// When the watch fires, having heard something.
    fires: Option<SimTime>,
    /// Since when the watch listens.
    listens: SimTime,
    store: registry::Store,
    stopped: registry::Stopped,
}

impl Fleet {
    fn new(world: &World) -> Self {
        let settings = Settings::new(world.options);
        let mut fleet = Fleet {
            units: Units::new(world, settings.version),
            books: Books::new(world, None, false),
            unit_count: 0,
            pending: Pending::new(world.workload.len()),
            kept_off: BTreeSet::new(),
            etcd: None,
            presence: vec![Presence::default(); world.cluster.len()],
            expiries: BTreeSet::new(),
            lead: Lead::Nobody,
            renewed: None,
            turns: Periodic::new(SimTime::ZERO, settings.interval),
            last_turn: None,
            led_from: SimTime::ZERO,
            asked: None,
            fires: None,
            listens: SimTime::ZERO,
            store: registry::Store::default(),
            stopped: registry::Stopped::new(),
            settings,
        };
        if fleet.units.ask {
            fleet.etcd = Some(fleet.read_etcd(world));
        }
        fleet
    }

    /// Asks for the first turn by the timer at or after `at` that can still act, if somebody leads.
    fn ask_turn(&mut self, now: Now, at: SimTime, actions: &mut Vec<Action>) {
        if !matches!(self.lead, Lead::Leads(_)) {
            return;
        }
        let next = self.turns.next(now).max(self.turns.at_or_after(at));
        if self.asked.is_none_or(|asked| asked > next) {
            self.asked = Some(next);
            actions.push(Action::Wake(next, TURN));
        }
    }

    /// Something happened that a turn may have to act on.
    fn ask_if_needed(&mut self, now: Now, actions: &mut Vec<Action>) {
        if !self.pending.is_empty() || self.etcd.is_some() {
            self.ask_turn(now, now.at, actions);
        }
    }

    /// A `target` or `target-state` was written: watches that listen fire later.
    fn written(&mut self, now: Now, actions: &mut Vec<Action>) {
        if now.at >= self.listens {
            let at = now.at + self.settings.watch_delay;
            self.listens = at;
            if matches!(self.lead, Lead::Leads(_)) {
                self.fires = Some(at);
                actions.push(Action::Wake(at, FIRE));
            }
        }
    }

    fn wakes(&mut self, now: Now, token: u64, world: &World, actions: &mut Vec<Action>) {
        match token & 0xff {
            WRITE => return self.write_due(now, world, actions),
            AGENTS => return self.bad_reconcile(now, world, token, actions),
            BEATS => return self.bad_beat(now, world, token, actions),
            TICK => return self.tick(now, token, actions),
            BEAT => return self.beat_again(now, world, token, actions),
            _ => {}
        }
        let runs = match (token, self.lead) {
            // The turn under way must be over first.
            (FIRE, Lead::Leads(_)) if self.must_wait(now) => {
                self.fires = Some(self.store.busy);
                actions.push(Action::Wake(self.store.busy, FIRE));
                false
            }
            (LEASE, _) => {
                self.lease_runs_out(now, world, actions);
                false
            }
            (TURN, Lead::Takes(_, at)) => at == now.at,
            (TURN, Lead::Leads(_)) => self.asked == Some(now.at),
            (FIRE, Lead::Leads(_)) => {
                let fires = self.fires == Some(now.at);
                if fires {
                    self.fires = None;
                }
                fires && self.last_turn != Some(now.at)
            }
            // A turn that was asked for and then overtaken by an earlier one that did its work, or whose leader is
            // gone.
            _ => false,
        };
        match (runs, self.store.unwell) {
            (true, true) => self.drawn_turn(now, world, actions),
            (true, false) => self.turn(now, world, actions),
            _ => {}
        }
    }

    /// Whether the watch has fired during a turn. With the timer's turn at the same instant, one turn is both.
    fn must_wait(&self, now: Now) -> bool {
        self.fires == Some(now.at) && now.at < self.store.busy && self.last_turn != Some(now.at)
    }

    /// The unit is destroyed.
    fn destroyed(&mut self, job: JobId) {
        self.unit_count -= u64::from(self.pending.gone(job));
        self.stopped.remove(&job);
        self.kept_off.remove(&job);
        if let Some(etcd) = &mut self.etcd {
            let name = etcd.names.of(job).to_owned();
            etcd.registry.destroy_unit(&name);
        }
    }

    fn arrived(&mut self, now: Now, job: JobId, world: &World, actions: &mut Vec<Action>) {
        self.pending.held(job);
        self.unit_count += 1;
        if let Some(etcd) = &mut self.etcd
            && let Some(unit) = self.units.unit(world, job, etcd.names.of(job))
        {
            etcd.registry.put_unit(unit);
        }
        match self.units.home(job) {
            None => self.pending.waits(job),
            Some(None) => {}
            // Its machine's agent starts it, without the engine.
            Some(Some(home)) => {
                self.books.bind(world, job, home);
                actions.push(Action::Place(job, home));
                if self.presence[home.index()].heard {
                    self.start_soon(now, world, job, home, actions);
                }
                self.see_globals(now, world, actions);
            }
        }
        self.written(now, actions);
        self.ask_turn(now, now.at, actions);
        self.look_at_store(now, world, actions);
    }

    fn ended(&mut self, now: Now, job: JobId, host: HostId, world: &World, actions: &mut Vec<Action>) {
        match self.books.host_of(job) {
            // A copy elsewhere finished first; this one is unloaded by its agent.
            Some(bound) if bound != host => {
                self.books.unbind(world, job);
                actions.push(Action::Cancel(job));
                actions.push(Action::Stop(job, bound, now.at + self.settings.watch_delay));
                self.destroyed(job);
            }
            Some(_) if !self.settings.keeps_finished => {
                self.books.unbind(world, job);
                actions.push(Action::Cancel(job));
                self.destroyed(job);
            }
            Some(_) => {}
            None => self.destroyed(job),
        }
        self.ask_if_needed(now, actions);
        self.look_at_store(now, world, actions);
    }
}

impl Orchestrator for Fleet {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin | Heard::Pressure(..) | Heard::Restarts(..) => {}
            Heard::Store(level) => self.store_is(now, world, level, actions),
            // Nothing here empties a host: it goes down as it is.
            Heard::Maintenance(host, Maintenance::Begins) => actions.push(Action::Drained(host)),
            Heard::Maintenance(..) => {}
            Heard::Arrived(job) => self.arrived(now, job, world, actions),
            Heard::Ended { outcome: Outcome::Evicted | Outcome::Failed, .. } => {}
            Heard::Ended { job, host, .. } => self.ended(now, job, host, world, actions),
            Heard::Removed(job) => {
                self.books.unbind(world, job);
                self.destroyed(job);
                self.ask_if_needed(now, actions);
                self.look_at_store(now, world, actions);
            }
            Heard::HostUp { host, live } => {
                let presence = &mut self.presence[host.index()];
                (presence.heard, presence.since, presence.beat) = (true, now.at, registry::Beat::Well);
                presence.beats += 1;
                self.forget_agent(host);
                self.announces(now, world, host, actions);
                self.engine_starts(now, world, host, actions);
                self.compares(now, world, host, live, actions);
                self.see_globals(now, world, actions);
                self.look_at_store(now, world, actions);
            }
            Heard::HostSilent(host) => {
                self.falls_silent(now, world, host, actions);
                self.forget_agent(host);
                self.engine_ends(now, world, host, false, actions);
                self.look_at_store(now, world, actions);
            }
            Heard::HostLeft(host) => {
                self.books.bookings.set_open(host, false);
                self.expire(host, None);
                let presence = &mut self.presence[host.index()];
                (presence.there, presence.heard) = (false, false);
                if let Some(etcd) = &mut self.etcd {
                    etcd.registry.remove_machine(world.cluster.name(host));
                }
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.books.unbind(world, job);
                    if self.units.home(job).is_none() {
                        self.pending.waits(job);
                        if let Some(etcd) = &mut self.etcd {
                            let name = etcd.names.of(job).to_owned();
                            etcd.registry.unschedule(&name, world.cluster.name(host));
                        }
                    }
                }
                self.forget_agent(host);
                self.engine_ends(now, world, host, true, actions);
                self.ask_if_needed(now, actions);
                self.look_at_store(now, world, actions);
            }
            Heard::Wake(token) => self.wakes(now, token, world, actions),
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.books.look_ahead(soon)
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.settings.restart_delay)
    }
}
