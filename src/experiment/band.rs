//! The band: every run once more under both bounds of how a host comes down, on the cluster at several scales.
//!
//! How a host comes down when memory runs out is a model. Where it decides the answer one number would say too much: the
//! bounds are `kill-only`, which loses the kernel's victim and nothing else, and `host-down`, which loses the host as soon
//! as jobs use more than they may.

use rayon::prelude::*;

use super::result::RunResult;
use super::run::{RunFlags, run_one};
use crate::error::Result;
use crate::host::MemoryPolicy;
use crate::metrics::Value;
use crate::orchestrator::Options;
use crate::scenario::BandWorld;
use crate::units::SimTime;

/// Where in the band a row stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Under `kill-only`.
    Lower,
    /// Under the scenario's own policy.
    Default,
    /// Under `host-down`.
    Upper,
}

impl Side {
    /// All, lowest first.
    pub const ALL: [Side; 3] = [Side::Lower, Side::Default, Side::Upper];

    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Lower => "lower",
            Side::Default => "default",
            Side::Upper => "upper",
        }
    }

    /// The policy that it stands for in a scenario of policy `own`.
    pub fn policy(self, own: MemoryPolicy) -> MemoryPolicy {
        match self {
            Side::Lower => MemoryPolicy::KillOnly,
            Side::Default => own,
            Side::Upper => MemoryPolicy::HostDown,
        }
    }
}

/// What came of one run at one scale on one side.
#[derive(Clone, PartialEq, Debug)]
pub struct BandRow {
    /// Hosts and replicas times this many thousandths.
    pub scale_milli: u32,
    /// Hosts at this scale.
    pub hosts: usize,
    /// Name of the run.
    pub run: String,
    /// Where it stands.
    pub side: Side,
    /// Under which policy.
    pub policy: &'static str,
    /// Jobs that run away.
    pub runaway_jobs: u64,
    /// Hosts taken down for memory.
    pub hosts_down: u64,
    /// Hosts that the control plane declared lost.
    pub hosts_lost: u64,
    /// Attempts killed for memory.
    pub oom_kills: u64,
    /// Attempts of other jobs that were killed, evicted or lost with their host or its daemon.
    pub bystanders_lost: u64,
    /// Share of demanded CPU that was not served.
    pub cpu_unserved: Value,
}

impl BandRow {
    /// Hosts taken down for each job that runs away; `None` without such.
    pub fn down_per_runaway(&self) -> Option<f64> {
        (self.runaway_jobs > 0).then(|| self.hosts_down as f64 / self.runaway_jobs as f64)
    }

    fn of(world: &BandWorld, side: Side, policy: MemoryPolicy, result: &RunResult) -> Self {
        let count = |name: &str| match result.metric(name) {
            Some(Value::Count(n)) => *n,
            other => unreachable!("metric {name} counts, and is {other:?}"),
        };
        let runs_away = |app: &str| world.runaway.iter().any(|name| name == app);
        BandRow {
            scale_milli: world.scale_milli,
            hosts: world.setup.cluster.len(),
            run: result.label.name.clone(),
            side,
            policy: policy.name(),
            runaway_jobs: result.apps.iter().filter(|app| runs_away(&app.name)).map(|app| app.jobs).sum(),
            hosts_down: count("hosts_down_memory"),
            hosts_lost: count("hosts_lost"),
            oom_kills: count("oom_kills"),
            bystanders_lost: result.apps.iter().filter(|app| !runs_away(&app.name)).map(|app| app.attempts_lost).sum(),
            cpu_unserved: *result.metric("cpu_unserved_share").expect("a row of the ledger"),
        }
    }
}

/// How many runs a band is.
pub fn band_len(worlds: &[BandWorld], runs: &[Options]) -> usize {
    worlds.len() * runs.len() * Side::ALL.len()
}

/// Every run of `runs` in every world on every side: by scale, then run, then side, the same on any number of threads.
/// Nothing of the runs is kept but their rows.
pub fn run_band(
    worlds: &[BandWorld],
    runs: &[Options],
    flags: RunFlags,
    pulse: &(dyn Fn(usize, SimTime) -> bool + Sync),
) -> Result<Vec<BandRow>> {
    let mut rows = Vec::with_capacity(band_len(worlds, runs));
    for (w, world) in worlds.iter().enumerate() {
        let own = world.setup.host_model.memory.policy;
        let setups = Side::ALL.map(|side| {
            let mut setup = world.setup.clone();
            setup.host_model.memory.policy = side.policy(own);
            setup
        });
        let flags = RunFlags { record: false, explain: None, ..flags };
        let cells: Vec<(usize, usize)> =
            (0..runs.len()).flat_map(|r| (0..Side::ALL.len()).map(move |s| (r, s))).collect();
        let first = w * cells.len();
        let some: Vec<Result<BandRow>> = cells
            .par_iter()
            .enumerate()
            .map(|(i, &(r, s))| {
                let result = run_one(&setups[s], &runs[r], flags, &mut |at| pulse(first + i, at))?;
                let side = Side::ALL[s];
                Ok(BandRow::of(world, side, side.policy(own), &result))
            })
            .collect();
        for row in some {
            rows.push(row?);
        }
    }
    Ok(rows)
}
