//! `seeds.csv`: a row a seed and run, of an experiment under many seeds.

use std::io::{self, Write};

use super::summary::digest_text;
use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::{Experiment, SeedStudy};
use crate::metrics::Value;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "seeds.csv",
    summary: "A row a seed and run, and once more with other ties and phases: digest and every metric (with --seeds)",
    kind: OutputKind::Csv,
    form: Form::If(|experiment| experiment.seeds.is_some(), write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    let metrics = experiment.seeds.as_ref().map(SeedStudy::metrics).unwrap_or_default();
    csv.write_record(["seed", "run", "pass", "digest"].iter().chain(&metrics))?;
    let Some(study) = &experiment.seeds else { return csv.flush() };
    for seed in &study.seeds {
        for (pass, runs) in [("run", &seed.runs), ("again", &seed.again)] {
            for (name, (digest, values)) in study.names.iter().zip(runs) {
                let mut row = vec![seed.seed.to_string(), cell(name), pass.to_owned(), digest_text(*digest)];
                row.extend(values.iter().map(|(_, value)| match value {
                    Value::Count(n) => n.to_string(),
                    value => value.number().map(amount).unwrap_or_default(),
                }));
                csv.write_record(&row)?;
            }
        }
    }
    csv.flush()
}
