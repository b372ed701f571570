//! Pods that the index places as the schedulers of 2016 would: those for which nodes differ in nothing but room, and in what keeps
//! pods out of a node whatever is on it.
//!
//! Nodes that no predicate can tell apart while they are empty are one sort; the predicates are asked once a sort. The rest are
//! numbers ([`crate::index`]). Any pod can be placed by [`super::scheduler`], to the same node.

use crate::index::finder::{Finder, KindId, Search};
use crate::index::host::{Booked, MOST, Room, Want};
use crate::index::rule::Rule;
use crate::index::tie::Tie;
use crate::kube::object::selector::Selector;
use crate::kube::y2016::algorithm::Algorithm;
use crate::kube::y2016::node::Node;
use crate::kube::y2016::node_info::NodeInfo;
use crate::kube::y2016::owners::Owners;
use crate::kube::y2016::pod::Pod;
use crate::kube::y2016::priority::{MAX, go_int};
use crate::kube::y2016::scheduler::Scheduler;
use crate::kube::y2016::taint::PREFER_NO_SCHEDULE;

/// The label that tells each node from all others.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Most sorts of nodes, and most different ways for pods to be kept out.
const MOST_SORTS: usize = 512;

/// BalancedResourceAllocation and LeastRequestedPriority over CPU and memory, and PodFitsResources
/// (`algorithm/{priorities,predicates}` v1.2.4; the same in v1.3.0).
#[derive(Clone, Copy, Debug)]
pub struct Rule2016;

/// Tenths of `has` that are left.
#[inline]
fn tenths(used: i64, has: i64) -> i64 {
    if has == 0 || used > has { 0 } else { (has - used) * 10 / has }
}

impl Rule for Rule2016 {
    #[inline]
    fn judge(&self, room: &Room, booked: &Booked, want: &Want) -> u16 {
        // One that asks for anything fails on a node that is overcommitted on whatever it is.
        let asks = want.cpu != 0 || want.memory != 0;
        let short = booked.cpu + want.cpu > room.cpu || booked.memory + want.memory > room.memory;
        if booked.jobs >= room.jobs || asks && short {
            return 0;
        }
        let (cpu, memory) = (booked.non_zero_cpu + want.score_cpu, booked.non_zero_memory + want.score_memory);
        let part = |used: i64, has: i64| if has == 0 { 1.0 } else { used as f64 / has as f64 };
        let (of_cpu, of_memory) = (part(cpu, room.cpu), part(memory, room.memory));
        let even = match of_cpu >= 1.0 || of_memory >= 1.0 {
            true => 0,
            false => go_int(10.0 - (of_cpu - of_memory).abs() * 10.0),
        };
        let left = (tenths(cpu, room.cpu) + tenths(memory, room.memory)) / 2;
        (1 + even + left) as u16
    }

    fn most(&self) -> u16 {
        2 * MAX as u16 + 2
    }
}

/// What the index takes a pod for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Its numbers.
    pub want: Want,
    kind: KindId,
}

/// The numbers of a pod that is on its node.
pub fn want(pod: &Pod) -> Want {
    let (taken, non_zero) = (pod.taken(), pod.non_zero());
    Want {
        non_zero_cpu: non_zero.milli_cpu,
        non_zero_memory: non_zero.memory,
        score_cpu: non_zero.milli_cpu,
        score_memory: non_zero.memory,
        ..Want::of(taken.milli_cpu, taken.memory)
    }
}

/// The sums of a node.
pub fn booked(info: &NodeInfo) -> Booked {
    Booked {
        cpu: info.taken.milli_cpu,
        memory: info.taken.memory,
        non_zero_cpu: info.non_zero.milli_cpu,
        non_zero_memory: info.non_zero.memory,
        jobs: info.pods.len() as i64,
    }
}

/// The nodes as the index sees them: those that are there, by name.
pub struct Indexed {
    finder: Finder<Rule2016>,
    /// One node of each sort, with room for anything.
    sorts: Vec<Node>,
    /// One pod of all that are kept out alike, and by sort whether it is let in.
    masks: Vec<(Pod, Vec<bool>)>,
    /// Whether a taint that only asks for preference is there.
    soft: bool,
    shown: bool,
}

impl Default for Indexed {
    fn default() -> Self {
        Indexed { finder: Finder::new(Rule2016), sorts: Vec::new(), masks: Vec::new(), soft: false, shown: false }
    }
}

/// Whether the labels that a pod asks for are such that nodes share them.
fn by_shared_labels(pod: &Pod) -> bool {
    let simple = match &pod.node_selector {
        Selector::Nothing => true,
        Selector::All(requirements) => requirements.iter().all(|r| r.key != HOSTNAME),
    };
    simple && pod.affinity.required.is_none() && pod.affinity.preferred.is_empty()
}

impl Indexed {
    /// The plan for a pod that the index places; `None`: the scheduler has to.
    pub fn plan(&mut self, algorithm: &Algorithm, owners: &Owners, pod: &Pod) -> Option<Plan> {
        let (want, taken) = (want(pod), pod.taken());
        // Init containers may ask for more than the pod takes.
        let counted = pod.request() == taken && taken.gpus == 0 && want.is_regular();
        let plain = counted && pod.node_name.is_none() && pod.host_ports.is_empty() && pod.volumes.is_empty();
        if !plain || !by_shared_labels(pod) || !owners.selectors(pod).is_empty() {
            return None;
        }
        let same = |other: &Pod| {
            other.node_selector == pod.node_selector
                && other.affinity == pod.affinity
                && other.tolerations == pod.tolerations
                && other.best_effort() == pod.best_effort()
        };
        let mask = match self.masks.iter().position(|(other, _)| same(other)) {
            Some(mask) => mask,
            None if self.masks.len() == MOST_SORTS => return None,
            None => {
                self.masks.push((pod.clone(), Vec::new()));
                self.settle_masks(algorithm);
                self.masks.len() - 1
            }
        };
        Some(Plan { want, kind: self.finder.register(want, mask as u32) })
    }

    /// Nodes came, went or changed: they have to be shown again.
    pub fn forget_nodes(&mut self) {
        self.shown = false;
    }

    /// Whether the nodes have been shown.
    pub fn is_shown(&self) -> bool {
        self.shown
    }

    /// Shows all nodes. Whether the index can go by them.
    pub fn show_all(&mut self, scheduler: &Scheduler) -> bool {
        self.sorts.clear();
        self.masks.iter_mut().for_each(|(_, admitted)| admitted.clear());
        (self.soft, self.shown) = (false, true);
        let mut hosts = Vec::new();
        for (node, info) in scheduler.nodes() {
            let room = Room { cpu: node.milli_cpu, memory: node.memory, jobs: node.pods };
            let booked = booked(info);
            let Some(sort) = self.sort(node).filter(|_| room.is_regular() && booked.is_regular()) else {
                self.finder.forget_hosts();
                return false;
            };
            self.soft |= node.taints.iter().any(|taint| taint.effect == PREFER_NO_SCHEDULE);
            hosts.push((room, booked, sort));
        }
        let names = (0..hosts.len() as u32).collect();
        self.finder.show(&hosts, names);
        self.settle_masks(&scheduler.algorithm);
        true
    }

    /// One more pod on the node at this place among all by name (`sign` 1), or one less (-1). Whether the index can go on.
    pub fn book(&mut self, place: usize, want: &Want, sign: i64) -> bool {
        self.finder.book(place as u32, want, sign);
        self.finder.booked(place as u32).is_regular()
    }

    /// Where a pod of this plan goes, by place among all nodes by name, after `counter` successes; inside, `None` is nowhere. `None`:
    /// the scheduler has to say.
    pub fn find(&mut self, algorithm: &Algorithm, plan: &Plan, counter: u64) -> Option<Option<usize>> {
        if self.soft || self.finder.is_empty() {
            return None;
        }
        let search = Search { start: 0, wanted: self.finder.len() };
        let mut pick = |tied: usize| (algorithm.pick)(tied, counter);
        let found = self.finder.find(plan.kind, search, &mut Tie::ByName(&mut pick));
        Some(found.slot.map(|slot| slot as usize))
    }

    fn sort(&mut self, node: &Node) -> Option<u16> {
        let labels = |node: &Node| {
            node.labels
                .iter()
                .filter(|(key, _)| *key != HOSTNAME)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Vec<_>>()
        };
        let wanted = labels(node);
        let same = |sort: &Node| {
            sort.unschedulable == node.unschedulable
                && sort.conditions == node.conditions
                && sort.taints == node.taints
                && labels(sort) == wanted
        };
        if let Some(known) = self.sorts.iter().position(same) {
            return Some(known as u16);
        }
        if self.sorts.len() == MOST_SORTS {
            return None;
        }
        self.sorts.push(Node { milli_cpu: MOST, memory: MOST, pods: MOST, ..node.clone() });
        Some((self.sorts.len() - 1) as u16)
    }

    fn settle_masks(&mut self, algorithm: &Algorithm) {
        let nothing = NodeInfo::default();
        for (number, (pod, admitted)) in self.masks.iter_mut().enumerate() {
            for node in &self.sorts[admitted.len()..] {
                let let_in = algorithm.predicates.iter().all(|row| (row.check)(pod, node, &nothing).is_none());
                admitted.push((algorithm.eligible)(node) && let_in);
            }
            self.finder.admit(number as u32, admitted.clone());
        }
    }
}
