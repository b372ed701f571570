//! Single mechanisms as time lines, with the arithmetic beside them. `2 x>a` : at 2 s the control plane puts x on a;
//! `3 x.1+a` : its first attempt runs there; `13 x.1-a finished` : it ends, and why.

use plimsoll::units::SECOND_US;

use crate::world::{at, check, metric, number, run, story, world};

/// Holds all values to [low, high] and asks that some come within `near` of both ends.
fn spans(what: &str, values: &[f64], low: f64, high: f64, near: f64) {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(low <= least && most <= high, "{what}: {least} to {most} is not within {low} to {high}");
    assert!(least - low <= near && high - most <= near, "{what}: {least} to {most} is far from {low} to {high}");
}

#[test]
fn fleet_places_in_turns_of_2_s_and_starts_a_second_later() {
    // z arrives with the turn at 0, of which the watch tells at 1: the turn then sees x. Its write makes a turn at 2; y, from 3, is
    // seen at 4.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; job z batch 0s 2500ms 0/0; job x batch 500ms 10s 0/0; job y batch 3s 1s 0/0",
        "fleet",
        "place start end",
        "0 z>a; 1 x>b, z.1+a; 2 x.1+b; 3.5 z.1-a finished; 4 y>a; 5 y.1+a; 6 y.1-a finished; 12 x.1-b finished",
    );
}

#[test]
fn fleet_replaces_units_of_a_lost_machine_after_15_to_32_s() {
    // The last heartbeat is 0 to 15 s old, presence lasts 30 s from there, the engine looks every 2 s.
    let mut after = Vec::new();
    for seed in 0..600u64 {
        let ms = 100_000 + seed * 137 % 2000;
        let world = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 1000m/0; fail a down {ms}ms forever; end 140s; seed {seed}"
        ));
        let story = story(&world, "fleet", "place start lost given-up");
        let lost = at(&story, "a lost");
        assert_eq!([at(&story, "x>b"), at(&story, "x given up on a")], [lost, lost]);
        assert!((at(&story, "x.2+b") - lost - 1.0).abs() < 1e-9);
        after.push(lost - ms as f64 / 1000.0);
    }
    spans("fleet's re-placement", &after, 15.0, 32.0, 0.5);
}

#[test]
fn fleet_runs_a_unit_twice_behind_a_partition_until_the_agent_has_looked() {
    let mut stops = Vec::new();
    for seed in 0..200 {
        let setup = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 1000m/0; fail a cut 100s 60s; end 200s; seed {seed}"
        ));
        let story = story(&setup, "fleet", "start end");
        let (begins, ends) = (at(&story, "x.2+b"), at(&story, "x.1-a stopped"));
        let result = run(&setup, "fleet").unwrap();
        assert!((number(&result, "duplicate_core_seconds") - (ends - begins)).abs() < 1e-9, "seed {seed}");
        // One of the two was always there from 1 s on.
        assert_eq!(metric(&result, "cpu_useful_core_seconds"), "199", "seed {seed}");
        stops.push(ends - 160.0);
    }
    spans("stop after the partition", &stops, 0.0, 5.0, 0.2);
}

#[test]
fn kubernetes_waits_a_minute_to_worry_and_six_to_act_one_node_at_a_time() {
    let (mut unknown, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..300u64 {
        let ms = 100_000 + seed * 137 % 5000;
        let world = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 100m/64Mi; job y service 0s - 100m/64Mi
             fail a down {ms}ms forever; fail b down {ms}ms forever; end 520s; seed {seed}"
        ));
        let story = story(&world, "kubernetes", "place start lost given-up");
        let since = |what| at(&story, what) - ms as f64 / 1000.0;
        unknown.extend([since("a lost"), since("b lost")]);
        let mut gone = [since("x given up on a"), since("y given up on b")];
        assert_eq!([since("x>c"), since("x.2+c")], [gone[0], gone[0] + 1.0]);
        gone.sort_by(f64::total_cmp);
        first.push(gone[0]);
        second.push(gone[1] - gone[0]);
    }
    // Lease 0 to 10 s old, seen at a pass up to 5 s later, 50 s of grace from there: at passes that take no time 40 to
    // 55 s after the crash (the real passes drift, which gives up to 60).
    spans("Unknown", &unknown, 40.0, 55.0, 1.0);
    // 300 s more for the first of two; the next has its turn 10 s later (and both are Unknown within 10 s of each other).
    spans("given up", &first, 340.0, 355.0, 2.5);
    assert!(second.iter().all(|&s| (s - 10.0).abs() < 1e-6), "{second:?}");
}

#[test]
fn kubernetes_deletes_nothing_while_three_of_four_nodes_are_silent() {
    // c is back at 1000: two of four. The rate of the zone changes from none to one in 10 s, and the first 10 s begin then:
    // one node is tainted at 1010, the other at 1020; 300 s later pods go.
    let world = world(
        "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi d=1000m/1Gi; job x service 0s - 100m/64Mi x4
         fail a down 100s forever; fail b down 100s forever; fail c down 100s 900s; end 2000s",
    );
    let story = story(&world, "kubernetes", "start given-up");
    let given_up: Vec<f64> =
        story.iter().filter(|l| l.1.contains("given up")).map(|l| l.0.0 as f64 / SECOND_US as f64).collect();
    assert_eq!(given_up, [1310.0, 1320.0]);
    assert_eq!(at(&story, "x3.2+c"), 1001.0);
}

#[test]
fn kubelet_restarts_at_once_then_after_10_20_40_up_to_300_s() {
    // Dies 1 s after each start.
    check(
        "hosts a=1000m/1Gi; host kill_latency 0s; job x batch 0s 100s 0/0 uses 0/10Mi@1s 0/200Mi limit 0/100Mi; end 1000s",
        "kubernetes",
        "start",
        "1 x.1+a; 2 x.2+a; 13 x.3+a; 34 x.4+a; 75 x.5+a; 156 x.6+a; 317 x.7+a; 618 x.8+a; 919 x.9+a",
    );
    // After a life of more than 600 s it begins anew; one of 500 s does not count.
    check(
        "hosts a=1000m/1Gi; host kill_latency 0s; job x service 0s - 0/0 uses 0/10Mi@700s 0/200Mi limit 0/100Mi; end 2200s",
        "kubernetes",
        "start",
        "1 x.1+a; 701 x.2+a; 1401 x.3+a; 2101 x.4+a",
    );
    check(
        "hosts a=1000m/1Gi; host kill_latency 0s; job x service 0s - 0/0 uses 0/10Mi@500s 0/200Mi limit 0/100Mi; end 2000s",
        "kubernetes",
        "start",
        "1 x.1+a; 501 x.2+a; 1011 x.3+a; 1531 x.4+a",
    );
}

#[test]
fn a_converge_applies_only_what_was_placed_before_it_began() {
    // Converges 0-10 (x), 10-20 (y, placed at 5), 20-30 (z, placed at 12).
    check(
        "hosts a=1000m/1Gi; job x service 0s - 0/0; job y service 5s - 0/0; job z service 12s - 0/0",
        "chef converge_duration=10s",
        "place start",
        "0 x>a; 5 y>a; 10 x.1+a; 12 z>a; 20 y.1+a; 30 z.1+a",
    );
}

#[test]
fn chef_moves_the_oldest_only_when_asked_to_balance() {
    // b's two jobs are done at 35 and nothing moves until the operation at 40: 2 and 0 become 1 and 1, one converge later.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 0/0 type t; job y batch 0s 25s 1000m/0 type t
         job z service 0s - 0/0 type t; job w batch 0s 12s 0/0 type t",
        "chef converge_duration=10s balance_at=40s",
        "place start end",
        "0 w>a, x>b, y>a, z>b; 10 w.1+a, x.1+b, y.1+a, z.1+b; 22 w.1-a finished; 35 y.1-a finished; 40 x>a; \
         50 x.1-b stopped, x.2+a",
    );
}

#[test]
fn chef_leaves_jobs_on_a_dead_host_and_puts_new_ones_there() {
    // y's converge, from 30 to 40, fails on a and is over at 160; z's is over at 170, when a has long been back.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 0/0 type t; job y service 30s - 0/0 type t
         job z service 31s - 0/0 type t; fail a down 20s 80s; end 200s",
        "chef converge_duration=10s",
        "place start end",
        "0 x>a; 10 x.1+a; 20 x.1-a host-down; 30 y>b; 31 z>a; 40 y.1+b; 100 x.2+a; 170 z.1+a",
    );
}

#[test]
fn direct_is_strict_fifo_but_does_not_wait_for_what_can_never_fit() {
    // small would fit at 2 and stands behind big.
    let jobs = "hosts a=1000m/1Gi; job x batch 0s 10s 600m/0; job small batch 2s 1s 100m/0";
    check(&format!("{jobs}; job big batch 1s 5s 600m/0"), "direct", "place", "0 x>a; 10 big>a, small>a");
    check(&format!("{jobs}; job huge batch 1s 5s 1100m/0"), "direct", "place", "0 x>a; 2 small>a");
}

#[test]
fn direct_gives_up_what_fits_nowhere_where_it_is_told_to() {
    // small fits beside x, for nobody waits in front of it. When a falls, b has room for one of the two.
    let jobs = "hosts a=1000m/1Gi; job x batch 0s 10s 600m/0; job big batch 1s 5s 600m/0; job small batch 2s 1s 100m/0";
    check(jobs, "direct unplaced=drop", "place done", "0 x>a; 1 big gave up; 2 small>a; 3 small done; 10 x done");
    let fall =
        "hosts a=1000m/1Gi b=500m/1Gi; job x service 0s - 500m/0; job y service 0s - 500m/0; fail a down 5s forever";
    check(fall, "direct unplaced=drop", "place done", "0 x>a, y>a; 5 x>b, y gave up");
    // What was given up demands nothing any more: 1.6 cores from 1 s to 100 s, or not at all. Its work is abandoned either way.
    for (options, pending) in [("direct", 158.4), ("direct unplaced=drop", 0.0)] {
        let alone = run(&world("hosts a=1000m/1Gi; job big batch 1s 5s 1600m/0"), options).unwrap();
        assert_eq!(number(&alone, "jobs_never_placed"), 1.0, "{options}");
        assert_eq!(number(&alone, "cpu_pending_core_seconds"), pending, "{options}");
        assert_eq!(number(&alone, "cpu_abandoned_core_seconds"), 8.0, "{options}");
    }
}

#[test]
fn a_full_host_is_shared_by_weight() {
    // 3 cores, 30 core-seconds each, shares 1024 and 2048: the kubelet's weights are 39 and 79 (not 39 and 78, as it cuts
    // each). one gets 3 * 39/118 = 0.9915 cores, two 2.0085: it is done after 30 * 118 / (3 * 79) = 14.936709 s. Then one
    // has all, and after 20 s the 60 core-seconds are done, but for what the last microsecond of two left over.
    let jobs = "hosts a=3000m/1Gi
        job one batch 0s 10s 1000m/0 uses 3000m/0; job two batch 0s 10s 2000m/0 uses 3000m/0";
    check(
        jobs,
        "kubernetes",
        "start end",
        "1 one.1+a, two.1+a; 15.936709 two.1-a finished; 21.000001 one.1-a finished",
    );
    // Docker's weights are equal: 1.5 each.
    check(jobs, "direct", "end", "20 one.1-a finished, two.1-a finished");
}

#[test]
fn half_the_cpu_takes_twice_the_time() {
    let job = "hosts a=4000m/1Gi; job x batch 0s 10s 500m/0 uses 1000m/0 limit 500m/0";
    check(job, "kubernetes", "end", "21 x.1-a finished");
    check(job, "kubernetes quota=off", "end", "11 x.1-a finished");
    // A service does not take longer, it gets less.
    check(
        "hosts a=4000m/1Gi; job x service 0s 30s 500m/0 uses 1000m/0 limit 500m/0",
        "kubernetes",
        "end",
        "30 x.1-a removed",
    );
}

#[test]
fn a_job_over_its_limit_is_killed_and_starts_from_the_beginning() {
    let world = "hosts a=1000m/1Gi; job x batch 0s 10s 100m/64Mi uses 100m/64Mi@5s 100m/128Mi limit 0/64Mi; end 15s";
    // A victim is gone 0.2 s after it was chosen.
    check(
        world,
        "direct limits=on",
        "start end",
        "0 x.1+a; 5.2 x.1-a oom-limit; 6.2 x.2+a; 11.4 x.2-a oom-limit; 12.4 x.3+a",
    );
    check(world, "direct", "start end", "0 x.1+a; 10 x.1-a finished");
    // Where its policy is never, that was its only life.
    let never = world.replace("limit", "restart never limit");
    check(&never, "direct limits=on", "start end done", "0 x.1+a; 5.2 x.1-a oom-limit, x gave up");
}

const RUNAWAY: &str = "hosts a=1000m/1Gi b=1000m/1Gi; reboot 60s; boot 20s; end 115s; job x service 0s - 0/0";

#[test]
fn a_runaway_that_stops_short_of_the_kernel_waits_for_an_operator_on_one_host_after_the_other() {
    // 1100 of 1024 MiB, and the kernel kills from 1024 + 128 - 15.52 = 1136.48 MiB: no kill. In the band from 20, an
    // operator at 80, back at 100. Nobody else needs file pages, so no heartbeat is late. direct sends x on to b at 80.
    check(
        &format!("{RUNAWAY} uses 0/100Mi@20s 0/1100Mi"),
        "direct",
        "thrash heard host start end",
        "0 a up, a heard, b up, b heard, x.1+a; 20 a thrashes; 80 a down memory, x.1-a host-down, a calm, a silent, x.2+b;
         100 a up, a heard, b thrashes",
    );
}

#[test]
fn work_on_file_pages_waits_for_the_disk_in_the_last_megabytes() {
    // From 10 s on 1100 MiB are in use: of 128 MiB of file pages 52 fit, 0.59375 do not: 0.59375^1.6 = 0.434438 of 2500
    // touches a second miss, 1.2 ms each: 1 / (1 + 1.303314) = 0.434157 of full speed: 10 core-seconds take 23.033 s.
    // File pages are back 0.6 s after there is room.
    check(
        "hosts a=1000m/1Gi; job x batch 0s 20s 1000m/0 uses 1000m/100Mi@10s 1000m/1100Mi; end 200s",
        "chef converge_duration=0s",
        "thrash heard end",
        "0 a heard; 10 a thrashes; 33.033143 x.1-a finished; 33.633143 a calm",
    );
}

#[test]
fn kill_only_loses_only_the_victim_and_host_down_everything_at_once() {
    let over = format!("{RUNAWAY} uses 0/100Mi@20s 0/1100Mi; memory kill-only");
    check(&over, "direct", "thrash host end", "0 a up, b up");
    let beyond = format!("{RUNAWAY} uses 0/100Mi@20s 0/1200Mi; memory kill-only; end 50s");
    check(&beyond, "direct", "start end", "0 x.1+a; 20.2 x.1-a oom-host; 21.2 x.2+a; 41.4 x.2-a oom-host; 42.4 x.3+a");
    // 1024 MiB are what the host has; a byte more brings it down, for 60 + 20 s.
    let brim = format!("{RUNAWAY} uses 0/100Mi@20s 0/1Gi; memory host-down");
    check(&brim, "direct", "host end", "0 a up, b up");
    let drop = format!("{RUNAWAY} uses 0/100Mi@20s 0/1073741825; memory host-down");
    check(
        &drop,
        "direct",
        "host start end",
        "0 a up, b up, x.1+a; 20 a down memory, x.1-a host-down, x.2+b; 40 b down memory, x.2-b host-down;
         100 a up, x.3+a",
    );
}

#[test]
fn pressure_evicts_by_priority_then_excess_and_keeps_pods_away_for_5_minutes() {
    // 600 + 150 + 320 = 1070 MiB, over 1152 - 100 = 1052. big stays within its request; p and q are over by 100 and 270.
    let pods = |p: i32, q: i32| {
        format!(
            "hosts a=4000m/1Gi; memory kill-only; end 305s
             job big service 0s - 0/600Mi; job p service 0s - 0/50Mi uses 0/150Mi priority {p}
             job q service 0s - 0/50Mi uses 0/320Mi priority {q}; job late service 60s - 0/10Mi"
        )
    };
    for seed in 0..20 {
        for (p, q, victim) in [(0, 5, "p"), (0, 0, "q"), (5, 0, "q")] {
            let world = world(&format!("{}; end 305s; seed {seed}", pods(p, q)));
            let story = story(&world, "kubernetes", "end pressure");
            let t = at(&story, "a pressed");
            assert!((1.0..=11.0).contains(&t), "the first look after the starts at 1: {t}");
            let gone = at(&story, &format!("{victim}.1-a evicted-node-pressure"));
            assert!((gone - t - 1.0).abs() < 1e-9, "{gone} is not {t} and 1 s of grace");
        }
        // The condition outlasts its cause by 300 s, looked at every 10 s from 2 s after the first eviction (a second of
        // grace, a second for the clean-up); then the victim and the pod that came at 60 are placed.
        let world = world(&format!("{}; end 600s; seed {seed}", pods(0, 5)));
        let story = story(&world, "kubernetes", "place end pressure");
        let t = at(&story, "a pressed");
        let relieved = at(&story, "a relieved");
        assert!((relieved - t - 302.0).abs() < 1e-9, "{relieved} is not {t} + 302");
        assert_eq!(at(&story, "late>a"), relieved);
        let again: Vec<f64> = story.iter().filter(|l| l.1 == "p>a").map(|l| l.0.0 as f64 / SECOND_US as f64).collect();
        assert_eq!(again[..2], [0.0, relieved]);
    }
}

#[test]
fn a_checkpoint_keeps_what_was_done() {
    // 10 of 30 s are done when the host falls at 20; it is back at 30.
    let job = "hosts a=1000m/1Gi; fail a down 20s 10s; job x batch 0s 30s 1000m/0";
    let chef = "chef converge_duration=10s";
    check(&format!("{job} checkpoint"), chef, "start end", "10 x.1+a; 20 x.1-a host-down; 30 x.2+a; 50 x.2-a finished");
    check(job, chef, "start end", "10 x.1+a; 20 x.1-a host-down; 30 x.2+a; 60 x.2-a finished");
    let lost = |text: &str| metric(&run(&world(text), chef).unwrap(), "cpu_lost_core_seconds");
    assert_eq!([lost(&format!("{job} checkpoint")), lost(job)], ["0", "10"]);
}

#[test]
fn a_job_enters_when_what_it_comes_after_has_finished() {
    check(
        "hosts a=1000m/1Gi; job x batch 0s 10s 0/0; job y batch 5s 1s 0/0 after x; job z batch 20s 1s 0/0 after x",
        "direct",
        "arrive end",
        "0 x arrives; 10 x.1-a finished, y arrives; 11 y.1-a finished; 20 z arrives; 21 z.1-a finished",
    );
}

#[test]
fn users_of_a_closed_loop_come_back_after_thinking() {
    // Two users, 1 s of thought: x is done at 4, y comes at 5 and is done at 8, z comes at 9.
    check(
        "hosts a=1000m/1Gi; users 2 1s
         job w batch 0s 10s 0/0; job x batch 30s 4s 0/0; job y batch 40s 3s 0/0; job z batch 50s 2s 0/0",
        "direct",
        "arrive",
        "0 w arrives, x arrives; 5 y arrives; 9 z arrives",
    );
}

#[test]
fn a_window_counts_what_happens_in_it() {
    // Kills at 5, 11 and 17, starts at 0, 6 and 12.
    let run_from = |warm_up: &str| {
        let text = "hosts a=1000m/1Gi; host kill_latency 0s; end 17500ms; warm-up ".to_owned()
            + warm_up
            + "; job x batch 0s 10s 100m/64Mi uses 100m/64Mi@5s 100m/128Mi limit 0/64Mi";
        let result = run(&world(&text), "direct limits=on").unwrap();
        ["oom_kills", "restarts", "jobs_submitted", "cpu_lost_core_seconds"].map(|name| metric(&result, name))
    };
    assert_eq!(run_from("0s"), ["3", "2", "1", "1.5"]);
    // Of the second life, 6 to 11, 8 to 11 is inside.
    assert_eq!(run_from("8s"), ["2", "1", "1", "0.8"]);
    // At the very moment of a kill: the kill counts, what it cost was spent before.
    assert_eq!(run_from("11s"), ["2", "1", "1", "0.5"]);
    assert_eq!(run_from("17500ms"), ["0", "0", "1", "0"]);
}

#[test]
fn the_last_microsecond_demands_and_serves_only_what_is_left() {
    // 10^16 nano-core-µs each, at 333,333,334, 333,333,333 and 333,333,333 nano-cores.
    // x1: 29,999,999 µs in full, then 10^16 - 29,999,999 * 333,333,334 = 313,333,334 in the last of 30,000,000 µs.
    // x2, x3: 10^16 - 30,000,000 * 333,333,333 = 10,000,000 left at 30 s, done within a microsecond.
    let text = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/0 x3";
    let least = "direct placement=least-jobs";
    check(text, least, "end", "30 x1.1-a finished; 30.000001 x2.1-a finished, x3.1-a finished");
    let result = run(&world(text), least).unwrap();
    assert_eq!(metric(&result, "cpu_served_core_seconds"), "30");
    // 29,999,999 * 10^9 + 313,333,334 + 2 * (30,000,000 * 10^9 + 10,000,000).
    assert_eq!(number(&result, "cpu_demanded_core_seconds"), 89_999_999_333_333_334u64 as f64 / 1e15);
    assert_eq!(number(&result, "cpu_starved_core_seconds"), 59_999_999_333_333_334u64 as f64 / 1e15);
}

#[test]
fn starts_that_must_fail_are_counted_whatever_else_happens_on_the_host() {
    let gpu = "hosts a=1000m/1Gi,gpus:1; job x service 0s - 0/0 gpus 1000; job y service 0s - 0/0 gpus 1000";
    // Others come and go, so that the count is closed again and again.
    let busy: String = (0..90).map(|i| format!("; job t{i} batch {}ms 300ms 0/0", i * 1_030)).collect();
    for (options, end, want) in [
        // 1, 6, … 96.
        ("fleet", "100s", 20),
        // 0, 1, … 100.
        ("direct placement=least-jobs", "100s", 101),
        // 1, 1, 11, 31, 71, 151, 311, 611, 911.
        ("kubernetes placement=least-jobs", "1000s", 9),
        ("kubernetes placement=least-jobs", "911s", 9),
        ("kubernetes placement=least-jobs", "910s", 8),
    ] {
        for others in ["", &busy] {
            let result = run(&world(&format!("{gpu}{others}; end {end}")), options).unwrap();
            assert_eq!(metric(&result, "start_failed"), want.to_string(), "{options} {end}");
            assert_eq!(metric(&result, "restarts"), (want - 1).to_string(), "{options} {end}");
        }
    }
}

#[test]
fn a_start_succeeds_at_the_first_retry_after_the_gpu_is_free() {
    let gpu =
        "hosts a=1000m/1Gi,gpus:1; job x batch 0s 99500ms 0/0 gpus 1000; job y service 0s - 0/0 gpus 1000; end 200s";
    // x runs from 1 to 100.5. y: 1, 6, … 96 are 20 failures, 101 goes well.
    check(
        gpu,
        "fleet",
        "start end fails",
        "1 x.1+a, y.1-a start-failed; 100.5 x.1-a finished, y failed 19 more on a; 101 y.21+a",
    );
    // 1, 1, 11, 31, 71; then 151.
    check(
        gpu,
        "kubernetes placement=least-jobs",
        "start end fails",
        "1 x.1+a, y.1-a start-failed; 100.5 x.1-a finished, y failed 4 more on a; 151 y.6+a",
    );
    // Under its own filters it waits for room instead.
    check(gpu, "kubernetes", "place start", "0 x>a; 1 x.1+a; 100.5 y>a; 101.5 y.1+a");
    check(
        &gpu.replace("job y service 0s - 0/0", "job y service 0s - 0/0 restart never"),
        "fleet",
        "start end done",
        "1 x.1+a, y.1-a start-failed, y gave up; 100.5 x.1-a finished, x done",
    );
}

#[test]
fn a_port_is_held_by_one_job_of_a_host_at_a_time() {
    // x and z get a and b; y shares a with x and fails until x is gone.
    check(
        "hosts a=1000m/1Gi; job x service 0s 20s 0/0 ports 80; job y service 1s - 0/0 ports 80; end 30s",
        "direct placement=least-jobs",
        "start end fails",
        "0 x.1+a; 1 y.1-a start-failed; 20 x.1-a removed, y failed 18 more on a, y.20+a",
    );
}
