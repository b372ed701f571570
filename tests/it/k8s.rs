//! Dumps of Kubernetes clusters as traces: what becomes of every kind of pod, that the native format says all of it, and what
//! a bad dump says.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use plimsoll::cluster::HostSpec;
use plimsoll::error::Error;
use plimsoll::rng::Seed;
use plimsoll::trace::{Budgets, ImportReport, TraceArg, native, read_cluster, read_trace, read_trace_as};
use plimsoll::workload::{Controller, JobKind, UsageMode, Workload};

use crate::program::{Folder, expect, plimsoll};

const CLUSTER: &str = "tests/traces/k8s/cluster.json";

type Read = (Workload, Vec<HostSpec>, ImportReport);

fn read(path: &str, options: &[(&str, &str)]) -> Result<Read, Error> {
    let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let arg = TraceArg::parse(&format!("k8s:{path}")).unwrap();
    read_trace(&arg, &options, &Budgets::default())?.finish(UsageMode::Request, Seed(1))
}

/// A dump in a file of its own.
fn dump(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.of(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn names(workload: &Workload) -> Vec<&str> {
    let mut names: Vec<&str> = workload.ids().map(|job| workload.name(job)).collect();
    names.sort_unstable();
    names
}

/// `name app cpu memory kind controller`, a job a line, in order of names.
fn table(workload: &Workload) -> String {
    let mut lines: Vec<String> = workload
        .ids()
        .map(|job| {
            let spec = workload.spec(job);
            let controller = match spec.controller {
                Controller::Job { .. } => "job".to_string(),
                other => format!("{other:?}"),
            };
            let seconds = workload.duration(job).map_or("open".into(), |d| format!("{}s", d.0 / 1_000_000));
            let app = &workload.apps()[workload.app(job).index()].name;
            let (cpu, memory) = (workload.cpu_request(job).0, workload.memory_request(job).0);
            format!("{} {app} {cpu} {memory} {} {seconds} {controller}\n", workload.name(job), spec.kind)
        })
        .collect();
    lines.sort();
    lines.concat()
}

#[test]
fn every_kind_of_pod_becomes_the_job_it_should() {
    let (workload, hosts, report) = read(CLUSTER, &[]).unwrap();
    // mixed: the larger of 300m + the sidecar's 100m and 2 cores + 100m, and 50m of overhead; memory 256Mi + 64Mi + 128m,
    // which is a byte, + 16Mi: 352,321,537. level: what the pod as a whole asks for. limits-only: its limits.
    let want = "\
        agent-aa agent 100 134217728 service open DaemonSet\n\
        agent-cc agent 100 134217728 service open DaemonSet\n\
        agent-node-b agent 100 134217728 service open DaemonSet\n\
        alone-k alone 500 536870912 service open Unset\n\
        apart-0 apart 500 536870912 service open StatefulSet\n\
        apart-1 apart 500 536870912 service open StatefulSet\n\
        crunch-a crunch 500 536870912 batch 60s job\n\
        gated gated 1000 1073741824 service open Naked\n\
        gpu gpu 1000 0 service open Naked\n\
        kube-proxy-node-b kube-proxy-node-b 50 0 service open DaemonSet\n\
        level level 700 1073741824 service open Naked\n\
        limits-only limits-only 250 104857600 service open Naked\n\
        mixed mixed 2150 352321537 service open StatefulSet\n\
        nightly-29001440-0 nightly-29001440 250 67108864 batch 300s job\n\
        nothing nothing 0 0 service open Naked\n\
        waiting waiting 8000 4294967296 service open Naked\n\
        web-0 web 500 536870912 service open ReplicaSet\n\
        web-1 web 500 536870912 service open ReplicaSet\n\
        web-5f6c-x1 web 500 536870912 service open ReplicaSet\n\
        web-5f6c-x2 web 500 536870912 service open ReplicaSet\n\
        web-5f6c-x3 web 500 536870912 service open ReplicaSet\n";
    assert_eq!(table(&workload), want);

    let job = |name: &str| workload.find(name).unwrap_or_else(|| panic!("{name}: {:?}", names(&workload)));
    let own = workload.template(job("web-5f6c-x1")).unwrap();
    assert_eq!((own.node_name.as_deref(), own.spread.len(), own.phase.as_str()), (None, 1, ""));
    // Replicas that differ in nothing share a template.
    assert_eq!(workload.spec(job("web-5f6c-x1")).template, workload.spec(job("web-5f6c-x3")).template);
    // Those that are missing belong to the ReplicaSet of those that are there, which is listed though the dump has it not.
    let owner = workload.template(job("web-0")).unwrap().owner.clone().unwrap();
    assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("ReplicaSet", "web-5f6c"));
    let listed: Vec<String> =
        workload.objects().controllers.keys().map(|(kind, _, name)| format!("{} {name}", kind.name())).collect();
    let want =
        ["ReplicaSet web-5f6c", "StatefulSet apart", "Deployment web", "DaemonSet agent", "Job nightly-29001440"];
    assert!(want.iter().all(|name| listed.iter().any(|have| have == name)), "{listed:?}");
    assert_eq!((workload.objects().services.len(), workload.objects().budgets.len()), (1, 1));
    assert_eq!(workload.spec(job("mixed")).priority, 1000);
    for (name, host) in [("agent-cc", "node-c"), ("agent-node-b", "node-b"), ("kube-proxy-node-b", "node-b")] {
        let pod = workload.template(job(name)).unwrap();
        assert_eq!(pod.node_affinity.required.as_ref().unwrap()[0].names, [[host]], "{name}");
        let selector = &workload.spec(job(name)).node_selector;
        assert_eq!(*selector, [("kubernetes.io/hostname".to_string(), host.to_string())], "{name}");
    }
    let gpu = workload.spec(job("gpu"));
    assert_eq!(workload.resources()[gpu.extended[0].0.index()], "example.com/gpu");

    let host = |name: &str| hosts.iter().find(|host| host.name == name).unwrap();
    assert_eq!(hosts.len(), 5, "a node without allocatable is no host");
    assert_eq!((host("node-a").cpu.0, host("node-a").memory.0 >> 30, host("node-a").pods), (3920, 15, Some(110)));
    assert_eq!(host("node-c").taints, ["node.kubernetes.io/unschedulable=:NoSchedule"]);
    assert_eq!(host("node-d").taints, ["node.kubernetes.io/not-ready=:NoSchedule"]);
    assert_eq!(host("node-d").node.as_ref().unwrap().taints.len(), 1);

    assert_eq!((report.rows_read, report.rows_used, report.jobs, report.hosts), (22, 16, 21, 5));
    let dropped: Vec<(&str, u64)> = report.rows_dropped.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
    let want = [
        ("has run to its end (Succeeded or Failed)", 4),
        ("is being deleted", 1),
        ("is tied to a node that is not among the hosts", 1),
    ];
    assert_eq!(dropped, want);
    for (what, count) in [("nodes", 6), ("pods", 22), ("pods that are bound", 14), ("pods that wait for a node", 2)] {
        assert_eq!(report.entities[what], count, "{what}");
    }
    for (field, count) in [("Pod.spec.volumes[].persistentVolumeClaim", 1), ("kind ConfigMap", 1)] {
        assert_eq!(report.fields_ignored[field], count, "{field}");
    }
    for start in [
        "1 nodes are cordoned: ",
        "1 nodes are not ready: ",
        "1 pods request neither CPU nor memory: ",
        "1 pods have scheduling gates",
        "1 pods name a schedulerName",
        "1 objects of kind ResourceQuota: ",
    ] {
        assert!(report.warnings.iter().any(|said| said.starts_with(start)), "{start}: {:#?}", report.warnings);
    }
}

#[test]
fn options_choose_what_counts_and_when_it_arrives() {
    let (workload, _, report) = read(CLUSTER, &[("arrival", "created")]).unwrap();
    let at = |name: &str| workload.arrival(workload.find(name).unwrap()).0 / 1_000_000;
    // Created at 10:00:00, 10:00:30, 10:01:00 and 11:00:00; what is missing comes with the last.
    let want = [0, 30, 60, 3600, 3600];
    assert_eq!(["web-5f6c-x1", "web-5f6c-x2", "web-5f6c-x3", "waiting", "web-0"].map(at), want);
    // 2026-03-01T10:00:00Z is 20,513 days and ten hours after 1970.
    assert_eq!(report.origin_us, (20_513 * 86_400 + 10 * 3_600) * 1_000_000);
    assert_eq!(workload.trace_end().unwrap().0, 7_200_000_000);

    let (workload, ..) = read(CLUSTER, &[("system", "drop")]).unwrap();
    assert!(!names(&workload).iter().any(|name| name.contains("agent") || name.contains("proxy")));
    let (workload, _, report) = read(CLUSTER, &[("daemonsets", "drop")]).unwrap();
    assert!(!names(&workload).iter().any(|name| name.contains("agent") || name.contains("proxy")));
    assert_eq!(report.rows_dropped["is tied to its node (daemonsets=drop)"], 4);
    let (workload, _, report) = read(CLUSTER, &[("open", "drop")]).unwrap();
    assert!(workload.ids().all(|job| workload.spec(job).kind == JobKind::Batch || workload.duration(job).is_none()));
    assert!(!names(&workload).contains(&"alone-k"));
    assert_eq!(report.rows_dropped["is of a Job, and nothing tells how long it works (open=drop)"], 1);
}

const NODE: &str = r#"{"metadata":{"name":"n"},"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"9"}}}"#;
const POD: &str = r#"{"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}}"#;

#[test]
fn one_cluster_in_any_form_is_the_same_jobs() {
    let folder = Folder::new("k8s-forms");
    let (node, pod) = (NODE, POD);
    let kind =
        |object: &str, kind: &str| object.replacen('{', &format!("{{\"apiVersion\":\"v1\",\"kind\":\"{kind}\","), 1);
    let (n, p) = (kind(node, "Node"), kind(pod, "Pod"));
    let lists = format!("{{\"kind\":\"NodeList\",\"items\":[{node}]}}\n{{\"kind\":\"PodList\",\"items\":[{pod}]}}");
    let list = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{n},{p}]}}");
    let yaml = "apiVersion: v1\nkind: Node\nmetadata: {name: \"n\"}\nstatus: {allocatable: {cpu: 4, memory: 8Gi, pods: 9}}\n---\n\
                kind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - resources: {requests: {cpu: 1}}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(list.as_bytes()).unwrap();
    std::fs::write(folder.of("list.json.gz"), packed.finish().unwrap()).unwrap();
    let parts = PathBuf::from(folder.of("parts"));
    std::fs::create_dir(&parts).unwrap();
    std::fs::write(parts.join("10-pods.yaml"), yaml.split("---\n").nth(1).unwrap()).unwrap();
    std::fs::write(parts.join("9-nodes.json"), &n).unwrap();
    std::fs::write(parts.join("README.md"), "not objects").unwrap();
    let forms = [
        dump(&folder, "lists.json", &lists),
        dump(&folder, "list.json", &list),
        dump(&folder, "lines.jsonl", &format!("{n}\n{p}\n")),
        dump(&folder, "mark.json", &format!("\u{feff}{list}\r\n")),
        dump(&folder, "all.yaml", yaml),
        folder.of("list.json.gz"),
        format!("{},{}", dump(&folder, "n.json", &n), dump(&folder, "p.json", &p)),
        folder.of("parts"),
    ];
    for form in &forms {
        let (workload, hosts, report) = read(form, &[]).unwrap_or_else(|why| panic!("{form}: {why}"));
        assert_eq!(table(&workload), "p p 1000 0 service open Naked\n", "{form}");
        assert_eq!((hosts.len(), hosts[0].name.as_str(), hosts[0].pods), (1, "n", Some(9)), "{form}");
        assert_eq!(report.fields_ignored.contains_key("files of the folder of other kinds"), form.ends_with("parts"));
    }
    // A file is known by its look; hosts alone are hosts for the jobs of another trace.
    expect(0, &["run", "--trace", &forms[1], "--orchestrator", "kubernetes"]);
    let jobs = dump(
        &folder,
        "jobs.csv",
        "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\nj,0,5000000,100,1\n",
    );
    let mut child = plimsoll()
        .args(["run", "--cluster", "k8s:-", "--trace", &format!("native:{jobs}"), "--orchestrator", "first-fit"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("first-fit"));
}

/// Writes what was read as native files at `stem`.csv.
fn to_native(read: &Read, stem: &Path) {
    let files = native::write(&read.0, &read.1).unwrap();
    let at = |what: &str| stem.with_extension(what);
    std::fs::write(at("csv"), files.jobs).unwrap();
    std::fs::write(at("hosts.csv"), files.hosts).unwrap();
    if let Some(usage) = files.usage {
        std::fs::write(at("usage.csv"), usage).unwrap();
    }
    std::fs::write(at("objects.json"), files.objects.expect("pods are templates")).unwrap();
}

#[test]
fn import_to_native_then_replay_is_direct_replay_digest_for_digest() {
    let folder = Folder::new("k8s-native");
    for (name, options) in [("zero", &[][..]), ("created", &[("arrival", "created"), ("open", "drop")][..])] {
        let stem = PathBuf::from(folder.of(name));
        to_native(&read(CLUSTER, options).unwrap(), &stem);
        let digests = |trace: &str, options: &[(&str, &str)]| -> Vec<String> {
            let mut args = vec!["run", "--trace", trace, "--format", "json", "--usage", "model:mix"];
            for orchestrator in ["chef", "fleet", "kubernetes", "kubernetes-2016", "best-fit"] {
                args.extend(["--orchestrator", orchestrator]);
            }
            let options: Vec<String> = options.iter().map(|(key, value)| format!("{key}={value}")).collect();
            for option in &options {
                args.extend(["--option", option]);
            }
            let json: serde_json::Value = serde_json::from_str(&expect(0, &args).0).unwrap();
            json["runs"].as_array().unwrap().iter().map(|run| format!("{} {}", run["name"], run["digest"])).collect()
        };
        let direct = digests(&format!("k8s:{CLUSTER}"), options);
        let native = digests(&format!("native:{}.csv", stem.display()), &[]);
        assert_eq!(direct, native, "{name}");
        assert_eq!(direct.len(), 5);
        // What the objects hold decides: without its gate the pod is placed.
        let objects = stem.with_extension("objects.json");
        let text = std::fs::read_to_string(&objects).unwrap();
        let other = text.replace("schedulingGates", "lifted");
        assert_ne!(text, other);
        std::fs::write(&objects, other).unwrap();
        let changed = digests(&format!("native:{}.csv", stem.display()), &[]);
        assert_ne!(direct[2], changed[2], "{name}");
        std::fs::remove_file(&objects).unwrap();
        let said = expect(3, &["run", "--trace", &format!("native:{}.csv", stem.display())]).1;
        assert!(said.contains("is described in NAME.objects.json"), "{said}");
    }
}

#[test]
fn bad_dumps_say_where_and_what_would_do() {
    let folder = Folder::new("k8s-bad");
    let pod = |more: &str| format!("{{\"kind\": \"List\", \"items\": [\n{{\"kind\": \"Pod\",\n{more}}}]}}");
    let cases = [
        ("empty", "".to_string(), "is empty; kubectl get nodes,pods -A -o json gives objects"),
        ("kind", "{}".to_string(), ":1:1: kind: a document without a kind is not a Kubernetes object"),
        ("cut", "{\"kind\": \"List\", \"items\": [".into(), "is not JSON: EOF while parsing"),
        (
            "nothing",
            "{\"kind\": \"List\", \"items\": []}".into(),
            "no jobs: there is no pod in it, and nothing that makes pods",
        ),
        (
            "cpu",
            pod(
                "\"metadata\": {\"name\": \"p\"},\n\"spec\": {\"containers\": [{\"resources\": {\"requests\":\n{\"cpu\": \"one\"}}}]}",
            ),
            ":5:",
        ),
        (
            "class",
            pod("\"metadata\": {\"name\": \"p\"},\n\"spec\": {\"priorityClassName\": \"no\", \"containers\": []}"),
            ":4:",
        ),
        (
            "limit",
            pod(
                "\"metadata\": {\"name\": \"p\"},\n\"spec\": {\"containers\": [{\"resources\":\n{\"limits\": {\"cpu\": \"1\"}, \"requests\": {\"cpu\": \"2\"}}}]}",
            ),
            "Pod p: cpu_limit: job \"p\": the limit is below the request",
        ),
        (
            "annotation",
            pod(
                "\"metadata\": {\"name\": \"p\", \"annotations\":\n{\"plimsoll/arival\": \"5s\"}},\n\"spec\": {\"containers\": []}",
            ),
            ":4:",
        ),
        (
            "usage",
            pod(
                "\"metadata\": {\"name\": \"p\", \"annotations\": {\"plimsoll/duration\": \"soon\"}},\n\"spec\": {\"containers\": []}",
            ),
            ":3:",
        ),
    ];
    for (name, text, want) in cases {
        let path = dump(&folder, &format!("{name}.json"), &text);
        let error = read(&path, &[]).map(drop).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(&path) && said.contains(want), "{name}: {said}");
    }
    let path = dump(&folder, "pods-only.json", &format!("{{\"kind\":\"PodList\",\"items\":[{POD}]}}"));
    let arg = format!("k8s:{path}");
    let error = read_cluster(&arg, &BTreeMap::new(), &Budgets::default()).unwrap_err();
    assert!(error.to_string().contains("no hosts: there is no Node in it"), "{error}");
    let error = read("-,-", &[]).map(drop).unwrap_err();
    assert_eq!((error.exit_code(), error.message()), (2, "standard input (-) can be read once only"));
    let few = Budgets { max_jobs: 3, ..Budgets::default() };
    let arg = TraceArg::parse(&format!("k8s:{CLUSTER}")).unwrap();
    let error = read_trace(&arg, &BTreeMap::new(), &few).unwrap_err();
    assert!(error.to_string().contains("raise it with --max-jobs"), "{error}");
    let small = Budgets { max_decompressed_bytes: 1_000, ..Budgets::default() };
    let error = read_trace(&arg, &BTreeMap::new(), &small).unwrap_err();
    assert!(error.to_string().contains("--max-input-bytes"), "{error}");
    // What is left out is an error where nothing may be, with the place of its pod.
    let error = read_trace_as(&arg, &BTreeMap::new(), &Budgets::default(), true).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{CLUSTER}:")), "{error}");
    assert!(error.contains("Pod shop/web-5f6c-x4: left out (has run to its end (Succeeded or Failed))"), "{error}");
}

#[test]
fn a_list_of_a_thousand_real_nodes_is_a_cluster() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/traces/alibaba-gpu-2023-openb/openb_node_list_gpu_node.yaml.gz");
    if !path.exists() {
        let required =
            std::env::var("PLIMSOLL_REQUIRE").is_ok_and(|what| what.split(',').any(|w| w.trim() == "traces"));
        assert!(!required, "PLIMSOLL_REQUIRE names traces, and {} is absent", path.display());
        // Not by eprintln!, which the test harness would swallow.
        writeln!(std::io::stderr(), "skipped: {} is absent", path.display()).unwrap();
        return;
    }
    let read = read_cluster(&format!("k8s:{}", path.display()), &BTreeMap::new(), &Budgets::default()).unwrap();
    assert_eq!((read.hosts.len(), read.report.hosts), (1_213, 1_213));
    assert!(read.hosts.iter().all(|host| host.cpu.0 > 0 && host.node.is_some()));
}

#[test]
fn the_trace_tools_keep_the_objects() {
    let folder = Folder::new("k8s-tools");
    let (x, part) = (folder.of("x.csv.gz"), folder.of("part.csv"));
    expect(0, &["trace", "import", "k8s", CLUSTER, "-o", &x]);
    assert!(Path::new(&folder.of("x.objects.json.gz")).exists());
    let digest = |trace: &str| {
        let args = ["run", "--trace", trace, "--orchestrator", "kubernetes", "--format", "json"];
        let json: serde_json::Value = serde_json::from_str(&expect(0, &args).0).unwrap();
        json["runs"][0]["digest"].clone()
    };
    assert_eq!(digest(&format!("native:{x}")), digest(&format!("k8s:{CLUSTER}")));
    let said = expect(3, &["trace", "import", "k8s", CLUSTER, "-o", "-"]).1;
    assert!(said.contains("jobs are described by Kubernetes objects, which do not go to standard output"), "{said}");
    // A sample keeps the templates of the jobs that it keeps, and no others.
    expect(0, &["trace", "sample", &format!("native:{x}"), "--share", "0.5", "-o", &part]);
    let objects = std::fs::read_to_string(folder.of("part.objects.json")).unwrap();
    let rows = std::fs::read_to_string(&part).unwrap();
    let kept = |name: &str| rows.lines().any(|row| row.starts_with(&format!("{name},")));
    for name in ["gpu", "waiting", "gated", "level"] {
        assert_eq!(objects.contains(&format!("\"name\":\"{name}\"")), kept(name), "{name}");
    }
    digest(&format!("native:{part}"));
    // Written over, a trace without objects takes them away.
    let jobs = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\nj,0,5000000,100,1\n";
    let plain = dump(&folder, "plain.csv", jobs);
    expect(0, &["trace", "import", "native", &plain, "-o", &part, "--force"]);
    assert!(!Path::new(&folder.of("part.objects.json")).exists());
}
