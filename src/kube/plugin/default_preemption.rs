//! DefaultPreemption: room by evicting pods of lower priority (`defaultpreemption/default_preemption.go` v1.36.3).
//! The search itself is in [`crate::kube::preemption`].

use crate::kube::framework::{
    Cycle, CycleState, Diagnosis, Framework, Plugin, PluginInfo, Point, PostFilter, PostFilterOutcome, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::pod::Pod;
use crate::kube::preemption::{self, Nominator};

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "DefaultPreemption",
    weight: None,
    summary: "evicts pods of lower priority where that makes room",
    points: &[Point::PreEnqueue, Point::PostFilter],
    modelled: true,
    build: |args| {
        Ok(Box::new(DefaultPreemption {
            min_candidate_nodes_percentage: args.min_candidate_nodes_percentage,
            min_candidate_nodes_absolute: args.min_candidate_nodes_absolute,
        }))
    },
};

/// The plugin with its arguments.
pub struct DefaultPreemption {
    min_candidate_nodes_percentage: i32,
    min_candidate_nodes_absolute: i32,
}

impl Plugin for DefaultPreemption {
    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for DefaultPreemption {
    fn events(&self) -> &'static [Action] {
        &[Action::PodDelete]
    }

    /// `isPodSchedulableAfterPodDeletion`: never; the plugins that rejected the pod before it judge.
    fn worth(&self, _: &Pod, _: &ClusterEvent<'_>, _: &World) -> bool {
        false
    }
}

impl PostFilter for DefaultPreemption {
    fn post_filter(
        &self,
        framework: &Framework,
        cycle: &Cycle<'_>,
        state: &CycleState,
        nominator: &Nominator,
        diagnosis: &Diagnosis<'_>,
    ) -> PostFilterOutcome {
        if let Err(reason) = preemption::eligible(cycle, diagnosis) {
            let reasons = vec![format!("preemption: {reason}")];
            return PostFilterOutcome::Unschedulable { reasons, reset: false, tried: None };
        }
        let wanted = |nodes: usize| -> usize {
            let n = i32::try_from(nodes).unwrap_or(i32::MAX);
            let share = n.wrapping_mul(self.min_candidate_nodes_percentage) / 100;
            usize::try_from(share.max(self.min_candidate_nodes_absolute).min(n)).unwrap_or(0)
        };
        preemption::preempt(framework, cycle, state, nominator, diagnosis, wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn it_wakes_nobody() {
        let bound = Pod { node_name: Some("n".into()), ..pod("b", "", "") };
        assert!(!worth("DefaultPreemption", &pod("a", "", ""), &ClusterEvent::PodDeleted(&bound)));
        assert!(!worth("DefaultPreemption", &pod("a", "", ""), &ClusterEvent::NodeAdded(&node("n", "", "", ""))));
    }
}
