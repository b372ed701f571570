//! NodeResourcesBalancedAllocation: does the pod even the use of the node's resources out
//! (`noderesources/balanced_allocation.go` v1.36.3)? Since 1.35 the change counts, not the state: 75 is neutral.

use crate::kube::framework::{Cycle, CycleState, MAX_NODE_SCORE, Plugin, PluginInfo, Point, PreScore, Score, Status};
use crate::kube::object::pod::{Pod, amount};
use crate::kube::plugin::node_resources_fit::{Counted, Usage, counted, usages};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesBalancedAllocation",
    weight: Some(1),
    summary: "favours nodes whose resources the pod would bring into balance",
    points: &[Point::PreScore, Point::Score],
    modelled: true,
    build: |args| Ok(Box::new(BalancedAllocation { resources: counted(&args.balanced_resources) })),
};

/// The plugin with its resources.
pub struct BalancedAllocation {
    resources: Vec<Counted>,
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
        // Nearly always two resources: they stand in place, and more than eight on the heap.
        let mut place = [Usage::default(); 8];
        let mut heap = Vec::new();
        let usages = usages(node, &self.resources, amounts, false);
        let usages: &[Usage] = if self.resources.len() <= place.len() {
            let mut count = 0;
            for usage in usages {
                place[count] = usage;
                count += 1;
            }
            &place[..count]
        } else {
            heap.extend(usages);
            &heap
        };
        let with = balance(usages, |usage| usage.requested);
        let without = balance(usages, |usage| usage.allocated);
        Ok(MAX_NODE_SCORE / 2 + (MAX_NODE_SCORE / 2 + with - without) / 2)
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let amounts = self.amounts(cycle.pod);
        let usages: Vec<Usage> = usages(node, &self.resources, &amounts, false).collect();
        let side = |what: &str, used: fn(&Usage) -> i64| -> String {
            let fraction = |u: &Usage| format!("{} {}/{}", self.resources[u.index].name, used(u), u.allocatable);
            let list: Vec<String> = usages.iter().map(fraction).collect();
            format!("{what} the pod {}: {}", list.join(", "), balance(&usages, used))
        };
        let (with, without) = (balance(&usages, |u| u.requested), balance(&usages, |u| u.allocated));
        format!(
            "{}; {}; 50 + (50 + {with} - {without})/2 = {}",
            side("with", |u| u.requested),
            side("without", |u| u.allocated),
            Score::score(self, cycle, state, node).unwrap_or(0)
        )
    }
}

/// `balancedResourceScore`: 100 when all fractions are equal, 50 at worst. Operation by operation as in Go.
pub fn balance(usages: &[Usage], used: impl Fn(&Usage) -> i64) -> i64 {
    let fraction = |usage: &Usage| {
        let fraction = used(usage) as f64 / usage.allocatable as f64;
        if fraction > 1.0 { 1.0 } else { fraction }
    };
    let std = match usages {
        [a, b] => ((fraction(a) - fraction(b)) / 2.0).abs(),
        [] | [_] => 0.0,
        many => {
            let mut total = 0.0f64;
            for usage in many {
                total += fraction(usage);
            }
            let count = many.len() as f64;
            let mean = total / count;
            let mut sum = 0.0f64;
            for usage in many {
                sum += (fraction(usage) - mean) * (fraction(usage) - mean);
            }
            (sum / count).sqrt()
        }
    };
    ((1.0 - std) * MAX_NODE_SCORE as f64) as i64
}
