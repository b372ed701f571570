//! Worst-fit: the fitting host with the most CPU and memory share left after placement.

use super::best_fit::{ByRoom, by_scan};
use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::index::shelves::Wish;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "worst-fit",
    summary: "the fitting host with the most CPU share + memory share left after placement",
    looks_at_requests: true,
    build: |_, _| Box::new(WorstFit),
    find: Some(|cluster| Box::new(ByRoom::new(cluster, Wish::Most))),
    ..PlacementInfo::BASE
};

struct WorstFit;

impl Placement for WorstFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        by_scan(ask, Wish::Most)
    }
}
