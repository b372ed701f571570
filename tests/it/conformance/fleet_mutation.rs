//! Proof that the fleet suite can fail: a mistake in any rule is caught by some recorded case, and so is a change of any
//! recorded field.
//!
//! Two mistakes no recorded case would object to, so that hand-worked ones in `src/fleet` stand in: peers asked for before
//! metadata, and `X-ConditionMachineMetadata` left aside where `MachineMetadata` stands too.

use std::cmp::Reverse;

use plimsoll::fleet::Version;
use plimsoll::fleet::able_to_run::{Able, Inability, able_to_run};
use plimsoll::fleet::agent_state::{AgentState, Agents};
use plimsoll::fleet::cluster_state::ClusterState;
use plimsoll::fleet::engine::{Steps, turn_by};
use plimsoll::fleet::options::Options;
use plimsoll::fleet::pattern::Pattern;
use plimsoll::fleet::registry::Registry;
use plimsoll::fleet::requirements::Requirements;
use plimsoll::fleet::task::{Reason, TaskKind};
use plimsoll::fleet::unit::{TargetState, Unit};
use serde_json::Value;

use super::fleet::{Fleet, compare_scenario, scenarios};
use super::{Tally, read_json, shipped_folder, vectors};

/// A mistake: the version whose cases must object, what it is, and how it is made.
type Mistake = (Version, &'static str, fn(&mut Fleet));

/// Answers of which single ones are wrong.
#[derive(Clone, Copy)]
struct Wrong {
    agents: for<'a> fn(&ClusterState<'a>) -> Agents<'a>,
    able: fn(&AgentState<'_>, &Unit) -> Able,
    by_load: for<'s, 'a> fn(&'s Agents<'a>) -> Vec<&'s AgentState<'a>>,
    elsewhere_is_here: bool,
}

impl Steps for Wrong {
    fn agents<'a>(&self, state: &ClusterState<'a>) -> Agents<'a> {
        (self.agents)(state)
    }

    fn able_to_run(&self, agent: &AgentState<'_>, unit: &Unit) -> Able {
        (self.able)(agent, unit)
    }

    fn by_load<'s, 'a>(&self, agents: &'s Agents<'a>) -> Vec<&'s AgentState<'a>> {
        (self.by_load)(agents)
    }

    fn decide_elsewhere<'a>(&self, state: &ClusterState<'a>, machine: &str) -> Option<&'a str> {
        let agents = self.agents(state);
        let elsewhere = |agent: &&&AgentState<'a>| self.elsewhere_is_here || agent.machine.id != machine;
        self.by_load(&agents).iter().find(elsewhere).map(|agent| agent.machine.id.as_str())
    }
}

fn sorted<'s, 'a, K: Ord>(agents: &'s Agents<'a>, key: impl Fn(&'s AgentState<'a>) -> K) -> Vec<&'s AgentState<'a>> {
    let mut sorted: Vec<_> = agents.values().collect();
    sorted.sort_by_key(|agent| key(agent));
    sorted
}

const RIGHT: Wrong = Wrong {
    agents: |state| state.agents(),
    able: able_to_run,
    by_load: |agents| sorted(agents, |agent| (agent.load(), &agent.machine.id)),
    elsewhere_is_here: false,
};

/// The agents without the units that `counts` says no to.
fn counted<'a>(state: &ClusterState<'a>, counts: fn(&Unit) -> bool) -> Agents<'a> {
    let mut agents = state.agents();
    agents.values_mut().for_each(|agent| agent.units.retain(|_, unit| counts(unit)));
    agents
}

/// The answer to a unit that asks for something else.
fn able_with(agent: &AgentState<'_>, unit: &Unit, change: fn(&mut Requirements)) -> Able {
    let mut unit = unit.clone();
    change(&mut unit.requirements);
    able_to_run(agent, &unit)
}

/// A pattern of characters that stand for themselves.
fn literal(pattern: &Pattern) -> Pattern {
    Pattern::new(pattern.text().chars().flat_map(|c| ['\\', c]).collect::<String>())
}

fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// The requirements of a section without the options that `keep` says no to.
fn without(
    name: &str,
    options: &Options,
    rules: &plimsoll::fleet::version::Rules,
    keep: fn(&str) -> bool,
) -> Requirements {
    let mut kept = Options::default();
    for (option, values) in options.iter().filter(|(option, _)| keep(option)) {
        values.iter().for_each(|value| kept.add_value(option, value.as_str()));
    }
    Requirements::new(name, &kept, rules)
}

const OLD: Version = Version::V0_11_5;
const NEW: Version = Version::V1_0_0;

const LOADS: &[Mistake] = &[
    (OLD, "ties go to the highest ID", |f| {
        f.steps = &Wrong { by_load: |agents| sorted(agents, |a| (a.load(), Reverse(&a.machine.id))), ..RIGHT };
    }),
    (OLD, "IDs are compared as numbers", |f| {
        f.steps = &Wrong {
            by_load: |agents| sorted(agents, |a| (a.load(), a.machine.id.parse().unwrap_or(u64::MAX), &a.machine.id)),
            ..RIGHT
        };
    }),
    (OLD, "the most loaded machine is taken", |f| {
        f.steps = &Wrong { by_load: |agents| sorted(agents, |a| (Reverse(a.load()), &a.machine.id)), ..RIGHT };
    }),
    (OLD, "load does not count", |f| {
        f.steps = &Wrong { by_load: |agents| sorted(agents, |a| &a.machine.id), ..RIGHT };
    }),
    (OLD, "loaded units are no load", |f| {
        f.steps = &Wrong {
            agents: |state| counted(state, |unit| unit.requirements.global || unit.target_state != TargetState::Loaded),
            ..RIGHT
        };
    }),
    (OLD, "inactive units are load", |f| {
        f.steps = &Wrong {
            agents: |state| {
                let mut agents = state.agents();
                for job in state.jobs() {
                    if let Some(agent) = job.target.and_then(|target| agents.get_mut(target)) {
                        agent.units.insert(&job.unit.name, job.unit);
                    }
                }
                agents
            },
            ..RIGHT
        };
    }),
    (OLD, "global units are no load", |f| {
        f.steps = &Wrong { agents: |state| counted(state, |unit| !unit.requirements.global), ..RIGHT };
    }),
    (OLD, "inactive global units are no load", |f| {
        f.steps = &Wrong { agents: |state| counted(state, |unit| unit.target_state != TargetState::Inactive), ..RIGHT };
    }),
    (OLD, "global units are everywhere", |f| {
        f.requirements = |name, options, rules| {
            let mut wants = Requirements::new(name, options, rules);
            if wants.global {
                wants.metadata.clear();
            }
            wants
        };
    }),
    (OLD, "global units are placed", |f| {
        f.requirements = |name, options, rules| without(name, options, rules, |option| option != "Global");
    }),
    (OLD, "global units stay away from what they conflict with", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.globals_heed_conflicts = true;
            rules
        };
    }),
    (NEW, "global units do not stay away from what they conflict with", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.globals_heed_conflicts = false;
            rules
        };
    }),
];

const ABLE: &[Mistake] = &[
    (OLD, "a short ID is no ID", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match &unit.requirements.machine_id {
                Some(id) if *id != agent.machine.id => Able::No(Inability::MachineId),
                _ => able_to_run(agent, unit),
            },
            ..RIGHT
        };
    }),
    (OLD, "the last MachineID counts", |f| {
        f.requirements = |name, options, rules| {
            let mut wants = Requirements::new(name, options, rules);
            wants.machine_id = options.values("MachineID").last().cloned().or(wants.machine_id);
            wants
        };
    }),
    (OLD, "old spellings mean nothing", |f| {
        f.requirements = |name, options, rules| without(name, options, rules, |option| !option.starts_with("X-"));
    }),
    (OLD, "X-ConditionMachineID is not known", |f| {
        f.requirements =
            |name, options, rules| without(name, options, rules, |option| option != "X-ConditionMachineID");
    }),
    (OLD, "X-ConditionMachineMetadata takes the place of MachineMetadata", |f| {
        f.requirements = |name, options, rules| {
            let old = !options.values("X-ConditionMachineMetadata").is_empty();
            match old {
                true => without(name, options, rules, |option| option != "MachineMetadata"),
                false => Requirements::new(name, options, rules),
            }
        };
    }),
    (OLD, "X-ConditionMachineOf is not known", |f| {
        f.requirements =
            |name, options, rules| without(name, options, rules, |option| option != "X-ConditionMachineOf");
    }),
    (OLD, "X-Conflicts is not known", |f| {
        f.requirements = |name, options, rules| without(name, options, rules, |option| option != "X-Conflicts");
    }),
    (OLD, "metadata mean nothing", |f| {
        f.steps = &Wrong { able: |agent, unit| able_with(agent, unit, |wants| wants.metadata.clear()), ..RIGHT };
    }),
    (OLD, "values of one key must all match", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match unit.requirements.metadata.values().any(|values| values.len() > 1) {
                true => Able::No(Inability::Metadata),
                false => able_to_run(agent, unit),
            },
            ..RIGHT
        };
    }),
    (OLD, "one key that matches is enough", |f| {
        f.steps = &Wrong {
            able: |agent, unit| {
                let mut unit = unit.clone();
                let own = &agent.machine.metadata;
                let wants = &mut unit.requirements.metadata;
                if wants.iter().any(|(key, values)| own.get(key).is_some_and(|value| values.contains(value))) {
                    wants.clear();
                }
                able_to_run(agent, &unit)
            },
            ..RIGHT
        };
    }),
    (OLD, "peers mean nothing", |f| {
        f.steps = &Wrong { able: |agent, unit| able_with(agent, unit, |wants| wants.peers.clear()), ..RIGHT };
    }),
    (OLD, "one peer is enough", |f| {
        f.steps = &Wrong { able: |agent, unit| able_with(agent, unit, |wants| wants.peers.truncate(1)), ..RIGHT };
    }),
    (OLD, "peers are patterns", |f| {
        f.steps = &Wrong {
            able: |agent, unit| {
                let mut unit = unit.clone();
                let here = |peer: &String| agent.units.keys().any(|name| Pattern::new(peer.as_str()).matches(name));
                unit.requirements.peers.retain(|peer| !here(peer));
                able_to_run(agent, &unit)
            },
            ..RIGHT
        };
    }),
    (OLD, "global units are no peers", |f| {
        f.steps = &Wrong {
            able: |agent, unit| {
                let global = |peer: &String| agent.units.get(peer.as_str()).is_some_and(|u| u.requirements.global);
                match unit.requirements.peers.iter().find(|peer| global(peer)) {
                    Some(peer) => Able::No(Inability::Peer(peer.clone())),
                    None => able_to_run(agent, unit),
                }
            },
            ..RIGHT
        };
    }),
    (OLD, "only the newcomer's conflicts count", |f| {
        f.steps = &Wrong {
            able: |agent, unit| {
                let mut agent = agent.clone();
                let named = |other: &Unit| any(&unit.requirements.conflicts, &other.name);
                agent.units.retain(|_, other| named(other) || unit.requirements.peers.contains(&other.name));
                able_to_run(&agent, unit)
            },
            ..RIGHT
        };
    }),
    (OLD, "only the conflicts of who is there count", |f| {
        f.steps = &Wrong { able: |agent, unit| able_with(agent, unit, |wants| wants.conflicts.clear()), ..RIGHT };
    }),
    (OLD, "a unit conflicts with itself", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match any(&unit.requirements.conflicts, &unit.name) {
                true => Able::No(Inability::Conflict(unit.name.clone())),
                false => able_to_run(agent, unit),
            },
            ..RIGHT
        };
    }),
    (OLD, "conflicts are names and no patterns", |f| {
        f.requirements = |name, options, rules| {
            let mut wants = Requirements::new(name, options, rules);
            wants.conflicts = wants.conflicts.iter().map(literal).collect();
            wants
        };
    }),
    (OLD, "a pattern may match the beginning of a name", |f| {
        f.requirements = |name, options, rules| {
            let mut wants = Requirements::new(name, options, rules);
            wants.conflicts.iter_mut().for_each(|p| *p = Pattern::new(format!("{}*", p.text())));
            wants
        };
    }),
    (OLD, "specifiers stand for themselves", |f| {
        f.requirements = |_, options, rules| Requirements::new("no-dot", options, rules);
    }),
    (OLD, "a line of conflicts is split", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.splits_conflicts = true;
            rules
        };
    }),
    (NEW, "a line of conflicts is one pattern", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.splits_conflicts = false;
            rules
        };
    }),
    (NEW, "conflicts are asked for before metadata", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match able_with(agent, unit, |wants| wants.metadata.clear()) {
                Able::No(Inability::Conflict(name)) => Able::No(Inability::Conflict(name)),
                _ => able_to_run(agent, unit),
            },
            ..RIGHT
        };
    }),
    (NEW, "Replaces means nothing", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.replaces = false;
            rules
        };
    }),
    (NEW, "only the replacer sees the replaced", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match able_to_run(agent, unit) {
                Able::Replace(other) if !any(&unit.requirements.replaces, &other) => Able::Yes,
                able => able,
            },
            ..RIGHT
        };
    }),
    (NEW, "the replacer does not go where the replaced is", |f| {
        f.steps = &Wrong {
            able: |agent, unit| match able_to_run(agent, unit) {
                Able::Replace(other) => Able::No(Inability::Conflict(other)),
                able => able,
            },
            ..RIGHT
        };
    }),
    (NEW, "the replaced unit may go to where it is", |f| f.steps = &Wrong { elsewhere_is_here: true, ..RIGHT }),
];

const TURN: &[Mistake] = &[
    (OLD, "what is unscheduled changes what is judged next", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.one_snapshot = false;
            rules
        };
    }),
    (NEW, "all are judged by one snapshot", |f| {
        f.rules = |version| {
            let mut rules = version.rules();
            rules.one_snapshot = true;
            rules
        };
    }),
    (OLD, "what is unscheduled is placed a turn later", |f| {
        f.turn = |steps, state, order| {
            let mut turn = turn_by(steps, state, order);
            let left: Vec<_> =
                turn.tasks.iter().filter(|t| t.kind == TaskKind::UnscheduleUnit).map(|t| t.unit.clone()).collect();
            turn.tasks.retain(|t| t.kind == TaskKind::UnscheduleUnit || !left.contains(&t.unit));
            turn
        };
    }),
    (OLD, "units of a dead machine wait for it", |f| {
        f.turn = |steps, state, order| {
            let mut turn = turn_by(steps, state, order);
            turn.tasks.retain(|task| task.reason != Reason::MachineWentAway);
            turn
        };
    }),
    (OLD, "unable comes before inactive", |f| {
        f.turn = |steps, state, order| {
            let agents = state.agents();
            let jobs: Vec<Unit> = state.jobs().map(|job| job.unit.clone()).collect();
            let mut turn = turn_by(steps, state, order);
            for task in turn.tasks.iter_mut().filter(|task| task.reason == Reason::TargetInactive) {
                let agent = agents.get(task.machine.as_str());
                let unit = jobs.iter().find(|unit| unit.name == task.unit);
                let able = agent.zip(unit).map(|(agent, unit)| steps.able_to_run(agent, unit));
                if let Some(Able::No(why)) = able {
                    task.reason = Reason::UnableToRun(why);
                }
            }
            turn
        };
    }),
    (OLD, "schedule entries outlive their unscheduling", |f| {
        f.apply = |registry, task| task.kind == TaskKind::UnscheduleUnit || registry.apply(task);
    }),
    (OLD, "decisions are not written", |f| {
        f.apply = |registry: &mut Registry, task| task.kind == TaskKind::AttemptScheduleUnit || registry.apply(task);
    }),
    (OLD, "machines say nothing of themselves", |f| {
        f.machine = |mut machine| {
            machine.metadata.clear();
            machine
        };
    }),
];

#[test]
fn a_mistake_in_any_rule_of_fleet_is_caught() {
    // Always the shipped cases: a few foreign ones need not exercise every rule.
    let Some(files) = vectors("fleet", &shipped_folder("fleet")) else { return };
    let files: Vec<(String, Value)> = files.into_iter().map(|(name, path)| (name, read_json(&path))).collect();
    let all: Vec<_> = files.iter().flat_map(|(name, file)| scenarios(name, file)).collect();
    let disagrees = |version, fleet: &Fleet| {
        all.iter().filter(|(_, of, _)| *of == version).any(|(place, version, scenario)| {
            let mut tally = Tally::default();
            compare_scenario(&mut tally, place, *version, scenario, fleet);
            !tally.agrees()
        })
    };
    // What the mistakes are made in is right.
    let right = Fleet { steps: &RIGHT, ..Fleet::OURS };
    assert!(Version::ALL.into_iter().all(|version| !disagrees(version, &right)));
    let mut missed = Vec::new();
    for (version, mistake, make) in [LOADS, ABLE, TURN].into_iter().flatten() {
        let mut fleet = Fleet::OURS;
        make(&mut fleet);
        if !disagrees(*version, &fleet) {
            missed.push(format!("{}: {mistake}", version.name()));
        }
    }
    assert!(missed.is_empty(), "no case objects to:\n{}", missed.join("\n"));
}

#[test]
fn a_change_of_any_recorded_field_of_fleet_is_named() {
    let Some(files) = vectors("fleet", &shipped_folder("fleet")) else { return };
    for (name, path) in &files {
        let file = read_json(path);
        for (place, version, scenario) in scenarios(name, &file) {
            for field in ["loads0", "order1", "order2", "tasks", "loads1"] {
                let passes = scenario["passes"].as_array().map_or(0, Vec::len);
                let Some(pass) = (0..passes).find(|&i| !is_empty(&scenario["passes"][i][field])) else { continue };
                let mut changed = scenario.clone();
                spoil(&mut changed["passes"][pass][field]);
                let mut tally = Tally::default();
                compare_scenario(&mut tally, &place, version, &changed, &Fleet::OURS);
                let begins = format!("{place} pass {pass} {field}");
                // An order that is spoilt is followed all the same, so that more may differ than the order itself.
                assert!(tally.differences.iter().any(|difference| difference.starts_with(&begins)), "{begins}");
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_none_or(Vec::is_empty) && value.as_object().is_none_or(serde_json::Map::is_empty)
}

/// Drops the last element of a list, or adds 1 to the first number of an object.
fn spoil(value: &mut Value) {
    match value {
        Value::Array(elements) => {
            elements.pop();
        }
        Value::Object(object) => {
            if let Some(number) = object.values_mut().next() {
                *number = (number.as_i64().unwrap_or_default() + 1).into();
            }
        }
        _ => {}
    }
}
