//! The native format: what every importer converts to, and the one that can say all a workload may hold.
//!
//! `x.csv` holds jobs; beside it, where present, `x.hosts.csv` holds hosts, `x.outages.csv` when these were down,
//! `x.usage.csv` what jobs really used and `x.objects.json` Kubernetes objects that jobs and hosts were described by. Any of
//! them may be packed. Columns go by name; an unknown one is refused. As the format is ours, a row that cannot be used is
//! an error, never left out, and so is what cannot be written.

mod hosts;
mod jobs;
mod lists;
mod objects;
#[cfg(test)]
mod tests;
mod usage;

pub use hosts::write_hosts;
pub use jobs::write_jobs;
pub use objects::{has_objects, write_objects};
pub use usage::write_usage;

use std::collections::BTreeMap;
use std::path::Path;

use super::{FormatInfo, Import, OutageTarget, Source, read_outage_rows};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::workload::Workload;
use objects::Beside;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "native",
    summary: "Plimsoll's own: x.csv with jobs, and beside it x.hosts.csv, x.outages.csv, x.usage.csv and x.objects.json where present",
    sniff: Some(|seen| !seen.is_folder && seen.has_columns(&JOB_COLUMNS[..5])),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

/// Columns of jobs in the order they are written; the first five are required.
///
/// `gpus` (thousandths), `extended` (`name=amount`), `node_selector` (`key=value`), `tolerations`, `ports` and `after`
/// are lists joined by `;`, `gpu_models` by `|`. A blank `duration_us` is an open end, for services only. `template` is
/// `namespace/name` of a Pod in `x.objects.json`, `trace_end_us` the end of the trace, the same whatever the row.
pub const JOB_COLUMNS: [&str; 35] = [
    "job",
    "arrival_us",
    "duration_us",
    "cpu_request_milli",
    "memory_request_bytes",
    "app",
    "namespace",
    "process_type",
    "kind",
    "restart",
    "priority",
    "cpu_limit_milli",
    "memory_limit_bytes",
    "ephemeral_request_bytes",
    "gpus",
    "gpu_models",
    "extended",
    "node_selector",
    "constraints",
    "apart",
    "tolerations",
    "ports",
    "after",
    "checkpoint",
    "x_fleet",
    "controller",
    "unserved",
    "threads",
    "processes",
    "ephemeral_limit_bytes",
    "ephemeral_used_bytes",
    "file_touches",
    "leak_touches",
    "template",
    "trace_end_us",
];

/// Columns of hosts in the order they are written; the first three are required. Lists as in [`JOB_COLUMNS`].
pub const HOST_COLUMNS: [&str; 13] = [
    "host",
    "cpu_milli",
    "memory_bytes",
    "joins_us",
    "leaves_us",
    "labels",
    "taints",
    "pods",
    "gpus",
    "gpu_model",
    "ephemeral_bytes",
    "extended",
    "node",
];

/// Columns of usage: rows of one job are its steps in order; a blank `length_us` lasts to the end. `cpu_milli` may
/// stand in for `cpu_nano`.
pub const USAGE_COLUMNS: [&str; 6] = ["job", "length_us", "cpu_nano", "memory_bytes", "cache_bytes", "cpu_milli"];

/// The path beside `jobs` that holds the table `what`, plain or packed; `None` if there is none or the name of `jobs` gives
/// none.
fn beside(jobs: &str, what: &str) -> Result<Option<String>> {
    match stem(jobs) {
        Some(stem) => there(&format!("{stem}.{what}"), &["csv", "csv.gz", "csv.zst", "parquet"]),
        None => Ok(None),
    }
}

/// A table's path without `.csv` or `.parquet` and the ending of its packing.
fn stem(path: &str) -> Option<&str> {
    let plain = [".gz", ".zst"].iter().find_map(|packed| path.strip_suffix(packed)).unwrap_or(path);
    [".csv", ".parquet"].iter().find_map(|ending| plain.strip_suffix(ending))
}

/// The file `stem` with one of these endings, if it is there.
fn there(stem: &str, endings: &[&str]) -> Result<Option<String>> {
    let spellings: Vec<String> = endings.iter().map(|ending| format!("{stem}.{ending}")).collect();
    let mut there = spellings.into_iter().filter(|path| Path::new(path).exists());
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => {
            Err(Error::input(format!("{other} is there too; remove the one that does not belong")).in_file(one))
        }
        (one, _) => Ok(one),
    }
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let path = source.path.as_str();
    if Path::new(path).is_dir() {
        return Err(Error::input("is a folder; name the CSV file of the jobs").in_file(path));
    }
    // Jobs carry their usage and their pods, so these are read first.
    let usage_path = beside(path, "usage")?;
    let mut usage = match &usage_path {
        Some(usage) => usage::read_usage(usage, import)?,
        None => BTreeMap::new(),
    };
    let mut objects = Beside::of_jobs(path, import.budgets)?;
    let had_usage = usage_path.is_some();
    jobs::read_jobs(path, import, &mut usage, &mut objects)?;
    if let Some(usage_path) = usage_path
        && let Some((name, profile)) = usage.iter().min_by_key(|(_, profile)| profile.line)
    {
        let what = format!("\"{name}\" is not a job of {path}");
        return Err(Error::input(what).in_field("job").in_file(usage_path).at_line(profile.line));
    }
    // No path here: what a report says must not depend on where the files lie.
    let say = |beside: bool, yes: &str, no: &str| if beside { yes.to_string() } else { no.to_string() };
    let hosts = beside(path, "hosts")?;
    let choices = &mut import.report.choices;
    choices.push(say(
        had_usage,
        "usage is as in the table beside the jobs",
        "no table of usage: it is as --usage says",
    ));
    choices.push(say(hosts.is_some(), "hosts are as in the table beside the jobs", "no table of hosts"));
    if let Some(hosts) = hosts {
        hosts::read_hosts(&hosts, import, &mut objects)?;
        read_outages_beside(path, import)?;
    }
    objects.finish(import);
    Ok(())
}

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    match beside(&source.path, "hosts")? {
        Some(hosts) => {
            read_hosts_table(&hosts, import)?;
            read_outages_beside(&source.path, import)
        }
        None => read_hosts_table(&source.path, import),
    }
}

/// Reads `x.outages.csv` beside the jobs.
fn read_outages_beside(jobs: &str, import: &mut Import) -> Result<()> {
    let Some(path) = beside(jobs, "outages")? else { return Ok(()) };
    read_outage_rows(&path, import.budgets, &mut |row, column, outage| match (&outage.target, column) {
        (OutageTarget::Host(name), Some(column)) if !import.has_host(name) => {
            Err(row.refuse(column, format!("unknown host \"{name}\"")))
        }
        _ => import.outage(&row.at(), outage),
    })
    .map(drop)
}

/// Reads a table of hosts alone, with the Nodes beside it.
pub(super) fn read_hosts_table(path: &str, import: &mut Import) -> Result<()> {
    let mut objects = Beside::of_hosts(path, import.budgets)?;
    hosts::read_hosts(path, import, &mut objects)
}

/// The tables and objects as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeFiles {
    /// `x.csv`.
    pub jobs: Vec<u8>,
    /// `x.hosts.csv`.
    pub hosts: Vec<u8>,
    /// `x.usage.csv`; `None` where no job has a usage profile.
    pub usage: Option<Vec<u8>>,
    /// `x.objects.json`; `None` where nothing was described by a Kubernetes object.
    pub objects: Option<Vec<u8>>,
}

/// Writes jobs and hosts so that reading gives the same ones. See [`write_jobs`] and [`write_objects`] for what cannot be
/// written.
pub fn write(workload: &Workload, hosts: &[HostSpec]) -> Result<NativeFiles> {
    let mut files = NativeFiles { jobs: Vec::new(), hosts: Vec::new(), usage: None, objects: None };
    write_jobs(workload, &mut files.jobs)?;
    write_hosts(hosts, &mut files.hosts)?;
    if workload.ids().any(|job| !workload.profile(job).is_empty()) {
        write_usage(workload, files.usage.insert(Vec::new()))?;
    }
    if has_objects(workload, hosts) {
        write_objects(workload, hosts, files.objects.insert(Vec::new()))?;
    }
    Ok(files)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::failed(format!("cannot write the table ({error})"))
}
