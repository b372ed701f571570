//! Inflation: jobs drawn from a list arrive one by one and stay for good, until they ask for so much of one resource.
//!
//! The list is the jobs of a workload in order of names, so that neither the order of rows nor their times matter. What
//! comes out has nothing to do with time: it asks how much of a cluster can be given away before nothing fits any more.

use serde::{Deserialize, Serialize};

use super::sample::{builder_like, copy_name, repeated};
use super::{Controller, JobKind, LONGEST_US, Workload};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::kube::object::pod::Pod;
use crate::rng::{Purpose, Seed};
use crate::units::{SimDuration, SimTime};

/// The resource that requests are added up in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// CPU requests, milli-CPU.
    Cpu,
    /// Memory requests, bytes.
    Memory,
    /// GPUs, thousandths over all GPUs of a job.
    #[default]
    Gpu,
}

impl Asked {
    /// As it is written in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Asked::Cpu => "cpu",
            Asked::Memory => "memory",
            Asked::Gpu => "gpu",
        }
    }

    /// How much of it `job` asks for.
    pub fn of(self, workload: &Workload, job: JobId) -> i128 {
        match self {
            Asked::Cpu => workload.cpu_request(job).0.into(),
            Asked::Memory => workload.memory_request(job).0.into(),
            Asked::Gpu => workload.spec(job).gpus.iter().map(|&share| i128::from(share)).sum(),
        }
    }
}

/// Until when jobs are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inflation {
    /// What is added up.
    pub of: Asked,
    /// All drawn jobs together ask for at most this, in the unit of `of`.
    pub target: i128,
    /// Most jobs that may be drawn.
    pub most_jobs: u64,
}

/// The jobs of a workload in order of names; an order of arrivals is numbers in this list, from 0.
pub fn by_name(workload: &Workload) -> Vec<JobId> {
    let mut jobs: Vec<JobId> = workload.ids().collect();
    jobs.sort_unstable_by(|&a, &b| workload.name(a).cmp(workload.name(b)));
    jobs
}

/// What all jobs of `order` ask for.
pub fn asked_by(base: &Workload, of: Asked, order: &[u32]) -> i128 {
    let list = by_name(base);
    order.iter().map(|&index| of.of(base, list[index as usize])).sum()
}

/// The jobs of `workload` that can be drawn, or only those of them that ask for no GPU, and how many were left out for being
/// tied to one host by its name, as pods of a DaemonSet are. A job no longer waits for one that was left out.
///
/// Errors: none is left.
pub fn list_of(workload: Workload, without_gpus: bool) -> Result<(Workload, u64)> {
    let tied = |job: JobId| {
        let names = |pod: &Pod| pod.node_affinity.required.iter().flatten().any(|term| !term.names.is_empty());
        workload.spec(job).controller == Controller::DaemonSet || workload.template(job).is_some_and(|pod| names(pod))
    };
    let has_gpus = |job: JobId| without_gpus && !workload.spec(job).gpus.is_empty();
    let copies: Vec<u32> = workload.ids().map(|job| u32::from(!tied(job) && !has_gpus(job))).collect();
    if copies.iter().all(|&copies| copies == 1) {
        return Ok((workload, 0));
    }
    let left_out = workload.ids().filter(|&job| tied(job)).count() as u64;
    let (builder, said) = repeated(&workload, &copies)?;
    if said.jobs == 0 {
        let what = match left_out {
            0 => format!("all {} jobs ask for GPUs; jobs: all will do", said.jobs_before),
            _ => format!("none of {} jobs can be drawn: {left_out} are tied to one host", said.jobs_before),
        };
        return Err(Error::input(what));
    }
    Ok((builder.finish(workload.usage(), workload.seed())?, left_out))
}

/// Draws the order in which the jobs of `base` arrive, as numbers in the list [`by_name`].
///
/// All jobs are shuffled. While they ask for less than the target, a job of the list is drawn, any as likely, and comes
/// last; the one that would pass the target is dropped and ends it. If they ask for more at once, jobs are drawn and taken out
/// until they do not.
///
/// Errors: there are too few and no job asks for any of the resource; more jobs than the budget; none is left.
pub fn draw_order(base: &Workload, inflation: Inflation, seed: Seed) -> Result<Vec<u32>> {
    let Inflation { of, target, most_jobs } = inflation;
    let list = by_name(base);
    let amounts: Vec<i128> = list.iter().map(|&job| of.of(base, job)).collect();
    let mut draws = seed.stream(Purpose::Inflation, 0);
    let mut order: Vec<u32> = (0..list.len() as u32).collect();
    shuffle(&mut order, &mut draws);
    let mut sum: i128 = amounts.iter().sum();
    if sum > target {
        // Taken out one by one, but from another list, so that the others keep their order at no cost.
        let mut left: Vec<usize> = (0..order.len()).collect();
        let mut gone = vec![false; order.len()];
        while sum > target && !left.is_empty() {
            let place = left.swap_remove(draws.below(left.len() as u64) as usize);
            gone[place] = true;
            sum -= amounts[order[place] as usize];
        }
        let mut places = gone.iter();
        order.retain(|_| places.next() == Some(&false));
        if order.is_empty() {
            let what = format!("no job is left under {target} of {}; raise it", of.name());
            return Err(Error::input(what).in_field("to"));
        }
        return Ok(order);
    }
    if sum < target && sum == 0 {
        let others = [Asked::Cpu, Asked::Memory, Asked::Gpu]
            .into_iter()
            .filter(|&other| other != of && list.iter().any(|&job| other.of(base, job) > 0));
        let others: Vec<&str> = others.map(Asked::name).collect();
        let do_these = match others.as_slice() {
            [] => "they ask for nothing at all".into(),
            some => format!("{} will do", some.join(" or ")),
        };
        return Err(Error::input(format!("no job asks for any {}; {do_these}", of.name())).in_field("of"));
    }
    while sum < target {
        let index = draws.below(list.len() as u64) as u32;
        let more = amounts[index as usize];
        if sum + more > target {
            break;
        }
        if order.len() as u64 >= most_jobs {
            return Err(Error::budget("jobs", order.len() as u64 + 1, most_jobs, "--max-jobs"));
        }
        order.push(index);
        sum += more;
    }
    Ok(order)
}

/// Any order as likely (Fisher and Yates, from the end).
pub(crate) fn shuffle<T>(items: &mut [T], draws: &mut crate::rng::Stream) {
    for last in (1..items.len()).rev() {
        items.swap(last, draws.below(last as u64 + 1) as usize);
    }
}

/// Jobs of `base` in that order: number k, from 0, arrives at k × `every` and is a service without end. The first of a name
/// is called NAME, the next `NAME+1`, `NAME+2` … They wait for none; what they use follows from the workload's usage mode,
/// for usage of their own would end with a life that they no longer have. A Kubernetes Job behind one is none any more. Time
/// ends one `every` after the last arrival. [`Workload::shapes`] are those of `base`.
///
/// Errors: `every` is 0; times or sums beyond what a workload can hold; a copy's name that is there already.
///
/// Panics if a number is not in the list of [`by_name`].
pub fn arrive_and_stay(base: &Workload, order: &[u32], every: SimDuration) -> Result<Workload> {
    if every == SimDuration::ZERO {
        let what = "jobs that arrive at once would come in order of their names; 1us or more will do";
        return Err(Error::input(what).in_field("every"));
    }
    let end = every.0.checked_mul(order.len() as u64).filter(|&end| end <= LONGEST_US).ok_or_else(|| {
        let what = format!("{} arrivals every {every} last longer than 2^61 µs; less will do", order.len());
        Error::input(what).in_field("every")
    })?;
    let list = by_name(base);
    let mut copies = vec![0u32; list.len()];
    let mut builder = builder_like(base);
    for (place, &index) in (0u64..).zip(order) {
        let id = list[index as usize];
        let mut job = base.job(id);
        job.name = copy_name(base.name(id), copies[index as usize]);
        copies[index as usize] += 1;
        job.arrival = SimTime(place * every.0);
        job.duration = None;
        job.after.clear();
        job.usage.clear();
        job.spec.kind = JobKind::Service;
        if matches!(job.spec.controller, Controller::Job { .. }) {
            job.spec.controller = Controller::Unset;
        }
        builder.push(job)?;
    }
    builder.trace_end(SimTime(end));
    let mut workload = builder.finish(base.usage(), base.seed())?;
    workload.drawn_from = Some(base.own_shapes());
    Ok(workload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, MilliCpu, SECOND_US};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    /// Jobs `NAME:cpu:gpus`, the GPUs of one device each, arriving in that order.
    fn base(jobs: &str) -> Workload {
        let mut b = WorkloadBuilder::new();
        for (arrival, job) in (0..).zip(jobs.split_whitespace()) {
            let parts: Vec<&str> = job.split(':').collect();
            let cpu = MilliCpu(parts[1].parse().unwrap());
            let mut job = Job::batch(parts[0], SimTime(arrival), SimDuration(7), cpu, Bytes(1)).using(cpu, Bytes(1));
            job.spec.gpus = parts[2].split('+').filter(|g| *g != "0").map(|g| g.parse().unwrap()).collect();
            b.push(job).unwrap();
        }
        b.finish(UsageMode::Request, Seed(1)).unwrap()
    }

    fn to(of: Asked, target: i128) -> Inflation {
        Inflation { of, target, most_jobs: 1_000 }
    }

    #[test]
    fn amounts_are_of_the_resource_that_is_asked_for() {
        let w = base("b:500:1000+1000 a:20:460");
        assert_eq!(by_name(&w).iter().map(|&job| w.name(job)).collect::<Vec<_>>(), ["a", "b"]);
        let sums = [Asked::Cpu, Asked::Memory, Asked::Gpu].map(|of| asked_by(&w, of, &[0, 1, 0]));
        assert_eq!(sums, [540, 3, 2_920]);
    }

    #[test]
    fn jobs_arrive_one_by_one_in_the_given_order_and_stay() {
        let w = base("b:500:1000 a:20:460 c:1:0");
        let got = arrive_and_stay(&w, &[1, 0, 1, 2, 1], SimDuration(5)).unwrap();
        let rows: Vec<(&str, u64)> = got.ids().map(|job| (got.name(job), got.arrival(job).0)).collect();
        assert_eq!(rows, [("b", 0), ("a", 5), ("b+1", 10), ("c", 15), ("b+2", 20)]);
        for job in got.ids() {
            assert_eq!((got.spec(job).kind, got.duration(job)), (JobKind::Service, None));
            assert!(got.profile(job).is_empty(), "it uses what the mode says");
        }
        assert_eq!(got.uncontended_end(), SimTime(25));
        // Each shape once, though b came three times; and those of the jobs themselves where nothing was drawn.
        assert_eq!(got.shapes().iter().map(|s| (s.cpu.0, s.jobs)).collect::<Vec<_>>(), [(1, 1), (20, 1), (500, 1)]);
        assert_eq!(got.own_shapes()[0].jobs, 3);
    }

    #[test]
    fn what_cannot_arrive_is_refused() {
        let w = base("a:1:0");
        let told = |every| arrive_and_stay(&w, &[0, 0], every).unwrap_err().to_string();
        assert_eq!(
            told(SimDuration::ZERO),
            "every: jobs that arrive at once would come in order of their names; 1us or more will do"
        );
        for every in [u64::MAX, LONGEST_US / 2 + 1] {
            assert!(told(SimDuration(every)).starts_with("every: 2 arrivals every "), "{every}");
        }
        let why = arrive_and_stay(&base("a:1:0 a+1:1:0"), &[0, 0, 1], SimDuration(SECOND_US)).unwrap_err();
        assert_eq!(why.to_string(), "two jobs are named \"a+1\"");
    }

    #[test]
    fn jobs_without_gpus_are_a_list_of_their_own_and_those_tied_to_a_host_are_in_none() {
        let names = |w: &Workload| w.ids().map(|job| w.name(job).to_owned()).collect::<Vec<_>>();
        let (all, tied) = list_of(base("b:500:1000 a:20:0 c:1:0"), false).unwrap();
        assert_eq!((names(&all), tied), (vec!["b".into(), "a".into(), "c".into()], 0));
        let (kept, tied) = list_of(all, true).unwrap();
        assert_eq!((names(&kept), tied), (vec!["a".into(), "c".into()], 0));
        let why = list_of(base("b:500:1000"), true).unwrap_err();
        assert_eq!(why.to_string(), "all 1 jobs ask for GPUs; jobs: all will do");
        // One of a DaemonSet, one of a pod that names its host.
        let mut b = WorkloadBuilder::new();
        let mut pod = Pod::default();
        pod.node_affinity.required = Some(vec![crate::kube::object::selector::NodeTerm::named("n")]);
        let number = b.template(std::sync::Arc::new(pod));
        for name in ["d", "free", "t"] {
            let mut job = Job::service(name, SimTime(0), MilliCpu(1), Bytes(1));
            job.spec.template = (name == "t").then_some(number);
            job.spec.controller = if name == "d" { Controller::DaemonSet } else { Controller::Unset };
            b.push(job).unwrap();
        }
        let (kept, tied) = list_of(b.finish(UsageMode::Request, Seed(1)).unwrap(), false).unwrap();
        assert_eq!((names(&kept), tied), (vec!["free".into()], 2));
    }

    #[test]
    fn what_is_drawn_never_passes_the_target_and_each_job_comes_before_copies() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200u64 {
            let mut draw = Seed(seed).stream(Purpose::Shape, 0);
            let n = 1 + draw.below(9);
            let jobs: String = (0..n).map(|i| format!("j{i}:{}:{} ", draw.below(50), draw.below(3) * 250)).collect();
            let w = base(&format!("{jobs} last:7:500"));
            let of = [Asked::Cpu, Asked::Memory, Asked::Gpu][draw.below(3) as usize];
            let all: Vec<u32> = (0..w.len() as u32).collect();
            let (sum, largest) = (asked_by(&w, of, &all), w.ids().map(|job| of.of(&w, job)).max().unwrap());
            // Below, at, and above what there is.
            let target = sum * i128::from(50 + draw.below(300)) / 100;
            let order = match draw_order(&w, to(of, target), Seed(seed)) {
                Ok(order) => order,
                Err(why) => {
                    assert!(target < largest && why.to_string().contains("no job is left"), "{seed}: {why}");
                    continue;
                }
            };
            let got = asked_by(&w, of, &order);
            assert!(got <= target, "{seed}: {got} of {target}");
            assert!(got > target - largest, "{seed}: {got} of {target}: another would have fit");
            let mut first = order[..order.len().min(w.len())].to_vec();
            first.sort_unstable();
            if target >= sum {
                assert_eq!(first, all, "{seed}: all of the list come first");
            } else {
                first.dedup();
                assert_eq!(first.len(), order.len(), "{seed}: below the list there are no copies");
                // The rest are in the order of the whole shuffle.
                let whole = draw_order(&w, to(of, sum), Seed(seed)).unwrap();
                let kept: Vec<u32> = whole.into_iter().filter(|index| order.contains(index)).collect();
                assert_eq!(kept, order, "{seed}");
            }
            assert_eq!(order, draw_order(&w, to(of, target), Seed(seed)).unwrap());
            seen.insert(draw_order(&base("a:1:0 b:1:0 c:1:0 d:1:0 e:1:0"), to(Asked::Cpu, 9), Seed(seed)).unwrap());
        }
        assert!(seen.len() > 190, "{} orders of 200 seeds", seen.len());
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..6_000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, &mut Seed(seed).stream(Purpose::Inflation, 0));
            *counts.entry(items).or_insert(0) += 1;
        }
        // 1,000 each with a standard deviation of 29.
        assert!(counts.len() == 6 && counts.values().all(|n| (870..1_130).contains(n)), "{counts:?}");
    }

    #[test]
    fn drawing_that_would_not_end_is_refused() {
        let w = base("a:1:0 b:2:0");
        let told = |of, target, most_jobs| {
            draw_order(&w, Inflation { of, target, most_jobs }, Seed(1)).unwrap_err().to_string()
        };
        assert_eq!(told(Asked::Gpu, 1, 9), "of: no job asks for any gpu; cpu or memory will do");
        assert_eq!(told(Asked::Cpu, 1 << 60, 50), "51 jobs is over the budget of 50; raise it with --max-jobs");
        assert_eq!(told(Asked::Cpu, 0, 50), "to: no job is left under 0 of cpu; raise it");
        // Nothing is asked for and nothing is wanted: the list as it is, shuffled.
        assert_eq!(draw_order(&w, to(Asked::Gpu, 0), Seed(1)).unwrap().len(), 2);
    }
}
