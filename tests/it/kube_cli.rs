//! `schedule` and `check --against-dump` through the program: recorded cases, manifests, tables and explanations.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::conformance::kube::compare_steps;
use crate::conformance::{Tally, folder, read_json, vectors};
use crate::goldens::golden;
use crate::program::{Folder, expect, plimsoll};

const EXAMPLE: &str = "scenarios/manifests/small-cluster.yaml";

/// Runs `work` on all vectors, two at a time, and fails with what differs.
fn all_vectors(what: &str, work: impl Fn(&str, &Path) -> Option<Tally> + Sync) {
    all_vectors_of("kube", what, work);
}

/// As [`all_vectors`], for another family.
fn all_vectors_of(family: &str, what: &str, work: impl Fn(&str, &Path) -> Option<Tally> + Sync) {
    let Some(files) = vectors(family, &folder(family)) else { return };
    let halves: [Vec<&(String, PathBuf)>; 2] = std::array::from_fn(|i| files.iter().skip(i).step_by(2).collect());
    let (mut cases, mut checks, mut differences) = (0, 0, Vec::new());
    std::thread::scope(|scope| {
        let run = |half: &[&(String, PathBuf)]| -> Vec<Tally> {
            half.iter().filter_map(|(name, path)| work(name, path)).collect()
        };
        let [first, second] = &halves;
        let other = scope.spawn(move || run(second));
        let mut tallies = run(first);
        tallies.extend(other.join().expect("no difference panics"));
        for tally in tallies {
            cases += 1;
            checks += tally.checks;
            differences.extend(tally.differences);
        }
    });
    println!("{what}: {cases} cases, {checks} checks, {} differences", differences.len());
    assert!(cases > 0, "no case was found");
    assert!(differences.is_empty(), "{what}:\n{}", differences[..differences.len().min(50)].join("\n"));
}

/// Compares what the program printed with what was recorded.
fn compare(name: &str, printed: &str, expect: &Value) -> Tally {
    let ours: Value = serde_json::from_str(printed).unwrap_or_else(|e| panic!("{name}: {e}\n{printed}"));
    let mut tally = Tally::default();
    compare_steps(&mut tally, name, expect, &ours);
    tally.compare(&format!("{name} final"), &expect["final"], &ours["final"]);
    tally
}

#[test]
fn every_recorded_case_comes_out_of_the_program_as_recorded() {
    all_vectors("schedule --case", |name, path| {
        let (out, err) = expect(0, &["schedule", "--case", path.to_str().unwrap()]);
        assert_eq!(err, "", "{name}");
        let tally = compare(name, &out, &read_json(path)["expect"]);
        let keys: Vec<String> = serde_json::from_str::<serde_json::Map<String, Value>>(&out)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, ["final", "steps"], "{name}");
        Some(tally)
    });
}

#[test]
fn every_case_of_2016_comes_out_of_the_program_as_recorded() {
    all_vectors_of("kube-2016", "schedule --case (2016)", |name, path| {
        let (out, err) = expect(0, &["schedule", "--case", path.to_str().unwrap()]);
        assert_eq!(err, "", "{name}");
        Some(compare(name, &out, &read_json(path)["expect"]))
    });
}

#[test]
fn a_case_of_2016_is_decided_by_the_version_that_is_asked_for_and_shown_as_a_table() {
    let file = "tests/vectors/kube-2016/v130-spread-zones-3.json.gz";
    let (recorded, _) = expect(0, &["schedule", "--case", file]);
    let (same, _) = expect(0, &["schedule", "--case", file, "--kube-version", "v1.3.0"]);
    let (other, _) = expect(0, &["schedule", "--case", file, "--kube-version", "1.2.4"]);
    assert_eq!(recorded, same);
    assert!(recorded.contains("-9223372036854775808") && !other.contains("-9223372036854775808"));
    let (table, _) = expect(0, &["schedule", "--case", "tests/vectors/kube-2016/tight-3.json.gz", "-o", "table"]);
    assert!(table.contains("pod-000") && table.contains("fit failure on node"), "{table}");
    assert!(table.contains("the one whose turn it is, from the last name on, is taken"), "{table}");
    for (flags, words) in [
        (vec!["--tie-break", "heap"], "--tie-break is not for a case of 2016"),
        (vec!["--explain"], "--explain is not for a case of 2016"),
    ] {
        let (_, err) = expect(2, &[&["schedule", "--case", file][..], &flags].concat());
        assert!(err.contains(words), "{err}");
    }
    let (_, err) = expect(3, &["schedule", "--case", file, "--kube-version", "1.36.3"]);
    assert!(err.contains("v1.2.4"), "{err}");
    let (_, err) =
        expect(2, &["schedule", "--case", "tests/vectors/kube/balanced-1.json.gz", "--kube-version", "1.2.4"]);
    assert!(err.contains("kube-2016-case/1"), "{err}");
}

/// The objects of a case as a List.
fn list_of(case: &Value) -> Value {
    let lists = [
        ("namespaces", "Namespace"),
        ("services", "Service"),
        ("replicationControllers", "ReplicationController"),
        ("replicaSets", "ReplicaSet"),
        ("statefulSets", "StatefulSet"),
        ("podDisruptionBudgets", "PodDisruptionBudget"),
        ("nodes", "Node"),
        ("boundPods", "Pod"),
        ("pods", "Pod"),
    ];
    let mut items = Vec::new();
    for (field, kind) in lists {
        for item in case[field].as_array().into_iter().flatten() {
            let mut item = item.clone();
            item["kind"] = json!(kind);
            items.push(item);
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

#[test]
fn the_same_objects_as_manifests_are_placed_as_recorded() {
    let folder = Folder::new("kube-manifests");
    all_vectors("schedule -f", |name, path| {
        let vector = read_json(path);
        let case = &vector["case"];
        // Operations have no manifest.
        if case.get("ops").is_some() {
            return None;
        }
        let list = folder.put(&format!("{name}.json"), list_of(case).to_string().as_bytes());
        let config = folder.put(&format!("{name}-config.json"), case["config"].to_string().as_bytes());
        let option =
            |name: &str| case["options"][name].as_str().unwrap_or_else(|| panic!("no option {name}")).to_owned();
        let (preemption, retry) = (option("preemption"), option("retry"));
        let args = ["schedule", "-f", &list, "--config", &config, "--order", "listed", "-o", "json"];
        let more = ["--preemption", &preemption, "--retry", &retry];
        let (out, err) = expect(0, &[&args[..], &more].concat());
        assert_eq!(err, "", "{name}");
        std::fs::remove_file(list).unwrap();
        Some(compare(name, &out, &vector["expect"]))
    });
}

#[test]
fn the_example_reads_as_it_did() {
    golden("kube-small-cluster.txt", &expect(0, &["schedule", "-f", EXAMPLE]).0);
    golden("kube-small-cluster-explained.txt", &expect(0, &["schedule", "-f", EXAMPLE, "--explain"]).0);
}

#[test]
fn the_page_shows_what_the_program_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kubernetes.md");
    let old = std::fs::read_to_string(&path).unwrap();
    let (table, _) = expect(0, &["schedule", "-f", EXAMPLE]);
    let (explained, _) = expect(0, &["schedule", "-f", EXAMPLE, "--explain"]);
    let one = |pod: &str| explained.split("\n\n").find(|part| part.starts_with(pod)).unwrap().trim_end().to_owned();
    let mut new = old.clone();
    for (name, text) in [
        ("small-cluster", table.trim_end().to_owned()),
        ("small-cluster-explained", format!("{}\n\n{}", one("default/web-0 "), one("default/report "))),
    ] {
        let (before, rest) = new.split_once(&format!("<!-- {name} -->\n")).unwrap();
        let (_, after) = rest.split_once(&format!("<!-- /{name} -->")).unwrap();
        new = format!("{before}<!-- {name} -->\n```\n{text}\n```\n<!-- /{name} -->{after}");
    }
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(&path, new).unwrap();
    } else {
        assert!(
            old == new,
            "docs/kubernetes.md differs from the program; UPDATE_GOLDEN=1 cargo test kube_cli rewrites it"
        );
    }
}

/// A node with 4 CPUs and 8 GiB.
fn node(name: &str) -> String {
    format!(
        "kind: Node\nmetadata: {{name: {name}}}\nstatus: {{allocatable: {{cpu: 4, memory: 8Gi, pods: 110}}}}\n---\n"
    )
}

/// A pod; `more` goes on in its metadata, `spec` in its spec.
fn pod(name: &str, cpu: &str, more: &str, spec: &str) -> String {
    format!(
        "kind: Pod\nmetadata: {{name: {name}{more}}}\nspec:\n  containers: [{{name: c, resources: {{requests: {{cpu: {cpu}, \
         memory: 1Gi}}}}}}]\n{spec}---\n"
    )
}

#[test]
fn preemption_is_reported_or_applied_and_the_preemptor_tried_again() {
    let text = [
        node("a"),
        pod("low", "3", "", "  nodeName: a\n  priority: 1\n"),
        pod("high", "2", "", "  priority: 10\n"),
        pod("small", "1", "", "  priority: 5\n"),
    ]
    .concat();
    let folder = Folder::new("kube-preempt");
    let file = folder.put("p.yaml", text.as_bytes());
    let rows = |args: &[&str]| -> Vec<String> {
        let (out, _) = expect(0, &[&["schedule", "-f", &file], args].concat());
        out.lines().skip(1).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let no_room = "0/1 nodes are available: 1 Insufficient cpu.";
    let words =
        |row: &str| row.split("   ").map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let reported = rows(&[]);
    assert_eq!(
        words(&reported[0]),
        ["default", "high", "<none>", "-", &format!("{no_room}; would preempt default/low on a")]
    );
    assert_eq!(words(&reported[1])[..3], ["default", "small", "a"]);
    // high is tried again when small has had its turn; 4 CPUs hold both.
    let applied = rows(&["--preemption", "apply"]);
    assert_eq!(
        words(&applied[0]),
        ["default", "high", "a", "-", "the only node that fits; preempted default/low on a"]
    );
    assert_eq!(words(&applied[1])[..3], ["default", "small", "a"]);
    let steps = |args: &[&str]| -> Vec<String> {
        let (out, _) = expect(0, &[&["schedule", "-f", &file, "-o", "json", "--preemption", "apply"], args].concat());
        let value: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["final"]["evicted"], json!(["default/low"]));
        value["steps"].as_array().unwrap().iter().map(|step| step["pod"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(steps(&[]), ["default/high", "default/small", "default/high"]);
    assert_eq!(steps(&["--retry", "immediate"]), ["default/high", "default/high", "default/small"]);
    assert_eq!(
        steps(&["--retry", "immediate", "--order", "listed"]),
        ["default/high", "default/high", "default/small"]
    );
}

#[test]
fn the_queue_goes_by_priority_then_by_age_then_as_listed() {
    let text = [
        node("a"),
        pod("young", "1", ", creationTimestamp: 2026-01-02T00:00:00Z", ""),
        pod("plain", "1", "", ""),
        pod("old", "1", ", creationTimestamp: 2026-01-01T00:00:00Z", ""),
        pod("first", "1", "", "  priorityClassName: system-node-critical\n"),
    ]
    .concat();
    let folder = Folder::new("kube-queue");
    let file = folder.put("p.yaml", text.as_bytes());
    let order = |args: &[&str]| -> Vec<String> {
        let (out, _) = expect(0, &[&["schedule", "-f", &file], args].concat());
        out.lines().skip(1).take(4).map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(order(&[]), ["first", "old", "young", "plain"]);
    assert_eq!(order(&["--order", "listed"]), ["young", "plain", "old", "first"]);
}

#[test]
fn ties_go_by_the_rule_that_was_asked_for() {
    let text: String = ["a", "b", "c", "d"].map(node).concat() + &pod("p", "1", "", "");
    let folder = Folder::new("kube-ties");
    let file = folder.put("p.yaml", text.as_bytes());
    let chosen = |args: &[&str]| -> String {
        let (out, _) = expect(0, &[&["schedule", "-f", &file, "-o", "json"], args].concat());
        let value: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["final"]["bound"]["default/p"], value["steps"][0]["chosen"]);
        value["steps"][0]["chosen"].as_str().unwrap().to_owned()
    };
    assert_eq!((chosen(&[]), chosen(&["--tie-break", "heap"])), ("a".into(), "a".into()));
    let drawn: std::collections::BTreeSet<String> =
        (1..=12).map(|seed| chosen(&["--tie-break", "random", "--seed", &seed.to_string()])).collect();
    assert!(drawn.len() > 1, "{drawn:?}");
    let again = |seed| chosen(&["--tie-break", "random", "--seed", seed]);
    assert_eq!(again("3"), again("3"));
}

/// What a dump of `kubectl get nodes,pods,deployments,replicasets,jobs -A -o json` holds of one Deployment and one Job.
fn dump() -> Value {
    let owner = |kind: &str, name: &str| json!([{"kind": kind, "name": name, "controller": true, "apiVersion": "v1"}]);
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}});
    let pod = |name: &str, owner: Value, spec: Value, phase: &str| {
        let mut spec = spec;
        spec["containers"] = json!([{"name": "c", "resources": {"requests": {"cpu": "1"}}}]);
        let metadata = json!({"name": name, "ownerReferences": owner, "labels": {"app": "web"}});
        json!({"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": phase}})
    };
    json!({"kind": "List", "items": [
        {"kind": "NodeList", "items": [{"metadata": {"name": "a"},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}]},
        {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2, "template": template,
            "selector": {"matchLabels": {"app": "web"}}}},
        {"kind": "ReplicaSet", "metadata": {"name": "web-5d4f", "ownerReferences": owner("Deployment", "web")},
            "spec": {"replicas": 2, "template": template, "selector": {"matchLabels": {"app": "web"}}}},
        {"kind": "Job", "metadata": {"name": "done"}, "spec": {"template": template}},
        {"kind": "Job", "metadata": {"name": "over"}, "spec": {"template": template},
            "status": {"conditions": [{"type": "Complete", "status": "True"}]}},
        {"kind": "Job", "metadata": {"name": "later"}, "spec": {"suspend": true, "template": template}},
        pod("web-5d4f-x", owner("ReplicaSet", "web-5d4f"), json!({"nodeName": "a"}), "Running"),
        pod("web-5d4f-y", owner("ReplicaSet", "web-5d4f"), json!({}), "Pending"),
        pod("done-z", owner("Job", "done"), json!({"nodeName": "a"}), "Succeeded"),
        pod("alien", json!([]), json!({"schedulerName": "volcano"}), "Pending"),
        pod("gated", json!([]), json!({"schedulingGates": [{"name": "example.com/wait"}]}), "Pending"),
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
    ]})
}

#[test]
fn a_dump_is_taken_as_it_is_and_nothing_is_made_twice() {
    let folder = Folder::new("kube-dump");
    let file = folder.put("dump.json", dump().to_string().as_bytes());
    let (out, _) = expect(0, &["schedule", "-f", &file]);
    let want = "\
NAMESPACE   NAME         NODE     SCORE   REASON
default     web-5d4f-y   a        -       the only node that fits
default     gated        <none>   -       held back by its scheduling gates (SchedulingGates)

1 scheduled
0 unschedulable
1 held back by scheduling gates
1 bound before, and left where they are
1 finished, and left out
1 left to the scheduler volcano
";
    assert!(out.starts_with(want), "{out}");
    assert!(out.contains("kind ignored  ConfigMap (1)\n"), "{out}");
    assert!(out.contains("3 controllers with pods or owned objects here already"), "{out}");
    assert!(out.contains("2 controllers suspended or finished"), "{out}");
    // Without the ReplicaSet between them, and without the pods.
    let mut items = dump()["items"].as_array().unwrap().clone();
    let made = |items: &[Value]| -> usize {
        let file = folder.put("part.json", json!({"kind": "List", "items": items}).to_string().as_bytes());
        let (out, _) = expect(0, &["schedule", "-f", &file]);
        out.lines().filter(|line| line.starts_with("default ") && line.contains(" web-")).count()
    };
    items.retain(|item| item["kind"] != "ReplicaSet");
    assert_eq!(made(&items), 1);
    items.retain(|item| item["kind"] != "Pod");
    assert_eq!(made(&items), 2);
}

#[test]
fn a_daemon_set_makes_a_pod_for_each_node_that_would_run_it() {
    let text = [
        node("a"),
        node("b").replace("status:", "spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]}\nstatus:"),
        node("c").replace("status:", "spec: {taints: [{key: gpu, effect: NoExecute}]}\nstatus:"),
        "kind: DaemonSet\nmetadata: {name: logs}\nspec: {template: {spec: {containers: [{name: c}]}}}\n".into(),
    ]
    .concat();
    let folder = Folder::new("kube-daemon");
    let file = folder.put("p.yaml", text.as_bytes());
    let (out, _) = expect(0, &["schedule", "-f", &file, "-o", "json"]);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["final"], json!({"bound": {"default/logs-0": "a", "default/logs-1": "b"}}));
    assert_eq!(value["steps"][1]["preFilterNodes"], json!(["b"]));
}

#[test]
fn manifests_come_from_files_folders_gzip_and_standard_input() {
    use std::io::Write;
    let folder = Folder::new("kube-files");
    let nodes = folder.put("a.yaml", node("a").as_bytes());
    let pods = folder.of("b.yaml.gz");
    let mut gz = flate2::write::GzEncoder::new(std::fs::File::create(&pods).unwrap(), flate2::Compression::fast());
    gz.write_all(pod("p", "1", "", "").as_bytes()).unwrap();
    gz.finish().unwrap();
    let (two, _) = expect(0, &["schedule", "-f", &nodes, "-f", &pods]);
    assert!(two.contains("default     p      a "), "{two}");
    assert_eq!(two, expect(0, &["schedule", "-f", folder.path().to_str().unwrap()]).0);
    let mut child = plimsoll()
        .args(["schedule", "-f", "-", "-f", &pods])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(node("a").as_bytes()).unwrap();
    assert_eq!(two, String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
}

#[test]
fn what_is_ignored_is_said_and_refused_where_it_could_decide() {
    let folder = Folder::new("kube-honest");
    let quiet = pod("p", "1", ", annotations: {a: b}", "  dnsPolicy: Default\n  volumes: [{name: v, emptyDir: {}}]\n");
    let fine = folder.put("fine.yaml", [node("a"), quiet].concat().as_bytes());
    let (out, _) = expect(0, &["schedule", "-f", &fine, "--strict"]);
    assert!(!out.contains("ignored"), "{out}");
    let spec = "  wings: 2\n  volumes: [{name: v, persistentVolumeClaim: {claimName: x}}]\n";
    let limits = "kind: LimitRange\nmetadata: {name: l}\n---\n";
    let deciding = folder.put("deciding.yaml", [node("a"), pod("p", "1", "", spec), limits.into()].concat().as_bytes());
    let config = folder.put("config.yaml", b"extenders: [{urlPrefix: http://x}]\n");
    let args = ["schedule", "-f", &deciding, "--config", &config];
    let (out, _) = expect(0, &args);
    for line in [
        "  ignored       Pod.spec.volumes[].persistentVolumeClaim (1): VolumeBinding, VolumeZone,\n                VolumeRestrictions and NodeVolumeLimits are not modelled\n",
        "  ignored       Pod.spec.wings (1): not a field that is known\n",
        "  kind ignored  LimitRange (1): its defaults are not given to pods that are made here\n",
        "  configuration extenders are not modelled\n",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let (out, err) = expect(3, &[&args[..], &["--strict"]].concat());
    assert_eq!(
        (out.as_str(), err.as_str()),
        (
            "",
            "error: --strict: ignored, and could decide something: Pod.spec.volumes[].persistentVolumeClaim (VolumeBinding, \
             VolumeZone, VolumeRestrictions and NodeVolumeLimits are not modelled); Pod.spec.wings (not known); LimitRange \
             (its defaults are not given to pods that are made here); extenders are not modelled\n"
        )
    );
}

/// Two nodes of 4 CPUs; web and api sit together on a, where one of them would be better off on b.
fn crowded() -> String {
    [
        node("a"),
        node("b"),
        pod("web", "2", "", "  nodeName: a\n"),
        pod("api", "1", "", "  nodeName: a\n"),
        pod("db", "2", "", "  nodeName: b\n"),
        pod("daemon", "0", ", ownerReferences: [{kind: DaemonSet, name: d, controller: true}]", "  nodeName: a\n"),
        pod("static", "0", ", annotations: {kubernetes.io/config.mirror: x}", "  nodeName: a\n"),
        pod("alien", "0", "", "  nodeName: a\n  schedulerName: volcano\n"),
        pod("gone", "0", "", "  nodeName: c\n"),
        pod("wrong", "0", "", "  nodeName: a\n  nodeSelector: {disk: ssd}\n"),
    ]
    .concat()
    .replace("memory: 1Gi", "memory: 64Mi")
}

#[test]
fn a_dump_is_checked_pod_by_pod_against_our_decisions() {
    let folder = Folder::new("kube-against");
    let file = folder.put("dump.yaml", crowded().as_bytes());
    let (out, err) = expect(0, &["check", &file, "--against-dump", "-o", "json"]);
    assert_eq!(err, "");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["apart"], json!({"daemonSet": 1, "static": 1, "otherScheduler": 1, "nodeNotInDump": 1}));
    assert_eq!(value["checked"], 4);
    let difference = |pod: &str| {
        let all = value["differences"].as_array().unwrap();
        all.iter().find(|d| d["pod"] == format!("default/{pod}")).cloned()
    };
    // web fits on both: a would have 3 of 4 CPUs in use, b all 4. Without api both use 2, and a more memory, of which
    // 6 pods take 64 Mi each: (25 + 95) / 2 = 60 there, (25 + 98) / 2 = 61 on b. db has b for itself.
    assert_eq!(difference("web"), None);
    assert_eq!(difference("db"), None);
    let api = difference("api").unwrap();
    assert_eq!((&api["node"], &api["ours"]), (&json!("a"), &json!("b")));
    assert!(api["nodeScore"].as_i64() < api["oursScore"].as_i64(), "{api}");
    assert_eq!(api["plugins"], json!([{"plugin": "NodeResourcesFit", "nodeScore": 60, "oursScore": 61}]));
    let wrong = difference("wrong").unwrap();
    assert_eq!(wrong["ours"], Value::Null);
    assert_eq!(wrong["rejected"]["plugin"], "NodeAffinity");
    assert_eq!((&value["agrees"], &value["chosen"]), (&json!(2), &json!(2)));
    let (text, _) = expect(0, &["check", &file, "--against-dump"]);
    golden("kube-against-dump.txt", &text);
}

#[test]
fn two_thousand_bound_pods_are_checked_in_seconds() {
    let mut text = String::new();
    for i in 0..200 {
        text.push_str(&node(&format!("n{i:03}")));
        for j in 0..10 {
            let pod = pod(&format!("p{i:03}-{j}"), "100m", "", &format!("  nodeName: n{i:03}\n"));
            text.push_str(&pod.replace("memory: 1Gi", "memory: 64Mi"));
        }
    }
    let folder = Folder::new("kube-against-big");
    let file = folder.put("dump.yaml", text.as_bytes());
    let (out, _) = expect(0, &["check", &file, "--against-dump", "-o", "json"]);
    let value: Value = serde_json::from_str(&out).unwrap();
    // A node that lost one of ten equal pods is the emptiest of all.
    assert_eq!((&value["checked"], &value["agrees"], &value["chosen"]), (&json!(2000), &json!(2000), &json!(2000)));
}

#[test]
fn misuse_of_schedule_and_check_exits_2() {
    for args in [
        &["schedule"][..],
        &["schedule", "-f", EXAMPLE, "--case", EXAMPLE],
        &["schedule", "--case", EXAMPLE, "--order", "listed"],
        &["schedule", "-f", EXAMPLE, "-o", "yaml"],
        &["check", EXAMPLE, "--config", EXAMPLE],
    ] {
        expect(2, args);
    }
}
