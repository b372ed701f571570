//! Lives: how attempts start, go on and end, and what their work was worth.

use super::change::{Change, EndReason, Waiting, Worth};
use super::engine::{Notice, Simulation};
use super::rates::CpuRates;
use super::state::{Attempt, JobPhase, NONE, Rare, Saved, Unseen};
use crate::host::cpu;
use crate::host::cpu_host::{pod_weight, qos};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{FailureNews, Outcome, Scores};
use crate::units::{Bytes, NANO_PER_CORE};
use crate::workload::{JobKind, RestartPolicy, Unserved, UsageStep};

impl Simulation<'_> {
    /// Brings an attempt's progress up to now.
    pub(super) fn settle(&mut self, slot: u32) {
        let now = self.now;
        let a = &mut self.attempts[slot as usize];
        if now == a.since {
            return;
        }
        let dt = u128::from(now.since(a.since).0);
        a.since = now;
        let work = u128::from(a.cpu.received) * dt;
        a.served += work;
        a.done += if a.step_by_work() { work } else { u128::from(a.speed) * dt };
    }

    /// Live attempts of `job`, newest first.
    pub(super) fn live_of(&self, job: JobId) -> impl Iterator<Item = u32> + '_ {
        let some = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(some(self.jobs[job.index()].live), move |&slot| {
            some(self.attempts[slot as usize].next_of_job)
        })
    }

    /// The attempt in `slot` is no longer one of the live ones of `job`; whether others are.
    fn unlink(&mut self, job: JobId, slot: u32) -> bool {
        let next = self.attempts[slot as usize].next_of_job;
        let state = &mut self.jobs[job.index()];
        if state.live == slot {
            state.live = next;
            return next != NONE;
        }
        let before = self.live_of(job).take_while(|&s| s != slot).last();
        let before = before.expect("a live attempt is one of its job's");
        self.attempts[before as usize].next_of_job = next;
        true
    }

    /// Ends the attempts of `job` within reach.
    fn end_within_reach(&mut self, job: JobId) {
        let mut slot = self.jobs[job.index()].live;
        while slot != NONE {
            let a = &self.attempts[slot as usize];
            let (host, next) = (a.host, a.next_of_job);
            if self.hosts[host.index()].heard {
                self.end_attempt(slot, EndReason::Removed);
            }
            slot = next;
        }
    }

    /// The control plane gives up the attempt of `job` on `host`, which is out of reach: if it lives on there, or its
    /// end was not heard of, nobody waits for that host any more.
    pub(super) fn give_up_attempt(&mut self, job: JobId, host: HostId) {
        if let Some(slot) = self.slot_on(job, host) {
            self.attempts[slot as usize].given_up = true;
        }
        for unseen in self.hosts[host.index()].unseen.iter_mut().filter(|unseen| unseen.job == job) {
            unseen.given_up = true;
        }
        let state = &mut self.jobs[job.index()];
        if state.down_on == host.0 {
            state.down_on = NONE;
        }
        self.update_waiting(job);
    }

    pub(super) fn slot_on(&self, job: JobId, host: HostId) -> Option<u32> {
        let mut slot = self.jobs[job.index()].live;
        while slot != NONE {
            let a = &self.attempts[slot as usize];
            if a.host == host {
                return Some(slot);
            }
            slot = a.next_of_job;
        }
        None
    }

    /// Says what a job without a live attempt demands, and why it waits, if that changed.
    pub(super) fn update_waiting(&mut self, job: JobId) {
        let Some(state) = self.jobs.kept_mut(job) else { return };
        let why = match state.phase {
            JobPhase::Inside if state.live == NONE && state.down_on != NONE => Waiting::HostDown,
            JobPhase::Inside if state.live == NONE => Waiting::Pending,
            _ => Waiting::No,
        };
        if why == state.waiting {
            return;
        }
        state.waiting = why;
        let (cpu_nano, memory) = if why == Waiting::No {
            (0, 0)
        } else {
            let step = match self.saved.get(&job) {
                Some(saved) => saved.step,
                None => self.setup.workload.first_step(job).1,
            };
            (step.cpu_nano, step.memory.0)
        };
        self.emit(Change::Waits { job, why, cpu_nano, memory });
    }

    /// Whether `host` has what the job needs at its start: labels, GPUs, ports.
    pub(super) fn can_start(&self, job: JobId, host: HostId) -> bool {
        let spec = self.setup.workload.spec(job);
        let h = &self.hosts[host.index()];
        (spec.node_selector.is_empty() && spec.gpu_models.is_empty()
            || self.setup.cluster.matches(host, &spec.node_selector, &spec.gpu_models))
            && (spec.gpus.is_empty() || self.devices.fits(host, &spec.gpus))
            && spec.ports.iter().all(|port| !h.ports.contains(port))
            && self.start_is_possible(job, host)
    }

    /// The GPUs that `job` gets on `host`, none where they do not fit. Says so where the control plane picked another than the
    /// agent would.
    fn give_devices(&mut self, job: JobId, host: HostId) -> Vec<u16> {
        let gpus = &self.setup.workload.spec(job).gpus;
        if gpus.is_empty() {
            return Vec::new();
        }
        let devices = self.devices.choose(host, gpus).unwrap_or_default();
        let Some(&picked) = self.picked_devices.get(&job) else { return devices };
        let wanted = self.devices.choose_with(host, gpus, Some(picked)).unwrap_or_default();
        if let (&[device], true) = (wanted.as_slice(), wanted != devices) {
            self.emit(Change::Device { job, host, device });
        }
        wanted
    }

    /// An attempt of `job` on `host` ends before it ran.
    fn fail_start(&mut self, job: JobId, host: HostId, why: EndReason) {
        let state = &mut self.jobs[job.index()];
        state.attempts = state.attempts.saturating_add(1);
        let attempt = state.attempts;
        self.emit(Change::Ended { job, attempt, host, why, served: 0 });
        self.after_end(Unseen { job, attempt, why, unvalued: 0, given_up: false }, host, true);
    }

    /// The agent of `host` gets `job` from the control plane: it may refuse it, and may have to pull its images first.
    pub(super) fn arrive(&mut self, job: JobId, host: HostId, ticket: u32) {
        let there = self.slot_on(job, host).is_some() || !self.may_live(job, host);
        if !there && !self.kubelet_admits(job, host) {
            self.forget_restart(job, host);
            self.unpark_job(job, host);
            self.fail_start(job, host, EndReason::EvictedPressure);
        } else if there || !self.pulls_first(job, host, ticket) {
            self.start(job, host);
        }
    }

    /// Whether `job` could have a life on `host`, which must be up.
    fn may_live(&self, job: JobId, host: HostId) -> bool {
        self.hosts[host.index()].up && (self.jobs[job.index()].phase == JobPhase::Inside || self.stale_life(job))
    }

    /// The agent of `host` starts `job`: a new attempt, which may fail at once.
    pub(super) fn start(&mut self, job: JobId, host: HostId) {
        if !self.may_live(job, host) {
            return;
        }
        if let Some(slot) = self.slot_on(job, host) {
            // The copy that was given up is the one that is wanted again.
            self.attempts[slot as usize].given_up = false;
            return;
        }
        self.forget_restart(job, host);
        self.unpark_job(job, host);
        if !self.can_start(job, host) {
            self.fail_start(job, host, EndReason::StartFailed);
            return;
        }
        let state = &mut self.jobs[job.index()];
        state.attempts = state.attempts.saturating_add(1);
        let (number, other) = (state.attempts, state.live);
        let world = self.world;
        let spec = world.workload.spec(job);
        let (cpu_request, memory_request) = world.requested(job);
        let cpu_limit = world.cpu_limit(job);
        let parts = self.parts(job, host);
        let memory_limit = self.memory_limit(job, &parts);
        let limits = (cpu_limit.map_or(0, |l| l.0), world.memory_limit(job).map_or(0, |l| l.0));
        let mut qos = qos((cpu_request.0, memory_request.0), limits);
        let quota = match cpu_limit {
            Some(limit) if self.options.cpu_quota => cpu::quota_nano(limit.0),
            _ => u64::MAX,
        };
        let pod = self.pod_cpu(job);
        let quota = match &pod {
            Some(pod) => {
                qos = pod.qos;
                if pod.is_plain() { pod.plain_quota() } else { pod.quota }
            }
            None => quota,
        };
        let pod = pod.filter(|pod| !pod.is_plain());
        let weight = match self.info.scores {
            Scores::Pod => pod_weight(qos, cpu_request.0),
            Scores::Flat | Scores::Kube2016 => self.flat_weight(job),
        };
        let oom_score_adj = self.oom_score_adj(job, host);
        // Few jobs have a checkpoint.
        let (cursor, step, done, base) = match self.saved.get(&job) {
            Some(saved) => (saved.cursor, saved.step, saved.done, saved.work),
            None => {
                let (cursor, step) = world.workload.first_step(job);
                (cursor, step, 0, 0)
            }
        };
        let devices = self.give_devices(job, host);
        self.devices.take(host, &devices, &spec.gpus);
        let processes = spec.processes.unwrap_or(1);
        let rare = Rare { base, pod, parts, processes, processes_left: processes, devices, ..Rare::default() };
        self.serials += 1;
        let h = &mut self.hosts[host.index()];
        let attempt = Attempt {
            job,
            number,
            host,
            position: h.attempts.len() as u32,
            serial: self.serials,
            next_of_job: other,
            cursor,
            step,
            cpu: CpuRates::default(),
            by_work: spec.kind == JobKind::Batch || spec.unserved == Unserved::Defer,
            done,
            since: self.now,
            started: self.now,
            served: 0,
            valued: 0,
            speed: 0,
            weight,
            qos,
            feels: false,
            quota,
            threads: spec.threads.map_or(u64::MAX, |threads| u64::from(threads) * NANO_PER_CORE),
            memory_limit,
            cpu_request: cpu_request.0,
            memory_request: memory_request.0,
            oom_score_adj,
            cache: 0,
            file_touches: spec.file_touches.unwrap_or(self.setup.host_model.memory.file_touches),
            leak_touches: spec.leak_touches,
            dying: None,
            duplicate: other != NONE && spec.kind == JobKind::Service,
            given_up: false,
            changed: false,
            reschedule: true,
            rare: rare.matters().then(|| Box::new(rare)),
        };
        h.cast_changed = true;
        if !spec.ports.is_empty() {
            h.ports.extend_from_slice(&spec.ports);
        }
        h.cpu_request += cpu_request.0;
        h.memory_request += memory_request.0;
        h.processes += i64::from(processes);
        h.ephemeral += spec.ephemeral_used.0;
        let slot = match self.free_slots.pop() {
            Some(slot) => {
                self.attempts[slot as usize] = attempt;
                slot
            }
            None => {
                self.attempts.push(attempt);
                self.epochs.push(0);
                (self.attempts.len() - 1) as u32
            }
        };
        self.hosts[host.index()].attempts.push(slot);
        let state = &mut self.jobs[job.index()];
        state.live = slot;
        state.down_on = NONE;
        let waits = state.waiting != Waiting::No;
        self.emit(Change::Started { job, attempt: number, host });
        if waits {
            self.update_waiting(job);
        }
        self.use_step(slot);
        self.look_at_host(host, Some(job));
    }

    /// A job that is done may still be alive where nobody can stop it; its agent goes on with it.
    fn stale_life(&self, job: JobId) -> bool {
        self.jobs[job.index()].phase == JobPhase::Done && self.jobs[job.index()].live != NONE
    }

    /// The current step's demand and memory take effect.
    fn use_step(&mut self, slot: u32) {
        let a = &mut self.attempts[slot as usize];
        let h = &mut self.hosts[a.host.index()];
        let demand = a.step.cpu_nano;
        let runnable = demand.min(a.threads);
        // What it is able to run and what it gets is worked out with its host before time goes on.
        let within_quota = match a.pod() {
            Some(pod) => pod.within_quota(runnable),
            None => runnable.min(a.quota),
        };
        let cpu = CpuRates { demand, runnable, within_quota, ..a.cpu };
        h.cpu -= a.cpu;
        h.cpu += cpu;
        a.cpu = cpu;
        a.reschedule = true;
        if a.rare.is_some() {
            let whole = a.step.memory.0;
            a.step.memory.0 = a.left_of(whole);
            if let Some(rare) = &mut a.rare {
                rare.whole_memory = whole;
            }
        }
        a.cache = a.step.cache.0.min(a.memory_limit.saturating_sub(a.step.memory.0).max(0));
        h.memory += a.step.memory.0;
        h.cache += a.cache;
        h.over_limit |= a.step.memory.0 > a.memory_limit;
        let wanted = a.leak_touches > 0 || self.setup.host_model.memory.swap.0 > 0;
        if wanted && !a.step_by_work() {
            self.note_growth(slot);
        }
        let a = &self.attempts[slot as usize];
        let host = a.host;
        self.touch(host, slot);
        self.look_at_memory(host);
    }

    /// The rates of `slot` on `host` are worked out before time goes on.
    pub(super) fn touch(&mut self, host: HostId, slot: u32) {
        let a = &mut self.attempts[slot as usize];
        if !a.changed {
            a.changed = true;
            self.hosts[host.index()].changed.push(slot);
        }
        self.touch_host(host);
    }

    /// The sums of `host` are looked at before time goes on.
    pub(super) fn touch_host(&mut self, host: HostId) {
        let h = &mut self.hosts[host.index()];
        if !h.dirty {
            h.dirty = true;
            self.dirty.push(host);
        }
    }

    /// A usage step is over: the last microsecond served only what was left of it, and the next step begins, or the
    /// job's work is done.
    pub(super) fn step_ends(&mut self, slot: u32) {
        self.settle(slot);
        self.epochs[slot as usize] += 1;
        let a = &mut self.attempts[slot as usize];
        let total = a.step_total().expect("a step that ends has an end");
        debug_assert!(a.done >= total, "a step ended before its work was done");
        if a.step_by_work() && a.done > total {
            let excess = a.done - total;
            a.done = total;
            a.served -= excess;
            let remainder = a.cpu.received - excess as u64;
            let change = Change::Remainder { job: a.job, attempt: a.number, host: a.host, cpu: a.cpu, remainder };
            self.emit(change);
        }
        let workload = &self.setup.workload;
        let a = &mut self.attempts[slot as usize];
        let (job, host, length) = (a.job, a.host, a.step.length_us);
        match workload.next_step(job, &mut a.cursor, length) {
            Some(step) => {
                let h = &mut self.hosts[host.index()];
                h.memory -= a.step.memory.0;
                h.cache -= a.cache;
                a.step = step;
                a.done = 0;
                self.use_step(slot);
            }
            None => self.end_attempt(slot, EndReason::Finished),
        }
    }

    /// Ends the attempt in `slot`, releases what it held, values its work as far as that is known, and does what
    /// follows from `why`.
    pub(super) fn end_attempt(&mut self, slot: u32, why: EndReason) {
        self.settle(slot);
        self.epochs[slot as usize] += 1;
        let a = &self.attempts[slot as usize];
        let (job, number, host, served) = (a.job, a.number, a.host, a.served);
        self.emit(Change::Ended { job, attempt: number, host, why, served });
        let others = self.unlink(job, slot);
        // Unlink from the host.
        let position = self.attempts[slot as usize].position;
        let a = &mut self.attempts[slot as usize];
        let h = &mut self.hosts[host.index()];
        h.attempts.swap_remove(position as usize);
        h.cast_changed = true;
        h.cpu -= a.cpu;
        if a.feels {
            h.felt -= self.felts[slot as usize];
            h.felt_changed = true;
        }
        h.memory -= a.step.memory.0;
        h.cache -= a.cache;
        h.dying -= u32::from(a.dying.take().is_some());
        h.cpu_request -= a.cpu_request;
        h.memory_request -= a.memory_request;
        let spec = self.setup.workload.spec(job);
        h.processes -= i64::from(spec.processes.unwrap_or(1));
        h.ephemeral -= spec.ephemeral_used.0;
        let mut unvalued = a.take_unvalued();
        let (duplicate, given_up) = (a.duplicate, a.given_up);
        if a.changed {
            a.changed = false;
            let at = h.changed.iter().position(|&s| s == slot).expect("a changed attempt is listed");
            h.changed.swap_remove(at);
        }
        let moved = h.attempts.get(position as usize).copied();
        for port in &spec.ports {
            if let Some(at) = h.ports.iter().position(|p| p == port) {
                h.ports.swap_remove(at);
            }
        }
        if let Some(moved) = moved {
            self.attempts[moved as usize].position = position;
        }
        if !spec.gpus.is_empty() {
            let devices = self.attempts[slot as usize].rare.as_mut().map(|rare| std::mem::take(&mut rare.devices));
            self.devices.give(host, &devices.unwrap_or_default(), &spec.gpus);
        }
        if spec.checkpoint && spec.kind == JobKind::Batch && why != EndReason::Finished {
            unvalued = self.save(slot, unvalued);
        }
        let at_once = self.attempts[slot as usize].started == self.now;
        let worth = self.worth_at_end(slot, why, duplicate, others);
        if let Some(worth) = worth {
            self.value(job, number, worth, unvalued);
        }
        // Free the slot; the job number marks it empty.
        let a = &mut self.attempts[slot as usize];
        (a.job, a.rare) = (JobId(NONE), None);
        self.free_slots.push(slot);
        self.touch_host(host);
        if spec.kind == JobKind::Service && !duplicate {
            self.promote(job);
        }
        // A pod that the kubelet is ending is not restarted, whoever was faster.
        let evicted = self.ended_under_kubelet(host, slot);
        let why = if evicted && why.is_oom() { EndReason::EvictedPressure } else { why };
        let unvalued = if worth.is_some() { 0 } else { unvalued };
        self.after_end(Unseen { job, attempt: number, why, unvalued, given_up }, host, at_once);
        self.unpark(host);
        self.let_go(job);
    }

    /// What the unvalued work of an ending attempt was worth; `None`: known only when its end is heard of.
    fn worth_at_end(&self, slot: u32, why: EndReason, duplicate: bool, others: bool) -> Option<Worth> {
        let a = &self.attempts[slot as usize];
        let spec = self.setup.workload.spec(a.job);
        let done = self.jobs[a.job.index()].phase == JobPhase::Done;
        if spec.kind == JobKind::Service {
            return Some(if duplicate { Worth::Duplicate } else { Worth::Useful });
        }
        if done {
            return Some(Worth::Duplicate);
        }
        match why {
            EndReason::Finished => None,
            EndReason::Stopped if others => Some(Worth::Duplicate),
            // What a checkpoint saved is valued by `save`; what is left over was lost.
            _ => Some(Worth::Lost),
        }
    }

    /// Saves the progress of an ending attempt if it is the furthest, and values what it added. Returns the rest of
    /// its unvalued work.
    fn save(&mut self, slot: u32, unvalued: u128) -> u128 {
        let a = &self.attempts[slot as usize];
        let (job, number, work) = (a.job, a.number, a.position_in_work());
        if self.jobs[job.index()].phase == JobPhase::Done {
            return unvalued;
        }
        // The next attempt has all its processes again.
        let step = UsageStep { memory: Bytes(a.whole_memory()), ..a.step };
        let saved = Saved { cursor: a.cursor, step, done: a.done, work };
        let gain = unvalued.min(work.saturating_sub(self.saved_work(job)));
        if work >= self.saved_work(job) {
            self.saved.insert(job, saved);
        }
        self.value(job, number, Worth::Useful, gain);
        unvalued - gain
    }

    /// Work of `job` that a checkpoint holds and that is valued already.
    fn saved_work(&self, job: JobId) -> u128 {
        self.saved.get(&job).map_or(0, |s| s.work)
    }

    fn value(&mut self, job: JobId, attempt: u32, worth: Worth, amount: u128) {
        if amount > 0 {
            self.emit(Change::Valued { job, attempt, worth, amount });
        }
    }

    /// The oldest of a service's live attempts is the one that counts.
    fn promote(&mut self, job: JobId) {
        let Some(oldest) = self.live_of(job).last() else { return };
        if !self.attempts[oldest as usize].duplicate {
            return;
        }
        self.settle(oldest);
        let a = &mut self.attempts[oldest as usize];
        a.duplicate = false;
        let (number, amount) = (a.number, a.take_unvalued());
        self.value(job, number, Worth::Duplicate, amount);
    }

    /// What follows from `end` on `host`, which the control plane has not heard of yet; `at_once`: the attempt ended as
    /// it started.
    fn after_end(&mut self, end: Unseen, host: HostId, at_once: bool) {
        let Unseen { job, attempt, why, unvalued, given_up } = end;
        let heard = self.hosts[host.index()].heard;
        let inside = self.jobs[job.index()].phase == JobPhase::Inside;
        let policy = self.setup.workload.spec(job).restart;
        match why {
            EndReason::Finished => {
                if heard {
                    self.finish_job(job, attempt, host, unvalued);
                } else {
                    self.hosts[host.index()].unseen.push(end);
                }
            }
            EndReason::EvictedPressure if self.replaces_evicted => {
                if heard {
                    self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::Evicted });
                } else {
                    self.hosts[host.index()].unseen.push(end);
                }
            }
            _ if why.is_failure()
                && inside
                && self.orchestrator.failure_news(&self.world, job) == FailureNews::Final =>
            {
                if heard {
                    self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::Failed });
                } else {
                    self.hosts[host.index()].unseen.push(end);
                }
            }
            _ if why.is_failure()
                && inside
                && self.orchestrator.failure_news(&self.world, job) == FailureNews::Restarts =>
            {
                // Each restart counts, so that none is left to the closed form.
                self.restart_in_place(job, host, None);
                if heard {
                    self.notices.push_back(Notice::Restarts(job, host));
                } else {
                    self.hosts[host.index()].unheard_restarts.push(job);
                }
            }
            _ if why.is_failure() => {
                if policy != RestartPolicy::Never {
                    // Under the `host-down` policy a start over the brim takes the host down: no repeat is like the last.
                    self.restart_in_place(job, host, at_once.then_some(why));
                } else if heard && inside {
                    self.give_up_job(job, host);
                } else if inside {
                    self.hosts[host.index()].unseen.push(end);
                }
            }
            EndReason::HostDown if inside && !given_up && self.jobs[job.index()].live == NONE => {
                self.falls_with(job, host);
            }
            _ => {}
        }
        self.update_waiting(job);
    }

    /// How much of a finished attempt's `unvalued` work is useful. Two lives from one checkpoint: what the other had
    /// saved beyond this one's beginning is not useful twice.
    fn beyond_saved(&self, job: JobId, unvalued: u128) -> u128 {
        match self.saved.get(&job) {
            Some(saved) => unvalued.min(self.setup.workload.work(job) - saved.work),
            None => unvalued,
        }
    }

    /// The job has no live attempt left because `host` fell.
    fn falls_with(&mut self, job: JobId, host: HostId) {
        self.jobs[job.index()].down_on = host.0;
        self.hosts[host.index()].down_jobs.push(job);
    }

    /// The control plane sees that a job's work is done.
    fn finish_job(&mut self, job: JobId, attempt: u32, host: HostId, unvalued: u128) {
        if self.jobs[job.index()].phase != JobPhase::Inside {
            self.value(job, attempt, Worth::Duplicate, unvalued);
            return;
        }
        let useful = self.beyond_saved(job, unvalued);
        self.saved.remove(&job);
        self.value(job, attempt, Worth::Useful, useful);
        self.value(job, attempt, Worth::Duplicate, unvalued - useful);
        self.jobs[job.index()].phase = JobPhase::Done;
        self.crashes.remove(&(host, job));
        self.emit(Change::Finished { job });
        self.update_waiting(job);
        self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::Finished });
        for i in 0..self.setup.workload.before(job).len() {
            let next = self.setup.workload.before(job)[i];
            self.after_left[next.index()] -= 1;
            if self.after_left[next.index()] == 0 && self.jobs[next.index()].arrived {
                self.enter(next);
            }
        }
        self.user_done();
        self.let_go(job);
    }

    fn give_up_job(&mut self, job: JobId, host: HostId) {
        self.jobs[job.index()].phase = JobPhase::Done;
        self.gave_up.insert(job);
        self.emit(Change::GaveUp { job });
        self.update_waiting(job);
        self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::GaveUp });
        self.user_done();
        self.let_go(job);
    }

    /// The control plane hears again of a host, and of what ended there meanwhile.
    pub(super) fn hear_unseen(&mut self, host: HostId) {
        for unseen in std::mem::take(&mut self.hosts[host.index()].unseen) {
            let Unseen { job, attempt, why, unvalued, .. } = unseen;
            match why {
                EndReason::Finished => self.finish_job(job, attempt, host, unvalued),
                EndReason::EvictedPressure if self.replaces_evicted => {
                    self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::Evicted });
                }
                _ if self.jobs[job.index()].phase != JobPhase::Inside => {}
                _ if self.orchestrator.failure_news(&self.world, job) == FailureNews::Final => {
                    self.notices.push_back(Notice::Ended { job, host, outcome: Outcome::Failed });
                }
                _ => self.give_up_job(job, host),
            }
        }
    }

    /// A host fell before the ends on it were heard of: a finish that nobody saw is work lost.
    pub(super) fn lose_unseen(&mut self, host: HostId) {
        for unseen in std::mem::take(&mut self.hosts[host.index()].unseen) {
            let done = self.jobs[unseen.job.index()].phase == JobPhase::Done;
            let worth = if done { Worth::Duplicate } else { Worth::Lost };
            self.value(unseen.job, unseen.attempt, worth, unseen.unvalued);
            if !done && !unseen.given_up && self.jobs[unseen.job.index()].live == NONE {
                self.falls_with(unseen.job, host);
                self.update_waiting(unseen.job);
            }
        }
    }

    /// The agent stops its attempt of `job`, and any restart it had in mind.
    pub(super) fn stop(&mut self, job: JobId, host: HostId, why: EndReason) {
        self.forget_restart(job, host);
        self.forget_pull(job, host);
        self.unpark_job(job, host);
        if let Some(slot) = self.slot_on(job, host) {
            self.end_attempt(slot, why);
        }
    }

    /// The control plane gives a job up: its attempts within reach end, and it does not come back.
    pub(super) fn abandon(&mut self, job: JobId) {
        if self.jobs[job.index()].phase != JobPhase::Inside {
            return;
        }
        self.jobs[job.index()].ticket += 1;
        self.cancel_restarts(job);
        // Their work was for nothing, so they end before the job does.
        self.end_within_reach(job);
        self.jobs[job.index()].phase = JobPhase::Done;
        self.gave_up.insert(job);
        self.emit(Change::GaveUp { job });
        self.update_waiting(job);
        self.user_done();
        self.let_go(job);
    }

    /// A job's owner removes it.
    pub(super) fn remove(&mut self, job: JobId) {
        if self.jobs[job.index()].phase != JobPhase::Inside {
            return;
        }
        self.jobs[job.index()].phase = JobPhase::Done;
        self.jobs[job.index()].ticket += 1;
        self.cancel_restarts(job);
        self.emit(Change::Removed { job });
        self.end_within_reach(job);
        self.update_waiting(job);
        self.notices.push_back(Notice::Removed(job));
        self.user_done();
        self.let_go(job);
    }

    /// At the end of the run: live attempts of batch jobs count as far as they came, the furthest of each job; what
    /// is missing to a job's work is abandoned.
    pub(super) fn value_all_at_end(&mut self) {
        let mut unseen_done = std::collections::BTreeSet::new();
        for host in self.setup.cluster.ids() {
            for unseen in std::mem::take(&mut self.hosts[host.index()].unseen) {
                let first = self.jobs[unseen.job.index()].phase == JobPhase::Inside
                    && unseen.why == EndReason::Finished
                    && unseen_done.insert(unseen.job);
                let useful = if first { self.beyond_saved(unseen.job, unseen.unvalued) } else { 0 };
                self.value(unseen.job, unseen.attempt, Worth::Useful, useful);
                self.value(unseen.job, unseen.attempt, Worth::Duplicate, unseen.unvalued - useful);
            }
        }
        // Of jobs that have not arrived or are over there is nothing more to say, but what the given up did not do.
        let mut jobs = self.jobs.kept();
        jobs.extend(&self.gave_up);
        jobs.sort_unstable();
        jobs.dedup();
        for job in jobs {
            let live: Vec<u32> = self.live_of(job).collect();
            let state = self.jobs[job.index()];
            let spec = self.setup.workload.spec(job);
            let batch = spec.kind == JobKind::Batch;
            if state.arrived && state.phase == JobPhase::Outside {
                self.emit(Change::HeldBack { job });
            }
            let counts = state.phase == JobPhase::Inside && !unseen_done.contains(&job);
            // Oldest first: among equally far ones the older counts.
            let furthest = live.iter().rev().copied().max_by(|&a, &b| {
                let work = |s: u32| self.attempts[s as usize].position_in_work();
                work(a).cmp(&work(b)).then(std::cmp::Ordering::Greater)
            });
            let saved = self.saved_work(job);
            let mut reached = saved;
            for &slot in live.iter().rev() {
                let a = &self.attempts[slot as usize];
                let (number, amount, duplicate) = (a.number, a.unvalued(), a.duplicate);
                let useful = match batch {
                    true if counts && furthest == Some(slot) => {
                        reached = reached.max(a.position_in_work());
                        amount.min(reached - saved)
                    }
                    true => 0,
                    false if duplicate => 0,
                    false => amount,
                };
                self.value(job, number, Worth::Useful, useful);
                self.value(job, number, Worth::Duplicate, amount - useful);
            }
            let given_up = state.phase == JobPhase::Done && self.gave_up.contains(&job);
            if batch && (counts || given_up) {
                let amount = self.setup.workload.work(job) - reached;
                if amount > 0 {
                    self.emit(Change::Abandoned { job, amount });
                }
            }
        }
    }
}
