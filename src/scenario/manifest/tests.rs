//! Manifests beside a scenario: what hosts and jobs come of them, and what is refused, with its line.

use std::path::Path;

use super::super::{Budgets, Scenario, read_text, resolve};
use crate::error::{Error, ErrorKind};
use crate::ids::{HostId, JobId};
use crate::workload::{JobKind, RestartPolicy, UsageMode};

const HEAD: &str =
    "apiVersion: plimsoll/v1\nkind: Scenario\nname: m\nhorizon: 1h\norchestrators: [fleet, kubernetes]\n";

/// A node of 4 cores and 8 GiB on one line.
fn node(name: &str, more: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{allocatable: {{cpu: 4, memory: 8Gi, pods: \
         10}}}}{more}}}\n"
    )
}

/// `KIND NAME` of two containers in all; `spec` beside the template, `meta` and `pod` in it.
fn maker(kind: &str, name: &str, spec: &str, annotations: &str, pod: &str) -> String {
    format!(
        "---\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
         template:\n    metadata:\n      labels: {{app: {name}}}\n      annotations: {{{annotations}}}\n    spec:\n      \
         {pod}\n      containers:\n      - {{name: a, resources: {{requests: {{cpu: 250m, memory: 100Mi}}, limits: {{memory: \
         200Mi}}}}}}\n      - {{name: b, resources: {{limits: {{cpu: 1, memory: 1Gi}}}}}}\n"
    )
}

fn whole(text: &str) -> Result<Scenario, Error> {
    let budgets = Budgets::default();
    read_text(text.as_bytes(), &budgets).and_then(|file| resolve(&file, Path::new("."), &budgets))
}

fn job(scenario: &Scenario, name: &str) -> JobId {
    scenario.setup.workload.find(name).unwrap_or_else(|| panic!("no job {name} among {:?}", names(scenario)))
}

fn names(scenario: &Scenario) -> Vec<String> {
    let workload = &scenario.setup.workload;
    let mut names: Vec<String> = workload.ids().map(|job| workload.name(job).to_string()).collect();
    names.sort();
    names
}

fn has_note(scenario: &Scenario, start: &str) {
    assert!(scenario.notes.iter().any(|note| note.starts_with(start)), "no \"{start}\" in {:#?}", scenario.notes);
}

#[test]
fn nodes_are_hosts_with_what_they_allocate_and_say() {
    let text = format!(
        "{HEAD}---\nkind: Node\nmetadata:\n  name: b\n  labels: {{zone: z}}\n  annotations: {{plimsoll/joins: 5m, \
         plimsoll/leaves: 30m, other: x}}\nspec:\n  unschedulable: true\n  taints: [{{key: k, value: v, effect: NoSchedule}}, \
         {{key: e, effect: NoExecute}}]\nstatus:\n  capacity: {{cpu: 64, memory: 512Gi}}\n  allocatable: {{cpu: 3900m, memory: \
         7Gi, ephemeral-storage: 5Gi, pods: 20, example.com/fpga: 2}}\n{}{}",
        node("a", ""),
        maker("Deployment", "web", "replicas: 1", "", "tolerations: [{operator: Exists}]"),
    );
    let scenario = whole(&text).unwrap();
    let cluster = &scenario.setup.cluster;
    let (a, b) = (cluster.spec(HostId(0)), cluster.spec(HostId(1)));
    assert_eq!((a.name.as_str(), a.cpu.0, a.memory.0 >> 30, a.pods), ("a", 4000, 8, Some(10)));
    assert_eq!((b.name.as_str(), b.cpu.0, b.memory.0 >> 30, b.ephemeral.0 >> 30), ("b", 3900, 7, 5));
    assert_eq!((b.pods, b.joins.0 / 1_000_000, b.leaves.unwrap().0 / 1_000_000), (Some(20), 300, 1800));
    assert_eq!(b.labels["zone"], "z");
    assert_eq!(b.taints, ["k=v:NoSchedule", "e=:NoExecute", "node.kubernetes.io/unschedulable=:NoSchedule"]);
    assert_eq!(b.node.as_ref().unwrap().allocatable.scalar["example.com/fpga"], 2);
}

#[test]
fn a_deployment_is_a_service_of_as_many_jobs_that_share_a_template_and_a_replica_set() {
    let annotations = "plimsoll/arrival: 10s, plimsoll/every: 2s, plimsoll/usage-cpu: 100m, plimsoll/usage-memory: 1Gi";
    let pod = "nodeSelector: {zone: z}\n      terminationGracePeriodSeconds: 45\n      tolerations: [{key: k, value: v, effect: \
               NoSchedule}]\n      priorityClassName: high";
    let text = format!(
        "{HEAD}---\n{{kind: PriorityClass, metadata: {{name: high}}, value: 7}}\n{}{}---\n{{kind: Service, metadata: {{name: \
         s}}, spec: {{selector: {{app: web}}}}}}\n",
        node("a", ""),
        maker("Deployment", "web", "replicas: 3", annotations, pod)
    );
    let scenario = whole(&text).unwrap();
    let workload = &scenario.setup.workload;
    assert_eq!(names(&scenario), ["web-0", "web-1", "web-2"]);
    let last = job(&scenario, "web-2");
    let spec = workload.spec(last);
    assert_eq!(workload.arrival(last).0, 14_000_000);
    // 250m and the second container's limit of 1; memory 100Mi + 1Gi. The first has no CPU limit, so the pod has none.
    assert_eq!((workload.cpu_request(last).0, workload.memory_request(last).0 >> 20), (1250, 1124));
    assert_eq!(workload.cpu_limit(last), None);
    assert_eq!(workload.memory_limit(last).unwrap().0 >> 20, 1224);
    assert_eq!((spec.kind, spec.restart, spec.priority), (JobKind::Service, RestartPolicy::Always, 7));
    assert_eq!(spec.node_selector, [("zone".to_string(), "z".to_string())]);
    assert_eq!(spec.tolerations, ["k=v:NoSchedule"]);
    assert_eq!(workload.spec(job(&scenario, "web-0")).template, spec.template);
    let pod = workload.template(last).unwrap();
    assert_eq!((pod.grace_seconds, pod.priority), (Some(45), Some(7)));
    let owner = pod.owner.as_ref().unwrap();
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("ReplicaSet", "web"));
    let world = workload.objects();
    let kinds: Vec<&str> = world.controllers.keys().map(|(kind, ..)| kind.name()).collect();
    assert_eq!((kinds, world.services.len()), (vec!["ReplicaSet", "Deployment"], 1));
    has_note(&scenario, "manifests: 1 nodes; 0 pods and 1 objects that make pods gave 3 jobs");
}

#[test]
fn jobs_are_batch_and_those_beyond_the_parallelism_wait() {
    let text = format!(
        "{HEAD}{}{}{}",
        node("a", ""),
        maker("Job", "crunch", "completions: 5\n  parallelism: 2", "plimsoll/duration: 3m", "restartPolicy: Never"),
        "---\n{kind: Pod, metadata: {name: alone, namespace: shop, annotations: {plimsoll/duration: 1m}}, spec: \
         {restartPolicy: Never, containers: []}}\n"
    );
    let scenario = whole(&text).unwrap();
    let workload = &scenario.setup.workload;
    assert_eq!(names(&scenario), ["alone", "crunch-0", "crunch-1", "crunch-2", "crunch-3", "crunch-4"]);
    let after = |name: &str| workload.after(job(&scenario, name)).iter().map(|&j| workload.name(j)).collect::<Vec<_>>();
    assert_eq!((after("crunch-1"), after("crunch-4")), (vec![], vec!["crunch-2"]));
    let spec = workload.spec(job(&scenario, "crunch-0"));
    assert_eq!((spec.kind, spec.restart), (JobKind::Batch, RestartPolicy::OnFailure));
    let spec = workload.spec(job(&scenario, "alone"));
    assert_eq!((spec.kind, spec.restart, spec.namespace.as_str()), (JobKind::Batch, RestartPolicy::Never, "shop"));
}

#[test]
fn a_daemon_set_has_one_pod_for_each_host_that_lets_it_in() {
    let tainted = ", spec: {taints: [{key: gpu, effect: NoSchedule}]}";
    let text = format!(
        "{HEAD}cluster:\n  hosts:\n  - {{name: plain, cpu: 1, memory: 1Gi}}\n{}{}{}",
        node("a", ", spec: {unschedulable: true}"),
        node("b", tainted),
        maker("DaemonSet", "agent", "minReadySeconds: 1", "", "dnsPolicy: Default")
    );
    let scenario = whole(&text).unwrap();
    assert_eq!(names(&scenario), ["agent-a", "agent-plain"]);
    let (cluster, workload) = (&scenario.setup.cluster, &scenario.setup.workload);
    for (name, host) in [("agent-a", "a"), ("agent-plain", "plain")] {
        let spec = workload.spec(job(&scenario, name));
        for id in cluster.ids() {
            let fits = cluster.matches(id, &spec.node_selector, &[]) && cluster.tolerated(id, &spec.tolerations);
            assert_eq!(fits, cluster.name(id) == host, "{name} on {}", cluster.name(id));
        }
        let pod = workload.template(job(&scenario, name)).unwrap();
        assert_eq!(pod.node_affinity.required.as_ref().unwrap()[0].names, [[host]]);
    }
    has_note(&scenario, "manifests: 1 DaemonSets have one pod for each host");
}

#[test]
fn a_dump_counts_each_pod_once_and_says_what_it_leaves_out() {
    let owned = |kind: &str, name: &str, owner: &str, of: &str, spec: &str| {
        format!(
            "---\n{{kind: {kind}, metadata: {{name: {name}, ownerReferences: [{{kind: {owner}, name: {of}, controller: \
             true}}]}}, {spec}}}\n"
        )
    };
    let text = format!(
        "{HEAD}{}{}{}{}{}{}{}",
        node("a", ""),
        maker("Deployment", "web", "replicas: 2", "", "hostname: h"),
        owned("ReplicaSet", "web-5d9", "Deployment", "web", "spec: {replicas: 2}"),
        owned("Pod", "web-5d9-x", "ReplicaSet", "web-5d9", "spec: {nodeName: a, containers: []}"),
        "---\n{kind: Pod, metadata: {name: old}, spec: {nodeName: a, containers: []}, status: {phase: Succeeded}}\n",
        maker("CronJob", "nightly", "schedule: x", "", ""),
        "---\n{kind: ConfigMap, metadata: {name: c}}\n---\n{kind: Pod, metadata: {name: p}, spec: {gadget: 1, containers: []}}\n",
    );
    let text = text
        .replace("schedule: x\n  selector", "jobTemplate: {spec: {template: {spec: {containers: []}}}}\n  selector");
    let scenario = whole(&text).unwrap();
    assert_eq!(names(&scenario), ["p", "web-0", "web-1"]);
    let pod = scenario.setup.workload.template(job(&scenario, "web-0")).unwrap();
    assert_eq!(pod.owner.as_ref().unwrap().name, "web-5d9");
    for note in [
        "manifests: 1 pods have run to their end",
        "manifests: 2 pods and ReplicaSets are left to the objects",
        "manifests: 1 CronJobs are not run; ",
        "manifests: not used here: 1 fields (Pod.spec.gadget 1); 1 objects of other kinds (ConfigMap 1)",
    ] {
        has_note(&scenario, note);
    }
}

#[test]
fn a_cron_job_with_an_arrival_runs_once() {
    let template =
        "template: {metadata: {annotations: {plimsoll/arrival: 5m, plimsoll/duration: 1m}}, spec: {containers: []}}";
    let text = format!(
        "{HEAD}{}---\nkind: CronJob\nmetadata: {{name: nightly, namespace: ops}}\nspec:\n  jobTemplate:\n    spec:\n      {template}\n",
        node("a", "")
    );
    let scenario = whole(&text).unwrap();
    assert_eq!(names(&scenario), ["nightly-0"]);
    assert_eq!(scenario.setup.workload.arrival(job(&scenario, "nightly-0")).0, 300_000_000);
    let why = whole(&text.replace("plimsoll/duration: 1m", "plimsoll/evry: 1m")).unwrap_err().to_string();
    let want = "line 14:80: CronJob ops/nightly: spec.jobTemplate.spec.template.metadata.annotations.plimsoll/evry: unknown \
                annotation \"plimsoll/evry\"; did you mean \"plimsoll/every\"?";
    assert_eq!(why, want);
}

#[test]
fn what_cannot_be_replayed_is_told_where_and_what_would_do() {
    let deployment = |annotations: &str, pod: &str| maker("Deployment", "web", "replicas: 2", annotations, pod);
    let mut wrong = Vec::new();
    // The scenario has five lines, the node two, so that documents begin in line 8; templates' annotations are in line 17,
    // the first line of a pod's spec in line 19, the containers in lines 21 and 22.
    for (manifest, want) in [
        (
            deployment("plimsoll/arival: 1m", ""),
            "line 17:38: Deployment web: spec.template.metadata.annotations.plimsoll/arival: unknown annotation \
             \"plimsoll/arival\"; did you mean \"plimsoll/arrival\"?",
        ),
        (
            deployment("plimsoll/joins: 1m", ""),
            "line 17:37: Deployment web: spec.template.metadata.annotations.plimsoll/joins: unknown annotation \
             \"plimsoll/joins\"; known: plimsoll/arrival, plimsoll/every, plimsoll/duration, plimsoll/usage-cpu, \
             plimsoll/usage-memory, plimsoll/usage-steps, plimsoll/usage-ephemeral, plimsoll/processes",
        ),
        (
            deployment("plimsoll/usage-cpu: 1m", ""),
            "line 17:41: Deployment web: spec.template.metadata.annotations.plimsoll/usage-cpu: plimsoll/usage-memory is \
             missing beside it (0 is allowed)",
        ),
        (
            deployment("plimsoll/duration: soon", ""),
            "line 17:40: Deployment web: spec.template.metadata.annotations.plimsoll/duration: \"soon\" is not a duration (try \
             90s, 5m, 1h30m or 2d)",
        ),
        (
            deployment("plimsoll/duration: 90", ""),
            "line 17:40: Deployment web: spec.template.metadata.annotations.plimsoll/duration: expected a text, found a number; \
             write \"90\"",
        ),
        (
            deployment("", "").replace("memory: 200Mi", "memory: two"),
            "line 21:86: Deployment web: spec.template.spec.containers[0].resources.limits.memory: \"two\" is not a quantity \
             (try 500m, 2 or 512Mi)",
        ),
        (
            deployment("", "")
                .replace("250m", "1500m")
                .replace("limits: {memory: 200Mi}", "limits: {cpu: 1, memory: 200Mi}"),
            "line 9:1: Deployment web: cpu_limit: job \"web-0\": the limit is below the request",
        ),
        (
            deployment("", "priorityClassName: hi"),
            "line 19:26: Deployment web: spec.template.spec.priorityClassName: unknown PriorityClass \"hi\"; known: ",
        ),
        (
            deployment("", "").replace("{name: web}", "{name: web, annotations: {plimsoll/every: 1s}}"),
            "line 10:53: Deployment web: metadata.annotations.plimsoll/every: it belongs on the pods, in \
             spec.template.metadata.annotations",
        ),
        (
            maker("Job", "crunch", "completions: 2", "", ""),
            "line 17:20: Job crunch: spec.template.metadata.annotations: plimsoll/duration is missing; a batch job needs the \
             length of its work (try plimsoll/duration: 5m)",
        ),
        (
            "---\n{kind: Pod, metadata: {name: p, namespace: shop}, spec: {nodeName: a}}\n".into(),
            "line 9:68: Pod shop/p: spec.nodeName: it is bound to \"a\", and a scenario places every pod itself; leave nodeName \
             out, or ask about a cluster as it stands with plimsoll schedule -f FILE",
        ),
        (
            "---\n{kind: Pod, metadata: {name: p, annotations: {plimsoll/every: 1s}}, spec: {containers: []}}\n".into(),
            "line 9:63: Pod p: metadata.annotations.plimsoll/every: a pod that stands alone has no replicas; it belongs on a \
             template",
        ),
        (node("a", ""), "line 9:47: Node a: metadata.name: a node of this name has been read before"),
        (
            node("c", "").replace("cpu: 4", "cpu: four"),
            "line 9:79: Node c: status.allocatable.cpu: \"four\" is not a quantity (try 500m, 2 or 512Mi)",
        ),
        (
            node("c", "").replace("cpu: 4, ", ""),
            "line 9:73: Node c: status.allocatable.cpu: 0 or missing; a host needs some (try cpu: 4)",
        ),
        (
            node("c", "").replace("memory: 8Gi", "memory: 8Ei"),
            "line 9:90: Node c: status.allocatable.memory: too large for a host (at most 2^53 bytes or thousandths of a core)",
        ),
        (
            "---\n{kind: Node, metadata: {name: c, annotations: {plimsoll/duration: 1s}}}\n".into(),
            "line 9:67: Node c: metadata.annotations.plimsoll/duration: unknown annotation \"plimsoll/duration\"; known: \
             plimsoll/joins, plimsoll/leaves",
        ),
        (
            deployment("", "") + &deployment("", ""),
            "line 25:18: Deployment web: metadata.name: a Deployment of this name has been read before",
        ),
        ("---\nmetadata: {name: p}\n".into(), "line 9:1: kind: a document without a kind is not a Kubernetes object"),
        ("---\n- 3\n".into(), "line 9:1: keys are expected here (key: value)"),
        ("---\nkind: Pod\n  spec: [\n".into(), "line 10:7: mapping values are not allowed in this context"),
        (
            "---\nkind: KubeSchedulerConfiguration\npercentageOfNodesToScore: 101\n".into(),
            "line 10:27: KubeSchedulerConfiguration: percentageOfNodesToScore: 101 is not within 0…100",
        ),
        (
            HEAD.replacen("apiV", "---\napiV", 1),
            "line 10: a second scenario (the first in line 2); a file holds one, beside manifests",
        ),
    ] {
        let text = format!("{HEAD}{}{manifest}", node("a", ""));
        match whole(&text) {
            Ok(_) => wrong.push(format!("accepted: {text}")),
            Err(why) if why.to_string() == want && why.exit_code() == 3 => {}
            Err(why) => wrong.push(format!("got  {why}\nwant {want}\n")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn budgets_hold_for_manifests_too() {
    let budgets = Budgets { jobs: 10, hosts: 2, yaml_nodes: 500, ..Budgets::default() };
    let nodes = |n: usize| (0..n).map(|i| node(&format!("n{i}"), "")).collect::<String>();
    let aliases: String = (0..20)
        .map(|i| format!("---\n{{kind: X, a: &a [1, 2, 3, 4, 5], b: [*a, *a, *a, *a, *a, *a], c: {i}}}\n"))
        .collect();
    for (manifests, flag) in [
        (nodes(3), "--max-hosts"),
        (nodes(1) + &maker("Deployment", "web", "replicas: 2000000000", "", ""), "--max-jobs"),
        (nodes(1) + &maker("Job", "j", "completions: 2000000000", "plimsoll/duration: 1s", ""), "--max-jobs"),
        (nodes(1) + &aliases, "--max-yaml-nodes"),
        (nodes(1) + &"---\nkind: X\n".repeat(300), "--max-yaml-nodes"),
        (format!("---\nx: {}\n", "[".repeat(100)), "--max-yaml-depth"),
    ] {
        let told = read_text(format!("{HEAD}{manifests}").as_bytes(), &budgets)
            .and_then(|file| resolve(&file, Path::new("."), &budgets));
        let why = told.unwrap_err();
        assert!(why.kind() == ErrorKind::Budget && why.to_string().ends_with(flag), "{flag}: {why}");
    }
}

#[test]
fn the_scenario_may_stand_anywhere_and_what_is_resolved_gives_the_same_runs() {
    let config = "---\n# The file's own words.\nkind: KubeSchedulerConfiguration\nprofiles:\n- plugins: {score: {disabled: [{name: \
                  ImageLocality}]}}\nextenders: [{urlPrefix: x}]\n";
    let rest =
        node("a", "") + &maker("Deployment", "web", "replicas: 2", "plimsoll/usage-steps: '60s:1,1Gi; 2,2Gi'", "");
    let text = format!("{}{config}---\n{HEAD}{rest}", &node("z", "")[4..]);
    let first = whole(&text).unwrap();
    has_note(&first, "scheduler configuration of kubernetes: extenders are not modelled");
    let effective = first.runs[1].scheduler.as_ref().unwrap();
    assert!(first.runs[0].scheduler.is_none() && effective.weight("ImageLocality") == 0);
    assert!(first.resolved_yaml.ends_with(&format!("---\n{}{config}{rest}", &node("z", "")[4..])));
    let again = whole(&first.resolved_yaml).unwrap();
    assert_eq!(format!("{:?}", again.setup), format!("{:?}", first.setup));
    assert_eq!((&again.runs, &again.resolved_yaml), (&first.runs, &first.resolved_yaml));
    assert_eq!(first.setup.workload.usage(), UsageMode::default());
    let off =
        text.replace("horizon: 1h", "horizon: 1h\ncluster: {nodes: off, hosts: [{name: own, cpu: 1, memory: 1Gi}]}");
    let off = whole(&off).unwrap();
    assert_eq!((off.setup.cluster.len(), off.setup.workload.len()), (1, 2));
}

#[test]
fn manifests_and_a_runs_own_configuration_may_be_files() {
    let folder = std::env::temp_dir().join(format!("plimsoll-manifests-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, node("a", "").as_bytes()).unwrap();
    put("nodes.yaml.gz", &gzip.finish().unwrap());
    put("pods.json", br#"{"kind": "PodList", "items": [{"metadata": {"name": "p"}, "spec": {"containers": []}}]}"#);
    put("config.yaml", b"kind: KubeSchedulerConfiguration\npercentageOfNodesToScore: 50\n");
    let variant = "{name: mine, orchestrator: kubernetes, scheduler_config: config.yaml}";
    let text = format!("{HEAD}manifests: [nodes.yaml.gz, pods.json]\n").replace("kubernetes", variant);
    let budgets = Budgets::default();
    let told = |text: &str| read_text(text.as_bytes(), &budgets).and_then(|file| resolve(&file, &folder, &budgets));
    let first = told(&text).unwrap();
    assert_eq!((names(&first), first.setup.cluster.len()), (vec!["p".to_string()], 1));
    assert_eq!(first.runs[1].scheduler.as_ref().unwrap().percentage_of_nodes_to_score, 50);
    let again = told(&first.resolved_yaml).unwrap();
    assert_eq!((again.runs, again.resolved_yaml), (first.runs.clone(), first.resolved_yaml.clone()));

    let shown = |text: &str| told(text).unwrap_err().to_string().replace(folder.to_str().unwrap(), "FOLDER");
    put(
        "pods.json",
        b"{\"kind\": \"PodList\", \"items\": [\n{\"metadata\": {\"name\": \"p\"}, \"spec\": {\"containers\": 3}}]}",
    );
    assert_eq!(shown(&text), "FOLDER/pods.json:2:52: Pod p: spec.containers: expected a list, found a number");
    assert!(shown(&text.replace("pods.json", "none")).starts_with("FOLDER/none: there is no such file; "));
    put("pods.json", b"{\"kind\": \"List\", \"items\": []}");
    let wrong = text.replace("orchestrator: kubernetes", "orchestrator: fleet");
    assert_eq!(shown(&wrong), "line 5:76: scheduler_config needs orchestrator: kubernetes and a kube-… placement");
    put("config.yaml", node("x", "").as_bytes());
    assert_eq!(shown(&text), "FOLDER/config.yaml:2:24: kind: \"Node\" is not KubeSchedulerConfiguration");
    put("pods.json", HEAD.as_bytes());
    assert_eq!(shown(&text), "FOLDER/pods.json:2: a file of manifests holds no Scenario; name it to run instead");
    std::fs::remove_dir_all(&folder).unwrap();
}
