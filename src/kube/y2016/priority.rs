//! How well a node that fits suits a pod: the priorities of the default provider, each 0 to 10.
//!
//! A sum is a sum of integers, and a fraction the same float operations in the same order; Go on amd64 does not fuse
//! them.

mod balanced;
mod least_requested;
mod node_affinity;
mod selector_spread;
mod taint_toleration;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use balanced::balanced_resource_allocation;
pub use least_requested::least_requested;
pub use node_affinity::node_affinity;
pub use selector_spread::{selector_spread_1_2_4, selector_spread_1_3_0};
pub use taint_toleration::taint_toleration;

use crate::kube::y2016::node::Node;
use crate::kube::y2016::node_info::NodeInfo;
use crate::kube::y2016::owners::Owners;
use crate::kube::y2016::pod::{Amounts, Pod};

/// The greatest score of a priority.
pub const MAX: i64 = 10;

/// What a priority sees.
pub struct Ask<'a> {
    /// The pod to be placed.
    pub pod: &'a Pod,
    /// Nodes that fit, with what is on them.
    pub feasible: &'a [(&'a Node, &'a NodeInfo)],
    /// What is on every node, by its name; also on nodes that are gone.
    pub all: &'a BTreeMap<Arc<str>, NodeInfo>,
    /// Services and controllers.
    pub owners: &'a Owners,
}

/// One priority: a score for each feasible node, in order.
pub type Score = fn(&Ask<'_>) -> Vec<i64>;

/// Go's conversion of a float to a 64-bit integer on amd64 (CVTTSD2SQ): truncated, and −2⁶³ for what is out of range or
/// no number.
pub fn go_int(value: f64) -> i64 {
    const OUT: f64 = 9_223_372_036_854_775_808.0;
    if value > -OUT && value < OUT { value as i64 } else { i64::MIN }
}

/// What CPU and memory a node would count as having in use with the pod on it, in scores.
fn with_pod(pod: &Pod, info: &NodeInfo) -> Amounts {
    let mut sum = info.non_zero;
    sum.shift(pod.non_zero(), 1);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_integers_as_on_amd64() {
        for (value, integer) in [
            (9.99, 9),
            (-0.5, 0),
            (-1.5, -1),
            (f64::NAN, i64::MIN),
            (f64::INFINITY, i64::MIN),
            (1e19, i64::MIN),
            (-1e19, i64::MIN),
        ] {
            assert_eq!(go_int(value), integer, "{value}");
        }
    }
}
