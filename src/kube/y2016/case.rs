//! Runs a recorded case of 2016: a cluster, pods and a sequence of operations, and reports every step in the shape in
//! which the real schedulers' decisions are recorded (`tests/vectors/kube-2016/README.md`).

mod run;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result, unknown_name};
use crate::kube::case as today;
use crate::kube::object::name_object;
use crate::kube::object::read::At;
use crate::kube::y2016::Version;
use crate::kube::y2016::algorithm::Algorithm;
use crate::kube::y2016::node::Node;
use crate::kube::y2016::owners::Owners;
use crate::kube::y2016::pod::Pod;

/// The schema of a case.
pub const CASE_SCHEMA: &str = "kube-2016-case/1";
/// The schema of a result.
pub const RESULT_SCHEMA: &str = "kube-2016-result/1";

/// One operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Try to place a pod.
    Schedule(String),
    /// Delete a pod, bound or pending; it is gone at once.
    Delete(String),
    /// Give a bound pod a deletion timestamp; it stays.
    Terminate(String),
    /// Add a node.
    AddNode(Box<Node>),
    /// Replace a node.
    UpdateNode(Box<Node>),
    /// Remove a node; its pods remain bound to its name.
    RemoveNode(String),
}

/// Which node a pod is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    /// The first by name of those with the highest total.
    FirstByName,
    /// The one that the real scheduler takes.
    #[default]
    RoundRobin,
}

/// A case, validated.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which scheduler decides.
    pub version: Version,
    /// Services and controllers.
    pub owners: Owners,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Pods that run already.
    pub bound: Vec<Pod>,
    /// Pods to place.
    pub pods: Vec<Pod>,
    /// What to do.
    pub ops: Vec<Op>,
    /// Where pods are bound.
    pub choice: Choice,
}

/// Whether a value is a case of this kind, or a vector that holds one.
pub fn is_case(value: &Value) -> bool {
    value.get("case").unwrap_or(value).get("schema").is_some_and(|schema| schema == CASE_SCHEMA)
}

impl Case {
    /// Reads a vector (`{case, expect}`) or what stands at its `case`. The version is `wanted`, or the one of the
    /// recorded result, or v1.2.4: a case itself does not say.
    pub fn read(value: &Value, wanted: Option<Version>) -> Result<Case> {
        let recorded = || value.get("expect").and_then(|expect| expect.get("kubeScheduler"));
        let version = match (wanted, recorded()) {
            (Some(version), _) => version,
            (None, None) => Version::default(),
            (None, Some(recorded)) => {
                let at = At { value: recorded, path: "expect.kubeScheduler".into() };
                Version::parse(at.text()?).map_err(|error| at.error(error.message()))?
            }
        };
        let at = At::top(value.get("case").unwrap_or(value));
        let mut fields = at.object()?;
        let schema = fields.need("schema")?;
        if schema.text()? != CASE_SCHEMA {
            return Err(schema.error(unknown_name("schema", schema.text()?, &[CASE_SCHEMA])));
        }
        let choice = fields.need("choice")?;
        let choice = match choice.text()? {
            "firstByName" => Choice::FirstByName,
            "roundRobin" => Choice::RoundRobin,
            other => return Err(choice.error(unknown_name("choice", other, &["firstByName", "roundRobin"]))),
        };
        // Errors name the object, and the field in it.
        fn each(list: Option<At<'_>>, kind: &str, mut take: impl FnMut(&At<'_>) -> Result<()>) -> Result<()> {
            for item in list.map(|list| list.list()).transpose()?.unwrap_or_default() {
                take(&At::top(item.value)).map_err(|error| name_object(error, item.value, kind))?;
            }
            Ok(())
        }
        let mut owners = Owners::default();
        each(fields.get("services"), "Service", |at| owners.read_service(at))?;
        let controllers = fields.get("replicationControllers");
        each(controllers, "ReplicationController", |at| owners.read_replication_controller(at))?;
        each(fields.get("replicaSets"), "ReplicaSet", |at| owners.read_replica_set(at))?;
        let (mut nodes, mut names) = (Vec::new(), BTreeSet::new());
        each(fields.get("nodes"), "Node", |at| {
            let node = Node::read(at, version)?;
            if !names.insert(node.name.clone()) {
                return Err(Error::input("a node of this name has been read before").in_field("metadata.name"));
            }
            nodes.push(node);
            Ok(())
        })?;
        let mut keys = BTreeSet::new();
        let mut read_pod = |at: &At<'_>, is_bound: bool| -> Result<Pod> {
            let pod = Pod::read(at, version)?;
            if !keys.insert(pod.key.clone()) {
                return Err(Error::input("a pod of this name has been read before").in_field("metadata.name"));
            }
            if is_bound && pod.node_name.is_none() {
                return Err(Error::input("missing; a bound pod runs somewhere").in_field("spec.nodeName"));
            }
            Ok(pod)
        };
        let (mut bound, mut pods) = (Vec::new(), Vec::new());
        each(fields.get("boundPods"), "Pod", |at| read_pod(at, true).map(|pod| bound.push(pod)))?;
        each(fields.get("pods"), "Pod", |at| read_pod(at, false).map(|pod| pods.push(pod)))?;
        let ops = match fields.get("ops") {
            Some(list) => list.list()?.iter().map(|at| read_op(at, version)).collect::<Result<_>>()?,
            None => pods.iter().map(|pod| Op::Schedule(pod.key.clone())).collect(),
        };
        Ok(Case { version, owners, nodes, bound, pods, ops, choice })
    }

    /// Runs the case.
    pub fn run(self) -> CaseResult {
        let algorithm = Algorithm::of(self.version);
        self.run_by(algorithm)
    }

    /// Runs the case by another algorithm than its version's, for tests of the tests.
    pub fn run_by(self, algorithm: Algorithm) -> CaseResult {
        run::run(self, algorithm)
    }
}

fn read_op(at: &At<'_>, version: Version) -> Result<Op> {
    let mut fields = at.object()?;
    let op = fields.need("op")?;
    let mut pod = || -> Result<String> {
        let key = fields.need("pod")?.text()?;
        Ok(if key.contains('/') { key.to_string() } else { format!("default/{key}") })
    };
    match op.text()? {
        "schedule" => Ok(Op::Schedule(pod()?)),
        "delete" => Ok(Op::Delete(pod()?)),
        "terminate" => Ok(Op::Terminate(pod()?)),
        "removeNode" => Ok(Op::RemoveNode(fields.need("node")?.text()?.to_string())),
        kind @ ("addNode" | "updateNode") => {
            let object = fields.need("object")?.value;
            let node = Node::read(&At::top(object), version);
            let node = Box::new(node.map_err(|e| name_object(e, object, "Node"))?);
            Ok(if kind == "addNode" { Op::AddNode(node) } else { Op::UpdateNode(node) })
        }
        other => {
            let known = ["schedule", "delete", "terminate", "addNode", "updateNode", "removeNode"];
            Err(op.error(unknown_name("op", other, &known)))
        }
    }
}

/// What came out of a case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// What decided.
    pub algorithm: Algorithm,
    /// One entry a step.
    pub steps: Vec<Value>,
    /// Who ended where.
    pub final_state: Value,
    /// One for every step that asked for a pod to be placed.
    pub decisions: Vec<today::Decision>,
}

impl CaseResult {
    /// Everything, as the vectors' `expect` has it.
    pub fn to_json(&self) -> Value {
        let predicates: Vec<&str> = self.algorithm.predicates.iter().map(|row| row.name).collect();
        let weights = self.algorithm.priorities.iter().map(|row| (row.name.to_string(), json!(row.weight)));
        json!({
            "schema": RESULT_SCHEMA,
            "kubeScheduler": self.algorithm.version.name(),
            "predicates": predicates,
            "priorities": weights.collect::<Map<_, _>>(),
            "steps": self.steps,
            "final": self.final_state,
        })
    }
}

impl From<CaseResult> for today::CaseResult {
    /// For whoever prints results: there is no profile and no explanation, and a message is one line.
    fn from(mut result: CaseResult) -> Self {
        for decision in &mut result.decisions {
            decision.message = decision.message.trim_end().replace('\n', "; ");
        }
        today::CaseResult {
            effective: Value::Null,
            node_order: Vec::new(),
            steps: result.steps,
            final_state: result.final_state,
            decisions: result.decisions,
            explanations: Vec::new(),
            by_index: today::ByIndex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(change: impl Fn(&mut Value)) -> Value {
        let node =
            json!({"metadata": {"name": "a"}, "status": {"capacity": {"cpu": "1", "memory": "1Gi", "pods": "9"}}});
        let pod = |name: &str| json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c"}]}});
        let mut case = json!({
            "schema": CASE_SCHEMA, "choice": "roundRobin", "nodes": [node], "pods": [pod("p"), pod("q")],
        });
        change(&mut case);
        case
    }

    #[test]
    fn operations_on_pods_that_are_not_there_are_skipped() {
        let ops = json!([
            {"op": "schedule", "pod": "p"}, {"op": "schedule", "pod": "default/p"}, {"op": "terminate", "pod": "q"},
            {"op": "delete", "pod": "p"}, {"op": "terminate", "pod": "p"}, {"op": "delete", "pod": "p"},
            {"op": "schedule", "pod": "p"}, {"op": "schedule", "pod": "x"}, {"op": "removeNode", "node": "x"},
            {"op": "removeNode", "node": "a"}, {"op": "schedule", "pod": "q"},
        ]);
        let value = case(|case| case["ops"] = ops.clone());
        let result = Case::read(&value, None).unwrap().run();
        let skipped: Vec<&str> = result.steps.iter().map(|step| step["skipped"].as_str().unwrap_or("")).collect();
        let wanted = ["", "bound", "pending", "", "deleted", "deleted", "deleted", "unknown", "unknown", "", ""];
        assert_eq!(skipped, wanted);
        assert_eq!(result.steps[10]["error"], "no nodes available to schedule pods");
        assert_eq!(result.final_state, json!({"bound": {}, "pending": ["default/q"]}));
        assert_eq!(result.decisions.last().unwrap().message, "no nodes available to schedule pods");
    }

    #[test]
    fn the_version_is_wanted_or_recorded_or_the_first() {
        let vector = |recorded: Value| json!({"case": case(|_| ()), "expect": {"kubeScheduler": recorded}});
        let version = |value: &Value, wanted| Case::read(value, wanted).map(|case| case.version);
        assert_eq!(version(&case(|_| ()), None).unwrap(), Version::V1_2_4);
        assert_eq!(version(&vector(json!("v1.3.0")), None).unwrap(), Version::V1_3_0);
        assert_eq!(version(&vector(json!("v1.3.0")), Some(Version::V1_2_4)).unwrap(), Version::V1_2_4);
        let error = version(&vector(json!("v1.4.0")), None).unwrap_err();
        assert_eq!(error.field(), Some("expect.kubeScheduler"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |change: &dyn Fn(&mut Value)| Case::read(&case(change), None).unwrap_err().to_string();
        for (change, words) in [
            (
                &(|case: &mut Value| case["schema"] = json!("x/1")) as &dyn Fn(&mut Value),
                vec!["schema", "kube-2016-case/1"],
            ),
            (&|case| case["choice"] = json!("random"), vec!["choice", "firstByName"]),
            (&|case| case["choice"] = Value::Null, vec!["choice", "missing"]),
            (&|case| case["nodes"][0]["status"]["capacity"]["cpu"] = json!("x"), vec!["Node a", "status.capacity.cpu"]),
            (&|case| case["boundPods"] = json!([{"metadata": {"name": "r"}, "spec": {}}]), vec!["Pod r", "nodeName"]),
            (&|case| case["pods"][1]["metadata"]["name"] = json!("p"), vec!["Pod p", "before"]),
            (&|case| case["ops"] = json!([{"op": "evict", "pod": "p"}]), vec!["ops[0].op", "terminate"]),
        ] {
            let error = wrong(change);
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
