//! Trace files: the table of formats, and what every reader of one shares.
//!
//! A format streams its files into an [`Import`], which checks budgets before anything is stored and counts what was
//! read, used and left out. Nothing here decides what a scheduler sees beyond what the file says; what a reader had to
//! choose is listed in the report.

mod alibaba_2017;
mod alibaba_dlrm;
mod azure_vm;
mod bitbrains;
mod decimal;
mod genai;
mod google_2011;
mod import;
mod input;
mod k8s;
mod keys;
mod machines;
pub(crate) mod manifest;
pub mod native;
mod openb;
mod opendc;
mod opendc_failures;
mod option;
mod outage;
mod overlay;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod prometheus;
mod report;
mod samples;
mod sniff;
mod swf;
mod window;

pub use decimal::Decimal;
pub use import::{
    Import, Imported, ImportedHosts, Place, as_input, read_cluster, read_hosts, read_outages, read_trace, read_trace_as,
};
pub use input::{Column, Lines, Row, Table, TableShape};
pub use machines::{HostOutage, MachineCounts, MachineEvent, Machines};
pub use option::{OptionInfo, OptionValues};
pub use outage::{OUTAGE_COLUMNS, OutageTarget, TraceOutage, read_outage_rows, write_outages};
pub use overlay::{Overlaid, Overlay, SeriesOwner, SeriesUnit};
#[cfg(feature = "parquet")]
pub use parquet::{Numbers, native_table, parquet_of};
pub use report::{ImportReport, UsageReport};
pub use samples::{Reading, Sample, SampleCounts, Samples, UsageRule};
pub use sniff::Sniffed;
pub use window::begin_at;

use crate::error::{Error, Result, unknown_name};

/// What a format reads from: its files, and what it makes of them.
pub type Reader = fn(&Source, &mut Import) -> Result<()>;

/// A row of the table of trace formats. A format has no reader for what its files do not hold.
#[derive(Debug)]
pub struct FormatInfo {
    /// Name on the command line (`--trace NAME:PATH`).
    pub name: &'static str,
    /// One line for `list` and the README.
    pub summary: &'static str,
    /// What `--option KEY=VALUE` understands.
    pub options: &'static [OptionInfo],
    /// Whether a file or folder is surely of this format, by its names and first bytes; `None`: nothing tells.
    pub sniff: Option<fn(&Sniffed) -> bool>,
    /// Reads jobs, and hosts and outages where the format has them.
    pub read: Option<Reader>,
    /// Reads only the hosts and their outages (`--cluster NAME:PATH`).
    pub read_hosts: Option<Reader>,
    /// Reads usage to lay over jobs (`--usage NAME:PATH`), into [`Import::overlay`].
    pub read_usage: Option<Reader>,
    /// Reads outages alone (`failures: [{file: NAME:PATH}]`).
    pub read_outages: Option<Reader>,
}

impl FormatInfo {
    /// A format that reads nothing yet.
    const BASE: FormatInfo = FormatInfo {
        name: "",
        summary: "",
        options: &[],
        sniff: None,
        read: None,
        read_hosts: None,
        read_usage: None,
        read_outages: None,
    };

    /// What it gives, in words: `jobs, hosts`.
    pub fn gives(&self) -> String {
        let all = [
            (self.read, "jobs"),
            (self.read_hosts, "hosts"),
            (self.read_usage, "usage"),
            (self.read_outages, "outages"),
        ];
        all.iter().filter(|(reader, _)| reader.is_some()).map(|(_, what)| *what).collect::<Vec<_>>().join(", ")
    }

    /// The reader of `what`; an error says what the format gives instead.
    fn reader(&self, reader: Option<Reader>, what: &str) -> Result<Reader> {
        reader.ok_or_else(|| Error::usage(format!("format {} gives {}, not {what}", self.name, self.gives())))
    }
}

/// What a build says that does not read Parquet.
#[cfg(not(feature = "parquet"))]
const NO_PARQUET: &str =
    "is Parquet, which this build does not read; build with: cargo build --release --features parquet";

/// Refuses Parquet where this build cannot read it, before anything is opened.
#[cfg(not(feature = "parquet"))]
fn readable(path: &str) -> Result<()> {
    let named = |path: &std::path::Path| path.extension().is_some_and(|ending| ending == "parquet");
    for part in path.split(',').map(std::path::Path::new) {
        let inside = |folder: &std::path::Path| {
            parts::names(folder).is_ok_and(|names| names.iter().any(|name| named(std::path::Path::new(name))))
        };
        if named(part) || (part.is_dir() && inside(part)) {
            return Err(Error::usage(NO_PARQUET).in_file(part));
        }
    }
    Ok(())
}

#[cfg(feature = "parquet")]
fn readable(_: &str) -> Result<()> {
    Ok(())
}

/// The trace formats.
pub const FORMATS: &[FormatInfo] = &[
    native::INFO,
    openb::INFO,
    google_2011::INFO,
    alibaba_2017::INFO,
    alibaba_dlrm::INFO,
    k8s::INFO,
    swf::INFO,
    azure_vm::INFO,
    bitbrains::INFO,
    prometheus::INFO,
    genai::INFO,
    opendc::INFO,
    opendc_failures::INFO,
];

/// Where a trace is: the text after `FORMAT:`, which the format interprets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// A path, `-` for stdin, or what the format makes of it (`NODES.csv,PODS.csv`).
    pub path: String,
}

/// `FORMAT:PATH` as given.
#[derive(Clone, Debug)]
pub struct TraceArg {
    /// The format's row.
    pub format: &'static FormatInfo,
    /// The rest.
    pub source: Source,
}

impl TraceArg {
    /// Reads `FORMAT:PATH`, or a path alone whose format its look tells ([`FormatInfo::sniff`]).
    ///
    /// Errors (usage): no format given or known by its look, an unknown format, an empty path.
    pub fn parse(text: &str) -> Result<Self> {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        if let Some((name, path)) = text.split_once(':')
            && let Some(format) = FORMATS.iter().find(|f| f.name == name)
        {
            if path.is_empty() {
                return Err(Error::usage(format!("\"{text}\" names no file; write {name}:PATH")));
            }
            readable(path)?;
            return Ok(TraceArg { format, source: Source { path: path.into() } });
        }
        readable(text)?;
        if let Some(format) = sniff::sniff(text)? {
            return Ok(TraceArg { format, source: Source { path: text.into() } });
        }
        match text.split_once(':') {
            Some((name, _)) => Err(Error::usage(unknown_name("trace format", name, &names))),
            None => {
                let first = names.first().copied().unwrap_or("FORMAT");
                Err(Error::usage(format!(
                    "\"{text}\" names no trace format and no file that is there; write FORMAT:PATH, such as \
                     {first}:{text} (formats: {})",
                    names.join(", ")
                )))
            }
        }
    }
}

/// How much a trace may hold. Checked before anything is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Most jobs (`--max-jobs`).
    pub max_jobs: u64,
    /// Most hosts (`--max-hosts`).
    pub max_hosts: u64,
    /// Most steps in all usage profiles together (`--max-usage-steps`).
    pub max_usage_steps: u64,
    /// Longest line in bytes (`--max-line-bytes`); a quoted field that spans lines counts as one.
    pub max_line_bytes: u64,
    /// Most bytes of one file after decompression (`--max-input-bytes`).
    pub max_decompressed_bytes: u64,
    /// Read every table by the `csv` crate and every row in full: what the faster reader has to agree with.
    pub careful: bool,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            max_jobs: 50_000_000,
            max_hosts: 1_000_000,
            max_usage_steps: 500_000_000,
            max_line_bytes: 1 << 20,
            max_decompressed_bytes: 64 << 30,
            careful: false,
        }
    }
}

/// Opens the table at `path`, whose columns have fixed places, with or without a header.
pub fn open_fixed_table(path: &str, shape: &TableShape, budgets: &Budgets) -> Result<Table> {
    Table::fixed(path, shape, budgets)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn rows_of_the_table_have_their_own_names_and_say_what_they_are() {
        let names: BTreeSet<&str> = FORMATS.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), FORMATS.len());
        for format in FORMATS {
            assert!(!format.summary.is_empty() && !format.summary.contains('\n'), "{}", format.name);
            for option in format.options {
                assert!(option.values.takes(option.default), "{}: {}", format.name, option.name);
                assert!(!option.summary.is_empty());
            }
        }
    }

    #[test]
    fn a_trace_argument_says_what_would_do() {
        let arg = TraceArg::parse("native:a:b.csv").unwrap();
        assert_eq!((arg.format.name, arg.source.path.as_str()), ("native", "a:b.csv"));
        for (text, message) in [
            (
                "x.csv",
                "\"x.csv\" names no trace format and no file that is there; write FORMAT:PATH, such as native:x.csv (formats: ",
            ),
            ("openbb:x", "unknown trace format \"openbb\"; did you mean \"openb\"?"),
            ("openb:", "\"openb:\" names no file; write openb:PATH"),
        ] {
            let error = TraceArg::parse(text).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn an_unknown_option_or_value_names_the_choices() {
        for (format, key, value, message) in [
            ("openb", "pendin", "run", "unknown option of trace format openb \"pendin\"; did you mean \"pending\"?"),
            ("openb", "pending", "maybe", "--option pending: \"maybe\" will not do; run or drop will"),
            ("native", "x", "y", "unknown option of trace format native \"x\"; it has none"),
        ] {
            let arg = TraceArg::parse(&format!("{format}:nowhere")).unwrap();
            let options = BTreeMap::from([(key.to_string(), value.to_string())]);
            let error = read_trace(&arg, &options, &Budgets::default()).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 2));
        }
    }
}
