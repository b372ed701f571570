//! What can happen, as the simulation tells its observers.

use super::kinds::Kinds;
use super::rates::CpuRates;
use crate::discovery::store::StoreLevel;
use crate::discovery::{Reach, Stage};
use crate::host::felt::CpuFelt;
use crate::host::kubelet::threshold::Condition;
use crate::ids::{AppId, HostId, JobId};
use crate::orchestrator::{Explained, Incident};
use crate::units::SimTime;

/// Why an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EndReason {
    /// Its work was done.
    Finished = 0,
    /// The job was removed (a service at the end of its time).
    Removed,
    /// The control plane stopped this copy (a stale or second one).
    Stopped,
    /// Killed at its own memory limit.
    OomLimit,
    /// Killed by the kernel because the host's memory was full.
    OomHost,
    /// Evicted by node pressure.
    EvictedPressure,
    /// Evicted because its host was lost to the control plane.
    EvictedTaint,
    /// Evicted through the API.
    EvictedApi,
    /// Preempted by a job of higher priority.
    EvictedPreemption,
    /// Its host fell.
    HostDown,
    /// Its host left the cluster.
    HostLeft,
    /// The host lacked its GPU, port or label.
    StartFailed,
    /// The daemon that it hung on was killed.
    DaemonDied,
    /// It ended by itself, as failed: what it needs was not to be found.
    Exited,
    /// Replaced in place, to take up a new configuration.
    Restarted,
}

impl EndReason {
    /// All reasons, in order of their numbers.
    pub const ALL: [EndReason; 15] = [
        EndReason::Finished,
        EndReason::Removed,
        EndReason::Stopped,
        EndReason::OomLimit,
        EndReason::OomHost,
        EndReason::EvictedPressure,
        EndReason::EvictedTaint,
        EndReason::EvictedApi,
        EndReason::EvictedPreemption,
        EndReason::HostDown,
        EndReason::HostLeft,
        EndReason::StartFailed,
        EndReason::DaemonDied,
        EndReason::Exited,
        EndReason::Restarted,
    ];

    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::Finished => "finished",
            EndReason::Removed => "removed",
            EndReason::Stopped => "stopped",
            EndReason::OomLimit => "oom-limit",
            EndReason::OomHost => "oom-host",
            EndReason::EvictedPressure => "evicted-node-pressure",
            EndReason::EvictedTaint => "evicted-taint",
            EndReason::EvictedApi => "evicted-api",
            EndReason::EvictedPreemption => "evicted-preemption",
            EndReason::HostDown => "host-down",
            EndReason::HostLeft => "host-left",
            EndReason::StartFailed => "start-failed",
            EndReason::DaemonDied => "daemon-died",
            EndReason::Exited => "exited",
            EndReason::Restarted => "restarted",
        }
    }

    /// Whether it counts as an OOM kill.
    pub const fn is_oom(self) -> bool {
        matches!(self, EndReason::OomLimit | EndReason::OomHost)
    }

    /// Whether the attempt failed on a host that goes on, so that its agent may start it again there.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            EndReason::OomLimit
                | EndReason::OomHost
                | EndReason::StartFailed
                | EndReason::EvictedPressure
                | EndReason::DaemonDied
                | EndReason::Exited
        )
    }

    /// Whether it counts as an eviction.
    pub const fn is_eviction(self) -> bool {
        matches!(
            self,
            EndReason::EvictedPressure | EndReason::EvictedTaint | EndReason::EvictedApi | EndReason::EvictedPreemption
        )
    }
}

/// Why a host fell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum DownCause {
    /// A failure of the scenario.
    Failure = 0,
    /// Memory ran out (`host-down` policy, an operator's reboot, or a panic).
    Memory,
    /// It was taken down on purpose, for an upgrade or the like.
    Planned,
}

impl DownCause {
    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            DownCause::Failure => "failure",
            DownCause::Memory => "memory",
            DownCause::Planned => "planned",
        }
    }
}

/// How far planned work on a host has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum MaintenanceStep {
    /// The control plane is asked to empty the host.
    Begins = 0,
    /// The control plane had its time, and the host goes down with what is left on it.
    TimedOut,
    /// The host is back.
    Over,
    /// Its turn came while it was no member of the cluster or other work on it was under way: it is passed over.
    Skipped,
}

impl MaintenanceStep {
    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            MaintenanceStep::Begins => "begins",
            MaintenanceStep::TimedOut => "timed-out",
            MaintenanceStep::Over => "over",
            MaintenanceStep::Skipped => "skipped",
        }
    }
}

/// What a job without a live attempt waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Waiting {
    /// It does not wait: it has a live attempt, or is not in the system.
    #[default]
    No = 0,
    /// Queue, back-off, pull, converge.
    Pending,
    /// Its host is down and the control plane has not given the attempt up.
    HostDown,
}

/// How served work turned out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Worth {
    /// It counted.
    Useful = 0,
    /// A kill or a loss threw it away.
    Lost,
    /// Another attempt had done or was doing the same.
    Duplicate,
    /// Served before the warm-up was over; outside the ledger's window.
    BeforeWindow,
}

/// One thing that happened. CPU rates are nano-cores, work is nano-core-microseconds, memory is bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are explained by the variants and the header above")]
pub enum Change {
    /// The job entered the system: it arrived and all it waits for has finished.
    Arrived { job: JobId },
    /// The control plane chose a host. Every decision, re-placements included.
    Placed { job: JobId, host: HostId },
    /// The control plane found that `victims` jobs on a host would have to go for the job; `applied`: they do.
    Preempts { job: JobId, host: HostId, victims: u32, applied: bool },
    /// The attempt that begins next has this GPU of the host, which the control plane picked, and not the fullest with room.
    Device { job: JobId, host: HostId, device: u16 },
    /// An attempt began to run. Attempts of a job are numbered from 1.
    Started { job: JobId, attempt: u32, host: HostId },
    /// An attempt ended on its host. `served` is all it got.
    Ended { job: JobId, attempt: u32, host: HostId, why: EndReason, served: u128 },
    /// `times` further attempts that had to end as they started, for the same reason as the last one, because nothing
    /// on the host changed; counted in closed form.
    Repeats { job: JobId, host: HostId, why: EndReason, times: u64, last_attempt: u32 },
    /// The control plane saw the job's work done.
    Finished { job: JobId },
    /// The job was removed from the system.
    Removed { job: JobId },
    /// The job will not run again (restart policy `never`).
    GaveUp { job: JobId },
    /// A job without a live attempt demands this, for this reason; `Waiting::No`: it no longer waits.
    Waits { job: JobId, why: Waiting, cpu_nano: u64, memory: i64 },
    /// An attempt's CPU, from what it demands to what it gets, and the memory it holds.
    Rate { job: JobId, attempt: u32, host: HostId, cpu: CpuRates, memory: i64 },
    /// A usage step ended within its last microsecond, which demanded and served only `remainder` nano-core-µs
    /// instead of the rates in force.
    Remainder { job: JobId, attempt: u32, host: HostId, cpu: CpuRates, remainder: u64 },
    /// An attempt out of reach was given up by the control plane; `evicted`: that counts as an eviction by taint.
    AttemptGivenUp { job: JobId, host: HostId, evicted: bool },
    /// The run is over and the job, which had arrived, still waited for others to finish before it could enter.
    HeldBack { job: JobId },
    /// The run is over and this much of a batch job's work was not done.
    Abandoned { job: JobId, amount: u128 },
    /// Served work of an attempt was classified.
    Valued { job: JobId, attempt: u32, worth: Worth, amount: u128 },
    /// A host's sums over its live attempts.
    HostLoad { host: HostId, cpu: CpuRates, memory: i64, cpu_request: i64, memory_request: i64, attempts: u32 },
    /// What a host's attempts feel of their quotas and their neighbours, summed.
    CpuFelt { host: HostId, felt: CpuFelt },
    /// A host's daemons lack so many nano-cores of what they want: jobs have them.
    DaemonCpu { host: HostId, missing: u64 },
    /// A daemon of a host, by its place in the orchestrator's table, gets less than it needs, or again enough.
    DaemonStarved { host: HostId, daemon: u32, on: bool },
    /// A host is there (joined or came back).
    HostUp { host: HostId },
    /// A host fell.
    HostDown { host: HostId, cause: DownCause },
    /// A host left for good.
    HostLeft { host: HostId },
    /// The file pages in use of a host began, or ceased, to be more than fit.
    Thrash { host: HostId, on: bool },
    /// The kernel killed a daemon of a host, by name.
    DaemonDown { host: HostId, daemon: &'static str },
    /// It is back.
    DaemonUp { host: HostId, daemon: &'static str },
    /// A process of an attempt was killed for memory, and the attempt goes on without it; `left` processes remain.
    ProcessKilled { job: JobId, attempt: u32, host: HostId, left: u32 },
    /// A host's heartbeats stopped or resumed as far as the control plane can tell.
    Heartbeats { host: HostId, on: bool },
    /// The control plane declared a host lost, or took it back.
    HostLost { host: HostId, lost: bool },
    /// A condition of a host began or ceased to hold, as its kubelet sees it.
    Pressure { host: HostId, condition: Condition, on: bool },
    /// Something went wrong within the control plane, on the part of it that runs on that host if on any.
    Incident { what: Incident, host: Option<HostId> },
    /// Planned work on a host began or went on. When it goes down, `HostDown` says so.
    Maintenance { host: HostId, step: MaintenanceStep },
    /// A failure of the scenario befell a host that had not joined or had left: nothing happens.
    FailureMissed { host: HostId },
    /// How well the cluster's store answers from now on.
    Store { level: StoreLevel },
    /// A component's container on a host got to this stage.
    Stage { job: JobId, host: HostId, stage: Stage },
    /// What an app's visitors meet from now on.
    Reach { app: AppId, reach: Reach },
    /// Whether a new version of an app can be deployed from now on.
    Deploys { possible: bool },
    /// A job serves with the platform's change of configuration of that number from now on.
    Configured { job: JobId, number: u32 },
    /// The warm-up is over: metrics begin here.
    WindowBegins,
}

/// Watches a run. Called for every change that it wants, in order; `at` never decreases.
pub trait Observer {
    /// Which changes it wants; asked once, before the first. What it is told of others is its own affair: nothing, as a rule.
    fn wants(&self) -> Kinds {
        Kinds::ALL
    }
    /// `change` happened at `at`.
    fn change(&mut self, at: SimTime, change: &Change);
    /// Something is about to happen to these jobs on these hosts: what is kept of them may be read now, all of it side by side.
    /// Changes nothing; the number only depends on what was read.
    fn look_ahead(&self, _soon: &[(JobId, HostId)]) -> u64 {
        0
    }
    /// A decision was explained, as [`Flags::explain`](super::Flags::explain) asked.
    fn explained(&mut self, _explained: &Explained) {}
    /// The run is over at `end`; integrals are closed here.
    fn finish(&mut self, end: SimTime);
}
