//! `kubernetes`: kube-scheduler, kubelet and node lifecycle controller, v1.36.3 defaults.
//!
//! Pods wait in the real scheduling queue and are tried one after the other, each attempt taking its time; with a
//! `kube-…` placement the decisions are those of [`crate::kube`], preemption included, with any other the placement's.
//! A cycle is taken as one moment, at its end: what comes within it is seen by it. A silent node is noticed through its
//! lease and its pods are deleted after their toleration, one node every 10 s, with the brake on large failures. What stands
//! behind a job replaces its pods as it would ([`endings`]); a job that does not say is replaced when its pod is gone.
//!
//! While the store takes no writes the API is frozen ([`store`]).
//!
//! Departures: a replacement that is put on the host where the old pod still terminates starts there when that has gone;
//! calls to the API server take no time but the binding's; nothing lifts scheduling gates.

mod decider;
mod disruption;
mod drain;
mod endings;
mod failures;
mod gpu_share;
mod job_controller;
mod node_lifecycle;
pub(super) mod objects;
mod parameters;
mod pod_gc;
mod queue;
mod quick;
mod store;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Action, Books, Enforcement, Eviction, Explained, FailureNews, Heard, Now, Orchestrator, OrchestratorInfo, Outcome,
    ParameterValue, RestartRule, World,
};
use crate::host::daemon;
use crate::host::kubelet::threshold::Pressure;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::kube::config::Effective;
use crate::kube::hint::ClusterEvent;
use crate::kube::object::pod::Pod;
use crate::placement::placement;
use crate::units::{SimDuration, SimTime};
use crate::workload::{Controller, RestartPolicy};
use decider::{Decider, Verdict};
use disruption::Disruption;
use drain::Drain;
use endings::Leaving;
use job_controller::JobController;
use node_lifecycle::{Decision, NodeLifecycle};
pub use objects::tolerates_taint;
use objects::{Conditions, MAX_PODS, PodMaker};
use pod_gc::PodGc;
use queue::{Backoff, Group, SchedulingQueue};

/// The word for a decision time that follows the number of nodes.
const BY_NODES: &str = "by-nodes";

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "kubernetes",
    summary: "kube-scheduler + kubelet (v1.36.3 defaults): fits and scores by requests, enforces limits, evicts under pressure",
    placement: "kube-default",
    enforcement: Enforcement::Limits,
    eviction: true,
    cpu_quota: true,
    tie_break: super::TieBreak::First,
    scores: super::Scores::Pod,
    discovery: "dns",
    store: super::StoreOn::Dedicated,
    daemons: &[daemon::KUBELET, daemon::CONTAINERD],
    kernel: Era::Signed,
    parameters: parameters::PARAMETERS,
    choices: &[
        [
            "kubernetes: a job's controller",
            "as its manifest or the scenario says; else one that replaces it when it is gone, without end",
            "controller: none, replica-set, deployment, stateful-set, daemon-set, job",
        ],
        [
            "kubernetes: equal scores",
            "lowest name (tie_break: first)",
            "`heap` (what v1.36.3 does at parallelism 1), `random`",
        ],
        [
            "kubernetes: a victim's replacement",
            "enters the queue when the victim is gone, that of a ReplicaSet or Job at once",
            "controller; pod_replacement_policy of a job",
        ],
    ],
    build: |world| Box::new(Kubernetes::new(world)),
};

/// A scheduling cycle ends.
const CYCLE: u64 = 0;
/// A pass of the node lifecycle controller.
const NODE_MONITOR: u64 = 1;
/// Pods whose backoff is over, or which have waited too long, are moved.
const FLUSH: u64 = 2;
/// A binding is seen.
const BOUND: u64 = 3;
/// The grace of a deleted pod is over.
const GRACE_OVER: u64 = 4;
/// A pod has tolerated its unreachable node for long enough.
const TOLERATION: u64 = 5;
/// A controller's back-off is over.
const CREATE: u64 = 6;
/// The pod garbage collector looks.
const POD_GC: u64 = 7;
/// A drain asks again.
const DRAIN: u64 = 8;
/// Controllers and scheduler begin anew.
const RESUME: u64 = 9;

/// Time between two looks of the backoff flusher; every 30th is that for leftovers, too.
const FLUSH_PERIOD: SimDuration = SimDuration::from_secs(1);

/// Processor time of one decision by number of nodes, with adaptive sampling and with all nodes scored, µs: kube-scheduler
/// v1.36.3 at parallelism 1, plain pods, default profile (measured on an EPYC core; see `docs/model.md`).
const DECISION_TIMES: &[(u64, u64, u64)] =
    &[(0, 200, 200), (100, 260, 270), (1000, 1_100, 2_400), (5000, 1_900, 20_000), (10_000, 2_300, 42_000)];

/// Straight lines between the measured points, the last one continued.
fn decision_time(nodes: u64, sampled: bool) -> SimDuration {
    let at = |i: usize| (DECISION_TIMES[i].0, if sampled { DECISION_TIMES[i].1 } else { DECISION_TIMES[i].2 });
    let last = DECISION_TIMES.len() - 1;
    let i = (1..last).find(|&i| nodes <= DECISION_TIMES[i].0).unwrap_or(last);
    let ((n0, t0), (n1, t1)) = (at(i - 1), at(i));
    SimDuration(t0 + (t1 - t0) * (nodes - n0) / (n1 - n0))
}

/// Who picks the node.
enum Rule {
    /// kube-scheduler itself.
    Scheduler(Box<Decider>),
    /// The run's placement.
    Placement,
}

struct Kubernetes {
    books: Books,
    rule: Rule,
    makers: PodMaker,
    queue: SchedulingQueue,
    nodes: NodeLifecycle,
    pressure: Vec<Pressure>,
    cordoned: Vec<bool>,
    disruption: Disruption,
    /// Pods that count as healthy, where there are budgets.
    healthy: BTreeSet<JobId>,
    /// Pods that terminate, by job and host.
    leaving: BTreeMap<(JobId, HostId), Leaving>,
    /// When pods on tainted nodes tolerate that no longer.
    tolerating: BTreeSet<(SimTime, HostId, JobId)>,
    jobs: JobController,
    /// Whether any job has a controller, so that it matters when pods started.
    jobs_fail: bool,
    starts: BTreeMap<JobId, SimTime>,
    /// Pods that are made when a back-off is over.
    delayed: BTreeSet<(SimTime, JobId)>,
    /// Per DaemonSet pod: when it was last made after a failure, and the back-off from there.
    daemon_failures: BTreeMap<JobId, (SimTime, SimDuration)>,
    orphans: PodGc,
    drains: BTreeMap<HostId, Drain>,
    /// Bindings on their way.
    binding: VecDeque<(SimTime, JobId, HostId)>,
    /// When the cycle under way ends.
    cycle_ends: Option<SimTime>,
    flush_asked: Option<SimTime>,
    api: store::Api,
    /// So many hosts, the first by name, are no nodes.
    masters: usize,
    /// `None`: by the number of nodes.
    decision_time: Option<SimDuration>,
    bind_latency: SimDuration,
    termination_grace: SimDuration,
    start_delay: SimDuration,
    toleration: SimDuration,
    drain_retry: SimDuration,
    explained: Vec<Explained>,
}

impl Kubernetes {
    fn new(world: &World) -> Self {
        let d = |name| INFO.duration(world.options, name);
        let word = |name, word| INFO.is(world.options, name, word);
        let profile = placement(world.options.placement).and_then(|p| p.kube_profile);
        let effective = profile.map(|profile| match &world.options.scheduler {
            Some(own) => (**own).clone(),
            None => Effective::ready_made(profile).expect("ready-made profiles can be read"),
        });
        let effective = effective.map(|mut effective| {
            if word("default_spread", "none") {
                effective.args.system_defaulting = false;
            }
            effective
        });
        let seconds = |s: i64| SimDuration::from_secs(s.unsigned_abs());
        let (initial, max) =
            effective.as_ref().map_or((1, 10), |e| (e.pod_initial_backoff_seconds, e.pod_max_backoff_seconds));
        let backoff =
            Backoff { initial: seconds(initial), max: seconds(max), pop_early: word("pop_from_backoff", "on") };
        let rule = match effective {
            Some(effective) => Rule::Scheduler(Box::new(Decider::new(world, effective, word("preemption", "apply")))),
            None => Rule::Placement,
        };
        let mut books = Books::new(world, Some(MAX_PODS), true);
        for host in world.cluster.ids() {
            // Placements of our own see what is reserved as booked.
            books.bookings.reserve(host, objects::reserved(world, world.cluster.spec(host)));
        }
        Kubernetes {
            books,
            rule,
            makers: PodMaker::new(world),
            queue: SchedulingQueue::new(backoff),
            nodes: NodeLifecycle::new(world),
            pressure: vec![Pressure::default(); world.cluster.len()],
            cordoned: vec![false; world.cluster.len()],
            disruption: Disruption::new(world.workload.objects().budgets.clone()),
            healthy: BTreeSet::new(),
            leaving: BTreeMap::new(),
            tolerating: BTreeSet::new(),
            jobs: JobController::new(d("job_backoff"), d("job_backoff_max")),
            jobs_fail: world.workload.ids().any(|job| Self::controller(world, job) != Controller::Unset),
            starts: BTreeMap::new(),
            delayed: BTreeSet::new(),
            daemon_failures: BTreeMap::new(),
            orphans: PodGc::new(d("pod_gc_period"), d("orphan_quarantine")),
            drains: BTreeMap::new(),
            binding: VecDeque::new(),
            cycle_ends: None,
            flush_asked: None,
            api: store::Api::default(),
            masters: usize::try_from(INFO.number(world.options, "masters")).unwrap_or(usize::MAX),
            decision_time: match INFO.value(world.options, "decision_time") {
                ParameterValue::Duration(time) => Some(time),
                _ => None,
            },
            bind_latency: d("bind_latency"),
            termination_grace: d("termination_grace"),
            start_delay: d("start_delay"),
            toleration: d("toleration"),
            drain_retry: d("drain_retry"),
            explained: Vec::new(),
        }
    }

    /// The job's pod is created.
    fn enqueue(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        let class = self.makers.class(world, job);
        let pod = self.makers.prototype(class);
        let gated = match &self.rule {
            Rule::Scheduler(decider) => decider.gated(pod),
            Rule::Placement => false,
        };
        self.queue.add(job, pod.priority(), now.at, gated);
        self.ask_cycle(now, actions);
    }

    /// Starts a cycle if none is under way and a pod is ready. It ends after the decision time, or, without one, once
    /// all that is heard at this instant is in the queue, so that priority decides.
    fn ask_cycle(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.cycle_ends.is_none() && self.queue.ready() {
            let ends = now.at + self.cycle_length();
            self.cycle_ends = Some(ends);
            actions.push(Action::Wake(ends, CYCLE));
        }
    }

    fn cycle_length(&self) -> SimDuration {
        self.decision_time.unwrap_or_else(|| {
            let sampled = match &self.rule {
                Rule::Scheduler(decider) => decider.effective().percentage_of_nodes_to_score != 100,
                Rule::Placement => true,
            };
            decision_time(self.nodes.count() as u64, sampled)
        })
    }

    /// The cycle under way ends: one pod is decided; all that are ready where decisions take no time.
    fn end_cycle(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.cycle_ends = None;
        self.flush(now);
        while let Some(job) = self.queue.pop() {
            self.attempt(now, world, job, actions);
            if self.cycle_length() > SimDuration::ZERO {
                break;
            }
        }
        self.ask_cycle(now, actions);
        self.ask_flush(now, world, actions);
    }

    fn attempt(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        let bound = now.at + self.bind_latency + self.api.write;
        let start = bound + self.start_delay;
        let mut group = Group { class: self.makers.class(world, job), rejectors: 1 };
        // Most attempts under load are by pods that still fit nowhere.
        if let Rule::Scheduler(decider) = &mut self.rule
            && world.explain != Some(job)
            && let Some(rejectors) = decider.fails_still(world, &mut self.makers, group.class)
        {
            self.queue.failed(job, now.at, Group { rejectors, ..group });
            return;
        }
        let host = match &mut self.rule {
            Rule::Placement => self.books.place(world, job),
            Rule::Scheduler(decider) => {
                let decision = self.books.next_decision(job);
                let makers = &mut self.makers;
                let explanation = (world.explain == Some(job)).then(|| decider.explain(world, makers, job));
                let host = match decider.attempt(world, makers, (job, group.class, decision), &self.disruption) {
                    Verdict::Chosen(host) => {
                        self.books.decided(job);
                        self.books.bind(world, job, host);
                        let devices = self.books.bookings.devices(job, host);
                        decider.bind(world, &self.makers, (job, group.class, host), devices, start);
                        Some(host)
                    }
                    Verdict::Rejected { rejectors, room } => {
                        group.rejectors = rejectors;
                        if let Some((host, victims)) = room {
                            self.preempt(now, world, job, host, &victims, actions);
                        }
                        None
                    }
                };
                if let Some(explanation) = explanation {
                    self.explained.push(Explained { at: now.at, job, host, explanation });
                }
                host
            }
        };
        let Some(host) = host else {
            self.queue.failed(job, now.at, group);
            return;
        };
        self.queue.remove(job);
        self.set_healthy(world, job, !self.nodes.is_unknown(host));
        actions.extend(self.books.placed(job, host));
        // Where the old pod still terminates the new one starts when that has gone.
        if !self.leaving.contains_key(&(job, host)) {
            self.start(start, job, host, actions);
        }
        if self.nodes.is_tainted(host) {
            self.tolerate(now, world, job, host, actions);
        }
        // The news of a binding can only help pods that had been rejected before.
        if matches!(self.rule, Rule::Scheduler(_)) && self.queue.any_unschedulable() {
            self.binding.push_back((bound, job, host));
            actions.push(Action::Wake(bound, BOUND));
        }
    }

    /// Room is made for `job` on `host`: its victims are told to end.
    fn preempt(
        &mut self,
        now: Now,
        world: &World,
        job: JobId,
        host: HostId,
        victims: &[JobId],
        actions: &mut Vec<Action>,
    ) {
        let applied = INFO.is(world.options, "preemption", "apply");
        actions.push(Action::Preempt { job, host, victims: victims.len() as u32, applied });
        if !applied {
            return;
        }
        for &victim in victims {
            // One that terminates already may stand among them, under the name of the job that has been replaced.
            if self.books.host_of(victim) == Some(host) && !self.leaving.contains_key(&(victim, host)) {
                self.delete(now, world, (victim, host), Eviction::Preemption, actions);
            }
        }
    }

    /// For budgets: the pod of `job` came (1) or went for good (-1); or became healthy, or is no longer.
    fn count(&mut self, world: &World, job: JobId, expected: i64, healthy: i64) {
        if !self.disruption.is_empty() {
            let class = self.makers.class(world, job);
            self.disruption.count(class, self.makers.prototype(class), expected, healthy);
        }
    }

    /// Takes `job` off the books; where it was.
    fn unbind(&mut self, world: &World, job: JobId) -> Option<HostId> {
        let host = self.books.unbind(world, job)?;
        // An old pod of the same job on the same host stays.
        if self.leaving.get(&(job, host)).is_some_and(Leaving::is_bound) {
            self.leaving.remove(&(job, host));
        }
        self.set_healthy(world, job, false);
        self.jobs.pod_gone(job);
        self.starts.remove(&job);
        if let Rule::Scheduler(decider) = &mut self.rule {
            let class = self.makers.class(world, job);
            decider.unbind(world, &self.makers, (job, false), class, host);
        }
        Some(host)
    }

    /// The pod of `job` on `host` is gone: pods that this helps are tried again.
    fn released(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if !self.queue.any_unschedulable() {
            return;
        }
        match &self.rule {
            Rule::Placement => self.host_freed(now, world, host, actions),
            Rule::Scheduler(_) => {
                let node_name = Some(world.cluster.name(host).to_string());
                let gone = Pod { node_name, ..self.makers.pod(world, job) };
                self.happened(now, world, &ClusterEvent::PodDeleted(&gone), actions);
            }
        }
    }

    /// Something that pods wait for happened.
    fn happened(&mut self, now: Now, world: &World, event: &ClusterEvent<'_>, actions: &mut Vec<Action>) {
        if let Rule::Scheduler(decider) = &self.rule {
            let makers = &self.makers;
            if self.queue.requeue(now.at, |group, _| decider.worth(makers, group, event)) {
                self.ask_cycle(now, actions);
                self.ask_flush(now, world, actions);
            }
        }
    }

    /// Something on `host` was freed: jobs that could use it now are tried again (placements of our own).
    fn host_freed(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        let books = &self.books;
        if self.queue.requeue(now.at, |_, job| books.could_use(world, job, host)) {
            self.ask_cycle(now, actions);
            self.ask_flush(now, world, actions);
        }
    }

    /// The pod of `job` waits no longer.
    fn dequeue(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        self.queue.remove(job);
        self.delayed.retain(|(_, delayed)| *delayed != job);
        self.orphans.forget(job);
        let mut pod = None;
        if let Rule::Scheduler(decider) = &mut self.rule {
            let key = objects::key(world, job);
            if let Some(node) = decider.forget(&key) {
                pod = Some(Pod { nominated_node: Some(node), ..self.makers.pod(world, job) });
            }
        }
        if let Some(pod) = pod {
            self.happened(now, world, &ClusterEvent::PodDeleted(&pod), actions);
        }
    }

    /// What is known of `host` changed: the scheduler sees it with other taints, or no longer.
    fn show(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        let h = host.index();
        let there = self.nodes.is_there(host);
        let conditions = Conditions {
            unreachable: self.nodes.is_unknown(host),
            pressure: self.pressure[h],
            cordoned: self.cordoned[h],
        };
        self.books.bookings.set_open(host, there && conditions == Conditions::default());
        match &mut self.rule {
            Rule::Placement => {
                if self.books.bookings.is_open(host) {
                    self.host_freed(now, world, host, actions);
                }
            }
            Rule::Scheduler(decider) => {
                if let Some((old, new)) = decider.show(world, host, there.then_some(conditions)) {
                    match (&old, &new) {
                        (None, Some(new)) => self.happened(now, world, &ClusterEvent::NodeAdded(new), actions),
                        (Some(old), Some(new)) => {
                            self.happened(now, world, &ClusterEvent::NodeUpdated { old, new }, actions);
                        }
                        (Some(old), None) => self.happened(now, world, &ClusterEvent::NodeDeleted(old), actions),
                        (None, None) => {}
                    }
                }
            }
        }
    }

    /// The flushers' looks at this moment; they do nothing a second time.
    fn flush(&mut self, now: Now) {
        if now.at.0.is_multiple_of(FLUSH_PERIOD.0) {
            if self.queue.next_leftover_flush().is_some_and(|at| at <= now.at) {
                self.queue.flush_leftover(now.at);
            }
            self.queue.flush_backoff(now.at);
        }
    }

    /// Asks for the next look that could do something.
    fn ask_flush(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let next = if world.every_tick {
            Some(SimTime((now.at.0 / FLUSH_PERIOD.0 + 1) * FLUSH_PERIOD.0))
        } else {
            self.queue.next_backoff_flush().into_iter().chain(self.queue.next_leftover_flush()).min()
        };
        // While the API was frozen a look may have been missed.
        let missed = |next: &SimTime| *next < now.at;
        let after = SimTime((now.at.0 / FLUSH_PERIOD.0 + 1) * FLUSH_PERIOD.0);
        if let Some(next) = next.map(|next| if missed(&next) { after } else { next })
            && self.flush_asked.is_none_or(|asked| asked > next)
        {
            self.flush_asked = Some(next);
            actions.push(Action::Wake(next, FLUSH));
        }
    }

    /// A host is heard, for the first time or again.
    fn host_up(&mut self, now: Now, world: &World, host: HostId, live: &[JobId], actions: &mut Vec<Action>) {
        let silent_since = self.nodes.silent_since(host);
        if self.nodes.up(now, host, actions) {
            actions.push(Action::Lost(host, false));
            self.untaint(host);
            if !self.disruption.is_empty() {
                for job in self.books.on(host) {
                    let leaving = self.leaving.get(&(job, host)).is_some_and(Leaving::is_bound);
                    self.set_healthy(world, job, !leaving);
                }
            }
        }
        self.leaving_heard(now, world, host, live, actions);
        let (missing, stale) = self.books.differences(host, live);
        for job in missing {
            self.missing(now, world, (job, host), silent_since, actions);
        }
        for job in stale.into_iter().filter(|job| !self.leaving.contains_key(&(*job, host))) {
            actions.push(Action::Stop(job, host, now.at + self.start_delay));
        }
        self.show(now, world, host, actions);
        self.end_leaving(now, world, actions);
    }

    fn untaint(&mut self, host: HostId) {
        self.tolerating.retain(|(_, h, _)| *h != host);
    }

    /// A pass of the node lifecycle controller.
    fn monitor_nodes(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        for decision in self.nodes.pass(now, world) {
            match decision {
                Decision::Unknown(host) => {
                    self.show(now, world, host, actions);
                    actions.push(Action::Lost(host, true));
                    if !self.disruption.is_empty() {
                        for job in self.books.on(host) {
                            self.set_healthy(world, job, false);
                        }
                    }
                }
                Decision::Taint(host) => {
                    for job in self.books.on(host) {
                        self.tolerate(now, world, job, host, actions);
                    }
                }
                Decision::Untaint(host) => self.untaint(host),
            }
        }
        self.nodes.passed(now, world, actions);
    }

    /// An attempt ended, and will not go on there.
    fn ended(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        outcome: Outcome,
        actions: &mut Vec<Action>,
    ) {
        let replace = matches!(outcome, Outcome::Evicted | Outcome::Failed);
        if replace && self.leaving.contains_key(&(job, host)) {
            self.left(now, world, (job, host), false, actions);
            return;
        }
        // News of an old copy leaves the new one where it is.
        if replace && self.books.host_of(job) != Some(host) {
            return;
        }
        if !replace {
            self.count(world, job, -1, 0);
            if outcome == Outcome::Finished {
                self.jobs.succeeded(job);
            }
            self.jobs.leaves(job);
            self.drop_leaving(now, world, job, Some(host), actions);
        }
        match self.unbind(world, job) {
            None => self.dequeue(now, world, job, actions),
            Some(bound) => {
                actions.push(Action::Cancel(job));
                if replace {
                    self.failed(now, world, job, actions);
                } else if bound != host {
                    actions.push(Action::Stop(job, bound, now.at));
                }
                self.released(now, world, job, bound, actions);
            }
        }
    }

    /// What the controllers do at fixed times, before anything else that is woken at that moment.
    fn periodic(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if self.nodes.is_due(now) {
            self.monitor_nodes(now, world, actions);
        }
        for job in self.orphans.look(now, world.every_tick, actions) {
            // A Job may have failed with the one before.
            if self.jobs.knows(world, job) {
                self.gone(now, world, job, actions);
            }
        }
    }

    fn heard(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin => {
                self.nodes.begin(now, world, actions);
                self.ask_flush(now, world, actions);
                if world.every_tick {
                    self.orphans.ask(now, now.at, actions);
                }
            }
            Heard::Arrived(job) => {
                self.count(world, job, 1, 0);
                if self.jobs.joins(world, job) {
                    self.create(now, world, job, actions);
                } else {
                    self.abandon(world, job, actions);
                }
            }
            Heard::Store(level) => self.store(now, world, level, actions),
            Heard::Ended { job, host, outcome } => self.ended(now, world, (job, host), outcome, actions),
            Heard::Removed(job) => {
                self.count(world, job, -1, 0);
                self.jobs.leaves(job);
                self.drop_leaving(now, world, job, None, actions);
                match self.unbind(world, job) {
                    Some(host) => self.released(now, world, job, host, actions),
                    None => self.dequeue(now, world, job, actions),
                }
            }
            Heard::Restarts(job, host) => {
                self.restarted(now, world, job, host, actions);
            }
            Heard::HostUp { host, live } => self.host_up(now, world, host, live, actions),
            Heard::HostSilent(host) => self.nodes.silent(now, host, world, actions),
            Heard::HostLeft(host) => {
                self.nodes.left(now, host, actions);
                self.pressure[host.index()] = Pressure::default();
                self.cordoned[host.index()] = false;
                self.drains.remove(&host);
                self.untaint(host);
                self.orphan_pods(now, world, host, actions);
                self.show(now, world, host, actions);
            }
            Heard::Pressure(host, pressure) => {
                self.pressure[host.index()] = pressure;
                self.show(now, world, host, actions);
            }
            Heard::Maintenance(host, step) => self.maintenance(now, world, host, step, actions),
            Heard::Wake(CYCLE) => self.end_cycle(now, world, actions),
            Heard::Wake(FLUSH) => {
                if self.flush_asked == Some(now.at) {
                    self.flush_asked = None;
                }
                self.flush(now);
                self.ask_cycle(now, actions);
                self.ask_flush(now, world, actions);
            }
            Heard::Wake(BOUND) => {
                if let Some((_, job, host)) = self.binding.pop_front()
                    && self.books.host_of(job) == Some(host)
                {
                    let node_name = Some(world.cluster.name(host).to_string());
                    let bound = Pod { node_name, ..self.makers.pod(world, job) };
                    self.happened(now, world, &ClusterEvent::PodAdded(&bound), actions);
                }
            }
            Heard::Wake(GRACE_OVER) => self.end_leaving(now, world, actions),
            Heard::Wake(TOLERATION) => self.evict_by_taint(now, world, actions),
            Heard::Wake(CREATE) => self.create_delayed(now, world, actions),
            Heard::Wake(DRAIN) => self.retry_drains(now, world, actions),
            // NODE_MONITOR and POD_GC have had their turn before.
            Heard::Wake(_) => {}
        }
    }
}

impl Kubernetes {
    /// Something was heard while the API takes writes.
    fn take_up(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        if matches!(heard, Heard::Wake(_)) {
            self.periodic(now, world, actions);
        }
        self.heard(now, heard, world, actions);
    }
}

impl Orchestrator for Kubernetes {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        if let Some(host) = heard.host().filter(|host| host.index() < self.masters) {
            if heard == Heard::Maintenance(host, super::Maintenance::Begins) {
                actions.push(Action::Drained(host));
            }
            return;
        }
        if self.api.is_frozen() && !matches!(heard, Heard::Store(_)) {
            self.hold(now, heard, world, actions);
        } else {
            self.take_up(now, heard, world, actions);
        }
        if !self.drains.is_empty() && !self.api.is_frozen() {
            self.check_drains(actions);
        }
    }

    fn failure_news(&self, world: &World, job: JobId) -> FailureNews {
        let spec = world.workload.spec(job);
        match spec.controller {
            Controller::Unset | Controller::Naked => FailureNews::None,
            Controller::Job { in_place: true, .. } => FailureNews::Restarts,
            Controller::Job { in_place: false, .. } => FailureNews::Final,
            _ if spec.restart == RestartPolicy::Never => FailureNews::Final,
            _ => FailureNews::None,
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        let decider = match &self.rule {
            Rule::Scheduler(decider) => decider.look_ahead(soon),
            Rule::Placement => 0,
        };
        self.books.look_ahead(soon) ^ decider
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

    fn take_explained(&mut self) -> Vec<Explained> {
        std::mem::take(&mut self.explained)
    }
}
