//! Restarts in place: the agent's back-off, and repeats that are counted instead of run.
//!
//! A job whose attempt ended as it started is *parked*: while nothing on its host changes its repeats must end the same
//! way, so they are no events but are counted in closed form at the next change or at the end.

use super::change::{Change, EndReason};
use super::engine::Simulation;
use super::queue::Event;
use super::state::{NONE, Parked};
use crate::host::kubelet::crash_loop::{CrashLoop, INITIAL};
use crate::ids::{HostId, JobId};
use crate::orchestrator::RestartRule;
use crate::units::{SimDuration, SimTime};

impl Simulation<'_> {
    /// The agent restarts a job in place by its rule. One that ended as it started is parked: until something on the
    /// host changes, its repeats must end the same way and are no events.
    pub(super) fn restart_in_place(&mut self, job: JobId, host: HostId, ended_at_once: Option<EndReason>) {
        let delay = self.restart_delay(job, host);
        let at = self.now + delay;
        match ended_at_once {
            // Kills without delay never end: they are left to run into the guard against a clock that stands still.
            Some(why)
                if (why == EndReason::StartFailed || self.restart_rule != RestartRule::Fixed(SimDuration::ZERO))
                    && self.ends_at_once(job, host) == Some(why) =>
            {
                self.park(host, Parked { job, why, retry: at });
            }
            _ => self.queue_restart(job, host, at),
        }
    }

    pub(super) fn park(&mut self, host: HostId, parked: Parked) {
        self.parked_on.insert((parked.job, host));
        let h = &mut self.hosts[host.index()];
        h.parked_oom += u32::from(parked.why == EndReason::OomHost);
        h.parked.push(parked);
    }

    /// How an attempt of `job` on `host` that started now would end at this instant; `None`: it would live.
    pub(super) fn ends_at_once(&self, job: JobId, host: HostId) -> Option<EndReason> {
        if !self.can_start(job, host) {
            return Some(EndReason::StartFailed);
        }
        let step = match self.saved.get(&job) {
            Some(saved) => saved.step,
            None => self.setup.workload.first_step(job).1,
        };
        self.killed_at_start(job, host, step.memory.0)
    }

    pub(super) fn queue_restart(&mut self, job: JobId, host: HostId, at: SimTime) {
        self.restarts += 1;
        let serial = self.restarts;
        self.hosts[host.index()].restarting.insert(job, serial);
        let hosts = self.restart_hosts.entry(job).or_default();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
        self.queue.push(at, Event::Restart { job, host, serial });
    }

    pub(super) fn restart_delay(&mut self, job: JobId, host: HostId) -> SimDuration {
        match self.restart_rule {
            RestartRule::Fixed(delay) => delay,
            RestartRule::CrashLoop => self.crash_loop_delay(job, host, self.now),
        }
    }

    /// How long after its end at `exit` the kubelet restarts the container.
    fn crash_loop_delay(&mut self, job: JobId, host: HostId, exit: SimTime) -> SimDuration {
        let model = &self.setup.host_model.kubelet;
        let fresh = || CrashLoop::new(INITIAL, model.crash_loop_cap);
        self.crashes.entry((host, job)).or_insert_with(fresh).restart_late(exit, model.restart_latency).since(exit)
    }

    /// The agent of `host` no longer restarts `job`.
    pub(super) fn forget_restart(&mut self, job: JobId, host: HostId) {
        if self.hosts[host.index()].restarting.remove(&job).is_some()
            && let Some(hosts) = self.restart_hosts.get_mut(&job)
        {
            hosts.retain(|&h| h != host);
            if hosts.is_empty() {
                self.restart_hosts.remove(&job);
            }
        }
    }

    /// Agents within reach no longer restart `job`.
    pub(super) fn cancel_restarts(&mut self, job: JobId) {
        for host in self.restart_hosts.get(&job).cloned().unwrap_or_default() {
            if self.hosts[host.index()].heard {
                self.forget_restart(job, host);
            }
        }
        if self.jobs[job.index()].attempts > 0 {
            for host in self.parked_hosts(job) {
                if self.hosts[host.index()].heard {
                    self.unpark_job(job, host);
                }
            }
        }
    }

    pub(super) fn parked_hosts(&self, job: JobId) -> Vec<HostId> {
        let all = (job, HostId(0))..=(job, HostId(NONE));
        self.parked_on.range(all).map(|&(_, host)| host).collect()
    }

    /// Whether any host has `job` parked.
    pub(super) fn is_parked(&self, job: JobId) -> bool {
        self.parked_on.range((job, HostId(0))..=(job, HostId(NONE))).next().is_some()
    }

    /// Counts in closed form the retries on `host` before `until`, and leaves each parked job at its next one.
    pub(super) fn count_parked(&mut self, host: HostId, until: SimTime) {
        let mut parked = std::mem::take(&mut self.hosts[host.index()].parked);
        for p in &mut parked {
            self.count_retries(host, p, until);
        }
        self.hosts[host.index()].parked = parked;
    }

    pub(super) fn count_retries(&mut self, host: HostId, parked: &mut Parked, until: SimTime) {
        let mut times = 0u64;
        let (job, why) = (parked.job, parked.why);
        while parked.retry < until {
            let (step, whole) = match self.restart_rule {
                RestartRule::Fixed(delay) => (delay, true),
                RestartRule::CrashLoop => {
                    let delay = self.crash_loop_delay(job, host, parked.retry);
                    let model = &self.setup.host_model.kubelet;
                    (delay, delay == model.crash_loop_cap + model.restart_latency)
                }
            };
            // From here on all retries are `step` apart; "at once" is one a microsecond.
            let step = step.0.max(1);
            let repeats = if whole { (until.0 - parked.retry.0).div_ceil(step) } else { 1 };
            times += repeats;
            parked.retry = SimTime(parked.retry.0.saturating_add(step.saturating_mul(repeats)));
        }
        if times > 0 {
            if let Some(crashes) = self.crashes.get_mut(&(host, job)) {
                crashes.restarted(parked.retry);
            }
            let state = &mut self.jobs[job.index()];
            state.attempts = u32::try_from(u64::from(state.attempts).saturating_add(times)).unwrap_or(u32::MAX);
            let last_attempt = state.attempts;
            self.emit(Change::Repeats { job, host, why, times, last_attempt });
        }
    }

    /// Something on `host` changed: parked jobs that would live now get a real retry, the others go on failing, perhaps
    /// for another reason.
    pub(super) fn unpark(&mut self, host: HostId) {
        if self.hosts[host.index()].parked.is_empty() {
            return;
        }
        for mut p in self.take_parked(host) {
            match self.ends_at_once(p.job, host) {
                Some(why) if why == p.why => self.park(host, p),
                other => {
                    self.count_retries(host, &mut p, self.now);
                    match other {
                        Some(why) => self.park(host, Parked { why, ..p }),
                        None => self.queue_restart(p.job, host, p.retry),
                    }
                }
            }
        }
    }

    pub(super) fn take_parked(&mut self, host: HostId) -> Vec<Parked> {
        let h = &mut self.hosts[host.index()];
        h.parked_oom = 0;
        let parked = std::mem::take(&mut h.parked);
        for p in &parked {
            self.parked_on.remove(&(p.job, host));
        }
        parked
    }

    /// `job` is no longer parked on `host`; its failed retries so far are counted.
    pub(super) fn unpark_job(&mut self, job: JobId, host: HostId) {
        let Some(at) = self.hosts[host.index()].parked.iter().position(|p| p.job == job) else { return };
        let mut parked = self.hosts[host.index()].parked.remove(at);
        self.hosts[host.index()].parked_oom -= u32::from(parked.why == EndReason::OomHost);
        self.parked_on.remove(&(job, host));
        self.count_retries(host, &mut parked, self.now);
    }

    /// All that the agent of `host` had in mind is gone.
    pub(super) fn forget_agent(&mut self, host: HostId) {
        self.count_parked(host, self.now);
        self.take_parked(host);
        self.hosts[host.index()].unheard_restarts.clear();
        self.forget_pulls(host);
        for job in self.hosts[host.index()].restarting.keys().copied().collect::<Vec<_>>() {
            self.forget_restart(job, host);
        }
        let remembered: Vec<_> =
            self.crashes.range((host, JobId(0))..=(host, JobId(NONE))).map(|(&entry, _)| entry).collect();
        for entry in remembered {
            self.crashes.remove(&entry);
        }
    }
}
