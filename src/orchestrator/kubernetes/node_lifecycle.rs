//! The node lifecycle controller: from a node's last lease to Unknown, to its taint, zone by zone.
//!
//! `pkg/controller/nodelifecycle/node_lifecycle_controller.go` (v1.36.3) `monitorNodeHealth`, `handleDisruption`. A zone of
//! which too many nodes are silent is evicted more slowly or not at all; where every zone is silent as a whole it is the
//! control plane that is cut off, and nobody is evicted. Departures: a node enters its zone's queue in the pass in which it
//! becomes Unknown (the real one in the pass after, 5 s later), the queue is looked at in passes (the real one every
//! 100 ms), and a node that is heard again loses its taint at once (the real one at the next pass).

use std::collections::BTreeMap;

use super::{INFO, objects};
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
    /// Tainted: its pods go when their tolerations run out.
    Tainted,
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
    /// Pods that do not tolerate unreachable nodes are to leave.
    Taint(HostId),
    /// They may stay.
    Untaint(HostId),
}

/// How a zone is (`ComputeZoneState`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ZoneState {
    Normal,
    /// Too many of its nodes are not ready.
    Partial,
    /// None is ready.
    Full,
}

/// A zone and the rate at which its nodes are tainted (`RateLimitedTimedQueue`, burst 1).
#[derive(Clone, Copy, Debug)]
struct Zone {
    state: ZoneState,
    /// Time between two taints; `None`: none.
    interval: Option<SimDuration>,
    /// When the next taint may be.
    token: SimTime,
}

impl Zone {
    /// `SwapLimiter`: a new rate begins with a full interval, unless a taint was due under the old one.
    fn swap(&mut self, interval: Option<SimDuration>, now: SimTime) {
        if self.interval == interval {
            return;
        }
        let was_due = self.interval.is_some() && self.token <= now;
        self.token = match interval {
            Some(interval) if !was_due => now + interval,
            _ => now,
        };
        self.interval = interval;
    }
}

/// Nodes of a zone, by what the controller knows.
#[derive(Clone, Copy, Default)]
struct Counts {
    nodes: u64,
    unknown: u64,
}

pub(super) struct NodeLifecycle {
    monitor: Periodic,
    monitor_asked: Option<SimTime>,
    /// Nodes that joined and did not leave.
    nodes: Vec<bool>,
    silent: Vec<Option<Silence>>,
    silent_count: usize,
    /// Since when a silent node has been silent.
    silent_since: Vec<SimTime>,
    heard_since: Vec<SimTime>,
    zone_of: Vec<usize>,
    zones: Vec<Zone>,
    /// Whether every zone is in full disruption: then nobody is tainted.
    all_full: bool,
    lease_renew: SimDuration,
    monitor_grace: SimDuration,
    interval: SimDuration,
    secondary_interval: SimDuration,
    /// Percent.
    unhealthy_threshold: u64,
    large_zone: u64,
}

impl NodeLifecycle {
    pub fn new(world: &World) -> Self {
        let n = world.cluster.len();
        let d = |name| INFO.duration(world.options, name);
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let zone_of: Vec<usize> = world
            .cluster
            .ids()
            .map(|host| {
                let node = objects::node(world, world.cluster.spec(host), objects::Conditions::default());
                let next = numbers.len();
                *numbers.entry(node.zone_key()).or_insert(next)
            })
            .collect();
        let interval = d("node_eviction_interval");
        let zone = Zone { state: ZoneState::Normal, interval: Some(interval), token: SimTime::ZERO };
        NodeLifecycle {
            monitor: Periodic::new(SimTime::ZERO, d("monitor_period")),
            monitor_asked: None,
            nodes: vec![false; n],
            silent: vec![None; n],
            silent_count: 0,
            silent_since: vec![SimTime::ZERO; n],
            heard_since: vec![SimTime::ZERO; n],
            zones: vec![zone; numbers.len()],
            zone_of,
            all_full: false,
            lease_renew: d("lease_renew"),
            monitor_grace: d("monitor_grace"),
            interval,
            secondary_interval: d("secondary_node_eviction_interval"),
            unhealthy_threshold: INFO.number(world.options, "unhealthy_zone_threshold"),
            large_zone: INFO.number(world.options, "large_zone"),
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

    /// Since when nothing has been heard of `host`, if that is so.
    pub fn silent_since(&self, host: HostId) -> Option<SimTime> {
        self.is_silent(host).then(|| self.silent_since[host.index()])
    }

    /// Whether `host` is known to be silent.
    pub fn is_unknown(&self, host: HostId) -> bool {
        self.silent[host.index()].is_some_and(Silence::noticed)
    }

    /// Whether pods on `host` have to tolerate that it is unreachable.
    pub fn is_tainted(&self, host: HostId) -> bool {
        self.silent[host.index()] == Some(Silence::Tainted)
    }

    /// A node is there, or heard again. Whether it had been Unknown.
    pub fn up(&mut self, now: Now, host: HostId, actions: &mut Vec<Action>) -> bool {
        let h = host.index();
        let was = self.silent[h].take();
        self.silent_count -= usize::from(was.is_some());
        self.nodes[h] = true;
        self.heard_since[h] = now.at;
        self.ask_if_astir(now, actions);
        was.is_some_and(Silence::noticed)
    }

    /// Nothing more is heard of a node. The monitor sees the last lease at its next pass, and waits from there.
    pub fn silent(&mut self, now: Now, host: HostId, world: &World, actions: &mut Vec<Action>) {
        let since = self.heard_since[host.index()];
        let renewed = self.lease(world, host).at_or_before(now.at).unwrap_or(since).max(since);
        let unknown = self.monitor.at_or_after(renewed) + self.monitor_grace;
        self.silent_since[host.index()] = now.at;
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
        self.ask_if_astir(now, actions);
    }

    /// The run begins.
    pub fn begin(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if world.every_tick {
            self.ask_monitor(now, now.at, actions);
        }
    }

    /// Whether it is time for a pass. Passes go before all else that is woken at a moment, whoever asked first.
    pub fn is_due(&self, now: Now) -> bool {
        self.monitor.next(now) == now.at
    }

    /// Whether a pass could find anything.
    fn astir(&self) -> bool {
        self.silent_count > 0 || self.all_full || self.zones.iter().any(|zone| zone.state != ZoneState::Normal)
    }

    /// One pass over the nodes.
    pub fn pass(&mut self, now: Now, world: &World) -> Vec<Decision> {
        self.monitor.ran(now.at);
        self.monitor_asked = None;
        let mut decisions = Vec::new();
        if !self.astir() {
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
        self.handle_disruption(now, &mut decisions);
        self.taint(now, &mut decisions);
        decisions
    }

    /// The controller begins anew: who is silent and not Unknown yet has his whole grace again.
    pub fn begin_anew(&mut self, now: Now) {
        let noticed = self.monitor.next(now) + self.monitor_grace;
        for silence in self.silent.iter_mut().flatten() {
            if let Silence::Unnoticed(at) = silence {
                *at = (*at).max(noticed);
            }
        }
        for zone in &mut self.zones {
            zone.token = now.at;
        }
    }

    /// Passes are made again after a time without any.
    pub fn resume(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.monitor_asked = None;
        self.ask_if_astir(now, actions);
        self.begin(now, world, actions);
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

    /// One node more or less may change the state of its zone at the next pass.
    fn ask_if_astir(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.astir() {
            self.ask_monitor(now, now.at, actions);
        }
    }

    /// The state of a zone, `ComputeZoneState`. In whole numbers: up to 800,000 nodes the division in 32-bit floats of
    /// the real one comes to the same.
    fn state(&self, zone: Counts) -> ZoneState {
        if zone.unknown > 0 && zone.unknown == zone.nodes {
            ZoneState::Full
        } else if zone.unknown > 2 && zone.unknown * 100 >= zone.nodes * self.unhealthy_threshold {
            ZoneState::Partial
        } else {
            ZoneState::Normal
        }
    }

    /// `setLimiterInZone`.
    fn rate(&self, state: ZoneState, nodes: u64) -> Option<SimDuration> {
        match state {
            ZoneState::Normal | ZoneState::Full => Some(self.interval),
            ZoneState::Partial => (nodes > self.large_zone).then_some(self.secondary_interval),
        }
    }

    fn handle_disruption(&mut self, now: Now, decisions: &mut Vec<Decision>) {
        let mut counts = vec![Counts::default(); self.zones.len()];
        for h in 0..self.nodes.len() {
            let zone = &mut counts[self.zone_of[h]];
            zone.nodes += u64::from(self.nodes[h]);
            zone.unknown += u64::from(self.nodes[h] && self.silent[h].is_some_and(Silence::noticed));
        }
        let states: Vec<ZoneState> = counts.iter().map(|&zone| self.state(zone)).collect();
        let mut there = (0..states.len()).filter(|&z| counts[z].nodes > 0).peekable();
        let all_full = there.peek().is_some() && there.all(|z| states[z] == ZoneState::Full);
        match (self.all_full, all_full) {
            (true, true) => return,
            (false, true) => {
                for (h, silence) in self.silent.iter_mut().enumerate() {
                    if *silence == Some(Silence::Tainted) {
                        *silence = Some(Silence::Unknown(now.at));
                        decisions.push(Decision::Untaint(HostId(h as u32)));
                    }
                }
                for zone in &mut self.zones {
                    zone.swap(None, now.at);
                    zone.state = ZoneState::Full;
                }
            }
            (was, false) => {
                if was {
                    // The timers of nodes that are silent and not Unknown yet begin anew.
                    for silence in self.silent.iter_mut().flatten() {
                        if let Silence::Unnoticed(at) = silence {
                            *at = (*at).max(now.at + self.monitor_grace);
                        }
                    }
                }
                for z in 0..self.zones.len() {
                    if was || self.zones[z].state != states[z] {
                        let interval = self.rate(states[z], counts[z].nodes);
                        self.zones[z].swap(interval, now.at);
                        self.zones[z].state = states[z];
                    }
                }
            }
        }
        self.all_full = all_full;
    }

    /// Gives Unknown nodes their taint, longest Unknown first, at the rate of their zone.
    fn taint(&mut self, now: Now, decisions: &mut Vec<Decision>) {
        let mut unknown: Vec<(SimTime, usize)> = self
            .silent
            .iter()
            .enumerate()
            .filter_map(|(h, s)| if let Some(Silence::Unknown(since)) = s { Some((*since, h)) } else { None })
            .collect();
        unknown.sort_unstable();
        for (_, h) in unknown {
            let zone = &mut self.zones[self.zone_of[h]];
            if let Some(interval) = zone.interval
                && zone.token <= now.at
            {
                zone.token = now.at + interval;
                self.silent[h] = Some(Silence::Tainted);
                decisions.push(Decision::Taint(HostId(h as u32)));
            }
        }
    }

    /// Asks for the next pass that could act on a silent node.
    fn ask_next(&mut self, now: Now, actions: &mut Vec<Action>) {
        let next = self.silent.iter().enumerate().filter_map(|(h, silence)| match (*silence)? {
            Silence::Unnoticed(at) => Some(at),
            Silence::Unknown(_) => {
                let zone = &self.zones[self.zone_of[h]];
                zone.interval.map(|_| zone.token)
            }
            Silence::Tainted => None,
        });
        if let Some(next) = next.min() {
            self.ask_monitor(now, next, actions);
        }
    }
}
