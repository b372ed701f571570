//! `chef`: Deis before v0.8.0. The controller writes placements into its database; Chef applies them, one converge at
//! a time per formation, on every node.
//!
//! First form, after deis v0.7.0 `controller/api/models.py`: fewest of the same process type; no resource; no failure
//! detection, so a job on a dead host waits until that host is back; balance only as an explicit operation. A
//! converge applies everything placed before it began, at its end; its duration is assumed. Departs from the real one in
//! that a dead node does not make the converge of the others fail.

use super::{
    Action, Books, Enforcement, Heard, Maintenance, Now, Orchestrator, OrchestratorInfo, Outcome, ParameterInfo,
    ParameterValue, RestartRule, StoreOn, World,
};
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
    discovery: "none",
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
const BALANCE: u64 = 3;

struct Chef {
    books: Books,
    /// Placed, not yet applied by a converge that began: start there, stop where it was.
    placed: Vec<(JobId, HostId, Option<HostId>)>,
    /// What the running converge applies.
    applying: Vec<(JobId, HostId, Option<HostId>)>,
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
            converging: false,
            begins_asked: false,
            created: vec![0; world.workload.len()],
            creations: 0,
            applied: vec![false; world.workload.len()],
            waiting: Vec::new(),
            converge_duration: INFO.duration(world.options, "converge_duration"),
            restart_delay: INFO.duration(world.options, "restart_delay"),
            balance_at,
        }
    }

    fn place(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        match self.books.place(world, job) {
            Some(host) => {
                self.creations += 1;
                self.created[job.index()] = self.creations;
                actions.push(Action::Place(job, host));
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

    fn forget(&mut self, world: &World, job: JobId) {
        self.books.unbind(world, job);
        self.placed.retain(|p| p.0 != job);
        self.applying.retain(|p| p.0 != job);
        self.waiting.retain(|&j| j != job);
        self.applied[job.index()] = false;
    }

    /// `api/models.py: Formation.balance`: per process type, while the fullest node has two more than the emptiest, the
    /// oldest container of the first of the fullest moves to the first of the emptiest.
    fn balance(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let hosts: Vec<HostId> = world.cluster.ids().filter(|h| self.books.bookings.open[h.index()]).collect();
        let mut kinds: std::collections::BTreeMap<u32, Vec<Vec<JobId>>> = std::collections::BTreeMap::new();
        for (i, &host) in hosts.iter().enumerate() {
            for job in self.books.on(host) {
                let kind = self.books.type_of(world, job);
                kinds.entry(kind).or_insert_with(|| vec![Vec::new(); hosts.len()])[i].push(job);
            }
        }
        for per_host in kinds.values_mut() {
            loop {
                let fullest = (0..hosts.len()).rev().max_by_key(|&i| per_host[i].len()).unwrap_or(0);
                let emptiest = (0..hosts.len()).min_by_key(|&i| per_host[i].len()).unwrap_or(0);
                if per_host[fullest].len() <= per_host[emptiest].len() + 1 {
                    break;
                }
                let oldest = (0..per_host[fullest].len())
                    .min_by_key(|&i| self.created[per_host[fullest][i].index()])
                    .expect("the fullest is not empty");
                let job = per_host[fullest].remove(oldest);
                per_host[emptiest].push(job);
                let (from, to) = (hosts[fullest], hosts[emptiest]);
                self.books.unbind(world, job);
                self.books.bind(world, job, to);
                self.creations += 1;
                self.created[job.index()] = self.creations;
                actions.push(Action::Place(job, to));
                // A job that no converge has started yet has nothing to stop.
                let was_placed = self.placed.iter().position(|p| p.0 == job).map(|i| self.placed.remove(i));
                let stop = if let Some((_, _, stop)) = was_placed { stop } else { Some(from) };
                self.placed.push((job, to, stop.filter(|&h| h != to)));
                self.ask_converge(now, actions);
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
            Heard::Ended { job, outcome: Outcome::Finished | Outcome::GaveUp, .. } | Heard::Removed(job) => {
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
                self.books.bookings.open[host.index()] = true;
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
            }
            // No health check of nodes: nobody notices.
            Heard::HostSilent(_) => {}
            // Taking a node out is an explicit operation, after which every app is scaled to its structure again.
            Heard::HostLeft(host) => {
                self.books.bookings.open[host.index()] = false;
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.forget(world, job);
                    self.place(now, world, job, actions);
                }
            }
            Heard::Wake(CONVERGE_BEGINS) => {
                self.begins_asked = false;
                if !self.placed.is_empty() {
                    self.converging = true;
                    self.applying = std::mem::take(&mut self.placed);
                    actions.push(Action::Wake(now.at + self.converge_duration, CONVERGE_ENDS));
                }
            }
            Heard::Wake(CONVERGE_ENDS) => {
                self.converging = false;
                for (job, host, from) in std::mem::take(&mut self.applying) {
                    if let Some(from) = from {
                        actions.push(Action::Stop(job, from, now.at));
                    }
                    self.applied[job.index()] = true;
                    actions.push(Action::Start(job, host, now.at));
                }
                if !self.placed.is_empty() {
                    self.ask_converge(now, actions);
                }
            }
            Heard::Wake(_) => self.balance(now, world, actions),
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.restart_delay)
    }
}
