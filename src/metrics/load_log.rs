//! The load of hosts step by step, and when it was more than they have: exact, within a budget of steps.

use crate::ids::HostId;
use crate::sim::{CpuRates, Setup};
use crate::units::SimTime;

/// From this moment on a host is asked for this much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadStep {
    /// Since when.
    pub at: SimTime,
    /// Of which host.
    pub host: HostId,
    /// CPU demanded within quotas, nano-cores.
    pub cpu_nano: u64,
    /// Memory in use by jobs, bytes.
    pub memory: i64,
}

/// What a host can lack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lack {
    /// CPU demanded within quotas is above its CPU.
    Cpu,
    /// Memory in use by jobs is above what they may use.
    Memory,
}

/// A host was over its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverRow {
    /// Which host.
    pub host: HostId,
    /// What it lacked.
    pub lack: Lack,
    /// Since when.
    pub from: SimTime,
    /// Until when.
    pub to: SimTime,
}

/// Most steps that are kept of a run; with more there are none, and reports draw stretches.
const MOST_STEPS: usize = 400_000;

/// Watches the load of hosts.
pub(super) struct LoadLog {
    capacity: Vec<(u64, i64)>,
    /// The last step of each host.
    last: Vec<Option<u32>>,
    over_since: Vec<[Option<SimTime>; 2]>,
    steps: Option<Vec<LoadStep>>,
    over: Vec<OverRow>,
}

impl LoadLog {
    /// Nothing seen yet.
    pub fn new(setup: &Setup) -> Self {
        let spec = |host| setup.cluster.spec(host);
        let capacity: Vec<_> =
            setup.cluster.ids().map(|host| (spec(host).cpu.nano_cores(), spec(host).memory.0)).collect();
        LoadLog {
            last: vec![None; capacity.len()],
            over_since: vec![[None; 2]; capacity.len()],
            capacity,
            steps: Some(Vec::new()),
            over: Vec::new(),
        }
    }

    /// A host is asked for this much from now on.
    pub fn load(&mut self, at: SimTime, host: HostId, cpu: CpuRates, memory: i64) {
        let i = host.index();
        let (cores, bytes) = self.capacity[i];
        let now = [(Lack::Cpu, cpu.within_quota > cores), (Lack::Memory, memory > bytes)];
        for (since, (lack, over)) in self.over_since[i].iter_mut().zip(now) {
            match (*since, over) {
                (None, true) => *since = Some(at),
                (Some(from), false) => {
                    *since = None;
                    // Several things may happen at one instant; what lasts no time is not seen.
                    if from < at {
                        self.over.push(OverRow { host, lack, from, to: at });
                    }
                }
                _ => {}
            }
        }
        self.step(LoadStep { at, host, cpu_nano: cpu.within_quota, memory });
    }

    fn step(&mut self, step: LoadStep) {
        let Some(steps) = &mut self.steps else { return };
        let last = &mut self.last[step.host.index()];
        if let Some(before) = last.map(|i| &mut steps[i as usize]) {
            if before.at == step.at {
                *before = step;
                return;
            }
            if (before.cpu_nano, before.memory) == (step.cpu_nano, step.memory) {
                return;
            }
        }
        if steps.len() == MOST_STEPS {
            self.steps = None;
            return;
        }
        *last = Some(steps.len() as u32);
        steps.push(step);
    }

    /// The steps in order of time, unless there were too many; and when hosts were over their line, in order of ends.
    pub fn finish(&mut self, end: SimTime) -> (Option<Vec<LoadStep>>, Vec<OverRow>) {
        for (i, since) in self.over_since.iter_mut().enumerate() {
            for (lack, since) in [Lack::Cpu, Lack::Memory].into_iter().zip(since) {
                if let Some(from) = since.take().filter(|from| *from < end) {
                    self.over.push(OverRow { host: HostId::from_index(i), lack, from, to: end });
                }
            }
        }
        (self.steps.take(), std::mem::take(&mut self.over))
    }
}
