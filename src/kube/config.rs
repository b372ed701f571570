//! KubeSchedulerConfiguration v1: one profile, defaulted and merged as kube-scheduler v1.36.3 does it.
//!
//! `apis/config/v1/{defaults,default_plugins}.go`, `apis/config/validation`, and `expandMultiPointPlugins` of
//! `framework/runtime/framework.go`. [`Effective`] is what comes out: plugins by point in the order in which they
//! run, weights, and every plugin's arguments with their defaults.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::error::{Error, Result, unknown_name};
use crate::kube::framework::{PLUGINS, Point, plugin_info};
use crate::kube::object::affinity::{NodeAffinity, SpreadConstraint};
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::selector::Labels;

/// A resource and its weight in a score.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceSpec {
    /// Name.
    pub name: String,
    /// Weight, 1…100.
    pub weight: i64,
}

/// How NodeResourcesFit scores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StrategyType {
    /// Emptier is better.
    LeastAllocated,
    /// Fuller is better.
    MostAllocated,
    /// By a given shape.
    RequestedToCapacityRatio,
}

/// NodeResourcesFit's scoring strategy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScoringStrategy {
    /// Which.
    pub kind: StrategyType,
    /// Over which resources.
    pub resources: Vec<ResourceSpec>,
    /// Points of the shape: utilisation in percent, score ×10.
    pub shape: Vec<(i64, i64)>,
}

/// The arguments of all plugins, defaults filled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Args {
    /// NodeResourcesFit: resources its filter passes over.
    pub ignored_resources: Vec<String>,
    /// NodeResourcesFit: groups (before the slash) its filter passes over.
    pub ignored_resource_groups: Vec<String>,
    /// NodeResourcesFit: how it scores.
    pub scoring_strategy: ScoringStrategy,
    /// NodeResourcesBalancedAllocation: over which resources.
    pub balanced_resources: Vec<ResourceSpec>,
    /// NodeAffinity: what it adds to every pod.
    pub added_affinity: Option<NodeAffinity>,
    /// PodTopologySpread: whether the system's default constraints hold.
    pub system_defaulting: bool,
    /// PodTopologySpread: default constraints of the configuration.
    pub default_constraints: Vec<SpreadConstraint>,
    /// InterPodAffinity: what a required term of an existing pod scores.
    pub hard_pod_affinity_weight: i32,
    /// InterPodAffinity: pods without preferred terms are not drawn by others'.
    pub ignore_preferred_terms_of_existing_pods: bool,
    /// DefaultPreemption: share of the nodes to try.
    pub min_candidate_nodes_percentage: i32,
    /// DefaultPreemption: number of nodes to try.
    pub min_candidate_nodes_absolute: i32,
}

impl Default for Args {
    fn default() -> Self {
        let both = || vec![spec("cpu"), spec("memory")];
        Args {
            ignored_resources: Vec::new(),
            ignored_resource_groups: Vec::new(),
            scoring_strategy: ScoringStrategy {
                kind: StrategyType::LeastAllocated,
                resources: both(),
                shape: Vec::new(),
            },
            balanced_resources: both(),
            added_affinity: None,
            system_defaulting: true,
            default_constraints: Vec::new(),
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
            min_candidate_nodes_percentage: 10,
            min_candidate_nodes_absolute: 100,
        }
    }
}

fn spec(name: &str) -> ResourceSpec {
    ResourceSpec { name: name.into(), weight: 1 }
}

/// A profile after defaulting and merging.
#[derive(Clone, Debug)]
pub struct Effective {
    /// Name of the scheduler.
    pub scheduler_name: String,
    /// Share of the nodes that is searched; 0 is adaptive.
    pub percentage_of_nodes_to_score: i32,
    /// Plugins at PreEnqueue.
    pub pre_enqueue: Vec<&'static str>,
    /// Plugins at PreFilter.
    pub pre_filter: Vec<&'static str>,
    /// Plugins at Filter.
    pub filter: Vec<&'static str>,
    /// Plugins at PostFilter.
    pub post_filter: Vec<&'static str>,
    /// Plugins at PreScore.
    pub pre_score: Vec<&'static str>,
    /// Plugins at Score with their weights.
    pub score: Vec<(&'static str, i64)>,
    /// Arguments as the API shows them, in kube-scheduler's order.
    pub plugin_config: Vec<(String, Value)>,
    /// Arguments as the plugins use them.
    pub args: Args,
    /// Seconds of the first backoff.
    pub pod_initial_backoff_seconds: i64,
    /// Seconds of the longest backoff.
    pub pod_max_backoff_seconds: i64,
    /// What was written and has no effect here: extenders, other profiles, plugins that are not modelled.
    pub warnings: Vec<String>,
}

/// One list of plugins as written.
#[derive(Clone, Debug, Default)]
struct PluginSet {
    enabled: Vec<(&'static str, i64)>,
    disabled: Vec<String>,
}

impl Effective {
    /// The default profile.
    pub fn default_profile() -> Result<Self> {
        Self::read(&json!({}))
    }

    /// Whether a plugin acts at any point that decides.
    pub fn uses(&self, name: &str) -> bool {
        [&self.pre_filter, &self.filter, &self.post_filter, &self.pre_score].iter().any(|l| l.contains(&name))
            || self.score.iter().any(|(n, _)| *n == name)
    }

    /// The weight of a plugin that scores; 0 for others.
    pub fn weight(&self, name: &str) -> i64 {
        self.score.iter().find(|(n, _)| *n == name).map_or(0, |(_, weight)| *weight)
    }

    /// Reads a KubeSchedulerConfiguration. Without profiles it is the default one; of several the first counts, and
    /// that is said.
    pub fn read(value: &Value) -> Result<Self> {
        let at = At::top(value);
        let mut fields = at.object()?;
        let mut warnings = Vec::new();
        if let Some(version) = fields.text("apiVersion")?
            && !version.starts_with("kubescheduler.config.k8s.io/")
        {
            let message = format!("\"{version}\" is not kubescheduler.config.k8s.io/v1");
            return Err(Error::input(message).in_field("apiVersion"));
        }
        let global = percentage(fields.get("percentageOfNodesToScore"))?;
        let seconds = |at: Option<At<'_>>, default: i64| -> Result<i64> {
            let Some(at) = at else { return Ok(default) };
            match at.integer()? {
                n if n >= 0 => Ok(n),
                n => Err(at.error(format!("{n} is below 0"))),
            }
        };
        let pod_initial_backoff_seconds = seconds(fields.get("podInitialBackoffSeconds"), 1)?;
        let pod_max_backoff_seconds = seconds(fields.get("podMaxBackoffSeconds"), 10)?;
        if let Some(extenders) = fields.get("extenders")
            && !extenders.list()?.is_empty()
        {
            warnings.push("extenders are not modelled".to_string());
        }
        let empty = json!({});
        let profiles = fields.get("profiles").map(|p| p.list()).transpose()?.unwrap_or_default();
        if profiles.len() > 1 {
            warnings.push(format!("only the first of {} profiles is used", profiles.len()));
        }
        let profile = profiles.into_iter().next().unwrap_or(At { value: &empty, path: "profiles[0]".into() });
        let mut profile = profile.object()?;
        let scheduler_name = profile.text("schedulerName")?.unwrap_or("default-scheduler").to_string();
        let own = percentage(profile.get("percentageOfNodesToScore"))?;
        let sets = read_sets(profile.get("plugins"), &mut warnings)?;
        let (plugin_config, args) = read_plugin_config(profile.get("pluginConfig"), &sets, &mut warnings)?;
        let lists = expand(&sets)?;
        let names = |point: Point| lists.get(&point).cloned().unwrap_or_default();
        Ok(Effective {
            scheduler_name,
            percentage_of_nodes_to_score: own.or(global).unwrap_or(0),
            pre_enqueue: names(Point::PreEnqueue),
            pre_filter: names(Point::PreFilter),
            filter: names(Point::Filter),
            post_filter: names(Point::PostFilter),
            pre_score: names(Point::PreScore),
            score: names(Point::Score).into_iter().map(|name| (name, weight(&sets, name))).collect(),
            plugin_config,
            args,
            pod_initial_backoff_seconds,
            pod_max_backoff_seconds,
            warnings,
        })
    }

    /// As the vectors' `expect.effective` shows it.
    pub fn to_json(&self) -> Value {
        json!({
            "percentageOfNodesToScore": self.percentage_of_nodes_to_score,
            "preFilter": self.pre_filter,
            "filter": self.filter,
            "postFilter": self.post_filter,
            "preScore": self.pre_score,
            "score": self.score.iter().map(|(n, w)| json!({"name": n, "weight": w})).collect::<Vec<_>>(),
            "pluginConfig":
                self.plugin_config.iter().map(|(n, a)| json!({"name": n, "args": a})).collect::<Vec<_>>(),
        })
    }
}

fn percentage(at: Option<At<'_>>) -> Result<Option<i32>> {
    let Some(at) = at else { return Ok(None) };
    match at.int32()? {
        p @ 0..=100 => Ok(Some(p)),
        p => Err(at.error(format!("{p} is not within 0…100"))),
    }
}

/// The points as a configuration names them.
const POINT_FIELDS: &[(&str, Option<Point>)] = &[
    ("multiPoint", None),
    ("preEnqueue", Some(Point::PreEnqueue)),
    ("queueSort", Some(Point::QueueSort)),
    ("preFilter", Some(Point::PreFilter)),
    ("filter", Some(Point::Filter)),
    ("postFilter", Some(Point::PostFilter)),
    ("preScore", Some(Point::PreScore)),
    ("score", Some(Point::Score)),
    ("reserve", Some(Point::Reserve)),
    ("preBind", Some(Point::PreBind)),
    ("bind", Some(Point::Bind)),
];

/// The lists of the profile merged into the defaults; key `None` is multiPoint.
type Sets = BTreeMap<Option<Point>, PluginSet>;

fn read_sets(at: Option<At<'_>>, warnings: &mut Vec<String>) -> Result<Sets> {
    let default: Vec<(&'static str, i64)> = PLUGINS.iter().map(|p| (p.name, p.weight.unwrap_or(0))).collect();
    let mut fields = at.map(|at| at.object()).transpose()?;
    let mut sets = Sets::new();
    for (field, point) in POINT_FIELDS {
        let custom = match fields.as_mut().and_then(|f| f.get(field)) {
            Some(at) => read_set(&at, *point, warnings)?,
            None => PluginSet::default(),
        };
        let base = if point.is_none() { default.clone() } else { Vec::new() };
        sets.insert(*point, merge(base, custom));
    }
    Ok(sets)
}

fn read_set(at: &At<'_>, point: Option<Point>, warnings: &mut Vec<String>) -> Result<PluginSet> {
    let mut fields = at.object()?;
    let mut set = PluginSet::default();
    for item in fields.get("enabled").map(|e| e.list()).transpose()?.unwrap_or_default() {
        let mut item = item.object()?;
        let name_at = item.need("name")?;
        let name = name_at.text()?;
        let weight = match item.get("weight") {
            Some(at) => match at.int32()? {
                w if w >= 0 => i64::from(w),
                w => return Err(at.error(format!("{w} is below 0"))),
            },
            None => 0,
        };
        let Some(info) = plugin_info(name) else {
            warnings.push(format!("plugin {name} is not modelled"));
            continue;
        };
        if point.is_some_and(|point| !info.points.contains(&point)) {
            return Err(name_at.error(format!("plugin {name} does not act at this point")));
        }
        set.enabled.push((info.name, weight));
    }
    for item in fields.get("disabled").map(|d| d.list()).transpose()?.unwrap_or_default() {
        set.disabled.push(item.object()?.need("name")?.text()?.to_string());
    }
    Ok(set)
}

/// `mergePluginSet`: a default that the profile lists again is replaced in its place, the others follow.
fn merge(base: Vec<(&'static str, i64)>, custom: PluginSet) -> PluginSet {
    let off = |name: &str| custom.disabled.iter().any(|d| d == name || d == "*");
    let mut replaced = BTreeSet::new();
    let mut enabled = Vec::new();
    for default in base.into_iter().filter(|(name, _)| !off(name)) {
        // The last of several entries wins, as the map in Go has it.
        match custom.enabled.iter().rposition(|(name, _)| *name == default.0) {
            Some(position) => {
                replaced.insert(position);
                enabled.push(custom.enabled[position]);
            }
            None => enabled.push(default),
        }
    }
    let rest = custom.enabled.iter().enumerate().filter(|(i, _)| !replaced.contains(i));
    enabled.extend(rest.map(|(_, plugin)| *plugin));
    PluginSet { enabled, disabled: custom.disabled }
}

/// `expandMultiPointPlugins`: at each point first those of multiPoint that the point lists itself, in the point's
/// order, then the other ones of multiPoint, then what only the point lists.
fn expand(sets: &Sets) -> Result<BTreeMap<Point, Vec<&'static str>>> {
    let multi = sets.get(&None).map(|s| s.enabled.as_slice()).unwrap_or_default();
    let mut lists = BTreeMap::new();
    for (point, set) in sets.iter().filter_map(|(point, set)| Some(((*point)?, set))) {
        let mut own: Vec<&'static str> = Vec::new();
        for (name, _) in &set.enabled {
            if own.contains(name) {
                return Err(Error::input(format!("plugin {name} is enabled twice at one point")));
            }
            own.push(name);
        }
        if set.disabled.iter().any(|d| d == "*") || multi.is_empty() {
            lists.insert(point, own);
            continue;
        }
        let mut overridden = Vec::new();
        let mut from_multi = Vec::new();
        for (name, _) in multi {
            let acts = plugin_info(name).is_some_and(|info| info.points.contains(&point));
            if !acts || set.disabled.iter().any(|d| d == name) {
                continue;
            }
            if own.contains(name) {
                overridden.push(*name);
            } else if from_multi.contains(name) {
                return Err(Error::input(format!("plugin {name} is enabled twice in multiPoint")));
            } else {
                from_multi.push(*name);
            }
        }
        let mut list: Vec<&'static str> = own.iter().copied().filter(|n| overridden.contains(n)).collect();
        list.extend(from_multi);
        list.extend(own.iter().copied().filter(|n| !overridden.contains(n)));
        lists.insert(point, list);
    }
    Ok(lists)
}

/// `getValidScoreWeights`: the score list's weight, else multiPoint's; 0 is 1.
fn weight(sets: &Sets, name: &str) -> i64 {
    let lists = [Some(Point::Score), None];
    let found = lists.iter().filter_map(|key| sets.get(key)).flat_map(|s| &s.enabled).find(|(n, _)| *n == name);
    found.map_or(1, |(_, weight)| if *weight == 0 { 1 } else { *weight })
}

/// Plugins that have arguments, in the order of their names.
const WITH_ARGS: &[&str] = &[
    "DefaultPreemption",
    "DynamicResources",
    "InterPodAffinity",
    "NodeAffinity",
    "NodeResourcesBalancedAllocation",
    "NodeResourcesFit",
    "PodTopologySpread",
    "VolumeBinding",
];

fn read_plugin_config(
    at: Option<At<'_>>,
    sets: &Sets,
    warnings: &mut Vec<String>,
) -> Result<(Vec<(String, Value)>, Args)> {
    let mut args = Args::default();
    let mut list: Vec<(String, Value)> = Vec::new();
    for item in at.map(|at| at.list()).transpose()?.unwrap_or_default() {
        let mut fields = item.object()?;
        let name_at = fields.need("name")?;
        let name = name_at.text()?;
        if list.iter().any(|(n, _)| n == name) {
            return Err(name_at.error(format!("the arguments of {name} are given twice")));
        }
        let own = fields.get("args");
        let empty = json!({});
        let own = own.unwrap_or(At { value: &empty, path: format!("{}.args", item.path) });
        if WITH_ARGS.contains(&name) {
            let value = read_args(name, &own, &mut args)?;
            list.push((name.to_string(), value));
        } else {
            warnings.push(format!("arguments of {name} are not read"));
            list.push((name.to_string(), own.value.clone()));
        }
    }
    let enabled: BTreeSet<&str> = sets.values().flat_map(|s| s.enabled.iter().map(|(n, _)| *n)).collect();
    for name in WITH_ARGS.iter().filter(|name| enabled.contains(*name)) {
        if !list.iter().any(|(n, _)| n == name) {
            let empty = json!({});
            let value = read_args(name, &At { value: &empty, path: String::new() }, &mut args)?;
            list.push((name.to_string(), value));
        }
    }
    Ok((list, args))
}

/// Reads one plugin's arguments into `args` and gives them back with their defaults:
/// `apis/config/v1/defaults.go` and `apis/config/validation/validation_pluginargs.go`.
fn read_args(name: &str, at: &At<'_>, args: &mut Args) -> Result<Value> {
    let mut fields = at.object()?;
    fields.skip(&["apiVersion", "kind"]);
    let mut out = Map::new();
    out.insert("apiVersion".into(), json!("kubescheduler.config.k8s.io/v1"));
    out.insert("kind".into(), json!(format!("{name}Args")));
    let mut put = |key: &str, value: Value| {
        out.insert(key.into(), value);
    };
    match name {
        "NodeResourcesFit" => {
            for (field, target) in [
                ("ignoredResources", &mut args.ignored_resources),
                ("ignoredResourceGroups", &mut args.ignored_resource_groups),
            ] {
                if let Some(at) = fields.get(field) {
                    *target = at.text_list()?;
                    put(field, json!(target));
                }
            }
            let strategy = read_strategy(fields.get("scoringStrategy"))?;
            put("scoringStrategy", strategy_json(&strategy));
            args.scoring_strategy = strategy;
        }
        "NodeResourcesBalancedAllocation" => {
            args.balanced_resources = read_resources(fields.get("resources"), 1)?;
            put("resources", resources_json(&args.balanced_resources));
        }
        "NodeAffinity" => {
            if let Some(added) = fields.get("addedAffinity") {
                args.added_affinity = Some(NodeAffinity::read(&added)?);
                put("addedAffinity", added.value.clone());
            }
        }
        "InterPodAffinity" => {
            args.hard_pod_affinity_weight = bounded(fields.get("hardPodAffinityWeight"), 1, 100)?;
            put("hardPodAffinityWeight", json!(args.hard_pod_affinity_weight));
            let ignore = fields.get("ignorePreferredTermsOfExistingPods");
            args.ignore_preferred_terms_of_existing_pods = ignore.map(|i| i.boolean()).transpose()?.unwrap_or(false);
            put("ignorePreferredTermsOfExistingPods", json!(args.ignore_preferred_terms_of_existing_pods));
        }
        "PodTopologySpread" => read_spread(&mut fields, args, &mut put)?,
        "DefaultPreemption" => {
            args.min_candidate_nodes_percentage = bounded(fields.get("minCandidateNodesPercentage"), 10, 100)?;
            args.min_candidate_nodes_absolute = bounded(fields.get("minCandidateNodesAbsolute"), 100, i32::MAX)?;
            if args.min_candidate_nodes_percentage == 0 && args.min_candidate_nodes_absolute == 0 {
                return Err(at.error("minCandidateNodesPercentage and minCandidateNodesAbsolute cannot both be 0"));
            }
            put("minCandidateNodesPercentage", json!(args.min_candidate_nodes_percentage));
            put("minCandidateNodesAbsolute", json!(args.min_candidate_nodes_absolute));
        }
        "DynamicResources" => {
            put("filterTimeout", fields.get("filterTimeout").map_or(json!("10s"), |a| a.value.clone()));
            put("bindingTimeout", fields.get("bindingTimeout").map_or(json!("10m0s"), |a| a.value.clone()));
        }
        _ => {
            put("bindTimeoutSeconds", fields.get("bindTimeoutSeconds").map_or(json!(600), |a| a.value.clone()));
        }
    }
    let mut unknown = Ignored::default();
    fields.finish(name, &mut unknown);
    if let Some(field) = unknown.0.keys().next() {
        return Err(at.error(format!("unknown argument {}", field.rsplit('.').next().unwrap_or(field))));
    }
    Ok(Value::Object(out))
}

fn bounded(at: Option<At<'_>>, default: i32, max: i32) -> Result<i32> {
    let Some(at) = at else { return Ok(default) };
    let value = at.int32()?;
    if (0..=max).contains(&value) { Ok(value) } else { Err(at.error(format!("{value} is not within 0…{max}"))) }
}

fn read_resources(at: Option<At<'_>>, weight_max: i64) -> Result<Vec<ResourceSpec>> {
    let mut out: Vec<ResourceSpec> = Vec::new();
    for item in at.map(|a| a.list()).transpose()?.unwrap_or_default() {
        let mut fields = item.object()?;
        let name = fields.need("name")?.text()?.to_string();
        let weight_at = fields.get("weight");
        // 0 means 1.
        let weight = match weight_at.as_ref().map(|w| w.integer()).transpose()?.unwrap_or(0) {
            0 => 1,
            weight => weight,
        };
        if !(1..=weight_max).contains(&weight) {
            return Err(item.error(format!("the weight {weight} of {name} is not within 1…{weight_max}")));
        }
        out.push(ResourceSpec { name, weight });
    }
    Ok(if out.is_empty() { vec![spec("cpu"), spec("memory")] } else { out })
}

fn resources_json(resources: &[ResourceSpec]) -> Value {
    resources.iter().map(|r| json!({"name": r.name, "weight": r.weight})).collect()
}

fn read_strategy(at: Option<At<'_>>) -> Result<ScoringStrategy> {
    let Some(at) = at else { return Ok(Args::default().scoring_strategy) };
    let mut fields = at.object()?;
    let type_at = fields.need("type")?;
    let kind = match type_at.text()? {
        "LeastAllocated" => StrategyType::LeastAllocated,
        "MostAllocated" => StrategyType::MostAllocated,
        "RequestedToCapacityRatio" => StrategyType::RequestedToCapacityRatio,
        other => {
            let known = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
            return Err(type_at.error(unknown_name("scoring strategy", other, &known)));
        }
    };
    let resources = read_resources(fields.get("resources"), 100)?;
    let mut shape: Vec<(i64, i64)> = Vec::new();
    if let Some(ratio) = fields.get("requestedToCapacityRatio") {
        for point in ratio.object()?.get("shape").map(|s| s.list()).transpose()?.unwrap_or_default() {
            let mut fields = point.object()?;
            let utilization = i64::from(bounded(fields.get("utilization"), 0, 100)?);
            let score = i64::from(bounded(fields.get("score"), 0, 10)?);
            if shape.last().is_some_and(|(last, _)| *last >= utilization) {
                return Err(point.error("utilizations must rise from point to point"));
            }
            // MaxCustomPriorityScore is 10, MaxNodeScore 100.
            shape.push((utilization, score * 10));
        }
    }
    if kind == StrategyType::RequestedToCapacityRatio && shape.is_empty() {
        return Err(at.error("requestedToCapacityRatio.shape needs at least one point"));
    }
    Ok(ScoringStrategy { kind, resources, shape })
}

fn strategy_json(strategy: &ScoringStrategy) -> Value {
    let kind = match strategy.kind {
        StrategyType::LeastAllocated => "LeastAllocated",
        StrategyType::MostAllocated => "MostAllocated",
        StrategyType::RequestedToCapacityRatio => "RequestedToCapacityRatio",
    };
    let mut value = json!({"type": kind, "resources": resources_json(&strategy.resources)});
    if !strategy.shape.is_empty() {
        let point = |(utilization, score): &(i64, i64)| json!({"utilization": utilization, "score": score / 10});
        value["requestedToCapacityRatio"] = json!({"shape": strategy.shape.iter().map(point).collect::<Vec<_>>()});
    }
    value
}

fn read_spread(
    fields: &mut crate::kube::object::read::Fields<'_>,
    args: &mut Args,
    put: &mut impl FnMut(&str, Value),
) -> Result<()> {
    let type_at = fields.get("defaultingType");
    args.system_defaulting = match type_at.as_ref().map(|t| t.text()).transpose()? {
        None | Some("" | "System") => true,
        Some("List") => false,
        Some(other) => {
            let message = unknown_name("defaulting type", other, &["System", "List"]);
            return Err(Error::input(message).in_field("defaultingType"));
        }
    };
    put("defaultingType", json!(if args.system_defaulting { "System" } else { "List" }));
    if let Some(list) = fields.get("defaultConstraints") {
        if args.system_defaulting && !list.list()?.is_empty() {
            return Err(list.error("defaultConstraints needs defaultingType: List"));
        }
        args.default_constraints.clear();
        for item in list.list()? {
            if item.object()?.get("labelSelector").is_some() {
                return Err(item.error("a default constraint has no labelSelector; it follows from each pod"));
            }
            args.default_constraints.push(SpreadConstraint::read(&item, &Labels::new(), &mut Ignored::default())?);
        }
        if !args.default_constraints.is_empty() {
            put("defaultConstraints", list.value.clone());
        }
    }
    Ok(())
}
