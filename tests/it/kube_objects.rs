//! Manifests as people have them: what loads, and what a bad one says.

use plimsoll::error::Result;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::node::Node;
use plimsoll::kube::object::pod::Pod;

use crate::conformance::{folder, read_json, vectors};

fn read(text: &str) -> Result<Objects> {
    let mut objects = Objects::default();
    objects.read_text(text)?;
    Ok(objects)
}

const NODE: &str = "
apiVersion: v1
kind: Node
metadata: {name: a}
status: {allocatable: {cpu: 2, memory: 4Gi, pods: 110}}
";

fn pod(spec: &str) -> String {
    format!("kind: Pod\nmetadata: {{name: p, namespace: ns, labels: {{app: web}}}}\nspec: {spec}\n")
}

#[test]
fn documents_lists_and_lists_without_item_kinds_load_alike() {
    let objects = read(&format!("{NODE}---\n{}", pod("{containers: [{name: c}]}"))).unwrap();
    assert_eq!((objects.nodes.len(), objects.pods.len()), (1, 1));
    let list = r#"{"kind":"List","items":[
        {"kind":"NodeList","items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]},
        {"kind":"PodList","items":[{"metadata":{"name":"p"},"spec":{"containers":[]}}]},
        {"kind":"ConfigMap","metadata":{"name":"x"}}]}"#;
    let objects = read(list).unwrap();
    assert_eq!((objects.nodes.len(), objects.pods.len()), (2, 1));
    assert_eq!(objects.ignored_kinds.get("ConfigMap"), Some(&1));
    assert_eq!(objects.pods[0].key, "default/p");
}

#[test]
fn unknown_fields_are_counted_not_refused() {
    let objects = read(&pod("{containers: [{name: c, wings: 2}, {name: d, wings: 3}], hovers: true}")).unwrap();
    let met: Vec<(&str, u64)> = objects.ignored.0.iter().map(|(field, n)| (field.as_str(), *n)).collect();
    assert_eq!(met, [("Pod.spec.containers[].wings", 2), ("Pod.spec.hovers", 1)]);
}

#[test]
fn a_bad_manifest_names_its_object_its_field_and_what_is_wrong() {
    let affinity = "{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                    {nodeSelectorTerms: [{matchExpressions: [{key: k, operator: Inn, values: [a]}]}]}}}}";
    let spread = "{topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway, \
                  labelSelector: {matchExpressions: [{key: k, operator: In}]}}]}";
    for (text, want) in [
        (
            pod("{containers: [{resources: {requests: {cpu: two}}}]}"),
            "line 3:50: Pod ns/p: spec.containers[0].resources.requests.cpu: \"two\" is not a quantity (try 500m, 2 or 512Mi)",
        ),
        (
            pod("{containers: [{resources: {limits: {memory: -1Gi}}}]}"),
            "line 3:51: Pod ns/p: spec.containers[0].resources.limits.memory: \"-1Gi\" is negative; a quantity is 0 or more",
        ),
        (
            pod(affinity),
            "line 3:142: Pod ns/p: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]\
             .matchExpressions[0].operator: unknown operator \"Inn\"; did you mean \"In\"?",
        ),
        (
            pod(spread),
            "line 3:135: Pod ns/p: spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0]: values must not be empty \
             with the operators In and NotIn",
        ),
        (
            "kind: Pod\nmetadata: {}\nspec: {}\n".into(),
            "line 2:11: Pod: metadata.name: missing; every object needs a name",
        ),
        (format!("{NODE}---\n{NODE}"), "line 10:18: Node a: metadata.name: a node of this name has been read before"),
        ("kind: Pod\nmetadata: {name: p}\n".into(), "line 1:1: Pod p: spec: missing; it is required"),
        ("just a text".into(), "line 1:1: kind: a document without a kind is not a Kubernetes object"),
        (pod("{priority: high}"), "line 3:18: Pod ns/p: spec.priority: expected an integer, found a text"),
        (
            pod("{nodeSelector: {gen: 3}}"),
            "line 3:28: Pod ns/p: spec.nodeSelector.gen: expected a text, found a number; write \"3\"",
        ),
        ("kind: NodeList\nitems: {a: 1}\n".into(), "line 2:8: items: expected a list"),
    ] {
        let error = read(&text).expect_err(want);
        assert_eq!(error.to_string(), want);
        assert_eq!(error.exit_code(), 3);
    }
}

#[test]
fn a_broken_yaml_says_where() {
    let error = read("kind: Pod\nmetadata: {name: [\n").unwrap_err();
    assert!(error.to_string().starts_with("line "), "{error}");
}

#[test]
fn nested_aliases_and_deep_lists_end_soon_and_without_a_panic() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let before = format!("*a{}, ", i - 1).repeat(10);
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", before.trim_end_matches(", ")));
    }
    assert!(read(&bomb).is_err());
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&format!("{}{}", r#"{"kind":"List","items":["#.repeat(120), "]}".repeat(120))).is_err());
}

#[test]
fn a_pod_with_a_hundred_containers_adds_them_up_before_it_rounds() {
    let containers = "{name: c, resources: {requests: {cpu: 0.0105, memory: \"0.5\"}}}, ".repeat(100);
    let objects = read(&pod(&format!("{{containers: [{}]}}", containers.trim_end_matches(", ")))).unwrap();
    let request = &objects.pods[0].requests.resources;
    // Each is rounded up to 11m by the API server; a hundred halves of a byte are 50 bytes.
    assert_eq!((request.milli_cpu, request.memory), (1100, 50));
}

#[test]
fn limits_sidecars_overhead_and_pod_level_requests_come_to_what_the_api_server_makes_of_them() {
    let check = |spec: &str, want: (i64, i64), non_zero: (i64, i64)| {
        let objects = read(&pod(spec)).unwrap();
        let requests = &objects.pods[0].requests;
        assert_eq!((requests.resources.milli_cpu, requests.resources.memory), want, "{spec}");
        assert_eq!((requests.non_zero_milli_cpu, requests.non_zero_memory), non_zero, "{spec}");
    };
    const MI: i64 = 1 << 20;
    check("{containers: [{name: c}, {name: d}]}", (0, 0), (200, 400 * MI));
    check("{containers: [{name: c, resources: {limits: {cpu: 1}}}]}", (1000, 0), (1000, 200 * MI));
    check("{containers: [{name: c, resources: {requests: {cpu: 0}}}]}", (0, 0), (0, 200 * MI));
    check(
        "{initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}}, \
          {name: i, resources: {requests: {cpu: 3}}}], \
          containers: [{name: c, resources: {requests: {cpu: 2, memory: 1Mi}}}], overhead: {cpu: 250m}}",
        // max(2 + 1, 3 + 1) + 0.25; memory stands in for the sidecar too, 200 Mi + 1 Mi < 200 Mi + 200 Mi.
        (4250, MI),
        (4250, 400 * MI),
    );
    check(
        "{resources: {limits: {cpu: 4, memory: 8Mi}}, containers: [{name: c, resources: {requests: {cpu: 1}}}]}",
        (1000, 8 * MI),
        (1000, 8 * MI),
    );
}

#[test]
fn priorities_come_from_classes_and_an_unknown_class_is_an_error() {
    let class = "kind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\npreemptionPolicy: Never\n---\n";
    let mut objects = read(&format!("{class}{}", pod("{priorityClassName: high}"))).unwrap();
    objects.resolve_priorities().unwrap();
    assert_eq!((objects.pods[0].priority(), objects.pods[0].never_preempts), (1000, Some(true)));
    let mut objects = read(&pod("{priorityClassName: higher}")).unwrap();
    let error = objects.resolve_priorities().unwrap_err().to_string();
    assert_eq!(error, "spec.priorityClassName: Pod ns/p: there is no PriorityClass \"higher\"");
}

#[test]
fn a_template_makes_numbered_pods_of_its_controller() {
    let objects = read(
        "kind: StatefulSet\nmetadata: {name: db, namespace: ns}\nspec: {replicas: 2, selector: {matchLabels: {app: db}}, \
         template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c}]}}}\n",
    )
    .unwrap();
    let pods = objects.controllers[0].pods(&mut Default::default()).unwrap();
    let keys: Vec<&str> = pods.iter().map(|pod| pod.key.as_str()).collect();
    assert_eq!(keys, ["ns/db-0", "ns/db-1"]);
    assert_eq!(pods[0].owner.as_ref().map(|o| o.kind.as_str()), Some("StatefulSet"));
}

#[test]
fn a_resize_under_way_counts_with_the_greater_of_old_and_new() {
    let check = |condition: &str, want: i64| {
        let text = format!(
            "kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, resources: {{requests: {{cpu: 1}}}}}}]}}\n\
             status: {{containerStatuses: [{{name: c, allocatedResources: {{cpu: 500m}}, \
             resources: {{requests: {{cpu: 750m}}}}}}], conditions: [{condition}]}}\n"
        );
        assert_eq!(read(&text).unwrap().pods[0].requests.resources.milli_cpu, want, "{condition}");
    };
    check("", 1000);
    check("{type: PodResizePending, reason: Deferred}", 1000);
    check("{type: PodResizePending, reason: Infeasible}", 750);
}

#[test]
fn the_table_of_fields_says_what_the_readers_do() {
    use plimsoll::kube::honesty::{Class, known_fields};
    /// What a replay reads and no decision.
    const REPLAYED: &[&str] = &["Pod.spec.restartPolicy", "Pod.spec.terminationGracePeriodSeconds"];
    let mut seen = 0;
    for (prefix, begin, end) in [
        ("Pod.spec.", "kind: Pod\nmetadata: {name: p}\nspec: {", "}"),
        ("Pod.spec.containers[].", "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{", "}]}"),
        ("Pod.spec.initContainers[].", "kind: Pod\nmetadata: {name: p}\nspec: {initContainers: [{", "}]}"),
        ("Pod.spec.volumes[].", "kind: Pod\nmetadata: {name: p}\nspec: {volumes: [{", "}]}"),
        ("Node.spec.", "kind: Node\nmetadata: {name: a}\nspec: {", "}"),
    ] {
        for (path, class) in known_fields() {
            let Some(field) = path.strip_prefix(prefix).filter(|field| !field.contains(['.', '*'])) else { continue };
            seen += 1;
            // No field that is read takes this, but for booleans.
            let read = read(&format!("{begin}{field}: true{end}\n"));
            let passed_over = read.as_ref().is_ok_and(|objects| objects.ignored.0.contains_key(path));
            match class {
                Class::Honoured => assert!(!passed_over, "{path} is honoured, and nobody reads it"),
                Class::DecidesNothing => {
                    assert!(read.is_ok() || REPLAYED.contains(&path), "{path} decides nothing, and is read");
                }
                Class::Approximated | Class::Ignored => assert!(passed_over, "{path} is ignored, and is read"),
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_recorded_cases_hold_is_written_as_it_is_read() {
    let Some(files) = vectors("kube", &folder("kube")) else { return };
    let (mut pods, mut nodes) = (0, 0);
    for (name, path) in files {
        let case = &read_json(&path)["case"];
        let mut first = Objects::default();
        for (field, kind) in [("nodes", "Node"), ("pods", "Pod"), ("boundPods", "Pod")] {
            for object in case[field].as_array().into_iter().flatten() {
                // A pod may stand in both lists.
                let _ = first.add_as(object, Some(kind));
            }
        }
        let mut again = Objects::default();
        let written = first.nodes.iter().map(Node::to_json).chain(first.pods.iter().map(Pod::to_json));
        written.for_each(|object| again.add(&object).unwrap_or_else(|why| panic!("{name}: {why}")));
        assert_eq!(again.nodes, first.nodes, "{name}");
        for (have, want) in again.pods.iter().zip(&first.pods) {
            assert_eq!(have, want, "{name}");
        }
        (pods, nodes) = (pods + first.pods.len(), nodes + first.nodes.len());
    }
    assert!(pods > 100 && nodes > 100, "{pods} pods, {nodes} nodes");
}
