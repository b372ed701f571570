//! `plimsoll reproduce`: a published experiment again, on its data, and ours beside theirs.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::budgets::BudgetArgs;
use super::progress::Progress;
use super::run::{quoted, seed_range};
use super::{on_threads, stdout, stopping, style, warn};
use crate::error::{Error, ErrorKind, Result, unknown_name, visible};
use crate::paper::{Expected, PAPERS, Paper, Replayed, Study, compare, page, replay, table, tables};
use crate::report::{self, DirOptions, Piece};
use crate::scenario::{self, Scenario, ScenarioFile};

/// The lists of the data folder: hosts and jobs.
const LISTS: [&str; 2] = ["openb_node_list_gpu_node.csv", "openb_pod_list_default.csv"];
/// A published file is at most this long, in bytes.
const EXPECTED_MAX: u64 = 16 << 20;

/// Arguments of `reproduce`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "What is compared:\n  \
--orders and --expected   each of our curves with the one of its seed in FILE, in every column (0.01 percentage points)\n  \
neither                   means over our own seeds with the built-in published means (two standard deviations)\n  \
--expected alone          means over our own seeds with means over the seeds of FILE (two of its standard deviations)\n  \
--orders alone            means over the runs in the given orders with the built-in published means\n\n\
Exit codes: 0 all of it agrees, or nothing is published; 1 something differs; 2 usage; 3 input invalid; 130 interrupted.\n\n\
Examples:\n  \
plimsoll reproduce fgd-atc23 --data openb\n  \
plimsoll reproduce fgd-atc23 --data openb --orders orders --expected published.csv --seeds 42..45\n  \
plimsoll reproduce fgd-atc23 --data openb --only FGD,BestFit --seeds 0..20")]
pub(super) struct Args {
    /// The paper
    #[arg(value_name = "NAME", value_parser = names())]
    name: String,
    /// Read hosts and jobs from folder DIR, which holds openb_node_list_gpu_node.csv and openb_pod_list_default.csv (plain or .gz)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Take arrivals and ties of seed NN from DIR/default_seedNN.txt instead of drawing them
    #[arg(long, value_name = "DIR")]
    orders: Option<PathBuf>,
    /// Compare with the curves in FILE, a table as curves.csv, instead of the built-in published means
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Run under each seed from A to B - 1
    #[arg(long, value_name = "A..B", default_value = "42..52")]
    seeds: String,
    /// Run only these policies, joined by commas (by default all of the scenario)
    #[arg(long, value_name = "POLICY", value_delimiter = ',')]
    only: Vec<String>,
    /// Run on NUM threads; 0 is one a core. The results are the same on any number
    #[arg(short = 'j', long = "threads", value_name = "NUM", default_value_t = 0)]
    threads: usize,
    /// Write page, chart and tables to directory DIR; by default plimsoll-reproduce-NAME
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into DIR even if it holds other files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    budgets: BudgetArgs,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(PAPERS.iter().map(|paper| PossibleValue::new(paper.name).help(paper.summary)))
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let paper = PAPERS.iter().find(|paper| paper.name == args.name).expect("clap takes only names of the table");
    let dir = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("plimsoll-reproduce-{}", paper.name)));
    if dir.as_os_str() == "-" {
        return Err(Error::usage("-o is always a directory"));
    }
    report::check_dir(&dir, args.force)?;
    let seeds: Vec<u64> = seed_range(&args.seeds)?.collect();
    let asked = Asked::new(args, paper)?;
    if let Some(orders) = &args.orders {
        if paper.published.is_empty() {
            let what = format!("nothing is published of {}, so there are no orders of it; leave them out", paper.name);
            return Err(Error::usage(what).in_field("--orders"));
        }
        orders_are_there(orders, &seeds)?;
    }
    // The first seed's scenario names the policies, and finds what is wrong with the data before any run.
    let first = asked.scenario(seeds[0])?;
    let all: Vec<String> = first.runs.iter().map(|options| options.name.clone()).collect();
    let mut notes: Vec<String> = other_data(paper, &first).into_iter().collect();
    drop(first);
    let policies = chosen(&all, &args.only)?;
    let expected = args.expected.as_deref().map(|path| read_expected(path, paper, &all)).transpose()?;
    if args.orders.is_none() && seeds.len() < FEW && !paper.published.is_empty() {
        let means = match seeds.len() {
            1 => "the mean of one seed".to_owned(),
            few => format!("means of {few} seeds"),
        };
        notes.push(format!(
            "{means}: by chance alone some are farther from a published mean than two standard deviations"
        ));
    }
    if let (Some(expected), Some(path)) = (&expected, &args.expected) {
        notes.extend(against_file(args, expected, path, &policies, &seeds, paper)?);
    }
    let Replayed { curves, stopped } = runs(args, paper, &asked, &seeds, &policies)?;
    if stopped.is_some() {
        let whole = seeds.len() * policies.len();
        let of = |policy: &String| curves.iter().filter(|curve| curve.policy == *policy).count();
        let each: Vec<String> = policies.iter().map(|policy| format!("{policy} {}", of(policy))).collect();
        notes.push(format!(
            "interrupted: {} of {whole} runs had finished; the others are not here, so that means are over different seeds ({})",
            curves.len(),
            each.join(", ")
        ));
    }
    let seeds = seeds.into_iter().filter(|seed| curves.iter().any(|curve| curve.seed == *seed)).collect();
    let (orders, command) = (args.orders.is_some(), command(args));
    let study = Study { paper, policies, seeds, curves, orders, expected: expected.as_ref(), notes, command };
    let findings = compare::compare(&study);
    let html =
        page::page(&study, &findings).map_err(|why| Error::failed(format!("the page cannot be written: {why}")))?;
    let chart = page::chart(&study);
    let pieces = [
        Piece { file: "curves.csv", write: &|out: &mut dyn Write| tables::curves(&study, out) },
        Piece { file: "comparison.csv", write: &|out: &mut dyn Write| tables::comparison(&study, &findings, out) },
        Piece { file: "curves.svg", write: &|out: &mut dyn Write| out.write_all(chart.as_bytes()) },
        Piece { file: "reproduce.html", write: &|out: &mut dyn Write| out.write_all(html.as_bytes()) },
    ];
    let options = DirOptions { force: args.force, max_bytes: args.budgets.max_output_bytes, ..DirOptions::default() };
    report::write_files(&pieces, &[], &dir, &options)?;
    for note in &study.notes {
        warn(note);
    }
    let width = style().width.min(100);
    let mut text = table::render(&study, &findings);
    text.push('\n');
    report::table::wrap(&mut text, "", compare::basis(&study), width);
    for sentence in compare::summary(&findings).into_iter().chain(compare::answer(&study)) {
        report::table::wrap(&mut text, "", &sentence, width);
    }
    let shown = visible(&dir.to_string_lossy());
    text.push_str(&format!("The page is {shown}/reproduce.html, with its chart and tables beside it.\n"));
    stdout::print(&text)?;
    match (stopped, compare::complaint(&study, &findings)) {
        (Some(why), _) => Err(why),
        (None, Some(what)) => Err(Error::failed(what)),
        (None, None) => Ok(()),
    }
}

/// All runs, with a progress bar.
fn runs(args: &Args, paper: &Paper, asked: &Asked<'_>, seeds: &[u64], policies: &[String]) -> Result<Replayed> {
    let progress = Progress::new(seeds.len() * policies.len());
    let scenario = |seed: u64| {
        if stopping() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        asked.scenario(seed)
    };
    let done = on_threads(args.threads.min(seeds.len() * policies.len()), || {
        replay::replay(seeds, policies, (paper.of, args.budgets.max_events), &scenario, &|i, at, end| {
            progress.tick(i, at, end);
            !stopping()
        })
    });
    progress.done();
    done
}

/// The paper's scenario on the data of a folder.
struct Asked<'a> {
    args: &'a Args,
    paper: &'a Paper,
    file: ScenarioFile,
}

impl<'a> Asked<'a> {
    /// Errors: the folder lacks a list.
    fn new(args: &'a Args, paper: &'a Paper) -> Result<Self> {
        let mut file = scenario::read_text(paper.scenario.as_bytes(), &args.budgets.budgets())
            .map_err(|why| why.in_file(paper.file))?;
        let lists = LISTS.map(|list| in_folder(&args.data, list, paper));
        let [hosts, jobs] = lists;
        let trace = file.workload.value.trace.as_mut().expect("a paper replays a trace");
        trace.value.path = format!("{},{}", hosts?, jobs?).into();
        Ok(Asked { args, paper, file })
    }

    /// The scenario under `seed`, checked.
    fn scenario(&self, seed: u64) -> Result<Scenario> {
        let mut file = self.file.clone();
        file.seed = Some(seed);
        if let Some(orders) = &self.args.orders {
            let inflation = file.workload.value.inflation.as_mut().expect("a paper inflates its trace");
            inflation.value.order = Some(order_of(orders, seed).to_string_lossy().into_owned().into());
        }
        scenario::resolve(&file, Path::new(""), &self.args.budgets.budgets())
            .map_err(|why| why.in_file(self.paper.file))
    }
}

/// Fewer seeds than are published: means of them scatter more.
const FEW: usize = 10;

/// What is to be said where the data are not those of the paper.
fn other_data(paper: &Paper, scenario: &Scenario) -> Option<String> {
    let (hosts, jobs) = (scenario.setup.cluster.len(), scenario.setup.workload.shapes().iter().map(|s| s.jobs).sum());
    (paper.size != (hosts, jobs)).then(|| {
        let (of_paper, in_list) = paper.size;
        format!("these are not the paper's data: {hosts} hosts and a list of {jobs} jobs, where it has {of_paper} and {in_list}")
    })
}

/// The path of `list` in `folder`, plain or gzip.
fn in_folder(folder: &Path, list: &str, paper: &Paper) -> Result<String> {
    if folder.to_string_lossy().contains(',') {
        let what = "a comma parts the two lists of a trace; a folder without one in its name will do";
        return Err(Error::usage(format!("\"{}\": {what}", folder.display())).in_field("--data"));
    }
    let spellings = [folder.join(list), folder.join(format!("{list}.gz"))];
    match spellings.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.to_string_lossy().into_owned()),
        None => {
            let here = match (folder.is_dir(), folder.exists()) {
                (true, _) => "the folder has no file",
                (false, true) => "is no folder, which should hold",
                (false, false) => "there is no such folder, which should hold",
            };
            let what = format!("{here} {list} (or {list}.gz); it is to be had at {}", paper.data);
            Err(Error::input(what).in_file(folder))
        }
    }
}

/// The order of arrivals and ties of `seed`.
fn order_of(orders: &Path, seed: u64) -> PathBuf {
    orders.join(format!("default_seed{seed}.txt"))
}

fn orders_are_there(orders: &Path, seeds: &[u64]) -> Result<()> {
    if orders.exists() && !orders.is_dir() {
        return Err(Error::input("is no folder; one with a default_seedNN.txt for each seed will do").in_file(orders));
    }
    match seeds.iter().map(|seed| order_of(orders, *seed)).find(|path| !path.is_file()) {
        None => Ok(()),
        Some(missing) => {
            let here = if missing.exists() { "is no plain file" } else { "there is no such file" };
            let what = format!("{here} of arrivals and ties; --seeds A..B names those that there are");
            Err(Error::input(what).in_file(missing))
        }
    }
}

/// `all`, or those of `only`, in the order of `all`.
fn chosen(all: &[String], only: &[String]) -> Result<Vec<String>> {
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let only: Vec<&str> = only.iter().map(|name| name.trim()).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        return Err(Error::usage(unknown_name("policy", unknown, &names)).in_field("--only"));
    }
    Ok(all.iter().filter(|name| only.is_empty() || only.contains(&name.as_str())).cloned().collect())
}

fn read_expected(path: &Path, paper: &Paper, policies: &[String]) -> Result<Expected> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(EXPECTED_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|why| Error::input(format!("cannot be read ({why})")).in_file(path))?;
    if bytes.len() as u64 > EXPECTED_MAX {
        let what = format!("is longer than {EXPECTED_MAX} bytes; a table of curves as curves.csv will do");
        return Err(Error::input(what).in_file(path));
    }
    Expected::parse(&bytes, paper.of, policies).map_err(|why| why.in_file(path))
}

/// What is to be said of a file of published curves before it is compared with.
///
/// Errors: there is nothing in it that can be compared.
fn against_file(
    args: &Args,
    expected: &Expected,
    path: &Path,
    policies: &[String],
    seeds: &[u64],
    paper: &Paper,
) -> Result<Option<String>> {
    if args.orders.is_none() {
        if !compare::has_spread(expected, policies, paper.of) {
            let what = format!(
                "no policy has two seeds in any of the columns {}, so nothing says how far a mean may be off; --orders \
                 compares curve by curve",
                crate::paper::published::COLUMNS.map(|column| column.to_string()).join(", ")
            );
            return Err(Error::input(what).in_file(path));
        }
        return Ok(None);
    }
    let (all, wanted) = expected.counts(policies, seeds);
    if wanted == 0 {
        let (from, to) = (seeds[0], seeds[seeds.len() - 1]);
        let what = format!("has no value of {} under the seeds {from} to {to}", policies.join(", "));
        return Err(Error::input(format!("{what}; --seeds and --only choose what is run")).in_file(path));
    }
    let rest = all - wanted;
    Ok((rest > 0).then(|| format!("{rest} of {all} published curves are of policies or seeds that were not run")))
}

/// The command that repeats it.
fn command(args: &Args) -> String {
    let mut words = vec!["plimsoll".to_owned(), "reproduce".to_owned(), args.name.clone()];
    let mut say = |flag: &str, value: &str| words.extend([flag.to_owned(), quoted(value)]);
    say("--data", &args.data.to_string_lossy());
    for (flag, value) in [("--orders", &args.orders), ("--expected", &args.expected)] {
        if let Some(value) = value {
            say(flag, &value.to_string_lossy());
        }
    }
    say("--seeds", &args.seeds);
    if !args.only.is_empty() {
        say("--only", &args.only.join(","));
    }
    words.join(" ")
}
