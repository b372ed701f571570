//! The quick ways against the plain scan, over random streams of bookings.

use crate::index::finder::{Finder, KindId, Looks, Search};
use crate::index::host::{Booked, Room, Want};
use crate::index::plain;
use crate::index::rule::{Fullness, KubeRule};
use crate::index::tie::{Tie, pre_order};
use crate::rng::{Purpose, Seed, Stream};

const MIB: i64 = 1 << 20;
/// Where jobs may go, by sort of host.
const MASKS: [[bool; 3]; 2] = [[true; 3], [true, false, true]];

fn default_rule() -> KubeRule {
    KubeRule { fullness: Fullness::Least, fit_weight: 1, weights: [1, 1], balanced_weight: 1 }
}

/// One random world: hosts, what has been booked, and both ways to search it.
struct World {
    rule: KubeRule,
    rooms: Vec<Room>,
    booked: Vec<Booked>,
    sorts: Vec<u16>,
    names: Vec<u32>,
    finder: Finder<KubeRule>,
    placed: Vec<(u32, Want)>,
}

impl World {
    fn new(rule: KubeRule, rooms: Vec<Room>, sorts: Vec<u16>, names: Vec<u32>) -> Self {
        let booked = vec![Booked::default(); rooms.len()];
        let hosts: Vec<(Room, Booked, u16)> =
            rooms.iter().zip(&sorts).map(|(room, sort)| (*room, Booked::default(), *sort)).collect();
        let mut finder = Finder::new(rule.clone());
        finder.show(&hosts, names.clone());
        for (mask, admitted) in MASKS.iter().enumerate() {
            finder.admit(mask as u32, admitted.to_vec());
        }
        World { rule, rooms, booked, sorts, names, finder, placed: Vec::new() }
    }

    fn book(&mut self, slot: u32, want: Want, sign: i64) {
        self.booked[slot as usize].shift(&want, sign);
        self.finder.book(slot, &want, sign);
    }

    /// Both searches; they must agree. `number` picks among equals, `None`: the heap.
    fn search(
        &mut self,
        (kind, mask): (KindId, usize),
        want: Want,
        search: Search,
        number: Option<usize>,
    ) -> Option<u32> {
        let mut pick = |tied: &[(usize, u32)]| match number {
            None => (0..tied.len()).min_by(|a, b| pre_order(tied[*a].0, tied[*b].0)).unwrap(),
            Some(number) => {
                let mut order: Vec<usize> = (0..tied.len()).collect();
                order.sort_by_key(|i| tied[*i].1);
                order[number % tied.len()]
            }
        };
        let sorts = &self.sorts;
        let hosts = (self.rooms.as_slice(), self.booked.as_slice());
        let allowed = |slot: usize| MASKS[mask][usize::from(sorts[slot])];
        let plain = plain::scan(&self.rule, hosts, &self.names, &want, allowed, search, &mut pick);
        let mut nth = |count: usize| number.unwrap_or(0) % count;
        let mut tie = match number {
            None => Tie::Heap,
            Some(0) => Tie::First,
            Some(_) => Tie::ByName(&mut nth),
        };
        assert_eq!(self.finder.find(kind, search, &mut tie), plain, "{want:?} {search:?} {number:?}");
        plain.slot
    }
}

/// Sizes of requests: a few that come again and again, or each its own.
fn draw(stream: &mut Stream, sizes: u64, zeros: bool) -> Want {
    let (cpu, memory) = match sizes {
        0 => (1 + stream.below(6_000) as i64, 1 + stream.below(12 << 30) as i64),
        few => {
            let i = stream.below(few) as i64;
            (250 * (1 + i % 7), 512 * MIB * (1 + i % 5))
        }
    };
    match stream.below(if zeros { 8 } else { 1 << 40 }) {
        0 => Want {
            non_zero_cpu: 100,
            non_zero_memory: 200 * MIB,
            score_cpu: 100,
            score_memory: 200 * MIB,
            ..Want::default()
        },
        1 => Want { cpu: 0, exact_cpu: 0, non_zero_cpu: 100, score_cpu: 100, ..Want::of(cpu, memory) },
        _ => Want::of(cpu, memory),
    }
}

#[test]
fn every_way_takes_the_host_that_the_plain_scan_takes() {
    let mut all = Looks::default();
    for seed in 0..60u64 {
        let mut stream = Seed(seed).stream(Purpose::Shape, 0);
        let hosts = [3, 40, 300, 900][(seed % 4) as usize];
        let shapes = 1 + stream.below(3) as i64;
        let rule = match seed % 6 {
            0 | 3 | 4 => default_rule(),
            1 => KubeRule { fullness: Fullness::Most, ..default_rule() },
            2 => KubeRule {
                fullness: Fullness::Ratio(vec![(0, 0), (40, 90), (100, 20)]),
                weights: [3, 1],
                ..default_rule()
            },
            _ => KubeRule { fit_weight: 5, balanced_weight: 2, ..default_rule() },
        };
        let room = |i: i64| Room { cpu: 4_000 << (i % shapes), memory: (8 << (i * 7 % shapes)) << 30, jobs: 12 };
        let mut rooms: Vec<Room> = (0..hosts).map(room).collect();
        if seed % 5 == 0 {
            rooms[1].cpu = 0;
        }
        let sorts: Vec<u16> = (0..hosts).map(|_| stream.below(3) as u16).collect();
        let mut names: Vec<u32> = (0..hosts as u32).collect();
        if seed % 2 == 1 {
            for i in (1..names.len()).rev() {
                names.swap(i, stream.below(i as u64 + 1) as usize);
            }
        }
        let mut world = World::new(rule, rooms, sorts, names);
        let (sizes, zeros) = ([0, 10, 10, 0][(seed / 2 % 4) as usize], seed % 3 == 0);
        let mut kinds: Vec<(Want, usize, KindId)> = Vec::new();
        let mut start = 0;
        for step in 0..1_500 {
            let want = draw(&mut stream, sizes, zeros);
            let mask = usize::from(stream.below(6) == 0);
            let known = kinds.iter().position(|(w, m, _)| *w == want && *m == mask);
            let at = known.unwrap_or_else(|| {
                kinds.push((want, mask, world.finder.register(want, mask as u32)));
                kinds.len() - 1
            });
            let number = [Some(0), Some(stream.below(100) as usize), None][stream.below(3) as usize];
            let wanted = if seed % 7 == 0 { 1 + stream.below(hosts as u64) as usize } else { hosts as usize };
            let search = Search { start, wanted };
            let found = world.search((kinds[at].2, mask), want, search, number);
            if let Some(slot) = found {
                world.book(slot, want, 1);
                world.placed.push((slot, want));
            }
            // Below the load at first, then as many go as come, and at last all queue.
            let goes = match step {
                0..400 => stream.below(4) == 0,
                400..1_200 => world.placed.len() > 3 * hosts as usize || stream.below(2) == 0,
                _ => stream.below(8) == 0,
            };
            if goes && !world.placed.is_empty() {
                let at = stream.below(world.placed.len() as u64) as usize;
                let (slot, want) = world.placed.swap_remove(at);
                world.book(slot, want, -1);
            }
            if step % 100 == 50 {
                let slot = stream.below(hosts as u64) as u32;
                let sort = stream.below(3) as u16;
                let room = Room { jobs: 1 + stream.below(20) as i64, ..world.rooms[slot as usize] };
                (world.rooms[slot as usize], world.sorts[slot as usize]) = (room, sort);
                world.finder.describe(slot, room, sort);
            }
            start = (start + 7) % hosts as usize;
        }
        let looks = world.finder.looks();
        all = Looks {
            searches: all.searches + looks.searches,
            by_column: all.by_column + looks.by_column,
            by_levels: all.by_levels + looks.by_levels,
            hosts: all.hosts + looks.hosts,
        };
    }
    // Each of the ways had its share.
    assert!(all.by_column > 10_000 && all.by_levels > 5_000, "{all:?}");
    assert!(all.searches - all.by_column - all.by_levels > 10_000, "{all:?}");
}

#[test]
fn the_sums_of_the_default_rule_are_those_of_the_formulas() {
    use crate::index::rule::Rule;
    let room = Room { cpu: 4_000, memory: 8 << 30, jobs: 9 };
    let booked = Booked { cpu: 1_000, memory: 2 << 30, non_zero_cpu: 1_000, non_zero_memory: 2 << 30, jobs: 1 };
    // CPU (4000-3000)*100/4000 = 25, memory (8-4)/8 = 50, mean 37. |0.75-0.5|/2 = 0.125 -> 87, before 0 -> 100: 50 + 37/2 = 68.
    assert_eq!(default_rule().judge(&room, &booked, &Want::of(2_000, 2 << 30)), 37 + 68 + 1);
    assert_eq!(default_rule().judge(&room, &booked, &Want::of(3_001, 0)), 0);
    let full = Room { jobs: 1, ..room };
    assert_eq!(default_rule().judge(&full, &booked, &Want::default()), 0);
}
