//! The pod garbage collector: pods whose node is gone.
//!
//! `pkg/controller/podgc/gc_controller.go` (v1.36.3) `gcOrphaned`: a look every 20 s finds that the node of a pod is gone and
//! puts it into quarantine; the first look after 40 s of that deletes its pods, without grace. Looks are taken to be at
//! whole periods from the beginning of the run (assumed).

use crate::ids::JobId;
use crate::orchestrator::{Action, Now, Periodic};
use crate::units::{SimDuration, SimTime};

pub(super) struct PodGc {
    looks: Periodic,
    quarantine: SimDuration,
    asked: Option<SimTime>,
    /// Pods without a node, and when a look first found that.
    orphans: Vec<(JobId, Option<SimTime>)>,
}

impl PodGc {
    pub fn new(period: SimDuration, quarantine: SimDuration) -> Self {
        PodGc { looks: Periodic::new(SimTime::ZERO, period), quarantine, asked: None, orphans: Vec::new() }
    }

    /// The node of the pod of `job` is gone.
    pub fn orphan(&mut self, now: Now, job: JobId, actions: &mut Vec<Action>) {
        self.orphans.push((job, None));
        self.ask(now, now.at, actions);
    }

    /// The pod is wanted no longer. Whether it was here.
    pub fn forget(&mut self, job: JobId) -> bool {
        let before = self.orphans.len();
        self.orphans.retain(|(orphan, _)| *orphan != job);
        self.orphans.len() < before
    }

    /// One look, if it is time for one: the jobs whose pods are deleted.
    pub fn look(&mut self, now: Now, every_tick: bool, actions: &mut Vec<Action>) -> Vec<JobId> {
        if self.looks.next(now) != now.at {
            return Vec::new();
        }
        self.looks.ran(now.at);
        self.asked = None;
        let mut deleted = Vec::new();
        let quarantine = self.quarantine;
        self.orphans.retain_mut(|(job, found)| {
            let since = *found.get_or_insert(now.at);
            let over = since + quarantine <= now.at;
            if over {
                deleted.push(*job);
            }
            !over
        });
        if let Some(next) = self.orphans.iter().filter_map(|(_, found)| Some((*found)? + quarantine)).min() {
            self.ask(now, next, actions);
        }
        if every_tick {
            self.ask(now, now.at, actions);
        }
        deleted
    }

    /// Looks are made again after a time without any.
    pub fn resume(&mut self, now: Now, every_tick: bool, actions: &mut Vec<Action>) {
        self.asked = None;
        if every_tick || !self.orphans.is_empty() {
            self.ask(now, now.at, actions);
        }
    }

    /// Asks for the first look at or after `at`.
    pub fn ask(&mut self, now: Now, at: SimTime, actions: &mut Vec<Action>) {
        let next = self.looks.next(now).max(self.looks.at_or_after(at));
        if self.asked.is_none_or(|asked| asked > next) {
            self.asked = Some(next);
            actions.push(Action::Wake(next, super::POD_GC));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_a_node_that_left_go_at_the_first_look_after_40_s_of_quarantine() {
        let mut gc = PodGc::new(SimDuration::from_secs(20), SimDuration::from_secs(40));
        let at = |s: u64| Now { at: SimTime(s * 1_000_000), late: false };
        let mut actions = Vec::new();
        // Left at 13, found at 20, gone at 60; left at 20, found at the look of that moment.
        gc.orphan(at(13), JobId(0), &mut actions);
        gc.orphan(at(20), JobId(1), &mut actions);
        gc.orphan(at(20), JobId(2), &mut actions);
        assert!(gc.forget(JobId(2)) && !gc.forget(JobId(2)));
        assert_eq!(gc.look(at(20), false, &mut actions), []);
        assert_eq!(gc.look(at(50), false, &mut actions), [], "that is no time for a look");
        assert_eq!(gc.look(at(60), false, &mut actions), [JobId(0), JobId(1)]);
        assert_eq!(actions, [20, 60].map(|s| Action::Wake(at(s).at, super::super::POD_GC)));
    }
}
