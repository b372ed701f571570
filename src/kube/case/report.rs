//! Steps in the shape in which the real scheduler's decisions are recorded.

use serde_json::{Map, Value, json};

use crate::kube::cycle::{Attempt, Scores};
use crate::kube::framework::Status;
use crate::kube::preemption::Preemption;
use crate::kube::snapshot::Snapshot;

/// A step as a JSON object, fields in the recorded order.
pub(super) struct Step(pub(super) Map<String, Value>);

impl Step {
    /// A step for `op` on the pod or node `name`.
    pub(super) fn new(op: &str, what: &str, name: &str) -> Self {
        let mut map = Map::new();
        map.insert("op".into(), json!(op));
        map.insert(what.into(), json!(name));
        Step(map)
    }

    /// Adds a field.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// A step that looked at no node.
    pub(super) fn without_nodes(mut self) -> Value {
        self.put("feasible", json!([]));
        Value::Object(self.0)
    }
}

fn names<'a>(snapshot: &Snapshot, positions: impl Iterator<Item = &'a usize>) -> Vec<String> {
    positions.map(|i| snapshot.nodes[*i].node.name.clone()).collect()
}

/// Nodes of one status together: groups in the order of their first node in the node list.
fn groups<'a>(snapshot: &Snapshot, statuses: impl Iterator<Item = (usize, &'a Status)>) -> Vec<Value> {
    let mut sorted: Vec<(usize, &Status)> = statuses.collect();
    sorted.sort_by_key(|(position, _)| *position);
    let mut groups: Vec<(&Status, Vec<usize>)> = Vec::new();
    for (position, status) in sorted {
        match groups.iter_mut().find(|(s, _)| *s == status) {
            Some((_, nodes)) => nodes.push(position),
            None => groups.push((status, vec![position])),
        }
    }
    groups
        .iter()
        .map(|(status, nodes)| {
            let mut group = status_json(status);
            group["nodes"] = json!(names(snapshot, nodes.iter()));
            group
        })
        .collect()
}

fn status_json(status: &Status) -> Value {
    json!({"plugin": status.plugin, "code": status.code.name(), "reasons": status.reasons})
}

/// Writes an attempt as the vectors have it.
pub(super) fn describe(
    step: &mut Step,
    attempt: &Attempt,
    snapshot: &Snapshot,
    chosen: Option<usize>,
    cleared: &[String],
) {
    let placed = !attempt.top.is_empty();
    if let Some(status) = &attempt.pre_filter {
        step.put("preFilter", status_json(status));
    }
    // Recorded only where the pod was placed.
    if let Some(nodes) = attempt.pre_filter_nodes.as_ref().filter(|_| placed) {
        step.put("preFilterNodes", json!(nodes));
    }
    if !attempt.rejected.is_empty() {
        step.put("rejected", groups(snapshot, attempt.rejected.iter().map(|(i, s)| (*i, s))));
    }
    let mut feasible = names(snapshot, attempt.feasible.iter());
    feasible.sort();
    step.put("feasible", json!(feasible));
    if !attempt.skipped_filter.is_empty() {
        step.put("skippedFilter", json!(attempt.skipped_filter));
    }
    if let Some(scores) = &attempt.scores {
        step.put("scores", scores_json(scores, snapshot));
    }
    if placed {
        step.put("top", names(snapshot, attempt.top.iter()));
        if let Some(position) = chosen {
            step.put("chosen", snapshot.nodes[position].node.name.as_str());
        }
        if let Some(position) = attempt.suggested {
            step.put("suggested", snapshot.nodes[position].node.name.as_str());
        }
        return;
    }
    step.put("message", attempt.message.as_str());
    if !attempt.unschedulable_plugins.is_empty() {
        step.put("unschedulablePlugins", json!(attempt.unschedulable_plugins));
    }
    if let Some(report) = &attempt.post_filter {
        let mut preemption = Step(Map::new());
        if let Some(found) = &report.preemption {
            describe_preemption(&mut preemption, found, snapshot);
        }
        if !cleared.is_empty() {
            preemption.put("clearedNominations", json!(cleared));
        }
        if !report.message.is_empty() {
            preemption.put("message", report.message.as_str());
        }
        step.put("preemption", Value::Object(preemption.0));
    }
}

fn describe_preemption(out: &mut Step, found: &Preemption, snapshot: &Snapshot) {
    let name = |i: usize| snapshot.nodes[i].node.name.as_str();
    let mut candidates: Vec<_> = found.candidates.iter().collect();
    candidates.sort_by(|a, b| name(a.node).cmp(name(b.node)));
    if !candidates.is_empty() {
        let list: Vec<Value> = candidates
            .iter()
            .map(|c| {
                let victims: Vec<&str> = c.victims.iter().map(|p| p.key.as_str()).collect();
                let mut value = json!({"node": name(c.node), "victims": victims});
                if c.pdb_violations > 0 {
                    value["pdbViolations"] = json!(c.pdb_violations);
                }
                value
            })
            .collect();
        out.put("candidates", list);
    }
    if !found.not_helpful.is_empty() {
        out.put("notHelpful", groups(snapshot, found.not_helpful.iter().map(|(i, s)| (*i, s))));
    }
    if let Some(chosen) = found.chosen() {
        out.put("best", names(snapshot, found.best.iter()));
        out.put("nominated", name(chosen.node));
        let victims: Vec<&str> = chosen.victims.iter().map(|p| p.key.as_str()).collect();
        out.put("victims", json!(victims));
    }
}

fn scores_json(scores: &Scores, snapshot: &Snapshot) -> Value {
    let mut order: Vec<usize> = (0..scores.nodes.len()).collect();
    let name = |i: usize| snapshot.nodes[scores.nodes[i]].node.name.as_str();
    order.sort_by(|a, b| name(*a).cmp(name(*b)));
    let by_name = |values: &[i64]| -> Vec<i64> { order.iter().map(|i| values[*i]).collect() };
    let mut plugins = Map::new();
    for plugin in &scores.plugins {
        let mut value = json!({"raw": by_name(&plugin.raw)});
        if plugin.raw != plugin.normalized {
            value["norm"] = json!(by_name(&plugin.normalized));
        }
        plugins.insert(plugin.plugin.into(), value);
    }
    let mut out = Map::new();
    if !scores.skipped.is_empty() {
        out.insert("skipped".into(), json!(scores.skipped));
    }
    out.insert("plugins".into(), Value::Object(plugins));
    out.insert("total".into(), json!(by_name(&scores.total)));
    Value::Object(out)
}
