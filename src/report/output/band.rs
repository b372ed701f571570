//! `band.csv`: a row per scale, run and side of the band.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "band.csv",
    summary: "A row per scale, run and bound of how a host comes down: hosts taken down, lost, kills, bystanders",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record([
        "scale",
        "hosts",
        "run",
        "side",
        "memory_policy",
        "runaway_jobs",
        "hosts_down",
        "hosts_down_per_runaway_job",
        "hosts_lost",
        "oom_kills",
        "bystanders_lost",
        "cpu_unserved_share",
    ])?;
    for row in &experiment.band {
        csv.write_record([
            amount(f64::from(row.scale_milli) / 1000.0),
            row.hosts.to_string(),
            cell(&row.run),
            row.side.name().into(),
            row.policy.into(),
            row.runaway_jobs.to_string(),
            row.hosts_down.to_string(),
            row.down_per_runaway().map(amount).unwrap_or_default(),
            row.hosts_lost.to_string(),
            row.oom_kills.to_string(),
            row.bystanders_lost.to_string(),
            row.cpu_unserved.number().map(amount).unwrap_or_default(),
        ])?;
    }
    csv.flush()
}
