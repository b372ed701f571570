//! The workload that other simulators were measured with is what its description says, at every size.

use std::path::{Path, PathBuf};

use plimsoll::ids::JobId;
use plimsoll::scenario::{self, Budgets};

use crate::program;

fn path(size: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/peers/peers-{size}.yaml"))
}

#[test]
fn the_workload_beside_the_peers_has_the_sizes_and_the_load_that_it_says() {
    let scenario = scenario::load(&path("s"), &Budgets::default()).unwrap();
    let w = &scenario.setup.workload;
    assert_eq!((w.len(), scenario.setup.cluster.len()), (10_000, 100));
    let share = |milli: i64| w.ids().filter(|&job| w.cpu_request(job).0 == milli).count() as f64 / 10_000.0;
    for (milli, want) in [(500, 0.30), (1_000, 0.30), (2_000, 0.20), (4_000, 0.15), (8_000, 0.05)] {
        // Three standard deviations of a share of 0.3 of 10,000 are 0.014.
        assert!((share(milli) - want).abs() < 0.014, "{milli}: {}", share(milli));
    }
    let gib_per_core = |job: JobId| (w.memory_request(job).0 >> 20) * 1_000 / w.cpu_request(job).0;
    for gib in [2, 4, 6] {
        let count = w.ids().filter(|&job| gib_per_core(job) == gib << 10).count();
        assert!((3_190..3_480).contains(&count), "{gib}: {count}");
    }
    let lasts = |job: JobId| w.duration(job).unwrap().0;
    assert!(w.ids().all(|job| (1_000_000..=86_400_000_000).contains(&lasts(job))));
    // A log-normal with sigma 1 has a standard deviation of 1.31 means: three standard errors of 10,000 are 4 %.
    let mean = w.ids().map(lasts).sum::<u64>() as f64 / 1e10;
    assert!((mean - 1_800.0).abs() < 72.0, "{mean}");
    // 10,000 arrivals at 1.345345 a second take 7,433 s, give or take 1 %.
    let last = w.arrival(JobId(9_999)).as_secs_f64();
    assert!((last - 7_433.0).abs() < 225.0, "{last}");
    // The peak is a little over the 70 % of the mean.
    assert!((0.66..0.85).contains(&scenario.offered.cpu_share), "{}", scenario.offered.cpu_share);
    // Fifteen sizes, and nothing that jobs are spread by.
    assert_eq!((w.kinds().len(), w.apps().len(), w.apps()[0].name.as_str()), (15, 1, ""));
}

#[test]
fn the_larger_sizes_are_the_smallest_with_more_hosts_and_jobs() {
    let text = |size: &str| std::fs::read_to_string(path(size)).unwrap();
    let scaled = |by: usize, commas: [&str; 2], size: &str| {
        let zeros = "0".repeat(by);
        let rate = format!("1.345345e{by}").parse::<f64>().unwrap().to_string();
        text("s")
            .replace("10,000 jobs", commas[0])
            .replace("100 hosts", commas[1])
            .replace("0.7 × 100 ×", &format!("0.7 × {} ×", commas[1].trim_end_matches(" hosts")))
            .replace("1.345345", &rate)
            .replace("count: 100,", &format!("count: 100{zeros},"))
            .replace("jobs: 10000", &format!("jobs: 10000{zeros}"))
            .replace("peers-s", &format!("peers-{size}"))
    };
    assert_eq!(text("m"), scaled(1, ["100,000 jobs", "1,000 hosts"], "m"));
    assert_eq!(text("l"), scaled(2, ["1,000,000 jobs", "10,000 hosts"], "l"));
    let m = scenario::load(&path("m"), &Budgets::default()).unwrap();
    assert_eq!((m.setup.workload.len(), m.setup.cluster.len(), m.runs.len()), (100_000, 1_000, 7));
}

#[test]
fn the_smallest_size_runs_and_places_all() {
    let file = path("s");
    let (out, _) =
        program::expect(0, &["run", file.to_str().unwrap(), "--orchestrator", "first-fit", "--format", "csv"]);
    let mut lines = out.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (head, row) = (lines.next().unwrap(), lines.next().unwrap());
    let done = head.iter().position(|column| *column == "jobs_finished").expect("a column");
    assert_eq!(row[done], "10000");
}
