//! What does a job cost beside the decision where it goes, and what does watching add?
//!
//! Whole runs of short batch jobs that use what they request, on hosts of 64 cores that are 40 % full (Poisson arrivals, lognormal lives; the sizes of
//! the peers' benchmark): under `direct` with round-robin, which looks at one host, so that all but a few dozen nanoseconds are arrival,
//! wake-up, start, the one usage step, end and what they are told as; watched by nobody, by the metrics, and with a record. Also two
//! runs of one setup on two threads against one. Processor time of a thread, the least of three turns. Arguments: a control plane; then a
//! number of hosts for one run of that size alone, as profilers want it, and `metrics` for one that is watched.
#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::processor_time;
use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::{RunFlags, run_one};
use plimsoll::host::HostModel;
use plimsoll::orchestrator::{Options, orchestrator};
use plimsoll::rng::Seed;
use plimsoll::sim::{Change, Flags, Kinds, Loop, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SimDuration, SimTime};
use plimsoll::workload::UsageMode;
use plimsoll::workload::generator::{GeneratorParams, generate};

struct Nobody;

impl Observer for Nobody {
    fn wants(&self) -> Kinds {
        Kinds::NONE
    }
    fn change(&mut self, _at: SimTime, _change: &Change) {}
    fn finish(&mut self, _end: SimTime) {}
}

/// A hundred jobs a host.
fn setup(hosts: u64) -> Setup {
    let jobs = hosts * 100;
    let params = GeneratorParams {
        jobs,
        rate_per_second: jobs as f64 / 14_860.0,
        duration_median_s: 1_092.0,
        duration_sigma: 1.0,
        cpu_choices_cores: vec![0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 8.0],
        memory_gib_per_core_min: 2.0,
        memory_gib_per_core_max: 6.0,
        service_share: 0.0,
        ..GeneratorParams::default()
    };
    let workload = generate("poisson", &params, Seed(1)).expect("a generator");
    let workload = workload.finish(UsageMode::Request, Seed(1)).expect("jobs");
    let specs = (0..hosts).map(|i| HostSpec::new(format!("host-{i:06}"), MilliCpu(64_000), Bytes::gib(256)));
    Setup {
        cluster: Cluster::new(specs.collect(), &[]).expect("a plain cluster"),
        end: workload.uncontended_end() + SimDuration::from_secs(3600),
        workload,
        host_model: HostModel::default(),
        failures: Vec::new(),
        maintenance: Vec::new(),
        etcd: None,
        platform: None,
        arrivals: Loop::Open,
        warm_up: SimTime::ZERO,
        drain: SimDuration::ZERO,
        seed: Seed(1),
    }
}

fn bare(setup: &Setup, options: &Options) {
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    black_box(simulate(setup, options, &mut Nobody, flags).expect("a run"));
}

fn watched(setup: &Setup, options: &Options, record: bool) {
    let flags = RunFlags { record, ..RunFlags::default() };
    black_box(run_one(setup, options, flags, &mut |_| true).expect("a run").digest);
}

fn least(mut work: impl FnMut()) -> f64 {
    let turns = (0..3).map(|_| {
        let before = processor_time();
        work();
        (processor_time() - before).as_secs_f64()
    });
    turns.fold(f64::MAX, f64::min)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let control = args.first().map_or("direct", String::as_str);
    let mut options = Options::of(orchestrator(control).expect("a control plane"));
    if control == "direct" {
        options.placement = "round-robin";
    }
    if let Some(hosts) = args.get(1).and_then(|hosts| hosts.parse().ok()) {
        // One run of one size, for profiles.
        let setup = setup(hosts);
        match args.get(2).map(String::as_str) {
            Some("metrics") => watched(&setup, &options, false),
            _ => bare(&setup, &options),
        }
        return;
    }
    println!("µs a job under {control} with {}\nhosts   jobs     nobody  metrics  record", options.placement);
    for hosts in [100u64, 1_000, 10_000] {
        let setup = setup(hosts);
        let us = |seconds: f64| seconds * 1e6 / setup.workload.len() as f64;
        let of = [
            us(least(|| bare(&setup, &options))),
            us(least(|| watched(&setup, &options, false))),
            us(least(|| watched(&setup, &options, true))),
        ];
        println!("{hosts:6} {:8} {:7.2} {:8.2} {:7.2}", setup.workload.len(), of[0], of[1], of[2]);
        if hosts == 1_000 {
            two_threads(&setup, &options);
        }
    }
}

/// By the wall clock, as that is what the second core is for: one run alone, and two side by side that share the setup.
fn two_threads(setup: &Setup, options: &Options) {
    let wall = |work: &dyn Fn()| {
        let turns = (0..3).map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        });
        turns.fold(f64::MAX, f64::min)
    };
    let once = || watched(setup, options, false);
    let (one, two) = (
        wall(&once),
        wall(&|| {
            rayon::join(once, once);
        }),
    );
    println!("       two runs on two threads: {:.2} times the throughput of one", 2.0 * one / two);
}
