//! What the kubelet of 2016 gave to a container: CPU shares and the kernel's score.
//!
//! v1.2.4 looks at each container's memory alone, v1.3.0 at the whole pod. There are no cgroups of pods or classes:
//! containers stand side by side.

use super::conversion::SHARES_MIN;
use crate::kube::y2016::Version;

/// Requests and limits of a container, 0 for none; a request that is missing beside a limit is the limit's, as the API
/// writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Container {
    /// CPU request, milli-CPU.
    pub cpu_request: i64,
    /// CPU limit, milli-CPU.
    pub cpu_limit: i64,
    /// Memory request, bytes.
    pub memory_request: i64,
    /// Memory limit, bytes.
    pub memory_limit: i64,
}

/// A pod's class (`GetPodQos`, `pkg/kubelet/qos/util/qos.go` v1.3.0), first who goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// No container asks for anything or is limited.
    BestEffort,
    /// Neither.
    Burstable,
    /// Every container has limits of CPU and memory, and its requests are these.
    Guaranteed,
}

/// The class of a pod of these containers (v1.3.0).
pub fn class(containers: &[Container]) -> Class {
    let sum = |of: fn(&Container) -> i64| containers.iter().map(of).sum::<i64>();
    let none = |c: &Container| (c.cpu_request, c.cpu_limit, c.memory_request, c.memory_limit) == (0, 0, 0, 0);
    if containers.iter().all(none) {
        Class::BestEffort
    } else if containers.iter().all(|c| c.cpu_limit > 0 && c.memory_limit > 0)
        && sum(|c| c.cpu_request) == sum(|c| c.cpu_limit)
        && sum(|c| c.memory_request) == sum(|c| c.memory_limit)
    {
        Class::Guaranteed
    } else {
        Class::Burstable
    }
}

/// The CPU shares of a container: `milliCPUToShares` (`pkg/kubelet/dockertools/docker.go` v1.2.4), from the limit where
/// there is no request. Unlike today there is no most.
pub fn cpu_shares(container: &Container) -> u64 {
    let milli = if container.cpu_request > 0 { container.cpu_request } else { container.cpu_limit };
    SHARES_MIN.max(milli.max(0) as u64 * 1024 / 1000)
}

/// The `oom_score_adj` of the container of that number on a machine with so much memory: `GetContainerOOMScoreAdjust`
/// (`pkg/kubelet/qos/memory_policy.go` v1.2.4, `policy.go` v1.3.0).
pub fn oom_score_adj(version: Version, containers: &[Container], number: usize, capacity: i64) -> i64 {
    let c = &containers[number];
    let by_request = (1000 - 1000i128 * i128::from(c.memory_request) / i128::from(capacity.max(1))) as i64;
    match version {
        Version::V1_2_4 if c.memory_request == 0 => 1000,
        Version::V1_2_4 if c.memory_request == c.memory_limit => -999,
        Version::V1_2_4 => by_request.max(2),
        Version::V1_3_0 => match class(containers) {
            Class::Guaranteed => -998,
            Class::BestEffort => 1000,
            Class::Burstable => by_request.clamp(2, 999),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(cpu: [i64; 2], memory: [i64; 2]) -> Container {
        Container { cpu_request: cpu[0], cpu_limit: cpu[1], memory_request: memory[0], memory_limit: memory[1] }
    }

    #[test]
    fn scores_are_by_memory_alone_in_1_2_and_by_pod_in_1_3() {
        let both = |containers: &[Container]| Version::ALL.map(|version| oom_score_adj(version, containers, 0, 8000));
        // Nothing asked for; a memory limit only (the API copies it); all limits; a request of a quarter.
        assert_eq!(both(&[container([0, 0], [0, 0])]), [1000, 1000]);
        assert_eq!(both(&[container([0, 0], [2000, 2000])]), [-999, 750]);
        assert_eq!(both(&[container([500, 500], [2000, 2000])]), [-999, -998]);
        assert_eq!(both(&[container([500, 0], [2000, 4000])]), [750, 750]);
        // CPU alone is a claim in 1.3, and 1000 becomes 999; all of memory is still 2.
        assert_eq!(both(&[container([500, 0], [0, 0])]), [1000, 999]);
        assert_eq!(both(&[container([0, 0], [7999, 8001])]), [2, 2]);
        // One container without limits spoils the pod for the other.
        assert_eq!(both(&[container([500, 500], [2000, 2000]), Container::default()]), [-999, 750]);
    }

    #[test]
    fn shares_are_two_without_a_request() {
        let of = |request, limit| cpu_shares(&container([request, limit], [0, 0]));
        assert_eq!([of(0, 0), of(1, 0), of(250, 0), of(0, 500), of(250, 500)], [2, 2, 256, 512, 256]);
    }

    #[test]
    fn classes_stand_in_the_order_in_which_they_go() {
        let bounded = container([0, 0], [0, 1]);
        assert_eq!(class(&[Container::default()]), Class::BestEffort);
        assert_eq!(class(&[bounded, Container::default()]), Class::Burstable);
        assert!(Class::BestEffort < Class::Burstable && Class::Burstable < Class::Guaranteed);
    }
}
