//! `x.usage.csv`: what jobs really used, step by step.

use std::collections::BTreeMap;
use std::io::Write;

use super::super::{Import, Table};
use super::{USAGE_COLUMNS, failed};
use crate::error::{Error, Result};
use crate::units::{Bytes, NANO_PER_MILLI};
use crate::workload::{UsageStep, Workload};

/// The steps of a job, and the line of the first.
pub(super) struct Profile {
    pub line: u64,
    pub steps: Vec<UsageStep>,
}

/// Reads usage, by job.
pub(super) fn read_usage(path: &str, import: &Import) -> Result<BTreeMap<String, Profile>> {
    let mut table =
        Table::open(path, "no usage: columns job, length_us, cpu_nano, memory_bytes are needed", import.budgets)?;
    table.refuse_other_columns(&USAGE_COLUMNS)?;
    let job = table.column("job")?;
    let length = table.column("length_us")?;
    let memory = table.column("memory_bytes")?;
    let milli = table.optional("cpu_milli");
    let cache = table.optional("cache_bytes");
    let nano = match (table.optional("cpu_nano"), milli) {
        (Some(_), Some(_)) => {
            return Err(Error::input("both cpu_nano and cpu_milli; one will do").in_file(table.name()).at_line(1));
        }
        (nano, Some(_)) => nano,
        (_, None) => Some(table.column("cpu_nano")?),
    };
    let mut profiles: BTreeMap<String, Profile> = BTreeMap::new();
    let mut steps = 0u64;
    while let Some(row) = table.next_row()? {
        if steps >= import.budgets.max_usage_steps {
            let most = import.budgets.max_usage_steps;
            return Err(row.place(Error::budget("usage steps", most + 1, most, "--max-usage-steps")));
        }
        steps += 1;
        let cpu_nano = match (nano, milli) {
            (Some(nano), _) => row.amount(nano, "nano-cores")? as u64,
            (None, Some(milli)) => row
                .number(milli, row.text(milli)?, "milli-CPU", (1 << 53) / NANO_PER_MILLI, "2^53 nano-cores")
                .map(|n| n * NANO_PER_MILLI)?,
            (None, None) => unreachable!("one of the columns is required above"),
        };
        let length_us = row.time_us(length, "microseconds", 1)?.unwrap_or(u64::MAX);
        if length_us == 0 {
            return Err(row.refuse(length, "a step of 0 µs; leave the row out"));
        }
        let memory = Bytes(row.amount(memory, "bytes")?);
        let step =
            UsageStep { length_us, cpu_nano, memory, cache: Bytes(row.optional_amount(cache, "bytes")?.unwrap_or(0)) };
        let name = row.text(job)?;
        match profiles.get_mut(name) {
            Some(profile) => profile.steps.push(step),
            None => {
                profiles.insert(name.into(), Profile { line: row.line(), steps: vec![step] });
            }
        }
    }
    Ok(profiles)
}

/// Writes the table of usage: a row for each step of each job that has a profile.
pub fn write_usage(workload: &Workload, out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(&USAGE_COLUMNS[..5]).map_err(failed)?;
    for job in workload.ids() {
        for step in workload.profile(job) {
            let length = if step.length_us == u64::MAX { String::new() } else { step.length_us.to_string() };
            let (cpu, memory) = (step.cpu_nano.to_string(), step.memory.0.to_string());
            let cache = if step.cache.0 == 0 { String::new() } else { step.cache.0.to_string() };
            csv.write_record([workload.name(job), &length, &cpu, &memory, &cache]).map_err(failed)?;
        }
    }
    csv.flush().map_err(failed)
}
