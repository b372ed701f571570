//! Exports: the same results in the forms of other tools, written where they are asked for. One row and one file each.

use std::io::{self, Write};

use crate::experiment::Experiment;

mod openmetrics;
mod perfetto;

/// A form of another tool.
#[derive(Clone, Copy)]
pub struct ExportInfo {
    /// Its name for `--export`.
    pub name: &'static str,
    /// Its file in a results directory.
    pub file: &'static str,
    /// What it holds, in one line.
    pub summary: &'static str,
    /// Writes it, row by row.
    pub write: fn(&Experiment, &mut dyn Write) -> io::Result<()>,
}

impl std::fmt::Debug for ExportInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExportInfo({})", self.name)
    }
}

/// The exports.
pub const EXPORTS: &[ExportInfo] = &[openmetrics::INFO, perfetto::INFO];

/// The export of that name.
pub fn export(name: &str) -> Option<&'static ExportInfo> {
    EXPORTS.iter().find(|export| export.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn same_experiment_same_bytes_and_no_experiment_is_too_small() {
        for experiment in [fixture::hostile(), fixture::bare(), fixture::without_runs(), fixture::without_time()] {
            for export in EXPORTS {
                let written = || {
                    let mut out = Vec::new();
                    (export.write)(&experiment, &mut out).unwrap();
                    String::from_utf8(out).unwrap()
                };
                let text = written();
                assert_eq!(text, written(), "{}", export.name);
                assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains('\r'));
            }
        }
    }
}
