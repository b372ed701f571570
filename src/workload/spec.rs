//! What a job says of itself beside its size: attributes that many jobs share, kept once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::ResourceId;
use crate::kube::object::selector::Requirement;
use crate::units::Bytes;

/// How a job ends.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// An amount of work; done when it is served.
    #[default]
    Batch,
    /// Runs until it is removed.
    Service,
}

/// When a job that ended by itself or was killed runs again.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// After every end but success of a batch job.
    #[default]
    OnFailure,
    /// As `on-failure` for batch jobs; services do not end by themselves.
    Always,
    /// Never: a killed job is given up. A job whose host is lost is replaced all the same.
    Never,
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobKind::Batch => "batch",
            JobKind::Service => "service",
        })
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RestartPolicy::OnFailure => "on-failure",
            RestartPolicy::Always => "always",
            RestartPolicy::Never => "never",
        })
    }
}

/// When the replacement of a Job's pod that was deleted is made.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PodReplacement {
    /// As soon as the old one terminates.
    #[default]
    TerminatingOrFailed,
    /// When the old one has really ended.
    Failed,
}

/// What stands behind a job and replaces it. Only control planes that know controllers read it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Controller {
    /// Not said: replaced when it is gone, without a back-off and without end.
    #[default]
    Unset,
    /// Nothing: a job that is evicted, deleted or lost with its host does not come back.
    Naked,
    /// A ReplicaSet, perhaps a Deployment's: replaced as soon as it terminates or has failed.
    ReplicaSet,
    /// Replaced when the old one is gone for certain.
    StatefulSet,
    /// Tied to its host, and left there by drains and unreachable hosts.
    DaemonSet,
    /// A Kubernetes Job: its jobs are the jobs of one app.
    Job {
        /// Failures of the whole app after which it fails.
        backoff_limit: u32,
        /// When a deleted pod is replaced.
        replacement: PodReplacement,
        /// Whether a failure restarts in place (`restartPolicy: OnFailure`); else each is a new pod.
        in_place: bool,
    },
}

impl Controller {
    /// `backoffLimit` of a Job that names none (API default, v1.36.3).
    pub const BACKOFF_LIMIT: u32 = 6;
}

/// What becomes of the CPU that a service demands and does not get. A batch job's is always done later.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Unserved {
    /// Demand is a rate, as of requests that time out: what is not served is gone.
    #[default]
    Drop,
    /// Demand is work that queues up: it is done later, in its order, so that the service's usage goes with its progress
    /// and falls behind the clock for as long as it is starved.
    Defer,
}

/// Attributes shared by many jobs.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Spec {
    /// Batch or service.
    pub kind: JobKind,
    /// When it runs again.
    pub restart: RestartPolicy,
    /// What stands behind it.
    pub controller: Controller,
    /// Higher goes first.
    pub priority: i32,
    /// Namespace; `default` unless said.
    pub namespace: String,
    /// Process type (Deis: `web`, `worker`); empty: the app's name stands in.
    pub process_type: String,
    /// Ephemeral storage request.
    pub ephemeral: Bytes,
    /// Ephemeral storage that it may use; `None`: any amount.
    pub ephemeral_limit: Option<Bytes>,
    /// Ephemeral storage that it really uses, from start to end.
    pub ephemeral_used: Bytes,
    /// Thousandths wanted of each of several GPU devices.
    pub gpus: Vec<u16>,
    /// GPU models that will do; empty: any.
    pub gpu_models: Vec<String>,
    /// Extended resources by id in the workload's list.
    pub extended: Vec<(ResourceId, i64)>,
    /// Labels its host must have.
    pub node_selector: Vec<(String, String)>,
    /// What it asks of its host's labels beside: Kubernetes heeds it as required node affinity, other placements that look
    /// at requests as a filter.
    pub constraints: Vec<Requirement>,
    /// Whether no two jobs of its app may be on one host. Only Kubernetes heeds it, as required anti-affinity; fleet has
    /// `Conflicts`, in the job's unit.
    pub apart: bool,
    /// Taints it tolerates.
    pub tolerations: Vec<String>,
    /// Host ports it binds.
    pub ports: Vec<u16>,
    /// Threads that can run at once; `None`: as many as its demand needs.
    pub threads: Option<u32>,
    /// What becomes of unserved demand of a service.
    pub unserved: Unserved,
    /// Processes that it consists of, which hold its memory in equal parts; `None`: one.
    pub processes: Option<u32>,
    /// Touches of file pages for each second of its CPU: how much it suffers when they are gone; `None`: the host model's.
    pub file_touches: Option<u32>,
    /// File pages that it touches for each MiB of memory that it takes on: how much that slows down its growth.
    pub leak_touches: u32,
    /// Whether a restart goes on from where the last attempt was (batch).
    pub checkpoint: bool,
    /// The pod it was described by, as a number in the workload's list of templates. What a Kubernetes scheduler looks
    /// at beyond the fields above (affinity, spread, tolerations in full) stands there.
    pub template: Option<u32>,
    /// What the `[X-Fleet]` section of its unit asks for, as a number in the workload's list; `None`: nothing. Only fleet reads
    /// it.
    pub unit: Option<u32>,
}
