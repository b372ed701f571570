//! Offered load: what the jobs would hold if every one ran from its arrival for its duration and nothing waited; and
//! the scaling of arrivals to a wanted share of the cluster.
//!
//! Depends on no orchestrator and knows no host: two runs of one workload have the same offered load. Capacities come
//! in as three sums. Floats appear only in shares; times and sums are integers.

use serde::Serialize;

use super::{JobKind, LONGEST_US, OPEN, Workload};
use crate::error::{Error, Result};
use crate::units::SimTime;

/// The resources a load can be asked of, in the order that decides ties.
pub const LOAD_RESOURCES: [&str; 3] = ["cpu", "memory", "gpu"];

/// What a whole cluster has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capacity {
    /// Sum of CPU, milli-CPU.
    pub cpu_milli: i64,
    /// Sum of memory.
    pub memory_bytes: i64,
    /// Sum of GPU thousandths.
    pub gpu_milli: i64,
}

/// Peaks over time of what is offered. At one instant ends precede starts; a job of duration 0 never counts; open ends
/// last for ever, services with a duration that long; a batch job with `after` starts when what it waits for ended.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Offered {
    /// Most CPU requested at one moment, milli-CPU.
    pub cpu_peak_milli: i64,
    /// Most memory requested at one moment.
    pub memory_peak_bytes: i64,
    /// Most GPU thousandths requested at one moment.
    pub gpu_peak_milli: i64,
    /// Most jobs at one moment.
    pub jobs_peak: usize,
    /// `cpu_peak_milli` over the cluster's CPU; 0 without capacity.
    pub cpu_share: f64,
    /// `memory_peak_bytes` over the cluster's memory; 0 without capacity.
    pub memory_share: f64,
    /// `gpu_peak_milli` over the cluster's GPUs; 0 without GPUs.
    pub gpu_share: f64,
}

impl Offered {
    /// Peak shares in order of [`LOAD_RESOURCES`].
    pub fn shares(&self) -> [f64; 3] {
        [self.cpu_share, self.memory_share, self.gpu_share]
    }

    /// The resource with the highest share, as an index into [`LOAD_RESOURCES`]; the first of equals.
    pub fn highest(&self) -> u8 {
        let shares = self.shares();
        let mut best = 0;
        for (i, share) in shares.iter().enumerate() {
            if *share > shares[best] {
                best = i;
            }
        }
        best as u8
    }
}

/// A wanted load: the resource (`None`: the one with the highest share) and its peak share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LoadScale {
    /// Index into [`LOAD_RESOURCES`].
    pub resource: Option<u8>,
    /// Wanted peak share of the cluster, 0.7 for 70 %.
    pub share: f64,
}

/// Largest share that makes sense to ask for: a thousand clusters' worth.
const SHARE_MAX: f64 = 1000.0;

impl LoadScale {
    /// Reads `0.7`, `cpu=0.7`, `memory=0.7` or `gpu=0.7`.
    pub fn parse(text: &str) -> Result<Self> {
        let (resource, number) = match text.split_once('=') {
            None => (None, text),
            Some((name, number)) => match LOAD_RESOURCES.iter().position(|r| *r == name.trim()) {
                Some(index) => (Some(index as u8), number),
                None => {
                    let why = crate::error::unknown_name("resource", name, &LOAD_RESOURCES);
                    return Err(Error::usage(why).in_field("--load"));
                }
            },
        };
        match number.trim().parse::<f64>() {
            Ok(share) if share > 0.0 && share <= SHARE_MAX => Ok(LoadScale { resource, share }),
            _ => Err(Error::usage(format!(
                "\"{number}\" is not a share of the cluster above 0 and up to {SHARE_MAX} (try 0.7 or cpu=0.7)"
            ))
            .in_field("--load")),
        }
    }
}

/// What [`scale_to`] did.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Scaled {
    /// What the times between arrivals were divided by.
    pub factor: f64,
    /// The offered load reached; compare its share with the one asked for.
    pub offered: Offered,
    /// The resource that decided, as an index into [`LOAD_RESOURCES`].
    pub resource: u8,
}

/// The offered load of `workload` on a cluster of that capacity.
pub fn offered(workload: &Workload, capacity: Capacity) -> Offered {
    peaks(workload, capacity, |us| us)
}

/// How many starts are looked at together: the ends of so many jobs, and of those that run, are in memory at once. Few in
/// tests, so that these see what lies between.
const TOGETHER: usize = if cfg!(test) { 3 } else { 1 << 17 };

/// The same if every arrival were at `map` of it; `map` keeps order.
fn peaks(workload: &Workload, capacity: Capacity, map: impl Fn(u64) -> u64) -> Offered {
    let mapped = workload.ids().map(|job| (map(workload.arrival(job).0), job.0));
    if workload.after.is_empty() {
        return peaks_of(workload, capacity, mapped);
    }
    // An uncontended end less the duration is the shifted start; a service's uncontended end is its start.
    let mut ends = workload.uncontended_ends_from(mapped.map(|(at, _)| SimTime(at)).collect());
    for job in workload.ids() {
        if let (JobKind::Batch, Some(duration)) = (workload.spec(job).kind, workload.duration(job)) {
            ends[job.index()] = ends[job.index()] - duration;
        }
    }
    let mut starts: Vec<(u64, u32)> = ends.iter().zip(0..).map(|(begin, job)| (begin.0, job)).collect();
    drop(ends);
    starts.sort_unstable();
    peaks_of(workload, capacity, starts.into_iter())
}

/// The peaks where jobs begin at `starts`, which are in order.
fn peaks_of(workload: &Workload, capacity: Capacity, starts: impl Iterator<Item = (u64, u32)>) -> Offered {
    let gpus: Vec<i128> =
        workload.specs.iter().map(|spec| spec.gpus.iter().map(|&share| i128::from(share)).sum()).collect();
    let request = |kind: u32| {
        let kind = &workload.kinds[kind as usize];
        [i128::from(kind.cpu_request.0), i128::from(kind.memory_request.0), gpus[kind.spec.index()]]
    };
    let (mut now, mut peak) = ([0i128; 3], [0i128; 3]);
    let (mut jobs, mut jobs_peak) = (0usize, 0usize);
    // Starts and their kinds, and ends with theirs, of which the first `ended` are over. A job that begins later ends after
    // every start that stands here.
    let (mut together, mut ends, mut ended) = (Vec::with_capacity(TOGETHER), Vec::<(u64, u32)>::new(), 0);
    let mut starts = starts.filter(|&(_, job)| workload.duration_us[job as usize] != 0);
    loop {
        together.clear();
        ends.drain(..std::mem::take(&mut ended));
        for (begin, job) in starts.by_ref().take(TOGETHER) {
            let (kind, lasts) = (workload.kind[job as usize], workload.duration_us[job as usize]);
            if lasts != OPEN {
                ends.push((begin.saturating_add(lasts), kind));
            }
            together.push((begin, kind));
        }
        if together.is_empty() {
            break;
        }
        ends.sort_unstable();
        for &(at, kind) in &together {
            while let Some(&(end, over)) = ends.get(ended)
                && end <= at
            {
                for (sum, part) in now.iter_mut().zip(request(over)) {
                    *sum -= part;
                }
                jobs -= 1;
                ended += 1;
            }
            // Starts only add, so a peak inside one instant is the one at its last start.
            for (sum, part) in now.iter_mut().zip(request(kind)) {
                *sum += part;
            }
            jobs += 1;
            for (most, sum) in peak.iter_mut().zip(now) {
                *most = (*most).max(sum);
            }
            jobs_peak = jobs_peak.max(jobs);
        }
    }
    let share = |peak: i128, capacity: i64| if capacity > 0 { peak as f64 / capacity as f64 } else { 0.0 };
    let narrow = |peak: i128| i64::try_from(peak).unwrap_or(i64::MAX);
    Offered {
        cpu_peak_milli: narrow(peak[0]),
        memory_peak_bytes: narrow(peak[1]),
        gpu_peak_milli: narrow(peak[2]),
        jobs_peak,
        cpu_share: share(peak[0], capacity.cpu_milli),
        memory_share: share(peak[1], capacity.memory_bytes),
        gpu_share: share(peak[2], capacity.gpu_milli),
    }
}

/// A factor is a whole number of billionths, so that scaled times are the same on every machine.
const BILLION: u128 = 1_000_000_000;
/// Smallest and largest factor of `--speed`, in billionths: a millionth and a thousand billion.
const SPEED_RANGE: std::ops::RangeInclusive<u128> = 1_000..=1_000_000_000_000 * BILLION;
/// How far the reached share may be from the wanted one, relative to it: three significant figures.
const TOLERANCE: f64 = 5e-4;

/// Arrival `us` when the times since `first` are divided by `factor` billionths, truncated to a microsecond: arrivals
/// may come to coincide but never change their order.
fn divided(us: u64, first: u64, factor: u128) -> u64 {
    match us.checked_sub(first) {
        Some(gap) => first.saturating_add(u64::try_from(u128::from(gap) * BILLION / factor).unwrap_or(u64::MAX)),
        None => us,
    }
}

fn first_us(workload: &Workload) -> u64 {
    workload.arrival.first().map_or(0, |at| at.0)
}

/// First to last moment that scaling moves: the last arrival, or the trace's end if it is later.
fn span_us(workload: &Workload) -> u64 {
    let last = workload.arrival.last().map_or(0, |at| at.0);
    last.max(workload.trace_end.map_or(0, |at| at.0)) - first_us(workload)
}

fn with_factor(workload: Workload, factor: u128) -> Workload {
    let first = first_us(&workload);
    workload.map_arrivals(|at| SimTime(divided(at.0, first, factor)))
}

/// The same jobs with the times between arrivals divided by `factor` (`--speed`): 2 makes them come twice as fast.
///
/// The factor is rounded to a billionth. Durations are kept. Errors: a factor that is not between 1e-6 and 1e12
/// (usage), arrivals that move beyond 2^61 µs (input).
pub fn speed(workload: Workload, factor: f64) -> Result<Workload> {
    let billionths = (factor * BILLION as f64).round();
    let billionths = if billionths.is_finite() && billionths > 0.0 { billionths as u128 } else { 0 };
    if !SPEED_RANGE.contains(&billionths) {
        return Err(Error::usage(format!("{factor} is not a speed between 1e-6 and 1e12 (try 10)")).in_field("--speed"));
    }
    let first = first_us(&workload);
    if divided(first + span_us(&workload), first, billionths) > LONGEST_US {
        return Err(Error::input(format!(
            "{factor} moves the last arrival beyond 2^61 µs (73,000 years); a larger speed will do"
        ))
        .in_field("--speed"));
    }
    Ok(with_factor(workload, billionths))
}

/// The same jobs with the times between arrivals divided by one factor so that the peak share of `load.resource` is
/// `load.share` to three significant figures (`--load`). Durations are kept.
///
/// Without a resource the highest of the three shares counts, so that in the result no resource is above the wanted
/// share and one is at it. The factor is found by doubling or halving until the share is bracketed, then by bisection,
/// and rounded to as few significant figures as keep the share. The share grows with the factor only on the whole: it
/// is a sum over the jobs that happen to meet, so it jumps, and may fall a little where the factor rises. Where no
/// factor tried comes within 0.05 % of the share, the nearest one tried is taken; [`Scaled::offered`] says what it is.
///
/// Errors (input): a share that even arrivals all at once miss (it says the most reachable) or that even arrivals
/// spread over 2^60 µs, or a million times, exceed; a resource that the cluster does not have or no job asks for.
pub fn scale_to(workload: Workload, capacity: Capacity, load: LoadScale) -> Result<(Workload, Scaled)> {
    let refuse = |what: String| Err(Error::input(what).in_field("--load"));
    let wanted = load.share;
    let what = match load.resource {
        Some(resource) => LOAD_RESOURCES[usize::from(resource)],
        None => "every resource",
    };
    if let Some(resource) = load.resource
        && [capacity.cpu_milli, capacity.memory_bytes, capacity.gpu_milli][usize::from(resource)] <= 0
    {
        return refuse(format!("the cluster has no {what}; ask for a load of another resource"));
    }
    let share_of = |offered: &Offered| match load.resource {
        Some(resource) => offered.shares()[usize::from(resource)],
        None => offered.shares()[usize::from(offered.highest())],
    };
    let (first, span) = (first_us(&workload), span_us(&workload));
    let offered_at = |factor: u128| peaks(&workload, capacity, |us| divided(us, first, factor));
    let mut search = Search { wanted, best: None, last: 0.0, least: f64::INFINITY, most: 0.0 };
    let mut try_factor = |factor: u128| {
        let offered = offered_at(factor);
        search.offer(factor, share_of(&offered), offered);
        search
    };

    // At more than `span` every gap is truncated to nothing. The slowest keeps times within 2^60 µs of the first.
    let fastest = (u128::from(span) * BILLION + 1).max(BILLION);
    let slowest = (u128::from(span) * BILLION).div_ceil(1 << 60).clamp(1_000, BILLION);
    let (mut low, mut high) = (BILLION, BILLION);
    let mut now = try_factor(BILLION);
    if now.most < wanted {
        while !now.found() && now.most < wanted {
            if high == fastest {
                return refuse(format!(
                    "even with all jobs arriving at once the peak of {what} is {} of the cluster, below {wanted}; \
                     that is the most reachable",
                    round_down(now.most)
                ));
            }
            low = high;
            high = (high * 2).min(fastest);
            now = try_factor(high);
        }
    } else {
        while !now.found() && now.least >= wanted {
            if low == slowest {
                return refuse(format!(
                    "even with arrivals spread out {} times the peak of {what} is {} of the cluster, above {wanted}; \
                     that is the least reachable",
                    BILLION / low,
                    round_up(now.least)
                ));
            }
            high = low;
            low = (low / 2).max(slowest);
            now = try_factor(low);
        }
    }
    // The bracket is at most a factor of two wide: 30 halvings leave less than a billionth of it.
    for _ in 0..30 {
        if now.found() || high - low <= 1 {
            break;
        }
        let middle = low + (high - low) / 2;
        now = try_factor(middle);
        if now.last < wanted { low = middle } else { high = middle }
    }
    let (mut factor, mut offered) = now.best.map(|(factor, _, offered)| (factor, offered)).expect("1 was tried");
    if now.found() {
        for figures in 3..=9 {
            let rounded = round_to(factor, figures);
            let at = offered_at(rounded);
            if within(share_of(&at), wanted) {
                (factor, offered) = (rounded, at);
                break;
            }
        }
    }
    let resource = load.resource.unwrap_or_else(|| offered.highest());
    let scaled = Scaled { factor: factor as f64 / BILLION as f64, offered, resource };
    Ok((with_factor(workload, factor), scaled))
}

/// What a search has seen so far.
#[derive(Clone, Copy)]
struct Search {
    wanted: f64,
    /// The factor nearest to the wanted share, its share and load; the first of equals.
    best: Option<(u128, f64, Offered)>,
    /// The last, least and highest share.
    last: f64,
    least: f64,
    most: f64,
}

impl Search {
    fn offer(&mut self, factor: u128, share: f64, offered: Offered) {
        self.last = share;
        self.least = self.least.min(share);
        self.most = self.most.max(share);
        let miss = (share - self.wanted).abs();
        if self.best.is_none_or(|(_, best, _)| miss < (best - self.wanted).abs()) {
            self.best = Some((factor, share, offered));
        }
    }

    fn found(&self) -> bool {
        self.best.is_some_and(|(_, share, _)| within(share, self.wanted))
    }
}

fn within(share: f64, wanted: f64) -> bool {
    (share - wanted).abs() <= TOLERANCE * wanted
}

/// `factor` to that many significant figures, half up, at least 1.
fn round_to(factor: u128, figures: u32) -> u128 {
    let unit = 10u128.pow((factor.max(1).ilog10() + 1).saturating_sub(figures));
    ((factor + unit / 2) / unit * unit).max(1)
}

/// `share` to three decimals, down, so that asking for what is printed succeeds.
fn round_down(share: f64) -> f64 {
    (share * 1000.0).floor() / 1000.0
}

/// `share` to three decimals, up.
fn round_up(share: f64) -> f64 {
    (share * 1000.0).ceil() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::{Job, UsageMode, WorkloadBuilder};
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimDuration};

    const CAPACITY: Capacity = Capacity { cpu_milli: 10_000, memory_bytes: 1_000, gpu_milli: 4_000 };

    /// Jobs as `name arrival+duration cpu/memory[/gpu thousandths] [after name]`, times in µs, `+` alone: open end.
    fn workload(text: &str) -> Workload {
        let mut builder = WorkloadBuilder::new();
        for line in text.split(';').map(str::trim) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (arrival, duration) = words[1].split_once('+').unwrap();
            let size: Vec<i64> = words[2].split('/').map(|n| n.parse().unwrap()).collect();
            let arrival = SimTime(arrival.parse().unwrap());
            let (cpu, memory) = (MilliCpu(size[0]), Bytes(size[1]));
            let mut job = match duration {
                "" => Job::service(words[0], arrival, cpu, memory),
                us => Job::batch(words[0], arrival, SimDuration(us.parse().unwrap()), cpu, memory),
            };
            job.spec.gpus.extend(size.get(2).map(|&share| share as u16));
            job.after.extend(words.get(4).map(|name| name.to_string()));
            builder.push(job).unwrap();
        }
        builder.finish(UsageMode::Request, Seed(1)).unwrap()
    }

    #[test]
    fn the_peaks_of_small_workloads_are_those_worked_by_hand() {
        for (jobs, cpu, memory, gpu, count) in [
            // a alone, then a and b: 3000 + 2000.
            ("a 0+10 3000/100; b 5+10 2000/300", 5000, 400, 0, 2),
            // b starts as a ends: they never meet.
            ("a 0+10 3000/100; b 10+10 2000/300", 3000, 300, 0, 1),
            // The peaks of CPU (a, at 0) and memory (b, at 20) are at different times.
            ("a 0+10 3000/100; b 20+10 2000/300", 3000, 300, 0, 1),
            // A job of no length holds nothing, even at a peak.
            ("a 0+10 3000/100; b 5+0 2000/300", 3000, 100, 0, 1),
            // An open end lasts for ever.
            ("a 0+ 3000/100; b 1000000+1 2000/300", 5000, 400, 0, 2),
            // b waits for a: it runs 10..20 beside c.
            ("a 0+10 3000/100; b 0+10 2000/300 after a; c 15+10 1000/1", 3000, 301, 0, 2),
            ("a 0+10 1/1/460; b 0+10 1/1/1000", 2, 2, 1460, 2),
        ] {
            let got = offered(&workload(jobs), CAPACITY);
            assert_eq!(
                (got.cpu_peak_milli, got.memory_peak_bytes, got.gpu_peak_milli, got.jobs_peak),
                (cpu, memory, gpu, count),
                "{jobs}"
            );
        }
        let got = offered(&workload("a 0+10 3000/100/1000"), CAPACITY);
        assert_eq!(got.shares(), [0.3, 0.1, 0.25]);
        assert_eq!(offered(&workload("a 0+10 3000/100/1000"), Capacity::default()).shares(), [0.0; 3]);
    }

    #[test]
    fn peaks_are_those_of_a_look_at_every_start() {
        for seed in 0..300 {
            let mut dice = Seed(seed).stream(crate::rng::Purpose::Shape, 0);
            let mut builder = WorkloadBuilder::new();
            for i in 0..1 + dice.below(25) {
                let (arrival, lasts) = (SimTime(dice.below(30)), SimDuration(dice.below(12)));
                let (cpu, memory) = (MilliCpu(dice.below(50) as i64), Bytes(dice.below(50) as i64));
                let mut job = match dice.below(9) {
                    0 => Job::service(format!("j{i}"), arrival, cpu, memory),
                    _ => Job::batch(format!("j{i}"), arrival, lasts, cpu, memory),
                };
                if i > 0 && dice.below(6) == 0 {
                    job.after.push(format!("j{}", dice.below(i)));
                }
                builder.push(job).unwrap();
            }
            let w = builder.finish(UsageMode::Request, Seed(1)).unwrap();
            // Half-open: a job holds what it asks for from its begin up to its end.
            let ends = w.uncontended_ends();
            let lives: Vec<(u64, u64, crate::ids::JobId)> = w
                .ids()
                .map(|job| match w.duration(job) {
                    Some(lasts) => (ends[job.index()].0 - lasts.0, ends[job.index()].0, job),
                    None => (ends[job.index()].0, u64::MAX, job),
                })
                .collect();
            let at = |now: u64, of: &dyn Fn(crate::ids::JobId) -> i64| {
                lives
                    .iter()
                    .filter(|(begin, end, _)| *begin <= now && now < *end)
                    .map(|(.., job)| of(*job))
                    .sum::<i64>()
            };
            let most = |of: &dyn Fn(crate::ids::JobId) -> i64| (0..400).map(|now| at(now, of)).max().unwrap();
            let got = offered(&w, CAPACITY);
            assert_eq!(got.cpu_peak_milli, most(&|job| w.cpu_request(job).0), "{seed}");
            assert_eq!(got.memory_peak_bytes, most(&|job| w.memory_request(job).0), "{seed}");
            assert_eq!(got.jobs_peak as i64, most(&|_| 1), "{seed}");
        }
    }

    #[test]
    fn a_load_is_reached_by_dividing_the_times_between_arrivals() {
        // Ten jobs of 1000m, 100 µs long, one every 100 µs: one at a time, 10 % of the CPU. Seven meet when the gap is
        // at most 100/6 less a bit: job 7 comes at 6 gaps, before job 1 ends at 100; factor over 6.
        let text: Vec<String> = (0..10).map(|i| format!("j{i} {}+100 1000/10", 50 + i * 100)).collect();
        let ten = || workload(&text.join(";"));
        for (load, share, jobs) in [("0.7", 0.7, 7), ("cpu=0.3", 0.3, 3), ("memory=0.05", 0.05, 5), ("cpu=1", 1.0, 10)]
        {
            let load = LoadScale::parse(load).unwrap();
            let (scaled, did) = scale_to(ten(), CAPACITY, load).unwrap();
            assert_eq!(did.offered, offered(&scaled, CAPACITY));
            assert_eq!(did.offered.shares()[usize::from(did.resource)], share);
            assert_eq!(did.offered.jobs_peak, jobs);
            assert_eq!(scaled.arrival(crate::ids::JobId(0)), SimTime(50));
            assert!(scaled.ids().all(|job| scaled.duration(job) == Some(SimDuration(100))));
            // What is printed as a factor does the same when given as a speed.
            assert_eq!(offered(&speed(ten(), did.factor).unwrap(), CAPACITY), did.offered);
        }
        // 7 jobs are 70 %, 8 are 80 %: nothing lies between, and 0.8 is nearer to 0.77.
        let (_, did) = scale_to(ten(), CAPACITY, LoadScale::parse("0.77").unwrap()).unwrap();
        assert_eq!(did.offered.cpu_share, 0.8);
    }

    #[test]
    fn a_load_is_reached_where_jobs_wait_for_each_other() {
        // b can only follow a, at 10 µs; c meets b once 200/factor is under 20, that is over 10.
        let chain = "a 0+10 5000/1; b 100+10 5000/1 after a; c 200+10 5000/1";
        let (scaled, did) = scale_to(workload(chain), CAPACITY, LoadScale::parse("cpu=1").unwrap()).unwrap();
        assert_eq!((did.offered.cpu_peak_milli, did.offered.jobs_peak), (10_000, 2));
        assert!(did.factor > 10.0 && did.factor < 20.0, "{}", did.factor);
        assert_eq!(offered(&scaled, CAPACITY), did.offered);
    }

    #[test]
    fn a_load_out_of_reach_says_what_is_reachable() {
        let two = "a 0+10 3000/100; b 100+10 2000/300; c 300+ 1000/100";
        for (load, message) in [
            (
                "cpu=0.7",
                "--load: even with all jobs arriving at once the peak of cpu is 0.6 of the cluster, below 0.7; that is the most reachable",
            ),
            (
                "0.1",
                "--load: even with arrivals spread out 1000000 times the peak of every resource is 0.3 of the cluster, above 0.1; that is the least reachable",
            ),
            (
                "gpu=0.1",
                "--load: even with all jobs arriving at once the peak of gpu is 0 of the cluster, below 0.1; that is the most reachable",
            ),
        ] {
            let error = scale_to(workload(two), CAPACITY, LoadScale::parse(load).unwrap()).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 3));
        }
        let none = Capacity { gpu_milli: 0, ..CAPACITY };
        let error = scale_to(workload(two), none, LoadScale::parse("gpu=0.1").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "--load: the cluster has no gpu; ask for a load of another resource");
    }

    #[test]
    fn a_speed_divides_gaps_and_truncates_to_a_microsecond() {
        let arrivals = |w: &Workload| w.ids().map(|job| w.arrival(job).0).collect::<Vec<_>>();
        let three = || workload("a 100+10 1/1; b 105+10 1/1; c 117+10 1/1");
        assert_eq!(arrivals(&speed(three(), 2.0).unwrap()), [100, 102, 108]);
        assert_eq!(arrivals(&speed(three(), 0.1).unwrap()), [100, 150, 270]);
        assert_eq!(arrivals(&speed(three(), 1e9).unwrap()), [100, 100, 100]);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-7, 1e13] {
            assert_eq!(speed(three(), bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        let late = workload("a 0+1 1/1; b 2000000000000000000+1 1/1");
        assert_eq!(speed(late, 0.5).unwrap_err().exit_code(), 3);
    }

    #[test]
    fn a_load_is_read_with_and_without_its_resource() {
        let load = |resource, share| LoadScale { resource, share };
        for (text, want) in [
            ("0.7", load(None, 0.7)),
            ("cpu=0.7", load(Some(0), 0.7)),
            ("memory=1.2", load(Some(1), 1.2)),
            ("gpu=.5", load(Some(2), 0.5)),
        ] {
            assert_eq!(LoadScale::parse(text).unwrap(), want, "{text}");
        }
        for (text, message) in [
            ("mem=0.7", "--load: unknown resource \"mem\"; did you mean \"memory\"?"),
            ("cpu=x", "--load: \"x\" is not a share of the cluster above 0 and up to 1000 (try 0.7 or cpu=0.7)"),
            ("0", "--load: \"0\" is not a share of the cluster above 0 and up to 1000 (try 0.7 or cpu=0.7)"),
            ("NaN", "--load: \"NaN\" is not a share of the cluster above 0 and up to 1000 (try 0.7 or cpu=0.7)"),
        ] {
            let error = LoadScale::parse(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 2));
        }
    }
}
