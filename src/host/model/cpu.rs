//! How CPU is shared.

use super::{HostParameter, factor, share, share_text, switch, switch_text, word};
use crate::error::Result;
use crate::units::SimDuration;

/// By which formula a runtime makes a container's weight of its shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OciWeight {
    /// As the kubelet does (runc before 1.3.2).
    Linear,
    /// Quadratic in the logarithm, so that 1024 shares have the default weight (runc from 1.3.2, crun from 1.23).
    #[default]
    Quadratic,
}

impl OciWeight {
    const ALL: [OciWeight; 2] = [OciWeight::Linear, OciWeight::Quadratic];

    const fn name(self) -> &'static str {
        match self {
            OciWeight::Linear => "linear",
            OciWeight::Quadratic => "quadratic",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self::ALL[word(text, &Self::ALL.map(Self::name))?])
    }
}

/// Parameters of CPU sharing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuModel {
    /// Whether a host has no more CPU than it has; off, everyone gets what it can use (a what-if, and the reference that a
    /// run of requests alone must equal).
    pub contention: bool,
    /// How much CPU daemons want, as a factor on their table, in thousandths.
    pub daemon_milli: u32,
    /// A daemon that gets less than this share of what it wants is starved, in thousandths.
    pub daemon_needed_milli: u32,
    /// How long the daemon that a host is heard by may be starved before the host falls silent.
    pub daemon_grace: SimDuration,
    /// How containers within a pod are weighed.
    pub oci_weight: OciWeight,
}

impl Default for CpuModel {
    fn default() -> Self {
        CpuModel {
            contention: true,
            daemon_milli: 1000,
            daemon_needed_milli: 500,
            daemon_grace: SimDuration::from_secs(10),
            oci_weight: OciWeight::Quadratic,
        }
    }
}

pub(super) const PARAMETERS: &[HostParameter] = &[
    HostParameter {
        name: "contention",
        summary: "whether jobs contend for CPU; off: everyone gets what it can use",
        source: "what a host is",
        range: "",
        get: |m| switch_text(m.cpu.contention),
        set: |m, text| {
            m.cpu.contention = switch(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "daemon_cpu",
        summary: "CPU that daemons want, as a factor on their table",
        source: "assumed",
        range: "0 to 4",
        get: |m| share_text(m.cpu.daemon_milli),
        set: |m, text| {
            m.cpu.daemon_milli = factor(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "daemon_needed_share",
        summary: "a daemon that gets less than this share of the CPU it wants is starved",
        source: "assumed",
        range: "0.2 to 0.9",
        get: |m| share_text(m.cpu.daemon_needed_milli),
        set: |m, text| {
            m.cpu.daemon_needed_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "daemon_starved_grace",
        summary: "how long the daemon that a host is heard by may be starved before the host falls silent",
        source: "assumed; that such hosts fall silent: coreos/fleet#972",
        range: "5s to 60s",
        get: |m| m.cpu.daemon_grace.to_string(),
        set: |m, text| {
            m.cpu.daemon_grace = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "oci_weight",
        summary: "how the runtime weighs containers within a pod by their shares: linear or quadratic",
        source: "opencontainers/cgroups v0.0.6, runc 1.3.2; linear before",
        range: "",
        get: |m| m.cpu.oci_weight.name().into(),
        set: |m, text| {
            m.cpu.oci_weight = OciWeight::parse(text)?;
            Ok(())
        },
    },
];
