//! KubeSchedulerConfiguration v1: one profile, defaulted and merged as kube-scheduler v1.36.3 does it.
//!
//! `apis/config/v1/{defaults,default_plugins}.go`, `apis/config/validation`, and `expandMultiPointPlugins` of
//! `framework/runtime/framework.go`. [`Effective`] is what comes out: plugins by point in the order in which they
//! run, weights, and every plugin's arguments with their defaults.

pub mod args;
mod file;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::kube::framework::{PLUGINS, Point, plugin_info};
use crate::kube::object::read::At;

pub use args::{Args, ResourceSpec, ScoringStrategy, StrategyType};

/// A profile after defaulting and merging.
#[derive(Clone, PartialEq, Debug)]
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

/// Names of the profiles that need no file: kube-scheduler's own, and two that pack where it spreads.
pub const READY_MADE: &[&str] = &["default", "most-allocated", "requested-to-capacity-ratio"];

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

    /// A ready-made profile: one of [`READY_MADE`].
    pub fn ready_made(name: &str) -> Result<Self> {
        let strategy = match name {
            "default" => return Self::default_profile(),
            "most-allocated" => json!({"type": "MostAllocated"}),
            "requested-to-capacity-ratio" => json!({
                "type": "RequestedToCapacityRatio",
                "requestedToCapacityRatio":
                    {"shape": [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]},
            }),
            other => return Err(Error::input(crate::error::unknown_name("profile", other, READY_MADE))),
        };
        Self::read(&json!({"profiles": [{"pluginConfig":
            [{"name": "NodeResourcesFit", "args": {"scoringStrategy": strategy}}]}]}))
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
        let (plugin_config, args) =
            args::read_plugin_config(profile.get("pluginConfig"), &enabled(&sets), &mut warnings)?;
        profile.only(&[])?;
        fields.only(&[
            "kind",
            "metadata",
            "parallelism",
            "leaderElection",
            "clientConnection",
            "healthzBindAddress",
            "metricsBindAddress",
            "enableProfiling",
            "enableContentionProfiling",
            "delayCacheUntilActive",
        ])?;
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
    if let Some(fields) = fields {
        fields.only(&["permit", "postBind"])?;
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
        item.only(&[])?;
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
        let mut item = item.object()?;
        set.disabled.push(item.need("name")?.text()?.to_string());
        item.only(&["weight"])?;
    }
    fields.only(&[])?;
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

/// Every plugin that any list enables.
fn enabled(sets: &Sets) -> BTreeSet<&'static str> {
    sets.values().flat_map(|set| set.enabled.iter().map(|(name, _)| *name)).collect()
}

/// `getValidScoreWeights`: the score list's weight, else multiPoint's; 0 is 1.
fn weight(sets: &Sets, name: &str) -> i64 {
    let lists = [Some(Point::Score), None];
    let found = lists.iter().filter_map(|key| sets.get(key)).flat_map(|s| &s.enabled).find(|(n, _)| *n == name);
    found.map_or(1, |(_, weight)| if *weight == 0 { 1 } else { *weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(plugins: Value) -> Result<Effective> {
        Effective::read(&json!({"profiles": [{"plugins": plugins}]}))
    }

    fn scores(effective: &Effective) -> Vec<(&str, i64)> {
        effective.score.iter().map(|(name, weight)| (*name, *weight)).collect()
    }

    #[test]
    fn a_plugin_listed_at_a_point_moves_to_its_front_and_keeps_its_other_points() {
        let effective = profile(json!({
            "score": {"enabled": [{"name": "ImageLocality", "weight": 7}], "disabled": [{"name": "NodeAffinity"}]}
        }))
        .unwrap();
        assert_eq!(scores(&effective)[..3], [("ImageLocality", 7), ("TaintToleration", 3), ("NodeResourcesFit", 1)]);
        assert!(!scores(&effective).iter().any(|(name, _)| *name == "NodeAffinity"));
        assert!(effective.filter.contains(&"NodeAffinity"));
    }

    #[test]
    fn a_star_clears_and_a_weight_of_nothing_is_one() {
        let effective = profile(json!({
            "multiPoint": {"enabled": [{"name": "NodeResourcesFit"}, {"name": "PrioritySort"}], "disabled": [{"name": "*"}]},
            "score": {"enabled": [{"name": "ImageLocality"}]}
        }))
        .unwrap();
        assert_eq!(effective.filter, ["NodeResourcesFit"]);
        assert_eq!(scores(&effective), [("NodeResourcesFit", 1), ("ImageLocality", 1)]);
        let effective = profile(json!({"score": {"disabled": [{"name": "*"}]}})).unwrap();
        assert!(effective.score.is_empty() && effective.pre_score.len() == 7);
        // Listed again in multiPoint it stays in its place, with the weight given there.
        let effective =
            profile(json!({"multiPoint": {"enabled": [{"name": "TaintToleration", "weight": 9}]}})).unwrap();
        assert_eq!(scores(&effective)[0], ("TaintToleration", 9));
    }

    #[test]
    fn what_kube_scheduler_refuses_is_refused_with_its_place() {
        for (config, want) in [
            (
                json!({"profiles": [{"plugins": {"filter": {"enabled": [{"name": "ImageLocality"}]}}}]}),
                "profiles[0].plugins.filter.enabled[0].name: plugin ImageLocality does not act at this point",
            ),
            (json!({"percentageOfNodesToScore": 101}), "percentageOfNodesToScore: 101 is not within 0…100"),
            (
                json!({"profiles": [{"pluginConfig": [{"name": "NodeResourcesFit", "args":
                    {"scoringStrategy": {"type": "Least"}}}]}]}),
                "profiles[0].pluginConfig[0].args.scoringStrategy.type: unknown scoring strategy \"Least\"; did you mean \
                 \"LeastAllocated\"?",
            ),
            (
                json!({"profiles": [{"pluginConfig": [{"name": "InterPodAffinity", "args": {"hardWeight": 3}}]}]}),
                "profiles[0].pluginConfig[0].args: unknown argument hardWeight",
            ),
            (
                json!({"profiles": [{"plugins": {"score": {"enabled":
                    [{"name": "NodeAffinity"}, {"name": "NodeAffinity"}]}}}]}),
                "plugin NodeAffinity is enabled twice at one point",
            ),
        ] {
            assert_eq!(Effective::read(&config).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn what_is_not_modelled_is_said() {
        let effective = Effective::read(&json!({
            "extenders": [{"urlPrefix": "http://x"}],
            "profiles": [{"plugins": {"score": {"enabled": [{"name": "Coscheduling"}]}}}, {"schedulerName": "b"}]
        }))
        .unwrap();
        assert_eq!(
            effective.warnings,
            [
                "extenders are not modelled",
                "only the first of 2 profiles is used",
                "plugin Coscheduling is not modelled",
            ]
        );
    }
}
