//! What a control plane believes: which job belongs where, and what that adds up to.

#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;

use super::{Action, TieBreak, World};
use crate::cluster::{Bookings, Request};
use crate::ids::{HostId, JobId, Sparse};
use crate::index::bits::Bits;
use crate::index::fewest::Fewest;
use crate::placement::{Ask, Changed, Finder, Placement, find_fewest, placement};
use crate::workload::Controller;
use types::Types;

/// Where a job belongs, and its place among the jobs of that host.
#[derive(Clone, Copy, Default)]
struct Bound {
    host: u32,
    place: u32,
}

/// Bytes that the books keep of a job that is bound, in a table that is between a sixteenth and three quarters full; four more stand in
/// its host's list.
pub const BYTES_PER_JOB: usize = size_of::<(u32, Bound)>();
const _: () = assert!(BYTES_PER_JOB == 12);

/// Bindings, their sums, and the placement that makes new ones.
pub struct Books {
    /// Sums per host.
    pub bookings: Bookings,
    bound: Sparse<Bound>,
    /// Jobs of each host in no order; a job's place there is known.
    on_host: Vec<Vec<JobId>>,
    types: Types,
    decisions: BTreeMap<JobId, u32>,
    /// GPUs that the placement picked for jobs where they are bound.
    devices: BTreeMap<JobId, u16>,
    /// Whether equals are told apart by chance.
    chance: bool,
    placement: Box<dyn Placement>,
    /// What finds the placement's hosts without looking at all, unless every decision is to be a plain scan.
    finder: Option<Box<dyn Finder>>,
    /// Hosts that are open and below their limit of jobs, as of the last decision; kept where not every decision is a scan.
    usable: Bits,
    /// Hosts that plain scans have looked at.
    scanned: u64,
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
        let counts_types = world.options.placement == "least-of-type";
        let finder = info.find.filter(|_| !world.plain).map(|find| find(world.cluster));
        let mut bookings = Bookings::new(world.cluster);
        let ordered = counts_types && !world.plain;
        if finder.is_some() || ordered {
            bookings.follow();
        }
        let tainted = || world.cluster.ids().any(|host| !world.cluster.spec(host).taints.is_empty());
        Books {
            bookings,
            bound: Sparse::default(),
            on_host: vec![Vec::new(); world.cluster.len()],
            types: Types::new(world.cluster.len(), ordered),
            decisions: BTreeMap::new(),
            devices: BTreeMap::new(),
            chance: world.options.tie_break == TieBreak::Random || info.draws,
            placement: (info.build)(world.cluster, world.workload),
            finder,
            usable: Bits::new(world.cluster.len() as u32),
            scanned: 0,
            max_jobs: max_jobs.unwrap_or(u32::MAX),
            heeds_taints: heeds_taints && tainted(),
            counts_types,
        }
    }

    /// Where `job` belongs.
    pub fn host_of(&self, job: JobId) -> Option<HostId> {
        self.bound.get(job).map(|bound| HostId(bound.host))
    }

    /// Jobs that belong on `host`, in order of ids.
    pub fn on(&self, host: HostId) -> Vec<JobId> {
        let mut jobs = self.on_host[host.index()].clone();
        jobs.sort_unstable();
        jobs
    }

    /// The same in no order, without a copy.
    pub fn any_order_on(&self, host: HostId) -> &[JobId] {
        &self.on_host[host.index()]
    }

    /// A job's process type as a number: its own, or its app's name.
    pub fn type_of(&mut self, world: &World, job: JobId) -> u32 {
        self.types.of(world, job)
    }

    /// Jobs of a process type on `host`; 0 unless the run's placement counts them.
    pub fn same_type_on(&self, job_type: u32, host: HostId) -> u32 {
        self.types.on(job_type, host)
    }

    /// Hosts in order of their number of jobs of a process type, and those that are usable; `None` where they are not kept in
    /// order, so that hosts have to be looked at one by one.
    pub(super) fn by_type(&mut self, world: &World, job_type: u32) -> Option<(&mut Fewest, &Bits)> {
        self.see_changes(world);
        Some((self.types.order(job_type)?, &self.usable))
    }

    /// Process types whose usable hosts differ by more than one job, in order of numbers; `None` where hosts have to be looked at
    /// one by one.
    pub(super) fn uneven_types(&mut self, world: &World) -> Option<Vec<u32>> {
        self.see_changes(world);
        self.types.all_ordered().then(|| self.types.uneven(&self.usable))
    }

    /// Asks the placement for a host and binds `job` there.
    pub fn place(&mut self, world: &World, job: JobId) -> Option<HostId> {
        self.place_among(world, job, None)
    }

    /// Asks the placement for a host among those that are `able`, if that is asked, and binds `job` there.
    pub fn place_among(&mut self, world: &World, job: JobId, able: Option<&dyn Fn(HostId) -> bool>) -> Option<HostId> {
        let request = world.request(job);
        let job_type = if self.counts_types { self.type_of(world, job) } else { 0 };
        let decision = self.next_decision(job);
        self.see_changes(world);
        let (host, device) = {
            let Books {
                bookings, types, placement, finder, usable, scanned, max_jobs, heeds_taints, counts_types, ..
            } = self;
            let bookings = &*bookings;
            // What is one on every host is tied to its own, whatever the placement looks at.
            let job_spec = world.workload.spec(job);
            let tied = job_spec.controller == Controller::DaemonSet;
            let admits = |host: HostId| {
                let spec = world.cluster.spec(host);
                (!tied || world.cluster.matches(host, &job_spec.node_selector, &job_spec.gpu_models))
                    && bookings.is_open(host)
                    && able.is_none_or(|able| able(host))
                    && (*max_jobs == u32::MAX || bookings.jobs(host) < spec.pods.unwrap_or(*max_jobs))
                    && (!*heeds_taints || spec.taints.is_empty() || world.cluster.tolerated(host, request.tolerations))
            };
            let ask = Ask {
                cluster: world.cluster,
                bookings,
                request,
                job,
                decision,
                admits: &admits,
                same_type: &|_| 0,
                random_ties: world.options.tie_break == TieBreak::Random,
                seed: world.seed,
            };
            let all = !tied && !*heeds_taints && able.is_none();
            let fewest = if *counts_types { types.order(job_type) } else { None };
            let host = if let Some(fewest) = fewest {
                find_fewest(fewest, Some(usable), &ask, all)
            } else if let Some(finder) = finder {
                finder.find(&ask, all)
            } else {
                *scanned += world.cluster.len() as u64;
                placement.choose(&Ask { same_type: &|host| types.on(job_type, host), ..ask })
            };
            let host = host?;
            (host, if request.gpus.is_empty() { None } else { placement.device(&ask, host) })
        };
        self.decided(job);
        self.bind_as(world, job, &request, host, device);
        Some(host)
    }

    /// Tells what has changed to those who keep hosts in order.
    fn see_changes(&mut self, world: &World) {
        while let Some(host) = self.bookings.take_changed() {
            let most = || world.cluster.spec(host).pods.unwrap_or(self.max_jobs);
            let below = self.max_jobs == u32::MAX || self.bookings.jobs(host) < most();
            let usable = self.bookings.is_open(host) && below;
            if usable {
                self.usable.insert(host.0);
            } else {
                self.usable.remove(host.0);
            }
            if let Some(finder) = &mut self.finder {
                finder.changed(&Changed { cluster: world.cluster, bookings: &self.bookings }, host, usable);
            }
        }
    }

    /// How many hosts, or words and entries that stand for several, decisions have looked at so far.
    pub fn looked_at(&self) -> u64 {
        self.scanned + self.types.looked_at() + self.finder.as_ref().map_or(0, |finder| finder.looked_at())
    }

    /// Whether there is no host that [`Books::place`] could ever take as things are, whatever the job asks for.
    pub fn all_closed(&mut self, world: &World) -> bool {
        if self.finder.is_none() && !self.types.is_ordered() {
            return false;
        }
        self.see_changes(world);
        self.usable.is_empty()
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
        self.bookings.is_open(host)
            && (self.max_jobs == u32::MAX || self.bookings.jobs(host) < spec.pods.unwrap_or(self.max_jobs))
            && (!self.heeds_taints || world.cluster.tolerated(host, request.tolerations))
            && self.bookings.fits(world.cluster, &request, host)
    }

    /// What is to be done once `job` was placed on `host`: the decision, and the GPU that was picked for it.
    pub fn placed(&self, job: JobId, host: HostId) -> impl Iterator<Item = Action> + use<> {
        let device = self.devices.get(&job).map(|&device| Action::Device(job, device));
        std::iter::once(Action::Place(job, host)).chain(device)
    }

    /// Reads what is kept of these jobs and hosts, so that it need not be waited for; the number only depends on what was read.
    pub fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        let mut sum = 0u64;
        for &(job, host) in soon {
            let last = self.on_host[host.index()].last();
            sum ^=
                u64::from(self.bound.get(job).map_or(0, |bound| bound.place)) ^ last.map_or(0, |job| u64::from(job.0));
            sum ^= self.bookings.version(host);
        }
        for (_, host) in soon {
            let last = self.on_host[host.index()].last().and_then(|job| self.bound.get(*job));
            sum ^= last.map_or(0, |bound| u64::from(bound.place));
        }
        sum
    }

    /// Binds `job` to `host`.
    pub fn bind(&mut self, world: &World, job: JobId, host: HostId) {
        self.bind_as(world, job, &world.request(job), host, None);
    }

    fn bind_as(&mut self, world: &World, job: JobId, request: &Request, host: HostId, device: Option<u16>) {
        debug_assert!(self.host_of(job).is_none(), "a job is bound once");
        let on_host = &mut self.on_host[host.index()];
        self.bound.insert(job, Bound { host: host.0, place: on_host.len() as u32 });
        on_host.push(job);
        self.bookings.book(job, request, host, device);
        if let Some(device) = device {
            self.devices.insert(job, device);
        }
        if self.counts_types {
            let t = self.type_of(world, job);
            self.types.count(t, host, 1);
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
        let Bound { host, place } = self.bound.remove(job)?;
        let host = HostId(host);
        self.devices.remove(&job);
        let on_host = &mut self.on_host[host.index()];
        on_host.swap_remove(place as usize);
        if let Some(moved) = on_host.get(place as usize).and_then(|moved| self.bound.get_mut(*moved)) {
            moved.place = place;
        }
        if self.counts_types {
            let t = self.type_of(world, job);
            self.types.count(t, host, -1);
        }
        Some(host)
    }

    /// Jobs bound to `host` that do not live there, and jobs that live there without being bound to it.
    pub fn differences(&self, host: HostId, live: &[JobId]) -> (Vec<JobId>, Vec<JobId>) {
        let missing = self.on(host).into_iter().filter(|job| live.binary_search(job).is_err()).collect();
        let stale = live.iter().copied().filter(|&job| self.host_of(job) != Some(host)).collect();
        (missing, stale)
    }
}
