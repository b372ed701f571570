//! Time lines of the kubernetes control plane, worked out by hand: how long decisions, bindings and victims take, and
//! which events call which pods back.

use crate::world::{check, told, world};

#[test]
fn decisions_come_one_after_the_other_and_a_binding_takes_its_time() {
    // x is decided at 2 and y at 4; 3 s later the kubelet knows, and 1 s later it has started.
    check(
        "hosts a=1000m/1Gi; job x batch 0s 50s 100m/64Mi; job y batch 0s 50s 100m/64Mi",
        "kubernetes decision_time=2s bind_latency=3s",
        "place start",
        "2 x>a; 4 y>a; 6 x.1+a; 8 y.1+a",
    );
    // What comes while a cycle is under way is seen at its end: the more important one goes first.
    check(
        "hosts a=1000m/1Gi; job x batch 0s 50s 100m/64Mi; job y batch 1s 50s 100m/64Mi priority 5",
        "kubernetes decision_time=2s bind_latency=0s",
        "place",
        "2 y>a; 4 x>a",
    );
    // By the number of nodes: 200 µs, and 0.6 µs for each of 2 nodes up to 100.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; job x batch 0s 50s 100m/64Mi; job y batch 0s 50s 100m/64Mi",
        "kubernetes decision_time=by-nodes",
        "place",
        "0.000201 x>a; 0.000402 y>b",
    );
}

#[test]
fn a_pod_of_lower_priority_goes_after_its_grace_and_the_nominated_one_takes_its_place() {
    let text =
        "hosts a=1000m/1Gi; job low service 0s - 1000m/64Mi; job high batch 10s 20s 1000m/64Mi priority 5; end 200s";
    // low counts until it is gone at 40; its replacement waits until high is done.
    check(
        text,
        "kubernetes",
        "preempt place start end",
        "0 low>a; 1 low.1+a; 10 high preempts 1 on a; 40 low.1-a evicted-preemption, high>a; 41 high.1+a;
         61 high.1-a finished, low>a; 62 low.2+a",
    );
    check(
        text,
        "kubernetes termination_grace=5s",
        "preempt place",
        "0 low>a; 10 high preempts 1 on a; 15 high>a; 36 low>a",
    );
    // Only reported: high waits for good, and is tried once more only after five minutes.
    assert_eq!(
        told(&world(text), "kubernetes preemption=report", "preempt place"),
        "0 low>a; 10 high would preempt 1 on a"
    );
    // Equals are no victims.
    let equals = text.replace("priority 5", "priority 0");
    assert_eq!(told(&world(&equals), "kubernetes", "preempt place"), "0 low>a");
}

#[test]
fn room_made_for_one_pod_is_not_taken_by_a_lesser_one() {
    // At 40 two of the three 500m are free again: mid (1 cpu) came before high, but the room is reserved for high.
    check(
        "hosts a=1000m/1Gi; job low service 0s - 1000m/64Mi; job high service 10s - 1000m/64Mi priority 5
         job mid service 20s - 500m/64Mi priority 3; end 200s",
        "kubernetes",
        "preempt place",
        "0 low>a; 10 high preempts 1 on a; 40 high>a",
    );
}

#[test]
fn a_victim_that_ends_by_itself_leaves_its_room_at_once() {
    check(
        "hosts a=1000m/1Gi; job low batch 0s 19s 1000m/64Mi; job high service 10s - 1000m/64Mi priority 5; end 100s",
        "kubernetes",
        "preempt place end",
        "0 low>a; 10 high preempts 1 on a; 20 low.1-a finished, high>a",
    );
}

#[test]
fn a_victim_out_of_reach_stays_until_its_node_is_heard_again() {
    // The node is cut off from 20 to 50; its kubelet learns of the deletion when it is back.
    check(
        "hosts a=1000m/1Gi; job low service 0s - 1000m/64Mi; job high service 10s - 1000m/64Mi priority 5
         fail a cut 20s 30s; end 100s",
        "kubernetes",
        "preempt place end",
        "0 low>a; 10 high preempts 1 on a; 50 low.1-a evicted-preemption, high>a",
    );
}

#[test]
fn only_an_event_that_can_help_calls_a_pod_back() {
    // big fits nowhere. x's end at 11 frees nothing it could use on a, but Fit's hint takes every deleted pod for worth
    // it; from then on there is no event, and it fails for good. Who fits, goes at once.
    check(
        "hosts a=1000m/1Gi b=2000m/1Gi,joins:30s; job x batch 0s 10s 500m/64Mi; job big batch 5s 10s 1500m/64Mi; end 60s",
        "kubernetes",
        "place start",
        "0 x>a; 1 x.1+a; 30 big>b; 31 big.1+b",
    );
    // A taint that goes: pressure keeps pods away until it has passed.
    check(
        "hosts a=2000m/1Gi; job x batch 0s 10s 1500m/64Mi; job y batch 0s 10s 1500m/64Mi; job z batch 0s 10s 500m/64Mi",
        "kubernetes",
        "place",
        "0 x>a, z>a; 11 y>a",
    );
}

#[test]
fn an_idle_scheduler_tries_a_pod_before_its_back_off_is_over_and_a_busy_gate_makes_it_wait() {
    // y fails at 0 (back-off until 1). x's end at 0.5 is worth another try: at once, or, without early pops, when the
    // flusher comes at 2 after the back-off ended at 1.
    let text = "hosts a=1000m/1Gi; job x service 0s 500ms 1000m/64Mi; job y service 0s - 1000m/64Mi; end 100s";
    check(text, "kubernetes", "place", "0 x>a; 0.5 y>a");
    check(text, "kubernetes pop_from_backoff=off", "place", "0 x>a; 2 y>a");
}

#[test]
fn equal_nodes_are_told_apart_by_name_by_the_heap_or_by_lot() {
    // Three equal nodes: the heap's root stays the first; with d bigger, it is the root whatever comes before it.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 100m/64Mi; job y service 0s - 100m/64Mi";
    assert_eq!(told(&world(text), "kubernetes", "place"), "0 x>a, y>b");
    assert_eq!(told(&world(text), "kubernetes ties=heap", "place"), "0 x>a, y>b");
    let lots = |seed: u32| told(&world(&format!("{text}; seed {seed}")), "kubernetes ties=random", "place");
    let all: std::collections::BTreeSet<String> = (1..30).map(lots).collect();
    assert!(all.len() > 3, "{all:?}");
    assert_eq!(lots(7), lots(7));
}

#[test]
fn replicas_of_an_app_are_spread_as_the_system_defaults_want() {
    // By resources alone the big node takes all four; the spread over host names (weight 2) draws them apart.
    let jobs = |app: &str| (1..=4).map(|i| format!("; job w{i} service 0s - 100m/64Mi {app}")).collect::<String>();
    let text = |app: &str| format!("hosts a=80000m/80Gi b=4000m/4Gi{}; job z service 1s - 100m/64Mi app z", jobs(app));
    assert_eq!(told(&world(&text("app web")), "kubernetes", "place"), "0 w1>a, w2>b, w3>a, w4>b; 1 z>a");
    assert_eq!(told(&world(&text("")), "kubernetes", "place"), "0 w1>a, w2>a, w3>a, w4>a; 1 z>a");
}
