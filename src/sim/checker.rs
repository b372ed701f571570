//! The dumb second account: recomputes every sum from its own table of attempts and jobs.
//!
//! It trusts nothing but the changes themselves and says where the first disagreement is. On in all tests, and in any run
//! by `--check`. It works attempt by attempt, where the engine and the ledger work host by host.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Change, EndReason, Observer, Waiting, Worth};
use super::rates::CpuRates;
use super::setup::Setup;
use crate::host::felt::CpuFelt;
use crate::ids::{HostId, JobId};
use crate::units::SimTime;
use crate::workload::JobKind;

#[derive(Clone, Copy, Default)]
struct Rates {
    cpu: CpuRates,
    memory: i64,
    since: u64,
    served: u128,
}

#[derive(Clone, Default)]
struct Job {
    inside: bool,
    done: bool,
    waiting: Waiting,
    waiting_cpu: u64,
    since: u64,
    live: u32,
    attempts: u32,
    useful: u128,
    abandoned: u128,
}

/// What the checker's own integrals came to, over the whole run, nano-core-microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Demanded by live attempts and by jobs that waited.
    pub demanded: u128,
    /// Received.
    pub served: u128,
    /// Demanded while waiting for the control plane.
    pub pending: u128,
    /// Demanded while the host was down.
    pub host_down: u128,
    /// Able to run and not received.
    pub starved: u128,
    /// Within quota and waiting for file pages.
    pub slowed: u128,
    /// Above quota.
    pub throttled: u128,
    /// Above what threads can run.
    pub thread_bound: u128,
    /// Valued useful.
    pub useful: u128,
    /// Valued lost.
    pub lost: u128,
    /// Valued duplicate.
    pub duplicate: u128,
    /// Valued as before the window.
    pub before_window: u128,
}

/// Watches a run and remembers the first thing that is wrong.
pub struct Checker<'a> {
    setup: &'a Setup,
    attempts: Vec<BTreeMap<(JobId, u32), Rates>>,
    jobs: Vec<Job>,
    up: Vec<bool>,
    thrash: Vec<bool>,
    /// What each host's daemons lack, nano-cores, and what its attempts feel.
    daemons: Vec<(u64, CpuFelt)>,
    daemons_down: BTreeSet<(HostId, &'static str)>,
    last: SimTime,
    account: Account,
    wrong: Option<String>,
    changes: u64,
}

impl<'a> Checker<'a> {
    /// Nothing seen yet.
    pub fn new(setup: &'a Setup) -> Self {
        Checker {
            setup,
            attempts: vec![BTreeMap::new(); setup.cluster.len()],
            jobs: vec![Job::default(); setup.workload.len()],
            up: vec![false; setup.cluster.len()],
            thrash: vec![false; setup.cluster.len()],
            daemons: vec![(0, CpuFelt::default()); setup.cluster.len()],
            daemons_down: BTreeSet::new(),
            last: SimTime::ZERO,
            account: Account::default(),
            wrong: None,
            changes: 0,
        }
    }

    /// The account, or the first thing that was wrong.
    pub fn verdict(&self) -> Result<Account, String> {
        match &self.wrong {
            Some(wrong) => Err(wrong.clone()),
            None => Ok(self.account),
        }
    }

    fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.wrong.is_none() {
            self.wrong = Some(format!("at {}, change {}: {}", self.last, self.changes, what()));
        }
    }

    fn name(&self, job: JobId) -> String {
        format!("job \"{}\"", self.setup.workload.name(job))
    }

    /// Closes an attempt's integrals at `at`.
    fn settle(account: &mut Account, rates: &mut Rates, at: u64) {
        let dt = u128::from(at - rates.since);
        rates.since = at;
        let work = |rate: u64| u128::from(rate) * dt;
        let cpu = rates.cpu;
        account.demanded += work(cpu.demand);
        account.thread_bound += work(cpu.demand - cpu.runnable);
        account.throttled += work(cpu.runnable - cpu.within_quota);
        account.slowed += work(cpu.within_quota - cpu.able);
        account.starved += work(cpu.able - cpu.received);
        account.served += work(cpu.received);
        rates.served += work(cpu.received);
    }

    fn settle_wait(&mut self, job: JobId) {
        let j = &mut self.jobs[job.index()];
        let work = u128::from(j.waiting_cpu) * u128::from(self.last.0 - j.since);
        j.since = self.last.0;
        match j.waiting {
            Waiting::No => return,
            Waiting::Pending => self.account.pending += work,
            Waiting::HostDown => self.account.host_down += work,
        }
        self.account.demanded += work;
    }

    fn host_load(&mut self, change: &Change) {
        let Change::HostLoad { host, cpu, memory, attempts, .. } = *change else { return };
        let mut sums = (CpuRates::default(), 0i64, 0u32);
        for rates in self.attempts[host.index()].values() {
            sums.0 += rates.cpu;
            sums.1 += rates.memory;
            sums.2 += 1;
        }
        let told = (cpu, memory, attempts);
        self.require(sums == told, || format!("host {host:?} sums up to {sums:?}, told {told:?}"));
        let full = self.setup.cluster.spec(host).cpu.nano_cores();
        let (missing, felt) = self.daemons[host.index()];
        let own = if self.setup.host_model.cpu.contention { cpu.able.min(full) } else { cpu.able };
        // Of a machine with all that daemons want beside the host's CPU, jobs have their own and what daemons lack.
        let due = own + missing;
        let waiting = self.attempts[host.index()].values().map(|r| CpuFelt::of_neighbours(r.cpu.able, r.cpu.received));
        let waiting: u64 = waiting.map(|felt| felt.waiting).sum();
        self.require(waiting == felt.waiting, || format!("host {host:?} waits {waiting}, told {}", felt.waiting));
        self.require(missing == 0 || cpu.able > full, || format!("daemons of host {host:?} starve on an idle host"));
        self.require(cpu.received == due, || format!("host {host:?} gives {} nano-cores of {due} due", cpu.received));
        let calm = !self.thrash[host.index()];
        self.require(!calm || cpu.able == cpu.within_quota, || format!("host {host:?} slows jobs without thrash"));
    }

    fn ended(&mut self, job: JobId, attempt: u32, host: HostId, why: EndReason, served: u128) {
        let lived = self.attempts[host.index()].contains_key(&(job, attempt));
        // A kubelet under pressure refuses pods as evicted.
        if why == EndReason::StartFailed || why == EndReason::EvictedPressure && !lived {
            let first = self.jobs[job.index()].attempts.saturating_add(1) == attempt;
            self.require(first && served == 0, || format!("a failed start of job {job:?} is attempt {attempt}"));
            self.jobs[job.index()].attempts = attempt;
            return;
        }
        match self.attempts[host.index()].remove(&(job, attempt)) {
            None => self.require(false, || format!("attempt {attempt} of job {job:?} ended and did not live")),
            Some(mut rates) => {
                Self::settle(&mut self.account, &mut rates, self.last.0);
                let own = rates.served;
                self.require(own == served, || {
                    format!("attempt {attempt} of job {job:?} was served {own}, told {served}")
                });
                self.jobs[job.index()].live -= 1;
            }
        }
    }
}

impl Observer for Checker<'_> {
    fn change(&mut self, at: SimTime, change: &Change) {
        self.changes += 1;
        self.require(at >= self.last, || format!("time ran back to {at}"));
        self.last = at;
        match *change {
            Change::Arrived { job } => {
                let ok = !self.jobs[job.index()].inside && !self.jobs[job.index()].done;
                self.require(ok, || format!("job {job:?} arrived twice"));
                self.jobs[job.index()].inside = true;
            }
            Change::Started { job, attempt, host } => {
                let up = self.up[host.index()];
                let name = self.name(job);
                self.require(up, || format!("{name} started on a host that is down"));
                let next = self.jobs[job.index()].attempts.saturating_add(1);
                self.require(attempt == next, || format!("{name}: attempt {attempt} is not {next}"));
                let j = &mut self.jobs[job.index()];
                j.attempts = attempt;
                j.live += 1;
                let rates = Rates { since: at.0, ..Rates::default() };
                let new = self.attempts[host.index()].insert((job, attempt), rates).is_none();
                self.require(new, || format!("{name}: attempt {attempt} began twice"));
            }
            Change::Repeats { job, times, last_attempt, .. } => {
                let own = u64::from(self.jobs[job.index()].attempts).saturating_add(times).min(u32::MAX.into());
                self.require(own == u64::from(last_attempt), || {
                    format!("job {job:?}: {own} attempts, told {last_attempt}")
                });
                self.jobs[job.index()].attempts = last_attempt;
            }
            Change::Ended { job, attempt, host, why, served } => self.ended(job, attempt, host, why, served),
            Change::Rate { job, attempt, host, cpu, memory } => {
                self.require(cpu.is_ordered() && memory >= 0, || format!("job {job:?}: {cpu:?}, memory {memory}"));
                match self.attempts[host.index()].get_mut(&(job, attempt)) {
                    Some(rates) => {
                        Self::settle(&mut self.account, rates, at.0);
                        *rates = Rates { cpu, memory, ..*rates };
                    }
                    None => self.require(false, || format!("a rate for attempt {attempt} of job {job:?}, not alive")),
                }
            }
            Change::Remainder { job, attempt, host, cpu, remainder } => {
                let Some(rates) = self.attempts[host.index()].get_mut(&(job, attempt)) else {
                    self.require(false, || format!("a remainder of attempt {attempt} of job {job:?}, not alive"));
                    return;
                };
                Self::settle(&mut self.account, rates, at.0);
                let same = rates.cpu == cpu;
                let a = &mut self.account;
                a.demanded -= u128::from(cpu.demand - remainder);
                a.thread_bound -= u128::from(cpu.demand - cpu.runnable);
                a.throttled -= u128::from(cpu.runnable - cpu.within_quota);
                a.slowed -= u128::from(cpu.within_quota - cpu.able);
                a.starved -= u128::from(cpu.able - cpu.received);
                a.served -= u128::from(cpu.received - remainder);
                rates.served -= u128::from(cpu.received - remainder);
                self.require(same && remainder <= cpu.received, || format!("a wrong remainder of job {job:?}"));
            }
            Change::Waits { job, why, cpu_nano, .. } => {
                self.settle_wait(job);
                let j = &mut self.jobs[job.index()];
                (j.waiting, j.waiting_cpu) = (why, cpu_nano);
                let (inside, live) = (j.inside, j.live);
                self.require(why == Waiting::No || (inside && live == 0), || {
                    format!("job {job:?} waits for {why:?} with {live} live attempts")
                });
            }
            Change::Finished { job } | Change::Removed { job } | Change::GaveUp { job } => {
                let j = &mut self.jobs[job.index()];
                let was_inside = std::mem::replace(&mut j.inside, false) && !j.done;
                j.done = true;
                self.require(was_inside, || format!("job {job:?} is done twice or was never there"));
            }
            Change::Valued { job, worth, amount, .. } => {
                let a = &mut self.account;
                match worth {
                    Worth::Useful => a.useful += amount,
                    Worth::Lost => a.lost += amount,
                    Worth::Duplicate => a.duplicate += amount,
                    Worth::BeforeWindow => a.before_window += amount,
                }
                if worth == Worth::Useful || worth == Worth::BeforeWindow {
                    self.jobs[job.index()].useful += amount;
                }
            }
            Change::Abandoned { job, amount } => self.jobs[job.index()].abandoned += amount,
            Change::HostLoad { .. } => self.host_load(change),
            Change::CpuFelt { host, felt } => self.daemons[host.index()].1 = felt,
            Change::DaemonCpu { host, missing } => self.daemons[host.index()].0 = missing,
            Change::HostUp { host } => self.up[host.index()] = true,
            Change::HostDown { host, .. } | Change::HostLeft { host } => self.up[host.index()] = false,
            Change::Thrash { host, on } => self.thrash[host.index()] = on,
            Change::ProcessKilled { job, attempt, host, left } => {
                let lives = self.attempts[host.index()].contains_key(&(job, attempt));
                self.require(lives && left > 0, || {
                    format!("job {job:?} goes on with {left} processes, alive: {lives}")
                });
            }
            Change::DaemonDown { host, daemon } => {
                let ran = self.daemons_down.insert((host, daemon));
                self.require(ran, || format!("{daemon} of host {host:?} died twice"));
            }
            Change::DaemonUp { host, daemon } => {
                let was_down = self.daemons_down.remove(&(host, daemon));
                self.require(was_down, || format!("{daemon} of host {host:?} is back and was not gone"));
            }
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        self.last = end;
        for host in 0..self.attempts.len() {
            let holds = self.attempts[host].len();
            let up = self.up[host];
            self.require(up || holds == 0, || format!("host {host} is down and holds the memory of {holds} attempts"));
            for rates in self.attempts[host].values_mut() {
                Self::settle(&mut self.account, rates, end.0);
            }
        }
        for job in self.setup.workload.ids() {
            self.settle_wait(job);
            let j = self.jobs[job.index()].clone();
            let name = self.name(job);
            self.require(!j.inside || j.live > 0 || j.waiting != Waiting::No, || {
                format!("{name} is in the system, neither alive nor waiting")
            });
            // Work before the window was not valued; then the identity of work holds only over the whole run.
            let entered = j.inside || j.done;
            if entered && self.setup.workload.spec(job).kind == JobKind::Batch && self.setup.warm_up == SimTime::ZERO {
                let work = self.setup.workload.work(job);
                let got = j.useful + j.abandoned;
                self.require(work == got, || {
                    format!("{name}: work {work} is not useful {} + abandoned {}", j.useful, j.abandoned)
                });
            }
        }
        let a = self.account;
        self.require(a.served == a.useful + a.lost + a.duplicate + a.before_window, || format!("served work: {a:?}"));
        let unserved = a.pending + a.host_down + a.starved + a.slowed + a.throttled + a.thread_bound;
        self.require(a.demanded == a.served + unserved, || format!("demanded work: {a:?}"));
    }
}
