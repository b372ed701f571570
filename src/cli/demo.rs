//! `plimsoll demo`: the swamped story in a few seconds.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::run::{Form, Job, print, write};
use super::stdout;
use crate::error::Result;
use crate::experiment::{Experiment, RunFlags};
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
    let mut text = String::from("\n");
    report::table::wrap(&mut text, "", &reading(&outcome.experiment), super::style().width);
    text.push_str(&format!(
        "\nThe report is {dir}/report.html, with charts and tables beside it.\n\
         Next, let one job run away with all the RAM:\n  plimsoll run scenarios/deis-runaway.yaml -o out\n"
    ));
    stdout::print(&text)?;
    outcome.verdict()
}

/// A paragraph that reads the table, from its own numbers: what the count of jobs does, what limits and requests do.
fn reading(experiment: &Experiment) -> String {
    let metric = |run: &str, name: &str| {
        let run = experiment.runs.iter().find(|r| r.label.name == run);
        run.and_then(|r| r.metric(name)).and_then(|value| value.number()).unwrap_or(0.0)
    };
    let unserved = |run: &str| report::figures::percent(metric(run, "cpu_unserved_share"));
    let worst = report::figures::duration(metric("fleet", "worst_host_overloaded_seconds"));
    let hosts = metric("fleet", "hosts_overloaded");
    format!(
        "How to read it: fleet puts a job where the fewest jobs are, so every host has as many jobs and {hosts} of them are asked for \
         more CPU than they have, the worst for {worst}; {} of what the jobs demanded was not served. With memory limits (docker -m) \
         it is {}. Kubernetes places by requests and spreads replicas: {}, without limits {}, without requests {}, without requests and \
         spread {}, with requests four times too large {} (then demand waits for a host instead). Chef counts jobs by type: {}, {} of it waiting for a converge.",
        unserved("fleet"),
        unserved("fleet-docker-m"),
        unserved("kubernetes"),
        unserved("kubernetes-no-limits"),
        unserved("kubernetes-no-requests"),
        unserved("kubernetes-no-requests-no-spread"),
        unserved("kubernetes-requests-x4"),
        unserved("chef"),
        report::figures::percent(
            metric("chef", "cpu_pending_core_seconds")
                / metric("chef", "cpu_unserved_core_seconds").max(f64::MIN_POSITIVE)
        ),
    )
}
