//! Usage from elsewhere laid over the jobs of a trace (`--usage FORMAT:PATH`).
//!
//! A series belongs to the job of its name, or is dealt out to jobs that have none.

use std::collections::BTreeMap;

use super::samples::{Sample, Samples, UsageRule};
use crate::error::{Error, Result};
use crate::units::Bytes;
use crate::workload::{UsageStep, WorkloadBuilder};

/// What the values of a series are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeriesUnit {
    /// Nano-cores and bytes.
    Absolute,
    /// Billionths of the job's limit, or of its request where it has no limit.
    ShareOfLimit,
}

/// Whose a series is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SeriesOwner {
    /// The job of this name, or pod as `namespace/name`.
    Job(String),
    /// Anybody's: series are dealt to the jobs without usage in order of both names, again from the first when all are dealt.
    Any(String),
}

/// Series by owner.
#[derive(Debug)]
pub struct Overlay {
    owners: BTreeMap<SeriesOwner, u32>,
    units: Vec<SeriesUnit>,
    samples: Samples,
    steps_left: u64,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Overlaid {
    /// Jobs that got usage.
    pub jobs: u64,
    /// Series without a job of their name.
    pub unmatched: u64,
    /// Jobs that got none.
    pub without: u64,
}

impl Overlay {
    /// Nothing yet; at most `most_steps` samples.
    pub fn new(rule: UsageRule, most_steps: u64) -> Self {
        Overlay { owners: BTreeMap::new(), units: Vec::new(), samples: Samples::new(rule), steps_left: most_steps }
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Adds a sample, times in µs on the series' own clock; those of one owner are one series.
    ///
    /// Errors: over the budget of usage steps.
    pub fn add(&mut self, owner: &SeriesOwner, unit: SeriesUnit, sample: &Sample) -> Result<()> {
        if self.steps_left == 0 {
            return Err(Error::budget("usage samples", "more", "the limit", "--max-usage-steps"));
        }
        self.steps_left -= 1;
        let number = match self.owners.get(owner) {
            Some(number) => *number,
            None => {
                let next = self.units.len() as u32;
                self.owners.insert(owner.clone(), next);
                self.units.push(unit);
                next
            }
        };
        self.samples.add(number, sample);
        Ok(())
    }

    /// The samples' counts, for the report.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Gives jobs without usage of their own their series. Time 0 of a job's usage is the beginning of its series.
    ///
    /// Errors: with the usage all jobs use more than sums can hold.
    pub fn apply(mut self, builder: &mut WorkloadBuilder) -> Result<Overlaid> {
        let mut done = Overlaid::default();
        let mut free: Vec<u32> = builder.without_usage();
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for &job in &free {
            let view = builder.view(job);
            names.insert(format!("{}/{}", view.namespace, view.name), job);
            names.insert(view.name.to_owned(), job);
        }
        let owners = std::mem::take(&mut self.owners);
        let (mut anybodys, mut taken) = (Vec::new(), Vec::new());
        for (owner, series) in owners {
            match owner {
                SeriesOwner::Any(_) => anybodys.push(series),
                SeriesOwner::Job(name) => match names.get(&name) {
                    Some(&job) => {
                        if self.give(series, job, builder)? {
                            taken.push(job);
                        }
                    }
                    None => done.unmatched += 1,
                },
            }
        }
        taken.sort_unstable();
        taken.dedup();
        done.jobs = taken.len() as u64;
        free.retain(|job| taken.binary_search(job).is_err());
        if anybodys.is_empty() {
            done.without = free.len() as u64;
            return Ok(done);
        }
        free.sort_by(|&a, &b| builder.view(a).name.cmp(builder.view(b).name));
        // A series is dealt to several jobs: its samples are kept until the last has them.
        let copies: Vec<Vec<u32>> =
            (0..anybodys.len()).map(|i| free.iter().copied().skip(i).step_by(anybodys.len()).collect()).collect();
        for (series, jobs) in anybodys.into_iter().zip(copies) {
            let from = self.samples.span(series).map_or(0, |span| span.0);
            let raw = self.samples.steps(series, from, None, u64::MAX, Bytes(i64::MAX));
            for job in jobs {
                match self.units[series as usize] {
                    _ if raw.is_empty() => done.without += 1,
                    unit => {
                        builder.set_usage(job, scaled(&raw, unit, builder, job))?;
                        done.jobs += 1;
                    }
                }
            }
        }
        Ok(done)
    }

    fn give(&mut self, series: u32, job: u32, builder: &mut WorkloadBuilder) -> Result<bool> {
        let from = self.samples.span(series).map_or(0, |span| span.0);
        let raw = self.samples.steps(series, from, None, u64::MAX, Bytes(i64::MAX));
        if raw.is_empty() {
            return Ok(false);
        }
        let steps = scaled(&raw, self.units[series as usize], builder, job);
        builder.set_usage(job, steps)?;
        Ok(true)
    }
}

/// `raw` in the job's own amounts; what is not known is the job's request.
fn scaled(raw: &[UsageStep], unit: SeriesUnit, builder: &WorkloadBuilder, job: u32) -> Vec<UsageStep> {
    let view = builder.view(job);
    let (cpu, memory) = (view.cpu_request.nano_cores(), view.memory_request.0.max(0) as u64);
    let cpu_whole = view.cpu_limit.map_or(cpu, |limit| limit.nano_cores());
    let memory_whole = view.memory_limit.map_or(memory, |limit| limit.0.max(0) as u64);
    let of = |value: u64, whole: u64| match unit {
        SeriesUnit::Absolute => value,
        SeriesUnit::ShareOfLimit => (u128::from(value) * u128::from(whole) / 1_000_000_000).min(1 << 53) as u64,
    };
    let step = |step: &UsageStep| UsageStep {
        cpu_nano: if step.cpu_nano == u64::MAX { cpu } else { of(step.cpu_nano, cpu_whole) },
        memory: Bytes(if step.memory.0 == i64::MAX {
            memory as i64
        } else {
            of(step.memory.0 as u64, memory_whole) as i64
        }),
        ..*step
    };
    raw.iter().map(step).collect()
}
