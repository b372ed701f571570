//! A pod's resources as the kubelet reads them: the API's defaults, sums over containers, QoS class, who is critical.

/// Pods of this priority and above are critical (`apis/scheduling: SystemCriticalPriority`).
pub const CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// CPU and memory, each set or not: 0 written down and nothing written are two things.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// CPU in milli-CPU.
    pub cpu_milli: Option<i64>,
    /// Memory in bytes.
    pub memory_bytes: Option<i64>,
}

impl Resources {
    /// CPU, 0 where none is set.
    pub fn cpu(self) -> i64 {
        self.cpu_milli.unwrap_or(0)
    }

    /// Memory, 0 where none is set.
    pub fn memory(self) -> i64 {
        self.memory_bytes.unwrap_or(0)
    }

    /// Whether nothing is set.
    pub fn is_empty(self) -> bool {
        self == Resources::default()
    }

    /// Resource by resource: what is set here, else what is set there.
    pub fn or(self, other: Resources) -> Resources {
        Resources {
            cpu_milli: self.cpu_milli.or(other.cpu_milli),
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
        }
    }

    fn both(self, other: Resources, f: fn(i64, i64) -> i64) -> Resources {
        let one = |a: Option<i64>, b: Option<i64>| match (a, b) {
            (Some(a), Some(b)) => Some(f(a, b)),
            (a, b) => a.or(b),
        };
        Resources {
            cpu_milli: one(self.cpu_milli, other.cpu_milli),
            memory_bytes: one(self.memory_bytes, other.memory_bytes),
        }
    }

    fn plus(self, other: Resources) -> Resources {
        self.both(other, i64::saturating_add)
    }

    fn max(self, other: Resources) -> Resources {
        self.both(other, i64::max)
    }
}

/// When a container runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContainerKind {
    /// With the others, for as long as the pod lives.
    Regular,
    /// To its end, before the regular ones start.
    Init,
    /// An init container that goes on running (`restartPolicy: Always`).
    Sidecar,
}

/// A container as far as resources go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Container {
    /// When it runs.
    pub kind: ContainerKind,
    /// `resources.requests`.
    pub requests: Resources,
    /// `resources.limits`.
    pub limits: Resources,
}

/// The pod's own `spec.resources` (gate PodLevelResources, on since 1.34).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PodLevel {
    /// Requests of the pod as a whole.
    pub requests: Resources,
    /// Limits of the pod as a whole.
    pub limits: Resources,
}

/// A pod as far as the kubelet's arithmetic goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pod {
    /// `spec.priority`, 0 where none is set.
    pub priority: i32,
    /// Whether its priority class is `system-node-critical`.
    pub system_node_critical: bool,
    /// Whether it is static (from a file) or mirrors a static pod.
    pub is_static: bool,
    /// `spec.overhead`.
    pub overhead: Resources,
    /// `spec.resources`, where it is given.
    pub level: Option<PodLevel>,
    /// Containers; init containers and sidecars among each other in the order of the manifest.
    pub containers: Vec<Container>,
}

/// Quality of service class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qos {
    /// Limits equal to requests, for CPU and memory.
    Guaranteed,
    /// Neither of the others.
    Burstable,
    /// No request and no limit.
    BestEffort,
}

impl Qos {
    /// As Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Qos::Guaranteed => "Guaranteed",
            Qos::Burstable => "Burstable",
            Qos::BestEffort => "BestEffort",
        }
    }
}

impl Pod {
    /// The pod after the API server's defaults (`apis/core/v1/defaults.go: SetDefaults_Pod`): a request that is
    /// missing takes its limit; where the pod has limits of its own, a request that it lacks takes the sum of its
    /// containers', else the pod's limit. Everything below expects a pod with its defaults.
    pub fn defaulted(mut self) -> Pod {
        for container in &mut self.containers {
            container.requests = container.requests.or(container.limits);
        }
        let sum = self.container_requests();
        if let Some(level) = self.level.as_mut().filter(|level| !level.limits.is_empty()) {
            level.requests = level.requests.or(sum).or(level.limits);
        }
        self
    }

    /// The pod's own resources where they say anything (`IsPodLevelResourcesSet`).
    pub(super) fn level_set(&self) -> Option<PodLevel> {
        self.level.filter(|level| !level.requests.is_empty() || !level.limits.is_empty())
    }

    /// What all containers need at once (`component-helpers/resource: AggregateContainerRequests`): the sum of those
    /// that run side by side, or an init container with the sidecars before it, if that is more.
    pub fn container_requests(&self) -> Resources {
        self.aggregated(|container| container.requests, |_| ())
    }

    /// Requests of the pod with its overhead (`PodRequests`); the pod's own stand before its containers'.
    pub fn requests(&self) -> Resources {
        self.level.unwrap_or_default().requests.or(self.container_requests()).plus(self.overhead)
    }

    /// Limits of the pod (`PodLimits`) with its overhead where they are not 0, and whether every container declares
    /// one, for CPU and for memory; the pod's own stand for all of its containers'.
    ///
    /// An init container counts with the sidecars before it: their limits are looked at after they were added up.
    pub fn limits(&self) -> (Resources, [bool; 2]) {
        let mut declared = [true; 2];
        let containers = self.aggregated(
            |container| container.limits,
            |limits| declared = [declared[0] && limits.cpu() != 0, declared[1] && limits.memory() != 0],
        );
        let own = self.level.unwrap_or_default().limits;
        declared = [declared[0] || own.cpu() != 0, declared[1] || own.memory() != 0];
        let mut limits = own.or(containers);
        limits.cpu_milli = limits.cpu_milli.map(|cpu| if cpu == 0 { 0 } else { cpu + self.overhead.cpu() });
        limits.memory_bytes = limits.memory_bytes.map(|m| if m == 0 { 0 } else { m + self.overhead.memory() });
        (limits, declared)
    }

    /// Sum or greatest step of `of` each container, and `seen` for what is added or compared.
    fn aggregated(&self, of: impl Fn(&Container) -> Resources, mut seen: impl FnMut(Resources)) -> Resources {
        let (mut sum, mut sidecars, mut most) = (Resources::default(), Resources::default(), Resources::default());
        for container in &self.containers {
            let own = of(container);
            match container.kind {
                ContainerKind::Regular => {
                    seen(own);
                    sum = sum.plus(own);
                }
                ContainerKind::Sidecar => {
                    sum = sum.plus(own);
                    sidecars = sidecars.plus(own);
                    seen(sidecars);
                    most = most.max(sidecars);
                }
                ContainerKind::Init => {
                    let step = own.plus(sidecars);
                    seen(step);
                    most = most.max(step);
                }
            }
        }
        sum.max(most)
    }

    /// Memory request that the eviction ranking compares usage with (`api/v1/resource: GetResourceRequestQuantity`):
    /// the pod's own resources alone where it has any; overhead only on top of a request.
    pub fn ranked_memory_request(&self) -> i64 {
        let request = match self.level_set() {
            Some(level) => level.requests.memory(),
            None => self.container_requests().memory(),
        };
        if request == 0 { 0 } else { request.saturating_add(self.overhead.memory()) }
    }

    /// QoS class (`apis/core/v1/helper/qos: ComputePodQOS`). Only values above 0 count.
    pub fn qos(&self) -> Qos {
        let positive = |r: Resources| Resources {
            cpu_milli: r.cpu_milli.filter(|cpu| *cpu > 0),
            memory_bytes: r.memory_bytes.filter(|memory| *memory > 0),
        };
        let both = |r: Resources| r.cpu_milli.is_some() && r.memory_bytes.is_some();
        let (mut requests, mut limits) = (Resources::default(), Resources::default());
        let mut limited = true;
        match self.level {
            Some(level) => {
                (requests, limits) = (positive(level.requests), positive(level.limits));
                limited = level.limits.is_empty() || both(limits);
            }
            None => {
                for container in &self.containers {
                    let own = positive(container.limits);
                    requests = requests.plus(positive(container.requests));
                    limits = limits.plus(own);
                    limited &= both(own);
                }
            }
        }
        if requests.is_empty() && limits.is_empty() {
            Qos::BestEffort
        } else if limited && requests == limits {
            Qos::Guaranteed
        } else {
            Qos::Burstable
        }
    }

    /// Whether the kubelet spares it and admits it under pressure (`kubelet/types: IsCriticalPod`).
    pub fn critical(&self) -> bool {
        self.is_static || self.priority >= CRITICAL_PRIORITY
    }

    /// Whether the kernel is told to spare it as well (`IsNodeCriticalPod`).
    pub fn node_critical(&self) -> bool {
        self.critical() && self.system_node_critical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(milli: i64) -> Resources {
        Resources { cpu_milli: Some(milli), memory_bytes: None }
    }

    fn container(kind: ContainerKind, requests: i64, limits: Option<i64>) -> Container {
        Container { kind, requests: cpu(requests), limits: limits.map(cpu).unwrap_or_default() }
    }

    #[test]
    fn an_init_container_runs_beside_the_sidecars_before_it() {
        use ContainerKind::{Init, Regular, Sidecar};
        let regular = container(Regular, 300, Some(300));
        let (init, sidecar) = (container(Init, 500, None), container(Sidecar, 100, Some(100)));
        let after = Pod { containers: vec![regular, sidecar, init], ..Pod::default() };
        let before = Pod { containers: vec![regular, init, sidecar], ..Pod::default() };
        // The larger of 300 + 100 and 500 + 100, and of 300 + 100 and 500.
        assert_eq!((after.requests().cpu(), before.requests().cpu()), (600, 500));
        // The init container has no limit, but it is looked at together with the sidecar's.
        assert_eq!(after.limits(), (cpu(400), [true, false]));
        assert_eq!(before.limits(), (cpu(400), [false, false]));
    }

    #[test]
    fn a_pod_with_limits_of_its_own_requests_what_its_containers_do_and_else_its_limits() {
        let limits = Resources { cpu_milli: Some(1000), memory_bytes: Some(64) };
        let level = |requests| Some(PodLevel { requests, limits });
        let containers = vec![container(ContainerKind::Regular, 300, None)];
        let pod = Pod { level: level(Resources::default()), containers, ..Pod::default() };
        let requests = Resources { cpu_milli: Some(300), memory_bytes: Some(64) };
        assert_eq!(pod.clone().defaulted().level, level(requests));
        let written = Pod { level: level(cpu(200)), ..pod.clone() };
        assert_eq!(written.defaulted().requests(), Resources { cpu_milli: Some(200), memory_bytes: Some(64) });
        // Without limits nothing is filled in.
        let unlimited = Some(PodLevel { requests: cpu(200), limits: Resources::default() });
        assert_eq!(Pod { level: unlimited, ..pod }.defaulted().level, unlimited);
    }

    #[test]
    fn the_class_system_node_critical_needs_the_priority_that_goes_with_it() {
        let pod = Pod { system_node_critical: true, ..Pod::default() };
        assert!(!pod.node_critical());
        assert!(Pod { priority: CRITICAL_PRIORITY, ..pod.clone() }.node_critical());
        assert!(Pod { is_static: true, ..pod }.node_critical());
    }
}
