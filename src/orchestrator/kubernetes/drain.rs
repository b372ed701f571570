//! Drains, as kubectl does them: cordon, evict through the API, wait until the pods are gone.
//!
//! `staging/src/k8s.io/kubectl/pkg/drain/drain.go` (v1.36.3) with `--ignore-daemonsets --force`: the pods that are there at the
//! beginning, all at once, each asked for again 5 s after a refusal; the API refuses what a PodDisruptionBudget does not allow
//! (`pkg/registry/core/pod/storage/eviction.go`). Departures: kubectl sees once a second that a pod is gone, here it sees it at
//! once; a pod under several budgets needs the leave of all (the real API refuses it always).

use std::collections::BTreeSet;

use super::{DRAIN, Kubernetes};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Action, Eviction, Maintenance, Now, World};
use crate::units::SimTime;
use crate::workload::Controller;

/// A drain under way.
pub(super) struct Drain {
    /// Pods that are to go and have not been evicted.
    pods: BTreeSet<JobId>,
    /// Pods on their way out.
    evicted: BTreeSet<JobId>,
    /// When refused ones are asked for again.
    retry: Option<SimTime>,
}

impl Kubernetes {
    pub(super) fn maintenance(
        &mut self,
        now: Now,
        world: &World,
        host: HostId,
        step: Maintenance,
        actions: &mut Vec<Action>,
    ) {
        match step {
            Maintenance::Begins => {
                self.cordoned[host.index()] = true;
                self.show(now, world, host, actions);
                let daemon = |job: &JobId| Self::controller(world, *job) == Controller::DaemonSet;
                let pods = self.books.on(host).into_iter().filter(|job| !daemon(job)).collect();
                let evicted = self.leaving.keys().filter(|(_, h)| *h == host).map(|(job, _)| *job).collect();
                self.drains.insert(host, Drain { pods, evicted, retry: None });
                self.evict_for_drain(now, world, host, actions);
            }
            Maintenance::TimedOut => drop(self.drains.remove(&host)),
            Maintenance::Over => {
                self.drains.remove(&host);
                self.cordoned[host.index()] = false;
                self.show(now, world, host, actions);
            }
        }
    }

    /// Drains whose time has come ask again.
    pub(super) fn retry_drains(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let due: Vec<HostId> =
            self.drains.iter().filter(|(_, drain)| drain.retry.is_some_and(|at| at <= now.at)).map(|d| *d.0).collect();
        for host in due {
            self.evict_for_drain(now, world, host, actions);
        }
    }

    fn evict_for_drain(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        let Some(mut drain) = self.drains.remove(&host) else { return };
        drain.retry = None;
        for job in std::mem::take(&mut drain.pods) {
            if self.books.host_of(job) != Some(host) {
                continue;
            }
            let leaving = self.leaving.contains_key(&(job, host));
            if leaving || self.eviction_allowed(world, job) {
                drain.evicted.insert(job);
                self.delete(now, world, (job, host), Eviction::Api, actions);
            } else {
                drain.pods.insert(job);
            }
        }
        if !drain.pods.is_empty() {
            let at = now.at + self.drain_retry;
            drain.retry = Some(at);
            actions.push(Action::Wake(at, DRAIN));
        }
        self.drains.insert(host, drain);
    }

    /// Whether every budget that protects the pod of `job` lets it go.
    fn eviction_allowed(&mut self, world: &World, job: JobId) -> bool {
        let class = self.makers.class(world, job);
        let healthy = self.healthy.contains(&job);
        self.disruption.allows(class, self.makers.prototype(class), healthy)
    }

    /// Hosts that are empty now may go down.
    pub(super) fn check_drains(&mut self, actions: &mut Vec<Action>) {
        let empty = |host: HostId, drain: &Drain| {
            let here = |job: &JobId| self.books.host_of(*job) == Some(host) || self.leaving.contains_key(&(*job, host));
            !drain.pods.iter().chain(&drain.evicted).any(here)
        };
        let done: Vec<HostId> =
            self.drains.iter().filter(|(host, drain)| empty(**host, drain)).map(|(host, _)| *host).collect();
        for host in done {
            self.drains.remove(&host);
            actions.push(Action::Drained(host));
        }
    }
}
