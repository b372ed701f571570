//! `kubernetes`: kube-scheduler, kubelet and node lifecycle controller, v1.36.3 defaults.
//!
//! First form: a queue by priority, then time; pods that fit nowhere wait and are tried again when something changed
//! that could help them; no preemption, no scheduling back-off, decisions take no time. A silent node is noticed through
//! its lease and its pods are deleted after their toleration, one node every 10 s, with the brake on large failures.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{
    Action, Books, Enforcement, Heard, Now, Orchestrator, OrchestratorInfo, Outcome, ParameterInfo, Periodic,
    RestartRule, World,
};
use crate::ids::{HostId, JobId};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

pub(super) const INFO: OrchestratorInfo = OrchestratorInfo {
    name: "kubernetes",
    summary: "kube-scheduler + kubelet (v1.36.3 defaults): fits and scores by requests, enforces limits, evicts under pressure",
    placement: "kube-default",
    enforcement: Enforcement::Limits,
    eviction: true,
    cpu_quota: true,
    qos: true,
    parameters: &[
        ParameterInfo {
            name: "start_delay",
            default: "1s",
            words: &[],
            summary: "time from binding to the container's start, image present",
            source: "assumed (kubelet watch, sandbox and start; PLEG relists every 1 s)",
        },
        ParameterInfo {
            name: "lease_renew",
            default: "10s",
            words: &[],
            summary: "time between lease renewals of a kubelet",
            source: "kubelet nodeLeaseDurationSeconds 40 x 0.25, v1.36.3",
        },
        ParameterInfo {
            name: "monitor_period",
            default: "5s",
            words: &[],
            summary: "time between node lifecycle passes",
            source: "kube-controller-manager nodeMonitorPeriod, v1.36.3",
        },
        ParameterInfo {
            name: "monitor_grace",
            default: "50s",
            words: &[],
            summary: "silence after which a node is Unknown",
            source: "kube-controller-manager nodeMonitorGracePeriod, v1.36.3 (40s before v1.32)",
        },
        ParameterInfo {
            name: "node_eviction_interval",
            default: "10s",
            words: &[],
            summary: "least time between the taints of two Unknown nodes",
            source: "kube-controller-manager nodeEvictionRate 0.1/s, v1.36.3",
        },
        ParameterInfo {
            name: "toleration",
            default: "300s",
            words: &[],
            summary: "how long pods tolerate an unreachable node before they are deleted and replaced",
            source: "admission DefaultTolerationSeconds, v1.36.3",
        },
    ],
    choices: &[[
        "kubernetes: a job's controller",
        "every job has one that replaces it",
        "none yet (naked pods would be lost)",
    ]],
    build: |world| Box::new(Kubernetes::new(world)),
};

const SCHEDULE: u64 = 0;
const NODE_MONITOR: u64 = 1;

/// `maxPods` of a kubelet that is not told otherwise.
const MAX_PODS: u32 = 110;

/// Where a silent node stands with the node lifecycle controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    /// Ready as far as anybody knows; becomes Unknown then.
    Unnoticed(SimTime),
    /// Unknown since then; waits for its turn to be tainted.
    Unknown(SimTime),
    /// Tainted; its pods are deleted then.
    Tainted(SimTime),
    /// Its pods are deleted.
    Deleted,
}

struct Kubernetes {
    books: Books,
    /// Pods to try, highest priority first, then first come.
    active: BTreeSet<(Reverse<i32>, u64, JobId)>,
    /// Pods that fitted nowhere when last tried, in the same order.
    unschedulable: BTreeSet<(Reverse<i32>, u64, JobId)>,
    /// The queue position of a job, kept over its re-queues of the same instant.
    arrivals: u64,
    schedule_asked: Option<SimTime>,
    monitor: Periodic,
    monitor_asked: Option<SimTime>,
    /// Nodes that joined and did not leave.
    nodes: Vec<bool>,
    silent: Vec<Option<Silence>>,
    silent_count: usize,
    pressure: Vec<bool>,
    heard_since: Vec<SimTime>,
    /// When the last node was tainted: the next one waits for its turn.
    last_taint: Option<SimTime>,
    start_delay: SimDuration,
    lease_renew: SimDuration,
    monitor_grace: SimDuration,
    node_eviction_interval: SimDuration,
    toleration: SimDuration,
}

impl Kubernetes {
    fn new(world: &World) -> Self {
        let n = world.cluster.len();
        let d = |name| INFO.duration(world.options, name);
        Kubernetes {
            books: Books::new(world, Some(MAX_PODS), true),
            active: BTreeSet::new(),
            unschedulable: BTreeSet::new(),
            arrivals: 0,
            schedule_asked: None,
            monitor: Periodic::new(SimTime::ZERO, d("monitor_period")),
            monitor_asked: None,
            nodes: vec![false; n],
            silent: vec![None; n],
            silent_count: 0,
            pressure: vec![false; n],
            heard_since: vec![SimTime::ZERO; n],
            last_taint: None,
            start_delay: d("start_delay"),
            lease_renew: d("lease_renew"),
            monitor_grace: d("monitor_grace"),
            node_eviction_interval: d("node_eviction_interval"),
            toleration: d("toleration"),
        }
    }

    fn enqueue(&mut self, now: Now, world: &World, job: JobId, actions: &mut Vec<Action>) {
        self.arrivals += 1;
        self.active.insert((Reverse(world.workload.spec(job).priority), self.arrivals, job));
        self.ask_schedule(now, actions);
    }

    /// Scheduling happens once all that was heard at this instant is in the queue, so that priority decides.
    fn ask_schedule(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.schedule_asked != Some(now.at) {
            self.schedule_asked = Some(now.at);
            actions.push(Action::Wake(now.at, SCHEDULE));
        }
    }

    fn schedule(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.schedule_asked = None;
        while let Some(entry) = self.active.pop_first() {
            let job = entry.2;
            match self.books.place(world, job) {
                Some(host) => {
                    actions.push(Action::Place(job, host));
                    actions.push(Action::Start(job, host, now.at + self.start_delay));
                }
                None => {
                    self.unschedulable.insert(entry);
                }
            }
        }
    }

    /// Something on `host` was freed: pods that could use it now are tried again.
    fn host_freed(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        if self.unschedulable.is_empty() {
            return;
        }
        let books = &self.books;
        let hopeful: Vec<_> =
            self.unschedulable.iter().filter(|entry| books.could_use(world, entry.2, host)).copied().collect();
        for entry in hopeful {
            self.unschedulable.remove(&entry);
            self.active.insert(entry);
            self.ask_schedule(now, actions);
        }
    }

    fn dequeue(&mut self, job: JobId) {
        self.active.retain(|entry| entry.2 != job);
        self.unschedulable.retain(|entry| entry.2 != job);
    }

    fn open(&mut self, host: HostId) {
        let h = host.index();
        let heard = !matches!(self.silent[h], Some(Silence::Unknown(_) | Silence::Tainted(_) | Silence::Deleted));
        self.books.bookings.open[h] = heard && !self.pressure[h];
    }

    fn lease(&self, world: &World, host: HostId) -> Periodic {
        let phase = world.seed.stream(Purpose::Phase, host.0.into()).below(self.lease_renew.0.max(1));
        Periodic::new(SimTime(phase), self.lease_renew)
    }

    fn ask_monitor(&mut self, now: Now, at: SimTime, actions: &mut Vec<Action>) {
        let next = self.monitor.next(now).max(self.monitor.at_or_after(at));
        if self.monitor_asked.is_none_or(|asked| asked > next) {
            self.monitor_asked = Some(next);
            actions.push(Action::Wake(next, NODE_MONITOR));
        }
    }

    /// Whether the zone brake holds: every node silent, or at least 55 % and more than two of at most 50.
    /// (`node_lifecycle_controller.go: ComputeZoneState`, one zone; over 50 nodes the slower secondary rate of
    /// one node in 100 s is taken instead.)
    fn braked(&self) -> Option<SimDuration> {
        let nodes = self.nodes.iter().filter(|&&there| there).count();
        let unknown = self
            .silent
            .iter()
            .filter(|s| matches!(s, Some(Silence::Unknown(_) | Silence::Tainted(_) | Silence::Deleted)))
            .count();
        if unknown == nodes {
            return None;
        }
        if unknown > 2 && unknown * 100 >= nodes * 55 {
            return (nodes > 50).then_some(SimDuration::from_secs(100));
        }
        Some(self.node_eviction_interval)
    }

    /// One pass of the node lifecycle controller over silent nodes.
    fn pass(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.monitor.ran(now.at);
        self.monitor_asked = None;
        if self.silent_count > 0 {
            for host in world.cluster.ids() {
                let h = host.index();
                if let Some(Silence::Unnoticed(at)) = self.silent[h]
                    && at <= now.at
                {
                    self.silent[h] = Some(Silence::Unknown(now.at));
                    self.open(host);
                    actions.push(Action::Lost(host, true));
                }
            }
            self.taint(now);
            for host in world.cluster.ids() {
                if let Some(Silence::Tainted(at)) = self.silent[host.index()]
                    && at <= now.at
                {
                    self.silent[host.index()] = Some(Silence::Deleted);
                    self.delete_pods(now, world, host, actions);
                }
            }
            self.ask_next(now, actions);
        }
        if world.every_tick {
            self.ask_monitor(now, now.at, actions);
        }
    }

    /// Gives Unknown nodes their taint, longest Unknown first, at the rate that the zone's state allows.
    fn taint(&mut self, now: Now) {
        let Some(interval) = self.braked() else { return };
        let mut unknown: Vec<(SimTime, usize)> = self
            .silent
            .iter()
            .enumerate()
            .filter_map(|(h, s)| if let Some(Silence::Unknown(since)) = s { Some((*since, h)) } else { None })
            .collect();
        unknown.sort_unstable();
        for (_, h) in unknown {
            if self.last_taint.is_some_and(|last| last + interval > now.at) {
                break;
            }
            self.last_taint = Some(now.at);
            self.silent[h] = Some(Silence::Tainted(now.at + self.toleration));
        }
    }

    fn delete_pods(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        for job in self.books.on(host) {
            actions.push(Action::GiveUp { job, host, evicted: true });
            actions.push(Action::Cancel(job));
            self.books.unbind(world, job);
            self.enqueue(now, world, job, actions);
        }
    }

    /// Asks for the next pass that could act on a silent node.
    fn ask_next(&mut self, now: Now, actions: &mut Vec<Action>) {
        let interval = self.braked();
        let next = self.silent.iter().flatten().filter_map(|s| match *s {
            Silence::Unnoticed(at) | Silence::Tainted(at) => Some(at),
            Silence::Unknown(_) => interval.map(|i| self.last_taint.map_or(now.at, |last| last + i)),
            Silence::Deleted => None,
        });
        if let Some(next) = next.min() {
            self.ask_monitor(now, next, actions);
        }
    }
}

impl Orchestrator for Kubernetes {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        match heard {
            Heard::Begin => {
                if world.every_tick {
                    self.ask_monitor(now, now.at, actions);
                }
            }
            Heard::Arrived(job) => self.enqueue(now, world, job, actions),
            // News of an old copy leaves the new one where it is.
            Heard::Ended { job, host, outcome: Outcome::Evicted } if self.books.host_of(job) != Some(host) => {}
            Heard::Ended { job, host, outcome } => match self.books.unbind(world, job) {
                None => self.dequeue(job),
                Some(bound) => {
                    actions.push(Action::Cancel(job));
                    if outcome == Outcome::Evicted {
                        self.enqueue(now, world, job, actions);
                    } else if bound != host {
                        actions.push(Action::Stop(job, bound, now.at));
                    }
                    self.host_freed(now, world, bound, actions);
                }
            },
            Heard::Removed(job) => match self.books.unbind(world, job) {
                Some(host) => self.host_freed(now, world, host, actions),
                None => self.dequeue(job),
            },
            Heard::HostUp { host, live } => {
                let h = host.index();
                let was = self.silent[h].take();
                self.silent_count -= usize::from(was.is_some());
                self.nodes[h] = true;
                self.heard_since[h] = now.at;
                if !matches!(was, None | Some(Silence::Unnoticed(_))) {
                    actions.push(Action::Lost(host, false));
                }
                self.open(host);
                let (missing, stale) = self.books.differences(host, live);
                for job in missing {
                    actions.push(Action::Start(job, host, now.at + self.start_delay));
                }
                for job in stale {
                    actions.push(Action::Stop(job, host, now.at + self.start_delay));
                }
                self.host_freed(now, world, host, actions);
                if self.silent_count > 0 {
                    self.ask_next(now, actions);
                }
            }
            Heard::HostSilent(host) => {
                // The monitor sees the last lease at its next pass, and waits from there.
                let since = self.heard_since[host.index()];
                let renewed = self.lease(world, host).at_or_before(now.at).unwrap_or(since).max(since);
                let unknown = self.monitor.at_or_after(renewed) + self.monitor_grace;
                if self.silent[host.index()].replace(Silence::Unnoticed(unknown)).is_none() {
                    self.silent_count += 1;
                }
                self.ask_monitor(now, unknown, actions);
            }
            Heard::HostLeft(host) => {
                let h = host.index();
                if self.silent[h].take().is_some() {
                    self.silent_count -= 1;
                }
                self.nodes[h] = false;
                self.books.bookings.open[h] = false;
                for job in self.books.on(host) {
                    actions.push(Action::Cancel(job));
                    self.books.unbind(world, job);
                    self.enqueue(now, world, job, actions);
                }
                // One silent node less may release the brake.
                if self.silent_count > 0 {
                    self.ask_next(now, actions);
                }
            }
            Heard::Pressure(host, on) => {
                self.pressure[host.index()] = on;
                self.open(host);
                if !on {
                    self.host_freed(now, world, host, actions);
                }
            }
            Heard::Wake(SCHEDULE) => self.schedule(now, world, actions),
            Heard::Wake(_) if self.monitor_asked == Some(now.at) => self.pass(now, world, actions),
            Heard::Wake(_) => {}
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::CrashLoop
    }

    fn replaces_evicted(&self) -> bool {
        true
    }
}
