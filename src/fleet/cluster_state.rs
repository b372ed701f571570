//! The cluster as one turn of the engine sees it (`clusterState`, engine/state.go:29-103): read once, then changed in
//! memory by what the turn decides, whether or not the writes succeed.

use std::collections::{BTreeMap, BTreeSet};

use super::agent_state::{AgentState, Agents};
use super::machine::Machine;
use super::registry::Registry;
use super::unit::{TargetState, Unit};
use super::version::Rules;

/// Jobs, global units and live machines. fleet holds all three in maps; here they are in order of names, which shows
/// where global units conflict with each other in v1.0.0: the first by name wins.
#[derive(Clone, Debug)]
pub struct ClusterState<'a> {
    rules: Rules,
    jobs: BTreeMap<&'a str, Job<'a>>,
    globals: BTreeMap<&'a str, &'a Unit>,
    machines: BTreeMap<&'a str, &'a Machine>,
}

/// A unit that the engine places.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The unit.
    pub unit: &'a Unit,
    /// The machine of its schedule entry, alive or not.
    pub target: Option<&'a str>,
}

impl<'a> ClusterState<'a> {
    /// Reads the registry. Schedule entries of unknown and of global units are ignored.
    pub fn new(registry: &'a Registry, rules: Rules) -> ClusterState<'a> {
        ClusterState::without(registry, rules, &BTreeSet::new())
    }

    /// The same if the units `missing` were not read: up to v0.11.8 a unit whose body's request fails drops out of the
    /// list, and no error says so (`getUnitByHash`, registry/unit.go; registry/job.go:100-112).
    pub fn without(registry: &'a Registry, rules: Rules, missing: &BTreeSet<String>) -> ClusterState<'a> {
        let (mut jobs, mut globals) = (BTreeMap::new(), BTreeMap::new());
        for unit in registry.units().filter(|unit| !missing.contains(&unit.name)) {
            let name = unit.name.as_str();
            if unit.requirements.global {
                globals.insert(name, unit);
            } else {
                // An empty ID is no target (`Scheduled`).
                let target = registry.target(name).filter(|machine| !machine.is_empty());
                jobs.insert(name, Job { unit, target });
            }
        }
        let machines = registry.machines().map(|machine| (machine.id.as_str(), machine)).collect();
        ClusterState { rules, jobs, globals, machines }
    }

    /// How the engine decides.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The jobs by name.
    pub fn jobs(&self) -> impl Iterator<Item = &Job<'a>> {
        self.jobs.values()
    }

    /// The job of that name; `None` for a global unit.
    pub fn job(&self, name: &str) -> Option<&Job<'a>> {
        self.jobs.get(name)
    }

    /// The global units, by name.
    pub fn globals(&self) -> impl Iterator<Item = &'a Unit> {
        self.globals.values().copied()
    }

    /// Notes that a job is on a machine now; nothing happens for a global unit.
    pub fn schedule(&mut self, name: &str, machine: &'a str) {
        if let Some(job) = self.jobs.get_mut(name) {
            job.target = Some(machine);
        }
    }

    /// Notes that a job is nowhere now.
    pub fn unschedule(&mut self, name: &str) {
        if let Some(job) = self.jobs.get_mut(name) {
            job.target = None;
        }
    }

    /// The units that count on each live machine (`agents`, engine/state.go:71-103): jobs with that target whose target
    /// state is not inactive, whatever became of them there, and global units whose metadata match, whatever their
    /// target state.
    pub fn agents(&self) -> Agents<'a> {
        let mut agents: Agents<'a> =
            self.machines.iter().map(|(&id, &machine)| (id, AgentState::new(machine))).collect();
        for (&name, job) in &self.jobs {
            let Some(target) = job.target.filter(|_| job.unit.target_state != TargetState::Inactive) else { continue };
            if let Some(agent) = agents.get_mut(target) {
                agent.units.insert(name, job.unit);
            }
        }
        for (&name, &unit) in &self.globals {
            for agent in agents.values_mut().filter(|agent| agent.machine.has(&unit.requirements.metadata)) {
                if !self.rules.globals_heed_conflicts || agent.conflict(unit).is_none() {
                    agent.units.insert(name, unit);
                }
            }
        }
        agents
    }

    /// The number of units that count on each live machine, by ID.
    pub fn loads(&self) -> BTreeMap<&'a str, usize> {
        self.agents().iter().map(|(&id, agent)| (id, agent.load())).collect()
    }
}
