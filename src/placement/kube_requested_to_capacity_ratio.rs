//! As `kube-default`, with RequestedToCapacityRatio in place of LeastAllocated, its shape rising from 0 at an empty to
//! 10 at a full host (bin packing).

use super::{Ask, Placement, PlacementInfo, kube_default};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "kube-requested-to-capacity-ratio",
    summary: "the same with RequestedToCapacityRatio (0:0, 100:10); under `kubernetes` the default profile with it",
    looks_at_requests: true,
    kube_profile: Some("requested-to-capacity-ratio"),
    build: |_, _| Box::new(KubeRequestedToCapacityRatio),
    ..PlacementInfo::BASE
};

struct KubeRequestedToCapacityRatio;

impl Placement for KubeRequestedToCapacityRatio {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| -kube_default::score(ask, host, ratio))
    }
}

/// `requested_to_capacity_ratio.go: requestedToCapacityRatioScorer` with the shape 0:0, 100:10: each resource scores its
/// used share in percent (100 if it is over the capacity); those that score 0 are left out of the mean, which is rounded.
fn ratio(capacity: [i64; 2], used: [i64; 2]) -> i64 {
    let one = |a: i64, u: i64| if u > a { 100 } else { u * 100 / a };
    match [one(capacity[0], used[0]), one(capacity[1], used[1])] {
        [0, only] | [only, 0] => only,
        [cpu, memory] => (cpu + memory + 1) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::placed;

    #[test]
    fn a_resource_that_scores_nothing_is_left_out_and_the_mean_is_rounded() {
        // CPU 50, memory 25: 37.5 is rounded up; memory under one percent is left out.
        assert_eq!(super::ratio([4000, 8], [2000, 2]), 38);
        assert_eq!(super::ratio([4000, 8000], [2000, 2]), 50);
        let hosts = &[(4000, 8192), (2000, 4096)];
        let placed =
            placed("kube-requested-to-capacity-ratio", hosts, &[(900, 1800), (900, 1800), (900, 1800)], false, 1);
        assert_eq!(placed, "b b a");
    }
}
