//! How much of what was asked for is held, as demand grows: one column for each per cent of the cluster that has been asked for.
//!
//! For experiments in which jobs arrive one by one and stay, as the workload inflation of FGD (Weng et al., USENIX ATC 2023, figures 7 to
//! 9): each arrival is a sample, taken once it is placed or not. A sample's values are per cents of the cluster, rounded to two
//! decimals (halves away from zero); it falls into the column of its demand (not rounded before), rounded to a whole per cent (halves to
//! even); a column is the mean of its samples. So the artefact's `analysis_allo_discrete.csv` and `analysis_frag_ratio_discrete.csv` are made.

use super::gpu::GpuBooks;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;
use crate::workload::inflation::Asked;

/// The samples of one per cent of demand.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DemandColumn {
    /// Demand arrived so far, per cent of the cluster.
    pub arrived_percent: u32,
    /// Arrivals that fall into it.
    pub samples: u64,
    /// What live attempts hold, per cent of the cluster; mean.
    pub allocated_percent: f64,
    /// GPU that a typical job could not use, per cent of idle GPU; mean. GPU demand only.
    pub fragmented_of_idle_percent: Option<f64>,
    /// The same, per cent of all GPU.
    pub fragmented_percent: Option<f64>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    samples: u64,
    allocated: f64,
    of_idle: f64,
    fragmented: f64,
}

/// Watches what arrives and what is held.
pub struct DemandCurve<'a> {
    setup: &'a Setup,
    of: Asked,
    /// Of the cluster, in the demand's unit.
    capacity: i64,
    gpu: Option<GpuBooks<'a>>,
    /// CPU and memory requests of live attempts by host.
    held: Vec<(i64, i64)>,
    held_in_all: (i64, i64),
    arrived: i128,
    /// Whether the last arrival is still to be sampled.
    due: bool,
    jobs: (u64, u64),
    columns: Vec<Sums>,
}

impl<'a> DemandCurve<'a> {
    /// Nothing has arrived.
    pub fn new(setup: &'a Setup, of: Asked) -> Self {
        let cluster = &setup.cluster;
        DemandCurve {
            setup,
            of,
            capacity: match of {
                Asked::Cpu => cluster.total_cpu().0,
                Asked::Memory => cluster.total_memory().0,
                Asked::Gpu => cluster.total_gpu_milli(),
            },
            gpu: (of == Asked::Gpu).then(|| GpuBooks::new(setup)),
            held: vec![(0, 0); cluster.len()],
            held_in_all: (0, 0),
            arrived: 0,
            due: false,
            jobs: (0, 0),
            columns: Vec::new(),
        }
    }

    /// Jobs that arrived, and placements made.
    pub fn jobs(&self) -> (u64, u64) {
        self.jobs
    }

    /// The columns that have samples, by demand; none where the cluster has nothing of what is asked for.
    pub fn columns(&self) -> Vec<DemandColumn> {
        let column = |(arrived_percent, sums): (usize, &Sums)| {
            let mean = |sum: f64| sum / sums.samples as f64;
            let of_gpu = |sum: f64| (self.of == Asked::Gpu).then(|| mean(sum));
            (sums.samples > 0).then(|| DemandColumn {
                arrived_percent: arrived_percent as u32,
                samples: sums.samples,
                allocated_percent: mean(sums.allocated),
                fragmented_of_idle_percent: of_gpu(sums.of_idle),
                fragmented_percent: of_gpu(sums.fragmented),
            })
        };
        self.columns.iter().enumerate().filter_map(column).collect()
    }

    /// Takes the sample of the last arrival.
    fn sample(&mut self) {
        if !std::mem::take(&mut self.due) || self.capacity == 0 {
            return;
        }
        let percent = |part: f64, whole: f64| if whole > 0.0 { hundredths(100.0 * part / whole) } else { 0.0 };
        let capacity = self.capacity as f64;
        let column = column(self.arrived, self.capacity);
        if self.columns.len() <= column {
            self.columns.resize(column + 1, Sums::default());
        }
        let allocated = match (self.of, &self.gpu) {
            (Asked::Cpu, _) => self.held_in_all.0,
            (Asked::Memory, _) => self.held_in_all.1,
            (Asked::Gpu, gpu) => gpu.as_ref().map_or(0, |gpu| gpu.allocated() as i64),
        };
        let sums = &mut self.columns[column];
        sums.samples += 1;
        sums.allocated += percent(allocated as f64, capacity);
        if let Some(gpu) = &self.gpu {
            let fragmented = gpu.fragmented_in_all();
            sums.of_idle += percent(fragmented, (self.capacity - allocated) as f64);
            sums.fragmented += percent(fragmented, capacity);
        }
    }
}

/// The column of demand `arrived` at a cluster of `capacity`: the nearest whole per cent, of halves the even one. It is not rounded to two
/// decimals first: 79.496 % is of column 79, though it reads 79.50.
fn column(arrived: i128, capacity: i64) -> usize {
    let percent = (100.0 * arrived as f64 / capacity as f64).round_ties_even();
    // Demand of more than a thousand times the cluster shares the last one.
    percent.min(100_000.0) as usize
}

/// Rounded to two decimals.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Observer for DemandCurve<'_> {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds =
            Kinds::of(&[Kind::Device, Kind::Started, Kind::Ended, Kind::HostLoad, Kind::Arrived, Kind::Placed]);
        WANTED
    }

    fn change(&mut self, _at: SimTime, change: &Change) {
        if let Some(gpu) = &mut self.gpu {
            gpu.change(change);
        }
        match *change {
            Change::Arrived { job } => {
                self.sample();
                self.arrived += self.of.of(&self.setup.workload, job);
                self.jobs.0 += 1;
                self.due = true;
            }
            Change::Placed { .. } => self.jobs.1 += 1,
            Change::HostLoad { host, cpu_request, memory_request, .. } => {
                let held = &mut self.held[host.index()];
                self.held_in_all.0 += cpu_request - held.0;
                self.held_in_all.1 += memory_request - held.1;
                *held = (cpu_request, memory_request);
            }
            _ => {}
        }
    }

    fn finish(&mut self, _end: SimTime) {
        self.sample();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_falls_into_the_nearest_per_cent() {
        let of = |arrived| column(arrived, 100_000);
        assert_eq!([0, 499, 500, 501, 1_500].map(of), [0, 0, 0, 1, 2]);
        // Reads 79.50, which would go to the even 80.
        assert_eq!([79_496, 79_500, 80_500].map(of), [79, 80, 80]);
        assert_eq!(column(i128::MAX, 1), 100_000);
    }
}
