//! The ledger: every core-second and byte-second demanded, and what became of it.
//!
//! At every moment a job in the system demands CPU: a live attempt what its profile says, a job without one what its
//! next attempt would first demand. With demand d, own quota q and received x: throttled = d - min(d, q), starved =
//! min(d, q) - x. Demanded = served + pending + starved + throttled + host down; served = useful + lost + duplicate.
//! The second identity is a real check: the left side comes from host sums, the right side from the attempts' own counts.

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, core_seconds, row, share};
use crate::orchestrator::Options;
use crate::sim::{Change, Observer, Setup, Waiting, Worth};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Ledger::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("cpu_unserved_share", "unserved over demanded CPU: the headline"),
    row("cpu_demanded_core_seconds", "CPU demanded by all jobs in the system"),
    row("cpu_served_core_seconds", "CPU that live attempts received"),
    row("cpu_unserved_core_seconds", "pending + starved + throttled + host down"),
    row("cpu_pending_core_seconds", "demanded by jobs without a live attempt: queue, back-off, pull, converge"),
    row("cpu_starved_core_seconds", "demanded within quota and taken by neighbours"),
    row("cpu_throttled_core_seconds", "demanded above the job's own quota"),
    row("cpu_host_down_core_seconds", "demanded by jobs whose host fell, until it is back or the attempt is given up"),
    row("cpu_useful_core_seconds", "served work that counted"),
    row("cpu_lost_core_seconds", "served work of batch jobs that a kill or a loss threw away"),
    row("duplicate_core_seconds", "served work that another attempt had done or was doing"),
    row("cpu_abandoned_core_seconds", "work of batch jobs that was not done when the run ended"),
    row("ledger_residual_nano_core_us", "what the ledger's identities are off by; always 0"),
    row("memory_demanded_byte_seconds", "memory demanded by all jobs in the system"),
    row("memory_held_byte_seconds", "memory that live attempts used"),
    row("memory_pending_byte_seconds", "first memory of the next attempt of jobs that waited"),
    row("memory_host_down_byte_seconds", "the same of jobs whose host was down"),
];

#[derive(Clone, Copy, Default)]
struct HostSums {
    demand: u64,
    within_quota: u64,
    received: u64,
    memory: i64,
}

struct Ledger {
    hosts: Vec<HostSums>,
    waits: Vec<(Waiting, u64, i64)>,
    demand: Integral,
    within_quota: Integral,
    received: Integral,
    pending: Integral,
    host_down: Integral,
    held: Integral,
    memory_pending: Integral,
    memory_host_down: Integral,
    useful: u128,
    lost: u128,
    duplicate: u128,
    abandoned: u128,
}

impl Ledger {
    fn new(setup: &Setup) -> Self {
        Ledger {
            hosts: vec![HostSums::default(); setup.cluster.len()],
            waits: vec![(Waiting::No, 0, 0); setup.workload.len()],
            demand: Integral::default(),
            within_quota: Integral::default(),
            received: Integral::default(),
            pending: Integral::default(),
            host_down: Integral::default(),
            held: Integral::default(),
            memory_pending: Integral::default(),
            memory_host_down: Integral::default(),
            useful: 0,
            lost: 0,
            duplicate: 0,
            abandoned: 0,
        }
    }

    fn integrals(&mut self) -> [&mut Integral; 8] {
        [
            &mut self.demand,
            &mut self.within_quota,
            &mut self.received,
            &mut self.pending,
            &mut self.host_down,
            &mut self.held,
            &mut self.memory_pending,
            &mut self.memory_host_down,
        ]
    }

    fn wait(&mut self, at: u64, why: Waiting, cpu: u64, memory: i64, add: bool) {
        let (a, b) = match why {
            Waiting::No => return,
            Waiting::Pending => (&mut self.pending, &mut self.memory_pending),
            Waiting::HostDown => (&mut self.host_down, &mut self.memory_host_down),
        };
        let (cpu, memory) = (u128::from(cpu), memory as u128);
        if add {
            a.replace(at, 0, cpu);
            b.replace(at, 0, memory);
        } else {
            a.replace(at, cpu, 0);
            b.replace(at, memory, 0);
        }
    }
}

impl Observer for Ledger {
    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, demand, within_quota, received, memory, .. } => {
                let now = HostSums { demand, within_quota, received, memory };
                let old = std::mem::replace(&mut self.hosts[host.index()], now);
                self.demand.replace(at.0, old.demand.into(), demand.into());
                self.within_quota.replace(at.0, old.within_quota.into(), within_quota.into());
                self.received.replace(at.0, old.received.into(), received.into());
                self.held.replace(at.0, old.memory as u128, memory as u128);
            }
            Change::Remainder { demand, within_quota, received, remainder, .. } => {
                // The last microsecond demanded and served only the remainder; the rates counted it in full.
                for (integral, rate) in
                    [(&mut self.demand, demand), (&mut self.within_quota, within_quota), (&mut self.received, received)]
                {
                    integral.advance(at.0);
                    integral.sum = integral.sum.wrapping_sub(u128::from(rate - remainder));
                }
            }
            Change::Waits { job, why, cpu_nano, memory } => {
                let old = std::mem::replace(&mut self.waits[job.index()], (why, cpu_nano, memory));
                self.wait(at.0, old.0, old.1, old.2, false);
                self.wait(at.0, why, cpu_nano, memory, true);
            }
            Change::Valued { worth, amount, .. } => match worth {
                Worth::Useful => self.useful += amount,
                Worth::Lost => self.lost += amount,
                Worth::Duplicate => self.duplicate += amount,
                Worth::BeforeWindow => {}
            },
            Change::Abandoned { amount, .. } => self.abandoned += amount,
            Change::WindowBegins => {
                for integral in self.integrals() {
                    integral.reset(at.0);
                }
                (self.useful, self.lost, self.duplicate) = (0, 0, 0);
            }
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        for integral in self.integrals() {
            integral.advance(end.0);
        }
    }
}

impl Family for Ledger {
    fn values(&self) -> Vec<Value> {
        let (served, pending, host_down) = (self.received.sum, self.pending.sum, self.host_down.sum);
        let demanded = self.demand.sum + pending + host_down;
        let throttled = self.demand.sum - self.within_quota.sum;
        let starved = self.within_quota.sum - served;
        let unserved = pending + starved + throttled + host_down;
        let residual = served.abs_diff(self.useful + self.lost + self.duplicate) + demanded.abs_diff(served + unserved);
        let byte_seconds = |sum: u128| Value::Amount(sum as f64 / 1e6);
        vec![
            share(unserved, demanded),
            core_seconds(demanded),
            core_seconds(served),
            core_seconds(unserved),
            core_seconds(pending),
            core_seconds(starved),
            core_seconds(throttled),
            core_seconds(host_down),
            core_seconds(self.useful),
            core_seconds(self.lost),
            core_seconds(self.duplicate),
            core_seconds(self.abandoned),
            Value::Count(u64::try_from(residual).unwrap_or(u64::MAX)),
            byte_seconds(self.held.sum + self.memory_pending.sum + self.memory_host_down.sum),
            byte_seconds(self.held.sum),
            byte_seconds(self.memory_pending.sum),
            byte_seconds(self.memory_host_down.sum),
        ]
    }
}
