//! Pods of one make: the replicas of a controller, or a pod that stands alone.

use std::collections::BTreeSet;

use super::annotation::{Replay, at};
use super::{label, labelled};
use crate::error::{Error, Result};
use crate::kube::object::Objects;
use crate::kube::object::meta::Owner;
use crate::kube::object::other::{Controller, ControllerKind};
use crate::kube::object::pod::Pod;
use crate::kube::object::read::Ignored;
use crate::workload::{Controller as Replacer, PodReplacement};

/// Kind, namespace and name.
pub(crate) type Key = (String, String, String);

/// Pods of one make.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The object that makes them; of a pod that stands alone, its controller's kind and name or its own.
    pub app: Key,
    /// The pod that all of them are like.
    pub pod: Pod,
    /// The kind that makes them; `None`: the pod stands alone.
    pub maker: Option<ControllerKind>,
    /// How many; of a DaemonSet one a host.
    pub count: u64,
    /// How many of them at once; the others come after earlier ones.
    pub at_once: u64,
    /// What replaces them.
    pub controller: Replacer,
    /// Whether they do an amount of work.
    pub batch: bool,
    /// Where their metadata stands in the object.
    pub path: &'static str,
    /// What the annotations say.
    pub replay: Replay,
}

impl Group {
    /// What errors call the object.
    pub fn label(&self) -> String {
        match self.maker {
            Some(kind) => label(kind.name(), &self.app.1, &self.app.2),
            None => label("Pod", &self.pod.namespace, &self.pod.name),
        }
    }
}

/// The groups of a set of objects.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Groups.
    pub groups: Vec<Group>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// ReplicaSets added for Deployments.
    pub added: usize,
}

/// What becomes of a pod that names its node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    /// An error: a scenario places every pod itself.
    Refused,
    /// It is placed like any other.
    Freed,
}

/// Finds what makes jobs in `objects`, and adds the ReplicaSets that Deployments would make.
pub(crate) fn find(objects: &mut Objects) -> Result<Found> {
    let mut found = Found::default();
    let mut ignored = std::mem::take(&mut objects.ignored);
    let controllers = objects.controllers.clone();
    let makers: Makers<'_> =
        controllers.iter().map(|c| (c.kind.name(), c.meta.namespace.as_str(), c.meta.name.as_str())).collect();
    let (mut left, mut idle, mut not_run, mut once) = (0u64, 0u64, 0u64, 0u64);
    for controller in &controllers {
        let named = |why: Error| labelled(why, &label_of(controller));
        if of_deployment(controller, &makers) {
            left += 1;
            continue;
        }
        let path = template_path(controller.kind);
        if let Some(key) = controller.meta.annotations.keys().next() {
            let what = format!("it belongs on the pods, in {path}.annotations");
            return Err(named(at(Error::input(what), "metadata", key)));
        }
        let Some(group) = of_controller(controller, path, Bound::Refused, &mut ignored).map_err(named)? else {
            idle += 1;
            continue;
        };
        if controller.kind == ControllerKind::CronJob {
            if group.replay.arrival.is_none() {
                not_run += 1;
                continue;
            }
            once += 1;
        }
        found.groups.push(group);
    }
    objects.ignored = ignored;
    let deployments = found.groups.iter_mut().filter(|group| group.maker == Some(ControllerKind::Deployment));
    for group in deployments {
        let name = replica_set(&group.app, &controllers, &mut objects.controllers);
        group.pod.owner = Some(Owner { api_version: "apps/v1".into(), kind: "ReplicaSet".into(), name });
    }
    found.added = objects.controllers.len() - controllers.len();

    let mut over = 0u64;
    for pod in &objects.pods {
        if pod.finished() || pod.deleting {
            over += 1;
        } else if made_here(pod, &makers) {
            left += 1;
        } else {
            let group = of_pod(pod).map_err(|why| labelled(why, &label("Pod", &pod.namespace, &pod.name)))?;
            found.groups.push(group);
        }
    }
    let said = [
        (over, "pods have run to their end or are being deleted, and are left out"),
        (left, "pods and ReplicaSets are left to the objects here that make them"),
        (idle, "objects that make pods want none (replicas 0, suspended or finished)"),
        (not_run, "CronJobs are not run; plimsoll/arrival on its pod template runs one, once"),
        (once, "CronJobs are run once, at their plimsoll/arrival, whatever their schedule"),
    ];
    let said = said.iter().filter(|(count, _)| *count > 0);
    found.notes.extend(said.map(|(count, what)| format!("manifests: {count} {what}")));
    Ok(found)
}

pub(crate) fn label_of(controller: &Controller) -> String {
    label(controller.kind.name(), &controller.meta.namespace, &controller.meta.name)
}

/// Where the pods' metadata stands.
pub(crate) fn template_path(kind: ControllerKind) -> &'static str {
    if kind == ControllerKind::CronJob { "spec.jobTemplate.spec.template.metadata" } else { "spec.template.metadata" }
}

/// The pods of `controller`, or `None` if it wants none.
pub(crate) fn of_controller(
    controller: &Controller,
    path: &'static str,
    bound: Bound,
    ignored: &mut Ignored,
) -> Result<Option<Group>> {
    let kind = controller.kind;
    let runs_once = matches!(kind, ControllerKind::Job | ControllerKind::CronJob);
    let at_once = if kind == ControllerKind::DaemonSet { 1 } else { u64::from(controller.replicas) };
    if at_once == 0 || controller.idle {
        return Ok(None);
    }
    // Replicas are alike, so that the first stands for all; there may be billions.
    let mut one = controller.clone();
    one.replicas = 1;
    let mut pods = one.pods(ignored).map_err(|why| match kind {
        ControllerKind::CronJob => Error::input(why.to_string().replacen("spec.", "spec.jobTemplate.spec.", 1)),
        _ => why,
    })?;
    let mut pod = pods.pop().expect("one replica is one pod");
    let spec = path.replace("metadata", "spec");
    match bound {
        Bound::Refused => refuse_bound(&pod, &spec)?,
        Bound::Freed => pod.node_name = None,
    }
    let replay = Replay::read(&pod.annotations, path)?;
    let replacer = replacer(controller, &pod.restart_policy);
    let count = if runs_once { controller.completions.map_or(at_once, u64::from) } else { at_once };
    Ok(Some(Group {
        app: (kind.name().into(), pod.namespace.clone(), controller.meta.name.clone()),
        pod,
        maker: Some(kind),
        count,
        at_once,
        controller: replacer,
        batch: runs_once,
        path,
        replay,
    }))
}

/// A pod that nothing here makes.
pub(crate) fn of_pod(pod: &Pod) -> Result<Group> {
    refuse_bound(pod, "spec")?;
    let replay = Replay::read(&pod.annotations, "metadata")?;
    if replay.every.is_some() {
        let what = "a pod that stands alone has no replicas; it belongs on a template";
        return Err(at(Error::input(what), "metadata", "plimsoll/every"));
    }
    let app = match &pod.owner {
        Some(owner) => (owner.kind.clone(), pod.namespace.clone(), owner.name.clone()),
        None => key_of(pod),
    };
    // A pod that does not start again when it ends, and is said to end, does an amount of work.
    let ends = pod.restart_policy != "Always" && replay.duration.is_some();
    let batch = ends || pod.owner.as_ref().is_some_and(|owner| owner.kind == "Job");
    // What has made it is not here, but would replace it.
    let controller = match pod.owner.as_ref().map(|owner| owner.kind.as_str()) {
        None => Replacer::Naked,
        Some("ReplicaSet" | "ReplicationController") => Replacer::ReplicaSet,
        Some("StatefulSet") => Replacer::StatefulSet,
        Some("DaemonSet") => Replacer::DaemonSet,
        Some(_) => Replacer::Unset,
    };
    Ok(Group { app, pod: pod.clone(), maker: None, count: 1, at_once: 1, controller, batch, path: "metadata", replay })
}

/// What `controller` does about pods that fail or are deleted.
pub(crate) fn replacer(controller: &Controller, restart_policy: &str) -> Replacer {
    match controller.kind {
        ControllerKind::ReplicationController | ControllerKind::ReplicaSet | ControllerKind::Deployment => {
            Replacer::ReplicaSet
        }
        ControllerKind::StatefulSet => Replacer::StatefulSet,
        ControllerKind::DaemonSet => Replacer::DaemonSet,
        ControllerKind::Job | ControllerKind::CronJob => Replacer::Job {
            backoff_limit: controller.backoff_limit.unwrap_or(Replacer::BACKOFF_LIMIT),
            replacement: if controller.replaces_when_failed {
                PodReplacement::Failed
            } else {
                PodReplacement::TerminatingOrFailed
            },
            in_place: restart_policy == "OnFailure",
        },
    }
}

/// What a pod that stands alone is told from others by.
pub(crate) fn key_of(pod: &Pod) -> Key {
    ("Pod".into(), pod.namespace.clone(), pod.name.clone())
}

fn refuse_bound(pod: &Pod, path: &str) -> Result<()> {
    match &pod.node_name {
        None => Ok(()),
        Some(node) => {
            let what = format!(
                "it is bound to \"{node}\", and a scenario places every pod itself; leave nodeName out, or ask about a \
                 cluster as it stands with plimsoll schedule -f FILE"
            );
            Err(Error::input(what).in_field(format!("{path}.nodeName")))
        }
    }
}

/// Kind, namespace and name of everything here that makes pods.
pub(crate) type Makers<'a> = BTreeSet<(&'a str, &'a str, &'a str)>;

/// Whether a ReplicaSet is the work of a Deployment that is here, whose pods are counted there.
pub(crate) fn of_deployment(controller: &Controller, makers: &Makers<'_>) -> bool {
    let meta = &controller.meta;
    controller.kind == ControllerKind::ReplicaSet
        && meta.owner.as_ref().is_some_and(|owner| {
            owner.kind == "Deployment" && makers.contains(&("Deployment", &meta.namespace, &owner.name))
        })
}

/// Whether an object here makes `pod`, so that its replicas stand for it.
fn made_here(pod: &Pod, makers: &Makers<'_>) -> bool {
    pod.owner.as_ref().is_some_and(|owner| {
        // A ReplicaSet is named after its Deployment, with a hash behind it.
        let deployment = owner.name.rsplit_once('-').map_or("", |(name, _)| name);
        makers.contains(&(&owner.kind, &pod.namespace, &owner.name))
            || (owner.kind == "ReplicaSet" && makers.contains(&("Deployment", &pod.namespace, deployment)))
    })
}

/// The name of the ReplicaSet that owns the pods of the Deployment `app`: one that is here and at work, or one that is
/// added with the Deployment's selector, because PodTopologySpread's default constraints look for the owner.
pub(crate) fn replica_set(app: &Key, all: &[Controller], world: &mut Vec<Controller>) -> String {
    let (_, namespace, name) = app;
    let sets = || all.iter().filter(|c| c.kind == ControllerKind::ReplicaSet && c.meta.namespace == *namespace);
    let owned = |c: &Controller| c.meta.owner.as_ref().is_some_and(|o| o.kind == "Deployment" && o.name == *name);
    if let Some(set) = sets().find(|set| owned(set) && set.replicas > 0) {
        return set.meta.name.clone();
    }
    let mut set_name = name.clone();
    while sets().any(|set| set.meta.name == set_name) {
        set_name.push_str("-0");
    }
    let deployment = all
        .iter()
        .find(|c| c.kind == ControllerKind::Deployment && c.meta.namespace == *namespace && c.meta.name == *name);
    let mut set = deployment.expect("the group was made of it").clone();
    set.kind = ControllerKind::ReplicaSet;
    set.meta.name = set_name.clone();
    set.meta.owner = Some(Owner { api_version: "apps/v1".into(), kind: "Deployment".into(), name: name.clone() });
    world.push(set);
    set_name
}

/// Gives the pods of `groups` the priorities of their classes.
pub(crate) fn resolve_priorities(groups: &mut [Group], objects: &Objects) -> Result<()> {
    let mut one = Objects::default();
    one.priority_classes.clone_from(&objects.priority_classes);
    for group in groups {
        one.pods = vec![std::mem::take(&mut group.pod)];
        let result = one.resolve_priorities();
        group.pod = one.pods.pop().expect("one pod went in");
        if result.is_err() {
            let class = group.pod.priority_class.clone().unwrap_or_default();
            let field = format!("{}.priorityClassName", group.path.replace("metadata", "spec"));
            let known: Vec<&str> = objects.priority_classes.iter().map(|class| class.name.as_str()).collect();
            let what = crate::error::unknown_name("PriorityClass", &class, &known);
            return Err(labelled(Error::input(what).in_field(field), &group.label()));
        }
    }
    Ok(())
}
