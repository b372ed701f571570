//! GPU packing of the FGD experiment: first GPUs in use, then free GPUs of hosts in use, then idle hosts.
//!
//! 0 for jobs without GPU. With f GPUs of the host's n untouched: an idle host (f = n) scores max(33 − f, f). Else the job takes GPUs
//! with room, fullest first: if it takes u > 0 untouched ones max(50 − u, 33), if none max(100 − (Σ trunc(left · 100 / 1000)) / 10, 50)
//! over those taken, in whole numbers.
//!
//! `GpuPackingScore` of hkust-adsl/kubernetes-scheduler-simulator (`pkg/simulator/plugin/gpu_packing_score.go`).

use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-gpu-packing",
    summary: "GPUs in use first, then free GPUs of hosts in use, then idle hosts (FGD's baseline)",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(FgdGpuPacking)),
    ..PlacementInfo::BASE
};

/// Thousandths of an untouched GPU.
const WHOLE: u16 = 1_000;

struct FgdGpuPacking;

impl Score for FgdGpuPacking {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        if ask.request.gpus.is_empty() {
            return 0;
        }
        let free = ask.bookings.free_gpus(host);
        let untouched = free.iter().filter(|&&left| left == WHOLE).count();
        if untouched == free.len() {
            let free = untouched as i64;
            return (33 - free).max(free);
        }
        let taken = ask.bookings.choose_gpus(host, ask.request.gpus).unwrap_or_default();
        let left = || taken.iter().map(|&device| free[usize::from(device)]);
        match left().filter(|&left| left == WHOLE).count() as i64 {
            0 => (100 - left().map(|left| i64::from(left) * 100 / 1000).sum::<i64>() / 10).max(50),
            fresh => (50 - fresh).max(33),
        }
    }
}
