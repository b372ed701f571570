//! Every command through the program itself: what it prints, what it writes, how it ends.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::program::{Folder, expect, plimsoll, run, scenarios};

#[test]
fn the_demo_prints_the_comparison_and_writes_a_report() {
    let folder = Folder::new("demo");
    let (out, _) = expect(0, &["demo", "-o", &folder.of("d")]);
    assert!(out.contains("fleet") && out.contains("plimsoll demo runaway"), "{out}");
    for file in
        ["report.html", "summary.json", "runs.csv", "hosts.csv", "changes.csv", "evictions.csv", "scenario.yaml"]
    {
        assert!(folder.path().join("d").join(file).metadata().unwrap().len() > 0, "{file}");
    }
    assert!(!out.contains('\u{1b}'), "colours without a terminal");
}

#[test]
fn json_and_csv_are_what_the_files_hold() {
    let folder = Folder::new("forms");
    let args = ["run", "scenarios/host-loss.yaml", "-o", &folder.of("d"), "--format"];
    let (json, _) = expect(0, &[&args[..], &["json"]].concat());
    assert_eq!(json, std::fs::read_to_string(folder.path().join("d/summary.json")).unwrap());
    let (csv, _) = expect(0, &[&args[..], &["csv"]].concat());
    assert_eq!(csv, std::fs::read_to_string(folder.path().join("d/runs.csv")).unwrap());
}

#[test]
fn every_scenario_gives_the_same_bytes_on_one_and_two_threads_and_twice() {
    for scenario in scenarios() {
        let json = |threads| expect(0, &["run", &scenario, "--check", "--format", "json", "-j", threads]).0;
        let first = json("1");
        assert_eq!(first, json("2"), "{scenario}: two threads");
        assert_eq!(first, json("1"), "{scenario}: twice");
        let value: serde_json::Value = serde_json::from_str(&first).unwrap();
        for run in value["runs"].as_array().unwrap() {
            assert_eq!(run["metrics"]["ledger_residual_nano_core_us"], 0, "{scenario}: {}", run["name"]);
        }
    }
}

#[test]
fn a_resolved_scenario_gives_the_same_runs_again() {
    let folder = Folder::new("resolved");
    let (first, _) = expect(0, &["run", "scenarios/burst.yaml", "-o", &folder.of("d"), "--format", "csv"]);
    let (again, _) = expect(0, &["run", &folder.of("d/scenario.yaml"), "--format", "csv"]);
    assert_eq!(first, again);
}

#[test]
fn directories_are_compared_run_by_run() {
    let folder = Folder::new("compare");
    for (dir, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        expect(0, &["run", "scenarios/burst.yaml", "--seed", seed, "-o", &folder.of(dir)]);
    }
    let (same, _) = expect(0, &["compare", &folder.of("a"), &folder.of("b")]);
    assert!(same.contains("digests equal"), "{same}");
    let (other, _) = expect(0, &["compare", &folder.of("a"), &folder.of("c")]);
    assert!(other.contains("digests differ") && other.contains("kubernetes"), "{other}");
    let (_, err) = expect(3, &["compare", &folder.of("a"), &folder.of("nowhere")]);
    assert!(err.contains("nowhere"), "{err}");
}

#[test]
fn lists_schema_and_starter_are_there() {
    let (all, _) = expect(0, &["list"]);
    for word in ["orchestrators", "kubernetes", "placements", "best-fit", "openb", "cpu_unserved_share", "report.html"]
    {
        assert!(all.contains(word), "{word}");
    }
    let (one, _) = expect(0, &["list", "placements"]);
    assert!(one.contains("least-jobs") && !one.contains("openb"));
    let (_, err) = expect(2, &["list", "placement"]);
    assert!(err.contains("did you mean \"placements\"?"), "{err}");
    let (schema, _) = expect(0, &["schema"]);
    assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap().is_object());
    let folder = Folder::new("new");
    expect(0, &["new", &folder.of("s.yaml")]);
    expect(0, &["check", &folder.of("s.yaml")]);
    expect(0, &["run", &folder.of("s.yaml"), "--check"]);
    let (_, err) = expect(2, &["new", &folder.of("s.yaml")]);
    assert!(err.contains("--force"), "{err}");
    let (starter, _) = expect(0, &["new", "-"]);
    assert_eq!(starter, std::fs::read_to_string(folder.path().join("s.yaml")).unwrap());
}

#[test]
fn a_scenario_comes_by_standard_input() {
    let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/host-loss.yaml")).unwrap();
    let mut child =
        plimsoll().args(["run", "-", "--format", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        expect(0, &["run", "scenarios/host-loss.yaml", "--format", "csv"]).0
    );
}

#[test]
fn only_directories_of_ours_are_overwritten() {
    let folder = Folder::new("force");
    std::fs::create_dir(folder.path().join("d")).unwrap();
    folder.put("d/mine.txt", b"mine");
    let args = ["run", "scenarios/host-loss.yaml", "-o", &folder.of("d")];
    let (_, err) = expect(2, &args);
    assert!(err.contains("--force"), "{err}");
    expect(0, &[&args[..], &["--force"]].concat());
    assert_eq!(std::fs::read(folder.path().join("d/mine.txt")).unwrap(), b"mine");
    expect(0, &args);
    expect(2, &["run", "scenarios/host-loss.yaml", "-o", "-"]);
    let file = folder.put("file", b"");
    expect(2, &["run", "scenarios/host-loss.yaml", "-o", &file]);
}

#[test]
fn results_over_the_budget_leave_nothing_behind() {
    let folder = Folder::new("budget");
    let (_, err) = expect(3, &["run", "scenarios/host-loss.yaml", "-o", &folder.of("d"), "--max-output-bytes", "5000"]);
    assert!(err.contains("--max-output-bytes"), "{err}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn no_color_and_no_terminal_mean_no_escapes() {
    for setting in ["", "1"] {
        let output = plimsoll().args(["run", "scenarios/host-loss.yaml"]).env("NO_COLOR", setting).output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
    }
    let output = plimsoll().args(["run", "nowhere.yaml"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_closed_pipe_is_no_error() {
    for args in [&["list"][..], &["schema"], &["run", "scenarios/host-loss.yaml", "--format", "json"]] {
        let mut child = plimsoll().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

/// Long enough that it is surely running when the signal comes: years of usage steps.
const ENDLESS: &str = "
apiVersion: plimsoll/v1
kind: Scenario
name: endless
horizon: 36500d
cluster:
  hosts:
  - {name: node, count: 50, cpu: 4, memory: 16Gi}
workload:
  apps:
  - {name: web, kind: service, replicas: 200, requests: {cpu: 100m, memory: 64Mi}}
orchestrators: [fleet]
";

#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_nothing_and_exits_130() {
    let folder = Folder::new("interrupt");
    let scenario = folder.put("endless.yaml", ENDLESS.as_bytes());
    let mut child = plimsoll()
        .args(["run", &scenario, "-o", &folder.of("d")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The handler is set before the scenario is read; a signal that comes before it would end the process otherwise, and
    // then it is sent again to a new one.
    let code = loop {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "the run ended before it was interrupted");
        let status = child.wait().unwrap();
        match status.code() {
            Some(code) => break code,
            None => {
                child = plimsoll()
                    .args(["run", &scenario, "-o", &folder.of("d")])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
            }
        }
    };
    assert_eq!(code, 130);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["endless.yaml"], "half-written results");
}

#[test]
fn misuse_exits_2_and_help_exits_0() {
    for args in [
        &["run"][..],
        &["frobnicate"],
        &["run", "a.yaml", "--trace", "openb:x"],
        &["run", "--trace", "openb:x", "--load", "0.7", "--speed", "2"],
    ] {
        expect(2, args);
    }
    for args in [&["--help"][..], &["run", "--help"], &["run", "-h"], &["--version"]] {
        expect(0, args);
    }
    let (_, err) = expect(2, &["run", "scenarios/host-loss.yaml", "--load", "0.7"]);
    assert!(err.contains("need a trace"), "{err}");
    let (_, err) = expect(2, &["run", "scenarios/host-loss.yaml", "--orchestrator", "kubernets"]);
    assert!(err.contains("did you mean \"kubernetes\"?"), "{err}");
    let (_, err) = expect(2, &["run", "scenarios/host-loss.yaml", "--placement", "bestfit"]);
    assert!(err.contains("did you mean \"best-fit\"?"), "{err}");
}

#[test]
fn a_recorded_case_runs_through_the_scheduler() {
    let case = "tests/vectors/kube/balanced-6.json.gz";
    let (out, _) = expect(0, &["schedule", "--case", case]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(value["steps"].as_array().is_some_and(|steps| !steps.is_empty()) && value["final"]["bound"].is_object());
    let folder = Folder::new("case");
    let (_, err) = expect(3, &["schedule", "--case", &folder.put("x.json", b"{")]);
    assert!(err.contains("x.json:1:"), "{err}");
    assert_eq!(run(&["schedule", "--case", &folder.of("none")]).status.code(), Some(3));
}

#[test]
fn every_table_of_the_list_can_be_asked_for_alone() {
    let (all, _) = expect(0, &["list"]);
    let tables: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    assert!(tables.len() >= 9, "{tables:?}");
    for table in tables {
        let (one, _) = expect(0, &["list", table]);
        assert!(!one.is_empty() && all.contains(&format!("{table}\n{one}")), "{table}:\n{one}");
        assert!(expect(0, &["list", table, "--markdown"]).0.starts_with("| name |"), "{table}");
    }
}

#[test]
fn check_says_what_would_run_and_runs_nothing() {
    for scenario in scenarios() {
        let (out, err) = expect(0, &["check", &scenario]);
        let name = scenario.trim_start_matches("scenarios/").trim_end_matches(".yaml");
        assert!(out.starts_with(&format!("{name}: ")) && out.contains(" hosts, ") && err.is_empty(), "{out}{err}");
    }
}

#[test]
fn a_hundred_million_threads_are_no_more_than_there_are_runs() {
    let run = |threads| expect(0, &["run", "scenarios/host-loss.yaml", "--format", "csv", "-j", threads]).0;
    assert_eq!(run("99999999"), run("1"));
}

#[test]
fn a_run_that_fails_leaves_older_results_as_they_were() {
    let folder = Folder::new("older");
    let args = ["run", "scenarios/host-loss.yaml", "-o", &folder.of("d")];
    expect(0, &args);
    let all = || {
        let mut files: Vec<_> = std::fs::read_dir(folder.path().join("d"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = all();
    expect(3, &[&args[..], &["--seed", "2", "--max-output-bytes", "5000"]].concat());
    expect(3, &[&args[..], &["--seed", "2", "--max-events", "5"]].concat());
    assert!(before == all(), "results of an earlier run were touched");
}

#[test]
fn jobs_that_request_nothing_are_not_said_to_leave_hosts_idle() {
    // Offered 0 %, and yet fleet has overloaded hosts.
    let (out, _) = expect(0, &["run", "scenarios/no-requests.yaml"]);
    assert!(out.contains("Warning: jobs request nothing") && out.contains("- jobs request nothing"), "{out}");
    assert!(!out.contains("can be swamped"), "{out}");
}

#[test]
fn every_decision_about_a_job_is_explained_below_the_table() {
    let run = ["run", "scenarios/deis-swamped.yaml", "--orchestrator", "kubernetes", "--orchestrator", "fleet"];
    let (out, _) = expect(0, &[&run[..], &["--explain", "cache-000"]].concat());
    let told = out.split_once("Decisions about cache-000\n").expect("a heading").1;
    // 27 s and the decision time of ten nodes; six nodes are empty, and of equals the first name is taken.
    for line in [
        "kubernetes, 27s206us: default/cache-000 goes to node-000",
        "  6 nodes have the highest score; the lowest name is taken",
        "  node-001: rank 7, score 646",
        "memory (17179869184-5905580032)*100/17179869184 = 65; (92*1+65*1)/2 = 78",
        "fleet: none that can be explained",
    ] {
        assert!(told.contains(line), "no \"{line}\" in\n{told}");
    }
    let (_, err) = expect(3, &[&run[..], &["--explain", "cache-00"]].concat());
    assert_eq!(err, "error: --explain: there is no job \"cache-00\"; did you mean \"cache-000\"?\n");
    expect(2, &[&run[..], &["--explain", "cache-000", "--format", "json"]].concat());
}
