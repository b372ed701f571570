//! Results directories: all outputs or none, and never over somebody else's files.
//!
//! A new directory is written beside its place and renamed into it. In a directory that exists the files are written
//! to a temporary folder inside (it may be a mount point) and renamed one by one once all of them are complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::report::limited::Limited;
use crate::report::{EXPORTS, ExportInfo, OUTPUTS, OutputInfo};

/// The file that says that a directory is ours to overwrite.
pub const MARKER_FILE: &str = ".plimsoll";
/// What it holds.
pub const MARKER_TEXT: &str = "plimsoll results 1\n";
/// The default budget for all files of a directory together.
pub const DEFAULT_MAX_OUTPUT_BYTES: u64 = 4 << 30;

/// How a directory is written.
#[derive(Clone, Copy, Debug)]
pub struct DirOptions<'a> {
    /// Write into a directory that holds other things; they stay, unless they have the name of an output.
    pub force: bool,
    /// Budget for all files together, raised with `--max-output-bytes`.
    pub max_bytes: u64,
    /// Write each table as Parquet, too, beside its CSV (with the feature `parquet`).
    pub parquet: bool,
    /// The forms of other tools that are written, too.
    pub exports: &'a [&'static ExportInfo],
    /// Set when the user wants to stop; looked at between writes.
    pub stop: Option<&'a AtomicBool>,
}

impl Default for DirOptions<'_> {
    fn default() -> Self {
        DirOptions { force: false, max_bytes: DEFAULT_MAX_OUTPUT_BYTES, parquet: false, exports: &[], stop: None }
    }
}

/// Whether results may be written to `dir`: it is new, empty or ours, or `force` is set. Worth asking before a long
/// run.
pub fn check_dir(dir: &Path, force: bool) -> Result<()> {
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::failed(format!("cannot be read ({error})")).in_file(dir)),
    };
    if !metadata.is_dir() {
        return Err(Error::usage("is a file; -o wants a directory for its results").in_file(dir));
    }
    if force || fs::read_to_string(dir.join(MARKER_FILE)).is_ok_and(|text| text == MARKER_TEXT) {
        return Ok(());
    }
    let mut entries = fs::read_dir(dir).map_err(|e| Error::failed(format!("cannot be read ({e})")).in_file(dir))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Error::usage(
            "holds files that Plimsoll did not write; choose another directory, or write into this one with --force",
        )
        .in_file(dir)),
    }
}

/// A file of a results directory: its name, and how it is written.
pub struct Piece<'a> {
    /// Its name, without a folder.
    pub file: &'a str,
    /// Writes it.
    pub write: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
}

/// Writes all outputs of `experiment` to `dir`, or none.
pub fn write_dir(experiment: &Experiment, dir: &Path, options: &DirOptions<'_>) -> Result<()> {
    type Writer<'e> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'e>;
    let (here, not_here): (Vec<&OutputInfo>, Vec<&OutputInfo>) =
        OUTPUTS.iter().partition(|output| output.belongs_to(experiment));
    let writers: Vec<Writer<'_>> =
        here.iter().map(|o| Box::new(move |out: &mut dyn Write| o.write(experiment, out)) as Writer<'_>).collect();
    let mut pieces: Vec<Piece<'_>> =
        here.iter().zip(&writers).map(|(output, write)| Piece { file: output.file, write }).collect();
    // An earlier experiment may have left what this one does not have.
    let mut stale: Vec<&str> = not_here.iter().map(|output| output.file).collect();
    let packed_name = |output: &OutputInfo| output.file.strip_suffix(".csv").map(|stem| format!("{stem}.parquet"));
    let tables: Vec<(String, Writer<'_>)> = OUTPUTS
        .iter()
        .filter_map(|output| Some((output, packed_name(output)?)))
        .map(|(output, name)| (name, Box::new(|out: &mut dyn Write| as_parquet(output, experiment, out)) as Writer<'_>))
        .collect();
    for (name, write) in &tables {
        let there = options.parquet && here.iter().any(|output| packed_name(output).as_ref() == Some(name));
        if there { pieces.push(Piece { file: name, write }) } else { stale.push(name) }
    }
    let exported: Vec<(&str, Writer<'_>)> = EXPORTS
        .iter()
        .map(|export| (export.file, Box::new(|out: &mut dyn Write| (export.write)(experiment, out)) as Writer<'_>))
        .collect();
    for (file, write) in &exported {
        let asked = options.exports.iter().any(|export| export.file == *file);
        if asked { pieces.push(Piece { file, write }) } else { stale.push(file) }
    }
    write_files(&pieces, &stale, dir, options)
}

/// Writes a table as Parquet; numbers are columns in which all fields are.
#[cfg(feature = "parquet")]
fn as_parquet(output: &OutputInfo, experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    use crate::trace::{Numbers, parquet_of};
    let mut csv = Vec::new();
    output.write(experiment, &mut csv)?;
    out.write_all(&parquet_of(&csv, Numbers::AsTheyAre).map_err(|why| io::Error::other(why.to_string()))?)
}

#[cfg(not(feature = "parquet"))]
fn as_parquet(_: &OutputInfo, _: &Experiment, _: &mut dyn Write) -> io::Result<()> {
    Err(io::Error::other("this build writes no Parquet; build with: cargo build --release --features parquet"))
}

/// Writes all `pieces` to `dir`, or none, and takes away what is `stale` there.
pub fn write_files(pieces: &[Piece<'_>], stale: &[&str], dir: &Path, options: &DirOptions<'_>) -> Result<()> {
    check_dir(dir, options.force)?;
    if dir.exists() {
        return write_into(pieces, stale, dir, options);
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Innermost first, so that a failure can take them away again.
    let made: Vec<&Path> = parent.ancestors().take_while(|a| !a.as_os_str().is_empty() && !a.exists()).collect();
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let temporary = Temporary(parent.join(format!(".{name}.plimsoll-tmp-{}", std::process::id())));
    let result = fs::create_dir_all(parent).map_err(|error| failed(parent, &error)).and_then(|()| {
        write_all(pieces, &temporary.0, dir, options)?;
        fs::rename(&temporary.0, dir).map_err(|error| failed(dir, &error))
    });
    if result.is_err() {
        drop(temporary);
        for ancestor in made {
            let _ = fs::remove_dir(ancestor);
        }
    }
    result
}

/// Writes into a directory that exists.
fn write_into(pieces: &[Piece<'_>], stale: &[&str], dir: &Path, options: &DirOptions<'_>) -> Result<()> {
    let temporary = Temporary(dir.join(format!(".plimsoll-tmp-{}", std::process::id())));
    write_all(pieces, &temporary.0, dir, options)?;
    // The marker goes first: should a rename fail, a second try finds a directory that is ours.
    for file in [MARKER_FILE].into_iter().chain(pieces.iter().map(|piece| piece.file)) {
        let to = dir.join(file);
        fs::rename(temporary.0.join(file), &to).map_err(|error| failed(&to, &error))?;
    }
    for file in stale {
        let stale = dir.join(file);
        match fs::remove_file(&stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&stale, &error)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes marker and outputs to the new directory `to`. Errors name the file at its place in `dir`.
fn write_all(pieces: &[Piece<'_>], to: &Path, dir: &Path, options: &DirOptions<'_>) -> Result<()> {
    // A folder of that name is what an earlier process of our number left when it was killed.
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).map_err(|error| failed(dir, &error))?;
    fs::write(to.join(MARKER_FILE), MARKER_TEXT).map_err(|error| failed(&dir.join(MARKER_FILE), &error))?;
    let mut left = options.max_bytes;
    for piece in pieces {
        let place = dir.join(piece.file);
        let file = File::create(to.join(piece.file)).map_err(|error| failed(&place, &error))?;
        let mut out = Limited::new(file, left, options.stop);
        let written = (piece.write)(&mut out).and_then(|()| out.flush());
        left = out.left;
        if let Err(error) = written {
            return Err(out.ended(options.max_bytes, &place).unwrap_or_else(|| failed(&place, &error)));
        }
    }
    Ok(())
}

fn failed(place: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot be written ({error})")).in_file(place)
}

/// A folder that is gone when this is dropped (nothing happens if it was renamed away).
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    /// An empty folder of this test's own.
    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("plimsoll-report-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn all_files(experiment: &Experiment) -> Vec<String> {
        let here = OUTPUTS.iter().filter(|output| output.belongs_to(experiment));
        let mut files: Vec<String> = here.map(|output| output.file.to_owned()).collect();
        files.push(MARKER_FILE.to_owned());
        files.sort();
        files
    }

    #[test]
    fn a_directory_gets_every_output_and_may_be_written_again() {
        let folder = folder("again");
        let dir = folder.join("deep/out");
        let experiment = fixture::hostile();
        for _ in 0..2 {
            write_dir(&experiment, &dir, &DirOptions::default()).unwrap();
            assert_eq!(names(&dir), all_files(&experiment));
            assert_eq!(names(&folder.join("deep")), ["out"]);
        }
        // What belongs to the earlier experiment only does not stay beside the later one.
        write_dir(&fixture::bare(), &dir, &DirOptions::default()).unwrap();
        assert!(all_files(&experiment).len() > all_files(&fixture::bare()).len());
        assert_eq!(names(&dir), all_files(&fixture::bare()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn other_peoples_files_are_safe_without_force_and_stay_with_it() {
        let folder = folder("force");
        let dir = folder.join("thesis");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("chapter-1.txt"), "years of work").unwrap();
        fs::write(dir.join("runs.csv"), "marathon").unwrap();
        let experiment = fixture::bare();
        let error = write_dir(&experiment, &dir, &DirOptions::default()).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("--force"), "{error}");
        assert_eq!(fs::read_to_string(dir.join("runs.csv")).unwrap(), "marathon");

        write_dir(&experiment, &dir, &DirOptions { force: true, ..DirOptions::default() }).unwrap();
        assert_eq!(fs::read_to_string(dir.join("chapter-1.txt")).unwrap(), "years of work");
        assert_ne!(fs::read_to_string(dir.join("runs.csv")).unwrap(), "marathon");
        assert!(!names(&dir).iter().any(|name| name.contains("tmp")));

        let error = write_dir(&experiment, &dir.join("chapter-1.txt"), &DirOptions::default()).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("is a file"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_empty_directory_may_be_written() {
        let folder = folder("empty");
        write_dir(&fixture::bare(), &folder, &DirOptions::default()).unwrap();
        assert_eq!(names(&folder), all_files(&fixture::bare()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_budget_or_a_stop_leaves_nothing_new_and_what_was_there_as_it_was() {
        let folder = folder("budget");
        let experiment = fixture::hostile();
        let small = DirOptions { max_bytes: 3_000, ..DirOptions::default() };
        let error = write_dir(&experiment, &folder.join("a/b/out"), &small).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("--max-output-bytes"), "{error}");
        assert_eq!(names(&folder), Vec::<String>::new());

        let dir = folder.join("out");
        write_dir(&experiment, &dir, &DirOptions::default()).unwrap();
        let before = fs::read(dir.join("summary.json")).unwrap();
        write_dir(&fixture::bare(), &dir, &small).unwrap_err();
        let stop = AtomicBool::new(true);
        let error = write_dir(&fixture::bare(), &dir, &DirOptions { stop: Some(&stop), ..DirOptions::default() });
        assert_eq!(error.unwrap_err().exit_code(), 130);
        assert_eq!(fs::read(dir.join("summary.json")).unwrap(), before);
        assert_eq!(names(&dir), all_files(&experiment));
        fs::remove_dir_all(folder).unwrap();
    }
}
