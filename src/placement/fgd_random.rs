//! Random of the FGD experiment: any fitting host with equal chance, and any GPU with room for a job that shares one.
//!
//! Drawn from (seed, job, decision). The original's draws cannot be repeated: its candidates come in the order in which
//! sixteen threads found them.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-random",
    summary: "any fitting host, and any GPU with room, with equal chance (FGD's baseline)",
    looks_at_requests: true,
    kube_profile: None,
    build: |_, _| Box::new(FgdRandom { feasible: Vec::new() }),
};

struct FgdRandom {
    /// Scratch.
    feasible: Vec<HostId>,
}

impl Placement for FgdRandom {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        self.feasible.clear();
        self.feasible.extend(ask.feasible());
        if self.feasible.is_empty() {
            return None;
        }
        let r = ask.draw(Purpose::RandomPlacement).below(self.feasible.len() as u64);
        Some(self.feasible[r as usize])
    }

    fn device(&mut self, ask: &Ask, host: HostId) -> Option<u16> {
        let &[share] = ask.request.gpus else { return None };
        let free = ask.bookings.free_gpus(host);
        let room = || (0..free.len()).filter(|&device| free[device] >= share);
        let r = ask.draw(Purpose::Gpu).below((room().count() as u64).max(1));
        room().nth(r as usize).map(|device| device as u16)
    }
}
