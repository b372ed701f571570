//! fleet in time, by hand: turns and the watch, what units ask for, presence and lease, and what a failing etcd does.
//! `0 x>a`: at 0 s the engine writes that x belongs on a; `1 x.1+a`: a second later a's agent, whose watch fired,
//! starts it.

use plimsoll::units::SECOND_US;

use crate::world::{at, check, metric, run, story, told, world};

const TWO: &str = "hosts a=1000m/1Gi b=1000m/1Gi";

#[test]
fn a_write_fires_the_watch_and_the_next_turn_comes_a_second_later() {
    // x is submitted at 0.5: the watch sleeps since the first write at 0 and fires at 1, when the turn sees x. That
    // turn writes, so that the next is at 2. y comes at 2.6: the watch listens since 2 and fires at 3.6. z comes at 20:
    // turns are at 4.6 (y's own write), then every 2 s, 18.6, 20.6; the watch fires at 21, but the timer's turn at 20.6
    // comes first.
    check(
        &format!(
            "{TWO}; job w service 0s - 0/0; job x service 500ms - 0/0; job y service 2600ms - 0/0; job z service 20s - 0/0"
        ),
        "fleet",
        "place start",
        "0 w>a; 1 x>b, w.1+a; 2 x.1+b; 3.6 y>a; 4.6 y.1+a; 20.6 z>b; 21.6 z.1+b",
    );
}

#[test]
fn a_unit_that_conflicts_with_all_machines_units_waits_without_end() {
    // One machine has x: y comes second and never finds a place. (That of two on one machine both go in 0.11.5 is
    // recorded: g25.)
    let one = "hosts a=1000m/1Gi; job x service 0s - 0/0; job y service 5s - 0/0 fleet Conflicts=x.service";
    check(one, "fleet", "place", "0 x>a");
    check(one, "fleet version=1.0.0", "place", "0 x>a");
    // Each on its own machine where there are two. Turns are at 0, 1 (x is written), 3 and 5.
    check(&one.replace("hosts", "hosts b=1000m/1Gi"), "fleet", "place", "0 x>a; 5 y>b");
}

#[test]
fn a_unit_whose_peer_is_gone_is_unscheduled_and_comes_back_with_it() {
    // y follows x onto a: by name x is decided first, so that one turn does both. x is removed at 30 (no watch fires:
    // its keys are deleted as a whole). The turns: 0, 1 (w), then 3, 5, …, 29, 31: y's peer is gone.
    check(
        &format!("{TWO}; job x service 0s 30s 0/0; job y service 0s - 0/0 fleet MachineOf=x.service; end 60s"),
        "fleet",
        "place start end",
        "0 x>a, y>a; 1 x.1+a, y.1+a; 30 x.1-a removed; 32 y.1-a stopped",
    );
}

#[test]
fn metadata_are_labels_and_a_machine_id_is_a_host_name() {
    let hosts = "hosts a=1000m/1Gi,zone:x b=1000m/1Gi,zone:y c=1000m/1Gi,zone:y";
    check(
        &format!(
            "{hosts}; job u1 service 0s - 0/0 fleet MachineMetadata=zone=y; job u2 service 0s - 0/0 fleet MachineID=c"
        ),
        "fleet",
        "place",
        "0 u1>b, u2>c",
    );
    // Replicas are instances: none beside another of its app; the third has no place.
    check(
        &format!(
            "{TWO}; job web-1 service 0s - 0/0 app web fleet Conflicts=%p@*.service
                  job web-2 service 0s - 0/0 app web fleet Conflicts=%p@*.service
                  job web-3 service 0s - 0/0 app web fleet Conflicts=%p@*.service"
        ),
        "fleet",
        "place",
        "0 web-1>a, web-2>b",
    );
}

#[test]
fn a_replacement_sends_the_other_away_in_1_0_0_and_is_unknown_before() {
    let text = format!(
        "{TWO}; job x service 0s - 0/0; job w service 0s - 0/0; job y service 5s - 0/0 fleet Replaces=*.service"
    );
    // By name w is on a and x on b, y on a. 0.11.5 leaves it at that.
    check(&text, "fleet", "place", "0 w>a, x>b; 5 y>a");
    // 1.0.0, the turn at 6, by name: w shares a with y, so y goes to b; x shares b with y now, so y goes back to a; y
    // shares a with w, so w goes to b. For its agent y has never left.
    check(
        &text,
        "fleet version=1.0.0",
        "place start end",
        "0 w>a, x>b; 1 w.1+a, x.1+b; 5 y>a; 6 y>b, y>a, w>b, y.1+a; 7 w.1-a stopped, w.2+b",
    );
}

#[test]
fn global_units_pass_the_engine_by_and_count() {
    // Two globals on a, one on b: c is the emptiest. Then b, c and a are at 1, 1, 2.
    check(
        "hosts a=1000m/1Gi,zone:x b=1000m/1Gi,zone:x c=1000m/1Gi
         job g-1 service 0s - 0/0 app g fleet Global=true MachineMetadata=zone=x
         job g-2 service 0s - 0/0 app g fleet Global=true MachineMetadata=zone=x
         job h service 0s - 0/0 zone x controller daemon-set
         job u1 service 2s - 0/0; job u2 service 2s - 0/0; job u3 service 2s - 0/0",
        "fleet",
        "place start",
        "0 g-1>a, g-2>b, h>a; 1 g-1.1+a, g-2.1+b, h.1+a; 3 u1>c, u2>b, u3>c; 4 u1.1+c, u2.1+b, u3.1+c",
    );
}

#[test]
fn a_global_unit_waits_for_its_machine_and_is_placed_nowhere_else() {
    let text = format!("{TWO}; job g service 0s - 0/0 fleet Global=true; fail a down 20s 60s; end 90s");
    check(&text, "fleet", "start end", "1 g.1+a; 20 g.1-a host-down; 81 g.2+a");
}

#[test]
fn a_leader_that_crashes_is_followed_8_to_12_s_later() {
    // a leads. Its last renewal was up to 2 s before the crash, the lease lasts 10 s, the others poll every 2 s. x,
    // submitted 1 s after the crash, is placed by the first turn of the new leader.
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    for seed in 0..200u64 {
        let ms = 50_000 + seed * 137 % 2000;
        let setup = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service {}ms - 0/0; fail a down {ms}ms forever; end 75s; seed {seed}",
            ms + 1000
        ));
        let after = at(&story(&setup, "fleet", "place"), "x>a") - ms as f64 / 1000.0;
        (least, most) = (least.min(after), most.max(after));
    }
    assert!((8.0..8.7).contains(&least) && (11.3..=12.0).contains(&most), "{least} to {most}");
    // A machine that does not lead is not missed.
    let text = format!("{TWO}; job x service 51s - 0/0; fail b down 50s forever; end 70s");
    check(&text, "fleet", "place", "52 x>a");
}

#[test]
fn nothing_moves_while_etcd_is_unreachable_and_lost_keys_expire_together_afterwards() {
    // From 100 to 160 nobody is answered. Every machine's check fails once in its 15 s, its loops stop 10 s later.
    // Presence lasts 30 s from the last heartbeat, but no key expires before 160. The machine that gets through first
    // leads, sees only those that are back, and puts all the others' units on them.
    for seed in 0..30 {
        let setup = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 0/0; job y service 0s - 0/0; job z service 0s - 0/0
             etcd fault unreachable 100s 60s; end 300s; seed {seed}"
        ));
        let story = story(&setup, "fleet store=dedicated", "place start end lost given-up");
        assert!(story.iter().all(|(at, _)| at.0 < 3 * SECOND_US || at.0 >= 160 * SECOND_US), "{story:?}");
        // Each unit lives somewhere at the end: starts less ends is at least one.
        for unit in ["x", "y", "z"] {
            let count = |sign: &str| {
                story.iter().filter(|(_, s)| s.starts_with(&format!("{unit}.")) && s.contains(sign)).count()
            };
            assert_eq!(count("+") - count("-"), 1, "seed {seed}: {story:?}");
        }
    }
}

#[test]
fn a_turn_longer_than_its_lease_decides_nothing() {
    // 450 ms a read, 902 ms a write. The first turn asks for the version and the lease, makes the lease, asks for the
    // list, each of n bodies, and three times more: at n = 2 that is 8 * 0.45 + 0.902 = 4.502 s; a write is done 0.902
    // s later, another as long after.
    check(
        &format!(
            "{TWO}; etcd rtt 450ms; etcd sigma 0; etcd fsync 2ms; job x service 0s - 0/0; job y service 0s - 0/0; end 20s"
        ),
        "fleet store=dedicated",
        "place start",
        "5.404 x>a; 6.306 y>b; 6.404 x.1+a; 7.306 y.1+b",
    );
    // With 20 units the reads alone take 0.45 * 26 + 0.902 = 12.602 s: the turn is cut off before its first task, and
    // so is each.
    let text = format!("{TWO}; etcd rtt 450ms; etcd sigma 0; etcd fsync 2ms; job x service 0s - 0/0 x20; end 200s");
    check(&text, "fleet store=dedicated", "place start", "");
    // From 0.12 on all bodies are one request: 7 * 0.45 + 0.902 = 4.052 s, and 0.902 s for the first task.
    let text = text.replace("x20", "x3");
    let got = told(&world(&text), "fleet store=dedicated version=1.0.0", "place");
    assert!(got.starts_with("4.954 x1>a"), "{got}");
}

#[test]
fn a_body_that_is_not_read_in_time_stops_a_healthy_unit_for_one_round() {
    // Round trips of 0.5 s with sigma 0.5: a read takes longer than a second in 8.3 % of cases. Units are stopped and
    // started again 5 s later; none is moved. From 0.12 on a list is read as a whole or not at all.
    let text = format!(
        "{TWO}; job x service 0s - 0/0 x4; etcd fault rtt=500ms 100s 100s; etcd fault sigma=500 100s 100s
                        etcd fault fsync=1ms 100s 100s; end 300s"
    );
    let mut stops = 0;
    for seed in 0..10 {
        let setup = world(&format!("{text}; seed {seed}"));
        let story = story(&setup, "fleet store=dedicated agent_ttl=1000s", "place start end");
        let told_of = metric(&run(&setup, "fleet store=dedicated agent_ttl=1000s").unwrap(), "healthy_stops");
        let seen = story.iter().filter(|(_, line)| line.ends_with("stopped")).count();
        assert_eq!(told_of, seen.to_string(), "seed {seed}");
        for (i, (time, line)) in story.iter().enumerate() {
            let Some((unit, _)) = line.split_once('.').filter(|_| line.ends_with("stopped")) else { continue };
            stops += 1;
            let again =
                story[i..].iter().find(|(_, s)| s.starts_with(&format!("{unit}.")) && s.contains('+')).expect("again");
            let after = again.0.since(*time).0;
            assert!(after.is_multiple_of(5 * SECOND_US) && after > 0, "{after}");
        }
        let new = told(&setup, "fleet store=dedicated version=1.0.0 agent_ttl=1000s", "end");
        assert_eq!(new, "", "seed {seed}");
    }
    // Two agents with 20 rounds each, of which a round is lost with 1 - 0.917^3 = 0.229; 2 units each with 0.083: about
    // 5 a run.
    assert!((20..=90).contains(&stops), "{stops} stops");
}
