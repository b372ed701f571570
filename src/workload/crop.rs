//! A window of a workload: `--from` and `--to`.

use std::sync::Arc;

use super::{Job, JobKind, UsageStep, Workload, WorkloadBuilder};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::units::{SimDuration, SimTime};

/// What a crop did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cropped {
    /// Jobs that arrive in the window.
    pub arriving: u64,
    /// Jobs that would run at the window's beginning, uncontended: they arrive there with what is left of them.
    pub running: u64,
    /// Jobs left out.
    pub left_out: u64,
}

impl Workload {
    /// The jobs of [from, to): those that arrive in it, and those that would be running at `from` if each ran from its
    /// arrival uncontended, with their remaining duration and usage. Time starts anew at `from`. `after` on a job that
    /// is left out is dropped.
    ///
    /// Errors: nothing is left.
    pub fn crop(&self, from: SimTime, to: SimTime) -> Result<(Workload, Cropped)> {
        let mut said = Cropped::default();
        let ends = self.uncontended_ends();
        let mut kept = vec![None; self.len()];
        for job in self.ids() {
            let arrival = self.arrival(job);
            let end = match (self.spec(job).kind, self.duration(job)) {
                (JobKind::Batch, _) => ends[job.index()],
                (JobKind::Service, Some(duration)) => arrival + duration,
                (JobKind::Service, None) => SimTime::NEVER,
            };
            if arrival >= from && arrival < to {
                said.arriving += 1;
                kept[job.index()] = Some(SimDuration::ZERO);
            } else if arrival < from && end > from {
                said.running += 1;
                kept[job.index()] = Some(from.since(arrival));
            } else {
                said.left_out += 1;
            }
        }
        if said.arriving + said.running == 0 {
            let until = if to == SimTime::NEVER { "the end".into() } else { to.to_string() };
            return Err(Error::input(format!("no job arrives or runs between {from} and {until}")));
        }
        let mut builder = WorkloadBuilder::new();
        builder.objects(Arc::clone(&self.objects));
        // Jobs keep the numbers of their templates.
        for template in &self.templates {
            builder.template(Arc::clone(template));
        }
        for unit in &self.units {
            builder.unit(Arc::clone(unit));
        }
        for job in self.ids() {
            if let Some(gone) = kept[job.index()] {
                let mut cut = self.job(job);
                cut.arrival = SimTime((cut.arrival.0.max(from.0)) - from.0);
                cut.duration = cut.duration.map(|d| SimDuration(d.0.saturating_sub(gone.0).max(1)));
                cut.usage = without_first(&cut.usage, gone);
                cut.after.retain(|name| self.find_kept(job, name, &kept));
                builder.push(cut)?;
            }
        }
        let last = self.trace_end().map_or(to, |end| end.min(to));
        if last != SimTime::NEVER {
            builder.trace_end(SimTime(last.0.saturating_sub(from.0)));
        }
        Ok((builder.finish(self.usage(), self.seed())?, said))
    }

    /// Job `job` as a row again.
    pub fn job(&self, job: JobId) -> Job {
        let mut spec = self.spec(job).clone();
        let extended =
            spec.extended.drain(..).map(|(id, amount)| (self.resources()[id.index()].clone(), amount)).collect();
        Job {
            name: self.name(job).to_owned(),
            app: self.apps()[self.app(job).index()].name.clone(),
            arrival: self.arrival(job),
            duration: self.duration(job),
            cpu_request: self.cpu_request(job),
            memory_request: self.memory_request(job),
            cpu_limit: self.cpu_limit(job),
            memory_limit: self.memory_limit(job),
            spec,
            extended,
            usage: self.profile(job).to_vec(),
            after: self.after(job).iter().map(|&first| self.name(first).to_owned()).collect(),
        }
    }

    fn find_kept(&self, job: JobId, name: &str, kept: &[Option<SimDuration>]) -> bool {
        self.after(job).iter().any(|&first| self.name(first) == name && kept[first.index()].is_some())
    }
}

/// `steps` without their first `gone`; the last one holds whatever its length.
fn without_first(steps: &[UsageStep], gone: SimDuration) -> Vec<UsageStep> {
    let mut left = gone.0;
    for (i, step) in steps.iter().enumerate() {
        if step.length_us > left || i + 1 == steps.len() {
            let mut rest = steps[i..].to_vec();
            if step.length_us != u64::MAX {
                rest[0].length_us = step.length_us.saturating_sub(left).max(1);
            }
            return rest;
        }
        left -= step.length_us;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu};
    use crate::workload::UsageMode;

    #[test]
    fn a_window_keeps_what_arrives_and_what_still_runs() {
        let mut b = WorkloadBuilder::new();
        for (name, arrival, duration) in [("gone", 0, 10), ("running", 5, 20), ("in", 20, 5), ("late", 30, 5)] {
            let mut job = Job::batch(name, SimTime(arrival), SimDuration(duration), MilliCpu(1), Bytes(1));
            if name == "running" {
                let step = |l| UsageStep { length_us: l, cpu_nano: l, memory: Bytes(1), cache: Bytes(0) };
                job.usage = [10, 100].map(step).to_vec();
            }
            if name == "in" {
                job.after = vec!["gone".into()];
            }
            b.push(job).unwrap();
        }
        let w = b.finish(UsageMode::Request, Seed(1)).unwrap();
        let (cut, said) = w.crop(SimTime(18), SimTime(30)).unwrap();
        assert_eq!(said, Cropped { arriving: 1, running: 1, left_out: 2 });
        let rows: Vec<_> = cut.ids().map(|j| (cut.name(j), cut.arrival(j).0, cut.duration(j).unwrap().0)).collect();
        // 13 of 20 µs of "running" are gone: 10 of its first step and 3 of its second.
        assert_eq!(rows, [("running", 0, 7), ("in", 2, 5)]);
        assert_eq!(cut.profile(JobId(0))[0].length_us, 97);
        assert!(w.crop(SimTime(100), SimTime(200)).is_err());
    }
}
