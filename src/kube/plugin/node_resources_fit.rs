//! NodeResourcesFit: is there room, and how full would the node be (`noderesources/fit.go`,
//! `{least,most}_allocated.go`, `requested_to_capacity_ratio.go`, `resource_allocation.go` v1.36.3).

use crate::kube::config::{ResourceSpec, ScoringStrategy, StrategyType};
use crate::kube::framework::{
    Code, Cycle, CycleState, Filter, FilterResult, MAX_NODE_SCORE, Plugin, PluginInfo, Point, PreFilter,
    PreFilterOutcome, PreScore, Score, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::node::Node;
use crate::kube::object::pod::{Pod, amount};
use crate::kube::object::resources::{Resources, is_extended, is_scalar};
use crate::kube::snapshot::NodeInfo;
use crate::kube::status::Reasons;
use crate::units::{Bytes, MilliCpu};

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeResourcesFit",
    weight: Some(1),
    summary: "only nodes with room for the requests; scores by LeastAllocated, MostAllocated or a given shape",
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    modelled: true,
    build: |args| {
        Ok(Box::new(NodeResourcesFit {
            ignored_resources: args.ignored_resources.clone(),
            ignored_groups: args.ignored_resource_groups.clone(),
            resources: counted(&args.scoring_strategy.resources),
            strategy: args.scoring_strategy.clone(),
        }))
    },
};

/// The plugin with its arguments.
pub struct NodeResourcesFit {
    ignored_resources: Vec<String>,
    ignored_groups: Vec<String>,
    /// Those of `strategy`.
    resources: Vec<Counted>,
    strategy: ScoringStrategy,
}

/// PreFilter ran; the requests are in the pod.
#[derive(Clone)]
struct Prepared;

/// What PreScore leaves: the pod's amount of each configured resource.
#[derive(Clone)]
struct Amounts(Vec<i64>);

/// A resource of which a node has too little.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortage<'a> {
    /// `pods`, `cpu`, `memory`, …
    pub resource: &'a str,
    /// What the pod asks for.
    pub requested: i64,
    /// What is taken already.
    pub used: i64,
    /// What the node has.
    pub capacity: i64,
}

impl Shortage<'_> {
    /// Whether the empty node would not do either. Pods are never unresolvable.
    pub fn unresolvable(&self) -> bool {
        self.resource != "pods" && self.requested > self.capacity
    }
}

impl NodeResourcesFit {
    /// Whether this resource is left to others: `ignoredResources`, `ignoredResourceGroups`.
    fn ignores(&self, name: &str) -> bool {
        if !is_extended(name) {
            return false;
        }
        let group = name.split('/').next().unwrap_or_default();
        self.ignored_resources.iter().any(|n| n == name) || self.ignored_groups.iter().any(|g| g == group)
    }

    /// Everything that does not fit.
    pub fn shortages<'a>(&self, pod: &'a Pod, node: &NodeInfo) -> Vec<Shortage<'a>> {
        let mut short = Vec::new();
        let (request, count) = (&pod.requests.resources, node.pods.len() as i64);
        let ignored = |name: &str| self.ignores(name);
        shortages(request, &node.node.allocatable, &node.requested, count, ignored, |s| short.push(s));
        short
    }

    /// The score of one resource that would be used up to `u` of `a`.
    fn resource_score(&self, u: i64, a: i64) -> i64 {
        match self.strategy.kind {
            StrategyType::LeastAllocated if u > a => 0,
            StrategyType::LeastAllocated => a.wrapping_sub(u).wrapping_mul(MAX_NODE_SCORE).wrapping_div(a),
            StrategyType::MostAllocated => u.min(a).wrapping_mul(MAX_NODE_SCORE).wrapping_div(a),
            StrategyType::RequestedToCapacityRatio => {
                let p = if u > a { 100 } else { u.wrapping_mul(100).wrapping_div(a) };
                broken_linear(&self.strategy.shape, p)
            }
        }
    }

    fn amounts(&self, pod: &Pod) -> Vec<i64> {
        self.resources.iter().map(|r| amount(&pod.requests.score, &r.name)).collect()
    }
}

/// `fitsRequest`: tells `found` everything that does not fit beside `count` pods that take `used`.
#[inline]
fn shortages<'a>(
    request: &'a Resources,
    has: &Resources,
    used: &Resources,
    count: i64,
    ignored: impl Fn(&str) -> bool,
    mut found: impl FnMut(Shortage<'a>),
) {
    if count + 1 > has.pods {
        found(Shortage { resource: "pods", requested: 1, used: count, capacity: has.pods });
    }
    // A pod that asks for nothing at all ends here in Go: a request of 0 never exceeds what is there below either.
    for (name, requested, used, capacity) in [
        ("cpu", request.milli_cpu, used.milli_cpu, has.milli_cpu),
        ("memory", request.memory, used.memory, has.memory),
        ("ephemeral-storage", request.ephemeral_storage, used.ephemeral_storage, has.ephemeral_storage),
    ] {
        if requested > 0 && requested > capacity.wrapping_sub(used) {
            found(Shortage { resource: name, requested, used, capacity });
        }
    }
    // Go walks a map here, in random order; the vectors give these sorted.
    for (name, requested) in request.scalar.iter().filter(|(_, requested)| **requested != 0) {
        if ignored(name) {
            continue;
        }
        let of = |resources: &Resources| resources.scalar.get(name).copied().unwrap_or(0);
        let (requested, used, capacity) = (*requested, of(used), of(has));
        if requested > capacity.wrapping_sub(used) {
            found(Shortage { resource: name, requested, used, capacity });
        }
    }
}

/// `BuildBrokenLinearFunction` (`plugins/helper/shape_score.go`); points are (utilisation, score ×10). The quotient
/// is truncated toward zero, which matters where the shape falls.
fn broken_linear(shape: &[(i64, i64)], p: i64) -> i64 {
    for (i, (utilization, score)) in shape.iter().enumerate() {
        if p <= *utilization {
            let Some((last_utilization, last_score)) = i.checked_sub(1).map(|j| shape[j]) else { return *score };
            return last_score + (score - last_score) * (p - last_utilization) / (utilization - last_utilization);
        }
    }
    shape.last().map_or(0, |(_, score)| *score)
}

/// A configured resource, looked up by kind instead of by name.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: i64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Cpu,
    Memory,
    EphemeralStorage,
    /// One that is left out where the pod does not ask for it.
    Scalar,
    /// A native one that a node's vector does not hold.
    Other,
}

/// The configured resources, ready to be counted.
pub fn counted(resources: &[ResourceSpec]) -> Vec<Counted> {
    let kind = |name: &str| match name {
        "cpu" => Kind::Cpu,
        "memory" => Kind::Memory,
        "ephemeral-storage" => Kind::EphemeralStorage,
        name if is_scalar(name) => Kind::Scalar,
        _ => Kind::Other,
    };
    resources.iter().map(|r| Counted { name: r.name.clone(), weight: r.weight, kind: kind(&r.name) }).collect()
}

/// Allocatable and allocated of a resource on a node: `calculateResourceAllocatableRequest`. With `stand_ins` CPU and
/// memory are those of NonZeroRequested.
#[inline]
fn allocatable_and_allocated(node: &NodeInfo, resource: &Counted, stand_ins: bool) -> (i64, i64) {
    let (has, used) = (&node.node.allocatable, &node.requested);
    match resource.kind {
        Kind::Cpu => (has.milli_cpu, if stand_ins { node.non_zero_milli_cpu } else { used.milli_cpu }),
        Kind::Memory => (has.memory, if stand_ins { node.non_zero_memory } else { used.memory }),
        Kind::EphemeralStorage => (has.ephemeral_storage, used.ephemeral_storage),
        Kind::Scalar | Kind::Other => match has.scalar.get(&resource.name) {
            Some(allocatable) => (*allocatable, used.scalar.get(&resource.name).copied().unwrap_or(0)),
            None => (0, 0),
        },
    }
}

/// What one resource adds to a score.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Position of the resource in the configured list.
    pub index: usize,
    /// What the node has.
    pub allocatable: i64,
    /// What is taken without the pod.
    pub allocated: i64,
    /// What would be taken with it.
    pub requested: i64,
}

/// The resources that count on this node: `calculateNodeAllocatableRequest`. A scalar that the pod does not ask for
/// and a resource that the node does not have are left out.
#[inline]
pub fn usages<'a>(
    node: &'a NodeInfo,
    resources: &'a [Counted],
    amounts: &'a [i64],
    stand_ins: bool,
) -> impl Iterator<Item = Usage> + 'a {
    resources.iter().zip(amounts).enumerate().filter_map(move |(index, (resource, amount))| {
        if *amount == 0 && matches!(resource.kind, Kind::Scalar) {
            return None;
        }
        let (allocatable, allocated) = allocatable_and_allocated(node, resource, stand_ins);
        (allocatable != 0).then(|| Usage { index, allocatable, allocated, requested: allocated.wrapping_add(*amount) })
    })
}

impl Plugin for NodeResourcesFit {
    fn pre_filter(&self) -> Option<&dyn PreFilter> {
        Some(self)
    }
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
    fn pre_score(&self) -> Option<&dyn PreScore> {
        Some(self)
    }
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
    fn hint(&self) -> Option<&dyn Hint> {
        Some(self)
    }
}

impl Hint for NodeResourcesFit {
    fn events(&self) -> &'static [Action] {
        &[Action::PodDelete, Action::NodeAdd, Action::NodeAllocatable]
    }

    /// `isSchedulableAfterPodEvent`: any pod that is gone from a node. `isSchedulableAfterNodeChange`: the pod fits on
    /// the node when it is empty, and of an older node something that the pod asks for grew. Ignored resources are
    /// not ignored here.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        let request = &pod.requests.resources;
        let fits = |node: &Node| {
            let mut fits = true;
            shortages(request, &node.allocatable, &Resources::default(), 0, |_| false, |_| fits = false);
            fits
        };
        match event {
            ClusterEvent::PodDeleted(_) => true,
            ClusterEvent::NodeAdded(node) => fits(node),
            ClusterEvent::NodeUpdated { old, new } => fits(new) && grew(request, &old.allocatable, &new.allocatable),
            _ => false,
        }
    }
}

/// `haveAnyRequestedResourcesIncreased`.
fn grew(request: &Resources, old: &Resources, new: &Resources) -> bool {
    let of = |resources: &Resources, name: &str| resources.scalar.get(name).copied().unwrap_or(0);
    new.pods > old.pods
        || (request.milli_cpu > 0 && new.milli_cpu > old.milli_cpu)
        || (request.memory > 0 && new.memory > old.memory)
        || (request.ephemeral_storage > 0 && new.ephemeral_storage > old.ephemeral_storage)
        || request.scalar.iter().any(|(name, amount)| *amount != 0 && of(new, name) > of(old, name))
}

impl PreFilter for NodeResourcesFit {
    fn pre_filter(&self, _: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome {
        state.write(Prepared);
        PreFilterOutcome::All
    }
}

impl Filter for NodeResourcesFit {
    fn filter(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        state.read::<Prepared>().ok_or_else(|| Status::no_state("PreFilterNodeResourcesFit"))?;
        let mut reasons = Reasons::NONE;
        let mut unresolvable = false;
        let (request, count) = (&cycle.pod.requests.resources, node.pods.len() as i64);
        let ignored = |name: &str| self.ignores(name);
        shortages(request, &node.node.allocatable, &node.requested, count, ignored, |short| {
            unresolvable |= short.unresolvable();
            match short.resource {
                "pods" => reasons.push("Too many pods"),
                "cpu" => reasons.push("Insufficient cpu"),
                "memory" => reasons.push("Insufficient memory"),
                other => reasons.push(format!("Insufficient {other}")),
            }
        });
        if reasons.is_empty() {
            return Ok(());
        }
        let code = if unresolvable { Code::UnschedulableAndUnresolvable } else { Code::Unschedulable };
        Err(Status { plugin: "", code, reasons })
    }

    fn remedy(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Option<String> {
        let change = |s: &Shortage<'_>| -> String {
            let over = s.requested.saturating_sub(s.capacity.saturating_sub(s.used));
            match s.resource {
                "pods" => format!("{over} fewer of the {} pods ran here", s.used),
                "cpu" => format!("cpu were {} less", MilliCpu(over)),
                "memory" | "ephemeral-storage" => format!("{} were {} less", s.resource, Bytes(over)),
                other => format!("{other} were {over} less"),
            }
        };
        let changes: Vec<String> = self.shortages(cycle.pod, node).iter().map(change).collect();
        Some(format!("fits if {}", changes.join(" and ")))
    }
}

impl PreScore for NodeResourcesFit {
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, _: &[&NodeInfo]) -> bool {
        state.write(Amounts(self.amounts(cycle.pod)));
        true
    }
}

impl Score for NodeResourcesFit {
    fn score(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let computed;
        let amounts = match state.read::<Amounts>() {
            Some(Amounts(amounts)) => amounts,
            None => {
                computed = self.amounts(cycle.pod);
                &computed
            }
        };
        let mut node_score = 0i64;
        let mut weight_sum = 0i64;
        let ratio = self.strategy.kind == StrategyType::RequestedToCapacityRatio;
        for usage in usages(node, &self.resources, amounts, true) {
            let weight = self.resources[usage.index].weight;
            let score = self.resource_score(usage.requested, usage.allocatable);
            // RequestedToCapacityRatio leaves a resource that scores 0 out of the mean altogether.
            if ratio && score <= 0 {
                continue;
            }
            node_score = node_score.wrapping_add(score.wrapping_mul(weight));
            weight_sum += weight;
        }
        if weight_sum == 0 {
            return Ok(0);
        }
        // The ratio rounds half away from zero, the others truncate.
        Ok(if ratio {
            (node_score as f64 / weight_sum as f64).round() as i64
        } else {
            node_score.wrapping_div(weight_sum)
        })
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let ratio = self.strategy.kind == StrategyType::RequestedToCapacityRatio;
        let (mut parts, mut sum, mut weights) = (Vec::new(), Vec::new(), 0);
        for usage in usages(node, &self.resources, &self.amounts(cycle.pod), true) {
            let Counted { name, weight, .. } = &self.resources[usage.index];
            let (u, a) = (usage.requested, usage.allocatable);
            let score = self.resource_score(u, a);
            parts.push(match self.strategy.kind {
                StrategyType::LeastAllocated if u > a => format!("{name} {u} of {a} is over: {score}"),
                StrategyType::LeastAllocated => format!("{name} ({a}-{u})*100/{a} = {score}"),
                StrategyType::MostAllocated => format!("{name} {}*100/{a} = {score}", u.min(a)),
                StrategyType::RequestedToCapacityRatio => {
                    let p = if u > a { 100 } else { u.wrapping_mul(100).wrapping_div(a) };
                    format!("{name} {u}*100/{a} = {p}%, by the shape {score}")
                }
            });
            if !ratio || score > 0 {
                sum.push(format!("{score}*{weight}"));
                weights += weight;
            }
        }
        let score = Score::score(self, cycle, state, node).unwrap_or(0);
        let rounded = if ratio { ", rounded" } else { "" };
        parts.push(if sum.is_empty() {
            format!("nothing counts = {score}")
        } else {
            format!("({})/{weights}{rounded} = {score}", sum.join("+"))
        });
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn a_falling_shape_truncates_toward_zero() {
        let shape = [(0, 100), (30, 0)];
        // 100 + (0-100)*1/30 = 100 - 3.33 → 100 - 3 = 97
        assert_eq!(broken_linear(&shape, 1), 97);
        assert_eq!(broken_linear(&shape, 0), 100);
        assert_eq!(broken_linear(&shape, 99), 0);
    }

    #[test]
    fn a_deleted_pod_always_wakes_it_and_a_node_if_it_would_fit_there() {
        let waiting = pod("a", "", "containers: [{name: c, resources: {requests: {cpu: 4, example.com/gpu: 1}}}]");
        let bound = Pod { node_name: Some("n".into()), ..pod("b", "", "") };
        assert!(worth("NodeResourcesFit", &waiting, &ClusterEvent::PodDeleted(&bound)));
        assert!(!worth("NodeResourcesFit", &waiting, &ClusterEvent::PodAdded(&bound)));
        for (allocatable, want) in [
            ("cpu: 4, pods: 1, example.com/gpu: 1", true),
            ("cpu: 3, pods: 1, example.com/gpu: 1", false),
            ("cpu: 4, pods: 1", false),
            ("cpu: 4, pods: 0, example.com/gpu: 1", false),
        ] {
            let added = node("n", "", "", allocatable);
            assert_eq!(worth("NodeResourcesFit", &waiting, &ClusterEvent::NodeAdded(&added)), want, "{allocatable}");
        }
    }

    #[test]
    fn a_node_that_grew_wakes_it_only_in_what_it_asks_for() {
        let waiting = pod("a", "", "containers: [{name: c, resources: {requests: {cpu: 4}}}]");
        let old = node("n", "", "", "cpu: 8, memory: 8Gi, pods: 10");
        for (allocatable, want) in [
            ("cpu: 9, memory: 8Gi, pods: 10", true),
            ("cpu: 8, memory: 9Gi, pods: 10", false),
            ("cpu: 8, memory: 8Gi, pods: 11", true),
            ("cpu: 7, memory: 8Gi, pods: 10", false),
            ("cpu: 3, memory: 8Gi, pods: 11", false),
        ] {
            let new = node("n", "", "", allocatable);
            let event = ClusterEvent::NodeUpdated { old: &old, new: &new };
            assert_eq!(worth("NodeResourcesFit", &waiting, &event), want, "{allocatable}");
        }
    }
}
