//! Decisions of kube-scheduler as text: who goes where, who does not and why, and what was taken into account.

pub mod against;
pub mod explain;

use std::collections::BTreeMap;

use crate::kube::case::{CaseResult, Decision, Eviction};
use crate::kube::honesty::{Entry, Honesty};
use crate::kube::manifests::Manifests;
use crate::report::table::wrap;

/// Pods that were left alone, as the summary counts them.
#[derive(Clone, Debug, Default)]
pub struct LeftAlone {
    /// Bound pods, before anything happened.
    pub bound: usize,
    /// Finished ones.
    pub finished: usize,
    /// Pending ones that ask for another scheduler, by its name.
    pub other_scheduler: BTreeMap<String, usize>,
    /// Pending ones that are being deleted.
    pub deleting: usize,
}

impl LeftAlone {
    /// Those of a cluster.
    pub fn of(manifests: &Manifests) -> Self {
        LeftAlone {
            bound: manifests.bound.len(),
            finished: manifests.finished,
            other_scheduler: manifests.other_scheduler.clone(),
            deleting: manifests.deleting,
        }
    }
}

/// What became of one pod, from all its decisions.
struct Row<'a> {
    last: &'a Decision,
    /// Victims of its attempts before the last one, with their node.
    before: Vec<(&'a str, &'a [String])>,
}

/// The table of pods, in the order in which they were first tried.
pub fn table(result: &CaseResult, eviction: Eviction) -> String {
    let mut order: Vec<&str> = Vec::new();
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    let mut evicted_by: BTreeMap<&str, &str> = BTreeMap::new();
    for decision in &result.decisions {
        if let Some(preempted) = decision.preempted.as_ref().filter(|_| eviction == Eviction::Apply) {
            evicted_by.extend(preempted.victims.iter().map(|victim| (victim.as_str(), decision.pod.as_str())));
        }
        match rows.get_mut(decision.pod.as_str()) {
            Some(row) => {
                if let Some(preempted) = &row.last.preempted {
                    row.before.push((&preempted.node, &preempted.victims));
                }
                row.last = decision;
            }
            None => {
                order.push(&decision.pod);
                rows.insert(&decision.pod, Row { last: decision, before: Vec::new() });
            }
        }
    }
    let mut lines = vec![["NAMESPACE", "NAME", "NODE", "SCORE", "REASON"].map(String::from)];
    for key in order {
        let row = &rows[key];
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let evicted = evicted_by.get(key).copied();
        let node = row.last.node.as_deref().filter(|_| evicted.is_none()).unwrap_or("<none>");
        let score = row.last.score.filter(|_| evicted.is_none()).map_or("-".into(), |score| score.to_string());
        lines.push([namespace.into(), name.into(), node.into(), score, reason(row, evicted, eviction)]);
    }
    columns(&lines)
}

fn reason(row: &Row<'_>, evicted_by: Option<&str>, eviction: Eviction) -> String {
    let last = row.last;
    let mut text = match (&last.node, evicted_by) {
        (Some(node), Some(by)) => format!("placed on {node}, then evicted for {by}"),
        (None, Some(by)) => format!("evicted for {by}"),
        (Some(_), None) if last.score.is_none() => "the only node that fits".into(),
        (Some(_), None) if last.tied > 1 => format!("one of {} best nodes", last.tied),
        (Some(_), None) => String::new(),
        (None, None) => match (last.gated, last.skipped) {
            (Some(plugin), _) => format!("held back by its scheduling gates ({plugin})"),
            (_, Some(why)) => format!("not tried: {why}"),
            _ => last.message.clone(),
        },
    };
    let mut add = |sentence: String| {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&sentence);
    };
    for (node, victims) in &row.before {
        add(format!("preempted {} on {node}", victims.join(", ")));
    }
    if let Some(preempted) = &last.preempted {
        let verb = if eviction == Eviction::Apply { "preempted" } else { "would preempt" };
        add(format!("{verb} {} on {}", preempted.victims.join(", "), preempted.node));
    }
    text
}

/// Left-aligned columns with three blanks between them, as kubectl has them; nothing is cut.
fn columns(lines: &[[String; 5]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut out = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("   ").trim_end());
        out.push('\n');
    }
    out
}

/// How many pods came to what, one a line; zeros are left out but for the first two. `taken` says which of the best nodes
/// is taken.
pub fn summary(result: &CaseResult, left: &LeftAlone, taken: &str) -> String {
    let mut last: BTreeMap<&str, &Decision> = BTreeMap::new();
    for decision in &result.decisions {
        last.insert(&decision.pod, decision);
    }
    let evicted: Vec<&str> =
        result.final_state["evicted"].as_array().into_iter().flatten().filter_map(|key| key.as_str()).collect();
    let count = |test: &dyn Fn(&Decision) -> bool| {
        last.values().filter(|d| !evicted.contains(&d.pod.as_str()) && test(d)).count()
    };
    let scheduled = count(&|d| d.node.is_some());
    let gated = count(&|d| d.gated.is_some());
    let unschedulable = count(&|d| d.node.is_none() && d.gated.is_none() && d.skipped.is_none());
    let bound_before = evicted.iter().filter(|key| !last.contains_key(**key)).count();
    let mut lines = vec![(scheduled, "scheduled".to_string()), (unschedulable, "unschedulable".to_string())];
    let mut some = |count: usize, what: String| {
        if count > 0 {
            lines.push((count, what));
        }
    };
    some(gated, "held back by scheduling gates".into());
    some(evicted.len(), "evicted".into());
    some(left.bound.saturating_sub(bound_before), "bound before, and left where they are".into());
    some(left.finished, "finished, and left out".into());
    some(left.deleting, "pending and being deleted, and left out".into());
    for (name, count) in &left.other_scheduler {
        some(*count, format!("left to the scheduler {name}"));
    }
    let width = lines.iter().map(|(count, _)| count.to_string().len()).max().unwrap_or(1);
    let mut out: String = lines.iter().map(|(count, what)| format!("{count:>width$} {what}\n")).collect();
    out.push_str(&format!("Of nodes with the same highest score, {taken} is taken.\n"));
    out
}

/// The honesty report.
pub fn honesty(report: &Honesty, width: usize) -> String {
    let mut out = String::from("What of the manifests was taken into account:\n");
    let short = |entries: &[Entry]| -> String {
        entries.iter().map(|e| format!("{} ({})", e.name, e.count)).collect::<Vec<_>>().join(", ")
    };
    if !report.honoured.is_empty() {
        wrap(&mut out, "  honoured      ", &short(&report.honoured), width);
    }
    let mut long = |bullet: &str, entries: &[Entry], unsaid: &str| {
        for entry in entries {
            let note = if entry.note.is_empty() { unsaid } else { entry.note.as_str() };
            let colon = if note.is_empty() { "" } else { ": " };
            wrap(&mut out, bullet, &format!("{} ({}){colon}{note}", entry.name, entry.count), width);
        }
    };
    long("  approximated  ", &report.approximated, "");
    long("  ignored       ", &report.ignored, "");
    long("  ignored       ", &report.unknown, "not a field that is known");
    long("  kind ignored  ", &report.kinds, "");
    for sentence in &report.configuration {
        wrap(&mut out, "  configuration ", sentence, width);
    }
    for note in &report.notes {
        wrap(&mut out, "  note          ", note, width);
    }
    out
}
