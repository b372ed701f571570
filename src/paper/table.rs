//! The table for the terminal, at most 100 columns wide.

use super::compare::{Finding, Verdict, published};
use super::published::COLUMNS;
use super::study::{Figure, Study};

/// Columns that are shown of curves that are compared one by one.
const SHOWN: [u32; 4] = [80, 90, 100, 130];

/// The table of `study`, ended by a line end.
pub fn render(study: &Study<'_>, findings: &[Finding]) -> String {
    let mut text = format!("{}: {}\n\n", study.paper.name, study.paper.summary);
    let one_by_one = |finding: &&Finding| finding.rows.iter().any(|row| row.seed.is_some());
    let (curves, means): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(one_by_one);
    if !curves.is_empty() {
        text.push_str(&by_curve(study, &curves));
    }
    if !means.is_empty() {
        if !curves.is_empty() {
            text.push('\n');
        }
        text.push_str(&by_mean(study, &means));
    }
    text
}

/// Ours and theirs of every seed, and the largest differences over all columns.
fn by_curve(study: &Study<'_>, findings: &[&Finding]) -> String {
    let width = name_width(findings, 6);
    let name = Figure::Allocated.name(study.paper.of);
    let mut text =
        format!("{name} in columns of demand arrived: ours, published; largest differences over all columns\n");
    let mut head = format!("{:width$}  {:>4}", "policy", "seed");
    for percent in SHOWN {
        head.push_str(&format!("  {:>13}", format!("{percent} %")));
    }
    head.push_str("   alloc    frag");
    text.push_str(&ruled(&head));
    for finding in findings {
        for curve in study.of(&finding.policy) {
            let theirs: Vec<(u32, f64)> = study
                .expected
                .and_then(|expected| expected.curve(Figure::Allocated, &curve.policy, curve.seed))
                .map_or(Vec::new(), Iterator::collect);
            text.push_str(&format!("{:width$}  {:>4}", curve.policy, curve.seed));
            for percent in SHOWN {
                let published = theirs.iter().find(|(column, _)| *column == percent).map(|(_, value)| *value);
                text.push_str(&format!("  {:>6} {:>6}", cell(curve.at(Figure::Allocated, percent)), cell(published)));
            }
            for figure in [Figure::Allocated, Figure::FragmentedOfIdle] {
                let row = finding.rows.iter().find(|row| row.seed == Some(curve.seed) && row.figure == figure);
                let difference = row.map(|row| row.difference().map_or("none".into(), |d| format!("{d:+.3}")));
                text.push_str(&format!(" {:>7}", difference.unwrap_or_else(|| "-".into())));
            }
            text.push('\n');
        }
        text.push_str(&format!("{:width$}  {}\n", "", finding.verdict.name()));
    }
    text
}

/// Means over seeds, and published ones below.
fn by_mean(study: &Study<'_>, findings: &[&Finding]) -> String {
    let width = name_width(findings, 20);
    let seeds = study.seeds.len();
    let mut text = String::new();
    for figure in study.figures() {
        let there = |finding: &&&Finding| finding.rows.iter().any(|row| row.figure == *figure);
        let compared = findings.iter().any(|finding| there(&finding));
        // Without anything to compare with, allocation is what there is to see.
        if !compared && *figure != Figure::Allocated {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let many = if seeds == 1 { "1 seed".to_owned() } else { format!("the mean of {seeds} seeds") };
        text.push_str(&format!("{} in columns of demand arrived, {many}\n", figure.name(study.paper.of)));
        let mut head = format!("{:width$}", "policy");
        for percent in COLUMNS {
            head.push_str(&format!("  {:>6}", format!("{percent} %")));
        }
        text.push_str(&ruled(&head));
        for finding in findings {
            let mut line = format!("{:width$}", finding.policy);
            for percent in COLUMNS {
                line.push_str(&format!("  {:>6}", cell(study.mean(&finding.policy, *figure, percent))));
            }
            text.push_str(&format!("{line}\n"));
            if !there(&finding) {
                continue;
            }
            let known: Vec<_> = (0..COLUMNS.len()).map(|i| published(study, &finding.policy, *figure, i)).collect();
            let mut line = format!("{:width$}", "  published");
            let mut spread = format!("{:width$}", "  standard deviation");
            for known in known {
                line.push_str(&format!("  {:>6}", cell(known.map(|(mean, _)| mean))));
                spread.push_str(&format!("  {:>6}", cell(known.and_then(|(_, sd)| sd))));
            }
            text.push_str(&format!("{line}\n{spread}\n"));
            let differs = finding.rows.iter().any(|row| row.figure == *figure && row.verdict == Verdict::Differs);
            let verdict =
                if finding.verdict == Verdict::Differs && !differs { Verdict::Agrees } else { finding.verdict };
            text.push_str(&format!("  {}\n", verdict.name()));
        }
    }
    text
}

fn name_width(findings: &[&Finding], least: usize) -> usize {
    findings.iter().map(|finding| finding.policy.len()).max().unwrap_or(0).max(least)
}

fn ruled(head: &str) -> String {
    format!("{head}\n{}\n", "-".repeat(head.chars().count()))
}

fn cell(x: Option<f64>) -> String {
    x.map_or("-".into(), |x| format!("{x:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::compare::tests::{curve, study};
    use crate::paper::{Expected, compare};

    #[test]
    fn the_table_fits_in_a_hundred_columns() {
        let columns = [(80, 80.0), (90, 90.0), (100, 95.0), (130, 95.5)];
        let ours = || vec![curve("GpuClustering", 42, &columns), curve("Random", 42, &columns)];
        let text = "metric,policy,seed,80,130\ngpu_alloc_pct,GpuClustering,42,80,95.5\n\
                    gpu_alloc_pct,Random,42,80,95\ngpu_alloc_pct,Random,43,81,96\n";
        let policies = ["GpuClustering".to_owned(), "Random".to_owned()];
        let theirs = Expected::parse(text.as_bytes(), crate::workload::inflation::Asked::Gpu, &policies).unwrap();
        for (expected, orders) in [(Some(&theirs), true), (Some(&theirs), false), (None, true), (None, false)] {
            let study = study(ours(), expected, orders);
            let text = render(&study, &compare(&study));
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert!(text.contains("GpuClustering") && text.contains("80.00"), "{text}");
        }
    }
}
