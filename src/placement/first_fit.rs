//! First-fit: the first host, in order of names, whose free requests hold the job.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "first-fit",
    summary: "the first host in order of names whose free requests hold the job",
    looks_at_requests: true,
    build: |_, _| Box::new(FirstFit),
    ..PlacementInfo::BASE
};

pub(super) struct FirstFit;

impl Placement for FirstFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.feasible().next()
    }
}
