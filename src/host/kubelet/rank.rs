//! In which order the kubelet evicts pods (`kubelet/eviction/helpers.go`).
//!
//! The real order among equals is undefined (an unstable sort of a list in no order); here the first of equals goes
//! first, so callers list pods by name.

use std::cmp::Reverse;

/// What the kubelet knows of a pod's use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Working set, in bytes.
    pub memory: i64,
    /// Processes.
    pub processes: i64,
    /// Local disk space, in bytes.
    pub ephemeral: i64,
}

/// A pod to rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranked {
    /// Priority.
    pub priority: i32,
    /// Memory request ([`super::pod::Pod::ranked_memory_request`]).
    pub memory_request: i64,
    /// Request of local disk space, in bytes.
    pub ephemeral_request: i64,
    /// Its use; `None` where there are no figures, which goes first.
    pub usage: Option<Usage>,
}

/// Who has no figures goes first, then who uses more than requested, lower priority, larger excess.
pub type ExcessKey = (bool, bool, i32, Reverse<i64>);

fn excess_key(pod: &Ranked, excess: impl Fn(Usage) -> i64) -> ExcessKey {
    match pod.usage {
        None => (false, false, pod.priority, Reverse(0)),
        Some(usage) => {
            let excess = excess(usage);
            (true, excess <= 0, pod.priority, Reverse(excess))
        }
    }
}

/// Lower goes first when memory is short (`rankMemoryPressure`).
pub fn memory_key(pod: &Ranked) -> ExcessKey {
    excess_key(pod, |usage| usage.memory.saturating_sub(pod.memory_request))
}

/// Lower goes first when disk space is short (`rankDiskPressureFunc`).
pub fn disk_key(pod: &Ranked) -> ExcessKey {
    excess_key(pod, |usage| usage.ephemeral.saturating_sub(pod.ephemeral_request))
}

/// Lower goes first when process ids are short (`rankPIDPressure`): lower priority, no figures, more processes.
pub fn pid_key(pod: &Ranked) -> (i32, bool, Reverse<i64>) {
    (pod.priority, pod.usage.is_some(), Reverse(pod.usage.unwrap_or_default().processes))
}

/// Indexes of `pods` in the order in which they go when memory is short.
pub fn memory_rank(pods: &[Ranked]) -> Vec<usize> {
    ordered(pods, memory_key)
}

/// Indexes of `pods` in the order in which they go when disk space is short.
pub fn disk_rank(pods: &[Ranked]) -> Vec<usize> {
    ordered(pods, disk_key)
}

/// Indexes of `pods` in the order in which they go when process ids are short.
pub fn pid_rank(pods: &[Ranked]) -> Vec<usize> {
    ordered(pods, pid_key)
}

fn ordered<K: Ord>(pods: &[Ranked], key: fn(&Ranked) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by_key(|&i| key(&pods[i]));
    order
}
