//! The scheduler's cache: nodes in its zone order, running sums a node, images a cluster.
//!
//! `backend/cache/{cache,node_tree,snapshot}.go` and `framework.NodeInfo` of kube-scheduler v1.36.3. A cycle works on
//! a [`Snapshot`]; between cycles only nodes that changed are copied into it, and with them the image counts, which
//! are therefore stale on the others. That is visible in ImageLocality's score, so that it is kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::kube::kinds::{Kinds, NO_KIND};
use crate::kube::object::node::Node;
use crate::kube::object::pod::{HostPort, Pod};
use crate::kube::object::resources::Resources;
use crate::kube::topology::Topology;

/// An image as a node's snapshot entry knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageState {
    /// Size on the node that reported the name first.
    pub size_bytes: i64,
    /// Nodes that had it when this entry was last refreshed.
    pub node_count: usize,
}

/// A node with what runs on it: `framework.NodeInfo`.
#[derive(Clone, Debug, Default)]
pub struct NodeInfo {
    /// The node.
    pub node: Arc<Node>,
    /// Its pods, in the order in which they came (a removal moves the last into the gap, as there).
    pub pods: Vec<Arc<Pod>>,
    /// Sum of the pods' requests.
    pub requested: Resources,
    /// The same for CPU with stand-ins for containers without a request.
    pub non_zero_milli_cpu: i64,
    /// The same for memory with stand-ins.
    pub non_zero_memory: i64,
    /// Host ports in use.
    pub used_ports: BTreeSet<HostPort>,
    /// Images on it.
    pub images: Arc<BTreeMap<String, ImageState>>,
    /// Pods with terms of affinity or anti-affinity: most nodes have none, and need not be looked through.
    pub pods_with_affinity: i64,
    /// Pods with required anti-affinity.
    pub pods_with_required_anti_affinity: i64,
    /// Priorities of `pods`, in the same order.
    priorities: Vec<i32>,
    /// Kinds of `pods`, in the same order.
    kinds: Vec<u32>,
    /// Place in the snapshot's list.
    position: usize,
}

impl NodeInfo {
    /// A node without pods.
    pub fn empty(node: Arc<Node>) -> Self {
        NodeInfo { node, ..NodeInfo::default() }
    }

    /// Adds a pod: `AddPodInfo`.
    pub fn add_pod(&mut self, pod: Arc<Pod>) {
        self.add(pod, NO_KIND);
    }

    fn add(&mut self, pod: Arc<Pod>, kind: u32) {
        self.shift(&pod, 1);
        self.used_ports.extend(pod.host_ports.iter().cloned());
        self.priorities.push(pod.priority());
        self.kinds.push(kind);
        self.pods.push(pod);
    }

    /// Kinds of the pods, in their order.
    pub(super) fn kinds(&self) -> &[u32] {
        &self.kinds
    }

    /// The node's place in the snapshot's list.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Priorities of the pods, in their order.
    pub fn priorities(&self) -> &[i32] {
        &self.priorities
    }

    /// Takes a pod away: `RemovePod`. Whether it was there.
    pub fn remove_pod(&mut self, key: &str) -> bool {
        let position = self.find(key);
        if let Some(position) = position {
            self.remove_at(position);
        }
        position.is_some()
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.pods.iter().position(|pod| pod.key == key)
    }

    /// Gives the kind of the pod that is gone.
    fn remove_at(&mut self, position: usize) -> u32 {
        self.priorities.swap_remove(position);
        let kind = self.kinds.swap_remove(position);
        let pod = self.pods.swap_remove(position);
        self.shift(&pod, -1);
        for port in &pod.host_ports {
            self.used_ports.remove(port);
        }
        kind
    }

    fn shift(&mut self, pod: &Pod, sign: i64) {
        let requests = &pod.requests;
        self.requested.shift(&requests.resources, sign);
        let apply = |sum: &mut i64, amount: i64| *sum = sum.wrapping_add(amount.wrapping_mul(sign));
        apply(&mut self.non_zero_milli_cpu, requests.non_zero_milli_cpu);
        apply(&mut self.non_zero_memory, requests.non_zero_memory);
        if !(pod.affinity.is_empty() && pod.anti_affinity.is_empty()) {
            self.pods_with_affinity += sign;
        }
        if !pod.anti_affinity.required.is_empty() {
            self.pods_with_required_anti_affinity += sign;
        }
    }

    /// Whether a wanted port is taken: `HostPortInfo.CheckConflict`.
    pub fn port_conflict(&self, wanted: &HostPort) -> bool {
        self.used_ports.iter().any(|used| ports_conflict(used, wanted))
    }
}

/// Whether two host ports get in each other's way.
pub fn ports_conflict(a: &HostPort, b: &HostPort) -> bool {
    const ANY: &str = "0.0.0.0";
    a.port == b.port && a.protocol == b.protocol && (a.ip == b.ip || a.ip == ANY || b.ip == ANY)
}

/// What a cycle sees: the nodes in list order.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Nodes: round robin over the zones.
    pub nodes: Vec<NodeInfo>,
    index: BTreeMap<String, usize>,
    /// Place of each node by name.
    ranks: Vec<u32>,
    /// Domains by topology key, as far as anybody asked.
    topologies: RefCell<BTreeMap<String, Arc<Topology>>>,
}

impl Snapshot {
    /// The position of a node in the list.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The domains of a topology key.
    pub fn topology(&self, key: &str) -> Arc<Topology> {
        let mut known = self.topologies.borrow_mut();
        if let Some(topology) = known.get(key) {
            return Arc::clone(topology);
        }
        let topology = Arc::new(Topology::of(&self.nodes, key));
        known.insert(key.to_string(), Arc::clone(&topology));
        topology
    }

    /// The place that the node at this position takes by name.
    pub fn name_rank(&self, position: usize) -> u32 {
        self.ranks[position]
    }

    /// A node by name.
    pub fn get(&self, name: &str) -> Option<&NodeInfo> {
        self.position(name).map(|i| &self.nodes[i])
    }
}

/// Nodes by zone, in the order in which zones and nodes appeared: `backend/cache/node_tree.go`.
#[derive(Clone, Debug, Default)]
struct NodeTree {
    zones: Vec<(String, Vec<String>)>,
}

impl NodeTree {
    /// The node is not there yet.
    fn add(&mut self, zone: &str, name: &str) {
        match self.zones.iter_mut().find(|(key, _)| key == zone) {
            Some((_, names)) => names.push(name.to_string()),
            None => self.zones.push((zone.to_string(), vec![name.to_string()])),
        }
    }

    /// A zone without nodes goes; it would come back at the end.
    fn remove(&mut self, zone: &str, name: &str) {
        if let Some(position) = self.zones.iter().position(|(key, _)| key == zone) {
            self.zones[position].1.retain(|n| n != name);
            if self.zones[position].1.is_empty() {
                self.zones.remove(position);
            }
        }
    }

    fn len(&self) -> usize {
        self.zones.iter().map(|(_, names)| names.len()).sum()
    }

    fn list(&self) -> Vec<&str> {
        let longest = self.zones.iter().map(|(_, names)| names.len()).max().unwrap_or(0);
        (0..longest)
            .flat_map(|i| self.zones.iter().filter_map(move |(_, names)| names.get(i).map(String::as_str)))
            .collect()
    }
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Whether the node object exists; its pods may be known without it.
    present: bool,
    info: NodeInfo,
}

#[derive(Clone, Debug)]
struct CachedImage {
    size_bytes: i64,
    nodes: BTreeSet<String>,
}

/// The cache behind the snapshots.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    entries: BTreeMap<String, Entry>,
    tree: NodeTree,
    images: BTreeMap<String, CachedImage>,
    /// What the next snapshot has to follow, by node.
    changed: BTreeMap<String, Change>,
    kinds: Kinds,
}

/// What became of a node since the last snapshot.
#[derive(Clone, Debug)]
enum Change {
    /// It has to be copied.
    Whole,
    /// Only pods came and went. A snapshot does the same moves instead of copying all of the node's pods.
    Pods(Vec<Move>),
}

#[derive(Clone, Debug)]
enum Move {
    Add(Arc<Pod>, u32),
    Remove(usize),
}

impl Cache {
    /// Adds a node, or replaces one of the same name: `AddNode`, `UpdateNode`. A changed zone moves it to the end.
    pub fn set_node(&mut self, node: Node) {
        let old = self.entries.get(&node.name).filter(|e| e.present).map(|e| Arc::clone(&e.info.node));
        if let Some(old) = &old {
            self.forget_images(old);
        }
        let zone = node.zone_key();
        match old.map(|old| old.zone_key()) {
            Some(old_zone) if old_zone == zone => {}
            old_zone => {
                if let Some(old_zone) = old_zone {
                    self.tree.remove(&old_zone, &node.name);
                }
                self.tree.add(&zone, &node.name);
            }
        }
        for image in &node.images {
            for name in &image.names {
                let fresh = || CachedImage { size_bytes: image.size_bytes, nodes: BTreeSet::new() };
                self.images.entry(name.clone()).or_insert_with(fresh).nodes.insert(node.name.clone());
            }
        }
        let entry = self.entries.entry(node.name.clone()).or_default();
        entry.present = true;
        self.changed.insert(node.name.clone(), Change::Whole);
        entry.info.node = Arc::new(node);
    }

    /// Removes a node; its pods stay known, and come back with it: `RemoveNode`. Whether it was there.
    pub fn remove_node(&mut self, name: &str) -> bool {
        let Some(entry) = self.entries.get_mut(name).filter(|e| e.present) else { return false };
        entry.present = false;
        let node = Arc::clone(&entry.info.node);
        self.tree.remove(&node.zone_key(), name);
        self.forget_images(&node);
        true
    }

    /// Whether a node of this name exists.
    pub fn has_node(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|e| e.present)
    }

    fn forget_images(&mut self, node: &Node) {
        for name in node.images.iter().flat_map(|image| &image.names) {
            if let Some(image) = self.images.get_mut(name) {
                image.nodes.remove(&node.name);
                if image.nodes.is_empty() {
                    self.images.remove(name);
                }
            }
        }
    }

    /// Adds a pod to its node, which may not exist yet.
    pub fn add_pod(&mut self, node: &str, pod: Arc<Pod>) {
        let entry = match self.entries.get_mut(node) {
            Some(entry) => entry,
            None => self.entries.entry(node.to_string()).or_default(),
        };
        let kind = self.kinds.enter(&pod);
        entry.info.add(Arc::clone(&pod), kind);
        self.note(node, Move::Add(pod, kind));
    }

    fn note(&mut self, node: &str, step: Move) {
        match self.changed.get_mut(node) {
            Some(Change::Whole) => {}
            Some(Change::Pods(steps)) => steps.push(step),
            None => {
                self.changed.insert(node.to_string(), Change::Pods(vec![step]));
            }
        }
    }

    /// Takes a pod off its node.
    pub fn remove_pod(&mut self, node: &str, key: &str) {
        let Some(entry) = self.entries.get_mut(node) else { return };
        if let Some(position) = entry.info.find(key) {
            let kind = entry.info.remove_at(position);
            self.kinds.leave(kind);
            self.note(node, Move::Remove(position));
        }
    }

    /// The pods on a node are these, in this order.
    pub fn set_pods(&mut self, node: &str, pods: Vec<Arc<Pod>>) {
        let entry = match self.entries.get_mut(node) {
            Some(entry) => entry,
            None => self.entries.entry(node.to_string()).or_default(),
        };
        let old = &entry.info.pods;
        let kept = old.iter().zip(&pods).take_while(|(old, new)| Arc::ptr_eq(old, new)).count();
        if kept == old.len() {
            for pod in pods.into_iter().skip(kept) {
                self.add_pod(node, pod);
            }
            return;
        }
        let old_kinds = entry.info.kinds().to_vec();
        let mut info = NodeInfo {
            node: Arc::clone(&entry.info.node),
            images: Arc::clone(&entry.info.images),
            position: entry.info.position,
            ..NodeInfo::default()
        };
        for pod in pods {
            let kind = self.kinds.enter(&pod);
            info.add(pod, kind);
        }
        for kind in old_kinds {
            self.kinds.leave(kind);
        }
        entry.info = info;
        self.changed.insert(node.to_string(), Change::Whole);
    }

    /// A pod that was added to a node.
    pub fn pod(&self, node: &str, key: &str) -> Option<Arc<Pod>> {
        self.entries.get(node)?.info.pods.iter().find(|pod| pod.key == key).map(Arc::clone)
    }

    /// The names of the nodes in list order.
    pub fn node_order(&self) -> Vec<String> {
        self.tree.list().into_iter().map(str::to_string).collect()
    }

    /// Brings a snapshot up to date: `UpdateSnapshot`. Only changed nodes are copied, and the list is dealt out anew
    /// only when a node came or went: one that merely changed its zone keeps its old place until then.
    pub fn update(&mut self, snapshot: &mut Snapshot) {
        let is_new = |name: &&String| self.has_node(name) && !snapshot.index.contains_key(*name);
        let new = self.changed.keys().any(|name| is_new(&name));
        if new || snapshot.index.len() > self.tree.len() {
            let mut old: BTreeMap<String, NodeInfo> =
                snapshot.nodes.drain(..).map(|info| (info.node.name.clone(), info)).collect();
            for name in self.tree.list() {
                // A node without an old entry is new, and so changed.
                snapshot.nodes.push(old.remove(name).unwrap_or_default());
            }
            let names = self.tree.list();
            snapshot.index = names.iter().enumerate().map(|(i, name)| (name.to_string(), i)).collect();
            snapshot.ranks = vec![0; names.len()];
            for (rank, position) in (0..).zip(snapshot.index.values()) {
                snapshot.ranks[*position] = rank;
            }
            for (position, info) in snapshot.nodes.iter_mut().enumerate() {
                info.position = position;
            }
            snapshot.topologies.get_mut().clear();
        }
        for (name, change) in std::mem::take(&mut self.changed) {
            let Some(position) = snapshot.position(&name) else { continue };
            let Some(entry) = self.entries.get_mut(&name).filter(|e| e.present) else { continue };
            if !(entry.info.node.images.is_empty() && entry.info.images.is_empty()) {
                let images = entry.info.node.images.iter().flat_map(|image| &image.names).filter_map(|name| {
                    let image = self.images.get(name)?;
                    let state = ImageState { size_bytes: image.size_bytes, node_count: image.nodes.len() };
                    Some((name.clone(), state))
                });
                entry.info.images = Arc::new(images.collect());
            }
            let seen = &mut snapshot.nodes[position];
            match change {
                Change::Whole => {
                    *seen = NodeInfo { position, ..entry.info.clone() };
                    snapshot.topologies.get_mut().clear();
                }
                Change::Pods(steps) => {
                    seen.images = Arc::clone(&entry.info.images);
                    for step in steps {
                        match step {
                            Move::Add(pod, kind) => seen.add(pod, kind),
                            Move::Remove(position) => {
                                seen.remove_at(position);
                            }
                        }
                    }
                }
            }
            debug_assert_eq!(seen.pods.len(), entry.info.pods.len(), "the snapshot follows the cache");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, zone: &str) -> Node {
        let mut node = Node { name: name.into(), ..Node::default() };
        node.labels.insert("topology.kubernetes.io/zone".into(), zone.into());
        node
    }

    #[test]
    fn nodes_are_dealt_out_zone_by_zone_and_a_zone_that_emptied_comes_back_last() {
        let mut cache = Cache::default();
        for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("a3", "a")] {
            cache.set_node(node(name, zone));
        }
        assert_eq!(cache.node_order(), ["a1", "b1", "c1", "a2", "a3"]);
        cache.set_node(node("b1", "c"));
        assert_eq!(cache.node_order(), ["a1", "c1", "a2", "b1", "a3"]);
        cache.set_node(node("b2", "b"));
        cache.remove_node("a1");
        assert_eq!(cache.node_order(), ["a2", "c1", "b2", "a3", "b1"]);
        let mut snapshot = Snapshot::default();
        cache.update(&mut snapshot);
        assert_eq!(snapshot.nodes[3].node.name, "a3");
        assert_eq!(snapshot.position("b1"), Some(4));
        // The tree deals b1 out elsewhere at once, the snapshot only when a node comes or goes.
        cache.set_node(node("b1", "a"));
        assert_eq!(cache.node_order(), ["a2", "c1", "b2", "a3", "b1"]);
        cache.set_node(node("c1", "b"));
        assert_eq!(cache.node_order(), ["a2", "b2", "a3", "c1", "b1"]);
        let list = |snapshot: &Snapshot| snapshot.nodes.iter().map(|n| n.node.name.clone()).collect::<Vec<_>>();
        cache.update(&mut snapshot);
        assert_eq!(list(&snapshot), ["a2", "c1", "b2", "a3", "b1"]);
        assert_eq!(snapshot.nodes[1].node.zone_key(), ":\0:b");
        cache.remove_node("b2");
        cache.update(&mut snapshot);
        assert_eq!(list(&snapshot), ["a2", "c1", "a3", "b1"]);
    }

    #[test]
    fn a_node_whose_pods_were_set_holds_them_as_one_to_which_they_were_added() {
        let pod = |i: i64| Arc::new(Pod { key: format!("p{i}"), priority: Some(i as i32 % 3), ..Pod::default() });
        let pods: Vec<Arc<Pod>> = (0..5).map(pod).collect();
        let (mut set, mut added) = (Cache::default(), Cache::default());
        for lists in [vec![0, 1], vec![0, 1, 2, 3], vec![0, 3, 4], vec![]] {
            set.set_node(node("a", "z"));
            set.set_pods("a", lists.iter().map(|i| Arc::clone(&pods[*i])).collect());
            added = Cache::default();
            added.set_node(node("a", "z"));
            for i in &lists {
                added.add_pod("a", Arc::clone(&pods[*i]));
            }
            let (mut one, mut other) = (Snapshot::default(), Snapshot::default());
            set.update(&mut one);
            added.update(&mut other);
            let seen = |s: &Snapshot| format!("{:?} {:?}", s.nodes[0].pods, s.nodes[0].priorities);
            assert_eq!(seen(&one), seen(&other));
            assert_eq!(format!("{:?}", one.nodes[0].requested), format!("{:?}", other.nodes[0].requested));
        }
        assert!(set.kinds.is_empty() && added.kinds.is_empty());
    }

    #[test]
    fn a_snapshot_that_followed_move_by_move_is_the_one_that_copied_everything() {
        let mut cache = Cache::default();
        let mut followed = Snapshot::default();
        for (name, zone) in [("a", "x"), ("b", "y"), ("c", "x")] {
            cache.set_node(node(name, zone));
        }
        let mut there: Vec<(String, String)> = Vec::new();
        // A fixed walk: two pods come for each one that goes, and now and then a node is touched or goes and comes.
        for step in 0..200usize {
            let name = ["a", "b", "c"][step * 7 % 3];
            let pod = Pod { key: format!("p{step}"), priority: Some((step % 5) as i32), ..Pod::default() };
            there.push((name.to_string(), pod.key.clone()));
            cache.add_pod(name, Arc::new(pod));
            if step % 2 == 0 {
                let (node, key) = there.swap_remove(step * 13 % there.len());
                cache.remove_pod(&node, &key);
            }
            match step % 50 {
                20 => cache.set_node(node("b", "y")),
                30 => assert!(cache.remove_node("c")),
                33 => cache.set_node(node("c", "x")),
                _ => {}
            }
            if step % 3 == 0 {
                let mut whole = cache.clone();
                for change in cache.entries.keys().map(|name| (name.clone(), Change::Whole)) {
                    whole.changed.insert(change.0, change.1);
                }
                let mut copied = Snapshot::default();
                whole.update(&mut copied);
                cache.update(&mut followed);
                assert_eq!(format!("{:?}", followed.nodes), format!("{:?}", copied.nodes), "step {step}");
            }
        }
    }
}
