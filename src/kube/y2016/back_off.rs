//! How long a pod waits that could not be placed: `podBackoff` (`factory/factory.go` v1.2.4; unchanged in v1.3.0).

use crate::units::{SimDuration, SimTime};

/// The first wait: `defaultDuration`.
pub const FIRST: SimDuration = SimDuration::from_secs(1);
/// The longest wait, and the time after which an entry that nobody touched is dropped: `maxDuration`.
pub const LONGEST: SimDuration = SimDuration::from_secs(60);

/// The entry of one namespace and name. It outlives the pod: a pod that takes a name again goes on where the last one
/// was, until the entry is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BackOff {
    /// Wait of the next failure, when the entry was last touched, and when the wait in flight ends.
    entry: Option<(SimDuration, SimTime, SimTime)>,
}

impl BackOff {
    /// An attempt fails: how long the pod waits before it is queued again. `None` if it waits already, and this failure
    /// is dropped.
    ///
    /// The wait doubles up to 60 s. An entry older than 60 s is forgotten, and a wait of 60 s makes it that old as soon
    /// as any time passes between its end and the next failure: the waits are 1, 2, 4, 8, 16, 32, 60, 1, 2, … A caller
    /// without any such delay would see 60 s for ever, which the real one never does.
    pub fn fail(&mut self, now: SimTime) -> Option<SimDuration> {
        let (wait, until) = match self.entry {
            Some((wait, touched, until)) if now <= touched + LONGEST => (wait, until),
            _ => (FIRST, now),
        };
        if now < until {
            self.entry = Some((wait, now, until));
            return None;
        }
        let doubled = SimDuration(wait.0.saturating_mul(2).min(LONGEST.0));
        self.entry = Some((doubled, now, now + wait));
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND_US;

    /// The waits in seconds where each failure comes `delay` after the end of the wait before.
    fn waits(delay: SimDuration, count: usize) -> Vec<u64> {
        let (mut back_off, mut now) = (BackOff::default(), SimTime::ZERO);
        let mut one = || {
            let wait = back_off.fail(now).unwrap();
            now = now + wait + delay;
            wait.0 / SECOND_US
        };
        (0..count).map(|_| one()).collect()
    }

    #[test]
    fn waits_double_to_a_minute_and_begin_again() {
        assert_eq!(waits(SimDuration(1), 10), [1, 2, 4, 8, 16, 32, 60, 1, 2, 4]);
        // 32 + 29 s are more than 60 s: the queue alone makes an entry old.
        assert_eq!(waits(SimDuration::from_secs(29), 8), [1, 2, 4, 8, 16, 32, 1, 2]);
        assert_eq!(waits(SimDuration::from_secs(61), 3), [1, 1, 1]);
        // Without any delay an entry is exactly 60 s old, which is not old enough.
        assert_eq!(waits(SimDuration::ZERO, 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_failure_during_a_wait_is_dropped_but_touches_the_entry() {
        let mut back_off = BackOff::default();
        let at = |seconds| SimTime(seconds * SECOND_US);
        assert_eq!(back_off.fail(at(0)), Some(FIRST));
        assert_eq!(back_off.fail(SimTime(SECOND_US / 2)), None);
        assert_eq!(back_off.fail(at(60)), Some(SimDuration::from_secs(2)));
    }
}
