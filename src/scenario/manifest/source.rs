//! A text with manifests: where it came from, and in which line what stands.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::document::{Document, in_place};
use super::super::outside::found;
use super::super::read::{Header, parse_all};
use super::super::text::At;
use super::super::{Budgets, KIND};
use crate::error::{Error, Result};
use crate::kube::config::Effective;
use crate::kube::object::Objects;

/// A text with manifests.
#[derive(Debug)]
pub(super) struct Source {
    /// Its file; `None`: the scenario's own.
    file: Option<PathBuf>,
    text: String,
    budgets: Budgets,
}

impl Source {
    /// The manifests that stand beside a scenario.
    pub fn inline(documents: &[Document], budgets: &Budgets) -> Self {
        Source { file: None, text: in_place(documents), budgets: *budgets }
    }

    /// Reads a file, plain or gzip (by content), `-` for standard input.
    pub fn open(path: &At<String>, folder: &Path, budgets: &Budgets) -> Result<Self> {
        let seen = found(path, folder);
        let name = PathBuf::from(if seen == "-" { "<stdin>" } else { &seen });
        let text = read(&seen, budgets).map_err(|why| why.in_file(&name))?;
        Ok(Source { file: Some(name), text, budgets: *budgets })
    }

    /// Adds its objects.
    pub fn read_into(&self, objects: &mut Objects) -> Result<()> {
        // JSON cannot unfold beyond its own length, which has its budget.
        let start = self.text.trim_start_matches('\u{feff}').trim_start();
        let json = start.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(start).is_ok();
        if !json {
            let headers: Vec<Header> = parse_all(&self.text, &self.budgets).map_err(|why| self.place(why))?;
            if let Some(scenario) = headers.iter().find(|header| header.is_scenario()) {
                let what = format!("a file of manifests holds no {KIND}; name it to run instead");
                return Err(self.place(Error::input(what).at_line(scenario.line().into())));
            }
        }
        objects.read_text(&self.text).map_err(|why| self.place(why))
    }

    /// Reads the one scheduler configuration, or fragment of one, that it holds.
    pub fn read_configuration(&self) -> Result<Effective> {
        Effective::read_text(&self.text).map_err(|error| match &self.file {
            Some(file) => error.in_file(file),
            None => error,
        })
    }

    /// Whether the object that `message` begins with stands here.
    pub fn speaks_of(&self, message: &str) -> bool {
        self.line_and_column(message).is_some()
    }

    /// Gives `error` the file, and line and column of the object and field that its message begins with.
    pub fn place(&self, error: Error) -> Error {
        let error = match self.line_and_column(error.message()) {
            Some((line, column)) => error.at(line, column),
            None => error,
        };
        match &self.file {
            Some(file) => error.in_file(file),
            None => error,
        }
    }

    /// Where `Kind name: field: …` stands. Read anew, since only an error asks.
    fn line_and_column(&self, message: &str) -> Option<(u64, u64)> {
        let documents: Vec<At<Tree>> = parse_all(&self.text, &self.budgets).ok()?;
        let mut objects = Vec::new();
        documents.iter().for_each(|document| flatten(document, None, &mut objects));
        if message.contains("has been read before") {
            objects.reverse();
        }
        let (object, path) = objects.iter().find_map(|(labels, object)| {
            let path = labels.iter().find_map(|label| message.strip_prefix(label.as_str())?.strip_prefix(": "))?;
            Some((*object, path))
        })?;
        let place = descend(object, path);
        (place.line > 0).then_some((place.line.into(), place.column.into()))
    }
}

fn read(path: &str, budgets: &Budgets) -> Result<String> {
    let cannot = |why: io::Error| {
        Error::input(match why.kind() {
            io::ErrorKind::NotFound => "there is no such file; check the path, or - reads from stdin".into(),
            _ => format!("cannot be read: {why}"),
        })
    };
    let mut raw: Box<dyn Read> =
        if path == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(path).map_err(cannot)?) };
    let mut magic = Vec::new();
    raw.by_ref().take(2).read_to_end(&mut magic).map_err(cannot)?;
    let gzip = magic == [0x1f, 0x8b];
    let whole = io::Cursor::new(magic).chain(raw);
    let plain: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
    let (mut bytes, most) = (Vec::new(), budgets.yaml_bytes);
    plain.take((most as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > most {
        return Err(Error::budget("bytes of manifests", format!("over {most}"), most, "--max-yaml-bytes"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::input("is UTF-16, as Windows PowerShell writes files; save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|why| {
        let before = &why.as_bytes()[..why.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        Error::input("a byte is not UTF-8; save the file as UTF-8").at_line(line)
    })
}

/// A document as it stands, for the places of its values.
#[derive(Debug)]
enum Tree {
    Keys(Vec<(String, At<Tree>)>),
    List(Vec<At<Tree>>),
    Text(String),
    Other,
}

impl Tree {
    fn get(&self, key: &str) -> Option<&At<Tree>> {
        match self {
            Tree::Keys(keys) => keys.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, text: &str) -> std::result::Result<Tree, E> {
                Ok(Tree::Text(text.into()))
            }
            fn visit_bool<E>(self, _: bool) -> std::result::Result<Tree, E> {
                Ok(Tree::Other)
            }
            fn visit_i64<E>(self, _: i64) -> std::result::Result<Tree, E> {
                Ok(Tree::Other)
            }
            fn visit_u64<E>(self, _: u64) -> std::result::Result<Tree, E> {
                Ok(Tree::Other)
            }
            fn visit_f64<E>(self, _: f64) -> std::result::Result<Tree, E> {
                Ok(Tree::Other)
            }
            fn visit_unit<E>(self) -> std::result::Result<Tree, E> {
                Ok(Tree::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Tree, A::Error> {
                let mut keys = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    keys.push(entry);
                }
                Ok(Tree::Keys(keys))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The objects of a document with what errors may call them, those of lists one by one.
fn flatten<'t>(tree: &'t At<Tree>, assumed: Option<&str>, out: &mut Vec<(Vec<String>, &'t At<Tree>)>) {
    let Some(kind) = tree.text("kind").or(assumed) else { return };
    if let (Some(At { value: Tree::List(items), .. }), Some(item)) = (tree.get("items"), kind.strip_suffix("List")) {
        let assumed = (!item.is_empty()).then_some(item);
        items.iter().for_each(|item| flatten(item, assumed, out));
        return;
    }
    let meta = tree.get("metadata");
    let text = |key| meta.and_then(|meta| meta.text(key)).unwrap_or_default();
    let labels = match (text("namespace"), text("name")) {
        (_, "") => vec![kind.to_string()],
        ("" | "default", name) => vec![format!("{kind} {name}"), format!("{kind} default/{name}")],
        (namespace, name) => vec![format!("{kind} {namespace}/{name}")],
    };
    out.push((labels, tree));
}

/// The value at `path` (`spec.containers[0].name: …`), or as near to it as the document goes.
fn descend<'t>(mut at: &'t At<Tree>, mut path: &str) -> &'t At<Tree> {
    loop {
        let next = match &at.value {
            // Keys have dots of their own (`nvidia.com/gpu`), so that the longest that fits is meant.
            Tree::Keys(keys) => keys
                .iter()
                .filter_map(|(key, value)| Some((key.len(), value, path.strip_prefix(key.as_str())?)))
                .filter(|(length, _, rest)| *length > 0 && rest.starts_with(['.', '[', ':']))
                .max_by_key(|(length, ..)| *length)
                .map(|(_, value, rest)| (value, rest)),
            Tree::List(items) => path.strip_prefix('[').and_then(|p| p.split_once(']')).and_then(|(index, rest)| {
                let item = items.get(index.parse::<usize>().ok()?)?;
                Some((item, rest))
            }),
            Tree::Text(_) | Tree::Other => None,
        };
        match next {
            Some((value, rest)) => (at, path) = (value, rest.strip_prefix('.').unwrap_or(rest)),
            None => return at,
        }
    }
}
