//! Small random worlds through every orchestrator, with the checker on: seeds are swept, and the failing one is named.

use std::sync::Arc;

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::discovery::DISCOVERIES;
use plimsoll::discovery::component::{COMPONENTS, component};
use plimsoll::discovery::etcd::{EtcdFault, EtcdFaultKind, EtcdSetup};
use plimsoll::discovery::platform::{ConfigChange, ConfigWay, Platform, Role};
use plimsoll::experiment::{RunFlags, RunResult, run_one};
use plimsoll::fleet::options::Options as UnitOptions;
use plimsoll::host::{HostModel, MemoryPolicy, host_parameter};
use plimsoll::ids::{AppId, HostId};
use plimsoll::kube::framework::World as Listed;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::pod::Pod;
use plimsoll::orchestrator::{Enforcement, ORCHESTRATORS, Options, RequestRule, StoreOn, TieBreak};
use plimsoll::placement::PLACEMENTS;
use plimsoll::rng::{Purpose, Seed, Stream};
use plimsoll::sim::{Failure, FailureKind, Loop, Maintenance, Setup};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{
    Controller, Job, JobKind, PodReplacement, RestartPolicy, Unserved, UsageMode, UsageStep, Workload, WorkloadBuilder,
};

use crate::world::{budget, lines};

/// A world of a few hosts and jobs in which everything that can be set is set now and then.
pub fn random_setup(seed: u64) -> Setup {
    let mut s = Seed(seed).stream(Purpose::Shape, 0);
    // What kubelets look at is drawn apart, so that the rest stays what it was.
    let mut k = Seed(seed).stream(Purpose::Shape, 1 << 20);
    // What fleet's units ask for and how etcd fares likewise.
    let mut f = Seed(seed).stream(Purpose::Shape, 1 << 21);
    let (s, k, f) = (&mut s, &mut k, &mut f);
    let asks = one_in(f, 2);
    let hosts = 1 + s.below(5);
    let specs = (0..hosts)
        .map(|i| {
            let mut host = HostSpec::new(
                format!("host-{i}"),
                MilliCpu(500 + s.below(4000) as i64),
                Bytes::mib(512 + s.below(4096) as i64),
            );
            host.gpus = s.below(3) as u16;
            if one_in(k, 2) {
                host.ephemeral = Bytes::mib(500 + k.below(9_000) as i64);
            }
            if one_in(s, 4) {
                host.joins = SimTime(s.below(300 * SECOND_US));
            }
            if one_in(s, 8) {
                host.leaves = Some(SimTime(host.joins.0 + 1 + s.below(600 * SECOND_US)));
            }
            if one_in(s, 4) {
                host.labels.insert("zone".into(), "a".into());
            }
            if one_in(s, 2) {
                let zone = ["x", "y"][s.below(2) as usize];
                host.labels.insert("topology.kubernetes.io/zone".into(), zone.into());
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
    let controllers = one_in(s, 2);
    for i in 0..jobs {
        let mut job = random_job(s, i);
        if controllers {
            job.spec.controller = random_controller(s);
        }
        if one_in(k, 4) {
            job.spec.ephemeral_used = Bytes::mib(k.below(3_000) as i64);
            job.spec.ephemeral_limit = one_in(k, 3).then(|| Bytes::mib(k.below(3_000) as i64));
            job.spec.processes = Some(1 + k.below(30) as u32);
        }
        if one_in(k, 20) {
            job.spec.priority = 2_000_000_000;
        }
        if one_in(k, 10) {
            job.spec.tolerations.push("*".into());
        }
        if manifests && one_in(s, 2) {
            job.spec.template = Some(builder.template(Arc::new(random_pod(s, &job))));
        }
        if asks && one_in(f, 2) {
            job.spec.unit = Some(builder.unit(Arc::new(random_unit(f))));
        }
        builder.push(job).unwrap();
    }
    if one_in(s, 3) {
        let mut budgets = String::new();
        for app in 0..3 {
            if one_in(s, 2) {
                let (wants, n) = (["minAvailable", "maxUnavailable"][s.below(2) as usize], s.below(4).to_string());
                budgets += &budget(&format!("app-{app}"), wants, &n);
            }
        }
        let mut objects = Objects::default();
        if !budgets.is_empty() {
            objects.read_text(&budgets).unwrap();
        }
        builder.objects(Arc::new(Listed::of(&objects)));
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
    let maintenance = if one_in(s, 2) { random_maintenance(s, hosts) } else { Vec::new() };
    let mut host_model = HostModel::default();
    host_model.memory.policy = MemoryPolicy::ALL[s.below(3) as usize];
    host_model.memory.operator_reboot = SimDuration::from_secs(s.below(120));
    host_model.memory.boot = SimDuration::from_secs(1 + s.below(60));
    if one_in(k, 2) {
        for (names, values) in KUBELET {
            if !one_in(k, 3) {
                continue;
            }
            let at = k.below(values.len() as u64) as usize;
            for (name, value) in names.split(' ').zip(values[at].split(' ')) {
                (host_parameter(name).unwrap().set)(&mut host_model, value)
                    .unwrap_or_else(|why| panic!("{name}: {why}"));
            }
        }
    }
    for (key, values) in HOST {
        if one_in(s, 4) {
            let value = values[s.below(values.len() as u64) as usize];
            (host_parameter(key).unwrap().set)(&mut host_model, value).unwrap();
        }
    }
    host_model.cpu.daemon_milli = [0, 1000, 1000, 8000][s.below(4) as usize];
    host_model.cpu.daemon_grace = SimDuration(s.below(20 * SECOND_US));
    let arrivals = if one_in(s, 5) {
        Loop::Closed { users: 1 + s.below(5) as u32, think_time: SimDuration(s.below(10 * SECOND_US)) }
    } else {
        Loop::Open
    };
    let warm_up = if one_in(s, 3) { SimTime(s.below(end.0)) } else { SimTime::ZERO };
    // Drawn apart, too.
    let mut p = Seed(seed).stream(Purpose::Shape, 1 << 21);
    let etcd = one_in(&mut p, 2).then(|| random_etcd(&mut p, end));
    let platform = (!one_in(&mut p, 4)).then(|| random_platform(&mut p, &workload, end));
    Setup {
        cluster,
        workload,
        host_model,
        failures,
        maintenance,
        etcd,
        platform,
        arrivals,
        warm_up,
        end,
        drain: SimDuration::ZERO,
        seed: Seed(seed),
    }
}

/// An `[X-Fleet]` section about the few jobs, hosts and labels of these worlds.
fn random_unit(f: &mut Stream) -> UnitOptions {
    let mut unit = UnitOptions::default();
    for _ in 0..1 + f.below(2) {
        let job = f.below(25);
        let (name, value) = match f.below(8) {
            0 | 1 => ("Conflicts", format!("job-{}*.service", f.below(10))),
            2 => ("Conflicts", "job-?.service".to_owned()),
            3 => ("MachineOf", format!("job-{job}.service")),
            4 => ("Replaces", format!("job-{job}*.service")),
            5 => ("MachineMetadata", "zone=a".to_owned()),
            6 => ("MachineID", format!("host-{}", f.below(5))),
            _ => ("Global", "true".to_owned()),
        };
        unit.add_value(name, value);
    }
    unit
}

/// A store that is slow, loses members, or is not there now and then.
fn random_etcd(s: &mut Stream, end: SimTime) -> EtcdSetup {
    let members = 1 + s.below(5) as u32;
    let mut faults: Vec<EtcdFault> = (0..s.below(5))
        .map(|_| EtcdFault {
            at: SimTime(s.below(end.0)),
            lasts: SimDuration(s.below(200 * SECOND_US)),
            kind: match s.below(7) {
                0 => EtcdFaultKind::Rtt(SimDuration(s.below(9 * SECOND_US))),
                1 => EtcdFaultKind::Fsync(SimDuration(s.below(9 * SECOND_US))),
                2 => EtcdFaultKind::Sigma(s.below(3000) as u32),
                3 => EtcdFaultKind::Member(s.below(u64::from(members)) as u32),
                4 => EtcdFaultKind::Leader,
                5 => EtcdFaultKind::Quorum,
                _ => EtcdFaultKind::Unreachable,
            },
        })
        .collect();
    faults.sort();
    EtcdSetup {
        members,
        rtt: SimDuration([500, 500, 20_000, 1_000_000][s.below(4) as usize]),
        reads_without_leader: one_in(s, 2),
        late_writes_count: one_in(s, 3),
        faults,
        ..EtcdSetup::default()
    }
}

/// Apps that are users', nobody's, or components, whoever they call.
fn random_platform(s: &mut Stream, workload: &Workload, end: SimTime) -> Platform {
    let apps = workload.apps().len() as u64;
    let roles = (0..apps).map(|_| match s.below(8) {
        0 => Role::Unannounced,
        1..=3 => Role::App,
        4 => Role::Component(component("router").unwrap().0),
        5 => Role::Component(component("publisher").unwrap().0),
        _ => Role::Component(s.below(COMPONENTS.len() as u64) as u8),
    });
    let roles = roles.collect();
    let requests_milli = (0..apps).map(|_| s.below(3) * 1500).collect();
    let calls =
        (0..apps).map(|_| (0..s.below(3)).map(|_| AppId::from_index(s.below(apps) as usize)).collect()).collect();
    let mut changes: Vec<ConfigChange> = (0..s.below(5))
        .map(|_| ConfigChange {
            at: SimTime(s.below(end.0)),
            app: AppId::from_index(s.below(apps) as usize),
            way: [ConfigWay::Environment, ConfigWay::Secret][s.below(2) as usize],
        })
        .collect();
    changes.sort_by_key(|change| change.at);
    let starts_in = SimDuration([0, 700_000, 5_000_000, 40_000_000][s.below(4) as usize]);
    Platform { roles, requests_milli, calls, starts_in, changes }
}

/// Parameters of discoveries that matter for what comes in which order.
const DISCOVERY: &[(&str, &[&str])] = &[
    ("deis", &["1.5.0", "1.10", "1.13"]),
    ("publish_period", &["1s", "20s", "33s"]),
    ("publish_ttl", &["11s", "90s"]),
    ("component_period", &["3s", "25s"]),
    ("component_ttl", &["7s"]),
    ("confd_interval", &["1s", "600s"]),
    ("logspout_reads", &["once", "3s"]),
    ("publisher_time", &["5s", "0s"]),
    ("stop_removes", &["off"]),
    ("client_timeout", &["50ms", "2ms"]),
    ("release_wait", &["0s", "3s"]),
    ("readiness_delay", &["0s", "30s"]),
    ("readiness_period", &["0s", "7s"]),
    ("exit_seen", &["0s"]),
    ("endpoint_delay", &["0s", "3s"]),
    ("secret_refresh", &["once", "0s"]),
    ("rollout_wait", &["0s", "9s"]),
    ("proxy_converge", &["0s", "7s"]),
    ("restart_wait", &["0s", "9s"]),
];

fn random_controller(s: &mut Stream) -> Controller {
    match s.below(7) {
        0 => Controller::Naked,
        1 => Controller::ReplicaSet,
        2 => Controller::StatefulSet,
        3 => Controller::DaemonSet,
        4 | 5 => Controller::Job {
            backoff_limit: s.below(5) as u32,
            replacement: [PodReplacement::TerminatingOrFailed, PodReplacement::Failed][s.below(2) as usize],
            in_place: one_in(s, 2),
        },
        _ => Controller::Unset,
    }
}

/// Drains and upgrades, some of a host that is not there or worked on already.
fn random_maintenance(s: &mut Stream, hosts: u64) -> Vec<Maintenance> {
    let mut all: Vec<Maintenance> = (0..1 + s.below(3))
        .map(|_| {
            let first = s.below(hosts);
            let count = 1 + s.below(hosts);
            Maintenance {
                at: SimTime(s.below(80) * 10 * SECOND_US),
                hosts: (0..count).map(|i| HostId(((first + i) % hosts) as u32)).collect(),
                at_once: 1 + s.below(2) as u32,
                takes: SimDuration::from_secs(1 + s.below(200)),
                timeout: one_in(s, 2).then(|| SimDuration::from_secs(s.below(100))),
            }
        })
        .collect();
    all.sort();
    all
}
/// Host parameters that matter for what memory does.
const HOST: &[(&str, &[&str])] = &[
    ("disk", &["hdd"]),
    ("fault_time", &["300ms", "100us"]),
    ("kernel", &["old", "new"]),
    ("oom_group", &["on", "off"]),
    ("kill_latency", &["0s", "1200ms", "30s"]),
    ("reaper_delay", &["2s"]),
    ("recovery", &["0s", "7s"]),
    ("daemon_memory", &["5", "0.5", "20"]),
    ("daemon_restart", &["0s", "100s"]),
    ("panic_on_oom", &["reboot", "hang"]),
    ("panic_reboot", &["0s"]),
    ("kube_reserved", &["600Mi", "1Gi", "100Gi"]),
    ("swap", &["100Mi", "1Gi"]),
    ("swap_bandwidth", &["1Mi", "1"]),
    ("hot_file_min", &["0", "1Gi"]),
    ("floor_share", &["0.03", "0.5"]),
    ("floor_max", &["64Gi", "1Mi"]),
    ("beat_windows", &["0", "256"]),
];

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
        job.spec.unserved = [Unserved::Drop, Unserved::Defer][s.below(2) as usize];
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
                    cache: Bytes::mib(if one_in(s, 4) { s.below(400) as i64 } else { 0 }),
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
        job.spec.processes = Some(1 + s.below(4) as u32);
    }
    if one_in(s, 3) {
        job.spec.file_touches = Some([0, 100, 250_000][s.below(3) as usize]);
    }
    if one_in(s, 4) {
        job.spec.leak_touches = [16, 256][s.below(2) as usize];
    }
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
    // The first container has most of it and, if there is a second, which may be a sidecar, that one a part.
    let part = |s: &mut Stream, of: i64| s.below(of as u64 + 1) as i64;
    let two = one_in(s, 2);
    let second = if two { (part(s, job.cpu_request.0), part(s, job.memory_request.0)) } else { (0, 0) };
    let resources = |s: &mut Stream, cpu: i64, memory: i64| {
        let mut limits = Vec::new();
        if one_in(s, 2) {
            limits.push(format!("cpu: {}m", cpu + 1 + s.below(300) as i64));
        }
        if one_in(s, 4) {
            limits.push(format!("memory: {}", memory + 1));
        }
        format!("resources: {{requests: {{cpu: {cpu}m, memory: {memory}}}, limits: {{{}}}}}", limits.join(", "))
    };
    let first = resources(s, job.cpu_request.0 - second.0, job.memory_request.0 - second.1);
    let mut containers = format!("containers: [{{name: c, {first}}}");
    if two {
        let resources = resources(s, second.0, second.1);
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

/// Host parameters of kubelets, those that go together in one row.
const KUBELET: &[(&str, &[&str])] = &[
    (
        "eviction_hard",
        &[
            "none",
            "memory.available<300Mi",
            "memory.available<30%,pid.available<10%",
            "nodefs.available<40%,pid.available<9",
        ],
    ),
    (
        "eviction_soft eviction_soft_grace",
        &[
            "memory.available<500Mi memory.available=7s",
            "memory.available<60%,nodefs.available<50% memory.available=45s,nodefs.available=0s",
        ],
    ),
    ("eviction_minimum_reclaim", &["memory.available=200Mi", "memory.available=10%,pid.available=20"]),
    ("eviction_max_pod_grace", &["3s", "20s", "90s"]),
    ("eviction_period", &["1s", "3s", "45s"]),
    ("pressure_transition", &["0s", "30s"]),
    ("kube_reserved", &["100Mi", "700Mi"]),
    ("enforce_node_allocatable", &["none"]),
    ("active_file_share", &["1"]),
    ("max_pids", &["10", "40"]),
    ("image_cache", &["500Mi"]),
    ("crash_loop_cap", &["1s", "40s"]),
    ("restart_latency", &["1s", "7s"]),
    ("image_pull", &["1s", "90s"]),
    ("serialize_image_pulls", &["off"]),
];

/// Parameters of `kubernetes` that matter for what comes in which order.
const KUBERNETES: &[(&str, &[&str])] = &[
    ("decision_time", &["0s", "1ms", "500ms", "1s", "7s"]),
    ("bind_latency", &["0s", "1s", "3s"]),
    ("pop_from_backoff", &["off"]),
    ("preemption", &["report"]),
    ("termination_grace", &["0s", "1s", "100s"]),
    ("monitor_grace", &["10s", "20s"]),
    ("toleration", &["0s", "7s", "60s"]),
    ("node_eviction_interval", &["0s", "3s", "60s"]),
    ("large_zone", &["2"]),
    ("unhealthy_zone_threshold", &["0%", "90%"]),
    ("pod_gc_period", &["1s", "7s"]),
    ("orphan_quarantine", &["0s", "15s"]),
    ("job_backoff", &["0s", "1s"]),
    ("drain_retry", &["1s", "30s"]),
];

/// The same of `kubernetes-2016`.
const KUBERNETES_2016: &[(&str, &[&str])] = &[
    ("version", &["1.3.0"]),
    ("masters", &["1", "2"]),
    ("decision_time", &["0s", "1ms", "500ms", "1s", "7s"]),
    ("bind_latency", &["0s", "1s", "3s"]),
    ("api_read", &["0s", "1s", "29s"]),
    ("api_qps", &["1", "1000"]),
    ("api_burst", &["2"]),
    ("termination_grace", &["0s", "1s", "100s"]),
    ("status_period", &["1s", "3s"]),
    ("monitor_period", &["1s", "7s"]),
    ("monitor_grace", &["10s", "20s"]),
    ("pod_eviction_timeout", &["0s", "20s", "60s"]),
    ("deletion_interval", &["1s", "3s", "60s"]),
    ("deletion_burst", &["1", "2"]),
];

/// Parameters of `fleet`.
const FLEET: &[(&str, &[&str])] = &[
    ("version", &["1.0.0"]),
    ("visiting", &["shuffled"]),
    ("finished", &["kept"]),
    ("etcd_timeout", &["3s", "200ms"]),
    ("engine_interval", &["2s", "2s", "500ms", "10s"]),
    ("watch_delay", &["1s", "1s", "0s", "4s"]),
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
    if one_in(s, 2) {
        let discovery = &DISCOVERIES[s.below(DISCOVERIES.len() as u64) as usize];
        options.discovery = discovery.name;
        options.store = [StoreOn::Nowhere, StoreOn::Hosts, StoreOn::Dedicated][s.below(3) as usize];
        for info in discovery.parameters {
            if let Some((_, values)) = DISCOVERY.iter().find(|(name, _)| *name == info.name)
                && one_in(s, 4)
            {
                let value = values[s.below(values.len() as u64) as usize];
                options.parameters.insert(info.name, info.parse(value).unwrap());
            }
        }
    }
    if options.orchestrator == "kubernetes-2016" {
        for (name, values) in KUBERNETES_2016 {
            if one_in(s, 3) {
                let info = ORCHESTRATORS[which].parameters.iter().find(|p| p.name == *name).unwrap();
                let value = values[s.below(values.len() as u64) as usize];
                options.parameters.insert(info.name, info.parse(value).unwrap());
            }
        }
        options.eviction &= options.parameters.contains_key("version");
    }
    if options.orchestrator == "fleet" {
        let mut f = Seed(seed).stream(Purpose::Shape, 1 << 22);
        for (name, values) in FLEET {
            if one_in(&mut f, 2) {
                let info = ORCHESTRATORS[which].parameters.iter().find(|p| p.name == *name).unwrap();
                let value = values[f.below(values.len() as u64) as usize];
                options.parameters.insert(info.name, info.parse(value).unwrap());
            }
        }
        options.store = [StoreOn::Hosts, StoreOn::Dedicated, StoreOn::Nowhere][f.below(3) as usize];
    }
    if one_in(s, 4) {
        options.requests =
            [RequestRule::Times(250), RequestRule::Times(4000), RequestRule::Absent][s.below(3) as usize];
    }
    options
}

fn run(setup: &Setup, options: &Options, every_tick: bool) -> Result<RunResult, String> {
    let flags = RunFlags { check: true, record: true, every_tick, plain: every_tick, ..RunFlags::default() };
    run_one(setup, options, flags, &mut |_| true).map_err(|e| e.to_string())
}

#[test]
fn every_orchestrator_keeps_the_books_and_idle_ticks_change_nothing() {
    // PLIMSOLL_SEEDS=FROM..TO sweeps others.
    let range = std::env::var("PLIMSOLL_SEEDS").unwrap_or_else(|_| "0..400".into());
    let (from, to) = range.split_once("..").expect("PLIMSOLL_SEEDS is FROM..TO");
    // Under 3546 a bare placement, which hears of a silent host at once, moved jobs between two full hosts for ever
    // within one instant.
    for seed in (from.parse().unwrap()..to.parse().unwrap()).chain([3546]) {
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

/// A store with random faults: away, without a majority, slow.
fn store_that_comes_and_goes(seed: u64, end: SimTime) -> EtcdSetup {
    let s = &mut Seed(seed).stream(Purpose::Shape, 1 << 21);
    let mut etcd = EtcdSetup::default();
    for _ in 0..1 + s.below(3) {
        let kind = match s.below(4) {
            0 => EtcdFaultKind::Quorum,
            1 => EtcdFaultKind::Fsync(SimDuration(s.below(30_000_000))),
            _ => EtcdFaultKind::Unreachable,
        };
        let whole = |us: u64| if us.is_multiple_of(3) { us / 5_000_000 * 5_000_000 } else { us };
        let (at, lasts) = (whole(s.below(end.0.max(1))), whole(s.below(120_000_000)));
        etcd.faults.push(EtcdFault { at: SimTime(at), lasts: SimDuration(lasts), kind });
    }
    etcd.faults.sort();
    etcd
}

#[test]
fn a_store_that_comes_and_goes_leaves_the_books_in_order() {
    let range = std::env::var("PLIMSOLL_SEEDS").unwrap_or_else(|_| "0..200".into());
    let (from, to) = range.split_once("..").expect("PLIMSOLL_SEEDS is FROM..TO");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        let mut setup = random_setup(seed);
        setup.etcd = Some(store_that_comes_and_goes(seed, setup.end));
        for which in (0..ORCHESTRATORS.len()).filter(|&i| ORCHESTRATORS[i].name.starts_with("kubernetes")) {
            let mut options = random_options(seed, which);
            options.store = if seed % 2 == 0 { StoreOn::Dedicated } else { StoreOn::Hosts };
            let first = run(&setup, &options, false).unwrap_or_else(|e| panic!("seed {seed}, {}: {e}", options.name));
            let ticked = run(&setup, &options, true).unwrap_or_else(|e| panic!("seed {seed}, every tick: {e}"));
            if first.digest != ticked.digest {
                let (few, all) = (lines(&setup, &options, false), lines(&setup, &options, true));
                let differ = few.iter().zip(&all).position(|(few, all)| few != all).unwrap_or(few.len().min(all.len()));
                let near = |of: &[(SimTime, &'static str, String)]| {
                    of.iter().skip(differ.saturating_sub(3)).take(6).cloned().collect::<Vec<_>>()
                };
                let (few, all) = (near(&few), near(&all));
                panic!(
                    "seed {seed}, {}: an idle tick changed something: {few:?}, {all:?}; {options:?}; {:?}",
                    options.name, setup.etcd
                );
            }
        }
    }
}
