//! One scheduling cycle: filters, scores, the choice, and the message when there is none.
//!
//! `schedule_one.go` of kube-scheduler v1.36.3 at parallelism 1, with OpportunisticBatching off (under the default
//! profile it never acts). [`Scheduler`] holds what lives from cycle to cycle: the cache, nominations, and where the
//! next search starts. It decides and reports; what happens then (binding, eviction) the caller tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Result;
use crate::kube::config::Effective;
use crate::kube::framework::{
    Code, Cycle, CycleState, Diagnosis, Framework, MutationKind, PostFilterOutcome, PreFilterOutcome, Rejections,
    Status, World,
};
use crate::kube::object::pod::Pod;
use crate::kube::plugin::scheduling_gates;
use crate::kube::preemption::{Nominator, Preemption};
use crate::kube::snapshot::{Cache, NodeInfo, Snapshot};
use crate::kube::status::Reasons;

/// Fewer nodes than this are always all searched: `minFeasibleNodesToFind`.
const MIN_FEASIBLE_NODES: i64 = 100;
/// The adaptive share never falls below this: `minFeasibleNodesPercentageToFind`.
const MIN_PERCENTAGE: i64 = 5;
/// The length at which the API cuts an event's text: `validation.NoteLengthLimit`.
const MESSAGE_BYTES_MAX: usize = 1024;

/// The scores of one plugin for the nodes of [`Scores::nodes`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginScores {
    /// The plugin.
    pub plugin: &'static str,
    /// Its weight.
    pub weight: i64,
    /// Before normalisation.
    pub raw: Vec<i64>,
    /// After it.
    pub normalized: Vec<i64>,
}

/// The scores of a cycle.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scores {
    /// Positions of the nodes, in search order.
    pub nodes: Vec<usize>,
    /// Plugins whose PreScore said Skip, by name.
    pub skipped: Vec<&'static str>,
    /// By plugin, in the order in which they run.
    pub plugins: Vec<PluginScores>,
    /// Σ weight × normalised.
    pub total: Vec<i64>,
}

impl Scores {
    /// The total of the node at a position of the list.
    pub fn of(&self, position: usize) -> Option<i64> {
        self.nodes.iter().position(|node| *node == position).map(|i| self.total[i])
    }
}

/// How PostFilter ended.
#[derive(Clone, Debug, Default)]
pub struct PostFilterReport {
    /// What preemption found, if it was tried.
    pub preemption: Option<Preemption>,
    /// Why there is no candidate; empty after success.
    pub message: String,
    /// What becomes of the pod's nomination.
    pub nomination: Nomination,
}

/// What becomes of a pod's nomination after a failed cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nomination {
    /// It stays as it is.
    #[default]
    Keep,
    /// It ends.
    Clear,
    /// The node at this position.
    Node(usize),
}

/// Everything that one cycle found out. Positions point into [`Scheduler::snapshot`].
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// Where the search began.
    pub start_node: usize,
    /// PreFilter rejected the pod as a whole.
    pub pre_filter: Option<Status>,
    /// PreFilter left only these nodes, by name; some may not exist.
    pub pre_filter_nodes: Option<BTreeSet<String>>,
    /// Filters that were not run for this pod, by name.
    pub skipped_filter: Vec<&'static str>,
    /// Nodes that a filter rejected.
    pub rejected: Rejections,
    /// Nodes that passed, in search order.
    pub feasible: Vec<usize>,
    /// Scores; absent with fewer than two feasible nodes.
    pub scores: Option<Scores>,
    /// Nodes of the highest total, by name.
    pub top: Vec<usize>,
    /// The node that the real scheduler itself would take, where chance does not decide.
    pub suggested: Option<usize>,
    /// The text of the FailedScheduling event.
    pub message: String,
    /// Plugins that rejected some node, by name.
    pub unschedulable_plugins: BTreeSet<&'static str>,
    /// What PostFilter did; absent without PostFilter plugins and after success.
    pub post_filter: Option<PostFilterReport>,
    /// The cycle failed for another reason than a lack of room.
    pub error: bool,
}

impl Attempt {
    /// The first of the top nodes by name.
    pub fn chosen(&self) -> Option<usize> {
        self.top.first().copied()
    }
}

/// A scheduler with one profile.
pub struct Scheduler {
    /// Plugins.
    pub framework: Framework,
    /// Objects beside nodes and pods.
    pub world: World,
    /// Nodes and bound pods.
    pub cache: Cache,
    /// What the last cycle saw.
    pub snapshot: Snapshot,
    /// Nominations.
    pub nominator: Nominator,
    /// Where the next search starts.
    pub next_start_node: usize,
}

impl Scheduler {
    /// A scheduler without nodes.
    pub fn new(effective: Effective, world: World) -> Result<Self> {
        Ok(Scheduler {
            framework: Framework::new(effective)?,
            world,
            cache: Cache::default(),
            snapshot: Snapshot::default(),
            nominator: Nominator::default(),
            next_start_node: 0,
        })
    }

    /// The plugin that keeps a pod out of the queue.
    pub fn gate(&self, pod: &Pod) -> Option<&'static str> {
        let gates = self.framework.effective.pre_enqueue.contains(&"SchedulingGates");
        let mutated = matches!(self.framework.mutation_of("SchedulingGates"), Some(MutationKind::NoGate));
        (gates && !mutated && scheduling_gates::gated(pod)).then_some("SchedulingGates")
    }

    /// One cycle for one pod: `schedulingAlgorithm`. `pod.nominated_node` must say where it is nominated.
    pub fn schedule(&mut self, pod: &Pod) -> Attempt {
        self.schedule_keeping_state(pod).0
    }

    /// A cycle with what its plugins left behind, and the status of nodes without one of their own.
    pub(super) fn schedule_keeping_state(&mut self, pod: &Pod) -> (Attempt, CycleState, Status) {
        self.cache.update(&mut self.snapshot);
        let mut attempt = Attempt { start_node: self.next_start_node, ..Attempt::default() };
        let mut state = CycleState::default();
        let nothing = Status { plugin: "", code: Code::UnschedulableAndUnresolvable, reasons: Reasons::NONE };
        let total = self.snapshot.nodes.len();
        if total == 0 {
            attempt.message = "no nodes available to schedule pods".into();
            return (attempt, state, nothing);
        }
        let cycle = Cycle { pod, snapshot: &self.snapshot, world: &self.world };
        let absent = match self.find_feasible(&cycle, &mut state, &mut attempt) {
            Ok((absent, processed)) => {
                // Moved by what was looked at, modulo all nodes; not by a nominated node that fits.
                self.next_start_node = (self.next_start_node + processed) % total;
                absent
            }
            Err(status) => return (failed(attempt, &status), state, nothing),
        };
        match attempt.feasible.len() {
            0 => self.explain_failure(pod, &state, &absent, &mut attempt),
            1 => attempt.top = attempt.feasible.clone(),
            _ => {
                let cycle = Cycle { pod, snapshot: &self.snapshot, world: &self.world };
                match prioritize(&self.framework, &cycle, &mut state, &attempt.feasible) {
                    Ok(scores) => choose(&self.snapshot, &mut attempt, scores),
                    Err(status) => return (failed(attempt, &status), state, nothing),
                }
            }
        }
        (attempt, state, absent)
    }

    /// `findNodesThatFitPod`. Gives the status of nodes without one of their own, and how many were looked at.
    fn find_feasible(
        &self,
        cycle: &Cycle<'_>,
        state: &mut CycleState,
        attempt: &mut Attempt,
    ) -> std::result::Result<(Status, usize), Status> {
        let mut absent = Status { plugin: "", code: Code::UnschedulableAndUnresolvable, reasons: Reasons::NONE };
        let pre_filtered = self.run_pre_filters(cycle, state);
        self.framework.settle_filters(state);
        let (nodes, with_nodes) = match pre_filtered {
            Ok(found) => found,
            Err(status) if status.code == Code::Error => return Err(status),
            Err(status) => {
                if !status.plugin.is_empty() {
                    attempt.unschedulable_plugins.insert(status.plugin);
                }
                attempt.pre_filter = Some(status.clone());
                return Ok((status, 0));
            }
        };
        attempt.skipped_filter = state.skip_filter.iter().copied().collect();
        attempt.unschedulable_plugins.extend(with_nodes.iter().copied());
        attempt.pre_filter_nodes = nodes;
        let mut rejected = Vec::new();
        if let Some(position) = cycle.pod.nominated_node.as_deref().and_then(|n| self.snapshot.position(n)) {
            let node = &self.snapshot.nodes[position];
            match self.framework.run_filters_nominated(cycle, state, node, &self.nominator) {
                Ok(()) => {
                    attempt.feasible.push(position);
                    return Ok((absent, 0));
                }
                Err(status) if status.code == Code::Error => {}
                Err(status) => rejected.push((position, status)),
            }
        }
        let among: Option<Vec<usize>> = match &attempt.pre_filter_nodes {
            None => None,
            Some(names) => {
                let plugins: Vec<&str> = with_nodes.iter().copied().collect();
                let reason = format!("node(s) didn't satisfy plugin(s) [{}]", plugins.join(" "));
                absent.reasons = Reasons::one(reason);
                // Go walks a set here, in random order; ours is by name.
                Some(names.iter().filter_map(|name| self.snapshot.position(name)).collect())
            }
        };
        let searched = self.search(cycle, state, among.as_deref(), attempt, &mut rejected);
        attempt.rejected = Rejections::of(rejected);
        searched?;
        // Neighbours are mostly rejected by the same plugin.
        let mut last = "";
        for status in attempt.rejected.values() {
            if status.plugin != last {
                last = status.plugin;
                attempt.unschedulable_plugins.insert(last);
            }
        }
        Ok((absent, attempt.feasible.len() + attempt.rejected.len()))
    }

    /// `RunPreFilterPlugins`: the nodes left (`None`: all) and the plugins that narrowed them.
    #[allow(clippy::type_complexity)]
    pub(super) fn run_pre_filters(
        &self,
        cycle: &Cycle<'_>,
        state: &mut CycleState,
    ) -> std::result::Result<(Option<BTreeSet<String>>, BTreeSet<&'static str>), Status> {
        let mut nodes: Option<BTreeSet<String>> = None;
        let mut with_nodes = BTreeSet::new();
        let mut rejected = None;
        for active in &self.framework.pre_filter {
            let name = active.info.name;
            let Some(plugin) = active.plugin.pre_filter() else { continue };
            let mut outcome = plugin.pre_filter(cycle, state);
            if matches!(self.framework.mutation_of(name), Some(MutationKind::NoPreFilter)) {
                outcome = PreFilterOutcome::All;
            }
            match outcome {
                PreFilterOutcome::All => {}
                PreFilterOutcome::Skip => {
                    state.skip_filter.insert(name);
                }
                PreFilterOutcome::Rejected(mut status) => {
                    status.plugin = name;
                    // Unschedulable: the others still run, for the sake of preemption.
                    if status.code != Code::Unschedulable {
                        return Err(status);
                    }
                    rejected = Some(status);
                }
                PreFilterOutcome::Nodes(set) => {
                    with_nodes.insert(name);
                    let left: BTreeSet<String> = match nodes {
                        Some(before) => before.intersection(&set).cloned().collect(),
                        None => set,
                    };
                    if left.is_empty() {
                        let plugins: Vec<&str> = with_nodes.iter().copied().collect();
                        let reason = match plugins.as_slice() {
                            [one] => format!("node(s) didn't satisfy plugin {one}"),
                            many => format!("node(s) didn't satisfy plugin(s) [{}] simultaneously", many.join(" ")),
                        };
                        return Err(Status::unresolvable(reason));
                    }
                    nodes = Some(left);
                }
            }
        }
        rejected.map_or(Ok((nodes, with_nodes)), Err)
    }

    /// `findNodesThatPassFilters` at parallelism 1, over all nodes or `among` these: the node that is one too many ends
    /// the search and is forgotten.
    fn search(
        &self,
        cycle: &Cycle<'_>,
        state: &CycleState,
        among: Option<&[usize]>,
        attempt: &mut Attempt,
        rejected: &mut Vec<(usize, Status)>,
    ) -> std::result::Result<(), Status> {
        let effective = &self.framework.effective;
        let count = among.map_or(self.snapshot.nodes.len(), <[usize]>::len);
        let wanted = if self.framework.score.is_empty() {
            1
        } else {
            feasible_nodes_to_find(effective.percentage_of_nodes_to_score, count)
        };
        let start = self.next_start_node.checked_rem(count).unwrap_or(0);
        for i in (start..count).chain(0..start) {
            let position = among.map_or(i, |list| list[i]);
            if self.framework.filter.is_empty() && attempt.feasible.len() == wanted {
                break;
            }
            let node = &self.snapshot.nodes[position];
            match self.framework.run_filters_nominated(cycle, state, node, &self.nominator) {
                Ok(()) if attempt.feasible.len() == wanted => break,
                Ok(()) => attempt.feasible.push(position),
                Err(status) if status.code == Code::Error => return Err(status),
                Err(status) => rejected.push((position, status)),
            }
        }
        Ok(())
    }

    /// The message, and PostFilter: `schedulingAlgorithm` after a FitError, `RunPostFilterPlugins`.
    fn explain_failure(&self, pod: &Pod, state: &CycleState, absent: &Status, attempt: &mut Attempt) {
        let total = self.snapshot.nodes.len();
        let mut message = String::new();
        if !self.framework.post_filter.is_empty() {
            let cycle = Cycle { pod, snapshot: &self.snapshot, world: &self.world };
            let report = self.run_post_filters(&cycle, state, &Diagnosis { statuses: &attempt.rejected, absent });
            message.clone_from(&report.message);
            attempt.post_filter = Some(report);
        }
        let pre_filter = attempt.pre_filter.as_ref().map(Status::message).filter(|m| !m.is_empty());
        let text = fit_error(total, pre_filter.as_deref(), attempt.rejected.values(), absent, &message);
        attempt.message = cut(&text);
    }

    fn run_post_filters(&self, cycle: &Cycle<'_>, state: &CycleState, diagnosis: &Diagnosis<'_>) -> PostFilterReport {
        let mut report = PostFilterReport::default();
        let mut all_reasons = Vec::new();
        for active in &self.framework.post_filter {
            let Some(plugin) = active.plugin.post_filter() else { continue };
            if matches!(self.framework.mutation_of(active.info.name), Some(MutationKind::NoPostFilter)) {
                continue;
            }
            match plugin.post_filter(&self.framework, cycle, state, &self.nominator, diagnosis) {
                PostFilterOutcome::Nominated(preemption) => {
                    let node = preemption.chosen().map(|c| c.node);
                    let nomination = node.map_or(Nomination::Keep, Nomination::Node);
                    return PostFilterReport { preemption: Some(preemption), message: String::new(), nomination };
                }
                PostFilterOutcome::Error(message) => {
                    return PostFilterReport { preemption: None, message, nomination: Nomination::Keep };
                }
                PostFilterOutcome::Unschedulable { reasons, reset, tried } => {
                    all_reasons.extend(reasons);
                    if reset {
                        report.nomination = Nomination::Clear;
                    }
                    if tried.is_some() {
                        report.preemption = tried;
                    }
                }
            }
        }
        report.message = all_reasons.join(", ");
        report
    }
}

fn failed(mut attempt: Attempt, status: &Status) -> Attempt {
    attempt.error = true;
    attempt.feasible.clear();
    attempt.message = cut(&match status.plugin {
        "" => status.message(),
        plugin => format!("running \"{plugin}\" plugin: {}", status.message()),
    });
    attempt
}

/// `numFeasibleNodesToFind` for a share in percent; 0 is adaptive.
pub fn feasible_nodes_to_find(percentage: i32, nodes: usize) -> usize {
    let n = i64::try_from(nodes).unwrap_or(i64::MAX / 100);
    if n < MIN_FEASIBLE_NODES {
        return nodes;
    }
    let p = match i64::from(percentage) {
        0 => (50 - n / 125).max(MIN_PERCENTAGE),
        p => p,
    };
    usize::try_from((n * p / 100).max(MIN_FEASIBLE_NODES)).unwrap_or(nodes)
}

/// `prioritizeNodes`: PreScore, Score, NormalizeScore, weights.
fn prioritize(
    framework: &Framework,
    cycle: &Cycle<'_>,
    state: &mut CycleState,
    feasible: &[usize],
) -> std::result::Result<Scores, Status> {
    let nodes: Vec<&NodeInfo> = feasible.iter().map(|i| &cycle.snapshot.nodes[*i]).collect();
    for active in &framework.pre_score {
        let name = active.info.name;
        let Some(plugin) = active.plugin.pre_score() else { continue };
        let goes_on = plugin.pre_score(cycle, state, &nodes);
        if !goes_on && !matches!(framework.mutation_of(name), Some(MutationKind::NoSkipScore)) {
            state.skip_score.insert(name);
        }
    }
    let mut scores = Scores { nodes: feasible.to_vec(), total: vec![0; nodes.len()], ..Scores::default() };
    scores.skipped = state.skip_score.iter().copied().collect();
    for active in framework.score.iter().filter(|a| !state.skip_score.contains(a.info.name)) {
        let name = active.info.name;
        let Some(plugin) = active.plugin.score() else { continue };
        let blame = |mut status: Status| {
            status.plugin = name;
            status
        };
        let mutation = framework.mutation_of(name);
        let mut raw = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let score = match plugin.score(cycle, state, node) {
                Err(_) if matches!(mutation, Some(MutationKind::NoSkipScore)) => 0,
                score => score.map_err(blame)?,
            };
            raw.push(if let Some(MutationKind::Score(change)) = mutation { change(score) } else { score });
        }
        let mut normalized = raw.clone();
        if let Some(n) = plugin.normalize().filter(|_| !matches!(mutation, Some(MutationKind::NoNormalize))) {
            n.normalize_score(state, &nodes, &mut normalized);
        }
        for (total, score) in scores.total.iter_mut().zip(&normalized) {
            if !(0..=100).contains(score) && mutation.is_none() {
                let reason = format!(
                    "plugin \"{name}\" returns an invalid score {score}, it should in the range of [0, 100] after \
                     normalizing"
                );
                return Err(Status { plugin: name, code: Code::Error, reasons: Reasons::one(reason) });
            }
            *total = total.wrapping_add(score.wrapping_mul(active.weight));
        }
        scores.plugins.push(PluginScores { plugin: name, weight: active.weight, raw, normalized });
    }
    Ok(scores)
}

/// The top set by name, and the pick of the real scheduler.
fn choose(snapshot: &Snapshot, attempt: &mut Attempt, scores: Scores) {
    let best = scores.total.iter().copied().max();
    let tied = scores.nodes.iter().zip(&scores.total).filter(|(_, total)| Some(**total) == best);
    attempt.top = tied.map(|(node, _)| *node).collect();
    attempt.top.sort_unstable_by_key(|position| snapshot.name_rank(*position));
    // A set of nodes from PreFilter is searched in random order, so that chance decides a tie among them.
    if attempt.pre_filter_nodes.is_none() || attempt.top.len() == 1 {
        attempt.suggested = Some(scores.nodes[heap_root(&scores.total)]);
    }
    attempt.scores = Some(scores);
}

/// The index that Go's `container/heap.Init` puts at the root of a max-heap over `totals`: how `newSortedNodeScores`
/// breaks ties, since its Randomizer is set only by extenders.
pub fn heap_root(totals: &[i64]) -> usize {
    let n = totals.len();
    let mut heap: Vec<usize> = (0..n).collect();
    let total = |heap: &[usize], i: usize| totals[heap[i]];
    for start in (0..n / 2).rev() {
        let mut i = start;
        loop {
            let left = 2 * i + 1;
            if left >= n {
                break;
            }
            let right = left + 1;
            let child = if right < n && total(&heap, right) > total(&heap, left) { right } else { left };
            if total(&heap, child) <= total(&heap, i) {
                break;
            }
            heap.swap(i, child);
            i = child;
        }
    }
    heap.first().copied().unwrap_or(0)
}

/// `FitError.Error`: `0/N nodes are available: …`. `statuses` are those of nodes that have one of their own.
pub fn fit_error<'a>(
    total: usize,
    pre_filter: Option<&str>,
    statuses: impl Iterator<Item = &'a Status>,
    absent: &'a Status,
    post_filter: &str,
) -> String {
    let mut text = format!("0/{total} nodes are available:");
    match pre_filter {
        Some(message) => text.push_str(&format!(" {message}.")),
        None => {
            let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
            let mut explicit = 0;
            // Runs of the same status, which are long, are counted as one.
            let mut run: Option<(&'a Status, usize)> = None;
            let mut add = |(status, count): (&'a Status, usize)| {
                for reason in status.reasons.iter() {
                    *reasons.entry(reason).or_default() += count;
                }
            };
            for status in statuses {
                explicit += 1;
                match &mut run {
                    Some((same, count)) if *same == status => *count += 1,
                    _ => run.replace((status, 1)).into_iter().for_each(&mut add),
                }
            }
            run.into_iter().for_each(&mut add);
            if explicit < total {
                for reason in absent.reasons.iter() {
                    *reasons.entry(reason).or_default() += total - explicit;
                }
            }
            // Sorted as strings: "10 x" comes before "2 y".
            let mut counted: Vec<String> = reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            counted.sort();
            if !counted.is_empty() {
                text.push_str(&format!(" {}.", counted.join(", ")));
            }
        }
    }
    if !post_filter.is_empty() {
        text.push_str(&format!(" {post_filter}"));
    }
    text
}

/// `truncateMessage`: 1024 bytes, the last four of them ` ...`.
fn cut(message: &str) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.to_string();
    }
    format!("{} ...", String::from_utf8_lossy(&message.as_bytes()[..MESSAGE_BYTES_MAX - 4]))
}

/// A pod as the API shows it once it is bound.
pub fn bound_pod(pod: &Pod, node: &str, start_time_ns: i64) -> Arc<Pod> {
    let mut pod = pod.clone();
    pod.node_name = Some(node.to_string());
    pod.nominated_node = None;
    pod.start_time_ns = Some(start_time_ns);
    Arc::new(pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_goes_to_the_root_of_the_heap_not_to_the_first() {
        assert_eq!(heap_root(&[1, 2, 2]), 1);
        assert_eq!(heap_root(&[5, 5, 5, 5]), 0);
        // 7 and the last 9 change places first, and of the equal children the left one rises.
        assert_eq!(heap_root(&[3, 7, 9, 9]), 3);
        assert_eq!(heap_root(&[1, 1, 1, 9, 9]), 3);
    }

    #[test]
    fn the_search_grows_with_the_cluster_but_ever_more_slowly() {
        for (percentage, nodes, want) in [
            (0, 99, 99),
            (0, 100, 100),
            (0, 1000, 420),
            (0, 5000, 500),
            (0, 10_000, 500),
            (30, 200, 100),
            (100, 500, 500),
        ] {
            assert_eq!(feasible_nodes_to_find(percentage, nodes), want, "{percentage}% of {nodes}");
        }
    }

    #[test]
    fn a_long_message_is_cut_at_1024_bytes() {
        let text = cut(&"x".repeat(2000));
        assert_eq!((text.len(), text.ends_with("x ...")), (1024, true));
    }
}
