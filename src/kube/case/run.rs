//! The run of a case: every operation in turn, and what it leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::by_index::{self, ByIndex};
use super::report::{Step, describe};
use super::{Case, CaseResult, Eviction, Op, Options, Retry};
use crate::error::Result;
use crate::kube::cycle::{Attempt, Nomination, Scheduler, bound_pod};
use crate::kube::explain::Explanation;
use crate::kube::framework::Mutation;
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::preemption::Preemption;

/// Runs a case; see [`Case::run`].
pub(super) fn run(case: Case, mutation: Option<Mutation>, keep: Keep) -> Result<CaseResult> {
    let mut scheduler = Scheduler::new(case.effective, case.world)?;
    scheduler.framework.mutation = mutation;
    for node in case.nodes {
        scheduler.cache.set_node(node);
    }
    let node_order = scheduler.cache.node_order();
    let latest = case.bound.iter().chain(&case.pods).filter_map(|p| p.start_time_ns).max().unwrap_or(0);
    let mut run = Run {
        scheduler,
        pods: BTreeMap::new(),
        clock_ns: latest,
        steps: Vec::new(),
        keep,
        decisions: Vec::new(),
        explanations: Vec::new(),
        again: Vec::new(),
        by_index: ByIndex::default(),
        options: case.options,
    };
    for pod in case.bound {
        let node = pod.node_name.clone().unwrap_or_default();
        let pod = Arc::new(pod);
        if !pod.finished() {
            run.scheduler.cache.add_pod(&node, Arc::clone(&pod));
        }
        run.pods.insert(pod.key.clone(), Tracked { pod, at: Whereabouts::Bound(node), number: 0, attempts: 0 });
    }
    for (number, pod) in case.pods.into_iter().enumerate() {
        let pod = Arc::new(pod);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        if let Some(node) = &pod.nominated_node {
            run.scheduler.nominator.set(Arc::clone(&pod), node);
        }
        run.pods.insert(pod.key.clone(), Tracked { pod, at: Whereabouts::Pending, number, attempts: 0 });
    }
    for op in case.ops {
        run.apply_op(op);
    }
    run.try_preemptors_again();
    let effective = run.scheduler.framework.effective.to_json();
    let final_state = run.final_state();
    let Run { steps, decisions, explanations, by_index, .. } = run;
    Ok(CaseResult { effective, node_order, final_state, steps, decisions, explanations, by_index })
}

/// What is kept of every step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Keep {
    /// The steps as the vectors have them.
    pub steps: bool,
    /// Explanations.
    pub explanations: bool,
    /// What the index says beside each attempt.
    pub by_index: bool,
}

/// Whom a pod would displace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preempted {
    /// From this node.
    pub node: String,
    /// Keys of the victims, most important first.
    pub victims: Vec<String>,
}

/// What a step that asked for a pod to be placed came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decision {
    /// The pod.
    pub pod: String,
    /// Why nothing was done: it is bound, evicted, deleted or unknown.
    pub skipped: Option<&'static str>,
    /// The plugin that keeps it out of the queue.
    pub gated: Option<&'static str>,
    /// The node it was bound to.
    pub node: Option<String>,
    /// That node's total, where nodes were scored.
    pub score: Option<i64>,
    /// How many nodes had the highest total.
    pub tied: usize,
    /// The text of the FailedScheduling event.
    pub message: String,
    /// Whom it displaces.
    pub preempted: Option<Preempted>,
    /// Position of its explanation, if explanations are kept.
    pub explanation: Option<usize>,
}

/// Where a pod is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Whereabouts {
    Pending,
    Bound(String),
    Evicted,
    Deleted,
}

struct Tracked {
    pod: Arc<Pod>,
    at: Whereabouts,
    /// Position among the pods to place; names the pod in draws.
    number: u32,
    attempts: u32,
}

struct Run {
    scheduler: Scheduler,
    pods: BTreeMap<String, Tracked>,
    clock_ns: i64,
    steps: Vec<Value>,
    keep: Keep,
    decisions: Vec<Decision>,
    explanations: Vec<Explanation>,
    /// Pods that have preempted others and wait for another try, in the order in which they did.
    again: Vec<String>,
    by_index: ByIndex,
    options: Options,
}

impl Run {
    fn apply_op(&mut self, op: Op) {
        match op {
            Op::Schedule(key) => {
                // With every success of preemption pods leave, so that this ends.
                while self.schedule(&key) {}
            }
            Op::Delete(key) => self.delete(&key),
            Op::AddNode(node) => self.set_node("addNode", *node),
            Op::UpdateNode(node) => self.set_node("updateNode", *node),
            Op::RemoveNode(name) => {
                let mut step = Step::new("removeNode", "node", &name);
                if !self.scheduler.cache.remove_node(&name) {
                    step.put("skipped", "unknown");
                }
                self.keep_step(step.without_nodes());
            }
        }
    }

    fn keep_step(&mut self, step: Value) {
        if self.keep.steps {
            self.steps.push(step);
        }
    }

    /// Pods that have made room and wait for it, by priority. Who makes room once more waits once more; each time pods
    /// leave, so that this ends.
    fn try_preemptors_again(&mut self) {
        while self.options.retry == Retry::AfterOthers && !self.again.is_empty() {
            let mut round = std::mem::take(&mut self.again);
            round.sort_by_key(|key| self.pods.get(key).map(|t| std::cmp::Reverse(t.pod.priority())));
            for key in round {
                self.schedule(&key);
            }
        }
    }

    fn set_node(&mut self, op: &str, node: Node) {
        let step = Step::new(op, "node", &node.name);
        self.scheduler.cache.set_node(node);
        self.keep_step(step.without_nodes());
    }

    /// Why an op on a pod does nothing.
    fn skipped(&self, key: &str, bound_too: bool) -> Option<&'static str> {
        match self.pods.get(key).map(|t| &t.at) {
            None => Some("unknown"),
            Some(Whereabouts::Bound(_)) if bound_too => Some("bound"),
            Some(Whereabouts::Evicted) => Some("evicted"),
            Some(Whereabouts::Deleted) => Some("deleted"),
            Some(_) => None,
        }
    }

    fn delete(&mut self, key: &str) {
        let mut step = Step::new("delete", "pod", key);
        match self.skipped(key, false) {
            Some(why) => step.put("skipped", why),
            None => self.leave(key, Whereabouts::Deleted),
        }
        self.keep_step(step.without_nodes());
    }

    /// A pod goes: off its node, out of the nominations.
    fn leave(&mut self, key: &str, to: Whereabouts) {
        let Some(tracked) = self.pods.get_mut(key) else { return };
        if let Whereabouts::Bound(node) = &tracked.at {
            self.scheduler.cache.remove_pod(node, key);
        }
        tracked.at = to;
        self.nominate(key, None);
    }

    /// Sets or ends a pod's nomination, in the nominator and in the pod itself.
    fn nominate(&mut self, key: &str, node: Option<&str>) {
        self.scheduler.nominator.clear(key);
        let Some(tracked) = self.pods.get_mut(key) else { return };
        if tracked.pod.nominated_node.as_deref() != node {
            let mut pod = (*tracked.pod).clone();
            pod.nominated_node = node.map(str::to_string);
            tracked.pod = Arc::new(pod);
        }
        if let Some(node) = node {
            self.scheduler.nominator.set(Arc::clone(&tracked.pod), node);
        }
    }

    /// One attempt; whether the pod is to be tried again at once.
    fn schedule(&mut self, key: &str) -> bool {
        let mut step = Step::new("schedule", "pod", key);
        let mut decision = Decision { pod: key.to_string(), ..Decision::default() };
        if let Some(why) = self.skipped(key, true) {
            step.put("skipped", why);
            decision.skipped = Some(why);
            self.decisions.push(decision);
            self.keep_step(step.without_nodes());
            return false;
        }
        let Some(tracked) = self.pods.get_mut(key) else { return false };
        if let Some(plugin) = self.scheduler.gate(&tracked.pod) {
            step.put("gated", plugin);
            decision.gated = Some(plugin);
            self.decisions.push(decision);
            self.keep_step(step.without_nodes());
            return false;
        }
        tracked.attempts += 1;
        let (number, attempts) = (tracked.number, tracked.attempts);
        step.put("attempt", attempts);
        let pod = Arc::clone(&tracked.pod);
        if let Some(node) = &pod.nominated_node {
            step.put("nominated", node.as_str());
        }
        if self.keep.explanations {
            decision.explanation = Some(self.explanations.len());
            self.explanations.push(self.scheduler.explain(&pod));
        }
        let asks = self.keep.by_index;
        let opinion = if asks { by_index::ask(&mut self.scheduler, &pod, number, attempts) } else { None };
        let attempt = self.scheduler.schedule(&pod);
        if asks {
            self.by_index.compare(opinion, &self.scheduler, &attempt, (key, number, attempts));
        }
        let chosen = self.options.tie_break.choose(&attempt, number, attempts);
        self.fill(&mut decision, &attempt, chosen);
        let cleared = self.take_effect(&pod, &attempt, chosen);
        let preempted = decision.preempted.is_some();
        self.decisions.push(decision);
        if self.keep.steps {
            // The recorder writes 0 out where nodes may be sampled, and leaves it out elsewhere.
            if attempt.start_node != 0 || self.scheduler.framework.effective.percentage_of_nodes_to_score != 100 {
                step.put("startNode", attempt.start_node);
            }
            describe(&mut step, &attempt, &self.scheduler.snapshot, chosen, &cleared);
            self.steps.push(Value::Object(step.0));
        }
        if preempted && self.options.eviction == Eviction::Apply {
            match self.options.retry {
                Retry::AtOnce => return true,
                Retry::AfterOthers => self.again.push(key.to_string()),
                Retry::ByOperation => {}
            }
        }
        false
    }

    fn fill(&self, decision: &mut Decision, attempt: &Attempt, chosen: Option<usize>) {
        let name = |position: usize| self.scheduler.snapshot.nodes[position].node.name.clone();
        decision.message.clone_from(&attempt.message);
        decision.tied = attempt.top.len();
        if let Some(position) = chosen {
            decision.node = Some(name(position));
            decision.score = attempt.scores.as_ref().and_then(|s| s.of(position));
        }
        if let Some(report) = &attempt.post_filter
            && let Nomination::Node(position) = report.nomination
        {
            let victims = report.preemption.as_ref().and_then(Preemption::chosen).map(|c| c.victims.as_slice());
            let victims = victims.unwrap_or_default().iter().map(|victim| victim.key.clone()).collect();
            decision.preempted = Some(Preempted { node: name(position), victims });
        }
    }

    /// Binds the pod, or lets preemption take effect. Gives the nominations that ended for its sake.
    fn take_effect(&mut self, pod: &Arc<Pod>, attempt: &Attempt, chosen: Option<usize>) -> Vec<String> {
        if let Some(position) = chosen {
            let node = self.scheduler.snapshot.nodes[position].node.name.clone();
            self.clock_ns = self.clock_ns.saturating_add(1_000_000_000);
            let bound = bound_pod(pod, &node, self.clock_ns);
            self.nominate(&pod.key, None);
            self.scheduler.cache.add_pod(&node, Arc::clone(&bound));
            if let Some(tracked) = self.pods.get_mut(&pod.key) {
                tracked.pod = bound;
                tracked.at = Whereabouts::Bound(node);
            }
            return Vec::new();
        }
        if self.options.eviction == Eviction::Report || attempt.error {
            return Vec::new();
        }
        let Some(report) = &attempt.post_filter else {
            // Without PostFilter plugins, and without nodes, an older nomination ends.
            self.nominate(&pod.key, None);
            return Vec::new();
        };
        match report.nomination {
            Nomination::Keep => {
                // AddNominatedPod forgets the reservation of a pod that does not show its nomination.
                let node = pod.nominated_node.clone();
                self.nominate(&pod.key, node.as_deref());
                Vec::new()
            }
            Nomination::Clear => {
                self.nominate(&pod.key, None);
                Vec::new()
            }
            Nomination::Node(position) => {
                let node = self.scheduler.snapshot.nodes[position].node.name.clone();
                let victims: Vec<String> = report
                    .preemption
                    .as_ref()
                    .and_then(Preemption::chosen)
                    .map(|c| c.victims.iter().map(|v| v.key.clone()).collect())
                    .unwrap_or_default();
                for victim in &victims {
                    self.leave(victim, Whereabouts::Evicted);
                }
                let lower = |p: &&Arc<Pod>| p.priority() < pod.priority();
                let mut cleared: Vec<String> =
                    self.scheduler.nominator.of_node(&node).iter().filter(lower).map(|p| p.key.clone()).collect();
                for key in &cleared {
                    self.nominate(key, None);
                }
                // Recorded throughout, and in no text: a pod that preempts once more on the node to which it is
                // nominated already is shown as no longer nominated, while the room stays reserved for it.
                let again = pod.nominated_node.as_deref() == Some(node.as_str());
                if again {
                    cleared.push(pod.key.clone());
                    cleared.sort();
                    self.nominate(&pod.key, None);
                    if let Some(tracked) = self.pods.get(&pod.key) {
                        self.scheduler.nominator.set(Arc::clone(&tracked.pod), &node);
                    }
                } else {
                    self.nominate(&pod.key, Some(&node));
                }
                cleared
            }
        }
    }

    fn final_state(&self) -> Value {
        let mut bound = Map::new();
        let (mut pending, mut evicted, mut nominated) = (Vec::new(), Vec::new(), Map::new());
        for (key, tracked) in &self.pods {
            match &tracked.at {
                Whereabouts::Bound(node) => {
                    bound.insert(key.clone(), json!(node));
                }
                Whereabouts::Pending => {
                    pending.push(key.clone());
                    if let Some(node) = &tracked.pod.nominated_node {
                        nominated.insert(key.clone(), json!(node));
                    }
                }
                Whereabouts::Evicted => evicted.push(key.clone()),
                Whereabouts::Deleted => {}
            }
        }
        let mut out = Map::new();
        out.insert("bound".into(), Value::Object(bound));
        if !pending.is_empty() {
            out.insert("pending".into(), json!(pending));
        }
        if !evicted.is_empty() {
            out.insert("evicted".into(), json!(evicted));
        }
        if !nominated.is_empty() {
            out.insert("nominated".into(), Value::Object(nominated));
        }
        Value::Object(out)
    }
}
