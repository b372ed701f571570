//! An attribution as text, as Markdown and as CSV.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::experiment::attribute::{Attribution, Factor};
use crate::experiment::{Interval, SeedStudy};
use crate::report::figures::{Unit, percent};
use crate::report::table::{Style, wrap};

/// A row of the table of one metric.
struct Row {
    what: String,
    effect: String,
    interval: String,
    share: String,
}

struct Shown {
    title: String,
    whole: String,
    rows: Vec<Row>,
}

fn shown(a: &Attribution) -> Shown {
    let kind = Unit::of_metric(a.metric);
    let largest = [&a.none, &a.all, &a.change].iter().fold(0.0f64, |most, i| most.max(i.reach()));
    let largest = a.effects.iter().fold(largest, |most, e| most.max(e.interval.reach()));
    let (divisor, unit) = kind.scale(largest);
    let show = |x: f64| kind.show(x, divisor);
    let interval = |i: &Interval| format!("{} to {}", show(i.low), show(i.high));
    let title = if unit.is_empty() { a.metric.to_owned() } else { format!("{}, {unit}", a.metric) };
    let verdict = if a.change.count < 2 {
        "one seed: no interval"
    } else if a.change.holds_zero() || a.change.mean.abs() <= a.noise {
        "within the noise"
    } else {
        "real"
    };
    let whole = format!(
        "none {} -> all {}: change {} ({}; {verdict}; ties and phases alone move it by up to {})",
        show(a.none.mean),
        show(a.all.mean),
        show(a.change.mean),
        interval(&a.change),
        show(a.noise)
    );
    let mut rows: Vec<Row> = Vec::new();
    for (effect, share) in a.effects.iter().zip(a.shares.iter().map(Some).chain(std::iter::repeat(None))) {
        rows.push(Row {
            what: effect.of.join(" x "),
            effect: show(effect.interval.mean),
            interval: interval(&effect.interval),
            share: match share {
                Some(share) => match share.share {
                    Some(part) => format!("{} ({})", show(share.interval.mean), percent(part)),
                    None => show(share.interval.mean),
                },
                None => String::new(),
            },
        });
    }
    Shown { title, whole, rows }
}

fn design(study: &SeedStudy, factors: &[Factor]) -> String {
    let named: Vec<String> = factors.iter().map(|f| format!("{} ({} or {})", f.name, f.off, f.on)).collect();
    format!(
        "All {} combinations of {} under one control plane, each under {} seeds, and once more with other ties and phases. An \
         effect is the mean with the ingredient less the mean without it; an interaction is by how much two together \
         do more than each alone, halved; the share is Shapley's: what the ingredient adds, averaged over all orders.",
        1 << factors.len(),
        named.join(", "),
        study.seeds.len()
    )
}

/// For a terminal.
pub fn text(study: &SeedStudy, factors: &[Factor], found: &[Attribution], style: &Style) -> String {
    let mut text = String::new();
    wrap(&mut text, "", &design(study, factors), style.width);
    for attribution in found {
        let Shown { title, whole, rows } = shown(attribution);
        let _ = writeln!(text, "\n{title}");
        wrap(&mut text, "  ", &whole, style.width);
        let widest = |of: &dyn Fn(&Row) -> usize, least: usize| rows.iter().map(of).max().unwrap_or(0).max(least);
        let what = widest(&|r| r.what.chars().count(), 10);
        let effect = widest(&|r| r.effect.chars().count(), 6);
        let interval = widest(&|r| r.interval.chars().count(), 12);
        let _ =
            writeln!(text, "  {:what$}  {:>effect$}  {:>interval$}  share", "ingredient", "effect", "95 % interval");
        for row in &rows {
            let line =
                format!("  {:what$}  {:>effect$}  {:>interval$}  {}", row.what, row.effect, row.interval, row.share);
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

/// As a page.
pub fn markdown(study: &SeedStudy, factors: &[Factor], found: &[Attribution], command: &str) -> String {
    let mut text = format!("# Attribution\n\n`{command}`\n\n{}\n", design(study, factors));
    for attribution in found {
        let Shown { title, whole, rows } = shown(attribution);
        let _ = writeln!(
            text,
            "\n## {title}\n\n{whole}\n\n| ingredient | effect | 95 % interval | share |\n| --- | --- | --- | --- |"
        );
        for row in &rows {
            let _ = writeln!(text, "| {} | {} | {} | {} |", row.what, row.effect, row.interval, row.share);
        }
    }
    text
}

/// As a table: one row a figure.
pub fn csv(found: &[Attribution], out: &mut dyn Write) -> io::Result<()> {
    let mut csv = super::output::csv_writer(out);
    csv.write_record(["metric", "kind", "of", "mean", "low", "high", "seeds", "share"])?;
    for a in found {
        let mut row = |kind: &str, of: &str, i: &Interval, share: Option<f64>| {
            let share = share.map_or(String::new(), |s| s.to_string());
            let (mean, low, high, count) =
                (i.mean.to_string(), i.low.to_string(), i.high.to_string(), i.count.to_string());
            csv.write_record([a.metric, kind, of, &mean, &low, &high, &count, &share])
        };
        row("none", "", &a.none, None)?;
        row("all", "", &a.all, None)?;
        row("change", "", &a.change, None)?;
        for effect in &a.effects {
            let kind = if effect.of.len() == 1 { "effect" } else { "interaction" };
            row(kind, &effect.of.join("*"), &effect.interval, None)?;
        }
        for share in &a.shares {
            row("shapley", share.of, &share.interval, share.share)?;
        }
    }
    csv.flush()
}
