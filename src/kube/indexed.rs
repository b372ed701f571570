//! Pods that the index places: those for which nodes differ in nothing but room, and in labels and taints that keep pods out.
//!
//! For such a pod every plugin but NodeResourcesFit and NodeResourcesBalancedAllocation either looks at the node's object
//! alone and keeps it out or not (NodeUnschedulable, TaintToleration, NodeAffinity), or gives every node the same. Nodes that
//! those filters cannot tell apart are one *sort*; the filters themselves are asked once a sort, so that there is no second
//! account of them. What remains are numbers ([`crate::index`]). All other pods are placed by [`crate::kube::cycle`], which any pod
//! can be placed by, to the same node.

pub mod spread;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::index::finder::{Finder, Found, KindId, Looks, Search};
use crate::index::host::{Booked, Room, Want};
use crate::index::rule::{Fullness, KubeRule};
use crate::index::tie::{Tie, pre_order};
use crate::kube::config::{Effective, ResourceSpec, StrategyType};
use crate::kube::cycle::feasible_nodes_to_find;
use crate::kube::framework::{Cycle, CycleState, Framework, World};
use crate::kube::object::node::{Effect, Node, Taint};
use crate::kube::object::pod::{Pod, amount};
use crate::kube::snapshot::{NodeInfo, Snapshot};
use spread::{Counts, Spread};

/// Filters that look at the node's object and the pod's, and at nothing else.
const BY_OBJECT: [&str; 4] = ["NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity"];
/// Filters that let every node pass for pods that the index places.
const PASSING: [&str; 10] = [
    "NodePorts",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "NodeDeclaredFeatures",
    "GpuShare",
];
/// The filter by room.
const FIT: &str = "NodeResourcesFit";
/// The filter and score by topology.
const SPREAD: &str = "PodTopologySpread";
/// The score by balance.
const BALANCED: &str = "NodeResourcesBalancedAllocation";
/// Scores that are the same everywhere for pods that the index places.
const LEVEL: [&str; 7] = [
    "TaintToleration",
    "NodeAffinity",
    "VolumeBinding",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "ImageLocality",
];
/// The label that tells each node from all others.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// Most sorts of nodes, and most different ways for pods to be kept out.
const MOST_SORTS: usize = 512;

/// The rule of a profile, if an index can go by it.
fn rule(framework: &Framework) -> Option<KubeRule> {
    let Framework { effective, mutation: None, filter, score, pre_score, .. } = framework else { return None };
    let known = |name: &str| name == FIT || BY_OBJECT.contains(&name) || PASSING.contains(&name);
    let level = |name: &str| name == FIT || name == BALANCED || LEVEL.contains(&name);
    let prepared = |name: &str| {
        let prepares = framework.built.get(name).is_some_and(|plugin| plugin.pre_score().is_some());
        !prepares || pre_score.iter().any(|active| active.info.name == name)
    };
    let filters = filter.iter().all(|active| known(active.info.name));
    let scores = score.iter().all(|active| level(active.info.name) && prepared(active.info.name));
    let fits = |list: &[crate::kube::framework::Active]| list.iter().any(|active| active.info.name == FIT);
    // The first filter that rejects a node is the one that is named.
    let room_last = filter.iter().skip_while(|a| a.info.name != FIT).all(|a| !BY_OBJECT.contains(&a.info.name));
    if !(filters && scores && room_last && fits(filter) && fits(&framework.pre_filter)) || score.is_empty() {
        return None;
    }
    let args = &effective.args;
    let strategy = &args.scoring_strategy;
    let weight = |name: &str| strategy.resources.iter().filter(|r| r.name == name).map(|r| r.weight).sum::<i64>();
    let both = |resources: &[ResourceSpec]| {
        let names: BTreeSet<&str> = resources.iter().map(|r| r.name.as_str()).collect();
        names.len() == resources.len() && names.iter().all(|name| ["cpu", "memory"].contains(name))
    };
    let balanced_weight = effective.weight(BALANCED);
    if !both(&strategy.resources)
        || balanced_weight != 0 && !(both(&args.balanced_resources) && args.balanced_resources.len() == 2)
        || args.added_affinity.as_ref().is_some_and(|added| added.preferred.is_some() || !by_labels(added))
    {
        return None;
    }
    let rule = KubeRule {
        fullness: match strategy.kind {
            StrategyType::LeastAllocated => Fullness::Least,
            StrategyType::MostAllocated => Fullness::Most,
            StrategyType::RequestedToCapacityRatio => Fullness::Ratio(strategy.shape.clone()),
        },
        fit_weight: effective.weight(FIT),
        weights: [weight("cpu"), weight("memory")],
        balanced_weight,
    };
    rule.is_regular().then_some(rule)
}

/// Whether a required affinity goes by labels that nodes may share.
fn by_labels(affinity: &crate::kube::object::affinity::NodeAffinity) -> bool {
    let mut terms = affinity.required.iter().flatten();
    terms.all(|term| !term.reads_name()) && !keys(affinity).any(|key| key == HOSTNAME)
}

/// The labels that a required affinity asks for.
fn keys(affinity: &crate::kube::object::affinity::NodeAffinity) -> impl Iterator<Item = &str> {
    let selected = affinity.node_selector.iter().flat_map(|labels| labels.keys().map(String::as_str));
    let required = affinity.required.iter().flatten().flat_map(|term| &term.expressions).map(|r| r.key.as_str());
    selected.chain(required)
}

/// What a pod asks for in numbers.
pub fn want(pod: &Pod) -> Want {
    let requests = &pod.requests;
    Want {
        cpu: requests.resources.milli_cpu,
        memory: requests.resources.memory,
        non_zero_cpu: requests.non_zero_milli_cpu,
        non_zero_memory: requests.non_zero_memory,
        score_cpu: amount(&requests.score, "cpu"),
        score_memory: amount(&requests.score, "memory"),
        exact_cpu: amount(&requests.exact, "cpu"),
        exact_memory: amount(&requests.exact, "memory"),
    }
}

/// Whether a pod has terms of affinity, which others feel.
pub fn has_terms(pod: &Pod) -> bool {
    !(pod.affinity.is_empty() && pod.anti_affinity.is_empty())
}

/// Whether terms of affinity of a bound pod are about `incoming`, so that nodes differ to it in more than the index knows
/// (`FilterState::concerns` and `PreScore` of InterPodAffinity, where `incoming` has no terms of its own).
pub fn is_about(bound: &Pod, incoming: &Pod, world: &World) -> bool {
    let labels = world.namespaces.get(&incoming.namespace);
    let sides = [&bound.affinity, &bound.anti_affinity];
    let preferred = sides.iter().flat_map(|side| side.preferred.iter().map(|(_, term)| term));
    let mut terms = sides.iter().flat_map(|side| &side.required).chain(preferred);
    terms.any(|term| term.matches(&incoming.namespace, &incoming.labels, labels))
}

/// The sums of a node as the cache keeps them.
pub fn booked(node: &NodeInfo) -> Booked {
    Booked {
        cpu: node.requested.milli_cpu,
        memory: node.requested.memory,
        non_zero_cpu: node.non_zero_milli_cpu,
        non_zero_memory: node.non_zero_memory,
        jobs: node.pods.len() as i64,
    }
}

fn room(node: &Node) -> Room {
    Room { cpu: node.allocatable.milli_cpu, memory: node.allocatable.memory, jobs: node.allocatable.pods }
}

/// A sort of nodes: the labels that anybody asks for, taints, and whether it is cordoned.
struct Sort {
    labels: Vec<Option<String>>,
    taints: Vec<Taint>,
    unschedulable: bool,
    /// One of them, without pods.
    example: NodeInfo,
}

/// Pods that are kept out alike, and by which plugin of each sort of nodes.
struct Mask {
    pod: Arc<Pod>,
    rejected_by: Vec<Option<&'static str>>,
}

/// What the index takes a pod for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Its numbers.
    pub want: Want,
    kind: KindId,
    mask: u32,
    /// Its spread, by number.
    spread: Option<u32>,
}

/// Where a pod goes, or why it goes nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The node at this position, and how many nodes the search passed.
    Node(usize, usize),
    /// None: the plugins that reject it somewhere.
    Nowhere(BTreeSet<&'static str>),
}

/// The nodes of a snapshot as the index sees them.
pub struct Indexed {
    rule: KubeRule,
    finder: Option<Finder<KubeRule>>,
    /// Labels that any pod has asked for.
    asked: BTreeSet<String>,
    sorts: Vec<Sort>,
    masks: Vec<Mask>,
    /// Nodes with taints that count against them in scores.
    soft: usize,
    /// Whether any node has images.
    images: bool,
    percentage: i32,
    counts: Counts,
    spreads: Vec<Spread>,
    spread_weight: i64,
}

impl Indexed {
    /// For a profile; `None`: no index can go by it.
    pub fn new(framework: &Framework) -> Option<Self> {
        let Effective { percentage_of_nodes_to_score: percentage, args, .. } = &framework.effective;
        let asked = args.added_affinity.iter().flat_map(|a| keys(a).map(str::to_string).collect::<Vec<_>>()).collect();
        Some(Indexed {
            rule: rule(framework)?,
            finder: None,
            asked,
            sorts: Vec::new(),
            masks: Vec::new(),
            soft: 0,
            images: false,
            percentage: *percentage,
            counts: Counts::default(),
            spreads: Vec::new(),
            spread_weight: framework.effective.weight(SPREAD),
        })
    }

    /// Whether a pod is one that the index places, as long as no bound pod has terms of affinity that are [about](is_about) it and none
    /// is nominated.
    pub fn places(pod: &Pod) -> bool {
        let affinity = &pod.node_affinity;
        let resources = &pod.requests.resources;
        pod.node_name.is_none()
            && pod.nominated_node.is_none()
            && pod.host_ports.is_empty()
            && pod.gpus.is_empty()
            && !has_terms(pod)
            && resources.ephemeral_storage == 0
            && resources.scalar.values().all(|amount| *amount == 0)
            && want(pod).is_regular()
            && affinity.preferred.is_none()
            && by_labels(affinity)
    }

    /// The spread of a pod, by number, if it has any; the outer `None`: the index cannot go by it.
    fn spread(&mut self, framework: &Framework, world: &World, pod: &Pod) -> Option<Option<u32>> {
        let at = |list: &[crate::kube::framework::Active], name: &str| list.iter().position(|a| a.info.name == name);
        let (filter, score) = (at(&framework.filter, SPREAD), at(&framework.score, SPREAD));
        if filter.is_none() && score.is_none() {
            return Some(None);
        }
        let spread = self.counts.spread(&framework.effective.args, world, pod)?;
        if spread.is_empty() {
            return Some(None);
        }
        // It must filter and score, and filter after room does: the first that rejects is named.
        let whole = score.is_some() && at(&framework.pre_filter, SPREAD).is_some();
        if !whole || filter.is_none_or(|filter| at(&framework.filter, FIT).is_none_or(|fit| fit > filter)) {
            return None;
        }
        self.spreads.push(spread);
        Some(Some(self.spreads.len() as u32 - 1))
    }

    /// A group of pods that a plan counts and of which nothing is known yet.
    pub fn unknown_group(&self, plan: &Plan) -> Option<usize> {
        let nodes = self.finder.as_ref().map_or(0, Finder::len);
        self.counts.unknown(&self.spreads[plan.spread? as usize], nodes)
    }

    /// What is counted of pods, and by which nodes, for plans that spread.
    pub fn counts(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Makes a plan ready for the nodes of a snapshot, which have been shown.
    pub fn prepare(&mut self, plan: &Plan, snapshot: &Snapshot) {
        if let Some(spread) = plan.spread {
            self.counts.prepare(&self.spreads[spread as usize], snapshot);
        }
    }

    /// The plan for a pod that the index [`places`](Indexed::places); `None`: there are too many kinds. Nodes must be
    /// [shown](Indexed::show_all) again where that says so.
    pub fn plan(&mut self, framework: &Framework, world: &World, pod: &Arc<Pod>) -> Option<Plan> {
        for key in keys(&pod.node_affinity) {
            if !self.asked.contains(key) {
                self.asked.insert(key.to_string());
                self.forget_nodes();
            }
        }
        let same = |mask: &Mask| mask.pod.tolerations == pod.tolerations && mask.pod.node_affinity == pod.node_affinity;
        let mask = match self.masks.iter().position(same) {
            Some(mask) => mask,
            None if self.masks.len() == MOST_SORTS => return None,
            None => {
                self.masks.push(Mask { pod: Arc::clone(pod), rejected_by: Vec::new() });
                self.masks.len() - 1
            }
        };
        let want = want(pod);
        let spread = self.spread(framework, world, pod)?;
        let finder = self.finder.get_or_insert_with(|| Finder::new(self.rule.clone()));
        let kind = finder.register(want, mask as u32);
        self.settle_masks(framework, world);
        Some(Plan { want, kind, mask: mask as u32, spread })
    }

    /// Nodes came or went, or have to be told apart by more labels.
    pub fn forget_nodes(&mut self) {
        self.counts.forget_nodes();
        self.sorts.clear();
        for mask in &mut self.masks {
            mask.rejected_by.clear();
        }
        if let Some(finder) = &mut self.finder {
            finder.forget_hosts();
        }
    }

    /// Whether nodes have to be [shown](Indexed::show_all) before anything is asked.
    pub fn is_blank(&self) -> bool {
        self.finder.as_ref().is_none_or(Finder::is_empty)
    }

    /// The nodes of a snapshot, with what is booked on each. Whether the index can go by them all.
    pub fn show_all(
        &mut self,
        framework: &Framework,
        world: &World,
        snapshot: &Snapshot,
        booked: impl Fn(usize) -> Booked,
    ) -> bool {
        self.forget_nodes();
        (self.soft, self.images) = (0, false);
        let mut hosts = Vec::with_capacity(snapshot.nodes.len());
        let mut names = Vec::with_capacity(snapshot.nodes.len());
        for (position, info) in snapshot.nodes.iter().enumerate() {
            let (room, booked) = (room(&info.node), booked(position));
            let Some(sort) = self.sort(&info.node).filter(|_| room.is_regular() && booked.is_regular()) else {
                self.forget_nodes();
                return false;
            };
            self.soft += usize::from(is_soft(&info.node));
            self.images |= !info.node.images.is_empty();
            hosts.push((room, booked, sort));
            names.push(snapshot.name_rank(position));
        }
        self.finder.get_or_insert_with(|| Finder::new(self.rule.clone())).show(&hosts, names);
        self.settle_masks(framework, world);
        true
    }

    /// The node at this position has another object now. Whether the index can go by it.
    pub fn show(&mut self, framework: &Framework, world: &World, position: usize, old: &Node, new: &Node) -> bool {
        if old.labels != new.labels {
            self.forget_nodes();
            return true;
        }
        self.soft = self.soft + usize::from(is_soft(new)) - usize::from(is_soft(old));
        self.images |= !new.images.is_empty();
        let sort = self.sort(new).filter(|_| room(new).is_regular());
        let (Some(sort), Some(finder)) = (sort, &mut self.finder) else { return false };
        finder.describe(position as u32, room(new), sort);
        self.settle_masks(framework, world);
        true
    }

    /// Reads what a booking at a position changes; the number only depends on what was read.
    #[inline]
    pub fn look_ahead(&self, position: usize) -> u64 {
        self.finder.as_ref().filter(|finder| position < finder.len()).map_or(0, |f| f.look_ahead(position as u32))
    }

    /// One more pod on a node (`sign` 1), or one less (-1). Whether the index can go on with that.
    pub fn book(&mut self, position: usize, want: &Want, sign: i64) -> bool {
        let Some(finder) = &mut self.finder else { return false };
        finder.book(position as u32, want, sign);
        finder.booked(position as u32).is_regular()
    }

    /// Where a pod of this plan goes in a search from `start`.
    pub fn find(&mut self, plan: &Plan, has_images: bool, start: usize, tie: &mut Tie<'_>) -> Option<Answer> {
        let finder = self.finder.as_mut().filter(|finder| !finder.is_empty())?;
        if self.soft > 0 || has_images && self.images {
            return None;
        }
        let nodes = finder.len();
        let search = Search { start: start % nodes, wanted: feasible_nodes_to_find(self.percentage, nodes) };
        if let Some(spread) = plan.spread {
            return Some(self.find_spread(plan, spread as usize, search, tie));
        }
        let Found { slot, passed } = finder.find(plan.kind, search, tie);
        Some(match slot {
            Some(slot) => Answer::Node(slot as usize, passed),
            None => {
                let mask = &self.masks[plan.mask as usize].rejected_by;
                let there = finder.of_sort().iter().zip(mask).filter(|(hosts, _)| **hosts > 0);
                Answer::Nowhere(there.map(|(_, plugin)| plugin.unwrap_or(FIT)).collect())
            }
        })
    }

    /// One pass over the nodes: room by the kept judgements, spread by the counts.
    fn find_spread(&mut self, plan: &Plan, spread: usize, search: Search, tie: &mut Tie<'_>) -> Answer {
        let spread = &self.spreads[spread];
        let Some(finder) = &mut self.finder else { return Answer::Nowhere(BTreeSet::new()) };
        let nodes = finder.len();
        let open = self.counts.filter(spread, nodes);
        finder.judged(plan.kind);
        let finder = &*finder;
        let judged = finder.kept(plan.kind);
        let (mut fit, mut passed, mut shut) = (Vec::new(), 0, false);
        for position in (search.start..nodes).chain(0..search.start) {
            if judged[position] > 0 {
                if open.as_ref().is_none_or(|open| open[position]) {
                    if fit.len() == search.wanted {
                        break;
                    }
                    fit.push(position as u32);
                } else {
                    shut = true;
                }
            }
            passed += 1;
        }
        if fit.is_empty() {
            let mask = &self.masks[plan.mask as usize].rejected_by;
            let there = finder.of_sort().iter().zip(mask).filter(|(hosts, _)| **hosts > 0);
            // Of nodes that are let in, those without room are rejected by that; if all have room, none is.
            let mut plugins: BTreeSet<&'static str> = there.filter_map(|(_, plugin)| *plugin).collect();
            let let_in = |position: usize| finder.admits(plan.kind, position);
            if (0..nodes).any(|position| judged[position] == 0 && let_in(position)) {
                plugins.insert(FIT);
            }
            if shut {
                plugins.insert(SPREAD);
            }
            return Answer::Nowhere(plugins);
        }
        let scores = match spread.has_scores() && fit.len() > 1 {
            true => self.counts.score(spread, &fit, nodes),
            false => vec![0; fit.len()],
        };
        let totals: Vec<i64> = fit
            .iter()
            .zip(&scores)
            .map(|(position, score)| i64::from(judged[*position as usize]) + score * self.spread_weight)
            .collect();
        let best = totals.iter().copied().max();
        let mut tied: Vec<usize> = (0..fit.len()).filter(|i| Some(totals[*i]) == best).collect();
        let taken = match tie {
            Tie::Heap => tied.iter().copied().min_by(|a, b| pre_order(*a, *b)).unwrap_or(0),
            Tie::First => tied.iter().copied().min_by_key(|i| finder.name(fit[*i])).unwrap_or(0),
            Tie::ByName(pick) => {
                tied.sort_unstable_by_key(|i| finder.name(fit[*i]));
                tied[if tied.len() > 1 { pick(tied.len()) } else { 0 }]
            }
        };
        Answer::Node(fit[taken] as usize, passed)
    }

    /// What was looked at so far.
    pub fn looks(&self) -> Looks {
        self.finder.as_ref().map_or(Looks::default(), Finder::looks)
    }

    /// The sort of a node; `None`: there are too many.
    fn sort(&mut self, node: &Node) -> Option<u16> {
        let labels: Vec<Option<&String>> = self.asked.iter().map(|key| node.labels.get(key)).collect();
        let same = |sort: &Sort| {
            sort.unschedulable == node.unschedulable
                && sort.taints == node.taints
                && sort.labels.iter().map(Option::as_ref).eq(labels.iter().copied())
        };
        if let Some(known) = self.sorts.iter().position(same) {
            return Some(known as u16);
        }
        if self.sorts.len() == MOST_SORTS {
            return None;
        }
        self.sorts.push(Sort {
            labels: labels.into_iter().map(|label| label.cloned()).collect(),
            taints: node.taints.clone(),
            unschedulable: node.unschedulable,
            example: NodeInfo::empty(Arc::new(node.clone())),
        });
        Some((self.sorts.len() - 1) as u16)
    }

    /// Asks the filters about sorts that are new to a mask.
    fn settle_masks(&mut self, framework: &Framework, world: &World) {
        let snapshot = Snapshot::default();
        let state = CycleState::default();
        for (number, mask) in self.masks.iter_mut().enumerate() {
            if mask.rejected_by.len() == self.sorts.len() {
                continue;
            }
            let cycle = Cycle { pod: &mask.pod, snapshot: &snapshot, world };
            for sort in &self.sorts[mask.rejected_by.len()..] {
                let filters = framework.filter.iter().filter(|active| BY_OBJECT.contains(&active.info.name));
                let mut rejects = filters.filter(|active| {
                    active.plugin.filter().is_some_and(|filter| filter.filter(&cycle, &state, &sort.example).is_err())
                });
                let rejected_by = rejects.next().map(|active| active.info.name);
                mask.rejected_by.push(rejected_by);
            }
            if let Some(finder) = &mut self.finder {
                finder.admit(number as u32, mask.rejected_by.iter().map(Option::is_none).collect());
            }
        }
    }
}

fn is_soft(node: &Node) -> bool {
    node.taints.iter().any(|taint| taint.effect == Effect::PreferNoSchedule)
}
