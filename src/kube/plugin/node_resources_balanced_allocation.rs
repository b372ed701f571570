//! NodeResourcesBalancedAllocation: does the pod even the use of the node's resources out
//! (`noderesources/balanced_allocation.go` v1.36.3)? Since 1.35 the change counts, not the state: 75 is neutral.

use crate::kube::config::ResourceSpec;
use crate::kube::framework::{Cycle, CycleState, MAX_NODE_SCORE, Plugin, PluginInfo, Point, PreScore, Score, Status};
use crate::kube::object::pod::{Pod, amount};
use crate::kube::plugin::node_resources_fit::{Usage, usages};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesBalancedAllocation",
    weight: Some(1),
    summary: "favours nodes whose resources the pod would bring into balance",
    points: &[Point::PreScore, Point::Score],
    modelled: true,
    build: |args| Ok(Box::new(BalancedAllocation { resources: args.balanced_resources.clone() })),
};

/// The plugin with its resources.
pub struct BalancedAllocation {
    resources: Vec<ResourceSpec>,
}

/// What PreScore leaves: the pod's amount of each configured resource.
#[derive(Clone)]
struct Amounts(Vec<i64>);

impl BalancedAllocation {
    fn amounts(&self, pod: &Pod) -> Vec<i64> {
        self.resources.iter().map(|r| amount(&pod.requests.exact, &r.name)).collect()
    }
}

impl Plugin for BalancedAllocation {
    fn pre_score(&self) -> Option<&dyn PreScore> {
        Some(self)
    }
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl PreScore for BalancedAllocation {
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, _: &[&NodeInfo]) -> bool {
        let amounts = self.amounts(cycle.pod);
        // Best-effort pods would otherwise pile up on one node (kubernetes issue 129138).
        if amounts.iter().all(|amount| *amount == 0) {
            return false;
        }
        state.write(Amounts(amounts));
        true
    }
}

impl Score for BalancedAllocation {
    fn score(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let computed;
        let amounts = match state.read::<Amounts>() {
            Some(Amounts(amounts)) => amounts,
            None => {
                computed = self.amounts(cycle.pod);
                &computed
            }
        };
        if amounts.iter().all(|amount| *amount == 0) {
            return Ok(0);
        }
        let usages = usages(node, &self.resources, amounts, false);
        let with = balance(usages.clone(), |usage| usage.requested);
        let without = balance(usages, |usage| usage.allocated);
        Ok(MAX_NODE_SCORE / 2 + (MAX_NODE_SCORE / 2 + with - without) / 2)
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let amounts = self.amounts(cycle.pod);
        let usages = usages(node, &self.resources, &amounts, false);
        let side = |what: &str, used: fn(&Usage) -> i64| -> String {
            let fraction = |u: &Usage| format!("{} {}/{}", self.resources[u.index].name, used(u), u.allocatable);
            let list: Vec<String> = usages.clone().map(|u| fraction(&u)).collect();
            format!("{what} the pod {}: {}", list.join(", "), balance(usages.clone(), used))
        };
        let (with, without) = (balance(usages.clone(), |u| u.requested), balance(usages.clone(), |u| u.allocated));
        format!(
            "{}; {}; 50 + (50 + {with} - {without})/2 = {}",
            side("with", |u| u.requested),
            side("without", |u| u.allocated),
            Score::score(self, cycle, state, node).unwrap_or(0)
        )
    }
}

/// `balancedResourceScore`: 100 when all fractions are equal, 50 at worst. Operation by operation as in Go.
#[inline]
pub fn balance(usages: impl Iterator<Item = Usage> + Clone, used: impl Fn(&Usage) -> i64) -> i64 {
    let fractions = usages.map(|usage| {
        let fraction = used(&usage) as f64 / usage.allocatable as f64;
        if fraction > 1.0 { 1.0 } else { fraction }
    });
    let mut first = [0.0f64; 2];
    let mut count = 0usize;
    let mut total = 0.0f64;
    for fraction in fractions.clone() {
        total += fraction;
        if let Some(place) = first.get_mut(count) {
            *place = fraction;
        }
        count += 1;
    }
    let std = match count {
        0 | 1 => 0.0,
        2 => ((first[0] - first[1]) / 2.0).abs(),
        many => {
            let many = many as f64;
            let mean = total / many;
            let mut sum = 0.0f64;
            for fraction in fractions {
                sum += (fraction - mean) * (fraction - mean);
            }
            (sum / many).sqrt()
        }
    };
    ((1.0 - std) * MAX_NODE_SCORE as f64) as i64
}
