//! What the kernel and the kubelet see of a job's containers: limits and scores.

use super::engine::Simulation;
use crate::host::cpu;
use crate::host::kubelet::pod::{self, ContainerKind};
use crate::host::kubelet::{cgroup, y2016};
use crate::host::memory::{self, Part};
use crate::ids::{HostId, JobId};
use crate::kube::object::resources::{Container, Resources};
use crate::orchestrator::{Enforcement, Scores, version_2016};
use crate::units::{Bytes, MilliCpu};

impl Simulation<'_> {
    /// The kernel's adjustment of the job's score on `host`: by QoS class where the orchestrator has such, else 0.
    pub(super) fn oom_score_adj(&self, job: JobId, host: HostId) -> i64 {
        let ram = self.marks(host).ram;
        match self.info.scores {
            Scores::Flat => 0,
            Scores::Kube2016 => {
                let containers = [self.container_2016(job)];
                y2016::oom_score_adj(version_2016(self.options), &containers, 0, ram)
            }
            Scores::Pod => {
                let c = self.container_2016(job);
                let (requests, limits) = ((c.cpu_request, c.memory_request), (c.cpu_limit, c.memory_limit));
                memory::oom_score_adj(requests, limits, ram)
            }
        }
    }

    /// The job as one container.
    fn container_2016(&self, job: JobId) -> y2016::Container {
        let world = &self.world;
        let (cpu, memory) = world.requested(job);
        y2016::Container {
            cpu_request: cpu.0,
            cpu_limit: world.cpu_limit(job).map_or(0, |l| l.0),
            memory_request: memory.0,
            memory_limit: world.memory_limit(job).map_or(0, |l| l.0),
        }
    }

    /// The containers of the job's pod that run side by side, as the kubelet of 2016 sees them.
    fn containers_2016(&self, job: JobId) -> Vec<y2016::Container> {
        match self.side_by_side(job) {
            Some(pod) => pod.containers.iter().map(of_2016).collect(),
            None => vec![self.container_2016(job)],
        }
    }

    /// The weight of the job's attempts among all that run on their host, where there are no groups of pods: of the
    /// containers of a pod of 2016 the sum, as they stand beside each other.
    pub(super) fn flat_weight(&self, job: JobId) -> u64 {
        match self.info.scores {
            Scores::Kube2016 => self.containers_2016(job).iter().map(y2016::cpu_shares).sum(),
            Scores::Flat | Scores::Pod => cpu::DEFAULT_SHARES,
        }
    }

    /// The class by which the kubelet of v1.3.0 evicts and refuses pods of the job.
    pub(super) fn class_2016(&self, job: JobId) -> y2016::Class {
        y2016::class(&self.containers_2016(job))
    }

    /// The most memory that an attempt of `job` may hold: its pod's limit, or what brings the first of its containers,
    /// `parts`, to its own; `i64::MAX`: any.
    pub(super) fn memory_limit(&self, job: JobId, parts: &[Part]) -> i64 {
        let whole = self.world.memory_limit(job).map_or(i64::MAX, |l| l.0);
        whole.min(memory::limit_of_parts(parts))
    }

    /// The containers that run side by side in an attempt of `job` on `host`, where there are several.
    pub(super) fn parts(&self, job: JobId, host: HostId) -> Vec<Part> {
        let Some(pod) = self.side_by_side(job) else { return Vec::new() };
        let asked = pod.containers.iter().any(|c| c.requests.memory() > 0);
        let ram = self.marks(host).ram;
        let of_day: Vec<y2016::Container> = pod.containers.iter().map(of_2016).collect();
        let part = |(i, c): (usize, &pod::Container)| Part {
            share: if asked { c.requests.memory() } else { 1 },
            adj: match self.info.scores {
                Scores::Flat => 0,
                Scores::Kube2016 => y2016::oom_score_adj(version_2016(self.options), &of_day, i, ram),
                Scores::Pod => cgroup::oom_score_adj(&pod, c, ram),
            },
            limit: c.limits.memory_bytes.unwrap_or(i64::MAX),
        };
        pod.containers.iter().enumerate().map(part).collect()
    }

    /// The pod of `job` with the containers that run side by side, where there are several.
    fn side_by_side(&self, job: JobId) -> Option<pod::Pod> {
        let template = self.setup.workload.template(job).filter(|pod| !pod.side_by_side.is_empty())?;
        let rule = self.options.requests;
        let enforced = self.options.enforcement == Enforcement::Limits;
        let positive = |list: &Resources| {
            ((list.milli_cpu > 0).then_some(list.milli_cpu), (list.memory > 0).then_some(list.memory))
        };
        let container = |container: &Container| {
            let (written, limits) =
                (positive(&Resources::of(&container.requests)), positive(&Resources::of(&container.limits)));
            let limit = |request: Option<i64>, limit: Option<i64>| {
                enforced.then(|| rule.limit(request.unwrap_or(0), limit)).flatten()
            };
            let (cpu, memory) = (limit(written.0, limits.0), limit(written.1, limits.1));
            let requests = (
                rule.cpu(MilliCpu(written.0.unwrap_or(0)), cpu.map(MilliCpu)).0,
                rule.memory(Bytes(written.1.unwrap_or(0)), memory.map(Bytes)).0,
            );
            let some = |amount: i64| (amount > 0).then_some(amount);
            pod::Container {
                kind: if container.restartable { ContainerKind::Sidecar } else { ContainerKind::Regular },
                requests: pod::Resources { cpu_milli: some(requests.0), memory_bytes: some(requests.1) },
                limits: pod::Resources { cpu_milli: cpu, memory_bytes: memory },
            }
        };
        let containers: Vec<pod::Container> = template.side_by_side.iter().map(container).collect();
        Some(pod::Pod {
            priority: template.priority(),
            system_node_critical: template.priority_class.as_deref() == Some("system-node-critical"),
            is_static: template.mirror,
            containers,
            ..pod::Pod::default()
        })
    }
}

fn of_2016(container: &pod::Container) -> y2016::Container {
    let (requests, limits) = (container.requests, container.limits);
    y2016::Container {
        cpu_request: requests.cpu(),
        cpu_limit: limits.cpu(),
        memory_request: requests.memory(),
        memory_limit: limits.memory(),
    }
}
