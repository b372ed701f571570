//! What the engine wants done, and why.

use std::fmt;

use super::able_to_run::Inability;
use super::unit::TargetState;

/// One write to the registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// What is to be done.
    pub kind: TaskKind,
    /// The unit.
    pub unit: String,
    /// The machine it leaves or goes to.
    pub machine: String,
    /// Why.
    pub reason: Reason,
}

/// The two kinds of writes (engine/reconciler.go:26-29).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskKind {
    /// Delete the unit's schedule entry if it names that machine.
    UnscheduleUnit,
    /// Create the unit's schedule entry, which must not be there.
    AttemptScheduleUnit,
}

impl TaskKind {
    /// fleet's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            TaskKind::UnscheduleUnit => "UnscheduleUnit",
            TaskKind::AttemptScheduleUnit => "AttemptScheduleUnit",
        }
    }
}

/// Why a task was emitted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The unit is not wanted any more.
    TargetInactive,
    /// Its machine is not among the live ones.
    MachineWentAway,
    /// Its machine may not run it. v0.11.5 does not say more than that.
    UnableToRun(Inability),
    /// A unit of this name on the machine replaces it, or is replaced by it (v1.0.0).
    Replace(String),
    /// It is wanted in this state and is nowhere.
    NotScheduled(TargetState),
}

impl fmt::Display for Task {
    /// The task with its reason in v0.11.5's words. Of v1.0.0's only the class of reason is recorded; what it adds to them
    /// stands behind a colon here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: ", self.kind.name(), self.unit, self.machine)?;
        match &self.reason {
            Reason::TargetInactive => write!(f, "target state inactive"),
            Reason::MachineWentAway => write!(f, "target Machine({}) went away", self.machine),
            Reason::UnableToRun(why) => write!(f, "target Machine({}) unable to run unit: {why}", self.machine),
            Reason::Replace(name) => write!(f, "found replace with locally-scheduled Unit({name})"),
            Reason::NotScheduled(state) => write!(f, "target state {} and unit not scheduled", state.name()),
        }
    }
}
