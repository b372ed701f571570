//! Requests answered against the round trip to the store, as it rises and as it falls again: a panel a run.

use super::ChartInfo;
use crate::experiment::Experiment;
use crate::report::draw::{
    Anchor, Canvas, EMPTY, GRID, HEAD, LABEL, MARGIN, MUTED, PANELS_MAX, TICK, WIDTH, head_height, svg,
};
use crate::report::draw::{Ink, run_ink};
use crate::report::figures::{number, percent};
use crate::report::store_latency::{Stretch, is_swept, stretches};
use crate::report::text::shown;

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "store_latency",
    file: "store_latency.svg",
    title: TITLE,
    summary: "Requests answered against the round trip to the store, rising and falling, a panel a run",
    belongs: is_swept,
    draw,
};

const TITLE: &str = "Requests answered against the latency of the store";
const SUBTITLE: &str = "Each point is the whole time at one round trip. Filled: as it rises; hollow: as it falls again. Where the two part, the \
platform had not recovered, or had been spared so far.";
const LEFT: i32 = 84;
const PLOT_WIDTH: i32 = WIDTH - LEFT - MARGIN - 20;
const PLOT_HEIGHT: i32 = 110;
const PANEL: i32 = PLOT_HEIGHT + 66;

fn draw(experiment: &Experiment) -> String {
    let swept: Vec<(&str, Vec<Stretch>)> = experiment
        .runs
        .iter()
        .map(|run| (run.label.name.as_str(), stretches(experiment, run)))
        .filter(|(_, stretches)| !stretches.is_empty())
        .collect();
    let panels = &swept[..swept.len().min(PANELS_MAX)];
    let reads = || panels.iter().flat_map(|(_, stretches)| stretches).map(|stretch| stretch.read_us.max(1));
    let (least, most) = (reads().min().unwrap_or(1), reads().max().unwrap_or(1));
    let span = libm::log(most as f64 / least as f64).max(1e-9);
    let x = |us: u64| {
        LEFT + 10 + (libm::log(us.max(1) as f64 / least as f64) / span * f64::from(PLOT_WIDTH - 20)).round() as i32
    };
    let top = head_height(SUBTITLE) + 14;
    svg(top + (PANEL * panels.len() as i32).max(60), TITLE, SUBTITLE, false, |canvas| {
        canvas.head(TITLE, SUBTITLE);
        if panels.is_empty() {
            canvas.nothing(top + 20, "No run has a store whose latency changed, so there is nothing to show.");
        }
        let mut ticks: Vec<u64> = reads().collect();
        ticks.sort_unstable();
        ticks.dedup();
        for (i, (name, stretches)) in panels.iter().enumerate() {
            panel(canvas, name, stretches, (top + PANEL * i as i32, run_ink(i)), &ticks, &x);
        }
    })
}

fn panel(
    canvas: &mut Canvas<'_>,
    name: &str,
    stretches: &[Stretch],
    (top, ink): (i32, Ink),
    ticks: &[u64],
    x: &dyn Fn(u64) -> i32,
) {
    canvas.text((LEFT, top + 8), Anchor::Start, HEAD, &shown(name, 60));
    let top = top + 22;
    let y = |share: f64| top + PLOT_HEIGHT - (share.clamp(0.0, 1.0) * f64::from(PLOT_HEIGHT)).round() as i32;
    canvas.rect((LEFT, top), (PLOT_WIDTH, PLOT_HEIGHT), EMPTY);
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        canvas.line(vec![(LEFT, y(share)), (LEFT + PLOT_WIDTH, y(share))], GRID, 1);
        canvas.text((LEFT - 8, y(share)), Anchor::End, TICK, &percent(share));
    }
    let mut last = i32::MIN / 2;
    for &tick in ticks {
        canvas.line(vec![(x(tick), top + PLOT_HEIGHT), (x(tick), top + PLOT_HEIGHT + 4)], MUTED, 1);
        // Labels that would run into each other are left out.
        if x(tick) - last >= 64 {
            last = x(tick);
            let text = rounded(tick);
            canvas.text((x(tick), top + PLOT_HEIGHT + 14), Anchor::Middle, TICK, &text);
        }
    }
    for rising in [false, true] {
        // Both ways share the point at the peak.
        let peak = stretches.iter().rposition(|stretch| stretch.rising);
        let way = stretches.iter().enumerate().filter(|(i, s)| s.rising == rising || Some(*i) == peak);
        let points: Vec<(i32, i32)> = way.filter_map(|(_, s)| Some((x(s.read_us), y(s.answered?)))).collect();
        if points.len() > 1 {
            canvas.line(points.clone(), ink, if rising { 2 } else { 1 });
        }
        for (px, py) in points {
            canvas.rect((px - 4, py - 4), (9, 9), ink);
            if !rising {
                canvas.rect((px - 2, py - 2), (5, 5), EMPTY);
            }
        }
    }
    let worst = stretches.iter().filter_map(|s| Some((s.answered?, s.read_us))).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((share, at)) = worst.filter(|(share, _)| *share < 0.9995) {
        let text = format!("worst {} at {}", percent(share), rounded(at));
        canvas.text((LEFT + 10, top + PLOT_HEIGHT - 12), Anchor::Start, LABEL, &text);
    }
}

/// To three figures, so that labels are short.
fn rounded(us: u64) -> String {
    let us = us as f64;
    match us {
        us if us < 1e3 => format!("{} \u{b5}s", number(us)),
        us if us < 1e6 => format!("{} ms", number(us / 1e3)),
        us => format!("{} s", number(us / 1e6)),
    }
}
