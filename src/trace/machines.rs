//! Machines that come, go and come back: to hosts that join and leave, and to outages between.
//!
//! Sources list events in any order, several at one moment. A machine that is removed and added again is one host with an
//! outage, which takes its jobs down as a reboot does; one that is never added again leaves.

use std::collections::BTreeMap;

use crate::cluster::HostSpec;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};

/// What happens to a machine. In the order in which events of one moment count: a machine that is removed and added at
/// once stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MachineEvent {
    /// It goes.
    Remove,
    /// It comes, or comes back.
    Add,
    /// Its capacity changes.
    Update,
}

/// A time in which a host is down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostOutage {
    /// Begins then.
    pub at: SimTime,
    /// The host's name.
    pub host: String,
    /// Lasts so long; `u64::MAX`: for good.
    pub lasts: SimDuration,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
struct Event {
    at_us: u64,
    kind: MachineEvent,
    cpu: Option<MilliCpu>,
    memory: Option<Bytes>,
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MachineCounts {
    /// Times that a machine went and came back.
    pub reboots: u64,
    /// Events that change nothing: an addition of what is there, a removal of what is not.
    pub redundant: u64,
    /// Changes of capacity, which are not followed: the host keeps its first one.
    pub updates: u64,
    /// Machines without a capacity throughout, left out.
    pub no_capacity: u64,
}

/// Machines by name.
#[derive(Debug, Default)]
pub struct Machines {
    events: BTreeMap<String, Vec<Event>>,
    labels: BTreeMap<String, BTreeMap<String, String>>,
}

impl Machines {
    /// Number of machines.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether `machine` was met.
    pub fn knows(&self, machine: &str) -> bool {
        self.events.contains_key(machine)
    }

    /// Adds an event; a capacity may be blank.
    pub fn event(
        &mut self,
        machine: &str,
        at_us: u64,
        kind: MachineEvent,
        cpu: Option<MilliCpu>,
        memory: Option<Bytes>,
    ) {
        let event = Event { at_us, kind, cpu, memory };
        match self.events.get_mut(machine) {
            Some(events) => events.push(event),
            None => drop(self.events.insert(machine.into(), vec![event])),
        }
    }

    /// Says that `machine` has the label; the first value of a key stays. Returns whether it was the first.
    pub fn label(&mut self, machine: &str, key: &str, value: &str) -> bool {
        let labels = self.labels.entry(machine.into()).or_default();
        if labels.contains_key(key) {
            return false;
        }
        labels.insert(key.into(), value.into());
        true
    }

    /// The hosts and their outages; time 0 is at `origin_us`, and what happened before it is the state at it. Blank
    /// capacities become `cpu` and `memory`, or leave the machine out where these are `None` too.
    pub fn hosts(
        mut self,
        origin_us: u64,
        cpu: Option<MilliCpu>,
        memory: Option<Bytes>,
    ) -> (Vec<HostSpec>, Vec<HostOutage>, MachineCounts) {
        let (mut hosts, mut outages, mut counts) = (Vec::new(), Vec::new(), MachineCounts::default());
        for (name, mut events) in self.events {
            events.sort_by_key(|e| (e.at_us, e.kind));
            let first = |of: &dyn Fn(&Event) -> Option<i64>| events.iter().find_map(of).filter(|amount| *amount > 0);
            let has_cpu = first(&|e| e.cpu.map(|c| c.0)).map(MilliCpu).or(cpu);
            let has_memory = first(&|e| e.memory.map(|m| m.0)).map(Bytes).or(memory);
            let (Some(has_cpu), Some(has_memory)) = (has_cpu, has_memory) else {
                counts.no_capacity += 1;
                continue;
            };
            let mut host = HostSpec::new(name.clone(), has_cpu, has_memory);
            host.labels = self.labels.remove(&name).unwrap_or_default();
            let at = |event: &Event| SimTime(event.at_us.saturating_sub(origin_us));
            let mut joined: Option<SimTime> = None;
            let mut gone: Option<SimTime> = None;
            let (mut cpu_now, mut memory_now) = (has_cpu, has_memory);
            for event in &events {
                let changed = |new: Option<i64>, old: i64| new.is_some_and(|new| new > 0 && new != old);
                if changed(event.cpu.map(|c| c.0), cpu_now.0) || changed(event.memory.map(|m| m.0), memory_now.0) {
                    counts.updates += 1;
                    cpu_now = event.cpu.filter(|c| c.0 > 0).unwrap_or(cpu_now);
                    memory_now = event.memory.filter(|m| m.0 > 0).unwrap_or(memory_now);
                }
                match (event.kind, joined, gone) {
                    (MachineEvent::Add | MachineEvent::Update, None, _) => joined = Some(at(event)),
                    (MachineEvent::Add | MachineEvent::Update, Some(_), Some(since)) => {
                        // What went and came before time 0 was there at time 0.
                        if at(event) > since {
                            counts.reboots += 1;
                            outages.push(HostOutage {
                                at: since,
                                host: name.clone(),
                                lasts: SimDuration(at(event).0 - since.0),
                            });
                        }
                        gone = None;
                    }
                    (MachineEvent::Remove, Some(_), None) => gone = Some(at(event)),
                    (MachineEvent::Update, Some(_), None) => {}
                    (MachineEvent::Add, Some(_), None) | (MachineEvent::Remove, ..) => counts.redundant += 1,
                }
            }
            // Never added: it was there when the trace began, and its removal is all that is known.
            let removed = events.iter().find(|e| e.kind == MachineEvent::Remove).map(at);
            host.joins = joined.unwrap_or(SimTime::ZERO);
            host.leaves = if joined.is_some() { gone } else { removed };
            if host.leaves.is_some_and(|leaves| leaves <= host.joins) {
                counts.redundant += 1;
                continue;
            }
            hosts.push(host);
        }
        outages.sort();
        (hosts, outages, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Option<MilliCpu> = Some(MilliCpu(1_000));
    const MEMORY: Option<Bytes> = Some(Bytes(5));

    #[test]
    fn machines_by_hand_become_hosts_with_outages() {
        use MachineEvent::{Add, Remove, Update};
        let mut machines = Machines::default();
        for (name, at, kind) in [
            // Rebooted from 50 to 60, in the wrong order in the file.
            ("rebooted", 60, Add),
            ("rebooted", 0, Add),
            ("rebooted", 50, Remove),
            // Removed and added at one moment: it stays.
            ("blinked", 70, Add),
            ("blinked", 70, Remove),
            ("blinked", 0, Add),
            ("late", 30, Add),
            ("late", 40, Remove),
            ("twice", 0, Add),
            ("twice", 20, Add),
            ("updated", 5, Update),
            // Went and came before the window.
            ("early", 0, Add),
            ("early", 3, Remove),
            ("early", 4, Add),
        ] {
            machines.event(name, at, kind, CPU, MEMORY);
        }
        machines.event("updated", 25, Update, Some(MilliCpu(2_000)), None);
        machines.event("blank", 0, Add, None, MEMORY);
        assert!(machines.label("late", "k", "v") && !machines.label("late", "k", "w"));
        assert_eq!(machines.len(), 7);
        let (hosts, outages, counts) = machines.hosts(10, None, None);
        let told: Vec<_> = hosts.iter().map(|h| (h.name.as_str(), h.joins.0, h.leaves.map(|l| l.0), h.cpu.0)).collect();
        assert_eq!(
            told,
            [
                ("blinked", 0, None, 1_000),
                ("early", 0, None, 1_000),
                ("late", 20, Some(30), 1_000),
                ("rebooted", 0, None, 1_000),
                ("twice", 0, None, 1_000),
                ("updated", 0, None, 1_000),
            ]
        );
        assert_eq!(hosts[2].labels["k"], "v");
        let outage = HostOutage { at: SimTime(40), host: "rebooted".into(), lasts: SimDuration(10) };
        assert_eq!(outages, [outage]);
        assert_eq!(counts, MachineCounts { reboots: 1, redundant: 1, updates: 1, no_capacity: 1 });
    }
}
