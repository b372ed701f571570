//! `evictions.csv`: every attempt that ended by force.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::{cell, host_name, job_name};

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "evictions.csv",
    summary: "Every attempt that ended by force: kill, eviction, loss of its host, failed start",
    kind: OutputKind::Csv,
    form: Form::Stream(write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["run", "at_us", "job", "attempt", "host", "reason"])?;
    for run in &experiment.runs {
        let Some(record) = &run.record else { continue };
        let name = cell(&run.label.name);
        for end in &record.ends {
            csv.write_record([
                name.as_str(),
                &end.at.0.to_string(),
                &cell(&job_name(experiment, end.job)),
                &end.attempt.to_string(),
                &cell(&host_name(experiment, end.host)),
                end.why.name(),
            ])?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_kill_is_a_row_with_its_reason() {
        let text = fixture::written(&OUTPUT, &fixture::hostile());
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("run,at_us,job,attempt,host,reason"));
        assert_eq!(lines.next(), Some("chef,600000000,'=cmd(),1,host-0,oom-host"));
    }
}
