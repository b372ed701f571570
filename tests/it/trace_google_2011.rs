//! The excerpt of Google's trace of 2011 against a short computation of its own, and replayed.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll::trace::{Budgets, TraceArg, read_cluster, read_trace};
use plimsoll::workload::JobKind;

use crate::program::{self, Folder};
use crate::shared_traces::{import, shared, text};

fn rows(folder: &Path, table: &str) -> Vec<Vec<String>> {
    let text = text(&folder.join(format!("{table}.csv")));
    text.lines().map(|line| line.split(',').map(String::from).collect()).collect()
}

/// A fraction of at most nine digits behind the point, of `one`, halves up; more than nothing is at least 1.
fn part(fraction: &str, one: u128) -> u64 {
    if fraction.is_empty() {
        return 0;
    }
    let (mantissa, exponent) = match fraction.split_once("e-") {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<u32>().unwrap()),
        None => (fraction, 0),
    };
    let (whole, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: u128 = format!("{whole}{behind}").parse().unwrap();
    let divisor = 10u128.pow(behind.len() as u32 + exponent);
    let rounded = (2 * digits * one + divisor) / (2 * divisor);
    if digits > 0 { rounded.max(1) as u64 } else { 0 }
}

const GIB: u128 = 1 << 30;

#[test]
fn the_excerpt_is_what_a_few_lines_make_of_its_tables() {
    let Some(folder) = shared("google-2011-excerpt") else { return };
    let arg = format!("google-2011:{}", folder.display());
    let (workload, hosts, report) = import(&arg, &[]);
    let tasks = rows(&folder, "task_events");
    // All events are submissions at time 0 of different tasks, so that each row is one job whose end is not told.
    assert!(tasks.iter().all(|f| f[0] == "0" && f[5] == "0"));
    assert_eq!((workload.len(), report.rows_read, report.rows_used), (1_015, 1_015, 1_015));
    let mut want: BTreeMap<String, (u64, u64, i32)> = BTreeMap::new();
    for f in &tasks {
        let asks = (part(&f[9], 64_000), part(&f[10], 256 * GIB), f[8].parse().unwrap());
        want.insert(format!("{}-{}", f[2], f[3]), asks);
    }
    let got: BTreeMap<String, (u64, u64, i32)> = workload
        .ids()
        .map(|job| {
            assert_eq!((workload.arrival(job).0, workload.duration(job)), (0, None));
            assert_eq!(workload.spec(job).kind, JobKind::Service);
            let (cpu, memory) = (workload.cpu_request(job).0 as u64, workload.memory_request(job).0 as u64);
            (workload.name(job).to_owned(), (cpu, memory, workload.spec(job).priority))
        })
        .collect();
    assert_eq!(got, want);
    let blank = tasks.iter().filter(|f| f[9].is_empty()).count();
    assert_eq!(blank, 79);
    assert!(report.choices.contains(&format!("requests=zero: {blank} jobs have blank requests and ask for nothing")));

    let machines = rows(&folder, "machine_events");
    let cpu: u64 = machines.iter().map(|f| part(&f[4], 64_000)).sum();
    let memory: u64 = machines.iter().map(|f| part(&f[5], 256 * GIB)).sum();
    assert_eq!(hosts.len(), machines.len());
    assert_eq!(hosts.iter().map(|h| h.cpu.0 as u64).sum::<u64>(), cpu);
    assert_eq!(hosts.iter().map(|h| h.memory.0 as u64).sum::<u64>(), memory);
    let labels: usize = hosts.iter().map(|h| h.labels.len()).sum();
    let known: Vec<&String> = machines.iter().map(|f| &f[1]).collect();
    let attributes = rows(&folder, "machine_attributes");
    assert_eq!(labels, attributes.iter().filter(|f| known.contains(&&f[1])).count());

    // Usage of one five-minute window: the mean of CPU, the most of memory.
    let usage = rows(&folder, "task_usage");
    assert_eq!(report.usage.unwrap().samples, usage.len() as u64);
    let (with, _, _) = import(&arg, &[("usage", "mean"), ("open", "last-seen")]);
    for f in usage.iter().take(20) {
        let job = with.find(&format!("{}-{}", f[2], f[3])).unwrap();
        // It was there when the window began, and was last seen at the end of its row.
        let lasts = f[1].parse::<u64>().unwrap() - 600_000_000;
        assert_eq!(with.duration(job).unwrap().0, lasts);
    }
    assert_eq!(import(&arg, &[("requests", "drop")]).0.len(), 1_015 - blank);
    let alone = read_cluster(&arg, &BTreeMap::new(), &Budgets::default()).unwrap();
    assert_eq!(alone.hosts, hosts);
}

#[test]
fn the_excerpt_replays_on_all_control_planes() {
    let Some(folder) = shared("google-2011-excerpt") else { return };
    let trace = format!("google-2011:{}", folder.display());
    let run = ["run", "--trace", &trace, "--to", "5m", "--check", "--format", "json"];
    let (out, _) = program::expect(0, &run);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let runs = told["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3, "chef, fleet and kubernetes");
    // What is converted replays as the trace itself does.
    let scratch = Folder::new("google-2011-native");
    let native = scratch.of("x.csv");
    program::expect(0, &["trace", "import", "google-2011", &folder.display().to_string(), "-o", &native]);
    let native = format!("native:{native}");
    let (again, _) = program::expect(0, &["run", "--trace", &native, "--to", "5m", "--check", "--format", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    for (a, b) in runs.iter().zip(again["runs"].as_array().unwrap()) {
        assert_eq!(a["digest"], b["digest"], "{}", a["name"]);
    }
}

#[test]
fn a_flattened_copy_of_another_trace_is_named_for_what_it_is() {
    let Some(file) = shared("google-2019-flattened/slice.csv") else { return };
    let file = file.display().to_string();
    let error = TraceArg::parse(&file).unwrap_err().to_string();
    assert!(
        error.contains("is a flattened join of tables of Google's trace of 2019, not the original layout"),
        "{error}"
    );
    for format in ["google-2011", "native", "openb"] {
        let arg = TraceArg::parse(&format!("{format}:{file}")).unwrap();
        let error = read_trace(&arg, &BTreeMap::new(), &Budgets::default()).unwrap_err();
        assert!(error.to_string().contains("not the original layout"), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
}
