//! Hosts by how much of them is free in whole percent, so that those that cannot win are not looked at.
//!
//! LeastAllocated rounds twice: with `100 * free = q * has + r` per resource, a request of `100 * want = q' * has + r'` leaves
//! `q - q' - [r < r']` percent, and the sum over CPU and memory is halved. Hosts of one shape with the same `Q = q_cpu + q_memory`
//! therefore score at most `(Q - q'_cpu - q'_memory) / 2` there, less where what is left over is known to be too little; how much a
//! request can even a host out is bounded by which of the two it uses more. Buckets by all of these are looked through from the
//! highest bound down, until no bound reaches the best found. Every score is the exact one: bounds decide only what is left out.

use std::collections::BTreeMap;

use crate::index::host::{Host, Room, Want};
use crate::index::rule::{GUARD, KubeNote, LevelRule, Rule, balanced, evenness, percent};

/// Values of Q.
const LEVELS: usize = 201;
/// Sides: uses no less CPU than memory by share, or less.
const SIDES: usize = 2;
/// No bucket.
const NOWHERE: u32 = u32::MAX;
/// Always looked at.
const LOOSE: u32 = NOWHERE - 1;
/// A host that counts stand-ins for missing requests must have so many percent free, or it is always looked at: below, a part
/// of its score may be cut off at 0, of which the bounds know nothing.
const MARGIN: i64 = 20;

/// A host in its bucket.
#[derive(Clone, Copy, Debug)]
struct Entry {
    slot: u32,
    /// Free in whole percent, by what scores count.
    q_cpu: u8,
    q_memory: u8,
    /// Evenness as it is.
    even: u8,
    /// What is left of the hundredfold.
    r_cpu: u64,
    r_memory: u64,
    /// Share of CPU in use less that of memory.
    lean: f64,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// Hosts with the same Q from the lowest to the highest, of one side, with what is left over in one range each.
#[derive(Clone, Debug)]
struct Chain {
    /// By Q.
    buckets: Vec<Vec<Entry>>,
    /// A bit for each Q that has hosts.
    filled: [u64; 4],
}

/// Hosts that have the same and are of one sort.
#[derive(Debug)]
struct Shape {
    cpu: i64,
    memory: i64,
    sort: u16,
    /// How many there are.
    hosts: usize,
    /// By side, then range of what is left over of CPU, then of memory.
    chains: Vec<Chain>,
}

/// Where a host stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    shape: u32,
    chain: u16,
    level: u16,
    at: u32,
}

const ABSENT: Place = Place { shape: NOWHERE, chain: 0, level: 0, at: 0 };

/// The hosts by their levels.
#[derive(Debug)]
pub struct Levels {
    rule: LevelRule,
    shapes: Vec<Shape>,
    known: BTreeMap<(i64, i64, u16), u32>,
    /// Ranges that what is left over is told apart by.
    ranges: u64,
    /// By slot: its shape.
    shape_of: Vec<u32>,
    places: Vec<Place>,
    loose: Vec<u32>,
    /// Hosts in buckets that count stand-ins.
    uneven: usize,
    counts_uneven: Vec<bool>,
    /// Chains under search by the bound of their next level.
    open: Vec<Vec<u32>>,
    searches: Vec<Search>,
}

/// One chain during a search.
#[derive(Clone, Copy, Debug)]
struct Search {
    shape: u32,
    chain: u16,
    /// The next Q to look at.
    level: u16,
    /// To be taken off Q for the bound.
    minus: i64,
    /// The bound of the balance.
    balance: i64,
    q_cpu: i32,
    q_memory: i32,
    r_cpu: u64,
    r_memory: u64,
    lean: f64,
}

impl Levels {
    /// For hosts with these rooms and sorts; `None`: there are more than `most_shapes` shapes. All hosts are absent at first.
    pub fn new<N>(rule: LevelRule, hosts: &[Host<N>], most_shapes: usize) -> Option<Self> {
        let mut levels = Levels {
            rule,
            shapes: Vec::new(),
            known: BTreeMap::new(),
            ranges: 1,
            shape_of: vec![NOWHERE; hosts.len()],
            places: vec![ABSENT; hosts.len()],
            loose: Vec::new(),
            uneven: 0,
            counts_uneven: vec![false; hosts.len()],
            open: Vec::new(),
            searches: Vec::new(),
        };
        let mut all = hosts.iter().enumerate();
        if !all.all(|(slot, host)| levels.reshape(slot as u32, &host.room, host.sort, most_shapes)) {
            return None;
        }
        // The more hosts of a shape, the more it pays to tell them apart.
        levels.tell_apart(match hosts.len() / levels.shapes.len().max(1) {
            0..1_500 => 1,
            1_500..12_000 => 2,
            _ => 4,
        });
        Some(levels)
    }

    /// Sets the number of ranges; all hosts are absent.
    fn tell_apart(&mut self, ranges: u64) {
        self.ranges = ranges;
        for shape in &mut self.shapes {
            shape.chains = chains(ranges);
        }
    }

    /// A host has another room, or is of another sort; it is absent until it is [set](Levels::set). False: there would be more
    /// than `most` shapes.
    pub fn reshape(&mut self, slot: u32, room: &Room, sort: u16, most: usize) -> bool {
        self.take_out(slot);
        let next = self.shapes.len() as u32;
        let shape = *self.known.entry((room.cpu, room.memory, sort)).or_insert(next);
        if shape == next {
            if self.shapes.len() >= most {
                return false;
            }
            let chains = chains(self.ranges);
            self.shapes.push(Shape { cpu: room.cpu, memory: room.memory, sort, hosts: 0, chains });
        }
        self.shape_of[slot as usize] = shape;
        true
    }

    /// How many hosts are looked at in every search.
    pub fn loose(&self) -> usize {
        self.loose.len()
    }

    /// Brings a host to where it belongs. A host that is full of jobs is left out.
    pub fn set<N>(&mut self, slot: u32, Host { room, booked, .. }: &Host<N>, standing: &KubeNote) {
        self.take_out(slot);
        if booked.jobs >= room.jobs {
            return;
        }
        let &KubeNote { q_cpu, q_memory, r_cpu, r_memory, lean, even, counts, plain } = standing;
        if !plain || q_cpu.min(q_memory) < if counts { 0 } else { MARGIN as i32 } {
            return self.let_loose(slot);
        }
        let entry =
            Entry { slot, q_cpu: q_cpu as u8, q_memory: q_memory as u8, even: even as u8, r_cpu, r_memory, lean };
        let range = |r: u64, has: i64| r * self.ranges / has as u64;
        let part = range(r_cpu, room.cpu) * self.ranges + range(r_memory, room.memory);
        let chain = u64::from(lean < 0.0) * self.ranges * self.ranges + part;
        let level = (q_cpu + q_memory) as usize;
        let number = self.shape_of[slot as usize];
        let shape = &mut self.shapes[number as usize];
        let Chain { buckets, filled } = &mut shape.chains[chain as usize];
        let at = buckets[level].len() as u32;
        buckets[level].push(entry);
        filled[level / 64] |= 1 << (level % 64);
        shape.hosts += 1;
        self.places[slot as usize] = Place { shape: number, chain: chain as u16, level: level as u16, at };
        self.counts_uneven[slot as usize] = !counts;
        self.uneven += usize::from(!counts);
    }

    fn let_loose(&mut self, slot: u32) {
        self.places[slot as usize] = Place { shape: LOOSE, at: self.loose.len() as u32, ..ABSENT };
        self.loose.push(slot);
    }

    /// Takes a host out, if it is there.
    pub fn take_out(&mut self, slot: u32) {
        let place = std::mem::replace(&mut self.places[slot as usize], ABSENT);
        let at = place.at as usize;
        match place.shape {
            NOWHERE => {}
            LOOSE => {
                self.loose.swap_remove(at);
                if let Some(moved) = self.loose.get(at) {
                    self.places[*moved as usize].at = place.at;
                }
            }
            number => {
                let shape = &mut self.shapes[number as usize];
                shape.hosts -= 1;
                let Chain { buckets, filled } = &mut shape.chains[usize::from(place.chain)];
                let level = usize::from(place.level);
                let bucket = &mut buckets[level];
                bucket.swap_remove(at);
                if let Some(moved) = bucket.get(at) {
                    self.places[moved.slot as usize].at = place.at;
                } else if bucket.is_empty() {
                    filled[level / 64] &= !(1 << (level % 64));
                }
                self.uneven -= usize::from(std::mem::take(&mut self.counts_uneven[slot as usize]));
            }
        }
    }

    /// Reads where a host stands.
    #[inline]
    pub fn look_ahead(&self, slot: u32) -> u64 {
        u64::from(self.places[slot as usize].at)
    }

    /// Whether a search for `want` is exact here.
    pub fn knows(&self, want: &Want) -> bool {
        // Where all requests are counted as they are, what fits never scores below 0 percent.
        let within = |want: i64, has: i64| has == 0 || percent(want, has).0 < MARGIN;
        let small = |s: &Shape| within(want.score_cpu, s.cpu) && within(want.score_memory, s.memory);
        want.counts_as_asked() && (self.uneven == 0 || self.shapes.iter().all(small))
    }

    /// Collects in `tied` the slots with the greatest judgement for `want` among hosts of sorts that are admitted; the
    /// judgement, 0 if it fits nowhere. `first_only`: the lowest slot of them is enough. `looked` counts the hosts looked at.
    #[allow(clippy::too_many_arguments)]
    pub fn search<R: Rule>(
        &mut self,
        judge: &R,
        hosts: &[Host<R::Note>],
        want: &Want,
        admitted: &[bool],
        first_only: bool,
        tied: &mut Vec<u32>,
        looked: &mut u64,
    ) -> u16 {
        tied.clear();
        let mut best = 0i64;
        for &slot in &self.loose {
            let host = &hosts[slot as usize];
            if admitted[usize::from(host.sort)] {
                *looked += 1;
                let judgement = judge.judge(&host.room, &host.booked, want);
                consider(i64::from(judgement), slot, first_only, &mut best, tied);
            }
        }
        let balances = self.rule.balanced != 0 && (want.exact_cpu != 0 || want.exact_memory != 0);
        let weight = if balances { self.rule.balanced } else { 0 };
        let mut bound = self.begin(want, admitted, weight, usize::from(judge.most()));
        while bound > 0 && bound as i64 >= best {
            let Some(number) = self.open[bound].pop() else {
                bound -= 1;
                continue;
            };
            let search = self.searches[number as usize];
            let chain = &self.shapes[search.shape as usize].chains[usize::from(search.chain)];
            let bucket = &chain.buckets[usize::from(search.level)];
            *looked += bucket.len() as u64;
            for entry in bucket {
                let cpu = i32::from(entry.q_cpu) - search.q_cpu - i32::from(entry.r_cpu < search.r_cpu);
                let memory = i32::from(entry.q_memory) - search.q_memory - i32::from(entry.r_memory < search.r_memory);
                // Where all requests are counted as they are, that is whether it fits.
                if (cpu | memory) < 0 {
                    continue;
                }
                let sum = 100.0 - 50.0 * (entry.lean + search.lean).abs();
                let mut with = sum as i32;
                let above = sum - f64::from(with);
                if !(GUARD..=1.0 - GUARD).contains(&above) {
                    let Host { booked: b, room, .. } = &hosts[entry.slot as usize];
                    with = evenness(room, b.cpu + want.exact_cpu, b.memory + want.exact_memory) as i32;
                }
                let fit = i64::from((cpu + memory) >> 1);
                let judgement =
                    1 + self.rule.fit * fit + weight * i64::from(50 + ((50 + with - i32::from(entry.even)) >> 1));
                if judgement >= best {
                    let host = &hosts[entry.slot as usize];
                    if self.uneven == 0 || host.booked.holds(&host.room, want) {
                        consider(judgement, entry.slot, first_only, &mut best, tied);
                    }
                }
            }
            self.step(number, usize::from(search.level));
        }
        best as u16
    }

    /// Opens all chains that there are; the highest bound.
    fn begin(&mut self, want: &Want, admitted: &[bool], weight: i64, most: usize) -> usize {
        self.searches.clear();
        self.open.iter_mut().for_each(Vec::clear);
        self.open.resize(most + 1, Vec::new());
        let mut highest = 0;
        let ranges = self.ranges;
        for number in 0..self.shapes.len() {
            let Shape { cpu, memory, sort, hosts, .. } = self.shapes[number];
            // More than all of it fits nowhere here.
            if hosts == 0 || !admitted[usize::from(sort)] || want.cpu > cpu || want.memory > memory {
                continue;
            }
            let (q_cpu, r_cpu) = percent(want.score_cpu, cpu);
            let (q_memory, r_memory) = percent(want.score_memory, memory);
            let lean = want.exact_cpu as f64 / cpu as f64 - want.exact_memory as f64 / memory as f64;
            // Whether all of a range is less than what is needed: its last value is below ((range + 1) * has) / ranges.
            let short = |range: u64, r: u64, has: i64| i64::from(r * ranges >= (range + 1) * has as u64);
            for chain in 0..self.shapes[number].chains.len() as u64 {
                let (side, part) = (chain / (ranges * ranges), chain % (ranges * ranges));
                // A host that already leans the way of the request can only get worse, any other better by what it evens out.
                let worse = if side == 0 { lean > GUARD } else { lean < -GUARD };
                let evens = if worse { 0 } else { (50.0 * lean.abs() + 2.0 * GUARD).ceil() as i64 };
                let borrowed = short(part / ranges, r_cpu, cpu) + short(part % ranges, r_memory, memory);
                self.searches.push(Search {
                    shape: number as u32,
                    chain: chain as u16,
                    level: 0,
                    minus: q_cpu + q_memory + borrowed,
                    balance: weight * balanced(evens, 0),
                    q_cpu: q_cpu as i32,
                    q_memory: q_memory as i32,
                    r_cpu,
                    r_memory,
                    lean,
                });
                highest = highest.max(self.step(self.searches.len() as u32 - 1, LEVELS));
            }
        }
        highest
    }

    /// Puts a chain where its highest level below `below` with hosts belongs; the bound, 0 if there is none.
    fn step(&mut self, number: u32, below: usize) -> usize {
        let search = &mut self.searches[number as usize];
        let chain = &self.shapes[search.shape as usize].chains[usize::from(search.chain)];
        let Some(level) = last_below(&chain.filled, below) else { return 0 };
        search.level = level as u16;
        let fit = (level as i64 - search.minus).max(0) >> 1;
        let bound = (1 + self.rule.fit * fit + search.balance) as usize;
        self.open[bound].push(number);
        bound
    }
}

fn chains(ranges: u64) -> Vec<Chain> {
    vec![Chain { buckets: vec![Vec::new(); LEVELS], filled: [0; 4] }; SIDES * (ranges * ranges) as usize]
}

/// The highest bit below `below`.
fn last_below(filled: &[u64; 4], below: usize) -> Option<usize> {
    let mut word = below / 64;
    let mut bits = if word < 4 { filled[word] & ((1 << (below % 64)) - 1) } else { 0 };
    loop {
        if bits != 0 {
            return Some(word * 64 + 63 - bits.leading_zeros() as usize);
        }
        word = word.checked_sub(1)?;
        bits = filled[word];
    }
}

#[inline]
fn consider(judgement: i64, slot: u32, first_only: bool, best: &mut i64, tied: &mut Vec<u32>) {
    if judgement == 0 || judgement < *best {
        return;
    }
    if judgement > *best {
        *best = judgement;
        tied.clear();
        tied.push(slot);
    } else if !first_only {
        tied.push(slot);
    } else if slot < tied[0] {
        tied[0] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::host::Booked;
    use crate::index::rule::{Fullness, KubeRule};
    use crate::rng::{Purpose, Seed};

    #[test]
    fn whatever_hosts_are_told_apart_by_the_best_are_found_and_fewer_are_looked_at() {
        let rule = KubeRule { fullness: Fullness::Least, fit_weight: 1, weights: [1, 1], balanced_weight: 1 };
        let mut looked = Vec::new();
        for ranges in [1, 2, 4] {
            let mut stream = Seed(9).stream(Purpose::Shape, 0);
            let host = |i: i64| {
                let (room, booked) =
                    (Room { cpu: 64_000, memory: (128 + i % 2 * 64) << 30, jobs: 40 }, Booked::default());
                Host { note: rule.note(&room, &booked), room, booked, sort: 0 }
            };
            let mut hosts: Vec<_> = (0..600).map(host).collect();
            let mut levels = Levels::new(rule.level().unwrap(), &hosts, 10).unwrap();
            levels.tell_apart(ranges);
            let (mut tied, mut looks, mut all) = (Vec::new(), 0, 0);
            let mut running: Vec<(u32, Want)> = Vec::new();
            for slot in 0..600 {
                let host = &mut hosts[slot as usize];
                host.note = rule.note(&host.room, &host.booked);
                levels.set(slot, host, &host.note);
            }
            for step in 0..15_000 {
                let want = Want::of(100 + stream.below(5_000) as i64, 1 + stream.below(16 << 30) as i64);
                assert!(levels.knows(&want));
                let before = looks;
                let best = levels.search(&rule, &hosts, &want, &[true], false, &mut tied, &mut looks);
                if step > 10_000 {
                    all += looks - before;
                }
                if step % 20 == 0 {
                    let judged: Vec<u16> = hosts.iter().map(|h| rule.judge(&h.room, &h.booked, &want)).collect();
                    assert_eq!(best, judged.iter().copied().max().unwrap());
                    tied.sort_unstable();
                    let wanted: Vec<u32> = (0..600).filter(|s| best > 0 && judged[*s as usize] == best).collect();
                    assert_eq!(tied, wanted, "{ranges} {step}");
                }
                let mut shift = |slot: u32, want: &Want, sign: i64| {
                    hosts[slot as usize].booked.shift(want, sign);
                    let host = &mut hosts[slot as usize];
                    host.note = rule.note(&host.room, &host.booked);
                    levels.set(slot, host, &host.note);
                };
                if let Some(&slot) = tied.iter().min() {
                    shift(slot, &want, 1);
                    running.push((slot, want));
                }
                if running.len() > 8_500 {
                    let (slot, want) = running.swap_remove(stream.below(running.len() as u64) as usize);
                    shift(slot, &want, -1);
                }
            }
            looked.push(all / 5_000);
        }
        // Hosts looked at for a job, of 600: what the bounds are for.
        assert!(looked[0] < 100 && looked[1] < looked[0] && looked[2] < looked[1], "{looked:?}");
    }
}
