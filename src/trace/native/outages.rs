//! `x.outages.csv`: when hosts were down.

use std::io::Write;

use super::super::{Column, Import, OutageTarget, Table, TraceOutage};
use super::{OUTAGE_COLUMNS, beside, failed};
use crate::error::Result;
use crate::units::{SimDuration, SimTime, parse_milli};

/// Reads `x.outages.csv` beside the jobs. A scenario's table of outages may be of other kinds, too; here a host is down.
pub(super) fn read_outages_beside(jobs: &str, import: &mut Import) -> Result<()> {
    let Some(path) = beside(jobs, "outages")? else { return Ok(()) };
    let mut table = Table::open(&path, "no outages: columns host, at and for are needed", import.budgets)?;
    table.refuse_other_columns(&OUTAGE_COLUMNS)?;
    let (at, lasts) = (table.column("at")?, table.column("for")?);
    let (host, share, kind) = (table.optional("host"), table.optional("share"), table.optional("kind"));
    if host.is_none() && share.is_none() {
        table.column("host")?;
    }
    while let Some(row) = table.next_row()? {
        let length =
            |column: Column, text: &str| SimDuration::parse(text).map_err(|why| row.refuse(column, why.message()));
        let begins = SimTime(length(at, row.text(at)?)?.0);
        let lasts = match row.text(lasts)?.trim() {
            "" => SimDuration(u64::MAX),
            text => length(lasts, text)?,
        };
        if let (Some(column), false) = (kind, matches!(row.optional(kind)?.trim(), "" | "down")) {
            return Err(row.refuse(column, "an outage beside a trace is down; others belong under failures"));
        }
        let target = match (row.optional(host)?.trim(), row.optional(share)?.trim(), host, share) {
            ("", text, _, Some(column)) if !text.is_empty() => {
                match parse_milli(text, "share").map_err(|why| row.refuse(column, why.message()))? {
                    milli @ 0..=1000 => OutageTarget::Share(milli),
                    _ => return Err(row.refuse(column, "a share of all hosts is at most 1")),
                }
            }
            (name, "", Some(column), _) => {
                if !import.has_host(name) {
                    return Err(row.refuse(column, format!("unknown host \"{name}\"")));
                }
                OutageTarget::Host(name.into())
            }
            (_, _, Some(column), _) | (_, _, None, Some(column)) => {
                return Err(row.refuse(column, "a row names a host or a share of all hosts, one of the two"));
            }
            (_, _, None, None) => unreachable!("one of the columns is required above"),
        };
        import.outage(&row.at(), TraceOutage { at: begins, target, lasts })?;
    }
    Ok(())
}

/// Writes the table of outages, which a scenario's `failures` take, too.
pub fn write_outages(outages: &[TraceOutage], out: &mut dyn Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(&OUTAGE_COLUMNS[..4]).map_err(failed)?;
    for outage in outages {
        let (host, share) = match &outage.target {
            OutageTarget::Host(name) => (name.clone(), String::new()),
            OutageTarget::Share(milli) => (String::new(), format!("{}.{:03}", milli / 1000, milli % 1000)),
        };
        let lasts = if outage.lasts.0 == u64::MAX { String::new() } else { format!("{}us", outage.lasts.0) };
        csv.write_record([host, share, format!("{}us", outage.at.0), lasts]).map_err(failed)?;
    }
    csv.flush().map_err(failed)
}
