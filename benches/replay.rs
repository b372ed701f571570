//! How much faster than the plain scan is the index, with the same decisions? The whole loop of a replay without a control plane:
//! arrivals, ends, bookings, and the decision.
//!
//! Jobs arrive, run and end. The loop is brought to a steady state; from there the same jobs are placed by the index and by the plain
//! scan, in turns in one process, each on a copy of its own. Both must take the same hosts, job by job. Times are processor time of
//! the thread, the least of several turns. "Floor" is the same loop with the decisions known beforehand.
//!
//! `cargo bench --bench replay -- [grid|table] [HOSTS]`: the table of the performance page (default), or the whole grid.

#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod common;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use common::processor_time;
use plimsoll::index::finder::{Finder, Found, KindId, Search};
use plimsoll::index::host::{Booked, Room, Want};
use plimsoll::index::plain;
use plimsoll::index::rule::{Fullness, KubeRule};
use plimsoll::index::tie::{Tie, pre_order};
use plimsoll::rng::{Purpose, Seed, Stream};

/// How equals are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ties {
    First,
    Random,
    Heap,
}

/// What jobs ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sizes {
    /// So many sizes, each as likely.
    Few(u64),
    /// Each its own, to the byte.
    Continuous,
    /// All the same, so that all hosts tie.
    One,
    /// Much CPU and little memory, or the other way round.
    Anti,
    /// Whole tenths of a host, where rounding decides.
    Decimal,
    /// One that takes most of a host now and then, among small ones.
    Huge,
    /// So many in turn.
    Alternating(u64),
}

#[derive(Clone, Copy, Debug)]
struct Case {
    hosts: usize,
    /// Shapes of hosts; 0: all different.
    shapes: usize,
    sizes: Sizes,
    /// Percent of CPU requested; over 100: a queue.
    load: u64,
    ties: Ties,
    /// Percent of jobs that request nothing.
    zeros: u64,
    /// Jobs a host may have.
    most_jobs: i64,
    /// From empty hosts.
    filling: bool,
    fullness: &'static str,
    /// Percent of hosts searched; 100: all.
    searched: usize,
}

const BASE: Case = Case {
    hosts: 1_000,
    shapes: 3,
    sizes: Sizes::Continuous,
    load: 70,
    ties: Ties::First,
    zeros: 0,
    most_jobs: 110,
    filling: false,
    fullness: "least",
    searched: 100,
};

#[derive(Clone, Copy, Debug)]
struct Job {
    at: u64,
    lasts: u64,
    want: Want,
}

/// Mean run time of a job, in ticks.
const MEAN: f64 = 1e6;

impl Case {
    fn rooms(&self) -> Vec<Room> {
        let room = |i: usize| {
            let (cpu, gib) = match self.shapes {
                0 => (32_000 + 7 * i as i64, 128 * 1024 + 13 * i as i64),
                1 => (64_000, 256 * 1024),
                shapes => {
                    let k = (i % shapes) as i64;
                    (32_000 + 16_000 * (k % 5), (128 + 32 * (k * 3 % 7)) * 1024)
                }
            };
            Room { cpu, memory: gib << 20, jobs: self.most_jobs }
        };
        (0..self.hosts).map(room).collect()
    }

    fn rule(&self) -> KubeRule {
        let fullness = match self.fullness {
            "most" => Fullness::Most,
            "ratio" => Fullness::Ratio(vec![(0, 0), (100, 100)]),
            _ => Fullness::Least,
        };
        KubeRule { fullness, fit_weight: 1, weights: [1, 1], balanced_weight: 1 }
    }

    fn want(&self, stream: &mut Stream, number: u64) -> Want {
        const MIB: i64 = 1 << 20;
        let sized = |i: i64| Want::of(500 * (1 + i % 8), (1 + i % 10) * 1024 * MIB + (i / 8 % 13) * 256 * MIB);
        if self.zeros > 0 && stream.below(100) < self.zeros {
            let (non_zero_cpu, non_zero_memory) = (100, 200 * MIB);
            return Want { non_zero_cpu, non_zero_memory, score_cpu: 100, score_memory: 200 * MIB, ..Want::default() };
        }
        match self.sizes {
            Sizes::Few(n) => sized((stream.below(n) * 37) as i64 % 8_320),
            Sizes::Alternating(n) => sized((number % n * 37) as i64 % 8_320),
            Sizes::Continuous => {
                Want::of(200 + stream.below(3_800) as i64, (MIB + stream.below(12 << 30) as i64).max(1))
            }
            Sizes::One => Want::of(2_000, 8 << 30),
            Sizes::Anti => match stream.below(2) {
                0 => Want::of(3_000 + stream.below(1_000) as i64, 64 * MIB + stream.below(1 << 26) as i64),
                _ => Want::of(50 + stream.below(50) as i64, (12 << 30) + stream.below(1 << 30) as i64),
            },
            Sizes::Decimal => {
                Want::of(640 * (1 + stream.below(9) as i64), (256 << 30) / 100 * (1 + stream.below(9) as i64))
            }
            Sizes::Huge => match stream.below(200) {
                0 => Want::of(28_000, 100 << 30),
                _ => Want::of(1_000, 4 << 30),
            },
        }
    }

    /// Jobs for a while, at the case's load.
    fn jobs(&self, count: usize, from: u64, seed: u64, number: u64) -> Vec<Job> {
        let mut stream = Seed(seed).stream(Purpose::Arrival, number);
        let mut sizes = Seed(seed).stream(Purpose::Shape, number);
        let cpu: i64 = self.rooms().iter().map(|r| r.cpu).sum();
        let memory: i64 = self.rooms().iter().map(|r| r.memory).sum();
        let mut dice = Seed(seed).stream(Purpose::Shape, 1 << 40);
        let mean = |of: fn(&Want) -> i64, dice: &mut Stream| -> f64 {
            (0..4_000).map(|i| of(&self.want(dice, i)) as f64).sum::<f64>() / 4_000.0
        };
        let a_job = (mean(|w| w.cpu, &mut dice) / cpu as f64).max(mean(|w| w.memory, &mut dice) / memory as f64);
        let rate = self.load as f64 / 100.0 / a_job / MEAN;
        let mut at = from as f64;
        (0..count)
            .map(|i| {
                at += stream.exponential() / rate;
                let lasts = stream.log_normal(MEAN * libm_exp(-0.5), 1.0) as u64 + 1;
                Job { at: at as u64, lasts, want: self.want(&mut sizes, i as u64) }
            })
            .collect()
    }

    fn search(&self, start: usize) -> Search {
        Search { start, wanted: if self.searched == 100 { self.hosts } else { self.hosts * self.searched / 100 } }
    }
}

/// e to the `x`.
fn libm_exp(x: f64) -> f64 {
    x.exp()
}

/// Who decides.
trait Decider {
    fn find(&mut self, state: &State, want: &Want, search: Search, job: u64) -> Found;
    fn book(&mut self, slot: u32, want: &Want, sign: i64);
}

/// Bookings and what ends when.
#[derive(Clone)]
struct State {
    case: Case,
    rooms: Vec<Room>,
    names: Vec<u32>,
    ends: BinaryHeap<Reverse<(u64, u32, Running)>>,
    queue: VecDeque<(u64, Job)>,
    start: usize,
    now: u64,
    placed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Running {
    slot: u32,
    want: Want,
}

impl State {
    fn new(case: Case) -> Self {
        State {
            case,
            rooms: case.rooms(),
            names: (0..case.hosts as u32).collect(),
            ends: BinaryHeap::new(),
            queue: VecDeque::new(),
            start: 0,
            now: 0,
            placed: 0,
        }
    }

    /// Replays jobs; the hosts they got are appended to `taken`.
    fn run(&mut self, jobs: &[Job], decider: &mut impl Decider, taken: &mut Vec<Option<u32>>) {
        for job in jobs {
            while let Some(&Reverse((end, _, running))) = self.ends.peek().filter(|Reverse((end, ..))| *end <= job.at) {
                self.ends.pop();
                self.now = end;
                decider.book(running.slot, &running.want, -1);
                // The longest waiting one is tried again.
                if let Some(&(_, waiting)) = self.queue.front()
                    && self.place(waiting, decider, taken)
                {
                    self.queue.pop_front();
                }
            }
            self.now = job.at;
            if !self.place(*job, decider, taken) {
                self.queue.push_back((job.at, *job));
            }
        }
    }

    fn place(&mut self, job: Job, decider: &mut impl Decider, taken: &mut Vec<Option<u32>>) -> bool {
        let found = decider.find(self, &job.want, self.case.search(self.start), self.placed);
        self.start = (self.start + found.passed) % self.case.hosts;
        taken.push(found.slot);
        let Some(slot) = found.slot else { return false };
        decider.book(slot, &job.want, 1);
        self.placed += 1;
        self.ends.push(Reverse((self.now + job.lasts, self.placed as u32, Running { slot, want: job.want })));
        true
    }
}

fn draw(job: u64, count: usize) -> usize {
    (job.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize % count
}

/// By the index.
struct Index {
    finder: Finder<KubeRule>,
    kinds: BTreeMap<Want, KindId>,
    once: KindId,
    keep: bool,
}

impl Index {
    fn new(case: &Case, rooms: &[Room]) -> Self {
        let hosts: Vec<(Room, Booked, u16)> = rooms.iter().map(|room| (*room, Booked::default(), 0)).collect();
        let mut finder = Finder::new(case.rule());
        finder.show(&hosts, (0..rooms.len() as u32).collect());
        finder.admit(0, vec![true]);
        let once = finder.register(Want::default(), 0);
        Index { finder, kinds: BTreeMap::new(), once, keep: case.sizes != Sizes::Continuous }
    }
}

impl Decider for Index {
    fn find(&mut self, state: &State, want: &Want, search: Search, job: u64) -> Found {
        let finder = &mut self.finder;
        let kind = if self.keep || want.cpu == 0 {
            *self.kinds.entry(*want).or_insert_with(|| finder.register(*want, 0))
        } else {
            finder.reuse(self.once, *want);
            self.once
        };
        let mut pick = |count| draw(job, count);
        let mut tie = match state.case.ties {
            Ties::First => Tie::First,
            Ties::Random => Tie::ByName(&mut pick),
            Ties::Heap => Tie::Heap,
        };
        finder.find(kind, search, &mut tie)
    }

    fn book(&mut self, slot: u32, want: &Want, sign: i64) {
        self.finder.book(slot, want, sign);
    }
}

/// By the plain scan.
struct Plain {
    rule: KubeRule,
    booked: Vec<Booked>,
}

impl Decider for Plain {
    fn find(&mut self, state: &State, want: &Want, search: Search, job: u64) -> Found {
        let mut pick = |tied: &[(usize, u32)]| match state.case.ties {
            Ties::First => (0..tied.len()).min_by_key(|i| tied[*i].1).unwrap_or(0),
            Ties::Heap => (0..tied.len()).min_by(|a, b| pre_order(tied[*a].0, tied[*b].0)).unwrap_or(0),
            Ties::Random => {
                let mut by_name: Vec<usize> = (0..tied.len()).collect();
                by_name.sort_by_key(|i| tied[*i].1);
                by_name[draw(job, tied.len())]
            }
        };
        plain::scan(&self.rule, (&state.rooms, &self.booked), &state.names, want, |_| true, search, &mut pick)
    }

    fn book(&mut self, slot: u32, want: &Want, sign: i64) {
        self.booked[slot as usize].shift(want, sign);
    }
}

/// By a list of decisions.
struct Known<'a>(std::slice::Iter<'a, Option<u32>>);

impl Decider for Known<'_> {
    fn find(&mut self, _: &State, _: &Want, _: Search, _: u64) -> Found {
        Found { slot: *self.0.next().expect("as many decisions"), passed: 0 }
    }

    fn book(&mut self, _: u32, _: &Want, _: i64) {}
}

/// What a case came to.
struct Row {
    jobs: usize,
    index: Duration,
    plain: Duration,
    floor: Duration,
    /// Hosts looked at by the index, and searches by kept judgements and by levels, a search.
    looked: f64,
    by_column: f64,
    by_levels: f64,
    /// Nanoseconds of the plain scan for a host and job.
    scan: f64,
    compared: usize,
}

fn measure(case: Case, turns: usize, quick: bool) -> Row {
    let warm = if case.filling { 0 } else { case.hosts * if quick { 20 } else { 60 } };
    let mut state = State::new(case);
    let mut index = Index::new(&case, &state.rooms);
    state.run(&case.jobs(warm, 0, 7, 0), &mut index, &mut Vec::new());
    let count = if quick { 200 } else { (4_000_000 / case.hosts).clamp(20_000, 40_000) };
    let compared = if quick { 50 } else { (30_000_000 / case.hosts).clamp(150, count) };
    let (mut best, mut slow, mut floor) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let before = index.finder.looks();
    for turn in 0..turns {
        let jobs = case.jobs(count, state.now, 7, turn as u64 + 1);
        let mut other = state.clone();
        let mut plain = Plain {
            rule: case.rule(),
            booked: (0..case.hosts as u32).map(|slot| *index.finder.booked(slot)).collect(),
        };
        let mut replayed = state.clone();
        let mut taken = Vec::with_capacity(2 * count);
        let t = processor_time();
        state.run(&jobs, &mut index, &mut taken);
        best = best.min((processor_time() - t) / count as u32);
        let mut same = Vec::with_capacity(2 * count);
        let t = processor_time();
        other.run(&jobs[..compared], &mut plain, &mut same);
        slow = slow.min((processor_time() - t) / compared as u32);
        assert_eq!(same[..], taken[..same.len()], "{case:?}: the index took another host");
        let mut nothing = Vec::with_capacity(2 * count);
        let t = processor_time();
        replayed.run(&jobs, &mut Known(taken.iter()), &mut nothing);
        floor = floor.min((processor_time() - t) / count as u32);
    }
    let looks = index.finder.looks();
    let searches = (looks.searches - before.searches) as f64;
    let scanned = case.hosts * case.searched / 100;
    Row {
        jobs: count,
        index: best,
        plain: slow,
        floor,
        looked: (looks.hosts - before.hosts) as f64 / searches,
        by_column: (looks.by_column - before.by_column) as f64 / searches,
        by_levels: (looks.by_levels - before.by_levels) as f64 / searches,
        scan: (slow.as_nanos() as f64 - floor.as_nanos() as f64) / scanned as f64,
        compared: compared * turns,
    }
}

fn print(label: &str, row: &Row) {
    let us = |d: Duration| d.as_nanos() as f64 / 1e3;
    let net = (row.plain.as_nanos() as f64 - row.floor.as_nanos() as f64)
        / (row.index.as_nanos() as f64 - row.floor.as_nanos() as f64).max(1.0);
    println!(
        "| {label} | {:.2} | {:.2} | {:.1} | **{:.1}** | {net:.0} | {:.1} | {:.0} | {:.0} / {:.0} | {} |",
        us(row.floor),
        us(row.index),
        us(row.plain),
        us(row.plain) / us(row.index),
        row.scan,
        row.looked,
        100.0 * row.by_column,
        100.0 * row.by_levels,
        row.compared,
    );
    debug_assert!(row.jobs > 0);
}

fn head() {
    println!(
        "| case | floor, µs | index, µs | plain, µs | ratio | net | plain, ns a host | looked at | kept / levels, % | compared |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
}

fn label(case: &Case) -> String {
    let shapes = match case.shapes {
        0 => "all different".into(),
        1 => "1 shape".into(),
        n => format!("{n} shapes"),
    };
    let mut text = format!("{} hosts, {shapes}, {:?}, {} %", case.hosts, case.sizes, case.load);
    if case.ties != Ties::First {
        text.push_str(&format!(", ties {:?}", case.ties));
    }
    if case.zeros > 0 {
        text.push_str(&format!(", {} % ask for nothing", case.zeros));
    }
    if case.most_jobs != 110 {
        text.push_str(&format!(", {} jobs a host", case.most_jobs));
    }
    if case.filling {
        text.push_str(", filling");
    }
    if case.fullness != "least" {
        text.push_str(&format!(", {}", case.fullness));
    }
    if case.searched != 100 {
        text.push_str(&format!(", {} % searched", case.searched));
    }
    text
}

/// What the table of the performance page asks, and the adversaries.
fn table() -> Vec<Case> {
    let base = BASE;
    let (few, big) = (Sizes::Few(10), 10_000);
    let mut cases = vec![
        Case { hosts: 100, ..base },
        Case { hosts: 100, sizes: few, ..base },
        base,
        Case { sizes: few, ..base },
        Case { hosts: big, ..base },
        Case { hosts: big, shapes: 20, ..base },
        Case { hosts: big, sizes: few, ..base },
        Case { hosts: 100_000, ..base },
        Case { hosts: 100_000, sizes: few, ..base },
        Case { hosts: big, sizes: Sizes::Few(1_000), ..base },
        Case { hosts: big, load: 95, ..base },
        Case { hosts: big, load: 130, ..base },
        Case { hosts: big, filling: true, ..base },
        Case { hosts: big, ties: Ties::Random, ..base },
        Case { hosts: big, ties: Ties::Heap, ..base },
        Case { hosts: big, sizes: few, ties: Ties::Heap, ..base },
        Case { hosts: big, zeros: 15, ..base },
        Case { hosts: big, most_jobs: 12, ..base },
        Case { hosts: big, fullness: "most", ..base },
        Case { hosts: big, fullness: "ratio", sizes: few, ..base },
        Case { hosts: big, searched: 5, ..base },
        Case { hosts: big, searched: 5, sizes: few, ties: Ties::Heap, ..base },
    ];
    for sizes in [Sizes::One, Sizes::Huge, Sizes::Anti, Sizes::Decimal, Sizes::Alternating(1_000)] {
        cases.push(Case { hosts: 1_000, shapes: 1, sizes, ..base });
        cases.push(Case { hosts: big, shapes: 1, sizes, ..base });
    }
    cases.push(Case { shapes: 0, ..base });
    cases.push(Case { hosts: big, shapes: 0, ..base });
    cases
}

fn grid() -> Vec<Case> {
    let mut cases = Vec::new();
    for hosts in [100, 1_000, 10_000, 100_000] {
        for shapes in [1, 3, 20, 0] {
            for sizes in [Sizes::Few(10), Sizes::Few(1_000), Sizes::Continuous] {
                for load in [10, 70, 95, 130] {
                    cases.push(Case { hosts, shapes, sizes, load, ..BASE });
                }
            }
        }
    }
    cases
}

fn main() {
    // `cargo test --benches` runs this without `--bench`: then it only has to work.
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = !words.iter().any(|word| word == "--bench");
    let only: Option<usize> = words.iter().find_map(|word| word.parse().ok());
    let cases = if words.iter().any(|word| word == "grid") { grid() } else { table() };
    head();
    for case in cases.into_iter().filter(|case| only.is_none_or(|hosts| case.hosts == hosts)) {
        if quick && case.hosts > 1_000 {
            continue;
        }
        print(&label(&case), &measure(case, if quick { 1 } else { 3 }, quick));
    }
}
