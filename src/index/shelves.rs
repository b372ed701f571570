//! Hosts by how much of them is free, CPU share and memory share added up: the fitting host with the least or the most left.
//!
//! What is left of a host once a job is there is a sum of two shares in steps of 2^-40, each rounded toward zero on its own. With
//! `free * 2^40 = q * has + r` per resource, and the same of what is wanted, `q - q' - [r < r']` is that share exactly, so that
//! hosts of one shape stand in order of `Q = q_cpu + q_memory`, up to two steps, whatever is wanted. Each shape has shelves, a
//! stretch of Q each; hosts in the same state stand there as one. A shelf is passed over if no state on it has the CPU, none
//! the memory, or none as much of its scarcer part; shelves are looked through from the best on until none can be better.
//!
//! Hosts of shapes with few hosts, and those that are booked beyond what they have, are loose: each is looked at every time.

use super::bits::Bits;
use super::group::Group;
use super::most::{Most, NOTHING};

/// Shares are in steps of 2^-SCALE.
const SCALE: u32 = 40;
/// Shapes of fewer hosts get no shelves.
const FEW: usize = 8;
/// No state, no shelf, no shape.
const NONE: u32 = u32::MAX;
/// Shares closer than this are told apart exactly. A sum of two below 4 in floating point is wrong by less than 1e-14, and
/// rounding to steps takes up to 2^-39.
const CLOSE: f64 = 1e-9;

/// CPU and memory of a host, or of a job: milli-CPU and bytes.
pub type Sizes = [i64; 2];

/// Which host is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// The one with the least left.
    Least,
    /// The one with the most left.
    Most,
}

/// Hosts that have the same.
#[derive(Clone, Debug)]
struct Shape {
    has: Sizes,
    /// A shelf is so many bits of Q wide.
    width: u32,
    /// The first state on each shelf.
    first: Vec<u32>,
    /// The most free CPU and memory of states on each shelf, and the largest of their smaller shares.
    shelves: Most<3>,
}

/// Hosts of one shape that have the same free.
#[derive(Clone, Debug)]
struct State {
    free: Sizes,
    /// What remains of `free * 2^40` divided by what the shape has.
    rest: Sizes,
    /// The sum of the shares, and the smaller one.
    sum: i64,
    smaller: i64,
    shape: u32,
    shelf: u32,
    /// Neighbours on the shelf.
    before: u32,
    after: u32,
    hosts: Group,
}

/// A host or some hosts of which nobody has less (or more) left.
#[derive(Clone, Copy, Debug)]
enum Equal {
    State(u32),
    Loose(u32),
}

/// Hosts by what they have left.
#[derive(Clone, Debug)]
pub struct Shelves {
    has: Vec<Sizes>,
    free: Vec<Sizes>,
    shapes: Vec<Shape>,
    shape_of: Vec<u32>,
    state_of: Vec<u32>,
    states: Vec<State>,
    unused: Vec<u32>,
    loose: Bits,
    spare: Vec<Bits>,
    equals: Vec<Equal>,
    looked: u64,
}

/// `amount * 2^40` divided by `has`, and what remains.
fn share(amount: i64, has: i64) -> (i64, i64) {
    if let Some(scaled) = (amount as u64).checked_mul(1 << SCALE) {
        return ((scaled / has as u64) as i64, (scaled % has as u64) as i64);
    }
    let scaled = (amount as u128) << SCALE;
    ((scaled / has as u128) as i64, (scaled % has as u128) as i64)
}

impl Shelves {
    /// Hosts that have `has`, all above 0; none of them is to be found yet.
    pub fn new(has: Vec<Sizes>) -> Shelves {
        let bound = has.len() as u32;
        let mut order: Vec<u32> = (0..bound).collect();
        order.sort_by_key(|&host| has[host as usize]);
        let (mut shapes, mut shape_of) = (Vec::new(), vec![NONE; has.len()]);
        for hosts in order.chunk_by(|&a, &b| has[a as usize] == has[b as usize]) {
            if hosts.len() < FEW {
                continue;
            }
            hosts.iter().for_each(|&host| shape_of[host as usize] = shapes.len() as u32);
            // Two shelves a host; the last one is for those that are empty, whose Q is 2^41.
            let bits = (2 * hosts.len()).next_power_of_two().trailing_zeros().min(SCALE);
            let shelves = (1 << bits) + 1;
            shapes.push(Shape {
                has: has[hosts[0] as usize],
                width: SCALE + 1 - bits,
                first: vec![NONE; shelves],
                shelves: Most::new(shelves),
            });
        }
        Shelves {
            free: vec![[0; 2]; has.len()],
            shapes,
            shape_of,
            state_of: vec![NONE; has.len()],
            states: Vec::new(),
            unused: Vec::new(),
            loose: Bits::new(bound),
            spare: Vec::new(),
            equals: Vec::new(),
            looked: 0,
            has,
        }
    }

    /// `host` has `free` left from now on; `None`: it is not to be found.
    pub fn set(&mut self, host: u32, free: Option<Sizes>) {
        let h = host as usize;
        let on_shelf = self.state_of[h] != NONE;
        if let Some(free) = free
            && self.free[h] == free
            && (on_shelf || self.loose.contains(host))
        {
            return;
        }
        if on_shelf {
            self.takes_off(host);
        } else {
            self.loose.remove(host);
        }
        let Some(free) = free else { return };
        self.free[h] = free;
        let within = (0..2).all(|d| 0 <= free[d] && free[d] <= self.has[h][d]);
        if self.shape_of[h] == NONE || !within {
            self.loose.insert(host);
        } else {
            self.puts_on(host, free);
        }
    }

    fn puts_on(&mut self, host: u32, free: Sizes) {
        let number = self.shape_of[host as usize];
        let shape = &mut self.shapes[number as usize];
        let (cpu, rest_cpu) = share(free[0], shape.has[0]);
        let (memory, rest_memory) = share(free[1], shape.has[1]);
        let sum = cpu + memory;
        let shelf = (sum >> shape.width) as usize;
        let head = shape.first[shelf];
        let mut at = head;
        while at != NONE {
            let state = &mut self.states[at as usize];
            if state.free == free {
                state.hosts.insert(host, self.has.len() as u32, &mut self.spare);
                self.state_of[host as usize] = at;
                return;
            }
            at = state.after;
        }
        let state = State {
            free,
            rest: [rest_cpu, rest_memory],
            sum,
            smaller: cpu.min(memory),
            shape: number,
            shelf: shelf as u32,
            before: NONE,
            after: head,
            hosts: Group::One(host),
        };
        let most = shape.shelves.get(shelf);
        shape.shelves.set(shelf, [most[0].max(free[0]), most[1].max(free[1]), most[2].max(state.smaller)]);
        let new = match self.unused.pop() {
            Some(new) => {
                self.states[new as usize] = state;
                new
            }
            None => {
                self.states.push(state);
                self.states.len() as u32 - 1
            }
        };
        shape.first[shelf] = new;
        if head != NONE {
            self.states[head as usize].before = new;
        }
        self.state_of[host as usize] = new;
    }

    fn takes_off(&mut self, host: u32) {
        let bound = self.has.len() as u32;
        let at = std::mem::replace(&mut self.state_of[host as usize], NONE);
        let state = &mut self.states[at as usize];
        if !state.hosts.remove(host, bound, &mut self.spare) {
            return;
        }
        let (before, after, shelf, free, smaller) = (state.before, state.after, state.shelf, state.free, state.smaller);
        let shape = &mut self.shapes[state.shape as usize];
        match before {
            NONE => shape.first[shelf as usize] = after,
            _ => self.states[before as usize].after = after,
        }
        if after != NONE {
            self.states[after as usize].before = before;
        }
        self.unused.push(at);
        let most = shape.shelves.get(shelf as usize);
        if free[0] < most[0] && free[1] < most[1] && smaller < most[2] {
            return;
        }
        let (mut new, mut at) = ([NOTHING; 3], shape.first[shelf as usize]);
        while at != NONE && new != most {
            let state = &self.states[at as usize];
            new = [new[0].max(state.free[0]), new[1].max(state.free[1]), new[2].max(state.smaller)];
            at = state.after;
        }
        shape.shelves.set(shelf as usize, new);
    }

    /// Of the hosts that hold `wanted` (none below 0) and `will_do`, the lowest of those with the least or the most left; or, if
    /// there are several of them, number `draw(how many)` in ascending order.
    pub fn find(
        &mut self,
        wish: Wish,
        wanted: Sizes,
        will_do: Option<&dyn Fn(u32) -> bool>,
        draw: Option<&mut dyn FnMut(u64) -> u64>,
    ) -> Option<u32> {
        self.equals.clear();
        let mut best = None;
        for shape in 0..self.shapes.len() {
            self.look_through(shape, wish, wanted, will_do, &mut best);
        }
        self.look_at_loose(wish, wanted, will_do, &mut best);
        best?;
        let bound = self.has.len() as u32;
        let mut looked = 0;
        let passes = |host: u32| will_do.is_none_or(|will_do| will_do(host));
        let Some(draw) = draw else {
            let lowest = self.equals.iter().filter_map(|&equal| match equal {
                Equal::Loose(host) => Some(host),
                Equal::State(at) => first_of(&self.states[at as usize].hosts, will_do, bound, &mut looked),
            });
            let lowest = lowest.min();
            self.looked += looked;
            return lowest;
        };
        if let (&[Equal::State(at)], None) = (&self.equals[..], will_do) {
            let hosts = &self.states[at as usize].hosts;
            let r = match hosts.shared(None, &mut looked) {
                0 | 1 => 0,
                equals => draw(equals.into()) as u32,
            };
            let host = hosts.nth(None, r, &mut looked);
            self.looked += looked;
            return host;
        }
        let mut hosts = Vec::new();
        for &equal in &self.equals {
            match equal {
                Equal::Loose(host) => hosts.push(host),
                Equal::State(at) => {
                    let mut from = 0;
                    while let Some(host) = self.states[at as usize].hosts.next(None, from, &mut looked) {
                        hosts.extend(passes(host).then_some(host));
                        from = host + 1;
                    }
                }
            }
        }
        self.looked += looked;
        hosts.sort_unstable();
        match hosts.len() {
            0 | 1 => hosts.first().copied(),
            equals => Some(hosts[draw(equals as u64) as usize]),
        }
    }

    fn look_through(
        &mut self,
        number: usize,
        wish: Wish,
        wanted: Sizes,
        will_do: Option<&dyn Fn(u32) -> bool>,
        best: &mut Option<i128>,
    ) {
        let shape = &mut self.shapes[number];
        if wanted[0] > shape.has[0] || wanted[1] > shape.has[1] {
            return;
        }
        let (cpu, rest_cpu) = share(wanted[0], shape.has[0]);
        let (memory, rest_memory) = share(wanted[1], shape.has[1]);
        let (sum, sizes) = (cpu + memory, [wanted[0], wanted[1], cpu.min(memory)]);
        let (mut from, mut below) = ((sum >> shape.width) as usize, shape.first.len());
        loop {
            let shelf = match wish {
                Wish::Least => shape.shelves.next(from, sizes),
                Wish::Most => shape.shelves.last(below, sizes),
            };
            let Some(shelf) = shelf else { return };
            (from, below) = (shelf + 1, shelf);
            // Nobody on the shelf has less, or more, left than this.
            let bound = match wish {
                Wish::Least => ((shelf as i64) << shape.width) - sum - 2,
                Wish::Most => ((shelf as i64 + 1) << shape.width) - 1 - sum,
            };
            if best.is_some_and(|best| !no_worse(wish, bound.into(), best)) {
                return;
            }
            let mut at = shape.first[shelf];
            while at != NONE {
                let state = &self.states[at as usize];
                self.looked += 1;
                let here = at;
                at = state.after;
                if state.free[0] < wanted[0] || state.free[1] < wanted[1] {
                    continue;
                }
                let borrowed = i64::from(state.rest[0] < rest_cpu) + i64::from(state.rest[1] < rest_memory);
                let left = i128::from(state.sum - sum - borrowed);
                if best.is_some_and(|best| !no_worse(wish, left, best)) {
                    continue;
                }
                let bound = self.has.len() as u32;
                if will_do.is_some() && first_of(&state.hosts, will_do, bound, &mut self.looked).is_none() {
                    continue;
                }
                if *best != Some(left) {
                    *best = Some(left);
                    self.equals.clear();
                }
                self.equals.push(Equal::State(here));
            }
        }
    }

    fn look_at_loose(
        &mut self,
        wish: Wish,
        wanted: Sizes,
        will_do: Option<&dyn Fn(u32) -> bool>,
        best: &mut Option<i128>,
    ) {
        let mut from = 0;
        while let Some(host) = self.loose.next(None, from, &mut self.looked) {
            from = host + 1;
            let (free, has) = (self.free[host as usize], self.has[host as usize]);
            if (0..2).any(|d| wanted[d] > 0 && wanted[d] > free[d]) {
                continue;
            }
            let about: f64 = (0..2).map(|d| (free[d] - wanted[d]) as f64 / has[d] as f64).sum();
            if let Some(best) = *best
                && about.abs() < 4.0
            {
                let better = best as f64 / (1u64 << SCALE) as f64 - about;
                if (wish == Wish::Least && better < -CLOSE) || (wish == Wish::Most && better > CLOSE) {
                    continue;
                }
            }
            let part = |d: usize| i128::from(free[d] - wanted[d]) * (1 << SCALE) / i128::from(has[d]);
            let left = part(0) + part(1);
            if best.is_some_and(|best| !no_worse(wish, left, best)) || will_do.is_some_and(|will_do| !will_do(host)) {
                continue;
            }
            if *best != Some(left) {
                *best = Some(left);
                self.equals.clear();
            }
            self.equals.push(Equal::Loose(host));
        }
    }

    /// Shelves, states and hosts looked at so far.
    pub fn looked_at(&self) -> u64 {
        self.looked + self.shapes.iter().map(|shape| shape.shelves.looked_at()).sum::<u64>()
    }
}

fn no_worse(wish: Wish, left: i128, best: i128) -> bool {
    match wish {
        Wish::Least => left <= best,
        Wish::Most => left >= best,
    }
}

fn first_of(hosts: &Group, will_do: Option<&dyn Fn(u32) -> bool>, bound: u32, looked: &mut u64) -> Option<u32> {
    let mut from = 0;
    while from < bound {
        let host = hosts.next(None, from, looked)?;
        if will_do.is_none_or(|will_do| will_do(host)) {
            return Some(host);
        }
        from = host + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed, Stream};

    /// All hosts, by the definition.
    fn scan(
        has: &[Sizes],
        free: &[Option<Sizes>],
        wish: Wish,
        wanted: Sizes,
        will_do: &dyn Fn(u32) -> bool,
    ) -> Vec<u32> {
        let left = |host: usize| {
            let free = free[host]?;
            let fits = (0..2).all(|d| wanted[d] <= 0 || wanted[d] <= free[d]) && will_do(host as u32);
            let part = |d: usize| i128::from(free[d] - wanted[d]) * (1 << 40) / i128::from(has[host][d]);
            fits.then(|| part(0) + part(1))
        };
        let all = (0..has.len()).filter_map(left);
        let best = if wish == Wish::Least { all.min() } else { all.max() };
        (0..has.len()).filter(|&host| best.is_some() && left(host) == best).map(|host| host as u32).collect()
    }

    /// Hosts and jobs whose sizes come from `sizes`; `wild`: now and then a host is booked beyond what it has.
    fn check(seed: u64, has: Vec<Sizes>, draw: &mut Stream, size: &dyn Fn(&mut Stream) -> Sizes, wild: bool) -> f64 {
        let hosts = has.len();
        let mut shelves = Shelves::new(has.clone());
        let mut free: Vec<Option<Sizes>> = has.iter().map(|&has| Some(has)).collect();
        (0..hosts).for_each(|host| shelves.set(host as u32, free[host]));
        let mut running: Vec<(u32, Sizes)> = Vec::new();
        let mut decisions = 0u64;
        for round in 0..1_500 {
            let (job, closed) = (size(draw), draw.below(hosts as u64) as u32);
            for wish in [Wish::Least, Wish::Most] {
                let picky = |host: u32| host % 3 != closed % 3;
                let with: [Option<&dyn Fn(u32) -> bool>; 2] = [None, Some(&picky)];
                for will_do in with {
                    let all = scan(&has, &free, wish, job, will_do.unwrap_or(&|_| true));
                    let found = shelves.find(wish, job, will_do, None);
                    assert_eq!(found, all.first().copied(), "seed {seed}, round {round}, {wish:?}");
                    let (mut asked, r) = (Vec::new(), draw.bits());
                    let drawn = shelves.find(
                        wish,
                        job,
                        will_do,
                        Some(&mut |equals| {
                            asked.push(equals);
                            r % equals
                        }),
                    );
                    let equals = all.len() as u64;
                    assert_eq!(asked, if equals > 1 { vec![equals] } else { vec![] }, "seed {seed}, round {round}");
                    assert_eq!(drawn, if equals > 0 { Some(all[(r % equals) as usize]) } else { None });
                    decisions += 2;
                }
            }
            let wish = if draw.below(8) == 0 { Wish::Most } else { Wish::Least };
            if let Some(host) = shelves.find(wish, job, None, None) {
                running.push((host, job));
                let now = free[host as usize].as_mut().unwrap();
                *now = [now[0] - job[0], now[1] - job[1]];
                shelves.set(host, free[host as usize]);
            }
            if !running.is_empty() && draw.below(3) > 0 {
                let (host, job) = running.swap_remove(draw.below(running.len() as u64) as usize);
                if let Some(now) = free[host as usize].as_mut() {
                    *now = [now[0] + job[0], now[1] + job[1]];
                    shelves.set(host, free[host as usize]);
                }
            }
            if draw.below(40) == 0 {
                // It goes, or comes back with something booked that nobody takes away.
                let new = free[closed as usize].is_none().then(|| has[closed as usize].map(|has| has - has / 10));
                free[closed as usize] = new;
                running.retain(|(host, _)| *host != closed);
                shelves.set(closed, new);
            }
            if wild && draw.below(40) == 0 && free[closed as usize].is_some() {
                free[closed as usize] = Some([-5, has[closed as usize][1] + 7]);
                running.retain(|(host, _)| *host != closed);
                shelves.set(closed, free[closed as usize]);
            }
        }
        shelves.looked_at() as f64 / decisions as f64
    }

    #[test]
    fn the_host_is_that_of_a_scan() {
        for seed in 0..24 {
            let mut draw = Seed(seed).stream(Purpose::Shape, 0);
            let hosts = 1 + draw.below(60) as usize;
            let shapes = [1, 2, 60][seed as usize % 3];
            // Sizes of which nothing divides anything, and round ones.
            let odd = draw.below(2) == 0;
            let has = (0..hosts).map(|_| {
                let s = draw.below(shapes) as i64;
                if odd { [3_999 + 1_007 * s, (7 << 30) + 12_345 * s] } else { [4_000 << (s % 3), (8 << 30) << (s % 5)] }
            });
            let has: Vec<Sizes> = has.collect();
            let size = |draw: &mut Stream| match seed % 4 {
                0 => [500, 1 << 30],
                1 => [250 * draw.below(5) as i64, (draw.below(4) as i64) << 29],
                _ => [draw.below(3_000) as i64, draw.below(5 << 30) as i64],
            };
            check(seed, has, &mut draw, &size, seed % 2 == 1);
        }
    }

    #[test]
    fn shares_are_those_of_the_definition_for_sizes_that_do_not_fit_in_64_bits_when_scaled() {
        let mut draw = Seed(1).stream(Purpose::Shape, 3);
        for _ in 0..20_000 {
            let bits = 1 + draw.below(60);
            let has = 1 + draw.below(1 << bits) as i64;
            let free = draw.below(has as u64 + 1) as i64;
            let wanted = draw.below(free as u64 + 1) as i64;
            let ((q, r), (less, rest)) = (share(free, has), share(wanted, has));
            let left = i128::from(free - wanted) * (1 << 40) / i128::from(has);
            assert_eq!(i128::from(q - less - i64::from(r < rest)), left, "{free} - {wanted} of {has}");
        }
    }

    #[test]
    fn few_are_looked_at_where_sizes_go_together() {
        for hosts in [1_000, 10_000] {
            let mut draw = Seed(5).stream(Purpose::Shape, 1);
            let mut shelves = Shelves::new(vec![[64_000, 256 << 30]; hosts]);
            let mut free = vec![[64_000, 256 << 30]; hosts];
            (0..hosts).for_each(|host| shelves.set(host as u32, Some(free[host])));
            let mut running = Vec::new();
            let mut job = || {
                let cpu = [500, 1_000, 2_000, 4_000, 8_000][draw.below(5) as usize];
                ([cpu, cpu * ((2 + 2 * draw.below(3) as i64) << 30) / 1_000], draw.bits())
            };
            let (fill, then) = (hosts * 14, 4_000);
            for i in 0..fill + then {
                let before = shelves.looked_at();
                let (job, dice) = job();
                if let Some(host) = shelves.find(Wish::Least, job, None, None) {
                    running.push((host, job));
                    free[host as usize] = [free[host as usize][0] - job[0], free[host as usize][1] - job[1]];
                    shelves.set(host, Some(free[host as usize]));
                }
                if i >= fill {
                    let (host, job) = running.swap_remove((dice % running.len() as u64) as usize);
                    free[host as usize] = [free[host as usize][0] + job[0], free[host as usize][1] + job[1]];
                    shelves.set(host, Some(free[host as usize]));
                }
                let looked = shelves.looked_at() - before;
                assert!(looked <= 40 + hosts as u64 / 4, "{looked} of {hosts} hosts for job {i}");
            }
            let a_job = shelves.looked_at() as f64 / (fill + then) as f64;
            assert!(a_job <= 150.0, "{a_job} looked at for a job on {hosts} hosts");
        }
    }
}
