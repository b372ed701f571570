//! Bugs that were found and fixed, each named after what a user would have seen.

use crate::world::{check, metric, number, run, told, world};

#[test]
fn a_warm_up_that_ends_as_a_job_ends_does_not_break_the_ledger() {
    // Three jobs share a core: 333,333,334 nano-cores and twice 333,333,333. The first is done within the microsecond
    // before 60 s, which serves only a remainder; the others one microsecond later: 2 * 20,000,000 of 10^15 core-seconds.
    let text = "hosts a=1000m/1Gi; warm-up 60s; job x batch 0s 20s 1000m/0 x3";
    let result = run(&world(text), "direct placement=least-jobs").unwrap();
    assert_eq!(number(&result, "cpu_served_core_seconds"), 40_000_000.0 / 1e15);
    assert_eq!(metric(&result, "jobs_finished"), "3");
}

#[test]
fn a_short_partition_does_not_end_a_long_one_early() {
    check(
        "hosts a=1000m/1Gi; fail a cut 10s 100s; fail a cut 20s 5s; end 200s",
        "fleet",
        "heard",
        "0 a heard; 10 a silent; 110 a heard",
    );
    // Nor does a short outage.
    check(
        "hosts a=1000m/1Gi; fail a down 10s 100s; fail a down 20s 5s; end 200s",
        "fleet",
        "host",
        "0 a up; 10 a down failure; 110 a up",
    );
}

#[test]
fn a_brake_counts_the_nodes_there_are_and_not_those_that_left() {
    // Six nodes left long ago: three of four are silent, not three of ten.
    let world = world(
        "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi d=1000m/1Gi; hosts z=1000m/1Gi,leaves:10s,x6
         job x service 20s - 100m/64Mi x4
         fail a down 100s forever; fail b down 100s forever; fail c down 100s forever; end 2000s",
    );
    assert_eq!(told(&world, "kubernetes", "given-up"), "");
}

#[test]
fn work_given_up_before_its_host_fell_waits_for_the_control_plane_and_not_for_the_host() {
    // fleet gives x up on a at 115 to 132 and has no other machine. The copy behind the partition lives until a falls at
    // 150; from then on x waits for a machine: pending, not host down.
    let text =
        "hosts a=1000m/1Gi; job x service 0s - 1000m/0; fail a cut 100s forever; fail a down 150s forever; end 200s";
    let result = run(&world(text), "fleet").unwrap();
    assert_eq!(metric(&result, "cpu_host_down_core_seconds"), "0");
    // 0 to 1 and 150 to 200.
    assert_eq!(metric(&result, "cpu_pending_core_seconds"), "51");
}
