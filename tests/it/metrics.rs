//! Every row of the metrics table has a case worked out by hand. Cases are (metric, world, options, value); the sum
//! stands beside the world. `>5` is a lower bound, `-` an undefined value.

use std::collections::BTreeSet;

use plimsoll::metrics::{FAMILIES, Family, Value, metrics};
use plimsoll::orchestrator::ORCHESTRATORS;
use plimsoll::sim::{Change, Flags, Observer, simulate};
use plimsoll::units::SimTime;

use crate::random_worlds::{random_options, random_setup};
use crate::world::{run, world};

// least-jobs puts both on a: 2 cores demanded, 1 there, so each gets half and 10 core-seconds take 20 s.
const FULL: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/64Mi; job y batch 0s 10s 1000m/64Mi; end 30s";
const LEAST: &str = "direct placement=least-jobs";
// first-fit makes y wait: x runs 0 to 10, y 10 to 20.
const FIFO: &str = "direct";
// The same, over after 5 s: y never had a place.
const CUT_SHORT: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/64Mi; job y batch 0s 10s 1000m/64Mi; end 5s";
const CHAIN: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/64Mi; job y batch 0s 10s 1000m/64Mi after x; end 5s";
// Scheduled at 0, started at 1; demands 1 core, may have 0.5: 10 core-seconds take 20 s, 1 to 21.
const QUOTA: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 500m/0 uses 1000m/0 limit 500m/0; end 50s";
// It uses just its quota, 1 to 11.
const AT_QUOTA: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 500m/0 limit 500m/0; end 50s";
// From 1 s on 200 units and 3 daemons share 1.11 cores: 5.5 m each, and all daemons starve.
const CROWD: &str = "hosts a=1000m/1Gi; job x service 0s - 0/0 uses 1000m/0 x200; end 31s";
// 2 cores demanded for 10 s by one thread: 20 core-seconds take 20 s, and 1 core is missing all the time.
const THREADS: &str = "hosts a=4000m/1Gi; job x batch 0s 10s 0/0 uses 2000m/0 threads 1; end 50s";
// From 10 s to the end at 20 s 1100 MiB are in use: of 128 MiB of file pages 52 fit, (76/128)^1.6 = 0.434438 of 2500
// touches a second wait for 1.2 ms: of 1 core 1 / (1 + 1.303314) = 0.434157 is run.
const SLOWED: &str = "hosts a=1000m/1Gi; job x service 0s - 0/0 uses 1000m/100Mi@10s 1000m/1100Mi; end 20s";
// Chef (10 s): waits 0 to 10, lives 10 to 20, host down 20 to 50, lives 50 to 100.
const FALL: &str = "hosts a=1000m/1Gi; job x service 0s - 1000m/64Mi; fail a down 20s 30s; end 100s";
const CHEF: &str = "chef converge_duration=10s";
// The same with a batch job of 50 s: 10 to 20 is lost, 50 to 70 counts, 30 s are missing.
const LOSS: &str = "hosts a=1000m/1Gi; job x batch 0s 50s 1000m/64Mi; fail a down 20s 30s; end 70s";
// Two services of one type, one a host: x as in FALL, y lives 10 to 100.
const TWO_APPS: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 1000m/0 type t
    job y service 0s - 1000m/0 type t; fail a down 20s 30s; end 100s";
// Direct moves x to b at 20; the old copy lives on until the partition heals at 50.
const DOUBLE: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 1000m/0; fail a cut 20s 30s; end 100s";
// Killed after 5 s of each life, at once, restarted 1 s later: kills at 5, 11, 17, starts at 0, 6, 12.
const LIMIT: &str = "hosts a=1000m/1Gi; host kill_latency 0s
    job x batch 0s 10s 100m/64Mi uses 100m/64Mi@5s 100m/128Mi limit 0/64Mi; end 17500ms";
// The kernel kills from 1024 + 128 - 15.52 = 1136.48 MiB. From 5 to 10 s y has 600: x with 700 is chosen at 5 and dies
// at 5.2; then it dies as it starts at 6.2, 7.2, 8.2 and 9.2.
const KERNEL: &str = "hosts a=1000m/1Gi; memory kill-only; job x service 0s - 0/0 uses 0/700Mi
    job y batch 0s 10s 0/0 uses 0/100Mi@5s 0/600Mi; end 12s";
// From 5 to 15 s 900 + 160 = 1060 MiB are in use: more than 1152 - 100 = 1052, where the kubelet evicts, and
// more than 1024. Under Kubernetes all is a second later. One look in 10 s falls into the 10 s, whatever its phase; x has
// the larger excess, and the taint keeps it away until the run is over.
const PRESSURE: &str = "hosts a=1000m/1Gi; memory kill-only; job x service 0s - 0/0 uses 0/900Mi
    job y batch 0s 15s 0/0 uses 0/100Mi@5s 0/160Mi; end 30s";
// The node is Unknown after 40 to 60 s and its pod given up 300 s later.
const TAINT: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 100m/64Mi; fail a down 10s forever; end 500s";
// x is told to go at 20 and has 30 s; then a is down for 10 s.
const DRAIN: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 100m/64Mi; drain a 20s 10s; end 100s";
// high takes low's place 30 s after it came.
const PREEMPTION: &str = "hosts a=1000m/1Gi; job low service 0s - 1000m/64Mi
    job high service 10s - 1000m/64Mi priority 5; end 100s";
// At 10 s of life the host falls, for 60 + 10 s: down 10 to 80 and 90 to 160.
const RUNAWAY: &str = "hosts a=1000m/1Gi; memory host-down; reboot 60s; boot 10s
    job x service 0s - 0/0 uses 0/100Mi@10s 0/2Gi; end 100s";
// From 11 s on 12 * 95 = 1140 MiB are in use, over 1136.48. dockerd has 100 MiB, root's 3 % off are 97: more than 95, and
// before etcd, which has as much. It dies at 11.2 and with it all 12; they start again when it is back at 21.2.
const DOCKERD: &str = "hosts a=1000m/1Gi; memory kill-only; job x service 0s - 0/0 x12 uses 0/90Mi@10s 0/95Mi; end 30s";
// 1140 MiB in 4 processes: one of them dies at 10.2, and 855 MiB are left.
const PROCESSES: &str = "hosts a=1000m/1Gi; memory kill-only
    job x service 0s - 0/0 uses 0/100Mi@10s 0/1140Mi processes 4; end 30s";
// 1400 MiB requested for 10 s.
const OVERCOMMIT: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 0/700Mi x2 uses 0/100Mi; end 20s";
// One of two equal hosts is full: loads 1 and 0, mean 0.5, standard deviation 0.5.
const LOPSIDED: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x batch 0s 10s 1000m/64Mi; end 20s";
// For 10 of 20 s: free 1500m and 512 MiB; at 500m for 1536 MiB the memory goes with floor(166.67) = 166m.
const MUCH_CPU: &str = "hosts a=2000m/2Gi; job x batch 0s 10s 500m/1536Mi; end 20s";
// For 10 of 20 s: free 500m and 1536 MiB; at 1500m for 512 MiB the CPU goes with floor(500 * 2^29 / 1500) bytes.
const MUCH_MEMORY: &str = "hosts a=2000m/2Gi; job x batch 0s 10s 1500m/512Mi; end 20s";
// y fails at 0 and every second from 1 to 10.
const NO_GPU: &str = "hosts a=1000m/1Gi,gpus:1; job x service 0s - 0/0 gpus 1000; job y service 0s - 0/0 gpus 1000
    end 10s";
// Free 400 and 1000 thousandths until 5 s: neither shape can use the 400. Then 400 and 500: half of the shapes fit nowhere
// (900 unused), the other strands 400, so F = 650 of 900 idle and 2000 in all.
const SHARED_GPUS: &str = "hosts a=4000m/1Gi,gpus:2; job x batch 0s 10s 1000m/0 gpus 600
    job y service 5s - 1000m/0 gpus 500; end 8s";
// FULL, watched from 5 s: 15 s of 2 cores demanded and 1 served; both jobs entered before.
const LATE: &str = "hosts a=1000m/1Gi; job x batch 0s 10s 1000m/64Mi; job y batch 0s 10s 1000m/64Mi; end 30s
    warm-up 5s";

// Listed from 10 s on. a is down from 50 to 70: half of the visitors wait in vain; from 70 to 75 its back end refuses.
const CONVERGED: &str = "hosts a=1000m/1Gi b=1000m/1Gi; platform starts 5s; platform requests web 10
    job web service 0s - 1000m/0 x2; fail a down 50s 20s; end 100s";
const PROXY: &str = "direct discovery=converge proxy_converge=10s";
// Killed at 50, back at 51, serves at 56.
const REFUSED: &str = "hosts a=1000m/1Gi; host kill_latency 0s; platform starts 5s; platform requests web 10
    job web service 0s - 100m/64Mi uses 100m/64Mi@50s 100m/128Mi limit 0/64Mi; end 100s";
// Tries at 0, 10, 20 and 30.
const NO_STORE: &str = "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
    etcd fault unreachable 0s 25s";
// At 21 and 31 the defaults cannot be written.
const NO_CONFIG: &str = "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
    etcd fault quorum 10s 25s";
// The controller looks at 21 and 31, the database is there from 26 to 60.
const NO_PEER: &str = "hosts a=1000m/1Gi; platform starts 5s; job ctl service 0s - 0/0; platform role controller ctl
    job db service 0s 60s 0/0; platform role database db";
const DEIS: &str = "direct discovery=etcd store=dedicated";
// At 20 a change that a converge applies at 30: web1 is back at 35, web2 at 40. At 50 one that takes as long for one of one.
const CHANGES: &str = "hosts a=1000m/1Gi; platform starts 5s; job web service 0s - 0/0 x2; job one service 0s - 0/0
    platform change 20s web; platform change 50s one; end 100s";
// As DOUBLE, with a platform.
const TWICE: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s - 1000m/0; fail a cut 20s 30s; platform starts 0s
    end 100s";

// Two converges end, at 30 and 160, while b is dead.
const DEAD_NODE: &str = "hosts a=1000m/1Gi b=1000m/1Gi; fail b down 5s 300s; job x service 20s - 0/0 type t
    job y service 20s - 0/0 type t; job z service 40s - 0/0 type t; job v service 400s - 0/0 type t; end 450s";
// x's app is to have none; b has as many of the type, is later, and has none of x's app.
const ENDLESS: &str = "hosts a=1000m/1Gi b=1000m/1Gi; job x service 0s 60s 0/0 app x type web
    job y1 service 1s - 0/0 app y type web; job y2 service 2s - 0/0 app y type web
    job y3 service 3s - 0/0 app y type web; end 100s";
const CHEF_10: &str = "chef converge_duration=10s";
// Nobody is answered from 100 to 160.
const AWAY: &str = "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 0/0; etcd fault unreachable 100s 60s
    end 300s";
// Every request takes longer than a second from 100 to 101.5: one turn of the engine begins in that time.
const SLOW: &str = "hosts a=1000m/1Gi b=1000m/1Gi c=1000m/1Gi; job x service 0s - 0/0; etcd sigma 0
    etcd members 1; etcd fault rtt=2s 100s 1500ms; end 300s";

const MIB: f64 = 1048576.0;

#[rustfmt::skip]
fn cases() -> Vec<(&'static str, &'static str, &'static str, String)> {
    let n = |x: f64| x.to_string();
    vec![
        // Demanded 2 * 20, served 1 * 20.
        ("cpu_unserved_share", FULL, LEAST, n(0.5)),
        // Demanded 10 + 10 + 10 waiting.
        ("cpu_unserved_share", FULL, FIFO, n(1.0 / 3.0)),
        ("cpu_unserved_share", QUOTA, "kubernetes", n(11.0 / 21.0)),
        ("cpu_unserved_share", OVERCOMMIT, LEAST, "-".into()),
        ("cpu_demanded_core_seconds", FULL, LEAST, n(40.0)),
        ("cpu_demanded_core_seconds", FULL, FIFO, n(30.0)),
        // 1 waiting + 20 running.
        ("cpu_demanded_core_seconds", QUOTA, "kubernetes", n(21.0)),
        ("cpu_demanded_core_seconds", FALL, CHEF, n(100.0)),
        // a 0 to 50, b 20 to 100.
        ("cpu_demanded_core_seconds", DOUBLE, FIFO, n(130.0)),
        ("cpu_demanded_core_seconds", LATE, LEAST, n(30.0)),
        ("cpu_served_core_seconds", FULL, LEAST, n(20.0)),
        ("cpu_served_core_seconds", FALL, CHEF, n(60.0)),
        ("cpu_served_core_seconds", LATE, LEAST, n(15.0)),
        ("cpu_unserved_core_seconds", FULL, LEAST, n(20.0)),
        ("cpu_unserved_core_seconds", FALL, CHEF, n(40.0)),
        ("cpu_pending_core_seconds", FULL, FIFO, n(10.0)),
        ("cpu_pending_core_seconds", FALL, CHEF, n(10.0)),
        ("cpu_pending_core_seconds", QUOTA, "kubernetes", n(1.0)),
        // 0.1 core in each of two pauses of 1 s, and from 17 to 17.5.
        ("cpu_pending_core_seconds", LIMIT, "direct limits=on", n(0.25)),
        ("cpu_starved_core_seconds", FULL, LEAST, n(20.0)),
        ("cpu_starved_core_seconds", QUOTA, "kubernetes", n(0.0)),
        // 0.5 above the quota for 20 s.
        ("cpu_throttled_core_seconds", QUOTA, "kubernetes", n(10.0)),
        ("cpu_thread_bound_core_seconds", THREADS, "direct", n(20.0)),
        ("cpu_slowed_core_seconds", SLOWED, "direct", n(5.65843)),
        // Without quotas nothing is above them.
        ("cpu_throttled_core_seconds", QUOTA, "kubernetes quota=off", n(0.0)),
        ("cpu_host_down_core_seconds", FALL, CHEF, n(30.0)),
        ("cpu_useful_core_seconds", FULL, LEAST, n(20.0)),
        ("cpu_useful_core_seconds", FALL, CHEF, n(60.0)),
        ("cpu_useful_core_seconds", LOSS, CHEF, n(20.0)),
        ("cpu_useful_core_seconds", DOUBLE, FIFO, n(100.0)),
        ("cpu_useful_core_seconds", LATE, LEAST, n(15.0)),
        ("cpu_lost_core_seconds", LOSS, CHEF, n(10.0)),
        // Three lives of 5 s at 0.1 core.
        ("cpu_lost_core_seconds", LIMIT, "direct limits=on", n(1.5)),
        // The newer copy's, 20 to 50.
        ("duplicate_core_seconds", DOUBLE, FIFO, n(30.0)),
        ("cpu_abandoned_core_seconds", LOSS, CHEF, n(30.0)),
        // Each of two did 2.5 of 10.
        ("cpu_abandoned_core_seconds", CUT_SHORT, LEAST, n(15.0)),
        ("cpu_abandoned_core_seconds", CUT_SHORT, FIFO, n(15.0)),
        ("ledger_residual_nano_core_us", FULL, LEAST, n(0.0)),
        ("ledger_residual_nano_core_us", DOUBLE, FIFO, n(0.0)),
        ("memory_demanded_byte_seconds", FALL, CHEF, n(64.0 * MIB * 100.0)),
        ("memory_held_byte_seconds", FULL, LEAST, n(2.0 * 64.0 * MIB * 20.0)),
        ("memory_held_byte_seconds", FALL, CHEF, n(64.0 * MIB * 60.0)),
        ("memory_pending_byte_seconds", FULL, FIFO, n(64.0 * MIB * 10.0)),
        ("memory_host_down_byte_seconds", FALL, CHEF, n(64.0 * MIB * 30.0)),
        ("jobs_submitted", FULL, LEAST, n(2.0)),
        ("jobs_submitted", LATE, LEAST, n(2.0)),
        ("jobs_placed", CUT_SHORT, FIFO, n(1.0)),
        // Placed twice, counted once.
        ("jobs_placed", DOUBLE, FIFO, n(1.0)),
        ("jobs_finished", FULL, FIFO, n(2.0)),
        ("jobs_finished", CUT_SHORT, FIFO, n(0.0)),
        ("jobs_never_placed", CUT_SHORT, FIFO, n(1.0)),
        // y arrives at 0 and waits for x, which ends at 10, after the run's end at 5.
        ("jobs_held_back", CHAIN, FIFO, n(1.0)),
        ("restarts", LIMIT, "direct limits=on", n(2.0)),
        ("restarts", DOUBLE, FIFO, n(1.0)),
        // 11 attempts of y that fail, the first of them no restart.
        ("restarts", NO_GPU, LEAST, n(10.0)),
        ("start_failed", NO_GPU, LEAST, n(11.0)),
        ("oom_kills", LIMIT, "direct limits=on", n(3.0)),
        ("oom_kills", LIMIT, "direct", n(0.0)),
        ("oom_kills", KERNEL, LEAST, n(5.0)),
        ("oom_kills_limit", LIMIT, "direct limits=on", n(3.0)),
        ("oom_kills_host", KERNEL, LEAST, n(5.0)),
        ("evictions", PRESSURE, "kubernetes", n(1.0)),
        ("evictions", TAINT, "kubernetes", n(1.0)),
        ("evictions_node_pressure", PRESSURE, "kubernetes", n(1.0)),
        ("evictions_taint", TAINT, "kubernetes", n(1.0)),
        // fleet moves the unit, too, but knows no eviction.
        ("evictions_taint", TAINT, "fleet", n(0.0)),
        ("evictions_preemption", PREEMPTION, "kubernetes", n(1.0)),
        // Under the other no one is evicted, and high is tried, in vain, at 10 only.
        ("preemptions", PREEMPTION, "kubernetes", n(1.0)),
        ("preemptions", PREEMPTION, "kubernetes preemption=report", n(1.0)),
        ("evictions_preemption", PREEMPTION, "kubernetes preemption=report", n(0.0)),
        ("evictions_api", TAINT, "kubernetes", n(0.0)),
        ("evictions_api", DRAIN, "kubernetes", n(1.0)),
        // Chef evicts nobody: the host goes down with what is on it.
        ("evictions_api", DRAIN, CHEF, n(0.0)),
        ("evictions_preemption", TAINT, "kubernetes", n(0.0)),
        ("hosts_down", FALL, CHEF, n(1.0)),
        ("hosts_down", RUNAWAY, FIFO, n(2.0)),
        ("hosts_down_memory", FALL, CHEF, n(0.0)),
        ("hosts_down_memory", RUNAWAY, FIFO, n(2.0)),
        ("hosts_down", DRAIN, "kubernetes", n(1.0)),
        ("hosts_down_planned", DRAIN, "kubernetes", n(1.0)),
        ("hosts_down_planned", DRAIN, CHEF, n(1.0)),
        ("hosts_down_planned", FALL, CHEF, n(0.0)),
        ("hosts_lost", TAINT, "kubernetes", n(1.0)),
        // fleet finds out, chef never does.
        ("hosts_lost", TAINT, "fleet", n(1.0)),
        ("hosts_lost", TAINT, "chef", n(0.0)),
        ("daemon_kills", DOCKERD, "fleet", n(1.0)),
        ("daemon_kills", DOCKERD, "kubernetes", n(0.0)),
        ("daemon_ends", DOCKERD, "fleet", n(12.0)),
        // One of twelve of the same size goes instead.
        ("daemon_ends", DOCKERD, "direct", n(0.0)),
        ("process_kills", PROCESSES, "direct", n(1.0)),
        ("oom_kills", PROCESSES, "direct", n(0.0)),
        ("host_down_seconds", FALL, CHEF, n(30.0)),
        // 10 to 80, 90 to the end at 100.
        ("host_down_seconds", RUNAWAY, FIFO, n(80.0)),
        ("cpu_overloaded_host_seconds", FULL, LEAST, n(20.0)),
        ("cpu_overloaded_host_seconds", FULL, FIFO, n(0.0)),
        ("cpu_overloaded_host_seconds", LATE, LEAST, n(15.0)),
        // (2 - 1) / 1.
        ("cpu_overload_depth_max", FULL, LEAST, n(1.0)),
        ("memory_overcommitted_host_seconds", OVERCOMMIT, LEAST, n(10.0)),
        ("memory_overcommitted_host_seconds", PRESSURE, LEAST, n(0.0)),
        ("memory_overloaded_host_seconds", PRESSURE, LEAST, n(10.0)),
        ("memory_overloaded_host_seconds", OVERCOMMIT, LEAST, n(0.0)),
        // (1060 - 1024) / 1024.
        ("memory_overload_depth_max", PRESSURE, LEAST, n(0.03515625)),
        ("worst_host_overloaded_seconds", PRESSURE, LEAST, n(10.0)),
        ("worst_host_overloaded_seconds", FULL, LEAST, n(20.0)),
        ("hosts_overloaded", PRESSURE, LEAST, n(1.0)),
        ("hosts_overloaded", OVERCOMMIT, LEAST, n(0.0)),
        // Waits of 0 and 10: ranks ceil(0.5 * 2) = 1 and ceil(0.95 * 2) = 2.
        ("wait_seconds_p50", FULL, FIFO, n(0.0)),
        ("wait_seconds_p50", LATE, FIFO, "-".into()),
        ("wait_seconds_p95", FULL, FIFO, n(10.0)),
        ("wait_seconds_p95", CUT_SHORT, FIFO, ">5".into()),
        ("wait_seconds_p99", FULL, FIFO, n(10.0)),
        ("wait_seconds_max", FULL, FIFO, n(10.0)),
        ("wait_seconds_max", CUT_SHORT, FIFO, ">5".into()),
        ("wait_seconds_max", FALL, CHEF, n(10.0)),
        // 10 / 10 and 20 / 10.
        ("batch_slowdown_p50", FULL, FIFO, n(1.0)),
        ("batch_slowdown_p50", FULL, LEAST, n(2.0)),
        // 5 s of 10 and no end in sight.
        ("batch_slowdown_p50", CUT_SHORT, FIFO, ">1".into()),
        ("batch_slowdown_p95", FULL, FIFO, n(2.0)),
        ("batch_slowdown_p99", FULL, FIFO, n(2.0)),
        ("batch_slowdown_p99", FALL, CHEF, "-".into()),
        // 2 cores for 20 s over 1 core for 30 s.
        ("cpu_requested_share_mean", FULL, LEAST, n(40.0 / 30.0)),
        // The host is up for 70 s.
        ("cpu_requested_share_mean", FALL, CHEF, n(60.0 / 70.0)),
        ("cpu_requested_share_peak", FULL, LEAST, n(2.0)),
        ("cpu_used_share_mean", FULL, LEAST, n(20.0 / 30.0)),
        ("cpu_used_share_mean", FALL, CHEF, n(60.0 / 70.0)),
        ("cpu_used_share_mean", LATE, LEAST, n(15.0 / 25.0)),
        // 0.5 of 1 core; of all CPU.
        ("cpu_used_share_peak", QUOTA, "kubernetes", n(0.5)),
        // 128 MiB for 20 s over 1024 MiB for 30 s.
        ("memory_requested_share_mean", FULL, LEAST, n(1.0 / 12.0)),
        ("memory_requested_share_peak", FULL, LEAST, n(0.125)),
        ("memory_requested_share_peak", OVERCOMMIT, LEAST, n(1400.0 / 1024.0)),
        // 900 * 30 + 100 * 5 + 160 * 10 = 29,100 MiB s over 1024 * 30.
        ("memory_used_share_mean", PRESSURE, LEAST, n(29_100.0 / 30_720.0)),
        ("memory_used_share_peak", PRESSURE, LEAST, n(1060.0 / 1024.0)),
        ("cpu_imbalance_mean", LOPSIDED, FIFO, n(1.0)),
        ("cpu_imbalance_mean", FULL, FIFO, n(0.0)),
        ("hosts_used_max", FULL, LEAST, n(1.0)),
        ("hosts_used_max", DOUBLE, FIFO, n(2.0)),
        // 1500m - 166m for half of the time.
        ("cpu_stranded_core_mean", MUCH_CPU, FIFO, n(0.667)),
        ("cpu_stranded_core_mean", MUCH_MEMORY, FIFO, n(0.0)),
        // (1,610,612,736 - 178,956,970) / 2.
        ("memory_stranded_bytes_mean", MUCH_MEMORY, FIFO, n(715_827_883.0)),
        ("memory_stranded_bytes_mean", MUCH_CPU, FIFO, n(0.0)),
        ("cpu_requested_peak_milli", FULL, LEAST, n(2000.0)),
        ("cpu_requested_peak_milli", FULL, FIFO, n(1000.0)),
        ("memory_requested_peak_bytes", FULL, LEAST, n(128.0 * MIB)),
        ("concurrent_jobs_peak", FULL, LEAST, n(2.0)),
        ("concurrent_jobs_peak", FULL, FIFO, n(1.0)),
        ("availability_mean", FALL, CHEF, n(0.6)),
        // (60 + 90) / 200.
        ("availability_mean", TWO_APPS, CHEF, n(0.75)),
        // Two lives at once are one.
        ("availability_mean", DOUBLE, FIFO, n(1.0)),
        ("availability_mean", FULL, FIFO, "-".into()),
        // 20 s, each period throttled for half of its time; no periods without a quota.
        ("cpu_periods", QUOTA, "kubernetes", n(200.0)),
        ("cpu_periods", QUOTA, "kubernetes quota=off", n(0.0)),
        ("cpu_periods", AT_QUOTA, "kubernetes", n(100.0)),
        ("cpu_throttled_periods", QUOTA, "kubernetes", n(200.0)),
        ("cpu_throttled_periods", AT_QUOTA, "kubernetes", n(0.0)),
        ("cpu_perhaps_throttled_periods", AT_QUOTA, "kubernetes", n(100.0)),
        ("cpu_perhaps_throttled_periods", QUOTA, "kubernetes", n(0.0)),
        ("cpu_throttled_queue_seconds", QUOTA, "kubernetes", n(10.0)),
        ("cpu_throttled_queue_seconds", AT_QUOTA, "kubernetes", n(0.0)),
        ("cpu_pressure_host_seconds", FULL, LEAST, n(20.0)),
        ("cpu_pressure_host_seconds", LATE, LEAST, n(15.0)),
        ("cpu_pressure_host_seconds", QUOTA, "kubernetes", n(0.0)),
        // Two jobs that get half.
        ("cpu_pressure_job_seconds", FULL, LEAST, n(20.0)),
        ("cpu_pressure_job_seconds", LATE, LEAST, n(15.0)),
        // 1 - e^(-20/10), 1 - e^(-20/60), 1 - e^(-20/300).
        ("cpu_pressure_avg10_max", FULL, LEAST, n(0.864_664_716_763_387_3)),
        ("cpu_pressure_avg60_max", FULL, LEAST, n(0.283_468_689_426_210_7)),
        ("cpu_pressure_avg300_max", FULL, LEAST, n(0.064_493_014_968_382_22)),
        ("cpu_pressure_avg300_max", FULL, FIFO, n(0.0)),
        ("daemon_starved_host_seconds", CROWD, "fleet", n(30.0)),
        ("daemon_starved_host_seconds", CROWD, "direct", n(0.0)),
        ("availability_worst_app", TWO_APPS, CHEF, n(0.6)),
        // 100 of 1000 for 10 s, then half of 200.
        ("requests_failed_share", CONVERGED, PROXY, n(0.2)),
        ("requests_502", CONVERGED, PROXY, n(0.0)),
        ("requests_502", REFUSED, "direct discovery=converge proxy_converge=10s limits=on", n(60.0)),
        ("requests_503", CONVERGED, PROXY, n(100.0)),
        ("requests_504", CONVERGED, PROXY, n(100.0)),
        // Half is not more than half.
        ("platform_availability", CONVERGED, PROXY, n(0.9)),
        ("platform_down_seconds", CONVERGED, PROXY, n(10.0)),
        // 600 for 5 s and 1100 for 3 s, of 2000 for 8 s.
        ("gpu_allocated_share_mean", SHARED_GPUS, FIFO, n(6300.0 / 16_000.0)),
        ("gpu_allocated_share_end", SHARED_GPUS, FIFO, n(0.55)),
        ("gpu_fragmented_share_mean", SHARED_GPUS, FIFO, n((400.0 * 5.0 + 650.0 * 3.0) / 16_000.0)),
        ("gpu_fragmented_share_end", SHARED_GPUS, FIFO, n(650.0 / 2000.0)),
        ("gpu_fragmented_of_idle_share_end", SHARED_GPUS, FIFO, n(650.0 / 900.0)),
        // A converge needs all hosts.
        ("deploys_down_seconds", CONVERGED, PROXY, n(20.0)),
        ("stuck_no_store_seconds", NO_STORE, DEIS, n(30.0)),
        ("stuck_no_config_seconds", NO_CONFIG, DEIS, n(20.0)),
        ("stuck_no_peer_seconds", NO_PEER, DEIS, n(10.0)),
        ("stuck_lost_peer_seconds", NO_PEER, DEIS, n(40.0)),
        // Two from 5 to 10.
        ("unreachable_running_seconds", CONVERGED, PROXY, n(10.0)),
        // Listed and down or not serving from 50 to 75.
        ("dead_listed_seconds", CONVERGED, PROXY, n(25.0)),
        ("dead_listed_seconds_max", CONVERGED, PROXY, n(25.0)),
        ("app_failing_seconds_max", CONVERGED, PROXY, n(20.0)),
        ("ran_twice_seconds", TWICE, "direct discovery=none", n(30.0)),
        ("config_propagation_seconds_mean", CHANGES, PROXY, n(17.5)),
        ("config_propagation_seconds_max", CHANGES, PROXY, n(20.0)),
        ("config_propagation_seconds_max", CONVERGED, PROXY, "-".into()),
        ("converges_failed", DEAD_NODE, CHEF_10, n(2.0)),
        ("endless_loops", ENDLESS, CHEF_10, n(1.0)),
        ("endless_loops", DEAD_NODE, CHEF_10, n(0.0)),
        // 55,535 containers would have to be there first.
        ("ports_exhausted", DEAD_NODE, CHEF_10, n(0.0)),
        ("leadership_losses", AWAY, "kubernetes store=dedicated", n(1.0)),
        // Counted against the stops seen in `fleet_worlds.rs`; nothing is stopped where no list is read at all.
        ("healthy_stops", AWAY, "fleet store=dedicated", n(0.0)),
        // Each of the three machines gives up once, 10 s after its first heartbeat in vain.
        ("loops_stopped", AWAY, "fleet store=dedicated", n(3.0)),
        ("turns_lost", SLOW, "fleet store=dedicated", n(1.0)),
        ]
}

fn same(found: Value, want: &str) -> bool {
    let (bound, number) = match (found, want) {
        (Value::Undefined, want) => return want == "-",
        (Value::AtLeast(_), want) => (want.starts_with('>'), &want[1..]),
        (_, want) => (!want.starts_with('>') && want != "-", want),
    };
    let (Some(x), Ok(y)) = (found.number(), number.parse::<f64>()) else { return false };
    bound && (x - y).abs() <= 1e-9 * y.abs()
}

#[test]
fn every_metric_is_what_a_hand_makes_of_a_small_world() {
    let mut wrong = Vec::new();
    for (name, text, options, want) in cases() {
        let result = run(&world(text), options).unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = *result.metric(name).unwrap_or_else(|| panic!("no metric {name}"));
        if !same(found, &want) {
            wrong.push(format!("{name}: found {found:?}, by hand {want}; {options}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_metric_is_without_a_case() {
    let cases = cases();
    let covered: BTreeSet<&str> = cases.iter().map(|case| case.0).collect();
    let rows: BTreeSet<&str> = metrics().map(|row| row.name).collect();
    assert_eq!(covered, rows);
}

/// Hands every change to one set of families, and to another only those that each asks for.
struct Twice<'a>([Vec<Box<dyn Family + 'a>>; 2]);

impl Observer for Twice<'_> {
    fn change(&mut self, at: SimTime, change: &Change) {
        for family in &mut self.0[0] {
            family.change(at, change);
        }
        for family in self.0[1].iter_mut().filter(|family| family.wants().has(change.kind())) {
            family.change(at, change);
        }
    }

    fn finish(&mut self, end: SimTime) {
        self.0.iter_mut().flatten().for_each(|family| family.finish(end));
    }
}

/// A family that leaves out a kind of change that it reads would go unnoticed where that kind is rare.
#[test]
fn families_ask_for_every_change_that_they_read() {
    for seed in 0..60 {
        let setup = random_setup(seed);
        for which in 0..ORCHESTRATORS.len() {
            let options = random_options(seed, which);
            let families = || FAMILIES.iter().map(|family| (family.build)(&setup, &options)).collect();
            let mut twice = Twice([families(), families()]);
            let flags =
                Flags { every_tick: false, plain: false, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
            simulate(&setup, &options, &mut twice, flags).unwrap();
            let [all, asked] = twice.0.map(|set| set.iter().map(|family| family.values()).collect::<Vec<_>>());
            assert_eq!(all, asked, "seed {seed}, {}", options.orchestrator);
        }
    }
}
