//! Jobs as the run keeps them: those that have arrived and are not over.

use std::ops::{Index, IndexMut};

use super::change::Waiting;
use super::engine::Simulation;
use super::state::{JobPhase, JobState, NONE};
use crate::ids::{JobId, Sparse};

/// Bytes that a run keeps for a job that is in the system, its attempts and what others know of it apart; for all others nothing. The
/// table is between a sixteenth and three quarters full.
const BYTES_PER_JOB: usize = size_of::<(u32, JobState)>();
const _: () = assert!(BYTES_PER_JOB <= 24);

/// What jobs are doing. Those that have not arrived are all alike, and so are those that are over.
#[derive(Default)]
pub(super) struct Jobs {
    states: Sparse<JobState>,
    /// Jobs below have arrived: they come in order.
    next: u32,
    /// What is written of a job that is over.
    lost: JobState,
}

impl Jobs {
    /// The next job has arrived.
    pub fn arrive(&mut self, job: JobId) {
        debug_assert_eq!(job.0, self.next, "jobs arrive in order");
        self.next = job.0 + 1;
        self.states.insert(job, JobState { arrived: true, ..JobState::NEW });
    }

    /// What `job` is doing, if it has arrived and is not over.
    pub fn kept_mut(&mut self, job: JobId) -> Option<&mut JobState> {
        self.states.get_mut(job)
    }

    /// Jobs that have arrived and are not over, in order.
    pub fn kept(&self) -> Vec<JobId> {
        self.states.jobs()
    }
}

impl Index<usize> for Jobs {
    type Output = JobState;

    fn index(&self, job: usize) -> &JobState {
        match self.states.get(JobId(job as u32)) {
            Some(state) => state,
            None if job < self.next as usize => &JobState::GONE,
            None => &JobState::NEW,
        }
    }
}

impl IndexMut<usize> for Jobs {
    fn index_mut(&mut self, job: usize) -> &mut JobState {
        let past = job < self.next as usize;
        match self.states.get_mut(JobId(job as u32)) {
            Some(state) => state,
            None => {
                debug_assert!(past, "a job before its arrival");
                self.lost = if past { JobState::GONE } else { JobState::NEW };
                &mut self.lost
            }
        }
    }
}

impl Simulation<'_> {
    /// Forgets `job` if it is over and nothing is left of it: no live attempt, no agent that would start it again. Whatever is said of it
    /// later cannot bring it back.
    pub(super) fn let_go(&mut self, job: JobId) {
        let state = &self.jobs[job.index()];
        let over = state.phase == JobPhase::Done && state.live == NONE && state.waiting == Waiting::No;
        if over && state.pulls == 0 && !self.is_parked(job) && !self.restart_hosts.contains_key(&job) {
            self.jobs.states.remove(job);
        }
    }
}
