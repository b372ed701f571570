//! The independent options of an orchestrator, so that an effect can be laid at one of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kube::config::Effective;
pub use crate::parameter::{ParameterInfo, ParameterValue};
use crate::units::{Bytes, MilliCpu};

/// Whether a job is killed at its own memory limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Limits are only words.
    None,
    /// The kernel kills a job that goes over its memory limit. A job without a limit has none.
    Limits,
}

/// How equal hosts are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TieBreak {
    /// The lowest name.
    #[default]
    First,
    /// The root of the heap that kube-scheduler v1.36.3 makes of the scores at parallelism 1 (`kubernetes` with a `kube-…`
    /// placement only).
    Heap,
    /// Count the equals, draw once from (seed, job, attempt), take that one in order of names.
    Random,
    /// In turn, from the last name on: the one at the number of placements so far modulo the number of equals
    /// (`kubernetes-2016` with `kube-least-requested` only, and its only way).
    RoundRobin,
}

/// Where the members of the cluster's store live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreOn {
    /// The control plane has no store.
    Nowhere,
    /// On the first hosts of the cluster, beside the jobs: they go down, starve and are cut off with them.
    #[default]
    Hosts,
    /// On machines of their own, which are not in the cluster: only faults of the scenario befall them.
    Dedicated,
}

/// What the control plane reads as a job's request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RequestRule {
    /// As written. Where limits are enforced, a missing request takes the limit, as the Kubernetes API does.
    #[default]
    AsWritten,
    /// CPU and memory requests times this many thousandths; a limit below the new request is raised to it.
    Times(u32),
    /// No CPU or memory request at all; with limits as above.
    Absent,
}

impl RequestRule {
    /// The CPU request to use for one written as `request` with `limit` in force (`None`: no limit or not enforced).
    pub fn cpu(self, request: MilliCpu, limit: Option<MilliCpu>) -> MilliCpu {
        MilliCpu(self.amount(request.0, limit.map(|l| l.0)))
    }

    /// The memory request likewise.
    pub fn memory(self, request: Bytes, limit: Option<Bytes>) -> Bytes {
        Bytes(self.amount(request.0, limit.map(|l| l.0)))
    }

    fn amount(self, request: i64, limit: Option<i64>) -> i64 {
        match self {
            RequestRule::AsWritten if request == 0 => limit.unwrap_or(0),
            RequestRule::AsWritten => request,
            RequestRule::Times(milli) => {
                i64::try_from(i128::from(request) * i128::from(milli) / 1000).unwrap_or(i64::MAX / 4)
            }
            RequestRule::Absent => limit.unwrap_or(0),
        }
    }

    /// The limit in force beside the request that this rule makes.
    pub fn limit(self, request: i64, limit: Option<i64>) -> Option<i64> {
        limit.map(|l| l.max(self.amount(request, None)))
    }
}

impl fmt::Display for RequestRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestRule::AsWritten => f.write_str("as-written"),
            RequestRule::Times(milli) => write!(f, "x{}", f64::from(*milli) / 1000.0),
            RequestRule::Absent => f.write_str("absent"),
        }
    }
}

impl fmt::Display for StoreOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreOn::Nowhere => "nowhere",
            StoreOn::Hosts => "hosts",
            StoreOn::Dedicated => "dedicated",
        })
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Enforcement::None => "none",
            Enforcement::Limits => "limits",
        })
    }
}

impl fmt::Display for TieBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TieBreak::First => "first",
            TieBreak::Heap => "heap",
            TieBreak::Random => "random",
            TieBreak::RoundRobin => "round-robin",
        })
    }
}

/// How one run's orchestrator is set.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Unique name of the run: the orchestrator's name in plain form, variants like `kubernetes-no-limits`.
    pub name: String,
    /// Row of the orchestrators table.
    pub orchestrator: &'static str,
    /// Row of the placements table.
    pub placement: &'static str,
    /// Memory limits.
    pub enforcement: Enforcement,
    /// Node-pressure eviction.
    pub eviction: bool,
    /// CPU quotas from limits (only with [`Enforcement::Limits`]).
    pub cpu_quota: bool,
    /// Choice among equals.
    pub tie_break: TieBreak,
    /// What requests are read as.
    pub requests: RequestRule,
    /// How apps find each other: a row of the discoveries table. Only looked at where the experiment has a platform.
    pub discovery: &'static str,
    /// Where the store's members live. Only looked at where the experiment has a store.
    pub store: StoreOn,
    /// Parameters that differ from the defaults.
    pub parameters: BTreeMap<&'static str, ParameterValue>,
    /// A scheduler configuration of the user's own, in place of the placement's ready-made profile (`kubernetes` with a
    /// `kube-…` placement only).
    pub scheduler: Option<Arc<Effective>>,
}

impl Options {
    /// The defaults of orchestrator `info`.
    pub fn of(info: &'static super::OrchestratorInfo) -> Self {
        Options {
            name: info.name.into(),
            orchestrator: info.name,
            placement: info.placement,
            enforcement: info.enforcement,
            eviction: info.eviction,
            cpu_quota: info.cpu_quota,
            tie_break: info.tie_break,
            requests: RequestRule::AsWritten,
            discovery: info.discovery,
            store: info.store,
            parameters: BTreeMap::new(),
            scheduler: None,
        }
    }
}
