//! What a control plane believes: which job belongs where, and what that adds up to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, TieBreak, World};
use crate::cluster::Bookings;
use crate::ids::{AppId, HostId, JobId};
use crate::placement::{Ask, Placement, placement};
use crate::workload::Controller;

const NOWHERE: u32 = u32::MAX;

/// Bindings, their sums, and the placement that makes new ones.
pub struct Books {
    /// Sums per host.
    pub bookings: Bookings,
    bound: Vec<u32>,
    on_host: Vec<BTreeSet<JobId>>,
    /// Process types are interned lazily; a job's type is its process type, or its app's name.
    types: BTreeMap<String, u32>,
    type_of_app: BTreeMap<(AppId, String), u32>,
    same_type: Vec<BTreeMap<HostId, u32>>,
    decisions: BTreeMap<JobId, u32>,
    /// GPUs that the placement picked for jobs where they are bound.
    devices: BTreeMap<JobId, u16>,
    /// Whether equals are told apart by chance.
    chance: bool,
    placement: Box<dyn Placement>,
    /// Most jobs a host takes where it does not say; `u32::MAX`: any number.
    max_jobs: u32,
    /// Whether taints keep jobs away.
    heeds_taints: bool,
    counts_types: bool,
}

impl Books {
    /// Nothing bound, every host closed. `max_jobs` stands in for hosts that name no limit; `None`: limits are ignored.
    pub fn new(world: &World, max_jobs: Option<u32>, heeds_taints: bool) -> Self {
        let info = placement(world.options.placement).expect("options name a placement of the table");
        Books {
            bookings: Bookings::new(world.cluster),
            bound: vec![NOWHERE; world.workload.len()],
            on_host: vec![BTreeSet::new(); world.cluster.len()],
            types: BTreeMap::new(),
            type_of_app: BTreeMap::new(),
            same_type: Vec::new(),
            decisions: BTreeMap::new(),
            devices: BTreeMap::new(),
            chance: world.options.tie_break == TieBreak::Random || info.draws,
            placement: (info.build)(world.cluster, world.workload),
            max_jobs: max_jobs.unwrap_or(u32::MAX),
            heeds_taints,
            counts_types: world.options.placement == "least-of-type",
        }
    }

    /// Where `job` belongs.
    pub fn host_of(&self, job: JobId) -> Option<HostId> {
        let host = self.bound[job.index()];
        (host != NOWHERE).then_some(HostId(host))
    }

    /// Jobs that belong on `host`, in order of ids.
    pub fn on(&self, host: HostId) -> Vec<JobId> {
        self.on_host[host.index()].iter().copied().collect()
    }

    /// A job's process type as a number.
    pub fn type_of(&mut self, world: &World, job: JobId) -> u32 {
        let app = world.workload.app(job);
        let written = &world.workload.spec(job).process_type;
        if let Some(&id) = self.type_of_app.get(&(app, written.clone())) {
            return id;
        }
        let name = if written.is_empty() { &world.workload.apps()[app.index()].name } else { written };
        let next = self.types.len() as u32;
        let id = *self.types.entry(name.clone()).or_insert(next);
        self.type_of_app.insert((app, written.clone()), id);
        if id as usize >= self.same_type.len() {
            self.same_type.push(BTreeMap::new());
        }
        id
    }

    /// Jobs of a process type on `host`; 0 unless the run's placement counts them.
    pub fn same_type_on(&self, job_type: u32, host: HostId) -> u32 {
        self.same_type.get(job_type as usize).and_then(|hosts| hosts.get(&host)).copied().unwrap_or(0)
    }

    /// Asks the placement for a host and binds `job` there.
    pub fn place(&mut self, world: &World, job: JobId) -> Option<HostId> {
        self.place_among(world, job, &|_| true)
    }

    /// Asks the placement for a host among those that are `able` and binds `job` there.
    pub fn place_among(&mut self, world: &World, job: JobId, able: &dyn Fn(HostId) -> bool) -> Option<HostId> {
        let request = world.request(job);
        let job_type = if self.counts_types { self.type_of(world, job) } else { 0 };
        let decision = self.next_decision(job);
        let (host, device) = {
            let Books { bookings, same_type, placement, max_jobs, heeds_taints, .. } = self;
            let bookings = &*bookings;
            // What is one on every host is tied to its own, whatever the placement looks at.
            let job_spec = world.workload.spec(job);
            let tied = job_spec.controller == Controller::DaemonSet;
            let admits = |host: HostId| {
                let spec = world.cluster.spec(host);
                (!tied || world.cluster.matches(host, &job_spec.node_selector, &job_spec.gpu_models))
                    && bookings.open[host.index()]
                    && able(host)
                    && (*max_jobs == u32::MAX || bookings.jobs[host.index()] < spec.pods.unwrap_or(*max_jobs))
                    && (!*heeds_taints || spec.taints.is_empty() || world.cluster.tolerated(host, request.tolerations))
            };
            let counts = same_type.get(job_type as usize);
            let ask = Ask {
                cluster: world.cluster,
                bookings,
                request,
                job,
                decision,
                admits: &admits,
                same_type: &|host| counts.and_then(|c| c.get(&host)).copied().unwrap_or(0),
                random_ties: world.options.tie_break == TieBreak::Random,
                seed: world.seed,
            };
            let host = placement.choose(&ask)?;
            (host, if request.gpus.is_empty() { None } else { placement.device(&ask, host) })
        };
        self.decided(job);
        self.bind_with(world, job, host, device);
        Some(host)
    }

    /// The number of the next decision about `job`, from 1 (always 1 where nothing is left to chance).
    pub fn next_decision(&self, job: JobId) -> u32 {
        self.decisions.get(&job).map_or(1, |d| d + 1)
    }

    /// A host was chosen for `job`. Asking in vain does not count, and which decision it was only matters where equals
    /// are told apart by chance.
    pub fn decided(&mut self, job: JobId) {
        if self.chance {
            *self.decisions.entry(job).or_insert(0) += 1;
        }
    }

    /// Whether `job` could be placed on `host` now, taints and limits included, as far as requests go.
    pub fn could_use(&self, world: &World, job: JobId, host: HostId) -> bool {
        let request = world.request(job);
        let spec = world.cluster.spec(host);
        self.bookings.open[host.index()]
            && (self.max_jobs == u32::MAX || self.bookings.jobs[host.index()] < spec.pods.unwrap_or(self.max_jobs))
            && (!self.heeds_taints || world.cluster.tolerated(host, request.tolerations))
            && self.bookings.fits(world.cluster, &request, host)
    }

    /// What is to be done once `job` was placed on `host`: the decision, and the GPU that was picked for it.
    pub fn placed(&self, job: JobId, host: HostId) -> impl Iterator<Item = Action> + use<> {
        let device = self.devices.get(&job).map(|&device| Action::Device(job, device));
        std::iter::once(Action::Place(job, host)).chain(device)
    }

    /// Binds `job` to `host`.
    pub fn bind(&mut self, world: &World, job: JobId, host: HostId) {
        self.bind_with(world, job, host, None);
    }

    fn bind_with(&mut self, world: &World, job: JobId, host: HostId, device: Option<u16>) {
        debug_assert!(self.host_of(job).is_none(), "a job is bound once");
        self.bound[job.index()] = host.0;
        self.on_host[host.index()].insert(job);
        self.bookings.book(job, &world.request(job), host, device);
        if let Some(device) = device {
            self.devices.insert(job, device);
        }
        if self.counts_types {
            let t = self.type_of(world, job);
            *self.same_type[t as usize].entry(host).or_insert(0) += 1;
        }
    }

    /// Takes `job` off the books; returns where it was.
    pub fn unbind(&mut self, world: &World, job: JobId) -> Option<HostId> {
        let host = self.leave(world, job)?;
        self.bookings.unbook(job, &world.request(job), host);
        Some(host)
    }

    /// Takes `job` off the books so that it may be bound anew, and leaves its room booked until [`Books::release`] is
    /// called with the GPUs that are given back.
    pub fn detach(&mut self, world: &World, job: JobId) -> Option<(HostId, Vec<u16>)> {
        let host = self.leave(world, job)?;
        Some((host, self.bookings.detach(job, host)))
    }

    /// Takes back the room that `job` had on `host` when it was detached.
    pub fn release(&mut self, world: &World, job: JobId, host: HostId, devices: &[u16]) {
        self.bookings.release(&world.request(job), host, devices);
    }

    fn leave(&mut self, world: &World, job: JobId) -> Option<HostId> {
        let host = self.host_of(job)?;
        self.bound[job.index()] = NOWHERE;
        self.devices.remove(&job);
        self.on_host[host.index()].remove(&job);
        if self.counts_types {
            let t = self.type_of(world, job) as usize;
            if let Some(count) = self.same_type[t].get_mut(&host) {
                *count -= 1;
                if *count == 0 {
                    self.same_type[t].remove(&host);
                }
            }
        }
        Some(host)
    }

    /// Jobs bound to `host` that do not live there, and jobs that live there without being bound to it.
    pub fn differences(&self, host: HostId, live: &[JobId]) -> (Vec<JobId>, Vec<JobId>) {
        let bound = &self.on_host[host.index()];
        let missing = bound.iter().copied().filter(|job| live.binary_search(job).is_err()).collect();
        let stale = live.iter().copied().filter(|job| !bound.contains(job)).collect();
        (missing, stale)
    }
}
