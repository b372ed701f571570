//! Placements: the rule that picks one host for one job, from what the control plane has booked.
//!
//! One file and one row each. A placement knows no time, no usage and no orchestrator; who may be asked (hosts that
//! are open, taints, pod limits) is settled by the caller. To add one, see the recipe in ARCHITECTURE.md.

mod best_fit;
mod best_fit_norm;
mod fgd;
mod fgd_best_fit;
mod fgd_dot_prod;
mod fgd_gpu_clustering;
mod fgd_gpu_packing;
mod fgd_random;
mod first_fit;
pub mod fragmentation;
#[cfg(test)]
mod gpu_tests;
mod kube_default;
mod kube_least_requested;
mod kube_most_allocated;
mod kube_requested_to_capacity_ratio;
mod least_jobs;
mod least_of_type;
mod random;
mod round_robin;
mod scored;
mod tetris;
mod worst_fit;

pub use kube_default::{balanced_allocation, least_allocated};
pub(crate) use least_jobs::find_fewest;

use crate::cluster::{Bookings, Cluster, Request};
use crate::ids::{HostId, JobId};
use crate::rng::{Purpose, Seed};
use crate::workload::Workload;

/// What a placement is asked.
pub struct Ask<'a> {
    /// The hosts.
    pub cluster: &'a Cluster,
    /// What is booked on them.
    pub bookings: &'a Bookings,
    /// What the job requests.
    pub request: Request<'a>,
    /// The job.
    pub job: JobId,
    /// Number of this decision for the job, from 1.
    pub decision: u32,
    /// Whether the control plane may use a host at all.
    pub admits: &'a dyn Fn(HostId) -> bool,
    /// Jobs of the same process type booked on a host.
    pub same_type: &'a dyn Fn(HostId) -> u32,
    /// Whether equals are told apart by chance instead of by name.
    pub random_ties: bool,
    /// Seed of that chance.
    pub seed: Seed,
}

/// Picks a host.
pub trait Placement {
    /// The host for the job, or `None` if there is none now.
    fn choose(&mut self, ask: &Ask) -> Option<HostId>;

    /// The GPU that a job that wants one is to have on the host that was chosen for it, by its place; it has room for the
    /// job. `None` (the default): the fullest with room, lowest place among equals.
    fn device(&mut self, _ask: &Ask, _host: HostId) -> Option<u16> {
        None
    }
}

/// Finds the host that [`Placement::choose`] of the same row would, without looking at all hosts.
///
/// It is kept in step with the books: whoever asks first tells it of every host that has changed.
pub trait Finder {
    /// Something of `host` has changed: what is booked on it, or whether it is `usable`, that is, open and below its limit of jobs.
    fn changed(&mut self, ask: &Changed, host: HostId, usable: bool);

    /// The host for the job. `all`: [`Ask::admits`] admits every usable host, and need not be asked.
    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId>;

    /// How many words, hosts and entries that stand for several it has looked at so far.
    fn looked_at(&self) -> u64;
}

/// Makes a finder for the hosts of a run; it knows none of them as usable yet.
pub type MakeFinder = fn(&Cluster) -> Box<dyn Finder>;

/// What has changed, as finders are told.
pub struct Changed<'a> {
    /// The hosts.
    pub cluster: &'a Cluster,
    /// What is booked on them now.
    pub bookings: &'a Bookings,
}

impl Changed<'_> {
    /// CPU and memory of `host` that are not booked.
    fn free(&self, host: HostId) -> [i64; 2] {
        let spec = self.cluster.spec(host);
        [spec.cpu.0 - self.bookings.cpu(host), spec.memory.0 - self.bookings.memory(host)]
    }
}

/// A row of the table of placements.
pub struct PlacementInfo {
    /// Name everywhere.
    pub name: &'static str,
    /// One line for `list`, `--help` and the README.
    pub summary: &'static str,
    /// Whether it only takes hosts whose free requests hold the job.
    pub looks_at_requests: bool,
    /// Whether it draws, so that it must be told which decision about a job it is asked for.
    pub draws: bool,
    /// The ready-made scheduler profile that the `kubernetes` orchestrator runs in full under this name.
    pub kube_profile: Option<&'static str>,
    /// Makes one for a run.
    pub build: fn(&Cluster, &Workload) -> Box<dyn Placement>,
    /// Makes what finds the same hosts without looking at all of them, if there is such a thing.
    pub find: Option<MakeFinder>,
}

impl PlacementInfo {
    /// What most rows say; a row names what it is.
    const BASE: PlacementInfo = PlacementInfo {
        name: "",
        summary: "",
        looks_at_requests: false,
        draws: false,
        kube_profile: None,
        build: |_, _| Box::new(first_fit::FirstFit),
        find: None,
    };
}

impl std::fmt::Debug for PlacementInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlacementInfo({})", self.name)
    }
}

/// The placements.
pub const PLACEMENTS: &[PlacementInfo] = &[
    first_fit::INFO,
    best_fit::INFO,
    worst_fit::INFO,
    round_robin::INFO,
    random::INFO,
    least_jobs::INFO,
    least_of_type::INFO,
    kube_default::INFO,
    kube_most_allocated::INFO,
    kube_requested_to_capacity_ratio::INFO,
    kube_least_requested::INFO,
    best_fit_norm::INFO,
    tetris::INFO,
    fgd::INFO,
    fgd_best_fit::INFO,
    fgd_dot_prod::INFO,
    fgd_gpu_clustering::INFO,
    fgd_gpu_packing::INFO,
    fgd_random::INFO,
];

/// The placement of that name.
pub fn placement(name: &str) -> Option<&'static PlacementInfo> {
    PLACEMENTS.iter().find(|p| p.name == name)
}

impl Ask<'_> {
    /// Whether CPU and memory alone decide whether a usable host holds the job.
    fn only_sizes(&self) -> bool {
        let r = &self.request;
        r.ephemeral.0 <= 0
            && r.gpus.is_empty()
            && r.gpu_models.is_empty()
            && r.extended.is_empty()
            && r.selector.is_empty()
            && r.constraints.is_empty()
            && r.ports.is_empty()
    }

    /// Whether `host`, which is usable and has the CPU and memory, takes the job.
    fn takes(&self, host: HostId) -> bool {
        (self.admits)(host) && self.bookings.fits(self.cluster, &self.request, host)
    }

    /// Hosts that may be used at all, in order of names.
    pub fn admitted(&self) -> impl Iterator<Item = HostId> + '_ {
        self.cluster.ids().filter(|&host| (self.admits)(host))
    }

    /// Those of them whose free requests hold the job.
    pub fn feasible(&self) -> impl Iterator<Item = HostId> + '_ {
        self.admitted().filter(|&host| self.bookings.fits(self.cluster, &self.request, host))
    }

    /// The host with the lowest `key` among `hosts` (in order of names); equals by the run's tie rule: the first name,
    /// or one drawn from (seed, job, decision).
    pub fn lowest<K: PartialOrd + Copy>(
        &self,
        hosts: impl Iterator<Item = HostId>,
        key: impl Fn(HostId) -> K,
    ) -> Option<HostId> {
        let mut best: Option<(K, HostId)> = None;
        let mut equals: Vec<HostId> = Vec::new();
        for host in hosts {
            let k = key(host);
            match best {
                Some((least, _)) if k > least => {}
                Some((least, _)) if k == least => {
                    if self.random_ties {
                        equals.push(host);
                    }
                }
                _ => {
                    best = Some((k, host));
                    equals.clear();
                    equals.push(host);
                }
            }
        }
        let (_, first) = best?;
        if self.random_ties && equals.len() > 1 {
            let r = self.draw(Purpose::TieBreak).below(equals.len() as u64);
            return Some(equals[r as usize]);
        }
        Some(first)
    }

    /// CPU that is not booked on `host`, milli-CPU; below 0 where more is booked than it has.
    fn cpu_left(&self, host: HostId) -> i64 {
        self.cluster.spec(host).cpu.0 - self.bookings.cpu(host)
    }

    /// Thousandths that are not promised on all GPUs of `host`.
    fn gpu_left(&self, host: HostId) -> i64 {
        self.bookings.free_gpus(host).iter().map(|&free| i64::from(free)).sum()
    }

    /// Thousandths of all GPUs that the job wants.
    fn gpu_wanted(&self) -> i64 {
        self.request.gpus.iter().map(|&wish| i64::from(wish)).sum()
    }

    /// CPU, memory and GPU as the job wants them and as `host` has them.
    fn sizes(&self, host: HostId) -> [Size; 3] {
        let spec = self.cluster.spec(host);
        let memory = spec.memory.0;
        [
            Size { wanted: self.request.cpu.0, free: self.cpu_left(host), capacity: spec.cpu.0 },
            Size { wanted: self.request.memory.0, free: memory - self.bookings.memory(host), capacity: memory },
            Size { wanted: self.gpu_wanted(), free: self.gpu_left(host), capacity: i64::from(spec.gpus) * 1_000 },
        ]
    }

    /// The stream for this decision.
    pub fn draw(&self, purpose: Purpose) -> crate::rng::Stream {
        self.seed.stream(purpose, (u64::from(self.job.0) << 32) | u64::from(self.decision))
    }
}

/// One resource of a host and a job.
#[derive(Clone, Copy)]
struct Size {
    wanted: i64,
    free: i64,
    capacity: i64,
}

impl Size {
    /// `amount` in parts of the host's, in steps of 2^-30 rounded toward zero; 0 where it has none.
    fn part(&self, amount: i64) -> i64 {
        match self.capacity {
            0 => 0,
            capacity => (i128::from(amount) * (1 << 30) / i128::from(capacity)) as i64,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cluster::HostSpec;
    use crate::units::{Bytes, MilliCpu};

    /// Jobs of (milli-CPU, MiB).
    fn workload(jobs: &[(i64, i64)]) -> Workload {
        let mut builder = crate::workload::WorkloadBuilder::new();
        for (i, &(cpu, mib)) in jobs.iter().enumerate() {
            let at = crate::units::SimTime(i as u64);
            let job = crate::workload::Job::service(format!("job-{i}"), at, MilliCpu(cpu), Bytes::mib(mib));
            builder.push(job).unwrap();
        }
        builder.finish(crate::workload::UsageMode::Request, Seed(1)).unwrap()
    }

    /// Places jobs of (milli-CPU, MiB) one after the other on hosts of (milli-CPU, MiB) named a, b, c …, and returns
    /// the names chosen, `-` for none.
    pub(crate) fn placed(
        name: &str,
        hosts: &[(i64, i64)],
        jobs: &[(i64, i64)],
        random_ties: bool,
        seed: u64,
    ) -> String {
        let specs = hosts.iter().enumerate().map(|(i, &(cpu, mib))| {
            HostSpec::new(char::from(b'a' + i as u8).to_string(), MilliCpu(cpu), Bytes::mib(mib))
        });
        let cluster = Cluster::new(specs.collect(), &[]).unwrap();
        let mut bookings = Bookings::new(&cluster);
        let workload = workload(jobs);
        let mut rule = (placement(name).unwrap().build)(&cluster, &workload);
        let mut chosen = Vec::new();
        for (i, &(cpu, mib)) in jobs.iter().enumerate() {
            let job = JobId(i as u32);
            let request = Request { cpu: MilliCpu(cpu), memory: Bytes::mib(mib), ..Request::default() };
            let ask = Ask {
                cluster: &cluster,
                bookings: &bookings,
                request,
                job,
                decision: 1,
                admits: &|_| true,
                same_type: &|h| bookings.jobs(h),
                random_ties,
                seed: Seed(seed),
            };
            match rule.choose(&ask) {
                Some(host) => {
                    bookings.book(job, &request, host, None);
                    chosen.push(cluster.name(host).to_owned());
                }
                None => chosen.push("-".into()),
            }
        }
        chosen.join(" ")
    }

    const HOSTS: &[(i64, i64)] = &[(2000, 4096), (1000, 1024), (4000, 8192)];

    #[test]
    fn each_placement_has_its_own_way_with_the_same_jobs() {
        let jobs = &[(500, 512), (500, 512), (1000, 256), (3000, 4096), (1500, 100)];
        let check = |name, want| assert_eq!(placed(name, HOSTS, jobs, false, 1), want, "{name}");
        check("first-fit", "a a a c -");
        // Left after placement, CPU share + memory share: a (1500/2000 + 3584/4096), b (1/2 + 1/2), c (7/8 + 15/16);
        // b is least, then full at (0 + 0); 1000m: a (1/2 + 15/16), c (3/4 + 31/32); 3000m: only c;
        // 1500m: a has 1000 left, c 1000.
        check("best-fit", "b b a c -");
        // c 1.81; then a and c are equal at 1.625; 1000m: c 1.53; 3000m: c has 2500 left; 1500m: a 0.85, c 1.14.
        check("worst-fit", "c a c - c");
        check("round-robin", "a b c a b");
        check("least-jobs", "a b c a b");
    }

    #[test]
    fn no_placement_that_looks_at_requests_overfills_and_all_repeat_themselves() {
        for info in PLACEMENTS {
            for seed in 0..50 {
                let mut s = Seed(seed).stream(Purpose::Shape, 1);
                let jobs: Vec<(i64, i64)> = (0..30).map(|_| (s.below(1500) as i64, s.below(3000) as i64)).collect();
                let first = placed(info.name, HOSTS, &jobs, true, seed);
                assert_eq!(first, placed(info.name, HOSTS, &jobs, true, seed), "{} seed {seed}", info.name);
                let mut used = [(0, 0); 3];
                for (host, job) in first.split(' ').zip(&jobs) {
                    if let Some(h) = "abc".find(host) {
                        used[h] = (used[h].0 + job.0, used[h].1 + job.1);
                    }
                }
                if info.looks_at_requests {
                    for (u, h) in used.iter().zip(HOSTS) {
                        assert!(u.0 <= h.0 && u.1 <= h.1, "{} overfilled, seed {seed}", info.name);
                    }
                } else {
                    assert!(!first.contains('-'), "{} found no host, seed {seed}", info.name);
                }
            }
        }
    }

    #[test]
    fn a_random_tie_is_one_of_the_equals_and_follows_the_seed() {
        let hosts = &[(1000, 1024), (1000, 1024), (1000, 1024)];
        let seen: std::collections::BTreeSet<String> =
            (0..40).map(|seed| placed("least-jobs", hosts, &[(1, 1)], true, seed)).collect();
        assert_eq!(seen.into_iter().collect::<String>(), "abc");
    }
}
