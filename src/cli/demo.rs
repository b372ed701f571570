//! `plimsoll demo`: stories that need no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use super::run::{Form, Job, print, write};
use super::stdout;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, RunFlags, RunResult};
use crate::report::{self, DirOptions, Piece};
use crate::scenario;
use crate::story::essay::{self, Chapter};
use crate::story::{CLAIMS, Claim, Verdict};

/// Arguments of `demo`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Which story to tell
    #[arg(value_name = "NAME", value_enum)]
    name: Option<Name>,
    /// Write report and charts to directory DIR; by default plimsoll-demo-NAME, without a name plimsoll-demo
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into DIR even if it holds other files
    #[arg(long)]
    force: bool,
    /// Run on NUM threads; 0 is one a core
    #[arg(short = 'j', long = "threads", value_name = "NUM", default_value_t = 0)]
    threads: usize,
}

/// The stories.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Name {
    /// Hosts with as many jobs each, and some of them swamped (the one told without a name)
    Swamped,
    /// One job runs away with all the memory, under three policies of how a host comes down
    Runaway,
    /// The network before etcd gets slower, and faster again
    Etcd,
    /// All of the story, claim by claim, as an essay
    Migration,
}

impl Name {
    /// Its scenario, the same bytes as in `scenarios/`.
    const fn scenario(self) -> &'static str {
        match self {
            Name::Swamped | Name::Migration => include_str!("../../scenarios/deis-swamped.yaml"),
            Name::Runaway => include_str!("../../scenarios/deis-runaway.yaml"),
            Name::Etcd => include_str!("../../scenarios/claim-etcd-latency.yaml"),
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let dir = args.output.clone().unwrap_or_else(|| match args.name.and_then(|name| name.to_possible_value()) {
        Some(name) => PathBuf::from(format!("plimsoll-demo-{}", name.get_name())),
        None => PathBuf::from("plimsoll-demo"),
    });
    report::check_dir(&dir, args.force)?;
    if args.name == Some(Name::Migration) {
        return migration(args, &dir);
    }
    let name = args.name.unwrap_or(Name::Swamped);
    let command = match args.name.and_then(|name| name.to_possible_value()) {
        Some(name) => format!("plimsoll demo {}", name.get_name()),
        None => "plimsoll demo".into(),
    };
    let outcome = job(args, command).run(scenario_of(name.scenario())?)?;
    write(&outcome.experiment, &dir, args.force, report::DEFAULT_MAX_OUTPUT_BYTES)?;
    print(&outcome.experiment, Form::Table)?;
    let shown = crate::error::visible(&dir.to_string_lossy()).to_string();
    let mut text = String::from("\n");
    report::table::wrap(&mut text, "", &reading(name, &outcome.experiment), super::style().width);
    text.push_str(&format!("\nThe report is {shown}/report.html, with charts and tables beside it.\n"));
    text.push_str(match name {
        Name::Swamped => {
            "Next, let one job run away with all the RAM, slow etcd down, or read the whole story:\n  \
             plimsoll demo runaway\n  plimsoll demo etcd\n  plimsoll demo migration\n"
        }
        Name::Etcd => "store_latency.svg is the picture, store_latency.csv its numbers.\n",
        Name::Runaway | Name::Migration => "",
    });
    stdout::print(&text)?;
    outcome.verdict()
}

fn job(args: &Args, command: String) -> Job {
    Job { threads: args.threads, flags: RunFlags { check: true, record: true, ..RunFlags::default() }, command }
}

fn scenario_of(text: &str) -> Result<scenario::Scenario> {
    seeded(text, None)
}

fn seeded(text: &str, seed: Option<u64>) -> Result<scenario::Scenario> {
    let budgets = scenario::Budgets::default();
    let mut file = scenario::read_text(text.as_bytes(), &budgets)?;
    file.seed = seed.or(file.seed);
    scenario::resolve(&file, Path::new(""), &budgets)
}

/// All claims, each judged by its scenario; scenarios that several claims use are run once.
fn migration(args: &Args, dir: &Path) -> Result<()> {
    let mut experiments: BTreeMap<&str, Experiment> = BTreeMap::new();
    for claim in CLAIMS {
        if !experiments.contains_key(claim.file) {
            experiments.insert(claim.file, experiment(args, claim)?);
        }
    }
    let chapters: Vec<Chapter<'_>> = CLAIMS.iter().map(|claim| Chapter::new(claim, &experiments[claim.file])).collect();
    let page = essay::page(&chapters).map_err(|why| Error::failed(format!("the essay cannot be written: {why}")))?;
    let html = |out: &mut dyn std::io::Write| out.write_all(page.as_bytes());
    let csv = |out: &mut dyn std::io::Write| essay::csv(&chapters, out);
    let pieces = [Piece { file: "essay.html", write: &html }, Piece { file: "claims.csv", write: &csv }];
    report::write_files(&pieces, &[], dir, &DirOptions { force: args.force, ..DirOptions::default() })?;
    let mut text = String::new();
    let width = super::style().width;
    for chapter in &chapters {
        let Chapter { claim, finding, .. } = chapter;
        let condition =
            if finding.verdict == Verdict::HoldsOnlyIf { format!(" {}", finding.condition) } else { String::new() };
        let line = format!("{}: {}{condition}", claim.name, finding.verdict.name());
        report::table::wrap(&mut text, "", &line, width);
        report::table::wrap(&mut text, "    ", claim.claim, width);
    }
    let shown = crate::error::visible(&dir.to_string_lossy()).to_string();
    text.push_str(&format!("\nThe essay is {shown}/essay.html; its numbers are in claims.csv beside it.\n"));
    stdout::print(&text)
}

/// The runs of a claim, and its study over seeds if it asks for one.
fn experiment(args: &Args, claim: &Claim) -> Result<Experiment> {
    let job = job(args, format!("plimsoll run {} -o out", claim.file));
    let flags = job.flags;
    // A study begins with its first seed, as `run --seeds` does.
    let first = (claim.seeds > 0).then_some(0);
    let in_file = |why: Error| why.in_file(Path::new(claim.file));
    let mut scenario = seeded(claim.scenario, first).map_err(in_file)?;
    // How a host comes down is told in words here; `demo runaway` shows the band.
    scenario.band.clear();
    let mut outcome = job.run(scenario)?;
    if claim.seeds > 0 && outcome.is_whole() {
        let seeds: Vec<u64> = (0..claim.seeds).collect();
        outcome.study(args.threads, &seeds, flags, &|seed| seeded(claim.scenario, Some(seed)).map_err(in_file))?;
    }
    outcome.into_experiment()
}

/// A paragraph that reads the table, from its own numbers.
fn reading(name: Name, experiment: &Experiment) -> String {
    match name {
        Name::Swamped | Name::Migration => swamped(experiment),
        Name::Runaway => runaway(experiment),
        Name::Etcd => etcd(experiment),
    }
}

fn metric(experiment: &Experiment, run: &str, name: &str) -> f64 {
    let run: Option<&RunResult> = experiment.runs.iter().find(|r| r.label.name == run);
    run.and_then(|r| r.metric(name)).and_then(|value| value.number()).unwrap_or(0.0)
}

/// What a leak takes along, with and without limits.
fn runaway(experiment: &Experiment) -> String {
    let amount = |run: &str| report::figures::number(metric(experiment, run, "cpu_slowed_core_seconds"));
    format!(
        "How to read it: the leak is killed by the kernel under every control plane. With limits it is killed at its own and nobody notices; without, its host's file \
         pages go first, and its neighbours wait for the disk: {} core-seconds under fleet, {} under Kubernetes without limits, {} with. Whether the host itself comes \
         down is the band: lower, default, upper.",
        amount("fleet"),
        amount("kubernetes-no-limits"),
        amount("kubernetes"),
    )
}

/// How requests fared as round trips rose.
fn etcd(experiment: &Experiment) -> String {
    let told: Vec<String> = experiment
        .runs
        .iter()
        .map(|run| {
            let failed = report::figures::percent(metric(experiment, &run.label.name, "requests_failed_share"));
            let down = report::figures::duration(metric(experiment, &run.label.name, "platform_down_seconds"));
            format!("{}: {failed} of all requests failed, platform down for {down}", run.label.name)
        })
        .collect();
    format!(
        "How to read it: round trips to etcd rise from 1 ms to 3 s, a quarter of an hour each, and fall again. Up to 100 ms nothing is felt. {}.",
        told.join("; ")
    )
}

/// What the count of jobs does, what limits and requests do.
fn swamped(experiment: &Experiment) -> String {
    let metric = |run: &str, name: &str| metric(experiment, run, name);
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
