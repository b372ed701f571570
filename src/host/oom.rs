//! Whom the kernel kills when memory runs out: points, domain and group kills of `mm/oom_kill.c`, in two eras.
//!
//! Sizes and totals are in one unit, the kernel's pages or our bytes; nothing here converts. Held to the kills that
//! running kernels logged (`tests/vectors/kernel`). Not here: when memory runs out, how long a kill takes,
//! `panic_on_oom`, `oom_kill_allocating_task`, and "kill a child instead" of kernels before about 5.2.

/// `oom_score_adj` of what is never killed (`OOM_SCORE_ADJ_MIN`).
pub const ADJ_NEVER: i64 = -1000;

/// Which kernel counts. Kernels from 4.17 to 5.8 stand between the two and are not modelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Era {
    /// Linux 4.16 and before, fleet's life: root gets 3 % off, points are at least 1, and among equals the first stays,
    /// as a chosen process is not given up for another of the same points ("prefer thread group leaders").
    Floored,
    /// Linux 5.9 and later: points may be negative, root gets nothing off, the later among equals dies.
    #[default]
    Signed,
}

/// A process as the killer sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Task {
    /// Resident memory, file pages of its binary included.
    pub rss: i64,
    /// What of it is swapped out.
    pub swap: i64,
    /// Its page tables: about 1/512 of resident memory.
    pub page_tables: i64,
    /// `oom_score_adj`, -1000 to 1000; [`ADJ_NEVER`]: never.
    pub adj: i64,
    /// Whether it has `CAP_SYS_ADMIN`; asked by [`Era::Floored`] only.
    pub privileged: bool,
}

/// `oom_badness`: points of a task in a domain of `total`; `None` for what is never killed. `total` is RAM + swap for
/// the whole host and the limit of a memory cgroup otherwise, and is divided first: adj counts thousandths that are cut.
pub fn badness(era: Era, task: &Task, total: i64) -> Option<i64> {
    if task.adj == ADJ_NEVER {
        return None;
    }
    let used = task.rss + task.swap + task.page_tables;
    let adjusted = task.adj * (total / 1000);
    Some(match era {
        Era::Signed => used + adjusted,
        Era::Floored => {
            let off = if task.privileged { used * 3 / 100 } else { 0 };
            (used - off + adjusted).max(1)
        }
    })
}

/// The victim among `tasks` in scan order (`oom_evaluate_task`): most points, among equals the later one, or the first
/// in [`Era::Floored`]; `None` if all are never killed.
pub fn victim(era: Era, tasks: impl IntoIterator<Item = Task>, total: i64) -> Option<usize> {
    let mut best: Option<(i64, usize)> = None;
    for (i, task) in tasks.into_iter().enumerate() {
        let Some(points) = badness(era, &task, total) else { continue };
        let beats = |most| if era == Era::Signed { points >= most } else { points > most };
        if best.is_none_or(|(most, _)| beats(most)) {
            best = Some((points, i));
        }
    }
    best.map(|(_, i)| i)
}

/// A memory cgroup. Groups are numbered by their place in a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// The group that it is in; `None` for those right below the root.
    pub parent: Option<u32>,
    /// `memory.max`; `None` for no limit.
    pub limit: Option<i64>,
    /// `memory.oom.group` of cgroup v2 (Linux 4.19): whoever dies in it takes all of it along. The kubelet sets it for
    /// containers. [`Era::Floored`] does not know it.
    pub oom_group: bool,
}

fn upwards(groups: &[Group], from: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(from), |&g| groups[g as usize].parent)
}

/// The domain of an OOM when a task of `charged` takes memory: the lowest group on the way up whose usage would be
/// above its limit (`page_counter_try_charge`); `None` if all have room. `usage` counts what is below each group too.
pub fn domain_over(groups: &[Group], usage: &[i64], charged: u32) -> Option<u32> {
    upwards(groups, charged).find(|&g| groups[g as usize].limit.is_some_and(|limit| usage[g as usize] > limit))
}

/// What an OOM comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Tasks die.
    Kill {
        /// The one with most points.
        victim: usize,
        /// All that die, in scan order: the victim, and with it its group where `oom_group` says so.
        killed: Vec<usize>,
    },
    /// Nobody may die in a cgroup: who asked for memory hangs in its page fault until somebody takes it away.
    Stall,
    /// Nobody may die on the host: the kernel panics.
    Panic,
}

/// An OOM in `domain` (`None`: the host) of `total`, among tasks with their groups, in scan order.
///
/// With the victim goes the topmost group with `oom_group` from its own up to the domain
/// (`mem_cgroup_get_oom_group`), but for members that are never killed.
pub fn kill(era: Era, groups: &[Group], tasks: &[(Task, u32)], domain: Option<u32>, total: i64) -> Outcome {
    let within = |group: u32, top: u32| upwards(groups, group).any(|g| g == top);
    let inside: Vec<usize> = (0..tasks.len()).filter(|&i| domain.is_none_or(|top| within(tasks[i].1, top))).collect();
    let Some(chosen) = victim(era, inside.iter().map(|&i| tasks[i].0), total) else {
        return if domain.is_some() { Outcome::Stall } else { Outcome::Panic };
    };
    let victim = inside[chosen];
    let mut whole = None;
    for g in upwards(groups, tasks[victim].1).filter(|_| era == Era::Signed) {
        if groups[g as usize].oom_group {
            whole = Some(g);
        }
        if domain == Some(g) {
            break;
        }
    }
    let mut killed = vec![victim];
    if let Some(top) = whole {
        killed = inside;
        killed.retain(|&i| i == victim || (tasks[i].0.adj != ADJ_NEVER && within(tasks[i].1, top)));
    }
    Outcome::Kill { victim, killed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn task(rss: i64, adj: i64) -> Task {
        Task { rss, adj, ..Task::default() }
    }

    #[test]
    fn points_are_those_of_the_two_eras() {
        let t = Task { rss: 1000, swap: 200, page_tables: 34, adj: 10, privileged: true };
        // 1000 + 200 + 34 + 10 * (99,999 / 1000 = 99) = 2224.
        assert_eq!(badness(Era::Signed, &t, 99_999), Some(2224));
        // 1234 - 1234 * 3 / 100 = 1234 - 37 = 1197; + 990 = 2187.
        assert_eq!(badness(Era::Floored, &t, 99_999), Some(2187));
        let spared = Task { adj: -500, ..t };
        assert_eq!(badness(Era::Signed, &spared, 100_000), Some(1234 - 50_000));
        assert_eq!(badness(Era::Floored, &spared, 100_000), Some(1));
        assert_eq!(badness(Era::Signed, &task(9, ADJ_NEVER), 100_000), None);
    }

    #[test]
    fn among_equals_the_later_dies_today_and_the_first_died_under_fleet() {
        let equals = [task(9, 0), task(5, 0), task(9, 0)];
        assert_eq!(victim(Era::Signed, equals, 1000), Some(2));
        assert_eq!(victim(Era::Floored, equals, 1000), Some(0));
    }

    #[test]
    fn the_lowest_group_over_its_limit_is_the_domain() {
        let limit = |parent, limit| Group { parent, limit, oom_group: false };
        // kubepods 100 { pod 60 { a without limit, b 20 } }
        let groups = [limit(None, Some(100)), limit(Some(0), Some(60)), limit(Some(1), None), limit(Some(1), Some(20))];
        assert_eq!(domain_over(&groups, &[61, 61, 50, 11], 2), Some(1));
        assert_eq!(domain_over(&groups, &[101, 50, 40, 10], 2), Some(0));
        assert_eq!(domain_over(&groups, &[101, 61, 40, 21], 3), Some(3));
        assert_eq!(domain_over(&groups, &[100, 60, 40, 20], 3), None);
    }

    #[test]
    fn a_group_dies_whole_but_for_what_is_never_killed() {
        let group = |parent, oom_group| Group { parent, limit: None, oom_group };
        // 0 { 1 whole { 2 whole }, 3 }
        let groups = [group(None, false), group(Some(0), true), group(Some(1), true), group(Some(0), false)];
        let tasks = [(task(5, 0), 1), (task(90, 0), 2), (task(4, ADJ_NEVER), 2), (task(80, 0), 3)];
        let all = Outcome::Kill { victim: 1, killed: vec![0, 1] };
        assert_eq!(kill(Era::Signed, &groups, &tasks, None, 1000), all);
        // The search for a whole group ends at the domain, which is the lower one here.
        let lower = Outcome::Kill { victim: 1, killed: vec![1] };
        assert_eq!(kill(Era::Signed, &groups, &tasks, Some(2), 1000), lower);
        assert_eq!(kill(Era::Floored, &groups, &tasks, None, 1000), lower);
        let single = Outcome::Kill { victim: 3, killed: vec![3] };
        assert_eq!(kill(Era::Signed, &groups, &tasks, Some(3), 1000), single);
    }

    #[test]
    fn with_nobody_to_kill_a_cgroup_stalls_and_a_host_panics() {
        let tasks = [(task(5, ADJ_NEVER), 0)];
        assert_eq!(kill(Era::Signed, &[Group::default()], &tasks, Some(0), 1000), Outcome::Stall);
        assert_eq!(kill(Era::Signed, &[Group::default()], &tasks, None, 1000), Outcome::Panic);
    }

    #[test]
    fn numbering_decides_nothing_but_exact_ties() {
        for seed in 0..2000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 0);
            let n = 1 + s.below(8) as usize;
            let some = |s: &mut crate::rng::Stream| task(s.below(40) as i64, s.below(12) as i64 * 100 - 1000);
            let tasks: Vec<Task> = (0..n).map(|_| some(&mut s)).collect();
            let turn = s.below(n as u64) as usize;
            let mut turned = tasks.clone();
            turned.rotate_left(turn);
            turned.reverse();
            for era in [Era::Signed, Era::Floored] {
                let points =
                    |list: &[Task]| victim(era, list.iter().copied(), 5000).map(|i| badness(era, &list[i], 5000));
                assert_eq!(points(&tasks), points(&turned), "seed {seed}");
                let most = tasks.iter().filter_map(|t| badness(era, t, 5000)).max();
                let of_most = tasks.iter().enumerate().filter(|(_, t)| badness(era, t, 5000) == most);
                let mut of_most = of_most.filter(|(_, t)| t.adj != ADJ_NEVER).map(|(i, _)| i);
                let expected = if era == Era::Signed { of_most.next_back() } else { of_most.next() };
                assert_eq!(victim(era, tasks.iter().copied(), 5000), expected, "seed {seed}");
            }
        }
    }
}
