//! The scheduler's queue of 2016: first in, first out, and pods that wait by time alone.
//!
//! `pkg/client/cache/fifo.go: FIFO`, `plugin/pkg/scheduler/factory/factory.go: makeDefaultErrorFunc` (v1.2.4). No event
//! brings a pod back before its time. v1.3.0 writes the first failure into the pod, and that update queues it once more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::JobId;
use crate::kube::y2016::Version;
use crate::kube::y2016::back_off::BackOff;
use crate::units::{SimDuration, SimTime};

/// A pod that is not bound.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// Its place in line; `None`: it waits, or is being decided.
    ticket: Option<u64>,
    back_off: BackOff,
    /// Whether its first failure has been written into it (v1.3.0).
    marked: bool,
}

pub(super) struct Queue {
    version: Version,
    /// Time from the end of a wait to its place in line.
    read: SimDuration,
    line: VecDeque<(JobId, u64)>,
    pods: BTreeMap<JobId, Entry>,
    waits: BTreeSet<(SimTime, JobId)>,
    tickets: u64,
}

impl Queue {
    /// Nobody in it. Without any delay after a wait the back-off would stay at 60 s, which the real one never does.
    pub fn new(version: Version, read: SimDuration) -> Self {
        let (line, pods, waits) = (VecDeque::new(), BTreeMap::new(), BTreeSet::new());
        Queue { version, read: read.max(SimDuration(1)), line, pods, waits, tickets: 0 }
    }

    /// A new pod, under a new name, so that its back-off is new, too.
    pub fn add(&mut self, job: JobId) {
        self.remove(job);
        self.pods.insert(job, Entry::default());
        self.line_up(job);
    }

    fn line_up(&mut self, job: JobId) {
        if let Some(entry) = self.pods.get_mut(&job).filter(|entry| entry.ticket.is_none()) {
            entry.ticket = Some(self.tickets);
            self.line.push_back((job, self.tickets));
            self.tickets += 1;
        }
    }

    /// The pod is bound or gone. Whether it was here.
    pub fn remove(&mut self, job: JobId) -> bool {
        let here = self.pods.remove(&job).is_some();
        if here {
            self.waits.retain(|(_, waiting)| *waiting != job);
        }
        here
    }

    /// Whether a pod is in line.
    pub fn ready(&mut self) -> bool {
        while let Some((job, ticket)) = self.line.front() {
            if self.pods.get(job).is_some_and(|entry| entry.ticket == Some(*ticket)) {
                return true;
            }
            self.line.pop_front();
        }
        false
    }

    /// Takes the first pod in line.
    pub fn pop(&mut self) -> Option<JobId> {
        if !self.ready() {
            return None;
        }
        let (job, _) = self.line.pop_front()?;
        if let Some(entry) = self.pods.get_mut(&job) {
            entry.ticket = None;
        }
        Some(job)
    }

    /// The pod fits nowhere.
    pub fn failed(&mut self, job: JobId, now: SimTime) {
        let Some(entry) = self.pods.get_mut(&job) else { return };
        if let Some(wait) = entry.back_off.fail(now) {
            self.waits.insert((now + wait + self.read, job));
        }
        if self.version == Version::V1_3_0 && !std::mem::replace(&mut entry.marked, true) {
            self.line_up(job);
        }
    }

    /// Pods whose wait is over stand in line again.
    pub fn wake(&mut self, now: SimTime) {
        while let Some(&(at, job)) = self.waits.first().filter(|(at, _)| *at <= now) {
            self.waits.remove(&(at, job));
            self.line_up(job);
        }
    }

    /// When the first wait is over.
    pub fn next(&self) -> Option<SimTime> {
        self.waits.first().map(|(at, _)| *at)
    }
}

/// How often the scheduler may call the API (`pkg/client/restclient`: a token bucket).
#[derive(Clone, Copy)]
pub(super) struct ApiClient {
    /// Time in which one more call may be made.
    interval: SimDuration,
    /// Time that the calls of a full bucket stand for.
    burst: SimDuration,
    /// When the bucket would be full.
    full: SimTime,
}

impl ApiClient {
    pub fn new(qps: u64, burst: u64) -> Self {
        let interval = SimDuration(1_000_000 / qps.max(1));
        ApiClient { interval, burst: SimDuration(interval.0.saturating_mul(burst.max(1))), full: SimTime::ZERO }
    }

    /// When `calls` may be made that are wanted `at`.
    pub fn when(&self, at: SimTime, calls: u64) -> SimTime {
        at.max(SimTime((self.full.0 + calls * self.interval.0).saturating_sub(self.burst.0)))
    }

    /// `calls` are made `at`.
    pub fn call(&mut self, at: SimTime, calls: u64) {
        self.full = self.full.max(at) + SimDuration(calls * self.interval.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn a_pod_waits_1_2_4_up_to_60_and_begins_again() {
        let mut queue = Queue::new(Version::V1_2_4, SimDuration(1));
        queue.add(JobId(0));
        let (mut now, mut waits) = (SimTime::ZERO, Vec::new());
        for _ in 0..9 {
            assert_eq!(queue.pop(), Some(JobId(0)));
            queue.failed(JobId(0), now);
            assert!(!queue.ready());
            let next = queue.next().unwrap();
            waits.push((next.0 - now.0) / S);
            now = next;
            queue.wake(now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 1, 2]);
    }

    #[test]
    fn v1_3_tries_once_more_at_once() {
        let mut queue = Queue::new(Version::V1_3_0, SimDuration(1));
        queue.add(JobId(0));
        let mut tries = Vec::new();
        let mut now = SimTime::ZERO;
        while tries.len() < 4 {
            match queue.pop() {
                Some(job) => {
                    tries.push(now.0 / S);
                    queue.failed(job, now);
                }
                None => {
                    now = queue.next().unwrap();
                    queue.wake(now);
                }
            }
        }
        assert_eq!(tries, [0, 0, 1, 3]);
    }

    #[test]
    fn first_come_first_served_and_who_leaves_leaves_a_hole() {
        let mut queue = Queue::new(Version::V1_2_4, SimDuration(1));
        (0..3).for_each(|job| queue.add(JobId(job)));
        assert!(queue.remove(JobId(1)) && !queue.remove(JobId(1)));
        queue.add(JobId(0));
        assert_eq!([(); 3].map(|()| queue.pop()), [Some(JobId(2)), Some(JobId(0)), None]);
    }

    #[test]
    fn fifty_placements_at_once_then_one_every_40_ms() {
        let (mut client, mut now, mut times) = (ApiClient::new(50, 100), SimTime::ZERO, Vec::new());
        for _ in 0..53 {
            now = client.when(now, 2);
            client.call(now, 2);
            times.push(now.0 / 1000);
        }
        assert_eq!((times[49], &times[50..]), (0, &[40, 80, 120][..]));
    }
}
