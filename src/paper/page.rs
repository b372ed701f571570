//! The page `reproduce.html` and its picture `curves.svg`.

use std::io;

use serde::Serialize;

use super::compare::{Finding, answer, basis, place, published, summary};
use super::published::{COLUMNS, FRAGMENT_COLUMNS};
use super::study::{Figure, Study};
use crate::report::curves::{Line, Panel, draw};
use crate::report::figures::thousands;
use crate::report::output::digest_text;
use crate::report::page::render;
use crate::workload::inflation::Asked;

#[derive(Serialize)]
struct Page {
    version: &'static str,
    name: &'static str,
    summary: String,
    question: &'static str,
    verdict: String,
    basis: &'static str,
    notes: Vec<String>,
    seeds: String,
    heads: Vec<String>,
    lines: Vec<TableLine>,
    worst: Vec<String>,
    chart: String,
    limits: Vec<&'static str>,
    data: &'static str,
    file: &'static str,
    command: String,
    citation: &'static str,
    digest: String,
}

#[derive(Serialize)]
struct TableLine {
    name: String,
    of_others: bool,
    cells: Vec<String>,
    placed: String,
    verdict: &'static str,
}

/// The page.
pub fn page(study: &Study<'_>, findings: &[Finding]) -> io::Result<String> {
    let paper = study.paper;
    let worst = |finding: &Finding| Some(format!("{}: {}.", finding.policy, place(study, finding.worst()?)));
    let mut first = paper.summary.chars();
    let head = first.next().map_or(String::new(), |c| c.to_uppercase().collect::<String>()) + first.as_str();
    render(
        "reproduce.html",
        Page {
            version: env!("CARGO_PKG_VERSION"),
            name: paper.name,
            summary: head,
            question: paper.question,
            verdict: summary(findings).into_iter().chain(answer(study)).collect::<Vec<String>>().join(" "),
            basis: basis(study),
            notes: study.notes.clone(),
            seeds: seeds(study),
            heads: COLUMNS.iter().map(|percent| format!("{percent} %")).collect(),
            lines: findings.iter().flat_map(|finding| lines(study, finding)).collect(),
            worst: findings.iter().filter_map(worst).collect(),
            chart: chart(study),
            limits: paper.limits.to_vec(),
            data: paper.data,
            file: paper.file,
            command: study.command.clone(),
            citation: paper.citation,
            digest: digest_text(study.digest()),
        },
    )
}

/// The seeds in words.
fn seeds(study: &Study<'_>) -> String {
    match study.seeds.as_slice() {
        [] => "no seed".into(),
        [only] => format!("the seed {only}"),
        seeds @ [first, .., last] if last - first + 1 == seeds.len() as u64 => format!("the seeds {first} to {last}"),
        seeds => format!("the seeds {}", seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Means of allocation, and the published ones below.
fn lines(study: &Study<'_>, finding: &Finding) -> Vec<TableLine> {
    let percent = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.2}"));
    let policy = &finding.policy;
    let (arrived, placed) = study.of(policy).fold((0u64, 0u64), |(a, p), curve| (a + curve.arrived, p + curve.placed));
    let ours = COLUMNS.iter().map(|column| percent(study.mean(policy, Figure::Allocated, *column)));
    let mut lines = vec![TableLine {
        name: policy.clone(),
        of_others: false,
        cells: ours.collect(),
        placed: if arrived == 0 {
            "-".into()
        } else {
            format!("{} of {}", thousands(placed as f64), thousands(arrived as f64))
        },
        verdict: finding.verdict.name(),
    }];
    let known: Vec<_> = (0..COLUMNS.len()).map(|i| published(study, policy, Figure::Allocated, i)).collect();
    if known.iter().any(Option::is_some) {
        let of_others = |name: &str, cells: Vec<String>| TableLine {
            name: name.into(),
            of_others: true,
            cells,
            placed: String::new(),
            verdict: "",
        };
        lines.push(of_others("published", known.iter().map(|known| percent(known.map(|(mean, _)| mean))).collect()));
        let spreads = known.iter().map(|known| percent(known.and_then(|(_, sd)| sd)));
        lines.push(of_others("standard deviation", spreads.collect()));
    }
    lines
}

/// The picture: allocation by demand arrived, the part of it where policies differ, and fragmentation.
pub fn chart(study: &Study<'_>) -> String {
    let what = match study.paper.of {
        Asked::Cpu => "CPU",
        Asked::Memory => "Memory",
        Asked::Gpu => "GPU",
    };
    let along = format!("{what} demand arrived, percent of the cluster");
    let last = study.columns().last().copied().map_or(130.0, f64::from);
    let allocated: Vec<Line> = study.policies.iter().map(|policy| line(study, policy, Figure::Allocated)).collect();
    // The part from 80 % on, between whole fives.
    let late = || {
        let points = allocated.iter().flat_map(|line| line.points.iter().chain(&line.marks));
        points.filter(|(x, _)| *x >= 80.0).map(|(_, y)| *y)
    };
    let low = (late().fold(100.0, f64::min) / 5.0).floor() * 5.0;
    let high = ((late().fold(0.0, f64::max) / 5.0).ceil() * 5.0).max(low + 5.0);
    let mut panels = vec![Panel {
        head: format!("{what} allocated, percent of the cluster"),
        along: along.clone(),
        x: (0.0, last),
        y: (0.0, 100.0),
        lines: allocated.clone(),
    }];
    if late().next().is_some() {
        panels.push(Panel {
            head: "The same from 80 % on".into(),
            along: along.clone(),
            x: (80.0, last),
            y: (low, high),
            lines: allocated.clone(),
        });
    }
    if study.figures().contains(&Figure::FragmentedOfIdle) {
        panels.push(Panel {
            head: format!("{what} fragmented, percent of what is idle"),
            along,
            x: (0.0, last),
            y: (0.0, 100.0),
            lines: study.policies.iter().map(|policy| line(study, policy, Figure::FragmentedOfIdle)).collect(),
        });
    }
    let marks = panels.iter().any(|panel| panel.lines.iter().any(|line| !line.marks.is_empty()));
    let title = format!("{what} allocation by demand arrived");
    let subtitle = format!(
        "Means over {}. Jobs arrive one by one and stay; one that fits nowhere is given up.{}",
        seeds(study),
        if marks { " Diamonds are published means." } else { "" },
    );
    draw(&title, &subtitle, &panels)
}

/// The mean of `figure` of `policy`, with published means.
fn line(study: &Study<'_>, policy: &str, figure: Figure) -> Line {
    let means = |percent: u32| Some((f64::from(percent), study.mean(policy, figure, percent)?));
    let points = study.columns().into_iter().filter_map(means).collect();
    let mean = |i: usize| Some((f64::from(COLUMNS[i]), published(study, policy, figure, i)?.0));
    let mut marks: Vec<(f64, f64)> = (0..COLUMNS.len()).filter_map(mean).collect();
    let known = study.paper.published.iter().find(|published| published.policy == policy);
    if let (Figure::FragmentedOfIdle, None, Some(known)) = (figure, study.expected, known) {
        let columns = FRAGMENT_COLUMNS.iter().map(|percent| f64::from(*percent));
        marks = columns.zip(known.fragmented).collect();
    }
    Line { name: policy.to_owned(), points, marks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::compare;
    use crate::paper::compare::tests::{curve, study};

    #[test]
    fn seeds_are_told_as_a_range_or_one_by_one() {
        for (seeds, told) in [
            (vec![], "no seed"),
            (vec![3], "the seed 3"),
            (vec![3, 4, 5], "the seeds 3 to 5"),
            (vec![3, 5], "the seeds 3, 5"),
        ] {
            assert_eq!(super::seeds(&Study { seeds, ..study(Vec::new(), None, false) }), told);
        }
    }

    #[test]
    fn the_page_says_its_verdict_before_anything_else() {
        let columns: Vec<(u32, f64)> = (0..=130).map(|x| (x, f64::from(x.min(95)))).collect();
        for curves in [vec![curve("FGD", 42, &columns), curve("FGD", 43, &columns)], Vec::new()] {
            let mut study = study(curves, None, false);
            study.notes.push("interrupted <b>".into());
            study.command = "plimsoll reproduce 'a & b'".into();
            let findings = compare(&study);
            let text = page(&study, &findings).unwrap();
            let verdict = text.find("class=\"answer\"").unwrap();
            assert!(verdict < text.find("<table").unwrap() && verdict < text.find("<svg").unwrap());
            assert!(text.contains("interrupted &lt;b&gt;") && text.contains("What cannot be reproduced"));
            assert!(!text.contains("NaN") && !text.contains("<b>"), "{text}");
            let drawn = chart(&study);
            assert_eq!(drawn.contains("Diamonds"), !study.curves.is_empty(), "{drawn}");
        }
    }
}
