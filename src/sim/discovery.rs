//! Discovery and the store within a run: what they hear of the truth, and what follows from what they say.

use super::change::{Change, EndReason};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use crate::discovery::store::StoreLevel;
use crate::discovery::{self, Act, Discovery, News, discovery};
use crate::host::daemon::DaemonDeath;
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Options, StoreOn};
use crate::sim::Setup;

/// The store of a run, and where its members live.
pub(super) struct Store {
    pub etcd: discovery::etcd::Etcd,
    /// Per member: its host, and whether it was last seen well there. Dedicated machines have no host.
    members: Vec<(Option<HostId>, bool)>,
    level: StoreLevel,
    timer: u32,
}

impl Store {
    pub(super) fn new(setup: &Setup, options: &Options) -> Option<Store> {
        let etcd = setup.etcd.as_ref().filter(|_| options.store != StoreOn::Nowhere)?;
        let mut hosts = setup.cluster.ids();
        let members = (0..etcd.members).map(|_| match options.store {
            StoreOn::Hosts => (hosts.next(), true),
            _ => (None, true),
        });
        let members = members.collect();
        let etcd = discovery::etcd::Etcd::new(etcd, setup.seed);
        Some(Store { level: etcd.level(), etcd, members, timer: 0 })
    }
}

/// The discovery of a run, if its experiment has a platform.
pub(super) fn of_run(setup: &Setup, options: &Options, every_tick: bool) -> Option<Box<dyn Discovery>> {
    setup.platform.as_ref()?;
    let info = discovery(options.discovery).expect("options name a row of the discoveries table");
    world(setup, options, every_tick).map(|world| (info.build)(&world))
}

fn world<'a>(setup: &'a Setup, options: &'a Options, every_tick: bool) -> Option<discovery::World<'a>> {
    Some(discovery::World {
        cluster: &setup.cluster,
        workload: &setup.workload,
        platform: setup.platform.as_ref()?,
        parameters: &options.parameters,
        seed: setup.seed,
        every_tick,
    })
}

impl Simulation<'_> {
    /// Store and discovery begin: faults and changes of configuration are on the way.
    pub(super) fn discovery_begins(&mut self) {
        if self.discovery.is_some() {
            self.notices.push_back(Notice::News(News::Begin));
            let changes = self.setup.platform.iter().flat_map(|platform| &platform.changes);
            for (i, change) in changes.enumerate() {
                self.queue.push(change.at, Event::ConfigChanges(i as u32));
            }
        }
        if let Some(store) = &self.store {
            let level = store.level;
            self.tell_store(level);
            for (i, fault) in self.setup.etcd.iter().flat_map(|etcd| &etcd.faults).enumerate() {
                self.queue.push(fault.at, Event::StoreFault { number: i as u32, begins: true });
                let ends = fault.at + fault.lasts;
                if ends <= self.setup.end {
                    self.queue.push(ends, Event::StoreFault { number: i as u32, begins: false });
                }
            }
            self.store_timer();
        }
    }

    fn tell_store(&mut self, level: StoreLevel) {
        self.emit(Change::Store { level });
        self.notices.push_back(Notice::Store(level));
        if self.discovery.is_some() {
            self.notices.push_back(Notice::News(News::Store(level)));
        }
    }

    fn store_timer(&mut self) {
        let Some(store) = &mut self.store else { return };
        store.timer += 1;
        if let Some(at) = store.etcd.timer().filter(|at| *at <= self.setup.end) {
            self.queue.push(at.max(self.now), Event::StoreTimer { epoch: store.timer });
        }
    }

    /// Something happened to the store: who uses it is told if that makes a difference.
    fn store_changed(&mut self) {
        let Some(store) = &mut self.store else { return };
        let level = store.etcd.level();
        if level != store.level {
            store.level = level;
            self.tell_store(level);
        }
        self.store_timer();
    }

    pub(super) fn store_fault(&mut self, number: u32, begins: bool) {
        let now = self.now;
        if let Some(store) = &mut self.store {
            store.etcd.fault(now, number, begins);
            self.store_changed();
        }
    }

    pub(super) fn store_ticks(&mut self, epoch: u32) {
        let now = self.now;
        if let Some(store) = self.store.as_mut().filter(|store| store.timer == epoch) {
            store.etcd.tick(now);
            self.store_changed();
        }
    }

    /// A member on `host` is as well as its host, its process and its network are.
    pub(super) fn look_at_member(&mut self, host: HostId) {
        let Some(store) = &self.store else { return };
        let Some(member) = store.members.iter().position(|(on, _)| *on == Some(host)) else { return };
        let h = &self.hosts[host.index()];
        let own = self.info.daemons.iter().zip(&h.daemons).enumerate();
        let mut etcd = own.filter(|(_, (info, _))| info.death == DaemonDeath::Member);
        let fit = etcd.all(|(i, (_, state))| state.back.is_none() && h.daemons_starved >> i & 1 == 0);
        let well = h.member && h.up && !h.cut && !h.muted && fit;
        let now = self.now;
        if let Some(store) = &mut self.store
            && std::mem::replace(&mut store.members[member].1, well) != well
        {
            store.etcd.member(now, member as u32, well);
            self.store_changed();
        }
    }

    /// Discovery hears of what has just been emitted, as far as it is its business.
    pub(super) fn pass_on(&mut self, change: &Change) {
        let news = match *change {
            Change::Started { job, host, .. } => News::Started(job, host),
            Change::Ended { job, host, why, .. } => {
                let stopped = matches!(why, EndReason::Finished | EndReason::Removed | EndReason::Stopped);
                let stopped = stopped || why == EndReason::Restarted || why.is_eviction();
                News::Ended { job, host, stopped }
            }
            Change::Finished { job } | Change::Removed { job } | Change::GaveUp { job } => News::Gone(job),
            Change::HostUp { host } => News::HostUp(host),
            Change::HostDown { host, .. } | Change::HostLeft { host } => News::HostDown(host),
            Change::Heartbeats { host, on } => News::Reach(host, on),
            Change::HostLost { host, lost } => News::Lost(host, lost),
            _ => return,
        };
        self.notices.push_back(Notice::News(news));
    }

    pub(super) fn discover(&mut self, news: News) {
        let Some(mut discovery) = self.discovery.take() else { return };
        let mut acts = std::mem::take(&mut self.acts);
        acts.clear();
        if let Some(world) = world(self.setup, self.options, self.world.every_tick) {
            discovery.hear(self.now, news, &world, &mut acts);
        }
        self.discovery = Some(discovery);
        for &act in &acts {
            self.do_act(act);
        }
        self.acts = acts;
    }

    fn do_act(&mut self, act: Act) {
        match act {
            Act::Wake(at, token) => self.queue.push(at.max(self.now), Event::DiscoveryWake(token)),
            Act::Stage(job, host, stage) => self.emit(Change::Stage { job, host, stage }),
            Act::Reach(app, reach) => self.emit(Change::Reach { app, reach }),
            Act::Deploys(possible) => self.emit(Change::Deploys { possible }),
            Act::Configured(job, number) => self.emit(Change::Configured { job, number }),
            Act::Restart(job, host) => {
                if let Some(slot) = self.slot_on(job, host) {
                    self.end_attempt(slot, EndReason::Restarted);
                    self.queue_restart(job, host, self.now);
                }
            }
            Act::Exit(job, host) => {
                if let Some(slot) = self.slot_on(job, host) {
                    self.end_attempt(slot, EndReason::Exited);
                }
            }
            Act::Unblocked => {
                for host in self.setup.cluster.ids() {
                    self.unpark(host);
                }
            }
        }
    }

    /// Whether what the job's container needs to start can be found.
    pub(super) fn start_is_possible(&self, job: JobId, host: HostId) -> bool {
        let Some(discovery) = &self.discovery else { return true };
        world(self.setup, self.options, self.world.every_tick)
            .is_none_or(|world| discovery.may_start(&world, job, host))
    }

    pub(super) fn config_changes(&mut self, number: u32) {
        self.notices.push_back(Notice::News(News::Changed(number)));
    }
}
