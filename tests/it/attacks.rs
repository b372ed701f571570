//! Worlds meant to break the engine: no panic, no stuck clock, and the checker agrees.

use plimsoll::units::SimTime;

use crate::world::{check, metric, run, world};

const ALL: [&str; 4] = ["chef", "fleet", "kubernetes", "direct"];

#[test]
fn a_job_of_no_length_ends_as_it_starts() {
    check(
        "hosts a=1000m/1Gi; job x batch 5s 0s 1000m/1Gi; job y batch 5s 1s 1000m/1Gi",
        "direct",
        "start end done",
        "5 x.1+a, x.1-a finished, x done, y.1+a; 6 y.1-a finished, y done",
    );
    let text = "hosts a=1000m/1Gi; job x batch 0s 0s 500m/1Mi x50; job y service 0s 0s 500m/1Mi x50; end 200s";
    for options in ALL {
        let result = run(&world(text), options).unwrap();
        assert_eq!(metric(&result, "jobs_finished"), "50", "{options}");
        assert_eq!(metric(&result, "cpu_served_core_seconds"), "0", "{options}");
    }
}

#[test]
fn ten_thousand_jobs_come_at_one_instant() {
    let text = "hosts a=1000m/64Gi,x10; job x batch 0s 1s 1m/1Mi x10000; end 200s";
    for options in ALL {
        let result = run(&world(text), options).unwrap_or_else(|e| panic!("{options}: {e}"));
        assert_eq!(metric(&result, "jobs_finished"), "10000", "{options}");
    }
}

#[test]
fn a_job_that_uses_nothing_still_takes_its_time() {
    let text = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/1Gi uses 0/0; job y batch 0s 10s 0/0 uses 0/0";
    check(text, "direct", "end", "10 x.1-a finished, y.1-a finished");
    let result = run(&world(text), "direct").unwrap();
    assert_eq!(metric(&result, "cpu_unserved_share"), "");
}

#[test]
fn a_host_that_leaves_as_a_job_starts_does_not_take_it_along() {
    // Placed on a at 0, which leaves at 1, the moment of the start. The pod GC finds that at 20 and
    // deletes the pod at 60; placed anew, started a second later.
    check(
        "hosts a=2000m/1Gi,leaves:1s b=1000m/1Gi; job x service 0s - 100m/64Mi",
        "kubernetes",
        "place start host",
        "0 a up, b up, x>a; 1 a left; 60 x>b; 61 x.1+b",
    );
    // Under fleet a leads and gives its lease back; b polls within 2 s, at a phase of its own.
    check(
        "hosts a=2000m/1Gi,leaves:1s b=1000m/1Gi; job x service 0s - 100m/64Mi",
        "fleet",
        "place start host",
        "0 a up, b up, x>a; 1 a left; 1.070588 x>b; 2.070588 x.1+b",
    );
    // The same with a host that falls, or leaves as the job comes.
    for options in ALL {
        for failure in ["fail a down 1s 1s", "fail a down 0s 10s", "fail a cut 1s 1s", "fail a down 1s 0s"] {
            let text = format!("hosts a=2000m/1Gi b=1000m/1Gi; job x batch 0s 5s 100m/64Mi; {failure}; end 600s");
            let result = run(&world(&text), options).unwrap_or_else(|e| panic!("{options}, {failure}: {e}"));
            assert_eq!(metric(&result, "jobs_finished"), "1", "{options}, {failure}");
        }
        let text = "hosts a=2000m/1Gi,leaves:1us b=1000m/1Gi; job x batch 0s 5s 100m/64Mi; end 200s";
        assert_eq!(metric(&run(&world(text), options).unwrap(), "jobs_finished"), "1", "{options}");
    }
}

#[test]
fn failures_pile_up_on_one_host() {
    let failures = "fail a down 0s 10s; fail a cut 0s 20s; fail a down 5s 5s; fail a down 10s 1us; fail a cut 15s 30s
        fail a down 20s 0s; fail a down 20s 40s; fail a cut 60s 0s; fail a down 60s 1s";
    for options in ALL {
        let text = format!(
            "hosts a=2000m/1Gi; job x batch 0s 30s 100m/64Mi x3; job s service 0s - 10m/0; {failures}; end 900s"
        );
        let result = run(&world(&text), options).unwrap_or_else(|e| panic!("{options}: {e}"));
        // The host is down when the only converge ends, at 60, and nobody converges again.
        let finished = if options == "chef" { "0" } else { "3" };
        assert_eq!(metric(&result, "jobs_finished"), finished, "{options}");
        // 0 to 10, 10 to 10.000001, 20 to 60 and 60 to 61: the host boots before the next failure of that instant or
        // stays down; either way it is down for 51.000001 s.
        assert_eq!(metric(&result, "host_down_seconds"), "51.000001", "{options}");
    }
}

#[test]
fn a_run_of_a_microsecond_is_a_run() {
    for options in ALL {
        for end in ["1us", "0s"] {
            let text = format!("hosts a=1000m/1Gi; job x batch 0s 10s 1000m/1Mi; job y batch 0s 0s 1m/0; end {end}");
            run(&world(&text), options).unwrap_or_else(|e| panic!("{options}: {e}"));
        }
    }
    let setup = world("hosts a=1000m/1Gi; job x batch 0s 10s 1000m/1Mi; end 1us");
    assert_eq!(setup.end, SimTime(1));
    assert_eq!(metric(&run(&setup, "direct").unwrap(), "cpu_served_core_seconds"), "0.000001");
}

#[test]
fn requests_of_2_to_the_53_are_waited_for_or_refused() {
    let bytes = 1i64 << 53;
    for options in ALL {
        let text = format!(
            "hosts a=1000m/{bytes}; job x service 0s - 1000m/{bytes} uses 1m/1Mi x3; job y service 0s - 0/{bytes}; end 900s"
        );
        run(&world(&text), options).unwrap_or_else(|e| panic!("{options}: {e}"));
    }
}

#[test]
fn a_hundred_thousand_hosts_hold_one_job() {
    let setup = world("hosts h=1000m/1Gi,x100000; job x batch 0s 5s 100m/64Mi; fail h7 down 1s 2s; end 100s");
    for options in ALL {
        let result = run(&setup, options).unwrap_or_else(|e| panic!("{options}: {e}"));
        assert_eq!(metric(&result, "jobs_finished"), "1", "{options}");
    }
}

#[test]
fn one_host_holds_twenty_thousand_jobs() {
    // Daemons that want nothing, so that jobs cannot have what daemons lack.
    let setup = world("hosts h=1000m/64Gi,pods:20000; host daemon_cpu 0; job x batch 0s 1s 1m/1Mi x20000; end 300s");
    for options in ["chef", "fleet", "direct placement=least-jobs", "kubernetes placement=least-jobs"] {
        let result = run(&setup, options).unwrap_or_else(|e| panic!("{options}: {e}"));
        assert_eq!(metric(&result, "jobs_finished"), "20000", "{options}");
        // 20 cores demanded of 1: 20 core-seconds take 20 s.
        assert_eq!(metric(&result, "cpu_overloaded_host_seconds").parse::<f64>().unwrap().round(), 20.0, "{options}");
    }
}

#[test]
fn a_clock_that_stands_still_is_an_error_that_names_the_culprit() {
    // Over its limit from the first moment, and restarted after no time at all.
    let text = "hosts a=1000m/1Gi; job x service 3s - 0/0 uses 0/100Mi limit 0/50Mi";
    let error = run(&world(text), "direct limits=on restart_delay=0s").unwrap_err();
    assert_eq!(
        error,
        "run \"direct\": the clock stands still at 3s: a million events in a row, the last from starts of job \"x\" on host \"a\""
    );
}
