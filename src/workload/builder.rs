//! From jobs one by one to sorted, checked columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::{Kind, KindTable};
use super::names::{NameTable, Names};
use super::{App, JobKind, LONGEST_US, NO_LIMIT, NO_PROFILE, OPEN, Spec, UsageMode, UsageStep, Workload};
use crate::error::{Error, Result};
use crate::fleet::options::Options as UnitOptions;
use crate::ids::{AppId, JobId, ResourceId, SpecId};
use crate::kube::framework::World as Listed;
use crate::kube::object::pod::Pod;
use crate::rng::Seed;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};

/// One job, as a reader or generator hands it over.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// Unique name, not empty.
    pub name: String,
    /// The app it belongs to; empty: the app without a name, of all jobs that name none.
    pub app: String,
    /// When it arrives.
    pub arrival: SimTime,
    /// Length of a batch job's work, time until a service is removed; `None`: open end (services only).
    pub duration: Option<SimDuration>,
    /// CPU request, 0 if none.
    pub cpu_request: MilliCpu,
    /// Memory request, 0 if none.
    pub memory_request: Bytes,
    /// CPU limit.
    pub cpu_limit: Option<MilliCpu>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
    /// The rest; `extended` is filled from the field below.
    pub spec: Spec,
    /// Extended resources by name.
    pub extended: BTreeMap<String, i64>,
    /// What it really uses, step by step; empty: by the workload's usage mode. The last step holds until the end.
    pub usage: Vec<UsageStep>,
    /// Names of jobs that must finish first.
    pub after: Vec<String>,
}

impl Job {
    /// A batch job of that size; everything else plain.
    pub fn batch(
        name: impl Into<String>,
        arrival: SimTime,
        duration: SimDuration,
        cpu: MilliCpu,
        memory: Bytes,
    ) -> Self {
        Job {
            name: name.into(),
            app: String::new(),
            arrival,
            duration: Some(duration),
            cpu_request: cpu,
            memory_request: memory,
            cpu_limit: None,
            memory_limit: None,
            spec: Spec { namespace: "default".into(), ..Spec::default() },
            extended: BTreeMap::new(),
            usage: Vec::new(),
            after: Vec::new(),
        }
    }

    /// A service without end of that size.
    pub fn service(name: impl Into<String>, arrival: SimTime, cpu: MilliCpu, memory: Bytes) -> Self {
        let mut job = Job::batch(name, arrival, SimDuration::ZERO, cpu, memory);
        job.duration = None;
        job.spec.kind = JobKind::Service;
        job
    }

    /// The same job using that CPU and memory throughout.
    pub fn using(mut self, cpu: MilliCpu, memory: Bytes) -> Self {
        self.usage = vec![UsageStep { length_us: u64::MAX, cpu_nano: cpu.nano_cores(), memory, cache: Bytes(0) }];
        self
    }
}

/// A job whose [`Spec`] was met before, with what is its own.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LikeJob<'a> {
    /// Unique name, not empty.
    pub name: &'a str,
    /// The app it belongs to, by the number that [`WorkloadBuilder::app`] gave.
    pub app: AppId,
    /// When it arrives.
    pub arrival: SimTime,
    /// As in [`Job::duration`].
    pub duration: Option<SimDuration>,
    /// CPU request, 0 if none.
    pub cpu_request: MilliCpu,
    /// Memory request, 0 if none.
    pub memory_request: Bytes,
    /// CPU limit.
    pub cpu_limit: Option<MilliCpu>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
}

/// What checks and sums need of a spec.
#[derive(Clone, Copy, Debug)]
struct SpecFacts {
    kind: JobKind,
    ephemeral: Bytes,
    /// Sum of its extended resources, at most twice what all jobs together may ask for.
    extended: i64,
}

impl SpecFacts {
    fn new(kind: JobKind, ephemeral: Bytes, extended: impl Iterator<Item = i64>) -> Self {
        let extended = extended.fold(0i64, i64::saturating_add).min(2 * MOST_IN_ALL[3].0);
        SpecFacts { kind, ephemeral, extended }
    }
}

/// A job that was added, as far as what lies over it has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JobView<'a> {
    /// Name.
    pub name: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// CPU request.
    pub cpu_request: MilliCpu,
    /// Memory request.
    pub memory_request: Bytes,
    /// CPU limit.
    pub cpu_limit: Option<MilliCpu>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
}

/// Collects jobs and makes a [`Workload`] of them.
#[derive(Debug, Default)]
pub struct WorkloadBuilder {
    jobs: Columns,
    specs: BTreeMap<Spec, SpecId>,
    /// Namespaces of `specs`, by their ids.
    namespaces: Vec<String>,
    /// What counts of `specs`, by their ids.
    facts: Vec<SpecFacts>,
    kinds: KindTable,
    apps: NameTable,
    resources: BTreeMap<String, ResourceId>,
    profiles: Vec<u32>,
    steps: Vec<UsageStep>,
    after: Vec<(u32, Vec<String>)>,
    trace_end: Option<SimTime>,
    templates: Vec<Arc<Pod>>,
    units: Vec<Arc<UnitOptions>>,
    objects: Arc<Listed>,
    /// Some of `specs`, as jobs had them lately: most jobs have what one of a few before them had.
    recent: Vec<(Spec, SpecId)>,
    /// Which of these goes next.
    oldest: usize,
    /// Sums over jobs of the most that each may ask for or use, as in [`MOST_IN_ALL`].
    totals: [i64; 4],
}

/// Most that all jobs together may ask for or use, so that sums over them never leave 64 bits.
const MOST_IN_ALL: [(i64, &str); 4] = [
    (1 << 40, "CPU adds up to more than 2^40 milli-CPU, a billion cores"),
    (1 << 60, "memory adds up to more than 2^60 bytes, an exbibyte"),
    (1 << 60, "ephemeral storage adds up to more than 2^60 bytes, an exbibyte"),
    (1 << 60, "extended resources add up to more than 2^60"),
];

/// How many specs are looked through before the map of all.
const RECENT: usize = 8;

/// Most touches of file pages: one every ten nanoseconds, far beyond what can be.
const MOST_TOUCHES: u32 = 100_000_000;

/// The columns in input order.
#[derive(Debug, Default)]
struct Columns {
    arrival: Vec<SimTime>,
    duration_us: Vec<u64>,
    kind: Vec<u32>,
    /// As long as the others, or empty while no job has usage of its own.
    profile: Vec<u32>,
    names: Names,
}

impl WorkloadBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        WorkloadBuilder { profiles: vec![0], ..Self::default() }
    }

    /// Number of jobs so far.
    pub fn len(&self) -> usize {
        self.jobs.arrival.len()
    }

    /// Whether no job was added yet.
    pub fn is_empty(&self) -> bool {
        self.jobs.arrival.is_empty()
    }

    /// States where the trace ends, for jobs without an end.
    pub fn trace_end(&mut self, end: SimTime) {
        self.trace_end = Some(end);
    }

    /// Takes back where the trace ends.
    pub(super) fn no_trace_end(&mut self) {
        self.trace_end = None;
    }

    /// Keeps a pod that jobs are described by; jobs name it by this number in [`Spec::template`].
    pub fn template(&mut self, pod: Arc<Pod>) -> u32 {
        self.templates.push(pod);
        (self.templates.len() - 1) as u32
    }

    /// Keeps what a unit's `[X-Fleet]` section says, once; jobs name it by this number in [`Spec::unit`].
    pub fn unit(&mut self, options: Arc<UnitOptions>) -> u32 {
        if let Some(number) = self.units.iter().position(|known| *known == options) {
            return number as u32;
        }
        self.units.push(options);
        (self.units.len() - 1) as u32
    }

    /// Numbers of the jobs, in order of input, that have no usage of their own.
    pub fn without_usage(&self) -> Vec<u32> {
        let profile = &self.jobs.profile;
        let none = |job: &u32| profile.is_empty() || profile[*job as usize] == NO_PROFILE;
        (0..self.len() as u32).filter(none).collect()
    }

    /// What job number `job`, in order of input, is.
    pub fn view(&self, job: u32) -> JobView<'_> {
        let i = job as usize;
        let number = self.jobs.kind[i];
        let kind = self.kinds.get(number);
        let [cpu_limit, memory_limit] =
            self.kinds.limits_of(number).map(|limit| Some(limit).filter(|l| *l != NO_LIMIT));
        JobView {
            name: self.jobs.names.get(i),
            namespace: self.namespaces.get(kind.spec.index()).map_or("", String::as_str),
            cpu_request: kind.cpu_request,
            memory_request: kind.memory_request,
            cpu_limit: cpu_limit.map(MilliCpu),
            memory_limit: memory_limit.map(Bytes),
        }
    }

    /// Gives job number `job`, in order of input, usage of its own in place of what it has. Its last step holds to the end.
    ///
    /// Errors: a step without length or beyond 2^53; with it all jobs use more than sums can hold.
    pub fn set_usage(&mut self, job: u32, usage: Vec<UsageStep>) -> Result<()> {
        if usage.is_empty() {
            return Ok(());
        }
        let view = self.view(job);
        // What the job may ask for is in the totals already; the usage that was there before stays in them.
        let known = [
            view.cpu_request.0.max(view.cpu_limit.map_or(0, |l| l.0)),
            view.memory_request.0.max(view.memory_limit.map_or(0, |l| l.0)),
        ];
        let name = view.name.to_owned();
        check_steps(&usage).map_err(|what| refused(&name, "usage", what))?;
        for (i, most) in most_used(&usage).into_iter().enumerate() {
            self.totals[i] += (most - known[i]).max(0);
            if self.totals[i] > MOST_IN_ALL[i].0 {
                return Err(Error::input(format!("job \"{name}\": with it, the jobs' {}", MOST_IN_ALL[i].1)));
            }
        }
        let profile = self.profile(usage)?;
        if self.jobs.profile.is_empty() {
            self.jobs.profile = vec![NO_PROFILE; self.len()];
        }
        self.jobs.profile[job as usize] = profile;
        Ok(())
    }

    /// Keeps steps as a profile.
    fn profile(&mut self, usage: Vec<UsageStep>) -> Result<u32> {
        self.steps.extend(usage);
        self.profiles.push(u32::try_from(self.steps.len()).map_err(|_| Error::input("more than 2^32 usage steps"))?);
        Ok((self.profiles.len() - 2) as u32)
    }

    /// States what else a Kubernetes scheduler looks up: services, controllers, budgets, namespaces.
    pub fn objects(&mut self, objects: Arc<Listed>) {
        self.objects = objects;
    }

    /// Adds a job.
    ///
    /// Errors name the field: an empty name, a negative amount, a limit under its request, a batch job without
    /// duration, a GPU share over 1000, a usage step without length.
    pub fn push(&mut self, job: Job) -> Result<()> {
        check(&job)?;
        let app_id = self.app(&job.app)?;
        let Job {
            name,
            app: _,
            arrival,
            duration,
            cpu_request,
            memory_request,
            cpu_limit,
            memory_limit,
            mut spec,
            extended,
            usage,
            after,
        } = job;
        let like = LikeJob {
            name: &name,
            app: app_id,
            arrival,
            duration,
            cpu_request,
            memory_request,
            cpu_limit,
            memory_limit,
        };
        let facts = SpecFacts::new(spec.kind, spec.ephemeral, extended.values().copied());
        self.count(&like, &facts, &usage)?;
        for (resource, amount) in extended {
            let next = ResourceId::from_index(self.resources.len());
            let id = *self.resources.entry(resource).or_insert(next);
            spec.extended.push((id, amount));
        }
        let spec = self.spec_id(spec);
        let profile = if usage.is_empty() { NO_PROFILE } else { self.profile(usage)? };
        if !after.is_empty() {
            self.after.push((self.len() as u32, after));
        }
        self.row(&like, spec, profile)
    }

    /// Adds a job without usage of its own that waits for none, and whose spec, extended resources included, is `spec`: a
    /// number that [`WorkloadBuilder::last_spec`] gave. The same as [`WorkloadBuilder::push`] at a third of its cost, for
    /// traces whose rows mostly say the same.
    ///
    /// Errors: as there, and then nothing was added.
    pub fn push_like(&mut self, job: &LikeJob<'_>, spec: SpecId) -> Result<()> {
        let facts = self.facts[spec.index()];
        check_sizes(job, facts.kind, facts.ephemeral)?;
        self.count(job, &facts, &[])?;
        self.row(job, spec, NO_PROFILE)
    }

    /// The number of the app of that name, for [`LikeJob::app`]. An empty name is the app without a name, of all jobs that name
    /// none.
    pub fn app(&mut self, name: &str) -> Result<AppId> {
        self.apps.number(name).map(AppId)
    }

    /// The spec of the job that was added last.
    pub fn last_spec(&self) -> Option<SpecId> {
        self.jobs.kind.last().map(|&kind| self.kinds.get(kind).spec)
    }

    /// Adds the columns of a job that was checked and counted.
    fn row(&mut self, job: &LikeJob<'_>, spec: SpecId, profile: u32) -> Result<()> {
        self.jobs.names.push(job.name)?;
        let kind = Kind { cpu_request: job.cpu_request, memory_request: job.memory_request, spec, app: job.app };
        let limits = [job.cpu_limit.map_or(NO_LIMIT, |l| l.0), job.memory_limit.map_or(NO_LIMIT, |l| l.0)];
        let kind = self.kinds.number(kind, limits);
        let c = &mut self.jobs;
        if profile != NO_PROFILE && c.profile.is_empty() {
            c.profile = vec![NO_PROFILE; c.arrival.len()];
        }
        if profile != NO_PROFILE || !c.profile.is_empty() {
            c.profile.push(profile);
        }
        c.arrival.push(job.arrival);
        c.duration_us.push(job.duration.map_or(OPEN, |d| d.0));
        c.kind.push(kind);
        Ok(())
    }

    /// The number of `spec`.
    fn spec_id(&mut self, spec: Spec) -> SpecId {
        // Priorities first: comparing the many lists of a spec costs more than all else here.
        if let Some((_, id)) = self.recent.iter().find(|(known, _)| known.priority == spec.priority && *known == spec) {
            return *id;
        }
        let next = SpecId::from_index(self.specs.len());
        let id = match self.specs.get(&spec) {
            Some(id) => *id,
            None => {
                self.namespaces.push(spec.namespace.clone());
                let extended = spec.extended.iter().map(|(_, amount)| *amount);
                self.facts.push(SpecFacts::new(spec.kind, spec.ephemeral, extended));
                self.specs.insert(spec.clone(), next);
                next
            }
        };
        if self.recent.len() < RECENT {
            self.recent.push((spec, id));
        } else {
            self.recent[self.oldest] = (spec, id);
            self.oldest = (self.oldest + 1) % RECENT;
        }
        id
    }

    /// Adds up what jobs may ask for or use, and refuses what no sum can hold.
    fn count(&mut self, job: &LikeJob<'_>, facts: &SpecFacts, usage: &[UsageStep]) -> Result<()> {
        let [mut cpu, mut memory] = if usage.is_empty() { [0; 2] } else { most_used(usage) };
        cpu = cpu.max(job.cpu_request.0).max(job.cpu_limit.map_or(0, |l| l.0));
        memory = memory.max(job.memory_request.0).max(job.memory_limit.map_or(0, |l| l.0));
        let own = [cpu, memory, facts.ephemeral.0, facts.extended];
        let mut totals = self.totals;
        for ((total, own), (most, what)) in totals.iter_mut().zip(own).zip(MOST_IN_ALL) {
            // Neither is beyond 2^61.
            *total += own;
            if *total > most {
                return Err(Error::input(format!("job \"{}\": with it, the jobs' {what}", job.name)));
            }
        }
        self.totals = totals;
        Ok(())
    }

    /// Sorts by arrival, then name, and resolves `after`.
    ///
    /// Errors: a repeated name, an unknown job in `after`, jobs that wait for each other in a circle.
    pub fn finish(self, usage: UsageMode, seed: Seed) -> Result<Workload> {
        let mut c = self.jobs;
        if let Some(name) = c.names.repeated() {
            return Err(Error::input(format!("two jobs are named \"{name}\"")));
        }
        // Names are unique, so (arrival, name) is a total order whatever order the rows came in.
        let n = c.arrival.len();
        let key = |i: usize| (c.arrival[i], c.names.get(i));
        let order = (!(0..n).is_sorted_by(|&a, &b| key(a) < key(b))).then(|| {
            let mut order: Vec<u32> = (0..n as u32).collect();
            order.sort_unstable_by(|&a, &b| key(a as usize).cmp(&key(b as usize)));
            order
        });
        if let Some(order) = &order {
            // One column at a time, so that only one stands twice in memory.
            c.names = c.names.listed(order);
            permute(order, &mut c.arrival);
            permute(order, &mut c.duration_us);
            permute(order, &mut c.kind);
            permute(order, &mut c.profile);
        } else {
            c.names.shrink();
            c.arrival.shrink_to_fit();
            c.duration_us.shrink_to_fit();
            c.kind.shrink_to_fit();
            c.profile.shrink_to_fit();
        }

        // Apps and resources were numbered as met; renumber them by name.
        let (app_names, app_rank) = self.apps.into_ranked();
        let (resources, resource_rank) = by_rank(self.resources, |id| id.0);
        let mut specs = vec![Spec::default(); self.specs.len()];
        for (mut spec, id) in self.specs {
            for (resource, _) in &mut spec.extended {
                *resource = ResourceId(resource_rank[resource.index()]);
            }
            spec.extended.sort();
            specs[id.index()] = spec;
        }
        let (mut kinds, limits) = self.kinds.into_columns();
        for kind in &mut kinds {
            kind.app = AppId(app_rank[kind.app.index()]);
        }
        let mut sizes = vec![0usize; app_names.len()];
        for &kind in &c.kind {
            sizes[kinds[kind as usize].app.index()] += 1;
        }
        let mut apps: Vec<App> =
            app_names.into_iter().zip(sizes).map(|(name, size)| App { name, jobs: Vec::with_capacity(size) }).collect();
        for (job, &kind) in c.kind.iter().enumerate() {
            apps[kinds[kind as usize].app.index()].jobs.push(JobId::from_index(job));
        }

        let edges = edges(&self.after, &c.names, order.as_deref())?;
        drop(order);
        let (after_start, after) = adjacency(n, &edges);
        let mut reversed: Vec<(JobId, JobId)> = edges.iter().map(|&(job, first)| (first, job)).collect();
        reversed.sort_unstable();
        let (before_start, before) = adjacency(n, &reversed);
        let workload = Workload {
            arrival: c.arrival,
            duration_us: c.duration_us,
            kind: c.kind,
            profile: c.profile,
            names: c.names,
            kinds,
            limits,
            specs,
            apps,
            resources,
            profiles: self.profiles,
            steps: self.steps,
            after_start,
            after,
            before_start,
            before,
            usage,
            seed,
            trace_end: self.trace_end,
            templates: self.templates,
            units: self.units,
            objects: self.objects,
            drawn_from: None,
        };
        refuse_circles(&workload)?;
        Ok(workload)
    }
}

/// Puts `column` into `order`; an empty one stays so.
fn permute<T: Copy>(order: &[u32], column: &mut Vec<T>) {
    if !column.is_empty() {
        *column = order.iter().map(|&old| column[old as usize]).collect();
    }
}

/// Who waits for whom, sorted. `after` goes by the numbers of input, of which `order` lists those of the names.
fn edges(after: &[(u32, Vec<String>)], names: &Names, order: Option<&[u32]>) -> Result<Vec<(JobId, JobId)>> {
    if after.is_empty() {
        return Ok(Vec::new());
    }
    let mut rank: Vec<u32> = (0..names.len() as u32).collect();
    for (new, &old) in order.unwrap_or_default().iter().enumerate() {
        rank[old as usize] = new as u32;
    }
    let by_name = names.sorted();
    let mut edges: Vec<(JobId, JobId)> = Vec::new();
    for (old, first) in after {
        let job = rank[*old as usize];
        for wanted in first {
            let found = by_name.binary_search_by(|&i| names.get(i as usize).cmp(wanted.as_str())).map_err(|_| {
                let name = names.get(job as usize);
                Error::input(format!("job \"{name}\" comes after \"{wanted}\", which is not a job"))
            })?;
            edges.push((JobId(job), JobId(by_name[found])));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    Ok(edges)
}

/// What holds for every job whatever its spec.
fn check_sizes(job: &LikeJob<'_>, kind: JobKind, ephemeral: Bytes) -> Result<()> {
    // Nearly every job: nothing that could be wrong is, whatever its kind.
    let most = 0..=1 << 53;
    if !job.name.is_empty()
        && job.arrival.0 <= LONGEST_US
        && job.duration.is_some_and(|lasts| lasts.0 <= LONGEST_US)
        && (0..=MilliCpu::MOST.0).contains(&job.cpu_request.0)
        && most.contains(&job.memory_request.0)
        && most.contains(&ephemeral.0)
        && job.cpu_limit.is_none()
        && job.memory_limit.is_none()
    {
        return Ok(());
    }
    let refuse = |field: &str, what: String| Err(refused(job.name, field, what));
    if job.name.is_empty() {
        return Err(Error::input("a job has no name").in_field("job"));
    }
    if job.arrival.0 > LONGEST_US {
        return refuse("arrival", format!("{} µs is too late (at most 2^61 µs)", job.arrival.0));
    }
    if job.duration.is_some_and(|d| d.0 > LONGEST_US) {
        return refuse("duration", "longer than 2^61 µs".into());
    }
    if job.duration.is_none() && kind == JobKind::Batch {
        return refuse("duration", "a batch job needs a duration (or kind: service for an open end)".into());
    }
    for (field, amount) in [
        ("cpu_request", job.cpu_request.0),
        ("memory_request", job.memory_request.0),
        ("ephemeral_request", ephemeral.0),
        ("cpu_limit", job.cpu_limit.map_or(0, |l| l.0)),
        ("memory_limit", job.memory_limit.map_or(0, |l| l.0)),
    ] {
        if amount < 0 {
            return refuse(field, format!("{amount} is negative"));
        }
        if amount > 1 << 53 {
            return refuse(field, format!("{amount} is over 2^53"));
        }
    }
    for (field, cpu) in [("cpu_request", Some(job.cpu_request)), ("cpu_limit", job.cpu_limit)] {
        if let Some(cpu) = cpu.filter(|&cpu| cpu > MilliCpu::MOST) {
            return refuse(field, format!("{cpu} is over {} (2^53 nano-cores)", MilliCpu::MOST));
        }
    }
    if job.cpu_limit.is_some_and(|limit| limit < job.cpu_request) {
        return refuse("cpu_limit", "the limit is below the request".into());
    }
    if job.memory_limit.is_some_and(|limit| limit < job.memory_request) {
        return refuse("memory_limit", "the limit is below the request".into());
    }
    if job.cpu_limit.is_some_and(|limit| limit.0 == 0) {
        return refuse("cpu_limit", "a limit of 0 lets nothing run; leave it out for no limit".into());
    }
    Ok(())
}

fn check(job: &Job) -> Result<()> {
    let refuse = |field: &str, what: String| Err(refused(&job.name, field, what));
    let like = LikeJob {
        name: &job.name,
        // What is checked does not hang on it.
        app: AppId(0),
        arrival: job.arrival,
        duration: job.duration,
        cpu_request: job.cpu_request,
        memory_request: job.memory_request,
        cpu_limit: job.cpu_limit,
        memory_limit: job.memory_limit,
    };
    check_sizes(&like, job.spec.kind, job.spec.ephemeral)?;
    if let Some(share) = job.spec.gpus.iter().find(|&&share| share == 0 || share > 1000) {
        return refuse("gpus", format!("{share} thousandths of a GPU; 1 to 1000 will do"));
    }
    if job.spec.processes == Some(0) {
        return refuse("processes", "a job consists of at least one process".into());
    }
    for (field, touches) in
        [("file_touches", job.spec.file_touches.unwrap_or(0)), ("leak_touches", job.spec.leak_touches)]
    {
        if touches > MOST_TOUCHES {
            return refuse(field, format!("{touches} is over {MOST_TOUCHES}"));
        }
    }
    check_steps(&job.usage).or_else(|what| refuse("usage", what))
}

/// An error about a field of a job.
fn refused(name: &str, field: &str, what: String) -> Error {
    Error::input(format!("job \"{name}\": {what}")).in_field(field)
}

/// What is wrong with the steps.
fn check_steps(usage: &[UsageStep]) -> std::result::Result<(), String> {
    for step in usage {
        if step.length_us == 0 {
            return Err("a usage step lasts 0 µs".into());
        }
        let beyond = |bytes: Bytes| bytes.0 < 0 || bytes.0 > 1 << 53;
        if beyond(step.memory) || beyond(step.cache) || step.cpu_nano > 1 << 53 {
            return Err("a usage step is negative or beyond 2^53".into());
        }
    }
    Ok(())
}

/// The most milli-CPU and bytes that the steps use.
fn most_used(usage: &[UsageStep]) -> [i64; 2] {
    let cpu = usage.iter().map(|s| s.cpu_nano.div_ceil(crate::units::NANO_PER_MILLI) as i64).max();
    let memory = usage.iter().map(|s| s.memory.0.saturating_add(s.cache.0)).max();
    [cpu.unwrap_or(0), memory.unwrap_or(0)]
}

/// Names in order, and for each old id its rank.
fn by_rank<Id>(map: BTreeMap<String, Id>, number: impl Fn(&Id) -> u32) -> (Vec<String>, Vec<u32>) {
    let mut rank = vec![0; map.len()];
    let mut names = Vec::with_capacity(map.len());
    for (new, (name, id)) in map.into_iter().enumerate() {
        rank[number(&id) as usize] = new as u32;
        names.push(name);
    }
    (names, rank)
}

/// Start offsets and targets of sorted `edges`; both empty without edges.
fn adjacency(n: usize, edges: &[(JobId, JobId)]) -> (Vec<u32>, Vec<JobId>) {
    if edges.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let mut start = vec![0u32; n + 1];
    for (from, _) in edges {
        start[from.index() + 1] += 1;
    }
    for i in 0..n {
        start[i + 1] += start[i];
    }
    (start, edges.iter().map(|&(_, to)| to).collect())
}

fn refuse_circles(workload: &Workload) -> Result<()> {
    if workload.after.is_empty() {
        return Ok(());
    }
    let mut waiting: Vec<usize> = workload.ids().map(|job| workload.after(job).len()).collect();
    let mut free: Vec<JobId> = workload.ids().filter(|job| waiting[job.index()] == 0).collect();
    let mut done = 0;
    while let Some(job) = free.pop() {
        done += 1;
        for &next in workload.before(job) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                free.push(next);
            }
        }
    }
    match workload.ids().find(|job| done < workload.len() && waiting[job.index()] > 0) {
        Some(job) => Err(Error::input(format!("job \"{}\" waits, by way of after, for itself", workload.name(job)))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, arrival: u64) -> Job {
        Job { app: name.into(), ..Job::batch(name, SimTime(arrival), SimDuration(10), MilliCpu(100), Bytes(1)) }
    }

    #[test]
    fn jobs_are_in_order_of_arrival_then_name_whatever_order_they_came_in() {
        let mut b = WorkloadBuilder::new();
        for j in [job("c", 5), job("b", 0), job("a", 5)] {
            b.push(j).unwrap();
        }
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(w.ids().map(|j| w.name(j)).collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(w.apps().iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(w.apps()[0].jobs, [JobId(1)]);
    }

    #[test]
    fn a_job_after_itself_by_way_of_others_is_refused() {
        let mut b = WorkloadBuilder::new();
        for (name, after) in [("a", "b"), ("b", "c"), ("c", "a")] {
            b.push(Job { after: vec![after.into()], ..job(name, 0) }).unwrap();
        }
        let error = b.finish(UsageMode::Request, Seed(1)).unwrap_err();
        assert_eq!(error.to_string(), "job \"a\" waits, by way of after, for itself");
    }

    #[test]
    fn an_uncontended_end_follows_after() {
        let mut b = WorkloadBuilder::new();
        b.push(job("a", 0)).unwrap();
        b.push(Job { after: vec!["a".into()], ..job("b", 3) }).unwrap();
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(w.uncontended_end(), SimTime(20));
    }
}
