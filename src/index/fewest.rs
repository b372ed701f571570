//! Hosts by how many jobs they have: the lowest count first, then the lowest number, and the other way round.
//!
//! One [`Group`](super::group) of hosts for each count that occurs. Who is asked for may be narrowed by a mask, a set of hosts
//! that will do (a class of machines, those that are open), which is joined word by word. Memory is in proportion to the hosts
//! and the counts that occur.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::group::Group;

/// Hosts in order of (count, number).
#[derive(Clone, Debug)]
pub struct Fewest {
    bound: u32,
    groups: BTreeMap<u32, Group>,
    spare: Vec<Bits>,
    looked: u64,
}

impl Fewest {
    /// None of the hosts below `bound`.
    pub fn new(bound: u32) -> Fewest {
        Fewest { bound, groups: BTreeMap::new(), spare: Vec::new(), looked: 0 }
    }

    /// All hosts below `bound`, each with a count of 0.
    pub fn all(bound: u32) -> Fewest {
        let mut all = Fewest::new(bound);
        if bound > 0 {
            all.groups.insert(0, Group::Many(Bits::full(bound)));
        }
        all
    }

    /// Takes up `host` with `count`. It must not be there.
    pub fn add(&mut self, host: u32, count: u32) {
        match self.groups.get_mut(&count) {
            Some(group) => group.insert(host, self.bound, &mut self.spare),
            None => _ = self.groups.insert(count, Group::One(host)),
        }
    }

    /// Drops `host`, which is there with `count`.
    pub fn remove(&mut self, host: u32, count: u32) {
        let Some(group) = self.groups.get_mut(&count) else { return };
        if group.remove(host, self.bound, &mut self.spare) {
            self.groups.remove(&count);
        }
    }

    /// The count of `host` has changed.
    pub fn moves(&mut self, host: u32, from: u32, to: u32) {
        if from != to {
            self.remove(host, from);
            self.add(host, to);
        }
    }

    /// The first of those in `mask`, as (count, host).
    pub fn first(&mut self, mask: Option<&Bits>) -> Option<(u32, u32)> {
        let Fewest { groups, looked, .. } = self;
        *looked += 1;
        groups.iter().find_map(|(&count, group)| group.next(mask, 0, looked).map(|host| (count, host)))
    }

    /// The next one of those in `mask` after `(count, host)`.
    pub fn next(&mut self, mask: Option<&Bits>, (count, host): (u32, u32)) -> Option<(u32, u32)> {
        let Fewest { groups, looked, .. } = self;
        *looked += 1;
        groups.range(count..).find_map(|(&at, group)| {
            let from = if at == count { host + 1 } else { 0 };
            group.next(mask, from, looked).map(|host| (at, host))
        })
    }

    /// The last of those in `mask`: the highest number of those with the highest count.
    pub fn last(&mut self, mask: Option<&Bits>) -> Option<(u32, u32)> {
        self.before(mask, (u32::MAX, u32::MAX))
    }

    /// The one of those in `mask` before `(count, host)`.
    pub fn before(&mut self, mask: Option<&Bits>, (count, host): (u32, u32)) -> Option<(u32, u32)> {
        let Fewest { groups, looked, .. } = self;
        *looked += 1;
        groups.range(..=count).rev().find_map(|(&at, group)| {
            let below = if at == count { host } else { u32::MAX };
            group.last(mask, below, looked).map(|host| (at, host))
        })
    }

    /// How many of those in `mask` have the lowest count among them, and that count.
    pub fn equals(&mut self, mask: Option<&Bits>) -> Option<(u32, u32)> {
        let Fewest { groups, looked, .. } = self;
        *looked += 1;
        groups.iter().find_map(|(&count, group)| {
            let shared = group.shared(mask, looked);
            (shared > 0).then_some((count, shared))
        })
    }

    /// Host number `r` (from 0, ascending) of those in `mask` with `count`.
    pub fn nth(&mut self, mask: Option<&Bits>, count: u32, r: u32) -> Option<u32> {
        self.groups.get(&count)?.nth(mask, r, &mut self.looked)
    }

    /// The lowest host from `from` on of those in `mask` with `count`.
    pub fn of_count(&mut self, mask: Option<&Bits>, count: u32, from: u32) -> Option<u32> {
        self.groups.get(&count)?.next(mask, from, &mut self.looked)
    }

    /// The next count above `count` (`up`), or below it, that one of those in `mask` has.
    pub fn beside(&mut self, mask: Option<&Bits>, count: u32, up: bool) -> Option<u32> {
        let Fewest { groups, looked, .. } = self;
        *looked += 1;
        let mut has = |(&at, group): (&u32, &Group)| group.next(mask, 0, looked).map(|_| at);
        if up {
            groups.range(count.checked_add(1)?..).find_map(has)
        } else {
            groups.range(..count).rev().find_map(&mut has)
        }
    }

    /// Words and hosts looked at so far, and counts.
    pub fn looked_at(&self) -> u64 {
        self.looked
    }

    /// Bytes that it holds on to, about.
    pub fn bytes(&self) -> usize {
        let of_group = size_of::<u32>() + size_of::<Group>();
        let spare: usize = self.spare.iter().map(Bits::bytes).sum();
        spare + self.groups.values().map(|group| of_group + group.bytes()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    /// Counts as a column: the plain way.
    struct Plain(Vec<Option<u32>>);

    impl Plain {
        fn sorted(&self, mask: Option<&Bits>) -> Vec<(u32, u32)> {
            let hosts = self.0.iter().enumerate().filter_map(|(host, count)| Some(((*count)?, host as u32)));
            let mut hosts: Vec<_> = hosts.filter(|(_, host)| mask.is_none_or(|mask| mask.contains(*host))).collect();
            hosts.sort_unstable();
            hosts
        }
    }

    #[test]
    fn hosts_come_as_in_a_sorted_column() {
        for (seed, hosts) in [1u32, 2, 40, 64, 700, 5_000].into_iter().enumerate() {
            let mut draw = Seed(seed as u64).stream(Purpose::Shape, 0);
            let (mut ours, mut plain) = (Fewest::new(hosts), Plain(vec![None; hosts as usize]));
            let mut mask = Bits::full(hosts);
            for round in 0..3_000u64 {
                let host = draw.below(u64::from(hosts)) as u32;
                let old = plain.0[host as usize];
                // Few counts, then many, then all the same.
                let most = [3, 300, 1, 4][(round / 800) as usize];
                let new = (draw.below(10) > 0).then(|| draw.below(most) as u32);
                match (old, new) {
                    (Some(from), Some(to)) => ours.moves(host, from, to),
                    (Some(from), None) => ours.remove(host, from),
                    (None, Some(to)) => ours.add(host, to),
                    (None, None) => {}
                }
                plain.0[host as usize] = new;
                let flipped = draw.below(u64::from(hosts)) as u32;
                if !mask.insert(flipped) {
                    mask.remove(flipped);
                }
                if round % 7 > 0 && hosts > 100 {
                    continue;
                }
                for mask in [None, Some(&mask)] {
                    let sorted = plain.sorted(mask);
                    assert_eq!(ours.first(mask), sorted.first().copied());
                    assert_eq!(ours.last(mask), sorted.last().copied());
                    let at = (draw.below(most) as u32, draw.below(u64::from(hosts)) as u32);
                    assert_eq!(ours.next(mask, at), sorted.iter().find(|&&host| host > at).copied());
                    assert_eq!(ours.before(mask, at), sorted.iter().rfind(|&&host| host < at).copied());
                    assert_eq!(
                        ours.beside(mask, at.0, true),
                        sorted.iter().map(|host| host.0).find(|&count| count > at.0)
                    );
                    assert_eq!(
                        ours.beside(mask, at.0, false),
                        sorted.iter().map(|host| host.0).rfind(|&count| count < at.0)
                    );
                    let equals = sorted.iter().take_while(|(count, _)| *count == sorted[0].0).count();
                    let expected = sorted.first().map(|(count, _)| (*count, equals as u32));
                    assert_eq!(ours.equals(mask), expected);
                    if let Some((count, equals)) = expected {
                        let r = draw.below(u64::from(equals)) as u32;
                        assert_eq!(ours.nth(mask, count, r), Some(sorted[r as usize].1));
                        assert_eq!(ours.of_count(mask, count, 0), Some(sorted[0].1));
                    }
                }
            }
        }
    }

    #[test]
    fn a_job_costs_a_few_words_at_any_number_of_hosts_and_memory_follows_the_hosts() {
        for hosts in [100u32, 1_000, 10_000, 100_000] {
            let mut draw = Seed(7).stream(Purpose::Shape, 1);
            let mut fewest = Fewest::all(hosts);
            let mut counts = vec![0u32; hosts as usize];
            let jobs = 4 * u64::from(hosts).min(50_000);
            for job in 0..jobs {
                let (count, host) = fewest.first(None).unwrap();
                fewest.moves(host, count, count + 1);
                counts[host as usize] = count + 1;
                if job > u64::from(hosts) {
                    let gone = draw.below(u64::from(hosts)) as usize;
                    if counts[gone] > 0 {
                        fewest.moves(gone as u32, counts[gone], counts[gone] - 1);
                        counts[gone] -= 1;
                    }
                }
            }
            // One for the question, then up to five words, or a short list.
            let a_job = fewest.looked_at() as f64 / jobs as f64;
            assert!(a_job <= 6.0, "{a_job} words a job at {hosts} hosts");
            // A thousand counts of one host each.
            for host in 0..hosts.min(1_000) {
                fewest.moves(host, counts[host as usize], 1_000 + host);
            }
            assert!(fewest.bytes() <= 64 * hosts as usize + 64 * 1_000, "{} bytes", fewest.bytes());
        }
    }
}
