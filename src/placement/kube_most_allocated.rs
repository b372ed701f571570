//! As `kube-default`, with MostAllocated in place of LeastAllocated: full hosts first (bin packing).

use super::{Ask, Placement, PlacementInfo, kube_default};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "kube-most-allocated",
    summary: "the same with MostAllocated; under `kubernetes` the default profile with it, its spread of replicas included",
    looks_at_requests: true,
    kube_profile: Some("most-allocated"),
    build: |_, _| Box::new(KubeMostAllocated),
    ..PlacementInfo::BASE
};

struct KubeMostAllocated;

impl Placement for KubeMostAllocated {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| -kube_default::score(ask, host, most_allocated))
    }
}

/// `most_allocated.go: mostResourceScorer`: for CPU and memory `u * 100 / a` (a use over the capacity counts as the
/// capacity), then the mean, both divisions truncated. `used` counts the pod, with the stand-ins for missing requests.
fn most_allocated(capacity: [i64; 2], used: [i64; 2]) -> i64 {
    let one = |a: i64, u: i64| u.min(a) * 100 / a;
    (one(capacity[0], used[0]) + one(capacity[1], used[1])) / 2
}

#[cfg(test)]
mod tests {
    use super::super::tests::placed;

    #[test]
    fn jobs_gather_on_the_fullest_host_that_holds_them() {
        let hosts = &[(4000, 8192), (2000, 4096)];
        // The smaller host is fuller with the same job; the third no longer fits there.
        assert_eq!(placed("kube-most-allocated", hosts, &[(900, 1800), (900, 1800), (900, 1800)], false, 1), "b b a");
        // CPU 50, memory 25: mean 37; a use over the capacity counts as all of it.
        assert_eq!(super::most_allocated([4000, 8], [2000, 2]), 37);
        assert_eq!(super::most_allocated([4000, 8], [5000, 8]), 100);
    }
}
