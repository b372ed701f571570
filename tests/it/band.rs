//! The band: every run under both bounds of how a host comes down, at every scale.

use crate::program::{Folder, expect};

/// Two hosts of 1 GiB. From 60 s on x uses 1100 MiB: over 1024, and under 1136 where the kernel kills. y works beside it.
const PLATEAU: &str = "apiVersion: plimsoll/v1
kind: Scenario
name: plateau
horizon: 30m
cluster:
  hosts:
  - {name: h, count: 2, cpu: 1, memory: 1Gi}
workload:
  apps:
  - {name: y, kind: service, replicas: 2, usage: {cpu: 100m, memory: 0}}
  jobs:
  - name: x
    kind: service
    usage:
      steps:
      - {for: 1m, cpu: 0, memory: 100Mi}
      - {cpu: 0, memory: 1100Mi}
orchestrators: [chef]
";

fn rows(folder: &Folder, arguments: &[&str]) -> String {
    let path = folder.path().join("out");
    let _ = std::fs::remove_dir_all(&path);
    expect(0, &[arguments, &["-o", &folder.of("out")]].concat());
    std::fs::read_to_string(path.join("band.csv")).unwrap()
}

#[test]
fn the_bounds_and_the_scenarios_own_policy_stand_side_by_side() {
    let folder = Folder::new("band");
    let text = format!("{PLATEAU}band: {{scales: [0.5, 2], runaway: [x]}}\n");
    let path = folder.put("plateau.yaml", text.as_bytes());
    let one = rows(&folder, &["run", &path, "--check", "-j", "1"]);
    assert_eq!(one, rows(&folder, &["run", &path, "--check", "-j", "3"]), "the same on any number of threads");
    let cells: Vec<Vec<&str>> = one.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let seen: Vec<String> = cells.iter().map(|c| [&c[..8], &c[9..11]].concat().join(" ")).collect();
    // Converges of 60 s: x starts at 60 and stops short of the kernel's mark at 120. The operator comes 15 min later,
    // at 1020, and the host is back at 1140: once, with y's job there if it has one. Under host-down it falls at 120, for
    // 15 + 2 min, is back at 1140, and falls at 1200 again.
    // One host holds x and y; of four hosts one holds x alone or with one of four y.
    assert_eq!(
        seen,
        [
            "0.5 1 chef lower kill-only 1 0 0 0 0",
            "0.5 1 chef default thrash 1 1 1 0 1",
            "0.5 1 chef upper host-down 1 2 2 0 2",
            "2 4 chef lower kill-only 1 0 0 0 0",
            "2 4 chef default thrash 1 1 1 0 1",
            "2 4 chef upper host-down 1 2 2 0 2",
        ]
    );
    let (out, _) = expect(0, &["run", &path]);
    assert!(out.contains("How a host comes down: the band") && out.contains("0 / 1 / 2"), "{out}");
}

#[test]
fn a_band_can_be_asked_for_where_the_scenario_has_none() {
    let folder = Folder::new("band-flag");
    let path = folder.put("plateau.yaml", PLATEAU.as_bytes());
    assert_eq!(rows(&folder, &["run", &path]).lines().count(), 1, "only the header");
    let text = rows(&folder, &["run", &path, "--band"]);
    assert_eq!(text.lines().count(), 4, "{text}");
    // Nobody is said to run away: no quotient.
    assert!(text.lines().nth(3).unwrap().starts_with("1,2,chef,upper,host-down,0,2,,"), "{text}");
    let summary = std::fs::read_to_string(folder.path().join("out/summary.json")).unwrap();
    assert!(summary.contains("--band"), "the command repeats it");
}
