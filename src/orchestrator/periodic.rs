//! Periodic work: ticks at `phase + k * period`, of which only those that could act are ever queued.

use super::Now;
use crate::units::{SimDuration, SimTime};

/// A phase and a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periodic {
    phase: SimTime,
    period: SimDuration,
    /// The last tick that ran.
    last: Option<SimTime>,
}

impl Periodic {
    /// Ticks at `phase`, `phase + period`, … A period of 0 counts as 1 µs.
    pub fn new(phase: SimTime, period: SimDuration) -> Self {
        Periodic { phase, period: SimDuration(period.0.max(1)), last: None }
    }

    /// The first tick at or after `at`.
    pub fn at_or_after(&self, at: SimTime) -> SimTime {
        if at <= self.phase {
            return self.phase;
        }
        let periods = (at.0 - self.phase.0).div_ceil(self.period.0);
        SimTime(self.phase.0.saturating_add(periods.saturating_mul(self.period.0)))
    }

    /// The last tick at or before `at`, if there was one.
    pub fn at_or_before(&self, at: SimTime) -> Option<SimTime> {
        let since = at.0.checked_sub(self.phase.0)?;
        Some(SimTime(self.phase.0 + since / self.period.0 * self.period.0))
    }

    /// The next tick that can still act on what is heard `now`.
    pub fn next(&self, now: Now) -> SimTime {
        let passed = now.late || self.last == Some(now.at);
        self.at_or_after(if passed { now.at + SimDuration(1) } else { now.at })
    }

    /// Notes that the tick at `at` runs.
    pub fn ran(&mut self, at: SimTime) {
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_on_both_sides() {
        let p = Periodic::new(SimTime(3), SimDuration(10));
        assert_eq!([0, 3, 4, 13, 14].map(|t| p.at_or_after(SimTime(t)).0), [3, 3, 13, 13, 23]);
        assert_eq!(p.at_or_before(SimTime(2)), None);
        assert_eq!(p.at_or_before(SimTime(12)), Some(SimTime(3)));
        assert_eq!(p.next(Now { at: SimTime(13), late: false }), SimTime(13));
        assert_eq!(p.next(Now { at: SimTime(13), late: true }), SimTime(23));
    }
}
