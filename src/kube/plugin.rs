//! The plugins of kube-scheduler v1.36.3, one file each; a row in [`crate::kube::framework::PLUGINS`] adds one.

pub mod default_preemption;
pub mod image_locality;
pub mod inter_pod_affinity;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources_balanced_allocation;
pub mod node_resources_fit;
pub mod node_unschedulable;
pub mod pod_topology_spread;
pub mod priority_sort;
pub mod scheduling_gates;
pub mod skipping;
pub mod taint_toleration;

use crate::kube::framework::MAX_NODE_SCORE;

/// The sum behind [`default_normalize`] for one score.
pub fn default_normalize_arithmetic(raw: &[i64], score: i64, reverse: bool) -> String {
    let max = raw.iter().copied().max().unwrap_or(0).max(0);
    let scaled = || MAX_NODE_SCORE.wrapping_mul(score).wrapping_div(max);
    match (max, reverse) {
        (0, true) => format!("all are 0: = {MAX_NODE_SCORE}"),
        (0, false) => format!("all are 0: = {score}"),
        (_, true) => format!("100 - 100*{score}/{max} = {}", MAX_NODE_SCORE - scaled()),
        (_, false) => format!("100*{score}/{max} = {}", scaled()),
    }
}

/// `helper.DefaultNormalizeScore` (`plugins/helper/normalize_score.go`): the highest becomes 100, the rest in
/// proportion, truncated; `reverse` turns the scale around.
pub fn default_normalize(scores: &mut [i64], reverse: bool) {
    let max = scores.iter().copied().max().unwrap_or(0).max(0);
    for score in scores {
        if max == 0 {
            // 0·100/0 is not computed: all stay, or all are the best.
            if reverse {
                *score = MAX_NODE_SCORE;
            }
            continue;
        }
        let scaled = MAX_NODE_SCORE.wrapping_mul(*score).wrapping_div(max);
        *score = if reverse { MAX_NODE_SCORE - scaled } else { scaled };
    }
}
