//! Overload: hosts that were asked for more than they have.

use super::{Family, FamilyInfo, MetricInfo, Value, row, seconds};
use crate::ids::{HostId, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Overload::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("cpu_overloaded_host_seconds", "host time with CPU demand within quotas above capacity"),
    row("cpu_overload_depth_max", "highest (demand within quotas - capacity) / capacity on any host"),
    row("memory_overcommitted_host_seconds", "host time with memory requests of live attempts above capacity"),
    row("memory_overloaded_host_seconds", "host time with memory of jobs above what they may use"),
    row("memory_overload_depth_max", "highest (memory in use - capacity) / capacity on any host"),
    row("worst_host_overloaded_seconds", "time that the worst host was overloaded in CPU or memory"),
    row("hosts_overloaded", "hosts that were overloaded in CPU or memory at any time"),
];

/// A host in one line of the cache; what it has in nano-cores and bytes.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct HostState {
    cpu_capacity: u64,
    memory_capacity: i64,
    cpu: bool,
    overcommitted: bool,
    memory: bool,
    since: u64,
    overloaded_us: u64,
}

struct Overload {
    hosts: Vec<HostState>,
    cpu_us: u128,
    overcommitted_us: u128,
    memory_us: u128,
    /// Highest depths so far in parts per 10^9.
    cpu_depth: u64,
    memory_depth: u64,
}

impl Overload {
    fn new(setup: &Setup) -> Self {
        let host = |host| HostState {
            cpu_capacity: setup.cluster.spec(host).cpu.nano_cores(),
            memory_capacity: setup.cluster.spec(host).memory.0,
            ..HostState::default()
        };
        Overload {
            hosts: setup.cluster.ids().map(host).collect(),
            cpu_us: 0,
            overcommitted_us: 0,
            memory_us: 0,
            cpu_depth: 0,
            memory_depth: 0,
        }
    }

    fn advance(&mut self, host: usize, at: u64) {
        let h = &mut self.hosts[host];
        let dt = at - h.since;
        h.since = at;
        self.cpu_us += if h.cpu { dt.into() } else { 0 };
        self.overcommitted_us += if h.overcommitted { dt.into() } else { 0 };
        self.memory_us += if h.memory { dt.into() } else { 0 };
        h.overloaded_us += if h.cpu || h.memory { dt } else { 0 };
    }

    fn depth(used: u128, capacity: u128) -> u64 {
        u64::try_from(used.saturating_sub(capacity) * 1_000_000_000 / capacity.max(1)).unwrap_or(u64::MAX)
    }
}

impl Observer for Overload {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[Kind::HostLoad, Kind::WindowBegins]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu: rates, memory, memory_request, .. } => {
                let i = host.index();
                self.advance(i, at.0);
                let h = &mut self.hosts[i];
                let (cpu, bytes) = (h.cpu_capacity, h.memory_capacity);
                h.cpu = rates.within_quota > cpu;
                h.overcommitted = memory_request > bytes;
                h.memory = memory > bytes;
                if h.cpu {
                    self.cpu_depth = self.cpu_depth.max(Self::depth(rates.within_quota.into(), cpu.into()));
                }
                if h.memory {
                    self.memory_depth = self.memory_depth.max(Self::depth(memory as u128, bytes as u128));
                }
            }
            Change::WindowBegins => {
                for i in 0..self.hosts.len() {
                    self.advance(i, at.0);
                    self.hosts[i].overloaded_us = 0;
                }
                (self.cpu_us, self.overcommitted_us, self.memory_us) = (0, 0, 0);
                (self.cpu_depth, self.memory_depth) = (0, 0);
            }
            _ => {}
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (_, host)| sum ^ self.hosts[host.index()].since)
    }

    fn finish(&mut self, end: SimTime) {
        for i in 0..self.hosts.len() {
            self.advance(i, end.0);
        }
    }
}

impl Family for Overload {
    fn values(&self) -> Vec<Value> {
        let worst = self.hosts.iter().map(|h| h.overloaded_us).max().unwrap_or(0);
        let depth = |parts: u64| Value::Amount(parts as f64 / 1e9);
        vec![
            seconds(self.cpu_us),
            depth(self.cpu_depth),
            seconds(self.overcommitted_us),
            seconds(self.memory_us),
            depth(self.memory_depth),
            seconds(worst.into()),
            Value::Count(self.hosts.iter().filter(|h| h.overloaded_us > 0).count() as u64),
        ]
    }
}
