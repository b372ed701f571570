//! Kubernetes objects as people have them: JSON or YAML, one document or many, Lists with or without item kinds.
//!
//! [`Objects::read_text`] takes any such text; the validated objects come out in the order in which they stood.
//! Fields that decide nothing are passed over; fields that this library does not know are counted in
//! [`Objects::ignored`]. Wrong values are errors that name object and field.

pub mod affinity;
pub mod meta;
pub mod node;
pub mod other;
pub mod pod;
pub mod read;
pub mod resources;
pub mod selector;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Error, Result};
use meta::label_of;
use node::Node;
use other::{Controller, ControllerKind, Namespace, PodDisruptionBudget, PriorityClass, Service};
use pod::Pod;
use read::{At, Ignored};

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
    node_names: BTreeSet<String>,
    pod_keys: BTreeSet<String>,
}

/// How deep a document may be nested; the API's own objects stay below 30.
const DEPTH_MAX: usize = 100;

impl Objects {
    /// Reads JSON or YAML, single or multi-document, and adds what is in it.
    pub fn read_text(&mut self, text: &str) -> Result<()> {
        let trimmed = text.trim_start_matches('\u{feff}').trim_start();
        if trimmed.starts_with('{')
            && let Ok(value) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'))
        {
            return self.add(&value);
        }
        // A dump of a big cluster has more documents and nodes than the parser's usual budget; the limits on what
        // aliases may unfold to stay.
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_documents: 10_000_000,
                max_events: 500_000_000,
                max_nodes: 500_000_000,
                max_total_scalar_bytes: 4 << 30,
            },
        };
        let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            let place = error.location();
            let wrapped = Error::input(error.to_string().lines().next().unwrap_or("not YAML").to_string());
            match place {
                Some(place) => wrapped.at(place.line(), place.column()),
                None => wrapped,
            }
        })?;
        for document in &documents {
            self.add(document)?;
        }
        Ok(())
    }

    /// Adds one object, or the items of a list.
    pub fn add(&mut self, value: &Value) -> Result<()> {
        self.add_as(value, None, 0)
    }

    /// Adds an object that may leave its kind to the list it stands in.
    pub fn add_as(&mut self, value: &Value, assumed: Option<&str>, depth: usize) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        if depth > DEPTH_MAX {
            return Err(Error::input("lists are nested too deep"));
        }
        let Some(kind) = value.get("kind").and_then(Value::as_str).or(assumed) else {
            return Err(Error::input("a document without a kind is not a Kubernetes object").in_field("kind"));
        };
        if let (Some(items), Some(item_kind)) = (value.get("items"), kind.strip_suffix("List")) {
            let assumed = (!item_kind.is_empty()).then_some(item_kind);
            let Value::Array(items) = items else {
                return Err(Error::input("expected a list").in_field("items"));
            };
            for item in items {
                self.add_as(item, assumed, depth + 1)?;
            }
            return Ok(());
        }
        self.add_object(value, kind).map_err(|error| name_object(error, value, kind))
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
        if let Some(kind) = controller {
            self.controllers.push(Controller::read(&at, kind)?);
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
            "Namespace" => self.namespaces.push(Namespace::read(&at)?),
            "Service" => self.services.push(Service::read(&at)?),
            "PodDisruptionBudget" => self.budgets.push(PodDisruptionBudget::read(&at)?),
            "PriorityClass" => self.priority_classes.push(PriorityClass::read(&at)?),
            "KubeSchedulerConfiguration" => {
                if self.configuration.is_some() {
                    return Err(Error::input("only one scheduler configuration can be used"));
                }
                self.configuration = Some(value.clone());
            }
            _ => *self.ignored_kinds.entry(kind.to_string()).or_default() += 1,
        }
        Ok(())
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
