//! A workload like a given one: arrivals, sizes, durations, tasks that come together, and usage are drawn from what the
//! source shows, and how near the result comes is measured.
//!
//! Jobs of one app that arrive at one instant are a group. The times between groups are resampled in blocks of
//! [`BLOCK`], so that bursts stay bursts, after the daily curve has been taken out of them; on the way back the curve is
//! put in again. A group is one of the source's, whole: its jobs keep what belongs together. With [`Sizes::LogNormal`]
//! CPU, memory and duration are instead drawn from a joint log-normal fit. What jobs wait for is not reproduced.

use serde::Serialize;

use super::{SECONDS_MAX, micros};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::rng::{Purpose, Seed, Stream};
use crate::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use crate::workload::sample::builder_like;
use crate::workload::stats::{
    LogNormal, Summary, between_arrivals, hourly_dispersion, job_usage, ks_distance, mean_and_cv, rank_correlation,
    stats,
};
use crate::workload::{Job, JobKind, Workload, WorkloadBuilder};

/// Times between groups that are resampled together (*assumed*: long enough to hold a burst of a few minutes, short
/// enough that a trace of a thousand groups has many).
pub const BLOCK: u64 = 32;
/// Least groups, and least days, for a daily curve to be taken from the source (*assumed*); with less it is flat.
const DAY_GROUPS: usize = 240;
const DAY_SPAN_S: f64 = 2.0 * DAY_S;
/// Least rate of an hour over the mean: hours without any arrival in the source get a few (*assumed*).
const HOUR_LEAST: f64 = 0.02;
const HOUR_S: f64 = 3_600.0;
const DAY_S: f64 = 86_400.0;
/// Most jobs of which pairs are ranked.
const RANKED_MAX: usize = 1_000_000;

/// How CPU, memory and duration are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sizes {
    /// As they stand together in a job of the source.
    #[default]
    Empirical,
    /// From a joint log-normal fit to the source's batch jobs; CPU and memory once a group, durations job by job. Nothing
    /// is larger than the source's largest.
    LogNormal,
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LikeParams {
    /// Jobs; the last group is cut short.
    pub jobs: u64,
    /// Groups arrive before this, however many jobs that makes; `None`: `jobs` jobs.
    pub until: Option<SimTime>,
    /// Most jobs where `until` decides.
    pub most_jobs: u64,
    /// Groups come so many times as fast as in the source, 1e-6 to 1e6.
    pub rate: f64,
    /// How sizes are drawn.
    pub sizes: Sizes,
}

/// What was seen in the source.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Fitted {
    /// Groups: jobs of one app that arrive at one instant.
    pub groups: u64,
    /// Mean time between groups, seconds.
    pub between_groups_mean_s: f64,
    /// Its coefficient of variation; 1 for a Poisson process.
    pub between_groups_cv: f64,
    /// Variance ÷ mean of arrivals of jobs hour by hour; 1 for a Poisson process.
    pub hourly_dispersion: Option<f64>,
    /// Rate of groups by hour from time 0 on, over its mean; `None`: too short or too few, taken as flat.
    pub day: Option<[f64; 24]>,
    /// Log-normal fits of CPU (cores), memory (GiB) and duration (seconds) of batch jobs that have all three.
    pub log_normal: Option<[LogNormal; 3]>,
    /// Jobs that wait for others in the source; those made wait for none.
    pub after_ignored: u64,
}

/// The joint fit of logarithms: means, and the lower triangle L of their covariance L Lᵀ.
struct Joint {
    mean: [f64; 3],
    lower: [[f64; 3]; 3],
    most: [f64; 3],
}

/// CPU in milli-CPU, memory in bytes, duration in µs of a batch job that has all three.
fn sizes_of(source: &Workload, job: JobId) -> Option<[f64; 3]> {
    let duration = source.duration(job).filter(|_| source.spec(job).kind == JobKind::Batch)?;
    let sizes = [source.cpu_request(job).0 as f64, source.memory_request(job).0 as f64, duration.0 as f64];
    sizes.iter().all(|size| *size > 0.0).then_some(sizes)
}

impl Joint {
    fn fit(source: &Workload) -> Option<Joint> {
        let (mut sum, mut most, mut count) = ([0.0; 3], [0.0f64; 3], 0.0);
        let logs = |job| sizes_of(source, job).map(|sizes| sizes.map(libm::log));
        for job in source.ids() {
            let Some(sizes) = sizes_of(source, job) else { continue };
            for i in 0..3 {
                sum[i] += libm::log(sizes[i]);
                most[i] = most[i].max(sizes[i]);
            }
            count += 1.0;
        }
        if count == 0.0 {
            return None;
        }
        let mean = sum.map(|sum| sum / count);
        let mut covariance = [[0.0; 3]; 3];
        for logs in source.ids().filter_map(logs) {
            for i in 0..3 {
                for j in 0..=i {
                    covariance[i][j] += (logs[i] - mean[i]) * (logs[j] - mean[j]) / count;
                }
            }
        }
        // Cholesky's decomposition; a variable without a variance of its own has a zero row.
        let mut lower = [[0.0f64; 3]; 3];
        for i in 0..3 {
            for j in 0..=i {
                let rest = covariance[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
                lower[i][j] = match (i == j, lower[j][j]) {
                    (true, _) => libm::sqrt(rest.max(0.0)),
                    (false, pivot) if pivot > 1e-12 => rest / pivot,
                    (false, _) => 0.0,
                };
            }
        }
        Some(Joint { mean, lower, most })
    }

    /// Variable `i` of normal draws.
    fn value(&self, i: usize, normal: &[f64; 3]) -> f64 {
        let log = self.mean[i] + (0..=i).map(|k| self.lower[i][k] * normal[k]).sum::<f64>();
        libm::exp(log).min(self.most[i])
    }

    fn margins(&self) -> [LogNormal; 3] {
        let unit = [1_000.0, (1u64 << 30) as f64, SECOND_US as f64];
        std::array::from_fn(|i| LogNormal {
            median: libm::exp(self.mean[i]) / unit[i],
            sigma: libm::sqrt((0..=i).map(|k| self.lower[i][k] * self.lower[i][k]).sum()),
        })
    }
}

/// The groups of a workload: its jobs by arrival, then app; where each group ends.
struct Groups {
    jobs: Vec<JobId>,
    ends: Vec<u32>,
}

impl Groups {
    fn of(source: &Workload) -> Groups {
        let mut jobs: Vec<JobId> = source.ids().collect();
        jobs.sort_by_key(|&job| (source.arrival(job), source.app(job), job));
        let mut ends = Vec::new();
        for (i, &job) in jobs.iter().enumerate() {
            let same =
                |next: &JobId| source.arrival(*next) == source.arrival(job) && source.app(*next) == source.app(job);
            if !jobs.get(i + 1).is_some_and(same) {
                ends.push(i as u32 + 1);
            }
        }
        Groups { jobs, ends }
    }

    fn get(&self, group: usize) -> &[JobId] {
        let from = if group == 0 { 0 } else { self.ends[group - 1] as usize };
        &self.jobs[from..self.ends[group] as usize]
    }

    fn starts_s(&self, source: &Workload) -> Vec<f64> {
        (0..self.ends.len()).map(|group| source.arrival(self.get(group)[0]).as_secs_f64()).collect()
    }
}

/// A daily curve: the rate by hour over its mean.
struct Day([f64; 24]);

impl Day {
    /// The curve of groups that begin at `starts`, hours of partial days weighed by how often they occur.
    fn of(starts: &[f64]) -> Option<Day> {
        let (first, last) = (*starts.first()?, *starts.last()?);
        if starts.len() < DAY_GROUPS || last - first < DAY_SPAN_S {
            return None;
        }
        let hour_of = |at: f64| (at / HOUR_S) as u64;
        let (mut counts, mut hours) = ([0.0; 24], [0.0; 24]);
        for &at in starts {
            counts[(hour_of(at) % 24) as usize] += 1.0;
        }
        let (begin, end) = (hour_of(first), hour_of(last));
        for (h, hours) in hours.iter_mut().enumerate() {
            // How many hours begin..=end are hour h of a day.
            let up_to = |hour: u64| (hour + 24 - h as u64) / 24;
            *hours = (up_to(end) - if begin == 0 { 0 } else { up_to(begin - 1) }) as f64;
        }
        let mut rates: [f64; 24] = std::array::from_fn(|h| if hours[h] > 0.0 { counts[h] / hours[h] } else { 0.0 });
        for _ in 0..2 {
            let mean = rates.iter().sum::<f64>() / 24.0;
            rates = rates.map(|rate| (rate / mean).max(HOUR_LEAST));
        }
        // After the floor once more to a mean of 1, so that a day of the curve is a day.
        let mean = rates.iter().sum::<f64>() / 24.0;
        Some(Day(rates.map(|rate| rate / mean)))
    }

    /// Time at an even rate up to `at`: the integral of the curve from 0.
    fn even(&self, at: f64) -> f64 {
        let days = (at / DAY_S) as u64 as f64;
        let within = at - days * DAY_S;
        let hour = ((within / HOUR_S) as usize).min(23);
        days * DAY_S
            + self.0[..hour].iter().map(|rate| rate * HOUR_S).sum::<f64>()
            + self.0[hour] * (within - hour as f64 * HOUR_S)
    }

    /// The way back.
    fn real(&self, even: f64) -> f64 {
        let days = (even / DAY_S) as u64 as f64;
        let mut left = even - days * DAY_S;
        for (hour, rate) in self.0.iter().enumerate() {
            let length = rate * HOUR_S;
            if left <= length || hour == 23 {
                return days * DAY_S + hour as f64 * HOUR_S + (left / rate).min(HOUR_S);
            }
            left -= length;
        }
        unreachable!("the last hour returns")
    }
}

/// Makes jobs like those of `source`. More jobs, or a longer time, keep the first ones.
///
/// Errors: no job in `source` (input); a rate that is none (usage); arrivals beyond a hundred years (input); more jobs
/// than the limit (budget); no group before the end (input).
pub fn like(source: &Workload, params: &LikeParams, seed: Seed) -> Result<(WorkloadBuilder, Fitted)> {
    if !(1e-6..=1e6).contains(&params.rate) {
        let what = format!("{} is not a factor between 1e-6 and 1e6 (try 1.5)", params.rate);
        return Err(Error::usage(what).in_field("--rate"));
    }
    if source.is_empty() {
        return Err(Error::input("no jobs to be like"));
    }
    let groups = Groups::of(source);
    let starts = groups.starts_s(source);
    let day = Day::of(&starts);
    let even = |at: f64| day.as_ref().map_or(at, |day| day.even(at));
    let gaps: Vec<f64> = starts.windows(2).map(|pair| even(pair[1]) - even(pair[0])).collect();
    let joint = Joint::fit(source);
    let fitted = {
        let plain: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (mean, cv) = mean_and_cv(&plain);
        Fitted {
            groups: starts.len() as u64,
            between_groups_mean_s: mean,
            between_groups_cv: cv,
            hourly_dispersion: hourly_dispersion(source),
            day: day.as_ref().map(|day| day.0),
            log_normal: joint.as_ref().map(Joint::margins),
            after_ignored: source.ids().filter(|&job| !source.after(job).is_empty()).count() as u64,
        }
    };
    let mut builder = builder_like_without_end(source);
    let mut arrivals = seed.stream(Purpose::Arrival, 2);
    let (mut at_even, mut next, mut in_block) = (even(starts[0]), 0usize, 0u64);
    let (mut made, mut group) = (0u64, 0u64);
    while params.until.is_some() || made < params.jobs {
        let at_s = day.as_ref().map_or(at_even, |day| day.real(at_even));
        if at_s > SECONDS_MAX {
            return Err(Error::input(
                "arrivals go on for more than a hundred years; fewer jobs or a higher rate will do",
            ));
        }
        let arrival = SimTime(micros(at_s));
        if params.until.is_some_and(|until| arrival >= until) {
            break;
        }
        let mut dice = seed.stream(Purpose::Shape, group);
        let drawn = groups.get(dice.below(groups.ends.len() as u64) as usize);
        let room = if params.until.is_some() { u64::MAX } else { params.jobs - made };
        let tasks = (drawn.len() as u64).min(room);
        if made + tasks > params.most_jobs {
            let most = params.most_jobs;
            return Err(Error::budget("jobs", format!("more than {most}"), most, "--max-jobs"));
        }
        let shape = [dice.normal(), dice.normal(), 0.0];
        for (task, &of) in drawn[..tasks as usize].iter().enumerate() {
            let mut job = source.job(of);
            job.app = format!("like-{group:07}");
            job.name = format!("{}-{task:03}", job.app);
            job.arrival = arrival;
            job.after.clear();
            if let (Sizes::LogNormal, Some(joint)) = (params.sizes, &joint) {
                resize(&mut job, joint, shape, &mut dice);
            }
            builder.push(job)?;
        }
        made += tasks;
        group += 1;
        if !gaps.is_empty() {
            if in_block == 0 {
                next = arrivals.below(gaps.len() as u64) as usize;
                in_block = BLOCK;
            }
            // Truncated to times that can be told apart, a group never comes before the last.
            at_even += gaps[next].max(0.0) / params.rate;
            next = (next + 1) % gaps.len();
            in_block -= 1;
        } else if params.until.is_some() {
            break;
        } else {
            at_even += 1.0 / params.rate;
        }
        if params.until.is_some() && fitted.between_groups_mean_s == 0.0 {
            break;
        }
    }
    if let (Some(until), true) = (params.until, builder.is_empty()) {
        return Err(Error::input(format!("no job arrives before {until}; a longer time will do")));
    }
    Ok((builder, fitted))
}

fn builder_like_without_end(source: &Workload) -> WorkloadBuilder {
    let mut builder = builder_like(source);
    // The source's end says nothing of jobs that arrive at other times.
    builder.no_trace_end();
    builder
}

/// Gives a batch job with CPU, memory and duration drawn ones; usage and limits keep their share of the request.
fn resize(job: &mut Job, joint: &Joint, mut shape: [f64; 3], dice: &mut Stream) {
    shape[2] = dice.normal();
    let Some(duration) = job.duration.filter(|d| d.0 > 0 && job.spec.kind == JobKind::Batch) else { return };
    if job.cpu_request.0 <= 0 || job.memory_request.0 <= 0 {
        return;
    }
    let (old_cpu, old_memory) = (job.cpu_request.0 as f64, job.memory_request.0 as f64);
    let drawn: [f64; 3] = std::array::from_fn(|i| joint.value(i, &shape).max(1.0));
    job.cpu_request = MilliCpu(drawn[0].round() as i64);
    job.memory_request = Bytes(drawn[1] as i64);
    job.duration = Some(SimDuration(drawn[2] as u64));
    let cpu = job.cpu_request.0 as f64 / old_cpu;
    let memory = job.memory_request.0 as f64 / old_memory;
    let length = drawn[2] / duration.0 as f64;
    job.cpu_limit = job.cpu_limit.map(|limit| MilliCpu(((limit.0 as f64 * cpu) as i64).max(job.cpu_request.0)));
    job.memory_limit =
        job.memory_limit.map(|limit| Bytes(((limit.0 as f64 * memory) as i64).max(job.memory_request.0)));
    for step in &mut job.usage {
        step.cpu_nano = (step.cpu_nano as f64 * cpu) as u64;
        step.memory = Bytes((step.memory.0 as f64 * memory) as i64);
        step.cache = Bytes((step.cache.0 as f64 * memory) as i64);
        if step.length_us != u64::MAX {
            step.length_us = ((step.length_us as f64 * length) as u64).max(1);
        }
    }
}

/// A quantity of source and result.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct GoodnessRow {
    /// What it is, with its unit.
    pub name: &'static str,
    /// In the source.
    pub source: Summary,
    /// In the result.
    pub made: Summary,
    /// Kolmogorov-Smirnov distance of both: 0 the same, 1 nothing in common.
    pub ks: f64,
}

/// A number of source and result.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Pair {
    /// What it is, with its unit.
    pub name: &'static str,
    /// In the source; `None`: not defined.
    pub source: Option<f64>,
    /// In the result.
    pub made: Option<f64>,
}

/// How near a result comes to its source.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Goodness {
    /// Distributions, each by itself.
    pub margins: Vec<GoodnessRow>,
    /// Spearman's rank correlations of what belongs together.
    pub correlations: Vec<Pair>,
    /// Arrivals and offered load: means and dispersion.
    pub totals: Vec<Pair>,
}

/// Compares `made` with `source`.
pub fn goodness(source: &Workload, made: &Workload) -> Goodness {
    let mut margins = Vec::new();
    type Margin = (&'static str, fn(&Workload) -> Vec<f64>);
    let lists: [Margin; 7] = [
        ("time between arrivals, s", between_arrivals),
        ("duration, s", |w| w.ids().filter_map(|job| Some(w.duration(job)?.as_secs_f64())).collect()),
        ("CPU request, cores", |w| w.ids().map(|job| w.cpu_request(job).as_cores_f64()).collect()),
        ("memory request, GiB", |w| w.ids().map(|job| w.memory_request(job).0 as f64 / (1u64 << 30) as f64).collect()),
        ("jobs that arrive together", |w| {
            let groups = Groups::of(w);
            (0..groups.ends.len()).map(|group| groups.get(group).len() as f64).collect()
        }),
        ("mean CPU used / requested", |w| usage_shares(w, 0)),
        ("mean memory used / requested", |w| usage_shares(w, 1)),
    ];
    for (name, list) in lists {
        let (mut a, mut b) = (list(source), list(made));
        if let (Some(of_source), Some(of_made)) = (Summary::of(&mut a), Summary::of(&mut b)) {
            let ks = ks_distance(&a, &b).unwrap_or(1.0);
            margins.push(GoodnessRow { name, source: of_source, made: of_made, ks });
        }
    }
    type Pairs = (&'static str, usize, usize);
    let pairs: [Pairs; 3] = [("CPU and memory", 0, 1), ("CPU and duration", 0, 2), ("memory and duration", 1, 2)];
    let ranked = |w: &Workload, i: usize, j: usize| {
        let sizes: Vec<(f64, f64)> =
            w.ids().filter_map(|job| sizes_of(w, job)).take(RANKED_MAX).map(|s| (s[i], s[j])).collect();
        rank_correlation(&sizes)
    };
    let correlations =
        pairs.map(|(name, i, j)| Pair { name, source: ranked(source, i, j), made: ranked(made, i, j) }).to_vec();
    let (a, b) = (stats(source, 0), stats(made, 0));
    let per_hour = |s: &crate::workload::stats::WorkloadStats| {
        let hours = (s.last_arrival_s - s.first_arrival_s) / HOUR_S;
        (hours > 0.0).then(|| s.jobs as f64 / hours)
    };
    let totals = vec![
        Pair { name: "jobs", source: Some(a.jobs as f64), made: Some(b.jobs as f64) },
        Pair { name: "arrivals an hour", source: per_hour(&a), made: per_hour(&b) },
        Pair {
            name: "variation of times between arrivals",
            source: Some(a.between_arrivals_cv),
            made: Some(b.between_arrivals_cv),
        },
        Pair { name: "variance / mean of hourly arrivals", source: a.hourly_dispersion, made: b.hourly_dispersion },
        Pair {
            name: "mean cores requested at once",
            source: Some(a.at_once.cpu_cores.mean),
            made: Some(b.at_once.cpu_cores.mean),
        },
        Pair {
            name: "peak cores requested at once",
            source: Some(a.at_once.cpu_cores.peak),
            made: Some(b.at_once.cpu_cores.peak),
        },
        Pair {
            name: "mean GiB requested at once",
            source: Some(a.at_once.memory_gib.mean),
            made: Some(b.at_once.memory_gib.mean),
        },
        Pair {
            name: "share of core-seconds in the top 1 %",
            source: a.top_percent_work_share,
            made: b.top_percent_work_share,
        },
    ];
    Goodness { margins, correlations, totals }
}

/// Mean CPU (0) or memory (1) over the request, of jobs with a usage of their own and a request.
fn usage_shares(w: &Workload, which: usize) -> Vec<f64> {
    let share = |job: JobId| {
        let used = job_usage(w.profile(job), w.duration(job))?;
        let (used, asked) = match which {
            0 => (used.cpu_mean, w.cpu_request(job).as_cores_f64()),
            _ => (used.memory_mean, w.memory_request(job).0 as f64),
        };
        // To a millionth: rounding to whole bytes is no difference between distributions.
        (asked > 0.0).then(|| (used / asked * 1e6).round() / 1e6)
    };
    w.ids().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::UsageMode;
    use crate::workload::generator::{GeneratorParams, MixLimits, mix};

    fn source(jobs: u64) -> Workload {
        let params = GeneratorParams { jobs, rate_per_second: 0.02, ..GeneratorParams::default() };
        let builder = mix(&params, &MixLimits::default(), Seed(11)).unwrap();
        let w = builder.finish(UsageMode::default(), Seed(11)).unwrap();
        w.with_usage_steps(SimTime::NEVER, 3, 1 << 30).unwrap()
    }

    const ASKED: LikeParams =
        LikeParams { jobs: 20_000, until: None, most_jobs: 1_000_000, rate: 1.0, sizes: Sizes::Empirical };

    fn made(source: &Workload, params: &LikeParams, seed: u64) -> (Workload, Fitted) {
        let (builder, fitted) = like(source, params, Seed(seed)).unwrap();
        (builder.finish(source.usage(), Seed(seed)).unwrap(), fitted)
    }

    /// What two draws of one distribution may differ by. Requests are the same within a group, and a few groups of hundreds
    /// make up much of all jobs, so they differ more.
    fn noise(row: &GoodnessRow) -> f64 {
        if row.name.contains("request, ") { 0.2 } else { 0.08 }
    }

    #[test]
    fn what_is_made_is_like_its_source() {
        let source = source(20_000);
        let (w, fitted) = made(&source, &ASKED, 3);
        assert_eq!(w.len(), 20_000);
        // The mix peaks at 14 h with 1.45 and is lowest at 2 h with 0.55.
        let day = fitted.day.unwrap();
        assert!(day[13] > 1.2 && day[2] < 0.8, "{day:?}");
        let found = goodness(&source, &w);
        assert_eq!(found.margins.len(), 7);
        for row in &found.margins {
            assert!(row.ks < noise(row), "{row:?}");
        }
        for pair in &found.correlations {
            assert!((pair.source.unwrap() - pair.made.unwrap()).abs() < 0.1, "{pair:?}");
        }
        let rate = &found.totals[1];
        assert!((rate.made.unwrap() / rate.source.unwrap() - 1.0).abs() < 0.15, "{rate:?}");
        // Bursts stay: far more than a Poisson process, about as much as the source.
        let dispersion = &found.totals[3];
        assert!(dispersion.made.unwrap() > 0.4 * dispersion.source.unwrap(), "{dispersion:?}");
        // Arrivals at an even rate are told apart from it: the measure can fail.
        let params = GeneratorParams { jobs: 20_000, duration_median_s: 30.0, ..GeneratorParams::default() };
        let other = super::super::generate("poisson", &params, Seed(1)).unwrap();
        let other = other.finish(UsageMode::Request, Seed(1)).unwrap();
        let far = goodness(&source, &other);
        assert!(far.margins[0].ks > 0.2 && far.margins[1].ks > 0.2, "{:?}", far.margins);
    }

    #[test]
    fn a_log_normal_fit_keeps_what_belongs_together() {
        let source = source(10_000);
        let (w, fitted) = made(&source, &LikeParams { jobs: 10_000, sizes: Sizes::LogNormal, ..ASKED }, 3);
        let [cpu, _, duration] = fitted.log_normal.unwrap();
        assert!((cpu.median - 0.5).abs() < 0.1 && (duration.sigma - 1.9).abs() < 0.1, "{fitted:?}");
        let found = goodness(&source, &w);
        for row in &found.margins {
            assert!(row.ks < noise(row), "{row:?}");
        }
        // CPU and memory go together in the mix.
        let pair = &found.correlations[0];
        assert!(pair.source.unwrap() > 0.8 && pair.made.unwrap() > 0.8, "{pair:?}");
        let most = source.ids().map(|job| source.cpu_request(job)).max();
        assert!(w.ids().map(|job| w.cpu_request(job)).max() <= most);
    }

    #[test]
    fn more_jobs_keep_the_first_and_time_and_rate_hold() {
        let source = source(3_000);
        let rows = |w: &Workload| {
            w.ids().map(|job| (w.name(job).to_owned(), w.arrival(job), w.duration(job))).collect::<Vec<_>>()
        };
        let many = rows(&made(&source, &LikeParams { jobs: 2_000, ..ASKED }, 5).0);
        let few = rows(&made(&source, &LikeParams { jobs: 1_000, ..ASKED }, 5).0);
        assert_eq!(few[..900], many[..900]);
        assert_ne!(few, rows(&made(&source, &LikeParams { jobs: 1_000, ..ASKED }, 6).0));
        let until = SimTime(7_200 * SECOND_US);
        let (short, _) = made(&source, &LikeParams { until: Some(until), ..ASKED }, 5);
        assert!(short.ids().all(|job| short.arrival(job) < until));
        let fast = rows(&made(&source, &LikeParams { jobs: 2_000, rate: 10.0, ..ASKED }, 5).0);
        assert!(fast[1_999].1.0 < many[1_999].1.0 / 5);
        let over = LikeParams { until: Some(until), most_jobs: 3, ..ASKED };
        assert_eq!(like(&source, &over, Seed(5)).unwrap_err().exit_code(), 3);
        for rate in [0.0, -1.0, f64::NAN, 1e7] {
            assert_eq!(like(&source, &LikeParams { rate, ..ASKED }, Seed(5)).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn a_day_goes_there_and_back() {
        let day = Day(std::array::from_fn(|h| if h < 12 { 0.5 } else { 1.5 }));
        for at in [0.0, 1.0, 43_200.0, 50_000.0, 86_399.0, 86_400.0, 1e7, 12_345_678.9] {
            assert!((day.real(day.even(at)) - at).abs() < 1e-3, "{at}");
        }
        // Half a day at half the rate: 6 h.
        assert_eq!(day.even(43_200.0), 21_600.0);
    }

    #[test]
    fn a_single_job_and_jobs_at_one_instant_have_their_like() {
        let mut b = WorkloadBuilder::new();
        b.push(Job::batch("a", SimTime(5), SimDuration(7), MilliCpu(1), Bytes(1))).unwrap();
        let one = b.finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(made(&one, &LikeParams { jobs: 3, ..ASKED }, 1).0.len(), 3);
        let until = Some(SimTime(SECOND_US));
        assert_eq!(made(&one, &LikeParams { until, ..ASKED }, 1).0.len(), 1);
        let mut b = WorkloadBuilder::new();
        for i in 0..3 {
            let mut job = Job::batch(format!("{i}"), SimTime(5), SimDuration(0), MilliCpu(0), Bytes(0));
            job.app = format!("{i}");
            b.push(job).unwrap();
        }
        let many = b.finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(made(&many, &LikeParams { until, sizes: Sizes::LogNormal, ..ASKED }, 1).0.len(), 1);
        assert_eq!(goodness(&many, &one).correlations[0].source, None);
    }
}
