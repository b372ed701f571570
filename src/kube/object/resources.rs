//! Requests and allocatables in the scheduler's integers.

use std::collections::BTreeMap;

use crate::units::Quantity;

/// A resource list with exact values.
pub type ResourceList = BTreeMap<String, Quantity>;

/// CPU that a container without a request counts as in scores: `schedutil.DefaultMilliCPURequest`.
pub const STAND_IN_MILLI_CPU: i64 = 100;
/// Memory that a container without a request counts as in scores: `schedutil.DefaultMemoryRequest`, 200 MiB.
pub const STAND_IN_MEMORY: i64 = 200 * 1024 * 1024;

/// A vector of amounts: `framework.Resource` (v1.36.3).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// CPU in thousandths.
    pub milli_cpu: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Ephemeral storage in bytes.
    pub ephemeral_storage: i64,
    /// Pods (allocatable only).
    pub pods: i64,
    /// Extended resources, huge pages and attachable volumes by name.
    pub scalar: BTreeMap<String, i64>,
}

impl Resources {
    /// `Resource.Add` on an empty one: CPU in thousandths, the rest in units, both rounded up; other native names
    /// are dropped.
    pub fn of(list: &ResourceList) -> Self {
        let mut out = Resources::default();
        for (name, quantity) in list {
            match name.as_str() {
                "cpu" => out.milli_cpu = quantity.milli_value(),
                "memory" => out.memory = quantity.value(),
                "ephemeral-storage" => out.ephemeral_storage = quantity.value(),
                "pods" => out.pods = quantity.value(),
                _ if is_scalar(name) => {
                    out.scalar.insert(name.clone(), quantity.value());
                }
                _ => {}
            }
        }
        out
    }

    /// Adds (`sign` 1) or takes away (−1) another vector. Sums wrap, as Go's do.
    pub fn shift(&mut self, other: &Resources, sign: i64) {
        let apply = |a: &mut i64, b: i64| *a = a.wrapping_add(b.wrapping_mul(sign));
        apply(&mut self.milli_cpu, other.milli_cpu);
        apply(&mut self.memory, other.memory);
        apply(&mut self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalar {
            match self.scalar.get_mut(name) {
                Some(sum) => apply(sum, *amount),
                None => {
                    self.scalar.insert(name.clone(), amount.wrapping_mul(sign));
                }
            }
        }
    }
}

/// `schedutil.IsScalarResourceName` (v1.36.3).
pub fn is_scalar(name: &str) -> bool {
    is_extended(name)
        || name.starts_with("hugepages-")
        || name.contains("kubernetes.io/")
        || name.starts_with("attachable-volumes-")
}

/// `v1helper.IsExtendedResourceName`, without its check of the spelling.
pub fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

/// Resources that a pod may ask for as a whole: `resourcehelper.IsSupportedPodLevelResource`.
fn is_pod_level(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// What a pod as a whole may not exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// CPU in thousandths; `None`: no limit.
    pub milli_cpu: Option<i64>,
    /// Memory in bytes; `None`: no limit.
    pub memory: Option<i64>,
    /// Ephemeral storage in bytes; `None`: no limit.
    pub ephemeral: Option<i64>,
}

/// What one container asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Container {
    /// `resources.requests`.
    pub requests: ResourceList,
    /// `resources.limits`.
    pub limits: ResourceList,
    /// An init container with `restartPolicy: Always`.
    pub restartable: bool,
    /// What the kubelet reports of it: requests in force, and allocated ones (a resize may be under way).
    pub reported: Option<(ResourceList, ResourceList)>,
}

/// When a container runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContainerRole {
    /// With the others, for as long as the pod lives.
    Regular,
    /// To its end, before the regular ones start.
    Init,
    /// An init container that goes on running.
    Sidecar,
}

/// CPU in thousandths and memory in bytes, each where it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size {
    /// CPU.
    pub milli_cpu: Option<i64>,
    /// Memory.
    pub memory: Option<i64>,
}

impl Size {
    fn of(list: &ResourceList) -> Self {
        Size {
            milli_cpu: list.get("cpu").map(|cpu| cpu.milli_value()),
            memory: list.get("memory").map(|memory| memory.value()),
        }
    }
}

/// A container in the kubelet's integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContainerSize {
    /// When it runs.
    pub role: ContainerRole,
    /// Requests, defaulted.
    pub requests: Size,
    /// Limits.
    pub limits: Size,
}

/// A pod's containers in the kubelet's integers: what cgroups are made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodSize {
    /// Init containers and sidecars in order, then the regular ones.
    pub containers: Vec<ContainerSize>,
    /// The pod's own requests and limits, if it has any.
    pub level: Option<(Size, Size)>,
    /// Overhead.
    pub overhead: Size,
}

/// Everything of a pod that its requests follow from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PodResources {
    /// Containers, in order.
    pub containers: Vec<Container>,
    /// Init containers, in order.
    pub init_containers: Vec<Container>,
    /// `spec.resources` (requests, limits), if it is there.
    pub pod_level: Option<(ResourceList, ResourceList)>,
    /// `spec.overhead`.
    pub overhead: ResourceList,
    /// The pod's resize was found infeasible: what is written does not count then.
    pub resize_infeasible: bool,
}

fn add_all(sum: &mut ResourceList, more: &ResourceList) {
    for (name, quantity) in more {
        let entry = sum.entry(name.clone()).or_default();
        *entry = *entry + *quantity;
    }
}

fn max_all(sum: &mut ResourceList, more: &ResourceList) {
    for (name, quantity) in more {
        let entry = sum.entry(name.clone()).or_insert(*quantity);
        *entry = (*entry).max(*quantity);
    }
}

impl PodResources {
    /// The same in the kubelet's integers.
    pub fn size(&self) -> PodSize {
        let of = |container: &Container, role| ContainerSize {
            role,
            requests: Size::of(&container.requests),
            limits: Size::of(&container.limits),
        };
        let before = self.init_containers.iter().map(|container| {
            of(container, if container.restartable { ContainerRole::Sidecar } else { ContainerRole::Init })
        });
        PodSize {
            containers: before.chain(self.containers.iter().map(|c| of(c, ContainerRole::Regular))).collect(),
            level: self.pod_level.as_ref().map(|(requests, limits)| (Size::of(requests), Size::of(limits))),
            overhead: Size::of(&self.overhead),
        }
    }

    /// The defaults of the API server: `SetDefaults_Pod`, `defaultHugePagePodLimits`, `defaultPodRequests`,
    /// `SetDefaults_ResourceList` (`pkg/apis/core/v1/defaults.go` v1.36.3), in this order.
    pub fn apply_defaults(&mut self) {
        for container in self.containers.iter_mut().chain(&mut self.init_containers) {
            for (name, limit) in &container.limits {
                container.requests.entry(name.clone()).or_insert(*limit);
            }
        }
        let sum_limits = self.aggregate(|c| c.limits.clone());
        let sum_requests = self.aggregate(|c| c.requests.clone());
        if let Some((requests, limits)) = &mut self.pod_level {
            if !(requests.is_empty() && limits.is_empty()) {
                for (name, limit) in &sum_limits {
                    if name.starts_with("hugepages-") && !requests.contains_key(name) {
                        limits.entry(name.clone()).or_insert(*limit);
                    }
                }
            }
            if !limits.is_empty() {
                for (name, request) in &sum_requests {
                    if name == "cpu" || name == "memory" {
                        requests.entry(name.clone()).or_insert(*request);
                    }
                }
                for (name, limit) in limits.iter().filter(|(name, _)| is_pod_level(name)) {
                    requests.entry(name.clone()).or_insert(*limit);
                }
            }
            requests.values_mut().for_each(|q| *q = q.rounded_to_milli());
        }
        for container in self.containers.iter_mut().chain(&mut self.init_containers) {
            container.requests.values_mut().for_each(|q| *q = q.rounded_to_milli());
        }
        self.overhead.values_mut().for_each(|q| *q = q.rounded_to_milli());
        self.apply_reported();
    }

    /// `determineEffectiveRequests`: of a running container the greatest of what is written, in force and allocated
    /// counts; of init containers only the restartable ones run on.
    fn apply_reported(&mut self) {
        let restartable = self.init_containers.iter_mut().filter(|c| c.restartable);
        for container in self.containers.iter_mut().chain(restartable) {
            let Some((actuated, allocated)) = &container.reported else { continue };
            if self.resize_infeasible {
                container.requests.clear();
            }
            max_all(&mut container.requests, actuated);
            max_all(&mut container.requests, allocated);
        }
    }

    /// `AggregateContainerRequests` (`component-helpers/resource/helpers.go` v0.36.3) over `of` each container.
    fn aggregate(&self, of: impl Fn(&Container) -> ResourceList) -> ResourceList {
        let mut sum = ResourceList::new();
        for container in &self.containers {
            add_all(&mut sum, &of(container));
        }
        let mut restartable = ResourceList::new();
        let mut init_max = ResourceList::new();
        for container in &self.init_containers {
            let mut own = of(container);
            if container.restartable {
                add_all(&mut sum, &own);
                add_all(&mut restartable, &own);
                own = restartable.clone();
            } else {
                add_all(&mut own, &restartable);
            }
            max_all(&mut init_max, &own);
        }
        max_all(&mut sum, &init_max);
        sum
    }

    /// Whether the pod as a whole asks for a resource it may ask for: `IsPodLevelRequestsSet`.
    fn pod_level_requests(&self) -> Option<&ResourceList> {
        self.pod_level.as_ref().map(|(requests, _)| requests).filter(|r| r.keys().any(|name| is_pod_level(name)))
    }

    /// `PodRequests`: the containers with `stand_ins` for what they do not mention, the pod's own requests in
    /// place of the sums (`pod_level`), plus overhead.
    fn requests_with(&self, stand_ins: &ResourceList, pod_level: bool) -> ResourceList {
        let mut sum = self.aggregate(|container| {
            let mut requests = container.requests.clone();
            for (name, stand_in) in stand_ins {
                requests.entry(name.clone()).or_insert(*stand_in);
            }
            requests
        });
        if let Some(own) = self.pod_level_requests().filter(|_| pod_level) {
            for (name, quantity) in own.iter().filter(|(name, _)| is_pod_level(name)) {
                sum.insert(name.clone(), *quantity);
            }
        }
        add_all(&mut sum, &self.overhead);
        sum
    }

    /// What the filter, the sums of a node and NodeResourcesBalancedAllocation count.
    pub fn requests(&self) -> ResourceList {
        self.requests_with(&ResourceList::new(), true)
    }

    /// `ResourceConfigForPod` (`pkg/kubelet/cm/helpers_linux.go` v1.36.3): the pod's cgroup is limited where all its
    /// containers are, init containers too, or where the pod has a limit of its own; the sum counts overhead.
    /// For ephemeral storage containers without a limit do not count (`podEphemeralStorageLimitEviction`).
    pub fn limits(&self) -> Limits {
        let sum = self.aggregate(|container| container.limits.clone());
        let of = |name: &str| {
            let own =
                self.pod_level.as_ref().and_then(|(_, limits)| limits.get(name)).filter(|q| **q != Quantity::ZERO);
            let all = self.containers.iter().chain(&self.init_containers);
            let unlimited = |c: &Container| c.limits.get(name).is_none_or(|q| *q == Quantity::ZERO);
            let limit = match own {
                Some(own) => *own,
                None if self.containers.is_empty() || all.into_iter().any(unlimited) => return None,
                None => *sum.get(name)?,
            };
            Some(limit + self.overhead.get(name).copied().unwrap_or_default())
        };
        Limits {
            milli_cpu: of("cpu").map(Quantity::milli_value),
            memory: of("memory").map(Quantity::value),
            ephemeral: sum.get("ephemeral-storage").copied().map(Quantity::value),
        }
    }

    /// What NodeResourcesFit's score counts: with stand-ins, and without the pod's own requests, because `NewFit`
    /// never sets `enablePodLevelResources` on its scorer.
    pub fn score_requests(&self) -> ResourceList {
        self.requests_with(&stand_ins(true, true), false)
    }

    /// CPU and memory that a node's NonZeroRequested counts: `PodInfo.CalculateResource`. With pod-level requests
    /// the stand-ins serve only what the total does not mention.
    pub fn non_zero(&self, requests: &ResourceList) -> (i64, i64) {
        let set = self.pod_level_requests().is_some();
        let missing = |name: &str| !set || !requests.contains_key(name);
        let list = self.requests_with(&stand_ins(missing("cpu"), missing("memory")), true);
        let of = |name: &str| list.get(name).copied().unwrap_or_default();
        (of("cpu").milli_value(), of("memory").value())
    }
}

fn stand_ins(cpu: bool, memory: bool) -> ResourceList {
    let mut list = ResourceList::new();
    if cpu {
        list.insert("cpu".into(), Quantity::milli(STAND_IN_MILLI_CPU));
    }
    if memory {
        list.insert("memory".into(), Quantity::whole(STAND_IN_MEMORY));
    }
    list
}
