//! `plimsoll trace`: converts traces, tells what they are like, samples, scales and generates them.

mod generate;
mod import;
mod sample;
mod scale;
mod stat;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::budgets::BudgetArgs;
use super::stdout;
use crate::cluster::HostSpec;
use crate::error::{Error, Result, visible};
use crate::report::trace::files::{NativeTarget, check_native, write_native};
use crate::rng::Seed;
use crate::scenario::Length;
use crate::trace::{ImportReport, TraceArg, TraceOutage, begin_at, native, read_trace_as};
use crate::units::SimTime;
use crate::workload::{UsageMode, Workload};

/// Arguments of `trace`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Convert a trace to the native format, and say what was read and what was left out
    Import(Box<import::Args>),
    /// Say what a trace is like: sizes, durations, arrivals, load, hosts
    Stat(Box<stat::Args>),
    /// Thin a trace by a seeded draw of names, the same whatever the order of its rows
    Sample(Box<sample::Args>),
    /// Change how fast jobs arrive, or how many there are; durations stay
    Scale(Box<scale::Args>),
    /// Make a trace by dice: the default mix, or one like a given trace
    Generate(Box<generate::Args>),
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Import(args) => import::run(args),
        Command::Stat(args) => stat::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Scale(args) => scale::run(args),
        Command::Generate(args) => generate::run(args),
    }
}

/// How a trace is read.
#[derive(ClapArgs, Clone, Debug)]
#[command(next_help_heading = "Reading")]
struct ReadArgs {
    /// Set an option of the trace's format (again for more; see `plimsoll list format-options`)
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Of each sample of usage count STAT: `mixed` (CPU's mean, memory's maximum), `mean` or `max`
    #[arg(long, value_name = "STAT")]
    usage_stat: Option<String>,
    /// Count usage at 95 % of its limit or more FACTOR times, as `x1.5`: it may have wanted more
    #[arg(long, value_name = "FACTOR")]
    uncensor: Option<String>,
    /// Lay the usage of FORMAT:PATH over the jobs that have none
    #[arg(long, value_name = "FORMAT:PATH")]
    usage: Option<String>,
    /// Fail at the first row that would be left out
    #[arg(long)]
    strict: bool,
    /// Begin T into the trace; jobs that run then go on from there
    #[arg(long, value_name = "T")]
    from: Option<String>,
    /// Leave out what arrives T into the trace or later
    #[arg(long, value_name = "T")]
    to: Option<String>,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// A trace that was read.
struct Read {
    /// Its format and the last part of its path.
    name: String,
    workload: Workload,
    hosts: Vec<HostSpec>,
    outages: Vec<TraceOutage>,
    report: ImportReport,
}

impl ReadArgs {
    /// Reads the trace at `arg`, cut to the window.
    fn read(&self, arg: &TraceArg) -> Result<Read> {
        let budgets = self.budgets.budgets().trace;
        let over = self.usage.as_deref().map(TraceArg::parse).transpose()?;
        let (mut options, mut of_usage) = (BTreeMap::new(), BTreeMap::new());
        for option in &self.options {
            let Some((key, value)) = option.split_once('=') else {
                return Err(Error::usage(format!("\"{option}\" is not KEY=VALUE")).in_field("--option"));
            };
            options.insert(key.to_owned(), value.to_owned());
        }
        for (key, value) in [("usage-stat", &self.usage_stat), ("uncensor", &self.uncensor)] {
            let Some(value) = value else { continue };
            // Where only the overlay knows the option, it is meant.
            let knows = |arg: &TraceArg| arg.format.options.iter().any(|option| option.name == key);
            let theirs = !knows(arg) && over.as_ref().is_some_and(knows);
            let target = if theirs { &mut of_usage } else { &mut options };
            target.insert(key.to_owned(), value.clone());
        }
        let mut imported = read_trace_as(arg, &options, &budgets, self.strict)?;
        if let Some(over) = &over {
            imported.overlay(over, &of_usage, &budgets)?;
        }
        let mut outages = std::mem::take(&mut imported.outages);
        let (mut workload, mut hosts, mut report) = imported.finish(UsageMode::default(), Seed(1))?;
        if let Some((from, to)) = self.window()? {
            let (cut, said) = workload.crop(from, to)?;
            workload = cut;
            let gone = begin_at(&mut hosts, &mut outages, from.since(SimTime::ZERO));
            report.choices.push(format!(
                "window from {from}: {} jobs arrive in it, {} were running at its beginning and go on from there, {} \
                 jobs and {gone} hosts are left out",
                said.arriving, said.running, said.left_out
            ));
            report.origin_us = report.origin_us.saturating_add(from.0);
            (report.jobs, report.hosts) = (workload.len() as u64, hosts.len() as u64);
            report.outages = outages.len() as u64;
        }
        let path = std::path::Path::new(&arg.source.path);
        let last = path.file_name().map_or(arg.source.path.clone(), |name| name.to_string_lossy().into_owned());
        Ok(Read { name: format!("{}:{last}", arg.format.name), workload, hosts, outages, report })
    }

    /// `--from` and `--to`.
    fn window(&self) -> Result<Option<(SimTime, SimTime)>> {
        if self.from.is_none() && self.to.is_none() {
            return Ok(None);
        }
        let from = SimTime::ZERO + length("--from", &self.from)?.unwrap_or_default().0;
        let to = length("--to", &self.to)?.map_or(SimTime::NEVER, |to| SimTime::ZERO + to.0);
        if to <= from {
            let what = format!("the window ends at {to}, not after it begins at {from}");
            return Err(Error::usage(what).in_field("--to"));
        }
        Ok(Some((from, to)))
    }
}

/// A time of the command line.
fn length(flag: &str, text: &Option<String>) -> Result<Option<Length>> {
    match text {
        Some(text) => Length::parse(text).map(Some).map_err(|why| Error::usage(why.message()).in_field(flag)),
        None => Ok(None),
    }
}

/// Where a trace is written.
#[derive(ClapArgs, Clone, Debug)]
struct OutArgs {
    /// Write the jobs to FILE, which ends in .csv, .csv.gz or (in a build with the feature) .parquet, and beside it what else there is: x.hosts.csv, x.outages.csv, x.usage.csv, x.objects.json; `-` is the jobs alone on standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    output: PathBuf,
    /// Replace FILE and all tables of its name
    #[arg(long)]
    force: bool,
}

impl OutArgs {
    fn is_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }

    /// Refuses a place that will not do, before any long work.
    fn check(&self) -> Result<()> {
        if self.is_stdout() { Ok(()) } else { check_native(&self.output, self.force) }
    }

    /// Writes the trace and says so after `said`: on stdout, or on stderr if the jobs go to stdout.
    fn write(
        &self,
        budgets: &BudgetArgs,
        workload: &Workload,
        hosts: &[HostSpec],
        outages: &[TraceOutage],
        said: &str,
    ) -> Result<()> {
        if self.is_stdout() {
            if workload.ids().any(|job| workload.template(job).is_some()) {
                let what =
                    "jobs are described by Kubernetes objects, which do not go to standard output; write -o x.csv";
                return Err(Error::input(what));
            }
            write_jobs(workload)?;
            return note(&visible(said));
        }
        let target = NativeTarget {
            path: &self.output,
            force: self.force,
            max_bytes: budgets.max_output_bytes,
            stop: Some(&super::STOP),
        };
        let written = write_native(&target, workload, hosts, outages)?;
        let names: Vec<String> = written.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        stdout::print(&visible(&format!("{said}wrote {}\n", names.join(", "))))
    }
}

/// Jobs to stdout.
fn write_jobs(workload: &Workload) -> Result<()> {
    /// Keeps what went wrong below, so that a closed pipe is known as one.
    struct Watched<'a> {
        out: &'a mut dyn Write,
        broken: Option<io::ErrorKind>,
    }
    impl Write for Watched<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.out.write(bytes).inspect_err(|error| self.broken = Some(error.kind()))
        }
        fn flush(&mut self) -> io::Result<()> {
            self.out.flush().inspect_err(|error| self.broken = Some(error.kind()))
        }
    }
    let mut refused = None;
    stdout::write_with(|out| {
        let mut watched = Watched { out, broken: None };
        match (native::write_jobs(workload, &mut watched), watched.broken) {
            (Err(_), Some(kind)) => Err(kind.into()),
            (Err(why), None) => {
                refused = Some(why);
                Ok(())
            }
            (Ok(()), _) => Ok(()),
        }
    })?;
    refused.map_or(Ok(()), Err)
}

/// Text for people on stderr, where results are on stdout.
fn note(text: &str) -> Result<()> {
    // Nothing is left to do when stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
    Ok(())
}

/// `1 job`, `1,234 jobs`.
fn count(n: u64, what: &str) -> String {
    format!("{} {what}{}", crate::report::figures::thousands(n as f64), if n == 1 { "" } else { "s" })
}
