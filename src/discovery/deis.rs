//! `etcd`: Deis 1. What runs announces itself in etcd under keys with a time to live, and confd writes the files of routers
//! and components from them.
//!
//! [`Settings`] says how long everything takes and what differed by version, [`Keys`] what is announced, `boot.rs` how
//! components start. A publisher on each host writes the keys of its app containers; every router and every component has a
//! confd of its own. When etcd does not answer, files stay as they are. Passes of a loop that would change nothing are no
//! events.
//!
//! Departs from Deis in that: a publisher's pass, a confd run and an announcement take no time and are one request each, which
//! is answered in time or not; a container's entry is one for each host; nginx forgets a dead back end at once, as visitors give
//! up before its 30 s are over; a new release of a user's app restarts its containers one after the other where they are, and
//! Deis starts all new ones beside the old.

mod boot;
mod keys;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use super::agenda::{Agenda, Beat};
use super::component::component;
use super::ground::{Address, Answer, Ground};
use super::platform::Role;
use super::rollout::Rollouts;
use super::said::{ANSWERED, Behind, Said, mean};
use super::store::StoreLevel;
use super::{Act, Discovery, DiscoveryInfo, News, Reach, Stage, World};
use crate::ids::{AppId, HostId, JobId};
use crate::rng::{Purpose, Stream};
use crate::units::{SimDuration, SimTime};
use boot::{Component, Files};
use keys::{Key, Keys};
use settings::Settings;

pub(super) const INFO: DiscoveryInfo = DiscoveryInfo {
    name: "etcd",
    summary: "Deis 1: keys in etcd with a time to live, from which confd writes the files of routers and components",
    parameters: settings::PARAMETERS,
    build: |world| Box::new(Deis::new(world)),
};

/// What is due. At one instant what containers do goes before what reads of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// A container of an app accepts connections.
    Ready(JobId, HostId, u64),
    /// A key may expire.
    Expire(Key),
    /// A publisher's pass.
    Publish(HostId),
    /// A component announces itself.
    Announce(JobId, HostId, u64),
    /// The next step of a component's start.
    Boot(JobId, HostId, u64),
    /// A pass of a router's or component's confd.
    Confd(JobId, HostId, u64),
    /// Restarts for a new configuration go on.
    Roll,
}

/// The publisher of a host.
#[derive(Clone, Copy)]
struct Publisher {
    job: JobId,
    beat: Beat,
}

struct Deis {
    set: Settings,
    every_tick: bool,
    starts_in: SimDuration,
    ground: Ground,
    said: Said,
    agenda: Agenda<Due>,
    level: StoreLevel,
    /// The chance that a read and that a write is not answered in time.
    fails: [f64; 2],
    keys: Keys,
    publishers: Vec<Option<Publisher>>,
    components: BTreeMap<(JobId, HostId), Component>,
    /// Components whose configuration is there.
    configured: BTreeSet<u8>,
    rollouts: Rollouts,
    /// Changes of configuration that nobody could make yet.
    unmade: BTreeSet<u32>,
    /// Changes of components' configuration that were made.
    made: BTreeSet<u32>,
    /// Whether app containers could start, as last looked at.
    could_start: bool,
    /// Some component's belief, or what it believes in, changed.
    stages_touched: bool,
    streams: BTreeMap<(JobId, HostId), Stream>,
    registry: u8,
    router: u8,
    publisher: u8,
}

/// Clients of the discovery's are told apart from others' of the store by this bit.
const CLIENT: u64 = 1 << 63;

fn entity(job: JobId, host: HostId) -> u64 {
    CLIENT | u64::from(job.0) << 31 | u64::from(host.0)
}

impl Deis {
    fn new(world: &World) -> Deis {
        let place = |name| component(name).expect("a component of the table").0;
        let set = Settings::new(world);
        let level = StoreLevel::default();
        Deis {
            fails: [level.fails(false, set.timeout), level.fails(true, set.timeout)],
            set,
            every_tick: world.every_tick,
            starts_in: world.platform.starts_in,
            ground: Ground::new(world),
            said: Said::new(world),
            agenda: Agenda::new(),
            level,
            keys: Keys::default(),
            publishers: vec![None; world.cluster.len()],
            components: BTreeMap::new(),
            configured: BTreeSet::new(),
            rollouts: Rollouts::default(),
            unmade: BTreeSet::new(),
            made: BTreeSet::new(),
            could_start: false,
            stages_touched: false,
            streams: BTreeMap::new(),
            registry: place("registry"),
            router: place("router"),
            publisher: place("publisher"),
        }
    }

    /// Whether a request of the container of `job` on `host` is answered in time. Draws only where that is open.
    fn request(&mut self, write: bool, job: JobId, host: HostId, world: &World) -> bool {
        let fails = self.fails[usize::from(write)];
        if !self.ground.hosts[host.index()].answers() || fails >= 1.0 {
            return false;
        }
        if fails == 0.0 {
            return true;
        }
        let stream =
            self.streams.entry((job, host)).or_insert_with(|| world.seed.stream(Purpose::Store, entity(job, host)));
        let answered = stream.unit() >= fails;
        answered || write && self.level.late_writes_count
    }

    fn app_of_user(world: &World, job: JobId) -> Option<AppId> {
        let app = world.workload.app(job);
        (world.platform.role(app) == Role::App).then_some(app)
    }

    // Publishers.

    /// App containers of a host that a publisher would announce.
    fn announceable(&self, host: HostId, world: &World) -> Vec<(AppId, JobId)> {
        let jobs = self.ground.on_host[host.index()].iter().copied();
        let serving = jobs.filter(|&job| self.ground.serves(job, host));
        serving.filter_map(|job| Some((Self::app_of_user(world, job)?, job))).collect()
    }

    /// The number of containers on a host changed: its publisher may take longer than its period for a pass.
    fn pace(&mut self, at: SimTime, host: HostId, world: &World) {
        let Some(publisher) = self.publishers[host.index()] else { return };
        let containers = if self.set.publisher_time.0 == 0 { 0 } else { self.announceable(host, world).len() as u64 };
        let work = SimDuration(containers.saturating_mul(self.set.publisher_time.0));
        let period = self.set.publish_period.max(work);
        if period != publisher.beat.period {
            self.release_host(at, host, world);
            let base = publisher.beat.last(at).unwrap_or(publisher.beat.base);
            self.publishers[host.index()] = Some(Publisher { beat: Beat::new(base, period), ..publisher });
        }
        self.plan_publish(at, host);
    }

    fn plan_publish(&mut self, at: SimTime, host: HostId) {
        if let Some(publisher) = self.publishers[host.index()]
            && (self.fails[1] < 1.0 || self.every_tick)
        {
            self.agenda.add(publisher.beat.next(at), Due::Publish(host));
        }
    }

    /// Whether a loop keeps up what it wrote without fail, so that its passes need not be run. Where all are run, they are.
    fn keeps(&self, beat: Beat, ttl: SimDuration) -> Option<Beat> {
        (self.fails[1] == 0.0 && beat.period < ttl && !self.every_tick).then_some(beat)
    }

    fn publish(&mut self, at: SimTime, host: HostId, world: &World) {
        let Some(publisher) = self.publishers[host.index()] else { return };
        if publisher.beat.last(at) != Some(at) {
            return;
        }
        let announced = self.announceable(host, world);
        for &(app, job) in &announced {
            self.publish_one(at, app, job, host, world);
        }
        let open = !announced.is_empty()
            && self.fails[1] < 1.0
            && self.keeps(publisher.beat, self.set.publish_ttl).is_none()
            && self.ground.hosts[host.index()].answers();
        if open || self.every_tick {
            self.agenda.add(publisher.beat.after(at), Due::Publish(host));
        }
    }

    /// The publisher of a host writes the key of one container.
    fn publish_one(&mut self, at: SimTime, app: AppId, job: JobId, host: HostId, world: &World) {
        let Some(publisher) = self.publishers[host.index()] else { return };
        let Some(life) = self.ground.lives.get(&(job, host)).map(|life| life.number) else { return };
        let (key, address) = (Key::App(app, job, host), Address { job, host, life });
        // In etcd all copies of a container share one key, so that whoever writes it takes it from those that no longer do.
        let others =
            self.keys.of_job(app, job).filter(|(other, entry)| *other != key && !self.is_written(entry.address));
        let others: Vec<Key> = others.map(|(other, _)| other).collect();
        let kept = self.keys.get(key).is_some_and(|entry| entry.kept() && entry.address == address);
        if kept && others.is_empty() || !self.request(true, publisher.job, host, world) {
            return;
        }
        let (ttl, beat) = (self.set.publish_ttl, self.keeps(publisher.beat, self.set.publish_ttl));
        let (new, expires) = self.keys.write(at, key, address, ttl, beat);
        self.agenda.add(expires, Due::Expire(key));
        let replaced = others.into_iter().filter(|&other| self.keys.remove(other)).count() > 0;
        if new || replaced {
            self.key_changed(at, key);
        }
    }

    /// Whether a publisher goes on writing that address.
    fn is_written(&self, Address { job, host, life }: Address) -> bool {
        let now = self.ground.lives.get(&(job, host));
        self.publishers[host.index()].is_some()
            && self.ground.hosts[host.index()].answers()
            && now.is_some_and(|now| now.serves && now.number == life)
    }

    /// Nobody refreshes the keys of a host's app containers from now on.
    fn release_host(&mut self, at: SimTime, host: HostId, world: &World) {
        for &job in &self.ground.on_host[host.index()].clone() {
            self.release(at, Key::App(world.workload.app(job), job, host));
        }
    }

    fn release(&mut self, at: SimTime, key: Key) {
        if let Key::App(app, job, _) = key {
            let copies = self.keys.of_job(app, job).filter(|(other, entry)| *other != key && entry.kept());
            let hosts: Vec<HostId> = copies.map(|(_, entry)| entry.address.host).collect();
            hosts.into_iter().for_each(|host| self.plan_publish(at, host));
        }
        if let Some(expires) = self.keys.release(at, key) {
            self.agenda.add(expires.max(at), Due::Expire(key));
        }
    }

    fn expire(&mut self, at: SimTime, key: Key) {
        if self.level.writes && self.keys.overdue(at, key) {
            self.keys.remove(key);
            self.key_changed(at, key);
        }
    }

    /// Readers of a key would find something else now.
    fn key_changed(&mut self, at: SimTime, key: Key) {
        let apps = match key {
            Key::App(app, ..) => vec![app],
            Key::Component(place) => self.ground.apps_of[place as usize].clone(),
        };
        let gone = self.keys.get(key).is_none();
        let mut plans = Vec::new();
        for (&(job, host), c) in &mut self.components {
            if let Some(files) = &mut c.files {
                files.stale.extend(&apps);
            }
            if let Key::Component(place) = key {
                c.stale |= c.beliefs.iter().any(|(peer, _)| *peer == place);
                if gone && c.place == place && c.serves() {
                    plans.push((c.announces.next(at), Due::Announce(job, host, c.life)));
                }
            }
            if let Some(confd) = c.confd.filter(|_| c.wants_to_read()) {
                plans.push((confd.next(at), Due::Confd(job, host, c.life)));
            }
        }
        plans.into_iter().for_each(|(at, due)| self.agenda.add(at, due));
    }

    // The store and the hosts.

    fn store(&mut self, at: SimTime, level: StoreLevel) {
        let kept: Vec<Key> = self.keys.all().filter(|(_, entry)| entry.kept()).map(|(key, _)| key).collect();
        kept.into_iter().for_each(|key| self.release(at, key));
        let could = std::mem::replace(&mut self.level, level).writes;
        self.fails = [false, true].map(|write| level.fails(write, self.set.timeout));
        if level.writes && !could {
            let all: Vec<Key> = self.keys.all().map(|(key, _)| key).collect();
            for key in all {
                self.expire(at, key);
                // Those that are not overdue yet may have been looked at in vain.
                if let Some(entry) = self.keys.get(key) {
                    self.agenda.add(entry.expires_at().max(at), Due::Expire(key));
                }
            }
        }
        (0..self.publishers.len()).for_each(|host| self.plan_publish(at, HostId::from_index(host)));
        self.plan_loops(at, None);
    }

    /// Loops of components, on one host or on all, may have something to do again.
    fn plan_loops(&mut self, at: SimTime, on: Option<HostId>) {
        let mut plans = Vec::new();
        for (&(job, host), c) in self.components.iter().filter(|((_, host), _)| on.is_none_or(|on| on == *host)) {
            if !c.serves() {
                continue;
            }
            let kept = self.keys.get(Key::Component(c.place)).is_some_and(|entry| entry.kept());
            if (self.fails[1] < 1.0 && !kept || self.every_tick) && c.announces_itself() {
                plans.push((c.announces.next(at), Due::Announce(job, host, c.life)));
            }
            let must = c.rereads() && (self.fails[0] > 0.0 || !self.ground.hosts[host.index()].answers());
            if let Some(confd) = c.confd.filter(|_| c.wants_to_read() || must || self.every_tick) {
                plans.push((confd.next(at), Due::Confd(job, host, c.life)));
            }
        }
        plans.into_iter().for_each(|(at, due)| self.agenda.add(at, due));
    }

    /// A host may have begun or ceased to be there for others.
    fn host_changed(&mut self, at: SimTime, host: HostId, answered: bool, world: &World, acts: &mut Vec<Act>) {
        let answers = self.ground.hosts[host.index()].answers();
        if answers == answered {
            return;
        }
        if answers {
            self.plan_publish(at, host);
            acts.push(Act::Unblocked);
        } else {
            self.release_host(at, host, world);
            let announced = self
                .keys
                .all()
                .filter(|(key, entry)| matches!(key, Key::Component(_)) && entry.kept() && entry.address.host == host);
            let announced: Vec<Key> = announced.map(|(key, _)| key).collect();
            announced.into_iter().for_each(|key| self.release(at, key));
        }
        self.plan_loops(at, Some(host));
        self.stages_touched = true;
        self.said.touch_all();
    }

    // Containers.

    fn started(&mut self, at: SimTime, job: JobId, host: HostId, world: &World, acts: &mut Vec<Act>) {
        let life = self.ground.begin(at, job, host, world);
        match world.platform.role(world.workload.app(job)) {
            Role::Component(place) => self.boot(at, job, host, life, place, world, acts),
            _ if self.starts_in == SimDuration::ZERO => {
                self.ready(at, job, host, life, world, acts);
                // The publisher hears of a start, and this one accepts connections at once.
                if let Some(app) = Self::app_of_user(world, job) {
                    self.publish_one(at, app, job, host, world);
                }
            }
            _ => self.agenda.add(at + self.starts_in, Due::Ready(job, host, life)),
        }
    }

    fn ready(&mut self, at: SimTime, job: JobId, host: HostId, life: u64, world: &World, acts: &mut Vec<Act>) {
        if self.ground.serve(job, host, life) {
            self.said.touch(world.workload.app(job));
            self.pace(at, host, world);
            let began = self.ground.lives[&(job, host)].began;
            self.rollouts.serves(job, began, acts);
        }
    }

    fn ended(&mut self, at: SimTime, job: JobId, host: HostId, stopped: bool, world: &World, acts: &mut Vec<Act>) {
        let Some(life) = self.ground.end(job, host, world) else { return };
        let app = world.workload.app(job);
        self.said.touch(app);
        match world.platform.role(app) {
            Role::Component(place) => {
                self.component_ended(at, job, host, place, world);
                self.said.stage(job, host, Stage::Down, acts);
            }
            Role::App => {
                let key = Key::App(app, job, host);
                self.release(at, key);
                if let Some(publisher) = self.publishers[host.index()]
                    && stopped
                    && life.serves
                    && self.set.stop_removes
                    && self.keys.get(key).is_some_and(|entry| entry.address.life == life.number)
                    && self.request(true, publisher.job, host, world)
                    && self.keys.remove(key)
                {
                    self.key_changed(at, key);
                }
                if life.serves {
                    self.pace(at, host, world);
                }
            }
            Role::Unannounced => {}
        }
    }

    // Changes of configuration.

    /// Makes the changes that can be made now: an operator writes a component's key, and a user makes a new release.
    fn make_changes(&mut self, at: SimTime, world: &World) {
        for number in std::mem::take(&mut self.unmade) {
            let app = world.platform.changes[number as usize].app;
            match world.platform.role(app) {
                Role::Component(_) if self.level.writes => {
                    self.rollouts.begin(at, number, app, &self.ground);
                    self.made.insert(number);
                    let mut plans = Vec::new();
                    for (&(job, host), c) in &mut self.components {
                        if world.workload.app(job) == app && c.serves() {
                            c.config = true;
                            plans.extend(c.confd.map(|confd| (confd.next(at), Due::Confd(job, host, c.life))));
                        }
                    }
                    plans.into_iter().for_each(|(at, due)| self.agenda.add(at, due));
                }
                Role::App | Role::Unannounced if self.said.can_deploy() => {
                    self.rollouts.begin(at, number, app, &self.ground);
                    self.rollouts.roll(number);
                }
                _ => drop(self.unmade.insert(number)),
            }
        }
    }

    // What visitors meet.

    fn routers(&self) -> impl Iterator<Item = &Files> {
        let there = self
            .components
            .iter()
            .filter(|((_, host), c)| c.place == self.router && c.serves() && self.ground.hosts[host.index()].answers());
        there.filter_map(|(_, c)| c.files.as_ref())
    }

    /// The addresses of an app as its keys say now.
    fn listed(&self, app: AppId, world: &World) -> Vec<Address> {
        match world.platform.role(app) {
            Role::App => self.keys.of_app(app).map(|(_, entry)| entry.address).collect(),
            Role::Unannounced => Vec::new(),
            Role::Component(place) => {
                let entry = self.keys.get(Key::Component(place)).map(|entry| entry.address);
                entry.into_iter().filter(|address| world.workload.app(address.job) == app).collect()
            }
        }
    }

    fn meet(&self, app: AppId, world: &World) -> Reach {
        let serving: BTreeSet<(JobId, HostId)> = self.ground.serving(app).collect();
        let ready = serving.len() as u32;
        if world.platform.role(app) == Role::Component(self.router) {
            let reach = if self.routers().next().is_some() { ANSWERED } else { mean(&[]) };
            return Reach { ready, ..reach };
        }
        let tables: Vec<&Vec<Address>> = self.routers().map(|files| &files.table[app.index()]).collect();
        let shares: Vec<Reach> = tables
            .iter()
            .map(|table| Behind::count(table.iter().map(|&to| self.ground.answer(to))).next_if_refused())
            .collect();
        let known: BTreeSet<Address> = tables.into_iter().flatten().copied().collect();
        let dead = known.iter().filter(|&&to| self.ground.answer(to) != Answer::Serves).count();
        let found = |&(job, host): &(JobId, HostId)| {
            known.contains(&Address { job, host, life: self.ground.lives[&(job, host)].number })
        };
        let unlisted = serving.iter().filter(|at| !found(at)).count();
        Reach { ready, unlisted: unlisted as u32, dead_listed: dead as u32, ..mean(&shares) }
    }

    fn due(&mut self, at: SimTime, due: Due, world: &World, acts: &mut Vec<Act>) {
        match due {
            Due::Ready(job, host, life) => self.ready(at, job, host, life, world, acts),
            Due::Expire(key) => self.expire(at, key),
            Due::Publish(host) => self.publish(at, host, world),
            Due::Announce(job, host, life) => self.announce(at, job, host, life, false, world),
            Due::Boot(job, host, life) => self.boot_goes_on(at, job, host, life, world, acts),
            Due::Confd(job, host, life) => self.confd(at, job, host, life, world, acts),
            Due::Roll => {}
        }
    }

    /// Says what changed.
    fn say(&mut self, at: SimTime, world: &World, acts: &mut Vec<Act>) {
        if std::mem::take(&mut self.stages_touched) {
            self.say_stages(acts);
        }
        self.said.deploys(&self.ground, self.level.writes, acts);
        if !self.unmade.is_empty() {
            self.make_changes(at, world);
        }
        if self.rollouts.rolling()
            && let Some(look) = self.rollouts.step(at, self.set.release_wait, &self.ground, acts)
        {
            self.agenda.add(look, Due::Roll);
        }
        let mut said = std::mem::replace(&mut self.said, Said::nothing());
        let meet = |app| self.meet(app, world);
        said.reaches(world, meet, meet, acts);
        self.said = said;
        let can_start = self.images_are_found();
        if can_start && !std::mem::replace(&mut self.could_start, can_start) {
            acts.push(Act::Unblocked);
        }
        self.could_start = can_start;
        self.agenda.ask(acts);
    }

    /// Whether units find the registry in etcd, which is part of the names of their images.
    fn images_are_found(&self) -> bool {
        !self.ground.plays(self.registry) || self.level.reads && self.keys.get(Key::Component(self.registry)).is_some()
    }
}

impl Discovery for Deis {
    fn hear(&mut self, at: SimTime, news: News, world: &World, acts: &mut Vec<Act>) {
        let host = match news {
            News::HostUp(host) | News::HostDown(host) | News::Reach(host, _) => Some(host),
            _ => None,
        };
        let answered = host.map(|host| self.ground.hosts[host.index()].answers());
        self.ground.hear(at, news, world);
        if let (Some(host), Some(answered)) = (host, answered) {
            self.host_changed(at, host, answered, world, acts);
        }
        match news {
            News::Started(job, host) => self.started(at, job, host, world, acts),
            News::Ended { job, host, stopped } => self.ended(at, job, host, stopped, world, acts),
            News::Gone(job) => self.rollouts.gone(job),
            News::Store(level) => self.store(at, level),
            News::Changed(number) => drop(self.unmade.insert(number)),
            News::Wake(_) => {
                self.agenda.woken(at);
                while let Some(due) = self.agenda.pop(at) {
                    self.due(at, due, world, acts);
                }
            }
            _ => {}
        }
        self.say(at, world, acts);
    }

    fn may_start(&self, world: &World, job: JobId, host: HostId) -> bool {
        let component = matches!(world.platform.role(world.workload.app(job)), Role::Component(_));
        component
            || !self.ground.plays(self.registry)
            || self.images_are_found() && self.ground.hosts[host.index()].answers()
    }
}
