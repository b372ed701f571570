//! One turn of the engine (`calculateClusterTasks`, engine/reconciler.go:67-148; :80-200 at v1.0.0): loop 1 unschedules what
//! should not be where it is, loop 2 schedules what is nowhere.
//!
//! This is the plain form: it asks every question of the whole cluster state, as fleet does, and is what any faster form must
//! agree with, task by task. [`Steps`] holds the questions one by one, so that another answer can stand in for ours.
//!
//! fleet emits tasks one by one and executes each before the next, but never looks at what came of it; a turn that is cut off
//! (its lease time is over) has done the first of these tasks and no more.

use std::collections::BTreeMap;

use super::able_to_run::{Able, able_to_run};
use super::agent_state::{AgentState, Agents};
use super::cluster_state::ClusterState;
use super::task::{Reason, Task, TaskKind};
use super::unit::{TargetState, Unit};

/// In which order a turn visits jobs. fleet walks Go maps, so that it is random there and new in each loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order<'o> {
    /// By name, in both loops: a choice, which fleet does not make.
    #[default]
    ByName,
    /// Those listed first, as listed; then the others by name. Names that are no jobs count for nothing.
    Listed {
        /// For loop 1.
        unscheduling: &'o [&'o str],
        /// For loop 2.
        scheduling: &'o [&'o str],
    },
}

/// What a turn did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// The tasks in order.
    pub tasks: Vec<Task>,
    /// Jobs that had a target when loop 1 came to them, in the order visited.
    pub looked_at: Vec<String>,
    /// Jobs that loop 2 asked a machine for, in the order visited. Those without a task are unschedulable for now: fleet says
    /// nothing of them and asks again each turn, for ever.
    pub asked_for: Vec<String>,
}

/// The questions that a turn asks.
pub trait Steps {
    /// What counts on each machine.
    fn agents<'a>(&self, state: &ClusterState<'a>) -> Agents<'a> {
        state.agents()
    }

    /// Whether a machine may run a unit.
    fn able_to_run(&self, agent: &AgentState<'_>, unit: &Unit) -> Able {
        able_to_run(agent, unit)
    }

    /// The agents from the least to the most loaded (`sortedAgents`): by number of units, then by machine ID. No two are
    /// equal, so that the state alone decides.
    fn by_load<'s, 'a>(&self, agents: &'s Agents<'a>) -> Vec<&'s AgentState<'a>> {
        let mut sorted: Vec<_> = agents.values().collect();
        sorted.sort_by_key(|agent| (agent.load(), agent.machine.id.as_bytes()));
        sorted
    }

    /// The least loaded machine that may run the unit (`leastLoadedScheduler.Decide`, engine/scheduler.go:35-86).
    fn decide<'a>(&self, state: &ClusterState<'a>, unit: &Unit) -> Option<&'a str> {
        let agents = self.agents(state);
        let able = |agent: &&&AgentState<'a>| !matches!(self.able_to_run(agent, unit), Able::No(_));
        self.by_load(&agents).iter().find(able).map(|agent| agent.machine.id.as_str())
    }

    /// The least loaded machine but `machine`, whoever is to go there (`DecideReschedule`, engine/scheduler.go:70-99 at
    /// v1.0.0): whether it may run the unit is not asked.
    fn decide_elsewhere<'a>(&self, state: &ClusterState<'a>, machine: &str) -> Option<&'a str> {
        let agents = self.agents(state);
        let elsewhere = |agent: &&&AgentState<'a>| agent.machine.id != machine;
        self.by_load(&agents).iter().find(elsewhere).map(|agent| agent.machine.id.as_str())
    }
}

/// fleet's own answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Steps for Plain {}

/// One turn. `state` is afterwards what the engine believes, which is not what etcd holds where a write failed.
pub fn turn(state: &mut ClusterState<'_>, order: Order<'_>) -> Turn {
    turn_by(&Plain, state, order)
}

/// One turn with other answers.
pub fn turn_by(steps: &dyn Steps, state: &mut ClusterState<'_>, order: Order<'_>) -> Turn {
    let mut turn = Turn::default();
    let (unscheduling, scheduling) = match order {
        Order::ByName => (&[][..], &[][..]),
        Order::Listed { unscheduling, scheduling } => (unscheduling, scheduling),
    };
    unschedule(steps, state, unscheduling, &mut turn);
    schedule(steps, state, scheduling, &mut turn);
    turn
}

/// Loop 1.
fn unschedule<'a>(steps: &dyn Steps, state: &mut ClusterState<'a>, listed: &[&str], turn: &mut Turn) {
    let mut agents = steps.agents(state);
    for unit in visits(state, listed) {
        let Some(target) = state.job(&unit.name).and_then(|job| job.target) else { continue };
        turn.looked_at.push(unit.name.clone());
        if !state.rules().one_snapshot {
            agents = steps.agents(state);
        }
        let mut emit = |kind, unit: &str, machine: &str, reason| {
            turn.tasks.push(Task { kind, unit: unit.into(), machine: machine.into(), reason });
        };
        let reason = if unit.target_state == TargetState::Inactive {
            Reason::TargetInactive
        } else {
            match agents.get(target).map(|agent| steps.able_to_run(agent, unit)) {
                None => Reason::MachineWentAway,
                Some(Able::No(why)) => Reason::UnableToRun(why),
                Some(Able::Yes) => continue,
                Some(Able::Replace(other)) => {
                    // The other unit moves, whichever of the two replaces the other, and wherever there is least to do.
                    // Where there is no second machine the engine goes on believing that it is here, though the task that
                    // unschedules it is out (reconciler.go:109-163 at v1.0.0).
                    let reason = || Reason::Replace(other.clone());
                    emit(TaskKind::UnscheduleUnit, &other, target, reason());
                    if let Some(machine) = steps.decide_elsewhere(state, target) {
                        emit(TaskKind::AttemptScheduleUnit, &other, machine, reason());
                        state.schedule(&other, machine);
                    }
                    continue;
                }
            }
        };
        emit(TaskKind::UnscheduleUnit, &unit.name, target, reason);
        state.unschedule(&unit.name);
    }
}

/// Loop 2.
fn schedule<'a>(steps: &dyn Steps, state: &mut ClusterState<'a>, listed: &[&str], turn: &mut Turn) {
    for unit in visits(state, listed) {
        let scheduled = state.job(&unit.name).is_some_and(|job| job.target.is_some());
        if scheduled || unit.target_state == TargetState::Inactive {
            continue;
        }
        turn.asked_for.push(unit.name.clone());
        if let Some(machine) = steps.decide(state, unit) {
            let (kind, reason) = (TaskKind::AttemptScheduleUnit, Reason::NotScheduled(unit.target_state));
            turn.tasks.push(Task { kind, unit: unit.name.clone(), machine: machine.into(), reason });
            state.schedule(&unit.name, machine);
        }
    }
}

/// All jobs in the order in which a loop visits them.
pub(super) fn visits<'a>(state: &ClusterState<'a>, listed: &[&str]) -> Vec<&'a Unit> {
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, name) in listed.iter().enumerate() {
        place.entry(name).or_insert(i);
    }
    let mut units: Vec<&'a Unit> = state.jobs().map(|job| job.unit).collect();
    // Stable: those not listed stay in order of names.
    units.sort_by_key(|unit| place.get(unit.name.as_str()).copied().unwrap_or(listed.len()));
    units
}

#[cfg(test)]
mod tests;
