//! The folder of public traces beside the repository: which format reads each, or why none does.
//!
//! No row of a public trace is in this repository; where the folder is absent its tests are skipped, and say so, unless
//! `PLIMSOLL_REQUIRE` names `traces`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use plimsoll::cluster::HostSpec;
use plimsoll::rng::Seed;
use plimsoll::trace::{Budgets, FORMATS, ImportReport, TraceArg, read_trace};
use plimsoll::workload::{UsageMode, Workload};

/// `path` in the folder of traces; `None`, announced, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(path);
    if found.exists() {
        return Some(found);
    }
    let required = std::env::var("PLIMSOLL_REQUIRE").is_ok_and(|what| what.split(',').any(|w| w.trim() == "traces"));
    assert!(!required, "PLIMSOLL_REQUIRE names traces, and {} is absent", found.display());
    // Not by eprintln!, which the test harness would swallow.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {} is absent", found.display()).unwrap();
    None
}

/// The text of a file of the folder, unpacked.
pub fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    match bytes.starts_with(&[0x1f, 0x8b]) {
        true => drop(MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap()),
        false => text = String::from_utf8(bytes).unwrap(),
    }
    text
}

/// Imports `FORMAT:PATH` with options.
pub fn import(arg: &str, options: &[(&str, &str)]) -> (Workload, Vec<HostSpec>, ImportReport) {
    let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let imported = read_trace(&TraceArg::parse(arg).unwrap(), &options, &Budgets::default()).unwrap();
    imported.finish(UsageMode::Request, Seed(1)).unwrap()
}

/// Folders that a format reads, by its name, and those that none does, with the reason.
const FOLDERS: &[(&str, Result<&str, &str>)] = &[
    ("alibaba-2017", Ok("alibaba-2017")),
    ("alibaba-dlrm-2025", Ok("alibaba-dlrm")),
    ("alibaba-genai-2026", Ok("genai")),
    ("alibaba-gpu-2020-headers", Err("headers without rows")),
    ("alibaba-gpu-2023-openb", Ok("openb")),
    ("alibaba-spot-2026", Err("nodes without their jobs, and no memory of either")),
    ("azure-2017-vm", Ok("azure-vm")),
    ("azure-llm-2023", Err("requests to one model, not jobs of a cluster")),
    ("bitbrains-opendc", Ok("bitbrains")),
    ("failure-opendc", Ok("opendc-failures")),
    ("google-2011-excerpt", Ok("google-2011")),
    ("google-2019-flattened", Err("99 rows of somebody's join, not a table of the trace")),
    ("opendc-surf", Ok("opendc")),
    ("opendc-topologies", Ok("opendc")),
    ("philly-runtimes", Err("run times alone: no arrivals, no requests")),
    ("simkube", Err("changes of Kubernetes objects, minutes of one small cluster")),
    ("swf", Ok("swf")),
];

#[test]
fn every_shared_folder_is_read_or_has_a_reason() {
    let Some(folder) = shared("") else { return };
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = FOLDERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, known, "a new folder needs its format, or the reason for which none reads it");
    for (name, format) in FOLDERS {
        if let Ok(format) = format {
            assert!(FORMATS.iter().any(|known| known.name == *format), "{name}: no format {format}");
        }
    }
}
