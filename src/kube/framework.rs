//! The scheduling framework: extension points as traits, plugins as rows of one table.
//!
//! `framework/interface.go` and `framework/runtime/framework.go` of kube-scheduler v1.36.3. A plugin is one file under
//! [`crate::kube::plugin`] and one row of [`PLUGINS`]; its traits say at which points it acts, so that
//! `multiPoint` puts it there.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Result;
use crate::kube::config::{Args, Effective};
use crate::kube::hint::Hint;
use crate::kube::object::Objects;
use crate::kube::object::other::{Controller, ControllerKind, PodDisruptionBudget, Service};
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::Labels;
use crate::kube::plugin;
use crate::kube::preemption::Nominator;
use crate::kube::snapshot::{NodeInfo, Snapshot};

pub use crate::kube::status::{Code, Rejections, Status};

/// The best score of a node: `fwk.MaxNodeScore`.
pub const MAX_NODE_SCORE: i64 = 100;

/// What a filter says about a node.
pub type FilterResult = std::result::Result<(), Status>;

/// Objects beside nodes and pods that plugins look up: the scheduler's listers.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Labels of the namespaces that exist, by name.
    pub namespaces: BTreeMap<String, Labels>,
    /// Services.
    pub services: Vec<Service>,
    /// Controllers by kind, namespace and name.
    pub controllers: BTreeMap<(ControllerKind, String, String), Controller>,
    /// Disruption budgets.
    pub budgets: Vec<PodDisruptionBudget>,
}

impl World {
    /// The world of a set of objects.
    pub fn of(objects: &Objects) -> Self {
        let key = |c: &Controller| (c.kind, c.meta.namespace.clone(), c.meta.name.clone());
        World {
            namespaces: objects.namespaces.iter().map(|n| (n.name.clone(), n.labels.clone())).collect(),
            services: objects.services.clone(),
            controllers: objects.controllers.iter().map(|c| (key(c), c.clone())).collect(),
            budgets: objects.budgets.clone(),
        }
    }
}

/// What every plugin may look at during one cycle.
#[derive(Clone, Copy)]
pub struct Cycle<'a> {
    /// The pod to place.
    pub pod: &'a Pod,
    /// The nodes.
    pub snapshot: &'a Snapshot,
    /// The rest.
    pub world: &'a World,
}

/// State that a plugin leaves for its later points.
pub trait StateData: Any {
    /// A copy, for a dry run.
    fn copy(&self) -> Box<dyn StateData>;
    /// For reading back.
    fn as_any(&self) -> &dyn Any;
    /// For changing.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Any + Clone> StateData for T {
    fn copy(&self) -> Box<dyn StateData> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// What plugins have written in this cycle, one value a type: `fwk.CycleState`.
#[derive(Default)]
pub struct CycleState {
    /// Few, and looked up a node: a list is searched faster than a map.
    data: Vec<(TypeId, Box<dyn StateData>)>,
    /// Filters whose PreFilter said Skip.
    pub skip_filter: BTreeSet<&'static str>,
    /// Positions in [`Framework::filter`] of those that did not, once all have spoken.
    filters: Option<Vec<usize>>,
    /// Scores whose PreScore said Skip.
    pub skip_score: BTreeSet<&'static str>,
}

impl CycleState {
    /// Leaves `value` for later.
    pub fn write<T: Any + Clone>(&mut self, value: T) {
        let data: Box<dyn StateData> = Box::new(value);
        match self.data.iter_mut().find(|(id, _)| *id == TypeId::of::<T>()) {
            Some((_, old)) => *old = data,
            None => self.data.push((TypeId::of::<T>(), data)),
        }
    }

    /// Reads back what was written.
    pub fn read<T: Any>(&self) -> Option<&T> {
        let (_, data) = self.data.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        // The box is dereferenced first: `Box<dyn StateData>` is itself `Any + Clone`-shaped enough to mislead.
        (**data).as_any().downcast_ref()
    }

    /// Reads back, to change.
    pub fn read_mut<T: Any>(&mut self) -> Option<&mut T> {
        let (_, data) = self.data.iter_mut().find(|(id, _)| *id == TypeId::of::<T>())?;
        (**data).as_any_mut().downcast_mut()
    }
}

impl Clone for CycleState {
    fn clone(&self) -> Self {
        CycleState {
            data: self.data.iter().map(|(id, data)| (*id, (**data).copy())).collect(),
            skip_filter: self.skip_filter.clone(),
            filters: self.filters.clone(),
            skip_score: self.skip_score.clone(),
        }
    }
}

/// What PreFilter says.
pub enum PreFilterOutcome {
    /// Go on with all nodes.
    All,
    /// Go on with these nodes only.
    Nodes(BTreeSet<String>),
    /// Nothing to filter for this pod.
    Skip,
    /// The pod fits nowhere.
    Rejected(Status),
}

/// PreFilter: once a pod, before any node.
pub trait PreFilter {
    /// Looks at the pod and all nodes.
    fn pre_filter(&self, cycle: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome;
    /// A pod is thought of as added to a node (nominated pods, preemption).
    fn add_pod(&self, _cycle: &Cycle<'_>, _state: &mut CycleState, _pod: &Pod, _node: &NodeInfo) {}
    /// A pod is thought of as removed from a node.
    fn remove_pod(&self, _cycle: &Cycle<'_>, _state: &mut CycleState, _pod: &Pod, _node: &NodeInfo) {}
}

/// Filter: may the pod run on this node?
pub trait Filter {
    /// Looks at one node.
    fn filter(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult;
    /// The smallest change that would let a node in that this filter rejects.
    fn remedy(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> Option<String>;
}

/// What PostFilter says.
pub enum PostFilterOutcome {
    /// Room was found: this node is nominated.
    Nominated(crate::kube::preemption::Preemption),
    /// Nothing could be done; `reset` clears an older nomination.
    Unschedulable {
        /// Why, for the message.
        reasons: Vec<String>,
        /// Whether the pod's nomination is cleared.
        reset: bool,
        /// What was tried, if it was preemption.
        tried: Option<crate::kube::preemption::Preemption>,
    },
    /// The plugin failed; no later one runs, and its text is the message.
    Error(String),
}

/// Why the nodes did not fit, as PostFilter reads it.
pub struct Diagnosis<'a> {
    /// Node position → status.
    pub statuses: &'a Rejections,
    /// The status of every other node.
    pub absent: &'a Status,
}

impl Diagnosis<'_> {
    /// The status of a node: `NodeToStatus.Get`.
    pub fn get(&self, position: usize) -> &Status {
        self.statuses.get(&position).unwrap_or(self.absent)
    }
}

/// PostFilter: no node fits; can room be made?
pub trait PostFilter {
    /// Tries.
    fn post_filter(
        &self,
        framework: &Framework,
        cycle: &Cycle<'_>,
        state: &CycleState,
        nominator: &Nominator,
        diagnosis: &Diagnosis<'_>,
    ) -> PostFilterOutcome;
}

/// PreScore: once a pod, before scoring; false is Skip.
pub trait PreScore {
    /// Looks at the nodes that passed.
    fn pre_score(&self, cycle: &Cycle<'_>, state: &mut CycleState, nodes: &[&NodeInfo]) -> bool;
}

/// Score: how good is this node?
pub trait Score {
    /// The raw score, or why there is none.
    fn score(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> std::result::Result<i64, Status>;
    /// How the raw score comes about, ending in `= SCORE`.
    fn arithmetic(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> String;
    /// The plugin's normalisation, if it has one.
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        None
    }
}

/// NormalizeScore: raw scores to 0…100.
pub trait NormalizeScore {
    /// Changes the scores of `nodes` in place.
    fn normalize_score(&self, state: &CycleState, nodes: &[&NodeInfo], scores: &mut [i64]);
    /// How one raw score of `raw` is normalised, ending in `= SCORE`.
    fn arithmetic(&self, state: &CycleState, node: &NodeInfo, raw: &[i64], score: i64) -> String;
}

/// A plugin: which points it acts at.
pub trait Plugin: Send + Sync {
    /// PreFilter.
    fn pre_filter(&self) -> Option<&dyn PreFilter> {
        None
    }
    /// Filter.
    fn filter(&self) -> Option<&dyn Filter> {
        None
    }
    /// PostFilter.
    fn post_filter(&self) -> Option<&dyn PostFilter> {
        None
    }
    /// PreScore.
    fn pre_score(&self) -> Option<&dyn PreScore> {
        None
    }
    /// Score.
    fn score(&self) -> Option<&dyn Score> {
        None
    }
    /// What wakes a pod that it rejected; without it everything does, as without `EnqueueExtensions`.
    fn hint(&self) -> Option<&dyn Hint> {
        None
    }
}

/// An extension point that a configuration can name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    /// May the pod enter the queue?
    PreEnqueue,
    /// Order of the queue.
    QueueSort,
    /// See [`PreFilter`].
    PreFilter,
    /// See [`Filter`].
    Filter,
    /// See [`PostFilter`].
    PostFilter,
    /// See [`PreScore`].
    PreScore,
    /// See [`Score`].
    Score,
    /// After the choice; nothing to decide here.
    Reserve,
    /// Before binding; nothing to decide here.
    PreBind,
    /// Binding.
    Bind,
}

/// A row of the table of plugins.
pub struct PluginInfo {
    /// Its real name.
    pub name: &'static str,
    /// Its weight in the default profile; `None` where the default list gives none.
    pub weight: Option<i64>,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Points at which the real one acts.
    pub points: &'static [Point],
    /// Whether it decides here, or skips as the real one does for pods that do not use it.
    pub modelled: bool,
    /// Makes it from its arguments.
    pub build: fn(&Args) -> Result<Box<dyn Plugin>>,
}

/// All plugins, in the order of the default profile: `getDefaultPlugins` and `applyFeatureGates`
/// (`apis/config/v1/default_plugins.go` v1.36.3).
pub const PLUGINS: &[&PluginInfo] = &[
    &plugin::scheduling_gates::INFO,
    &plugin::priority_sort::INFO,
    &plugin::node_unschedulable::INFO,
    &plugin::node_name::INFO,
    &plugin::taint_toleration::INFO,
    &plugin::node_affinity::INFO,
    &plugin::node_ports::INFO,
    &plugin::node_resources_fit::INFO,
    &plugin::skipping::VOLUME_RESTRICTIONS,
    &plugin::skipping::NODE_VOLUME_LIMITS,
    &plugin::skipping::VOLUME_BINDING,
    &plugin::skipping::VOLUME_ZONE,
    &plugin::pod_topology_spread::INFO,
    &plugin::inter_pod_affinity::INFO,
    &plugin::skipping::DYNAMIC_RESOURCES,
    &plugin::default_preemption::INFO,
    &plugin::node_resources_balanced_allocation::INFO,
    &plugin::image_locality::INFO,
    &plugin::skipping::DEFAULT_BINDER,
    &plugin::skipping::NODE_DECLARED_FEATURES,
];

/// The row of a plugin.
pub fn plugin_info(name: &str) -> Option<&'static PluginInfo> {
    PLUGINS.iter().copied().find(|info| info.name == name)
}

/// A deliberate mistake, with which a test proves that the conformance suite can fail.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// The plugin that errs.
    pub plugin: &'static str,
    /// How.
    pub kind: MutationKind,
}

/// Where a mutation strikes.
#[derive(Clone, Copy, Debug)]
pub enum MutationKind {
    /// The raw score becomes this function of itself.
    Score(fn(i64) -> i64),
    /// Normalisation is left out.
    NoNormalize,
    /// A rejection becomes this function of itself; `None` lets the node pass.
    Filter(fn(Status) -> Option<Status>),
    /// PreFilter never says Skip and never narrows the nodes.
    NoPreFilter,
    /// PreScore's Skip is taken as "go on, with a score of 0".
    NoSkipScore,
    /// PostFilter is not run.
    NoPostFilter,
    /// PreEnqueue lets everything into the queue.
    NoGate,
    /// Preemption passes over one of the five criteria by which it picks a node.
    SkipCriterion(usize),
    /// Preemption does not look at disruption budgets.
    IgnoreBudgets,
    /// Preemption evicts every pod of lower priority.
    NoReprieve,
}

/// A plugin at work.
pub struct Active {
    /// Its row.
    pub info: &'static PluginInfo,
    /// Itself.
    pub plugin: Arc<dyn Plugin>,
    /// Its weight, where it scores.
    pub weight: i64,
}

/// The plugins of a profile at their points.
pub struct Framework {
    /// The profile they come from.
    pub effective: Effective,
    /// All that are at work, by name.
    pub built: BTreeMap<&'static str, Arc<dyn Plugin>>,
    /// Plugins at PreFilter, in order.
    pub pre_filter: Vec<Active>,
    /// Plugins at Filter, in order.
    pub filter: Vec<Active>,
    /// Plugins at PostFilter, in order.
    pub post_filter: Vec<Active>,
    /// Plugins at PreScore, in order.
    pub pre_score: Vec<Active>,
    /// Plugins at Score, in order.
    pub score: Vec<Active>,
    /// A deliberate mistake.
    pub mutation: Option<Mutation>,
}

impl Framework {
    /// Makes the plugins of a profile: `NewFramework`.
    pub fn new(effective: Effective) -> Result<Self> {
        let mut built: BTreeMap<&'static str, Arc<dyn Plugin>> = BTreeMap::new();
        for info in PLUGINS {
            if effective.uses(info.name) || effective.pre_enqueue.contains(&info.name) {
                built.insert(info.name, Arc::from((info.build)(&effective.args)?));
            }
        }
        let active = |names: &[&'static str]| -> Vec<Active> {
            names
                .iter()
                .filter_map(|name| {
                    let info = plugin_info(name)?;
                    let weight = effective.weight(name);
                    Some(Active { info, plugin: Arc::clone(built.get(name)?), weight })
                })
                .collect()
        };
        let score: Vec<&'static str> = effective.score.iter().map(|(name, _)| *name).collect();
        Ok(Framework {
            pre_filter: active(&effective.pre_filter),
            filter: active(&effective.filter),
            post_filter: active(&effective.post_filter),
            pre_score: active(&effective.pre_score),
            score: active(&score),
            built,
            effective,
            mutation: None,
        })
    }

    /// The mutation of this plugin, if it is the one that errs.
    pub fn mutation_of(&self, name: &str) -> Option<MutationKind> {
        self.mutation.filter(|m| m.plugin == name).map(|m| m.kind)
    }

    /// Settles which filters run for the pod, when all PreFilters have spoken.
    pub(super) fn settle_filters(&self, state: &mut CycleState) {
        let runs = |i: &usize| !state.skip_filter.contains(self.filter[*i].info.name);
        state.filters = Some((0..self.filter.len()).filter(runs).collect());
    }

    /// `RunFilterPlugins`: the first plugin that rejects gives the status.
    pub fn run_filters(&self, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        match &state.filters {
            Some(list) => list.iter().try_for_each(|i| self.run_filter(&self.filter[*i], cycle, state, node)),
            None => {
                let mut left = self.filter.iter().filter(|active| !state.skip_filter.contains(active.info.name));
                left.try_for_each(|active| self.run_filter(active, cycle, state, node))
            }
        }
    }

    fn run_filter(&self, active: &Active, cycle: &Cycle<'_>, state: &CycleState, node: &NodeInfo) -> FilterResult {
        let Some(filter) = active.plugin.filter() else { return Ok(()) };
        let mut result = filter.filter(cycle, state, node);
        if self.mutation.is_some()
            && let (Err(status), Some(MutationKind::Filter(change))) = (&result, self.mutation_of(active.info.name))
        {
            result = change(status.clone()).map_or(Ok(()), Err);
        }
        result.map_err(|mut status| {
            status.plugin = active.info.name;
            status
        })
    }

    /// `RunFilterPluginsWithNominatedPods`: with the pods of at least this priority that are nominated to the node,
    /// and then without them; both must pass.
    pub fn run_filters_nominated(
        &self,
        cycle: &Cycle<'_>,
        state: &CycleState,
        node: &NodeInfo,
        nominator: &Nominator,
    ) -> FilterResult {
        if nominator.is_empty() {
            return self.run_filters(cycle, state, node);
        }
        let nominated: Vec<&Arc<Pod>> = nominator
            .of_node(&node.node.name)
            .iter()
            .filter(|p| p.priority() >= cycle.pod.priority() && p.key != cycle.pod.key)
            .collect();
        if !nominated.is_empty() {
            let mut node_with = node.clone();
            let mut state_with = state.clone();
            for pod in nominated {
                node_with.add_pod(Arc::clone(pod));
                self.add_pod(cycle, &mut state_with, pod, &node_with);
            }
            self.run_filters(cycle, &state_with, &node_with)?;
        }
        self.run_filters(cycle, state, node)
    }

    /// `RunPreFilterExtensionAddPod`.
    pub fn add_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        for active in self.pre_filter.iter().filter(|a| !state.skip_filter.contains(a.info.name)).collect::<Vec<_>>() {
            if let Some(pre_filter) = active.plugin.pre_filter() {
                pre_filter.add_pod(cycle, state, pod, node);
            }
        }
    }

    /// `RunPreFilterExtensionRemovePod`.
    pub fn remove_pod(&self, cycle: &Cycle<'_>, state: &mut CycleState, pod: &Pod, node: &NodeInfo) {
        for active in self.pre_filter.iter().filter(|a| !state.skip_filter.contains(a.info.name)).collect::<Vec<_>>() {
            if let Some(pre_filter) = active.plugin.pre_filter() {
                pre_filter.remove_pod(cycle, state, pod, node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_acts_where_it_says() {
        for (i, info) in PLUGINS.iter().enumerate() {
            assert!(PLUGINS[..i].iter().all(|other| other.name != info.name), "{} is there twice", info.name);
            assert!(!info.summary.is_empty() && !info.points.is_empty(), "{}", info.name);
            let plugin = (info.build)(&Args::default()).unwrap();
            for (point, acts) in [
                (Point::PreFilter, plugin.pre_filter().is_some()),
                (Point::Filter, plugin.filter().is_some()),
                (Point::PostFilter, plugin.post_filter().is_some()),
                (Point::PreScore, plugin.pre_score().is_some()),
                (Point::Score, plugin.score().is_some()),
            ] {
                let says = info.points.contains(&point);
                assert!(acts || !says, "{} says {point:?} and does nothing there", info.name);
                // One type stands for all plugins that skip; the row alone says where they are.
                assert!(says || !acts || !info.modelled, "{} acts at {point:?} and does not say so", info.name);
            }
        }
    }
}
