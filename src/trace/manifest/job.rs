//! The pods of a group as jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::annotation::DURATION;
use super::group::{Group, Key, key_of};
use super::host::node_of;
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::kube::object::node::{Effect, Toleration, TolerationOperator};
use crate::kube::object::other::ControllerKind;
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::{NodeTerm, Operator};
use crate::units::{Bytes, MilliCpu, SimTime};
use crate::workload::{Job, JobKind, RestartPolicy, Spec, WorkloadBuilder};

/// The label by which a node is told from all others.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// How many jobs there may be, and usage steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Jobs in all.
    pub jobs: u64,
    /// Usage steps that are left.
    pub steps: u64,
    /// Usage steps that there were, for errors.
    pub all_steps: u64,
}

/// Makes jobs of groups.
pub(crate) struct Maker<'a> {
    names: BTreeMap<Key, String>,
    hosts: &'a mut [HostSpec],
    room: Room,
    builder: &'a mut WorkloadBuilder,
    /// Pods of DaemonSets, and how many DaemonSets.
    daemons: (u64, u64),
    /// Jobs that ask for more than the plain fields of a job can say.
    unseen: u64,
    gated: u64,
    other_scheduler: u64,
}

impl<'a> Maker<'a> {
    /// A maker for `groups`, all that there will be.
    pub fn new(groups: &[Group], hosts: &'a mut [HostSpec], room: Room, builder: &'a mut WorkloadBuilder) -> Self {
        let alone = groups.iter().filter(|group| group.maker.is_none()).map(|group| key_of(&group.pod));
        let keys: BTreeSet<Key> = groups.iter().map(|group| group.app.clone()).chain(alone).collect();
        Maker { names: names(&keys), hosts, room, builder, daemons: (0, 0), unseen: 0, gated: 0, other_scheduler: 0 }
    }

    /// Adds the jobs of `group`.
    pub fn add(&mut self, group: &Group) -> Result<()> {
        if group.batch && group.replay.duration.is_none() {
            let what = format!("{DURATION} is missing; a batch job needs the length of its work (try {DURATION}: 5m)");
            return Err(Error::input(what).in_field(format!("{}.annotations", group.path)));
        }
        if group.maker == Some(ControllerKind::DaemonSet) {
            return self.add_daemons(group);
        }
        self.take_budget(group, group.count)?;
        let (app, template) = (self.names[&group.app].clone(), self.builder.template(Arc::new(group.pod.clone())));
        let (arrival, every) = (group.replay.arrival.unwrap_or_default(), group.replay.every.unwrap_or_default());
        let plain = job(group, &app, template);
        for index in 0..group.count {
            let name = match group.maker {
                Some(_) => format!("{app}-{index}"),
                None => self.names[&key_of(&group.pod)].clone(),
            };
            let first = index.checked_sub(group.at_once).map(|first| format!("{app}-{first}"));
            let arrival = SimTime(arrival.0.saturating_add(every.0.saturating_mul(index)));
            let job = Job { name, arrival, after: first.into_iter().collect(), ..plain.clone() };
            self.push(group, job)?;
        }
        Ok(())
    }

    /// One job for each host that lets the DaemonSet's pod in: `NodeShouldRunDaemonPod` (`pkg/controller/daemon`).
    fn add_daemons(&mut self, group: &Group) -> Result<()> {
        let mut pod = group.pod.clone();
        pod.tolerations.extend(daemon_tolerations());
        let chosen: Vec<usize> = (0..self.hosts.len()).filter(|&host| admits(&self.hosts[host], &pod)).collect();
        self.take_budget(group, chosen.len() as u64)?;
        self.daemons = (self.daemons.0 + chosen.len() as u64, self.daemons.1 + 1);
        let app = self.names[&group.app].clone();
        let every = group.replay.every.unwrap_or_default();
        for (index, host) in chosen.into_iter().enumerate() {
            let host = &mut self.hosts[host];
            let (own, hostname) = tied(&pod, &format!("{app}-{}", host.name), host);
            // It comes with its host, and goes with it.
            let arrival = SimTime(group.replay.arrival.unwrap_or_default().0).max(host.joins);
            let arrival = SimTime(arrival.0.saturating_add(every.0.saturating_mul(index as u64)));
            let leaves = host.leaves.filter(|&leaves| leaves > arrival).map(|leaves| leaves.since(arrival));
            let name = own.name.clone();
            let template = self.builder.template(Arc::new(own));
            let mut job = Job { name, arrival, ..job(group, &app, template) };
            job.duration = job.duration.into_iter().chain(leaves).min();
            to_host(&mut job.spec, &hostname, &pod);
            self.push(group, job)?;
        }
        Ok(())
    }

    fn push(&mut self, group: &Group, job: Job) -> Result<()> {
        self.unseen += u64::from(asks_for_more(&group.pod));
        self.gated += u64::from(!group.pod.gates.is_empty());
        self.other_scheduler += u64::from(group.pod.scheduler_name != "default-scheduler");
        self.builder.push(job)
    }

    fn take_budget(&mut self, group: &Group, count: u64) -> Result<()> {
        let jobs = (self.builder.len() as u64).saturating_add(count);
        if jobs > self.room.jobs {
            return Err(Error::budget("jobs", jobs, self.room.jobs, "--max-jobs"));
        }
        let steps = (group.replay.usage.len() as u64).saturating_mul(count);
        self.room.steps = self
            .room
            .steps
            .checked_sub(steps)
            .ok_or_else(|| Error::budget("usage steps", steps, self.room.all_steps, "--max-usage-steps"))?;
        Ok(())
    }

    /// What is to be said of the jobs.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (jobs, sets @ 1..) = self.daemons {
            notes.push(format!(
                "manifests: {sets} DaemonSets have one pod for each host that their selectors and tolerations let in: {jobs}"
            ));
        }
        if self.unseen > 0 {
            notes.push(format!(
                "manifests: {} jobs ask for more than labels (affinity, spread constraints); only kube-… placements see that",
                self.unseen
            ));
        }
        if self.gated > 0 {
            notes.push(format!(
                "manifests: {} jobs have scheduling gates, which nothing lifts here; kubernetes leaves them waiting",
                self.gated
            ));
        }
        if self.other_scheduler > 0 {
            notes.push(format!(
                "manifests: {} jobs name a schedulerName of their own; here each run places all jobs by its one scheduler",
                self.other_scheduler
            ));
        }
        notes
    }
}

/// The pod of this name that belongs to `host` alone, and the label by which the host is told from others, which it gets
/// unless it has one: every kubelet sets it.
pub(crate) fn tied(pod: &Pod, name: &str, host: &mut HostSpec) -> (Pod, String) {
    let hostname = host.labels.entry(HOSTNAME.into()).or_insert_with(|| host.name.clone()).clone();
    let mut own = pod.clone();
    own.name = name.into();
    own.key = format!("{}/{}", own.namespace, own.name);
    own.node_affinity.required = Some(vec![NodeTerm::named(&host.name)]);
    (own, hostname)
}

/// Makes a job of `pod`, tied to the host of that label, one for that host alone.
pub(crate) fn to_host(spec: &mut Spec, hostname: &str, pod: &Pod) {
    spec.node_selector.push((HOSTNAME.into(), hostname.into()));
    spec.node_selector.sort();
    spec.node_selector.dedup();
    spec.tolerations = tolerations(pod);
}

/// What all jobs of a group share.
pub(crate) fn job(group: &Group, app: &str, template: u32) -> Job {
    let (pod, requests) = (&group.pod, &group.pod.requests.resources);
    let restart = match (group.maker, pod.restart_policy.as_str()) {
        // A Job replaces a pod that failed, whatever the pod does itself.
        (Some(_), _) if group.batch => RestartPolicy::OnFailure,
        (None, "Never") => RestartPolicy::Never,
        (None, "OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    };
    let mut ports: Vec<u16> = pod.host_ports.iter().filter_map(|port| u16::try_from(port.port).ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    let spec = Spec {
        kind: if group.batch { JobKind::Batch } else { JobKind::Service },
        restart,
        controller: group.controller,
        priority: pod.priority(),
        namespace: pod.namespace.clone(),
        ephemeral: Bytes(requests.ephemeral_storage),
        ephemeral_limit: pod.limits.ephemeral.map(Bytes),
        ephemeral_used: group.replay.ephemeral,
        processes: group.replay.processes,
        node_selector: node_selector(pod),
        tolerations: tolerations(pod),
        ports,
        template: Some(template),
        ..Spec::default()
    };
    Job {
        name: String::new(),
        app: app.into(),
        arrival: SimTime::ZERO,
        duration: group.replay.duration,
        cpu_request: MilliCpu(requests.milli_cpu),
        memory_request: Bytes(requests.memory),
        cpu_limit: pod.limits.milli_cpu.map(MilliCpu),
        memory_limit: pod.limits.memory.map(Bytes),
        spec,
        extended: requests.scalar.clone(),
        usage: group.replay.usage.clone(),
        after: Vec::new(),
    }
}

/// Labels that a host must have: the selector, and what a single required term says with one value a key.
fn node_selector(pod: &Pod) -> Vec<(String, String)> {
    let written = pod.node_affinity.node_selector.iter().flatten().map(|(k, v)| (k.clone(), v.clone()));
    let mut all: Vec<(String, String)> = written.collect();
    if let Some([term]) = pod.node_affinity.required.as_deref() {
        all.extend(term.expressions.iter().filter_map(|requirement| match &requirement.operator {
            Operator::In(values) if values.len() == 1 => Some((requirement.key.clone(), values[0].clone())),
            _ => None,
        }));
    }
    all.sort();
    all.dedup();
    all
}

/// Whether the pod says something about its place that [`node_selector`] does not.
pub(crate) fn asks_for_more(pod: &Pod) -> bool {
    let one_value = |term: &NodeTerm| {
        term.names.is_empty()
            && term.expressions.iter().all(|r| matches!(&r.operator, Operator::In(values) if values.len() == 1))
    };
    let required = match pod.node_affinity.required.as_deref() {
        None => false,
        Some([term]) => !one_value(term),
        Some(_) => true,
    };
    required
        || pod.node_affinity.preferred.is_some()
        || !pod.affinity.is_empty()
        || !pod.anti_affinity.is_empty()
        || !pod.spread.is_empty()
}

/// Tolerations as [`crate::cluster::Cluster::tolerated`] reads them.
fn tolerations(pod: &Pod) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for toleration in &pod.tolerations {
        let body = match (toleration.operator, toleration.key.as_str()) {
            // Behind a feature gate that is off: it tolerates nothing.
            (TolerationOperator::Comparison, _) => continue,
            (TolerationOperator::Exists, "") => "*".to_string(),
            (TolerationOperator::Exists, key) => key.to_string(),
            (TolerationOperator::Equal, key) => format!("{key}={}", toleration.value),
        };
        all.push(match toleration.effect {
            None => body,
            Some(Effect::NoSchedule) => format!("{body}:NoSchedule"),
            Some(Effect::PreferNoSchedule) => format!("{body}:PreferNoSchedule"),
            Some(Effect::NoExecute) => format!("{body}:NoExecute"),
        });
    }
    all.sort();
    all.dedup();
    all
}

/// What the DaemonSet controller lets its pods put up with: `AddOrUpdateDaemonPodTolerations` (v1.36.3).
pub(crate) fn daemon_tolerations() -> impl Iterator<Item = Toleration> {
    [
        ("not-ready", Effect::NoExecute),
        ("unreachable", Effect::NoExecute),
        ("disk-pressure", Effect::NoSchedule),
        ("memory-pressure", Effect::NoSchedule),
        ("pid-pressure", Effect::NoSchedule),
        ("unschedulable", Effect::NoSchedule),
    ]
    .into_iter()
    .map(|(name, effect)| Toleration {
        key: format!("node.kubernetes.io/{name}"),
        operator: TolerationOperator::Exists,
        value: String::new(),
        effect: Some(effect),
        seconds: None,
    })
}

/// Whether a DaemonSet's pod belongs on `host`.
pub(crate) fn admits(host: &HostSpec, pod: &Pod) -> bool {
    let node = node_of(host);
    let tolerated = |taint| pod.tolerations.iter().any(|toleration: &Toleration| toleration.tolerates(taint));
    pod.node_affinity.matches(&node)
        && node.taints.iter().all(|taint| taint.effect == Effect::PreferNoSchedule || tolerated(taint))
}

/// A name for every key: the object's, with its namespace before it unless that is `default`, and its kind, as far as it
/// takes to tell all apart.
pub(crate) fn names(keys: &BTreeSet<Key>) -> BTreeMap<Key, String> {
    let plain = |(_, _, name): &Key| name.clone();
    let spaced = |(_, namespace, name): &Key| {
        if namespace == "default" { name.clone() } else { format!("{namespace}/{name}") }
    };
    let count = |of: &dyn Fn(&Key) -> String| {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        keys.iter().for_each(|key| *counts.entry(of(key)).or_default() += 1);
        counts
    };
    let (by_plain, by_spaced) = (count(&plain), count(&spaced));
    let name = |key: &Key| {
        if by_plain[&plain(key)] == 1 {
            plain(key)
        } else if by_spaced[&spaced(key)] == 1 {
            spaced(key)
        } else {
            let (kind, namespace, name) = key;
            let spaced = if namespace == "default" { String::new() } else { format!("{namespace}/") };
            format!("{spaced}{}/{name}", kind.to_lowercase())
        }
    };
    keys.iter().map(|key| (key.clone(), name(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_as_little_as_tells_them_apart() {
        let key = |kind: &str, namespace: &str, name: &str| (kind.into(), namespace.into(), name.into());
        let keys = BTreeSet::from([
            key("Deployment", "default", "web"),
            key("Deployment", "shop", "web"),
            key("Deployment", "shop", "db"),
            key("StatefulSet", "shop", "cache"),
            key("Deployment", "shop", "cache"),
        ]);
        let named: Vec<String> = names(&keys).into_values().collect();
        assert_eq!(named, ["web", "shop/deployment/cache", "db", "shop/web", "shop/statefulset/cache"]);
    }
}
