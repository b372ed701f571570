//! What a Prometheus server measured: answers of its `query_range`, laid over the pods of a trace.
//!
//! Each file is one answer, a matrix of series; several are read as one. Series say what they are by their `__name__`,
//! or the file does: `cpu=FILE` for rates in cores, `cpu-total=FILE` for counters of CPU-seconds, `memory=FILE` for
//! bytes. Containers of a pod are added up. A value that is NaN, infinite or absent says nothing of its time, which
//! keeps what was before it. Files are read whole, within the budget of bytes: JSON has no rows.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::option::{UNCENSOR, USAGE_STAT};
use super::{
    Decimal, FormatInfo, Import, OptionInfo, OptionValues, Place, Reading, Sample, SeriesOwner, SeriesUnit, Source,
    input,
};
use crate::error::{Error, Result, visible};
use crate::units::{NANO_PER_CORE, SECOND_US};

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "prometheus",
    summary: "answers of Prometheus' query_range: [cpu=|cpu-total=|memory=]FILE.json with commas between, by namespace and pod",
    options: &[
        OptionInfo {
            name: "step",
            values: OptionValues::Count(1, 86_400),
            default: "60",
            summary: "seconds that a value stands for where its series has no second one to tell the step",
        },
        USAGE_STAT,
        UNCENSOR,
    ],
    read_usage: Some(read_usage),
    ..FormatInfo::BASE
};

/// What the values of a series are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// Cores.
    Rate,
    /// CPU-seconds, counted up.
    Counter,
    /// Bytes.
    Memory,
}

/// What a file may be said to hold.
const PREFIXES: [(&str, Kind); 3] = [("cpu-total=", Kind::Counter), ("cpu=", Kind::Rate), ("memory=", Kind::Memory)];
/// Largest CPU, in nano-cores, and memory, in bytes.
const MOST: u64 = 1 << 53;
/// Latest time, in seconds: the year 11,000 or so.
const LATEST_S: f64 = 3e11;

/// An answer of the server.
#[derive(Deserialize)]
struct Answer {
    status: Option<String>,
    error: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A value and the time that it is of.
struct Piece {
    start_us: u64,
    end_us: u64,
    value: u64,
}

/// What the containers of a pod used.
#[derive(Default)]
struct Pod {
    /// CPU and memory of series that name a container.
    named: [Vec<Piece>; 2],
    /// The same of series that do not: of the pod as a whole.
    whole: [Vec<Piece>; 2],
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    stale: u64,
    resets: u64,
    pause: u64,
    whole: u64,
    nobody: u64,
    lone: u64,
}

/// `path` without what says what it holds, which may stand behind the folder that a scenario put in front.
fn told(path: &str) -> (Option<Kind>, String) {
    for (prefix, kind) in PREFIXES {
        if let Some(rest) = path.strip_prefix(prefix) {
            return (Some(kind), rest.into());
        }
        if let Some((folder, rest)) = path.split_once(&format!("/{prefix}")) {
            let path = if rest.starts_with('/') || rest == "-" { rest.into() } else { format!("{folder}/{rest}") };
            return (Some(kind), path);
        }
    }
    (None, path.into())
}

fn read_usage(source: &Source, import: &mut Import) -> Result<()> {
    let mut pods: BTreeMap<String, Pod> = BTreeMap::new();
    let mut counts = Counts::default();
    let files: Vec<(Option<Kind>, String)> = source.path.split(',').map(|part| told(part.trim())).collect();
    if files.iter().any(|(_, path)| path.is_empty()) {
        let what = format!("\"{}\" is not a list of files; write prometheus:cpu=FILE,memory=FILE", source.path);
        return Err(Error::usage(what));
    }
    for (kind, path) in &files {
        read_answer(path, *kind, import, &mut pods, &mut counts)?;
    }
    for (name, mut pod) in pods {
        // The series of a pod as a whole counts its containers again, if these are there.
        for resource in 0..2 {
            if pod.named[resource].is_empty() {
                pod.named[resource] = std::mem::take(&mut pod.whole[resource]);
            } else {
                counts.whole += pod.whole[resource].len() as u64;
            }
        }
        let owner = SeriesOwner::Job(name);
        for (start_us, end_us, cpu, memory) in summed(&pod.named) {
            let reading = |mean| Reading { mean, ..Reading::default() };
            let sample = Sample { start_us, end_us, cpu: reading(cpu), memory: reading(memory), host_busy: false };
            let added = import.overlay.add(&owner, SeriesUnit::Absolute, &sample);
            added.map_err(|why| why.in_file(&files[0].1))?;
        }
    }
    let report = &mut import.report;
    for (count, what) in [
        (counts.stale, "values that are NaN or infinite: stale"),
        (counts.pause, "series of the pause container (POD)"),
        (counts.whole, "values of pods as a whole beside their containers"),
        (counts.nobody, "series without namespace and pod"),
    ] {
        if count > 0 {
            report.rows_dropped.insert(what.into(), count);
        }
    }
    report.choices.push(
        "a rate or an amount of memory is of the step before its time, a counter's growth of the time since the value \
         before; containers of a pod are added up"
            .into(),
    );
    for (count, what) in [
        (counts.resets, "times a counter began anew: it is taken to have been at 0 in between"),
        (counts.lone, "counters have one value only, which says nothing"),
    ] {
        if count > 0 {
            report.choices.push(format!("{count} {what}"));
        }
    }
    Ok(())
}

fn read_answer(
    path: &str,
    kind: Option<Kind>,
    import: &Import,
    pods: &mut BTreeMap<String, Pod>,
    counts: &mut Counts,
) -> Result<()> {
    let text = input::whole_text(path, import.budgets)?;
    let file = input::display_name(path);
    let refuse = |what: String| Error::input(what).in_file(&file);
    let place = Place { file: file.clone(), line: 0 };
    let broken = |why: serde_json::Error| {
        let (line, column) = (why.line() as u64, why.column() as u64);
        let what = why.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        let error = refuse(format!("not an answer of Prometheus' query_range ({what})"));
        if line == 0 { error } else { error.at(line, column) }
    };
    let answer: Answer = serde_json::from_str(&text).map_err(broken)?;
    drop(text);
    if answer.status.as_deref() != Some("success") {
        let said = answer.error.or(answer.status).unwrap_or_else(|| "no status".into());
        return Err(refuse(format!("the server did not answer with success: {}", visible(&said))));
    }
    let Some(data) = answer.data else { return Err(refuse("the answer has no data".into())) };
    if data.kind != "matrix" {
        let kind = visible(&data.kind);
        return Err(refuse(format!("resultType is \"{kind}\", of one moment; a matrix of api/v1/query_range will do")));
    }
    for (i, series) in data.result.into_iter().enumerate() {
        let field = format!("data.result[{i}]");
        take(series, kind, &field, &place, import, pods, counts)?;
    }
    Ok(())
}

/// What a series is, by its name or else by what its file was said to hold.
fn kind_of(series: &Series, said: Option<Kind>) -> std::result::Result<Kind, String> {
    let name = series.metric.get("__name__").map(String::as_str);
    let (counter, memory) = match name {
        Some(name) => (name.ends_with("_seconds_total"), name.contains("memory") && name.ends_with("_bytes")),
        None => (false, false),
    };
    match (said, name) {
        // A counter is one whatever it is called on the command line.
        (Some(Kind::Rate | Kind::Counter) | None, Some(_)) if counter => Ok(Kind::Counter),
        (Some(Kind::Memory), Some(name)) if counter => Err(format!("{} counts CPU time, not memory", visible(name))),
        (Some(Kind::Rate | Kind::Counter), Some(name)) if memory => {
            Err(format!("{} is memory, not CPU", visible(name)))
        }
        (Some(kind), _) => Ok(kind),
        (None, Some(_)) if memory => Ok(Kind::Memory),
        (None, Some(name)) => {
            Err(format!("{} is neither CPU nor memory by its name; write cpu=FILE or memory=FILE", visible(name)))
        }
        (None, None) => Err("the series has no __name__; write cpu=FILE, cpu-total=FILE or memory=FILE".into()),
    }
}

fn take(
    series: Series,
    said: Option<Kind>,
    field: &str,
    place: &Place,
    import: &Import,
    pods: &mut BTreeMap<String, Pod>,
    counts: &mut Counts,
) -> Result<()> {
    let refuse = |at: &str, what: String| place.of(Error::input(what).in_field(format!("{field}{at}")));
    let kind = kind_of(&series, said).map_err(|what| refuse(".metric", what))?;
    // cAdvisor before Kubernetes 1.16 said pod_name and container_name.
    let label = |names: [&str; 2]| names.iter().find_map(|name| series.metric.get(*name)).map_or("", String::as_str);
    let (namespace, pod) = (label(["namespace", "kubernetes_namespace"]), label(["pod", "pod_name"]));
    let container = label(["container", "container_name"]);
    if container == "POD" {
        counts.pause += 1;
        return Ok(());
    }
    if namespace.is_empty() || pod.is_empty() {
        counts.nobody += 1;
        return Ok(());
    }
    let mut points: Vec<(u64, Decimal)> = Vec::with_capacity(series.values.len());
    for (i, (time, text)) in series.values.iter().enumerate() {
        let at = |what| refuse(&format!(".values[{i}]"), what);
        if !(0.0..LATEST_S).contains(time) {
            return Err(at(format!("{time} is no time in seconds of Unix time")));
        }
        // The server counts in whole milliseconds, which a double of seconds holds.
        let at_us = (time * 1_000.0).round() as u64 * 1_000;
        match text.to_ascii_lowercase().as_str() {
            "nan" | "+inf" | "-inf" | "inf" => {
                counts.stale += 1;
                continue;
            }
            _ => {}
        }
        let value = Decimal::parse(text).ok_or_else(|| at(format!("\"{}\" is not a number", visible(text))))?;
        if value.is_negative() {
            return Err(at(format!("\"{text}\" is negative; CPU and memory are 0 or more")));
        }
        if points.last().is_some_and(|last| last.0 >= at_us) {
            return Err(at("the time is not after the one before it".into()));
        }
        points.push((at_us, value));
    }
    let one = if kind == Kind::Memory { 1 } else { NANO_PER_CORE };
    let beyond = || refuse("", "a value is too large".into());
    let mut values: Vec<(u64, u64)> = Vec::with_capacity(points.len());
    for (at, value) in points {
        let most = if kind == Kind::Counter { u64::MAX } else { MOST };
        values.push((at, value.times(one).filter(|n| *n <= most).ok_or_else(beyond)?));
    }
    let pieces = match kind {
        Kind::Counter => {
            counts.lone += u64::from(values.len() == 1);
            counter(&values, counts).ok_or_else(beyond)?
        }
        Kind::Rate | Kind::Memory => gauge(&values, import.count_option("step") * SECOND_US),
    };
    let pod = pods.entry(format!("{namespace}/{pod}")).or_default();
    let into = if container.is_empty() { &mut pod.whole } else { &mut pod.named };
    into[usize::from(kind == Kind::Memory)].extend(pieces);
    Ok(())
}

/// What a counter of nano-core-seconds grew by between two values, as a rate in nano-cores. `None`: beyond any rate.
fn counter(values: &[(u64, u64)], counts: &mut Counts) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(values.len());
    for pair in values.windows(2) {
        let ((start_us, before), (end_us, after)) = (pair[0], pair[1]);
        counts.resets += u64::from(after < before);
        let grown = if after < before { after } else { after - before };
        let rate = u128::from(grown) * u128::from(SECOND_US) / u128::from(end_us - start_us);
        pieces.push(Piece { start_us, end_us, value: u64::try_from(rate).ok().filter(|rate| *rate <= MOST)? });
    }
    Some(pieces)
}

/// Values, each of the step before it; the step is the least time between two of them.
fn gauge(values: &[(u64, u64)], lone_step_us: u64) -> Vec<Piece> {
    let step_us = values.windows(2).map(|pair| pair[1].0 - pair[0].0).min().unwrap_or(lone_step_us);
    values.iter().map(|&(at, value)| Piece { start_us: at.saturating_sub(step_us), end_us: at, value }).collect()
}

/// CPU and memory of a pod over each time in which neither changes: the sums of pieces that are of that time; `None`:
/// there are none.
fn summed(pieces: &[Vec<Piece>; 2]) -> Vec<(u64, u64, Option<u64>, Option<u64>)> {
    // Time, resource, whether it begins, value.
    let mut edges: Vec<(u64, usize, bool, u64)> = Vec::new();
    for (resource, pieces) in pieces.iter().enumerate() {
        for piece in pieces.iter().filter(|piece| piece.start_us < piece.end_us) {
            edges.push((piece.start_us, resource, true, piece.value));
            edges.push((piece.end_us, resource, false, piece.value));
        }
    }
    edges.sort_unstable();
    let (mut sum, mut running) = ([0u128; 2], [0u64; 2]);
    let mut done = Vec::new();
    let mut i = 0;
    while i < edges.len() {
        let now = edges[i].0;
        while i < edges.len() && edges[i].0 == now {
            let (_, resource, begins, value) = edges[i];
            // Ends sort before beginnings, but may take what began at an earlier moment only: sums never go below 0.
            if begins {
                sum[resource] += u128::from(value);
                running[resource] += 1;
            } else {
                sum[resource] -= u128::from(value);
                running[resource] -= 1;
            }
            i += 1;
        }
        let Some(next) = edges.get(i) else { break };
        let of = |resource: usize| (running[resource] > 0).then(|| sum[resource].min(u128::from(MOST)) as u64);
        if running != [0, 0] {
            done.push((now, next.0, of(0), of(1)));
        }
    }
    done
}

#[cfg(test)]
mod tests;
