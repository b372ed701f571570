//! The files of a dump, and in which of them stands what an error speaks of.

use std::path::{Path, PathBuf};

use super::super::manifest::source::place_of;
use super::super::{Budgets, input, parts};
use super::stream;
use crate::error::{Error, Result};
use crate::kube::object::Objects;

/// Most bytes of all files together, which are held in memory at once: 2 GiB.
const BYTES_MAX: u64 = 2 << 30;
/// What the name of a file ends with that a folder is read for, packing apart.
const ENDINGS: [&str; 6] = [".json", ".yaml", ".yml", ".jsonl", ".ndjson", ".jsons"];

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Dump {
    /// The objects.
    pub objects: Objects,
    /// The texts that they stand in, for the places of errors.
    texts: Vec<(PathBuf, String)>,
    /// Files of a folder that were passed over.
    pub passed_over: u64,
}

/// Whether a file of this name may hold objects.
pub(super) fn may_hold_objects(name: &str) -> bool {
    let plain = [".gz", ".zst"].iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(name);
    ENDINGS.iter().any(|end| plain.ends_with(end))
}

impl Dump {
    /// Reads a file, several with commas between them, or a folder.
    pub fn read(path: &str, budgets: &Budgets) -> Result<Self> {
        let mut dump = Dump::default();
        // A file whose name has a comma goes first.
        let one = path == "-" || !path.contains(',') || Path::new(path).exists();
        let several: Vec<&str> = if one { vec![path] } else { path.split(',').map(str::trim).collect() };
        if several.iter().filter(|path| **path == "-").count() > 1 {
            return Err(Error::usage("standard input (-) can be read once only"));
        }
        for path in several {
            if path.is_empty() {
                return Err(Error::usage("a path between two commas is empty; write k8s:NODES.json,PODS.json"));
            }
            if Path::new(path).is_dir() {
                dump.read_folder(Path::new(path), budgets)?;
            } else {
                dump.read_file(path, budgets)?;
            }
        }
        dump.read_objects()?;
        Ok(dump)
    }

    fn read_folder(&mut self, folder: &Path, budgets: &Budgets) -> Result<()> {
        let names = parts::names(folder)?;
        let (good, other): (Vec<&String>, Vec<&String>) =
            names.iter().filter(|name| folder.join(name).is_file()).partition(|name| may_hold_objects(name));
        self.passed_over += other.len() as u64;
        if good.is_empty() {
            let what = format!("the folder has no file that may hold objects ({})", ENDINGS.join(", "));
            return Err(Error::input(what).in_file(folder));
        }
        for name in good {
            self.read_file(&parts::text(&folder.join(name)), budgets)?;
        }
        Ok(())
    }

    fn read_file(&mut self, path: &str, budgets: &Budgets) -> Result<()> {
        let name = input::display_name(path);
        let held: u64 = self.texts.iter().map(|(_, text)| text.len() as u64).sum();
        let most = budgets.max_decompressed_bytes.min(BYTES_MAX);
        let left = Budgets { max_decompressed_bytes: most - held.min(most), ..*budgets };
        let text = input::whole_text(path, &left)?;
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(Error::input("is empty; kubectl get nodes,pods -A -o json gives objects").in_file(&name));
        }
        self.texts.push((name, text));
        Ok(())
    }

    /// Reads the objects of all texts: item by item where that will do, since a dump as one tree of values takes twenty times
    /// the room of its text. What is wrong, or says the kind of its items behind them, is read once more as a whole, which
    /// knows the place of everything.
    fn read_objects(&mut self) -> Result<()> {
        let mut objects = Objects::default();
        let texts: Vec<&str> = self.texts.iter().map(|(_, text)| text.as_str()).collect();
        let streamed = texts.iter().all(|text| stream::read(&mut objects, text));
        if !streamed || objects.unknown_class(&texts).is_some() {
            objects = Objects::default();
            for (name, text) in &self.texts {
                objects.read_text(text).map_err(|why| why.in_file(name))?;
            }
        }
        self.objects = objects;
        Ok(())
    }

    /// Gives `error` file and line of the object and field that its message begins with.
    pub fn place(&self, error: Error) -> Error {
        if error.file().is_some() {
            return error;
        }
        for (file, text) in &self.texts {
            if let Some((line, column)) = place_of(text, error.message()) {
                return error.at(line, column).in_file(file);
            }
        }
        match self.texts.first() {
            Some((file, _)) => error.in_file(file),
            None => error,
        }
    }

    /// Uses of a priority class that is not there, with its place.
    pub fn unknown_class(&self) -> Option<Error> {
        let texts: Vec<&str> = self.texts.iter().map(|(_, text)| text.as_str()).collect();
        let (number, error) = self.objects.unknown_class(&texts)?;
        Some(error.in_file(&self.texts[number].0))
    }

    /// The file that errors about all of it name.
    pub fn file(&self) -> PathBuf {
        self.texts.first().map_or_else(PathBuf::new, |(file, _)| file.clone())
    }
}
