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

#[cfg(test)]
mod tests {
    use super::super::{PLACEMENTS, PlacementInfo, fgd, fgd_gpu_clustering, tetris};
    use super::*;
    use crate::cluster::{Bookings, Cluster, HostSpec, Request};
    use crate::ids::JobId;
    use crate::rng::{Seed, Stream};
    use crate::units::{Bytes, MilliCpu, SimTime};
    use crate::workload::{Job, UsageMode, Workload, WorkloadBuilder};

    fn cluster(stream: &mut Stream) -> Cluster {
        let host = |i: u64, stream: &mut Stream| {
            let mut host =
                HostSpec::new(format!("h{i}"), MilliCpu(4_000 << stream.below(3)), Bytes::gib(8 << stream.below(3)));
            host.gpus = stream.below(5) as u16;
            host.gpu_model = if host.gpus == 0 { "" } else { ["X", "Y"][stream.below(2) as usize] }.into();
            host
        };
        Cluster::new((0..12).map(|i| host(i, stream)).collect(), &[]).unwrap()
    }

    fn workload(stream: &mut Stream) -> Workload {
        let mut builder = WorkloadBuilder::new();
        for i in 0..60 {
            let cpu = MilliCpu(500 * (1 + stream.below(4) as i64));
            let mut job = Job::service(format!("j{i}"), SimTime(i), cpu, Bytes::gib(1 + stream.below(2) as i64));
            job.spec.gpus = match stream.below(4) {
                0 => vec![],
                1 => vec![100 * (1 + stream.below(10) as u16)],
                2 => vec![1000; 1 + stream.below(3) as usize],
                _ => vec![300, 600],
            };
            if stream.below(5) == 0 {
                job.spec.gpu_models = vec!["X".into()];
            }
            builder.push(job).unwrap();
        }
        builder.finish(UsageMode::Request, Seed(1)).unwrap()
    }

    /// Places, and now and then takes away; the choices with GPUs of `info`, by kept scores or by all scores anew.
    fn chosen(info: &PlacementInfo, seed: u64, anew: bool, random_ties: bool) -> Vec<(Option<HostId>, Option<u16>)> {
        let mut stream = Seed(seed).stream(Purpose::Shape, 1);
        let (cluster, workload) = (cluster(&mut stream), workload(&mut stream));
        let mut rule = (info.build)(&cluster, &workload);
        let mut bookings = Bookings::new(&cluster);
        let (mut placed, mut choices): (Vec<(JobId, HostId)>, _) = (Vec::new(), Vec::new());
        for job in workload.ids() {
            if stream.below(4) == 0 && !placed.is_empty() {
                let (gone, host) = placed.swap_remove(stream.below(placed.len() as u64) as usize);
                bookings.unbook(gone, &request(&workload, gone), host);
            }
            if anew {
                // Without what it has kept.
                rule = (info.build)(&cluster, &workload);
            }
            let closed = HostId(stream.below(12) as u32);
            let ask = Ask {
                cluster: &cluster,
                bookings: &bookings,
                request: request(&workload, job),
                job,
                decision: 1,
                admits: &|host| host != closed,
                same_type: &|_| 0,
                random_ties,
                seed: Seed(seed),
            };
            let host = rule.choose(&ask);
            let device = host.and_then(|host| rule.device(&ask, host));
            choices.push((host, device));
            if let Some(host) = host {
                assert!(host != closed && bookings.fits(&cluster, &ask.request, host), "{} seed {seed}", info.name);
                let room = device.is_none_or(|d| bookings.free_gpus(host)[usize::from(d)] >= ask.request.gpus[0]);
                assert!(room, "{} picked a full GPU, seed {seed}", info.name);
                bookings.book(job, &request(&workload, job), host, device);
                placed.push((job, host));
            }
        }
        choices
    }

    fn request(workload: &Workload, job: JobId) -> Request<'_> {
        let spec = workload.spec(job);
        Request {
            cpu: workload.cpu_request(job),
            memory: workload.memory_request(job),
            gpus: &spec.gpus,
            gpu_models: &spec.gpu_models,
            ..Request::default()
        }
    }

    #[test]
    fn kept_scores_decide_as_scores_worked_out_anew() {
        for info in PLACEMENTS.iter().filter(|info| info.looks_at_requests && info.name != "round-robin") {
            for seed in 0..40 {
                for random_ties in [false, true] {
                    let kept = chosen(info, seed, false, random_ties);
                    assert_eq!(kept, chosen(info, seed, true, random_ties), "{} seed {seed}", info.name);
                    assert!(kept.iter().any(|(host, _)| host.is_some()));
                }
            }
        }
    }

    #[test]
    fn requests_with_more_than_sizes_are_placed_as_those_without_where_it_does_not_matter() {
        // A port that nobody else binds changes no score, but takes the plain path.
        let mut stream = Seed(3).stream(Purpose::Shape, 1);
        let (cluster, workload) = (cluster(&mut stream), workload(&mut stream));
        for info in [fgd::INFO, fgd_gpu_clustering::INFO, tetris::INFO] {
            let mut rule = (info.build)(&cluster, &workload);
            let mut bookings = Bookings::new(&cluster);
            for job in workload.ids() {
                let ports = [job.0 as u16 + 1];
                let mut ask = Ask {
                    cluster: &cluster,
                    bookings: &bookings,
                    request: request(&workload, job),
                    job,
                    decision: 1,
                    admits: &|_| true,
                    same_type: &|_| 0,
                    random_ties: false,
                    seed: Seed(3),
                };
                let host = rule.choose(&ask);
                ask.request.ports = &ports;
                assert_eq!(rule.choose(&ask), host, "{}", info.name);
                if let Some(host) = host {
                    bookings.book(job, &request(&workload, job), host, None);
                }
            }
        }
    }
}
