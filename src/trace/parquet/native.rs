//! The native format in Parquet: the same tables, with numbers as numbers.

use super::write::{Numbers, parquet_of};
use crate::error::Result;

/// Columns of jobs that hold one whole number in each row; the others are text.
const JOB_NUMBERS: &[&str] = &[
    "arrival_us",
    "duration_us",
    "cpu_request_milli",
    "memory_request_bytes",
    "priority",
    "cpu_limit_milli",
    "memory_limit_bytes",
    "ephemeral_request_bytes",
    "threads",
    "processes",
    "ephemeral_limit_bytes",
    "ephemeral_used_bytes",
    "file_touches",
    "leak_touches",
    "trace_end_us",
];
const HOST_NUMBERS: &[&str] =
    &["cpu_milli", "memory_bytes", "joins_us", "leaves_us", "pods", "gpus", "ephemeral_bytes"];
const USAGE_NUMBERS: &[&str] = &["length_us", "cpu_nano", "memory_bytes", "cache_bytes"];

/// A table of the native format, as its CSV says it, as a Parquet file: jobs for an empty name, `hosts`, `usage` or
/// `outages`, which stand in `x.parquet`, `x.hosts.parquet` and so on.
pub fn native_table(table: &str, csv: &[u8]) -> Result<Vec<u8>> {
    let numbers = match table {
        "" => JOB_NUMBERS,
        "hosts" => HOST_NUMBERS,
        "usage" => USAGE_NUMBERS,
        _ => &[],
    };
    parquet_of(csv, Numbers::Named(numbers))
}
