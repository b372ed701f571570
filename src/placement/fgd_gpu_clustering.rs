//! GPU clustering of the FGD experiment: hosts that run jobs of the same GPU class, and of no other.
//!
//! 0 for jobs without GPU. A job that shares a GPU is of class 0, one that wants k whole GPUs of class k. Score = 25 · (8,000 − g) / 8,000
//! in whole numbers, g thousandths left on the host's GPUs; and 75 more if the host runs jobs of this class only, 50 if it runs them among
//! others, 25 if it runs no job with GPU, 0 if only others. On hosts of more than 8 GPUs the first part goes below 0.
//!
//! `GpuClusteringScore` of hkust-adsl/kubernetes-scheduler-simulator (`pkg/simulator/plugin/gpu_clustering_score.go`).

use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-gpu-clustering",
    summary: "hosts with jobs of the same number of GPUs and no other (FGD's baseline)",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(FgdGpuClustering)),
    ..PlacementInfo::BASE
};

struct FgdGpuClustering;

impl Score for FgdGpuClustering {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        let Some(class) = ask.request.gpu_class() else { return 0 };
        let full = 25 * (8_000 - ask.gpu_left(host)) / 8_000;
        let (same, others) = ask.bookings.gpu_classes(host, class);
        full + match (same, others) {
            (true, false) => 75,
            (true, true) => 50,
            (false, false) => 25,
            (false, true) => 0,
        }
    }
}
