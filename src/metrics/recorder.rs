//! The record of a run for reports: about 200 stretches of time, exact means in each, every change of life, and when hosts were over their line.
//!
//! Made only when somebody wants to look. A stretch's figures are integrals over it, not samples.

use super::load_log::{LoadLog, LoadStep, OverRow};
use crate::error::{Error, Result};
use crate::ids::{HostId, JobId, Sparse};
use crate::sim::{Change, CpuRates, EndReason, Kind, Kinds, Observer, Setup, Waiting};
use crate::units::SimTime;

/// One stretch of one host: exact time means and maxima.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TrackBucket {
    /// Mean CPU demanded within quotas, cores.
    pub cpu_demand_cores: f64,
    /// Mean CPU received, cores.
    pub cpu_received_cores: f64,
    /// Highest CPU demanded within quotas at any moment, cores.
    pub cpu_demand_cores_max: f64,
    /// Mean CPU requested by live attempts, cores.
    pub cpu_requested_cores: f64,
    /// Mean memory in use by jobs, bytes.
    pub memory_used_bytes: f64,
    /// Highest memory in use, bytes.
    pub memory_used_bytes_max: f64,
    /// Mean memory requested by live attempts, bytes.
    pub memory_requested_bytes: f64,
    /// Mean number of live attempts.
    pub attempts: f64,
    /// Share of the stretch that the host was up, 0 to 1.
    pub up: f64,
    /// Share of the stretch that the host thrashed.
    pub thrash: f64,
}

/// One host over the stretches of a [`Record`].
#[derive(Clone, PartialEq, Debug)]
pub struct HostTrack {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its CPU, cores.
    pub cpu_capacity_cores: f64,
    /// Its memory, bytes.
    pub memory_capacity_bytes: f64,
    /// One entry a stretch.
    pub buckets: Vec<TrackBucket>,
}

/// One stretch of the whole cluster.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct TimelineBucket {
    /// Core-seconds demanded.
    pub cpu_demanded_core_seconds: f64,
    /// Core-seconds demanded by jobs that waited.
    pub cpu_pending_core_seconds: f64,
    /// Core-seconds lost to neighbours.
    pub cpu_starved_core_seconds: f64,
    /// Core-seconds that attempts could not run while they waited for file pages.
    pub cpu_slowed_core_seconds: f64,
    /// Core-seconds lost to quotas.
    pub cpu_throttled_core_seconds: f64,
    /// Core-seconds beyond what threads can run at once.
    pub cpu_thread_bound_core_seconds: f64,
    /// Core-seconds demanded by jobs whose host was down.
    pub cpu_host_down_core_seconds: f64,
    /// Host-seconds with CPU demand within quotas above capacity.
    pub cpu_overloaded_host_seconds: f64,
    /// Host-seconds with memory in use above what the host can hold without thrash.
    pub memory_overloaded_host_seconds: f64,
}

/// An attempt that ended by force: kill, eviction, loss, failed start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndRow {
    /// When.
    pub at: SimTime,
    /// Which job.
    pub job: JobId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Where.
    pub host: HostId,
    /// Why.
    pub why: EndReason,
}

/// A change worth a row of `changes.csv`: all but rates, sums, waits and valuations.
pub type LifeRow = (SimTime, Change);

/// What is kept when somebody wants to look: about 200 stretches, and every change of life.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// Stretch `i` is `edges[i]..edges[i + 1]`.
    pub edges: Vec<SimTime>,
    /// All hosts in order of names.
    pub hosts: Vec<HostTrack>,
    /// The cluster, stretch by stretch.
    pub timeline: Vec<TimelineBucket>,
    /// Attempts that ended by force.
    pub ends: Vec<EndRow>,
    /// Changes of life.
    pub life: Vec<LifeRow>,
    /// The load of hosts step by step, in order of time; `None` if that was too much to keep.
    pub load: Option<Vec<LoadStep>>,
    /// When hosts were asked for more than they have, in order of ends.
    pub over: Vec<OverRow>,
}

/// Most stretches of a record.
const STRETCHES: u64 = 200;

#[derive(Clone, Copy, Default)]
struct HostNow {
    cpu: CpuRates,
    memory: i64,
    cpu_request: i64,
    memory_request: i64,
    attempts: u32,
    up: bool,
    thrash: bool,
    since: u64,
}

/// Builds a [`Record`].
pub struct Recorder<'a> {
    setup: &'a Setup,
    record: Record,
    log: LoadLog,
    hosts: Vec<HostNow>,
    waits: Sparse<(Waiting, u64)>,
    pending: u128,
    host_down: u128,
    since: u64,
    most_changes: u64,
}

impl<'a> Recorder<'a> {
    /// Nothing seen yet. `most_changes` is the budget of changes of life kept.
    pub fn new(setup: &'a Setup, most_changes: u64) -> Self {
        let end = setup.end.0.max(1);
        let n = STRETCHES.min(end);
        let edges: Vec<SimTime> =
            (0..=n).map(|i| SimTime((u128::from(end) * u128::from(i) / u128::from(n)) as u64)).collect();
        let hosts = setup
            .cluster
            .ids()
            .map(|host| HostTrack {
                host,
                name: setup.cluster.name(host).to_owned(),
                cpu_capacity_cores: setup.cluster.spec(host).cpu.as_cores_f64(),
                memory_capacity_bytes: setup.cluster.spec(host).memory.0 as f64,
                buckets: vec![TrackBucket::default(); n as usize],
            })
            .collect();
        Recorder {
            setup,
            record: Record { timeline: vec![TimelineBucket::default(); n as usize], edges, hosts, ..Record::default() },
            log: LoadLog::new(setup),
            hosts: vec![HostNow::default(); setup.cluster.len()],
            waits: Sparse::default(),
            pending: 0,
            host_down: 0,
            since: 0,
            most_changes,
        }
    }

    /// The record, once the run is over. Errors when there were more changes than the budget.
    pub fn into_record(self) -> Result<Record> {
        if self.record.life.len() as u64 > self.most_changes {
            return Err(Error::budget("changes", "more", self.most_changes, "--max-changes"));
        }
        Ok(self.record)
    }

    /// Calls `add(stretch, seconds, share of the stretch)` for each stretch that `from..to` touches.
    fn spread(edges: &[SimTime], from: u64, to: u64, mut add: impl FnMut(usize, f64, f64)) {
        if from >= to {
            return;
        }
        let mut i = edges.partition_point(|e| e.0 <= from).saturating_sub(1);
        while i + 1 < edges.len() && edges[i].0 < to {
            let (a, b) = (edges[i].0.max(from), edges[i + 1].0.min(to));
            let us = (b - a) as f64;
            add(i, us / 1e6, us / (edges[i + 1].0 - edges[i].0) as f64);
            i += 1;
        }
    }

    fn advance_host(&mut self, host: HostId, at: u64) {
        let h = &mut self.hosts[host.index()];
        let from = std::mem::replace(&mut h.since, at);
        let h = *h;
        let track = &mut self.record.hosts[host.index()];
        let cores = |nano: u64| nano as f64 / 1e9;
        let over_cpu = cores(h.cpu.within_quota) > track.cpu_capacity_cores;
        let over_memory = h.memory as f64 > track.memory_capacity_bytes;
        let timeline = &mut self.record.timeline;
        Self::spread(&self.record.edges, from, at, |i, seconds, share| {
            let b = &mut track.buckets[i];
            b.cpu_demand_cores += cores(h.cpu.within_quota) * share;
            b.cpu_received_cores += cores(h.cpu.received) * share;
            b.cpu_demand_cores_max = b.cpu_demand_cores_max.max(cores(h.cpu.within_quota));
            b.cpu_requested_cores += h.cpu_request as f64 / 1000.0 * share;
            b.memory_used_bytes += h.memory as f64 * share;
            b.memory_used_bytes_max = b.memory_used_bytes_max.max(h.memory as f64);
            b.memory_requested_bytes += h.memory_request as f64 * share;
            b.attempts += f64::from(h.attempts) * share;
            b.up += if h.up { share } else { 0.0 };
            b.thrash += if h.thrash { share } else { 0.0 };
            let t = &mut timeline[i];
            t.cpu_demanded_core_seconds += cores(h.cpu.demand) * seconds;
            t.cpu_thread_bound_core_seconds += cores(h.cpu.demand - h.cpu.runnable) * seconds;
            t.cpu_throttled_core_seconds += cores(h.cpu.runnable - h.cpu.within_quota) * seconds;
            t.cpu_slowed_core_seconds += cores(h.cpu.within_quota - h.cpu.able) * seconds;
            t.cpu_starved_core_seconds += cores(h.cpu.able - h.cpu.received) * seconds;
            t.cpu_overloaded_host_seconds += if over_cpu { seconds } else { 0.0 };
            t.memory_overloaded_host_seconds += if over_memory { seconds } else { 0.0 };
        });
    }

    fn advance_waits(&mut self, at: u64) {
        let from = std::mem::replace(&mut self.since, at);
        let (pending, host_down) = (self.pending as f64 / 1e9, self.host_down as f64 / 1e9);
        let timeline = &mut self.record.timeline;
        Self::spread(&self.record.edges, from, at, |i, seconds, _| {
            let t = &mut timeline[i];
            t.cpu_demanded_core_seconds += (pending + host_down) * seconds;
            t.cpu_pending_core_seconds += pending * seconds;
            t.cpu_host_down_core_seconds += host_down * seconds;
        });
    }

    fn state(&mut self, host: HostId, at: u64, set: impl FnOnce(&mut HostNow)) {
        self.advance_host(host, at);
        set(&mut self.hosts[host.index()]);
    }
}

impl Observer for Recorder<'_> {
    fn wants(&self) -> Kinds {
        const UNUSED: Kinds =
            Kinds::of(&[Kind::Rate, Kind::Remainder, Kind::Valued, Kind::Abandoned, Kind::CpuFelt, Kind::DaemonCpu]);
        Kinds::ALL.without(UNUSED)
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu, memory, cpu_request, memory_request, attempts } => {
                self.log.load(at, host, cpu, memory);
                self.state(host, at.0, |h| *h = HostNow { cpu, memory, cpu_request, memory_request, attempts, ..*h });
                return;
            }
            Change::Waits { job, why, cpu_nano, .. } => {
                self.advance_waits(at.0);
                let old = match why {
                    Waiting::No => self.waits.remove(job),
                    _ => self.waits.insert(job, (why, cpu_nano)),
                };
                let (old, amount) = old.unwrap_or_default();
                for (why, amount, sign) in [(old, amount, false), (why, cpu_nano, true)] {
                    let sum = match why {
                        Waiting::No => continue,
                        Waiting::Pending => &mut self.pending,
                        Waiting::HostDown => &mut self.host_down,
                    };
                    *sum = if sign { *sum + u128::from(amount) } else { *sum - u128::from(amount) };
                }
                return;
            }
            Change::Rate { .. } | Change::Remainder { .. } | Change::Valued { .. } | Change::Abandoned { .. } => return,
            Change::CpuFelt { .. } | Change::DaemonCpu { .. } => return,
            Change::HostUp { host } => self.state(host, at.0, |h| h.up = true),
            Change::HostDown { host, .. } | Change::HostLeft { host } => self.state(host, at.0, |h| h.up = false),
            Change::Thrash { host, on } => self.state(host, at.0, |h| h.thrash = on),
            Change::Ended { job, attempt, host, why, .. }
                if !matches!(why, EndReason::Finished | EndReason::Removed | EndReason::Stopped) =>
            {
                self.record.ends.push(EndRow { at, job, attempt, host, why });
            }
            Change::AttemptGivenUp { job, host, evicted: true } => {
                self.record.ends.push(EndRow { at, job, attempt: 0, host, why: EndReason::EvictedTaint });
            }
            _ => {}
        }
        // One over the budget is enough to know.
        if self.record.life.len() as u64 <= self.most_changes {
            self.record.life.push((at, *change));
        }
    }

    fn finish(&mut self, end: SimTime) {
        debug_assert!(self.setup.end <= end);
        for host in 0..self.hosts.len() {
            self.advance_host(HostId::from_index(host), end.0);
        }
        self.advance_waits(end.0);
        (self.record.load, self.record.over) = self.log.finish(end);
    }
}
