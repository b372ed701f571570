//! Control planes: who decides when, knowing what.
//!
//! An [`Orchestrator`] hears what its control plane would hear (never what only the world knows), and answers with
//! [`Action`]s. It keeps its own beliefs in [`Books`]; the simulation keeps the truth. It knows no event queue and no
//! metric, and it does not restart what ended on a live host: that is the host agent's work, by [`RestartRule`].

mod books;
mod chef;
mod direct;
mod fleet;
mod held;
mod incident;
mod kubernetes;
mod kubernetes_2016;
mod options;
mod periodic;

pub use books::Books;
pub use incident::Incident;
pub use kubernetes::tolerates_taint;
pub use kubernetes_2016::version as version_2016;
pub use options::{Enforcement, Options, ParameterInfo, ParameterValue, RequestRule, StoreOn, TieBreak};
pub use periodic::Periodic;

use crate::cluster::{Cluster, Request};
use crate::discovery::store::StoreLevel;
use crate::host::HostModel;
use crate::host::daemon::Daemon;
use crate::host::kubelet::threshold::Pressure;
use crate::host::oom::Era;
use crate::ids::{HostId, JobId};
use crate::kube::explain::Explanation;
use crate::parameter::Parameters;
use crate::rng::Seed;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::Workload;

/// What everybody may know.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The hosts, as described.
    pub cluster: &'a Cluster,
    /// The jobs, as described.
    pub workload: &'a Workload,
    /// How hosts behave; of it a control plane knows how its agents are set.
    pub host_model: &'a HostModel,
    /// How this run is set.
    pub options: &'a Options,
    /// The run's seed.
    pub seed: Seed,
    /// Whether periodic work runs at every tick, idle or not: the reference that must give the same changes.
    pub every_tick: bool,
    /// Whether every decision is taken by the plain scan of all hosts: slow, and the same decisions.
    pub plain: bool,
    /// A job whose decisions are to be explained.
    pub explain: Option<JobId>,
}

impl<'a> World<'a> {
    /// CPU limit in force for `job`, if limits are enforced.
    pub fn cpu_limit(&self, job: JobId) -> Option<MilliCpu> {
        self.enforced(self.workload.cpu_limit(job).map(|l| l.0), self.workload.cpu_request(job).0).map(MilliCpu)
    }

    /// Memory limit in force for `job`, if limits are enforced.
    pub fn memory_limit(&self, job: JobId) -> Option<Bytes> {
        self.enforced(self.workload.memory_limit(job).map(|l| l.0), self.workload.memory_request(job).0).map(Bytes)
    }

    fn enforced(&self, limit: Option<i64>, request: i64) -> Option<i64> {
        match self.options.enforcement {
            Enforcement::None => None,
            Enforcement::Limits => self.options.requests.limit(request, limit),
        }
    }

    /// CPU and memory that `job` requests under the run's rule.
    pub fn requested(&self, job: JobId) -> (MilliCpu, Bytes) {
        let rule = self.options.requests;
        (
            rule.cpu(self.workload.cpu_request(job), self.cpu_limit(job)),
            rule.memory(self.workload.memory_request(job), self.memory_limit(job)),
        )
    }

    /// All that placements compare.
    pub fn request(&self, job: JobId) -> Request<'a> {
        let (cpu, memory) = self.requested(job);
        let spec = self.workload.spec(job);
        Request {
            cpu,
            memory,
            ephemeral: spec.ephemeral,
            gpus: &spec.gpus,
            gpu_models: &spec.gpu_models,
            extended: &spec.extended,
            selector: &spec.node_selector,
            constraints: &spec.constraints,
            tolerations: &spec.tolerations,
            ports: &spec.ports,
        }
    }
}

/// How an attempt that the control plane hears of came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Its work is done.
    Finished,
    /// Evicted for node pressure.
    Evicted,
    /// It ended and its restart policy is `never`.
    GaveUp,
    /// It failed and its agent leaves it at that: [`FailureNews::Final`].
    Failed,
}

/// What a control plane is told of a job's failures (kills, failed starts), and who goes on from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureNews {
    /// Nothing: the agent restarts the job in place, or gives it up, by its restart policy.
    None,
    /// The agent restarts it in place and says so ([`Heard::Restarts`]).
    Restarts,
    /// The agent leaves it ([`Outcome::Failed`]): the control plane decides.
    Final,
}

/// How planned work on a host comes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maintenance {
    /// The host is to be emptied; the control plane answers with [`Action::Drained`] when it is.
    Begins,
    /// Time is up: the host goes down anyway.
    TimedOut,
    /// The host has booted and may be used again.
    Over,
}

/// Why the control plane ends an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eviction {
    /// For a job of higher priority.
    Preemption,
    /// Through the API: a drain.
    Api,
    /// For its host's taint; the eviction was counted when the attempt was given up.
    Taint,
}

/// What a control plane hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// The run begins; hosts that are there follow as `HostUp`.
    Begin,
    /// A job entered the system.
    Arrived(JobId),
    /// An attempt ended for good on its host.
    Ended {
        /// The job.
        job: JobId,
        /// Where.
        host: HostId,
        /// How.
        outcome: Outcome,
    },
    /// A host joined, booted, or is heard again. `live` is what really runs there, in order of job ids.
    HostUp {
        /// The host.
        host: HostId,
        /// Jobs with a live attempt there.
        live: &'a [JobId],
    },
    /// From now on nothing is heard of a host. A control plane without failure detection ignores it; others find out
    /// when their own time-outs run out.
    HostSilent(HostId),
    /// A host was taken out of the cluster; its attempts are gone.
    HostLeft(HostId),
    /// What a host's kubelet says of its conditions, whenever they change.
    Pressure(HostId, Pressure),
    /// A job was removed by its owner; its attempts on hosts within reach are gone.
    Removed(JobId),
    /// The agent of a host restarts a job in place ([`FailureNews::Restarts`]).
    Restarts(JobId, HostId),
    /// Planned work on a host.
    Maintenance(HostId, Maintenance),
    /// How well the cluster's store answers from now on. Never told where a run has no store: it always answers, at once.
    Store(StoreLevel),
    /// A wake-up that was asked for.
    Wake(u64),
}

impl Heard<'_> {
    /// The host that it is about, where it is about one as a whole.
    fn host(&self) -> Option<HostId> {
        match *self {
            Heard::HostUp { host, .. }
            | Heard::HostSilent(host)
            | Heard::HostLeft(host)
            | Heard::Pressure(host, _)
            | Heard::Maintenance(host, _) => Some(host),
            _ => None,
        }
    }
}

/// What a control plane does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A decision: `job` belongs on `host`.
    Place(JobId, HostId),
    /// The GPU that `job`, which wants one, is to have where it was just placed, by its place on that host. Without it the host's
    /// agent gives it the fullest that has room.
    Device(JobId, u16),
    /// The host's agent starts `job` at that time. Replaces an earlier start of the same job that has not happened.
    Start(JobId, HostId, SimTime),
    /// A pending start of `job` is called off.
    Cancel(JobId),
    /// The agent of `host` stops its attempt of `job` at that time.
    Stop(JobId, HostId, SimTime),
    /// `job` is evicted from `host`, its grace being over: its attempt ends, and whatever restart of it was under way there.
    Evict(JobId, HostId, Eviction),
    /// `job` is given up for good: its attempts within reach end.
    Abandon(JobId),
    /// A host that was to be emptied may go down.
    Drained(HostId),
    /// Preemption found that `victims` jobs on `host` would have to go for `job`.
    Preempt {
        /// The job that needs room.
        job: JobId,
        /// Where.
        host: HostId,
        /// How many.
        victims: u32,
        /// Whether they do go.
        applied: bool,
    },
    /// The attempt of `job` on `host`, out of reach, is given up; `evicted` if that is an eviction by taint.
    GiveUp {
        /// The job.
        job: JobId,
        /// Where it was.
        host: HostId,
        /// Whether it counts as an eviction.
        evicted: bool,
    },
    /// A host is declared lost, or taken back.
    Lost(HostId, bool),
    /// Something went wrong within the control plane, on the part of it that runs on that host if on any.
    Incident(Incident, Option<HostId>),
    /// Wake me with `token` at that time.
    Wake(SimTime, u64),
}

/// When the host's agent starts a job again that was killed or failed to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestartRule {
    /// Always after the same time (systemd `RestartSec`).
    Fixed(SimDuration),
    /// The kubelet's CrashLoopBackOff: at once, then 10 s doubling to 300 s; afresh after a run of over 600 s.
    CrashLoop,
}

/// The time of a call, and whether this instant's periodic work has been done already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// The time.
    pub at: SimTime,
    /// Whether a tick due at this very instant has passed.
    pub late: bool,
}

/// A decision that was to be explained.
#[derive(Clone, Debug)]
pub struct Explained {
    /// When it was taken.
    pub at: SimTime,
    /// About whom.
    pub job: JobId,
    /// The host that was taken, if any fitted.
    pub host: Option<HostId>,
    /// Every host, and why.
    pub explanation: Explanation,
}

impl PartialEq for Explained {
    fn eq(&self, other: &Self) -> bool {
        let of = |e: &Self| (e.at, e.job, e.host);
        of(self) == of(other) && self.explanation.nodes == other.explanation.nodes
    }
}

/// A control plane.
pub trait Orchestrator {
    /// Something was heard; what is to be done is appended to `actions`.
    fn hear(&mut self, now: Now, heard: Heard, world: &World, actions: &mut Vec<Action>);

    /// How its agents restart jobs in place.
    fn restart_rule(&self) -> RestartRule;

    /// What it is told of the failures of `job`.
    fn failure_news(&self, _world: &World, _job: JobId) -> FailureNews {
        FailureNews::None
    }

    /// Whether an evicted job goes back to the control plane (else its agent restarts it in place).
    fn replaces_evicted(&self) -> bool {
        false
    }

    /// How long a pod of `job` may take to end when it is told to; Kubernetes' `terminationGracePeriodSeconds`, 30 s by
    /// default.
    fn grace(&self, _world: &World, _job: JobId) -> SimDuration {
        SimDuration::from_secs(30)
    }

    /// These jobs are about to start or to end on these hosts: what is kept of them may be read now, all of it side by side, so that
    /// it is not waited for later piece by piece. Changes nothing; the number only depends on what was read.
    fn look_ahead(&self, _soon: &[(JobId, HostId)]) -> u64 {
        0
    }

    /// The explanations of decisions about [`World::explain`] since the last call. None from control planes that cannot
    /// explain themselves.
    fn take_explained(&mut self) -> Vec<Explained> {
        Vec::new()
    }
}

/// By what agents weigh a job's CPU, and set the kernel's scores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scores {
    /// By nothing: all weigh the same, and have no score.
    Flat,
    /// As the kubelet of 2016: containers side by side, shares by request, scores by its version's rule.
    Kube2016,
    /// As today's kubelet: by QoS class, in cgroups of pods and classes.
    Pod,
}

/// The first hosts that take no jobs: a parameter of every Kubernetes.
const MASTERS: ParameterInfo = ParameterInfo {
    name: "masters",
    default: "0",
    words: &[],
    summary: "so many hosts, the first by name, are the control plane's and take no jobs; they are no nodes",
    source: "0: machines of its own; 1 for quick starts of the day, 3 for a control plane that is to outlive one",
    range: "",
};

/// A row of the table of orchestrators.
pub struct OrchestratorInfo {
    /// Name everywhere.
    pub name: &'static str,
    /// One line for `list`, `--help` and the README.
    pub summary: &'static str,
    /// Its placement unless another is asked for.
    pub placement: &'static str,
    /// Whether memory limits are enforced by default.
    pub enforcement: Enforcement,
    /// Whether node-pressure eviction is on by default.
    pub eviction: bool,
    /// Whether CPU quotas are on by default.
    pub cpu_quota: bool,
    /// How equal hosts are told apart by default.
    pub tie_break: TieBreak,
    /// By what its agents weigh CPU and set the kernel's scores.
    pub scores: Scores,
    /// How its apps find each other.
    pub discovery: &'static str,
    /// Where the members of its store live by default.
    pub store: StoreOn,
    /// The daemons that its hosts need beside the jobs.
    pub daemons: &'static [Daemon],
    /// Whose rules the kernel of its time kills by.
    pub kernel: Era,
    /// Its parameters.
    pub parameters: &'static [ParameterInfo],
    /// Choices that silently decide results: what, how it is taken, what else there is.
    pub choices: &'static [[&'static str; 3]],
    /// Makes one for a run.
    pub build: fn(&World) -> Box<dyn Orchestrator>,
}

impl std::fmt::Debug for OrchestratorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OrchestratorInfo({})", self.name)
    }
}

/// The orchestrators.
pub const ORCHESTRATORS: &[OrchestratorInfo] =
    &[chef::INFO, fleet::INFO, kubernetes::INFO, direct::INFO, kubernetes_2016::INFO];

/// The orchestrator of that name.
pub fn orchestrator(name: &str) -> Option<&'static OrchestratorInfo> {
    ORCHESTRATORS.iter().find(|o| o.name == name)
}

impl OrchestratorInfo {
    /// The parameter of that name that a run of this orchestrator with that discovery knows.
    pub fn parameter(&self, discovery: &str, name: &str) -> Option<&'static ParameterInfo> {
        let of_discovery = crate::discovery::discovery(discovery).map_or(&[][..], |d| d.parameters);
        self.parameters.iter().chain(of_discovery).find(|p| p.name == name)
    }

    /// Its parameters as `options` set them.
    fn set<'a>(&self, options: &'a Options) -> Parameters<'a> {
        Parameters::new(self.parameters, &options.parameters)
    }

    /// The parameter `name` as `options` set it, or its default.
    fn value(&self, options: &Options, name: &str) -> ParameterValue {
        self.set(options).value(name)
    }

    /// A parameter that is a length of time.
    fn duration(&self, options: &Options, name: &str) -> SimDuration {
        self.set(options).duration(name)
    }

    /// A parameter that is a whole number or a percentage.
    fn number(&self, options: &Options, name: &str) -> u64 {
        self.set(options).number(name)
    }

    /// Whether a parameter that is a word is `word`.
    fn is(&self, options: &Options, name: &str, word: &str) -> bool {
        self.set(options).is(name, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_can_be_read_and_every_placement_exists() {
        for info in ORCHESTRATORS {
            assert!(crate::placement::placement(info.placement).is_some(), "{}", info.name);
            for parameter in info.parameters {
                parameter.parse(parameter.default).unwrap();
                assert!(!parameter.source.is_empty() && !parameter.summary.is_empty());
                let assumed = parameter.source.contains("assumed");
                assert!(assumed <= !parameter.range.is_empty(), "{} is assumed: say its range", parameter.name);
            }
        }
    }
}
