//! Preemption: which pods of lower priority would have to go, node by node, and from which node they go.
//!
//! `framework/preemption/preemption.go` and `plugins/defaultpreemption/default_preemption.go` of kube-scheduler
//! v1.36.3. Where the real one draws lots it is fixed here: the search starts at the first node of the list, and of
//! equal candidates the first by name is taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kube::cycle::fit_error;
use crate::kube::framework::{
    Code, Cycle, CycleState, Diagnosis, FilterResult, Framework, MutationKind, PostFilterOutcome, Status,
};
use crate::kube::object::other::PodDisruptionBudget;
use crate::kube::object::pod::Pod;
use crate::kube::snapshot::NodeInfo;

/// Pods that are nominated to a node: `backend/queue/nominator.go`.
#[derive(Clone, Debug, Default)]
pub struct Nominator {
    by_node: BTreeMap<String, Vec<Arc<Pod>>>,
    node_of: BTreeMap<String, String>,
}

impl Nominator {
    /// Whether nobody is nominated.
    pub fn is_empty(&self) -> bool {
        self.node_of.is_empty()
    }

    /// The node a pod is nominated to.
    pub fn node(&self, key: &str) -> Option<&str> {
        self.node_of.get(key).map(String::as_str)
    }

    /// The pods nominated to a node, in the order in which they were.
    pub fn of_node(&self, node: &str) -> &[Arc<Pod>] {
        self.by_node.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Nominates a pod, in place of an older nomination.
    pub fn set(&mut self, pod: Arc<Pod>, node: &str) {
        self.clear(&pod.key);
        self.node_of.insert(pod.key.clone(), node.to_string());
        self.by_node.entry(node.to_string()).or_default().push(pod);
    }

    /// Ends a pod's nomination.
    pub fn clear(&mut self, key: &str) {
        if let Some(node) = self.node_of.remove(key)
            && let Some(pods) = self.by_node.get_mut(&node)
        {
            pods.retain(|pod| pod.key != key);
            if pods.is_empty() {
                self.by_node.remove(&node);
            }
        }
    }

    /// All nominations by pod.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.node_of.iter().map(|(pod, node)| (pod.as_str(), node.as_str()))
    }
}

/// A node where preemption would make room.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Position of the node in the list.
    pub node: usize,
    /// Who would have to go, most important first (where only one group was there, in the order of the search).
    pub victims: Vec<Arc<Pod>>,
    /// How many of them would violate a budget.
    pub pdb_violations: usize,
}

/// What preemption found.
#[derive(Clone, Debug, Default)]
pub struct Preemption {
    /// Nodes where it would help, in the order of the search.
    pub candidates: Vec<Candidate>,
    /// Nodes that were tried in vain: position and status of the dry run.
    pub not_helpful: Vec<(usize, Status)>,
    /// Positions of the candidates that are left after all criteria, by node name.
    pub best: Vec<usize>,
}

impl Preemption {
    /// The candidate that is taken: the first of `best`.
    pub fn chosen(&self) -> Option<&Candidate> {
        let best = self.best.first()?;
        self.candidates.iter().find(|c| c.node == *best)
    }
}

/// `PodEligibleToPreemptOthers`.
pub fn eligible(cycle: &Cycle<'_>, diagnosis: &Diagnosis<'_>) -> Result<(), &'static str> {
    let pod = cycle.pod;
    if pod.never_preempts == Some(true) {
        return Err("not eligible due to preemptionPolicy=Never.");
    }
    let Some(position) = pod.nominated_node.as_deref().and_then(|name| cycle.snapshot.position(name)) else {
        return Ok(());
    };
    if diagnosis.get(position).code == Code::UnschedulableAndUnresolvable {
        return Ok(());
    }
    let leaving = |other: &Arc<Pod>| other.priority() < pod.priority() && other.deleting && other.preempted;
    if cycle.snapshot.nodes[position].pods.iter().any(leaving) {
        return Err("not eligible due to a terminating pod on the nominated node.");
    }
    Ok(())
}

/// `Evaluator.Preempt` from finding candidates to choosing one; `wanted` says how many candidates are enough for so
/// many potential nodes.
pub fn preempt(
    framework: &Framework,
    cycle: &Cycle<'_>,
    state: &CycleState,
    nominator: &Nominator,
    diagnosis: &Diagnosis<'_>,
    wanted: impl Fn(usize) -> usize,
) -> PostFilterOutcome {
    let total = cycle.snapshot.nodes.len();
    let potential: Vec<usize> = if diagnosis.absent.code == Code::Unschedulable {
        (0..total).filter(|i| diagnosis.get(*i).code == Code::Unschedulable).collect()
    } else {
        diagnosis.statuses.iter().filter(|(_, s)| s.code == Code::Unschedulable).map(|(i, _)| *i).collect()
    };
    let enough = wanted(potential.len());
    let mut found = Preemption::default();
    let mut failed = None;
    let mut harmless = 0;
    for position in potential {
        match select_victims(framework, cycle, state, nominator, &cycle.snapshot.nodes[position]) {
            Ok((victims, _)) if victims.is_empty() => {
                let name = &cycle.snapshot.nodes[position].node.name;
                failed.get_or_insert(format!("expected at least one victim pod on node \"{name}\""));
            }
            Ok((victims, pdb_violations)) => {
                harmless += usize::from(pdb_violations == 0);
                found.candidates.push(Candidate { node: position, victims, pdb_violations });
                if harmless > 0 && found.candidates.len() >= enough {
                    break;
                }
            }
            Err(status) => found.not_helpful.push((position, status)),
        }
    }
    if found.candidates.is_empty() {
        if let Some(message) = failed {
            return PostFilterOutcome::Error(format!("preemption: {message}"));
        }
        let absent = Status::unresolvable("Preemption is not helpful for scheduling");
        let statuses = found.not_helpful.iter().map(|(_, status)| status);
        let message = fit_error(total, None, statuses, &absent, "");
        return PostFilterOutcome::Unschedulable {
            reasons: vec![format!("preemption: {message}")],
            reset: true,
            tried: Some(found),
        };
    }
    found.best = best_candidates(framework, cycle, &found.candidates);
    PostFilterOutcome::Nominated(found)
}

/// When a pod started; one that did not counts as started now.
fn start(pod: &Pod) -> i64 {
    pod.start_time_ns.unwrap_or(i64::MAX)
}

/// `MoreImportantPod`: high priority first, then the longer running. Go's sort is not stable; ours keeps the order.
fn sort_by_importance(pods: &mut [Arc<Pod>]) {
    pods.sort_by(|a, b| b.priority().cmp(&a.priority()).then(start(a).cmp(&start(b))));
}

/// `SelectVictimsOnNode`: the least set of pods that has to go, or why none helps.
fn select_victims(
    framework: &Framework,
    cycle: &Cycle<'_>,
    state: &CycleState,
    nominator: &Nominator,
    node: &NodeInfo,
) -> Result<(Vec<Arc<Pod>>, usize), Status> {
    // Where all pods are equal every node ends here, and none of its pods is looked at.
    let priority = cycle.pod.priority();
    if node.priorities().iter().all(|p| *p >= priority) {
        return Err(Status::unresolvable("No preemption victims found for incoming pod"));
    }
    let mut potential: Vec<Arc<Pod>> = node.pods.iter().filter(|p| p.priority() < priority).map(Arc::clone).collect();
    let mut node = node.clone();
    let mut state = state.clone();
    for pod in &potential {
        node.remove_pod(&pod.key);
        framework.remove_pod(cycle, &mut state, pod, &node);
    }
    let fits = |state: &CycleState, node: &NodeInfo| -> FilterResult {
        framework.run_filters_nominated(cycle, state, node, nominator)
    };
    fits(&state, &node)?;
    sort_by_importance(&mut potential);
    let mutation = framework.mutation_of("DefaultPreemption");
    let budgets = match mutation {
        Some(MutationKind::IgnoreBudgets) => &[],
        _ => cycle.world.budgets.as_slice(),
    };
    let (violating, others) = split_by_budget(&potential, budgets);
    let mut victims = Vec::new();
    let mut pdb_violations = 0;
    for (pod, violates) in violating.iter().map(|p| (p, true)).chain(others.iter().map(|p| (p, false))) {
        node.add_pod(Arc::clone(pod));
        framework.add_pod(cycle, &mut state, pod, &node);
        if fits(&state, &node).is_err() || matches!(mutation, Some(MutationKind::NoReprieve)) {
            node.remove_pod(&pod.key);
            framework.remove_pod(cycle, &mut state, pod, &node);
            victims.push(Arc::clone(pod));
            pdb_violations += usize::from(violates);
        }
    }
    if !violating.is_empty() && !others.is_empty() {
        sort_by_importance(&mut victims);
    }
    Ok((victims, pdb_violations))
}

/// `filterPodsWithPDBViolation`: every budget that protects a pod is drawn on, and the pod violates once one falls
/// below 0.
fn split_by_budget(pods: &[Arc<Pod>], budgets: &[PodDisruptionBudget]) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut allowed: Vec<i64> = budgets.iter().map(|b| i64::from(b.disruptions_allowed)).collect();
    let (mut violating, mut others) = (Vec::new(), Vec::new());
    for pod in pods {
        let mut violates = false;
        for (budget, allowed) in budgets.iter().zip(&mut allowed) {
            let protects = !pod.labels.is_empty()
                && budget.namespace == pod.namespace
                && !budget.selector.is_empty()
                && budget.selector.matches(&pod.labels)
                && !budget.disrupted_pods.contains(&pod.name);
            if protects {
                *allowed -= 1;
                violates |= *allowed < 0;
            }
        }
        let group = if violates { &mut violating } else { &mut others };
        group.push(Arc::clone(pod));
    }
    (violating, others)
}

/// `pickOneNodeForPreemption`: the candidates left after five criteria, by node name.
fn best_candidates(framework: &Framework, cycle: &Cycle<'_>, candidates: &[Candidate]) -> Vec<usize> {
    let criteria: [fn(&Candidate) -> i64; 5] = [
        |c| -(c.pdb_violations as i64),
        |c| -c.victims.first().map_or(0, |p| i64::from(p.priority())),
        |c| -c.victims.iter().map(|p| i64::from(p.priority()) + (1i64 << 31)).sum::<i64>(),
        |c| -(c.victims.len() as i64),
        |c| {
            let highest = c.victims.iter().map(|p| p.priority()).max();
            let of_highest = c.victims.iter().filter(|p| Some(p.priority()) == highest);
            of_highest.map(|p| start(p)).min().unwrap_or(i64::MIN)
        },
    ];
    let mut left: Vec<&Candidate> = candidates.iter().collect();
    for (i, criterion) in criteria.into_iter().enumerate() {
        let skipped =
            matches!(framework.mutation_of("DefaultPreemption"), Some(MutationKind::SkipCriterion(j)) if i == j);
        if left.len() > 1 && !skipped {
            let best = left.iter().map(|c| criterion(c)).max();
            left.retain(|c| Some(criterion(c)) == best);
        }
    }
    let mut nodes: Vec<usize> = left.iter().map(|c| c.node).collect();
    nodes.sort_by(|a, b| cycle.snapshot.nodes[*a].node.name.cmp(&cycle.snapshot.nodes[*b].node.name));
    nodes
}
