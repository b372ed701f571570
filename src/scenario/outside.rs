//! What a scenario takes from other files and from generators.
//!
//! The readers of traces and the generators are being written beside this module; until they are here each of these
//! functions says so instead of leaving anything out in silence.

use std::collections::BTreeMap;
use std::path::Path;

use super::Budgets;
use super::file::TraceSection;
use super::text::Words;
use crate::cluster::{Cluster, HostSpec};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::workload::{Offered, Workload, WorkloadBuilder};

/// INTEGRATION POINT: a hosts file in the native format.
pub(super) fn file_hosts(file: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    let _ = (folder, budgets);
    Err(Error::input("hosts files are not supported yet").in_field(format!("cluster.file {file}")))
}

/// INTEGRATION POINT: the hosts of a trace, as `FORMAT:PATH`.
pub(super) fn trace_hosts(trace: &str, folder: &Path, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    let _ = (folder, budgets);
    Err(Error::input("trace files are not supported yet").in_field(format!("cluster.trace {trace}")))
}

/// What a trace gave.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// Hosts of the trace, used when the scenario names none.
    pub hosts: Vec<HostSpec>,
    /// What was dropped or approximated.
    pub notes: Vec<String>,
}

/// INTEGRATION POINT: adds the jobs of a trace, between `from` and `to`, to `builder`. `read_trace` hands over a builder
/// of its own: with inline jobs beside a trace the two have to be put together here.
pub(super) fn trace_workload(
    section: &TraceSection,
    folder: &Path,
    budgets: &Budgets,
    builder: &mut WorkloadBuilder,
) -> Result<Traced> {
    let _ = (section, folder, budgets, builder);
    Err(Error::input("trace files are not supported yet").in_field("workload.trace"))
}

/// INTEGRATION POINT: scales the arrivals of `workload` by the trace's `load` or `speed`.
pub(super) fn scaled(workload: Workload, cluster: &Cluster, section: &TraceSection) -> Result<(Workload, Vec<String>)> {
    let _ = (cluster, section);
    Ok((workload, Vec::new()))
}

/// INTEGRATION POINT: adds the jobs of a generator to `builder`.
pub(super) fn generated_workload(
    section: &BTreeMap<String, Words>,
    seed: Seed,
    budgets: &Budgets,
    builder: &mut WorkloadBuilder,
) -> Result<Vec<String>> {
    let _ = (section, seed, budgets, builder);
    Err(Error::input("generators are not supported yet").in_field("workload.generator"))
}

/// The offered load of `workload` on `cluster`.
pub(super) fn offered_load(workload: &Workload, cluster: &Cluster) -> Offered {
    crate::workload::offered(workload, cluster)
}
