//! What every run of an experiment shares: the world that orchestrators are put into.

use crate::cluster::Cluster;
use crate::discovery::etcd::EtcdSetup;
use crate::discovery::platform::Platform;
use crate::host::HostModel;
use crate::ids::HostId;
use crate::rng::Seed;
use crate::units::{SimDuration, SimTime};
use crate::workload::Workload;

/// What happens to a host, whatever the orchestrator does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FailureKind {
    /// The host loses power: all that lives on it is gone; it boots at the end.
    Down,
    /// The host is cut off from the control plane and goes on working.
    Partition,
}

/// One failure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Failure {
    /// When it begins.
    pub at: SimTime,
    /// Where.
    pub host: HostId,
    /// What.
    pub kind: FailureKind,
    /// How long until the host is back (boot included) or the partition heals; `SimDuration(u64::MAX)`: for good.
    pub lasts: SimDuration,
}

/// Hosts that are taken down one after the other on purpose: a drain, or a rolling upgrade.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Maintenance {
    /// When the first is begun with.
    pub at: SimTime,
    /// Whose turn comes when.
    pub hosts: Vec<HostId>,
    /// How many may be drained or down at once.
    pub at_once: u32,
    /// How long each is down, boot included.
    pub takes: SimDuration,
    /// How long the control plane has to empty a host before it goes down anyway; `None`: for ever.
    pub timeout: Option<SimDuration>,
}

/// Where arrivals come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Loop {
    /// Each job at its own time.
    #[default]
    Open,
    /// So many users, each with one job at a time: the next one in order of arrival comes when the last has
    /// finished (or was given up) and the user has thought. Arrival times are ignored.
    Closed {
        /// Number of users.
        users: u32,
        /// Time between the end of a job and the same user's next one.
        think_time: SimDuration,
    },
}

/// Everything that the runs of an experiment have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The hosts.
    pub cluster: Cluster,
    /// The jobs. Extended resources of the cluster must include the workload's.
    pub workload: Workload,
    /// How hosts behave.
    pub host_model: HostModel,
    /// Failures, sorted.
    pub failures: Vec<Failure>,
    /// Planned work on hosts.
    pub maintenance: Vec<Maintenance>,
    /// The cluster's store; `None`: it always answers, at once.
    pub etcd: Option<EtcdSetup>,
    /// What the jobs are to the platform; `None`: nobody looks at how they find each other.
    pub platform: Option<Platform>,
    /// Where arrivals come from.
    pub arrivals: Loop,
    /// Metrics begin here.
    pub warm_up: SimTime,
    /// The run ends here.
    pub end: SimTime,
    /// Jobs that arrive in the last `drain` of the run are left out of percentiles.
    pub drain: SimDuration,
    /// The run's seed.
    pub seed: Seed,
}
