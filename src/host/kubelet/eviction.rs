//! The kubelet's eviction manager: what one round of it does (`kubelet/eviction/eviction_manager.go: synchronize`).
//!
//! One file system, no disk signals and no local storage isolation: nothing on the node can be reclaimed, so every
//! round with a threshold due goes on to the pods. The caller says when a round is: every 10 s, or at once after a pod
//! that was evicted is gone.

use super::rank::{Ranked, memory_rank, pid_rank};
use super::threshold::{CONDITIONS, Condition, SIGNALS, Signal, Threshold};
use crate::units::{SimDuration, SimTime};

/// Grace of a pod that goes for a hard threshold.
pub const HARD_GRACE: SimDuration = SimDuration::from_secs(1);

/// What was measured of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// What is left.
    pub available: i64,
    /// What there is altogether.
    pub capacity: i64,
    /// When it was measured; `None` where the source does not say, which counts as new.
    pub at: Option<SimTime>,
}

/// What was measured, signal by signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observations([Option<Observation>; SIGNALS]);

impl Observations {
    /// The same with one more signal.
    pub fn with(mut self, signal: Signal, observation: Observation) -> Self {
        self.0[signal as usize] = Some(observation);
        self
    }

    /// What is known of `signal`.
    pub fn of(&self, signal: Signal) -> Option<Observation> {
        self.0[signal as usize]
    }
}

/// A pod that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// What the ranking looks at.
    pub ranked: Ranked,
    /// Whether it is spared ([`super::pod::Pod::critical`]).
    pub critical: bool,
    /// Its own `terminationGracePeriodSeconds`; 30 s by default.
    pub grace: SimDuration,
}

/// The pod that goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Eviction {
    /// Its place in the list of pods.
    pub pod: usize,
    /// How long it may take to end, in rising order. Two values where a hard and a soft memory threshold are both due:
    /// the real kubelet takes the one that its map happens to yield first.
    pub graces: Vec<SimDuration>,
}

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Round {
    /// Places in the configuration of the thresholds whose grace is over, whether or not their figures are new.
    pub met: Vec<usize>,
    /// The pod that goes; at most one a round.
    pub eviction: Option<Eviction>,
}

/// The eviction manager of one node.
#[derive(Clone, PartialEq, Debug)]
pub struct EvictionManager {
    thresholds: Vec<Threshold>,
    transition: SimDuration,
    pod_grace_max: SimDuration,
    /// Thresholds that the last round found due, as places in `thresholds`.
    met: Vec<usize>,
    /// Since when each threshold has been crossed without a break.
    since: Vec<Option<SimTime>>,
    /// When each condition was last given a reason.
    reason: [Option<SimTime>; CONDITIONS.len()],
    conditions: Vec<Condition>,
    last: Observations,
}

impl EvictionManager {
    /// A manager with `thresholds`, `evictionPressureTransitionPeriod` and `evictionMaxPodGracePeriod`.
    pub fn new(thresholds: Vec<Threshold>, transition: SimDuration, pod_grace_max: SimDuration) -> Self {
        EvictionManager {
            since: vec![None; thresholds.len()],
            thresholds,
            transition,
            pod_grace_max,
            met: Vec::new(),
            reason: [None; CONDITIONS.len()],
            conditions: Vec::new(),
            last: Observations::default(),
        }
    }

    /// The thresholds it was made with.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// Conditions that hold since the last round.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// One round at `now`. Rounds come in order of time.
    pub fn synchronize(&mut self, now: SimTime, seen: &Observations, pods: &[Candidate]) -> Round {
        if self.thresholds.is_empty() {
            return Round { met: Vec::new(), eviction: None };
        }
        // Crossed now, or due last time and not yet as far above as the minimum reclaim asks.
        let crossed: Vec<bool> = (0..self.thresholds.len())
            .map(|i| self.is_crossed(i, seen, false) || (self.met.contains(&i) && self.is_crossed(i, seen, true)))
            .collect();
        for (since, crossed) in self.since.iter_mut().zip(&crossed) {
            *since = crossed.then(|| since.unwrap_or(now));
        }
        // A soft threshold is a reason for its condition from the moment it is crossed, grace or not.
        for (threshold, _) in self.thresholds.iter().zip(&crossed).filter(|(_, crossed)| **crossed) {
            self.reason[threshold.signal.condition() as usize] = Some(now);
        }
        let lasts = |c: &Condition| self.reason[*c as usize].is_some_and(|at| now.since(at) < self.transition);
        self.conditions = CONDITIONS.into_iter().filter(lasts).collect();
        let over = |i: &usize| self.since[*i].is_some_and(|at| now.since(at) >= self.thresholds[*i].grace);
        self.met = (0..self.thresholds.len()).filter(over).collect();
        // Nobody goes for figures that were there last time.
        let due: Vec<Threshold> =
            self.met.iter().map(|&i| self.thresholds[i]).filter(|t| self.is_news(t.signal, seen)).collect();
        self.last = *seen;
        Round { met: self.met.clone(), eviction: self.evict(&due, pods) }
    }

    /// Whether less is available than the threshold at `i` asks for, its minimum reclaim added or not.
    fn is_crossed(&self, i: usize, seen: &Observations, with_reclaim: bool) -> bool {
        let threshold = &self.thresholds[i];
        let Some(observed) = seen.of(threshold.signal) else { return false };
        let reclaim = threshold.reclaim.filter(|_| with_reclaim).map_or(0, |amount| amount.of(observed.capacity));
        observed.available < threshold.amount.of(observed.capacity).saturating_add(reclaim)
    }

    /// Whether `signal` was measured since the last round.
    fn is_news(&self, signal: Signal, seen: &Observations) -> bool {
        match (seen.of(signal), self.last.of(signal)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(now), Some(last)) => now.at.is_none_or(|at| last.at.is_none_or(|last| at > last)),
        }
    }

    /// Memory comes before process ids; within memory the real order is undefined and the ranking is the same.
    fn evict(&self, due: &[Threshold], pods: &[Candidate]) -> Option<Eviction> {
        let is_memory = |t: &&Threshold| t.signal.condition() == Condition::MemoryPressure;
        let memory: Vec<&Threshold> = due.iter().filter(is_memory).collect();
        let ranked: Vec<Ranked> = pods.iter().map(|pod| pod.ranked).collect();
        let (chosen, order) = match (memory.is_empty(), due.is_empty()) {
            (false, _) => (memory, memory_rank(&ranked)),
            (true, false) => (due.iter().collect(), pid_rank(&ranked)),
            (true, true) => return None,
        };
        let pod = order.into_iter().find(|&i| !pods[i].critical)?;
        let grace = |t: &&Threshold| if t.is_hard() { HARD_GRACE } else { self.pod_grace_max.min(pods[pod].grace) };
        let mut graces: Vec<SimDuration> = chosen.iter().map(grace).collect();
        graces.sort();
        graces.dedup();
        Some(Eviction { pod, graces })
    }

    /// Whether the kubelet takes a pod that the scheduler sends (`Admit`).
    pub fn admits(&self, pod: Admission) -> bool {
        let only_memory = self.conditions == [Condition::MemoryPressure];
        self.conditions.is_empty() || pod.critical || only_memory && (!pod.best_effort || pod.tolerates_memory_pressure)
    }
}

/// What admission under pressure asks of a pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Admission {
    /// Whether it is critical.
    pub critical: bool,
    /// Whether its class is BestEffort.
    pub best_effort: bool,
    /// Whether it tolerates the taint of memory pressure.
    pub tolerates_memory_pressure: bool,
}

#[cfg(test)]
mod tests {
    use super::super::rank::Usage;
    use super::super::threshold::Amount;
    use super::*;

    #[test]
    fn pressure_outlasts_its_cause_and_old_figures_evict_nobody() {
        let secs = SimDuration::from_secs;
        let hard = Threshold {
            signal: Signal::Memory,
            amount: Amount::Quantity(100),
            grace: SimDuration::ZERO,
            reclaim: Some(Amount::Quantity(50)),
        };
        let mut manager = EvictionManager::new(vec![hard], secs(30), SimDuration::ZERO);
        let usage = Some(Usage { memory: 10, processes: 1 });
        let ranked = Ranked { priority: 0, memory_request: 0, usage };
        let pods = [Candidate { ranked, critical: false, grace: secs(30) }];
        // (now, measured at, available) → (pods evicted, under pressure)
        for (now, at, available, evicted, pressure) in [
            (10, 9, 100, false, false), // not below 100
            (20, 19, 99, true, true),
            (30, 19, 99, false, true),   // the figures of last time
            (40, 39, 149, true, true),   // below 100 + 50
            (50, 49, 150, false, true),  // 10 s after the last reason
            (70, 69, 149, false, false), // 30 s after it, and the threshold is forgotten
        ] {
            let at = Some(SimTime::ZERO + secs(at));
            let seen = Observations::default().with(Signal::Memory, Observation { available, capacity: 1000, at });
            let round = manager.synchronize(SimTime::ZERO + secs(now), &seen, &pods);
            assert_eq!((round.eviction.is_some(), !manager.conditions().is_empty()), (evicted, pressure), "{now} s");
        }
    }
}
