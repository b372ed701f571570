//! Kubernetes manifests beside a scenario, through the program: what runs, and what is refused.

use serde_json::Value;

use crate::program::{Folder, expect, plimsoll};

/// The example of `docs/scenarios.md`.
fn example() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenarios.md")).unwrap();
    let section = page.split("## Kubernetes manifests").nth(1).expect("the section on manifests");
    section.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example").to_owned()
}

fn metric(summary: &Value, run: usize, name: &str) -> i64 {
    summary["runs"][run]["metrics"][name].as_i64().unwrap_or_else(|| panic!("{name} in {summary}"))
}

#[test]
fn the_example_of_the_page_runs_and_its_resolved_file_runs_the_same() {
    let folder = Folder::new("manifests");
    let path = folder.put("shop.yaml", example().as_bytes());
    let (checked, _) = expect(0, &["check", &path]);
    assert!(checked.starts_with("shop: 2 hosts, 7 jobs, 2 runs (fleet, kubernetes), "), "{checked}");
    assert!(checked.contains("- manifests: 2 nodes; 0 pods and 2 objects that make pods gave 7 jobs"), "{checked}");
    let (text, _) = expect(0, &["run", &path, "--check", "--format", "json"]);
    let summary: Value = serde_json::from_str(&text).unwrap();
    for run in 0..2 {
        assert_eq!(metric(&summary, run, "jobs_submitted"), 7);
        assert_eq!(metric(&summary, run, "jobs_finished"), 4);
        assert_eq!(metric(&summary, run, "jobs_never_placed"), 0);
    }
    expect(0, &["run", &path, "-o", &folder.of("out")]);
    let resolved = folder.of("out/scenario.yaml");
    assert!(std::fs::read_to_string(&resolved).unwrap().ends_with(example().split_once("---\n").unwrap().1));
    let again: Value = serde_json::from_str(&expect(0, &["run", &resolved, "--format", "json"]).0).unwrap();
    for run in 0..2 {
        assert_eq!(again["runs"][run]["digest"], summary["runs"][run]["digest"]);
    }
    // Hosts of the command line are instead of all others.
    let (text, _) = expect(0, &["run", &path, "--hosts", "1:64,256Gi", "--format", "json"]);
    assert_eq!(metric(&serde_json::from_str(&text).unwrap(), 0, "hosts_used_max"), 1);
}

#[test]
fn manifests_come_by_standard_input_too() {
    use std::io::Write;
    let folder = Folder::new("manifests-stdin");
    let (scenario, manifests) = example().split_once("---\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let path = folder.put("s.yaml", format!("{scenario}manifests: ['-']\n").as_bytes());
    for (args, input) in [(["check", "-"], example()), (["check", &path], manifests)] {
        let mut child = plimsoll()
            .args(args)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && text.starts_with("shop: 2 hosts, 7 jobs"), "{text}");
    }
}

#[test]
fn broken_manifests_say_file_line_object_and_field() {
    let folder = Folder::new("broken-manifests");
    let other =
        folder.put("pods.yaml", b"kind: Pod\nmetadata: {name: p}\nspec:\n  nodeName: node-1\n  containers: []\n");
    let example = example();
    let broken = |from: &str, to: &str| {
        assert!(example.contains(from), "{from}");
        let line = 1 + example[..example.find(from).unwrap()].matches('\n').count();
        (example.replacen(from, to, 1), line)
    };
    for ((text, line), want) in [
        (
            broken("allocatable: {cpu: 4,", "allocatable: {cpu: four,"),
            "Node node-1: status.allocatable.cpu: \"four\" is not a quantity (try 500m, 2 or 512Mi)",
        ),
        (
            broken("{cpu: 500m, memory: 512Mi}", "{cpu: 500m, memory: 512Mb}"),
            "Deployment web: spec.template.spec.containers[0].resources.requests.memory: \"512Mb\" is not a quantity",
        ),
        (broken("plimsoll/every: 10s", "plimsoll/evry: 10s"), "did you mean \"plimsoll/every\"?"),
        (
            broken(" plimsoll/duration: 8m,", ""),
            "Job report: spec.template.metadata.annotations: plimsoll/duration is missing",
        ),
        (
            broken("apiVersion: v1\nkind: Node", "apiVersion: plimsoll/v1\nkind: Scenario"),
            "a second scenario (the first in line 2)",
        ),
    ] {
        let line = if want.starts_with("a second") { line + 1 } else { line };
        let path = folder.put("s.yaml", text.as_bytes());
        for command in ["run", "check"] {
            let (_, err) = expect(3, &[command, &path]);
            assert!(err.contains(&format!("s.yaml:{line}:")) && err.contains(want), "{want}, line {line}: {err}");
        }
    }
    let named = example.replacen("---\n", "manifests: [pods.yaml]\n---\n", 1);
    let (_, err) = expect(3, &["run", &folder.put("s.yaml", named.as_bytes())]);
    assert!(err.contains(&format!("{other}:4:13: Pod p: spec.nodeName: it is bound to \"node-1\"")), "{err}");
}

#[test]
fn amounts_that_no_sum_can_hold_are_refused_and_do_not_panic() {
    let folder = Folder::new("manifests-sums");
    let head = "apiVersion: plimsoll/v1\nkind: Scenario\nname: m\nhorizon: 10m\norchestrators: [fleet]\n";
    let node = |i: usize, memory: &str| {
        format!(
            "---\nkind: Node\nmetadata: {{name: n{i}}}\nstatus: {{allocatable: {{cpu: 4, memory: {memory}, pods: 9, example.com/x: 2}}}}\n"
        )
    };
    let pods = |resource: &str, amount: &str| {
        format!(
            "---\nkind: ReplicaSet\nmetadata: {{name: r}}\nspec: {{replicas: 300, template: {{spec: {{containers: [{{resources: \
             {{requests: {{cpu: 1m, {resource}: {amount}}}}}}}]}}}}}}\n"
        )
    };
    let many = (0..200).map(|i| node(i, "8Pi")).collect::<String>();
    for (objects, sentence) in [
        (many + &pods("memory", "1Mi"), "the hosts' memory adds up to more than 2^60 bytes, an exbibyte"),
        (node(0, "9223372036854775807") + &pods("memory", "1Mi"), "too large for a host"),
        (node(0, "8Gi") + &pods("example.com/x", "9223372036854775807"), "extended resources add up to more than 2^60"),
        (node(0, "8Gi") + &pods("ephemeral-storage", "8Pi"), "ephemeral storage adds up to more than 2^60 bytes"),
    ] {
        let path = folder.put("s.yaml", format!("{head}{objects}").as_bytes());
        let (_, err) = expect(3, &["run", &path]);
        assert!(err.starts_with(&format!("error: {path}:")) && err.contains(sentence), "{err}");
    }
}

/// Who was preempted in a run of two caches, two indexes (which run longer, and so matter more) and two shops of higher
/// priority on one node of 4 cores; with `budget` for the caches.
fn preempted(folder: &Folder, budget: &str) -> String {
    let deployment = |name: &str, arrival: &str, priority: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 2\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
             metadata: {{labels: {{app: {name}}}, annotations: {{plimsoll/arrival: {arrival}}}}}\n    \
             spec: {{{priority}containers: [{{name: c, resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}\n"
        )
    };
    let text = [
        "apiVersion: plimsoll/v1\nkind: Scenario\nhorizon: 5m\ncluster: {hosts: [{name: n, cpu: 4, memory: 16Gi}]}\n\
         workload: {usage: request}\norchestrators: [kubernetes]\n\
         ---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 9\n",
        &deployment("index", "0s", ""),
        &deployment("cache", "10s", ""),
        &deployment("shop", "60s", "priorityClassName: high, "),
        budget,
    ]
    .concat();
    let path = folder.put("s.yaml", text.as_bytes());
    expect(0, &["run", &path, "--check", "-o", &folder.of("out"), "--force"]);
    let changes = std::fs::read_to_string(folder.of("out/changes.csv")).unwrap();
    let mut names: Vec<&str> = changes
        .lines()
        .filter(|line| line.contains("evicted-preemption"))
        .map(|line| line.split(',').nth(3).unwrap())
        .collect();
    names.sort_unstable();
    names.join(" ")
}

#[test]
fn a_budget_is_worked_out_as_pods_come_and_go() {
    let folder = Folder::new("budget");
    // The latest to start go first.
    assert_eq!(preempted(&folder, ""), "cache-0 cache-1");
    // Of two caches one may be missing: cache-0 goes for the first shop. While it ends it counts on the node, and the
    // budget lets no other go, so that the second shop takes both indexes.
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n\
                  spec: {maxUnavailable: 1, selector: {matchLabels: {app: cache}}}\n";
    assert_eq!(preempted(&folder, budget), "cache-0 index-0 index-1");
}
