//! GPUs: how much of them live attempts hold, and how much of the rest a job drawn from the workload could not use.
//!
//! Fragmentation is F of [`crate::placement::fragmentation`], summed over hosts, with what live attempts hold and request. All GPUs of the
//! cluster count, whether their hosts are up or not. Absent where no host has a GPU.

use std::collections::BTreeMap;

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row, share};
use crate::cluster::Devices;
use crate::ids::{HostId, JobId};
use crate::orchestrator::Options;
use crate::placement::fragmentation::Typical;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Gpu::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("gpu_allocated_share_mean", "GPU held by live attempts over all GPU, mean over time"),
    row("gpu_allocated_share_end", "GPU held by live attempts over all GPU, at the end"),
    row(
        "gpu_fragmented_share_mean",
        "GPU that a job drawn from the workload could not use, over all GPU, mean over time",
    ),
    row("gpu_fragmented_share_end", "GPU that a job drawn from the workload could not use, over all GPU, at the end"),
    row(
        "gpu_fragmented_of_idle_share_end",
        "GPU that a job drawn from the workload could not use, over idle GPU, at the end",
    ),
];

/// Parts of a thousandth of a GPU in which fragmentation is added up.
const PARTS: f64 = 1e6;

/// Who holds which GPU, and how fragmented what is left is.
pub(super) struct GpuBooks<'a> {
    setup: &'a Setup,
    devices: Devices,
    held: BTreeMap<(JobId, HostId), Vec<u16>>,
    /// The GPU that the attempt which begins next has been given.
    picked: Option<u16>,
    cpu: Vec<i64>,
    changed: Vec<bool>,
    typical: Typical,
    fragmented: Vec<f64>,
    allocated: u64,
}

impl<'a> GpuBooks<'a> {
    /// Nothing is held.
    pub fn new(setup: &'a Setup) -> Self {
        let hosts = setup.cluster.len();
        let mut books = GpuBooks {
            setup,
            devices: Devices::new(&setup.cluster),
            held: BTreeMap::new(),
            picked: None,
            cpu: vec![0; hosts],
            changed: vec![false; hosts],
            typical: Typical::new(&setup.workload, &setup.cluster),
            fragmented: vec![0.0; hosts],
            allocated: 0,
        };
        for host in setup.cluster.ids() {
            books.measure(host);
        }
        books
    }

    /// Thousandths that live attempts hold.
    pub fn allocated(&self) -> u64 {
        self.allocated
    }

    /// F of `host`, thousandths.
    pub fn fragmented(&self, host: HostId) -> f64 {
        self.fragmented[host.index()]
    }

    /// F of all hosts, added up in their order.
    pub fn fragmented_in_all(&self) -> f64 {
        self.fragmented.iter().sum()
    }

    fn measure(&mut self, host: HostId) {
        let left = self.setup.cluster.spec(host).cpu.0 - self.cpu[host.index()];
        self.fragmented[host.index()] = self.typical.fragmented(host, left, self.devices.free(host));
        self.changed[host.index()] = false;
    }

    /// Takes up `change`; whether F of the host that it names may have changed.
    pub fn change(&mut self, change: &Change) -> Option<HostId> {
        match *change {
            Change::Device { device, .. } => self.picked = Some(device),
            Change::Started { job, host, .. } => {
                let wanted = &self.setup.workload.spec(job).gpus;
                let picked = self.picked.take();
                if !wanted.is_empty()
                    && let Some(chosen) = self.devices.choose_with(host, wanted, picked)
                {
                    self.devices.take(host, &chosen, wanted);
                    self.held.insert((job, host), chosen);
                    self.allocated += wanted.iter().map(|&wish| u64::from(wish)).sum::<u64>();
                    self.changed[host.index()] = true;
                }
            }
            Change::Ended { job, host, .. } => {
                if let Some(chosen) = self.held.remove(&(job, host)) {
                    let wanted = &self.setup.workload.spec(job).gpus;
                    self.devices.give(host, &chosen, wanted);
                    self.allocated -= wanted.iter().map(|&wish| u64::from(wish)).sum::<u64>();
                    self.changed[host.index()] = true;
                }
            }
            Change::HostLoad { host, cpu_request, .. } => {
                let h = host.index();
                if self.cpu[h] != cpu_request || self.changed[h] {
                    self.cpu[h] = cpu_request;
                    self.measure(host);
                    return Some(host);
                }
            }
            _ => {}
        }
        None
    }
}

struct Gpu<'a> {
    books: Option<GpuBooks<'a>>,
    /// Thousandths in all.
    total: u128,
    /// F of each host as it is in the integral.
    parts: Vec<u128>,
    allocated: Integral,
    fragmented: Integral,
    window: u64,
    end: u64,
}

impl<'a> Gpu<'a> {
    fn new(setup: &'a Setup) -> Self {
        let total = setup.cluster.total_gpu_milli() as u128;
        let books = (total > 0).then(|| GpuBooks::new(setup));
        let parts: Vec<u128> = match &books {
            Some(books) => setup.cluster.ids().map(|host| parts(books.fragmented(host))).collect(),
            None => Vec::new(),
        };
        let fragmented = Integral { rate: parts.iter().sum(), ..Integral::default() };
        Gpu { books, total, parts, allocated: Integral::default(), fragmented, window: 0, end: 0 }
    }
}

/// `fragmented` thousandths in whole parts, so that sums do not depend on their order.
fn parts(fragmented: f64) -> u128 {
    (fragmented * PARTS).round() as u128
}

impl Observer for Gpu<'_> {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds =
            Kinds::of(&[Kind::Device, Kind::Started, Kind::Ended, Kind::HostLoad, Kind::WindowBegins]);
        if self.books.is_some() { WANTED } else { Kinds::NONE }
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        let Some(books) = &mut self.books else { return };
        if matches!(change, Change::WindowBegins) {
            self.allocated.reset(at.0);
            self.fragmented.reset(at.0);
            self.window = at.0;
            return;
        }
        if let Some(host) = books.change(change) {
            let new = parts(books.fragmented(host));
            let old = std::mem::replace(&mut self.parts[host.index()], new);
            self.fragmented.replace(at.0, old, new);
        }
        if u128::from(books.allocated()) != self.allocated.rate {
            self.allocated.set(at.0, books.allocated().into());
        }
    }

    fn finish(&mut self, end: SimTime) {
        self.allocated.advance(end.0);
        self.fragmented.advance(end.0);
        self.end = end.0;
    }
}

impl Family for Gpu<'_> {
    fn values(&self) -> Vec<Value> {
        if self.books.is_none() {
            return Vec::new();
        }
        let time = u128::from(self.end - self.window);
        let of_all = |sum: u128, parts: f64| share(sum, self.total * time * parts as u128);
        vec![
            of_all(self.allocated.sum, 1.0),
            share(self.allocated.rate, self.total),
            of_all(self.fragmented.sum, PARTS),
            share(self.fragmented.rate, self.total * PARTS as u128),
            share(self.fragmented.rate, (self.total - self.allocated.rate) * PARTS as u128),
        ]
    }
}
