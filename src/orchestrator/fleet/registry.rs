//! etcd as fleet's clients feel it while it fails requests, or answers so slowly that a turn takes longer than its
//! timer.
//!
//! While it does neither, nothing is drawn and all is as without it. Otherwise requests are drawn: those of an engine
//! turn one by one (their latencies add up to its length), the first try of heartbeats and the requests of agents'
//! reconciles by the number of successes up to the next failure, over all machines together, which is equal in
//! distribution. What follows a failed heartbeat is drawn try by try.
//!
//! Departs from fleet: one engine stands for all (a lease that ran out while its holder is well is taken again at its
//! own turns); a turn sees etcd as it was when it began; of agents' failures only those at the ticks are drawn, and
//! those of the requests that a new start needs; the order of ticks at one instant is that of hosts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{AGENTS, BEAT, BEATS, Fleet, WRITE};
use crate::discovery::store::StoreLevel;
use crate::fleet::Version;
use crate::fleet::task::Task;
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Action, Incident, Now, Periodic, World};
use crate::rng::{Purpose, Stream};
use crate::units::{SECOND_US, SimDuration, SimTime};

/// Longest wait between tries of a machine whose loops have stopped (pkg/backoff.go:21).
const BACK_OFF_MOST: SimDuration = SimDuration(60 * SECOND_US);

/// What a machine's heartbeats are doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Beat {
    /// Each goes through.
    #[default]
    Well,
    /// So many tries of a check have failed.
    Trying(u32),
    /// A check failed altogether: engine and agent have stopped, the next try comes after this wait.
    Stopped(SimDuration),
}

impl Beat {
    pub(super) fn stopped(self) -> bool {
        matches!(self, Beat::Stopped(_))
    }
}

/// How etcd answers, and what is under way because of it.
#[derive(Default)]
pub(super) struct Store {
    level: Option<StoreLevel>,
    /// Whether requests are drawn.
    pub unwell: bool,
    reads_fail: f64,
    writes_fail: f64,
    engine: Option<Stream>,
    agents: Option<Stream>,
    beats: Option<Stream>,
    agents_epoch: u64,
    beats_epoch: u64,
    /// The first request of the next failing reconcile that fails.
    fails_first: u64,
    /// The leader does not know that it holds the lease: its last renewal failed.
    pub unsure: bool,
    /// Writes of the turn under way.
    writes: VecDeque<(SimTime, Task)>,
    /// When the turn under way is over.
    pub busy: SimTime,
    /// Units that agents could not read, or could not hear of, by machine: to be started when they can.
    owed: BTreeSet<(HostId, JobId)>,
    /// Copies that no longer belong where they are, on machines whose agents do not know.
    stale: BTreeSet<(HostId, JobId)>,
}

/// Requests of one client in a row.
struct Requests<'s> {
    level: StoreLevel,
    timeout: SimDuration,
    stream: &'s mut Stream,
    elapsed: SimDuration,
}

impl Requests<'_> {
    fn ask(&mut self, write: bool) -> bool {
        let answer = self.level.draw(write, self.timeout, self.stream);
        self.elapsed += answer.unwrap_or(self.timeout);
        answer.is_some()
    }
}

/// The number of successes before the next failure.
fn gap(p: f64, stream: &mut Stream) -> u64 {
    if p >= 1.0 {
        return 0;
    }
    // ln(1 - p) loses a small p; the first term of its series does not.
    let rate = if p < 1e-8 { p } else { -libm::log(1.0 - p) };
    let gap = stream.exponential() / rate;
    if gap >= 1e18 { u64::MAX } else { gap as u64 }
}

/// Tick number `n` (from 0) after `after` of all `rhythms` together, and whose it is.
fn nth_tick(rhythms: &[(SimTime, HostId)], period: SimDuration, after: SimTime, n: u64) -> Option<(SimTime, HostId)> {
    let whole = rhythms.len() as u64;
    let rounds = n.checked_div(whole)?;
    let next = |phase| Periodic::new(phase, period).at_or_after(after + SimDuration(1));
    let mut first: Vec<_> = rhythms.iter().map(|&(phase, host)| (next(phase), host)).collect();
    first.sort_unstable();
    let (at, host) = first[(n % whole) as usize];
    Some((SimTime(at.0.saturating_add(period.0.saturating_mul(rounds))), host))
}

impl Fleet {
    /// Whether keys whose time is over are removed.
    pub(super) fn keys_expire(&self) -> bool {
        self.store.level.is_none_or(|level| level.writes)
    }

    /// When a machine that falls silent last refreshed its key.
    pub(super) fn last_beat(&self, now: Now, world: &World, host: HostId) -> SimTime {
        let presence = &self.presence[host.index()];
        match (presence.beat, presence.expires) {
            (Beat::Trying(_) | Beat::Stopped(_), Some(expires)) => {
                SimTime(expires.0.saturating_sub(self.settings.agent_ttl.0))
            }
            _ => {
                let beat = self.rhythm(world, host, self.settings.heartbeat).at_or_before(now.at);
                beat.unwrap_or(presence.since).max(presence.since)
            }
        }
    }

    /// etcd answers like this from now on.
    pub(super) fn store_is(&mut self, now: Now, world: &World, level: StoreLevel, actions: &mut Vec<Action>) {
        let timeout = self.settings.etcd_timeout;
        self.store.level = Some(level);
        self.store.reads_fail = level.fails(false, timeout);
        self.store.writes_fail = level.fails(true, timeout);
        self.look_at_store(now, world, actions);
        self.lease_runs_out(now, world, actions);
        if self.store.reads_fail < 1.0 {
            for (host, job) in std::mem::take(&mut self.store.owed) {
                if self.presence[host.index()].works() {
                    self.start_at_tick(now, world, job, host, actions);
                } else {
                    self.store.owed.insert((host, job));
                }
            }
            self.stop_stale(now, world, None, actions);
        }
        self.ask_if_needed(now, actions);
    }

    /// Whether requests are to be drawn may have changed.
    pub(super) fn look_at_store(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let Some(level) = self.store.level else { return };
        let turn = level.median(false).0.saturating_mul(self.reads_of_a_turn());
        let fails = self.store.reads_fail > 0.0 || self.store.writes_fail > 0.0;
        let unwell = fails || turn > self.settings.interval.0;
        if unwell && self.etcd.is_none() {
            self.etcd = Some(self.read_etcd(world));
        }
        if unwell && !self.store.unwell {
            // Up to here every turn has renewed the lease.
            self.renewed = self.last_turn.and(self.tick_before(now.at)).or(self.renewed);
        }
        self.store.unwell = unwell;
        self.next_bad_reconcile(now.at, world, actions);
        self.next_bad_beat(now.at, world, actions);
        if unwell {
            self.ask_turn(now, now.at, actions);
        }
    }

    fn reads_of_a_turn(&self) -> u64 {
        match self.settings.version {
            Version::V0_11_5 => self.unit_count + 6,
            Version::V1_0_0 => 7,
        }
    }

    /// One turn of which every request is drawn.
    pub(super) fn drawn_turn(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let Some(level) = self.store.level else { return };
        self.turn_begins(now);
        let mut stream = self.store.engine.take().unwrap_or_else(|| world.seed.stream(Purpose::Store, 0));
        let mut requests =
            Requests { level, timeout: self.settings.etcd_timeout, stream: &mut stream, elapsed: SimDuration::ZERO };
        if let Some(missing) = self.lease_and_reads(now, &mut requests) {
            self.presence_runs_out(now, world, actions);
            for task in self.tasks(now.at, world, &missing) {
                // No further task once the turn has lasted as long as its lease.
                if requests.elapsed >= self.settings.lease {
                    break;
                }
                if requests.ask(true) || level.late_writes_count {
                    let at = now.at + requests.elapsed;
                    self.store.writes.push_back((at, task));
                    actions.push(Action::Wake(at, WRITE));
                }
            }
        } else {
            actions.push(Action::Incident(Incident::TurnLost, None));
        }
        let elapsed = requests.elapsed;
        self.store.engine = Some(stream);
        self.store.busy = now.at + elapsed;
        self.turns = Periodic::new(now.at + elapsed.max(self.settings.interval), self.settings.interval);
        self.ask_turn(now, now.at, actions);
    }

    /// The lease and all reads of a turn: the units whose bodies were not read, or `None` if the turn is lost.
    fn lease_and_reads(&mut self, now: Now, requests: &mut Requests) -> Option<BTreeSet<String>> {
        let version_known = requests.ask(false);
        if !version_known {
            return None;
        }
        let ends = self.renewed.map(|at| at + self.settings.lease);
        let lives = ends.is_some_and(|ends| now.at < ends || !self.keys_expire());
        let write = if self.store.unsure {
            if !requests.ask(false) {
                return None;
            }
            // Its own lease, if it is still there; else it makes one.
            !lives
        } else {
            true
        };
        if write {
            let renewed = requests.ask(true) && (lives || self.store.unsure);
            if renewed || requests.level.late_writes_count {
                self.renewed = Some(now.at + requests.elapsed);
            }
            if !renewed {
                self.store.unsure = true;
                return None;
            }
        }
        self.store.unsure = false;
        let mut missing = BTreeSet::new();
        if !requests.ask(false) {
            return None;
        }
        match (self.settings.version, &self.etcd) {
            (Version::V0_11_5, Some(etcd)) => {
                for unit in etcd.registry.units() {
                    if !requests.ask(false) {
                        missing.insert(unit.name.clone());
                    }
                }
            }
            _ if !requests.ask(false) => return None,
            _ => {}
        }
        let rest = (0..3).filter(|_| requests.ask(false)).count();
        (rest == 3).then_some(missing)
    }

    /// Writes of a turn whose time has come.
    pub(super) fn write_due(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        while self.store.writes.front().is_some_and(|(at, _)| *at <= now.at) {
            let Some((_, task)) = self.store.writes.pop_front() else { return };
            self.apply(now, world, &[task], actions);
            self.written(now, actions);
        }
    }

    /// How long after `now` an agent acts on what was written: at its watch, or at a tick at which its `requests` go
    /// through. `None`: not before something changes.
    fn acts_at(&mut self, now: Now, world: &World, host: HostId, requests: i32) -> Option<SimTime> {
        let heard_of = now.at + self.settings.watch_delay;
        let p = self.store.reads_fail;
        if p >= 1.0 || self.presence[host.index()].beat.stopped() {
            return None;
        }
        if p == 0.0 {
            return Some(heard_of);
        }
        let fails = 1.0 - libm::pow(1.0 - p, requests.into());
        let stream = self.store.agents.get_or_insert_with(|| world.seed.stream(Purpose::Store, 1));
        let lost = gap_of_failures(fails, stream);
        if lost == 0 {
            return Some(heard_of);
        }
        let ticks = self.rhythm(world, host, self.settings.agent_interval);
        let first = ticks.at_or_after(heard_of + SimDuration(1));
        Some(SimTime(first.0.saturating_add(self.settings.agent_interval.0.saturating_mul(lost - 1))))
    }

    /// The agent of `host` starts `job` when it hears of it.
    pub(super) fn start_when_read(&mut self, now: Now, world: &World, job: JobId, host: HostId) -> Option<SimTime> {
        self.store.stale.remove(&(host, job));
        let at = self.acts_at(now, world, host, 4);
        if at.is_none() {
            self.store.owed.insert((host, job));
        }
        at
    }

    /// The agent of `host` stops `job` when it hears of it.
    pub(super) fn stop_when_read(&mut self, now: Now, world: &World, job: JobId, host: HostId) -> Option<SimTime> {
        self.store.owed.remove(&(host, job));
        let there = self.presence[host.index()].there;
        let at = if there { self.acts_at(now, world, host, 3) } else { None };
        if at.is_none() && self.presence[host.index()].heard {
            self.store.stale.insert((host, job));
        }
        at
    }

    /// A machine fell or was heard anew: what its agent has yet to do is found out anew.
    pub(super) fn forget_agent(&mut self, host: HostId) {
        for set in [&mut self.store.owed, &mut self.store.stale] {
            let own: Vec<_> = set.range((host, JobId(0))..=(host, JobId(u32::MAX))).copied().collect();
            own.iter().for_each(|pair| _ = set.remove(pair));
        }
    }

    fn start_at_tick(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if self.books.host_of(job) == Some(host) {
            let tick = self.rhythm(world, host, self.settings.agent_interval).at_or_after(now.at + SimDuration(1));
            actions.push(Action::Start(job, host, tick));
        }
    }

    /// Copies run on `host` that do not belong there now.
    pub(super) fn found_stale(&mut self, host: HostId, jobs: Vec<JobId>) {
        self.store.stale.extend(jobs.into_iter().map(|job| (host, job)));
    }

    /// A tick of an agent that has found such copies: those that belong there again are kept.
    pub(super) fn tick(&mut self, now: Now, token: u64, actions: &mut Vec<Action>) {
        let host = HostId((token >> 40) as u32);
        if !self.presence[host.index()].works() || self.store.reads_fail >= 1.0 {
            return;
        }
        let own: Vec<_> = self.store.stale.range((host, JobId(0))..=(host, JobId(u32::MAX))).copied().collect();
        for (host, job) in own {
            self.store.stale.remove(&(host, job));
            if self.books.host_of(job) != Some(host) {
                actions.push(Action::Stop(job, host, now.at));
            }
        }
    }

    /// Agents that work stop what no longer belongs on their machines: at once where they have just begun, else at a
    /// tick.
    fn stop_stale(&mut self, now: Now, world: &World, begun: Option<HostId>, actions: &mut Vec<Action>) {
        for (host, job) in std::mem::take(&mut self.store.stale) {
            let others = begun.is_some_and(|begun| begun != host);
            if others || !self.presence[host.index()].works() || self.store.reads_fail >= 1.0 {
                self.store.stale.insert((host, job));
            } else if self.books.host_of(job) != Some(host) {
                let tick = self.rhythm(world, host, self.settings.agent_interval).at_or_after(now.at);
                actions.push(Action::Stop(job, host, if begun.is_some() { now.at } else { tick }));
            }
        }
    }

    fn phases(
        &self,
        world: &World,
        period: SimDuration,
        of: impl Fn(&super::Presence) -> bool,
    ) -> Vec<(SimTime, HostId)> {
        let hosts = world.cluster.ids().filter(|host| of(&self.presence[host.index()]));
        hosts.map(|host| (self.rhythm(world, host, period).at_or_after(SimTime::ZERO), host)).collect()
    }

    /// Draws which reconcile is the next of which a request fails. Only where that stops units: up to v0.11.8, and not
    /// where all requests fail, because then no list is read at all.
    pub(super) fn next_bad_reconcile(&mut self, after: SimTime, world: &World, actions: &mut Vec<Action>) {
        self.store.agents_epoch += 1;
        let p = self.store.reads_fail;
        if !self.store.unwell || p == 0.0 || p >= 1.0 || self.settings.version != Version::V0_11_5 {
            return;
        }
        let period = self.settings.agent_interval;
        let ticks = self.phases(world, period, super::Presence::works);
        let stream = self.store.agents.get_or_insert_with(|| world.seed.stream(Purpose::Store, 1));
        let (first, each) = (gap(p, stream), self.unit_count + 3);
        self.store.fails_first = first % each;
        if let Some((at, host)) = nth_tick(&ticks, period, after, first / each).filter(|(at, _)| at.0 < u64::MAX / 4) {
            let token = AGENTS | self.store.agents_epoch << 8 | u64::from(host.0) << 40;
            actions.push(Action::Wake(at, token));
        }
    }

    /// A reconcile of `host` of which a request fails, perhaps more.
    pub(super) fn bad_reconcile(&mut self, now: Now, world: &World, token: u64, actions: &mut Vec<Action>) {
        if token >> 8 & 0xffff_ffff != self.store.agents_epoch & 0xffff_ffff {
            return;
        }
        let (host, units, p) = (HostId((token >> 40) as u32), self.unit_count, self.store.reads_fail);
        let mut failed = BTreeSet::new();
        let mut request = self.store.fails_first;
        let stream = self.store.agents.get_or_insert_with(|| world.seed.stream(Purpose::Store, 1));
        while request < units + 3 {
            failed.insert(request);
            request = request.saturating_add(1).saturating_add(gap(p, stream));
        }
        // The list itself, or the schedule: the turn is lost and units run on; those it was to start again wait.
        let lost = failed.iter().any(|&request| request == 0 || request > units);
        let mut unread: Vec<JobId> = Vec::new();
        if let Some(etcd) = &self.etcd {
            let jobs = etcd.registry.units().enumerate().filter(|(i, _)| failed.contains(&(*i as u64 + 1)));
            unread.extend(jobs.map(|(_, unit)| etcd.names.job(&unit.name)).filter(|_| !lost));
        }
        let tick = now.at + self.settings.agent_interval;
        for job in unread {
            if self.books.host_of(job) == Some(host) {
                actions.push(Action::Cancel(job));
                actions.push(Action::Stop(job, host, now.at));
                actions.push(Action::Start(job, host, tick));
                // One that was stopped last time and was to start now is stopped already.
                if self.stopped.insert(job, tick).is_none() {
                    actions.push(Action::Incident(Incident::HealthyStopped, Some(host)));
                }
            }
        }
        if lost {
            let waiting: Vec<JobId> =
                self.stopped.iter().filter(|(_, at)| **at == now.at).map(|(&job, _)| job).collect();
            for job in waiting.into_iter().filter(|&job| self.books.host_of(job) == Some(host)) {
                actions.push(Action::Start(job, host, tick));
                self.stopped.insert(job, tick);
            }
        }
        self.stopped.retain(|_, at| *at > now.at);
        self.next_bad_reconcile(now.at, world, actions);
    }

    /// Draws which check of all machines' heartbeats is the next whose first try fails.
    pub(super) fn next_bad_beat(&mut self, after: SimTime, world: &World, actions: &mut Vec<Action>) {
        self.store.beats_epoch += 1;
        let p = self.store.writes_fail;
        if !self.store.unwell || p == 0.0 {
            return;
        }
        let period = self.settings.heartbeat;
        let checks = self.phases(world, period, |presence| presence.heard && presence.beat == Beat::Well);
        let stream = self.store.beats.get_or_insert_with(|| world.seed.stream(Purpose::Store, 2));
        let first = gap(p, stream);
        if let Some((at, host)) = nth_tick(&checks, period, after, first).filter(|(at, _)| at.0 < u64::MAX / 4) {
            let token = BEATS | self.store.beats_epoch << 8 | u64::from(host.0) << 40;
            actions.push(Action::Wake(at, token));
        }
    }

    /// The first try of a check fails.
    pub(super) fn bad_beat(&mut self, now: Now, world: &World, token: u64, actions: &mut Vec<Action>) {
        if token >> 8 & 0xffff_ffff != self.store.beats_epoch & 0xffff_ffff {
            return;
        }
        let host = HostId((token >> 40) as u32);
        let late = self.store.level.is_some_and(|level| level.late_writes_count);
        let presence = &mut self.presence[host.index()];
        let last =
            if late { now.at } else { SimTime(now.at.0.saturating_sub(self.settings.heartbeat.0)).max(presence.since) };
        presence.beat = Beat::Trying(1);
        presence.beats += 1;
        let expires = last + self.settings.agent_ttl;
        let (there, beats) = (presence.there, presence.beats);
        self.expire(host, there.then_some(expires));
        let token = BEAT | u64::from(beats) << 8 | u64::from(host.0) << 40;
        actions.push(Action::Wake(now.at + SimDuration(self.settings.agent_ttl.0 / 12), token));
        self.next_bad_beat(now.at, world, actions);
        self.ask_turn(now, expires, actions);
    }

    /// The next try of a machine whose heartbeats fail, or the end of a check of which all four have failed.
    pub(super) fn beat_again(&mut self, now: Now, world: &World, token: u64, actions: &mut Vec<Action>) {
        let host = HostId((token >> 40) as u32);
        let presence = &self.presence[host.index()];
        if u64::from(presence.beats) != token >> 8 & 0xffff_ffff || !presence.heard {
            return;
        }
        let (beat, again) = (presence.beat, |wait: SimDuration| Action::Wake(now.at + wait, token));
        if beat == Beat::Trying(4) {
            self.presence[host.index()].beat = Beat::Stopped(SimDuration::from_secs(1));
            actions.push(Action::Incident(Incident::LoopsStopped, Some(host)));
            self.engine_ends(now, world, host, false, actions);
            self.next_bad_reconcile(now.at, world, actions);
            actions.push(again(SimDuration::from_secs(1)));
            return;
        }
        let Some(level) = self.store.level else { return };
        let stream = self.store.beats.get_or_insert_with(|| world.seed.stream(Purpose::Store, 2));
        let done = level.draw(true, self.settings.etcd_timeout, stream).is_some();
        if done || level.late_writes_count {
            let ttl = self.settings.agent_ttl;
            let there = self.presence[host.index()].there;
            self.expire(host, there.then_some(now.at + ttl));
        }
        if done {
            self.presence[host.index()].beat = Beat::Well;
            self.announces(now, world, host, actions);
            self.next_bad_beat(now.at, world, actions);
            if beat.stopped() {
                self.engine_starts(now, world, host, actions);
                self.next_bad_reconcile(now.at, world, actions);
                self.stop_stale(now, world, Some(host), actions);
                if self.store.reads_fail < 1.0 {
                    let owed: Vec<_> = self.store.owed.iter().copied().filter(|(on, _)| *on == host).collect();
                    for (host, job) in owed {
                        self.store.owed.remove(&(host, job));
                        if self.books.host_of(job) == Some(host) {
                            actions.push(Action::Start(job, host, now.at));
                        }
                    }
                }
            }
            return;
        }
        let (next, wait) = match beat {
            Beat::Trying(failed) => (Beat::Trying(failed + 1), SimDuration(self.settings.agent_ttl.0 / 12)),
            Beat::Stopped(wait) => {
                let wait = SimDuration(wait.0 * 2).min(BACK_OFF_MOST);
                (Beat::Stopped(wait), wait)
            }
            Beat::Well => return,
        };
        self.presence[host.index()].beat = next;
        actions.push(again(wait));
    }
}

/// How often in a row something of that chance happens.
fn gap_of_failures(p: f64, stream: &mut Stream) -> u64 {
    if p >= 1.0 {
        return u64::MAX >> 20;
    }
    let lost = stream.exponential() / -libm::log(p);
    if lost >= 1e12 { 1_000_000_000_000 } else { lost as u64 }
}

/// Units that agents have stopped because they could not read them, and when they are started again.
pub(super) type Stopped = BTreeMap<JobId, SimTime>;
