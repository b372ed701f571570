//! NodeUnschedulable: cordoned nodes (`nodeunschedulable/node_unschedulable.go` v1.36.3).

use crate::kube::framework::{Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, Status};
use crate::kube::object::node::{Effect, Taint};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeUnschedulable",
    weight: None,
    summary: "no cordoned node, unless the pod tolerates the taint that stands for it",
    points: &[Point::Filter],
    modelled: true,
    build: |_| Ok(Box::new(NodeUnschedulable)),
};

/// The plugin.
pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeUnschedulable {
    fn filter(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> FilterResult {
        if !node.node.unschedulable {
            return Ok(());
        }
        let taint =
            Taint { key: "node.kubernetes.io/unschedulable".into(), value: String::new(), effect: Effect::NoSchedule };
        if cycle.pod.tolerations.iter().any(|t| t.tolerates(&taint)) {
            return Ok(());
        }
        Err(Status::unresolvable("node(s) were unschedulable"))
    }

    fn remedy(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> Option<String> {
        Some("fits if the node were uncordoned".into())
    }
}
