//! How pods end, and what their controllers make of it.
//!
//! A pod *fails* where its kubelet says so; it is *deleted* by somebody else, and then terminates until its grace is over,
//! or for as long as its node is not heard. A ReplicaSet, or a Job that does not wait, replaces a pod that terminates at
//! once: the old one then goes on beside the new one, without a place in the books but with its room. All others wait until
//! it is gone.

use super::{CREATE, GRACE_OVER, Kubernetes, Rule, TOLERATION, objects};
use crate::ids::{HostId, JobId};
use crate::kube::object::node::{Effect, Taint};
use crate::orchestrator::{Action, Eviction, Now, Orchestrator, World};
use crate::units::{SimDuration, SimTime};
use crate::workload::{Controller, PodReplacement, RestartPolicy};

/// A pod that was told to end and has not ended yet.
#[derive(Clone, Debug)]
pub(super) struct Leaving {
    /// When its grace is over.
    pub until: SimTime,
    pub why: Eviction,
    /// Whether its kubelet knows; one out of reach hears of it when it is back, and gives it its grace then.
    told: bool,
    /// The GPUs of one that has been replaced already; `None`: the job is still bound there.
    replaced: Option<Vec<u16>>,
    /// Its kubelet ended it and could not say so yet.
    ended: bool,
}

impl Leaving {
    /// Whether its job still has its place there, not having been replaced.
    pub fn is_bound(&self) -> bool {
        self.replaced.is_none()
    }
}

/// The DaemonSet controller's back-off for pods that fail: 1 s doubling to 15 min, forgotten after twice that
/// (`pkg/controller/daemon/daemon_controller.go` `failedPodsBackoff`, v1.36.3).
const DAEMON_BACKOFF: SimDuration = SimDuration::from_secs(1);
const DAEMON_BACKOFF_MAX: SimDuration = SimDuration::from_secs(900);

impl Kubernetes {
    pub(super) fn controller(world: &World, job: JobId) -> Controller {
        world.workload.spec(job).controller
    }

    /// The controller of `job` makes its pod, as soon as its back-off allows.
    pub(super) fn create(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        let due = self.jobs.due(job);
        self.create_at(now, world, job, due, actions);
    }

    fn create_at(&mut self, now: Now, world: &World, job: JobId, due: SimTime, actions: &mut Vec<Action>) {
        if due > now.at {
            self.delayed.insert((due, job));
            actions.push(Action::Wake(due, CREATE));
        } else {
            self.enqueue(now, world, job, actions);
        }
    }

    /// Pods whose back-off is over are made; another failure may have lengthened it.
    pub(super) fn create_delayed(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        while let Some(&(due, job)) = self.delayed.first().filter(|(due, _)| *due <= now.at) {
            self.delayed.remove(&(due, job));
            self.create(now, world, job, actions);
        }
    }

    /// The job is given up: nothing replaces it.
    pub(super) fn abandon(&mut self, world: &World, job: JobId, actions: &mut Vec<Action>) {
        self.count(world, job, -1, 0);
        self.jobs.leaves(job);
        actions.push(Action::Abandon(job));
    }

    /// The pod of `job`, which is no longer bound, has failed.
    pub(super) fn failed(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        match Self::controller(world, job) {
            Controller::Unset | Controller::ReplicaSet | Controller::StatefulSet => {
                self.create(now, world, job, actions);
            }
            Controller::DaemonSet => {
                let due = self.daemon_backoff(now.at, job);
                self.create_at(now, world, job, due, actions);
            }
            Controller::Job { .. } => self.job_failed(now, world, job, actions),
            Controller::Naked => self.abandon(world, job, actions),
        }
    }

    fn daemon_backoff(&mut self, now: SimTime, job: JobId) -> SimTime {
        let known = self.daemon_failures.get(&job).copied();
        let due = known.map_or(now, |(last, backoff)| now.max(last + backoff));
        let forgotten = |last: SimTime| due.since(last) > SimDuration(2 * DAEMON_BACKOFF_MAX.0);
        let backoff = match known {
            Some((last, backoff)) if !forgotten(last) => SimDuration((2 * backoff.0).min(DAEMON_BACKOFF_MAX.0)),
            _ => DAEMON_BACKOFF,
        };
        self.daemon_failures.insert(job, (due, backoff));
        due
    }

    /// The pod of `job`, which was deleted and not replaced before, is gone.
    pub(super) fn gone(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        match Self::controller(world, job) {
            // Deleted pods of a Job end as failed ones.
            Controller::Job { .. } => self.job_failed(now, world, job, actions),
            Controller::Naked => self.abandon(world, job, actions),
            _ => self.create(now, world, job, actions),
        }
    }

    fn job_failed(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        if self.jobs.failed(job, now.at) {
            self.fail_job(now, world, job, actions);
        } else {
            self.create(now, world, job, actions);
        }
    }

    /// The Job of `job` has failed: all its pods end. Departure: at once, without grace.
    pub(super) fn fail_job(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        for member in self.jobs.members(job) {
            self.drop_leaving(now, world, member, None, actions);
            match self.unbind(world, member) {
                Some(host) => self.released(now, world, member, host, actions),
                None => self.dequeue(now, world, member, actions),
            }
            self.abandon(world, member, actions);
        }
    }

    /// The kubelet restarts the pod of `job` in place.
    pub(super) fn restarted(
        &mut self,
        now: Now,
        world: &World,
        job: JobId,
        host: HostId,
        actions: &mut Vec<Action>,
    ) -> bool {
        let counts = self.books.host_of(job) == Some(host) && !self.leaving.contains_key(&(job, host));
        let over = counts && self.jobs.restarted(job);
        if over {
            self.fail_job(now, world, job, actions);
        }
        over
    }

    /// Whether the pod of `job` is replaced while it terminates.
    fn replaced_at_once(world: &World, job: JobId) -> bool {
        matches!(
            Self::controller(world, job),
            Controller::ReplicaSet | Controller::Job { replacement: PodReplacement::TerminatingOrFailed, .. }
        )
    }

    /// The pod of `job`, bound to `host`, is deleted: it terminates.
    pub(super) fn delete(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        why: Eviction,
        actions: &mut Vec<Action>,
    ) {
        debug_assert_eq!(self.books.host_of(job), Some(host), "only bound pods are deleted");
        match self.leaving.get(&(job, host)) {
            Some(leaving) if leaving.replaced.is_none() => return,
            // It waits for the one before it to end on the same host and has not started: nothing is to be waited for.
            Some(_) => {
                actions.push(Action::Cancel(job));
                self.unbind(world, job);
                self.released(now, world, job, host, actions);
                self.gone(now, world, job, actions);
                return;
            }
            None => {}
        }
        let until = now.at + self.grace(world, job);
        let told = !self.nodes.is_silent(host);
        self.set_healthy(world, job, false);
        actions.push(Action::Wake(until, GRACE_OVER));
        let preempted = why == Eviction::Preemption;
        let replaces = Self::replaced_at_once(world, job);
        if let Rule::Scheduler(decider) = &mut self.rule {
            let old_key = replaces.then(|| old_key(world, job, host));
            decider.mark_leaving(world, &mut self.makers, (job, host), old_key, preempted);
        }
        if !replaces {
            self.leaving.insert((job, host), Leaving { until, why, told, replaced: None, ended: false });
            return;
        }
        // A start that has not happened does not happen any more.
        actions.push(Action::Cancel(job));
        let devices = self.books.detach(world, job).map(|(_, devices)| devices);
        self.leaving.insert((job, host), Leaving { until, why, told, replaced: devices, ended: false });
        self.starts.remove(&job);
        self.jobs.pod_gone(job);
        match Self::controller(world, job) {
            // Deletion counts as failure.
            Controller::Job { .. } => self.job_failed(now, world, job, actions),
            _ => self.create(now, world, job, actions),
        }
    }

    /// Pods whose grace is over end, where their kubelet can be reached.
    pub(super) fn end_leaving(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let silent = |host| self.api.silence(host).unwrap_or_else(|| self.nodes.is_silent(host));
        let due: Vec<(JobId, HostId)> = self
            .leaving
            .iter()
            .filter(|((_, host), leaving)| leaving.until <= now.at && (leaving.ended || !silent(*host)))
            .map(|(key, _)| *key)
            .collect();
        for (job, host) in due {
            let Some(leaving) = self.leaving.get_mut(&(job, host)) else { continue };
            let had_ended = leaving.ended;
            if self.api.is_frozen() {
                // One out of reach has not been told.
                if !had_ended && leaving.told {
                    leaving.ended = true;
                    actions.push(Action::Evict(job, host, leaving.why));
                }
            } else {
                self.left(now, world, (job, host), !had_ended, actions);
            }
        }
    }

    /// A terminating pod is gone from `host`; `ended`: because its kubelet ends it now.
    pub(super) fn left(
        &mut self,
        now: Now,
        world: &World,
        (job, host): (JobId, HostId),
        ended: bool,
        actions: &mut Vec<Action>,
    ) {
        // A Job that failed meanwhile may have swept it away.
        let Some(leaving) = self.leaving.get(&(job, host)) else { return };
        let (why, replaced) = (leaving.why, leaving.replaced.is_some());
        if !replaced {
            actions.push(Action::Cancel(job));
        }
        if ended {
            actions.push(Action::Evict(job, host, why));
        }
        if replaced {
            self.release(world, job, host);
            self.released(now, world, job, host, actions);
            if self.books.host_of(job) == Some(host) {
                self.start(now.at + self.start_delay, job, host, actions);
            }
        } else {
            self.unbind(world, job);
            self.released(now, world, job, host, actions);
            self.gone(now, world, job, actions);
        }
    }

    /// The room of the old pod of `job` on `host`, which has been replaced, is free.
    fn release(&mut self, world: &World, job: JobId, host: HostId) {
        let Some(Leaving { replaced: Some(devices), .. }) = self.leaving.remove(&(job, host)) else {
            unreachable!("only pods that were replaced keep room without a place in the books");
        };
        self.books.release(world, job, host, &devices);
        if let Rule::Scheduler(decider) = &mut self.rule {
            let class = self.makers.class(world, job);
            decider.unbind(world, &self.makers, (job, true), class, host);
        }
    }

    /// The job is over: its old pods, but for the one on `ended`, are stopped.
    pub(super) fn drop_leaving(
        &mut self,
        now: Now,
        world: &World,
        job: JobId,
        ended: Option<HostId>,
        actions: &mut Vec<Action>,
    ) {
        let old: Vec<HostId> = self
            .leaving
            .range((job, HostId(0))..=(job, HostId(u32::MAX)))
            .filter(|(_, leaving)| leaving.replaced.is_some())
            .map(|((_, host), _)| *host)
            .collect();
        for host in old {
            self.release(world, job, host);
            if Some(host) != ended {
                actions.push(Action::Stop(job, host, now.at));
            }
            self.released(now, world, job, host, actions);
        }
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
        let here: Vec<JobId> = self.leaving.keys().filter(|(_, h)| *h == host).map(|(job, _)| *job).collect();
        for job in here {
            if live.binary_search(&job).is_err() {
                self.left(now, world, (job, host), false, actions);
                continue;
            }
            let grace = self.grace(world, job);
            if let Some(leaving) = self.leaving.get_mut(&(job, host)).filter(|leaving| !leaving.told) {
                leaving.told = true;
                leaving.until = now.at + grace;
                actions.push(Action::Wake(leaving.until, GRACE_OVER));
            }
        }
    }

    /// `host` has left: what had been replaced is forgotten, and the pods that were bound there have no node any more.
    pub(super) fn orphan_pods(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        let old: Vec<JobId> = self
            .leaving
            .iter()
            .filter(|((_, h), leaving)| *h == host && leaving.replaced.is_some())
            .map(|((job, _), _)| *job)
            .collect();
        for job in old {
            self.release(world, job, host);
        }
        for job in self.books.on(host) {
            actions.push(Action::Cancel(job));
            self.unbind(world, job);
            self.orphans.orphan(now, job, actions);
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
        // A Job may have failed with the one before.
        if self.books.host_of(job) != Some(host) {
            return;
        }
        let had_started = match (self.starts.get(&job), silent_since) {
            (Some(&at), Some(since)) => at < since,
            _ => false,
        };
        let never = world.workload.spec(job).restart == RestartPolicy::Never;
        let fails = match Self::controller(world, job) {
            Controller::Unset => false,
            Controller::Job { in_place, .. } => !in_place,
            _ => never,
        };
        if had_started && fails {
            actions.push(Action::Cancel(job));
            self.unbind(world, job);
            self.released(now, world, job, host, actions);
            self.failed(now, world, job, actions);
        } else if !(had_started && self.restarted(now, world, job, host, actions)) {
            self.start(now.at + self.start_delay, job, host, actions);
        }
    }

    /// The kubelet of `host` starts `job` at `at`.
    pub(super) fn start(&mut self, at: SimTime, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if self.jobs_fail {
            self.starts.insert(job, at);
        }
        actions.push(Action::Start(job, host, at));
    }

    /// How long the pod of `job` tolerates an unreachable node; `None`: for ever. (`getMinTolerationTime`, and admission's
    /// DefaultTolerationSeconds for those that say nothing.)
    fn tolerates_for(&mut self, world: &World, job: JobId) -> Option<SimDuration> {
        let class = self.makers.class(world, job);
        let taint = Taint { key: objects::UNREACHABLE.into(), value: String::new(), effect: Effect::NoExecute };
        let pod = self.makers.prototype(class);
        let mut tolerations = pod.tolerations.iter().filter(|t| t.tolerates(&taint)).peekable();
        if tolerations.peek().is_none() {
            return Some(self.toleration);
        }
        let least = tolerations.filter_map(|t| t.seconds).min()?;
        Some(SimDuration::from_secs(least.max(0).unsigned_abs()))
    }

    /// The pod of `job` is on `host`, which is tainted: it leaves when it does not tolerate that any longer.
    pub(super) fn tolerate(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if let Some(time) = self.tolerates_for(world, job) {
            let until = now.at + time;
            self.tolerating.insert((until, host, job));
            actions.push(Action::Wake(until, TOLERATION));
        }
    }

    /// Pods that tolerated their unreachable node for long enough are deleted.
    pub(super) fn evict_by_taint(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        while let Some(&(until, host, job)) = self.tolerating.first().filter(|(until, ..)| *until <= now.at) {
            self.tolerating.remove(&(until, host, job));
            if self.books.host_of(job) != Some(host) || !self.nodes.is_tainted(host) {
                continue;
            }
            let waits = self.leaving.get(&(job, host)).is_some_and(|leaving| leaving.replaced.is_none());
            match Self::controller(world, job) {
                Controller::Unset | Controller::Naked => {
                    actions.push(Action::GiveUp { job, host, evicted: true });
                    actions.push(Action::Cancel(job));
                    self.unbind(world, job);
                    self.released(now, world, job, host, actions);
                    self.gone(now, world, job, actions);
                }
                // Somebody else has deleted it before.
                _ if waits => {}
                _ => {
                    actions.push(Action::GiveUp { job, host, evicted: true });
                    actions.push(Action::Cancel(job));
                    self.delete(now, world, (job, host), Eviction::Taint, actions);
                }
            }
        }
    }

    /// Whether the pod counts as healthy for budgets: bound, not told to end, on a node that is heard.
    pub(super) fn set_healthy(&mut self, world: &World, job: JobId, healthy: bool) {
        if self.disruption.is_empty() {
            return;
        }
        let news = if healthy { self.healthy.insert(job) } else { self.healthy.remove(&job) };
        if news {
            self.count(world, job, 0, if healthy { 1 } else { -1 });
        }
    }
}

/// What the old pod of `job` on `host` is called once the new one has its name. (A real replacement has a name of its own.)
fn old_key(world: &World, job: JobId, host: HostId) -> String {
    format!("{}~{}", objects::key(world, job), world.cluster.name(host))
}
