//! Decisions recorded from the real systems, replayed. One module a family; `cargo test conformance` runs them all.
//!
//! Each family reads every `*.json` and `*.json.gz` directly in `tests/vectors/<family>/`, or in `<family>/` under the
//! folder that `PLIMSOLL_VECTORS` names, so that anybody can try vectors that the project has never seen.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod fleet;
mod fleet_mutation;
mod kernel;
pub mod kube;
mod kube_2016;
mod kube_2016_index;
mod kube_2016_mutation;
mod mutation;
pub mod node;
mod node_mutation;

/// The folder of a family: the one that `PLIMSOLL_VECTORS` chose, or the shipped one.
pub fn folder(family: &str) -> PathBuf {
    match std::env::var_os("PLIMSOLL_VECTORS") {
        Some(root) => PathBuf::from(root).join(family),
        None => shipped_folder(family),
    }
}

/// The family's folder in this repository.
fn shipped_folder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(family)
}

/// Reads a JSON file, plain or compressed.
pub fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let bytes = if path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain);
        read.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        plain
    } else {
        bytes
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The vectors of a family in the order of their names, or `None` (and a word about it) where its folder is absent.
pub fn vectors(family: &str, folder: &Path) -> Option<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        println!("conformance {family}: there is no folder {}; nothing was compared", folder.display());
        return None;
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".gz").unwrap_or(&name).strip_suffix(".json") {
            files.push((stem.to_string(), path));
        }
    }
    files.sort();
    Some(files)
}

/// What a comparison came to.
#[derive(Default)]
pub struct Tally {
    pub checks: u64,
    pub differences: Vec<String>,
}

impl Tally {
    /// Whether there was no difference.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    /// One check of two values; `place` says where.
    pub fn check<T: PartialEq + std::fmt::Display>(&mut self, place: impl FnOnce() -> String, want: T, have: T) {
        self.checks += 1;
        if want != have {
            self.differences.push(format!("{}: recorded {want}, ours {have}", place()));
        }
    }

    /// Compares every field of two JSON values; a field on one side only is a difference.
    pub fn compare(&mut self, place: &str, want: &Value, have: &Value) {
        match (want, have) {
            (Value::Object(a), Value::Object(b)) => {
                for (key, want) in a {
                    self.compare(&format!("{place} {key}"), want, b.get(key).unwrap_or(&Value::Null));
                }
                for (key, have) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                    self.check(|| format!("{place} {key}"), &Value::Null, have);
                }
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                self.checks += 1;
                for (i, (want, have)) in a.iter().zip(b).enumerate() {
                    self.compare(&format!("{place} [{i}]"), want, have);
                }
            }
            _ => self.check(|| place.to_string(), want, have),
        }
    }
}
