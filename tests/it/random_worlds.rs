//! Small random worlds through every orchestrator, with the checker on: seeds are swept, and the failing one is named.

use std::sync::Arc;

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::{RunFlags, RunResult, run_one};
use plimsoll::host::{HostModel, MemoryPolicy};
use plimsoll::ids::HostId;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::pod::Pod;
use plimsoll::orchestrator::{Enforcement, ORCHESTRATORS, Options, RequestRule, TieBreak};
use plimsoll::placement::PLACEMENTS;
use plimsoll::rng::{Purpose, Seed, Stream};
use plimsoll::sim::{Failure, FailureKind, Loop, Setup};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{Job, JobKind, RestartPolicy, UsageMode, UsageStep, WorkloadBuilder};

/// A world of a few hosts and jobs in which everything that can be set is set now and then.
pub fn random_setup(seed: u64) -> Setup {
    let mut s = Seed(seed).stream(Purpose::Shape, 0);
    let s = &mut s;
    let hosts = 1 + s.below(5);
    let specs = (0..hosts)
        .map(|i| {
            let mut host = HostSpec::new(
                format!("host-{i}"),
                MilliCpu(500 + s.below(4000) as i64),
                Bytes::mib(512 + s.below(4096) as i64),
            );
            host.gpus = s.below(3) as u16;
            if one_in(s, 4) {
                host.joins = SimTime(s.below(300 * SECOND_US));
            }
            if one_in(s, 8) {
                host.leaves = Some(SimTime(host.joins.0 + 1 + s.below(600 * SECOND_US)));
            }
            if one_in(s, 4) {
                host.labels.insert("zone".into(), "a".into());
            }
            if one_in(s, 10) {
                host.taints.push("special=true:NoSchedule".into());
            }
            host
        })
        .collect();
    let cluster = Cluster::new(specs, &[]).unwrap();
    let mut builder = WorkloadBuilder::new();
    let jobs = 1 + s.below(25);
    let manifests = one_in(s, 3);
    for i in 0..jobs {
        let mut job = random_job(s, i);
        if manifests && one_in(s, 2) {
            job.spec.template = Some(builder.template(Arc::new(random_pod(s, &job))));
        }
        builder.push(job).unwrap();
    }
    let usage = if one_in(s, 2) { UsageMode::Model(0) } else { UsageMode::Request };
    let workload = builder.finish(usage, Seed(seed)).unwrap();
    let end = SimTime((600 + s.below(1800)) * SECOND_US);
    let mut failures: Vec<Failure> = (0..s.below(4))
        .map(|_| Failure {
            at: SimTime(s.below(900 * SECOND_US)),
            host: HostId(s.below(hosts) as u32),
            kind: if one_in(s, 2) { FailureKind::Down } else { FailureKind::Partition },
            lasts: SimDuration(s.below(500 * SECOND_US)),
        })
        .collect();
    failures.sort();
    let mut host_model = HostModel::default();
    host_model.memory.policy = MemoryPolicy::ALL[s.below(3) as usize];
    host_model.memory.operator_reboot = SimDuration::from_secs(s.below(120));
    host_model.memory.boot = SimDuration::from_secs(1 + s.below(60));
    host_model.cpu.daemon_milli = [0, 1000, 1000, 8000][s.below(4) as usize];
    host_model.cpu.daemon_grace = SimDuration(s.below(20 * SECOND_US));
    let arrivals = if one_in(s, 5) {
        Loop::Closed { users: 1 + s.below(5) as u32, think_time: SimDuration(s.below(10 * SECOND_US)) }
    } else {
        Loop::Open
    };
    let warm_up = if one_in(s, 3) { SimTime(s.below(end.0)) } else { SimTime::ZERO };
    Setup {
        cluster,
        workload,
        host_model,
        failures,
        arrivals,
        warm_up,
        end,
        drain: SimDuration::ZERO,
        seed: Seed(seed),
    }
}

fn one_in(s: &mut Stream, n: u64) -> bool {
    s.below(n) == 0
}

fn random_job(s: &mut Stream, i: u64) -> Job {
    let mut job = Job::batch(
        format!("job-{i}"),
        // Few distinct times, so that many things happen at one instant.
        SimTime(s.below(20) * 15 * SECOND_US),
        SimDuration(if one_in(s, 10) { 0 } else { s.below(400 * SECOND_US) }),
        MilliCpu(s.below(1500) as i64),
        Bytes::mib(s.below(1500) as i64),
    );
    if one_in(s, 3) {
        job.spec.kind = JobKind::Service;
        job.duration = (!one_in(s, 2)).then(|| SimDuration(s.below(900 * SECOND_US)));
    }
    if one_in(s, 2) {
        job.app = format!("app-{}", s.below(4));
    }
    if one_in(s, 2) {
        job.cpu_limit = Some(MilliCpu(job.cpu_request.0.max(1) + s.below(500) as i64));
        job.memory_limit = Some(Bytes(job.memory_request.0 + (s.below(300) << 20) as i64));
    }
    if !one_in(s, 3) {
        job.usage = (0..1 + s.below(5))
            .map(|_| {
                let most_mib = if one_in(s, 6) { 5000 } else { 900 };
                UsageStep {
                    length_us: 1 + s.below(100 * SECOND_US),
                    cpu_nano: if one_in(s, 5) { 0 } else { s.below(2_000_000_000) },
                    memory: Bytes::mib(s.below(most_mib) as i64),
                }
            })
            .collect();
    }
    if one_in(s, 4) {
        job.spec.threads = Some(1 + s.below(3) as u32);
    }
    job.spec.priority = s.below(3) as i32;
    job.spec.restart = [RestartPolicy::OnFailure, RestartPolicy::Always, RestartPolicy::Never][s.below(3) as usize];
    job.spec.checkpoint = one_in(s, 4);
    if one_in(s, 4) {
        job.spec.gpus = vec![1 + s.below(1000) as u16; 1 + s.below(2) as usize];
    }
    if one_in(s, 8) {
        job.spec.node_selector = vec![("zone".into(), "a".into())];
    }
    if one_in(s, 8) {
        job.spec.ports = vec![8000 + s.below(2) as u16];
    }
    if i > 0 && one_in(s, 6) {
        job.after = vec![format!("job-{}", s.below(i))];
    }
    job
}

/// A pod with the requests of `job` that minds what else runs where.
fn random_pod(s: &mut Stream, job: &Job) -> Pod {
    let label = format!("app-{}", s.below(3));
    let term = format!(
        "{{topologyKey: {}, labelSelector: {{matchLabels: {{app: app-{}}}}}}}",
        ["kubernetes.io/hostname", "zone"][s.below(2) as usize],
        s.below(3)
    );
    let minds = match s.below(6) {
        0 => format!("affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}, "),
        1 => format!("affinity: {{podAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}, "),
        2 => format!(
            "affinity: {{podAntiAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 5, \
             podAffinityTerm: {term}}}]}}}}, "
        ),
        3 => format!(
            "topologySpreadConstraints: [{{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: {}, \
             labelSelector: {{matchLabels: {{app: {label}}}}}}}], ",
            ["DoNotSchedule", "ScheduleAnyway"][s.below(2) as usize]
        ),
        4 => "tolerations: [{operator: Exists}], ".into(),
        _ => String::new(),
    };
    // The first container has the memory and, if there is a second, which may be a sidecar, a part of the CPU.
    let second = if one_in(s, 2) { s.below(job.cpu_request.0 as u64 + 1) as i64 } else { 0 };
    let limit = |s: &mut Stream, cpu: i64| {
        if one_in(s, 2) { format!(", limits: {{cpu: {}m}}", cpu + 1 + s.below(300) as i64) } else { String::new() }
    };
    let first = job.cpu_request.0 - second;
    let mut containers = format!(
        "containers: [{{name: c, resources: {{requests: {{cpu: {first}m, memory: {}}}{}}}}}",
        job.memory_request.0,
        limit(s, first)
    );
    if second > 0 {
        let resources = format!("resources: {{requests: {{cpu: {second}m}}{}}}", limit(s, second));
        containers += &match s.below(2) {
            0 => format!(", {{name: d, {resources}}}]"),
            _ => format!("], initContainers: [{{name: d, restartPolicy: Always, {resources}}}]"),
        };
    } else {
        containers += "]";
    }
    let text = format!(
        "kind: Pod\nmetadata: {{name: p, labels: {{app: {label}}}}}\nspec: {{{minds}priority: {}, \
         terminationGracePeriodSeconds: {}, {containers}}}\n",
        job.spec.priority,
        s.below(60),
    );
    let mut objects = Objects::default();
    objects.read_text(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    objects.pods.remove(0)
}

/// Parameters of `kubernetes` that matter for what comes in which order.
const KUBERNETES: &[(&str, &[&str])] = &[
    ("decision_time", &["0s", "1ms", "500ms", "1s", "7s"]),
    ("bind_latency", &["0s", "1s", "3s"]),
    ("pop_from_backoff", &["off"]),
    ("preemption", &["report"]),
    ("termination_grace", &["0s", "1s", "100s"]),
];

/// Random options of orchestrator number `which`.
pub fn random_options(seed: u64, which: usize) -> Options {
    let mut s = Seed(seed).stream(Purpose::Shape, 1 + which as u64);
    let s = &mut s;
    let mut options = Options::of(&ORCHESTRATORS[which]);
    if one_in(s, 2) {
        options.placement = PLACEMENTS[s.below(PLACEMENTS.len() as u64) as usize].name;
    }
    if one_in(s, 2) {
        options.enforcement = if one_in(s, 2) { Enforcement::Limits } else { Enforcement::None };
        options.eviction = one_in(s, 2);
        options.cpu_quota = one_in(s, 2);
    }
    if one_in(s, 2) {
        options.tie_break = TieBreak::Random;
    }
    if options.orchestrator == "kubernetes" {
        if options.tie_break == TieBreak::Random && one_in(s, 2) {
            options.tie_break = TieBreak::Heap;
        }
        for (name, values) in KUBERNETES {
            if one_in(s, 3) {
                let info = ORCHESTRATORS[which].parameters.iter().find(|p| p.name == *name).unwrap();
                let value = values[s.below(values.len() as u64) as usize];
                options.parameters.insert(info.name, info.parse(value).unwrap());
            }
        }
    }
    if one_in(s, 4) {
        options.requests =
            [RequestRule::Times(250), RequestRule::Times(4000), RequestRule::Absent][s.below(3) as usize];
    }
    options
}

fn run(setup: &Setup, options: &Options, every_tick: bool) -> Result<RunResult, String> {
    let flags = RunFlags { check: true, record: true, every_tick, ..RunFlags::default() };
    run_one(setup, options, flags, &mut |_| true).map_err(|e| e.to_string())
}

#[test]
fn every_orchestrator_keeps_the_books_and_idle_ticks_change_nothing() {
    // PLIMSOLL_SEEDS=FROM..TO sweeps others.
    let range = std::env::var("PLIMSOLL_SEEDS").unwrap_or_else(|_| "0..400".into());
    let (from, to) = range.split_once("..").expect("PLIMSOLL_SEEDS is FROM..TO");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        let setup = random_setup(seed);
        for which in 0..ORCHESTRATORS.len() {
            let options = random_options(seed, which);
            let first = run(&setup, &options, false).unwrap_or_else(|e| panic!("seed {seed}, {}: {e}", options.name));
            let again = run(&setup, &options, false).unwrap();
            assert_eq!(first.digest, again.digest, "seed {seed}, {}", options.name);
            let ticked = run(&setup, &options, true).unwrap_or_else(|e| panic!("seed {seed}, every tick: {e}"));
            assert_eq!(first.digest, ticked.digest, "seed {seed}, {}: an idle tick changed something", options.name);
            assert_eq!(first.metrics, ticked.metrics, "seed {seed}, {}", options.name);
        }
    }
}
