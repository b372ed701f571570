//! Google's cluster trace of 2011 (clusterdata-2011-2): a folder of tables, each one file or a folder of parts.
//!
//! Tables have no header, times are µs with the window of the trace beginning at 600 s; 0 means before it and 2^63-1
//! after its end. A task of the trace is a job here; the trace's job is its app. What the events of a task add up to is
//! decided in `tasks`, what a job becomes of it in `jobs`; constraints are in `rules`, machines and their attributes in
//! `hosts`, usage in `usage`. Disk, user and names of jobs decide nothing.

mod hosts;
mod jobs;
mod numbers;
mod rules;
mod tasks;
#[cfg(test)]
mod tests;
mod usage;

use std::path::{Path, PathBuf};

use super::{Column, FormatInfo, Import, OptionInfo, OptionValues, Place, Row, Source, TableShape, option, parts};
use crate::error::{Error, Result};
use crate::workload::LONGEST_US;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "google-2011",
    summary: "Google ClusterData 2011: a folder with task_events, machine_events and more, in files or folders of parts",
    options: &[
        OptionInfo {
            name: "cpu",
            values: OptionValues::Cpu,
            default: "64",
            summary: "CPU of the largest machine, which the trace calls 1.0",
        },
        OptionInfo {
            name: "memory",
            values: OptionValues::Memory,
            default: "256Gi",
            summary: "memory of the largest machine, which the trace calls 1.0",
        },
        OptionInfo {
            name: "attempts",
            values: OptionValues::OneOf(&["last", "sum"]),
            default: "last",
            summary: "a task that ran several times lasts as its last successful run (or last run), or as all runs together",
        },
        OptionInfo {
            name: "requests",
            values: OptionValues::OneOf(&["zero", "drop"]),
            default: "zero",
            summary: "tasks whose requests are blank ask for nothing, or are left out",
        },
        OptionInfo {
            name: "limits",
            values: OptionValues::OneOf(&["none", "request"]),
            default: "none",
            summary: "jobs have no limits, or what the trace gives as request, the most permitted, is their limit too",
        },
        OptionInfo {
            name: "services",
            values: OptionValues::OneOf(&["class-3", "priority-9", "none"]),
            default: "class-3",
            summary: "tasks of scheduling class 3, or of priority 9 and more, or none, are services that are removed",
        },
        option::OPEN,
        option::USAGE,
        option::USAGE_STAT,
        option::UNCENSOR,
    ],
    sniff: Some(|seen| seen.has_table("task_events")),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

/// Where the window of the trace begins on its own clock (format document, "time and timestamps").
const ORIGIN_US: u64 = 600_000_000;
/// The moment that stands for all after the end of the trace.
const AFTER: u64 = (1 << 63) - 1;

const TASK_EVENTS: &str = "task_events";
const JOB_EVENTS: &str = "job_events";
const CONSTRAINTS: &str = "task_constraints";
const USAGE: &str = "task_usage";
const MACHINES: &str = "machine_events";
const ATTRIBUTES: &str = "machine_attributes";

/// The folder of the tables.
fn folder(source: &Source) -> Result<&Path> {
    parts::folder(&source.path, "the folder with task_events (and machine_events and more) in it")
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let folder = folder(source)?;
    let events = parts::of_table(folder, TASK_EVENTS)?;
    let Some(first) = events.first() else {
        return Err(Error::input("the folder has no task_events (a file or a folder of parts)").in_file(folder));
    };
    import.jobs_are_in(&parts::text(first));
    import.report.origin_us = ORIGIN_US;
    say_units(import);

    let mut numbers = numbers::Numbers::default();
    // First, so that the constrained tasks, which are few, have the low numbers.
    let rules = rules::read(folder, &mut numbers, import)?;
    let mut tasks = tasks::read(&events, &mut numbers, import)?;
    read_job_events(folder, &mut numbers, import)?;
    let mut machines = hosts::read(folder, import, false)?;
    let usage = usage::read(folder, &numbers, &mut tasks, &mut machines, import)?;
    let missing_attributes = rules.attributes().filter(|name| !machines.has_attribute(name)).count();
    if missing_attributes > 0 {
        let what = format!("constraints name {missing_attributes} attributes that no machine has");
        import.report.warnings.push(what);
    }
    machines.add_to(import)?;
    jobs::add(tasks, numbers, &rules, usage, import)
}

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    let folder = folder(source)?;
    import.report.origin_us = ORIGIN_US;
    say_units(import);
    hosts::read(folder, import, true)?.add_to(import)
}

fn say_units(import: &mut Import) {
    let (cpu, memory) = (import.cpu_option("cpu"), import.memory_option("memory"));
    import.report.units.push(format!("CPU 1.0: {cpu} (--option cpu)"));
    import.report.units.push(format!("memory 1.0: {memory} (--option memory)"));
}

/// A moment of the trace's clock; `None`: after its end.
fn moment(row: &Row, column: Column) -> Result<Option<u64>> {
    let us = row.whole(column, "microseconds", AFTER)?;
    if us == AFTER {
        return Ok(None);
    }
    if us > LONGEST_US {
        return Err(row.refuse(column, format!("\"{us}\" is too late; at most 2^61 µs will do, or 2^63-1")));
    }
    Ok(Some(us))
}

/// The files of a table that may be missing, which is said.
fn optional_table(folder: &Path, table: &str, without: &str, import: &mut Import) -> Result<Vec<PathBuf>> {
    let files = parts::of_table(folder, table)?;
    if files.is_empty() {
        import.report.choices.push(format!("there is no {table}: {without}"));
    }
    Ok(files)
}

const JOB_EVENT_SHAPE: TableShape = TableShape::of(&[
    "time",
    "missing info",
    "job ID",
    "event type",
    "user",
    "scheduling class",
    "job name",
    "logical job name",
]);

/// Counts the events of jobs: all that they say of tasks is in the tasks' own.
fn read_job_events(folder: &Path, numbers: &mut numbers::Numbers, import: &mut Import) -> Result<()> {
    let files = optional_table(folder, JOB_EVENTS, "jobs without tasks are not counted", import)?;
    if files.is_empty() {
        return Ok(());
    }
    let with_tasks = numbers.jobs();
    let count = parts::rows::<8>(&files, &JOB_EVENT_SHAPE, import, &mut |import, row, columns| {
        moment(row, columns[0])?;
        row.whole(columns[3], "event types", 8)?;
        let job = row.whole(columns[2], "job numbers", u64::MAX)?;
        numbers.job(job);
        import.job_fits(numbers.jobs()).map_err(|error| row.place(error))
    })?;
    import.report.count("rows of job_events", count);
    import.report.count("jobs of the trace", numbers.jobs());
    import.report.count("jobs of the trace without tasks", numbers.jobs() - with_tasks);
    Ok(())
}

/// A name of the trace as a label or app can hold it: letters of base 64 that mean something in lists of labels become
/// those of base 64 for file names, and padding goes.
fn plain(name: &str) -> String {
    let name = name.trim().trim_end_matches('=');
    name.chars()
        .map(|c| match c {
            '+' => '-',
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') => c,
            _ => '_',
        })
        .collect()
}

/// The place of a folder, for errors of no row.
fn place(file: &Path) -> Place {
    Place { file: file.to_path_buf(), line: 0 }
}
