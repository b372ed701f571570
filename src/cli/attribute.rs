//! `plimsoll attribute`: which ingredient an improvement is due to.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::budgets::BudgetArgs;
use super::progress::Progress;
use super::run::seed_range;
use super::{on_threads, stdout, stopping, style};
use crate::error::{Error, Result, unknown_name};
use crate::experiment::attribute::{Attribution, cells, factors};
use crate::experiment::{RunFlags, run_seeds};
use crate::metrics::metrics;
use crate::report::{self, DirOptions, Piece};
use crate::scenario;

/// What is attributed unless metrics are named; those that are undefined in a scenario are left out.
const METRICS: [&str; 4] = ["cpu_unserved_share", "oom_kills", "hosts_down", "requests_failed_share"];

/// Arguments of `attribute`.
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Placement (least-jobs or kube-default), enforcement of limits, eviction and, where the scenario has a \
platform, discovery (etcd or dns) are switched off and on in all combinations under one control plane (kubernetes); the \
scenario's own runs do not count.\n\nExamples:\n  \
plimsoll attribute scenarios/deis-swamped.yaml\n  \
plimsoll attribute scenarios/deis-runaway.yaml --seeds 0..10 --metric oom_kills -o out"
)]
pub(super) struct Args {
    /// Attribute what happens in the scenario in FILE
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Run every combination under each seed from A to B - 1
    #[arg(long, value_name = "A..B", default_value = "0..5")]
    seeds: String,
    /// Attribute metric NAME (again for more); by default unserved CPU, kills, falls of hosts and failed requests
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// Write attribution.csv and attribution.md to directory DIR
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into DIR even if it holds other files
    #[arg(long, requires = "output")]
    force: bool,
    /// Run on NUM threads; 0 is one a core. The results are the same on any number
    #[arg(short = 'j', long = "threads", value_name = "NUM", default_value_t = 0)]
    threads: usize,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let seeds: Vec<u64> = seed_range(&args.seeds)?.collect();
    let names: Vec<&str> = metrics().map(|m| m.name).collect();
    for wanted in &args.metrics {
        if !names.contains(&wanted.as_str()) {
            return Err(Error::usage(unknown_name("metric", wanted, &names)).in_field("--metric"));
        }
    }
    if let Some(dir) = &args.output {
        report::check_dir(dir, args.force)?;
    }
    let budgets = args.budgets.budgets();
    let file = scenario::read(&args.scenario, &budgets)?;
    let folder = args.scenario.parent().unwrap_or(Path::new("")).to_path_buf();
    let factors = factors(file.platform.is_some());
    let resolve = |seed: u64| {
        let mut file = file.clone();
        file.seed = Some(seed);
        let mut scenario = scenario::resolve(&file, &folder, &budgets).map_err(|why| why.in_file(&args.scenario))?;
        scenario.runs = cells(&factors);
        Ok(scenario)
    };
    let progress = Progress::new((2 * seeds.len()) << factors.len());
    let done = on_threads(args.threads, || {
        run_seeds(
            &seeds,
            &resolve,
            RunFlags { most_events: args.budgets.max_events, ..RunFlags::default() },
            &|i, at, end| {
                progress.tick(i, at, end);
                !stopping()
            },
        )
    });
    progress.done();
    let (study, stopped) = done?;
    let asked: Vec<&str> = match args.metrics.as_slice() {
        [] => METRICS.iter().copied().filter(|name| names.contains(name)).collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    let found: Vec<Attribution> = asked.iter().filter_map(|metric| Attribution::of(&study, &factors, metric)).collect();
    // Of what nobody asked for by name, what does not move at all only takes room.
    let moves = found.iter().any(|attribution| !attribution.is_flat());
    let found: Vec<Attribution> =
        found.into_iter().filter(|attribution| !args.metrics.is_empty() || !moves || !attribution.is_flat()).collect();
    if found.is_empty() {
        return Err(Error::input("none of the metrics is defined in all combinations; choose others with --metric"));
    }
    let text = report::attribution::text(&study, &factors, &found, &style());
    if let Some(dir) = &args.output {
        let command = format!("plimsoll attribute {} --seeds {}", args.scenario.to_string_lossy(), args.seeds);
        let page = report::attribution::markdown(&study, &factors, &found, &command);
        let csv = |out: &mut dyn std::io::Write| report::attribution::csv(&found, out);
        let md = |out: &mut dyn std::io::Write| out.write_all(page.as_bytes());
        let pieces = [Piece { file: "attribution.csv", write: &csv }, Piece { file: "attribution.md", write: &md }];
        let options =
            DirOptions { force: args.force, max_bytes: args.budgets.max_output_bytes, ..DirOptions::default() };
        report::write_files(&pieces, &[], dir, &options)?;
    }
    stdout::print(&text)?;
    stopped.map_or(Ok(()), Err)
}
