//! Attempts that ended by force, by cause: a bar a run.

use super::ChartInfo;
use crate::experiment::{Experiment, RunResult};
use crate::report::draw::axis::top_of;
use crate::report::draw::{Anchor, EMPTY, GRID, LABEL, MARGIN, TICK, WIDTH, head_height, run_ink, svg};
use crate::report::figures::{number, thousands};
use crate::sim::EndReason;

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "kills",
    file: "kills.svg",
    title: TITLE,
    summary: "Attempts that ended by force, by cause, a bar a run",
    belongs: |_| true,
    draw,
};

const TITLE: &str = "Kills, evictions and losses by cause";
const BARS_MAX: usize = 7;
const LEFT: i32 = 250;
const BAR: i32 = 16;
const PLOT_WIDTH: i32 = WIDTH - LEFT - MARGIN - 70;

/// Cause, and the metric that counts it; causes without one are counted in the record.
const CAUSES: [(&str, Option<&str>, EndReason); 10] = [
    ("killed at its own limit", Some("oom_kills_limit"), EndReason::OomLimit),
    ("killed, host out of memory", Some("oom_kills_host"), EndReason::OomHost),
    ("evicted, node pressure", Some("evictions_node_pressure"), EndReason::EvictedPressure),
    ("evicted, host lost (taint)", Some("evictions_taint"), EndReason::EvictedTaint),
    ("evicted through the API", Some("evictions_api"), EndReason::EvictedApi),
    ("preempted", Some("evictions_preemption"), EndReason::EvictedPreemption),
    ("host fell", None, EndReason::HostDown),
    ("host left", None, EndReason::HostLeft),
    ("start failed", Some("start_failed"), EndReason::StartFailed),
    ("its daemon was killed", Some("daemon_ends"), EndReason::DaemonDied),
];

fn count(experiment: &Experiment, run: &RunResult, metric: Option<&str>, why: EndReason) -> f64 {
    if let Some(value) = metric.and_then(|name| run.metric(name)) {
        return value.number().filter(|x| x.is_finite()).unwrap_or(0.0);
    }
    // Metrics begin after the warm-up, so counts from the record do too.
    let ends = run.record.iter().flat_map(|record| &record.ends);
    ends.filter(|end| end.why == why && end.at >= experiment.warm_up).count() as f64
}

fn draw(experiment: &Experiment) -> String {
    let runs = &experiment.runs[..experiment.runs.len().min(BARS_MAX)];
    let causes: Vec<(&str, Vec<f64>)> = CAUSES
        .iter()
        .map(|(name, metric, why)| (*name, runs.iter().map(|run| count(experiment, run, *metric, *why)).collect()))
        .filter(|(_, counts): &(_, Vec<f64>)| counts.iter().any(|n| *n > 0.0))
        .collect();
    let mut subtitle = "Attempts ended by force; causes that no run met are left out.".to_owned();
    if experiment.runs.len() > runs.len() {
        subtitle.push_str(&format!(" The first {} of {} runs.", runs.len(), experiment.runs.len()));
    }
    let legend: Vec<_> = runs.iter().enumerate().map(|(i, run)| (run_ink(i), run.label.name.clone())).collect();
    let top = head_height(&subtitle) + if runs.len() > 3 { 74 } else { 40 };
    let group = BAR * runs.len() as i32 + 14;
    let bottom = top + (group * causes.len() as i32).max(40);
    let most = causes.iter().flat_map(|(_, counts)| counts).copied().fold(0.0, f64::max);
    // Below four a quarter of the axis would be a part of an attempt.
    let most_shown = top_of(most.max(4.0));
    let x = |n: f64| (n / most_shown * f64::from(PLOT_WIDTH)).round() as i32;
    svg(bottom + 44, TITLE, &subtitle, false, |canvas| {
        let y = canvas.head(TITLE, &subtitle);
        canvas.legend(y, &legend);
        if causes.is_empty() {
            canvas.nothing(top + 20, "No attempt ended by force.");
            return;
        }
        canvas.rect((LEFT, top), (PLOT_WIDTH, bottom - top), EMPTY);
        for i in 0..=4 {
            let n = most_shown / 4.0 * f64::from(i);
            canvas.line(vec![(LEFT + x(n), top), (LEFT + x(n), bottom)], GRID, 1);
            canvas.text((LEFT + x(n), bottom + 14), Anchor::Middle, TICK, &number(n));
        }
        canvas.text((LEFT + PLOT_WIDTH / 2, bottom + 32), Anchor::Middle, TICK, "attempts");
        for (i, (name, counts)) in causes.iter().enumerate() {
            let y = top + group * i as i32 + 7;
            canvas.text((LEFT - 12, y + (group - 14) / 2), Anchor::End, LABEL, name);
            for (run, n) in counts.iter().enumerate() {
                let y = y + BAR * run as i32;
                canvas.rect((LEFT, y + 1), (x(*n).max(i32::from(*n > 0.0)), BAR - 2), run_ink(run));
                canvas.text((LEFT + x(*n) + 6, y + BAR / 2), Anchor::Start, LABEL, &thousands(*n));
            }
        }
    })
}
