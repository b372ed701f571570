//! The run of a case: every operation in turn, and what it leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Case, CaseResult, Choice, Op};
use crate::kube::case::Decision;
use crate::kube::y2016::algorithm::Algorithm;
use crate::kube::y2016::node::Node;
use crate::kube::y2016::pod::Pod;
use crate::kube::y2016::scheduler::{Attempt, Scheduler};

/// Where a pod is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Whereabouts {
    Pending,
    Bound(String),
    Deleted,
}

struct Tracked {
    pod: Arc<Pod>,
    at: Whereabouts,
    attempts: u64,
}

struct Run {
    scheduler: Scheduler,
    pods: BTreeMap<String, Tracked>,
    choice: Choice,
    steps: Vec<Value>,
    decisions: Vec<Decision>,
}

/// Runs a case; see [`Case::run`].
pub(super) fn run(case: Case, algorithm: Algorithm) -> CaseResult {
    let mut scheduler = Scheduler::with(algorithm);
    scheduler.owners = case.owners;
    case.nodes.into_iter().for_each(|node| scheduler.set_node(node));
    let mut pods = BTreeMap::new();
    for pod in case.bound {
        let (pod, node) = (Arc::new(pod.clone()), pod.node_name.unwrap_or_default());
        scheduler.add_pod(&node, Arc::clone(&pod));
        pods.insert(pod.key.clone(), Tracked { pod, at: Whereabouts::Bound(node), attempts: 0 });
    }
    for pod in case.pods {
        pods.insert(pod.key.clone(), Tracked { pod: Arc::new(pod), at: Whereabouts::Pending, attempts: 0 });
    }
    let mut run = Run { scheduler, pods, choice: case.choice, steps: Vec::new(), decisions: Vec::new() };
    for op in case.ops {
        let step = run.apply(op);
        run.steps.push(Value::Object(step));
    }
    let final_state = run.final_state();
    let Run { scheduler, steps, decisions, .. } = run;
    CaseResult { algorithm: scheduler.algorithm, steps, final_state, decisions }
}

/// The beginning of a step.
fn step(op: &str, subject: &str, name: &str) -> Map<String, Value> {
    Map::from_iter([("op".into(), json!(op)), (subject.into(), json!(name))])
}

fn skipped(mut step: Map<String, Value>, why: Option<&str>) -> Map<String, Value> {
    step.extend(why.map(|why| ("skipped".into(), json!(why))));
    step
}

impl Run {
    fn apply(&mut self, op: Op) -> Map<String, Value> {
        match op {
            Op::Schedule(key) => self.schedule(&key),
            Op::Delete(key) => skipped(step("delete", "pod", &key), self.delete(&key).err()),
            Op::Terminate(key) => skipped(step("terminate", "pod", &key), self.terminate(&key).err()),
            Op::AddNode(node) => self.set_node("addNode", *node),
            Op::UpdateNode(node) => self.set_node("updateNode", *node),
            Op::RemoveNode(name) => {
                let there = self.scheduler.remove_node(&name);
                skipped(step("removeNode", "node", &name), (!there).then_some("unknown"))
            }
        }
    }

    fn set_node(&mut self, op: &str, node: Node) -> Map<String, Value> {
        let step = step(op, "node", &node.name);
        self.scheduler.set_node(node);
        step
    }

    /// The pod goes; or why nothing is done.
    fn delete(&mut self, key: &str) -> Result<(), &'static str> {
        let tracked = self.pods.get_mut(key).ok_or("unknown")?;
        match &tracked.at {
            Whereabouts::Deleted => return Err("deleted"),
            Whereabouts::Bound(node) => {
                self.scheduler.remove_pod(node, key);
            }
            Whereabouts::Pending => {}
        }
        tracked.at = Whereabouts::Deleted;
        Ok(())
    }

    /// The pod begins to end; or why nothing is done.
    fn terminate(&mut self, key: &str) -> Result<(), &'static str> {
        let tracked = self.pods.get_mut(key).ok_or("unknown")?;
        match &tracked.at {
            Whereabouts::Deleted => Err("deleted"),
            Whereabouts::Pending => Err("pending"),
            Whereabouts::Bound(node) => {
                self.scheduler.remove_pod(node, key);
                Arc::make_mut(&mut tracked.pod).deleting = true;
                self.scheduler.add_pod(node, Arc::clone(&tracked.pod));
                Ok(())
            }
        }
    }

    fn schedule(&mut self, key: &str) -> Map<String, Value> {
        let mut out = step("schedule", "pod", key);
        let mut decision = Decision { pod: key.into(), ..Decision::default() };
        let why = match self.pods.get(key).map(|tracked| &tracked.at) {
            None => Some("unknown"),
            Some(Whereabouts::Bound(_)) => Some("bound"),
            Some(Whereabouts::Deleted) => Some("deleted"),
            Some(Whereabouts::Pending) => None,
        };
        let Some(tracked) = self.pods.get_mut(key).filter(|_| why.is_none()) else {
            decision.skipped = why;
            // A pod that is bound stays where it is.
            if why != Some("bound") {
                self.decisions.push(decision);
            }
            return skipped(out, why);
        };
        tracked.attempts += 1;
        out.insert("attempt".into(), json!(tracked.attempts));
        let attempt = self.scheduler.schedule(&tracked.pod);
        describe(&attempt, &mut out);
        let chosen = match self.choice {
            Choice::FirstByName => attempt.top.first().copied(),
            Choice::RoundRobin => attempt.picked,
        };
        match chosen.and_then(|at| Some((attempt.feasible.get(at)?, attempt.total.get(at)?))) {
            Some((node, total)) => {
                out.insert("chosen".into(), json!(**node));
                tracked.at = Whereabouts::Bound(node.to_string());
                self.scheduler.add_pod(node, Arc::clone(&tracked.pod));
                decision.node = Some(node.to_string());
                decision.score = Some(*total);
                decision.tied = attempt.top.len();
            }
            None => {
                let message = attempt.message(&tracked.pod.name).unwrap_or_default();
                let error = if attempt.rejected.is_empty() { message.as_str() } else { "FitError" };
                out.insert("error".into(), json!(error));
                decision.message = message;
            }
        }
        self.decisions.push(decision);
        out
    }

    fn final_state(&self) -> Value {
        let (mut bound, mut pending) = (Map::new(), Vec::new());
        for (key, tracked) in &self.pods {
            match &tracked.at {
                Whereabouts::Bound(node) => {
                    bound.insert(key.clone(), json!(node));
                }
                Whereabouts::Pending => pending.push(key),
                Whereabouts::Deleted => {}
            }
        }
        json!({"bound": bound, "pending": pending})
    }
}

/// What the vectors record of an attempt. Fields that would be empty are left out.
fn describe(attempt: &Attempt, out: &mut Map<String, Value>) {
    let texts = |names: &[Arc<str>]| -> Value { names.iter().map(|name| json!(**name)).collect() };
    if !attempt.ineligible.is_empty() {
        out.insert("ineligible".into(), texts(&attempt.ineligible));
    }
    if !attempt.rejected.is_empty() {
        // Groups in the order of their first node.
        let mut groups: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
        for (node, reasons) in &attempt.rejected {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            match groups.iter_mut().find(|(of_group, _)| *of_group == reasons) {
                Some((_, nodes)) => nodes.push(node),
                None => groups.push((reasons, vec![node])),
            }
        }
        let groups = groups.into_iter().map(|(reasons, nodes)| json!({"reasons": reasons, "nodes": nodes}));
        out.insert("rejected".into(), groups.collect());
    }
    let Some(picked) = attempt.node() else { return };
    let scores = attempt.scores.iter().map(|(name, scores)| (name.to_string(), json!(scores)));
    let top: Vec<Arc<str>> = attempt.top.iter().filter_map(|&at| attempt.feasible.get(at).cloned()).collect();
    out.insert("feasible".into(), texts(&attempt.feasible));
    out.insert("scores".into(), Value::Object(scores.collect()));
    out.insert("total".into(), json!(attempt.total));
    out.insert("top".into(), texts(&top));
    out.insert("counter".into(), json!(attempt.counter));
    out.insert("roundRobin".into(), json!(**picked));
}
