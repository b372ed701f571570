//! How many usage steps does one core replay, one by one and where whole ticks are shared, where there is room and where jobs contend?
//!
//! Whole simulations: queue, hosts, changes and digest; without an observer and with the metrics families. Beside them what the digest of
//! their changes takes alone: no replay that has the same digest can be faster. Seed and input are fixed. Processor time of this
//! thread, the least of three turns; absolute figures belong to the machine they were measured on.
#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod common;

use std::hint::black_box;

use common::processor_time;
use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::{RunFlags, run_one};
use plimsoll::host::HostModel;
use plimsoll::orchestrator::{Options, orchestrator};
use plimsoll::rng::{Purpose, Seed};
use plimsoll::sim::{Change, Digest, Flags, Kind, Kinds, Loop, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimTime};
use plimsoll::workload::{Job, JobKind, UsageMode, UsageStep, WorkloadBuilder};

const HOSTS: u64 = 1_000;
const JOBS: u64 = 10 * HOSTS;
/// Seconds of the run; each job has about 100 steps in it.
const SECONDS: u64 = 2_500;
const STEPS: usize = 100;

struct Nobody;

impl Observer for Nobody {
    fn wants(&self) -> Kinds {
        Kinds::NONE
    }
    fn change(&mut self, _at: SimTime, _change: &Change) {}
    fn finish(&mut self, _end: SimTime) {}
}

/// Counts the beginnings of usage steps: a rate whose demand or memory is new.
struct Steps {
    last: Vec<(u64, i64)>,
    steps: u64,
}

impl Observer for Steps {
    fn wants(&self) -> Kinds {
        Kinds::of(&[Kind::Rate])
    }
    fn change(&mut self, _at: SimTime, change: &Change) {
        if let Change::Rate { job, cpu, memory, .. } = *change {
            let now = (cpu.demand, memory);
            self.steps += u64::from(std::mem::replace(&mut self.last[job.index()], now) != now);
        }
    }
    fn finish(&mut self, _end: SimTime) {}
}

/// Keeps the first changes of a run.
struct First(Vec<(SimTime, Change)>);

impl Observer for First {
    fn change(&mut self, at: SimTime, change: &Change) {
        if self.0.len() < 1_000_000 {
            self.0.push((at, *change));
        }
    }
    fn finish(&mut self, _end: SimTime) {}
}

/// Ten jobs a host that use 1 core each on average, on hosts of so many cores; `ticks`: all steps of all jobs end at once, every 25 s.
fn setup(cores: i64, kind: JobKind, ticks: bool) -> Setup {
    let hosts = (0..HOSTS).map(|i| HostSpec::new(format!("host-{i:04}"), MilliCpu(cores * 1000), Bytes::gib(64)));
    let mut builder = WorkloadBuilder::new();
    for i in 0..JOBS {
        let mut s = Seed(1).stream(Purpose::Shape, i);
        let arrival = SimTime(if ticks { 0 } else { i });
        let mut job = Job::service(format!("job-{i:05}"), arrival, MilliCpu(100 + 100 * (i % 7) as i64), Bytes::gib(1));
        job.spec.kind = kind;
        if kind == JobKind::Batch {
            job.duration = Some(plimsoll::units::SimDuration::from_secs(2 * SECONDS));
        }
        job.usage = (0..STEPS)
            .map(|_| UsageStep {
                length_us: if ticks { 25 * SECOND_US } else { (20 * SECOND_US) + s.below(10 * SECOND_US) },
                cpu_nano: s.below(2_000_000_000),
                memory: Bytes::mib(s.below(1024) as i64),
                cache: Bytes(0),
            })
            .collect();
        builder.push(job).expect("a plain job");
    }
    Setup {
        cluster: Cluster::new(hosts.collect(), &[]).expect("a plain cluster"),
        workload: builder.finish(UsageMode::Request, Seed(1)).expect("plain jobs"),
        host_model: HostModel::default(),
        failures: Vec::new(),
        maintenance: Vec::new(),
        etcd: None,
        platform: None,
        arrivals: Loop::Open,
        warm_up: SimTime::ZERO,
        end: SimTime(SECONDS * SECOND_US),
        drain: Default::default(),
        seed: Seed(1),
    }
}

fn replay(setup: &Setup, options: &Options, observer: &mut dyn Observer) {
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    black_box(simulate(setup, options, observer, flags).expect("a run"));
}

/// Seconds of `work`, the least of three turns.
fn least(mut work: impl FnMut()) -> f64 {
    let turns = (0..3).map(|_| {
        let before = processor_time();
        work();
        (processor_time() - before).as_secs_f64()
    });
    turns.fold(f64::MAX, f64::min)
}

fn main() {
    println!("millions of usage steps a second (digest alone: what the same changes would allow)");
    println!("hosts      steps   jobs     control plane  steps    bare  metrics  digest alone");
    let cases = [
        ("room", 32, false, JobKind::Service, "direct"),
        ("room", 32, false, JobKind::Batch, "direct"),
        ("room", 32, true, JobKind::Service, "direct"),
        ("contended", 8, false, JobKind::Service, "direct"),
        ("contended", 8, false, JobKind::Batch, "direct"),
        ("contended", 8, true, JobKind::Service, "direct"),
        ("contended", 8, false, JobKind::Service, "kubernetes"),
    ];
    for (name, cores, ticks, kind, control) in cases {
        let setup = setup(cores, kind, ticks);
        let mut options = Options::of(orchestrator(control).expect("a row"));
        options.placement = "round-robin";
        let mut steps = Steps { last: vec![(0, -1); JOBS as usize], steps: 0 };
        replay(&setup, &options, &mut steps);
        let mut first = First(Vec::new());
        replay(&setup, &options, &mut first);
        let is_step = |change: &Change| matches!(change, Change::Rate { .. } | Change::HostLoad { .. });
        let changes = first.0.iter().filter(|(_, change)| is_step(change)).count() as f64;
        let rates = first.0.iter().filter(|(_, change)| matches!(change, Change::Rate { .. })).count() as f64;
        let digest = least(|| {
            let mut digest = Digest::default();
            for (at, change) in first.0.iter().filter(|(_, change)| is_step(change)) {
                digest.change(*at, change);
            }
            black_box(digest.value());
        });
        // One step of one job changes the rates of all where they contend.
        let per_step = if name == "room" { rates } else { rates * (steps.steps as f64 / all_rates(&setup, &options)) };
        let bare = least(|| replay(&setup, &options, &mut Nobody));
        let metrics = least(|| {
            black_box(run_one(&setup, &options, RunFlags::default(), &mut |_| true).expect("a run").digest);
        });
        let million = |seconds: f64| steps.steps as f64 / seconds / 1e6;
        println!(
            "{name:10} {:7} {kind:8} {control:13} {:7} {:7.2} {:8.2} {:13.1}",
            if ticks { "shared" } else { "single" },
            steps.steps,
            million(bare),
            million(metrics),
            per_step / digest / 1e6,
        );
        assert!(changes > 0.0);
    }
}

/// All rates that a run tells.
fn all_rates(setup: &Setup, options: &Options) -> f64 {
    struct Rates(u64);
    impl Observer for Rates {
        fn wants(&self) -> Kinds {
            Kinds::of(&[Kind::Rate])
        }
        fn change(&mut self, _at: SimTime, _change: &Change) {
            self.0 += 1;
        }
        fn finish(&mut self, _end: SimTime) {}
    }
    let mut rates = Rates(0);
    replay(setup, options, &mut rates);
    rates.0 as f64
}
