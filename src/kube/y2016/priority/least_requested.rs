//! LeastRequestedPriority: the part of CPU and memory that would be left, in tenths.

use super::{Ask, with_pod};

/// `calculateScore` (`algorithm/priorities/priorities.go`): tenths of the capacity that are left, truncated; 0 where
/// nothing may be requested or too much is.
fn tenths_left(requested: i64, capacity: i64) -> i64 {
    if capacity == 0 || requested > capacity {
        return 0;
    }
    capacity.wrapping_sub(requested).wrapping_mul(10).wrapping_div(capacity)
}

/// `LeastRequestedPriority`, `calculateResourceOccupancy` (`algorithm/priorities/priorities.go`): the mean of both,
/// truncated again.
pub fn least_requested(ask: &Ask<'_>) -> Vec<i64> {
    let score = |milli_cpu: i64, memory: i64| (milli_cpu + memory) / 2;
    ask.feasible
        .iter()
        .map(|(node, info)| {
            let used = with_pod(ask.pod, info);
            score(tenths_left(used.milli_cpu, node.milli_cpu), tenths_left(used.memory, node.memory))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::y2016::scheduler::tests::World;

    #[test]
    fn both_parts_are_truncated_and_so_is_their_mean() {
        // CPU: (1000 − 300)·10/1000 = 7. Memory: (100 − 31)·10/100 = 6. (7 + 6)/2 = 6.
        let world = World::default().node("a", 1000, 100).pod_on("a", 200, 21);
        assert_eq!(world.score(&World::pod(100, 10), least_requested), [6]);
        // All of it: 0; more than all: 0; of no CPU nothing is left: (0 + 9)/2 = 4.
        let world = World::default().node("a", 1000, 100).node("b", 100, 100).node("c", 0, 100);
        assert_eq!(world.score(&World::pod(1000, 10), least_requested), [4, 4, 4]);
        assert_eq!(world.score(&World::pod(1000, 101), least_requested), [0, 0, 0]);
    }

    #[test]
    fn stand_ins_count() {
        // A pod that asks for nothing: 100m of 1000m leaves 9; 200 MiB of 400 MiB leave 5; (9 + 5)/2 = 7.
        let world = World::default().node("a", 1000, 400 << 20);
        assert_eq!(world.score(&World::pod_without_requests(), least_requested), [7]);
    }
}
