//! What comes out of runs, as reports read it.

use super::band::BandRow;
use super::seeds::SeedStudy;
use crate::ids::AppId;
use crate::metrics::{AppReach, Record, Value};
use crate::orchestrator::Explained;
use crate::units::{Bytes, MilliCpu, SimTime};
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

/// An app or a component of a platform in a run.
#[derive(Clone, PartialEq, Debug)]
pub struct PartResult {
    /// The app's name.
    pub app: String,
    /// `app`, `unannounced`, or the component that it plays.
    pub role: &'static str,
    /// What its visitors met and how long it was in each stage.
    pub reach: AppReach,
}

/// The outcome of one run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunResult {
    /// What was run.
    pub label: RunLabel,
    /// Digest of all changes.
    pub digest: u64,
    /// Every row of the metrics table, in its order; rows of families that have nothing to say of the setup are absent.
    pub metrics: Vec<(&'static str, Value)>,
    /// Apps in order of names.
    pub apps: Vec<AppResult>,
    /// Choices that decided results.
    pub choices: Vec<Choice>,
    /// Apps and components in order of names; empty without a platform.
    pub platform: Vec<PartResult>,
    /// Present when recording was asked for.
    pub record: Option<Record>,
    /// Decisions that were to be explained.
    pub explained: Vec<Explained>,
}

impl RunResult {
    /// The value of metric `name`.
    pub fn metric(&self, name: &str) -> Option<&Value> {
        self.metrics.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }
}

/// What a job asks for as it is written, whatever a run makes of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct JobSize {
    /// The app it belongs to.
    pub app: AppId,
    /// CPU request; 0 if none.
    pub cpu: MilliCpu,
    /// Memory request; 0 if none.
    pub memory: Bytes,
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
    /// Jobs by id: names, for rows that show them. Empty unless a record is kept.
    pub job_names: Vec<String>,
    /// Jobs by id: what they ask for. Empty unless a record is kept.
    pub job_sizes: Vec<JobSize>,
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
    /// The same under many seeds, if that was asked for; `runs` are those of the first.
    pub seeds: Option<SeedStudy>,
    /// The runs under both bounds of how a host comes down, where that was asked for: by scale, run, side.
    pub band: Vec<BandRow>,
}
