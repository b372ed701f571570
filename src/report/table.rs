//! The comparison on a terminal: runs as columns, metrics as rows, then what was assumed.
//!
//! Metrics come by name; a row whose metric no run has is left out, so the table does not depend on the metrics code.
//! It is plain ASCII apart from names, reads at 80 columns, and is coloured only when asked.

use std::fmt::Write as _;

use super::band;
use crate::experiment::{Choice, Experiment, RunResult};
use crate::report::answer::{answer, load_warning};
use crate::report::figures::{Unit, duration, number, percent, thousands};
use crate::report::output::summary::digest_text;
use crate::report::text::{sentence, shown};

/// How text for a terminal is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Style { color: false, width: 100 }
    }
}

impl Style {
    /// `text` in bold, if colours are wanted.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }
}

/// A row of the comparison: metric and label. The unit comes from the metric's name.
pub struct Row {
    /// The metric.
    pub metric: &'static str,
    /// What it is called; two spaces in front for a part of the row above.
    pub label: &'static str,
}

const fn row(metric: &'static str, label: &'static str) -> Row {
    Row { metric, label }
}

/// The rows, in reading order. Unserved demand leads: pain moves from overload to waiting and throttling.
pub const ROWS: &[Row] = &[
    row("cpu_unserved_share", "CPU demanded, not served"),
    row("cpu_pending_core_seconds", "  no host yet (pending)"),
    row("cpu_starved_core_seconds", "  taken by neighbours (starved)"),
    row("cpu_slowed_core_seconds", "  waiting for file pages (slowed)"),
    row("cpu_throttled_core_seconds", "  above own quota (throttled)"),
    row("cpu_thread_bound_core_seconds", "  above own threads (thread-bound)"),
    row("cpu_host_down_core_seconds", "  host was down"),
    row("cpu_lost_core_seconds", "CPU served, lost by kills"),
    row("memory_pending_byte_seconds", "memory demanded, pending"),
    row("jobs_submitted", "jobs submitted"),
    row("jobs_finished", "  finished"),
    row("jobs_never_placed", "  never placed"),
    row("restarts", "restarts"),
    row("start_failed", "starts failed"),
    row("oom_kills", "out-of-memory kills"),
    row("evictions", "evictions"),
    row("hosts_down", "hosts fell"),
    row("host_down_seconds", "  time down"),
    row("requests_failed_share", "requests from outside that failed"),
    row("requests_502", "  nothing listened (502)"),
    row("requests_503", "  nobody to ask (503)"),
    row("requests_504", "  no answer in time (504)"),
    row("platform_down_seconds", "platform down"),
    row("deploys_down_seconds", "no deploys possible"),
    row("stuck_no_store_seconds", "stuck for want of the store"),
    row("stuck_no_config_seconds", "  of configuration"),
    row("stuck_no_peer_seconds", "  of a peer to start"),
    row("stuck_lost_peer_seconds", "  of a peer that is gone"),
    row("unreachable_running_seconds", "serving, and nobody sent there"),
    row("dead_listed_seconds", "dead addresses in use"),
    row("ran_twice_seconds", "jobs running twice"),
    row("config_propagation_seconds_mean", "change of configuration, mean"),
    row("config_propagation_seconds_max", "  longest"),
    row("cpu_overloaded_host_seconds", "CPU demand above capacity"),
    row("memory_overcommitted_host_seconds", "memory requests above capacity"),
    row("memory_overloaded_host_seconds", "memory use above what fits"),
    row("worst_host_overloaded_seconds", "worst host overloaded"),
    row("wait_seconds_p50", "wait to first run, median"),
    row("wait_seconds_p95", "  95th percentile"),
    row("wait_seconds_p99", "  99th percentile"),
    row("batch_slowdown_p50", "batch slowdown, median"),
    row("batch_slowdown_p95", "  95th percentile"),
    row("cpu_requested_share_mean", "CPU requested, mean"),
    row("cpu_used_share_mean", "CPU used, mean"),
    row("memory_requested_share_mean", "memory requested, mean"),
    row("memory_used_share_mean", "memory used, mean"),
    row("hosts_used_max", "most hosts used at once"),
];

/// Help below every table.
pub const READING_HELP: &str = "Unserved = pending + starved + slowed + throttled + thread-bound + host down, over all that was demanded. > at least; - not defined.";

/// A row with its cells, ready to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The metric; empty for the digest.
    pub metric: &'static str,
    /// Label.
    pub label: String,
    /// Unit of all cells; empty where each cell has its own.
    pub unit: &'static str,
    /// One cell a run.
    pub cells: Vec<String>,
}

/// The comparison of `runs` as lines.
pub fn lines(runs: &[RunResult]) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in ROWS {
        let values: Vec<_> = runs.iter().map(|run| run.metric(row.metric)).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        let kind = Unit::of_metric(row.metric);
        let sizes = values.iter().filter_map(|value| value.as_ref()?.number()).filter(|x| x.is_finite());
        let (divisor, unit) = kind.scale(sizes.fold(0.0, |most, x| most.max(x.abs())));
        let cells =
            values.iter().map(|value| value.map_or_else(|| "-".into(), |value| kind.show_value(value, divisor)));
        lines.push(Line { metric: row.metric, label: row.label.into(), unit, cells: cells.collect() });
    }
    if !runs.is_empty() {
        // Half a digest: enough to see that two runs differ, and it fits a column. summary.json has it whole.
        let cells = runs.iter().map(|run| digest_text(run.digest)[..8].to_owned()).collect();
        lines.push(Line { metric: "", label: "digest (first half)".into(), unit: "", cells });
    }
    lines
}

/// Everything a run prints: question, offered load, answer, the comparison in as many blocks as the width asks for, choices and notes.
pub fn render(experiment: &Experiment, style: &Style) -> String {
    let mut out = String::new();
    let width = style.width.max(40);
    let _ = writeln!(out, "{}", style.bold(&shown(&experiment.name, width)));
    if !experiment.question.trim().is_empty() {
        wrap(&mut out, "", &sentence(&experiment.question), width);
    }
    wrap(&mut out, "", &offered_line(experiment), width);
    if let Some(warning) = load_warning(experiment) {
        wrap(&mut out, "", &format!("Warning: {warning}."), width);
    }
    wrap(&mut out, "", &answer(experiment), width);
    out.push('\n');
    if experiment.runs.len() > BLOCK_RUNS {
        overview(&mut out, &experiment.runs, style, width);
    } else {
        blocks(&mut out, &experiment.runs, style, width);
    }
    wrap(&mut out, "", READING_HELP, width);
    out.push_str(&crate::report::seeds::render(experiment, style));
    if !experiment.band.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold(band::TITLE));
        wrap(&mut out, "", &sentence(&band::sentence(experiment)), width);
        out.push('\n');
        out.push_str(&band::render(experiment, width, &|text| style.bold(text)));
        out.push('\n');
        wrap(&mut out, "", band::HELP, width);
    }
    let choices = choices(experiment);
    if !choices.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold("Choices that decide results"));
        for choice in choices {
            wrap(&mut out, "- ", &choice.text(), width);
        }
    }
    if !experiment.notes.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold("Notes"));
        for note in &experiment.notes {
            wrap(&mut out, "- ", &sentence(note), width);
        }
    }
    out
}

/// The offered load in a sentence.
pub fn offered_line(experiment: &Experiment) -> String {
    let o = &experiment.offered;
    let mut shares = format!("{} of CPU, {} of memory", percent(o.cpu_share), percent(o.memory_share));
    if o.gpu_peak_milli > 0 {
        let _ = write!(shares, ", {} of GPUs", percent(o.gpu_share));
    }
    let (divisor, unit) = Unit::Bytes.scale(o.memory_peak_bytes as f64);
    format!(
        "Offered at its peak: {shares} ({} cores, {} {unit}, {} jobs at once), over {}.",
        number(o.cpu_peak_milli as f64 / 1000.0),
        number(o.memory_peak_bytes as f64 / divisor),
        thousands(o.jobs_peak as f64),
        duration(experiment.end.as_secs_f64()),
    )
}

/// A choice with the runs that made it.
pub struct SharedChoice<'a> {
    /// The choice.
    pub choice: &'a Choice,
    /// Names of the runs that made it; empty if all did.
    pub runs: Vec<&'a str>,
}

impl SharedChoice<'_> {
    /// In a sentence.
    pub fn text(&self) -> String {
        let Choice { what, taken, alternative } = self.choice;
        let mut text = format!("{}: {}", sentence(what), sentence(taken));
        if !alternative.is_empty() {
            let _ = write!(text, " (instead: {})", sentence(alternative));
        }
        if !self.runs.is_empty() {
            let names: Vec<String> = self.runs.iter().map(|name| shown(name, 40)).collect();
            let _ = write!(text, " [{}]", names.join(", "));
        }
        text
    }
}

/// The choices of all runs, equal ones once.
pub fn choices(experiment: &Experiment) -> Vec<SharedChoice<'_>> {
    let mut shared: Vec<SharedChoice<'_>> = Vec::new();
    for run in &experiment.runs {
        for choice in &run.choices {
            match shared.iter_mut().find(|seen| seen.choice == choice) {
                Some(seen) if seen.runs.last() == Some(&run.label.name.as_str()) => {}
                Some(seen) => seen.runs.push(&run.label.name),
                None => shared.push(SharedChoice { choice, runs: vec![&run.label.name] }),
            }
        }
    }
    for choice in &mut shared {
        if choice.runs.len() == experiment.runs.len() {
            choice.runs.clear();
        }
    }
    shared
}

/// Longest name in a column's head.
const HEAD_MAX: usize = 24;
const GAP: usize = 2;

/// Most runs that stand side by side; more of them get a line each.
const BLOCK_RUNS: usize = 4;

/// Columns of the overview: metric, and two lines of heading.
const OVERVIEW: &[(&str, [&str; 2])] = &[
    ("cpu_unserved_share", ["CPU not", "served"]),
    ("cpu_pending_core_seconds", ["", "pending"]),
    ("cpu_starved_core_seconds", ["", "starved"]),
    ("cpu_throttled_core_seconds", ["", "throttled"]),
    ("cpu_host_down_core_seconds", ["host", "down"]),
    ("oom_kills", ["OOM", "kills"]),
    ("evictions", ["", "evicted"]),
    ("hosts_down", ["hosts", "fell"]),
    ("jobs_never_placed", ["never", "placed"]),
    ("wait_seconds_p95", ["95 %", "wait"]),
];

/// The columns where there is a platform: what visitors met and who was stuck first.
const PLATFORM_OVERVIEW: &[(&str, [&str; 2])] = &[
    ("requests_failed_share", ["requests", "failed"]),
    ("platform_down_seconds", ["platform", "down"]),
    ("deploys_down_seconds", ["no", "deploys"]),
    ("stuck_no_peer_seconds", ["waiting", "for a peer"]),
    ("stuck_lost_peer_seconds", ["peer", "gone"]),
    ("healthy_stops", ["healthy", "stopped"]),
    ("evictions", ["", "evicted"]),
    ("oom_kills", ["OOM", "kills"]),
    ("hosts_down", ["hosts", "fell"]),
    ("cpu_unserved_share", ["CPU not", "served"]),
];

/// A line a run, for experiments with many variants. Parts of what was not served are shares of what was demanded.
fn overview(out: &mut String, runs: &[RunResult], style: &Style, width: usize) {
    let platform = runs.iter().any(|run| run.metric("requests_failed_share").is_some());
    let shows = if platform { PLATFORM_OVERVIEW } else { OVERVIEW };
    let cell = |run: &RunResult, metric: &str| -> String {
        let Some(value) = run.metric(metric) else { return "-".into() };
        let demanded = run.metric("cpu_demanded_core_seconds").and_then(|d| d.number());
        match (value.number(), demanded) {
            (Some(part), Some(whole)) if metric.ends_with("_core_seconds") && whole > 0.0 => percent(part / whole),
            _ => Unit::of_metric(metric).show_value(value, 1.0),
        }
    };
    let names: Vec<String> = runs.iter().map(|run| shown(&run.label.name, width / 2)).collect();
    let name_width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let cells: Vec<Vec<String>> =
        runs.iter().map(|run| shows.iter().map(|(metric, _)| cell(run, metric)).collect()).collect();
    let column = |i: usize| {
        let heads = shows[i].1.iter().map(|head| head.len());
        cells.iter().map(|row| row[i].chars().count()).chain(heads).max().unwrap_or(0) + GAP
    };
    // Columns beyond the width are left to the files; the first ones say most.
    let (mut columns, mut used) = (0, name_width);
    while columns < shows.len() && used + column(columns) <= width {
        used += column(columns);
        columns += 1;
    }
    for half in 0..2 {
        let _ = write!(out, "{:name_width$}", "");
        for (i, (_, head)) in shows.iter().enumerate().take(columns) {
            let _ = write!(out, "{}", style.bold(&format!("{:>w$}", head[half], w = column(i))));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", "-".repeat(used));
    for (name, row) in names.iter().zip(&cells) {
        let _ = write!(out, "{name:name_width$}");
        for (i, cell) in row.iter().enumerate().take(columns) {
            let cell = format!("{cell:>w$}", w = column(i));
            let _ = write!(out, "{}", if i == 0 { style.bold(&cell) } else { cell });
        }
        out.push('\n');
    }
    out.push('\n');
    wrap(out, "", "Every metric of every run: --format csv, or runs.csv of -o DIR.", width);
}

/// Whether a cell says that nothing of the kind happened.
fn is_nothing(cell: &str) -> bool {
    matches!(cell, "-" | "0" | "0 %" | "0 s")
}

fn blocks(out: &mut String, runs: &[RunResult], style: &Style, width: usize) {
    let (nothing, lines): (Vec<Line>, Vec<Line>) =
        lines(runs).into_iter().partition(|line| line.cells.iter().all(|cell| is_nothing(cell)));
    let label = |line: &Line| match line.unit {
        "" => line.label.clone(),
        unit => format!("{}, {unit}", line.label),
    };
    let labels: Vec<String> = lines.iter().map(label).collect();
    let label_width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let heads: Vec<String> = runs.iter().map(|run| shown(&run.label.name, HEAD_MAX)).collect();
    let column = |i: usize| {
        let cells = lines.iter().map(|line| line.cells[i].chars().count()).max().unwrap_or(0);
        cells.max(heads[i].chars().count()) + GAP
    };
    let mut from = 0;
    while from < runs.len() {
        let mut to = from;
        let mut used = label_width;
        while to < runs.len() && (to == from || used + column(to) <= width) {
            used += column(to);
            to += 1;
        }
        let _ = write!(out, "{:label_width$}", "");
        for (i, head) in heads.iter().enumerate().take(to).skip(from) {
            let _ = write!(out, "{}", style.bold(&format!("{head:>w$}", w = column(i))));
        }
        let _ = writeln!(out, "\n{}", "-".repeat(used));
        for (line, label) in lines.iter().zip(&labels) {
            let _ = write!(out, "{label:label_width$}");
            for i in from..to {
                let cell = format!("{:>w$}", line.cells[i], w = column(i));
                let leads = line.metric == ROWS[0].metric;
                let _ = write!(out, "{}", if leads { style.bold(&cell) } else { cell });
            }
            out.push('\n');
        }
        out.push('\n');
        from = to;
    }
    if !nothing.is_empty() {
        let labels: Vec<&str> = nothing.iter().map(|line| line.label.trim()).collect();
        wrap(out, "", &format!("Nothing in any run of: {}.", labels.join("; ")), width);
    }
}

/// Writes `text` in lines of at most `width` characters, `bullet` before the first and blanks before the others.
pub fn wrap(out: &mut String, bullet: &str, text: &str, width: usize) {
    let indent = bullet.chars().count();
    out.push_str(bullet);
    let mut column = indent;
    for (i, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if i > 0 && column + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Value;
    use crate::report::fixture;

    #[test]
    fn the_table_reads_at_eighty_columns() {
        let text = render(&fixture::bare(), &Style { color: false, width: 80 });
        assert_eq!(text, include_str!("fixture/table.txt"), "as printed:\n{text}");
    }

    #[test]
    fn no_line_is_wider_than_asked_and_no_run_is_lost() {
        let mut experiment = fixture::hostile();
        for i in 0..7 {
            experiment.runs.push(fixture::run(&format!("kubernetes-variant-{i}")));
        }
        for width in [70, 80, 100, 200] {
            let text = render(&experiment, &Style { color: false, width });
            for line in text.lines() {
                assert!(line.chars().count() <= width || !line.contains(' '), "{width}: {line}");
            }
            for i in 0..7 {
                assert!(text.contains(&format!("kubernetes-variant-{i}")), "{width}");
            }
        }
    }

    #[test]
    fn an_overview_of_a_platform_begins_with_its_visitors() {
        let mut experiment = fixture::bare();
        experiment.runs = (0..9).map(|i| fixture::run(&format!("run-{i}"))).collect();
        let style = Style { color: false, width: 100 };
        assert!(!render(&experiment, &style).contains("requests"));
        for run in &mut experiment.runs {
            run.metrics.push(("requests_failed_share", Value::Amount(0.25)));
        }
        let text = render(&experiment, &style);
        let first = text.lines().find(|line| line.starts_with("run-3")).unwrap();
        assert!(first.starts_with("run-3") && first.split_whitespace().nth(1) == Some("25"), "{first}");
        assert!(text.contains("All runs failed the same share of requests from outside, 25 %."), "{text}");
    }

    #[test]
    fn colour_comes_only_when_asked_and_never_from_a_name() {
        let experiment = fixture::hostile();
        assert!(!render(&experiment, &Style::default()).contains('\u{1b}'));
        let text = render(&experiment, &Style { color: true, width: 100 });
        assert!(text.contains("\u{1b}[1m") && !text.contains("\u{1b}[2J"));
    }

    #[test]
    fn low_load_is_warned_of() {
        let mut experiment = fixture::bare();
        assert!(!render(&experiment, &Style::default()).contains("Warning"));
        experiment.offered.cpu_share = 0.02;
        experiment.offered.memory_share = 0.1;
        assert!(render(&experiment, &Style::default()).contains("Warning: at its peak the offered load is 10 %"));
    }
}
