//! Memory: where the last megabytes begin, when the kernel kills and whom.
//!
//! Nothing here keeps state.

use super::HostModel;
use super::kubelet::cgroup::{BEST_EFFORT_ADJ, GUARANTEED_ADJ, burstable_oom_score_adj};
use super::oom::{self, Era};
use crate::units::Bytes;

/// The marks on a host's memory, in bytes used by jobs.
///
/// The memory of a host in this project is what jobs may use; the machine has that and, beside it, its system
/// processes and the file pages it needs (`MemoryModel::system_anon`, `hot_file_min`). So requests that fit never reach
/// the first mark, whoever placed them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marks {
    /// All memory of the machine: system, jobs, file pages.
    pub ram: i64,
    /// File pages that the host itself needs.
    pub hot_file: i64,
    /// What jobs may use, and swap: above it file pages in use have to go.
    pub brim: i64,
    /// From here the kernel kills.
    pub full: i64,
    /// What the kernel divides scores by: RAM and swap.
    pub total: i64,
    /// Above this the pods' own cgroup is over its limit.
    pub kubepods: i64,
}

impl Marks {
    /// File pages that fit beside `used` bytes of jobs; cold memory goes to swap first.
    pub fn left(&self, used: i64) -> i64 {
        (self.brim + self.hot_file - used).max(0)
    }
}

/// The marks of a host of `memory`.
pub fn marks(model: &HostModel, memory: Bytes) -> Marks {
    let m = &model.memory;
    let share = |of: i64, milli: u32| (i128::from(of) * i128::from(milli) / 1000) as i64;
    let hot_file = m.hot_file_min.0.max(share(memory.0, m.hot_file_milli));
    let ram = m.system_anon.0 + memory.0 + hot_file;
    let floor = m.floor_min.0.max(share(ram, m.floor_milli).min(m.floor_max.0));
    let brim = memory.0 + m.swap.0;
    Marks {
        ram,
        hot_file,
        brim,
        // What jobs may use is never killed for, however high the floor.
        full: (brim + hot_file - floor).max(brim + 1),
        total: ram + m.swap.0,
        kubepods: (ram - model.kubelet.reserved().0).max(0),
    }
}

/// A process the kernel may kill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Resident memory.
    pub rss: i64,
    /// `oom_score_adj`, -1000 to 1000; -1000: never.
    pub adj: i64,
    /// Whether it has `CAP_SYS_ADMIN`: daemons have, jobs in containers have not.
    pub privileged: bool,
}

impl Candidate {
    fn task(self) -> oom::Task {
        oom::Task { rss: self.rss, adj: self.adj, privileged: self.privileged, ..oom::Task::default() }
    }
}

/// The victim among `candidates` in scan order: [`oom::victim`], in bytes instead of pages, which moves a score by less
/// than a page for each thousandth.
pub fn oom_victim(era: Era, candidates: impl IntoIterator<Item = Candidate>, total: i64) -> Option<usize> {
    oom::victim(era, candidates.into_iter().map(Candidate::task), total)
}

/// Whether [`oom_victim`] would take `newest`, the last in scan order: it is asked for each job that dies as it starts
/// whenever its host changes, and needs no scan order.
pub fn newest_is_victim(era: Era, newest: Candidate, others: impl IntoIterator<Item = Candidate>, total: i64) -> bool {
    let points = |c: Candidate| oom::badness(era, &c.task(), total);
    // `None`, never killed, is less than any points. Among equals the last dies, or the first in the old era.
    let most = points(newest);
    most.is_some() && others.into_iter().all(|c| if era == Era::Signed { points(c) <= most } else { points(c) < most })
}

/// What part of a pod's memory a container holds, and its score: memory is split by request, equally where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its share, of the sum of all.
    pub share: i64,
    /// `oom_score_adj`.
    pub adj: i64,
    /// Its own limit; `i64::MAX`: none.
    pub limit: i64,
}

/// What of `memory` the container at `index` of `parts` holds, cut to a byte; the last one has what is left over.
pub fn part_of(parts: &[Part], index: usize, memory: i64) -> i64 {
    let sum: i128 = parts.iter().map(|p| i128::from(p.share)).sum();
    let cut = |p: &Part| (i128::from(memory) * i128::from(p.share) / sum.max(1)) as i64;
    if index + 1 == parts.len() {
        return memory - parts[..index].iter().map(cut).sum::<i64>();
    }
    cut(&parts[index])
}

/// The most that the whole may hold so that no container of `parts` is over its own limit; `i64::MAX`: any.
pub fn limit_of_parts(parts: &[Part]) -> i64 {
    if parts.iter().all(|p| p.limit == i64::MAX) {
        return i64::MAX;
    }
    let fits = |memory: i64| (0..parts.len()).all(|i| part_of(parts, i, memory) <= parts[i].limit);
    // Nothing fits everywhere, and each part but for rounding grows with the whole: halve the gap. Sizes end at 2^53.
    let (mut low, mut high) = (0, 1i64 << 54);
    if fits(high) {
        return i64::MAX;
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
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
    fn the_kernel_kills_when_the_files_in_use_are_down_to_the_floor() {
        // 1 GiB: 128 MiB of file pages; of all, 1552 MiB, one percent is the floor.
        let small = marks(&HostModel::default(), Bytes::gib(1));
        assert_eq!([small.ram, small.left(small.full)], [1552 << 20, (1552 << 20) / 100]);
        // 16 GiB: 2 % are 343,597,383 bytes, more than 128 MiB; one percent would be 171 MiB, the floor is at most 66.
        let m = marks(&HostModel::default(), Bytes::gib(16));
        assert_eq!(m.brim, 16 << 30);
        assert_eq!(m.ram, (16 << 30) + 343_597_383 + (400 << 20));
        assert_eq!(m.full, (16 << 30) + 343_597_383 - (66 << 20));
        assert_eq!(m.left(m.brim), m.hot_file);
        assert_eq!(m.left(m.full), 66 << 20);
        // Swap comes before all that; a floor above the file pages spares what jobs may use.
        let mut model = HostModel::default();
        model.memory.swap = Bytes::gib(1);
        let swap = marks(&model, Bytes::gib(16));
        assert_eq!([swap.brim, swap.full, swap.total], [m.brim + (1 << 30), m.full + (1 << 30), m.ram + (1 << 30)]);
        (model.memory.floor_milli, model.memory.floor_max) = (500, Bytes::gib(64));
        assert_eq!(marks(&model, Bytes::gib(16)).full, swap.brim + 1);
    }

    #[test]
    fn a_pod_is_over_as_soon_as_one_container_is() {
        let part = |share, limit| Part { share, adj: 0, limit };
        // A third and two thirds; the first may hold 100: 302 / 3 = 100, 303 / 3 = 101; the second 150: 225 - 75.
        assert_eq!(limit_of_parts(&[part(1, 100), part(2, i64::MAX)]), 302);
        assert_eq!(limit_of_parts(&[part(1, 100), part(2, 150)]), 225);
        assert_eq!(limit_of_parts(&[part(1, i64::MAX), part(2, i64::MAX)]), i64::MAX);
        assert_eq!([0, 1].map(|i| part_of(&[part(1, 0), part(2, 0)], i, 11)), [3, 8]);
    }

    #[test]
    fn the_kernel_takes_most_points_and_the_later_of_equals() {
        let c = |rss, adj| Candidate { rss, adj, privileged: false };
        assert_eq!(oom_victim(Era::Signed, [c(5, 0), c(9, 0), c(9, 0)], 100_000), Some(2));
        // 9 + 10 * 100 = 1009 beats 500.
        assert_eq!(oom_victim(Era::Signed, [c(500, 0), c(9, 10)], 100_000), Some(1));
        assert_eq!(oom_victim(Era::Signed, [c(500, -1000)], 100_000), None);
        assert_eq!(oom_victim(Era::Signed, [], 1), None);
        // 3 % off for root: 200 - 6 = 194.
        let root = Candidate { privileged: true, ..c(200, 0) };
        assert_eq!(oom_victim(Era::Floored, [root, c(195, 0)], 100_000), Some(1));
        assert_eq!(oom_victim(Era::Signed, [root, c(195, 0)], 100_000), Some(0));
    }

    #[test]
    fn a_start_that_would_be_the_victim_is_the_one_the_full_scan_takes() {
        let c = |rss, adj| Candidate { rss, adj, privileged: rss == 109 };
        let some = [c(0, 0), c(5, 0), c(9, 0), c(9, -1000), c(900, -1000), c(9, 10), c(109, 0), c(5, 999)];
        for era in [Era::Signed, Era::Floored] {
            for a in some {
                for b in some {
                    for new in some {
                        let scan = oom_victim(era, [a, b, new], 10_000) == Some(2);
                        assert_eq!(newest_is_victim(era, new, [b, a], 10_000), scan, "{a:?} {b:?} {new:?}");
                    }
                }
            }
            assert!(newest_is_victim(era, c(1, 0), [], 10_000));
        }
    }

    #[test]
    fn scores_follow_the_kubelets_classes() {
        assert_eq!(oom_score_adj((0, 0), (0, 0), 1000), 1000);
        assert_eq!(oom_score_adj((5, 100), (5, 100), 1000), -997);
        assert_eq!(oom_score_adj((5, 250), (0, 500), 1000), 750);
        assert_eq!(oom_score_adj((5, 1000), (0, 0), 1000), 3);
    }
}
