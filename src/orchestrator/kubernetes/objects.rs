//! Hosts as Nodes and jobs as Pods: what the API server would show of them.
//!
//! A job that came from a manifest is the pod that it was described by; any other is a pod of one container with its
//! requests, owned by a ReplicaSet of its app where the app has several jobs, as a Deployment would make it. That owner
//! is what PodTopologySpread's system defaults go by.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cluster::HostSpec;
use crate::host::kubelet::threshold::{CONDITIONS, Condition, Pressure};
use crate::ids::{AppId, JobId};
use crate::kube::framework::World as Listed;
use crate::kube::object::affinity::{AffinityTerm, NodeAffinity, TermNamespaces};
use crate::kube::object::meta::Owner;
use crate::kube::object::node::{Effect, Node, Taint, Toleration, TolerationOperator};
use crate::kube::object::other::{Controller as ControllerObject, ControllerKind};
use crate::kube::object::pod::{HostPort, Pod};
use crate::kube::object::resources::{Container, PodResources, ResourceList, Resources};
use crate::kube::object::selector::{Labels, NodeTerm, Operator, Requirement, Selector};
use crate::orchestrator::{RequestRule, World};
use crate::units::Quantity;
use crate::workload::Controller;

/// `maxPods` of a kubelet that is not told otherwise.
pub(in crate::orchestrator) const MAX_PODS: u32 = 110;
/// The label by which jobs that name GPU models choose their hosts.
const GPU_MODEL: &str = "plimsoll/gpu-model";
/// The label by which a node is told from all others.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label by which the pods of an app are told from others.
pub(in crate::orchestrator) const APP: &str = "app";
/// What node lifecycle controller and kubelet call a node that is not heard of.
pub(in crate::orchestrator) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// And one that is cordoned.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What the control plane says of a node beside its description.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::orchestrator) struct Conditions {
    /// Unknown: nothing is heard of it.
    pub unreachable: bool,
    /// What its kubelet says.
    pub pressure: Pressure,
    /// Cordoned: it is being emptied, or was and is not given back yet.
    pub cordoned: bool,
}

/// The Node of a host in that condition (`TaintNodesByCondition`).
pub(in crate::orchestrator) fn node(world: &World, spec: &HostSpec, conditions: Conditions) -> Node {
    let mut node = match &spec.node {
        Some(written) => (**written).clone(),
        None => described(spec, reserved(world, spec)),
    };
    node.name.clone_from(&spec.name);
    node.gpus = spec.gpus;
    node.labels.entry(HOSTNAME.into()).or_insert_with(|| spec.name.clone());
    if !spec.gpu_model.is_empty() {
        node.labels.entry(GPU_MODEL.into()).or_insert_with(|| spec.gpu_model.clone());
    }
    node.unschedulable |= conditions.cordoned;
    let pressed = CONDITIONS.into_iter().filter(|&c| conditions.pressure.has(c)).map(Condition::taint);
    let (silent, cordoned) =
        (conditions.unreachable.then_some(UNREACHABLE), conditions.cordoned.then_some(UNSCHEDULABLE));
    for key in silent.into_iter().chain(pressed).chain(cordoned) {
        node.taints.push(keeps_away(key));
    }
    node
}

fn keeps_away(key: &str) -> Taint {
    Taint { key: key.into(), value: String::new(), effect: Effect::NoSchedule }
}

/// Whether the pod of `job` tolerates the taint `key` that a condition leads to.
pub fn tolerates_taint(world: &World, job: JobId, key: &str) -> bool {
    let taint = keeps_away(key);
    match world.workload.template(job) {
        Some(template) => template.tolerations.iter().any(|t| t.tolerates(&taint)),
        None => world.workload.spec(job).tolerations.iter().any(|text| toleration(text).tolerates(&taint)),
    }
}

/// Memory that the kubelet keeps from pods (`kubeReserved`, `systemReserved`). A host's memory is what jobs may use, so
/// it is allocatable but for that; what a Node of a manifest says stands as it is.
pub(in crate::orchestrator) fn reserved(world: &World, spec: &HostSpec) -> i64 {
    if spec.node.is_some() { 0 } else { world.host_model.kubelet.reserved().0.min(spec.memory.0) }
}

fn described(spec: &HostSpec, reserved: i64) -> Node {
    Node {
        labels: spec.labels.clone(),
        taints: spec.taints.iter().map(|text| taint(text)).collect(),
        allocatable: Resources {
            milli_cpu: spec.cpu.0,
            memory: spec.memory.0 - reserved,
            ephemeral_storage: spec.ephemeral.0,
            pods: i64::from(spec.pods.unwrap_or(MAX_PODS)),
            scalar: spec.extended.clone(),
        },
        ..Node::default()
    }
}

/// `key=value:Effect`; no effect, or one of another name, keeps pods away as `NoSchedule` does.
fn taint(text: &str) -> Taint {
    let (body, effect) = text.rsplit_once(':').unwrap_or((text, ""));
    let (key, value) = body.split_once('=').unwrap_or((body, ""));
    Taint { key: key.into(), value: value.into(), effect: effect_of(effect).unwrap_or(Effect::NoSchedule) }
}

fn effect_of(text: &str) -> Option<Effect> {
    match text {
        "NoSchedule" => Some(Effect::NoSchedule),
        "PreferNoSchedule" => Some(Effect::PreferNoSchedule),
        "NoExecute" => Some(Effect::NoExecute),
        _ => None,
    }
}

/// `key`, `key=value`, either with `:Effect`, or `*`.
fn toleration(text: &str) -> Toleration {
    let (body, effect) = match text.rsplit_once(':') {
        Some((body, effect)) => (body, effect_of(effect)),
        None => (text, None),
    };
    let (key, operator, value) = match body.split_once('=') {
        Some((key, value)) => (key, TolerationOperator::Equal, value),
        None if body == "*" => ("", TolerationOperator::Exists, ""),
        None => (body, TolerationOperator::Exists, ""),
    };
    Toleration { key: key.into(), operator, value: value.into(), effect, seconds: None }
}

/// What the DaemonSet controller lets its pods put up with: `AddOrUpdateDaemonPodTolerations` (v1.36.3).
fn daemon_tolerations() -> impl Iterator<Item = Toleration> {
    [
        "node.kubernetes.io/not-ready:NoExecute",
        "node.kubernetes.io/unreachable:NoExecute",
        "node.kubernetes.io/memory-pressure:NoSchedule",
        "node.kubernetes.io/unschedulable:NoSchedule",
    ]
    .into_iter()
    .map(toleration)
}

/// The objects beside nodes and pods: those of the manifests, and a ReplicaSet for every app of several jobs that came
/// without one.
pub(in crate::orchestrator) fn listed(world: &World) -> Listed {
    let mut listed = (**world.workload.objects()).clone();
    for (number, app) in world.workload.apps().iter().enumerate() {
        let Some(first) = app.jobs.first().copied().filter(|_| has_owner(world, AppId::from_index(number))) else {
            continue;
        };
        let namespace = namespace(world, first);
        let mut set = ControllerObject::bare(ControllerKind::ReplicaSet, namespace, &app.name);
        set.selector = Selector::of_labels(&labels(&app.name));
        let key = (ControllerKind::ReplicaSet, namespace.to_string(), app.name.clone());
        listed.controllers.entry(key).or_insert(set);
    }
    listed
}

/// Whether the jobs of an app are pods of a ReplicaSet: it has a name and several jobs.
fn has_owner(world: &World, app: AppId) -> bool {
    let app = &world.workload.apps()[app.index()];
    !app.name.is_empty() && app.jobs.len() > 1 && world.workload.template(app.jobs[0]).is_none()
}

fn labels(app: &str) -> Labels {
    Labels::from([(APP.to_string(), app.to_string())])
}

/// `namespace/name` of the pod of `job`.
pub(in crate::orchestrator) fn key(world: &World, job: JobId) -> String {
    let namespace = match world.workload.template(job) {
        Some(template) => &template.namespace,
        None => namespace(world, job),
    };
    format!("{namespace}/{}", world.workload.name(job))
}

pub(in crate::orchestrator) fn namespace<'a>(world: &World<'a>, job: JobId) -> &'a str {
    match world.workload.spec(job).namespace.as_str() {
        "" => "default",
        namespace => namespace,
    }
}

/// Makes pods, working out once what jobs of one class share.
pub(in crate::orchestrator) struct PodMaker {
    /// Class by (attributes, CPU request, memory request, app where it matters).
    classes: BTreeMap<(u32, i64, i64, u32), u32>,
    /// What the pods of a class have in common.
    prototypes: Vec<Arc<Pod>>,
    /// By kind of jobs; [`UNKNOWN`] until it is asked for.
    of_kind: Vec<u32>,
}

/// A class that has not been looked up.
const UNKNOWN: u32 = u32::MAX;

impl PodMaker {
    pub fn new(world: &World) -> Self {
        let of_kind = vec![UNKNOWN; world.workload.kinds().len()];
        PodMaker { classes: BTreeMap::new(), prototypes: Vec::new(), of_kind }
    }

    /// The class of `job`: jobs of one class differ in name and place only.
    pub fn class(&mut self, world: &World, job: JobId) -> u32 {
        let kind = world.workload.kind(job) as usize;
        let known = self.of_kind[kind];
        if known != UNKNOWN {
            return known;
        }
        let (cpu, memory) = world.requested(job);
        let app = world.workload.app(job);
        let app_matters = if has_owner(world, app) { app.0 } else { u32::MAX };
        let next = self.prototypes.len() as u32;
        let key = (world.workload.spec_id(job).0, cpu.0, memory.0, app_matters);
        let class = *self.classes.entry(key).or_insert(next);
        if class == next {
            self.prototypes.push(Arc::new(prototype(world, job)));
        }
        self.of_kind[kind] = class;
        class
    }

    /// What the pods of `class` have in common.
    pub fn prototype(&self, class: u32) -> &Arc<Pod> {
        &self.prototypes[class as usize]
    }

    /// The pod of `job`, pending.
    pub fn pod(&mut self, world: &World, job: JobId) -> Pod {
        let class = self.class(world, job);
        let mut pod = (*self.prototypes[class as usize]).clone();
        pod.name = world.workload.name(job).to_string();
        pod.key = format!("{}/{}", pod.namespace, pod.name);
        pod.tag = job.0;
        pod
    }
}

fn prototype(world: &World, job: JobId) -> Pod {
    let workload = world.workload;
    let mut pod = match workload.template(job) {
        Some(template) => (**template).clone(),
        None => plain(world, job),
    };
    // A template's requests stand as written, defaulted as the API server does.
    if workload.template(job).is_none() || world.options.requests != RequestRule::AsWritten {
        let requests = requests(world, job);
        let container = Container { requests, ..Container::default() };
        pod.set_requests(PodResources { containers: vec![container], ..PodResources::default() });
        // The API knows extended resources by the slash in their names; here any name will do.
        for &(resource, amount) in &workload.spec(job).extended {
            let name = &workload.resources()[resource.index()];
            pod.requests.resources.scalar.insert(name.clone(), amount);
        }
    }
    pod
}

fn plain(world: &World, job: JobId) -> Pod {
    let workload = world.workload;
    let spec = workload.spec(job);
    let app = &workload.apps()[workload.app(job).index()].name;
    let mut pod = Pod {
        namespace: namespace(world, job).into(),
        scheduler_name: "default-scheduler".into(),
        priority: Some(spec.priority),
        tolerations: spec.tolerations.iter().map(|text| toleration(text)).collect(),
        gpus: spec.gpus.clone(),
        container_count: 1,
        ..Pod::default()
    };
    if spec.controller == Controller::DaemonSet {
        pod.tolerations.extend(daemon_tolerations());
    }
    if !app.is_empty() {
        pod.labels = labels(app);
    }
    if has_owner(world, workload.app(job)) {
        let kind = ControllerKind::ReplicaSet;
        pod.owner = Some(Owner { api_version: kind.api_version().into(), kind: kind.name().into(), name: app.clone() });
    }
    if !spec.node_selector.is_empty() {
        pod.node_affinity.node_selector = Some(spec.node_selector.iter().cloned().collect());
    }
    let mut required = spec.constraints.clone();
    if !spec.gpu_models.is_empty() {
        required.push(Requirement { key: GPU_MODEL.into(), operator: Operator::In(spec.gpu_models.clone()) });
    }
    if !required.is_empty() {
        let term = NodeTerm::of_labels(required);
        pod.node_affinity = NodeAffinity { required: Some(vec![term]), ..pod.node_affinity };
    }
    if spec.apart && !app.is_empty() {
        pod.anti_affinity.required.push(AffinityTerm {
            namespaces: TermNamespaces { names: vec![pod.namespace.clone()], selector: Selector::Nothing },
            selector: Selector::of_labels(&labels(app)),
            topology_key: HOSTNAME.into(),
        });
    }
    for &port in &spec.ports {
        pod.host_ports.push(HostPort { ip: "0.0.0.0".into(), protocol: "TCP".into(), port: i32::from(port) });
    }
    pod
}

/// The requests of `job` under the run's rule; what it does not ask for is absent.
fn requests(world: &World, job: JobId) -> ResourceList {
    let (cpu, memory) = world.requested(job);
    let spec = world.workload.spec(job);
    let mut list = ResourceList::new();
    if cpu.0 > 0 {
        list.insert("cpu".into(), Quantity::milli(cpu.0));
    }
    if memory.0 > 0 {
        list.insert("memory".into(), Quantity::whole(memory.0));
    }
    if spec.ephemeral.0 > 0 {
        list.insert("ephemeral-storage".into(), Quantity::whole(spec.ephemeral.0));
    }
    for &(resource, amount) in &spec.extended {
        list.insert(world.workload.resources()[resource.index()].clone(), Quantity::whole(amount));
    }
    list
}
