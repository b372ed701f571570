//! `hosts.csv`: load over time, a row per run, host and stretch.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "hosts.csv",
    summary: "Load of every host over time: exact means and maxima of each stretch of each run",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

const COLUMNS: [&str; 17] = [
    "run",
    "host",
    "from_us",
    "to_us",
    "cpu_capacity_cores",
    "memory_capacity_bytes",
    "cpu_demand_cores",
    "cpu_demand_cores_max",
    "cpu_received_cores",
    "cpu_requested_cores",
    "memory_used_bytes",
    "memory_used_bytes_max",
    "memory_requested_bytes",
    "attempts",
    "up_share",
    "thrash_share",
    "cpu_load_share",
];

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(COLUMNS)?;
    for run in &experiment.runs {
        let Some(record) = &run.record else { continue };
        let name = cell(&run.label.name);
        for host in &record.hosts {
            let host_name = cell(&host.name);
            for (edge, bucket) in record.edges.windows(2).zip(&host.buckets) {
                csv.write_field(&name)?;
                csv.write_field(&host_name)?;
                csv.write_field(edge[0].0.to_string())?;
                csv.write_field(edge[1].0.to_string())?;
                for x in [
                    host.cpu_capacity_cores,
                    host.memory_capacity_bytes,
                    bucket.cpu_demand_cores,
                    bucket.cpu_demand_cores_max,
                    bucket.cpu_received_cores,
                    bucket.cpu_requested_cores,
                    bucket.memory_used_bytes,
                    bucket.memory_used_bytes_max,
                    bucket.memory_requested_bytes,
                    bucket.attempts,
                    bucket.up,
                    bucket.thrash,
                    bucket.cpu_demand_cores / host.cpu_capacity_cores,
                ] {
                    csv.write_field(amount(x))?;
                }
                csv.write_record(None::<&[u8]>)?;
            }
        }
    }
    csv.flush()
}
