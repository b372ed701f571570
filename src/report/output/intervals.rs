//! `intervals.csv`: means and paired differences over seeds, with their intervals.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "intervals.csv",
    summary: "Every metric of every run over all seeds: mean, difference to the first run, noise, each with its interval (with --seeds)",
    kind: OutputKind::Csv,
    form: Form::If(|experiment| experiment.seeds.is_some(), write),
};

const COLUMNS: [&str; 13] = [
    "metric",
    "run",
    "seeds",
    "mean",
    "mean_low",
    "mean_high",
    "difference",
    "difference_low",
    "difference_high",
    "noise_low",
    "noise_high",
    "noise_floor",
    "differs",
];

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(COLUMNS)?;
    let Some(study) = &experiment.seeds else { return csv.flush() };
    for metric in study.metrics() {
        for (run, name) in study.names.iter().enumerate() {
            let mean = study.mean(run, metric);
            let noise = study.noise(run, metric);
            let difference = study.difference(run, metric).filter(|_| run > 0);
            let of = |x: Option<f64>| x.map(amount).unwrap_or_default();
            let mut row = vec![metric.to_owned(), cell(name), mean.map_or(0, |m| m.count).to_string()];
            row.extend([of(mean.map(|m| m.mean)), of(mean.map(|m| m.low)), of(mean.map(|m| m.high))]);
            let d = difference.map(|d| d.interval);
            row.extend([of(d.map(|d| d.mean)), of(d.map(|d| d.low)), of(d.map(|d| d.high))]);
            row.extend([of(noise.map(|n| n.low)), of(noise.map(|n| n.high)), of(difference.map(|d| d.noise))]);
            row.push(difference.map_or(String::new(), |d| if d.is_real() { "yes" } else { "no" }.to_owned()));
            csv.write_record(&row)?;
        }
    }
    csv.flush()
}
