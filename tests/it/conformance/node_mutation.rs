//! Proof that the node suite can fail: a mistake in any formula is caught by some recorded case, and so is a change of
//! any recorded field.

use plimsoll::host::kubelet::cgroup::{MemoryQos, container_cgroup, container_unified, pod_cgroup};
use plimsoll::host::kubelet::conversion::{
    PERIOD_US, quota_us, shares, shares_to_milli, weight_linear, weight_quadratic,
};
use plimsoll::host::kubelet::crash_loop::CrashLoop;
use plimsoll::host::kubelet::eviction::{Admission, EvictionManager};
use plimsoll::host::kubelet::pod::{ContainerKind, Pod, PodLevel, Qos, Resources};
use plimsoll::host::kubelet::rank::{Ranked, memory_rank, pid_rank};
use plimsoll::host::kubelet::threshold::{Amount, Signal, Threshold};
use plimsoll::units::{SimDuration, SimTime};
use serde_json::Value;

use super::node::{Kubelet, compare_file};
use super::{read_json, shipped_folder, vectors};

/// A mistake: the file whose cases must object, what it is, and how it is made.
type Mistake = (&'static str, &'static str, fn(&mut Kubelet));

fn without_overhead(pod: &Pod) -> Pod {
    Pod { overhead: Resources::default(), ..pod.clone() }
}

fn without_level(pod: &Pod) -> Pod {
    Pod { level: None, ..pod.clone() }
}

fn of_one_kind(pod: &Pod, from: ContainerKind, to: ContainerKind) -> Pod {
    let mut pod = pod.clone();
    for container in pod.containers.iter_mut().filter(|container| container.kind == from) {
        container.kind = to;
    }
    pod
}

/// The thresholds changed one by one.
fn thresholds(mut all: Vec<Threshold>, change: fn(&mut Threshold)) -> Vec<Threshold> {
    all.iter_mut().for_each(change);
    all
}

const MICROSECOND: SimDuration = SimDuration(1);
const FOREVER: SimDuration = SimDuration(u64::MAX);

const CONVERSIONS: &[Mistake] = &[
    ("conversions", "shares are rounded up", |k| k.shares = |m| ((m as u64 * 1024).div_ceil(1000)).clamp(2, 262_144)),
    ("conversions", "shares have no least value", |k| k.shares = |m| (m as u64 * 1024 / 1000).min(262_144)),
    ("conversions", "shares have no greatest value", |k| k.shares = |m| (m as u64 * 1024 / 1000).max(2)),
    ("conversions", "the linear weight is rounded up", |k| {
        k.weight_linear = |s| if s >= 262_144 { 10_000 } else { 1 + ((s - 2) * 9_999).div_ceil(262_142) };
    }),
    ("conversions", "the linear weight starts at 0", |k| k.weight_linear = |s| weight_linear(s) - 1),
    ("conversions", "the quadratic weight is the linear one", |k| k.weight_quadratic = weight_linear),
    ("conversions", "the quadratic weight is rounded down", |k| {
        k.weight_quadratic = |s| {
            let l = (s as f64).log2();
            if s <= 2 { 1 } else { 10f64.powf((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0).min(10_000.0) as u64 }
        };
    }),
    ("conversions", "no CPU is a quota of 1 ms", |k| k.quota_us = |m, period| quota_us(m, period).max(1_000)),
    ("conversions", "a quota has no least value", |k| k.quota_us = |m, period| m * period / 1000),
    ("conversions", "every period is 100 ms", |k| k.quota_us = |m, _| quota_us(m, PERIOD_US)),
    ("conversions", "milli-CPU are rounded down", |k| k.shares_to_milli = |s| (s * 1000 / 1024) as i64),
    ("conversions", "milli-CPU of the next share", |k| k.shares_to_milli = |s| shares_to_milli(s + 1)),
    ("conversions", "percentages are 64-bit floats", |k| {
        k.amount = |text, capacity| match text.strip_suffix('%') {
            Some(percent) => (capacity as f64 * (percent.parse::<f64>().unwrap() / 100.0)) as i64,
            None => Amount::parse(text).unwrap().of(capacity),
        };
    }),
    ("conversions", "amounts are shares of capacity less one", |k| {
        k.amount = |text, capacity| Amount::parse(text).unwrap().of(capacity - 100);
    }),
];

const CRASH_LOOP: &[Mistake] = &[
    ("crashloop_backoff", "the wait grows from the start", |k| {
        k.back_off = |initial, most| CrashLoop::new(initial + initial, most);
    }),
    ("crashloop_backoff", "the wait has no end", |k| k.back_off = |initial, _| CrashLoop::new(initial, FOREVER)),
    ("crashloop_backoff", "the cap is always 300 s", |k| {
        k.back_off = |initial, _| CrashLoop::new(initial, SimDuration::from_secs(300));
    }),
    ("crashloop_backoff", "nothing is ever forgotten", |k| {
        // Half the run is looked at, so that 601 and 900 s are short ones.
        k.restart = |container, exit| {
            let half = SimTime(exit.0 / 2);
            let at = container.restart(half);
            exit + at.since(half)
        };
    }),
    ("crashloop_backoff", "600 s are enough to forget", |k| {
        // A clock that goes a little too fast.
        k.restart = |container, exit| {
            let fast = SimTime(exit.0 + exit.0 / 10_000_000);
            exit + container.restart(fast).since(fast)
        };
    }),
];

/// No recorded pod has an init container after a sidecar, requests of its own that take their defaults, or the class
/// `system-node-critical` without its priority; those are worked out by hand beside the code.
const CGROUP: &[Mistake] = &[
    ("qos_cgroup", "a missing request stays missing", |k| k.defaulted = |pod| pod),
    ("qos_cgroup", "the pod's own resources have no class", |k| k.qos = |pod| without_level(pod).qos()),
    ("qos_cgroup", "init containers have no class", |k| {
        k.qos = |pod| {
            let mut pod = pod.clone();
            pod.containers.retain(|container| container.kind != ContainerKind::Init);
            pod.qos()
        };
    }),
    ("qos_cgroup", "a value of 0 is a value", |k| {
        k.qos = |pod| {
            let mut pod = pod.clone();
            for container in &mut pod.containers {
                for list in [&mut container.requests, &mut container.limits] {
                    list.cpu_milli = list.cpu_milli.map(|cpu| cpu.max(1));
                    list.memory_bytes = list.memory_bytes.map(|memory| memory.max(1));
                }
            }
            pod.qos()
        };
    }),
    ("qos_cgroup", "Guaranteed is Burstable", |k| {
        k.qos = |pod| if pod.qos() == Qos::Guaranteed { Qos::Burstable } else { pod.qos() };
    }),
    ("qos_cgroup", "static pods are not critical", |k| {
        k.critical = |pod| Pod { is_static: false, ..pod.clone() }.critical();
    }),
    ("qos_cgroup", "critical starts one higher", |k| {
        k.critical = |pod| pod.is_static || pod.priority > 2_000_000_000;
    }),
    ("qos_cgroup", "critical is node-critical", |k| k.node_critical = Pod::critical),
    ("qos_cgroup", "a pod's cgroup has no overhead", |k| k.pod_cgroup = |pod| pod_cgroup(&without_overhead(pod))),
    ("qos_cgroup", "a pod's cgroup ignores the pod's own resources", |k| {
        k.pod_cgroup = |pod| pod_cgroup(&without_level(pod));
    }),
    ("qos_cgroup", "init containers add up in a pod's cgroup", |k| {
        k.pod_cgroup = |pod| pod_cgroup(&of_one_kind(pod, ContainerKind::Init, ContainerKind::Regular));
    }),
    ("qos_cgroup", "sidecars end in a pod's cgroup", |k| {
        k.pod_cgroup = |pod| pod_cgroup(&of_one_kind(pod, ContainerKind::Sidecar, ContainerKind::Init));
    }),
    ("qos_cgroup", "one container's limit is enough for the pod", |k| {
        k.pod_cgroup = |pod| {
            let (limits, mut cgroup) = (pod.limits().0, pod_cgroup(pod));
            if pod.qos() == Qos::Burstable && limits.memory() != 0 {
                cgroup.memory_limit = Some(limits.memory());
            }
            cgroup
        };
    }),
    ("qos_cgroup", "quotas of pods need no limit of every container", |k| {
        k.pod_cgroup = |pod| {
            let mut cgroup = pod_cgroup(pod);
            if pod.qos() == Qos::Burstable {
                cgroup.cpu_quota_us = Some(quota_us(pod.limits().0.cpu(), PERIOD_US));
            }
            cgroup
        };
    }),
    ("qos_cgroup", "a pod's weight is the runtime's", |k| {
        k.pod_cgroup = |pod| {
            let mut cgroup = pod_cgroup(pod);
            cgroup.cpu_weight = weight_quadratic(cgroup.cpu_shares);
            cgroup
        };
    }),
    ("qos_cgroup", "a container's shares are always of its request", |k| {
        k.container_cgroup = |pod, i, node| {
            let mut cgroup = container_cgroup(pod, i, node);
            cgroup.cpu_shares = shares(pod.containers[i].requests.cpu());
            cgroup
        };
    }),
    ("qos_cgroup", "the pod's limits do not stand in for a container's", |k| {
        k.container_cgroup = |pod, i, node| {
            let limits = Resources::default();
            let level = pod.level.map(|level| PodLevel { limits, ..level });
            let mut cgroup = container_cgroup(&Pod { level, ..pod.clone() }, i, node);
            cgroup.oom_score_adj = container_cgroup(pod, i, node).oom_score_adj;
            cgroup
        };
    }),
    ("qos_cgroup", "scores go by what pods may request", |k| {
        k.container_cgroup = |pod, i, mut node| {
            node.capacity = node.allocatable;
            container_cgroup(pod, i, node)
        };
    }),
    ("qos_cgroup", "node-critical pods are scored by class", |k| {
        k.container_cgroup =
            |pod, i, node| container_cgroup(&Pod { system_node_critical: false, ..pod.clone() }, i, node);
    }),
    ("qos_cgroup", "scores end at 2 and 1000", |k| {
        k.container_cgroup = |pod, i, node| {
            let mut cgroup = container_cgroup(pod, i, node);
            cgroup.oom_score_adj += i64::from(cgroup.oom_score_adj == 999) - i64::from(cgroup.oom_score_adj == 3);
            cgroup
        };
    }),
    ("qos_cgroup", "a sidecar is scored by its own request", |k| {
        k.container_cgroup = |pod, i, node| {
            let mut other = pod.clone();
            if other.containers[i].kind == ContainerKind::Sidecar {
                other.containers[i].kind = ContainerKind::Init;
                // The sum over containers stays what it was where there is one init container.
            }
            let mut cgroup = container_cgroup(pod, i, node);
            if pod.level.is_none() {
                cgroup.oom_score_adj = container_cgroup(&other, i, node).oom_score_adj;
            }
            cgroup
        };
    }),
    ("qos_cgroup", "what the pod requests beyond its containers is nobody's", |k| {
        k.container_cgroup = |pod, i, node| {
            let mut cgroup = container_cgroup(pod, i, node);
            if pod.qos() == Qos::Burstable && !pod.node_critical() {
                let requests = Resources { cpu_milli: Some(1), memory_bytes: None };
                let level = Some(PodLevel { requests, limits: Resources::default() });
                cgroup.oom_score_adj = container_cgroup(&Pod { level, ..pod.clone() }, i, node).oom_score_adj;
            }
            cgroup
        };
    }),
    ("qos_cgroup", "memory.high goes to capacity", |k| {
        k.unified = |pod, i, mut node, qos| {
            node.allocatable = node.capacity;
            container_unified(pod, i, node, qos)
        };
    }),
    ("qos_cgroup", "memory.high goes to the pod's limit", |k| {
        k.unified = |pod, i, node, qos| {
            let mut pod = pod.clone();
            let own = pod.level.unwrap_or_default().limits;
            pod.containers[i].limits = pod.containers[i].limits.or(own);
            container_unified(&pod, i, node, qos)
        };
    }),
    ("qos_cgroup", "requests are kept where no tiers are", |k| {
        k.unified = |pod, i, node, qos| {
            container_unified(pod, i, node, if qos == MemoryQos::None { MemoryQos::TieredReservation } else { qos })
        };
    }),
    ("qos_cgroup", "Guaranteed memory is kept softly", |k| {
        k.unified = |pod, i, node, qos| {
            let mut keys = container_unified(pod, i, node, qos);
            for (key, value) in &mut keys {
                if *key == "memory.min" && value != "0" {
                    *key = "memory.low";
                }
            }
            keys
        };
    }),
    ("qos_cgroup", "memory.high is on with the gate off", |k| {
        k.unified = |pod, i, node, qos| {
            container_unified(pod, i, node, if qos == MemoryQos::Off { MemoryQos::None } else { qos })
        };
    }),
];

fn ranked(pods: &[Ranked], change: fn(&mut Ranked)) -> Vec<Ranked> {
    let mut pods = pods.to_vec();
    pods.iter_mut().for_each(change);
    pods
}

const RANK: &[Mistake] = &[
    ("eviction_rank", "priority does not count for memory", |k| {
        k.memory_rank = |pods| memory_rank(&ranked(pods, |pod| pod.priority = 0));
    }),
    ("eviction_rank", "requests do not count", |k| {
        k.memory_rank = |pods| memory_rank(&ranked(pods, |pod| pod.memory_request = 0));
    }),
    ("eviction_rank", "pods without figures use nothing", |k| {
        k.memory_rank = |pods| memory_rank(&ranked(pods, |pod| pod.usage = Some(pod.usage.unwrap_or_default())));
    }),
    ("eviction_rank", "the last goes first", |k| {
        k.memory_rank = |pods| memory_rank(pods).into_iter().rev().collect();
    }),
    ("eviction_rank", "overhead is not requested", |k| {
        k.memory_request = |pod| without_overhead(pod).ranked_memory_request();
    }),
    ("eviction_rank", "overhead is requested by pods without a request", |k| {
        k.memory_request = |pod| pod.ranked_memory_request().max(pod.overhead.memory());
    }),
    ("eviction_rank", "the pod's own resources do not count", |k| {
        k.memory_request = |pod| without_level(pod).ranked_memory_request();
    }),
    ("eviction_rank", "containers stand in for the pod's own request", |k| {
        k.memory_request = |pod| pod.requests().memory();
    }),
    ("eviction_rank", "a missing request stays missing", |k| k.defaulted = |pod| pod),
    ("eviction_rank", "priority does not count for processes", |k| {
        k.pid_rank = |pods| pid_rank(&ranked(pods, |pod| pod.priority = 0));
    }),
    ("eviction_rank", "processes do not count", |k| {
        k.pid_rank = |pods| pid_rank(&ranked(pods, |pod| pod.usage = pod.usage.map(|_| Default::default())));
    }),
    ("eviction_rank", "pods without figures have no processes", |k| {
        k.pid_rank = |pods| pid_rank(&ranked(pods, |pod| pod.usage = Some(pod.usage.unwrap_or_default())));
    }),
    ("eviction_rank", "critical pods can go", |k| k.critical = |_| false),
];

const SYNC: &[Mistake] = &[
    ("eviction_sync", "minimum reclaim is not waited for", |k| {
        k.manager =
            |all, transition, grace| EvictionManager::new(thresholds(all, |t| t.reclaim = None), transition, grace);
    }),
    ("eviction_sync", "minimum reclaim counts from the start", |k| {
        k.manager = |all, transition, grace| {
            let more = |t: &mut Threshold| {
                if let (Amount::Quantity(amount), Some(Amount::Quantity(reclaim))) = (t.amount, t.reclaim) {
                    t.amount = Amount::Quantity(amount + reclaim);
                }
            };
            EvictionManager::new(thresholds(all, more), transition, grace)
        };
    }),
    ("eviction_sync", "soft thresholds are hard", |k| {
        k.manager = |all, transition, grace| {
            EvictionManager::new(thresholds(all, |t| t.grace = SimDuration::ZERO), transition, grace)
        };
    }),
    ("eviction_sync", "a grace period must be exceeded", |k| {
        k.manager = |all, transition, grace| {
            let longer = |t: &mut Threshold| {
                if !t.is_hard() {
                    t.grace += MICROSECOND;
                }
            };
            EvictionManager::new(thresholds(all, longer), transition, grace)
        };
    }),
    ("eviction_sync", "there is no threshold for all pods together", |k| {
        k.manager = |mut all, transition, grace| {
            all.retain(|t| t.signal != Signal::AllocatableMemory);
            EvictionManager::new(all, transition, grace)
        };
    }),
    ("eviction_sync", "conditions end at once", |k| {
        k.manager = |all, _, grace| EvictionManager::new(all, MICROSECOND, grace);
    }),
    ("eviction_sync", "conditions last as long as the period and no less", |k| {
        k.manager = |all, transition, grace| EvictionManager::new(all, transition + MICROSECOND, grace);
    }),
    ("eviction_sync", "a pod's own grace is all that counts", |k| {
        k.manager = |all, transition, _| EvictionManager::new(all, transition, FOREVER);
    }),
    ("eviction_sync", "the node's grace is all that counts", |k| {
        k.candidate = |mut pod| {
            pod.grace = FOREVER;
            pod
        };
    }),
    ("eviction_sync", "old figures evict", |k| {
        k.observation = |mut observation| {
            observation.at = None;
            observation
        };
    }),
    ("eviction_sync", "capacity is what is available", |k| {
        k.observation = |mut observation| {
            observation.capacity = observation.available;
            observation
        };
    }),
    ("eviction_sync", "critical pods are evicted", |k| {
        k.candidate = |mut pod| {
            pod.critical = false;
            pod
        };
    }),
    ("eviction_sync", "priority does not count", |k| {
        k.candidate = |mut pod| {
            pod.ranked.priority = 0;
            pod
        };
    }),
    ("eviction_sync", "requests do not count", |k| k.memory_request = |_| 0),
    ("eviction_sync", "critical pods are refused", |k| {
        k.admits = |manager, pod| manager.admits(Admission { critical: false, ..pod });
    }),
    ("eviction_sync", "memory pressure keeps everybody out", |k| {
        k.admits = |manager, pod| manager.admits(Admission { best_effort: true, ..pod });
    }),
    ("eviction_sync", "BestEffort pods are admitted under memory pressure", |k| {
        k.admits = |manager, pod| manager.admits(Admission { tolerates_memory_pressure: true, ..pod });
    }),
];

#[test]
fn a_mistake_in_any_formula_of_the_kubelet_is_caught() {
    // Always the shipped cases: a few foreign ones need not exercise every formula.
    let Some(files) = vectors("node", &shipped_folder("node")) else { return };
    let files: Vec<(String, Value)> = files.into_iter().map(|(name, path)| (name, read_json(&path))).collect();
    let mut missed = Vec::new();
    for (kind, mistake, make) in [CONVERSIONS, CRASH_LOOP, CGROUP, RANK, SYNC].into_iter().flatten() {
        let mut kubelet = Kubelet::OURS;
        make(&mut kubelet);
        let caught = files
            .iter()
            .filter(|(name, _)| name.starts_with(kind))
            .any(|(name, file)| !compare_file(name, file, &kubelet).1.agrees());
        if !caught {
            missed.push(format!("{kind}: {mistake}"));
        }
    }
    assert!(missed.is_empty(), "no case objects to:\n{}", missed.join("\n"));
}

/// A value that is not `value`.
fn other(value: &Value) -> Value {
    match value {
        Value::Number(_) => (value.as_i64().unwrap_or(0) + 1).into(),
        Value::Bool(is) => (!is).into(),
        Value::String(text) => format!("{text}.").into(),
        Value::Array(list) if !list.is_empty() => {
            let mut list = list.clone();
            list.pop();
            list.into()
        }
        _ => "another".into(),
    }
}

/// Where each kind of file keeps what was recorded of the real kubelet: pointers, a `*` for each element of a list.
const RECORDED: &[(&str, &[&str])] = &[
    (
        "conversions",
        &[
            "/cpu/*/shares",
            "/cpu/*/weight_kubelet_linear",
            "/cpu/*/weight_runtime_quadratic",
            "/cpu/*/quota_us_100ms",
            "/cpu/*/quota_us_10ms",
            "/cpu/*/shares_to_milli",
            "/thresholds/*/quantity",
        ],
    ),
    ("crashloop_backoff", &["/*/delay_before_restart_s", "/*/delay_before_restart_s/*"]),
    ("eviction_rank", &["/*/memory_rank", "/*/memory_rank/*", "/*/pid_rank/*", "/*/evictable_in_memory_rank_order/*"]),
    (
        "eviction_sync",
        &[
            "/*/steps/*/expect/killed",
            "/*/steps/*/expect/grace_seconds_possible",
            "/*/steps/*/expect/conditions",
            "/*/steps/*/expect/thresholds_met",
            "/*/steps/*/expect/admit_best_effort",
            "/*/steps/*/expect/admit_burstable",
            "/*/steps/*/expect/admit_critical",
        ],
    ),
    (
        "qos_cgroup",
        &[
            "/*/expect/qos",
            "/*/expect/critical",
            "/*/expect/node_critical",
            "/*/expect/effective_pod_requests",
            "/*/expect/effective_pod_limits/memory",
            "/*/expect/pod_cgroup/cpu_shares",
            "/*/expect/pod_cgroup/cpu_weight",
            "/*/expect/pod_cgroup/cpu_quota_us",
            "/*/expect/pod_cgroup/cpu_period_us",
            "/*/expect/pod_cgroup/memory_limit",
            "/*/expect/containers/*/name",
            "/*/expect/containers/*/effective_requests/cpu_milli",
            "/*/expect/containers/*/effective_limits/memory",
            "/*/expect/containers/*/oom_score_adj",
            "/*/expect/containers/*/cpu_shares",
            "/*/expect/containers/*/cpu_weight_runtime",
            "/*/expect/containers/*/cpu_weight_linear",
            "/*/expect/containers/*/cpu_quota_us",
            "/*/expect/containers/*/cpu_period_us",
            "/*/expect/containers/*/memory_limit",
            "/*/expect/containers/*/unified_default/memory.oom.group",
            "/*/expect/containers/*/unified_memoryqos_none/memory.high",
            "/*/expect/containers/*/unified_memoryqos_tiered",
        ],
    ),
];

/// The first value in `at` that `pointer` leads to, to be changed.
fn first<'a>(at: &'a mut Value, pointer: &[&str]) -> Option<&'a mut Value> {
    match pointer {
        [] => Some(at),
        ["*", rest @ ..] => at.as_array_mut()?.iter_mut().find_map(|element| first(element, rest)),
        [key, rest @ ..] => first(at.get_mut(*key)?, rest),
    }
}

#[test]
fn a_change_of_any_recorded_field_of_the_kubelet_is_named() {
    let Some(files) = vectors("node", &shipped_folder("node")) else { return };
    for (kind, pointers) in RECORDED {
        let (name, path) = files.iter().find(|(name, _)| name == kind).unwrap_or_else(|| panic!("no {kind}"));
        let mut file = read_json(path);
        for pointer in *pointers {
            let keys: Vec<&str> = pointer.split('/').skip(1).collect();
            let value = first(&mut file["cases"], &keys).unwrap_or_else(|| panic!("{kind} has no {pointer}"));
            let was = value.clone();
            *value = other(&was);
            let (_, tally) = compare_file(name, &file, &Kubelet::OURS);
            let field = keys.iter().rev().find(|key| **key != "*").unwrap_or(&"");
            assert_eq!(tally.differences.len(), 1, "{kind} {pointer}: {:?}", tally.differences);
            assert!(tally.differences[0].starts_with(name), "{pointer}: {}", tally.differences[0]);
            assert!(tally.differences[0].contains(field), "{pointer}: {}", tally.differences[0]);
            *first(&mut file["cases"], &keys).unwrap_or(&mut Value::Null) = was;
        }
    }
}
