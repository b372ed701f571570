//! PodTopologySpread: pods evenly over zones, hosts, racks (`podtopologyspread/{common,filtering,scoring}.go` and
//! `helper/spread.go` v1.36.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kube::config::Args;
use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, MAX_NODE_SCORE, NormalizeScore, Plugin, PluginInfo, Point, PreFilter,
    PreFilterOutcome, PreScore, Score, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::kinds::Memo;
use crate::kube::object::affinity::{SpreadConstraint, WhenUnsatisfiable};
use crate::kube::object::node::Node;
use crate::kube::object::other::ControllerKind;
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::{Labels, Selector};
use crate::kube::plugin::taint_toleration::has_untolerated_taint;
use crate::kube::snapshot::NodeInfo;
use crate::kube::topology::Topology;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "PodTopologySpread",
    weight: Some(2),
    summary: "keeps pods evenly spread over topology domains, as a filter or as a score",
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    modelled: true,
    build: |args| Ok(Box::new(PodTopologySpread::new(args))),
};

/// The label whose every value is one node.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// `systemDefaultConstraints`.
fn system_defaults() -> Vec<SpreadConstraint> {
    vec![
        SpreadConstraint::new(HOSTNAME, 3, WhenUnsatisfiable::ScheduleAnyway),
        SpreadConstraint::new("topology.kubernetes.io/zone", 5, WhenUnsatisfiable::ScheduleAnyway),
    ]
}

/// The plugin with its default constraints.
pub struct PodTopologySpread {
    system_defaulted: bool,
    defaults: Vec<SpreadConstraint>,
}

/// What PreFilter leaves.
#[derive(Clone)]
struct FilterState {
    constraints: Arc<Vec<SpreadConstraint>>,
    /// By constraint: label value → matching pods.
    counts: Vec<BTreeMap<String, i64>>,
    /// By constraint: the least count ([`least`]).
    least: Vec<i64>,
    /// By constraint: 1 if it counts the pod itself.
    own: Vec<i64>,
}

/// What PreScore leaves.
#[derive(Clone)]
struct ScoreState {
    constraints: Vec<SpreadConstraint>,
    /// By constraint.
    topologies: Vec<Arc<Topology>>,
    /// By position: nodes that are not scored, for want of a label.
    ignored: Vec<bool>,
    /// By constraint and domain: matching pods, where a node that passed is in the domain. For hostname by position.
    counts: Vec<Vec<Option<i64>>>,
    /// By constraint: ln(domains + 2).
    weights: Vec<f64>,
}

impl ScoreState {
    fn ignores(&self, node: &NodeInfo) -> bool {
        self.ignored[node.position()]
    }

    /// The pods that the `i`-th constraint counts where this node is; `None` without the label.
    fn count(&self, i: usize, node: &NodeInfo) -> Option<i64> {
        let domain = self.topologies[i].domain(node)?;
        let hosts = self.constraints[i].topology_key == HOSTNAME;
        Some(self.counts[i][if hosts { node.position() } else { domain }].unwrap_or(0))
    }
}

impl PodTopologySpread {
    fn new(args: &Args) -> Self {
        PodTopologySpread {
            system_defaulted: args.system_defaulting,
            defaults: if args.system_defaulting { system_defaults() } else { args.default_constraints.clone() },
        }
    }

    /// The pod's constraints of one kind, or else the defaults with the selector of what owns the pod:
    /// `filterTopologySpreadConstraints`, `buildDefaultConstraints`.
    fn constraints(&self, pod: &Pod, world: &World, when: WhenUnsatisfiable) -> Vec<SpreadConstraint> {
        let of_kind = |c: &&SpreadConstraint| c.when_unsatisfiable == when;
        if !pod.spread.is_empty() {
            return pod.spread.iter().filter(of_kind).cloned().collect();
        }
        let mut constraints: Vec<SpreadConstraint> = self.defaults.iter().filter(of_kind).cloned().collect();
        if constraints.is_empty() {
            return constraints;
        }
        let selector = default_selector(pod, world);
        if selector.is_empty() {
            return Vec::new();
        }
        for constraint in &mut constraints {
            constraint.selector = selector.clone();
        }
        constraints
    }
}

/// The constraints of one kind that hold for the pod, its own or default ones.
pub fn constraints(args: &Args, pod: &Pod, world: &World, when: WhenUnsatisfiable) -> Vec<SpreadConstraint> {
    PodTopologySpread::new(args).constraints(pod, world, when)
}

/// `helper.DefaultSelector`: the selectors of the services that select the pod, and of its owner.
fn default_selector(pod: &Pod, world: &World) -> Selector {
    let mut labels = Labels::new();
    for service in world.services.iter().filter(|s| s.namespace == pod.namespace) {
        let Some(selector) = &service.selector else { continue };
        if selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value)) {
            labels.extend(selector.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    let Some(owner) = &pod.owner else { return Selector::of_labels(&labels) };
    let kind = match (owner.api_version.as_str(), owner.kind.as_str()) {
        ("v1", "ReplicationController") => ControllerKind::ReplicationController,
        ("apps/v1", "ReplicaSet") => ControllerKind::ReplicaSet,
        ("apps/v1", "StatefulSet") => ControllerKind::StatefulSet,
        _ => return Selector::of_labels(&labels),
    };
    let Some(controller) = world.controllers.get(&(kind, pod.namespace.clone(), owner.name.clone())) else {
        return Selector::of_labels(&labels);
    };
    if kind == ControllerKind::ReplicationController {
        labels.extend(controller.selector_labels.iter().map(|(k, v)| (k.clone(), v.clone())));
        return Selector::of_labels(&labels);
    }
    let mut selector = Selector::of_labels(&labels);
    if let Selector::All(requirements) = &controller.selector {
        selector.add(requirements.iter().cloned());
    }
    selector
}

/// Whether a node counts for a constraint: `matchNodeInclusionPolicies`.
fn included(constraint: &SpreadConstraint, pod: &Pod, node: &Node) -> bool {
    (!constraint.honor_node_affinity || pod.node_affinity.matches(node))
        && (!constraint.honor_node_taints || !has_untolerated_taint(node, &pod.tolerations))
}

/// `minMatchNum`: the least count over the domains, 0 where there are fewer than `minDomains`. Go keeps the two least
/// in criticalPaths; within the dry run of one node that is the minimum over all.
fn least(constraint: &SpreadConstraint, counts: &BTreeMap<String, i64>) -> i64 {
    let too_few = (counts.len() as i64) < i64::from(constraint.min_domains);
    if too_few { 0 } else { counts.values().min().copied().unwrap_or(i64::from(i32::MAX)) }
}

fn has_all_keys(node: &Node, constraints: &[SpreadConstraint]) -> bool {
    constraints.iter().all(|c| node.labels.contains_key(&c.topology_key))
}

/// `countPodsMatchSelector`. An empty selector counts nothing here, though it matches everything elsewhere.
fn count_matching(node: &NodeInfo, selector: &Selector, namespace: &str, memo: &mut Memo<bool>) -> i64 {
    if selector.is_empty() {
        return 0;
    }
    let matching = |pod: &Pod| !pod.deleting && pod.namespace == namespace && selector.matches(&pod.labels);
    (0..node.pods.len()).filter(|i| memo.get(node, *i, matching)).count() as i64
}

impl Plugin for PodTopologySpread {
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

impl Hint for PodTopologySpread {
    fn events(&self) -> &'static [Action] {
        &[Action::PodAdd, Action::PodDelete, Action::NodeAdd, Action::NodeDelete, Action::NodeLabel, Action::NodeTaint]
    }

    /// `isSchedulableAfterPodChange`: a pod of the same namespace that any of the constraints counts.
    /// `isSchedulableAfterNodeChange`: a node with all keys came or went; or has them now and had not, or the other
    /// way round; or has them still, with another value of one or with other taints.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, world: &World) -> bool {
        let constraints = self.constraints(pod, world, WhenUnsatisfiable::DoNotSchedule);
        match event {
            ClusterEvent::PodAdded(other) | ClusterEvent::PodDeleted(other) => {
                other.namespace == pod.namespace && constraints.iter().any(|c| c.selector.matches(&other.labels))
            }
            ClusterEvent::NodeAdded(node) | ClusterEvent::NodeDeleted(node) => has_all_keys(node, &constraints),
            ClusterEvent::NodeUpdated { old, new } => {
                let had = has_all_keys(old, &constraints);
                let has = has_all_keys(new, &constraints);
                let moved = |c: &SpreadConstraint| old.labels.get(&c.topology_key) != new.labels.get(&c.topology_key);
                had != has || (has && (constraints.iter().any(moved) || old.taints != new.taints))
            }
            _ => false,
        }
    }
}

/// `updateWithPod`: the counts move by `delta`. Here an empty selector does match.
fn shift(cycle: &Cycle<'_>, state: &mut CycleState, moved: &Pod, node: &NodeInfo, delta: i64) {
    let Some(state) = state.read_mut::<FilterState>() else { return };
    let constraints = Arc::clone(&state.constraints);
    if moved.namespace != cycle.pod.namespace || !has_all_keys(&node.node, &constraints) {
        return;
    }
    for (i, constraint) in constraints.iter().enumerate() {
        if constraint.selector.matches(&moved.labels)
            && included(constraint, cycle.pod, &node.node)
            && let Some(value) = node.node.labels.get(&constraint.topology_key)
        {
            *state.counts[i].entry(value.clone()).or_default() += delta;
            state.least[i] = least(constraint, &state.counts[i]);
        }
    }
}

impl PreFilter for PodTopologySpread {
    fn pre_filter(&self, cycle: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome {
        let constraints = self.constraints(cycle.pod, cycle.world, WhenUnsatisfiable::DoNotSchedule);
        if constraints.is_empty() {
            return PreFilterOutcome::Skip;
        }
        let mut counts: Vec<BTreeMap<String, i64>> = vec![BTreeMap::new(); constraints.len()];
        let mut memos: Vec<Memo<bool>> = vec![Memo::default(); constraints.len()];
        for node in &cycle.snapshot.nodes {
            if !has_all_keys(&node.node, &constraints) {
                continue;
            }
            for ((constraint, counts), memo) in constraints.iter().zip(&mut counts).zip(&mut memos) {
                if !included(constraint, cycle.pod, &node.node) {
                    continue;
                }
                let count = count_matching(node, &constraint.selector, &cycle.pod.namespace, memo);
                let Some(value) = node.node.labels.get(&constraint.topology_key) else { continue };
                match counts.get_mut(value) {
                    Some(sum) => *sum += count,
                    None => {
                        counts.insert(value.clone(), count);
                    }
                }
            }
        }
        let least = constraints.iter().zip(&counts).map(|(constraint, counts)| least(constraint, counts)).collect();
        let own = constraints.iter().map(|c| i64::from(c.selector.matches(&cycle.pod.labels))).collect();
        state.write(FilterState { constraints: Arc::new(constraints), counts, least, own });
        PreFilterOutcome::All
    }

    fn add_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        shift(cycle, state, pod, node, 1);
    }

    fn remove_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        shift(cycle, state, pod, node, -1);
    }
}

impl Filter for PodTopologySpread {
    fn filter(&self, _: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        let state = state.read::<FilterState>().ok_or_else(|| Status::no_state("PreFilterPodTopologySpread"))?;
        for (i, (constraint, counts)) in state.constraints.iter().zip(&state.counts).enumerate() {
            let Some(value) = node.node.labels.get(&constraint.topology_key) else {
                return Err(Status::unresolvable(
                    "node(s) didn't match pod topology spread constraints (missing required label)",
                ));
            };
            let skew = counts.get(value).copied().unwrap_or(0) + state.own[i] - state.least[i];
            if skew > i64::from(constraint.max_skew) {
                return Err(Status::unschedulable("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }

    fn remedy(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Option<String> {
        let state = state.read::<FilterState>()?;
        let mut changes = Vec::new();
        for (constraint, counts) in state.constraints.iter().zip(&state.counts) {
            let key = &constraint.topology_key;
            let Some(value) = node.node.labels.get(key) else {
                changes.push(format!("the node had the label {key}"));
                continue;
            };
            let least = least(constraint, counts);
            let own = i64::from(constraint.selector.matches(&cycle.pod.labels));
            let here = counts.get(value).copied().unwrap_or(0);
            let skew = here + own - least;
            if skew > i64::from(constraint.max_skew) {
                changes.push(format!("maxSkew were {skew} ({key}={value} has {here}, the least is {least})"));
            }
        }
        Some(format!("fits if {}", changes.join(" and ")))
    }
}

impl PreScore for PodTopologySpread {
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, nodes: &[&NodeInfo]) -> bool {
        let constraints = self.constraints(cycle.pod, cycle.world, WhenUnsatisfiable::ScheduleAnyway);
        if constraints.is_empty() {
            return false;
        }
        // Under the system's defaults a node without a zone is still spread by host.
        let require_all = !cycle.pod.spread.is_empty() || !self.system_defaulted;
        let topologies: Vec<Arc<Topology>> =
            constraints.iter().map(|c| cycle.snapshot.topology(&c.topology_key)).collect();
        let lacks_a_key = |node: &NodeInfo| topologies.iter().any(|topology| topology.domain(node).is_none());
        let hosts: Vec<bool> = constraints.iter().map(|c| c.topology_key == HOSTNAME).collect();
        let total = cycle.snapshot.nodes.len();
        let mut counts: Vec<Vec<Option<i64>>> =
            topologies.iter().zip(&hosts).map(|(t, hosts)| vec![None; if *hosts { total } else { t.len() }]).collect();
        let mut memos: Vec<Memo<bool>> = vec![Memo::default(); constraints.len()];
        let mut ignored = vec![false; total];
        let mut scored = nodes.len();
        for node in nodes {
            if require_all && lacks_a_key(node) {
                ignored[node.position()] = true;
                scored -= 1;
                continue;
            }
            for (i, constraint) in constraints.iter().enumerate() {
                if hosts[i] {
                    let count = count_matching(node, &constraint.selector, &cycle.pod.namespace, &mut memos[i]);
                    counts[i][node.position()] = Some(count);
                } else {
                    counts[i][topologies[i].domain_or_blank(node)].get_or_insert(0);
                }
            }
        }
        let weights = (0..constraints.len()).map(|i| {
            let domains = if hosts[i] { scored } else { counts[i].iter().flatten().count() };
            // libm's log is Go's bit for bit over tables/ln-bits.json.gz; the standard library's is not.
            libm::log((domains + 2) as f64)
        });
        let weights = weights.collect();
        for node in &cycle.snapshot.nodes {
            if require_all && lacks_a_key(node) {
                continue;
            }
            for (i, constraint) in constraints.iter().enumerate().filter(|(i, _)| !hosts[*i]) {
                if !included(constraint, cycle.pod, &node.node) {
                    continue;
                }
                if let Some(count) = &mut counts[i][topologies[i].domain_or_blank(node)] {
                    *count += count_matching(node, &constraint.selector, &cycle.pod.namespace, &mut memos[i]);
                }
            }
        }
        state.write(ScoreState { constraints, topologies, ignored, counts, weights });
        true
    }
}

impl Score for PodTopologySpread {
    fn score(&self, _: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let state = state.read::<ScoreState>().ok_or_else(|| Status::no_state("PreScorePodTopologySpread"))?;
        if state.ignores(node) {
            return Ok(0);
        }
        let mut score = 0.0f64;
        for (i, constraint) in state.constraints.iter().enumerate() {
            let Some(count) = state.count(i, node) else { continue };
            score += count as f64 * state.weights[i] + f64::from(constraint.max_skew - 1);
        }
        Ok(score.round() as i64)
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let score = Score::score(self, cycle, state, node).unwrap_or(0);
        let Some(state) = state.read::<ScoreState>().filter(|s| !s.ignores(node)) else {
            return format!("a label of the constraints is missing = {score}");
        };
        let mut parts = Vec::new();
        for (i, constraint) in state.constraints.iter().enumerate() {
            let key = &constraint.topology_key;
            let Some(count) = state.count(i, node) else { continue };
            parts.push(format!("{key} {count}*{:.4}+({}-1)", state.weights[i], constraint.max_skew));
        }
        format!("{}, rounded = {score}", parts.join(" + "))
    }
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        Some(self)
    }
}

impl NormalizeScore for PodTopologySpread {
    fn normalize_score(&self, state: &CycleState, nodes: &[&NodeInfo], scores: &mut [i64]) {
        let Some(state) = state.read::<ScoreState>() else { return };
        let scored = |node: &NodeInfo| !state.ignores(node);
        let (mut min, mut max) = (i64::MAX, 0i64);
        for (node, score) in nodes.iter().zip(scores.iter()) {
            if scored(node) {
                min = min.min(*score);
                max = max.max(*score);
            }
        }
        for (node, score) in nodes.iter().zip(scores) {
            *score = if !scored(node) {
                0
            } else if max == 0 {
                MAX_NODE_SCORE
            } else {
                MAX_NODE_SCORE * (max + min - *score) / max
            };
        }
    }

    fn arithmetic(&self, state: &CycleState, node: &NodeInfo, raw: &[i64], score: i64) -> String {
        // Ignored nodes have a raw score of 0 and are left out of the bounds; the caller's list keeps their places.
        let Some(state) = state.read::<ScoreState>().filter(|s| !s.ignores(node)) else {
            return "not scored = 0".into();
        };
        let max = raw.iter().copied().max().unwrap_or(0).max(0);
        if max == 0 {
            return format!("all are 0: = {MAX_NODE_SCORE}");
        }
        let mut counted = raw.to_vec();
        for _ in state.ignored.iter().filter(|ignored| **ignored) {
            if let Some(i) = counted.iter().position(|score| *score == 0) {
                counted.swap_remove(i);
            }
        }
        let min = counted.into_iter().min().unwrap_or(0);
        format!("100*({max}+{min}-{score})/{max} = {}", MAX_NODE_SCORE * (max + min - score) / max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    const SPREAD: &str = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, \
                          whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]";

    #[test]
    fn a_pod_that_is_counted_wakes_it_whether_it_comes_or_goes() {
        let waiting = pod("a", "app: web", SPREAD);
        for (labels, want) in [("app: web", true), ("app: db", false)] {
            let other = Pod { node_name: Some("n".into()), ..pod("b", labels, "") };
            assert_eq!(worth("PodTopologySpread", &waiting, &ClusterEvent::PodAdded(&other)), want, "{labels}");
            assert_eq!(worth("PodTopologySpread", &waiting, &ClusterEvent::PodDeleted(&other)), want, "{labels}");
            let elsewhere = Pod { namespace: "other".into(), ..other };
            assert!(!worth("PodTopologySpread", &waiting, &ClusterEvent::PodDeleted(&elsewhere)));
        }
    }

    #[test]
    fn a_node_wakes_it_when_the_domains_change() {
        let waiting = pod("a", "app: web", SPREAD);
        let (none, a, b) = (node("n", "", "", ""), node("n", "zone: a", "", ""), node("n", "zone: b", "", ""));
        let relabelled = node("n", "zone: a, rack: r1", "", "");
        let tainted = node("n", "zone: a", "taints: [{key: k, effect: NoSchedule}]", "");
        for (old, new, want) in
            [(&none, &a, true), (&a, &none, true), (&a, &b, true), (&a, &relabelled, false), (&a, &tainted, true)]
        {
            assert_eq!(worth("PodTopologySpread", &waiting, &ClusterEvent::NodeUpdated { old, new }), want);
        }
        assert!(worth("PodTopologySpread", &waiting, &ClusterEvent::NodeDeleted(&a)));
        assert!(!worth("PodTopologySpread", &waiting, &ClusterEvent::NodeAdded(&none)));
    }
}
