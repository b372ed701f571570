//! The machines: hosts as columns, and what the control plane has booked on them.
//!
//! This module knows no job beyond its request, takes no decision and keeps no time. What really happens on a host is
//! the host model's (`host`) and the simulation's (`sim`).

mod bookings;
mod devices;
pub mod synthetic;

pub use bookings::{Bookings, Request};
pub use devices::{Devices, choose_devices};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ids::{HostId, ResourceId};
use crate::kube::object::node::Node;
use crate::units::{Bytes, MilliCpu, SimTime};

/// A host as an input describes it.
#[derive(Clone, PartialEq, Debug)]
pub struct HostSpec {
    /// Unique name.
    pub name: String,
    /// CPU that jobs may use.
    pub cpu: MilliCpu,
    /// Memory of the machine.
    pub memory: Bytes,
    /// Ephemeral storage; 0 where unknown (then jobs that ask for some do not fit).
    pub ephemeral: Bytes,
    /// Most jobs the host takes; `None` leaves it to the orchestrator (Kubernetes: 110).
    pub pods: Option<u32>,
    /// GPU devices, each of 1000 thousandths.
    pub gpus: u16,
    /// Model of the GPUs, empty if none.
    pub gpu_model: String,
    /// Other extended resources by name.
    pub extended: BTreeMap<String, i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Taints that keep jobs without a matching toleration away, as `key=value:Effect` or `key:Effect`.
    pub taints: Vec<String>,
    /// When the host joins.
    pub joins: SimTime,
    /// When it leaves for good; `None`: never.
    pub leaves: Option<SimTime>,
    /// The Node it was described by, if it came from a manifest; what a Kubernetes scheduler looks at beyond the fields
    /// above (images, taints in full) stands there.
    pub node: Option<Arc<Node>>,
}

impl HostSpec {
    /// A host of that size without anything special, there from the start.
    pub fn new(name: impl Into<String>, cpu: MilliCpu, memory: Bytes) -> Self {
        HostSpec {
            name: name.into(),
            cpu,
            memory,
            ephemeral: Bytes(0),
            pods: None,
            gpus: 0,
            gpu_model: String::new(),
            extended: BTreeMap::new(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            joins: SimTime::ZERO,
            leaves: None,
            node: None,
        }
    }
}

/// The hosts, in byte order of names: what they are, not what runs on them.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// In order of [`HostId`].
    specs: Vec<HostSpec>,
    /// Names of extended resources in byte order; a [`ResourceId`] indexes it.
    resources: Vec<String>,
    /// `specs.len() × resources.len()` amounts, host by host.
    extended: Vec<i64>,
}

impl Cluster {
    /// Checks and sorts `hosts`. `resources` names the extended resources that jobs ask for, beside those hosts have.
    ///
    /// Errors: no host, a repeated or empty name, CPU or memory of 0 or less, CPU over [`MilliCpu::MOST`], more than 2^60
    /// bytes of memory in all, leaving before joining.
    pub fn new(mut hosts: Vec<HostSpec>, resources: &[String]) -> Result<Self> {
        if hosts.is_empty() {
            return Err(Error::input("the cluster has no hosts"));
        }
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in hosts.windows(2) {
            if pair[0].name == pair[1].name {
                return Err(Error::input(format!("two hosts are named \"{}\"", pair[0].name)));
            }
        }
        for host in &hosts {
            let refuse = |what: String| Err(Error::input(format!("host \"{}\": {what}", host.name)));
            if host.name.is_empty() {
                return Err(Error::input("a host has no name"));
            }
            if host.cpu.0 <= 0 {
                return refuse(format!("cpu is {}; a host needs more than 0", host.cpu));
            }
            if host.cpu > MilliCpu::MOST {
                return refuse(format!("cpu is {}; at most {} (2^53 nano-cores) will do", host.cpu, MilliCpu::MOST));
            }
            if host.memory.0 <= 0 {
                return refuse(format!("memory is {}; a host needs more than 0", host.memory));
            }
            if host.leaves.is_some_and(|leaves| leaves <= host.joins) {
                return refuse("it leaves before it joins".into());
            }
        }
        // Reports add hosts up in 64 bits.
        let memory = hosts.iter().fold(0, |sum, host| sum + i128::from(host.memory.0));
        if memory > 1 << 60 {
            return Err(Error::input("the hosts' memory adds up to more than 2^60 bytes, an exbibyte"));
        }
        let mut names: Vec<String> =
            hosts.iter().flat_map(|h| h.extended.keys().cloned()).chain(resources.iter().cloned()).collect();
        names.sort();
        names.dedup();
        let extended =
            hosts.iter().flat_map(|h| names.iter().map(|n| h.extended.get(n).copied().unwrap_or(0))).collect();
        Ok(Cluster { specs: hosts, resources: names, extended })
    }

    /// Number of hosts, those that join later included.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there is no host at all (only for the default value).
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// All hosts in order of names.
    pub fn ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.specs.len() as u32).map(HostId)
    }

    /// What `host` is.
    pub fn spec(&self, host: HostId) -> &HostSpec {
        &self.specs[host.index()]
    }

    /// The name of `host`.
    pub fn name(&self, host: HostId) -> &str {
        &self.specs[host.index()].name
    }

    /// The host of that name.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.specs.binary_search_by(|h| h.name.as_str().cmp(name)).ok().map(HostId::from_index)
    }

    /// Names of the extended resources, in byte order.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The id of the extended resource `name`.
    pub fn resource(&self, name: &str) -> Option<ResourceId> {
        self.resources.binary_search_by(|r| r.as_str().cmp(name)).ok().map(ResourceId::from_index)
    }

    /// How much of extended resource `resource` the host has.
    pub fn extended(&self, host: HostId, resource: ResourceId) -> i64 {
        self.extended[host.index() * self.resources.len() + resource.index()]
    }

    /// Whether the host has every label of `selector` and, if `gpu_models` is not empty, one of those models.
    pub fn matches(&self, host: HostId, selector: &[(String, String)], gpu_models: &[String]) -> bool {
        let spec = self.spec(host);
        selector.iter().all(|(key, value)| spec.labels.get(key) == Some(value))
            && (gpu_models.is_empty() || gpu_models.contains(&spec.gpu_model))
    }

    /// Whether `tolerations` cover every taint that forbids placement (`NoSchedule`, `NoExecute`, or no effect named).
    ///
    /// A toleration is `key`, `key=value`, either with `:Effect`, or `*`. First form: no operators.
    pub fn tolerated(&self, host: HostId, tolerations: &[String]) -> bool {
        self.spec(host).taints.iter().all(|taint| {
            let (taint_body, effect) = taint.rsplit_once(':').unwrap_or((taint, ""));
            let taint_key = taint_body.split_once('=').map_or(taint_body, |(key, _)| key);
            effect == "PreferNoSchedule"
                || tolerations.iter().any(|t| {
                    let (body, wanted) = t.rsplit_once(':').unwrap_or((t, ""));
                    (wanted.is_empty() || wanted == effect) && (body == "*" || body == taint_body || body == taint_key)
                })
        })
    }

    /// Sum of CPU over all hosts, whether they have joined or not.
    pub fn total_cpu(&self) -> MilliCpu {
        MilliCpu(self.specs.iter().map(|h| h.cpu.0).sum())
    }

    /// Sum of memory over all hosts.
    pub fn total_memory(&self) -> Bytes {
        Bytes(self.specs.iter().map(|h| h.memory.0).sum())
    }

    /// Sum of GPU thousandths over all hosts.
    pub fn total_gpu_milli(&self) -> i64 {
        self.specs.iter().map(|h| i64::from(h.gpus) * 1000).sum()
    }
}
