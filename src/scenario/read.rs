//! From bytes to a [`ScenarioFile`], within budgets, with line and column in every error.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use super::document::{Document, documents, in_place};
use super::file::ScenarioFile;
use super::text::{At, PLACE_MARK};
use super::{API_VERSION, Budgets, KIND};
use crate::error::{Error, Result, did_you_mean, unknown_name};

/// Reads the scenario file at `path`; errors name it.
pub fn read(path: &Path, budgets: &Budgets) -> Result<ScenarioFile> {
    let place = |why: Error| why.in_file(path);
    let cannot = |why: std::io::Error| {
        place(Error::input(match why.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such file; check the path, or write a scenario to start from with plimsoll new FILE".into()
            }
            _ => format!("cannot be read: {why}"),
        }))
    };
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    // One byte over the budget tells a file that is too long from one that just fits.
    file.take(budgets.yaml_bytes as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    let mut scenario = read_text(&bytes, budgets).map_err(place)?;
    if scenario.name.is_empty() {
        scenario.name = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
    }
    Ok(scenario)
}

/// Reads a scenario from the bytes of a file (standard input, say).
pub fn read_text(bytes: &[u8], budgets: &Budgets) -> Result<ScenarioFile> {
    if bytes.len() > budgets.yaml_bytes {
        let found = format!("over {}", budgets.yaml_bytes);
        return Err(Error::budget("bytes of YAML", found, budgets.yaml_bytes, "--max-yaml-bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|why| {
        let line = bytes[..why.valid_up_to()].iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        Error::input("a byte is not UTF-8; save the file as UTF-8").at_line(line)
    })?;
    if text.trim().is_empty() {
        return Err(Error::input("the file is empty; plimsoll new FILE writes a scenario to start from"));
    }
    // Kind and version come first: the keys of another kind of file would only be called unknown.
    let headers: Vec<Header> = parse_all(text, budgets)?;
    let header = Header::of_scenario(&headers)?;
    let (own, manifests): (Vec<Document>, Vec<Document>) =
        documents(text).into_iter().partition(|document| headers.len() <= 1 || document.holds(header.line()));
    let mut file: ScenarioFile = parse(&in_place(&own), budgets)?;
    file.documents = manifests;
    Ok(file)
}

/// The keys that say what a document is.
#[derive(Deserialize, Default)]
pub(super) struct Header {
    #[serde(rename = "apiVersion")]
    api_version: Option<At<String>>,
    kind: Option<At<String>>,
}

impl Header {
    /// Whether it wants to be a scenario; everything else is a manifest.
    pub(super) fn is_scenario(&self) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.value == KIND)
            || self.api_version.as_ref().is_some_and(|version| version.starts_with("plimsoll/"))
    }

    /// A line of its document.
    pub(super) fn line(&self) -> u32 {
        self.kind.as_ref().or(self.api_version.as_ref()).map_or(0, |at| at.line)
    }

    /// The one that is the scenario's.
    fn of_scenario(headers: &[Header]) -> Result<&Header> {
        let mut scenarios = headers.iter().filter(|header| header.is_scenario());
        let scenario = match (headers, scenarios.next()) {
            // With nothing beside it, it can only be meant as one.
            ([only], _) => only,
            (_, Some(scenario)) => scenario,
            (_, None) => {
                return Err(Error::input(format!(
                    "none of the {} documents is a scenario; one says apiVersion: {API_VERSION} and kind: {KIND}",
                    headers.len()
                )));
            }
        };
        if let Some(second) = scenarios.next() {
            let (line, first) = (second.line(), scenario.line());
            let what = format!("a second scenario (the first in line {first}); a file holds one, beside manifests");
            return Err(Error::input(what).at_line(line.into()));
        }
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<()> {
        for (key, found, wanted) in [("apiVersion", &self.api_version, API_VERSION), ("kind", &self.kind, KIND)] {
            match found {
                Some(found) if found.value == wanted => {}
                Some(found) => {
                    return Err(found
                        .refuse(format!("\"{}\"; a scenario says {key}: {wanted}", **found))
                        .in_field(key));
                }
                None => {
                    let line = self.line().max(1);
                    return Err(Error::input(format!("missing; a scenario says {key}: {wanted}"))
                        .in_field(key)
                        .at_line(line.into()));
                }
            }
        }
        Ok(())
    }
}

/// Reads `text`, one document.
fn parse<'a, T: Deserialize<'a>>(text: &'a str, budgets: &Budgets) -> Result<T> {
    serde_saphyr::from_str_with_options(text, options(budgets, 1)).map_err(|why| error_of(&why, budgets))
}

/// Reads every document of `text` that says anything; the budgets hold for all together.
pub(super) fn parse_all<'a, T: Deserialize<'a>>(text: &'a str, budgets: &Budgets) -> Result<Vec<T>> {
    let options = options(budgets, budgets.yaml_nodes);
    serde_saphyr::from_multiple_with_options(text, options).map_err(|why| error_of(&why, budgets))
}

fn options(budgets: &Budgets, documents: usize) -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: budgets.yaml_nodes.saturating_mul(4).saturating_add(16),
            max_nodes: budgets.yaml_nodes,
            max_depth: budgets.yaml_depth,
            flow_nesting_limit: budgets.yaml_depth.saturating_add(1),
            max_documents: documents,
            max_recorded_anchor_events: budgets.yaml_nodes.saturating_mul(2),
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: budgets.yaml_nodes,
            max_replay_stack_depth: budgets.yaml_depth,
        },
        // `on` and `off` stay words; Switch reads them.
        strict_booleans: true,
        with_snippet: false,
    }
}

/// The library's error for the YAML reader's.
fn error_of(why: &YamlError, budgets: &Budgets) -> Error {
    let mut inner = why.without_snippet();
    let mut location = why.location();
    while let YamlError::AliasError { error, .. } = inner {
        inner = error.without_snippet();
        location = location.or_else(|| inner.location());
    }
    let nodes = |what: &str| {
        let found = format!("over {}", budgets.yaml_nodes);
        Error::budget(what, found, budgets.yaml_nodes, "--max-yaml-nodes")
    };
    let error = match inner {
        YamlError::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { depth } => {
                Error::budget("levels of YAML nesting", depth, budgets.yaml_depth, "--max-yaml-depth")
            }
            BudgetBreach::Documents { .. } => nodes("YAML documents"),
            _ => nodes("YAML nodes"),
        },
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => nodes("YAML nodes repeated by aliases"),
        YamlError::SerdeUnknownField { field, expected, .. } => Error::input(unknown_name("key", field, expected)),
        YamlError::SerdeUnknownVariant { variant, expected, .. } => {
            let hint = match did_you_mean(variant, expected.iter().copied()) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("{} will do", expected.join(", ")),
            };
            Error::input(format!("\"{variant}\" is none of the words for this key; {hint}"))
        }
        YamlError::SerdeMissingField { field, .. } => Error::input(format!("the key \"{field}\" is missing")),
        YamlError::DuplicateMappingKey { key: Some(key), .. } => {
            Error::input(format!("the key \"{key}\" is there twice"))
        }
        YamlError::NullIntoString { .. } => Error::input("a value is missing"),
        YamlError::InvalidScalar { ty, .. } => Error::input(match *ty {
            "bool" => "neither true nor false",
            "f32" | "f64" => "not a number",
            "u16" => "not a whole number from 0 to 65535",
            unsigned if unsigned.starts_with('u') => "not a whole number from 0 on, or too large",
            _ => "not a whole number, or too large",
        }),
        YamlError::Unexpected { expected, .. } => Error::input(match *expected {
            "mapping start" => "keys are expected here (key: value)",
            "sequence start" => "a list is expected here (- entry, or [entry])",
            "string scalar" | "scalar" => "one value is expected here, not a list or keys",
            other => other,
        }),
        // The parser looks ahead, and may meet the nesting before the budget does.
        other if other.to_string().contains("recursion limit exceeded") => {
            let found = format!("over {}", budgets.yaml_depth);
            Error::budget("levels of YAML nesting", found, budgets.yaml_depth, "--max-yaml-depth")
        }
        other => return placed(&UserMessageFormatter.format_message(other), location),
    };
    at(error, location)
}

/// An input error with the place that `message` carries, else `location`.
fn placed(message: &str, location: Option<serde_saphyr::Location>) -> Error {
    if let Some((place, text)) = message.split_once(PLACE_MARK)
        && let Some((line, column)) = place.rsplit_once(':')
        // The reader may have put words of its own in front.
        && let (Ok(line), Ok(column)) = (line.rsplit(' ').next().unwrap_or(line).parse(), column.parse())
    {
        return Error::input(text).at(line, column);
    }
    at(Error::input(message), location)
}

fn at(error: Error, location: Option<serde_saphyr::Location>) -> Error {
    match location {
        Some(place) if place.line() > 0 => error.at(place.line(), place.column()),
        _ => error,
    }
}
