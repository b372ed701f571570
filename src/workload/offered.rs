//! Offered load: what the jobs would hold if every one ran from its arrival for its duration and nothing waited; and
//! the scaling of arrivals to a wanted share of the cluster.
//!
//! Depends on no orchestrator: two runs of one workload have the same offered load.

use super::Workload;
use crate::cluster::Cluster;
use crate::error::Result;

/// Peaks over time of what is offered. At one instant ends precede starts. Open ends last for ever.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Offered {
    /// Most CPU requested at one moment, milli-CPU.
    pub cpu_peak_milli: i64,
    /// Most memory requested at one moment.
    pub memory_peak_bytes: i64,
    /// Most GPU thousandths requested at one moment.
    pub gpu_peak_milli: i64,
    /// Most jobs at one moment.
    pub jobs_peak: usize,
    /// `cpu_peak_milli` over the cluster's CPU.
    pub cpu_share: f64,
    /// `memory_peak_bytes` over the cluster's memory.
    pub memory_share: f64,
    /// `gpu_peak_milli` over the cluster's GPUs; 0 without GPUs.
    pub gpu_share: f64,
}

/// A wanted load: the resource (`None`: the one with the highest share) and its peak share.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LoadScale {
    /// Index into `["cpu", "memory", "gpu"]`.
    pub resource: Option<u8>,
    /// Wanted peak share of the cluster, 0.7 for 70 %.
    pub share: f64,
}

/// The offered load of `workload` on `cluster`.
pub fn offered(workload: &Workload, cluster: &Cluster) -> Offered {
    let _ = (workload, cluster);
    Offered::default()
}

/// Placeholder
pub fn scale_to(workload: Workload, cluster: &Cluster, load: LoadScale) -> Result<Workload> {
    let _ = (cluster, load);
    Ok(workload)
}
