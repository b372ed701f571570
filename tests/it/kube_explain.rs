//! Explanations: the sums written out come to the scores, and a remedy lets the node in.

use plimsoll::kube::config::Effective;
use plimsoll::kube::cycle::Scheduler;
use plimsoll::kube::explain::Verdict;
use plimsoll::kube::framework::World;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::pod::Pod;

/// A scheduler with everything that is bound, and the pods that are not.
fn cluster(text: &str) -> (Scheduler, Vec<Pod>) {
    let mut objects = Objects::default();
    objects.read_text(text).unwrap();
    let mut scheduler = Scheduler::new(Effective::default_profile().unwrap(), World::of(&objects)).unwrap();
    for node in objects.nodes {
        scheduler.cache.set_node(node);
    }
    let (bound, pending): (Vec<Pod>, Vec<Pod>) = objects.pods.into_iter().partition(|p| p.node_name.is_some());
    for pod in bound {
        let node = pod.node_name.clone().unwrap();
        scheduler.cache.add_pod(&node, pod.into());
    }
    (scheduler, pending)
}

fn node(name: &str, rest: &str) -> String {
    format!("kind: Node\nmetadata: {{name: {name}, labels: {{zone: {name}}}}}\n{rest}\n---\n")
}

const ROOM: &str = "status: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}";

fn pod(name: &str, spec: &str) -> String {
    format!("kind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\nspec: {spec}\n---\n")
}

fn requests(cpu: &str, memory: &str) -> String {
    format!("containers: [{{name: c, resources: {{requests: {{cpu: {cpu}, memory: {memory}}}}}}}]")
}

#[test]
fn every_sum_is_written_out_and_comes_to_the_score() {
    let text = [
        node("a", ROOM),
        node("b", &format!("spec: {{taints: [{{key: k, effect: PreferNoSchedule}}]}}\n{ROOM}")),
        pod("old", &format!("{{nodeName: a, {}}}", requests("500m", "1Gi"))),
        pod("new", &format!("{{{}}}", requests("1", "2Gi"))),
    ];
    let (mut scheduler, pods) = cluster(&text.concat());
    let explanation = scheduler.explain(&pods[0]);
    let Verdict::Scored { rank, total, lines } = &explanation.nodes[0].verdict else { panic!("{explanation:?}") };
    assert_eq!(lines.iter().map(|line| line.score).sum::<i64>(), *total);
    let line = |plugin: &str| lines.iter().find(|line| line.plugin == plugin).unwrap();
    assert_eq!(
        line("NodeResourcesFit").raw_arithmetic,
        "cpu (4000-1500)*100/4000 = 62; memory (8589934592-3221225472)*100/8589934592 = 62; (62*1+62*1)/2 = 62"
    );
    assert_eq!(line("TaintToleration").normalized_arithmetic.as_deref(), Some("100 - 100*0/1 = 100"));
    assert_eq!((*rank, line("TaintToleration").score), (1, 300));
    for node in &explanation.nodes {
        let Verdict::Scored { lines, .. } = &node.verdict else { panic!("{node:?}") };
        for line in lines {
            assert!(line.raw_arithmetic.ends_with(&format!("= {}", line.raw)), "{line:?}");
            if let Some(text) = &line.normalized_arithmetic {
                assert!(text.ends_with(&format!("= {}", line.normalized)), "{line:?}");
            }
        }
    }
}

#[test]
fn a_rejected_node_says_what_would_let_it_in() {
    let gate = "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, \
                labelSelector: {matchLabels: {app: web}}}]}}";
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule, \
                  labelSelector: {matchLabels: {app: web}}}]";
    let nodes = [
        node("a", ROOM),
        node(
            "b",
            &format!("spec: {{unschedulable: true, taints: [{{key: k, value: v, effect: NoSchedule}}]}}\n{ROOM}"),
        ),
        pod("old", &format!("{{nodeName: a, {}}}", requests("3", "1Gi"))),
    ]
    .concat();
    let remedies = |spec: &str, position: usize| -> Vec<String> {
        let (mut scheduler, pods) = cluster(&format!("{nodes}{}", pod("new", spec)));
        match &scheduler.explain(&pods[0]).nodes[position].verdict {
            Verdict::Rejected { remedies, .. } => remedies.iter().map(|(plugin, r)| format!("{plugin}: {r}")).collect(),
            other => panic!("{other:?}"),
        }
    };
    let big = format!("{{{}}}", requests("1500m", "9Gi"));
    assert_eq!(remedies(&big, 0), ["NodeResourcesFit: fits if cpu were 500m less and memory were 2Gi less"]);
    assert_eq!(
        remedies(&big, 1),
        [
            "NodeUnschedulable: fits if the node were uncordoned",
            "TaintToleration: fits if the pod tolerated k=v:NoSchedule",
            "NodeResourcesFit: fits if memory were 1Gi less",
        ]
    );
    let small = requests("100m", "1Mi");
    assert_eq!(
        remedies(&format!("{{nodeSelector: {{disk: ssd}}, {small}}}"), 0),
        ["NodeAffinity: fits if the node had disk=ssd"]
    );
    assert_eq!(
        remedies(&format!("{{{gate}, {small}}}"), 0),
        ["InterPodAffinity: fits if the 1 it wants to be away from were gone from zone=a"]
    );
    assert_eq!(
        remedies(&format!("{{{spread}, {small}}}"), 0),
        ["PodTopologySpread: fits if the node had the label rack"]
    );
}

#[test]
fn the_amount_that_a_remedy_names_is_the_least_that_helps() {
    let nodes = [node("a", ROOM), pod("old", &format!("{{nodeName: a, {}}}", requests("2750m", "3Gi")))].concat();
    let fits = |cpu: &str| -> bool {
        let (mut scheduler, pods) =
            cluster(&format!("{nodes}{}", pod("new", &format!("{{{}}}", requests(cpu, "1Gi")))));
        !scheduler.schedule(&pods[0]).top.is_empty()
    };
    // 4000 - 2750 = 1250 are free: 2000m is 750m too much.
    let (mut scheduler, pods) = cluster(&format!("{nodes}{}", pod("new", &format!("{{{}}}", requests("2", "1Gi")))));
    let Verdict::Rejected { remedies, .. } = &scheduler.explain(&pods[0]).nodes[0].verdict else { panic!() };
    assert_eq!(remedies[0].1, "fits if cpu were 750m less");
    assert_eq!((fits("1250m"), fits("1251m")), (true, false));
}

#[test]
fn in_all_recorded_cases_the_sums_come_to_the_scores_and_explaining_changes_nothing() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/kube");
    let (mut lines_seen, mut remedies_seen) = (0, 0);
    for name in ["mixed-1", "weights-1", "fit-ratio-1", "spread-soft-3", "podaffinity-3", "images-3", "preempt-topo-1"]
    {
        let file = std::fs::File::open(folder.join(format!("{name}.json.gz"))).unwrap();
        let vector: serde_json::Value = serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap();
        let result = plimsoll::kube::case::Case::read(&vector).unwrap().run_explained().unwrap();
        assert_eq!(serde_json::json!(result.steps), vector["expect"]["steps"], "{name}");
        for node in result.explanations.iter().flat_map(|e| &e.nodes) {
            match &node.verdict {
                Verdict::Scored { lines, total, .. } => {
                    assert_eq!(lines.iter().map(|l| l.score).sum::<i64>(), *total);
                    for line in lines {
                        lines_seen += 1;
                        assert!(line.raw_arithmetic.ends_with(&format!("= {}", line.raw)), "{name} {line:?}");
                        let normalized = format!("= {}", line.normalized);
                        assert!(
                            line.normalized_arithmetic.as_ref().is_none_or(|t| t.ends_with(&normalized)),
                            "{name} {line:?}"
                        );
                    }
                }
                Verdict::Rejected { status, remedies } => {
                    remedies_seen += 1;
                    assert_eq!(remedies.first().map(|(plugin, _)| *plugin), Some(status.plugin), "{name} {node:?}");
                }
                _ => {}
            }
        }
    }
    println!("{lines_seen} sums, {remedies_seen} rejected nodes");
    assert!(lines_seen > 1000 && remedies_seen > 100);
}
