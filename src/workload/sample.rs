//! Less or more of a workload: seeded thinning and growth by a hash of names.
//!
//! What is kept depends on the seed and on names alone, never on the order of rows or on how many others there are: a
//! smaller share keeps a part of what a larger one keeps.

use std::sync::Arc;

use serde::Serialize;

use super::{Workload, WorkloadBuilder};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::rng::{Purpose, Seed};

/// What is drawn as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SampleBy {
    /// Each job by its own name.
    #[default]
    Job,
    /// All jobs of an app by its name; jobs without an app each by its own.
    App,
}

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SampleSize {
    /// Each with this probability, 0 to 1.
    Share(f64),
    /// So many jobs: those with the lowest draws. By apps: whole apps until there are so many or more.
    Jobs(u64),
}

/// What a sample or a growth did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sampled {
    /// Jobs there were.
    pub jobs_before: u64,
    /// Jobs there are.
    pub jobs: u64,
    /// Names in `after` of kept jobs whose job was left out: the job no longer waits for it.
    pub after_dropped: u64,
}

/// Most copies of one job.
const GROWTH_MAX: f64 = 1_000.0;

/// FNV-1a with 64 bits: the same on every machine. Names with equal hashes share their draw, which does no harm.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What `name` draws under `seed`: 64 bits.
fn draw(seed: Seed, name: &str) -> u64 {
    seed.stream(Purpose::Sample, hash(name)).bits()
}

/// Whether `name` is among a share of all (0 to 1) under `seed`: the rule of [`sample`], for hosts too.
pub fn is_kept(seed: Seed, name: &str, share: f64) -> bool {
    // 53 bits, as a unit draw; a share of 1 keeps all.
    ((draw(seed, name) >> 11) as f64) < share * (1u64 << 53) as f64
}

/// A seeded sample of `workload`. A job that waits for one that was left out no longer does.
///
/// Errors: a share that is not above 0 and up to 1 or 0 jobs (usage); nothing is kept (input); by app where all jobs are
/// of one app (input).
pub fn sample(workload: &Workload, size: SampleSize, by: SampleBy, seed: Seed) -> Result<(WorkloadBuilder, Sampled)> {
    let key = |job: JobId| {
        let app = workload.apps()[workload.app(job).index()].name.as_str();
        if by == SampleBy::App && !app.is_empty() { app } else { workload.name(job) }
    };
    if by == SampleBy::App && workload.apps().len() == 1 && workload.len() > 1 && !workload.apps()[0].name.is_empty() {
        let what = format!("all jobs are of one app, \"{}\"; sample by job", workload.apps()[0].name);
        return Err(Error::input(what).in_field("--by"));
    }
    let kept: Vec<bool> = match size {
        SampleSize::Share(share) if share > 0.0 && share <= 1.0 => {
            workload.ids().map(|job| is_kept(seed, key(job), share)).collect()
        }
        SampleSize::Share(share) => {
            let what = format!("{share} is not a share above 0 and up to 1 (try 0.1)");
            return Err(Error::usage(what).in_field("--share"));
        }
        SampleSize::Jobs(0) => return Err(Error::usage("0 jobs are no sample; 1 or more will do").in_field("--jobs")),
        SampleSize::Jobs(wanted) => lowest(workload, wanted, &key, seed),
    };
    let copies: Vec<u32> = kept.iter().map(|kept| u32::from(*kept)).collect();
    let (builder, said) = repeated(workload, &copies)?;
    if said.jobs == 0 {
        return Err(Error::input(format!(
            "nothing is left of {} jobs; a larger share or another seed will keep some",
            said.jobs_before
        )));
    }
    Ok((builder, said))
}

/// Which jobs have the lowest draws of their keys, until there are `wanted` or more; jobs of one key go together.
fn lowest<'w>(workload: &'w Workload, wanted: u64, key: &dyn Fn(JobId) -> &'w str, seed: Seed) -> Vec<bool> {
    let mut order: Vec<(u64, JobId)> = workload.ids().map(|job| (draw(seed, key(job)), job)).collect();
    // Draws, then the key: an order of keys that no order of rows can change.
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))));
    let mut kept = vec![false; workload.len()];
    for (place, &(_, job)) in order.iter().enumerate() {
        if place as u64 >= wanted && key(order[place - 1].1) != key(job) {
            break;
        }
        kept[job.index()] = true;
    }
    kept
}

/// `factor` times the jobs of `workload`: above 1 with copies named `NAME+1`, `NAME+2`, … that arrive with their
/// original; below 1 thinned as by [`sample`]. The fraction of a copy goes to a seeded share of the names. Durations,
/// requests and usage are those of the original; a copy waits for the copies of its own number of what the original
/// waits for, where there are some, else for the originals.
///
/// Errors: a factor that is not above 0 and up to 1,000 (usage); a copy's name that is there already (when finished).
pub fn grow(workload: &Workload, factor: f64, seed: Seed) -> Result<(WorkloadBuilder, Sampled)> {
    if !(factor > 0.0 && factor <= GROWTH_MAX) {
        let what = format!("{factor} is not a growth above 0 and up to {GROWTH_MAX} (try 1.3)");
        return Err(Error::usage(what).in_field("--growth"));
    }
    let whole = factor as u32;
    let fraction = factor - f64::from(whole);
    let copies: Vec<u32> = workload
        .ids()
        .map(|job| whole + u32::from(fraction > 0.0 && is_kept(seed, workload.name(job), fraction)))
        .collect();
    let (builder, said) = repeated(workload, &copies)?;
    if said.jobs == 0 {
        return Err(
            Error::input("nothing is left; a larger growth or another seed will keep some").in_field("--growth")
        );
    }
    Ok((builder, said))
}

/// What copy number `copy` of the job `name` is called; 0 is the job itself.
pub(super) fn copy_name(name: &str, copy: u32) -> String {
    match copy {
        0 => name.to_owned(),
        copy => format!("{name}+{copy}"),
    }
}

/// Each job of `workload` as often as `copies` says, with what the jobs refer to.
pub(super) fn repeated(workload: &Workload, copies: &[u32]) -> Result<(WorkloadBuilder, Sampled)> {
    let mut said = Sampled { jobs_before: workload.len() as u64, ..Sampled::default() };
    let mut builder = builder_like(workload);
    let name = |job: JobId, copy: u32| copy_name(workload.name(job), copy);
    for job in workload.ids() {
        for copy in 0..copies[job.index()] {
            let mut made = workload.job(job);
            made.name = name(job, copy);
            made.after.clear();
            for &first in workload.after(job) {
                match copies[first.index()] {
                    0 => said.after_dropped += 1,
                    there => made.after.push(name(first, if copy < there { copy } else { 0 })),
                }
            }
            builder.push(made)?;
            said.jobs += 1;
        }
    }
    Ok((builder, said))
}

/// An empty builder that knows what the jobs of `workload` refer to by number, and where its trace ends.
pub(super) fn builder_like(workload: &Workload) -> WorkloadBuilder {
    let mut builder = WorkloadBuilder::new();
    builder.objects(Arc::clone(&workload.objects));
    for template in &workload.templates {
        builder.template(Arc::clone(template));
    }
    for unit in &workload.units {
        builder.unit(Arc::clone(unit));
    }
    if let Some(end) = workload.trace_end {
        builder.trace_end(end);
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
    use crate::workload::{Job, UsageMode};

    /// `n` jobs in apps of five, each waiting for the one before it in its app; rows in the given order.
    fn made(n: u64, backwards: bool) -> Workload {
        let mut b = WorkloadBuilder::new();
        let mut rows: Vec<u64> = (0..n).collect();
        if backwards {
            rows.reverse();
        }
        for i in rows {
            let mut job = Job::batch(format!("job-{i}"), SimTime(i), SimDuration(10 + i), MilliCpu(1), Bytes(1));
            job.app = format!("app-{}", i / 5);
            if i % 5 > 0 {
                job.after = vec![format!("job-{}", i - 1)];
            }
            b.push(job).unwrap();
        }
        b.finish(UsageMode::Request, Seed(0)).unwrap()
    }

    fn names(builder: WorkloadBuilder) -> Vec<String> {
        let w = builder.finish(UsageMode::Request, Seed(0)).unwrap();
        w.ids().map(|job| w.name(job).to_owned()).collect()
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order_of_rows_or_on_other_jobs() {
        for by in [SampleBy::Job, SampleBy::App] {
            for size in [SampleSize::Share(0.2), SampleSize::Jobs(300)] {
                let one = names(sample(&made(2_000, false), size, by, Seed(7)).unwrap().0);
                assert_eq!(one, names(sample(&made(2_000, true), size, by, Seed(7)).unwrap().0));
                assert_ne!(one, names(sample(&made(2_000, false), size, by, Seed(8)).unwrap().0));
            }
            // The same names are kept among more, and among a larger share.
            let few = names(sample(&made(1_000, false), SampleSize::Share(0.2), by, Seed(7)).unwrap().0);
            let many = names(sample(&made(2_000, false), SampleSize::Share(0.2), by, Seed(7)).unwrap().0);
            assert_eq!(few[..], many[..few.len()]);
            let half = names(sample(&made(1_000, false), SampleSize::Share(0.5), by, Seed(7)).unwrap().0);
            assert!(few.iter().all(|name| half.contains(name)));
        }
    }

    #[test]
    fn a_sample_has_the_size_that_was_asked_for() {
        let w = made(10_000, false);
        let (builder, said) = sample(&w, SampleSize::Share(0.1), SampleBy::Job, Seed(1)).unwrap();
        assert!((900..1_100).contains(&said.jobs) && builder.len() as u64 == said.jobs, "{said:?}");
        // Of jobs that wait, 10 % × 80 % are kept, and nine of ten no longer wait.
        assert!((620..820).contains(&said.after_dropped), "{said:?}");
        let (_, said) = sample(&w, SampleSize::Jobs(1_234), SampleBy::Job, Seed(1)).unwrap();
        assert_eq!((said.jobs_before, said.jobs), (10_000, 1_234));
        // Apps of five come whole, and nobody waits for a job that is not there.
        let (builder, said) = sample(&w, SampleSize::Jobs(1_234), SampleBy::App, Seed(1)).unwrap();
        assert_eq!((said.jobs, said.after_dropped), (1_235, 0));
        let w = builder.finish(UsageMode::Request, Seed(0)).unwrap();
        assert!(w.apps().iter().all(|app| app.jobs.len() == 5));
        let all = sample(&w, SampleSize::Share(1.0), SampleBy::Job, Seed(1)).unwrap().1;
        assert_eq!(all.jobs, 1_235);
        assert_eq!(sample(&w, SampleSize::Jobs(5_000), SampleBy::Job, Seed(1)).unwrap().1.jobs, 1_235);
    }

    #[test]
    fn what_cannot_be_sampled_is_refused() {
        let w = made(5, false);
        for (size, by, message) in [
            (SampleSize::Share(0.0), SampleBy::Job, "--share: 0 is not a share above 0 and up to 1 (try 0.1)"),
            (SampleSize::Share(f64::NAN), SampleBy::Job, "--share: NaN is not a share above 0 and up to 1 (try 0.1)"),
            (SampleSize::Share(1.5), SampleBy::Job, "--share: 1.5 is not a share above 0 and up to 1 (try 0.1)"),
            (SampleSize::Jobs(0), SampleBy::Job, "--jobs: 0 jobs are no sample; 1 or more will do"),
            (SampleSize::Share(0.5), SampleBy::App, "--by: all jobs are of one app, \"app-0\"; sample by job"),
            (
                SampleSize::Share(1e-12),
                SampleBy::Job,
                "nothing is left of 5 jobs; a larger share or another seed will keep some",
            ),
        ] {
            assert_eq!(sample(&w, size, by, Seed(1)).unwrap_err().to_string(), message);
        }
        for bad in [0.0, -1.0, f64::NAN, 1_001.0] {
            assert_eq!(grow(&w, bad, Seed(1)).unwrap_err().exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn growth_repeats_jobs_and_never_changes_their_durations() {
        let w = made(1_000, false);
        let (builder, said) = grow(&w, 2.3, Seed(5)).unwrap();
        assert!((2_250..2_350).contains(&said.jobs) && said.after_dropped == 0, "{said:?}");
        let more = builder.finish(UsageMode::Request, Seed(0)).unwrap();
        for job in more.ids() {
            let original = w.find(more.name(job).split('+').next().unwrap()).unwrap();
            assert_eq!(more.duration(job), w.duration(original));
            assert_eq!(more.arrival(job), w.arrival(original));
            // Copy 1 waits for copy 1, copy 2 for copy 2 where there is one.
            for &first in more.after(job) {
                let number = |job| more.name(job).split_once('+').map_or("0", |(_, n)| n);
                assert!(number(first) == number(job) || number(first) == "0" && number(job) == "2");
            }
        }
        let copies = more.ids().filter(|&job| more.name(job).ends_with("+1")).count();
        assert_eq!(copies, 1_000);
        let (_, less) = grow(&w, 0.5, Seed(5)).unwrap();
        assert!((450..550).contains(&less.jobs), "{less:?}");
        assert_eq!(grow(&w, 1.0, Seed(5)).unwrap().1.jobs, 1_000);
    }
}
