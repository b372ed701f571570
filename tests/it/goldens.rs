//! Goldens: what the model says of the shipped scenarios, byte for byte. `UPDATE_GOLDEN=1` rewrites them; read the
//! difference before you keep it. They hold what the model says, never what the story says.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::program::{Folder, expect, scenarios};

const METRICS: &[&str] = &[
    "cpu_unserved_share",
    "cpu_demanded_core_seconds",
    "cpu_pending_core_seconds",
    "cpu_starved_core_seconds",
    "cpu_throttled_core_seconds",
    "cpu_host_down_core_seconds",
    "cpu_lost_core_seconds",
    "duplicate_core_seconds",
    "jobs_submitted",
    "jobs_finished",
    "jobs_never_placed",
    "restarts",
    "start_failed",
    "oom_kills_limit",
    "oom_kills_host",
    "evictions",
    "hosts_down",
    "cpu_overloaded_host_seconds",
    "memory_overloaded_host_seconds",
    "wait_seconds_p50",
    "wait_seconds_p95",
    "wait_seconds_p99",
    "hosts_used_max",
];

/// What must not differ between orchestrators where jobs and hosts are equal.
const ON_HOSTS: &[&str] = &[
    "cpu_starved_core_seconds",
    "cpu_throttled_core_seconds",
    "cpu_host_down_core_seconds",
    "cpu_lost_core_seconds",
    "duplicate_core_seconds",
    "restarts",
    "oom_kills",
    "evictions",
    "hosts_down",
    "cpu_overloaded_host_seconds",
    "memory_overloaded_host_seconds",
    "cpu_used_share_mean",
    "memory_used_share_mean",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn updating() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1")
}

/// Compares `text` with the golden file `name`, or writes it.
pub fn golden(name: &str, text: &str) {
    let path = root().join("tests/golden").join(name);
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    for (i, (a, b)) in old.lines().zip(text.lines()).enumerate() {
        assert_eq!(a, b, "{name}:{}: UPDATE_GOLDEN=1 cargo test goldens rewrites it", i + 1);
    }
    assert_eq!(old, text, "{name}: UPDATE_GOLDEN=1 cargo test goldens rewrites it");
}

fn summary(scenario: &str) -> Value {
    serde_json::from_str(&expect(0, &["run", scenario, "--check", "--format", "json"]).0).unwrap()
}

fn runs(summary: &Value) -> &[Value] {
    summary["runs"].as_array().unwrap()
}

#[test]
fn scenarios_say_what_they_said() {
    for scenario in scenarios() {
        let summary = summary(&scenario);
        let mut text = format!("{scenario}\n");
        for run in runs(&summary) {
            let bounds: Vec<&str> =
                run["lower_bounds"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            writeln!(text, "\n{} {}", run["name"].as_str().unwrap(), run["digest"].as_str().unwrap()).unwrap();
            for name in METRICS {
                let at_least = if bounds.contains(name) { ">" } else { "" };
                writeln!(text, "  {name} {at_least}{}", run["metrics"][name]).unwrap();
            }
        }
        let name = scenario.trim_start_matches("scenarios/").replace(".yaml", ".txt");
        golden(&name, &text);
    }
}

/// One run against another: what changes in `changed`.
const CONTRASTS: &[(&str, &str, &str)] = &[
    ("placement by type against least jobs", "chef", "fleet"),
    ("fleet against Kubernetes as shipped", "fleet", "kubernetes"),
    ("docker -m on fleet", "fleet", "fleet-docker-m"),
    ("the default spread of replicas off", "kubernetes", "kubernetes-no-spread"),
    ("the default spread off without requests", "kubernetes-no-requests", "kubernetes-no-requests-no-spread"),
    ("limits off under Kubernetes", "kubernetes", "kubernetes-no-limits"),
    ("requests absent, limits off", "kubernetes-no-limits", "kubernetes-no-requests"),
    ("eviction off without requests and limits", "kubernetes-no-requests", "kubernetes-no-requests-no-eviction"),
    ("requests a quarter of what is used", "kubernetes", "kubernetes-requests-x0.25"),
    ("requests four times what is used", "kubernetes", "kubernetes-requests-x4"),
    ("Kubernetes without requests and limits against fleet", "fleet", "kubernetes-no-requests"),
];

/// How `b` is to `a`.
fn sign(a: f64, b: f64) -> &'static str {
    if b > a {
        "more"
    } else if b < a {
        "less"
    } else {
        "same"
    }
}

#[test]
fn contrasts_of_the_deis_scenarios_have_the_sign_and_size_they_had() {
    for name in ["deis-swamped", "deis-runaway"] {
        let summary = summary(&format!("scenarios/{name}.yaml"));
        let metric = |run: &str, metric: &str| {
            let run =
                runs(&summary).iter().find(|r| r["name"] == run).unwrap_or_else(|| panic!("{name} has no run {run}"));
            run["metrics"][metric].as_f64().unwrap()
        };
        let mut text = format!("{name}: change from the first run to the second\n");
        for (what, from, to) in CONTRASTS {
            writeln!(text, "\n{what}: {from} -> {to}").unwrap();
            for name in [
                "cpu_unserved_share",
                "cpu_overloaded_host_seconds",
                "memory_overloaded_host_seconds",
                "oom_kills",
                "evictions",
                "jobs_never_placed",
                "restarts",
                "hosts_down",
                "duplicate_core_seconds",
            ] {
                let (a, b) = (metric(from, name), metric(to, name));
                writeln!(text, "  {name} {} {a} -> {b}", sign(a, b)).unwrap();
            }
        }
        golden(&format!("{name}-contrasts.txt"), &text);
    }
}

/// One run of a `kube-…` scenario against another: what changes in some metrics, and in the availability of some apps.
type KubeContrast =
    (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const PACKING: &[&str] = &["hosts_used_max", "cpu_unserved_share", "cpu_overloaded_host_seconds"];
const ROOM: &[&str] = &["jobs_never_placed", "wait_seconds_max", "cpu_unserved_share", "cpu_starved_core_seconds"];
const VICTIMS: &[&str] = &["evictions_preemption", "cpu_lost_core_seconds", "cpu_unserved_share"];
const ISOLATION: &[&str] = &[
    "cpu_unserved_share",
    "cpu_pending_core_seconds",
    "memory_overloaded_host_seconds",
    "jobs_never_placed",
    "start_failed",
];

const KUBE_CONTRASTS: &[KubeContrast] = &[
    ("kube-packing", "MostAllocated against LeastAllocated", "spread", "most-allocated", PACKING, &[]),
    ("kube-packing", "its line written as a ratio", "most-allocated", "capacity-ratio", PACKING, &[]),
    ("kube-packing", "without the default spread constraints", "most-allocated", "pack", PACKING, &[]),
    ("kube-packing", "packing, requests above the bursts", "spread", "pack-requests-x2", PACKING, &[]),
    ("kube-packing", "spreading against fleet", "spread", "fleet", PACKING, &[]),
    ("kube-fragmentation", "packing small jobs", "spread", "pack", ROOM, &[]),
    ("kube-fragmentation", "spreading, requests halved", "spread", "spread-requests-x0.5", ROOM, &[]),
    ("kube-fragmentation", "packing, requests halved", "pack", "pack-requests-x0.5", ROOM, &[]),
    ("kube-fragmentation", "packing against fleet", "pack", "fleet", ROOM, &[]),
    ("kube-preemption", "preemption", "report", "apply", VICTIMS, &["shop", "index", "cache"]),
    ("kube-preemption", "a grace of 3 min", "apply", "apply-grace-3m", VICTIMS, &["shop", "index", "cache"]),
    (
        "kube-preemption",
        "a grace as long as the work",
        "report",
        "apply-grace-10m",
        VICTIMS,
        &["shop", "index", "cache"],
    ),
    ("kube-preemption", "preemption against fleet", "apply", "fleet", VICTIMS, &["shop", "index", "cache"]),
    ("kube-topology-spread", "spreading over zones", "no-spread", "kubernetes", &["availability_mean"], ZONED),
    ("kube-topology-spread", "a toleration of 30 s", "kubernetes", "toleration-30s", &["availability_mean"], ZONED),
    ("kube-topology-spread", "fleet", "kubernetes", "fleet", &["availability_mean"], ZONED),
    ("kube-eviction", "eviction by default", "requests-no-eviction", "requests", PRESSED, CULPRITS),
    ("kube-eviction", "the same without requests", "no-requests-no-eviction", "no-requests", PRESSED, CULPRITS),
    ("kube-eviction-soft", "soft thresholds", "requests-no-eviction", "requests", PRESSED, CULPRITS),
    ("kube-eviction-soft", "requests absent", "requests", "no-requests", PRESSED, CULPRITS),
    ("kube-taints", "taints", "no-taints", "kubernetes", ISOLATION, &["database", "web", "thumbnails"]),
    ("kube-taints", "taints against fleet", "kubernetes", "fleet", ISOLATION, &["database", "web", "thumbnails"]),
];

const PRESSED: &[&str] = &[
    "cpu_unserved_share",
    "evictions_node_pressure",
    "evictions_taint",
    "oom_kills",
    "hosts_down",
    "memory_overloaded_host_seconds",
];

/// The services of the scenarios about eviction: the last is to blame.
const CULPRITS: &[&str] = &["web", "heavy", "cache"];

const ZONED: &[&str] = &["strict", "strict-honor", "soft", "plain"];

#[test]
fn contrasts_of_the_kube_scenarios_have_the_sign_and_size_they_had() {
    let folder = Folder::new("kube-contrasts");
    let mut text = String::from("change from the first run to the second\n");
    for name in kube_scenarios() {
        let out = folder.of(&name);
        expect(0, &["run", &format!("scenarios/{name}.yaml"), "-o", &out]);
        let read = |file: &str| std::fs::read_to_string(Path::new(&out).join(file)).unwrap();
        let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
        let apps = read("apps.csv");
        let metric = |run: &str, metric: &str| {
            let run = runs(&summary).iter().find(|r| r["name"] == run).unwrap_or_else(|| panic!("{name}: run {run}"));
            run["metrics"][metric].as_f64().unwrap_or_else(|| panic!("{name}: {metric}"))
        };
        let available = |run: &str, app: &str| -> f64 {
            let of_app = format!("{run},{app},");
            let row = apps.lines().find(|row| row.starts_with(&of_app)).unwrap_or_else(|| panic!("{name}: {of_app}"));
            row.split(',').nth(3).unwrap().parse().unwrap()
        };
        let of_scenario: Vec<&KubeContrast> = KUBE_CONTRASTS.iter().filter(|(of, ..)| *of == name).collect();
        assert!(!of_scenario.is_empty(), "{name} contrasts nothing");
        for (_, what, from, to, metrics, apps) in of_scenario {
            writeln!(text, "\n{name}: {what}: {from} -> {to}").unwrap();
            for metric_name in *metrics {
                let (a, b) = (metric(from, metric_name), metric(to, metric_name));
                writeln!(text, "  {metric_name} {} {a} -> {b}", sign(a, b)).unwrap();
            }
            for app in *apps {
                let (a, b) = (available(from, app), available(to, app));
                writeln!(text, "  availability of {app} {} {a} -> {b}", sign(a, b)).unwrap();
            }
        }
    }
    golden("kube-contrasts.txt", &text);
}

#[test]
fn equal_jobs_on_equal_hosts_show_no_difference() {
    let summary = summary("scenarios/null.yaml");
    let first = &runs(&summary)[0];
    assert!(runs(&summary).len() >= 6, "every orchestrator, and each with other tie seeds");
    for run in runs(&summary) {
        for name in ON_HOSTS {
            assert_eq!(run["metrics"][name], first["metrics"][name], "{}: {name}", run["name"]);
        }
        assert_eq!(run["metrics"]["cpu_unserved_share"], 0.0, "{}", run["name"]);
    }
}

/// The names of the files in `dir`.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .map(|d| d.map(|e| e.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// Compares `reports/NAME` with these files of `fresh`, or writes it.
fn shipped_is(name: &str, fresh: &Path, files: &[String]) {
    let shipped = root().join("reports").join(name);
    if updating() {
        let _ = std::fs::remove_dir_all(&shipped);
        std::fs::create_dir_all(&shipped).unwrap();
        for file in files {
            std::fs::copy(fresh.join(file), shipped.join(file)).unwrap();
        }
    }
    assert_eq!(names(&shipped), files, "UPDATE_GOLDEN=1 cargo test goldens rewrites reports/{name}");
    for file in files {
        let (a, b) = (std::fs::read(shipped.join(file)).unwrap(), std::fs::read(fresh.join(file)).unwrap());
        assert!(a == b, "reports/{name}/{file} differs; UPDATE_GOLDEN=1 cargo test goldens rewrites it");
    }
}

/// The names of the scenarios about kube-scheduler's plugins.
fn kube_scenarios() -> Vec<String> {
    let name = |path: String| path.trim_start_matches("scenarios/").trim_end_matches(".yaml").to_owned();
    let names: Vec<String> = scenarios().into_iter().map(name).filter(|name| name.starts_with("kube-")).collect();
    assert!(names.len() >= 5);
    names
}

#[test]
fn the_shipped_report_is_what_the_demo_writes() {
    let folder = Folder::new("demo-report");
    expect(0, &["demo", "-o", &folder.of("demo")]);
    let fresh = folder.path().join("demo");
    shipped_is("demo", &fresh, &names(&fresh));
}

#[test]
fn the_shipped_essay_is_what_the_migration_demo_writes() {
    let folder = Folder::new("migration-report");
    let (out, _) = expect(0, &["demo", "migration", "-o", &folder.of("migration")]);
    let fresh = folder.path().join("migration");
    shipped_is("migration", &fresh, &names(&fresh));
    // A verdict for every claim, in words and in the table.
    let verdicts = [": holds", ": holds only if", ": does not hold"];
    let told = out.lines().filter(|line| !line.starts_with(' ') && verdicts.iter().any(|v| line.contains(v))).count();
    let rows = std::fs::read_to_string(fresh.join("claims.csv")).unwrap();
    let claims: std::collections::BTreeSet<&str> =
        rows.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(told, claims.len(), "{out}");
}

/// What of the results of a `kube-…` scenario is shipped; `plimsoll run` writes the rest again.
const OF_KUBE_REPORTS: &[&str] = &["apps.csv", "report.html", "summary.json"];

#[test]
fn the_shipped_reports_are_what_the_kube_scenarios_write() {
    let folder = Folder::new("kube-reports");
    for name in kube_scenarios() {
        expect(0, &["run", &format!("scenarios/{name}.yaml"), "-o", &folder.of(&name)]);
        let files: Vec<String> = OF_KUBE_REPORTS.iter().map(|file| (*file).to_owned()).collect();
        shipped_is(&name, &folder.path().join(&name), &files);
    }
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- demo -->\n```\n").expect("README.md has the demo's output");
    let (shown, _) = rest.split_once("```\n<!-- /demo -->").unwrap();
    let folder = Folder::new("demo-readme");
    let (out, _) = expect(0, &["demo", "-o", &folder.of("demo")]);
    let printed: Vec<&str> = out.lines().map(str::trim_end).collect();
    for line in shown.lines() {
        assert!(printed.contains(&line.trim_end()), "README.md shows a line that the demo does not print:\n{line}");
    }
}

#[test]
fn an_idle_host_more_changes_nothing_for_jobs_that_go_by_name() {
    let folder = Folder::new("idle-host");
    let text = |hosts: u32| {
        format!(
            "apiVersion: plimsoll/v1\nkind: Scenario\nname: x\ncluster:\n  hosts:\n  - {{name: a, count: {hosts}, cpu: 4, memory: 8Gi}}\nworkload:\n  apps:\n  - {{name: j, replicas: 20, every: 7s, duration: 40s, requests: {{cpu: 900m, memory: 1Gi}}}}\norchestrators: [first-fit]\n"
        )
    };
    let served = |hosts| {
        let path = folder.put("s.yaml", text(hosts).as_bytes());
        let summary = summary(&path);
        let m = &runs(&summary)[0]["metrics"];
        [&m["cpu_served_core_seconds"], &m["wait_seconds_max"], &m["hosts_used_max"]].map(Value::clone)
    };
    // 900m for 40 s every 7 s: at most six at once, four on a host, so two hosts are used.
    assert_eq!(served(3), served(9));
}

/// The leak of `deis-runaway.yaml` at other rates: a slower one stays longer in the last megabytes, and comes to an end all
/// the same, by the kubelet or the kernel; no host falls.
#[test]
fn a_slower_leak_stays_longer_in_the_last_megabytes_and_no_host_falls() {
    let shipped = std::fs::read_to_string(root().join("scenarios/deis-runaway.yaml")).unwrap();
    assert!(shipped.contains("rate: 50Mi"), "the shipped rate is the first of the table");
    let (before, rest) = shipped.split_once("band:\n").expect("the scenario has a band");
    let shipped = before.to_owned() + rest.split_once("\n\n").expect("and something after it").1;
    let folder = Folder::new("leaks");
    let mut text = String::from("deis-runaway by rate of the leak, MiB a second\n");
    for rate in [50, 10, 3] {
        let path = folder.put("s.yaml", shipped.replace("rate: 50Mi", &format!("rate: {rate}Mi")).as_bytes());
        let summary = summary(&path);
        writeln!(text, "\n{rate}").unwrap();
        for run in runs(&summary) {
            let m = &run["metrics"];
            writeln!(
                text,
                "  {}: unserved {} overloaded {} duplicate {} kills {} evictions {} restarts {} hosts down {}",
                run["name"].as_str().unwrap(),
                m["cpu_unserved_share"],
                m["memory_overloaded_host_seconds"],
                m["duplicate_core_seconds"],
                m["oom_kills"],
                m["evictions"],
                m["restarts"],
                m["hosts_down"]
            )
            .unwrap();
        }
    }
    golden("deis-runaway-rates.txt", &text);
}

/// How a host comes down decides the answer of `deis-runaway.yaml`, so it is told with the band.
#[test]
fn hosts_taken_down_by_one_runaway_on_3_10_and_100_hosts() {
    let folder = Folder::new("runaway-band");
    expect(0, &["run", "scenarios/deis-runaway.yaml", "-o", &folder.of("out")]);
    let text = std::fs::read_to_string(folder.path().join("out/band.csv")).unwrap();
    golden("deis-runaway-band.txt", &text);
}
