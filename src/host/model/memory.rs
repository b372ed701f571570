//! What happens as memory runs out, and how a host comes down: the same rule for every orchestrator.

use super::{HostParameter, share, share_text, word};
use crate::error::{Error, Result};
use crate::units::{Bytes, SimDuration};

/// How a host behaves when memory runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryPolicy {
    /// Lower bound: no thrash; only the kernel's victim is lost.
    KillOnly,
    /// Default: near the brim the host thrashes, misses heartbeats, and may need an operator.
    #[default]
    Thrash,
    /// Upper bound: at the brim the host is down at once.
    HostDown,
}

impl MemoryPolicy {
    /// All policies, lower bound first.
    pub const ALL: [MemoryPolicy; 3] = [MemoryPolicy::KillOnly, MemoryPolicy::Thrash, MemoryPolicy::HostDown];

    /// The name in scenarios and outputs.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryPolicy::KillOnly => "kill-only",
            MemoryPolicy::Thrash => "thrash",
            MemoryPolicy::HostDown => "host-down",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self::ALL[word(text, &Self::ALL.map(Self::name))?])
    }
}

/// Parameters of memory and of how a host comes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryModel {
    /// What happens when memory runs out.
    pub policy: MemoryPolicy,
    /// Memory of the system's own processes.
    pub system_anon: Bytes,
    /// Least file cache that the host needs to stay responsive.
    pub hot_file_min: Bytes,
    /// The same as a share of memory, in thousandths; the larger of both counts.
    pub hot_file_milli: u32,
    /// Speed of CPU and of memory growth while thrashing, in thousandths.
    pub thrash_speed_milli: u32,
    /// How long a host must thrash before it misses heartbeats.
    pub heartbeat_grace: SimDuration,
    /// How long a host thrashes before an operator reboots it.
    pub operator_reboot: SimDuration,
    /// How long a boot takes.
    pub boot: SimDuration,
}

impl Default for MemoryModel {
    fn default() -> Self {
        MemoryModel {
            policy: MemoryPolicy::Thrash,
            system_anon: Bytes::mib(400),
            hot_file_min: Bytes::mib(128),
            hot_file_milli: 20,
            thrash_speed_milli: 100,
            heartbeat_grace: SimDuration::from_secs(10),
            operator_reboot: SimDuration::from_secs(900),
            boot: SimDuration::from_secs(120),
        }
    }
}

pub(super) const PARAMETERS: &[HostParameter] = &[
    HostParameter {
        name: "memory_policy",
        summary: "what happens when memory runs out: kill-only, thrash or host-down",
        source: "assumed; the outer two are the bounds",
        range: "kill-only, thrash, host-down",
        get: |m| m.memory.policy.name().into(),
        set: |m, text| {
            m.memory.policy = MemoryPolicy::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "system_anon",
        summary: "memory of the system's own processes, beside what jobs may use",
        source: "assumed",
        range: "100Mi to 1Gi",
        get: |m| m.memory.system_anon.to_string(),
        set: |m, text| {
            m.memory.system_anon = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "hot_file_min",
        summary: "least file cache that the host needs to stay responsive",
        source: "assumed",
        range: "64Mi to 512Mi",
        get: |m| m.memory.hot_file_min.to_string(),
        set: |m, text| {
            m.memory.hot_file_min = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "hot_file_share",
        summary: "the same as a share of memory; the larger counts",
        source: "assumed",
        range: "0.005 to 0.05",
        get: |m| share_text(m.memory.hot_file_milli),
        set: |m, text| {
            m.memory.hot_file_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "thrash_speed",
        summary: "speed of a thrashing host, as a share of full speed",
        source: "assumed",
        range: "0.02 to 0.5",
        get: |m| share_text(m.memory.thrash_speed_milli),
        set: |m, text| match share(text)? {
            0 => Err(Error::input("a thrashing host runs at more than 0 and at most 1 of its speed")),
            milli => {
                m.memory.thrash_speed_milli = milli;
                Ok(())
            }
        },
    },
    HostParameter {
        name: "heartbeat_grace",
        summary: "how long a host thrashes before it misses heartbeats",
        source: "assumed",
        range: "5s to 40s",
        get: |m| m.memory.heartbeat_grace.to_string(),
        set: |m, text| {
            m.memory.heartbeat_grace = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "operator_reboot",
        summary: "how long a host thrashes before an operator reboots it",
        source: "assumed",
        range: "5m to 1h",
        get: |m| m.memory.operator_reboot.to_string(),
        set: |m, text| {
            m.memory.operator_reboot = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "boot",
        summary: "how long a boot takes",
        source: "assumed",
        range: "30s to 5m",
        get: |m| m.memory.boot.to_string(),
        set: |m, text| {
            m.memory.boot = SimDuration::parse(text)?;
            Ok(())
        },
    },
];
