//! Tetris: the host whose free resources are most along what the job requests.
//!
//! Score = Σ over CPU, memory and GPU of (request / capacity) · (free before / capacity), each part in steps of 2^−30 rounded toward zero, so that
//! no float decides a tie; a resource that the host has none of counts 0. Grandl et al., "Multi-resource Packing for Cluster Schedulers",
//! SIGCOMM 2014, section 3.2 (alignment); of its resources, disk and network are left out, and no job is held back for another.

use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "tetris",
    summary: "the highest dot product of free and requested CPU, memory and GPU in parts of the host (SIGCOMM 2014)",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(Tetris)),
    ..PlacementInfo::BASE
};

struct Tetris;

impl Score for Tetris {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        ask.sizes(host).iter().map(|size| size.part(size.wanted) * size.part(size.free)).sum()
    }
}
