//! Trace events as Chrome and Perfetto show them: a process for each host of each run, jobs as pairs of asynchronous events,
//! counters of CPU and memory, instants for kills, evictions, and hosts that fall or come back.
//!
//! After the Trace Event Format (the object form with `traceEvents`). Times are microseconds of the simulation.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::ExportInfo;
use crate::experiment::Experiment;
use crate::ids::{HostId, JobId};
use crate::metrics::Record;
use crate::report::text::{host_name, job_name, sentence};
use crate::sim::Change;
use crate::units::SimTime;

pub(super) const INFO: ExportInfo = ExportInfo {
    name: "perfetto",
    file: "trace.json",
    summary: "Trace events for ui.perfetto.dev and chrome://tracing: hosts as processes, jobs, CPU and memory, kills",
    write,
};

/// Events one after the other, with commas between them.
struct Events<'a> {
    out: &'a mut dyn Write,
    begun: bool,
}

impl Events<'_> {
    fn push(&mut self, event: &Value) -> io::Result<()> {
        self.out.write_all(if std::mem::replace(&mut self.begun, true) { b",\n" } else { b"\n" })?;
        serde_json::to_writer(&mut *self.out, event).map_err(io::Error::from)
    }
}

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let about = json!({
        "experiment": sentence(&experiment.name),
        "command": sentence(&experiment.command),
        "digest": format!("{:016x}", experiment.digest),
    });
    write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{about},\"traceEvents\":[")?;
    let mut events = Events { out, begun: false };
    for (number, run) in experiment.runs.iter().enumerate() {
        if let Some(record) = &run.record {
            let hosts = experiment.host_names.len().max(record.hosts.len());
            let pid = |host: HostId| 1 + number * hosts + host.index();
            of_run(experiment, &run.label.name, number, record, &pid, &mut events)?;
        }
    }
    writeln!(events.out, "\n]}}")
}

fn of_run(
    experiment: &Experiment,
    name: &str,
    number: usize,
    record: &Record,
    pid: &dyn Fn(HostId) -> usize,
    events: &mut Events<'_>,
) -> io::Result<()> {
    for host in &record.hosts {
        let (pid, name) = (pid(host.host), sentence(&format!("{name} {}", host.name)));
        events.push(&json!({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}}))?;
        events.push(&json!({"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}}))?;
        let mut last: [Option<Value>; 2] = [None, None];
        for (bucket, edge) in host.buckets.iter().zip(&record.edges) {
            let counters = [
                (
                    "CPU, cores",
                    json!({
                        "demanded": bucket.cpu_demand_cores,
                        "received": bucket.cpu_received_cores,
                        "requested": bucket.cpu_requested_cores,
                    }),
                ),
                (
                    "memory, bytes",
                    json!({"used": bucket.memory_used_bytes, "requested": bucket.memory_requested_bytes}),
                ),
            ];
            for ((counter, args), last) in counters.into_iter().zip(&mut last) {
                // What stays the same is drawn on.
                if last.as_ref() != Some(&args) {
                    events.push(&json!({"ph": "C", "name": counter, "pid": pid, "ts": edge.0, "args": args}))?;
                    *last = Some(args);
                }
            }
        }
    }
    let pair = |ph: &str, at: SimTime, (job, attempt, host): (JobId, u32, HostId), args: Value| {
        json!({
            "ph": ph, "cat": "job", "id": format!("{number}.{}.{attempt}", job.0), "name": sentence(&job_name(experiment, job)),
            "pid": pid(host), "tid": 0, "ts": at.0, "args": args,
        })
    };
    let mut live: BTreeMap<(JobId, u32), HostId> = BTreeMap::new();
    for (at, change) in &record.life {
        let instant = |name: &str, host: HostId, args: Value| json!({"ph": "i", "s": "p", "name": name, "pid": pid(host), "tid": 0, "ts": at.0, "args": args});
        match *change {
            Change::Started { job, attempt, host } => {
                live.insert((job, attempt), host);
                events.push(&pair("b", *at, (job, attempt, host), json!({"attempt": attempt})))?;
            }
            Change::Ended { job, attempt, host, why, served } => {
                // One that failed before it ran has not begun.
                if live.remove(&(job, attempt)).is_some() {
                    let args = json!({"end": why.name(), "served_core_seconds": served as f64 / 1e15});
                    events.push(&pair("e", *at, (job, attempt, host), args))?;
                }
                if why.is_oom() || why.is_eviction() || why.is_failure() {
                    let job = sentence(&job_name(experiment, job));
                    events.push(&instant(why.name(), host, json!({"job": job, "attempt": attempt})))?;
                }
            }
            Change::Repeats { job, host, why, times, last_attempt } => {
                // Retries that all ended alike, told once.
                let job = sentence(&job_name(experiment, job));
                let args = json!({"job": job, "attempt": last_attempt, "times": times});
                events.push(&instant(why.name(), host, args))?;
            }
            Change::HostUp { host } => events.push(&instant("host-up", host, json!({})))?,
            Change::HostDown { host, cause } => {
                events.push(&instant("host-down", host, json!({"cause": cause.name()})))?;
            }
            Change::HostLeft { host } => events.push(&instant("host-left", host, json!({})))?,
            Change::HostLost { host, lost: true } => {
                let host_name = sentence(&host_name(experiment, host));
                events.push(&instant("host-lost", host, json!({"host": host_name})))?;
            }
            _ => {}
        }
    }
    for ((job, attempt), host) in live {
        events.push(&pair("e", experiment.end, (job, attempt, host), json!({"end": "goes on when the run ends"})))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_read_back_has_every_start_and_its_end_and_every_kill() {
        for experiment in [fixture::hostile(), fixture::bare()] {
            let mut out = Vec::new();
            write(&experiment, &mut out).unwrap();
            let trace: Value = serde_json::from_slice(&out).unwrap();
            let events = trace["traceEvents"].as_array().unwrap();
            let of = |ph: &str| events.iter().filter(|event| event["ph"] == ph).collect::<Vec<_>>();
            let key =
                |event: &&Value| (event["pid"].as_u64().unwrap(), event["id"].to_string(), event["name"].to_string());
            let (begun, ended) = (of("b"), of("e"));
            assert_eq!(begun.len(), ended.len());
            assert_eq!(begun.iter().map(key).collect::<BTreeSet<_>>(), ended.iter().map(key).collect());
            let records = || experiment.runs.iter().filter_map(|run| run.record.as_ref());
            let changes = || records().flat_map(|record| &record.life).map(|(_, change)| change);
            let starts = changes().filter(|change| matches!(change, Change::Started { .. })).count();
            assert_eq!(begun.len(), starts);
            let killed = |change: &&Change| matches!(change, Change::Ended { why, .. } | Change::Repeats { why, .. } if why.is_oom());
            let shown = of("i").iter().filter(|event| event["name"].as_str().unwrap().starts_with("oom-")).count();
            assert_eq!(shown, changes().filter(killed).count());
            let hosts: usize = records().map(|record| record.hosts.len()).sum();
            let names = of("M").iter().filter(|event| event["name"] == "process_name").count();
            assert_eq!(names, hosts);
            let pids: BTreeSet<u64> = of("M").iter().map(|event| event["pid"].as_u64().unwrap()).collect();
            assert_eq!(pids.len(), hosts, "every host of every run is a process of its own");
            for event in events {
                assert!(pids.contains(&event["pid"].as_u64().unwrap()), "{event}");
            }
        }
    }
}
