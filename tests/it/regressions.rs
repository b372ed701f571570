//! Bugs that were found and fixed, each named after what a user would have seen.

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{Job, WorkloadBuilder};

use crate::world::{at, check, metric, number, run, story, told, world};

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
    // fleet, led by 0, gives x up on a at 115 to 132 and has no other machine for it. The copy behind the partition lives until a falls at
    // 150; from then on x waits for a machine: pending, not host down.
    let text = "hosts 0=1000m/1Gi a=1000m/1Gi; job x service 0s - 1000m/0 fleet MachineID=a; fail a cut 100s forever
         fail a down 150s forever; end 200s";
    let result = run(&world(text), "fleet").unwrap();
    assert_eq!(metric(&result, "cpu_host_down_core_seconds"), "0");
    // 0 to 1 and 150 to 200.
    assert_eq!(metric(&result, "cpu_pending_core_seconds"), "51");
}

#[test]
fn a_replacement_pod_does_not_inherit_the_crashes_of_the_old_one() {
    // 7 crashes on a by 400; the new pod on b crashes once a second after its start and is restarted at once.
    let world = world(
        "hosts a=1000m/1Gi b=1000m/1Gi,joins:50s; host kill_latency 0s; job x service 0s - 0/0 uses 0/10Mi@1s 0/200Mi limit 0/100Mi
         fail a down 400s forever; end 800s",
    );
    let story = story(&world, "kubernetes", "place start");
    let placed = at(&story, "x>b");
    let starts: Vec<f64> = story
        .iter()
        .filter(|l| l.1.ends_with("+b"))
        .map(|l| l.0.0 as f64 / SECOND_US as f64 - placed)
        .take(3)
        .collect();
    assert_eq!(starts, [1.0, 2.0, 13.0]);
}

#[test]
fn a_rebooted_kubelet_does_not_remember_crashes() {
    // Starts at 1, 2, 13, 34, 75, 156 and 317 before the fall at 400; back at 410, a crash 1 s after each start.
    check(
        "hosts a=1000m/1Gi; host kill_latency 0s; job x service 0s - 0/0 uses 0/10Mi@1s 0/200Mi limit 0/100Mi
         fail a down 400s 10s; end 440s",
        "kubernetes",
        "start",
        "1 x.1+a; 2 x.2+a; 13 x.3+a; 34 x.4+a; 75 x.5+a; 156 x.6+a; 317 x.7+a; 411 x.8+a; 412 x.9+a; 423 x.10+a",
    );
}

#[test]
fn a_start_that_fails_is_retried_without_delay_and_the_run_still_ends() {
    // One failure a microsecond stands for "at once": from 0 to one hour, both ends included.
    let text = "hosts a=1000m/1Gi,gpus:1; job x service 0s - 0/0 gpus 1000; job y service 0s - 0/0 gpus 1000; end 1h";
    let result = run(&world(text), "direct placement=least-jobs restart_delay=0s").unwrap();
    assert_eq!(metric(&result, "start_failed"), "3600000002");
}

#[test]
fn cpu_of_2_to_the_53_milli_is_refused_and_does_not_overflow() {
    // Rates are nano-cores in 64 bits: 2^53 of them are 9 million cores.
    let most = MilliCpu((1 << 53) / 1_000_000);
    for (cpu, fine) in [(most, true), (MilliCpu(most.0 + 1), false), (MilliCpu(1 << 53), false)] {
        let job = Job::batch("x", SimTime(0), SimDuration(1), cpu, Bytes(0));
        assert_eq!(WorkloadBuilder::new().push(job.clone()).is_ok(), fine, "{cpu}");
        let limited = Job { cpu_request: MilliCpu(0), cpu_limit: Some(cpu), ..job };
        assert_eq!(WorkloadBuilder::new().push(limited).is_ok(), fine, "limit {cpu}");
        assert_eq!(Cluster::new(vec![HostSpec::new("a", cpu, Bytes(1))], &[]).is_ok(), fine, "host {cpu}");
    }
    let job = Job::batch("x", SimTime(0), SimDuration(1), MilliCpu(1 << 53), Bytes(0));
    assert_eq!(
        WorkloadBuilder::new().push(job).unwrap_err().to_string(),
        "cpu_request: job \"x\": 9007199254740992m is over 9007199254m (2^53 nano-cores)"
    );
}

#[test]
fn four_hundred_thousand_jobs_at_one_instant_are_no_stuck_clock() {
    // Arrival, news, start and end of each are over a million events at 0, and all of them get somewhere.
    let text = "hosts a=1000m/1Gi; job x batch 0s 0s 0/0 x400000; end 1s";
    let result = run(&world(text), "direct").unwrap();
    assert_eq!(metric(&result, "jobs_finished"), "400000");
}
