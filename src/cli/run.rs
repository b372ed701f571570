//! `plimsoll run`: replays a scenario or a trace against orchestrators.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use super::budgets::BudgetArgs;
use super::progress::Progress;
use super::{on_threads, stdout, stopping, style, warn};
use crate::error::{Error, ErrorKind, Result, did_you_mean, unknown_name, visible};
use crate::experiment::{
    BandRow, Experiment, JobSize, RunFlags, RunResult, band_len, digest_of, run_all, run_band, run_seeds,
};
use crate::ids::JobId;
use crate::kube::tie_break::TieBreak;
use crate::orchestrator::Options;
use crate::report::{self, DirOptions, ExportInfo};
use crate::rng::Seed;
use crate::scenario::{
    self, At, BandSection, BandWorld, HostsArg, Length, Load, OrchestratorEntry, OrchestratorSection, Scenario,
    ScenarioFile, Switch, TraceSection, Usage, usage_mode_parse,
};
use crate::trace::{FORMATS, TraceArg};
use crate::units::SimTime;
use crate::workload::Workload;

/// Most seeds of one study.
const MOST_SEEDS: u64 = 10_000;

/// What is run when a trace is given and nothing is said.
const DEFAULT_ORCHESTRATORS: [&str; 3] = ["chef", "fleet", "kubernetes"];

/// Arguments of `run`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll run scenarios/deis-runaway.yaml -o out\n  \
plimsoll run --trace openb:DIR --load 0.7 -o out\n  \
kubectl get nodes,pods,deployments -A -o json | plimsoll run --trace k8s:- --orchestrator kubernetes\n  \
kubectl get nodes -o json | plimsoll run --cluster k8s:- --trace native:jobs.csv\n  \
plimsoll run --trace native:jobs.csv --hosts 100:64,256Gi --orchestrator first-fit --orchestrator best-fit")]
pub(super) struct Args {
    /// Run the scenario in FILE; `-` is standard input
    #[arg(value_name = "SCENARIO", required_unless_present = "trace", conflicts_with = "trace")]
    scenario: Option<PathBuf>,
    /// Replay a trace, named as FORMAT:PATH (see `plimsoll list formats`), or as PATH where its look tells the format
    #[arg(long, value_name = "[FORMAT:]PATH")]
    trace: Option<String>,
    /// Take the hosts from a native hosts file, or of a trace as FORMAT:PATH
    #[arg(long, value_name = "FILE|FORMAT:PATH", conflicts_with = "hosts")]
    cluster: Option<String>,
    /// Make groups of equal hosts, COUNT:CPU,MEMORY each, joined by +
    #[arg(long, value_name = "10:16,64Gi")]
    hosts: Option<String>,
    /// Run orchestrator NAME instead of the scenario's (again for more); a placement's name is short for `direct` with it
    #[arg(long = "orchestrator", value_name = "NAME")]
    orchestrators: Vec<String>,
    /// Let every orchestrator place by NAME
    #[arg(long, value_name = "NAME")]
    placement: Option<String>,
    /// Scale the trace's arrivals so that the peak of offered requests is X of the cluster, on RESOURCE (cpu, memory, gpu) or on the fullest one
    #[arg(long, value_name = "[RESOURCE=]X", conflicts_with = "speed")]
    load: Option<String>,
    /// Divide the times between the trace's arrivals by X
    #[arg(long, value_name = "X")]
    speed: Option<f64>,
    /// What jobs without a usage of their own use: `model:NAME`, `request`, `cpu=0.3,memory=0.8` of their requests, or series of FORMAT:PATH laid over the trace's jobs
    #[arg(long, value_name = "USAGE")]
    usage: Option<String>,
    /// Of each sample of the trace's usage count CPU's mean and memory's maximum (mixed, the default), the means or the maxima
    #[arg(long, value_name = "mixed|mean|max")]
    usage_stat: Option<String>,
    /// Multiply usage that ran into a limit or a busy host by K (none by default): a bound on what was wanted
    #[arg(long, value_name = "none|xK")]
    uncensor: Option<String>,
    /// Set an option of the trace's format (again for more; see `plimsoll list format-options`)
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Set an option of the format that --cluster names (again for more)
    #[arg(long = "cluster-option", value_name = "KEY=VALUE", requires = "cluster")]
    cluster_options: Vec<String>,
    /// Begin T into the trace; jobs that run then go on from there
    #[arg(long, value_name = "T")]
    from: Option<String>,
    /// Leave out what arrives T into the trace or later
    #[arg(long, value_name = "T")]
    to: Option<String>,
    /// End the run after T; by default when the last job would end if each ran from its arrival uncontended
    #[arg(long, value_name = "T")]
    horizon: Option<String>,
    /// Draw everything that is drawn from seed NUM
    #[arg(long, value_name = "NUM")]
    seed: Option<u64>,
    /// Run under each seed from A to B - 1, and show means and differences with intervals; charts are those of seed A
    #[arg(long, value_name = "A..B", conflicts_with = "seed")]
    seeds: Option<String>,
    /// Run on NUM threads; 0 is one a core. The results are the same on any number
    #[arg(short = 'j', long = "threads", value_name = "NUM", default_value_t = 0)]
    threads: usize,
    /// Run everything under both bounds of how a host comes down, too, at the scales of the scenario's band (else its own), and show the band
    #[arg(long)]
    band: bool,
    /// Take every decision by looking at every host, without indexes: slow, and the same digest
    #[arg(long)]
    plain: bool,
    /// Recompute every sum beside the run, and fail on any difference
    #[arg(long)]
    check: bool,
    /// Write report, charts and tables to directory DIR
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write into DIR even if it holds other files
    #[arg(long, requires = "output")]
    force: bool,
    /// Write each table into DIR as Parquet, too (needs a build with the feature parquet)
    #[arg(long, requires = "output")]
    parquet: bool,
    /// Write into DIR the form of another tool, too (again for more): openmetrics or perfetto (see `plimsoll list exports`)
    #[arg(long = "export", value_name = "NAME", requires = "output")]
    exports: Vec<String>,
    /// Print results as a table, as JSON (what summary.json holds) or as CSV (runs.csv)
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Table)]
    format: Form,
    /// Explain every decision about job NAME below the table: each host with what rejected it or its score (`kubernetes` with a `kube-…` placement)
    #[arg(long, value_name = "NAME")]
    explain: Option<String>,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// The form in which results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Form {
    /// A table to read.
    Table,
    /// What `summary.json` holds.
    Json,
    /// What `runs.csv` holds.
    Csv,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let output = output_dir(args)?;
    let exports = args.exports.iter().map(|name| exported(name)).collect::<Result<Vec<_>>>()?;
    let seeds = args.seeds.as_deref().map(seed_range).transpose()?;
    let asked = asked(args, seeds.as_ref().map(|seeds| seeds.start))?;
    let scenario = asked.scenario()?;
    for note in &scenario.notes {
        if note.contains("more than any host has") {
            warn(note);
        }
    }
    let command = asked.command.clone();
    let explain = args.explain.as_deref().map(|name| explained_job(args, &scenario, name)).transpose()?;
    let flags = RunFlags {
        check: args.check,
        record: output.is_some(),
        most_changes: args.budgets.max_changes,
        most_events: args.budgets.max_events,
        every_tick: false,
        plain: args.plain,
        explain,
    };
    let job = Job { threads: args.threads, flags, command };
    let mut outcome = job.run(scenario)?;
    if let (Some(seeds), None) = (seeds, &outcome.stopped) {
        outcome.study(args.threads, &seeds.collect::<Vec<_>>(), flags, &|seed| asked.with_seed(seed).scenario())?;
    }
    if let Some(dir) = &output {
        let (max_bytes, parquet) = (args.budgets.max_output_bytes, args.parquet);
        let options = DirOptions { force: args.force, max_bytes, parquet, exports: &exports, ..DirOptions::default() };
        report::write_dir(&outcome.experiment, dir, &options)?;
    }
    print(&outcome.experiment, args.format)?;
    if let Some(name) = &args.explain {
        stdout::print(&visible(&explanations(&outcome.experiment, name)))?;
    }
    outcome.verdict()
}

/// The export of that name.
fn exported(name: &str) -> Result<&'static ExportInfo> {
    report::export(name).ok_or_else(|| {
        let names: Vec<&str> = report::EXPORTS.iter().map(|export| export.name).collect();
        Error::usage(unknown_name("export", name, &names)).in_field("--export")
    })
}

/// Reads `A..B`.
pub(super) fn seed_range(text: &str) -> Result<std::ops::Range<u64>> {
    let bad = |what: String| Err(Error::usage(what).in_field("--seeds"));
    let bounds = text.split_once("..").and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
    match bounds {
        None => bad(format!("\"{text}\" is not a range of seeds (try 0..20, which is 0 to 19)")),
        Some((a, b)) if a >= b => bad(format!("{text} holds no seed; B is past the last one (try 0..20)")),
        Some((a, b)) if b - a > MOST_SEEDS => bad(format!("{} seeds; at most {MOST_SEEDS} will do", b - a)),
        Some((a, b)) => Ok(a..b),
    }
}

/// The job of `--explain`.
fn explained_job(args: &Args, scenario: &Scenario, name: &str) -> Result<JobId> {
    if args.format != Form::Table {
        return Err(Error::usage("--explain prints text below the table; leave --format out"));
    }
    scenario.setup.workload.find(name).ok_or_else(|| {
        let names = || scenario.setup.workload.ids().map(|job| scenario.setup.workload.name(job));
        let hint = match did_you_mean(name, names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("the first one is called \"{}\"", names().next().unwrap_or_default()),
        };
        Error::input(format!("--explain: there is no job \"{name}\"; {hint}"))
    })
}

/// The explained decisions of every run; runs that cannot explain theirs say so.
fn explanations(experiment: &Experiment, name: &str) -> String {
    let mut text = format!("\nDecisions about {name}\n");
    for run in &experiment.runs {
        let told = &run.explained;
        text.push('\n');
        if told.is_empty() {
            text.push_str(&format!("{}: none that can be explained\n", run.label.name));
        } else {
            let rule = match run.label.tie_break.as_str() {
                "heap" => TieBreak::Heap,
                "random" => TieBreak::Random(Seed(run.label.seed)),
                _ => TieBreak::First,
            };
            text.push_str(&report::kube::explain::replayed(&run.label.name, told, &experiment.host_names, rule));
        }
    }
    text
}

/// `-o`, looked at before any long work.
fn output_dir(args: &Args) -> Result<Option<PathBuf>> {
    if args.parquet && !cfg!(feature = "parquet") {
        let what = "this build writes no Parquet; build with: cargo build --release --features parquet";
        return Err(Error::usage(what).in_field("--parquet"));
    }
    match &args.output {
        Some(dir) if dir.as_os_str() == "-" => {
            Err(Error::usage("-o is always a directory; --format json prints to standard output"))
        }
        Some(dir) => {
            report::check_dir(dir, args.force)?;
            Ok(Some(dir.clone()))
        }
        None => Ok(None),
    }
}

/// Writes results to `dir`.
pub(super) fn write(experiment: &Experiment, dir: &Path, force: bool, max_bytes: u64) -> Result<()> {
    report::write_dir(experiment, dir, &DirOptions { force, max_bytes, ..DirOptions::default() })
}

/// Prints results to stdout.
pub(super) fn print(experiment: &Experiment, form: Form) -> Result<()> {
    let file = match form {
        Form::Table => return stdout::print(&report::table::render(experiment, &style())),
        Form::Json => "summary.json",
        Form::Csv => "runs.csv",
    };
    let output = report::OUTPUTS.iter().find(|output| output.file == file).expect("an output of the table");
    stdout::write_with(|out| output.write(experiment, out))
}

/// How runs are made.
pub(super) struct Job {
    /// Threads; 0: one a core.
    pub threads: usize,
    /// Flags of every run.
    pub flags: RunFlags,
    /// The command that repeats it.
    pub command: String,
}

/// What came of a scenario.
pub(super) struct Outcome {
    /// The finished runs.
    pub experiment: Experiment,
    /// Why the others did not finish.
    stopped: Option<Error>,
}

impl Outcome {
    /// Runs everything again under `seeds`, as `scenario` makes it of each.
    pub(super) fn study(
        &mut self,
        threads: usize,
        seeds: &[u64],
        flags: RunFlags,
        scenario: &(dyn Fn(u64) -> Result<Scenario> + Sync),
    ) -> Result<()> {
        let progress = Progress::new(2 * seeds.len() * self.experiment.runs.len());
        let done = on_threads(threads, || {
            run_seeds(seeds, scenario, flags, &|i, at, end| {
                progress.tick(i, at, end);
                !stopping()
            })
        });
        progress.done();
        let (study, stopped) = match done {
            Err(why) if why.kind() == ErrorKind::Interrupted => {
                self.experiment.notes.push("interrupted: no seed of the study had finished".into());
                self.stopped = Some(why);
                return Ok(());
            }
            done => done?,
        };
        if stopped.is_some() {
            let what = format!(
                "interrupted: {} of {} seeds had finished; the others are not here",
                study.seeds.len(),
                seeds.len()
            );
            self.experiment.notes.push(what);
        }
        self.experiment.seeds = Some(study);
        self.stopped = stopped;
        Ok(())
    }

    /// Whether every run finished.
    pub(super) fn is_whole(&self) -> bool {
        self.stopped.is_none()
    }

    /// The runs, if all of them finished.
    pub(super) fn into_experiment(self) -> Result<Experiment> {
        match self.stopped {
            None => Ok(self.experiment),
            Some(why) => Err(why),
        }
    }

    /// Ok if every run finished.
    pub(super) fn verdict(self) -> Result<()> {
        self.stopped.map_or(Ok(()), Err)
    }
}

impl Job {
    /// Runs all of `scenario`. Interrupted, the runs that had finished are kept; without any, that is an error.
    pub(super) fn run(self, scenario: Scenario) -> Result<Outcome> {
        let Scenario { name, question, setup, runs, mut notes, resolved_yaml, offered, band } = scenario;
        let end = setup.end;
        let progress = Progress::new(runs.len());
        // More threads than runs would have nothing to do.
        let results = on_threads(self.threads.min(runs.len()), || {
            Ok(run_all(&setup, &runs, self.flags, &|i, at| {
                progress.tick(i, at, end);
                !stopping()
            }))
        });
        progress.done();
        let results = results?;
        let asked = results.len();
        let mut finished: Vec<RunResult> = Vec::with_capacity(asked);
        let mut stopped: Option<Error> = None;
        for result in results {
            match result {
                Ok(run) => finished.push(run),
                // A failure says more than the interruption that followed it.
                Err(error) if stopped.as_ref().is_none_or(|s| s.kind() == ErrorKind::Interrupted) => {
                    stopped = Some(error);
                }
                Err(_) => {}
            }
        }
        if let Some(error) = &stopped {
            if error.kind() != ErrorKind::Interrupted || finished.is_empty() {
                return Err(stopped.expect("just seen"));
            }
            notes
                .push(format!("interrupted: {} of {asked} runs had finished; the others are not here", finished.len()));
        }
        let band = if stopped.is_some() || band.is_empty() { Vec::new() } else { self.band(&band, &runs, end)? };
        let experiment = Experiment {
            name,
            question,
            scenario_yaml: resolved_yaml,
            command: self.command,
            digest: digest_of(&finished),
            job_names: if self.flags.record {
                setup.workload.ids().map(|job| setup.workload.name(job).to_owned()).collect()
            } else {
                Vec::new()
            },
            job_sizes: if self.flags.record {
                setup.workload.ids().map(|job| size(&setup.workload, job)).collect()
            } else {
                Vec::new()
            },
            host_names: setup.cluster.ids().map(|host| setup.cluster.name(host).to_owned()).collect(),
            offered,
            end: setup.end,
            warm_up: setup.warm_up,
            notes,
            runs: finished,
            seeds: None,
            band,
        };
        Ok(Outcome { experiment, stopped })
    }
}

fn size(workload: &Workload, job: JobId) -> JobSize {
    JobSize { app: workload.app(job), cpu: workload.cpu_request(job), memory: workload.memory_request(job) }
}

impl Job {
    /// The runs of the band.
    fn band(&self, worlds: &[BandWorld], runs: &[Options], end: SimTime) -> Result<Vec<BandRow>> {
        let progress = Progress::new(band_len(worlds, runs));
        let rows = on_threads(self.threads.min(band_len(worlds, runs)), || {
            run_band(worlds, runs, self.flags, &|i, at| {
                progress.tick(i, at, end);
                !stopping()
            })
        });
        progress.done();
        rows
    }
}

/// What a command line asks for.
#[derive(Clone)]
struct Asked<'a> {
    args: &'a Args,
    file: ScenarioFile,
    folder: PathBuf,
    /// The command that repeats it.
    command: String,
}

impl Asked<'_> {
    /// The same under another seed.
    fn with_seed(&self, seed: u64) -> Self {
        let mut other = self.clone();
        other.file.seed = Some(seed);
        other
    }

    /// The scenario, checked.
    fn scenario(&self) -> Result<Scenario> {
        scenario::resolve(&self.file, &self.folder, &self.args.budgets.budgets()).map_err(|why| {
            match &self.args.scenario {
                Some(path) if path.as_os_str() != "-" => why.in_file(path),
                _ => why,
            }
        })
    }
}

/// What `args` ask for; `first`: the first of many seeds.
fn asked(args: &Args, first: Option<u64>) -> Result<Asked<'_>> {
    let budgets = args.budgets.budgets();
    let mut command = vec!["plimsoll".to_owned(), "run".to_owned()];
    let mut say = |flag: &str, value: &str| {
        command.push(flag.to_owned());
        command.push(quoted(value));
    };
    let (mut file, folder) = match (&args.scenario, &args.trace) {
        (Some(path), _) => {
            let (file, folder) = read_scenario(path, &budgets)?;
            command.push(quoted(&path.to_string_lossy()));
            (file, folder)
        }
        (None, Some(trace)) => {
            say("--trace", trace);
            (of_trace(trace)?, PathBuf::new())
        }
        (None, None) => unreachable!("clap asks for one of both"),
    };
    let mut say = |flag: &str, value: &str| {
        command.push(flag.to_owned());
        command.push(quoted(value));
    };
    if let Some(cluster) = &args.cluster {
        say("--cluster", cluster);
        file.cluster = At::default();
        for option in &args.cluster_options {
            say("--cluster-option", option);
            let (key, value) = key_value("--cluster-option", option)?;
            file.cluster.value.options.insert(key, value);
        }
        file.cluster.value.trace = Some(from_here(cluster, &folder).into());
    }
    if let Some(hosts) = &args.hosts {
        say("--hosts", hosts);
        let groups = HostsArg::parse(hosts).map_err(|why| Error::usage(why.message()).in_field("--hosts"))?;
        file.cluster = At::default();
        file.cluster.value.hosts = groups.groups.into_iter().map(At::from).collect();
    }
    // These hosts are instead of all others.
    if (args.cluster.is_some() || args.hosts.is_some()) && !(file.documents.is_empty() && file.manifests.is_empty()) {
        file.cluster.value.nodes = Some(Switch(false));
    }
    for name in &args.orchestrators {
        say("--orchestrator", name);
    }
    if !args.orchestrators.is_empty() {
        file.orchestrators =
            args.orchestrators.iter().map(|name| OrchestratorEntry::Name(name.clone()).into()).collect();
    }
    for name in &args.orchestrators {
        scenario::options_of(name).map_err(|why| Error::usage(why.message()).in_field("--orchestrator"))?;
    }
    if let Some(placement) = &args.placement {
        say("--placement", placement);
        let names: Vec<&str> = crate::placement::PLACEMENTS.iter().map(|p| p.name).collect();
        if !names.contains(&placement.as_str()) {
            let what = crate::error::unknown_name("placement", placement, &names);
            return Err(Error::usage(what).in_field("--placement"));
        }
        for entry in &mut file.orchestrators {
            place_by(entry, placement);
        }
    }
    if args.band && file.band.is_none() {
        file.band = Some(BandSection::default().into());
    }
    if let Some(usage) = &args.usage {
        say("--usage", usage);
        let overlay = usage.split_once(':').is_some_and(|(name, _)| FORMATS.iter().any(|format| format.name == name));
        match &mut file.workload.value.trace {
            Some(trace) if overlay => {
                trace.value.overlay = Some(from_here(usage, &folder).into());
            }
            None if overlay => {
                let what = "series are laid over the jobs of a trace; give --trace, or trace in the scenario";
                return Err(Error::usage(what).in_field("--usage"));
            }
            _ => {
                let mode = usage_mode_parse(usage).map_err(|why| Error::usage(why.message()).in_field("--usage"))?;
                file.workload.value.usage = Some(Usage(mode).into());
            }
        }
    }
    let time = |flag: &str, text: &Option<String>| match text {
        Some(text) => Length::parse(text).map(Some).map_err(|why| Error::usage(why.message()).in_field(flag)),
        None => Ok(None),
    };
    if let Some(horizon) = time("--horizon", &args.horizon)? {
        say("--horizon", &horizon.0.to_string());
        file.horizon = Some(horizon.into());
    }
    if let Some(seed) = args.seed {
        say("--seed", &seed.to_string());
    }
    if let Some(seeds) = &args.seeds {
        say("--seeds", seeds);
    }
    file.seed = args.seed.or(first).or(file.seed);
    let wants_trace = args.load.is_some()
        || args.speed.is_some()
        || !args.options.is_empty()
        || args.usage_stat.is_some()
        || args.uncensor.is_some()
        || args.from.is_some()
        || args.to.is_some();
    match &mut file.workload.value.trace {
        Some(trace) => {
            let trace = &mut trace.value;
            if let Some(load) = &args.load {
                say("--load", load);
                let load = Load::parse(load).map_err(|why| Error::usage(why.message()).in_field("--load"))?;
                (trace.load, trace.speed) = (Some(load), None);
            }
            if let Some(speed) = args.speed {
                if !(speed.is_finite() && (1e-6..=1e12).contains(&speed)) {
                    let what = format!("{speed} is not a speed between 1e-6 and 1e12 (try 10)");
                    return Err(Error::usage(what).in_field("--speed"));
                }
                say("--speed", &speed.to_string());
                (trace.load, trace.speed) = (None, Some(speed));
            }
            for option in &args.options {
                say("--option", option);
                let (key, value) = key_value("--option", option)?;
                trace.options.insert(key, value);
            }
            for (flag, key, value) in
                [("--usage-stat", "usage-stat", &args.usage_stat), ("--uncensor", "uncensor", &args.uncensor)]
            {
                let Some(value) = value else { continue };
                say(flag, value);
                // Of the series that lie over the jobs, where there are such; else of the trace's own usage.
                let options = if trace.overlay.is_some() { &mut trace.overlay_options } else { &mut trace.options };
                options.insert(key.to_owned(), value.clone());
            }
            if let Some(from) = time("--from", &args.from)? {
                say("--from", &from.0.to_string());
                trace.from = Some(from);
            }
            if let Some(to) = time("--to", &args.to)? {
                say("--to", &to.0.to_string());
                trace.to = Some(to);
            }
        }
        None if wants_trace => {
            return Err(Error::usage(
                "--load, --speed, --option, --usage-stat, --uncensor, --from and --to need a trace (--trace, or trace in the scenario)",
            ));
        }
        None => {}
    }
    if args.band {
        command.push("--band".into());
    }
    Ok(Asked { args, file, folder, command: command.join(" ") })
}

/// Reads the scenario at `path`, and says which folder its files are in.
pub(super) fn read_scenario(path: &Path, budgets: &scenario::Budgets) -> Result<(ScenarioFile, PathBuf)> {
    if path.as_os_str() == "-" {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .take(budgets.yaml_bytes as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::input(format!("standard input cannot be read ({error})")))?;
        let mut file = scenario::read_text(&bytes, budgets)?;
        if file.name.is_empty() {
            file.name = "stdin".into();
        }
        return Ok((file, PathBuf::new()));
    }
    let file = scenario::read(path, budgets)?;
    Ok((file, path.parent().map(Path::to_path_buf).unwrap_or_default()))
}

/// A scenario of nothing but a trace.
fn of_trace(text: &str) -> Result<ScenarioFile> {
    let arg = TraceArg::parse(text)?;
    let path = arg.source.path.as_str();
    let mut file = ScenarioFile {
        name: arg.format.name.to_owned(),
        question: String::new(),
        orchestrators: DEFAULT_ORCHESTRATORS.iter().map(|n| OrchestratorEntry::Name((*n).into()).into()).collect(),
        ..ScenarioFile::default()
    };
    file.workload.value.trace = Some(
        TraceSection {
            format: arg.format.name.to_owned().into(),
            path: path.to_owned().into(),
            options: BTreeMap::new(),
            ..TraceSection::default()
        }
        .into(),
    );
    Ok(file)
}

/// Cuts `KEY=VALUE`.
fn key_value(flag: &str, text: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(Error::usage(format!("\"{text}\" is not KEY=VALUE")).in_field(flag)),
    }
}

/// `[FORMAT:]PATH` named on the command line, so seen from where the command was given, as the scenario in `folder` finds it.
fn from_here(text: &str, folder: &Path) -> String {
    let path = cluster_path(text);
    if folder.as_os_str().is_empty() || path == "-" {
        return text.to_owned();
    }
    match std::path::absolute(path) {
        Ok(here) => text.replace(path, &here.to_string_lossy()),
        Err(_) => text.to_owned(),
    }
}

fn cluster_path(cluster: &str) -> &str {
    cluster.split_once(':').map_or(cluster, |(_, path)| path)
}

/// Makes `entry` place by `placement`; a plain name becomes a variant of the same name.
fn place_by(entry: &mut At<OrchestratorEntry>, placement: &str) {
    let section = match &entry.value {
        OrchestratorEntry::Name(name) => OrchestratorSection { name: name.clone().into(), ..Default::default() },
        OrchestratorEntry::Variant(section) => (**section).clone(),
    };
    entry.value = OrchestratorEntry::Variant(Box::new(OrchestratorSection {
        placement: Some(placement.to_owned().into()),
        ..section
    }));
}

/// `word` as a shell takes it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,+%@".contains(&b));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
