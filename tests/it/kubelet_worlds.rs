//! The kubelet in small worlds, with the arithmetic beside them.
//!
//! A host of 1 GiB has 1024 MiB for jobs and 128 MiB of file cache: `memory.available` is 1152 MiB less what jobs use, so that
//! the kubelet evicts above 1052 MiB (100 Mi) and the kernel kills from 1152 MiB. Pods start 1 s after they are bound.
//! The loop's phase is drawn, so times are told from the first look that found something: `T`, when the host is pressed.

use plimsoll::units::SECOND_US;

use crate::world::{at, check, metric, run, story, world};

/// When the host is pressed, and the lines of the story of each seed as seconds since then.
fn since_pressed(text: &str, options: &str, show: &str) -> Vec<(f64, Vec<String>)> {
    let mut stories = Vec::new();
    for seed in 0..12 {
        let story = story(&world(&format!("{text}; seed {seed}")), options, &format!("{show} pressure"));
        let pressed = story.iter().find(|line| line.1.starts_with("a pressed")).expect("a pressed host").0;
        let since = |at: plimsoll::units::SimTime| (at.0 as f64 - pressed.0 as f64) / SECOND_US as f64;
        let lines = story.iter().filter(|line| line.0 >= pressed);
        let lines = lines.map(|(at, what)| format!("{} {what}", since(*at))).collect();
        stories.push((pressed.0 as f64 / SECOND_US as f64, lines));
    }
    stories
}

/// Holds every seed's story from `T` on to `want`, and `T` to `from..=to` seconds.
fn from_pressed(text: &str, options: &str, show: &str, (from, to): (f64, f64), want: &str) {
    for (seed, (pressed, lines)) in since_pressed(text, options, show).into_iter().enumerate() {
        assert!((from..=to).contains(&pressed), "seed {seed}: pressed at {pressed}: {text}");
        let want: Vec<&str> = want.split(';').map(str::trim).collect();
        assert_eq!(lines, want, "seed {seed}, {options}: {text}");
    }
}

/// A job that uses `from` MiB and `rate` more every second, for `steps` seconds.
fn leak(from: u32, rate: u32, steps: u32) -> String {
    let uses: String = (0..=steps).map(|k| format!(" 0/{}Mi@1s", from + k * rate)).collect();
    format!("job leak service 0s - 0/0 uses{uses}")
}

#[test]
fn a_slow_leak_is_evicted_by_the_kubelet_at_its_next_look() {
    // 100 + 5 k MiB at 1 + k s: 1055 at 192 s is the first above 1052. T is the first look from there on. The leak has
    // 1 s of grace and stays under 100 + 5 * 202 = 1110 < 1152. Looks at T + 2 (a second after its end), T + 12, …: the
    // condition, last met at T, ends at the first 300 s later, T + 302; only then is a place for the leak's next life.
    let text = format!("hosts a=1000m/1Gi; memory kill-only; end 505s; {}", leak(100, 5, 600));
    from_pressed(
        &text,
        "kubernetes",
        "place start end",
        (192.0, 202.0),
        "0 a pressed; 1 leak.1-a evicted-node-pressure; 302 a relieved; 302 leak>a; 303 leak.2+a",
    );
    // Looks come every 10 s from the phase: the same as that of a host which is short from the start.
    let short = "hosts a=1000m/1Gi; memory kill-only; end 15s; job x service 0s - 0/0 uses 0/1100Mi";
    for ((leak, _), (first, _)) in
        since_pressed(&text, "kubernetes", "end").into_iter().zip(since_pressed(short, "kubernetes", "end"))
    {
        let looks = (leak - first) / 10.0;
        assert!((looks - looks.round()).abs() < 1e-9, "{leak} s is no look of a loop that looks at {first} s");
    }
}

#[test]
fn a_fast_leak_is_killed_by_the_kernel_unless_the_kubelet_happens_to_look() {
    // 100 + 50 k MiB at 1 + k s: 1100 at 21 s is above 1052, 1150 at 22 s leaves less than the floor of 15.5 MiB, and who is
    // killed is gone at 22.6 s. A look within 21 to 21.6 s evicts in time; one within the second from there finds the
    // kernel faster than its second of grace, but the pod is gone all the same.
    let (mut evicted, mut raced, mut killed) = (0, 0, 0);
    for seed in 0..60 {
        let text = format!(
            "hosts a=1000m/1Gi; memory kill-only; host kill_latency 600ms; end 25s; {}; seed {seed}",
            leak(100, 50, 40)
        );
        let story = story(&world(&text), "kubernetes", "start end pressure");
        let lines: Vec<&str> = story.iter().map(|line| line.1.as_str()).collect();
        match lines[..] {
            ["leak.1+a", "a pressed", "leak.1-a evicted-node-pressure"] => {
                let pressed = at(&story, "a pressed");
                assert!((21.0..=21.6).contains(&pressed), "seed {seed}: {story:?}");
                assert!((at(&story, "leak.1-a evicted-node-pressure") - pressed - 1.0).abs() < 1e-9);
                evicted += 1;
            }
            ["leak.1+a", "a pressed", "leak.1-a oom-host"] => {
                assert!((21.6..=22.6).contains(&at(&story, "a pressed")), "seed {seed}: {story:?}");
                assert_eq!(at(&story, "leak.1-a oom-host"), 22.6);
                raced += 1;
            }
            ["leak.1+a", "leak.1-a oom-host", "leak.2+a"] => {
                assert_eq!([at(&story, "leak.1-a oom-host"), at(&story, "leak.2+a")], [22.6; 2]);
                killed += 1;
            }
            _ => panic!("seed {seed}: {story:?}"),
        }
    }
    // 6 % of the phases, one tenth, and the rest.
    assert!(evicted > 0 && raced > 0 && killed > 40, "{evicted} evicted, {raced} raced, {killed} killed");
}

#[test]
fn a_soft_threshold_waits_for_its_grace_and_gives_the_pod_what_the_kubelet_allows() {
    // 1152 - 900 = 252 MiB are left: under 300 from the first look on, under pressure at once. The grace of 25 s is over at
    // the look at T + 30. Looks go on a second after the pod's end.
    let soft = "hosts a=1000m/1Gi; memory kill-only; end 100s; host eviction_soft memory.available<300Mi
        host eviction_soft_grace memory.available=25s; job x service 0s - 0/0 uses 0/900Mi";
    let ended = |at| format!("0 a pressed; {at} x.1-a evicted-node-pressure");
    // No grace for pods, raised to 1 s.
    from_pressed(soft, "kubernetes", "end", (1.0, 11.0), &ended(31));
    // The pod's own 30 s, of which the kubelet allows 20; its own 5 s.
    let graceful = format!("{soft}; host eviction_max_pod_grace 20s");
    from_pressed(&graceful, "kubernetes", "end", (1.0, 11.0), &ended(50));
    from_pressed(&graceful, "kubernetes termination_grace=5s", "end", (1.0, 11.0), &ended(35));
    // At 52 MiB a hard threshold is crossed as well, and waits for nobody.
    let both = graceful.replace("900Mi", "1100Mi");
    from_pressed(&both, "kubernetes", "end", (1.0, 11.0), &ended(1));
    // From 11 s on both are crossed. At T + 10, after that, the soft one's grace of 5 s is over, too: the shorter grace counts.
    let both = graceful.replace("0/900Mi", "0/900Mi@10s 0/1100Mi").replace("=25s", "=5s");
    from_pressed(&both, "kubernetes", "end", (1.0, 11.0), &ended(11));
    from_pressed(&format!("{both}; host eviction_hard none"), "kubernetes", "end", (1.0, 11.0), &ended(30));
}

#[test]
fn minimum_reclaim_takes_a_second_pod_two_seconds_after_the_first() {
    // 770 + 160 + 150 = 1080 MiB leave 72. big stays within its request; p exceeds its own by more than q. Without p 232 are
    // left: enough, or, with 200 more to reclaim than the 100, too few. q then leaves 382. Told at T, dead at T + 1, looked
    // after at T + 2, and again.
    let pods = "hosts a=1000m/1Gi; memory kill-only; end 300s; job big service 0s - 0/770Mi
        job p service 0s - 0/0 uses 0/160Mi; job q service 0s - 0/0 uses 0/150Mi";
    from_pressed(pods, "kubernetes", "end", (1.0, 11.0), "0 a pressed; 1 p.1-a evicted-node-pressure");
    from_pressed(
        &format!("{pods}; host eviction_minimum_reclaim memory.available=200Mi"),
        "kubernetes",
        "end",
        (1.0, 11.0),
        "0 a pressed; 1 p.1-a evicted-node-pressure; 3 q.1-a evicted-node-pressure",
    );
}

#[test]
fn the_critical_are_spared_and_equals_go_by_name() {
    // All exceed nothing but their absent requests, by 600, 260 and 260; c is critical. b1 goes, not c: 860 are enough.
    let pods = "hosts a=1000m/1Gi; memory kill-only; end 20s; job c service 0s - 0/0 uses 0/600Mi priority 2000000000
        job b service 0s - 0/0 x2 uses 0/260Mi";
    from_pressed(pods, "kubernetes", "end", (1.0, 11.0), "0 a pressed; 1 b1.1-a evicted-node-pressure");
}

#[test]
fn what_is_reserved_is_kept_from_the_scheduler_and_from_all_pods_together() {
    // The machine has 1152 + 400 MiB. Less 600 that are 952 for pods: with 900 in use 52 are left, under 100.
    let pod = "hosts a=1000m/1Gi; memory kill-only; end 20s; job x service 0s - 0/0 uses 0/900Mi";
    let reserved = format!("{pod}; host kube_reserved 400Mi; host system_reserved 200Mi");
    from_pressed(&reserved, "kubernetes", "end", (1.0, 11.0), "0 a pressed; 1 x.1-a evicted-node-pressure");
    check(pod, "kubernetes", "end pressure", "");
    check(&format!("{reserved}; host enforce_node_allocatable none"), "kubernetes", "end pressure", "");
    // 1024 - 600 = 424 MiB may be requested, whoever places.
    let requests =
        "hosts a=1000m/1Gi; host kube_reserved 600Mi; job x service 0s - 0/425Mi; job y service 0s - 0/424Mi";
    check(requests, "kubernetes", "place", "0 y>a");
    check(requests, "kubernetes placement=best-fit", "place", "0 y>a");
    // Of the file cache, all of it active, 128 MiB count as used: 1024 - 950 = 74 are left.
    let active =
        "hosts a=1000m/1Gi; memory kill-only; end 20s; host active_file_share 1; job x service 0s - 0/0 uses 0/950Mi";
    from_pressed(active, "kubernetes", "end", (1.0, 11.0), "0 a pressed; 1 x.1-a evicted-node-pressure");
}

#[test]
fn a_kubelet_under_pressure_takes_no_pod_without_requests() {
    // big starts at 15 and presses the host at T, 15 to 25 s. The others were bound at 14, before the taint, and arrive at
    // 29: the one without requests is refused and waits for the taint to go at T + 302; one with requests is taken, as is
    // one that tolerates the taint. (A pod with requests that comes later waits for the taint as well.)
    let text = "hosts a=1000m/1Gi; memory kill-only; end 345s; job big service 0s - 0/0 uses 0/1100Mi
        job late service 14s - 0/0; job burst service 14s - 10m/10Mi
        job tol service 14s - 0/0 stands node.kubernetes.io/memory-pressure; job after service 40s - 10m/10Mi";
    for seed in 0..12 {
        let story =
            story(&world(&format!("{text}; seed {seed}")), "kubernetes start_delay=15s", "place start end pressure");
        let pressed = at(&story, "a pressed");
        assert!((15.0..=25.0).contains(&pressed), "seed {seed}: {story:?}");
        let arrivals: Vec<&str> = story.iter().filter(|l| l.0.0 == 29 * SECOND_US).map(|l| l.1.as_str()).collect();
        assert_eq!(arrivals, ["burst.1+a", "late.1-a evicted-node-pressure", "tol.1+a"], "seed {seed}");
        let again = at(&story, "late.2+a");
        assert!((again - pressed - 317.0).abs() < 1e-9, "seed {seed}: {again} is not {pressed} + 302 + 15");
        assert!((at(&story, "after>a") - pressed - 302.0).abs() < 1e-9, "seed {seed}: {story:?}");
    }
}

#[test]
fn short_process_ids_take_the_lowest_priority_then_the_most_processes() {
    // 1000 - 950 - 20 - 1 = 29 ids are left, under 10 %. low goes although it has only one; then 30 are left, and many goes
    // before few.
    let text = "hosts a=1000m/1Gi; end 100s; host max_pids 1000; host eviction_hard pid.available<10%
        job many service 0s - 0/0 processes 950 priority 5; job few service 0s - 0/0 processes 20 priority 5
        job low service 0s - 0/0; job late service 50s - 10m/10Mi";
    from_pressed(
        text,
        "kubernetes",
        "end place",
        (1.0, 11.0),
        "0 a pressed of pids; 1 low.1-a evicted-node-pressure; 3 many.1-a evicted-node-pressure",
    );
}

#[test]
fn a_full_disk_costs_unused_images_first_and_then_who_exceeds_its_request() {
    let disk = "hosts a=1000m/1Gi,ephemeral:10Gi; end 350s; job keep service 0s - 0/0 disk 3Gi/4Gi";
    // 1 GiB of 10 is left, under the 15 % of imagefs; without log 7.
    let text = format!("{disk}; job log service 0s - 0/0 disk 6Gi/1Gi").replace("end 350s", "end 300s");
    let want = "0 a pressed of disk; 1 log.1-a evicted-node-pressure";
    from_pressed(&text, "kubernetes", "end", (1.0, 11.0), want);
    // 600 MiB of images do not help: 10 - 9 GiB stay.
    from_pressed(&format!("{text}; host image_cache 600Mi"), "kubernetes", "end", (1.0, 11.0), want);
    // 2 GiB less 600 MiB are 1.41, under 1.5; without the images 2 are enough. No look is early: T + 300.
    let text = format!("{disk}; job log service 0s - 0/0 disk 5Gi/1Gi; host image_cache 600Mi");
    from_pressed(&text, "kubernetes", "end", (1.0, 11.0), "0 a pressed of disk; 300 a relieved of disk");
    // Hosts that do not say what disk they have watch none.
    check("hosts a=1000m/1Gi; job x service 0s - 0/0 disk 5Gi/0", "kubernetes", "end pressure", "");
}

#[test]
fn a_pod_over_its_own_disk_limit_goes_though_nothing_is_short() {
    // At the first look after 1 s, with 1 s of grace; bound again at once and there a second later, at the very look that
    // follows the clean-up, which does not see it; 10 s on it goes again.
    let text = "hosts a=1000m/1Gi,ephemeral:10Gi; end 30s; job x service 0s - 0/0 disk 2Gi/0/1Gi";
    for seed in 0..12 {
        let story = story(&world(&format!("{text}; seed {seed}")), "kubernetes", "start end pressure");
        let first = at(&story, "x.1-a evicted-node-pressure");
        assert!((2.0..=12.0).contains(&first), "seed {seed}: {first}");
        let next = [at(&story, "x.2+a"), at(&story, "x.2-a evicted-node-pressure")];
        assert!(
            (next[0] - first - 1.0).abs() < 1e-9 && (next[1] - first - 12.0).abs() < 1e-9,
            "seed {seed}: {story:?}"
        );
        assert!(!story.iter().any(|line| line.1.contains("pressed")), "seed {seed}: {story:?}");
    }
}

#[test]
fn the_back_off_has_a_cap_and_may_be_looked_at_late() {
    // Dies 1 s after each start: waits of 0, 10, 20, 40, and 40 again.
    let crash = "hosts a=1000m/1Gi; host kill_latency 0s; job x batch 0s 100s 0/0 uses 0/10Mi@1s 0/200Mi limit 0/100Mi; end 160s";
    check(
        &format!("{crash}; host crash_loop_cap 40s"),
        "kubernetes",
        "start",
        "1 x.1+a; 2 x.2+a; 13 x.3+a; 34 x.4+a; 75 x.5+a; 116 x.6+a; 157 x.7+a",
    );
    // 2 s late each time: 2 + 2, 5 + 10 + 2, 18 + 20 + 2, 41 + 40 + 2.
    check(
        &format!("{crash}; host restart_latency 2s"),
        "kubernetes",
        "start",
        "1 x.1+a; 4 x.2+a; 17 x.3+a; 40 x.4+a; 83 x.5+a",
    );
    // The same where repeats are counted: 1, 1, 11, 31, 71, 111, 151, 191; and a second late 1, 2, 13, 34, 75, 116, 157, 198.
    let gpu = "hosts a=1000m/1Gi,gpus:1; job x service 0s - 0/0 gpus 1000; job y service 0s - 0/0 gpus 1000; end 200s
        host crash_loop_cap 40s";
    for late in ["0s", "1s"] {
        let result =
            run(&world(&format!("{gpu}; host restart_latency {late}")), "kubernetes placement=least-jobs").unwrap();
        assert_eq!(metric(&result, "start_failed"), "8", "{late} late");
    }
}

#[test]
fn images_are_pulled_once_a_host_one_after_the_other() {
    // x and y share an app: its image comes from 1 to 21 s, that of z from 21 to 41. A host that fell keeps both.
    let text = "hosts a=1000m/1Gi; host image_pull 20s; end 100s; job x service 0s - 0/0 x2 app A; job z service 0s - 0/0 app B";
    check(
        &format!("{text}; fail a down 50s 10s"),
        "kubernetes",
        "start",
        "21 x1.1+a, x2.1+a; 41 z.1+a; 61 x1.2+a, x2.2+a, z.2+a",
    );
    check(&format!("{text}; host serialize_image_pulls off"), "kubernetes", "start", "21 x1.1+a, x2.1+a, z.1+a");
    // A fall at 10 breaks the first pull off: back at 20, from 21 to 41 and 61.
    check(&format!("{text}; fail a down 10s 10s"), "kubernetes", "start", "41 x1.1+a, x2.1+a; 61 z.1+a");
    // docker pulls too. A job removed meanwhile does not start, and the next finds the image there.
    check(text, "fleet", "start", "21 x1.1+a, x2.1+a; 41 z.1+a");
    check(
        "hosts a=1000m/1Gi; host image_pull 20s; end 100s; job x service 0s 10s 0/0 app A; job y service 15s - 0/0 app A",
        "kubernetes",
        "start",
        "21 y.1+a",
    );
}
