//! Whether a pod fits a node: the predicates of the default provider (`algorithm/predicates/predicates.go`).
//!
//! NoVolumeZoneConflict looks at claims only, which are refused when read: it never objects here.

use std::collections::BTreeSet;
use std::fmt;

use crate::kube::y2016::node::Node;
use crate::kube::y2016::node_info::NodeInfo;
use crate::kube::y2016::pod::Pod;
use crate::kube::y2016::taint::{PREFER_NO_SCHEDULE, tolerated};
use crate::kube::y2016::volume::Volume;

/// EBS volumes that a node may have: `aws.DefaultMaxEBSVolumes`. The environment may set another number (KUBE_MAX_PD_VOLS).
pub const MAX_EBS_VOLUMES: usize = 39;
/// Persistent disks that a node may have: `DefaultMaxGCEPDVolumes`, or KUBE_MAX_PD_VOLS.
pub const MAX_GCE_PD_VOLUMES: usize = 16;

/// Why a node is rejected, in the words of the event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// By the predicate's name.
    Predicate(&'static str),
    /// v1.3.0: a resource of this name is short.
    Insufficient(&'static str),
    /// v1.2.4: a resource is short, and by how much.
    NotEnough {
        /// `PodCount`, `CPU` or `Memory`.
        resource: &'static str,
        /// What the pod asks for: pods, milli-CPU or bytes.
        requested: i64,
        /// What pods on the node asked for.
        used: i64,
        /// What may be asked for.
        capacity: i64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Predicate(name) => f.write_str(name),
            Reason::Insufficient(resource) => write!(f, "Insufficient {resource}"),
            Reason::NotEnough { resource, requested, used, capacity } => write!(
                f,
                "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
            ),
        }
    }
}

/// One predicate: a pod, a node, and what is on the node.
pub type Check = fn(&Pod, &Node, &NodeInfo) -> Option<Reason>;

/// `PodFitsResources`: the first resource that is short. A pod that asks for neither CPU nor memory (nor GPUs) is
/// asked for its place only; one that asks for memory alone also fails on a node that is overcommitted on CPU.
fn short(pod: &Pod, node: &Node, info: &NodeInfo) -> Option<Reason> {
    let count = info.pods.len() as i64;
    if count + 1 > node.pods {
        return Some(Reason::NotEnough { resource: "PodCount", requested: 1, used: count, capacity: node.pods });
    }
    let (ask, taken) = (pod.request(), info.taken);
    if (ask.milli_cpu, ask.memory, ask.gpus) == (0, 0, 0) {
        return None;
    }
    let amounts = [
        ("CPU", ask.milli_cpu, taken.milli_cpu, node.milli_cpu),
        ("Memory", ask.memory, taken.memory, node.memory),
        // Always 0 of 0 under v1.2.4.
        ("NvidiaGpu", ask.gpus, taken.gpus, node.gpus),
    ];
    let first = amounts.into_iter().find(|(_, requested, used, capacity)| *capacity < requested.wrapping_add(*used));
    first.map(|(resource, requested, used, capacity)| Reason::NotEnough { resource, requested, used, capacity })
}

/// `PodFitsResources` of v1.2.4.
pub fn fits_resources(pod: &Pod, node: &Node, info: &NodeInfo) -> Option<Reason> {
    short(pod, node, info)
}

/// `PodFitsHostPorts`: plain numbers; protocol and address play no part.
pub fn fits_host_ports(pod: &Pod, _: &Node, info: &NodeInfo) -> Option<Reason> {
    let taken = info.pods.iter().any(|other| other.host_ports.iter().any(|port| pod.host_ports.contains(port)));
    (taken && !pod.host_ports.is_empty()).then_some(Reason::Predicate("PodFitsHostPorts"))
}

/// `PodFitsHost`: a pod that names a node fits that one only. Pods in the queue name none.
pub fn host_name(pod: &Pod, node: &Node, _: &NodeInfo) -> Option<Reason> {
    pod.node_name.as_ref().is_some_and(|name| *name != node.name).then_some(Reason::Predicate("HostName"))
}

/// `PodSelectorMatches`: `nodeSelector`, and the required node affinity of the annotation.
pub fn match_node_selector(pod: &Pod, node: &Node, _: &NodeInfo) -> Option<Reason> {
    let matches = pod.node_selector.matches(&node.labels) && pod.affinity.matches(&node.labels);
    (!matches).then_some(Reason::Predicate("MatchNodeSelector"))
}

/// `NoDiskConflict`: no disk of the pod's may be on the node already, unless nobody writes.
pub fn no_disk_conflict(pod: &Pod, _: &Node, info: &NodeInfo) -> Option<Reason> {
    let there = || info.pods.iter().flat_map(|other| &other.volumes);
    let conflict = pod.volumes.iter().any(|volume| there().any(|other| volume.conflicts(other)));
    conflict.then_some(Reason::Predicate("NoDiskConflict"))
}

/// `NoVolumeZoneConflict`: never, without claims.
pub fn no_volume_zone_conflict(_: &Pod, _: &Node, _: &NodeInfo) -> Option<Reason> {
    None
}

/// `MaxPDVolumeCountChecker.predicate`: different volumes on the node with the pod's.
fn too_many(pod: &Pod, info: &NodeInfo, id: fn(&Volume) -> Option<&String>, most: usize) -> bool {
    let new: BTreeSet<&String> = pod.volumes.iter().filter_map(id).collect();
    let mut all: BTreeSet<&String> = info.pods.iter().flat_map(|pod| &pod.volumes).filter_map(id).collect();
    let asks = !new.is_empty();
    all.extend(new);
    asks && all.len() > most
}

fn ebs(volume: &Volume) -> Option<&String> {
    match volume {
        Volume::AwsElasticBlockStore(id) => Some(id),
        _ => None,
    }
}

fn gce_pd(volume: &Volume) -> Option<&String> {
    match volume {
        Volume::GcePersistentDisk { name, .. } => Some(name),
        _ => None,
    }
}

/// `MaxEBSVolumeCount` of v1.2.4.
pub fn max_ebs_1_2_4(pod: &Pod, _: &Node, info: &NodeInfo) -> Option<Reason> {
    too_many(pod, info, ebs, MAX_EBS_VOLUMES).then_some(Reason::Predicate("MaxEBSVolumeCount"))
}

/// `MaxGCEPDVolumeCount` of v1.2.4.
pub fn max_gce_pd_1_2_4(pod: &Pod, _: &Node, info: &NodeInfo) -> Option<Reason> {
    too_many(pod, info, gce_pd, MAX_GCE_PD_VOLUMES).then_some(Reason::Predicate("MaxGCEPDVolumeCount"))
}

/// `MaxEBSVolumeCount` of v1.3.0, where both counts give the same reason (`ErrMaxVolumeCountExceeded`).
pub fn max_ebs_1_3_0(pod: &Pod, node: &Node, info: &NodeInfo) -> Option<Reason> {
    max_ebs_1_2_4(pod, node, info).map(|_| Reason::Predicate("MaxVolumeCount"))
}

/// `MaxGCEPDVolumeCount` of v1.3.0.
pub fn max_gce_pd_1_3_0(pod: &Pod, node: &Node, info: &NodeInfo) -> Option<Reason> {
    max_gce_pd_1_2_4(pod, node, info).map(|_| Reason::Predicate("MaxVolumeCount"))
}

/// `GeneralPredicates` of v1.3.0: resources, host, ports, selector, in this order; the first that fails.
pub fn general(pod: &Pod, node: &Node, info: &NodeInfo) -> Option<Reason> {
    let resources = short(pod, node, info).map(|reason| match reason {
        Reason::NotEnough { resource, .. } => Reason::Insufficient(resource),
        other => other,
    });
    resources
        .or_else(|| host_name(pod, node, info))
        .or_else(|| fits_host_ports(pod, node, info))
        .or_else(|| match_node_selector(pod, node, info))
}

/// `PodToleratesNodeTaints` of v1.3.0. A pod without any toleration is rejected by every tainted node, even where the
/// taint only asks for preference.
pub fn tolerates_taints(pod: &Pod, node: &Node, _: &NodeInfo) -> Option<Reason> {
    let hard = || node.taints.iter().filter(|taint| taint.effect != PREFER_NO_SCHEDULE);
    let tolerates =
        node.taints.is_empty() || !pod.tolerations.is_empty() && hard().all(|taint| tolerated(taint, &pod.tolerations));
    (!tolerates).then_some(Reason::Predicate("PodToleratesNodeTaints"))
}

/// `CheckNodeMemoryPressure` of v1.3.0: BestEffort pods stay away from a node that is short of memory.
pub fn memory_pressure(pod: &Pod, node: &Node, _: &NodeInfo) -> Option<Reason> {
    let pressed = || node.conditions.iter().any(|c| c.kind == "MemoryPressure" && c.status == "True");
    (pod.best_effort() && pressed()).then_some(Reason::Predicate("NodeUnderMemoryPressure"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kube::y2016::affinity::Affinity;
    use crate::kube::y2016::label::set_selector;
    use crate::kube::y2016::node::Condition;
    use crate::kube::y2016::pod::Container;
    use crate::kube::y2016::taint::{Taint, Toleration};

    fn asks(milli_cpu: i64, memory: i64) -> Pod {
        let container = Container { milli_cpu: Some(milli_cpu), memory: Some(memory), ..Container::default() };
        Pod { containers: vec![container], ..Pod::default() }
    }

    fn with(pods: Vec<Pod>) -> NodeInfo {
        let mut info = NodeInfo::default();
        pods.into_iter().for_each(|pod| info.add(Arc::new(pod)));
        info
    }

    fn node(milli_cpu: i64, memory: i64, pods: i64) -> Node {
        Node { name: "a".into(), milli_cpu, memory, pods, ..Node::default() }
    }

    #[test]
    fn resources_are_asked_for_in_order_and_the_first_that_is_short_is_named() {
        let text = |pod: &Pod, node: &Node, info: &NodeInfo| fits_resources(pod, node, info).map(|r| r.to_string());
        // 600 + 400 = 1000 fits exactly; 401 does not.
        let info = with(vec![asks(600, 50)]);
        assert_eq!(text(&asks(400, 50), &node(1000, 100, 2), &info), None);
        let cpu = "Node didn't have enough resource: CPU, requested: 401, used: 600, capacity: 1000";
        assert_eq!(text(&asks(401, 51), &node(1000, 100, 2), &info).as_deref(), Some(cpu));
        let memory = "Node didn't have enough resource: Memory, requested: 51, used: 50, capacity: 100";
        assert_eq!(text(&asks(400, 51), &node(1000, 100, 2), &info).as_deref(), Some(memory));
        let count = "Node didn't have enough resource: PodCount, requested: 1, used: 1, capacity: 1";
        assert_eq!(text(&asks(0, 0), &node(1000, 100, 1), &info).as_deref(), Some(count));
        let general = general(&asks(401, 51), &node(1000, 100, 2), &info).map(|r| r.to_string());
        assert_eq!(general.as_deref(), Some("Insufficient CPU"));
    }

    #[test]
    fn an_overcommitted_node_takes_pods_that_ask_for_nothing_only() {
        let info = with(vec![asks(1200, 0)]);
        assert_eq!(fits_resources(&asks(0, 0), &node(1000, 100, 9), &info), None);
        assert!(fits_resources(&asks(0, 1), &node(1000, 100, 9), &info).is_some());
        let mut gpu = asks(0, 0);
        gpu.containers[0].gpus = 1;
        let two = Node { gpus: 2, ..node(1000, 100, 9) };
        assert_eq!(general(&gpu, &two, &with(vec![gpu.clone()])), None);
        let full = with(vec![gpu.clone(), gpu.clone()]);
        assert_eq!(general(&gpu, &two, &full), Some(Reason::Insufficient("NvidiaGpu")));
    }

    #[test]
    fn ports_hosts_and_selectors() {
        let port = |port: i32| Pod { host_ports: vec![port], ..Pod::default() };
        let a = node(0, 0, 9);
        let ports = |pod: &Pod, on: Vec<Pod>| fits_host_ports(pod, &a, &with(on)).is_none();
        assert!(ports(&port(80), vec![port(81)]) && !ports(&port(80), vec![port(81), port(80)]));
        assert!(ports(&Pod::default(), vec![port(80)]));
        let host = |name: &str| Pod { node_name: Some(name.into()), ..Pod::default() };
        let empty = NodeInfo::default();
        assert!(host_name(&host("a"), &a, &empty).is_none() && host_name(&host("b"), &a, &empty).is_some());
        let disk = |value: &str| [("disk".to_string(), value.to_string())].into_iter().collect();
        let ssd = Node { labels: disk("ssd"), ..a.clone() };
        let pod = |value: &str| Pod { node_selector: set_selector(&disk(value)), ..Pod::default() };
        assert!(match_node_selector(&pod("ssd"), &ssd, &empty).is_none());
        assert!(match_node_selector(&pod("hdd"), &ssd, &empty).is_some());
        let unreadable = Pod { affinity: Affinity::parse("{"), ..Pod::default() };
        assert!(match_node_selector(&unreadable, &ssd, &empty).is_some());
    }

    #[test]
    fn general_predicates_stop_at_the_first_in_a_fixed_order() {
        let everything =
            Pod { node_name: Some("b".into()), host_ports: vec![80], affinity: Affinity::parse("{"), ..asks(2000, 0) };
        let info = with(vec![Pod { host_ports: vec![80], ..Pod::default() }]);
        let a = node(1000, 100, 9);
        let mut pod = everything;
        assert_eq!(general(&pod, &a, &info), Some(Reason::Insufficient("CPU")));
        pod.containers.clear();
        assert_eq!(general(&pod, &a, &info), Some(Reason::Predicate("HostName")));
        pod.node_name = None;
        assert_eq!(general(&pod, &a, &info), Some(Reason::Predicate("PodFitsHostPorts")));
        pod.host_ports.clear();
        assert_eq!(general(&pod, &a, &info), Some(Reason::Predicate("MatchNodeSelector")));
        pod.affinity = Affinity::default();
        assert_eq!(general(&pod, &a, &info), None);
    }

    #[test]
    fn disks_conflict_and_are_counted_once_each() {
        let disks = |names: std::ops::Range<usize>, read_only: bool| Pod {
            volumes: names.map(|i| Volume::GcePersistentDisk { name: format!("d{i}"), read_only }).collect(),
            ..Pod::default()
        };
        let a = node(0, 0, 99);
        assert!(no_disk_conflict(&disks(0..1, false), &a, &with(vec![disks(0..1, true)])).is_some());
        assert!(no_disk_conflict(&disks(0..1, true), &a, &with(vec![disks(0..1, true)])).is_none());
        // 15 there: one more makes 16, two more 17; the same ones again are no more.
        let there = with(vec![disks(0..15, true)]);
        assert!(max_gce_pd_1_2_4(&disks(15..16, true), &a, &there).is_none());
        assert!(max_gce_pd_1_2_4(&disks(0..16, true), &a, &there).is_none());
        let name = |reason: Option<Reason>| reason.map(|r| r.to_string()).unwrap_or_default();
        assert_eq!(name(max_gce_pd_1_2_4(&disks(15..17, true), &a, &there)), "MaxGCEPDVolumeCount");
        assert_eq!(name(max_gce_pd_1_3_0(&disks(15..17, true), &a, &there)), "MaxVolumeCount");
        let ebs = |names: std::ops::Range<usize>| Pod {
            volumes: names.map(|i| Volume::AwsElasticBlockStore(format!("v{i}"))).collect(),
            ..Pod::default()
        };
        assert!(max_ebs_1_2_4(&ebs(0..39), &a, &there).is_none());
        assert_eq!(name(max_ebs_1_2_4(&ebs(0..40), &a, &there)), "MaxEBSVolumeCount");
        // A pod without such volumes is not asked, however many there are.
        assert!(max_ebs_1_3_0(&Pod::default(), &a, &with(vec![ebs(0..50)])).is_none());
    }

    #[test]
    fn a_pod_without_tolerations_stays_away_from_any_taint() {
        let taint = |effect: &str| Taint { key: "k".into(), value: "v".into(), effect: effect.into() };
        let tainted =
            |effects: &[&str]| Node { taints: effects.iter().map(|effect| taint(effect)).collect(), ..Node::default() };
        let tolerating = |key: &str| Pod {
            tolerations: vec![Toleration { key: key.into(), operator: "Exists".into(), ..Toleration::default() }],
            ..Pod::default()
        };
        let fits = |pod: &Pod, node: &Node| tolerates_taints(pod, node, &NodeInfo::default()).is_none();
        assert!(fits(&Pod::default(), &tainted(&[])));
        assert!(!fits(&Pod::default(), &tainted(&[PREFER_NO_SCHEDULE])));
        assert!(fits(&tolerating("other"), &tainted(&[PREFER_NO_SCHEDULE])));
        assert!(!fits(&tolerating("other"), &tainted(&["NoSchedule"])));
        assert!(fits(&tolerating("k"), &tainted(&["NoSchedule", PREFER_NO_SCHEDULE])));
    }

    #[test]
    fn memory_pressure_keeps_best_effort_pods_away() {
        let pressed = |status: &str| Node {
            conditions: vec![Condition { kind: "MemoryPressure".into(), status: status.into() }],
            ..Node::default()
        };
        let bounded = Pod { containers: vec![Container { bounded: true, ..Container::default() }], ..Pod::default() };
        let fits = |pod: &Pod, status: &str| memory_pressure(pod, &pressed(status), &NodeInfo::default()).is_none();
        assert!(!fits(&Pod::default(), "True"));
        assert!(fits(&Pod::default(), "Unknown") && fits(&bounded, "True"));
    }
}
