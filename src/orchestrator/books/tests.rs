//! Books that find hosts against books that look at all of them, over the same random streams of news.

use super::*;
use crate::cluster::{Cluster, HostSpec};
use crate::host::HostModel;
use crate::orchestrator::{ORCHESTRATORS, Options};
use crate::placement::PLACEMENTS;
use crate::rng::{Purpose, Seed, Stream};
use crate::units::{Bytes, MilliCpu, SimTime};
use crate::workload::{Job, UsageMode, Workload, WorkloadBuilder};

const JOBS: u64 = 900;

fn cluster(draw: &mut Stream, hosts: u64, wild: bool) -> Cluster {
    let shapes = [1, 3, 1_000][draw.below(3) as usize];
    let specs = (0..hosts).map(|i| {
        let shape = draw.below(shapes) as i64;
        let mut host = HostSpec::new(format!("h{i:04}"), MilliCpu(4_000 + 777 * shape), Bytes::gib(8 + shape % 40));
        if wild {
            host.gpus = draw.below(3) as u16;
            host.ephemeral = Bytes::gib(draw.below(3) as i64);
            host.pods = (draw.below(3) == 0).then_some(draw.below(6) as u32);
            if draw.below(4) == 0 {
                host.labels.insert("zone".into(), "a".into());
            }
            if draw.below(8) == 0 {
                host.taints.push("special=true:NoSchedule".into());
            }
        }
        host
    });
    Cluster::new(specs.collect(), &[]).unwrap()
}

fn workload(draw: &mut Stream, wild: bool) -> Workload {
    let mut builder = WorkloadBuilder::new();
    let sizes = [2, 50, 3_000][draw.below(3) as usize];
    for i in 0..JOBS {
        let (cpu, memory) = (3_000 * draw.below(sizes) / sizes, (6 << 30) * draw.below(sizes) / sizes);
        let mut job = Job::service(format!("j{i:04}"), SimTime(i), MilliCpu(cpu as i64), Bytes(memory as i64));
        job.app = format!("app-{}", draw.below(4));
        if draw.below(2) == 0 {
            job.spec.process_type = ["web", "worker"][draw.below(2) as usize].into();
        }
        if wild && draw.below(3) == 0 {
            match draw.below(6) {
                0 => job.spec.gpus = vec![500],
                1 => job.spec.ephemeral = Bytes::gib(1),
                2 => job.spec.node_selector = vec![("zone".into(), "a".into())],
                3 => job.spec.ports = vec![80 + draw.below(2) as u16],
                4 => job.spec.tolerations = vec!["special".into()],
                _ => job.spec.controller = Controller::DaemonSet,
            }
        }
        builder.push(job).unwrap();
    }
    builder.finish(UsageMode::Request, Seed(1)).unwrap()
}

/// All that the books of a stream decide, and what they looked at.
fn decisions(seed: u64, options: &Options, plain: bool) -> (Vec<Option<HostId>>, u64) {
    let mut draw = Seed(seed).stream(Purpose::Shape, 0);
    let (wild, hosts) = (draw.below(2) == 0, 1 + draw.below(200));
    let (cluster, workload) = (cluster(&mut draw, hosts, wild), workload(&mut draw, wild));
    let host_model = HostModel::default();
    let world = World {
        cluster: &cluster,
        workload: &workload,
        host_model: &host_model,
        options,
        seed: Seed(seed),
        every_tick: false,
        plain,
        explain: None,
    };
    let limit = [None, Some(5)][draw.below(2) as usize];
    let mut books = Books::new(&world, limit, draw.below(2) == 0);
    for host in cluster.ids() {
        books.bookings.set_open(host, draw.below(6) > 0);
    }
    let mut chosen = Vec::new();
    for job in workload.ids() {
        let on = |books: &Books, host: u64| books.on(HostId(host as u32));
        match draw.below(20) {
            0 => {
                let host = HostId(draw.below(hosts) as u32);
                let open = books.bookings.is_open(host);
                books.bookings.set_open(host, !open);
            }
            1 => {
                // A lost host: its jobs are bound anew.
                let host = draw.below(hosts);
                books.bookings.set_open(HostId(host as u32), false);
                for job in on(&books, host) {
                    assert_eq!(books.unbind(&world, job), Some(HostId(host as u32)));
                    chosen.push(books.place(&world, job));
                }
            }
            2..=7 => {
                let host = draw.below(hosts);
                for job in on(&books, host).into_iter().step_by(2) {
                    books.unbind(&world, job);
                }
            }
            8 => {
                // More than it holds: bound without a question.
                books.bind(&world, job, HostId(draw.below(hosts) as u32));
                continue;
            }
            9 => {
                let third = draw.below(3) as u32;
                chosen.push(books.place_among(&world, job, Some(&|host| host.0 % 3 == third)));
                continue;
            }
            10 => books.bookings.reserve(HostId(draw.below(hosts) as u32), 100 << 20),
            _ => {}
        }
        chosen.push(books.place(&world, job));
        let (missing, stale) = books.differences(HostId(0), &[job]);
        let first = on(&books, 0);
        assert_eq!(missing, first.iter().copied().filter(|&other| other != job).collect::<Vec<_>>());
        assert_eq!(stale.is_empty(), first.contains(&job));
    }
    (chosen, books.looked_at())
}

#[test]
fn hosts_that_are_found_are_those_of_a_scan() {
    for info in PLACEMENTS {
        for tie_break in [TieBreak::First, TieBreak::Random] {
            let mut options = Options::of(&ORCHESTRATORS[0]);
            (options.placement, options.tie_break) = (info.name, tie_break);
            let seeds = if info.find.is_some() || info.name == "least-of-type" { 24 } else { 2 };
            let mut found = 0;
            for seed in 0..seeds {
                let (fast, _) = decisions(seed, &options, false);
                let (plain, _) = decisions(seed, &options, true);
                assert_eq!(fast, plain, "{} {tie_break:?} seed {seed}", info.name);
                found += fast.iter().flatten().count();
            }
            assert!(found > 100, "{}", info.name);
        }
    }
}

/// Words, hosts and entries looked at for a job where so many hosts are full to seven tenths, by a fast placement.
fn looked_at_per_job(name: &'static str, hosts: usize) -> f64 {
    let specs = (0..hosts).map(|i| HostSpec::new(format!("h{i:06}"), MilliCpu(64_000), Bytes::gib(256)));
    let cluster = Cluster::new(specs.collect(), &[]).unwrap();
    let mut draw = Seed(3).stream(Purpose::Shape, 0);
    let mut builder = WorkloadBuilder::new();
    let (standing, then) = (hosts * 18, 5_000);
    for i in 0..standing + then {
        let cpu = [500, 1_000, 2_000, 4_000, 8_000][draw.below(5) as usize];
        let memory = Bytes::mib(cpu * (2 + 2 * draw.below(3) as i64));
        builder.push(Job::service(format!("j{i:07}"), SimTime(i as u64), MilliCpu(cpu), memory)).unwrap();
    }
    let workload = builder.finish(UsageMode::Request, Seed(1)).unwrap();
    let mut options = Options::of(&ORCHESTRATORS[0]);
    options.placement = name;
    let host_model = HostModel::default();
    let world = World {
        cluster: &cluster,
        workload: &workload,
        host_model: &host_model,
        options: &options,
        seed: Seed(1),
        every_tick: false,
        plain: false,
        explain: None,
    };
    let mut books = Books::new(&world, None, false);
    cluster.ids().for_each(|host| books.bookings.set_open(host, true));
    let mut running = Vec::new();
    let mut before = 0;
    for job in workload.ids() {
        if job.index() >= standing {
            if job.index() == standing {
                before = books.looked_at();
            }
            let gone = running.swap_remove(draw.below(running.len() as u64) as usize);
            books.unbind(&world, gone);
        }
        if books.place(&world, job).is_some() {
            running.push(job);
        }
    }
    (books.looked_at() - before) as f64 / then as f64
}

#[test]
fn few_are_looked_at_for_a_job() {
    for (name, most) in [("least-jobs", 8.0), ("least-of-type", 8.0), ("first-fit", 120.0)] {
        for hosts in [100, 1_000, 4_000] {
            let looked = looked_at_per_job(name, hosts);
            assert!(looked <= most, "{name}: {looked} a job on {hosts} hosts");
        }
    }
    for (name, most) in [("best-fit", 90.0), ("worst-fit", 120.0)] {
        let looked = looked_at_per_job(name, 4_000);
        assert!(looked <= most, "{name}: {looked} a job on 4,000 hosts");
    }
    // Every 64 hosts are a word.
    assert!(looked_at_per_job("random", 4_000) <= 2.0 * 4_000.0 / 64.0 + 8.0);
}
