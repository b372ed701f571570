//! A dump checked against our own decisions: each bound pod is taken out of the otherwise unchanged cluster, placed
//! once, and put back.
//!
//! Whether the real scheduler would place it the same way *now* is asked, not what it saw when it did: pods that came
//! and went since may explain a difference. All nodes are searched, whatever the configuration says, because where a
//! partial search began cannot be known, and nobody is preempted.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Result;
use crate::kube::config::Effective;
use crate::kube::cycle::{Attempt, Scheduler};
use crate::kube::framework::Status;
use crate::kube::manifests::Manifests;
use crate::kube::object::pod::Pod;

/// What a check came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Pods that were placed once more.
    pub checked: usize,
    /// Of these, pods whose node is among the top nodes.
    pub agrees: usize,
    /// Of these, pods whose node is the one that we would choose.
    pub chosen: usize,
    /// Pods of DaemonSets, which are tied to their node.
    pub daemon_set: usize,
    /// Static pods, which no scheduler placed.
    pub static_pods: usize,
    /// Pods of another scheduler.
    pub other_scheduler: usize,
    /// Pods on nodes that are not in the dump.
    pub elsewhere: usize,
    /// The pods that do not agree.
    pub differences: Vec<Difference>,
}

/// A pod that is not where we would put it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The pod.
    pub pod: String,
    /// Where it is.
    pub node: String,
    /// Where we would put it, if anywhere.
    pub ours: Option<String>,
    /// How many nodes are as good as that one.
    pub tied: usize,
    /// Why.
    pub why: Why,
}

/// Why a pod's node is not among the top ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It scores less.
    Score {
        /// Total of the pod's node.
        here: i64,
        /// Total of ours.
        ours: i64,
        /// Place of the pod's node among those that fit.
        rank: usize,
        /// Plugins in which the two differ: weighted scores of the pod's node and of ours.
        plugins: Vec<(&'static str, i64, i64)>,
    },
    /// It does not fit.
    Rejected(Status),
    /// The pod as a whole, or the scheduler, fails.
    Message(String),
}

/// Checks every bound pod.
pub fn check(manifests: &Manifests, mut effective: Effective) -> Result<Audit> {
    effective.percentage_of_nodes_to_score = 100;
    effective.post_filter.clear();
    let scheduler_name = effective.scheduler_name.clone();
    let mut scheduler = Scheduler::new(effective, manifests.world().clone())?;
    for node in &manifests.nodes {
        scheduler.cache.set_node(node.clone());
    }
    let bound: Vec<Arc<Pod>> = manifests.bound.iter().map(|pod| Arc::new(pod.clone())).collect();
    for pod in &bound {
        scheduler.cache.add_pod(pod.node_name.as_deref().unwrap_or_default(), Arc::clone(pod));
    }
    let mut audit = Audit::default();
    for pod in &bound {
        let node = pod.node_name.clone().unwrap_or_default();
        if pod.mirror || pod.owner.as_ref().is_some_and(|owner| owner.kind == "Node") {
            audit.static_pods += 1;
        } else if pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet") {
            audit.daemon_set += 1;
        } else if pod.scheduler_name != scheduler_name {
            audit.other_scheduler += 1;
        } else if !scheduler.cache.has_node(&node) {
            audit.elsewhere += 1;
        } else {
            audit.add(&mut scheduler, pod, node);
        }
    }
    Ok(audit)
}

impl Audit {
    fn add(&mut self, scheduler: &mut Scheduler, pod: &Arc<Pod>, node: String) {
        let free = Pod { node_name: None, nominated_node: None, ..(**pod).clone() };
        scheduler.cache.remove_pod(&node, &pod.key);
        scheduler.next_start_node = 0;
        let attempt = scheduler.schedule(&free);
        scheduler.cache.add_pod(&node, Arc::clone(pod));
        self.checked += 1;
        let here = scheduler.snapshot.position(&node);
        if here.is_some_and(|here| attempt.top.contains(&here)) {
            self.agrees += 1;
            self.chosen += usize::from(attempt.chosen() == here);
            return;
        }
        let ours = attempt.chosen();
        self.differences.push(Difference {
            pod: pod.key.clone(),
            node,
            ours: ours.map(|i| scheduler.snapshot.nodes[i].node.name.clone()),
            tied: attempt.top.len(),
            why: why(&attempt, here, ours),
        });
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let difference = |d: &Difference| {
            let mut value = json!({"pod": d.pod, "node": d.node, "ours": d.ours, "tied": d.tied});
            match &d.why {
                Why::Score { here, ours, rank, plugins } => {
                    let plugin = |(name, here, ours): &(&str, i64, i64)| json!({"plugin": name, "nodeScore": here, "oursScore": ours});
                    value["nodeScore"] = json!(here);
                    value["oursScore"] = json!(ours);
                    value["rank"] = json!(rank);
                    value["plugins"] = plugins.iter().map(plugin).collect();
                }
                Why::Rejected(status) => {
                    value["rejected"] = json!({
                        "plugin": status.plugin, "code": status.code.name(), "reasons": status.reasons});
                }
                Why::Message(message) => value["message"] = json!(message),
            }
            value
        };
        json!({
            "checked": self.checked,
            "agrees": self.agrees,
            "chosen": self.chosen,
            "apart": {
                "daemonSet": self.daemon_set,
                "static": self.static_pods,
                "otherScheduler": self.other_scheduler,
                "nodeNotInDump": self.elsewhere,
            },
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    }
}

fn why(attempt: &Attempt, here: Option<usize>, ours: Option<usize>) -> Why {
    if let Some(status) = here.and_then(|here| attempt.rejected.get(&here)).or(attempt.pre_filter.as_ref()) {
        return Why::Rejected(status.clone());
    }
    if let (Some(scores), Some(here), Some(ours)) = (&attempt.scores, here, ours)
        && let Some(i) = scores.nodes.iter().position(|node| *node == here)
        && let Some(j) = scores.nodes.iter().position(|node| *node == ours)
    {
        let weighted = |i: usize| scores.plugins.iter().map(move |p| (p.plugin, p.normalized[i] * p.weight));
        let plugins = weighted(i).zip(weighted(j)).filter(|((_, a), (_, b))| a != b);
        return Why::Score {
            here: scores.total[i],
            ours: scores.total[j],
            rank: 1 + scores.total.iter().filter(|total| **total > scores.total[i]).count(),
            plugins: plugins.map(|((plugin, a), (_, b))| (plugin, a, b)).collect(),
        };
    }
    if attempt.pre_filter_nodes.is_some() {
        return Why::Message("its node is not among those that its node affinity names".into());
    }
    Why::Message(attempt.message.clone())
}
