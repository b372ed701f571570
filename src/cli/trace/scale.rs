//! `plimsoll trace scale`: faster or slower arrivals, more or fewer jobs.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;

use super::{OutArgs, Read, ReadArgs, count};
use crate::error::{Error, Result};
use crate::report::figures::{number, percent};
use crate::rng::Seed;
use crate::trace::{TraceArg, read_cluster};
use crate::workload::sample::grow;
use crate::workload::{Capacity, LOAD_RESOURCES, LoadScale, scale_to, speed};

/// Arguments of `trace scale`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll trace scale openb:DIR --load 0.7 -o full.csv\n  \
plimsoll trace scale native:x.csv --growth 1.3 -o next-year.csv\n  \
plimsoll trace scale native:x.csv --speed 10 --from 1d --to 8d -o week-in-a-day.csv\n\
Durations never change. The window is cut first, then jobs are repeated, then arrivals move.")]
pub(super) struct Args {
    /// The trace
    #[arg(value_name = "FORMAT:PATH")]
    trace: String,
    /// Scale arrivals so that the peak of offered requests is X of the hosts, on RESOURCE (cpu, memory, gpu) or on the fullest one
    #[arg(long, value_name = "[RESOURCE=]X", conflicts_with = "speed")]
    load: Option<String>,
    /// Divide the times between arrivals by X
    #[arg(long, value_name = "X")]
    speed: Option<f64>,
    /// Make X times as many jobs: above 1 with copies NAME+1 that arrive with their original, below 1 thinned
    #[arg(long, value_name = "X")]
    growth: Option<f64>,
    /// Take the hosts from a native hosts file, or of a trace as FORMAT:PATH, instead of the trace's own
    #[arg(long, value_name = "FILE|FORMAT:PATH")]
    cluster: Option<String>,
    /// Draw whose copy is made from seed NUM
    #[arg(long, value_name = "NUM", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    out: OutArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    args.out.check()?;
    let load = args.load.as_deref().map(LoadScale::parse).transpose()?;
    if load.is_none() && args.speed.is_none() && args.growth.is_none() && args.read.window()?.is_none() {
        return Err(Error::usage("nothing to do; give --load, --speed, --growth, or --from and --to"));
    }
    let Read { mut workload, mut hosts, mut outages, report, .. } = args.read.read(&TraceArg::parse(&args.trace)?)?;
    let mut said = report.to_string();
    if let Some(cluster) = &args.cluster {
        let read = read_cluster(cluster, &BTreeMap::new(), &args.read.budgets.budgets().trace)?;
        said.push_str(&format!("cluster: {}", read.report));
        (hosts, outages) = (read.hosts, read.outages);
    }
    if let Some(factor) = args.growth {
        let (builder, grown) = grow(&workload, factor, Seed(args.seed))?;
        let usage = workload.usage();
        // Not both at once in memory.
        drop(workload);
        workload = builder.finish(usage, Seed(args.seed))?;
        said.push_str(&format!(
            "growth: {} of {} under seed {}\n",
            count(grown.jobs, "job"),
            crate::report::figures::thousands(grown.jobs_before as f64),
            args.seed
        ));
        if grown.after_dropped > 0 {
            said.push_str(&format!("growth: {} on jobs left out no longer hold\n", count(grown.after_dropped, "wait")));
        }
    }
    if let Some(factor) = args.speed {
        workload = speed(workload, factor)?;
        said.push_str(&format!(
            "speed: times between arrivals divided by {factor}; hosts and outages keep their times\n"
        ));
    }
    if let Some(load) = load {
        if hosts.is_empty() {
            return Err(
                Error::usage("the trace has no hosts to be a share of; name some with --cluster").in_field("--load")
            );
        }
        let capacity = Capacity {
            cpu_milli: hosts.iter().map(|host| host.cpu.0).sum(),
            memory_bytes: hosts.iter().fold(0i64, |sum, host| sum.saturating_add(host.memory.0)),
            gpu_milli: hosts.iter().map(|host| i64::from(host.gpus) * 1_000).sum(),
        };
        let (moved, scaled) = scale_to(workload, capacity, load)?;
        workload = moved;
        let shares: Vec<String> = LOAD_RESOURCES
            .iter()
            .zip(scaled.offered.shares())
            .map(|(resource, share)| format!("{resource} {}", percent(share)))
            .collect();
        said.push_str(&format!(
            "load: times between arrivals divided by {}; peaks of the hosts: {}; hosts and outages keep their times\n",
            number(scaled.factor),
            shares.join(", ")
        ));
    }
    args.out.write(&args.read.budgets, &workload, &hosts, &outages, &said)
}
