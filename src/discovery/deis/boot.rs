//! How components of Deis 1 start, announce themselves, and go on reading what they were told.

use std::collections::BTreeSet;

use super::keys::Key;
use super::{Deis, Due, Publisher};
use crate::discovery::agenda::Beat;
use crate::discovery::component::{Boot, COMPONENTS};
use crate::discovery::ground::{Address, Answer};
use crate::discovery::said::needed;
use crate::discovery::{Act, Stage, World};
use crate::ids::{AppId, HostId, JobId};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

/// How far a component's start has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It waits for the store to answer.
    Store,
    /// It sleeps until stale keys are gone, then runs `confd -onetime` until that succeeds.
    Confd,
    /// Its service starts.
    Starts,
    Serves,
    /// It is about to end by itself.
    Ends,
}

/// A router's files.
pub(super) struct Files {
    /// Back ends of each app.
    pub table: Vec<Vec<Address>>,
    /// Apps whose keys changed since they were read.
    pub stale: BTreeSet<AppId>,
}

/// One life of a component.
pub(super) struct Component {
    pub place: u8,
    pub life: u64,
    phase: Phase,
    pub announces: Beat,
    /// Its confd, or what it has in its place.
    pub confd: Option<Beat>,
    /// The peers that it needs, and where it believes them to be.
    pub beliefs: Vec<(u8, Option<Address>)>,
    /// Keys of its peers changed since it read them.
    pub stale: bool,
    /// Its configuration changed since it read it.
    pub config: bool,
    pub files: Option<Files>,
}

/// Whose key lasts for ever: its TTL in seconds is taken for nanoseconds (`logger/publisher/publisher.go:32`, v1.12.3).
const LOGGER: &str = "logger";
/// Whose instances take turns by a lock: while one's key is there the others do not write
/// (`registry/bin/boot:95-99`, `store/gateway/bin/boot:89-93`, v1.12.3).
const LOCKED: &[&str] = &["registry", "store-gateway"];

impl Component {
    fn info(&self) -> &'static crate::discovery::component::ComponentInfo {
        &COMPONENTS[self.place as usize]
    }

    pub(super) fn serves(&self) -> bool {
        self.phase == Phase::Serves
    }

    /// Whether others look for it by a key of its own that anybody in this model reads.
    pub(super) fn announces_itself(&self) -> bool {
        !matches!(self.info().name, "router" | "publisher" | "logspout")
    }

    /// Whether its next pass would find something new.
    pub(super) fn wants_to_read(&self) -> bool {
        self.serves() && (self.stale || self.config || self.files.as_ref().is_some_and(|files| !files.stale.is_empty()))
    }

    /// Whether it ends when it cannot read.
    pub(super) fn rereads(&self) -> bool {
        self.info().boot == Boot::Logspout
    }
}

impl Deis {
    #[expect(clippy::too_many_arguments, reason = "who, where, and the seam's own three")]
    pub(super) fn boot(
        &mut self,
        at: SimTime,
        job: JobId,
        host: HostId,
        life: u64,
        place: u8,
        world: &World,
        acts: &mut Vec<Act>,
    ) {
        let beliefs = needed(place, &self.ground).into_iter().map(|peer| (peer, None)).collect();
        let beat = Beat::new(at, self.set.component_period);
        let boot = COMPONENTS[place as usize].boot;
        let phase = match boot {
            Boot::Script | Boot::Router => Phase::Store,
            Boot::Plain | Boot::Logspout => Phase::Starts,
        };
        let files = (place == self.router)
            .then(|| Files { table: vec![Vec::new(); world.workload.apps().len()], stale: BTreeSet::new() });
        let component =
            Component { place, life, phase, announces: beat, confd: None, beliefs, stale: false, config: false, files };
        self.components.insert((job, host), component);
        match boot {
            Boot::Script | Boot::Router => self.boot_goes_on(at, job, host, life, world, acts),
            Boot::Logspout if !self.believe(job, host, world) => self.exit(job, host, acts),
            Boot::Plain | Boot::Logspout => {
                self.said.stage(job, host, Stage::Starting, acts);
                self.agenda.add(at + self.starts_in, Due::Boot(job, host, life));
            }
        }
    }

    fn exit(&mut self, job: JobId, host: HostId, acts: &mut Vec<Act>) {
        if let Some(c) = self.components.get_mut(&(job, host)) {
            c.phase = Phase::Ends;
            acts.push(Act::Exit(job, host));
        }
    }

    /// Reads where the peers of a component are. `false`: the store did not answer, or one is not announced.
    fn believe(&mut self, job: JobId, host: HostId, world: &World) -> bool {
        self.request(false, job, host, world) && self.believe_all(job, host)
    }

    fn believe_all(&mut self, job: JobId, host: HostId) -> bool {
        let Some(c) = self.components.get_mut(&(job, host)) else { return false };
        let mut all = true;
        for (peer, belief) in &mut c.beliefs {
            match self.keys.get(Key::Component(*peer)) {
                Some(entry) => *belief = Some(entry.address),
                None => all = false,
            }
        }
        c.stale = false;
        all
    }

    pub(super) fn boot_goes_on(
        &mut self,
        at: SimTime,
        job: JobId,
        host: HostId,
        life: u64,
        world: &World,
        acts: &mut Vec<Act>,
    ) {
        let Some(c) = self.components.get(&(job, host)).filter(|c| c.life == life) else { return };
        let (phase, place, info) = (c.phase, c.place, c.info());
        let retry = self.set.retry;
        let (stage, next, after) = match phase {
            Phase::Store if !self.request(false, job, host, world) => (Stage::NoStore, Phase::Store, retry),
            Phase::Store => {
                let sleep = if info.boot == Boot::Router { self.set.router_sleep } else { self.set.sleep };
                (Stage::Starting, Phase::Confd, sleep)
            }
            Phase::Confd if !self.request(false, job, host, world) => (Stage::NoStore, Phase::Confd, retry),
            Phase::Confd if !self.has_configuration(place, job, host, world) => (Stage::NoConfig, Phase::Confd, retry),
            Phase::Confd if !self.believe_all(job, host) => (Stage::NoPeer, Phase::Confd, retry),
            Phase::Confd => {
                self.read_files(job, host, true, world);
                (Stage::Starting, Phase::Starts, self.starts_in)
            }
            Phase::Starts => return self.serve(at, job, host, life, world, acts),
            Phase::Serves | Phase::Ends => return,
        };
        if let Some(c) = self.components.get_mut(&(job, host)) {
            c.phase = next;
        }
        self.said.stage(job, host, stage, acts);
        self.agenda.add(at + after, Due::Boot(job, host, life));
    }

    /// Whether a component's configuration is there. Its start writes what is missing.
    fn has_configuration(&mut self, place: u8, job: JobId, host: HostId, world: &World) -> bool {
        if COMPONENTS[place as usize].keys.is_empty() || self.configured.contains(&place) {
            return true;
        }
        let written = self.request(true, job, host, world);
        if written {
            self.configured.insert(place);
        }
        written
    }

    /// The service of a component is there.
    fn serve(&mut self, at: SimTime, job: JobId, host: HostId, life: u64, world: &World, acts: &mut Vec<Act>) {
        if !self.ground.serve(job, host, life) {
            return;
        }
        let mut phases = world.seed.stream(Purpose::Loop, super::entity(job, host));
        let mut beat = |period: SimDuration| Beat::new(at + SimDuration(phases.below(period.0.max(1))), period);
        let (publishes, confd) = (beat(self.set.publish_period), beat(self.set.confd));
        // After the first time at once, its loop begins within a second.
        let announces = Beat::new(beat(SimDuration::from_secs(1)).base, self.set.component_period);
        let logspout = self.set.logspout.map(&mut beat);
        let app = world.workload.app(job);
        let config = self.made.iter().any(|&number| self.rollouts.waiting(number).any(|waits| waits == job));
        let Some(c) = self.components.get_mut(&(job, host)) else { return };
        c.phase = Phase::Serves;
        c.announces = announces;
        c.config = config;
        c.confd = match c.info().boot {
            Boot::Script | Boot::Router => Some(confd),
            Boot::Logspout => logspout,
            Boot::Plain => None,
        };
        // What changed while it started.
        c.stale = !c.beliefs.is_empty() && c.confd.is_some();
        if let Some(files) = &mut c.files {
            files.stale = (0..files.table.len()).map(AppId::from_index).collect();
            self.said.touch_all();
        }
        let place = c.place;
        if place == self.publisher && self.publishers[host.index()].is_none() {
            self.publishers[host.index()] = Some(Publisher { job, beat: publishes });
            self.pace(at, host, world);
        }
        self.said.touch(app);
        self.announce(at, job, host, life, true, world);
        self.plan_loops(at, Some(host));
        self.stages_touched = true;
        let began = self.ground.lives[&(job, host)].began;
        self.rollouts.serves(job, began, acts);
    }

    /// A component announces itself, for the first time or again.
    pub(super) fn announce(&mut self, at: SimTime, job: JobId, host: HostId, life: u64, first: bool, world: &World) {
        let Some(c) = self.components.get(&(job, host)).filter(|c| c.life == life && c.serves()) else { return };
        if !c.announces_itself() || !first && c.announces.last(at) != Some(at) {
            return;
        }
        let (place, beat, name) = (c.place, c.announces, c.info().name);
        let (key, address) = (Key::Component(place), Address { job, host, life });
        let held = self.keys.get(key).copied();
        // Of two without a lock the one that started last is taken to have the last word.
        let mine = match held {
            None => true,
            Some(entry) => entry.address == address || first && !LOCKED.contains(&name),
        };
        let kept = held.is_some_and(|entry| entry.kept() && entry.address == address);
        let ttl = if name == LOGGER { SimDuration(u64::MAX) } else { self.set.component_ttl };
        let keeps = self.keeps(beat, ttl);
        if mine && !kept && self.request(true, job, host, world) {
            let (new, expires) = self.keys.write(at, key, address, ttl, keeps);
            self.agenda.add(expires, Due::Expire(key));
            if new {
                self.key_changed(at, key);
            }
        }
        let kept = self.keys.get(key).is_some_and(|entry| entry.kept());
        let open = mine && !kept && self.fails[1] < 1.0 && self.ground.hosts[host.index()].answers();
        if open || self.every_tick {
            self.agenda.add(beat.after(at), Due::Announce(job, host, life));
        }
    }

    /// A pass of confd.
    pub(super) fn confd(
        &mut self,
        at: SimTime,
        job: JobId,
        host: HostId,
        life: u64,
        world: &World,
        acts: &mut Vec<Act>,
    ) {
        let Some(c) = self.components.get(&(job, host)).filter(|c| c.life == life && c.serves()) else { return };
        let Some(beat) = c.confd.filter(|beat| beat.last(at) == Some(at)) else { return };
        let must = c.rereads() && (self.fails[0] > 0.0 || !self.ground.hosts[host.index()].answers());
        if c.rereads() {
            if (c.stale || must) && !self.believe(job, host, world) {
                return self.exit(job, host, acts);
            }
            self.stages_touched = true;
        } else if (c.wants_to_read() || self.every_tick && self.fails[0] == 0.0)
            && self.request(false, job, host, world)
        {
            self.believe_all(job, host);
            self.read_files(job, host, self.every_tick, world);
            self.stages_touched = true;
            if let Some(c) = self.components.get_mut(&(job, host))
                && std::mem::take(&mut c.config)
            {
                let made: Vec<u32> = self.made.iter().copied().collect();
                made.into_iter().for_each(|number| self.rollouts.took(job, number, acts));
            }
        }
        let open = self.components.get(&(job, host)).is_some_and(Component::wants_to_read)
            && self.fails[0] < 1.0
            && self.ground.hosts[host.index()].answers();
        if open || must || self.every_tick {
            self.agenda.add(beat.after(at), Due::Confd(job, host, life));
        }
    }

    /// A router's confd writes its files anew, as far as keys changed.
    fn read_files(&mut self, job: JobId, host: HostId, all: bool, world: &World) {
        let Some(files) = self.components.get_mut(&(job, host)).and_then(|c| c.files.as_mut()) else { return };
        let mut stale = std::mem::take(&mut files.stale);
        if all {
            stale = (0..files.table.len()).map(AppId::from_index).collect();
        }
        let read: Vec<(AppId, Vec<Address>)> = stale.into_iter().map(|app| (app, self.listed(app, world))).collect();
        let Some(files) = self.components.get_mut(&(job, host)).and_then(|c| c.files.as_mut()) else { return };
        for (app, addresses) in read {
            if files.table[app.index()] != addresses {
                files.table[app.index()] = addresses;
                self.said.touch(app);
            }
        }
    }

    pub(super) fn component_ended(&mut self, at: SimTime, job: JobId, host: HostId, place: u8, world: &World) {
        self.components.remove(&(job, host));
        let key = Key::Component(place);
        if self.keys.get(key).is_some_and(|entry| entry.address.job == job && entry.address.host == host) {
            self.release(at, key);
        }
        if self.publishers[host.index()].is_some_and(|publisher| publisher.job == job) {
            self.release_host(at, host, world);
            self.publishers[host.index()] = None;
        }
        if place == self.router {
            self.said.touch_all();
        }
        self.stages_touched = true;
    }

    /// Components that serve: is what they believe of their peers true?
    pub(super) fn say_stages(&mut self, acts: &mut Vec<Act>) {
        for (&(job, host), c) in self.components.iter().filter(|(_, c)| c.serves()) {
            let found = |belief: &Option<Address>| belief.is_some_and(|to| self.ground.answer(to) == Answer::Serves);
            let all = c.beliefs.iter().all(|(_, belief)| found(belief));
            self.said.stage(job, host, if all { Stage::Ready } else { Stage::LostPeer }, acts);
        }
    }
}
