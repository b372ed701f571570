//! What comes out of runs, as reports read it.

use crate::ids::{HostId, JobId};
use crate::metrics::Value;
use crate::sim::{Change, EndReason};
use crate::units::SimTime;
use crate::workload::Offered;

/// A choice that silently decides results, printed with its alternative.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What was chosen between, e.g. `fleet: a finished unit leaves the count`.
    pub what: String,
    /// What was taken.
    pub taken: String,
    /// What else could be taken, and how.
    pub alternative: String,
}

/// What a run is called and how it was set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunLabel {
    /// Unique in its experiment: the orchestrator's name in plain form, variants like `kubernetes-no-limits`.
    pub name: String,
    /// Row of the orchestrators table.
    pub orchestrator: String,
    /// Row of the placements table.
    pub placement: String,
    /// `none` or `limits`.
    pub enforcement: String,
    /// `off` or `on`.
    pub eviction: String,
    /// `off` or `on`.
    pub cpu_quota: String,
    /// `as-written`, `x0.25`, `absent`.
    pub requests: String,
    /// `first` or `random`.
    pub tie_break: String,
    /// The run's seed.
    pub seed: u64,
}

/// An app's share of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct AppResult {
    /// Its name.
    pub name: String,
    /// Jobs submitted.
    pub jobs: u64,
    /// Live time over time in the system, summed over its jobs; `None` if it never was in the system.
    pub availability: Option<f64>,
    /// Kills, evictions and losses of its attempts.
    pub attempts_lost: u64,
}

/// One stretch of one host: exact time means and maxima.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TrackBucket {
    /// Mean CPU demanded within quotas, cores.
    pub cpu_demand_cores: f64,
    /// Mean CPU received, cores.
    pub cpu_received_cores: f64,
    /// Highest CPU demanded within quotas at any moment, cores.
    pub cpu_demand_cores_max: f64,
    /// Mean CPU requested by live attempts, cores.
    pub cpu_requested_cores: f64,
    /// Mean memory in use by jobs, bytes.
    pub memory_used_bytes: f64,
    /// Highest memory in use, bytes.
    pub memory_used_bytes_max: f64,
    /// Mean memory requested by live attempts, bytes.
    pub memory_requested_bytes: f64,
    /// Mean number of live attempts.
    pub attempts: f64,
    /// Share of the stretch that the host was up, 0 to 1.
    pub up: f64,
    /// Share of the stretch that the host thrashed.
    pub thrash: f64,
}

/// One host over the stretches of a [`Record`].
#[derive(Clone, PartialEq, Debug)]
pub struct HostTrack {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its CPU, cores.
    pub cpu_capacity_cores: f64,
    /// Its memory, bytes.
    pub memory_capacity_bytes: f64,
    /// One entry a stretch.
    pub buckets: Vec<TrackBucket>,
}

/// One stretch of the whole cluster.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TimelineBucket {
    /// Core-seconds demanded.
    pub cpu_demanded_core_seconds: f64,
    /// Core-seconds demanded by jobs that waited.
    pub cpu_pending_core_seconds: f64,
    /// Core-seconds lost to neighbours.
    pub cpu_starved_core_seconds: f64,
    /// Core-seconds lost to quotas.
    pub cpu_throttled_core_seconds: f64,
    /// Core-seconds demanded by jobs whose host was down.
    pub cpu_host_down_core_seconds: f64,
    /// Host-seconds with CPU demand within quotas above capacity.
    pub cpu_overloaded_host_seconds: f64,
    /// Host-seconds with memory in use above what the host can hold without thrash.
    pub memory_overloaded_host_seconds: f64,
}

/// An attempt that ended by force: kill, eviction, loss, failed start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndRow {
    /// When.
    pub at: SimTime,
    /// Which job.
    pub job: JobId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Where.
    pub host: HostId,
    /// Why.
    pub why: EndReason,
}

/// A change worth a row of `changes.csv`: all but rates, sums and valuations.
pub type LifeRow = (SimTime, Change);

/// What is kept when somebody wants to look: about 200 stretches, and every change of life.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// Stretch `i` is `edges[i]..edges[i + 1]`.
    pub edges: Vec<SimTime>,
    /// All hosts in order of names.
    pub hosts: Vec<HostTrack>,
    /// The cluster, stretch by stretch.
    pub timeline: Vec<TimelineBucket>,
    /// Attempts that ended by force.
    pub ends: Vec<EndRow>,
    /// Changes of life.
    pub life: Vec<LifeRow>,
}

/// The outcome of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunResult {
    /// What was run.
    pub label: RunLabel,
    /// Digest of all changes.
    pub digest: u64,
    /// Every row of the metrics table, in its order.
    pub metrics: Vec<(&'static str, Value)>,
    /// Apps in order of names.
    pub apps: Vec<AppResult>,
    /// Choices that decided results.
    pub choices: Vec<Choice>,
    /// Present when recording was asked for.
    pub record: Option<Record>,
}

impl RunResult {
    /// The value of metric `name`.
    pub fn metric(&self, name: &str) -> Option<&Value> {
        self.metrics.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// An experiment and its runs, in the order in which they were asked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Experiment {
    /// Name of the scenario or trace.
    pub name: String,
    /// The question it asks; may be empty.
    pub question: String,
    /// The resolved scenario as YAML, for `scenario.yaml`.
    pub scenario_yaml: String,
    /// The command that repeats it.
    pub command: String,
    /// Digest over the runs' digests.
    pub digest: u64,
    /// Jobs by id: names, for rows that show them.
    pub job_names: Vec<String>,
    /// Hosts by id.
    pub host_names: Vec<String>,
    /// Offered load.
    pub offered: Offered,
    /// How long the run was.
    pub end: SimTime,
    /// Where metrics begin.
    pub warm_up: SimTime,
    /// What was assumed, dropped, approximated or defaulted: one sentence each.
    pub notes: Vec<String>,
    /// The runs.
    pub runs: Vec<RunResult>,
}
