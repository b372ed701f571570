//! A node and the pods on it, with their sums.

use std::sync::Arc;

use crate::kube::y2016::node::Node;
use crate::kube::y2016::pod::{Amounts, Pod};

/// `NodeInfo` (`schedulercache/node_info.go`). v1.2.4 makes it anew for each pod, v1.3.0 keeps it; the sums are the
/// same.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NodeInfo {
    /// The node; `None` if there are only pods that are bound to its name.
    pub node: Option<Node>,
    /// Pods on it, terminating ones included.
    pub pods: Vec<Arc<Pod>>,
    /// What they asked for: `RequestedResource`.
    pub taken: Amounts,
    /// What they count as in scores: `NonZeroRequest`.
    pub non_zero: Amounts,
}

impl NodeInfo {
    /// `addPod`.
    pub fn add(&mut self, pod: Arc<Pod>) {
        self.taken.shift(pod.taken(), 1);
        self.non_zero.shift(pod.non_zero(), 1);
        self.pods.push(pod);
    }

    /// `removePod`; whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(at) = self.pods.iter().position(|pod| pod.key == key) else { return false };
        let pod = self.pods.swap_remove(at);
        self.taken.shift(pod.taken(), -1);
        self.non_zero.shift(pod.non_zero(), -1);
        true
    }
}
