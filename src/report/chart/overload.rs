//! Share of hosts above the line over time, a line a run: CPU, then memory.

use super::ChartInfo;
use crate::experiment::{Experiment, Record, TimelineBucket};
use crate::report::draw::axis::{Plot, top_of};
use crate::report::draw::{Anchor, Canvas, HEAD, Ink, MARGIN, WIDTH, head_height, run_ink, svg};
use crate::units::SimDuration;

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "overload",
    file: "overload.svg",
    title: TITLE,
    summary: "Share of hosts overloaded over time, by CPU and by memory, a line a run",
    belongs: |_| true,
    draw,
};

const TITLE: &str = "Hosts overloaded over time";
/// Most lines that can be told apart.
const LINES_MAX: usize = 7;
const LEFT: i32 = 84;
const PLOT_HEIGHT: i32 = 170;
const PANEL: i32 = PLOT_HEIGHT + 70;

/// A recorded run.
struct Line<'a> {
    ink: Ink,
    name: &'a str,
    record: &'a Record,
}

type Amount = fn(&TimelineBucket) -> f64;

const PANELS: [(&str, Amount); 2] = [
    ("CPU: demand within quotas above the host's CPU", |b| b.cpu_overloaded_host_seconds),
    ("Memory: use above what fits without thrashing", |b| b.memory_overloaded_host_seconds),
];

fn draw(experiment: &Experiment) -> String {
    // A run has the colour of its place in the experiment, here and in every other chart.
    let recorded: Vec<Line<'_>> = experiment
        .runs
        .iter()
        .enumerate()
        .filter_map(|(i, run)| Some(Line { ink: run_ink(i), name: &run.label.name, record: run.record.as_ref()? }))
        .collect();
    let lines = &recorded[..recorded.len().min(LINES_MAX)];
    let mut subtitle = "Host-seconds overloaded in each stretch over all host-seconds of the stretch. Lines that \
                        coincide are drawn one inside the other."
        .to_owned();
    if recorded.len() > lines.len() {
        subtitle.push_str(&format!(" The first {} of {} runs.", lines.len(), recorded.len()));
    }
    let legend: Vec<_> = lines.iter().map(|line| (line.ink, line.name.to_owned())).collect();
    // Seven names of forty characters fit on three lines.
    let legend_height = if lines.len() > 3 { 74 } else { 34 };
    let top = head_height(&subtitle) + legend_height;
    svg(top + PANEL * 2, TITLE, &subtitle, false, |canvas| {
        let y = canvas.head(TITLE, &subtitle);
        canvas.legend(y, &legend);
        for (i, (head, amount)) in PANELS.iter().enumerate() {
            panel(canvas, head, lines, *amount, top + PANEL * i as i32);
        }
    })
}

/// Percent of hosts overloaded, stretch by stretch.
fn shares(record: &Record, amount: Amount) -> Vec<f64> {
    record
        .edges
        .windows(2)
        .zip(&record.timeline)
        .map(|(edge, bucket)| {
            let seconds = (edge[1] - SimDuration(edge[0].0)).as_secs_f64();
            let share = amount(bucket) / (seconds * record.hosts.len() as f64) * 100.0;
            if share.is_finite() { share } else { 0.0 }
        })
        .collect()
}

fn panel(canvas: &mut Canvas<'_>, head: &str, lines: &[Line<'_>], amount: Amount, y: i32) {
    canvas.text((MARGIN, y + 8), Anchor::Start, HEAD, head);
    let edges = || lines.iter().flat_map(|line| &line.record.edges).copied();
    let (from, to) = (edges().min().unwrap_or_default(), edges().max().unwrap_or_default());
    let shares: Vec<Vec<f64>> = lines.iter().map(|line| shares(line.record, amount)).collect();
    let most = shares.iter().flatten().copied().fold(0.0, f64::max);
    let plot = Plot {
        left: LEFT,
        top: y + 32,
        width: WIDTH - LEFT - MARGIN,
        height: PLOT_HEIGHT,
        from,
        to,
        most: top_of(most.max(1.0)),
    };
    plot.values(canvas, " %");
    if from >= to {
        canvas.nothing(y + 32 + PLOT_HEIGHT / 2, "Nothing was recorded, or no time passed.");
        return;
    }
    for (i, (line, shares)) in lines.iter().zip(&shares).enumerate() {
        let mut points = Vec::new();
        for (edge, share) in line.record.edges.windows(2).zip(shares) {
            let y = plot.y(*share);
            points.push((plot.x(edge[0]), y));
            points.push((plot.x(edge[1]), y));
        }
        points.dedup();
        // The first line is the widest, so that equal ones are all seen.
        canvas.line(points, line.ink, 2 + 2 * (lines.len() - 1 - i).min(3) as u32);
    }
    if most == 0.0 {
        canvas.nothing(y + 32 + PLOT_HEIGHT / 2, "No host was overloaded.");
    }
    plot.times(canvas);
}
