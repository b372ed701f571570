//! Objects as manifests again: what was read, defaulted and worked out, written so that reading it gives the same object.
//!
//! Only what decides something is written: of a container what it asks for, its image and its ports on the node, not its
//! command or environment. Templates of controllers are left out, since pods are there for them.

use serde_json::{Map, Value, json};

use super::affinity::{AffinityTerm, NodeAffinity, PodAffinity, SpreadConstraint, WhenUnsatisfiable};
use super::meta::{Meta, Owner};
use super::node::{Effect, Node, Taint, Toleration, TolerationOperator};
use super::other::{Controller, ControllerKind, Namespace, PodDisruptionBudget, PriorityClass, Service, Share, Wanted};
use super::pod::{HostPort, Pod};
use super::resources::{Container, ResourceList, Resources};
use super::selector::{Labels, NodeTerm, Operator, Requirement, Selector};

/// Fields in the order of their names; what says nothing is left out.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(key.into(), value.into());
        self
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.set(key, value);
        }
        self
    }

    /// Sets a text unless it is empty.
    fn text(&mut self, key: &str, value: &str) -> &mut Self {
        self.maybe(key, (!value.is_empty()).then_some(value))
    }

    /// Sets a list unless it is empty.
    fn list(&mut self, key: &str, items: Vec<Value>) -> &mut Self {
        self.maybe(key, (!items.is_empty()).then_some(items))
    }

    /// Sets an object unless it is empty.
    fn object(&mut self, key: &str, inside: Object) -> &mut Self {
        self.maybe(key, (!inside.0.is_empty()).then_some(inside.0))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        Value::Object(object.0)
    }
}

fn texts(labels: &Labels) -> Object {
    Object(labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
}

fn owners(owner: Option<&Owner>) -> Vec<Value> {
    let one = |o: &Owner| json!({"apiVersion": o.api_version, "kind": o.kind, "name": o.name, "controller": true});
    owner.map(one).into_iter().collect()
}

/// Nanoseconds since 1970 as RFC 3339, in UTC; years outside of 0 to 9999 as they come, which nothing reads.
fn time(ns: i64) -> String {
    let (seconds, nanos) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Howard Hinnant's civil calendar, as in `parse_time_ns`, the other way round.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted - era * 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}{fraction}Z", second % 60)
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::NoSchedule => "NoSchedule",
        Effect::PreferNoSchedule => "PreferNoSchedule",
        Effect::NoExecute => "NoExecute",
    }
}

fn requirement(asked: &Requirement) -> Value {
    let (operator, values): (&str, Vec<String>) = match &asked.operator {
        Operator::In(values) => ("In", values.clone()),
        Operator::NotIn(values) => ("NotIn", values.clone()),
        Operator::Exists => ("Exists", Vec::new()),
        Operator::DoesNotExist => ("DoesNotExist", Vec::new()),
        Operator::Gt(bound) => ("Gt", vec![bound.to_string()]),
        Operator::Lt(bound) => ("Lt", vec![bound.to_string()]),
    };
    let mut out = Object::default();
    out.set("key", asked.key.as_str()).set("operator", operator);
    out.list("values", values.into_iter().map(Value::from).collect());
    out.into()
}

/// The selector; `None` where it is absent and selects nothing.
fn selector(of: &Selector) -> Option<Value> {
    match of {
        Selector::Nothing => None,
        Selector::All(asked) => {
            let mut out = Object::default();
            out.list("matchExpressions", asked.iter().map(requirement).collect());
            Some(out.into())
        }
    }
}

fn amounts(list: &ResourceList) -> Object {
    Object(list.iter().map(|(name, quantity)| (name.clone(), json!(quantity.to_string()))).collect())
}

/// `{requests, limits}`, empty where both are.
fn resources(requests: &ResourceList, limits: &ResourceList) -> Object {
    let mut out = Object::default();
    out.object("requests", amounts(requests)).object("limits", amounts(limits));
    out
}

fn node_term(of: &NodeTerm) -> Value {
    let mut expressions: Vec<Value> = of.expressions.iter().map(requirement).collect();
    let (fields, broken) = of.match_fields();
    if broken {
        // What no integer is breaks a term; what broke it in truth is not kept.
        expressions.push(json!({"key": "broken", "operator": "Gt", "values": ["broken"]}));
    }
    let mut out = Object::default();
    out.list("matchExpressions", expressions).list(
        "matchFields",
        fields
            .into_iter()
            .map(|(equal, names)| {
                let operator = if equal { "In" } else { "NotIn" };
                json!({"key": "metadata.name", "operator": operator, "values": names})
            })
            .collect(),
    );
    out.into()
}

fn node_affinity(of: &NodeAffinity) -> Object {
    let mut out = Object::default();
    if let Some(terms) = &of.required {
        let terms: Vec<Value> = terms.iter().map(node_term).collect();
        out.set("requiredDuringSchedulingIgnoredDuringExecution", json!({"nodeSelectorTerms": terms}));
    }
    let preferred = of.preferred.iter().flatten();
    let preferred = preferred.map(|(weight, term)| json!({"weight": weight, "preference": node_term(term)}));
    out.list("preferredDuringSchedulingIgnoredDuringExecution", preferred.collect());
    out
}

fn affinity_term(of: &AffinityTerm) -> Value {
    let mut out = Object::default();
    out.set("topologyKey", of.topology_key.as_str());
    out.maybe("labelSelector", selector(&of.selector));
    out.list("namespaces", of.namespaces.names.iter().map(|name| json!(name)).collect());
    out.maybe("namespaceSelector", selector(&of.namespaces.selector));
    out.into()
}

fn pod_affinity(of: &PodAffinity) -> Object {
    let mut out = Object::default();
    out.list("requiredDuringSchedulingIgnoredDuringExecution", of.required.iter().map(affinity_term).collect());
    let preferred =
        of.preferred.iter().map(|(weight, term)| json!({"weight": weight, "podAffinityTerm": affinity_term(term)}));
    out.list("preferredDuringSchedulingIgnoredDuringExecution", preferred.collect());
    out
}

fn spread(of: &SpreadConstraint) -> Value {
    let policy = |honor: bool| if honor { "Honor" } else { "Ignore" };
    let mut out = Object::default();
    out.set("maxSkew", of.max_skew).set("topologyKey", of.topology_key.as_str()).set(
        "whenUnsatisfiable",
        match of.when_unsatisfiable {
            WhenUnsatisfiable::DoNotSchedule => "DoNotSchedule",
            WhenUnsatisfiable::ScheduleAnyway => "ScheduleAnyway",
        },
    );
    out.maybe("labelSelector", selector(&of.selector));
    out.maybe("minDomains", (of.min_domains != 1).then_some(of.min_domains));
    out.set("nodeAffinityPolicy", policy(of.honor_node_affinity));
    out.set("nodeTaintsPolicy", policy(of.honor_node_taints));
    out.into()
}

fn toleration(of: &Toleration) -> Value {
    let mut out = Object::default();
    out.text("key", &of.key).text("value", &of.value);
    out.set(
        "operator",
        match of.operator {
            TolerationOperator::Equal => "Equal",
            TolerationOperator::Exists => "Exists",
            TolerationOperator::Comparison => "Gt",
        },
    );
    out.maybe("effect", of.effect.map(effect)).maybe("tolerationSeconds", of.seconds);
    out.into()
}

fn port(of: &HostPort) -> Value {
    json!({"containerPort": of.port, "hostPort": of.port, "hostIP": of.ip, "protocol": of.protocol})
}

impl Node {
    /// The Node as a manifest. Devices of [`Node::gpus`] are not of the API.
    pub fn to_json(&self) -> Value {
        let Node { name, labels, taints, unschedulable, allocatable, images, gpus: _, annotations, ready } = self;
        let mut meta = Object::default();
        meta.set("name", name.as_str()).object("labels", texts(labels)).object("annotations", texts(annotations));
        let taint = |t: &Taint| json!({"key": t.key, "value": t.value, "effect": effect(t.effect)});
        let mut spec = Object::default();
        spec.list("taints", taints.iter().map(taint).collect());
        spec.maybe("unschedulable", unschedulable.then_some(true));
        let Resources { milli_cpu, memory, ephemeral_storage, pods, scalar } = allocatable;
        let mut amounts = Object::default();
        amounts.maybe("cpu", (*milli_cpu != 0).then(|| format!("{milli_cpu}m")));
        for (key, amount) in [("memory", memory), ("ephemeral-storage", ephemeral_storage), ("pods", pods)] {
            amounts.maybe(key, (*amount != 0).then(|| amount.to_string()));
        }
        for (key, amount) in scalar {
            amounts.set(key, amount.to_string());
        }
        let mut status = Object::default();
        status.object("allocatable", amounts);
        let image = |image: &super::node::NodeImage| json!({"names": image.names, "sizeBytes": image.size_bytes});
        status.list("images", images.iter().map(image).collect());
        if let Some(ready) = ready {
            let said = if *ready { "True" } else { "False" };
            status.set("conditions", json!([{"type": "Ready", "status": said}]));
        }
        let mut out = Object::default();
        out.set("apiVersion", "v1").set("kind", "Node").object("metadata", meta);
        out.object("spec", spec).object("status", status);
        out.into()
    }
}

impl Pod {
    /// The Pod as a manifest. Devices ([`Pod::gpus`]) and the caller's tag are not of the API, and requests that were
    /// not read from containers have no form in it.
    pub fn to_json(&self) -> Value {
        let written = &self.written;
        let mut spec = Object::default();
        spec.maybe("nodeName", self.node_name.as_deref()).text("schedulerName", &self.scheduler_name);
        spec.text("restartPolicy", &self.restart_policy);
        spec.maybe("terminationGracePeriodSeconds", self.grace_seconds);
        spec.maybe("priority", self.priority).maybe("priorityClassName", self.priority_class.as_deref());
        let policy = |never: bool| if never { "Never" } else { "PreemptLowerPriority" };
        spec.maybe("preemptionPolicy", self.never_preempts.map(policy));
        spec.list("schedulingGates", self.gates.iter().map(|name| json!({"name": name})).collect());
        spec.list("tolerations", self.tolerations.iter().map(toleration).collect());
        let mut affinity = Object::default();
        affinity.object("nodeAffinity", node_affinity(&self.node_affinity));
        affinity.object("podAffinity", pod_affinity(&self.affinity));
        affinity.object("podAntiAffinity", pod_affinity(&self.anti_affinity));
        spec.object("affinity", affinity);
        spec.maybe("nodeSelector", self.node_affinity.node_selector.as_ref().map(texts));
        spec.list("topologySpreadConstraints", self.spread.iter().map(spread).collect());
        self.write_containers(&mut spec);
        if let Some((requests, limits)) = &written.pod_level {
            spec.set("resources", resources(requests, limits));
        }
        spec.object("overhead", amounts(&written.overhead));
        let mut out = Object::default();
        out.set("apiVersion", "v1").set("kind", "Pod").object("metadata", self.write_meta());
        out.set("spec", spec).object("status", self.write_status());
        out.into()
    }

    fn write_meta(&self) -> Object {
        let mut annotations = texts(&self.annotations);
        annotations.maybe("kubernetes.io/config.mirror", self.mirror.then_some("true"));
        let mut meta = Object::default();
        meta.set("name", self.name.as_str()).set("namespace", self.namespace.as_str());
        meta.object("labels", texts(&self.labels)).object("annotations", annotations);
        meta.list("ownerReferences", owners(self.owner.as_ref()));
        meta.maybe("creationTimestamp", self.created_ns.map(time));
        meta.maybe("deletionTimestamp", self.deleting.then(|| time(0)));
        meta
    }

    fn write_containers(&self, spec: &mut Object) {
        let (init, regular) = (&self.written.init_containers, &self.written.containers);
        let mut images = self.images.iter();
        // Ports are of the pod; one container that may have them has them all.
        let ports_at = if regular.is_empty() { init.iter().position(|c| c.restartable) } else { Some(init.len()) };
        let mut all: Vec<Value> = Vec::with_capacity(init.len() + regular.len());
        for (i, container) in init.iter().chain(regular).enumerate() {
            let mut out = Object::default();
            out.set("name", format!("c{i}")).maybe("image", images.next().map(String::as_str));
            out.object("resources", resources(&container.requests, &container.limits));
            out.maybe("restartPolicy", container.restartable.then_some("Always"));
            if ports_at == Some(i) {
                out.list("ports", self.host_ports.iter().map(port).collect());
            }
            all.push(out.into());
        }
        let containers = all.split_off(init.len());
        spec.list("initContainers", all).set("containers", containers);
        let volumes =
            images.enumerate().map(|(i, image)| json!({"name": format!("v{i}"), "image": {"reference": image}}));
        spec.list("volumes", volumes.collect());
    }

    fn write_status(&self) -> Object {
        let written = &self.written;
        let mut status = Object::default();
        status.text("phase", &self.phase).maybe("nominatedNodeName", self.nominated_node.as_deref());
        status.maybe("startTime", self.start_time_ns.map(time));
        let mut conditions = Vec::new();
        if self.preempted {
            conditions.push(json!({"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}));
        }
        if written.resize_infeasible {
            conditions.push(json!({"type": "PodResizePending", "status": "True", "reason": "Infeasible"}));
        }
        status.list("conditions", conditions);
        let reported = |container: &Container, i: usize| -> Option<Value> {
            let (actuated, allocated) = container.reported.as_ref()?;
            let mut out = Object::default();
            out.set("name", format!("c{i}")).set("resources", resources(actuated, &ResourceList::new()));
            out.object("allocatedResources", amounts(allocated));
            Some(out.into())
        };
        let init = written.init_containers.len();
        let of = |list: &[Container], from: usize| -> Vec<Value> {
            list.iter().enumerate().filter_map(|(i, container)| reported(container, from + i)).collect()
        };
        status.list("initContainerStatuses", of(&written.init_containers, 0));
        let ran = self.ran_ns.map(|(began, over)| {
            json!({"name": "ran", "state": {"terminated": {"startedAt": time(began), "finishedAt": time(over)}}})
        });
        status.list("containerStatuses", of(&written.containers, init).into_iter().chain(ran).collect());
        status
    }
}

/// An object of `kind` with this metadata and what stands beside it.
fn whole(kind: &str, api_version: &str, meta: Object) -> Object {
    let mut out = Object::default();
    out.set("apiVersion", api_version).set("kind", kind).object("metadata", meta);
    out
}

fn named(namespace: &str, name: &str) -> Object {
    let mut meta = Object::default();
    meta.set("name", name).text("namespace", namespace);
    meta
}

impl Namespace {
    /// The Namespace as a manifest.
    pub fn to_json(&self) -> Value {
        let mut meta = named("", &self.name);
        meta.object("labels", texts(&self.labels));
        whole("Namespace", "v1", meta).into()
    }
}

impl Service {
    /// The Service as a manifest.
    pub fn to_json(&self) -> Value {
        let mut out = whole("Service", "v1", named(&self.namespace, &self.name));
        if let Some(labels) = &self.selector {
            out.set("spec", json!({"selector": Value::from(texts(labels))}));
        }
        out.into()
    }
}

impl PriorityClass {
    /// The PriorityClass as a manifest.
    pub fn to_json(&self) -> Value {
        let mut out = whole("PriorityClass", "scheduling.k8s.io/v1", named("", &self.name));
        out.set("value", self.value).maybe("globalDefault", self.global_default.then_some(true));
        out.maybe("preemptionPolicy", self.never_preempts.then_some("Never"));
        out.into()
    }
}

impl PodDisruptionBudget {
    /// The PodDisruptionBudget as a manifest.
    pub fn to_json(&self) -> Value {
        let share = |share: &Share| match share {
            Share::Count(n) => json!(n),
            Share::Percent(n) => json!(format!("{n}%")),
        };
        let mut spec = Object::default();
        spec.maybe("selector", selector(&self.selector));
        match &self.wanted {
            None => {}
            Some(Wanted::MinAvailable(least)) => drop(spec.set("minAvailable", share(least))),
            Some(Wanted::MaxUnavailable(most)) => drop(spec.set("maxUnavailable", share(most))),
        }
        let mut status = Object::default();
        status.maybe("disruptionsAllowed", (self.disruptions_allowed != 0).then_some(self.disruptions_allowed));
        let disrupted = self.disrupted_pods.iter().map(|pod| (pod.clone(), json!(time(0)))).collect();
        status.object("disruptedPods", Object(disrupted));
        let mut out = whole("PodDisruptionBudget", "policy/v1", named(&self.namespace, &self.name));
        out.object("spec", spec).object("status", status);
        out.into()
    }
}

impl Controller {
    /// The controller as a manifest, without its template.
    pub fn to_json(&self) -> Value {
        let Meta { namespace, name, labels, owner, created_ns, deleting, mirror: _, annotations } = &self.meta;
        let mut meta = named(namespace, name);
        meta.object("labels", texts(labels)).object("annotations", texts(annotations));
        meta.list("ownerReferences", owners(owner.as_ref()));
        meta.maybe("creationTimestamp", created_ns.map(time)).maybe("deletionTimestamp", deleting.then(|| time(0)));
        let mut spec = Object::default();
        match self.kind {
            ControllerKind::ReplicationController => drop(spec.object("selector", texts(&self.selector_labels))),
            _ => drop(spec.maybe("selector", selector(&self.selector))),
        }
        match self.kind {
            ControllerKind::Job | ControllerKind::CronJob => {
                spec.set("parallelism", self.replicas).maybe("completions", self.completions);
                spec.maybe("backoffLimit", self.backoff_limit);
                spec.maybe("podReplacementPolicy", self.replaces_when_failed.then_some("Failed"));
                spec.maybe("suspend", self.idle.then_some(true));
            }
            _ => drop(spec.set("replicas", self.replicas)),
        }
        let spec = match self.kind {
            ControllerKind::CronJob => json!({"jobTemplate": {"spec": Value::from(spec)}}),
            _ => spec.into(),
        };
        let mut out = whole(self.kind.name(), self.kind.api_version(), meta);
        out.set("spec", spec);
        out.into()
    }

    /// The same without what [`Controller::to_json`] does not write: its template, and its place among pods.
    pub fn bare_of_template(mut self) -> Self {
        self.forget_template();
        self.pods_before = 0;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::Objects;
    use super::super::pod::parse_time_ns;
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_125_600_000_000_000, "2025-12-30T20:13:20Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        ] {
            assert_eq!(time(ns), text);
            assert_eq!(parse_time_ns(text), Some(ns));
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text = include_str!("../../../tests/traces/k8s/everything.yaml");
        let mut first = Objects::default();
        first.read_text(text).unwrap();
        let mut again = Objects::default();
        let written = first.nodes.iter().map(Node::to_json).chain(first.pods.iter().map(Pod::to_json));
        let written = written.chain(first.namespaces.iter().map(Namespace::to_json));
        let written = written.chain(first.services.iter().map(Service::to_json));
        let written = written.chain(first.budgets.iter().map(PodDisruptionBudget::to_json));
        let written = written.chain(first.priority_classes.iter().map(PriorityClass::to_json));
        let written = written.chain(first.controllers.iter().map(Controller::to_json));
        written.for_each(|object| again.add(&object).unwrap());
        assert_eq!(again.nodes, first.nodes);
        assert_eq!(again.pods, first.pods);
        assert!(again.pods.len() > 5 && again.controllers.len() > 5 && again.budgets.len() > 1);
        assert_eq!(again.namespaces, first.namespaces);
        assert_eq!(again.services, first.services);
        assert_eq!(again.budgets, first.budgets);
        assert_eq!(again.priority_classes, first.priority_classes);
        let bare = |objects: Objects| -> Vec<Controller> {
            objects.controllers.into_iter().map(Controller::bare_of_template).collect()
        };
        assert_eq!(bare(again), bare(first));
    }
}
