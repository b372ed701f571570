//! OpenDC's failure traces: outages that hit a share of all hosts, one after the other.
//!
//! A row tells how long after the end of the outage before it began, how long it lasted and the share of hosts it hit.
//! These are outages of whole services, as users reported them: hosts that fail together, not machines that wear out.

use super::{FormatInfo, Import, OutageTarget, Place, Source, Table, TraceOutage};
use crate::error::Result;
use crate::sim::FailureKind;
use crate::units::{SimDuration, SimTime};

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "opendc-failures",
    summary: "OpenDC failure traces: interval, duration and share of hosts in each row (Parquet needs the feature parquet)",
    read_outages: Some(read_outages),
    ..FormatInfo::BASE
};

/// Milliseconds in the file.
const UNIT_US: u64 = 1_000;

fn read_outages(source: &Source, import: &mut Import) -> Result<()> {
    let path = source.path.as_str();
    let needed = "no outages: columns failure_interval, failure_duration and failure_intensity are needed";
    let mut table = Table::open(path, needed, import.budgets)?;
    let interval = table.column("failure_interval")?;
    let duration = table.column("failure_duration")?;
    let intensity = table.column("failure_intensity")?;
    let mut at = 0u64;
    let (mut nothing, mut place) = (0u64, Place::default());
    while let Some(row) = table.next_row()? {
        import.report.rows_read += 1;
        place.file.clone_from(&row.at().file);
        place.line = row.line();
        let blank = |column| row.refuse(column, "blank; a number is needed");
        let after = row.decimal_time_us(interval, "milliseconds", UNIT_US)?.ok_or_else(|| blank(interval))?;
        let lasts = row.decimal_time_us(duration, "milliseconds", UNIT_US)?.ok_or_else(|| blank(duration))?;
        // Thousandths of all hosts.
        let share = row.scaled(intensity, "of all hosts", 1_000, 1_000)?.ok_or_else(|| blank(intensity))?;
        let begins = at.saturating_add(after);
        at = begins.saturating_add(lasts);
        if at > crate::workload::LONGEST_US {
            return Err(row.refuse(interval, "with it, outages go on for longer than 2^61 µs"));
        }
        if lasts == 0 || share == 0 {
            nothing += 1;
            import.drop_row(&row, "an outage of no time or of no host")?;
            continue;
        }
        let target = OutageTarget::Share(share as u32);
        import.outage(
            &place,
            TraceOutage { at: SimTime(begins), target, lasts: SimDuration(lasts), kind: FailureKind::Down },
        )?;
        import.used(1);
        import.report.span(begins, at);
    }
    let choices = &mut import.report.choices;
    choices.push(
        "an interval counts from the end of the outage before it, the first from the beginning of the run".into(),
    );
    choices.push("a share hits that part of all hosts, drawn anew for each outage; shares are in thousandths".into());
    if nothing > 0 {
        choices.push(format!("{nothing} outages last no time or hit no host: they only put off those after them"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, ImportedHosts, TraceArg, read_outages};
    use super::*;

    fn import(name: &str, rows: &str) -> Result<ImportedHosts> {
        let path = std::env::temp_dir().join(format!("plimsoll-failures-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, format!("failure_interval,failure_duration,failure_intensity\n{rows}")).unwrap();
        let arg = TraceArg::parse(&format!("opendc-failures:{}", path.display())).unwrap();
        let got = read_outages(&arg, &BTreeMap::new(), &Budgets::default());
        std::fs::remove_file(path).unwrap();
        got
    }

    #[test]
    fn an_interval_counts_from_the_end_of_the_outage_before() {
        let read = import("hand", "1000,500,0.5\n2000,0,1\n100,250.5,1\n0,10,0.7285\n").unwrap();
        let outage = |at, share, lasts| TraceOutage {
            at: SimTime(at),
            target: OutageTarget::Share(share),
            lasts: SimDuration(lasts),
            kind: FailureKind::Down,
        };
        let want = [outage(1_000_000, 500, 500_000), outage(3_600_000, 1_000, 250_500), outage(3_850_500, 729, 10_000)];
        assert_eq!(read.outages, want);
        assert_eq!(read.report.rows_dropped["an outage of no time or of no host"], 1);
        assert_eq!((read.report.rows_read, read.report.rows_used), (4, 3));
    }

    #[test]
    fn a_row_that_says_no_outage_is_an_error_with_its_place() {
        for (row, message) in [
            ("1,1,1.5\n", ":2: failure_intensity: \"1.5\" of all hosts is too large"),
            ("-1,1,1\n", ":2: failure_interval: \"-1\" is negative; 0 or more milliseconds will do"),
            ("1,,1\n", ":2: failure_duration: blank; a number is needed"),
            ("2e15,2e15,1\n", ":2: failure_interval: with it, outages go on for longer than 2^61 µs"),
            ("", "no outages: there is no row"),
        ] {
            let error = import("row", row).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }
}
