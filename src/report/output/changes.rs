//! `changes.csv`: the life of jobs and hosts, change by change. Rates and sums are in `hosts.csv`.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, csv_writer};
use crate::experiment::Experiment;
use crate::host::kubelet::threshold::Condition;
use crate::ids::{HostId, JobId};
use crate::report::text::{cell, host_name, job_name};
use crate::sim::Change;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "changes.csv",
    summary: "What happened to jobs and hosts: arrivals, placements, starts, ends, falls, losses",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

/// A change as a row.
#[derive(Default)]
pub(in crate::report) struct Row {
    /// What happened.
    pub change: &'static str,
    /// To which job.
    pub job: Option<JobId>,
    /// To which of its attempts.
    pub attempt: Option<u32>,
    /// Where.
    pub host: Option<HostId>,
    /// How or why.
    pub detail: &'static str,
    /// How often, or how many.
    pub times: Option<u64>,
    /// What it had been served, nano-core-microseconds.
    pub served: Option<u128>,
}

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["run", "at_us", "change", "job", "attempt", "host", "detail", "times", "served_nano_core_us"])?;
    for run in &experiment.runs {
        let Some(record) = &run.record else { continue };
        let name = cell(&run.label.name);
        for (at, change) in &record.life {
            let Some(row) = row(change) else { continue };
            csv.write_record([
                name.as_str(),
                &at.0.to_string(),
                row.change,
                &row.job.map(|job| cell(&job_name(experiment, job))).unwrap_or_default(),
                &row.attempt.map(|n| n.to_string()).unwrap_or_default(),
                &row.host.map(|host| cell(&host_name(experiment, host))).unwrap_or_default(),
                row.detail,
                &row.times.map(|n| n.to_string()).unwrap_or_default(),
                &row.served.map(|n| n.to_string()).unwrap_or_default(),
            ])?;
        }
    }
    csv.flush()
}

/// `None` for changes that are no change of life (rates, sums, valuations).
pub(in crate::report) fn row(change: &Change) -> Option<Row> {
    let none = Row::default();
    let switch = |on: bool| if on { "on" } else { "off" };
    Some(match *change {
        Change::Arrived { job } => Row { change: "arrived", job: Some(job), ..none },
        Change::Placed { job, host } => Row { change: "placed", job: Some(job), host: Some(host), ..none },
        Change::Preempts { job, host, victims, applied } => Row {
            change: "preempts",
            job: Some(job),
            host: Some(host),
            detail: if applied { "victims evicted" } else { "only reported" },
            times: Some(victims.into()),
            ..none
        },
        Change::Device { job, host, device } => {
            Row { change: "device", job: Some(job), host: Some(host), times: Some(device.into()), ..none }
        }
        Change::Started { job, attempt, host } => {
            Row { change: "started", job: Some(job), attempt: Some(attempt), host: Some(host), ..none }
        }
        Change::Ended { job, attempt, host, why, served } => Row {
            change: "ended",
            job: Some(job),
            attempt: Some(attempt),
            host: Some(host),
            detail: why.name(),
            served: Some(served),
            ..none
        },
        Change::Repeats { job, host, why, times, last_attempt } => Row {
            change: "repeats",
            job: Some(job),
            attempt: Some(last_attempt),
            host: Some(host),
            detail: why.name(),
            times: Some(times),
            ..none
        },
        Change::Finished { job } => Row { change: "finished", job: Some(job), ..none },
        Change::Removed { job } => Row { change: "removed", job: Some(job), ..none },
        Change::GaveUp { job } => Row { change: "gave-up", job: Some(job), ..none },
        Change::HostUp { host } => Row { change: "host-up", host: Some(host), ..none },
        Change::HostDown { host, cause } => Row { change: "host-down", host: Some(host), detail: cause.name(), ..none },
        Change::HostLeft { host } => Row { change: "host-left", host: Some(host), ..none },
        Change::Thrash { host, on } => Row { change: "thrash", host: Some(host), detail: switch(on), ..none },
        Change::DaemonDown { host, daemon } => Row { change: "daemon-down", host: Some(host), detail: daemon, ..none },
        Change::DaemonUp { host, daemon } => Row { change: "daemon-up", host: Some(host), detail: daemon, ..none },
        Change::ProcessKilled { job, attempt, host, left } => Row {
            change: "process-killed",
            job: Some(job),
            attempt: Some(attempt),
            host: Some(host),
            detail: "processes left",
            times: Some(left.into()),
            ..none
        },
        Change::DaemonStarved { host, on, .. } => {
            Row { change: "daemon-starved", host: Some(host), detail: switch(on), ..none }
        }
        Change::Heartbeats { host, on } => Row { change: "heartbeats", host: Some(host), detail: switch(on), ..none },
        Change::Incident { what, host } => Row { change: "incident", host, detail: what.name(), ..none },
        Change::HostLost { host, lost } => Row { change: "host-lost", host: Some(host), detail: switch(lost), ..none },
        Change::Pressure { host, condition, on } => {
            Row { change: pressure_word(condition), host: Some(host), detail: switch(on), ..none }
        }
        Change::Maintenance { host, step } => {
            Row { change: "maintenance", host: Some(host), detail: step.name(), ..none }
        }
        Change::FailureMissed { host } => Row { change: "failure-missed", host: Some(host), ..none },
        Change::WindowBegins => Row { change: "window-begins", ..none },
        _ => return None,
    })
}
fn pressure_word(condition: Condition) -> &'static str {
    match condition {
        Condition::MemoryPressure => "memory-pressure",
        Condition::DiskPressure => "disk-pressure",
        Condition::PidPressure => "pid-pressure",
    }
}
