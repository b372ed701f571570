//! SelectorSpreadPriority: away from fellows, on the node and in its zone. All in float32.

use std::collections::BTreeMap;

use super::{Ask, MAX, go_int};
use crate::kube::object::selector::Selector;
use crate::kube::y2016::node_info::NodeInfo;
use crate::kube::y2016::pod::Pod;

/// `zoneWeighting`, rounded to float32 as an untyped constant is.
const ZONE_WEIGHT: f32 = 2.0 / 3.0;
/// `1.0 - zoneWeighting`: exact in Go's constants, then rounded once.
const NODE_WEIGHT: f32 = 1.0 / 3.0;

/// Pods on a node that any of the selectors selects in the pod's namespace; terminating ones do not count.
fn fellows(pod: &Pod, info: &NodeInfo, selectors: &[&Selector]) -> i64 {
    let fellow = |other: &Pod| {
        other.namespace == pod.namespace && !other.deleting && selectors.iter().any(|s| s.matches(&other.labels))
    };
    info.pods.iter().filter(|other| fellow(other)).count() as i64
}

/// Ten times the part of `most` that `count` is short of it. 0 of 0 is no number.
fn short_of(most: i64, count: i64) -> f32 {
    10.0 * ((most - count) as f32 / most as f32)
}

/// Scores from the fellows on each feasible node: `most` of them on one node, and whether the node's zone `counts`.
fn spread(ask: &Ask<'_>, fellows: &[i64], most: i64, counts: impl Fn(i64) -> bool) -> Vec<i64> {
    let mut zones: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for ((node, _), count) in ask.feasible.iter().zip(fellows) {
        if let Some(zone) = node.zone().filter(|_| counts(*count)) {
            *zones.entry(zone).or_default() += count;
        }
    }
    let most_in_zone = zones.values().copied().max().unwrap_or(0);
    let of_node = |count: i64| if most > 0 { short_of(most, count) } else { MAX as f32 };
    ask.feasible
        .iter()
        .zip(fellows)
        .map(|((node, _), count)| match node.zone().filter(|_| !zones.is_empty()) {
            None => go_int(of_node(*count).into()),
            Some(zone) => {
                let of_zone = short_of(most_in_zone, zones.get(&zone).copied().unwrap_or(0));
                go_int((of_node(*count) * NODE_WEIGHT + ZONE_WEIGHT * of_zone).into())
            }
        })
        .collect()
}

/// `CalculateSpreadPriority` (`algorithm/priorities/selector_spreading.go` v1.2.4). The most is over all nodes,
/// feasible or not, even gone; zones count only where a feasible node of some zone has a fellow.
pub fn selector_spread_1_2_4(ask: &Ask<'_>) -> Vec<i64> {
    let selectors = ask.owners.selectors(ask.pod);
    if selectors.is_empty() {
        return vec![MAX; ask.feasible.len()];
    }
    let most = ask.all.values().map(|info| fellows(ask.pod, info, &selectors)).max().unwrap_or(0);
    let counts: Vec<i64> = ask.feasible.iter().map(|(_, info)| fellows(ask.pod, info, &selectors)).collect();
    spread(ask, &counts, most, |count| count > 0)
}

/// `CalculateSpreadPriority` (`algorithm/priorities/selector_spreading.go` v1.3.0). Only feasible nodes are looked at,
/// and every zone of theirs counts. Where no fellow is on any of them, a node with a zone is scored 0/0: int(NaN).
pub fn selector_spread_1_3_0(ask: &Ask<'_>) -> Vec<i64> {
    let selectors = ask.owners.selectors(ask.pod);
    if selectors.is_empty() {
        return vec![MAX; ask.feasible.len()];
    }
    let counts: Vec<i64> = ask.feasible.iter().map(|(_, info)| fellows(ask.pod, info, &selectors)).collect();
    spread(ask, &counts, counts.iter().copied().max().unwrap_or(0), |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::y2016::scheduler::tests::World;

    const ZONE: &str = "failure-domain.beta.kubernetes.io/zone";

    fn web() -> Pod {
        World::named("new", &[("app", "web")])
    }

    /// Nodes n1 to n4 with 2, 1, 0 and 0 fellows; n1 and n2 in zone a, n3 in b, n4 in none.
    fn world(zones: bool) -> World {
        let zone = |zone: &'static str| if zones { vec![(ZONE, zone)] } else { vec![] };
        World::default()
            .service(&[("app", "web")])
            .labelled("n1", &zone("a"))
            .labelled("n2", &zone("a"))
            .labelled("n3", &zone("b"))
            .labelled("n4", &[])
            .put("n1", World::named("p1", &[("app", "web")]))
            .put("n1", World::named("p2", &[("app", "web")]))
            .put("n2", World::named("p3", &[("app", "web")]))
    }

    #[test]
    fn without_zones_fellows_are_counted_on_nodes() {
        // (2 − n)/2·10: 0, 5, 10, 10. One terminating pod on n3 and one of another app on n4 do not count.
        let terminating = Pod { deleting: true, ..World::named("p4", &[("app", "web")]) };
        let world = world(false).put("n3", terminating).put("n4", World::named("p5", &[("app", "db")]));
        for spread in [selector_spread_1_2_4, selector_spread_1_3_0] {
            assert_eq!(world.score(&web(), spread), [0, 5, 10, 10]);
            // Nothing selects this pod.
            assert_eq!(world.score(&World::named("x", &[("app", "db")]), spread), [10; 4]);
        }
    }

    #[test]
    fn a_zone_weighs_two_thirds() {
        // Zone a has 3, the most; b has 0. n1: 0/3 + 0. n2: 5/3 + 0 = 1.67. n3: 10/3 + 2/3·10 = 10 in float32, or a little
        // less. n4 has no zone: 10.
        let third = 10.0f32 * NODE_WEIGHT + ZONE_WEIGHT * 10.0;
        for spread in [selector_spread_1_2_4, selector_spread_1_3_0] {
            assert_eq!(world(true).score(&web(), spread), [0, 1, third as i64, 10]);
        }
        assert_eq!(third, 10.0);
    }

    #[test]
    fn the_most_is_anywhere_in_v1_2_4_and_on_feasible_nodes_in_v1_3_0() {
        // Four fellows on a node that is gone: (4 − n)/4·10 = 5, 7, 10, 10 against (2 − n)/2·10.
        let mut world = world(false);
        for name in ["q1", "q2", "q3", "q4"] {
            world = world.put("gone", World::named(name, &[("app", "web")]));
        }
        assert_eq!(world.score(&web(), selector_spread_1_2_4), [5, 7, 10, 10]);
        assert_eq!(world.score(&web(), selector_spread_1_3_0), [0, 5, 10, 10]);
    }

    #[test]
    fn v1_3_0_divides_nothing_by_nothing() {
        let empty = World::default().service(&[("app", "web")]).labelled("n1", &[(ZONE, "a")]).labelled("n2", &[]);
        assert_eq!(empty.score(&web(), selector_spread_1_2_4), [10, 10]);
        assert_eq!(empty.score(&web(), selector_spread_1_3_0), [i64::MIN, 10]);
    }
}
