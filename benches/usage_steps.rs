//! How many usage steps a second does one core replay at 1,000 hosts, where there is room and where jobs contend?
//!
//! Whole simulations: queue, hosts, changes and digest, with the metrics families and without. Seed and input are fixed.
//! Absolute figures belong to the machine they were measured on; compare figures of one run.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::{RunFlags, run_one};
use plimsoll::host::HostModel;
use plimsoll::orchestrator::{Options, orchestrator};
use plimsoll::rng::{Purpose, Seed};
use plimsoll::sim::{Change, Flags, Loop, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimTime};
use plimsoll::workload::{Job, JobKind, UsageMode, UsageStep, WorkloadBuilder};

const HOSTS: u64 = 1_000;
const JOBS: u64 = 10 * HOSTS;
/// Seconds of the run; steps last 20 to 30 s, so each job has about 100.
const SECONDS: u64 = 2_500;
const STEPS: usize = 100;

struct Nobody;

impl Observer for Nobody {
    fn change(&mut self, _at: SimTime, _change: &Change) {}
    fn finish(&mut self, _end: SimTime) {}
}

/// Ten jobs a host that use 1 core each on average, on hosts of so many cores.
fn setup(cores: i64, kind: JobKind) -> Setup {
    let hosts = (0..HOSTS).map(|i| HostSpec::new(format!("host-{i:04}"), MilliCpu(cores * 1000), Bytes::gib(64)));
    let mut builder = WorkloadBuilder::new();
    for i in 0..JOBS {
        let mut s = Seed(1).stream(Purpose::Shape, i);
        let mut job =
            Job::service(format!("job-{i:05}"), SimTime(i), MilliCpu(100 + 100 * (i % 7) as i64), Bytes::gib(1));
        job.spec.kind = kind;
        if kind == JobKind::Batch {
            job.duration = Some(plimsoll::units::SimDuration::from_secs(2 * SECONDS));
        }
        job.usage = (0..STEPS)
            .map(|_| UsageStep {
                length_us: (20 * SECOND_US) + s.below(10 * SECOND_US),
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

/// Counts the beginnings of usage steps: a rate whose demand or memory is new.
#[derive(Default)]
struct Steps {
    last: Vec<(u64, i64)>,
    steps: u64,
}

impl Observer for Steps {
    fn change(&mut self, _at: SimTime, change: &Change) {
        if let Change::Rate { job, cpu, memory, .. } = *change {
            let now = (cpu.demand, memory);
            self.steps += u64::from(std::mem::replace(&mut self.last[job.index()], now) != now);
        }
    }
    fn finish(&mut self, _end: SimTime) {}
}

fn replay(setup: &Setup, options: &Options, observer: &mut dyn Observer) {
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    black_box(simulate(setup, options, observer, flags).expect("a run"));
}

fn steps_per_second(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage_steps");
    group.sample_size(10);
    let cases = [
        ("room", 32, JobKind::Service, "direct"),
        ("room", 32, JobKind::Batch, "direct"),
        ("contended", 8, JobKind::Service, "direct"),
        ("contended", 8, JobKind::Batch, "direct"),
        ("contended", 8, JobKind::Service, "kubernetes"),
    ];
    for (name, cores, kind, control) in cases {
        let setup = setup(cores, kind);
        let mut options = Options::of(orchestrator(control).expect("a row"));
        options.placement = "round-robin";
        let mut steps = Steps { last: vec![(0, -1); JOBS as usize], steps: 0 };
        replay(&setup, &options, &mut steps);
        group.throughput(Throughput::Elements(steps.steps));
        group.bench_function(BenchmarkId::new(format!("{name}_{kind}_{control}"), "bare"), |b| {
            b.iter(|| replay(&setup, &options, &mut Nobody));
        });
        group.bench_function(BenchmarkId::new(format!("{name}_{kind}_{control}"), "metrics"), |b| {
            b.iter(|| black_box(run_one(&setup, &options, RunFlags::default(), &mut |_| true).expect("a run").digest));
        });
    }
    group.finish();
}

criterion_group!(benches, steps_per_second);
criterion_main!(benches);
