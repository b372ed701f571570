//! What etcd holds of units, schedule and presence, and what the engine's writes do to it. No key ever expires by itself here.

use std::collections::BTreeMap;

use super::machine::Machine;
use super::task::{Task, TaskKind};
use super::unit::{TargetState, Unit};

/// Units, schedule entries and live machines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    // Each key is the name or ID of its value.
    units: BTreeMap<String, Unit>,
    machines: BTreeMap<String, Machine>,
    /// `target` keys: unit → machine. The unit may be unknown and the machine dead.
    schedule: BTreeMap<String, String>,
}

impl Registry {
    /// The units by name.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
        self.units.values()
    }

    /// The live machines by ID.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    /// The unit of that name.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.get(name)
    }

    /// The live machine of that ID.
    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.machines.get(id)
    }

    /// The machine that a unit's schedule entry names.
    pub fn target(&self, unit: &str) -> Option<&str> {
        self.schedule.get(unit).map(String::as_str)
    }

    /// Adds a unit or takes the place of the one of that name.
    pub fn put_unit(&mut self, unit: Unit) {
        self.units.insert(unit.name.clone(), unit);
    }

    /// Destroys a unit; its schedule entry goes with it.
    pub fn destroy_unit(&mut self, name: &str) {
        self.units.remove(name);
        self.schedule.remove(name);
    }

    /// Sets what is wanted of a unit; `false` if there is none of that name.
    pub fn set_target_state(&mut self, name: &str, state: TargetState) -> bool {
        self.units.get_mut(name).map(|unit| unit.target_state = state).is_some()
    }

    /// A machine is present, or says something new of itself.
    pub fn put_machine(&mut self, machine: Machine) {
        self.machines.insert(machine.id.clone(), machine);
    }

    /// A machine's presence is gone. The schedule entries that name it stay until the engine clears them.
    pub fn remove_machine(&mut self, id: &str) {
        self.machines.remove(id);
    }

    /// Creates a schedule entry; `false`, and nothing happens, if there is one (registry/job.go:342-349).
    pub fn schedule(&mut self, unit: &str, machine: &str) -> bool {
        let free = !self.schedule.contains_key(unit);
        if free {
            self.schedule.insert(unit.to_string(), machine.to_string());
        }
        free
    }

    /// Deletes a schedule entry; `false`, and nothing happens, unless it names that machine (registry/job.go:215-229).
    pub fn unschedule(&mut self, unit: &str, machine: &str) -> bool {
        let is_there = self.target(unit) == Some(machine);
        if is_there {
            self.schedule.remove(unit);
        }
        is_there
    }

    /// Does what a task says; `false` if the write fails, which the engine only logs.
    pub fn apply(&mut self, task: &Task) -> bool {
        match task.kind {
            TaskKind::UnscheduleUnit => self.unschedule(&task.unit, &task.machine),
            TaskKind::AttemptScheduleUnit => self.schedule(&task.unit, &task.machine),
        }
    }
}
