//! A cursor over a manifest that knows where it is, so that every error names the field, and what nobody asked for
//! can be counted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::kube::object::pod::parse_time_ns;
use crate::units::Quantity;

/// What a reader met and did not use: field path (`Pod.spec.hostname`, list positions as `[]`) → times met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(pub BTreeMap<String, u64>);

/// Where a value stands: the kind for the account of ignored fields, and the path for errors.
#[derive(Clone, Debug)]
pub struct At<'a> {
    /// The value; never null.
    pub value: &'a Value,
    /// `spec.containers[0].resources`; empty at the top.
    pub path: String,
}

/// An object whose fields are being taken.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
    taken: Vec<&'a str>,
}

impl<'a> At<'a> {
    /// The top of a document.
    pub fn top(value: &'a Value) -> Self {
        At { value, path: String::new() }
    }

    /// An error at this place.
    pub fn error(&self, message: impl Into<String>) -> Error {
        let error = Error::input(message);
        if self.path.is_empty() { error } else { error.in_field(self.path.clone()) }
    }

    fn expected(&self, what: &str) -> Error {
        self.error(format!("expected {what}, found {}", kind_of(self.value)))
    }

    /// The fields of an object.
    pub fn object(&self) -> Result<Fields<'a>> {
        match self.value {
            Value::Object(map) => Ok(Fields { map, path: self.path.clone(), taken: Vec::new() }),
            _ => Err(self.expected("an object")),
        }
    }

    /// The elements of a list, nulls included as errors.
    pub fn list(&self) -> Result<Vec<At<'a>>> {
        match self.value {
            Value::Array(items) => Ok(items
                .iter()
                .enumerate()
                .map(|(i, value)| At { value, path: format!("{}[{i}]", self.path) })
                .collect()),
            _ => Err(self.expected("a list")),
        }
    }

    /// A text.
    pub fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.expected("a text"))
    }

    /// A boolean.
    pub fn boolean(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// A 64-bit integer.
    pub fn integer(&self) -> Result<i64> {
        self.value.as_i64().ok_or_else(|| self.expected("an integer"))
    }

    /// A 32-bit integer, as most API fields are.
    pub fn int32(&self) -> Result<i32> {
        i32::try_from(self.integer()?).map_err(|_| self.error("the integer does not fit 32 bits"))
    }

    /// A time as the API writes it, in nanoseconds since 1970.
    pub fn time_ns(&self) -> Result<i64> {
        parse_time_ns(self.text()?).ok_or_else(|| self.error("not a time (write 2026-01-31T08:00:00Z)"))
    }

    /// A quantity: a text or a plain number (`Quantity.UnmarshalJSON` takes both).
    pub fn quantity(&self) -> Result<Quantity> {
        match self.value {
            Value::String(text) => Quantity::parse(text).map_err(|e| self.error(e.message())),
            Value::Number(number) => Quantity::parse(&number.to_string()).map_err(|e| self.error(e.message())),
            _ => Err(self.expected("a quantity such as 500m or 2Gi")),
        }
    }

    /// A map of texts: labels, selectors.
    pub fn texts(&self) -> Result<BTreeMap<String, String>> {
        let fields = self.object()?;
        fields
            .map
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key.clone(), text.clone())),
                // The API refuses other kinds; a null stands for an empty text in Go's decoder.
                Value::Null => Ok((key.clone(), String::new())),
                _ => Err(At { value, path: format!("{}.{key}", self.path) }.expected("a text")),
            })
            .collect()
    }

    /// A list of texts.
    pub fn text_list(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(|at| at.text().map(str::to_string)).collect()
    }

    /// A resource list, each value rounded up to a thousandth unless `exact`.
    pub fn resources(&self) -> Result<BTreeMap<String, Quantity>> {
        let fields = self.object()?;
        fields
            .map
            .iter()
            .map(|(name, value)| {
                let at = At { value, path: format!("{}.{name}", self.path) };
                Ok((name.clone(), if value.is_null() { Quantity::ZERO } else { at.quantity()? }))
            })
            .collect()
    }
}

impl<'a> Fields<'a> {
    /// The field `key`, unless it is absent or null.
    pub fn get(&mut self, key: &'static str) -> Option<At<'a>> {
        self.taken.push(key);
        let value = self.map.get(key).filter(|value| !value.is_null())?;
        let path = if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) };
        Some(At { value, path })
    }

    /// The field `key`, or an error that says what to write.
    pub fn need(&mut self, key: &'static str) -> Result<At<'a>> {
        let path = self.path.clone();
        self.get(key).ok_or_else(|| {
            let field = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            Error::input("missing; it is required").in_field(field)
        })
    }

    /// The text at `key`; an empty one counts as absent.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>> {
        Ok(self.get(key).map(|at| at.text()).transpose()?.filter(|text| !text.is_empty()))
    }

    /// Says that `key` is known to change no decision.
    pub fn skip(&mut self, keys: &[&'static str]) {
        self.taken.extend_from_slice(keys);
    }

    /// Adds what was not asked for to the account.
    pub fn finish(self, kind: &str, ignored: &mut Ignored) {
        for key in self.map.keys() {
            if !self.taken.contains(&key.as_str()) {
                let path = without_positions(&self.path);
                let dot = if path.is_empty() { "" } else { "." };
                *ignored.0.entry(format!("{kind}.{path}{dot}{key}")).or_default() += 1;
            }
        }
    }
}

/// `a[3].b[0]` → `a[].b[]`.
fn without_positions(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push('[');
            }
            ']' => {
                inside = false;
                out.push(']');
            }
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
