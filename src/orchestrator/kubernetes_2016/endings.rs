//! How pods end, and how they are replaced.
//!
//! A replication controller makes the next pod as soon as the deletion of the last one is marked, long before that is gone
//! (`pkg/controller/controller_utils.go: FilterActivePods`, v1.2.4). A pod that failed is replaced at once; a Job of that
//! day had neither a back-off nor a limit. A pod that nobody stands behind is gone for good.

use super::{Kubernetes2016, Rule};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Action, Eviction, Now, Orchestrator, Outcome, World};
use crate::units::SimTime;
use crate::workload::{Controller, RestartPolicy};

/// A pod that was told to end and has not ended yet. Its job has been replaced, or is over.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    /// When its grace is over.
    pub until: SimTime,
    pub why: Eviction,
    /// Whether its kubelet knows; one out of reach hears of it when it is back, and gives it its grace then.
    pub told: bool,
    /// Its GPUs.
    devices: Vec<u16>,
    /// Its kubelet ended it and could not say so yet.
    ended: bool,
}

impl Kubernetes2016 {
    /// The pod of `job` is made, unless nobody stands behind it.
    fn replace(&mut self, world: &World, job: JobId, actions: &mut Vec<Action>) {
        if world.workload.spec(job).controller == Controller::Naked {
            actions.push(Action::Abandon(job));
        } else {
            self.queue.add(job);
        }
    }

    /// Takes `job` off the books; where it was.
    pub(super) fn unbind(&mut self, world: &World, job: JobId) -> Option<HostId> {
        let host = self.books.unbind(world, job)?;
        self.starts.remove(&job);
        if let Rule::Scheduler(decider) = &mut self.rule {
            decider.unbind(world, job, host);
        }
        Some(host)
    }

    /// The pod of `job`, bound to `host`, is deleted: it terminates.
    pub(super) fn delete(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        why: Eviction,
        actions: &mut Vec<Action>,
    ) -> SimTime {
        actions.push(Action::Cancel(job));
        self.starts.remove(&job);
        // It waits for the one before it to end on the same host and has not started: nothing is to be waited for.
        if self.leaving.contains_key(&(job, host)) {
            self.unbind(world, job);
            self.replace(world, job, actions);
            return now.at;
        }
        let until = now.at + self.grace(world, job).max(super::LEAST_GRACE);
        let told = self.nodes.is_heard(host);
        if let Rule::Scheduler(decider) = &mut self.rule {
            decider.mark_leaving(world, job, host);
        }
        let devices = self.books.detach(world, job).map_or(Vec::new(), |(_, devices)| devices);
        self.leaving.insert((job, host), Leaving { until, why, told, devices, ended: false });
        if world.workload.spec(job).controller != Controller::Naked {
            self.replace(world, job, actions);
        }
        until
    }

    /// Pods whose grace is over end, where their kubelet can be reached; the API hears of it when it takes writes.
    pub(super) fn end_leaving(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let due = |((_, host), leaving): &(&(JobId, HostId), &Leaving)| {
            leaving.until <= now.at && leaving.told && self.nodes.is_heard(*host)
        };
        let due: Vec<(JobId, HostId)> = self.leaving.iter().filter(due).map(|(key, _)| *key).collect();
        for (job, host) in due {
            let Some(leaving) = self.leaving.get_mut(&(job, host)) else { continue };
            if !std::mem::replace(&mut leaving.ended, true) {
                actions.push(Action::Evict(job, host, leaving.why));
            }
            if !self.api.frozen {
                self.left(now, world, (job, host), actions);
            }
        }
    }

    /// When the next grace is over.
    pub(super) fn next_end(&self) -> Option<SimTime> {
        let waits = |((_, host), leaving): &(&(JobId, HostId), &Leaving)| {
            leaving.told && self.nodes.is_heard(*host) && !(leaving.ended && self.api.frozen)
        };
        self.leaving.iter().filter(waits).map(|(_, leaving)| leaving.until).min()
    }

    /// A terminating pod is gone from `host`: its room is free.
    pub(super) fn left(&mut self, now: Now, world: &World, (job, host): (JobId, HostId), actions: &mut Vec<Action>) {
        if !self.release(world, job, host) {
            return;
        }
        if self.books.host_of(job) == Some(host) {
            self.start(now.at + self.start_delay, job, host, actions);
        }
        if world.workload.spec(job).controller == Controller::Naked {
            actions.push(Action::Abandon(job));
        }
    }

    /// Frees the room of the old pod of `job` on `host`; whether there was one.
    pub(super) fn release(&mut self, world: &World, job: JobId, host: HostId) -> bool {
        let Some(leaving) = self.leaving.remove(&(job, host)) else { return false };
        self.books.release(world, job, host, &leaving.devices);
        if let Rule::Scheduler(decider) = &mut self.rule {
            decider.left(world, job, host);
        }
        true
    }

    /// The job is over: its old pods, but for the one on `ended`, are stopped.
    fn drop_leaving(&mut self, now: Now, world: &World, job: JobId, ended: Option<HostId>, actions: &mut Vec<Action>) {
        for host in self.leaving_of(job) {
            self.release(world, job, host);
            if Some(host) != ended {
                actions.push(Action::Stop(job, host, now.at));
            }
        }
    }

    fn leaving_of(&self, job: JobId) -> Vec<HostId> {
        self.leaving.range((job, HostId(0))..=(job, HostId(u32::MAX))).map(|((_, host), _)| *host).collect()
    }

    /// Pods on `host` that were told to end, by their jobs.
    pub(super) fn leaving_on(&self, host: HostId) -> Vec<JobId> {
        self.leaving.keys().filter(|(_, h)| *h == host).map(|(job, _)| *job).collect()
    }

    /// `host` is heard again, and of what was told to end there these are `live`: the others are gone, and who did not
    /// know learns of it now.
    pub(super) fn leaving_heard(
        &mut self,
        now: Now,
        world: &World,
        host: HostId,
        live: &[JobId],
        actions: &mut Vec<Action>,
    ) {
        for job in self.leaving_on(host) {
            if live.binary_search(&job).is_err() {
                self.left(now, world, (job, host), actions);
                continue;
            }
            let grace = self.grace(world, job).max(super::LEAST_GRACE);
            if let Some(leaving) = self.leaving.get_mut(&(job, host)).filter(|leaving| !leaving.told) {
                (leaving.told, leaving.until) = (true, now.at + grace);
            }
        }
    }

    /// An attempt ended, and will not go on there.
    pub(super) fn ended(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        outcome: Outcome,
        actions: &mut Vec<Action>,
    ) {
        let replace = matches!(outcome, Outcome::Evicted | Outcome::Failed);
        if replace && self.leaving.contains_key(&(job, host)) {
            self.left(now, world, (job, host), actions);
            return;
        }
        // News of an old copy leaves the new one where it is.
        if replace && self.books.host_of(job) != Some(host) {
            return;
        }
        if !replace {
            self.drop_leaving(now, world, job, Some(host), actions);
        }
        match self.unbind(world, job) {
            None => drop(self.queue.remove(job)),
            Some(bound) => {
                actions.push(Action::Cancel(job));
                if replace {
                    self.replace(world, job, actions);
                } else if bound != host {
                    actions.push(Action::Stop(job, bound, now.at));
                }
            }
        }
    }

    /// The job was removed by its owner.
    pub(super) fn removed(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        self.drop_leaving(now, world, job, None, actions);
        self.unbind(world, job);
        self.queue.remove(job);
        self.orphans.retain(|orphan| *orphan != job);
    }

    /// `host` has left: its pods have no node any more, and are replaced at the next pass.
    pub(super) fn orphan_pods(&mut self, world: &World, host: HostId, actions: &mut Vec<Action>) {
        for job in self.leaving_on(host) {
            self.release(world, job, host);
            if world.workload.spec(job).controller == Controller::Naked {
                actions.push(Action::Abandon(job));
            }
        }
        for job in self.books.on(host) {
            actions.push(Action::Cancel(job));
            self.unbind(world, job);
            self.orphans.push(job);
        }
    }

    /// Pods of nodes that are gone are deleted by force.
    pub(super) fn collect_orphans(&mut self, world: &World, actions: &mut Vec<Action>) {
        for job in std::mem::take(&mut self.orphans) {
            self.replace(world, job, actions);
        }
    }

    /// A pod that its node has, as far as the books go, does not live there: `host` has just booted, or never started it.
    pub(super) fn missing(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        silent_since: Option<SimTime>,
        actions: &mut Vec<Action>,
    ) {
        let had_started = matches!((self.starts.get(&job), silent_since), (Some(at), Some(since)) if *at < since);
        let spec = world.workload.spec(job);
        let fails = match spec.controller {
            Controller::Unset => false,
            Controller::Job { in_place, .. } => !in_place,
            _ => spec.restart == RestartPolicy::Never,
        };
        if had_started && fails {
            actions.push(Action::Cancel(job));
            self.unbind(world, job);
            self.replace(world, job, actions);
        } else if !self.leaving.contains_key(&(job, host)) {
            self.start(now.at + self.start_delay, job, host, actions);
        }
    }

    /// The kubelet of `host` starts `job` at `at`.
    pub(super) fn start(&mut self, at: SimTime, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        self.starts.insert(job, at);
        actions.push(Action::Start(job, host, at));
    }
}
