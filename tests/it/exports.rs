//! Exports, completions and manual pages, as the program writes them.

use std::path::Path;

use crate::program::{Folder, expect};

fn text(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
}

#[test]
fn exports_are_written_where_they_are_asked_for_and_gone_where_they_are_not() {
    let scratch = Folder::new("exports");
    let dir = scratch.path().join("out");
    let run = ["run", "scenarios/deis-runaway.yaml", "-o", dir.to_str().unwrap()];
    expect(0, &[&run[..], &["--export", "openmetrics", "--export", "perfetto"]].concat());
    let metrics = text(&dir, "metrics.prom");
    assert!(metrics.ends_with("\n# EOF\n") && metrics.contains("plimsoll_host_memory_used_bytes{run=\"fleet\""));
    let trace: serde_json::Value = serde_json::from_str(&text(&dir, "trace.json")).unwrap();
    // What summary.json counts is what can be seen.
    let summary: serde_json::Value = serde_json::from_str(&text(&dir, "summary.json")).unwrap();
    let kills: f64 =
        summary["runs"].as_array().unwrap().iter().map(|run| run["metrics"]["oom_kills"].as_f64().unwrap()).sum();
    let events = trace["traceEvents"].as_array().unwrap();
    let shown = events.iter().filter(|event| event["ph"] == "i" && event["name"].as_str().unwrap().starts_with("oom-"));
    let shown: f64 = shown.map(|event| event["args"]["times"].as_f64().unwrap_or(1.0)).sum();
    assert!(kills > 0.0);
    assert_eq!(shown, kills);
    expect(0, &run);
    assert!(!dir.join("metrics.prom").exists() && !dir.join("trace.json").exists());
    assert!(dir.join("summary.json").exists());
}

#[test]
fn an_export_that_there_is_not_or_has_no_place_is_a_mistake_of_usage() {
    let scenario = "scenarios/deis-runaway.yaml";
    let (_, told) = expect(2, &["run", scenario, "-o", "never-written", "--export", "perfeto"]);
    assert!(told.contains("perfetto"), "{told}");
    assert!(!Path::new("never-written").exists());
    expect(2, &["run", scenario, "--export", "perfetto"]);
}

#[test]
fn every_shell_gets_completions_and_every_command_a_page() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (text, _) = expect(0, &["completions", shell]);
        for word in ["plimsoll", "schedule", "export"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
    expect(2, &["completions", "tcsh"]);
    let (page, _) = expect(0, &["man"]);
    assert!(page.contains(".TH plimsoll 1") && page.contains("schedule"), "{page}");
    let (page, _) = expect(0, &["man", "trace", "scale"]);
    assert!(page.contains(".TH plimsoll-trace-scale 1"), "{page}");
    let (_, told) = expect(2, &["man", "rnu"]);
    assert!(told.contains("run"), "{told}");
}
