//! How a scheduler judges one host for one kind of request, in numbers.

use crate::index::host::{Booked, Room, Want};

/// The judgement of a host: 0 where the job does not fit, else one more than the score.
pub trait Rule {
    /// What is worked out of a host once, for all kinds of requests.
    type Note: Copy + Default;
    /// What is worked out of a kind of request once, for all hosts with the same room.
    type Asked: Copy + Default;

    /// Judges one host. The same for equal arguments; at most [`Rule::most`].
    fn judge(&self, room: &Room, booked: &Booked, want: &Want) -> u16;

    /// What is worked out of a host.
    fn note(&self, room: &Room, booked: &Booked) -> Self::Note;

    /// What is worked out of a request on hosts with that room.
    fn ask(&self, room: &Room, want: &Want) -> Self::Asked;

    /// The same as [`Rule::judge`], by what has been worked out.
    fn judge_noted(&self, room: &Room, booked: &Booked, want: &Want, note: &Self::Note, asked: &Self::Asked) -> u16;

    /// What is above every judgement.
    fn most(&self) -> u16;

    /// What [`crate::index::levels::Levels`] can go by, where the rule is of that form.
    fn level(&self) -> Option<LevelRule> {
        None
    }

    /// What they need to know of a host, of what has been worked out of it.
    fn standing(&self, _note: &Self::Note) -> KubeNote {
        KubeNote::default()
    }
}

/// A rule that spreads by free shares: `fit` × the mean of the free parts of CPU and memory in whole percent, each rounded
/// down, and `balanced` × how much the job evens the two out ([`balanced`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LevelRule {
    /// Weight of the free parts.
    pub fit: i64,
    /// Weight of the balance.
    pub balanced: i64,
}

/// What NodeResourcesFit scores by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fullness {
    /// `LeastAllocated`.
    Least,
    /// `MostAllocated`.
    Most,
    /// `RequestedToCapacityRatio`: points (utilisation in percent, score 0 to 100), by utilisation.
    Ratio(Vec<(i64, i64)>),
}

/// NodeResourcesFit and NodeResourcesBalancedAllocation of kube-scheduler v1.36.3 over CPU and memory
/// (`noderesources/{fit,resource_allocation,least_allocated,most_allocated,requested_to_capacity_ratio,balanced_allocation}.go`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KubeRule {
    /// The strategy.
    pub fullness: Fullness,
    /// Weight of the plugin NodeResourcesFit; 0: it does not score.
    pub fit_weight: i64,
    /// Weights of CPU and memory within it.
    pub weights: [i64; 2],
    /// Weight of the plugin NodeResourcesBalancedAllocation; 0: it does not score.
    pub balanced_weight: i64,
}

/// Greatest sum of weights that a [`KubeRule`] is used with: a judgement fits 16 bits.
const WEIGHTS_MOST: i64 = 600;

impl KubeRule {
    /// Whether judgements fit, and no weight is negative.
    pub fn is_regular(&self) -> bool {
        let plugins = [self.fit_weight, self.balanced_weight];
        let points = match &self.fullness {
            Fullness::Ratio(points) => {
                points.iter().all(|(at, score)| (0..=100).contains(at) && (0..=100).contains(score))
            }
            Fullness::Least | Fullness::Most => true,
        };
        points
            && plugins.iter().all(|w| (0..=WEIGHTS_MOST).contains(w))
            && plugins.iter().sum::<i64>() <= WEIGHTS_MOST
            && self.weights.iter().all(|w| (0..=1_000_000).contains(w))
    }

    #[inline]
    fn part(&self, used: i64, has: i64) -> i64 {
        match &self.fullness {
            Fullness::Least if used > has => 0,
            Fullness::Least => (has - used) * 100 / has,
            Fullness::Most => used.min(has) * 100 / has,
            Fullness::Ratio(points) => along(points, if used > has { 100 } else { used * 100 / has }),
        }
    }

    #[inline]
    fn fit(&self, room: &Room, booked: &Booked, want: &Want) -> i64 {
        let ratio = matches!(self.fullness, Fullness::Ratio(_));
        let used = [booked.non_zero_cpu + want.score_cpu, booked.non_zero_memory + want.score_memory];
        let (mut sum, mut weights) = (0, 0);
        for (i, has) in [room.cpu, room.memory].into_iter().enumerate() {
            if has == 0 {
                continue;
            }
            let part = self.part(used[i], has);
            // By the ratio a resource that scores 0 is left out of the mean.
            if !ratio || part > 0 {
                sum += part * self.weights[i];
                weights += self.weights[i];
            }
        }
        match (weights, ratio) {
            (0, _) => 0,
            (weights, true) => (sum as f64 / weights as f64).round() as i64,
            (weights, false) => sum / weights,
        }
    }
}

/// The score at utilisation `p` on the broken line through `points`.
fn along(points: &[(i64, i64)], p: i64) -> i64 {
    let Some(i) = points.iter().position(|(at, _)| p <= *at) else {
        return points.last().map_or(0, |(_, score)| *score);
    };
    let (at, score) = points[i];
    match i.checked_sub(1).map(|before| points[before]) {
        None => score,
        Some((from, base)) => base + (score - base) * (p - from) / (at - from),
    }
}

/// How even the use of CPU and memory is, 50 to 100: `balancedResourceScore` for two resources, operation by operation. A
/// resource that the host does not have is left out.
#[inline]
pub fn evenness(room: &Room, cpu: i64, memory: i64) -> i64 {
    if room.cpu == 0 || room.memory == 0 {
        return 100;
    }
    let part = |used: i64, has: i64| {
        let part = used as f64 / has as f64;
        if part > 1.0 { 1.0 } else { part }
    };
    let deviation = ((part(cpu, room.cpu) - part(memory, room.memory)) / 2.0).abs();
    ((1.0 - deviation) * 100.0) as i64
}

/// The score of balance from [`evenness`] with the job and without it.
#[inline]
pub fn balanced(with: i64, without: i64) -> i64 {
    50 + (50 + with - without) / 2
}

/// What [`KubeRule`] works out of a host: whole percents that are free and what is left of the hundredfold, as in
/// [`crate::index::levels`].
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct KubeNote {
    pub(super) q_cpu: i32,
    pub(super) q_memory: i32,
    pub(super) r_cpu: u64,
    pub(super) r_memory: u64,
    /// Share of CPU in use less that of memory.
    pub(super) lean: f64,
    pub(super) even: i32,
    /// Whether scores count what is booked: no stand-in for a missing request is among it.
    pub(super) counts: bool,
    /// Whether shares of it are as they are: it has both and no more in use than it has.
    pub(super) plain: bool,
}

/// What [`KubeRule`] works out of a request.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct KubeAsked {
    q_cpu: i32,
    q_memory: i32,
    r_cpu: u64,
    r_memory: u64,
    lean: f64,
    balanced_weight: i64,
    /// Whether scores count what must fit.
    counts: bool,
    /// Whether it may be worked out so.
    plain: bool,
}

/// Closer to a whole number than this, a sum of shares in percent is worked out anew: rounding errors of a few such sums stay
/// below 1e-12.
pub const GUARD: f64 = 1e-9;

/// The hundredfold of a part of `has`: whole percents, rounded down, and what is left.
#[inline]
pub fn percent(part: i64, has: i64) -> (i64, u64) {
    ((part * 100).div_euclid(has), (part * 100).rem_euclid(has) as u64)
}

impl Rule for KubeRule {
    type Note = KubeNote;
    type Asked = KubeAsked;

    fn note(&self, room: &Room, booked: &Booked) -> KubeNote {
        let within = (0..=room.cpu).contains(&booked.cpu) && (0..=room.memory).contains(&booked.memory);
        if room.cpu == 0 || room.memory == 0 || !within {
            return KubeNote::default();
        }
        let (q_cpu, r_cpu) = percent(room.cpu - booked.non_zero_cpu, room.cpu);
        let (q_memory, r_memory) = percent(room.memory - booked.non_zero_memory, room.memory);
        // Far more stand-ins than there is room for.
        if q_cpu < -1_000_000 || q_memory < -1_000_000 {
            return KubeNote::default();
        }
        KubeNote {
            q_cpu: q_cpu as i32,
            q_memory: q_memory as i32,
            r_cpu,
            r_memory,
            lean: booked.cpu as f64 / room.cpu as f64 - booked.memory as f64 / room.memory as f64,
            even: evenness(room, booked.cpu, booked.memory) as i32,
            counts: (booked.cpu, booked.memory) == (booked.non_zero_cpu, booked.non_zero_memory),
            plain: true,
        }
    }

    fn ask(&self, room: &Room, want: &Want) -> KubeAsked {
        let exact = want.exact_cpu == want.cpu && want.exact_memory == want.memory;
        let fits = want.score_cpu <= room.cpu && want.score_memory <= room.memory;
        if room.cpu == 0 || room.memory == 0 || !exact || !fits || self.level().is_none() {
            return KubeAsked::default();
        }
        let (q_cpu, r_cpu) = percent(want.score_cpu, room.cpu);
        let (q_memory, r_memory) = percent(want.score_memory, room.memory);
        let balances = want.exact_cpu != 0 || want.exact_memory != 0;
        KubeAsked {
            q_cpu: q_cpu as i32,
            q_memory: q_memory as i32,
            r_cpu,
            r_memory,
            lean: want.exact_cpu as f64 / room.cpu as f64 - want.exact_memory as f64 / room.memory as f64,
            balanced_weight: if balances { self.balanced_weight } else { 0 },
            counts: want.counts_as_asked(),
            plain: true,
        }
    }

    #[inline]
    fn judge_noted(&self, room: &Room, booked: &Booked, want: &Want, note: &KubeNote, asked: &KubeAsked) -> u16 {
        if !(note.plain && asked.plain) {
            return self.judge(room, booked, want);
        }
        let cpu = note.q_cpu - asked.q_cpu - i32::from(note.r_cpu < asked.r_cpu);
        let memory = note.q_memory - asked.q_memory - i32::from(note.r_memory < asked.r_memory);
        // Where all requests are counted as they are, what is short of room is short of percents.
        let holds = match note.counts & asked.counts {
            true => (cpu | memory) >= 0 && booked.jobs < room.jobs,
            false => booked.holds(room, want),
        };
        if !holds {
            return 0;
        }
        let mut score = self.fit_weight * i64::from((cpu.max(0) + memory.max(0)) >> 1);
        if asked.balanced_weight != 0 {
            let sum = 100.0 - 50.0 * (note.lean + asked.lean).abs();
            let mut with = sum as i32;
            if !(GUARD..=1.0 - GUARD).contains(&(sum - f64::from(with))) {
                with = evenness(room, booked.cpu + want.exact_cpu, booked.memory + want.exact_memory) as i32;
            }
            score += asked.balanced_weight * balanced(i64::from(with), i64::from(note.even));
        }
        score as u16 + 1
    }

    #[inline]
    fn judge(&self, room: &Room, booked: &Booked, want: &Want) -> u16 {
        if !booked.holds(room, want) {
            return 0;
        }
        let mut score = 0;
        if self.fit_weight != 0 {
            score += self.fit_weight * self.fit(room, booked, want);
        }
        if self.balanced_weight != 0 && (want.exact_cpu != 0 || want.exact_memory != 0) {
            let with = evenness(room, booked.cpu + want.exact_cpu, booked.memory + want.exact_memory);
            let without = evenness(room, booked.cpu, booked.memory);
            score += self.balanced_weight * balanced(with, without);
        }
        score as u16 + 1
    }

    fn most(&self) -> u16 {
        (100 * (self.fit_weight + self.balanced_weight)) as u16 + 2
    }

    fn level(&self) -> Option<LevelRule> {
        let even = self.weights[0] == self.weights[1] && self.weights[0] > 0;
        let rule = LevelRule { fit: self.fit_weight, balanced: self.balanced_weight };
        (self.fullness == Fullness::Least && even && self.fit_weight > 0).then_some(rule)
    }

    fn standing(&self, note: &KubeNote) -> KubeNote {
        *note
    }
}
