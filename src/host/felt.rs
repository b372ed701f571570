//! What jobs feel of their quotas and of their neighbours: periods, throttled time, pressure. Integers that add up over jobs
//! and over time; they are only reported and decide nothing.
//!
//! After `cpu.stat` and pressure stall information of Linux, with what running kernels were measured to do
//! (`docs/model.md`).

use std::ops::{AddAssign, SubAssign};

use super::quota::{self, Throttling};
use crate::units::NANO_PER_CORE;

/// How CPU feels at one moment; of a job, or summed over jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuFelt {
    /// Groups with a quota that want to run: the periods of each count (`nr_periods`).
    pub limited: u64,
    /// Those of them that are throttled in every period (`nr_throttled`).
    pub throttled: u64,
    /// Those of them that may be throttled in some periods: near the threshold the kernel does anything from none to all.
    pub perhaps: u64,
    /// Run queues with a throttled thread, on average over a period, in billionths (`throttled_usec`).
    pub queues: u64,
    /// 1 - received / able of each job, in billionths: the part of time in which it waits for CPU that neighbours have
    /// (pressure stall information, `some`).
    pub waiting: u64,
}

impl CpuFelt {
    /// The figures in order.
    pub fn figures(self) -> [u64; 5] {
        [self.limited, self.throttled, self.perhaps, self.queues, self.waiting]
    }

    /// Of a job that is able to run `able` nano-cores and gets `received` of them; nothing of a quota.
    pub fn of_neighbours(able: u64, received: u64) -> Self {
        CpuFelt { waiting: part(able - received, able), ..CpuFelt::default() }
    }

    /// And of a group with a quota, that would get `free` nano-cores without it, on as many run queues. One that wants nothing
    /// has no periods.
    pub fn add_quota(&mut self, quota: u64, free: u64, queues: u64) {
        if free == 0 {
            return;
        }
        self.limited += 1;
        match quota::throttling(quota, free) {
            Throttling::Never => {}
            Throttling::Some => self.perhaps += 1,
            Throttling::Always => self.throttled += 1,
        }
        if free > quota {
            self.queues += part(free - quota, free) * queues;
        }
    }
}

/// `some` of `all` in billionths, cut.
fn part(some: u64, all: u64) -> u64 {
    match (some, some.checked_mul(NANO_PER_CORE)) {
        (0, _) => 0,
        (_, Some(product)) => product / all,
        (_, None) => (u128::from(some) * u128::from(NANO_PER_CORE) / u128::from(all)) as u64,
    }
}

/// Run queues that a group of so many threads (in nano-cores; more than it wants to run: as many as that takes) can be
/// throttled on: min(threads, CPUs), at least one.
pub fn queues(runnable: u64, threads: u64, cpu_nano: u64) -> u64 {
    let threads = if threads == u64::MAX { runnable } else { threads };
    threads.min(cpu_nano).div_ceil(NANO_PER_CORE).max(1)
}

impl AddAssign for CpuFelt {
    fn add_assign(&mut self, other: Self) {
        self.limited += other.limited;
        self.throttled += other.throttled;
        self.perhaps += other.perhaps;
        self.queues += other.queues;
        self.waiting += other.waiting;
    }
}

impl SubAssign for CpuFelt {
    fn sub_assign(&mut self, other: Self) {
        self.limited -= other.limited;
        self.throttled -= other.throttled;
        self.perhaps -= other.perhaps;
        self.queues -= other.queues;
        self.waiting -= other.waiting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: u64 = NANO_PER_CORE;

    #[test]
    fn a_quota_of_half_throttles_one_thread_half_of_the_time_and_two_on_two_queues() {
        let felt = |quota, free, queues| {
            let mut felt = CpuFelt::default();
            felt.add_quota(quota, free, queues);
            felt.figures()
        };
        assert_eq!(felt(CORE / 2, CORE, 1), [1, 1, 0, CORE / 2, 0]);
        // 2 cores against a half: 3/4 of each period, on two queues.
        assert_eq!(felt(CORE / 2, 2 * CORE, 2), [1, 1, 0, CORE * 3 / 2, 0]);
        // Near the threshold: perhaps; far below: never; nothing wanted: no periods.
        assert_eq!(felt(CORE, CORE, 1), [1, 0, 1, 0, 0]);
        assert_eq!(felt(CORE, CORE / 2, 1), [1, 0, 0, 0, 0]);
        assert_eq!(felt(CORE, 0, 1), [0; 5]);
    }

    #[test]
    fn who_gets_a_third_waits_two_thirds_of_the_time() {
        assert_eq!(CpuFelt::of_neighbours(3 * CORE, CORE).waiting, 666_666_666);
        assert_eq!(CpuFelt::of_neighbours(0, 0).waiting, 0);
        // 2^53 nano-cores, of which all is missing.
        assert_eq!(CpuFelt::of_neighbours(1 << 53, 0).waiting, CORE);
    }

    #[test]
    fn threads_that_are_not_said_are_as_many_as_it_takes() {
        assert_eq!(queues(1_500_000_000, u64::MAX, 8 * CORE), 2);
        assert_eq!(queues(1_500_000_000, u64::MAX, CORE), 1);
        assert_eq!(queues(CORE / 2, 4 * CORE, 2 * CORE), 2);
        assert_eq!(queues(0, u64::MAX, CORE), 1);
    }
}
