//! News that a control plane takes up later, because its store takes no writes now.

use super::{Heard, Maintenance, Outcome};
use crate::host::kubelet::threshold::Pressure;
use crate::ids::{HostId, JobId};

/// A piece of news, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    Arrived(JobId),
    Ended(JobId, HostId, Outcome),
    Up(HostId, Vec<JobId>),
    Silent(HostId),
    Left(HostId),
    Pressure(HostId, Pressure),
    Removed(JobId),
    Restarts(JobId, HostId),
    Maintenance(HostId, Maintenance),
    Wake(u64),
}

impl Held {
    /// Keeps `heard`; news of the store and of the beginning are never kept.
    pub fn of(heard: &Heard<'_>) -> Option<Held> {
        Some(match *heard {
            Heard::Begin | Heard::Store(_) => return None,
            Heard::Arrived(job) => Held::Arrived(job),
            Heard::Ended { job, host, outcome } => Held::Ended(job, host, outcome),
            Heard::HostUp { host, live } => Held::Up(host, live.to_vec()),
            Heard::HostSilent(host) => Held::Silent(host),
            Heard::HostLeft(host) => Held::Left(host),
            Heard::Pressure(host, pressure) => Held::Pressure(host, pressure),
            Heard::Removed(job) => Held::Removed(job),
            Heard::Restarts(job, host) => Held::Restarts(job, host),
            Heard::Maintenance(host, step) => Held::Maintenance(host, step),
            Heard::Wake(token) => Held::Wake(token),
        })
    }

    /// The news again.
    pub fn heard(&self) -> Heard<'_> {
        match self {
            Held::Arrived(job) => Heard::Arrived(*job),
            Held::Ended(job, host, outcome) => Heard::Ended { job: *job, host: *host, outcome: *outcome },
            Held::Up(host, live) => Heard::HostUp { host: *host, live },
            Held::Silent(host) => Heard::HostSilent(*host),
            Held::Left(host) => Heard::HostLeft(*host),
            Held::Pressure(host, pressure) => Heard::Pressure(*host, *pressure),
            Held::Removed(job) => Heard::Removed(*job),
            Held::Restarts(job, host) => Heard::Restarts(*job, *host),
            Held::Maintenance(host, step) => Heard::Maintenance(*host, *step),
            Held::Wake(token) => Heard::Wake(*token),
        }
    }

    /// Whether it says that the attempt of `job` on `host` is over.
    pub fn ends(&self, job: JobId, host: HostId) -> bool {
        match self {
            Held::Ended(j, h, _) => (*j, *h) == (job, host),
            Held::Removed(j) => *j == job,
            _ => false,
        }
    }
}
