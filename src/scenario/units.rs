//! Real unit files and `x_fleet`: what they say of a job, and what of it counts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::file::JobSection;
use super::outside::{found, placed};
use super::text::At;
use crate::error::{Error, Result, unknown_name};
use crate::fleet::Version;
use crate::fleet::docker_run::DockerRun;
use crate::fleet::options::{KNOWN, Options};
use crate::fleet::service::Restart;
use crate::fleet::unit_file::UnitFile;
use crate::units::Bytes;
use crate::workload::{RestartPolicy, WorkloadBuilder};

/// Options of `[Service]` that count.
const COUNT: &[&str] = &["ExecStart", "Restart"];

/// What a unit says of its jobs.
#[derive(Clone, Copy, Default)]
pub(super) struct UnitSays {
    /// Its `[X-Fleet]` section, as a number of the workload's list.
    pub number: Option<u32>,
    /// `-m` of its container.
    pub memory: Option<Bytes>,
    /// `Restart=`.
    pub restart: Option<RestartPolicy>,
}

/// Reads `unit` and `x_fleet` of an entry; what of the file is ignored goes into `notes`.
pub(super) fn read(
    entry: &At<JobSection>,
    folder: &Path,
    most_bytes: usize,
    builder: &mut WorkloadBuilder,
    notes: &mut Vec<String>,
) -> Result<UnitSays> {
    let mut says = UnitSays::default();
    let mut options = Options::default();
    if let Some(path) = &entry.unit {
        let file = file(path, folder, most_bytes).map_err(|why| placed(why, path))?;
        options = file.options().clone();
        service(&file, &mut says, notes);
    }
    for (name, values) in &entry.x_fleet {
        if !KNOWN.contains(&name.as_str()) {
            return Err(entry.refuse(unknown_name("option of [X-Fleet]", name, KNOWN)).in_field("x_fleet"));
        }
        for value in values {
            options.add_line(name, value);
        }
    }
    if options != Options::default() {
        says.number = Some(builder.unit(Arc::new(options)));
    }
    Ok(says)
}

fn file(path: &At<String>, folder: &Path, most_bytes: usize) -> Result<UnitFile> {
    let whole = found(path, folder);
    let name = Path::new(&whole).file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let cannot = |why: std::io::Error| Error::input(format!("unit {whole} cannot be read: {why}"));
    let bytes = std::fs::metadata(&whole).map_err(cannot)?.len();
    if bytes > most_bytes as u64 {
        return Err(Error::budget("bytes of a unit file", bytes, most_bytes, "--max-yaml-bytes"));
    }
    UnitFile::read(&name, &std::fs::read_to_string(&whole).map_err(cannot)?)
}

/// What of `[Service]` counts.
fn service(file: &UnitFile, says: &mut UnitSays, notes: &mut Vec<String>) {
    let service = file.service();
    match &service.docker {
        DockerRun::Limits(limits) => {
            says.memory = limits.memory;
            if let Some(shares) = limits.cpu_shares {
                notes.push(format!(
                    "unit {}: -c {shares} is ignored: all containers of a host weigh the same",
                    file.name()
                ));
            }
        }
        DockerRun::Unclear(why) => notes.push(format!("unit {}: its limits cannot be told: {why}", file.name())),
        DockerRun::Absent => {}
    }
    let written = |name: &str| file.entries().iter().any(|entry| entry.section == "Service" && entry.name == name);
    if written("Restart") {
        says.restart = Some(match service.restart {
            Restart::No => RestartPolicy::Never,
            Restart::Always => RestartPolicy::Always,
            Restart::OnFailure => RestartPolicy::OnFailure,
            other => {
                notes.push(format!("unit {}: Restart={other:?} is taken as on-failure", file.name()));
                RestartPolicy::OnFailure
            }
        });
    }
    let ignored: BTreeSet<String> = file
        .entries()
        .iter()
        .filter(|entry| {
            entry.section != "X-Fleet" && !(entry.section == "Service" && COUNT.contains(&entry.name.as_str()))
        })
        .map(|entry| format!("{}/{}", entry.section, entry.name))
        .chain(file.unknown_options(Version::V1_0_0).iter().map(|entry| format!("X-Fleet/{}", entry.name)))
        .collect();
    if !ignored.is_empty() {
        let list = ignored.into_iter().collect::<Vec<_>>().join(", ");
        notes.push(format!("unit {}: ignored: {list}", file.name()));
    }
}
