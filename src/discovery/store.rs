//! How well the cluster's store answers: what its clients need to know of it, and nothing of how it comes about.

use crate::rng::Stream;
use crate::units::SimDuration;

/// Whether requests are answered, and after how long: log-normal, with these medians and one sigma. Constant until it is
/// said anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreLevel {
    /// Whether reads are answered at all.
    pub reads: bool,
    /// Whether writes are (there is a leader with a majority behind it). While not, no key expires; those that are overdue
    /// when writes are answered again expire then.
    pub writes: bool,
    /// Median latency of a read, microseconds.
    pub read_us: u64,
    /// Median latency of a write, microseconds.
    pub write_us: u64,
    /// Sigma of both in natural logarithms, thousandths.
    pub sigma_milli: u32,
    /// Whether a write that its client gave up waiting for takes effect all the same.
    pub late_writes_count: bool,
}

impl Default for StoreLevel {
    /// Well: half a millisecond to read, two and a half to write.
    fn default() -> Self {
        StoreLevel {
            reads: true,
            writes: true,
            read_us: 500,
            write_us: 2_500,
            sigma_milli: 692,
            late_writes_count: false,
        }
    }
}

/// Odds below this count as none: once in a trillion requests.
const NEVER: f64 = 1e-12;

impl StoreLevel {
    /// The chance that a request is not answered within `timeout`: 0 exactly where that is rarer than once in 10^12, so that
    /// clients of a store that is well need not draw at all.
    pub fn fails(&self, write: bool, timeout: SimDuration) -> f64 {
        if !(if write { self.writes } else { self.reads }) {
            return 1.0;
        }
        let median = if write { self.write_us } else { self.read_us };
        if self.sigma_milli == 0 {
            return if median > timeout.0 { 1.0 } else { 0.0 };
        }
        let z = libm::log(timeout.0.max(1) as f64 / median.max(1) as f64) / (f64::from(self.sigma_milli) / 1000.0);
        let p = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
        if p < NEVER { 0.0 } else { p }
    }

    /// One request: how long it takes if it is answered within `timeout`, else `None`.
    pub fn draw(&self, write: bool, timeout: SimDuration, stream: &mut Stream) -> Option<SimDuration> {
        if !(if write { self.writes } else { self.reads }) {
            return None;
        }
        let median = if write { self.write_us } else { self.read_us };
        let us = stream.log_normal(median as f64, f64::from(self.sigma_milli) / 1000.0) as u64;
        (us <= timeout.0).then_some(SimDuration(us))
    }

    /// The median latency of a request.
    pub fn median(&self, write: bool) -> SimDuration {
        SimDuration(if write { self.write_us } else { self.read_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn odds_of_a_time_out_are_those_of_the_log_normal() {
        let level = StoreLevel { read_us: 500_000, sigma_milli: 500, ..StoreLevel::default() };
        // ln 2 / 0.5 = 1.386; 1 - Phi(1.386) = 0.0829.
        assert!((level.fails(false, SimDuration::from_secs(1)) - 0.0829).abs() < 1e-4);
        assert_eq!(StoreLevel::default().fails(true, SimDuration::from_secs(1)), 0.0);
        assert_eq!(StoreLevel { writes: false, ..level }.fails(true, SimDuration::from_secs(9)), 1.0);
        let exact = StoreLevel { sigma_milli: 0, ..level };
        assert_eq!((exact.fails(false, SimDuration(500_000)), exact.fails(false, SimDuration(499_999))), (0.0, 1.0));
    }

    #[test]
    fn draws_fail_as_often_as_the_odds_say() {
        let level = StoreLevel { read_us: 500_000, sigma_milli: 500, ..StoreLevel::default() };
        let mut stream = Seed(1).stream(Purpose::Store, 0);
        let failed =
            (0..20_000).filter(|_| level.draw(false, SimDuration::from_secs(1), &mut stream).is_none()).count();
        assert!((failed as f64 / 20_000.0 - 0.0829).abs() < 0.006, "{failed}");
    }
}
