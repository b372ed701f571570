//! Taints and tolerations of v1.3.0: JSON texts in annotations. v1.2.4 knows neither.

use serde_json::Value;

use crate::error::Result;
use crate::kube::object::read::At;
use crate::kube::y2016::affinity::text;

/// The annotation of a node.
pub const TAINTS: &str = "scheduler.alpha.kubernetes.io/taints";
/// The annotation of a pod.
pub const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
/// The effect that only scores; every other one keeps pods away.
pub const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";

/// A taint of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; may be empty.
    pub value: String,
    /// `NoSchedule` or `PreferNoSchedule`; as written.
    pub effect: String,
}

/// What a pod puts up with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Toleration {
    /// Key.
    pub key: String,
    /// `Equal` (also when empty) or `Exists`.
    pub operator: String,
    /// Value for `Equal`.
    pub value: String,
    /// Effect; an empty one is every effect.
    pub effect: String,
}

impl Toleration {
    /// `TolerationToleratesTaint` (`pkg/api/helpers.go` v1.3.0). Unlike today an empty key is the key of that name.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        if !self.effect.is_empty() && self.effect != taint.effect || self.key != taint.key {
            return false;
        }
        match self.operator.as_str() {
            "" | "Equal" => self.value == taint.value,
            operator => operator == "Exists",
        }
    }
}

/// `TaintToleratedByTolerations` (`pkg/api/helpers.go` v1.3.0).
pub fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| toleration.tolerates(taint))
}

/// The objects of a JSON list of texts in an annotation, each by `of`. A text that does not decode is an error: in
/// v1.3.0 every attempt that looks at it fails, and the API server refuses it.
fn objects<T>(at: &At<'_>, of: impl Fn(&dyn Fn(&str) -> Option<String>) -> Option<T>) -> Result<Vec<T>> {
    let written = at.text()?;
    if written.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = || at.error("is not a list in JSON of objects whose members are texts");
    let items: Option<Vec<Value>> = serde_json::from_str(written).map_err(|_| wrong())?;
    let one = |item: &Value| {
        let member = |key: &str| text(item.get(key).filter(|value| !value.is_null())).map(String::from);
        (item.is_object() || item.is_null()).then(|| of(&member)).flatten()
    };
    items.unwrap_or_default().iter().map(|item| one(item).ok_or_else(wrong)).collect()
}

/// `GetTaintsFromNodeAnnotations` (`pkg/api/helpers.go` v1.3.0).
pub fn read_taints(at: &At<'_>) -> Result<Vec<Taint>> {
    objects(at, |member| Some(Taint { key: member("key")?, value: member("value")?, effect: member("effect")? }))
}

/// `GetTolerationsFromPodAnnotations` (`pkg/api/helpers.go` v1.3.0).
pub fn read_tolerations(at: &At<'_>) -> Result<Vec<Toleration>> {
    objects(at, |member| {
        Some(Toleration {
            key: member("key")?,
            operator: member("operator")?,
            value: member("value")?,
            effect: member("effect")?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: &Value) -> At<'_> {
        At { value, path: "metadata.annotations.x".into() }
    }

    #[test]
    fn a_toleration_has_the_key_and_the_value_or_says_exists() {
        let written = Value::from(r#"[{"key": "a", "value": "1", "effect": "NoSchedule"}]"#);
        let taint = &read_taints(&at(&written)).unwrap()[0];
        let tolerates = |text: &str| tolerated(taint, &read_tolerations(&at(&Value::from(text))).unwrap());
        assert!(tolerates(r#"[{"key": "a", "value": "1"}]"#));
        assert!(tolerates(r#"[{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]"#));
        assert!(!tolerates(r#"[{"key": "a", "operator": "Equal", "value": "2"}]"#));
        assert!(!tolerates(r#"[{"key": "a", "operator": "Exists", "effect": "PreferNoSchedule"}]"#));
        // Today this tolerates everything.
        assert!(!tolerates(r#"[{"operator": "Exists"}]"#));
        assert!(!tolerates(r#"[{"key": "a", "operator": "exists", "value": "1"}]"#));
        assert!(!tolerates(""));
    }

    #[test]
    fn what_does_not_decode_is_an_error_with_its_field() {
        for text in ["{}", "[1]", "[{\"key\": 1}]", "["] {
            let error = read_taints(&at(&Value::from(text))).unwrap_err();
            assert_eq!(error.field(), Some("metadata.annotations.x"), "{text}");
        }
        assert!(read_taints(&at(&Value::from("null"))).unwrap().is_empty());
    }
}
