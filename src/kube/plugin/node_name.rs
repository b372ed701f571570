//! NodeName: the node that `spec.nodeName` names (`nodename/node_name.go` v1.36.3). A pod in the queue has none.

use crate::kube::framework::{Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, Status};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeName",
    weight: None,
    summary: "only the node that the pod names",
    points: &[Point::Filter],
    modelled: true,
    build: |_| Ok(Box::new(NodeName)),
};

/// The plugin.
pub struct NodeName;

impl Plugin for NodeName {
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl Filter for NodeName {
    fn filter(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> FilterResult {
        match &cycle.pod.node_name {
            Some(name) if *name != node.node.name => {
                Err(Status::unresolvable("node(s) didn't match the requested node name"))
            }
            _ => Ok(()),
        }
    }

    fn remedy(&self, _: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Option<String> {
        Some(format!("fits if the pod named no node, or {}", node.node.name))
    }
}
