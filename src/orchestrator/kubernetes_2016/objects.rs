//! Hosts as Nodes and jobs as Pods of 2016: today's objects, less what that day's API did not know.
//!
//! A host's zone is labelled as it was then. Taints and tolerations count in v1.3.0 only. The jobs of an app are the pods
//! of one replication controller behind a service, both of the app's name, whose selector they are labelled by.

use crate::cluster::HostSpec;
use crate::host::kubelet::threshold::{Condition as Pressing, Pressure};
use crate::ids::JobId;
use crate::kube::object::node::{Effect, TolerationOperator};
use crate::kube::object::other::ControllerKind;
use crate::kube::object::pod::Pod as Today;
use crate::kube::object::resources::ContainerRole;
use crate::kube::object::selector::{Labels, NodeTerm, Operator, Selector};
use crate::kube::y2016::Version;
use crate::kube::y2016::affinity::{Affinity, Requirement, Term};
use crate::kube::y2016::label::set_selector;
use crate::kube::y2016::node::{Condition, Node};
use crate::kube::y2016::owners::Owners;
use crate::kube::y2016::pod::{Container, Pod};
use crate::kube::y2016::taint::{Taint, Toleration};
use crate::orchestrator::kubernetes::objects as today;
use crate::orchestrator::{RequestRule, World};

/// What the control plane says of a node beside its description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Conditions {
    pub ready: bool,
    /// What its kubelet says.
    pub pressure: Pressure,
    /// It is being emptied, or was and is not given back yet.
    pub cordoned: bool,
}

/// The Node of a host in that condition.
pub(super) fn node(world: &World, spec: &HostSpec, version: Version, conditions: Conditions) -> Node {
    let written = today::node(world, spec, today::Conditions::default());
    let mut node = Node {
        name: written.name,
        labels: written.labels,
        unschedulable: written.unschedulable || conditions.cordoned,
        milli_cpu: written.allocatable.milli_cpu,
        memory: written.allocatable.memory,
        pods: written.allocatable.pods,
        ..Node::default()
    };
    for kind in ["region", "zone"] {
        if let Some(value) = node.labels.get(&format!("topology.kubernetes.io/{kind}")).cloned() {
            node.labels.entry(format!("failure-domain.beta.kubernetes.io/{kind}")).or_insert(value);
        }
    }
    let mut condition = |kind: &str, status: &str| {
        node.conditions.push(Condition { kind: kind.into(), status: status.into() });
    };
    let silent = if conditions.ready { None } else { Some("Unknown") };
    condition("Ready", silent.unwrap_or("True"));
    condition("OutOfDisk", silent.unwrap_or("False"));
    if version == Version::V1_3_0 {
        let pressed = conditions.pressure.has(Pressing::MemoryPressure);
        condition("MemoryPressure", silent.unwrap_or(if pressed { "True" } else { "False" }));
        node.taints = written
            .taints
            .into_iter()
            .map(|taint| Taint { key: taint.key, value: taint.value, effect: effect(taint.effect).into() })
            .collect();
    }
    node
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::NoSchedule => "NoSchedule",
        Effect::PreferNoSchedule => "PreferNoSchedule",
        Effect::NoExecute => "NoExecute",
    }
}

/// The pod of 2016 that `written`, the pod of `job`, would have been.
pub(super) fn pod(world: &World, version: Version, job: JobId, written: &Today) -> Pod {
    let (containers, init_containers) = containers(world, version, job);
    let affinity = &written.node_affinity;
    let tolerations = written.tolerations.iter().map(|t| Toleration {
        key: t.key.clone(),
        operator: match t.operator {
            TolerationOperator::Exists => "Exists".into(),
            _ => "Equal".into(),
        },
        value: t.value.clone(),
        effect: t.effect.map_or("", effect).into(),
    });
    Pod {
        namespace: written.namespace.clone(),
        labels: written.labels.clone(),
        containers,
        init_containers,
        host_ports: written.host_ports.iter().map(|port| port.port).filter(|port| *port != 0).collect(),
        node_selector: affinity.node_selector.as_ref().map_or_else(Selector::everything, set_selector),
        affinity: Affinity {
            unreadable: false,
            required: affinity.required.as_ref().map(|terms| terms.iter().map(term).collect()),
            preferred: affinity.preferred.iter().flatten().map(|(weight, t)| (*weight, term(t))).collect(),
        },
        tolerations: if version == Version::V1_3_0 { tolerations.collect() } else { Vec::new() },
        ..Pod::default()
    }
}

/// Terms by a node's name (`matchFields`) came later: such a one matches nothing.
fn term(term: &NodeTerm) -> Term {
    if term.expressions.is_empty() {
        return Term::Nothing;
    }
    let requirement = |r: &crate::kube::object::selector::Requirement| match r.operator {
        Operator::Gt(bound) => Requirement::Above(r.key.clone(), bound as f64),
        Operator::Lt(bound) => Requirement::Below(r.key.clone(), bound as f64),
        _ => Requirement::Label(r.clone()),
    };
    Term::All(term.expressions.iter().map(requirement).collect())
}

/// Containers and init containers: of a manifest as written, a missing request being the limit; else one container with
/// the job's requests under the run's rule.
fn containers(world: &World, version: Version, job: JobId) -> (Vec<Container>, Vec<Container>) {
    let some = |amount: i64| (amount > 0).then_some(amount);
    let template = world.workload.template(job).filter(|_| world.options.requests == RequestRule::AsWritten);
    let Some(template) = template.filter(|template| !template.size.containers.is_empty()) else {
        let (cpu, memory) = world.requested(job);
        let limited = [world.cpu_limit(job).map(|l| l.0), world.memory_limit(job).map(|l| l.0)];
        let bounded = cpu.0 > 0 || memory.0 > 0 || limited.into_iter().flatten().any(|limit| limit > 0);
        let container = Container { milli_cpu: some(cpu.0), memory: some(memory.0), gpus: 0, bounded };
        return (vec![container], Vec::new());
    };
    let (mut containers, mut init_containers) = (Vec::new(), Vec::new());
    for written in &template.size.containers {
        let (requests, limits) = (written.requests, written.limits);
        let (milli_cpu, memory) = (requests.milli_cpu.or(limits.milli_cpu), requests.memory.or(limits.memory));
        let all = [milli_cpu, memory, limits.milli_cpu, limits.memory];
        let bounded = all.into_iter().flatten().any(|amount| amount > 0);
        let container = Container { milli_cpu, memory, gpus: 0, bounded };
        match written.role {
            // There were none in v1.2.4, and no sidecars among them in v1.3.0.
            ContainerRole::Init if version == Version::V1_2_4 => {}
            ContainerRole::Init => init_containers.push(container),
            ContainerRole::Regular | ContainerRole::Sidecar => containers.push(container),
        }
    }
    (containers, init_containers)
}

/// Services and controllers: those of the manifests, and for every app that came without one of each.
pub(super) fn owners(world: &World) -> Owners {
    let mut owners = Owners::default();
    let objects = world.workload.objects();
    for service in &objects.services {
        owners.add_service(&service.namespace, service.selector.as_ref());
    }
    let spreads = |kind| {
        matches!(kind, ControllerKind::ReplicationController | ControllerKind::ReplicaSet | ControllerKind::Deployment)
    };
    for controller in objects.controllers.values().filter(|controller| spreads(controller.kind)) {
        owners.add_controller(&controller.meta.namespace, controller.selector.clone());
    }
    for app in world.workload.apps() {
        let Some(&first) = app.jobs.first() else { continue };
        if app.name.is_empty() || world.workload.template(first).is_some() {
            continue;
        }
        let labels = Labels::from([(today::APP.to_string(), app.name.clone())]);
        let namespace = today::namespace(world, first);
        owners.add_service(namespace, Some(&labels));
        owners.add_controller(namespace, set_selector(&labels));
    }
    owners
}
