//! Packing: how many hosts it took, and what was left on them that nobody could use.
//!
//! Stranded CPU on a host is free CPU (by requests of live attempts) beyond what its free memory could take at the
//! workload's own ratio of requested memory to requested CPU; stranded memory the other way round. Measured on hosts
//! that hold a job, against what they have.

use std::cmp::Ordering;

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row};
use crate::ids::{HostId, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Packing::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("hosts_used_max", "most hosts with a live attempt at one instant"),
    row("cpu_stranded_core_mean", "free CPU on used hosts that their free memory could not match, mean over time"),
    row("memory_stranded_bytes_mean", "free memory on used hosts that their free CPU could not match, mean over time"),
    row("cpu_requested_peak_milli", "highest sum of CPU requests of live attempts"),
    row("memory_requested_peak_bytes", "highest sum of memory requests of live attempts"),
    row("concurrent_jobs_peak", "most live attempts at one instant"),
];

/// A host in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct HostState {
    cpu_capacity: i64,
    memory_capacity: i64,
    cpu: i64,
    memory: i64,
    /// No more than is free.
    stranded_cpu: u64,
    stranded_memory: u64,
    attempts: u32,
}

const _: () = assert!(size_of::<HostState>() == 64);

struct Packing {
    /// The workload's requested memory (bytes) and CPU (milli), summed.
    ratio: (u128, u128),
    hosts: Vec<HostState>,
    used: u64,
    cpu: i64,
    memory: i64,
    attempts: u64,
    peaks: (u64, i64, i64, u64),
    stranded_cpu: Integral,
    stranded_memory: Integral,
    since: u64,
    window: u64,
    end: u64,
}

impl Packing {
    fn new(setup: &Setup) -> Self {
        let host = |host| HostState {
            cpu_capacity: setup.cluster.spec(host).cpu.0,
            memory_capacity: setup.cluster.spec(host).memory.0,
            cpu: 0,
            memory: 0,
            stranded_cpu: 0,
            stranded_memory: 0,
            attempts: 0,
        };
        let w = &setup.workload;
        Packing {
            hosts: setup.cluster.ids().map(host).collect(),
            ratio: (
                w.ids().map(|j| w.memory_request(j).0 as u128).sum(),
                w.ids().map(|j| w.cpu_request(j).0 as u128).sum(),
            ),
            used: 0,
            cpu: 0,
            memory: 0,
            attempts: 0,
            peaks: (0, 0, 0, 0),
            stranded_cpu: Integral::default(),
            stranded_memory: Integral::default(),
            since: 0,
            window: 0,
            end: 0,
        }
    }

    /// Peaks count only where time passes.
    fn advance(&mut self, at: u64) {
        if at > self.since {
            self.since = at;
            let p = &mut self.peaks;
            *p = (p.0.max(self.used), p.1.max(self.cpu), p.2.max(self.memory), p.3.max(self.attempts));
        }
    }
}

/// CPU and memory of what is free that the other's free part could not match at a workload's requested memory and CPU.
fn stranded(free_cpu: u128, free_memory: u128, (memory_sum, cpu_sum): (u128, u128)) -> (u128, u128) {
    if memory_sum == 0 || cpu_sum == 0 {
        return (0, 0);
    }
    // At most one of them is stranded, and which one takes no division: floor(x) < n just where x < n.
    let (by_memory, by_cpu) = (free_memory * cpu_sum, free_cpu * memory_sum);
    match by_memory.cmp(&by_cpu) {
        Ordering::Less => (free_cpu - by_memory / memory_sum, 0),
        Ordering::Equal => (0, 0),
        Ordering::Greater => (0, free_memory - by_cpu / cpu_sum),
    }
}

impl Observer for Packing {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[Kind::HostLoad, Kind::WindowBegins]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu_request, memory_request, attempts, .. } => {
                self.advance(at.0);
                let i = host.index();
                let old = self.hosts[i];
                if (old.cpu, old.memory, old.attempts) == (cpu_request, memory_request, attempts) {
                    return;
                }
                let (mut stranded_cpu, mut stranded_memory) = (0, 0);
                if attempts > 0 {
                    let free_cpu = (old.cpu_capacity - cpu_request).max(0) as u128;
                    let free_memory = (old.memory_capacity - memory_request).max(0) as u128;
                    let (cpu, memory) = stranded(free_cpu, free_memory, self.ratio);
                    (stranded_cpu, stranded_memory) = (cpu as u64, memory as u64);
                }
                self.used = self.used + u64::from(attempts > 0) - u64::from(old.attempts > 0);
                self.cpu += cpu_request - old.cpu;
                self.memory += memory_request - old.memory;
                self.attempts = self.attempts + u64::from(attempts) - u64::from(old.attempts);
                self.stranded_cpu.replace(at.0, old.stranded_cpu.into(), stranded_cpu.into());
                self.stranded_memory.replace(at.0, old.stranded_memory.into(), stranded_memory.into());
                let new = HostState {
                    cpu: cpu_request,
                    memory: memory_request,
                    attempts,
                    stranded_cpu,
                    stranded_memory,
                    ..old
                };
                self.hosts[i] = new;
            }
            Change::WindowBegins => {
                self.advance(at.0);
                self.peaks = (0, 0, 0, 0);
                self.stranded_cpu.reset(at.0);
                self.stranded_memory.reset(at.0);
                self.window = at.0;
            }
            _ => {}
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (_, host)| sum ^ self.hosts[host.index()].stranded_cpu)
    }

    fn finish(&mut self, end: SimTime) {
        self.advance(end.0);
        self.stranded_cpu.advance(end.0);
        self.stranded_memory.advance(end.0);
        self.end = end.0;
    }
}

impl Family for Packing {
    fn values(&self) -> Vec<Value> {
        let span = (self.end - self.window) as f64;
        let mean = |sum: u128, unit: f64| {
            if span == 0.0 { Value::Undefined } else { Value::Amount(sum as f64 / span / unit) }
        };
        vec![
            Value::Count(self.peaks.0),
            mean(self.stranded_cpu.sum, 1000.0),
            mean(self.stranded_memory.sum, 1.0),
            Value::Count(self.peaks.1 as u64),
            Value::Count(self.peaks.2 as u64),
            Value::Count(self.peaks.3),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn what_is_stranded_is_what_two_divisions_say() {
        let mut s = Seed(1).stream(Purpose::Shape, 80);
        let mut seen = [false; 2];
        for _ in 0..20_000 {
            let mut draw = |most: u64| u128::from(s.below(most));
            let (cpu, memory) = (draw(2_000), draw(64 << 30));
            let sums = (draw(1 << 50) * draw(2), draw(1 << 30) * draw(2));
            let (cpu, memory) = if draw(2) == 0 { (cpu, memory) } else { (cpu % 7, memory % 7) };
            let plain = if sums.0 > 0 && sums.1 > 0 {
                (cpu.saturating_sub(memory * sums.1 / sums.0), memory.saturating_sub(cpu * sums.0 / sums.1))
            } else {
                (0, 0)
            };
            assert_eq!(stranded(cpu, memory, sums), plain);
            seen = [seen[0] | (plain.0 > 0), seen[1] | (plain.1 > 0)];
        }
        assert_eq!(seen, [true; 2]);
    }
}
