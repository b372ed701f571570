//! Kinds: what jobs that ask for the same, say the same of themselves and belong to one app have in common, kept once.

use super::NO_LIMIT;
use crate::ids::{AppId, SpecId};
use crate::units::{Bytes, MilliCpu};

/// What jobs of a kind have in common; their limits, which most jobs have not, stand beside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// CPU request as written; 0 if none.
    pub cpu_request: MilliCpu,
    /// Memory request as written; 0 if none.
    pub memory_request: Bytes,
    /// What the job says of itself beside its size.
    pub spec: SpecId,
    /// The app it belongs to.
    pub app: AppId,
}

/// Limits of CPU and memory, or [`NO_LIMIT`].
pub(super) type Limits = [i64; 2];

/// Of a kind without limits.
const NONE: Limits = [NO_LIMIT; 2];

impl Kind {
    /// A number in which every bit hangs on all fields and the limits.
    fn mixed(&self, limits: Limits) -> u64 {
        // Odd, with bits set evenly: 2^64 over the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let parts = [
            self.cpu_request.0 as u64 ^ (limits[0] as u64).rotate_left(32),
            self.memory_request.0 as u64 ^ (limits[1] as u64).rotate_left(32),
            u64::from(self.spec.0) << 32 | u64::from(self.app.0),
        ];
        parts.into_iter().fold(SPREAD, |all, part| {
            let next = (all ^ part).wrapping_mul(SPREAD);
            next ^ next >> 29
        })
    }
}

/// How many kinds are remembered at most while kinds are numbered: so few that looking for one stays in a processor's
/// cache, so that a trace in which no two jobs are alike costs little.
const REMEMBERED: usize = 1 << 14;
/// How many places are looked at for a kind.
const PLACES: usize = 32;

/// Numbers kinds as jobs come.
///
/// Equal kinds get the same number unless 16,384 kinds were first met between them, or so many that all are forgotten then
/// (then one kind is listed twice, which costs room and nothing else).
#[derive(Debug, Default)]
pub(super) struct KindTable {
    kinds: Vec<Kind>,
    /// As long as `kinds`, or empty while no kind has limits.
    limits: Vec<Limits>,
    /// The upper half of a kind's mixed number, and its number plus 1; 0: free. As many as a power of two.
    places: Vec<u64>,
    /// Places in use.
    taken: usize,
    last: u32,
}

impl KindTable {
    /// The number of `kind` with these limits.
    pub fn number(&mut self, kind: Kind, limits: Limits) -> u32 {
        if self.is(self.last, &kind, limits) {
            return self.last;
        }
        if 2 * self.taken >= self.places.len() {
            self.make_room();
        }
        let mixed = kind.mixed(limits);
        let (tag, mask) = (mixed & !0xffff_ffff, self.places.len() - 1);
        let first = mixed as usize & mask;
        let mut at = first;
        for step in 0..PLACES {
            at = (first + step) & mask;
            let found = self.places[at];
            if found == 0 {
                self.taken += 1;
                break;
            }
            let number = (found as u32).wrapping_sub(1);
            if found & !0xffff_ffff == tag && self.is(number, &kind, limits) {
                self.last = number;
                return number;
            }
        }
        self.last = self.kinds.len() as u32;
        if limits != NONE && self.limits.is_empty() {
            self.limits = vec![NONE; self.kinds.len()];
        }
        if limits != NONE || !self.limits.is_empty() {
            self.limits.push(limits);
        }
        self.kinds.push(kind);
        self.places[at] = tag | u64::from(self.last + 1);
        self.last
    }

    fn is(&self, number: u32, kind: &Kind, limits: Limits) -> bool {
        self.kinds.get(number as usize) == Some(kind) && self.limits_of(number) == limits
    }

    /// The kind of that number.
    pub fn get(&self, number: u32) -> &Kind {
        &self.kinds[number as usize]
    }

    /// Its limits.
    pub fn limits_of(&self, number: u32) -> Limits {
        self.limits.get(number as usize).copied().unwrap_or(NONE)
    }

    /// Doubles the places, or forgets all that stands there.
    fn make_room(&mut self) {
        let len = self.places.len();
        if len >= 2 * REMEMBERED {
            self.places.fill(0);
            self.taken = 0;
            return;
        }
        let old = std::mem::replace(&mut self.places, vec![0; (2 * len).max(64)]);
        let mask = self.places.len() - 1;
        self.taken = 0;
        for place in old.into_iter().filter(|place| *place != 0) {
            let number = place as u32 - 1;
            let first = self.get(number).mixed(self.limits_of(number)) as usize & mask;
            let free = (0..PLACES).map(|step| (first + step) & mask).find(|&at| self.places[at] == 0);
            if let Some(at) = free {
                self.places[at] = place;
                self.taken += 1;
            }
        }
    }

    /// All kinds and their limits, by number.
    pub fn into_columns(mut self) -> (Vec<Kind>, Vec<Limits>) {
        self.kinds.shrink_to_fit();
        self.limits.shrink_to_fit();
        (self.kinds, self.limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(i: u64) -> (Kind, Limits) {
        let limit = |every: u64, limit| if i.is_multiple_of(every) { limit } else { NO_LIMIT };
        let (cpu_request, memory_request) = (MilliCpu((i % 7) as i64), Bytes((i / 7) as i64));
        let kind = Kind { cpu_request, memory_request, spec: SpecId(0), app: AppId((i % 2) as u32) };
        // The first ones have no limits.
        (kind, if i < 10 { NONE } else { [limit(3, 9), limit(5, 1)] })
    }

    #[test]
    fn equal_kinds_have_one_number_and_others_another() {
        for many in [1, 2, 100, 10_000] {
            let mut table = KindTable::default();
            for round in 0..3 {
                for i in 0..many {
                    // Forwards and backwards, so that it is not the last one that is met again.
                    let i = if round == 1 { many - 1 - i } else { i };
                    let (kind, limits) = kind(i);
                    let number = table.number(kind, limits);
                    assert_eq!((*table.get(number), table.limits_of(number)), (kind, limits));
                }
            }
            assert_eq!(table.into_columns().0.len() as u64, many);
        }
        // Limits alone make another kind.
        let mut table = KindTable::default();
        let (kind, _) = kind(1);
        let numbers = [NONE, [5, NO_LIMIT], [NO_LIMIT, 5], NONE].map(|limits| table.number(kind, limits));
        assert_eq!(numbers, [0, 1, 2, 0]);
    }

    #[test]
    fn jobs_that_are_all_different_do_not_make_the_table_grow_without_end() {
        let mut table = KindTable::default();
        let often = Kind { cpu_request: MilliCpu(1), memory_request: Bytes(1), spec: SpecId(7), app: AppId(7) };
        for i in 0..500_000 {
            let (kind, limits) = kind(i);
            let number = table.number(kind, limits);
            assert_eq!((*table.get(number), table.limits_of(number)), (kind, limits));
            table.number(often, NONE);
        }
        assert!(table.places.len() == 2 * REMEMBERED);
        // The one that comes again and again is listed anew each time that all is forgotten: 500,000 / 16,384 = 30.5.
        let kinds = table.into_columns().0;
        assert!((500_001..500_035).contains(&kinds.len()), "{}", kinds.len());
    }
}
