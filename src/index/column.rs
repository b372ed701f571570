//! The judgements of all hosts for one kind of request, with the greatest of each block beside them.
//!
//! A host that changed is judged again; the best of all is then found in two short scans. The idea is Borg's score caching
//! ("Large-scale cluster management at Google with Borg", EuroSys 2015, section 3.4), made exact.

/// Hosts in a block, and blocks in a group.
const BLOCK: usize = 64;

/// Judgements by slot; 0 where the job does not fit.
#[derive(Clone, Debug)]
pub struct Column {
    hosts: usize,
    /// Padded to whole blocks.
    judged: Vec<u16>,
    /// The greatest of each block, padded to whole groups.
    blocks: Vec<u16>,
    /// The greatest of each group.
    groups: Vec<u16>,
    /// A bit for each host that holds the job.
    fits: Vec<u64>,
}

/// A stretch of slots from where a search began: up to two ranges, the second from the first slot on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The ranges, in the order of the search.
    pub ranges: [(usize, usize); 2],
}

impl Window {
    /// All of `hosts` slots, from `start` on.
    pub fn whole(hosts: usize, start: usize) -> Self {
        Window { ranges: [(start, hosts), (0, start)] }
    }

    /// How many slots there are in it.
    pub fn count(&self) -> usize {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }

    /// The slots, in order.
    pub fn slots(&self) -> impl Iterator<Item = usize> + use<> {
        let [first, second] = self.ranges;
        (first.0..first.1).chain(second.0..second.1)
    }
}

fn greatest(list: &[u16]) -> u16 {
    list.iter().copied().fold(0, u16::max)
}

/// A bit for each of up to 64 judgements that equals `wanted`.
#[inline]
fn equal(block: &[u16], wanted: u16) -> u64 {
    block.iter().enumerate().fold(0, |bits, (i, judged)| bits | u64::from(*judged == wanted) << i)
}

impl Column {
    /// Nothing fits anywhere.
    pub fn new(hosts: usize) -> Self {
        let blocks = hosts.div_ceil(BLOCK);
        let groups = blocks.div_ceil(BLOCK);
        Column {
            hosts,
            judged: vec![0; blocks * BLOCK],
            blocks: vec![0; groups * BLOCK],
            groups: vec![0; groups],
            fits: vec![0; blocks],
        }
    }

    /// Bytes that it takes for so many hosts.
    pub fn bytes(hosts: usize) -> usize {
        let blocks = hosts.div_ceil(BLOCK);
        blocks * BLOCK * 2 + blocks.div_ceil(BLOCK) * (BLOCK + 1) * 2 + blocks * 8
    }

    /// The judgements of all so many hosts.
    pub fn judged(&self, hosts: usize) -> &[u16] {
        &self.judged[..hosts]
    }

    /// Replaces the judgement of a slot.
    #[inline]
    pub fn set(&mut self, slot: usize, judgement: u16) {
        let old = std::mem::replace(&mut self.judged[slot], judgement);
        if old == judgement {
            return;
        }
        let block = slot / BLOCK;
        let bit = 1u64 << (slot % BLOCK);
        if judgement == 0 {
            self.fits[block] &= !bit;
        } else {
            self.fits[block] |= bit;
        }
        let most = self.blocks[block];
        let new = if judgement >= most {
            judgement
        } else if old == most {
            greatest(&self.judged[block * BLOCK..(block + 1) * BLOCK])
        } else {
            return;
        };
        if new == most {
            return;
        }
        self.blocks[block] = new;
        let group = block / BLOCK;
        let top = self.groups[group];
        if new >= top {
            self.groups[group] = new;
        } else if most == top {
            self.groups[group] = greatest(&self.blocks[group * BLOCK..(group + 1) * BLOCK]);
        }
    }

    /// Fills all of it.
    pub fn fill(&mut self, mut judge: impl FnMut(usize) -> u16) {
        for slot in 0..self.hosts {
            self.judged[slot] = judge(slot);
        }
        for (block, list) in self.judged.chunks_exact(BLOCK).enumerate() {
            self.blocks[block] = greatest(list);
            self.fits[block] = !equal(list, 0);
        }
        for (group, list) in self.blocks.chunks_exact(BLOCK).enumerate() {
            self.groups[group] = greatest(list);
        }
    }

    /// The greatest judgement of all.
    pub fn best(&self) -> u16 {
        greatest(&self.groups)
    }

    /// The first slot with the judgement `best`, which is the greatest.
    pub fn first(&self, best: u16) -> Option<usize> {
        let group = self.groups.iter().position(|most| *most == best)?;
        let blocks = &self.blocks[group * BLOCK..(group + 1) * BLOCK];
        let block = group * BLOCK + blocks.iter().position(|most| *most == best)?;
        let judged = &self.judged[block * BLOCK..(block + 1) * BLOCK];
        Some(block * BLOCK + judged.iter().position(|judged| *judged == best)?)
    }

    /// Tells `found` the slots of the window with the judgement `best`, which is the greatest there, in order.
    pub fn each(&self, window: &Window, best: u16, mut found: impl FnMut(usize)) {
        for (from, to) in window.ranges {
            let mut slot = from;
            while slot < to {
                let block = slot / BLOCK;
                let end = ((block + 1) * BLOCK).min(to);
                if self.blocks[block] >= best {
                    let mut bits = equal(&self.judged[slot..end], best);
                    while bits != 0 {
                        found(slot + bits.trailing_zeros() as usize);
                        bits &= bits - 1;
                    }
                }
                slot = end;
            }
        }
    }

    /// The greatest judgement in a window.
    pub fn best_within(&self, window: &Window) -> u16 {
        let mut best = 0;
        for (from, to) in window.ranges {
            let (first, last) = (from.div_ceil(BLOCK), to / BLOCK);
            best = best.max(if first >= last {
                greatest(&self.judged[from..to])
            } else {
                let ends = greatest(&self.judged[from..first * BLOCK]).max(greatest(&self.judged[last * BLOCK..to]));
                ends.max(greatest(&self.blocks[first..last]))
            });
        }
        best
    }

    /// What a search from `start` looks at that ends before the host that would be one more than `wanted` that fit.
    pub fn window(&self, start: usize, wanted: usize) -> Window {
        let mut left = wanted;
        let mut ranges = [(start, self.hosts), (0, 0)];
        match self.nth(start, self.hosts, left) {
            Ok(end) => ranges[0].1 = end,
            Err(found) => {
                left -= found;
                ranges[1].1 = self.nth(0, start, left).unwrap_or(start);
            }
        }
        Window { ranges }
    }

    /// The slot in `from..to` with `n` that fit before it in that range, or how many there are.
    fn nth(&self, from: usize, to: usize, n: usize) -> Result<usize, usize> {
        let mut found = 0;
        let mut slot = from;
        while slot < to {
            let mut bits = self.word(slot, to);
            let count = bits.count_ones() as usize;
            if found + count > n {
                for _ in 0..n - found {
                    bits &= bits - 1;
                }
                return Ok(slot + bits.trailing_zeros() as usize);
            }
            found += count;
            slot = (slot / BLOCK + 1) * BLOCK;
        }
        Err(found)
    }

    /// The bits of those that fit from `slot` to the end of its block, or to `to`, shifted down.
    fn word(&self, slot: usize, to: usize) -> u64 {
        let block = slot / BLOCK;
        let mut bits = self.fits[block] >> (slot % BLOCK);
        let width = ((block + 1) * BLOCK).min(to) - slot;
        if width < BLOCK {
            bits &= (1 << width) - 1;
        }
        bits
    }

    /// How many fit in a range.
    pub fn count(&self, from: usize, to: usize) -> usize {
        self.nth(from, to, usize::MAX).unwrap_or_else(|found| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn it_finds_what_a_scan_finds() {
        for (round, hosts) in [1, 63, 64, 65, 200, 4096, 5000].into_iter().enumerate() {
            let mut stream = Seed(2).stream(Purpose::Shape, round as u64);
            let mut column = Column::new(hosts);
            let mut list = vec![0u16; hosts];
            for step in 0..2_000 {
                let slot = stream.below(hosts as u64) as usize;
                let judgement = stream.below(if step % 2 == 0 { 4 } else { 200 }) as u16;
                column.set(slot, judgement);
                list[slot] = judgement;
                if step % 50 > 0 {
                    continue;
                }
                let mut filled = Column::new(hosts);
                filled.fill(|slot| list[slot]);
                assert_eq!(format!("{filled:?}"), format!("{column:?}"));
                assert_eq!(column.best(), *list.iter().max().unwrap());
                let best = column.best();
                assert_eq!(column.first(best), list.iter().position(|j| *j == best));
                let (start, wanted) = (stream.below(hosts as u64) as usize, stream.below(hosts as u64 + 1) as usize);
                let window = column.window(start, wanted);
                // The plain search.
                let (mut fit, mut seen) = (0, Vec::new());
                for slot in (start..hosts).chain(0..start) {
                    fit += usize::from(list[slot] > 0);
                    if fit > wanted {
                        break;
                    }
                    seen.push(slot);
                }
                assert_eq!(window.slots().collect::<Vec<_>>(), seen, "{start} {wanted}");
                assert_eq!(window.count(), seen.len());
                let best = seen.iter().map(|slot| list[*slot]).max().unwrap_or(0);
                assert_eq!(column.best_within(&window), best);
                let mut tied = Vec::new();
                column.each(&window, best, |slot| tied.push(slot));
                assert_eq!(tied, seen.iter().copied().filter(|slot| list[*slot] == best).collect::<Vec<_>>());
                let (from, to) = (start.min(wanted), start.max(wanted));
                assert_eq!(column.count(from, to), list[from..to].iter().filter(|j| **j > 0).count());
            }
        }
    }
}
