//! Placements that score every fitting host and take the best, without scoring those again that have not changed.
//!
//! The score of a host is a function of what is booked on it and of what the job requests. It is kept for each kind of
//! request together with the version of the host's books that it was worked out for, and worked out anew when that has
//! moved on; so a decision costs a pass over two columns, and each booking at most one evaluation for each kind. The same
//! decisions as scoring all hosts each time, which requests with more than sizes get ([`plain`], and the tests).

use std::collections::BTreeMap;

use super::{Ask, Placement};
use crate::ids::HostId;
use crate::rng::Purpose;

/// What a placement thinks of hosts.
pub(super) trait Score {
    /// The score of `host`, which holds the job; the highest wins. Depends on nothing but the request, the host and what is
    /// booked on it.
    fn score(&mut self, ask: &Ask, host: HostId) -> i64;

    /// The GPU that a job that wants one is to have on `host`; `None`: the fullest with room.
    fn device(&mut self, _ask: &Ask, _host: HostId) -> Option<u16> {
        None
    }
}

/// The score of a host that does not hold the job.
const NO_ROOM: i64 = i64::MIN;
/// Kinds of requests whose scores are kept; beyond it all are forgotten.
const KINDS: usize = 1_024;

/// Sizes that two requests of one kind share: CPU, memory, ephemeral storage, GPUs, models.
type Kind = (i64, i64, i64, Vec<u16>, Vec<String>);

/// Scores of all hosts for one kind of request.
struct Column {
    scores: Vec<i64>,
    /// The version of the host's books that the score is of, plus one; 0: none yet.
    seen: Vec<u64>,
}

/// Takes the host with the highest score.
pub(super) struct Scored<S> {
    rule: S,
    columns: BTreeMap<Kind, Column>,
}

impl<S: Score> Scored<S> {
    /// By `rule`.
    pub fn new(rule: S) -> Self {
        Scored { rule, columns: BTreeMap::new() }
    }
}

impl<S: Score> Placement for Scored<S> {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        let request = &ask.request;
        let only_sizes = request.extended.is_empty()
            && request.selector.is_empty()
            && request.constraints.is_empty()
            && request.ports.is_empty();
        if !only_sizes {
            return plain(&mut self.rule, ask);
        }
        let kind =
            (request.cpu.0, request.memory.0, request.ephemeral.0, request.gpus.to_vec(), request.gpu_models.to_vec());
        if self.columns.len() >= KINDS && !self.columns.contains_key(&kind) {
            self.columns.clear();
        }
        let hosts = ask.cluster.len();
        let column =
            self.columns.entry(kind).or_insert_with(|| Column { scores: vec![NO_ROOM; hosts], seen: vec![0; hosts] });
        let (mut best, mut chosen, mut equals) = (NO_ROOM, None, Vec::new());
        for host in ask.cluster.ids() {
            let h = host.index();
            let version = ask.bookings.version(host) + 1;
            if column.seen[h] != version {
                column.seen[h] = version;
                let fits = ask.bookings.fits(ask.cluster, request, host);
                column.scores[h] = if fits { self.rule.score(ask, host) } else { NO_ROOM };
            }
            let score = column.scores[h];
            if score > best && (ask.admits)(host) {
                (best, chosen) = (score, Some(host));
                equals.clear();
                equals.push(host);
            } else if score == best && ask.random_ties && chosen.is_some() && (ask.admits)(host) {
                equals.push(host);
            }
        }
        if ask.random_ties && equals.len() > 1 {
            return Some(equals[ask.draw(Purpose::TieBreak).below(equals.len() as u64) as usize]);
        }
        chosen
    }

    fn device(&mut self, ask: &Ask, host: HostId) -> Option<u16> {
        if ask.request.gpus.len() == 1 { self.rule.device(ask, host) } else { None }
    }
}

/// Scores every fitting host: the reference.
pub(super) fn plain(rule: &mut dyn Score, ask: &Ask) -> Option<HostId> {
    let scores: Vec<(HostId, i64)> = ask.feasible().map(|host| (host, rule.score(ask, host))).collect();
    let of = |host: HostId| scores[scores.partition_point(|(h, _)| *h < host)].1;
    ask.lowest(scores.iter().map(|(host, _)| *host), |host| std::cmp::Reverse(of(host)))
}
