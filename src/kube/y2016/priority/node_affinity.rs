//! NodeAffinityPriority: the weights of the preferred terms that a node matches, against the most of any.

use super::{Ask, go_int};
use crate::kube::y2016::affinity::Term;

/// `CalculateNodeAffinityPriority` (`algorithm/priorities/node_affinity.go`). A broken term fails the priority as a
/// whole, which is then in effect left out: `PrioritizeNodes` looks for errors before its goroutines end. A term without
/// expressions matches nothing, whatever the comment there says.
pub fn node_affinity(ask: &Ask<'_>) -> Vec<i64> {
    let terms = || ask.pod.affinity.preferred.iter().filter(|(weight, _)| *weight != 0);
    if terms().any(|(_, term)| *term == Term::Broken) {
        return vec![0; ask.feasible.len()];
    }
    let mut counts = vec![0_i64; ask.feasible.len()];
    let mut most = 0;
    for (weight, term) in terms() {
        for (count, (node, _)) in counts.iter_mut().zip(ask.feasible) {
            if term.matches(&node.labels) {
                *count = count.wrapping_add(*weight);
            }
            most = most.max(*count);
        }
    }
    let score = |count: i64| if most > 0 { go_int(10.0 * (count as f64 / most as f64)) } else { 0 };
    counts.into_iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::y2016::affinity::Affinity;
    use crate::kube::y2016::pod::Pod;
    use crate::kube::y2016::scheduler::tests::World;

    fn prefers(terms: &[(i64, &str)]) -> Pod {
        let item = |(weight, term): &(i64, &str)| {
            format!("{{\"weight\": {weight}, \"preference\": {{\"matchExpressions\": [{term}]}}}}")
        };
        let terms: Vec<String> = terms.iter().map(item).collect();
        let name = "preferredDuringSchedulingIgnoredDuringExecution";
        let text = format!("{{\"nodeAffinity\": {{\"{name}\": [{}]}}}}", terms.join(","));
        let affinity = Affinity::parse(&text);
        assert!(!affinity.unreadable, "{text}");
        Pod { affinity, ..World::pod(0, 0) }
    }

    const A: &str = r#"{"key": "a", "operator": "Exists"}"#;
    const B: &str = r#"{"key": "b", "operator": "Exists"}"#;

    #[test]
    fn weights_are_summed_and_scaled_to_the_most() {
        let world =
            World::default().labelled("n1", &[("a", "")]).labelled("n2", &[("a", ""), ("b", "")]).labelled("n3", &[]);
        // Sums 3, 10, 0 of 10: 10·0.3 = 3, 10, 0. Sums 2, 3, 0 of 3: int(6.67) = 6.
        assert_eq!(world.score(&prefers(&[(3, A), (7, B)]), node_affinity), [3, 10, 0]);
        assert_eq!(world.score(&prefers(&[(2, A), (1, B)]), node_affinity), [6, 10, 0]);
        assert_eq!(world.score(&prefers(&[]), node_affinity), [0, 0, 0]);
        assert_eq!(world.score(&prefers(&[(5, "")]), node_affinity), [0, 0, 0]);
    }

    #[test]
    fn a_broken_term_leaves_the_priority_out_unless_it_weighs_nothing() {
        let broken = r#"{"key": "a", "operator": "Like"}"#;
        let world = World::default().labelled("n1", &[("a", "")]).labelled("n2", &[]);
        assert_eq!(world.score(&prefers(&[(3, A), (1, broken)]), node_affinity), [0, 0]);
        assert_eq!(world.score(&prefers(&[(3, A), (0, broken)]), node_affinity), [10, 0]);
    }
}
