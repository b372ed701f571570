//! Workloads of OpenDC: tasks, and fragments of usage that follow one another; hosts from its topology files.
//!
//! A task is a batch job that arrives when it was submitted and runs for its duration. Fragments carry no time: those
//! of a task are one after the other from its beginning, so a gap in the source can only be a long fragment, and what
//! the fragments fall short of the duration goes on with the last. The tables are Parquet, which takes the feature of
//! that name, or the same columns as CSV; a topology is JSON and takes nothing.

mod topology;

use std::path::Path;

use super::keys::Keys;
use super::option::{UNCENSOR, USAGE, USAGE_STAT};
use super::{Column, FormatInfo, Import, OptionInfo, OptionValues, Reading, Row, Sample, Source, Table, parts};
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, NANO_PER_CORE, NANO_PER_MILLI, SimDuration, SimTime};
use crate::workload::Job;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "opendc",
    summary: "OpenDC workloads: TASKS,FRAGMENTS or their folder (Parquet needs the feature parquet); hosts of a topology .json",
    options: &[
        OptionInfo {
            name: "mem_unit",
            values: OptionValues::OneOf(&["MB", "KB"]),
            default: "MB",
            summary: "what memory is counted in, each of 1024 of the next: MB as OpenDC now does, KB in older files",
        },
        USAGE,
        USAGE_STAT,
        UNCENSOR,
    ],
    sniff: Some(|seen| seen.is_folder && seen.names.iter().any(|name| is_table(name, "fragments"))),
    read: Some(read),
    read_hosts: Some(topology::read_hosts),
    ..FormatInfo::BASE
};

/// Milliseconds in the file.
const MS_US: u64 = 1_000;
/// Most cores of a task; more is a damaged row.
const CORES_MAX: u64 = 1 << 20;
/// Largest clock rate in hertz.
const HERTZ_MAX: u64 = 1 << 53;

/// Whether `name` is the Parquet or CSV file of the table `table`: `x_fragments.parquet` or `fragments.csv.gz`.
fn is_table(name: &str, table: &str) -> bool {
    let stem = name.strip_suffix(".parquet").unwrap_or_else(|| parts::stem(name));
    stem != name && stem.strip_suffix(table).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.']))
}

/// The one file of `table` in `folder`.
fn only(folder: &Path, table: &str) -> Result<String> {
    let names = parts::names(folder)?;
    let mut found = names.iter().filter(|name| is_table(name, table));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(parts::text(&folder.join(one))),
        (Some(one), Some(other)) => {
            let what = format!("{one} and {other} may both be meant; write opendc:TASKS,FRAGMENTS");
            Err(Error::input(what).in_file(folder))
        }
        (None, _) => Err(Error::input(format!("the folder has no …{table}.parquet")).in_file(folder)),
    }
}

/// What fragments have to know of a task.
struct Task {
    cores: u64,
    /// Hertz of all its cores.
    capacity: u64,
    memory: Bytes,
    lasts_us: u64,
    /// Where the next fragment begins.
    at_us: u64,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    no_capacity: u64,
    strangers: u64,
    longer: u64,
    short: u64,
    over: u64,
    no_fragments: u64,
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let folder = Path::new(&source.path);
    let (tasks_path, fragments_path) = match source.path.split_once(',') {
        Some((tasks, fragments)) => (tasks.trim().to_owned(), fragments.trim().to_owned()),
        None if folder.is_dir() => (only(folder, "tasks")?, only(folder, "fragments")?),
        None => {
            let what = "is one file; name both as opendc:TASKS.parquet,FRAGMENTS.parquet, or their folder";
            return Err(Error::input(what).in_file(folder));
        }
    };
    let how = import.option("usage").to_owned();
    let (mut keys, mut counts) = (Keys::default(), Counts::default());
    let mut tasks = read_tasks(&tasks_path, import, &mut keys, &mut counts)?;
    let mut samples = import.samples();
    if how != "none" {
        read_fragments(&fragments_path, import, &keys, &mut tasks, &mut samples, &mut counts)?;
        for (number, task) in tasks.iter().enumerate() {
            let (job, nano) = (number as u32, task.cores * NANO_PER_CORE);
            let steps = match how.as_str() {
                // The time of a task's own clock: its fragments begin at 0.
                "steps" => samples.steps(job, 0, Some(SimDuration(task.lasts_us)), nano, task.memory),
                _ => samples.mean(job, nano, task.memory),
            };
            counts.no_fragments += u64::from(task.at_us == 0);
            counts.short += u64::from(task.at_us > 0 && task.at_us < task.lasts_us);
            counts.longer += u64::from(task.at_us > task.lasts_us);
            import.builder().set_usage(job, steps).map_err(|why| why.in_file(&fragments_path))?;
        }
        import.report.usage = Some(samples.counts().into());
    }
    say(import, &counts);
    Ok(())
}

/// The first of these columns that is there.
fn one_of(table: &Table, names: &[&'static str]) -> Result<Column> {
    match names.iter().find_map(|name| table.optional(name)) {
        Some(column) => Ok(column),
        None => table.column(names[0]),
    }
}

fn needed(row: &Row, column: Column, value: Option<u64>) -> Result<u64> {
    value.ok_or_else(|| row.refuse(column, "blank; a number is needed"))
}

fn read_tasks(path: &str, import: &mut Import, keys: &mut Keys<String>, counts: &mut Counts) -> Result<Vec<Task>> {
    let mut table = import.jobs_table(path, "columns id, submission_time, duration, cpu_count and more are needed")?;
    let id = table.column("id")?;
    // Files of OpenDC 2 called them otherwise.
    let submitted = one_of(&table, &["submission_time", "start_time", "submissionTime", "startTime"])?;
    let duration = table.optional("duration");
    let stopped = match duration {
        Some(_) => None,
        None => Some(one_of(&table, &["stop_time", "duration", "stopTime", "endTime"])?),
    };
    let cores = one_of(&table, &["cpu_count", "maxCores"])?;
    let capacity = table.optional("cpu_capacity");
    let memory = one_of(&table, &["mem_capacity", "requiredMemory"])?;
    let used = [
        "id",
        "submission_time",
        "start_time",
        "submissionTime",
        "startTime",
        "duration",
        "stop_time",
        "stopTime",
        "endTime",
        "cpu_count",
        "maxCores",
        "cpu_capacity",
        "mem_capacity",
        "requiredMemory",
    ];
    let ignored: Vec<String> = table.header().iter().filter(|name| !used.contains(&name.as_str())).cloned().collect();
    let unit = memory_unit(import);
    // Rows are not in order of time, so the beginning is known at the end only.
    let mut jobs: Vec<(u64, Job, u64)> = Vec::new();
    let mut tasks = Vec::new();
    while let Some(row) = table.next_row()? {
        import.report.rows_read += 1;
        import.job_fits(jobs.len() as u64).map_err(|why| row.place(why))?;
        let arrival_us = needed(&row, submitted, row.decimal_time_us(submitted, "milliseconds", MS_US)?)?;
        let lasts_us = match (duration, stopped) {
            (Some(column), _) => needed(&row, column, row.decimal_time_us(column, "milliseconds", MS_US)?)?,
            (None, Some(column)) => {
                let end = needed(&row, column, row.decimal_time_us(column, "milliseconds", MS_US)?)?;
                match end.checked_sub(arrival_us) {
                    Some(lasts) => lasts,
                    None => {
                        import.drop_row(&row, "ends before it begins")?;
                        continue;
                    }
                }
            }
            (None, None) => unreachable!("one of the columns is required above"),
        };
        let cores = match needed(&row, cores, row.scaled(cores, "cores", 1, CORES_MAX)?)? {
            0 => return Err(row.refuse(cores, "0 is too little; a task has a core")),
            cores => cores,
        };
        let hertz = capacity.map_or(Ok(None), |column| row.scaled(column, "MHz", 1_000_000, HERTZ_MAX))?.unwrap_or(0);
        counts.no_capacity += u64::from(hertz == 0);
        let memory = Bytes(needed(&row, memory, row.scaled(memory, "of memory", unit, 1 << 53)?)? as i64);
        let name = row.text(id)?.trim();
        if keys.number(name.to_owned()) != tasks.len() as u32 {
            return Err(row.refuse(id, format!("two tasks have the id \"{name}\"")));
        }
        let mut job = Job::batch(name, SimTime(0), SimDuration(lasts_us), MilliCpu((cores * 1_000) as i64), memory);
        job.app = "opendc".into();
        tasks.push(Task { cores, capacity: hertz, memory, lasts_us, at_us: 0 });
        jobs.push((arrival_us, job, row.line()));
    }
    let origin_us = jobs.iter().map(|job| job.0).min().unwrap_or(0);
    import.report.origin_us = origin_us;
    let mut place = super::Place { file: table.name().to_owned(), line: 0 };
    for (arrival_us, mut job, line) in jobs {
        job.arrival = SimTime(arrival_us - origin_us);
        import.report.span(arrival_us, arrival_us.saturating_add(job.duration.map_or(0, |d| d.0)));
        place.line = line;
        import.job_from(&place, job)?;
        import.used(1);
    }
    for column in ignored {
        import.report.ignore(&column, 0);
    }
    Ok(tasks)
}

fn read_fragments(
    path: &str,
    import: &mut Import,
    keys: &Keys<String>,
    tasks: &mut [Task],
    samples: &mut super::Samples,
    counts: &mut Counts,
) -> Result<()> {
    let mut table = Table::open(path, "no fragments: columns id, duration and cpu_usage are needed", import.budgets)?;
    let (id, duration) = (table.column("id")?, table.column("duration")?);
    let usage = one_of(&table, &["cpu_usage", "cpuUsage"])?;
    while let Some(row) = table.next_row()? {
        let Some(number) = keys.get(row.text(id)?.trim()) else {
            counts.strangers += 1;
            continue;
        };
        let lasts_us = needed(&row, duration, row.decimal_time_us(duration, "milliseconds", MS_US)?)?;
        let hertz = needed(&row, usage, row.scaled(usage, "MHz", 1_000_000, HERTZ_MAX)?)?;
        let task = &mut tasks[number as usize];
        let nano = (task.capacity > 0).then(|| {
            let nano = u128::from(hertz) * u128::from(task.cores * NANO_PER_CORE) / u128::from(task.capacity);
            nano.min(1 << 53) as u64
        });
        counts.over += u64::from(hertz > task.capacity && task.capacity > 0);
        let start_us = task.at_us;
        let end_us = start_us.saturating_add(lasts_us);
        if end_us > crate::workload::LONGEST_US {
            return Err(row.refuse(duration, "with it, the fragments of the task last longer than 2^61 µs"));
        }
        task.at_us = end_us;
        let cpu = Reading { mean: nano, max: None, limit: Some(task.cores * 1_000 * NANO_PER_MILLI) };
        let sample = Sample { start_us, end_us, cpu, memory: Reading::default(), host_busy: false };
        import.sample(&row, samples, number, &sample)?;
    }
    Ok(())
}

/// Bytes of the unit that memory is counted in.
fn memory_unit(import: &Import) -> u64 {
    if import.option("mem_unit") == "KB" { 1 << 10 } else { 1 << 20 }
}

fn say(import: &mut Import, counts: &Counts) {
    let unit = import.option("mem_unit").to_owned();
    import.report.units.push(format!("memory 1: 1 {unit}, {} bytes", memory_unit(import)));
    let choices = &mut import.report.choices;
    choices.push(
        "a task is a batch job that arrives at its submission and runs for its duration; it requests its cores, whatever their \
         clock, and its memory, without limits; all are of one app, \"opendc\""
            .into(),
    );
    choices.push(
        "fragments of a task follow one another from its beginning; CPU is MHz in use over the task's MHz, of its cores; memory \
         in use is as requested"
            .into(),
    );
    for (count, what) in [
        (counts.short, "tasks last longer than their fragments: the last one goes on"),
        (counts.longer, "tasks end before their fragments: what is beyond their duration is cut"),
        (counts.no_fragments, "tasks have no fragment: their usage is as --usage says"),
        (counts.over, "fragments use more than their task's MHz, and are taken as they are"),
        (counts.no_capacity, "tasks have no MHz: they use what they request"),
    ] {
        if count > 0 {
            choices.push(format!("{count} {what}"));
        }
    }
    if counts.strangers > 0 {
        import.report.ignore("fragments of tasks that are not there", counts.strangers);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, ImportReport, TraceArg, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::{UsageMode, UsageStep, Workload};

    fn import(name: &str, tasks: &str, fragments: &str, options: &[(&str, &str)]) -> Result<(Workload, ImportReport)> {
        let folder = std::env::temp_dir().join(format!("plimsoll-opendc-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("x_tasks.csv"), tasks).unwrap();
        std::fs::write(folder.join("x_fragments.csv"), fragments).unwrap();
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let arg = TraceArg::parse(&folder.display().to_string()).unwrap();
        assert_eq!(arg.format.name, "opendc");
        let got = read_trace(&arg, &options, &Budgets::default());
        std::fs::remove_dir_all(folder).unwrap();
        let (workload, _, report) = got?.finish(UsageMode::Request, Seed(1))?;
        Ok((workload, report))
    }

    fn told(w: &Workload) -> Vec<String> {
        let one = |job| {
            let step = |s: &UsageStep| {
                let length = if s.length_us == u64::MAX { "…".into() } else { (s.length_us / 1_000).to_string() };
                format!(" {length}ms:{}m", s.cpu_nano / NANO_PER_MILLI)
            };
            let steps: String = w.profile(job).iter().map(step).collect();
            let (at, lasts) = (w.arrival(job).0 / 1_000, w.duration(job).unwrap().0 / 1_000);
            format!("{}@{at}+{lasts} {}/{}{steps}", w.name(job), w.cpu_request(job), w.memory_request(job).0 >> 10)
        };
        w.ids().map(one).collect()
    }

    const TASKS: &str = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity,deadline\n\
        b,2000,1000,2,4000,64,9\na,1500.5,700,1,1000.5,32,\nc,3000,10,1,0,1,\nd,3000,10,1,5,1,\n";
    const FRAGMENTS: &str = "id,duration,cpu_usage\n\
        b,300,2000\na,500,1059.5295\nb,300,1000\na,500,0\nz,1,1\nc,10,7\n";

    #[test]
    fn tasks_by_hand_become_the_jobs_they_should() {
        let (workload, report) = import("hand", TASKS, FRAGMENTS, &[("mem_unit", "KB")]).unwrap();
        assert_eq!(
            told(&workload),
            [
                // 1059.5295 MHz of 1000.5 is 1.059 of a core; the second fragment is cut at 700 ms, which no step
                // shows.
                "a@0+700 1/32 500ms:1059m …ms:0m",
                "b@499+1000 2/64 300ms:1000m …ms:500m",
                "c@1499+10 1/1 …ms:1000m",
                "d@1499+10 1/1",
            ]
        );
        let text = report.to_string();
        for said in [
            "1 tasks last longer than their fragments",
            "1 tasks end before their fragments",
            "1 tasks have no fragment",
            "2 fragments use more than their task's MHz",
            "1 tasks have no MHz",
            "ignored: deadline, fragments of tasks that are not there (1)",
            "time 0 is 1s500ms500us there",
        ] {
            let said = said.replace("2 fragments", "1 fragments");
            assert!(text.contains(&said), "{said}\n{text}");
        }
        let (workload, _) = import("mean", TASKS, FRAGMENTS, &[("usage", "mean")]).unwrap();
        assert_eq!(told(&workload)[1], "b@499+1000 2/65536 …ms:750m");
        let (workload, report) = import("none", TASKS, FRAGMENTS, &[("usage", "none")]).unwrap();
        assert_eq!((told(&workload)[1].as_str(), report.usage), ("b@499+1000 2/65536", None));
    }

    #[test]
    fn columns_of_old_files_are_read() {
        let tasks = "id,start_time,stop_time,cpu_count,cpu_capacity,mem_capacity\na,10,30,1,1000,1\nb,20,10,1,1000,1\n";
        let (workload, report) =
            import("old", tasks, "id,timestamp,duration,cpu_count,cpu_usage\na,1,20,1,250\n", &[]).unwrap();
        assert_eq!(told(&workload), ["a@0+20 1/1024 …ms:250m"]);
        assert_eq!(report.rows_dropped["ends before it begins"], 1);
    }

    #[test]
    fn a_row_that_no_quirk_explains_is_an_error_with_its_place() {
        for (task, fragment, message) in [
            ("b,1,1,0,1,1,\n", "", "x_tasks.csv:2: cpu_count: 0 is too little; a task has a core"),
            ("b,1,,1,1,1,\n", "", "x_tasks.csv:2: duration: blank; a number is needed"),
            ("b,1,1,1,1,1,\nb,1,1,1,1,1,\n", "", "x_tasks.csv:3: id: two tasks have the id \"b\""),
            ("b,1,1,1,1,1e30,\n", "", "x_tasks.csv:2: mem_capacity: \"1e30\" of memory is too large"),
            ("b,1,1,1,1,1,\n", "b,1,-1\n", "x_fragments.csv:2: cpu_usage: \"-1\" is negative; 0 or more MHz will do"),
            (
                "b,1,1,1,1,1,\n",
                "b,2e15,1\nb,2e15,1\n",
                "x_fragments.csv:3: duration: with it, the fragments of the task last longer than 2^61 µs",
            ),
        ] {
            let head = TASKS.lines().next().unwrap();
            let fragments = format!("id,duration,cpu_usage\n{fragment}");
            let error = import("row", &format!("{head}\n{task}"), &fragments, &[]).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
        let error = import("head", "id,cpu_count\n", "id,duration,cpu_usage\n", &[]).unwrap_err().to_string();
        assert!(error.ends_with("the header has no column \"submission_time\"; it has: id, cpu_count"), "{error}");
    }
}
