//! NodeUnschedulable: cordoned nodes (`nodeunschedulable/node_unschedulable.go` v1.36.3).

use crate::kube::framework::{Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, Status, World};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::node::{Effect, Taint};
use crate::kube::object::pod::Pod;
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
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for NodeUnschedulable {
    fn events(&self) -> &'static [Action] {
        &[Action::NodeAdd, Action::NodeTaint]
    }

    /// `isSchedulableAfterNodeChange`: a node came schedulable, or became it.
    fn worth(&self, _: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        match event {
            ClusterEvent::NodeAdded(node) => !node.unschedulable,
            ClusterEvent::NodeUpdated { old, new } => old.unschedulable && !new.unschedulable,
            _ => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn an_uncordoned_node_wakes_a_pod_and_a_cordoned_one_does_not() {
        let waiting = pod("a", "", "");
        let (open, cordoned) = (node("n", "", "", ""), node("n", "", "unschedulable: true", ""));
        assert!(worth("NodeUnschedulable", &waiting, &ClusterEvent::NodeUpdated { old: &cordoned, new: &open }));
        assert!(!worth("NodeUnschedulable", &waiting, &ClusterEvent::NodeUpdated { old: &open, new: &cordoned }));
        assert!(worth("NodeUnschedulable", &waiting, &ClusterEvent::NodeAdded(&open)));
        assert!(!worth("NodeUnschedulable", &waiting, &ClusterEvent::NodeAdded(&cordoned)));
    }
}
