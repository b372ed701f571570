//! GPUs in thousandths, as a filter beside the default ones. kube-scheduler counts whole devices; clusters that share
//! them add a plugin or extender like this one, which looks at every device.

use std::sync::Arc;

use crate::kube::framework::{
    Active, Cycle, CycleState, Filter, FilterResult, Framework, Plugin, PluginInfo, Point, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::pod::Pod;
use crate::kube::snapshot::NodeInfo;

pub(super) const INFO: PluginInfo = PluginInfo {
    name: "GpuShare",
    weight: None,
    summary: "each GPU wish in thousandths fits on a device of its own (not part of kube-scheduler)",
    points: &[Point::Filter],
    modelled: true,
    build: |_| Ok(Box::new(GpuShare)),
};

/// Puts the filter behind the others.
pub(super) fn add(framework: &mut Framework) {
    let plugin: Arc<dyn Plugin> = Arc::new(GpuShare);
    framework.built.insert(INFO.name, Arc::clone(&plugin));
    framework.filter.push(Active { info: &INFO, plugin, weight: 0 });
}

struct GpuShare;

impl Plugin for GpuShare {
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for GpuShare {
    fn events(&self) -> &'static [Action] {
        &[Action::PodDelete, Action::NodeAdd]
    }

    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _world: &World) -> bool {
        match event {
            ClusterEvent::PodDeleted(gone) => !gone.gpus.is_empty(),
            ClusterEvent::NodeAdded(node) => fits(&pod.gpus, vec![1000; usize::from(node.gpus)]),
            _ => true,
        }
    }
}

impl Filter for GpuShare {
    fn filter(&self, cycle: &Cycle<'_>, _state: &CycleState, node: &NodeInfo) -> FilterResult {
        let wanted = &cycle.pod.gpus;
        if wanted.is_empty() || fits(wanted, free(node)) {
            return Ok(());
        }
        Err(Status { plugin: INFO.name, ..Status::unschedulable("Insufficient GPU on one device") })
    }

    fn remedy(&self, cycle: &Cycle<'_>, _state: &CycleState, node: &NodeInfo) -> Option<String> {
        let free = free(node);
        Some(format!("wants {:?} thousandths of as many devices; free on the node's: {free:?}", cycle.pod.gpus))
    }
}

/// Free thousandths of each device of a node. Pods that are only thought of have no devices yet: they take what
/// [`crate::cluster::Devices::choose`] would give them, in their order.
fn free(node: &NodeInfo) -> Vec<u16> {
    let mut free = vec![1000u16; usize::from(node.node.gpus)];
    let (settled, thought): (Vec<_>, Vec<_>) =
        node.pods.iter().filter(|p| !p.gpus.is_empty()).partition(|p| p.devices.len() == p.gpus.len());
    for pod in settled {
        for (&device, &share) in pod.devices.iter().zip(&pod.gpus) {
            if let Some(left) = free.get_mut(usize::from(device)) {
                *left = left.saturating_sub(share);
            }
        }
    }
    for pod in thought {
        if let Some(chosen) = crate::cluster::choose_devices(&free, &pod.gpus) {
            for (&device, &share) in chosen.iter().zip(&pod.gpus) {
                free[usize::from(device)] -= share;
            }
        }
    }
    free
}

fn fits(wanted: &[u16], free: Vec<u16>) -> bool {
    crate::cluster::choose_devices(&free, wanted).is_some()
}
