//! What a machine does to the jobs on it: CPU sharing, memory, who is killed, who is evicted, how it comes down.
//!
//! Pure functions and their parameters; the simulation keeps the state and the time. The rule by which a host comes
//! down is the same for every orchestrator.

pub mod cpu;
pub mod cpu_tree;
pub mod kubelet;
pub mod memory;
pub mod near_oom;
pub mod oom;
pub mod quota;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, SECOND_US, SimDuration};

/// How a host behaves when memory runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryPolicy {
    /// Lower bound: no thrash; only the kernel's victim is lost.
    KillOnly,
    /// Default: near the brim the host thrashes, misses heartbeats, and may need an operator.
    #[default]
    Thrash,
    /// Upper bound: at the brim the host is down at once.
    HostDown,
}

/// Parameters of the host model, the same for every orchestrator. Sources: `docs/model.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostModel {
    /// What happens when memory runs out.
    pub memory_policy: MemoryPolicy,
    /// Memory of the system's own processes. Assumed: 400 MiB.
    pub system_anon: Bytes,
    /// Least file cache that the host needs to stay responsive. Assumed: 128 MiB.
    pub hot_file_min: Bytes,
    /// The same as a share of memory, in thousandths; the larger of both counts. Assumed: 20 (2 %).
    pub hot_file_milli: u32,
    /// Speed of CPU and of memory growth while thrashing, in thousandths. Assumed: 100.
    pub thrash_speed_milli: u32,
    /// How long a host must thrash before it misses heartbeats. Assumed: 10 s.
    pub heartbeat_grace: SimDuration,
    /// How long a host thrashes before an operator reboots it. Assumed: 900 s.
    pub operator_reboot: SimDuration,
    /// How long a boot takes. Assumed: 120 s.
    pub boot: SimDuration,
    /// Node-pressure eviction starts below this much available memory (kubelet `memory.available<100Mi`).
    pub eviction_threshold: Bytes,
    /// The kubelet's eviction loop period (10 s).
    pub eviction_period: SimDuration,
    /// How long a pressure condition outlasts its cause (kubelet `evictionPressureTransitionPeriod`, 5 min).
    pub pressure_transition: SimDuration,
}

impl Default for HostModel {
    fn default() -> Self {
        HostModel {
            memory_policy: MemoryPolicy::Thrash,
            system_anon: Bytes::mib(400),
            hot_file_min: Bytes::mib(128),
            hot_file_milli: 20,
            thrash_speed_milli: 100,
            heartbeat_grace: SimDuration::from_secs(10),
            operator_reboot: SimDuration::from_secs(900),
            boot: SimDuration::from_secs(120),
            eviction_threshold: Bytes::mib(100),
            eviction_period: SimDuration(10 * SECOND_US),
            pressure_transition: SimDuration::from_secs(300),
        }
    }
}
