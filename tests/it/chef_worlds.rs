//! Chef in time, with the arithmetic beside it. `story` is explained in `timelines.rs`.

use crate::world::{check, metric, run, story, world};

const CHEF: &str = "chef converge_duration=10s";

#[test]
fn a_converge_applies_what_was_placed_before_it_began() {
    // x is placed at 0 and converged by 10; y comes at 3, into the converge from 10 to 20.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 0/0 type t; job y service 3s - 0/0 type t; end 30s",
        CHEF,
        "place start",
        "0 x>a; 3 y>b; 10 x.1+a; 20 y.1+b",
    );
}

#[test]
fn one_fewer_is_the_oldest_of_the_app_on_the_latest_of_the_fullest_nodes() {
    // Four of one app: w1, w3 on a, w2, w4 on b. w1's time is over at 60: both nodes have two, b is the later, and its oldest
    // of the app is w2. So w2's container goes and w2 gets w1's place, from the converge of 60 to 70 on.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi; job w1 service 0s 60s 0/0 app w; job w2 service 0s - 0/0 app w
        job w3 service 0s - 0/0 app w; job w4 service 0s - 0/0 app w; end 100s";
    check(
        text,
        CHEF,
        "place start end",
        "0 w1>a, w2>b, w3>a, w4>b; 10 w1.1+a, w2.1+b, w3.1+a, w4.1+b; 60 w1.1-a removed, w2>a; 70 w2.1-b stopped, w2.2+a",
    );
}

#[test]
fn a_loop_that_never_ends_is_told() {
    // a: x, y2; b: y1, y3, all of type web. x's app is to have none: b ties with a, is later, and has none of it.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s 60s 0/0 app x type web
        job y1 service 1s - 0/0 app y type web; job y2 service 2s - 0/0 app y type web
        job y3 service 3s - 0/0 app y type web; end 100s";
    let hosts = "0 x>a; 1 y1>b; 2 y2>a; 3 y3>b";
    check(text, CHEF, "place incident", &format!("{hosts}; 60 endless-loop on b"));
    check(text, &format!("{CHEF} endless_loop=skipped"), "place incident", hosts);
    assert_eq!(metric(&run(&world(text), CHEF).unwrap(), "endless_loops"), "1");
}

#[test]
fn a_dead_node_fails_every_converge_and_gets_its_containers_with_a_later_one() {
    // b is dead from 5 to 300: the converge of 20 to 30 cannot reach it, and fails 120 s later, at 150. y, meant for b, waits;
    // z comes at 40, is converged from 150 to 160 on a; y is still b's. b boots at 305; nothing happens until v comes at 400.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi; fail b down 5s 300s; job x service 20s - 0/0 type t; job y service 20s - 0/0 type t
        job z service 40s - 0/0 type t; job v service 400s - 0/0 type t; end 450s";
    check(
        text,
        CHEF,
        "place start incident",
        "20 x>a, y>b; 30 converge-failed on b, x.1+a; 40 z>a; 160 converge-failed on b, z.1+a; 400 v>b; 410 y.1+b, v.1+b",
    );
    assert_eq!(metric(&run(&world(text), CHEF).unwrap(), "converges_failed"), "2");
}

#[test]
fn a_node_that_joins_is_filled_by_a_balance_and_one_that_leaves_gives_its_containers_to_others() {
    // Four on a when b joins at 50: two moves, the oldest first.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi,joins:50s; job w service 0s - 0/0 x4; end 80s";
    let told: Vec<String> = story(&world(text), CHEF, "place").into_iter().map(|(_, what)| what).collect();
    assert_eq!(told, ["w1>a", "w2>a", "w3>a", "w4>a", "w1>b", "w2>b"]);
    let text = "hosts a=1000m/1Gi,leaves:50s b=1000m/1Gi; job w service 0s - 0/0 x4; end 80s";
    let told: Vec<String> = story(&world(text), CHEF, "place start").into_iter().map(|(_, what)| what).collect();
    assert_eq!(
        told,
        ["w1>a", "w2>b", "w3>a", "w4>b", "w1.1+a", "w2.1+b", "w3.1+a", "w4.1+b", "w1>b", "w3>b", "w1.2+b", "w3.2+b"]
    );
}

#[test]
fn the_replay_places_and_balances_as_the_library_does() {
    use plimsoll::chef::{Formation, Step};
    use plimsoll::rng::{Purpose, Seed};
    for seed in 0..60u64 {
        let mut draw = Seed(seed).stream(Purpose::Shape, 0);
        let hosts = 2 + draw.below(4) as usize;
        let jobs = 3 + draw.below(20);
        let mut text = format!("hosts a=1000m/1Gi,x{hosts}; end 200s");
        let names: Vec<String> = (1..=hosts).map(|i| format!("a{i}")).collect();
        let mut formation = Formation::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut expected = Vec::new();
        let mut counts = std::collections::BTreeMap::<(String, String), usize>::new();
        for i in 0..jobs {
            let (app, kind) = (format!("p{}", draw.below(3)), format!("k{}", draw.below(2)));
            text += &format!("; job j{i:02} service {i}s - 0/0 app {app} type {kind}");
            let n = counts.entry((app.clone(), kind.clone())).or_insert(0);
            *n += 1;
            let mut steps = Vec::new();
            formation.scale(&app, &[(&kind, *n)], &mut steps).unwrap();
            let [Step::Create(c)] = &steps[..] else { panic!("{steps:?}") };
            expected.push(format!("j{i:02}>{}", c.node));
        }
        let told: Vec<String> = story(&world(&text), CHEF, "place").into_iter().map(|(_, what)| what).collect();
        assert_eq!(told, expected, "seed {seed}");
    }
}
