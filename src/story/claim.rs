//! A claim and how it is judged.

use crate::experiment::{Experiment, RunResult, SeedStudy};
use crate::ids::{HostId, JobId};
use crate::report::figures::{Unit, duration, percent};
use crate::sim::Change;
use crate::units::SimTime;

/// Whether a claim holds in the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does under a condition that the claim does not name.
    HoldsOnlyIf,
    /// It does not.
    DoesNotHold,
}

impl Verdict {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsOnlyIf => "holds only if",
            Verdict::DoesNotHold => "does not hold",
        }
    }
}

/// What came of a claim.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// After *holds only if*: the condition. Empty for the others.
    pub condition: &'static str,
    /// What was seen, with its numbers.
    pub seen: String,
}

/// What is examined.
#[derive(Clone, Copy)]
pub struct Claim {
    /// Its name, in links and tables.
    pub name: &'static str,
    /// What is claimed, in our words.
    pub claim: &'static str,
    /// The scenario, from the repository's root.
    pub file: &'static str,
    /// The same, as text.
    pub scenario: &'static str,
    /// Metrics in the table, and what they are called there.
    pub shows: &'static [(&'static str, &'static str)],
    /// How many seeds it is asked of beside the first; 0: none.
    pub seeds: u64,
    /// The metric of its figure.
    pub figure: &'static str,
    /// Judges it.
    pub judge: fn(&Seen<'_>) -> Finding,
    /// What would change the answer.
    pub depends: &'static str,
    /// Where the post and the sources disagree, or one of them is silent; may be empty.
    pub sources: &'static str,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claim({})", self.name)
    }
}

/// The runs of a claim's scenario.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// All of them.
    pub experiment: &'a Experiment,
}

impl Seen<'_> {
    /// A run by its name.
    pub fn run(&self, run: &str) -> &RunResult {
        let found = self.experiment.runs.iter().find(|r| r.label.name == run);
        found.unwrap_or_else(|| panic!("{} has no run {run}", self.experiment.name))
    }

    /// A metric of a run; 0 where it is undefined.
    pub fn value(&self, run: &str, metric: &str) -> f64 {
        self.run(run).metric(metric).and_then(|value| value.number()).unwrap_or(0.0)
    }

    /// The largest value of a metric over all runs.
    pub fn largest(&self, metric: &str) -> f64 {
        self.experiment.runs.iter().map(|run| self.value(&run.label.name, metric)).fold(0.0, f64::max)
    }

    /// Whether two runs put the same jobs on the same hosts at the same times. They must have been recorded.
    pub fn same_places(&self, a: &str, b: &str) -> bool {
        let places = |run: &str| -> Vec<(SimTime, JobId, HostId)> {
            let life = self.run(run).record.iter().flat_map(|record| &record.life);
            life.filter_map(|(at, change)| match *change {
                Change::Placed { job, host } => Some((*at, job, host)),
                _ => None,
            })
            .collect()
        };
        let (a, b) = (places(a), places(b));
        !a.is_empty() && a == b
    }

    /// A metric of a run that is a share, as percent.
    pub fn share(&self, run: &str, metric: &str) -> String {
        percent(self.value(run, metric))
    }

    /// A metric of a run that is a time.
    pub fn time(&self, run: &str, metric: &str) -> String {
        duration(self.value(run, metric))
    }

    /// A metric of a run that is a count.
    pub fn count(&self, run: &str, metric: &str) -> String {
        let unit = Unit::of_metric(metric);
        unit.show(self.value(run, metric), 1.0)
    }

    /// The study over seeds, if there is one.
    pub fn study(&self) -> Option<&SeedStudy> {
        self.experiment.seeds.as_ref()
    }

    /// Seconds that components were stuck, for whatever reason.
    pub fn stuck(&self, run: &str) -> f64 {
        ["stuck_no_store_seconds", "stuck_no_config_seconds", "stuck_no_peer_seconds", "stuck_lost_peer_seconds"]
            .iter()
            .map(|metric| self.value(run, metric))
            .sum()
    }
}
