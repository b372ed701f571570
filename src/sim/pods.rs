//! What the kernel and the kubelet see of a job's containers: limits and scores.

use super::engine::Simulation;
use crate::host::kubelet::cgroup;
use crate::host::kubelet::pod::{self, ContainerKind};
use crate::host::memory::{self, Part};
use crate::ids::{HostId, JobId};
use crate::kube::object::resources::{Container, Resources};
use crate::orchestrator::Enforcement;
use crate::units::{Bytes, MilliCpu};

impl Simulation<'_> {
    /// The kernel's adjustment of the job's score on `host`: by QoS class where the orchestrator has such, else 0.
    pub(super) fn oom_score_adj(&self, job: JobId, host: HostId) -> i64 {
        if !self.info.qos {
            return 0;
        }
        let world = &self.world;
        let (cpu, memory) = world.requested(job);
        let limits = (world.cpu_limit(job).map_or(0, |l| l.0), world.memory_limit(job).map_or(0, |l| l.0));
        memory::oom_score_adj((cpu.0, memory.0), limits, self.marks(host).ram)
    }

    /// The most memory that an attempt of `job` may hold: its pod's limit, or what brings the first of its containers,
    /// `parts`, to its own; `i64::MAX`: any.
    pub(super) fn memory_limit(&self, job: JobId, parts: &[Part]) -> i64 {
        let whole = self.world.memory_limit(job).map_or(i64::MAX, |l| l.0);
        whole.min(memory::limit_of_parts(parts))
    }

    /// The containers that run side by side in an attempt of `job` on `host`, where there are several.
    pub(super) fn parts(&self, job: JobId, host: HostId) -> Vec<Part> {
        let Some(template) = self.setup.workload.template(job).filter(|pod| !pod.side_by_side.is_empty()) else {
            return Vec::new();
        };
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
        let pod = pod::Pod {
            priority: template.priority(),
            system_node_critical: template.priority_class.as_deref() == Some("system-node-critical"),
            is_static: template.mirror,
            containers,
            ..pod::Pod::default()
        };
        let asked = pod.containers.iter().any(|c| c.requests.memory() > 0);
        let ram = self.marks(host).ram;
        let part = |c: &pod::Container| Part {
            share: if asked { c.requests.memory() } else { 1 },
            adj: if self.info.qos { cgroup::oom_score_adj(&pod, c, ram) } else { 0 },
            limit: c.limits.memory_bytes.unwrap_or(i64::MAX),
        };
        pod.containers.iter().map(part).collect()
    }
}
