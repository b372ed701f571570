//! `x.hosts.csv`: the hosts.

use std::io::Write;

use super::super::{Column, Import};
use super::lists::{LIST_MAX, amounts, extended, joined, list, owned, pairs};
use super::objects::Beside;
use super::{HOST_COLUMNS, failed};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, SimTime};

/// Reads the hosts, with the Nodes that stand beside.
pub(super) fn read_hosts(path: &str, import: &mut Import, beside: &mut Beside) -> Result<()> {
    let mut table = import.hosts_table(path, "a header with host,cpu_milli,memory_bytes is needed")?;
    table.refuse_other_columns(&HOST_COLUMNS)?;
    let name = table.column("host")?;
    let cpu = table.column("cpu_milli")?;
    let memory = table.column("memory_bytes")?;
    let joins = table.optional("joins_us");
    let leaves = table.optional("leaves_us");
    let labels = table.optional("labels");
    let taints = table.optional("taints");
    let pods = table.optional("pods");
    let gpus = table.optional("gpus");
    let gpu_model = table.optional("gpu_model");
    let ephemeral = table.optional("ephemeral_bytes");
    let extended_column = table.optional("extended");
    let node = table.optional("node");
    while let Some(row) = table.next_row()? {
        import.host_row(&row)?;
        let time = |column: Option<Column>| match column {
            Some(column) => row.time_us(column, "microseconds", 1),
            None => Ok(None),
        };
        let bounded = |column: Option<Column>, unit: &str, most: u64, most_text: &str| match column {
            Some(column) if !row.text(column)?.trim().is_empty() => {
                row.number(column, row.text(column)?, unit, most, most_text).map(Some)
            }
            _ => Ok(None),
        };
        let positive = |column: Column, unit: &str| match row.amount(column, unit)? {
            0 => Err(row.refuse(column, "0 is too little; a host needs more")),
            amount => Ok(amount),
        };
        let host = HostSpec {
            name: row.text(name)?.into(),
            cpu: MilliCpu(positive(cpu, "milli-CPU")?),
            memory: Bytes(positive(memory, "bytes")?),
            ephemeral: Bytes(row.optional_amount(ephemeral, "bytes")?.unwrap_or(0)),
            pods: bounded(pods, "jobs", u64::from(u32::MAX), "4294967295")?.map(|n| n as u32),
            gpus: bounded(gpus, "GPUs", LIST_MAX as u64, "1024")?.unwrap_or(0) as u16,
            gpu_model: row.optional(gpu_model)?.into(),
            extended: extended(&row, extended_column)?,
            labels: pairs(&row, labels)?.into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
            taints: owned(list(&row, taints, ';')?),
            joins: time(joins)?.map_or(SimTime::ZERO, SimTime),
            leaves: time(leaves)?.map(SimTime),
            node: beside.node(&row, node)?,
        };
        import.host(&row, "host", host)?;
    }
    Ok(())
}

/// Writes the table of hosts, with the same limits.
pub fn write_hosts(hosts: &[HostSpec], out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(HOST_COLUMNS).map_err(failed)?;
    for host in hosts {
        let name = host.name.as_str();
        if usize::from(host.gpus) > LIST_MAX {
            let what = format!("{name}: {} GPUs cannot stand in the native format (at most {LIST_MAX})", host.gpus);
            return Err(Error::input(what));
        }
        csv.write_record([
            name,
            &host.cpu.0.to_string(),
            &host.memory.0.to_string(),
            &host.joins.0.to_string(),
            &host.leaves.map_or(String::new(), |at| at.0.to_string()),
            &joined(name, host.labels.iter().map(|(k, v)| format!("{k}={v}")), ';')?,
            &joined(name, host.taints.iter().cloned(), ';')?,
            &host.pods.map_or(String::new(), |n| n.to_string()),
            &host.gpus.to_string(),
            &host.gpu_model,
            &host.ephemeral.0.to_string(),
            &joined(name, amounts(name, host.extended.iter().map(|(k, n)| (k, *n)))?, ';')?,
            host.node.as_ref().map_or("", |node| node.name.as_str()),
        ])
        .map_err(failed)?;
    }
    csv.flush().map_err(failed)
}
