//! Containers: services that are created and removed, with usage in parts of what they asked for.

use std::path::{Path, PathBuf};

use super::super::keys::Keys;
use super::super::parts::rows;
use super::super::{Import, Place, Reading, Sample, TableShape};
use super::{CONTAINER_USAGE, WINDOW_US, run_us, seconds};
use crate::error::Result;
use crate::trace::{option, parts};
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::Job;

const EVENT_SHAPE: TableShape = TableShape {
    // The list of its CPUs may be missing.
    least: 7,
    ..TableShape::of(&[
        "timestamp",
        "event type",
        "instance id",
        "machine id",
        "number of cpus",
        "normalized memory",
        "normalized disk space",
        "cpu ids",
    ])
};
const USAGE_SHAPE: TableShape = TableShape {
    least: 5,
    ..TableShape::of(&[
        "start time",
        "instance id",
        "used percent of requested cpus",
        "used percent of requested memory",
        "used percent of requested disk",
        "load1",
        "load5",
        "load15",
        "cpi",
        "mpki",
        "maximum cpi",
        "maximum mpki",
    ])
};

/// A container.
struct Container {
    instance: u64,
    created: Option<i64>,
    /// The last one.
    removed: Option<i64>,
    cpu: u64,
    memory: u64,
    rows: u64,
    creations: u64,
}

pub(super) fn read(folder: &Path, files: &[PathBuf], import: &mut Import) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let memory = import.memory_option("memory").0 as u64;
    let (mut numbers, mut all): (Keys<u64>, Vec<Container>) = (Keys::default(), Vec::new());
    let (mut cpu_sets, mut last, mut place) = (0u64, 0i64, Place::default());
    rows::<8>(files, &EVENT_SHAPE, import, &mut |import, row, c| {
        import.job_row(row)?;
        let Some(at) = seconds(row, c[0])? else { return import.drop_row(row, "without a time") };
        last = last.max(at);
        let kind = row.text(c[1])?.trim();
        if !["Create", "Remove"].contains(&kind) {
            return Err(row.refuse(c[1], format!("\"{kind}\" will not do; Create or Remove will")));
        }
        let instance = row.whole(c[2], "instance numbers", u64::MAX)?;
        let cpu = row.scaled(c[4], "cores", 1_000, MilliCpu::MOST.0 as u64)?;
        let bytes = row.scaled(c[5], "memory of the largest machine", memory, 1 << 53)?;
        cpu_sets += u64::from(!row.is_blank(c[7]));
        let number = numbers.number(instance) as usize;
        if number == all.len() {
            import.job_fits(import.report.jobs + number as u64).map_err(|error| row.place(error))?;
            all.push(Container { instance, created: None, removed: None, cpu: 0, memory: 0, rows: 0, creations: 0 });
        }
        let container = &mut all[number];
        container.rows += 1;
        if kind == "Create" {
            container.creations += 1;
            container.created = Some(container.created.map_or(at, |known| known.min(at)));
            (container.cpu, container.memory) = (cpu.unwrap_or(container.cpu), bytes.unwrap_or(container.memory));
        } else {
            container.removed = Some(container.removed.map_or(at, |known| known.max(at)));
        }
        place.file = row.at().file;
        Ok(())
    })?;
    let mut samples = import.samples();
    let mut strangers = 0u64;
    let usage = import.option(option::USAGE.name).to_owned();
    if usage != "none" {
        let files = parts::of_table(folder, CONTAINER_USAGE)?;
        let count = rows::<12>(&files, &USAGE_SHAPE, import, &mut |import, row, c| {
            let Some(at) = seconds(row, c[0])? else { return Err(row.refuse(c[0], "blank; seconds are needed")) };
            let instance = row.whole(c[1], "instance numbers", u64::MAX)?;
            let Some(number) = numbers.get(&instance) else {
                strangers += 1;
                return Ok(());
            };
            let container = &all[number as usize];
            let cpu_nano = MilliCpu(container.cpu as i64).nano_cores();
            // Millionths of a per cent of what was asked for.
            let share = |at: usize, whole: u64| -> Result<Option<u64>> {
                let share = row.scaled(c[at], "per cent", 1_000_000, 1 << 40)?;
                Ok(share.map(|share| (u128::from(share) * u128::from(whole) / 100_000_000).min(1 << 53) as u64))
            };
            let limit = |whole: u64| Some(whole).filter(|whole| *whole > 0);
            let sample = Sample {
                start_us: run_us(at),
                end_us: run_us(at) + WINDOW_US,
                cpu: Reading { mean: share(2, cpu_nano)?, max: None, limit: limit(cpu_nano) },
                memory: Reading { mean: share(3, container.memory)?, max: None, limit: limit(container.memory) },
                host_busy: false,
            };
            last = last.max(at);
            import.sample(row, &mut samples, number, &sample)
        })?;
        if count > 0 {
            import.report.count("rows of container_usage", count);
        }
    }
    let open = import.option(option::OPEN.name).to_owned();
    let (mut again, mut opens, mut before) = (0u64, 0u64, 0u64);
    for (number, container) in all.iter().enumerate() {
        let Some(created) = container.created else {
            import.drop_rows(&place, "rows of containers that were never created", container.rows)?;
            continue;
        };
        let number = number as u32;
        let removed = container.removed.filter(|removed| *removed >= created);
        let ends = match (removed, open.as_str()) {
            (Some(removed), _) => Some(run_us(removed)),
            (None, "run") => None,
            (None, "last-seen") => Some(samples.span(number).map_or(run_us(last), |(_, end)| end).max(run_us(created))),
            (None, _) => {
                import.drop_rows(&place, "rows of containers whose end is not told (open=drop)", container.rows)?;
                continue;
            }
        };
        again += u64::from(container.creations > 1);
        opens += u64::from(removed.is_none());
        before += u64::from(created < 0);
        let (cpu, memory) = (MilliCpu(container.cpu as i64), Bytes(container.memory as i64));
        let name = format!("container-{}", container.instance);
        let mut job = Job::service(name.clone(), SimTime(run_us(created)), cpu, memory);
        job.app = name;
        job.duration = ends.map(|ends| SimDuration(ends - run_us(created)));
        job.usage = match usage.as_str() {
            "mean" => samples.mean(number, cpu.nano_cores(), memory),
            _ => samples.steps(number, run_us(created), job.duration, cpu.nano_cores(), memory),
        };
        import.report.span(run_us(created), ends.unwrap_or(run_us(last)));
        import.job_from(&place, job)?;
        import.used(container.rows);
    }
    import.report.add_usage(samples.counts());
    let choices = &mut import.report.choices;
    choices.push("a container is a service from its first Create to its last Remove, an app of its own".into());
    for (count, what) in [
        (again, "containers were created several times"),
        (opens, "containers were not removed: their end is not told"),
        (before, "containers were created before the window: they arrive at time 0"),
    ] {
        if count > 0 {
            choices.push(format!("{count} {what}"));
        }
    }
    import.report.ignore("normalized disk space of containers", 0);
    for (count, what) in
        [(cpu_sets, "CPUs that containers are bound to"), (strangers, "rows of container_usage of no container")]
    {
        if count > 0 {
            import.report.ignore(what, count);
        }
    }
    Ok(())
}
