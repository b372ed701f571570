//! `fleet`: etcd and systemd. The engine puts a unit on the machine with the fewest units, in turns, and never
//! rebalances; agents start what the engine scheduled; systemd restarts what failed.
//!
//! First form, after fleet v0.11.5: engine turns at fixed times (the real timer restarts when a turn begins), units
//! visited in order of names (the real order is random), AbleToRun by labels only at the start, etcd always well.
//! Intervals and TTLs are fleet's own; see the notes on its sources in `docs/model.md`.

use super::{
    Action, Books, Enforcement, Heard, Maintenance, Now, Orchestrator, OrchestratorInfo, Outcome, ParameterInfo,
    Periodic, RestartRule, StoreOn, World,
};
use crate::host::daemon;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

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
    parameters: &[
        ParameterInfo {
            name: "engine_interval",
            default: "2s",
            words: &[],
            summary: "time between engine turns",
            source: "fleet v0.11.5 fleetd/fleetd.go:74",
            range: "",
        },
        ParameterInfo {
            name: "agent_ttl",
            default: "30s",
            words: &[],
            summary: "how long a machine's presence outlives its last heartbeat",
            source: "fleet v0.11.5 agent/agent.go:32",
            range: "",
        },
        ParameterInfo {
            name: "heartbeat",
            default: "15s",
            words: &[],
            summary: "time between presence heartbeats",
            source: "fleet v0.11.5 heart/monitor.go:24 (TTL/2)",
            range: "",
        },
        ParameterInfo {
            name: "watch_delay",
            default: "1s",
            words: &[],
            summary: "time from a scheduling decision to the start by the agent",
            source: "fleet v0.11.5 registry/event.go:89 (the watch sleeps 1 s)",
            range: "",
        },
        ParameterInfo {
            name: "agent_interval",
            default: "5s",
            words: &[],
            summary: "time between agent reconciles, which stop stale copies",
            source: "fleet v0.11.5 agent/reconcile.go:31",
            range: "",
        },
        ParameterInfo {
            name: "restart_delay",
            default: "5s",
            words: &[],
            summary: "systemd RestartSec of the units",
            source: "deis v1.12.3 controller/scheduler/fleet.py:380",
            range: "",
        },
        ParameterInfo {
            name: "finished",
            default: "at-exit",
            words: &["at-exit", "kept"],
            summary: "when a finished unit leaves the count: at exit, or never (its submitter keeps it)",
            source: "fleet counts a unit until it is destroyed; when that is, is the submitter's choice",
            range: "",
        },
    ],
    choices: &[
        ["fleet: a finished unit leaves the count", "at exit", "parameters: {finished: kept}"],
        ["fleet: visiting order of units in a turn", "by name", "none yet (the real order is that of a Go map)"],
    ],
    build: |world| Box::new(Fleet::new(world)),
};

const TURN: u64 = 0;

struct Fleet {
    books: Books,
    turns: Periodic,
    /// The turn that is asked for, if any.
    asked: Option<SimTime>,
    /// Units without a machine.
    pending: Vec<JobId>,
    /// When the presence of a silent machine runs out.
    expires: Vec<Option<SimTime>>,
    lost: Vec<bool>,
    heard_since: Vec<SimTime>,
    agent_ttl: SimDuration,
    heartbeat: SimDuration,
    watch_delay: SimDuration,
    agent_interval: SimDuration,
    restart_delay: SimDuration,
    keeps_finished: bool,
}

impl Fleet {
    fn new(world: &World) -> Self {
        let n = world.cluster.len();
        let d = |name| INFO.duration(world.options, name);
        Fleet {
            books: Books::new(world, None, false),
            turns: Periodic::new(SimTime::ZERO, d("engine_interval")),
            asked: None,
            pending: Vec::new(),
            expires: vec![None; n],
            lost: vec![false; n],
            heard_since: vec![SimTime::ZERO; n],
            agent_ttl: d("agent_ttl"),
            heartbeat: d("heartbeat"),
            watch_delay: d("watch_delay"),
            agent_interval: d("agent_interval"),
            restart_delay: d("restart_delay"),
            keeps_finished: INFO.is(world.options, "finished", "kept"),
        }
    }

    /// Asks for the first turn at or after `at` that can still act.
    fn ask_turn(&mut self, now: Now, at: SimTime, actions: &mut Vec<Action>) {
        let next = self.turns.next(now).max(self.turns.at_or_after(at));
        if self.asked.is_none_or(|asked| asked > next) {
            self.asked = Some(next);
            actions.push(Action::Wake(next, TURN));
        }
    }

    /// A machine's own rhythm: heartbeats and agent reconciles begin at a phase drawn per machine.
    fn rhythm(&self, world: &World, host: HostId, period: SimDuration) -> Periodic {
        let phase = world.seed.stream(Purpose::Phase, host.0.into()).below(period.0.max(1));
        Periodic::new(SimTime(phase), period)
    }

    /// One engine turn: unschedule what is on vanished machines, then schedule what has none, in order of names.
    fn turn(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.turns.ran(now.at);
        self.asked = None;
        for host in world.cluster.ids() {
            if self.expires[host.index()].is_some_and(|at| at <= now.at) {
                self.expires[host.index()] = None;
                self.lost[host.index()] = true;
                self.books.bookings.open[host.index()] = false;
                actions.push(Action::Lost(host, true));
                for job in self.books.on(host) {
                    actions.push(Action::GiveUp { job, host, evicted: false });
                    actions.push(Action::Cancel(job));
                    self.books.unbind(world, job);
                    self.pending.push(job);
                }
            }
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|&a, &b| world.workload.name(a).cmp(world.workload.name(b)));
        for job in pending {
            match self.books.place(world, job) {
                Some(host) => {
                    actions.push(Action::Place(job, host));
                    actions.push(Action::Start(job, host, now.at + self.watch_delay));
                }
                None => self.pending.push(job),
            }
        }
        if let Some(next) = self.expires.iter().flatten().min().copied() {
            self.ask_turn(now, next, actions);
        }
        if world.every_tick {
            self.ask_turn(now, now.at, actions);
        }
    }

    fn ask_if_pending(&mut self, now: Now, actions: &mut Vec<Action>) {
        if !self.pending.is_empty() {
            self.ask_turn(now, now.at, actions);
        }
    }
}

impl Orchestrator for Fleet {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin => {
                if world.every_tick {
                    self.ask_turn(now, now.at, actions);
                }
            }
            Heard::Pressure(..) | Heard::Store(_) => {}
            // Nothing here empties a host: it goes down as it is.
            Heard::Maintenance(host, Maintenance::Begins) => actions.push(Action::Drained(host)),
            Heard::Maintenance(..) | Heard::Restarts(..) => {}
            Heard::Arrived(job) => {
                self.pending.push(job);
                self.ask_turn(now, now.at, actions);
            }
            Heard::Ended { job, host, outcome } => {
                if matches!(outcome, Outcome::Evicted | Outcome::Failed) {
                    return;
                }
                match self.books.host_of(job) {
                    // A copy elsewhere finished first; this one is unloaded by its agent.
                    Some(bound) if bound != host => {
                        self.books.unbind(world, job);
                        actions.push(Action::Cancel(job));
                        actions.push(Action::Stop(job, bound, now.at + self.watch_delay));
                    }
                    Some(_) if !self.keeps_finished => {
                        self.books.unbind(world, job);
                        actions.push(Action::Cancel(job));
                    }
                    _ => {}
                }
                if !self.pending.is_empty() {
                    self.pending.retain(|&p| p != job);
                }
                self.ask_if_pending(now, actions);
            }
            Heard::Removed(job) => {
                if self.books.unbind(world, job).is_none() {
                    self.pending.retain(|&p| p != job);
                }
                self.ask_if_pending(now, actions);
            }
            Heard::HostUp { host, live } => {
                let h = host.index();
                self.expires[h] = None;
                self.heard_since[h] = now.at;
                self.books.bookings.open[h] = true;
                if std::mem::replace(&mut self.lost[h], false) {
                    actions.push(Action::Lost(host, false));
                }
                let (missing, stale) = self.books.differences(host, live);
                for job in missing {
                    actions.push(Action::Start(job, host, now.at + self.watch_delay));
                }
                let stops = self.rhythm(world, host, self.agent_interval).at_or_after(now.at);
                for job in stale {
                    actions.push(Action::Stop(job, host, stops));
                }
                self.ask_if_pending(now, actions);
            }
            Heard::HostSilent(host) => {
                let since = self.heard_since[host.index()];
                let beat = self.rhythm(world, host, self.heartbeat).at_or_before(now.at).unwrap_or(since).max(since);
                let expires = beat + self.agent_ttl;
                self.expires[host.index()] = Some(expires);
                self.ask_turn(now, expires, actions);
            }
            Heard::HostLeft(host) => {
                self.books.bookings.open[host.index()] = false;
                self.expires[host.index()] = None;
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.books.unbind(world, job);
                    self.pending.push(job);
                }
                self.ask_if_pending(now, actions);
            }
            Heard::Wake(_) if self.asked == Some(now.at) => self.turn(now, world, actions),
            // A turn that was asked for and then overtaken by an earlier one that did its work.
            Heard::Wake(_) => {}
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.restart_delay)
    }
}
