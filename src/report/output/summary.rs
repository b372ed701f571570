//! `summary.json`: the experiment's settings and every metric of every run. `compare` reads it back.

use std::io::{self, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Form, OutputInfo, OutputKind};
use crate::experiment::{Choice, Experiment, RunResult};
use crate::metrics::Value;
use crate::workload::Offered;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "summary.json",
    summary: "Settings, offered load, notes, and every metric of every run",
    kind: OutputKind::Json,
    form: Form::Stream(write),
};

/// Raised when a key changes its meaning or goes away; new keys leave it alone.
pub const SCHEMA_VERSION: u32 = 1;

// The order of the fields is the order of the keys.
#[derive(Serialize)]
struct Summary<'a> {
    schema_version: u32,
    plimsoll: &'static str,
    name: &'a str,
    question: &'a str,
    command: &'a str,
    digest: String,
    end_us: u64,
    warm_up_us: u64,
    offered: OfferedRow,
    notes: &'a [String],
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct OfferedRow {
    cpu_peak_milli: i64,
    memory_peak_bytes: i64,
    gpu_peak_milli: i64,
    jobs_peak: usize,
    cpu_share: f64,
    memory_share: f64,
    gpu_share: f64,
}

#[derive(Serialize)]
struct Run<'a> {
    name: &'a str,
    orchestrator: &'a str,
    placement: &'a str,
    enforcement: &'a str,
    eviction: &'a str,
    cpu_quota: &'a str,
    requests: &'a str,
    tie_break: &'a str,
    seed: u64,
    digest: String,
    metrics: Metrics<'a>,
    lower_bounds: Vec<&'static str>,
    choices: Vec<ChoiceRow<'a>>,
}

#[derive(Serialize)]
struct ChoiceRow<'a> {
    what: &'a str,
    taken: &'a str,
    alternative: &'a str,
}

/// Metrics as a map in the order of the table.
struct Metrics<'a>(&'a [(&'static str, Value)]);

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A digest as outputs show it.
pub fn digest_text(digest: u64) -> String {
    format!("{digest:016x}")
}

/// Names of the metrics of `run` that are only lower bounds.
pub fn lower_bounds(run: &RunResult) -> Vec<&'static str> {
    run.metrics.iter().filter(|(_, value)| matches!(value, Value::AtLeast(_))).map(|(name, _)| *name).collect()
}

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let Offered { cpu_peak_milli, memory_peak_bytes, gpu_peak_milli, jobs_peak, cpu_share, memory_share, gpu_share } =
        experiment.offered;
    let summary = Summary {
        schema_version: SCHEMA_VERSION,
        plimsoll: env!("CARGO_PKG_VERSION"),
        name: &experiment.name,
        question: &experiment.question,
        command: &experiment.command,
        digest: digest_text(experiment.digest),
        end_us: experiment.end.0,
        warm_up_us: experiment.warm_up.0,
        offered: OfferedRow {
            cpu_peak_milli,
            memory_peak_bytes,
            gpu_peak_milli,
            jobs_peak,
            cpu_share,
            memory_share,
            gpu_share,
        },
        notes: &experiment.notes,
        runs: experiment.runs.iter().map(run).collect(),
    };
    let mut text = serde_json::to_string_pretty(&summary).map_err(io::Error::other)?;
    // JSON escapes control characters by itself; the marks that turn text around it leaves as they are.
    text = text.chars().fold(String::with_capacity(text.len() + 1), |mut out, c| {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
        out
    });
    text.push('\n');
    out.write_all(text.as_bytes())
}

fn run(run: &RunResult) -> Run<'_> {
    let label = &run.label;
    Run {
        name: &label.name,
        orchestrator: &label.orchestrator,
        placement: &label.placement,
        enforcement: &label.enforcement,
        eviction: &label.eviction,
        cpu_quota: &label.cpu_quota,
        requests: &label.requests,
        tie_break: &label.tie_break,
        seed: label.seed,
        digest: digest_text(run.digest),
        metrics: Metrics(&run.metrics),
        lower_bounds: lower_bounds(run),
        choices: run.choices.iter().map(choice).collect(),
    }
}

fn choice(choice: &Choice) -> ChoiceRow<'_> {
    ChoiceRow { what: &choice.what, taken: &choice.taken, alternative: &choice.alternative }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_summary_holds_every_metric_in_table_order_and_null_for_what_is_not_a_number() {
        let experiment = fixture::hostile();
        let text = fixture::written(&OUTPUT, &experiment);
        assert!(text.ends_with("}\n") && text.starts_with("{\n  \"schema_version\": 1,\n  \"plimsoll\": "));
        let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(json["digest"], "00000000deadbeef");
        assert_eq!(json["name"], experiment.name.as_str(), "names read back as they were");
        assert_eq!(json["offered"]["cpu_peak_milli"], 7_200);
        let run = &json["runs"][0];
        assert_eq!(run["metrics"]["cpu_unserved_share"], 0.3125);
        assert_eq!(run["metrics"]["jobs_submitted"], 40);
        assert!(run["metrics"]["batch_slowdown_p50"].is_null(), "undefined");
        assert!(run["metrics"]["cpu_imbalance_mean"].is_null(), "not a number");
        assert_eq!(run["lower_bounds"], serde_json::json!(["wait_seconds_p99"]));
        let order: Vec<usize> =
            experiment.runs[0].metrics.iter().map(|(name, _)| text.find(&format!("\"{name}\"")).unwrap()).collect();
        assert!(order.is_sorted());
    }
}
