//! What a scenario takes from other files and from generators.

use std::path::{Path, PathBuf};

use super::Budgets;
use super::file::TraceSection;
use super::generator::GeneratorSection;
use super::text::At;
use crate::cluster::{Cluster, HostSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::Seed;
use crate::trace::{ImportReport, TraceArg, read_hosts, read_trace};
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

/// What is wrong usage on a command line is wrong input in a file.
fn as_input(why: Error) -> Error {
    if why.kind() == ErrorKind::Usage { Error::input(why.message()) } else { why }
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
pub(super) fn trace_hosts(trace: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    let arg = TraceArg::parse(trace).map_err(as_input)?;
    let path = found(&arg.source.path, folder);
    read_hosts(&format!("{}:{path}", arg.format.name), &budgets.trace).map_err(as_input)
}

/// What a trace gave.
#[derive(Debug)]
pub(super) struct Traced {
    /// Its jobs.
    pub builder: WorkloadBuilder,
    /// Its hosts, used when the scenario names none.
    pub hosts: Vec<HostSpec>,
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
    let imported = read_trace(&arg, &section.options, &budgets.trace).map_err(as_input)?;
    let notes = said(&imported.report);
    Ok(Traced { builder: imported.builder, hosts: imported.hosts, notes, file: imported.job_file })
}

/// One sentence for everything that a reader of a trace counted or chose.
fn said(report: &ImportReport) -> Vec<String> {
    let ImportReport { format, rows_read, rows_used, jobs, hosts, .. } = report;
    let mut notes = vec![format!("{format}: {rows_used} of {rows_read} rows used; {jobs} jobs, {hosts} hosts")];
    notes.extend(report.rows_dropped.iter().map(|(reason, count)| format!("{format}: {count} rows dropped: {reason}")));
    notes.extend(report.choices.iter().map(|choice| format!("{format}: {choice}")));
    notes.extend(report.warnings.iter().map(|warning| format!("{format}: {warning}")));
    notes
}

/// `workload` cut to the trace's window, then with its arrivals scaled by `load` or `speed`.
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
            "window from {from}: {} jobs arrive in it, {} were running at its beginning and go on from there, {} are \
             left out",
            said.arriving, said.running, said.left_out
        ));
    }
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
