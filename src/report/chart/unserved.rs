//! Unserved CPU over time, by what it waited for: a panel a run, one scale for all.

use plotters::prelude::RGBColor;

use super::ChartInfo;
use crate::experiment::{Experiment, Record, TimelineBucket};
use crate::report::draw::axis::{Plot, top_of};
use crate::report::draw::{Anchor, Canvas, HEAD, Ink, MARGIN, PANELS_MAX, WIDTH, head_height, svg};
use crate::report::text::shown;

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "unserved",
    file: "unserved.svg",
    title: TITLE,
    summary: "CPU demanded and not served over time, by cause, a panel a run",
    belongs: |_| true,
    draw,
};

const TITLE: &str = "CPU demanded and not served over time";
const LEFT: i32 = 84;
const PLOT_HEIGHT: i32 = 120;
const PANEL: i32 = PLOT_HEIGHT + 70;

/// A cause: colour, name, core-seconds of a stretch.
type Cause = (Ink, &'static str, fn(&TimelineBucket) -> f64);

const CAUSES: [Cause; 6] = [
    (RGBColor(0x56, 0xb4, 0xe9), "pending (no host yet)", |b| b.cpu_pending_core_seconds),
    (RGBColor(0xd5, 0x5e, 0x00), "starved (taken by neighbours)", |b| b.cpu_starved_core_seconds),
    (RGBColor(0xe6, 0x9f, 0x00), "slowed (near out of memory)", |b| b.cpu_slowed_core_seconds),
    (RGBColor(0xcc, 0x79, 0xa7), "throttled (above its own quota)", |b| b.cpu_throttled_core_seconds),
    (RGBColor(0x99, 0x99, 0x99), "thread-bound", |b| b.cpu_thread_bound_core_seconds),
    (RGBColor(0x33, 0x33, 0x33), "host down", |b| b.cpu_host_down_core_seconds),
];

fn draw(experiment: &Experiment) -> String {
    let recorded: Vec<(&str, &Record)> =
        experiment.runs.iter().filter_map(|run| Some((run.label.name.as_str(), run.record.as_ref()?))).collect();
    let panels = &recorded[..recorded.len().min(PANELS_MAX)];
    let mut subtitle =
        "Cores: core-seconds not served in each stretch over its length. One scale for all runs.".to_owned();
    if recorded.len() > panels.len() {
        subtitle.push_str(&format!(" The first {} of {} runs.", panels.len(), recorded.len()));
    }
    let top = head_height(&subtitle) + 34;
    let most =
        panels.iter().flat_map(|(_, record)| (0..stretches(record)).map(|i| stack(record, i)[5])).fold(0.0, f64::max);
    let height = top + (PANEL * panels.len() as i32).max(60);
    svg(height, TITLE, &subtitle, false, |canvas| {
        let y = canvas.head(TITLE, &subtitle);
        canvas.legend(y, &CAUSES.map(|(ink, name, _)| (ink, name.to_owned())));
        for (i, (name, record)) in panels.iter().enumerate() {
            panel(canvas, name, record, top + PANEL * i as i32, top_of(most));
        }
        if panels.is_empty() {
            canvas.nothing(top + 20, "No run was recorded, so there is nothing to show.");
        }
    })
}

fn stretches(record: &Record) -> usize {
    record.timeline.len().min(record.edges.len().saturating_sub(1))
}

/// Cores unserved in stretch `i`, each cause on top of those before it.
fn stack(record: &Record, i: usize) -> [f64; 6] {
    let seconds = (record.edges[i + 1] - crate::units::SimDuration(record.edges[i].0)).as_secs_f64();
    let mut sum = 0.0;
    CAUSES.map(|(_, _, amount)| {
        let cores = amount(&record.timeline[i]) / seconds;
        sum += if cores.is_finite() { cores } else { 0.0 };
        sum
    })
}

fn panel(canvas: &mut Canvas<'_>, name: &str, record: &Record, y: i32, most: f64) {
    canvas.text((MARGIN, y + 8), Anchor::Start, HEAD, &shown(name, 60));
    let (from, to) =
        (record.edges.first().copied().unwrap_or_default(), record.edges.last().copied().unwrap_or_default());
    let plot = Plot { left: LEFT, top: y + 32, width: WIDTH - LEFT - MARGIN, height: PLOT_HEIGHT, from, to, most };
    plot.values(canvas, " cores");
    let n = stretches(record);
    if from >= to || n == 0 {
        canvas.nothing(y + 32 + PLOT_HEIGHT / 2, "No time passed.");
        return;
    }
    let stacks: Vec<[f64; 6]> = (0..n).map(|i| stack(record, i)).collect();
    // The whole stack first, then ever lower parts over it.
    for cause in (0..CAUSES.len()).rev() {
        let mut points = vec![(plot.x(record.edges[0]), plot.y(0.0))];
        for (i, stack) in stacks.iter().enumerate() {
            let y = plot.y(stack[cause]);
            points.push((plot.x(record.edges[i]), y));
            points.push((plot.x(record.edges[i + 1]), y));
        }
        points.push((plot.x(record.edges[n]), plot.y(0.0)));
        points.dedup();
        if points.iter().any(|point| point.1 != plot.y(0.0)) {
            canvas.polygon(points, CAUSES[cause].0);
        }
    }
    if stacks.iter().all(|stack| stack[5] == 0.0) {
        canvas.nothing(y + 32 + PLOT_HEIGHT / 2, "All demanded CPU was served.");
    }
    plot.times(canvas);
}
