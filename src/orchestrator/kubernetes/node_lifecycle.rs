//! The node lifecycle controller: from a node's last lease to Unknown, to its taint, to the deletion of its pods.

use super::INFO;
use crate::ids::HostId;
use crate::orchestrator::{Action, Now, Periodic, World};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

/// Where a silent node stands.
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

impl Silence {
    fn noticed(self) -> bool {
        !matches!(self, Silence::Unnoticed(_))
    }
}

/// What a pass decided about a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// It is Unknown from now on.
    Unknown(HostId),
    /// Its pods are deleted.
    DeletePods(HostId),
}

pub(super) struct NodeLifecycle {
    monitor: Periodic,
    monitor_asked: Option<SimTime>,
    /// Nodes that joined and did not leave.
    nodes: Vec<bool>,
    silent: Vec<Option<Silence>>,
    silent_count: usize,
    heard_since: Vec<SimTime>,
    /// When the last node was tainted: the next one waits for its turn.
    last_taint: Option<SimTime>,
    lease_renew: SimDuration,
    monitor_grace: SimDuration,
    node_eviction_interval: SimDuration,
    toleration: SimDuration,
}

impl NodeLifecycle {
    pub fn new(world: &World) -> Self {
        let n = world.cluster.len();
        let d = |name| INFO.duration(world.options, name);
        NodeLifecycle {
            monitor: Periodic::new(SimTime::ZERO, d("monitor_period")),
            monitor_asked: None,
            nodes: vec![false; n],
            silent: vec![None; n],
            silent_count: 0,
            heard_since: vec![SimTime::ZERO; n],
            last_taint: None,
            lease_renew: d("lease_renew"),
            monitor_grace: d("monitor_grace"),
            node_eviction_interval: d("node_eviction_interval"),
            toleration: d("toleration"),
        }
    }

    /// Number of nodes that are there.
    pub fn count(&self) -> usize {
        self.nodes.iter().filter(|&&there| there).count()
    }

    /// Whether `host` joined and did not leave.
    pub fn is_there(&self, host: HostId) -> bool {
        self.nodes[host.index()]
    }

    /// Whether nothing is heard of `host`, noticed or not.
    pub fn is_silent(&self, host: HostId) -> bool {
        self.silent[host.index()].is_some()
    }

    /// Whether `host` is known to be silent.
    pub fn is_unknown(&self, host: HostId) -> bool {
        self.silent[host.index()].is_some_and(Silence::noticed)
    }

    /// A node is there, or heard again. Whether it had been Unknown.
    pub fn up(&mut self, now: Now, host: HostId, actions: &mut Vec<Action>) -> bool {
        let h = host.index();
        let was = self.silent[h].take();
        self.silent_count -= usize::from(was.is_some());
        self.nodes[h] = true;
        self.heard_since[h] = now.at;
        if self.silent_count > 0 {
            self.ask_next(now, actions);
        }
        was.is_some_and(Silence::noticed)
    }

    /// Nothing more is heard of a node. The monitor sees the last lease at its next pass, and waits from there.
    pub fn silent(&mut self, now: Now, host: HostId, world: &World, actions: &mut Vec<Action>) {
        let since = self.heard_since[host.index()];
        let renewed = self.lease(world, host).at_or_before(now.at).unwrap_or(since).max(since);
        let unknown = self.monitor.at_or_after(renewed) + self.monitor_grace;
        if self.silent[host.index()].replace(Silence::Unnoticed(unknown)).is_none() {
            self.silent_count += 1;
        }
        self.ask_monitor(now, unknown, actions);
    }

    /// A node was taken out.
    pub fn left(&mut self, now: Now, host: HostId, actions: &mut Vec<Action>) {
        if self.silent[host.index()].take().is_some() {
            self.silent_count -= 1;
        }
        self.nodes[host.index()] = false;
        // One silent node less may release the brake.
        if self.silent_count > 0 {
            self.ask_next(now, actions);
        }
    }

    /// The run begins.
    pub fn begin(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if world.every_tick {
            self.ask_monitor(now, now.at, actions);
        }
    }

    /// Whether the wake-up at this moment is a pass that is still wanted.
    pub fn is_due(&self, now: Now) -> bool {
        self.monitor_asked == Some(now.at)
    }

    /// One pass over silent nodes. The deletions come after all nodes were looked at.
    pub fn pass(&mut self, now: Now, world: &World) -> Vec<Decision> {
        self.monitor.ran(now.at);
        self.monitor_asked = None;
        let mut decisions = Vec::new();
        if self.silent_count == 0 {
            return decisions;
        }
        for host in world.cluster.ids() {
            if let Some(Silence::Unnoticed(at)) = self.silent[host.index()]
                && at <= now.at
            {
                self.silent[host.index()] = Some(Silence::Unknown(now.at));
                decisions.push(Decision::Unknown(host));
            }
        }
        self.taint(now);
        for host in world.cluster.ids() {
            if let Some(Silence::Tainted(at)) = self.silent[host.index()]
                && at <= now.at
            {
                self.silent[host.index()] = Some(Silence::Deleted);
                decisions.push(Decision::DeletePods(host));
            }
        }
        decisions
    }

    /// Asks for the pass after this one.
    pub fn passed(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if self.silent_count > 0 {
            self.ask_next(now, actions);
        }
        self.begin(now, world, actions);
    }

    fn lease(&self, world: &World, host: HostId) -> Periodic {
        let phase = world.seed.stream(Purpose::Phase, host.0.into()).below(self.lease_renew.0.max(1));
        Periodic::new(SimTime(phase), self.lease_renew)
    }

    fn ask_monitor(&mut self, now: Now, at: SimTime, actions: &mut Vec<Action>) {
        let next = self.monitor.next(now).max(self.monitor.at_or_after(at));
        if self.monitor_asked.is_none_or(|asked| asked > next) {
            self.monitor_asked = Some(next);
            actions.push(Action::Wake(next, super::NODE_MONITOR));
        }
    }

    /// Whether the zone brake holds: every node silent, or at least 55 % and more than two of at most 50.
    /// (`node_lifecycle_controller.go: ComputeZoneState`, one zone; over 50 nodes the slower secondary rate of
    /// one node in 100 s is taken instead.)
    fn braked(&self) -> Option<SimDuration> {
        let nodes = self.count();
        let unknown = self.silent.iter().filter(|s| s.is_some_and(Silence::noticed)).count();
        if unknown == nodes {
            return None;
        }
        if unknown > 2 && unknown * 100 >= nodes * 55 {
            return (nodes > 50).then_some(SimDuration::from_secs(100));
        }
        Some(self.node_eviction_interval)
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
