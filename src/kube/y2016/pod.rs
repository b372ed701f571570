//! Pod objects of API v1 as of 2016: read, and defaulted as that day's API server did.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Result;
use crate::kube::object::meta::Meta;
use crate::kube::object::read::{At, Fields};
use crate::kube::object::resources::{STAND_IN_MEMORY, STAND_IN_MILLI_CPU};
use crate::kube::object::selector::{Labels, Selector};
use crate::kube::y2016::Version;
use crate::kube::y2016::affinity::{self, Affinity};
use crate::kube::y2016::label::set_selector;
use crate::kube::y2016::node::NVIDIA_GPU;
use crate::kube::y2016::taint::{TOLERATIONS, Toleration, read_tolerations};
use crate::kube::y2016::volume::Volume;
use crate::units::Quantity;

/// The annotation in which v1.3.0 has init containers: a JSON text.
const INIT_CONTAINERS: &str = "pod.alpha.kubernetes.io/init-containers";

/// Amounts that are compared and summed up. Sums wrap, as Go's do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amounts {
    /// CPU in thousandths.
    pub milli_cpu: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// GPUs; 0 under v1.2.4.
    pub gpus: i64,
}

impl Amounts {
    /// Adds (`sign` 1) or takes away (−1) other amounts.
    pub fn shift(&mut self, other: Amounts, sign: i64) {
        let apply = |a: &mut i64, b: i64| *a = a.wrapping_add(b.wrapping_mul(sign));
        apply(&mut self.milli_cpu, other.milli_cpu);
        apply(&mut self.memory, other.memory);
        apply(&mut self.gpus, other.gpus);
    }
}

/// What a container asks for, after defaults. Each amount is rounded up to its unit here, container by container.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Container {
    /// CPU in thousandths; `None` where there is no request. A request of 0 is one.
    pub milli_cpu: Option<i64>,
    /// Memory in bytes; `None` where there is no request.
    pub memory: Option<i64>,
    /// GPUs; 0 under v1.2.4.
    pub gpus: i64,
    /// Whether a request or limit of anything is above 0.
    pub bounded: bool,
}

/// A pod, validated and defaulted.
#[derive(Clone, PartialEq, Debug)]
pub struct Pod {
    /// `namespace/name`.
    pub key: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// The node it is bound to.
    pub node_name: Option<String>,
    /// Whether it has run to its end; the scheduler does not see it then.
    pub finished: bool,
    /// Whether it has a deletion timestamp. It still takes its place, but does not count for spreading.
    pub deleting: bool,
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers; none under v1.2.4.
    pub init_containers: Vec<Container>,
    /// Host ports that its containers take; never 0. Protocol and address play no part.
    pub host_ports: Vec<i32>,
    /// `spec.nodeSelector`.
    pub node_selector: Selector,
    /// Node affinity.
    pub affinity: Affinity,
    /// Tolerations; none under v1.2.4.
    pub tolerations: Vec<Toleration>,
    /// Disks that it mounts directly.
    pub volumes: Vec<Volume>,
}

impl Default for Pod {
    fn default() -> Self {
        Pod {
            key: String::new(),
            namespace: String::new(),
            name: String::new(),
            labels: Labels::new(),
            node_name: None,
            finished: false,
            deleting: false,
            containers: Vec::new(),
            init_containers: Vec::new(),
            host_ports: Vec::new(),
            node_selector: Selector::everything(),
            affinity: Affinity::default(),
            tolerations: Vec::new(),
            volumes: Vec::new(),
        }
    }
}

impl Pod {
    /// What a pod takes that is on its node: `calculateResource` (`schedulercache/node_info.go`). Init containers do
    /// not count, in v1.3.0 neither.
    pub fn taken(&self) -> Amounts {
        let mut sum = Amounts::default();
        for c in &self.containers {
            let milli_cpu = c.milli_cpu.unwrap_or(0);
            sum.shift(Amounts { milli_cpu, memory: c.memory.unwrap_or(0), gpus: c.gpus }, 1);
        }
        sum
    }

    /// What a pod to be placed asks for: `getResourceRequest` (`algorithm/predicates/predicates.go` v1.3.0; v1.2.4 has
    /// no init containers). Of CPU and memory at least what each init container asks for.
    pub fn request(&self) -> Amounts {
        let mut sum = self.taken();
        for c in &self.init_containers {
            sum.milli_cpu = sum.milli_cpu.max(c.milli_cpu.unwrap_or(0));
            sum.memory = sum.memory.max(c.memory.unwrap_or(0));
        }
        sum
    }

    /// What a pod counts as in scores, on its node and before: `GetNonzeroRequests`
    /// (`algorithm/priorities/util/non_zero.go`). A stand-in serves each container whose request is missing.
    pub fn non_zero(&self) -> Amounts {
        let mut sum = Amounts::default();
        for c in &self.containers {
            let milli_cpu = c.milli_cpu.unwrap_or(STAND_IN_MILLI_CPU);
            sum.shift(Amounts { milli_cpu, memory: c.memory.unwrap_or(STAND_IN_MEMORY), gpus: 0 }, 1);
        }
        sum
    }

    /// `GetPodQos` = BestEffort (`pkg/kubelet/qos/util/qos.go` v1.3.0): no container has a request or limit above 0.
    pub fn best_effort(&self) -> bool {
        !self.containers.iter().any(|container| container.bounded)
    }

    /// Reads a Pod object.
    pub fn read(at: &At<'_>, version: Version) -> Result<Pod> {
        let mut fields = at.object()?;
        let meta = Meta::take(&mut fields)?;
        let mut pod = Pod {
            key: meta.key(),
            namespace: meta.namespace,
            name: meta.name,
            labels: meta.labels,
            deleting: meta.deleting,
            ..Pod::default()
        };
        if let Some(annotations) = fields.need("metadata")?.object()?.get("annotations") {
            pod.read_annotations(annotations.object()?, version)?;
        }
        let mut spec = fields.need("spec")?.object()?;
        pod.node_name = spec.text("nodeName")?.map(str::to_string);
        if let Some(selector) = spec.get("nodeSelector") {
            pod.node_selector = set_selector(&selector.texts()?);
        }
        let host_network = spec.get("hostNetwork").map(|h| h.boolean()).transpose()?.unwrap_or(false);
        for container in spec.get("containers").map(|c| c.list()).transpose()?.unwrap_or_default() {
            let mut container = container.object()?;
            pod.containers.push(read_container(&mut container, true, version)?);
            for port in container.get("ports").map(|p| p.list()).transpose()?.unwrap_or_default() {
                let mut port = port.object()?;
                let mut number = |field: &'static str| match port.get(field) {
                    None => Ok(0),
                    Some(at) => match at.int32()? {
                        number @ 0..=65_535 => Ok(number),
                        other => Err(at.error(format!("{other} is not a port (0…65535)"))),
                    },
                };
                // defaultHostNetworkPorts (`pkg/api/v1/defaults.go` v1.2.4).
                let (container_port, written) = (number("containerPort")?, number("hostPort")?);
                let host_port = if host_network && written == 0 { container_port } else { written };
                pod.host_ports.extend((host_port != 0).then_some(host_port));
            }
        }
        if let Some(volumes) = spec.get("volumes") {
            pod.volumes = Volume::read_list(&volumes, version)?;
        }
        if let Some(status) = fields.get("status") {
            pod.finished = matches!(status.object()?.text("phase")?, Some("Succeeded" | "Failed"));
        }
        Ok(pod)
    }

    fn read_annotations(&mut self, mut annotations: Fields<'_>, version: Version) -> Result<()> {
        if let Some(text) = annotations.text(affinity::ANNOTATION)? {
            self.affinity = Affinity::parse(text);
        }
        if version == Version::V1_2_4 {
            return Ok(());
        }
        if let Some(tolerations) = annotations.get(TOLERATIONS) {
            self.tolerations = read_tolerations(&tolerations)?;
        }
        if let Some(at) = annotations.get(INIT_CONTAINERS) {
            let value: Value = serde_json::from_str(at.text()?)
                .map_err(|_| at.error("is not a list of containers in JSON; the API refuses the pod"))?;
            if !value.is_null() {
                for container in (At { value: &value, path: at.path }).list()? {
                    self.init_containers.push(read_container(&mut container.object()?, false, version)?);
                }
            }
        }
        Ok(())
    }
}

/// What a container asks for. Where limits are `defaulted`, a missing request takes the limit (`pkg/api/v1/defaults.go`
/// v1.2.4); init containers, which come out of an annotation after the defaults, keep what is written.
fn read_container(fields: &mut Fields<'_>, defaulted: bool, version: Version) -> Result<Container> {
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    if let Some(resources) = fields.get("resources") {
        let mut resources = resources.object()?;
        requests = resources.get("requests").map(|r| r.resources()).transpose()?.unwrap_or_default();
        limits = resources.get("limits").map(|l| l.resources()).transpose()?.unwrap_or_default();
    }
    if defaulted {
        for (name, limit) in &limits {
            requests.entry(name.clone()).or_insert(*limit);
        }
    }
    let gpus = if version == Version::V1_3_0 { requests.get(NVIDIA_GPU).map_or(0, |q| q.value()) } else { 0 };
    Ok(Container {
        milli_cpu: requests.get("cpu").map(|quantity| quantity.milli_value()),
        memory: requests.get("memory").map(|quantity| quantity.value()),
        gpus,
        bounded: requests.values().chain(limits.values()).any(|quantity| *quantity > Quantity::ZERO),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(spec: Value, annotations: Value, version: Version) -> Result<Pod> {
        let value = json!({"metadata": {"name": "p", "annotations": annotations}, "spec": spec});
        Pod::read(&At::top(&value), version)
    }

    fn resources(requests: Value, limits: Value) -> Value {
        json!({"name": "c", "resources": {"requests": requests, "limits": limits}})
    }

    #[test]
    fn each_container_is_rounded_up_and_has_its_own_stand_in() {
        // 0.5m and 0.5m are 1m each; half a byte and half a byte are 1 each; a missing request counts as 100m and
        // 200 MiB in scores; a written 0 stays 0.
        let containers = json!([
            resources(json!({"cpu": "0.0005", "memory": "0.5"}), json!({})),
            resources(json!({"cpu": "0.0005", "memory": "0.5"}), json!({})),
            resources(json!({"cpu": "0", "memory": "0"}), json!({})),
            resources(json!({"cpu": "1"}), json!({"memory": "1Ki"})),
            {"name": "nothing"},
        ]);
        let pod = pod(json!({"containers": containers}), json!({}), Version::V1_2_4).unwrap();
        let amounts = |milli_cpu, memory| Amounts { milli_cpu, memory, gpus: 0 };
        assert_eq!(pod.taken(), amounts(1 + 1 + 1000, 1 + 1 + 1024));
        assert_eq!(pod.request(), pod.taken());
        assert_eq!(pod.non_zero(), amounts(1 + 1 + 1000 + 100, 1 + 1 + 1024 + 209_715_200));
        assert!(!pod.best_effort());
    }

    #[test]
    fn an_init_container_raises_the_request_of_a_new_pod_only() {
        let spec = json!({"containers": [resources(json!({"cpu": "1", "memory": "10"}), json!({}))]});
        // The limit of an init container is not copied to its request.
        let init = json!([resources(json!({"memory": "50"}), json!({"cpu": "4"}))]).to_string();
        let annotations = json!({ INIT_CONTAINERS: init });
        let read = |version| pod(spec.clone(), annotations.clone(), version).unwrap();
        let old = read(Version::V1_2_4);
        assert_eq!((old.request().milli_cpu, old.request().memory), (1000, 10));
        let new = read(Version::V1_3_0);
        assert_eq!((new.request().milli_cpu, new.request().memory), (1000, 50));
        assert_eq!((new.taken().memory, new.non_zero().memory), (10, 10));
    }

    #[test]
    fn a_host_port_is_written_or_comes_from_the_host_network() {
        let ports = json!([{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081, "protocol": "UDP"}]);
        let read = |host_network: bool| {
            let spec = json!({"hostNetwork": host_network, "containers": [{"name": "c", "ports": ports}]});
            pod(spec, json!({}), Version::V1_2_4).unwrap().host_ports
        };
        assert_eq!(read(false), [8081]);
        assert_eq!(read(true), [80, 8081]);
        let wrong = json!({"containers": [{"ports": [{"hostPort": 70_000}]}]});
        let error = pod(wrong, json!({}), Version::V1_2_4).unwrap_err();
        assert_eq!(error.field(), Some("spec.containers[0].ports[0].hostPort"));
    }

    #[test]
    fn best_effort_is_nothing_above_0() {
        let of = |container: Value| pod(json!({"containers": [container]}), json!({}), Version::V1_3_0).unwrap();
        assert!(of(json!({"name": "c"})).best_effort());
        assert!(of(resources(json!({"cpu": "0"}), json!({"memory": "0"}))).best_effort());
        assert!(!of(resources(json!({}), json!({"memory": "1"}))).best_effort());
        assert!(!of(resources(json!({"example.com/dongle": "1"}), json!({}))).best_effort());
    }

    #[test]
    fn gpus_and_tolerations_are_of_v1_3_0() {
        let spec = json!({"containers": [resources(json!({NVIDIA_GPU: "1"}), json!({}))]});
        let annotations = json!({TOLERATIONS: "[{\"key\": \"a\"}]"});
        let read = |version| pod(spec.clone(), annotations.clone(), version).unwrap();
        assert_eq!((read(Version::V1_2_4).taken().gpus, read(Version::V1_2_4).tolerations.len()), (0, 0));
        assert_eq!((read(Version::V1_3_0).taken().gpus, read(Version::V1_3_0).tolerations.len()), (1, 1));
    }
}
