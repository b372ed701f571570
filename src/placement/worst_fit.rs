//! Worst-fit: the fitting host with the most CPU and memory share left after placement.

use super::{Ask, Placement, PlacementInfo, best_fit::left};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "worst-fit",
    summary: "the fitting host with the most CPU share + memory share left after placement",
    looks_at_requests: true,
    build: |_, _| Box::new(WorstFit),
    ..PlacementInfo::BASE
};

struct WorstFit;

impl Placement for WorstFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| -left(ask, host))
    }
}
