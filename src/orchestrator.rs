//! Control planes: who decides when, knowing what.
//!
//! An [`Orchestrator`] hears what its control plane would hear (never what only the world knows), and answers with
//! [`Action`]s. It keeps its own beliefs; the simulation keeps the truth. It knows no event queue and no metric.

mod options;

pub use options::{Enforcement, Options, ParameterInfo, ParameterValue, RequestRule, TieBreak};

/// A row of the table of orchestrators.
#[derive(Debug)]
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
    /// Its parameters.
    pub parameters: &'static [ParameterInfo],
}

/// The orchestrators.
pub const ORCHESTRATORS: &[OrchestratorInfo] = &[
    OrchestratorInfo {
        name: "chef",
        summary: "",
        placement: "least-of-type",
        enforcement: Enforcement::None,
        eviction: false,
        cpu_quota: false,
        parameters: &[],
    },
    OrchestratorInfo {
        name: "fleet",
        summary: "",
        placement: "least-jobs",
        enforcement: Enforcement::None,
        eviction: false,
        cpu_quota: false,
        parameters: &[],
    },
    OrchestratorInfo {
        name: "kubernetes",
        summary: "",
        placement: "kube-default",
        enforcement: Enforcement::Limits,
        eviction: true,
        cpu_quota: true,
        parameters: &[],
    },
    OrchestratorInfo {
        name: "direct",
        summary: "",
        placement: "first-fit",
        enforcement: Enforcement::None,
        eviction: false,
        cpu_quota: false,
        parameters: &[],
    },
];

/// The orchestrator of that name.
pub fn orchestrator(name: &str) -> Option<&'static OrchestratorInfo> {
    ORCHESTRATORS.iter().find(|o| o.name == name)
}

impl Options {
    /// The defaults of orchestrator `info`.
    pub fn of(info: &'static OrchestratorInfo) -> Self {
        Options {
            name: info.name.into(),
            orchestrator: info.name,
            placement: info.placement,
            enforcement: info.enforcement,
            eviction: info.eviction,
            cpu_quota: info.cpu_quota,
            tie_break: TieBreak::First,
            requests: RequestRule::AsWritten,
            parameters: std::collections::BTreeMap::new(),
        }
    }
}
