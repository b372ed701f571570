//! What must not change, or must change in proportion, when a scenario is written another way.

use std::collections::BTreeMap;

use crate::program::{Folder, expect};

/// A crowded world with every orchestrator: batch jobs and services that compete for CPU and fill memory, one lost
/// host. `cpu` multiplies every CPU quantity; `memory` is what a batch job takes, in MiB; `names` are the hosts.
fn world(cpu: u32, memory: u32, names: [&str; 4]) -> String {
    let hosts: String =
        names.iter().map(|name| format!("  - {{name: {name}, cpu: {}m, memory: 4Gi}}\n", 2000 * cpu)).collect();
    format!(
        "apiVersion: plimsoll/v1
kind: Scenario
name: x
horizon: 30m
cluster:
  hosts:
{hosts}workload:
  apps:
  - name: web
    kind: service
    replicas: 9
    every: 19387ms
    requests: {{cpu: {}m, memory: 512Mi}}
    limits: {{cpu: {}m, memory: 1Gi}}
    usage: {{cpu: {}m, memory: 600Mi}}
  - name: batch
    replicas: 40
    arrival: 1m
    every: 9731ms
    duration: 3m
    requests: {{cpu: {}m, memory: 256Mi}}
    usage: {{cpu: {}m, memory: {memory}Mi}}
orchestrators: [chef, fleet, kubernetes, first-fit, best-fit, worst-fit, round-robin]
failures:
- {{host: {}, at: 8m, for: 5m}}
",
        250 * cpu,
        500 * cpu,
        400 * cpu,
        500 * cpu,
        750 * cpu,
        names[2]
    )
}

/// Runs `text`; metrics by run and name (those that are defined).
fn metrics(folder: &Folder, text: &str) -> BTreeMap<String, BTreeMap<String, f64>> {
    let path = folder.put("s.yaml", text.as_bytes());
    let summary: serde_json::Value =
        serde_json::from_str(&expect(0, &["run", &path, "--check", "--format", "json"]).0).unwrap();
    let of = |run: &serde_json::Value| {
        let metrics = run["metrics"].as_object().unwrap();
        metrics.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
    };
    summary["runs"].as_array().unwrap().iter().map(|run| (run["name"].as_str().unwrap().to_owned(), of(run))).collect()
}

#[test]
fn hosts_under_other_names_in_the_same_order_do_the_same() {
    let folder = Folder::new("names");
    let first = metrics(&folder, &world(1, 700, ["a", "b", "c", "d"]));
    let starved: f64 = first.values().map(|m| m["cpu_starved_core_seconds"]).sum();
    let pending: f64 = first.values().map(|m| m["cpu_pending_core_seconds"]).sum();
    assert!(starved > 0.0 && pending > 0.0, "the world is crowded");
    assert_eq!(first, metrics(&folder, &world(1, 700, ["node-1", "node-2", "node-30", "zebra"])));
}

#[test]
fn twice_the_cpu_of_everything_doubles_core_seconds_and_nothing_else() {
    let folder = Folder::new("twice");
    // A step ends at the first whole microsecond at which its work is done, which moves ends by one. Where memory is full,
    // an end at the instant of a restart decides who is killed, so memory has room here.
    let once = metrics(&folder, &world(1, 200, ["a", "b", "c", "d"]));
    let twice = metrics(&folder, &world(2, 200, ["a", "b", "c", "d"]));
    for (run, metrics) in &once {
        // The kubelet's weights are small whole numbers: of 250m and 500m 10 and 20, of twice that 20 and 39.
        let near = if run == "kubernetes" { 0.05 } else { 1e-4 };
        for (name, value) in metrics {
            let scales = name.ends_with("core_seconds") || name.ends_with("_milli") || name.ends_with("_milli_mean");
            let want = if scales { 2.0 * value } else { *value };
            let found = twice[run][name];
            assert!((found - want).abs() <= near * want.abs(), "{run}: {name}: {value} became {found}, not {want}");
        }
    }
}
