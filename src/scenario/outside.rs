//! What a scenario takes from other files and from generators.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Budgets;
use super::file::TraceSection;
use super::generator::GeneratorSection;
use super::text::At;
use crate::cluster::{Cluster, HostSpec};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::trace::{
    FORMATS, ImportReport, Imported, ImportedHosts, TraceArg, TraceOutage, as_input, read_cluster, read_hosts,
    read_outages, read_trace,
};
use crate::units::SimTime;
use crate::workload::{
    Capacity, LOAD_RESOURCES, Offered, Workload, WorkloadBuilder, generator, offered, scale_to, speed,
};

/// `path` as seen from where the program runs: relative paths of a scenario start at its folder.
pub(super) fn found(path: &str, folder: &Path) -> String {
    let one = |part: &str| {
        let plain = part == "-" || folder.as_os_str().is_empty() || folder == Path::new(".");
        if plain { part.to_string() } else { folder.join(part).to_string_lossy().into_owned() }
    };
    let whole = one(path);
    // Some formats take several files with commas between them; a file whose name has a comma goes first.
    if !path.contains(',') || Path::new(&whole).exists() {
        return whole;
    }
    path.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// Adds the place of `path` in the scenario to an error that names no file of its own.
pub(super) fn placed(why: Error, path: &At<String>) -> Error {
    if why.file().is_some() { why } else { path.place(why) }
}

/// The hosts of a file in the native format.
pub(super) fn file_hosts(file: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    read_hosts(&found(file, folder), &budgets.trace).map_err(as_input)
}

/// The hosts of a trace, as `FORMAT:PATH`.
pub(super) fn trace_hosts(
    trace: &str,
    options: &BTreeMap<String, String>,
    folder: &Path,
    budgets: &Budgets,
) -> Result<ImportedHosts> {
    read_cluster(&found_trace(trace, folder), options, &budgets.trace).map_err(as_input)
}

/// `FORMAT:PATH` with the path as seen from where the program runs.
fn found_trace(trace: &str, folder: &Path) -> String {
    match trace.split_once(':') {
        Some((name, path)) if FORMATS.iter().any(|format| format.name == name) => {
            format!("{name}:{}", found(path, folder))
        }
        _ => found(trace, folder),
    }
}

/// Outages of `FORMAT:PATH`; `None` where `path` names no format.
pub(super) fn outages(path: &str, folder: &Path, budgets: &Budgets) -> Result<Option<(Vec<TraceOutage>, Vec<String>)>> {
    let named = path.split_once(':').is_some_and(|(name, _)| FORMATS.iter().any(|format| format.name == name));
    if !named {
        return Ok(None);
    }
    let arg = TraceArg::parse(&found_trace(path, folder)).map_err(as_input)?;
    let read = read_outages(&arg, &BTreeMap::new(), &budgets.trace).map_err(as_input)?;
    Ok(Some((read.outages, said(&read.report))))
}

/// What a trace gave.
#[derive(Debug)]
pub(super) struct Traced {
    /// Its jobs.
    pub builder: WorkloadBuilder,
    /// Its hosts, used when the scenario names none.
    pub hosts: Vec<HostSpec>,
    /// When these are down.
    pub outages: Vec<TraceOutage>,
    /// What was dropped or approximated.
    pub notes: Vec<String>,
    /// The file that the jobs came from.
    pub file: PathBuf,
}

/// Jobs and hosts of a trace.
pub(super) fn trace(section: &TraceSection, folder: &Path, budgets: &Budgets) -> Result<Traced> {
    let format = &section.format;
    let path = &section.path;
    let arg =
        TraceArg::parse(&format!("{}:{}", **format, found(path, folder))).map_err(|why| format.place(as_input(why)))?;
    // A place in the trace's own file stays; the scenario's is added where there is none.
    let mut imported = read_trace(&arg, &section.options, &budgets.trace).map_err(as_input)?;
    if let Some(overlay) = &section.overlay {
        let mut lay = || {
            let over = TraceArg::parse(&found_trace(overlay, folder))?;
            imported.overlay(&over, &section.overlay_options, &budgets.trace)
        };
        lay().map_err(|why| placed(as_input(why), overlay))?;
    }
    let notes = said(&imported.report);
    let Imported { builder, hosts, outages, job_file, .. } = imported;
    Ok(Traced { builder, hosts, outages, notes, file: job_file })
}

/// One sentence for everything that a reader of a trace counted or chose.
pub(super) fn said(report: &ImportReport) -> Vec<String> {
    let mut sentences = report.sentences().into_iter();
    let first = sentences.next();
    first.into_iter().chain(sentences.map(|sentence| format!("{}: {sentence}", report.format))).collect()
}

/// `workload` cut to the trace's window, if it has one.
pub(super) fn windowed(workload: Workload, section: &TraceSection) -> Result<(Workload, Vec<String>)> {
    if section.from.is_none() && section.to.is_none() {
        return Ok((workload, Vec::new()));
    }
    let from = SimTime::ZERO + section.from.unwrap_or_default().0;
    let to = section.to.map_or(SimTime::NEVER, |to| SimTime::ZERO + to.0);
    if to <= from {
        return Err(Error::input(format!("the window ends at {to}, not after it begins at {from}")).in_field("to"));
    }
    let (cut, said) = workload.crop(from, to)?;
    let note = format!(
        "window from {from}: {} jobs arrive in it, {} were running at its beginning and go on from there, {} are left out",
        said.arriving, said.running, said.left_out
    );
    Ok((cut, vec![note]))
}

/// `workload` cut to the trace's window, then with its arrivals scaled by `load` or `speed`.
pub(super) fn scaled(workload: Workload, cluster: &Cluster, section: &TraceSection) -> Result<(Workload, Vec<String>)> {
    let (workload, mut notes) = windowed(workload, section)?;
    match (section.load, section.speed) {
        (None, None) => Ok((workload, notes)),
        (Some(_), Some(_)) => Err(Error::input("load and speed exclude each other; give one").in_field("speed")),
        (None, Some(factor)) => {
            notes.push(format!("speed: times between arrivals divided by {factor}"));
            Ok((speed(workload, factor).map_err(as_input)?, notes))
        }
        (Some(load), None) => {
            let (workload, scaled) = scale_to(workload, capacity(cluster), load.0).map_err(as_input)?;
            let percent = |share: f64| format!("{:.1} %", share * 100.0);
            let shares: Vec<String> = LOAD_RESOURCES
                .iter()
                .zip(scaled.offered.shares())
                .map(|(name, share)| format!("{name} {}", percent(share)))
                .collect();
            notes.push(format!(
                "load {}: times between arrivals divided by {}, so that {} is offered up to {} of the cluster (peaks: {})",
                load.0.share,
                scaled.factor,
                LOAD_RESOURCES[usize::from(scaled.resource)],
                percent(scaled.offered.shares()[usize::from(scaled.resource)]),
                shares.join(", ")
            ));
            Ok((workload, notes))
        }
    }
}

/// The jobs of a generator, and what is to be said of them.
pub(super) fn generated(
    section: &GeneratorSection,
    seed: Seed,
    budgets: &Budgets,
) -> Result<(WorkloadBuilder, String)> {
    if section.params.jobs > budgets.jobs {
        return Err(Error::budget("jobs", section.params.jobs, budgets.jobs, "--max-jobs"));
    }
    let builder = generator::generate(&section.name, &section.params, seed)?;
    let note = format!("{} jobs were drawn by the generator {}", builder.len(), section.name);
    Ok((builder, note))
}

fn capacity(cluster: &Cluster) -> Capacity {
    Capacity {
        cpu_milli: cluster.total_cpu().0,
        memory_bytes: cluster.total_memory().0,
        gpu_milli: cluster.total_gpu_milli(),
    }
}

/// The offered load of `workload` on `cluster`.
pub(super) fn offered_load(workload: &Workload, cluster: &Cluster) -> Offered {
    offered(workload, capacity(cluster))
}
