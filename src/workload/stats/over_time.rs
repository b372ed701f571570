//! What jobs hold over time if each runs from its arrival for its duration and nothing waits: peaks, means and a
//! timeline. Sums are integers; only what comes out is divided.

use serde::Serialize;

use crate::units::{SECOND_US, SimTime};
use crate::workload::{Capacity, JobKind, Workload, offered};

/// Stretches of a timeline.
const STRETCHES: u64 = 240;

/// Peak and mean over time of what jobs hold.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Held {
    /// Most at one moment.
    pub peak: f64,
    /// Mean from the first arrival to the last known end.
    pub mean: f64,
}

/// What is held together, by resource.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct OverTime {
    /// Jobs at once.
    pub jobs: Held,
    /// Cores requested at once.
    pub cpu_cores: Held,
    /// GiB of memory requested at once.
    pub memory_gib: Held,
    /// GPUs requested at once.
    pub gpus: Held,
    /// Means stretch by stretch, for charts.
    #[serde(skip)]
    pub timeline: Vec<Stretch>,
}

/// A stretch of the timeline: from, to, and means of jobs, cores, GiB and GPUs in it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Stretch {
    /// Begins here.
    pub from: SimTime,
    /// Ends here.
    pub to: SimTime,
    /// Mean number of jobs.
    pub jobs: f64,
    /// Mean cores requested.
    pub cpu_cores: f64,
    /// Mean GiB requested.
    pub memory_gib: f64,
    /// Mean GPUs requested.
    pub gpus: f64,
}

const GIB: f64 = (1u64 << 30) as f64;
const UNITS: [f64; 4] = [1.0, 1_000.0, GIB, 1_000.0];

/// First arrival, and last end or arrival, of `workload`.
pub(super) fn span(workload: &Workload) -> (SimTime, SimTime) {
    let first = workload.ids().next().map_or(SimTime::ZERO, |job| workload.arrival(job));
    let mut last = workload.trace_end().unwrap_or(SimTime::ZERO).max(first);
    for (job, end) in workload.ids().zip(workload.uncontended_ends()) {
        let end = match (workload.spec(job).kind, workload.duration(job)) {
            (JobKind::Service, Some(duration)) => end + duration,
            _ => end,
        };
        // A removal long after everything is over tells nothing of the trace.
        if end != SimTime::NEVER {
            last = last.max(end);
        }
    }
    (first, last)
}

/// What `workload` holds over time. Open ends last until the last known end.
pub(super) fn over_time(workload: &Workload) -> OverTime {
    let (from, to) = span(workload);
    let length = to.0 - from.0;
    let peaks = offered(workload, Capacity::default());
    let mut out = OverTime::default();
    // Whole microseconds a stretch; the last one may be shorter.
    let step = length.div_ceil(STRETCHES).max(1);
    let stretches = length.div_ceil(step) as usize;
    // Sums of amount × µs: parts of stretches, and changes of what is held through whole ones.
    let mut parts = vec![[0i128; 4]; stretches];
    let mut changes = vec![[0i128; 4]; stretches + 1];
    let ends = workload.uncontended_ends();
    for job in workload.ids() {
        let duration = workload.duration(job);
        let begin = match (workload.spec(job).kind, duration) {
            (JobKind::Batch, Some(duration)) => SimTime(ends[job.index()].0 - duration.0),
            _ => ends[job.index()],
        };
        let end = duration.map_or(to, |duration| begin + duration).min(to);
        if end <= begin {
            continue;
        }
        let gpus: i128 = workload.spec(job).gpus.iter().map(|share| i128::from(*share)).sum();
        let amounts = [1, i128::from(workload.cpu_request(job).0), i128::from(workload.memory_request(job).0), gpus];
        let (begin, end) = (begin.0 - from.0, end.0 - from.0);
        let (first, last) = ((begin / step) as usize, ((end - 1) / step) as usize);
        let mut add = |stretch: usize, us: u64| {
            for (sum, amount) in parts[stretch].iter_mut().zip(amounts) {
                *sum += amount * i128::from(us);
            }
        };
        if first == last {
            add(first, end - begin);
            continue;
        }
        add(first, (first as u64 + 1) * step - begin);
        add(last, end - last as u64 * step);
        for i in 0..4 {
            changes[first + 1][i] += amounts[i];
            changes[last][i] -= amounts[i];
        }
    }
    let (mut held, mut totals) = ([0i128; 4], [0i128; 4]);
    for (stretch, part) in parts.iter().enumerate() {
        let begin = stretch as u64 * step;
        let us = step.min(length - begin);
        let mut means = [0.0; 4];
        for i in 0..4 {
            held[i] += changes[stretch][i];
            let sum = part[i] + held[i] * i128::from(step);
            totals[i] += sum;
            means[i] = sum as f64 / us as f64 / UNITS[i];
        }
        out.timeline.push(Stretch {
            from: SimTime(from.0 + begin),
            to: SimTime(from.0 + begin + us),
            jobs: means[0],
            cpu_cores: means[1],
            memory_gib: means[2],
            gpus: means[3],
        });
    }
    let mean = |i: usize| if length == 0 { 0.0 } else { totals[i] as f64 / length as f64 / UNITS[i] };
    out.jobs = Held { peak: peaks.jobs_peak as f64, mean: mean(0) };
    out.cpu_cores = Held { peak: peaks.cpu_peak_milli as f64 / UNITS[1], mean: mean(1) };
    out.memory_gib = Held { peak: peaks.memory_peak_bytes as f64 / UNITS[2], mean: mean(2) };
    out.gpus = Held { peak: peaks.gpu_peak_milli as f64 / UNITS[3], mean: mean(3) };
    out
}

/// Seconds of `us`.
pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / SECOND_US as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimDuration};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    #[test]
    fn means_and_timeline_are_integrals_and_peaks_are_those_of_the_offered_load() {
        // Over 1,000 µs: a holds 1 core for 300 of them, b 2 cores from 200 to 1,000, c a core from 900 on, openly.
        let mut b = WorkloadBuilder::new();
        let job = |name: &str, at: u64, us: u64, cores: i64| {
            Job::batch(name, SimTime(at), SimDuration(us), MilliCpu(cores * 1_000), Bytes::gib(1))
        };
        b.push(job("a", 5_000, 300, 1)).unwrap();
        b.push(job("b", 5_200, 800, 2)).unwrap();
        b.push(Job::service("c", SimTime(5_900), MilliCpu(1_000), Bytes(0))).unwrap();
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        let got = over_time(&w);
        // Cores: (300 × 1 + 800 × 2 + 100 × 1) / 1,000 = 2; jobs: (300 + 800 + 100) / 1,000 = 1.2; GiB: 1.1.
        assert_eq!((got.cpu_cores.peak, got.cpu_cores.mean), (3.0, 2.0));
        assert_eq!((got.jobs.peak, got.jobs.mean), (2.0, 1.2));
        assert_eq!(got.memory_gib, Held { peak: 2.0, mean: 1.1 });
        assert_eq!((got.timeline[0].from, got.timeline.last().unwrap().to), (SimTime(5_000), SimTime(6_000)));
        let integral: f64 = got.timeline.iter().map(|s| s.cpu_cores * (s.to.0 - s.from.0) as f64).sum();
        assert!((integral - 2_000.0).abs() < 1e-6, "{integral}");
        // Stretches of 5 µs: from 195 to 200 one job, from 200 to 205 two.
        assert_eq!((got.timeline[39].jobs, got.timeline[40].jobs), (1.0, 2.0));
    }

    #[test]
    fn nothing_and_no_time_are_no_trouble() {
        let w = WorkloadBuilder::new().finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(over_time(&w), OverTime::default());
        let mut b = WorkloadBuilder::new();
        b.push(Job::batch("a", SimTime(7), SimDuration(0), MilliCpu(1), Bytes(1))).unwrap();
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        assert!(over_time(&w).timeline.is_empty());
    }
}
