//! Servers, and what went wrong with them.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::parts::rows;
use super::super::{Import, MachineEvent, Machines, Place, TableShape};
use super::{SERVERS, run_us, seconds};
use crate::error::{Error, Result};
use crate::trace::parts;
use crate::units::{Bytes, MilliCpu};

const SHAPE: TableShape = TableShape::of(&[
    "timestamp",
    "machine id",
    "event type",
    "event detail",
    "number of cpus",
    "normalized memory",
    "normalized disk space",
]);

/// The taint of a server with an error.
const TAINT: &str = "server-error:NoSchedule";

/// Reads server_event; `needed`: it may not be missing.
pub(super) fn read(folder: &Path, import: &mut Import, needed: bool) -> Result<()> {
    let files = parts::of_table(folder, SERVERS)?;
    if files.is_empty() && needed {
        return Err(Error::input("the folder has no server_event").in_file(folder));
    }
    if files.is_empty() {
        import
            .report
            .choices
            .push("there is no server_event: the hosts have to come from elsewhere (--cluster)".into());
        return Ok(());
    }
    let memory = import.memory_option("memory").0 as u64;
    let mut machines = Machines::default();
    let mut broken: BTreeSet<u64> = BTreeSet::new();
    let (mut soft, mut hard, mut last) = (0u64, 0u64, Place::default());
    let count = rows::<7>(&files, &SHAPE, import, &mut |import, row, c| {
        let Some(at) = seconds(row, c[0])? else { return Err(row.refuse(c[0], "blank; seconds are needed")) };
        let machine = row.whole(c[1], "machine numbers", u64::MAX)?;
        match row.text(c[2])?.trim() {
            "add" => {
                let cpu = row.scaled(c[4], "cores", 1_000, MilliCpu::MOST.0 as u64)?.map(|n| MilliCpu(n as i64));
                let bytes =
                    row.scaled(c[5], "memory of the largest machine", memory, 1 << 53)?.map(|n| Bytes(n as i64));
                import.host_fits(machines.len() as u64).map_err(|error| row.place(error))?;
                machines.event(&machine.to_string(), run_us(at), MachineEvent::Add, cpu, bytes);
            }
            // Their capacity is written as 0, which is none: the machine goes on.
            kind @ ("softerror" | "harderror") => {
                soft += u64::from(kind == "softerror");
                hard += u64::from(kind == "harderror");
                import.host_fits(broken.len() as u64).map_err(|error| row.place(error))?;
                broken.insert(machine);
            }
            other => {
                return Err(row.refuse(c[2], format!("\"{other}\" will not do; add, softerror or harderror will")));
            }
        }
        last.file = row.at().file;
        Ok(())
    })?;
    import.report.count("rows of server_event", count);
    import.report.ignore("normalized disk space of servers", 0);
    let taint = import.option("errors") == "taint";
    if soft + hard > 0 {
        let strangers = broken.iter().filter(|machine| !machines.knows(&machine.to_string())).count();
        let said = format!(
            "{soft} softerror and {hard} harderror of {} servers: they change no capacity, and no row says when they were \
             over; errors={}: {}",
            broken.len(),
            if taint { "taint" } else { "ignore" },
            if taint {
                "their hosts have the taint server-error:NoSchedule from the beginning"
            } else {
                "not replayed"
            }
        );
        import.report.choices.push(said);
        if strangers > 0 {
            import.report.ignore("errors of servers that were never added", strangers as u64);
        }
    }
    let taints = |name: &str| match name.parse() {
        Ok(machine) if taint && broken.contains(&machine) => vec![TAINT.to_owned()],
        _ => Vec::new(),
    };
    import.machines_with(&last, machines, 0, (None, None), &taints)
}
