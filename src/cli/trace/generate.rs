//! `plimsoll trace generate`: a trace by dice.

use clap::{Args as ClapArgs, ValueEnum};

use super::{OutArgs, Read, ReadArgs, count, length};
use crate::cluster::HostSpec;
use crate::cluster::synthetic::{FailureLaw, google_2011, hosts, outages, shapes};
use crate::error::{Error, Result};
use crate::report::figures::{duration, number, percent};
use crate::report::trace::fit;
use crate::rng::Seed;
use crate::trace::{TableShape, TraceArg, TraceOutage, open_fixed_table};
use crate::units::{MilliCpu, SECOND_US, SimDuration, SimTime};
use crate::workload::generator::{GeneratorParams, LikeParams, MixLimits, Sizes, goodness, like, mix};
use crate::workload::stats::stats;
use crate::workload::{UsageMode, Workload};

/// Most durations of `--durations`.
const DURATIONS_MAX: usize = 50_000_000;

/// Hosts where nothing is said of them (*assumed*).
const HOSTS: u64 = 100;
/// Steps of usage a job of the default mix: a week of five minutes (*assumed*).
const USAGE_STEPS: u32 = 2_000;

/// Arguments of `trace generate`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll trace generate --jobs 10000 --hosts 200 --seed 7 -o mix.csv.gz\n  \
plimsoll trace generate --for 7d --rate 0.5 --durations philly_runtime.csv.gz -o week.csv\n  \
plimsoll trace generate --like openb:DIR --jobs 20000 -o like-openb.csv\n\
The default mix: a daily curve (peak at 14 h), bursts of five times the rate, 75 % of groups one task and the others with \
a Pareto tail, log-normal durations and CPU, three priorities, 2 % services, usage in steps of five minutes, machines of \
Google's trace of 2011, failures of machines and racks of 40. docs/traces.md says it in full.")]
pub(super) struct Args {
    /// Make NUM jobs; by default 1,000, with --like as many as there
    #[arg(long, value_name = "NUM", conflicts_with = "span")]
    jobs: Option<u64>,
    /// Make the jobs that arrive before T, however many
    #[arg(long = "for", value_name = "T")]
    span: Option<String>,
    /// Make NUM hosts; by default 100, with --like its hosts
    #[arg(long, value_name = "NUM")]
    hosts: Option<u64>,
    /// Draw from seed NUM
    #[arg(long, value_name = "NUM", default_value_t = 1)]
    seed: u64,
    /// Let R groups of tasks arrive in a second, in the mean without day and bursts; by default 0.2
    #[arg(long, value_name = "R", conflicts_with = "like")]
    rate: Option<f64>,
    /// Median duration of batch jobs (log-normal); by default 5m
    #[arg(long, value_name = "T", conflicts_with = "like")]
    duration_median: Option<String>,
    /// Sigma of the log-normal duration; by default 1.9
    #[arg(long, value_name = "X", conflicts_with = "like")]
    duration_sigma: Option<f64>,
    /// Draw durations from FILE instead: one column of seconds, with or without a header, plain or packed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["like", "duration_median", "duration_sigma"])]
    durations: Option<String>,
    /// Median CPU request (log-normal); by default 500m
    #[arg(long, value_name = "CPU", conflicts_with = "like")]
    cpu_median: Option<String>,
    /// Sigma of the log-normal CPU request; by default 1
    #[arg(long, value_name = "X", conflicts_with = "like")]
    cpu_sigma: Option<f64>,
    /// Share of groups that are services without end; by default 0.02
    #[arg(long, value_name = "X", conflicts_with = "like")]
    service_share: Option<f64>,
    /// Write at most NUM steps of drawn usage a job, the last of which holds on; 0: none, usage is then as a run's --usage says. By default 2,000, with --like 0: what the source tells of usage is there anyhow
    #[arg(long, value_name = "NUM")]
    usage_steps: Option<u32>,
    /// Let each machine fail once in T in the mean; 0s: never. By default 40d, with --like never
    #[arg(long, value_name = "T")]
    host_mtbf: Option<String>,
    /// Let each rack fail as a whole once in T in the mean; 0s: never. By default 400d, with --like never
    #[arg(long, value_name = "T")]
    rack_mtbf: Option<String>,
    /// Put NUM machines in a rack
    #[arg(long, value_name = "NUM", default_value_t = FailureLaw::RACK_SIZE, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rack_size: u64,
    /// Make jobs like those of a trace, and say how like they are
    #[arg(long, value_name = "FORMAT:PATH")]
    like: Option<String>,
    /// With --like, draw CPU, memory and duration together from its jobs, or from a joint log-normal fit
    #[arg(long, value_name = "HOW", value_enum, default_value_t = How::Empirical, requires = "like")]
    sizes: How,
    /// With --like, divide the times between arrivals by X
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "like")]
    speed: f64,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// How sizes are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    /// As they stand together in jobs of the source.
    Empirical,
    /// From a joint log-normal fit.
    LogNormal,
}

/// What was made, with what is to be said of it.
struct Made {
    workload: Workload,
    hosts: Vec<HostSpec>,
    /// Outages that came with the hosts.
    outages: Vec<TraceOutage>,
    said: String,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    args.out.check()?;
    let seed = Seed(args.seed);
    let until = length("--for", &args.span)?.map(|span| SimTime::ZERO + span.0);
    if until == Some(SimTime::ZERO) {
        return Err(Error::usage("0s hold no job; a longer time will do").in_field("--for"));
    }
    if args.jobs == Some(0) {
        return Err(Error::usage("0 will not do; 1 or more will").in_field("--jobs"));
    }
    let budgets = args.read.budgets.budgets();
    if let Some(wanted) = args.hosts.filter(|hosts| *hosts > budgets.hosts) {
        return Err(Error::budget("hosts", wanted, budgets.hosts, "--max-hosts"));
    }
    if let Some(wanted) = args.jobs.filter(|jobs| *jobs > budgets.jobs) {
        return Err(Error::budget("jobs", wanted, budgets.jobs, "--max-jobs"));
    }
    let (machine, rack) = laws(args)?;
    let made = match &args.like {
        Some(trace) => like_trace(args, trace, until, seed)?,
        None => default_mix(args, until, seed)?,
    };
    let Made { workload, hosts, outages: mut down, mut said } = made;
    let steps = args.usage_steps.unwrap_or(if args.like.is_some() { 0 } else { USAGE_STEPS });
    let figures = stats(&workload, 0);
    let end = SimTime((figures.last_end_s.max(figures.last_arrival_s) * SECOND_US as f64) as u64);
    let workload = workload.with_usage_steps(end, steps, budgets.usage_steps)?;
    let drawn =
        outages(hosts.len() as u64, (machine.as_ref(), rack.as_ref()), args.rack_size, end, seed, budgets.failures)?;
    let named = |host: usize| hosts[host].name.clone();
    down.extend(drawn.into_iter().map(|outage| TraceOutage::down(named(outage.host), outage.at, outage.lasts)));
    down.sort();
    let cores: f64 = hosts.iter().map(|host| host.cpu.as_cores_f64()).sum();
    said.push_str(&format!(
        "generated under seed {}: {} of {}, arriving in {}; {}, {}\n",
        args.seed,
        count(figures.jobs, "job"),
        count(figures.apps, "app"),
        duration(figures.last_arrival_s),
        count(hosts.len() as u64, "host"),
        count(down.len() as u64, "outage")
    ));
    if cores > 0.0 {
        said.push_str(&format!(
            "offered load: {} cores at the peak, {} of the hosts' {}; {} in the mean until the last end\n",
            number(figures.at_once.cpu_cores.peak),
            percent(figures.at_once.cpu_cores.peak / cores),
            number(cores),
            percent(figures.at_once.cpu_cores.mean / cores)
        ));
    }
    args.out.write(&args.read.budgets, &workload, &hosts, &down, &said)
}

/// How machines and racks fail; `None`: never.
fn laws(args: &Args) -> Result<(Option<FailureLaw>, Option<FailureLaw>)> {
    let law = |flag: &str, text: &Option<String>, default: SimDuration| -> Result<Option<FailureLaw>> {
        let default = if args.like.is_some() { SimDuration::ZERO } else { default };
        // A mean below a second would be nothing but noise, and hardly an end to it.
        match length(flag, text)?.map_or(default, |mean| mean.0) {
            SimDuration::ZERO => Ok(None),
            mean if mean.0 < SECOND_US => {
                Err(Error::usage(format!("{mean} is too short; 0s (never), or 1s and more will do")).in_field(flag))
            }
            mean => Ok(Some(FailureLaw { up_mean: mean, ..FailureLaw::MACHINE })),
        }
    };
    let machine = FailureLaw::MACHINE.up_mean;
    let rack = SimDuration(machine.0 * FailureLaw::RACK_FACTOR);
    Ok((law("--host-mtbf", &args.host_mtbf, machine)?, law("--rack-mtbf", &args.rack_mtbf, rack)?))
}

/// The default mix, with hosts.
fn default_mix(args: &Args, until: Option<SimTime>, seed: Seed) -> Result<Made> {
    let default = GeneratorParams::default();
    let median = length("--duration-median", &args.duration_median)?;
    let cpu_median = match &args.cpu_median {
        Some(text) => {
            MilliCpu::parse(text).map_err(|why| Error::usage(why.message()).in_field("--cpu-median"))?.as_cores_f64()
        }
        None => default.cpu_median_cores,
    };
    let params = GeneratorParams {
        jobs: args.jobs.unwrap_or(default.jobs),
        rate_per_second: args.rate.unwrap_or(default.rate_per_second),
        duration_median_s: median.map_or(default.duration_median_s, |median| median.0.as_secs_f64()),
        duration_sigma: args.duration_sigma.unwrap_or(default.duration_sigma),
        cpu_median_cores: cpu_median,
        cpu_sigma: args.cpu_sigma.unwrap_or(default.cpu_sigma),
        service_share: args.service_share.unwrap_or(default.service_share),
        ..default
    };
    params.check().map_err(|why| {
        // What a scenario calls by its key, the command line calls by its flag.
        let flags = [
            ("rate_per_second", "--rate"),
            ("duration_median_s", "--duration-median (in seconds)"),
            ("duration_sigma", "--duration-sigma"),
            ("cpu_median_cores", "--cpu-median (in cores)"),
            ("cpu_sigma", "--cpu-sigma"),
            ("service_share", "--service-share"),
            ("jobs", "--jobs"),
        ];
        let said = why.to_string();
        let named = flags.iter().find_map(|(key, flag)| Some(format!("{flag}{}", said.strip_prefix(key)?)));
        Error::usage(named.unwrap_or(said))
    })?;
    let budgets = args.read.budgets.budgets();
    let durations = match &args.durations {
        Some(path) => read_durations(path, &budgets.trace)?,
        None => Vec::new(),
    };
    let limits = MixLimits { until, durations: &durations, most_jobs: budgets.jobs };
    let workload = mix(&params, &limits, seed)?.finish(UsageMode::default(), seed)?;
    let mut said = String::new();
    if let Some(path) = &args.durations {
        said.push_str(&format!("durations: {} of {path}\n", count(durations.len() as u64, "value")));
    }
    let hosts = hosts(args.hosts.unwrap_or(HOSTS), &google_2011(), args.rack_size, seed);
    Ok(Made { workload, hosts, outages: Vec::new(), said })
}

/// A trace like `trace`, with its hosts or as many of their shapes as asked for.
fn like_trace(args: &Args, trace: &str, until: Option<SimTime>, seed: Seed) -> Result<Made> {
    let Read { workload: source, hosts: theirs, outages: their_outages, report, .. } =
        args.read.read(&TraceArg::parse(trace)?)?;
    let params = LikeParams {
        jobs: args.jobs.unwrap_or(source.len() as u64),
        until,
        most_jobs: args.read.budgets.budgets().jobs,
        rate: args.speed,
        sizes: if args.sizes == How::LogNormal { Sizes::LogNormal } else { Sizes::Empirical },
    };
    // The rate of the library is the speed of the command line.
    let speed = |why: Error| if why.exit_code() == 2 { Error::usage(why.message()).in_field("--speed") } else { why };
    let (builder, fitted) = like(&source, &params, seed).map_err(speed)?;
    let workload = builder.finish(UsageMode::default(), seed)?;
    let said = format!("{report}{}\n", fit::text(&fitted, &goodness(&source, &workload)));
    let (hosts, outages) = match (args.hosts, theirs.is_empty()) {
        (None, false) => (theirs, their_outages),
        (Some(count), false) => (hosts(count, &shapes(&theirs), args.rack_size, seed), Vec::new()),
        (count, true) => (hosts(count.unwrap_or(HOSTS), &google_2011(), args.rack_size, seed), Vec::new()),
    };
    Ok(Made { workload, hosts, outages, said })
}

/// Reads one column of seconds.
fn read_durations(path: &str, budgets: &crate::trace::Budgets) -> Result<Vec<SimDuration>> {
    const SHAPE: TableShape = TableShape::of(&["seconds"]);
    let mut table = open_fixed_table(path, &SHAPE, budgets)?;
    let column = table.fixed_column(&SHAPE, 0);
    let mut durations = Vec::new();
    while let Some(row) = table.next_row()? {
        if durations.len() >= DURATIONS_MAX {
            return Err(row.place(Error::input(format!("more than {DURATIONS_MAX} durations; a part of them will do"))));
        }
        match row.decimal_time_us(column, "seconds", SECOND_US)? {
            Some(us) => durations.push(SimDuration(us)),
            None => return Err(row.refuse(column, "blank; a number of seconds is needed")),
        }
    }
    if durations.is_empty() {
        return Err(Error::input("no durations: one column of seconds is needed").in_file(path));
    }
    Ok(durations)
}
