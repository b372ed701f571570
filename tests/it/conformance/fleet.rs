//! fleet v0.11.5 and v1.0.0: every turn of the engine, task by task, jobs visited in the order that was recorded.
//!
//! A file is read by its `format` field. Every field is compared or used, and a field that nobody knows stops the suite.

use std::collections::BTreeMap;

use plimsoll::fleet::Version;
use plimsoll::fleet::able_to_run::Inability;
use plimsoll::fleet::cluster_state::ClusterState;
use plimsoll::fleet::engine::{Order, Plain, Steps, Turn, turn_by};
use plimsoll::fleet::machine::Machine;
use plimsoll::fleet::options::Options;
use plimsoll::fleet::registry::Registry;
use plimsoll::fleet::requirements::Requirements;
use plimsoll::fleet::task::{Reason, Task, TaskKind};
use plimsoll::fleet::unit::{TargetState, Unit};
use plimsoll::fleet::version::Rules;
use serde_json::{Value, json};

use super::node::{fields, int, list, text};
use super::{Tally, read_json, vectors};

/// What is held to the vectors, piece by piece, so that a mutation can put a mistake in the place of one.
pub struct Fleet {
    pub rules: fn(Version) -> Rules,
    pub requirements: fn(&str, &Options, &Rules) -> Requirements,
    pub machine: fn(Machine) -> Machine,
    pub steps: &'static dyn Steps,
    pub turn: fn(&dyn Steps, &mut ClusterState<'_>, Order<'_>) -> Turn,
    pub apply: fn(&mut Registry, &Task) -> bool,
}

impl Fleet {
    pub const OURS: Fleet = Fleet {
        rules: Version::rules,
        requirements: Requirements::new,
        machine: |machine| machine,
        steps: &Plain,
        turn: turn_by,
        apply: Registry::apply,
    };
}

/// A scenario as written: names by index, and what stands in the registry.
struct World<'v> {
    place: String,
    fleet: &'v Fleet,
    version: Version,
    machine_ids: Vec<&'v str>,
    sections: Vec<Options>,
    /// Every unit ever added, by index.
    names: Vec<&'v str>,
    registry: Registry,
}

impl<'v> World<'v> {
    fn machine_id(&self, index: &Value) -> &'v str {
        let id = self.machine_ids.get(int(index) as usize);
        id.unwrap_or_else(|| panic!("{}: there is no machine {index}", self.place))
    }

    fn name(&self, index: &Value) -> &'v str {
        let name = self.names.get(int(index) as usize);
        name.unwrap_or_else(|| panic!("{}: there is no unit {index}", self.place))
    }

    fn put_machine(&mut self, tuple: &Value) {
        let [index, metadata] = tuple_of(&self.place, tuple);
        let object = metadata.as_object().unwrap_or_else(|| panic!("{}: {metadata} is not an object", self.place));
        let metadata = object.iter().map(|(key, value)| (key.clone(), text(value).to_string())).collect();
        let machine = Machine { id: self.machine_id(index).to_string(), metadata };
        self.registry.put_machine((self.fleet.machine)(machine));
    }

    fn put_unit(&mut self, tuple: &'v Value) {
        let [name, state, section, machine] = tuple_of(&self.place, tuple);
        let (name, place) = (text(name), &self.place);
        assert!(!self.names.contains(&name), "{place}: two units named {name}");
        let section = self.sections.get(int(section) as usize);
        let section = section.unwrap_or_else(|| panic!("{place}: {tuple} has a section that is not there"));
        let rules = (self.fleet.rules)(self.version);
        let requirements = (self.fleet.requirements)(name, section, &rules);
        let unit = Unit { name: name.to_string(), requirements, target_state: target_state(place, state) };
        self.registry.put_unit(unit);
        self.names.push(name);
        if int(machine) != -1 {
            assert!(self.registry.schedule(name, self.machine_id(machine)));
        }
    }

    fn change(&mut self, change: &'v Value) {
        let known = ["del_m?", "add_m?", "meta?", "state?", "del_u?", "add_u?"];
        let change = fields(&self.place, change, &known);
        let all = |key: &str| change.get(key).map_or(&[][..], list);
        for index in all("del_m") {
            let id = self.machine_id(index);
            assert!(self.registry.machine(id).is_some(), "{}: machine {index} is not alive", self.place);
            self.registry.remove_machine(id);
        }
        for tuple in all("add_m") {
            self.put_machine(tuple);
        }
        for tuple in all("meta") {
            let id = self.machine_id(&tuple[0]);
            assert!(self.registry.machine(id).is_some(), "{}: machine {id} is not alive", self.place);
            self.put_machine(tuple);
        }
        for tuple in all("state") {
            let [index, state] = tuple_of(&self.place, tuple);
            let state = target_state(&self.place, state);
            assert!(self.registry.set_target_state(self.name(index), state), "{}: no unit {index}", self.place);
        }
        for index in all("del_u") {
            assert!(self.registry.unit(self.name(index)).is_some(), "{}: no unit {index}", self.place);
            self.registry.destroy_unit(self.name(index));
        }
        for tuple in all("add_u") {
            self.put_unit(tuple);
        }
    }

    /// `{machine index: load}`; a machine that is not in the table is told by its ID.
    fn loads(&self, loads: &BTreeMap<&str, usize>) -> Value {
        loads.iter().map(|(id, load)| (index_of(&self.machine_ids, id).to_string(), json!(load))).collect()
    }

    fn task(&self, task: &Task) -> Value {
        let kind = match task.kind {
            TaskKind::UnscheduleUnit => "U",
            TaskKind::AttemptScheduleUnit => "S",
        };
        let reason = match (&task.reason, self.version) {
            (Reason::TargetInactive, _) => "i",
            (Reason::MachineWentAway, _) => "a",
            (Reason::UnableToRun(_), Version::V0_11_5) => "u",
            (Reason::UnableToRun(Inability::MachineId), _) => "ut",
            (Reason::UnableToRun(Inability::Metadata), _) => "um",
            (Reason::UnableToRun(Inability::Peer(_)), _) => "up",
            (Reason::UnableToRun(Inability::Conflict(_)), _) => "uc",
            (Reason::Replace(_), _) => "ur",
            (Reason::NotScheduled(_), _) => "s",
        };
        json!([kind, index_of(&self.names, &task.unit), index_of(&self.machine_ids, &task.machine), reason])
    }
}

fn index_of(names: &[&str], name: &str) -> Value {
    names.iter().position(|have| *have == name).map_or_else(|| name.into(), Value::from)
}

fn tuple_of<'a, const N: usize>(place: &str, value: &'a Value) -> [&'a Value; N] {
    let elements: Vec<&Value> = list(value).iter().collect();
    elements.try_into().unwrap_or_else(|_| panic!("{place}: {value} has not {N} elements"))
}

fn target_state(place: &str, value: &Value) -> TargetState {
    match text(value) {
        "i" => TargetState::Inactive,
        "o" => TargetState::Loaded,
        "l" => TargetState::Launched,
        other => panic!("{place}: nothing is known of the target state {other}"),
    }
}

/// The scenarios of a file with their place and version.
pub fn scenarios<'v>(name: &str, file: &'v Value) -> Vec<(String, Version, &'v Value)> {
    assert_eq!(file["format"], "fleet-decision-vectors/1", "{name}: unknown format");
    let mut all = Vec::new();
    for version in list(&fields(name, file, &["format", "versions"])["versions"]) {
        let version = fields(name, version, &["fleet_version", "golden", "random"]);
        let fleet_version = text(&version["fleet_version"]);
        let parsed = Version::parse(fleet_version).unwrap_or_else(|e| panic!("{name}: {e}"));
        for kind in ["golden", "random"] {
            for scenario in list(&version[kind]) {
                all.push((format!("{name} {fleet_version} {}", text(&scenario["id"])), parsed, scenario));
            }
        }
    }
    all
}

/// One scenario, turn by turn.
pub fn compare_scenario(tally: &mut Tally, place: &str, version: Version, scenario: &Value, fleet: &Fleet) {
    let known = ["id", "note?", "machine_ids", "machines", "xfleet", "units", "passes"];
    let scenario = fields(place, scenario, &known);
    let mut world = World {
        place: place.to_string(),
        fleet,
        version,
        machine_ids: list(&scenario["machine_ids"]).iter().map(text).collect(),
        sections: list(&scenario["xfleet"]).iter().map(|section| options(place, section)).collect(),
        names: Vec::new(),
        registry: Registry::default(),
    };
    list(&scenario["machines"]).iter().for_each(|tuple| world.put_machine(tuple));
    list(&scenario["units"]).iter().for_each(|tuple| world.put_unit(tuple));
    assert!(!list(&scenario["passes"]).is_empty(), "{place}: no pass");
    for (i, pass) in list(&scenario["passes"]).iter().enumerate() {
        let place = format!("{place} pass {i}");
        // v0.11.5 judges by one snapshot; nothing hangs on the order of its first loop but that of the tasks.
        let ordered = version != Version::V0_11_5;
        let mut known = vec!["change?", "loads0", "order2", "tasks", "loads1"];
        known.extend(ordered.then_some("order1"));
        let pass = fields(&place, pass, &known);
        if let Some(change) = pass.get("change") {
            world.change(change);
        }
        let names = |order: &Value| list(order).iter().map(|index| world.name(index)).collect::<Vec<_>>();
        let unscheduled = |task: &&Value| task[0] == "U";
        let unscheduling = match pass.get("order1") {
            Some(order) => names(order),
            None => list(&pass["tasks"]).iter().filter(unscheduled).map(|task| world.name(&task[1])).collect(),
        };
        let order = Order::Listed { unscheduling: &unscheduling, scheduling: &names(&pass["order2"]) };
        let mut state = ClusterState::new(&world.registry, (fleet.rules)(version));
        tally.compare(&format!("{place} loads0"), &pass["loads0"], &world.loads(&loads(fleet, &state)));
        let turn = (fleet.turn)(fleet.steps, &mut state, order);
        let indexes = |names: &[String]| Value::from_iter(names.iter().map(|name| index_of(&world.names, name)));
        if let Some(order) = pass.get("order1") {
            tally.compare(&format!("{place} order1"), order, &indexes(&turn.looked_at));
        }
        tally.compare(&format!("{place} order2"), &pass["order2"], &indexes(&turn.asked_for));
        let tasks: Value = turn.tasks.iter().map(|task| world.task(task)).collect();
        tally.compare(&format!("{place} tasks"), &pass["tasks"], &tasks);
        tally.compare(&format!("{place} loads1"), &pass["loads1"], &world.loads(&loads(fleet, &state)));
        for task in &turn.tasks {
            (fleet.apply)(&mut world.registry, task);
        }
    }
}

fn loads<'a>(fleet: &Fleet, state: &ClusterState<'a>) -> BTreeMap<&'a str, usize> {
    fleet.steps.agents(state).iter().map(|(&id, agent)| (id, agent.load())).collect()
}

fn options(place: &str, section: &Value) -> Options {
    let section = section.as_object().unwrap_or_else(|| panic!("{place}: {section} is not an object"));
    let mut options = Options::default();
    for (name, values) in section {
        list(values).iter().for_each(|value| options.add_value(name, text(value)));
    }
    options
}

#[test]
fn every_recorded_turn_of_fleet_agrees() {
    let Some(files) = vectors("fleet", &super::folder("fleet")) else { return };
    let mut all = Tally::default();
    let mut cases = 0;
    for (name, path) in &files {
        let file = read_json(path);
        for version in Version::ALL {
            let mut tally = Tally::default();
            let scenarios = scenarios(name, &file);
            let of_version: Vec<_> = scenarios.iter().filter(|(_, of, _)| *of == version).collect();
            for (place, version, scenario) in &of_version {
                compare_scenario(&mut tally, place, *version, scenario, &Fleet::OURS);
            }
            let (version, count) = (version.name(), of_version.len());
            println!(
                "{name} {version}: {count} cases, {} checks, {} differences",
                tally.checks,
                tally.differences.len()
            );
            cases += count;
            all.checks += tally.checks;
            all.differences.extend(tally.differences);
        }
    }
    for difference in all.differences.iter().take(200) {
        println!("{difference}");
    }
    if all.differences.len() > 200 {
        println!("… and {} more", all.differences.len() - 200);
    }
    println!("conformance fleet: {cases} cases, {} checks, {} differences", all.checks, all.differences.len());
    assert!(cases > 0, "no case was found");
    assert_eq!(all.differences.len(), 0, "ours differs from the recorded fleet");
}
