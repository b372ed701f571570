//! The default synthetic mix of section 6.3 of the notes on public traces.
//!
//! Groups of tasks arrive at rate r(t) = r0 (1 + 0.45 cos(2π (h − 14) / 24)), times 5 in bursts (mean stay 30 minutes
//! calm, 2 minutes in a burst); time 0 is midnight. A group is one task for 75 %, else Pareto with tail index 1, at
//! most 1,000; its tasks are one app, arrive together, request the same and last each for a draw of its own.
//! Priorities are 0 for 50 %, 100 for 40 %, 200 for 10 %. Real use is the usage model's, not drawn here.

use super::{GeneratorInfo, GeneratorParams, Shape, micros};
use crate::error::Result;
use crate::rng::{Purpose, Seed, Stream};
use crate::workload::WorkloadBuilder;

pub(super) const INFO: GeneratorInfo = GeneratorInfo {
    name: "mix",
    summary: "groups of tasks with a daily curve and bursts, heavy-tailed group sizes and durations, three priorities",
    make,
};

const DAY_AMPLITUDE: f64 = 0.45;
const DAY_PEAK_H: f64 = 14.0;
const BURST_FACTOR: f64 = 5.0;
const CALM_MEAN_S: f64 = 30.0 * 60.0;
const BURST_MEAN_S: f64 = 2.0 * 60.0;
const SINGLE_SHARE: f64 = 0.75;
const TASKS_MAX: f64 = 1_000.0;

/// Arrival times by thinning: draws at the highest rate there can be, kept with probability rate / highest.
struct Arrivals {
    dice: Stream,
    /// Draws how long calm and burst last; a stream of its own, so that the rate does not move the bursts.
    phases: Stream,
    rate: f64,
    now_s: f64,
    burst: bool,
    phase_end_s: f64,
}

impl Arrivals {
    fn new(params: &GeneratorParams, seed: Seed) -> Self {
        let mut phases = seed.stream(Purpose::Arrival, 1);
        let phase_end_s = phases.exponential() * CALM_MEAN_S;
        let dice = seed.stream(Purpose::Arrival, 0);
        Arrivals { dice, phases, rate: params.rate_per_second, now_s: 0.0, burst: false, phase_end_s }
    }

    fn next_s(&mut self) -> f64 {
        let highest = self.rate * (1.0 + DAY_AMPLITUDE) * BURST_FACTOR;
        loop {
            self.now_s += self.dice.exponential() / highest;
            while self.phase_end_s <= self.now_s {
                self.burst = !self.burst;
                self.phase_end_s += self.phases.exponential() * if self.burst { BURST_MEAN_S } else { CALM_MEAN_S };
            }
            let hour = self.now_s / 3_600.0;
            let day = 1.0 + DAY_AMPLITUDE * libm::cos(std::f64::consts::TAU * (hour - DAY_PEAK_H) / 24.0);
            let rate = self.rate * day * if self.burst { BURST_FACTOR } else { 1.0 };
            if self.dice.unit() * highest < rate {
                return self.now_s;
            }
        }
    }
}

fn make(params: &GeneratorParams, seed: Seed, builder: &mut WorkloadBuilder) -> Result<()> {
    let mut arrivals = Arrivals::new(params, seed);
    let (mut group, mut made) = (0u64, 0u64);
    while made < params.jobs {
        let arrival_us = micros(arrivals.next_s());
        let mut dice = seed.stream(Purpose::Shape, group);
        let shape = Shape::draw(params, &mut dice);
        let priority = match dice.unit() {
            p if p < 0.5 => 0,
            p if p < 0.9 => 100,
            _ => 200,
        };
        let (single, size) = (dice.unit() < SINGLE_SHARE, dice.pareto(1.0));
        let tasks = if single { 1 } else { size.min(TASKS_MAX) as u64 };
        // The last group is cut short where it would make too many jobs.
        let tasks = tasks.min(params.jobs - made);
        let app = format!("mix-{group:07}");
        for task in 0..tasks {
            let mut job = shape.job(format!("{app}-{task:03}"), arrival_us, params, &mut dice);
            job.app.clone_from(&app);
            job.spec.priority = priority;
            builder.push(job)?;
        }
        made += tasks;
        group += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::UsageMode;

    #[test]
    fn the_day_the_bursts_and_the_groups_show() {
        let params = GeneratorParams { jobs: 100_000, rate_per_second: 0.1, ..GeneratorParams::default() };
        let mut arrivals = Arrivals::new(&params, Seed(5));
        let mut by_hour = [0u32; 24];
        let mut at_s = 0.0;
        for _ in 0..100_000 {
            at_s = arrivals.next_s();
            by_hour[(at_s / 3_600.0) as usize % 24] += 1;
        }
        // Mean rate: 0.1 × (30 × 1 + 2 × 5) / 32 = 0.125 a second.
        assert!((100_000.0 / at_s - 0.125).abs() < 0.01, "{}", 100_000.0 / at_s);
        // 14 h over 2 h: 1.45 / 0.55 = 2.6.
        let ratio = f64::from(by_hour[13] + by_hour[14]) / f64::from(by_hour[1] + by_hour[2]);
        assert!((2.2..3.1).contains(&ratio), "{ratio}");

        let mut builder = WorkloadBuilder::new();
        make(&params, Seed(5), &mut builder).unwrap();
        let w = builder.finish(UsageMode::Request, Seed(5)).unwrap();
        // Of the larger quarter, floor(Pareto(1)) is 1 for half: 0.75 + 0.25 / 2 = 87.5 % single.
        let single = w.apps().iter().filter(|app| app.jobs.len() == 1).count() as f64 / w.apps().len() as f64;
        assert!((single - 0.875).abs() < 0.01, "{single}");
        assert!(w.apps().iter().all(|app| app.jobs.len() <= 1_000));
        let high = w.apps().iter().filter(|app| w.spec(app.jobs[0]).priority == 200).count() as f64;
        assert!((high / w.apps().len() as f64 - 0.1).abs() < 0.01);
    }
}
