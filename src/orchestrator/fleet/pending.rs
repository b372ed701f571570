//! Units that were submitted and are not destroyed, and which of them have no machine.

use crate::ids::JobId;
use crate::orchestrator::World;

/// What becomes of a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    /// Not submitted yet, or destroyed.
    Gone,
    /// Without a machine; the engine is to find one.
    Waits,
    /// On a machine, or none of the engine's business.
    Held,
}

/// A unit without a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Waiting {
    pub job: JobId,
    /// Whether a turn has found no machine for it.
    pub tried: bool,
}

/// All units of a run.
pub(super) struct Pending {
    units: Vec<Unit>,
    /// Those that wait, and some that did: what is not `Waits` any more, or stands there twice, is dropped when it is met.
    entries: Vec<Waiting>,
    waiting: usize,
    untried: usize,
    /// What [`Bookings::gains`](crate::cluster::Bookings::gains) said when those that were tried were.
    pub gains: u64,
    names: Names,
}

impl Pending {
    /// None of so many units exists.
    pub fn new(units: usize) -> Pending {
        let (entries, names) = (Vec::new(), Names::default());
        Pending { units: vec![Unit::Gone; units], entries, waiting: 0, untried: 0, gains: 0, names }
    }

    /// Whether no unit waits.
    pub fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether the unit was submitted and is not destroyed.
    pub fn exists(&self, job: JobId) -> bool {
        self.units[job.index()] != Unit::Gone
    }

    /// The unit waits for a machine from now on.
    pub fn waits(&mut self, job: JobId) {
        if self.units[job.index()] == Unit::Waits {
            return;
        }
        if self.entries.len() > 64 + 2 * self.waiting {
            self.compact();
        }
        self.units[job.index()] = Unit::Waits;
        self.waiting += 1;
        self.untried += 1;
        self.entries.push(Waiting { job, tried: false });
    }

    /// The unit has a machine, or needs none.
    pub fn held(&mut self, job: JobId) {
        self.becomes(job, Unit::Held);
    }

    /// The unit is destroyed; returns whether it existed.
    pub fn gone(&mut self, job: JobId) -> bool {
        self.becomes(job, Unit::Gone) != Unit::Gone
    }

    fn becomes(&mut self, job: JobId, unit: Unit) -> Unit {
        let old = std::mem::replace(&mut self.units[job.index()], unit);
        self.waiting -= usize::from(old == Unit::Waits);
        old
    }

    /// Whether some that wait have not been tried yet (some of them may be gone).
    pub fn has_untried(&self) -> bool {
        self.untried > 0
    }

    /// Every unit that waits, once, in order of names, then of ids. They are to be handed back, or to be `held`.
    pub fn take(&mut self, world: &World) -> Vec<Waiting> {
        if self.entries.len() > self.waiting {
            self.compact();
        }
        self.untried = 0;
        let mut entries = std::mem::take(&mut self.entries);
        if world.plain {
            entries.sort_by_cached_key(|entry| (super::units::name(world.workload, entry.job), entry.job));
        } else {
            self.names.sort(world, &mut entries);
        }
        entries
    }

    /// Those that a turn has found no machine for.
    pub fn hand_back(&mut self, entries: Vec<Waiting>) {
        debug_assert!(self.entries.is_empty(), "a turn submits nothing");
        self.entries = entries;
    }

    /// Drops what does not wait, and what stands there twice: of a unit that left and came back the later.
    fn compact(&mut self) {
        let units = &mut self.units;
        // Marked as met by way of its state, which is put back below.
        self.entries.reverse();
        self.entries.retain(|entry| {
            let unit = &mut units[entry.job.index()];
            std::mem::replace(unit, if *unit == Unit::Waits { Unit::Held } else { *unit }) == Unit::Waits
        });
        self.entries.reverse();
        self.entries.iter().for_each(|entry| units[entry.job.index()] = Unit::Waits);
        debug_assert_eq!(self.entries.len(), self.waiting, "every unit that waits stands there");
    }
}

/// Names of units side by side, to put units in their order without a string each.
#[derive(Default)]
struct Names {
    text: String,
    ends: Vec<(u32, u32, Waiting)>,
}

impl Names {
    fn sort(&mut self, world: &World, entries: &mut [Waiting]) {
        if entries.len() < 2 {
            return;
        }
        self.text.clear();
        self.ends.clear();
        for &entry in entries.iter() {
            let start = self.text.len() as u32;
            super::units::write_name(world.workload, entry.job, &mut self.text);
            self.ends.push((start, self.text.len() as u32, entry));
        }
        let bytes = self.text.as_bytes();
        let key = |&(start, end, entry): &(u32, u32, Waiting)| (&bytes[start as usize..end as usize], entry.job);
        // Stable, because that is fast where they stand in order already, as numbered jobs do.
        self.ends.sort_by(|a, b| key(a).cmp(&key(b)));
        for (entry, &(_, _, sorted)) in entries.iter_mut().zip(&self.ends) {
            *entry = sorted;
        }
    }
}
