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

use std::cell::RefCell;
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

/// Nowhere among what is placed.
const NOWHERE: u32 = u32::MAX;

/// What is known of the container of a job.
#[derive(Clone, Copy)]
struct Container {
    /// Its place in the order in which containers were created: balance moves the oldest.
    created: u64,
    /// Its place among what is placed.
    placed: u32,
    /// How often it was forgotten: what was to be done with it before is void.
    life: u32,
    /// Its port; 0 where it has none.
    port: u16,
    /// Whether a converge has put it on its node.
    applied: bool,
}

/// A container to be started on a node, and stopped on another.
#[derive(Clone, Copy)]
struct Order {
    job: JobId,
    life: u32,
    host: HostId,
    stop: Option<HostId>,
}

struct Chef {
    books: Books,
    /// Placed, not yet applied by a converge that began; `None` where that was taken back.
    placed: Vec<Option<Order>>,
    /// How many of them were not.
    placed_count: usize,
    /// What the running converge applies.
    applying: Vec<Order>,
    /// Placed on nodes that did not answer when it was to be applied.
    unreached: Vec<Order>,
    silent: BTreeSet<HostId>,
    /// Ports in use in order.
    in_use: BTreeSet<u32>,
    converging: bool,
    begins_asked: bool,
    /// By job.
    containers: Vec<Container>,
    creations: u64,
    /// No host is there yet; with the life that each had.
    waiting: Vec<(JobId, u32)>,
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
            placed_count: 0,
            applying: Vec::new(),
            unreached: Vec::new(),
            silent: BTreeSet::new(),
            in_use: BTreeSet::new(),
            converging: false,
            begins_asked: false,
            containers: vec![
                Container { created: 0, placed: NOWHERE, life: 0, port: 0, applied: false };
                world.workload.len()
            ],
            creations: 0,
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
                self.puts(job, host, None);
                self.ask_converge(now, actions);
            }
            None => self.waiting.push((job, self.containers[job.index()].life)),
        }
    }

    /// The next converge is to start `job` on `host`.
    fn puts(&mut self, job: JobId, host: HostId, stop: Option<HostId>) {
        let container = &mut self.containers[job.index()];
        debug_assert_eq!(container.placed, NOWHERE, "a job is placed once between two converges");
        container.placed = self.placed.len() as u32;
        self.placed.push(Some(Order { job, life: container.life, host, stop }));
        self.placed_count += 1;
    }

    /// The next converge is not to start `job`; returns what it was to do.
    fn takes_back(&mut self, job: JobId) -> Option<Order> {
        let at = std::mem::replace(&mut self.containers[job.index()].placed, NOWHERE);
        let order = self.placed.get_mut(at as usize)?.take();
        self.placed_count -= usize::from(order.is_some());
        order
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
        if self.placed_count > 0 {
            self.ask_converge(now, actions);
        }
    }

    fn forget(&mut self, world: &World, job: JobId) {
        self.books.unbind(world, job);
        self.takes_back(job);
        let container = &mut self.containers[job.index()];
        container.life = container.life.wrapping_add(1);
        container.applied = false;
        self.frees_port(job);
    }

    fn frees_port(&mut self, job: JobId) {
        let port = std::mem::replace(&mut self.containers[job.index()].port, 0);
        if port != 0 {
            self.in_use.remove(&port.into());
        }
    }

    /// Levels every process type by the rule of [`chef::balance`]: the oldest container of a node moves.
    fn balance(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if let Some(uneven) = self.books.uneven_types(world) {
            for kind in uneven {
                for (fullest, emptiest) in self.moves(world, kind) {
                    if let Some(job) = self.oldest(world, kind, fullest, |_| true) {
                        self.transfer(now, world, job, emptiest, actions);
                    }
                }
            }
            return;
        }
        let hosts: Vec<HostId> = world.cluster.ids().filter(|&h| self.books.bookings.is_open(h)).collect();
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
                    .min_by_key(|&i| self.containers[per_host[fullest][i].index()].created)
                    .expect("the fullest is not empty");
                let job = per_host[fullest].remove(oldest);
                per_host[emptiest].push(job);
                self.transfer(now, world, job, hosts[emptiest], actions);
            }
        }
    }

    /// The moves that level a process type of which hosts are kept in order.
    fn moves(&mut self, world: &World, kind: u32) -> Vec<(HostId, HostId)> {
        let Some((order, open)) = self.books.by_type(world, kind) else { return Vec::new() };
        let (Some(least), Some(most)) = (order.first(Some(open)), order.last(Some(open))) else { return Vec::new() };
        let order = RefCell::new(order);
        let first = |count: usize, after: Option<usize>| {
            let from = after.map_or(0, |after| after as u32 + 1);
            order.borrow_mut().of_count(Some(open), count as u32, from).map(|host| host as usize)
        };
        let next = |count: usize, up| order.borrow_mut().beside(Some(open), count as u32, up).map(|c| c as usize);
        let moves = chef::balance_ordered(least.0 as usize, most.0 as usize, first, next);
        moves.into_iter().map(|(from, to)| (HostId::from_index(from), HostId::from_index(to))).collect()
    }

    /// The oldest container of a process type on `host` that `counts`.
    fn oldest(&mut self, world: &World, kind: u32, host: HostId, counts: impl Fn(JobId) -> bool) -> Option<JobId> {
        let jobs = self.books.on(host).into_iter();
        let of_type = jobs.filter(|&job| counts(job) && self.books.type_of(world, job) == kind);
        of_type.min_by_key(|job| self.containers[job.index()].created)
    }

    /// The container of `job` is replaced by a new one on `to`.
    fn transfer(&mut self, now: Now, world: &World, job: JobId, to: HostId, actions: &mut Vec<Action>) {
        let from = self.books.unbind(world, job);
        self.books.bind(world, job, to);
        self.is_created(job, actions);
        actions.push(Action::Place(job, to));
        // A job that no converge has started yet has nothing to stop.
        let stop = self.takes_back(job).map_or(from, |order| order.stop);
        self.puts(job, to, stop.filter(|&h| h != to));
        self.ask_converge(now, actions);
    }

    /// A container is new: it gets its place in the order of creation, and its port.
    fn is_created(&mut self, job: JobId, actions: &mut Vec<Action>) {
        self.creations += 1;
        self.containers[job.index()].created = self.creations;
        self.frees_port(job);
        let port = self.in_use.last().map_or(chef::FIRST_PORT, |highest| highest + 1);
        match u16::try_from(port) {
            Ok(own) if port <= chef::LAST_PORT => {
                self.containers[job.index()].port = own;
                self.in_use.insert(port);
            }
            _ => actions.push(Action::Incident(Incident::NoPort, None)),
        }
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
        let mut fullest = Fullest::new(&mut self.books, world, kind);
        let victim = loop {
            let Some(host) = fullest.next(&mut self.books, world) else { break job };
            match self.oldest(world, kind, host, |other| world.workload.app(other) == app) {
                Some(oldest) => break oldest,
                None if self.skips => {}
                None => {
                    actions.push(Action::Incident(Incident::EndlessLoop, Some(host)));
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

/// Open hosts from the one that [`chef::fullest`] names on, each time without those before.
enum Fullest {
    /// By the order that is kept: the type, and the last one.
    Ordered(u32, (u32, u32)),
    /// All that are left, with their counts.
    Scanned(Vec<HostId>, Vec<usize>),
}

impl Fullest {
    fn new(books: &mut Books, world: &World, kind: u32) -> Fullest {
        if books.by_type(world, kind).is_some() {
            return Fullest::Ordered(kind, (u32::MAX, u32::MAX));
        }
        let hosts: Vec<HostId> = world.cluster.ids().filter(|&host| books.bookings.is_open(host)).collect();
        let counts = hosts.iter().map(|&host| books.same_type_on(kind, host) as usize).collect();
        Fullest::Scanned(hosts, counts)
    }

    fn next(&mut self, books: &mut Books, world: &World) -> Option<HostId> {
        match self {
            Fullest::Ordered(kind, at) => {
                let (order, open) = books.by_type(world, *kind)?;
                *at = order.before(Some(open), *at)?;
                Some(HostId(at.1))
            }
            Fullest::Scanned(hosts, counts) => {
                let fullest = chef::fullest(counts)?;
                counts.remove(fullest);
                Some(hosts.remove(fullest))
            }
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
                self.silent.remove(&host);
                let joins = !self.books.bookings.is_open(host);
                self.books.bookings.set_open(host, true);
                // The host's own supervisor brings back what Chef had put there.
                let (missing, stale) = self.books.differences(host, live);
                for job in missing {
                    if self.containers[job.index()].applied {
                        actions.push(Action::Start(job, host, now.at));
                    }
                }
                for job in stale {
                    actions.push(Action::Stop(job, host, now.at));
                }
                for (job, life) in std::mem::take(&mut self.waiting) {
                    if self.containers[job.index()].life == life {
                        self.place(now, world, job, actions);
                    }
                }
                // A node that joins was added by an operator, and that ends in a balance.
                if joins && now.at > SimTime::ZERO {
                    self.balance(now, world, actions);
                }
            }
            // No health check of nodes: nobody notices, but for the converge that cannot reach it.
            Heard::HostSilent(host) => _ = self.silent.insert(host),
            // Taking a node out is an explicit operation, after which every app is scaled to its structure again.
            Heard::HostLeft(host) => {
                self.books.bookings.set_open(host, false);
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.forget(world, job);
                    self.place(now, world, job, actions);
                }
                self.silent.remove(&host);
                self.balance(now, world, actions);
            }
            Heard::Wake(CONVERGE_BEGINS) => {
                self.begins_asked = false;
                if self.placed_count > 0 {
                    self.converging = true;
                    self.applying = std::mem::take(&mut self.unreached);
                    self.placed_count = 0;
                    for order in self.placed.drain(..).flatten() {
                        self.containers[order.job.index()].placed = NOWHERE;
                        self.applying.push(order);
                    }
                    actions.push(Action::Wake(now.at + self.converge_duration, CONVERGE_ENDS));
                }
            }
            Heard::Wake(CONVERGE_ENDS) => {
                for order in std::mem::take(&mut self.applying) {
                    let Order { job, life, host, stop } = order;
                    let container = &mut self.containers[job.index()];
                    if container.life != life {
                        continue;
                    }
                    if let Some(from) = stop {
                        actions.push(Action::Stop(job, from, now.at));
                    }
                    if self.silent.contains(&host) {
                        self.unreached.push(Order { stop: None, ..order });
                        continue;
                    }
                    container.applied = true;
                    actions.push(Action::Start(job, host, now.at));
                }
                let dead = self.silent.iter().copied().find(|&host| self.books.bookings.is_open(host));
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

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.books.look_ahead(soon)
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.restart_delay)
    }
}
