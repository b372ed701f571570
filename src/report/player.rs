//! The player of a report: what happened, packed for a browser, and the script that shows it.
//!
//! The data are JSON with columns of numbers as text (`columns.rs`); `docs/outputs.md` describes them. What does not fit a
//! page is thinned by stated rules, and every rule that was applied is a sentence in its notes. Nothing here knows how
//! anything is drawn: that is `player/*.js`, plain scripts in one scope, in one order.

mod columns;
mod events;
mod loads;
mod tally;

use std::collections::BTreeMap;

use serde::Serialize;

use columns::Column;
use events::{Events, MOST_OF_ONE, Words};
use loads::{Load, Over};
use tally::Tally;

use crate::error::visible;
use crate::experiment::{Experiment, JobSize, Record, RunResult};
use crate::ids::AppId;
use crate::kube::tie_break::TieBreak;
use crate::placement::placement;
use crate::report::figures::{duration, thousands};
use crate::report::inline::json;
use crate::report::kube::explain::replayed;
use crate::report::text::{host_name, shown};
use crate::rng::Seed;

/// The scripts, in the order in which they are read.
const SCRIPTS: [&str; 11] = [
    include_str!("player/node.js"),
    include_str!("player/words.js"),
    include_str!("player/record.js"),
    include_str!("player/clock.js"),
    include_str!("player/news.js"),
    include_str!("player/vessel.js"),
    include_str!("player/heat.js"),
    include_str!("player/harbour.js"),
    include_str!("player/strip.js"),
    include_str!("player/log.js"),
    include_str!("player/player.js"),
];
const STYLE: &str = include_str!("player/player.css");

/// Most bytes of events and names of jobs, of load, of times over the line, and of explanations, each over all runs; a page
/// stays below 5 MB.
const EVENT_BYTES: usize = 2_400_000;
const LOAD_BYTES: usize = 400_000;
const OVER_BYTES: usize = 300_000;
const EXPLAINED_BYTES: usize = 200_000;
/// Most hosts, of which every page has at least a name and a line.
const MOST_HOSTS: usize = 30_000;
/// Longest name.
const NAME_MAX: usize = 60;
/// Most stretches between which times over the line may be joined.
const FINEST_GAP: u64 = 2_000;

/// What a page has of the player.
#[derive(Serialize)]
pub struct Player {
    /// JSON that ends no element.
    data: String,
    /// Of what is not shown as it was: one sentence each.
    notes: Vec<String>,
    script: String,
    style: &'static str,
}

#[derive(Serialize)]
struct Data {
    format: u32,
    end: u64,
    warm_up: u64,
    /// Every so many-th job is shown.
    every: u32,
    event_kinds: Vec<String>,
    words: Vec<&'static str>,
    hosts: Hosts,
    apps: Vec<String>,
    sizes: Vec<[i64; 2]>,
    jobs: Jobs,
    /// The two runs that are shown first.
    shown: Vec<usize>,
    runs: Vec<Run>,
}

#[derive(Serialize)]
struct Hosts {
    names: Vec<String>,
    cpu: Column,
    memory: Column,
}

#[derive(Serialize)]
struct Jobs {
    names: Vec<String>,
    app: Column,
    size: Column,
}

#[derive(Serialize)]
struct Run {
    name: String,
    rule: &'static str,
    events: Events,
    tally: Tally,
    load: Load,
    over: Over,
    explained: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    job: u32,
    at: u64,
    host: i64,
    text: String,
}

fn count(n: u64) -> String {
    thousands(n as f64)
}

/// The player of `experiment`, or why there is none.
pub fn player(experiment: &Experiment) -> Result<Player, String> {
    let recorded: Vec<(&RunResult, &Record)> =
        experiment.runs.iter().filter_map(|run| Some((run, run.record.as_ref()?))).collect();
    let Some((_, first)) = recorded.first() else { return Err("No run was recorded.".into()) };
    let hosts = &first.hosts;
    if hosts.is_empty() || experiment.end.0 == 0 {
        return Err("No time passed, or there are no hosts.".into());
    }
    if hosts.len() > MOST_HOSTS {
        let (hosts, most) = (count(hosts.len() as u64), count(MOST_HOSTS as u64));
        return Err(format!("{hosts} hosts are more than a page can show; {most} is the most."));
    }
    let records: Vec<&Record> = recorded.iter().map(|(_, record)| *record).collect();
    let mut notes = Vec::new();
    let (every, words, events) = events(&records, &experiment.job_names, &mut notes);
    let loads = loads(&records, &mut notes);
    let over = over(experiment, &records, &mut notes);
    let tallies: Vec<Tally> = records.iter().map(|record| Tally::new(record)).collect();
    if tallies.iter().any(|tally| !tally.exact) {
        notes.push("Sums are those of the ends of stretches of the run, not of every moment.".into());
    }
    let explained = explained(experiment, &recorded, every, &mut notes);
    let (event_kinds, words) = words.into_tables();
    let ranked = Apps::of(experiment);
    let (jobs, sizes) = job_columns(experiment, &ranked, every);
    let mut host_columns = Hosts {
        names: hosts.iter().map(|host| shown(&host_name(experiment, host.host), NAME_MAX)).collect(),
        cpu: Column::default(),
        memory: Column::default(),
    };
    for host in hosts {
        host_columns.cpu.push((host.cpu_capacity_cores * 1000.0).round() as u64);
        host_columns.memory.push(host.memory_capacity_bytes as u64);
    }
    let mut parts = events.into_iter().zip(tallies).zip(loads.into_iter().zip(over)).zip(explained);
    let runs: Vec<Run> = recorded
        .iter()
        .map(|(run, _)| {
            let (((events, tally), (load, over)), explained) = parts.next().expect("a part for every run");
            Run {
                name: shown(&run.label.name, NAME_MAX),
                rule: placement(&run.label.placement).map_or("not in the table of placements", |row| row.summary),
                events,
                tally,
                load,
                over,
                explained,
            }
        })
        .collect();
    let data = Data {
        format: 1,
        end: experiment.end.0,
        warm_up: experiment.warm_up.0,
        every,
        event_kinds,
        words,
        hosts: host_columns,
        apps: ranked.names,
        sizes,
        jobs,
        shown: first_shown(&recorded),
        runs,
    };
    let text = serde_json::to_string(&data).expect("numbers and texts");
    let script = format!("(() => {{\n\"use strict\";\n\n{}}})();\n", SCRIPTS.join("\n"));
    Ok(Player { data: json(&text), notes, script, style: STYLE })
}

/// The events of all runs: of all jobs, or of as many as there is room for.
fn events(records: &[&Record], names: &[String], notes: &mut Vec<String>) -> (u32, Words, Vec<Events>) {
    let jobs = names.len();
    let mut every = 1;
    loop {
        let mut words = Words::default();
        let events: Vec<Events> = records.iter().map(|record| Events::new(record, jobs, every, &mut words)).collect();
        // A name in quotes, with a comma; most are shorter than the longest that is shown.
        let named: usize = names.iter().step_by(every as usize).map(|name| name.len().min(NAME_MAX) + 3).sum();
        let bytes = named + events.iter().map(Events::len).sum::<usize>();
        if bytes > EVENT_BYTES && (every as usize) < jobs {
            // At least twice as many, and as many as the size says.
            every *= (bytes.div_ceil(EVENT_BYTES) as u32).max(2);
            continue;
        }
        if every > 1 {
            let here = jobs.div_ceil(every as usize);
            notes.push(format!(
                "Every {every}th job by arrival is shown as cargo, {} of {}; load and sums are those of all jobs.",
                count(here as u64),
                count(jobs as u64)
            ));
        }
        let left_out: u64 = events.iter().map(|events| events.left_out).sum();
        if left_out > 0 {
            notes.push(format!(
                "Of a job or host with more than {MOST_OF_ONE} events in a run the later ones are left out, {} in all; load and sums have them.",
                count(left_out)
            ));
        }
        return (every, words, events);
    }
}

/// The load of hosts in all runs: step by step, or in stretches as fine as there is room for.
fn loads(records: &[&Record], notes: &mut Vec<String>) -> Vec<Load> {
    let bytes = |loads: &[Load]| loads.iter().map(Load::len).sum::<usize>();
    let exact: Option<Vec<Load>> = records.iter().map(|record| Load::exact(record)).collect();
    if let Some(exact) = exact.filter(|exact| bytes(exact) <= LOAD_BYTES) {
        return exact;
    }
    // All runs of an experiment have the same stretches.
    let stretches = records.iter().map(|record| record.edges.len().saturating_sub(1)).min().unwrap_or(0).max(1);
    let mut loads = Vec::new();
    for each in (1..=stretches).filter(|each| stretches % each == 0) {
        loads = records.iter().map(|record| Load::stretched(record, each)).collect();
        if bytes(&loads) <= LOAD_BYTES || each == stretches {
            let n = stretches / each;
            notes.push(format!("The load of a host is the highest of each of {n} stretches of the run."));
            break;
        }
    }
    loads
}

/// When hosts were over their line, in all runs.
fn over(experiment: &Experiment, records: &[&Record], notes: &mut Vec<String>) -> Vec<Over> {
    let mut gap = 0;
    loop {
        let over: Vec<Over> = records.iter().map(|record| Over::new(record, gap)).collect();
        if over.iter().map(Over::len).sum::<usize>() <= OVER_BYTES || gap >= experiment.end.0 {
            if gap > 0 {
                let gap = duration(gap as f64 / 1e6);
                notes.push(format!("A host that is back under its line for less than {gap} is drawn as over it."));
            }
            return over;
        }
        gap = if gap == 0 { (experiment.end.0 / FINEST_GAP).max(1) } else { gap * 4 };
    }
}

/// The decisions of all runs that were explained.
fn explained(
    experiment: &Experiment,
    recorded: &[(&RunResult, &Record)],
    every: u32,
    notes: &mut Vec<String>,
) -> Vec<Vec<Told>> {
    let (mut bytes, mut left_out) = (0, 0);
    let of_run = |(run, _): &(&RunResult, &Record)| {
        let rule = match run.label.tie_break.as_str() {
            "heap" => TieBreak::Heap,
            "random" => TieBreak::Random(Seed(run.label.seed)),
            _ => TieBreak::First,
        };
        let mut told = Vec::new();
        for one in run.explained.iter().filter(|one| one.job.0 % every == 0) {
            let text = replayed(&run.label.name, std::slice::from_ref(one), &experiment.host_names, rule);
            bytes += text.len();
            if bytes > EXPLAINED_BYTES {
                left_out += 1;
                continue;
            }
            let host = one.host.map_or(-1, |host| i64::from(host.0));
            told.push(Told { job: one.job.0 / every, at: one.at.0, host, text: visible(&text) });
        }
        told
    };
    let all = recorded.iter().map(of_run).collect();
    if left_out > 0 {
        let what = format!("{} explained decisions are left out; the program prints them all.", count(left_out));
        notes.push(what);
    }
    all
}

/// Apps by how many jobs they have, so that those that are seen most get colours of their own.
struct Apps {
    /// Empty for apps of one job.
    names: Vec<String>,
    rank: BTreeMap<AppId, u64>,
}

impl Apps {
    fn of(experiment: &Experiment) -> Self {
        let mut jobs: BTreeMap<AppId, u64> = BTreeMap::new();
        for size in &experiment.job_sizes {
            *jobs.entry(size.app).or_default() += 1;
        }
        let mut apps: Vec<(AppId, u64)> = jobs.into_iter().collect();
        apps.sort_by_key(|(app, jobs)| (std::cmp::Reverse(*jobs), *app));
        let known = experiment.runs.first().map_or(&[][..], |run| run.apps.as_slice());
        let name = |(app, jobs): &(AppId, u64)| match known.get(app.index()) {
            Some(known) if *jobs > 1 => shown(&known.name, NAME_MAX),
            _ => String::new(),
        };
        let mut names: Vec<String> = apps.iter().map(name).collect();
        let rank = apps.iter().enumerate().map(|(rank, (app, _))| (*app, rank as u64)).collect();
        if names.is_empty() {
            names.push(String::new());
        }
        Apps { names, rank }
    }
}

/// Jobs that are shown, and what they ask for, each size once.
fn job_columns(experiment: &Experiment, apps: &Apps, every: u32) -> (Jobs, Vec<[i64; 2]>) {
    let mut jobs = Jobs { names: Vec::new(), app: Column::default(), size: Column::default() };
    let mut sizes: Vec<[i64; 2]> = Vec::new();
    let mut numbers: BTreeMap<[i64; 2], u64> = BTreeMap::new();
    for (i, name) in experiment.job_names.iter().enumerate().step_by(every as usize) {
        let size = experiment.job_sizes.get(i);
        let asked = size.map_or([0, 0], |JobSize { cpu, memory, .. }| [cpu.0, memory.0]);
        jobs.names.push(shown(name, NAME_MAX));
        jobs.app.push(size.and_then(|size| apps.rank.get(&size.app)).copied().unwrap_or(0));
        jobs.size.push(*numbers.entry(asked).or_insert_with(|| {
            sizes.push(asked);
            sizes.len() as u64 - 1
        }));
    }
    (jobs, sizes)
}

/// The first runs of the last two orchestrators; the first two runs where there is only one.
fn first_shown(recorded: &[(&RunResult, &Record)]) -> Vec<usize> {
    let mut firsts: Vec<usize> = Vec::new();
    for (i, (run, _)) in recorded.iter().enumerate() {
        if firsts.iter().all(|&first| recorded[first].0.label.orchestrator != run.label.orchestrator) {
            firsts.push(i);
        }
    }
    if firsts.len() < 2 {
        return (0..recorded.len().min(2)).collect();
    }
    firsts.split_off(firsts.len() - 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{HostId, JobId};
    use crate::report::fixture;
    use crate::sim::{Change, EndReason};
    use crate::units::SimTime;

    fn data(experiment: &Experiment) -> (serde_json::Value, Vec<String>) {
        let player = player(experiment).expect("a player");
        (serde_json::from_str(&player.data).expect("JSON"), player.notes)
    }

    #[test]
    fn names_stand_once_and_columns_say_what_happened() {
        let (data, notes) = data(&fixture::plain());
        assert_eq!(data["jobs"]["names"].as_array().unwrap().len(), 6);
        // Two apps of three jobs, of which only the first has a name in the runs.
        assert_eq!(data["apps"], serde_json::json!(["web", ""]));
        assert_eq!(data["sizes"], serde_json::json!([[500, 1 << 30]]));
        // Three jobs of the first app, three of the second, all of the first size.
        assert_eq!([&data["jobs"]["app"], &data["jobs"]["size"]], ["AAABBB", "AAAAAA"]);
        assert_eq!(data["shown"], serde_json::json!([1, 2]), "the first runs of the last two orchestrators");
        let kinds =
            ["host-up:h", "arrived:j", "placed:jh", "started:jnh", "ended:jnhd", "host-down:hd", "repeats:jnhdt"];
        assert_eq!(data["event_kinds"], serde_json::json!(kinds));
        assert_eq!(data["words"], serde_json::json!(["oom-host", "memory", "start-failed"]));
        let events = &data["runs"][0]["events"];
        // At 0 0 1 2 3 4 5, so the differences are 0 0 1 1 1 1 1.
        assert_eq!([&events["kind"], &events["at"]], ["ABCDEFG", "AABBBBB"]);
        // Jobs 0 0 0 0 1, signed; attempts 1, 1, then 5 of another job: 1, 0, 5, signed.
        assert_eq!([&events["job"], &events["attempt"]], ["AAAAC", "CAK"]);
        // Sums change at 0, 2, 3, 4, 5: one kill at 3, four starts that failed at 5.
        let tally = &data["runs"][0]["tally"];
        assert_eq!([&tally["oom_kills"], &tally["start_failed"]], ["AACAA", "AAAAI"]);
        assert_eq!(notes.len(), 1, "load in stretches: {notes:?}");
    }

    #[test]
    fn what_does_not_fit_is_thinned_and_said() {
        let mut experiment = fixture::plain();
        experiment.runs.truncate(1);
        experiment.job_names = (0..300_000).map(|i| format!("job-{i}")).collect();
        let life = &mut experiment.runs[0].record.as_mut().unwrap().life;
        life.clear();
        for job in (0..300_000).map(JobId) {
            let (at, host) = (SimTime(u64::from(job.0) * 1_000_003), HostId(job.0 % 12));
            life.push((at, Change::Arrived { job }));
            life.push((at, Change::Placed { job, host }));
            life.push((at, Change::Started { job, attempt: 1, host }));
        }
        // A job that is killed a thousand times.
        let (job, host, why) = (JobId(0), HostId(0), EndReason::OomLimit);
        for attempt in 2..=1001 {
            let at = SimTime(400_000_000_000 + u64::from(attempt));
            life.push((at, Change::Ended { job, attempt: attempt - 1, host, why, served: 0 }));
            life.push((at, Change::Started { job, attempt, host }));
        }
        let (data, notes) = data(&experiment);
        let every = data["every"].as_u64().unwrap() as usize;
        assert!(every > 1);
        assert_eq!(data["jobs"]["names"].as_array().unwrap().len(), 300_000usize.div_ceil(every));
        assert!(notes.iter().any(|note| note.contains(&format!("Every {every}th job"))), "{notes:?}");
        // Of 3 + 2000 events of the first job 400 are there: the 401st is a start.
        assert!(notes.iter().any(|note| note.contains("the later ones are left out, 1,603 in all")), "{notes:?}");
        assert!(serde_json::to_string(&data).unwrap().len() < 4_500_000);
    }

    #[test]
    fn nothing_recorded_is_nothing_to_watch() {
        for experiment in [fixture::bare(), fixture::without_runs(), fixture::without_time()] {
            assert!(player(&experiment).is_err());
        }
    }
}
