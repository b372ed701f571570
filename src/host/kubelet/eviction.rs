//! The kubelet's eviction manager: what one round of it does (`kubelet/eviction/eviction_manager.go: synchronize`).
//!
//! One file system, whose inodes are not counted. Unused images are all that the node itself can give up. The caller says
//! when a round is: every 10 s, or at once after a pod that was evicted is gone.

use super::rank::{Ranked, disk_rank, memory_rank, pid_rank};
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
pub struct Observations {
    of: [Option<Observation>; SIGNALS],
    /// Bytes of disk that unused images take.
    unused_images: i64,
}

impl Observations {
    /// The same with one more signal.
    pub fn with(mut self, signal: Signal, observation: Observation) -> Self {
        self.of[signal as usize] = Some(observation);
        self
    }

    /// The same with so many bytes of disk in images that nobody uses.
    pub fn with_unused_images(mut self, bytes: i64) -> Self {
        self.unused_images = bytes;
        self
    }

    /// What is known of `signal`.
    pub fn of(&self, signal: Signal) -> Option<Observation> {
        self.of[signal as usize]
    }

    /// What would be measured once unused images are deleted.
    fn without_unused_images(mut self) -> Self {
        for signal in [Signal::Nodefs, Signal::Imagefs] {
            if let Some(observation) = &mut self.of[signal as usize] {
                observation.available = observation.available.saturating_add(self.unused_images);
            }
        }
        self.unused_images = 0;
        self
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
    /// Local disk space that it may use, in bytes; `None`: any amount.
    pub ephemeral_limit: Option<i64>,
}

impl Candidate {
    /// Whether it goes for its own limit, whatever is left on the disk.
    fn exceeds_its_limit(&self) -> bool {
        let used = self.ranked.usage.unwrap_or_default().ephemeral;
        !self.critical && self.ephemeral_limit.is_some_and(|limit| used > limit)
    }
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
    /// Places in the list of the pods that go for limits of their own (`localStorageEviction`), one after the other, each
    /// with [`HARD_GRACE`]. The round ends with them.
    pub over_limit: Vec<usize>,
    /// Unused images were deleted.
    pub images_deleted: bool,
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

    /// Whether a threshold is crossed by what is seen, minimum reclaim aside.
    pub fn would_cross(&self, seen: &Observations) -> bool {
        (0..self.thresholds.len()).any(|i| self.is_crossed(i, seen, false))
    }

    /// Whether no threshold is crossed since the last round, nor was due then and not yet far enough above.
    pub fn is_calm(&self) -> bool {
        self.since.iter().all(Option::is_none)
    }

    /// When the first of the conditions that hold ends, if nothing gives it another reason.
    pub fn relief(&self) -> Option<SimTime> {
        let ends = |c: &Condition| self.reason[*c as usize].map(|at| at + self.transition);
        self.conditions.iter().filter_map(ends).min()
    }

    /// One round at `now`. Rounds come in order of time.
    pub fn synchronize(&mut self, now: SimTime, seen: &Observations, pods: &[Candidate]) -> Round {
        let crossed = self.crossed(seen);
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
        let mut round = Round { met: self.met.clone(), over_limit: Vec::new(), images_deleted: false, eviction: None };
        round.over_limit = (0..pods.len()).filter(|&i| pods[i].exceeds_its_limit()).collect();
        let Some(first) = due.iter().map(|t| t.signal).min() else { return round };
        if !round.over_limit.is_empty() {
            return round;
        }
        if first.condition() == Condition::DiskPressure {
            round.images_deleted = seen.unused_images > 0;
            if !self.crossed(&seen.without_unused_images()).contains(&true) {
                return round;
            }
        }
        round.eviction = self.evict(&due, first, pods);
        round
    }

    /// Of each threshold, whether it is crossed, or was due in the last round and is not yet as far above as the minimum
    /// reclaim asks.
    fn crossed(&self, seen: &Observations) -> Vec<bool> {
        (0..self.thresholds.len())
            .map(|i| self.is_crossed(i, seen, false) || (self.met.contains(&i) && self.is_crossed(i, seen, true)))
            .collect()
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

    /// Memory comes first (`byEvictionPriority`), then disks, then process ids; behind memory the real order is undefined,
    /// as it is within memory, where the ranking is the same.
    fn evict(&self, due: &[Threshold], first: Signal, pods: &[Candidate]) -> Option<Eviction> {
        let ranked: Vec<Ranked> = pods.iter().map(|pod| pod.ranked).collect();
        let order = match first.condition() {
            Condition::MemoryPressure => memory_rank(&ranked),
            Condition::DiskPressure => disk_rank(&ranked),
            Condition::PidPressure => pid_rank(&ranked),
        };
        let pod = order.into_iter().find(|&i| !pods[i].critical)?;
        let chosen = due.iter().filter(|t| t.signal.condition() == first.condition());
        let grace = |t: &Threshold| if t.is_hard() { HARD_GRACE } else { self.pod_grace_max.min(pods[pod].grace) };
        let mut graces: Vec<SimDuration> = chosen.map(grace).collect();
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
        let usage = Some(Usage { memory: 10, processes: 1, ephemeral: 0 });
        let ranked = Ranked { priority: 0, memory_request: 0, ephemeral_request: 0, usage };
        let pods = [Candidate { ranked, critical: false, grace: secs(30), ephemeral_limit: None }];
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

    #[test]
    fn unused_images_go_before_pods_and_who_is_over_its_own_limit_before_both() {
        let secs = SimDuration::from_secs;
        let hard =
            Threshold { signal: Signal::Nodefs, amount: Amount::Share(0.1), grace: SimDuration::ZERO, reclaim: None };
        let mut manager = EvictionManager::new(vec![hard], secs(30), SimDuration::ZERO);
        let pod = |ephemeral, ephemeral_request, ephemeral_limit| Candidate {
            ranked: Ranked {
                priority: 0,
                memory_request: 0,
                ephemeral_request,
                usage: Some(Usage { ephemeral, ..Usage::default() }),
            },
            critical: false,
            grace: secs(30),
            ephemeral_limit,
        };
        let pods = [pod(500, 500, None), pod(300, 0, Some(300)), pod(100, 100, Some(99))];
        let seen = |available, images| {
            let disk = Observation { available, capacity: 1000, at: None };
            Observations::default().with(Signal::Nodefs, disk).with_unused_images(images)
        };
        // (available, in unused images) → (over their limits, images deleted, evicted)
        let mut round = |now, pods: &[Candidate], available, images| {
            let round = manager.synchronize(SimTime::ZERO + secs(now), &seen(available, images), pods);
            (round.over_limit, round.images_deleted, round.eviction.map(|e| e.pod))
        };
        // The third is over its limit even where nothing is short.
        assert_eq!(round(10, &pods, 500, 9), (vec![2], false, None));
        assert_eq!(round(20, &pods, 90, 9), (vec![2], false, None));
        let pods = &pods[..2];
        // 90 + 9 is under 10 % of 1000, 90 + 10 is not; then the second, which exceeds its request, goes.
        assert_eq!(round(30, pods, 90, 10), (vec![], true, None));
        assert_eq!(round(40, pods, 90, 9), (vec![], true, Some(1)));
        assert_eq!(round(50, pods, 99, 0), (vec![], false, Some(1)));
        assert_eq!(round(60, pods, 100, 0), (vec![], false, None));
    }
}
