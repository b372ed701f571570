//! SchedulingGates: a pod with gates does not enter the queue (`schedulinggates/scheduling_gates.go` v1.36.3).

use crate::kube::framework::{Plugin, PluginInfo, Point};
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

impl Plugin for SchedulingGates {}

/// Whether PreEnqueue holds the pod back.
pub fn gated(pod: &Pod) -> bool {
    !pod.gates.is_empty()
}
