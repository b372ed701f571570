//! The scheduling queue in time: active, backing off, unschedulable, gated.
//!
//! `backend/queue/{scheduling_queue,active_queue,backoff_queue,unschedulable_pods}.go` of kube-scheduler v1.36.3. The
//! queue holds jobs and times only: which event helps whom the caller says (`requeue`), group by group, because jobs of
//! one class that the same plugins rejected all get the same answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::JobId;
use crate::units::{SimDuration, SimTime};

/// Granularity of the backoff queue: `backoffQOrderingWindowDuration`.
const WINDOW: SimDuration = SimDuration::from_secs(1);
/// Time between two looks for pods left over: `Run` starts `flushUnschedulablePodsLeftover` with it.
const LEFTOVER_PERIOD: SimDuration = SimDuration::from_secs(30);
/// Longest stay among the unschedulable: `DefaultPodMaxInUnschedulablePodsDuration`.
const LEFTOVER_AFTER: SimDuration = SimDuration::from_secs(300);

/// Order of the active queue (PrioritySort): priority, then when the pod entered, then first come.
type Rank = (Reverse<i32>, SimTime, u64, JobId);

/// Who gets the same answers: jobs of one class that the same plugins rejected (one bit each).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Group {
    /// Jobs that look alike to every plugin.
    pub class: u32,
    /// Plugins that rejected them, by position in the table of plugins.
    pub rejectors: u32,
}

/// Where a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Active,
    BackingOff(SimTime),
    /// After an error; never popped early.
    Failing(SimTime),
    Unschedulable(Group),
    /// Popped, and not come back yet.
    InFlight,
    /// Kept out by a scheduling gate.
    Gated,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    rank: Rank,
    place: Place,
    /// Attempts that plugins rejected: `UnschedulableCount`.
    rejected: u32,
    /// Attempts in a row that failed for another reason: `ConsecutiveErrorsCount`.
    errors: u32,
}

/// How long a rejected pod stays away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backoff {
    /// The first time (`podInitialBackoffSeconds`).
    pub initial: SimDuration,
    /// At most (`podMaxBackoffSeconds`); 0: no backoff at all.
    pub max: SimDuration,
    /// Whether an idle scheduler takes pods before their time (`SchedulerPopFromBackoffQ`).
    pub pop_early: bool,
}

impl Backoff {
    /// `calculateBackoffDuration`: doubling from the initial one.
    fn after(&self, count: u32) -> SimDuration {
        let doubled = u32::checked_sub(count, 1).and_then(|shift| self.initial.0.checked_shl(shift));
        match doubled {
            Some(us) if us >> (count - 1) == self.initial.0 => SimDuration(us.min(self.max.0)),
            _ => self.max,
        }
    }

    /// `alignToWindow`: down to a whole second, where pods can be popped early.
    fn aligned(&self, at: SimTime) -> SimTime {
        if self.pop_early { SimTime(at.0 / WINDOW.0 * WINDOW.0) } else { at }
    }
}

/// The queue.
pub(super) struct SchedulingQueue {
    backoff: Backoff,
    entries: BTreeMap<JobId, Entry>,
    active: BTreeSet<Rank>,
    backing_off: BTreeSet<(SimTime, Rank)>,
    failing: BTreeSet<(SimTime, Rank)>,
    unschedulable: BTreeMap<Group, BTreeSet<Rank>>,
    /// The unschedulable by the time of their last attempt.
    since: BTreeSet<(SimTime, JobId)>,
    entered: u64,
}

impl SchedulingQueue {
    pub fn new(backoff: Backoff) -> Self {
        SchedulingQueue {
            backoff,
            entries: BTreeMap::new(),
            active: BTreeSet::new(),
            backing_off: BTreeSet::new(),
            failing: BTreeSet::new(),
            unschedulable: BTreeMap::new(),
            since: BTreeSet::new(),
            entered: 0,
        }
    }

    /// A new pod: `Add`. A gated one waits outside, for good (nothing lifts gates here).
    pub fn add(&mut self, job: JobId, priority: i32, now: SimTime, gated: bool) {
        self.entered += 1;
        let rank = (Reverse(priority), now, self.entered, job);
        let place = if gated { Place::Gated } else { Place::Active };
        if !gated {
            self.active.insert(rank);
        }
        self.entries.insert(job, Entry { rank, place, rejected: 0, errors: 0 });
    }

    /// Whether `pop` would give a job now.
    pub fn ready(&self) -> bool {
        !self.active.is_empty() || self.backoff.pop_early && !self.backing_off.is_empty()
    }

    /// The next job to try; an idle scheduler takes the first that backs off: `activeQueue.pop`.
    pub fn pop(&mut self) -> Option<JobId> {
        let rank = match self.active.pop_first() {
            Some(rank) => rank,
            None if self.backoff.pop_early => self.backing_off.pop_first()?.1,
            None => return None,
        };
        self.entry(rank.3).place = Place::InFlight;
        Some(rank.3)
    }

    /// The attempt at the job that was popped last failed, rejected by `group.rejectors`; none: by an error. It stays
    /// among the unschedulable until an event helps: `AddUnschedulableIfNotPresent`.
    pub fn failed(&mut self, job: JobId, now: SimTime, group: Group) {
        self.entered += 1;
        let entered = self.entered;
        let backoff = self.backoff;
        let entry = self.entry(job);
        entry.rank.1 = now;
        entry.rank.2 = entered;
        let rank = entry.rank;
        if group.rejectors == 0 {
            entry.errors = entry.errors.saturating_add(1);
            let until = backoff.aligned(now + backoff.after(entry.errors));
            entry.place = Place::Failing(until);
            self.failing.insert((until, rank));
        } else {
            entry.rejected = entry.rejected.saturating_add(1);
            entry.errors = 0;
            entry.place = Place::Unschedulable(group);
            self.unschedulable.entry(group).or_default().insert(rank);
            self.since.insert((now, job));
        }
    }

    /// The job is placed, finished or removed.
    pub fn remove(&mut self, job: JobId) {
        let Some(entry) = self.entries.remove(&job) else { return };
        match entry.place {
            Place::Active => {
                self.active.remove(&entry.rank);
            }
            Place::BackingOff(until) => {
                self.backing_off.remove(&(until, entry.rank));
            }
            Place::Failing(until) => {
                self.failing.remove(&(until, entry.rank));
            }
            Place::Unschedulable(group) => self.leave_group(group, entry.rank),
            Place::InFlight | Place::Gated => {}
        }
    }

    /// Whether any job waits for an event.
    pub fn any_unschedulable(&self) -> bool {
        !self.unschedulable.is_empty()
    }

    /// Something happened: jobs of the groups for which it is `worth` while (a job of the group stands for all) go to
    /// the active queue, or back off first: `movePodsToActiveOrBackoffQueue`. Whether any did.
    pub fn requeue(&mut self, now: SimTime, mut worth: impl FnMut(Group, JobId) -> bool) -> bool {
        let hopeful: Vec<Group> = self
            .unschedulable
            .iter()
            .filter_map(|(group, ranks)| worth(*group, ranks.first()?.3).then_some(*group))
            .collect();
        for group in &hopeful {
            for rank in self.unschedulable.remove(group).unwrap_or_default() {
                self.since.remove(&(rank.1, rank.3));
                self.activate(now, rank.3);
            }
        }
        !hopeful.is_empty()
    }

    /// `requeuePodWithQueueingStrategy` for a hint that says Queue.
    fn activate(&mut self, now: SimTime, job: JobId) {
        let backoff = self.backoff;
        let entry = self.entry(job);
        let rank = entry.rank;
        let until = backoff.aligned(rank.1 + backoff.after(entry.rejected));
        if backoff.max.0 > 0 && until >= backoff.aligned(now) {
            entry.place = Place::BackingOff(until);
            self.backing_off.insert((until, rank));
        } else {
            entry.place = Place::Active;
            self.active.insert(rank);
        }
    }

    /// When [`SchedulingQueue::flush_backoff`] next has something to do; it runs on whole seconds.
    pub fn next_backoff_flush(&self) -> Option<SimTime> {
        let first = |queue: &BTreeSet<(SimTime, Rank)>| queue.first().map(|(until, _)| *until);
        let until = [first(&self.backing_off), first(&self.failing)].into_iter().flatten().min()?;
        // Due when the expiration lies before the second (or, without windows, the moment) of the look.
        Some(SimTime((until.0 / WINDOW.0 + 1) * WINDOW.0))
    }

    /// Pods whose backoff is over become active: `flushBackoffQCompleted`.
    pub fn flush_backoff(&mut self, now: SimTime) {
        let now = self.backoff.aligned(now);
        for errors in [false, true] {
            loop {
                let queue = if errors { &mut self.failing } else { &mut self.backing_off };
                let Some(&(until, rank)) = queue.first() else { break };
                if until >= now {
                    break;
                }
                queue.pop_first();
                self.entry(rank.3).place = Place::Active;
                self.active.insert(rank);
            }
        }
    }

    /// When [`SchedulingQueue::flush_leftover`] next has something to do; it runs every 30 s.
    pub fn next_leftover_flush(&self) -> Option<SimTime> {
        let (since, _) = self.since.first()?;
        let due = since.0.saturating_add(LEFTOVER_AFTER.0);
        // Strictly more than five minutes.
        Some(SimTime((due / LEFTOVER_PERIOD.0 + 1).saturating_mul(LEFTOVER_PERIOD.0)))
    }

    /// Pods that have waited for an event for over five minutes are tried without one: `flushUnschedulablePodsLeftover`.
    pub fn flush_leftover(&mut self, now: SimTime) {
        while let Some(&(since, job)) = self.since.first() {
            if since + LEFTOVER_AFTER >= now {
                break;
            }
            self.since.pop_first();
            let entry = *self.entry(job);
            if let Place::Unschedulable(group) = entry.place {
                self.leave_group(group, entry.rank);
            }
            self.activate(now, job);
        }
    }

    fn leave_group(&mut self, group: Group, rank: Rank) {
        self.since.remove(&(rank.1, rank.3));
        if let Some(ranks) = self.unschedulable.get_mut(&group) {
            ranks.remove(&rank);
            if ranks.is_empty() {
                self.unschedulable.remove(&group);
            }
        }
    }

    fn entry(&mut self, job: JobId) -> &mut Entry {
        self.entries.get_mut(&job).expect("a job of the queue has an entry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Group = Group { class: 0, rejectors: 1 };

    fn queue(pop_early: bool) -> SchedulingQueue {
        SchedulingQueue::new(Backoff { initial: SimDuration::from_secs(1), max: SimDuration::from_secs(10), pop_early })
    }

    fn seconds(s: f64) -> SimTime {
        SimTime((s * 1e6) as u64)
    }

    /// Tries `job` at `now`, lets it be rejected, lets an event call it back at once, and says when the flusher makes
    /// it active.
    fn rejected_and_called_back(queue: &mut SchedulingQueue, job: JobId, now: SimTime) -> SimTime {
        assert_eq!(queue.pop(), Some(job));
        queue.failed(job, now, GROUP);
        assert!(queue.requeue(now, |_, _| true));
        assert!(matches!(queue.entries[&job].place, Place::BackingOff(_)), "it backs off first");
        let due = queue.next_backoff_flush().unwrap();
        queue.flush_backoff(SimTime(due.0 - 1_000_000));
        assert!(matches!(queue.entries[&job].place, Place::BackingOff(_)), "not a second sooner");
        queue.flush_backoff(due);
        due
    }

    /// The golden time line of a busy scheduler: 1 2 4 8 10 10 s, each truncated to its second, and the flusher comes
    /// on the second after.
    #[test]
    fn backoff_doubles_from_1_to_10_seconds_on_whole_seconds() {
        let mut q = queue(true);
        let (job, busy) = (JobId(0), JobId(1));
        q.add(job, 1, seconds(0.0), false);
        let mut now = seconds(0.3);
        let mut line = Vec::new();
        for _ in 0..6 {
            let due = rejected_and_called_back(&mut q, job, now);
            line.push((now.0 as f64 / 1e6, due.0 as f64 / 1e6));
            now = due + SimDuration(300_000);
            // Another pod keeps the scheduler from being idle.
            q.remove(busy);
            q.add(busy, 0, now, false);
        }
        // 0.3 + 1 = 1.3 → 1, due at 2; 2.3 + 2 → 4, due at 5; 5.3 + 4 → 9, due at 10; 10.3 + 8 → 18, at 19; + 10 …
        let want = [(0.3, 2.0), (2.3, 5.0), (5.3, 10.0), (10.3, 19.0), (19.3, 30.0), (30.3, 41.0)];
        assert_eq!(line, want);
    }

    /// Without early pops nothing is truncated: `alignToWindow`.
    #[test]
    fn without_early_pops_backoff_ends_on_time_and_the_flusher_comes_on_the_next_second() {
        let mut q = queue(false);
        q.add(JobId(0), 0, seconds(0.0), false);
        assert_eq!(rejected_and_called_back(&mut q, JobId(0), seconds(0.0)), seconds(2.0));
        assert_eq!(rejected_and_called_back(&mut q, JobId(0), seconds(2.5)), seconds(5.0));
    }

    #[test]
    fn an_idle_scheduler_takes_a_pod_that_backs_off_early_but_not_one_that_no_event_helped() {
        let mut q = queue(true);
        q.add(JobId(0), 0, seconds(0.0), false);
        q.add(JobId(1), 0, seconds(0.0), false);
        assert_eq!((q.pop(), q.pop(), q.pop()), (Some(JobId(0)), Some(JobId(1)), None));
        q.failed(JobId(0), seconds(1.0), GROUP);
        q.failed(JobId(1), seconds(1.0), Group { class: 1, rejectors: 1 });
        assert!(!q.ready());
        q.requeue(seconds(1.1), |group, _| group.class == 1);
        assert_eq!((q.pop(), q.pop()), (Some(JobId(1)), None));
        // An error's backoff is never cut short.
        q.failed(JobId(1), seconds(2.0), Group { class: 1, rejectors: 0 });
        assert!(!q.ready());
        q.flush_backoff(seconds(4.0));
        assert_eq!(q.pop(), Some(JobId(1)));
        // One whose backoff is over goes straight to the active queue.
        q.requeue(seconds(60.0), |_, _| true);
        assert_eq!((q.active.len(), q.pop()), (1, Some(JobId(0))));
    }

    #[test]
    fn leftovers_are_tried_at_the_first_half_minute_after_five_minutes() {
        let mut q = queue(true);
        q.add(JobId(0), 0, seconds(0.0), false);
        q.pop();
        q.failed(JobId(0), seconds(10.0), GROUP);
        assert_eq!(q.next_leftover_flush(), Some(seconds(330.0)));
        q.flush_leftover(seconds(300.0));
        assert!(!q.ready());
        q.flush_leftover(seconds(330.0));
        assert_eq!(q.pop(), Some(JobId(0)));
        // Exactly five minutes are not over five minutes.
        q.failed(JobId(0), seconds(330.0), GROUP);
        assert_eq!(q.next_leftover_flush(), Some(seconds(660.0)));
        q.flush_leftover(seconds(630.0));
        assert!(!q.ready());
    }

    #[test]
    fn priority_goes_first_then_who_entered_first_and_a_failed_pod_enters_anew() {
        let mut q = queue(true);
        q.add(JobId(0), 0, seconds(0.0), false);
        q.add(JobId(1), 0, seconds(1.0), false);
        q.add(JobId(2), 5, seconds(2.0), false);
        q.add(JobId(3), 9, seconds(2.0), true);
        assert_eq!(q.pop(), Some(JobId(2)), "a gated pod is never tried");
        q.remove(JobId(2));
        assert_eq!(q.pop(), Some(JobId(0)));
        q.failed(JobId(0), seconds(20.0), GROUP);
        q.requeue(seconds(40.0), |_, _| true);
        assert_eq!((q.pop(), q.pop(), q.pop()), (Some(JobId(1)), Some(JobId(0)), None));
        q.failed(JobId(0), seconds(41.0), GROUP);
        q.remove(JobId(0));
        assert!(!q.any_unschedulable() && q.next_leftover_flush().is_none() && q.entries.len() == 2);
    }
}
