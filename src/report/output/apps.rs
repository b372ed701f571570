//! `apps.csv`: a row per run and app.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "apps.csv",
    summary: "A row per run and app: jobs, availability, attempts lost",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["run", "app", "jobs", "availability", "attempts_lost"])?;
    for run in &experiment.runs {
        let name = cell(&run.label.name);
        for app in &run.apps {
            csv.write_record([
                name.as_str(),
                &cell(&app.name),
                &app.jobs.to_string(),
                &app.availability.map(amount).unwrap_or_default(),
                &app.attempts_lost.to_string(),
            ])?;
        }
    }
    csv.flush()
}
