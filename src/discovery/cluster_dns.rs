//! `dns`: Kubernetes. A Service's name stands for its ready pods, which watches keep in step.
//!
//! A pod is ready from the first probe that finds it serving; its kubelet says so, the endpoint controller lists it, kube-proxy
//! sends it connections: each uniformly at random, without a second try. A crash is seen by the kubelet, the loss of a node by
//! the node controller (the orchestrator says when), a graceful end by whoever ordered it. Names stand for addresses that do
//! not move (`other` within a namespace, `other.namespace` across), so that DNS being down is felt only by new lookups, and is
//! not modelled. No component hangs on the store: while it cannot be written, endpoints stay as they are, and what changed
//! meanwhile is delivered afterwards.
//!
//! Departs from Kubernetes in that: all kube-proxies change at one time; a pod that starts again on the same host keeps its
//! address; components that wait for a peer wait inside instead of failing and being restarted.

use std::collections::{BTreeMap, BTreeSet};

use super::agenda::Agenda;
use super::component::{COMPONENTS, component};
use super::ground::{Address, Answer, Ground};
use super::platform::{ConfigWay, Role};
use super::rollout::Rollouts;
use super::said::{ANSWERED, Behind, NOBODY, Said, needed};
use super::store::StoreLevel;
use super::{Act, Discovery, DiscoveryInfo, News, Reach, Stage, World};
use crate::ids::{AppId, HostId, JobId};
use crate::parameter::{ParameterInfo, Parameters};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

const PARAMETERS: &[ParameterInfo] = &[
    ParameterInfo {
        name: "readiness_delay",
        default: "5s",
        words: &[],
        summary: "time from a container's start to its first readiness probe",
        source: "deis/controller v2.0.0 rootfs/scheduler/__init__.py: 5 s for Dockerfile apps, 30 s for buildpacks",
        range: "",
    },
    ParameterInfo {
        name: "readiness_period",
        default: "5s",
        words: &[],
        summary: "time between readiness probes; a pod is ready from the first one that finds it serving",
        source: "deis/controller v2.0.0 rootfs/scheduler/__init__.py; Kubernetes' own default is 10 s",
        range: "",
    },
    ParameterInfo {
        name: "exit_seen",
        default: "1s",
        words: &[],
        summary: "time until a kubelet sees that a container ended",
        source: "kubernetes v1.2.4 pkg/kubelet/kubelet.go: plegRelistPeriod, at most",
        range: "",
    },
    ParameterInfo {
        name: "endpoint_delay",
        default: "100ms",
        words: &[],
        summary: "time from a kubelet's word on a pod to the endpoints that list it or no longer do",
        source: "assumed (two watches and two writes of a few milliseconds)",
        range: "5ms to 1s",
    },
    ParameterInfo {
        name: "proxy_delay",
        default: "100ms",
        words: &[],
        summary: "time from endpoints to the rules of kube-proxy",
        source: "assumed (iptables; at once in 1.2, at most once in a second in later releases)",
        range: "0s to 1s",
    },
    ParameterInfo {
        name: "secret_refresh",
        default: "60s",
        words: &["once", ParameterInfo::A_DURATION],
        summary: "time until files of a changed secret are written anew, up to half as long again by chance; once: only at a pod's \
                  start, as in 1.2",
        source: "kubernetes v1.3.0 cmd/kubelet/app/options/options.go: SyncFrequency; v1.2.4 pkg/volume/secret/secret.go: SetUpAt",
        range: "",
    },
    ParameterInfo {
        name: "rollout_wait",
        default: "2m",
        words: &[],
        summary: "how long a rollout waits for one pod to be ready before it goes on to the next",
        source: "deis/controller v2.0.0 rootfs/scheduler/__init__.py: 120 s, then logged only",
        range: "",
    },
];

pub(super) const INFO: DiscoveryInfo = DiscoveryInfo {
    name: "dns",
    summary: "Kubernetes: a Service's name stands for its ready pods, kept in step by watches",
    parameters: PARAMETERS,
    build: |world| Box::new(ClusterDns::new(world)),
};

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// A probe finds a pod serving.
    Ready(JobId, HostId, u64),
    /// The kubelet has seen that a container ended.
    Seen(JobId, HostId),
    /// What was said of an app's pods has reached all proxies.
    Endpoints(AppId),
    /// A pod's files of a changed secret are new.
    Secret(JobId, u32),
    /// Restarts for a new configuration go on.
    Roll,
}

type Pods = BTreeSet<(JobId, HostId)>;

struct ClusterDns {
    readiness_delay: SimDuration,
    readiness_period: SimDuration,
    exit_seen: SimDuration,
    delay: SimDuration,
    secret_refresh: Option<SimDuration>,
    rollout_wait: SimDuration,
    starts_in: SimDuration,
    ground: Ground,
    said: Said,
    agenda: Agenda<Due>,
    level: StoreLevel,
    /// Pods of each app that the API has as ready, and those that proxies send connections to.
    posted: Vec<Pods>,
    listed: Vec<Pods>,
    /// Pods of components that wait for a peer.
    waiting: BTreeMap<(JobId, HostId), u64>,
    rollouts: Rollouts,
    unmade: BTreeSet<u32>,
    router: u8,
}

impl ClusterDns {
    fn new(world: &World) -> ClusterDns {
        let set = Parameters::new(PARAMETERS, world.parameters);
        let apps = world.workload.apps().len();
        ClusterDns {
            readiness_delay: set.duration("readiness_delay"),
            readiness_period: SimDuration(set.duration("readiness_period").0.max(1)),
            exit_seen: set.duration("exit_seen"),
            delay: SimDuration(set.duration("endpoint_delay").0.saturating_add(set.duration("proxy_delay").0)),
            secret_refresh: set.duration_or_word("secret_refresh"),
            rollout_wait: set.duration("rollout_wait"),
            starts_in: world.platform.starts_in,
            ground: Ground::new(world),
            said: Said::new(world),
            agenda: Agenda::new(),
            level: StoreLevel::default(),
            posted: vec![Pods::new(); apps],
            listed: vec![Pods::new(); apps],
            waiting: BTreeMap::new(),
            rollouts: Rollouts::default(),
            unmade: BTreeSet::new(),
            router: component("router").expect("a component of the table").0,
        }
    }

    /// From a start to the first probe that finds the container serving.
    fn ready_after(&self) -> SimDuration {
        let late = self.starts_in.0.saturating_sub(self.readiness_delay.0);
        let probes = late.div_ceil(self.readiness_period.0);
        SimDuration(self.readiness_delay.0.saturating_add(probes.saturating_mul(self.readiness_period.0)))
    }

    /// The API has other words on an app's pods than before: proxies follow.
    fn endpoints_follow(&mut self, at: SimTime, app: AppId) {
        if self.level.writes {
            self.agenda.add(at + self.delay, Due::Endpoints(app));
        }
    }

    fn post(&mut self, at: SimTime, job: JobId, host: HostId, ready: bool, world: &World) {
        let app = world.workload.app(job);
        let pods = &mut self.posted[app.index()];
        if if ready { pods.insert((job, host)) } else { pods.remove(&(job, host)) } {
            self.endpoints_follow(at, app);
        }
    }

    /// Whether a host's kubelet gets through to the API.
    fn can_post(&self, host: HostId) -> bool {
        self.level.writes && self.ground.hosts[host.index()].answers()
    }

    /// What the API has on the pods of a host is brought up to date, as far as anybody can.
    fn resync(&mut self, at: SimTime, host: HostId, world: &World) {
        if !self.level.writes {
            return;
        }
        let now = self.ground.hosts[host.index()];
        if !now.lost && !now.answers() {
            return;
        }
        for app in 0..self.posted.len() {
            let pods = &self.posted[app];
            let stale =
                pods.iter().copied().filter(|&(job, on)| on == host && (now.lost || !self.ground.serves(job, on)));
            for (job, on) in stale.collect::<Vec<_>>() {
                self.post(at, job, on, false, world);
            }
        }
        if !now.lost {
            for &job in &self.ground.on_host[host.index()].clone() {
                if self.ground.serves(job, host) {
                    self.post(at, job, host, true, world);
                }
            }
        }
    }

    /// Pods of a job on other hosts than `except`, of which nothing runs, are deleted.
    fn forget_pods(&mut self, at: SimTime, job: JobId, except: Option<HostId>, world: &World) {
        let app = world.workload.app(job);
        let pods = self.posted[app.index()].range((job, HostId(0))..=(job, HostId(u32::MAX))).copied();
        let stale =
            pods.filter(|&(_, host)| Some(host) != except && (except.is_none() || !self.ground.serves(job, host)));
        for (job, host) in stale.collect::<Vec<_>>() {
            self.post(at, job, host, false, world);
        }
    }

    fn ready(&mut self, at: SimTime, job: JobId, host: HostId, life: u64, world: &World, acts: &mut Vec<Act>) {
        if self.ground.lives.get(&(job, host)).is_none_or(|now| now.number != life) {
            return;
        }
        let role = world.platform.role(world.workload.app(job));
        if let Role::Component(place) = role
            && COMPONENTS[place as usize].waits_in_workflow
            && needed(place, &self.ground).into_iter().any(|peer| !self.has_endpoint(peer))
        {
            self.waiting.insert((job, host), life);
            self.said.stage(job, host, Stage::NoPeer, acts);
            return;
        }
        self.waiting.remove(&(job, host));
        if !self.ground.serve(job, host, life) {
            return;
        }
        self.said.touch(world.workload.app(job));
        if role == Role::Component(self.router) {
            self.said.touch_all();
        }
        if self.can_post(host) {
            self.post(at, job, host, true, world);
        }
        let began = self.ground.lives[&(job, host)].began;
        self.rollouts.serves(job, began, acts);
    }

    fn has_endpoint(&self, component: u8) -> bool {
        self.ground.apps_of[component as usize].iter().any(|app| !self.listed[app.index()].is_empty())
    }

    fn ended(&mut self, at: SimTime, job: JobId, host: HostId, stopped: bool, world: &World, acts: &mut Vec<Act>) {
        if self.ground.end(job, host, world).is_none() {
            return;
        }
        self.waiting.remove(&(job, host));
        let app = world.workload.app(job);
        self.said.touch(app);
        if let Role::Component(place) = world.platform.role(app) {
            self.said.stage(job, host, Stage::Down, acts);
            if place == self.router {
                self.said.touch_all();
            }
        }
        if stopped && self.level.writes {
            // Proxies were told when it was ordered to end, which was a grace ago.
            self.posted[app.index()].remove(&(job, host));
            self.listed[app.index()].remove(&(job, host));
        } else {
            self.agenda.add(at + self.exit_seen, Due::Seen(job, host));
        }
    }

    fn store(&mut self, at: SimTime, level: StoreLevel, world: &World) {
        let could = std::mem::replace(&mut self.level, level).writes;
        if level.writes && !could {
            world.cluster.ids().for_each(|host| self.resync(at, host, world));
            for app in (0..self.posted.len()).filter(|&app| self.posted[app] != self.listed[app]).collect::<Vec<_>>() {
                self.endpoints_follow(at, AppId::from_index(app));
            }
        }
    }

    fn make_changes(&mut self, at: SimTime, world: &World) {
        if !self.level.writes {
            return;
        }
        for number in std::mem::take(&mut self.unmade) {
            let change = world.platform.changes[number as usize];
            self.rollouts.begin(at, number, change.app, &self.ground);
            match (change.way, self.secret_refresh) {
                (ConfigWay::Secret, Some(refresh)) => {
                    for job in self.rollouts.waiting(number).collect::<Vec<_>>() {
                        let entity = u64::from(job.0) << 32 | u64::from(number);
                        let more = world.seed.stream(Purpose::Loop, entity).below(refresh.0 / 2 + 1);
                        self.agenda.add(at + refresh + SimDuration(more), Due::Secret(job, number));
                    }
                }
                _ => self.rollouts.roll(number),
            }
        }
    }

    fn address(&self, (job, host): (JobId, HostId)) -> Address {
        Address { job, host, life: self.ground.lives.get(&(job, host)).map_or(0, |life| life.number) }
    }

    /// What those meet who connect to the Service of an app.
    fn service(&self, app: AppId, world: &World) -> Reach {
        let listed = &self.listed[app.index()];
        let answers = listed.iter().map(|&pod| self.ground.answer(self.address(pod)));
        let behind = Behind::count(answers);
        let serving: Pods = self.ground.serving(app).collect();
        let announced = world.platform.role(app) != Role::Unannounced;
        let shares = if announced { behind.one_try() } else { NOBODY };
        let unlisted = if announced { serving.difference(listed).count() } else { serving.len() };
        let dead_listed = if announced { behind.refused + behind.silent } else { 0 };
        Reach { ready: serving.len() as u32, unlisted: unlisted as u32, dead_listed, ..shares }
    }

    /// The same from outside: through a router, if the platform has routers, which a balancer finds as long as they serve.
    fn outside(&self, app: AppId, world: &World) -> Reach {
        let service = self.service(app, world);
        let routers = self.ground.of_component(self.router);
        let mut open = routers.filter(|&pod| self.ground.answer(self.address(pod)) == Answer::Serves);
        let open = !self.ground.plays(self.router) || open.next().is_some();
        let Reach { ready, unlisted, dead_listed, .. } = service;
        match world.platform.role(app) {
            _ if !open => Reach { ready, unlisted, dead_listed, ..NOBODY },
            Role::Component(place) if place == self.router => Reach { ready, unlisted, dead_listed, ..ANSWERED },
            _ => service,
        }
    }

    fn due(&mut self, at: SimTime, due: Due, world: &World, acts: &mut Vec<Act>) {
        match due {
            Due::Ready(job, host, life) => self.ready(at, job, host, life, world, acts),
            Due::Seen(job, host) => {
                if !self.ground.serves(job, host) && self.can_post(host) {
                    self.post(at, job, host, false, world);
                }
            }
            Due::Endpoints(app) => {
                if self.level.writes && self.listed[app.index()] != self.posted[app.index()] {
                    self.listed[app.index()] = self.posted[app.index()].clone();
                    self.said.touch(app);
                }
            }
            Due::Secret(job, number) => self.rollouts.took(job, number, acts),
            Due::Roll => {}
        }
    }

    fn say_stages(&mut self, acts: &mut Vec<Act>) {
        let mut stages = Vec::new();
        let found = |place: u8| {
            let pods = self.ground.apps_of[place as usize].iter().flat_map(|app| &self.listed[app.index()]);
            pods.into_iter().any(|&pod| self.ground.answer(self.address(pod)) == Answer::Serves)
        };
        for place in (0..COMPONENTS.len() as u8).filter(|&place| self.ground.plays(place)) {
            let needs = needed(place, &self.ground);
            let stage = if needs.into_iter().all(found) { Stage::Ready } else { Stage::LostPeer };
            for (job, host) in self.ground.of_component(place).filter(|&(job, host)| self.ground.serves(job, host)) {
                stages.push((job, host, stage));
            }
        }
        stages.into_iter().for_each(|(job, host, stage)| self.said.stage(job, host, stage, acts));
    }

    fn say(&mut self, at: SimTime, world: &World, acts: &mut Vec<Act>) {
        for ((job, host), life) in self.waiting.clone() {
            self.ready(at, job, host, life, world, acts);
        }
        self.say_stages(acts);
        self.said.deploys(&self.ground, self.level.writes, acts);
        if !self.unmade.is_empty() {
            self.make_changes(at, world);
        }
        if self.rollouts.rolling()
            && let Some(look) = self.rollouts.step(at, self.rollout_wait, &self.ground, acts)
        {
            self.agenda.add(look, Due::Roll);
        }
        let mut said = std::mem::replace(&mut self.said, Said::nothing());
        said.reaches(world, |app| self.outside(app, world), |app| self.service(app, world), acts);
        self.said = said;
        self.agenda.ask(acts);
    }
}

impl Discovery for ClusterDns {
    fn hear(&mut self, at: SimTime, news: News, world: &World, acts: &mut Vec<Act>) {
        self.ground.hear(at, news, world);
        match news {
            News::Started(job, host) => {
                let life = self.ground.begin(at, job, host, world);
                self.forget_pods(at, job, Some(host), world);
                let component = matches!(world.platform.role(world.workload.app(job)), Role::Component(_));
                if component {
                    self.said.stage(job, host, Stage::Starting, acts);
                }
                self.agenda.add(at + self.ready_after(), Due::Ready(job, host, life));
            }
            News::Ended { job, host, stopped } => self.ended(at, job, host, stopped, world, acts),
            News::Gone(job) => {
                self.rollouts.gone(job);
                if self.level.writes {
                    self.forget_pods(at, job, None, world);
                }
            }
            News::HostUp(host) | News::HostDown(host) | News::Reach(host, _) | News::Lost(host, _) => {
                self.resync(at, host, world);
                self.said.touch_all();
            }
            News::Store(level) => self.store(at, level, world),
            News::Changed(number) => drop(self.unmade.insert(number)),
            News::Wake(_) => {
                self.agenda.woken(at);
                while let Some(due) = self.agenda.pop(at) {
                    self.due(at, due, world, acts);
                }
            }
            News::Begin => {}
        }
        self.say(at, world, acts);
    }
}
