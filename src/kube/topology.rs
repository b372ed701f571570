//! The domains into which the values of one node label divide the nodes.
//!
//! Worked out once for each list of nodes, so that a cycle counts in columns instead of looking label values up.

use std::collections::BTreeMap;

use crate::kube::snapshot::NodeInfo;

/// No such label.
const ABSENT: u32 = u32::MAX;

/// The domains of a topology key.
#[derive(Clone, Debug)]
pub struct Topology {
    /// By position of the node.
    domains: Vec<u32>,
    /// How many values there are, with the empty one, whose domain is 0.
    len: usize,
}

impl Topology {
    /// The domains of `key` over the nodes of a snapshot.
    pub(super) fn of(nodes: &[NodeInfo], key: &str) -> Self {
        let mut ids: BTreeMap<&str, u32> = BTreeMap::from([("", 0)]);
        let domains = nodes.iter().map(|node| {
            let Some(value) = node.node.labels.get(key) else { return ABSENT };
            let next = ids.len() as u32;
            *ids.entry(value).or_insert(next)
        });
        let domains = domains.collect();
        Topology { domains, len: ids.len() }
    }

    /// The node's domain; `None` without the label.
    #[inline]
    pub fn domain(&self, node: &NodeInfo) -> Option<usize> {
        let domain = self.domains[node.position()];
        (domain != ABSENT).then_some(domain as usize)
    }

    /// The domain of the node at a position; `None` without the label.
    #[inline]
    pub fn at(&self, position: usize) -> Option<usize> {
        let domain = self.domains[position];
        (domain != ABSENT).then_some(domain as usize)
    }

    /// The node's domain, where no label is as good as an empty one.
    #[inline]
    pub fn domain_or_blank(&self, node: &NodeInfo) -> usize {
        self.domain(node).unwrap_or(0)
    }

    /// How many domains there can be.
    #[allow(clippy::len_without_is_empty, reason = "there is always the empty value")]
    pub fn len(&self) -> usize {
        self.len
    }
}
