//! Many seeds on a page or a terminal: means with intervals, differences to the first run, and which of them are noise.

use std::fmt::Write as _;

use crate::experiment::{Experiment, Interval, SeedStudy};
use crate::report::figures::Unit;
use crate::report::table::{Style, wrap};
use crate::report::text::shown;

/// Metrics that are shown and what they are called, in order; `intervals.csv` has them all.
const SHOWN: &[(&str, &str)] = &[
    ("cpu_unserved_share", "CPU demanded, not served"),
    ("cpu_overloaded_host_seconds", "CPU demand above capacity"),
    ("memory_overloaded_host_seconds", "memory use above what fits"),
    ("oom_kills", "out-of-memory kills"),
    ("evictions", "evictions"),
    ("hosts_down", "hosts fell"),
    ("wait_seconds_p95", "wait to first run, 95th percentile"),
];
/// Longest name of a run.
const NAME_MAX: usize = 30;

/// A metric under many seeds.
pub struct Block {
    /// What it is, with its unit.
    pub title: String,
    /// A line a run.
    pub lines: Vec<Line>,
}

/// A run's line.
pub struct Line {
    /// The run.
    pub run: String,
    /// Mean.
    pub mean: String,
    /// Interval of the mean.
    pub interval: String,
    /// Difference to the first run; empty for the first.
    pub difference: String,
    /// Its interval.
    pub difference_interval: String,
    /// `differs` or `noise`; empty for the first.
    pub verdict: &'static str,
}

/// The blocks of `study`; a metric that is zero or undefined for all is left out.
pub fn blocks(study: &SeedStudy) -> Vec<Block> {
    SHOWN.iter().filter_map(|(metric, label)| block(study, metric, label)).collect()
}

fn block(study: &SeedStudy, metric: &str, label: &str) -> Option<Block> {
    let means: Vec<Option<Interval>> = (0..study.names.len()).map(|run| study.mean(run, metric)).collect();
    let largest = means.iter().flatten().fold(0.0f64, |most, m| most.max(m.reach()));
    if largest == 0.0 {
        return None;
    }
    let kind = Unit::of_metric(metric);
    let (divisor, unit) = kind.scale(largest);
    let show = |x: f64| {
        // Differences may be negative, and durations do not say so by themselves.
        let text = kind.show(x.abs(), divisor);
        if x < 0.0 { format!("-{text}") } else { text }
    };
    let within = |i: &Interval| format!("{} to {}", show(i.low), show(i.high));
    let lines = means.iter().enumerate().map(|(run, mean)| {
        let difference = study.difference(run, metric).filter(|_| run > 0);
        Line {
            run: shown(&study.names[run], NAME_MAX),
            mean: mean.map_or("-".into(), |m| show(m.mean)),
            interval: mean.map_or(String::new(), |m| within(&m)),
            difference: difference.map_or(String::new(), |d| show(d.interval.mean)),
            difference_interval: difference.map_or(String::new(), |d| within(&d.interval)),
            verdict: difference.map_or("", |d| if d.is_real() { "differs" } else { "noise" }),
        }
    });
    let title = if unit.is_empty() { label.to_owned() } else { format!("{label}, {unit}") };
    Some(Block { title, lines: lines.collect() })
}

/// What the figures are, in a sentence or two.
pub fn caption(study: &SeedStudy) -> String {
    let (n, first) = (study.seeds.len(), study.seeds.first().map_or(0, |s| s.seed));
    let last = study.seeds.last().map_or(0, |s| s.seed);
    let what = if study.worlds_differ {
        "Each seed is a world of its own (generated jobs, usage, failures), the same for all runs"
    } else {
        "The world is the same under every seed, which only breaks ties and shifts phases: this is one sample (n = 1) and \
         says nothing of other worlds"
    };
    format!(
        "Means over {n} {} ({first} to {last}) with 95 % bootstrap intervals; differences to the first run, paired by seed. {what}. \
         A difference is called noise if its interval holds 0 or if it is no larger than what other ties and phases alone do.",
        if n == 1 { "seed" } else { "seeds" }
    )
}

/// The section on a terminal; nothing without a study.
pub fn render(experiment: &Experiment, style: &Style) -> String {
    let Some(study) = &experiment.seeds else { return String::new() };
    let width = style.width.max(40);
    let mut out = String::new();
    let _ = writeln!(out, "\n{}", style.bold("Over all seeds"));
    wrap(&mut out, "", &caption(study), width);
    for block in blocks(study) {
        let _ = writeln!(out, "\n{}", style.bold(&block.title));
        let of = |field: fn(&Line) -> &str| block.lines.iter().map(|l| field(l).chars().count()).max().unwrap_or(0);
        let mut widths = [of(|l| &l.run), of(|l| &l.mean), of(|l| &l.interval), of(|l| &l.difference)];
        let last = of(|l| &l.difference_interval);
        // Names give way to numbers: indent, gaps and the verdict take 19 columns.
        let numbers = widths[1] + widths[2] + widths[3] + last + 19;
        widths[0] = widths[0].min(width.saturating_sub(numbers).max(4));
        for l in &block.lines {
            let line = format!(
                "  {:w0$}  {:>w1$}  {:w2$}  {:>w3$}  {:last$}  {}",
                shown(&l.run, widths[0]),
                l.mean,
                l.interval,
                l.difference,
                l.difference_interval,
                l.verdict,
                w0 = widths[0],
                w1 = widths[1],
                w2 = widths[2],
                w3 = widths[3],
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_line_says_mean_interval_difference_and_whether_it_counts() {
        let text = render(&fixture::hostile(), &Style::default());
        assert!(text.contains("CPU demanded, not served"), "{text}");
        assert!(text.contains("differs") && text.contains("noise"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert_eq!(render(&fixture::bare(), &Style::default()), "");
    }
}
