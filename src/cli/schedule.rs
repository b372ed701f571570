//! `plimsoll schedule`: kube-scheduler's decisions about manifests, or about a recorded case, without time.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::{manifests, stdout, style, warn};
use crate::error::{Error, Result, visible};
use crate::kube::case::{Case, CaseResult, Eviction, Keep, Options, Retry};
use crate::kube::honesty::Honesty;
use crate::kube::manifests::{Manifests, Order};
use crate::kube::tie_break::TieBreak;
use crate::kube::y2016::{self, Version};
use crate::report::kube::{self as report, LeftAlone};
use crate::rng::Seed;

/// Arguments of `schedule`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll schedule -f scenarios/manifests/small-cluster.yaml\n  \
plimsoll schedule -f scenarios/manifests/small-cluster.yaml --explain\n  \
kubectl get nodes,pods,deployments,replicasets,daemonsets,services,priorityclasses,poddisruptionbudgets -A -o json \
| plimsoll schedule -f -")]
pub(super) struct Args {
    /// Place the pending pods of the manifests in FILE (YAML or JSON, plain or .gz; again for more; a folder for all in it; `-` is standard input)
    #[arg(short = 'f', long = "filename", value_name = "FILE", required_unless_present = "case")]
    files: Vec<PathBuf>,
    /// Schedule by the KubeSchedulerConfiguration in FILE, or the fragment of one that managed clusters take (`scoringStrategy`, `pluginConfig`); or by a
    /// ready-made profile: default, most-allocated, requested-to-capacity-ratio. By default the one among the manifests, or the default profile
    #[arg(long, value_name = "FILE", conflicts_with = "case")]
    config: Option<PathBuf>,
    /// Try pods by priority and age, as the scheduler's queue does, or as they stand
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = OrderArg::Queue, conflicts_with = "case")]
    order: OrderArg,
    /// Name the victims of a preemption and leave them, or let them go at once
    #[arg(long, value_name = "MODE", value_enum, default_value_t = PreemptionArg::Report, conflicts_with = "case")]
    preemption: PreemptionArg,
    /// Under `--preemption apply`, try a pod that preempted others again after all other pods, or at once
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = RetryArg::Later, conflicts_with = "case")]
    retry: RetryArg,
    /// Fail if anything that was ignored could decide something
    #[arg(long, conflicts_with = "case")]
    strict: bool,
    /// Run a case that was recorded from kube-scheduler instead (a file such as those in tests/vectors/kube and tests/vectors/kube-2016, or its `case`
    /// alone; plain or .gz)
    #[arg(long = "case", value_name = "FILE", conflicts_with = "files")]
    case: Option<PathBuf>,
    /// Let kube-scheduler VERSION decide a case of 2016: 1.2.4 or 1.3.0. By default the one that it was recorded from, or 1.2.4
    #[arg(long, value_name = "VERSION", requires = "case")]
    kube_version: Option<String>,
    /// Say of every pod and node which plugin rejected it and what would let it in, or how its score comes about
    #[arg(long)]
    explain: bool,
    /// Of nodes with the same highest score take the first by name, the one that kube-scheduler itself takes at parallelism 1, or a random one
    #[arg(long, value_name = "RULE", value_enum, default_value_t = TieArg::First)]
    tie_break: TieArg,
    /// Under `--tie-break random`, draw from seed NUM
    #[arg(long, value_name = "NUM", default_value_t = 1)]
    seed: u64,
    /// Print a table, or JSON in the shape of the recorded cases; by default a table, and JSON for a case
    #[arg(short = 'o', long = "output", value_name = "FORM", value_enum)]
    output: Option<Form>,
    /// Take at most NUM pods, those that are made for controllers included
    #[arg(long, value_name = "NUM", default_value_t = 1_000_000)]
    max_jobs: u64,
    /// Keep at most NUM outcomes of a pod on a node, for JSON and explanations; by default 4000000, under `--explain` 1500000, and 300000 for both
    #[arg(long, value_name = "NUM", conflicts_with = "case")]
    max_outcomes: Option<u64>,
    /// Read at most NUM bytes of one file, after decompression
    #[arg(long, value_name = "NUM", default_value_t = 256 << 20)]
    max_input_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum OrderArg {
    /// By priority, then by creation, then as they stand
    Queue,
    /// As they stand
    Listed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum PreemptionArg {
    /// Name the victims, evict nobody
    Report,
    /// Victims leave at once
    Apply,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum RetryArg {
    /// After all other pods
    Later,
    /// At once
    Immediate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum TieArg {
    /// The lowest name
    First,
    /// What kube-scheduler 1.36.3 takes at parallelism 1
    Heap,
    /// Drawn from the seed
    Random,
}

/// The form in which results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Form {
    /// A table to read
    Table,
    /// JSON
    Json,
}

impl Args {
    fn tie_break(&self) -> TieBreak {
        match self.tie_break {
            TieArg::First => TieBreak::First,
            TieArg::Heap => TieBreak::Heap,
            TieArg::Random => TieBreak::Random(Seed(self.seed)),
        }
    }

    fn options(&self) -> Options {
        Options {
            eviction: match self.preemption {
                PreemptionArg::Report => Eviction::Report,
                PreemptionArg::Apply => Eviction::Apply,
            },
            retry: match self.retry {
                RetryArg::Later => Retry::AfterOthers,
                RetryArg::Immediate => Retry::AtOnce,
            },
            tie_break: self.tie_break(),
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    match &args.case {
        Some(path) => run_case(args, path),
        None => run_manifests(args),
    }
}

/// A recorded case: prints `{steps, final}` as the vectors' `expect` has them.
fn run_case(args: &Args, path: &Path) -> Result<()> {
    let named = |error: Error| if path.as_os_str() == "-" { error } else { error.in_file(path) };
    let bytes = manifests::read_bytes(path, args.max_input_bytes).map_err(named)?;
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        let said = error.to_string();
        let what = said.split(" at line ").next().unwrap_or(&said);
        let place = Error::input(format!("is not a case in JSON: {what}"));
        named(place.at(error.line() as u64, error.column() as u64))
    })?;
    if y2016::case::is_case(&value) {
        return run_case_of_2016(args, &value).map_err(named);
    }
    if args.kube_version.is_some() {
        return Err(named(Error::usage(
            "--kube-version goes with a case of the schema kube-2016-case/1; any other is v1.36.3",
        )));
    }
    let mut case = Case::read(&value).map_err(named)?;
    case.options.tie_break = args.tie_break();
    let eviction = case.options.eviction;
    let left = LeftAlone { bound: case.bound.len(), ..LeftAlone::default() };
    let form = args.output.unwrap_or(Form::Json);
    let result = case.run_keeping(keep(args, form)).map_err(named)?;
    print(args, form, &result, eviction, &left, None)
}

/// A case recorded from kube-scheduler 1.2.4 or 1.3.0. It says itself which of the best nodes is taken.
fn run_case_of_2016(args: &Args, value: &serde_json::Value) -> Result<()> {
    if args.explain || args.tie_break != TieArg::First {
        let what = if args.explain { "--explain" } else { "--tie-break" };
        return Err(Error::usage(format!(
            "{what} is not for a case of 2016: it binds by its own `choice`, unexplained"
        )));
    }
    let version = args.kube_version.as_deref().map(Version::parse).transpose()?;
    let case = y2016::case::Case::read(value, version)?;
    let (bound, choice) = (case.bound.len(), case.choice);
    let result = CaseResult::from(case.run());
    if args.output.unwrap_or(Form::Json) == Form::Json {
        return print_json(&result.steps_and_final());
    }
    let left = LeftAlone { bound, ..LeftAlone::default() };
    let taken = match choice {
        y2016::case::Choice::FirstByName => "the lowest name",
        y2016::case::Choice::RoundRobin => "the one whose turn it is, from the last name on,",
    };
    let table = report::table(&result, Eviction::Report);
    stdout::print(&visible(&format!("{table}\n{}", report::summary(&result, &left, taken))))
}

fn run_manifests(args: &Args) -> Result<()> {
    let objects = manifests::read_objects(&args.files, args.config.as_deref(), args.max_input_bytes)?;
    let effective = manifests::read_profile(args.config.as_deref(), &objects, args.max_input_bytes)?;
    let manifests = Manifests::of(objects, &effective.scheduler_name, Some(args.max_jobs))?;
    let honesty = manifests.honesty(&effective.warnings);
    if args.strict {
        honesty.strict()?;
    }
    if manifests.nodes.is_empty() {
        warn("there is no Node among the manifests, so that no pod can be placed");
    }
    let left = LeftAlone::of(&manifests);
    let order = match args.order {
        OrderArg::Queue => Order::Queue,
        OrderArg::Listed => Order::Listed,
    };
    let options = args.options();
    let form = args.output.unwrap_or(Form::Table);
    outcomes_fit(args, form, manifests.pending.len() as u64 * manifests.nodes.len() as u64)?;
    let result = manifests.case(effective, order, options).run_keeping(keep(args, form))?;
    print(args, form, &result, options.eviction, &left, Some(&honesty))
}

/// Refuses to keep more than memory holds: JSON and explanations say of each pod what became of it on each node. The
/// defaults come to about 2 GB, at 0.4, 1.4 and 6.3 kB an outcome.
fn outcomes_fit(args: &Args, form: Form, outcomes: u64) -> Result<()> {
    let default = match (args.explain, form) {
        (false, Form::Table) => return Ok(()),
        (false, Form::Json) => 4_000_000,
        (true, Form::Table) => 1_500_000,
        (true, Form::Json) => 300_000,
    };
    let most = args.max_outcomes.unwrap_or(default);
    if outcomes > most {
        return Err(Error::budget(
            "outcomes of pods on nodes",
            outcomes,
            most,
            "--max-outcomes, or ask about fewer pods",
        ));
    }
    Ok(())
}

fn keep(args: &Args, form: Form) -> Keep {
    Keep { steps: form == Form::Json, explanations: args.explain, by_index: false }
}

fn print(
    args: &Args,
    form: Form,
    result: &CaseResult,
    eviction: Eviction,
    left: &LeftAlone,
    honesty: Option<&Honesty>,
) -> Result<()> {
    if form == Form::Json {
        let mut value = result.steps_and_final();
        if args.explain {
            value["explanations"] = result.explanations.iter().map(|e| e.to_json()).collect();
        }
        if let Some(honesty) = honesty {
            value["honesty"] = honesty.to_json();
            value["tieBreak"] = json!(args.tie_break().name());
        }
        return print_json(&value);
    }
    let mut text = report::table(result, eviction);
    if args.explain {
        text.push('\n');
        text.push_str(&report::explain::explanations(result, args.tie_break()));
    }
    text.push('\n');
    text.push_str(&report::summary(result, left, &args.tie_break().text()));
    if let Some(honesty) = honesty {
        text.push('\n');
        text.push_str(&report::honesty(honesty, style().width));
    }
    stdout::print(&visible(&text))
}

/// Prints JSON to read.
pub(super) fn print_json(value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::failed(format!("the result cannot be written as JSON: {error}")))?;
    stdout::print(&format!("{text}\n"))
}
