//! `metadata`: names, labels, owner.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::kube::object::read::{At, Fields};
use crate::kube::object::selector::Labels;

/// What the keys of this program's own annotations begin with.
pub const OWN: &str = "plimsoll/";

/// The controller that owns an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// `apps/v1`.
    pub api_version: String,
    /// `ReplicaSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// The metadata that decisions read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// Namespace; `default` where none is written.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// The owner with `controller: true`.
    pub owner: Option<Owner>,
    /// `creationTimestamp`, in nanoseconds since 1970.
    pub created_ns: Option<i64>,
    /// Whether `deletionTimestamp` is set.
    pub deleting: bool,
    /// Whether it is a mirror of a static pod (`kubernetes.io/config.mirror`).
    pub mirror: bool,
    /// Annotations of this program's own, `plimsoll/…`: what a replay needs beyond the manifest. No other is kept.
    pub annotations: Labels,
}

impl Meta {
    /// Takes `metadata` out of an object. `kind` names it in errors.
    pub fn take(fields: &mut Fields<'_>) -> Result<Meta> {
        let at = fields.need("metadata")?;
        let mut meta = Meta::read(&at)?;
        if meta.name.is_empty() {
            return Err(Error::input("missing; every object needs a name").in_field("metadata.name"));
        }
        for (field, name) in [("metadata.name", &meta.name), ("metadata.namespace", &meta.namespace)] {
            if !name.is_empty() && !is_name(name) {
                let what = format!("{:?} is not a name in Kubernetes", shown(name));
                let would_do = "(at most 253 of a-z, 0-9, - and ., with a letter or digit first and last)";
                return Err(Error::input(format!("{what} {would_do}")).in_field(field));
            }
        }
        if meta.namespace.is_empty() {
            meta.namespace = "default".into();
        }
        Ok(meta)
    }

    /// Reads metadata, without asking for a name (templates have none).
    pub fn read(at: &At<'_>) -> Result<Meta> {
        let mut fields = at.object()?;
        let mut meta = Meta {
            name: fields.text("name")?.unwrap_or_default().to_string(),
            namespace: fields.text("namespace")?.unwrap_or_default().to_string(),
            ..Meta::default()
        };
        if let Some(labels) = fields.get("labels") {
            meta.labels = labels.texts()?;
        }
        if let Some(created) = fields.get("creationTimestamp") {
            meta.created_ns = Some(created.time_ns()?);
        }
        meta.deleting = fields.get("deletionTimestamp").is_some();
        if let Some(annotations) = fields.get("annotations") {
            meta.mirror = annotations.object()?.get("kubernetes.io/config.mirror").is_some();
            let own = annotations.value.as_object().into_iter().flatten().filter(|(key, _)| key.starts_with(OWN));
            for (key, value) in own {
                let text = At { value, path: format!("{}.{key}", annotations.path) }.text()?;
                meta.annotations.insert(key.clone(), text.to_string());
            }
        }
        if let Some(owners) = fields.get("ownerReferences") {
            for owner in owners.list()? {
                let mut owner = owner.object()?;
                if owner.get("controller").map(|c| c.boolean()).transpose()? == Some(true) && meta.owner.is_none() {
                    meta.owner = Some(Owner {
                        api_version: owner.text("apiVersion")?.unwrap_or_default().to_string(),
                        kind: owner.text("kind")?.unwrap_or_default().to_string(),
                        name: owner.text("name")?.unwrap_or_default().to_string(),
                    });
                }
            }
        }
        Ok(meta)
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Whether the API takes it as a name: `IsDNS1123Subdomain`. Some kinds are stricter still.
pub(crate) fn is_name(text: &str) -> bool {
    let alphanumeric = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 253
        && alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|c| alphanumeric(Some(c)) || [b'-', b'.'].contains(c))
}

/// At most 40 characters, for messages.
fn shown(name: &str) -> String {
    if name.chars().count() <= 40 { name.to_string() } else { name.chars().take(37).chain("...".chars()).collect() }
}

/// What an object is called before it is read: for errors.
pub fn label_of(value: &Value, kind: &str) -> String {
    let text = |key: &str| {
        let text = value.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default();
        // An error is one line, whatever it names.
        if text.contains(char::is_control) { text.escape_debug().to_string() } else { text.to_string() }
    };
    match (text("namespace").as_str(), text("name").as_str()) {
        (_, "") => kind.to_string(),
        ("", name) => format!("{kind} {name}"),
        (namespace, name) => format!("{kind} {namespace}/{name}"),
    }
}
