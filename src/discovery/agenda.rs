//! What a discovery will do when, and the wake-ups that it asks for.

use std::collections::BTreeSet;

use super::Act;
use crate::units::{SimDuration, SimTime};

/// Things to do, in order of time and, at one time, in order of themselves. One that no longer makes sense when its time
/// comes is for its owner to know.
pub(super) struct Agenda<T> {
    due: BTreeSet<(SimTime, T)>,
    /// The wake-up that was asked for last and has not come.
    asked: SimTime,
}

impl<T: Ord + Copy> Agenda<T> {
    pub(super) fn new() -> Self {
        Agenda { due: BTreeSet::new(), asked: SimTime::NEVER }
    }

    pub(super) fn add(&mut self, at: SimTime, what: T) {
        if at < SimTime::NEVER {
            self.due.insert((at, what));
        }
    }

    /// The next thing whose time has come.
    pub(super) fn pop(&mut self, now: SimTime) -> Option<T> {
        let first = *self.due.first()?;
        (first.0 <= now && self.due.remove(&first)).then_some(first.1)
    }

    /// A wake-up came.
    pub(super) fn woken(&mut self, now: SimTime) {
        if self.asked <= now {
            self.asked = SimTime::NEVER;
        }
    }

    /// Asks for the next wake-up, if it has not been asked for.
    pub(super) fn ask(&mut self, acts: &mut Vec<Act>) {
        if let Some(&(at, _)) = self.due.first()
            && at < self.asked
        {
            self.asked = at;
            acts.push(Act::Wake(at, 0));
        }
    }
}

/// A loop: passes at `base + k * period`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Beat {
    pub base: SimTime,
    pub period: SimDuration,
}

impl Beat {
    /// A period of 0 counts as 1 µs.
    pub(super) fn new(base: SimTime, period: SimDuration) -> Self {
        Beat { base, period: SimDuration(period.0.max(1)) }
    }

    /// The last pass at or before `at`.
    pub(super) fn last(&self, at: SimTime) -> Option<SimTime> {
        let since = at.0.checked_sub(self.base.0)?;
        Some(SimTime(at.0 - since % self.period.0))
    }

    /// The first pass at or after `at`.
    pub(super) fn next(&self, at: SimTime) -> SimTime {
        match self.last(at) {
            None => self.base,
            Some(last) if last == at => at,
            Some(last) => last + self.period,
        }
    }

    /// The first pass after `at`.
    pub(super) fn after(&self, at: SimTime) -> SimTime {
        self.next(at + SimDuration(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_found_on_both_sides() {
        let beat = Beat::new(SimTime(3), SimDuration(10));
        assert_eq!([0, 3, 4, 13].map(|t| beat.next(SimTime(t)).0), [3, 3, 13, 13]);
        assert_eq!([0, 3, 13].map(|t| beat.after(SimTime(t)).0), [3, 13, 23]);
        assert_eq!([2, 3, 12, 13].map(|t| beat.last(SimTime(t)).map(|t| t.0)), [None, Some(3), Some(3), Some(13)]);
    }

    #[test]
    fn one_wake_up_is_asked_for_at_a_time_and_things_come_in_order() {
        let mut agenda = Agenda::new();
        let mut acts = Vec::new();
        agenda.add(SimTime(9), 'b');
        agenda.ask(&mut acts);
        agenda.add(SimTime(9), 'a');
        agenda.add(SimTime(7), 'c');
        agenda.add(SimTime::NEVER, 'x');
        agenda.ask(&mut acts);
        agenda.ask(&mut acts);
        assert_eq!(acts, [Act::Wake(SimTime(9), 0), Act::Wake(SimTime(7), 0)]);
        agenda.woken(SimTime(7));
        assert_eq!((agenda.pop(SimTime(7)), agenda.pop(SimTime(7))), (Some('c'), None));
        assert_eq!((agenda.pop(SimTime(9)), agenda.pop(SimTime(9))), (Some('a'), Some('b')));
    }
}
