//! Whether a machine may run a unit (`AbleToRun`, agent/state.go:84-110 and :81-166 at v1.0.0): five questions in order, and
//! the first that fails decides.

use std::fmt;

use super::agent_state::AgentState;
use super::unit::Unit;

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Able {
    /// It may.
    Yes,
    /// It may, but one of it and the unit of this name takes the other's place (`JobActionReschedule`, v1.0.0).
    Replace(String),
    /// It may not.
    No(Inability),
}

/// Why a machine may not run a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inability {
    /// Another machine is asked for.
    MachineId,
    /// Its metadata do not match.
    Metadata,
    /// The peer of this name is not there.
    Peer(String),
    /// The unit of this name is there and conflicts; fleet names a random one of several, here it is the first by name.
    Conflict(String),
}

impl fmt::Display for Inability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inability::MachineId => write!(f, "agent ID does not match required"),
            Inability::Metadata => write!(f, "local Machine metadata insufficient"),
            Inability::Peer(name) => write!(f, "required peer Unit({name}) is not scheduled locally"),
            Inability::Conflict(name) => write!(f, "found conflict with locally-scheduled Unit({name})"),
        }
    }
}

/// Asks `agent` about `unit`. Nothing looks at CPU, memory, disk or health, in any version.
pub fn able_to_run(agent: &AgentState<'_>, unit: &Unit) -> Able {
    let wants = &unit.requirements;
    if wants.machine_id.as_ref().is_some_and(|id| !agent.machine.answers_to(id)) {
        return Able::No(Inability::MachineId);
    }
    if !agent.machine.has(&wants.metadata) {
        return Able::No(Inability::Metadata);
    }
    // By exact name, no pattern; global units will do.
    if let Some(missing) = wants.peers.iter().find(|peer| !agent.units.contains_key(peer.as_str())) {
        return Able::No(Inability::Peer(missing.clone()));
    }
    if let Some(other) = agent.conflict(unit) {
        return Able::No(Inability::Conflict(other.name.clone()));
    }
    match agent.replace(unit) {
        Some(other) => Able::Replace(other.name.clone()),
        None => Able::Yes,
    }
}
