//! What a scenario takes from other files and from generators.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Budgets;
use super::file::TraceSection;
use super::text::{At, Words};
use crate::cluster::{Cluster, HostSpec};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::trace::{self, TraceArg};
use crate::units::SimTime;
use crate::workload::generator::{GeneratorParams, generate};
use crate::workload::{Capacity, LOAD_RESOURCES, Offered, Workload, WorkloadBuilder, scale_to, speed};

/// `path` as seen from `folder`; standard input stays what it is. Several paths are joined by commas.
fn beside(folder: &Path, path: &str) -> String {
    let one = |part: &str| {
        if part == "-" || folder.as_os_str().is_empty() { PathBuf::from(part) } else { folder.join(part) }
    };
    path.split(',').map(|part| one(part).to_string_lossy().into_owned()).collect::<Vec<_>>().join(",")
}

/// A hosts file in the native format.
pub(super) fn file_hosts(file: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    trace::read_hosts(&beside(folder, file), &budgets.trace)
}

/// The hosts of a trace, as `FORMAT:PATH`, or of a native hosts file.
pub(super) fn trace_hosts(text: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    match text.split_once(':') {
        Some((format, path)) => trace::read_hosts(&format!("{format}:{}", beside(folder, path)), &budgets.trace),
        None => trace::read_hosts(&beside(folder, text), &budgets.trace),
    }
}

/// What a trace gave.
#[derive(Debug)]
pub(super) struct Traced {
    /// The jobs; inline ones may follow.
    pub builder: WorkloadBuilder,
    /// Hosts of the trace, used when the scenario names none.
    pub hosts: Vec<HostSpec>,
    /// What was read, dropped or approximated.
    pub notes: Vec<String>,
    /// The file the jobs came from.
    pub file: PathBuf,
}

/// The jobs of a trace.
pub(super) fn trace_workload(section: &TraceSection, folder: &Path, budgets: &Budgets) -> Result<Traced> {
    let arg = TraceArg::parse(&format!("{}:{}", *section.format, beside(folder, &section.path)))?;
    let imported = trace::read_trace(&arg, &section.options, &budgets.trace)?;
    let report = imported.report;
    let mut notes = vec![format!(
        "trace {}: {} of {} rows used, {} jobs, {} hosts",
        report.format, report.rows_used, report.rows_read, report.jobs, report.hosts
    )];
    notes.extend(report.rows_dropped.iter().map(|(reason, n)| format!("trace: {n} rows dropped: {reason}")));
    notes.extend(report.choices.iter().map(|choice| format!("trace: {choice}")));
    notes.extend(report.warnings.iter().map(|warning| format!("trace: {warning}")));
    Ok(Traced { builder: imported.builder, hosts: imported.hosts, notes, file: imported.job_file })
}

/// What the cluster holds in all.
fn capacity(cluster: &Cluster) -> Capacity {
    Capacity {
        cpu_milli: cluster.total_cpu().0,
        memory_bytes: cluster.total_memory().0,
        gpu_milli: cluster.total_gpu_milli(),
    }
}

/// Crops `workload` to the trace's window and scales its arrivals by `load` or `speed`.
pub(super) fn scaled(
    mut workload: Workload,
    cluster: &Cluster,
    section: &TraceSection,
) -> Result<(Workload, Vec<String>)> {
    let mut notes = Vec::new();
    if section.from.is_some() || section.to.is_some() {
        let from = SimTime::ZERO + section.from.unwrap_or_default().0;
        let to = section.to.map_or(SimTime::NEVER, |to| SimTime::ZERO + to.0);
        if to <= from {
            return Err(Error::input(format!("the window ends at {to}, not after it begins at {from}")).in_field("to"));
        }
        let (cut, said) = workload.crop(from, to)?;
        workload = cut;
        notes.push(format!(
            "window from {from}: {} jobs arrive in it, {} were running at its beginning and go on from there, {} are left out",
            said.arriving, said.running, said.left_out
        ));
    }
    match (section.load, section.speed) {
        (Some(_), Some(_)) => Err(Error::input("load and speed exclude each other; give one").in_field("speed")),
        (Some(load), None) => {
            let (workload, scaled) = scale_to(workload, capacity(cluster), load.0)?;
            let shares: Vec<String> = LOAD_RESOURCES
                .iter()
                .zip(scaled.offered.shares())
                .map(|(name, share)| format!("{name} {:.1} %", share * 100.0))
                .collect();
            notes.push(format!(
                "load {}: times between arrivals divided by {}, so that {} is offered up to {:.1} % of the cluster (peaks: {})",
                load.0.share,
                scaled.factor,
                LOAD_RESOURCES[usize::from(scaled.resource)],
                scaled.offered.shares()[usize::from(scaled.resource)] * 100.0,
                shares.join(", ")
            ));
            Ok((workload, notes))
        }
        (None, Some(factor)) => {
            notes.push(format!("speed: times between arrivals divided by {factor}"));
            Ok((speed(workload, factor)?, notes))
        }
        (None, None) => Ok((workload, notes)),
    }
}

/// The jobs of a generator.
pub(super) fn generated_workload(
    section: &At<BTreeMap<String, Words>>,
    seed: Seed,
    budgets: &Budgets,
) -> Result<(WorkloadBuilder, String)> {
    let mut words = section.value.clone();
    let Some(Words(name)) = words.remove("name") else {
        let names: Vec<&str> = crate::workload::generator::GENERATORS.iter().map(|g| g.name).collect();
        return Err(section.refuse(format!("a generator needs a name ({})", names.join(", "))).in_field("name"));
    };
    let params = parameters(&words).map_err(|what| section.refuse(what))?;
    if params.jobs > budgets.jobs {
        return Err(Error::budget("jobs", params.jobs, budgets.jobs, "--max-jobs"));
    }
    let builder = generate(&name, &params, seed)?;
    let note = format!("generator {name}: {} jobs drawn with seed {}", builder.len(), seed.0);
    Ok((builder, note))
}

/// Words to parameters: each value is a number or a comma-separated list of numbers.
fn parameters(words: &BTreeMap<String, Words>) -> std::result::Result<GeneratorParams, String> {
    let mut object = serde_json::Map::new();
    let defaults = serde_json::to_value(GeneratorParams::default()).map_err(|e| e.to_string())?;
    let known: Vec<&str> = defaults.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
    for (key, Words(text)) in words {
        let number = |part: &str| {
            let part = part.trim();
            serde_json::from_str::<serde_json::Number>(part)
                .map(serde_json::Value::Number)
                .map_err(|_| format!("generator: {key}: \"{part}\" is not a number"))
        };
        let value = match defaults.get(key) {
            None => return Err(format!("generator: {}", crate::error::unknown_name("parameter", key, &known))),
            Some(serde_json::Value::Array(_)) => {
                serde_json::Value::Array(text.split(',').map(number).collect::<std::result::Result<_, _>>()?)
            }
            Some(_) => number(text)?,
        };
        object.insert(key.clone(), value);
    }
    serde_json::from_value(serde_json::Value::Object(object)).map_err(|e| format!("generator: {e}"))
}

/// The offered load of `workload` on `cluster`.
pub(super) fn offered_load(workload: &Workload, cluster: &Cluster) -> Offered {
    crate::workload::offered(workload, capacity(cluster))
}
