//! A dump against our own decisions, as text.

use crate::kube::against::{Audit, Difference, Why};

/// The shares, what was counted apart, and every pod that is not where it would be put.
pub fn render(audit: &Audit) -> String {
    let share = |n: usize| match audit.checked {
        0 => String::new(),
        all => format!(" ({:.1} %)", n as f64 * 100.0 / all as f64),
    };
    let mut out =
        format!("{} bound pods were placed once more, each in the otherwise unchanged cluster.\n", audit.checked);
    out.push_str(&format!(
        "{}{} run on a node with the highest score, {}{} on the one that we would choose.\n",
        audit.agrees,
        share(audit.agrees),
        audit.chosen,
        share(audit.chosen)
    ));
    for (count, what) in [
        (audit.daemon_set, "of DaemonSets"),
        (audit.static_pods, "static"),
        (audit.other_scheduler, "of another scheduler"),
        (audit.elsewhere, "on nodes that are not in the dump"),
    ] {
        if count > 0 {
            out.push_str(&format!("{count} {what}, not placed again.\n"));
        }
    }
    if !audit.differences.is_empty() {
        out.push('\n');
    }
    for difference in &audit.differences {
        out.push_str(&sentence(difference));
    }
    out
}

fn sentence(d: &Difference) -> String {
    let ours = match &d.ours {
        Some(node) => format!("we would take {node}"),
        None => "we would find no node".into(),
    };
    let mut out = format!("{} is on {}, {ours}\n", d.pod, d.node);
    match &d.why {
        Why::Score { here, ours, rank, plugins } => {
            let tied = if d.tied > 1 { format!(", and so do {} nodes in all", d.tied) } else { String::new() };
            out.push_str(&format!("  its node scores {here} (rank {rank}), ours {ours}{tied}\n"));
            for (plugin, here, ours) in plugins {
                out.push_str(&format!("    {plugin} {here}, ours {ours}\n"));
            }
        }
        Why::Rejected(status) => {
            out.push_str(&format!("  its node is rejected by {}: {}\n", status.plugin, status.message()));
        }
        Why::Message(message) => out.push_str(&format!("  {message}\n")),
    }
    out
}
