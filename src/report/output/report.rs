//! `report.html`: everything in reading order, in one file that fetches nothing.
//!
//! The template escapes every value; only our own charts and the player, which escape for themselves, go in as they are.
//! Sections are blocks of the template, so that a later page can extend it.

use std::io::{self, Write};

use serde::Serialize;

use super::summary::digest_text;
use super::{Form, OutputInfo, OutputKind};
use crate::experiment::{Experiment, SeedStudy};
use crate::metrics::Value;
use crate::report::answer::{answer, load_warning};
use crate::report::band;
use crate::report::chart::CHARTS;
use crate::report::figures::duration;
use crate::report::page::render;
use crate::report::player::{Player, player};
use crate::report::seeds;
use crate::report::table::{READING_HELP, choices, lines, offered_line};
use crate::report::text::{host_name, job_name, sentence, shown};

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "report.html",
    summary: "The report: question, answer, comparison, charts, what was assumed, how to repeat it",
    kind: OutputKind::Html,
    form: Form::Stream(write),
};

/// Most rows of the table of kills and evictions.
const ENDS_MAX: usize = 50;
/// Longest name in a table.
const NAME_MAX: usize = 60;

#[derive(Serialize)]
struct Page {
    name: String,
    question: String,
    answer: String,
    offered: String,
    warning: Option<String>,
    help: &'static str,
    runs: Vec<Run>,
    lines: Vec<Line>,
    exact: Vec<Exact>,
    player: Option<Player>,
    no_player: String,
    charts: Vec<Chart>,
    ends: Vec<End>,
    band: Vec<BandLine>,
    band_heads: [&'static str; 6],
    band_says: String,
    band_help: &'static str,
    ends_total: usize,
    ends_per_run: usize,
    choices: Vec<Choice>,
    notes: Vec<String>,
    command: String,
    seeds: String,
    one_seed: bool,
    study: Option<Study>,
    digest: String,
    version: &'static str,
}

#[derive(Serialize)]
struct Run {
    name: String,
    orchestrator: String,
    placement: String,
    enforcement: String,
    eviction: String,
    cpu_quota: String,
    requests: String,
    tie_break: String,
    seed: u64,
    digest: String,
}

#[derive(Serialize)]
struct Line {
    metric: &'static str,
    label: String,
    part: bool,
    unit: &'static str,
    cells: Vec<String>,
}

#[derive(Serialize)]
struct Study {
    caption: String,
    blocks: Vec<StudyBlock>,
}

#[derive(Serialize)]
struct StudyBlock {
    title: String,
    lines: Vec<[String; 6]>,
}

#[derive(Serialize)]
struct Exact {
    metric: &'static str,
    cells: Vec<String>,
}

#[derive(Serialize)]
struct Chart {
    name: &'static str,
    title: &'static str,
    svg: String,
}

#[derive(Serialize)]
struct End {
    run: String,
    at: String,
    job: String,
    attempt: u32,
    host: String,
    why: &'static str,
}

#[derive(Serialize)]
struct BandLine {
    scale: String,
    hosts: String,
    run: String,
    cells: [String; 6],
}

#[derive(Serialize)]
struct Choice {
    what: String,
    taken: String,
    alternative: String,
    runs: String,
}

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let text = render("report.html", page(experiment))?;
    out.write_all(text.as_bytes())
}

fn page(experiment: &Experiment) -> Page {
    let runs: Vec<Run> = experiment
        .runs
        .iter()
        .map(|run| {
            let label = &run.label;
            let text = |text: &str| shown(text, NAME_MAX);
            Run {
                name: text(&label.name),
                orchestrator: text(&label.orchestrator),
                placement: text(&label.placement),
                enforcement: text(&label.enforcement),
                eviction: text(&label.eviction),
                cpu_quota: text(&label.cpu_quota),
                requests: text(&label.requests),
                tie_break: text(&label.tie_break),
                seed: label.seed,
                digest: digest_text(run.digest),
            }
        })
        .collect();
    let lines = lines(&experiment.runs)
        .into_iter()
        // The table of settings has the digests in full.
        .filter(|line| !line.metric.is_empty())
        .map(|line| Line {
            metric: line.metric,
            part: line.label.starts_with("  "),
            label: line.label.trim().to_owned(),
            unit: line.unit,
            cells: line.cells,
        })
        .collect();
    let charts = CHARTS
        .iter()
        .filter(|c| (c.belongs)(experiment))
        .map(|c| Chart { name: c.name, title: c.title, svg: (c.draw)(experiment) })
        .collect();
    let recorded: Vec<_> = experiment.runs.iter().filter_map(|run| Some((run, run.record.as_ref()?))).collect();
    // Every run gets its share of the rows, so that the first cannot crowd out the others.
    let ends_per_run = ENDS_MAX / recorded.iter().filter(|(_, record)| !record.ends.is_empty()).count().max(1);
    let ends = recorded
        .iter()
        .flat_map(|(run, record)| record.ends.iter().take(ends_per_run).map(move |end| (run, end)))
        .map(|(run, end)| End {
            run: shown(&run.label.name, NAME_MAX),
            at: duration(end.at.as_secs_f64()),
            job: shown(&job_name(experiment, end.job), NAME_MAX),
            attempt: end.attempt,
            host: shown(&host_name(experiment, end.host), NAME_MAX),
            why: end.why.name(),
        })
        .collect();
    let mut seed_list: Vec<u64> = experiment.runs.iter().map(|run| run.label.seed).collect();
    seed_list.sort_unstable();
    seed_list.dedup();
    let choice = |shared: crate::report::table::SharedChoice<'_>| Choice {
        what: sentence(&shared.choice.what),
        taken: sentence(&shared.choice.taken),
        alternative: sentence(&shared.choice.alternative),
        runs: match shared.runs.as_slice() {
            [] => "all".into(),
            names => names.iter().map(|name| shown(name, NAME_MAX)).collect::<Vec<_>>().join(", "),
        },
    };
    let (player, no_player) = match player(experiment) {
        Ok(player) => (Some(player), String::new()),
        Err(why) => (None, why),
    };
    Page {
        name: shown(&experiment.name, NAME_MAX),
        question: sentence(&experiment.question),
        answer: answer(experiment),
        offered: offered_line(experiment),
        warning: load_warning(experiment),
        help: READING_HELP,
        runs,
        lines,
        exact: exact(experiment),
        player,
        no_player,
        charts,
        ends,
        band: band::lines(experiment)
            .into_iter()
            .map(|band::Line { scale, hosts, run, cells }| BandLine { scale, hosts, run, cells })
            .collect(),
        band_heads: band::HEADS,
        band_says: if experiment.band.is_empty() { String::new() } else { sentence(&band::sentence(experiment)) },
        band_help: band::HELP,
        ends_total: recorded.iter().map(|(_, record)| record.ends.len()).sum(),
        ends_per_run,
        choices: choices(experiment).into_iter().map(choice).collect(),
        notes: experiment.notes.iter().map(|note| sentence(note)).collect(),
        command: sentence(&experiment.command),
        seeds: seed_list.iter().take(40).map(u64::to_string).collect::<Vec<_>>().join(", "),
        one_seed: seed_list.len() == 1 && experiment.seeds.is_none(),
        study: experiment.seeds.as_ref().map(study),
        digest: digest_text(experiment.digest),
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn study(study: &SeedStudy) -> Study {
    let line = |l: seeds::Line| [l.run, l.mean, l.interval, l.difference, l.difference_interval, l.verdict.to_owned()];
    let block = |b: seeds::Block| StudyBlock { title: b.title, lines: b.lines.into_iter().map(line).collect() };
    Study { caption: seeds::caption(study), blocks: seeds::blocks(study).into_iter().map(block).collect() }
}

/// Every metric as files have it.
fn exact(experiment: &Experiment) -> Vec<Exact> {
    let Some(first) = experiment.runs.first() else { return Vec::new() };
    let cell = |value: Option<&Value>| match value {
        Some(value) if value.number().is_some_and(f64::is_finite) => value.to_string(),
        _ => "-".into(),
    };
    let row = |name| experiment.runs.iter().map(|run| cell(run.metric(name))).collect();
    first.metrics.iter().map(|(metric, _)| Exact { metric, cells: row(metric) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_hostile_name_is_text_on_the_page() {
        let text = fixture::written(&OUTPUT, &fixture::hostile());
        assert!(!text.contains("<img"));
        // The data and the script of the player.
        assert_eq!([text.matches("<script").count(), text.matches("</script").count()], [2, 2]);
        assert!(text.contains(r"\u003c/script\u003e\u003cimg src=x onerror=alert(1)\u003e"), "a name in the data");
        assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;") || text.contains("&lt;img src=x onerror=alert(1)"));
        assert!(text.contains("{{ 7 * 7 }}"), "a name is no template");
        assert!(text.contains("\\u{202e}gnp.exe"), "a mark that turns text around is visible");
    }

    #[test]
    fn the_page_stands_alone_and_says_what_the_numbers_say() {
        let experiment = fixture::plain();
        let text = fixture::written(&OUTPUT, &experiment);
        for fetched in ["src=", "href=\"http", "@import", "url("] {
            assert!(!text.contains(fetched), "{fetched}");
        }
        for said in
            ["31.2 %", "0.3125", ">3h 05m".replace('>', "&gt;").as_str(), "00000000deadbeef", "plimsoll run scenarios"]
        {
            assert!(text.contains(said), "{said}");
        }
        let charts = CHARTS.iter().filter(|c| (c.belongs)(&fixture::hostile())).count();
        assert_eq!(text.matches("<svg ").count(), charts);
    }

    #[test]
    fn the_page_stays_below_a_megabyte_with_many_hosts() {
        let text = fixture::written(&OUTPUT, &fixture::many());
        assert!(text.len() < 1_000_000, "{}", text.len());
    }
}
