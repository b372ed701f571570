//! Machines, their reboots and their attributes.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::parts::rows;
use super::super::{Import, MachineEvent, Machines, TableShape};
use super::{ATTRIBUTES, MACHINES, ORIGIN_US, moment, optional_table, place, plain};
use crate::error::{Error, Result};
use crate::trace::keys::Keys;
use crate::trace::parts;
use crate::units::{Bytes, MilliCpu};

const EVENTS: TableShape = TableShape::of(&["time", "machine ID", "event type", "platform ID", "CPUs", "memory"]);
const ATTRIBUTE_ROWS: TableShape =
    TableShape::of(&["time", "machine ID", "attribute name", "attribute value", "attribute deleted"]);

/// Most different attributes that become labels.
const ATTRIBUTES_MAX: usize = 1_000;

/// The machines, before they are hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    machines: Machines,
    numbers: Keys<u64>,
    /// CPU by number of the machine, in nano-cores; 0 where it is not known.
    cpu_nano: Vec<u64>,
    /// Names of attributes as labels have them.
    attributes: BTreeMap<String, u32>,
    /// First value of each attribute of a machine, with its moment.
    values: BTreeMap<(u64, u32), (u64, String)>,
}

impl Hosts {
    /// Whether some machine has that attribute.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    /// The machine's number, new or not.
    pub fn number(&mut self, machine: u64) -> u32 {
        let number = self.numbers.number(machine);
        if number as usize == self.cpu_nano.len() {
            self.cpu_nano.push(0);
        }
        number
    }

    /// The number of a machine that was met.
    pub fn known(&self, machine: u64) -> Option<u32> {
        self.numbers.get(&machine)
    }

    /// Its CPU in nano-cores; 0 where it is not known.
    pub fn cpu_nano(&self, number: u32) -> u64 {
        self.cpu_nano[number as usize]
    }

    /// Gives machines and labels to `import`.
    pub fn add_to(mut self, import: &mut Import) -> Result<()> {
        let names: BTreeMap<u32, String> = self.attributes.into_iter().map(|(name, number)| (number, name)).collect();
        let mut strangers = 0;
        for ((machine, attribute), (_, value)) in self.values {
            let machine = machine.to_string();
            if self.machines.knows(&machine) {
                self.machines.label(&machine, &names[&attribute], &value);
            } else {
                strangers += 1;
            }
        }
        if strangers > 0 {
            import.report.ignore("attributes of machines that machine_events does not know", strangers);
        }
        import.machines(&place(Path::new(MACHINES)), self.machines, ORIGIN_US, None, None)
    }
}

/// Reads both tables; `needed`: the first may not be missing.
pub(super) fn read(folder: &Path, import: &mut Import, needed: bool) -> Result<Hosts> {
    let mut hosts = Hosts::default();
    let files = match needed {
        true => parts::of_table(folder, MACHINES)?,
        false => optional_table(folder, MACHINES, "the hosts have to come from elsewhere (--cluster)", import)?,
    };
    if needed && files.is_empty() {
        return Err(Error::input("the folder has no machine_events (a file or a folder of parts)").in_file(folder));
    }
    let (cpu, memory) = (import.cpu_option("cpu"), import.memory_option("memory"));
    let mut after = 0;
    let count = rows::<6>(&files, &EVENTS, import, &mut |import, row, c| {
        let at = moment(row, c[0])?;
        let machine = row.whole(c[1], "machine numbers", u64::MAX)?;
        let kind = match row.whole(c[2], "event types", 2)? {
            0 => MachineEvent::Add,
            1 => MachineEvent::Remove,
            _ => MachineEvent::Update,
        };
        let cpus = row.scaled(c[4], "CPU of the largest machine", cpu.0 as u64, MilliCpu::MOST.0 as u64)?;
        let bytes = row.scaled(c[5], "memory of the largest machine", memory.0 as u64, 1 << 53)?;
        let Some(at) = at else {
            after += 1;
            return Ok(());
        };
        let number = hosts.number(machine) as usize;
        import.host_fits(number as u64).map_err(|error| row.place(error))?;
        if let Some(cpus) = cpus
            && hosts.cpu_nano[number] == 0
        {
            hosts.cpu_nano[number] = MilliCpu(cpus as i64).nano_cores();
        }
        let (cpus, bytes) = (cpus.map(|n| MilliCpu(n as i64)), bytes.map(|n| Bytes(n as i64)));
        hosts.machines.event(&machine.to_string(), at, kind, cpus, bytes);
        Ok(())
    })?;
    if after > 0 {
        import.report.ignore("events of machines after the end of the trace", after);
    }
    if count == 0 {
        return Ok(hosts);
    }
    import.report.count("rows of machine_events", count);
    import.report.ignore("platform ID", 0);
    read_attributes(folder, &mut hosts, import)?;
    Ok(hosts)
}

fn read_attributes(folder: &Path, hosts: &mut Hosts, import: &mut Import) -> Result<()> {
    let files = optional_table(folder, ATTRIBUTES, "hosts have no labels", import)?;
    let (mut later, mut deleted, mut blank, mut too_many) = (0u64, 0u64, 0u64, 0u64);
    let count = rows::<5>(&files, &ATTRIBUTE_ROWS, import, &mut |import, row, c| {
        let at = moment(row, c[0])?;
        let machine = row.whole(c[1], "machine numbers", u64::MAX)?;
        let name = row.text(c[2])?;
        if name.trim().is_empty() {
            return Err(row.refuse(c[2], "blank; an attribute has a name"));
        }
        // The last row of a table that was cut may lack the mark; without it an attribute is there.
        if !row.is_blank(c[4]) && row.whole(c[4], "marks of deletion", 1)? == 1 {
            deleted += 1;
            return Ok(());
        }
        let Some(at) = at else {
            later += 1;
            return Ok(());
        };
        let value = plain(row.text(c[3])?);
        if value.is_empty() {
            blank += 1;
            return Ok(());
        }
        let name = plain(name);
        let next = hosts.attributes.len();
        let number = match hosts.attributes.get(&name) {
            Some(number) => *number,
            None if next == ATTRIBUTES_MAX => {
                too_many += 1;
                return Ok(());
            }
            None => {
                hosts.attributes.insert(name, next as u32);
                next as u32
            }
        };
        // Machines that are no hosts count too: what is kept of them is held to the same budget.
        let machines = u64::from(hosts.number(machine));
        import.host_fits(machines).map_err(|error| row.place(error))?;
        match hosts.values.get_mut(&(machine, number)) {
            None => drop(hosts.values.insert((machine, number), (at, value))),
            Some(known) => {
                later += 1;
                if (at, &value) < (known.0, &known.1) {
                    *known = (at, value);
                }
            }
        }
        Ok(())
    })?;
    if count > 0 {
        import.report.count("rows of machine_attributes", count);
        import.report.choices.push(
            "attributes of machines are labels, each with its first value; in names and values + and / are written - \
             and _, and = at the end is left out"
                .into(),
        );
    }
    for (count, what) in [
        (later, "later values of attributes"),
        (deleted, "deletions of attributes"),
        (blank, "attributes without a value, as absent ones"),
        (too_many, "attributes beyond the first 1000 names"),
    ] {
        if count > 0 {
            import.report.ignore(what, count);
        }
    }
    Ok(())
}
