//! What jobs really use: steps of constant CPU demand and memory, from a profile, a rule or a seeded model.
//!
//! A batch job's steps are indexed by its progress, a service's by wall time; the host model decides how fast they
//! pass. Steps are made one at a time, so that a job of five months costs no memory.

use serde::{Deserialize, Serialize};

use super::{NO_PROFILE, OPEN, Workload};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::rng::{Purpose, Seed};
use crate::units::{Bytes, SECOND_US, SimTime};

/// Length of a modelled step: 5 minutes, the sampling interval of the public usage traces.
pub const NOMINAL_STEP: u64 = 300 * SECOND_US;

/// A stretch of constant usage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsageStep {
    /// How long it lasts when the job gets all it demands; `u64::MAX`: without end.
    pub length_us: u64,
    /// CPU demand in nano-cores.
    pub cpu_nano: u64,
    /// Memory in use.
    pub memory: Bytes,
    /// File pages that it needs in memory beside that: dropped before anything is killed, missed when they are.
    pub cache: Bytes,
}

/// What jobs without a profile of their own use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum UsageMode {
    /// Exactly what they request. Then request-aware placement cannot overload a host, by construction.
    Request,
    /// These thousandths of what they request.
    Share {
        /// Thousandths of the CPU request.
        cpu_milli: u32,
        /// Thousandths of the memory request.
        memory_milli: u32,
    },
    /// A seeded model: index into [`USAGE_MODELS`].
    Model(u8),
}

impl Default for UsageMode {
    fn default() -> Self {
        UsageMode::Model(0)
    }
}

/// A row of the table of usage models.
#[derive(Debug)]
pub struct UsageModelInfo {
    /// Name on the command line (`--usage model:NAME`).
    pub name: &'static str,
    /// One line for `list` and the README.
    pub summary: &'static str,
    draw: fn(Seed, JobId) -> ModelDraw,
}

/// The usage models.
pub const USAGE_MODELS: &[UsageModelInfo] = &[UsageModelInfo {
    name: "mix",
    summary: "mean CPU = request × Beta(1.3, 3), memory = request × {0.09 for 30 %, else Beta(12, 4)}, 1 % over their request by up to as much again; 5-minute AR(1) noise on CPU",
    draw: draw_mix,
}];

/// What is drawn once for each job.
#[derive(Clone, Copy, Debug)]
struct ModelDraw {
    /// Mean CPU over request.
    cpu: f64,
    /// Memory over request.
    memory: f64,
    /// Correlation of one step's noise with the next.
    rho: f64,
    /// Standard deviation of the noise over the mean.
    sigma: f64,
}

/// Section 6.3 of the notes on public traces: the Google 2011 usage/request ratios, with memory overruns.
/// The size of the noise (a quarter of the mean) is *assumed*.
fn draw_mix(seed: Seed, job: JobId) -> ModelDraw {
    let mut s = seed.stream(Purpose::Usage, job.0.into());
    let cpu = s.beta(1.3, 3.0);
    let rho = 0.6 + 0.3 * s.unit();
    let low = s.unit() < 0.3;
    let memory = if low { 0.09 } else { s.beta(12.0, 4.0) };
    let over = s.unit() < 0.01;
    let excess = s.unit();
    ModelDraw { cpu, memory: if over { 1.0 + excess } else { memory }, rho, sigma: 0.25 }
}

/// Where a job stands in its usage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UsageCursor {
    /// Number of the current step.
    pub index: u32,
    /// Nominal time before the current step.
    elapsed_us: u64,
    /// State of the model's noise, in standard deviations.
    noise: f64,
    model: (f64, f64, f64, f64),
}

impl Workload {
    /// The number of the job's profile, or [`NO_PROFILE`].
    fn profile_number(&self, job: JobId) -> u32 {
        self.profile.get(job.index()).copied().unwrap_or(NO_PROFILE)
    }

    /// The usage profile that came with the job, step by step; empty: by [`Workload::usage`].
    pub fn profile(&self, job: JobId) -> &[UsageStep] {
        match self.profile_number(job) {
            NO_PROFILE => &[],
            p => &self.steps[self.profiles[p as usize] as usize..self.profiles[p as usize + 1] as usize],
        }
    }

    /// The first step of `job`.
    ///
    /// A batch job of duration 0 has a first step of length 0: it ends as it starts.
    pub fn first_step(&self, job: JobId) -> (UsageCursor, UsageStep) {
        let mut cursor = UsageCursor { index: 0, elapsed_us: 0, noise: 0.0, model: (0.0, 0.0, 0.0, 0.0) };
        if let (UsageMode::Model(model), NO_PROFILE) = (self.usage, self.profile_number(job)) {
            let draw = (USAGE_MODELS[usize::from(model)].draw)(self.seed, job);
            cursor.model = (draw.cpu, draw.memory, draw.rho, draw.sigma);
            cursor.noise = self.noise(job, 0);
        }
        let step = self.step_at(job, &cursor);
        (cursor, step)
    }

    /// The step after the current one, whose length was `length_us`; `None` when the job's work is done.
    pub fn next_step(&self, job: JobId, cursor: &mut UsageCursor, length_us: u64) -> Option<UsageStep> {
        cursor.elapsed_us = cursor.elapsed_us.saturating_add(length_us);
        if cursor.elapsed_us >= self.profile_length_us(job) {
            return None;
        }
        cursor.index += 1;
        if cursor.model.3 > 0.0 {
            let rho = cursor.model.2;
            cursor.noise = rho * cursor.noise + libm::sqrt(1.0 - rho * rho) * self.noise(job, cursor.index);
        }
        Some(self.step_at(job, cursor))
    }

    /// The same jobs with the steps of the usage model written out, for those that have no profile: what a run with this
    /// seed and [`UsageMode::Model`] would draw. Services are written until `end`; at most `most_steps` steps a job, the
    /// last of which holds on. Other usage modes, and jobs of no length, stay as they are.
    ///
    /// Errors: more than `budget` steps in all.
    pub fn with_usage_steps(mut self, end: SimTime, most_steps: u32, budget: u64) -> Result<Self> {
        if !matches!(self.usage, UsageMode::Model(_)) || most_steps == 0 {
            return Ok(self);
        }
        let mut profile: Vec<UsageStep> = Vec::new();
        for job in self.ids() {
            if self.profile_number(job) != NO_PROFILE || self.duration_us[job.index()] == 0 {
                continue;
            }
            let batch = self.spec(job).kind == super::JobKind::Batch;
            let left = if batch { self.duration_us[job.index()] } else { end.0.saturating_sub(self.arrival(job).0) };
            profile.clear();
            let (mut cursor, mut step) = self.first_step(job);
            let mut gone = 0u64;
            loop {
                profile.push(step);
                gone = gone.saturating_add(step.length_us);
                if gone >= left || profile.len() as u32 >= most_steps {
                    break;
                }
                match self.next_step(job, &mut cursor, step.length_us) {
                    Some(next) => step = next,
                    None => break,
                }
            }
            if let Some(last) = profile.last_mut() {
                last.length_us = u64::MAX;
            }
            if (self.steps.len() + profile.len()) as u64 > budget.min(u64::from(u32::MAX)) {
                return Err(Error::budget("usage steps", format!("more than {budget}"), budget, "--max-usage-steps"));
            }
            self.steps.extend_from_slice(&profile);
            self.profiles.push(self.steps.len() as u32);
            if self.profile.is_empty() {
                self.profile = vec![NO_PROFILE; self.len()];
            }
            self.profile[job.index()] = (self.profiles.len() - 2) as u32;
        }
        Ok(self)
    }

    /// Nominal time that the profile covers: the duration of a batch job, for ever for a service.
    fn profile_length_us(&self, job: JobId) -> u64 {
        match self.spec(job).kind {
            super::JobKind::Batch => self.duration_us[job.index()],
            super::JobKind::Service => OPEN,
        }
    }

    /// All of a batch job's work, in nano-core-microseconds: Σ demand × length over its steps.
    pub fn work(&self, job: JobId) -> u128 {
        let (mut cursor, mut step) = self.first_step(job);
        let mut work = 0;
        loop {
            work += u128::from(step.cpu_nano) * u128::from(step.length_us);
            match self.next_step(job, &mut cursor, step.length_us) {
                Some(next) => step = next,
                None => return work,
            }
        }
    }

    fn noise(&self, job: JobId, step: u32) -> f64 {
        let mut stream = self.seed.stream(Purpose::UsageNoise, job.0.into());
        // Two draws a step: Box-Muller takes a pair.
        stream.seek(u64::from(step) * 2);
        stream.normal()
    }

    fn step_at(&self, job: JobId, cursor: &UsageCursor) -> UsageStep {
        let left = self.profile_length_us(job).saturating_sub(cursor.elapsed_us);
        let kind = self.kind_of(job);
        let (cpu, memory) = (kind.cpu_request, kind.memory_request);
        let profile = self.profile_number(job);
        if profile != NO_PROFILE {
            let steps =
                &self.steps[self.profiles[profile as usize] as usize..self.profiles[profile as usize + 1] as usize];
            let at = (cursor.index as usize).min(steps.len() - 1);
            let last = at + 1 == steps.len();
            return UsageStep { length_us: if last { left } else { steps[at].length_us.min(left) }, ..steps[at] };
        }
        match self.usage {
            UsageMode::Request => {
                UsageStep { length_us: left, cpu_nano: cpu.nano_cores(), memory, cache: Bytes::default() }
            }
            UsageMode::Share { cpu_milli, memory_milli } => UsageStep {
                length_us: left,
                cpu_nano: cpu.nano_cores() / 1000 * u64::from(cpu_milli),
                memory: Bytes((i128::from(memory.0) * i128::from(memory_milli) / 1000) as i64),
                cache: Bytes::default(),
            },
            UsageMode::Model(_) => {
                let (cpu_mean, memory_share, _, sigma) = cursor.model;
                // Demand stays between a twentieth of its mean and the whole request or three times the mean,
                // whichever is more: bursts over the request are real (max/request 1.4 at the median, Google 2011).
                let share = cpu_mean * (1.0 + sigma * cursor.noise).clamp(0.05, 3.0);
                UsageStep {
                    length_us: left.min(NOMINAL_STEP),
                    cpu_nano: (cpu.nano_cores() as f64 * share) as u64,
                    memory: Bytes((memory.0 as f64 * memory_share) as i64),
                    cache: Bytes::default(),
                }
            }
        }
    }
}
