//! Bad manifests through the program: the whole sentence, exit 3, no panic, no hang.

use crate::program::{Folder, expect};

const NODE: &str = "kind: Node\nmetadata: {name: a}\nstatus: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}\n";

fn pod(spec: &str) -> String {
    format!("kind: Pod\nmetadata:\n  name: web-1\nspec:\n  {spec}\n")
}

#[test]
fn a_bad_manifest_is_refused_with_file_line_object_field_and_what_would_do() {
    let folder = Folder::new("kube-broken");
    let json = "{\"kind\": \"List\", \"items\": [\n  {\"kind\": \"PodList\", \"items\": [\n    {\"metadata\": {\"name\": \"web-1\"},\n     \
                \"spec\": {\"containers\": [{\"resources\": {\"requests\": {\"cpu\": \"12x\"}}}]}}\n  ]}\n]}\n";
    let cron = "kind: CronJob\nmetadata: {name: c}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          \
                containers: [{resources: {limits: {cpu: 1/2}}}]\n";
    for (name, text, sentence) in [
        (
            "dump.json",
            json.to_string(),
            ":4:65: Pod web-1: spec.containers[0].resources.requests.cpu: \"12x\" is not a quantity (try 500m, 2 or 512Mi)",
        ),
        (
            "quantity.yaml",
            format!("{NODE}---\n{}", pod("containers: [{resources: {requests: {memory: 1GB}}}]")),
            ":9:48: Pod web-1: spec.containers[0].resources.requests.memory: \"1GB\" is not a quantity (try 500m, 2 or 512Mi)",
        ),
        (
            "template.yaml",
            cron.to_string(),
            ":8:51: CronJob c: spec.jobTemplate.spec.template.spec.containers[0].resources.limits.cpu: \"1/2\" is not a \
             quantity (try 500m, 2 or 512Mi)",
        ),
        (
            "operator.yaml",
            pod("tolerations: [{key: k, operator: Exist}]"),
            ":5:36: Pod web-1: spec.tolerations[0].operator: unknown operator \"Exist\"; did you mean \"Exists\"?",
        ),
        (
            "name.yaml",
            format!("{NODE}---\nkind: Pod\nmetadata:\n  labels: {{a: b}}\nspec: {{}}\n"),
            ":7:3: Pod: metadata.name: missing; every object needs a name",
        ),
        (
            "twice.yaml",
            format!("{NODE}---\n{NODE}"),
            ":6:18: Node a: metadata.name: a node of this name has been read before",
        ),
        (
            "selector.yaml",
            pod("topologySpreadConstraints:\n  - maxSkew: 1\n    topologyKey: zone\n    whenUnsatisfiable: DoNotSchedule\n    \
                 labelSelector:\n      matchExpressions:\n      - {key: app, operator: In}"),
            ":11:9: Pod web-1: spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0]: values must not be \
             empty with the operators In and NotIn",
        ),
        (
            "norway.yaml",
            "kind: Node\nmetadata:\n  name: a\n  labels:\n    country: no\n".to_string(),
            ":5:14: Node a: metadata.labels.country: expected a text, found a boolean; YAML reads no without quotes as a \
             boolean: write \"no\"",
        ),
        (
            "number.yaml",
            "kind: Node\nmetadata:\n  name: a\n  labels: {example.com/rack.id: 7}\n".to_string(),
            ":4:33: Node a: metadata.labels.example.com/rack.id: expected a text, found a number; write \"7\"",
        ),
        (
            "class.yaml",
            pod("priorityClassName: hihg"),
            ":5:22: Pod web-1: spec.priorityClassName: there is no PriorityClass \"hihg\"",
        ),
        (
            "case.yaml",
            "kind: pod\nmetadata: {name: a}\n".into(),
            ":1:7: kind: unknown kind \"pod\"; did you mean \"Pod\"?",
        ),
        (
            "group.yaml",
            "apiVersion: v1\nkind: Deployment\nmetadata: {name: a}\n".into(),
            ":1:13: apiVersion: \"v1\" has no kind Deployment; write apps/v1",
        ),
        (
            "newline.yaml",
            "kind: Node\nmetadata: {name: \"a\\nb\"}\n".into(),
            ":2:18: Node a\\nb: metadata.name: \"a\\nb\" is not a name in Kubernetes (at most 253 of a-z, 0-9, - and ., \
             with a letter or digit first and last)",
        ),
        (
            "classes.yaml",
            "kind: PriorityClass\nmetadata: {name: c}\nvalue: 1\n---\nkind: PriorityClass\nmetadata: {name: c}\nvalue: 2\n".into(),
            ":6:18: PriorityClass c: metadata.name: a PriorityClass of this name has been read before",
        ),
        (
            "never.yaml",
            "kind: PriorityClass\nmetadata: {name: c}\npreemptionPolicy: Nevr\n".into(),
            ":3:19: PriorityClass c: preemptionPolicy: unknown policy \"Nevr\"; did you mean \"Never\"?",
        ),
        (
            "weight.yaml",
            pod("affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 101}]}}"),
            ":5:87: Pod web-1: spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: 101 is \
             not within 1…100",
        ),
        (
            "terms.yaml",
            pod("affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}"),
            ":5:97: Pod web-1: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: \
             empty; at least one term is required",
        ),
        (
            "exists.yaml",
            pod("tolerations: [{key: k, operator: Exists, value: v}]"),
            ":5:51: Pod web-1: spec.tolerations[0].value: a toleration with the operator Exists takes no value",
        ),
        (
            "port.yaml",
            pod("containers: [{ports: [{hostPort: 70000}]}]"),
            ":5:36: Pod web-1: spec.containers[0].ports[0].hostPort: 70000 is not within 0…65535",
        ),
        (
            "domains.yaml",
            pod("topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway, minDomains: 2}]"),
            ":5:107: Pod web-1: spec.topologySpreadConstraints[0].minDomains: it goes with whenUnsatisfiable: \
             DoNotSchedule only",
        ),
        (
            "labels.yaml",
            "kind: Deployment\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata:\n      \
             labels: {app: wbe}\n    spec: {containers: [{}]}\n"
                .into(),
            ":7:15: Deployment d: spec.template.metadata.labels: spec.selector does not select them",
        ),
        (
            "completions.yaml",
            "kind: Job\nmetadata: {name: j}\nspec:\n  completions: -1\n".into(),
            ":4:16: Job j: spec.completions: -1 is below 0",
        ),
        ("broken.json", "{\"kind\": \"Pod\",\n  \"metadata\" {}}\n".into(), ":2:14: is not JSON: expected `:`"),
        ("broken.yaml", "kind: Pod\nkind: Pod\n".into(), ":2:1: the key \"kind\" is there twice"),
        ("kindless.yaml", "metadata: {name: a}\n".into(), ":1:1: kind: a document without a kind is not a Kubernetes object"),
        (
            "configuration.yaml",
            "kind: KubeSchedulerConfiguration\nprofiles:\n- plugins: {score: {enabled: [{name: NodeName}]}}\n".into(),
            ":3:38: KubeSchedulerConfiguration: profiles[0].plugins.score.enabled[0].name: plugin NodeName does not act \
             at this point",
        ),
        (
            "replicas.yaml",
            "kind: ReplicaSet\nmetadata: {name: r}\nspec:\n  replicas: -1\n".into(),
            ":4:13: ReplicaSet r: spec.replicas: -1 is below 0",
        ),
        (
            "many.yaml",
            "kind: ReplicaSet\nmetadata: {name: r}\nspec: {replicas: 2000000000, template: {spec: {containers: [{}]}}}\n"
                .into(),
            "with those of ReplicaSet r, 2000000000 pods is over the budget of 1000000; raise it with --max-jobs",
        ),
    ] {
        let path = folder.put(name, text.as_bytes());
        let (out, err) = expect(3, &["schedule", "-f", &path]);
        let place = if sentence.starts_with(':') { path.as_str() } else { "" };
        assert_eq!((out.as_str(), err.as_str()), ("", format!("error: {place}{sentence}\n").as_str()), "{name}");
        let (_, err) = expect(if name == "many.yaml" { 0 } else { 3 }, &["check", &path, "--against-dump"]);
        assert!(name == "many.yaml" || err.contains(sentence), "{name}: {err}");
    }
}

#[test]
fn a_bad_configuration_is_refused_with_file_and_line() {
    let folder = Folder::new("kube-broken-config");
    let manifests = folder.put("m.yaml", NODE.as_bytes());
    for (text, sentence) in [
        (
            "kind: KubeSchedulerConfiguration\nprofiles:\n- percentageOfNodesToScore: 101\n",
            ":3:29: profiles[0].percentageOfNodesToScore: 101 is not within 0…100",
        ),
        (
            "kind: KubeSchedulerConfiguration\nprofils: []\n",
            ":2:10: profils: unknown field \"profils\"; did you mean \"profiles\"?",
        ),
        (
            "kind: KubeSchedulerConfiguration\nprofiles:\n- plugins: {score: {enable: []}}\n",
            ":3:29: profiles[0].plugins.score.enable: unknown field \"enable\"; did you mean \"enabled\"?",
        ),
        ("kind: Pod\n", ":1:7: kind: \"Pod\" is not KubeSchedulerConfiguration"),
    ] {
        let config = folder.put("c.yaml", text.as_bytes());
        let (_, err) = expect(3, &["schedule", "-f", &manifests, "--config", &config]);
        assert_eq!(err, format!("error: {config}{sentence}\n"));
    }
}

#[test]
fn a_pod_of_a_hundred_containers_is_placed() {
    let folder = Folder::new("kube-hundred");
    let containers = "{name: c, resources: {requests: {cpu: 40m}}}, ".repeat(100);
    let text = format!("{NODE}---\n{}", pod(&format!("containers: [{}]", containers.trim_end_matches(", "))));
    let (out, _) = expect(0, &["schedule", "-f", &folder.put("p.yaml", text.as_bytes())]);
    assert!(out.contains("default     web-1   a "), "{out}");
}

/// At most this much memory, in KiB, so that a bomb that goes off ends the program and not the machine.
const MEMORY_KIB: &str = "1500000";

#[test]
fn ten_megabytes_of_nested_aliases_end_soon_and_take_little_memory() {
    let folder = Folder::new("kube-bomb");
    let mut bomb = String::from("kind: List\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..40 {
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
    }
    let mut wide = bomb.clone();
    while wide.len() < 10 << 20 {
        wide.push_str(&format!("b{}: [{}]\n", wide.len(), vec!["*a39"; 1000].join(", ")));
    }
    let deep = format!("{{\"kind\": {}", "[".repeat(10 << 20));
    for (name, text) in [("bomb.yaml", &bomb), ("wide.yaml", &wide), ("deep.json", &deep)] {
        let path = folder.put(name, text.as_bytes());
        let program = env!("CARGO_BIN_EXE_plimsoll");
        let script = format!("ulimit -v {MEMORY_KIB}; exec timeout 60 '{program}' schedule -f '{path}'");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{name}: {err}");
        assert!(err.starts_with(&format!("error: {path}:")) && err.lines().count() == 1, "{name}: {err}");
        if name != "deep.json" {
            assert!(err.contains("aliases unfold to more than a million YAML nodes"), "{name}: {err}");
        }
    }
}

#[test]
fn a_file_without_anything_to_place_is_refused_and_says_what_is_in_it() {
    let folder = Folder::new("kube-nothing");
    let scenario = "apiVersion: plimsoll/v1\nkind: Scenario\nname: s\n";
    for (text, more) in [
        ("", ""),
        ("---\n# nothing\n---\n", ""),
        ("kind: List\nitems: []\n", ""),
        ("kind: ConfigMap\nmetadata: {name: c}\n", ", but ConfigMap (1)"),
        (scenario, ", but Scenario (1); a scenario is for plimsoll run FILE"),
    ] {
        let path = folder.put("x.yaml", text.as_bytes());
        let want = format!("error: {path}: no Node, no Pod and nothing that makes pods is in it{more}\n");
        for args in [&["schedule", "-f", &path][..], &["check", &path, "--against-dump"]] {
            assert_eq!(expect(3, args), (String::new(), want.clone()), "{text}");
        }
    }
}

#[test]
fn a_service_of_knative_is_no_service_and_a_job_of_volcano_no_job() {
    let folder = Folder::new("kube-foreign");
    let text = format!(
        "{NODE}---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {{name: s}}\n---\napiVersion: \
         batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {{name: j}}\nspec: {{tasks: []}}\n"
    );
    let (out, _) = expect(0, &["schedule", "-f", &folder.put("x.yaml", text.as_bytes())]);
    assert!(out.contains("Job of batch.volcano.sh/v1alpha1 (1)"), "{out}");
    assert!(out.contains("Service of serving.knative.dev/v1 (1)"), "{out}");
    assert!(out.contains("0 scheduled\n0 unschedulable\n"), "{out}");
}

#[test]
fn what_a_folder_holds_beside_manifests_is_not_passed_over_in_silence() {
    let folder = Folder::new("kube-folder");
    folder.put("a.yaml", NODE.as_bytes());
    folder.put("README.md", b"Not a manifest.\n");
    std::fs::create_dir_all(folder.of("more")).unwrap();
    let path = folder.path().to_str().unwrap();
    let (_, err) = expect(0, &["schedule", "-f", path]);
    let what =
        "2 of the entries were not read: folders in it, and files that are not .yaml, .yml or .json (plain or .gz)";
    assert_eq!(err, format!("warning: {path}: {what}\n"));
}

#[test]
fn standard_input_is_not_taken_twice() {
    for args in [&["schedule", "-f", "-", "-f", "-"][..], &["schedule", "-f", "-", "--config", "-"]] {
        let (_, err) = expect(2, args);
        assert!(err.contains("`-` is given twice, and standard input can be read once"), "{err}");
    }
}

#[test]
fn a_file_saved_by_powershell_says_so() {
    let folder = Folder::new("kube-utf16");
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(NODE.encode_utf16().flat_map(u16::to_le_bytes));
    let path = folder.put("x.yaml", &bytes);
    let (_, err) = expect(3, &["schedule", "-f", &path]);
    assert_eq!(err, format!("error: {path}: is UTF-16, as Windows PowerShell writes files; save it as UTF-8\n"));
}

#[test]
fn the_budget_of_pods_holds_for_those_that_are_written_out() {
    let folder = Folder::new("kube-budget");
    let path = folder.put("x.yaml", format!("{NODE}---\n{}", pod("containers: [{}]")).as_bytes());
    let (_, err) = expect(3, &["schedule", "-f", &path, "--max-jobs", "0"]);
    assert_eq!(err, "error: 1 pods is over the budget of 0; raise it with --max-jobs\n");
}

#[test]
fn more_explanations_than_memory_holds_are_refused_before_anything_is_decided() {
    let folder = Folder::new("kube-outcomes");
    let node = |i: usize| format!("{}---\n", NODE.replace("name: a", &format!("name: n{i}")));
    let set = "kind: ReplicaSet\nmetadata: {name: r}\nspec: {replicas: 100000, template: {spec: {containers: [{}]}}}\n";
    let text = (0..20).map(node).collect::<String>() + set;
    let path = folder.put("x.yaml", text.as_bytes());
    let (_, err) = expect(3, &["schedule", "-f", &path, "--explain"]);
    let what = "2000000 outcomes of pods on nodes is over the budget of 1500000";
    assert_eq!(err, format!("error: {what}; raise it with --max-outcomes, or ask about fewer pods\n"));
}
