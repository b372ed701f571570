//! A text with manifests: where it came from, and in which line what stands.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::super::document::{Document, in_place};
use super::super::outside::found;
use super::super::read::{Header, parse_all};
use super::super::text::At;
use super::super::{Budgets, KIND};
use crate::error::{Error, Result};
use crate::kube::config::Effective;
use crate::kube::object::Objects;
use crate::trace::manifest::source::place_of;

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
        place_of(&self.text, message).is_some()
    }

    /// Gives `error` the file, and line and column of the object and field that its message begins with.
    pub fn place(&self, error: Error) -> Error {
        let error = match place_of(&self.text, error.message()) {
            Some((line, column)) => error.at(line, column),
            None => error,
        };
        match &self.file {
            Some(file) => error.in_file(file),
            None => error,
        }
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
