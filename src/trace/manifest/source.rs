//! In which line of a text with objects the object and field stand that an error speaks of.

use serde_json::Value;

use crate::kube::object::text::Documents;

/// Where `Kind name: field: …` stands in `text`, line and column. The text is read anew, since only an error asks.
pub(crate) fn place_of(text: &str, message: &str) -> Option<(u64, u64)> {
    let documents = Documents::read(text).ok()?;
    let mut objects = Vec::new();
    for (document, value) in documents.values.iter().enumerate() {
        flatten(value, None, document, String::new(), &mut objects);
    }
    if message.contains("has been read before") {
        objects.reverse();
    }
    let (object, said) = objects.iter().find_map(|object| {
        let said = object.labels.iter().find_map(|label| message.strip_prefix(label.as_str())?.strip_prefix(": "))?;
        Some((object, said))
    })?;
    let field = said.split(": ").next().unwrap_or_default();
    documents.place(text, object.document, &format!("{}{field}", object.path))
}

/// An object, where it stands, and what errors may call it.
struct Object {
    document: usize,
    /// `items[3].` in a list; empty at the top.
    path: String,
    labels: Vec<String>,
}

/// The objects of a document, those of lists one by one.
fn flatten(value: &Value, assumed: Option<&str>, document: usize, path: String, out: &mut Vec<Object>) {
    let Some(kind) = value.get("kind").and_then(Value::as_str).or(assumed) else { return };
    if let (Some(Value::Array(items)), Some(item)) = (value.get("items"), kind.strip_suffix("List")) {
        let assumed = (!item.is_empty()).then_some(item);
        for (i, item) in items.iter().enumerate() {
            flatten(item, assumed, document, format!("{path}items[{i}]."), out);
        }
        return;
    }
    let meta = value.get("metadata");
    let text = |key| meta.and_then(|meta| meta.get(key)?.as_str()).unwrap_or_default();
    let labels = match (text("namespace"), text("name")) {
        (_, "") => vec![kind.to_string()],
        ("" | "default", name) => vec![format!("{kind} {name}"), format!("{kind} default/{name}")],
        (namespace, name) => vec![format!("{kind} {namespace}/{name}")],
    };
    out.push(Object { document, path, labels });
}
