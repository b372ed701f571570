//! One decision node by node: what rejected it and what would let it in, or every sum behind its score.

use crate::kube::case::{CaseResult, Decision};
use crate::kube::explain::{Explanation, NodeExplanation, ScoreLine, Verdict};
use crate::kube::tie_break::TieBreak;
use crate::orchestrator::Explained;

/// All decisions of a result that were explained.
pub fn explanations(result: &CaseResult, tie_break: TieBreak) -> String {
    let explained = result.decisions.iter().filter_map(|d| Some((d, result.explanations.get(d.explanation?)?)));
    let text = |(decision, explanation): (&Decision, &Explanation)| {
        let mut out = match &decision.node {
            Some(node) => format!("{} goes to {node}\n", decision.pod),
            None => format!("{} goes nowhere: {}\n", decision.pod, decision.message),
        };
        nodes(&mut out, decision.tied, explanation, tie_break);
        out
    };
    explained.map(text).collect::<Vec<_>>().join("\n")
}

/// The decisions of a replay that were explained, of the run that is called `run`.
pub fn replayed(run: &str, explained: &[Explained], hosts: &[String], tie_break: TieBreak) -> String {
    let text = |e: &Explained| {
        let Explanation { pod, attempt, .. } = &e.explanation;
        let mut out = match e.host {
            Some(host) => format!("{run}, {}: {pod} goes to {}\n", e.at, hosts[host.index()]),
            None => format!("{run}, {}: {pod} goes nowhere: {}\n", e.at, attempt.message),
        };
        nodes(&mut out, attempt.top.len(), &e.explanation, tie_break);
        out
    };
    explained.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Every node: those that were scored by rank, then the others in the order of the node list.
fn nodes(out: &mut String, tied: usize, explanation: &Explanation, tie_break: TieBreak) {
    if tied > 1 {
        out.push_str(&format!("  {tied} nodes have the highest score; {} is taken\n", tie_break.text()));
    }
    let rank = |node: &NodeExplanation| match node.verdict {
        Verdict::Scored { rank, .. } => rank,
        Verdict::Only => 0,
        _ => usize::MAX,
    };
    let mut nodes: Vec<&NodeExplanation> = explanation.nodes.iter().collect();
    nodes.sort_by(|a, b| {
        let by_name = || if rank(a) == usize::MAX { std::cmp::Ordering::Equal } else { a.node.cmp(&b.node) };
        rank(a).cmp(&rank(b)).then_with(by_name)
    });
    for node in nodes {
        verdict(out, node);
    }
}

fn verdict(out: &mut String, node: &NodeExplanation) {
    let name = &node.node;
    match &node.verdict {
        Verdict::Only => out.push_str(&format!("  {name}: the only node that fits; it is not scored\n")),
        Verdict::NotSearched => out.push_str(&format!("  {name}: not looked at, enough nodes fitted before\n")),
        Verdict::LeftOut(status) => {
            let plugin = if status.plugin.is_empty() { "PreFilter" } else { status.plugin };
            out.push_str(&format!("  {name}: left out by {plugin}: {}\n", status.message()));
        }
        Verdict::Rejected { status, remedies } => {
            out.push_str(&format!("  {name}: rejected by {}: {}\n", status.plugin, status.message()));
            for (plugin, remedy) in remedies {
                out.push_str(&format!("    {plugin}: {remedy}\n"));
            }
        }
        Verdict::Scored { rank, total, lines } => {
            out.push_str(&format!("  {name}: rank {rank}, score {total}\n"));
            let width = lines.iter().map(|line| line.plugin.len()).max().unwrap_or(0);
            for line in lines {
                out.push_str(&format!("    {:width$}  {}\n", line.plugin, sum(line)));
            }
        }
    }
}

/// `62 × 1 = 62; raw cpu (4000-1500)*100/4000 = 62 …`.
fn sum(line: &ScoreLine) -> String {
    let ScoreLine { normalized, weight, score, raw_arithmetic, .. } = line;
    let mut text = format!("{normalized} × {weight} = {score}; raw: {raw_arithmetic}");
    if let Some(arithmetic) = &line.normalized_arithmetic {
        text.push_str(&format!("; normalised: {arithmetic}"));
    }
    text
}
