//! What really runs where, and whether it serves: what any discovery keeps of the news.

use std::collections::{BTreeMap, BTreeSet};

use super::platform::Role;
use super::{News, World};
use crate::ids::{AppId, HostId, JobId};
use crate::units::SimTime;

/// Where somebody is said to be found. A later life of the same job on the same host is another address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Address {
    pub job: JobId,
    pub host: HostId,
    pub life: u64,
}

/// What meets somebody who goes to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Serves,
    /// Nothing listens there, and its host says so.
    Refused,
    /// Its host does not answer.
    Silent,
}

/// A host, as it is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct HostNow {
    pub up: bool,
    pub reach: bool,
    /// Declared lost by the control plane.
    pub lost: bool,
    /// Left the cluster for good.
    pub left: bool,
}

impl HostNow {
    /// Whether it is there for others, and they for it. A host that fell silent for whatever reason is taken to be cut
    /// off from visitors, too.
    pub(super) fn answers(self) -> bool {
        self.up && self.reach
    }
}

/// One life of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub number: u64,
    pub began: SimTime,
    pub serves: bool,
}

/// The truth on the hosts.
pub(super) struct Ground {
    pub hosts: Vec<HostNow>,
    pub lives: BTreeMap<(JobId, HostId), Life>,
    pub of_app: Vec<BTreeSet<(JobId, HostId)>>,
    pub on_host: Vec<BTreeSet<JobId>>,
    /// Apps of each component, by its place in the table.
    pub apps_of: Vec<Vec<AppId>>,
    begun: u64,
}

impl Ground {
    pub(super) fn new(world: &World) -> Ground {
        let apps = world.workload.apps().len();
        let mut apps_of = vec![Vec::new(); super::component::COMPONENTS.len()];
        for app in (0..apps).map(AppId::from_index) {
            if let Role::Component(component) = world.platform.role(app) {
                apps_of[component as usize].push(app);
            }
        }
        Ground {
            hosts: vec![HostNow::default(); world.cluster.len()],
            lives: BTreeMap::new(),
            of_app: vec![BTreeSet::new(); apps],
            on_host: vec![BTreeSet::new(); world.cluster.len()],
            apps_of,
            begun: 0,
        }
    }

    /// What the news says of hosts.
    pub(super) fn hear(&mut self, at: SimTime, news: News, world: &World) {
        match news {
            News::HostUp(host) => self.hosts[host.index()].up = true,
            News::HostDown(host) => {
                let left = world.cluster.spec(host).leaves.is_some_and(|leaves| leaves <= at);
                let now = &mut self.hosts[host.index()];
                (now.up, now.left) = (false, left);
            }
            News::Reach(host, on) => self.hosts[host.index()].reach = on,
            News::Lost(host, lost) => self.hosts[host.index()].lost = lost,
            _ => {}
        }
    }

    /// A container begins to run; it does not serve yet.
    pub(super) fn begin(&mut self, at: SimTime, job: JobId, host: HostId, world: &World) -> u64 {
        self.begun += 1;
        self.lives.insert((job, host), Life { number: self.begun, began: at, serves: false });
        self.of_app[world.workload.app(job).index()].insert((job, host));
        self.on_host[host.index()].insert(job);
        self.begun
    }

    /// A container ends; `None` if none ran: a start that failed.
    pub(super) fn end(&mut self, job: JobId, host: HostId, world: &World) -> Option<Life> {
        let life = self.lives.remove(&(job, host))?;
        self.of_app[world.workload.app(job).index()].remove(&(job, host));
        self.on_host[host.index()].remove(&job);
        Some(life)
    }

    /// The container serves from now on, if it is still in that life.
    pub(super) fn serve(&mut self, job: JobId, host: HostId, number: u64) -> bool {
        match self.lives.get_mut(&(job, host)) {
            Some(life) if life.number == number => !std::mem::replace(&mut life.serves, true),
            _ => false,
        }
    }

    pub(super) fn serves(&self, job: JobId, host: HostId) -> bool {
        self.lives.get(&(job, host)).is_some_and(|life| life.serves)
    }

    pub(super) fn answer(&self, address: Address) -> Answer {
        if !self.hosts[address.host.index()].answers() {
            return Answer::Silent;
        }
        match self.lives.get(&(address.job, address.host)) {
            Some(life) if life.serves && life.number == address.life => Answer::Serves,
            _ => Answer::Refused,
        }
    }

    /// Whether the workload has an app that plays this component.
    pub(super) fn plays(&self, component: u8) -> bool {
        !self.apps_of[component as usize].is_empty()
    }

    /// Containers of a component.
    pub(super) fn of_component(&self, component: u8) -> impl Iterator<Item = (JobId, HostId)> + '_ {
        self.apps_of[component as usize].iter().flat_map(|app| self.of_app[app.index()].iter().copied())
    }

    /// Containers of an app that serve.
    pub(super) fn serving(&self, app: AppId) -> impl Iterator<Item = (JobId, HostId)> + '_ {
        self.of_app[app.index()].iter().copied().filter(|&(job, host)| self.serves(job, host))
    }
}
