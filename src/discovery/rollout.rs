//! Changes of configuration under way: who has yet to take one up, and restarts one after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Act;
use super::ground::Ground;
use crate::ids::{AppId, HostId, JobId};
use crate::units::{SimDuration, SimTime};

struct Roll {
    left: VecDeque<JobId>,
    /// Whom it waits for, and until when.
    now: Option<(JobId, SimTime)>,
}

/// Changes under way.
#[derive(Default)]
pub(super) struct Rollouts {
    /// Per change: when it was made, and the jobs that ran then and do not serve with it yet.
    pending: BTreeMap<u32, (SimTime, BTreeSet<JobId>)>,
    rolls: BTreeMap<u32, Roll>,
}

impl Rollouts {
    /// The change of that number was made to `app`: all its containers have yet to take it up.
    pub(super) fn begin(&mut self, at: SimTime, number: u32, app: AppId, ground: &Ground) {
        let jobs = ground.of_app[app.index()].iter().map(|&(job, _)| job).collect();
        self.pending.insert(number, (at, jobs));
    }

    /// All of them are to be restarted, one after the other.
    pub(super) fn roll(&mut self, number: u32) {
        let left = self.pending.get(&number).map(|(_, jobs)| jobs.iter().copied().collect()).unwrap_or_default();
        self.rolls.insert(number, Roll { left, now: None });
    }

    /// Jobs of `app`'s change that have yet to take it up.
    pub(super) fn waiting(&self, number: u32) -> impl Iterator<Item = JobId> + '_ {
        self.pending.get(&number).into_iter().flat_map(|(_, jobs)| jobs.iter().copied())
    }

    /// Restarts go on. Returns when to look again: the next one is done then even if the last did not come up.
    pub(super) fn step(
        &mut self,
        at: SimTime,
        wait: SimDuration,
        ground: &Ground,
        acts: &mut Vec<Act>,
    ) -> Option<SimTime> {
        let mut look = None;
        for roll in self.rolls.values_mut() {
            while roll.now.is_none_or(|(_, until)| until <= at) {
                roll.now = None;
                let Some(job) = roll.left.pop_front() else { break };
                let there = ground.lives.range((job, HostId(0))..=(job, HostId(u32::MAX)));
                let there: Vec<HostId> = there.map(|(&(_, host), _)| host).collect();
                let mut any = false;
                for host in there.into_iter().filter(|host| ground.hosts[host.index()].answers()) {
                    any = true;
                    acts.push(Act::Restart(job, host));
                }
                if any {
                    roll.now = Some((job, at + wait));
                }
            }
            look = match (look, roll.now) {
                (Some(a), Some((_, b))) => Some(SimTime::min(a, b)),
                (a, b) => a.or(b.map(|(_, until)| until)),
            };
        }
        self.rolls.retain(|_, roll| roll.now.is_some() || !roll.left.is_empty());
        look
    }

    /// A container of `job` that began at `began` serves: with all that was changed before it began.
    pub(super) fn serves(&mut self, job: JobId, began: SimTime, acts: &mut Vec<Act>) {
        for (&number, (made, jobs)) in &mut self.pending {
            if *made <= began && jobs.remove(&job) {
                acts.push(Act::Configured(job, number));
            }
        }
        self.next_of(job, Some(began));
        self.pending.retain(|_, (_, jobs)| !jobs.is_empty());
    }

    /// `job` has taken up the change of that number as it runs.
    pub(super) fn took(&mut self, job: JobId, number: u32, acts: &mut Vec<Act>) {
        if self.pending.get_mut(&number).is_some_and(|(_, jobs)| jobs.remove(&job)) {
            acts.push(Act::Configured(job, number));
        }
        self.pending.retain(|_, (_, jobs)| !jobs.is_empty());
    }

    /// The job is gone: nobody waits for it.
    pub(super) fn gone(&mut self, job: JobId) {
        for (_, jobs) in self.pending.values_mut() {
            jobs.remove(&job);
        }
        for roll in self.rolls.values_mut() {
            roll.left.retain(|&j| j != job);
        }
        self.next_of(job, None);
        self.pending.retain(|_, (_, jobs)| !jobs.is_empty());
    }

    fn next_of(&mut self, job: JobId, _began: Option<SimTime>) {
        for (number, roll) in &mut self.rolls {
            let still = self.pending.get(number).is_some_and(|(_, jobs)| jobs.contains(&job));
            if !still && roll.now.is_some_and(|(j, _)| j == job) {
                roll.now = None;
            }
        }
    }

    /// Whether some restart is under way or to be done.
    pub(super) fn rolling(&self) -> bool {
        !self.rolls.is_empty()
    }
}
