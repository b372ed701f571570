//! Outages: when hosts are down or cut off, and the table that says so, of a trace or of a scenario.

use std::io::Write;

use super::machines::HostOutage;
use super::{Budgets, Column, Row, Table};
use crate::error::{Error, Result};
use crate::sim::FailureKind;
use crate::units::{SimDuration, SimTime, parse_milli};

/// Columns of outages: when they begin and how long they last, as `90s` or `10us`, blank for good; `host`, or `share` of
/// all hosts; `kind`, down if blank.
pub const OUTAGE_COLUMNS: [&str; 5] = ["host", "share", "at", "for", "kind"];

/// Whom an outage hits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OutageTarget {
    /// This host.
    Host(String),
    /// So many thousandths of all hosts, drawn; at most 1,000.
    Share(u32),
}

/// An outage of one host or of a share of all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TraceOutage {
    /// Begins then.
    pub at: SimTime,
    /// Whom it hits.
    pub target: OutageTarget,
    /// Lasts so long; `u64::MAX`: for good.
    pub lasts: SimDuration,
    /// What it is to them.
    pub kind: FailureKind,
}

impl TraceOutage {
    /// A host that is down.
    pub fn down(host: String, at: SimTime, lasts: SimDuration) -> Self {
        TraceOutage { at, target: OutageTarget::Host(host), lasts, kind: FailureKind::Down }
    }
}

impl From<HostOutage> for TraceOutage {
    fn from(outage: HostOutage) -> Self {
        TraceOutage::down(outage.host, outage.at, outage.lasts)
    }
}

/// Takes up a row: where it stands, its column of hosts, and what it says.
type Each<'a> = dyn FnMut(&Row, Option<Column>, TraceOutage) -> Result<()> + 'a;

/// Hands every row of the table at `path` to `each`, with its column of hosts, in order; returns how many there are. Whether
/// a host is known is for `each` to say.
///
/// Errors: a row that says neither or both of host and share, a share above 1, an outage of no time, another kind.
pub fn read_outage_rows(path: &str, budgets: &Budgets, each: &mut Each) -> Result<u64> {
    let mut table = Table::open(path, "outages need the columns host or share, at and for", budgets)?;
    table.refuse_other_columns(&OUTAGE_COLUMNS)?;
    let (at, lasts) = (table.column("at")?, table.column("for")?);
    let (host, share, kind) = (table.optional("host"), table.optional("share"), table.optional("kind"));
    if host.is_none() && share.is_none() {
        table.column("host")?;
    }
    let mut rows = 0;
    while let Some(row) = table.next_row()? {
        rows += 1;
        let length =
            |column, text: &str| SimDuration::parse(text.trim()).map_err(|why| row.refuse(column, why.message()));
        let begins = SimTime(length(at, row.text(at)?)?.0);
        let for_long = match row.text(lasts)? {
            text if text.trim().is_empty() => SimDuration(u64::MAX),
            text => length(lasts, text)?,
        };
        if for_long == SimDuration::ZERO {
            return Err(row.refuse(lasts, "a failure for 0s is none; blank is for good"));
        }
        let kind = match (row.optional(kind)?.trim(), kind) {
            ("" | "down", _) | (_, None) => FailureKind::Down,
            ("partition", _) => FailureKind::Partition,
            (other, Some(column)) => {
                return Err(row.refuse(column, format!("\"{other}\" is neither down nor partition")));
            }
        };
        let target = match (row.optional(host)?.trim(), row.optional(share)?.trim(), host, share) {
            ("", "", Some(column), _) | ("", "", None, Some(column)) => {
                return Err(row.refuse(column, "blank; a row names a host or a share of all hosts"));
            }
            (name, "", ..) => OutageTarget::Host(name.to_owned()),
            ("", text, _, Some(column)) => {
                match parse_milli(text, "share").map_err(|why| row.refuse(column, why.message()))? {
                    milli @ 0..=1000 => OutageTarget::Share(milli),
                    _ => return Err(row.refuse(column, "a share of all hosts is at most 1")),
                }
            }
            (_, _, _, Some(column)) | (_, _, Some(column), None) => {
                return Err(row.refuse(column, "host and share exclude each other; leave one blank"));
            }
            (_, _, None, None) => unreachable!("one of the columns is required above"),
        };
        each(&row, host, TraceOutage { at: begins, target, lasts: for_long, kind })?;
    }
    Ok(rows)
}

/// Writes a table of outages.
pub fn write_outages(outages: &[TraceOutage], out: &mut dyn Write) -> Result<()> {
    let failed = |error: csv::Error| Error::failed(format!("cannot write the table ({error})"));
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(OUTAGE_COLUMNS).map_err(failed)?;
    for outage in outages {
        let (host, share) = match &outage.target {
            OutageTarget::Host(name) => (name.clone(), String::new()),
            OutageTarget::Share(milli) => (String::new(), format!("{}.{:03}", milli / 1000, milli % 1000)),
        };
        let lasts = if outage.lasts.0 == u64::MAX { String::new() } else { format!("{}us", outage.lasts.0) };
        let kind = if outage.kind == FailureKind::Partition { "partition" } else { "down" };
        csv.write_record([&host, &share, &format!("{}us", outage.at.0), &lasts, kind]).map_err(failed)?;
    }
    csv.flush().map_err(|error| Error::failed(format!("cannot write the table ({error})")))
}
