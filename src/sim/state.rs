//! The truth: attempts, and what each host and job is doing. What the control plane believes is its own affair.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::change::{EndReason, Waiting};
use super::eviction::Kubelet;
use super::images::Images;
use super::rates::CpuRates;
use crate::host::cpu_host::HostTree;
use crate::host::felt::CpuFelt;
use crate::host::kubelet::pod::Qos;
use crate::host::memory::Part;
use crate::host::pod_cpu::PodCpu;
use crate::ids::{HostId, JobId};
use crate::units::SimTime;
use crate::workload::{UsageCursor, UsageStep};

/// No slot, no attempt.
pub(super) const NONE: u32 = u32::MAX;

/// Parts in a million: the profile clock of time-indexed steps runs in millionths of a microsecond, so that what a
/// leak waits for can slow it down.
pub(super) const FULL_SPEED: u64 = crate::host::near_oom::PPM;

/// One life of a job on one host.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub job: JobId,
    /// From 1, per job.
    pub number: u32,
    pub host: HostId,
    /// Position in the host's list.
    pub position: u32,
    /// Order of starts over the whole run: the scan order of the kernel, and the last word among equals.
    pub serial: u64,
    /// Another live attempt of the same job.
    pub next_of_job: u32,
    /// Demand of the current step and what becomes of it.
    pub cpu: CpuRates,
    pub step: UsageStep,
    pub cursor: UsageCursor,
    /// Whether steps are indexed by work done (batch) and not by time.
    pub by_work: bool,
    /// Progress in the current step: nano-core-µs where the step is indexed by work, else millionths of a µs.
    pub done: u128,
    /// Time of the last settlement.
    pub since: SimTime,
    /// When it began.
    pub started: SimTime,
    /// Work received in all.
    pub served: u128,
    /// What of that has been valued.
    pub valued: u128,
    /// The profile clock's speed in force, in parts of a million.
    pub speed: u64,
    pub weight: u64,
    /// Its class under Kubernetes, which is its place in the tree of groups.
    pub qos: Qos,
    /// Whether it feels anything of its quota and its neighbours; what that is stands in a column of its own.
    pub feels: bool,
    /// Nano-cores; `u64::MAX`: none.
    pub quota: u64,
    /// What its threads can run at once, nano-cores; `u64::MAX`: any number of threads.
    pub threads: u64,
    /// Bytes; `i64::MAX`: none.
    pub memory_limit: i64,
    pub cpu_request: i64,
    pub memory_request: i64,
    pub oom_score_adj: i64,
    /// File pages of its own that its memory limit leaves room for.
    pub cache: i64,
    /// Touches of file pages for each second of CPU, and for each MiB that it takes on.
    pub file_touches: u32,
    pub leak_touches: u32,
    /// The kernel has chosen it, for this reason: it is gone when the latency is over.
    pub dying: Option<EndReason>,
    /// A second live attempt of a service.
    pub duplicate: bool,
    /// The control plane has given it up, out of reach: it no longer waits for its host.
    pub given_up: bool,
    /// Whether its rate must be looked at.
    pub changed: bool,
    /// Whether its step end must be queued anew.
    pub reschedule: bool,
    /// What few attempts have.
    pub rare: Option<Box<Rare>>,
}

/// Bytes of an attempt, [`Rare`] and what it feels apart.
const BYTES_PER_ATTEMPT: usize = size_of::<Attempt>();
const _: () = assert!(BYTES_PER_ATTEMPT <= 320);

/// What few attempts have.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    /// Work of the job that a checkpoint had saved when this attempt began.
    pub base: u128,
    /// What there is to know of its containers' CPU, if it has several.
    pub pod: Option<Rc<PodCpu>>,
    /// Its containers, where there are several; their scores stand in place of `oom_score_adj`.
    pub parts: Vec<Part>,
    /// Processes that hold its memory in equal parts, and those of them that were not killed.
    pub processes: u32,
    pub processes_left: u32,
    /// What all its processes would hold in the current step.
    pub whole_memory: i64,
    /// Bytes a second from the current step to the next, where anybody wants to know.
    pub growth: u64,
    /// GPU devices it holds.
    pub devices: Vec<u16>,
}

impl Default for Rare {
    fn default() -> Self {
        Rare {
            base: 0,
            pod: None,
            parts: Vec::new(),
            processes: 1,
            processes_left: 1,
            whole_memory: 0,
            growth: 0,
            devices: Vec::new(),
        }
    }
}

impl Rare {
    /// Whether it has to be kept for an attempt that begins.
    pub fn matters(&self) -> bool {
        self.base > 0 || self.pod.is_some() || !self.parts.is_empty() || self.processes != 1 || !self.devices.is_empty()
    }
}

impl Attempt {
    /// Work received and not yet valued.
    pub fn unvalued(&self) -> u128 {
        self.served - self.valued
    }

    /// All that was received is valued now; what of it was not.
    pub fn take_unvalued(&mut self) -> u128 {
        let unvalued = self.unvalued();
        self.valued = self.served;
        unvalued
    }

    pub fn pod(&self) -> Option<&PodCpu> {
        self.rare.as_ref().and_then(|rare| rare.pod.as_deref())
    }

    /// Its containers, where there are several.
    pub fn parts(&self) -> &[Part] {
        self.rare.as_ref().map_or(&[], |rare| &rare.parts)
    }

    pub fn processes_left(&self) -> u32 {
        self.rare.as_ref().map_or(1, |rare| rare.processes_left)
    }

    /// What all its processes would hold in the current step.
    pub fn whole_memory(&self) -> i64 {
        match &self.rare {
            Some(rare) if rare.processes_left != rare.processes => rare.whole_memory,
            _ => self.step.memory.0,
        }
    }

    /// Bytes a second from the current step to the next; 0 where nobody wants to know.
    pub fn growth(&self) -> u64 {
        self.rare.as_ref().map_or(0, |rare| rare.growth)
    }

    /// Whether it, or a container of it, has a quota.
    pub fn has_quota(&self) -> bool {
        self.quota != u64::MAX || self.pod().is_some()
    }

    /// Whether the current step is indexed by work.
    pub fn step_by_work(&self) -> bool {
        self.by_work && self.cpu.demand > 0
    }

    /// All of the current step, in the unit of `done`; `None`: without end.
    pub fn step_total(&self) -> Option<u128> {
        if self.step_by_work() {
            Some(u128::from(self.cpu.demand) * u128::from(self.step.length_us))
        } else if self.step.length_us == u64::MAX {
            None
        } else {
            Some(u128::from(self.step.length_us) * u128::from(FULL_SPEED))
        }
    }

    /// Microseconds until the current step ends at the rates in force; `None`: never.
    pub fn time_left(&self) -> Option<u64> {
        let left = self.step_total()?.saturating_sub(self.done);
        let rate = if self.step_by_work() { self.cpu.received } else { self.speed };
        if left == 0 {
            return Some(0);
        }
        if rate == 0 {
            return None;
        }
        // Wide divisions are slow, and few need one.
        match u64::try_from(left) {
            Ok(left) => Some(left.div_ceil(rate)),
            Err(_) => u64::try_from(left.div_ceil(u128::from(rate))).ok(),
        }
    }

    /// What of `memory` the processes hold that were not killed.
    pub fn left_of(&self, memory: i64) -> i64 {
        match &self.rare {
            Some(rare) if rare.processes_left != rare.processes => {
                (i128::from(memory) * i128::from(rare.processes_left) / i128::from(rare.processes)) as i64
            }
            _ => memory,
        }
    }

    /// Work of the job done up to here, a saved part included.
    pub fn position_in_work(&self) -> u128 {
        self.rare.as_ref().map_or(0, |rare| rare.base) + self.served
    }
}

/// Progress that survives a kill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saved {
    pub cursor: UsageCursor,
    pub step: UsageStep,
    pub done: u128,
    pub work: u128,
}

/// A job whose last attempt ended as it started, and whose next one would end the same way while nothing on its host
/// changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parked {
    pub job: JobId,
    /// How it ended.
    pub why: EndReason,
    /// The next retry.
    pub retry: SimTime,
}

/// An end that the control plane has not heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unseen {
    pub job: JobId,
    pub attempt: u32,
    pub why: EndReason,
    /// Work to be valued once it is known whether it counted.
    pub unvalued: u128,
    /// The control plane had given the attempt up.
    pub given_up: bool,
}

/// What a job is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum JobPhase {
    /// Not arrived, or waiting for others to finish.
    Outside,
    /// In the system.
    Inside,
    /// Finished, removed or given up.
    Done,
}

/// A job's runtime columns, kept together: they are touched together.
#[derive(Clone, Copy, Debug)]
pub(super) struct JobState {
    pub phase: JobPhase,
    pub waiting: Waiting,
    /// Whether its arrival time has come.
    pub arrived: bool,
    /// Hosts on which it waits for images; at its most it stays there.
    pub pulls: u8,
    /// Attempts so far.
    pub attempts: u32,
    /// Number of the pending start; an event with another number is stale.
    pub ticket: u32,
    /// Newest live attempt.
    pub live: u32,
    /// Host whose fall ended its last attempt, while that has not been given up.
    pub down_on: u32,
}

const _: () = assert!(size_of::<JobState>() <= 20);

impl Default for JobState {
    fn default() -> Self {
        JobState::NEW
    }
}

impl JobState {
    pub(super) const NEW: JobState = JobState {
        phase: JobPhase::Outside,
        waiting: Waiting::No,
        arrived: false,
        pulls: 0,
        attempts: 0,
        ticket: 0,
        live: NONE,
        down_on: NONE,
    };

    /// It waits for images on one more host.
    pub(super) fn pulls_more(&mut self) {
        self.pulls = self.pulls.saturating_add(1);
    }

    /// It waits for images on one host less. Past counting it is taken to wait for ever.
    pub(super) fn pulls_less(&mut self) {
        self.pulls -= u8::from(self.pulls > 0 && self.pulls < u8::MAX);
    }

    /// What is left of a job that is over.
    pub(super) const GONE: JobState = JobState { phase: JobPhase::Done, arrived: true, ..JobState::NEW };
}

/// Planned work on a host, by number of the setup's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Upkeep {
    /// None.
    #[default]
    None,
    /// The control plane empties it.
    Draining(u32),
    /// It is down for it.
    Down(u32),
}

/// How the last megabytes of a host feel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Band {
    /// Part of touches of file pages that miss, ppm.
    pub missing: u64,
    /// Live attempts that wait for file pages.
    pub tasks: u64,
    /// Speed of growth that goes to swap, ppm; 0: nothing does.
    pub swap: u64,
}

/// What a daemon of a host is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct DaemonState {
    /// The kernel has chosen it.
    pub dying: bool,
    /// It is gone and back then.
    pub back: Option<SimTime>,
    /// When it began: its place in the kernel's scan order.
    pub since: SimTime,
    pub epoch: u16,
}

/// What a host is doing. What every start, step and end of a job touches stands in the first four lines of the cache.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct HostState {
    /// Its CPU, nano-cores; `u64::MAX` where nobody contends.
    pub capacity: u64,
    /// Σ over its attempts.
    pub cpu: CpuRates,
    /// Σ memory in use.
    pub memory: i64,
    /// Σ file pages in use by its attempts.
    pub cache: i64,
    /// While memory and file pages in use are no more than this they are not felt.
    pub calm: i64,
    pub cpu_request: i64,
    pub memory_request: i64,
    /// Slots of live attempts, in no order.
    pub attempts: Vec<u32>,
    /// Powered and running.
    pub up: bool,
    /// Has joined and not left.
    pub member: bool,
    /// Whether the control plane hears it, as last told.
    pub heard: bool,
    pub thrashing: bool,
    /// Jobs use more than they may.
    pub over: bool,
    pub contended: bool,
    /// All rates must be looked at (the speed changed).
    pub speed_changed: bool,
    pub dirty: bool,
    /// Some attempt may be over its memory limit.
    pub over_limit: bool,
    /// An attempt began or ended here since CPU was shared.
    pub cast_changed: bool,
    /// What is felt may be another than last told.
    pub felt_changed: bool,
    /// Cut off by a partition.
    pub cut: bool,
    /// The daemon that sends heartbeats was killed.
    pub deaf: bool,
    /// Its daemons are too starved for heartbeats.
    pub starved_mute: bool,
    /// Its kubelet is ending pods.
    pub ending: bool,
    /// Its kubelet has conditions.
    pub pressed: bool,
    /// Slots whose rates must be looked at.
    pub changed: Vec<u32>,
    /// Above this much memory in use a threshold of its kubelet is crossed.
    pub memory_mark: i64,
    /// Above so many processes another one is, or may be.
    pub process_mark: i64,
    /// Σ processes.
    pub processes: i64,
    /// Σ local disk space in use, bytes.
    pub ephemeral: i64,
    /// Bits of its daemons that are starved.
    pub daemons_starved: u32,
    /// Daemons that are gone and not back yet.
    pub daemons_gone: u32,
    /// Jobs that its agent will restart: serial of the event.
    pub restarting: BTreeMap<JobId, u32>,
    pub parked: Vec<Parked>,
    /// There while the host is up, where pods are evicted.
    pub kubelet: Option<Box<Kubelet>>,
    /// How many of the parked were killed for the host's memory, so that any change of it matters.
    pub parked_oom: u32,
    /// Victims that are not gone yet.
    pub dying: u32,
    pub band: Band,
    /// What its daemons lack of what they want, nano-cores.
    pub daemons_missing: u64,
    /// Waiting for file pages instead of sending heartbeats.
    pub muted: bool,
    /// A heartbeat is late, and not yet by so much that it is felt.
    pub beat_waits: bool,
    /// Room is back, file pages are not yet.
    pub recovering: bool,
    /// Disk space of images that no job uses.
    pub image_cache: i64,
    pub cut_epoch: u32,
    pub down_epoch: u32,
    pub recover_epoch: u32,
    pub over_epoch: u32,
    pub beat_epoch: u32,
    pub starved_epoch: u32,
    pub daemons: Vec<DaemonState>,
    pub down_until: SimTime,
    pub cut_until: SimTime,
    /// Who shares its CPU, in order; as of now only while it is contended.
    pub tree: Option<Box<HostTree>>,
    /// Σ over its attempts.
    pub felt: CpuFelt,
    /// The same as last told.
    pub felt_told: CpuFelt,
    pub ports: Vec<u16>,
    pub unseen: Vec<Unseen>,
    /// Planned work on it.
    pub upkeep: Upkeep,
    pub upkeep_epoch: u32,
    /// Restarts in place that the control plane counts and has not heard of.
    pub unheard_restarts: Vec<JobId>,
    /// What it pulled and pulls.
    pub images: Images,
    /// Jobs that may still wait for this host's fall to end.
    pub down_jobs: Vec<JobId>,
}

const _: () = assert!(std::mem::offset_of!(HostState, band) == 4 * 64);

/// Bytes of a host, its lists, its daemons and its kubelet apart.
const BYTES_PER_HOST: usize = size_of::<HostState>();
const _: () = assert!(BYTES_PER_HOST <= 768);
