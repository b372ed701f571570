//! What a workload is like in figures: how many jobs, how long, how large, how they arrive, how many at once, what they
//! use of what they ask for.
//!
//! Pure and exact up to the last division: the same workload gives the same figures. Hosts are not known here.

mod over_time;
mod summary;

pub use over_time::{Held, OverTime, Stretch};
pub use summary::{LogNormal, Summary, hill, ks_distance, mean_and_cv, quantile, rank_correlation};

use serde::Serialize;

use super::{JobKind, NOMINAL_STEP, UsageStep, Workload};
use crate::ids::JobId;
use crate::units::{SECOND_US, SimDuration};
use over_time::seconds;

/// Share of the longest durations over which the tail index is taken.
pub const TAIL_SHARE: f64 = 0.05;
const HOUR_US: u64 = 3_600 * SECOND_US;
const GIB: f64 = (1u64 << 30) as f64;

/// The figures of a workload.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct WorkloadStats {
    /// Jobs.
    pub jobs: u64,
    /// Of these, amounts of work that end.
    pub batch_jobs: u64,
    /// Of these, services.
    pub services: u64,
    /// Services whose end is not known; they have no duration.
    pub open_ended: u64,
    /// Apps; jobs that name none are one.
    pub apps: u64,
    /// First arrival, seconds into the trace.
    pub first_arrival_s: f64,
    /// Last arrival, seconds into the trace.
    pub last_arrival_s: f64,
    /// Last known end if nothing waits, seconds into the trace.
    pub last_end_s: f64,
    /// How long jobs run, in seconds: work of batch jobs, known lifetimes of services.
    pub duration_s: Option<Summary>,
    /// The log-normal fit to durations above 0, median in seconds.
    pub duration_fit: Option<LogNormal>,
    /// Hill's tail index of the longest 5 % of durations.
    pub duration_tail_index: Option<f64>,
    /// CPU requests of all jobs, in cores.
    pub cpu_cores: Option<Summary>,
    /// Memory requests of all jobs, in GiB.
    pub memory_gib: Option<Summary>,
    /// GPUs requested, of jobs that request some; a half is a half.
    pub gpus: Option<Summary>,
    /// Jobs of each app.
    pub jobs_per_app: Option<Summary>,
    /// What is held at once if nothing waits.
    pub at_once: OverTime,
    /// Times between one arrival of a job and the next, in seconds.
    pub between_arrivals_s: Option<Summary>,
    /// Their coefficient of variation; 1 for a Poisson process.
    pub between_arrivals_cv: f64,
    /// Arrivals of jobs by hour of the day; hour 0 begins with the day of the trace's own clock.
    pub arrivals_by_hour: [u64; 24],
    /// Variance ÷ mean of arrivals hour by hour, from the first to the last arrival; 1 for a Poisson process.
    pub hourly_dispersion: Option<f64>,
    /// Share of all core-seconds (request × duration) that the largest 1 % of jobs have; `None` where no job requests CPU.
    pub top_percent_work_share: Option<f64>,
    /// What jobs use of what they request, where the trace tells.
    pub usage: Option<UsageStats>,
}

/// What jobs with a usage of their own use of what they request. Only jobs with a request above 0 count for a resource.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct UsageStats {
    /// Jobs with a usage of their own.
    pub jobs: u64,
    /// Steps of usage of them all.
    pub steps: u64,
    /// A job's mean CPU over time ÷ its request.
    pub cpu_mean: Option<Summary>,
    /// A job's most CPU ÷ its request.
    pub cpu_peak: Option<Summary>,
    /// A job's mean memory over time ÷ its request.
    pub memory_mean: Option<Summary>,
    /// A job's most memory ÷ its request.
    pub memory_peak: Option<Summary>,
}

/// Means and peaks of one job's usage.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct JobUsage {
    /// Mean CPU over time, cores.
    pub cpu_mean: f64,
    /// Most CPU, cores.
    pub cpu_peak: f64,
    /// Mean memory over time, bytes.
    pub memory_mean: f64,
    /// Most memory, bytes.
    pub memory_peak: f64,
}

/// Means and peaks of `steps`, the last of which lasts until `duration` is over; without a duration, or where it lasts
/// for ever, it counts as five minutes. `None` without steps.
pub fn job_usage(steps: &[UsageStep], duration: Option<SimDuration>) -> Option<JobUsage> {
    let mut left = duration.map(|duration| duration.0);
    let mut out = JobUsage::default();
    let (mut cpu, mut memory, mut length) = (0u128, 0i128, 0u128);
    for (i, step) in steps.iter().enumerate() {
        let us = match left {
            Some(left) if i + 1 == steps.len() => left,
            Some(left) => step.length_us.min(left),
            None if step.length_us == u64::MAX => NOMINAL_STEP,
            None => step.length_us,
        };
        left = left.map(|left| left - us);
        cpu += u128::from(step.cpu_nano) * u128::from(us);
        memory += i128::from(step.memory.0) * i128::from(us);
        length += u128::from(us);
        if us > 0 || i == 0 {
            out.cpu_peak = out.cpu_peak.max(step.cpu_nano as f64 / 1e9);
            out.memory_peak = out.memory_peak.max(step.memory.0 as f64);
        }
    }
    let first = steps.first()?;
    if length == 0 {
        out.cpu_mean = first.cpu_nano as f64 / 1e9;
        out.memory_mean = first.memory.0 as f64;
    } else {
        out.cpu_mean = cpu as f64 / length as f64 / 1e9;
        out.memory_mean = memory as f64 / length as f64;
    }
    Some(out)
}

/// GPUs that `job` requests.
fn gpus_of(workload: &Workload, job: JobId) -> f64 {
    workload.spec(job).gpus.iter().map(|share| f64::from(*share)).sum::<f64>() / 1_000.0
}

/// Seconds between one arrival and the next, in order of arrival.
pub fn between_arrivals(workload: &Workload) -> Vec<f64> {
    let mut last = None;
    let mut gaps = Vec::with_capacity(workload.len());
    for job in workload.ids() {
        let at = workload.arrival(job);
        if let Some(before) = last.replace(at) {
            gaps.push(seconds(at.since(before).0));
        }
    }
    gaps
}

/// The figures of `workload`; `origin_us` is the moment of the trace's own clock that is time 0, for the hours of a day.
pub fn stats(workload: &Workload, origin_us: u64) -> WorkloadStats {
    let mut batch = 0u64;
    let (mut durations, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gpus, mut work) = (Vec::new(), Vec::new());
    let mut by_hour = [0u64; 24];
    for job in workload.ids() {
        batch += u64::from(workload.spec(job).kind == JobKind::Batch);
        cpu.push(workload.cpu_request(job).as_cores_f64());
        memory.push(workload.memory_request(job).0 as f64 / GIB);
        let devices = gpus_of(workload, job);
        if devices > 0.0 {
            gpus.push(devices);
        }
        if let Some(duration) = workload.duration(job) {
            durations.push(seconds(duration.0));
            work.push(seconds(duration.0) * workload.cpu_request(job).as_cores_f64());
        }
        let hour = workload.arrival(job).0.wrapping_add(origin_us) / HOUR_US % 24;
        by_hour[hour as usize] += 1;
    }
    let jobs = workload.len() as u64;
    let duration_s = Summary::of(&mut durations);
    let mut gaps = between_arrivals(workload);
    let (_, cv) = mean_and_cv(&gaps);
    let (first, last_end) = over_time::span(workload);
    let last_arrival = workload.ids().last().map_or(first, |job| workload.arrival(job));
    let mut per_app: Vec<f64> = workload.apps().iter().map(|app| app.jobs.len() as f64).collect();
    WorkloadStats {
        jobs,
        batch_jobs: batch,
        services: jobs - batch,
        open_ended: jobs - durations.len() as u64,
        apps: workload.apps().len() as u64,
        first_arrival_s: first.as_secs_f64(),
        last_arrival_s: last_arrival.as_secs_f64(),
        last_end_s: last_end.as_secs_f64(),
        duration_s,
        duration_fit: LogNormal::fit(&durations),
        duration_tail_index: hill(&durations, TAIL_SHARE),
        cpu_cores: Summary::of(&mut cpu),
        memory_gib: Summary::of(&mut memory),
        gpus: Summary::of(&mut gpus),
        jobs_per_app: Summary::of(&mut per_app),
        at_once: over_time::over_time(workload),
        between_arrivals_s: Summary::of(&mut gaps),
        between_arrivals_cv: cv,
        arrivals_by_hour: by_hour,
        hourly_dispersion: hourly_dispersion(workload),
        top_percent_work_share: top_share(&mut work),
        usage: usage_stats(workload),
    }
}

/// Variance over mean of arrivals in whole hours from the first arrival on; the last, cut one does not count. `None` for
/// fewer than two whole hours, or where hours are too many to count (a million).
pub fn hourly_dispersion(workload: &Workload) -> Option<f64> {
    let first = workload.arrival(workload.ids().next()?);
    let last = workload.arrival(workload.ids().last()?);
    let hours = last.since(first).0 / HOUR_US;
    if !(2..=1_000_000).contains(&hours) {
        return None;
    }
    let mut counts = vec![0.0; hours as usize];
    for job in workload.ids() {
        let hour = workload.arrival(job).since(first).0 / HOUR_US;
        if let Some(count) = counts.get_mut(hour as usize) {
            *count += 1.0;
        }
    }
    let (mean, cv) = mean_and_cv(&counts);
    // variance / mean = (cv × mean)² / mean.
    (mean > 0.0).then_some(cv * cv * mean)
}

/// The share of the sum that the largest 1 % have, rounded down, at least one.
fn top_share(work: &mut [f64]) -> Option<f64> {
    work.sort_unstable_by(|a, b| b.total_cmp(a));
    let all: f64 = work.iter().sum();
    let top = (work.len() / 100).max(1).min(work.len());
    (all > 0.0).then(|| work[..top].iter().sum::<f64>() / all)
}

fn usage_stats(workload: &Workload) -> Option<UsageStats> {
    let (mut jobs, mut steps) = (0, 0);
    let mut lists: [Vec<f64>; 4] = Default::default();
    for job in workload.ids() {
        let profile = workload.profile(job);
        let Some(used) = job_usage(profile, workload.duration(job)) else { continue };
        jobs += 1;
        steps += profile.len() as u64;
        let cpu = workload.cpu_request(job).as_cores_f64();
        let memory = workload.memory_request(job).0 as f64;
        if cpu > 0.0 {
            lists[0].push(used.cpu_mean / cpu);
            lists[1].push(used.cpu_peak / cpu);
        }
        if memory > 0.0 {
            lists[2].push(used.memory_mean / memory);
            lists[3].push(used.memory_peak / memory);
        }
    }
    let [cpu_mean, cpu_peak, memory_mean, memory_peak] = lists.map(|mut list| Summary::of(&mut list));
    (jobs > 0).then_some(UsageStats { jobs, steps, cpu_mean, cpu_peak, memory_mean, memory_peak })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimTime};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    fn step(length_us: u64, milli: u64, memory: i64) -> UsageStep {
        UsageStep { length_us, cpu_nano: milli * 1_000_000, memory: Bytes(memory), cache: Bytes(0) }
    }

    #[test]
    fn usage_is_weighed_by_time_and_the_last_step_lasts() {
        // 100 µs at 1 core, then 300 µs (of 400 in all) at 2 cores: (100 + 600) / 400 = 1.75.
        let used = job_usage(&[step(100, 1_000, 4), step(1, 2_000, 8)], Some(SimDuration(400))).unwrap();
        assert_eq!((used.cpu_mean, used.cpu_peak, used.memory_mean, used.memory_peak), (1.75, 2.0, 7.0, 8.0));
        // A step that the job does not live to see counts for nothing.
        let used = job_usage(&[step(100, 1_000, 4), step(50, 9_000, 99)], Some(SimDuration(100))).unwrap();
        assert_eq!((used.cpu_mean, used.cpu_peak, used.memory_peak), (1.0, 1.0, 4.0));
        // Without an end the last step, which lasts for ever, counts as five minutes.
        let used = job_usage(&[step(NOMINAL_STEP, 1_000, 0), step(u64::MAX, 3_000, 0)], None).unwrap();
        assert_eq!(used.cpu_mean, 2.0);
        assert_eq!(job_usage(&[], None), None);
    }

    #[test]
    fn figures_of_a_small_workload_by_hand() {
        let mut b = WorkloadBuilder::new();
        for (i, (at, length, cores)) in [(0, 10, 1), (1, 20, 2), (3, 30, 4)].into_iter().enumerate() {
            let (at, length) = (SimTime(at * SECOND_US), SimDuration::from_secs(length));
            let mut job = Job::batch(format!("j{i}"), at, length, MilliCpu(cores * 1_000), Bytes::gib(cores));
            if i == 0 {
                job.usage = vec![step(u64::MAX, 500, 1 << 29)];
                job.spec.gpus = vec![500];
            }
            b.push(job).unwrap();
        }
        b.push(Job::service("s", SimTime(2 * HOUR_US), MilliCpu(0), Bytes(0))).unwrap();
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        let got = stats(&w, 23 * HOUR_US);
        assert_eq!((got.jobs, got.batch_jobs, got.services, got.open_ended, got.apps), (4, 3, 1, 1, 1));
        let duration = got.duration_s.unwrap();
        assert_eq!((duration.count, duration.p50, duration.sum), (3, 20.0, 60.0));
        assert_eq!(got.cpu_cores.unwrap().sum, 7.0);
        assert_eq!(got.gpus.unwrap(), Summary::of(&mut [0.5]).unwrap());
        // Gaps of 1, 2 and 7,197 s.
        assert_eq!(got.between_arrivals_s.unwrap().p50, 2.0);
        // Time 0 is 23 h of the trace's day: three jobs then, one at 1 h.
        assert_eq!((got.arrivals_by_hour[23], got.arrivals_by_hour[1]), (3, 1));
        // Work is 10, 40 and 120 core-seconds; the top job has 120 of 170.
        assert_eq!(got.top_percent_work_share, Some(120.0 / 170.0));
        // Hours: 3 and 0 arrivals; mean 1.5, variance 2.25: 1.5.
        assert!((got.hourly_dispersion.unwrap() - 1.5).abs() < 1e-12);
        let usage = got.usage.unwrap();
        assert_eq!((usage.jobs, usage.steps), (1, 1));
        assert_eq!((usage.cpu_mean.unwrap().p50, usage.memory_peak.unwrap().p50), (0.5, 0.5));
    }
}
