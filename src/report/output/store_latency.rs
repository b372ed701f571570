//! `store_latency.csv`: a row per run and stretch of one round trip to the store.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::store_latency::{is_swept, stretches};
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "store_latency.csv",
    summary: "A row per run and round trip to the store: what share of requests was answered, whether deploys were possible",
    kind: OutputKind::Csv,
    form: Form::If(is_swept, write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["run", "from_us", "to_us", "read_us", "direction", "answered_share", "deploys_share"])?;
    for run in &experiment.runs {
        for stretch in stretches(experiment, run) {
            csv.write_record([
                cell(&run.label.name),
                stretch.from.0.to_string(),
                stretch.to.0.to_string(),
                stretch.read_us.to_string(),
                if stretch.rising { "up" } else { "down" }.into(),
                stretch.answered.map_or(String::new(), amount),
                amount(stretch.deploys),
            ])?;
        }
    }
    csv.flush()
}
