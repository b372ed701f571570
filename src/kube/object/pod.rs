//! Pod objects: read, defaulted as the API server does, and worked out once for all the plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::kube::object::affinity::{NodeAffinity, PodAffinity, SpreadConstraint};
use crate::kube::object::meta::{Meta, Owner};
use crate::kube::object::node::Toleration;
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::resources::{Container, Limits, PodResources, PodSize, ResourceList, Resources};
use crate::kube::object::selector::Labels;

/// A port that a pod takes on its node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostPort {
    /// Address; `0.0.0.0` is every address.
    pub ip: String,
    /// Protocol; TCP where none is written.
    pub protocol: String,
    /// Port.
    pub port: i32,
}

/// Requests in the forms that the plugins use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requests {
    /// What the filter and the node's Requested count.
    pub resources: Resources,
    /// CPU in thousandths that the node's NonZeroRequested counts.
    pub non_zero_milli_cpu: i64,
    /// Memory in bytes that the node's NonZeroRequested counts.
    pub non_zero_memory: i64,
    /// Exact requests by name (NodeResourcesBalancedAllocation).
    pub exact: ResourceList,
    /// Exact requests with stand-ins and without pod-level requests (NodeResourcesFit's score).
    pub score: ResourceList,
}

/// The amount of `name` in `list` as a scorer counts it: `calculatePodResourceRequest`.
pub fn amount(list: &ResourceList, name: &str) -> i64 {
    let quantity = list.get(name).copied().unwrap_or_default();
    if name == "cpu" { quantity.milli_value() } else { quantity.value() }
}

/// A pod, validated and defaulted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pod {
    /// `namespace/name`.
    pub key: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Its controller.
    pub owner: Option<Owner>,
    /// The node it is bound to.
    pub node_name: Option<String>,
    /// The scheduler it asks for.
    pub scheduler_name: String,
    /// Priority; resolved from `priorityClassName` by [`super::Objects`] where it is not written.
    pub priority: Option<i32>,
    /// Name of its PriorityClass.
    pub priority_class: Option<String>,
    /// Whether `preemptionPolicy` is Never; `None` where nothing is written.
    pub never_preempts: Option<bool>,
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: Option<i64>,
    /// When it started, in nanoseconds since 1970.
    pub start_time_ns: Option<i64>,
    /// `status.phase`.
    pub phase: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether its deletion is the scheduler's preemption (condition DisruptionTarget).
    pub preempted: bool,
    /// Whether it mirrors a static pod.
    pub mirror: bool,
    /// The node that preemption made room on.
    pub nominated_node: Option<String>,
    /// Names of its scheduling gates.
    pub gates: Vec<String>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// What it asks of its node.
    pub node_affinity: NodeAffinity,
    /// Pods it wants to be near.
    pub affinity: PodAffinity,
    /// Pods it wants to be away from.
    pub anti_affinity: PodAffinity,
    /// Its spread constraints.
    pub spread: Vec<SpreadConstraint>,
    /// Ports it takes on the node: of restartable init containers and containers.
    pub host_ports: Vec<HostPort>,
    /// Images of init containers, containers and image volumes, `:latest` added.
    pub images: Vec<String>,
    /// Number of init containers and containers.
    pub container_count: usize,
    /// Requests.
    pub requests: Requests,
    /// A number by which the caller knows the pod; nothing here reads it.
    pub tag: u32,
    /// Thousandths wanted of each of several GPU devices. Not of the API: for plugins that share devices out.
    pub gpus: Vec<u16>,
    /// The devices it got for them, once it is bound.
    pub devices: Vec<u16>,
    /// Limits of the pod as a whole.
    pub limits: Limits,
    /// The containers that run side by side, sidecars last, where there are several.
    pub side_by_side: Vec<Container>,
    /// Its containers in the kubelet's integers, which no plugin looks at.
    pub size: Arc<PodSize>,
    /// What its containers ask for as it is written, from which requests, limits and sizes above follow.
    pub written: Arc<PodResources>,
    /// `spec.restartPolicy`; `Always` where none is written.
    pub restart_policy: String,
    /// `spec.terminationGracePeriodSeconds`, if it is written.
    pub grace_seconds: Option<i64>,
    /// Annotations of this program's own, `plimsoll/…`.
    pub annotations: Labels,
    /// When the first of its containers that have ended began, and when the last of them ended, in nanoseconds since 1970.
    pub ran_ns: Option<(i64, i64)>,
}

impl Pod {
    /// The priority that counts: 0 where none is written.
    pub fn priority(&self) -> i32 {
        self.priority.unwrap_or(0)
    }

    /// Whether it has run to its end; the scheduler's cache does not hold it then.
    pub fn finished(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Reads a Pod object.
    pub fn read(at: &At<'_>, ignored: &mut Ignored) -> Result<Pod> {
        let mut fields = at.object()?;
        fields.skip(&["apiVersion", "kind"]);
        let meta = Meta::take(&mut fields)?;
        let spec = fields.need("spec")?;
        let status = fields.get("status");
        let reported = status.as_ref().map(Reported::read).transpose()?.unwrap_or_default();
        let mut pod = Pod::new(meta, spec, &reported, ignored)?;
        if let Some(status) = status {
            pod.read_status(&status)?;
        }
        fields.finish("Pod", ignored);
        Ok(pod)
    }

    /// A pod of `meta` with this spec.
    pub fn from_template(meta: Meta, spec: At<'_>, ignored: &mut Ignored) -> Result<Pod> {
        Pod::new(meta, spec, &Reported::default(), ignored)
    }

    fn new(meta: Meta, spec: At<'_>, reported: &Reported, ignored: &mut Ignored) -> Result<Pod> {
        let mut pod = Pod {
            key: meta.key(),
            namespace: meta.namespace,
            name: meta.name,
            labels: meta.labels,
            owner: meta.owner,
            deleting: meta.deleting,
            created_ns: meta.created_ns,
            mirror: meta.mirror,
            annotations: meta.annotations,
            ..Pod::default()
        };
        pod.read_spec(&spec, reported, ignored)?;
        Ok(pod)
    }

    fn read_spec(&mut self, at: &At<'_>, reported: &Reported, ignored: &mut Ignored) -> Result<()> {
        let mut spec = at.object()?;
        self.node_name = spec.text("nodeName")?.map(str::to_string);
        self.scheduler_name = spec.text("schedulerName")?.unwrap_or("default-scheduler").to_string();
        self.restart_policy = spec.text("restartPolicy")?.unwrap_or("Always").to_string();
        self.grace_seconds = spec.get("terminationGracePeriodSeconds").map(|g| g.integer()).transpose()?;
        self.priority = spec.get("priority").map(|p| p.int32()).transpose()?;
        self.priority_class = spec.text("priorityClassName")?.map(str::to_string);
        if let Some(policy) = spec.get("preemptionPolicy") {
            self.never_preempts = Some(never_preempts(&policy)?);
        }
        for gate in spec.get("schedulingGates").map(|g| g.list()).transpose()?.unwrap_or_default() {
            self.gates.push(gate.object()?.need("name")?.text()?.to_string());
        }
        for toleration in spec.get("tolerations").map(|t| t.list()).transpose()?.unwrap_or_default() {
            self.tolerations.push(Toleration::read(&toleration, ignored)?);
        }
        if let Some(affinity) = spec.get("affinity") {
            let mut affinity = affinity.object()?;
            if let Some(node) = affinity.get("nodeAffinity") {
                self.node_affinity = NodeAffinity::read(&node)?;
            }
            if let Some(pods) = affinity.get("podAffinity") {
                self.affinity = PodAffinity::read(&pods, &self.namespace, &self.labels, ignored)?;
            }
            if let Some(pods) = affinity.get("podAntiAffinity") {
                self.anti_affinity = PodAffinity::read(&pods, &self.namespace, &self.labels, ignored)?;
            }
            affinity.finish("Pod", ignored);
        }
        self.node_affinity.node_selector = spec.get("nodeSelector").map(|s| s.texts()).transpose()?;
        for constraint in spec.get("topologySpreadConstraints").map(|c| c.list()).transpose()?.unwrap_or_default() {
            self.spread.push(SpreadConstraint::read(&constraint, &self.labels, ignored)?);
        }
        let host_network = spec.get("hostNetwork").map(|h| h.boolean()).transpose()?.unwrap_or(false);
        let mut resources = PodResources { resize_infeasible: reported.resize_infeasible, ..PodResources::default() };
        for (field, init) in [("initContainers", true), ("containers", false)] {
            for container in spec.get(field).map(|c| c.list()).transpose()?.unwrap_or_default() {
                let name = container.value.get("name").and_then(|name| name.as_str()).unwrap_or_default();
                let reported = reported.containers.get(name).cloned();
                let container = self.read_container(&container, init, host_network, ignored)?;
                let container = Container { reported, ..container };
                let list = if init { &mut resources.init_containers } else { &mut resources.containers };
                list.push(container);
            }
        }
        if let Some(own) = spec.get("resources") {
            let mut own = own.object()?;
            let requests = own.get("requests").map(|r| r.resources()).transpose()?.unwrap_or_default();
            let limits = own.get("limits").map(|l| l.resources()).transpose()?.unwrap_or_default();
            own.finish("Pod", ignored);
            resources.pod_level = Some((requests, limits));
        }
        resources.overhead = spec.get("overhead").map(|o| o.resources()).transpose()?.unwrap_or_default();
        self.read_volumes(spec.get("volumes"), ignored)?;
        self.set_requests(resources);
        // Known, and without a say in where a pod goes.
        spec.skip(&[
            "dnsPolicy",
            "dnsConfig",
            "serviceAccount",
            "serviceAccountName",
            "automountServiceAccountToken",
            "securityContext",
            "imagePullSecrets",
            "enableServiceLinks",
            "activeDeadlineSeconds",
            "hostname",
            "subdomain",
            "hostAliases",
            "hostPID",
            "hostIPC",
            "hostUsers",
            "shareProcessNamespace",
            "readinessGates",
            "setHostnameAsFQDN",
            "ephemeralContainers",
            "os",
        ]);
        spec.finish("Pod", ignored);
        Ok(())
    }

    fn read_container(
        &mut self,
        at: &At<'_>,
        init: bool,
        host_network: bool,
        ignored: &mut Ignored,
    ) -> Result<Container> {
        let mut fields = at.object()?;
        let mut container = Container::default();
        if let Some(policy) = fields.get("restartPolicy") {
            container.restartable = init && policy.text()? == "Always";
        }
        if let Some(resources) = fields.get("resources") {
            let mut resources = resources.object()?;
            container.requests = resources.get("requests").map(|r| r.resources()).transpose()?.unwrap_or_default();
            container.limits = resources.get("limits").map(|l| l.resources()).transpose()?.unwrap_or_default();
            resources.finish("Pod", ignored);
        }
        for port in fields.get("ports").map(|p| p.list()).transpose()?.unwrap_or_default() {
            let mut port = port.object()?;
            let container_port = port.get("containerPort").map(|p| p.int32()).transpose()?.unwrap_or(0);
            let mut host_port = port.get("hostPort").map(|p| port_number(&p)).transpose()?.unwrap_or(0);
            // defaultHostNetworkPorts.
            if host_network && host_port == 0 {
                host_port = container_port;
            }
            let protocol = port.text("protocol")?.unwrap_or("TCP").to_string();
            let ip = port.text("hostIP")?.unwrap_or("0.0.0.0").to_string();
            if host_port > 0 && (!init || container.restartable) {
                self.host_ports.push(HostPort { ip, protocol, port: host_port });
            }
        }
        self.images.push(normalized_image(fields.text("image")?.unwrap_or_default()));
        self.container_count += 1;
        fields.skip(&[
            "name",
            "command",
            "args",
            "env",
            "envFrom",
            "workingDir",
            "imagePullPolicy",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
            "securityContext",
            "stdin",
            "stdinOnce",
            "tty",
            "terminationMessagePath",
            "terminationMessagePolicy",
            "volumeMounts",
            "volumeDevices",
            "resizePolicy",
        ]);
        fields.finish("Pod", ignored);
        Ok(container)
    }

    fn read_volumes(&mut self, at: Option<At<'_>>, ignored: &mut Ignored) -> Result<()> {
        for volume in at.map(|v| v.list()).transpose()?.unwrap_or_default() {
            let mut fields = volume.object()?;
            if let Some(image) = fields.get("image") {
                self.images.push(normalized_image(image.object()?.text("reference")?.unwrap_or_default()));
            }
            fields.skip(&["name", "emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath"]);
            fields.finish("Pod", ignored);
        }
        Ok(())
    }

    /// Works the requests and limits out from what the containers ask for.
    pub fn set_requests(&mut self, mut resources: PodResources) {
        self.written = Arc::new(resources.clone());
        resources.apply_defaults();
        self.limits = resources.limits();
        let sidecars = resources.init_containers.iter().filter(|c| c.restartable);
        self.side_by_side = resources.containers.iter().chain(sidecars).cloned().collect();
        if self.side_by_side.len() < 2 {
            self.side_by_side = Vec::new();
        }
        self.size = Arc::new(resources.size());
        let exact = resources.requests();
        let (non_zero_milli_cpu, non_zero_memory) = resources.non_zero(&exact);
        self.requests = Requests {
            resources: Resources::of(&exact),
            non_zero_milli_cpu,
            non_zero_memory,
            score: resources.score_requests(),
            exact,
        };
    }

    fn read_status(&mut self, at: &At<'_>) -> Result<()> {
        let mut status = at.object()?;
        self.phase = status.text("phase")?.unwrap_or_default().to_string();
        self.nominated_node = status.text("nominatedNodeName")?.map(str::to_string);
        if let Some(start) = status.get("startTime") {
            self.start_time_ns = Some(start.time_ns()?);
        }
        for container in status.get("containerStatuses").map(|c| c.list()).transpose()?.unwrap_or_default() {
            let Some(state) = container.object()?.get("state") else { continue };
            let Some(ended) = state.object()?.get("terminated") else { continue };
            let mut ended = ended.object()?;
            let mut time = |key| ended.get(key).map(|at| at.time_ns()).transpose();
            if let (Some(began), Some(over)) = (time("startedAt")?, time("finishedAt")?) {
                let (first, last) = self.ran_ns.unwrap_or((began, over));
                self.ran_ns = Some((first.min(began), last.max(over)));
            }
        }
        for condition in status.get("conditions").map(|c| c.list()).transpose()?.unwrap_or_default() {
            let mut fields = condition.object()?;
            if fields.text("type")? == Some("DisruptionTarget") {
                self.preempted =
                    fields.text("status")? == Some("True") && fields.text("reason")? == Some("PreemptionByScheduler");
            }
        }
        Ok(())
    }
}

/// What the kubelet says of a pod's containers.
#[derive(Default)]
struct Reported {
    /// By container: requests in force and allocated.
    containers: BTreeMap<String, (ResourceList, ResourceList)>,
    resize_infeasible: bool,
}

impl Reported {
    fn read(at: &At<'_>) -> Result<Self> {
        let mut status = at.object()?;
        let mut reported = Reported::default();
        for field in ["containerStatuses", "initContainerStatuses"] {
            for item in status.get(field).map(|s| s.list()).transpose()?.unwrap_or_default() {
                let mut fields = item.object()?;
                let Some(resources) = fields.get("resources") else { continue };
                let actuated = resources.object()?.get("requests").map(|r| r.resources()).transpose()?;
                let allocated = fields.get("allocatedResources").map(|r| r.resources()).transpose()?;
                let both = (actuated.unwrap_or_default(), allocated.unwrap_or_default());
                reported.containers.insert(fields.text("name")?.unwrap_or_default().to_string(), both);
            }
        }
        for condition in status.get("conditions").map(|c| c.list()).transpose()?.unwrap_or_default() {
            let mut fields = condition.object()?;
            if fields.text("type")? == Some("PodResizePending") {
                reported.resize_infeasible = fields.text("reason")? == Some("Infeasible");
                break;
            }
        }
        Ok(reported)
    }
}

/// `normalizedImageName` (`imagelocality/image_locality.go` v1.36.3).
fn normalized_image(name: &str) -> String {
    let colon = name.rfind(':').map_or(-1, |i| i as i64);
    let slash = name.rfind('/').map_or(-1, |i| i as i64);
    if colon <= slash { format!("{name}:latest") } else { name.to_string() }
}

/// RFC 3339 (`2025-12-30T20:13:20Z`, fractions and offsets too) as nanoseconds since 1970.
pub fn parse_time_ns(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !text.is_ascii() || bytes[4] != b'-' || bytes[7] != b'-' || !matches!(bytes[10], b'T' | b't')
    {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanos = 0i64;
    if let Some(tail) = rest.strip_prefix('.') {
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let shown: String = tail[..digits.min(9)].chars().chain("000000000".chars()).take(9).collect();
        nanos = shown.parse().ok()?;
        rest = &tail[digits..];
    }
    let offset_s = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60)
        }
    };
    // Days since 1970 by Howard Hinnant's civil calendar.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// The pods of a list by key.
pub type Pods = BTreeMap<String, std::sync::Arc<Pod>>;

/// Whether a `preemptionPolicy` says so.
pub(super) fn never_preempts(at: &At<'_>) -> Result<bool> {
    match at.text()? {
        "Never" => Ok(true),
        "PreemptLowerPriority" | "" => Ok(false),
        other => Err(at.error(crate::error::unknown_name("policy", other, &["PreemptLowerPriority", "Never"]))),
    }
}

/// A port on the host; 0 is none.
fn port_number(at: &At<'_>) -> Result<i32> {
    match at.int32()? {
        port @ 0..=65_535 => Ok(port),
        other => Err(at.error(format!("{other} is not within 0…65535"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_the_api_writes_them() {
        assert_eq!(parse_time_ns("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time_ns("2025-12-30T20:13:20Z"), Some(1_767_125_600_000_000_000));
        assert_eq!(parse_time_ns("1970-01-01T01:00:00.5+01:00"), Some(500_000_000));
        for text in ["", "2025-12-30", "2025-13-30T20:13:20Z", "2025-12-30T20:13:20", "2025-12-3OT20:13:20Z"] {
            assert_eq!(parse_time_ns(text), None, "{text}");
        }
    }

    #[test]
    fn an_image_without_a_tag_is_latest_even_behind_a_registry_port() {
        assert_eq!(normalized_image("r:5000/app"), "r:5000/app:latest");
        assert_eq!(normalized_image("r:5000/app:1"), "r:5000/app:1");
        assert_eq!(normalized_image("app@sha256:11"), "app@sha256:11");
    }
}
