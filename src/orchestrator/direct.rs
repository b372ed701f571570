//! `direct`: a bare placement without a control plane's delays, to compare placements by themselves.
//!
//! It places at arrival, keeps what does not fit in one strict FIFO queue, restarts in place, and knows at once when
//! a host falls. A job that no host could hold even when empty is set aside, so that it does not stop the queue. With
//! `unplaced: drop` a job that fits nowhere when its turn comes is given up instead, and nothing ever waits.

use std::collections::VecDeque;

use super::{
    Action, Books, Enforcement, Heard, Maintenance, Now, Orchestrator, OrchestratorInfo, Outcome, ParameterInfo,
    RestartRule, StoreOn, World,
};
use crate::cluster::Bookings;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::placement::placement;
use crate::units::SimDuration;

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "direct",
    summary: "a bare placement: places at arrival, strict FIFO wait, restarts in place, knows of a lost host at once",
    placement: "first-fit",
    enforcement: Enforcement::None,
    eviction: false,
    cpu_quota: false,
    tie_break: super::TieBreak::First,
    scores: super::Scores::Flat,
    discovery: "none",
    store: StoreOn::Nowhere,
    daemons: &[],
    kernel: Era::Signed,
    parameters: &[
        ParameterInfo {
            name: "restart_delay",
            default: "1s",
            words: &[],
            summary: "time from a kill to the restart in place",
            source: "assumed",
            range: "1s to 30s",
        },
        ParameterInfo {
            name: "unplaced",
            default: "wait",
            words: &["wait", "drop"],
            summary: "a job that fits nowhere when its turn comes waits at the head of the queue, or is given up for good",
            source: "strict FIFO is this orchestrator's way; drop is that of FGD's experiment (USENIX ATC 2023)",
            range: "",
        },
    ],
    choices: &[],
    build: |world| Box::new(Direct::new(world)),
};

struct Direct {
    books: Books,
    /// Those that wait, and some that are gone from it.
    queue: VecDeque<JobId>,
    /// Whether a job is in the queue and not gone from it.
    queued: Vec<bool>,
    /// The head of the queue, if it is known that some host could hold it.
    waits_rightly: Option<JobId>,
    looks_at_requests: bool,
    restart_delay: SimDuration,
    /// Whether what fits nowhere is given up.
    drops: bool,
}

impl Direct {
    fn new(world: &World) -> Self {
        Direct {
            books: Books::new(world, None, false),
            queue: VecDeque::new(),
            queued: vec![false; world.workload.len()],
            waits_rightly: None,
            looks_at_requests: placement(world.options.placement).is_some_and(|p| p.looks_at_requests),
            restart_delay: INFO.duration(world.options, "restart_delay"),
            drops: INFO.is(world.options, "unplaced", "drop"),
        }
    }

    /// Places from the head of the queue until the head does not fit; where that drops it, to the end.
    fn drain(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        while let Some(&job) = self.queue.front() {
            if !self.queued[job.index()] {
                self.queue.pop_front();
                continue;
            }
            if let Some(host) = self.books.place(world, job) {
                actions.extend(self.books.placed(job, host));
                actions.push(Action::Start(job, host, now.at));
            } else if self.drops {
                actions.push(Action::Abandon(job));
            } else {
                if self.waits_rightly == Some(job) {
                    return;
                }
                let request = world.request(job);
                let hopeless = self.looks_at_requests
                    && !world.cluster.ids().any(|host| Bookings::could_fit(world.cluster, &request, host));
                if !hopeless {
                    self.waits_rightly = Some(job);
                    return;
                }
            }
            self.queue.pop_front();
            self.queued[job.index()] = false;
        }
    }

    fn waits(&mut self, job: JobId) {
        self.queue.push_back(job);
        self.queued[job.index()] = true;
    }

    fn requeue(&mut self, world: &World, job: JobId, actions: &mut Vec<Action>) {
        self.books.unbind(world, job);
        actions.push(Action::Cancel(job));
        self.waits(job);
    }
}

impl Orchestrator for Direct {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin | Heard::Pressure(..) | Heard::Store(_) | Heard::Wake(_) => return,
            // Nothing here empties a host: it goes down as it is.
            Heard::Maintenance(host, Maintenance::Begins) => {
                actions.push(Action::Drained(host));
                return;
            }
            Heard::Maintenance(..) | Heard::Restarts(..) => return,
            Heard::Arrived(job) => self.waits(job),
            Heard::Ended { job, host, outcome } => match outcome {
                // News of an old copy leaves the new one where it is.
                Outcome::Evicted if self.books.host_of(job) == Some(host) => self.requeue(world, job, actions),
                Outcome::Evicted | Outcome::Failed => {}
                Outcome::Finished | Outcome::GaveUp => {
                    if let Some(bound) = self.books.unbind(world, job) {
                        actions.push(Action::Cancel(job));
                        if bound != host {
                            actions.push(Action::Stop(job, bound, now.at));
                        }
                    } else {
                        self.queued[job.index()] = false;
                    }
                }
            },
            Heard::Removed(job) => {
                if self.books.unbind(world, job).is_none() {
                    self.queued[job.index()] = false;
                }
            }
            Heard::HostUp { host, live } => {
                self.books.bookings.set_open(host, true);
                for job in self.books.differences(host, live).1 {
                    actions.push(Action::Stop(job, host, now.at));
                }
            }
            Heard::HostSilent(host) => {
                self.books.bookings.set_open(host, false);
                for job in self.books.on(host) {
                    actions.push(Action::GiveUp { job, host, evicted: false });
                    self.requeue(world, job, actions);
                }
            }
            Heard::HostLeft(host) => {
                self.books.bookings.set_open(host, false);
                for job in self.books.on(host) {
                    self.requeue(world, job, actions);
                }
            }
        }
        self.drain(now, world, actions);
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.books.look_ahead(soon)
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(self.restart_delay)
    }

    fn replaces_evicted(&self) -> bool {
        true
    }
}
