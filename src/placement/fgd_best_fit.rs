//! Best-fit of the FGD experiment: the host with the least CPU and GPU left once the job is there, in parts of the largest host.
//!
//! Score = trunc(100 · (1 − (c − r) / 128,000 / 2 − (g − s) / 8,000 / 2)): c milli-CPU and g thousandths of GPUs left before,
//! r and s what the job requests; 128 cores and 8 GPUs are the largest host of that cluster, and on larger ones scores go
//! below 0. The original then stretches scores to 0 … 100, which keeps their order. Memory only has to fit.
//!
//! `BestFitScore` of hkust-adsl/kubernetes-scheduler-simulator (`pkg/simulator/plugin/best_fit_score.go`).

use super::fgd_dot_prod::{CPU_MOST, GPU_MOST};
use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-best-fit",
    summary: "best-fit by CPU and GPU in parts of 128 cores and 8 GPUs, whole per cents (FGD's baseline)",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(FgdBestFit)),
    ..PlacementInfo::BASE
};

struct FgdBestFit;

impl Score for FgdBestFit {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        let cpu = (ask.cpu_left(host) - ask.request.cpu.0) as f64;
        let gpu = (ask.gpu_left(host) - ask.gpu_wanted()) as f64;
        (100.0 * (1.0 - 0.5 * (cpu / CPU_MOST) - 0.5 * (gpu / GPU_MOST))) as i64
    }
}
