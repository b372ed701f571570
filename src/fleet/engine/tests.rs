//! Hand-worked turns: what stands in the registry, in which order jobs are visited, what is done.

use super::*;
use crate::fleet::Version;
use crate::fleet::machine::Machine;
use crate::fleet::options::Options;
use crate::fleet::registry::Registry;

const OLD: Version = Version::V0_11_5;
const NEW: Version = Version::V1_0_0;

/// One thing a line: `machine ID key=value…`, `unit NAME STATE TARGET Option=value…` (a target of `-` is none; `~` in a value
/// is a space), `entry UNIT MACHINE`.
fn registry(version: Version, text: &str) -> Registry {
    let mut registry = Registry::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let pairs: Vec<(&str, &str)> = words.iter().filter_map(|word| word.split_once('=')).collect();
        match words[..] {
            ["machine", id, ..] => registry.put_machine(Machine::new(id, &pairs)),
            ["unit", name, state, target, ..] => {
                let mut options = Options::default();
                for (option, value) in pairs {
                    options.add_line(option, &value.replace('~', " "));
                }
                registry.put_unit(Unit::new(name, &options, state_of(state), &version.rules()));
                if target != "-" {
                    assert!(registry.schedule(name, target));
                }
            }
            ["entry", unit, machine] => assert!(registry.schedule(unit, machine)),
            _ => panic!("{line}"),
        }
    }
    registry
}

fn state_of(word: &str) -> TargetState {
    match word {
        "launched" => TargetState::Launched,
        "loaded" => TargetState::Loaded,
        "inactive" => TargetState::Inactive,
        _ => panic!("{word}"),
    }
}

/// One turn, and its tasks written to the registry: `U unit machine why` and `S unit machine why`, comma between.
fn step(version: Version, registry: &mut Registry, order: &[&str]) -> String {
    let order = Order::Listed { unscheduling: order, scheduling: order };
    let tasks = turn(&mut ClusterState::new(registry, version.rules()), order).tasks;
    tasks.iter().for_each(|task| assert!(registry.apply(task), "{task}"));
    told(&tasks)
}

fn told(tasks: &[Task]) -> String {
    let tell = |task: &Task| {
        let kind = match task.kind {
            TaskKind::UnscheduleUnit => "U",
            TaskKind::AttemptScheduleUnit => "S",
        };
        let why = match &task.reason {
            Reason::TargetInactive => "inactive".to_string(),
            Reason::MachineWentAway => "away".to_string(),
            Reason::UnableToRun(why) => format!("{why:?}").replace('"', "").to_lowercase(),
            Reason::Replace(name) => format!("replace({name})"),
            Reason::NotScheduled(state) => state.name().to_string(),
        };
        format!("{kind} {} {} {why}", task.unit, task.machine)
    };
    tasks.iter().map(tell).collect::<Vec<_>>().join(", ")
}

/// One turn over `text`, jobs visited in `order`, then by name.
fn check(version: Version, text: &str, order: &str, want: &str) {
    let order: Vec<&str> = order.split_whitespace().collect();
    assert_eq!(step(version, &mut registry(version, text), &order), want, "{} {text}", version.name());
}

fn check_both(text: &str, order: &str, want: &str) {
    Version::ALL.into_iter().for_each(|version| check(version, text, order, want));
}

/// The loads before any turn, as `a 2, b 0`.
fn check_loads(version: Version, text: &str, want: &str) {
    let registry = registry(version, text);
    let loads = ClusterState::new(&registry, version.rules()).loads();
    let loads: Vec<String> = loads.iter().map(|(id, load)| format!("{id} {load}")).collect();
    assert_eq!(loads.join(", "), want, "{} {text}", version.name());
}

// What counts as load (engine/state.go).

#[test]
fn launched_and_loaded_units_with_a_live_target_are_load_and_no_others() {
    let text = "machine a
        machine b
        unit p launched a
        unit q loaded a
        unit r inactive a
        unit s launched dead
        unit t launched -
        entry unknown a";
    Version::ALL.into_iter().for_each(|version| check_loads(version, text, "a 2, b 0"));
}

#[test]
fn global_units_are_load_wherever_their_metadata_match_and_whatever_is_wanted_of_them() {
    let text = "machine a z=1
        machine b z=2
        unit g launched - Global=true MachineMetadata=z=1
        unit h inactive - Global=true
        unit i launched b Global=true MachineMetadata=z=3";
    // i has a schedule entry, which is ignored: no machine matches.
    Version::ALL.into_iter().for_each(|version| check_loads(version, text, "a 2, b 1"));
}

#[test]
fn a_global_unit_shuns_machines_with_what_it_conflicts_with_from_1_0_0_on() {
    for conflict in [
        "unit g launched - Global=true Conflicts=p\nunit p launched b",
        "unit g launched - Global=true\nunit p launched b Conflicts=g",
    ] {
        let text = format!("machine a\nmachine b\n{conflict}");
        check_loads(OLD, &text, "a 1, b 2");
        check_loads(NEW, &text, "a 1, b 1");
    }
    // Of two global units that shun each other the first by name is everywhere: fleet takes either.
    check_loads(NEW, "machine a\nunit g launched - Global=true Conflicts=h\nunit h launched - Global=true", "a 1");
}

#[test]
fn a_unit_is_global_only_in_the_words_of_its_version() {
    let text = "machine a\nunit g launched - Global=yes";
    check(OLD, text, "", "S g a launched");
    check(NEW, text, "", "");
}

// Loop 1 (engine/reconciler.go).

#[test]
fn a_unit_leaves_for_three_reasons_the_first_of_which_is_told() {
    // p is inactive, on a dead machine, and asks for another: inactive. q: away. r: MachineID.
    let text = "machine a
        unit p inactive dead MachineID=b
        unit q launched dead MachineID=b
        unit r launched a MachineID=b
        unit s launched a";
    check_both(text, "", "U p dead inactive, U q dead away, U r a machineid");
}

#[test]
fn tasks_say_why_in_the_words_of_fleet() {
    let registry = registry(OLD, "machine a\nunit p inactive a\nunit q launched dead\nunit r launched a MachineOf=x");
    let tasks = turn(&mut ClusterState::new(&registry, OLD.rules()), Order::ByName).tasks;
    let told: Vec<String> = tasks.iter().map(Task::to_string).collect();
    assert_eq!(
        told,
        [
            "UnscheduleUnit p a: target state inactive",
            "UnscheduleUnit q dead: target Machine(dead) went away",
            "UnscheduleUnit r a: target Machine(a) unable to run unit: required peer Unit(x) is not scheduled locally",
            "AttemptScheduleUnit q a: target state launched and unit not scheduled",
        ]
    );
}

#[test]
fn of_two_that_conflict_both_leave_in_0_11_5_and_the_first_visited_in_1_0_0() {
    let text = "machine a
        machine b
        machine c
        unit q launched b
        unit x1 launched a Conflicts=x*
        unit x2 launched a";
    // b holds q, so the first goes to a, which is empty again, and the second to c.
    check(OLD, text, "", "U x1 a conflict(x2), U x2 a conflict(x1), S x1 a launched, S x2 c launched");
    check(OLD, text, "x2 x1", "U x2 a conflict(x1), U x1 a conflict(x2), S x2 a launched, S x1 c launched");
    check(NEW, text, "", "U x1 a conflict(x2), S x1 c launched");
    check(NEW, text, "x2 x1", "U x2 a conflict(x1), S x2 c launched");
}

#[test]
fn a_peer_that_leaves_takes_its_follower_along_a_turn_later_in_0_11_5() {
    let text = "machine a z=2
        machine b z=1
        unit p launched a MachineMetadata=z=1
        unit x launched a MachineOf=p";
    let mut old = registry(OLD, text);
    assert_eq!(step(OLD, &mut old, &[]), "U p a metadata, S p b launched");
    assert_eq!(step(OLD, &mut old, &[]), "U x a peer(p), S x b launched");
    assert_eq!(step(OLD, &mut old, &[]), "");
    // In 1.0.0 it depends on who is visited first.
    check(NEW, text, "", "U p a metadata, U x a peer(p), S p b launched, S x b launched");
    check(NEW, text, "x p", "U p a metadata, S p b launched");
}

#[test]
fn a_unit_of_a_lost_machine_is_placed_again_in_the_same_turn_and_stays_there() {
    let mut world = registry(OLD, "machine a\nmachine b\nunit p launched a\nunit q launched b");
    world.remove_machine("a");
    assert_eq!(step(OLD, &mut world, &[]), "U p a away, S p b launched");
    world.put_machine(Machine::new("a", &[]));
    assert_eq!(step(OLD, &mut world, &[]), "", "nothing moves back");
    // All that is new goes to the empty machine until it has caught up: a has 0, 1, then 2 as b, and a is the lower ID.
    for name in ["r", "s", "t", "u"] {
        world.put_unit(Unit::new(name, &Options::default(), TargetState::Launched, &OLD.rules()));
    }
    assert_eq!(step(OLD, &mut world, &[]), "S r a launched, S s a launched, S t a launched, S u b launched");
}

// Loop 2 and the scheduler (engine/scheduler.go).

#[test]
fn the_least_loaded_machine_by_number_of_units_is_taken_and_counts_are_kept_up() {
    // Loads 1, 0, 0: b, then c, then a (1, 1, 1), then b.
    let text = "machine a
        machine b
        machine c
        unit big launched a
        unit s1 launched -
        unit s2 loaded -
        unit s3 launched -
        unit s4 launched -
        unit s5 inactive -";
    check_both(text, "", "S s1 b launched, S s2 c loaded, S s3 a launched, S s4 b launched");
    check_both(text, "s4 s3", "S s4 b launched, S s3 c launched, S s1 a launched, S s2 b loaded");
}

#[test]
fn ties_go_to_the_lowest_id_byte_by_byte() {
    check_both("machine b\nmachine a\nmachine B\nmachine 2\nmachine 10\nunit x launched -", "", "S x 10 launched");
    check_both("machine b\nmachine a\nmachine B\nunit x launched -", "", "S x B launched");
    check_both("machine é\nmachine z\nunit x launched -", "", "S x z launched");
}

#[test]
fn who_finds_no_machine_is_asked_for_again_every_turn_without_a_task() {
    let registry = registry(OLD, "machine a\nunit p launched - MachineID=b\nunit q launched -\nunit r inactive -");
    for _ in 0..3 {
        let turn = turn(&mut ClusterState::new(&registry, OLD.rules()), Order::ByName);
        assert_eq!((told(&turn.tasks).as_str(), turn.asked_for), ("S q a launched", vec!["p".into(), "q".into()]));
        assert!(turn.looked_at.is_empty());
    }
    check_both("unit p launched -", "", "");
}

#[test]
fn a_machine_is_asked_for_by_its_full_or_short_id_whatever_its_load() {
    let text = "machine 0122b71badf8dfa7
        machine ff
        unit p launched 0122b71badf8dfa7
        unit x launched - MachineID=0122b71b
        unit y launched - MachineID=0122b71badf8dfa7
        unit z launched - MachineID=0122";
    check_both(text, "", "S x 0122b71badf8dfa7 launched, S y 0122b71badf8dfa7 launched");
}

#[test]
fn metadata_are_alternatives_within_a_key_and_all_keys_must_match() {
    let text = "machine a
        machine b zone=x
        machine c zone=y disk=ssd
        unit u1 launched - MachineMetadata=zone=y MachineMetadata=zone=x
        unit u2 launched - MachineMetadata=zone=y MachineMetadata=disk=ssd
        unit u3 launched - MachineMetadata=zone=x MachineMetadata=disk=ssd
        unit u4 launched - MachineMetadata=zone=z X-ConditionMachineMetadata=zone=x
        unit u5 launched - MachineMetadata=zone";
    // u3 fits nowhere; u4 may have z or x: the old spelling adds to the new one. u5 is no pair and asks for nothing.
    check_both(text, "", "S u1 b launched, S u2 c launched, S u4 b launched, S u5 a launched");
}

#[test]
fn all_peers_must_be_on_the_machine_by_name_and_globals_will_do() {
    let text = "machine a
        machine b z=1
        unit g launched - Global=true MachineMetadata=z=1
        unit p launched a
        unit q launched b
        unit v launched - MachineOf=g
        unit w launched - MachineOf=p*
        unit x launched - MachineOf=p MachineOf=q
        unit y launched - MachineOf=q X-ConditionMachineOf=g
        unit z launched - MachineOf=absent";
    check_both(text, "", "S v b launched, S y b launched");
}

#[test]
fn a_chain_of_peers_takes_as_many_turns_as_the_order_of_visits_makes_it() {
    let text = "machine a
        machine b
        unit p launched -
        unit q launched - MachineOf=p
        unit r launched - MachineOf=q";
    check_both(text, "", "S p a launched, S q a launched, S r a launched");
    let mut world = registry(OLD, text);
    let order = ["r", "q", "p"];
    assert_eq!(step(OLD, &mut world, &order), "S p a launched");
    assert_eq!(step(OLD, &mut world, &order), "S q a launched");
    assert_eq!(step(OLD, &mut world, &order), "S r a launched");
    // An inactive peer is nowhere.
    check_both("machine a\nunit p inactive a\nunit q launched - MachineOf=p", "", "U p a inactive");
}

#[test]
fn conflicts_keep_apart_whichever_side_says_so_and_never_from_itself() {
    let text = "machine a
        machine b
        unit p@1 launched a Conflicts=%p@*
        unit q launched b
        unit q2 launched b";
    // p@1 stands alone against its own pattern. x is named by it, in spite of a's lower load.
    check_both(text, "", "");
    check_both(&format!("{text}\nunit x launched - Conflicts=p@*"), "", "S x b launched");
    check_both("machine a\nunit p.1 launched a Conflicts=q*\nunit q.1 launched -", "", "");
    let template =
        "machine a\nmachine b\nunit p@1.s launched - Conflicts=%p@*.s\nunit p@2.s launched - Conflicts=%p@*.s
        unit p@3.s launched - Conflicts=%p@*.s";
    check_both(template, "", "S p@1.s a launched, S p@2.s b launched");
    // In a name without a dot %p stands for itself.
    check_both(
        "machine a\nunit p@1 launched - Conflicts=%p@*\nunit p@2 launched -",
        "",
        "S p@1 a launched, S p@2 a launched",
    );
}

#[test]
fn several_patterns_on_a_line_are_one_in_0_11_5() {
    let text = "machine a
        machine b
        unit p launched a
        unit q launched b
        unit x launched - Conflicts=p~q
        unit y launched - X-Conflicts=p";
    check(OLD, text, "", "S x a launched, S y b launched");
    check(NEW, text, "", "S y b launched");
}

#[test]
fn a_malformed_pattern_keeps_nobody_away() {
    check_both("machine a\nunit p launched a\nunit x launched - Conflicts=[p", "", "S x a launched");
}

#[test]
fn the_first_check_that_fails_is_the_reason() {
    let able = |options: &str| {
        let text = format!("machine a\nunit x launched a\nunit p launched a {options}");
        told(&turn(&mut ClusterState::new(&registry(NEW, &text), NEW.rules()), Order::ByName).tasks[..])
    };
    let all = "MachineID=b MachineMetadata=z=1 MachineOf=q Conflicts=x Replaces=x";
    let cut = |from: &str| able(&all[all.find(from).unwrap_or(all.len())..]);
    assert!(cut("MachineID").starts_with("U p a machineid"), "{}", cut("MachineID"));
    assert!(cut("MachineMetadata").starts_with("U p a metadata"), "{}", cut("MachineMetadata"));
    assert!(cut("MachineOf").starts_with("U p a peer(q)"), "{}", cut("MachineOf"));
    assert!(cut("Conflicts").starts_with("U p a conflict(x)"), "{}", cut("Conflicts"));
    assert!(cut("Replaces").starts_with("U x a replace(x)"), "{}", cut("Replaces"));
    assert_eq!(able(""), "");
}

// Replaces (v1.0.0).

const REPLACED: &str = "machine a
    machine b
    machine c
    unit new launched a Replaces=old
    unit old launched a
    unit q launched b";

#[test]
fn the_replaced_unit_moves_and_if_it_is_visited_first_the_replacer_does() {
    // Least loaded but a: c.
    check(NEW, REPLACED, "new", "U old a replace(old), S old c replace(old)");
    check(NEW, REPLACED, "old", "U new a replace(new), S new c replace(new)");
    check(OLD, REPLACED, "new", "");
}

#[test]
fn where_the_replaced_unit_goes_it_need_not_be_able_to_run() {
    let text = REPLACED.replace("unit old launched a", "unit old launched a MachineMetadata=z=1 Conflicts=q");
    let text = text.replace("machine a", "machine a z=1").replace("machine c", "machine c\nunit r launched c");
    let text = format!("{text}\nunit s launched c");
    let mut world = registry(NEW, &text);
    // b has one unit and c two, so old goes to b, of all places. Visited there in its turn, it is unable and comes back to a.
    assert_eq!(
        step(NEW, &mut world, &["new"]),
        "U old a replace(old), S old b replace(old), U old b metadata, S old a launched"
    );
}

#[test]
fn placing_the_replacer_beside_the_replaced_is_allowed_and_a_circle_is_ignored() {
    let text = "machine a\nmachine b\nunit old launched a\nunit z1 launched b\nunit z2 launched b";
    let mut world = registry(NEW, &format!("{text}\nunit new launched - Replaces=old"));
    assert_eq!(step(NEW, &mut world, &[]), "S new a launched");
    assert_eq!(step(NEW, &mut world, &["new"]), "U old a replace(old), S old b replace(old)");
    check(NEW, "machine a\nmachine b\nunit p launched a Replaces=q\nunit q launched a Replaces=p", "", "");
    // Conflicts come first.
    check(NEW, &format!("{text}\nunit new launched - Replaces=old Conflicts=old"), "", "S new b launched");
}

#[test]
fn on_a_single_machine_both_are_unscheduled_and_come_back_a_turn_later_for_ever() {
    let mut world = registry(NEW, "machine a\nunit new launched a Replaces=old\nunit old launched a");
    for _ in 0..3 {
        assert_eq!(step(NEW, &mut world, &["new"]), "U old a replace(old), U new a replace(new)");
        assert_eq!(step(NEW, &mut world, &["new"]), "S new a launched, S old a launched");
    }
}

// Target states and the registry's writes.

#[test]
fn stop_and_start_keep_the_machine_unload_and_destroy_free_it() {
    let mut world = registry(OLD, "machine a\nunit p launched a\nunit q launched a");
    for state in [TargetState::Loaded, TargetState::Launched] {
        assert!(world.set_target_state("p", state));
        assert_eq!(step(OLD, &mut world, &[]), "");
        assert_eq!(world.target("p"), Some("a"));
    }
    assert!(world.set_target_state("p", TargetState::Inactive));
    assert_eq!(step(OLD, &mut world, &[]), "U p a inactive");
    assert_eq!(world.target("p"), None);
    world.destroy_unit("q");
    assert_eq!(world.target("q"), None);
    assert_eq!(step(OLD, &mut world, &[]), "");
    assert!(!world.set_target_state("q", TargetState::Launched));
}

#[test]
fn a_write_that_comes_too_late_fails_and_changes_nothing() {
    let mut world = registry(OLD, "machine a\nmachine b\nunit p launched a");
    assert!(!world.schedule("p", "b"), "there is an entry");
    assert!(!world.unschedule("p", "b"), "it names another machine");
    assert_eq!(world.target("p"), Some("a"));
    assert!(world.unschedule("p", "a"));
    assert!(!world.unschedule("p", "a"));
    assert!(world.schedule("p", "b"));
}

#[test]
fn names_listed_twice_or_unknown_do_not_change_who_is_visited() {
    let registry = registry(OLD, "machine a\nunit p launched -\nunit q launched -\nunit r launched -");
    let listed = Order::Listed { unscheduling: &[], scheduling: &["r", "nobody", "p", "r"] };
    let turn = turn(&mut ClusterState::new(&registry, OLD.rules()), listed);
    assert_eq!(turn.asked_for, ["r", "p", "q"]);
}
