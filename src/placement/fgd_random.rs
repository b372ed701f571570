//! Random of the FGD experiment: any fitting host with equal chance, and any GPU with room for a job that shares one.
//!
//! Drawn from (seed, job, decision). The original's draws cannot be repeated: its candidates come in the order in which
//! sixteen threads found them.

use super::scored::{Score, Scored};
use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "fgd-random",
    summary: "any fitting host, and any GPU with room, with equal chance (FGD's baseline)",
    looks_at_requests: true,
    draws: true,
    build: |_, _| Box::new(FgdRandom { fitting: Scored::new(AllAlike) }),
    ..PlacementInfo::BASE
};

/// All fitting hosts are as good.
struct AllAlike;

impl Score for AllAlike {
    fn score(&mut self, _ask: &Ask, _host: HostId) -> i64 {
        0
    }
}

struct FgdRandom {
    /// Knows which hosts fit.
    fitting: Scored<AllAlike>,
}

impl Placement for FgdRandom {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        self.fitting.choose(&Ask { random_ties: true, ..*ask })
    }

    fn device(&mut self, ask: &Ask, host: HostId) -> Option<u16> {
        let &[share] = ask.request.gpus else { return None };
        let free = ask.bookings.free_gpus(host);
        let room = || (0..free.len()).filter(|&device| free[device] >= share);
        let r = ask.draw(Purpose::Gpu).below((room().count() as u64).max(1));
        room().nth(r as usize).map(|device| device as u16)
    }
}
