//! TaintToleration: taints filter, or count against a node (`tainttoleration/taint_toleration.go` v1.36.3).

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, NormalizeScore, Plugin, PluginInfo, Point, PreScore, Score, Status,
};
use crate::kube::object::node::{Effect, Node, Toleration};
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
