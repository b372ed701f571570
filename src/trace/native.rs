//! The native format: what every importer converts to, and the one that can say all a workload may hold.
//!
//! `x.csv` holds jobs; beside it, where present, `x.hosts.csv` holds hosts, `x.outages.csv` when these were down and
//! `x.usage.csv` what jobs really used. Any of them may be packed. Columns go by name; an unknown one is refused. As the format is ours, a row that cannot be
//! used is an error, never left out. The end of the trace as such is not written: jobs without end say it themselves.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::{Column, FormatInfo, Import, OutageTarget, Row, Source, Table, TraceOutage};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::kube::object::selector::{Operator, Requirement};
use crate::units::{Bytes, MilliCpu, NANO_PER_MILLI, SimDuration, SimTime, parse_milli};
use crate::workload::{Controller, Job, JobKind, RestartPolicy, Spec, UsageStep, Workload};

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "native",
    summary: "Plimsoll's own: x.csv with jobs, and beside it x.hosts.csv, x.outages.csv and x.usage.csv where present",
    sniff: Some(|seen| !seen.is_folder && seen.has_columns(&JOB_COLUMNS[..5])),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

/// Columns of jobs in the order they are written; the first five are required.
///
/// `gpus` (thousandths), `extended` (`name=amount`), `node_selector` (`key=value`), `tolerations`, `ports` and `after`
/// are lists joined by `;`, `gpu_models` by `|`. A blank `duration_us` is an open end, for services only.
pub const JOB_COLUMNS: [&str; 24] = [
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
];

/// Columns of hosts in the order they are written; the first three are required. Lists as in [`JOB_COLUMNS`].
pub const HOST_COLUMNS: [&str; 12] = [
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
];

/// Columns of usage: rows of one job are its steps in order; a blank `length_us` lasts to the end. `cpu_milli` may
/// stand in for `cpu_nano`.
pub const USAGE_COLUMNS: [&str; 5] = ["job", "length_us", "cpu_nano", "memory_bytes", "cpu_milli"];

/// Columns of outages: when they begin and how long they last, as `90s` or `10us`, blank for good; `host`, or `share` of
/// all hosts.
pub const OUTAGE_COLUMNS: [&str; 5] = ["host", "share", "at", "for", "kind"];

/// Most ports, GPUs and other entries of one list.
const LIST_MAX: usize = 1_024;

/// The path beside `jobs` that holds `what`, plain or gzip; `None` if there is none or the name of `jobs` gives none.
fn beside(jobs: &str, what: &str) -> Result<Option<String>> {
    let plain = [".gz", ".zst"].iter().find_map(|packed| jobs.strip_suffix(packed)).unwrap_or(jobs);
    let Some(stem) = [".csv", ".parquet"].iter().find_map(|ending| plain.strip_suffix(ending)) else { return Ok(None) };
    let spellings = ["csv", "csv.gz", "csv.zst", "parquet"].map(|ending| format!("{stem}.{what}.{ending}"));
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
    // Jobs carry their usage, so usage is read first.
    let usage_path = beside(path, "usage")?;
    let mut usage = match &usage_path {
        Some(usage) => read_usage(usage, import)?,
        None => BTreeMap::new(),
    };
    let had_usage = usage_path.is_some();
    read_jobs(path, import, &mut usage)?;
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
    match hosts {
        Some(hosts) => {
            read_hosts_table(&hosts, import)?;
            read_outages_beside(path, import)
        }
        None => Ok(()),
    }
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

/// Reads `x.outages.csv` beside the jobs. A scenario's table of outages may be of other kinds, too; here a host is down.
fn read_outages_beside(jobs: &str, import: &mut Import) -> Result<()> {
    let Some(path) = beside(jobs, "outages")? else { return Ok(()) };
    let mut table = Table::open(&path, "no outages: columns host, at and for are needed", import.budgets)?;
    table.refuse_other_columns(&OUTAGE_COLUMNS)?;
    let (at, lasts) = (table.column("at")?, table.column("for")?);
    let (host, share, kind) = (table.optional("host"), table.optional("share"), table.optional("kind"));
    if host.is_none() && share.is_none() {
        table.column("host")?;
    }
    while let Some(row) = table.next_row()? {
        let length =
            |column: Column, text: &str| SimDuration::parse(text).map_err(|why| row.refuse(column, why.message()));
        let begins = SimTime(length(at, row.text(at)?)?.0);
        let lasts = match row.text(lasts)?.trim() {
            "" => SimDuration(u64::MAX),
            text => length(lasts, text)?,
        };
        if let (Some(column), false) = (kind, matches!(row.optional(kind)?.trim(), "" | "down")) {
            return Err(row.refuse(column, "an outage beside a trace is down; others belong under failures"));
        }
        let target = match (row.optional(host)?.trim(), row.optional(share)?.trim(), host, share) {
            ("", text, _, Some(column)) if !text.is_empty() => {
                match parse_milli(text, "share").map_err(|why| row.refuse(column, why.message()))? {
                    milli @ 0..=1000 => OutageTarget::Share(milli),
                    _ => return Err(row.refuse(column, "a share of all hosts is at most 1")),
                }
            }
            (name, "", Some(column), _) => {
                if !import.has_host(name) {
                    return Err(row.refuse(column, format!("unknown host \"{name}\"")));
                }
                OutageTarget::Host(name.into())
            }
            (_, _, Some(column), _) | (_, _, None, Some(column)) => {
                return Err(row.refuse(column, "a row names a host or a share of all hosts, one of the two"));
            }
            (_, _, None, None) => unreachable!("one of the columns is required above"),
        };
        import.outage(&row.at(), TraceOutage { at: begins, target, lasts })?;
    }
    Ok(())
}

/// The steps of a job, and the line of the first.
struct Profile {
    line: u64,
    steps: Vec<UsageStep>,
}

fn read_usage(path: &str, import: &Import) -> Result<BTreeMap<String, Profile>> {
    let mut table =
        Table::open(path, "no usage: columns job, length_us, cpu_nano, memory_bytes are needed", import.budgets)?;
    table.refuse_other_columns(&USAGE_COLUMNS)?;
    let job = table.column("job")?;
    let length = table.column("length_us")?;
    let memory = table.column("memory_bytes")?;
    let milli = table.optional("cpu_milli");
    let nano = match (table.optional("cpu_nano"), milli) {
        (Some(_), Some(_)) => {
            return Err(Error::input("both cpu_nano and cpu_milli; one will do").in_file(table.name()).at_line(1));
        }
        (nano, Some(_)) => nano,
        (_, None) => Some(table.column("cpu_nano")?),
    };
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    let mut steps = 0u64;
    while let Some(row) = table.next_row()? {
        if steps >= import.budgets.max_usage_steps {
            let most = import.budgets.max_usage_steps;
            return Err(row.place(Error::budget("usage steps", most + 1, most, "--max-usage-steps")));
        }
        steps += 1;
        let cpu_nano = match (nano, milli) {
            (Some(nano), _) => row.amount(nano, "nano-cores")? as u64,
            (None, Some(milli)) => row
                .number(milli, row.text(milli)?, "milli-CPU", (1 << 53) / NANO_PER_MILLI, "2^53 nano-cores")
                .map(|n| n * NANO_PER_MILLI)?,
            (None, None) => unreachable!("one of the columns is required above"),
        };
        let length_us = row.time_us(length, "microseconds", 1)?.unwrap_or(u64::MAX);
        if length_us == 0 {
            return Err(row.refuse(length, "a step of 0 µs; leave the row out"));
        }
        let memory = Bytes(row.amount(memory, "bytes")?);
        let step = UsageStep { length_us, cpu_nano, memory, cache: Bytes(0) };
        let name = row.text(job)?;
        match profiles.get_mut(name) {
            Some(profile) => profile.steps.push(step),
            None => {
                profiles.insert(name.into(), Profile { line: row.line(), steps: vec![step] });
            }
        }
    }
    Ok(profiles)
}

/// `text` cut at `separator`, blanks around entries taken off; nothing for a blank text.
fn list<'a>(row: &Row<'a>, column: Option<Column>, separator: char) -> Result<Vec<&'a str>> {
    let text = row.optional(column)?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let entries: Vec<&str> = text.split(separator).map(str::trim).take(LIST_MAX + 1).collect();
    match column {
        Some(column) if entries.len() > LIST_MAX => {
            Err(row.refuse(column, format!("more than {LIST_MAX} entries in a list")))
        }
        Some(column) if entries.contains(&"") => {
            Err(row.refuse(column, format!("an entry between two \"{separator}\" is blank")))
        }
        _ => Ok(entries),
    }
}

/// A list of `key=value`.
fn pairs<'a>(row: &Row<'a>, column: Option<Column>) -> Result<Vec<(&'a str, &'a str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for entry in list(row, column, ';')? {
        match (entry.split_once('='), column) {
            (Some((key, value)), _) if !key.is_empty() && !pairs.iter().any(|(other, _)| *other == key) => {
                pairs.push((key, value));
            }
            (Some((key, _)), Some(column)) if !key.is_empty() => {
                return Err(row.refuse(column, format!("\"{key}\" stands twice")));
            }
            (_, Some(column)) => return Err(row.refuse(column, format!("\"{entry}\" is not KEY=VALUE"))),
            (_, None) => unreachable!("an entry comes from a column"),
        }
    }
    Ok(pairs)
}

fn numbers(row: &Row, column: Option<Column>, unit: &str, most: u64, most_text: &str) -> Result<Vec<u16>> {
    let entries = list(row, column, ';')?;
    let Some(column) = column else { return Ok(Vec::new()) };
    entries.iter().map(|entry| row.number(column, entry, unit, most, most_text).map(|n| n as u16)).collect()
}

fn extended(row: &Row, column: Option<Column>) -> Result<BTreeMap<String, i64>> {
    let pairs = pairs(row, column)?;
    let Some(column) = column else { return Ok(BTreeMap::new()) };
    pairs
        .into_iter()
        .map(|(name, amount)| Ok((name.to_string(), row.number(column, amount, "units", 1 << 53, "2^53")? as i64)))
        .collect()
}

/// The value whose `Display` form the field holds; `default` where blank.
fn one_of<T: Copy + ToString>(row: &Row, column: Option<Column>, default: T, values: &[T]) -> Result<T> {
    let text = row.optional(column)?.trim();
    match (values.iter().find(|value| value.to_string() == text), column) {
        (Some(value), _) => Ok(*value),
        (None, Some(column)) if !text.is_empty() => {
            let names: Vec<String> = values.iter().map(T::to_string).collect();
            Err(row.refuse(column, format!("\"{text}\" will not do; {} will", names.join(" or "))))
        }
        _ => Ok(default),
    }
}

/// A list of demands on labels, each `key!=a|b`, `key=a|b`, `key<5`, `key>5`, `key` or `!key`.
fn constraints(row: &Row, column: Option<Column>) -> Result<Vec<Requirement>> {
    let entries = list(row, column, ';')?;
    let Some(column) = column else { return Ok(Vec::new()) };
    let refuse = |entry: &str| {
        row.refuse(
            column,
            format!("\"{entry}\" is no demand on a label (key!=a|b, key=a|b, key<5, key>5, key or !key)"),
        )
    };
    entries.into_iter().map(|entry| constraint(entry).ok_or_else(|| refuse(entry))).collect()
}

/// Reads what [`constraint_text`] writes.
fn constraint(text: &str) -> Option<Requirement> {
    let made = |key: &str, operator| {
        (!key.is_empty() && !key.contains(['=', '<', '>', '!'])).then(|| Requirement { key: key.into(), operator })
    };
    let values = |text: &str| text.split('|').map(String::from).collect();
    if let Some(key) = text.strip_prefix('!') {
        return made(key, Operator::DoesNotExist);
    }
    let Some(at) = text.find(['!', '<', '>', '=']) else { return made(text, Operator::Exists) };
    let (key, rest) = text.split_at(at);
    if let Some(list) = rest.strip_prefix("!=") {
        made(key, Operator::NotIn(values(list)))
    } else if let Some(list) = rest.strip_prefix('=') {
        made(key, Operator::In(values(list)))
    } else if let Some(bound) = rest.strip_prefix('<') {
        made(key, Operator::Lt(bound.parse().ok()?))
    } else {
        made(key, Operator::Gt(rest.strip_prefix('>')?.parse().ok()?))
    }
}

/// A demand on a label as a list of the format holds it.
///
/// Errors: a key or value that would not come back as it was.
fn constraint_text(name: &str, asked: &Requirement) -> Result<String> {
    let key = &asked.key;
    let text = match &asked.operator {
        Operator::In(values) => format!("{key}={}", values.join("|")),
        Operator::NotIn(values) => format!("{key}!={}", values.join("|")),
        Operator::Exists => key.clone(),
        Operator::DoesNotExist => format!("!{key}"),
        Operator::Gt(bound) => format!("{key}>{bound}"),
        Operator::Lt(bound) => format!("{key}<{bound}"),
    };
    if constraint(&text).as_ref() == Some(asked) {
        return Ok(text);
    }
    Err(Error::input(format!(
        "{name}: the demand \"{text}\" cannot stand in the native format (=, !, <, > or | in it)"
    )))
}

fn owned(entries: Vec<&str>) -> Vec<String> {
    entries.into_iter().map(String::from).collect()
}

fn read_jobs(path: &str, import: &mut Import, usage: &mut BTreeMap<String, Profile>) -> Result<()> {
    let mut table = import.jobs_table(
        path,
        "a header with job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes is needed",
    )?;
    table.refuse_other_columns(&JOB_COLUMNS)?;
    let name = table.column("job")?;
    let arrival = table.column("arrival_us")?;
    let duration = table.column("duration_us")?;
    let cpu = table.column("cpu_request_milli")?;
    let memory = table.column("memory_request_bytes")?;
    let app = table.optional("app");
    let namespace = table.optional("namespace");
    let process_type = table.optional("process_type");
    let kind = table.optional("kind");
    let restart = table.optional("restart");
    let priority = table.optional("priority");
    let cpu_limit = table.optional("cpu_limit_milli");
    let memory_limit = table.optional("memory_limit_bytes");
    let ephemeral = table.optional("ephemeral_request_bytes");
    let gpus = table.optional("gpus");
    let gpu_models = table.optional("gpu_models");
    let extended_column = table.optional("extended");
    let selector = table.optional("node_selector");
    let constraints_column = table.optional("constraints");
    let apart = table.optional("apart");
    let tolerations = table.optional("tolerations");
    let ports = table.optional("ports");
    let after = table.optional("after");
    let checkpoint = table.optional("checkpoint");
    while let Some(row) = table.next_row()? {
        import.job_row(&row)?;
        let spec = Spec {
            controller: Controller::Unset,
            kind: one_of(&row, kind, JobKind::Batch, &[JobKind::Batch, JobKind::Service])?,
            restart: one_of(
                &row,
                restart,
                RestartPolicy::OnFailure,
                &[RestartPolicy::OnFailure, RestartPolicy::Always, RestartPolicy::Never],
            )?,
            priority: match (row.optional(priority)?.trim(), priority) {
                ("", _) | (_, None) => 0,
                (text, Some(column)) => text.parse().map_err(|_| {
                    row.refuse(column, format!("\"{text}\" is not a priority (a whole number within ±2^31)"))
                })?,
            },
            namespace: match row.optional(namespace)? {
                "" => "default".into(),
                text => text.into(),
            },
            process_type: row.optional(process_type)?.into(),
            ephemeral: Bytes(row.optional_amount(ephemeral, "bytes")?.unwrap_or(0)),
            gpus: numbers(&row, gpus, "thousandths of a GPU", 1_000, "1000")?,
            gpu_models: owned(list(&row, gpu_models, '|')?),
            extended: Vec::new(),
            node_selector: pairs(&row, selector)?.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            constraints: constraints(&row, constraints_column)?,
            apart: one_of(&row, apart, false, &[false, true])?,
            tolerations: owned(list(&row, tolerations, ';')?),
            ports: numbers(&row, ports, "ports", 65_535, "65535")?,
            threads: None,
            unserved: Default::default(),
            processes: None,
            ephemeral_limit: None,
            ephemeral_used: Bytes(0),
            file_touches: None,
            leak_touches: 0,
            checkpoint: one_of(&row, checkpoint, false, &[false, true])?,
            template: None,
            unit: None,
        };
        let Some(arrival_us) = row.time_us(arrival, "microseconds", 1)? else {
            return Err(row.refuse(arrival, "blank; a whole number of microseconds is needed"));
        };
        let name = row.text(name)?;
        let job = Job {
            name: name.into(),
            app: row.optional(app)?.into(),
            arrival: SimTime(arrival_us),
            duration: row.time_us(duration, "microseconds", 1)?.map(SimDuration),
            cpu_request: MilliCpu(row.amount(cpu, "milli-CPU")?),
            memory_request: Bytes(row.amount(memory, "bytes")?),
            cpu_limit: row.optional_amount(cpu_limit, "milli-CPU")?.map(MilliCpu),
            memory_limit: row.optional_amount(memory_limit, "bytes")?.map(Bytes),
            spec,
            extended: extended(&row, extended_column)?,
            usage: usage.remove(name).map(|profile| profile.steps).unwrap_or_default(),
            after: owned(list(&row, after, ';')?),
        };
        import.job(&row, job)?;
    }
    Ok(())
}

pub(super) fn read_hosts_table(path: &str, import: &mut Import) -> Result<()> {
    let mut table = import.hosts_table(path, "a header with host,cpu_milli,memory_bytes is needed")?;
    table.refuse_other_columns(&HOST_COLUMNS)?;
    let name = table.column("host")?;
    let cpu = table.column("cpu_milli")?;
    let memory = table.column("memory_bytes")?;
    let joins = table.optional("joins_us");
    let leaves = table.optional("leaves_us");
    let labels = table.optional("labels");
    let taints = table.optional("taints");
    let pods = table.optional("pods");
    let gpus = table.optional("gpus");
    let gpu_model = table.optional("gpu_model");
    let ephemeral = table.optional("ephemeral_bytes");
    let extended_column = table.optional("extended");
    while let Some(row) = table.next_row()? {
        import.host_row(&row)?;
        let time = |column: Option<Column>| match column {
            Some(column) => row.time_us(column, "microseconds", 1),
            None => Ok(None),
        };
        let bounded = |column: Option<Column>, unit: &str, most: u64, most_text: &str| match column {
            Some(column) if !row.text(column)?.trim().is_empty() => {
                row.number(column, row.text(column)?, unit, most, most_text).map(Some)
            }
            _ => Ok(None),
        };
        let positive = |column: Column, unit: &str| match row.amount(column, unit)? {
            0 => Err(row.refuse(column, "0 is too little; a host needs more")),
            amount => Ok(amount),
        };
        let host = HostSpec {
            name: row.text(name)?.into(),
            cpu: MilliCpu(positive(cpu, "milli-CPU")?),
            memory: Bytes(positive(memory, "bytes")?),
            ephemeral: Bytes(row.optional_amount(ephemeral, "bytes")?.unwrap_or(0)),
            pods: bounded(pods, "jobs", u64::from(u32::MAX), "4294967295")?.map(|n| n as u32),
            gpus: bounded(gpus, "GPUs", LIST_MAX as u64, "1024")?.unwrap_or(0) as u16,
            gpu_model: row.optional(gpu_model)?.into(),
            extended: extended(&row, extended_column)?,
            labels: pairs(&row, labels)?.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            taints: owned(list(&row, taints, ';')?),
            joins: time(joins)?.map_or(SimTime::ZERO, SimTime),
            leaves: time(leaves)?.map(SimTime),
            node: None,
        };
        import.host(&row, "host", host)?;
    }
    Ok(())
}

/// The three tables as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeFiles {
    /// `x.csv`.
    pub jobs: Vec<u8>,
    /// `x.hosts.csv`.
    pub hosts: Vec<u8>,
    /// `x.usage.csv`; `None` where no job has a usage profile.
    pub usage: Option<Vec<u8>>,
}

/// Writes jobs and hosts so that reading gives the same ones. See [`write_jobs`] for what cannot be written.
pub fn write(workload: &Workload, hosts: &[HostSpec]) -> Result<NativeFiles> {
    let mut files = NativeFiles { jobs: Vec::new(), hosts: Vec::new(), usage: None };
    write_jobs(workload, &mut files.jobs)?;
    write_hosts(hosts, &mut files.hosts)?;
    if workload.ids().any(|job| !workload.profile(job).is_empty()) {
        write_usage(workload, files.usage.insert(Vec::new()))?;
    }
    Ok(files)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::failed(format!("cannot write the table ({error})"))
}

/// Entries joined by `separator`; an entry that is blank, holds the separator or has blanks around it would not come
/// back as it was.
fn joined(what: &str, entries: impl IntoIterator<Item = String>, separator: char) -> Result<String> {
    let mut text = String::new();
    for (i, entry) in entries.into_iter().enumerate() {
        if entry.is_empty() || entry.contains(separator) || entry.trim() != entry {
            return Err(Error::input(format!(
                "{what}: \"{entry}\" cannot stand in a list of the native format (blank, or with \"{separator}\" in it)"
            )));
        }
        if i > 0 {
            text.push(separator);
        }
        text.push_str(&entry);
    }
    Ok(text)
}

/// Writes the table of jobs. An entry of a list that holds the list's separator is an input error.
pub fn write_jobs(workload: &Workload, out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(JOB_COLUMNS).map_err(failed)?;
    let or_blank = |n: Option<i64>| n.map_or(String::new(), |n| n.to_string());
    for job in workload.ids() {
        let spec = workload.spec(job);
        let name = workload.name(job);
        let numbers = |list: &[u16]| list.iter().map(u16::to_string).collect::<Vec<_>>().join(";");
        let resources = workload.resources();
        let demands: Vec<String> =
            spec.constraints.iter().map(|asked| constraint_text(name, asked)).collect::<Result<_>>()?;
        csv.write_record([
            name,
            &workload.arrival(job).0.to_string(),
            &workload.duration(job).map_or(String::new(), |d| d.0.to_string()),
            &workload.cpu_request(job).0.to_string(),
            &workload.memory_request(job).0.to_string(),
            &workload.apps()[workload.app(job).index()].name,
            &spec.namespace,
            &spec.process_type,
            &spec.kind.to_string(),
            &spec.restart.to_string(),
            &spec.priority.to_string(),
            &or_blank(workload.cpu_limit(job).map(|l| l.0)),
            &or_blank(workload.memory_limit(job).map(|l| l.0)),
            &or_blank((spec.ephemeral.0 != 0).then_some(spec.ephemeral.0)),
            &numbers(&spec.gpus),
            &joined(name, spec.gpu_models.iter().cloned(), '|')?,
            &joined(name, spec.extended.iter().map(|(id, n)| format!("{}={n}", resources[id.index()])), ';')?,
            &joined(name, spec.node_selector.iter().map(|(k, v)| format!("{k}={v}")), ';')?,
            &joined(name, demands, ';')?,
            if spec.apart { "true" } else { "" },
            &joined(name, spec.tolerations.iter().cloned(), ';')?,
            &numbers(&spec.ports),
            &joined(name, workload.after(job).iter().map(|&first: &JobId| workload.name(first).to_string()), ';')?,
            &spec.checkpoint.to_string(),
        ])
        .map_err(failed)?;
    }
    csv.flush().map_err(failed)
}

/// Writes the table of hosts, with the same limits.
pub fn write_hosts(hosts: &[HostSpec], out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HOST_COLUMNS).map_err(failed)?;
    for host in hosts {
        let name = host.name.as_str();
        csv.write_record([
            name,
            &host.cpu.0.to_string(),
            &host.memory.0.to_string(),
            &host.joins.0.to_string(),
            &host.leaves.map_or(String::new(), |at| at.0.to_string()),
            &joined(name, host.labels.iter().map(|(k, v)| format!("{k}={v}")), ';')?,
            &joined(name, host.taints.iter().cloned(), ';')?,
            &host.pods.map_or(String::new(), |n| n.to_string()),
            &host.gpus.to_string(),
            &host.gpu_model,
            &host.ephemeral.0.to_string(),
            &joined(name, host.extended.iter().map(|(k, n)| format!("{k}={n}")), ';')?,
        ])
        .map_err(failed)?;
    }
    csv.flush().map_err(failed)
}

/// Writes the table of outages, which a scenario's `failures` take, too.
pub fn write_outages(outages: &[TraceOutage], out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(&OUTAGE_COLUMNS[..4]).map_err(failed)?;
    for outage in outages {
        let (host, share) = match &outage.target {
            OutageTarget::Host(name) => (name.clone(), String::new()),
            OutageTarget::Share(milli) => (String::new(), format!("{}.{:03}", milli / 1000, milli % 1000)),
        };
        let lasts = if outage.lasts.0 == u64::MAX { String::new() } else { format!("{}us", outage.lasts.0) };
        csv.write_record([host, share, format!("{}us", outage.at.0), lasts]).map_err(failed)?;
    }
    csv.flush().map_err(failed)
}

/// Writes the table of usage: a row for each step of each job that has a profile.
pub fn write_usage(workload: &Workload, out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(&USAGE_COLUMNS[..4]).map_err(failed)?;
    for job in workload.ids() {
        for step in workload.profile(job) {
            let length = if step.length_us == u64::MAX { String::new() } else { step.length_us.to_string() };
            let (cpu, memory) = (step.cpu_nano.to_string(), step.memory.0.to_string());
            csv.write_record([workload.name(job), &length, &cpu, &memory]).map_err(failed)?;
        }
    }
    csv.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::{Budgets, TraceArg, read_trace};
    use super::*;
    use crate::rng::{Purpose, Seed, Stream};
    use crate::workload::{UsageMode, WorkloadBuilder};

    /// A workload of everything the format can say, by dice.
    fn by_dice(seed: u64) -> (Workload, Vec<HostSpec>) {
        fn some<T>(dice: &mut Stream, value: impl Fn(u64) -> T) -> Vec<T> {
            (0..dice.below(3)).map(value).collect()
        }
        let mut dice = Seed(seed).stream(Purpose::Shape, 0);
        let mut builder = WorkloadBuilder::new();
        let n = 1 + dice.below(30);
        for i in 0..n {
            let name = format!("jöb, \"{i}\"");
            let arrival = SimTime(dice.below(1_000));
            let mut job = if dice.below(2) == 0 {
                Job::service(name, arrival, MilliCpu(dice.below(9) as i64), Bytes(dice.below(9) as i64))
            } else {
                Job::batch(name, arrival, SimDuration(dice.below(50)), MilliCpu(7), Bytes(1 << 53))
            };
            if dice.below(2) == 0 {
                job.app = format!("app{}", dice.below(3));
                job.cpu_limit = Some(MilliCpu(100 + i as i64));
                job.memory_limit = Some(Bytes(1 << 53));
                job.spec.priority = dice.below(1_000) as i32 - 500;
                job.spec.restart = [RestartPolicy::Always, RestartPolicy::Never][dice.below(2) as usize];
                job.spec.checkpoint = true;
            }
            job.spec.process_type = ["", "web"][dice.below(2) as usize].into();
            job.spec.ephemeral = Bytes(dice.below(3) as i64);
            job.spec.gpus = some(&mut dice, |i| 460 + i as u16);
            job.spec.gpu_models = some(&mut dice, |i| format!("M{i}"));
            job.spec.node_selector = some(&mut dice, |i| (format!("k{i}"), format!("v={i}")));
            job.spec.tolerations = some(&mut dice, |i| format!("t{i}:NoExecute"));
            job.spec.apart = dice.below(2) == 0;
            job.spec.constraints = some(&mut dice, |i| Requirement {
                key: format!("c{i}"),
                operator: match i {
                    0 => Operator::NotIn(vec!["a".into(), String::new()]),
                    1 => Operator::Gt(-5),
                    _ => Operator::DoesNotExist,
                },
            });
            job.spec.ports = some(&mut dice, |i| 80 + i as u16);
            job.extended = some(&mut dice, |i| (format!("x/{}", 2 - i), i as i64)).into_iter().collect();
            job.usage = some(&mut dice, |i| UsageStep {
                length_us: [5, u64::MAX][i as usize],
                cpu_nano: 17 + i,
                memory: Bytes(3),
                cache: Bytes(0),
            });
            if i > 0 && dice.below(3) == 0 {
                job.after = vec![format!("jöb, \"{}\"", dice.below(i))];
            }
            builder.push(job).unwrap();
        }
        let hosts = (0..1 + dice.below(3))
            .map(|i| HostSpec {
                pods: (dice.below(2) == 0).then_some(5),
                gpus: dice.below(9) as u16,
                gpu_model: "M".into(),
                labels: some(&mut dice, |i| (format!("k{i}"), String::new())).into_iter().collect(),
                taints: some(&mut dice, |i| format!("t{i}=v:NoSchedule")),
                extended: some(&mut dice, |i| (format!("x/{i}"), 3)).into_iter().collect(),
                joins: SimTime(dice.below(5)),
                leaves: (dice.below(2) == 0).then_some(SimTime(9)),
                ephemeral: Bytes(dice.below(5) as i64),
                ..HostSpec::new(format!("h{i}"), MilliCpu(1), Bytes(1))
            })
            .collect();
        (builder.finish(UsageMode::Request, Seed(1)).unwrap(), hosts)
    }

    /// Every fact about every job, in words.
    fn told(w: &Workload) -> Vec<String> {
        w.ids()
            .map(|job| {
                let mut spec = w.spec(job).clone();
                let extended: Vec<(String, i64)> =
                    spec.extended.drain(..).map(|(id, n)| (w.resources()[id.index()].clone(), n)).collect();
                let after: Vec<&str> = w.after(job).iter().map(|&first| w.name(first)).collect();
                format!(
                    "{} {} {:?} {:?} {:?} {:?} {:?} {} {spec:?} {extended:?} {after:?} {:?}",
                    w.name(job),
                    w.arrival(job),
                    w.duration(job),
                    w.cpu_request(job),
                    w.memory_request(job),
                    w.cpu_limit(job),
                    w.memory_limit(job),
                    w.apps()[w.app(job).index()].name,
                    w.profile(job)
                )
            })
            .collect()
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let folder = std::env::temp_dir().join(format!("plimsoll-native-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for seed in 0..50 {
            let (workload, hosts) = by_dice(seed);
            let files = write(&workload, &hosts).unwrap();
            let at = |what: &str| folder.join(format!("t{seed}{what}.csv"));
            std::fs::write(at(""), &files.jobs).unwrap();
            std::fs::write(at(".hosts"), &files.hosts).unwrap();
            if let Some(usage) = &files.usage {
                std::fs::write(at(".usage"), usage).unwrap();
            }
            let arg = TraceArg::parse(&format!("native:{}", at("").display())).unwrap();
            let imported = read_trace(&arg, &BTreeMap::new(), &Budgets::default()).unwrap();
            let (read, read_hosts, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
            assert_eq!(told(&read), told(&workload), "seed {seed}");
            assert_eq!(read_hosts, hosts, "seed {seed}");
            assert_eq!(report.jobs, workload.len() as u64);
            assert_eq!(write(&read, &read_hosts).unwrap(), files, "seed {seed}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_would_not_read_back_is_not_written() {
        let mut builder = WorkloadBuilder::new();
        let mut job = Job::batch("a", SimTime(0), SimDuration(1), MilliCpu(1), Bytes(1));
        job.spec.tolerations = vec!["a;b".into()];
        builder.push(job).unwrap();
        let error = write(&builder.finish(UsageMode::Request, Seed(1)).unwrap(), &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a: \"a;b\" cannot stand in a list of the native format (blank, or with \";\" in it)"
        );
    }
}
