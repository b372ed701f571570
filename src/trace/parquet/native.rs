//! The native format in Parquet: the same tables, with numbers as numbers.

use super::super::{TraceOutage, native};
use super::write::{Numbers, parquet_of};
use crate::cluster::HostSpec;
use crate::error::Result;
use crate::workload::Workload;

/// Columns that hold one whole number in each row; the others are text.
const JOB_NUMBERS: &[&str] = &[
    "arrival_us",
    "duration_us",
    "cpu_request_milli",
    "memory_request_bytes",
    "priority",
    "cpu_limit_milli",
    "memory_limit_bytes",
    "ephemeral_request_bytes",
];
const HOST_NUMBERS: &[&str] =
    &["cpu_milli", "memory_bytes", "joins_us", "leaves_us", "pods", "gpus", "ephemeral_bytes"];
const USAGE_NUMBERS: &[&str] = &["length_us", "cpu_nano", "memory_bytes"];

/// The files of a trace in the native format, as Parquet: for `x.parquet`, `x.hosts.parquet`, `x.usage.parquet` and
/// `x.outages.parquet`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NativeParquet {
    /// The jobs.
    pub jobs: Vec<u8>,
    /// The hosts.
    pub hosts: Vec<u8>,
    /// What jobs use, if one has a profile.
    pub usage: Option<Vec<u8>>,
    /// When hosts are down, if one is.
    pub outages: Option<Vec<u8>>,
}

/// Writes jobs, hosts and outages as the tables of the native format, in Parquet.
///
/// Errors: what the native format cannot say.
pub fn native_parquet(workload: &Workload, hosts: &[HostSpec], outages: &[TraceOutage]) -> Result<NativeParquet> {
    let files = native::write(workload, hosts)?;
    let usage = files.usage.map(|usage| parquet_of(&usage, Numbers::Named(USAGE_NUMBERS))).transpose()?;
    let outages = match outages {
        [] => None,
        outages => {
            let mut table = Vec::new();
            native::write_outages(outages, &mut table)?;
            Some(parquet_of(&table, Numbers::Named(&[]))?)
        }
    };
    Ok(NativeParquet {
        jobs: parquet_of(&files.jobs, Numbers::Named(JOB_NUMBERS))?,
        hosts: parquet_of(&files.hosts, Numbers::Named(HOST_NUMBERS))?,
        usage,
        outages,
    })
}
