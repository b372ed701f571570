//! `runs.csv`: a row a run.

use std::io::{self, Write};

use super::summary::{digest_text, lower_bounds};
use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::metrics::Value;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "runs.csv",
    summary: "A row a run: how it was set, its digest, every metric, and which are lower bounds",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    // All runs of an experiment have the same metrics; columns are the union all the same, so that nothing is lost.
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in experiment.runs.iter().flat_map(|run| &run.metrics) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let label = ["name", "orchestrator", "placement", "enforcement", "eviction", "cpu_quota", "requests", "tie_break"];
    csv.write_record(label.iter().chain(&["seed", "digest"]).chain(&names).chain(&["lower_bounds"]))?;
    for run in &experiment.runs {
        let l = &run.label;
        let texts = [
            &l.name,
            &l.orchestrator,
            &l.placement,
            &l.enforcement,
            &l.eviction,
            &l.cpu_quota,
            &l.requests,
            &l.tie_break,
        ];
        let mut row: Vec<String> = texts.iter().map(|text| cell(text)).collect();
        row.push(l.seed.to_string());
        row.push(digest_text(run.digest));
        row.extend(names.iter().map(|name| match run.metric(name) {
            Some(Value::Count(n)) => n.to_string(),
            Some(value) => value.number().map(amount).unwrap_or_default(),
            None => String::new(),
        }));
        row.push(lower_bounds(run).join(";"));
        csv.write_record(&row)?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_run_is_a_row_and_lower_bounds_are_named_last() {
        let text = fixture::written(&OUTPUT, &fixture::hostile());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("name,orchestrator,placement,enforcement,eviction,cpu_quota,requests,tie_break,seed,digest,cpu_demanded_core_seconds,"));
        assert!(lines[0].ends_with(",lower_bounds"));
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("chef,chef,least_jobs,none,off,off,as-written,first,7,0000000000000001,"));
        assert!(lines[1].ends_with(",wait_seconds_p99"));
        assert!(lines[3].starts_with("'=cmd(),"));
    }
}
