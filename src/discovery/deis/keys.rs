//! The keys by which Deis 1 announces what runs, each with its time to live.
//!
//! A key that its writer's loop refreshes without fail has no events: its last write is worked out when the loop stops.

use std::collections::BTreeMap;

use crate::discovery::agenda::Beat;
use crate::discovery::ground::Address;
use crate::ids::{AppId, HostId, JobId};
use crate::units::{SimDuration, SimTime};

/// What a key is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// `/deis/services/APP/CONTAINER`. The host is part of it only here: two publishers that write one key in turn are
    /// taken for two keys; one that no longer writes gives way to the other.
    App(AppId, JobId, HostId),
    /// `/deis/COMPONENT/host` and `/port`.
    Component(u8),
}

/// A key that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub address: Address,
    /// The last write that is known of.
    written: SimTime,
    /// The loop that writes it without fail.
    beat: Option<Beat>,
    ttl: SimDuration,
}

impl Entry {
    pub(super) fn kept(&self) -> bool {
        self.beat.is_some()
    }

    /// When it expires unless it is written again; a kept one does not.
    pub(super) fn expires_at(&self) -> SimTime {
        if self.kept() { SimTime::NEVER } else { self.written + self.ttl }
    }
}

/// All keys.
#[derive(Default)]
pub(super) struct Keys {
    entries: BTreeMap<Key, Entry>,
}

impl Keys {
    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// Writes a key; `beat`: its writer will go on to without fail. Returns whether readers see something new, and when the
    /// key expires.
    pub(super) fn write(
        &mut self,
        at: SimTime,
        key: Key,
        address: Address,
        ttl: SimDuration,
        beat: Option<Beat>,
    ) -> (bool, SimTime) {
        let entry = Entry { address, written: at, beat, ttl };
        let old = self.entries.insert(key, entry);
        (old.is_none_or(|old| old.address != address), entry.expires_at())
    }

    pub(super) fn remove(&mut self, key: Key) -> bool {
        self.entries.remove(&key).is_some()
    }

    /// The writer of a key stopped: from `at` on nobody refreshes it. Returns when it expires, if it was kept.
    pub(super) fn release(&mut self, at: SimTime, key: Key) -> Option<SimTime> {
        let entry = self.entries.get_mut(&key)?;
        let beat = entry.beat.take()?;
        // A pass at this very moment came too late.
        let before = SimTime(at.0.saturating_sub(1));
        entry.written = entry.written.max(beat.last(before).unwrap_or(entry.written));
        Some(entry.expires_at())
    }

    /// Whether a key is due to expire.
    pub(super) fn overdue(&self, at: SimTime, key: Key) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.expires_at() <= at)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.entries.iter().map(|(&key, entry)| (key, entry))
    }

    /// Keys of an app's containers.
    pub(super) fn of_app(&self, app: AppId) -> impl Iterator<Item = (Key, &Entry)> {
        let (first, last) = (Key::App(app, JobId(0), HostId(0)), Key::App(app, JobId(u32::MAX), HostId(u32::MAX)));
        self.entries.range(first..=last).map(|(&key, entry)| (key, entry))
    }

    /// Keys of one container, on whatever host.
    pub(super) fn of_job(&self, app: AppId, job: JobId) -> impl Iterator<Item = (Key, &Entry)> {
        let (first, last) = (Key::App(app, job, HostId(0)), Key::App(app, job, HostId(u32::MAX)));
        self.entries.range(first..=last).map(|(&key, entry)| (key, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_for_its_ttl_after_the_last_pass_of_the_loop_that_kept_it() {
        let key = Key::Component(0);
        let address = Address { job: JobId(0), host: HostId(0), life: 1 };
        let mut keys = Keys::default();
        let beat = Beat::new(SimTime(5), SimDuration(10));
        let write = |keys: &mut Keys, at, beat| keys.write(SimTime(at), key, address, SimDuration(20), beat);
        assert_eq!(write(&mut keys, 5, Some(beat)), (true, SimTime::NEVER));
        assert!(!keys.overdue(SimTime(1000), key));
        // Passes at 5, 15, 25: the last before 34 is at 25.
        assert_eq!(keys.release(SimTime(34), key), Some(SimTime(45)));
        assert_eq!(keys.release(SimTime(36), key), None);
        assert!(!keys.overdue(SimTime(44), key) && keys.overdue(SimTime(45), key));
        assert_eq!(write(&mut keys, 40, None), (false, SimTime(60)));
        assert!(!keys.overdue(SimTime(45), key) && keys.overdue(SimTime(60), key));
    }
}
