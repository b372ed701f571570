//! The picture of a trace: arrivals by hour of the day, and what is held at once over time.

use crate::report::draw::axis::{Plot, top_of};
use crate::report::draw::{Anchor, Canvas, HEAD, MARGIN, TICK, WIDTH, head_height, run_ink, svg};
use crate::report::figures::{number, thousands};
use crate::units::SimTime;
use crate::workload::stats::{Stretch, WorkloadStats};

const LEFT: i32 = 84;
const PLOT_HEIGHT: i32 = 150;
const PANEL: i32 = PLOT_HEIGHT + 74;

type Amount = fn(&Stretch) -> f64;

/// Draws the figures of the trace called `name`.
pub fn draw(name: &str, w: &WorkloadStats) -> String {
    let title = format!("Arrivals and load of {name}");
    let subtitle = format!(
        "{} jobs. Held at once: each job runs from its arrival for its duration and nothing waits; means over {} stretches. \
         Peaks at one moment: {} jobs, {} cores, {} GiB.",
        thousands(w.jobs as f64),
        w.at_once.timeline.len(),
        number(w.at_once.jobs.peak),
        number(w.at_once.cpu_cores.peak),
        number(w.at_once.memory_gib.peak),
    );
    let panels: [(&str, Amount, f64); 4] = [
        ("Jobs at once", |s| s.jobs, w.at_once.jobs.peak),
        ("Cores requested at once", |s| s.cpu_cores, w.at_once.cpu_cores.peak),
        ("GiB of memory requested at once", |s| s.memory_gib, w.at_once.memory_gib.peak),
        ("GPUs requested at once", |s| s.gpus, w.at_once.gpus.peak),
    ];
    // Memory and GPUs only where some are requested.
    let panels: Vec<_> = panels.into_iter().enumerate().filter(|(i, (_, _, peak))| *i < 2 || *peak > 0.0).collect();
    let top = head_height(&subtitle) + 10;
    svg(top + PANEL * (panels.len() as i32 + 1), &title, &subtitle, false, |canvas| {
        canvas.head(&title, &subtitle);
        hours(canvas, w, top);
        for (place, (i, (head, amount, _))) in panels.iter().enumerate() {
            over_time(canvas, head, &w.at_once.timeline, *amount, *i, top + PANEL * (place as i32 + 1));
        }
    })
}

fn plot(y: i32, most: f64, from: SimTime, to: SimTime) -> Plot {
    let (width, height) = (WIDTH - LEFT - MARGIN, PLOT_HEIGHT);
    Plot { left: LEFT, top: y + 28, width, height, from, to, most: top_of(most) }
}

fn hours(canvas: &mut Canvas<'_>, w: &WorkloadStats, y: i32) {
    canvas.text((MARGIN, y + 8), Anchor::Start, HEAD, "Arrivals by hour of the day (trace clock), percent of all jobs");
    let shares = w.arrivals_by_hour.map(|jobs| jobs as f64 / (w.jobs.max(1)) as f64 * 100.0);
    let plot = plot(y, shares.iter().copied().fold(0.0, f64::max), SimTime::ZERO, SimTime(1));
    plot.values(canvas, " %");
    let bottom = plot.top + plot.height;
    for (hour, share) in shares.iter().enumerate() {
        let edge = |hour: usize| plot.left + (plot.width as usize * hour / 24) as i32;
        let (left, right) = (edge(hour), edge(hour + 1));
        let height = bottom - plot.y(*share);
        if height > 0 {
            canvas.rect((left + 2, bottom - height), (right - left - 4, height), run_ink(1));
        }
        canvas.text(((left + right) / 2, bottom + 12), Anchor::Middle, TICK, &format!("{hour}h"));
    }
}

fn over_time(canvas: &mut Canvas<'_>, head: &str, timeline: &[Stretch], amount: Amount, ink: usize, y: i32) {
    canvas.text((MARGIN, y + 8), Anchor::Start, HEAD, &format!("{head}, over time"));
    let from = timeline.first().map_or(SimTime::ZERO, |s| s.from);
    let to = timeline.last().map_or(SimTime::ZERO, |s| s.to);
    let most = timeline.iter().map(amount).fold(0.0, f64::max);
    let plot = plot(y, most, from, to);
    plot.values(canvas, "");
    if from >= to {
        canvas.nothing(plot.top + PLOT_HEIGHT / 2, "No job runs for any time.");
        return;
    }
    let mut points = Vec::with_capacity(timeline.len() * 2);
    for stretch in timeline {
        let y = plot.y(amount(stretch));
        points.push((plot.x(stretch.from), y));
        points.push((plot.x(stretch.to), y));
    }
    points.dedup();
    canvas.line(points, run_ink([1, 0, 2, 3][ink % 4]), 2);
    plot.times(canvas);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimDuration};
    use crate::workload::stats::stats;
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    #[test]
    fn a_picture_has_title_description_and_units_whatever_the_trace() {
        for jobs in [0u64, 1, 50] {
            let mut b = WorkloadBuilder::new();
            for i in 0..jobs {
                let at = SimTime(i * 600_000_000);
                b.push(Job::batch(format!("{i}"), at, SimDuration(9_000_000), MilliCpu(500), Bytes::gib(2))).unwrap();
            }
            let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
            let text = draw("a <b> & \u{202e}c", &stats(&w, 0));
            assert!(text.contains("<title>Arrivals and load of a &lt;b&gt; &amp; \\u{202e}c</title>"), "{jobs}");
            assert!(text.contains("<desc>") && text.contains("Cores requested at once"));
            assert_eq!(text.contains("GiB of memory"), jobs > 0);
            assert!(!text.contains("NaN") && text.trim_end().ends_with("</svg>"));
        }
    }
}
