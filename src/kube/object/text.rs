//! From text to documents, and from a field of a document back to its line.
//!
//! Documents are read without places, which is quick. Where one has something wrong, its text is read once more, and
//! the place of the field is looked up.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use crate::error::{Error, Result};

/// The documents of a text.
pub struct Documents {
    /// In order; empty ones are left out.
    pub values: Vec<Value>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
}

/// Levels of nesting; the API's own objects stay below 30.
const DEPTH_MAX: usize = 128;

impl Documents {
    /// Reads JSON (one value or several) or YAML (one document or several).
    pub fn read(text: &str) -> Result<Self> {
        let text = without_mark(text);
        let braces = text.trim_start().starts_with('{');
        let mut not_json = None;
        if braces {
            match serde_json::Deserializer::from_str(text).into_iter().collect::<serde_json::Result<Vec<Value>>>() {
                Ok(values) => return Ok(Documents { values, form: Form::Json }),
                Err(error) => not_json = Some(error),
            }
        }
        match yaml::<Value>(text) {
            Ok(values) => Ok(Documents { values, form: Form::Yaml }),
            Err(error) => Err(match not_json {
                // Quotes after the brace: it was meant as JSON.
                Some(json) if text.trim_start()[1..].trim_start().starts_with('"') => {
                    let said = json.to_string();
                    let message = said.split(" at line ").next().unwrap_or(&said);
                    Error::input(format!("is not JSON: {message}")).at(json.line() as u64, json.column() as u64)
                }
                _ => error,
            }),
        }
    }

    /// Line and column of the field at `path` (`items[3].spec.nodeName`) of a document, or of what is nearest to it
    /// from above.
    pub fn place(&self, text: &str, document: usize, path: &str) -> Option<(u64, u64)> {
        let text = without_mark(text);
        if self.form == Form::Json {
            let offset = Json { bytes: text.as_bytes(), at: 0 }.find(document, path)?;
            let before = text.get(..offset)?;
            let line_start = before.rfind('\n').map_or(0, |i| i + 1);
            let line = before.bytes().filter(|b| *b == b'\n').count() as u64 + 1;
            return Some((line, before[line_start..].chars().count() as u64 + 1));
        }
        let documents = yaml::<Located>(text).ok()?;
        let mut node = documents.get(document)?;
        let mut rest = path;
        while let Some((next, after)) = node.step(rest) {
            (node, rest) = (next, after);
        }
        (node.line > 0).then_some((node.line, node.column))
    }
}

fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

/// What was written at a place, up to the next blank or sign.
pub fn word_at(text: &str, line: u64, column: u64) -> Option<&str> {
    let line = without_mark(text).lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let skip = usize::try_from(column).ok()?.checked_sub(1)?;
    let (start, _) = line.char_indices().nth(skip)?;
    let word = line[start..].split([' ', '\t', ',', '}', ']', '#']).next()?;
    (!word.is_empty() && word.len() <= 40).then_some(word)
}

/// Reads YAML. A dump of a big cluster has more documents and nodes than the parser's usual budget; the limits on what
/// aliases may unfold to stay.
fn yaml<'a, T: Deserialize<'a>>(text: &'a str) -> Result<Vec<T>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_documents: 10_000_000,
            max_events: 500_000_000,
            max_nodes: 500_000_000,
            max_total_scalar_bytes: 4 << 30,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| refused(&error))
}

/// The library's error for the YAML reader's.
fn refused(why: &YamlError) -> Error {
    let mut inner = why.without_snippet();
    let mut place = why.location();
    while let YamlError::AliasError { error, .. } = inner {
        inner = error.without_snippet();
        place = place.or_else(|| inner.location());
    }
    let error = Error::input(match inner {
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. }
        | YamlError::Budget { breach: BudgetBreach::RecordedAnchorEvents { .. }, .. } => {
            "aliases unfold to more than a million YAML nodes; write the objects out".into()
        }
        YamlError::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("nested more than {DEPTH_MAX} deep; no Kubernetes object is")
        }
        YamlError::DuplicateMappingKey { key: Some(key), .. } => format!("the key \"{key}\" is there twice"),
        other => {
            let said = UserMessageFormatter.format_message(other).into_owned();
            format!("is not YAML: {}", said.lines().next().unwrap_or_default())
        }
    });
    match place {
        Some(place) if place.line() > 0 => error.at(place.line(), place.column()),
        _ => error,
    }
}

/// A YAML value by its place alone.
struct Located {
    line: u64,
    column: u64,
    inside: Inside,
}

enum Inside {
    Nothing,
    List(Vec<Located>),
    Map(Vec<(String, Located)>),
}

impl Located {
    /// The value that the next step of `path` leads to, and the rest of the path.
    fn step<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Located, &'p str)> {
        match &self.inside {
            Inside::Nothing => None,
            Inside::List(items) => {
                let (i, rest) = position(path)?;
                Some((items.get(i)?, rest))
            }
            Inside::Map(entries) => {
                let keys = entries.iter().map(|(key, value)| (key.as_str(), value));
                let (rest, value) =
                    keys.filter_map(|(key, v)| Some((after(path, key)?, v))).min_by_key(|(r, _)| r.len())?;
                Some((value, rest))
            }
        }
    }
}

/// `[3].spec` → 3, `.spec`.
fn position(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix('[')?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}

/// What is left of `path` behind `key`. Keys may hold dots, so that several keys can fit; the longest is meant.
fn after<'p>(path: &'p str, key: &str) -> Option<&'p str> {
    let rest = path.strip_prefix('.').unwrap_or(path).strip_prefix(key)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let spanned = serde_saphyr::Spanned::<Inside>::deserialize(deserializer)?;
        let place = spanned.referenced;
        Ok(Located { line: place.line(), column: place.column(), inside: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Inside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Inside;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_bool<E>(self, _: bool) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_i64<E>(self, _: i64) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_u64<E>(self, _: u64) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_f64<E>(self, _: f64) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_str<E>(self, _: &str) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_bytes<E>(self, _: &[u8]) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_unit<E>(self) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_none<E>(self) -> std::result::Result<Inside, E> {
        Ok(Inside::Nothing)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Inside, D::Error> {
        deserializer.deserialize_any(Any)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Inside, D::Error> {
        deserializer.deserialize_any(Any)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Inside, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Inside::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Inside, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Inside::Map(entries))
    }
}

/// A cursor over JSON that is known to be well-formed.
struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Json<'_> {
    /// The offset of the value that `path` leads to in a document, or of the last one on the way.
    fn find(mut self, document: usize, path: &str) -> Option<usize> {
        for _ in 0..document {
            self.skip_value()?;
        }
        self.blanks();
        let mut rest = path;
        loop {
            let here = self.at;
            match self.step(rest) {
                Some(after) => rest = after,
                None => return Some(here),
            }
        }
    }

    fn blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, sign: u8) -> bool {
        self.blanks();
        let there = self.bytes.get(self.at) == Some(&sign);
        self.at += usize::from(there);
        there
    }

    /// Moves to the value that the next step leads to, and gives the rest of the path.
    fn step<'p>(&mut self, path: &'p str) -> Option<&'p str> {
        if path.is_empty() {
            return None;
        }
        if self.take(b'[') {
            let (wanted, rest) = position(path)?;
            for _ in 0..wanted {
                self.skip_value()?;
                self.take(b',').then_some(())?;
            }
            self.blanks();
            return (self.bytes.get(self.at) != Some(&b']')).then_some(rest);
        }
        self.take(b'{').then_some(())?;
        let mut best: Option<(&'p str, usize)> = None;
        while !self.take(b'}') {
            self.blanks();
            let start = self.at;
            self.skip_value()?;
            let key: String = serde_json::from_slice(&self.bytes[start..self.at]).ok()?;
            self.take(b':').then_some(())?;
            self.blanks();
            let value = self.at;
            if let Some(rest) = after(path, &key)
                // Of a key that is there twice the last one counts, as in the reader.
                && best.is_none_or(|(least, _)| rest.len() <= least.len())
            {
                best = Some((rest, value));
            }
            self.skip_value()?;
            self.take(b',');
        }
        let (rest, value) = best?;
        self.at = value;
        Some(rest)
    }

    fn skip_value(&mut self) -> Option<()> {
        self.blanks();
        let mut values = serde_json::Deserializer::from_slice(&self.bytes[self.at..]).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_yaml_and_json() {
        let yaml = "# a comment\nkind: List\n---\n\n---\nkind: Pod\nmetadata:\n  labels: {a.b/c: x, a: {b/c: y}}\nspec:\n  \
                    containers:\n  - name: c\n  - {name: ü, resources: {limits: {cpu: 12x}}}\n";
        let json = "{\"kind\": \"List\"}\n{\"kind\": \"Pod\",\n \"metadata\": {\"labels\": {\"a.b/c\": \"x\", \"a\": {\"b/c\": 1}}},\n \
                    \"spec\": {\"containers\": [{\"name\": \"c\"},\n {\"name\": \"ü\", \"resources\": {\"limits\": {\"cpu\": \"12x\"}}}]}}";
        let place = |text: &str, document: usize, path: &str| {
            let documents = Documents::read(text).unwrap();
            documents.place(text, document, path).unwrap()
        };
        for (path, in_yaml, in_json) in [
            ("spec.containers[1].resources.limits.cpu", (12, 41), (5, 48)),
            ("metadata.labels.a.b/c", (8, 19), (3, 35)),
            ("metadata.labels.a", (8, 25), (3, 45)),
            ("spec.containers[7].name", (11, 3), (4, 25)),
            ("", (6, 1), (2, 1)),
        ] {
            assert_eq!((place(yaml, 1, path), place(json, 1, path)), (in_yaml, in_json), "{path}");
        }
        assert_eq!(word_at(yaml, 12, 41), Some("12x"));
    }

    #[test]
    fn what_is_neither_says_where_it_stops_being_it() {
        for (text, want) in [
            ("{\"kind\": \"Pod\",\n \"x\" {}}", "line 2:6: is not JSON: expected `:`"),
            ("kind: Pod\nkind: Pod\n", "line 2:1: the key \"kind\" is there twice"),
        ] {
            let error = Documents::read(text).err().unwrap();
            assert_eq!(error.to_string(), want);
        }
    }
}
