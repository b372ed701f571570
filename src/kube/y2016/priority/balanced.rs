//! BalancedResourceAllocation: how close the used parts of CPU and memory are.

use super::{Ask, go_int, with_pod};

/// `fractionOfCapacity` (`algorithm/priorities/priorities.go`).
fn fraction(requested: i64, capacity: i64) -> f64 {
    if capacity == 0 { 1.0 } else { requested as f64 / capacity as f64 }
}

/// `BalancedResourceAllocation`, `calculateBalancedResourceAllocation` (`algorithm/priorities/priorities.go`): 10 less
/// ten times the difference of the two fractions, truncated; 0 where either is used up.
pub fn balanced_resource_allocation(ask: &Ask<'_>) -> Vec<i64> {
    ask.feasible
        .iter()
        .map(|(node, info)| {
            let used = with_pod(ask.pod, info);
            let (milli_cpu, memory) = (fraction(used.milli_cpu, node.milli_cpu), fraction(used.memory, node.memory));
            if milli_cpu >= 1.0 || memory >= 1.0 {
                return 0;
            }
            go_int(10.0 - (milli_cpu - memory).abs() * 10.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::y2016::scheduler::tests::World;

    #[test]
    fn the_difference_of_the_fractions_is_taken_off() {
        // 500/1000 and 25/100: 10 − 0.25·10 = 7.5, truncated 7.
        let world = World::default().node("a", 1000, 100).pod_on("a", 400, 15);
        assert_eq!(world.score(&World::pod(100, 10), balanced_resource_allocation), [7]);
        // 500/1000 and 50/100: 10. Used up: 0, however balanced.
        assert_eq!(world.score(&World::pod(100, 35), balanced_resource_allocation), [10]);
        assert_eq!(world.score(&World::pod(600, 85), balanced_resource_allocation), [0]);
        // No CPU at all is used up.
        let none = World::default().node("a", 0, 100);
        assert_eq!(none.score(&World::pod(0, 50), balanced_resource_allocation), [0]);
    }

    #[test]
    fn doubles_decide_at_the_edge() {
        // 0.9 − 0.2 is a little more than 0.7 in doubles' decimal, and 10 − that·10 is 3 only if nothing is lost.
        let world = World::default().node("a", 10, 10);
        let expected = (10.0 - (9.0f64 / 10.0 - 2.0 / 10.0).abs() * 10.0) as i64;
        assert_eq!(world.score(&World::pod(9, 2), balanced_resource_allocation), [expected]);
        assert_eq!(expected, 3);
        // 0.8 − 0.1 is above 0.7: one less.
        assert_eq!(world.score(&World::pod(8, 1), balanced_resource_allocation), [2]);
    }
}
