//! The outputs of a results directory: one row and one file each.

use std::io::{self, Write};

use crate::experiment::Experiment;
use crate::report::chart::{CHARTS, ChartInfo};

pub mod apps;
pub mod band;
pub mod changes;
pub mod components;
pub mod evictions;
pub mod hosts;
pub mod intervals;
pub mod platform;
pub mod report;
pub mod runs;
pub mod scenario;
pub mod seeds;
pub mod store_latency;
pub mod summary;

/// The form of an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
    /// Comma-separated values with a header, lines ended by LF.
    Csv,
    /// A picture.
    Svg,
    /// A page.
    Html,
}

/// How an output gets its bytes.
#[derive(Clone, Copy)]
pub enum Form {
    /// Row by row.
    Stream(fn(&Experiment, &mut dyn Write) -> io::Result<()>),
    /// Row by row, if the experiment has what it shows.
    If(fn(&Experiment) -> bool, fn(&Experiment, &mut dyn Write) -> io::Result<()>),
    /// A chart.
    Chart(&'static ChartInfo),
}

/// A file of a results directory.
#[derive(Clone, Copy)]
pub struct OutputInfo {
    /// Its name in the directory.
    pub file: &'static str,
    /// What it holds, in one line.
    pub summary: &'static str,
    /// Its form.
    pub kind: OutputKind,
    /// What writes it.
    pub form: Form,
}

impl OutputInfo {
    /// Whether the output belongs to `experiment`: one that shows what only some experiments have is left out of others.
    pub fn belongs_to(&self, experiment: &Experiment) -> bool {
        match self.form {
            Form::If(has, _) => has(experiment),
            Form::Chart(chart) => (chart.belongs)(experiment),
            Form::Stream(_) => true,
        }
    }

    /// Writes the output of `experiment` to `out`.
    pub fn write(&self, experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
        match self.form {
            Form::Stream(write) | Form::If(_, write) => write(experiment, out),
            Form::Chart(chart) => out.write_all((chart.draw)(experiment).as_bytes()),
        }
    }
}

const PLAIN: [OutputInfo; 14] = [
    scenario::OUTPUT,
    summary::OUTPUT,
    runs::OUTPUT,
    hosts::OUTPUT,
    changes::OUTPUT,
    evictions::OUTPUT,
    apps::OUTPUT,
    seeds::OUTPUT,
    intervals::OUTPUT,
    band::OUTPUT,
    components::OUTPUT,
    platform::OUTPUT,
    store_latency::OUTPUT,
    report::OUTPUT,
];

/// All outputs: the files of this folder, then the charts.
pub const OUTPUTS: &[OutputInfo] = &{
    let mut all = [PLAIN[0]; PLAIN.len() + CHARTS.len()];
    let mut i = 0;
    while i < PLAIN.len() {
        all[i] = PLAIN[i];
        i += 1;
    }
    while i < all.len() {
        let chart = &CHARTS[i - PLAIN.len()];
        all[i] =
            OutputInfo { file: chart.file, summary: chart.summary, kind: OutputKind::Svg, form: Form::Chart(chart) };
        i += 1;
    }
    all
};

pub use summary::digest_text;

/// The output whose file is `file`.
pub fn find(file: &str) -> Option<&'static OutputInfo> {
    OUTPUTS.iter().find(|output| output.file == file)
}

/// A CSV writer with our line ends.
pub fn csv_writer(out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(out)
}

/// A number in a CSV cell: the shortest decimal that reads back; empty if there is none.
fn amount(x: f64) -> String {
    if x.is_finite() { x.to_string() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn every_output_has_its_own_file_and_says_what_it_holds() {
        for (i, output) in OUTPUTS.iter().enumerate() {
            assert!(OUTPUTS[..i].iter().all(|other| other.file != output.file), "{} twice", output.file);
            assert!(output.summary.len() > 20 && !output.summary.ends_with('.'), "{}", output.file);
            assert_eq!(find(output.file).map(|found| found.file), Some(output.file));
        }
    }

    #[test]
    fn same_experiment_same_bytes_and_no_experiment_is_too_small() {
        for experiment in [fixture::hostile(), fixture::bare(), fixture::without_runs(), fixture::without_time()] {
            for output in OUTPUTS {
                let text = fixture::written(output, &experiment);
                assert_eq!(text, fixture::written(output, &experiment), "{}", output.file);
            }
        }
    }

    #[test]
    fn no_output_sends_control_characters_or_turns_text_around() {
        let experiment = fixture::hostile();
        for output in OUTPUTS.iter().filter(|output| output.kind != OutputKind::Yaml) {
            let text = fixture::written(output, &experiment);
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\r'), "{}", output.file);
        }
    }

    #[test]
    fn no_csv_cell_is_a_formula_and_every_row_has_all_columns() {
        let experiment = fixture::hostile();
        for output in OUTPUTS.iter().filter(|output| output.kind == OutputKind::Csv) {
            let text = fixture::written(output, &experiment);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let mut rows = 0;
            for record in reader.records() {
                let record = record.expect(output.file);
                rows += 1;
                for field in &record {
                    assert!(!field.starts_with(['=', '+', '@', '\t', '\r']), "{}: {field}", output.file);
                    assert!(!field.starts_with('-') || field.parse::<f64>().is_ok(), "{}: {field}", output.file);
                }
            }
            assert!(rows > 0, "{}", output.file);
        }
    }
}
