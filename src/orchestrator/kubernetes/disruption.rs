//! The disruption controller: how many pods each PodDisruptionBudget lets go at the moment.
//!
//! `pkg/controller/disruption/disruption.go` (v1.36.3) `getExpectedPodCount`, `updatePdbStatus`. A pod is healthy here from its
//! binding until it is told to end; readiness is not modelled. Expected are the pods that are in the system, which is
//! what their controllers want.

use std::collections::BTreeMap;

use crate::kube::object::other::{PodDisruptionBudget, Wanted};
use crate::kube::object::pod::Pod;

/// Pods of one budget.
#[derive(Clone, Copy, Default)]
struct Pods {
    expected: i64,
    healthy: i64,
}

/// Counts for all budgets, in their order.
pub(super) struct Disruption {
    pods: Vec<Pods>,
    /// Budgets that protect the pods of a class.
    of_class: BTreeMap<u32, Vec<usize>>,
}

impl Disruption {
    /// No pod is there yet.
    pub fn new(budgets: &[PodDisruptionBudget]) -> Self {
        Disruption { pods: vec![Pods::default(); budgets.len()], of_class: BTreeMap::new() }
    }

    /// A pod like `pod`, of `class`, came (1) or went for good (-1); or became healthy (1), or is no longer (-1).
    pub fn count(&mut self, budgets: &[PodDisruptionBudget], class: u32, pod: &Pod, expected: i64, healthy: i64) {
        let protecting = self.of_class.entry(class).or_insert_with(|| {
            let protects = |b: &PodDisruptionBudget| {
                b.namespace == pod.namespace && !b.selector.is_empty() && b.selector.matches(&pod.labels)
            };
            (0..budgets.len()).filter(|&i| protects(&budgets[i])).collect()
        });
        for &i in protecting.iter() {
            self.pods[i].expected += expected;
            self.pods[i].healthy += healthy;
        }
    }

    /// Writes `status.disruptionsAllowed` of budgets that say what they want; the others keep what their manifests say.
    pub fn update(&self, budgets: &mut [PodDisruptionBudget]) {
        for (budget, pods) in budgets.iter_mut().zip(&self.pods) {
            let Some(wanted) = budget.wanted else { continue };
            let healthy = match wanted {
                Wanted::MinAvailable(share) => share.of(pods.expected),
                Wanted::MaxUnavailable(share) => (pods.expected - share.of(pods.expected)).max(0),
            };
            let allowed = if pods.expected > 0 { (pods.healthy - healthy).max(0) } else { 0 };
            budget.disruptions_allowed = i32::try_from(allowed).unwrap_or(i32::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::object::Objects;

    fn allowed(wanted: &str, expected: i64, healthy: i64) -> i32 {
        let text = format!(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b}}\n\
             spec: {{selector: {{matchLabels: {{app: web}}}}, {wanted}}}\n---\napiVersion: v1\nkind: Pod\n\
             metadata: {{name: p, labels: {{app: web}}}}\nspec: {{containers: [{{name: c}}]}}\n"
        );
        let mut objects = Objects::default();
        objects.read_text(&text).unwrap();
        let mut disruption = Disruption::new(&objects.budgets);
        disruption.count(&objects.budgets, 0, &objects.pods[0], expected, healthy);
        disruption.update(&mut objects.budgets);
        objects.budgets[0].disruptions_allowed
    }

    #[test]
    fn a_budget_lets_go_what_is_healthy_beyond_what_it_wants() {
        assert_eq!(allowed("minAvailable: 2", 5, 4), 2);
        assert_eq!(allowed("minAvailable: 2", 5, 1), 0);
        // 50 % of 5, rounded up, is 3.
        assert_eq!(allowed("minAvailable: 50%", 5, 5), 2);
        // One of 5 may be missing, and one is.
        assert_eq!(allowed("maxUnavailable: 1", 5, 4), 0);
        assert_eq!(allowed("maxUnavailable: 30%", 5, 5), 2);
        assert_eq!(allowed("maxUnavailable: 1", 0, 0), 0);
    }
}
