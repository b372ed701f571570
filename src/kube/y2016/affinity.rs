//! Node affinity as it stood in 2016: a JSON text in the annotation `scheduler.alpha.kubernetes.io/affinity`.
//!
//! The scheduler decodes the text anew each time it looks; a text that does not decode is no error there but matches no
//! node. Here it is decoded once. Members are found by their exact names; Go's decoder takes them in any case.

use serde_json::Value;

use crate::kube::object::selector::{self, Labels, Operator};
use crate::kube::y2016::label;

/// The annotation.
pub const ANNOTATION: &str = "scheduler.alpha.kubernetes.io/affinity";

/// What one key is asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Requirement {
    /// In, NotIn, Exists or DoesNotExist: as today.
    Label(selector::Requirement),
    /// The value is a number above this. Go compares float64.
    Above(String, f64),
    /// The value is a number below this.
    Below(String, f64),
}

impl Requirement {
    /// `Requirement.Matches` (`pkg/labels/selector.go` v1.2.4).
    pub fn matches(&self, labels: &Labels) -> bool {
        let number = |key: &String| labels.get(key).and_then(|text| parse_float(text));
        match self {
            Requirement::Label(requirement) => requirement.matches(labels),
            Requirement::Above(key, bound) => number(key).is_some_and(|value| value > *bound),
            Requirement::Below(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }

    /// `NewRequirement` (`pkg/labels/selector.go` v1.2.4); `None` is its error.
    fn new(key: &str, operator: &str, mut values: Vec<String>) -> Option<Self> {
        // Values are a set.
        values.sort();
        values.dedup();
        if !label::is_key(key) || !values.iter().all(|value| label::is_value(value)) {
            return None;
        }
        let labelled = |operator| Some(Requirement::Label(selector::Requirement { key: key.into(), operator }));
        let number = || match values.as_slice() {
            [one] => parse_float(one),
            _ => None,
        };
        match operator {
            "In" if !values.is_empty() => labelled(Operator::In(values)),
            "NotIn" if !values.is_empty() => labelled(Operator::NotIn(values)),
            "Exists" if values.is_empty() => labelled(Operator::Exists),
            "DoesNotExist" if values.is_empty() => labelled(Operator::DoesNotExist),
            "Gt" => number().map(|bound| Requirement::Above(key.into(), bound)),
            "Lt" => number().map(|bound| Requirement::Below(key.into(), bound)),
            _ => None,
        }
    }
}

/// Go's `strconv.ParseFloat(text, 64)` as of Go 1.6: a number out of range is an error there.
fn parse_float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (value.is_finite() || !text.contains(|c: char| c.is_ascii_digit())).then_some(value)
}

/// One term; its requirements are joined by AND.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    /// No requirement at all: `labels.Nothing()`.
    Nothing,
    /// All of these.
    All(Vec<Requirement>),
    /// `NodeSelectorRequirementsAsSelector` fails on it.
    Broken,
}

impl Term {
    /// Whether it is sound and a node with these labels matches it.
    pub fn matches(&self, labels: &Labels) -> bool {
        match self {
            Term::Nothing | Term::Broken => false,
            Term::All(requirements) => requirements.iter().all(|requirement| requirement.matches(labels)),
        }
    }
}

/// The node affinity of a pod.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Affinity {
    /// The text does not decode: no node matches.
    pub unreadable: bool,
    /// Required terms, joined by OR; `None`: every node will do.
    pub required: Option<Vec<Term>>,
    /// Preferred terms and their weights.
    pub preferred: Vec<(i64, Term)>,
}

impl Affinity {
    /// `GetAffinityFromPodAnnotations` (`pkg/api/helpers.go` v1.2.4).
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Affinity::default();
        }
        let decoded = serde_json::from_str(text).ok().and_then(|value| decode(&value));
        decoded.unwrap_or(Affinity { unreadable: true, ..Affinity::default() })
    }

    /// What `PodMatchesNodeLabels` asks of the affinity (`algorithm/predicates/predicates.go` v1.2.4). A broken term
    /// ends the search without a match.
    pub fn matches(&self, labels: &Labels) -> bool {
        if self.unreadable {
            return false;
        }
        let Some(terms) = &self.required else { return true };
        terms.iter().take_while(|term| **term != Term::Broken).any(|term| term.matches(labels))
    }
}

/// A member; Go's decoder passes over nulls.
fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| !value.is_null())
}

/// `None` unless an object may stand here.
fn object(value: &Value) -> Option<()> {
    (value.is_object() || value.is_null()).then_some(())
}

/// A list, empty where there is none; `None` if something else stands there.
fn list(value: Option<&Value>) -> Option<&[Value]> {
    value.map_or(Some(&[]), |value| value.as_array().map(Vec::as_slice))
}

/// A text, empty where there is none; `None` if something else stands there.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value.map_or(Some(""), Value::as_str)
}

fn decode(value: &Value) -> Option<Affinity> {
    object(value)?;
    let mut affinity = Affinity::default();
    let Some(node) = member(value, "nodeAffinity") else { return Some(affinity) };
    object(node)?;
    if let Some(required) = member(node, "requiredDuringSchedulingIgnoredDuringExecution") {
        object(required)?;
        let terms = list(member(required, "nodeSelectorTerms"))?;
        affinity.required = Some(terms.iter().map(|term| decode_term(Some(term))).collect::<Option<_>>()?);
    }
    for item in list(member(node, "preferredDuringSchedulingIgnoredDuringExecution"))? {
        object(item)?;
        let weight = member(item, "weight").map_or(Some(0), Value::as_i64)?;
        affinity.preferred.push((weight, decode_term(member(item, "preference"))?));
    }
    Some(affinity)
}

/// `NodeSelectorRequirementsAsSelector` (`pkg/api/helpers.go` v1.2.4) of a term as decoded.
fn decode_term(value: Option<&Value>) -> Option<Term> {
    let Some(value) = value else { return Some(Term::Nothing) };
    object(value)?;
    let mut requirements = Vec::new();
    let mut broken = false;
    for item in list(member(value, "matchExpressions"))? {
        object(item)?;
        let values = list(member(item, "values"))?;
        let values: Vec<String> =
            values.iter().map(|v| text(Some(v).filter(|v| !v.is_null())).map(String::from)).collect::<Option<_>>()?;
        match Requirement::new(text(member(item, "key"))?, text(member(item, "operator"))?, values) {
            Some(requirement) => requirements.push(requirement),
            None => broken = true,
        }
    }
    Some(match (broken, requirements.is_empty()) {
        (true, _) => Term::Broken,
        (false, true) => Term::Nothing,
        (false, false) => Term::All(requirements),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    /// Affinity with these required terms, each the inside of a `matchExpressions`.
    fn required(terms: &[&str]) -> Affinity {
        let terms: Vec<String> = terms.iter().map(|term| format!("{{\"matchExpressions\": [{term}]}}")).collect();
        let name = "requiredDuringSchedulingIgnoredDuringExecution";
        Affinity::parse(&format!(
            "{{\"nodeAffinity\": {{\"{name}\": {{\"nodeSelectorTerms\": [{}]}}}}}}",
            terms.join(", ")
        ))
    }

    const SIZE_ABOVE_2: &str = r#"{"key": "size", "operator": "Gt", "values": ["2.5"]}"#;
    const SIZE_BELOW_9: &str = r#"{"key": "size", "operator": "Lt", "values": ["9"]}"#;
    const NOT_HDD: &str = r#"{"key": "disk", "operator": "NotIn", "values": ["hdd"]}"#;
    const UNKNOWN: &str = r#"{"key": "disk", "operator": "Like", "values": ["h"]}"#;

    #[test]
    fn numbers_are_compared_as_floats_and_absent_keys_are_not_in() {
        let term = required(&[&[SIZE_ABOVE_2, SIZE_BELOW_9, NOT_HDD].join(", ")]);
        assert!(term.matches(&labels(&[("size", "2.6")])));
        assert!(term.matches(&labels(&[("size", "3"), ("disk", "ssd")])));
        for (size, disk) in
            [("2.5", "ssd"), ("9", "ssd"), ("three", "ssd"), ("NaN", "ssd"), ("1e999", "x"), ("3", "hdd")]
        {
            assert!(!term.matches(&labels(&[("size", size), ("disk", disk)])), "{size} {disk}");
        }
        assert!(!term.matches(&labels(&[("disk", "ssd")])));
    }

    #[test]
    fn a_broken_term_ends_the_search_and_an_empty_one_matches_nothing() {
        let ssd = labels(&[("disk", "ssd")]);
        assert!(required(&[NOT_HDD, UNKNOWN]).matches(&ssd));
        assert!(!required(&[UNKNOWN, NOT_HDD]).matches(&ssd));
        assert!(required(&["", NOT_HDD]).matches(&ssd));
        assert!(!required(&[""]).matches(&ssd));
        assert!(!required(&[]).matches(&ssd));
        for broken in [
            r#"{"key": "size", "operator": "Gt", "values": ["x"]}"#,
            r#"{"key": "size", "operator": "Gt", "values": ["1", "2"]}"#,
            r#"{"key": "size", "operator": "In"}"#,
            r#"{"key": "size", "operator": "Exists", "values": ["1"]}"#,
            r#"{"key": "no key", "operator": "Exists"}"#,
            r#"{"key": "size", "operator": "In", "values": ["a b"]}"#,
        ] {
            assert_eq!(required(&[broken]).required, Some(vec![Term::Broken]), "{broken}");
        }
        // The values are a set: twice the same one is one.
        let twice = required(&[r#"{"key": "size", "operator": "Gt", "values": ["1", "1"]}"#]);
        assert!(twice.matches(&labels(&[("size", "2")])));
    }

    #[test]
    fn what_does_not_decode_matches_no_node() {
        for text in ["{", "[]", "{\"nodeAffinity\": 1}", "{\"nodeAffinity\": {}} x"] {
            assert!(!Affinity::parse(text).matches(&Labels::new()), "{text}");
        }
        for text in ["", "null", "{}", "{\"nodeAffinity\": null}", "{\"podAffinity\": {}}"] {
            assert!(Affinity::parse(text).matches(&Labels::new()), "{text}");
        }
        let weight = r#"{"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1.5}]}}"#;
        assert!(Affinity::parse(weight).unreadable);
    }
}
