//! Virtual machines of Azure and Bitbrains, and series of Alibaba's pods, against short computations, and replayed.

use std::collections::BTreeMap;

use plimsoll::rng::Seed;
use plimsoll::trace::{Budgets, TraceArg, read_trace};
use plimsoll::units::SECOND_US;
use plimsoll::workload::{JobKind, UsageMode};

use crate::program::{self, Folder};
use crate::shared_traces::{import, shared, text};

#[test]
fn azure_vms_are_what_a_few_lines_make_of_their_table() {
    let Some(folder) = shared("azure-2017-vm") else { return };
    let (workload, _, report) = import(folder.to_str().unwrap(), &[]);
    assert_eq!((report.format.as_str(), workload.len(), report.rows_read), ("azure-vm", 10, 10));
    let table = text(&folder.join("vmtable.csv.gz"));
    let (mut alive, mut seconds, mut cores, mut memory) = (0, 0, 0, 0.0);
    for line in table.lines() {
        let f: Vec<&str> = line.split(',').collect();
        let (from, to): (u64, u64) = (f[3].parse().unwrap(), f[4].parse().unwrap());
        (cores, memory) = (cores + f[9].parse::<i64>().unwrap(), memory + f[10].parse::<f64>().unwrap());
        match to {
            2_591_700 => alive += 1,
            _ => seconds += to - from,
        }
        let job = workload.find(f[0]).unwrap();
        assert_eq!(workload.arrival(job).0, from * SECOND_US);
        assert_eq!(workload.spec(job).namespace, f[1]);
        assert_eq!(workload.apps()[workload.app(job).index()].name, f[2]);
    }
    assert!(workload.ids().all(|job| workload.spec(job).kind == JobKind::Service));
    assert_eq!(workload.ids().filter(|&job| workload.duration(job).is_none()).count(), alive);
    let lives = |job| workload.duration(job).map_or(0, |d| d.0 / SECOND_US);
    assert_eq!(workload.ids().map(lives).sum::<u64>(), seconds);
    assert_eq!(workload.ids().map(|job| workload.cpu_request(job).0).sum::<i64>(), cores * 1_000);
    assert_eq!(
        workload.ids().map(|job| workload.memory_request(job).0).sum::<i64>(),
        (memory * (1u64 << 30) as f64) as i64
    );
    // The excerpt's readings are of other machines than its table.
    let readings = text(&folder.join("vm_cpu_readings-file-1-of-125.csv.gz"));
    let ours = readings.lines().filter(|line| table.contains(line.split(',').nth(1).unwrap())).count() as u64;
    let strangers = report.fields_ignored.get("readings of VMs that vmtable does not have").copied().unwrap_or(0);
    assert_eq!((report.usage.unwrap().samples, strangers), (ours, 100 - ours));
    let trace = format!("azure-vm:{}", folder.display());
    let args = [
        "run",
        "--trace",
        &trace,
        "--option",
        "usage=mean",
        "--hosts",
        "4:16,64Gi",
        "--horizon",
        "1d",
        "--check",
        "--format",
        "csv",
    ];
    let (out, _) = program::expect(0, &args);
    assert_eq!(out.lines().count(), 4, "{out}");
}

#[test]
fn a_vm_of_bitbrains_is_what_a_few_lines_make_of_its_samples() {
    let Some(path) = shared("bitbrains-opendc/bitbrains.csv.gz") else { return };
    let (workload, _, report) = import(path.to_str().unwrap(), &[("usage-stat", "mean")]);
    assert_eq!((report.format.as_str(), workload.len(), report.rows_read), ("bitbrains", 1, 8_619));
    let rows: Vec<Vec<f64>> = text(&path)
        .lines()
        .skip(1)
        .map(|line| line.split(';').map(|field| field.trim().parse().unwrap()).collect())
        .collect();
    let job = workload.ids().next().unwrap();
    assert_eq!(workload.name(job), "bitbrains");
    let life = rows[rows.len() - 1][0] - rows[0][0] + 300.0;
    assert_eq!(workload.duration(job).unwrap().as_secs_f64(), life);
    assert_eq!((workload.cpu_request(job).0, workload.memory_request(job).0), (1_000, 2_097_152 << 10));
    // CPU-seconds and byte-seconds, the last sample for 300 s.
    let (mut cpu, mut memory) = (0.0, 0.0);
    for (i, row) in rows.iter().enumerate() {
        let length = rows.get(i + 1).map_or(300.0, |next| next[0] - row[0]);
        cpu += row[3] / row[2] * row[1] * length;
        memory += row[6] * 1024.0 * length;
    }
    let (mut got, mut elapsed) = ((0.0, 0.0), 0);
    for step in workload.profile(job) {
        let length_us = step.length_us.min(workload.duration(job).unwrap().0 - elapsed);
        elapsed += length_us;
        let length = length_us as f64 / SECOND_US as f64;
        got = (got.0 + step.cpu_nano as f64 / 1e9 * length, got.1 + step.memory.0 as f64 * length);
    }
    assert!((got.0 / cpu - 1.0).abs() < 1e-6 && (got.1 / memory - 1.0).abs() < 1e-6, "{got:?} {cpu} {memory}");
    let trace = format!("bitbrains:{}", path.display());
    let (out, _) = program::expect(
        0,
        &["run", "--trace", &trace, "--hosts", "2:2,4Gi", "--horizon", "12h", "--check", "--format", "csv"],
    );
    assert_eq!(out.lines().count(), 4, "{out}");
}

#[test]
fn series_of_pods_lie_over_the_jobs_of_a_trace() {
    let Some(path) = shared("alibaba-genai-2026/pod_memory_util_anon_rows1-107445.csv.gz") else { return };
    let folder = Folder::new("genai-overlay");
    let rows: String = (0..20).map(|i| format!("j{i},0,600000000,500,1073741824\n")).collect();
    let jobs = folder.put(
        "jobs.csv",
        format!("job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\n{rows}").as_bytes(),
    );
    let mut imported =
        read_trace(&TraceArg::parse(&format!("native:{jobs}")).unwrap(), &BTreeMap::new(), &Budgets::default())
            .unwrap();
    let over = format!("genai:{}", path.display());
    imported.overlay(&TraceArg::parse(&over).unwrap(), &BTreeMap::new(), &Budgets::default()).unwrap();
    let (workload, _, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    let table = text(&path);
    let blank = table.lines().skip(1).filter(|line| line.ends_with(',')).count() as u64;
    assert_eq!(report.rows_dropped["genai: container_ip is blank"], blank);
    assert_eq!(report.usage.unwrap().samples + report.usage.unwrap().without_length + blank, 107_445);
    // The first job in order of names gets the first container in order of names: its first value.
    let mut first: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for line in table.lines().skip(1).filter(|line| !line.ends_with(',')) {
        let f: Vec<&str> = line.split(',').collect();
        let (at, value): (f64, f64) = (f[1].parse().unwrap(), f[0].parse().unwrap());
        let held = first.entry(f[2]).or_insert((at, value));
        if at < held.0 {
            *held = (at, value);
        }
    }
    assert!(report.choices.iter().any(|said| said.starts_with(&format!("usage of {} series", first.len()))));
    let step = workload.profile(workload.find("j0").unwrap())[0];
    let want = first.values().next().unwrap().1 * 1_073_741_824.0;
    assert!((step.memory.0 as f64 - want).abs() < 2.0, "{step:?} {want}");
    assert_eq!(step.cpu_nano, 500_000_000);
    for gpu in ["pod_gpu_duty_cycle_anon_rows1-78708.csv.gz", "pod_gpu_memory_used_bytes_anon_rows1-80706.csv.gz"] {
        let over = format!("genai:{}", path.with_file_name(gpu).display());
        let (_, err) =
            program::expect(3, &["run", "--trace", &format!("native:{jobs}"), "--hosts", "4:4,8Gi", "--usage", &over]);
        assert!(err.contains("a series of GPUs: no model uses it"), "{err}");
    }
    let (out, _) = program::expect(
        0,
        &[
            "run",
            "--trace",
            &format!("native:{jobs}"),
            "--hosts",
            "4:4,8Gi",
            "--usage",
            &over,
            "--check",
            "--format",
            "csv",
        ],
    );
    assert_eq!(out.lines().count(), 4, "{out}");
}
