//! Label selectors and node selector terms, parsed once and matched often.
//!
//! `apimachinery` v0.36.3 `labels.Selector`, `metav1.LabelSelectorAsSelector`; `component-helpers` v0.36.3
//! `nodeaffinity.LazyErrorNodeSelector`.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::kube::object::read::At;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What a requirement asks of one key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Operator {
    /// The value is one of these.
    In(Vec<String>),
    /// The key is absent, or its value is none of these.
    NotIn(Vec<String>),
    /// The key is there.
    Exists,
    /// The key is absent.
    DoesNotExist,
    /// The value is an integer above this (node selectors only).
    Gt(i64),
    /// The value is an integer below this (node selectors only).
    Lt(i64),
}

/// One key and what is asked of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// What is asked.
    pub operator: Operator,
}

impl Requirement {
    /// `labels.Requirement.Matches`.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::In(values) => value.is_some_and(|v| values.contains(v)),
            Operator::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt(bound) => value.and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v > *bound),
            Operator::Lt(bound) => value.and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v < *bound),
        }
    }
}

impl std::fmt::Display for Requirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = &self.key;
        match &self.operator {
            Operator::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0]),
            Operator::In(values) => write!(f, "{key} in ({})", values.join(", ")),
            Operator::NotIn(values) => write!(f, "{key} not in ({})", values.join(", ")),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "no {key}"),
            Operator::Gt(bound) => write!(f, "{key} above {bound}"),
            Operator::Lt(bound) => write!(f, "{key} below {bound}"),
        }
    }
}

/// A label selector; an absent one matches nothing, an empty one everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selector {
    /// `labels.Nothing()`: what an absent selector becomes.
    Nothing,
    /// All of these.
    All(Vec<Requirement>),
}

impl Selector {
    /// The selector that matches everything.
    pub fn everything() -> Self {
        Selector::All(Vec::new())
    }

    /// Each label as `key In [value]`.
    pub fn of_labels(labels: &Labels) -> Self {
        Selector::All(
            labels
                .iter()
                .map(|(key, value)| Requirement { key: key.clone(), operator: Operator::In(vec![value.clone()]) })
                .collect(),
        )
    }

    /// Whether it selects everything because it asks nothing: `Selector.Empty`. `Nothing` is not empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Selector::All(requirements) if requirements.is_empty())
    }

    /// Whether it selects these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        match self {
            Selector::Nothing => false,
            Selector::All(requirements) => requirements.iter().all(|r| r.matches(labels)),
        }
    }

    /// Adds requirements; `Nothing` stays nothing.
    pub fn add(&mut self, more: impl IntoIterator<Item = Requirement>) {
        if let Selector::All(requirements) = self {
            requirements.extend(more);
        }
    }

    /// Reads `{matchLabels, matchExpressions}`: `metav1.LabelSelectorAsSelector`.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let mut selector = match fields.get("matchLabels") {
            Some(labels) => Selector::of_labels(&labels.texts()?),
            None => Selector::everything(),
        };
        if let Some(list) = fields.get("matchExpressions") {
            for item in list.list()? {
                selector.add([read_requirement(&item, false)?]);
            }
        }
        Ok(selector)
    }
}

/// One term of a node selector; requirements are joined by AND.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeTerm {
    /// Labels asked for.
    pub expressions: Vec<Requirement>,
    /// Names that `matchFields` with operator In lists, one set a requirement: what PreFilter looks at.
    pub names: Vec<Vec<String>>,
    /// `matchFields` as compiled: `(equal, name)`.
    fields: Vec<(bool, String)>,
    /// A term that the real one cannot parse matches nothing.
    broken: bool,
    /// A term without anything in it matches nothing.
    empty: bool,
}

impl NodeTerm {
    /// The term that only the node of this name matches.
    pub fn named(name: &str) -> Self {
        NodeTerm {
            expressions: Vec::new(),
            names: vec![vec![name.to_string()]],
            fields: vec![(true, name.to_string())],
            broken: false,
            empty: false,
        }
    }

    /// The term that asks for these labels, at least one.
    pub fn of_labels(expressions: Vec<Requirement>) -> Self {
        let empty = expressions.is_empty();
        NodeTerm { expressions, names: Vec::new(), fields: Vec::new(), broken: false, empty }
    }

    /// Whether it looks at a node's name.
    pub fn reads_name(&self) -> bool {
        !(self.fields.is_empty() && self.names.is_empty())
    }

    /// What `matchFields` says, in an order that reads back the same: whether the name is to be equal, and the names. And
    /// whether the term is one that the real one cannot parse.
    pub(super) fn match_fields(&self) -> (Vec<(bool, Vec<String>)>, bool) {
        let mut names = self.names.iter();
        let mut said = Vec::new();
        for (equal, name) in &self.fields {
            if *equal {
                // Those of several names stand in `names` only.
                for names in names.by_ref() {
                    said.push((true, names.clone()));
                    if names.len() == 1 {
                        break;
                    }
                }
            } else {
                said.push((false, vec![name.clone()]));
            }
        }
        said.extend(names.map(|names| (true, names.clone())));
        (said, self.broken)
    }

    /// `nodeSelectorTerm.match`.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        !self.empty
            && !self.broken
            && self.expressions.iter().all(|r| r.matches(labels))
            && self.fields.iter().all(|(equal, wanted)| (wanted == name) == *equal)
    }

    /// Whether labels alone could make a node of this name match.
    pub fn may_match(&self, name: &str) -> bool {
        !self.empty && !self.broken && self.fields.iter().all(|(equal, wanted)| (wanted == name) == *equal)
    }

    /// The requirements that these labels do not meet.
    pub fn missing(&self, labels: &Labels) -> Vec<String> {
        self.expressions.iter().filter(|r| !r.matches(labels)).map(Requirement::to_string).collect()
    }

    /// Reads `{matchExpressions, matchFields}`.
    pub fn read(at: &At<'_>) -> Result<Self> {
        let mut fields = at.object()?;
        let mut term =
            NodeTerm { expressions: Vec::new(), names: Vec::new(), fields: Vec::new(), broken: false, empty: false };
        let mut any = false;
        if let Some(list) = fields.get("matchExpressions") {
            for item in list.list()? {
                any = true;
                if is_broken_number(&item)? {
                    term.broken = true;
                } else {
                    term.expressions.push(read_requirement(&item, true)?);
                }
            }
        }
        if let Some(list) = fields.get("matchFields") {
            for item in list.list()? {
                any = true;
                term.read_field(&item)?;
            }
        }
        term.empty = !any;
        Ok(term)
    }

    fn read_field(&mut self, at: &At<'_>) -> Result<()> {
        let mut fields = at.object()?;
        let key_at = fields.need("key")?;
        let key = key_at.text()?;
        if key != "metadata.name" {
            return Err(key_at.error(format!("\"{key}\" cannot be matched; matchFields knows only metadata.name")));
        }
        let operator = fields.need("operator")?;
        let values = fields.get("values").map(|v| v.text_list()).transpose()?.unwrap_or_default();
        let equal = match operator.text()? {
            "In" => true,
            "NotIn" => false,
            other => return Err(operator.error(format!("unknown operator \"{other}\"; matchFields takes In or NotIn"))),
        };
        // Several values are a parse error of the term, which then does not match; PreFilter still reads them.
        match values.as_slice() {
            [one] => self.fields.push((equal, one.clone())),
            _ => self.broken = true,
        }
        if equal {
            self.names.push(values);
        }
        Ok(())
    }
}

/// A Gt or Lt whose value is no 64-bit integer: the API takes it, the scheduler's parser does not.
fn is_broken_number(at: &At<'_>) -> Result<bool> {
    let mut fields = at.object()?;
    let gt_or_lt = matches!(fields.text("operator")?, Some("Gt" | "Lt"));
    let values = fields.get("values").map(|v| v.text_list()).transpose()?.unwrap_or_default();
    Ok(gt_or_lt && values.len() == 1 && values[0].parse::<i64>().is_err())
}

/// Reads `{key, operator, values}`.
fn read_requirement(at: &At<'_>, node: bool) -> Result<Requirement> {
    let mut fields = at.object()?;
    let key_at = fields.need("key")?;
    let key = key_at.text()?.to_string();
    if key.is_empty() {
        return Err(key_at.error("empty; a label key is required"));
    }
    let operator_at = fields.need("operator")?;
    let values_at = fields.get("values");
    let values = values_at.as_ref().map(|v| v.text_list()).transpose()?.unwrap_or_default();
    let none = |operator: Operator| {
        if values.is_empty() {
            Ok(operator)
        } else {
            Err(at.error("values must be absent with the operators Exists and DoesNotExist"))
        }
    };
    let some = |values: Vec<String>| {
        if values.is_empty() {
            Err(at.error("values must not be empty with the operators In and NotIn"))
        } else {
            Ok(values)
        }
    };
    let number = || match values.as_slice() {
        [one] => one.parse::<i64>().map_err(|_| at.error(format!("\"{one}\" is not an integer"))),
        _ => Err(at.error("the operators Gt and Lt take exactly one value")),
    };
    let operator = match operator_at.text()? {
        "In" => Operator::In(some(values.clone())?),
        "NotIn" => Operator::NotIn(some(values.clone())?),
        "Exists" => none(Operator::Exists)?,
        "DoesNotExist" => none(Operator::DoesNotExist)?,
        "Gt" if node => Operator::Gt(number()?),
        "Lt" if node => Operator::Lt(number()?),
        other => {
            let known: &[&str] = if node {
                &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
            } else {
                &["In", "NotIn", "Exists", "DoesNotExist"]
            };
            return Err(operator_at.error(crate::error::unknown_name("operator", other, known)));
        }
    };
    Ok(Requirement { key, operator })
}
