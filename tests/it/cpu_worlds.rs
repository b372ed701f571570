//! Small worlds of CPU with the numbers worked out by hand: weights, tiers, quotas, threads, daemons.

use std::collections::BTreeMap;

use std::sync::Arc;

use plimsoll::kube::object::Objects;
use plimsoll::rng::Seed;
use plimsoll::sim::{Change, CpuRates, Flags, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SimTime};
use plimsoll::workload::{Job, UsageMode, WorkloadBuilder};

use crate::world::{check, number, options, run, told, world};

/// The last rates of every job.
struct Rates<'a>(&'a Setup, BTreeMap<String, CpuRates>);

impl Observer for Rates<'_> {
    fn change(&mut self, _at: SimTime, change: &Change) {
        if let Change::Rate { job, cpu, .. } = *change {
            self.1.insert(self.0.workload.name(job).into(), cpu);
        }
    }
    fn finish(&mut self, _end: SimTime) {}
}

fn rates(setup: &Setup, options_text: &str) -> BTreeMap<String, CpuRates> {
    run(setup, options_text).unwrap_or_else(|why| panic!("{options_text}: {why}"));
    let mut rates = Rates(setup, BTreeMap::new());
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    simulate(setup, &options(options_text), &mut rates, flags).unwrap();
    rates.1
}

/// What the jobs in `names` get at the end, in nano-cores.
pub fn received(world_text: &str, options_text: &str, names: &[&str]) -> Vec<u64> {
    let rates = rates(&world(world_text), options_text);
    names.iter().map(|name| rates[*name].received).collect()
}

#[test]
fn a_besteffort_pod_gets_the_crumbs_of_a_full_host() {
    // Tiers of 1024 shares and of 2: linear weights 39 and 1; 2 cores: 1.95 and 0.05.
    let pods =
        "hosts a=2000m/1Gi; job b service 0s - 1000m/0 uses 2000m/0; job e service 0s - 0/0 uses 2000m/0; end 9s";
    assert_eq!(received(pods, "kubernetes", &["b", "e"]), [1_950_000_000, 50_000_000]);
    // Docker's shares are equal.
    assert_eq!(received(pods, "direct placement=least-jobs", &["b", "e"]), [1_000_000_000; 2]);
    // Alone, it may have all.
    let alone = "hosts a=2000m/1Gi; job e service 0s - 0/0 uses 2000m/0; end 9s";
    assert_eq!(received(alone, "kubernetes", &["e"]), [2_000_000_000]);
}

#[test]
fn ten_besteffort_pods_have_no_more_than_one_because_they_share_a_tier() {
    // Weights in kubepods: g 39 (1024 shares), burstable 8 (204 shares: 1 + 202 * 9999 / 262142 = 8.7), besteffort 1.
    // 4.8 cores: 3.9, 0.8 for two, 0.1 for ten. Side by side the ten would have had 10 of 57 parts: 0.84 cores.
    let pods = "hosts a=4800m/4Gi; job g service 0s - 1000m/64Mi uses 9000m/1Mi limit 1000m/64Mi
        job b service 0s - 100m/0 x2 uses 9000m/1Mi; job e service 0s - 0/0 x10 uses 9000m/1Mi; end 9s";
    let names = ["g", "b1", "b2", "e1", "e9"];
    let want = [3_900_000_000, 400_000_000, 400_000_000, 10_000_000, 10_000_000];
    assert_eq!(received(pods, "kubernetes quota=off limits=on", &names), want);
    // With its quota the Guaranteed pod stops at 1 core; the rest goes 8 to 1 to the tiers: 3.8 * 8/9 / 2 = 1.6889.
    let want = [1_000_000_000, 1_688_888_889, 1_688_888_889, 42_222_223, 42_222_222];
    assert_eq!(received(pods, "kubernetes limits=on", &names), want);
}

#[test]
fn a_pod_at_its_quota_is_throttled_in_every_period_and_leaves_the_rest_to_others() {
    // x wants 1 core and may have 0.5, from 1 s to the end at 21 s: 200 periods, each throttled for half of its time.
    let result =
        run(&world("hosts a=1000m/1Gi; job x service 0s - 500m/0 uses 1000m/0 limit 500m/0; end 21s"), "kubernetes")
            .unwrap();
    let value = |name| number(&result, name);
    assert_eq!(
        [value("cpu_periods"), value("cpu_throttled_periods"), value("cpu_throttled_queue_seconds")],
        [200.0, 200.0, 10.0]
    );
    // Two threads on two CPUs use a quota of 0.5 up in a quarter of a period: both queues wait for the rest, 2 * 3/4 * 20.
    let result = run(
        &world("hosts a=2000m/1Gi; job x service 0s - 500m/0 uses 2000m/0 limit 500m/0 threads 2; end 21s"),
        "kubernetes",
    )
    .unwrap();
    assert_eq!(number(&result, "cpu_throttled_queue_seconds"), 30.0);
    // On a host of 1 core that it shares with y of three times its weight (512 shares: 20; 1536: 59) it has 20/79 of the
    // core, 0.253, half of its quota of 0.5: neighbours hold it down, not the quota.
    let shared = "hosts a=1000m/1Gi; job x service 0s - 500m/0 uses 1000m/0 limit 500m/0
        job y service 0s - 1500m/0 uses 1000m/0; end 21s";
    let result = run(&world(shared), "kubernetes placement=least-jobs").unwrap();
    assert_eq!([number(&result, "cpu_periods"), number(&result, "cpu_throttled_periods")], [200.0, 0.0]);
    assert_eq!(received(shared, "kubernetes placement=least-jobs", &["x", "y"]), [253_164_557, 746_835_443]);
}

#[test]
fn threads_are_all_that_a_job_can_use_at_once() {
    // 20 core-seconds of one thread take 20 s on 4 cores, and the other core is nobody's fault.
    let job = "hosts a=4000m/1Gi; job x batch 0s 10s 0/0 uses 2000m/0 threads 1; end 50s";
    check(job, "direct", "end", "20 x.1-a finished");
    let result = run(&world(job), "direct").unwrap();
    let value = |name| number(&result, name);
    assert_eq!([value("cpu_thread_bound_core_seconds"), value("cpu_starved_core_seconds")], [20.0, 0.0]);
}

/// So many hungry services on one host of 4 cores.
fn hungry(jobs: u32) -> String {
    format!("hosts a=4000m/4Gi; job x service 0s - 0/0 uses 1000m/1Mi x{jobs}; end 60s")
}

#[test]
fn fleetd_starves_among_hundreds_of_hungry_units_and_a_kubelet_beside_kubepods_does_not() {
    // All have 1024 shares. fleetd wants 20 m and needs half: it starves once 4.11 cores over 3 daemons and the units are
    // less than 10 m each: from 409 units on. dockerd (40 m) starves from 203, etcd (50 m) from 162.
    let heard = |jobs: u32, options: &str| told(&world(&hungry(jobs)), options, "heard");
    assert_eq!(heard(100, "fleet"), "0 a heard");
    assert_eq!(heard(407, "fleet"), "0 a heard");
    // They start at 1 s; 10 s later the host is silent.
    assert_eq!(heard(409, "fleet"), "0 a heard; 11 a silent");
    assert_eq!(heard(409, "kubernetes placement=least-jobs"), "0 a heard");
    let starved = |jobs: u32, options: &str| {
        let result = run(&world(&hungry(jobs)), options).unwrap();
        number(&result, "daemon_starved_host_seconds")
    };
    // etcd starves long before.
    assert_eq!([starved(100, "fleet"), starved(161, "fleet"), starved(163, "fleet")], [0.0, 0.0, 59.0]);
    assert_eq!(starved(409, "kubernetes placement=least-jobs"), 0.0);
}

#[test]
fn a_host_that_starved_its_fleetd_is_heard_again_once_there_is_room() {
    // 1 core, 4 times the daemons' CPU: fleetd wants 80 m and needs 40; of 1.44 cores 43 entities have 33 m each.
    // At 20 s of life (21 s) the units go idle.
    check(
        "hosts a=1000m/4Gi; host daemon_cpu 4; job x service 0s - 0/0 uses 1000m/1Mi@20s 0/1Mi x40; end 40s",
        "fleet",
        "heard lost",
        "0 a heard; 11 a silent; 21 a heard",
    );
}

#[test]
fn jobs_have_what_their_daemons_lack() {
    // 1.11 cores over 203: 5,467,980 nano-cores each; three daemons want 110 m and get 16.4 of them.
    let units = "hosts a=1000m/4Gi; job x service 0s - 0/0 uses 1000m/1Mi x200; end 9s";
    let result = run(&world(units), "fleet").unwrap();
    let served = number(&result, "cpu_served_core_seconds");
    // 1.11 - 3 * 0.00546798 for 8 s.
    assert!((served - 8.0 * (1.11 - 3.0 * 0.005_467_98)).abs() < 1e-4, "{served}");
}

/// A host of so many cores with one pod of these containers (as in a manifest) that uses `uses`.
fn one_pod(cores: u32, containers: &str, uses: MilliCpu) -> Setup {
    let mut objects = Objects::default();
    objects.read_text(&format!("kind: Pod\nmetadata: {{name: p}}\nspec: {{{containers}}}\n")).unwrap();
    let pod = objects.pods.remove(0);
    let request = MilliCpu(pod.requests.resources.milli_cpu);
    let mut job = Job::service("p", SimTime::ZERO, request, Bytes(0)).using(uses, Bytes(0));
    job.cpu_limit = pod.limits.milli_cpu.map(MilliCpu);
    let mut builder = WorkloadBuilder::new();
    job.spec.template = Some(builder.template(Arc::new(pod)));
    builder.push(job).unwrap();
    let workload = builder.finish(UsageMode::Request, Seed(1)).unwrap();
    Setup { workload, ..world(&format!("hosts a={cores}/1Gi; end 21s")) }
}

#[test]
fn each_container_of_a_pod_has_its_own_quota() {
    let app = "{name: app, resources: {requests: {cpu: 300m}, limits: {cpu: 1}}}";
    // 4 cores are split 3 to 1 by request: app wants 3 and may have 1; helper wants 1 and may have any amount.
    let open = one_pod(
        4,
        &format!("containers: [{app}, {{name: helper, resources: {{requests: {{cpu: 100m}}}}}}]"),
        MilliCpu(4000),
    );
    let cpu = rates(&open, "kubernetes")["p"];
    assert_eq!([cpu.runnable, cpu.within_quota, cpu.received], [4_000_000_000, 2_000_000_000, 2_000_000_000]);
    // From 1 to 21 s app is throttled in each of 200 periods: two thirds of the time on the three queues that it takes.
    let result = run(&open, "kubernetes").unwrap();
    let value = |name| number(&result, name);
    assert_eq!([value("cpu_periods"), value("cpu_throttled_periods")], [200.0, 200.0]);
    assert!((value("cpu_throttled_queue_seconds") - 40.0).abs() < 1e-6);
    // helper with a quota of 0.2: the pod has one of 1.2, and both are throttled.
    let helper = "{name: helper, restartPolicy: Always, resources: {requests: {cpu: 100m}, limits: {cpu: 200m}}}";
    let closed = one_pod(4, &format!("containers: [{app}], initContainers: [{helper}]"), MilliCpu(4000));
    assert_eq!(rates(&closed, "kubernetes")["p"].received, 1_200_000_000);
    assert_eq!(number(&run(&closed, "kubernetes").unwrap(), "cpu_throttled_periods"), 400.0);
    // Without quotas, and where no kubelet makes cgroups of a manifest, the pod has what it wants.
    assert_eq!(rates(&closed, "kubernetes quota=off")["p"].received, 4_000_000_000);
    assert_eq!(rates(&closed, "direct")["p"].received, 4_000_000_000);
}

/// Placements, starts and ends of a run, in order.
struct Life(Vec<(SimTime, Change)>);

impl Observer for Life {
    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::Ended { job, attempt, host, why, .. } => {
                // What it was served differs with its usage; when, where and how it ended does not.
                self.0.push((at, Change::Ended { job, attempt, host, why, served: 0 }));
            }
            Change::Placed { .. } | Change::Started { .. } => self.0.push((at, *change)),
            _ => {}
        }
    }
    fn finish(&mut self, _end: SimTime) {}
}

fn life(setup: &Setup, options_text: &str) -> Vec<(SimTime, Change)> {
    run(setup, options_text).unwrap_or_else(|why| panic!("{options_text}: {why}"));
    let mut life = Life(Vec::new());
    let flags = Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    simulate(setup, &options(options_text), &mut life, flags).unwrap();
    life.0
}

#[test]
fn without_contention_a_run_is_the_one_of_requests_alone() {
    // Usage in steps of half to three times the request, on hosts of ample memory. With contention off, or on where there is
    // room for all, everything happens when it happens in a run of jobs that use what they request.
    let jobs = |usage: bool, cores: u32, off: bool| {
        let uses = |text: &'static str| if usage { text } else { "" };
        world(&format!(
            "hosts a={cores}/64Gi b={cores}/64Gi c={cores}/64Gi; {}; end 300s; fail b down 90s 40s
             job x batch 0s 60s 500m/64Mi x12 {}; job y batch 30s 45s 700m/64Mi x8 {}; job z service 10s 200s 300m/64Mi x6 {}",
            if off { "host contention off" } else { "host contention on" },
            uses("uses 250m/32Mi@20s 1500m/64Mi@20s 500m/16Mi"),
            uses("uses 2100m/64Mi@30s 100m/1Mi"),
            uses("uses 900m/64Mi@7s 50m/64Mi@13s 600m/64Mi"),
        ))
    };
    for options in ["chef converge_duration=10s", "fleet", "kubernetes", "kubernetes placement=best-fit", "direct"] {
        let requests = life(&jobs(false, 4, true), options);
        assert!(requests.len() > 3 * 26, "{options}: much happens");
        assert_eq!(requests, life(&jobs(true, 4, true), options), "{options}, contention off");
        // Who looks at requests fits them into its hosts, so they contend for nothing.
        if options.starts_with("kubernetes") || options == "direct" {
            assert_eq!(requests, life(&jobs(false, 4, false), options), "{options}, requests alone");
        }
        let roomy = life(&jobs(false, 64, false), options);
        assert_eq!(roomy, life(&jobs(true, 64, false), options), "{options}, contention on, with room");
        // And the test can fail: on the small hosts the same usage contends.
        assert_ne!(requests, life(&jobs(true, 4, false), options), "{options}, contention on");
    }
}

#[test]
fn what_a_service_is_not_served_is_gone_or_done_later() {
    // 1 core; y takes half of it from 0 to 20 s. x wants 1 core for 10 s, then nothing. Dropping, it is idle from 10 s on,
    // having got 5 core-seconds of 10; deferring, it works on until it has got the 10, at 20 s.
    let text = |defers: &str| {
        format!(
            "hosts a=1000m/1Gi; end 40s; job x service 0s - 0/0 uses 1000m/0@10s 0/0 {defers}
             job y service 0s 20s 0/0 uses 1000m/0"
        )
    };
    let of = |defers: &str, name: &str| number(&run(&world(&text(defers)), "direct").unwrap(), name);
    // x and y demand 1 core each for 10 s, y alone for 10 more: 20 + 10 = 30, of which 20 are served.
    assert_eq!([of("", "cpu_demanded_core_seconds"), of("", "cpu_served_core_seconds")], [30.0, 20.0]);
    // Both demand 1 core for 20 s: 40, of which 20 are served, 10 to each.
    assert_eq!([of("defers", "cpu_demanded_core_seconds"), of("defers", "cpu_served_core_seconds")], [40.0, 20.0]);
    // With room there is nothing to put off.
    let roomy = |defers: &str| text(defers).replace("a=1000m", "a=2000m");
    let digest = |defers: &str| run(&world(&roomy(defers)), "direct").unwrap().digest;
    assert_eq!(digest(""), digest("defers"));
}
