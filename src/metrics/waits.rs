//! Waits and slowdowns, with those that never ended counted as at least as long as they were seen to be.

use super::{Family, FamilyInfo, MetricInfo, Value, row};
use crate::orchestrator::Options;
use crate::sim::{Change, Observer, Setup};
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

const UNSEEN: u64 = u64::MAX;

struct Waits<'a> {
    setup: &'a Setup,
    entered: Vec<u64>,
    started: Vec<u64>,
    finished: Vec<u64>,
    end: u64,
}

impl<'a> Waits<'a> {
    fn new(setup: &'a Setup) -> Self {
        let n = setup.workload.len();
        Waits { setup, entered: vec![UNSEEN; n], started: vec![UNSEEN; n], finished: vec![UNSEEN; n], end: 0 }
    }

    /// Jobs that percentiles are taken over: entered in [warm-up, end - drain).
    fn counted(&self) -> impl Iterator<Item = usize> + '_ {
        let until = SimTime(self.end) - self.setup.drain;
        (0..self.entered.len()).filter(move |&j| self.entered[j] >= self.setup.warm_up.0 && self.entered[j] < until.0)
    }
}

/// Nearest-rank percentiles of values of which some are only lower bounds. A percentile is a lower bound, too, as soon as
/// a lower bound is not above it: that one's true value may be anywhere beyond.
fn percentiles<const N: usize>(mut values: Vec<(f64, bool)>, percents: [f64; N]) -> [Value; N] {
    values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let first_bound = values.iter().find(|v| v.1).map(|v| v.0);
    percents.map(|p| {
        if values.is_empty() {
            return Value::Undefined;
        }
        let rank = ((p / 100.0 * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let (value, bound) = values[rank - 1];
        if bound || first_bound.is_some_and(|b| b < value) { Value::AtLeast(value) } else { Value::Amount(value) }
    })
}

impl Observer for Waits<'_> {
    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::Arrived { job } => self.entered[job.index()] = at.0,
            Change::Started { job, .. } => {
                let started = &mut self.started[job.index()];
                *started = (*started).min(at.0);
            }
            Change::Finished { job } => self.finished[job.index()] = at.0,
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        self.end = end.0;
    }
}

impl Family for Waits<'_> {
    fn values(&self) -> Vec<Value> {
        let span = |j: usize, to: u64| {
            let bound = to == UNSEEN;
            ((if bound { self.end } else { to } - self.entered[j]) as f64 / 1e6, bound)
        };
        let waits = self.counted().map(|j| span(j, self.started[j])).collect();
        // A job that has not finished will have taken at least its uncontended duration.
        let slowdowns = self.counted().filter_map(|j| {
            let job = crate::ids::JobId::from_index(j);
            let workload = &self.setup.workload;
            let duration = workload.duration(job).filter(|d| d.0 > 0)?.as_secs_f64();
            let (time, bound) = span(j, self.finished[j]);
            let slowdown = if bound { (time / duration).max(1.0) } else { time / duration };
            (workload.spec(job).kind == JobKind::Batch).then_some((slowdown, bound))
        });
        let mut values = percentiles(waits, [50.0, 95.0, 99.0, 100.0]).to_vec();
        values.extend(percentiles(slowdowns.collect(), [50.0, 95.0, 99.0]));
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank_and_say_when_they_are_only_bounds() {
        let values: Vec<(f64, bool)> = (1..=10).map(|i| (f64::from(i), false)).collect();
        assert_eq!(percentiles(values, [50.0, 95.0, 100.0]), [5.0, 10.0, 10.0].map(Value::Amount));
        let values = vec![(1.0, false), (2.0, true), (3.0, false)];
        // The second may really be 4, then the median is 3: 2 is a lower bound; 1 is certain.
        assert_eq!(
            percentiles(values, [33.0, 50.0, 100.0]),
            [Value::Amount(1.0), Value::AtLeast(2.0), Value::AtLeast(3.0)]
        );
        assert_eq!(percentiles(Vec::new(), [50.0]), [Value::Undefined]);
    }
}
