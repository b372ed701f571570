//! The loop: clock, queue, arrivals by cursor, and what each event does.
//!
//! At one instant the order is: what happens by itself (by rank), then what the control plane hears, then its
//! wake-ups, then starts and stops; only when nothing is left at this instant are the touched hosts worked out (CPU
//! shared anew, memory looked at), which may begin another round of the same instant. Periodic work is queued only where
//! it can act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::change::{Change, DownCause, EndReason, Observer, Worth};
use super::digest::Digest;
use super::kinds::Kinds;
use super::queue::{Event, EventQueue, Rank};
use super::setup::{FailureKind, Loop, Setup};
use super::state::{Attempt, HostState, JobPhase, NONE, Saved};
use crate::cluster::Devices;
use crate::discovery::store::StoreLevel;
use crate::discovery::{Act, Discovery, News};
use crate::error::{Error, Result};
use crate::host::felt::CpuFelt;
use crate::host::kubelet::crash_loop::CrashLoop;
use crate::host::kubelet::threshold::Pressure;
use crate::host::memory::{self, Marks};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{
    Action, Eviction, Heard, Maintenance, Now, Options, Orchestrator, OrchestratorInfo, Outcome, RestartRule, World,
    orchestrator,
};
use crate::units::{SimDuration, SimTime};

/// Events at one instant after which the clock is taken to be stuck: a million, or, where all jobs may come at one instant,
/// this many for each job and host.
const STUCK: u64 = 1_000_000;
const STUCK_EACH: u64 = 16;
/// Events between two looks at whether to go on.
const PULSE: u64 = 4096;

/// How a run is watched from outside, without changing it.
pub struct Flags<'a> {
    /// Run periodic work at every tick, idle or not: slow, and the same changes. For tests.
    pub every_tick: bool,
    /// Take every decision by the plain scan of all hosts: slow, and the same changes.
    pub plain: bool,
    /// Budget of events.
    pub most_events: u64,
    /// A job whose decisions are to be explained to the observer.
    pub explain: Option<JobId>,
    /// Called now and then with the time; `false` stops the run.
    pub pulse: &'a mut dyn FnMut(SimTime) -> bool,
}

/// What the control plane will be told at this instant, in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice {
    Begin,
    Arrived(JobId),
    Ended { job: JobId, host: HostId, outcome: Outcome },
    HostUp(HostId),
    HostSilent(HostId),
    HostLeft(HostId),
    Pressure(HostId, Pressure),
    Removed(JobId),
    Restarts(JobId, HostId),
    Maintenance(HostId, Maintenance),
    Store(StoreLevel),
    News(News),
}

/// One run: one orchestrator in one world, one thread, no clock but its own.
pub(super) struct Simulation<'a> {
    pub setup: &'a Setup,
    pub options: &'a Options,
    pub info: &'static OrchestratorInfo,
    pub world: World<'a>,
    pub now: SimTime,
    /// Whether this instant's periodic work has been done.
    pub late: bool,
    pub queue: EventQueue,
    pub notices: VecDeque<Notice>,
    pub orchestrator: Box<dyn Orchestrator>,
    pub restart_rule: RestartRule,
    pub replaces_evicted: bool,
    pub jobs: super::jobs::Jobs,
    /// Dependencies not finished yet; empty when no job has any.
    pub after_left: Vec<u32>,
    pub attempts: Vec<Attempt>,
    /// Epochs of slots: how often a slot's queued step end was replaced.
    pub epochs: Vec<u32>,
    pub free_slots: Vec<u32>,
    /// What attempts feel of their quotas and their neighbours, by slot; as long as it has to be.
    pub felts: Vec<CpuFelt>,
    pub serials: u64,
    pub hosts: Vec<HostState>,
    /// Of each host's memory.
    pub marks: Vec<Marks>,
    pub devices: Devices,
    /// GPUs that the control plane picked for jobs.
    pub picked_devices: BTreeMap<JobId, u16>,
    pub dirty: Vec<HostId>,
    pub saved: BTreeMap<JobId, Saved>,
    /// What kubelets remember, in memory: a reboot or a new placement (a new pod) forgets it.
    pub crashes: BTreeMap<(HostId, JobId), CrashLoop>,
    /// Where agents are about to restart a job.
    pub restart_hosts: BTreeMap<JobId, Vec<HostId>>,
    pub restarts: u32,
    /// Jobs that are parked, and where.
    pub parked_on: BTreeSet<(JobId, HostId)>,
    pub gave_up: BTreeSet<JobId>,
    /// How far planned work has come.
    pub progress: Vec<super::maintenance::Progress>,
    /// Next job to arrive.
    cursor: u32,
    digest: Digest,
    wanted: Kinds,
    pub observer: &'a mut dyn Observer,
    actions: Vec<Action>,
    pub store: Option<super::discovery::Store>,
    pub discovery: Option<Box<dyn Discovery>>,
    pub acts: Vec<Act>,
    live_scratch: Vec<JobId>,
    pub soon: super::look_ahead::Soon,
    pub scratch: super::contention::Scratch,
    pub daemons: super::contention::Daemons,
    /// What cgroups a manifest's pod has, by template.
    pub pods: BTreeMap<u32, std::rc::Rc<crate::host::pod_cpu::PodCpu>>,
}

/// Runs `options` in the world of `setup`, telling `observer` every change. Returns the digest.
///
/// Errors: the clock is stuck (names the culprit), or `flags.pulse` said stop.
pub fn simulate(setup: &Setup, options: &Options, observer: &mut dyn Observer, flags: Flags) -> Result<u64> {
    let info = orchestrator(options.orchestrator).expect("options name an orchestrator of the table");
    let world = World {
        cluster: &setup.cluster,
        workload: &setup.workload,
        host_model: &setup.host_model,
        options,
        seed: setup.seed,
        every_tick: flags.every_tick,
        plain: flags.plain,
        explain: flags.explain,
    };
    let orchestrator = (info.build)(&world);
    let has_after = setup.workload.ids().any(|job| !setup.workload.after(job).is_empty());
    let marks: Vec<Marks> =
        setup.cluster.ids().map(|host| memory::marks(&setup.host_model, setup.cluster.spec(host).memory)).collect();
    let mut sim = Simulation {
        setup,
        options,
        info,
        world,
        now: SimTime::ZERO,
        late: false,
        queue: EventQueue::default(),
        notices: VecDeque::new(),
        restart_rule: orchestrator.restart_rule(),
        replaces_evicted: orchestrator.replaces_evicted(),
        orchestrator,
        jobs: super::jobs::Jobs::default(),
        after_left: if has_after {
            setup.workload.ids().map(|job| setup.workload.after(job).len() as u32).collect()
        } else {
            Vec::new()
        },
        attempts: Vec::new(),
        epochs: Vec::new(),
        free_slots: Vec::new(),
        serials: 0,
        felts: Vec::new(),
        hosts: hosts(setup, info, &marks),
        marks,
        devices: Devices::new(&setup.cluster),
        picked_devices: BTreeMap::new(),
        dirty: Vec::new(),
        saved: BTreeMap::new(),
        crashes: BTreeMap::new(),
        restart_hosts: BTreeMap::new(),
        restarts: 0,
        parked_on: BTreeSet::new(),
        gave_up: BTreeSet::new(),
        progress: vec![super::maintenance::Progress::default(); setup.maintenance.len()],
        cursor: 0,
        digest: Digest::default(),
        wanted: observer.wants(),
        observer,
        actions: Vec::new(),
        store: super::discovery::Store::new(setup, options),
        discovery: super::discovery::of_run(setup, options, flags.every_tick),
        acts: Vec::new(),
        live_scratch: Vec::new(),
        soon: Default::default(),
        scratch: super::contention::Scratch::default(),
        daemons: super::contention::Daemons::new(info, &setup.host_model.cpu),
        pods: BTreeMap::new(),
    };
    sim.begin();
    sim.run(flags.pulse, flags.most_events)?;
    sim.end();
    Ok(sim.digest.value())
}

/// The hosts of a run, none of which has joined.
fn hosts(setup: &Setup, info: &OrchestratorInfo, marks: &[Marks]) -> Vec<HostState> {
    let host = |host: HostId| HostState {
        capacity: match setup.host_model.cpu.contention {
            true => setup.cluster.spec(host).cpu.nano_cores(),
            false => u64::MAX,
        },
        // Neither killed for, nor beyond what the pods' own cgroup holds, nor swapped out; and all file pages fit.
        calm: (marks[host.index()].brim - setup.host_model.memory.swap.0)
            .min(marks[host.index()].full - 1)
            .min(marks[host.index()].kubepods),
        memory_mark: i64::MAX,
        process_mark: i64::MAX,
        daemons: vec![Default::default(); info.daemons.len()],
        ..HostState::default()
    };
    setup.cluster.ids().map(host).collect()
}

impl Simulation<'_> {
    /// Tells everybody.
    pub(super) fn emit(&mut self, change: Change) {
        self.digest.change(self.now, &change);
        if self.wanted.has(change.kind()) {
            self.observer.change(self.now, &change);
        }
        if self.discovery.is_some() {
            self.pass_on(&change);
        }
    }

    fn begin(&mut self) {
        if self.setup.warm_up == SimTime::ZERO {
            self.emit(Change::WindowBegins);
        } else {
            self.queue.push(self.setup.warm_up, Event::WindowBegins);
        }
        self.notices.push_back(Notice::Begin);
        self.discovery_begins();
        for host in self.setup.cluster.ids() {
            let spec = self.setup.cluster.spec(host);
            if spec.joins == SimTime::ZERO {
                self.host_joins(host);
            } else {
                self.queue.push(spec.joins, Event::Joins(host));
            }
            if let Some(leaves) = spec.leaves {
                self.queue.push(leaves, Event::Leaves(host));
            }
        }
        for (i, failure) in self.setup.failures.iter().enumerate() {
            self.queue.push(failure.at, Event::FailureBegins(i as u32));
        }
        for (i, work) in self.setup.maintenance.iter().enumerate() {
            self.queue.push(work.at, Event::MaintenanceBegins(i as u32));
        }
        if let Loop::Closed { users, .. } = self.setup.arrivals {
            for _ in 0..users {
                self.queue.push(SimTime::ZERO, Event::UserReady);
            }
        }
    }

    /// Arrival time of the next job by cursor.
    fn next_arrival(&self) -> Option<SimTime> {
        let open = self.setup.arrivals == Loop::Open;
        (open && (self.cursor as usize) < self.setup.workload.len())
            .then(|| self.setup.workload.arrival(JobId(self.cursor)))
    }

    fn run(&mut self, pulse: &mut dyn FnMut(SimTime) -> bool, most_events: u64) -> Result<()> {
        let (mut events, mut at_this_instant) = (0u64, 0u64);
        let stuck = STUCK.max(STUCK_EACH * (self.setup.workload.len() + self.hosts.len()) as u64);
        loop {
            let queued = self.queue.peek();
            let arrival = self.next_arrival().map(|at| (at, Rank::Arrival as u8));
            let by_cursor = match (arrival, queued) {
                (Some(a), Some(q)) => a < q,
                (Some(_), None) => true,
                _ => false,
            };
            let next = if by_cursor { arrival } else { queued };
            let next = next.unwrap_or((SimTime::NEVER, 0));
            if !self.notices.is_empty() && next > (self.now, Rank::Notice as u8) {
                self.deliver();
                at_this_instant += 1;
            } else if next.0 > self.now && !self.dirty.is_empty() {
                self.late = true;
                self.work_out_hosts();
                at_this_instant += 1;
            } else if next.0 > self.setup.end {
                return Ok(());
            } else {
                if next.0 > self.now {
                    self.now = next.0;
                    self.late = false;
                    at_this_instant = 0;
                }
                at_this_instant += 1;
                if by_cursor {
                    self.arrive_next();
                } else {
                    let (at, event) = self.queue.pop().expect("peeked");
                    assert!(at >= self.now, "an event in the past");
                    self.late |= next.1 > Rank::Wake as u8;
                    if let Some(ahead) = self.queue.ahead() {
                        self.look_at_events(&ahead);
                        self.queue.seen(ahead);
                    }
                    if at_this_instant > stuck {
                        return Err(self.stuck(event));
                    }
                    self.handle(event);
                }
            }
            if at_this_instant > stuck + 1_000 {
                return Err(Error::failed(format!("the clock stands still at {} after {stuck} changes", self.now)));
            }
            events += 1;
            if events > most_events {
                return Err(Error::budget("events", events, most_events, "--max-events"));
            }
            if events.is_multiple_of(PULSE) && !pulse(self.now) {
                return Err(Error::new(crate::error::ErrorKind::Interrupted, "interrupted"));
            }
        }
    }

    fn stuck(&self, event: Event) -> Error {
        let (cluster, workload) = (&self.setup.cluster, &self.setup.workload);
        let culprit = match event {
            Event::StepEnds { slot, .. } => {
                let a = &self.attempts[slot as usize];
                format!("usage of job \"{}\" on host \"{}\"", workload.name(a.job), cluster.name(a.host))
            }
            Event::Start { job, host, .. }
            | Event::Pulled { job, host, .. }
            | Event::Restart { job, host, .. }
            | Event::Stop { job, host } => {
                format!("starts of job \"{}\" on host \"{}\"", workload.name(job), cluster.name(host))
            }
            Event::Removal(job) => format!("removal of job \"{}\"", workload.name(job)),
            Event::EvictionRound(host) => format!("eviction on host \"{}\"", cluster.name(host)),
            Event::Wake(token) => format!("wake-up {token} of orchestrator {}", self.info.name),
            other => format!("{other:?}"),
        };
        Error::failed(format!(
            "the clock stands still at {}: a million events in a row, the last from {culprit}",
            self.now
        ))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::WindowBegins => self.window_begins(),
            Event::StepEnds { slot, epoch } => {
                if self.epochs[slot as usize] == epoch {
                    self.step_ends(slot);
                }
            }
            Event::Joins(host) => self.host_joins(host),
            Event::Leaves(host) => self.host_leaves(host),
            Event::FailureBegins(n) => {
                let failure = self.setup.failures[n as usize];
                if self.hosts[failure.host.index()].member {
                    match failure.kind {
                        FailureKind::Down => self.fall(failure.host, DownCause::Failure, failure.lasts),
                        FailureKind::Partition => self.cut(failure.host, failure.lasts),
                    }
                } else {
                    self.emit(Change::FailureMissed { host: failure.host });
                }
            }
            Event::MaintenanceBegins(n) => self.go_on(n),
            Event::DrainTimesOut { host, epoch } => self.drain_times_out(host, epoch),
            Event::PartitionHeals { host, epoch } => self.heal(host, epoch),
            Event::Boots { host, epoch } => {
                if self.hosts[host.index()].down_epoch == epoch {
                    self.boot(host);
                }
            }
            Event::BeatIsLate { host, epoch } => self.beat_is_late(host, epoch),
            Event::BeatArrives { host, epoch } => self.beat_arrives(host, epoch),
            Event::Recovers { host, epoch } => self.recovers(host, epoch),
            Event::OperatorReboots { host, epoch } => {
                let h = &self.hosts[host.index()];
                if h.over_epoch == epoch && h.over {
                    self.fall(host, DownCause::Memory, self.setup.host_model.memory.boot);
                }
            }
            Event::DaemonsLapse { host, epoch } => self.daemons_lapse(host, epoch),
            Event::Dies { slot, serial } => self.victim_dies(slot, serial),
            Event::DaemonDies { host, daemon, epoch } => self.daemon_dies(host, daemon, epoch),
            Event::DaemonBack { host, daemon, epoch } => self.daemon_back(host, daemon, epoch),
            Event::EvictionRound(host) => self.eviction_round(host),
            Event::EvictionGraceOver { host, slot, epoch } => self.eviction_grace_over(host, slot, epoch),
            Event::Removal(job) => self.remove(job),
            Event::UserReady => self.arrive_next(),
            Event::Wake(token) => self.hear(Heard::Wake(token)),
            Event::DiscoveryWake(token) => self.discover(News::Wake(token)),
            Event::StoreFault { number, begins } => self.store_fault(number, begins),
            Event::StoreTimer { epoch } => self.store_ticks(epoch),
            Event::ConfigChanges(number) => self.config_changes(number),
            // Whoever starts containers is not there: it does so when it is.
            Event::Start { host, .. } | Event::Restart { host, .. } if self.no_starts_until(host).is_some() => {
                self.queue.push(self.no_starts_until(host).unwrap_or(self.now), event);
            }
            Event::Start { job, host, ticket } => {
                if self.jobs[job.index()].ticket == ticket && self.hosts[host.index()].heard {
                    self.arrive(job, host, ticket);
                }
            }
            Event::Pulled { job, host, ticket } => self.pulled(job, host, ticket),
            Event::Restart { job, host, serial } => {
                if self.hosts[host.index()].restarting.get(&job) == Some(&serial) {
                    self.forget_restart(job, host);
                    self.start(job, host);
                    self.let_go(job);
                }
            }
            Event::Stop { job, host } => {
                if self.hosts[host.index()].heard {
                    self.stop(job, host, EndReason::Stopped);
                }
            }
        }
    }

    /// The next job of the workload arrives now.
    fn arrive_next(&mut self) {
        if self.cursor as usize >= self.setup.workload.len() {
            return;
        }
        if self.cursor.is_multiple_of(super::look_ahead::ARRIVALS) {
            self.look_at_arrivals(self.cursor + super::look_ahead::ARRIVALS);
        }
        let job = JobId(self.cursor);
        self.cursor += 1;
        self.jobs.arrive(job);
        if self.after_left.get(job.index()).is_none_or(|&left| left == 0) {
            self.enter(job);
        }
    }

    /// The job enters the system.
    pub(super) fn enter(&mut self, job: JobId) {
        self.jobs[job.index()].phase = JobPhase::Inside;
        self.emit(Change::Arrived { job });
        self.update_waiting(job);
        self.notices.push_back(Notice::Arrived(job));
        if self.setup.workload.spec(job).kind == crate::workload::JobKind::Service
            && let Some(duration) = self.setup.workload.duration(job)
        {
            self.queue.push(self.now + duration, Event::Removal(job));
        }
    }

    /// A job's user thinks and comes back with the next one.
    pub(super) fn user_done(&mut self) {
        if let Loop::Closed { think_time, .. } = self.setup.arrivals {
            self.queue.push(self.now + think_time, Event::UserReady);
        }
    }

    fn deliver(&mut self) {
        let Some(notice) = self.notices.pop_front() else { return };
        match notice {
            Notice::Begin => self.hear(Heard::Begin),
            Notice::Arrived(job) => self.hear(Heard::Arrived(job)),
            Notice::Ended { job, host, outcome } => self.hear(Heard::Ended { job, host, outcome }),
            Notice::HostSilent(host) => self.hear(Heard::HostSilent(host)),
            Notice::HostLeft(host) => self.hear(Heard::HostLeft(host)),
            Notice::Pressure(host, pressure) => self.hear(Heard::Pressure(host, pressure)),
            Notice::Removed(job) => self.hear(Heard::Removed(job)),
            Notice::Restarts(job, host) => self.hear(Heard::Restarts(job, host)),
            Notice::Store(level) => self.hear(Heard::Store(level)),
            Notice::News(news) => self.discover(news),
            Notice::Maintenance(host, step) => self.hear(Heard::Maintenance(host, step)),
            Notice::HostUp(host) => {
                let mut live = std::mem::take(&mut self.live_scratch);
                live.clear();
                let h = &self.hosts[host.index()];
                live.extend(h.attempts.iter().map(|&slot| self.attempts[slot as usize].job));
                // A unit that its agent is about to restart is there, too.
                live.extend(h.restarting.keys().copied());
                live.extend(h.parked.iter().map(|p| p.job));
                live.extend(self.pulling(host));
                live.sort_unstable();
                live.dedup();
                self.hear(Heard::HostUp { host, live: &live });
                self.live_scratch = live;
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        let mut actions = std::mem::take(&mut self.actions);
        actions.clear();
        let now = Now { at: self.now, late: self.late };
        self.orchestrator.hear(now, heard, &self.world, &mut actions);
        for &action in &actions {
            self.act(action);
        }
        if self.world.explain.is_some() {
            for explained in self.orchestrator.take_explained() {
                self.observer.explained(&explained);
            }
        }
        self.actions = actions;
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Place(job, host) => {
                self.crashes.remove(&(host, job));
                self.picked_devices.remove(&job);
                self.look_at_host_of(job, host);
                self.emit(Change::Placed { job, host });
            }
            Action::Device(job, device) => {
                self.picked_devices.insert(job, device);
            }
            Action::Start(job, host, at) => {
                let state = &mut self.jobs[job.index()];
                state.ticket += 1;
                self.queue.push(at.max(self.now), Event::Start { job, host, ticket: self.jobs[job.index()].ticket });
            }
            Action::Cancel(job) => {
                self.jobs[job.index()].ticket += 1;
                self.cancel_restarts(job);
            }
            Action::Stop(job, host, at) => self.queue.push(at.max(self.now), Event::Stop { job, host }),
            Action::Evict(job, host, why) => self.stop(
                job,
                host,
                match why {
                    Eviction::Preemption => EndReason::EvictedPreemption,
                    Eviction::Api => EndReason::EvictedApi,
                    Eviction::Taint => EndReason::Stopped,
                },
            ),
            Action::Abandon(job) => self.abandon(job),
            Action::Drained(host) => self.take_down(host),
            Action::Preempt { job, host, victims, applied } => {
                self.emit(Change::Preempts { job, host, victims, applied });
            }
            Action::GiveUp { job, host, evicted } => {
                self.emit(Change::AttemptGivenUp { job, host, evicted });
                self.give_up_attempt(job, host);
            }
            Action::Incident(what, host) => self.emit(Change::Incident { what, host }),
            Action::Lost(host, lost) => self.emit(Change::HostLost { host, lost }),
            Action::Wake(at, token) => self.queue.push(at.max(self.now), Event::Wake(token)),
        }
    }

    /// Metrics begin: what was served so far is outside the window.
    fn window_begins(&mut self) {
        for slot in 0..self.attempts.len() as u32 {
            if self.attempts[slot as usize].job.0 == NONE {
                continue;
            }
            self.settle(slot);
            let a = &mut self.attempts[slot as usize];
            let (job, attempt, amount) = (a.job, a.number, a.take_unvalued());
            if amount > 0 {
                self.emit(Change::Valued { job, attempt, worth: Worth::BeforeWindow, amount });
            }
        }
        for host in self.setup.cluster.ids() {
            for i in 0..self.hosts[host.index()].unseen.len() {
                let unseen = &mut self.hosts[host.index()].unseen[i];
                let (job, attempt, amount) = (unseen.job, unseen.attempt, std::mem::take(&mut unseen.unvalued));
                if amount > 0 {
                    self.emit(Change::Valued { job, attempt, worth: Worth::BeforeWindow, amount });
                }
            }
        }
        self.emit(Change::WindowBegins);
    }

    /// The run is over: all is settled and valued.
    fn end(&mut self) {
        self.now = self.setup.end.max(self.now);
        for host in self.setup.cluster.ids() {
            self.count_parked(host, self.now + SimDuration(1));
        }
        for slot in 0..self.attempts.len() as u32 {
            if self.attempts[slot as usize].job.0 != NONE {
                self.settle(slot);
            }
        }
        self.value_all_at_end();
        self.observer.finish(self.now);
    }
}
