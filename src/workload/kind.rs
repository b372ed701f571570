//! Kinds: what jobs that ask for the same, say the same of themselves and belong to one app have in common, kept once.

use super::NO_LIMIT;
use crate::ids::{AppId, SpecId};
use crate::units::{Bytes, MilliCpu};

/// All that a job is but its name, its times, its usage and what it waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind {
    /// CPU request as written; 0 if none.
    pub cpu_request: MilliCpu,
    /// Memory request as written; 0 if none.
    pub memory_request: Bytes,
    /// CPU limit, milli-CPU.
    cpu_limit: i64,
    /// Memory limit, bytes.
    memory_limit: i64,
    /// What the job says of itself beside its size.
    pub spec: SpecId,
    /// The app it belongs to.
    pub app: AppId,
}

const _: () = assert!(size_of::<Kind>() == 40);

impl Kind {
    pub(super) fn new(
        requests: (MilliCpu, Bytes),
        limits: (Option<MilliCpu>, Option<Bytes>),
        spec: SpecId,
        app: AppId,
    ) -> Self {
        Kind {
            cpu_request: requests.0,
            memory_request: requests.1,
            cpu_limit: limits.0.map_or(NO_LIMIT, |limit| limit.0),
            memory_limit: limits.1.map_or(NO_LIMIT, |limit| limit.0),
            spec,
            app,
        }
    }

    /// CPU limit as written.
    pub fn cpu_limit(&self) -> Option<MilliCpu> {
        (self.cpu_limit != NO_LIMIT).then_some(MilliCpu(self.cpu_limit))
    }

    /// Memory limit as written.
    pub fn memory_limit(&self) -> Option<Bytes> {
        (self.memory_limit != NO_LIMIT).then_some(Bytes(self.memory_limit))
    }

    /// A number in which every bit hangs on all fields.
    fn mixed(&self) -> u64 {
        // Odd, with bits set evenly: 2^64 over the golden ratio.
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let parts = [
            self.cpu_request.0 as u64,
            self.memory_request.0 as u64,
            (self.cpu_limit as u64).rotate_left(32) ^ self.memory_limit as u64,
            u64::from(self.spec.0) << 32 | u64::from(self.app.0),
        ];
        parts.into_iter().fold(SPREAD, |all, part| {
            let next = (all ^ part).wrapping_mul(SPREAD);
            next ^ next >> 29
        })
    }
}

/// How many kinds are remembered at most while kinds are numbered, so that a trace in which no two jobs are alike costs
/// what looking once costs, whatever its length.
const REMEMBERED: usize = 1 << 16;
/// How many places are looked at for a kind.
const PLACES: usize = 32;

/// Numbers kinds as jobs come.
///
/// Equal kinds get the same number unless 65,536 others were first met between them, or by an accident of the table that
/// takes more than half as many: then one kind is listed twice, which costs room and nothing else.
#[derive(Debug, Default)]
pub(super) struct KindTable {
    kinds: Vec<Kind>,
    /// The upper half of a kind's mixed number, and its number plus 1; 0: free. As many as a power of two.
    places: Vec<u64>,
    /// Places in use.
    taken: usize,
    last: u32,
}

impl KindTable {
    /// The number of `kind`.
    pub fn number(&mut self, kind: Kind) -> u32 {
        if self.kinds.get(self.last as usize) == Some(&kind) {
            return self.last;
        }
        if 2 * self.taken >= self.places.len() {
            self.make_room();
        }
        let mixed = kind.mixed();
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
            if found & !0xffff_ffff == tag && self.kinds[number as usize] == kind {
                self.last = number;
                return number;
            }
        }
        self.last = self.kinds.len() as u32;
        self.kinds.push(kind);
        self.places[at] = tag | u64::from(self.last + 1);
        self.last
    }

    /// A number of its own for `kind`.
    pub fn get(&self, number: u32) -> &Kind {
        &self.kinds[number as usize]
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
            let first = self.kinds[(place as u32 - 1) as usize].mixed() as usize & mask;
            let free = (0..PLACES).map(|step| (first + step) & mask).find(|&at| self.places[at] == 0);
            if let Some(at) = free {
                self.places[at] = place;
                self.taken += 1;
            }
        }
    }

    /// All kinds, by number.
    pub fn into_kinds(mut self) -> Vec<Kind> {
        self.kinds.shrink_to_fit();
        self.kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(i: u64) -> Kind {
        let limits = ((i % 3 == 0).then_some(MilliCpu(9)), (i % 5 == 0).then_some(Bytes(1)));
        Kind::new((MilliCpu((i % 7) as i64), Bytes((i / 7) as i64)), limits, SpecId(0), AppId((i % 2) as u32))
    }

    #[test]
    fn equal_kinds_have_one_number_and_others_another() {
        for many in [1, 2, 100, 20_000] {
            let mut table = KindTable::default();
            for round in 0..3 {
                for i in 0..many {
                    // Forwards and backwards, so that it is not the last one that is met again.
                    let i = if round == 1 { many - 1 - i } else { i };
                    let number = table.number(kind(i));
                    assert_eq!(*table.get(number), kind(i));
                }
            }
            assert_eq!(table.into_kinds().len() as u64, many);
        }
    }

    #[test]
    fn jobs_that_are_all_different_do_not_make_the_table_grow_without_end() {
        let mut table = KindTable::default();
        let often = Kind::new((MilliCpu(1), Bytes(1)), (None, None), SpecId(7), AppId(7));
        for i in 0..500_000 {
            let number = table.number(kind(i));
            assert_eq!(*table.get(number), kind(i));
            table.number(often);
        }
        assert!(table.places.len() == 2 * REMEMBERED);
        // The one that comes again and again is listed anew each time that all is forgotten: 500,000 / 65,536.
        let kinds = table.into_kinds();
        assert!((500_001..500_020).contains(&kinds.len()), "{}", kinds.len());
    }
}
