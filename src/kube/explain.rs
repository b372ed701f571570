//! Why a pod goes where it goes: every node with what rejected it and what would let it in, or with each plugin's
//! raw score, the sum behind it, weight and share of the total.
//!
//! The cycle is run again on the same state for this, so that ordinary cycles pay nothing for it.

use serde_json::{Value, json};

use crate::kube::cycle::{Attempt, Scheduler};
use crate::kube::framework::{Cycle, CycleState, Status};
use crate::kube::object::pod::Pod;

/// One plugin's part in a node's total.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScoreLine {
    /// The plugin.
    pub plugin: &'static str,
    /// Before normalisation.
    pub raw: i64,
    /// How the raw score comes about.
    pub raw_arithmetic: String,
    /// After normalisation.
    pub normalized: i64,
    /// How it was normalised; absent for plugins that do not.
    pub normalized_arithmetic: Option<String>,
    /// The plugin's weight.
    pub weight: i64,
    /// `normalized × weight`.
    pub score: i64,
}

/// What became of one node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A filter rejected it.
    Rejected {
        /// The first filter that did, with its reasons.
        status: Status,
        /// For every filter that rejects it: the plugin, and the smallest change that would satisfy it. Only the node
        /// is looked at; to change another pod or node may help too.
        remedies: Vec<(&'static str, String)>,
    },
    /// PreFilter left it out, or rejected the pod as a whole.
    LeftOut(Status),
    /// It is the only one that passed, and was taken unscored.
    Only,
    /// It was scored.
    Scored {
        /// Place among the scored ones; equal totals share one.
        rank: usize,
        /// Sum of the lines.
        total: i64,
        /// By plugin, in the order in which they run.
        lines: Vec<ScoreLine>,
    },
    /// The search ended before it was looked at.
    NotSearched,
}

/// A node and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeExplanation {
    /// The node.
    pub node: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// A decision explained.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The pod.
    pub pod: String,
    /// Every node, in list order.
    pub nodes: Vec<NodeExplanation>,
    /// The decision itself.
    pub attempt: Attempt,
}

impl Explanation {
    /// As JSON: `{pod, nodes: [{node, verdict, …}]}`.
    pub fn to_json(&self) -> Value {
        let status = |s: &Status| json!({"plugin": s.plugin, "code": s.code.name(), "reasons": s.reasons});
        let line = |line: &ScoreLine| {
            json!({
                "plugin": line.plugin,
                "raw": line.raw,
                "rawArithmetic": line.raw_arithmetic,
                "normalized": line.normalized,
                "normalizedArithmetic": line.normalized_arithmetic,
                "weight": line.weight,
                "score": line.score,
            })
        };
        let node = |node: &NodeExplanation| match &node.verdict {
            Verdict::Rejected { status: s, remedies } => {
                let remedy = |(plugin, text): &(&str, String)| json!({"plugin": plugin, "remedy": text});
                let remedies: Vec<Value> = remedies.iter().map(remedy).collect();
                json!({"node": node.node, "verdict": "rejected", "status": status(s), "remedies": remedies})
            }
            Verdict::LeftOut(s) => json!({"node": node.node, "verdict": "left out", "status": status(s)}),
            Verdict::Only => json!({"node": node.node, "verdict": "only one that fits"}),
            Verdict::NotSearched => json!({"node": node.node, "verdict": "not searched"}),
            Verdict::Scored { rank, total, lines } => {
                let plugins: Vec<Value> = lines.iter().map(line).collect();
                json!({"node": node.node, "verdict": "scored", "rank": rank, "total": total, "plugins": plugins})
            }
        };
        json!({"pod": self.pod, "nodes": self.nodes.iter().map(node).collect::<Vec<_>>()})
    }
}

impl Scheduler {
    /// Decides about `pod` as [`Scheduler::schedule`] would, and says why. Nothing moves: not even where the next
    /// search starts.
    pub fn explain(&mut self, pod: &Pod) -> Explanation {
        let start = self.next_start_node;
        let (attempt, state, absent) = self.schedule_keeping_state(pod);
        self.next_start_node = start;
        let cycle = Cycle { pod, snapshot: &self.snapshot, world: &self.world };
        let nodes = (0..self.snapshot.nodes.len())
            .map(|position| NodeExplanation {
                node: self.snapshot.nodes[position].node.name.clone(),
                verdict: self.verdict(&cycle, &state, &attempt, &absent, position),
            })
            .collect();
        Explanation { pod: pod.key.clone(), nodes, attempt }
    }

    fn verdict(
        &self,
        cycle: &Cycle<'_>,
        state: &CycleState,
        attempt: &Attempt,
        absent: &Status,
        position: usize,
    ) -> Verdict {
        if let Some(status) = attempt.rejected.get(&position) {
            return Verdict::Rejected { status: status.clone(), remedies: self.remedies(cycle, state, position) };
        }
        let scores = attempt.scores.as_ref();
        if let Some((i, scores)) = scores.and_then(|s| Some((s.nodes.iter().position(|n| *n == position)?, s))) {
            let total = scores.total[i];
            let node = &self.snapshot.nodes[position];
            let line = |column: &crate::kube::cycle::PluginScores| {
                let active = self.framework.score.iter().find(|a| a.info.name == column.plugin)?;
                let plugin = active.plugin.score()?;
                let (raw, normalized) = (column.raw[i], column.normalized[i]);
                Some(ScoreLine {
                    plugin: column.plugin,
                    raw,
                    raw_arithmetic: plugin.arithmetic(cycle, state, node),
                    normalized,
                    normalized_arithmetic: plugin.normalize().map(|n| n.arithmetic(state, node, &column.raw, raw)),
                    weight: column.weight,
                    score: normalized.wrapping_mul(column.weight),
                })
            };
            return Verdict::Scored {
                rank: 1 + scores.total.iter().filter(|other| **other > total).count(),
                total,
                lines: scores.plugins.iter().filter_map(line).collect(),
            };
        }
        if attempt.feasible.contains(&position) {
            return Verdict::Only;
        }
        if !absent.reasons.is_empty() {
            let left_out = attempt
                .pre_filter_nodes
                .as_ref()
                .is_none_or(|names| !names.contains(&self.snapshot.nodes[position].node.name));
            if left_out {
                return Verdict::LeftOut(absent.clone());
            }
        }
        Verdict::NotSearched
    }

    /// What each filter that rejects a node would want changed. A filter that passes when it comes first may still
    /// reject after the others are satisfied by changes to the cluster; that is not looked into.
    fn remedies(&self, cycle: &Cycle<'_>, state: &CycleState, position: usize) -> Vec<(&'static str, String)> {
        let node = &self.snapshot.nodes[position];
        let filters = self.framework.filter.iter().filter(|a| !state.skip_filter.contains(a.info.name));
        filters
            .filter_map(|active| {
                let filter = active.plugin.filter()?;
                filter.filter(cycle, state, node).err()?;
                Some((active.info.name, filter.remedy(cycle, state, node)?))
            })
            .collect()
    }
}
