//! `plimsoll trace sample`: fewer jobs by a seeded draw of names.

use clap::{Args as ClapArgs, ValueEnum};

use super::{OutArgs, Read, ReadArgs, count};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::trace::{OutageTarget, TraceArg};
use crate::workload::sample::{SampleBy, SampleSize, is_kept, sample};

/// Arguments of `trace sample`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll trace sample openb:DIR --share 0.1 --hosts-share 0.1 -o tenth.csv\n  \
plimsoll trace sample native:x.csv --jobs 1000 --by app --seed 7 -o x-1000.csv")]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FORMAT:PATH")]
    trace: String,
    /// Keep each job with probability X
    #[arg(long, value_name = "X", required_unless_present = "jobs", conflicts_with = "jobs")]
    share: Option<f64>,
    /// Keep NUM jobs; by app, whole apps until there are NUM jobs or more
    #[arg(long, value_name = "NUM")]
    jobs: Option<u64>,
    /// Draw jobs one by one, or all jobs of an app together
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = By::Job)]
    by: By,
    /// Keep each host with probability X; else all of them
    #[arg(long, value_name = "X")]
    hosts_share: Option<f64>,
    /// Draw from seed NUM
    #[arg(long, value_name = "NUM", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// What is drawn as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum By {
    /// Each job by its own name.
    Job,
    /// All jobs of an app by its name.
    App,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    args.out.check()?;
    if let Some(share) = args.hosts_share
        && !(share > 0.0 && share <= 1.0)
    {
        let what = format!("{share} is not a share above 0 and up to 1 (try 0.1)");
        return Err(Error::usage(what).in_field("--hosts-share"));
    }
    let seed = Seed(args.seed);
    let Read { workload, mut hosts, mut outages, report, .. } = args.read.read(&TraceArg::parse(&args.trace)?)?;
    let size = match (args.share, args.jobs) {
        (Some(share), _) => SampleSize::Share(share),
        (None, jobs) => SampleSize::Jobs(jobs.unwrap_or_default()),
    };
    let by = if args.by == By::App { SampleBy::App } else { SampleBy::Job };
    let (builder, sampled) = sample(&workload, size, by, seed)?;
    let usage = workload.usage();
    drop(workload);
    let thinned = builder.finish(usage, seed)?;
    let mut said = format!(
        "{report}sample: {} of {} under seed {}\n",
        count(sampled.jobs, "job"),
        crate::report::figures::thousands(sampled.jobs_before as f64),
        args.seed
    );
    if sampled.after_dropped > 0 {
        said.push_str(&format!(
            "sample: {} on jobs that were left out no longer hold; --by app keeps what belongs together\n",
            count(sampled.after_dropped, "wait")
        ));
    }
    if let Some(share) = args.hosts_share {
        let (hosts_before, outages_before) = (hosts.len(), outages.len());
        hosts.retain(|host| is_kept(seed, &host.name, share));
        if hosts.is_empty() && hosts_before > 0 {
            return Err(Error::input("no host is left; a larger share or another seed will keep some")
                .in_field("--hosts-share"));
        }
        outages.retain(|outage| match &outage.target {
            OutageTarget::Host(name) => is_kept(seed, name, share),
            OutageTarget::Share(_) => true,
        });
        said.push_str(&format!(
            "sample: {} of {hosts_before}, {} of {outages_before}\n",
            count(hosts.len() as u64, "host"),
            count(outages.len() as u64, "outage")
        ));
    }
    args.out.write(&args.read.budgets, &thinned, &hosts, &outages, &said)
}
