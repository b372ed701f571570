//! Looking ahead: what coming events are about is read for many of them at once, so that the processor fetches it side by side. One by
//! one, each would wait for main memory some thirty times. Nothing here changes anything.

use std::hint::black_box;

use super::change::Waiting;
use super::engine::Simulation;
use super::queue::Event;
use super::state::NONE;
use crate::ids::{HostId, JobId};

/// So many arrivals are looked at together, while as many are still to come before them.
pub(super) const ARRIVALS: u32 = 16;

/// Jobs to which something happens soon, and where.
#[derive(Default)]
pub(super) struct Soon {
    /// Their usage changes.
    steps: Vec<(JobId, HostId)>,
    /// They start or end.
    lives: Vec<(JobId, HostId)>,
}

impl Simulation<'_> {
    /// Reads what these events will need.
    pub(super) fn look_at_events(&mut self, ahead: &[Event]) {
        let mut soon = std::mem::take(&mut self.soon);
        soon.steps.clear();
        soon.lives.clear();
        for event in ahead {
            match *event {
                Event::StepEnds { slot, epoch } if self.epochs[slot as usize] == epoch => {
                    let a = &self.attempts[slot as usize];
                    let last = a.cursor.index as usize + 1 >= self.setup.workload.profile(a.job).len();
                    let list = if last { &mut soon.lives } else { &mut soon.steps };
                    list.push((a.job, a.host));
                }
                Event::Start { job, host, .. } => soon.lives.push((job, host)),
                Event::Removal(job) => {
                    let live = self.jobs[job.index()].live;
                    if live != NONE {
                        soon.lives.push((job, self.attempts[live as usize].host));
                    }
                }
                _ => {}
            }
        }
        let mut sum = 0u64;
        for event in ahead {
            if let Event::StepEnds { slot, epoch } = *event
                && self.epochs[slot as usize] == epoch
            {
                let a = &self.attempts[slot as usize];
                let step = self.setup.workload.profile(a.job).get(a.cursor.index as usize + 1);
                sum ^= step.map_or(0, |step| step.cpu_nano) ^ a.done as u64 ^ a.cpu.received ^ a.step.length_us;
                sum ^= u64::from(a.cursor.index) ^ a.memory_request as u64 ^ u64::from(a.changed) ^ a.since.0;
                sum ^= a.served as u64 ^ a.valued as u64 ^ a.weight ^ a.quota ^ a.cache as u64 ^ a.step.memory.0 as u64;
                sum ^= u64::from(a.position) ^ a.cpu.able ^ u64::from(a.rare.is_some()) ^ u64::from(a.file_touches);
            }
        }
        black_box(sum);
        self.look_at(&soon.steps, false);
        self.look_at(&soon.lives, true);
        self.soon = soon;
    }

    /// Reads where jobs from number `from` on will be kept when they arrive.
    pub(super) fn look_at_arrivals(&mut self, from: u32) {
        let to = from.saturating_add(ARRIVALS).min(self.setup.workload.len() as u32);
        let mut soon = std::mem::take(&mut self.soon);
        soon.steps.clear();
        // They have no host yet; what is kept of the first is at hand.
        soon.steps.extend((from..to).map(|job| (JobId(job), HostId(0))));
        let mut sum = 0u64;
        for (job, _) in &soon.steps {
            sum ^= u64::from(self.jobs[job.index()].waiting == Waiting::No);
            sum ^= self.setup.workload.duration(*job).map_or(0, |d| d.0);
        }
        if !self.hosts.is_empty() {
            sum ^= self.observer.look_ahead(&soon.steps);
        }
        black_box(sum);
        self.soon = soon;
    }

    /// Reads what will be needed of `host`, which `job` was just placed on.
    pub(super) fn look_at_host_of(&self, job: JobId, host: HostId) {
        self.look_at(&[(job, host)], true);
    }

    /// `lives`: they start or end.
    fn look_at(&self, soon: &[(JobId, HostId)], lives: bool) {
        if soon.is_empty() {
            return;
        }
        let workload = &self.setup.workload;
        let mut sum = 0u64;
        for &(job, host) in soon {
            let h = &self.hosts[host.index()];
            sum ^=
                h.daemons_missing ^ h.capacity ^ h.cpu_request as u64 ^ h.memory_mark as u64 ^ u64::from(h.parked_oom);
            sum ^= h.attempts.last().map_or(0, |&slot| u64::from(slot)) ^ self.marks[host.index()].ram as u64;
            sum ^= u64::from(self.jobs[job.index()].waiting == Waiting::No);
            sum ^= workload.duration(job).map_or(0, |d| d.0) ^ workload.cpu_request(job).0 as u64;
        }
        if lives {
            for &(_, host) in soon {
                let last = self.hosts[host.index()].attempts.last();
                sum ^= last.map_or(0, |&slot| u64::from(self.attempts[slot as usize].position));
            }
            sum ^= self.orchestrator.look_ahead(soon);
        }
        sum ^= self.observer.look_ahead(soon);
        black_box(sum);
    }
}
