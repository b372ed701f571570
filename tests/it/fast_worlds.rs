//! Runs on more hosts than a word has bits, by decisions that find their hosts and by decisions that look at all of them: the
//! same changes, metrics included.

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::{RunFlags, RunResult, run_one};
use plimsoll::host::HostModel;
use plimsoll::ids::HostId;
use plimsoll::orchestrator::{Options, TieBreak, orchestrator};
use plimsoll::placement::PLACEMENTS;
use plimsoll::rng::{Purpose, Seed, Stream};
use plimsoll::sim::{Failure, FailureKind, Loop, Setup};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{Job, UsageMode, WorkloadBuilder};

use crate::program::{expect, scenarios};
use crate::shared_traces::shared;

/// Hundreds of hosts of which some join, leave, fall or are cut off, and jobs that come, end and are removed.
fn setup(seed: u64) -> Setup {
    let mut draw = Seed(seed).stream(Purpose::Shape, 0);
    let draw = &mut draw;
    let hosts = 70 + draw.below(200);
    let time = |draw: &mut Stream| SimTime(draw.below(900 * SECOND_US));
    let specs = (0..hosts).map(|i| {
        let mut host = HostSpec::new(format!("h{i:03}"), MilliCpu(1_000 + 500 * draw.below(3) as i64), Bytes::gib(3));
        if draw.below(8) == 0 {
            host.joins = time(draw);
        }
        if draw.below(8) == 0 {
            host.leaves = Some(host.joins + SimDuration(1 + draw.below(900 * SECOND_US)));
        }
        host
    });
    let cluster = Cluster::new(specs.collect(), &[]).unwrap();
    let mut builder = WorkloadBuilder::new();
    for i in 0..600 {
        // More than there is room for at times, so that jobs wait; some for ever.
        let cpu = MilliCpu(draw.below(2_100) as i64);
        let memory = Bytes::mib(draw.below(3_000) as i64);
        let mut job = Job::service(format!("app-{}-{i}", draw.below(3)), time(draw), cpu, memory);
        if draw.below(3) > 0 {
            job = Job::batch(job.name, job.arrival, SimDuration(draw.below(400 * SECOND_US) + 1), cpu, memory);
        } else if draw.below(2) == 0 {
            job.duration = Some(SimDuration(1 + draw.below(600 * SECOND_US)));
        }
        job.app = format!("app-{}", draw.below(6));
        if draw.below(3) == 0 {
            job.spec.process_type = "web".into();
        }
        builder.push(job).unwrap();
    }
    let mut failures: Vec<Failure> = (0..12)
        .map(|_| Failure {
            at: time(draw),
            host: HostId(draw.below(hosts) as u32),
            kind: [FailureKind::Down, FailureKind::Partition][draw.below(2) as usize],
            lasts: SimDuration(draw.below(300 * SECOND_US)),
        })
        .collect();
    failures.sort();
    Setup {
        cluster,
        workload: builder.finish(UsageMode::Request, Seed(seed)).unwrap(),
        host_model: HostModel::default(),
        failures,
        maintenance: Vec::new(),
        etcd: None,
        platform: None,
        arrivals: Loop::Open,
        warm_up: SimTime::ZERO,
        end: SimTime(1_000 * SECOND_US),
        drain: SimDuration::ZERO,
        seed: Seed(seed),
    }
}

fn run(setup: &Setup, options: &Options, plain: bool) -> RunResult {
    let flags = RunFlags { check: true, plain, ..RunFlags::default() };
    run_one(setup, options, flags, &mut |_| true).unwrap_or_else(|e| panic!("{}: {e}", options.placement))
}

#[test]
fn hosts_that_are_found_and_hosts_that_are_looked_for_make_the_same_runs() {
    let found = PLACEMENTS.iter().filter(|info| info.find.is_some() || info.name == "least-of-type");
    for (i, info) in found.enumerate() {
        for (j, name) in ["fleet", "chef", "direct", "kubernetes", "kubernetes-2016"].into_iter().enumerate() {
            for tie_break in [TieBreak::First, TieBreak::Random] {
                let row = orchestrator(name).unwrap();
                let mut options = Options::of(row);
                (options.placement, options.tie_break) = (info.name, tie_break);
                let seed = (10 * i + j) as u64;
                if name == "fleet" && seed.is_multiple_of(2) {
                    let visiting = row.parameters.iter().find(|p| p.name == "visiting").unwrap();
                    options.parameters.insert(visiting.name, visiting.parse("shuffled").unwrap());
                }
                let setup = setup(seed);
                let (fast, plain) = (run(&setup, &options, false), run(&setup, &options, true));
                assert_eq!(fast.digest, plain.digest, "seed {seed}, {name} with {} {tie_break:?}", info.name);
                assert_eq!(fast.metrics, plain.metrics, "seed {seed}, {name} with {} {tie_break:?}", info.name);
            }
        }
    }
}

/// The digests of all runs of a command.
fn digests(args: &[&str]) -> Vec<String> {
    let summary: serde_json::Value = serde_json::from_str(&expect(0, args).0).unwrap();
    let runs = summary["runs"].as_array().unwrap();
    runs.iter().map(|run| run["digest"].as_str().unwrap().to_string()).collect()
}

/// As asked, and with every host looked at.
fn both_ways(args: &[&str]) {
    let found = digests(args);
    assert!(!found.is_empty());
    assert_eq!(found, digests(&[args, &["--plain"]].concat()), "{args:?}");
}

#[test]
fn every_shipped_scenario_comes_to_the_same_with_every_host_looked_at() {
    let mut list = scenarios();
    list.push("scenarios/peers/peers-s.yaml".into());
    for scenario in list {
        both_ways(&["run", &scenario, "--format", "json"]);
    }
}

#[test]
fn public_traces_come_to_the_same_with_every_host_looked_at() {
    let who = ["--orchestrator", "kubernetes", "--orchestrator", "kubernetes-2016", "--orchestrator", "fleet"];
    for (format, path, more) in [
        ("google-2011", "google-2011-excerpt", vec!["--hosts", "20:64,256Gi"]),
        ("swf", "swf/CTC-SP2-excerpt-5jobs.swf", vec!["--hosts", "20:64,256Gi"]),
        ("openb", "alibaba-gpu-2023-openb", vec!["--to", "100d"]),
    ] {
        let Some(path) = shared(path) else { continue };
        let trace = format!("{format}:{}", path.display());
        both_ways(&[&["run", "--trace", &trace, "--format", "json"][..], &who, &more].concat());
    }
}
