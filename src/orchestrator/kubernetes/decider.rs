//! kube-scheduler's decisions in a replay: keeps [`crate::kube`]'s cache in step with what the control plane did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::disruption::Disruption;
use super::failures::Failures;
use super::gpu_share;
use super::objects::{self, Conditions, PodMaker};
use super::queue::Group;
use crate::ids::{HostId, JobId};
use crate::kube::config::Effective;
use crate::kube::cycle::{Attempt, Nomination, Scheduler};
use crate::kube::explain::Explanation;
use crate::kube::framework::PLUGINS;
use crate::kube::hint::ClusterEvent;
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

    /// Tries `pod` of `class`; `decision` is the number of the choice among equals.
    pub fn attempt(
        &mut self,
        world: &World,
        pod: &mut Pod,
        (class, decision): (u32, u32),
        disruption: &Disruption,
    ) -> Verdict {
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
    pub fn fails_still(&mut self, world: &World, pod: &Pod, class: u32) -> Option<u32> {
        let changed = self.failures.changed_since(class).filter(|_| !world.every_tick)?;
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
    pub fn explain(&mut self, pod: &mut Pod) -> Explanation {
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

    /// `pod` is bound (assumed, at first) to `host`; it will have started at `start`.
    pub fn bind(&mut self, world: &World, mut pod: Pod, host: HostId, devices: &[u16], start: SimTime) {
        self.scheduler.nominator.clear(&pod.key);
        pod.nominated_node = None;
        pod.node_name = Some(world.cluster.name(host).to_string());
        pod.start_time_ns = Some(nanoseconds(start));
        pod.devices = devices.to_vec();
        *self.priorities.entry(pod.priority()).or_insert(0) += 1;
        self.failures.changed(host);
        self.scheduler.cache.add_pod(world.cluster.name(host), Arc::new(pod));
    }

    /// The pod of that key and priority is no longer on `host`.
    pub fn unbind(&mut self, world: &World, key: &str, priority: i32, host: HostId) {
        self.scheduler.cache.remove_pod(world.cluster.name(host), key);
        self.failures.changed(host);
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
    }

    /// A bound pod begins to terminate, `preempted` or not, under the name `new_key` from now on.
    pub fn mark_leaving(&mut self, world: &World, key: &str, new_key: String, host: HostId, preempted: bool) {
        let node = world.cluster.name(host);
        if let Some(pod) = self.scheduler.cache.pod(node, key) {
            let leaving = Pod { key: new_key, deleting: true, preempted, ..(*pod).clone() };
            self.scheduler.cache.remove_pod(node, key);
            self.scheduler.cache.add_pod(node, Arc::new(leaving));
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
        Some((old, new))
    }

    /// Whether `event` is worth another attempt for the jobs of `group`.
    pub fn worth(&self, makers: &PodMaker, group: Group, event: &ClusterEvent<'_>) -> bool {
        let pod = makers.prototype(group.class);
        self.scheduler.framework.worth_requeuing(&self.scheduler.world, pod, &names(group.rejectors), event)
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
