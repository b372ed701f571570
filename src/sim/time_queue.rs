//! A queue by time, then rank, then order of insertion, in which nothing is put before what was last taken.
//!
//! A radix heap over the microseconds: an event waits in a bucket by the highest digit (of 64) in which its time differs from
//! the time last reached, and the first bucket is dealt out to lower ones when its turn comes, so that an event is moved
//! some four times in all and never compared with others. Buckets are dealt out in the order in which they were filled and
//! only into empty ones: events of one time stay in order of insertion without a number. Those of the time reached stand
//! in one line for each rank.

use std::collections::VecDeque;

use crate::units::SimTime;

/// Bits of a digit.
const DIGIT: u32 = 6;
const WIDTH: usize = 1 << DIGIT;
/// Digits of a time.
const LEVELS: usize = 64usize.div_ceil(DIGIT as usize);
/// Ranks that there may be.
pub const RANKS: usize = 16;
/// A bucket that held no more keeps its memory for the next time.
const KEPT: usize = 256;
/// Larger ones that wait to be used elsewhere.
const SPARE: usize = 4;
/// Most events of one bucket that are seen coming together, and how many of a long line are seen at a time.
const AHEAD: usize = 128;
const OF_LINE: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: u64,
    rank: u8,
    event: E,
}

#[derive(Debug)]
struct Bucket<E> {
    entries: Vec<Entry<E>>,
    /// Time and rank of what comes first of them; means nothing while there are none.
    first: (u64, u8),
}

/// The queue of events of type `E`.
#[derive(Debug)]
pub struct TimeQueue<E> {
    /// The time reached: that of the last event taken, or of those that come next.
    reached: u64,
    /// Events at that time, by rank.
    due: [VecDeque<E>; RANKS],
    /// Bits of ranks that have some.
    due_ranks: u16,
    buckets: Vec<Bucket<E>>,
    /// Bits of levels that have some, and of the buckets of each that have.
    levels: u16,
    digits: [u64; LEVELS],
    spare: Vec<Vec<Entry<E>>>,
    /// Events that will be taken soon.
    ahead: Vec<E>,
    /// Up to this time they have been.
    seen: u64,
    len: usize,
}

impl<E: Copy> Default for TimeQueue<E> {
    fn default() -> Self {
        TimeQueue {
            reached: 0,
            due: Default::default(),
            due_ranks: 0,
            buckets: (0..LEVELS * WIDTH).map(|_| Bucket { entries: Vec::new(), first: (0, 0) }).collect(),
            levels: 0,
            digits: [0; LEVELS],
            spare: Vec::new(),
            ahead: Vec::new(),
            seen: 0,
            len: 0,
        }
    }
}

impl<E: Copy> TimeQueue<E> {
    /// Events that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One more. Panics before the time of the event last taken, and for a rank of [`RANKS`] or more.
    pub fn push(&mut self, at: SimTime, rank: u8, event: E) {
        assert!(at.0 >= self.reached, "an event in the past");
        assert!(usize::from(rank) < RANKS, "a rank beyond the last");
        self.len += 1;
        self.put(Entry { at: at.0, rank, event });
    }

    #[inline]
    fn put(&mut self, entry: Entry<E>) {
        let differs = entry.at ^ self.reached;
        if differs == 0 {
            self.due_ranks |= 1 << entry.rank;
            self.due[usize::from(entry.rank)].push_back(entry.event);
            return;
        }
        let level = ((63 - differs.leading_zeros()) / DIGIT) as usize;
        let digit = (entry.at >> (level as u32 * DIGIT)) as usize % WIDTH;
        let bucket = &mut self.buckets[level * WIDTH + digit];
        let place = (entry.at, entry.rank);
        if self.digits[level] >> digit & 1 == 0 {
            self.digits[level] |= 1 << digit;
            self.levels |= 1 << level;
            bucket.first = place;
            if bucket.entries.capacity() == 0
                && let Some(spare) = self.spare.pop()
            {
                bucket.entries = spare;
            }
        } else if place < bucket.first {
            bucket.first = place;
        }
        bucket.entries.push(entry);
    }

    /// The bucket in which the next event is, once none is due: its level and digit.
    fn next_bucket(&self) -> Option<(usize, usize)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some((level, self.digits[level].trailing_zeros() as usize))
    }

    /// Time and rank of the next event.
    #[inline]
    pub fn peek(&self) -> Option<(SimTime, u8)> {
        if self.due_ranks != 0 {
            return Some((SimTime(self.reached), self.due_ranks.trailing_zeros() as u8));
        }
        let (level, digit) = self.next_bucket()?;
        let (at, rank) = self.buckets[level * WIDTH + digit].first;
        Some((SimTime(at), rank))
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        if self.due_ranks == 0
            && let Some(alone) = self.deal_out()?
        {
            self.len -= 1;
            return Some((SimTime(self.reached), alone));
        }
        let rank = self.due_ranks.trailing_zeros() as usize;
        let line = &mut self.due[rank];
        let event = line.pop_front()?;
        if line.is_empty() {
            self.due_ranks &= !(1 << rank);
        } else if line.len().is_multiple_of(OF_LINE) {
            self.ahead.clear();
            self.ahead.extend(line.iter().take(OF_LINE));
        }
        self.len -= 1;
        Some((SimTime(self.reached), event))
    }

    /// Events that will be taken soon, most of them once each: whoever goes and gets what they are about for all of them at
    /// once does not wait for it later one by one. None again until more are in sight.
    pub fn ahead(&mut self) -> Option<Vec<E>> {
        (!self.ahead.is_empty()).then(|| std::mem::take(&mut self.ahead))
    }

    /// Gives back the list that [`TimeQueue::ahead`] gave, so that its memory is used again.
    pub fn seen(&mut self, mut ahead: Vec<E>) {
        ahead.clear();
        if self.ahead.is_empty() {
            self.ahead = ahead;
        }
    }

    /// Deals out the first bucket: its earliest time is reached. An event that is alone in it is handed out at once. `None`:
    /// nothing is left.
    fn deal_out(&mut self) -> Option<Option<E>> {
        let (level, digit) = self.next_bucket()?;
        self.digits[level] &= !(1 << digit);
        if self.digits[level] == 0 {
            self.levels &= !(1 << level);
        }
        let bucket = &mut self.buckets[level * WIDTH + digit];
        self.reached = bucket.first.0;
        if let [alone] = bucket.entries[..] {
            bucket.entries.clear();
            return Some(Some(alone.event));
        }
        let mut entries = std::mem::take(&mut bucket.entries);
        self.ahead.clear();
        if entries.len() <= AHEAD && self.reached >= self.seen {
            let shift = level as u32 * DIGIT;
            self.seen = (self.reached >> shift).saturating_add(1).checked_shl(shift).unwrap_or(u64::MAX);
            self.ahead.extend(entries.iter().map(|entry| entry.event));
        }
        for &entry in &entries {
            self.put(entry);
        }
        entries.clear();
        if entries.capacity() <= KEPT {
            self.buckets[level * WIDTH + digit].entries = entries;
        } else if self.spare.len() < SPARE {
            self.spare.push(entries);
        }
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// The plain queue: one heap of whole places, each with its number.
    #[derive(Default)]
    struct Plain {
        heap: BinaryHeap<Reverse<(u64, u8, u64)>>,
        inserted: u64,
    }

    impl Plain {
        fn push(&mut self, at: u64, rank: u8) -> u64 {
            self.inserted += 1;
            self.heap.push(Reverse((at, rank, self.inserted)));
            self.inserted
        }
    }

    /// Random streams: near and far, at one instant, of a rank that has passed, and earlier than what was seen to be next.
    #[test]
    fn all_come_in_the_order_of_the_plain_heap() {
        for seed in 0..300u64 {
            let mut s = Seed(seed).stream(Purpose::Shape, 77);
            let (mut queue, mut plain) = (TimeQueue::default(), Plain::default());
            let spread = 1 << s.below(40);
            let (mut now, mut taken) = (0u64, 0u64);
            for step in 0..3000 {
                let more = if step < 1500 { 5 } else { 3 };
                if s.below(8) < more {
                    let at = match s.below(6) {
                        0 => now,
                        1 => now + s.below(3),
                        2 => now.max(s.below(1 << 62)),
                        // Ticks that many share.
                        3 => (now / 64 + 1) * 64,
                        _ => now + s.below(spread),
                    };
                    let rank = s.below(RANKS as u64) as u8;
                    let number = plain.push(at, rank);
                    queue.push(SimTime(at), rank, number);
                } else {
                    let next = plain.heap.peek().map(|&Reverse((at, rank, _))| (SimTime(at), rank));
                    assert_eq!(queue.peek(), next, "seed {seed}");
                    if s.below(4) == 0 {
                        // The clock may go on to something else that comes before it.
                        let to = next.map_or(now, |(at, _)| at.0);
                        now += s.below(to - now + 1);
                        continue;
                    }
                    let of_plain = plain.heap.pop().map(|Reverse((at, _, number))| (SimTime(at), number));
                    assert_eq!(queue.pop(), of_plain, "seed {seed}");
                    now = of_plain.map_or(now, |(at, _)| at.0);
                    taken += 1;
                }
                assert_eq!(queue.len(), plain.heap.len());
            }
            while let Some(Reverse((at, _, number))) = plain.heap.pop() {
                assert_eq!(queue.pop(), Some((SimTime(at), number)), "seed {seed}");
                taken += 1;
            }
            assert!(queue.is_empty() && queue.pop().is_none() && taken > 1000);
        }
    }

    #[test]
    #[should_panic(expected = "in the past")]
    fn nothing_is_put_before_what_was_taken() {
        let mut queue = TimeQueue::default();
        queue.push(SimTime(10), 0, ());
        queue.pop();
        queue.push(SimTime(9), 0, ());
    }
}
