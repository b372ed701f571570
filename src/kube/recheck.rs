//! A second look at a pod that fitted nowhere, at the nodes only that changed since.
//!
//! Where every filter that runs for a pod looks at the node alone, a node that did not change rejects it as before. The
//! look is exact there, and declines elsewhere.

use crate::kube::cycle::{Attempt, Scheduler};
use crate::kube::framework::{Code, Cycle, CycleState};
use crate::kube::object::pod::Pod;

/// Filters that look beyond the node.
const FAR_SIGHTED: [&str; 2] = ["PodTopologySpread", "InterPodAffinity"];

impl Attempt {
    /// Whether the pod was rejected by each node for itself: no filter looked further, none was left out, and nothing
    /// else ended the cycle.
    pub fn failed_node_by_node(&self, scheduler: &Scheduler) -> bool {
        let near = |name: &&str| {
            self.skipped_filter.contains(name) || !scheduler.framework.filter.iter().any(|a| a.info.name == *name)
        };
        !self.error
            && self.feasible.is_empty()
            && self.pre_filter.is_none()
            && self.pre_filter_nodes.is_none()
            && self.rejected.len() == scheduler.snapshot.nodes.len()
            && scheduler.nominator.is_empty()
            && FAR_SIGHTED.iter().all(near)
    }
}

impl Scheduler {
    /// Which plugin rejects `pod` on each of `nodes` (by name; those that are not there are passed over), or `None` if one
    /// of them would take it, or if more than the node counts. The pod must have
    /// [failed node by node](Attempt::failed_node_by_node) before, and no node may have come or gone since.
    pub fn recheck<'n>(
        &mut self,
        pod: &Pod,
        nodes: impl Iterator<Item = &'n str>,
    ) -> Option<Vec<(&'n str, &'static str)>> {
        if !self.nominator.is_empty() {
            return None;
        }
        self.cache.update(&mut self.snapshot);
        let cycle = Cycle { pod, snapshot: &self.snapshot, world: &self.world };
        let mut state = CycleState::default();
        let (narrowed, _) = self.run_pre_filters(&cycle, &mut state).ok()?;
        let runs = |name: &&str| {
            !state.skip_filter.contains(name) && self.framework.filter.iter().any(|a| a.info.name == *name)
        };
        if narrowed.is_some() || FAR_SIGHTED.iter().any(runs) {
            return None;
        }
        let mut rejected = Vec::new();
        for name in nodes {
            let Some(node) = self.snapshot.get(name) else { continue };
            let status = self.framework.run_filters(&cycle, &state, node).err()?;
            if status.code == Code::Error {
                return None;
            }
            rejected.push((name, status.plugin));
        }
        Some(rejected)
    }
}
