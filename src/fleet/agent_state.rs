//! What the engine believes of one machine (`AgentState`, agent/state.go).

use std::collections::BTreeMap;

use super::machine::Machine;
use super::pattern::Pattern;
use super::unit::Unit;

/// The state of every live machine, by ID in byte order.
pub type Agents<'a> = BTreeMap<&'a str, AgentState<'a>>;

/// A machine and the units that count on it.
#[derive(Clone, Debug)]
pub struct AgentState<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The units by name. fleet keeps them in a map, so that which of several it names is random there; here it is the first.
    pub units: BTreeMap<&'a str, &'a Unit>,
}

impl<'a> AgentState<'a> {
    /// A machine without units.
    pub fn new(machine: &'a Machine) -> AgentState<'a> {
        AgentState { machine, units: BTreeMap::new() }
    }

    /// The number of units, which is all that the scheduler compares: sizes do not count.
    pub fn load(&self) -> usize {
        self.units.len()
    }

    /// A unit here that `unit` conflicts with, by a pattern of either against the name of the other (`hasConflict`).
    pub fn conflict(&self, unit: &Unit) -> Option<&'a Unit> {
        let clash = |other: &&Unit| {
            any(&unit.requirements.conflicts, &other.name) || any(&other.requirements.conflicts, &unit.name)
        };
        self.others(unit).find(clash)
    }

    /// A unit here that `unit` replaces or is replaced by; if each names the other, neither counts (`hasReplace`,
    /// agent/state.go:81-120 at v1.0.0).
    pub fn replace(&self, unit: &Unit) -> Option<&'a Unit> {
        let one_way = |other: &&Unit| {
            any(&unit.requirements.replaces, &other.name) != any(&other.requirements.replaces, &unit.name)
        };
        self.others(unit).find(one_way)
    }

    /// The units here but `unit` itself, by name: a template that conflicts with its instances does not with itself.
    fn others(&self, unit: &Unit) -> impl Iterator<Item = &'a Unit> {
        self.units.values().copied().filter(move |other| other.name != unit.name)
    }
}

fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}
