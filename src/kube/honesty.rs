//! The honesty report: which fields of the manifests were honoured, approximated or ignored, by name.
//!
//! [`Met`] walks every object that is read and looks each field up in the table of [`fields`]; it does not ask the
//! readers. [`Honesty`] is what came of it, and says no where something that was ignored could have decided.

pub mod fields;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use fields::{DECIDING_KINDS, FIELDS, KINDS, TEMPLATES};

/// What becomes of a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// It decides as it does in kube-scheduler.
    Honoured,
    /// It decides in another way.
    Approximated,
    /// It could decide something, and decides nothing here.
    Ignored,
    /// It decides nothing in kube-scheduler either.
    DecidesNothing,
}

impl Class {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Class::Honoured => "honoured",
            Class::Approximated => "approximated",
            Class::Ignored => "ignored",
            Class::DecidesNothing => "decides nothing",
        }
    }
}

/// A path of the table on its own, and its row.
#[derive(Debug)]
struct Known {
    path: String,
    class: Class,
    note: &'static str,
}

/// The table as a tree; list positions do not show in it.
#[derive(Default, Debug)]
struct Tree {
    /// Index into the known paths.
    known: Option<usize>,
    /// Whether a pod template stands here.
    template: bool,
    below: BTreeMap<String, Tree>,
}

impl Tree {
    fn at(&mut self, path: &str) -> &mut Tree {
        path.split('.').fold(self, |tree, step| tree.below.entry(step.trim_end_matches("[]").into()).or_default())
    }
}

static TABLE: LazyLock<(Vec<Known>, Tree)> = LazyLock::new(|| {
    let mut known = Vec::new();
    let mut tree = Tree::default();
    for row in FIELDS {
        for path in alternatives(row.path) {
            let kinds: &[&str] = if path.starts_with("*.") { KINDS } else { &[""] };
            for kind in kinds {
                let path = if kind.is_empty() { path.clone() } else { path.replacen('*', kind, 1) };
                tree.at(&path).known = Some(known.len());
                known.push(Known { path, class: row.class, note: row.note });
            }
        }
    }
    for path in TEMPLATES {
        tree.at(path).template = true;
    }
    (known, tree)
});

/// `a.{b,c}.d` → `a.b.d`, `a.c.d`.
fn alternatives(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_string()] };
    let (names, after) = rest.split_once('}').unwrap_or((rest, ""));
    names.split(',').flat_map(|name| alternatives(&format!("{before}{}{after}", name.trim()))).collect()
}

/// Every field of the table by its full path, with what becomes of it.
pub fn known_fields() -> impl Iterator<Item = (&'static str, Class)> {
    TABLE.0.iter().map(|known| (known.path.as_str(), known.class))
}

/// Fields met, with how often.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Met {
    /// By index into the known paths.
    known: BTreeMap<usize, u64>,
    /// By path, `[]` for list positions.
    unknown: BTreeMap<String, u64>,
}

impl Met {
    /// Walks an object.
    pub fn walk(&mut self, kind: &str, object: &Value) {
        if let Some(tree) = TABLE.1.below.get(kind) {
            self.walk_tree(tree, object, &mut kind.to_string());
        }
    }

    fn walk_tree(&mut self, tree: &Tree, value: &Value, path: &mut String) {
        if tree.template {
            let pod = TABLE.1.below.get("Pod").expect("Pod is in the table");
            self.walk_tree(pod, value, &mut "Pod".to_string());
            return;
        }
        match value {
            Value::Array(items) => {
                path.push_str("[]");
                for item in items {
                    self.walk_tree(tree, item, path);
                }
                path.truncate(path.len() - 2);
            }
            Value::Object(map) => {
                for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                    let length = path.len();
                    path.push('.');
                    path.push_str(key);
                    match tree.below.get(key).or_else(|| tree.below.get("*")) {
                        Some(next) if next.below.is_empty() && !next.template => self.count(next, value),
                        Some(next) => self.walk_tree(next, value, path),
                        None => *self.unknown.entry(path.clone()).or_default() += 1,
                    }
                    path.truncate(length);
                }
            }
            // A scalar where an object belongs is for the reader to refuse.
            _ => {}
        }
    }

    fn count(&mut self, tree: &Tree, value: &Value) {
        let unused = match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        if let Some(known) = tree.known
            && !(unused && TABLE.0[known].class == Class::Ignored)
        {
            *self.known.entry(known).or_default() += 1;
        }
    }

    /// Paths of one class: path, note, times met.
    fn of(&self, class: Class) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .known
            .iter()
            .map(|(i, count)| (&TABLE.0[*i], *count))
            .filter(|(known, _)| known.class == class)
            .map(|(known, count)| Entry { name: known.path.clone(), note: known.note.into(), count })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }
}

/// A field or kind that was met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its path, or its kind.
    pub name: String,
    /// What there is to say of it; may be empty.
    pub note: String,
    /// How often it was met.
    pub count: u64,
}

/// What was honoured and what was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Honesty {
    /// Fields that decide as they should.
    pub honoured: Vec<Entry>,
    /// Fields that decide in another way.
    pub approximated: Vec<Entry>,
    /// Fields that could have decided something.
    pub ignored: Vec<Entry>,
    /// Fields that are not known.
    pub unknown: Vec<Entry>,
    /// Kinds of which nothing was read; a note says what they could have decided.
    pub kinds: Vec<Entry>,
    /// What the configuration asks for and does not get.
    pub configuration: Vec<String>,
    /// What was assumed on the way.
    pub notes: Vec<String>,
}

impl Honesty {
    /// The report on what was met; `kinds` were not read.
    pub fn new(met: &Met, kinds: &BTreeMap<String, u64>, configuration: &[String], notes: Vec<String>) -> Self {
        let kind = |(name, count): (&String, &u64)| {
            let note = DECIDING_KINDS.iter().find(|(known, _)| known == name).map_or("", |(_, note)| note);
            Entry { name: name.clone(), note: note.into(), count: *count }
        };
        let unknown = |(name, count): (&String, &u64)| Entry { name: name.clone(), note: "".into(), count: *count };
        Honesty {
            honoured: met.of(Class::Honoured),
            approximated: met.of(Class::Approximated),
            ignored: met.of(Class::Ignored),
            unknown: met.unknown.iter().map(unknown).collect(),
            kinds: kinds.iter().map(kind).collect(),
            configuration: configuration.to_vec(),
            notes,
        }
    }

    /// An error that names everything that was ignored and could have decided something.
    pub fn strict(&self) -> Result<()> {
        let said = |entry: &Entry, what: &str| {
            let note = if entry.note.is_empty() { what } else { entry.note.as_str() };
            if note.is_empty() { entry.name.clone() } else { format!("{} ({note})", entry.name) }
        };
        let mut found: Vec<String> = self.ignored.iter().map(|entry| said(entry, "")).collect();
        found.extend(self.unknown.iter().map(|entry| said(entry, "not known")));
        found.extend(self.kinds.iter().filter(|kind| !kind.note.is_empty()).map(|kind| said(kind, "")));
        found.extend(self.configuration.iter().cloned());
        match found.as_slice() {
            [] => Ok(()),
            _ => Err(Error::input(format!("--strict: ignored, and could decide something: {}", found.join("; ")))),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let counts = |entries: &[Entry]| -> Value {
            let map: Map<String, Value> = entries.iter().map(|e| (e.name.clone(), json!(e.count))).collect();
            Value::Object(map)
        };
        json!({
            "honoured": counts(&self.honoured),
            "approximated": counts(&self.approximated),
            "ignored": counts(&self.ignored),
            "unknown": counts(&self.unknown),
            "kindsIgnored": counts(&self.kinds),
            "configuration": self.configuration,
            "notes": self.notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_one_row_and_every_kind_its_own() {
        let (known, tree) = &*TABLE;
        let mut paths: Vec<&str> = known.iter().map(|k| k.path.as_str()).collect();
        paths.sort_unstable();
        for pair in paths.windows(2) {
            assert_ne!(pair[0], pair[1], "two rows speak of one field");
        }
        let kinds: Vec<&str> = tree.below.keys().map(String::as_str).collect();
        let mut wanted = KINDS.to_vec();
        wanted.sort_unstable();
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn fields_are_met_through_lists_and_templates() {
        let mut met = Met::default();
        met.walk(
            "Deployment",
            &json!({"spec": {"replicas": 1, "paused": true, "wings": 2, "template": {"spec": {
                "containers": [{"name": "c", "wheels": 4, "resources": {"requests": {"cpu": 1}}}],
                "volumes": [{"persistentVolumeClaim": {"claimName": "x"}}, {"emptyDir": {}}, {"csi": {}}],
            }}}}),
        );
        let names = |entries: Vec<Entry>| entries.into_iter().map(|e| e.name).collect::<Vec<_>>();
        assert_eq!(
            names(met.of(Class::Honoured)),
            ["Deployment.spec.replicas", "Pod.spec.containers[].resources.requests"]
        );
        assert_eq!(names(met.of(Class::Approximated)), ["Deployment.spec.paused"]);
        assert_eq!(names(met.of(Class::Ignored)), ["Pod.spec.volumes[].persistentVolumeClaim"]);
        let unknown: Vec<&str> = met.unknown.keys().map(String::as_str).collect();
        assert_eq!(unknown, ["Deployment.spec.wings", "Pod.spec.containers[].wheels"]);
    }
}
