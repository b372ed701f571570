//! `plimsoll trace stat`: what a trace is like.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::super::stdout;
use super::{Read, ReadArgs};
use crate::error::Result;
use crate::report::trace::chart;
use crate::report::trace::files::{check_file, write_file};
use crate::report::trace::stat::{HostStats, TraceStat, csv, json, text};
use crate::trace::TraceArg;
use crate::workload::stats::stats;

/// Arguments of `trace stat`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll trace stat openb:DIR\n  \
plimsoll trace stat native:x.csv.gz --format csv > x-figures.csv\n  \
plimsoll trace stat native:x.csv --svg x.svg\n\
What each figure means stands in docs/traces.md.")]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FORMAT:PATH")]
    trace: String,
    /// Print figures as a table, as JSON or as CSV
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Table)]
    format: Form,
    /// Draw arrivals by hour and what is held at once over time to FILE
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Replace the file of --svg
    #[arg(long, requires = "svg")]
    force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

/// The form in which figures are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// A table to read.
    Table,
    /// Nested figures, with the report of the import.
    Json,
    /// One figure a row: quantity, statistic, unit, value.
    Csv,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    if let Some(path) = &args.svg {
        check_file(path, args.force)?;
    }
    let Read { name, workload, hosts, outages, report } = args.read.read(&TraceArg::parse(&args.trace)?)?;
    let origin_us = report.origin_us;
    let stat =
        TraceStat { import: report, workload: stats(&workload, origin_us), hosts: HostStats::of(&hosts, &outages) };
    if let Some(path) = &args.svg {
        write_file(path, args.force, chart::draw(&name, &stat.workload).as_bytes())?;
    }
    stdout::print(&match args.format {
        Form::Table => text(&stat),
        Form::Json => json(&stat),
        Form::Csv => csv(&stat),
    })
}
