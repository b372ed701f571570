//! Traces in the native format on disk: all tables or none, never over somebody else's, packed without a time stamp.
//!
//! Tables are written row by row to temporary names beside their places and renamed once all are complete. A table of
//! an older trace of the same name that the new one does not have is taken away, as a reader would take it for its own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::report::limited::Limited;
use crate::trace::{TraceOutage, native, write_outages};
use crate::workload::Workload;

/// What stands behind the name of a trace in the names of its files, and how each may end: a reader finds all of these.
const FILES: [(&str, &[&str]); 5] = [
    ("", TABLE),
    (".hosts", TABLE),
    (".outages", TABLE),
    (".usage", TABLE),
    (".objects", &[".json", ".json.gz", ".json.zst"]),
];
const TABLE: &[&str] = &[".csv", ".csv.gz", ".csv.zst", ".parquet"];

/// Where a trace is written.
#[derive(Clone, Copy, Debug)]
pub struct NativeTarget<'a> {
    /// The table of jobs: `x.csv`, `x.csv.gz` for all tables packed, or `x.parquet` (with the feature `parquet`).
    pub path: &'a Path,
    /// Whether tables that are there are replaced.
    pub force: bool,
    /// Most bytes of all tables together, as they lie on disk.
    pub max_bytes: u64,
    /// Set when the user wants to stop.
    pub stop: Option<&'a AtomicBool>,
}

/// Folder, name without endings, and the ending of all tables.
struct Names {
    folder: PathBuf,
    stem: String,
    ending: &'static str,
}

impl Names {
    fn of(path: &Path) -> Result<Names> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named = ["csv", "csv.gz", "parquet"].into_iter().find_map(|ending| {
            let stem = name.strip_suffix(ending)?.strip_suffix('.').filter(|stem| !stem.is_empty())?;
            Some((stem, ending))
        });
        let Some((stem, ending)) = named else {
            let what = "-o wants a name that ends in .csv, .csv.gz or .parquet, or - for standard output";
            return Err(Error::usage(what).in_file(path));
        };
        if ending == "parquet" && !cfg!(feature = "parquet") {
            let what = "this build writes no Parquet; build with: cargo build --release --features parquet";
            return Err(Error::usage(what).in_file(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(Names { folder: folder.unwrap_or(Path::new(".")).into(), stem: stem.into(), ending })
    }

    /// Every file that a reader would take for a part of this trace.
    fn all(&self) -> Vec<PathBuf> {
        let one = |(what, endings): &(&str, &'static [&str])| {
            let start = format!("{}{what}", self.stem);
            endings.iter().map(move |ending| format!("{start}{ending}"))
        };
        FILES.iter().flat_map(one).map(|name| self.folder.join(name)).collect()
    }

    /// The table of `what`, jobs for an empty text.
    fn table(&self, what: &str) -> PathBuf {
        let dot = if what.is_empty() { "" } else { "." };
        self.folder.join(format!("{}{dot}{what}.{}", self.stem, self.ending))
    }

    /// The Kubernetes objects, which are JSON whatever the tables are.
    fn objects(&self) -> PathBuf {
        self.folder.join(format!("{}.objects.json{}", self.stem, if self.ending == "csv.gz" { ".gz" } else { "" }))
    }
}

/// Whether a trace may be written to `path`: its name will do, and no table of it is there, or `force` is set. Worth
/// asking before long work.
pub fn check_native(path: &Path, force: bool) -> Result<()> {
    let names = Names::of(path)?;
    if !names.folder.is_dir() {
        return Err(Error::usage("there is no such folder; make it first").in_file(&names.folder));
    }
    match names.all().into_iter().find(|path| path.exists()) {
        Some(there) if there.is_dir() => Err(Error::usage("is a folder; choose another name").in_file(there)),
        Some(there) if !force => {
            Err(Error::usage("is there already; choose another name, or replace all tables of that name with --force")
                .in_file(there))
        }
        _ => Ok(()),
    }
}

/// Writes `workload` and what belongs to it; tables without rows are not written. Returns the names of the files.
///
/// Errors: as [`check_native`]; what the native format cannot say (input); the budget; a failure to write. Then nothing
/// is left behind, and what was there is as it was.
pub fn write_native(
    target: &NativeTarget<'_>,
    workload: &Workload,
    hosts: &[HostSpec],
    outages: &[TraceOutage],
) -> Result<Vec<PathBuf>> {
    check_native(target.path, target.force)?;
    let names = Names::of(target.path)?;
    let mut pending = Pending::default();
    let mut left = target.max_bytes;
    let mut table = |what: &str, write: &dyn Fn(&mut dyn Write) -> Result<()>| {
        let place = names.table(what);
        left = match names.ending {
            "parquet" => pending.add(place, false, left, target, &|out| as_parquet(what, write, out))?,
            ending => pending.add(place, ending == "csv.gz", left, target, write)?,
        };
        Ok::<(), Error>(())
    };
    table("", &|out| native::write_jobs(workload, out))?;
    if !hosts.is_empty() {
        table("hosts", &|out| native::write_hosts(hosts, out))?;
    }
    if !outages.is_empty() {
        table("outages", &|out| write_outages(outages, out))?;
    }
    if workload.ids().any(|job| !workload.profile(job).is_empty()) {
        table("usage", &|out| native::write_usage(workload, out))?;
    }
    if native::has_objects(workload, hosts) {
        let packed = names.ending == "csv.gz";
        pending.add(names.objects(), packed, left, target, &|out| native::write_objects(workload, hosts, out))?;
    }
    let written = pending.rename()?;
    for stale in names.all() {
        if !written.contains(&stale) {
            match fs::remove_file(&stale) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&stale, &error)),
                _ => {}
            }
        }
    }
    Ok(written)
}

/// Writes the table `what`, which `write` writes as CSV, as Parquet.
#[cfg(feature = "parquet")]
fn as_parquet(what: &str, write: &dyn Fn(&mut dyn Write) -> Result<()>, out: &mut dyn Write) -> Result<()> {
    let mut csv = Vec::new();
    write(&mut csv)?;
    let packed = crate::trace::native_table(what, &csv)?;
    out.write_all(&packed).map_err(|error| Error::failed(format!("cannot be written ({error})")))
}

#[cfg(not(feature = "parquet"))]
fn as_parquet(_: &str, _: &dyn Fn(&mut dyn Write) -> Result<()>, _: &mut dyn Write) -> Result<()> {
    Err(Error::usage("this build writes no Parquet"))
}

/// Writes one file whole or not at all; one that is there only with `force`.
pub fn write_file(path: &Path, force: bool, bytes: &[u8]) -> Result<()> {
    check_file(path, force)?;
    let target = NativeTarget { path, force, max_bytes: u64::MAX, stop: None };
    let mut pending = Pending::default();
    pending.add(path.into(), false, u64::MAX, &target, &|out| {
        out.write_all(bytes).map_err(|error| Error::failed(format!("cannot be written ({error})")))
    })?;
    pending.rename().map(drop)
}

/// Whether `path` may be written: nothing is there, or `force` is set.
pub fn check_file(path: &Path, force: bool) -> Result<()> {
    if path.is_dir() {
        return Err(Error::usage("is a folder; name a file").in_file(path));
    }
    if path.exists() && !force {
        return Err(Error::usage("is there already; choose another name, or replace it with --force").in_file(path));
    }
    Ok(())
}

fn failed(place: &Path, error: &io::Error) -> Error {
    Error::failed(format!("cannot be written ({error})")).in_file(place)
}

/// Complete files under temporary names: gone when this is dropped.
#[derive(Default)]
struct Pending(Vec<(PathBuf, PathBuf)>);

impl Pending {
    /// Writes one more file for the place `to`; returns what is left of `left` bytes.
    fn add(
        &mut self,
        to: PathBuf,
        packed: bool,
        left: u64,
        target: &NativeTarget<'_>,
        write: &dyn Fn(&mut dyn Write) -> Result<()>,
    ) -> Result<u64> {
        let mut name = to.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".plimsoll-tmp-{}", std::process::id()));
        let temporary = to.with_file_name(name);
        let file = File::create(&temporary).map_err(|error| failed(&to, &error))?;
        self.0.push((temporary, to.clone()));
        let mut out = Limited::new(file, left, target.stop);
        let written = if packed {
            // The header says neither when nor where it was packed.
            let mut gzip = GzEncoder::new(&mut out, Compression::default());
            write(&mut gzip).and_then(|()| gzip.finish().map(drop).map_err(|error| failed(&to, &error)))
        } else {
            write(&mut out)
        };
        let flushed = out.flush();
        match (out.ended(target.max_bytes, &to), written) {
            (Some(ended), _) => Err(ended),
            (None, Err(error)) => Err(error.in_file(to)),
            (None, Ok(())) => flushed.map(|()| out.left).map_err(|error| failed(&to, &error)),
        }
    }

    /// Gives every file its name.
    fn rename(mut self) -> Result<Vec<PathBuf>> {
        let mut done = Vec::new();
        for (from, to) in std::mem::take(&mut self.0) {
            if let Err(error) = fs::rename(&from, &to) {
                let _ = fs::remove_file(&from);
                return Err(failed(&to, &error));
            }
            done.push(to);
        }
        Ok(done)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        for (temporary, _) in &self.0 {
            let _ = fs::remove_file(temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    fn folder(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("plimsoll-native-{test}-{}", std::process::id()));
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

    fn workload(usage: bool) -> Workload {
        let mut b = WorkloadBuilder::new();
        let job = Job::batch("a", SimTime(1), SimDuration(2), MilliCpu(3), Bytes(4));
        b.push(if usage { job.using(MilliCpu(1), Bytes(1)) } else { job }).unwrap();
        b.finish(UsageMode::Request, Seed(1)).unwrap()
    }

    fn outage() -> TraceOutage {
        TraceOutage::down("h".into(), SimTime(1), SimDuration(5))
    }

    #[test]
    fn only_tables_with_rows_are_written_and_stale_ones_go() {
        let folder = folder("stale");
        let path = folder.join("x.csv");
        let target = NativeTarget { path: &path, force: false, max_bytes: 10_000, stop: None };
        let hosts = [HostSpec::new("h", MilliCpu(1), Bytes(1))];
        write_native(&target, &workload(true), &hosts, &[outage()]).unwrap();
        assert_eq!(names(&folder), ["x.csv", "x.hosts.csv", "x.outages.csv", "x.usage.csv"]);
        let error = write_native(&target, &workload(false), &[], &[]).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("--force"), "{error}");
        assert_eq!(names(&folder).len(), 4);
        // Packed under the same name: a reader would otherwise find both.
        let packed = folder.join("x.csv.gz");
        let target = NativeTarget { path: &packed, force: true, ..target };
        write_native(&target, &workload(false), &hosts, &[]).unwrap();
        assert_eq!(names(&folder), ["x.csv.gz", "x.hosts.csv.gz"]);
        let first = fs::read(&packed).unwrap();
        // No name, no time: bytes 4 to 7 of a gzip header are the time.
        assert_eq!((&first[..4], &first[4..8]), (&[0x1f, 0x8b, 8, 0][..], &[0; 4][..]));
        write_native(&target, &workload(false), &hosts, &[]).unwrap();
        assert_eq!(fs::read(&packed).unwrap(), first);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn objects_go_beside_the_tables_and_stale_ones_go() {
        use crate::kube::framework::World;
        let folder = folder("objects");
        let path = folder.join("x.csv");
        let target = NativeTarget { path: &path, force: true, max_bytes: 10_000, stop: None };
        let mut b = WorkloadBuilder::new();
        let namespaces = [("n".to_owned(), Default::default())].into_iter().collect();
        b.objects(std::sync::Arc::new(World { namespaces, ..World::default() }));
        b.push(Job::batch("a", SimTime(1), SimDuration(2), MilliCpu(3), Bytes(4))).unwrap();
        write_native(&target, &b.finish(UsageMode::Request, Seed(1)).unwrap(), &[], &[]).unwrap();
        assert_eq!(names(&folder), ["x.csv", "x.objects.json"]);
        fs::write(folder.join("x.usage.parquet"), "").unwrap();
        write_native(&target, &workload(false), &[], &[]).unwrap();
        assert_eq!(names(&folder), ["x.csv"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_budget_or_a_stop_leaves_what_was_there() {
        let folder = folder("budget");
        let path = folder.join("x.csv");
        fs::write(&path, "mine").unwrap();
        let target = NativeTarget { path: &path, force: true, max_bytes: 100, stop: None };
        let error = write_native(&target, &workload(true), &[], &[]).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("--max-output-bytes"), "{error}");
        let stop = AtomicBool::new(true);
        let target = NativeTarget { max_bytes: 10_000, stop: Some(&stop), ..target };
        assert_eq!(write_native(&target, &workload(true), &[], &[]).unwrap_err().exit_code(), 130);
        assert_eq!((names(&folder), fs::read_to_string(&path).unwrap()), (vec!["x.csv".to_owned()], "mine".into()));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn names_that_a_reader_would_not_find_are_refused() {
        for name in ["x", "x.txt", ".csv", "x.csv.zst", ".csv.gz"] {
            let error = check_native(&std::env::temp_dir().join(name), false).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains("-o wants"), "{name}: {error}");
        }
        let error = check_native(Path::new("/nowhere/at/all/x.csv"), false).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/at/all: there is no such folder; make it first");
    }
}
