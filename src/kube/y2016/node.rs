//! Node objects of API v1 as of 2016, and which of them the scheduler looks at.

use crate::error::Result;
use crate::kube::object::meta::Meta;
use crate::kube::object::read::At;
use crate::kube::object::resources::ResourceList;
use crate::kube::object::selector::Labels;
use crate::kube::y2016::Version;
use crate::kube::y2016::taint::{TAINTS, Taint, read_taints};

/// The resource of v1.3.0 that counts GPUs.
pub const NVIDIA_GPU: &str = "alpha.kubernetes.io/nvidia-gpu";
/// Label of a node's region.
const REGION: &str = "failure-domain.beta.kubernetes.io/region";
/// Label of a node's zone.
const ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

/// A condition that a node reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// `Ready`, `OutOfDisk`, `MemoryPressure`, …
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

/// A node, validated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Taints; none under v1.2.4.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// What it reports of itself.
    pub conditions: Vec<Condition>,
    /// Allocatable CPU in thousandths.
    pub milli_cpu: i64,
    /// Allocatable memory in bytes.
    pub memory: i64,
    /// How many pods there may be.
    pub pods: i64,
    /// Allocatable GPUs; 0 under v1.2.4.
    pub gpus: i64,
}

impl Node {
    /// Reads a Node object. Allocatable defaults to capacity (`pkg/api/v1/defaults.go`, `NodeStatus`).
    pub fn read(at: &At<'_>, version: Version) -> Result<Node> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        let mut node = Node { name: meta.name, labels: meta.labels, ..Node::default() };
        if version == Version::V1_3_0
            && let Some(annotations) = fields.need("metadata")?.object()?.get("annotations")
            && let Some(taints) = annotations.object()?.get(TAINTS)
        {
            node.taints = read_taints(&taints)?;
        }
        if let Some(spec) = fields.get("spec") {
            node.unschedulable = spec.object()?.get("unschedulable").map(|u| u.boolean()).transpose()?.unwrap_or(false);
        }
        if let Some(status) = fields.get("status") {
            let mut status = status.object()?;
            let capacity = status.get("capacity");
            let list = status.get("allocatable").or(capacity).map(|list| list.resources()).transpose()?;
            node.set_allocatable(&list.unwrap_or_default(), version);
            for condition in status.get("conditions").map(|c| c.list()).transpose()?.unwrap_or_default() {
                let mut condition = condition.object()?;
                node.conditions.push(Condition {
                    kind: condition.text("type")?.unwrap_or_default().to_string(),
                    status: condition.text("status")?.unwrap_or_default().to_string(),
                });
            }
        }
        Ok(node)
    }

    fn set_allocatable(&mut self, list: &ResourceList, version: Version) {
        let of = |name: &str| list.get(name).copied().unwrap_or_default();
        self.milli_cpu = of("cpu").milli_value();
        self.memory = of("memory").value();
        self.pods = of("pods").value();
        if version == Version::V1_3_0 {
            self.gpus = of(NVIDIA_GPU).value();
        }
    }

    /// `getZoneKey` (`algorithm/priorities/selector_spreading.go` v1.2.4); `None` where both labels are missing or
    /// empty.
    pub fn zone(&self) -> Option<(&str, &str)> {
        let label = |key: &str| self.labels.get(key).map(String::as_str).unwrap_or_default();
        Some((label(REGION), label(ZONE))).filter(|zone| *zone != ("", ""))
    }

    /// Whether each of these conditions is either absent or has that status.
    fn reports(&self, wanted: &[(&str, &str)]) -> bool {
        let wrong = |c: &Condition| wanted.iter().any(|(kind, status)| c.kind == *kind && c.status != *status);
        !self.conditions.iter().any(wrong)
    }
}

/// Whether v1.2.4 looks at the node at all: `createNodeLW` and `getNodeConditionPredicate` (`factory/factory.go`). A
/// node without conditions is looked at; an unknown OutOfDisk excludes.
pub fn eligible_1_2_4(node: &Node) -> bool {
    !node.unschedulable && node.reports(&[("Ready", "True"), ("OutOfDisk", "False")])
}

/// Whether v1.3.0 looks at the node at all: `getNodeConditionPredicate` (`factory/factory.go`).
pub fn eligible_1_3_0(node: &Node) -> bool {
    !node.unschedulable && node.reports(&[("Ready", "True"), ("OutOfDisk", "False"), ("NetworkUnavailable", "False")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: &Value, version: Version) -> Node {
        Node::read(&At::top(value), version).unwrap()
    }

    #[test]
    fn allocatable_is_capacity_where_it_is_not_written() {
        let capacity = json!({"cpu": "1500m", "memory": "0.5Ki", "pods": "40", NVIDIA_GPU: "2"});
        let node = json!({"metadata": {"name": "a"}, "status": {"capacity": capacity}});
        let read_as = |version| read(&node, version);
        let old = read_as(Version::V1_2_4);
        assert_eq!((old.milli_cpu, old.memory, old.pods, old.gpus), (1500, 512, 40, 0));
        assert_eq!(read_as(Version::V1_3_0).gpus, 2);
        let own = json!({"metadata": {"name": "a"}, "status": {"capacity": capacity, "allocatable": {"cpu": "1"}}});
        let own = read(&own, Version::V1_2_4);
        assert_eq!((own.milli_cpu, own.memory, own.pods), (1000, 0, 0));
    }

    #[test]
    fn conditions_exclude_if_they_are_there_and_wrong() {
        let node = |kind: &str, status: &str| Node {
            conditions: vec![Condition { kind: kind.into(), status: status.into() }],
            ..Node::default()
        };
        for (kind, status, old, new) in [
            ("Ready", "True", true, true),
            ("Ready", "Unknown", false, false),
            ("Ready", "False", false, false),
            ("OutOfDisk", "False", true, true),
            ("OutOfDisk", "Unknown", false, false),
            ("MemoryPressure", "True", true, true),
            ("NetworkUnavailable", "True", true, false),
            ("NetworkUnavailable", "Unknown", true, false),
        ] {
            let node = node(kind, status);
            assert_eq!((eligible_1_2_4(&node), eligible_1_3_0(&node)), (old, new), "{kind} {status}");
        }
        assert!(eligible_1_2_4(&Node::default()));
        let cordoned = Node { unschedulable: true, ..Node::default() };
        assert!(!eligible_1_2_4(&cordoned) && !eligible_1_3_0(&cordoned));
    }

    #[test]
    fn a_zone_is_region_and_zone() {
        let node = |pairs: &[(&str, &str)]| Node {
            labels: pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            ..Node::default()
        };
        assert_eq!(node(&[]).zone(), None);
        assert_eq!(node(&[(ZONE, ""), (REGION, "")]).zone(), None);
        assert_eq!(node(&[(ZONE, "a")]).zone(), Some(("", "a")));
        assert_ne!(node(&[(ZONE, "a")]).zone(), node(&[(REGION, "a")]).zone());
    }

    #[test]
    fn taints_are_of_v1_3_0() {
        let taints = r#"[{"key": "a", "effect": "NoSchedule"}]"#;
        let node = json!({"metadata": {"name": "a", "annotations": {TAINTS: taints}}});
        assert_eq!(read(&node, Version::V1_2_4).taints, []);
        assert_eq!(read(&node, Version::V1_3_0).taints.len(), 1);
    }
}
