//! Utilisation: how much of the cluster was requested and used, and how evenly.

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row, share};
use crate::ids::{HostId, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Utilisation::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("cpu_requested_share_mean", "CPU requests of live attempts over the CPU of hosts that are up, over time"),
    row("cpu_requested_share_peak", "highest CPU requests of live attempts over all CPU"),
    row("cpu_used_share_mean", "CPU received over the CPU of hosts that are up, over time"),
    row("cpu_used_share_peak", "highest CPU received over all CPU"),
    row("memory_requested_share_mean", "memory requests of live attempts over the memory of hosts that are up"),
    row("memory_requested_share_peak", "highest memory requests of live attempts over all memory"),
    row("memory_used_share_mean", "memory in use over the memory of hosts that are up"),
    row("memory_used_share_peak", "highest memory in use over all memory"),
    row("cpu_imbalance_mean", "coefficient of variation of CPU demand/capacity over hosts that are up, mean over time"),
];

/// A host in one line of the cache: CPU in nano-cores (requests in thousandths of a core), memory in bytes.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct HostState {
    cpu_capacity: u64,
    memory_capacity: i64,
    cpu_request: i64,
    received: u64,
    memory_request: i64,
    memory: i64,
    /// Demand within quotas over capacity, parts per million. A host has a thousandth of a core at least.
    load: u64,
    up: bool,
}

const _: () = assert!(size_of::<HostState>() == 64);

struct Utilisation {
    hosts: Vec<HostState>,
    sums: [Integral; 4],
    peaks: [u128; 4],
    cpu_up: Integral,
    memory_up: Integral,
    hosts_up: u128,
    load_sum: u128,
    load_squares: u128,
    imbalance: f64,
    imbalance_us: u64,
    since: u64,
}

impl Utilisation {
    fn new(setup: &Setup) -> Self {
        let host = |host| HostState {
            cpu_capacity: setup.cluster.spec(host).cpu.nano_cores(),
            memory_capacity: setup.cluster.spec(host).memory.0,
            cpu_request: 0,
            received: 0,
            memory_request: 0,
            memory: 0,
            load: 0,
            up: false,
        };
        Utilisation {
            hosts: setup.cluster.ids().map(host).collect(),
            sums: [Integral::default(); 4],
            peaks: [0; 4],
            cpu_up: Integral::default(),
            memory_up: Integral::default(),
            hosts_up: 0,
            load_sum: 0,
            load_squares: 0,
            imbalance: 0.0,
            imbalance_us: 0,
            since: 0,
        }
    }

    /// Closes the imbalance up to `at`. Peaks are taken here, so that sums that stand for no time do not count.
    fn advance(&mut self, at: u64) {
        let dt = at - self.since;
        if dt == 0 {
            return;
        }
        self.since = at;
        for (peak, sum) in self.peaks.iter_mut().zip(&self.sums) {
            *peak = (*peak).max(sum.rate);
        }
        if self.load_sum > 0 {
            // Variance over hosts: (n Σx² - (Σx)²) / n²; over the mean: sqrt(n Σx² - (Σx)²) / Σx.
            let spread = self.hosts_up * self.load_squares - self.load_sum * self.load_sum;
            self.imbalance += (spread as f64).sqrt() / self.load_sum as f64 * dt as f64;
            self.imbalance_us += dt;
        }
    }

    fn set_up(&mut self, host: usize, at: u64, up: bool) {
        if self.hosts[host].up != up {
            self.advance(at);
            let h = &self.hosts[host];
            let (cpu, memory) = (u128::from(h.cpu_capacity), h.memory_capacity as u128);
            let (old, new) = if up { (0, 1) } else { (1, 0) };
            self.cpu_up.replace(at, cpu * old, cpu * new);
            self.memory_up.replace(at, memory * old, memory * new);
            self.hosts_up = self.hosts_up + new - old;
            self.hosts[host].up = up;
        }
    }
}

impl Observer for Utilisation {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds =
            Kinds::of(&[Kind::HostLoad, Kind::HostUp, Kind::HostDown, Kind::HostLeft, Kind::WindowBegins]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu, memory, cpu_request, memory_request, .. } => {
                let i = host.index();
                self.advance(at.0);
                let old = self.hosts[i];
                let new = HostState {
                    cpu_request,
                    received: cpu.received,
                    memory_request,
                    memory,
                    load: match cpu.within_quota.checked_mul(1_000_000) {
                        Some(parts) => parts / old.cpu_capacity,
                        None => (u128::from(cpu.within_quota) * 1_000_000 / u128::from(old.cpu_capacity)) as u64,
                    },
                    ..old
                };
                let nano = |milli: i64| milli as u128 * 1_000_000;
                let old_new = [
                    (nano(old.cpu_request), nano(new.cpu_request)),
                    (old.received.into(), new.received.into()),
                    (old.memory_request as u128, new.memory_request as u128),
                    (old.memory as u128, new.memory as u128),
                ];
                for (sum, (old, new)) in self.sums.iter_mut().zip(old_new) {
                    sum.replace(at.0, old, new);
                }
                if old.load != new.load {
                    let (old, new) = (u128::from(old.load), u128::from(new.load));
                    self.load_sum = self.load_sum - old + new;
                    self.load_squares = self.load_squares - old * old + new * new;
                }
                self.hosts[i] = new;
            }
            Change::HostUp { host } => self.set_up(host.index(), at.0, true),
            Change::HostDown { host, .. } | Change::HostLeft { host } => self.set_up(host.index(), at.0, false),
            Change::WindowBegins => {
                self.advance(at.0);
                for integral in self.sums.iter_mut().chain([&mut self.cpu_up, &mut self.memory_up]) {
                    integral.reset(at.0);
                }
                self.peaks = [0; 4];
                (self.imbalance, self.imbalance_us) = (0.0, 0);
            }
            _ => {}
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (_, host)| sum ^ self.hosts[host.index()].load)
    }

    fn finish(&mut self, end: SimTime) {
        self.advance(end.0);
        for integral in self.sums.iter_mut().chain([&mut self.cpu_up, &mut self.memory_up]) {
            integral.advance(end.0);
        }
    }
}

impl Family for Utilisation {
    fn values(&self) -> Vec<Value> {
        let all_cpu: u128 = self.hosts.iter().map(|h| u128::from(h.cpu_capacity)).sum();
        let all_memory: u128 = self.hosts.iter().map(|h| h.memory_capacity as u128).sum();
        let mut values = Vec::new();
        for (i, sum) in self.sums.iter().enumerate() {
            let (up, all) = if i < 2 { (self.cpu_up.sum, all_cpu) } else { (self.memory_up.sum, all_memory) };
            values.push(share(sum.sum, up));
            values.push(share(self.peaks[i], all));
        }
        values.push(if self.imbalance_us == 0 {
            Value::Undefined
        } else {
            Value::Amount(self.imbalance / self.imbalance_us as f64)
        });
        values
    }
}
