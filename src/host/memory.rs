//! Memory: when a host thrashes, whom the kernel kills.
//!
//! First form: a job is one process that holds all its memory; kills take effect at once; the page cache is only the
//! `hot_file` that a host needs to stay responsive. Nothing here keeps state.

use super::HostModel;
use super::kubelet::cgroup::{BEST_EFFORT_ADJ, GUARANTEED_ADJ, burstable_oom_score_adj};
use super::oom::{self, Era};
use crate::units::Bytes;

/// The marks on a host's memory, in bytes used by jobs.
///
/// The memory of a host in this project is what jobs may use; the machine has that and, beside it, its system
/// processes and the file cache it needs (`MemoryModel::system_anon`, `hot_file_min`). So requests that fit never reach the
/// first mark, whoever placed them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marks {
    /// From here the host thrashes: its file cache is inside the set it needs.
    pub thrash: i64,
    /// From here the kernel kills.
    pub full: i64,
}

/// The marks of a host of `memory`.
pub fn marks(model: &HostModel, memory: Bytes) -> Marks {
    let share = i128::from(memory.0) * i128::from(model.memory.hot_file_milli) / 1000;
    let hot_file = model.memory.hot_file_min.0.max(share as i64);
    let full = memory.0 + hot_file;
    Marks { thrash: memory.0 + 1, full: full.max(memory.0 + 1) }
}

/// A process the kernel may kill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Resident memory.
    pub rss: i64,
    /// `oom_score_adj`, -1000 to 1000; -1000: never.
    pub adj: i64,
}

impl Candidate {
    fn task(self) -> oom::Task {
        oom::Task { rss: self.rss, adj: self.adj, ..oom::Task::default() }
    }
}

/// The victim among `candidates` in scan order: [`oom::victim`] of Linux 5.9 and later, in bytes instead of pages,
/// which moves a score by less than a page for each thousandth.
pub fn oom_victim(candidates: impl IntoIterator<Item = Candidate>, total: i64) -> Option<usize> {
    oom::victim(Era::Signed, candidates.into_iter().map(Candidate::task), total)
}

/// Whether [`oom_victim`] would take `newest`, the last in scan order: it is asked for each job that dies as it starts
/// whenever its host changes, and needs no scan order, as the later among equals goes.
pub fn newest_is_victim(newest: Candidate, others: impl IntoIterator<Item = Candidate>, total: i64) -> bool {
    let points = |c: Candidate| oom::badness(Era::Signed, &c.task(), total);
    // `None`, never killed, is less than any points.
    let most = points(newest);
    most.is_some() && others.into_iter().all(|c| points(c) <= most)
}

/// `oom_score_adj` of a single-container pod (kubelet v1.36.3 `pkg/kubelet/qos/policy.go`): -997 Guaranteed,
/// 1000 BestEffort, else `1000 - 1000 * request / capacity` within 3 to 999.
///
/// `requests` and `limits` are (CPU milli, memory bytes), 0 for none.
pub fn oom_score_adj(requests: (i64, i64), limits: (i64, i64), capacity: i64) -> i64 {
    let positive = requests.0 > 0 || requests.1 > 0 || limits.0 > 0 || limits.1 > 0;
    if !positive {
        return BEST_EFFORT_ADJ;
    }
    if limits.0 > 0 && limits.1 > 0 && requests == limits {
        return GUARANTEED_ADJ;
    }
    burstable_oom_score_adj(requests.1, capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_thrashes_above_its_memory_and_kills_past_its_file_cache() {
        // 16 GiB: 2 % are 343,597,383 bytes, more than 128 MiB.
        let m = marks(&HostModel::default(), Bytes::gib(16));
        assert_eq!(m.thrash, (16 << 30) + 1);
        assert_eq!(m.full, (16 << 30) + 343_597_383);
    }

    #[test]
    fn the_kernel_takes_most_points_and_the_later_of_equals() {
        let c = |rss, adj| Candidate { rss, adj };
        assert_eq!(oom_victim([c(5, 0), c(9, 0), c(9, 0)], 100_000), Some(2));
        // 9 + 10 * 100 = 1009 beats 500.
        assert_eq!(oom_victim([c(500, 0), c(9, 10)], 100_000), Some(1));
        assert_eq!(oom_victim([c(500, -1000)], 100_000), None);
        assert_eq!(oom_victim([], 1), None);
    }

    #[test]
    fn a_start_that_would_be_the_victim_is_the_one_the_full_scan_takes() {
        let c = |rss, adj| Candidate { rss, adj };
        let some = [c(0, 0), c(5, 0), c(9, 0), c(9, -1000), c(900, -1000), c(9, 10), c(109, 0), c(5, 999)];
        for a in some {
            for b in some {
                for new in some {
                    let scan = oom_victim([a, b, new], 10_000) == Some(2);
                    assert_eq!(newest_is_victim(new, [b, a], 10_000), scan, "{a:?} {b:?} {new:?}");
                }
            }
        }
        assert!(newest_is_victim(c(1, 0), [], 10_000));
    }

    #[test]
    fn scores_follow_the_kubelets_classes() {
        assert_eq!(oom_score_adj((0, 0), (0, 0), 1000), 1000);
        assert_eq!(oom_score_adj((5, 100), (5, 100), 1000), -997);
        assert_eq!(oom_score_adj((5, 250), (0, 500), 1000), 750);
        assert_eq!(oom_score_adj((5, 1000), (0, 0), 1000), 3);
    }
}
