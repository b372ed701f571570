//! `converge`: Deis on Chef. Proxies send requests to what the last converge wrote into their files.
//!
//! A converge writes what is placed: a container is in the files some time after its start, and leaves them some time after it
//! was stopped or removed on purpose, or when it was begun elsewhere. Nobody looks whether it lives: what died, alone or with its
//! host, stays a back end until it is back or an operator acts. nginx sends on what is refused. Components find each other by
//! attributes of the same converges; there is no store that anybody waits for. Deploys need every host, as one
//! chef-client that fails makes the converge fail (deis v0.7.0 `cm/chef.py:152-171`, `api/tasks.py:78-86`).

use std::collections::BTreeSet;

use super::agenda::Agenda;
use super::component::{COMPONENTS, component};
use super::ground::{Address, Answer, Ground};
use super::platform::Role;
use super::rollout::Rollouts;
use super::said::{ANSWERED, Behind, NOBODY, Said, mean, needed};
use super::{Act, Discovery, DiscoveryInfo, News, Reach, Stage, World};
use crate::ids::{AppId, HostId, JobId};
use crate::parameter::{ParameterInfo, Parameters};
use crate::units::{SimDuration, SimTime};

const PARAMETERS: &[ParameterInfo] = &[
    ParameterInfo {
        name: "proxy_converge",
        default: "60s",
        words: &[],
        summary: "time from a change to the converge that writes it into the proxies' files and the apps' configuration",
        source: "assumed (one converge of chef-client, as long as converge_duration)",
        range: "10s to 10m",
    },
    ParameterInfo {
        name: "restart_wait",
        default: "60s",
        words: &[],
        summary: "how long a change of configuration waits for one container to serve before it goes on to the next",
        source: "assumed (a converge goes through its containers one by one)",
        range: "5s to 10m",
    },
];

pub(super) const INFO: DiscoveryInfo = DiscoveryInfo {
    name: "converge",
    summary: "Deis on Chef: proxies know what the last converge wrote; nobody looks whether it lives",
    parameters: PARAMETERS,
    build: |world| Box::new(Converge::new(world)),
};

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// A container serves.
    Ready(JobId, HostId, u64),
    /// The files of proxies list a container from now on, or no longer do.
    Written(JobId, HostId, bool),
    /// A converge applies a change of configuration.
    Applied(u32),
    /// Restarts go on.
    Roll,
}

struct Converge {
    delay: SimDuration,
    wait: SimDuration,
    starts_in: SimDuration,
    ground: Ground,
    said: Said,
    agenda: Agenda<Due>,
    listed: Vec<BTreeSet<(JobId, HostId)>>,
    rollouts: Rollouts,
    router: u8,
}

impl Converge {
    fn new(world: &World) -> Converge {
        let set = Parameters::new(PARAMETERS, world.parameters);
        Converge {
            delay: set.duration("proxy_converge"),
            wait: set.duration("restart_wait"),
            starts_in: world.platform.starts_in,
            ground: Ground::new(world),
            said: Said::new(world),
            agenda: Agenda::new(),
            listed: vec![BTreeSet::new(); world.workload.apps().len()],
            rollouts: Rollouts::default(),
            router: component("router").expect("a component of the table").0,
        }
    }

    fn answer(&self, (job, host): (JobId, HostId)) -> Answer {
        let life = self.ground.lives.get(&(job, host)).map_or(0, |life| life.number);
        self.ground.answer(Address { job, host, life })
    }

    fn meet(&self, app: AppId, world: &World) -> Reach {
        let listed = &self.listed[app.index()];
        let role = world.platform.role(app);
        let serving: BTreeSet<(JobId, HostId)> = self.ground.serving(app).collect();
        let ready = serving.len() as u32;
        let behind = Behind::count(listed.iter().map(|&at| self.answer(at)));
        let mut routers = self.ground.of_component(self.router);
        let open = !self.ground.plays(self.router) || routers.any(|at| self.answer(at) == Answer::Serves);
        if role == Role::Component(self.router) {
            return Reach { ready, ..if open { ANSWERED } else { mean(&[]) } };
        }
        if role == Role::Unannounced {
            return Reach { ready, unlisted: ready, ..NOBODY };
        }
        let shares = if open { behind.next_if_refused() } else { NOBODY };
        let unlisted = if open { serving.difference(listed).count() as u32 } else { ready };
        Reach { ready, unlisted, dead_listed: behind.refused + behind.silent, ..shares }
    }

    fn serves(&mut self, job: JobId, host: HostId, life: u64, world: &World, acts: &mut Vec<Act>) {
        if self.ground.serve(job, host, life) {
            self.touch(job, world);
            let began = self.ground.lives[&(job, host)].began;
            self.rollouts.serves(job, began, acts);
        }
    }

    fn touch(&mut self, job: JobId, world: &World) {
        let app = world.workload.app(job);
        if world.platform.role(app) == Role::Component(self.router) {
            self.said.touch_all();
        }
        self.said.touch(app);
    }

    fn due(&mut self, at: SimTime, due: Due, world: &World, acts: &mut Vec<Act>) {
        match due {
            Due::Ready(job, host, life) => self.serves(job, host, life, world, acts),
            Due::Written(job, host, there) => {
                let app = world.workload.app(job);
                let listed = &mut self.listed[app.index()];
                if there {
                    listed.insert((job, host));
                    // It was begun anew: where it was, nothing of it is placed.
                    listed.retain(|&(j, h)| j != job || h == host || self.ground.lives.contains_key(&(j, h)));
                } else if !self.ground.lives.contains_key(&(job, host)) {
                    listed.remove(&(job, host));
                }
                self.said.touch(app);
            }
            Due::Applied(number) => {
                self.rollouts.begin(at, number, world.platform.changes[number as usize].app, &self.ground);
                self.rollouts.roll(number);
            }
            Due::Roll => {}
        }
    }

    fn say_stages(&mut self, acts: &mut Vec<Act>) {
        let mut stages = Vec::new();
        for place in (0..COMPONENTS.len() as u8).filter(|&place| self.ground.plays(place)) {
            let found = |peer: u8| {
                let serving = self.ground.of_component(peer);
                serving.filter(|&(job, host)| self.ground.serves(job, host)).any(|at| self.answer(at) == Answer::Serves)
            };
            let needs = needed(place, &self.ground);
            let stage = if needs.into_iter().all(found) { Stage::Ready } else { Stage::LostPeer };
            for (job, host) in self.ground.of_component(place).filter(|&(job, host)| self.ground.serves(job, host)) {
                stages.push((job, host, stage));
            }
        }
        stages.into_iter().for_each(|(job, host, stage)| self.said.stage(job, host, stage, acts));
    }

    fn say(&mut self, at: SimTime, world: &World, acts: &mut Vec<Act>) {
        self.say_stages(acts);
        let all_there = self.ground.hosts.iter().enumerate().all(|(i, now)| {
            let joined = world.cluster.spec(HostId::from_index(i)).joins <= at;
            now.answers() || now.left || !joined
        });
        self.said.deploys(&self.ground, all_there, acts);
        if self.rollouts.rolling()
            && let Some(look) = self.rollouts.step(at, self.wait, &self.ground, acts)
        {
            self.agenda.add(look, Due::Roll);
        }
        let mut said = std::mem::replace(&mut self.said, Said::nothing());
        let meet = |app| self.meet(app, world);
        said.reaches(world, meet, meet, acts);
        self.said = said;
        self.agenda.ask(acts);
    }
}

impl Discovery for Converge {
    fn hear(&mut self, at: SimTime, news: News, world: &World, acts: &mut Vec<Act>) {
        self.ground.hear(at, news, world);
        match news {
            News::Started(job, host) => {
                let life = self.ground.begin(at, job, host, world);
                if let Role::Component(_) = world.platform.role(world.workload.app(job)) {
                    self.said.stage(job, host, Stage::Starting, acts);
                }
                self.agenda.add(at + self.starts_in, Due::Ready(job, host, life));
                self.agenda.add(at + self.delay, Due::Written(job, host, true));
            }
            News::Ended { job, host, stopped } if self.ground.end(job, host, world).is_some() => {
                if let Role::Component(_) = world.platform.role(world.workload.app(job)) {
                    self.said.stage(job, host, Stage::Down, acts);
                }
                self.touch(job, world);
                if stopped {
                    self.agenda.add(at + self.delay, Due::Written(job, host, false));
                }
            }
            News::Gone(job) => {
                self.rollouts.gone(job);
                let app = world.workload.app(job);
                let listed = self.listed[app.index()].range((job, HostId(0))..=(job, HostId(u32::MAX)));
                for &(job, host) in listed {
                    self.agenda.add(at + self.delay, Due::Written(job, host, false));
                }
            }
            News::HostUp(_) | News::HostDown(_) | News::Reach(..) => self.said.touch_all(),
            News::Changed(number) => self.agenda.add(at + self.delay, Due::Applied(number)),
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
}
