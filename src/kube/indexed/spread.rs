//! Topology spread by numbers: how many pods that a constraint counts are on each node, kept as pods come and go.
//!
//! What `podtopologyspread/{filtering,scoring}.go` v1.36.3 recount for each pod (as [`crate::kube::plugin::pod_topology_spread`] does),
//! in columns: one pass over the nodes a decision, with the judgements of room beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kube::config::Args;
use crate::kube::framework::{MAX_NODE_SCORE, World};
use crate::kube::object::affinity::{SpreadConstraint, WhenUnsatisfiable};
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::Selector;
use crate::kube::plugin::pod_topology_spread::{HOSTNAME, constraints};
use crate::kube::snapshot::Snapshot;
use crate::kube::topology::Topology;

/// Pods of a namespace that a selector counts, by node.
#[derive(Debug)]
pub struct Group {
    namespace: String,
    selector: Selector,
    /// By position; empty until the nodes are shown.
    counts: Vec<i64>,
}

impl Group {
    /// Whether a pod that does not terminate is counted: an empty selector counts nothing.
    pub fn counts(&self, pod: &Pod) -> bool {
        !self.selector.is_empty() && pod.namespace == self.namespace && self.selector.matches(&pod.labels)
    }
}

/// A constraint of a pod.
#[derive(Debug)]
struct Constraint {
    key: String,
    /// Whether each node is a domain of its own.
    hosts: bool,
    group: usize,
    max_skew: i32,
    min_domains: i32,
    /// 1 if it matches the pod itself.
    own: i64,
}

/// The constraints of pods of a kind.
#[derive(Debug)]
pub struct Spread {
    hard: Vec<Constraint>,
    soft: Vec<Constraint>,
    /// Whether a node without one of the labels is not scored.
    require_all: bool,
}

impl Spread {
    /// Whether any constraint scores.
    pub fn has_scores(&self) -> bool {
        !self.soft.is_empty()
    }

    /// Whether there is nothing to spread by.
    pub fn is_empty(&self) -> bool {
        self.hard.is_empty() && self.soft.is_empty()
    }
}

/// What is counted, and the domains it is counted in.
#[derive(Default, Debug)]
pub struct Counts {
    groups: Vec<Group>,
    topologies: BTreeMap<String, Arc<Topology>>,
}

impl Counts {
    /// The constraints of a pod, what they count included; `None`: they look at more than labels of nodes.
    pub fn spread(&mut self, args: &Args, world: &World, pod: &Pod) -> Option<Spread> {
        let mut of = |when: WhenUnsatisfiable| -> Option<Vec<Constraint>> {
            constraints(args, pod, world, when).into_iter().map(|c| self.constraint(pod, c)).collect()
        };
        let (hard, soft) = (of(WhenUnsatisfiable::DoNotSchedule)?, of(WhenUnsatisfiable::ScheduleAnyway)?);
        Some(Spread { hard, soft, require_all: !pod.spread.is_empty() || !args.system_defaulting })
    }

    fn constraint(&mut self, pod: &Pod, c: SpreadConstraint) -> Option<Constraint> {
        let affinity = &pod.node_affinity;
        let anywhere = affinity.required.is_none() && affinity.node_selector.is_none();
        if c.honor_node_taints || c.honor_node_affinity && !anywhere {
            return None;
        }
        let own = i64::from(c.selector.matches(&pod.labels));
        let same = |group: &Group| group.namespace == pod.namespace && group.selector == c.selector;
        let group = self.groups.iter().position(same).unwrap_or_else(|| {
            self.groups.push(Group { namespace: pod.namespace.clone(), selector: c.selector, counts: Vec::new() });
            self.groups.len() - 1
        });
        let hosts = c.topology_key == HOSTNAME;
        let (max_skew, min_domains) = (c.max_skew, c.min_domains);
        Some(Constraint { key: c.topology_key, hosts, group, max_skew, min_domains, own })
    }

    /// What is counted, by number.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Forgets the nodes.
    pub fn forget_nodes(&mut self) {
        self.groups.iter_mut().for_each(|group| group.counts.clear());
        self.topologies.clear();
    }

    /// The counts of a group by position.
    pub fn show(&mut self, group: usize, counts: Vec<i64>) {
        self.groups[group].counts = counts;
    }

    /// One pod more that the group counts (`sign` 1), or one less (-1).
    pub fn shift(&mut self, group: usize, position: usize, sign: i64) {
        if let Some(count) = self.groups[group].counts.get_mut(position) {
            *count += sign;
        }
    }

    /// Groups of a spread whose counts have to be shown.
    pub fn unknown(&self, spread: &Spread, nodes: usize) -> Option<usize> {
        let mut all = spread.hard.iter().chain(&spread.soft);
        all.find(|c| self.groups[c.group].counts.len() != nodes).map(|c| c.group)
    }

    /// Works out the domains that a spread goes by.
    pub fn prepare(&mut self, spread: &Spread, snapshot: &Snapshot) {
        for c in spread.hard.iter().chain(&spread.soft) {
            if !self.topologies.contains_key(&c.key) {
                self.topologies.insert(c.key.clone(), snapshot.topology(&c.key));
            }
        }
    }

    fn topologies(&self, list: &[Constraint]) -> Vec<&Topology> {
        list.iter().map(|c| &*self.topologies[&c.key]).collect()
    }

    /// Whether each node is let in by the constraints that must hold; `None`: all are.
    pub fn filter(&self, spread: &Spread, nodes: usize) -> Option<Vec<bool>> {
        if spread.hard.is_empty() {
            return None;
        }
        let topologies = self.topologies(&spread.hard);
        let mut open = vec![true; nodes];
        let labelled: Vec<bool> = (0..nodes).map(|p| topologies.iter().all(|t| t.at(p).is_some())).collect();
        for (c, topology) in spread.hard.iter().zip(&topologies) {
            let counts = &self.groups[c.group].counts;
            let mut sums: Vec<Option<i64>> = vec![None; topology.len()];
            for position in (0..nodes).filter(|p| labelled[*p]) {
                if let Some(domain) = topology.at(position) {
                    *sums[domain].get_or_insert(0) += counts[position];
                }
            }
            let present = sums.iter().flatten();
            let too_few = (present.clone().count() as i64) < i64::from(c.min_domains);
            let least = if too_few { 0 } else { present.min().copied().unwrap_or(i64::from(i32::MAX)) };
            for (position, open) in open.iter_mut().enumerate() {
                *open &= topology
                    .at(position)
                    .is_some_and(|domain| sums[domain].unwrap_or(0) + c.own - least <= i64::from(c.max_skew));
            }
        }
        Some(open)
    }

    /// What the nodes at the positions `fit` score, 0 to 100 each.
    pub fn score(&self, spread: &Spread, fit: &[u32], nodes: usize) -> Vec<i64> {
        let topologies = self.topologies(&spread.soft);
        let lacks = |position: usize| spread.require_all && topologies.iter().any(|t| t.at(position).is_none());
        let scored = fit.iter().filter(|p| !lacks(**p as usize)).count();
        // By constraint that is not by host: the sum of each domain that any node that is scored is in.
        let mut sums: Vec<Vec<Option<i64>>> = Vec::with_capacity(spread.soft.len());
        let mut weights = Vec::with_capacity(spread.soft.len());
        for (c, topology) in spread.soft.iter().zip(&topologies) {
            let mut of: Vec<Option<i64>> = Vec::new();
            if !c.hosts {
                of = vec![None; topology.len()];
                for position in fit.iter().map(|p| *p as usize).filter(|p| !lacks(*p)) {
                    of[topology.at(position).unwrap_or(0)] = Some(0);
                }
            }
            let domains = if c.hosts { scored } else { of.iter().flatten().count() };
            // libm's log is Go's bit for bit.
            weights.push(libm::log((domains + 2) as f64));
            if !c.hosts {
                let counts = &self.groups[c.group].counts;
                for position in (0..nodes).filter(|p| !lacks(*p)) {
                    if let Some(sum) = &mut of[topology.at(position).unwrap_or(0)] {
                        *sum += counts[position];
                    }
                }
            }
            sums.push(of);
        }
        let (mut least, mut most) = (i64::MAX, 0i64);
        let mut raw = Vec::with_capacity(fit.len());
        for position in fit.iter().map(|p| *p as usize) {
            if lacks(position) {
                raw.push(None);
                continue;
            }
            let mut score = 0.0f64;
            for (i, c) in spread.soft.iter().enumerate() {
                let Some(domain) = topologies[i].at(position) else { continue };
                let count = if c.hosts { self.groups[c.group].counts[position] } else { sums[i][domain].unwrap_or(0) };
                score += count as f64 * weights[i] + f64::from(c.max_skew - 1);
            }
            let score = score.round() as i64;
            (least, most) = (least.min(score), most.max(score));
            raw.push(Some(score));
        }
        let normal = |raw: &Option<i64>| match raw {
            None => 0,
            Some(_) if most == 0 => MAX_NODE_SCORE,
            Some(score) => MAX_NODE_SCORE * (most + least - score) / most,
        };
        raw.iter().map(normal).collect()
    }
}
