//! The kubelet's own arithmetic (v1.36.3, default feature gates), exactly: what it writes into cgroups, how it classes
//! pods, whom it evicts and when, how long it waits before a restart.
//!
//! Values in, values out, held to outputs of the real code by `tests/it/conformance/node.rs`. Sources are named below
//! `k8s.io/kubernetes/pkg`. The replay takes from here what it models (a job is one container); disks, swap, huge
//! pages, exclusive CPUs and pods in the middle of a resize are not here. [`y2016`] is what v1.2.4 and v1.3.0 did otherwise.

pub mod cgroup;
pub mod conversion;
pub mod crash_loop;
pub mod eviction;
pub mod pod;
pub mod rank;
pub mod threshold;
pub mod y2016;
