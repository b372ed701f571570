//! `plimsoll check`: everything that `run` would check before it runs.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::budgets::BudgetArgs;
use super::stdout;
use crate::error::{Result, visible};
use crate::scenario;

/// Arguments of `check`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Check the scenario in FILE; `-` is standard input
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let budgets = args.budgets.budgets();
    let (file, folder) = super::run::read_scenario(&args.scenario, &budgets)?;
    let scenario = scenario::resolve(&file, &folder, &budgets)
        .map_err(|why| if args.scenario.as_os_str() == "-" { why } else { why.in_file(&args.scenario) })?;
    let setup = &scenario.setup;
    let runs: Vec<&str> = scenario.runs.iter().map(|run| run.name.as_str()).collect();
    let mut text = format!(
        "{}: {} hosts, {} jobs, {} runs ({}), {} of simulated time, {} failures\n",
        scenario.name,
        setup.cluster.len(),
        setup.workload.len(),
        runs.len(),
        runs.join(", "),
        setup.end,
        setup.failures.len()
    );
    for note in &scenario.notes {
        text.push_str(&format!("- {note}\n"));
    }
    stdout::print(&visible(&text))
}
