//! What runs: names of orchestrators and placements, and variants with their own options.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Budgets;
use super::manifest;
use super::text::{At, RequestText, Switch, Words};
use crate::discovery::{DISCOVERIES, discovery};
use crate::error::{Error, Result, unknown_name};
use crate::kube::config::Effective;
use crate::kube::y2016::Version;
use crate::orchestrator::{Enforcement, ORCHESTRATORS, Options, Scores, StoreOn, TieBreak, orchestrator, version_2016};
use crate::placement::{PLACEMENTS, placement};

/// An entry of `orchestrators:`.
#[derive(Clone, PartialEq, Debug)]
pub enum OrchestratorEntry {
    /// An orchestrator with its defaults; or a placement, short for `direct` with it.
    Name(String),
    /// A variant.
    Variant(Box<OrchestratorSection>),
}

/// A variant of an orchestrator. What is left out is as the orchestrator has it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrchestratorSection {
    /// Name of the run, unique.
    pub name: At<String>,
    /// Row of the orchestrators table, or of the placements table (short for `direct` with it); default the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orchestrator: Option<At<String>>,
    /// Row of the placements table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<At<String>>,
    /// Whether a job is killed at its own memory limit: `none` or `limits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcement: Option<Enforcement>,
    /// How apps find each other: row of the discoveries table. Counts where the scenario has a `platform`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<At<String>>,
    /// Where the members of the store live: `nowhere`, `hosts`, `dedicated`. Counts where the scenario has an `etcd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreOn>,
    /// Node-pressure eviction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction: Option<Switch>,
    /// CPU quotas from limits (only with `enforcement: limits`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<At<Switch>>,
    /// How equal hosts are told apart: `first`, `heap` (`kubernetes` with a `kube-…` placement only), `random`, or
    /// `round-robin` (`kubernetes-2016`'s own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_break: Option<At<TieBreak>>,
    /// What requests are read as: `as-written`, `absent`, or a factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestText>,
    /// A file with a KubeSchedulerConfiguration (`kubernetes` with a `kube-…` placement only), relative to the scenario's
    /// folder; default the one among the manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler_config: Option<At<String>>,
    /// Parameters of the orchestrator and of its discovery.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, At<Words>>,
}

impl<'de> Deserialize<'de> for OrchestratorEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OrchestratorEntry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an orchestrator, or {name: …, orchestrator: …}")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> std::result::Result<OrchestratorEntry, E> {
                Ok(OrchestratorEntry::Name(name.into()))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<OrchestratorEntry, A::Error> {
                let section = OrchestratorSection::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(OrchestratorEntry::Variant(Box::new(section)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Serialize for OrchestratorEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            OrchestratorEntry::Name(name) => serializer.serialize_str(name),
            OrchestratorEntry::Variant(section) => section.serialize(serializer),
        }
    }
}

impl JsonSchema for OrchestratorEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OrchestratorEntry".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let section = generator.subschema_for::<OrchestratorSection>();
        json_schema!({ "anyOf": [{ "type": "string", "enum": known_names() }, section] })
    }
}

/// Orchestrators, then placements.
fn known_names() -> Vec<&'static str> {
    ORCHESTRATORS.iter().map(|o| o.name).chain(PLACEMENTS.iter().map(|p| p.name)).collect()
}

/// The defaults of the orchestrator of that name; a placement's name is short for `direct` with it.
pub fn options_of(name: &str) -> Result<Options> {
    if let Some(info) = orchestrator(name) {
        return Ok(Options::of(info));
    }
    match placement(name) {
        Some(info) => {
            let direct = orchestrator("direct").expect("direct is a row of the orchestrators table");
            Ok(Options { name: name.into(), placement: info.name, ..Options::of(direct) })
        }
        None => Err(Error::input(unknown_name("orchestrator", name, &known_names()))),
    }
}

/// Whether the run's placement is kube-scheduler, so that a configuration of it counts.
fn configurable(options: &Options) -> bool {
    options.orchestrator == "kubernetes" && placement(options.placement).is_some_and(|p| p.kube_profile.is_some())
}

/// Options of every run. `configuration` is for runs without one of their own; what configurations say that has no effect
/// goes into `notes`.
pub(super) fn resolve(
    entries: &[At<OrchestratorEntry>],
    folder: &Path,
    budgets: &Budgets,
    configuration: Option<&Arc<Effective>>,
    notes: &mut Vec<String>,
) -> Result<Vec<Options>> {
    if entries.is_empty() {
        return Err(Error::input("no orchestrators; name at least one (chef, fleet, kubernetes)"));
    }
    let mut runs = Vec::with_capacity(entries.len());
    let mut names = BTreeSet::new();
    for entry in entries {
        let mut options = one(entry).map_err(|why| entry.place(why))?;
        options.scheduler = scheduler(entry, &options, folder, budgets)?;
        if options.scheduler.is_none() && configurable(&options) {
            options.scheduler = configuration.cloned();
        }
        if !names.insert(options.name.clone()) {
            return Err(entry.refuse(format!("two runs are named \"{}\"; give one another name", options.name)));
        }
        runs.push(options);
    }
    if configuration.is_some() && !runs.iter().any(configurable) {
        notes.push("the KubeSchedulerConfiguration is used by no run; kubernetes with a kube-… placement would".into());
    }
    let mut said = BTreeSet::new();
    for run in &runs {
        for warning in run.scheduler.iter().flat_map(|effective| &effective.warnings) {
            if said.insert(warning) {
                notes.push(format!("scheduler configuration of {}: {warning}", run.name));
            }
        }
    }
    Ok(runs)
}

/// The configuration that the entry names for itself.
fn scheduler(
    entry: &OrchestratorEntry,
    options: &Options,
    folder: &Path,
    budgets: &Budgets,
) -> Result<Option<Arc<Effective>>> {
    let OrchestratorEntry::Variant(section) = entry else { return Ok(None) };
    let Some(path) = &section.scheduler_config else { return Ok(None) };
    if !configurable(options) {
        let what = "scheduler_config needs orchestrator: kubernetes and a kube-… placement";
        return Err(path.refuse(what));
    }
    manifest::read_configuration(path, folder, budgets).map(|effective| Some(Arc::new(effective)))
}

fn one(entry: &OrchestratorEntry) -> Result<Options> {
    let section = match entry {
        OrchestratorEntry::Name(name) => return options_of(name),
        OrchestratorEntry::Variant(section) => section,
    };
    // Names become file names and columns.
    let name = &section.name;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(name.refuse(format!("\"{}\" cannot name a run (letters, digits, - _ . will do)", **name)));
    }
    let base = section.orchestrator.as_ref().unwrap_or(name);
    let mut options = options_of(base).map_err(|why| {
        let hint = if section.orchestrator.is_none() { " (say orchestrator: beside a name of your own)" } else { "" };
        base.place(Error::input(format!("{}{hint}", why.message())))
    })?;
    options.name = (**name).clone();
    if let Some(wanted) = &section.placement {
        let names: Vec<&str> = PLACEMENTS.iter().map(|p| p.name).collect();
        options.placement =
            placement(wanted).ok_or_else(|| wanted.refuse(unknown_name("placement", wanted, &names)))?.name;
    }
    if let Some(enforcement) = section.enforcement {
        options.enforcement = enforcement;
    }
    // A quota comes from an enforced limit; without enforcement there is none.
    options.cpu_quota &= options.enforcement == Enforcement::Limits;
    if let Some(quota) = &section.cpu_quota {
        if quota.0 && options.enforcement == Enforcement::None {
            return Err(quota.refuse("cpu_quota: on needs enforcement: limits"));
        }
        options.cpu_quota = quota.0;
    }
    options.eviction = section.eviction.map_or(options.eviction, |on| on.0);
    let in_turn = options.orchestrator == "kubernetes-2016" && options.placement == "kube-least-requested";
    if !in_turn && options.tie_break == TieBreak::RoundRobin {
        options.tie_break = TieBreak::First;
    }
    if let Some(rule) = &section.tie_break {
        if (**rule == TieBreak::RoundRobin) != in_turn {
            return Err(rule.refuse(if in_turn {
                "kubernetes-2016 takes equals in turn; only tie_break: round-robin will do (another placement leaves the choice)"
            } else {
                "tie_break: round-robin needs orchestrator: kubernetes-2016 with its own placement"
            }));
        }
        if **rule == TieBreak::Heap && !configurable(&options) {
            return Err(rule.refuse("tie_break: heap needs orchestrator: kubernetes and a kube-… placement"));
        }
        options.tie_break = **rule;
    }
    if let Some(wanted) = &section.discovery {
        let names: Vec<&str> = DISCOVERIES.iter().map(|d| d.name).collect();
        options.discovery =
            discovery(wanted).ok_or_else(|| wanted.refuse(unknown_name("discovery", wanted, &names)))?.name;
    }
    options.store = section.store.unwrap_or(options.store);
    options.requests = section.requests.map_or(options.requests, |rule| rule.0);
    let info = orchestrator(options.orchestrator).expect("options name a row");
    for (key, value) in &section.parameters {
        let Some(parameter) = info.parameter(options.discovery, key) else {
            let of_discovery = discovery(options.discovery).map_or(&[][..], |d| d.parameters);
            let names: Vec<&str> = info.parameters.iter().chain(of_discovery).map(|p| p.name).collect();
            let what = format!("parameter of {}", info.name);
            return Err(value.refuse(match names.as_slice() {
                [] => format!("unknown {what} \"{key}\"; it has none"),
                names => unknown_name(&what, key, names),
            }));
        };
        let parsed = parameter.parse(&value.0).map_err(|why| value.place(why.in_field(key.clone())))?;
        options.parameters.insert(parameter.name, parsed);
    }
    if options.eviction && info.scores == Scores::Kube2016 && version_2016(&options) == Version::V1_2_4 {
        return Err(section.name.refuse(
            "eviction: on needs parameters: {version: 1.3.0}; the kubelet of v1.2.4 does not evict under pressure",
        ));
    }
    Ok(options)
}

/// `options`, made from `entry`, with nothing left to a default, as an entry that gives the same options.
pub(super) fn written(options: &Options, entry: &OrchestratorEntry) -> OrchestratorEntry {
    let scheduler_config = match entry {
        OrchestratorEntry::Variant(section) => section.scheduler_config.clone(),
        OrchestratorEntry::Name(_) => None,
    };
    OrchestratorEntry::Variant(Box::new(OrchestratorSection {
        name: options.name.clone().into(),
        orchestrator: Some(options.orchestrator.to_string().into()),
        placement: Some(options.placement.to_string().into()),
        enforcement: Some(options.enforcement),
        discovery: Some(options.discovery.to_string().into()),
        store: Some(options.store),
        eviction: Some(Switch(options.eviction)),
        cpu_quota: Some(Switch(options.cpu_quota).into()),
        tie_break: Some(options.tie_break.into()),
        requests: Some(RequestText(options.requests)),
        scheduler_config,
        parameters: options
            .parameters
            .iter()
            .map(|(key, value)| ((*key).to_string(), Words(value.to_string()).into()))
            .collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_is_short_for_direct_and_keeps_its_name() {
        let options = options_of("best-fit").unwrap();
        assert_eq!(
            (options.name.as_str(), options.orchestrator, options.placement),
            ("best-fit", "direct", "best-fit")
        );
    }

    #[test]
    fn every_row_written_out_gives_the_same_options() {
        for name in known_names() {
            let options = options_of(name).unwrap();
            let entry = written(&options, &OrchestratorEntry::Name(name.into())).into();
            let again = resolve(&[entry], Path::new(""), &Budgets::default(), None, &mut Vec::new());
            assert_eq!(again.unwrap(), [options]);
        }
    }

    /// What an entry of `kubernetes-2016` with this in it comes to.
    fn of_2016(change: fn(&mut OrchestratorSection)) -> Result<Options> {
        let mut section =
            OrchestratorSection { name: "kubernetes-2016".to_string().into(), ..OrchestratorSection::default() };
        change(&mut section);
        one(&OrchestratorEntry::Variant(Box::new(section)))
    }

    #[test]
    fn the_kubelet_of_1_2_does_not_evict_and_that_of_1_3_does_if_asked() {
        let evicts = of_2016(|s| s.eviction = Some(Switch(true)));
        assert!(evicts.unwrap_err().to_string().contains("version: 1.3.0"));
        let later = of_2016(|s| {
            s.eviction = Some(Switch(true));
            s.parameters.insert("version".into(), Words("1.3.0".into()).into());
        });
        assert!(later.unwrap().eviction && !of_2016(|_| {}).unwrap().eviction);
    }

    #[test]
    fn equals_go_in_turn_in_2016_and_nowhere_else() {
        assert_eq!(of_2016(|_| {}).unwrap().tie_break, TieBreak::RoundRobin);
        for rule in [TieBreak::First, TieBreak::Random, TieBreak::Heap] {
            let section = OrchestratorSection {
                name: "kubernetes-2016".to_string().into(),
                tie_break: Some(rule.into()),
                ..OrchestratorSection::default()
            };
            let error = one(&OrchestratorEntry::Variant(Box::new(section))).unwrap_err();
            assert!(error.to_string().contains("only tie_break: round-robin"), "{error}");
        }
        let other = of_2016(|s| s.placement = Some("worst-fit".to_string().into()));
        assert_eq!(other.unwrap().tie_break, TieBreak::First);
        let today = of_2016(|s| {
            s.orchestrator = Some("kubernetes".to_string().into());
            s.tie_break = Some(TieBreak::RoundRobin.into());
        });
        assert!(today.unwrap_err().to_string().contains("needs orchestrator: kubernetes-2016"));
    }

    #[test]
    fn enforcement_none_takes_the_quota_with_it() {
        let section = OrchestratorSection {
            name: "kubernetes-no-limits".to_string().into(),
            orchestrator: Some("kubernetes".to_string().into()),
            enforcement: Some(Enforcement::None),
            ..OrchestratorSection::default()
        };
        let options = one(&OrchestratorEntry::Variant(Box::new(section))).unwrap();
        assert!(!options.cpu_quota && options.eviction);
    }
}
