//! The default synthetic mix of section 6.3 of the notes on public traces.
//!
//! Groups of tasks arrive at rate r(t) = r0 (1 + 0.45 cos(2π (h − 14) / 24)), times 5 in bursts (mean stay 30 minutes
//! calm, 2 minutes in a burst); time 0 is midnight. A group is one task for 75 %, else Pareto with tail index 1, at
//! most 1,000; its tasks are one app, arrive together, request the same and last each for a draw of its own.
//! Priorities are 0 for 50 %, 100 for 40 %, 200 for 10 %. Real use is the usage model's, not drawn here.

use super::{GeneratorInfo, GeneratorParams, JOBS_MAX, Shape, micros};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Seed, Stream};
use crate::units::{SimDuration, SimTime};
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

/// What a trace of the mix has beside its parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct MixLimits<'a> {
    /// Groups arrive before this, however many jobs that makes; `None`: [`GeneratorParams::jobs`] jobs.
    pub until: Option<SimTime>,
    /// Durations of batch jobs, each as likely, at least 1 µs; empty: log-normal.
    pub durations: &'a [SimDuration],
    /// Most jobs where `until` decides; one more is an error.
    pub most_jobs: u64,
}

/// The mix with limits of its own: until a time, with durations from a list. Without either it is the generator `mix`,
/// job for job.
///
/// Errors: a parameter that cannot be drawn (input), more jobs than the limit (budget), no group before the end (input).
pub fn mix(params: &GeneratorParams, limits: &MixLimits, seed: Seed) -> Result<WorkloadBuilder> {
    params.check()?;
    let mut builder = WorkloadBuilder::new();
    make_within(params, limits, seed, &mut builder)?;
    if let (Some(until), true) = (limits.until, builder.is_empty()) {
        return Err(Error::input(format!("no job arrives before {until}; a longer time or a higher rate will do")));
    }
    Ok(builder)
}

fn make(params: &GeneratorParams, seed: Seed, builder: &mut WorkloadBuilder) -> Result<()> {
    make_within(params, &MixLimits::default(), seed, builder)
}

fn make_within(params: &GeneratorParams, limits: &MixLimits, seed: Seed, builder: &mut WorkloadBuilder) -> Result<()> {
    let mut arrivals = Arrivals::new(params, seed);
    let (mut group, mut made) = (0u64, 0u64);
    let most = limits.most_jobs.min(JOBS_MAX);
    while limits.until.is_some() || made < params.jobs {
        let arrival_us = micros(arrivals.next_s());
        if limits.until.is_some_and(|until| arrival_us >= until.0) {
            break;
        }
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
        let tasks = if limits.until.is_some() { tasks } else { tasks.min(params.jobs - made) };
        if limits.until.is_some() && made + tasks > most {
            return Err(Error::budget("jobs", format!("more than {most}"), most, "--max-jobs"));
        }
        let app = format!("mix-{group:07}");
        for task in 0..tasks {
            let lasts = shape.lasts(params, &mut dice);
            let mut job = shape.job(format!("{app}-{task:03}"), arrival_us, lasts);
            if let (Some(duration), false) = (&mut job.duration, limits.durations.is_empty()) {
                let drawn = limits.durations[dice.below(limits.durations.len() as u64) as usize];
                *duration = SimDuration(drawn.0.max(1));
            }
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
    fn a_time_and_a_list_of_durations_hold_and_move_nothing_else() {
        let params = GeneratorParams { jobs: 500, ..GeneratorParams::default() };
        let rows = |builder: WorkloadBuilder| {
            let w = builder.finish(UsageMode::Request, Seed(5)).unwrap();
            let row = |job| (w.name(job).to_owned(), w.arrival(job), w.cpu_request(job), w.duration(job));
            w.ids().map(row).collect::<Vec<_>>()
        };
        let plain = rows(mix(&params, &MixLimits::default(), Seed(5)).unwrap());
        let mut direct = WorkloadBuilder::new();
        make(&params, Seed(5), &mut direct).unwrap();
        assert_eq!(plain, rows(direct));

        let until = Some(SimTime(600_000_000));
        let limits = MixLimits { until, most_jobs: 10_000, ..MixLimits::default() };
        let short = rows(mix(&params, &limits, Seed(5)).unwrap());
        assert!(short.iter().all(|row| row.1 < SimTime(600_000_000)));
        assert_eq!(short[..], plain[..short.len()]);
        assert!(plain[short.len()].1 >= SimTime(600_000_000));
        assert_eq!(mix(&params, &MixLimits { most_jobs: 3, ..limits }, Seed(5)).unwrap_err().exit_code(), 3);
        let none = MixLimits { until: Some(SimTime(1)), ..limits };
        assert!(mix(&params, &none, Seed(5)).unwrap_err().to_string().contains("no job arrives"));

        let list = [SimDuration(0), SimDuration(7)];
        let listed = rows(mix(&params, &MixLimits { durations: &list, ..MixLimits::default() }, Seed(5)).unwrap());
        let of = |us| listed.iter().filter(|row| row.3 == Some(SimDuration(us))).count();
        assert!(of(1) > 150 && of(7) > 150 && of(1) + of(7) > 400);
    }

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
