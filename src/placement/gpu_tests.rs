//! Placements that look at GPUs, by hand.

use super::placement;
use super::{Ask, Placement};
use crate::cluster::{Bookings, Cluster, HostSpec, Request};
use crate::ids::{HostId, JobId};
use crate::rng::Seed;
use crate::units::{Bytes, MilliCpu, SimTime};
use crate::workload::{Job, UsageMode, Workload, WorkloadBuilder};

fn request(cores: i64, gpus: &[u16]) -> Request<'_> {
    Request { cpu: MilliCpu(cores * 1000), memory: Bytes(0), gpus, ..Request::default() }
}

/// Hosts a, b … of so many cores and GPUs.
fn cluster(hosts: &[(i64, u16)]) -> Cluster {
    let host = |(i, &(cores, gpus)): (usize, &(i64, u16))| {
        let name = char::from(b'a' + i as u8).to_string();
        HostSpec { gpus, ..HostSpec::new(name, MilliCpu(cores * 1000), Bytes::gib(1)) }
    };
    Cluster::new(hosts.iter().enumerate().map(host).collect(), &[]).unwrap()
}

/// So many jobs of each (cores, GPUs).
fn workload(jobs: &[(i64, &[u16], usize)]) -> Workload {
    let mut builder = WorkloadBuilder::new();
    for (kind, (cores, gpus, count)) in jobs.iter().enumerate() {
        for i in 0..*count {
            let mut job = Job::service(format!("{kind}-{i}"), SimTime(0), MilliCpu(cores * 1000), Bytes(0));
            job.spec.gpus = gpus.to_vec();
            builder.push(job).unwrap();
        }
    }
    builder.finish(UsageMode::Request, Seed(1)).unwrap()
}

/// Where `name` puts a job, and on which GPU if it says.
fn chosen(name: &str, cluster: &Cluster, bookings: &Bookings, list: &Workload, job: Request) -> (String, Option<u16>) {
    let mut rule: Box<dyn Placement> = (placement(name).unwrap().build)(cluster, list);
    let ask = Ask {
        cluster,
        bookings,
        request: job,
        job: JobId(0),
        decision: 1,
        admits: &|_| true,
        same_type: &|_| 0,
        random_ties: false,
        seed: Seed(1),
    };
    let host = rule.choose(&ask).unwrap();
    (cluster.name(host).into(), rule.device(&ask, host))
}

/// a: 64 cores, 2 GPUs, idle. b: the same with 4 cores and 400 thousandths taken: 60 cores, [600, 1000]. c: 96 cores, 4 GPUs, with
/// 16 cores and two whole GPUs taken: 80 cores, [0, 0, 1000, 1000].
fn world() -> (Cluster, Bookings, Workload) {
    let cluster = cluster(&[(64, 2), (64, 2), (96, 4)]);
    let mut bookings = Bookings::new(&cluster);
    bookings.book(JobId(90), &request(4, &[400]), HostId(1), None);
    bookings.book(JobId(91), &request(16, &[1000, 1000]), HostId(2), None);
    (cluster, bookings, workload(&[(8, &[300], 2), (8, &[1000], 1)]))
}

#[test]
fn a_job_that_shares_a_gpu_goes_where_the_formulas_say() {
    let (cluster, bookings, list) = world();
    for (name, host, device) in [
        // 1 - 56/128/2 - 1700/8000/2 = 67.5 %, b 71.6 %, c 61.3 %.
        ("fgd-best-fit", "b", None),
        // (0.5 * 0.0625 + 0.25 * 0.0375) / 2 from 1: 97.97 %, b 98.16 %, c 97.58 %.
        ("fgd-dot-prod", "b", None),
        // a idle: 33 - 2; b: 100 - 60/10; c: an untouched GPU, 50 - 1.
        ("fgd-gpu-packing", "b", None),
        // a: 18 + 25; b: 20 + 75, sharers only; c: 18 + 0, others only.
        ("fgd-gpu-clustering", "b", None),
        // Shares 2/3, 1/3. a: 700 are lost to whole ones, F = 233, so 44; b on GPU 0: from 200 to 100, so 52; on GPU 1: 433, so 44.
        ("fgd", "b", Some(0)),
        // a: 8/64 * 1 + 300/2000 * 1 = 0.275; b: 8/64 * 60/64 + 300/2000 * 0.8 = 0.237; c: 8/96 * 80/96 + 300/4000 * 0.5 = 0.107.
        ("tetris", "a", None),
        // Squares of CPU and GPU, and 1 of memory: a 0.766 + 0.723, b 0.660 + 0.423, c 0.563 + 0.181.
        ("best-fit-norm", "c", None),
    ] {
        assert_eq!(chosen(name, &cluster, &bookings, &list, request(8, &[300])), (host.into(), device), "{name}");
    }
}

#[test]
fn a_job_that_wants_a_whole_gpu_goes_where_the_formulas_say() {
    let (cluster, bookings, list) = world();
    for (name, host, device) in [
        // 71.9 %, 75.9 %, 65.6 %.
        ("fgd-best-fit", "b", None),
        // 96.9 %, 97.3 %, 96.5 %.
        ("fgd-dot-prod", "b", None),
        // a: 31; b and c: an untouched GPU of a host in use, 49: the first name.
        ("fgd-gpu-packing", "b", None),
        // a: 18 + 25 without GPU jobs; b: 20 + 0 and c: 18 + 0, of other classes.
        ("fgd-gpu-clustering", "a", None),
        // Nothing is lost on a and c: 50. On b the 600 that are left are lost to whole ones, as before: 50. The first name.
        ("fgd", "a", Some(0)),
    ] {
        assert_eq!(chosen(name, &cluster, &bookings, &list, request(8, &[1000])), (host.into(), device), "{name}");
    }
}

#[test]
fn jobs_without_gpu_are_all_the_same_to_rules_of_gpus() {
    let (cluster, bookings, list) = world();
    for name in ["fgd-gpu-packing", "fgd-gpu-clustering"] {
        assert_eq!(chosen(name, &cluster, &bookings, &list, request(8, &[])), ("a".into(), None), "{name}");
    }
    // 57 cores: a keeps 7 and b 3, too few for any typical job, and all of their GPU is lost; c keeps 23.
    assert_eq!(chosen("fgd", &cluster, &bookings, &list, request(57, &[])), ("c".into(), None));
}

#[test]
fn fgd_may_take_an_emptier_gpu_than_the_fullest_with_room() {
    let cluster = cluster(&[(64, 2)]);
    let mut bookings = Bookings::new(&cluster);
    bookings.book(JobId(90), &request(1, &[500]), HostId(0), Some(0));
    bookings.book(JobId(91), &request(1, &[200]), HostId(0), Some(1));
    assert_eq!(bookings.free_gpus(HostId(0)), [500, 800]);
    // Nine of ten want 400, one 500. On the fullest 100 are lost to all: 47. On the other 400 are lost to the one: F = 40, 49.
    let list = workload(&[(1, &[400], 9), (1, &[500], 1)]);
    assert_eq!(chosen("fgd", &cluster, &bookings, &list, request(1, &[400])), ("a".into(), Some(1)));
    assert_eq!(bookings.choose_gpus(HostId(0), &[400]), Some(vec![0]));
}

#[test]
fn random_takes_every_host_and_gpu_with_room_now_and_then() {
    let (cluster, bookings, list) = world();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut rule = (placement("fgd-random").unwrap().build)(&cluster, &list);
        let ask = Ask {
            cluster: &cluster,
            bookings: &bookings,
            request: request(8, &[700]),
            job: JobId(0),
            decision: 1,
            admits: &|_| true,
            same_type: &|_| 0,
            random_ties: false,
            seed: Seed(seed),
        };
        let host = rule.choose(&ask).unwrap();
        seen.insert((cluster.name(host).to_string(), rule.device(&ask, host).unwrap()));
    }
    let want = [("a", 0), ("a", 1), ("b", 1), ("c", 2), ("c", 3)].map(|(host, device)| (host.to_string(), device));
    assert_eq!(seen, want.into());
}
