//! `plimsoll trace import`: any format to the native one.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{OutArgs, Read, ReadArgs};
use crate::error::{Error, Result};
use crate::report::trace::files::{check_file, write_file};
use crate::trace::TraceArg;

/// Arguments of `trace import`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll trace import openb DIR -o openb.csv.gz --report openb.json\n  \
plimsoll trace import openb NODES.csv PODS.csv -o x.csv --option pending=drop\n  \
plimsoll trace import k8s dump.json -o x.csv --option arrival=created\n  \
plimsoll trace import native x.csv -o morning.csv --from 6h --to 12h\n\
Then: plimsoll run --trace native:x.csv")]
pub(super) struct Args {
    /// The format (see `plimsoll list formats`); or FORMAT:PATH, without PATH behind it
    #[arg(value_name = "FORMAT")]
    format: String,
    /// Its file or folder; several files in the format's order
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    out: OutArgs,
    /// Write what was read, left out and chosen to FILE as JSON, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    args.out.check()?;
    if let Some(path) = &args.report {
        if *path == args.out.output {
            return Err(Error::usage("is both -o and --report; give them different names").in_file(path));
        }
        check_file(path, args.out.force)?;
    }
    let arg = match args.paths.as_slice() {
        [] => TraceArg::parse(&args.format)?,
        paths => TraceArg::parse(&format!("{}:{}", args.format, paths.join(",")))?,
    };
    let Read { workload, hosts, outages, report, .. } = args.read.read(&arg)?;
    args.out.write(&args.read.budgets, &workload, &hosts, &outages, &report.to_string())?;
    match &args.report {
        Some(path) => {
            let mut text = serde_json::to_string_pretty(&report).expect("a report is plain data");
            text.push('\n');
            write_file(path, args.out.force, text.as_bytes())
        }
        None => Ok(()),
    }
}
