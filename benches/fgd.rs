//! What does FGD cost? The workload-inflation experiment of its paper (scenarios/papers/fgd-atc23.yaml), one seed a policy.
//!
//! `cargo bench --bench fgd [-- OPENB_DIR]`. With the folder of the openb lists it is the experiment itself; without, hosts and a list of the
//! same make are drawn (1,213 hosts; 8,152 jobs: 1,088 without GPU, 3,078 that share one, 3,911 with one, 75 with 2, 4 or 8).
//!
//! For each policy the least processor time of some whole runs, arrivals and engine included. For FGD also with every host scored anew at every
//! decision, in the same process: jobs that bind a port of their own each take that path, and are placed alike. Not criterion: its
//! wall clock says little on a machine that others use.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the clock")]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::experiment::run_demand;
use plimsoll::orchestrator::Options;
use plimsoll::rng::{Purpose, Seed};
use plimsoll::scenario::{Budgets, Scenario, read_text, resolve};
use plimsoll::sim::Setup;
use plimsoll::trace::native;
use plimsoll::units::{Bytes, MilliCpu, SimDuration, SimTime};
use plimsoll::workload::inflation::Asked;
use plimsoll::workload::{Job, UsageMode, Workload, WorkloadBuilder};

use common::processor_time;

const TURNS: usize = 3;
const SCENARIO: &str = include_str!("../scenarios/papers/fgd-atc23.yaml");

fn hosts() -> Vec<HostSpec> {
    let host = |i: u64| {
        let mut dice = Seed(1).stream(Purpose::Machine, i);
        let (cores, gpus) = [(96, 8), (128, 8), (96, 4), (64, 2), (64, 4)][dice.below(5) as usize];
        let mut host = HostSpec::new(format!("h-{i:04}"), MilliCpu(cores * 1000), Bytes::gib(cores * 6));
        (host.gpus, host.gpu_model) = (gpus, "X".into());
        host
    };
    (0..1_213).map(host).collect()
}

fn jobs() -> Workload {
    let mut builder = WorkloadBuilder::new();
    for i in 0..8_152u64 {
        let mut dice = Seed(1).stream(Purpose::Shape, i);
        let (cores, gpus) = match i {
            0..1_088 => ([1, 2, 4, 8, 32][dice.below(5) as usize], vec![]),
            1_088..4_166 => ([2, 4, 6, 8][dice.below(4) as usize], vec![50 + 10 * dice.below(90) as u16]),
            4_166..8_077 => ([4, 6, 8, 11, 12, 16][dice.below(6) as usize], vec![1_000]),
            i => ([16, 32, 64, 88][dice.below(4) as usize], vec![1_000; [2, 4, 8, 8][(i % 4) as usize]]),
        };
        let memory = Bytes::gib(4 * cores);
        let mut job = Job::service(format!("job-{i:04}"), SimTime(0), MilliCpu(cores * 1000), memory);
        job.spec.gpus = gpus;
        builder.push(job).expect("a job");
    }
    builder.finish(UsageMode::Request, Seed(1)).expect("jobs")
}

/// A folder that goes away.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn scenario(openb: Option<&Path>, made: &Folder) -> Scenario {
    let mut file = read_text(SCENARIO.as_bytes(), &Budgets::default()).expect("a scenario");
    let trace = &mut file.workload.value.trace.as_mut().expect("a trace").value;
    match openb {
        Some(folder) => {
            let list = |name: &str| folder.join(name).display().to_string();
            trace.path.value =
                format!("{},{}", list("openb_node_list_gpu_node.csv"), list("openb_pod_list_default.csv"));
        }
        None => {
            let files = native::write(&jobs(), &hosts()).expect("a trace");
            std::fs::write(made.0.join("x.csv"), files.jobs).expect("room");
            std::fs::write(made.0.join("x.hosts.csv"), files.hosts).expect("room");
            trace.format.value = "native".into();
            trace.path.value = made.0.join("x.csv").display().to_string();
        }
    }
    resolve(&file, Path::new(""), &Budgets::default()).expect("a scenario that can run")
}

/// The same world in which each job binds a port that nobody else does.
fn with_ports(setup: &Setup) -> Setup {
    let workload = &setup.workload;
    let mut builder = WorkloadBuilder::new();
    for job in workload.ids() {
        let mut made = workload.job(job);
        made.spec.ports = vec![job.0 as u16 + 1];
        builder.push(made).expect("a job");
    }
    // The shapes of the list are no longer known: they are those of the jobs, in both worlds.
    let workload = builder.finish(UsageMode::Request, setup.seed).expect("jobs");
    Setup { workload, ..without_list(setup) }
}

/// The same world with its jobs as their own list.
fn without_list(setup: &Setup) -> Setup {
    let workload = &setup.workload;
    let mut builder = WorkloadBuilder::new();
    for job in workload.ids() {
        builder.push(workload.job(job)).expect("a job");
    }
    let cluster: Vec<HostSpec> = setup.cluster.ids().map(|host| setup.cluster.spec(host).clone()).collect();
    Setup {
        cluster: Cluster::new(cluster, &[]).expect("hosts"),
        workload: builder.finish(UsageMode::Request, setup.seed).expect("jobs"),
        host_model: setup.host_model.clone(),
        failures: Vec::new(),
        maintenance: Vec::new(),
        etcd: None,
        platform: None,
        arrivals: setup.arrivals,
        warm_up: SimTime::ZERO,
        end: setup.end,
        drain: SimDuration::ZERO,
        seed: setup.seed,
    }
}

/// Least processor time of some runs, and jobs placed.
fn cost(setup: &Setup, options: &Options, turns: usize) -> (Duration, u64) {
    let mut placed = 0;
    let one = |_| {
        let before = processor_time();
        placed = run_demand(setup, options, Asked::Gpu, u64::MAX, &mut |_| true).expect("a run").placed;
        processor_time() - before
    };
    let least = (0..turns).map(one).min().expect("a turn");
    (least, placed)
}

fn main() {
    let openb = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let made = Folder(std::env::temp_dir().join(format!("plimsoll-fgd-{}", std::process::id())));
    std::fs::create_dir_all(&made.0).expect("a folder");
    let scenario = scenario(openb.as_deref().map(Path::new), &made);
    let setup = &scenario.setup;
    println!("{} hosts, {} arrivals; processor time of a run", setup.cluster.len(), setup.workload.len());
    for options in &scenario.runs {
        let (time, placed) = cost(setup, options, TURNS);
        println!("{:14} {:8.3} s   {placed} placed", options.name, time.as_secs_f64());
    }
    let fgd = scenario.runs.iter().find(|run| run.name == "FGD").expect("a run of FGD");
    let (kept, placed) = cost(&without_list(setup), fgd, 1);
    let (anew, as_many) = cost(&with_ports(setup), fgd, 1);
    assert_eq!(placed, as_many, "both place alike");
    println!(
        "FGD with every host scored anew at every decision: {:.1} times as much",
        anew.as_secs_f64() / kept.as_secs_f64()
    );
}
