//! What stands behind a job: controllers, zones, drains and upgrades under `kubernetes` as time lines, with the arithmetic
//! beside them. Leases are renewed all the time here (`lease_renew=1us`), so that a host that falls at 100 s, when a pass
//! looks, is Unknown at 100 + 50 = 150 s and its pods are deleted at 150 + 300 = 450 s. (Drawn phases are in `timelines`.)

use crate::program::{Folder, expect};
use crate::world::{at, check, metric, run, story, told, world};

const K: &str = "kubernetes lease_renew=1us";

#[test]
fn a_deployment_replaces_on_deletion_and_a_stateful_set_when_the_old_pod_is_gone() {
    let lost = |controller: &str, rest: &str| {
        format!("hosts a=1000m/1Gi b=1000m/1Gi; end 600s; job x service 0s - 100m/64Mi controller {controller}; {rest}")
    };
    check(
        &lost("replica-set", "fail a down 100s forever"),
        K,
        "place start end lost given-up",
        "0 x>a; 1 x.1+a; 100 x.1-a host-down; 150 a lost; 450 x given up on a, x>b; 451 x.2+b",
    );
    // The node is never heard again: the pod stays Terminating.
    check(
        &lost("stateful-set", "fail a down 100s forever"),
        K,
        "place start end lost given-up",
        "0 x>a; 1 x.1+a; 100 x.1-a host-down; 150 a lost; 450 x given up on a",
    );
    // It is back at 500, and has no such process: the pod is gone, and the new one goes to the first of two empty hosts.
    check(
        &lost("stateful-set", "fail a down 100s 400s"),
        K,
        "place start given-up",
        "0 x>a; 1 x.1+a; 450 x given up on a; 500 x>a; 501 x.2+a",
    );
    // Behind a partition the process lives. Told at 500, it has its 30 s; the Deployment's second copy runs beside it.
    check(
        &lost("stateful-set", "fail a cut 100s 400s"),
        K,
        "place start end given-up",
        "0 x>a; 1 x.1+a; 450 x given up on a; 530 x.1-a stopped, x>a; 531 x.2+a",
    );
    check(
        &lost("replica-set", "fail a cut 100s 400s"),
        K,
        "place start end given-up",
        "0 x>a; 1 x.1+a; 450 x given up on a, x>b; 451 x.2+b; 530 x.1-a stopped",
    );
    // Without a word of who stands behind it: replaced at deletion, the old copy stopped when its host is heard.
    let unset = lost("replica-set", "fail a cut 100s 400s").replace("controller replica-set", "");
    check(
        &unset,
        K,
        "place start end given-up",
        "0 x>a; 1 x.1+a; 450 x given up on a, x>b; 451 x.2+b; 501 x.1-a stopped",
    );
}

#[test]
fn pods_of_a_node_that_left_are_collected_after_40_to_60_s() {
    // Left at 110: found at the look of 120, 40 s of quarantine, deleted at 160. Left at 120: found at once.
    for (leaves, gone) in [(110, 160), (120, 160), (121, 180)] {
        for controller in ["", "controller replica-set", "controller stateful-set"] {
            check(
                &format!(
                    "hosts a=1000m/1Gi,leaves:{leaves}s b=1000m/1Gi; end 300s; job x service 0s - 100m/64Mi {controller}"
                ),
                K,
                "place start",
                &format!("0 x>a; 1 x.1+a; {gone} x>b; {} x.2+b", gone + 1),
            );
        }
    }
    // A node that was lost before, and is taken out at 480: a StatefulSet's pod that was deleted at 450 is gone at 520.
    check(
        "hosts a=1000m/1Gi,leaves:480s b=1000m/1Gi; end 600s; fail a down 100s forever
         job x service 0s - 100m/64Mi controller stateful-set",
        K,
        "place given-up",
        "0 x>a; 450 x given up on a; 520 x>b",
    );
}

#[test]
fn a_preempted_pod_of_a_replica_set_has_its_replacement_queued_at_once() {
    // y needs a, where x is, at 10: x has 30 s. On b there is room from 20 on, when z goes.
    let world = |controller: &str| {
        format!(
            "hosts a=1000m/1Gi,zone:q b=1000m/1Gi; job z service 1s 19s 900m/0 priority 5
             job x service 0s - 800m/0 controller {controller}; job y service 10s - 800m/0 priority 5 zone q"
        )
    };
    check(
        &world("replica-set"),
        K,
        "place start end preempt",
        "0 x>a; 1 z>b, x.1+a; 2 z.1+b; 10 y preempts 1 on a; 20 z.1-b removed, x>b; 21 x.2+b;
         40 x.1-a evicted-preemption, y>a; 41 y.1+a",
    );
    check(
        &world("stateful-set"),
        K,
        "place start end preempt",
        "0 x>a; 1 z>b, x.1+a; 2 z.1+b; 10 y preempts 1 on a; 20 z.1-b removed; 40 x.1-a evicted-preemption, y>a, x>b;
         41 y.1+a, x.2+b",
    );
    // Nothing makes a naked pod anew.
    check(
        &world("none"),
        K,
        "place end done",
        "0 x>a; 1 z>b; 20 z removed, z.1-b removed; 40 x.1-a evicted-preemption, x gave up, y>a",
    );
}

#[test]
fn a_naked_pod_is_lost_with_its_node() {
    let world =
        |rest: &str| format!("hosts a=1000m/1Gi b=1000m/1Gi; end 600s; job x service 0s - 0/0 controller none {rest}");
    check(&world("; fail a down 100s forever"), K, "place done", "0 x>a; 450 x gave up");
    // A short fall is none of the API's business: the kubelet starts the containers again, if the policy lets it.
    check(&world("; fail a down 100s 20s"), K, "start done", "1 x.1+a; 121 x.2+a");
    check(&world("restart never; fail a down 100s 20s"), K, "start done", "1 x.1+a; 120 x gave up");
}

#[test]
fn a_daemon_stays_with_its_node() {
    check(
        "hosts a=1000m/1Gi,zone:q b=1000m/1Gi; end 900s; fail a down 100s 600s
         job x service 0s - 0/0 zone q controller daemon-set",
        K,
        "place start end lost given-up",
        "0 x>a; 1 x.1+a; 100 x.1-a host-down; 150 a lost; 700 a found; 701 x.2+a",
    );
}

/// Dies 1 s after each start.
const CRASHES: &str = "hosts a=1000m/1Gi; host kill_latency 0s; end 2000s
    job x batch 0s 100s 0/0 uses 0/10Mi@1s 0/200Mi limit 0/100Mi controller job";

#[test]
fn a_job_makes_new_pods_after_10_20_40_s_and_gives_up_at_its_limit() {
    // Started at 1, dead at 2; 10 s later the next pod, a second later its start. The fourth failure is over 3.
    check(
        &format!("{CRASHES} restart never backoff 3"),
        K,
        "place start done",
        "0 x>a; 1 x.1+a; 12 x>a; 13 x.2+a; 34 x>a; 35 x.3+a; 76 x>a; 77 x.4+a; 78 x gave up",
    );
    // Six by default: starts at 1, 13, 35, 77, 159, 321, 643; the seventh failure at 644 (643 = 322 + 320 + 1).
    let world = world(&format!("{CRASHES} restart never"));
    let story = story(&world, K, "start done");
    assert_eq!([at(&story, "x.7+a"), at(&story, "x gave up")], [643.0, 644.0]);
    check(&format!("{CRASHES} restart never backoff 0"), K, "start done", "1 x.1+a; 2 x gave up");
}

#[test]
fn restarts_in_place_count_towards_a_job_s_limit() {
    // The kubelet's own back-off: at once, then 10 s. The third restart, at 14, would be one too many.
    check(&format!("{CRASHES} backoff 3"), K, "place start done", "0 x>a; 1 x.1+a; 2 x.2+a; 13 x.3+a; 14 x gave up");
}

#[test]
fn a_job_fails_as_a_whole() {
    // y belongs to the same Job and ends with it.
    check(
        &format!("{CRASHES} restart never backoff 1 app j; job y batch 0s 500s 0/0 controller job app j restart never"),
        K,
        "start end done",
        "1 x.1+a, y.1+a; 2 x.1-a oom-limit; 13 x.2+a; 14 x.2-a oom-limit, x gave up, y.1-a removed, y gave up",
    );
}

#[test]
fn the_replacement_policy_decides_when_an_evicted_pod_of_a_job_is_made_anew() {
    // Evicted at 10, with 30 s of grace: a failure at 10, so that the next one comes at 20; or at 40, and comes at 50.
    let world = |policy: &str| {
        format!(
            "hosts a=1000m/1Gi b=1000m/1Gi; drain a 10s 500s; job x batch 0s 100s 100m/0 controller job {policy}; end 200s"
        )
    };
    check(
        &world(""),
        K,
        "place start end",
        "0 x>a; 1 x.1+a; 20 x>b; 21 x.2+b; 40 x.1-a evicted-api; 121 x.2-b finished",
    );
    check(
        &world("replacement failed"),
        K,
        "place start end",
        "0 x>a; 1 x.1+a; 40 x.1-a evicted-api; 50 x>b; 51 x.2+b; 151 x.2-b finished",
    );
    // A pod that never restarts has failed when its node has rebooted: 120, and 10 s.
    check(
        "hosts a=1000m/1Gi; fail a down 100s 20s; end 400s; job x batch 0s 200s 100m/0 controller job restart never",
        K,
        "place start end",
        "0 x>a; 1 x.1+a; 100 x.1-a host-down; 130 x>a; 131 x.2+a; 331 x.2-a finished",
    );
}

#[test]
fn a_pod_goes_when_its_own_toleration_runs_out() {
    for (tolerates, gone) in [("60s", Some(210.0)), ("0s", Some(150.0)), ("forever", None)] {
        let world = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi; end 1000s; job x service 0s - 0/0 tolerates {tolerates}; fail a down 100s forever"
        ));
        let story = story(&world, K, "given-up");
        assert_eq!(story.first().map(|(at, _)| at.0 as f64 / 1e6), gone, "{tolerates}");
    }
}

/// So many hosts of zone z with a job each, of which so many fall at 100 s, beside a host in another zone that does not.
fn zone(hosts: u32, fall: u32) -> String {
    let falls: String = (1..=fall).map(|i| format!("; fail z{i:02} down 100s forever")).collect();
    let names: String = (1..=hosts).map(|i| format!(" z{i:02}=1000m/1Gi,in:z")).collect();
    format!("hosts{names} other=1000m/1Gi,in:y; end 1000s; job x service 0s - 900m/0 x{hosts}{falls}")
}

fn given_up(text: &str) -> Vec<f64> {
    story(&world(text), K, "given-up").iter().map(|(at, _)| at.0 as f64 / 1e6).collect()
}

#[test]
fn a_zone_that_is_down_to_55_percent_is_braked() {
    // 2 of 3 and 2 of 4 are not more than two: a node every 10 s. 3 of 6 are 50 %.
    assert_eq!(given_up(&zone(3, 2)), [450.0, 460.0]);
    assert_eq!(given_up(&zone(6, 3)), [450.0, 460.0, 470.0]);
    // 3 of 5 are 60 %, and 28 of 50 are 56 %: small zones are left alone. 27 of 50 are 54 %.
    assert!(given_up(&zone(5, 3)).is_empty());
    assert!(given_up(&zone(50, 28)).is_empty());
    assert_eq!(given_up(&zone(50, 27)).len(), 27);
    // 33 of 60 are 55 %: one in 100 s. The first had its turn, 300 s later its pod goes: 450, 550 … 950.
    assert_eq!(given_up(&zone(60, 33)), [450.0, 550.0, 650.0, 750.0, 850.0, 950.0]);
    // A zone that is down as a whole goes at the full rate, as long as another is not. (One of four jobs is there.)
    assert_eq!(given_up(&zone(4, 4)), [450.0, 460.0, 470.0]);
}

#[test]
fn where_all_zones_are_down_it_is_the_control_plane_that_is_cut_off() {
    let down = "hosts a=1000m/1Gi,in:x b=1000m/1Gi,in:y c=1000m/1Gi,in:y; job x service 0s - 900m/0 x3; end 2000s
        fail a down 100s 900s; fail b down 100s forever; fail c down 200s forever";
    // All Unknown at 250: the taints of a and b, of 150, are taken back. a is heard at 1000: b and c wait for their turn
    // under a rate that begins then: 1010 and 1020, and 300 s more. (Their pods have a, and one fits there.)
    check(
        down,
        K,
        "lost given-up",
        "150 a lost, b lost; 250 c lost; 1000 a found; 1310 x2 given up on b; 1320 x3 given up on c",
    );
    // Where c keeps its pace, nobody is spared.
    let one_lives = down.replace("fail c down 200s forever", "");
    assert_eq!(given_up(&one_lives), [450.0, 450.0]);
}

#[test]
fn pods_of_an_unknown_node_count_as_missing_for_budgets() {
    // Of two pods one is to be there. a is Unknown at 150, so that b's pod may not go at 201 and after; x1 is replaced
    // on c at 450, and at the next attempt, 451, x2 is evicted.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi c=500m/1Gi; end 600s; budget x minAvailable 1; fail a down 100s forever
         job x service 0s - 300m/0 x2 app x controller replica-set; drain b 201s 1000s",
        K,
        "place end work host",
        "0 a up, b up, c up, x1>a, x2>b; 100 a down failure, x1.1-a host-down; 201 b begins; 450 x1>c;
         481 x2.1-b evicted-api, b down planned",
    );
}

/// Three pods of which two are to be there; two on a, one on b.
const WEB: &str =
    "hosts a=1000m/1Gi b=1000m/1Gi; end 300s; job web service 0s - 400m/0 x3 app web controller replica-set";

#[test]
fn a_drain_asks_again_where_a_budget_refuses_and_its_host_comes_back() {
    // web1's eviction at 10 leaves two healthy, and its replacement is bound to b at once: three again. At 15 web3 may go;
    // it has no room anywhere until a, empty at 45, is back 60 s later.
    check(
        &format!("{WEB}; budget web minAvailable 2; drain a 10s 60s"),
        K,
        "place start end work host",
        "0 a up, b up, web1>a, web2>b, web3>a; 1 web1.1+a, web2.1+b, web3.1+a; 10 a begins, web1>b; 11 web1.2+b;
         40 web1.1-a evicted-api; 45 web3.1-a evicted-api, a down planned; 105 a up, a over, web3>a; 106 web3.2+a",
    );
    // All are to be there: nobody may go, until the operator's patience is over.
    check(
        &format!("{WEB}; budget web maxUnavailable 0; drain a 10s 60s timeout 30s"),
        K,
        "place start end work host",
        "0 a up, b up, web1>a, web2>b, web3>a; 1 web1.1+a, web2.1+b, web3.1+a; 10 a begins; 40 a timed-out,
         a down planned, web1.1-a host-down, web3.1-a host-down; 100 a up, a over; 101 web1.2+a, web3.2+a",
    );
    let result = run(&world(&format!("{WEB}; budget web minAvailable 2; drain a 10s 60s")), K).unwrap();
    assert_eq!([metric(&result, "evictions_api"), metric(&result, "hosts_down_planned")], ["2", "1"]);
}

#[test]
fn control_planes_that_know_no_drain_reboot_the_host_as_it_is() {
    let world = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 0/0; drain a 20s 5s; end 60s";
    check(world, "direct", "place start end work", "0 x>a, x.1+a; 20 a begins, x.1-a host-down, x>b, x.2+b; 25 a over");
    // Presence lasts 30 s, so that fleet does not notice; its agent starts the unit again.
    check(world, "fleet", "start end work lost", "1 x.1+a; 20 a begins, x.1-a host-down; 25 a over; 26 x.2+a");
    check(
        world,
        "chef converge_duration=10s",
        "start end work",
        "10 x.1+a; 20 a begins, x.1-a host-down; 25 a over, x.2+a",
    );
}

#[test]
fn an_upgrade_goes_on_when_a_host_is_back() {
    let hosts = "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; end 300s; job x service 290s - 0/0";
    check(
        &format!("{hosts}; upgrade 10s 60s max 1 a b c"),
        K,
        "work host",
        "0 a up, b up, c up; 10 a begins, a down planned; 70 a up, a over, b begins, b down planned;
         130 b up, b over, c begins, c down planned; 190 c up, c over",
    );
    check(
        &format!("{hosts}; upgrade 10s 60s max 2 a b c"),
        "fleet",
        "work host",
        "0 a up, b up, c up; 10 a begins, b begins, a down planned, b down planned; 70 a up, a over, c begins, b up, b over,
         c down planned; 130 c up, c over",
    );
    // Who is not there when its turn comes is passed over, and so is a second drain of the same host.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi,joins:100s; end 300s; upgrade 10s 60s max 1 b a; drain a 20s 60s; job x service 290s - 0/0",
        K,
        "work",
        "10 b skipped, a begins; 20 a skipped; 70 a over",
    );
}

#[test]
fn a_failure_before_its_host_has_joined_is_told() {
    check(
        "hosts a=1000m/1Gi,joins:50s,leaves:80s; fail a down 10s 60s; fail a cut 90s 5s; job x service 60s - 0/0",
        K,
        "missed host",
        "10 a missed a failure; 50 a up; 80 a left; 90 a missed a failure",
    );
}

#[test]
fn a_replacement_on_the_host_of_the_old_pod_starts_when_that_has_gone() {
    // A partition of a that lasts: x is deleted at 450 and cannot go elsewhere; heard at 600, a takes the new pod, which
    // starts when the old one's grace is over at 630.
    let text = "hosts a=1000m/1Gi; job x service 0s - 100m/0 controller replica-set; fail a cut 100s 500s; end 700s";
    let told = told(&world(text), &format!("{K} unhealthy_zone_threshold=100%"), "place start end given-up");
    // The only node, so that nobody is evicted at all.
    assert_eq!(told, "0 x>a; 1 x.1+a");
    check(
        "hosts a=1000m/1Gi,zone:q b=1000m/1Gi; job x service 0s - 100m/0 zone q controller replica-set
         fail a cut 100s 500s; end 700s",
        K,
        "place start end given-up",
        "0 x>a; 1 x.1+a; 450 x given up on a; 600 x>a; 630 x.1-a stopped; 631 x.2+a",
    );
}

const OUTAGES: &str = "apiVersion: plimsoll/v1
kind: Scenario
horizon: 1h
cluster: {hosts: [{name: n, count: 8, cpu: 1, memory: 1Gi}]}
workload: {jobs: [{name: x, kind: service}]}
orchestrators: [fleet, kubernetes]
";

#[test]
fn outages_come_from_a_table() {
    let folder = Folder::new("outages");
    folder.put(
        "o.csv",
        b"host,share,at,for,kind\nn-000,,1m,30s,\n,0.25,10m,1m,partition\n,0.25,2h,,\nn-001,,20m,,down\n",
    );
    let scenario = folder.put("s.yaml", format!("{OUTAGES}failures: [{{file: o.csv}}]\n").as_bytes());
    // One, a quarter of 8, none after the end, one.
    let (out, _) = expect(0, &["check", &scenario]);
    assert!(out.contains("4 failures"), "{out}");
    assert!(out.contains("outages of o.csv: 1 rows begin after the end of the run"), "{out}");
    for (table, want) in [
        ("host,at\nn-000,1m\n", "o.csv:1: the header has no column \"for\""),
        ("at,for\n1m,1m\n", "o.csv:1: the header has no column \"host\""),
        ("host,at,for\nn-00,1m,1m\n", "o.csv:2: host: unknown host \"n-00\"; did you mean \"n-000\"?"),
        ("host,at,for\nn-000,soon,1m\n", "o.csv:2: at: \"soon\" is not a duration"),
        ("host,at,for\n\nn-000,1s,0s\n", "o.csv:3: for: a failure for 0s is none"),
        ("host,at,for,kind\nn-000,1s,1s,fire\n", "o.csv:2: kind: \"fire\" is neither down nor partition"),
        ("host,share,at,for\nn-000,0.5,1s,1s\n", "o.csv:2: share: host and share exclude each other"),
        ("host,share,at,for\n,,1s,1s\n", "o.csv:2: host: blank; a row names a host or a share of all hosts"),
        ("share,at,for\n1.5,1s,1s\n", "o.csv:2: share: a share of all hosts is at most 1"),
    ] {
        folder.put("o.csv", table.as_bytes());
        let (_, err) = expect(3, &["check", &scenario]);
        assert!(err.contains(want), "{table}: {err}");
    }
}

#[test]
fn events_and_controllers_that_cannot_be_are_refused_where_they_stand() {
    let folder = Folder::new("events");
    for (part, want) in [
        ("events: [{drain: m, at: 1m, for: 1m}]", "s.yaml:7:18: unknown host \"m\""),
        ("events: [{upgrade: m, at: 1m, takes: 1m}]", "unknown group of hosts \"m\""),
        ("events: [{drain: n-000, for: 1m}]", "at is missing"),
        ("events: [{drain: n-000, at: 1m}]", "for is missing"),
        ("events: [{upgrade: n, at: 1m, takes: 0s}]", "takes: 0s is no time"),
        ("events: [{upgrade: n, at: 1m, takes: 1m, max_unavailable: 0}]", "max_unavailable: 0 would never begin"),
        ("events: [{drain: n-000, upgrade: n, at: 1m}]", "drain and upgrade exclude each other"),
        ("events: [{at: 1m}]", "an event is a drain (one host) or an upgrade (a group)"),
        ("failures: [{file: o.csv, at: 1m}]", "file excludes all other keys"),
    ] {
        let path = folder.put("s.yaml", format!("{OUTAGES}{part}\n").as_bytes());
        let (_, err) = expect(3, &["check", &path]);
        assert!(err.contains(want), "{part}: {err}");
    }
    for (part, want) in [
        ("kind: service, backoff_limit: 3", "backoff_limit and pod_replacement_policy belong to controller: job"),
        ("kind: service, controller: job", "controller: job is for batch jobs"),
        ("duration: 1m, controller: replica-set", "this controller is for services"),
        ("kind: service, controller: stateful-set, restart: never", "restart: never belongs to job or none"),
        ("kind: service, controller: replicaset", "did you mean \"replica-set\"?"),
    ] {
        let text = OUTAGES.replace("kind: service", part);
        let path = folder.put("s.yaml", text.as_bytes());
        let (_, err) = expect(3, &["check", &path]);
        assert!(err.contains(want), "{part}: {err}");
    }
}
