//! Jobs: how many came, were placed, finished, or never got a place.

use super::{Family, FamilyInfo, MetricInfo, Value, row};
use crate::ids::{Bits, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, EndReason, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |_: &Setup, _: &Options| Box::new(Jobs::new()) };

const ROWS: &[MetricInfo] = &[
    row("jobs_submitted", "jobs that entered the system"),
    row("jobs_placed", "distinct jobs that were ever given a host"),
    row("jobs_finished", "jobs whose work was seen done"),
    row("jobs_never_placed", "jobs that entered and were never given a host"),
    row("jobs_held_back", "jobs that arrived and waited to the end for other jobs to finish (`after`)"),
    row("restarts", "attempts beyond the first of each job, summed"),
    row("start_failed", "attempts that failed at their start for want of a GPU, port or label"),
];

struct Jobs {
    placed: Bits,
    /// Whether the job had an attempt.
    tried: Bits,
    submitted: u64,
    placed_jobs: u64,
    finished: u64,
    held_back: u64,
    restarts: u64,
    start_failed: u64,
}

impl Jobs {
    fn new() -> Self {
        Jobs {
            placed: Bits::default(),
            tried: Bits::default(),
            submitted: 0,
            placed_jobs: 0,
            finished: 0,
            held_back: 0,
            restarts: 0,
            start_failed: 0,
        }
    }

    fn attempts(&mut self, job: JobId, times: u64) {
        self.restarts += if self.tried.set(job) { times } else { times - 1 };
    }
}

impl Observer for Jobs {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[
            Kind::Arrived,
            Kind::Placed,
            Kind::Started,
            Kind::Ended,
            Kind::Repeats,
            Kind::Finished,
            Kind::HeldBack,
            Kind::WindowBegins,
        ]);
        WANTED
    }

    fn change(&mut self, _at: SimTime, change: &Change) {
        match *change {
            Change::Arrived { .. } => self.submitted += 1,
            Change::Placed { job, .. } => {
                self.placed_jobs += u64::from(!self.placed.set(job));
            }
            Change::Started { job, .. } => self.attempts(job, 1),
            Change::Ended { job, why: EndReason::StartFailed, .. } => {
                self.attempts(job, 1);
                self.start_failed += 1;
            }
            Change::Repeats { job, why, times, .. } => {
                self.attempts(job, times);
                self.start_failed += if why == EndReason::StartFailed { times } else { 0 };
            }
            Change::Finished { .. } => self.finished += 1,
            Change::HeldBack { .. } => self.held_back += 1,
            Change::WindowBegins => (self.restarts, self.start_failed) = (0, 0),
            _ => {}
        }
    }

    fn finish(&mut self, _end: SimTime) {}
}

impl Family for Jobs {
    fn values(&self) -> Vec<Value> {
        [
            self.submitted,
            self.placed_jobs,
            self.finished,
            self.submitted - self.placed_jobs,
            self.held_back,
            self.restarts,
            self.start_failed,
        ]
        .map(Value::Count)
        .to_vec()
    }
}
