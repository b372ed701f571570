//! TaintToleration: taints filter, or count against a node (`tainttoleration/taint_toleration.go` v1.36.3).

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, NormalizeScore, Plugin, PluginInfo, Point, PreScore, Score, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::node::{Effect, Node, Toleration};
use crate::kube::object::pod::Pod;
use crate::kube::plugin::{default_normalize, default_normalize_arithmetic};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "TaintToleration",
    weight: Some(3),
    summary: "no node with a taint that the pod does not tolerate; fewer PreferNoSchedule taints score higher",
    points: &[Point::Filter, Point::PreScore, Point::Score],
    modelled: true,
    build: |_| Ok(Box::new(TaintToleration)),
};

/// The plugin.
pub struct TaintToleration;

/// What PreScore leaves: the tolerations that can concern PreferNoSchedule.
#[derive(Clone)]
struct State {
    tolerations: Vec<Toleration>,
}

/// Whether a NoSchedule or NoExecute taint keeps the pod away: `FindMatchingUntoleratedTaint` with
/// `DoNotScheduleTaintsFilterFunc`.
pub fn has_untolerated_taint(node: &Node, tolerations: &[Toleration]) -> bool {
    node.taints
        .iter()
        .filter(|taint| matches!(taint.effect, Effect::NoSchedule | Effect::NoExecute))
        .any(|taint| !tolerations.iter().any(|t| t.tolerates(taint)))
}

impl Plugin for TaintToleration {
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
    fn pre_score(&self) -> Option<&dyn PreScore> {
        Some(self)
    }
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for TaintToleration {
    fn events(&self) -> &'static [Action] {
        &[Action::NodeAdd, Action::NodeTaint]
    }

    /// `isSchedulableAfterNodeChange`: the node's taints are tolerated, and were not before.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        let repels = |node: &Node| has_untolerated_taint(node, &pod.tolerations);
        match event {
            ClusterEvent::NodeAdded(node) => !repels(node),
            ClusterEvent::NodeUpdated { old, new } => repels(old) && !repels(new),
            _ => false,
        }
    }
}

impl Filter for TaintToleration {
    fn filter(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> FilterResult {
        if has_untolerated_taint(&node.node, &cycle.pod.tolerations) {
            return Err(Status::unresolvable("node(s) had untolerated taint(s)"));
        }
        Ok(())
    }

    fn remedy(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Option<String> {
        let bad = node.node.taints.iter().filter(|taint| {
            taint.effect != Effect::PreferNoSchedule && !cycle.pod.tolerations.iter().any(|t| t.tolerates(taint))
        });
        let names: Vec<String> = bad.map(|t| format!("{}={}:{:?}", t.key, t.value, t.effect)).collect();
        Some(format!("fits if the pod tolerated {}", names.join(" and ")))
    }
}

impl PreScore for TaintToleration {
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, _: &[&NodeInfo]) -> bool {
        let concerns = |t: &&Toleration| matches!(t.effect, None | Some(Effect::PreferNoSchedule));
        state.write(State { tolerations: cycle.pod.tolerations.iter().filter(concerns).cloned().collect() });
        true
    }
}

impl Score for TaintToleration {
    fn score(&self, _: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let state = state.read::<State>().ok_or_else(|| Status::no_state("PreScoreTaintToleration"))?;
        let untolerated = node
            .node
            .taints
            .iter()
            .filter(|taint| taint.effect == Effect::PreferNoSchedule)
            .filter(|taint| !state.tolerations.iter().any(|t| t.tolerates(taint)));
        Ok(untolerated.count() as i64)
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        format!("PreferNoSchedule taints not tolerated = {}", Score::score(self, cycle, state, node).unwrap_or(0))
    }
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        Some(self)
    }
}

impl NormalizeScore for TaintToleration {
    fn normalize_score(&self, _: &CycleState, _: &[&NodeInfo], scores: &mut [i64]) {
        default_normalize(scores, true);
    }

    fn arithmetic(&self, _: &CycleState, _: &NodeInfo, raw: &[i64], score: i64) -> String {
        default_normalize_arithmetic(raw, score, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn a_node_wakes_a_pod_when_the_last_taint_it_cannot_bear_goes() {
        let waiting = pod("a", "", "tolerations: [{key: b, operator: Exists}]");
        let plain = node("n", "", "", "");
        let a = node("n", "", "taints: [{key: a, effect: NoSchedule}]", "");
        let b = node("n", "", "taints: [{key: b, effect: NoSchedule}]", "");
        let both = node("n", "", "taints: [{key: a, effect: NoExecute}, {key: b, effect: NoSchedule}]", "");
        for (old, new, want) in [(&both, &b, true), (&both, &a, false), (&b, &plain, false), (&a, &plain, true)] {
            let event = ClusterEvent::NodeUpdated { old, new };
            assert_eq!(worth("TaintToleration", &waiting, &event), want, "{:?} {:?}", old.taints, new.taints);
        }
        assert!(worth("TaintToleration", &waiting, &ClusterEvent::NodeAdded(&b)));
        assert!(!worth("TaintToleration", &waiting, &ClusterEvent::NodeAdded(&a)));
    }
}
