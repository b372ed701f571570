//! Node affinity, pod affinity and spread constraints of a pod.

use crate::error::Result;
use crate::kube::object::node::Node;
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::selector::{Labels, NodeTerm, Operator, Requirement, Selector};

/// What a pod asks of its node: `nodeaffinity.RequiredNodeAffinity` and the preferred terms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeAffinity {
    /// `spec.nodeSelector`, if it is written (even empty).
    pub node_selector: Option<Labels>,
    /// Required terms, joined by OR; `None` where there is no required affinity.
    pub required: Option<Vec<NodeTerm>>,
    /// Preferred terms with their weights; `None` where the list is absent or empty.
    pub preferred: Option<Vec<(i64, NodeTerm)>>,
}

impl NodeAffinity {
    /// Whether a node passes `nodeSelector` and the required terms.
    pub fn matches(&self, node: &Node) -> bool {
        let selected = self
            .node_selector
            .as_ref()
            .is_none_or(|labels| labels.iter().all(|(key, value)| node.labels.get(key) == Some(value)));
        selected && self.required.as_ref().is_none_or(|terms| terms.iter().any(|t| t.matches(&node.name, &node.labels)))
    }

    /// What a node's labels lack, by the selector and by the required term that lacks least. Empty where nothing is
    /// lacking, or where no label would help (a term on other names, or one that matches nothing).
    pub fn missing(&self, node: &Node) -> Vec<String> {
        let selector = self.node_selector.iter().flatten();
        let mut out: Vec<String> = selector
            .filter(|(key, value)| node.labels.get(*key) != Some(value))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let terms = self.required.iter().flatten().filter(|term| term.may_match(&node.name));
        if let Some(least) = terms.map(|term| term.missing(&node.labels)).min_by_key(Vec::len) {
            out.extend(least);
        }
        out
    }

    /// The weights of the preferred terms that match: `PreferredSchedulingTerms.Score`.
    pub fn preference(&self, node: &Node) -> i64 {
        let terms = self.preferred.as_deref().unwrap_or_default();
        terms.iter().filter(|(_, term)| term.matches(&node.name, &node.labels)).map(|(weight, _)| weight).sum()
    }

    /// Reads `{requiredDuringScheduling…, preferredDuringScheduling…}` of a pod or of `addedAffinity`.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let mut affinity = NodeAffinity::default();
        if let Some(required) = fields.get("requiredDuringSchedulingIgnoredDuringExecution") {
            let mut terms = Vec::new();
            let list = required.object()?.need("nodeSelectorTerms")?;
            for term in list.list()? {
                terms.push(NodeTerm::read(&term)?);
            }
            if terms.is_empty() {
                return Err(list.error("empty; at least one term is required"));
            }
            affinity.required = Some(terms);
        }
        if let Some(list) = fields.get("preferredDuringSchedulingIgnoredDuringExecution") {
            let mut terms = Vec::new();
            for item in list.list()? {
                let mut fields = item.object()?;
                let weight = weight(&fields.need("weight")?)?;
                terms.push((weight, NodeTerm::read(&fields.need("preference")?)?));
            }
            affinity.preferred = Some(terms).filter(|terms| !terms.is_empty());
        }
        Ok(affinity)
    }
}

/// Which namespaces a term looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TermNamespaces {
    /// By name.
    pub names: Vec<String>,
    /// And those whose labels it selects; [`Selector::Nothing`] where absent.
    pub selector: Selector,
}

/// A term of pod affinity or anti-affinity: `framework.AffinityTerm` (v1.36.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AffinityTerm {
    /// Namespaces.
    pub namespaces: TermNamespaces,
    /// Labels of the pods meant.
    pub selector: Selector,
    /// The node label that spans the domain.
    pub topology_key: String,
}

impl AffinityTerm {
    /// `AffinityTerm.Matches`: `namespace_labels` are those of the pod's namespace, or `None` where the selector
    /// has been resolved to names before.
    pub fn matches(&self, namespace: &str, labels: &Labels, namespace_labels: Option<&Labels>) -> bool {
        static EMPTY: Labels = Labels::new();
        let named = self.namespaces.names.iter().any(|name| name == namespace);
        (named || self.namespaces.selector.matches(namespace_labels.unwrap_or(&EMPTY))) && self.selector.matches(labels)
    }

    fn read(at: &At<'_>, namespace: &str, pod_labels: &Labels, ignored: &mut Ignored) -> Result<Self> {
        let mut fields = at.object()?;
        let topology_key = fields.need("topologyKey")?.text()?.to_string();
        let selector_at = fields.get("labelSelector");
        let mut selector = match &selector_at {
            Some(at) => Selector::read(at)?,
            None => Selector::Nothing,
        };
        // The API server writes these into the selector at creation (applyMatchLabelKeysAndMismatchLabelKeys),
        // for keys the pod has, and not where there is no selector.
        for (field, equal) in [("matchLabelKeys", true), ("mismatchLabelKeys", false)] {
            if let Some(keys) = fields.get(field) {
                for key in keys.text_list()? {
                    if let Some(value) = pod_labels.get(&key) {
                        let values = vec![value.clone()];
                        let operator = if equal { Operator::In(values) } else { Operator::NotIn(values) };
                        selector.add([Requirement { key, operator }]);
                    }
                }
            }
        }
        let mut names = fields.get("namespaces").map(|n| n.text_list()).transpose()?.unwrap_or_default();
        let namespace_selector = fields.get("namespaceSelector").map(|s| Selector::read(&s)).transpose()?;
        if names.is_empty() && namespace_selector.is_none() {
            names.push(namespace.to_string());
        }
        fields.finish("Pod", ignored);
        let selector_of_namespaces = namespace_selector.unwrap_or(Selector::Nothing);
        let namespaces = TermNamespaces { names, selector: selector_of_namespaces };
        Ok(AffinityTerm { namespaces, selector, topology_key })
    }
}

/// The weight of a preferred term, within what the API takes.
fn weight(at: &At<'_>) -> Result<i64> {
    match at.int32()? {
        weight @ 1..=100 => Ok(i64::from(weight)),
        other => Err(at.error(format!("{other} is not within 1…100"))),
    }
}

/// The terms of `podAffinity` or `podAntiAffinity`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodAffinity {
    /// Required terms.
    pub required: Vec<AffinityTerm>,
    /// Preferred terms with their weights.
    pub preferred: Vec<(i64, AffinityTerm)>,
}

impl PodAffinity {
    /// Whether there is no term.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty() && self.preferred.is_empty()
    }

    /// Reads the terms of a pod in `namespace` with `labels`.
    pub fn read(at: &At<'_>, namespace: &str, labels: &Labels, ignored: &mut Ignored) -> Result<Self> {
        let mut fields = at.object()?;
        let mut affinity = PodAffinity::default();
        if let Some(list) = fields.get("requiredDuringSchedulingIgnoredDuringExecution") {
            for term in list.list()? {
                affinity.required.push(AffinityTerm::read(&term, namespace, labels, ignored)?);
            }
        }
        if let Some(list) = fields.get("preferredDuringSchedulingIgnoredDuringExecution") {
            for item in list.list()? {
                let mut fields = item.object()?;
                let weight = weight(&fields.need("weight")?)?;
                let term = AffinityTerm::read(&fields.need("podAffinityTerm")?, namespace, labels, ignored)?;
                affinity.preferred.push((weight, term));
            }
        }
        Ok(affinity)
    }
}

/// What a spread constraint does when it cannot be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenUnsatisfiable {
    /// A filter.
    DoNotSchedule,
    /// A score.
    ScheduleAnyway,
}

/// A topology spread constraint: `podtopologyspread.topologySpreadConstraint` (v1.36.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpreadConstraint {
    /// How uneven it may be.
    pub max_skew: i32,
    /// The node label that spans the domains.
    pub topology_key: String,
    /// Filter or score.
    pub when_unsatisfiable: WhenUnsatisfiable,
    /// Pods counted.
    pub selector: Selector,
    /// With fewer domains the least count is taken as 0.
    pub min_domains: i32,
    /// Nodes that the pod's node affinity excludes are not counted.
    pub honor_node_affinity: bool,
    /// Nodes whose taints the pod does not tolerate are not counted.
    pub honor_node_taints: bool,
}

impl SpreadConstraint {
    /// A constraint with the defaults of the API.
    pub fn new(topology_key: &str, max_skew: i32, when_unsatisfiable: WhenUnsatisfiable) -> Self {
        SpreadConstraint {
            max_skew,
            topology_key: topology_key.to_string(),
            when_unsatisfiable,
            selector: Selector::Nothing,
            min_domains: 1,
            honor_node_affinity: true,
            honor_node_taints: false,
        }
    }

    /// Reads a constraint of a pod with `labels`.
    pub fn read(at: &At<'_>, labels: &Labels, ignored: &mut Ignored) -> Result<Self> {
        let mut fields = at.object()?;
        let skew_at = fields.need("maxSkew")?;
        let max_skew = skew_at.int32()?;
        if max_skew <= 0 {
            return Err(skew_at.error(format!("{max_skew} is not above 0")));
        }
        let key_at = fields.need("topologyKey")?;
        if key_at.text()?.is_empty() {
            return Err(key_at.error("empty; a node label is required"));
        }
        let when_at = fields.need("whenUnsatisfiable")?;
        let when = match when_at.text()? {
            "DoNotSchedule" => WhenUnsatisfiable::DoNotSchedule,
            "ScheduleAnyway" => WhenUnsatisfiable::ScheduleAnyway,
            other => {
                let known = ["DoNotSchedule", "ScheduleAnyway"];
                return Err(when_at.error(crate::error::unknown_name("value", other, &known)));
            }
        };
        let mut constraint = SpreadConstraint::new(key_at.text()?, max_skew, when);
        if let Some(selector) = fields.get("labelSelector") {
            constraint.selector = Selector::read(&selector)?;
        }
        if let Some(keys) = fields.get("matchLabelKeys") {
            for key in keys.text_list()? {
                if let Some(value) = labels.get(&key) {
                    constraint.selector.add([Requirement { key, operator: Operator::In(vec![value.clone()]) }]);
                }
            }
        }
        if let Some(at) = fields.get("minDomains") {
            constraint.min_domains = at.int32()?;
            if constraint.min_domains <= 0 {
                return Err(at.error(format!("{} is not above 0", constraint.min_domains)));
            }
            if when == WhenUnsatisfiable::ScheduleAnyway {
                return Err(at.error("it goes with whenUnsatisfiable: DoNotSchedule only"));
            }
        }
        for (field, target) in [
            ("nodeAffinityPolicy", &mut constraint.honor_node_affinity),
            ("nodeTaintsPolicy", &mut constraint.honor_node_taints),
        ] {
            if let Some(at) = fields.get(field) {
                *target = match at.text()? {
                    "Honor" => true,
                    "Ignore" => false,
                    other => {
                        return Err(at.error(crate::error::unknown_name("policy", other, &["Honor", "Ignore"])));
                    }
                };
            }
        }
        fields.finish("Pod", ignored);
        Ok(constraint)
    }
}
