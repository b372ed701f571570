//! What do the decisions of fleet, Chef and the simple placements cost, found and looked for host by host (`--plain`)?
//!
//! Own main: criterion neither interleaves two sides nor takes the processor time of a thread. Every comparison first replays a
//! prefix both ways and asserts equal sequences of decisions. Three tables:
//!
//! - control planes: a replay of arrivals and ends through `Orchestrator::hear` alone, with a queue of events but no hosts that
//!   run anything. The floor is the same replay with a control plane that places in a fixed rotation.
//! - placements: `Books` alone; a job goes, one comes. The floor is the same loop without the books.
//! - whole runs: `simulate`, with everything that it does.
//!
//! `cargo bench --bench fleet_turns [-- planes|placements|runs] [HOSTS…]`.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "benches read clocks and arguments")]

mod common;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use common::processor_time;
use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::host::HostModel;
use plimsoll::ids::{HostId, JobId};
use plimsoll::orchestrator::{
    Action, Books, Heard, Now, Options, Orchestrator, Outcome, RestartRule, World, orchestrator,
};
use plimsoll::rng::{Purpose, Seed, Stream};
use plimsoll::sim::{Change, Flags, Loop, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{Job, UsageMode, Workload, WorkloadBuilder};

/// Jobs that run on a host at a time, on average.
const STANDING: usize = 25;
/// Mean length of a job, seconds.
const LENGTH_S: u64 = 1_800;
/// When as many jobs run as will.
const FULL: SimTime = SimTime(600 * SECOND_US);

/// Hosts of so many shapes from 64 cores and 256 GiB on.
fn cluster(hosts: usize, shapes: usize) -> Cluster {
    let specs = (0..hosts).map(|i| {
        let shape = (i % shapes) as i64;
        HostSpec::new(format!("host-{i:06}"), MilliCpu(64_000 + 16_000 * shape), Bytes::gib(256 + 128 * shape))
    });
    Cluster::new(specs.collect(), &[]).expect("plain hosts")
}

/// CPU and memory: of 15 sizes with a mean of 2.35 cores, or of as many as there are jobs, to about the same mean.
fn sizes(draw: &mut Stream, continuous: bool) -> (MilliCpu, Bytes) {
    if continuous {
        let cpu = 50 + draw.below(4_600);
        return (MilliCpu(cpu as i64), Bytes(((cpu << 20) * (2_000 + draw.below(4_000)) / 1_000) as i64));
    }
    let cpu = match draw.below(100) {
        0..30 => 500,
        30..60 => 1_000,
        60..80 => 2_000,
        80..95 => 4_000,
        _ => 8_000,
    };
    (MilliCpu(cpu), Bytes::mib(cpu * (2 + 2 * draw.below(3) as i64)))
}

/// `STANDING` jobs a host that arrive up to [`FULL`], then `more` at the rate that keeps their number. Lengths are exponential, so
/// that what runs at [`FULL`] is what always runs.
fn workload(hosts: usize, more: usize) -> Workload {
    let mut draw = Seed(1).stream(Purpose::Shape, 0);
    let mut builder = WorkloadBuilder::new();
    let standing = hosts * STANDING;
    for i in 0..standing + more {
        let at = if i < standing {
            FULL.0 * i as u64 / standing as u64
        } else {
            FULL.0 + (i - standing) as u64 * LENGTH_S * SECOND_US / standing as u64
        };
        let length = SimDuration(1 + (draw.exponential() * (LENGTH_S * SECOND_US) as f64) as u64);
        let (cpu, memory) = sizes(&mut draw, false);
        let mut job = Job::batch(format!("job-{i:08}"), SimTime(at), length, cpu, memory);
        job.app = format!("app-{}", i % 8);
        builder.push(job).expect("a job");
    }
    builder.finish(UsageMode::Request, Seed(1)).expect("jobs")
}

/// Places in a fixed rotation and keeps nothing: what the replay itself costs.
struct Rotation(u32);

impl Orchestrator for Rotation {
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>) {
        if let Heard::Arrived(job) = heard {
            self.0 = (self.0 + 1) % world.cluster.len() as u32;
            actions.push(Action::Place(job, HostId(self.0)));
            actions.push(Action::Start(job, HostId(self.0), now.at));
        }
    }

    fn restart_rule(&self) -> RestartRule {
        RestartRule::Fixed(SimDuration::ZERO)
    }
}

/// What a replay through a control plane came to.
struct Replay {
    decisions: Vec<(JobId, HostId)>,
    /// Processor time from the first job at or after [`FULL`] (or the first of all) on, nanoseconds a job.
    ns: f64,
}

/// Arrivals and ends of the first `jobs` jobs through `plane`; time is taken from job `from` on.
fn replay(world: &World, plane: &mut dyn Orchestrator, from: usize, jobs: usize) -> Replay {
    let mut events = Queue::default();
    let (mut actions, mut decisions) = (Vec::new(), Vec::new());
    let mut at_host = vec![u32::MAX; jobs];
    let mut began = processor_time();
    let mut next = 0;
    let mut now = Now { at: SimTime::ZERO, late: false };
    for host in world.cluster.ids() {
        plane.hear(now, Heard::HostUp { host, live: &[] }, world, &mut actions);
    }
    loop {
        for action in actions.drain(..) {
            match action {
                Action::Place(job, host) => decisions.push((job, host)),
                Action::Start(job, host, at) => {
                    at_host[job.index()] = host.0;
                    let length = world.workload.duration(job).expect("batch jobs end");
                    events.push(at + length, job.0, 0);
                }
                Action::Wake(at, token) => events.push(at, u32::MAX, token),
                _ => {}
            }
        }
        let due = events.due();
        let arrives = (next < jobs).then(|| world.workload.arrival(JobId(next as u32)));
        match (arrives, due) {
            (Some(at), due) if due.is_none_or(|due| at <= due) => {
                if next == from {
                    began = processor_time();
                }
                now.at = at;
                plane.hear(now, Heard::Arrived(JobId(next as u32)), world, &mut actions);
                next += 1;
            }
            (None, _) if decisions.len() >= jobs => break,
            (_, Some(at)) => {
                now.at = at;
                let Some(Reverse((_, _, job, token))) = events.now.pop() else { break };
                if job != u32::MAX {
                    let job = JobId(job);
                    let host = HostId(at_host[job.index()]);
                    let ended = Heard::Ended { job, host, outcome: Outcome::Finished };
                    plane.hear(now, ended, world, &mut actions);
                } else {
                    plane.hear(now, Heard::Wake(token), world, &mut actions);
                }
            }
            _ => break,
        }
    }
    let spent = processor_time() - began;
    Replay { decisions, ns: spent.as_nanos() as f64 / (jobs - from) as f64 }
}

fn least(times: impl Iterator<Item = f64>) -> f64 {
    times.fold(f64::INFINITY, f64::min)
}

fn repeats(hosts: usize) -> usize {
    if hosts <= 10_000 { 3 } else { 2 }
}

/// Jobs for which plain scans of so many hosts take some tenths of a second: Linux counts a thread's time in steps of up to 4 ms.
fn bearable(hosts: usize) -> usize {
    (60_000_000 / hosts).clamp(400, 100_000)
}

/// Events by time, then in the order in which they were pushed: a list for each second, and a heap for the one that is under way.
#[derive(Default)]
struct Queue {
    seconds: Vec<Vec<Event>>,
    now: BinaryHeap<Reverse<Event>>,
    second: usize,
    pushed: u32,
}

/// Time, number, job (`u32::MAX`: none), token.
type Event = (SimTime, u32, u32, u64);

impl Queue {
    fn push(&mut self, at: SimTime, job: u32, token: u64) {
        let (second, event) = ((at.0 / SECOND_US) as usize, (at, self.pushed, job, token));
        self.pushed += 1;
        if second <= self.second {
            self.now.push(Reverse(event));
            return;
        }
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, Vec::new());
        }
        self.seconds[second].push(event);
    }

    fn due(&mut self) -> Option<SimTime> {
        while self.now.is_empty() && self.second + 1 < self.seconds.len() {
            self.second += 1;
            self.now = std::mem::take(&mut self.seconds[self.second]).into_iter().map(Reverse).collect();
        }
        self.now.peek().map(|Reverse(event)| event.0)
    }
}

fn planes(counts: &[usize]) {
    println!("\ncontrol planes, microseconds of processor time a job (arrival, decision, start, end)");
    println!("| control plane | hosts | floor | plain | found | plain / found | net of the floor | equal decisions |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for &hosts in counts {
        let cluster = cluster(hosts, 1);
        let (standing, more, some) = (hosts * STANDING, 300_000, bearable(hosts));
        let workload = workload(hosts, more);
        let host_model = HostModel::default();
        for name in ["fleet", "chef"] {
            let info = orchestrator(name).expect("a row");
            let options = Options::of(info);
            let world = |plain| World {
                cluster: &cluster,
                workload: &workload,
                host_model: &host_model,
                options: &options,
                seed: Seed(1),
                every_tick: false,
                plain,
                explain: None,
            };
            let (fast, plain) = (world(false), world(true));
            let some = some.min(workload.len());
            let mut decisions = Vec::new();
            let slow = least((0..repeats(hosts)).map(|_| {
                let replay = replay(&plain, &mut *(info.build)(&plain), 0, some);
                decisions = replay.decisions;
                replay.ns
            }));
            let prefix = replay(&fast, &mut *(info.build)(&fast), 0, some);
            assert!(prefix.decisions == decisions, "{name} at {hosts} hosts: decisions differ");
            let (mut found, mut floor) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..repeats(hosts) {
                found = found.min(replay(&fast, &mut *(info.build)(&fast), standing, standing + more).ns);
                floor = floor.min(replay(&fast, &mut Rotation(0), standing, standing + more).ns);
            }
            println!(
                "| {name} | {hosts} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {} |",
                floor / 1e3,
                slow / 1e3,
                found / 1e3,
                slow / found,
                (slow - floor) / (found - floor),
                decisions.len()
            );
        }
    }
}

/// A job goes, one of those that wait comes, `rounds` times, from the same beginning: nanoseconds each, and the decisions.
fn churn(
    world: &World,
    books: &mut Books,
    running: &mut Vec<JobId>,
    waiting: &mut VecDeque<JobId>,
    rounds: usize,
) -> (f64, Vec<Option<HostId>>) {
    let mut draw = Seed(2).stream(Purpose::Shape, 0);
    let mut decisions = Vec::with_capacity(rounds);
    let began = processor_time();
    for _ in 0..rounds {
        if let Some(gone) = swap(running, waiting, &mut draw) {
            books.unbind(world, gone);
        }
        let Some(job) = waiting.pop_front() else { break };
        let host = books.place(world, job);
        decisions.push(host);
        if host.is_some() {
            running.push(job);
        } else {
            waiting.push_back(job);
        }
    }
    let spent = processor_time() - began;
    (spent.as_nanos() as f64 / rounds as f64, decisions)
}

/// One that runs goes to those that wait.
fn swap(running: &mut Vec<JobId>, waiting: &mut VecDeque<JobId>, draw: &mut Stream) -> Option<JobId> {
    let at = draw.below(running.len().max(1) as u64) as usize;
    let gone = (at < running.len()).then(|| running.swap_remove(at));
    waiting.extend(gone);
    gone
}

fn placements(counts: &[usize]) {
    println!("\nplacements, microseconds of processor time for a job that goes and one that comes");
    println!(
        "| placement | hosts | shapes, sizes | floor | plain | found | plain / found | net of the floor | looked at a job | equal decisions |"
    );
    println!("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let names = ["least-jobs", "least-of-type", "first-fit", "best-fit", "worst-fit", "random"];
    for &hosts in counts {
        for (shapes, continuous) in [(1, false), (3, true)] {
            let cluster = cluster(hosts, shapes);
            let (rounds, some) = (500_000, bearable(hosts));
            let standing = hosts * if shapes == 1 { 19 } else { 24 };
            let mut builder = WorkloadBuilder::new();
            let mut draw = Seed(1).stream(Purpose::Shape, 0);
            for i in 0..standing + hosts {
                let (cpu, memory) = sizes(&mut draw, continuous);
                let mut job = Job::service(format!("job-{i:08}"), SimTime(i as u64), cpu, memory);
                job.app = format!("app-{}", i % 8);
                builder.push(job).expect("a job");
            }
            let workload = builder.finish(UsageMode::Request, Seed(1)).expect("jobs");
            let host_model = HostModel::default();
            for name in names {
                let mut options = Options::of(orchestrator("direct").expect("a row"));
                options.placement = name;
                let world = |plain| World {
                    cluster: &cluster,
                    workload: &workload,
                    host_model: &host_model,
                    options: &options,
                    seed: Seed(1),
                    every_tick: false,
                    plain,
                    explain: None,
                };
                let (fast, plain) = (world(false), world(true));
                let fresh = |world: &World| {
                    let mut books = Books::new(world, None, false);
                    cluster.ids().for_each(|host| books.bookings.set_open(host, true));
                    books
                };
                let mut books = fresh(&fast);
                let mut running: Vec<JobId> =
                    (0..standing as u32).map(JobId).filter(|&job| books.place(&fast, job).is_some()).collect();
                // The same state, bound instead of placed, for the scan.
                let mut scan = fresh(&plain);
                for &job in &running {
                    scan.bind(&plain, job, books.host_of(job).expect("it runs"));
                    scan.decided(job);
                }
                let mut waiting: VecDeque<JobId> = workload.ids().filter(|&job| books.host_of(job).is_none()).collect();
                let (mut all, mut others) = (running.clone(), waiting.clone());
                let (slow, decisions) = churn(&plain, &mut scan, &mut all, &mut others, some);
                let floor = floor(&fast, running.clone(), waiting.clone(), rounds);
                let before = books.looked_at();
                let (found, ours) = churn(&fast, &mut books, &mut running, &mut waiting, rounds);
                assert!(ours[..decisions.len()] == decisions[..], "{name} at {hosts} hosts: decisions differ");
                let looked = (books.looked_at() - before) as f64 / rounds as f64;
                println!(
                    "| {name} | {hosts} | {shapes}, {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {looked:.0} | {} |",
                    if continuous { "all differ" } else { "15" },
                    floor / 1e3,
                    slow / 1e3,
                    found / 1e3,
                    slow / found,
                    (slow - floor) / (found - floor),
                    decisions.len()
                );
            }
        }
    }
}

/// The loop of [`churn`] without books.
fn floor(world: &World, mut running: Vec<JobId>, mut waiting: VecDeque<JobId>, rounds: usize) -> f64 {
    let mut draw = Seed(2).stream(Purpose::Shape, 0);
    let began = processor_time();
    let mut sum = 0;
    for _ in 0..rounds {
        let gone = swap(&mut running, &mut waiting, &mut draw);
        let Some(job) = waiting.pop_front() else { break };
        sum += gone.map_or(0, |gone| world.request(gone).cpu.0) + world.request(job).cpu.0;
        running.push(job);
    }
    std::hint::black_box(sum);
    (processor_time() - began).as_nanos() as f64 / rounds as f64
}

/// Keeps decisions and counts changes.
#[derive(Default)]
struct Decisions {
    placed: Vec<(JobId, HostId)>,
}

impl Observer for Decisions {
    fn change(&mut self, _at: SimTime, change: &Change) {
        if let Change::Placed { job, host } = *change {
            self.placed.push((job, host));
        }
    }

    fn finish(&mut self, _end: SimTime) {}
}

fn runs(counts: &[usize]) {
    println!("\nwhole runs (`simulate`, no metrics), microseconds of processor time a job");
    println!("| run | hosts | jobs | plain | found | plain / found |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for &hosts in counts {
        let jobs = (hosts * 10).min(bearable(hosts) * 4).max(2_000);
        let mut draw = Seed(1).stream(Purpose::Shape, 0);
        let mut builder = WorkloadBuilder::new();
        for i in 0..jobs {
            let at = SimTime(i as u64 * 3_600 * SECOND_US / jobs as u64);
            let length = SimDuration(1 + (draw.exponential() * (LENGTH_S * SECOND_US) as f64) as u64);
            let (cpu, memory) = sizes(&mut draw, false);
            builder.push(Job::batch(format!("job-{i:08}"), at, length, cpu, memory)).expect("a job");
        }
        let workload = builder.finish(UsageMode::Request, Seed(1)).expect("jobs");
        let end = workload.uncontended_end();
        let setup = Setup {
            cluster: cluster(hosts, 1),
            workload,
            host_model: HostModel::default(),
            failures: Vec::new(),
            maintenance: Vec::new(),
            etcd: None,
            platform: None,
            arrivals: Loop::Open,
            warm_up: SimTime::ZERO,
            end,
            drain: SimDuration::ZERO,
            seed: Seed(1),
        };
        for (name, placement) in [
            ("fleet", "least-jobs"),
            ("chef", "least-of-type"),
            ("direct", "round-robin"),
            ("direct", "first-fit"),
            ("direct", "best-fit"),
            ("direct", "worst-fit"),
        ] {
            let mut options = Options::of(orchestrator(name).expect("a row"));
            options.placement = placement;
            let run = |plain| {
                let mut watch = Decisions::default();
                let flags =
                    Flags { every_tick: false, plain, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
                let began = processor_time();
                simulate(&setup, &options, &mut watch, flags).expect("a run");
                ((processor_time() - began).as_nanos() as f64 / jobs as f64 / 1e3, watch.placed)
            };
            let (slow, plain) = run(true);
            let (mut found, fast) = run(false);
            assert!(fast == plain, "{name} {placement} at {hosts} hosts: decisions differ");
            found = found.min(run(false).0);
            println!("| {name}, {placement} | {hosts} | {jobs} | {slow:.2} | {found:.2} | {:.1} |", slow / found);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let mut counts: Vec<usize> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    if counts.is_empty() {
        counts = vec![100, 1_000, 10_000, 100_000];
    }
    let all = !arguments.iter().any(|word| ["planes", "placements", "runs"].contains(&word.as_str()));
    let wanted = |table: &str| all || arguments.iter().any(|word| word == table);
    if wanted("planes") {
        planes(&counts);
    }
    if wanted("placements") {
        placements(&counts);
    }
    if wanted("runs") {
        runs(&counts);
    }
}
