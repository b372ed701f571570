//! Real usage, replayed into hosts that are too small for it and into hosts that are not: a VM of Bitbrains with CPU and
//! memory, and memory of serving pods at Alibaba.
//!
//! No row of a public trace is in this repository; where the shared folder is absent a test is skipped, and says so, unless
//! `PLIMSOLL_REQUIRE` names `traces`. The readers are no more than these tests need.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use plimsoll::experiment::RunResult;
use plimsoll::rng::Seed;
use plimsoll::sim::Setup;
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimTime};
use plimsoll::workload::{Job, UsageMode, UsageStep, WorkloadBuilder};

use crate::world::{number, run, world};

/// The text of a file of the shared traces; `None`, announced, where it is absent.
fn trace(file: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(file);
    if let Ok(packed) = std::fs::File::open(&path) {
        let mut text = String::new();
        GzDecoder::new(packed).read_to_string(&mut text).expect("a packed text");
        return Some(text);
    }
    let required = std::env::var("PLIMSOLL_REQUIRE").is_ok_and(|what| what.split(',').any(|w| w.trim() == "traces"));
    assert!(!required, "PLIMSOLL_REQUIRE names traces, and {} is absent", path.display());
    // Not by eprintln!, which the test harness would swallow.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {} is absent", path.display()).unwrap();
    None
}

/// Steps of the VM: time to the next sample, share of one core of what it was provisioned with, memory.
fn bitbrains(text: &str) -> Vec<UsageStep> {
    let row = |line: &str| -> Vec<f64> { line.split(';').map(|field| field.trim().parse().unwrap()).collect() };
    let rows: Vec<Vec<f64>> = text.lines().skip(1).map(row).collect();
    let step = |pair: &[Vec<f64>]| UsageStep {
        // "Timestamp [ms]" holds seconds.
        length_us: (pair[1][0] - pair[0][0]) as u64 * SECOND_US,
        // Of the MHz provisioned for its one core.
        cpu_nano: (pair[0][3] / pair[0][2] * 1e9) as u64,
        memory: Bytes((pair[0][6] * 1024.0) as i64),
        cache: Bytes(0),
    };
    rows.windows(2).map(step).collect()
}

/// Steps of each pod of the series, a sample holding until the next: memory as a share of a limit of `limit`.
fn genai(text: &str, limit: Bytes) -> Vec<(f64, Vec<UsageStep>)> {
    let mut pods: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        pods.entry(fields[2]).or_default().push((fields[1].parse().unwrap(), fields[0].parse().unwrap()));
    }
    let steps = |samples: &[(f64, f64)]| {
        let step = |pair: &[(f64, f64)]| UsageStep {
            length_us: ((pair[1].0 - pair[0].0) * SECOND_US as f64) as u64,
            // The series has no CPU: a quarter of a core, so that slowed work shows.
            cpu_nano: 250_000_000,
            memory: Bytes((pair[0].1 * limit.0 as f64) as i64),
            cache: Bytes(0),
        };
        samples.windows(2).map(step).filter(|step| step.length_us > 0).collect::<Vec<_>>()
    };
    let first = |samples: &[(f64, f64)]| samples[0].0;
    pods.values().map(|samples| (first(samples), steps(samples))).filter(|(_, steps)| !steps.is_empty()).collect()
}

/// Runs twice with the checker on; the two are the same.
fn twice(setup: &Setup, options: &str) -> RunResult {
    let result = run(setup, options).unwrap_or_else(|why| panic!("{options}: {why}"));
    assert_eq!(run(setup, options).unwrap().digest, result.digest, "{options}");
    result
}

#[test]
fn a_real_vm_beside_itself_contends_on_a_small_host_and_not_on_a_large_one() {
    let Some(text) = trace("bitbrains-opendc/bitbrains.csv.gz") else { return };
    let steps = bitbrains(&text);
    assert_eq!(steps.len(), 8618);
    let seconds: u64 = steps.iter().map(|s| s.length_us).sum::<u64>() / SECOND_US;
    let busiest = steps.iter().map(|s| s.cpu_nano).max().unwrap();
    // Twelve of it, each begun at another place: never more at once than twelve times the busiest sample, and twice as much as
    // the small host has when one comes to it.
    let setup = |cpu: MilliCpu| {
        let mut builder = WorkloadBuilder::new();
        for i in 0..12 {
            let mut job = Job::service(format!("vm-{i:02}"), SimTime::ZERO, MilliCpu(100), Bytes::mib(100));
            job.usage = steps.iter().cycle().skip(i * 700).take(steps.len()).copied().collect();
            builder.push(job).unwrap();
        }
        let workload = builder.finish(UsageMode::Request, Seed(1)).unwrap();
        let hosts = format!("hosts a={cpu}/64Gi; end {seconds}s");
        Setup { workload, ..world(&hosts) }
    };
    let nano = busiest as i64 / 1_000_000;
    let (small, large) = (setup(MilliCpu(nano / 2)), setup(MilliCpu(nano * 12 + 12)));
    for options in ["fleet", "kubernetes placement=least-jobs"] {
        let (tight, roomy) = (twice(&small, options), twice(&large, options));
        for name in ["cpu_starved_core_seconds", "cpu_overloaded_host_seconds", "cpu_pressure_job_seconds"] {
            assert!(number(&tight, name) > 0.0, "{options}: {name} on the small host");
            assert_eq!(number(&roomy, name), 0.0, "{options}: {name} on the large host");
        }
        // The same was demanded of both; what one lacks is what the other got more.
        let value = |result: &RunResult, name| number(result, name);
        let demanded = [&tight, &roomy].map(|result| value(result, "cpu_demanded_core_seconds"));
        assert!((demanded[0] - demanded[1]).abs() < 1e-6 * demanded[1], "{options}: {demanded:?}");
        let lacks = value(&roomy, "cpu_served_core_seconds") - value(&tight, "cpu_served_core_seconds");
        let starved = value(&tight, "cpu_starved_core_seconds");
        assert!((lacks - starved).abs() < 1e-6 * starved, "{options}: {lacks} and {starved}");
    }
}

#[test]
fn real_memory_of_serving_pods_overfills_a_small_host_and_not_a_large_one() {
    let Some(text) = trace("alibaba-genai-2026/pod_memory_util_anon_rows1-107445.csv.gz") else { return };
    let limit = Bytes::gib(4);
    let pods: Vec<(f64, Vec<UsageStep>)> = genai(&text, limit).into_iter().take(40).collect();
    let begin = pods.iter().map(|pod| pod.0).fold(f64::MAX, f64::min);
    let most: i64 = pods.iter().map(|(_, steps)| steps.iter().map(|s| s.memory.0).max().unwrap()).sum();
    let setup = |memory: i64| {
        let mut builder = WorkloadBuilder::new();
        for (i, (first, steps)) in pods.iter().enumerate() {
            let arrival = SimTime(((first - begin) * SECOND_US as f64) as u64);
            let mut job = Job::service(format!("pod-{i:02}"), arrival, MilliCpu(100), Bytes::mib(256));
            job.usage = steps.clone();
            builder.push(job).unwrap();
        }
        let workload = builder.finish(UsageMode::Request, Seed(1)).unwrap();
        Setup { workload, ..world(&format!("hosts a=64/{memory}; end 12h")) }
    };
    let (small, large) = (setup(most / 2), setup(most));
    for options in ["fleet", "kubernetes placement=least-jobs"] {
        let (tight, roomy) = (twice(&small, options), twice(&large, options));
        assert!(number(&tight, "memory_overloaded_host_seconds") > 0.0, "{options}");
        let lost =
            |result| ["oom_kills", "evictions", "hosts_down"].map(|name| number(result, name)).iter().sum::<f64>();
        assert!(lost(&tight) > 0.0, "{options}: nobody had to go");
        assert_eq!((number(&roomy, "memory_overloaded_host_seconds"), lost(&roomy)), (0.0, 0.0), "{options}");
    }
}
