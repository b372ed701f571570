//! What is written into a pod's and a container's cgroup, and `oom_score_adj`.

use super::conversion::{PERIOD_US, SHARES_MIN, quota_us, shares, weight_linear, weight_quadratic};
use super::pod::{Container, ContainerKind, Pod, Qos};

/// `oom_score_adj` of containers of Guaranteed and node-critical pods.
pub const GUARANTEED_ADJ: i64 = -997;
/// `oom_score_adj` of containers of BestEffort pods.
pub const BEST_EFFORT_ADJ: i64 = 1000;
/// Bytes in a page; `memory.high` is cut to whole ones.
const PAGE_BYTES: i64 = 4096;
/// How far from request to limit memory is not throttled (`memoryThrottlingFactor`).
const THROTTLING_FACTOR: f64 = 0.9;

/// Memory of a machine, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeMemory {
    /// What it has.
    pub capacity: i64,
    /// What pods may request.
    pub allocatable: i64,
}

/// A pod's cgroup; `None`: nothing is written, so nothing is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PodCgroup {
    /// `cpu.shares`.
    pub cpu_shares: u64,
    /// `cpu.weight`, linear.
    pub cpu_weight: u64,
    /// CFS quota in microseconds; 0 is written down as it is and means no limit.
    pub cpu_quota_us: Option<i64>,
    /// CFS period in microseconds.
    pub cpu_period_us: Option<i64>,
    /// `memory.max` in bytes.
    pub memory_limit: Option<i64>,
}

/// The cgroup of a pod (`kubelet/cm/helpers_linux.go: ResourceConfigForPod`), quotas enforced, MemoryQoS off.
pub fn pod_cgroup(pod: &Pod) -> PodCgroup {
    let (limits, declared) = pod.limits();
    let (cpu_shares, [quota, memory]) = match pod.qos() {
        Qos::Guaranteed => (shares(pod.requests().cpu()), [true; 2]),
        Qos::Burstable => (shares(pod.requests().cpu()), declared),
        Qos::BestEffort => (SHARES_MIN, [false; 2]),
    };
    PodCgroup {
        cpu_shares,
        cpu_weight: weight_linear(cpu_shares),
        cpu_quota_us: quota.then(|| quota_us(limits.cpu(), PERIOD_US)),
        cpu_period_us: quota.then_some(PERIOD_US),
        memory_limit: memory.then(|| limits.memory()),
    }
}

/// A container's cgroup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContainerCgroup {
    /// How much likelier the kernel kills it than others of its size.
    pub oom_score_adj: i64,
    /// `cpu.shares`.
    pub cpu_shares: u64,
    /// `cpu.weight` as runtimes write it today.
    pub cpu_weight_quadratic: u64,
    /// `cpu.weight` as older runtimes wrote it.
    pub cpu_weight_linear: u64,
    /// CFS quota in microseconds, 0 for no limit.
    pub cpu_quota_us: i64,
    /// CFS period in microseconds.
    pub cpu_period_us: i64,
    /// `memory.max` in bytes, 0 for no limit.
    pub memory_limit: i64,
}

/// The cgroup of the container at `index` of `pod` (`kubelet/kuberuntime/kuberuntime_container_linux.go:
/// generateLinuxContainerResources`). A limit that the container lacks is the pod's own.
pub fn container_cgroup(pod: &Pod, index: usize, node: NodeMemory) -> ContainerCgroup {
    let container = &pod.containers[index];
    let own = pod.level.unwrap_or_default().limits;
    let limit = |of_container: i64, of_pod: i64| if of_container == 0 { of_pod } else { of_container };
    let cpu_limit = limit(container.limits.cpu(), own.cpu());
    let cpu_shares = shares(container.requests.cpu_milli.unwrap_or(cpu_limit));
    ContainerCgroup {
        oom_score_adj: oom_score_adj(pod, container, node.capacity),
        cpu_shares,
        cpu_weight_quadratic: weight_quadratic(cpu_shares),
        cpu_weight_linear: weight_linear(cpu_shares),
        cpu_quota_us: quota_us(cpu_limit, PERIOD_US),
        cpu_period_us: PERIOD_US,
        memory_limit: limit(container.limits.memory(), own.memory()),
    }
}

/// `oom_score_adj` of a container of `pod` (`kubelet/qos/policy.go: GetContainerOOMScoreAdjust`).
///
/// What the pod requests beyond its containers is split among them; a sidecar is never likelier to go than the regular
/// container that requests least.
pub fn oom_score_adj(pod: &Pod, container: &Container, capacity: i64) -> i64 {
    match pod.qos() {
        _ if pod.node_critical() => return GUARANTEED_ADJ,
        Qos::Guaranteed => return GUARANTEED_ADJ,
        Qos::BestEffort => return BEST_EFFORT_ADJ,
        Qos::Burstable => {}
    }
    let of_pod = pod.level.unwrap_or_default().requests.memory();
    let rest = match of_pod {
        0 => 0,
        // Truncated towards zero, and negative where the pod requests less than its containers.
        _ => (of_pod - pod.container_requests().memory()) / (pod.containers.len().max(1) as i64),
    };
    let mut request = container.requests.memory();
    if container.kind == ContainerKind::Sidecar {
        let regular = pod.containers.iter().filter(|c| c.kind == ContainerKind::Regular);
        request = request.max(regular.map(|c| c.requests.memory()).min().unwrap_or(0));
    }
    burstable_oom_score_adj(request + rest, capacity)
}

/// `oom_score_adj` of a Burstable container: `1000 - 1000 * request / capacity`, within 3 to 999, so that it stands
/// between the other classes.
pub fn burstable_oom_score_adj(request: i64, capacity: i64) -> i64 {
    let adj = 1000 - i128::from(request) * 1000 / i128::from(capacity.max(1));
    adj.clamp(3, 999) as i64
}

/// What the kubelet reserves with gate MemoryQoS (`memoryReservationPolicy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryQos {
    /// The gate is off, the default.
    Off,
    /// On, nothing reserved.
    None,
    /// On: requests are kept by `memory.min` (Guaranteed) or `memory.low`.
    TieredReservation,
}

/// The extra cgroup v2 keys of the container at `index` of `pod`, in the order of their names.
pub fn container_unified(pod: &Pod, index: usize, node: NodeMemory, qos: MemoryQos) -> Vec<(&'static str, String)> {
    let container = &pod.containers[index];
    let mut keys = Vec::new();
    if qos != MemoryQos::Off {
        // The container's own values: the pod's do not stand in for them here.
        let (request, limit) = (container.requests.memory(), container.limits.memory());
        let high = memory_high(request, if limit != 0 { limit } else { node.allocatable });
        if request != limit && high > request {
            keys.push(("memory.high", high.to_string()));
        }
        match qos {
            MemoryQos::TieredReservation if request != 0 => {
                let key = if pod.qos() == Qos::Guaranteed { "memory.min" } else { "memory.low" };
                keys.push((key, request.to_string()));
            }
            _ => keys.extend([("memory.low", "0".to_string()), ("memory.min", "0".to_string())]),
        }
    }
    // The whole container goes when one of its processes is killed.
    keys.push(("memory.oom.group", "1".to_string()));
    keys
}

/// Where a container begins to be throttled: nine tenths of the way from `request` to `most`, in whole pages; 0 for
/// never. Floats, operation by operation, as there.
fn memory_high(request: i64, most: i64) -> i64 {
    if most <= 0 {
        return 0;
    }
    let bytes = libm::floor(request as f64 + (most as f64 - request as f64) * THROTTLING_FACTOR);
    (bytes / PAGE_BYTES as f64) as i64 * PAGE_BYTES
}
