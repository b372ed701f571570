//! The disruption controller: how many pods each PodDisruptionBudget lets go at the moment.
//!
//! `pkg/controller/disruption/disruption.go` (v1.36.3) `getExpectedPodCount`, `updatePdbStatus`. A pod is healthy here from its
//! binding until it is told to end, while its node is heard; readiness is not modelled. Expected are the pods that are in
//! the system, which is what their controllers want. A granted eviction counts at once, because the pod is told to end.

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
    budgets: Vec<PodDisruptionBudget>,
    pods: Vec<Pods>,
    /// Budgets that protect the pods of a class.
    of_class: BTreeMap<u32, Vec<usize>>,
}

impl Disruption {
    /// No pod is there yet.
    pub fn new(budgets: Vec<PodDisruptionBudget>) -> Self {
        Disruption { pods: vec![Pods::default(); budgets.len()], budgets, of_class: BTreeMap::new() }
    }

    /// Whether there are no budgets.
    pub fn is_empty(&self) -> bool {
        self.budgets.is_empty()
    }

    /// A pod like `pod`, of `class`, came (1) or went for good (-1); or became healthy (1), or is no longer (-1).
    pub fn count(&mut self, class: u32, pod: &Pod, expected: i64, healthy: i64) {
        for i in self.protecting(class, pod) {
            self.pods[i].expected += expected;
            self.pods[i].healthy += healthy;
        }
    }

    fn protecting(&mut self, class: u32, pod: &Pod) -> Vec<usize> {
        let budgets = &self.budgets;
        let of_class = self.of_class.entry(class).or_insert_with(|| {
            let protects = |b: &PodDisruptionBudget| {
                b.namespace == pod.namespace && !b.selector.is_empty() && b.selector.matches(&pod.labels)
            };
            (0..budgets.len()).filter(|&i| protects(&budgets[i])).collect()
        });
        of_class.clone()
    }

    /// How many pods of budget `i` are to be healthy; `None`: what it allows stands in its manifest.
    fn desired(&self, i: usize) -> Option<i64> {
        let expected = self.pods[i].expected;
        Some(match self.budgets[i].wanted? {
            Wanted::MinAvailable(share) => share.of(expected),
            Wanted::MaxUnavailable(share) => (expected - share.of(expected)).max(0),
        })
    }

    /// How many pods of budget `i` may go.
    fn allowed(&self, i: usize) -> i64 {
        match self.desired(i) {
            Some(desired) if self.pods[i].expected > 0 => (self.pods[i].healthy - desired).max(0),
            Some(_) => 0,
            None => self.budgets[i].disruptions_allowed.into(),
        }
    }

    /// Whether the API evicts a pod like `pod` of `class`. One that is not `healthy` may go as long as enough others are
    /// (`IfHealthyBudget`).
    pub fn allows(&mut self, class: u32, pod: &Pod, healthy: bool) -> bool {
        self.protecting(class, pod).into_iter().all(|i| {
            let enough = self.desired(i).is_some_and(|desired| self.pods[i].healthy >= desired && desired > 0);
            self.allowed(i) > 0 || !healthy && enough
        })
    }

    /// Writes `status.disruptionsAllowed` of budgets that say what they want; the others keep what their manifests say.
    pub fn update(&self, budgets: &mut [PodDisruptionBudget]) {
        for (i, budget) in budgets.iter_mut().enumerate().filter(|(_, budget)| budget.wanted.is_some()) {
            budget.disruptions_allowed = i32::try_from(self.allowed(i)).unwrap_or(i32::MAX);
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
        let mut disruption = Disruption::new(objects.budgets.clone());
        disruption.count(0, &objects.pods[0], expected, healthy);
        assert_eq!(disruption.allows(0, &objects.pods[0], true), disruption.allowed(0) > 0);
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
