//! What memory does on a host, as time lines with the arithmetic beside them.
//!
//! The host of all of them: jobs may use 1024 MiB; 2 % of that are less than 128 MiB, so 128 MiB of file pages stay hot;
//! with 400 MiB of system processes that is 1552 MiB of RAM. The kernel kills when 1 % of it, 15.52 MiB, is left: from
//! 1024 + 128 - 15.52 = 1136.48 MiB of jobs on. The band is from there down to 1024.

use plimsoll::rng::{Purpose, Seed};

use crate::world::{at, check, metric, run, story, told, world};

/// Steps of a job that holds `from` MiB for 10 s, then 5 MiB more every `every`: 5 MiB × k from 10 s + (k - 1) × every.
fn leak(from: u32, every: &str, steps: u32) -> String {
    let grown: Vec<String> = (1..=steps).map(|k| format!("0/{}Mi@{every}", from + 5 * k)).collect();
    format!("0/{from}Mi@10s {}", grown.join(" "))
}

#[test]
fn a_leak_is_not_slowed_and_the_kernel_kills_it_where_the_files_end() {
    // 50 MiB/s from 900 at 10 s. 1025 is step 25, from 12.4 s: the band. 1140 is step 48, from 14.7 s: chosen, gone at
    // 14.9. (128 - 15.52) / 50 = 2.25 s in the band, in steps of 0.1 s 2.3. File pages are back after 0.6 s.
    let leak = leak(900, "100ms", 100);
    let text = format!("hosts a=1000m/1Gi; job x service 0s - 0/0 uses {leak}; end 17s");
    check(
        &text,
        "direct",
        "start end thrash heard",
        "0 a heard, x.1+a; 12.4 a thrashes; 14.9 x.1-a oom-host; 15.5 a calm; 15.9 x.2+a",
    );
    // Of the bounds one slows nobody down, the other takes the host.
    check(&format!("{text}; memory kill-only"), "direct", "end thrash", "14.9 x.1-a oom-host");
    check(&format!("{text}; memory host-down"), "direct", "end host", "0 a up; 12.4 a down memory, x.1-a host-down");
    // It takes 256 file pages for each MiB: at 1025 MiB 1 of 128 is missing, (1/128)^1.6 in straight lines 0.001294 of
    // 12,800 touches a second, 1.2 ms each: 1 / (1 + 0.0199). The deeper, the slower: it lives on for much longer.
    let slow = told(&world(&text.replace("; end", " leaks 256; end")), "direct", "end");
    assert_eq!(slow, "", "not killed by 17 s");
    let long = text.replace("end 17s", "end 60s").replace("; end", " leaks 256; end");
    let dies = at(&story(&world(&long), "direct", "end"), "x.1-a oom-host");
    // In between 23 steps of 0.1 s, each 1 + 12,800 × 0.0012 × m times as long, m from 0.0013 to 0.847 at 1135 (111 of
    // 128: 17.34 of 20 points): 2.3 + 0.1 × 15.36 × Σ m. Σ m of the 23 is about 7.9.
    assert!((14.9 + 11.0..14.9 + 13.5).contains(&dies), "{dies}");
}

#[test]
fn a_slow_leak_is_the_kubelets_and_a_fast_one_the_kernels() {
    // The kubelet acts above 1152 - 100 = 1052 MiB at ticks of 10 s. At 5 MiB/s there are 17 s from there to the kernel's
    // mark, at 50 MiB/s 1.7 s and 0.2 s more.
    let (mut evicted, mut killed) = (0, 0);
    for seed in 0..40 {
        for (every, kernel) in [("1s", false), ("100ms", true)] {
            let text = format!(
                "hosts a=4000m/1Gi; seed {seed}; job x service 0s - 100m/64Mi uses {}; end 90s",
                leak(900, every, 60)
            );
            let ends = told(&world(&text), "kubernetes eviction=on", "end");
            let first = ends.split(' ').nth(2).unwrap_or_default();
            match (kernel, first.trim_end_matches([',', ';'])) {
                (false, "evicted-node-pressure") => evicted += 1,
                (true, "oom-host") => killed += 1,
                (true, "evicted-node-pressure") => {}
                other => panic!("seed {seed}: {other:?} in {ends}"),
            }
        }
    }
    assert_eq!(evicted, 40);
    assert!((24..40).contains(&killed), "{killed} of 40");
}

#[test]
fn on_a_plateau_in_the_band_work_on_files_waits_for_the_disk() {
    // 1088 MiB: half of the file pages fit, 0.5^1.6 = 0.329877 of touches miss. 10 core-seconds are left at 10 s.
    let text = |more: &str| {
        format!(
            "hosts a=1000m/1Gi; job w batch 0s 20s 1000m/0 {more}; job p service 0s - 0/0 uses 0/100Mi@10s 0/1088Mi
             end 300s"
        )
    };
    let chef = "chef converge_duration=0s";
    // 2500 × 0.329877 × 1.2 ms = 0.989631: 0.502605 of full speed; 10 / 0.502605 = 19.896341 s.
    check(&text(""), chef, "end", "29.896341 w.1-a finished");
    // 22 ms: 18.143235: 0.052237; 191.43519 s.
    check(&text("; host disk hdd"), chef, "end", "201.43519 w.1-a finished");
    // 250,000 touches a second: 98.9631: 0.010003; 2.90087 core-seconds in the 290 s to the end.
    let result = run(&world(&text("touches 250000")), chef).unwrap();
    assert_eq!(metric(&result, "cpu_served_core_seconds"), "12.90087");
    // Pure computation: 0.9, 11.111112 s.
    check(&text("touches 0"), chef, "end", "21.111112 w.1-a finished");
    // Two share the disk: 1 / (1 + 1.979262) = 0.335653 each, of 1 core that they would share otherwise; 29.792673 s for
    // 10 core-seconds each.
    let two = text("x2").replace("a=1000m", "a=2000m");
    check(&two, chef, "end", "39.792673 w1.1-a finished, w2.1-a finished");
    // The bound without a band.
    check(&text("; memory kill-only"), chef, "end", "20 w.1-a finished");
}

#[test]
fn heartbeats_are_lost_on_a_busy_hard_disk_and_not_on_an_ssd() {
    // 64 windows, 3 turns, 8 busy jobs: 1536 faults: 33.792 s on a hard disk, 1.8432 s on an SSD.
    let text = |disk: &str| {
        format!(
            "hosts a=8000m/1Gi; host disk {disk}; job w service 0s - 0/0 x8 uses 500m/0
             job p service 0s - 0/0 uses 0/100Mi@100s 0/1088Mi; end 250s"
        )
    };
    // Somebody else must lead, or nobody declares a lost.
    let led = |disk: &str| {
        let two = text(disk).replace("hosts", "hosts 0=1000m/1Gi");
        two.replace("service 0s - 0/0", "service 0s - 0/0 fleet MachineID=a")
    };
    for seed in 0..10 {
        let with = |disk: &str| world(&format!("{}; seed {seed}", text(disk)));
        let fleet = story(&world(&format!("{}; seed {seed}", led("hdd"))), "fleet", "heard lost");
        // p starts at 1. Presence lasts 30 s from the last beat before 101 s, which was at most 15 s old; turns of 2 s.
        let lost = at(&fleet, "a lost") - 101.0;
        assert!((15.0..=32.0).contains(&lost), "seed {seed}: {lost}");
        // The late beat takes it back; then it is silent for as long, and lost again.
        assert_eq!(at(&fleet, "a found"), 134.792);
        assert!(fleet.iter().filter(|line| line.1 == "a lost").count() >= 4, "{fleet:?}");
        let ssd = story(&world(&format!("{}; seed {seed}", led("ssd"))), "fleet", "heard lost");
        assert!(ssd.iter().all(|line| line.1 != "a lost"));
        assert!(ssd.iter().filter(|line| line.1 == "a silent").count() > 50, "late beats all the same");
        // Kubernetes waits longer than that: 40 s and more from the last lease before.
        assert_eq!(told(&with("hdd"), "kubernetes", "lost"), "");
    }
    // One busy job on an SSD: 64 × 3 × 1.2 ms = 0.23 s are not felt.
    check(&text("ssd").replace("x8", ""), "fleet", "heard", "0 a heard");
}

#[test]
fn dockerd_takes_all_containers_along_and_etcd_only_itself() {
    // From 11 s on 12 × 95 = 1140 MiB. Up to Linux 4.16 root has 3 % off: dockerd and etcd have 100 - 3 = 97 points, more
    // than 95, and the first of equals goes.
    let text = "hosts a=1000m/1Gi; memory kill-only; end 30s; job x service 0s - 0/0 x12 uses 0/90Mi@10s 0/95Mi";
    let fleet = story(&world(text), "fleet", "start end daemon");
    assert_eq!([at(&fleet, "a/dockerd dies"), at(&fleet, "a/dockerd back")], [11.2, 21.2]);
    for n in 1..=12 {
        let (end, start) = (format!("x{n}.1-a daemon-died"), format!("x{n}.2+a"));
        // RestartSec is 5 s, and dockerd takes 10.
        assert_eq!([at(&fleet, &end), at(&fleet, &start)], [11.2, 21.2]);
    }
    // A kernel of today: 100 against 95, and the last of equals goes: etcd, which takes nobody along, and again once it is back.
    check(
        &format!("{text}; host kernel new"),
        "fleet",
        "end daemon",
        "11.2 a/etcd dies; 21.2 a/etcd back; 21.4 a/etcd dies",
    );
    // Under Kubernetes a kubelet at -999 is spared: 90 MiB - 999 × 1.552 MiB. The last of equals by start, then name.
    check(text, "kubernetes eviction=off", "end daemon", "11.2 x9.1-a oom-host; 21.4 x9.2-a oom-host");
    // Small jobs, 30 × 38 = 1140 MiB: dockerd's 97 are the most, then, with it gone, 1040 MiB are no longer too much.
    let small = text.replace("x12 uses 0/90Mi@10s 0/95Mi", "x30 uses 0/30Mi@10s 0/38Mi");
    check(&small, "chef converge_duration=0s", "daemon", "10.2 a/dockerd dies; 20.2 a/dockerd back");
    // At 1240 MiB it does not suffice, but all containers go with it: chef-client, 78, is spared.
    let more = text.replace("x12 uses 0/90Mi@10s 0/95Mi", "x31 uses 0/30Mi@10s 0/40Mi");
    check(&more, "chef converge_duration=0s", "daemon", "10.2 a/dockerd dies; 20.2 a/dockerd back");
}

#[test]
fn best_effort_goes_before_burstable_unless_that_is_further_over_its_request() {
    let text = |be: u32, bu: u32| {
        format!(
            "hosts a=4000m/1Gi; memory kill-only; end 12s; job be service 0s - 0/0 uses 0/100Mi@10s 0/{be}Mi
             job bu service 0s - 100m/400Mi uses 0/100Mi@10s 0/{bu}Mi"
        )
    };
    // A thousandth of 1552 MiB is 1.552. be: 500 + 1000 × 1.552 = 2052; bu: 1000 - 400,000/1552 = 743; 650 + 743 × 1.552 = 1803.
    check(&text(500, 650), "kubernetes eviction=off", "end", "11.2 be.1-a oom-host");
    // be: 300 + 1552 = 1852; bu: 850 + 1153 = 2003: it is 450 over its request, more than be's 300.
    check(&text(300, 850), "kubernetes eviction=off", "end", "11.2 bu.1-a oom-host");
    // Without classes the larger one.
    check(&text(300, 850), "direct", "end", "10.2 bu.1-a oom-host");
}

#[test]
fn swap_takes_a_cold_leak_first_and_no_faster_than_the_disk() {
    let text =
        format!("hosts a=1000m/1Gi; host swap 200Mi; job x service 0s - 0/0 uses {}; end 20s", leak(900, "100ms", 120));
    // 1225 MiB, over 1024 + 200, is step 65, from 16.4 s; 1340, from 1336.48 on, step 88, from 18.7.
    check(&text, "direct", "thrash end", "16.4 a thrashes; 18.9 x.1-a oom-host; 19.5 a calm");
    // A hard disk takes 40 of 50 MiB/s: steps 25 to 64, above 1024, take 0.125 s each: step 65 is at 12.4 + 5, step 88
    // 2.3 s later.
    check(&format!("{text}; host disk hdd"), "direct", "thrash end", "17.4 a thrashes; 19.9 x.1-a oom-host");
}

#[test]
fn file_pages_of_jobs_make_the_band_begin_earlier_and_are_never_killed_for() {
    let text = |more: &str| {
        format!(
            "hosts a=1000m/1Gi; job w batch 0s 20s 1000m/0 uses 1000m/0/64Mi {more}
             job p service 0s - 0/0 uses 0/100Mi@10s 0/1000Mi; end 60s"
        )
    };
    // 128 + 64 are needed and 152 fit: 40/192 = 0.208333 is gone, 0.081591 of touches miss: 1 / (1 + 0.244773) = 0.803359;
    // 10 core-seconds take 12.447736 s.
    check(
        &text(""),
        "chef converge_duration=0s",
        "thrash end",
        "10 a thrashes; 22.447736 w.1-a finished; 23.047736 a calm",
    );
    // Its own limit of 32 MiB leaves room for 32 MiB of it: 8/160 = 0.05, 0.008286: 0.975744; 10.24859 s.
    check(&text("limit 0/32Mi"), "chef converge_duration=0s limits=on", "end", "20.24859 w.1-a finished");
    // However much is cached, nobody is killed and no host falls.
    let much = text("").replace("64Mi", "4Gi");
    check(&much, "chef converge_duration=0s", "host", "0 a up");
    check(&format!("{much}; memory host-down"), "chef converge_duration=0s", "host end", "0 a up; 20 w.1-a finished");
}

#[test]
fn pods_together_have_a_limit_where_memory_is_reserved() {
    // 1552 - 600 = 952 MiB. Equals by start, then name: the last is y.
    let text = "hosts a=1000m/1Gi; end 12s; memory kill-only
        job x service 0s - 0/0 uses 0/100Mi@10s 0/500Mi; job y service 0s - 0/0 uses 0/100Mi@10s 0/500Mi";
    check(&format!("{text}; host kube_reserved 600Mi"), "kubernetes eviction=off", "end", "11.2 y.1-a oom-host");
    check(text, "kubernetes eviction=off", "end", "");
}

#[test]
fn a_kernel_that_panics_takes_the_host() {
    let text = "hosts a=1000m/1Gi; boot 20s; reboot 60s; end 110s; job x service 0s - 0/0 uses 0/100Mi@20s 0/1140Mi";
    // 10 s of kernel.panic and 20 s of boot; or an operator after 60 s and the boot.
    check(
        &format!("{text}; host panic_on_oom reboot"),
        "chef converge_duration=0s",
        "host end",
        "0 a up; 20 a down memory, x.1-a host-down; 50 a up; 70 a down memory, x.2-a host-down; 100 a up",
    );
    check(
        &format!("{text}; host panic_on_oom hang"),
        "chef converge_duration=0s",
        "host",
        "0 a up; 20 a down memory; 100 a up",
    );
}

#[test]
fn one_process_dies_unless_the_container_dies_whole() {
    // 1140 MiB in 4 processes of 285; three are left with 855.
    let text =
        "hosts a=1000m/1Gi; memory kill-only; end 12s; job x service 0s - 0/0 uses 0/100Mi@10s 0/1140Mi processes 4";
    check(text, "direct", "end", "10.2 x.1 loses a process of 4");
    check(&format!("{text}; host oom_group on"), "direct", "end", "10.2 x.1-a oom-host");
    check(text, "kubernetes eviction=off", "end", "11.2 x.1-a oom-host");
    check(&format!("{text}; host oom_group on; host kernel old"), "direct", "end", "10.2 x.1 loses a process of 4");
    // A smaller job of one process is the larger process: 300 against 855/3 = 285.
    let beside = text.replace("0/1140Mi", "0/855Mi") + "; job y service 0s - 0/0 uses 0/100Mi@10s 0/300Mi";
    check(&beside, "direct", "end", "10.2 y.1-a oom-host");
    // At its own limit, too: 400 in 4, 300 in 3, 200 in 2.
    let limit = "hosts a=1000m/1Gi; end 12s; job x service 0s - 0/0 uses 0/100Mi@10s 0/400Mi processes 4 limit 0/250Mi";
    check(limit, "direct limits=on", "end", "10.2 x.1 loses a process of 4; 10.4 x.1 loses a process of 3");
}

#[test]
fn a_pod_dies_when_one_of_its_containers_is_over_its_limit() {
    // Split by request, one and two thirds: of 449 MiB 149.67, of 460 MiB 153.3 are over 150.
    check(
        "hosts a=1000m/1Gi; end 22s
         job p service 0s - 300m/300Mi containers 100m/100Mi<150Mi 200m/200Mi<400Mi uses 0/100Mi@10s 0/449Mi@10s 0/460Mi",
        "kubernetes",
        "end",
        "21.2 p.1-a oom-limit",
    );
    // adj by container: 1000 - 100,000/1552 = 936 and 1000 - 600,000/1552 = 614. 200 + 936 × 1.552 = 1653 of p's first;
    // q's 550 + 743 × 1.552 = 1703 is more.
    let text = |q: u32| {
        format!(
            "hosts a=4000m/2Gi; host kube_reserved 1326Mi; end 12s; memory kill-only
             job p service 0s - 300m/600Mi containers 100m/300Mi 200m/300Mi uses 0/100Mi@10s 0/800Mi
             job q service 0s - 100m/100Mi uses 0/100Mi@10s 0/{q}Mi"
        )
    };
    // The pods' limit is 2048 + 128 + 400 - 1326 = 1250 MiB, a thousandth of it 1.25; of RAM 2576 requests are taken.
    // p's containers: 400 each, adj 1000 - 300,000/2576 = 884: 400 + 1105 = 1505; q: adj 962: 500 + 1202.5 = 1702.5.
    check(&text(500), "kubernetes eviction=off", "end", "11.2 q.1-a oom-host");
    // One container of 800 with a request of 600: adj 768: 800 + 960 = 1760 is more than q's 1702.5.
    let whole = text(500).replace("containers 100m/300Mi 200m/300Mi", "");
    check(&whole, "kubernetes eviction=off", "end", "11.2 p.1-a oom-host");
}

#[test]
fn whom_the_kernel_kills_does_not_hang_on_numbers() {
    for seed in 0..30 {
        let mut s = Seed(seed).stream(Purpose::Shape, 0);
        // Four jobs of different sizes and requests, 1140 MiB and more.
        let base = 300 + s.below(50);
        let jobs: Vec<(u64, u64)> = (0..4).map(|i| (base + i * (1 + s.below(30)), s.below(4) * 100)).collect();
        let victims: Vec<(u64, u64)> = (0..4)
            .map(|turn| {
                let text: String = (0..4)
                    .map(|n| {
                        let (uses, request) = jobs[(n + turn) % 4];
                        format!("; job j{n} service 0s - 10m/{request}Mi uses 0/10Mi@10s 0/{uses}Mi")
                    })
                    .collect();
                let text = format!("hosts a=4000m/1Gi; memory kill-only; end 11300ms{text}");
                let ends = story(&world(&text), "kubernetes eviction=off placement=least-jobs", "end");
                let n: usize = ends[0].1[1..2].parse().unwrap();
                assert!(ends[0].1.ends_with("oom-host"), "{ends:?}");
                jobs[(n + turn) % 4]
            })
            .collect();
        assert!(victims.iter().all(|&v| v == victims[0]), "seed {seed}: {victims:?}");
    }
}
