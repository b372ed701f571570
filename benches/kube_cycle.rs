//! How much processor time does one cycle of `plimsoll::kube` take a pod, beside the real kube-scheduler?
//!
//! `cargo bench --bench kube_cycle`. Snapshot update, choice and assumption in one loop; no queue, no API, no binding.
//! Nodes of 16 cores and 64 GiB in 4 zones, 10 bound pods each that ask for about half. *plain* pods ask for CPU and
//! memory; *spread* ones also have a soft zone spread and a soft host anti-affinity, so that all bound pods are looked
//! at; *too big* ones fit nowhere, and preemption is tried in vain. Not criterion: its wall clock says little on a machine that others use, so that processor time is summed here.
#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod common;

use std::time::Duration;

use plimsoll::kube::config::Effective;
use plimsoll::kube::cycle::{Scheduler, bound_pod};
use plimsoll::kube::framework::World;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::pod::Pod;
use serde_json::{Value, json};

use common::processor_time;

/// Processor time in µs a pod of kube-scheduler v1.36.3 itself, measured the same way at parallelism 1: default
/// profile, all threads with garbage collection, Go 1.26.8 on 2 busy vCPUs of an AMD EPYC, the lower of two runs.
/// Another machine than yours: compare orders of magnitude.
const REAL: &[(usize, &str, i32, Option<u64>)] = &[
    (100, "plain", 100, Some(270)),
    (100, "plain", 0, Some(260)),
    (1000, "plain", 100, Some(2400)),
    (1000, "plain", 0, Some(1100)),
    (5000, "plain", 100, Some(20_000)),
    (5000, "plain", 0, Some(1900)),
    (100, "spread", 100, Some(780)),
    (1000, "spread", 100, Some(14_000)),
    (1000, "spread", 0, Some(13_000)),
    (5000, "spread", 100, Some(93_000)),
    (5000, "spread", 0, Some(63_000)),
    (1000, "too big", 100, None),
    (5000, "too big", 100, None),
];

fn pod(name: &str, kind: &str, milli_cpu: usize, mebibytes: usize) -> Value {
    let requests = json!({"cpu": format!("{milli_cpu}m"), "memory": format!("{mebibytes}Mi")});
    let mut spec = json!({"containers": [{"name": "c", "image": "app", "resources": {"requests": requests}}]});
    if kind == "spread" {
        let selector = json!({"matchLabels": {"app": "web"}});
        spec["topologySpreadConstraints"] = json!([{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector,
        }]);
        let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": selector});
        spec["affinity"] = json!({"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}],
        }});
    }
    let metadata = json!({"name": name, "labels": {"app": "web"}});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

/// A scheduler of `nodes` nodes that are half full.
fn scheduler(nodes: usize, percentage: i32) -> Scheduler {
    let effective = Effective { percentage_of_nodes_to_score: percentage, ..Effective::default_profile().unwrap() };
    let mut scheduler = Scheduler::new(effective, World::default()).unwrap();
    let mut objects = Objects::default();
    for i in 0..nodes {
        let name = format!("node-{i:05}");
        let labels = json!({"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": format!("zone-{}", i % 4)});
        let allocatable = json!({"cpu": "16", "memory": "64Gi", "pods": "110"});
        let metadata = json!({"name": name, "labels": labels});
        objects
            .read_text(
                &json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata,
                "status": {"allocatable": allocatable}})
                .to_string(),
            )
            .unwrap();
    }
    for node in objects.nodes {
        scheduler.cache.set_node(node);
    }
    let bound = pods(10 * nodes, "plain", "bound");
    for (i, pod) in bound.iter().enumerate() {
        let node = format!("node-{:05}", i / 10);
        scheduler.cache.add_pod(&node, bound_pod(pod, &node, 0));
    }
    scheduler
}

/// Pods that ask for 800m and 3.2 GiB on average, in 31 sizes.
fn pods(count: usize, kind: &str, prefix: &str) -> Vec<Pod> {
    let mut objects = Objects::default();
    for i in 0..count.min(31) {
        let size = (i * 7) % 31;
        let milli_cpu = if kind == "too big" { 15_000 } else { 500 + 20 * size };
        objects.read_text(&pod(&format!("{prefix}-{i}"), kind, milli_cpu, 2047 + 80 * size).to_string()).unwrap();
    }
    (0..count)
        .map(|i| {
            let name = format!("{prefix}-{i}");
            let pod = &objects.pods[i % 31];
            Pod { key: format!("default/{name}"), name, ..pod.clone() }
        })
        .collect()
}

/// Processor time a pod: one round after another until `least` is reached.
fn measure(nodes: usize, kind: &str, percentage: i32, least: Duration) -> Duration {
    let count = nodes.min(1000);
    let incoming = pods(count, kind, "new");
    let (mut spent, mut placed) = (Duration::ZERO, 0);
    while spent < least || placed == 0 {
        let mut scheduler = scheduler(nodes, percentage);
        scheduler.cache.update(&mut scheduler.snapshot);
        for pods in incoming.chunks(100) {
            let before = processor_time();
            for pod in pods {
                let attempt = scheduler.schedule(pod);
                let Some(chosen) = attempt.suggested.or(attempt.chosen()) else { continue };
                let node = scheduler.snapshot.nodes[chosen].node.name.clone();
                scheduler.cache.add_pod(&node, bound_pod(pod, &node, 1));
            }
            spent += processor_time() - before;
            placed += pods.len() as u32;
            if spent >= least {
                break;
            }
        }
    }
    spent / placed
}

fn main() {
    // `cargo test --benches` runs this without `--bench`: then it only has to work.
    let quick = !std::env::args().any(|arg| arg == "--bench");
    let least = if quick { Duration::ZERO } else { Duration::from_millis(400) };
    println!("| nodes | pods | searched | µs a pod | µs a node and pod | kube-scheduler, µs a pod |");
    println!("| ---: | --- | --- | ---: | ---: | ---: |");
    for (nodes, kind, percentage, real) in REAL {
        if quick && *nodes > 100 {
            continue;
        }
        let own = (0..2).map(|_| measure(*nodes, kind, *percentage, least)).min().unwrap_or_default();
        let us = own.as_secs_f64() * 1e6;
        let real = real.map_or("not measured".to_string(), |us| us.to_string());
        let searched = if *percentage == 0 { "adaptive" } else { "all" };
        println!("| {nodes} | {kind} | {searched} | {us:.1} | {:.3} | {real} |", us / *nodes as f64);
    }
}
