//! Which format a file or folder is, where its look leaves no doubt.

use std::path::Path;

use super::{Budgets, FORMATS, FormatInfo, input, parts};
use crate::error::{Error, Result};

/// What a format may look at to know its own: names and the first bytes, nothing more.
#[derive(Clone, Debug, Default)]
pub struct Sniffed {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// The names in the folder, in natural order; for a file its own name.
    pub names: Vec<String>,
    /// The first bytes of a file, unpacked, at most 4 KiB, as text; of a folder nothing.
    pub head: String,
}

impl Sniffed {
    /// Looks at `path`; `None` if there is nothing there.
    fn at(path: &Path, budgets: &Budgets) -> Result<Option<Sniffed>> {
        if path.is_dir() {
            return Ok(Some(Sniffed { is_folder: true, names: parts::names(path)?, head: String::new() }));
        }
        if !path.is_file() {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let head = input::head(&parts::text(path), 4096, budgets)?;
        Ok(Some(Sniffed { is_folder: false, names: vec![name], head: String::from_utf8_lossy(&head).into_owned() }))
    }

    /// The first line of a file.
    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Whether the first line names all of these columns.
    pub fn has_columns(&self, columns: &[&str]) -> bool {
        let found: Vec<&str> = self.first_line().split(',').map(|field| field.trim().trim_matches('"')).collect();
        columns.iter().all(|column| found.contains(column))
    }

    /// Whether the folder holds the table: as a file, in parts, or as a folder.
    pub fn has_table(&self, table: &str) -> bool {
        self.is_folder
            && self.names.iter().any(|name| {
                name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']))
            })
    }
}

/// Columns of layouts that people have and no format reads, and what is said of them.
const STRANGERS: &[(&[&str], &str)] = &[(
    &["instance_events_type", "collection_id", "instance_index", "resource_request", "average_usage"],
    "is a flattened join of tables of Google's trace of 2019, not the original layout: each row repeats one moment of an \
     instance, so that arrivals and ends are lost. Get the tables themselves (instance_events, collection_events, \
     instance_usage, machine_events of one cell)",
)];

/// Refuses a file that is surely a layout which no format reads, whatever it was given as.
pub(super) fn refuse_strangers(path: &str) -> Result<()> {
    let Ok(Some(sniffed)) = Sniffed::at(Path::new(path), &Budgets::default()) else { return Ok(()) };
    match STRANGERS.iter().find(|(columns, _)| sniffed.has_columns(columns)) {
        Some((_, what)) => Err(Error::input(*what).in_file(path)),
        None => Ok(()),
    }
}

/// The one format that knows what is at `path` as its own; `None` if there is nothing at `path`.
///
/// Errors: no format does, or more than one.
pub(super) fn sniff(path: &str) -> Result<Option<&'static FormatInfo>> {
    let Some(sniffed) = Sniffed::at(Path::new(path), &Budgets::default())? else { return Ok(None) };
    let known: Vec<&FormatInfo> =
        FORMATS.iter().filter(|format| format.sniff.is_some_and(|knows| knows(&sniffed))).collect();
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    match known.as_slice() {
        [format] => Ok(Some(format)),
        [] => Err(refuse_strangers(path).err().unwrap_or_else(|| {
            Error::usage(format!("no format knows it by its look; write FORMAT:PATH (formats: {})", names.join(", ")))
                .in_file(path)
        })),
        several => {
            let names: Vec<&str> = several.iter().map(|format| format.name).collect();
            Err(Error::usage(format!("it may be {}; write FORMAT:PATH", names.join(" or "))).in_file(path))
        }
    }
}
