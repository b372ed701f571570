//! The ledger: every core-second and byte-second demanded, and what became of it.
//!
//! At every moment a job in the system demands CPU: a live attempt what its profile says, a job without one what its
//! next attempt would first demand. From demand down to what is received ([`CpuRates`]) each step says where the rest went.
//! Demanded = served + pending + starved + slowed + throttled + thread-bound + host down; served = useful + lost + duplicate.
//! The second identity is a real check: the left side comes from host sums, the right side from the attempts' own counts.

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, core_seconds, row, share};
use crate::ids::{HostId, JobId, Sparse};
use crate::orchestrator::Options;
use crate::sim::{Change, CpuRates, Kind, Kinds, Observer, Setup, Waiting, Worth};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Ledger::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("cpu_unserved_share", "unserved over demanded CPU: the headline"),
    row("cpu_demanded_core_seconds", "CPU demanded by all jobs in the system"),
    row("cpu_served_core_seconds", "CPU that live attempts received"),
    row("cpu_unserved_core_seconds", "pending + starved + slowed + throttled + thread-bound + host down"),
    row("cpu_pending_core_seconds", "demanded by jobs without a live attempt: queue, back-off, pull, converge"),
    row("cpu_starved_core_seconds", "demanded within quota and taken by neighbours"),
    row("cpu_slowed_core_seconds", "demanded within quota while waiting for file pages, near out of memory"),
    row("cpu_throttled_core_seconds", "demanded above the job's own quota"),
    row("cpu_thread_bound_core_seconds", "demanded above what the job's threads can run at once"),
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
#[repr(align(64))]
struct HostSums {
    cpu: CpuRates,
    memory: i64,
}

struct Ledger {
    hosts: Vec<HostSums>,
    /// Jobs that wait, and what they demand.
    waits: Sparse<(Waiting, u64, i64)>,
    /// By the figures of [`CpuRates`], in their order.
    cpu: [Integral; 5],
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
            waits: Sparse::default(),
            cpu: [Integral::default(); 5],
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

    fn integrals(&mut self) -> impl Iterator<Item = &mut Integral> {
        let waits = [
            &mut self.pending,
            &mut self.host_down,
            &mut self.held,
            &mut self.memory_pending,
            &mut self.memory_host_down,
        ];
        self.cpu.iter_mut().chain(waits)
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
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[
            Kind::HostLoad,
            Kind::Remainder,
            Kind::Waits,
            Kind::Valued,
            Kind::Abandoned,
            Kind::WindowBegins,
        ]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu, memory, .. } => {
                let old = std::mem::replace(&mut self.hosts[host.index()], HostSums { cpu, memory });
                for ((integral, old), new) in self.cpu.iter_mut().zip(old.cpu.figures()).zip(cpu.figures()) {
                    integral.replace(at.0, old.into(), new.into());
                }
                self.held.replace(at.0, old.memory as u128, memory as u128);
            }
            Change::Remainder { cpu, remainder, .. } => {
                // The last microsecond demanded and served only the remainder; the rates counted it in full.
                for (integral, rate) in self.cpu.iter_mut().zip(cpu.figures()) {
                    integral.advance(at.0);
                    integral.sum = integral.sum.wrapping_sub(u128::from(rate - remainder));
                }
            }
            Change::Waits { job, why, cpu_nano, memory } => {
                let old = match why {
                    Waiting::No => self.waits.remove(job),
                    _ => self.waits.insert(job, (why, cpu_nano, memory)),
                }
                .unwrap_or_default();
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

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (_, host)| sum ^ self.hosts[host.index()].memory as u64)
    }

    fn finish(&mut self, end: SimTime) {
        for integral in self.integrals() {
            integral.advance(end.0);
        }
    }
}

impl Family for Ledger {
    fn values(&self) -> Vec<Value> {
        let [demand, runnable, within_quota, able, served] = self.cpu.map(|integral| integral.sum);
        let (pending, host_down) = (self.pending.sum, self.host_down.sum);
        let demanded = demand + pending + host_down;
        let thread_bound = demand - runnable;
        let throttled = runnable - within_quota;
        let slowed = within_quota - able;
        let starved = able - served;
        let unserved = pending + starved + slowed + throttled + thread_bound + host_down;
        let residual = served.abs_diff(self.useful + self.lost + self.duplicate) + demanded.abs_diff(served + unserved);
        let byte_seconds = |sum: u128| Value::Amount(sum as f64 / 1e6);
        vec![
            share(unserved, demanded),
            core_seconds(demanded),
            core_seconds(served),
            core_seconds(unserved),
            core_seconds(pending),
            core_seconds(starved),
            core_seconds(slowed),
            core_seconds(throttled),
            core_seconds(thread_bound),
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
