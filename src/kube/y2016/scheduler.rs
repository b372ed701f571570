//! The scheduler between two pods: nodes, the pods on them, and the counter that settles ties.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::kube::y2016::Version;
use crate::kube::y2016::algorithm::Algorithm;
use crate::kube::y2016::node::Node;
use crate::kube::y2016::node_info::NodeInfo;
use crate::kube::y2016::owners::Owners;
use crate::kube::y2016::pod::Pod;
use crate::kube::y2016::predicate::Reason;
use crate::kube::y2016::priority::Ask;

/// What the scheduler knows, and what it decides by. Every node is looked at for every pod; there is no shorter way.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// What it decides by.
    pub algorithm: Algorithm,
    /// Services and controllers.
    pub owners: Owners,
    nodes: BTreeMap<Arc<str>, NodeInfo>,
    counter: u64,
}

/// What became of one attempt to place a pod.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attempt {
    /// Nodes that were not looked at, by name.
    pub ineligible: Vec<Arc<str>>,
    /// Nodes that do not fit, by name, and why: every predicate that fails, by the predicates' names.
    pub rejected: Vec<(Arc<str>, Vec<Reason>)>,
    /// Nodes that fit, by name.
    pub feasible: Vec<Arc<str>>,
    /// For each priority the score of every feasible node, before its weight.
    pub scores: Vec<(&'static str, Vec<i64>)>,
    /// Their weighted sum. Go's sums wrap.
    pub total: Vec<i64>,
    /// Positions in `feasible` of the nodes with the highest total.
    pub top: Vec<usize>,
    /// Successful attempts before this one: `lastNodeIndex`.
    pub counter: u64,
    /// Position in `feasible` of the node that is taken.
    pub picked: Option<usize>,
}

impl Attempt {
    /// The node that is taken.
    pub fn node(&self) -> Option<&Arc<str>> {
        self.picked.and_then(|at| self.feasible.get(at))
    }

    /// What went wrong with the pod of this name, in the words of the event FailedScheduling: `ErrNoNodesAvailable`, or
    /// `FitError.Error` (`generic_scheduler.go`). The real text has the nodes in random order, and of each node's
    /// reasons any one; this one has the nodes by name, and the first reason by the predicates' names.
    pub fn message(&self, pod_name: &str) -> Option<String> {
        if self.picked.is_some() {
            return None;
        }
        if self.rejected.is_empty() {
            return Some("no nodes available to schedule pods".into());
        }
        let mut text = format!("pod ({pod_name}) failed to fit in any node\n");
        for (node, reasons) in &self.rejected {
            if let Some(reason) = reasons.first() {
                // Writing to a text never fails.
                let _ = writeln!(text, "fit failure on node ({node}): {reason}");
            }
        }
        Some(text)
    }
}

impl Scheduler {
    /// A scheduler that has just started and sees nothing.
    pub fn new(version: Version) -> Self {
        Scheduler::with(Algorithm::of(version))
    }

    /// A scheduler that decides by `algorithm`.
    pub fn with(algorithm: Algorithm) -> Self {
        Scheduler { algorithm, owners: Owners::default(), nodes: BTreeMap::new(), counter: 0 }
    }

    /// Adds a node, or replaces it; the pods that are bound to its name are on it.
    pub fn set_node(&mut self, node: Node) {
        let name = Arc::from(node.name.as_str());
        self.nodes.entry(name).or_default().node = Some(node);
    }

    /// Removes a node; whether it was there. Pods that are bound to it remain so until they are removed.
    pub fn remove_node(&mut self, name: &str) -> bool {
        let Some(info) = self.nodes.get_mut(name) else { return false };
        let there = info.node.take().is_some();
        if info.pods.is_empty() {
            self.nodes.remove(name);
        }
        there
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)?.node.as_ref()
    }

    /// Puts a pod on a node. Pods that have finished are not seen.
    pub fn add_pod(&mut self, node: &str, pod: Arc<Pod>) {
        if pod.finished {
            return;
        }
        match self.nodes.get_mut(node) {
            Some(info) => info.add(pod),
            None => {
                let mut info = NodeInfo::default();
                info.add(pod);
                self.nodes.insert(node.into(), info);
            }
        }
    }

    /// Takes a pod off a node; whether it was there.
    pub fn remove_pod(&mut self, node: &str, key: &str) -> bool {
        let Some(info) = self.nodes.get_mut(node) else { return false };
        let there = info.remove(key);
        if info.pods.is_empty() && info.node.is_none() {
            self.nodes.remove(node);
        }
        there
    }

    /// The nodes that are there, by name, with what is on them.
    pub fn nodes(&self) -> impl Iterator<Item = (&Node, &NodeInfo)> {
        self.nodes.values().filter_map(|info| Some((info.node.as_ref()?, info)))
    }

    /// An attempt was successful that somebody else decided: the counter moves.
    pub fn count_success(&mut self) {
        self.counter = self.counter.wrapping_add(1);
    }

    /// Successful attempts so far.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Where the pod would go: `genericScheduler.Schedule` (`generic_scheduler.go`). A success moves the counter,
    /// whatever becomes of the binding; the caller puts the pod on its node.
    pub fn schedule(&mut self, pod: &Pod) -> Attempt {
        self.schedule_among(pod, &|_| true)
    }

    /// As [`Scheduler::schedule`] among the nodes that `admits` lets through by name; the others are left out of
    /// `rejected`, too. For what a caller has beside the real scheduler.
    pub fn schedule_among(&mut self, pod: &Pod, admits: &dyn Fn(&str) -> bool) -> Attempt {
        let attempt = self.attempt_among(pod, admits);
        if attempt.picked.is_some() {
            self.counter = self.counter.wrapping_add(1);
        }
        attempt
    }

    /// Whether the pod fits on the node of this name, which is looked at.
    pub fn fits(&self, pod: &Pod, name: &str) -> bool {
        let Some(info) = self.nodes.get(name) else { return false };
        let Some(node) = &info.node else { return false };
        (self.algorithm.eligible)(node)
            && self.algorithm.predicates.iter().all(|row| (row.check)(pod, node, info).is_none())
    }

    /// As [`Scheduler::schedule`], without moving the counter.
    pub fn attempt(&self, pod: &Pod) -> Attempt {
        self.attempt_among(pod, &|_| true)
    }

    fn attempt_among(&self, pod: &Pod, admits: &dyn Fn(&str) -> bool) -> Attempt {
        let mut attempt = Attempt { counter: self.counter, ..Attempt::default() };
        let mut feasible = Vec::new();
        for (name, info) in &self.nodes {
            let Some(node) = &info.node else { continue };
            if !(self.algorithm.eligible)(node) {
                attempt.ineligible.push(Arc::clone(name));
                continue;
            }
            if !admits(name) {
                continue;
            }
            let checks = self.algorithm.predicates.iter();
            let reasons: Vec<Reason> = checks.filter_map(|row| (row.check)(pod, node, info)).collect();
            if reasons.is_empty() {
                attempt.feasible.push(Arc::clone(name));
                feasible.push((node, info));
            } else {
                attempt.rejected.push((Arc::clone(name), reasons));
            }
        }
        if feasible.is_empty() {
            return attempt;
        }
        let ask = Ask { pod, feasible: &feasible, all: &self.nodes, owners: &self.owners };
        attempt.total = vec![0; feasible.len()];
        for row in &self.algorithm.priorities {
            let scores = (row.score)(&ask);
            for (total, score) in attempt.total.iter_mut().zip(&scores) {
                *total = total.wrapping_add(score.wrapping_mul(row.weight));
            }
            attempt.scores.push((row.name, scores));
        }
        let most = attempt.total.iter().max().copied();
        attempt.top = (0..feasible.len()).filter(|&i| attempt.total.get(i).copied() == most).collect();
        attempt.picked = attempt.top.get((self.algorithm.pick)(attempt.top.len(), self.counter)).copied();
        attempt
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kube::object::selector::Labels;
    use crate::kube::y2016::pod::Container;
    use crate::kube::y2016::priority::Score;
    use crate::kube::y2016::taint::Taint;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    /// Nodes and pods for tests of one priority.
    pub(crate) struct World(Scheduler, usize);

    impl Default for World {
        fn default() -> Self {
            World(Scheduler::new(Version::V1_3_0), 0)
        }
    }

    impl World {
        fn add(mut self, node: Node) -> Self {
            self.0.set_node(node);
            self
        }

        pub(crate) fn node(self, name: &str, milli_cpu: i64, memory: i64) -> Self {
            self.add(Node { name: name.into(), milli_cpu, memory, pods: 110, ..Node::default() })
        }

        pub(crate) fn labelled(self, name: &str, pairs: &[(&str, &str)]) -> Self {
            self.add(Node { name: name.into(), labels: labels(pairs), pods: 110, ..Node::default() })
        }

        pub(crate) fn tainted(self, name: &str, taints: &[(&str, &str)]) -> Self {
            let taint = |(key, effect): &(&str, &str)| Taint {
                key: key.to_string(),
                effect: effect.to_string(),
                ..Taint::default()
            };
            self.add(Node { name: name.into(), taints: taints.iter().map(taint).collect(), ..Node::default() })
        }

        pub(crate) fn service(mut self, pairs: &[(&str, &str)]) -> Self {
            self.0.owners.add_service("default", Some(&labels(pairs)));
            self
        }

        pub(crate) fn put(mut self, node: &str, pod: Pod) -> Self {
            self.0.add_pod(node, Arc::new(pod));
            self
        }

        pub(crate) fn pod_on(mut self, node: &str, milli_cpu: i64, memory: i64) -> Self {
            self.1 += 1;
            let pod = Pod { key: format!("default/{}", self.1), ..World::pod(milli_cpu, memory) };
            self.put(node, pod)
        }

        pub(crate) fn named(name: &str, pairs: &[(&str, &str)]) -> Pod {
            let (namespace, labels) = ("default".into(), labels(pairs));
            Pod { key: format!("default/{name}"), name: name.into(), namespace, labels, ..Pod::default() }
        }

        pub(crate) fn pod(milli_cpu: i64, memory: i64) -> Pod {
            let container = Container { milli_cpu: Some(milli_cpu), memory: Some(memory), ..Container::default() };
            Pod { containers: vec![container], ..World::named("new", &[]) }
        }

        pub(crate) fn pod_without_requests() -> Pod {
            Pod { containers: vec![Container::default()], ..World::named("new", &[]) }
        }

        /// The scores of all nodes that are there, by name.
        pub(crate) fn score(&self, pod: &Pod, score: Score) -> Vec<i64> {
            let nodes = &self.0.nodes;
            let feasible: Vec<_> = nodes.values().filter_map(|info| Some((info.node.as_ref()?, info))).collect();
            score(&Ask { pod, feasible: &feasible, all: nodes, owners: &self.0.owners })
        }
    }

    #[test]
    fn equal_nodes_take_turns_from_the_last_name_on() {
        let mut scheduler = World::default().node("a", 1000, 1 << 30).node("b", 1000, 1 << 30).0;
        let pod = World::pod(0, 0);
        let picks: Vec<String> = (0..3).map(|_| scheduler.schedule(&pod).node().unwrap().to_string()).collect();
        assert_eq!(picks, ["b", "a", "b"]);
        assert_eq!(scheduler.counter(), 3);
        // A failure does not move the counter.
        let attempt = scheduler.schedule(&World::pod(1001, 0));
        assert_eq!((attempt.node(), scheduler.counter()), (None, 3));
    }

    #[test]
    fn a_failure_names_each_node_and_a_reason() {
        let mut scheduler = World::default().node("a", 1000, 100).node("b", 10, 100).0;
        let text = scheduler.schedule(&World::pod(1001, 0)).message("new").unwrap();
        let wanted = "pod (new) failed to fit in any node\nfit failure on node (a): Insufficient CPU\n\
                      fit failure on node (b): Insufficient CPU\n";
        assert_eq!(text, wanted);
        scheduler.remove_node("a");
        scheduler.set_node(Node { name: "b".into(), unschedulable: true, ..Node::default() });
        let attempt = scheduler.schedule(&World::pod(1, 0));
        assert_eq!(attempt.ineligible, ["b".into()]);
        assert_eq!(attempt.message("new").as_deref(), Some("no nodes available to schedule pods"));
    }

    #[test]
    fn pods_stay_bound_to_a_node_that_goes_and_comes() {
        let mut scheduler = World::default().node("a", 1000, 100).pod_on("a", 600, 10).0;
        assert!(scheduler.remove_node("a") && !scheduler.remove_node("a"));
        scheduler.set_node(Node { name: "a".into(), milli_cpu: 1000, memory: 100, pods: 9, ..Node::default() });
        assert_eq!(scheduler.attempt(&World::pod(500, 10)).node(), None);
        assert!(scheduler.remove_pod("a", "default/1") && !scheduler.remove_pod("a", "default/1"));
        assert!(scheduler.attempt(&World::pod(500, 10)).node().is_some());
        assert_eq!(scheduler.nodes["a"].taken, Default::default());
    }
}
