//! `plimsoll demo`: the swamped story in a few seconds.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::run::{Form, Job, print, write};
use super::stdout;
use crate::error::Result;
use crate::experiment::RunFlags;
use crate::report;
use crate::scenario;

/// The scenario that is told; the same bytes as in `scenarios/`.
const SCENARIO: &str = include_str!("../../scenarios/deis-swamped.yaml");

/// Arguments of `demo`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Write report and charts to directory DIR
    #[arg(short = 'o', long = "output", value_name = "DIR", default_value = "plimsoll-demo")]
    output: PathBuf,
    /// Write into DIR even if it holds other files
    #[arg(long)]
    force: bool,
    /// Run on NUM threads; 0 is one a core
    #[arg(short = 'j', long = "threads", value_name = "NUM", default_value_t = 0)]
    threads: usize,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    report::check_dir(&args.output, args.force)?;
    let budgets = scenario::Budgets::default();
    let file = scenario::read_text(SCENARIO.as_bytes(), &budgets)?;
    let scenario = scenario::resolve(&file, Path::new(""), &budgets)?;
    let job = Job {
        threads: args.threads,
        flags: RunFlags { check: true, record: true, ..RunFlags::default() },
        command: "plimsoll demo".into(),
    };
    let outcome = job.run(scenario)?;
    write(&outcome.experiment, &args.output, args.force, report::DEFAULT_MAX_OUTPUT_BYTES)?;
    print(&outcome.experiment, Form::Table)?;
    let dir = crate::error::visible(&args.output.to_string_lossy());
    stdout::print(&format!(
        "\n{}\n\nThe report is {dir}/report.html, with charts and tables beside it.\n\
         Next, let one job run away with all the RAM:\n  plimsoll run scenarios/deis-runaway.yaml -o out\n",
        report::answer::answer(&outcome.experiment)
    ))?;
    outcome.verdict()
}
