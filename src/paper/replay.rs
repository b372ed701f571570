//! The runs of a paper: every policy under every seed, side by side on threads.

use rayon::prelude::*;

use super::study::Curve;
use crate::error::{Error, ErrorKind, Result};
use crate::experiment::run_demand;
use crate::scenario::Scenario;
use crate::units::SimTime;
use crate::workload::inflation::Asked;

/// What came of the runs.
#[derive(Debug)]
pub struct Replayed {
    /// The finished runs: by seed, then by policy.
    pub curves: Vec<Curve>,
    /// Why the others did not finish, if they did not.
    pub stopped: Option<Error>,
}

/// Runs the `policies` of the scenario that `scenario` makes of each seed, on as many threads as the current rayon pool
/// has; the results are the same on any number. `pulse` is told the number of the run (seeds by policies), its time and
/// its end, and says whether to go on; a run has at most `most_events` events. Interrupted, the runs that had finished are kept.
///
/// Errors: what a scenario or a run fails by; interrupted before any run had finished.
pub fn replay(
    seeds: &[u64],
    policies: &[String],
    (of, most_events): (Asked, u64),
    scenario: &(dyn Fn(u64) -> Result<Scenario> + Sync),
    pulse: &(dyn Fn(usize, SimTime, SimTime) -> bool + Sync),
) -> Result<Replayed> {
    let one_seed = |(i, seed): (usize, &u64)| -> Vec<Result<Curve>> {
        let scenario = match scenario(*seed) {
            Ok(scenario) => scenario,
            Err(why) => return vec![Err(why)],
        };
        let end = scenario.setup.end;
        let one = |(k, policy): (usize, &String)| -> Result<Curve> {
            let options = scenario.runs.iter().find(|options| options.name == *policy).ok_or_else(|| {
                Error::failed(format!("under seed {seed} the scenario has no run called \"{policy}\""))
            })?;
            let number = i * policies.len() + k;
            let run = run_demand(&scenario.setup, options, of, most_events, &mut |at| pulse(number, at, end))?;
            Ok(Curve {
                policy: policy.clone(),
                seed: *seed,
                digest: run.digest,
                arrived: run.arrived,
                placed: run.placed,
                columns: run.columns,
            })
        };
        policies.par_iter().enumerate().map(one).collect()
    };
    let results: Vec<Vec<Result<Curve>>> = seeds.par_iter().enumerate().map(one_seed).collect();
    let (mut curves, mut stopped) = (Vec::new(), None::<Error>);
    for result in results.into_iter().flatten() {
        match result {
            Ok(curve) => curves.push(curve),
            // A failure says more than the interruption that followed it.
            Err(why) if stopped.as_ref().is_none_or(|s| s.kind() == ErrorKind::Interrupted) => stopped = Some(why),
            Err(_) => {}
        }
    }
    match stopped {
        Some(why) if why.kind() != ErrorKind::Interrupted || curves.is_empty() => Err(why),
        stopped => Ok(Replayed { curves, stopped }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Budgets, read_text, resolve};

    fn scenario(_: u64) -> Result<Scenario> {
        let text = "apiVersion: plimsoll/v1\nkind: Scenario\norchestrators: [first-fit]\n\
                    cluster: {hosts: [{name: a, cpu: 4, memory: 8Gi}]}\n\
                    workload: {jobs: [{name: j, duration: 1m, requests: {cpu: 1, memory: 1Gi}}]}\n";
        let file = read_text(text.as_bytes(), &Budgets::default())?;
        resolve(&file, std::path::Path::new(""), &Budgets::default())
    }

    fn run(seeds: &[u64], scenario: &(dyn Fn(u64) -> Result<Scenario> + Sync)) -> Result<Replayed> {
        replay(seeds, &["first-fit".into()], (Asked::Cpu, u64::MAX), scenario, &|_, _, _| true)
    }

    #[test]
    fn what_had_finished_is_kept_and_a_failure_says_more_than_an_interruption() {
        let stop = || Error::new(ErrorKind::Interrupted, "stopped");
        let whole = run(&[1, 2], &scenario).unwrap();
        assert!(whole.stopped.is_none());
        assert_eq!(whole.curves.iter().map(|curve| curve.seed).collect::<Vec<_>>(), [1, 2]);
        let some = run(&[1, 2, 3], &|seed| if seed == 2 { Err(stop()) } else { scenario(seed) }).unwrap();
        assert_eq!(some.curves.iter().map(|curve| curve.seed).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(some.stopped.unwrap().kind(), ErrorKind::Interrupted);
        assert_eq!(run(&[1], &|_| Err(stop())).unwrap_err().kind(), ErrorKind::Interrupted);
        let failed = |seed: u64| match seed {
            1 => Err(stop()),
            2 => Err(Error::failed("broken")),
            seed => scenario(seed),
        };
        assert_eq!(run(&[1, 2, 3], &failed).unwrap_err().message(), "broken");
    }
}
