//! Alibaba's cluster trace of 2017: a folder of tables, each one file or several.
//!
//! A task of the trace is many instances alike; each is a job here, and the trace's job is its app. Where batch_instance is
//! there, it says how long each instance ran; else all run for as long as their task. Containers are services. Times are
//! seconds of one day. Disk, load averages and counters of the processor decide nothing.

mod batch;
mod containers;
mod hosts;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::{Column, FormatInfo, Import, OptionInfo, OptionValues, Row, Source, option, parts};
use crate::error::{Error, Result};
use crate::units::SECOND_US;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "alibaba-2017",
    summary: "Alibaba cluster trace 2017: a folder with batch_task, server_event and, where there, containers and instances",
    options: &[
        OptionInfo {
            name: "memory",
            values: OptionValues::Memory,
            default: "256Gi",
            summary: "memory of the largest machine, which the trace calls 1.0",
        },
        OptionInfo {
            name: "instances",
            values: OptionValues::OneOf(&["each", "one"]),
            default: "each",
            summary: "each instance of a task is a job, or one stands for all of its task (less load, for a quick look)",
        },
        OptionInfo {
            name: "unplanned",
            values: OptionValues::OneOf(&["drop", "zero"]),
            default: "drop",
            summary: "tasks without a plan of CPU and memory are left out, or ask for nothing",
        },
        OptionInfo {
            name: "errors",
            values: OptionValues::OneOf(&["ignore", "taint"]),
            default: "ignore",
            summary: "errors of servers are counted, or their hosts take no new jobs at any time (the trace has no recovery)",
        },
        option::OPEN,
        option::USAGE,
        option::USAGE_STAT,
        option::UNCENSOR,
    ],
    sniff: Some(|seen| {
        // The trace of 2018 has a batch_task too.
        seen.has_table("server_event") && (seen.has_table(TASKS) || seen.has_table(CONTAINERS))
    }),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

const TASKS: &str = "batch_task";
const INSTANCES: &str = "batch_instance";
const CONTAINERS: &str = "container_event";
const CONTAINER_USAGE: &str = "container_usage";
const SERVERS: &str = "server_event";
const SERVER_USAGE: &str = "server_usage";
/// A window of usage.
const WINDOW_US: u64 = 300 * SECOND_US;

/// The folder of the tables.
fn folder(source: &Source) -> Result<&Path> {
    parts::folder(&source.path, "the folder with batch_task (and server_event and more) in it")
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let folder = folder(source)?;
    let tables = [TASKS, INSTANCES, CONTAINERS].map(|table| parts::of_table(folder, table));
    let [tasks, instances, containers] = tables;
    let (tasks, instances, containers) = (tasks?, instances?, containers?);
    let Some(first) = tasks.iter().chain(&instances).chain(&containers).next() else {
        return Err(Error::input("the folder has no batch_task, batch_instance or container_event").in_file(folder));
    };
    import.jobs_are_in(&parts::text(first));
    say_units(import);
    hosts::read(folder, import, false)?;
    batch::read(&tasks, &instances, import)?;
    containers::read(folder, &containers, import)?;
    if !parts::of_table(folder, SERVER_USAGE)?.is_empty() {
        import.report.ignore("server_usage: what servers do is what the replay finds out", 0);
    }
    Ok(())
}

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    say_units(import);
    hosts::read(folder(source)?, import, true)
}

fn say_units(import: &mut Import) {
    let memory = import.memory_option("memory");
    import.report.units.push(format!("memory 1.0: {memory} (--option memory; assumed)"));
    import.report.units.push("CPU: plans of tasks in hundredths of a core, all else in cores".into());
}

/// Seconds, perhaps before the window, which is negative; `None` where blank.
fn seconds(row: &Row, column: Column) -> Result<Option<i64>> {
    let Some(seconds) = row.signed(column, "seconds")? else { return Ok(None) };
    const MOST: i64 = (crate::workload::LONGEST_US / SECOND_US) as i64;
    if !(-MOST..=MOST).contains(&seconds) {
        return Err(row.refuse(column, format!("\"{seconds}\" seconds is too far; at most {MOST} will do")));
    }
    Ok(Some(seconds))
}

/// Seconds as µs of the run: what is before the window is at its beginning.
fn run_us(seconds: i64) -> u64 {
    seconds.max(0) as u64 * SECOND_US
}
