//! How a platform fared at each latency of its store: the run cut where the round trip changes.

use crate::experiment::{Experiment, RunResult};
use crate::sim::Change;
use crate::units::SimTime;

/// A stretch of one round trip.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stretch {
    /// When it begins.
    pub from: SimTime,
    /// When it ends.
    pub to: SimTime,
    /// Median of a read, microseconds.
    pub read_us: u64,
    /// Whether the longest round trip has not been reached yet, or is this one.
    pub rising: bool,
    /// Share of requests from outside that were answered; `None` without requests.
    pub answered: Option<f64>,
    /// Share of the time in which deploys were possible.
    pub deploys: f64,
}

/// The stretches of `run`, those without length left out. Empty without a record, a platform or a store.
pub fn stretches(experiment: &Experiment, run: &RunResult) -> Vec<Stretch> {
    let Some(record) = run.record.as_ref().filter(|_| !run.platform.is_empty()) else { return Vec::new() };
    let asked: Vec<f64> = run.platform.iter().map(|part| part.reach.requests[0]).collect();
    let all: f64 = asked.iter().sum();
    let mut ok = vec![0.0; asked.len()];
    let (mut deploys, mut since) = (false, SimTime::ZERO);
    let mut found: Vec<Stretch> = Vec::new();
    // Seconds in the current stretch, weighed by what was answered, and with deploys.
    let mut sums = [0.0; 2];
    let advance = |at: SimTime, since: &mut SimTime, ok: &[f64], deploys: bool, sums: &mut [f64; 2]| {
        // What came before the warm-up was over does not count.
        let dt = at.0.saturating_sub((*since).max(experiment.warm_up).0) as f64;
        *since = at;
        let answered: f64 = ok.iter().zip(&asked).map(|(share, asked)| share * asked).sum();
        sums[0] += dt * if all > 0.0 { answered / all } else { 0.0 };
        sums[1] += dt * f64::from(u8::from(deploys));
    };
    let close = |found: &mut Vec<Stretch>, at: SimTime, sums: &mut [f64; 2]| {
        if let Some(last) = found.last_mut() {
            last.to = at;
            last.from = last.from.max(experiment.warm_up).min(at);
            let length = at.since(last.from).0 as f64;
            last.answered = (all > 0.0 && length > 0.0).then(|| sums[0] / length);
            last.deploys = if length > 0.0 { sums[1] / length } else { 0.0 };
        }
        *sums = [0.0; 2];
    };
    for (at, change) in &record.life {
        match change {
            Change::Store { level } if found.last().is_none_or(|last| last.read_us != level.read_us) => {
                advance(*at, &mut since, &ok, deploys, &mut sums);
                close(&mut found, *at, &mut sums);
                let (read_us, from) = (level.read_us, *at);
                found.push(Stretch { from, to: from, read_us, rising: true, answered: None, deploys: 0.0 });
            }
            Change::Reach { app, reach } => {
                advance(*at, &mut since, &ok, deploys, &mut sums);
                if let Some(share) = ok.get_mut(app.index()) {
                    *share = f64::from(reach.ok) / 1e6;
                }
            }
            Change::Deploys { possible } => {
                advance(*at, &mut since, &ok, deploys, &mut sums);
                deploys = *possible;
            }
            _ => {}
        }
    }
    advance(experiment.end, &mut since, &ok, deploys, &mut sums);
    close(&mut found, experiment.end, &mut sums);
    found.retain(|stretch| stretch.to > stretch.from);
    let worst = found.iter().map(|stretch| stretch.read_us).max().unwrap_or(0);
    let peak = found.iter().position(|stretch| stretch.read_us == worst).unwrap_or(0);
    for stretch in found.iter_mut().skip(peak + 1) {
        stretch.rising = false;
    }
    found
}

/// Whether round trips rose step by step in some run, over three at least, and perhaps fell again: single faults of various
/// size make no curve.
pub fn is_swept(experiment: &Experiment) -> bool {
    experiment.runs.iter().any(|run| {
        let seen: Vec<u64> = stretches(experiment, run).iter().map(|stretch| stretch.read_us).collect();
        let Some(most) = seen.iter().max() else { return false };
        let (up, down) = seen.split_at(seen.iter().position(|us| us == most).unwrap_or(0));
        up.len() >= 2 && up.is_sorted() && down.is_sorted_by(|a, b| a >= b)
    })
}
