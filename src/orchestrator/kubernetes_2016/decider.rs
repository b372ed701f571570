//! The scheduler's decisions in a replay: keeps [`crate::kube::y2016`]'s scheduler in step with what the control plane did.
//!
//! GPUs in thousandths and extended resources, which 2016 did not know, are a predicate of our own. Pods of one class get
//! the same answer, and a predicate looks at one node alone: a class that fitted nowhere is asked again only about nodes
//! that changed. The reference with every idle tick asks them all.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::objects::{self, Conditions};
use crate::ids::{HostId, JobId};
use crate::index::host::Want;
use crate::kube::y2016::Version;
use crate::kube::y2016::indexed::{Indexed, Plan, want};
use crate::kube::y2016::pod::Pod;
use crate::kube::y2016::scheduler::Scheduler;
use crate::orchestrator::kubernetes::objects::{self as today, PodMaker};
use crate::orchestrator::{Books, World};
use crate::units::{Bytes, MilliCpu};

pub(super) struct Decider {
    version: Version,
    scheduler: Scheduler,
    makers: PodMaker,
    /// What the pods of a class have in common.
    prototypes: BTreeMap<u32, Pod>,
    /// In which condition each node was last shown; `None`: it is not there.
    shown: Vec<Option<Conditions>>,
    /// Hosts that changed, in order.
    changed: Vec<HostId>,
    /// How much of that each class had seen that fitted nowhere.
    failed: BTreeMap<u32, usize>,
    /// The nodes by numbers; `None`: they cannot be counted, or the plain scan is asked for.
    index: Option<Indexed>,
    /// By class: its numbers, and the plan if the index places it.
    plans: Vec<Option<(Want, Option<Plan>)>>,
    /// Host by place among the nodes by name, and the other way round.
    hosts: Vec<HostId>,
    places: Vec<u32>,
}

/// No node.
const NOWHERE: u32 = u32::MAX;

impl Decider {
    /// Nothing is there yet.
    pub fn new(world: &World, version: Version) -> Self {
        let mut scheduler = Scheduler::new(version);
        scheduler.owners = objects::owners(world);
        Decider {
            version,
            scheduler,
            makers: PodMaker::new(world),
            prototypes: BTreeMap::new(),
            shown: vec![None; world.cluster.len()],
            changed: Vec::new(),
            failed: BTreeMap::new(),
            index: (!world.plain).then(Indexed::default),
            plans: Vec::new(),
            hosts: Vec::new(),
            places: vec![NOWHERE; world.cluster.len()],
        }
    }

    /// The numbers of a class, and the plan if the index places it.
    fn plan(&mut self, class: u32) -> (Want, Option<Plan>) {
        let number = class as usize;
        if self.plans.len() <= number {
            self.plans.resize(number + 1, None);
        }
        if let Some(known) = self.plans[number] {
            return known;
        }
        let pod = &self.prototypes[&class];
        let Scheduler { algorithm, owners, .. } = &self.scheduler;
        let plan = self.index.as_mut().and_then(|index| index.plan(algorithm, owners, pod));
        let new = (want(pod), plan);
        self.plans[number] = Some(new);
        new
    }

    /// Where a pod of `class` goes by the index; `None`: the scheduler has to say.
    fn by_index(&mut self, world: &World, class: u32) -> Option<Option<HostId>> {
        self.index.as_ref()?;
        let plan = self.plan(class).1?;
        let index = self.index.as_mut()?;
        if !index.is_shown() {
            let shown = index.show_all(&self.scheduler);
            self.hosts = self.scheduler.nodes().map(|(node, _)| find(world, &node.name)).collect();
            self.places.fill(NOWHERE);
            for (place, host) in self.hosts.iter().enumerate() {
                self.places[host.index()] = place as u32;
            }
            if !shown {
                self.index = None;
                return None;
            }
        }
        let found = self.index.as_mut()?.find(&self.scheduler.algorithm, &plan, self.scheduler.counter())?;
        if found.is_some() {
            self.scheduler.count_success();
        }
        Some(found.map(|place| self.hosts[place]))
    }

    /// One more pod of the class of `job` on `host` (`sign` 1), or one less (-1).
    fn book(&mut self, world: &World, job: JobId, host: HostId, sign: i64) {
        let place = self.places[host.index()];
        let class = self.class(world, job);
        let (want, _) = self.plan(class);
        let Some(index) = self.index.as_mut().filter(|index| index.is_shown() && place != NOWHERE) else { return };
        if !index.book(place as usize, &want, sign) {
            self.index = None;
        }
    }

    fn class(&mut self, world: &World, job: JobId) -> u32 {
        let class = self.makers.class(world, job);
        let (version, written) = (self.version, self.makers.prototype(class));
        self.prototypes.entry(class).or_insert_with(|| objects::pod(world, version, job, written));
        class
    }

    fn pod(&mut self, world: &World, job: JobId) -> Pod {
        let class = self.class(world, job);
        let mut pod = self.prototypes[&class].clone();
        pod.name = world.workload.name(job).to_string();
        pod.key = today::key(world, job);
        pod
    }

    /// Where the pod of `job` goes.
    pub fn attempt(&mut self, world: &World, books: &Books, job: JobId) -> Option<HostId> {
        let class = self.class(world, job);
        let ours = OurPredicate::new(world, books, job);
        if !ours.matters()
            && let Some(found) = self.by_index(world, class)
        {
            return found;
        }
        if self.fails_still(world, class, &ours) {
            return None;
        }
        let pod = self.pod(world, job);
        let attempt = match ours.matters() {
            false => self.scheduler.schedule(&pod),
            true => self.scheduler.schedule_among(&pod, &|name| ours.fits(find(world, name))),
        };
        let host = attempt.node().map(|name| find(world, name));
        if host.is_none() && !world.every_tick {
            self.failed.insert(class, self.changed.len());
        }
        host
    }

    fn fails_still(&mut self, world: &World, class: u32, ours: &OurPredicate) -> bool {
        let Some(seen) = self.failed.get_mut(&class) else { return false };
        let mut hosts = self.changed[*seen..].to_vec();
        hosts.sort_unstable();
        hosts.dedup();
        let pod = &self.prototypes[&class];
        let fits = |host: &HostId| self.scheduler.fits(pod, world.cluster.name(*host)) && ours.fits(*host);
        if hosts.iter().any(fits) {
            self.failed.remove(&class);
            return false;
        }
        *seen = self.changed.len();
        true
    }

    fn has_changed(&mut self, host: HostId) {
        if self.failed.is_empty() {
            self.changed.clear();
        } else {
            self.changed.push(host);
        }
    }

    /// The pod of `job` is bound to `host`.
    pub fn bind(&mut self, world: &World, job: JobId, host: HostId) {
        self.book(world, job, host, 1);
        let mut pod = self.pod(world, job);
        let node = world.cluster.name(host);
        pod.node_name = Some(node.to_string());
        self.scheduler.add_pod(node, Arc::new(pod));
        self.has_changed(host);
    }

    /// The pod of `job` is no longer on `host`.
    pub fn unbind(&mut self, world: &World, job: JobId, host: HostId) {
        self.book(world, job, host, -1);
        self.scheduler.remove_pod(world.cluster.name(host), &today::key(world, job));
        self.has_changed(host);
    }

    /// The pod of `job` on `host` begins to terminate, under another name than the one that replaces it.
    pub fn mark_leaving(&mut self, world: &World, job: JobId, host: HostId) {
        let node = world.cluster.name(host);
        self.scheduler.remove_pod(node, &today::key(world, job));
        let pod = self.pod(world, job);
        let leaving = Pod { key: old_key(world, job, host), deleting: true, node_name: Some(node.to_string()), ..pod };
        self.scheduler.add_pod(node, Arc::new(leaving));
        self.has_changed(host);
    }

    /// A terminating pod is gone.
    pub fn left(&mut self, world: &World, job: JobId, host: HostId) {
        self.book(world, job, host, -1);
        self.scheduler.remove_pod(world.cluster.name(host), &old_key(world, job, host));
        self.has_changed(host);
    }

    /// Shows a node in this condition (`None`: it is gone).
    pub fn show(&mut self, world: &World, host: HostId, conditions: Option<Conditions>) {
        if std::mem::replace(&mut self.shown[host.index()], conditions) == conditions {
            return;
        }
        let spec = world.cluster.spec(host);
        match conditions {
            Some(conditions) => self.scheduler.set_node(objects::node(world, spec, self.version, conditions)),
            None => drop(self.scheduler.remove_node(&spec.name)),
        }
        if let Some(index) = &mut self.index {
            index.forget_nodes();
        }
        self.has_changed(host);
    }
}

fn find(world: &World, name: &str) -> HostId {
    world.cluster.find(name).expect("nodes are hosts")
}

/// What the old pod of `job` on `host` is called once the new one has its name. (A real replacement has a name of its own.)
fn old_key(world: &World, job: JobId, host: HostId) -> String {
    format!("{}~{}", today::key(world, job), world.cluster.name(host))
}

/// What 2016 did not know: GPUs in thousandths, their models, and extended resources.
struct OurPredicate<'a> {
    world: &'a World<'a>,
    books: &'a Books,
    job: JobId,
}

impl<'a> OurPredicate<'a> {
    fn new(world: &'a World<'a>, books: &'a Books, job: JobId) -> Self {
        OurPredicate { world, books, job }
    }

    fn matters(&self) -> bool {
        let request = self.world.workload.spec(self.job);
        !request.gpus.is_empty() || !request.gpu_models.is_empty() || !request.extended.is_empty()
    }

    fn fits(&self, host: HostId) -> bool {
        if !self.matters() {
            return true;
        }
        let mut request = self.world.request(self.job);
        (request.cpu, request.memory, request.ephemeral) = (MilliCpu(0), Bytes(0), Bytes(0));
        self.books.bookings.fits(self.world.cluster, &request, host)
    }
}
