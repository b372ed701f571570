//! TaintTolerationPriority of v1.3.0: fewer taints that only ask for preference and are not tolerated.

use super::{Ask, MAX, go_int};
use crate::kube::y2016::taint::{PREFER_NO_SCHEDULE, Toleration, tolerated};

/// `ComputeTaintTolerationPriority` (`algorithm/priorities/taint_toleration.go` v1.3.0).
pub fn taint_toleration(ask: &Ask<'_>) -> Vec<i64> {
    let soft = |t: &&Toleration| t.effect.is_empty() || t.effect == PREFER_NO_SCHEDULE;
    let tolerations: Vec<Toleration> = ask.pod.tolerations.iter().filter(soft).cloned().collect();
    let count = |node: &crate::kube::y2016::node::Node| {
        let soft = node.taints.iter().filter(|taint| taint.effect == PREFER_NO_SCHEDULE);
        soft.filter(|taint| !tolerated(taint, &tolerations)).count() as i64
    };
    let counts: Vec<i64> = ask.feasible.iter().map(|(node, _)| count(node)).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let score = |count: i64| if most > 0 { go_int((1.0 - count as f64 / most as f64) * 10.0) } else { MAX };
    counts.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::y2016::pod::Pod;
    use crate::kube::y2016::scheduler::tests::World;

    #[test]
    fn taints_that_are_not_tolerated_are_counted_against_the_most() {
        let tolerates = |effect: &str| Pod {
            tolerations: vec![Toleration { key: "k1".into(), effect: effect.into(), ..Toleration::default() }],
            ..World::pod(0, 0)
        };
        let soft = PREFER_NO_SCHEDULE;
        let world = World::default()
            .tainted("n1", &[])
            .tainted("n2", &[("k1", soft), ("k2", soft), ("k3", "NoSchedule")])
            .tainted("n3", &[("k1", soft), ("k2", soft), ("k3", soft)]);
        // Counts 0, 2, 3: (1 − 2/3)·10 = 3.33. With k1 tolerated 0, 1, 2: 5.
        assert_eq!(world.score(&World::pod(0, 0), taint_toleration), [10, 3, 0]);
        assert_eq!(world.score(&tolerates(""), taint_toleration), [10, 5, 0]);
        assert_eq!(world.score(&tolerates(soft), taint_toleration), [10, 5, 0]);
        assert_eq!(world.score(&tolerates("NoSchedule"), taint_toleration), [10, 3, 0]);
        assert_eq!(World::default().tainted("n1", &[]).score(&tolerates(""), taint_toleration), [10]);
    }
}
