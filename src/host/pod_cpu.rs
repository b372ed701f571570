//! CPU of a pod of several containers: how its usage is split among them, and what their quotas and its own leave.
//!
//! A job has one usage for the whole pod. It is split among the containers that run side by side (regular ones and
//! sidecars) by CPU request, equally where none requests any. Each has its quota, the pod has its own by the kubelet's rule
//! ([`pod_cgroup`]); within the pod they weigh by the runtime's formula.

use super::OciWeight;
use super::cpu_group::{Group, Member, Whom};
use super::felt::CpuFelt;
use super::kubelet::cgroup::{NodeMemory, container_cgroup, pod_cgroup};
use super::kubelet::conversion::PERIOD_US;
use super::kubelet::pod::{Container, ContainerKind, Pod, PodLevel, Qos, Resources};
use crate::kube::object::resources::{ContainerRole, PodSize, Size};

/// A running container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContainerCpu {
    /// Its part of the pod's usage.
    pub part: u64,
    /// Its weight in the pod.
    pub weight: u64,
    /// Nano-cores; `u64::MAX`: none.
    pub quota: u64,
}

/// A pod as CPU sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodCpu {
    /// Its class.
    pub qos: Qos,
    /// Its CPU request, milli-CPU.
    pub request_milli: i64,
    /// Its own quota, nano-cores; `u64::MAX`: none.
    pub quota: u64,
    /// The containers that run side by side.
    pub containers: Vec<ContainerCpu>,
}

/// The pod as the kubelet's arithmetic reads it; without its limits, if they are only words.
pub fn kubelet_pod(size: &PodSize, limits_in_force: bool) -> Pod {
    let resources = |size: Size| Resources { cpu_milli: size.milli_cpu, memory_bytes: size.memory };
    let limits = |size: Size| if limits_in_force { resources(size) } else { Resources::default() };
    let containers = size.containers.iter().map(|container| Container {
        kind: match container.role {
            ContainerRole::Regular => ContainerKind::Regular,
            ContainerRole::Init => ContainerKind::Init,
            ContainerRole::Sidecar => ContainerKind::Sidecar,
        },
        requests: resources(container.requests),
        limits: limits(container.limits),
    });
    Pod {
        overhead: resources(size.overhead),
        level: size.level.map(|(own, most)| PodLevel { requests: resources(own), limits: limits(most) }),
        containers: containers.collect(),
        ..Pod::default()
    }
}

impl PodCpu {
    /// The pod with its quotas, if quotas are on.
    pub fn new(pod: &Pod, quotas: bool, oci: OciWeight) -> Self {
        let quota = |us: i64| if quotas && us > 0 { us as u64 * (1_000_000_000 / PERIOD_US as u64) } else { u64::MAX };
        let node = NodeMemory { capacity: 1, allocatable: 1 };
        let running = |i: &usize| pod.containers[*i].kind != ContainerKind::Init;
        let containers = (0..pod.containers.len()).filter(running).map(|i| {
            let cgroup = container_cgroup(pod, i, node);
            ContainerCpu {
                part: pod.containers[i].requests.cpu().max(0) as u64,
                weight: match oci {
                    OciWeight::Linear => cgroup.cpu_weight_linear,
                    OciWeight::Quadratic => cgroup.cpu_weight_quadratic,
                },
                quota: quota(cgroup.cpu_quota_us),
            }
        });
        let mut containers: Vec<ContainerCpu> = containers.collect();
        if containers.iter().all(|c| c.part == 0) {
            containers.iter_mut().for_each(|c| c.part = 1);
        }
        PodCpu {
            qos: pod.qos(),
            request_milli: pod.requests().cpu(),
            quota: quota(pod_cgroup(pod).cpu_quota_us.unwrap_or(0)),
            containers,
        }
    }

    /// Whether it is no more than one container with one quota: the plain case.
    pub fn is_plain(&self) -> bool {
        self.containers.len() < 2
    }

    /// The quota of the plain case: the container's, or the pod's where that is less.
    pub fn plain_quota(&self) -> u64 {
        self.containers.first().map_or(self.quota, |c| c.quota.min(self.quota))
    }

    /// What each container wants of the `runnable` nano-cores of the pod; what the division leaves over is the first's.
    fn wanted(&self, runnable: u64) -> impl Iterator<Item = u64> {
        let all: u128 = self.containers.iter().map(|c| u128::from(c.part)).sum();
        let cut = move |part: u64| (u128::from(runnable) * u128::from(part) / all) as u64;
        let rest = runnable - self.containers.iter().map(|c| cut(c.part)).sum::<u64>();
        self.containers.iter().enumerate().map(move |(i, c)| cut(c.part) + if i == 0 { rest } else { 0 })
    }

    /// What is within all quotas of the `runnable` nano-cores of the pod.
    pub fn within_quota(&self, runnable: u64) -> u64 {
        let within: u64 = self.wanted(runnable).zip(&self.containers).map(|(wanted, c)| wanted.min(c.quota)).sum();
        within.min(self.quota)
    }

    /// Adds what its containers feel of their quotas, when the pod, of which `able` of the `within` nano-cores can run, gets `received`, and
    /// would get at least `free` without its quota. `queues`: on how many run queues so many nano-cores are run.
    pub fn feel(&self, runnable: u64, rates: [u64; 3], free: u64, queues: impl Fn(u64) -> u64, felt: &mut CpuFelt) {
        let [within, able, received] = rates;
        if within == 0 {
            return;
        }
        let slowed = |nano: u64| (u128::from(nano) * u128::from(able) / u128::from(within)) as u64;
        let mut group = Group::default();
        for (i, (wanted, c)) in self.wanted(runnable).zip(&self.containers).enumerate() {
            group.add(Member::new(Whom::Job(i as u32), i as u64, c.weight, slowed(wanted).min(c.quota)));
        }
        group.fill(received, &mut Vec::new());
        let more = free.saturating_sub(received);
        let wanted: Vec<u64> = self.wanted(runnable).collect();
        for member in group.members() {
            let Whom::Job(i) = member.whom else { continue };
            let (container, wanted) = (&self.containers[i as usize], wanted[i as usize]);
            if container.quota != u64::MAX {
                let free =
                    if group.is_short() { group.without_cap(member) } else { member.received.saturating_add(more) };
                felt.add_quota(container.quota, free.min(slowed(wanted)), queues(wanted));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    fn container(kind: ContainerKind, request: i64, limit: Option<i64>) -> Container {
        let cpu = |cpu_milli| Resources { cpu_milli, memory_bytes: None };
        Container { kind, requests: cpu(Some(request)), limits: cpu(limit) }
    }

    fn pod(containers: Vec<Container>) -> PodCpu {
        PodCpu::new(&Pod { containers, ..Pod::default() }, true, OciWeight::Quadratic)
    }

    #[test]
    fn a_containers_quota_holds_it_down_and_the_pods_all_of_them() {
        use ContainerKind::{Init, Regular, Sidecar};
        // 300m and 100m: of 2 cores 1.5 and 0.5. The first may have 1; the second any amount: no quota of the pod.
        let open = pod(vec![container(Regular, 300, Some(1000)), container(Sidecar, 100, None)]);
        assert_eq!((open.quota, open.within_quota(2000 * MILLI)), (u64::MAX, 1500 * MILLI));
        // Both limited: 1 and 0.2; the pod's quota is their sum.
        let closed = pod(vec![container(Regular, 300, Some(1000)), container(Sidecar, 100, Some(200))]);
        assert_eq!((closed.quota, closed.within_quota(2000 * MILLI)), (1200 * MILLI, 1200 * MILLI));
        // An init container without a limit leaves the pod without a quota; its container has one.
        let init = pod(vec![container(Init, 0, None), container(Regular, 300, Some(500))]);
        assert!(init.is_plain() && init.quota == u64::MAX && init.plain_quota() == 500 * MILLI);
        // Nobody requests anything: halves, the odd nano-core to the first.
        let halves = pod(vec![container(Regular, 0, Some(500)), container(Regular, 0, None)]);
        assert_eq!(halves.within_quota(1001), 1001);
        assert_eq!(halves.within_quota(2000 * MILLI), 1500 * MILLI);
    }

    #[test]
    fn a_pod_held_down_by_neighbours_throttles_only_who_is_at_its_quota() {
        use ContainerKind::Regular;
        // Weights of 102 and 1024 shares: quadratic 17 and 100. Each wants 1/11 and 10/11 of 4.4 cores.
        let pod = pod(vec![container(Regular, 100, Some(200)), container(Regular, 1000, Some(3000))]);
        let felt = |received, free| {
            let mut felt = CpuFelt::default();
            let within = pod.within_quota(4400 * MILLI);
            pod.feel(4400 * MILLI, [within, within, received], free, |_| 1, &mut felt);
            felt.figures()
        };
        // All of 3.2: both at their quotas, 0.4 wanted of 0.2 and 4 of 3.
        assert_eq!(felt(3200 * MILLI, u64::MAX), [2, 2, 0, 500_000_000 + 250_000_000, 0]);
        // 1.17 cores: 0.17 and 1 by weight: neither.
        assert_eq!(felt(1170 * MILLI, 1170 * MILLI), [2, 0, 0, 0, 0]);
    }
}
