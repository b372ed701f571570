//! Time lines of Kubernetes of June 2016, worked out by hand: ties, back-off, nodes that die, a store that takes no writes.
//!
//! With `status_period=1us` a kubelet posts at every moment, so that the last heartbeat is that of the failure.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll::ids::{HostId, JobId};
use plimsoll::kube::object::selector::{Labels, Selector};
use plimsoll::kube::y2016::Version;
use plimsoll::kube::y2016::algorithm::round_robin;
use plimsoll::kube::y2016::node::{Condition, Node};
use plimsoll::kube::y2016::pod::{Container, Pod};
use plimsoll::kube::y2016::scheduler::Scheduler;
use plimsoll::rng::{Purpose, Seed};
use plimsoll::sim::{Change, Flags, Observer, Setup, simulate};
use plimsoll::units::SimTime;

use crate::cpu_worlds::received;
use crate::world::{at, check, options, story, told, world};

#[test]
fn equals_take_turns_from_the_last_name_on() {
    // At first all are alike: place 0 of c b a. Then a and b score 9 + 9 of resources, c 8 + 9, and c has a pod of the app:
    // counter 1 of b a is a; b alone is left. Then all are alike again: counter 3 mod 3 is c, 4 mod 2 of b a is b.
    check(
        "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 100m/64Mi x6",
        "kubernetes-2016",
        "place",
        "0 x1>c, x2>a, x3>b, x4>c, x5>b, x6>a",
    );
}

#[test]
fn who_fits_nowhere_waits_1_2_4_up_to_60_s_and_then_1_s_again_whatever_happens() {
    // y is tried at 0, and each time 1 ms after its wait: 1.001, 3.002, 7.003, 15.004, 31.005, 63.006, 123.007; that
    // failure is more than 60 s after the last, so that the waits begin anew: 124.008, 126.009, 130.01, 138.011. x is gone
    // at 131.
    let text = "hosts a=1000m/1Gi; job x batch 0s 130s 1000m/64Mi; job y batch 0s 5s 1000m/64Mi; end 200s";
    check(text, "kubernetes-2016", "place", "0 x>a; 138.011 y>a");
    // v1.3.0 tries it twice at 0; the second failure changes nothing.
    check(text, "kubernetes-2016 version=1.3.0", "place", "0 x>a; 138.011 y>a");
    // It sees room that comes at the moment of the first failure.
    let soon = "hosts a=1000m/1Gi; job x batch 0s 9s 1000m/64Mi; job y batch 10s 5s 1000m/64Mi; end 200s";
    check(soon, "kubernetes-2016", "place", "0 x>a; 10 y>a");
}

#[test]
fn fifty_pods_are_placed_at_once_and_then_25_a_second() {
    let text = "hosts a=10000m/10Gi; job x service 0s - 0/0 x53; end 10s";
    let places = story(&world(text), "kubernetes-2016", "place");
    let times: Vec<u64> = places.iter().map(|(at, _)| at.0 / 1000).collect();
    assert_eq!((times[49], &times[50..]), (0, &[40, 80, 120][..]));
    // In v1.2.4 the next decision waits for the binding, in v1.3.0 it does not.
    let text = "hosts a=10000m/10Gi; job x service 0s - 0/0 x3; end 10s";
    let times = "kubernetes-2016 decision_time=1s bind_latency=2s";
    check(text, times, "place", "1 x1>a; 4 x2>a; 7 x3>a");
    check(
        text,
        &format!("{times} version=1.3.0"),
        "place start",
        "1 x1>a; 2 x2>a; 3 x3>a; 4 x1.1+a; 5 x2.1+a; 6 x3.1+a",
    );
}

#[test]
fn a_dead_node_is_unknown_after_40_s_and_emptied_after_300_s() {
    // The last heartbeat is that of 101; the pass at 105 sees it. 105 + 40, 105 + 300.
    let text = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 100m/64Mi; fail b down 101s forever; end 700s";
    check(
        text,
        "kubernetes-2016 status_period=1us",
        "place start lost given-up",
        "0 x>b; 1 x.1+b; 145 b lost; 405 x given up on b, x>a; 406 x.2+a",
    );
    // With a post every 10 s: Unknown 40 to 45 s, and gone 300 to 305 s, after the last one, which is up to 10 s old.
    for seed in 1..20 {
        let lines = story(&world(&format!("{text}; seed {seed}")), "kubernetes-2016", "lost given-up");
        let (lost, gone) = (at(&lines, "b lost"), at(&lines, "x given up on b"));
        assert!((131.0..146.0).contains(&lost), "{lost}");
        assert!(gone - lost == 260.0, "{gone}");
    }
    // v1.3.0 with one node left does the same; where no node is Ready nobody is evicted.
    check(text, "kubernetes-2016 status_period=1us version=1.3.0", "given-up", "405 x given up on b");
    let both = format!("{text}; fail a down 101s forever");
    assert_eq!(told(&world(&both), "kubernetes-2016 status_period=1us version=1.3.0", "given-up"), "");
    check(&both, "kubernetes-2016 status_period=1us", "given-up", "405 x given up on b");
}

#[test]
fn a_node_that_was_cut_off_ends_what_was_deleted_meanwhile() {
    let world = |lasts: &str| {
        format!("hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 100m/64Mi; fail b cut 101s {lasts}; end 700s")
    };
    let check = |lasts, want| check(&world(lasts), "kubernetes-2016 status_period=1us", "lost start end", want);
    // Heard again at 411: the pod has been told to end at 405 and has its grace from 411 on; the pass at 415 sees the node.
    check("310s", "1 x.1+b; 145 b lost; 406 x.2+a; 415 b found; 441 x.1-b stopped");
    // Its object was deleted by force at 440, the first token after its grace: it ends without grace.
    check("400s", "1 x.1+b; 145 b lost; 406 x.2+a; 502 x.1-b stopped; 505 b found");
    // Back before the five minutes are over: nothing happens.
    check("290s", "1 x.1+b; 145 b lost; 395 b found");
}

#[test]
fn ten_nodes_are_emptied_at_once_and_then_one_every_10_s() {
    let fails: String = (1..=13).map(|i| format!("; fail a{i} down 101s forever")).collect();
    let text = format!("hosts a=1000m/1Gi,x14; job x service 0s - 0/0 ports 80 x14; end 700s{fails}");
    let lines = story(&world(&text), "kubernetes-2016 status_period=1us", "given-up");
    let times: Vec<u64> = lines.iter().map(|(at, _)| at.0 / 1_000_000).collect();
    // Tokens come at whole tens.
    assert_eq!(times, [&[405; 10][..], &[410, 420, 430]].concat());
}

/// Three nodes, each with a pod, and a store that takes no writes from 100 s on for so long.
fn outage(lasts: &str) -> String {
    format!(
        "hosts a=1000m/1Gi,x3; job x service 0s - 0/0 ports 80 x3; job y batch 120s 10s 100m/64Mi
         etcd members 3; etcd fault unreachable 100s {lasts}; end 900s"
    )
}

#[test]
fn a_store_that_is_away_freezes_everything_and_moves_nobody_for_five_minutes() {
    let show = "lost given-up end";
    // y waits for the store. Half a minute is within the grace of every node.
    let text = outage("30s");
    let lines = story(&world(&text), "kubernetes-2016", "place lost given-up end");
    assert_eq!((at(&lines, "y>a3"), lines.len()), (130.0, 5), "{lines:?}");
    // Four minutes: whoever posts after the first pass is Unknown until the next.
    let mut unknown = BTreeSet::new();
    for seed in 1..8 {
        let lines = story(&world(&format!("{}; seed {seed}", outage("241s"))), "kubernetes-2016", show);
        for (at, what) in &lines {
            match what.as_str() {
                "y.1-a3 finished" | "y.1-a2 finished" | "y.1-a1 finished" => {}
                what if what.ends_with(" lost") => {
                    assert_eq!(at.0, 345_000_000, "{what}");
                    unknown.insert(lines.len());
                }
                what if what.ends_with(" found") => assert!([350, 355].contains(&(at.0 / 1_000_000)), "{what}"),
                what => panic!("{what}"),
            }
        }
    }
    assert!(!unknown.is_empty());
    // A kubelet that posts at once is not even that.
    assert_eq!(told(&world(&outage("480s")), "kubernetes-2016 status_period=1us", "lost given-up"), "");
}

#[test]
fn after_eight_minutes_nodes_that_have_not_posted_are_emptied_at_once() {
    let mut emptied = 0;
    for seed in 1..8 {
        let lines = story(&world(&format!("{}; seed {seed}", outage("480s"))), "kubernetes-2016", "lost given-up end");
        // The first pass is that of 580, the moment of the return.
        let lost = lines.iter().filter(|(at, what)| what.ends_with(" lost") && at.0 == 580_000_000).count();
        let gone = lines.iter().filter(|(at, what)| what.contains("given up") && at.0 == 580_000_000).count();
        let ended = lines.iter().filter(|(at, what)| what.ends_with("stopped") && at.0 == 610_000_000).count();
        assert_eq!((lost, gone), (ended, ended), "{lines:?}");
        emptied += gone;
    }
    assert!(emptied > 0);
}

#[test]
fn today_nobody_is_moved_and_controllers_begin_anew_two_seconds_after_writes_are_back() {
    for (lasts, placed) in [("5s", 120.0), ("30s", 132.0), ("480s", 582.0)] {
        let lines = story(&world(&outage(lasts)), "kubernetes", "place lost given-up end");
        let y = lines.iter().find(|(_, what)| what.starts_with("y>")).unwrap();
        assert_eq!((y.0.0 as f64 / 1e6, lines.len()), (placed, 5), "{lines:?}");
    }
    // A node that dies before has its whole grace again: 132 is before the pass at 135; 135 + 50.
    let dead = format!("{}; fail a1 down 90s forever", outage("30s"));
    assert!(at(&story(&world(&dead), "kubernetes", "lost"), "a1 lost") == 185.0);
}

#[test]
fn kubelets_go_on_while_the_store_is_away() {
    // x2 was told to end at 95, and ends at its time; its batch of work ends and is heard of later.
    for options in ["kubernetes-2016", "kubernetes"] {
        let text = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 600m/64Mi app A controller replica-set
                    job z batch 0s 110s 300m/64Mi; drain a 95s 60s; drain b 95s 60s
                    etcd members 3; etcd fault unreachable 100s 100s; end 400s";
        let lines = story(&world(text), options, "end start");
        let ended = lines.iter().filter(|(at, what)| what.contains("evicted-api") && at.0 == 125_000_000).count();
        assert!(ended >= 1, "{options}: {lines:?}");
        // A container that dies is started again in place; a host that boots starts its pods again.
        let text = "hosts a=1000m/1Gi; job x service 0s - 100m/64Mi; fail a down 110s 20s
                    etcd members 3; etcd fault unreachable 100s 100s; end 400s";
        let starts = story(&world(text), options, "start");
        assert!((at(&starts, "x.2+a") - 131.0).abs() < 0.1, "{options}: {starts:?}");
    }
}

#[test]
fn a_slow_store_makes_bindings_slow() {
    for options in ["kubernetes-2016", "kubernetes"] {
        let text = "hosts a=1000m/1Gi; job x service 50s - 100m/64Mi
                    etcd members 3; etcd fault fsync=2s 10s 300s; end 100s";
        let start = at(&story(&world(text), options, "start"), "x.1+a");
        assert!((52.5..57.0).contains(&start), "{options}: {start}");
    }
}

#[test]
fn masters_take_no_jobs() {
    let text =
        "hosts a=1000m/1Gi,x4; job x service 0s - 100m/64Mi x4; fail a1 down 30s 30s; drain a2 40s 10s; end 200s";
    for options in ["kubernetes-2016 masters=2", "kubernetes masters=2"] {
        let lines = story(&world(text), options, "place end lost");
        assert!(lines.len() == 4 && lines.iter().all(|(_, w)| w.ends_with(">a3") || w.ends_with(">a4")), "{lines:?}");
    }
    assert_eq!(told(&world(text), "kubernetes-2016 masters=9", "place"), "");
}

#[test]
fn apps_without_requests_run_on_two_shares_and_those_with_memory_limits_are_hard_to_kill() {
    // 2 shares against 102 (100m): of one core 2/104 and 102/104.
    let text =
        "hosts a=1000m/1Gi; job x service 0s - 0/64Mi uses 1000m/64Mi; job y service 0s - 100m/64Mi uses 1000m/64Mi
                end 21s";
    let got = received(text, "kubernetes-2016", &["x", "y"]);
    assert!(got[0].abs_diff(19_230_769) <= 1 && got[1].abs_diff(980_769_231) <= 1, "{got:?}");
    // 600 + 600 of 1024 Mi and the host is full: without limits (1000 each) the larger goes; b, limited, is -999.
    let text = "hosts a=1000m/1Gi; job a service 0s - 0/0 uses 0/500Mi@20s 0/700Mi
                job b service 0s - 0/0 uses 0/500Mi limit 0/600Mi; memory kill-only; end 50s";
    let limited = story(&world(text), "kubernetes-2016", "end");
    assert!(limited.iter().all(|(_, what)| what.starts_with("a.")) && !limited.is_empty(), "{limited:?}");
    let free = story(&world(text), "kubernetes-2016 limits=off", "end");
    assert!(free.iter().any(|(_, what)| what.starts_with("a.1")), "{free:?}");
}

#[test]
fn v1_3_evicts_the_best_effort_first_if_asked() {
    // At 20 s 950 of 1024 Mi are in use. b asks for nothing and goes first, though a uses 600 Mi more than it asked for,
    // and b only 250; today a would go.
    let text = "hosts a=1000m/1Gi; job a service 0s - 0/100Mi uses 0/700Mi
                job b service 0s - 0/0 uses 0/100Mi@20s 0/250Mi
                host eviction_hard memory.available<300Mi; end 60s";
    for (options, goes) in [("kubernetes-2016 version=1.3.0 eviction=on", "b.1-a"), ("kubernetes", "a.1-a")] {
        let ends = story(&world(text), options, "end");
        assert!(ends.first().is_some_and(|(_, what)| what.starts_with(&format!("{goes} evicted"))), "{ends:?}");
    }
    let none = story(&world(text), "kubernetes-2016", "pressure");
    assert!(none.is_empty(), "{none:?}");
}

/// Compares every placement of a replay with the library's on a snapshot made from scratch.
struct Oracle<'a> {
    setup: &'a Setup,
    version: Version,
    bound: BTreeSet<(JobId, HostId)>,
    placed: u64,
}

impl Oracle<'_> {
    fn pod(&self, job: JobId) -> Pod {
        let workload = &self.setup.workload;
        let some = |amount: i64| (amount > 0).then_some(amount);
        let (milli_cpu, memory) = (some(workload.cpu_request(job).0), some(workload.memory_request(job).0));
        let bounded = milli_cpu.is_some() || memory.is_some();
        let (namespace, name) = ("default".to_string(), workload.name(job).to_string());
        Pod {
            key: format!("default/{name}"),
            namespace,
            name,
            labels: labels(&workload.apps()[workload.app(job).index()].name),
            containers: vec![Container { milli_cpu, memory, gpus: 0, bounded }],
            ..Pod::default()
        }
    }
}

fn labels(app: &str) -> Labels {
    Labels::from([("app".to_string(), app.to_string())])
}

impl Observer for Oracle<'_> {
    fn change(&mut self, _: SimTime, change: &Change) {
        match *change {
            Change::Placed { job, host } => {
                let mut scheduler = Scheduler::new(self.version);
                for app in self.setup.workload.apps() {
                    scheduler.owners.add_service("default", Some(&labels(&app.name)));
                    scheduler.owners.add_controller("default", Selector::of_labels(&labels(&app.name)));
                }
                for id in self.setup.cluster.ids() {
                    let spec = self.setup.cluster.spec(id);
                    let mut labels = spec.labels.clone();
                    if let Some(zone) = labels.get("topology.kubernetes.io/zone").cloned() {
                        labels.insert("failure-domain.beta.kubernetes.io/zone".into(), zone);
                    }
                    scheduler.set_node(Node {
                        name: spec.name.clone(),
                        labels,
                        milli_cpu: spec.cpu.0,
                        memory: spec.memory.0,
                        pods: 110,
                        conditions: vec![Condition { kind: "Ready".into(), status: "True".into() }],
                        ..Node::default()
                    });
                }
                for &(bound, on) in &self.bound {
                    scheduler.add_pod(self.setup.cluster.name(on), Arc::new(self.pod(bound)));
                }
                let attempt = scheduler.attempt(&self.pod(job));
                let picked = attempt.top[round_robin(attempt.top.len(), self.placed)];
                assert_eq!(&*attempt.feasible[picked], self.setup.cluster.name(host), "placement {}", self.placed);
                self.placed += 1;
                self.bound.insert((job, host));
            }
            Change::Ended { job, host, .. } => drop(self.bound.remove(&(job, host))),
            _ => {}
        }
    }

    fn finish(&mut self, _: SimTime) {}
}

#[test]
fn replays_decide_as_the_scheduler_would_on_a_snapshot_made_from_scratch() {
    let mut placed = 0;
    for seed in 0..40 {
        let s = &mut Seed(seed).stream(Purpose::Shape, 1);
        let mut text = String::from("end 900s; hosts");
        for i in 0..2 + s.below(6) {
            let zone = if s.below(3) == 0 { format!(",in:z{}", s.below(2)) } else { String::new() };
            text += &format!(" h{i}={}m/{}Mi{zone}", 500 * (1 + s.below(4)), 512 * (1 + s.below(4)));
        }
        for i in 0..30 {
            let (cpu, memory) = (50 * s.below(12), 32 * s.below(16));
            let (at, lasts, app) = (s.below(60), 1 + s.below(90), s.below(4));
            let count = 1 + s.below(3);
            text += &format!("\njob j{i}x batch {at}s {lasts}s {cpu}m/{memory}Mi app A{app} x{count}");
        }
        let setup = world(&text);
        for (version, name) in [(Version::V1_2_4, "1.2.4"), (Version::V1_3_0, "1.3.0")] {
            let mut oracle = Oracle { setup: &setup, version, bound: BTreeSet::new(), placed: 0 };
            let flags =
                Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
            let options = options(&format!("kubernetes-2016 version={name} api_qps=1000000"));
            simulate(&setup, &options, &mut oracle, flags).unwrap();
            placed += oracle.placed;
        }
    }
    assert!(placed > 3000, "{placed}");
}
