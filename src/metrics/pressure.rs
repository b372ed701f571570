//! Pressure: how jobs and hosts feel the lack of CPU: throttled periods, waiting for neighbours, starved daemons.
//!
//! After `cpu.stat` and pressure stall information (`cpu.pressure`) of cgroup v2. All but the averages are exact integrals;
//! the averages are those of the kernel, every 2 s `avg * e^(-2/T) + sample * (1 - e^(-2/T))`, worked out in closed form
//! for stretches that stay the same. They are reported and decide nothing.

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row, seconds};
use crate::host::felt::CpuFelt;
use crate::host::kubelet::conversion::PERIOD_US;
use crate::ids::{HostId, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::{SECOND_US, SimTime};

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Pressure::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("cpu_periods", "periods of 100 ms of groups with a CPU quota that wanted to run (nr_periods, at most)"),
    row("cpu_throttled_periods", "of those, throttled for certain: more than 1.25 of the quota wanted (nr_throttled)"),
    row("cpu_perhaps_throttled_periods", "of those, within 0.9 to 1.25 of the quota: any part may be throttled"),
    row("cpu_throttled_queue_seconds", "time in which run queues held throttled threads (throttled_usec)"),
    row("cpu_pressure_host_seconds", "host time in which some job waited for CPU (pressure stall information)"),
    row("cpu_pressure_job_seconds", "time that jobs waited for CPU: 1 - received/able, over time, summed"),
    row("cpu_pressure_avg10_max", "highest 10 s average of the share of time with some job waiting, on any host"),
    row("cpu_pressure_avg60_max", "the same over 60 s"),
    row("cpu_pressure_avg300_max", "the same over 300 s"),
    row("daemon_starved_host_seconds", "host time in which a daemon got less CPU than it needs"),
];

/// The kernel looks at pressure every 2 s.
const SAMPLE_US: u64 = 2 * SECOND_US;
/// Its averages, seconds.
const WINDOWS: [f64; 3] = [10.0, 60.0, 300.0];

/// A host's averages.
#[derive(Clone, Copy, Default)]
struct Averages {
    /// Whether some job waits now.
    some: bool,
    since: u64,
    /// Time with some job waiting since the last sample.
    stalled_us: u64,
    now: [f64; 3],
    most: [f64; 3],
}

impl Averages {
    fn advance(&mut self, at: u64) {
        while self.since < at {
            let next = (self.since / SAMPLE_US + 1) * SAMPLE_US;
            let whole = (at - self.since) / SAMPLE_US;
            if self.since.is_multiple_of(SAMPLE_US) && whole > 0 {
                self.sample(if self.some { 1.0 } else { 0.0 }, whole);
                self.since += whole * SAMPLE_US;
            } else {
                let to = next.min(at);
                self.stalled_us += if self.some { to - self.since } else { 0 };
                self.since = to;
                if to == next {
                    let stalled = std::mem::take(&mut self.stalled_us);
                    self.sample(stalled as f64 / SAMPLE_US as f64, 1);
                }
            }
        }
    }

    /// `times` samples of `x` in a row.
    fn sample(&mut self, x: f64, times: u64) {
        for (i, window) in WINDOWS.iter().enumerate() {
            let decay = libm::exp(-2.0 * times as f64 / window);
            self.now[i] = self.now[i] * decay + x * (1.0 - decay);
            self.most[i] = self.most[i].max(self.now[i]);
        }
    }
}

struct Pressure {
    /// Nano-cores of each host, and whether some job waits there now.
    hosts: Vec<(u64, bool)>,
    felt: Vec<CpuFelt>,
    /// By the figures of [`CpuFelt`], in their order.
    sums: [Integral; 5],
    some: Integral,
    averages: Vec<Averages>,
    /// Daemons starved on each host.
    daemons: Vec<u32>,
    starved: Integral,
}

impl Pressure {
    fn new(setup: &Setup) -> Self {
        let n = setup.cluster.len();
        Pressure {
            hosts: setup.cluster.ids().map(|h| (setup.cluster.spec(h).cpu.nano_cores(), false)).collect(),
            felt: vec![CpuFelt::default(); n],
            sums: [Integral::default(); 5],
            some: Integral::default(),
            averages: vec![Averages::default(); n],
            daemons: vec![0; n],
            starved: Integral::default(),
        }
    }

    fn integrals(&mut self) -> impl Iterator<Item = &mut Integral> {
        self.sums.iter_mut().chain([&mut self.some, &mut self.starved])
    }
}

impl Observer for Pressure {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[Kind::HostLoad, Kind::CpuFelt, Kind::DaemonStarved, Kind::WindowBegins]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::HostLoad { host, cpu, .. } => {
                let (capacity, before) = &mut self.hosts[host.index()];
                let some = cpu.able > *capacity;
                if std::mem::replace(before, some) != some {
                    let averages = &mut self.averages[host.index()];
                    averages.advance(at.0);
                    averages.some = some;
                    self.some.replace(at.0, u128::from(!some), u128::from(some));
                }
            }
            Change::CpuFelt { host, felt } => {
                let old = std::mem::replace(&mut self.felt[host.index()], felt);
                for ((sum, old), new) in self.sums.iter_mut().zip(old.figures()).zip(felt.figures()) {
                    sum.replace(at.0, old.into(), new.into());
                }
            }
            Change::DaemonStarved { host, on, .. } => {
                let daemons = &mut self.daemons[host.index()];
                let old = u128::from(*daemons > 0);
                *daemons = if on { *daemons + 1 } else { *daemons - 1 };
                self.starved.replace(at.0, old, u128::from(*daemons > 0));
            }
            Change::WindowBegins => {
                for integral in self.integrals() {
                    integral.reset(at.0);
                }
                for averages in &mut self.averages {
                    averages.advance(at.0);
                    averages.most = averages.now;
                }
            }
            _ => {}
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        soon.iter().fold(0, |sum, (_, host)| sum ^ self.hosts[host.index()].0)
    }

    fn finish(&mut self, end: SimTime) {
        for integral in self.integrals() {
            integral.advance(end.0);
        }
        for averages in &mut self.averages {
            averages.advance(end.0);
        }
    }
}

impl Family for Pressure {
    fn values(&self) -> Vec<Value> {
        let [limited, throttled, perhaps, queues, waiting] = self.sums.map(|sum| sum.sum);
        let periods = |us: u128| Value::Amount(us as f64 / PERIOD_US as f64);
        // Billionths of a second a second.
        let nano_seconds = |sum: u128| Value::Amount(sum as f64 / 1e15);
        let most = |i: usize| Value::Amount(self.averages.iter().map(|a| a.most[i]).fold(0.0, f64::max));
        vec![
            periods(limited),
            periods(throttled),
            periods(perhaps),
            nano_seconds(queues),
            seconds(self.some.sum),
            nano_seconds(waiting),
            most(0),
            most(1),
            most(2),
            seconds(self.starved.sum),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The closed form is what sampling every 2 s gives.
    #[test]
    fn averages_in_closed_form_are_those_of_every_sample() {
        // Waiting from 3 to 25 s and from 31.5 to 32 s, seen to 60 s.
        let flips = [(0, false), (3_000_000, true), (25_000_000, false), (31_500_000, true), (32_000_000, false)];
        let mut closed = Averages::default();
        for (at, some) in flips {
            closed.advance(at);
            closed.some = some;
        }
        closed.advance(60_000_000);
        let (mut now, mut most) = ([0.0f64; 3], [0.0f64; 3]);
        for sample in 0..30u64 {
            let waits = |ms: u64| (3_000..25_000).contains(&ms) || (31_500..32_000).contains(&ms);
            let x = (sample * 2000..sample * 2000 + 2000).filter(|&ms| waits(ms)).count() as f64 / 2000.0;
            for (i, window) in WINDOWS.iter().enumerate() {
                let decay = libm::exp(-2.0 / window);
                now[i] = now[i] * decay + x * (1.0 - decay);
                most[i] = most[i].max(now[i]);
            }
        }
        for i in 0..3 {
            assert!((closed.now[i] - now[i]).abs() < 1e-12 && (closed.most[i] - most[i]).abs() < 1e-12);
        }
    }
}
