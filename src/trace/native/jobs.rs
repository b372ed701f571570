//! `x.csv`: the jobs.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use super::super::input::{AMOUNT_MAX, Ahead, TIME_MAX_US};
use super::super::{Column, Import, Row};
use super::lists::{amounts, constraint_text, constraints, extended, joined, list, numbers, one_of, owned, selector};
use super::objects::{Beside, labels};
use super::usage::Profile;
use super::{JOB_COLUMNS, failed};
use crate::error::{Error, Result};
use crate::fleet::options::Options as UnitOptions;
use crate::ids::{AppId, JobId, SpecId};
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::{
    Controller, Job, JobKind, LikeJob, PodReplacement, RestartPolicy, Spec, Unserved, Workload, mixed,
};

/// Reads the jobs, with the `usage` and the pods that stand beside.
pub(super) fn read_jobs(
    path: &str,
    import: &mut Import,
    usage: &mut BTreeMap<String, Profile>,
    beside: &mut Beside,
) -> Result<()> {
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
    let selector_column = table.optional("node_selector");
    let constraints_column = table.optional("constraints");
    let apart = table.optional("apart");
    let tolerations = table.optional("tolerations");
    let ports = table.optional("ports");
    let after = table.optional("after");
    let checkpoint = table.optional("checkpoint");
    let x_fleet = table.optional("x_fleet");
    let controller_column = table.optional("controller");
    let unserved = table.optional("unserved");
    let threads = table.optional("threads");
    let processes = table.optional("processes");
    let ephemeral_limit = table.optional("ephemeral_limit_bytes");
    let ephemeral_used = table.optional("ephemeral_used_bytes");
    let file_touches = table.optional("file_touches");
    let leak_touches = table.optional("leak_touches");
    let template = table.optional("template");
    let trace_end = table.optional("trace_end_us");
    // All that makes a spec.
    let of_spec = [
        controller_column,
        priority,
        extended_column,
        kind,
        restart,
        namespace,
        process_type,
        ephemeral,
        gpus,
        gpu_models,
        selector_column,
        constraints_column,
        apart,
        tolerations,
        ports,
        threads,
        unserved,
        processes,
        ephemeral_limit,
        ephemeral_used,
        file_touches,
        leak_touches,
        checkpoint,
        template,
        x_fleet,
    ];
    let mut alike = Alike::new(of_spec.into_iter().flatten().collect(), import.budgets.careful);
    let what = |column: usize| {
        let is = |of: Option<Column>| of.is_some_and(|of| of.index() == column);
        match () {
            () if is(Some(name)) => Cell::Name,
            () if is(Some(arrival)) => Cell::Arrival,
            () if is(Some(duration)) => Cell::Duration,
            () if is(Some(cpu)) => Cell::Cpu,
            () if is(Some(memory)) => Cell::Memory,
            () if is(cpu_limit) => Cell::CpuLimit,
            () if is(memory_limit) => Cell::MemoryLimit,
            () if is(app) => Cell::App,
            () if is(after) || is(trace_end) => Cell::Blank,
            () => Cell::Spec,
        }
    };
    let cells: Vec<Cell> = (0..table.header().len()).map(what).collect();
    let mut last_app: Option<(Vec<u8>, AppId)> = None;
    let mut units: BTreeMap<String, u32> = BTreeMap::new();
    let mut end: Option<u64> = None;
    loop {
        // Lines that are plain, as long as there are some.
        loop {
            let (mut lines, mut len) = (0, 0);
            if let Some(mut ahead) = table.ahead() {
                while let Some(behind) = plain_job(ahead, &cells, &alike, &mut last_app, usage, import) {
                    ahead = behind;
                    (lines, len) = (lines + 1, ahead.place());
                }
            }
            if lines == 0 {
                break;
            }
            table.pass(lines, len);
        }
        let Some(row) = table.next_row()? else { break };
        import.job_row(&row)?;
        if let Some(column) = trace_end
            && let Some(us) = row.time_us(column, "microseconds", 1)?
        {
            end = Some(end.map_or(us, |end| end.max(us)));
        }
        let Some(arrival_us) = row.time_us(arrival, "microseconds", 1)? else {
            return Err(row.refuse(arrival, "blank; a whole number of microseconds is needed"));
        };
        let name = row.text(name)?;
        let like = LikeJob {
            name,
            app: app_of(&row, app, import, &mut last_app)?,
            arrival: SimTime(arrival_us),
            duration: row.time_us(duration, "microseconds", 1)?.map(SimDuration),
            cpu_request: MilliCpu(row.amount(cpu, "milli-CPU")?),
            memory_request: Bytes(row.amount(memory, "bytes")?),
            cpu_limit: row.optional_amount(cpu_limit, "milli-CPU")?.map(MilliCpu),
            memory_limit: row.optional_amount(memory_limit, "bytes")?.map(Bytes),
        };
        let known = alike.known(&row);
        let after = match after.filter(|&column| !row.bytes(column).is_empty()) {
            Some(column) => owned(list(&row, Some(column), ';')?),
            None => Vec::new(),
        };
        if let Some(spec) = known
            && after.is_empty()
            && (usage.is_empty() || !usage.contains_key(name))
        {
            import.job_like(&row, &like, spec)?;
            continue;
        }
        let spec = Spec {
            controller: controller(&row, controller_column)?,
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
            node_selector: selector(&row, selector_column)?,
            constraints: constraints(&row, constraints_column)?,
            apart: one_of(&row, apart, false, &[false, true])?,
            tolerations: owned(list(&row, tolerations, ';')?),
            ports: numbers(&row, ports, "ports", 65_535, "65535")?,
            threads: count(&row, threads, "threads", 1)?,
            unserved: word(&row, unserved, &[("drop", Unserved::Drop), ("defer", Unserved::Defer)])?,
            processes: count(&row, processes, "processes", 1)?,
            ephemeral_limit: row.optional_amount(ephemeral_limit, "bytes")?.map(Bytes),
            ephemeral_used: Bytes(row.optional_amount(ephemeral_used, "bytes")?.unwrap_or(0)),
            file_touches: count(&row, file_touches, "touches", 0)?,
            leak_touches: count(&row, leak_touches, "touches", 0)?.unwrap_or(0),
            checkpoint: one_of(&row, checkpoint, false, &[false, true])?,
            template: beside.template(&row, template, import)?,
            unit: unit(&row, x_fleet, import, &mut units)?,
        };
        let job = Job {
            name: name.into(),
            app: row.optional(app)?.into(),
            arrival: like.arrival,
            duration: like.duration,
            cpu_request: like.cpu_request,
            memory_request: like.memory_request,
            cpu_limit: like.cpu_limit,
            memory_limit: like.memory_limit,
            spec,
            extended: extended(&row, extended_column)?,
            usage: usage.remove(name).map(|profile| profile.steps).unwrap_or_default(),
            after,
        };
        import.job(&row, job)?;
        alike.keep(import.builder().last_spec());
    }
    if let Some(end) = end {
        import.builder().trace_end(SimTime(end));
    }
    Ok(())
}

/// The app that `row` names; `last` is that of the row before.
fn app_of(
    row: &Row,
    column: Option<Column>,
    import: &mut Import,
    last: &mut Option<(Vec<u8>, AppId)>,
) -> Result<AppId> {
    let written = column.map_or(&[][..], |column| row.bytes(column));
    match last {
        Some((name, app)) if name == written => Ok(*app),
        _ => {
            let app = import.builder().app(row.optional(column)?).map_err(|error| row.place(error))?;
            *last = Some((written.to_vec(), app));
            Ok(app)
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Name,
    Arrival,
    Duration,
    Cpu,
    Memory,
    CpuLimit,
    MemoryLimit,
    App,
    /// Part of the spec.
    Spec,
    /// What only rows that are read in full may say.
    Blank,
}

/// Adds the job of `line` if all in it is plain: numbers are digits and nothing else, the spec was met before, the job waits
/// for none and has no usage beside it. Gives what is behind the line. `None`: no job was added, and the line is for the rest of
/// this file, whatever it says.
fn plain_job<'a>(
    mut line: Ahead<'a>,
    cells: &[Cell],
    alike: &Alike,
    last_app: &mut Option<(Vec<u8>, AppId)>,
    usage: &BTreeMap<String, Profile>,
    import: &mut Import,
) -> Option<Ahead<'a>> {
    let (mut name, mut app) = ("", "");
    let (mut arrival, mut duration, mut cpu, mut memory) = (0, None, 0, 0);
    let (mut cpu_limit, mut memory_limit) = (None, None);
    let mut says = alike.says();
    // Where the stretch of columns of the spec that this stands in began.
    let mut stretch = None;
    for (i, cell) in cells.iter().enumerate() {
        let last = i + 1 == cells.len();
        if let (Some(start), true) = (stretch, *cell != Cell::Spec) {
            says.add(line.since(start));
            stretch = None;
        }
        match cell {
            Cell::Name => name = line.field(last)?,
            Cell::App => app = line.field(last)?,
            Cell::Arrival => arrival = line.number(last)??,
            Cell::Duration => duration = line.number(last)?,
            Cell::Cpu => cpu = line.number(last)??,
            Cell::Memory => memory = line.number(last)??,
            Cell::CpuLimit => cpu_limit = line.number(last)?,
            Cell::MemoryLimit => memory_limit = line.number(last)?,
            Cell::Blank if line.field(last)?.is_empty() => {}
            Cell::Blank => return None,
            Cell::Spec => {
                stretch.get_or_insert(line.place());
                line.field(last)?;
            }
        }
    }
    if let Some(start) = stretch {
        says.add(line.since(start));
    }
    let spec = says.spec().filter(|_| line.is_text())?;
    if !usage.is_empty() && usage.contains_key(name) {
        return None;
    }
    let app = match last_app {
        Some((name, number)) if name == app.as_bytes() => *number,
        _ => {
            let number = import.builder().app(app).ok()?;
            *last_app = Some((app.into(), number));
            number
        }
    };
    // Fifteen digits are below the most of an amount and of a time.
    const { assert!(AMOUNT_MAX >= 999_999_999_999_999 && TIME_MAX_US >= AMOUNT_MAX) };
    let amount = |amount: u64| amount as i64;
    let like = LikeJob {
        name,
        app,
        arrival: SimTime(arrival),
        duration: duration.map(SimDuration),
        cpu_request: MilliCpu(amount(cpu)),
        memory_request: Bytes(amount(memory)),
        cpu_limit: cpu_limit.map(|limit| MilliCpu(amount(limit))),
        memory_limit: memory_limit.map(|limit| Bytes(amount(limit))),
    };
    import.plain_job(&like, spec).then_some(line)
}

/// Specs of rows, for later rows that say the same in all columns that make one: most do, and reading a spec takes far
/// longer than comparing what is written.
struct Alike {
    columns: Vec<Column>,
    /// First and last places of stretches of these with no other column between.
    stretches: Vec<(usize, usize)>,
    /// What rows said, with their specs; its place follows from what it is. Empty: nothing is kept.
    kept: Vec<(Vec<u8>, SpecId)>,
    /// Whether stretches are compared, not fields.
    plain: bool,
    /// What the row that was asked for last says, and its place.
    now: Vec<u8>,
    place: usize,
}

/// How many are kept, a power of two.
const ALIKE: usize = 256;

impl Alike {
    fn new(columns: Vec<Column>, careful: bool) -> Self {
        let mut sorted: Vec<usize> = columns.iter().map(|column| column.index()).collect();
        sorted.sort_unstable();
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for i in sorted {
            match stretches.last_mut() {
                Some((_, last)) if *last + 1 == i => *last = i,
                _ => stretches.push((i, i)),
            }
        }
        let kept = if careful { Vec::new() } else { vec![(Vec::new(), NOT_SAID); ALIKE] };
        Alike { columns, stretches, kept, plain: true, now: Vec::new(), place: 0 }
    }

    /// What a row says, to be told stretch by stretch.
    fn says(&self) -> Says<'_> {
        Says { alike: self, all: 0, stretches: [&[]; STRETCHES], told: 0 }
    }

    /// The spec of a row that said the same as `row`.
    fn known(&mut self, row: &Row) -> Option<SpecId> {
        if self.kept.is_empty() {
            return None;
        }
        self.now.clear();
        let mut all = 0;
        if let Some(row) = row.plain() {
            for said in self.stretches.iter().filter_map(|&(first, last)| row.span(first, last)) {
                all = mixed_on(all, said);
                // A line end stands in no stretch, so it can stand between them.
                self.now.extend_from_slice(said);
                self.now.push(b'\n');
            }
        } else {
            // From the first quote on: what stands in the fields, every one with its length.
            if std::mem::take(&mut self.plain) {
                self.kept.fill((Vec::new(), NOT_SAID));
            }
            for column in &self.columns {
                let field = row.bytes(*column);
                self.now.extend((field.len() as u32).to_le_bytes());
                self.now.extend(field);
            }
            all = mixed_on(all, &self.now);
        }
        self.place = all as usize % ALIKE;
        let (said, spec) = &self.kept[self.place];
        (*spec != NOT_SAID && *said == self.now).then_some(*spec)
    }

    /// Keeps the spec of the row that was asked for last.
    fn keep(&mut self, spec: Option<SpecId>) {
        if let (Some(spec), Some(kept)) = (spec, self.kept.get_mut(self.place)) {
            *kept = (self.now.clone(), spec);
        }
    }
}

/// Most stretches of a row that is told by them.
const STRETCHES: usize = 8;

/// What a row says in the columns of the spec, of which nothing is copied.
struct Says<'a> {
    alike: &'a Alike,
    all: u64,
    stretches: [&'a [u8]; STRETCHES],
    told: usize,
}

impl<'a> Says<'a> {
    /// Tells the next stretch.
    fn add(&mut self, stretch: &'a [u8]) {
        self.all = mixed_on(self.all, stretch);
        if let Some(place) = self.stretches.get_mut(self.told) {
            *place = stretch;
        }
        self.told += 1;
    }

    /// The spec of a row that said the same.
    fn spec(&self) -> Option<SpecId> {
        let (said, spec) = self.alike.kept.get(self.all as usize % ALIKE)?;
        let mut rest = said.as_slice();
        for stretch in self.stretches.get(..self.told)? {
            rest = rest.strip_prefix(*stretch)?.strip_prefix(b"\n")?;
        }
        (*spec != NOT_SAID && rest.is_empty()).then_some(*spec)
    }
}

/// `all` and `bytes` mixed.
fn mixed_on(all: u64, bytes: &[u8]) -> u64 {
    all.rotate_left(7) ^ mixed(bytes)
}

/// In place of a spec: none is kept here.
const NOT_SAID: SpecId = SpecId(u32::MAX);

/// A count from `least`; `None` where blank.
fn count(row: &Row, column: Option<Column>, unit: &str, least: u32) -> Result<Option<u32>> {
    let Some(column) = column.filter(|&column| !row.is_blank(column)) else { return Ok(None) };
    match row.number(column, row.text(column)?.trim(), unit, u64::from(u32::MAX), "4294967295")? as u32 {
        n if n < least => Err(row.refuse(column, format!("{n} is too few {unit}; leave it blank for none said"))),
        n => Ok(Some(n)),
    }
}

/// The value that the field's word stands for; the first of `words` where blank.
fn word<T: Copy>(row: &Row, column: Option<Column>, words: &[(&str, T)]) -> Result<T> {
    let text = row.optional(column)?.trim();
    match (words.iter().find(|(word, _)| *word == text), column) {
        (Some((_, value)), _) => Ok(*value),
        (None, Some(column)) if !text.is_empty() => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(row.refuse(column, format!("\"{text}\" will not do; {} will", words.join(" or "))))
        }
        _ => Ok(words[0].1),
    }
}

const REPLACEMENTS: [(&str, PodReplacement); 2] =
    [("terminating-or-failed", PodReplacement::TerminatingOrFailed), ("failed", PodReplacement::Failed)];
const IN_PLACE: [(&str, bool); 2] = [("in-place", true), ("new-pod", false)];

/// `none`, `replica-set`, `stateful-set`, `daemon-set`, or `job:6:failed:in-place`.
fn controller(row: &Row, column: Option<Column>) -> Result<Controller> {
    let text = row.optional(column)?.trim();
    let Some(column) = column.filter(|_| !text.is_empty()) else { return Ok(Controller::Unset) };
    controller_of(text).ok_or_else(|| {
        let would_do = "none, replica-set, stateful-set, daemon-set, or job:6:failed:in-place";
        row.refuse(column, format!("\"{text}\" is not what stands behind a job; {would_do} will"))
    })
}

fn controller_of(text: &str) -> Option<Controller> {
    let mut parts = text.split(':');
    let found = match parts.next()? {
        "none" => Controller::Naked,
        "replica-set" => Controller::ReplicaSet,
        "stateful-set" => Controller::StatefulSet,
        "daemon-set" => Controller::DaemonSet,
        "job" => {
            let backoff_limit = parts.next()?.parse().ok()?;
            let (replacement, in_place) = (parts.next()?, parts.next()?);
            Controller::Job {
                backoff_limit,
                replacement: REPLACEMENTS.iter().find(|(word, _)| *word == replacement)?.1,
                in_place: IN_PLACE.iter().find(|(word, _)| *word == in_place)?.1,
            }
        }
        _ => return None,
    };
    parts.next().is_none().then_some(found)
}

fn controller_text(controller: Controller) -> String {
    match controller {
        Controller::Unset => String::new(),
        Controller::Naked => "none".into(),
        Controller::ReplicaSet => "replica-set".into(),
        Controller::StatefulSet => "stateful-set".into(),
        Controller::DaemonSet => "daemon-set".into(),
        Controller::Job { backoff_limit, replacement, in_place } => {
            let replacement = REPLACEMENTS.iter().find(|(_, value)| *value == replacement).map_or("", |(word, _)| word);
            let in_place = IN_PLACE.iter().find(|(_, value)| *value == in_place).map_or("", |(word, _)| word);
            format!("job:{backoff_limit}:{replacement}:{in_place}")
        }
    }
}

/// What the unit's `[X-Fleet]` section says, as a list of `Key=Value`; `units` are those met so far.
fn unit(
    row: &Row,
    column: Option<Column>,
    import: &mut Import,
    units: &mut BTreeMap<String, u32>,
) -> Result<Option<u32>> {
    let text = row.optional(column)?.trim();
    let Some(column) = column.filter(|_| !text.is_empty()) else { return Ok(None) };
    if let Some(number) = units.get(text) {
        return Ok(Some(*number));
    }
    let mut options = UnitOptions::default();
    for entry in list(row, Some(column), ';')? {
        match entry.split_once('=') {
            Some((key, value)) if !key.is_empty() => options.add_value(key, value),
            _ => return Err(row.refuse(column, format!("\"{entry}\" is not KEY=VALUE"))),
        }
    }
    let number = import.builder().unit(Arc::new(options));
    units.insert(text.to_owned(), number);
    Ok(Some(number))
}

/// The section as a list.
///
/// Errors: an option without a value or with an equals sign in its name, which would not come back.
fn unit_text(name: &str, options: &UnitOptions) -> Result<String> {
    let mut entries = Vec::new();
    for (key, values) in options.iter() {
        if values.is_empty() || key.contains('=') || key.is_empty() {
            return Err(Error::input(format!("{name}: the option \"{key}\" of [X-Fleet] has no form in x_fleet")));
        }
        entries.extend(values.iter().map(|value| format!("{key}={value}")));
    }
    if entries.is_empty() {
        return Err(Error::input(format!("{name}: an empty section [X-Fleet] has no form in x_fleet")));
    }
    joined(name, entries, ';')
}

/// Writes the table of jobs. An entry of a list that holds the list's separator is an input error.
pub fn write_jobs(workload: &Workload, out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(JOB_COLUMNS).map_err(failed)?;
    let labels = labels(workload);
    let mut end = workload.trace_end();
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
            &joined(name, amounts(name, spec.extended.iter().map(|(id, n)| (&resources[id.index()], *n)))?, ';')?,
            &joined(name, spec.node_selector.iter().map(|(k, v)| format!("{k}={v}")), ';')?,
            &joined(name, demands, ';')?,
            if spec.apart { "true" } else { "" },
            &joined(name, spec.tolerations.iter().cloned(), ';')?,
            &numbers(&spec.ports),
            &joined(name, workload.after(job).iter().map(|&first: &JobId| workload.name(first).to_string()), ';')?,
            &spec.checkpoint.to_string(),
            &workload.unit(job).map_or(Ok(String::new()), |options| unit_text(name, options))?,
            &controller_text(spec.controller),
            if spec.unserved == Unserved::Defer { "defer" } else { "" },
            &or_blank(spec.threads.map(i64::from)),
            &or_blank(spec.processes.map(i64::from)),
            &or_blank(spec.ephemeral_limit.map(|limit| limit.0)),
            &or_blank((spec.ephemeral_used.0 != 0).then_some(spec.ephemeral_used.0)),
            &or_blank(spec.file_touches.map(i64::from)),
            &or_blank((spec.leak_touches != 0).then_some(i64::from(spec.leak_touches))),
            spec.template.map_or("", |number| labels[&number].as_str()),
            &end.take().map_or(String::new(), |end| end.0.to_string()),
        ])
        .map_err(failed)?;
    }
    csv.flush().map_err(failed)
}
