//! The store: an etcd cluster as its clients feel it. Members, a leader, elections, and faults over time.
//!
//! Raft is modelled by what decides whether requests are answered: a majority of members, a leader, the time until there is
//! a new one. A leader is lost when its member is, or when heartbeats come later than the election time-out: with heartbeats
//! every `h` over a network of log-normal round trips, by chance once a heartbeat with probability P(delay > time-out - h),
//! drawn as the time until the next such gap. An election takes one time-out, drawn from one to two times the set value, and
//! succeeds unless the votes' round trip is longer than the time-out itself; else it is held again (etcd's own tuning guide:
//! time-outs of at least ten round trips).
//!
//! A read takes one round trip, a write two (to the leader, and from there to a majority) and one fsync. Departs from etcd
//! in that: all members are equally far from everybody; there is no log and no snapshot; a minority that was cut off
//! rejoins at once.

use crate::rng::{Purpose, Seed, Stream};
use crate::units::{SimDuration, SimTime};

use super::store::StoreLevel;

/// The store of an experiment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EtcdSetup {
    /// Number of members.
    pub members: u32,
    /// Median round trip between any two machines.
    pub rtt: SimDuration,
    /// Sigma of round trips and of fsync, thousandths.
    pub sigma_milli: u32,
    /// Median time to make a write durable.
    pub fsync: SimDuration,
    /// Time between a leader's heartbeats.
    pub heartbeat: SimDuration,
    /// Least time without a heartbeat after which a member stands for election.
    pub election: SimDuration,
    /// Whether reads are answered where there is no leader (etcd 2 without `quorum=true`).
    pub reads_without_leader: bool,
    /// Whether a write that its client gave up waiting for takes effect all the same.
    pub late_writes_count: bool,
    /// Faults, in order of time.
    pub faults: Vec<EtcdFault>,
}

impl Default for EtcdSetup {
    fn default() -> Self {
        EtcdSetup {
            members: 3,
            rtt: SimDuration(500),
            sigma_milli: 692,
            fsync: SimDuration(2_000),
            heartbeat: SimDuration(100_000),
            election: SimDuration::from_secs(1),
            reads_without_leader: true,
            late_writes_count: false,
            faults: Vec::new(),
        }
    }
}

/// What goes wrong with the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EtcdFaultKind {
    /// Round trips have this median.
    Rtt(SimDuration),
    /// Fsync has this median.
    Fsync(SimDuration),
    /// Round trips and fsync have this sigma, thousandths.
    Sigma(u32),
    /// A member is down.
    Member(u32),
    /// Whichever member leads when the fault begins is down.
    Leader,
    /// A majority is down.
    Quorum,
    /// Nobody is answered, as if the network between the store and all its clients were cut.
    Unreachable,
}

/// A fault and its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EtcdFault {
    /// When it begins.
    pub at: SimTime,
    /// How long it lasts.
    pub lasts: SimDuration,
    /// What.
    pub kind: EtcdFaultKind,
}

/// The store of a run.
#[derive(Clone, Debug)]
pub struct Etcd {
    setup: EtcdSetup,
    /// Per member: how many things keep it down.
    down: Vec<u32>,
    leader: Option<usize>,
    /// Which member each fault has taken down.
    taken: Vec<Option<usize>>,
    active: Vec<bool>,
    /// When the leader is lost by chance, or an election is over.
    timer: Option<SimTime>,
    chance: Stream,
    /// Elections so far.
    pub elections: u64,
}

impl Etcd {
    /// All members up, the first of them leading.
    pub fn new(setup: &EtcdSetup, seed: Seed) -> Etcd {
        let mut etcd = Etcd {
            down: vec![0; setup.members as usize],
            leader: Some(0),
            taken: vec![None; setup.faults.len()],
            active: vec![false; setup.faults.len()],
            timer: None,
            chance: seed.stream(Purpose::Election, 0),
            elections: 0,
            setup: setup.clone(),
        };
        etcd.watch_leader(SimTime::ZERO);
        etcd
    }

    /// Number of members that are up.
    pub fn up(&self) -> usize {
        self.down.iter().filter(|&&down| down == 0).count()
    }

    /// The member that leads.
    pub fn leader(&self) -> Option<u32> {
        self.leader.map(|member| member as u32)
    }

    fn majority(&self) -> bool {
        self.up() * 2 > self.down.len()
    }

    /// The fault of that kind that began last among those that last.
    fn latest<T>(&self, of: impl Fn(EtcdFaultKind) -> Option<T>) -> Option<T> {
        let lasting = self.setup.faults.iter().zip(&self.active).filter(|(_, active)| **active);
        lasting.filter_map(|(fault, _)| of(fault.kind)).last()
    }

    fn rtt(&self) -> SimDuration {
        self.latest(|kind| if let EtcdFaultKind::Rtt(rtt) = kind { Some(rtt) } else { None }).unwrap_or(self.setup.rtt)
    }

    fn sigma_milli(&self) -> u32 {
        let set = self.latest(|kind| if let EtcdFaultKind::Sigma(sigma) = kind { Some(sigma) } else { None });
        set.unwrap_or(self.setup.sigma_milli)
    }

    /// How well the store answers now.
    pub fn level(&self) -> StoreLevel {
        let cut = self.latest(|kind| (kind == EtcdFaultKind::Unreachable).then_some(())).is_some();
        let fsync = self.latest(|kind| if let EtcdFaultKind::Fsync(fsync) = kind { Some(fsync) } else { None });
        let rtt = self.rtt();
        let led = self.leader.is_some();
        StoreLevel {
            reads: !cut && self.up() > 0 && (led || self.setup.reads_without_leader),
            writes: !cut && led,
            read_us: rtt.0,
            write_us: 2 * rtt.0 + fsync.unwrap_or(self.setup.fsync).0,
            sigma_milli: self.sigma_milli(),
            late_writes_count: self.setup.late_writes_count,
        }
    }

    /// When [`Etcd::tick`] is to be called; changes with every call that changes anything.
    pub fn timer(&self) -> Option<SimTime> {
        self.timer
    }

    /// The timer's time has come: the leader is lost to a late heartbeat, or an election is over.
    pub fn tick(&mut self, at: SimTime) {
        self.timer = None;
        if self.leader.take().is_some() {
            self.hold_election(at);
            return;
        }
        if !self.majority() {
            return;
        }
        // Votes that take longer than the time-out come too late: the next one stands.
        let rtt = self.chance.log_normal(self.rtt().0 as f64, f64::from(self.sigma_milli()) / 1000.0);
        if rtt > self.setup.election.0 as f64 {
            self.hold_election(at);
            return;
        }
        let up: Vec<usize> = (0..self.down.len()).filter(|&member| self.down[member] == 0).collect();
        self.leader = Some(up[self.chance.below(up.len() as u64) as usize]);
        self.elections += 1;
        self.watch_leader(at);
    }

    /// A member's machine or process went down or came back.
    pub fn member(&mut self, at: SimTime, member: u32, up: bool) {
        let member = member as usize;
        if up {
            self.down[member] = self.down[member].saturating_sub(1);
            if self.leader.is_none() && self.timer.is_none() && self.majority() {
                self.hold_election(at);
            }
            return;
        }
        self.down[member] += 1;
        if self.leader == Some(member) {
            self.leader = None;
            self.hold_election(at);
        } else if !self.majority() && self.leader.take().is_some() {
            self.timer = None;
        }
    }

    /// The fault of that number begins or ends.
    pub fn fault(&mut self, at: SimTime, number: u32, begins: bool) {
        let number = number as usize;
        self.active[number] = begins;
        match self.setup.faults[number].kind {
            EtcdFaultKind::Member(member) => self.member(at, member, !begins),
            EtcdFaultKind::Leader => {
                if begins {
                    self.taken[number] = self.leader;
                }
                if let Some(member) = self.taken[number] {
                    self.member(at, member as u32, !begins);
                }
            }
            EtcdFaultKind::Quorum => {
                for member in 0..self.down.len() / 2 + 1 {
                    self.member(at, member as u32, !begins);
                }
            }
            EtcdFaultKind::Rtt(_) | EtcdFaultKind::Sigma(_) => {
                if self.leader.is_some() {
                    self.watch_leader(at);
                }
            }
            EtcdFaultKind::Fsync(_) | EtcdFaultKind::Unreachable => {}
        }
    }

    /// An election, if enough members are there for one: over after one to two time-outs and the votes' round trip.
    fn hold_election(&mut self, at: SimTime) {
        self.timer = None;
        if self.majority() {
            let wait = self.setup.election.0 + self.chance.below(self.setup.election.0.max(1)) + 2 * self.rtt().0;
            self.timer = Some(at + SimDuration(wait));
        }
    }

    /// Draws when the leader's heartbeats come so late that it is lost, if round trips make that likely at all.
    fn watch_leader(&mut self, at: SimTime) {
        self.timer = None;
        if self.down.len() == 1 {
            return;
        }
        let slack = self.setup.election.0.saturating_sub(self.setup.heartbeat.0);
        let level = StoreLevel { reads: true, read_us: self.rtt().0 / 2, ..self.level() };
        let p = level.fails(false, SimDuration(slack));
        if p > 0.0 {
            let beats = self.chance.exponential() / p.min(0.999_999);
            let us = beats * self.setup.heartbeat.0 as f64 + slack as f64;
            if us < 1e18 {
                self.timer = Some(at + SimDuration(us as u64));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd(faults: Vec<EtcdFault>) -> Etcd {
        Etcd::new(&EtcdSetup { faults, ..EtcdSetup::default() }, Seed(1))
    }

    const fn at(seconds: u64) -> SimTime {
        SimTime(seconds * 1_000_000)
    }

    #[test]
    fn a_healthy_store_has_no_timer_and_a_follower_is_not_missed() {
        let mut e = etcd(Vec::new());
        assert_eq!((e.timer(), e.level()), (None, StoreLevel { write_us: 3_000, ..StoreLevel::default() }));
        e.member(at(1), 2, false);
        assert!(e.level().writes && e.timer().is_none());
        e.member(at(2), 1, false);
        assert!(!e.level().writes && e.level().reads && e.timer().is_none(), "no majority: no election either");
        e.member(at(3), 1, true);
        let over = e.timer().unwrap();
        assert!(over >= at(4) && over <= at(5) + SimDuration(1_000), "{over}");
        e.tick(over);
        assert!(e.level().writes && e.elections == 1);
    }

    #[test]
    fn the_leaders_loss_costs_one_to_two_time_outs() {
        let fault = EtcdFault { at: at(10), lasts: SimDuration::from_secs(60), kind: EtcdFaultKind::Leader };
        let mut e = etcd(vec![fault]);
        e.fault(at(10), 0, true);
        assert!(!e.level().writes);
        let over = e.timer().unwrap();
        assert!(over >= at(11) && over <= at(12) + SimDuration(1_000), "{over}");
        e.tick(over);
        assert!(e.level().writes && e.leader() != Some(0));
        e.fault(at(70), 0, false);
        assert_eq!((e.up(), e.level().writes), (3, true));
    }

    #[test]
    fn round_trips_beyond_the_time_out_leave_no_leader() {
        let slow = EtcdFaultKind::Rtt(SimDuration::from_secs(4));
        let mut e = etcd(vec![EtcdFault { at: at(0), lasts: SimDuration::from_secs(600), kind: slow }]);
        e.fault(at(0), 0, true);
        let (mut led, mut since) = (0u64, SimTime::ZERO);
        while let Some(next) = e.timer().filter(|next| *next < at(600)) {
            if e.level().writes {
                led += next.since(since).0;
            }
            since = next;
            e.tick(next);
        }
        assert!(led < 120 * 1_000_000, "led for {led} µs of 600 s");
        e.fault(at(600), 0, false);
        let over = e.timer().expect("an election, or none needed");
        e.tick(over);
        assert!(e.level().writes);
    }

    #[test]
    fn a_store_that_is_cut_off_answers_nobody_and_keeps_its_leader() {
        let cut = EtcdFault { at: at(0), lasts: SimDuration::from_secs(9), kind: EtcdFaultKind::Unreachable };
        let mut e = etcd(vec![cut]);
        e.fault(at(0), 0, true);
        assert!(!e.level().reads && !e.level().writes && e.leader() == Some(0));
        e.fault(at(9), 0, false);
        assert!(e.level().writes);
    }
}
