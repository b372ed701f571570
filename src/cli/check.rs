//! `plimsoll check`: everything that `run` would check before it runs, or a cluster's dump against our decisions.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::budgets::BudgetArgs;
use super::schedule::{Form, print_json};
use super::{manifests, stdout, style};
use crate::error::{Result, visible};
use crate::kube::against;
use crate::kube::manifests::Manifests;
use crate::report::kube as report;
use crate::scenario;

/// Arguments of `check`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll check scenarios/deis-runaway.yaml\n  \
kubectl get nodes,pods,services,replicasets,namespaces,priorityclasses -A -o json | plimsoll check - --against-dump")]
pub(super) struct Args {
    /// Check the scenario in FILE; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take FILE as the dump of a cluster: place each bound pod once more, and compare
    #[arg(long)]
    against_dump: bool,
    /// Place by the KubeSchedulerConfiguration in CONFIG; by default the one in the dump, or the default profile
    #[arg(long, value_name = "CONFIG", requires = "against_dump")]
    config: Option<PathBuf>,
    /// Print text, or JSON
    #[arg(short = 'o', long = "output", value_name = "FORM", value_enum, requires = "against_dump")]
    output: Option<Form>,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    if args.against_dump { check_dump(args) } else { check_scenario(args) }
}

/// Says how many bound pods are where they would be placed. Whatever the share, that is no failure.
fn check_dump(args: &Args) -> Result<()> {
    let budgets = args.budgets.budgets().trace;
    let max_bytes = budgets.max_decompressed_bytes;
    let objects = manifests::read_objects(std::slice::from_ref(&args.file), args.config.as_deref(), max_bytes)?;
    let effective = manifests::read_profile(args.config.as_deref(), &objects, max_bytes)?;
    let manifests = Manifests::of(objects, &effective.scheduler_name, None)?;
    let honesty = manifests.honesty(&effective.warnings);
    let audit = against::check(&manifests, effective)?;
    if args.output == Some(Form::Json) {
        let mut value = audit.to_json();
        value["honesty"] = honesty.to_json();
        return print_json(&value);
    }
    let text = format!("{}\n{}", report::against::render(&audit), report::honesty(&honesty, style().width));
    stdout::print(&visible(&text))
}

fn check_scenario(args: &Args) -> Result<()> {
    let budgets = args.budgets.budgets();
    let (file, folder) = super::run::read_scenario(&args.file, &budgets)?;
    let scenario = scenario::resolve(&file, &folder, &budgets)
        .map_err(|why| if args.file.as_os_str() == "-" { why } else { why.in_file(&args.file) })?;
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
