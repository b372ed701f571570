//! How many events a second does a replay handle at 100, 1,000 and 10,000 hosts? And a trace row, and a decision?
//!
//! Seed and input are fixed. Absolute figures belong to the machine they were measured on; compare figures of one run.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll::cluster::{Bookings, Cluster, HostSpec, Request};
use plimsoll::host::HostModel;
use plimsoll::ids::JobId;
use plimsoll::orchestrator::{ORCHESTRATORS, Options};
use plimsoll::placement::{Ask, PLACEMENTS};
use plimsoll::rng::Seed;
use plimsoll::sim::{Change, Flags, Loop, Observer, Setup, simulate};
use plimsoll::trace::{Budgets, TraceArg, read_trace};
use plimsoll::units::{Bytes, MilliCpu, SimDuration, SimTime};
use plimsoll::workload::generator::{GeneratorParams, generate};
use plimsoll::workload::{UsageMode, WorkloadBuilder};

/// Counts changes and does nothing else.
#[derive(Default)]
struct Count(u64);

impl Observer for Count {
    fn change(&mut self, _at: SimTime, _change: &Change) {
        self.0 += 1;
    }

    fn finish(&mut self, _end: SimTime) {}
}

fn cluster(hosts: usize) -> Cluster {
    let specs = (0..hosts).map(|i| HostSpec::new(format!("host-{i:06}"), MilliCpu(16_000), Bytes::gib(64)));
    Cluster::new(specs.collect(), &[]).expect("a plain cluster")
}

/// Ten jobs a host, arriving over an hour: about 60 % of the CPU requested at the peak.
fn setup(hosts: usize) -> Setup {
    let jobs = hosts as u64 * 10;
    let params = GeneratorParams {
        jobs,
        rate_per_second: jobs as f64 / 3600.0,
        duration_median_s: 600.0,
        duration_sigma: 1.0,
        service_share: 0.0,
        ..GeneratorParams::default()
    };
    let workload =
        generate("poisson", &params, Seed(1)).expect("a generator").finish(UsageMode::Model(0), Seed(1)).expect("jobs");
    let end = workload.uncontended_end();
    Setup {
        cluster: cluster(hosts),
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
    }
}

fn replay(setup: &Setup, options: &Options) -> u64 {
    let mut count = Count::default();
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    simulate(setup, options, &mut count, flags).expect("a run");
    count.0
}

/// Changes a second (arrivals, decisions, usage steps, ends) of a whole replay.
fn events_per_second(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay_changes");
    group.sample_size(10);
    for hosts in [100, 1_000, 10_000] {
        let setup = setup(hosts);
        for name in ["fleet", "kubernetes"] {
            if hosts == 10_000 && name == "kubernetes" {
                // Hundreds of nodes scored for each of 100,000 jobs: minutes a sample. See the bench `kube_cycle` instead.
                continue;
            }
            let info = ORCHESTRATORS.iter().find(|o| o.name == name).expect("a row");
            let options = Options::of(info);
            group.throughput(Throughput::Elements(replay(&setup, &options)));
            group.bench_with_input(BenchmarkId::new(name, hosts), &setup, |b, setup| {
                b.iter(|| black_box(replay(setup, &options)));
            });
        }
    }
    group.finish();
}

/// Nanoseconds of one decision on hosts that are half booked, by placement and host count.
fn decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("decision");
    group.sample_size(10);
    for hosts in [100, 1_000, 10_000] {
        let cluster = cluster(hosts);
        let workload = WorkloadBuilder::new().finish(UsageMode::Request, Seed(1)).expect("no jobs are a workload");
        let mut bookings = Bookings::new(&cluster);
        let request = |cpu: i64| Request { cpu: MilliCpu(cpu), memory: Bytes::gib(1 + cpu % 7), ..Request::default() };
        for (i, host) in cluster.ids().enumerate() {
            bookings.book(JobId(i as u32), &request(2000 + (i as i64 * 7919) % 9000), host, None);
        }
        for info in PLACEMENTS {
            let mut rule = (info.build)(&cluster, &workload);
            group.bench_with_input(BenchmarkId::new(info.name, hosts), &hosts, |b, _| {
                b.iter(|| {
                    black_box(rule.choose(&Ask {
                        cluster: &cluster,
                        bookings: &bookings,
                        request: request(1500),
                        job: JobId(0),
                        decision: 1,
                        admits: &|_| true,
                        same_type: &|host| bookings.jobs(host),
                        random_ties: false,
                        seed: Seed(1),
                    }))
                });
            });
        }
    }
    group.finish();
}

/// Rows a second of a native trace of 100,000 jobs, read from a file.
fn trace_rows(c: &mut Criterion) {
    let rows = 100_000u64;
    let path = std::env::temp_dir().join(format!("plimsoll-bench-{}.csv", std::process::id()));
    let mut text = String::from("job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\n");
    for i in 0..rows {
        text.push_str(&format!("job-{i},{},{},{},{}\n", i * 1000, 600_000_000 + i, 100 + i % 4000, (i % 64) << 28));
    }
    std::fs::write(&path, text).expect("a temporary file");
    let arg = TraceArg::parse(&format!("native:{}", path.display())).expect("a format");
    let mut group = c.benchmark_group("trace_rows");
    group.sample_size(10);
    group.throughput(Throughput::Elements(rows));
    group.bench_function("native", |b| {
        b.iter(|| black_box(read_trace(&arg, &Default::default(), &Budgets::default()).expect("a trace").report.jobs));
    });
    group.finish();
    let _ = std::fs::remove_file(path);
}

criterion_group!(benches, events_per_second, decision, trace_rows);
criterion_main!(benches);
