//! Alibaba's traces of 2017 and of DLRM serving against short computations of their own, and replayed.

use std::collections::BTreeMap;

use plimsoll::trace::{Budgets, TraceArg, read_trace};
use plimsoll::workload::{JobKind, Workload};

use crate::program;
use crate::shared_traces::{import, shared, text};

fn work(workload: &Workload) -> (u64, u128) {
    let seconds = |job| workload.duration(job).map_or(0, |d| d.0 / 1_000_000);
    let sum = workload.ids().map(seconds).sum();
    let work = workload.ids().map(|job| u128::from(seconds(job)) * workload.cpu_request(job).0 as u128).sum();
    (sum, work)
}

#[test]
fn tasks_of_2017_are_what_a_few_lines_make_of_their_table() {
    let Some(folder) = shared("alibaba-2017") else { return };
    let table = text(&folder.join("batch_task_rows1-50000.csv.gz"));
    let (mut tasks, mut instances, mut seconds, mut work_by_hand) = (0u64, 0u64, 0u64, 0u128);
    let (mut each_seconds, mut each_work, mut open, mut waiting) = (0u64, 0u128, 0u64, 0u64);
    for line in table.lines().skip(1) {
        let f: Vec<&str> = line.split(',').map(str::trim).collect();
        waiting += u64::from(f[5] == "Waiting");
        if f[5] == "Waiting" || f[6].is_empty() {
            continue;
        }
        let (from, to, many): (i64, i64, u64) = (f[0].parse().unwrap(), f[1].parse().unwrap(), f[4].parse().unwrap());
        // What was over when the window began is nothing to replay.
        if to < 0 {
            continue;
        }
        tasks += 1;
        instances += many;
        if to == 0 {
            open += 1;
            continue;
        }
        let lasts = (to - from.max(0)) as u64;
        let milli = f[6].parse::<u128>().unwrap() * 10;
        seconds += lasts;
        work_by_hand += u128::from(lasts) * milli;
        each_seconds += lasts * many;
        each_work += u128::from(lasts) * milli * u128::from(many);
    }
    let arg = format!("alibaba-2017:{}", folder.display());
    let (one, hosts, report) = import(&arg, &[("instances", "one")]);
    assert_eq!((one.len() as u64, work(&one)), (tasks, (seconds, work_by_hand)));
    assert_eq!(report.rows_dropped["waiting, without a plan: it never ran"], waiting);
    assert_eq!(report.rows_read, 50_000);
    assert_eq!(report.rows_used + report.rows_dropped.values().sum::<u64>(), 50_000);
    assert_eq!(one.ids().filter(|&job| one.spec(job).kind == JobKind::Service).count() as u64, open);
    // The README of the trace: 1,313 machines of 64 cores, errors of seven of them.
    assert_eq!(hosts.len(), 1_313);
    assert!(hosts.iter().all(|host| host.cpu.0 == 64_000 && host.taints.is_empty()));
    let tainted = import(&arg, &[("instances", "one"), ("errors", "taint")]).1;
    assert_eq!(tainted.iter().filter(|host| !host.taints.is_empty()).count(), 7);

    // All instances are millions of jobs: a budget stops them before they are stored, and names what would do.
    let budgets = Budgets { max_jobs: 1_000_000, ..Budgets::default() };
    let error = read_trace(&TraceArg::parse(&arg).unwrap(), &BTreeMap::new(), &budgets).unwrap_err().to_string();
    assert!(error.contains("batch_task_rows1-50000.csv.gz:") && error.contains("instances=one"), "{error}");
    assert!(instances > 1_000_000 && each_seconds > seconds && each_work > work_by_hand);
}

#[test]
fn tasks_of_2017_replay_on_all_control_planes() {
    let Some(folder) = shared("alibaba-2017") else { return };
    let trace = format!("alibaba-2017:{}", folder.display());
    let window = ["--option", "instances=one", "--from", "10000s", "--to", "10300s", "--format", "json"];
    let (out, _) = program::expect(0, &[&["run", "--trace", &trace][..], &window].concat());
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["runs"].as_array().unwrap().len(), 3, "chef, fleet and kubernetes");
}

#[test]
fn instances_of_dlrm_are_what_a_few_lines_make_of_their_table() {
    let Some(file) = shared("alibaba-dlrm-2025/disaggregated_DLRM_trace_rows1-15000.csv.gz") else { return };
    let (mut rows, mut open, mut gpus, mut milli, mut ms) = (0, 0, 0, 0u64, 0u64);
    let time = |text: &str| if text.is_empty() { 0.0 } else { text.parse::<f64>().unwrap() };
    for line in text(&file).lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        rows += 1;
        open += usize::from(f[16].is_empty());
        gpus += f[5].parse::<usize>().unwrap();
        milli += f[3].parse::<u64>().unwrap() * 1_000;
        if !f[16].is_empty() {
            ms += ((time(f[16]) - time(f[15])) * 1e3).round() as u64;
        }
    }
    // The look of its columns tells the format.
    let (workload, hosts, report) = import(&file.display().to_string(), &[]);
    assert_eq!((report.format.as_str(), hosts.len(), workload.len()), ("alibaba-dlrm", 0, rows));
    assert_eq!(workload.ids().filter(|&job| workload.duration(job).is_none()).count(), open);
    assert_eq!(workload.ids().map(|job| workload.spec(job).gpus.len()).sum::<usize>(), gpus);
    assert_eq!(workload.ids().map(|job| workload.cpu_request(job).0 as u64).sum::<u64>(), milli);
    assert_eq!(workload.ids().filter_map(|job| workload.duration(job)).map(|d| (d.0 + 500) / 1_000).sum::<u64>(), ms);
    assert_eq!(report.warnings.len(), 2, "no hosts, and GPUs");
    let trace = format!("alibaba-dlrm:{}", file.display());
    let run = ["run", "--trace", &trace, "--hosts", "300:128,1Ti", "--to", "10m", "--format", "json"];
    let (out, _) = program::expect(0, &run);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["runs"].as_array().unwrap().len(), 3);
}
