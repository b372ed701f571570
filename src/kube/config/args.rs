//! Arguments of plugins: read, checked and defaulted as `apis/config/v1/defaults.go` and
//! `apis/config/validation/validation_pluginargs.go` of kube-scheduler v1.36.3 do it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result, unknown_name};
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

/// Reads `pluginConfig`: the arguments as the API shows them (those given first, then those of other enabled plugins
/// by name) and as the plugins use them.
pub(super) fn read_plugin_config(
    at: Option<At<'_>>,
    enabled: &BTreeSet<&'static str>,
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
