//! One turn of the engine that keeps what counts on each machine, and machines in order of their load, while it decides.
//!
//! The same turn as [`super::engine::turn`], task by task (tests compare them): there every question is asked of the whole state
//! anew, for each unit, as fleet does; here a decision makes one or two machines anew. A turn reads all units once, and a
//! decision walks machines from the least loaded on to the first that is able.

use std::collections::{BTreeMap, BTreeSet};

use super::able_to_run::{Able, able_to_run};
use super::agent_state::{AgentState, Agents};
use super::cluster_state::ClusterState;
use super::engine::{Order, Turn, visits};
use super::task::{Reason, Task, TaskKind};
use super::unit::{TargetState, Unit};

/// What counts where, as the state stands.
struct Kept<'a> {
    agents: Agents<'a>,
    /// Jobs by target, whether that machine lives or not and whether they count or not.
    on: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Global units whose metadata a machine has, by machine, in order of names.
    globals: BTreeMap<&'a str, Vec<&'a Unit>>,
    /// Live machines by load, then by ID.
    by_load: BTreeSet<(usize, &'a str)>,
    /// Machines looked at by decisions.
    looked: u64,
}

impl<'a> Kept<'a> {
    fn new(state: &ClusterState<'a>) -> Kept<'a> {
        let agents = state.agents();
        let mut on: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for job in state.jobs() {
            if let Some(target) = job.target {
                on.entry(target).or_default().insert(&job.unit.name);
            }
        }
        let mut globals: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
        for unit in state.globals() {
            for agent in agents.values().filter(|agent| agent.machine.has(&unit.requirements.metadata)) {
                globals.entry(&agent.machine.id).or_default().push(unit);
            }
        }
        let by_load = agents.iter().map(|(&id, agent)| (agent.load(), id)).collect();
        Kept { agents, on, globals, by_load, looked: 0 }
    }

    /// A job has another target, or none; `machine` is the old one or the new one.
    fn anew(&mut self, state: &ClusterState<'a>, machine: &str) {
        let Some(agent) = self.agents.get_mut(machine) else { return };
        let id = agent.machine.id.as_str();
        self.by_load.remove(&(agent.load(), id));
        let mut made = AgentState::new(agent.machine);
        for &name in self.on.get(machine).into_iter().flatten() {
            if let Some(job) = state.job(name).filter(|job| job.unit.target_state != TargetState::Inactive) {
                made.units.insert(name, job.unit);
            }
        }
        for &unit in self.globals.get(machine).into_iter().flatten() {
            if !state.rules().globals_heed_conflicts || made.conflict(unit).is_none() {
                made.units.insert(&unit.name, unit);
            }
        }
        self.by_load.insert((made.load(), id));
        *agent = made;
    }

    /// The state says that the job `name` has this target now; it is no news for a global unit.
    fn targets(&mut self, state: &mut ClusterState<'a>, name: &str, machine: Option<&'a str>) {
        let Some(job) = state.job(name) else { return };
        let (old, name) = (job.target, job.unit.name.as_str());
        match machine {
            Some(machine) => state.schedule(name, machine),
            None => state.unschedule(name),
        }
        if let Some(old) = old {
            if let Some(jobs) = self.on.get_mut(old) {
                jobs.remove(name);
            }
            self.anew(state, old);
        }
        if let Some(machine) = machine {
            self.on.entry(machine).or_default().insert(name);
            self.anew(state, machine);
        }
    }

    /// The least loaded machine that is able to run the unit.
    fn decide(&mut self, unit: &Unit) -> Option<&'a str> {
        let Kept { agents, by_load, looked, .. } = self;
        let mut machines = by_load.iter().map(|&(_, id)| id);
        machines.find(|id| {
            *looked += 1;
            agents.get(id).is_some_and(|agent| !matches!(able_to_run(agent, unit), Able::No(_)))
        })
    }
}

/// One turn, and how many machines its decisions looked at. `state` is afterwards what the engine believes.
pub fn turn<'a>(state: &mut ClusterState<'a>, order: Order<'_>) -> (Turn, u64) {
    let mut turn = Turn::default();
    let (unscheduling, scheduling) = match order {
        Order::ByName => (&[][..], &[][..]),
        Order::Listed { unscheduling, scheduling } => (unscheduling, scheduling),
    };
    let mut kept = Kept::new(state);
    // Where the first loop asks one snapshot, it does not see what it has unscheduled itself.
    let snapshot = state.rules().one_snapshot.then(|| kept.agents.clone());
    for unit in visits(state, unscheduling) {
        let Some(target) = state.job(&unit.name).and_then(|job| job.target) else { continue };
        turn.looked_at.push(unit.name.clone());
        let agents = snapshot.as_ref().unwrap_or(&kept.agents);
        let able = agents.get(target).map(|agent| able_to_run(agent, unit));
        let mut emit = |kind, unit: &str, machine: &str, reason| {
            turn.tasks.push(Task { kind, unit: unit.into(), machine: machine.into(), reason });
        };
        let reason = match (unit.target_state, able) {
            (TargetState::Inactive, _) => Reason::TargetInactive,
            (_, None) => Reason::MachineWentAway,
            (_, Some(Able::No(why))) => Reason::UnableToRun(why),
            (_, Some(Able::Yes)) => continue,
            (_, Some(Able::Replace(other))) => {
                emit(TaskKind::UnscheduleUnit, &other, target, Reason::Replace(other.clone()));
                // Whether the other machine may run the unit is not asked.
                let elsewhere = kept.by_load.iter().map(|&(_, id)| id).find(|id| *id != target);
                if let Some(machine) = elsewhere {
                    emit(TaskKind::AttemptScheduleUnit, &other, machine, Reason::Replace(other.clone()));
                    kept.targets(state, &other, Some(machine));
                }
                continue;
            }
        };
        emit(TaskKind::UnscheduleUnit, &unit.name, target, reason);
        kept.targets(state, &unit.name, None);
    }
    for unit in visits(state, scheduling) {
        let scheduled = state.job(&unit.name).is_some_and(|job| job.target.is_some());
        if scheduled || unit.target_state == TargetState::Inactive {
            continue;
        }
        turn.asked_for.push(unit.name.clone());
        if let Some(machine) = kept.decide(unit) {
            let (kind, reason) = (TaskKind::AttemptScheduleUnit, Reason::NotScheduled(unit.target_state));
            turn.tasks.push(Task { kind, unit: unit.name.clone(), machine: machine.into(), reason });
            kept.targets(state, &unit.name, Some(machine));
        }
    }
    (turn, kept.looked)
}
