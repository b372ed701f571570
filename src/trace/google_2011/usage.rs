//! Usage of tasks, and which of it was on a machine with nothing to spare.
//!
//! A machine is busy in a window of five minutes if the mean CPU of its tasks adds up to 95 % of it. That is known when all
//! rows of the window are there, so rows wait for it; where more of them wait than fit, the earliest windows go first,
//! and a row that comes after its window is judged by those that come with it.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::parts::rows;
use super::super::samples::CENSORED_MILLI;
use super::super::{Import, Reading, Sample, Samples, TableShape};
use super::hosts::Hosts;
use super::numbers::Numbers;
use super::tasks::{NONE, Tasks};
use super::{USAGE, moment, optional_table};
use crate::error::Result;
use crate::units::MilliCpu;

const SHAPE: TableShape = TableShape {
    // Version 2.0 of the trace lacks the last column.
    least: 19,
    ..TableShape::of(&[
        "start time",
        "end time",
        "job ID",
        "task index",
        "machine ID",
        "mean CPU usage rate",
        "canonical memory usage",
        "assigned memory usage",
        "unmapped page cache",
        "total page cache",
        "maximum memory usage",
        "mean disk I/O time",
        "mean local disk space used",
        "maximum CPU usage",
        "maximum disk I/O time",
        "cycles per instruction",
        "memory accesses per instruction",
        "sample portion",
        "aggregation type",
        "sampled CPU usage",
    ])
};

/// A window of the trace.
const WINDOW_US: u64 = 300_000_000;
/// Most rows that wait for their window.
const WAITING: usize = 1 << 20;

/// A row that waits.
struct Waiting {
    task: u32,
    machine: u32,
    sample: Sample,
}

/// Rows by window.
#[derive(Default)]
struct Windows {
    waiting: BTreeMap<u64, Vec<Waiting>>,
    rows: usize,
    /// The first window that did not go yet.
    next: u64,
    /// Rows that came after theirs had gone.
    late: u64,
}

impl Windows {
    /// Gives the earliest window to `samples`.
    fn release(&mut self, hosts: &Hosts, samples: &mut Samples) {
        let Some((window, waiting)) = self.waiting.pop_first() else { return };
        self.next = self.next.max(window + 1);
        self.rows -= waiting.len();
        let mut busy: BTreeMap<u32, u128> = BTreeMap::new();
        for row in &waiting {
            let length = row.sample.end_us.saturating_sub(row.sample.start_us).min(WINDOW_US);
            *busy.entry(row.machine).or_default() += u128::from(row.sample.cpu.mean.unwrap_or(0)) * u128::from(length);
        }
        for mut row in waiting {
            let capacity = u128::from(hosts.cpu_nano(row.machine)) * u128::from(WINDOW_US);
            row.sample.host_busy = capacity > 0 && busy[&row.machine] * 1_000 >= capacity * u128::from(CENSORED_MILLI);
            samples.add(row.task, &row.sample);
        }
    }
}

/// Reads usage, if it is asked for; the last moment of it counts as seen.
pub(super) fn read(
    folder: &Path,
    numbers: &Numbers,
    tasks: &mut Tasks,
    hosts: &mut Hosts,
    import: &mut Import,
) -> Result<Samples> {
    let mut samples = import.samples();
    if import.option("usage") == "none" {
        import
            .report
            .choices
            .push("usage=none: task_usage is not read; jobs use what the run's usage model says".into());
        return Ok(samples);
    }
    let files = optional_table(folder, USAGE, "jobs use what the run's usage model says", import)?;
    let keeps = import.option("usage") == "steps";
    let (cpu, memory) = (import.cpu_option("cpu").nano_cores(), import.memory_option("memory").0 as u64);
    let (mut strangers, mut after, mut no_machine) = (0u64, 0u64, 0u64);
    let mut windows = Windows::default();
    let count = rows::<20>(&files, &SHAPE, import, &mut |import, row, c| {
        let (start, end) = (moment(row, c[0])?, moment(row, c[1])?);
        let job = row.whole(c[2], "job numbers", u64::MAX)?;
        let index = row.whole(c[3], "task indices", u64::from(u32::MAX - 1))? as u32;
        let cpu = |at: usize| row.scaled(c[at], "CPU of the largest machine", cpu, 1 << 53);
        let memory = |at: usize| row.scaled(c[at], "memory of the largest machine", memory, 1 << 53);
        let (mean_cpu, max_cpu) = (cpu(5)?, cpu(13)?);
        let (mean_memory, assigned, max_memory) = (memory(6)?, memory(7)?, memory(10)?);
        let (Some(start_us), Some(end_us)) = (start, end) else {
            after += 1;
            return Ok(());
        };
        let task = numbers.get(job, index).filter(|&task| (task as usize) < tasks.all.len());
        let Some(task) = task else {
            strangers += 1;
            return Ok(());
        };
        if keeps {
            import.usage_row(row)?;
        }
        let life = &mut tasks.all[task as usize];
        life.seen_us = life.seen_us.max(end_us);
        let ask = match life.ask {
            u32::MAX => None,
            ask => Some(tasks.asks[ask as usize]),
        };
        let known = |amount: u64| Some(amount).filter(|amount| *amount != NONE && *amount > 0);
        let cpu_limit = ask.and_then(|ask| known(ask.cpu)).map(|milli| MilliCpu(milli as i64).nano_cores());
        let memory_limit = assigned.and_then(known).or_else(|| ask.and_then(|ask| known(ask.memory)));
        let machine = if row.is_blank(c[4]) { None } else { Some(row.whole(c[4], "machine numbers", u64::MAX)?) };
        let sample = Sample {
            start_us,
            end_us,
            cpu: Reading { mean: mean_cpu, max: max_cpu, limit: cpu_limit },
            memory: Reading { mean: mean_memory, max: max_memory, limit: memory_limit },
            host_busy: false,
        };
        tasks.end_us = tasks.end_us.max(end_us);
        let Some(machine) = machine.and_then(|machine| hosts.known(machine)) else {
            no_machine += 1;
            samples.add(task, &sample);
            return Ok(());
        };
        let window = start_us / WINDOW_US;
        windows.late += u64::from(window < windows.next);
        windows.waiting.entry(window).or_default().push(Waiting { task, machine, sample });
        windows.rows += 1;
        while windows.rows > WAITING {
            windows.release(hosts, &mut samples);
        }
        Ok(())
    })?;
    while windows.rows > 0 {
        windows.release(hosts, &mut samples);
    }
    if count > 0 {
        import.report.count("rows of task_usage", count);
    }
    if windows.late > 0 {
        let what = "rows of task_usage came more than a million rows after others of their window; the CPU of their \
                    machine is summed without those";
        import.report.warnings.push(format!("{} {what}", windows.late));
    }
    for (count, what) in [
        (strangers, "rows of task_usage of tasks without events"),
        (after, "rows of task_usage after the end of the trace"),
        (no_machine, "whether its machine was busy, of rows of task_usage with no or an unknown machine"),
    ] {
        if count > 0 {
            import.report.ignore(what, count);
        }
    }
    Ok(samples)
}
