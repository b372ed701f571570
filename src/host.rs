//! What a machine does to the jobs on it: CPU sharing, memory, who is killed, who is evicted, how it comes down.
//!
//! Pure functions and their parameters; the simulation keeps the state and the time. The rule by which a host comes
//! down is the same for every orchestrator.

pub mod cpu;
pub mod cpu_group;
pub mod cpu_host;
pub mod cpu_tree;
pub mod daemon;
pub mod felt;
pub mod kubelet;
pub mod memory;
mod model;
pub mod near_oom;
pub mod oom;
pub mod pod_cpu;
pub mod quota;

pub use model::{
    CpuModel, Disk, HostModel, HostParameter, Kernel, KubeletModel, MemoryModel, MemoryPolicy, OciWeight, OomGroup,
    PanicOnOom, host_parameter, host_parameters,
};
