//! NodePorts: host ports that are taken (`nodeports/node_ports.go` v1.36.3).

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, Plugin, PluginInfo, Point, PreFilter, PreFilterOutcome, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::pod::{HostPort, Pod};
use crate::kube::snapshot::{NodeInfo, ports_conflict};

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
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for NodePorts {
    fn events(&self) -> &'static [Action] {
        &[Action::PodDelete, Action::NodeAdd]
    }

    /// `isSchedulableAfterPodDeleted`: the pod that is gone held one of the ports. Any added node will do.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        match event {
            ClusterEvent::PodDeleted(gone) => {
                let freed = |wanted: &HostPort| gone.host_ports.iter().any(|used| ports_conflict(used, wanted));
                pod.host_ports.iter().any(freed)
            }
            ClusterEvent::NodeAdded(_) => true,
            _ => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn a_pod_wakes_when_one_of_its_ports_is_freed() {
        let on = |ports: &str| Pod {
            node_name: Some("n".into()),
            ..pod("b", "", &format!("containers: [{{name: c, ports: [{ports}]}}]"))
        };
        let waiting = pod("a", "", "containers: [{name: c, ports: [{hostPort: 80}, {hostPort: 443}]}]");
        let cases = [
            ("{hostPort: 443}", true),
            ("{hostPort: 80, hostIP: 10.0.0.1}", true),
            ("{hostPort: 80, protocol: UDP}", false),
            ("{hostPort: 81}", false),
            ("{containerPort: 80}", false),
        ];
        for (ports, want) in cases {
            assert_eq!(worth("NodePorts", &waiting, &ClusterEvent::PodDeleted(&on(ports))), want, "{ports}");
        }
        assert!(worth("NodePorts", &waiting, &ClusterEvent::NodeAdded(&node("n", "", "", ""))));
        assert!(!worth("NodePorts", &waiting, &ClusterEvent::PodAdded(&on("{hostPort: 443}"))));
    }
}
