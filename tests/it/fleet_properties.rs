//! What must hold of fleet's engine in any cluster, tried on random ones.

use std::collections::BTreeMap;

use plimsoll::fleet::Version;
use plimsoll::fleet::cluster_state::ClusterState;
use plimsoll::fleet::engine::{Order, Turn, turn};
use plimsoll::fleet::machine::Machine;
use plimsoll::fleet::options::Options;
use plimsoll::fleet::registry::Registry;
use plimsoll::fleet::task::{Reason, TaskKind};
use plimsoll::fleet::unit::{TargetState, Unit};
use plimsoll::fleet::unit_file::UnitFile;

/// Knuth's MMIX generator: small, and the same everywhere.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// What stands in a registry before it is put there, so that it can be put there in any order.
struct World {
    machines: Vec<Machine>,
    units: Vec<Unit>,
    /// Unit and machine; some machines are not alive.
    entries: Vec<(String, String)>,
}

/// A random cluster with everything but `Replaces`, under which a cluster need not settle.
fn world(random: &mut Lcg, version: Version) -> World {
    let zone = |random: &mut Lcg| format!("z{}", random.below(3));
    let machines =
        (0..1 + random.below(6)).map(|i| Machine::new(&format!("m{i}"), &[("zone", &zone(random))])).collect();
    let count = 1 + random.below(25);
    let name = |i: usize| format!("app{}@{i}.service", i % 4);
    let (mut units, mut entries) = (Vec::new(), Vec::new());
    for i in 0..count {
        let mut options = Options::default();
        if random.one_in(3) {
            options.add_line("Conflicts", ["%p@*", "app0@*", "app1@[0-4]*"][random.below(3)]);
        }
        if random.one_in(4) {
            options.add_line("MachineMetadata", &format!("zone={}", zone(random)));
        }
        if random.one_in(4) {
            options.add_line("MachineOf", &name(random.below(count)));
        }
        if random.one_in(9) {
            options.add_line("MachineID", &format!("m{}", random.below(7)));
        }
        if random.one_in(9) {
            options.add_line("Global", "true");
        }
        let state = [TargetState::Launched, TargetState::Launched, TargetState::Loaded, TargetState::Inactive];
        units.push(Unit::new(&name(i), &options, state[random.below(4)], &version.rules()));
        if random.one_in(2) {
            entries.push((name(i), format!("m{}", random.below(7))));
        }
    }
    World { machines, units, entries }
}

fn registry(world: &World) -> Registry {
    let mut registry = Registry::default();
    world.machines.iter().for_each(|machine| registry.put_machine(machine.clone()));
    world.units.iter().for_each(|unit| registry.put_unit(unit.clone()));
    for (unit, machine) in &world.entries {
        assert!(registry.schedule(unit, machine));
    }
    registry
}

/// A turn by all questions of the whole state, and by what is kept: the same, and so is the state that it leaves.
fn step(registry: &mut Registry, version: Version, order: Order<'_>) -> Turn {
    let (mut plain, mut kept) =
        (ClusterState::new(registry, version.rules()), ClusterState::new(registry, version.rules()));
    let turn = turn(&mut plain, order);
    assert_eq!(plimsoll::fleet::kept::turn(&mut kept, order).0, turn);
    let targets = |state: &ClusterState| state.jobs().map(|job| job.target.map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(targets(&kept), targets(&plain));
    for task in &turn.tasks {
        assert!(registry.apply(task), "nobody else writes, so no write fails: {task}");
    }
    turn
}

/// What must hold, tried with some hundred seeds in both versions; the seed that fails is told.
fn try_all(check: fn(&mut Lcg, Version)) {
    for seed in 0..400 {
        for version in Version::ALL {
            println!("seed {seed}, fleet {}", version.name());
            check(&mut Lcg(seed), version);
        }
    }
}

#[test]
fn by_name_is_one_order_however_the_registry_was_filled() {
    try_all(|random, version| {
        let mut world = world(random, version);
        let want = step(&mut registry(&world), version, Order::ByName);
        let mut names: Vec<String> = world.units.iter().map(|unit| unit.name.clone()).collect();
        names.sort();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        random.shuffle(&mut world.machines);
        random.shuffle(&mut world.units);
        random.shuffle(&mut world.entries);
        assert_eq!(step(&mut registry(&world), version, Order::ByName), want);
        let listed = Order::Listed { unscheduling: &names, scheduling: &names };
        assert_eq!(step(&mut registry(&world), version, listed), want);
        assert!(want.looked_at.is_sorted() && want.asked_for.is_sorted());
    });
}

#[test]
fn a_cluster_settles_and_then_no_turn_in_any_order_does_anything() {
    try_all(|random, version| {
        let world = world(random, version);
        let mut names: Vec<&str> = world.units.iter().map(|unit| unit.name.as_str()).collect();
        let mut registry = registry(&world);
        let mut turns = 0;
        loop {
            random.shuffle(&mut names);
            let order = Order::Listed { unscheduling: &names, scheduling: &names };
            if step(&mut registry, version, order).tasks.is_empty() {
                break;
            }
            turns += 1;
            // A follower moves a turn after its peer, so that a chain of them takes a turn a link.
            assert!(turns <= 2 + world.units.len(), "still busy");
        }
        let settled = registry.clone();
        for _ in 0..5 {
            random.shuffle(&mut names);
            let order = Order::Listed { unscheduling: &names, scheduling: &names };
            assert_eq!(step(&mut registry, version, order).tasks, []);
        }
        assert_eq!(step(&mut registry, version, Order::ByName).tasks, []);
        assert_eq!(registry, settled);
    });
}

#[test]
fn in_0_11_5_who_is_unscheduled_does_not_depend_on_the_order_of_visits() {
    let version = Version::V0_11_5;
    for seed in 0..400 {
        let mut random = Lcg(seed);
        let world = world(&mut random, version);
        let mut names: Vec<&str> = world.units.iter().map(|unit| unit.name.as_str()).collect();
        let unscheduled = |names: &[&str]| {
            let order = Order::Listed { unscheduling: names, scheduling: names };
            let tasks = step(&mut registry(&world), version, order).tasks.into_iter();
            let mut all: Vec<String> =
                tasks.filter(|task| task.kind == TaskKind::UnscheduleUnit).map(|task| task.to_string()).collect();
            all.sort();
            all
        };
        let want = unscheduled(&names);
        random.shuffle(&mut names);
        assert_eq!(unscheduled(&names), want, "seed {seed}");
    }
}

#[test]
fn a_lost_machine_moves_its_own_units_and_no_others() {
    // Without peers nobody follows.
    try_all(|random, version| {
        let mut world = world(random, version);
        world.units.iter_mut().for_each(|unit| unit.requirements.peers.clear());
        let mut registry = registry(&world);
        let busy = |_: &u32| !step(&mut registry, version, Order::ByName).tasks.is_empty();
        assert!((0..30).take_while(busy).count() < 30, "still busy");
        let lost = world.machines[random.below(world.machines.len())].id.clone();
        let here: Vec<String> =
            world.units.iter().map(|u| u.name.clone()).filter(|u| registry.target(u) == Some(&lost)).collect();
        registry.remove_machine(&lost);
        let turn = step(&mut registry, version, Order::ByName);
        let mut left = Vec::new();
        for task in turn.tasks.iter().filter(|task| task.kind == TaskKind::UnscheduleUnit) {
            assert_eq!(task.reason, Reason::MachineWentAway, "{task}");
            left.push(task.unit.clone());
        }
        // Global units have entries that nobody reads.
        let mut want: Vec<String> = here;
        want.retain(|name| registry.unit(name).is_some_and(|unit| !unit.requirements.global));
        want.sort();
        assert_eq!(left, want);
    });
}

/// A cluster without requirements is small enough to be obviously right: the fewest units, then the lowest ID.
#[test]
fn without_requirements_the_engine_is_a_count() {
    for seed in 0..400 {
        let mut random = Lcg(seed);
        let mut registry = Registry::default();
        let mut loads: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..1 + random.below(9) {
            let id = format!("{:x}", random.below(1000));
            registry.put_machine(Machine::new(&id, &[]));
            loads.insert(id, 0);
        }
        let rules = Version::V0_11_5.rules();
        let mut want = Vec::new();
        for i in 0..random.below(60) {
            let name = format!("u{i:02}");
            registry.put_unit(Unit::new(&name, &Options::default(), TargetState::Launched, &rules));
            let (id, load) = loads.iter_mut().min_by_key(|(_, load)| **load).expect("there is a machine");
            *load += 1;
            want.push((name, id.clone()));
        }
        let tasks = step(&mut registry, Version::V0_11_5, Order::ByName).tasks;
        let have: Vec<_> = tasks.into_iter().map(|task| (task.unit, task.machine)).collect();
        assert_eq!(have, want, "seed {seed}");
    }
}

#[test]
fn any_text_is_a_unit_file_or_an_error_with_its_name_never_a_panic() {
    const PIECES: &[&str] = &[
        "[Unit]",
        "[Service]",
        "[X-Fleet]",
        "[",
        "]",
        "\n",
        "\n",
        "\r\n",
        "\\\n",
        "\\",
        "#",
        ";",
        "=",
        "\"",
        " ",
        "é",
        "\0",
        "ExecStart=",
        "docker run ",
        "-m ",
        "-c",
        "512m",
        "9g",
        "sh -c '",
        "$(",
        ")",
        "`",
        "'",
        "--rm ",
        "--",
        "-",
        "Restart=",
        "always",
        "RestartSec=",
        "TimeoutStartSec=",
        "1.5h",
        "infinity",
        "99999999999999999999y",
        "Conflicts=",
        "%p@*",
        "[a-",
        "MachineMetadata=",
        "Global=",
        "MachineOf=",
        "Replaces=",
        "Nonsense=",
        "busybox",
    ];
    let (mut files, mut errors) = (0, 0);
    for seed in 0..20_000 {
        let mut random = Lcg(seed);
        let text: String = (0..random.below(40)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        // Most texts would end at their first line without a section.
        let text = ["[Service]\n", "[X-Fleet]\n", ""][random.below(3)].to_string() + &text;
        match UnitFile::read("app@.service", &text) {
            Ok(file) => {
                files += 1;
                for version in Version::ALL {
                    let unit = file.unit("app@1.service", TargetState::Launched, version).expect("an instance of it");
                    let _ =
                        unit.requirements.conflicts.iter().filter(|pattern| pattern.matches("app@2.service")).count();
                    let _ = file.check_as_fleetctl(version);
                }
            }
            Err(error) => {
                errors += 1;
                assert!(error.to_string().starts_with("app@.service:"), "{error}");
            }
        }
    }
    assert!(files > 1000 && errors > 1000, "{files} files, {errors} errors");
}

#[test]
fn a_turn_by_what_is_kept_is_the_turn_whatever_replaces_what() {
    for seed in 0..1_500 {
        for version in Version::ALL {
            let mut random = Lcg(seed);
            let mut world = world(&mut random, version);
            for unit in &mut world.units {
                if random.one_in(3) {
                    let mut options = Options::default();
                    options.add_line("Replaces", ["app0@*", "app1@[0-4]*", "%p@*"][random.below(3)]);
                    let made = Unit::new(&unit.name, &options, unit.target_state, &version.rules());
                    unit.requirements.replaces = made.requirements.replaces;
                }
            }
            let mut names: Vec<&str> = world.units.iter().map(|unit| unit.name.as_str()).collect();
            let mut registry = registry(&world);
            for _ in 0..6 {
                random.shuffle(&mut names);
                let order = Order::Listed { unscheduling: &names, scheduling: &names };
                // `step` compares them.
                step(&mut registry, version, order);
            }
        }
    }
}

#[test]
fn a_decision_by_what_is_kept_looks_at_few_machines() {
    let version = Version::V0_11_5;
    let mut registry = Registry::default();
    (0..500).for_each(|i| registry.put_machine(Machine::new(&format!("m{i:03}"), &[])));
    for i in 0..2_000 {
        let mut options = Options::default();
        options.add_line("Conflicts", &format!("app{}@*", i % 200));
        registry.put_unit(Unit::new(
            &format!("app{}@{i}.service", i % 200),
            &options,
            TargetState::Launched,
            &version.rules(),
        ));
    }
    let (turn, looked) = plimsoll::fleet::kept::turn(&mut ClusterState::new(&registry, version.rules()), Order::ByName);
    assert_eq!(turn.tasks.len(), 2_000);
    assert!(looked <= 2 * 2_000, "{looked} machines for 2,000 units");
}
