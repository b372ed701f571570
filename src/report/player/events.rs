//! What happened to jobs and hosts, as columns: the rows of `changes.csv`, as far as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::Column;
use crate::experiment::Record;
use crate::report::output::changes::{Row, row};
use crate::sim::Change;

/// Most events of one job or one host, or a few more: it ends where something begins. What comes later is left out and
/// counted.
pub(super) const MOST_OF_ONE: u32 = 400;
/// In place of a count: no more of this one.
const CLOSED: u32 = u32::MAX;

/// Kinds of events and words of all runs, each standing once. A kind is its name and which fields it has: `j` job, `n`
/// attempt, `h` host, `d` detail, `t` number.
#[derive(Default)]
pub(super) struct Words {
    kinds: Vec<String>,
    kind_numbers: BTreeMap<(&'static str, u8), u64>,
    words: Vec<&'static str>,
    word_numbers: BTreeMap<&'static str, u64>,
}

impl Words {
    fn kind(&mut self, row: &Row) -> u64 {
        let has = [
            ('j', row.job.is_some()),
            ('n', row.attempt.is_some()),
            ('h', row.host.is_some()),
            ('d', !row.detail.is_empty()),
            ('t', row.times.is_some()),
        ];
        let mask = has.iter().fold(0, |mask, (_, has)| mask << 1 | u8::from(*has));
        let kinds = &mut self.kinds;
        *self.kind_numbers.entry((row.change, mask)).or_insert_with(|| {
            let fields: String = has.iter().filter(|(_, has)| *has).map(|(field, _)| *field).collect();
            kinds.push(format!("{}:{fields}", row.change));
            kinds.len() as u64 - 1
        })
    }

    fn word(&mut self, word: &'static str) -> u64 {
        let words = &mut self.words;
        *self.word_numbers.entry(word).or_insert_with(|| {
            words.push(word);
            words.len() as u64 - 1
        })
    }

    /// `NAME:FIELDS` by number, and the words by number.
    pub fn into_tables(self) -> (Vec<String>, Vec<&'static str>) {
        (self.kinds, self.words)
    }
}

/// The events of a run. Times and jobs are differences to the event before, attempts to the last one of the job.
#[derive(Default, Serialize)]
pub(super) struct Events {
    count: u64,
    kind: Column,
    at: Column,
    job: Column,
    attempt: Column,
    host: Column,
    detail: Column,
    times: Column,
    /// Events of jobs and hosts that had too many.
    #[serde(skip)]
    pub left_out: u64,
}

impl Events {
    /// Those of every `every`th job and of all hosts.
    pub fn new(record: &Record, jobs: usize, every: u32, words: &mut Words) -> Self {
        let mut events = Events::default();
        let mut of_job = vec![0u32; jobs];
        let mut of_host = vec![0u32; record.hosts.len()];
        let mut attempts = vec![0i64; jobs];
        let mut of_none = 0;
        let (mut last_at, mut last_job) = (0, 0);
        for (at, change) in &record.life {
            let Some(row) = event(change) else { continue };
            let of_one = match (row.job, row.host) {
                (Some(job), _) if job.0 % every != 0 => continue,
                // A job that has no name is none of this experiment.
                (Some(job), _) if job.index() >= jobs => continue,
                (_, Some(host)) if host.index() >= of_host.len() => continue,
                (Some(job), _) => &mut of_job[job.index()],
                (None, Some(host)) => &mut of_host[host.index()],
                (None, None) => &mut of_none,
            };
            // Nothing that has begun stays without its end.
            let begins = matches!(row.change, "placed" | "started" | "host-down") || row.detail == "on";
            if *of_one >= MOST_OF_ONE && begins {
                *of_one = CLOSED;
            }
            if *of_one == CLOSED {
                events.left_out += 1;
                continue;
            }
            *of_one += 1;
            events.count += 1;
            events.kind.push(words.kind(&row));
            events.at.push(at.0 - last_at);
            last_at = at.0;
            if let Some(job) = row.job {
                let place = i64::from(job.0 / every);
                events.job.push_signed(place - last_job);
                last_job = place;
                if let Some(attempt) = row.attempt {
                    let last = &mut attempts[job.index()];
                    events.attempt.push_signed(i64::from(attempt) - *last);
                    *last = attempt.into();
                }
            }
            if let Some(host) = row.host {
                events.host.push(host.0.into());
            }
            if !row.detail.is_empty() {
                events.detail.push(words.word(row.detail));
            }
            if let Some(times) = row.times {
                events.times.push(times);
            }
        }
        events
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        [&self.kind, &self.at, &self.job, &self.attempt, &self.host, &self.detail, &self.times]
            .map(|column| column.len())
            .iter()
            .sum()
    }
}

fn event(change: &Change) -> Option<Row> {
    match *change {
        Change::AttemptGivenUp { job, host, evicted } => Some(Row {
            change: "given-up",
            job: Some(job),
            host: Some(host),
            detail: if evicted { "evicted" } else { "" },
            ..Row::default()
        }),
        _ => row(change),
    }
}
