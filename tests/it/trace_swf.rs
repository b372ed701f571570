//! Logs of the Parallel Workloads Archive against a short computation of their own, and replayed.

use std::path::Path;

use plimsoll::workload::{Capacity, Workload, offered};

use crate::program;
use crate::shared_traces::{import, shared, text};

/// What a few lines make of a log: jobs, ms of run time, processor-milliseconds, most jobs and processors at one
/// moment.
#[derive(PartialEq, Eq, Debug, Default)]
struct Totals {
    jobs: u64,
    run_ms: u64,
    work_ms: u64,
    jobs_peak: i64,
    procs_peak: i64,
}

fn peaks(mut events: Vec<(u64, i64, i64)>) -> (i64, i64) {
    // Ends before beginnings of the same moment.
    events.sort_unstable();
    let (mut now, mut peak) = ((0, 0), (0, 0));
    for (_, one, procs) in events {
        now = (now.0 + one, now.1 + procs);
        peak = (peak.0.max(now.0), peak.1.max(now.1));
    }
    peak
}

fn by_hand(path: &Path) -> Totals {
    let mut totals = Totals::default();
    let mut events = Vec::new();
    for line in text(path).lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty()) {
        let f: Vec<f64> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert_eq!(f.len(), 18);
        let procs = if f[7] > 0.0 { f[7] } else { f[4] } as i64;
        if f[3] < 0.0 || procs <= 0 || (f[10] == 5.0 && f[3] == 0.0) || f[10] > 1.0 && f[10] < 5.0 {
            continue;
        }
        let (at, run) = ((f[1] * 1e3) as u64, (f[3] * 1e3) as u64);
        totals.jobs += 1;
        totals.run_ms += run;
        totals.work_ms += run * procs as u64;
        if run > 0 {
            events.push((at, 1, procs));
            events.push((at + run, -1, -procs));
        }
    }
    (totals.jobs_peak, totals.procs_peak) = peaks(events);
    totals
}

fn imported(workload: &Workload) -> Totals {
    let run = |job| workload.duration(job).unwrap().0 / 1_000;
    let procs = |job| workload.cpu_request(job).0 as u64 / 1_000;
    let peak = offered(workload, Capacity { cpu_milli: 1, memory_bytes: 1, gpu_milli: 0 });
    Totals {
        jobs: workload.len() as u64,
        run_ms: workload.ids().map(run).sum(),
        work_ms: workload.ids().map(|job| run(job) * procs(job)).sum(),
        jobs_peak: peak.jobs_peak as i64,
        procs_peak: peak.cpu_peak_milli / 1_000,
    }
}

#[test]
fn three_logs_are_what_a_few_lines_make_of_them() {
    for (file, jobs, users) in [
        ("CTC-SP2-excerpt-5jobs.swf", 5, 3),
        ("NASA-iPSC-1993-3.1-cln.swf.gz", 18_239, 69),
        ("LCG-2005-jobs1-80000.swf.gz", 80_000, 164),
    ] {
        let Some(path) = shared(&format!("swf/{file}")) else { return };
        let (workload, _, report) = import(path.to_str().unwrap(), &[]);
        assert_eq!(report.format, "swf");
        let (got, want) = (imported(&workload), by_hand(&path));
        assert_eq!(got, want, "{file}");
        assert_eq!(want.jobs + report.rows_dropped.values().sum::<u64>(), jobs, "{file}");
        assert_eq!((report.rows_read, report.rows_used), (jobs, want.jobs), "{file}");
        if users > 0 {
            assert_eq!(report.entities["users"], users, "{file}");
        }
        let said = report.to_string();
        match file.split('-').next().unwrap() {
            // The README of the traces: 173 jobs of NASA ran 0 s, and submit times are start times.
            "NASA" => {
                assert!(said.contains("173 jobs last 0 s"), "{said}");
                assert!(said.contains("the given submit times are actually start times"), "{said}");
                assert!(said.contains("header: MaxProcs 128"), "{said}");
            }
            "LCG" => assert!(report.entities["partitions"] == 166, "{said}"),
            _ => {
                // 142 s of CPU in 937 s on each of 306 processors.
                let used = workload.profile(workload.find("1").unwrap())[0].cpu_nano;
                assert_eq!(used / 306, 142_000_000_000 / 937);
                assert!(said.contains("1 jobs ran longer than they asked for"), "{said}");
                assert!(said.contains("1 failed jobs (status 0)"), "{said}");
            }
        }
    }
}

#[test]
fn one_core_jobs_add_up_to_the_same_work() {
    let Some(path) = shared("swf/NASA-iPSC-1993-3.1-cln.swf.gz") else { return };
    let arg = format!("swf:{}", path.display());
    let (workload, hosts, _) = import(&arg, &[("procs", "apart"), ("hosts", "header")]);
    let (got, want) = (imported(&workload), by_hand(&path));
    assert_eq!((got.work_ms, got.procs_peak), (want.work_ms, want.procs_peak));
    assert_eq!(got.run_ms, want.work_ms);
    assert_eq!((hosts.len(), hosts[0].cpu.0), (128, 1_000));
}

#[test]
fn logs_run_on_every_orchestrator() {
    for (file, hosts) in [("CTC-SP2-excerpt-5jobs.swf", "4:336,1Ti"), ("NASA-iPSC-1993-3.1-cln.swf.gz", "4:128,512Gi")]
    {
        let Some(path) = shared(&format!("swf/{file}")) else { return };
        let trace = format!("swf:{}", path.display());
        let to = if file.starts_with("CTC") { "10d" } else { "2d" };
        let (out, _) =
            program::expect(0, &["run", "--trace", &trace, "--hosts", hosts, "--to", to, "--check", "--format", "csv"]);
        assert_eq!(out.lines().count(), 4, "{out}");
        for name in ["chef", "fleet", "kubernetes"] {
            assert!(out.lines().skip(1).any(|line| line.contains(name)), "{out}");
        }
    }
    let Some(path) = shared("swf/LCG-2005-jobs1-80000.swf.gz") else { return };
    let trace = format!("swf:{}", path.display());
    program::expect(0, &["run", "--trace", &trace, "--hosts", "100:64,256Gi", "--to", "20m"]);
}
