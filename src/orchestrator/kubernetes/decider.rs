//! kube-scheduler's decisions in a replay: keeps [`crate::kube`]'s cache in step with what the control plane did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::disruption::Disruption;
use super::failures::Failures;
use super::gpu_share;
use super::objects::{self, Conditions, PodMaker};
use super::queue::Group;
use super::quick::Quick;
use crate::ids::{HostId, JobId};
use crate::kube::config::Effective;
use crate::kube::cycle::{Attempt, Nomination, Scheduler};
use crate::kube::explain::Explanation;
use crate::kube::framework::PLUGINS;
use crate::kube::hint::ClusterEvent;
use crate::kube::indexed::Answer;
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::tie_break;
use crate::orchestrator::{TieBreak, World};
use crate::units::SimTime;

/// The bit of plugins that are not in the table.
const OTHERS: u32 = 1 << 31;

/// What an attempt came to.
pub(super) enum Verdict {
    /// A node was chosen.
    Chosen(HostId),
    /// None fits.
    Rejected {
        /// The plugins that said so, a bit each; 0 after an error, and where there are no nodes.
        rejectors: u32,
        /// Where room could be made, and by whose leave; the nomination is made if preemption takes effect.
        room: Option<(HostId, Vec<JobId>)>,
    },
}

/// kube-scheduler with the objects it sees.
pub(super) struct Decider {
    scheduler: Scheduler,
    /// In which condition each node was last shown; `None`: it is not there.
    shown: Vec<Option<Conditions>>,
    /// Whether preemption takes effect.
    preempts: bool,
    failures: Failures,
    quick: Quick,
    /// The pod that the whole cycle tried last, to be bound as it is.
    tried: Option<Pod>,
    /// Bound pods by priority: without one of lower priority nobody can be preempted.
    priorities: BTreeMap<i32, u32>,
}

impl Decider {
    /// Nothing is there yet.
    pub fn new(world: &World, effective: Effective, preempts: bool) -> Self {
        let mut scheduler = Scheduler::new(effective, objects::listed(world))
            .expect("arguments of plugins are checked when a configuration is read");
        if world.workload.ids().any(|job| !world.workload.spec(job).gpus.is_empty()) {
            gpu_share::add(&mut scheduler.framework);
        }
        Decider {
            quick: Quick::new(world, &scheduler),
            tried: None,
            scheduler,
            shown: vec![None; world.cluster.len()],
            preempts,
            failures: Failures::default(),
            priorities: BTreeMap::new(),
        }
    }

    /// The profile.
    pub fn effective(&self) -> &Effective {
        &self.scheduler.framework.effective
    }

    /// Whether a scheduling gate keeps the pod out of the queue.
    pub fn gated(&self, pod: &Pod) -> bool {
        self.scheduler.gate(pod).is_some()
    }

    /// Tries the pod of `job`, of `class`; `decision` is the number of the choice among equals.
    pub fn attempt(
        &mut self,
        world: &World,
        makers: &mut PodMaker,
        (job, class, decision): (JobId, u32, u32),
        disruption: &Disruption,
    ) -> Verdict {
        self.tried = None;
        let prototype = makers.prototype(class);
        match self.quick.attempt(world, &mut self.scheduler, (job, class, decision), prototype) {
            Some(Answer::Node(position, _)) => return Verdict::Chosen(self.quick.host(position)),
            Some(Answer::Nowhere(plugins)) if !self.could_preempt(prototype) => {
                return Verdict::Rejected { rejectors: bits(&plugins), room: None };
            }
            // Who could be preempted for it the whole cycle says.
            Some(Answer::Nowhere(_)) | None => {}
        }
        let mut pod = makers.pod(world, job);
        let verdict = self.whole(world, makers, &mut pod, (class, decision), disruption);
        self.tried = Some(pod);
        verdict
    }

    /// The whole cycle.
    fn whole(
        &mut self,
        world: &World,
        makers: &mut PodMaker,
        pod: &mut Pod,
        (class, decision): (u32, u32),
        disruption: &Disruption,
    ) -> Verdict {
        self.quick.catch_up(world, &mut self.scheduler, makers);
        if self.could_preempt(pod) {
            disruption.update(&mut self.scheduler.world.budgets);
        }
        pod.nominated_node = self.scheduler.nominator.node(&pod.key).map(str::to_string);
        let attempt = self.scheduler.schedule(pod);
        match self.chosen(world, &attempt, JobId(pod.tag), decision) {
            Some(host) => Verdict::Chosen(host),
            None => {
                let rejectors = if attempt.error { 0 } else { bits(&attempt.unschedulable_plugins) };
                self.note_failure(world, pod, class, &attempt);
                Verdict::Rejected { rejectors, room: self.make_room(world, pod, &attempt) }
            }
        }
    }

    /// Whether any bound pod is of lower priority.
    fn could_preempt(&self, pod: &Pod) -> bool {
        self.priorities.first_key_value().is_some_and(|(lowest, _)| *lowest < pod.priority())
    }

    /// The plugins that reject pods of `class` if one failed before, node by node and without hope of preemption, and
    /// the nodes that changed since reject it as well. As an attempt of that kind it moves nothing: all nodes were
    /// looked at, so that the next search starts where this one did.
    pub fn fails_still(&mut self, world: &World, makers: &mut PodMaker, class: u32) -> Option<u32> {
        let changed = self.failures.changed_since(class).filter(|_| !world.every_tick)?;
        let pod = &Arc::clone(makers.prototype(class));
        self.quick.catch_up(world, &mut self.scheduler, makers);
        if changed.is_empty() && self.scheduler.nominator.is_empty() && !self.could_preempt(pod) {
            return Some(self.failures.rejectors(class));
        }
        let names = changed.iter().map(|&host| world.cluster.name(host));
        let rejected = if self.could_preempt(pod) { None } else { self.scheduler.recheck(pod, names) };
        let Some(rejected) = rejected else {
            self.failures.forget(class);
            return None;
        };
        let found = |name: &str| world.cluster.find(name).expect("nodes are hosts");
        let rejected = rejected.into_iter().map(|(name, plugin)| (found(name), bit(plugin)));
        self.failures.failed(class, world.cluster.len(), rejected);
        Some(self.failures.rejectors(class))
    }

    fn note_failure(&mut self, world: &World, pod: &Pod, class: u32, attempt: &Attempt) {
        if !world.every_tick && !self.could_preempt(pod) && attempt.failed_node_by_node(&self.scheduler) {
            let nodes = &self.scheduler.snapshot.nodes;
            let host = |position: usize| world.cluster.find(&nodes[position].node.name).expect("nodes are hosts");
            let rejected = attempt.rejected.iter().map(|(position, status)| (host(*position), bit(status.plugin)));
            self.failures.failed(class, world.cluster.len(), rejected);
        }
    }

    /// Why `pod` would go where it would go now.
    pub fn explain(&mut self, world: &World, makers: &mut PodMaker, job: JobId) -> Explanation {
        self.quick.catch_up(world, &mut self.scheduler, makers);
        let pod = &mut makers.pod(world, job);
        pod.nominated_node = self.scheduler.nominator.node(&pod.key).map(str::to_string);
        self.scheduler.explain(pod)
    }

    /// The node of the highest total, equals told apart by the run's rule.
    fn chosen(&self, world: &World, attempt: &Attempt, job: JobId, decision: u32) -> Option<HostId> {
        let rule = match world.options.tie_break {
            TieBreak::First | TieBreak::RoundRobin => tie_break::TieBreak::First,
            TieBreak::Heap => tie_break::TieBreak::Heap,
            TieBreak::Random => tie_break::TieBreak::Random(world.seed),
        };
        let position = rule.choose(attempt, job.0, decision)?;
        self.host_at(world, position)
    }

    fn host_at(&self, world: &World, position: usize) -> Option<HostId> {
        world.cluster.find(&self.scheduler.snapshot.nodes[position].node.name)
    }

    /// What PostFilter did for a pod that fits nowhere.
    fn make_room(&mut self, world: &World, pod: &Pod, attempt: &Attempt) -> Option<(HostId, Vec<JobId>)> {
        let report = attempt.post_filter.as_ref().filter(|_| !attempt.error);
        match report.map(|r| r.nomination) {
            Some(Nomination::Keep) => None,
            None | Some(Nomination::Clear) => {
                self.scheduler.nominator.clear(&pod.key);
                None
            }
            Some(Nomination::Node(position)) => {
                let host = self.host_at(world, position)?;
                let candidate = report?.preemption.as_ref()?.chosen()?;
                let victims = candidate.victims.iter().map(|victim| JobId(victim.tag)).collect();
                if self.preempts {
                    self.nominate(pod, world.cluster.name(host));
                }
                Some((host, victims))
            }
        }
    }

    /// Reserves the room for `pod`, and ends the nominations of lower priority there.
    fn nominate(&mut self, pod: &Pod, node: &str) {
        let nominator = &mut self.scheduler.nominator;
        let lower: Vec<String> = nominator
            .of_node(node)
            .iter()
            .filter(|other| other.priority() < pod.priority())
            .map(|other| other.key.clone())
            .collect();
        for key in lower {
            nominator.clear(&key);
        }
        let nominated = Pod { nominated_node: Some(node.into()), ..pod.clone() };
        nominator.set(Arc::new(nominated), node);
    }

    /// The pod of `job` that was tried last is bound (assumed, at first) to `host`; it will have started at `start`.
    pub fn bind(
        &mut self,
        world: &World,
        makers: &PodMaker,
        (job, class, host): (JobId, u32, HostId),
        devices: &[u16],
        start: SimTime,
    ) {
        let pod = self.tried.take().map(|pod| {
            self.scheduler.nominator.clear(&pod.key);
            Arc::new(bound(pod, world.cluster.name(host), devices, start))
        });
        let prototype = makers.prototype(class);
        *self.priorities.entry(prototype.priority()).or_insert(0) += 1;
        self.failures.changed(host);
        self.quick.bind(world, &mut self.scheduler, (job, class, host, start), prototype, pod);
    }

    /// Reads what is kept of hosts that pods come to or leave; the number only depends on what was read.
    pub fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.quick.look_ahead(soon)
    }

    /// The pod of `job`, of `class`, is no longer on `host`; `old`: it was there under another name.
    pub fn unbind(&mut self, world: &World, makers: &PodMaker, (job, old): (JobId, bool), class: u32, host: HostId) {
        self.quick.unbind(world, &mut self.scheduler, (job, old), class, host);
        self.failures.changed(host);
        let priority = makers.prototype(class).priority();
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
    }

    /// The bound pod of `job` begins to terminate, `preempted` or not, from now on under the name `old_key`, if there is one.
    pub fn mark_leaving(
        &mut self,
        world: &World,
        makers: &mut PodMaker,
        (job, host): (JobId, HostId),
        old_key: Option<String>,
        preempted: bool,
    ) {
        self.quick.catch_up(world, &mut self.scheduler, makers);
        let (node, key) = (world.cluster.name(host), objects::key(world, job));
        if let Some(pod) = self.scheduler.cache.pod(node, &key) {
            let old = old_key.is_some();
            let key = old_key.unwrap_or(key);
            let leaving = Pod { key, deleting: true, preempted, ..(*pod).clone() };
            self.quick.rename(&mut self.scheduler, node, job, host, Arc::new(leaving), old);
        }
    }

    /// The pod waits no longer: its nomination ends. The node that it was nominated to.
    pub fn forget(&mut self, key: &str) -> Option<String> {
        let nominated = self.scheduler.nominator.node(key).map(str::to_string);
        self.scheduler.nominator.clear(key);
        nominated
    }

    /// Shows a node in this condition (`None`: it is gone). Gives it as it was and as it is, if that is news.
    pub fn show(
        &mut self,
        world: &World,
        host: HostId,
        conditions: Option<Conditions>,
    ) -> Option<(Option<Node>, Option<Node>)> {
        let was = std::mem::replace(&mut self.shown[host.index()], conditions);
        if was == conditions {
            return None;
        }
        let spec = world.cluster.spec(host);
        let node = |conditions: Option<Conditions>| conditions.map(|c| objects::node(world, spec, c));
        let (old, new) = (node(was), node(conditions));
        if old.is_some() && new.is_some() {
            self.failures.changed(host);
        } else {
            self.failures.forget_all();
        }
        match &new {
            Some(new) => self.scheduler.cache.set_node(new.clone()),
            None => {
                self.scheduler.cache.remove_node(&spec.name);
            }
        }
        self.quick.shown(&self.scheduler, host, old.as_ref(), new.as_ref());
        Some((old, new))
    }

    /// Whether `event` is worth another attempt for the jobs of `group`.
    pub fn worth(&self, makers: &PodMaker, group: Group, event: &ClusterEvent<'_>) -> bool {
        let pod = makers.prototype(group.class);
        self.scheduler.framework.worth_requeuing(&self.scheduler.world, pod, &names(group.rejectors), event)
    }
}

/// A pod as it is once it is bound.
pub(super) fn bound(pod: Pod, node: &str, devices: &[u16], start: SimTime) -> Pod {
    Pod {
        nominated_node: None,
        node_name: Some(node.to_string()),
        start_time_ns: Some(nanoseconds(start)),
        devices: devices.to_vec(),
        ..pod
    }
}

/// Nanoseconds since the run began, as pods' start times are compared.
fn nanoseconds(at: SimTime) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// A bit for each plugin, by its place in the table.
fn bits(plugins: &BTreeSet<&'static str>) -> u32 {
    plugins.iter().map(|name| bit(name)).fold(0, |all, bit| all | bit)
}

fn bit(plugin: &str) -> u32 {
    PLUGINS.iter().position(|p| p.name == plugin).map_or(OTHERS, |i| 1 << i)
}

/// The plugins of those bits.
fn names(bits: u32) -> BTreeSet<&'static str> {
    let table = PLUGINS.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, p)| p.name);
    let others = (bits & OTHERS != 0).then_some(gpu_share::INFO.name);
    table.chain(others).collect()
}
