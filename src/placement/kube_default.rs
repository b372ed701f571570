//! The resource part of kube-scheduler's default profile, v1.36.3: NodeResourcesFit with LeastAllocated, and
//! NodeResourcesBalancedAllocation, integer for integer.
//!
//! First form: the other default plugins add the same to every host of a cluster without taints, affinities, spread
//! constraints and images, so they are left out of the sum. Labels and GPU models filter as node affinity would.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "kube-default",
    summary: "fits by requests, then the highest LeastAllocated + BalancedAllocation score; under `kubernetes` the whole default profile (v1.36.3)",
    looks_at_requests: true,
    kube_profile: Some("default"),
    build: |_, _| Box::new(KubeDefault),
    ..PlacementInfo::BASE
};

struct KubeDefault;

impl Placement for KubeDefault {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| -score(ask, host, least_allocated))
    }
}

/// NodeResourcesFit's `strategy` + BalancedAllocation of `host` for the job, 0 to 200. Higher is better.
pub(super) fn score(ask: &Ask, host: HostId, strategy: fn([i64; 2], [i64; 2]) -> i64) -> i64 {
    let spec = ask.cluster.spec(host);
    let b = ask.bookings;
    let (cpu, memory) = ask.request.non_zero();
    let capacity = [spec.cpu.0, spec.memory.0];
    let used = b.non_zero(host);
    let fit = strategy(capacity, [used.0 + cpu, used.1 + memory]);
    // PreScore skips BalancedAllocation for a pod that requests nothing.
    if ask.request.cpu.0 == 0 && ask.request.memory.0 == 0 {
        return fit;
    }
    let before = [b.cpu(host), b.memory(host)];
    fit + balanced_allocation(capacity, before, [before[0] + ask.request.cpu.0, before[1] + ask.request.memory.0])
}

/// `least_allocated.go: leastResourceScorer`: for CPU and memory `(a - u) * 100 / a`, 0 if `u > a`, then the mean, both
/// divisions truncated. `used` counts the pod, with the stand-ins for missing requests.
pub fn least_allocated(capacity: [i64; 2], used: [i64; 2]) -> i64 {
    // Capacities are at most 2^53, so a hundred times one fits.
    let one = |a: i64, u: i64| {
        if u > a { 0 } else { (a - u) * 100 / a }
    };
    (one(capacity[0], used[0]) + one(capacity[1], used[1])) / 2
}

/// `balanced_allocation.go: balancedResourceScorer` (since v1.35 it scores the change): with
/// `b(u) = int64((1 - |f_cpu - f_memory| / 2) * 100)` and `f = min(1, u / a)` in float64, the score is
/// `50 + (50 + b(with the pod) - b(without)) / 2`. Plain requests, no stand-ins.
pub fn balanced_allocation(capacity: [i64; 2], before: [i64; 2], with: [i64; 2]) -> i64 {
    let balance = |used: [i64; 2]| {
        let f = |i: usize| (used[i] as f64 / capacity[i] as f64).min(1.0);
        let std = ((f(0) - f(1)) / 2.0).abs();
        ((1.0 - std) * 100.0) as i64
    };
    50 + (50 + balance(with) - balance(before)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_formulas() {
        // CPU (4000-3000)*100/4000 = 25, memory (8-4)*100/8 = 50, mean 37.
        assert_eq!(least_allocated([4000, 8], [3000, 4]), 37);
        assert_eq!(least_allocated([4000, 8], [5000, 4]), 25);
        // With: |0.75 - 0.5| / 2 = 0.125 -> 87; without: 0 -> 100; 50 + (50 + 87 - 100) / 2 = 50 + 18.
        assert_eq!(balanced_allocation([4000, 8], [0, 0], [3000, 4]), 68);
        // Nothing changes: 50 + 50/2.
        assert_eq!(balanced_allocation([4000, 8], [3000, 4], [3000, 4]), 75);
    }

    #[test]
    fn jobs_spread_by_free_share_not_by_count() {
        // The first goes to a (all empty and alike: lowest name); each next to where most is left.
        let placed = super::super::tests::placed;
        assert_eq!(
            placed(
                "kube-default",
                &[(4000, 8192), (4000, 8192)],
                &[(3000, 6144), (500, 1024), (500, 1024), (500, 1024)],
                false,
                1
            ),
            "a b b b"
        );
        assert_eq!(placed("kube-default", &[(1000, 1024)], &[(600, 100), (600, 100)], false, 1), "a -");
    }
}
