//! The kubelet v1.36.3: conversions, cgroup values, eviction ranking, the eviction manager step by step, back-off.
//!
//! A file is read by its name up to the first `.` or `-`. Every field is compared, and a field that nobody knows, on
//! either side, stops the suite.

use std::collections::BTreeMap;

use plimsoll::host::kubelet::cgroup::{
    ContainerCgroup, MemoryQos, NodeMemory, PodCgroup, container_cgroup, container_unified, pod_cgroup,
};
use plimsoll::host::kubelet::conversion;
use plimsoll::host::kubelet::crash_loop::CrashLoop;
use plimsoll::host::kubelet::eviction::{Admission, Candidate, EvictionManager, Observation, Observations};
use plimsoll::host::kubelet::pod::{Container, ContainerKind, Pod, PodLevel, Qos, Resources};
use plimsoll::host::kubelet::rank::{Ranked, Usage, memory_rank, pid_rank};
use plimsoll::host::kubelet::threshold::{Amount, Condition, Signal, Threshold, Written};
use plimsoll::units::{SECOND_US, SimDuration, SimTime};
use serde_json::{Map, Value, json};

use super::{Tally, read_json, vectors};

type Unified = Vec<(&'static str, String)>;

/// What is held to the vectors, piece by piece, so that a mutation can put a mistake in the place of one.
pub struct Kubelet {
    pub shares: fn(i64) -> u64,
    pub weight_linear: fn(u64) -> u64,
    pub weight_quadratic: fn(u64) -> u64,
    pub quota_us: fn(i64, i64) -> i64,
    pub shares_to_milli: fn(u64) -> i64,
    pub amount: fn(&str, i64) -> i64,
    pub defaulted: fn(Pod) -> Pod,
    pub qos: fn(&Pod) -> Qos,
    pub critical: fn(&Pod) -> bool,
    pub node_critical: fn(&Pod) -> bool,
    pub pod_cgroup: fn(&Pod) -> PodCgroup,
    pub container_cgroup: fn(&Pod, usize, NodeMemory) -> ContainerCgroup,
    pub unified: fn(&Pod, usize, NodeMemory, MemoryQos) -> Unified,
    pub memory_request: fn(&Pod) -> i64,
    pub memory_rank: fn(&[Ranked]) -> Vec<usize>,
    pub pid_rank: fn(&[Ranked]) -> Vec<usize>,
    pub back_off: fn(SimDuration, SimDuration) -> CrashLoop,
    pub restart: fn(&mut CrashLoop, SimTime) -> SimTime,
    pub manager: fn(Vec<Threshold>, SimDuration, SimDuration) -> EvictionManager,
    pub observation: fn(Observation) -> Observation,
    pub candidate: fn(Candidate) -> Candidate,
    pub admits: fn(&EvictionManager, Admission) -> bool,
}

impl Kubelet {
    pub const OURS: Kubelet = Kubelet {
        shares: conversion::shares,
        weight_linear: conversion::weight_linear,
        weight_quadratic: conversion::weight_quadratic,
        quota_us: conversion::quota_us,
        shares_to_milli: conversion::shares_to_milli,
        amount: |text, capacity| Amount::parse(text).unwrap().of(capacity),
        defaulted: Pod::defaulted,
        qos: Pod::qos,
        critical: Pod::critical,
        node_critical: Pod::node_critical,
        pod_cgroup,
        container_cgroup,
        unified: container_unified,
        memory_request: Pod::ranked_memory_request,
        memory_rank,
        pid_rank,
        back_off: CrashLoop::new,
        restart: CrashLoop::restart,
        manager: EvictionManager::new,
        observation: |observation| observation,
        candidate: |candidate| candidate,
        admits: EvictionManager::admits,
    };
}

/// The fields of an object, none but `known` ones; those that end in `?` may be absent.
pub(super) fn fields<'a>(place: &str, value: &'a Value, known: &[&str]) -> &'a Map<String, Value> {
    let object = value.as_object().unwrap_or_else(|| panic!("{place}: {value} is not an object"));
    for key in object.keys() {
        assert!(known.iter().any(|k| k.trim_end_matches('?') == key), "{place}: nothing is known of {key}");
    }
    for key in known.iter().filter(|k| !k.ends_with('?')) {
        assert!(object.contains_key(*key), "{place}: {key} is missing");
    }
    object
}

pub(super) fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a whole number"))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list"))
}

fn micros(value: &Value) -> u64 {
    let seconds = value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"));
    let micros = seconds * SECOND_US as f64;
    assert_eq!(micros.fract(), 0.0, "{value} is not a whole number of microseconds");
    micros as u64
}

fn resources(place: &str, value: Option<&Value>) -> Resources {
    let Some(value) = value else { return Resources::default() };
    let object = fields(place, value, &["cpu_milli?", "memory?"]);
    Resources { cpu_milli: object.get("cpu_milli").map(int), memory_bytes: object.get("memory").map(int) }
}

fn of_resources(resources: Resources) -> Value {
    let mut object = Map::new();
    object.extend(resources.cpu_milli.map(|cpu| ("cpu_milli".to_string(), cpu.into())));
    object.extend(resources.memory_bytes.map(|memory| ("memory".to_string(), memory.into())));
    object.into()
}

/// A pod as written, its name, and what else stands beside it (`more`).
fn pod<'a>(place: &str, value: &'a Value, more: &[&str]) -> (&'a str, Pod, &'a Map<String, Value>) {
    let mut known = vec!["name", "priority?", "priority_class_name?", "static?", "termination_grace_seconds?"];
    known.extend(["overhead?", "pod_requests?", "pod_limits?", "containers"]);
    known.extend(more);
    let object = fields(place, value, &known);
    let level = (object.contains_key("pod_requests") || object.contains_key("pod_limits")).then(|| PodLevel {
        requests: resources(place, object.get("pod_requests")),
        limits: resources(place, object.get("pod_limits")),
    });
    let container = |value: &Value| {
        let object = fields(place, value, &["name", "kind", "requests", "limits"]);
        Container {
            kind: match text(&object["kind"]) {
                "regular" => ContainerKind::Regular,
                "init" => ContainerKind::Init,
                "sidecar" => ContainerKind::Sidecar,
                other => panic!("{place}: nothing is known of containers of kind {other}"),
            },
            requests: resources(place, object.get("requests")),
            limits: resources(place, object.get("limits")),
        }
    };
    let pod = Pod {
        priority: object.get("priority").map_or(0, |p| int(p) as i32),
        system_node_critical: object.get("priority_class_name").is_some_and(|name| name == "system-node-critical"),
        is_static: object.get("static").is_some_and(|is| is == true),
        overhead: resources(place, object.get("overhead")),
        level,
        containers: list(&object["containers"]).iter().map(container).collect(),
    };
    (text(&object["name"]), pod, object)
}

/// One file of cases; how many there were and what the comparison came to.
pub fn compare_file(name: &str, file: &Value, kubelet: &Kubelet) -> (u64, Tally) {
    let cases = &fields(name, file, &["source", "seed", "cases"])["cases"];
    let mut tally = Tally::default();
    let compare = match name.split(['.', '-']).next().unwrap_or_default() {
        "conversions" => return (conversions(&mut tally, name, cases, kubelet), tally),
        "qos_cgroup" => qos_cgroup,
        "eviction_rank" => eviction_rank,
        "eviction_sync" => eviction_sync,
        "crashloop_backoff" => crashloop_backoff,
        other => panic!("{name}: nothing is known of node vectors named {other}"),
    };
    for case in list(cases) {
        compare(&mut tally, &format!("{name} case {}", case["id"]), case, kubelet);
    }
    (list(cases).len() as u64, tally)
}

fn conversions(tally: &mut Tally, name: &str, cases: &Value, kubelet: &Kubelet) -> u64 {
    let cases = fields(name, cases, &["cpu", "thresholds"]);
    let (cpu, thresholds) = (list(&cases["cpu"]), list(&cases["thresholds"]));
    for (i, case) in cpu.iter().enumerate() {
        let milli = int(&case["cpu_milli"]);
        let shares = (kubelet.shares)(milli);
        let ours = json!({
            "cpu_milli": milli,
            "shares": shares,
            "weight_kubelet_linear": (kubelet.weight_linear)(shares),
            "weight_runtime_quadratic": (kubelet.weight_quadratic)(shares),
            "quota_us_100ms": (kubelet.quota_us)(milli, 100_000),
            "quota_us_10ms": (kubelet.quota_us)(milli, 10_000),
            "shares_to_milli": (kubelet.shares_to_milli)(shares),
        });
        tally.compare(&format!("{name} cpu [{i}]"), case, &ours);
    }
    for (i, case) in thresholds.iter().enumerate() {
        let capacity = int(&case["capacity"]);
        let quantity = (kubelet.amount)(text(&case["value"]), capacity);
        let ours = json!({"value": case["value"], "capacity": capacity, "quantity": quantity});
        tally.compare(&format!("{name} thresholds [{i}]"), case, &ours);
    }
    (cpu.len() + thresholds.len()) as u64
}

fn qos_cgroup(tally: &mut Tally, place: &str, case: &Value, kubelet: &Kubelet) {
    let case = fields(place, case, &["id", "node", "pod", "expect"]);
    let node = fields(place, &case["node"], &["memory_capacity", "memory_allocatable"]);
    let node = NodeMemory { capacity: int(&node["memory_capacity"]), allocatable: int(&node["memory_allocatable"]) };
    let (_, written, object) = pod(place, &case["pod"], &[]);
    let pod = (kubelet.defaulted)(written);
    let cgroup = (kubelet.pod_cgroup)(&pod);
    let container = |(i, container): (usize, &Container)| {
        let cgroup = (kubelet.container_cgroup)(&pod, i, node);
        let unified = |qos| {
            let keys = (kubelet.unified)(&pod, i, node, qos);
            Value::Object(keys.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect())
        };
        json!({
            "name": object["containers"][i]["name"],
            "effective_requests": of_resources(container.requests),
            "effective_limits": of_resources(container.limits),
            "oom_score_adj": cgroup.oom_score_adj,
            "cpu_shares": cgroup.cpu_shares,
            "cpu_weight_runtime": cgroup.cpu_weight_quadratic,
            "cpu_weight_linear": cgroup.cpu_weight_linear,
            "cpu_quota_us": cgroup.cpu_quota_us,
            "cpu_period_us": cgroup.cpu_period_us,
            "memory_limit": cgroup.memory_limit,
            "unified_default": unified(MemoryQos::Off),
            "unified_memoryqos_none": unified(MemoryQos::None),
            "unified_memoryqos_tiered": unified(MemoryQos::TieredReservation),
        })
    };
    let mut ours = json!({
        "qos": (kubelet.qos)(&pod).name(),
        "critical": (kubelet.critical)(&pod),
        "node_critical": (kubelet.node_critical)(&pod),
        "pod_cgroup": {
            "cpu_shares": cgroup.cpu_shares,
            "cpu_weight": cgroup.cpu_weight,
            "cpu_quota_us": cgroup.cpu_quota_us,
            "cpu_period_us": cgroup.cpu_period_us,
            "memory_limit": cgroup.memory_limit,
        },
        "containers": pod.containers.iter().enumerate().map(container).collect::<Vec<_>>(),
    });
    if let Some(level) = pod.level {
        ours["effective_pod_requests"] = of_resources(level.requests);
        ours["effective_pod_limits"] = of_resources(level.limits);
    }
    tally.compare(place, &case["expect"], &ours);
}

fn eviction_rank(tally: &mut Tally, place: &str, case: &Value, kubelet: &Kubelet) {
    let known = ["id", "pods", "memory_rank", "pid_rank", "evictable_in_memory_rank_order"];
    let case = fields(place, case, &known);
    let (mut names, mut pods, mut ranked) = (Vec::new(), Vec::new(), Vec::new());
    for value in list(&case["pods"]) {
        let (name, written, object) = pod(place, value, &["has_stats", "working_set", "processes"]);
        let pod = (kubelet.defaulted)(written);
        let number = |key: &str| object[key].as_i64().unwrap_or(0);
        let usage = (object["has_stats"] == true).then(|| Usage {
            memory: number("working_set"),
            processes: number("processes"),
            ephemeral: 0,
        });
        let memory_request = (kubelet.memory_request)(&pod);
        ranked.push(Ranked { priority: pod.priority, memory_request, ephemeral_request: 0, usage });
        names.push(name);
        pods.push(pod);
    }
    let named = |order: Vec<usize>| Value::from_iter(order.into_iter().map(|i| names[i]));
    let memory = (kubelet.memory_rank)(&ranked);
    let evictable = Value::from_iter(memory.iter().map(|&i| !(kubelet.critical)(&pods[i])));
    tally.compare(&format!("{place} memory_rank"), &case["memory_rank"], &named(memory));
    tally.compare(&format!("{place} pid_rank"), &case["pid_rank"], &named((kubelet.pid_rank)(&ranked)));
    let key = "evictable_in_memory_rank_order";
    tally.compare(&format!("{place} {key}"), &case[key], &evictable);
}

fn eviction_sync(tally: &mut Tally, place: &str, case: &Value, kubelet: &Kubelet) {
    let case = fields(place, case, &["id", "config", "pods", "steps"]);
    let known = [
        "eviction_hard",
        "eviction_soft",
        "eviction_soft_grace_period",
        "eviction_minimum_reclaim",
        "pressure_transition_seconds",
        "max_pod_grace_seconds",
        "enforce_node_allocatable_pods",
        // What follows is said again in every step.
        "memory_capacity",
        "kubepods_limit",
    ];
    let config = fields(place, &case["config"], &known);
    let texts = |key: &str| -> BTreeMap<String, String> {
        let object = config[key].as_object().unwrap_or_else(|| panic!("{place}: {key} is not an object"));
        object.iter().map(|(signal, value)| (signal.clone(), text(value).to_string())).collect()
    };
    let written = Written {
        hard: texts("eviction_hard"),
        soft: texts("eviction_soft"),
        soft_grace: texts("eviction_soft_grace_period"),
        minimum_reclaim: texts("eviction_minimum_reclaim"),
        enforce_pods: config["enforce_node_allocatable_pods"] == true,
    };
    let duration = |key: &str| SimDuration(micros(&config[key]));
    let mut manager = (kubelet.manager)(
        written.thresholds().unwrap_or_else(|e| panic!("{place}: {e}")),
        duration("pressure_transition_seconds"),
        duration("max_pod_grace_seconds"),
    );
    let pods: Vec<(&str, Pod, SimDuration)> = list(&case["pods"])
        .iter()
        .map(|value| {
            let (name, written, object) = pod(place, value, &[]);
            let grace = object.get("termination_grace_seconds").map_or(30 * SECOND_US, micros);
            (name, (kubelet.defaulted)(written), SimDuration(grace))
        })
        .collect();
    for (i, step) in list(&case["steps"]).iter().enumerate() {
        let place = format!("{place} step {i}");
        let known = [
            "t",
            "stats_t",
            "node_available",
            "node_working_set",
            "kubepods_available",
            "kubepods_working_set",
            "max_pid",
            "running_processes",
            "working_sets",
            "process_counts",
            "expect",
        ];
        let step = fields(&place, step, &known);
        let number = |key: &str| int(&step[key]);
        let observation = |available: i64, capacity: i64| {
            let at = Some(SimTime(micros(&step["stats_t"])));
            (kubelet.observation)(Observation { available, capacity, at })
        };
        let memory = |available: &str, used: &str| observation(number(available), number(available) + number(used));
        let seen = Observations::default()
            .with(Signal::Memory, memory("node_available", "node_working_set"))
            .with(Signal::AllocatableMemory, memory("kubepods_available", "kubepods_working_set"))
            .with(Signal::Pid, observation(number("max_pid") - number("running_processes"), number("max_pid")));
        let (mut names, mut candidates) = (Vec::new(), Vec::new());
        for (name, pod, grace) in pods.iter().filter(|(name, ..)| !step["working_sets"][*name].is_null()) {
            let usage = Usage {
                memory: int(&step["working_sets"][*name]),
                processes: int(&step["process_counts"][*name]),
                ephemeral: 0,
            };
            names.push(*name);
            let memory_request = (kubelet.memory_request)(pod);
            candidates.push((kubelet.candidate)(Candidate {
                ranked: Ranked { priority: pod.priority, memory_request, ephemeral_request: 0, usage: Some(usage) },
                critical: (kubelet.critical)(pod),
                grace: *grace,
                ephemeral_limit: None,
            }));
        }
        let given = step["working_sets"].as_object().map_or(0, Map::len);
        assert_eq!(names.len(), given, "{place}: a pod that is not listed has figures");
        let round = manager.synchronize(SimTime(micros(&step["t"])), &seen, &candidates);
        let met = |&i: &usize| {
            let threshold = &manager.thresholds()[i];
            format!("{}:{}", if threshold.is_hard() { "hard" } else { "soft" }, threshold.signal.name())
        };
        let mut thresholds_met: Vec<String> = round.met.iter().map(met).collect();
        thresholds_met.sort();
        let graces = round.eviction.iter().flat_map(|eviction| &eviction.graces).map(|grace| grace.0 / SECOND_US);
        let admits = |critical, best_effort| {
            (kubelet.admits)(&manager, Admission { critical, best_effort, tolerates_memory_pressure: false })
        };
        let ours = json!({
            "killed": round.eviction.as_ref().map_or("", |eviction| names[eviction.pod]),
            "grace_seconds_possible": graces.collect::<Vec<_>>(),
            "conditions": manager.conditions().iter().copied().map(Condition::name).collect::<Vec<_>>(),
            "thresholds_met": thresholds_met,
            "admit_best_effort": admits(false, true),
            "admit_burstable": admits(false, false),
            "admit_critical": admits(true, true),
        });
        tally.compare(&place, &step["expect"], &ours);
    }
}

fn crashloop_backoff(tally: &mut Tally, place: &str, case: &Value, kubelet: &Kubelet) {
    let case = fields(place, case, &["id", "initial_s", "max_s", "run_seconds", "delay_before_restart_s"]);
    let duration = |value: &Value| SimDuration(micros(value));
    let mut container = (kubelet.back_off)(duration(&case["initial_s"]), duration(&case["max_s"]));
    let mut now = SimTime::ZERO;
    let mut delays = Vec::new();
    for run in list(&case["run_seconds"]) {
        let exit = now + duration(run);
        now = (kubelet.restart)(&mut container, exit);
        delays.push(now.since(exit).0 / SECOND_US);
    }
    tally.compare(&format!("{place} delay_before_restart_s"), &case["delay_before_restart_s"], &json!(delays));
}

#[test]
fn every_recorded_value_of_the_kubelet_agrees() {
    let Some(files) = vectors("node", &super::folder("node")) else { return };
    let mut all = Tally::default();
    let mut cases = 0;
    for (name, path) in &files {
        let (of_file, tally) = compare_file(name, &read_json(path), &Kubelet::OURS);
        println!("{name}: {of_file} cases, {} checks, {} differences", tally.checks, tally.differences.len());
        assert!(of_file > 0, "{name}: no case was found");
        cases += of_file;
        all.checks += tally.checks;
        all.differences.extend(tally.differences);
    }
    for difference in all.differences.iter().take(200) {
        println!("{difference}");
    }
    if all.differences.len() > 200 {
        println!("… and {} more", all.differences.len() - 200);
    }
    println!("conformance node: {cases} cases, {} checks, {} differences", all.checks, all.differences.len());
    assert!(cases > 0, "no case was found");
    assert_eq!(all.differences.len(), 0, "ours differs from the recorded kubelet");
}
