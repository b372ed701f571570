//! Discoveries as time lines, with the arithmetic beside them. `5 web ok` : from 5 s on visitors of web are answered; `502 50` :
//! half of them are refused, 503 : find nobody, 504 : wait in vain; `10 ctl@a no-peer` : the stage of a component.

use plimsoll::discovery::DISCOVERIES;
use plimsoll::orchestrator::ORCHESTRATORS;
use plimsoll::sim::Setup;
use plimsoll::units::SECOND_US;

use crate::world::{at, check, number, run, story, world};

/// Seconds of the first line from `from` on that says exactly this.
fn after(story: &[(plimsoll::units::SimTime, String)], from: f64, what: &str) -> f64 {
    let line = story.iter().find(|(at, said)| at.0 as f64 >= from * SECOND_US as f64 && said == what);
    line.unwrap_or_else(|| panic!("no \"{what}\" from {from} on in {story:?}")).0.0 as f64 / SECOND_US as f64
}

/// Holds all values to [low, high] and asks that some come within `near` of both ends.
fn spans(what: &str, values: &[f64], low: f64, high: f64, near: f64) {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(low <= least && most <= high, "{what}: {least} to {most} is not within {low} to {high}");
    assert!(least - low <= near && high - most <= near, "{what}: {least} to {most} is far from {low} to {high}");
}

fn seeds(text: &str, n: u64) -> impl Iterator<Item = Setup> + '_ {
    (0..n).map(move |seed| world(&format!("{text}; seed {seed}")))
}

const ETCD: &str = "direct discovery=etcd limits=on";

/// One host with a publisher and a router, which is ready at 10 + 5 s.
const DEIS: &str = "hosts a=4000m/8Gi; platform starts 5s; host kill_latency 0s
    job pub service 0s - 0/0; platform role publisher pub; job router service 0s - 0/0; platform role router router
    platform requests web 10; end 200s";

#[test]
fn a_crashed_container_stays_in_routers_for_10_to_25_s_and_a_stopped_one_for_5() {
    // The publisher wrote the key 0 to 10 s before the crash at 100; it lasts for 20 s from there, and confd looks within 5 s.
    let crash = format!("{DEIS}; job web service 0s - 0/0 restart never uses 0/10Mi@100s 0/90Mi limit 0/64Mi");
    let mut gone = Vec::new();
    for setup in seeds(&crash, 200) {
        let story = story(&setup, ETCD, "reach");
        assert_eq!(after(&story, 50.0, "web 502 100"), 100.0);
        gone.push(after(&story, 100.0, "web 503 100") - 100.0);
    }
    spans("a crash", &gone, 10.0, 25.0, 1.5);
    // Docker says "stop", and the publisher removes the key at once.
    let stop = format!("{DEIS}; job web service 0s 100s 0/0");
    let stopped = |options: &str| -> Vec<f64> {
        seeds(&stop, 200).map(|setup| after(&story(&setup, options, "reach"), 50.0, "web 503 100") - 100.0).collect()
    };
    spans("a stop", &stopped(ETCD), 0.0, 5.0, 0.2);
    spans("a stop without removal", &stopped(&format!("{ETCD} stop_removes=off")), 10.0, 25.0, 1.5);
    check(&crash, ETCD, "reach", "0 web 503 100; 15 web ok; 100 web 502 100; 120.151511 web 503 100");
}

#[test]
fn a_dead_host_keeps_visitors_waiting_as_long_as_its_entries_last() {
    // web1 and the router on a, web2 on b, a publisher on each.
    let text = "hosts a=4000m/8Gi b=4000m/8Gi; platform starts 5s; platform requests web 10
        job pub service 0s - 0/0 x2; job web service 1s - 0/0 x2; job router service 2s - 0/0
        platform role publisher pub; platform role router router; fail b down 100s forever; end 200s";
    let mut gone = Vec::new();
    for setup in seeds(text, 200) {
        let story = story(&setup, "direct discovery=etcd placement=least-jobs", "reach");
        assert_eq!(after(&story, 60.0, "web 504 50"), 100.0);
        gone.push(after(&story, 100.0, "web ok") - 100.0);
    }
    // direct moves web2 to a at once; its new key takes the old one's place as soon as it serves and is written (5 to 15 s), or
    // the old one expires (10 to 20 s); confd follows within 5 s.
    spans("a dead host", &gone, 5.0, 20.0, 1.5);
}

#[test]
fn components_sleep_until_stale_keys_are_gone() {
    // 21 s and 5 s to start; 10 s and 5 s.
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
         job r service 0s - 0/0; platform role router r",
        "direct discovery=etcd",
        "stage",
        "0 ctl@a starting, r@a starting; 15 r@a ready; 26 ctl@a ready",
    );
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl",
        "direct discovery=etcd deis=1.5.0",
        "stage",
        "0 ctl@a starting; 16 ctl@a ready",
    );
}

#[test]
fn a_controller_waits_for_its_database_and_runs_on_without_it() {
    // confd at 21: no database yet; again at 31, by when it has announced itself, at 26. At 60 it is gone.
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
         job db service 0s 60s 0/0; platform role database db",
        "direct discovery=etcd",
        "stage deploys",
        "0 no deploys, ctl@a starting, db@a starting; 21 ctl@a no-peer; 26 db@a ready; 31 ctl@a starting;
         36 ctl@a ready, deploys; 60 db@a down, ctl@a lost-peer, no deploys",
    );
}

#[test]
fn a_store_that_does_not_answer_or_takes_no_writes_holds_up_components() {
    // Tries at 0, 10, 20, 30; then 21 s of sleep and 5 s to start.
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
         etcd fault unreachable 0s 25s",
        "direct discovery=etcd store=dedicated",
        "stage",
        "0 ctl@a no-store; 30 ctl@a starting; 56 ctl@a ready",
    );
    // A majority is down from 10 to 35 s: what is left answers reads. At 21 and 31 the defaults cannot be written.
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
         etcd fault quorum 10s 25s",
        "direct discovery=etcd store=dedicated",
        "stage",
        "0 ctl@a starting; 21 ctl@a no-config; 41 ctl@a starting; 46 ctl@a ready",
    );
}

#[test]
fn no_app_container_starts_while_the_registry_is_not_announced() {
    // Announced from 26 on, again every 10 s, for the last time at 56: the key is there until 76.
    check(
        "hosts a=1000m/1Gi; platform starts 5s; job reg service 0s 60s 0/0; platform role registry reg
         job web service 1500ms - 0/0; job late service 70s - 0/0; job later service 80s - 0/0",
        "direct discovery=etcd",
        "start",
        "0 reg.1+a; 26.5 web.26+a; 70 late.1+a",
    );
}

#[test]
fn logspout_looks_for_the_logger_once_or_every_10_s() {
    // It ends at 0, 1, ... until the logger is announced at 5. The logger moves: off at 60, another announced at 75.
    let text = "hosts a=1000m/1Gi; platform starts 5s; job old service 0s 60s 0/0 app log
        job new service 70s - 0/0 app log; platform role logger log
        job spout service 0s - 0/0; platform role logspout spout; end 300s";
    let show = "stage end";
    let found = |setup: &Setup, options: &str| {
        let story = story(setup, options, show);
        let (ready, lost) = (at(&story, "spout@a ready"), at(&story, "spout@a lost-peer"));
        assert_eq!((ready, lost), (10.0, 60.0), "{story:?}");
        story
            .iter()
            .any(|(at, what)| at.0 > 60 * SECOND_US && what == "spout@a ready")
            .then(|| after(&story, 60.0, "spout@a ready") - 75.0)
    };
    assert_eq!(found(&world(text), "direct discovery=etcd"), None);
    let every: Vec<f64> =
        seeds(text, 200).map(|setup| found(&setup, "direct discovery=etcd deis=1.13").unwrap()).collect();
    spans("logspout of 1.13", &every, 0.0, 10.0, 0.3);
}

#[test]
fn routers_fail_static_and_what_expired_meanwhile_goes_together() {
    // Not one change from 100 to 160; the keys of both apps are overdue then and go at once. A router whose confd looks before
    // the publisher's next pass finds nobody.
    let text = format!(
        "{DEIS}; job web service 0s - 0/0; job api service 0s - 0/0; platform requests api 1
         etcd fault unreachable 100s 60s"
    );
    let (mut lost, mut back) = (0, Vec::new());
    for setup in seeds(&text, 100) {
        let story = story(&setup, "direct discovery=etcd store=dedicated", "reach");
        let later: Vec<_> = story.iter().filter(|(at, _)| at.0 >= 60 * SECOND_US).collect();
        assert!(later.iter().all(|(at, _)| at.0 >= 160 * SECOND_US), "{later:?}");
        if later.is_empty() {
            continue;
        }
        lost += 1;
        let gone = after(&story, 160.0, "web 503 100");
        assert_eq!(gone, after(&story, 160.0, "api 503 100"));
        assert!(gone <= 165.0);
        back.push(after(&story, 160.0, "web ok") - 160.0);
    }
    // In three of four the phase of confd in its 5 s comes before the publisher's in its 10 s.
    assert!((60..90).contains(&lost), "{lost}");
    spans("back after an outage", &back, 5.0, 15.0, 2.0);
}

#[test]
fn a_publisher_with_too_much_to_do_loses_entries() {
    // 10 containers at 3 s: a pass every 30 s writes keys that last 20.
    let text = format!("{DEIS}; job web service 0s - 0/0 x10");
    let calm = story(&world(&text), "direct discovery=etcd", "reach");
    assert!(calm.iter().all(|(at, what)| at.0 < 30 * SECOND_US || what != "web 503 100"), "{calm:?}");
    let slow = story(&world(&text), "direct discovery=etcd publisher_time=3s", "reach");
    let first = after(&slow, 60.0, "web 503 100");
    let back = after(&slow, first, "web ok");
    assert!(after(&slow, back, "web 503 100") - first == 30.0, "{slow:?}");
}

#[test]
fn nobody_finds_what_nobody_announces() {
    let text = "hosts a=1000m/1Gi; platform starts 5s; job web service 0s - 0/0; job bare service 0s - 0/0
        platform role unannounced bare; platform requests bare 1; platform calls web bare; platform requests web 1; end 60s";
    // Without a publisher and a router nobody is found under Deis.
    check(text, "direct discovery=etcd", "reach", "0 bare 503 100, web 503 100");
    check(text, "direct discovery=dns", "reach", "0 bare 503 100, web 503 100");
    check(
        &text.replace("platform role unannounced bare;", ""),
        "direct discovery=dns",
        "reach",
        "0 bare 503 100, web 503 100; 5.2 bare ok, web ok",
    );
}

#[test]
fn endpoints_lose_a_dead_node_when_it_is_unknown_and_not_when_its_pods_go() {
    // 40 s of grace from the last heartbeat, 0 to 10 s old, to the next look of 5 s; 200 ms to all proxies.
    let mut gone = Vec::new();
    for seed in 0..200u64 {
        let ms = 100_000 + seed * 137 % 5000;
        let setup = world(&format!(
            "hosts a=1000m/1Gi b=1000m/1Gi; job web service 0s - 600m/0 x2; platform starts 5s; platform requests web 10
             fail a down {ms}ms forever; end 480s; seed {seed}"
        ));
        let story = story(&setup, "kubernetes monitor_grace=40s", "reach lost given-up");
        let crash = ms as f64 / 1000.0;
        assert_eq!(after(&story, 60.0, "web 504 50"), crash);
        let left = after(&story, crash, "web ok");
        assert!((left - at(&story, "a lost") - 0.2).abs() < 1e-9, "{story:?}");
        let evicted = story.iter().find(|(_, what)| what.contains("given up")).unwrap().0.as_secs_f64();
        assert!(evicted - left > 290.0);
        gone.push(left - crash);
    }
    spans("a dead node", &gone, 30.0, 50.0, 6.0);
}

#[test]
fn a_crash_is_seen_within_a_second_and_a_pod_is_back_at_its_first_probe() {
    // Killed at 100, listed until 1.2 s later, restarted at once by the kubelet (1 s by direct), ready 5 s after that.
    check(
        "hosts a=4000m/8Gi; platform starts 5s; platform requests web 10; host kill_latency 0s
         job web service 0s - 0/0 uses 0/10Mi@100s 0/90Mi limit 0/64Mi; end 120s",
        "direct discovery=dns limits=on",
        "reach start",
        "0 web 503 100, web.1+a; 5.2 web ok; 100 web 502 100; 101 web.2+a; 101.2 web 503 100; 106.2 web ok",
    );
}

#[test]
fn configuration_arrives_by_confd_by_restarts_or_by_files() {
    // confd of the controller looks every 5 s.
    let text = "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
        platform change 100s ctl; end 150s";
    let confd: Vec<f64> = seeds(text, 200)
        .map(|setup| at(&story(&setup, "direct discovery=etcd", "configured"), "ctl configured 0") - 100.0)
        .collect();
    spans("confd", &confd, 0.0, 5.0, 0.2);
    // Three pods one after the other, 5 s each.
    let pods = "hosts a=1000m/1Gi; platform starts 5s; job web service 0s - 0/0 x3; platform change 100s web; end 250s";
    let in_turn = "105 web1 configured 0; 110 web2 configured 0; 115 web3 configured 0";
    check(pods, "direct discovery=dns", "configured", in_turn);
    // A secret: each when its kubelet comes to it.
    let secret = pods.replace("100s web", "100s web secret");
    let mut files = Vec::new();
    for setup in seeds(&secret, 100) {
        let story = story(&setup, "direct discovery=dns", "configured");
        files.extend(["web1", "web2", "web3"].map(|job| at(&story, &format!("{job} configured 0")) - 100.0));
    }
    spans("files of a secret", &files, 60.0, 90.0, 1.0);
    check(&secret, "direct discovery=dns secret_refresh=once", "configured", in_turn);
    // Deis: a new release, one container after the other. Chef: the same at the next converge.
    check(pods, "direct discovery=etcd", "configured", in_turn);
    check(
        pods,
        "direct discovery=converge proxy_converge=30s",
        "configured",
        "135 web1 configured 0; 140 web2 configured 0; 145 web3 configured 0",
    );
}

#[test]
fn chefs_proxies_send_visitors_to_what_died_until_it_is_back() {
    // Listed from 10 on. b's half is silent from 50 to 70, refused and sent on from there to 75.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi; platform starts 5s; platform requests web 10; job web service 0s - 1000m/0 x2
         fail a down 50s 20s; end 100s",
        "direct discovery=converge proxy_converge=10s",
        "reach deploys",
        "0 no deploys, web 503 100, deploys; 10 web ok; 50 no deploys, web 504 50; 70 deploys, web ok",
    );
}

/// A whole platform on three hosts, with the troubles of its seed.
fn troubled(seed: u64) -> Setup {
    let draw = |i: u64, below: u64| (seed * 7919 + i * 104_729 + seed * i * 31) % below;
    let at = |i: u64| format!("{}ms", 3_000 + draw(i, 280_000));
    let lasts = |i: u64| format!("{}ms", draw(i, 90_000));
    let faults = ["unreachable", "quorum", "leader", "member=1", "rtt=2s", "rtt=4900ms", "fsync=3s", "sigma=2500"];
    let fault = |i: u64| format!("etcd fault {} {} {};", faults[draw(i, 8) as usize], at(i + 10), lasts(i + 20));
    let host = |i: u64| ["a", "b", "c"][draw(i, 3) as usize];
    let crash = format!("uses 0/10Mi@{}ms 0/90Mi limit 0/64Mi", 30_000 + draw(1, 70_000));
    world(&format!(
        "hosts a=8000m/8Gi b=8000m/8Gi c=8000m/8Gi; platform starts 5s; boot 20s; end 400s; seed {seed}
         job pub service 0s - 0/0 x3; job router service 1s - 0/0 x2; job web service 2s - 0/0 x3
         job bad service 3s - 0/0 x2 {crash}; job goes service 4s {} 0/0 x2; job late service {} - 0/0
         job gateway service 0s - 0/0; job db service 0s - 0/0; job reg service 0s - 0/0; job ctl service 0s - 0/0
         job builder service 0s - 0/0; job log service 0s {} 0/0; job log2 service {} - 0/0 app log
         job spout service 5s - 0/0 x3
         platform role publisher pub; platform role router router; platform role store-gateway gateway
         platform role database db; platform role registry reg; platform role controller ctl
         platform role builder builder; platform role logger log; platform role logspout spout
         platform requests web 10; platform requests bad 5; platform requests goes 1; platform requests ctl 1
         platform calls web bad; platform calls bad late
         platform change {} web; platform change {} ctl; platform change {} goes secret
         {} {} {} fail {} down {} {}; fail {} cut {} {}",
        lasts(2),
        at(3),
        lasts(4),
        at(5),
        at(6),
        at(7),
        at(8),
        fault(30),
        fault(31),
        fault(32),
        host(40),
        at(41),
        lasts(42),
        host(43),
        at(44),
        lasts(45),
    ))
}

#[test]
fn a_platform_in_trouble_fares_the_same_whether_idle_passes_are_made_or_not() {
    // `run` compares with a run in which every pass of every loop is made.
    let options = [
        "fleet limits=on store=dedicated",
        "direct discovery=etcd store=hosts limits=on placement=least-jobs deis=1.13",
        "direct discovery=etcd store=dedicated limits=on placement=least-jobs deis=1.5.0 client_timeout=1s",
        "direct discovery=etcd store=dedicated limits=on placement=least-jobs publisher_time=4s stop_removes=off",
        "kubernetes limits=on store=dedicated",
        "chef limits=on",
    ];
    let mut stuck = [0.0f64; 4];
    for seed in 0..40 {
        let setup = troubled(seed);
        for options in options {
            let result = run(&setup, options).unwrap_or_else(|e| panic!("seed {seed}, {options}: {e}"));
            let names = ["no_store", "no_config", "no_peer", "lost_peer"];
            for (sum, name) in stuck.iter_mut().zip(names) {
                *sum += number(&result, &format!("stuck_{name}_seconds"));
            }
            let share = number(&result, "requests_failed_share");
            assert!((0.0..=1.0).contains(&share), "seed {seed}, {options}: {share}");
        }
    }
    // In all of these worlds together components were stuck for want of everything.
    assert!(stuck.iter().all(|&seconds| seconds > 0.0), "{stuck:?}");
}

#[test]
fn parameters_of_discoveries_have_names_of_their_own() {
    for discovery in DISCOVERIES {
        for parameter in discovery.parameters {
            let taken = ORCHESTRATORS.iter().find(|o| o.parameters.iter().any(|p| p.name == parameter.name));
            assert!(taken.is_none(), "{} of {} is one of {taken:?}", parameter.name, discovery.name);
        }
    }
}
