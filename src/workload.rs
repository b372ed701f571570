//! The jobs: columns in order of arrival, what they ask for and what they really use.
//!
//! A workload is what was read from a trace, a scenario or a generator, checked and sorted once. It never changes
//! during a run and is shared between runs. It knows no host and takes no decision.

mod builder;
mod crop;
pub mod generator;
pub mod inflation;
mod kind;
mod names;
mod offered;
pub mod sample;
mod shape;
mod spec;
pub mod stats;
mod usage;

pub use builder::{Job, JobView, LikeJob, WorkloadBuilder};
pub use crop::Cropped;
pub use kind::Kind;
pub(crate) use names::mixed;
pub use offered::{Capacity, LOAD_RESOURCES, LoadScale, Offered, Scaled, offered, scale_to, speed};
pub use shape::Shape;
pub use spec::{Controller, JobKind, PodReplacement, RestartPolicy, Spec, Unserved};
pub use usage::{NOMINAL_STEP, USAGE_MODELS, UsageCursor, UsageMode, UsageModelInfo, UsageStep};

use std::sync::Arc;

use kind::Limits;
use names::Names;

use crate::fleet::options::Options as UnitOptions;
use crate::ids::{AppId, JobId, SpecId};
use crate::kube::framework::World as Listed;
use crate::kube::object::pod::Pod;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};

/// Longest time that a workload may hold, so that sums of a few times never wrap: 2^61 µs, 73,000 years.
pub(crate) const LONGEST_US: u64 = 1 << 61;
/// A duration column entry that says "no end known".
pub(crate) const OPEN: u64 = u64::MAX;
/// A usage column entry that says "no profile of its own".
const NO_PROFILE: u32 = u32::MAX;
/// A limit column entry that says "no limit".
const NO_LIMIT: i64 = -1;

/// An app: the jobs that replace each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct App {
    /// Unique name.
    pub name: String,
    /// Its jobs, in order.
    pub jobs: Vec<JobId>,
}

/// All jobs, in order of arrival, then name: [`BYTES_PER_JOB`] and the bytes of the name each, and what jobs have in common
/// once.
#[derive(Clone, Debug)]
pub struct Workload {
    arrival: Vec<SimTime>,
    duration_us: Vec<u64>,
    kind: Vec<u32>,
    /// Empty where no job has usage of its own.
    profile: Vec<u32>,
    names: Names,
    kinds: Vec<Kind>,
    /// Limits of the kinds; empty where none has any.
    limits: Vec<Limits>,
    specs: Vec<Spec>,
    apps: Vec<App>,
    resources: Vec<String>,
    /// `profiles[p]..profiles[p + 1]` are the steps of profile `p`.
    profiles: Vec<u32>,
    steps: Vec<UsageStep>,
    /// `after_start[j]..after_start[j + 1]` in `after`; empty when no job waits for another.
    after_start: Vec<u32>,
    after: Vec<JobId>,
    /// The same the other way round: who waits for a job.
    before_start: Vec<u32>,
    before: Vec<JobId>,
    usage: UsageMode,
    seed: crate::rng::Seed,
    trace_end: Option<SimTime>,
    /// Pods that jobs were described by.
    templates: Vec<Arc<Pod>>,
    /// What units ask of fleet.
    units: Vec<Arc<UnitOptions>>,
    /// Services, controllers, budgets and namespaces that came with them.
    objects: Arc<Listed>,
    /// The shapes of the list that the jobs were drawn from, if they were.
    drawn_from: Option<Vec<Shape>>,
}

/// Bytes of one job: its times, its kind and the end of its name. Beside them stand the bytes of the name, one entry of
/// its app, four bytes where some job has usage of its own, and, once for all jobs of a kind, [`BYTES_PER_KIND`].
pub const BYTES_PER_JOB: usize = size_of::<SimTime>() + size_of::<u64>() + 2 * size_of::<u32>();
/// Bytes of one kind; 16 more where some kind has limits.
pub const BYTES_PER_KIND: usize = size_of::<Kind>();
const _: () = assert!(BYTES_PER_JOB == 24 && BYTES_PER_KIND == 24 && size_of::<Limits>() == 16);

impl Workload {
    /// Number of jobs.
    pub fn len(&self) -> usize {
        self.arrival.len()
    }

    /// Whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.arrival.is_empty()
    }

    /// All jobs in order of arrival.
    pub fn ids(&self) -> impl Iterator<Item = JobId> + use<> {
        (0..self.arrival.len() as u32).map(JobId)
    }

    /// When the job arrives.
    pub fn arrival(&self, job: JobId) -> SimTime {
        self.arrival[job.index()]
    }

    /// Batch: the length of its work if it gets all it demands. Service: how long after its arrival it is removed.
    /// `None`: open end.
    pub fn duration(&self, job: JobId) -> Option<SimDuration> {
        let us = self.duration_us[job.index()];
        (us != OPEN).then_some(SimDuration(us))
    }

    /// The number of the job's kind: jobs of one kind ask for the same, have the same limits, say the same of themselves and are
    /// of one app. Nearly
    /// always the other way round, too, but not for certain; nothing may hang on which number it is.
    pub fn kind(&self, job: JobId) -> u32 {
        self.kind[job.index()]
    }

    /// All kinds, by number.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Limit number `which` of the job's kind.
    fn limit(&self, job: JobId, which: usize) -> Option<i64> {
        let limits = self.limits.get(self.kind[job.index()] as usize)?;
        Some(limits[which]).filter(|&limit| limit != NO_LIMIT)
    }

    fn kind_of(&self, job: JobId) -> &Kind {
        &self.kinds[self.kind[job.index()] as usize]
    }

    /// CPU request as written; 0 if none.
    pub fn cpu_request(&self, job: JobId) -> MilliCpu {
        self.kind_of(job).cpu_request
    }

    /// Memory request as written; 0 if none.
    pub fn memory_request(&self, job: JobId) -> Bytes {
        self.kind_of(job).memory_request
    }

    /// CPU limit as written.
    pub fn cpu_limit(&self, job: JobId) -> Option<MilliCpu> {
        self.limit(job, 0).map(MilliCpu)
    }

    /// Memory limit as written.
    pub fn memory_limit(&self, job: JobId) -> Option<Bytes> {
        self.limit(job, 1).map(Bytes)
    }

    /// The number of what the job says of itself: equal for jobs whose [`Workload::spec`] is equal.
    pub fn spec_id(&self, job: JobId) -> SpecId {
        self.kind_of(job).spec
    }

    /// The rest of what the job says of itself.
    pub fn spec(&self, job: JobId) -> &Spec {
        &self.specs[self.spec_id(job).index()]
    }

    /// The pod that `job` was described by, if it came from a manifest. Its name is the template's, not the job's.
    pub fn template(&self, job: JobId) -> Option<&Arc<Pod>> {
        self.spec(job).template.map(|number| &self.templates[number as usize])
    }

    /// The pod that jobs name by this number in [`Spec::template`]. Panics for a number that none has.
    pub fn template_of(&self, number: u32) -> &Arc<Pod> {
        &self.templates[number as usize]
    }

    /// What the `[X-Fleet]` section of the job's unit says, if it has one.
    pub fn unit(&self, job: JobId) -> Option<&Arc<UnitOptions>> {
        self.spec(job).unit.map(|number| &self.units[number as usize])
    }

    /// All `[X-Fleet]` sections; a [`Spec::unit`] indexes this list.
    pub fn units(&self) -> &[Arc<UnitOptions>] {
        &self.units
    }

    /// Services, controllers, budgets and namespaces that came with the jobs.
    pub fn objects(&self) -> &Arc<Listed> {
        &self.objects
    }

    /// The app it belongs to.
    pub fn app(&self, job: JobId) -> AppId {
        self.kind_of(job).app
    }

    /// All apps, in order of names.
    pub fn apps(&self) -> &[App] {
        &self.apps
    }

    /// The job's name.
    pub fn name(&self, job: JobId) -> &str {
        self.names.get(job.index())
    }

    /// The job of that name (a scan: for explanations, not for loops).
    pub fn find(&self, name: &str) -> Option<JobId> {
        self.ids().find(|&job| self.name(job) == name)
    }

    /// Jobs that must finish before `job` enters the system.
    pub fn after(&self, job: JobId) -> &[JobId] {
        slice(&self.after_start, &self.after, job)
    }

    /// Jobs that wait for `job`.
    pub fn before(&self, job: JobId) -> &[JobId] {
        slice(&self.before_start, &self.before, job)
    }

    /// Names of the extended resources that jobs ask for, in byte order; a [`crate::ids::ResourceId`] in a
    /// [`Spec`] indexes **this** list.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// What jobs without a usage profile of their own use.
    pub fn usage(&self) -> UsageMode {
        self.usage
    }

    /// Whether some job has no usage profile of its own, so that [`Workload::usage`] matters.
    pub fn has_modelled_usage(&self) -> bool {
        if self.profile.is_empty() { !self.is_empty() } else { self.profile.contains(&NO_PROFILE) }
    }

    /// The end of the trace, if it says one.
    pub fn trace_end(&self) -> Option<SimTime> {
        self.trace_end
    }

    /// The seed that modelled usage is drawn with.
    pub fn seed(&self) -> crate::rng::Seed {
        self.seed
    }

    /// The same jobs with the given usage for those without a profile.
    pub fn with_usage(mut self, usage: UsageMode, seed: crate::rng::Seed) -> Self {
        self.usage = usage;
        self.seed = seed;
        self
    }

    /// When the last job would end if each ran from its arrival uncontended; services count with their removal, open ends
    /// with their arrival or the trace's end. `after` shifts a job to the end of what it waits for.
    pub fn uncontended_end(&self) -> SimTime {
        let mut end = self.trace_end.unwrap_or(SimTime::ZERO);
        let ends = if self.after.is_empty() { Vec::new() } else { self.uncontended_ends() };
        for job in self.ids() {
            end = end.max(ends.get(job.index()).copied().unwrap_or_else(|| self.end_from(job, self.arrival(job))));
            if let (JobKind::Service, Some(lives)) = (self.spec(job).kind, self.duration(job)) {
                end = end.max(self.arrival(job) + lives);
            }
        }
        end
    }

    /// For each job, when it would end if it ran from its arrival uncontended; services, which jobs do not wait for, at
    /// their arrival.
    pub fn uncontended_ends(&self) -> Vec<SimTime> {
        self.uncontended_ends_from(self.arrival.clone())
    }

    /// When `job` ends if it begins then and nothing holds it up; services, which jobs do not wait for, as they begin.
    fn end_from(&self, job: JobId, begins: SimTime) -> SimTime {
        match self.duration(job) {
            Some(duration) if self.spec(job).kind == JobKind::Batch => begins + duration,
            _ => begins,
        }
    }

    /// The same if the jobs arrived at `start` (in order of jobs).
    fn uncontended_ends_from(&self, mut start: Vec<SimTime>) -> Vec<SimTime> {
        if self.after.is_empty() {
            for (job, at) in self.ids().zip(&mut start) {
                *at = self.end_from(job, *at);
            }
            return start;
        }
        let mut waiting: Vec<u32> = self.ids().map(|job| self.after(job).len() as u32).collect();
        let mut end = vec![SimTime::ZERO; self.len()];
        let mut ready: Vec<JobId> = self.ids().filter(|job| waiting[job.index()] == 0).collect();
        while let Some(job) = ready.pop() {
            end[job.index()] = self.end_from(job, start[job.index()]);
            for &next in self.before(job) {
                start[next.index()] = start[next.index()].max(end[job.index()]);
                waiting[next.index()] -= 1;
                if waiting[next.index()] == 0 {
                    ready.push(next);
                }
            }
        }
        end
    }

    /// The same jobs with every arrival at `scale(arrival)`, which must not change their order. Durations are kept.
    pub(crate) fn map_arrivals(mut self, scale: impl Fn(SimTime) -> SimTime) -> Self {
        for arrival in &mut self.arrival {
            *arrival = scale(*arrival);
        }
        assert!(self.arrival.is_sorted(), "scaling arrivals changed their order");
        self.trace_end = self.trace_end.map(scale);
        self
    }
}

fn slice<'a>(start: &[u32], items: &'a [JobId], job: JobId) -> &'a [JobId] {
    if start.is_empty() { &[] } else { &items[start[job.index()] as usize..start[job.index() + 1] as usize] }
}
