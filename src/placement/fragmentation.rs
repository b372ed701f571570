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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::HostSpec;
    use crate::rng::Seed;
    use crate::units::MilliCpu;
    use crate::units::{Bytes, SimTime};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    fn typical(jobs: &[(i64, &[u16], &[&str], usize)]) -> Typical {
        let mut builder = WorkloadBuilder::new();
        for (i, (cpu, gpus, models, count)) in jobs.iter().enumerate() {
            for k in 0..*count {
                let mut job = Job::service(format!("{i}-{k}"), SimTime(0), MilliCpu(*cpu), Bytes(1));
                job.spec.gpus = gpus.to_vec();
                job.spec.gpu_models = models.iter().map(|m| m.to_string()).collect();
                builder.push(job).unwrap();
            }
        }
        let hosts = [("a", "X"), ("b", "Y")].map(|(name, model)| {
            let mut host = HostSpec::new(name, MilliCpu(8_000), Bytes::gib(1));
            (host.gpus, host.gpu_model) = (2, model.into());
            host
        });
        let cluster = Cluster::new(hosts.to_vec(), &[]).unwrap();
        Typical::new(&builder.finish(UsageMode::Request, Seed(1)).unwrap(), &cluster)
    }

    #[test]
    fn what_no_typical_job_could_use_is_counted_by_hand() {
        // Half share a GPU by 600, a quarter want two whole ones, a quarter none.
        let mut t = typical(&[(1000, &[600], &[], 2), (4000, &[1000, 1000], &[], 1), (500, &[], &[], 1)]);
        assert_eq!(t.len(), 3);
        let (a, b) = (HostId(0), HostId(1));
        // 500 and 1000 free: sharers could not use 500; two whole ones do not fit, so all 1500; jobs without GPU, all 1500.
        assert_eq!(t.fragmented(a, 8000, &[500, 1000]), 0.5 * 500.0 + 0.25 * 1500.0 + 0.25 * 1500.0);
        // Both free: only jobs without GPU have no use for them.
        assert_eq!(t.fragmented(b, 8000, &[1000, 1000]), 0.25 * 2000.0);
        // With 2 CPUs the big one does not fit, with less than 1 nobody does.
        assert_eq!(t.fragmented(b, 2000, &[1000, 1000]), 0.25 * 2000.0 + 0.25 * 2000.0);
        assert_eq!(t.fragmented(b, 999, &[1000, 1000]), 2000.0);
        assert_eq!(t.fragmented(a, 8000, &[0, 0]), 0.0);
    }

    #[test]
    fn a_host_of_another_model_is_of_no_use() {
        let mut t = typical(&[(1000, &[1000], &["Y"], 1)]);
        assert_eq!(t.fragmented(HostId(0), 8000, &[1000, 1000]), 2000.0);
        assert_eq!(t.fragmented(HostId(1), 8000, &[1000, 1000]), 0.0);
    }

    #[test]
    fn wishes_that_differ_need_a_gpu_each() {
        let mut t = typical(&[(1000, &[300, 900], &[], 1)]);
        assert_eq!(t.fragmented(HostId(0), 8000, &[900, 300]), 0.0);
        // Two have room for 300, none for 900.
        assert_eq!(t.fragmented(HostId(0), 8000, &[800, 300]), 1100.0);
        assert_eq!(t.fragmented(HostId(0), 8000, &[900, 200]), 1100.0);
    }

    #[test]
    fn rare_shapes_are_not_typical() {
        // 95 of 100 are covered by the first two; the last five are not looked at, and the shares are of 95.
        let mut t = typical(&[(1000, &[1000], &[], 57), (1000, &[], &[], 38), (1000, &[500], &[], 5)]);
        assert_eq!(t.len(), 2);
        assert_eq!(t.fragmented(HostId(0), 8000, &[500, 0]), 500.0 * (57.0 / 95.0) + 500.0 * (38.0 / 95.0));
    }
}
