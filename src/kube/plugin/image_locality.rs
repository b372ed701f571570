//! ImageLocality: nodes that have the images already (`imagelocality/image_locality.go` v1.36.3).

use crate::kube::framework::{Cycle, CycleState, MAX_NODE_SCORE, Plugin, PluginInfo, Point, Score, Status};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "ImageLocality",
    weight: Some(1),
    summary: "favours nodes that have the pod's images, less so where few nodes have them",
    points: &[Point::Score],
    modelled: true,
    build: |_| Ok(Box::new(ImageLocality)),
};

const MB: i64 = 1024 * 1024;
/// Less than this does not count.
const MIN_THRESHOLD: i64 = 23 * MB;
/// More than this a container does not count.
const MAX_CONTAINER_THRESHOLD: i64 = 1000 * MB;

/// The plugin.
pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl Score for ImageLocality {
    fn score(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let total_nodes = cycle.snapshot.nodes.len() as f64;
        let mut sum = 0i64;
        for image in &cycle.pod.images {
            if let Some(state) = node.images.get(image) {
                let spread = state.node_count as f64 / total_nodes;
                sum = sum.wrapping_add((state.size_bytes as f64 * spread) as i64);
            }
        }
        let max = MAX_CONTAINER_THRESHOLD.wrapping_mul(cycle.pod.container_count as i64);
        // Written as Go's if/else, not as clamp: without containers the bounds are the wrong way round.
        let sum = if sum < MIN_THRESHOLD { MIN_THRESHOLD } else { sum.min(max) };
        Ok(MAX_NODE_SCORE.wrapping_mul(sum - MIN_THRESHOLD).wrapping_div(max - MIN_THRESHOLD))
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let total = cycle.snapshot.nodes.len();
        let there = cycle.pod.images.iter().filter_map(|image| Some((image, node.images.get(image)?)));
        let parts: Vec<String> = there
            .map(|(image, state)| format!("{image} {} bytes * {}/{total} nodes", state.size_bytes, state.node_count))
            .collect();
        let sum = if parts.is_empty() { "no image is here".to_string() } else { parts.join(" + ") };
        let max = MAX_CONTAINER_THRESHOLD.wrapping_mul(cycle.pod.container_count as i64);
        let score = Score::score(self, cycle, state, node).unwrap_or(0);
        format!("{sum}, within {MIN_THRESHOLD}…{max} as 0…100 = {score}")
    }
}
