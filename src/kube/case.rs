//! Runs a recorded case: a configuration, a cluster, pods and a sequence of operations, and reports every step in the
//! shape in which the real scheduler's decisions are recorded (`tests/vectors/kube/README.md`).

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result, unknown_name};
use crate::kube::config::Effective;
use crate::kube::cycle::{Attempt, Nomination, Scheduler, bound_pod};
use crate::kube::explain::Explanation;
use crate::kube::framework::{Mutation, World};
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::{Objects, name_object};
use crate::kube::preemption::Preemption;
use report::{Step, describe};

/// The schema of a case.
pub const CASE_SCHEMA: &str = "kube-oracle-case/1";
/// The schema of a result.
pub const RESULT_SCHEMA: &str = "kube-oracle-result/1";

/// One operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Try to place a pod.
    Schedule(String),
    /// Delete a pod, bound or pending.
    Delete(String),
    /// Add a node.
    AddNode(Box<Node>),
    /// Replace a node.
    UpdateNode(Box<Node>),
    /// Remove a node.
    RemoveNode(String),
}

/// A case, validated.
#[derive(Clone, Debug)]
pub struct Case {
    /// The profile.
    pub effective: Effective,
    /// Services, budgets, namespaces and so on.
    pub world: World,
    /// Nodes in the order in which they were added.
    pub nodes: Vec<Node>,
    /// Pods that run already.
    pub bound: Vec<Pod>,
    /// Pods to place.
    pub pods: Vec<Pod>,
    /// What to do.
    pub ops: Vec<Op>,
    /// Whether preemption takes effect.
    pub apply: bool,
    /// Whether a preemptor is tried again at once.
    pub retry_at_once: bool,
}

/// Object lists of a case and the kind of their items.
const LISTS: &[(&str, &str)] = &[
    ("namespaces", "Namespace"),
    ("services", "Service"),
    ("replicationControllers", "ReplicationController"),
    ("replicaSets", "ReplicaSet"),
    ("statefulSets", "StatefulSet"),
    ("podDisruptionBudgets", "PodDisruptionBudget"),
    ("nodes", "Node"),
    ("pods", "Pod"),
];

impl Case {
    /// Reads a vector (`{case, expect}`) or what stands at its `case`.
    pub fn read(value: &Value) -> Result<Case> {
        let value = value.get("case").unwrap_or(value);
        let at = At::top(value);
        let mut fields = at.object()?;
        let schema = fields.need("schema")?;
        if schema.text()? != CASE_SCHEMA {
            return Err(schema.error(unknown_name("schema", schema.text()?, &[CASE_SCHEMA])));
        }
        let empty = json!({});
        let effective = Effective::read(fields.get("config").map_or(&empty, |c| c.value))
            .map_err(|e| Error::input(format!("config: {e}")))?;
        let mut objects = Objects::default();
        for (field, kind) in LISTS {
            for item in fields.get(field).map(|l| l.list()).transpose()?.unwrap_or_default() {
                objects.add_as(item.value, Some(kind), 0)?;
            }
        }
        let mut bound = Vec::new();
        let mut ignored = Ignored::default();
        for item in fields.get("boundPods").map(|l| l.list()).transpose()?.unwrap_or_default() {
            let pod = Pod::read(&At::top(item.value), &mut ignored).map_err(|e| name_object(e, item.value, "Pod"))?;
            if pod.node_name.is_none() {
                let missing = Error::input("missing; a bound pod runs somewhere").in_field("spec.nodeName");
                return Err(name_object(missing, item.value, "Pod"));
            }
            bound.push(pod);
        }
        let mut keys = BTreeSet::new();
        if let Some(pod) = bound.iter().chain(&objects.pods).find(|pod| !keys.insert(pod.key.clone())) {
            return Err(Error::input(format!("the pod {} is there twice", pod.key)));
        }
        let options = fields.get("options");
        let option = |name: &'static str, known: [&'static str; 2]| -> Result<bool> {
            let Some(at) = options.as_ref().map(|o| o.object()).transpose()?.and_then(|mut o| o.get(name)) else {
                return Ok(true);
            };
            match at.text()? {
                text if text == known[0] => Ok(true),
                text if text == known[1] => Ok(false),
                other => Err(at.error(unknown_name("option", other, &known))),
            }
        };
        let apply = option("preemption", ["apply", "report"])?;
        let retry_at_once = option("retry", ["immediate", "later"])?;
        let ops = match fields.get("ops") {
            Some(list) => list.list()?.iter().map(read_op).collect::<Result<_>>()?,
            None => objects.pods.iter().map(|pod| Op::Schedule(pod.key.clone())).collect(),
        };
        Ok(Case {
            effective,
            world: World::of(&objects),
            nodes: objects.nodes,
            bound,
            pods: objects.pods,
            ops,
            apply,
            retry_at_once,
        })
    }

    /// Runs the case; `mutation` is a deliberate mistake, for tests of the tests.
    pub fn run(self, mutation: Option<Mutation>) -> Result<CaseResult> {
        self.run_with(mutation, false)
    }

    /// Runs the case and explains every attempt.
    pub fn run_explained(self) -> Result<CaseResult> {
        self.run_with(None, true)
    }

    fn run_with(self, mutation: Option<Mutation>, explain: bool) -> Result<CaseResult> {
        let mut scheduler = Scheduler::new(self.effective, self.world)?;
        scheduler.framework.mutation = mutation;
        for node in self.nodes {
            scheduler.cache.set_node(node);
        }
        let node_order = scheduler.cache.node_order();
        let latest = self.bound.iter().chain(&self.pods).filter_map(|p| p.start_time_ns).max().unwrap_or(0);
        let mut run = Run {
            scheduler,
            pods: BTreeMap::new(),
            clock_ns: latest,
            steps: Vec::new(),
            explanations: explain.then(Vec::new),
            apply: self.apply,
            retry_at_once: self.retry_at_once,
        };
        for pod in self.bound {
            let node = pod.node_name.clone().unwrap_or_default();
            let pod = Arc::new(pod);
            if !pod.finished() {
                run.scheduler.cache.add_pod(&node, Arc::clone(&pod));
            }
            run.pods.insert(pod.key.clone(), Tracked { pod, at: Whereabouts::Bound(node), attempts: 0 });
        }
        for pod in self.pods {
            let pod = Arc::new(pod);
            if let Some(node) = &pod.nominated_node {
                run.scheduler.nominator.set(Arc::clone(&pod), node);
            }
            run.pods.insert(pod.key.clone(), Tracked { pod, at: Whereabouts::Pending, attempts: 0 });
        }
        for op in self.ops {
            run.apply_op(op);
        }
        let effective = run.scheduler.framework.effective.to_json();
        let final_state = run.final_state();
        let explanations = run.explanations.unwrap_or_default();
        Ok(CaseResult { effective, node_order, final_state, steps: run.steps, explanations })
    }
}

fn read_op(at: &At<'_>) -> Result<Op> {
    let mut fields = at.object()?;
    let op = fields.need("op")?;
    let mut pod = || -> Result<String> {
        let key = fields.need("pod")?.text()?;
        Ok(if key.contains('/') { key.to_string() } else { format!("default/{key}") })
    };
    match op.text()? {
        "schedule" => Ok(Op::Schedule(pod()?)),
        "delete" => Ok(Op::Delete(pod()?)),
        "removeNode" => Ok(Op::RemoveNode(fields.need("node")?.text()?.to_string())),
        kind @ ("addNode" | "updateNode") => {
            let object = fields.need("object")?.value;
            let node = Node::read(&At::top(object), &mut Ignored::default());
            let node = Box::new(node.map_err(|e| name_object(e, object, "Node"))?);
            Ok(if kind == "addNode" { Op::AddNode(node) } else { Op::UpdateNode(node) })
        }
        other => {
            let known = ["schedule", "delete", "addNode", "updateNode", "removeNode"];
            Err(op.error(unknown_name("op", other, &known)))
        }
    }
}

/// What came out of a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The profile after merging.
    pub effective: Value,
    /// The node list before the first step.
    pub node_order: Vec<String>,
    /// One entry a step.
    pub steps: Vec<Value>,
    /// Who ended where.
    pub final_state: Value,
    /// One for every attempt, where they were asked for.
    pub explanations: Vec<Explanation>,
}

impl CaseResult {
    /// `{steps, final}`, as `plimsoll schedule --case` prints it.
    pub fn steps_and_final(&self) -> Value {
        json!({"steps": self.steps, "final": self.final_state})
    }

    /// Everything, as the vectors' `expect` has it.
    pub fn to_json(&self) -> Value {
        json!({
            "schema": RESULT_SCHEMA,
            "kubeScheduler": "v1.36.3",
            "effective": self.effective,
            "nodeOrder": self.node_order,
            "steps": self.steps,
            "final": self.final_state,
        })
    }
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
    attempts: u32,
}

struct Run {
    scheduler: Scheduler,
    pods: BTreeMap<String, Tracked>,
    clock_ns: i64,
    steps: Vec<Value>,
    explanations: Option<Vec<Explanation>>,
    apply: bool,
    retry_at_once: bool,
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
                self.steps.push(step.without_nodes());
            }
        }
    }

    fn set_node(&mut self, op: &str, node: Node) {
        let step = Step::new(op, "node", &node.name);
        self.scheduler.cache.set_node(node);
        self.steps.push(step.without_nodes());
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
        self.steps.push(step.without_nodes());
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
        if let Some(why) = self.skipped(key, true) {
            step.put("skipped", why);
            self.steps.push(step.without_nodes());
            return false;
        }
        let Some(tracked) = self.pods.get_mut(key) else { return false };
        if let Some(plugin) = self.scheduler.gate(&tracked.pod) {
            step.put("gated", plugin);
            self.steps.push(step.without_nodes());
            return false;
        }
        tracked.attempts += 1;
        step.put("attempt", tracked.attempts);
        let pod = Arc::clone(&tracked.pod);
        if let Some(node) = &pod.nominated_node {
            step.put("nominated", node.as_str());
        }
        if let Some(explanations) = &mut self.explanations {
            explanations.push(self.scheduler.explain(&pod));
        }
        let attempt = self.scheduler.schedule(&pod);
        let cleared = self.take_effect(&pod, &attempt);
        let preempted =
            matches!(attempt.post_filter.as_ref().map(|report| report.nomination), Some(Nomination::Node(_)));
        // The recorder writes 0 out where nodes may be sampled, and leaves it out elsewhere.
        if attempt.start_node != 0 || self.scheduler.framework.effective.percentage_of_nodes_to_score != 100 {
            step.put("startNode", attempt.start_node);
        }
        describe(&mut step, &attempt, &self.scheduler.snapshot, &cleared);
        self.steps.push(Value::Object(step.0));
        preempted && self.apply && self.retry_at_once
    }

    /// Binds the pod, or lets preemption take effect. Gives the nominations that ended for its sake.
    fn take_effect(&mut self, pod: &Arc<Pod>, attempt: &Attempt) -> Vec<String> {
        if let Some(position) = attempt.chosen() {
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
        if !self.apply || attempt.error {
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
