//! A scenario as written: the keys that may stand in the file, nothing looked up.
//!
//! Every struct refuses keys it does not know, and reads back what it writes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::band::BandSection;
use super::document::Document;
use super::etcd::EtcdSection;
use super::generator::GeneratorSection;
use super::host_model::HostSection;
use super::inflation::InflationSection;
use super::platform::PlatformSection;
use super::runs::OrchestratorEntry;
use super::text::{At, Count, Cpu, Length, Load, Memory, Share, Switch, Usage};
use crate::sim::FailureKind;
use crate::workload::{JobKind, PodReplacement, RestartPolicy, Unserved};

/// A scenario file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// `plimsoll/v1`.
    #[serde(rename = "apiVersion", default)]
    pub api_version: At<String>,
    /// `Scenario`.
    #[serde(default)]
    pub kind: At<String>,
    /// Name; by default the file's.
    #[serde(default)]
    pub name: String,
    /// The question the scenario asks, in one sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub question: String,
    /// Seed of everything drawn; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Metrics begin after this much time; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Length>,
    /// Jobs that arrive in this last part of the run are left out of percentiles; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Length>,
    /// The run ends here. Default: when the last job would end if each ran from its arrival uncontended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<At<Length>>,
    /// The hosts.
    #[serde(default)]
    pub cluster: At<ClusterSection>,
    /// The jobs.
    #[serde(default)]
    pub workload: At<WorkloadSection>,
    /// What runs: names, or variants with their options.
    #[serde(default)]
    pub orchestrators: Vec<At<OrchestratorEntry>>,
    /// How hosts behave, whatever the orchestrator: host parameters by name (`plimsoll list parameters`).
    #[serde(default, skip_serializing_if = "HostSection::is_empty")]
    pub host: HostSection,
    /// What happens to hosts, whatever the orchestrator does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<At<FailureSection>>,
    /// Planned work on hosts: drains and rolling upgrades.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<At<EventSection>>,
    /// The store that control planes and platforms hang on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<At<EtcdSection>>,
    /// How apps and components find each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<At<PlatformSection>>,
    /// Every run once more under both bounds of how a host comes down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<At<BandSection>>,
    /// Files of Kubernetes manifests (YAML or JSON, plain or .gz), relative to the scenario's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<At<String>>,
    /// The manifests that stand beside the scenario in its own file.
    #[serde(skip)]
    pub documents: Vec<Document>,
}

/// Where the hosts come from: groups, a file, a trace, the Nodes of manifests.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSection {
    /// Groups of equal hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<At<HostGroup>>,
    /// A hosts file in the native format, relative to the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<At<String>>,
    /// The hosts of a trace, as `FORMAT:PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<At<String>>,
    /// The options of that trace's format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Whether the Nodes of manifests are hosts; default on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Switch>,
}

/// Equal hosts: `name`, or `name-000`, `name-001` … when there are several.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostGroup {
    /// Name, or what names begin with.
    pub name: String,
    /// How many; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// CPU that jobs may use.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Ephemeral storage; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Memory>,
    /// Most jobs the host takes; by default the orchestrator's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<u32>,
    /// GPUs; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u16>,
    /// Model of the GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Other extended resources by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extended: BTreeMap<String, Count>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Taints as `key=value:Effect` or `key:Effect`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<String>,
    /// When the hosts join; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joins: Option<Length>,
    /// When they leave for good; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Length>,
}

/// Where the jobs come from: a trace or a generator, and inline `apps` and `jobs` with or without them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSection {
    /// Apps: jobs that replace each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<At<JobSection>>,
    /// Single jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<At<JobSection>>,
    /// Jobs of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<At<TraceSection>>,
    /// Jobs of a seeded generator: `name`, and its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<At<GeneratorSection>>,
    /// All these jobs are a list, from which arrivals are drawn that stay for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inflation: Option<At<InflationSection>>,
    /// What jobs without a usage of their own use; default `model:mix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<At<Usage>>,
    /// Where arrivals come from; default `open`.
    #[serde(rename = "loop", default, skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<LoopSection>,
}

/// An app (with replicas) or a single job.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSection {
    /// Name of the app or job. Several replicas are named `name-000`, `name-001` …
    pub name: String,
    /// The app that a single job belongs to; by default one of its own name. Only under `jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// `batch` (default; needs `duration`) or `service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<JobKind>,
    /// How many jobs; default 1. Only under `apps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// When the first job arrives; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Length>,
    /// Time between the arrivals of replicas; default 0. Only under `apps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Length>,
    /// Length of a batch job's work, time until a service is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Length>,
    /// Namespace; default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Process type (Deis: `web`, `worker`); by default the app stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_type: Option<String>,
    /// Higher goes first; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// When it runs again: `on-failure` (default), `always`, `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartPolicy>,
    /// What stands behind it under `kubernetes`: `none`, `replica-set`, `deployment`, `stateful-set`, `daemon-set`, `job`;
    /// default something that replaces it when it is gone, without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<ControllerWord>,
    /// Failures after which a `job` is given up, over all its jobs; default 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_limit: Option<u32>,
    /// When a deleted pod of a `job` is replaced: `terminating-or-failed` (default) or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_replacement_policy: Option<PodReplacement>,
    /// What it asks for; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
    /// What it may not exceed; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Thousandths wanted of each of several GPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<u16>,
    /// GPU models that will do; default any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu_models: Vec<String>,
    /// Labels its host must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints it tolerates: `key`, `key=value`, with `:Effect`, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<String>,
    /// Host ports it binds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Threads that can run at once: with `threads: 2` never more than 2 CPUs; default any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// What becomes of CPU that a service demands and does not get: `drop` (default) or `defer`, done later in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unserved: Option<Unserved>,
    /// Processes that it consists of, which hold its memory in equal parts; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Touches of file pages for each second of its CPU: how much it suffers near out of memory; default the host's `file_touches`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_touches: Option<u32>,
    /// File pages that it touches for each MiB that it takes on: how much that slows its growth near out of memory; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak_touches: Option<u32>,
    /// Whether a restart goes on from where the last attempt was (batch); default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<bool>,
    /// A unit file (`.service`), relative to the scenario's folder: its `[X-Fleet]`, `Restart=`, and `-m` of its `docker run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<At<String>>,
    /// Options of `[X-Fleet]`, each with its values, beside those of `unit`. Only `fleet` reads them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub x_fleet: BTreeMap<String, Vec<String>>,
    /// Jobs that must finish first; an app's name means all its jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<At<String>>,
    /// What it really uses; default by the workload's `usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<At<UsageSection>>,
    /// What it is to the platform: `app` (default), `unannounced` (nothing announces it) or a component's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<At<String>>,
    /// Requests a second from outside; default the platform's, for user apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Share>,
    /// Apps that it calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<At<String>>,
}

impl JobSection {
    /// Whether it says anything that only a platform looks at.
    pub(super) fn says_of_platform(&self) -> bool {
        self.role.is_some() || self.requests_per_second.is_some() || !self.calls.is_empty()
    }
}

/// What stands behind a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControllerWord {
    /// Nothing: it does not come back.
    None,
    /// A ReplicaSet.
    ReplicaSet,
    /// A Deployment, which works through a ReplicaSet.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet; its jobs are tied to hosts by `node_selector`.
    DaemonSet,
    /// A Job.
    Job,
}

/// What a job asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Ephemeral storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Memory>,
    /// Extended resources by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extended: BTreeMap<String, Count>,
}

/// What a job may not exceed, where limits are enforced.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Ephemeral storage: a kubelet evicts a job that uses more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Memory>,
}

/// What a job really uses: `cpu` and `memory` throughout, or `steps`, or a `ramp`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageSection {
    /// CPU throughout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory throughout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// File pages that it needs in memory beside that, throughout; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Memory>,
    /// One after the other; the last holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Memory that runs away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<Ramp>,
    /// Ephemeral storage, from start to end; default 0. May stand alone or beside any of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Memory>,
}

/// A stretch of constant usage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How long; may be left out in the last step.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// File pages that it needs in memory beside that; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Memory>,
}

/// Memory that stays at `from` until `start`, then grows by `rate` a second, in steps of `step`, up to `until`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// CPU throughout.
    pub cpu: Cpu,
    /// Memory at first.
    pub from: Memory,
    /// Growth a second.
    pub rate: Memory,
    /// Memory at last.
    pub until: Memory,
    /// Length of a step; default 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Length>,
    /// When growth starts; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Length>,
}

/// Jobs of a trace.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSection {
    /// Row of the formats table.
    pub format: At<String>,
    /// File or folder, relative to the scenario's folder.
    pub path: At<String>,
    /// The format's options.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Usage laid over its jobs, as `FORMAT:PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<At<String>>,
    /// The options of that format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overlay_options: BTreeMap<String, String>,
    /// Scale arrivals to this peak share of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// Divide times between arrivals by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// The window begins here: time 0 of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Length>,
    /// The window ends here: jobs that arrive then or later are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Length>,
}

/// Where arrivals come from.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LoopSection {
    /// Each job at its own time.
    #[default]
    Open,
    /// So many users, each with one job at a time; arrival times are ignored.
    Closed {
        /// Number of users.
        users: u32,
        /// Time between the end of a job and the same user's next.
        think_time: Length,
    },
}

/// Planned work: one host is drained (`drain`, `for`), or the hosts of a group one after the other (`upgrade`, `takes`).
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventSection {
    /// One host by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<At<String>>,
    /// All hosts of a group in order of their names, by the group's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<At<String>>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Length>,
    /// How long a drained host is down, boot included.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// How long each host of an upgrade is down, boot included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Length>,
    /// How many hosts of an upgrade may be drained or down at once; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<u32>,
    /// How long the control plane has to empty a host before it goes down anyway; default for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Length>,
}

/// A failure at a time (`host`, `at`), failures drawn per host and time (`hosts`, `mtbf`), or those of a `file`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FailureSection {
    /// A table of outages (CSV, plain or gzip) with the columns `host` or `share`, `at`, `for`, `kind`, relative to the
    /// scenario's folder. Excludes all other keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<At<String>>,
    /// One host by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<At<String>>,
    /// All hosts of a group, by the group's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<At<String>>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Length>,
    /// How long it lasts; default for good.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// `down` (default) or `partition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<FailureWord>,
    /// Mean time up between failures of a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtbf: Option<Length>,
    /// Shape of the Weibull distribution of time up; default 1 (exponential).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<f64>,
    /// Median time to repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Length>,
    /// Sigma of the log-normal distribution of time to repair; default 0 (always the median).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_sigma: Option<f64>,
}

/// What happens to a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureWord {
    /// It loses power and boots at the end.
    #[default]
    Down,
    /// It is cut off from the control plane and goes on working.
    Partition,
}

impl From<FailureWord> for FailureKind {
    fn from(word: FailureWord) -> Self {
        match word {
            FailureWord::Down => FailureKind::Down,
            FailureWord::Partition => FailureKind::Partition,
        }
    }
}
