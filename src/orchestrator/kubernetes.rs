//! `kubernetes`: kube-scheduler, kubelet and node lifecycle controller, v1.36.3 defaults.
//!
//! Pods wait in the real scheduling queue and are tried one after the other, each attempt taking its time; with a
//! `kube-…` placement the decisions are those of [`crate::kube`], preemption included, with any other the placement's.
//! A cycle is taken as one moment, at its end: what comes within it is seen by it. A silent node is noticed through its
//! lease and its pods are deleted after their toleration, one node every 10 s, with the brake on large failures.
//!
//! Departures: the replacement of a preempted pod enters the queue when the pod is gone, as for a StatefulSet (a
//! ReplicaSet makes it at once, so that it may find another place up to a grace period sooner); calls to the API server
//! take no time but the binding's; nothing lifts scheduling gates.

mod decider;
mod disruption;
mod failures;
mod gpu_share;
mod node_lifecycle;
mod objects;
mod queue;

use std::collections::{BTreeMap, VecDeque};

use super::{
    Action, Books, Enforcement, Explained, Heard, Now, Orchestrator, OrchestratorInfo, Outcome, ParameterInfo,
    ParameterValue, RestartRule, World,
};
use crate::host::daemon;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::kube::config::Effective;
use crate::kube::hint::ClusterEvent;
use crate::kube::object::pod::Pod;
use crate::placement::placement;
use crate::units::{SimDuration, SimTime};
use decider::{Decider, Verdict};
use node_lifecycle::{Decision, NodeLifecycle};
use objects::{Conditions, MAX_PODS, PodMaker};
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
    qos: true,
    daemons: &[daemon::KUBELET, daemon::CONTAINERD],
    kernel: Era::Signed,
    parameters: &[
        ParameterInfo {
            name: "decision_time",
            default: BY_NODES,
            words: &[BY_NODES, ParameterInfo::A_DURATION],
            summary: "time from taking a pod off the queue to its decision",
            source: "measured, kube-scheduler v1.36.3 at parallelism 1 (0.27 ms at 100 nodes, 1.1 ms at 1000, 2.3 ms at 10000)",
            range: "",
        },
        ParameterInfo {
            name: "bind_latency",
            default: "10ms",
            words: &[],
            summary: "time from a decision to the binding that kubelet and scheduler see",
            source: "assumed (one write to the API server and the watch's news of it)",
            range: "1ms to 100ms",
        },
        ParameterInfo {
            name: "pop_from_backoff",
            default: "on",
            words: &["on", "off"],
            summary: "whether an idle scheduler takes pods before their back-off is over",
            source: "kube-scheduler gate SchedulerPopFromBackoffQ, v1.36.3",
            range: "",
        },
        ParameterInfo {
            name: "preemption",
            default: "apply",
            words: &["apply", "report"],
            summary: "whether pods of lower priority are evicted, or only counted as victims",
            source: "kube-scheduler DefaultPreemption, v1.36.3",
            range: "",
        },
        ParameterInfo {
            name: "default_spread",
            default: "system",
            words: &["system", "none"],
            summary: "whether the pods of an app without constraints of its own are drawn apart over hosts and zones",
            source: "kube-scheduler PodTopologySpread defaultingType: System, v1.36.3; none is List without constraints",
            range: "",
        },
        ParameterInfo {
            name: "termination_grace",
            default: "30s",
            words: &[],
            summary: "time a preempted pod takes to end, unless its manifest says terminationGracePeriodSeconds",
            source: "API default of terminationGracePeriodSeconds, v1.36.3; a process that heeds SIGTERM ends sooner",
            range: "",
        },
        ParameterInfo {
            name: "start_delay",
            default: "1s",
            words: &[],
            summary: "time from binding to the container's start, image present",
            source: "assumed (kubelet watch, sandbox and start; PLEG relists every 1 s)",
            range: "500ms to 10s",
        },
        ParameterInfo {
            name: "lease_renew",
            default: "10s",
            words: &[],
            summary: "time between lease renewals of a kubelet",
            source: "kubelet nodeLeaseDurationSeconds 40 x 0.25, v1.36.3",
            range: "",
        },
        ParameterInfo {
            name: "monitor_period",
            default: "5s",
            words: &[],
            summary: "time between node lifecycle passes",
            source: "kube-controller-manager nodeMonitorPeriod, v1.36.3",
            range: "",
        },
        ParameterInfo {
            name: "monitor_grace",
            default: "50s",
            words: &[],
            summary: "silence after which a node is Unknown",
            source: "kube-controller-manager nodeMonitorGracePeriod, v1.36.3 (40s before v1.32)",
            range: "",
        },
        ParameterInfo {
            name: "node_eviction_interval",
            default: "10s",
            words: &[],
            summary: "least time between the taints of two Unknown nodes",
            source: "kube-controller-manager nodeEvictionRate 0.1/s, v1.36.3",
            range: "",
        },
        ParameterInfo {
            name: "toleration",
            default: "300s",
            words: &[],
            summary: "how long pods tolerate an unreachable node before they are deleted and replaced",
            source: "admission DefaultTolerationSeconds, v1.36.3",
            range: "",
        },
    ],
    choices: &[
        ["kubernetes: a job's controller", "every job has one that replaces it", "none yet (naked pods would be lost)"],
        [
            "kubernetes: equal scores",
            "lowest name (tie_break: first)",
            "`heap` (what v1.36.3 does at parallelism 1), `random`",
        ],
        ["kubernetes: a victim's replacement", "enters the queue when the victim is gone", "none yet"],
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
/// A victim's grace is over.
const GRACE_OVER: u64 = 4;

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

/// A preempted pod that has not ended yet.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    host: HostId,
    /// When its grace is over.
    until: SimTime,
}

struct Kubernetes {
    books: Books,
    rule: Rule,
    makers: PodMaker,
    queue: SchedulingQueue,
    nodes: NodeLifecycle,
    pressure: Vec<bool>,
    /// Preempted pods.
    leaving: BTreeMap<JobId, Leaving>,
    /// Bindings on their way.
    binding: VecDeque<(SimTime, JobId, HostId)>,
    /// When the cycle under way ends.
    cycle_ends: Option<SimTime>,
    flush_asked: Option<SimTime>,
    /// `None`: by the number of nodes.
    decision_time: Option<SimDuration>,
    bind_latency: SimDuration,
    termination_grace: SimDuration,
    start_delay: SimDuration,
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
        Kubernetes {
            books: Books::new(world, Some(MAX_PODS), true),
            rule,
            makers: PodMaker::new(world),
            queue: SchedulingQueue::new(backoff),
            nodes: NodeLifecycle::new(world),
            pressure: vec![false; world.cluster.len()],
            leaving: BTreeMap::new(),
            binding: VecDeque::new(),
            cycle_ends: None,
            flush_asked: None,
            decision_time: match INFO.value(world.options, "decision_time") {
                ParameterValue::Duration(time) => Some(time),
                _ => None,
            },
            bind_latency: d("bind_latency"),
            termination_grace: d("termination_grace"),
            start_delay: d("start_delay"),
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
        let start = now.at + self.bind_latency + self.start_delay;
        let mut group = Group { class: self.makers.class(world, job), rejectors: 1 };
        // Most attempts under load are by pods that still fit nowhere.
        if let Rule::Scheduler(decider) = &mut self.rule
            && world.explain != Some(job)
            && let Some(rejectors) = decider.fails_still(world, self.makers.prototype(group.class), group.class)
        {
            self.queue.failed(job, now.at, Group { rejectors, ..group });
            return;
        }
        let host = match &mut self.rule {
            Rule::Placement => self.books.place(world, job),
            Rule::Scheduler(decider) => {
                let mut pod = self.makers.pod(world, job);
                let decision = self.books.next_decision(job);
                let explanation = (world.explain == Some(job)).then(|| decider.explain(&mut pod));
                let host = match decider.attempt(world, &mut pod, group.class, decision) {
                    Verdict::Chosen(host) => {
                        self.books.decided(job);
                        self.books.bind(world, job, host);
                        let devices = self.books.bookings.devices(job, host);
                        decider.bind(world, pod, host, devices, start);
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
        self.count(world, job, 0, 1);
        actions.push(Action::Place(job, host));
        actions.push(Action::Start(job, host, start));
        // The news of a binding can only help pods that had been rejected before.
        if matches!(self.rule, Rule::Scheduler(_)) && self.queue.any_unschedulable() {
            self.binding.push_back((now.at + self.bind_latency, job, host));
            actions.push(Action::Wake(now.at + self.bind_latency, BOUND));
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
            // Another preemptor may have chosen it before.
            if self.leaving.contains_key(&victim) {
                continue;
            }
            let class = self.makers.class(world, victim);
            let grace = match self.makers.prototype(class).grace_seconds {
                Some(seconds) => SimDuration::from_secs(seconds.max(0).unsigned_abs()),
                None => self.termination_grace,
            };
            let until = now.at + grace;
            self.leaving.insert(victim, Leaving { host, until });
            self.count(world, victim, 0, -1);
            if let Rule::Scheduler(decider) = &mut self.rule {
                decider.mark_preempted(world, &objects::key(world, victim), host);
            }
            actions.push(Action::Wake(until, GRACE_OVER));
        }
    }

    /// Victims whose grace is over end, where their kubelet can be reached.
    fn end_victims(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let due: Vec<(JobId, HostId)> = self
            .leaving
            .iter()
            .filter(|(_, leaving)| leaving.until <= now.at && !self.nodes.is_silent(leaving.host))
            .map(|(job, leaving)| (*job, leaving.host))
            .collect();
        for (job, host) in due {
            actions.push(Action::Evict(job, host));
            self.unbind(world, job);
            self.released(now, world, job, host, actions);
            self.enqueue(now, world, job, actions);
        }
    }

    /// For budgets: the pod of `job` came (1) or went for good (-1); or became healthy, or is no longer.
    fn count(&mut self, world: &World, job: JobId, expected: i64, healthy: i64) {
        if let Rule::Scheduler(decider) = &mut self.rule {
            let class = self.makers.class(world, job);
            decider.count(class, self.makers.prototype(class), expected, healthy);
        }
    }

    /// Takes `job` off the books; where it was.
    fn unbind(&mut self, world: &World, job: JobId) -> Option<HostId> {
        let host = self.books.unbind(world, job)?;
        if self.leaving.remove(&job).is_none() {
            self.count(world, job, 0, -1);
        }
        if let Rule::Scheduler(decider) = &mut self.rule {
            let class = self.makers.class(world, job);
            let priority = self.makers.prototype(class).priority();
            decider.unbind(world, &objects::key(world, job), priority, host);
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
        let conditions = Conditions { unreachable: self.nodes.is_unknown(host), pressure: self.pressure[h] };
        self.books.bookings.open[h] = there && conditions == Conditions::default();
        match &mut self.rule {
            Rule::Placement => {
                if self.books.bookings.open[h] {
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
        if let Some(next) = next
            && self.flush_asked.is_none_or(|asked| asked > next)
        {
            self.flush_asked = Some(next);
            actions.push(Action::Wake(next, FLUSH));
        }
    }

    fn delete_pods(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        for job in self.books.on(host) {
            actions.push(Action::GiveUp { job, host, evicted: true });
            actions.push(Action::Cancel(job));
            self.unbind(world, job);
            self.released(now, world, job, host, actions);
            self.enqueue(now, world, job, actions);
        }
    }
}

impl Orchestrator for Kubernetes {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin => {
                self.nodes.begin(now, world, actions);
                self.ask_flush(now, world, actions);
            }
            Heard::Arrived(job) => {
                self.count(world, job, 1, 0);
                self.enqueue(now, world, job, actions);
            }
            // News of an old copy leaves the new one where it is.
            Heard::Ended { job, host, outcome: Outcome::Evicted } if self.books.host_of(job) != Some(host) => {}
            Heard::Ended { job, host, outcome } => {
                if outcome != Outcome::Evicted {
                    self.count(world, job, -1, 0);
                }
                match self.unbind(world, job) {
                    None => self.dequeue(now, world, job, actions),
                    Some(bound) => {
                        actions.push(Action::Cancel(job));
                        if outcome == Outcome::Evicted {
                            self.enqueue(now, world, job, actions);
                        } else if bound != host {
                            actions.push(Action::Stop(job, bound, now.at));
                        }
                        self.released(now, world, job, bound, actions);
                    }
                }
            }
            Heard::Removed(job) => {
                self.count(world, job, -1, 0);
                match self.unbind(world, job) {
                    Some(host) => self.released(now, world, job, host, actions),
                    None => self.dequeue(now, world, job, actions),
                }
            }
            Heard::HostUp { host, live } => {
                if self.nodes.up(now, host, actions) {
                    actions.push(Action::Lost(host, false));
                }
                let (missing, stale) = self.books.differences(host, live);
                for job in missing {
                    actions.push(Action::Start(job, host, now.at + self.start_delay));
                }
                for job in stale {
                    actions.push(Action::Stop(job, host, now.at + self.start_delay));
                }
                self.show(now, world, host, actions);
                self.end_victims(now, world, actions);
            }
            Heard::HostSilent(host) => self.nodes.silent(now, host, world, actions),
            Heard::HostLeft(host) => {
                self.nodes.left(now, host, actions);
                self.pressure[host.index()] = false;
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.unbind(world, job);
                    self.enqueue(now, world, job, actions);
                }
                self.show(now, world, host, actions);
            }
            Heard::Pressure(host, on) => {
                self.pressure[host.index()] = on;
                self.show(now, world, host, actions);
            }
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
            Heard::Wake(GRACE_OVER) => self.end_victims(now, world, actions),
            Heard::Wake(_) if self.nodes.is_due(now) => {
                for decision in self.nodes.pass(now, world) {
                    match decision {
                        Decision::Unknown(host) => {
                            self.show(now, world, host, actions);
                            actions.push(Action::Lost(host, true));
                        }
                        Decision::DeletePods(host) => self.delete_pods(now, world, host, actions),
                    }
                }
                self.nodes.passed(now, world, actions);
            }
            Heard::Wake(_) => {}
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::CrashLoop
    }

    fn replaces_evicted(&self) -> bool {
        true
    }

    fn take_explained(&mut self) -> Vec<Explained> {
        std::mem::take(&mut self.explained)
    }
}
