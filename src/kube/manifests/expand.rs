//! The pods that controllers would make and that are not there yet.
//!
//! A controller that has pods among the objects, even finished ones, makes no more: a dump of a cluster is taken as it
//! is. A Deployment makes its pods through its ReplicaSet, a CronJob through a Job; where these are there, it leaves
//! the pods to them.

use std::collections::BTreeSet;

use super::too_many;
use crate::error::{Error, ErrorKind, Result};
use crate::kube::object::Objects;
use crate::kube::object::meta::Owner;
use crate::kube::object::node::{Effect, Node, Taint, Toleration, TolerationOperator};
use crate::kube::object::other::{Controller, ControllerKind};
use crate::kube::object::pod::Pod;
use crate::kube::object::read::Ignored;
use crate::kube::object::selector::NodeTerm;

/// Adds the pods to `objects`, each controller's where it stands; says what was assumed. How many there are.
pub(super) fn expand(objects: &mut Objects, pods_max: u64, notes: &mut Vec<String>) -> Result<usize> {
    let owned = Owned::of(objects);
    let mut keys: BTreeSet<String> = objects.pods.iter().map(|pod| pod.key.clone()).collect();
    let (mut held, mut idle, mut empty) = (0, 0, 0);
    let mut replica_sets = Vec::new();
    let mut fresh: Vec<(usize, Pod)> = Vec::new();
    let mut total = objects.pods.len() as u64;
    if total > pods_max {
        return Err(too_many(total, pods_max));
    }
    for controller in &objects.controllers {
        if owned.holds(controller, &objects.pods) {
            held += 1;
            continue;
        }
        if controller.idle {
            idle += 1;
            continue;
        }
        if !controller.has_containers() {
            empty += 1;
            continue;
        }
        let first = controller.pod(0, &mut Ignored::default())?;
        let hosts: Vec<&Node> = match controller.kind {
            ControllerKind::DaemonSet => objects.nodes.iter().filter(|node| runs_daemon(&first, node)).collect(),
            _ => Vec::new(),
        };
        let count = match controller.kind {
            ControllerKind::DaemonSet => hosts.len() as u64,
            _ => u64::from(controller.replicas),
        };
        total = total.saturating_add(count);
        if total > pods_max {
            let who = format!("{} {}", controller.kind.name(), controller.meta.name);
            let why = too_many(total, pods_max);
            return Err(Error::new(ErrorKind::Budget, format!("with those of {who}, {why}")));
        }
        let mut number = 0;
        for i in 0..count {
            let mut pod = loop {
                let pod = controller.pod(number, &mut Ignored::default())?;
                number += 1;
                if keys.insert(pod.key.clone()) {
                    break pod;
                }
            };
            if controller.kind == ControllerKind::DaemonSet {
                bind_to(&mut pod, &hosts[i as usize].name);
            }
            fresh.push((controller.pods_before, pod));
        }
        if controller.kind == ControllerKind::Deployment {
            replica_sets.push(controller.replica_set());
        }
    }
    objects.controllers.extend(replica_sets);
    let say = |notes: &mut Vec<String>, count: usize, what: &str| {
        if count > 0 {
            let s = if count == 1 { "" } else { "s" };
            notes.push(format!("{count} controller{s} {what}"));
        }
    };
    say(notes, held, "with pods or owned objects here already: no pods were made for them");
    say(notes, idle, "suspended or finished: no pods were made for them");
    say(notes, empty, "without a container in the template: no pods were made for them");
    let made = fresh.len();
    if made > 0 {
        let what = if made == 1 {
            "pod was made for a controller; its name ends"
        } else {
            "pods were made for controllers; their names end"
        };
        notes.push(format!("{made} {what} in a number"));
    }
    merge(&mut objects.pods, fresh);
    Ok(made)
}

/// Puts each new pod behind as many old ones as stood before its controller.
fn merge(pods: &mut Vec<Pod>, fresh: Vec<(usize, Pod)>) {
    let mut all = Vec::with_capacity(pods.len() + fresh.len());
    let mut fresh = fresh.into_iter().peekable();
    for (i, pod) in std::mem::take(pods).into_iter().enumerate() {
        while let Some((_, made)) = fresh.next_if(|(before, _)| *before <= i) {
            all.push(made);
        }
        all.push(pod);
    }
    all.extend(fresh.map(|(_, made)| made));
    *pods = all;
}

/// Who has objects among those that were read: kind, namespace and name.
struct Owned(BTreeSet<(String, String, String)>);

impl Owned {
    fn of(objects: &Objects) -> Self {
        let entry = |namespace: &str, owner: &Owner| (owner.kind.clone(), namespace.to_string(), owner.name.clone());
        let pods = objects.pods.iter().filter_map(|p| Some(entry(&p.namespace, p.owner.as_ref()?)));
        let owned = objects.controllers.iter().filter_map(|c| Some(entry(&c.meta.namespace, c.meta.owner.as_ref()?)));
        Owned(pods.chain(owned).collect())
    }

    fn holds(&self, controller: &Controller, pods: &[Pod]) -> bool {
        let key = (controller.kind.name().to_string(), controller.meta.namespace.clone(), controller.meta.name.clone());
        if self.0.contains(&key) {
            return true;
        }
        // `kubectl get deployments,pods` leaves out what stands between them, whose name goes on with a hash or a time.
        let between = match controller.kind {
            ControllerKind::Deployment => "ReplicaSet",
            ControllerKind::CronJob => "Job",
            _ => return false,
        };
        pods.iter().any(|pod| {
            let through = pod.owner.as_ref().filter(|owner| owner.kind == between);
            let tail = through.and_then(|o| o.name.strip_prefix(&controller.meta.name)?.strip_prefix('-'));
            pod.namespace == controller.meta.namespace && tail.is_some_and(|tail| !tail.contains('-'))
        })
    }
}

/// The taints that a daemon's pod tolerates whatever its template says: `AddOrUpdateDaemonPodTolerations`
/// (`pkg/controller/daemon/util/daemonset_util.go` v1.36.3).
const DAEMON_TOLERATIONS: [(&str, Effect); 6] = [
    ("node.kubernetes.io/not-ready", Effect::NoExecute),
    ("node.kubernetes.io/unreachable", Effect::NoExecute),
    ("node.kubernetes.io/disk-pressure", Effect::NoSchedule),
    ("node.kubernetes.io/memory-pressure", Effect::NoSchedule),
    ("node.kubernetes.io/pid-pressure", Effect::NoSchedule),
    ("node.kubernetes.io/unschedulable", Effect::NoSchedule),
];

fn daemon_tolerations() -> impl Iterator<Item = Toleration> {
    DAEMON_TOLERATIONS.iter().map(|(key, effect)| Toleration {
        key: (*key).into(),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: Some(*effect),
        seconds: None,
    })
}

/// Whether the controller makes a pod for a node: `NodeShouldRunDaemonPod` (`pkg/controller/daemon/daemon_controller.go`
/// v1.36.3).
fn runs_daemon(pod: &Pod, node: &Node) -> bool {
    let tolerations: Vec<Toleration> = pod.tolerations.iter().cloned().chain(daemon_tolerations()).collect();
    let bars = |taint: &&Taint| {
        taint.effect != Effect::PreferNoSchedule && !tolerations.iter().any(|toleration| toleration.tolerates(taint))
    };
    pod.node_affinity.matches(node) && !node.taints.iter().any(|taint| bars(&taint))
}

/// Ties a daemon's pod to its node: `ReplaceDaemonSetPodNodeNameNodeAffinity`.
fn bind_to(pod: &mut Pod, node: &str) {
    pod.tolerations.extend(daemon_tolerations());
    pod.node_affinity.required = Some(vec![NodeTerm::named(node)]);
}
