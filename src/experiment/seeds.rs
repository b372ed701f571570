//! The same experiment under many seeds: means, paired differences, and the noise floor.
//!
//! All runs of a seed share one world (generated jobs, usage, failures), so that differences between them are paired:
//! common random numbers. Each run is made once more in the same world with another seed for what decides nothing in
//! reality (ties by chance, phases of periodic work): what then differs is noise, and no difference below it counts.

use rayon::prelude::*;

use super::interval::Interval;
use super::run::{RunFlags, run_one};
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::Value;
use crate::rng::{Purpose, Seed};
use crate::scenario::Scenario;
use crate::sim::{Digest, Setup};
use crate::units::SimTime;

/// Every metric of a run, in the order of the table.
pub type Metrics = Vec<(&'static str, Value)>;

/// What came out under one seed.
#[derive(Clone, PartialEq, Debug)]
pub struct SeedResult {
    /// The seed.
    pub seed: u64,
    /// Digest and metrics of each run.
    pub runs: Vec<(u64, Metrics)>,
    /// The same with another seed for ties and phases.
    pub again: Vec<(u64, Metrics)>,
}

/// An experiment under many seeds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SeedStudy {
    /// Names of the runs.
    pub names: Vec<String>,
    /// By seed, in order.
    pub seeds: Vec<SeedResult>,
    /// Whether the worlds of the seeds differ; if not, seeds only break ties and the study is of one world.
    pub worlds_differ: bool,
}

/// A difference between a run and the first one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Difference {
    /// This run minus the first, paired by seed.
    pub interval: Interval,
    /// What the noise alone comes to: the larger reach of both runs' own differences.
    pub noise: f64,
}

impl Difference {
    /// Whether it is neither uncertain nor within the noise.
    pub fn is_real(&self) -> bool {
        self.interval.count > 1 && !self.interval.holds_zero() && self.interval.mean.abs() > self.noise
    }
}

impl SeedStudy {
    /// Values of a metric by seed; `again`: with another seed for ties and phases.
    pub fn values(&self, run: usize, metric: &str, again: bool) -> Vec<Option<f64>> {
        let of = |seed: &SeedResult| {
            let (_, metrics) = if again { &seed.again[run] } else { &seed.runs[run] };
            metrics.iter().find(|(name, _)| *name == metric)?.1.number()
        };
        self.seeds.iter().map(of).collect()
    }

    /// Where a metric's intervals are drawn from: apart for every run and kind.
    fn entity(&self, run: usize, metric: &str, kind: u64) -> u64 {
        let place = self.seeds[0].runs[run].1.iter().position(|(name, _)| *name == metric).unwrap_or(0);
        (run as u64) << 32 | (place as u64) << 8 | kind
    }

    fn draw(&self) -> Seed {
        Seed(self.seeds.first().map_or(0, |s| s.seed))
    }

    /// The mean of a metric of run number `run`; seeds in which it is undefined are left out (`count` says how many are
    /// not). Lower bounds count as they are.
    pub fn mean(&self, run: usize, metric: &str) -> Option<Interval> {
        let values: Vec<f64> = self.values(run, metric, false).into_iter().flatten().collect();
        Interval::of(&values, self.draw(), self.entity(run, metric, 0))
    }

    /// What a metric of a run differs by when only ties and phases do.
    pub fn noise(&self, run: usize, metric: &str) -> Option<Interval> {
        let pairs = self.values(run, metric, true).into_iter().zip(self.values(run, metric, false));
        let values: Vec<f64> = pairs.filter_map(|(a, b)| Some(a? - b?)).collect();
        Interval::of(&values, self.draw(), self.entity(run, metric, 1))
    }

    /// The difference of run number `run` to the first.
    pub fn difference(&self, run: usize, metric: &str) -> Option<Difference> {
        let pairs = self.values(run, metric, false).into_iter().zip(self.values(0, metric, false));
        let values: Vec<f64> = pairs.filter_map(|(a, b)| Some(a? - b?)).collect();
        let interval = Interval::of(&values, self.draw(), self.entity(run, metric, 2))?;
        let noise = [0, run].iter().filter_map(|&r| self.noise(r, metric)).map(|n| n.reach()).fold(0.0, f64::max);
        Some(Difference { interval, noise })
    }

    /// Names of the metrics, in the order of the table.
    pub fn metrics(&self) -> Vec<&'static str> {
        let first = self.seeds.first().and_then(|s| s.runs.first());
        first.map_or(Vec::new(), |(_, metrics)| metrics.iter().map(|(name, _)| *name).collect())
    }
}

/// Runs the scenario that `resolve` makes of each seed, on as many threads as the current rayon pool has. `pulse` is told
/// the number of the run (seeds by runs, twice), its time and its end, and says whether to go on.
///
/// The finished seeds, and why the others did not finish, if they did not. An error if none did.
pub fn run_seeds(
    seeds: &[u64],
    resolve: &(dyn Fn(u64) -> Result<Scenario> + Sync),
    flags: RunFlags,
    pulse: &(dyn Fn(usize, SimTime, SimTime) -> bool + Sync),
) -> Result<(SeedStudy, Option<Error>)> {
    let results: Vec<Result<(SeedResult, Vec<String>, u64)>> =
        seeds.par_iter().enumerate().map(|(i, &seed)| one_seed(seed, i, resolve(seed)?, flags, pulse)).collect();
    let (mut study, mut stopped) = (SeedStudy::default(), None::<Error>);
    let mut worlds = Vec::new();
    for result in results {
        match result {
            Ok((result, names, world)) => {
                study.names = names;
                study.seeds.push(result);
                worlds.push(world);
            }
            // A failure says more than the interruption that followed it.
            Err(why) if stopped.as_ref().is_none_or(|s| s.kind() == ErrorKind::Interrupted) => stopped = Some(why),
            Err(_) => {}
        }
    }
    study.worlds_differ = worlds.windows(2).any(|w| w[0] != w[1]);
    match stopped {
        Some(why) if why.kind() != ErrorKind::Interrupted || study.seeds.is_empty() => Err(why),
        stopped => Ok((study, stopped)),
    }
}

fn one_seed(
    seed: u64,
    number: usize,
    scenario: Scenario,
    flags: RunFlags,
    pulse: &(dyn Fn(usize, SimTime, SimTime) -> bool + Sync),
) -> Result<(SeedResult, Vec<String>, u64)> {
    let Scenario { mut setup, runs, .. } = scenario;
    let flags = RunFlags { record: false, explain: None, ..flags };
    let names = runs.iter().map(|options| options.name.clone()).collect();
    let world = world_digest(&setup);
    let mut passes = Vec::with_capacity(2);
    for pass in 0..2 {
        let made: Vec<Result<(u64, Metrics)>> = runs
            .par_iter()
            .enumerate()
            .map(|(i, options)| {
                let at = (number * 2 + pass) * runs.len() + i;
                let end = setup.end;
                let run = run_one(&setup, options, flags, &mut |now| pulse(at, now, end))?;
                Ok((run.digest, run.metrics))
            })
            .collect();
        passes.push(made.into_iter().collect::<Result<Vec<_>>>()?);
        setup.seed = Seed(setup.seed.stream(Purpose::Again, 0).bits());
    }
    let again = passes.pop().expect("two passes");
    let runs = passes.pop().expect("two passes");
    Ok((SeedResult { seed, runs, again }, names, world))
}

/// A digest of what jobs and hosts go through whatever is decided: arrivals, sizes, first usage, failures.
fn world_digest(setup: &Setup) -> u64 {
    let mut digest = Digest::default();
    let workload = &setup.workload;
    for job in workload.ids() {
        digest.word(workload.arrival(job).0);
        digest.word(workload.duration(job).map_or(u64::MAX, |d| d.0));
        let (_, step) = workload.first_step(job);
        for amount in [workload.cpu_request(job).0, workload.memory_request(job).0, step.memory.0] {
            digest.word(amount as u64);
        }
        digest.word(step.cpu_nano);
    }
    for failure in &setup.failures {
        digest.word(failure.at.0);
        digest.word(failure.lasts.0);
        digest.word(failure.host.0.into());
    }
    digest.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(values: &[(f64, f64, f64)]) -> SeedStudy {
        let metrics = |x: f64| vec![("evictions", Value::Amount(x))];
        let seeds = values.iter().enumerate().map(|(i, &(a, b, noise))| SeedResult {
            seed: i as u64,
            runs: vec![(0, metrics(a)), (0, metrics(b))],
            again: vec![(0, metrics(a + noise)), (0, metrics(b - noise))],
        });
        SeedStudy { names: vec!["one".into(), "two".into()], seeds: seeds.collect(), worlds_differ: true }
    }

    #[test]
    fn a_difference_is_real_only_above_the_noise() {
        // 1 apart under every seed, ties and phases move nothing.
        let clear = study(&[(1.0, 2.0, 0.0), (5.0, 6.0, 0.0), (3.0, 4.0, 0.0)]).difference(1, "evictions").unwrap();
        assert_eq!((clear.interval.mean, clear.interval.low, clear.interval.high, clear.noise), (1.0, 1.0, 1.0, 0.0));
        assert!(clear.is_real());
        // The same, but ties alone move each by 2.
        assert!(
            !study(&[(1.0, 2.0, 2.0), (5.0, 6.0, 2.0), (3.0, 4.0, 2.0)]).difference(1, "evictions").unwrap().is_real()
        );
        // Once up, once down.
        assert!(!study(&[(1.0, 2.0, 0.0), (5.0, 4.0, 0.0)]).difference(1, "evictions").unwrap().is_real());
        // One seed says nothing.
        assert!(!study(&[(1.0, 2.0, 0.0)]).difference(1, "evictions").unwrap().is_real());
        assert_eq!(study(&[(1.0, 2.0, 0.0)]).mean(0, "wait_seconds_p50"), None);
    }
}
