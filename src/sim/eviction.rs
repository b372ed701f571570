//! Node-pressure eviction: the kubelet's loop on each host, round by round.
//!
//! What a round decides is [`EvictionManager`]'s; here is what it is told of the host, when rounds come, and how the pods
//! that it takes end. A round that could change nothing is not queued.

use std::collections::VecDeque;

use super::change::{Change, EndReason};
use super::engine::{Notice, Simulation};
use super::queue::Event;
use crate::host::kubelet::eviction::{Admission, Candidate, EvictionManager, HARD_GRACE, Observation, Observations};
use crate::host::kubelet::pod::CRITICAL_PRIORITY;
use crate::host::kubelet::rank::{Ranked, Usage};
use crate::host::kubelet::threshold::{CONDITIONS, Condition, Pressure, Signal};
use crate::host::kubelet::y2016::Class;
use crate::host::memory;
use crate::ids::{HostId, JobId};
use crate::orchestrator::{self, Now, Periodic, Scores};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

/// Time between two looks at whether an evicted pod is cleaned up (`podCleanupPollFreq`). The first finds it done, so that
/// the limit of 30 s (`podCleanupTimeout`) does not matter.
const CLEAN_UP_POLL: SimDuration = SimDuration::from_secs(1);
/// More than any request of memory.
const ALWAYS_OVER: i64 = 1 << 60;
/// Least grace that a kubelet gives to a pod that it kills (`minimumGracePeriodInSeconds`).
const LEAST_GRACE: SimDuration = SimDuration::from_secs(1);

/// A kubelet that runs: it comes with its host's boot and goes with its fall.
#[derive(Clone, Debug)]
pub(super) struct Kubelet {
    manager: EvictionManager,
    /// Rounds come at this time, every period from there, unless a round evicts.
    rhythm: SimTime,
    /// The round that is queued.
    next: Option<SimTime>,
    /// Pods that it ends: the slot of each and its grace. The first is being ended; the loop waits for all of them.
    ending: VecDeque<(u32, SimDuration)>,
}

impl Simulation<'_> {
    /// The kubelet of `host` starts with a first round after a drawn part of a period.
    pub(super) fn start_kubelet(&mut self, host: HostId) {
        if !self.options.eviction {
            return;
        }
        let model = &self.setup.host_model.kubelet;
        let mut thresholds = model.thresholds().expect("the host model was checked when it was read");
        if self.info.scores == Scores::Kube2016 {
            // v1.3.0 knows one signal.
            thresholds.retain(|threshold| threshold.signal == Signal::Memory);
        }
        let manager = EvictionManager::new(thresholds, model.pressure_transition, model.eviction_max_pod_grace);
        let phase = self.setup.seed.stream(Purpose::Phase, (1 << 32) | u64::from(host.0));
        let phase = SimDuration({ phase }.below(model.eviction_period.0.max(1)));
        let unused = self.observe(host, 0);
        let of_memory = manager.thresholds().iter().filter(|t| t.signal.condition() == Condition::MemoryPressure);
        let spare = of_memory.filter_map(|t| unused.of(t.signal).map(|o| o.available - t.amount.of(o.capacity)));
        let memory_mark = spare.min().unwrap_or(i64::MAX);
        let of_processes = manager.thresholds().iter().filter(|t| t.signal.condition() == Condition::PidPressure);
        let spare = of_processes.filter_map(|t| unused.of(t.signal).map(|o| o.available - t.amount.of(o.capacity)));
        let processes = self.hosts[host.index()].processes;
        let process_mark = match self.setup.cluster.spec(host).ephemeral.0 {
            0 => spare.min().map_or(i64::MAX, |spare| spare.saturating_add(processes)),
            // A job may cross a threshold of the disk.
            _ => i64::MIN,
        };
        let kubelet = Kubelet { manager, rhythm: self.now + phase, next: None, ending: VecDeque::new() };
        let h = &mut self.hosts[host.index()];
        h.kubelet = Some(Box::new(kubelet));
        (h.memory_mark, h.process_mark) = (memory_mark, process_mark);
        if self.world.every_tick {
            self.queue_round(host, self.now + phase);
        } else {
            self.look_at_host(host, None);
        }
    }

    /// The kubelet of `host` is gone with all it knew.
    pub(super) fn stop_kubelet(&mut self, host: HostId) {
        let h = &mut self.hosts[host.index()];
        (h.memory_mark, h.process_mark) = (i64::MAX, i64::MAX);
        (h.ending, h.pressed) = (false, false);
        let Some(kubelet) = h.kubelet.take() else { return };
        for &condition in kubelet.manager.conditions() {
            self.emit(Change::Pressure { host, condition, on: false });
        }
    }

    /// Conditions that hold on `host`.
    pub(super) fn pressure(&self, host: HostId) -> Pressure {
        self.hosts[host.index()]
            .kubelet
            .as_ref()
            .map_or_else(Pressure::default, |k| Pressure::of(k.manager.conditions()))
    }

    /// What the kubelet measures with so much memory in use.
    ///
    /// The machine has what jobs may use, the file cache that it needs, and its system processes. Of that cache only the
    /// active part counts as used. Pods may fill all of it but what is reserved.
    fn observe(&self, host: HostId, memory_used: i64) -> Observations {
        let (h, spec) = (&self.hosts[host.index()], self.setup.cluster.spec(host));
        let model = &self.setup.host_model;
        let marks = memory::marks(model, spec.memory);
        let active = i128::from(marks.hot_file) * i128::from(model.kubelet.active_file_milli) / 1000;
        // Swap is not memory to the kubelet: what is swapped out counts as if it were still there.
        let (full, machine) = (spec.memory.0 + marks.hot_file, marks.ram);
        let measured = |available, capacity| Observation { available, capacity, at: None };
        let pods = machine.saturating_sub(model.kubelet.reserved().0);
        let pids = model.kubelet.max_pids as i64;
        let mut seen = Observations::default()
            .with(Signal::Memory, measured(full - active as i64 - memory_used, machine))
            .with(Signal::AllocatableMemory, measured(pods - memory_used, pods))
            .with(Signal::Pid, measured(pids.saturating_sub(h.processes), pids));
        if spec.ephemeral.0 > 0 {
            let disk =
                measured(spec.ephemeral.0.saturating_sub(h.ephemeral).saturating_sub(h.image_cache), spec.ephemeral.0);
            seen = seen.with(Signal::Nodefs, disk).with(Signal::Imagefs, disk).with_unused_images(h.image_cache);
        }
        seen
    }

    /// More memory is in use on `host`: a round is queued if it would find a threshold crossed.
    pub(super) fn look_at_memory(&mut self, host: HostId) {
        let h = &self.hosts[host.index()];
        if h.memory > h.memory_mark {
            self.ask_round(host);
        }
    }

    /// The same for all that a kubelet looks at, when its host comes up or a job starts there.
    pub(super) fn look_at_host(&mut self, host: HostId, started: Option<JobId>) {
        let h = &self.hosts[host.index()];
        let spec = started.map(|job| self.setup.workload.spec(job));
        let spec = spec.filter(|_| self.info.scores != Scores::Kube2016);
        let limit = spec.and_then(|spec| spec.ephemeral_limit.map(|limit| spec.ephemeral_used > limit));
        if limit != Some(true) && h.memory <= h.memory_mark && h.processes <= h.process_mark {
            return;
        }
        let Some(kubelet) = &h.kubelet else { return };
        if limit == Some(true) || kubelet.manager.would_cross(&self.observe(host, h.memory)) {
            self.ask_round(host);
        }
    }

    /// Queues the next round of the loop on `host`, unless an earlier one is queued or the loop waits for a pod's end.
    fn ask_round(&mut self, host: HostId) {
        let period = self.setup.host_model.kubelet.eviction_period;
        let Some(kubelet) = &self.hosts[host.index()].kubelet else { return };
        if !kubelet.ending.is_empty() {
            return;
        }
        let at = Periodic::new(kubelet.rhythm, period).next(Now { at: self.now, late: self.late });
        if kubelet.next.is_none_or(|next| next > at) {
            self.queue_round(host, at);
        }
    }

    fn queue_round(&mut self, host: HostId, at: SimTime) {
        if let Some(kubelet) = &mut self.hosts[host.index()].kubelet {
            kubelet.next = Some(at);
            self.queue.push(at, Event::EvictionRound(host));
        }
    }

    /// Live attempts on `host` in order of their names, as the manager wants them listed.
    fn in_name_order(&self, host: HostId) -> Vec<u32> {
        let mut slots = self.hosts[host.index()].attempts.clone();
        slots.sort_unstable_by_key(|&slot| self.setup.workload.name(self.attempts[slot as usize].job));
        slots
    }

    fn candidate(&self, slot: u32) -> Candidate {
        let a = &self.attempts[slot as usize];
        let spec = self.setup.workload.spec(a.job);
        let usage = Usage {
            memory: a.step.memory.0,
            processes: i64::from(spec.processes.unwrap_or(1)),
            ephemeral: spec.ephemeral_used.0,
        };
        if self.info.scores == Scores::Kube2016 {
            // By class, then by use over request, below it or not (`pkg/kubelet/eviction/helpers.go: rankMemoryPressure`
            // v1.3.0). With so much added to all, every use is over its request.
            let memory_request = a.memory_request - ALWAYS_OVER;
            let ranked = Ranked {
                priority: self.class_2016(a.job) as i32,
                memory_request,
                ephemeral_request: 0,
                usage: Some(usage),
            };
            let grace = self.orchestrator.grace(&self.world, a.job);
            return Candidate { ranked, critical: false, grace, ephemeral_limit: None };
        }
        Candidate {
            ranked: Ranked {
                priority: spec.priority,
                memory_request: a.memory_request,
                ephemeral_request: spec.ephemeral.0,
                usage: Some(usage),
            },
            critical: spec.priority >= CRITICAL_PRIORITY,
            grace: self.orchestrator.grace(&self.world, a.job),
            ephemeral_limit: spec.ephemeral_limit.map(|limit| limit.0),
        }
    }

    /// One round of the kubelet's eviction manager.
    pub(super) fn eviction_round(&mut self, host: HostId) {
        let now = self.now;
        let period = self.setup.host_model.kubelet.eviction_period;
        let seen = self.observe(host, self.hosts[host.index()].memory);
        let slots = self.in_name_order(host);
        let pods: Vec<Candidate> = slots.iter().map(|&slot| self.candidate(slot)).collect();
        let Some(kubelet) = &mut self.hosts[host.index()].kubelet else { return };
        if kubelet.next != Some(now) {
            return;
        }
        kubelet.next = None;
        let before = Pressure::of(kubelet.manager.conditions());
        let round = kubelet.manager.synchronize(now, &seen, &pods);
        kubelet.rhythm = now + period;
        // Where a hard and a soft threshold are due, the real grace is that of either; here the shorter.
        let for_node = round.eviction.map(|e| (slots[e.pod], e.graces[0].max(LEAST_GRACE)));
        kubelet.ending = round.over_limit.iter().map(|&i| (slots[i], HARD_GRACE)).chain(for_node).collect();
        let waits = !kubelet.ending.is_empty();
        let pressed = !kubelet.manager.conditions().is_empty();
        // While nothing is crossed, only the end of a condition is something to do.
        let at_once = self.world.every_tick || !kubelet.manager.is_calm();
        let next = match kubelet.manager.relief() {
            _ if at_once => Some(kubelet.rhythm),
            Some(relief) => Some(Periodic::new(kubelet.rhythm, period).at_or_after(relief)),
            None => None,
        };
        let h = &mut self.hosts[host.index()];
        (h.ending, h.pressed) = (waits, pressed);
        if round.images_deleted {
            self.hosts[host.index()].image_cache = 0;
        }
        self.tell_pressure(host, before);
        match next {
            _ if waits => self.end_next_pod(host),
            Some(at) => self.queue_round(host, at),
            None => {}
        }
    }

    /// The kubelet posts its conditions when they change, at once; the real one works its status out every 10 s.
    fn tell_pressure(&mut self, host: HostId, before: Pressure) {
        let now = self.pressure(host);
        for condition in CONDITIONS {
            if before.has(condition) != now.has(condition) {
                self.emit(Change::Pressure { host, condition, on: now.has(condition) });
            }
        }
        if before != now {
            self.notices.push_back(Notice::Pressure(host, now));
        }
    }

    /// The first of the pods that the kubelet of `host` ends is told so, and lives on for its grace.
    fn end_next_pod(&mut self, host: HostId) {
        let Some(kubelet) = &self.hosts[host.index()].kubelet else { return };
        if let Some(&(slot, grace)) = kubelet.ending.front() {
            let epoch = self.attempts[slot as usize].serial as u32;
            self.queue.push(self.now + grace, Event::EvictionGraceOver { host, slot, epoch });
        }
    }

    /// The grace of the attempt in `slot` is over.
    pub(super) fn eviction_grace_over(&mut self, host: HostId, slot: u32, epoch: u32) {
        let kubelet = self.hosts[host.index()].kubelet.as_ref();
        let ending = kubelet.and_then(|kubelet| kubelet.ending.front());
        if ending.is_some_and(|&(s, _)| s == slot) && self.attempts[slot as usize].serial as u32 == epoch {
            self.end_attempt(slot, EndReason::EvictedPressure);
        }
    }

    /// The attempt in `slot` of `host` ended, whoever ended it; whether the kubelet was about to end it. Once all that it
    /// ends are gone the loop goes on after one look at the clean-up.
    pub(super) fn ended_under_kubelet(&mut self, host: HostId, slot: u32) -> bool {
        let h = &mut self.hosts[host.index()];
        let Some(kubelet) = h.kubelet.as_mut().filter(|_| h.ending) else { return false };
        let Some(at) = kubelet.ending.iter().position(|&(s, _)| s == slot) else { return false };
        kubelet.ending.remove(at);
        h.ending = !kubelet.ending.is_empty();
        if at > 0 {
            return false;
        }
        if kubelet.ending.is_empty() {
            let at = self.now + CLEAN_UP_POLL;
            kubelet.rhythm = at;
            self.queue_round(host, at);
        } else {
            self.end_next_pod(host);
        }
        true
    }

    /// Whether the kubelet of `host` takes `job`, which the control plane sends. Only Kubernetes' own refuses any: a control plane that
    /// knows no conditions would send it again and again.
    pub(super) fn kubelet_admits(&self, job: JobId, host: HostId) -> bool {
        let h = &self.hosts[host.index()];
        if self.info.scores == Scores::Flat || !h.pressed {
            return true;
        }
        let Some(kubelet) = &h.kubelet else { return true };
        if self.info.scores == Scores::Kube2016 {
            return self.class_2016(job) != Class::BestEffort;
        }
        let (cpu, memory) = self.world.requested(job);
        let limits =
            self.world.cpu_limit(job).is_some_and(|l| l.0 > 0) || self.world.memory_limit(job).is_some_and(|l| l.0 > 0);
        kubelet.manager.admits(Admission {
            critical: self.setup.workload.spec(job).priority >= CRITICAL_PRIORITY,
            best_effort: cpu.0 == 0 && memory.0 == 0 && !limits,
            tolerates_memory_pressure: orchestrator::tolerates_taint(
                &self.world,
                job,
                Condition::MemoryPressure.taint(),
            ),
        })
    }
}
