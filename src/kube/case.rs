//! Runs a recorded case: a configuration, a cluster, pods and a sequence of operations, and reports every step in the
//! shape in which the real scheduler's decisions are recorded (`tests/vectors/kube/README.md`).

mod by_index;
mod report;
mod run;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::error::{Error, Result, unknown_name};
use crate::kube::config::Effective;
use crate::kube::explain::Explanation;
use crate::kube::framework::{Mutation, World};
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::{Objects, name_object};
use crate::kube::tie_break::TieBreak;

pub use by_index::ByIndex;
pub use run::{Decision, Keep, Preempted};

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

/// What a successful preemption does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Eviction {
    /// The victims are named, and nothing changes.
    Report,
    /// The victims leave at once, and the pod is nominated to their node.
    #[default]
    Apply,
}

/// When a pod that has preempted others is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Retry {
    /// In the very next step.
    #[default]
    AtOnce,
    /// After all operations, together with the other ones of its kind, by priority.
    AfterOthers,
    /// When an operation asks for it.
    ByOperation,
}

/// How a case is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What a successful preemption does.
    pub eviction: Eviction,
    /// When the preemptor is tried again; never where nothing was evicted.
    pub retry: Retry,
    /// Which of the top nodes is taken.
    pub tie_break: TieBreak,
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
    /// How.
    pub options: Options,
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
                objects.add_as(item.value, Some(kind))?;
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
        let at_once = option("retry", ["immediate", "later"])?;
        let options = Options {
            eviction: if apply { Eviction::Apply } else { Eviction::Report },
            retry: if at_once { Retry::AtOnce } else { Retry::ByOperation },
            tie_break: TieBreak::First,
        };
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
            options,
        })
    }

    /// Runs the case and keeps its steps; `mutation` is a deliberate mistake, for tests of the tests.
    pub fn run(self, mutation: Option<Mutation>) -> Result<CaseResult> {
        run::run(self, mutation, Keep { steps: true, ..Keep::default() })
    }

    /// Runs the case, keeps its steps and explains every attempt.
    pub fn run_explained(self) -> Result<CaseResult> {
        self.run_keeping(Keep { steps: true, explanations: true, ..Keep::default() })
    }

    /// Runs the case. Steps and explanations of a large cluster are large; decisions are always there.
    pub fn run_keeping(self, keep: Keep) -> Result<CaseResult> {
        run::run(self, None, keep)
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
    /// One for every step that asked for a pod to be placed.
    pub decisions: Vec<Decision>,
    /// One for every attempt, where they were asked for.
    pub explanations: Vec<Explanation>,
    /// What the index said, if it was asked.
    pub by_index: ByIndex,
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
