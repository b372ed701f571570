//! SchedulingGates: a pod with gates does not enter the queue (`schedulinggates/scheduling_gates.go` v1.36.3).

use crate::kube::framework::{Plugin, PluginInfo, Point, World};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::pod::Pod;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "SchedulingGates",
    weight: None,
    summary: "keeps a pod with scheduling gates out of the queue",
    points: &[Point::PreEnqueue],
    modelled: true,
    build: |_| Ok(Box::new(SchedulingGates)),
};

/// The plugin; the queue asks [`gated`].
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for SchedulingGates {
    fn events(&self) -> &'static [Action] {
        &[Action::PodUngate]
    }

    /// `isSchedulableAfterUpdatePodSchedulingGatesEliminated`: this very pod.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        matches!(event, ClusterEvent::PodUngated(other) if other.key == pod.key)
    }
}

/// Whether PreEnqueue holds the pod back.
pub fn gated(pod: &Pod) -> bool {
    !pod.gates.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn only_the_end_of_its_own_gates_wakes_a_pod() {
        let (a, b) = (pod("a", "", ""), pod("b", "", ""));
        assert!(worth("SchedulingGates", &a, &ClusterEvent::PodUngated(&a)));
        assert!(!worth("SchedulingGates", &a, &ClusterEvent::PodUngated(&b)));
        assert!(!worth("SchedulingGates", &a, &ClusterEvent::NodeAdded(&node("n", "", "", ""))));
    }
}
