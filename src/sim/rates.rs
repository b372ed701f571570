//! CPU rates, from what is wanted down to what is had.

use std::ops::{AddAssign, SubAssign};

/// CPU of an attempt, or summed over a host's, in nano-cores: each at most the one above it, and the differences are where
/// it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuRates {
    /// What its usage says it would take.
    pub demand: u64,
    /// What of that its threads can run at once; the rest is *thread-bound*.
    pub runnable: u64,
    /// What of that is within its quota; the rest is *throttled*.
    pub within_quota: u64,
    /// What of that it would run if it did not wait for file pages; the rest is *slowed*. Less than `within_quota` only
    /// near out of memory.
    pub able: u64,
    /// What of that it gets; the rest is *starved*: taken by neighbours.
    pub received: u64,
}

impl CpuRates {
    /// The five figures in order.
    pub fn figures(self) -> [u64; 5] {
        [self.demand, self.runnable, self.within_quota, self.able, self.received]
    }

    /// Whether each is at most the one above it.
    pub fn is_ordered(self) -> bool {
        self.figures().is_sorted_by(|above, below| above >= below)
    }
}

impl AddAssign for CpuRates {
    fn add_assign(&mut self, other: Self) {
        self.demand += other.demand;
        self.runnable += other.runnable;
        self.within_quota += other.within_quota;
        self.able += other.able;
        self.received += other.received;
    }
}

impl SubAssign for CpuRates {
    fn sub_assign(&mut self, other: Self) {
        self.demand -= other.demand;
        self.runnable -= other.runnable;
        self.within_quota -= other.within_quota;
        self.able -= other.able;
        self.received -= other.received;
    }
}
