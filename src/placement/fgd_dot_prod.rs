//! Dot product of the FGD experiment: the host whose free CPU and GPU are least along what the job requests.
//!
//! Score = trunc(100 · (1 − ((c / 128,000) · (r / 128,000) + (g / 8,000) · (s / 8,000)) / 2)): c milli-CPU and g thousandths of GPUs left
//! before, r and s what the job requests; 128 cores and 8 GPUs are the largest host of that cluster. Memory only has to fit.
//!
//! `DotProductScore` with dimensions merged and norm by the largest specification, hkust-adsl/kubernetes-scheduler-simulator
//! (`pkg/simulator/plugin/dot_product_score.go`).

use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

/// CPU of the largest host of the experiment's cluster, milli-CPU (`MaxSpecCpu`).
pub(super) const CPU_MOST: f64 = 128_000.0;
/// GPU thousandths of the largest host (`MaxSpecGpu`: 8 GPUs).
pub(super) const GPU_MOST: f64 = 8_000.0;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-dot-prod",
    summary: "the least dot product of free and requested CPU and GPU, whole per cents (FGD's baseline)",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(FgdDotProd)),
    ..PlacementInfo::BASE
};

struct FgdDotProd;

impl Score for FgdDotProd {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        let part = |amount: i64, most: f64| amount as f64 / most;
        let cpu = part(ask.cpu_left(host), CPU_MOST) * part(ask.request.cpu.0, CPU_MOST);
        let gpu = part(ask.gpu_left(host), GPU_MOST) * part(ask.gpu_wanted(), GPU_MOST);
        (100.0 * (1.0 - (cpu + gpu) / 2.0)) as i64
    }
}
