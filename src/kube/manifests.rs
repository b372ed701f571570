//! A cluster as manifests describe it: what is bound stays, what has finished goes, what is pending is to be placed,
//! and controllers make the pods that are not there yet.

mod expand;

use crate::error::{Error, Result};
use crate::kube::case::{Case, Op, Options};
use crate::kube::config::Effective;
use crate::kube::framework::World;
use crate::kube::honesty::{Honesty, Met};
use crate::kube::object::Objects;
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;

use std::collections::{BTreeMap, BTreeSet};

/// In which order pending pods are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// As the scheduler's queue has them: PrioritySort, then the time of creation, then as they stand.
    #[default]
    Queue,
    /// As they stand.
    Listed,
}

/// A cluster and its pods.
#[derive(Clone, Debug)]
pub struct Manifests {
    /// Nodes, as they stand.
    pub nodes: Vec<Node>,
    /// Pods that run, as they stand.
    pub bound: Vec<Pod>,
    /// Pods to place, as they stand; those of a controller where it stands.
    pub pending: Vec<Pod>,
    /// Pods that have run to their end.
    pub finished: usize,
    /// Pending pods that ask for another scheduler, by its name.
    pub other_scheduler: BTreeMap<String, usize>,
    /// Pending pods that are being deleted.
    pub deleting: usize,
    /// Bound pods whose node is not among the nodes.
    pub elsewhere: usize,
    /// Pods that were made for controllers.
    pub made: usize,
    world: World,
    met: Met,
    kinds: BTreeMap<String, u64>,
    notes: Vec<String>,
}

impl Manifests {
    /// Sorts objects out for a scheduler of this name. Controllers make pods, up to `pods_max` in all, or none.
    pub fn of(mut objects: Objects, scheduler_name: &str, pods_max: Option<u64>) -> Result<Self> {
        let mut notes = Vec::new();
        let made = match pods_max {
            Some(pods_max) => expand::expand(&mut objects, pods_max, &mut notes)?,
            None => 0,
        };
        objects.resolve_priorities()?;
        let world = World::of(&objects);
        let names: BTreeSet<&str> = objects.nodes.iter().map(|node| node.name.as_str()).collect();
        let (mut bound, mut pending) = (Vec::new(), Vec::new());
        let (mut finished, mut deleting, mut elsewhere) = (0, 0, 0);
        let mut other_scheduler = BTreeMap::new();
        for pod in objects.pods {
            if pod.finished() {
                finished += 1;
            } else if let Some(node) = &pod.node_name {
                elsewhere += usize::from(!names.contains(node.as_str()));
                bound.push(pod);
            } else if pod.scheduler_name != scheduler_name {
                *other_scheduler.entry(pod.scheduler_name).or_default() += 1;
            } else if pod.deleting {
                deleting += 1;
            } else {
                pending.push(pod);
            }
        }
        if elsewhere > 0 {
            notes.push(format!("{elsewhere} bound on nodes that are not among the manifests: they take no room here"));
        }
        Ok(Manifests {
            nodes: objects.nodes,
            bound,
            pending,
            finished,
            other_scheduler,
            deleting,
            elsewhere,
            made,
            world,
            met: objects.met,
            kinds: objects.ignored_kinds,
            notes,
        })
    }

    /// What was honoured and what was not; `configuration` is what the scheduler's configuration asks for in vain.
    pub fn honesty(&self, configuration: &[String]) -> Honesty {
        Honesty::new(&self.met, &self.kinds, configuration, self.notes.clone())
    }

    /// The case in which the pending pods are placed.
    pub fn case(self, effective: Effective, order: Order, options: Options) -> Case {
        let mut queue: Vec<&Pod> = self.pending.iter().collect();
        if order == Order::Queue {
            let created = |pod: &Pod| pod.created_ns.unwrap_or(i64::MAX);
            queue.sort_by_key(|pod| (std::cmp::Reverse(pod.priority()), created(pod)));
        }
        let ops = queue.into_iter().map(|pod| Op::Schedule(pod.key.clone())).collect();
        Case { effective, world: self.world, nodes: self.nodes, bound: self.bound, pods: self.pending, ops, options }
    }

    /// Objects beside nodes and pods.
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// The error for more pods than may be made.
fn too_many(pods: u64, pods_max: u64) -> Error {
    Error::budget("pods", pods, pods_max, "--max-jobs")
}
