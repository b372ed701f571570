//! The figures of a trace as a table to read, as JSON and as CSV.

use serde::Serialize;

use super::aligned;
use crate::cluster::HostSpec;
use crate::cluster::synthetic::shapes;
use crate::report::figures::{duration, number, percent, thousands};
use crate::report::text::{cell, shown};
use crate::trace::{ImportReport, TraceOutage};
use crate::workload::stats::{Summary, WorkloadStats};

const GIB: f64 = (1u64 << 30) as f64;
/// Most shapes of hosts in the table to read.
const SHAPES_MAX: usize = 12;

/// Everything that is said of a trace.
#[derive(Debug, Serialize)]
pub struct TraceStat {
    /// What was read and left out.
    pub import: ImportReport,
    /// The jobs.
    pub workload: WorkloadStats,
    /// The hosts.
    pub hosts: HostStats,
}

/// The hosts of a trace in figures.
#[derive(Debug, Serialize)]
pub struct HostStats {
    /// Hosts.
    pub hosts: u64,
    /// Their cores.
    pub cpu_cores: f64,
    /// Their memory in GiB.
    pub memory_gib: f64,
    /// Their GPUs.
    pub gpus: u64,
    /// Outages, those of a share of all hosts as one.
    pub outages: u64,
    /// Sizes, the most frequent first.
    pub shapes: Vec<ShapeRow>,
}

/// Hosts of one size.
#[derive(Debug, Serialize)]
pub struct ShapeRow {
    /// How many.
    pub hosts: u64,
    /// Cores of each.
    pub cpu_cores: f64,
    /// GiB of memory of each.
    pub memory_gib: f64,
    /// GPUs of each.
    pub gpus: u64,
    /// Their model, empty if none.
    pub gpu_model: String,
}

impl HostStats {
    /// The figures of these hosts.
    pub fn of(hosts: &[HostSpec], outages: &[TraceOutage]) -> Self {
        HostStats {
            hosts: hosts.len() as u64,
            cpu_cores: hosts.iter().map(|host| host.cpu.as_cores_f64()).sum(),
            memory_gib: hosts.iter().map(|host| i128::from(host.memory.0)).sum::<i128>() as f64 / GIB,
            gpus: hosts.iter().map(|host| u64::from(host.gpus)).sum(),
            outages: outages.len() as u64,
            shapes: shapes(hosts)
                .into_iter()
                .map(|shape| ShapeRow {
                    hosts: shape.count,
                    cpu_cores: shape.cpu.as_cores_f64(),
                    memory_gib: shape.memory.0 as f64 / GIB,
                    gpus: u64::from(shape.gpus),
                    gpu_model: shape.gpu_model,
                })
                .collect(),
        }
    }
}

/// A distribution: its name, the unit in files, its figures, and how a number of it is shown.
type Line = (&'static str, &'static str, Option<Summary>, fn(f64) -> String);

/// All distributions in reading order.
fn lines(w: &WorkloadStats) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![
        ("duration", "s", w.duration_s, duration),
        ("CPU request, cores", "cores", w.cpu_cores, number),
        ("memory request, GiB", "GiB", w.memory_gib, number),
        ("GPUs, where requested", "GPUs", w.gpus, number),
        ("jobs of an app", "jobs", w.jobs_per_app, number),
        ("between arrivals", "s", w.between_arrivals_s, duration),
    ];
    if let Some(usage) = &w.usage {
        lines.extend([
            ("mean CPU used / requested", "share", usage.cpu_mean, number as fn(f64) -> String),
            ("most CPU used / requested", "share", usage.cpu_peak, number),
            ("mean memory used / requested", "share", usage.memory_mean, number),
            ("most memory used / requested", "share", usage.memory_peak, number),
        ]);
    }
    lines
}

/// What is held at once: name, unit, peak and mean.
fn held(w: &WorkloadStats) -> [(&'static str, &'static str, f64, f64); 4] {
    let at_once = &w.at_once;
    [
        ("jobs", "jobs", at_once.jobs.peak, at_once.jobs.mean),
        ("cores requested", "cores", at_once.cpu_cores.peak, at_once.cpu_cores.mean),
        ("GiB requested", "GiB", at_once.memory_gib.peak, at_once.memory_gib.mean),
        ("GPUs requested", "GPUs", at_once.gpus.peak, at_once.gpus.mean),
    ]
}

/// The table to read.
pub fn text(stat: &TraceStat) -> String {
    let w = &stat.workload;
    let count = |n: u64| thousands(n as f64);
    let plural = |n: u64, what: &str| format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" });
    let mut out = format!(
        "{} ({} batch, {}, {} without a known end) of {}\n",
        plural(w.jobs, "job"),
        count(w.batch_jobs),
        plural(w.services, "service"),
        count(w.open_ended),
        plural(w.apps, "app"),
    );
    out.push_str(&format!(
        "arrivals from {} to {}; the last known end is at {} if nothing waits\n\n",
        duration(w.first_arrival_s),
        duration(w.last_arrival_s),
        duration(w.last_end_s)
    ));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let mut rows = vec![words(&["", "count", "min", "p10", "p50", "p90", "p99", "max", "mean", "sum"])];
    for (name, unit, summary, show) in lines(w) {
        if let Some(s) = summary {
            let mut row = vec![name.to_owned(), count(s.count)];
            row.extend([s.min, s.p10, s.p50, s.p90, s.p99, s.max, s.mean].map(show));
            // A sum of shares means nothing.
            row.push(if unit == "share" { String::new() } else { show(s.sum) });
            rows.push(row);
        }
    }
    out.push_str(&aligned(&rows));
    let mut rows = vec![words(&["at once, if nothing waits", "peak", "mean"])];
    let there = held(w).into_iter().filter(|(_, _, peak, _)| *peak > 0.0);
    rows.extend(there.map(|(name, _, peak, mean)| vec![name.to_owned(), number(peak), number(mean)]));
    out.push('\n');
    out.push_str(&aligned(&rows));
    out.push('\n');
    for sentence in sentences(w) {
        out.push_str(&format!("{sentence}\n"));
    }
    out.push_str(&by_hour(w));
    out.push_str(&hosts_text(&stat.hosts));
    out.push('\n');
    out.push_str(&crate::error::visible(&stat.import.to_string()));
    out
}

/// Fits and shares as sentences.
fn sentences(w: &WorkloadStats) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(fit) = w.duration_fit {
        let tail = w
            .duration_tail_index
            .map_or(String::new(), |index| format!("; tail index {} (Hill, longest 5 %)", number(index)));
        said.push(format!(
            "durations: log-normal fit with median {} and sigma {}{tail}",
            duration(fit.median),
            number(fit.sigma)
        ));
    }
    if w.between_arrivals_s.is_some() {
        let dispersion =
            w.hourly_dispersion.map_or(String::new(), |d| format!(", variance / mean of hourly counts {}", number(d)));
        said.push(format!(
            "arrivals: coefficient of variation of the times between {}{dispersion} (1 for a Poisson process)",
            number(w.between_arrivals_cv)
        ));
    }
    if let Some(share) = w.top_percent_work_share {
        said.push(format!("work: the largest 1 % of jobs have {} of all core-seconds requested", percent(share)));
    }
    if let Some(usage) = &w.usage {
        said.push(format!(
            "usage: {} of {} jobs have their own, in {} steps",
            thousands(usage.jobs as f64),
            thousands(w.jobs as f64),
            thousands(usage.steps as f64)
        ));
    }
    said
}

fn by_hour(w: &WorkloadStats) -> String {
    if w.jobs == 0 {
        return String::new();
    }
    let most = w.arrivals_by_hour.iter().copied().max().unwrap_or(0).max(1);
    let mut out = String::from("\narrivals by hour of the day, on the trace's own clock\n");
    for (hour, &jobs) in w.arrivals_by_hour.iter().enumerate() {
        let bar = "#".repeat((jobs * 50 / most) as usize);
        let line = format!("{hour:>4} h  {:>7}  {bar}", percent(jobs as f64 / w.jobs as f64));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn hosts_text(hosts: &HostStats) -> String {
    if hosts.hosts == 0 {
        return "\nno hosts\n".into();
    }
    let mut out = format!(
        "\n{} hosts: {} cores, {} GiB, {} GPUs; {} outages\n",
        thousands(hosts.hosts as f64),
        number(hosts.cpu_cores),
        number(hosts.memory_gib),
        thousands(hosts.gpus as f64),
        thousands(hosts.outages as f64)
    );
    let mut rows = vec![["", "hosts", "cores", "GiB", "GPUs", "model"].map(String::from).to_vec()];
    for shape in hosts.shapes.iter().take(SHAPES_MAX) {
        rows.push(vec![
            String::new(),
            thousands(shape.hosts as f64),
            number(shape.cpu_cores),
            number(shape.memory_gib),
            shape.gpus.to_string(),
            if shape.gpu_model.is_empty() { "-".into() } else { shown(&shape.gpu_model, 30) },
        ]);
    }
    out.push_str(&aligned(&rows));
    if hosts.shapes.len() > SHAPES_MAX {
        let rest = &hosts.shapes[SHAPES_MAX..];
        let count: u64 = rest.iter().map(|shape| shape.hosts).sum();
        out.push_str(&format!("  and {} of {} other shapes\n", thousands(count as f64), rest.len()));
    }
    out
}

/// The same as JSON, two blanks a level.
pub fn json(stat: &TraceStat) -> String {
    let mut text = serde_json::to_string_pretty(stat).expect("figures are plain data");
    text.push('\n');
    text
}

/// The same as CSV: `quantity,statistic,unit,value`, a row a figure.
pub fn csv(stat: &TraceStat) -> String {
    let mut out = String::from("quantity,statistic,unit,value\n");
    let mut row = |quantity: &str, statistic: &str, unit: &str, value: String| {
        let quoted = |text: &str| {
            if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
        };
        out.push_str(&format!("{},{},{unit},{value}\n", quoted(quantity), quoted(statistic)));
    };
    let w = &stat.workload;
    for (name, value) in [
        ("jobs", w.jobs),
        ("batch jobs", w.batch_jobs),
        ("services", w.services),
        ("open-ended services", w.open_ended),
        ("apps", w.apps),
        ("hosts", stat.hosts.hosts),
        ("outages", stat.hosts.outages),
        ("rows read", stat.import.rows_read),
        ("rows used", stat.import.rows_used),
    ] {
        row(name, "count", "", value.to_string());
    }
    for (reason, count) in &stat.import.rows_dropped {
        row("rows dropped", &cell(reason), "", count.to_string());
    }
    for (name, count) in &stat.import.entities {
        row(&cell(name), "count", "", count.to_string());
    }
    for (name, value) in
        [("first arrival", w.first_arrival_s), ("last arrival", w.last_arrival_s), ("last end", w.last_end_s)]
    {
        row(name, "at", "s", value.to_string());
    }
    for (name, unit, summary, _) in lines(w) {
        let Some(s) = summary else { continue };
        let name = name.split(',').next().unwrap_or(name);
        row(name, "count", "", s.count.to_string());
        let figures = [
            ("min", s.min),
            ("p10", s.p10),
            ("p50", s.p50),
            ("p90", s.p90),
            ("p99", s.p99),
            ("max", s.max),
            ("mean", s.mean),
        ];
        for (statistic, value) in figures {
            row(name, statistic, unit, value.to_string());
        }
        if unit != "share" {
            row(name, "sum", unit, s.sum.to_string());
        }
    }
    for (name, unit, peak, mean) in held(w) {
        row(&format!("{name} at once"), "peak", unit, peak.to_string());
        row(&format!("{name} at once"), "mean", unit, mean.to_string());
    }
    if let Some(fit) = w.duration_fit {
        row("duration", "log-normal median", "s", fit.median.to_string());
        row("duration", "log-normal sigma", "", fit.sigma.to_string());
    }
    let rest = [
        ("duration", "tail index", w.duration_tail_index),
        ("between arrivals", "variation", w.between_arrivals_s.map(|_| w.between_arrivals_cv)),
        ("arrivals an hour", "variance/mean", w.hourly_dispersion),
        ("core-seconds", "share of top 1 %", w.top_percent_work_share),
    ];
    for (quantity, statistic, value) in rest {
        if let Some(value) = value {
            row(quantity, statistic, "", value.to_string());
        }
    }
    for (hour, jobs) in w.arrivals_by_hour.iter().enumerate() {
        row("arrivals by hour", &hour.to_string(), "jobs", jobs.to_string());
    }
    for (name, value) in
        [("cores", stat.hosts.cpu_cores), ("GiB", stat.hosts.memory_gib), ("GPUs", stat.hosts.gpus as f64)]
    {
        row("hosts", "sum", name, value.to_string());
    }
    for shape in &stat.hosts.shapes {
        let model = if shape.gpu_model.is_empty() { String::new() } else { format!(" {}", shape.gpu_model) };
        let size = format!("{} cores {} GiB {} GPUs{model}", shape.cpu_cores, shape.memory_gib, shape.gpus);
        row("hosts of a shape", &cell(&size), "hosts", shape.hosts.to_string());
    }
    out
}
