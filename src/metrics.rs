//! Metrics: what the changes say. One file a family, one row a metric.
//!
//! A family watches the changes of a run and closes exact integrals between them; nothing is sampled. Counts and
//! integrals cover [warm-up, end]; counts of jobs (`jobs_*`) cover the whole run; percentiles cover jobs that entered the system in
//! [warm-up, end - drain). A family knows the world as described, and of the run only what changes say.

mod availability;
mod demand;
mod gpu;
mod incidents;
mod jobs;
mod kills;
mod ledger;
mod load_log;
mod overload;
mod packing;
mod platform;
mod pressure;
mod recorder;
mod samples;
mod utilisation;
mod value;
mod waits;

pub use availability::{AppShare, Availability};
pub use demand::{DemandColumn, DemandCurve};
pub use load_log::{Lack, LoadStep, OverRow};
pub use platform::{AppReach, PlatformWatch};
pub use recorder::{EndRow, HostTrack, LifeRow, Record, Recorder, TimelineBucket, TrackBucket};
pub use value::Value;

use crate::orchestrator::Options;
use crate::sim::{Observer, Setup};

/// A row of the table of metrics.
#[derive(Clone, Copy, Debug)]
pub struct MetricInfo {
    /// Name in every output; its unit comes last.
    pub name: &'static str,
    /// One line for `list` and the column dictionary.
    pub summary: &'static str,
}

/// A family of metrics in a run.
pub trait Family: Observer {
    /// The values of its rows, in their order, after the run; none at all where the setup has nothing that it speaks of, and then
    /// its rows are absent from the run.
    fn values(&self) -> Vec<Value>;

    /// What became of apps, in their order, from the family that knows.
    fn apps(&self) -> Option<&[AppShare]> {
        None
    }

    /// What the visitors of apps met, in their order, from the family that knows.
    fn reach(&self) -> Option<Vec<AppReach>> {
        None
    }
}

/// A family's rows and how to make it for a run.
pub struct FamilyInfo {
    /// Its rows.
    pub rows: &'static [MetricInfo],
    /// Makes one for a run.
    pub build: for<'a> fn(&'a Setup, &'a Options) -> Box<dyn Family + 'a>,
}

/// The families, in the order of outputs.
pub const FAMILIES: &[FamilyInfo] = &[
    ledger::INFO,
    jobs::INFO,
    kills::INFO,
    overload::INFO,
    waits::INFO,
    utilisation::INFO,
    packing::INFO,
    gpu::INFO,
    availability::INFO,
    pressure::INFO,
    incidents::INFO,
    platform::INFO,
];

/// All rows of all families, in the order of outputs.
pub fn metrics() -> impl Iterator<Item = &'static MetricInfo> {
    FAMILIES.iter().flat_map(|family| family.rows)
}

/// Shorthand for a row.
const fn row(name: &'static str, summary: &'static str) -> MetricInfo {
    MetricInfo { name, summary }
}

/// A sum of rate × time, exact.
#[derive(Clone, Copy, Default, Debug)]
struct Integral {
    rate: u128,
    sum: u128,
    since: u64,
}

impl Integral {
    /// Brings the sum up to `at` (microseconds).
    #[inline]
    fn advance(&mut self, at: u64) {
        if at != self.since {
            self.sum += self.rate * u128::from(at - self.since);
            self.since = at;
        }
    }

    /// From `at` on the rate is `rate`.
    fn set(&mut self, at: u64, rate: u128) {
        self.advance(at);
        self.rate = rate;
    }

    /// From `at` on the rate is `new` where it was `old`.
    #[inline]
    fn replace(&mut self, at: u64, old: u128, new: u128) {
        // What stays the same needs no look: the sum is as exact later.
        if old != new {
            self.set(at, self.rate - old + new);
        }
    }

    /// Forgets the sum so far.
    fn reset(&mut self, at: u64) {
        self.advance(at);
        self.sum = 0;
    }
}

/// Whole seconds and more of a sum of microseconds.
fn seconds(us: u128) -> Value {
    Value::Amount(us as f64 / 1e6)
}

/// Core-seconds of nano-core-microseconds.
fn core_seconds(work: u128) -> Value {
    Value::Amount(work as f64 / crate::units::NANO_US_PER_CORE_SECOND)
}

/// A quotient, undefined over nothing.
fn share(part: u128, whole: u128) -> Value {
    if whole == 0 { Value::Undefined } else { Value::Amount(part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case() {
        let names: Vec<&str> = metrics().map(|m| m.name).collect();
        let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), unique.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        }
    }
}
