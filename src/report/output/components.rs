//! `components.csv`: a row per run and app or component of the platform.

use std::io::{self, Write};

use super::{Form, OutputInfo, OutputKind, amount, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::cell;

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "components.csv",
    summary: "A row per run and app or component of the platform: time in each stage, requests that failed and how",
    kind: OutputKind::Csv,
    form: Form::If(has_platform, write),
};

/// Whether the experiment has a platform.
pub(super) fn has_platform(experiment: &Experiment) -> bool {
    experiment.runs.iter().any(|run| !run.platform.is_empty())
}

const HEADER: [&str; 18] = [
    "run",
    "app",
    "role",
    "starting_seconds",
    "no_store_seconds",
    "no_config_seconds",
    "no_peer_seconds",
    "ready_seconds",
    "lost_peer_seconds",
    "requests",
    "requests_502",
    "requests_503",
    "requests_504",
    "serving_seconds",
    "unlisted_seconds",
    "dead_listed_seconds",
    "failing_seconds_max",
    "dead_listed_seconds_max",
];

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(HEADER)?;
    for run in &experiment.runs {
        for part in &run.platform {
            let mut row = vec![cell(&run.label.name), cell(&part.app), part.role.into()];
            let reach = &part.reach;
            // Without the first stage: down.
            let amounts =
                reach.stages[1..].iter().chain(&reach.requests).chain(&reach.containers).chain(&reach.longest);
            row.extend(amounts.map(|&x| amount(x)));
            csv.write_record(row)?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_component_is_a_row_with_the_seconds_of_its_stages() {
        let text = fixture::written(&OUTPUT, &fixture::plain());
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(HEADER.join(",").as_str()));
        assert_eq!(lines.next(), Some("chef,web,app,0,0,0,0,0,0,100,1,2,3,90,5,4,30,20"));
        assert!(!has_platform(&fixture::bare()));
    }
}
