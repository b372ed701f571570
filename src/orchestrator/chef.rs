//! `chef`: Deis before v0.8.0. The controller writes placements into its database; Chef applies them, one converge at
//! a time per formation, on every node.
//!
//! Where containers go, which of them goes when there are to be fewer, and what balance moves is decided by the rules of
//! [`crate::chef`]. A converge applies what was placed before it began: on every node that answers at its end, and then
//! waits for those that do not, fails, and leaves what was meant for them to the next one. No failure detection: a job on
//! a dead host waits until that host is back.
//!
//! Departs from the real one in that: a removed job ends at once and not at the converge; where the controller's rule
//! takes another container of the app, that one's job moves to the place that became free, and so starts anew once more
//! than it would have; a loop that never ends is told and the container deleted by hand (`endless_loop`), since a run in
//! which the controller hangs for good would show nothing else; hosts of all layers are one formation.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Books, Enforcement, Heard, Incident, Maintenance, Now, Orchestrator, OrchestratorInfo, Outcome,
    ParameterInfo, ParameterValue, RestartRule, StoreOn, World,
};
use crate::chef;
use crate::host::daemon;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::units::{SimDuration, SimTime};

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "chef",
    summary: "Deis before v0.8.0: fewest jobs of the same process type, applied by Chef converges; no failure detection",
    placement: "least-of-type",
    enforcement: Enforcement::None,
    eviction: false,
    cpu_quota: false,
    tie_break: super::TieBreak::First,
    scores: super::Scores::Flat,
    discovery: "converge",
    store: StoreOn::Nowhere,
    daemons: &[daemon::DOCKERD_2015, daemon::CHEF_CLIENT],
    kernel: Era::Floored,
    parameters: &[
        ParameterInfo {
            name: "converge_duration",
            default: "60s",
            words: &[],
            summary: "how long one chef-client run over the formation takes",
            source: "assumed (the controller sets no bound; minutes are plausible)",
            range: "10s to 10m",
        },
        ParameterInfo {
            name: "restart_delay",
            default: "5s",
            words: &[],
            summary: "time from a kill to the restart in place",
            source: "assumed (the cookbook that supervised containers is not available)",
            range: "1s to 30s",
        },
        ParameterInfo {
            name: "dead_node_timeout",
            default: "120s",
            words: &[],
            summary: "how much longer a converge takes when a node does not answer",
            source: "assumed (the controller's connect time-out when it bootstraps a node, deis v0.7.0 cm/chef.py:78)",
            range: "10s to 10m",
        },
        ParameterInfo {
            name: "endless_loop",
            default: "reported",
            words: &["reported", "skipped"],
            summary: "what is done where scaling down would never end: it is told and the container deleted by hand, or the next fullest node is taken",
            source: "deis v0.7.0 api/models.py:553 (the real worker spins for ever)",
            range: "",
        },
        ParameterInfo {
            name: "balance_at",
            default: "",
            words: &[],
            summary: "moments of the explicit balance operation, as a comma-separated list",
            source: "deis v0.7.0 api/views.py: only on request",
            range: "",
        },
    ],
    choices: &[["chef: a job's process type", "the app, where the job names none", "process_type in the workload"]],
    build: |world| Box::new(Chef::new(world)),
};

const CONVERGE_BEGINS: u64 = 1;
const CONVERGE_ENDS: u64 = 2;
const CONVERGE_OVER: u64 = 3;
const BALANCE: u64 = 4;

struct Chef {
    books: Books,
    /// Placed, not yet applied by a converge that began: start there, stop where it was.
    placed: Vec<(JobId, HostId, Option<HostId>)>,
    /// What the running converge applies.
    applying: Vec<(JobId, HostId, Option<HostId>)>,
    /// Placed on nodes that did not answer when it was to be applied.
    unreached: Vec<(JobId, HostId, Option<HostId>)>,
    silent: Vec<bool>,
    /// Ports of containers, and those in use in order.
    ports: BTreeMap<JobId, u32>,
    in_use: BTreeSet<u32>,
    converging: bool,
    begins_asked: bool,
    /// Order in which containers were created, per job: balance moves the oldest.
    created: Vec<u64>,
    creations: u64,
    applied: Vec<bool>,
    /// No host is there yet.
    waiting: Vec<JobId>,
    converge_duration: SimDuration,
    restart_delay: SimDuration,
    dead_node_timeout: SimDuration,
    /// Whether scaling down looks at the next fullest node instead of looping for ever.
    skips: bool,
    balance_at: Vec<SimDuration>,
}

impl Chef {
    fn new(world: &World) -> Self {
        let ParameterValue::Times(balance_at) = INFO.value(world.options, "balance_at") else {
            panic!("balance_at is a list of times");
        };
        Chef {
            books: Books::new(world, None, false),
            placed: Vec::new(),
            applying: Vec::new(),
            unreached: Vec::new(),
            silent: vec![false; world.cluster.len()],
            ports: BTreeMap::new(),
            in_use: BTreeSet::new(),
            converging: false,
            begins_asked: false,
            created: vec![0; world.workload.len()],
            creations: 0,
            applied: vec![false; world.workload.len()],
            waiting: Vec::new(),
            converge_duration: INFO.duration(world.options, "converge_duration"),
            restart_delay: INFO.duration(world.options, "restart_delay"),
            dead_node_timeout: INFO.duration(world.options, "dead_node_timeout"),
            skips: INFO.is(world.options, "endless_loop", "skipped"),
            balance_at,
        }
    }

    fn place(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        match self.books.place(world, job) {
            Some(host) => {
                self.is_created(job, actions);
                actions.extend(self.books.placed(job, host));
                self.placed.push((job, host, None));
                self.ask_converge(now, actions);
            }
            None => self.waiting.push(job),
        }
    }

    /// A converge begins after everything of this instant has been placed.
    fn ask_converge(&mut self, now: Now, actions: &mut Vec<Action>) {
        if !self.converging && !self.begins_asked {
            self.begins_asked = true;
            actions.push(Action::Wake(now.at, CONVERGE_BEGINS));
        }
    }

    fn converge_over(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.converging = false;
        if !self.placed.is_empty() {
            self.ask_converge(now, actions);
        }
    }

    fn forget(&mut self, world: &World, job: JobId) {
        self.books.unbind(world, job);
        self.placed.retain(|p| p.0 != job);
        self.applying.retain(|p| p.0 != job);
        self.unreached.retain(|p| p.0 != job);
        self.waiting.retain(|&j| j != job);
        self.applied[job.index()] = false;
        if let Some(port) = self.ports.remove(&job) {
            self.in_use.remove(&port);
        }
    }

    /// Levels every process type by the rule of [`chef::balance`]: the oldest container of a node moves.
    fn balance(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let hosts: Vec<HostId> = world.cluster.ids().filter(|h| self.books.bookings.open[h.index()]).collect();
        let mut kinds: BTreeMap<u32, Vec<Vec<JobId>>> = BTreeMap::new();
        for (i, &host) in hosts.iter().enumerate() {
            for job in self.books.on(host) {
                let kind = self.books.type_of(world, job);
                kinds.entry(kind).or_insert_with(|| vec![Vec::new(); hosts.len()])[i].push(job);
            }
        }
        for per_host in kinds.values_mut() {
            let counts: Vec<usize> = per_host.iter().map(Vec::len).collect();
            for (fullest, emptiest) in chef::balance(&counts) {
                let oldest = (0..per_host[fullest].len())
                    .min_by_key(|&i| self.created[per_host[fullest][i].index()])
                    .expect("the fullest is not empty");
                let job = per_host[fullest].remove(oldest);
                per_host[emptiest].push(job);
                self.transfer(now, world, job, hosts[emptiest], actions);
            }
        }
    }

    /// The container of `job` is replaced by a new one on `to`.
    fn transfer(&mut self, now: Now, world: &World, job: JobId, to: HostId, actions: &mut Vec<Action>) {
        let from = self.books.unbind(world, job);
        self.books.bind(world, job, to);
        self.is_created(job, actions);
        actions.push(Action::Place(job, to));
        // A job that no converge has started yet has nothing to stop.
        let was_placed = self.placed.iter().position(|p| p.0 == job).map(|i| self.placed.remove(i));
        let stop = if let Some((_, _, stop)) = was_placed { stop } else { from };
        self.placed.push((job, to, stop.filter(|&h| h != to)));
        self.ask_converge(now, actions);
    }

    /// A container is new: it gets its place in the order of creation, and its port.
    fn is_created(&mut self, job: JobId, actions: &mut Vec<Action>) {
        self.creations += 1;
        self.created[job.index()] = self.creations;
        if let Some(port) = self.ports.remove(&job) {
            self.in_use.remove(&port);
        }
        let port = self.in_use.last().map_or(chef::FIRST_PORT, |highest| highest + 1);
        if port > chef::LAST_PORT {
            actions.push(Action::Incident(Incident::NoPort, None));
            return;
        }
        self.ports.insert(job, port);
        self.in_use.insert(port);
    }

    /// An app is to have one container fewer, that of `job`: the controller's rule says which one goes, and if it is
    /// another's, that job gets the place of `job`.
    fn scale_down(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        // Another placement than Chef's own has no fullest node of a type: the container of the job itself goes.
        let place = self.books.host_of(job).filter(|_| world.options.placement == INFO.placement);
        let Some(place) = place else {
            if self.books.host_of(job).is_some() {
                actions.push(Action::Cancel(job));
            }
            self.forget(world, job);
            return;
        };
        let kind = self.books.type_of(world, job);
        let app = world.workload.app(job);
        let mut hosts: Vec<HostId> = world.cluster.ids().filter(|h| self.books.bookings.open[h.index()]).collect();
        let victim = loop {
            let counts: Vec<usize> = hosts.iter().map(|&h| self.books.same_type_on(kind, h) as usize).collect();
            let Some(fullest) = chef::fullest(&counts) else { break job };
            let of_app = self
                .books
                .on(hosts[fullest])
                .into_iter()
                .filter(|&other| world.workload.app(other) == app && self.books.type_of(world, other) == kind);
            match of_app.min_by_key(|other| self.created[other.index()]) {
                Some(oldest) => break oldest,
                None if self.skips => {
                    hosts.remove(fullest);
                }
                None => {
                    actions.push(Action::Incident(Incident::EndlessLoop, Some(hosts[fullest])));
                    break job;
                }
            }
        };
        actions.push(Action::Cancel(job));
        self.forget(world, job);
        if victim != job {
            self.transfer(now, world, victim, place, actions);
        }
    }
}

impl Orchestrator for Chef {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin => {
                for (i, at) in self.balance_at.iter().enumerate() {
                    actions.push(Action::Wake(SimTime::ZERO + *at, BALANCE + i as u64));
                }
            }
            Heard::Arrived(job) => self.place(now, world, job, actions),
            Heard::Removed(job) => self.scale_down(now, world, job, actions),
            Heard::Ended { job, outcome: Outcome::Finished | Outcome::GaveUp, .. } => {
                if self.books.host_of(job).is_some() {
                    actions.push(Action::Cancel(job));
                }
                self.forget(world, job);
            }
            Heard::Ended { .. } | Heard::Pressure(..) | Heard::Store(_) => {}
            // Nothing here empties a host: it goes down as it is.
            Heard::Maintenance(host, Maintenance::Begins) => actions.push(Action::Drained(host)),
            Heard::Maintenance(..) | Heard::Restarts(..) => {}
            Heard::HostUp { host, live } => {
                let h = host.index();
                self.silent[h] = false;
                let joins = !std::mem::replace(&mut self.books.bookings.open[h], true);
                // The host's own supervisor brings back what Chef had put there.
                let (missing, stale) = self.books.differences(host, live);
                for job in missing {
                    if self.applied[job.index()] {
                        actions.push(Action::Start(job, host, now.at));
                    }
                }
                for job in stale {
                    actions.push(Action::Stop(job, host, now.at));
                }
                for job in std::mem::take(&mut self.waiting) {
                    self.place(now, world, job, actions);
                }
                // A node that joins was added by an operator, and that ends in a balance.
                if joins && now.at > SimTime::ZERO {
                    self.balance(now, world, actions);
                }
            }
            // No health check of nodes: nobody notices, but for the converge that cannot reach it.
            Heard::HostSilent(host) => self.silent[host.index()] = true,
            // Taking a node out is an explicit operation, after which every app is scaled to its structure again.
            Heard::HostLeft(host) => {
                self.books.bookings.open[host.index()] = false;
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.forget(world, job);
                    self.place(now, world, job, actions);
                }
                self.silent[host.index()] = false;
                self.balance(now, world, actions);
            }
            Heard::Wake(CONVERGE_BEGINS) => {
                self.begins_asked = false;
                if !self.placed.is_empty() {
                    self.converging = true;
                    self.applying = std::mem::take(&mut self.unreached);
                    self.applying.append(&mut self.placed);
                    actions.push(Action::Wake(now.at + self.converge_duration, CONVERGE_ENDS));
                }
            }
            Heard::Wake(CONVERGE_ENDS) => {
                for (job, host, from) in std::mem::take(&mut self.applying) {
                    if let Some(from) = from {
                        actions.push(Action::Stop(job, from, now.at));
                    }
                    if self.silent[host.index()] {
                        self.unreached.push((job, host, None));
                        continue;
                    }
                    self.applied[job.index()] = true;
                    actions.push(Action::Start(job, host, now.at));
                }
                let open = &self.books.bookings.open;
                let dead = world.cluster.ids().find(|h| open[h.index()] && self.silent[h.index()]);
                if let Some(dead) = dead {
                    actions.push(Action::Incident(Incident::ConvergeFailed, Some(dead)));
                    actions.push(Action::Wake(now.at + self.dead_node_timeout, CONVERGE_OVER));
                } else {
                    self.converge_over(now, actions);
                }
            }
            Heard::Wake(CONVERGE_OVER) => self.converge_over(now, actions),
            Heard::Wake(_) => self.balance(now, world, actions),
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.restart_delay)
    }
}
