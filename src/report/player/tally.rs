//! Sums of a run over time, as columns. They count every job, shown or not, and end as the metrics of the same names do.

use std::collections::BTreeSet;

use serde::Serialize;

use super::columns::Column;
use crate::experiment::Record;
use crate::sim::{Change, EndReason};

/// Most moments of a run at which sums are exact; with more they are those of the ends of stretches.
const MOST_MOMENTS: usize = 4_000;

/// Sums at moments, each as the difference to the moment before.
#[derive(Default, Serialize)]
pub(super) struct Tally {
    at: Column,
    running: Column,
    waiting: Column,
    oom_kills: Column,
    evictions: Column,
    start_failed: Column,
    hosts_down: Column,
    jobs_finished: Column,
    /// Whether every change of a sum is there.
    #[serde(skip)]
    pub exact: bool,
}

/// Live attempts, waiting jobs; then as the metrics are named.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sums([i64; 7]);

const RUNNING: usize = 0;
const WAITING: usize = 1;
const OOM_KILLS: usize = 2;
const EVICTIONS: usize = 3;
const START_FAILED: usize = 4;
const HOSTS_DOWN: usize = 5;
const JOBS_FINISHED: usize = 6;

/// A job as far as waiting goes.
#[derive(Clone, Copy, Default)]
struct Here {
    there: bool,
    live: i32,
}

impl Here {
    fn waits(self) -> bool {
        self.there && self.live == 0
    }
}

impl Tally {
    /// Those of `record`.
    pub fn new(record: &Record) -> Self {
        let moments = moments(record);
        if moments.len() <= MOST_MOMENTS {
            return Tally { exact: true, ..Tally::of(&moments) };
        }
        let last_before = |edge| moments.partition_point(|(at, _)| *at <= edge).checked_sub(1);
        let at_edges = record.edges.iter().filter_map(|edge| Some((edge.0, moments[last_before(edge.0)?].1)));
        Tally::of(&at_edges.collect::<Vec<_>>())
    }

    fn of(moments: &[(u64, Sums)]) -> Self {
        let mut tally = Tally::default();
        let (mut last_at, mut last) = (0, Sums::default());
        for &(at, now) in moments {
            if now == last {
                continue;
            }
            tally.at.push(at - last_at);
            let columns = [
                &mut tally.running,
                &mut tally.waiting,
                &mut tally.oom_kills,
                &mut tally.evictions,
                &mut tally.start_failed,
                &mut tally.hosts_down,
                &mut tally.jobs_finished,
            ];
            for (column, (now, last)) in columns.into_iter().zip(now.0.into_iter().zip(last.0)) {
                column.push_signed(now - last);
            }
            (last_at, last) = (at, now);
        }
        tally
    }
}

/// The sums after every moment at which one changed.
fn moments(record: &Record) -> Vec<(u64, Sums)> {
    let mut sums = Sums::default();
    let mut jobs: Vec<Here> = Vec::new();
    let mut live = BTreeSet::new();
    let mut moments: Vec<(u64, Sums)> = Vec::new();
    for (at, change) in &record.life {
        let before = sums;
        let n = &mut sums.0;
        match *change {
            Change::Ended { why, .. } => count_end(n, why, 1),
            Change::Repeats { why, times, .. } => count_end(n, why, times as i64),
            Change::AttemptGivenUp { evicted, .. } => n[EVICTIONS] += i64::from(evicted),
            Change::HostDown { .. } => n[HOSTS_DOWN] += 1,
            Change::Finished { .. } => n[JOBS_FINISHED] += 1,
            Change::WindowBegins => n[OOM_KILLS..=HOSTS_DOWN].fill(0),
            _ => {}
        }
        let (job, set): (_, fn(&mut Here)) = match *change {
            Change::Arrived { job } => (job, |here| here.there = true),
            Change::Started { job, attempt, .. } => {
                live.insert((job, attempt));
                (job, |here| here.live += 1)
            }
            // A start that failed or was refused is an end without a beginning.
            Change::Ended { job, attempt, why, .. } if live.remove(&(job, attempt)) => match why {
                EndReason::Finished | EndReason::Removed => {
                    (job, |here| *here = Here { there: false, live: here.live - 1 })
                }
                _ => (job, |here| here.live -= 1),
            },
            Change::Finished { job } | Change::Removed { job } | Change::GaveUp { job } => {
                (job, |here| here.there = false)
            }
            _ => {
                note(&mut moments, at.0, before, sums);
                continue;
            }
        };
        if jobs.len() <= job.index() {
            jobs.resize(job.index() + 1, Here::default());
        }
        let here = &mut jobs[job.index()];
        let old = *here;
        set(here);
        sums.0[RUNNING] += i64::from(here.live - old.live);
        sums.0[WAITING] += i64::from(here.waits()) - i64::from(old.waits());
        note(&mut moments, at.0, before, sums);
    }
    moments
}

fn note(moments: &mut Vec<(u64, Sums)>, at: u64, before: Sums, now: Sums) {
    match moments.last_mut() {
        _ if before == now => {}
        Some(last) if last.0 == at => last.1 = now,
        _ => moments.push((at, now)),
    }
}

fn count_end(sums: &mut [i64; 7], why: EndReason, times: i64) {
    if why.is_oom() {
        sums[OOM_KILLS] += times;
    } else if why.is_eviction() {
        sums[EVICTIONS] += times;
    } else if why == EndReason::StartFailed {
        sums[START_FAILED] += times;
    }
}
