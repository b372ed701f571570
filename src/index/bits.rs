//! A set of small numbers as a tree of 64-bit words: each word of a step says which words below it are not empty.
//!
//! Finding the next member, also among those that another set of the same bound shares, looks at a few words; the sets are
//! joined word by word on every step, so that a stretch that either of them lacks is passed over at once.

/// Steps of the tree: a word of the top stands for 64³ numbers.
const STEPS: usize = 3;

/// A set of the numbers below a bound that is given once.
#[derive(Clone, Debug)]
pub struct Bits {
    bound: u32,
    len: u32,
    /// `steps[0]` are the members, a bit each; `steps[k + 1]` has a bit for each word of `steps[k]` that is not 0.
    steps: [Vec<u64>; STEPS],
}

impl Bits {
    /// The empty set below `bound`.
    pub fn new(bound: u32) -> Bits {
        let mut bits = bound as usize;
        let steps = std::array::from_fn(|_| {
            bits = bits.div_ceil(64);
            vec![0; bits]
        });
        Bits { bound, len: 0, steps }
    }

    /// All numbers below `bound`.
    pub fn full(bound: u32) -> Bits {
        let mut all = Bits::new(bound);
        let mut bits = bound as usize;
        for step in &mut all.steps {
            step.fill(!0);
            if !bits.is_multiple_of(64)
                && let Some(last) = step.last_mut()
            {
                *last = (1 << (bits % 64)) - 1;
            }
            bits = bits.div_ceil(64);
        }
        all.len = bound;
        all
    }

    /// How many members it has.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it holds on to.
    pub fn bytes(&self) -> usize {
        self.steps.iter().map(|step| step.capacity() * 8).sum()
    }

    /// Whether `n` is a member. Panics if `n` is not below the bound.
    pub fn contains(&self, n: u32) -> bool {
        self.steps[0][n as usize / 64] >> (n % 64) & 1 == 1
    }

    /// Makes `n` a member; returns whether it was none. Panics if `n` is not below the bound.
    pub fn insert(&mut self, n: u32) -> bool {
        let mut n = n as usize;
        for (k, step) in self.steps.iter_mut().enumerate() {
            let (word, bit) = (&mut step[n / 64], 1 << (n % 64));
            let before = *word;
            *word |= bit;
            if k == 0 {
                if before & bit != 0 {
                    return false;
                }
                self.len += 1;
            }
            if before != 0 {
                break;
            }
            n /= 64;
        }
        true
    }

    /// Makes `n` no member; returns whether it was one. Panics if `n` is not below the bound.
    pub fn remove(&mut self, n: u32) -> bool {
        if !self.contains(n) {
            return false;
        }
        self.len -= 1;
        let mut n = n as usize;
        for step in &mut self.steps {
            let word = &mut step[n / 64];
            *word &= !(1 << (n % 64));
            if *word != 0 {
                break;
            }
            n /= 64;
        }
        true
    }

    /// The lowest member from `from` on that is also in `mask`, if one is given (of the same bound). Adds to `looked` the words
    /// looked at.
    pub fn next(&self, mask: Option<&Bits>, from: u32, looked: &mut u64) -> Option<u32> {
        self.next_at(mask, 0, from as usize, looked).map(|n| n as u32)
    }

    /// The highest member below `below` that is also in `mask`.
    pub fn last(&self, mask: Option<&Bits>, below: u32, looked: &mut u64) -> Option<u32> {
        self.last_at(mask, 0, below.min(self.bound) as usize, looked).map(|n| n as u32)
    }

    /// How many members are in `mask`.
    pub fn shared(&self, mask: Option<&Bits>, looked: &mut u64) -> u32 {
        if mask.is_none() {
            return self.len;
        }
        let (mut count, mut from) = (0, 0);
        while let Some(at) = self.next_at(mask, 1, from, looked) {
            *looked += 1;
            count += self.word(mask, 0, at).count_ones();
            from = at + 1;
        }
        count
    }

    /// Member number `r` (from 0) of those that are in `mask`, in ascending order.
    pub fn nth(&self, mask: Option<&Bits>, mut r: u32, looked: &mut u64) -> Option<u32> {
        let mut from = 0;
        while let Some(at) = self.next_at(mask, 1, from, looked) {
            *looked += 1;
            let mut word = self.word(mask, 0, at);
            let members = word.count_ones();
            if r < members {
                for _ in 0..r {
                    word &= word - 1;
                }
                return Some(at as u32 * 64 + word.trailing_zeros());
            }
            r -= members;
            from = at + 1;
        }
        None
    }

    /// All members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (mut from, mut looked) = (0, 0);
        std::iter::from_fn(move || {
            let n = self.next(None, from, &mut looked)?;
            from = n + 1;
            Some(n)
        })
    }

    fn word(&self, mask: Option<&Bits>, step: usize, at: usize) -> u64 {
        self.steps[step][at] & mask.map_or(!0, |mask| mask.steps[step][at])
    }

    fn next_at(&self, mask: Option<&Bits>, step: usize, from: usize, looked: &mut u64) -> Option<usize> {
        let (mut at, mut keep) = (from / 64, !0 << (from % 64));
        while at < self.steps[step].len() {
            *looked += 1;
            let word = self.word(mask, step, at) & keep;
            if word != 0 {
                return Some(at * 64 + word.trailing_zeros() as usize);
            }
            keep = !0;
            at += 1;
            if step + 1 < STEPS {
                at = self.next_at(mask, step + 1, at, looked)?;
            }
        }
        None
    }

    fn last_at(&self, mask: Option<&Bits>, step: usize, below: usize, looked: &mut u64) -> Option<usize> {
        let mut top = below.checked_sub(1)?;
        let mut keep = !0 >> (63 - top % 64);
        loop {
            let at = top / 64;
            *looked += 1;
            let word = self.word(mask, step, at) & keep;
            if word != 0 {
                return Some(at * 64 + 63 - word.leading_zeros() as usize);
            }
            keep = !0;
            let before = if step + 1 < STEPS { self.last_at(mask, step + 1, at, looked)? } else { at.checked_sub(1)? };
            top = before * 64 + 63;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn sets_are_those_of_the_standard_library() {
        for (seed, bound) in [1, 63, 64, 65, 4_096, 4_097, 9_000, 300_000].into_iter().enumerate() {
            let mut draw = Seed(seed as u64).stream(Purpose::Shape, 0);
            let (mut ours, mut mask) = (Bits::new(bound), Bits::new(bound));
            let (mut theirs, mut masked) = (BTreeSet::new(), BTreeSet::new());
            let mut looked = 0;
            for round in 0..2_000u32 {
                let n = draw.below(u64::from(bound)) as u32;
                // Long stretches of either set come and go.
                if draw.below(2 + u64::from(round / 500)) == 0 {
                    assert_eq!(ours.insert(n), theirs.insert(n));
                } else {
                    assert_eq!(ours.remove(n), theirs.remove(&n));
                }
                let n = draw.below(u64::from(bound)) as u32;
                if draw.below(2) == 0 {
                    assert_eq!(mask.insert(n), masked.insert(n));
                } else {
                    assert_eq!(mask.remove(n), masked.remove(&n));
                }
                assert_eq!((ours.len() as usize, ours.is_empty()), (theirs.len(), theirs.is_empty()));
                let at = draw.below(u64::from(bound) + 2) as u32;
                assert_eq!(ours.next(None, at, &mut looked), theirs.range(at..).next().copied());
                assert_eq!(ours.last(None, at, &mut looked), theirs.range(..at).next_back().copied());
                let both = |n: &&u32| masked.contains(n);
                assert_eq!(ours.next(Some(&mask), at, &mut looked), theirs.range(at..).find(both).copied());
                assert_eq!(ours.last(Some(&mask), at, &mut looked), theirs.range(..at).rev().find(both).copied());
                let shared: Vec<u32> = theirs.intersection(&masked).copied().collect();
                assert_eq!(ours.shared(Some(&mask), &mut looked) as usize, shared.len());
                let r = draw.below(shared.len() as u64 + 2) as u32;
                assert_eq!(ours.nth(Some(&mask), r, &mut looked), shared.get(r as usize).copied());
                assert_eq!(ours.nth(None, r, &mut looked), theirs.iter().nth(r as usize).copied());
            }
            assert!(ours.iter().eq(theirs.iter().copied()));
            let full = Bits::full(bound);
            assert!(full.len() == bound && full.iter().eq(0..bound));
            assert_eq!(full.last(None, u32::MAX, &mut looked), bound.checked_sub(1));
        }
    }

    #[test]
    fn a_member_far_away_is_found_in_a_few_words() {
        let mut set = Bits::new(200_000);
        set.insert(199_999);
        let mut looked = 0;
        assert_eq!(set.next(None, 0, &mut looked), Some(199_999));
        // Up three steps and down again.
        assert!(looked <= 5, "{looked} words");
        // Two sets without a common word share nothing, which the step above the members shows.
        let mut other = Bits::new(200_000);
        (0..100_000).for_each(|n| _ = other.insert(n));
        looked = 0;
        assert_eq!(set.next(Some(&other), 0, &mut looked), None);
        assert!(looked <= 5, "{looked} words");
    }
}
