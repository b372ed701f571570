//! What a CPU quota does within its periods: when a group is throttled, for how long, and what bursts come to.
//!
//! Usage under a quota is a cap in [`super::cpu_tree`]; this says how the cap is felt. Held to `cpu.stat` of running
//! groups (`tests/vectors/kernel/cpu_quota.json`). Not here: slices of 5 ms that CPUs hand back late, `cpu.max.burst`.

/// A quota: `per_period` µs of CPU in each `period` µs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// CPU time a period, µs.
    pub per_period_us: u64,
    /// The period, µs; the kubelet's is 100,000.
    pub period_us: u64,
}

impl Quota {
    /// As a rate, nano-cores, cut.
    pub fn nano(&self) -> u64 {
        (u128::from(self.per_period_us) * 1_000_000_000 / u128::from(self.period_us.max(1))) as u64
    }
}

/// Whether the periods of a steady group are throttled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Throttling {
    /// None is; on several CPUs a few may be, as the real split is uneven.
    Never,
    /// Near the threshold the kernel does anything from none to all.
    Some,
    /// Every one is.
    Always,
}

/// Of a group that would get `unthrottled` nano-cores without its quota: below 0.9 of the quota never, above 1.25
/// always, between the two the kernel was seen to do anything.
pub fn throttling(quota: u64, unthrottled: u64) -> Throttling {
    let (q, r) = (u128::from(quota), u128::from(unthrottled));
    if r * 10 < q * 9 {
        Throttling::Never
    } else if r * 4 > q * 5 {
        Throttling::Always
    } else {
        Throttling::Some
    }
}

/// Throttled time in an interval: the share of each period after the quota is used up, on every run queue that holds a
/// throttled thread: `interval * (1 - q/r) * queues`, where `queues` is min(threads, CPUs). Cut to whole µs.
pub fn throttled_us(interval_us: u64, quota: u64, unthrottled: u64, queues: u64) -> u64 {
    if unthrottled <= quota {
        return 0;
    }
    let over = u128::from(unthrottled - quota);
    (u128::from(interval_us) * u128::from(queues) * over / u128::from(unthrottled)) as u64
}

/// What one burst of `work_us` of CPU comes to on an idle CPU, by one thread that starts `phase_us` into a period:
/// throttled periods and throttled µs. A burst may be throttled though its mean is under the quota, and by how much
/// hangs on the phase: for work `a` and quota `Q` a period it is ceil(a/Q) - 1 periods, or one more or less.
pub fn burst(quota: Quota, work_us: u64, phase_us: u64) -> (u64, u64) {
    assert!(quota.per_period_us > 0 && quota.period_us > 0, "a quota of nothing never lets a burst end");
    let (mut work, mut at) = (work_us, phase_us % quota.period_us);
    let (mut periods, mut throttled) = (0, 0);
    loop {
        let until_refill = quota.period_us - at;
        let run = work.min(quota.per_period_us).min(until_refill);
        work -= run;
        if work == 0 {
            return (periods, throttled);
        }
        if run < until_refill {
            periods += 1;
            throttled += until_refill - run;
        }
        at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Quota = Quota { per_period_us: 50_000, period_us: 100_000 };

    #[test]
    fn throttled_time_is_what_is_left_of_each_period_on_every_queue() {
        assert_eq!(HALF.nano(), 500_000_000);
        // One thread at a quota of one half: half of the time; two threads on two CPUs use it up in a quarter of a
        // period and wait for the rest on both queues: 2 * 3/4.
        assert_eq!(throttled_us(1_000_000, HALF.nano(), 1_000_000_000, 1), 500_000);
        assert_eq!(throttled_us(1_000_000, HALF.nano(), 2_000_000_000, 2), 1_500_000);
        assert_eq!(throttled_us(1_000_000, HALF.nano(), 400_000_000, 1), 0);
    }

    #[test]
    fn the_threshold_is_a_band() {
        assert_eq!([89, 90, 100, 125, 126].map(|r| throttling(100, r)), {
            use Throttling::{Always, Never, Some};
            [Never, Some, Some, Some, Always]
        });
    }

    #[test]
    fn a_burst_above_the_quota_of_a_period_is_throttled_by_its_phase() {
        // 75 ms of work against 50 ms a period. From the start: 50, wait 50, 25.
        assert_eq!(burst(HALF, 75_000, 0), (1, 50_000));
        // 60 ms into a period: 40, then 35 of the next one's 50.
        assert_eq!(burst(HALF, 75_000, 60_000), (0, 0));
        // 90 ms into a period: 10, then 50, wait 50, 15.
        assert_eq!(burst(HALF, 75_000, 90_000), (1, 50_000));
        // Exactly a quota's worth is not throttled; 500 ms are, 9 times.
        assert_eq!(burst(HALF, 50_000, 0), (0, 0));
        assert_eq!(burst(HALF, 500_000, 0), (9, 450_000));
    }
}
