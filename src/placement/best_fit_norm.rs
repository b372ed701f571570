//! Best-fit by norm: the host whose rest, once the job is there, is shortest as a vector.
//!
//! Score = −Σ over CPU, memory and GPU of ((free − request) / capacity)², each part in steps of 2^−30 rounded toward zero; a resource that the host has
//! none of counts 0. Panigrahy, Talwar, Uyeda and Wieder, "Heuristics for Vector Bin Packing", Microsoft Research 2011, section 2 (norm-based greedy,
//! l2 without weights, hosts chosen for a job instead of jobs for a host).

use super::scored::{Score, Scored};
use super::{Ask, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "best-fit-norm",
    summary: "the fitting host with the least left after placement: Euclidean norm of CPU, memory and GPU parts",
    looks_at_requests: true,
    build: |_, _| Box::new(Scored::new(BestFitNorm)),
    ..PlacementInfo::BASE
};

struct BestFitNorm;

impl Score for BestFitNorm {
    fn score(&mut self, ask: &Ask, host: HostId) -> i64 {
        ask.sizes(host)
            .iter()
            .map(|size| {
                let rest = size.part(size.free - size.wanted);
                -(rest * rest)
            })
            .sum()
    }
}
