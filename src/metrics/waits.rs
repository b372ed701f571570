//! Waits and slowdowns, with those that never ended counted as at least as long as they were seen to be.

use super::samples::Samples;
use super::{Family, FamilyInfo, MetricInfo, Value, row};
use crate::ids::{Bits, HostId, JobId, Sparse};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;
use crate::workload::JobKind;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Waits::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("wait_seconds_p50", "time from entering the system to first running, median"),
    row("wait_seconds_p95", "the same, 95th percentile"),
    row("wait_seconds_p99", "the same, 99th percentile"),
    row("wait_seconds_max", "the same, longest"),
    row("batch_slowdown_p50", "time from entering to finish over the uncontended duration of batch jobs, median"),
    row("batch_slowdown_p95", "the same, 95th percentile"),
    row("batch_slowdown_p99", "the same, 99th percentile"),
];

/// Of a job that is not over yet it keeps when the job entered; of one that is, its two spans.
struct Waits<'a> {
    setup: &'a Setup,
    /// Jobs that percentiles are taken over enter before.
    until: SimTime,
    /// When jobs entered of which a span is still to come.
    entered: Sparse<u64>,
    started: Bits,
    /// Microseconds.
    waits: Samples,
    /// Bits of a float, which are in the order of what they stand for where that is not negative.
    slowdowns: Samples,
    values: Vec<Value>,
}

impl<'a> Waits<'a> {
    fn new(setup: &'a Setup) -> Self {
        Waits {
            setup,
            until: setup.end - setup.drain,
            entered: Sparse::default(),
            started: Bits::default(),
            waits: Samples::default(),
            slowdowns: Samples::default(),
            values: Vec::new(),
        }
    }

    /// The uncontended duration of a batch job, seconds, if it has any.
    fn duration(&self, job: JobId) -> Option<f64> {
        let workload = &self.setup.workload;
        let duration = workload.duration(job).filter(|d| d.0 > 0)?.as_secs_f64();
        (workload.spec(job).kind == JobKind::Batch).then_some(duration)
    }
}

/// Seconds of microseconds.
fn whole(us: u64) -> f64 {
    us as f64 / 1e6
}

impl Observer for Waits<'_> {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[Kind::Arrived, Kind::Started, Kind::Finished]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::Arrived { job } if at >= self.setup.warm_up && at < self.until => {
                self.entered.insert(job, at.0);
            }
            Change::Started { job, .. } => {
                let Some(&entered) = self.entered.get(job) else { return };
                if !self.started.set(job) {
                    self.waits.exact(at.0 - entered);
                    if self.duration(job).is_none() {
                        self.entered.remove(job);
                    }
                }
            }
            Change::Finished { job } => {
                if let (Some(duration), Some(entered)) = (self.duration(job), self.entered.remove(job)) {
                    self.slowdowns.exact((whole(at.0 - entered) / duration).to_bits());
                }
            }
            _ => {}
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (job, _)| sum ^ self.entered.get(*job).copied().unwrap_or(0))
    }

    fn finish(&mut self, end: SimTime) {
        for job in self.entered.jobs() {
            let Some(&entered) = self.entered.get(job) else { continue };
            let us = end.0 - entered;
            if !self.started.has(job) {
                self.waits.at_least(us);
            }
            // A job that has not finished will have taken at least its uncontended duration.
            if let Some(duration) = self.duration(job) {
                self.slowdowns.at_least((whole(us) / duration).max(1.0).to_bits());
            }
        }
        self.values = self.waits.percentiles([50.0, 95.0, 99.0, 100.0], whole).to_vec();
        self.values.extend(self.slowdowns.percentiles([50.0, 95.0, 99.0], f64::from_bits));
        (self.entered, self.started) = Default::default();
        (self.waits, self.slowdowns) = Default::default();
    }
}

impl Family for Waits<'_> {
    fn values(&self) -> Vec<Value> {
        self.values.clone()
    }
}
