//! Queueing hints: is what just happened in the cluster worth another attempt for a pod that was rejected?
//!
//! `buildQueueingHintMap` (`scheduler.go`), `isPodWorthRequeuing` (`backend/queue/scheduling_queue.go`),
//! `NodeSchedulingPropertiesChange` (`framework/events.go`) and the plugins' `EventsToRegister` of kube-scheduler
//! v1.36.3. SchedulerQueueingHints is locked on there, so that `preCheckForNode` (`eventhandlers.go`) checks nothing;
//! what remains of it is that a plugin which registers added nodes but not taints is woken by **every** change of a
//! node's taints, without being asked.
//!
//! Pods are taken as they were created: of their updates only the end of the scheduling gates is an event here, not
//! labels, tolerations or a resize in place.

use std::collections::BTreeSet;

use crate::kube::framework::{Framework, World};
use crate::kube::object::node::Node;
use crate::kube::object::pod::Pod;

/// Something that happened in the cluster, as the queue hears of it.
#[derive(Clone, Copy, Debug)]
pub enum ClusterEvent<'a> {
    /// A pod was bound; its `node_name` is set. `EventAssignedPodAdd`.
    PodAdded(&'a Pod),
    /// A pod is gone or has finished: bound (`node_name`), or waiting with a nomination (`nominated_node`), whose end
    /// is news only to pods of at most its priority (`getLEPriorityPreCheck`). `EventAssignedPodDelete`.
    PodDeleted(&'a Pod),
    /// The gates of this waiting pod are gone: `UpdatePodSchedulingGatesEliminated`.
    PodUngated(&'a Pod),
    /// A node came: Node/Add.
    NodeAdded(&'a Node),
    /// A node changed.
    NodeUpdated {
        /// Before.
        old: &'a Node,
        /// After.
        new: &'a Node,
    },
    /// A node went: Node/Delete.
    NodeDeleted(&'a Node),
    /// The flush of pods that have waited too long: `EventUnschedulableTimeout`. Worth it for all.
    Timeout,
}

/// What a plugin can register for: resource and action of `fwk.ClusterEvent`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Action {
    /// Pod/Add.
    PodAdd,
    /// Pod/Delete.
    PodDelete,
    /// Pod/UpdatePodSchedulingGatesEliminated.
    PodUngate,
    /// Node/Add.
    NodeAdd,
    /// Node/Delete.
    NodeDelete,
    /// Node/UpdateNodeAllocatable.
    NodeAllocatable,
    /// Node/UpdateNodeLabel.
    NodeLabel,
    /// Node/UpdateNodeTaint; also sent when a node is uncordoned.
    NodeTaint,
}

impl ClusterEvent<'_> {
    /// The actions of an event; a node update is one for each kind of property that changed
    /// (`NodeSchedulingPropertiesChange`), and none if no such property did.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let when = |is: bool, action: Action| is.then_some(action);
        let actions = match self {
            ClusterEvent::PodAdded(_) => [Some(Action::PodAdd), None, None],
            ClusterEvent::PodDeleted(_) => [Some(Action::PodDelete), None, None],
            ClusterEvent::PodUngated(_) => [Some(Action::PodUngate), None, None],
            ClusterEvent::NodeAdded(_) => [Some(Action::NodeAdd), None, None],
            ClusterEvent::NodeDeleted(_) => [Some(Action::NodeDelete), None, None],
            ClusterEvent::NodeUpdated { old, new } => [
                when(old.allocatable != new.allocatable, Action::NodeAllocatable),
                when(old.labels != new.labels, Action::NodeLabel),
                when(old.taints != new.taints || (old.unschedulable && !new.unschedulable), Action::NodeTaint),
            ],
            ClusterEvent::Timeout => [None; 3],
        };
        actions.into_iter().flatten()
    }
}

/// A plugin's say in whether a pod that it rejected is tried again: `EnqueueExtensions`.
pub trait Hint {
    /// What it registers for (`EventsToRegister`); nothing else is ever worth it.
    fn events(&self) -> &'static [Action];
    /// The hint function. It is asked only about events it registered for, and about deleted pods only if they were on a
    /// node or nominated, for no hint function heeds others.
    fn worth(&self, pod: &Pod, event: &ClusterEvent<'_>, world: &World) -> bool;
}

impl Framework {
    /// `isPodWorthRequeuing`: whether the hint of any plugin that rejected the pod says so. Worth it are also every
    /// event where nothing is known of who rejected it, and where one is a plugin without hints.
    pub fn worth_requeuing(
        &self,
        world: &World,
        pod: &Pod,
        rejectors: &BTreeSet<&'static str>,
        event: &ClusterEvent<'_>,
    ) -> bool {
        if let ClusterEvent::PodDeleted(gone) = event {
            // Nobody hears of the end of a pod that waited without a nomination.
            let heard =
                gone.node_name.is_some() || (gone.nominated_node.is_some() && pod.priority() <= gone.priority());
            if !heard {
                return false;
            }
        }
        if rejectors.is_empty() || matches!(event, ClusterEvent::Timeout) {
            return true;
        }
        self.built.iter().filter(|(name, _)| rejectors.contains(*name)).any(|(_, plugin)| {
            let Some(hint) = plugin.hint() else { return true };
            let registered = hint.events();
            event.actions().any(|action| {
                if registered.contains(&action) {
                    return hint.worth(pod, event, world);
                }
                action == Action::NodeTaint && registered.contains(&Action::NodeAdd)
            })
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kube::config::Effective;
    use crate::kube::object::Objects;

    /// A pod or node of a YAML text; `{name: x}` and so on may stand in one line.
    pub fn objects(text: &str) -> Objects {
        let mut objects = Objects::default();
        objects.read_text(text).unwrap();
        objects
    }

    /// A pod with this spec (flow style) in the default namespace.
    pub fn pod(name: &str, labels: &str, spec: &str) -> Pod {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: \"{name}\", labels: {{{labels}}}}}\nspec: {{{spec}}}\n"
        );
        objects(&text).pods.remove(0)
    }

    /// A node with these labels, spec and allocatable (flow style).
    pub fn node(name: &str, labels: &str, spec: &str, allocatable: &str) -> Node {
        let text = format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: \"{name}\", labels: {{{labels}}}}}\nspec: {{{spec}}}\n\
             status: {{allocatable: {{{allocatable}}}}}\n"
        );
        objects(&text).nodes.remove(0)
    }

    /// Asks the default profile, with `rejector` as the only plugin that rejected the pod.
    pub fn worth(rejector: &'static str, pod: &Pod, event: &ClusterEvent<'_>) -> bool {
        let framework = Framework::new(Effective::default_profile().unwrap()).unwrap();
        framework.worth_requeuing(&World::default(), pod, &BTreeSet::from([rejector]), event)
    }

    #[test]
    fn a_pod_that_nobody_rejected_is_tried_again_after_anything_and_a_flush_wakes_all() {
        let framework = Framework::new(Effective::default_profile().unwrap()).unwrap();
        let waiting = pod("a", "", "");
        let gone = node("n", "", "", "");
        let event = ClusterEvent::NodeDeleted(&gone);
        assert!(framework.worth_requeuing(&World::default(), &waiting, &BTreeSet::new(), &event));
        assert!(!worth("NodeResourcesFit", &waiting, &event));
        assert!(worth("NodeResourcesFit", &waiting, &ClusterEvent::Timeout));
        // One of several is enough.
        let bound = Pod { node_name: Some("n".into()), ..pod("b", "", "") };
        let both = BTreeSet::from(["NodeAffinity", "NodeResourcesFit"]);
        assert!(framework.worth_requeuing(&World::default(), &waiting, &both, &ClusterEvent::PodDeleted(&bound)));
        assert!(!worth("NodeAffinity", &waiting, &ClusterEvent::PodDeleted(&bound)));
    }

    #[test]
    fn changed_taints_wake_pods_of_plugins_that_registered_only_added_nodes() {
        let waiting = pod("a", "", "containers: [{name: c, resources: {requests: {cpu: 99}}}]");
        let old = node("n", "", "taints: [{key: k, effect: NoSchedule}]", "cpu: 4, pods: 10");
        let new = node("n", "", "", "cpu: 4, pods: 10");
        let event = ClusterEvent::NodeUpdated { old: &old, new: &new };
        // 99 CPUs never fit into 4, and Fit is not even asked.
        assert!(worth("NodeResourcesFit", &waiting, &event));
        assert!(worth("NodePorts", &waiting, &event));
        // TaintToleration registers taints itself, and is asked: here the other way round.
        let event = ClusterEvent::NodeUpdated { old: &new, new: &old };
        assert!(worth("NodeName", &waiting, &event));
        assert!(!worth("TaintToleration", &waiting, &event));
        // Nothing that counts has changed.
        let event = ClusterEvent::NodeUpdated { old: &new, new: &new };
        assert!(!worth("NodeName", &waiting, &event));
    }

    #[test]
    fn the_end_of_a_nominated_pod_is_news_only_to_pods_of_no_higher_priority() {
        let nominated = Pod { nominated_node: Some("n".into()), priority: Some(5), ..pod("b", "", "") };
        for (priority, want) in [(4, true), (5, true), (6, false)] {
            let waiting = Pod { priority: Some(priority), ..pod("a", "", "") };
            assert_eq!(worth("NodeResourcesFit", &waiting, &ClusterEvent::PodDeleted(&nominated)), want, "{priority}");
        }
        let waiting = pod("b", "", "");
        assert!(!worth("NodeResourcesFit", &pod("a", "", ""), &ClusterEvent::PodDeleted(&waiting)));
    }

    #[test]
    fn preemption_itself_never_asks_for_another_attempt() {
        let bound = Pod { node_name: Some("n".into()), ..pod("b", "", "") };
        assert!(!worth("DefaultPreemption", &pod("a", "", ""), &ClusterEvent::PodDeleted(&bound)));
    }
}
