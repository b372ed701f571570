//! The objects that decisions read beside pods and nodes: services, owners, budgets, classes, namespaces.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::kube::object::meta::{Meta, Owner};
use crate::kube::object::pod::{Pod, never_preempts};
use crate::kube::object::read::{At, Fields, Ignored};
use crate::kube::object::selector::{Labels, Operator, Requirement, Selector};

/// A namespace and its labels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
}

impl Namespace {
    /// Reads a Namespace object.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let meta = Meta::take(&mut at.object()?)?;
        Ok(Namespace { name: meta.name, labels: meta.labels })
    }
}

/// A service: what the default spread constraints look for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.selector`; `None` selects nothing.
    pub selector: Option<Labels>,
}

impl Service {
    /// Reads a Service object.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        let selector = match fields.get("spec") {
            Some(spec) => spec.object()?.get("selector").map(|s| s.texts()).transpose()?,
            None => None,
        };
        Ok(Service { namespace: meta.namespace, name: meta.name, selector })
    }
}

/// A PriorityClass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriorityClass {
    /// Name.
    pub name: String,
    /// Priority of its pods.
    pub value: i32,
    /// Whether pods without a class get it.
    pub global_default: bool,
    /// Whether its pods never preempt.
    pub never_preempts: bool,
}

impl PriorityClass {
    /// Reads a PriorityClass object.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        Ok(PriorityClass {
            name: meta.name,
            value: fields.get("value").map(|v| v.int32()).transpose()?.unwrap_or(0),
            global_default: fields.get("globalDefault").map(|g| g.boolean()).transpose()?.unwrap_or(false),
            never_preempts: fields.get("preemptionPolicy").map(|p| never_preempts(&p)).transpose()?.unwrap_or(false),
        })
    }
}

/// A PodDisruptionBudget as preemption reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodDisruptionBudget {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Pods it protects.
    pub selector: Selector,
    /// `status.disruptionsAllowed`.
    pub disruptions_allowed: i32,
    /// Pods (by name) whose disruption has been counted already.
    pub disrupted_pods: BTreeSet<String>,
    /// What it asks for, from which the disruption controller works out its status.
    pub wanted: Option<Wanted>,
}

/// `spec.minAvailable` or `spec.maxUnavailable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// So many pods are to be healthy.
    MinAvailable(Share),
    /// So many may be missing.
    MaxUnavailable(Share),
}

/// A number of pods, or a share of the pods that there should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Share {
    /// Pods.
    Count(i64),
    /// Percent, rounded up to whole pods.
    Percent(i64),
}

impl Share {
    /// Reads an int-or-string.
    fn read(at: &At<'_>) -> Result<Self> {
        let percent = at.value.as_str().and_then(|text| text.strip_suffix('%')).map(str::parse);
        let share = match percent {
            Some(Ok(percent)) => Share::Percent(percent),
            Some(Err(_)) => return Err(at.error("not a share such as 25%")),
            None => Share::Count(i64::from(at.int32()?)),
        };
        match share {
            Share::Count(n) | Share::Percent(n) if n < 0 => Err(at.error(format!("{n} is below 0"))),
            share => Ok(share),
        }
    }

    /// Pods, out of `expected` ones: `GetScaledValueFromIntOrPercent`, rounded up.
    pub fn of(self, expected: i64) -> i64 {
        match self {
            Share::Count(n) => n,
            Share::Percent(percent) => expected.saturating_mul(percent).saturating_add(99) / 100,
        }
    }
}

impl PodDisruptionBudget {
    /// Reads a PodDisruptionBudget object. Without a status no disruption is allowed.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        let mut budget = PodDisruptionBudget {
            namespace: meta.namespace,
            name: meta.name,
            selector: Selector::Nothing,
            disruptions_allowed: 0,
            disrupted_pods: BTreeSet::new(),
            wanted: None,
        };
        if let Some(spec) = fields.get("spec") {
            let mut spec = spec.object()?;
            if let Some(selector) = spec.get("selector") {
                budget.selector = Selector::read(&selector)?;
            }
            let most = spec.get("maxUnavailable").map(|at| Share::read(&at)).transpose()?.map(Wanted::MaxUnavailable);
            let least = spec.get("minAvailable").map(|at| Share::read(&at)).transpose()?.map(Wanted::MinAvailable);
            budget.wanted = most.or(least);
        }
        if let Some(status) = fields.get("status") {
            let mut status = status.object()?;
            budget.disruptions_allowed = status.get("disruptionsAllowed").map(|d| d.int32()).transpose()?.unwrap_or(0);
            if let Some(Value::Object(pods)) = status.get("disruptedPods").map(|d| d.value) {
                budget.disrupted_pods = pods.keys().cloned().collect();
            }
        }
        Ok(budget)
    }
}

/// Kinds that make pods from a template.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ControllerKind {
    /// v1.
    ReplicationController,
    /// apps/v1.
    ReplicaSet,
    /// apps/v1.
    StatefulSet,
    /// apps/v1.
    Deployment,
    /// apps/v1: one pod a node.
    DaemonSet,
    /// batch/v1.
    Job,
    /// batch/v1: a Job when its time comes.
    CronJob,
}

impl ControllerKind {
    /// The API's name.
    pub fn name(self) -> &'static str {
        match self {
            ControllerKind::ReplicationController => "ReplicationController",
            ControllerKind::ReplicaSet => "ReplicaSet",
            ControllerKind::StatefulSet => "StatefulSet",
            ControllerKind::Deployment => "Deployment",
            ControllerKind::DaemonSet => "DaemonSet",
            ControllerKind::Job => "Job",
            ControllerKind::CronJob => "CronJob",
        }
    }

    /// The API's group and version.
    pub fn api_version(self) -> &'static str {
        match self {
            ControllerKind::ReplicationController => "v1",
            ControllerKind::Job | ControllerKind::CronJob => "batch/v1",
            _ => "apps/v1",
        }
    }
}

/// The label by which a Deployment tells its ReplicaSets apart, and what stands for the hash of one made here.
const HASH_LABEL: &str = "pod-template-hash";
const NEW: &str = "new";

/// Whether a Job's status says that it is over.
fn finished(status: &At<'_>) -> Result<bool> {
    for condition in status.object()?.get("conditions").map(|c| c.list()).transpose()?.unwrap_or_default() {
        let mut fields = condition.object()?;
        if matches!(fields.text("type")?, Some("Complete" | "Failed")) && fields.text("status")? == Some("True") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An object that makes pods from a template.
#[derive(Clone, PartialEq, Debug)]
pub struct Controller {
    /// Kind.
    pub kind: ControllerKind,
    /// Metadata.
    pub meta: Meta,
    /// Selector of its pods; a ReplicationController's is made of its labels.
    pub selector: Selector,
    /// Labels of a ReplicationController's selector, which Go merges as labels.
    pub selector_labels: Labels,
    /// How many pods it wants: replicas, or a Job's parallelism. Absent: 1.
    pub replicas: u32,
    /// How many pods of a Job are to succeed, if it says so.
    pub completions: Option<u32>,
    /// `spec.backoffLimit` of a Job.
    pub backoff_limit: Option<u32>,
    /// Whether a Job replaces a deleted pod only when it has ended: its `podReplacementPolicy`, or a `podFailurePolicy`.
    pub replaces_when_failed: bool,
    /// How many pods had been read before it: its place among them.
    pub pods_before: usize,
    /// Whether it makes no pods for now: a suspended Job or CronJob, or a Job that has finished.
    pub idle: bool,
    /// The pod template as written.
    template: Option<Value>,
}

impl Controller {
    /// A controller of that name without selector and template.
    pub fn bare(kind: ControllerKind, namespace: &str, name: &str) -> Self {
        Controller {
            kind,
            meta: Meta { namespace: namespace.into(), name: name.into(), ..Meta::default() },
            selector: Selector::Nothing,
            selector_labels: Labels::new(),
            replicas: 1,
            completions: None,
            backoff_limit: None,
            replaces_when_failed: false,
            pods_before: 0,
            idle: false,
            template: None,
        }
    }

    /// Reads a controller of `kind`.
    pub fn read(at: &At<'_>, kind: ControllerKind) -> Result<Self> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        let mut controller = Controller {
            kind,
            meta,
            selector: Selector::Nothing,
            selector_labels: Labels::new(),
            replicas: 1,
            completions: None,
            backoff_limit: None,
            replaces_when_failed: false,
            pods_before: 0,
            idle: false,
            template: None,
        };
        if kind == ControllerKind::Job
            && let Some(status) = fields.get("status")
        {
            controller.idle = finished(&status)?;
        }
        if let Some(spec) = fields.get("spec") {
            let mut spec = spec.object()?;
            if kind == ControllerKind::CronJob {
                controller.idle |= spec.get("suspend").map(|s| s.boolean()).transpose()?.unwrap_or(false);
                if let Some(job) = spec.get("jobTemplate")
                    && let Some(job) = job.object()?.get("spec")
                {
                    controller.read_spec(job.object()?)?;
                }
            } else {
                controller.read_spec(spec)?;
            }
        }
        Ok(controller)
    }

    fn read_spec(&mut self, mut spec: Fields<'_>) -> Result<()> {
        if let Some(selector) = spec.get("selector") {
            if self.kind == ControllerKind::ReplicationController {
                self.selector_labels = selector.texts()?;
                self.selector = Selector::of_labels(&self.selector_labels);
            } else {
                self.selector = Selector::read(&selector)?;
            }
        }
        let count = match self.kind {
            ControllerKind::Job | ControllerKind::CronJob => {
                self.idle |= spec.get("suspend").map(|s| s.boolean()).transpose()?.unwrap_or(false);
                let parallelism = spec.get("parallelism").map(|p| p.int32()).transpose()?.unwrap_or(1);
                let completions_at = spec.get("completions");
                let completions = completions_at.as_ref().map(|c| c.int32()).transpose()?;
                if let (Some(at), Some(count @ ..0)) = (&completions_at, completions) {
                    return Err(at.error(format!("{count} is below 0")));
                }
                self.completions = completions.and_then(|c| u32::try_from(c).ok());
                if let Some(at) = spec.get("backoffLimit") {
                    let limit = at.int32()?;
                    self.backoff_limit =
                        Some(u32::try_from(limit).map_err(|_| at.error(format!("{limit} is below 0")))?);
                }
                self.replaces_when_failed = match spec.get("podReplacementPolicy") {
                    None => spec.get("podFailurePolicy").is_some_and(|policy| !policy.value.is_null()),
                    Some(at) => match at.text()? {
                        "Failed" => true,
                        "TerminatingOrFailed" => false,
                        other => {
                            let known = ["Failed", "TerminatingOrFailed"];
                            return Err(at.error(crate::error::unknown_name("policy", other, &known)));
                        }
                    },
                };
                completions.map_or(parallelism, |completions| completions.min(parallelism))
            }
            _ => spec.get("replicas").map(|r| r.int32()).transpose()?.unwrap_or(1),
        };
        let field = match self.kind {
            ControllerKind::Job => "spec.parallelism",
            ControllerKind::CronJob => "spec.jobTemplate.spec.parallelism",
            _ => "spec.replicas",
        };
        self.replicas =
            u32::try_from(count).map_err(|_| Error::input(format!("{count} is below 0")).in_field(field))?;
        self.template = spec.get("template").map(|t| t.value.clone());
        Ok(())
    }

    /// Leaves the template out.
    pub(super) fn forget_template(&mut self) {
        self.template = None;
    }

    /// Whether its template has a container. The API server takes no other; a controller without one makes no pods.
    pub fn has_containers(&self) -> bool {
        let containers = self.template.as_ref().and_then(|t| t.get("spec")).and_then(|s| s.get("containers"));
        containers.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    /// Refuses a template whose labels the selector does not select, as the API server does: the default spread
    /// constraints would count other pods than its own.
    pub fn check_labels(&self) -> Result<()> {
        let metadata = self.template.as_ref().and_then(|template| template.get("metadata"));
        let empty = Value::Object(serde_json::Map::new());
        let metadata = At { value: metadata.unwrap_or(&empty), path: "spec.template.metadata".into() };
        // A Job's selector and the labels it asks for are the controller's own.
        if self.selector == Selector::Nothing || matches!(self.kind, ControllerKind::Job | ControllerKind::CronJob) {
            return Ok(());
        }
        let labels = if metadata.value.is_null() { Labels::new() } else { Meta::read(&metadata)?.labels };
        if self.selector.matches(&labels) {
            return Ok(());
        }
        Err(Error::input("spec.selector does not select them").in_field("spec.template.metadata.labels"))
    }

    /// Pod number `i` of those that its controller would create, named after it.
    pub fn pod(&self, i: u32, ignored: &mut Ignored) -> Result<Pod> {
        let path = match self.kind {
            ControllerKind::CronJob => "spec.jobTemplate.spec.template",
            _ => "spec.template",
        };
        let Some(template) = &self.template else {
            return Err(Error::input("missing; pods cannot be made without it").in_field(path));
        };
        let template = At { value: template, path: path.into() };
        let mut fields = template.object()?;
        let template_meta = fields.get("metadata").map(|m| Meta::read(&m)).transpose()?.unwrap_or_default();
        let spec = fields.need("spec")?;
        let name = format!("{}-{i}", self.meta.name);
        let mut labels = template_meta.labels;
        // Labels that the real controllers add; constraints with matchLabelKeys look for the first one.
        let added: &[(&str, &str)] = match self.kind {
            ControllerKind::Deployment => &[(HASH_LABEL, NEW)],
            ControllerKind::StatefulSet => {
                &[("statefulset.kubernetes.io/pod-name", &name), ("apps.kubernetes.io/pod-index", &i.to_string())]
            }
            ControllerKind::Job | ControllerKind::CronJob => {
                &[("job-name", &self.meta.name), ("batch.kubernetes.io/job-name", &self.meta.name)]
            }
            _ => &[],
        };
        labels.extend(added.iter().map(|(key, value)| (key.to_string(), value.to_string())));
        // A Deployment's pods belong to its ReplicaSet, a CronJob's to its Job.
        let (kind, owner) = match self.kind {
            ControllerKind::Deployment => (ControllerKind::ReplicaSet, self.replica_set_name()),
            ControllerKind::CronJob => (ControllerKind::Job, self.meta.name.clone()),
            kind => (kind, self.meta.name.clone()),
        };
        let owner = Some(Owner { api_version: kind.api_version().into(), kind: kind.name().into(), name: owner });
        let meta = Meta {
            namespace: self.meta.namespace.clone(),
            name,
            labels,
            owner,
            created_ns: self.meta.created_ns,
            annotations: template_meta.annotations.clone(),
            ..Meta::default()
        };
        Pod::from_template(meta, spec, ignored)
    }

    /// The name of the ReplicaSet that a Deployment makes.
    fn replica_set_name(&self) -> String {
        format!("{}-{NEW}", self.meta.name)
    }

    /// The ReplicaSet that a Deployment makes; the default spread constraints look at its selector.
    pub fn replica_set(&self) -> Controller {
        let mut selector = self.selector.clone();
        selector.add([Requirement { key: HASH_LABEL.into(), operator: Operator::In(vec![NEW.into()]) }]);
        let meta = Meta { name: self.replica_set_name(), owner: None, ..self.meta.clone() };
        Controller { kind: ControllerKind::ReplicaSet, meta, selector, ..self.clone() }
    }

    /// The pods that its controller would create, named after it and numbered from 0. A DaemonSet's one pod stands
    /// for the pod of any node.
    pub fn pods(&self, ignored: &mut Ignored) -> Result<Vec<Pod>> {
        let count = if self.kind == ControllerKind::DaemonSet { 1 } else { self.replicas };
        (0..count).map(|i| self.pod(i, ignored)).collect()
    }
}
