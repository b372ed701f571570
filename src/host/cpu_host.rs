//! A host's CPU among its daemons and jobs: the tree of groups that its era has, kept between solves.
//!
//! Under fleet, Chef and on bare hosts everybody stands beside everybody with docker's and systemd's default of 1024
//! shares. Under Kubernetes (v1.36.3, cgroup v2): the root shares between `system.slice` (weight 100), which holds the
//! daemons, and `kubepods`; that holds the Guaranteed pods and the two tiers, `burstable` and `besteffort`, with their pods
//! (`pkg/kubelet/cm/qos_container_manager_linux.go`). Pods, tiers and kubepods weigh by the kubelet's linear formula.
//! Containers within a pod are [`super::pod_cpu`]'s.

use super::cpu::DEFAULT_SHARES;
use super::cpu_group::{Group, Member, Whom};
use super::kubelet::conversion::{SHARES_MIN, shares, weight_linear};
use super::kubelet::pod::Qos;

/// cgroup v2's default weight, which `system.slice` and the services in it have.
pub const DEFAULT_WEIGHT: u64 = 100;

/// How a host's CPU is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Everybody beside everybody.
    Flat,
    /// `system.slice` beside `kubepods` with its tiers.
    Tiers,
}

/// A job as the tree sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JobShare {
    /// The caller's number for it, unique on the host.
    pub job: u32,
    /// Order of starts.
    pub serial: u64,
    /// Its class; means nothing in a flat layout.
    pub qos: Qos,
    /// Its weight among its siblings.
    pub weight: u64,
    /// Its CPU request, of which the tier's weight is made, milli-CPU.
    pub request_milli: i64,
    /// Most it can use, nano-cores.
    pub cap: u64,
}

/// The class of a pod of one container by its (CPU milli, memory bytes), 0 for none
/// (`apis/core/v1/helper/qos: ComputePodQOS`).
pub fn qos(requests: (i64, i64), limits: (i64, i64)) -> Qos {
    if requests == (0, 0) && limits == (0, 0) {
        Qos::BestEffort
    } else if limits.0 > 0 && limits.1 > 0 && requests == limits {
        Qos::Guaranteed
    } else {
        Qos::Burstable
    }
}

/// The weight of a pod with this CPU request.
pub fn pod_weight(qos: Qos, request_milli: i64) -> u64 {
    weight_linear(if qos == Qos::BestEffort { SHARES_MIN } else { shares(request_milli) })
}

const ROOT: usize = 0;
const SYSTEM: usize = 1;
const KUBEPODS: usize = 2;
const BURSTABLE: usize = 3;
const BEST_EFFORT: usize = 4;
const GROUPS: usize = 5;
/// Ranks of daemons and groups stand before those of jobs, whose serials begin at 1.
const BEFORE_JOBS: u64 = 16;

/// The tree of one host.
#[derive(Clone, Debug)]
pub struct HostTree {
    layout: Layout,
    groups: [Group; GROUPS],
}

impl HostTree {
    /// Nobody in it.
    pub fn new(layout: Layout) -> Self {
        HostTree { layout, groups: Default::default() }
    }

    /// Made anew: a host of `cpu_milli` with daemons that want `daemons` nano-cores each, and `jobs`.
    pub fn rebuild(&mut self, cpu_milli: i64, daemons: &[u64], jobs: impl Iterator<Item = JobShare>) {
        self.groups.iter_mut().for_each(Group::clear);
        let (system, weight) = match self.layout {
            Layout::Flat => (ROOT, DEFAULT_SHARES),
            Layout::Tiers => (SYSTEM, DEFAULT_WEIGHT),
        };
        for (i, &demand) in daemons.iter().enumerate() {
            self.groups[system].add(Member::new(Whom::Daemon(i as u32), BEFORE_JOBS + i as u64, weight, demand));
        }
        let mut burstable_milli = 0i64;
        for job in jobs {
            if job.qos == Qos::Burstable {
                burstable_milli = burstable_milli.saturating_add(job.request_milli);
            }
            let rank = (1 << 32) + job.serial;
            self.groups[self.group(job.qos)].add(Member::new(Whom::Job(job.job), rank, job.weight, job.cap));
        }
        if self.layout == Layout::Tiers {
            let burstable = weight_linear(shares(burstable_milli));
            let tiers = [
                (ROOT, SYSTEM, DEFAULT_WEIGHT),
                (ROOT, KUBEPODS, weight_linear(shares(cpu_milli))),
                (KUBEPODS, BURSTABLE, burstable),
                (KUBEPODS, BEST_EFFORT, weight_linear(SHARES_MIN)),
            ];
            for (parent, group, weight) in tiers {
                self.groups[parent].add(Member::new(Whom::Group(group as u32), group as u64, weight, 0));
            }
        }
    }

    fn group(&self, qos: Qos) -> usize {
        match (self.layout, qos) {
            (Layout::Flat, _) => ROOT,
            (Layout::Tiers, Qos::Guaranteed) => KUBEPODS,
            (Layout::Tiers, Qos::Burstable) => BURSTABLE,
            (Layout::Tiers, Qos::BestEffort) => BEST_EFFORT,
        }
    }

    /// `job`, of that class, can use `cap` nano-cores from now on.
    pub fn set_cap(&mut self, qos: Qos, job: u32, cap: u64) {
        self.groups[self.group(qos)].set_cap(Whom::Job(job), cap);
    }

    /// Shares `capacity` nano-cores, daemons included. Caps go up, CPU comes down.
    pub fn solve(&mut self, capacity: u64, ranks: &mut Vec<(u64, u32)>) {
        if self.layout == Layout::Tiers {
            for (parent, group) in [(KUBEPODS, BURSTABLE), (KUBEPODS, BEST_EFFORT), (ROOT, KUBEPODS), (ROOT, SYSTEM)] {
                let wanted = self.groups[group].wanted();
                self.groups[parent].set_cap(Whom::Group(group as u32), wanted);
            }
        }
        self.groups[ROOT].fill(capacity, ranks);
        if self.layout == Layout::Tiers {
            for (parent, group) in [(ROOT, SYSTEM), (ROOT, KUBEPODS), (KUBEPODS, BURSTABLE), (KUBEPODS, BEST_EFFORT)] {
                let got = self.member(parent, group).received;
                self.groups[group].fill(got, ranks);
            }
        }
    }

    fn member(&self, parent: usize, group: usize) -> &Member {
        let whom = Whom::Group(group as u32);
        self.groups[parent].members().iter().find(|m| m.whom == whom).expect("a group of the tree")
    }

    /// Everybody who got something: daemons and jobs, with what each would at least have got without its cap, nano-cores:
    /// exact for whoever is not full; else as [`Group::without_cap`] says, in the lowest group that is short.
    pub fn shares(&self) -> impl Iterator<Item = (Whom, u64, u64)> {
        let spare = self.spare();
        self.groups.iter().zip(spare).flat_map(|(group, spare)| {
            group.members().iter().filter(|m| !matches!(m.whom, Whom::Group(_))).map(move |m| {
                let free = if group.is_short() { group.without_cap(m) } else { m.received.saturating_add(spare) };
                (m.whom, m.received, free)
            })
        })
    }

    /// What each group would at least have got more if its members had wanted more.
    fn spare(&self) -> [u64; GROUPS] {
        let mut spare = [0; GROUPS];
        if self.layout == Layout::Tiers {
            for (parent, group) in [(ROOT, SYSTEM), (ROOT, KUBEPODS), (KUBEPODS, BURSTABLE), (KUBEPODS, BEST_EFFORT)] {
                let member = self.member(parent, group);
                let parent_group = &self.groups[parent];
                spare[group] = if parent_group.is_short() {
                    parent_group.without_cap(member) - member.received
                } else {
                    spare[parent]
                };
            }
        }
        spare
    }

    /// The groups, for those who look inside.
    #[cfg(test)]
    fn groups(&self) -> &[Group; GROUPS] {
        &self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::cpu_tree::{Node, Scratch, share_tree};
    use crate::rng::{Purpose, Seed, Stream};
    use std::collections::BTreeMap;

    const CLASSES: [Qos; 3] = [Qos::Guaranteed, Qos::Burstable, Qos::BestEffort];

    fn job(s: &mut Stream, job: u32) -> JobShare {
        let qos = CLASSES[s.below(3) as usize];
        let request_milli = s.below(3000) as i64;
        JobShare {
            job,
            serial: u64::from(job) + 1,
            qos,
            weight: pod_weight(qos, request_milli),
            request_milli,
            cap: s.below(2_000_000_000),
        }
    }

    /// The same tree for the solver that starts from scratch, siblings in order of ranks; and where each job stands.
    fn nodes(cpu_milli: i64, daemons: &[u64], jobs: &[JobShare]) -> (Vec<Node>, BTreeMap<u32, usize>) {
        let burstable = jobs.iter().filter(|j| j.qos == Qos::Burstable).map(|j| j.request_milli).sum();
        let group = |parent, weight| Node { parent, weight, cap: u64::MAX };
        let mut nodes = vec![
            group(None, 100),
            group(None, weight_linear(shares(cpu_milli))),
            group(Some(1), weight_linear(shares(burstable))),
            group(Some(1), 1),
        ];
        // A group of nobody wants nothing.
        if daemons.is_empty() {
            nodes[0].cap = 0;
        }
        for (at, qos) in [(2, Qos::Burstable), (3, Qos::BestEffort)] {
            if !jobs.iter().any(|j| j.qos == qos) {
                nodes[at].cap = 0;
            }
        }
        nodes.extend(daemons.iter().map(|&cap| Node { parent: Some(0), weight: 100, cap }));
        let mut at = BTreeMap::new();
        for job in jobs {
            let parent = [1, 2, 3][CLASSES.iter().position(|&q| q == job.qos).unwrap()];
            at.insert(job.job, nodes.len());
            nodes.push(Node { parent: Some(parent), weight: job.weight, cap: job.cap });
        }
        (nodes, at)
    }

    #[test]
    fn tiers_kept_between_solves_share_as_the_tree_from_scratch_does() {
        let (mut received, mut scratch, mut ranks) = (Vec::new(), Scratch::default(), Vec::new());
        for seed in 0..1500 {
            let mut s = Seed(seed).stream(Purpose::Shape, 9);
            let cpu_milli = 500 + s.below(8000) as i64;
            let daemons: Vec<u64> = (0..s.below(3)).map(|_| s.below(200_000_000)).collect();
            let mut jobs: Vec<JobShare> = (0..1 + s.below(12)).map(|i| job(&mut s, i as u32)).collect();
            let mut tree = HostTree::new(Layout::Tiers);
            tree.rebuild(cpu_milli, &daemons, jobs.iter().copied());
            for _ in 0..5 {
                let capacity = s.below(8_000_000_000);
                tree.solve(capacity, &mut ranks);
                let (nodes, at) = nodes(cpu_milli, &daemons, &jobs);
                share_tree(capacity, &nodes, &mut received, &mut scratch);
                let mut sum = 0;
                for (whom, x, free) in tree.shares() {
                    sum += x;
                    match whom {
                        Whom::Daemon(i) => assert_eq!(x, received[4 + i as usize], "seed {seed}"),
                        Whom::Job(job) => {
                            assert_eq!(x, received[at[&job]], "seed {seed}");
                            // Never more than it really gets without its cap, but for one nano-core a level.
                            let mut uncapped = nodes.clone();
                            uncapped[at[&job]].cap = 1 << 50;
                            let mut really = Vec::new();
                            share_tree(capacity, &uncapped, &mut really, &mut scratch);
                            assert!(x <= free && free <= really[at[&job]] + 3, "seed {seed}: {free}");
                        }
                        Whom::Group(_) => unreachable!("groups are not told"),
                    }
                }
                let wanted: u64 = daemons.iter().sum::<u64>() + jobs.iter().map(|j| j.cap).sum::<u64>();
                assert_eq!(sum, wanted.min(capacity), "work conserving, seed {seed}");
                for _ in 0..s.below(jobs.len() as u64 + 1) {
                    let i = s.below(jobs.len() as u64) as usize;
                    jobs[i].cap = s.below(2_000_000_000);
                    tree.set_cap(jobs[i].qos, jobs[i].job, jobs[i].cap);
                }
            }
            assert!(tree.groups()[ROOT].members().len() == 2);
        }
    }

    /// Raising one pod's weight never takes from it.
    #[test]
    fn more_weight_never_means_less_cpu() {
        let mut ranks = Vec::new();
        for seed in 0..1000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 10);
            for layout in [Layout::Flat, Layout::Tiers] {
                let mut jobs: Vec<JobShare> = (0..2 + s.below(8)).map(|i| job(&mut s, i as u32)).collect();
                let capacity = s.below(6_000_000_000);
                let mut got = |jobs: &[JobShare]| {
                    let mut tree = HostTree::new(layout);
                    tree.rebuild(4000, &[50_000_000], jobs.iter().copied());
                    tree.solve(capacity, &mut ranks);
                    tree.shares().find(|share| share.0 == Whom::Job(0)).unwrap().1
                };
                let before = got(&jobs);
                jobs[0].weight += 1 + s.below(100);
                // One nano-core of a remainder may go elsewhere.
                assert!(got(&jobs) + 1 >= before, "seed {seed}");
            }
        }
    }

    /// Docker's equal shares: 4.11 cores, 3 daemons and 100 hungry jobs. A hundred and third of it is 39.9 m: dockerd
    /// (40 m) and etcd (50 m) get that, fleetd has its 20 m. With 1,000 jobs everybody has 4.1 m, and fleetd starves.
    #[test]
    fn daemons_among_equals_starve_with_the_number_of_jobs_and_not_beside_kubepods() {
        let daemons = [40_000_000, 50_000_000, 20_000_000];
        let got = |layout, jobs: u32| {
            let hungry = |job| JobShare {
                job,
                serial: u64::from(job) + 1,
                qos: Qos::BestEffort,
                weight: if layout == Layout::Flat { DEFAULT_SHARES } else { 1 },
                request_milli: 0,
                cap: 1_000_000_000,
            };
            let mut tree = HostTree::new(layout);
            tree.rebuild(4000, &daemons, (0..jobs).map(hungry));
            tree.solve(4_110_000_000, &mut Vec::new());
            [0, 1, 2].map(|i| tree.shares().find(|s| s.0 == Whom::Daemon(i)).unwrap().1)
        };
        // (4110 - 20) / 102 = 40.098: dockerd is full, too; (4110 - 60) / 101 = 40.099 for etcd.
        assert_eq!(got(Layout::Flat, 100), [40_000_000, 40_099_010, 20_000_000]);
        // 4110 / 1003 = 4.0977068.
        assert_eq!(got(Layout::Flat, 1000), [4_097_707; 3]);
        assert_eq!(got(Layout::Tiers, 1000), daemons);
    }
}
