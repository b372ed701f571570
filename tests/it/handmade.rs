//! Handmade files of every format, each with the quirks of its source, and what they become: `tests/traces/FORMAT/` holds the
//! files and `expected.txt` the report and the native tables. `UPDATE_GOLDEN=1` writes these anew; they were checked by hand.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use plimsoll::rng::Seed;
use plimsoll::trace::{
    Budgets, FORMATS, ImportReport, TraceArg, TraceOutage, native, read_outages, read_trace, write_outages,
};
use plimsoll::workload::UsageMode;

/// The file of a format's folder to name; blank: the folder. Formats without a line here have tests of their own files.
const NAMED: &[(&str, &str)] = &[
    ("native", "x.csv"),
    ("openb", ""),
    ("google-2011", ""),
    ("alibaba-2017", ""),
    ("alibaba-dlrm", "instances.csv"),
    ("swf", "log.swf"),
    ("azure-vm", ""),
    ("bitbrains", ""),
    ("prometheus", "answers.json"),
    ("genai", "memory.csv"),
    ("opendc", ""),
    ("opendc-failures", "outages.csv"),
];

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(format)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn tables(out: &mut String, report: &ImportReport, outages: &[TraceOutage], others: &[(&str, Option<Vec<u8>>)]) {
    write!(out, "{report}").unwrap();
    for (name, bytes) in others {
        if let Some(bytes) = bytes {
            write!(out, "--- {name}\n{}", text(bytes.clone())).unwrap();
        }
    }
    if !outages.is_empty() {
        let mut bytes = Vec::new();
        write_outages(outages, &mut bytes).unwrap();
        write!(out, "--- x.outages.csv\n{}", text(bytes)).unwrap();
    }
}

/// What `format` makes of its handmade files.
fn told(format: &str, file: &str) -> String {
    let folder = folder(format);
    let arg = |format: &str, file: &str| {
        let path = if file.is_empty() { folder.clone() } else { folder.join(file) };
        TraceArg::parse(&format!("{format}:{}", path.display())).unwrap()
    };
    let info = FORMATS.iter().find(|info| info.name == format).expect("a row of the table");
    let (none, budgets) = (BTreeMap::new(), Budgets::default());
    let mut out = String::new();
    if info.read_outages.is_some() {
        let read = read_outages(&arg(format, file), &none, &budgets).unwrap();
        tables(&mut out, &read.report, &read.outages, &[]);
        return out;
    }
    let imported = if info.read_usage.is_some() {
        let mut under = read_trace(&arg("native", "jobs.csv"), &none, &budgets).unwrap();
        under.overlay(&arg(format, file), &none, &budgets).unwrap();
        under
    } else {
        read_trace(&arg(format, file), &none, &budgets).unwrap()
    };
    let outages = imported.outages.clone();
    let (workload, hosts, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    let files = native::write(&workload, &hosts).unwrap();
    let hosts = (!hosts.is_empty()).then_some(files.hosts);
    tables(
        &mut out,
        &report,
        &outages,
        &[("x.csv", Some(files.jobs)), ("x.hosts.csv", hosts), ("x.usage.csv", files.usage)],
    );
    out
}

#[test]
fn handmade_files_of_every_format_become_what_they_should() {
    let update = std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1");
    let mut wrong = Vec::new();
    for (format, file) in NAMED {
        let (found, path) = (told(format, file), folder(format).join("expected.txt"));
        if update {
            std::fs::write(&path, &found).unwrap();
            continue;
        }
        let wanted = std::fs::read_to_string(&path).unwrap_or_default();
        for (line, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
            if found != wanted {
                wrong.push(format!("{format}, line {}:\n  found    {found}\n  expected {wanted}", line + 1));
            }
        }
        if found.lines().count() != wanted.lines().count() {
            wrong.push(format!("{format}: {} lines, {} expected", found.lines().count(), wanted.lines().count()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let own: Vec<&str> = NAMED.iter().map(|(format, _)| *format).chain(["k8s"]).collect();
    for format in FORMATS {
        assert!(own.contains(&format.name), "{} has no handmade files", format.name);
    }
}
