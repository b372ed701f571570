//! Entries of a few sizes in a row, and the next one that is large enough in each: a tree of the largest sizes below.
//!
//! With more than one size a stretch may look large enough though none of its entries is, one being large in one size and one
//! in another; then it is looked through in vain. So a question costs a few entries if the sizes go together, and at worst all
//! entries and a sixteenth more.

/// Entries that one of the step above stands for.
const WIDTH: usize = 16;

/// The sizes of an entry that is never large enough.
pub const NOTHING: i64 = i64::MIN;

/// A row of entries of `D` sizes.
#[derive(Clone, Debug)]
pub struct Most<const D: usize> {
    /// `steps[0]` are the entries; an entry of `steps[k + 1]` is the largest of 16 of `steps[k]`, size by size.
    steps: Vec<Vec<[i64; D]>>,
    looked: u64,
}

impl<const D: usize> Most<D> {
    /// `len` entries that are [`NOTHING`].
    pub fn new(len: usize) -> Self {
        let mut steps = vec![vec![[NOTHING; D]; len]];
        let mut len = len;
        while len > WIDTH {
            len = len.div_ceil(WIDTH);
            steps.push(vec![[NOTHING; D]; len]);
        }
        Most { steps, looked: 0 }
    }

    /// The sizes of entry `at`.
    pub fn get(&self, at: usize) -> [i64; D] {
        self.steps[0][at]
    }

    /// Entry `at` is of these sizes from now on.
    pub fn set(&mut self, at: usize, sizes: [i64; D]) {
        let (mut at, mut new) = (at, sizes);
        for k in 0..self.steps.len() {
            let old = std::mem::replace(&mut self.steps[k][at], new);
            let Some(above) = self.steps.get(k + 1) else { return };
            let max = above[at / WIDTH];
            if (0..D).all(|d| new[d] <= max[d] && (old[d] < max[d] || new[d] == max[d])) {
                // The largest stay what they are.
                return;
            }
            let from = at / WIDTH * WIDTH;
            let to = (from + WIDTH).min(self.steps[k].len());
            new = [NOTHING; D];
            for entry in &self.steps[k][from..to] {
                for d in 0..D {
                    new[d] = new[d].max(entry[d]);
                }
            }
            if new == max {
                return;
            }
            at /= WIDTH;
        }
    }

    /// The first entry from `from` on that has at least `wanted` of each size, all above [`NOTHING`].
    pub fn next(&mut self, from: usize, wanted: [i64; D]) -> Option<usize> {
        let Most { steps, looked } = self;
        next_at(steps, from, wanted, looked)
    }

    /// The last entry before `below` that has at least `wanted` of each size.
    pub fn last(&mut self, below: usize, wanted: [i64; D]) -> Option<usize> {
        let Most { steps, looked } = self;
        let below = below.min(steps[0].len());
        last_at(steps, below, wanted, looked)
    }

    /// Entries looked at so far, those that stand for others included.
    pub fn looked_at(&self) -> u64 {
        self.looked
    }
}

fn holds<const D: usize>(entry: &[i64; D], wanted: [i64; D]) -> bool {
    (0..D).all(|d| entry[d] >= wanted[d])
}

fn next_at<const D: usize>(
    steps: &[Vec<[i64; D]>],
    mut from: usize,
    wanted: [i64; D],
    looked: &mut u64,
) -> Option<usize> {
    let (here, above) = steps.split_first()?;
    while from < here.len() {
        // Up to the end of the stretch, or of the row where nothing stands above it.
        let end = if above.is_empty() { here.len() } else { (from / WIDTH * WIDTH + WIDTH).min(here.len()) };
        let stretch = &here[from..end];
        let found = stretch.iter().position(|entry| holds(entry, wanted));
        *looked += found.map_or(stretch.len(), |at| at + 1) as u64;
        if let Some(at) = found {
            return Some(from + at);
        }
        if above.is_empty() {
            return None;
        }
        from = next_at(above, end.div_ceil(WIDTH), wanted, looked)? * WIDTH;
    }
    None
}

fn last_at<const D: usize>(
    steps: &[Vec<[i64; D]>],
    mut below: usize,
    wanted: [i64; D],
    looked: &mut u64,
) -> Option<usize> {
    let (here, above) = steps.split_first()?;
    while below > 0 {
        let start = if above.is_empty() { 0 } else { (below - 1) / WIDTH * WIDTH };
        let stretch = &here[start..below];
        let found = stretch.iter().rposition(|entry| holds(entry, wanted));
        *looked += (stretch.len() - found.unwrap_or(0)) as u64;
        if let Some(at) = found {
            return Some(start + at);
        }
        if above.is_empty() {
            return None;
        }
        below = (last_at(above, start / WIDTH, wanted, looked)? * WIDTH + WIDTH).min(here.len());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn the_next_large_enough_is_that_of_a_scan() {
        for (seed, len) in [1usize, 15, 16, 17, 256, 300, 5_000].into_iter().enumerate() {
            let mut draw = Seed(seed as u64).stream(Purpose::Shape, 0);
            let (mut ours, mut plain) = (Most::<2>::new(len), vec![[NOTHING; 2]; len]);
            for _ in 0..4_000 {
                let at = draw.below(len as u64) as usize;
                let large = draw.below(20) == 0;
                let mut size = || draw.below(if large { 100 } else { 10 }) as i64 - 3;
                let sizes = [size(), size()];
                plain[at] = if draw.below(9) == 0 { [NOTHING; 2] } else { sizes };
                ours.set(at, plain[at]);
                assert_eq!(ours.get(at), plain[at]);
                let from = draw.below(len as u64 + 1) as usize;
                let mut want = || [NOTHING + 1, 0, 5, 30, 90][draw.below(5) as usize];
                let wanted = [want(), want()];
                let next = (from..len).find(|&at| holds(&plain[at], wanted));
                assert_eq!(ours.next(from, wanted), next, "{len} entries from {from}");
                let last = (0..from).rfind(|&at| holds(&plain[at], wanted));
                assert_eq!(ours.last(from, wanted), last, "{len} entries before {from}");
            }
        }
    }

    #[test]
    fn one_that_is_far_away_is_found_in_a_few_entries_and_the_worst_case_is_a_scan() {
        let len = 100_000;
        let mut row = Most::<2>::new(len);
        (0..len).for_each(|at| row.set(at, [1, 1]));
        row.set(len - 1, [9, 9]);
        assert_eq!(row.next(0, [9, 9]), Some(len - 1));
        assert!(row.looked_at() <= 16 * 10, "{} entries", row.looked_at());
        // Large in one or the other, never in both.
        (0..len).for_each(|at| row.set(at, if at % 2 == 0 { [9, 1] } else { [1, 9] }));
        let before = row.looked_at();
        assert_eq!(row.next(0, [9, 9]), None);
        assert!(row.looked_at() - before <= len as u64 * 16 / 15 + 16);
    }
}
