//! A Node as a host.

use std::sync::Arc;

use super::annotation::{JOINS, LEAVES, ON_NODES, at, refuse_unknown, time};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::kube::object::node::{Effect, Node, Taint};
use crate::units::{Bytes, MilliCpu, SimTime};

/// What a cordon is to schedulers that know taints.
const CORDON: &str = "node.kubernetes.io/unschedulable";

/// The host that `node` describes; only what is allocatable counts.
pub(crate) fn of(node: &Node) -> Result<HostSpec> {
    refuse_unknown(&node.annotations, ON_NODES, "metadata")?;
    let joins = time(&node.annotations, "metadata", JOINS)?.unwrap_or_default();
    let leaves = time(&node.annotations, "metadata", LEAVES)?;
    if leaves.is_some_and(|leaves| leaves <= joins) {
        return Err(at(Error::input("it leaves before it joins"), "metadata", LEAVES));
    }
    let has = &node.allocatable;
    for (field, amount, try_this) in [("cpu", has.milli_cpu, "cpu: 4"), ("memory", has.memory, "memory: 16Gi")] {
        if amount <= 0 {
            let what = format!("0 or missing; a host needs some (try {try_this})");
            return Err(Error::input(what).in_field(format!("status.allocatable.{field}")));
        }
        if amount > 1 << 53 {
            let what = "too large for a host (at most 2^53 bytes or thousandths of a core)";
            return Err(Error::input(what).in_field(format!("status.allocatable.{field}")));
        }
    }
    let mut taints: Vec<String> = node.taints.iter().map(taint).collect();
    if node.unschedulable && !node.taints.iter().any(|t| t.key == CORDON) {
        taints.push(format!("{CORDON}=:NoSchedule"));
    }
    Ok(HostSpec {
        ephemeral: Bytes(has.ephemeral_storage),
        pods: Some(u32::try_from(has.pods.max(0)).unwrap_or(u32::MAX)),
        extended: has.scalar.clone(),
        labels: node.labels.clone(),
        taints,
        joins: SimTime(joins.0),
        leaves: leaves.map(|leaves| SimTime(leaves.0)),
        node: Some(Arc::new(node.clone())),
        ..HostSpec::new(node.name.clone(), MilliCpu(has.milli_cpu), Bytes(has.memory))
    })
}

/// `key=value:Effect`. With the equals sign even before an empty value, so that a toleration of just that value, `key=`,
/// is told from one of any value, `key`.
fn taint(taint: &Taint) -> String {
    let effect = match taint.effect {
        Effect::NoSchedule => "NoSchedule",
        Effect::PreferNoSchedule => "PreferNoSchedule",
        Effect::NoExecute => "NoExecute",
    };
    format!("{}={}:{effect}", taint.key, taint.value)
}

/// The Node that `host` is, or would be: one without a manifest has its name, labels and taints.
pub(crate) fn node_of(host: &HostSpec) -> Arc<Node> {
    if let Some(node) = &host.node {
        return node.clone();
    }
    let read = |text: &String| {
        let (body, effect) = text.rsplit_once(':').unwrap_or((text, ""));
        let (key, value) = body.split_once('=').unwrap_or((body, ""));
        // Without an effect it keeps jobs away, as `Cluster::tolerated` has it.
        let effect = match effect {
            "PreferNoSchedule" => Effect::PreferNoSchedule,
            "NoExecute" => Effect::NoExecute,
            _ => Effect::NoSchedule,
        };
        Taint { key: key.into(), value: value.into(), effect }
    };
    Arc::new(Node {
        name: host.name.clone(),
        labels: host.labels.clone(),
        taints: host.taints.iter().map(read).collect(),
        ..Node::default()
    })
}
