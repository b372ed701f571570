//! FGD, fragmentation gradient descent: the host on which the job strands the least GPU.
//!
//! Score = trunc(100 · σ((F(before) − F(after)) / 1000)), with σ(x) = 1 / (1 + e^−x) and F of [`super::fragmentation`]: 50 where
//! nothing changes. A job that shares a GPU is thought of on each one with room; the first with the highest truncated score
//! is the host's score and is used. Whole GPUs are taken from the fullest that have room, lowest index among equals.
//!
//! Weng et al., USENIX ATC 2023, algorithm 1; `calculateGpuShareFragExtendScore` of hkust-adsl/kubernetes-scheduler-simulator
//! (`pkg/simulator/plugin/fgd_score.go`). Floats as there; the exponential is `libm`'s, so that every machine agrees.

use super::fragmentation::Typical;
use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd",
    summary: "the fitting host on which the job strands the least GPU for the workload's typical jobs (USENIX ATC 2023)",
    looks_at_requests: true,
    build: |cluster, workload| {
        Box::new(Scored::new(Fgd { typical: Typical::new(workload, cluster), after: Vec::new() }))
    },
    ..PlacementInfo::BASE
};

struct Fgd {
    typical: Typical,
    /// Scratch: what is left on each GPU once the job is there.
    after: Vec<u16>,
}

impl Fgd {
    /// The best score of `host`, and the GPU that gives it if the job shares one.
    fn best(&mut self, ask: &Ask, host: HostId) -> (i64, Option<u16>) {
        let (free, gpus) = (ask.bookings.free_gpus(host), ask.request.gpus);
        let cpu = ask.cpu_left(host);
        let before = self.typical.fragmented(host, cpu, free);
        let cpu = cpu - ask.request.cpu.0;
        let score = |after: f64| (100.0 / (1.0 + libm::exp(-(before - after) / 1000.0))) as i64;
        let &[share] = gpus else {
            self.after.clear();
            self.after.extend_from_slice(free);
            for (&device, &wish) in ask.bookings.choose_gpus(host, gpus).iter().flatten().zip(gpus) {
                self.after[usize::from(device)] -= wish;
            }
            return (score(self.typical.fragmented(host, cpu, &self.after)), None);
        };
        let mut best: Option<(i64, u16)> = None;
        for (device, &left) in free.iter().enumerate() {
            // Equally full GPUs give equal scores, and the first wins.
            if left < share || free[..device].contains(&left) {
                continue;
            }
            self.after.clear();
            self.after.extend_from_slice(free);
            self.after[device] -= share;
            let score = score(self.typical.fragmented(host, cpu, &self.after));
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, device as u16));
            }
        }
        best.map_or((0, None), |(score, device)| (score, Some(device)))
    }
}

impl Score for Fgd {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        self.best(ask, host).0
    }

    fn device(&mut self, ask: &Ask, host: HostId) -> Option<u16> {
        self.best(ask, host).1
    }
}
