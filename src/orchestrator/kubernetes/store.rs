//! What becomes of the control plane when its store does not take writes.
//!
//! The API is frozen then: nothing is created, bound, deleted or posted, and what is heard is taken up when writes come
//! back. Kubelets go on with the pods they have, restart containers in place, and end pods whose grace is over; one that
//! boots gets its pods from the API server's cache (`--watch-cache`). Controllers and scheduler that cannot renew their
//! lease for `renew_deadline` stop (`k8s.io/client-go/tools/leaderelection`, v1.36.3: 15/10/2 s), and begin anew one
//! `leader_retry` after writes are back, with new timers: silent nodes have their whole grace again, pods on tainted nodes
//! their whole toleration. Leases that could not be renewed meanwhile do not count, as every node renews its own sooner
//! than its grace. A store that answers slowly makes bindings so much slower, by the median; beyond `renew_deadline` it counts
//! as one that takes no writes.

use super::{BOUND, CYCLE, GRACE_OVER, INFO, Kubernetes, RESUME};
use crate::discovery::store::StoreLevel;
use crate::ids::{HostId, JobId};
use crate::orchestrator::held::Held;
use crate::orchestrator::{Action, Heard, Incident, Now, World};
use crate::units::{SimDuration, SimTime};
use crate::workload::{Controller, RestartPolicy};

/// How the API server answers.
#[derive(Default)]
pub(super) struct Api {
    /// Since when nothing is written.
    since: Option<SimTime>,
    /// When controllers and scheduler begin anew.
    resumes: Option<SimTime>,
    /// How much longer a write takes than in a run without a store.
    pub write: SimDuration,
    held: Vec<Held>,
}

impl Api {
    /// Whether nothing is written.
    pub fn is_frozen(&self) -> bool {
        self.since.is_some()
    }

    /// Whether the last that was heard of `host` meanwhile is that it is silent (`Some(true)`) or there.
    pub fn silence(&self, host: HostId) -> Option<bool> {
        self.held.iter().rev().find_map(|held| match held {
            Held::Silent(h) | Held::Left(h) if *h == host => Some(true),
            Held::Up(h, _) if *h == host => Some(false),
            _ => None,
        })
    }
}

impl Kubernetes {
    /// The store answers in another way from now on.
    pub(super) fn store(&mut self, now: Now, world: &World, level: StoreLevel, actions: &mut Vec<Action>) {
        let deadline = INFO.duration(world.options, "renew_deadline");
        let median = level.median(true);
        let frozen = !level.writes || median > deadline;
        if frozen {
            self.api.since.get_or_insert(now.at);
            self.api.resumes = None;
            return;
        }
        // The bindings' own latency has a store that is well in it.
        let usual = StoreLevel::default().median(true);
        self.api.write = SimDuration(median.0.saturating_sub(usual.0));
        let Some(since) = self.api.since.filter(|_| self.api.resumes.is_none()) else { return };
        if now.at.since(since) < deadline {
            self.resume(now, world, false, actions);
        } else {
            let at = now.at + INFO.duration(world.options, "leader_retry");
            actions.push(Action::Incident(Incident::LeadershipLost, None));
            self.api.resumes = Some(at);
            actions.push(Action::Wake(at, RESUME));
        }
    }

    /// Writes are taken again: what was heard meanwhile is taken up, with new timers where the lease was lost.
    fn resume(&mut self, now: Now, world: &World, anew: bool, actions: &mut Vec<Action>) {
        (self.api.since, self.api.resumes) = (None, None);
        if anew {
            self.nodes.begin_anew(now);
            let tolerating = std::mem::take(&mut self.tolerating);
            for (_, host, job) in tolerating {
                self.tolerate(now, world, job, host, actions);
            }
        }
        self.flush_asked = None;
        for held in std::mem::take(&mut self.api.held) {
            self.heard(now, held.heard(), world, actions);
        }
        self.end_leaving(now, world, actions);
        self.evict_by_taint(now, world, actions);
        self.create_delayed(now, world, actions);
        self.retry_drains(now, world, actions);
        self.flush(now);
        self.ask_cycle(now, actions);
        self.ask_flush(now, world, actions);
        self.nodes.resume(now, world, actions);
        self.orphans.resume(now, world.every_tick, actions);
    }

    /// What is heard while nothing is written.
    pub(super) fn hold(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Wake(RESUME) => {
                if self.api.resumes.is_some_and(|at| at <= now.at) {
                    self.resume(now, world, true, actions);
                }
            }
            Heard::Wake(CYCLE | BOUND) => self.api.held.extend(Held::of(&heard)),
            Heard::Wake(GRACE_OVER) => self.end_leaving(now, world, actions),
            // These look at what is due whenever they come, and do so when writes are back.
            Heard::Wake(_) => {}
            Heard::HostUp { host, live } => {
                let mut live = live.to_vec();
                let (missing, _) = self.books.differences(host, &live);
                for job in missing {
                    if self.starts_again(world, job, host) {
                        self.start(now.at + self.start_delay, job, host, actions);
                        live.push(job);
                    }
                }
                live.sort_unstable();
                self.api.held.push(Held::Up(host, live));
                // Graces that were over while it was not heard.
                self.end_leaving(now, world, actions);
            }
            _ => self.api.held.extend(Held::of(&heard)),
        }
    }

    /// Whether the kubelet of `host`, which has booted, starts the pod of `job` again by itself.
    fn starts_again(&self, world: &World, job: JobId, host: HostId) -> bool {
        let spec = world.workload.spec(job);
        let always = match spec.controller {
            Controller::Unset => true,
            Controller::Job { .. } => false,
            _ => spec.restart != RestartPolicy::Never,
        };
        always && !self.leaving.contains_key(&(job, host)) && !self.api.held.iter().any(|held| held.ends(job, host))
    }
}
