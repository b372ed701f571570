//! Trace files: the table of formats, and what every reader of one shares.
//!
//! A format streams its files into an [`Import`], which checks budgets before anything is stored and counts what was
//! read, used and left out. Nothing here decides what a scheduler sees beyond what the file says; what a reader had to
//! choose is listed in the report.

mod input;
pub(crate) mod manifest;
pub mod native;
mod openb;

pub use input::{Column, Row, Table};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cluster::HostSpec;
use crate::error::{Error, Result, unknown_name};
use crate::rng::Seed;
use crate::workload::{Job, UsageMode, Workload, WorkloadBuilder};

/// A row of the table of trace formats.
#[derive(Debug)]
pub struct FormatInfo {
    /// Name on the command line (`--trace NAME:PATH`).
    pub name: &'static str,
    /// One line for `list` and the README.
    pub summary: &'static str,
    /// What `--option KEY=VALUE` understands.
    pub options: &'static [OptionInfo],
    /// Reads jobs, and hosts where the format has them.
    pub read: fn(&Source, &mut Import) -> Result<()>,
    /// Reads only the hosts (`--cluster NAME:PATH`).
    pub read_hosts: fn(&Source, &mut Import) -> Result<()>,
}

/// An option of a format.
#[derive(Debug)]
pub struct OptionInfo {
    /// The key.
    pub name: &'static str,
    /// The values that will do.
    pub values: &'static [&'static str],
    /// What holds when the option is not given: one of `values`.
    pub default: &'static str,
    /// One line for `list`.
    pub summary: &'static str,
}

/// The trace formats.
pub const FORMATS: &[FormatInfo] = &[native::INFO, openb::INFO];

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
    /// Reads `FORMAT:PATH`.
    ///
    /// Errors (usage): no colon, an unknown format, an empty path.
    pub fn parse(text: &str) -> Result<Self> {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        let Some((name, path)) = text.split_once(':') else {
            let first = names.first().copied().unwrap_or("FORMAT");
            return Err(Error::usage(format!(
                "\"{text}\" names no trace format; write FORMAT:PATH, such as {first}:{text} (formats: {})",
                names.join(", ")
            )));
        };
        let Some(format) = FORMATS.iter().find(|f| f.name == name) else {
            return Err(Error::usage(unknown_name("trace format", name, &names)));
        };
        if path.is_empty() {
            return Err(Error::usage(format!("\"{text}\" names no file; write {name}:PATH")));
        }
        Ok(TraceArg { format, source: Source { path: path.into() } })
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
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            max_jobs: 50_000_000,
            max_hosts: 1_000_000,
            max_usage_steps: 500_000_000,
            max_line_bytes: 1 << 20,
            max_decompressed_bytes: 64 << 30,
        }
    }
}

/// Most distinct extended resources: hosts hold one amount for each.
const EXTENDED_NAMES_MAX: usize = 1_000;

/// What a reader did, for the report of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ImportReport {
    /// Name of the format.
    pub format: String,
    /// Rows of jobs read, the header apart.
    pub rows_read: u64,
    /// Rows of jobs that became jobs.
    pub rows_used: u64,
    /// Rows of jobs left out, by reason.
    pub rows_dropped: BTreeMap<String, u64>,
    /// Jobs made.
    pub jobs: u64,
    /// Hosts made.
    pub hosts: u64,
    /// What the format leaves open and how it was read.
    pub choices: Vec<String>,
    /// What a reader of the results should know.
    pub warnings: Vec<String>,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportReport { format, rows_read, rows_used, jobs, hosts, .. } = self;
        writeln!(f, "{format}: {rows_used} of {rows_read} rows used; {jobs} jobs, {hosts} hosts")?;
        for (reason, count) in &self.rows_dropped {
            writeln!(f, "  dropped: {count} × {reason}")?;
        }
        for choice in &self.choices {
            writeln!(f, "  choice: {choice}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "  warning: {warning}")?;
        }
        Ok(())
    }
}

/// What a format reads into.
#[derive(Debug)]
pub struct Import<'a> {
    /// The limits that hold.
    pub budgets: &'a Budgets,
    /// What is said of it; rows and totals are counted here by [`Import::job`], [`Import::drop_row`] and
    /// [`Import::host`].
    pub report: ImportReport,
    options: BTreeMap<&'static str, &'static str>,
    builder: WorkloadBuilder,
    hosts: Vec<HostSpec>,
    /// Names of `hosts`: a repeated one is refused at its line.
    host_names: BTreeSet<String>,
    extended_names: BTreeSet<String>,
    /// The file that the jobs came from.
    job_file: PathBuf,
}

impl<'a> Import<'a> {
    fn new(format: &FormatInfo, given: &BTreeMap<String, String>, budgets: &'a Budgets) -> Result<Self> {
        let mut options: BTreeMap<_, _> = format.options.iter().map(|o| (o.name, o.default)).collect();
        for (key, value) in given {
            let Some(option) = format.options.iter().find(|o| o.name == key) else {
                let known: Vec<&str> = format.options.iter().map(|o| o.name).collect();
                let what = format!("option of trace format {}", format.name);
                return Err(Error::usage(if known.is_empty() {
                    format!("unknown {what} \"{key}\"; it has none")
                } else {
                    unknown_name(&what, key, &known)
                }));
            };
            let Some(value) = option.values.iter().find(|v| *v == value) else {
                return Err(Error::usage(format!("\"{value}\" will not do; {} will", option.values.join(" or ")))
                    .in_field(format!("--option {key}")));
            };
            options.insert(option.name, value);
        }
        Ok(Import {
            budgets,
            report: ImportReport { format: format.name.into(), ..ImportReport::default() },
            options,
            builder: WorkloadBuilder::new(),
            hosts: Vec::new(),
            host_names: BTreeSet::new(),
            extended_names: BTreeSet::new(),
            job_file: PathBuf::new(),
        })
    }

    /// The value of an option of the format, given or by default. Panics for an option not in its table.
    pub fn option(&self, name: &str) -> &'static str {
        self.options[name]
    }

    /// Opens a table of jobs.
    pub fn jobs_table(&mut self, path: &str, needed: &str) -> Result<Table> {
        self.job_file = input::display_name(path);
        Table::open(path, &format!("no jobs: {needed}"), self.budgets)
    }

    /// Opens a table of hosts.
    pub fn hosts_table(&self, path: &str, needed: &str) -> Result<Table> {
        Table::open(path, &format!("no hosts: {needed}"), self.budgets)
    }

    /// Counts a row of jobs before it is looked at, and refuses one too many.
    pub fn job_row(&mut self, row: &Row) -> Result<()> {
        self.report.rows_read += 1;
        // A job's id is a u32 whatever the budget.
        let most = self.budgets.max_jobs.min(u64::from(u32::MAX) - 1);
        if self.builder.len() as u64 >= most {
            return Err(row.place(Error::budget("jobs", most + 1, most, "--max-jobs")));
        }
        Ok(())
    }

    /// Adds the job that `row` describes.
    pub fn job(&mut self, row: &Row, job: Job) -> Result<()> {
        self.extended(row, &job.extended)?;
        self.builder.push(job).map_err(|error| row.place(error))?;
        self.report.rows_used += 1;
        self.report.jobs += 1;
        Ok(())
    }

    /// Counts a row of jobs that is left out.
    pub fn drop_row(&mut self, reason: &str) {
        match self.report.rows_dropped.get_mut(reason) {
            Some(count) => *count += 1,
            None => drop(self.report.rows_dropped.insert(reason.into(), 1)),
        }
    }

    /// Refuses one host too many before it is read.
    pub fn host_row(&self, row: &Row) -> Result<()> {
        let most = self.budgets.max_hosts.min(u64::from(u32::MAX) - 1);
        if self.hosts.len() as u64 >= most {
            return Err(row.place(Error::budget("hosts", most + 1, most, "--max-hosts")));
        }
        Ok(())
    }

    /// Adds the host that `row` describes; its name is in column `name`.
    pub fn host(&mut self, row: &Row, name: &str, host: HostSpec) -> Result<()> {
        let refuse = |field: &str, what: String| Err(row.place(Error::input(what).in_field(field)));
        self.extended(row, &host.extended)?;
        if host.name.is_empty() {
            return refuse(name, "a host needs a name".into());
        }
        if host.leaves.is_some_and(|leaves| leaves <= host.joins) {
            return refuse("leaves_us", "the host leaves before it joins".into());
        }
        if !self.host_names.insert(host.name.clone()) {
            return refuse(name, format!("two hosts are named \"{}\"", host.name));
        }
        self.hosts.push(host);
        self.report.hosts += 1;
        Ok(())
    }

    fn extended(&mut self, row: &Row, amounts: &BTreeMap<String, i64>) -> Result<()> {
        for name in amounts.keys() {
            if !self.extended_names.contains(name) {
                if self.extended_names.len() == EXTENDED_NAMES_MAX {
                    let what = format!("more than {EXTENDED_NAMES_MAX} different extended resources");
                    return Err(row.place(Error::input(what).in_field("extended")));
                }
                self.extended_names.insert(name.clone());
            }
        }
        Ok(())
    }
}

/// What was read: jobs not yet sorted, hosts, and what is to be said of them.
#[derive(Debug)]
pub struct Imported {
    /// The jobs; [`Imported::finish`] sorts and checks them.
    pub builder: WorkloadBuilder,
    /// The hosts; empty if the trace has none.
    pub hosts: Vec<HostSpec>,
    /// What was read, left out and chosen.
    pub report: ImportReport,
    /// The file that the jobs came from.
    pub job_file: PathBuf,
}

impl Imported {
    /// Sorts the jobs; errors, such as a repeated name, name the file.
    pub fn finish(self, usage: UsageMode, seed: Seed) -> Result<(Workload, Vec<HostSpec>, ImportReport)> {
        let file = self.job_file;
        let workload = self.builder.finish(usage, seed).map_err(|error| error.in_file(file))?;
        Ok((workload, self.hosts, self.report))
    }
}

/// Reads a trace. Unknown options and values are usage errors; a trace without a job is an input error.
pub fn read_trace(arg: &TraceArg, options: &BTreeMap<String, String>, budgets: &Budgets) -> Result<Imported> {
    let mut import = Import::new(arg.format, options, budgets)?;
    (arg.format.read)(&arg.source, &mut import)?;
    if import.builder.is_empty() {
        let dropped: u64 = import.report.rows_dropped.values().sum();
        let why = match dropped {
            0 => "no jobs: there is no row below the header".into(),
            _ => {
                let reasons: Vec<String> =
                    import.report.rows_dropped.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
                format!("no jobs: all rows were left out ({})", reasons.join(", "))
            }
        };
        return Err(Error::input(why).in_file(import.job_file));
    }
    let Import { builder, hosts, report, job_file, .. } = import;
    Ok(Imported { builder, hosts, report, job_file })
}

/// Opens the table at `path`, plain or gzip; `needed` is what an empty file lacks.
pub fn open_table(path: &str, needed: &str, budgets: &Budgets) -> Result<Table> {
    Table::open(path, needed, budgets)
}

/// Reads hosts (`--cluster`): from `FORMAT:PATH`, or from a native hosts table at a plain path.
pub fn read_hosts(text: &str, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    // A plain path may hold a colon; it is FORMAT:PATH if what stands before the first one is a format's name, or
    // could be one misspelt: a name, not a path, of a file that is not there.
    let plain = text.split_once(':').is_none_or(|(name, _)| {
        let known = FORMATS.iter().any(|f| f.name == name);
        let a_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !known && (!a_name || Path::new(text).exists())
    });
    let none = BTreeMap::new();
    let (mut import, file);
    if plain {
        import = Import::new(&native::INFO, &none, budgets)?;
        native::read_hosts_table(text, &mut import)?;
        file = text;
    } else {
        let arg = TraceArg::parse(text)?;
        import = Import::new(arg.format, &none, budgets)?;
        (arg.format.read_hosts)(&arg.source, &mut import)?;
        file = &text[arg.format.name.len() + 1..];
    }
    if import.hosts.is_empty() {
        return Err(Error::input("no hosts: there is no row below the header").in_file(file));
    }
    Ok(import.hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_table_have_their_own_names_and_say_what_they_are() {
        let names: BTreeSet<&str> = FORMATS.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), FORMATS.len());
        for format in FORMATS {
            assert!(!format.summary.is_empty() && !format.summary.contains('\n'), "{}", format.name);
            for option in format.options {
                assert!(option.values.contains(&option.default), "{}: {}", format.name, option.name);
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
                "\"x.csv\" names no trace format; write FORMAT:PATH, such as native:x.csv (formats: native, openb)",
            ),
            ("openbb:x", "unknown trace format \"openbb\"; did you mean \"openb\"?"),
            ("openb:", "\"openb:\" names no file; write openb:PATH"),
        ] {
            let error = TraceArg::parse(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 2));
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

    #[test]
    fn a_report_reads_as_text() {
        let report = ImportReport {
            format: "openb".into(),
            rows_read: 5,
            rows_used: 3,
            rows_dropped: BTreeMap::from([("no end".to_string(), 2)]),
            jobs: 3,
            hosts: 1,
            choices: vec!["a".into()],
            warnings: vec!["b".into()],
        };
        let text = "openb: 3 of 5 rows used; 3 jobs, 1 hosts\n  dropped: 2 × no end\n  choice: a\n  warning: b\n";
        assert_eq!(report.to_string(), text);
    }
}
