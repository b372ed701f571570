//! The resource part of the Kubernetes scheduler of 2016 (v1.2.4, v1.3.0): LeastRequestedPriority and
//! BalancedResourceAllocation, 0 to 10 each, both with the stand-ins for missing requests.
//!
//! Under `kubernetes-2016` the whole scheduler decides ([`crate::kube::y2016`]), its round of equals included; elsewhere
//! SelectorSpread and node affinity are left out, and equals go by the run's rule.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "kube-least-requested",
    summary: "fits by requests, then LeastRequested + BalancedResourceAllocation of 0 to 10; under `kubernetes-2016` the whole scheduler (v1.2.4)",
    looks_at_requests: true,
    build: |_, _| Box::new(KubeLeastRequested),
    ..PlacementInfo::BASE
};

struct KubeLeastRequested;

impl Placement for KubeLeastRequested {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| {
            let spec = ask.cluster.spec(host);
            let (cpu, memory) = ask.request.non_zero();
            let (used_cpu, used_memory) = ask.bookings.non_zero(host);
            let used = [used_cpu + cpu, used_memory + memory];
            -score(used, [spec.cpu.0, spec.memory.0])
        })
    }
}

/// `calculateResourceOccupancy` + `calculateBalancedResourceAllocation` (`plugin/pkg/scheduler/algorithm/priorities/priorities.go`
/// v1.2.4) of a host with so much CPU and memory `used` of its `capacity`.
fn score(used: [i64; 2], capacity: [i64; 2]) -> i64 {
    let unused = |i: usize| {
        if capacity[i] == 0 || used[i] > capacity[i] {
            0
        } else {
            (i128::from(capacity[i] - used[i]) * 10 / i128::from(capacity[i])) as i64
        }
    };
    let part = |i: usize| if capacity[i] == 0 { 1.0 } else { used[i] as f64 / capacity[i] as f64 };
    let (cpu, memory) = (part(0), part(1));
    let balanced = if cpu >= 1.0 || memory >= 1.0 { 0 } else { (10.0 - (cpu - memory).abs() * 10.0) as i64 };
    (unused(0) + unused(1)) / 2 + balanced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_formulas() {
        // CPU (4000-1000)*10/4000 = 7, memory (8-3)*10/8 = 6, mean 6; 10 - |0.25 - 0.375| * 10 = 8.75.
        assert_eq!(score([1000, 3], [4000, 8]), 14);
        // Over in CPU: (0 + 6)/2, nothing for balance.
        assert_eq!(score([5000, 3], [4000, 8]), 3);
    }

    #[test]
    fn few_totals_are_different_so_that_equals_are_many() {
        // A tenth of a host is more than these ask for: (9 + 9)/2 + 9 on either host, each time, and the first name.
        let placed = super::super::tests::placed;
        let jobs = &[(100, 200), (100, 200), (100, 200)];
        assert_eq!(placed("kube-least-requested", &[(4000, 8192), (4000, 8192)], jobs, false, 1), "a a a");
    }
}
