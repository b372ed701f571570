//! Decisions by numbers: keeps the index of nodes in step, and with it what the scheduler's cache has not been told.
//!
//! Most pods are of the kind that the index places ([`crate::kube::indexed`]). As long as only such are tried, the cache of
//! kube-scheduler's own objects is not needed; it hears of the pods that came and went when a pod has to be tried by the whole
//! cycle, host by host and in the order in which it would hold them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::objects::PodMaker;
use crate::ids::{HostId, JobId};
use crate::index::host::{Booked, Want};
use crate::index::tie::Tie;
use crate::kube::cycle::Scheduler;
use crate::kube::indexed::{Answer, Indexed, Plan, has_terms, is_about, want};
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::orchestrator::{TieBreak, World};
use crate::rng::Purpose;
use crate::units::SimTime;

/// No node.
const NOWHERE: u32 = u32::MAX;

/// What is known of a class of pods.
struct Class {
    pod: Arc<Pod>,
    want: Want,
    /// `None`: the whole cycle places it.
    plan: Option<Plan>,
    /// Whether it has terms of affinity.
    terms: bool,
    has_images: bool,
    /// By group of pods that spreads count, whether it is counted; as far as anybody asked.
    counted: Vec<bool>,
    /// By class of pods with terms of affinity, whether these are about it; as far as anybody asked.
    meant: BTreeMap<u32, bool>,
}

/// A pod on a host.
struct Held {
    class: u32,
    /// It terminates: spreads do not count it.
    leaving: bool,
    /// It goes on under another name, its job having been replaced.
    old: bool,
    start: SimTime,
    /// `None`: the cache has not been told of it.
    pod: Option<Arc<Pod>>,
}

/// The pods on a host, in the cache's order.
#[derive(Default)]
#[repr(align(64))]
struct OnHost {
    held: Vec<Held>,
    /// The jobs of these, apart because they are searched.
    jobs: Vec<JobId>,
    /// The cache holds something else.
    behind: bool,
}

impl OnHost {
    /// Where the pod of `job` stands, under its own name or another.
    fn place(&self, job: JobId, old: bool) -> Option<usize> {
        (0..self.jobs.len()).find(|&at| self.jobs[at] == job && self.held[at].old == old)
    }

    fn push(&mut self, job: JobId, held: Held) {
        self.jobs.push(job);
        self.held.push(held);
    }

    fn swap_remove(&mut self, at: usize) -> Held {
        self.jobs.swap_remove(at);
        self.held.swap_remove(at)
    }
}

/// The index of nodes, and the pods on each.
pub(super) struct Quick {
    /// `None`: no index can go by the profile, or by what is there.
    index: Option<Indexed>,
    /// By class of pods.
    classes: Vec<Option<Class>>,
    /// By host.
    booked: Vec<Booked>,
    on: Vec<OnHost>,
    /// Hosts of which the cache holds something else.
    behind: Vec<HostId>,
    /// How many pods of each class that has terms of affinity are bound.
    bearers: BTreeMap<u32, usize>,
    /// Host by position in the snapshot, and the other way round.
    hosts: Vec<HostId>,
    positions: Vec<u32>,
    /// Whether the last decision was by numbers: what follows from it goes on by numbers.
    lately: bool,
}

impl Quick {
    pub fn new(world: &World, scheduler: &Scheduler) -> Self {
        let hosts = world.cluster.len();
        Quick {
            index: if world.plain { None } else { Indexed::new(&scheduler.framework) },
            classes: Vec::new(),
            booked: vec![Booked::default(); hosts],
            on: std::iter::repeat_with(OnHost::default).take(hosts).collect(),
            behind: Vec::new(),
            bearers: BTreeMap::new(),
            hosts: Vec::new(),
            positions: vec![NOWHERE; hosts],
            lately: false,
        }
    }

    fn class(&mut self, scheduler: &Scheduler, class: u32, pod: &Arc<Pod>) -> &Class {
        let number = class as usize;
        if self.classes.len() <= number {
            self.classes.resize_with(number + 1, || None);
        }
        let index = &mut self.index;
        self.classes[number].get_or_insert_with(|| {
            let (framework, world) = (&scheduler.framework, &scheduler.world);
            let index = index.as_mut().filter(|_| Indexed::places(pod));
            Class {
                pod: Arc::clone(pod),
                want: want(pod),
                plan: index.and_then(|index| index.plan(framework, world, pod)),
                terms: has_terms(pod),
                has_images: !pod.images.is_empty(),
                counted: Vec::new(),
                meant: BTreeMap::new(),
            }
        })
    }

    /// Whether terms of affinity of any bound pod are about the pods of a class.
    fn is_meant(&mut self, scheduler: &Scheduler, class: u32) -> bool {
        let Quick { bearers, classes, .. } = self;
        bearers.keys().any(|&bearer| {
            let known = classes[class as usize].as_ref().and_then(|class| class.meant.get(&bearer));
            known.copied().unwrap_or_else(|| {
                let pod = |number: u32| classes[number as usize].as_ref().map(|class| Arc::clone(&class.pod));
                let (Some(bound), Some(incoming)) = (pod(bearer), pod(class)) else { return true };
                let about = is_about(&bound, &incoming, &scheduler.world);
                if let Some(class) = &mut classes[class as usize] {
                    class.meant.insert(bearer, about);
                }
                about
            })
        })
    }

    /// Whether spreads of a group count the pods of a class.
    fn counts(&mut self, group: usize, class: u32) -> bool {
        let (Some(index), Some(class)) = (&mut self.index, &mut self.classes[class as usize]) else { return false };
        let groups = index.counts().groups();
        for group in &groups[class.counted.len().min(groups.len())..] {
            class.counted.push(group.counts(&class.pod));
        }
        class.counted[group]
    }

    /// Counts the pods on each node that a spread asks for and nobody has asked for yet.
    fn count(&mut self, plan: &Plan) {
        while let Some(group) = self.index.as_ref().and_then(|index| index.unknown_group(plan)) {
            let hosts = self.hosts.clone();
            let mut counts = Vec::with_capacity(hosts.len());
            for host in hosts {
                let held = self.on[host.index()].held.iter().filter(|held| !held.leaving);
                let classes: Vec<u32> = held.map(|held| held.class).collect();
                counts.push(classes.into_iter().filter(|class| self.counts(group, *class)).count() as i64);
            }
            if let Some(index) = &mut self.index {
                index.counts().show(group, counts);
            }
        }
    }

    /// Spreads count one more pod of a class on `host` (`sign` 1), or one less (-1).
    fn recount(&mut self, host: HostId, class: u32, sign: i64) {
        let position = self.positions[host.index()];
        let Some(index) = self.index.as_mut().filter(|index| position != NOWHERE && !index.is_blank()) else { return };
        for group in 0..index.counts().groups().len() {
            if self.counts(group, class)
                && let Some(index) = &mut self.index
            {
                index.counts().shift(group, position as usize, sign);
            }
        }
    }

    /// Where the pod of `job` goes by numbers; `None`: the whole cycle has to say.
    pub fn attempt(
        &mut self,
        world: &World,
        scheduler: &mut Scheduler,
        (job, class, decision): (JobId, u32, u32),
        pod: &Arc<Pod>,
    ) -> Option<Answer> {
        self.lately = false;
        if self.index.is_none() || !scheduler.nominator.is_empty() {
            return None;
        }
        self.class(scheduler, class, pod);
        if self.is_meant(scheduler, class) {
            return None;
        }
        let Class { plan, has_images, .. } = self.class(scheduler, class, pod);
        let (plan, has_images) = ((*plan)?, *has_images);
        if self.index.as_ref()?.is_blank() {
            self.show_all(world, scheduler);
        }
        self.count(&plan);
        self.index.as_mut()?.prepare(&plan, &scheduler.snapshot);
        let index = self.index.as_mut()?;
        let mut draw = |count: usize| match world.options.tie_break {
            TieBreak::Random => {
                let entity = u64::from(job.0) << 32 | u64::from(decision);
                world.seed.stream(Purpose::TieBreak, entity).below(count as u64) as usize
            }
            _ => 0,
        };
        let mut tie = match world.options.tie_break {
            TieBreak::First | TieBreak::RoundRobin => Tie::First,
            TieBreak::Heap => Tie::Heap,
            TieBreak::Random => Tie::ByName(&mut draw),
        };
        let answer = index.find(&plan, has_images, scheduler.next_start_node, &mut tie)?;
        self.lately = true;
        if let Answer::Node(_, passed) = answer {
            scheduler.next_start_node = (scheduler.next_start_node + passed) % self.hosts.len();
        }
        Some(answer)
    }

    /// The host at a position of the snapshot.
    pub fn host(&self, position: usize) -> HostId {
        self.hosts[position]
    }

    /// Shows the index the nodes as they are.
    fn show_all(&mut self, world: &World, scheduler: &mut Scheduler) {
        scheduler.cache.update(&mut scheduler.snapshot);
        let nodes = &scheduler.snapshot.nodes;
        self.hosts = nodes.iter().map(|info| world.cluster.find(&info.node.name).expect("nodes are hosts")).collect();
        self.positions.fill(NOWHERE);
        for (position, host) in self.hosts.iter().enumerate() {
            self.positions[host.index()] = position as u32;
        }
        let booked = |position: usize| self.booked[self.hosts[position].index()];
        let index = self.index.as_mut().expect("there is an index");
        if !index.show_all(&scheduler.framework, &scheduler.world, &scheduler.snapshot, booked) {
            self.index = None;
        }
    }

    /// A node came, went or has another object.
    pub fn shown(&mut self, scheduler: &Scheduler, host: HostId, old: Option<&Node>, new: Option<&Node>) {
        let Some(index) = &mut self.index else { return };
        let (Some(old), Some(new)) = (old, new) else { return index.forget_nodes() };
        if index.is_blank() {
            return;
        }
        let position = self.positions[host.index()] as usize;
        if !index.show(&scheduler.framework, &scheduler.world, position, old, new) {
            self.index = None;
        }
    }

    /// A pod of a class comes to `host` (`sign` 1) or leaves it (-1); `terms`: it has terms of affinity.
    fn book(&mut self, host: HostId, class: u32, (want, terms): (Want, bool), sign: i64) {
        self.booked[host.index()].shift(&want, sign);
        if terms {
            let bound = self.bearers.entry(class).or_insert(0);
            *bound = bound.saturating_add_signed(sign as isize);
            if *bound == 0 {
                self.bearers.remove(&class);
            }
        }
        let position = self.positions[host.index()];
        if let Some(index) = self.index.as_mut().filter(|index| position != NOWHERE && !index.is_blank())
            && !index.book(position as usize, &want, sign)
        {
            self.index = None;
        }
    }

    /// A pod of `class` is bound to `host`. Without its object the cache is not told before it has to be.
    pub fn bind(
        &mut self,
        world: &World,
        scheduler: &mut Scheduler,
        (job, class, host, start): (JobId, u32, HostId, SimTime),
        prototype: &Arc<Pod>,
        pod: Option<Arc<Pod>>,
    ) {
        let Class { want, terms, .. } = *self.class(scheduler, class, prototype);
        self.book(host, class, (want, terms), 1);
        self.recount(host, class, 1);
        match &pod {
            Some(pod) if !self.on[host.index()].behind => {
                scheduler.cache.add_pod(world.cluster.name(host), Arc::clone(pod))
            }
            _ => self.fall_behind(host),
        }
        self.on[host.index()].push(job, Held { class, leaving: false, old: false, start, pod });
    }

    /// Reads what is kept of hosts that pods come to or leave; the number only depends on what was read.
    pub fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        let mut sum = 0u64;
        for (_, host) in soon {
            let on = &self.on[host.index()];
            sum ^= u64::from(on.behind) ^ self.booked[host.index()].memory as u64;
            sum ^= on.jobs.iter().step_by(16).fold(0, |sum, job| sum ^ u64::from(job.0));
            sum ^= on.held.last().map_or(0, |held| held.start.0);
            let position = self.positions[host.index()];
            if let Some(index) = self.index.as_ref().filter(|_| position != NOWHERE) {
                sum ^= index.look_ahead(position as usize);
            }
        }
        sum
    }

    fn fall_behind(&mut self, host: HostId) {
        if !std::mem::replace(&mut self.on[host.index()].behind, true) {
            self.behind.push(host);
        }
    }

    /// A pod of `class` is no longer on `host`.
    pub fn unbind(
        &mut self,
        world: &World,
        scheduler: &mut Scheduler,
        (job, old): (JobId, bool),
        class: u32,
        host: HostId,
    ) {
        let Class { want, terms, .. } = *self.classes[class as usize].as_ref().expect("its class was bound before");
        self.book(host, class, (want, terms), -1);
        let on = &mut self.on[host.index()];
        let Some(at) = on.place(job, old) else {
            debug_assert!(false, "only bound pods are unbound");
            return;
        };
        let gone = on.swap_remove(at);
        if !gone.leaving {
            self.recount(host, class, -1);
        }
        let on = &self.on[host.index()];
        match gone.pod {
            Some(pod) if !on.behind && !self.lately => scheduler.cache.remove_pod(world.cluster.name(host), &pod.key),
            _ => self.fall_behind(host),
        }
    }

    /// The pod of `job` on `host` is replaced in the cache by `pod`; `old`: under another name.
    pub fn rename(
        &mut self,
        scheduler: &mut Scheduler,
        node: &str,
        job: JobId,
        host: HostId,
        pod: Arc<Pod>,
        old: bool,
    ) {
        let on = &mut self.on[host.index()];
        let Some(at) = on.place(job, false) else { return };
        let Held { start, class, leaving, pod: before, .. } = on.swap_remove(at);
        if let Some(before) = before {
            scheduler.cache.remove_pod(node, &before.key);
        }
        scheduler.cache.add_pod(node, Arc::clone(&pod));
        on.push(job, Held { class, leaving: true, old, start, pod: Some(pod) });
        if !leaving {
            self.recount(host, class, -1);
        }
    }

    /// Tells the cache of all that it has not been told.
    pub fn catch_up(&mut self, world: &World, scheduler: &mut Scheduler, makers: &mut PodMaker) {
        self.behind.sort_unstable();
        for host in std::mem::take(&mut self.behind) {
            let on = &mut self.on[host.index()];
            on.behind = false;
            let name = world.cluster.name(host);
            for (held, &job) in on.held.iter_mut().zip(&on.jobs) {
                let start = held.start;
                held.pod
                    .get_or_insert_with(|| Arc::new(super::decider::bound(makers.pod(world, job), name, &[], start)));
            }
            scheduler.cache.set_pods(name, on.held.iter().filter_map(|held| held.pod.clone()).collect());
        }
    }
}
