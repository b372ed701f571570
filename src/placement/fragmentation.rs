//! How much of a host's free GPU a job drawn from the workload could not use: the fragmentation measure of FGD.
//!
//! Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX
//! ATC 2023, section 3; `NodeGpuFragAmount` and `GetTypicalPods` of hkust-adsl/kubernetes-scheduler-simulator (`pkg/utils/frag.go`).
//!
//! F(host) = Σ over typical jobs m of p_m · x_m, thousandths of a GPU. x_m is all that is free on the host's GPUs if m could
//! not run there (it wants no GPU, the model is none of its own, too few GPUs have room for its wish, or its CPU does not
//! fit), else what is free on GPUs with less than its wish. Memory is not looked at.
//!
//! Typical jobs are the shapes of the workload, most frequent first, until they cover 95 % of its jobs; their shares p are
//! scaled to a sum of 1. Which of several equally frequent shapes comes last within the 95 % is open in the original (the
//! order of a Go map); here it is the smallest.
//!
//! Departure: jobs that want different thousandths of several GPUs, which the paper does not have, strand what is free on
//! GPUs with less than the smallest of their wishes.

use crate::cluster::{Cluster, choose_devices};
use crate::ids::HostId;
use crate::workload::Workload;

/// Percentage of the jobs that typical jobs cover (`TypicalPodsConfig` of the artefact: popularity 95).
const COVERED_PERCENT: u64 = 95;

/// A typical job.
#[derive(Clone, Debug)]
struct TypicalJob {
    /// Its share of all typical jobs.
    share: f64,
    /// CPU request, milli-CPU.
    cpu: i64,
    /// GPUs wanted.
    gpus: usize,
    /// Place of its smallest wish in [`Typical::wishes`].
    wish: usize,
    /// Whether its wishes differ, and what they are.
    uneven: Option<Vec<u16>>,
    /// Whether it takes GPUs of each model of [`Typical::models`].
    takes: Vec<bool>,
}

/// The typical jobs of a workload, ready to measure hosts of a cluster.
#[derive(Clone, Debug)]
pub struct Typical {
    jobs: Vec<TypicalJob>,
    /// Distinct smallest wishes, ascending.
    wishes: Vec<u16>,
    /// Per host: the number of its GPU model.
    model: Vec<u16>,
    /// Scratch per wish: GPUs with room for it, and thousandths on those without.
    room: Vec<(usize, u32)>,
}

impl Typical {
    /// The typical jobs of `workload`; hosts of `cluster` will be measured.
    pub fn new(workload: &Workload, cluster: &Cluster) -> Self {
        let shapes = workload.shapes();
        let all: u64 = shapes.iter().map(|shape| shape.jobs).sum();
        let (mut covered, mut typical) = (0u64, Vec::new());
        for shape in &shapes {
            if covered * 100 >= all * COVERED_PERCENT {
                break;
            }
            covered += shape.jobs;
            typical.push(shape);
        }
        let mut models: Vec<&str> = cluster.ids().map(|host| cluster.spec(host).gpu_model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        let smallest = |gpus: &[u16]| gpus.iter().min().copied();
        let mut wishes: Vec<u16> = typical.iter().filter_map(|shape| smallest(&shape.gpus)).collect();
        wishes.sort_unstable();
        wishes.dedup();
        let job = |shape: &&crate::workload::Shape| TypicalJob {
            share: shape.jobs as f64 / covered as f64,
            cpu: shape.cpu.0,
            gpus: shape.gpus.len(),
            wish: smallest(&shape.gpus).map_or(0, |wish| wishes.partition_point(|&w| w < wish)),
            uneven: shape.gpus.windows(2).any(|pair| pair[0] != pair[1]).then(|| shape.gpus.clone()),
            takes: models
                .iter()
                .map(|&model| shape.gpu_models.is_empty() || shape.gpu_models.iter().any(|m| m == model))
                .collect(),
        };
        let model = cluster.ids().map(|host| {
            let model = cluster.spec(host).gpu_model.as_str();
            models.partition_point(|&m| m < model) as u16
        });
        Typical {
            jobs: typical.iter().map(job).collect(),
            model: model.collect(),
            room: vec![(0, 0); wishes.len()],
            wishes,
        }
    }

    /// Number of typical jobs.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there are none: a workload without jobs.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// F of `host` with `cpu` milli-CPU and `free` thousandths of each GPU left: thousandths of a GPU, from 0 to the sum of
    /// `free`. The sum is taken in order of the typical jobs.
    pub fn fragmented(&mut self, host: HostId, cpu: i64, free: &[u16]) -> f64 {
        let total: u32 = free.iter().map(|&f| u32::from(f)).sum();
        if total == 0 {
            return 0.0;
        }
        for (room, &wish) in self.room.iter_mut().zip(&self.wishes) {
            *room = (0, 0);
            for &f in free {
                if f >= wish {
                    room.0 += 1;
                } else {
                    room.1 += u32::from(f);
                }
            }
        }
        let model = usize::from(self.model[host.index()]);
        let mut sum = 0.0;
        for job in &self.jobs {
            let unused = if job.gpus == 0 || !job.takes[model] || job.cpu > cpu {
                total
            } else {
                let (gpus, stranded) = self.room[job.wish];
                let fits = match &job.uneven {
                    None => gpus >= job.gpus,
                    Some(wishes) => choose_devices(free, wishes).is_some(),
                };
                if fits { stranded } else { total }
            };
            sum += job.share * f64::from(unused);
        }
        sum
    }
}
