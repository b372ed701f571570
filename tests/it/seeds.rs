//! Many seeds: means, differences and noise, the same on any number of threads.

use crate::program::{Folder, expect};

/// Generated jobs on two hosts: another world under every seed.
const DRAWN: &str = "apiVersion: plimsoll/v1
kind: Scenario
name: drawn
horizon: 20m
cluster: {hosts: [{name: node, count: 2, cpu: 4, memory: 8Gi}]}
workload:
  generator: {name: mix, jobs: 40}
orchestrators: [fleet, kubernetes]
";

/// Nothing is drawn but phases.
const FIXED: &str = "apiVersion: plimsoll/v1
kind: Scenario
name: fixed
horizon: 5m
cluster: {hosts: [{name: node, count: 2, cpu: 1, memory: 1Gi}]}
workload:
  jobs:
  - {name: x, duration: 1m, requests: {cpu: 1, memory: 1Mi}, usage: {cpu: 1, memory: 1Mi}}
  - {name: y, duration: 1m, requests: {cpu: 1, memory: 1Mi}, usage: {cpu: 2, memory: 1Mi}}
orchestrators: [{name: one, orchestrator: direct}, {name: two, orchestrator: direct, placement: best-fit}]
";

fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn seeds_are_worlds_and_the_results_do_not_depend_on_threads() {
    let folder = Folder::new("seeds");
    let file = folder.put("drawn.yaml", DRAWN.as_bytes());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for threads in ["1", "2"] {
        let out = folder.of(threads);
        let (text, _) = expect(0, &["run", &file, "--seeds", "3..9", "-j", threads, "-o", &out]);
        assert!(text.contains("Means over 6 seeds (3 to 8)"), "{text}");
    }
    assert_eq!(read("1/seeds.csv"), read("2/seeds.csv"));
    assert_eq!(read("1/intervals.csv"), read("2/intervals.csv"));
    assert_eq!(read("1/report.html"), read("2/report.html").replace("-j 2", "-j 1"));
    let seeds = rows(&read("1/seeds.csv"));
    // Six seeds, two runs, two passes.
    assert_eq!(seeds.len(), 1 + 6 * 2 * 2);
    let digests: std::collections::BTreeSet<&String> = seeds[1..].iter().map(|row| &row[3]).collect();
    assert!(digests.len() >= 12, "worlds of six seeds: {digests:?}");
    // The first seed is the run that charts and tables show.
    assert!(read("1/runs.csv").contains(&seeds[1][3]));
    let intervals = rows(&read("1/intervals.csv"));
    let of = |metric: &str, run: &str| intervals.iter().find(|r| r[0] == metric && r[1] == run).unwrap().clone();
    let (fleet, kubernetes) = (of("jobs_submitted", "fleet"), of("jobs_submitted", "kubernetes"));
    assert_eq!(fleet[2..4], kubernetes[2..4], "common worlds");
    assert_eq!(kubernetes[6..9], ["0", "0", "0"], "no difference between equals");
    assert_eq!((fleet[12].as_str(), kubernetes[12].as_str()), ("", "no"));
}

#[test]
fn a_world_without_chance_is_one_sample_and_says_so() {
    let folder = Folder::new("one-world");
    let file = folder.put("fixed.yaml", FIXED.as_bytes());
    let (text, _) = expect(0, &["run", &file, "--seeds", "0..4"]);
    assert!(text.contains("sample (n = 1)"), "{text}");
    // y gets 1 of the 2 cores that it wants for its 120 core-seconds: half of the CPU demanded by it is missing.
    assert!(text.contains("CPU demanded, not served"), "{text}");
    let (text, _) = expect(0, &["run", &file]);
    assert!(!text.contains("Over all seeds"), "{text}");
}

#[test]
fn ranges_of_seeds_are_checked() {
    for (range, why) in [
        ("5", "--seeds: \"5\" is not a range of seeds (try 0..20, which is 0 to 19)"),
        ("4..4", "--seeds: 4..4 holds no seed"),
        ("0..100000000", "at most 10000 will do"),
        ("a..b", "is not a range of seeds"),
    ] {
        let (_, err) = expect(2, &["run", "scenarios/null.yaml", "--seeds", range]);
        assert!(err.contains(why), "{range}: {err}");
    }
    expect(2, &["run", "scenarios/null.yaml", "--seeds", "0..2", "--seed", "1"]);
}
