//! NodeAffinity: `nodeSelector`, required and preferred node affinity (`nodeaffinity/node_affinity.go` v1.36.3).

use std::collections::BTreeSet;

use crate::kube::framework::{
    Cycle, CycleState, Filter, FilterResult, NormalizeScore, Plugin, PluginInfo, Point, PreFilter, PreFilterOutcome,
    PreScore, Score, Status, World,
};
use crate::kube::hint::{Action, ClusterEvent, Hint};
use crate::kube::object::affinity::NodeAffinity as Affinity;
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;
use crate::kube::plugin::{default_normalize, default_normalize_arithmetic};
use crate::kube::snapshot::NodeInfo;

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "NodeAffinity",
    weight: Some(2),
    summary: "only nodes that the pod selects; preferred terms that match score their weights",
    points: &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score],
    modelled: true,
    build: |args| Ok(Box::new(NodeAffinity { added: args.added_affinity.clone().unwrap_or_default() })),
};

/// The plugin with the affinity that the configuration adds to every pod.
pub struct NodeAffinity {
    added: Affinity,
}

impl Plugin for NodeAffinity {
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

impl Hint for NodeAffinity {
    fn events(&self) -> &'static [Action] {
        &[Action::NodeAdd, Action::NodeLabel]
    }

    /// `isSchedulableAfterNodeChange`: the node matches, and did not match the pod's own affinity before. Whether it
    /// matched the added affinity before is not asked.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, _: &World) -> bool {
        let matches = |node: &Node| self.added.matches(node) && pod.node_affinity.matches(node);
        match event {
            ClusterEvent::NodeAdded(node) => matches(node),
            ClusterEvent::NodeUpdated { old, new } => matches(new) && !pod.node_affinity.matches(old),
            _ => false,
        }
    }
}

impl PreFilter for NodeAffinity {
    fn pre_filter(&self, cycle: &Cycle<'_>, _: &mut CycleState) -> PreFilterOutcome {
        let affinity = &cycle.pod.node_affinity;
        let Some(terms) = &affinity.required else {
            let nothing = self.added.required.is_none() && affinity.node_selector.is_none();
            return if nothing { PreFilterOutcome::Skip } else { PreFilterOutcome::All };
        };
        if terms.is_empty() {
            return PreFilterOutcome::All;
        }
        let mut names: BTreeSet<String> = BTreeSet::new();
        for term in terms {
            let mut sets = term.names.iter().map(|values| values.iter().cloned().collect::<BTreeSet<_>>());
            // A term that names no node makes all of them eligible, for terms are joined by OR.
            let Some(first) = sets.next() else { return PreFilterOutcome::All };
            names.extend(sets.fold(first, |all, set| all.intersection(&set).cloned().collect()));
        }
        if names.is_empty() {
            return PreFilterOutcome::Rejected(Status::unresolvable("pod affinity terms conflict"));
        }
        PreFilterOutcome::Nodes(names)
    }
}

impl Filter for NodeAffinity {
    fn filter(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> FilterResult {
        if !self.added.matches(&node.node) {
            return Err(Status::unresolvable("node(s) didn't match scheduler-enforced node affinity"));
        }
        if !cycle.pod.node_affinity.matches(&node.node) {
            return Err(Status::unresolvable("node(s) didn't match Pod's node affinity/selector"));
        }
        Ok(())
    }

    fn remedy(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Option<String> {
        let mut missing = self.added.missing(&node.node);
        missing.extend(cycle.pod.node_affinity.missing(&node.node));
        if missing.is_empty() {
            return Some("fits with another node affinity; no label of the node would help".into());
        }
        Some(format!("fits if the node had {}", missing.join(" and ")))
    }
}

impl PreScore for NodeAffinity {
    fn pre_score(&self, cycle: &Cycle<'_>, _: &mut CycleState, _: &[&NodeInfo]) -> bool {
        cycle.pod.node_affinity.preferred.is_some() || self.added.preferred.is_some()
    }
}

impl Score for NodeAffinity {
    fn score(&self, cycle: &Cycle<'_>, _: &CycleState, node: &NodeInfo) -> Result<i64, Status> {
        Ok(self.added.preference(&node.node) + cycle.pod.node_affinity.preference(&node.node))
    }

    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String {
        let both = [&self.added, &cycle.pod.node_affinity];
        let terms = both.iter().flat_map(|affinity| affinity.preferred.iter().flatten());
        let matching = terms.filter(|(_, term)| term.matches(&node.node.name, &node.node.labels));
        let weights: Vec<String> = matching.map(|(weight, _)| weight.to_string()).collect();
        let sum = if weights.is_empty() { "none".to_string() } else { weights.join(" + ") };
        format!(
            "weights of the preferred terms that match: {sum} = {}",
            Score::score(self, cycle, state, node).unwrap_or(0)
        )
    }
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        Some(self)
    }
}

impl NormalizeScore for NodeAffinity {
    fn normalize_score(&self, _: &CycleState, _: &[&NodeInfo], scores: &mut [i64]) {
        default_normalize(scores, false);
    }

    fn arithmetic(&self, _: &CycleState, _: &NodeInfo, raw: &[i64], score: i64) -> String {
        default_normalize_arithmetic(raw, score, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::{node, pod, worth};

    #[test]
    fn a_label_wakes_a_pod_that_selects_it_unless_the_node_had_it_before() {
        let waiting = pod("a", "", "nodeSelector: {disk: ssd}");
        let (ssd, hdd) = (node("n", "disk: ssd", "", ""), node("n", "disk: hdd", "", ""));
        let more = node("n", "disk: ssd, rack: r1", "", "");
        for (old, new, want) in [(&hdd, &ssd, true), (&ssd, &hdd, false), (&ssd, &more, false)] {
            assert_eq!(worth("NodeAffinity", &waiting, &ClusterEvent::NodeUpdated { old, new }), want);
        }
        assert!(worth("NodeAffinity", &waiting, &ClusterEvent::NodeAdded(&ssd)));
        assert!(!worth("NodeAffinity", &waiting, &ClusterEvent::NodeAdded(&hdd)));
    }

    #[test]
    fn the_added_affinity_must_match_afterwards() {
        let term = Affinity {
            node_selector: Some([("pool".to_string(), "a".to_string())].into_iter().collect()),
            ..Affinity::default()
        };
        let plugin = NodeAffinity { added: term };
        let waiting = pod("a", "", "nodeSelector: {disk: ssd}");
        let (before, other) = (node("n", "pool: a", "", ""), node("n", "pool: b, disk: ssd", "", ""));
        let both = node("n", "pool: a, disk: ssd", "", "");
        let ask =
            |old: &Node, new: &Node| plugin.worth(&waiting, &ClusterEvent::NodeUpdated { old, new }, &World::default());
        assert!(ask(&before, &both));
        assert!(!ask(&before, &other));
        // Only the pool changed: the pod's own selector matched all along, and the real one sleeps on, too.
        assert!(!ask(&other, &both));
    }
}
