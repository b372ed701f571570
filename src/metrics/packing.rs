//! Packing: how many hosts it took, and what was left on them that nobody could use.
//!
//! Stranded CPU on a host is free CPU (by requests of live attempts) beyond what its free memory could take at the
//! workload's own ratio of requested memory to requested CPU; stranded memory the other way round. Measured on hosts
//! that hold a job, against what they have.

use std::cmp::Ordering;

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row};
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

#[derive(Clone, Copy, Default)]
struct HostState {
    used: bool,
    cpu: i64,
    memory: i64,
    attempts: u32,
    stranded_cpu: u128,
    stranded_memory: u128,
}

struct Packing {
    capacity: Vec<(i64, i64)>,
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
        let capacity: Vec<(i64, i64)> =
            setup.cluster.ids().map(|h| (setup.cluster.spec(h).cpu.0, setup.cluster.spec(h).memory.0)).collect();
        let w = &setup.workload;
        Packing {
            hosts: vec![HostState::default(); capacity.len()],
            capacity,
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
                let mut new = HostState {
                    used: attempts > 0,
                    cpu: cpu_request,
                    memory: memory_request,
                    attempts,
                    ..HostState::default()
                };
                if (old.cpu, old.memory, old.attempts) == (new.cpu, new.memory, new.attempts) {
                    return;
                }
                if new.used {
                    let free_cpu = (self.capacity[i].0 - cpu_request).max(0) as u128;
                    let free_memory = (self.capacity[i].1 - memory_request).max(0) as u128;
                    (new.stranded_cpu, new.stranded_memory) = stranded(free_cpu, free_memory, self.ratio);
                }
                self.used = self.used + u64::from(new.used) - u64::from(old.used);
                self.cpu += new.cpu - old.cpu;
                self.memory += new.memory - old.memory;
                self.attempts = self.attempts + u64::from(new.attempts) - u64::from(old.attempts);
                self.stranded_cpu.replace(at.0, old.stranded_cpu, new.stranded_cpu);
                self.stranded_memory.replace(at.0, old.stranded_memory, new.stranded_memory);
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
