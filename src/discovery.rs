//! Discovery: how components and apps of a platform find each other and their configuration, and who is stuck when they
//! cannot.
//!
//! [`store`] says how well the cluster's key-value store answers, [`etcd`] is that store: members, leader, elections, faults
//! over time. [`platform`] says which jobs are what to the platform. A [`Discovery`] hears of containers, hosts and
//! the store, and says what every component and every app's visitors see of it. It knows no orchestrator: how
//! things find each other is an option of a run by itself, so that an effect can be laid at it.

mod agenda;
mod cluster_dns;
pub mod component;
mod converge;
mod deis;
pub mod etcd;
mod ground;
pub mod platform;
mod rollout;
mod said;
pub mod store;

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::ids::{AppId, HostId, JobId};
use crate::parameter::{ParameterInfo, ParameterValue};
use crate::rng::Seed;
use crate::units::SimTime;
use crate::workload::Workload;
use platform::Platform;
use store::StoreLevel;

/// What a discovery may know.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The hosts, as described.
    pub cluster: &'a Cluster,
    /// The jobs, as described.
    pub workload: &'a Workload,
    /// What apps are to the platform.
    pub platform: &'a Platform,
    /// The run's parameters, those of its orchestrator among them.
    pub parameters: &'a BTreeMap<&'static str, ParameterValue>,
    /// The run's seed.
    pub seed: Seed,
    /// Whether periodic work runs at every tick, idle or not: the reference that must give the same changes.
    pub every_tick: bool,
}

/// What happens, as it is on the hosts (not as a control plane believes it).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// The run begins; hosts that are there follow as `HostUp`, the store as `Store` if there is one.
    Begin,
    /// A container of a job began to run on a host: a start, a restart, a second copy elsewhere.
    Started(JobId, HostId),
    /// A container ended. `stopped`: its agent was told to stop it or its work was done; else it died.
    Ended {
        /// The job.
        job: JobId,
        /// Where.
        host: HostId,
        /// In good order.
        stopped: bool,
    },
    /// A job left the system: its owner removed it, its work is done, or it was given up.
    Gone(JobId),
    /// A host is there, running.
    HostUp(HostId),
    /// A host fell or left. `Ended` of all that ran there follows.
    HostDown(HostId),
    /// Whether a host reaches the store and the control plane, and they it.
    Reach(HostId, bool),
    /// The control plane declared a host lost, or took it back.
    Lost(HostId, bool),
    /// How well the store answers from now on.
    Store(StoreLevel),
    /// A change of configuration, by its number in the platform's list, was made by an operator.
    Changed(u32),
    /// A wake-up that was asked for.
    Wake(u64),
}

/// What holds up a component.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Stage {
    /// No container of it runs.
    #[default]
    Down = 0,
    /// It starts: pulling, initialising, waiting until stale keys are gone. Nothing is missing.
    Starting,
    /// It waits for the store to answer.
    NoStore,
    /// It waits for configuration.
    NoConfig,
    /// It waits for the address of a peer that it needs to start.
    NoPeer,
    /// It serves.
    Ready,
    /// It runs, and what it believes of a peer that it needs leads nowhere.
    LostPeer,
}

impl Stage {
    /// All, in order of their numbers.
    pub const ALL: [Stage; 7] =
        [Stage::Down, Stage::Starting, Stage::NoStore, Stage::NoConfig, Stage::NoPeer, Stage::Ready, Stage::LostPeer];

    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Down => "down",
            Stage::Starting => "starting",
            Stage::NoStore => "no-store",
            Stage::NoConfig => "no-config",
            Stage::NoPeer => "no-peer",
            Stage::Ready => "ready",
            Stage::LostPeer => "lost-peer",
        }
    }
}

/// What the visitors of an app meet, in millionths of their requests, and what stands behind it. The four shares add up to a
/// million.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Answered.
    pub ok: u32,
    /// Sent where nothing listens (502).
    pub refused: u32,
    /// Nobody to send them to, or no router at all (503).
    pub nobody: u32,
    /// Sent where nothing answers, until the visitor gives up (504).
    pub timeout: u32,
    /// Containers that serve.
    pub ready: u32,
    /// Of those, such as no router sends anything to.
    pub unlisted: u32,
    /// Addresses that routers use, behind which nothing serves.
    pub dead_listed: u32,
}

/// What a discovery does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Wake me with `token` at that time.
    Wake(SimTime, u64),
    /// A component's container got to this stage.
    Stage(JobId, HostId, Stage),
    /// What an app's visitors meet from now on.
    Reach(AppId, Reach),
    /// Whether a new version of an app can be deployed from now on.
    Deploys(bool),
    /// A job serves with the change of configuration of that number from now on.
    Configured(JobId, u32),
    /// The container of a job on a host is replaced by a new one there, to take up a configuration.
    Restart(JobId, HostId),
    /// The container of a job on a host ends by itself, as failed: its agent starts it again by its rule.
    Exit(JobId, HostId),
    /// Whether a start refused by [`Discovery::may_start`] may be tried again now.
    Unblocked,
}

/// A way of finding each other.
pub trait Discovery {
    /// Something happened; what follows from it is appended to `acts`.
    fn hear(&mut self, at: SimTime, news: News, world: &World, acts: &mut Vec<Act>);

    /// Whether the container of `job` can be started on `host` now: its image can be found, its volumes be mounted.
    fn may_start(&self, _world: &World, _job: JobId, _host: HostId) -> bool {
        true
    }
}

/// A row of the table of discoveries.
pub struct DiscoveryInfo {
    /// Name everywhere.
    pub name: &'static str,
    /// One line for `list`, `--help` and the README.
    pub summary: &'static str,
    /// Its parameters. Their names differ from those of every orchestrator.
    pub parameters: &'static [ParameterInfo],
    /// Makes one for a run.
    pub build: fn(&World) -> Box<dyn Discovery>,
}

impl std::fmt::Debug for DiscoveryInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiscoveryInfo({})", self.name)
    }
}

/// The discoveries.
pub const DISCOVERIES: &[DiscoveryInfo] = &[nothing::INFO, deis::INFO, cluster_dns::INFO, converge::INFO];

/// The discovery of that name.
pub fn discovery(name: &str) -> Option<&'static DiscoveryInfo> {
    DISCOVERIES.iter().find(|d| d.name == name)
}

mod nothing {
    //! `none`: nobody looks for anybody; every running container serves, and visitors find it.

    use super::{Act, AppId, Discovery, DiscoveryInfo, HostId, JobId, News, Reach, SimTime, Stage, World};

    pub(super) const INFO: DiscoveryInfo = DiscoveryInfo {
        name: "none",
        summary: "nobody looks for anybody: what runs is found at once",
        parameters: &[],
        build: |world| Box::new(Nothing { ready: vec![0; world.workload.apps().len()] }),
    };

    struct Nothing {
        ready: Vec<u32>,
    }

    impl Nothing {
        fn say(&self, app: AppId, acts: &mut Vec<Act>) {
            let ready = self.ready[app.index()];
            let (ok, nobody) = if ready > 0 { (1_000_000, 0) } else { (0, 1_000_000) };
            acts.push(Act::Reach(app, Reach { ok, nobody, ready, ..Reach::default() }));
        }

        fn count(&mut self, job: JobId, host: HostId, up: bool, world: &World, acts: &mut Vec<Act>) {
            let app = world.workload.app(job);
            let ready = &mut self.ready[app.index()];
            *ready = if up { *ready + 1 } else { ready.saturating_sub(1) };
            acts.push(Act::Stage(job, host, if up { Stage::Ready } else { Stage::Down }));
            self.say(app, acts);
        }
    }

    impl Discovery for Nothing {
        fn hear(&mut self, _at: SimTime, news: News, world: &World, acts: &mut Vec<Act>) {
            match news {
                News::Begin => {
                    (0..self.ready.len()).for_each(|app| self.say(AppId::from_index(app), acts));
                    acts.push(Act::Deploys(true));
                }
                News::Started(job, host) => self.count(job, host, true, world, acts),
                News::Ended { job, host, .. } => self.count(job, host, false, world, acts),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_once_and_their_defaults_can_be_read() {
        let mut names = std::collections::BTreeSet::new();
        for info in DISCOVERIES {
            assert!(names.insert(info.name));
            for p in info.parameters {
                p.parse(p.default).unwrap();
                assert!(!p.source.is_empty() && !p.summary.is_empty());
                assert!(p.source.contains("assumed") <= !p.range.is_empty(), "{} is assumed: say its range", p.name);
            }
        }
    }
}
