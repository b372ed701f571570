//! A unit as fleet knows it: name, what it asks for, and the state that is wanted of it.

use super::options::Options;
use super::requirements::Requirements;
use super::version::Rules;

/// The state that a user wants a unit in (job/job.go:26-30).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TargetState {
    /// Known, not placed.
    #[default]
    Inactive,
    /// Placed, its file on the machine, not started.
    Loaded,
    /// Placed and started. A unit that exits or crashes stays launched for fleet; only systemd restarts it.
    Launched,
}

impl TargetState {
    /// fleet's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            TargetState::Inactive => "inactive",
            TargetState::Loaded => "loaded",
            TargetState::Launched => "launched",
        }
    }
}

/// A unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Its name, with its suffix.
    pub name: String,
    /// What it asks of a machine.
    pub requirements: Requirements,
    /// What is wanted of it. The engine only distinguishes inactive from the others.
    pub target_state: TargetState,
}

impl Unit {
    /// The unit `name` with an `[X-Fleet]` section.
    pub fn new(name: &str, options: &Options, target_state: TargetState, rules: &Rules) -> Unit {
        Unit { name: name.to_string(), requirements: Requirements::new(name, options, rules), target_state }
    }
}
