//! A dump of a Kubernetes cluster as hosts and jobs: what `kubectl get nodes,pods,… -A -o json` gives, or YAML.
//!
//! Nodes are hosts of what is allocatable. Pods that run or wait are jobs, placed anew by whatever is run: the question is
//! where they would go, and how many hosts they need, not where they are. What is there counts: of an object that makes
//! pods only those are added that it still lacks. Requests, priorities, affinity and the rest are read as kube-scheduler
//! reads them; the objects stay with jobs and hosts as templates.
//!
//! Not here: usage, which no dump holds, volumes, quotas, and the autoscalers that would change all of this.

mod dump;
mod jobs;
mod stream;

use std::sync::Arc;

use super::manifest::{host, label, labelled};
use super::{FormatInfo, Import, OptionInfo, OptionValues, Place, Source};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::kube::framework::World;
use crate::kube::honesty::Honesty;
use crate::kube::object::node::{Effect, Node, Taint};
use dump::{Dump, may_hold_objects};
use jobs::Jobs;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "k8s",
    summary: "a dump of a Kubernetes cluster (kubectl get nodes,pods,deployments -A -o json or yaml): files, a folder, or -",
    options: &[
        OptionInfo {
            name: "arrival",
            values: OptionValues::OneOf(&["zero", "created"]),
            default: "zero",
            summary: "pods all arrive at 0, or when they were created, counted from the first",
        },
        OptionInfo {
            name: "open",
            values: OptionValues::OneOf(&["run", "drop"]),
            default: "run",
            summary: "pods of Jobs whose length nothing tells run on as services, or are left out",
        },
        OptionInfo {
            name: "daemonsets",
            values: OptionValues::OneOf(&["keep", "drop"]),
            default: "keep",
            summary: "pods tied to their node (of DaemonSets, and mirrors of static pods) take their room, or are left out",
        },
        OptionInfo {
            name: "system",
            values: OptionValues::OneOf(&["keep", "drop"]),
            default: "keep",
            summary: "pods of the namespace kube-system take their room, or are left out",
        },
    ],
    sniff: Some(|seen| {
        let named = seen.names.iter().any(|name| may_hold_objects(name));
        let kubectl = seen.head.contains("apiVersion") && seen.head.contains("kind");
        let other = ["plimsoll/", "applied_objs", "pod_lifecycles"].iter().any(|word| seen.head.contains(word));
        !seen.is_folder && named && kubectl && !other
    }),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

/// What the node controller calls a node that is not ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// And one that it does not hear of.
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// The label by which a node is told from all others.
const HOSTNAME: &str = "kubernetes.io/hostname";

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    let dump = Dump::read(&source.path, import.budgets)?;
    let hosts = hosts(&dump, import)?;
    if hosts.is_empty() {
        return Err(Error::input("no hosts: there is no Node in it that pods fit on").in_file(dump.file()));
    }
    add_hosts(&dump, hosts, import)?;
    say_fields(&dump, import);
    Ok(())
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let mut dump = Dump::read(&source.path, import.budgets)?;
    import.jobs_are_in(&dump.file().to_string_lossy());
    if let Some(error) = dump.unknown_class() {
        return Err(error);
    }
    dump.objects.resolve_priorities().map_err(|error| dump.place(error))?;
    let mut hosts = hosts(&dump, import)?;
    let rows = dump.objects.pods.len() as u64;
    import.report.rows_read += rows;
    // What makes pods is looked up by name, and by a ReplicaSet that is not in the dump.
    let mut listed = dump.objects.controllers.clone();
    let mut jobs = Jobs::of(&dump, &mut hosts, import)?;
    jobs.add_pods()?;
    jobs.add_missing(&mut listed)?;
    let made = jobs.say();
    if made == 0 && import.report.rows_dropped.is_empty() {
        let what = "no jobs: there is no pod in it, and nothing that makes pods";
        return Err(Error::input(what).in_file(dump.file()));
    }
    say_fields(&dump, import);
    for (what, count) in [
        ("services", dump.objects.services.len()),
        ("disruption budgets", dump.objects.budgets.len()),
        ("namespaces", dump.objects.namespaces.len()),
        ("priority classes", dump.objects.priority_classes.len()),
    ] {
        if count > 0 {
            import.report.count(what, count as u64);
        }
    }
    let mut world = World::of(&dump.objects);
    let key = |c: &crate::kube::object::other::Controller| (c.kind, c.meta.namespace.clone(), c.meta.name.clone());
    world.controllers = listed.into_iter().map(|controller| (key(&controller), controller)).collect();
    import.builder().objects(Arc::new(world));
    add_hosts(&dump, hosts, import)
}

/// The hosts that the Nodes describe.
fn hosts(dump: &Dump, import: &mut Import) -> Result<Vec<HostSpec>> {
    let nodes = &dump.objects.nodes;
    import.host_fits((nodes.len() as u64).saturating_sub(1)).map_err(|error| error.in_file(dump.file()))?;
    let mut hosts = Vec::with_capacity(nodes.len());
    let (mut empty, mut cordoned, mut silent, mut no_pods) = (0u64, 0u64, 0u64, 0u64);
    for node in nodes {
        // On a node that reports nothing nothing fits: it is one that never came up, or of a provider's own making.
        if node.allocatable.milli_cpu <= 0 || node.allocatable.memory <= 0 {
            empty += 1;
            continue;
        }
        cordoned += u64::from(node.unschedulable);
        silent += u64::from(node.ready == Some(false));
        no_pods += u64::from(node.allocatable.pods <= 0);
        let mut spec =
            host::of(&tainted(node)).map_err(|why| dump.place(labelled(why, &label("Node", "", &node.name))))?;
        spec.labels.entry(HOSTNAME.into()).or_insert_with(|| node.name.clone());
        hosts.push(spec);
    }
    let report = &mut import.report;
    report.count("nodes", nodes.len() as u64);
    if !hosts.is_empty() {
        let said = "a host has what its Node says is allocatable (else its capacity)";
        report.choices.push(said.into());
    }
    if empty > 0 {
        report.ignore("nodes without allocatable CPU or memory, on which nothing fits", empty);
    }
    for (count, what) in [(cordoned, "nodes are cordoned"), (silent, "nodes are not ready")] {
        if count > 0 {
            let so = "they take no pods but those that tolerate it, as all pods here are new; fleet and Deis, which know no \
                      taints, use them";
            report.warnings.push(format!("{count} {what}: {so}"));
        }
    }
    if no_pods > 0 {
        let so = "nodes say pods: 0 or nothing in status.allocatable, so that they take none, as in Kubernetes";
        report.warnings.push(format!("{no_pods} {so}"));
    }
    Ok(hosts)
}

/// The node with the taint that follows from its condition, where the dump was written without it
/// (`TaintNodesByCondition`).
fn tainted(node: &Node) -> Node {
    let mut node = node.clone();
    let told = node.taints.iter().any(|taint| taint.key == NOT_READY || taint.key == UNREACHABLE);
    if node.ready == Some(false) && !told {
        node.taints.push(Taint { key: NOT_READY.into(), value: String::new(), effect: Effect::NoSchedule });
    }
    node
}

fn add_hosts(dump: &Dump, hosts: Vec<HostSpec>, import: &mut Import) -> Result<()> {
    let place = Place { file: dump.file(), line: 0 };
    hosts.into_iter().try_for_each(|host| import.host_from(&place, "metadata.name", host))
}

/// What of the dump decides nothing here, and what decides in another way.
fn say_fields(dump: &Dump, import: &mut Import) {
    let Honesty { approximated, ignored, unknown, kinds, .. } =
        Honesty::new(&dump.objects.met, &dump.objects.ignored_kinds, &[], Vec::new());
    let report = &mut import.report;
    for entry in &ignored {
        report.ignore(&entry.name, entry.count);
    }
    for entry in &unknown {
        report.ignore(&format!("{} (not known)", entry.name), entry.count);
    }
    for entry in &kinds {
        report.ignore(&format!("kind {}", entry.name), entry.count);
        if !entry.note.is_empty() {
            report.warnings.push(format!("{} objects of kind {}: {}", entry.count, entry.name, entry.note));
        }
    }
    let mut notes: Vec<&str> = ignored.iter().map(|e| e.note.as_str()).filter(|note| !note.is_empty()).collect();
    notes.sort_unstable();
    notes.dedup();
    if !notes.is_empty() {
        report.warnings.push(format!("fields that could decide and do not: {}", notes.join("; ")));
    }
    // That CronJobs are not run is said where it is done.
    let said = |name: &str| name == "CronJob.spec.schedule";
    for entry in approximated.iter().filter(|entry| !entry.note.is_empty() && !said(&entry.name)) {
        report.choices.push(format!("{} ({}): {}", entry.name, entry.count, entry.note));
    }
    if dump.passed_over > 0 {
        report.ignore("files of the folder of other kinds", dump.passed_over);
    }
    if dump.objects.configuration.is_some() {
        report.ignore("KubeSchedulerConfiguration (a scenario's scheduler_config takes it)", 1);
    }
}
