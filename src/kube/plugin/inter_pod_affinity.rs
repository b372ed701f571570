//! InterPodAffinity: near to and away from other pods (`interpodaffinity/{filtering,scoring}.go` v1.36.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, MAX_NODE_SCORE, NormalizeScore, Plugin, PluginInfo, Point, PreFilter,
    PreFilterOutcome, PreScore, Score, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::kinds::Memo;
use crate::kube::object::affinity::AffinityTerm;
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::{Labels, Selector};
use crate::kube::snapshot::{NodeInfo, Snapshot};
use crate::kube::topology::Topology;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "InterPodAffinity",
    weight: Some(2),
    summary: "keeps pods together or apart by topology domain, as a filter or as a score",
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    modelled: true,
    build: |args| {
        Ok(Box::new(InterPodAffinity {
            hard_weight: i64::from(args.hard_pod_affinity_weight),
            ignore_preferred_of_existing: args.ignore_preferred_terms_of_existing_pods,
        }))
    },
};

/// The plugin with its arguments.
pub struct InterPodAffinity {
    hard_weight: i64,
    ignore_preferred_of_existing: bool,
}

/// Topology key → value → pods; no entry is 0, and there is no empty one.
type PairCounts = BTreeMap<String, BTreeMap<String, i64>>;

/// What PreFilter leaves.
#[derive(Clone)]
struct FilterState {
    /// Existing pods' anti-affinity terms that match this pod.
    existing_anti: PairCounts,
    /// Pods that match all affinity terms of this pod.
    affinity: PairCounts,
    /// Pods that match an anti-affinity term of this pod.
    anti: PairCounts,
    terms: Arc<Terms>,
}

/// The pod's required terms, namespace selectors resolved to names, and its namespace's labels.
struct Terms {
    affinity: Vec<AffinityTerm>,
    anti: Vec<AffinityTerm>,
    namespace_labels: Option<Labels>,
}

/// What PreScore leaves, by topology key.
#[derive(Clone)]
struct ScoreState(Vec<Weights>);

/// The weights of one topology key.
#[derive(Clone)]
struct Weights {
    key: String,
    topology: Arc<Topology>,
    /// By domain; `None` where no pod had a say.
    by_domain: Vec<Option<i64>>,
}

/// The place of a key among the weights, which have it from then on.
fn place(weights: &mut Vec<Weights>, snapshot: &Snapshot, key: &str) -> usize {
    weights.iter().position(|w| w.key == key).unwrap_or_else(|| {
        let topology = snapshot.topology(key);
        weights.push(Weights { key: key.to_string(), by_domain: vec![None; topology.len()], topology });
        weights.len() - 1
    })
}

/// `mergeAffinityTermNamespacesIfNotEmpty`: a namespace selector becomes the names it selects among the namespaces
/// that exist; an empty one stays, for it selects them all.
fn resolve(term: &AffinityTerm, world: &World) -> AffinityTerm {
    let mut term = term.clone();
    if term.namespaces.selector.is_empty() {
        return term;
    }
    for (name, labels) in &world.namespaces {
        if term.namespaces.selector.matches(labels) {
            term.namespaces.names.push(name.clone());
        }
    }
    term.namespaces.selector = Selector::Nothing;
    term
}

/// `topologyToMatchedTermCount.update`: an entry that comes to 0 goes.
fn count(counts: &mut PairCounts, node: &Node, key: &str, delta: i64) {
    let Some(value) = node.labels.get(key) else { return };
    if let Some(sum) = counts.get_mut(key).and_then(|values| values.get_mut(value)) {
        *sum += delta;
        if *sum != 0 {
            return;
        }
        if let Some(values) = counts.get_mut(key) {
            values.remove(value);
            if values.is_empty() {
                counts.remove(key);
            }
        }
    } else if delta != 0 {
        counts.entry(key.to_string()).or_default().insert(value.clone(), delta);
    }
}

fn matches_all(terms: &[AffinityTerm], pod: &Pod) -> bool {
    !terms.is_empty() && terms.iter().all(|t| t.matches(&pod.namespace, &pod.labels, None))
}

impl FilterState {
    /// `updateWithPod`: another pod comes to (or goes from) a node.
    fn update(&mut self, incoming: &Pod, other: &Pod, node: &Node, delta: i64) {
        let terms = Arc::clone(&self.terms);
        for term in &other.anti_affinity.required {
            if term.matches(&incoming.namespace, &incoming.labels, terms.namespace_labels.as_ref()) {
                count(&mut self.existing_anti, node, &term.topology_key, delta);
            }
        }
        if matches_all(&terms.affinity, other) {
            for term in &terms.affinity {
                count(&mut self.affinity, node, &term.topology_key, delta);
            }
        }
        for term in &terms.anti {
            if term.matches(&other.namespace, &other.labels, None) {
                count(&mut self.anti, node, &term.topology_key, delta);
            }
        }
    }

    /// Whether [`FilterState::update`] would change anything: the same for all pods of a kind.
    fn concerns(&self, incoming: &Pod, other: &Pod) -> bool {
        let terms = &self.terms;
        let labels = terms.namespace_labels.as_ref();
        other.anti_affinity.required.iter().any(|t| t.matches(&incoming.namespace, &incoming.labels, labels))
            || matches_all(&terms.affinity, other)
            || terms.anti.iter().any(|t| t.matches(&other.namespace, &other.labels, None))
    }

    fn positive(counts: &PairCounts, key: &str, value: &str) -> bool {
        counts.get(key).and_then(|values| values.get(value)).is_some_and(|n| *n > 0)
    }

    /// `satisfyPodAffinity`.
    fn affinity_satisfied(&self, pod: &Pod, node: &Node) -> bool {
        let mut pods_exist = true;
        for term in &self.terms.affinity {
            let Some(value) = node.labels.get(&term.topology_key) else { return false };
            pods_exist &= Self::positive(&self.affinity, &term.topology_key, value);
        }
        // The first of a group that wants to be together may start it.
        pods_exist || (self.affinity.is_empty() && matches_all(&self.terms.affinity, pod))
    }

    /// `satisfyPodAntiAffinity`.
    fn anti_satisfied(&self, node: &Node) -> bool {
        !self.terms.anti.iter().any(|term| {
            let value = node.labels.get(&term.topology_key);
            value.is_some_and(|value| Self::positive(&self.anti, &term.topology_key, value))
        })
    }

    /// `satisfyExistingPodsAntiAffinity`.
    fn existing_satisfied(&self, node: &Node) -> bool {
        !self.existing_anti.iter().any(|(key, values)| {
            let value = node.labels.get(key);
            value.and_then(|value| values.get(value)).is_some_and(|n| *n > 0)
        })
    }
}

impl Plugin for InterPodAffinity {
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

impl Hint for InterPodAffinity {
    fn events(&self) -> &'static [Action] {
        &[Action::PodAdd, Action::PodDelete, Action::NodeAdd, Action::NodeLabel]
    }

    /// `isSchedulableAfterPodChange`, `isSchedulableAfterNodeChange`. Namespace selectors are not resolved here, and are
    /// matched against no labels, as there.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        let (near, away) = (&pod.affinity.required, &pod.anti_affinity.required);
        match event {
            ClusterEvent::PodAdded(other) => matches_all(near, other),
            ClusterEvent::PodDeleted(other) => {
                matches_all(away, other) || matches_all(&other.anti_affinity.required, pod)
            }
            // A node without the key takes any pod that wants to be away from others.
            ClusterEvent::NodeAdded(node) => {
                !away.is_empty() || near.iter().any(|term| node.labels.contains_key(&term.topology_key))
            }
            ClusterEvent::NodeUpdated { old, new } => {
                let values =
                    |term: &AffinityTerm| (old.labels.get(&term.topology_key), new.labels.get(&term.topology_key));
                near.iter().map(values).any(|(was, is)| is.is_some() && was != is)
                    || away.iter().map(values).any(|(was, is)| was.is_some() && was != is)
            }
            _ => false,
        }
    }
}

impl PreFilter for InterPodAffinity {
    fn pre_filter(&self, cycle: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome {
        let pod = cycle.pod;
        let all = |terms: &[AffinityTerm]| terms.iter().map(|t| resolve(t, cycle.world)).collect::<Vec<_>>();
        let terms = Terms {
            affinity: all(&pod.affinity.required),
            anti: all(&pod.anti_affinity.required),
            namespace_labels: cycle.world.namespaces.get(&pod.namespace).cloned(),
        };
        let mut filter = FilterState {
            existing_anti: PairCounts::new(),
            affinity: PairCounts::new(),
            anti: PairCounts::new(),
            terms: Arc::new(terms),
        };
        let own_terms = !filter.terms.affinity.is_empty() || !filter.terms.anti.is_empty();
        let mut memo = Memo::default();
        for node in cycle.snapshot.nodes.iter().filter(|n| own_terms || n.pods_with_required_anti_affinity > 0) {
            for (i, other) in node.pods.iter().enumerate() {
                if memo.get(node, i, |other| filter.concerns(pod, other)) {
                    filter.update(pod, other, &node.node, 1);
                }
            }
        }
        if filter.existing_anti.is_empty() && filter.terms.affinity.is_empty() && filter.terms.anti.is_empty() {
            return PreFilterOutcome::Skip;
        }
        state.write(filter);
        PreFilterOutcome::All
    }

    fn add_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        if let Some(state) = state.read_mut::<FilterState>() {
            state.update(cycle.pod, pod, &node.node, 1);
        }
    }

    fn remove_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        if let Some(state) = state.read_mut::<FilterState>() {
            state.update(cycle.pod, pod, &node.node, -1);
        }
    }
}

impl Filter for InterPodAffinity {
    fn filter(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        let state = state.read::<FilterState>().ok_or_else(|| Status::no_state("PreFilterInterPodAffinity"))?;
        if !state.affinity_satisfied(cycle.pod, &node.node) {
            return Err(Status::unresolvable("node(s) didn't match pod affinity rules"));
        }
        if !state.anti_satisfied(&node.node) {
            return Err(Status::unschedulable("node(s) didn't match pod anti-affinity rules"));
        }
        if !state.existing_satisfied(&node.node) {
            return Err(Status::unschedulable("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }

    fn remedy(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Option<String> {
        let state = state.read::<FilterState>()?;
        let labels = &node.node.labels;
        let mut changes = Vec::new();
        if !state.affinity_satisfied(cycle.pod, &node.node) {
            for term in &state.terms.affinity {
                let key = &term.topology_key;
                match labels.get(key) {
                    None => changes.push(format!("the node had the label {key}")),
                    Some(value) if !FilterState::positive(&state.affinity, key, value) => {
                        changes.push(format!("a pod that its affinity wants ran in {key}={value}"));
                    }
                    Some(_) => {}
                }
            }
        }
        for term in &state.terms.anti {
            let Some(value) = labels.get(&term.topology_key) else { continue };
            let key = &term.topology_key;
            let there = state.anti.get(key).and_then(|values| values.get(value));
            if let Some(n) = there.filter(|n| **n > 0) {
                changes.push(format!("the {n} it wants to be away from were gone from {key}={value}"));
            }
        }
        for (key, value) in labels {
            let there = state.existing_anti.get(key).and_then(|values| values.get(value));
            if let Some(n) = there.filter(|n| **n > 0) {
                changes.push(format!("the {n} that want to be away from it were gone from {key}={value}"));
            }
        }
        Some(format!("fits if {}", changes.join(" and ")))
    }
}

impl PreScore for InterPodAffinity {
    /// `processExistingPod` over all pods; where this pod has no preferred terms, only over pods that have any.
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, _: &[&NodeInfo]) -> bool {
        let pod = cycle.pod;
        let own_preferred = !pod.affinity.preferred.is_empty() || !pod.anti_affinity.preferred.is_empty();
        if self.ignore_preferred_of_existing && !own_preferred {
            return false;
        }
        let all = |terms: &[(i64, AffinityTerm)], sign: i64| {
            terms.iter().map(|(weight, term)| (weight * sign, resolve(term, cycle.world))).collect::<Vec<_>>()
        };
        let mut own = all(&pod.affinity.preferred, 1);
        own.extend(all(&pod.anti_affinity.preferred, -1));
        let namespace_labels = cycle.world.namespaces.get(&pod.namespace);
        let mut weights: Vec<Weights> = Vec::new();
        let own: Vec<(usize, i64, AffinityTerm)> = own
            .into_iter()
            .map(|(weight, term)| (place(&mut weights, cycle.snapshot, &term.topology_key), weight, term))
            .collect();
        let mut memos: Vec<Memo<bool>> = vec![Memo::default(); own.len()];
        // What existing pods' terms say about this pod: by kind a range of `said`.
        let mut said: Vec<(usize, i64)> = Vec::new();
        let mut by_kind: Memo<(usize, usize)> = Memo::default();
        for node in cycle.snapshot.nodes.iter().filter(|n| own_preferred || n.pods_with_affinity > 0) {
            for ((place, weight, term), memo) in own.iter().zip(&mut memos) {
                let Some(domain) = weights[*place].topology.domain(node) else { continue };
                let matches = |other: &Pod| term.matches(&other.namespace, &other.labels, None);
                let count = (0..node.pods.len()).filter(|i| memo.get(node, *i, matches)).count() as i64;
                if count > 0 {
                    *weights[*place].by_domain[domain].get_or_insert(0) += weight * count;
                }
            }
            if node.pods_with_affinity == 0 {
                continue;
            }
            for i in 0..node.pods.len() {
                let (from, to) = by_kind.get(node, i, |other| {
                    let from = said.len();
                    let matches = |term: &AffinityTerm| term.matches(&pod.namespace, &pod.labels, namespace_labels);
                    let hard = other.affinity.required.iter().map(|t| (t, self.hard_weight));
                    let hard = hard.filter(|_| self.hard_weight > 0);
                    let near = other.affinity.preferred.iter().map(|(weight, t)| (t, *weight));
                    let away = other.anti_affinity.preferred.iter().map(|(weight, t)| (t, -weight));
                    for (term, weight) in hard.chain(near).chain(away).filter(|(t, _)| matches(t)) {
                        said.push((place(&mut weights, cycle.snapshot, &term.topology_key), weight));
                    }
                    (from, said.len())
                });
                for (place, weight) in &said[from..to] {
                    let column = &mut weights[*place];
                    if let Some(domain) = column.topology.domain(node) {
                        *column.by_domain[domain].get_or_insert(0) += weight;
                    }
                }
            }
        }
        weights.retain(|w| w.by_domain.iter().any(Option::is_some));
        if weights.is_empty() {
            return false;
        }
        weights.sort_by(|a, b| a.key.cmp(&b.key));
        state.write(ScoreState(weights));
        true
    }
}

impl ScoreState {
    /// Key and weight where this node is.
    fn of<'a>(&'a self, node: &NodeInfo) -> impl Iterator<Item = (&'a str, i64)> {
        self.0.iter().filter_map(|w| Some((w.key.as_str(), w.by_domain[w.topology.domain(node)?]?)))
    }
}

impl Score for InterPodAffinity {
    fn score(&self, _: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        let state: &ScoreState = state.read().ok_or_else(|| Status::no_state("PreScoreInterPodAffinity"))?;
        Ok(state.of(node).fold(0i64, |sum, (_, weight)| sum.wrapping_add(weight)))
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let score = Score::score(self, cycle, state, node).unwrap_or(0);
        let Some(state) = state.read::<ScoreState>() else { return format!("nothing = {score}") };
        let value = |key: &str| node.node.labels.get(key).map(String::as_str).unwrap_or_default();
        let parts: Vec<String> = state.of(node).map(|(key, weight)| format!("{key}={} {weight}", value(key))).collect();
        let sum = if parts.is_empty() { "nothing".to_string() } else { parts.join(" + ") };
        format!("{sum} = {score}")
    }
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        Some(self)
    }
}

impl NormalizeScore for InterPodAffinity {
    fn normalize_score(&self, _: &CycleState, _: &[&NodeInfo], scores: &mut [i64]) {
        let min = scores.iter().copied().min().unwrap_or(0);
        let max = scores.iter().copied().max().unwrap_or(0);
        let difference = max - min;
        for score in scores {
            // Divided before it is multiplied, and truncated: 29 of 100 gives 28.
            *score = if difference > 0 {
                (MAX_NODE_SCORE as f64 * ((*score - min) as f64 / difference as f64)) as i64
            } else {
                0
            };
        }
    }

    fn arithmetic(&self, _: &CycleState, _: &NodeInfo, raw: &[i64], score: i64) -> String {
        let min = raw.iter().copied().min().unwrap_or(0);
        let max = raw.iter().copied().max().unwrap_or(0);
        if max == min {
            return "all are equal: = 0".into();
        }
        let normalized = (MAX_NODE_SCORE as f64 * ((score - min) as f64 / (max - min) as f64)) as i64;
        format!("100*(({score}-{min})/({max}-{min})), truncated = {normalized}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    fn term(kind: &str, app: &str) -> String {
        format!(
            "{kind}: {{requiredDuringSchedulingIgnoredDuringExecution: [{{topologyKey: zone, \
             labelSelector: {{matchLabels: {{app: {app}}}}}}}]}}"
        )
    }

    #[test]
    fn an_added_pod_wakes_who_wants_to_be_near_it_and_a_deleted_one_who_wants_to_be_away() {
        let near = pod("a", "", &format!("affinity: {{{}}}", term("podAffinity", "db")));
        let away = pod("a", "app: web", &format!("affinity: {{{}}}", term("podAntiAffinity", "db")));
        let other = |app: &str, spec: &str| Pod { node_name: Some("n".into()), ..pod("b", app, spec) };
        let (db, web) = (other("app: db", ""), other("app: web", ""));
        for (waiting, event, want) in [
            (&near, ClusterEvent::PodAdded(&db), true),
            (&near, ClusterEvent::PodAdded(&web), false),
            (&near, ClusterEvent::PodDeleted(&db), false),
            (&away, ClusterEvent::PodDeleted(&db), true),
            (&away, ClusterEvent::PodDeleted(&web), false),
            (&away, ClusterEvent::PodAdded(&db), false),
        ] {
            assert_eq!(worth("InterPodAffinity", waiting, &event), want, "{event:?}");
        }
        // The other one wanted to be away from the waiting pod.
        let shy = other("", &format!("affinity: {{{}}}", term("podAntiAffinity", "web")));
        assert!(worth("InterPodAffinity", &away, &ClusterEvent::PodDeleted(&shy)));
        assert!(!worth("InterPodAffinity", &near, &ClusterEvent::PodDeleted(&shy)));
    }

    #[test]
    fn a_node_wakes_it_when_its_domain_changes_for_the_better() {
        let near = pod("a", "", &format!("affinity: {{{}}}", term("podAffinity", "db")));
        let away = pod("a", "", &format!("affinity: {{{}}}", term("podAntiAffinity", "db")));
        let (none, a, b) = (node("n", "", "", ""), node("n", "zone: a", "", ""), node("n", "zone: b", "", ""));
        for (waiting, old, new, want) in [
            (&near, &none, &a, true),
            (&near, &a, &none, false),
            (&near, &a, &b, true),
            (&away, &none, &a, false),
            (&away, &a, &none, true),
            (&away, &a, &b, true),
        ] {
            assert_eq!(worth("InterPodAffinity", waiting, &ClusterEvent::NodeUpdated { old, new }), want);
        }
        assert!(worth("InterPodAffinity", &away, &ClusterEvent::NodeAdded(&none)));
        assert!(!worth("InterPodAffinity", &near, &ClusterEvent::NodeAdded(&none)));
        assert!(worth("InterPodAffinity", &near, &ClusterEvent::NodeAdded(&a)));
    }
}
