//! NodePorts: host ports that are taken (`nodeports/node_ports.go` v1.36.3).

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, PreFilter, PreFilterOutcome, Status,
};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodePorts",
    weight: None,
    summary: "no node where a host port of the pod is taken",
    points: &[Point::PreFilter, Point::Filter],
    modelled: true,
    build: |_| Ok(Box::new(NodePorts)),
};

/// The plugin.
pub struct NodePorts;

/// PreFilter ran; the ports themselves are in the pod.
#[derive(Clone)]
struct State;

impl Plugin for NodePorts {
    fn pre_filter(&self) -> Option<&dyn PreFilter> {
        Some(self)
    }
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
}

impl PreFilter for NodePorts {
    fn pre_filter(&self, cycle: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome {
        if cycle.pod.host_ports.is_empty() {
            return PreFilterOutcome::Skip;
        }
        state.write(State);
        PreFilterOutcome::All
    }
}

impl Filter for NodePorts {
    fn filter(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        state.read::<State>().ok_or_else(|| Status::no_state("PreFilterNodePorts"))?;
        if cycle.pod.host_ports.iter().any(|port| node.port_conflict(port)) {
            return Err(Status::unschedulable("node(s) didn't have free ports for the requested pod ports"));
        }
        Ok(())
    }

    fn remedy(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Option<String> {
        let taken = cycle.pod.host_ports.iter().filter(|port| node.port_conflict(port));
        let names: Vec<String> = taken.map(|p| format!("{}:{}/{}", p.ip, p.port, p.protocol)).collect();
        Some(format!("fits if {} were free", names.join(" and ")))
    }
}
