//! Kubernetes objects as people have them: JSON or YAML, one document or many, Lists with or without item kinds.
//!
//! [`Objects::read_text`] takes any such text; the validated objects come out in the order in which they stood.
//! Fields that decide nothing are passed over; fields that this library does not know are counted in
//! [`Objects::ignored`]. Wrong values are errors that name line, object and field.

pub mod affinity;
pub mod meta;
pub mod node;
pub mod other;
pub mod pod;
pub mod read;
pub mod resources;
pub mod selector;
pub mod text;
pub mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::kube::config::Effective;
use crate::kube::honesty::Met;
use crate::kube::honesty::fields::TEMPLATES;
use meta::label_of;
use node::Node;
use other::{Controller, ControllerKind, Namespace, PodDisruptionBudget, PriorityClass, Service};
use pod::Pod;
use read::{At, Ignored};
use text::{Documents, word_at};

/// All objects of a case or of a set of files.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Nodes in the order in which they were added.
    pub nodes: Vec<Node>,
    /// Pods, bound and pending.
    pub pods: Vec<Pod>,
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Services.
    pub services: Vec<Service>,
    /// Objects that make pods.
    pub controllers: Vec<Controller>,
    /// Budgets.
    pub budgets: Vec<PodDisruptionBudget>,
    /// Priority classes.
    pub priority_classes: Vec<PriorityClass>,
    /// The KubeSchedulerConfiguration, as written.
    pub configuration: Option<Value>,
    /// Kinds that decide nothing here, with how many were met.
    pub ignored_kinds: BTreeMap<String, u64>,
    /// Fields met and not used.
    pub ignored: Ignored,
    /// Every field met, for the honesty report.
    pub met: Met,
    /// Uses of priority classes, for errors.
    class_uses: Vec<ClassUse>,
    /// Number of texts read, and the document that is being read.
    texts: usize,
    document: usize,
    node_names: BTreeSet<String>,
    other_keys: BTreeSet<(&'static str, String)>,
    controller_keys: BTreeSet<(ControllerKind, String)>,
    pod_keys: BTreeSet<String>,
}

/// How deep a document may be nested; the API's own objects stay below 30.
const DEPTH_MAX: usize = 100;

/// A pod or template that leaves its priority to a class, and where it stands.
#[derive(Clone, Debug)]
struct ClassUse {
    class: String,
    label: String,
    text: usize,
    document: usize,
    path: String,
}

/// An error and the path of what is wrong in its document.
struct Misread {
    path: String,
    error: Error,
}

impl Misread {
    /// The error, with what to write where YAML read `word` as something else than a text.
    fn hint(self, word: Option<&str>) -> Error {
        let message = self.error.message();
        let Some(word) = word else { return self.error };
        if message.ends_with("expected a text, found a boolean") && !matches!(word, "true" | "false") {
            let note = format!("; YAML reads {word} without quotes as a boolean: write \"{word}\"");
            return Error::input(format!("{message}{note}"));
        }
        if ["a boolean", "a number"].iter().any(|found| message.ends_with(&format!("expected a text, found {found}"))) {
            return Error::input(format!("{message}; write \"{word}\""));
        }
        self.error
    }
}

/// `items[3]` and `spec.x` → `items[3].spec.x`.
fn joined(path: &str, field: &str) -> String {
    let dot = if path.is_empty() || field.is_empty() { "" } else { "." };
    format!("{path}{dot}{field}")
}

impl Objects {
    /// Reads JSON or YAML, single or multi-document, and adds what is in it. Errors say where in the text.
    pub fn read_text(&mut self, text: &str) -> Result<()> {
        let documents = Documents::read(text)?;
        self.texts += 1;
        for (i, document) in documents.values.iter().enumerate() {
            self.document = i;
            self.take(document, None, 0, "").map_err(|misread| {
                let Some((line, column)) = documents.place(text, i, &misread.path) else { return misread.error };
                misread.hint(word_at(text, line, column)).at(line, column)
            })?;
        }
        Ok(())
    }

    /// Adds one object, or the items of a list.
    pub fn add(&mut self, value: &Value) -> Result<()> {
        self.add_as(value, None)
    }

    /// Adds an object that may leave its kind to the list it stands in.
    pub fn add_as(&mut self, value: &Value, assumed: Option<&str>) -> Result<()> {
        self.take(value, assumed, 0, "").map_err(|misread| misread.error)
    }

    /// Adds what stands at `path` of a document.
    fn take(
        &mut self,
        value: &Value,
        assumed: Option<&str>,
        depth: usize,
        path: &str,
    ) -> std::result::Result<(), Misread> {
        if value.is_null() {
            return Ok(());
        }
        let misread = |error: Error| Misread { path: joined(path, error.field().unwrap_or_default()), error };
        if depth > DEPTH_MAX {
            return Err(misread(Error::input("lists are nested too deep")));
        }
        let Some(kind) = value.get("kind").and_then(Value::as_str).or(assumed) else {
            let error = Error::input("a document without a kind is not a Kubernetes object").in_field("kind");
            return Err(misread(error));
        };
        if let (Some(items), Some(item_kind)) = (value.get("items"), kind.strip_suffix("List")) {
            let assumed = (!item_kind.is_empty()).then_some(item_kind);
            // `kubectl get -o json` of nothing gives a null in some versions.
            let empty = Vec::new();
            let items = match items {
                Value::Array(items) => items,
                Value::Null => &empty,
                _ => return Err(misread(Error::input("expected a list").in_field("items"))),
            };
            for (i, item) in items.iter().enumerate() {
                self.take(item, assumed, depth + 1, &joined(path, &format!("items[{i}]")))?;
            }
            return Ok(());
        }
        if let Some(foreign) = foreign(value, kind).map_err(&misread)? {
            *self.ignored_kinds.entry(foreign).or_default() += 1;
            return Ok(());
        }
        self.add_object(value, kind).map_err(|error| {
            let Misread { path, error } = misread(error);
            Misread { path, error: name_object(error, value, kind) }
        })?;
        let template = TEMPLATES.iter().find_map(|t| t.strip_prefix(kind)?.strip_prefix('.'));
        let spec_path = match (kind, template) {
            ("Pod", _) => "spec".to_string(),
            (_, Some(template)) => format!("{template}.spec"),
            _ => return Ok(()),
        };
        let spec = spec_path.split('.').try_fold(value, |value, key| value.get(key));
        let text = |key: &str| spec.and_then(|spec| spec.get(key)).filter(|value| !value.is_null());
        if let (Some(Value::String(class)), None) = (text("priorityClassName"), text("priority")) {
            self.class_uses.push(ClassUse {
                class: class.clone(),
                label: label_of(value, kind),
                text: self.texts.saturating_sub(1),
                document: self.document,
                path: joined(path, &format!("{spec_path}.priorityClassName")),
            });
        }
        Ok(())
    }

    /// The first use of a priority class that is not among the objects: the number of the text, and the error with its
    /// place in it; `texts` are all that were read, in order.
    pub fn unknown_class(&self, texts: &[&str]) -> Option<(usize, Error)> {
        let known = |name: &str| {
            name.is_empty() || system_class(name).is_some() || self.priority_classes.iter().any(|c| c.name == name)
        };
        let lost = self.class_uses.iter().find(|class_use| !known(&class_use.class))?;
        let field = lost.path.rsplit_once("].").map_or(lost.path.as_str(), |(_, field)| field);
        let error = Error::input(format!("{}: {field}: there is no PriorityClass \"{}\"", lost.label, lost.class));
        let text = texts.get(lost.text)?;
        let place = Documents::read(text).ok()?.place(text, lost.document, &lost.path);
        Some((lost.text, place.into_iter().fold(error, |error, (line, column)| error.at(line, column))))
    }

    fn add_object(&mut self, value: &Value, kind: &str) -> Result<()> {
        let at = At::top(value);
        let controller = match kind {
            "ReplicationController" => Some(ControllerKind::ReplicationController),
            "ReplicaSet" => Some(ControllerKind::ReplicaSet),
            "StatefulSet" => Some(ControllerKind::StatefulSet),
            "Deployment" => Some(ControllerKind::Deployment),
            "DaemonSet" => Some(ControllerKind::DaemonSet),
            "Job" => Some(ControllerKind::Job),
            "CronJob" => Some(ControllerKind::CronJob),
            _ => None,
        };
        self.met.walk(kind, value);
        if let Some(kind) = controller {
            let mut controller = Controller::read(&at, kind)?;
            controller.pods_before = self.pods.len();
            // What is wrong with a template is said here, where its place is known.
            if controller.has_containers() {
                controller.pod(0, &mut Ignored::default())?;
                controller.check_labels()?;
            }
            let key = (kind, controller.meta.key());
            if !self.controller_keys.insert(key) {
                let message = format!("a {} of this name has been read before", kind.name());
                return Err(Error::input(message).in_field("metadata.name"));
            }
            self.controllers.push(controller);
            return Ok(());
        }
        match kind {
            "Node" => {
                let node = Node::read(&at, &mut self.ignored)?;
                if !self.node_names.insert(node.name.clone()) {
                    return Err(Error::input("a node of this name has been read before").in_field("metadata.name"));
                }
                self.nodes.push(node);
            }
            "Pod" => {
                let pod = Pod::read(&at, &mut self.ignored)?;
                if !self.pod_keys.insert(pod.key.clone()) {
                    return Err(Error::input("a pod of this name has been read before").in_field("metadata.name"));
                }
                self.pods.push(pod);
            }
            "Namespace" => {
                let namespace = Namespace::read(&at)?;
                self.first("Namespace", &namespace.name)?;
                self.namespaces.push(namespace);
            }
            "Service" => {
                let service = Service::read(&at)?;
                self.first("Service", &format!("{}/{}", service.namespace, service.name))?;
                self.services.push(service);
            }
            "PodDisruptionBudget" => {
                let budget = PodDisruptionBudget::read(&at)?;
                self.first("PodDisruptionBudget", &format!("{}/{}", budget.namespace, budget.name))?;
                self.budgets.push(budget);
            }
            "PriorityClass" => {
                let class = PriorityClass::read(&at)?;
                self.first("PriorityClass", &class.name)?;
                self.priority_classes.push(class);
            }
            "KubeSchedulerConfiguration" => {
                if self.configuration.is_some() {
                    return Err(Error::input("only one scheduler configuration can be used"));
                }
                // What is wrong with it is said here, where its place is known.
                Effective::read(value)?;
                self.configuration = Some(value.clone());
            }
            _ => *self.ignored_kinds.entry(kind.to_string()).or_default() += 1,
        }
        Ok(())
    }

    /// Refuses the second object of a kind and name: which one counts would be a guess.
    fn first(&mut self, kind: &'static str, key: &str) -> Result<()> {
        if self.other_keys.insert((kind, key.to_string())) {
            return Ok(());
        }
        Err(Error::input(format!("a {kind} of this name has been read before")).in_field("metadata.name"))
    }

    /// Gives each pod without a written priority that of its class, as the Priority admission plugin does; pods
    /// without a class get the global default's.
    pub fn resolve_priorities(&mut self) -> Result<()> {
        let classes = &self.priority_classes;
        let default = classes.iter().filter(|c| c.global_default).min_by_key(|c| c.value);
        for pod in &mut self.pods {
            let class = match pod.priority_class.as_deref() {
                None => default.cloned(),
                Some(name) => match classes.iter().find(|c| c.name == name) {
                    Some(class) => Some(class.clone()),
                    None => match system_class(name) {
                        Some(class) => Some(class),
                        None if pod.priority.is_some() => None,
                        None => {
                            let message = format!("Pod {}: there is no PriorityClass \"{name}\"", pod.key);
                            return Err(Error::input(message).in_field("spec.priorityClassName"));
                        }
                    },
                },
            };
            if let Some(class) = class {
                pod.priority.get_or_insert(class.value);
                pod.never_preempts.get_or_insert(class.never_preempts);
            }
        }
        Ok(())
    }
}

/// Kinds that are read, each with its `apiVersion` and the API groups that it has stood in.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("Node", "v1", &[""]),
    ("Pod", "v1", &[""]),
    ("Namespace", "v1", &[""]),
    ("Service", "v1", &[""]),
    ("ReplicationController", "v1", &[""]),
    ("ReplicaSet", "apps/v1", &["apps", "extensions"]),
    ("StatefulSet", "apps/v1", &["apps"]),
    ("Deployment", "apps/v1", &["apps", "extensions"]),
    ("DaemonSet", "apps/v1", &["apps", "extensions"]),
    ("Job", "batch/v1", &["batch"]),
    ("CronJob", "batch/v1", &["batch"]),
    ("PriorityClass", "scheduling.k8s.io/v1", &["scheduling.k8s.io"]),
    ("PodDisruptionBudget", "policy/v1", &["policy"]),
];

/// What an object of a foreign API group is called that shares its kind's name with one that is read, such as a Service
/// of Knative or a Job of Volcano: it is another thing. A group of Kubernetes' own that has no such kind is a mistake,
/// and so is a kind in the wrong case.
fn foreign(value: &Value, kind: &str) -> Result<Option<String>> {
    let Some((_, right, groups)) = GROUPS.iter().find(|(name, ..)| *name == kind) else {
        let known = GROUPS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(kind));
        let error = |name: &str| Error::input(format!("unknown kind \"{kind}\"; did you mean \"{name}\"?"));
        return known.map_or(Ok(None), |(name, ..)| Err(error(name).in_field("kind")));
    };
    let Some(version) = value.get("apiVersion").filter(|version| !version.is_null()) else { return Ok(None) };
    let version = At { value: version, path: "apiVersion".into() };
    let text = version.text()?;
    let group = text.rsplit_once('/').map_or("", |(group, _)| group);
    if groups.contains(&group) {
        return Ok(None);
    }
    if !group.contains('.') || group.ends_with(".k8s.io") {
        return Err(version.error(format!("\"{text}\" has no kind {kind}; write {right}")));
    }
    Ok(Some(format!("{kind} of {text}")))
}

/// The two classes that every cluster has.
fn system_class(name: &str) -> Option<PriorityClass> {
    let value = match name {
        "system-cluster-critical" => 2_000_000_000,
        "system-node-critical" => 2_000_001_000,
        _ => return None,
    };
    Some(PriorityClass { name: name.into(), value, global_default: false, never_preempts: false })
}

/// Puts the object's name in front of an error's message, its field behind.
pub fn name_object(error: Error, value: &Value, kind: &str) -> Error {
    Error::input(format!("{}: {error}", label_of(value, kind)))
}
