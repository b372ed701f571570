//! How CPU is shared.

use super::{HostParameter, switch, switch_text};

/// Parameters of CPU sharing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuModel {
    /// Whether a host has no more CPU than it has; off, everyone gets what it can use (a what-if, and the reference that a
    /// run of requests alone must equal).
    pub contention: bool,
}

impl Default for CpuModel {
    fn default() -> Self {
        CpuModel { contention: true }
    }
}

pub(super) const PARAMETERS: &[HostParameter] = &[HostParameter {
    name: "contention",
    summary: "whether jobs contend for CPU; off: everyone gets what it can use",
    source: "what a host is",
    range: "",
    get: |m| switch_text(m.cpu.contention),
    set: |m, text| {
        m.cpu.contention = switch(text)?;
        Ok(())
    },
}];
