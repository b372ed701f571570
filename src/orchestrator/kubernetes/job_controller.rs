//! The Job controller's counts: failures, back-off, and when a Job is given up.
//!
//! `pkg/controller/job/job_controller.go`, `backoff_utils.go` (v1.36.3). The jobs of one app are the pods of one Job; a job
//! without an app's name is a Job of its own. Not here: `backoffLimitPerIndex`, deadlines, success policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::JobId;
use crate::orchestrator::World;
use crate::units::{SimDuration, SimTime};
use crate::workload::Controller;

/// A Job: by its app, or by its only job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    App(u32),
    Alone(JobId),
}

/// What is known of a Job.
#[derive(Default)]
struct Counts {
    limit: u32,
    /// Its pods that are in the system.
    members: BTreeSet<JobId>,
    /// Pods that failed: `status.failed`.
    failed: u32,
    /// Of these, since one succeeded.
    since_success: u32,
    last_failure: SimTime,
    /// Restarts in place of pods that live, `pastBackoffLimitOnFailure`.
    restarts: BTreeMap<JobId, u32>,
    /// It has failed.
    over: bool,
}

/// All Jobs.
pub(super) struct JobController {
    jobs: BTreeMap<Key, Counts>,
    keys: BTreeMap<JobId, Key>,
    backoff: SimDuration,
    most_backoff: SimDuration,
}

impl JobController {
    /// None yet; `backoff` is the first one (`DefaultJobPodFailureBackOff`), doubling up to `most` (`MaxJobPodFailureBackOff`).
    pub fn new(backoff: SimDuration, most: SimDuration) -> Self {
        JobController { jobs: BTreeMap::new(), keys: BTreeMap::new(), backoff, most_backoff: most }
    }

    /// `job` comes into the system. `false`: its Job has failed already.
    pub fn joins(&mut self, world: &World, job: JobId) -> bool {
        let Controller::Job { backoff_limit, .. } = world.workload.spec(job).controller else { return true };
        let app = world.workload.app(job);
        let named = !world.workload.apps()[app.index()].name.is_empty();
        self.add(job, if named { Key::App(app.0) } else { Key::Alone(job) }, backoff_limit)
    }

    fn add(&mut self, job: JobId, key: Key, limit: u32) -> bool {
        let counts = self.jobs.entry(key).or_default();
        // Jobs of an app may say different things; the first one counts.
        if counts.members.is_empty() && counts.failed == 0 {
            counts.limit = limit;
        }
        if counts.over {
            return false;
        }
        counts.members.insert(job);
        self.keys.insert(job, key);
        true
    }

    fn of(&mut self, job: JobId) -> Option<&mut Counts> {
        self.jobs.get_mut(self.keys.get(&job)?)
    }

    /// Whether `job` is in the system, as far as a Job stands behind it.
    pub fn knows(&self, world: &World, job: JobId) -> bool {
        !matches!(world.workload.spec(job).controller, Controller::Job { .. }) || self.keys.contains_key(&job)
    }

    /// `job` has left the system.
    pub fn leaves(&mut self, job: JobId) {
        if let Some(counts) = self.of(job) {
            counts.members.remove(&job);
            counts.restarts.remove(&job);
            self.keys.remove(&job);
        }
    }

    /// The pod of `job` is gone, and with it what was counted of its restarts.
    pub fn pod_gone(&mut self, job: JobId) {
        if let Some(counts) = self.of(job) {
            counts.restarts.remove(&job);
        }
    }

    /// A pod succeeded: the back-off begins anew.
    pub fn succeeded(&mut self, job: JobId) {
        if let Some(counts) = self.of(job) {
            counts.since_success = 0;
        }
    }

    /// A pod failed. Whether its Job has failed with it.
    pub fn failed(&mut self, job: JobId, now: SimTime) -> bool {
        let Some(counts) = self.of(job) else { return false };
        counts.failed = counts.failed.saturating_add(1);
        counts.since_success = counts.since_success.saturating_add(1);
        counts.last_failure = now;
        counts.over |= counts.failed > counts.limit;
        counts.over
    }

    /// A pod restarts in place. Whether that was once too often.
    pub fn restarted(&mut self, job: JobId) -> bool {
        let Some(counts) = self.of(job) else { return false };
        *counts.restarts.entry(job).or_insert(0) += 1;
        let all: u64 = counts.restarts.values().map(|&n| u64::from(n)).sum();
        counts.over |= all >= u64::from(counts.limit.max(1));
        counts.over
    }

    /// When a new pod for `job` may be made: `getRemainingTime`.
    pub fn due(&self, job: JobId) -> SimTime {
        let Some(counts) = self.keys.get(&job).map(|key| &self.jobs[key]) else { return SimTime::ZERO };
        match counts.since_success {
            0 => SimTime::ZERO,
            n => {
                let doubled = self.backoff.0.saturating_mul(1u64.checked_shl(n - 1).unwrap_or(u64::MAX));
                counts.last_failure + SimDuration(doubled.min(self.most_backoff.0))
            }
        }
    }

    /// All jobs of the Job of `job` that are in the system.
    pub fn members(&mut self, job: JobId) -> Vec<JobId> {
        self.of(job).map_or(Vec::new(), |counts| counts.members.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_wait_10_20_40_up_to_600_s_until_one_succeeds() {
        let mut jobs = JobController::new(SimDuration::from_secs(10), SimDuration::from_secs(600));
        assert!(jobs.add(JobId(0), Key::App(0), 8) && jobs.add(JobId(1), Key::App(0), 8));
        assert_eq!(jobs.due(JobId(0)), SimTime::ZERO);
        let mut waits = Vec::new();
        for n in 0..8u64 {
            let now = SimTime(n * 1_000_000_000);
            assert!(!jobs.failed(JobId(n as u32 % 2), now));
            // Every pod of the Job waits, whichever failed.
            assert_eq!(jobs.due(JobId(0)), jobs.due(JobId(1)));
            waits.push((jobs.due(JobId(0)).0 - now.0) / 1_000_000);
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        jobs.succeeded(JobId(1));
        assert_eq!(jobs.due(JobId(0)), SimTime::ZERO);
        // The ninth failure is over the limit of eight.
        assert!(jobs.failed(JobId(0), SimTime::ZERO));
        assert_eq!(jobs.members(JobId(1)), [JobId(0), JobId(1)]);
        assert!(!jobs.add(JobId(2), Key::App(0), 8), "nobody joins a Job that has failed");
    }

    #[test]
    fn restarts_in_place_count_while_their_pod_is_there() {
        let mut jobs = JobController::new(SimDuration::from_secs(10), SimDuration::from_secs(600));
        jobs.add(JobId(0), Key::Alone(JobId(0)), 2);
        assert!(!jobs.restarted(JobId(0)));
        jobs.pod_gone(JobId(0));
        assert!(!jobs.restarted(JobId(0)));
        assert!(jobs.restarted(JobId(0)));
        // None is allowed: the first is one too many.
        jobs.add(JobId(1), Key::Alone(JobId(1)), 0);
        assert!(jobs.restarted(JobId(1)));
    }
}
