//! NodeName: the node that `spec.nodeName` names (`nodename/node_name.go` v1.36.3). A pod in the queue has none.

use crate::kube::framework::{Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, Status, World};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::pod::Pod;
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
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for NodeName {
    fn events(&self) -> &'static [Action] {
        &[Action::NodeAdd]
    }

    /// No hint function: any added node.
    fn worth(&self, _: &Pod, _: &ClusterEvent<'_>, _: &World) -> bool {
        true
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn any_added_node_wakes_a_pod_and_no_other_change_of_one() {
        let waiting = pod("a", "", "nodeName: m");
        let (n, bigger) = (node("n", "", "", "cpu: 1"), node("n", "", "", "cpu: 2"));
        assert!(worth("NodeName", &waiting, &ClusterEvent::NodeAdded(&n)));
        assert!(!worth("NodeName", &waiting, &ClusterEvent::NodeUpdated { old: &n, new: &bigger }));
        assert!(!worth("NodeName", &waiting, &ClusterEvent::NodeDeleted(&n)));
    }
}
