//! `kubernetes-2016`: kube-scheduler, kubelet and node controller as of June 2016, v1.2.4 or v1.3.0.
//!
//! One pod after the other is decided by [`crate::kube::y2016`] (or, with another placement, by that), first come,
//! first served; who fits nowhere waits by time alone. In v1.2.4 the binding is part of the cycle. No priorities, no
//! preemption, nobody is moved. A silent node is noticed by its missing heartbeats; its pods are deleted five minutes
//! later, ten nodes at once and then one every 10 s ([`node_controller`]), and replaced as soon as that is marked
//! ([`endings`]).
//!
//! One master, without leader election (`--leader-elect`, off by default then). While the store takes no writes
//! nothing is bound, deleted or posted, and the node controller makes no pass; kubelets go on with what they have, restart containers in place, end
//! pods whose grace is over, and get their pods from the API server's reads when they boot. Where writes take longer
//! than usual bindings and status posts do, by the median; those over `write_timeout` count as none.
//!
//! Departures: a cycle is taken as one moment, at its end; a pod is put where its predecessor still terminates and
//! starts there when that has gone; pods of a node that left are replaced at the next pass, whatever the rate; a drain
//! deletes all pods of its node at once, as that day's kubectl did, and sees at once that they are gone; the rates of
//! the controllers' own clients are not counted; the disk of a node is never full.

mod decider;
mod endings;
mod node_controller;
mod objects;
mod parameters;
mod queue;

use std::collections::{BTreeMap, BTreeSet};

use super::held::Held;
use super::{
    Action, Books, Enforcement, Eviction, FailureNews, Heard, Maintenance, Now, Options, Orchestrator,
    OrchestratorInfo, ParameterValue, RestartRule, Scores, TieBreak, World,
};
use crate::discovery::store::StoreLevel;
use crate::host::daemon;
use crate::host::kubelet::threshold::Pressure;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::kube::y2016::Version;
use crate::units::{SimDuration, SimTime};
use crate::workload::{Controller, RestartPolicy};
use decider::Decider;
use endings::Leaving;
use node_controller::{Decision, NodeController};
use objects::Conditions;
use queue::{ApiClient, Queue};

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "kubernetes-2016",
    summary: "kube-scheduler + kubelet of June 2016 (v1.2.4, or v1.3.0): round of equals, retries by time, no eviction under pressure",
    placement: "kube-least-requested",
    enforcement: Enforcement::Limits,
    eviction: false,
    cpu_quota: true,
    tie_break: TieBreak::RoundRobin,
    scores: Scores::Kube2016,
    discovery: "dns",
    store: super::StoreOn::Dedicated,
    daemons: &[daemon::DOCKERD_2015, daemon::KUBELET, daemon::KUBE_PROXY],
    kernel: Era::Floored,
    parameters: parameters::PARAMETERS,
    choices: &[
        [
            "kubernetes-2016: a job's controller",
            "a replication controller: replaced as soon as its deletion is marked",
            "controller: none, job (others count as replication controllers)",
        ],
        [
            "kubernetes-2016: equal scores",
            "in turn from the last name on (tie_break: round-robin)",
            "none: the real rule is determined",
        ],
        [
            "kubernetes-2016: jobs of one app",
            "one replication controller and one service of the app's name",
            "manifests",
        ],
    ],
    build: |world| Box::new(Kubernetes2016::new(world)),
};

/// Least grace that a kubelet gives (`minimumGracePeriodInSeconds`, `pkg/kubelet` v1.2.4).
const LEAST_GRACE: SimDuration = SimDuration::from_secs(2);
/// A kubelet's `maxPods` is today's, 110.
const MAX_PODS: u32 = super::kubernetes::objects::MAX_PODS;
/// Calls to the API for a decision: binding and event, or event and the read after the wait.
const CALLS: u64 = 2;

/// Which Kubernetes a run of this row is; the first where the run is of another row.
pub fn version(options: &Options) -> Version {
    match options.parameters.get("version") {
        Some(ParameterValue::Word(word)) => Version::parse(word).unwrap_or_default(),
        _ => Version::default(),
    }
}

/// Who picks the node.
enum Rule {
    /// The scheduler itself.
    Scheduler(Box<Decider>),
    /// The run's placement.
    Placement,
}

/// How the API server answers.
#[derive(Clone, Copy)]
struct Api {
    /// It takes no writes.
    frozen: bool,
    /// How much longer a write takes than in a run without a store.
    write: SimDuration,
}

struct Kubernetes2016 {
    version: Version,
    books: Books,
    rule: Rule,
    queue: Queue,
    client: ApiClient,
    nodes: NodeController,
    /// So many hosts, the first by name, are no nodes.
    masters: usize,
    pressure: Vec<Pressure>,
    cordoned: Vec<bool>,
    /// Since when nothing is heard of a host.
    silent_since: Vec<Option<SimTime>>,
    /// Pods that terminate, by job and host.
    leaving: BTreeMap<(JobId, HostId), Leaving>,
    /// When the pods that are bound start.
    starts: BTreeMap<JobId, SimTime>,
    /// Pods whose node is gone.
    orphans: Vec<JobId>,
    /// Drains under way, and the pods that they wait for.
    drains: BTreeMap<HostId, BTreeSet<JobId>>,
    /// When the cycle under way ends.
    cycle_ends: Option<SimTime>,
    /// Until when the binding keeps the scheduler (v1.2.4).
    binds_until: SimTime,
    api: Api,
    held: Vec<Held>,
    asked: Option<SimTime>,
    decision_time: SimDuration,
    bind_latency: SimDuration,
    termination_grace: SimDuration,
    start_delay: SimDuration,
}

impl Kubernetes2016 {
    fn new(world: &World) -> Self {
        let d = |name| INFO.duration(world.options, name);
        let n = |name| INFO.number(world.options, name);
        let version = version(world.options);
        let rule = match world.options.placement == INFO.placement {
            true => Rule::Scheduler(Box::new(Decider::new(world, version))),
            false => Rule::Placement,
        };
        let mut books = Books::new(world, Some(MAX_PODS), version == Version::V1_3_0);
        for host in world.cluster.ids() {
            // Placements of our own see what is reserved as booked.
            let reserved = super::kubernetes::objects::reserved(world, world.cluster.spec(host));
            books.bookings.reserve(host, reserved);
        }
        let hosts = world.cluster.len();
        Kubernetes2016 {
            version,
            books,
            rule,
            queue: Queue::new(version, d("api_read")),
            client: ApiClient::new(n("api_qps"), n("api_burst")),
            nodes: NodeController::new(world, version),
            masters: usize::try_from(n("masters")).unwrap_or(usize::MAX),
            pressure: vec![Pressure::default(); hosts],
            cordoned: vec![false; hosts],
            silent_since: vec![None; hosts],
            leaving: BTreeMap::new(),
            starts: BTreeMap::new(),
            orphans: Vec::new(),
            drains: BTreeMap::new(),
            cycle_ends: None,
            binds_until: SimTime::ZERO,
            api: Api { frozen: false, write: SimDuration::ZERO },
            held: Vec::new(),
            asked: None,
            decision_time: d("decision_time"),
            bind_latency: d("bind_latency"),
            termination_grace: d("termination_grace"),
            start_delay: d("start_delay"),
        }
    }

    /// Starts a cycle if none is under way and a pod is in line. It ends after the decision, when the API may be called.
    fn begin_cycle(&mut self, now: SimTime) {
        if self.cycle_ends.is_none() && self.queue.ready() {
            let decided = now.max(self.binds_until) + self.decision_time;
            self.cycle_ends = Some(self.client.when(decided, CALLS));
        }
    }

    /// The cycle under way ends, if it is time: one pod is decided.
    fn end_cycle(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        while self.cycle_ends.is_some_and(|ends| ends <= now.at) {
            self.cycle_ends = None;
            if let Some(job) = self.queue.pop() {
                self.client.call(now.at, CALLS);
                self.attempt(now, world, job, actions);
            }
            self.begin_cycle(now.at);
        }
    }

    fn attempt(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        let host = match &mut self.rule {
            Rule::Placement => self.books.place(world, job),
            Rule::Scheduler(decider) => {
                let host = decider.attempt(world, &self.books, job);
                if let Some(host) = host {
                    self.books.decided(job);
                    self.books.bind(world, job, host);
                    decider.bind(world, job, host);
                }
                host
            }
        };
        let Some(host) = host else {
            self.queue.failed(job, now.at);
            return;
        };
        self.queue.remove(job);
        let bound = now.at + self.bind_latency + self.api.write;
        if self.version == Version::V1_2_4 {
            self.binds_until = bound;
        }
        actions.extend(self.books.placed(job, host));
        // Where the old pod still terminates the new one starts when that has gone.
        if !self.leaving.contains_key(&(job, host)) {
            self.start(bound + self.start_delay, job, host, actions);
        }
    }

    /// What is known of `host` changed: the scheduler sees it otherwise, or no longer.
    fn show(&mut self, world: &World, host: HostId) {
        let h = host.index();
        let conditions =
            Conditions { ready: self.nodes.is_ready(host), pressure: self.pressure[h], cordoned: self.cordoned[h] };
        let shown = self.nodes.is_there(host).then_some(conditions);
        let free = Conditions { ready: true, pressure: Pressure::default(), cordoned: false };
        self.books.bookings.set_open(host, shown == Some(free));
        if let Rule::Scheduler(decider) = &mut self.rule {
            decider.show(world, host, shown);
        }
    }

    /// What the node controller does at this moment.
    fn control_nodes(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let pass = self.nodes.is_pass(now);
        for decision in self.nodes.pass(now, world.every_tick) {
            let (Decision::Unknown(host) | Decision::Ready(host)) = decision;
            actions.push(Action::Lost(host, matches!(decision, Decision::Unknown(_))));
            self.show(world, host);
        }
        if pass {
            self.collect_orphans(world, actions);
        }
        while let Some(host) = self.nodes.evict(now.at) {
            let mut last = now.at;
            let daemon = |job: &JobId| world.workload.spec(*job).controller == Controller::DaemonSet;
            let pods: Vec<JobId> = self.books.on(host).into_iter().filter(|job| !daemon(job)).collect();
            for job in pods {
                actions.push(Action::GiveUp { job, host, evicted: true });
                last = last.max(self.delete(now, world, (job, host), Eviction::Taint, actions));
            }
            self.nodes.terminate(host, last);
        }
        while let Some(host) = self.nodes.force(now.at) {
            for job in self.leaving_on(host) {
                self.forced(now, world, job, host, actions);
            }
        }
    }

    /// The object of a terminating pod is deleted: a kubelet that is heard ends it, another one when it is back.
    fn forced(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if self.nodes.is_heard(host) {
            actions.push(Action::Evict(job, host, Eviction::Taint));
        }
        self.left(now, world, (job, host), actions);
    }

    /// All that is due at this moment, in this order.
    fn run(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if self.asked.is_some_and(|asked| asked <= now.at) {
            self.asked = None;
        }
        if self.api.frozen {
            self.end_leaving(now, world, actions);
            return;
        }
        self.control_nodes(now, world, actions);
        self.end_leaving(now, world, actions);
        self.queue.wake(now.at);
        self.end_cycle(now, world, actions);
    }

    /// Asks for the next moment at which something is due.
    fn ask(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let next = if self.api.frozen {
            self.next_end()
        } else {
            self.begin_cycle(now.at);
            let orphans = (!self.orphans.is_empty()).then(|| self.nodes.next_pass(now));
            let all =
                [self.cycle_ends, self.queue.next(), self.next_end(), self.nodes.next(now, world.every_tick), orphans];
            all.into_iter().flatten().min()
        };
        if let Some(next) = next.map(|next| next.max(now.at))
            && self.asked.is_none_or(|asked| asked > next)
        {
            self.asked = Some(next);
            actions.push(Action::Wake(next, 0));
        }
    }

    /// The store answers in another way from now on.
    fn store(&mut self, now: Now, world: &World, level: StoreLevel, actions: &mut Vec<Action>) {
        let frozen = !level.writes || level.median(true) > INFO.duration(world.options, "write_timeout");
        // The bindings' own latency has a store that is well in it.
        let usual = StoreLevel::default().median(true);
        let write = SimDuration(level.median(true).0.saturating_sub(usual.0));
        if !frozen && write != self.api.write {
            self.nodes.set_latency(now, write);
            self.api.write = write;
        }
        match (std::mem::replace(&mut self.api.frozen, frozen), frozen) {
            (false, true) => self.nodes.freeze(now),
            (true, false) => {
                for host in self.nodes.thaw(now) {
                    self.show(world, host);
                }
                for held in std::mem::take(&mut self.held) {
                    self.heard(now, held.heard(), world, actions);
                }
            }
            _ => {}
        }
    }

    /// `host` was taken out of the cluster.
    fn host_left(&mut self, world: &World, host: HostId, actions: &mut Vec<Action>) {
        self.nodes.left(host);
        self.pressure[host.index()] = Pressure::default();
        self.cordoned[host.index()] = false;
        self.silent_since[host.index()] = None;
        self.drains.remove(&host);
        self.orphan_pods(world, host, actions);
        self.show(world, host);
    }

    /// A host is heard, for the first time or again.
    fn host_up(&mut self, now: Now, world: &World, host: HostId, live: &[JobId], actions: &mut Vec<Action>) {
        let silent_since = self.silent_since[host.index()].take();
        self.nodes.up(now, host);
        self.leaving_heard(now, world, host, live, actions);
        let (missing, stale) = self.books.differences(host, live);
        for job in missing {
            if !self.held.iter().any(|held| held.ends(job, host)) {
                self.missing(now, world, (job, host), silent_since, actions);
            }
        }
        for job in stale.into_iter().filter(|job| !self.leaving.contains_key(&(*job, host))) {
            actions.push(Action::Stop(job, host, now.at + self.start_delay));
        }
        if !self.api.frozen {
            self.show(world, host);
        }
    }

    /// A drain: cordon, delete all pods but those of DaemonSets, wait until they are gone.
    fn maintenance(&mut self, now: Now, world: &World, host: HostId, step: Maintenance, actions: &mut Vec<Action>) {
        self.cordoned[host.index()] = step != Maintenance::Over && self.cordoned[host.index()];
        self.drains.remove(&host);
        if step == Maintenance::Begins {
            self.cordoned[host.index()] = true;
            let daemon = |job: &JobId| world.workload.spec(*job).controller == Controller::DaemonSet;
            let pods: Vec<JobId> = self.books.on(host).into_iter().filter(|job| !daemon(job)).collect();
            for job in pods {
                self.delete(now, world, (job, host), Eviction::Api, actions);
            }
            self.drains.insert(host, self.leaving_on(host).into_iter().collect());
        }
        self.show(world, host);
    }

    /// Hosts that are empty now may go down.
    fn check_drains(&mut self, actions: &mut Vec<Action>) {
        let leaving = &self.leaving;
        self.drains.retain(|host, pods| {
            pods.retain(|job| leaving.contains_key(&(*job, *host)));
            if pods.is_empty() {
                actions.push(Action::Drained(*host));
            }
            !pods.is_empty()
        });
    }

    fn heard(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin | Heard::Restarts(..) => {}
            Heard::Wake(_) => self.run(now, world, actions),
            Heard::Store(level) => self.store(now, world, level, actions),
            Heard::HostUp { host, live } => self.host_up(now, world, host, live, actions),
            Heard::HostSilent(host) => {
                self.nodes.silent(now, host);
                self.silent_since[host.index()] = Some(now.at);
            }
            _ if self.api.frozen => {
                if let Heard::HostLeft(host) = heard {
                    self.nodes.silent(now, host);
                }
                self.held.extend(Held::of(&heard));
            }
            Heard::Arrived(job) => self.queue.add(job),
            Heard::Ended { job, host, outcome } => self.ended(now, world, (job, host), outcome, actions),
            Heard::Removed(job) => self.removed(now, world, job, actions),
            Heard::HostLeft(host) => self.host_left(world, host, actions),
            Heard::Pressure(host, pressure) => {
                self.pressure[host.index()] = pressure;
                self.show(world, host);
            }
            Heard::Maintenance(host, step) => self.maintenance(now, world, host, step, actions),
        }
    }
}

impl Orchestrator for Kubernetes2016 {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        if let Some(host) = heard.host().filter(|host| host.index() < self.masters) {
            if heard == Heard::Maintenance(host, Maintenance::Begins) {
                actions.push(Action::Drained(host));
            }
            return;
        }
        self.heard(now, heard, world, actions);
        if !self.drains.is_empty() && !self.api.frozen {
            self.check_drains(actions);
        }
        self.ask(now, world, actions);
    }

    fn failure_news(&self, world: &World, job: JobId) -> FailureNews {
        let spec = world.workload.spec(job);
        match spec.controller {
            Controller::Unset | Controller::Naked | Controller::Job { in_place: true, .. } => FailureNews::None,
            Controller::Job { in_place: false, .. } => FailureNews::Final,
            _ if spec.restart == RestartPolicy::Never => FailureNews::Final,
            _ => FailureNews::None,
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.books.look_ahead(soon)
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::CrashLoop
    }

    fn replaces_evicted(&self) -> bool {
        true
    }

    fn grace(&self, world: &World, job: JobId) -> SimDuration {
        match world.workload.template(job).and_then(|template| template.grace_seconds) {
            Some(seconds) => SimDuration::from_secs(seconds.max(0).unsigned_abs()),
            None => self.termination_grace,
        }
    }
}
