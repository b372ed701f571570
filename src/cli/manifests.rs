//! Manifests and scheduler configurations from files, for the commands that take them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::warn;
use crate::error::{Error, ErrorKind, Result};
use crate::kube::config::{Effective, READY_MADE};
use crate::kube::object::Objects;

/// Endings of the files that are read of a folder.
const ENDINGS: &[&str] = &[".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz"];

/// Reads all objects of `files`; a folder stands for the manifests in it, `-` for standard input. Nothing to place and
/// nowhere to place it is an error: the file is another one than was meant.
pub(super) fn read_objects(files: &[PathBuf], config: Option<&Path>, max_bytes: u64) -> Result<Objects> {
    if files.iter().map(PathBuf::as_path).chain(config).filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Error::usage(
            "`-` is given twice, and standard input can be read once; put one of the two in a file",
        ));
    }
    let mut objects = Objects::default();
    let mut read: Vec<(PathBuf, String)> = Vec::new();
    for path in files {
        for file in expanded(path)? {
            let text = read_text(&file, max_bytes)?;
            objects.read_text(&text).map_err(|error| named(error, &file))?;
            read.push((file, text));
        }
    }
    // A class may stand in a later file than its pods.
    let texts: Vec<&str> = read.iter().map(|(_, text)| text.as_str()).collect();
    match objects.unknown_class(&texts) {
        Some((text, error)) => Err(named(error, &read[text].0)),
        None if objects.nodes.is_empty() && objects.pods.is_empty() && objects.controllers.is_empty() => {
            let error = Error::input(nothing(&objects.ignored_kinds));
            Err(if let [(file, _)] = read.as_slice() { named(error, file) } else { error })
        }
        None => Ok(objects),
    }
}

/// Says that there is no node, pod or maker of pods, and what there is instead.
fn nothing(kinds: &BTreeMap<String, u64>) -> String {
    let found: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
    let mut text = String::from("no Node, no Pod and nothing that makes pods is in it");
    if !found.is_empty() {
        text.push_str(&format!(", but {}", found.join(", ")));
    }
    if kinds.contains_key("Scenario") {
        text.push_str("; a scenario is for plimsoll run FILE");
    }
    text
}

/// The profile to schedule by: of `--config FILE`, of a configuration among the manifests, or the default one.
pub(super) fn read_profile(config: Option<&Path>, objects: &Objects, max_bytes: u64) -> Result<Effective> {
    match (config, &objects.configuration) {
        (None, None) => Effective::default_profile(),
        (None, Some(value)) => Effective::read(value),
        (Some(_), Some(_)) => {
            let message = "a KubeSchedulerConfiguration is among the manifests as well; leave one of the two out";
            Err(Error::input(message).in_field("--config"))
        }
        (Some(path), None) if !path.exists() && ready_made(path).is_some() => {
            Effective::ready_made(ready_made(path).unwrap_or_default())
        }
        (Some(path), None) => {
            let text = read_text(path, max_bytes)?;
            Effective::read_text(&text).map_err(|error| named(error, path))
        }
    }
}

/// The ready-made profile of that name.
fn ready_made(path: &Path) -> Option<&'static str> {
    READY_MADE.iter().copied().find(|name| path.as_os_str() == *name)
}

/// The files that a path stands for.
fn expanded(path: &Path) -> Result<Vec<PathBuf>> {
    if path.as_os_str() == "-" || !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let failed = |error: std::io::Error| Error::input(format!("cannot be read ({error})")).in_file(path);
    let (mut files, mut others) = (Vec::new(), 0u64);
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if file.is_file() && ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            files.push(file);
        } else {
            others += 1;
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::input("there is no .yaml, .yml or .json file in this folder").in_file(path));
    }
    if others > 0 {
        let what = "not read: folders in it, and files that are not .yaml, .yml or .json (plain or .gz)";
        warn(&format!("{}: {others} of the entries were {what}", path.display()));
    }
    Ok(files)
}

/// Adds the name of `path`; standard input is called so.
pub(super) fn named(error: Error, path: &Path) -> Error {
    if path.as_os_str() == "-" { error.in_file("standard input") } else { error.in_file(path) }
}

/// Reads a file, plain or compressed, that holds text.
fn read_text(path: &Path, max_bytes: u64) -> Result<String> {
    let bytes = read_bytes(path, max_bytes).map_err(|error| named(error, path))?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(named(Error::input("is UTF-16, as Windows PowerShell writes files; save it as UTF-8"), path));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() as u64 + 1;
        named(Error::input("a byte is not UTF-8; save the file as UTF-8").at_line(line), path)
    })
}

/// Reads a file, plain or compressed; errors do not name it yet.
pub(super) fn read_bytes(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::input(format!("cannot be read ({error})"));
    let mut raw: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    let mut magic = Vec::new();
    raw.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
    let mut whole = std::io::Cursor::new(magic.clone()).chain(raw);
    let mut bytes = Vec::new();
    let limit = max_bytes.saturating_add(1);
    if magic == [0x1f, 0x8b] {
        flate2::read::MultiGzDecoder::new(whole).take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        whole.by_ref().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > max_bytes {
        return Err(Error::new(
            ErrorKind::Budget,
            format!("more than {max_bytes} bytes, which is the budget; raise it with --max-input-bytes"),
        ));
    }
    Ok(bytes)
}
