//! A column that holds entries only of the jobs that have one now, so that its memory follows live jobs and not all.

use super::JobId;

/// No job has this number: the budgets rule it out.
const NOBODY: u32 = u32::MAX;
/// Least entries that a table is made for.
const LEAST: usize = 16;

/// Values of few of many jobs: a table of open addresses, at most three quarters full and at least one sixteenth. It is
/// looked up and never walked, but in order of jobs by [`Sparse::jobs`].
#[derive(Clone, Debug)]
pub struct Sparse<T> {
    slots: Vec<(u32, T)>,
    len: usize,
    /// 32 less the binary logarithm of the number of slots.
    shift: u32,
}

impl<T: Copy + Default> Default for Sparse<T> {
    fn default() -> Self {
        Sparse { slots: Vec::new(), len: 0, shift: 32 }
    }
}

impl<T: Copy + Default> Sparse<T> {
    /// Jobs that have an entry.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it takes, its own few words apart.
    pub fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(u32, T)>()
    }

    /// Where the search for `job` begins: neighbours are spread over the table.
    fn home(&self, job: u32) -> usize {
        (job.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    /// Where `job` is, or the empty slot where it would be put. There must be an empty slot.
    #[inline]
    fn find(&self, job: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(job);
        while self.slots[at].0 != job && self.slots[at].0 != NOBODY {
            at = (at + 1) & mask;
        }
        at
    }

    /// The entry of `job`.
    #[inline]
    pub fn get(&self, job: JobId) -> Option<&T> {
        if self.len == 0 {
            return None;
        }
        let (key, value) = &self.slots[self.find(job.0)];
        (*key == job.0).then_some(value)
    }

    /// The entry of `job`, to be changed.
    #[inline]
    pub fn get_mut(&mut self, job: JobId) -> Option<&mut T> {
        if self.len == 0 {
            return None;
        }
        let at = self.find(job.0);
        let (key, value) = &mut self.slots[at];
        (*key == job.0).then_some(value)
    }

    /// `job` has this entry from now on; gives the one that it had.
    pub fn insert(&mut self, job: JobId, value: T) -> Option<T> {
        assert!(job.0 != NOBODY, "not a job");
        if self.slots.is_empty() || (self.len + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() * 2).max(LEAST));
        }
        let at = self.find(job.0);
        let slot = &mut self.slots[at];
        let old = (slot.0 == job.0).then_some(slot.1);
        self.len += usize::from(old.is_none());
        *slot = (job.0, value);
        old
    }

    /// `job` has no entry any more; gives the one that it had.
    pub fn remove(&mut self, job: JobId) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let mut hole = self.find(job.0);
        if self.slots[hole].0 != job.0 {
            return None;
        }
        let old = self.slots[hole].1;
        // Whoever would be searched for past the hole moves into it.
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let key = self.slots[at].0;
            if key == NOBODY {
                break;
            }
            let way = at.wrapping_sub(self.home(key)) & mask;
            if way >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.slots[hole] = (NOBODY, T::default());
        self.len -= 1;
        if self.len * 16 < self.slots.len() && self.slots.len() > LEAST {
            self.resize(self.slots.len() / 4);
        }
        Some(old)
    }

    fn resize(&mut self, to: usize) {
        let to = to.max(LEAST);
        let old = std::mem::replace(&mut self.slots, vec![(NOBODY, T::default()); to]);
        self.shift = 32 - to.trailing_zeros();
        for (key, value) in old {
            if key != NOBODY {
                let at = self.find(key);
                self.slots[at] = (key, value);
            }
        }
    }

    /// Jobs that have an entry, in order.
    pub fn jobs(&self) -> Vec<JobId> {
        let keys = self.slots.iter().map(|&(key, _)| key);
        let mut jobs: Vec<JobId> = keys.filter(|&key| key != NOBODY).map(JobId).collect();
        jobs.sort_unstable();
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Draws for a test; ids know no streams.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (self.0 >> 33) % n.min(1 << 31)
        }
    }

    /// Jobs that come in order and go after a while, some never, and strangers that are asked for: as an ordered map has it.
    #[test]
    fn it_holds_what_a_map_holds_and_follows_those_that_live() {
        for seed in 0..200u64 {
            let mut s = Dice(seed);
            let (mut sparse, mut map) = (Sparse::<u64>::default(), BTreeMap::new());
            let mut next = s.below(1000) as u32;
            let mut most = 0;
            for _ in 0..2000 {
                match s.below(7) {
                    0..3 => {
                        next += 1 + s.below(3) as u32;
                        let value = s.below(1 << 30);
                        assert_eq!(sparse.insert(JobId(next), value), map.insert(JobId(next), value));
                    }
                    3..6 => {
                        let job = JobId(next.saturating_sub(s.below(40) as u32));
                        assert_eq!(sparse.remove(job), map.remove(&job), "seed {seed}");
                    }
                    _ => {
                        let job = JobId(next.saturating_sub(s.below(60) as u32));
                        if let Some(value) = sparse.get_mut(job) {
                            *value += 1;
                        }
                        if let Some(value) = map.get_mut(&job) {
                            *value += 1;
                        }
                        assert_eq!(sparse.get(job), map.get(&job), "seed {seed}");
                    }
                }
                most = most.max(map.len());
                assert_eq!(sparse.len(), map.len());
            }
            assert!(sparse.bytes() <= 16 * (LEAST + most * 4));
            assert_eq!(sparse.jobs(), map.keys().copied().collect::<Vec<_>>());
            for job in map.into_keys() {
                assert!(sparse.remove(job).is_some(), "seed {seed}");
            }
            assert!(sparse.is_empty() && sparse.bytes() <= 64 * LEAST);
        }
    }
}
