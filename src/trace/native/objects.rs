//! `x.objects.json`: the Kubernetes objects that jobs and hosts were described by, as a List of manifests.
//!
//! Pods are templates: what a scheduler looks at beyond the columns of a job (affinity, spread constraints, tolerations in
//! full, containers). A job names its own by `namespace/name`. Nodes belong to hosts. Services, controllers, budgets and
//! namespaces stand beside them, as schedulers list them. Everything is written by `kube::object::write`, so that only what
//! decides something is in the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use serde_json::Value;

use super::super::{Budgets, Column, Import, Row, input};
use super::{failed, stem, there};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::kube::framework::World;
use crate::kube::object::Objects;
use crate::kube::object::meta::is_name;
use crate::kube::object::node::Node;
use crate::kube::object::other::{Controller, Namespace};
use crate::kube::object::pod::Pod;
use crate::workload::Workload;

/// What stands beside a table, and what of it has been used.
#[derive(Default)]
pub(super) struct Beside {
    there: bool,
    /// By `namespace/name`.
    pods: BTreeMap<String, Arc<Pod>>,
    /// Numbers of the templates that jobs have named.
    numbers: BTreeMap<String, u32>,
    nodes: BTreeMap<String, Arc<Node>>,
    nodes_used: BTreeSet<String>,
    world: World,
}

impl Beside {
    /// Reads the objects beside the table of jobs at `path`, if there are any.
    pub fn of_jobs(path: &str, budgets: &Budgets) -> Result<Self> {
        stem(path).map_or(Ok(Beside::default()), |stem| Beside::read(stem, budgets))
    }

    /// Reads the objects beside the table of hosts at `path`.
    pub fn of_hosts(path: &str, budgets: &Budgets) -> Result<Self> {
        let stem = stem(path).map(|stem| stem.strip_suffix(".hosts").unwrap_or(stem));
        stem.map_or(Ok(Beside::default()), |stem| Beside::read(stem, budgets))
    }

    fn read(stem: &str, budgets: &Budgets) -> Result<Self> {
        let Some(path) = there(&format!("{stem}.objects"), &["json", "json.gz", "json.zst"])? else {
            return Ok(Beside::default());
        };
        let mut objects = Objects::default();
        objects.read_text(&input::whole_text(&path, budgets)?).map_err(|error| error.in_file(&path))?;
        let world = World::of(&objects);
        Ok(Beside {
            there: true,
            pods: objects.pods.into_iter().map(|pod| (pod.key.clone(), Arc::new(pod))).collect(),
            numbers: BTreeMap::new(),
            nodes: objects.nodes.into_iter().map(|node| (node.name.clone(), Arc::new(node))).collect(),
            nodes_used: BTreeSet::new(),
            world,
        })
    }

    /// The name in `column`, if the field is not blank, is not among the objects.
    fn missing(&self, row: &Row, column: Column, kind: &str, name: &str) -> Error {
        row.refuse(
            column,
            match self.there {
                true => format!("there is no {kind} \"{name}\" in the objects beside the table"),
                false => {
                    format!("{kind} \"{name}\" is described in NAME.objects.json, and there is none beside the table")
                }
            },
        )
    }

    /// The template that a row of jobs names.
    pub fn template(&mut self, row: &Row, column: Option<Column>, import: &mut Import) -> Result<Option<u32>> {
        let text = row.optional(column)?.trim();
        let Some(column) = column.filter(|_| !text.is_empty()) else { return Ok(None) };
        if let Some(number) = self.numbers.get(text) {
            return Ok(Some(*number));
        }
        let Some(pod) = self.pods.get(text) else { return Err(self.missing(row, column, "Pod", text)) };
        let number = import.builder().template(Arc::clone(pod));
        self.numbers.insert(text.to_owned(), number);
        Ok(Some(number))
    }

    /// The Node that a row of hosts names.
    pub fn node(&mut self, row: &Row, column: Option<Column>) -> Result<Option<Arc<Node>>> {
        let text = row.optional(column)?.trim();
        let Some(column) = column.filter(|_| !text.is_empty()) else { return Ok(None) };
        let Some(node) = self.nodes.get(text) else { return Err(self.missing(row, column, "Node", text)) };
        self.nodes_used.insert(text.to_owned());
        Ok(Some(Arc::clone(node)))
    }

    /// Hands over what no row names, and says what was of no use.
    pub fn finish(self, import: &mut Import) {
        if !self.there {
            return;
        }
        import
            .report
            .choices
            .push("pods, nodes and what schedulers list beside them are as in the objects file".into());
        for (all, used, what) in [
            (self.pods.len(), self.numbers.len(), "pods of the objects file describe no job"),
            (self.nodes.len(), self.nodes_used.len(), "nodes of the objects file describe no host"),
        ] {
            if all > used {
                import.report.warnings.push(format!("{} {what}", all - used));
            }
        }
        import.builder().objects(Arc::new(self.world));
    }
}

/// Whether jobs or hosts were described by objects, or some stand beside them: whether `x.objects.json` is to be written.
pub fn has_objects(workload: &Workload, hosts: &[HostSpec]) -> bool {
    let World { namespaces, services, controllers, budgets } = &**workload.objects();
    let listed = !namespaces.is_empty() || !services.is_empty() || !controllers.is_empty() || !budgets.is_empty();
    listed
        || hosts.iter().any(|host| host.node.is_some())
        || workload.ids().any(|job| workload.spec(job).template.is_some())
}

/// The templates in use, by number, each with the `namespace/name` that jobs call it by.
pub(super) fn labels(workload: &Workload) -> BTreeMap<u32, String> {
    let mut pods: BTreeMap<u32, &Arc<Pod>> = BTreeMap::new();
    for job in workload.ids() {
        if let (Some(number), Some(pod)) = (workload.spec(job).template, workload.template(job)) {
            pods.insert(number, pod);
        }
    }
    let mut taken = BTreeSet::new();
    // How many have asked for a name, so that thousands of one name do not try all numbers again.
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    let mut label = |pod: &Pod| {
        // Templates are called after pods, whose name here may hold a namespace, too.
        let own = pod.name.rsplit('/').next().unwrap_or_default();
        let own = if is_name(own) && own.len() <= 200 { own } else { "pod" };
        let namespace = if is_name(&pod.namespace) { &pod.namespace } else { "default" };
        let plain = format!("{namespace}/{own}");
        let count = asked.entry(plain.clone()).or_default();
        loop {
            *count += 1;
            let name = if *count == 1 { plain.clone() } else { format!("{plain}-{count}") };
            if taken.insert(name.clone()) {
                return name;
            }
        }
    };
    pods.into_iter().map(|(number, pod)| (number, label(pod))).collect()
}

/// Writes the objects, one a line.
///
/// Errors: an object that would not read back the same, by name: GPUs in thousandths, requests that follow from no
/// container, or two different Nodes of one name.
pub fn write_objects(workload: &Workload, hosts: &[HostSpec], out: &mut dyn Write) -> Result<()> {
    let World { namespaces, services, controllers, budgets } = &**workload.objects();
    let mut lines: Lines<'_> = Lines { out, any: false };
    lines.begin()?;
    let mut nodes: BTreeMap<&str, &Arc<Node>> = BTreeMap::new();
    for node in hosts.iter().filter_map(|host| host.node.as_ref()) {
        match nodes.insert(&node.name, node) {
            None => lines.object("Node", &node.name, node.to_json(), |read| read.nodes.first() == Some(&**node))?,
            Some(other) if other == node => {}
            Some(_) => return Err(unlike("Node", &node.name)),
        }
    }
    for (name, labels) in namespaces {
        let namespace = Namespace { name: name.clone(), labels: labels.clone() };
        lines.object("Namespace", name, namespace.to_json(), |read| read.namespaces.first() == Some(&namespace))?;
    }
    for service in services {
        lines.object("Service", &service.name, service.to_json(), |read| read.services.first() == Some(service))?;
    }
    for budget in budgets {
        let kind = "PodDisruptionBudget";
        lines.object(kind, &budget.name, budget.to_json(), |read| read.budgets.first() == Some(budget))?;
    }
    for controller in controllers.values() {
        let bare = controller.clone().bare_of_template();
        let (kind, name) = (controller.kind.name(), &controller.meta.name);
        lines.object(kind, name, controller.to_json(), |read| {
            read.controllers.first().map(|read: &Controller| read.clone().bare_of_template()).as_ref() == Some(&bare)
        })?;
    }
    // In the order of their labels, which stay when what was read is written again; numbers do not.
    let by_label: BTreeMap<String, u32> = labels(workload).into_iter().map(|(number, label)| (label, number)).collect();
    for (label, number) in by_label {
        let (_, name) = label.split_once('/').expect("a label is namespace/name");
        // A template's name is nobody's: pods are called after their jobs.
        let pod = (**workload.template_of(number)).clone();
        let named = Pod { name: name.into(), key: label.clone(), ..pod };
        lines.object("Pod", &label, named.to_json(), |read| read.pods.first() == Some(&named))?;
    }
    lines.end()
}

fn unlike(kind: &str, name: &str) -> Error {
    Error::input(format!("{kind} {name}: it holds what a manifest cannot say, and would not read back the same"))
}

/// A List, item by item.
struct Lines<'a> {
    out: &'a mut dyn Write,
    any: bool,
}

impl Lines<'_> {
    fn begin(&mut self) -> Result<()> {
        self.out.write_all(b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[").map_err(failed)
    }

    fn object(&mut self, kind: &str, name: &str, value: Value, same: impl FnOnce(&Objects) -> bool) -> Result<()> {
        let mut read = Objects::default();
        read.add(&value).map_err(|_| unlike(kind, name))?;
        if !same(&read) {
            return Err(unlike(kind, name));
        }
        let text = serde_json::to_string(&value).map_err(failed)?;
        let before = if self.any { ",\n" } else { "\n" };
        self.any = true;
        self.out.write_all(format!("{before}{text}").as_bytes()).map_err(failed)
    }

    fn end(&mut self) -> Result<()> {
        self.out.write_all(b"\n]}\n").and_then(|()| self.out.flush()).map_err(failed)
    }
}
