//! Usage as sources sample it, to the steps that jobs use: which statistic counts, gaps, and what ran into a limit.
//!
//! A sample is a window of time with a mean and a maximum of CPU and of memory, as far as the source has them. Windows
//! come in any order. A job's steps are its windows in order of time; a gap, and the time before the first window, keep
//! the value of the window before it (or the first one), since the layouts that leave gaps say nothing of them.
//!
//! **Censoring.** Use at 95 % of the source's limit or more, or on a source host that was 95 % busy, may have wanted more
//! than it got. Such samples are counted, and [`super::option::UNCENSOR`] multiplies them, which bounds what was wanted
//! from above; it estimates nothing.

use crate::units::{Bytes, SimDuration};
use crate::workload::UsageStep;

/// Thousandths of a limit, or of a host, from which on usage counts as censored.
pub(super) const CENSORED_MILLI: u64 = 950;

/// Which statistic counts, and the factor for censored samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsageRule {
    /// Whether CPU's maximum counts, where there is one, instead of the mean.
    pub cpu_max: bool,
    /// Whether memory's maximum counts.
    pub memory_max: bool,
    /// Thousandths by which censored usage is multiplied.
    pub uncensor_milli: u64,
}

impl Default for UsageRule {
    fn default() -> Self {
        UsageRule { cpu_max: false, memory_max: true, uncensor_milli: 1_000 }
    }
}

/// One resource in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Mean over the window.
    pub mean: Option<u64>,
    /// Maximum in the window.
    pub max: Option<u64>,
    /// The source's limit; `None`: it had none, or it is not known.
    pub limit: Option<u64>,
}

/// A window of usage of one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Where it begins, in µs on the trace's clock.
    pub start_us: u64,
    /// Where it ends; a window without length is left out and counted.
    pub end_us: u64,
    /// CPU in nano-cores.
    pub cpu: Reading,
    /// Memory in bytes.
    pub memory: Reading,
    /// Whether the host it ran on was at least 95 % busy.
    pub host_busy: bool,
}

/// What was counted while reading samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SampleCounts {
    /// Samples taken.
    pub taken: u64,
    /// Of these, whose CPU was censored.
    pub cpu_censored: u64,
    /// Of these, whose memory was censored.
    pub memory_censored: u64,
    /// Of these, on a busy host.
    pub host_busy: u64,
    /// Samples whose window has no length.
    pub no_length: u64,
    /// Samples that began before the end of the one before them; the later one's beginning was cut.
    pub overlapping: u64,
    /// Gaps between samples that were filled.
    pub gaps: u64,
}

/// A sample as it is kept: what counts of it.
#[derive(Clone, Copy, Debug)]
struct Kept {
    start_us: u64,
    end_us: u64,
    /// `u64::MAX`: not known.
    cpu_nano: u64,
    /// `u64::MAX`: not known.
    memory: u64,
}

/// Not known.
const UNKNOWN: u64 = u64::MAX;
/// Most that a sample may say: far beyond a host, far inside what sums hold.
const MOST: u64 = 1 << 53;

/// All samples of a job as one.
#[derive(Clone, Copy, Debug)]
struct Folded {
    start_us: u64,
    end_us: u64,
    /// Nano-cores times µs.
    work: u128,
    /// The time in which CPU is known.
    time: u64,
    /// Most memory; `u64::MAX`: not known.
    memory: u64,
}

/// Samples of jobs, which readers know by number.
#[derive(Debug, Default)]
pub struct Samples {
    rule: UsageRule,
    jobs: Vec<Vec<Kept>>,
    /// Whether samples are not kept but folded at once into what [`Samples::mean`] asks for.
    folds: bool,
    folded: Vec<Option<Folded>>,
    counts: SampleCounts,
}

impl Samples {
    /// None yet.
    pub fn new(rule: UsageRule) -> Self {
        Samples { rule, ..Samples::default() }
    }

    /// None yet, and none will be kept: only [`Samples::mean`] and [`Samples::span`] can be asked for, and memory is
    /// bounded by the jobs.
    pub fn means(rule: UsageRule) -> Self {
        Samples { rule, folds: true, ..Samples::default() }
    }

    /// Whether samples are folded at once.
    pub fn folds(&self) -> bool {
        self.folds
    }

    /// What was counted.
    pub fn counts(&self) -> SampleCounts {
        self.counts
    }

    /// Adds a sample of job number `job`; the caller holds it to the budget of usage steps.
    pub fn add(&mut self, job: u32, sample: &Sample) {
        if sample.end_us <= sample.start_us {
            self.counts.no_length += 1;
            return;
        }
        let full = |reading: &Reading, used: Option<u64>| {
            used.zip(reading.limit).is_some_and(|(used, limit)| {
                limit > 0 && u128::from(used) * 1_000 >= u128::from(limit) * u128::from(CENSORED_MILLI)
            })
        };
        let value = |reading: &Reading, max: bool| {
            if max { reading.max.or(reading.mean) } else { reading.mean.or(reading.max) }
        };
        let (cpu, memory) = (value(&sample.cpu, self.rule.cpu_max), value(&sample.memory, self.rule.memory_max));
        let cpu_full = sample.host_busy || full(&sample.cpu, cpu);
        let memory_full = full(&sample.memory, memory);
        let counts = &mut self.counts;
        counts.taken += 1;
        counts.cpu_censored += u64::from(cpu_full && cpu.is_some());
        counts.memory_censored += u64::from(memory_full);
        counts.host_busy += u64::from(sample.host_busy);
        let grown = |value: Option<u64>, censored: bool| match (value, censored) {
            (None, _) => UNKNOWN,
            (Some(value), false) => value.min(MOST),
            (Some(value), true) => {
                let grown = u128::from(value) * u128::from(self.rule.uncensor_milli) / 1_000;
                u64::try_from(grown).unwrap_or(MOST).min(MOST)
            }
        };
        let kept = Kept {
            start_us: sample.start_us,
            end_us: sample.end_us,
            cpu_nano: grown(cpu, cpu_full),
            memory: grown(memory, memory_full),
        };
        let job = job as usize;
        if self.folds {
            return self.fold(job, kept);
        }
        if self.jobs.len() <= job {
            self.jobs.resize_with(job + 1, Vec::new);
        }
        self.jobs[job].push(kept);
    }

    fn fold(&mut self, job: usize, sample: Kept) {
        if self.folded.len() <= job {
            self.folded.resize(job + 1, None);
        }
        let none = Folded { start_us: u64::MAX, end_us: 0, work: 0, time: 0, memory: UNKNOWN };
        let folded = self.folded[job].get_or_insert(none);
        folded.start_us = folded.start_us.min(sample.start_us);
        folded.end_us = folded.end_us.max(sample.end_us);
        if sample.cpu_nano != UNKNOWN {
            // 2^53 nano-cores over 2^61 µs are 2^114: a sum of 2^13 such samples fits, and saturates beyond.
            let length = sample.end_us - sample.start_us;
            folded.work = folded.work.saturating_add(u128::from(sample.cpu_nano) * u128::from(length));
            folded.time = folded.time.saturating_add(length);
        }
        if sample.memory != UNKNOWN && (folded.memory == UNKNOWN || sample.memory > folded.memory) {
            folded.memory = sample.memory;
        }
    }

    /// First and last moment of the samples of `job`, if it has some.
    pub fn span(&self, job: u32) -> Option<(u64, u64)> {
        if self.folds {
            return (*self.folded.get(job as usize)?).map(|folded| (folded.start_us, folded.end_us));
        }
        let samples = self.jobs.get(job as usize).filter(|samples| !samples.is_empty())?;
        Some((samples.iter().map(|s| s.start_us).min()?, samples.iter().map(|s| s.end_us).max()?))
    }

    /// Takes the steps of `job`, which began at `start_us` and ran for `lasts` (`None`: no end known). What a sample does
    /// not say is `cpu_nano` and `memory`, the job's requests. Empty without samples in that time. The last step is
    /// without end, as what follows the last sample is not known.
    pub fn steps(
        &mut self,
        job: u32,
        start_us: u64,
        lasts: Option<SimDuration>,
        cpu_nano: u64,
        memory: Bytes,
    ) -> Vec<UsageStep> {
        let Some(samples) = self.jobs.get_mut(job as usize) else { return Vec::new() };
        let mut samples = std::mem::take(samples);
        let end_us = lasts.map_or(u64::MAX, |lasts| start_us.saturating_add(lasts.0));
        samples.retain(|s| s.end_us > start_us && s.start_us < end_us);
        samples.sort_by_key(|s| (s.start_us, s.end_us, s.cpu_nano, s.memory));
        let mut steps: Vec<UsageStep> = Vec::with_capacity(samples.len());
        let mut at = start_us;
        for (i, sample) in samples.iter().enumerate() {
            let begins = sample.start_us.max(start_us);
            self.counts.overlapping += u64::from(i > 0 && begins < at);
            let ends = sample.end_us.min(end_us);
            if ends <= at {
                continue;
            }
            // A gap keeps what was before it; before the first sample it is as in the first.
            if begins > at
                && let Some(last) = steps.last_mut()
            {
                last.length_us += begins - at;
                self.counts.gaps += 1;
                at = begins;
            }
            let known = |value: u64, other: u64| if value == UNKNOWN { other } else { value };
            let step = UsageStep {
                length_us: ends - at,
                cpu_nano: known(sample.cpu_nano, cpu_nano),
                memory: Bytes(known(sample.memory, memory.0.max(0) as u64) as i64),
                cache: Bytes(0),
            };
            at = ends;
            match steps.last_mut() {
                Some(last) if (last.cpu_nano, last.memory) == (step.cpu_nano, step.memory) => {
                    last.length_us += step.length_us;
                }
                _ => steps.push(step),
            }
        }
        if let Some(last) = steps.last_mut() {
            last.length_us = u64::MAX;
        }
        steps.shrink_to_fit();
        steps
    }

    /// Takes all samples of `job` as one step: CPU's mean over their time, memory's most. Empty without samples.
    pub fn mean(&mut self, job: u32, cpu_nano: u64, memory: Bytes) -> Vec<UsageStep> {
        let job = job as usize;
        if !self.folds {
            let samples = self.jobs.get_mut(job).map(std::mem::take).unwrap_or_default();
            samples.into_iter().for_each(|sample| self.fold(job, sample));
        }
        let Some(folded) = self.folded.get_mut(job).and_then(Option::take) else { return Vec::new() };
        let cpu_nano = match folded.time {
            0 => cpu_nano,
            time => (folded.work / u128::from(time)) as u64,
        };
        let memory = if folded.memory == UNKNOWN { memory } else { Bytes(folded.memory as i64) };
        vec![UsageStep { length_us: u64::MAX, cpu_nano, memory, cache: Bytes(0) }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(start_us: u64, end_us: u64, cpu: u64, memory: u64) -> Sample {
        Sample {
            start_us,
            end_us,
            cpu: Reading { mean: Some(cpu), max: Some(2 * cpu), limit: Some(100) },
            memory: Reading { mean: Some(memory), max: Some(memory + 1), limit: Some(1_000) },
            host_busy: false,
        }
    }

    fn told(steps: &[UsageStep]) -> Vec<(u64, u64, i64)> {
        steps.iter().map(|s| (s.length_us, s.cpu_nano, s.memory.0)).collect()
    }

    #[test]
    fn windows_in_any_order_become_steps_and_gaps_are_filled() {
        let mut samples = Samples::new(UsageRule::default());
        for (start, end, cpu) in [(30, 40, 5), (0, 10, 3), (10, 20, 4), (35, 50, 6), (60, 60, 9)] {
            samples.add(1, &sample(start, end, cpu, 10));
        }
        assert_eq!(samples.span(1), Some((0, 50)));
        // The job ran from 5 to 45: 5 µs of the first window are left, the gap from 20 to 30 goes on with 4, and the window that
        // overlaps from 35 on counts from 40.
        let steps = samples.steps(1, 5, Some(SimDuration(40)), 1, Bytes(1));
        assert_eq!(told(&steps), [(5, 3, 11), (20, 4, 11), (10, 5, 11), (u64::MAX, 6, 11)]);
        let counts = samples.counts();
        assert_eq!((counts.taken, counts.no_length, counts.overlapping, counts.gaps), (4, 1, 1, 1));
        assert_eq!(told(&samples.steps(0, 0, None, 1, Bytes(1))), []);
        assert_eq!(samples.span(7), None);
    }

    #[test]
    fn the_statistic_that_is_asked_for_counts() {
        for (cpu_max, memory_max, want) in
            [(false, true, (3, 11)), (false, false, (3, 10)), (true, true, (6, 11)), (true, false, (6, 10))]
        {
            let mut samples = Samples::new(UsageRule { cpu_max, memory_max, uncensor_milli: 1_000 });
            samples.add(0, &sample(0, 10, 3, 10));
            let steps = samples.steps(0, 0, None, 1, Bytes(1));
            assert_eq!(told(&steps), [(u64::MAX, want.0, want.1)]);
        }
        let mut samples = Samples::new(UsageRule::default());
        let nothing = Reading::default();
        samples.add(0, &Sample { cpu: nothing, memory: nothing, ..sample(0, 10, 3, 10) });
        assert_eq!(told(&samples.steps(0, 0, None, 77, Bytes(88))), [(u64::MAX, 77, 88)]);
    }

    #[test]
    fn usage_at_a_limit_or_on_a_busy_host_is_counted_and_bounded_from_above() {
        let mut samples = Samples::new(UsageRule { uncensor_milli: 1_500, ..UsageRule::default() });
        samples.add(0, &sample(0, 10, 94, 10));
        samples.add(0, &sample(10, 20, 95, 10));
        samples.add(0, &Sample { host_busy: true, ..sample(20, 30, 10, 949) });
        let counts = samples.counts();
        assert_eq!((counts.cpu_censored, counts.memory_censored, counts.host_busy), (2, 1, 1));
        let steps = samples.steps(0, 0, None, 1, Bytes(1));
        // Memory 949 + 1 is 95 % of 1,000, so it grows to 1,425.
        assert_eq!(told(&steps), [(10, 94, 11), (10, 142, 11), (u64::MAX, 15, 1_425)]);
    }

    #[test]
    fn one_mean_stands_for_all_windows() {
        for mut samples in [Samples::new(UsageRule::default()), Samples::means(UsageRule::default())] {
            samples.add(0, &sample(0, 10, 3, 10));
            samples.add(0, &sample(10, 40, 7, 20));
            assert_eq!((samples.span(0), samples.span(1)), (Some((0, 40)), None));
            assert_eq!(told(&samples.mean(0, 1, Bytes(1))), [(u64::MAX, 6, 21)]);
            assert_eq!(told(&samples.mean(0, 1, Bytes(1))), []);
        }
    }
}
