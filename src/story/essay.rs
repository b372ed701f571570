//! The essay: a page of all claims with their figures, and a table of them.

use std::io::{self, Write};

use serde::Serialize;

use super::figure;
use super::{Claim, Finding, Seen};
use crate::experiment::{Experiment, digest_of};
use crate::report::figures::Unit;
use crate::report::output::{csv_writer, digest_text};
use crate::report::page::render;
use crate::report::{CHARTS, store_latency};

/// A claim and what came of it.
#[derive(Debug)]
pub struct Chapter<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// Its runs.
    pub experiment: &'a Experiment,
    /// The finding.
    pub finding: Finding,
}

impl<'a> Chapter<'a> {
    /// `claim`, judged by the runs of its scenario.
    pub fn new(claim: &'a Claim, experiment: &'a Experiment) -> Chapter<'a> {
        Chapter { claim, experiment, finding: (claim.judge)(&Seen { experiment }) }
    }

    /// The command that repeats its numbers.
    pub fn command(&self) -> String {
        let seeds = if self.claim.seeds > 0 { format!(" --seeds 0..{}", self.claim.seeds) } else { String::new() };
        format!("plimsoll run {}{seeds} -o out", self.claim.file)
    }
}

#[derive(Serialize)]
struct Page {
    version: &'static str,
    digest: String,
    words: Vec<[&'static str; 2]>,
    claims: Vec<Section>,
}

#[derive(Serialize)]
struct Section {
    name: &'static str,
    claim: String,
    verdict: &'static str,
    condition: &'static str,
    simulated: Vec<String>,
    seen: String,
    heads: Vec<&'static str>,
    lines: Vec<Line>,
    figures: Vec<String>,
    depends: &'static str,
    sources: &'static str,
    command: String,
}

#[derive(Serialize)]
struct Line {
    run: String,
    cells: Vec<String>,
}

/// What a reader new to all this has to know.
const WORDS: [[&str; 2]; 9] = [
    [
        "job, host",
        "a container that is to run, and a machine that runs it (fleet: unit and machine; Kubernetes: pod and node)",
    ],
    [
        "fleet",
        "keeps in etcd which unit belongs on which machine; an engine puts a unit where the fewest are, in turns of two seconds; an agent on each machine starts and stops what etcd says",
    ],
    [
        "etcd",
        "a small store of keys, kept by three members that elect a leader; nothing is written without a majority. A key may have a time to live, after which it vanishes unless written again",
    ],
    ["confd", "looks into etcd every five seconds and rewrites a program's configuration file when keys have changed"],
    [
        "Service, endpoints",
        "Kubernetes' name for an app, and the addresses of the pods that stand behind it and are ready",
    ],
    [
        "requests, limits",
        "what a job says it needs, by which Kubernetes places it; what it may not exceed, by which the kernel kills it",
    ],
    ["502, 503, 504", "what a visitor is told: nothing listens there; there is nobody to ask; nobody answered in time"],
    [
        "stuck",
        "a component that waits for the store, for its configuration or for a peer, or that runs and looks for a peer where it no longer is",
    ],
    [
        "unserved",
        "CPU that jobs asked for and did not get, whatever the reason: no host yet, neighbours, a full memory, a host that is down",
    ],
];

/// The page.
pub fn page(chapters: &[Chapter<'_>]) -> io::Result<String> {
    let runs: Vec<_> = chapters.iter().flat_map(|chapter| chapter.experiment.runs.clone()).collect();
    render(
        "essay.html",
        Page {
            version: env!("CARGO_PKG_VERSION"),
            digest: digest_text(digest_of(&runs)),
            words: WORDS.to_vec(),
            claims: chapters.iter().map(section).collect(),
        },
    )
}

fn section(chapter: &Chapter<'_>) -> Section {
    let Chapter { claim, experiment, finding } = chapter;
    let mut figures = vec![figure::draw(experiment, claim.figure)];
    if store_latency::is_swept(experiment) {
        let chart = CHARTS.iter().find(|chart| chart.name == "store_latency");
        figures.extend(chart.map(|chart| (chart.draw)(experiment)));
    }
    Section {
        name: claim.name,
        claim: plain(claim.claim),
        verdict: finding.verdict.name(),
        condition: if finding.verdict == super::Verdict::HoldsOnlyIf { finding.condition } else { "" },
        simulated: simulated(claim.scenario),
        seen: plain(&finding.seen),
        heads: claim.shows.iter().map(|(_, label)| *label).collect(),
        lines: lines(experiment, claim),
        figures,
        depends: claim.depends,
        sources: claim.sources,
        command: chapter.command(),
    }
}

fn lines(experiment: &Experiment, claim: &Claim) -> Vec<Line> {
    let kinds: Vec<(Unit, f64)> = claim
        .shows
        .iter()
        .map(|(metric, _)| {
            let values = experiment.runs.iter().filter_map(|run| run.metric(metric)?.number());
            let kind = Unit::of_metric(metric);
            (kind, kind.scale(values.fold(0.0, f64::max)).0)
        })
        .collect();
    let line = |run: &crate::experiment::RunResult| Line {
        run: run.label.name.clone(),
        cells: claim
            .shows
            .iter()
            .zip(&kinds)
            .map(|((metric, _), (kind, divisor))| match run.metric(metric) {
                Some(value) => kind.show_value(value, *divisor),
                None => "-".into(),
            })
            .collect(),
    };
    experiment.runs.iter().map(line).collect()
}

/// Without the marks of code, which a page has no use for.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// The paragraphs at the head of a scenario, its opening question first.
fn simulated(scenario: &str) -> Vec<String> {
    let head = scenario.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let mut paragraphs = vec![String::new()];
    for line in head {
        match (line.is_empty(), paragraphs.last_mut()) {
            (true, _) => paragraphs.push(String::new()),
            (false, Some(last)) => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            (false, None) => {}
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.iter().map(|paragraph| paragraph.replace("**", "").replace('`', "")).collect()
}

/// `claims.csv`: a row per claim, run and metric.
pub fn csv(chapters: &[Chapter<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["claim", "verdict", "scenario", "run", "metric", "value"])?;
    for Chapter { claim, experiment, finding } in chapters {
        for run in &experiment.runs {
            for (metric, _) in claim.shows {
                let value =
                    run.metric(metric).and_then(|value| value.number()).map_or(String::new(), |x| x.to_string());
                let (verdict, name) = (finding.verdict.name(), run.label.name.as_str());
                csv.write_record([claim.name, verdict, claim.file, name, metric, &value])?;
            }
        }
    }
    csv.flush()
}
