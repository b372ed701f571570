//! Pods of a dump as jobs, and the pods that what makes them still lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::manifest::group::{Bound, Group, Key, Makers, key_of};
use super::super::manifest::{group, job, label, labelled};
use super::super::{Import, Place};
use super::dump::Dump;
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::kube::object::meta::Owner;
use crate::kube::object::other::{Controller, ControllerKind};
use crate::kube::object::pod::Pod;
use crate::kube::object::read::Ignored;
use crate::units::{SimDuration, SimTime};
use crate::workload::{Controller as Replacer, Job, JobKind};

/// The namespace of what keeps a cluster running.
const SYSTEM: &str = "kube-system";
/// The label by which a Deployment tells its ReplicaSets apart.
const HASH_LABEL: &str = "pod-template-hash";
/// How long a run goes on behind the last arrival where services have no end: one hour, *assumed*.
const TAIL: SimDuration = SimDuration(3_600_000_000);
/// How many of an app's templates a pod is compared with: its own are next to it, and there are few.
const TEMPLATES_NEAR: usize = 8;

/// What is counted for the report.
#[derive(Debug, Default)]
struct Counts {
    bound: u64,
    pending: u64,
    elsewhere: u64,
    tied: u64,
    missing: u64,
    held: u64,
    jobs_as_they_are: u64,
    cron: u64,
    idle: u64,
    without_containers: u64,
    no_request: u64,
    gated: u64,
    other_scheduler: u64,
    unseen: u64,
    open: u64,
    timed: u64,
    by_others: u64,
    undated: u64,
    raised: u64,
    services: u64,
    steps: u64,
    last_us: u64,
}

/// Makes jobs of what a dump holds.
pub(super) struct Jobs<'a, 'b> {
    dump: &'a Dump,
    hosts: &'a mut Vec<HostSpec>,
    import: &'a mut Import<'b>,
    owners: Owners<'a>,
    /// By pod: its app.
    apps: Vec<Key>,
    /// Places of hosts by name.
    places: BTreeMap<String, usize>,
    /// By Deployment: the ReplicaSet of a pod that is there.
    sets: BTreeMap<Key, String>,
    /// Names of apps and of pods, each as short as tells them apart.
    names: BTreeMap<Key, String>,
    pod_names: BTreeMap<Key, String>,
    /// Names of jobs that are taken.
    taken: BTreeSet<String>,
    /// By app: templates met, for pods that differ in nothing that decides.
    templates: BTreeMap<Key, Vec<(Arc<Pod>, u32)>>,
    /// Live pods by what makes them, and of DaemonSets the hosts that have one.
    live: BTreeMap<Key, u64>,
    covered: BTreeSet<(Key, String)>,
    /// Makers that have pods in the dump, live or not.
    seen: BTreeSet<Key>,
    /// Median lengths of the work of pods that are through, by Job and by CronJob.
    lengths: BTreeMap<Key, SimDuration>,
    /// When the first pod was created, in nanoseconds since 1970, and the last, where pods arrive as created.
    created: Option<(i64, i64)>,
    said: Counts,
}

impl<'a, 'b> Jobs<'a, 'b> {
    /// Nothing yet; `hosts` get the labels that pods are tied by.
    pub fn of(dump: &'a Dump, hosts: &'a mut Vec<HostSpec>, import: &'a mut Import<'b>) -> Result<Self> {
        let objects = &dump.objects;
        let owners = Owners(objects.controllers.iter().map(|c| (controller_key(c), c)).collect());
        let apps: Vec<Key> = objects.pods.iter().map(|pod| owners.app_of(pod)).collect();
        let made = owners.0.keys().cloned();
        let app_keys: BTreeSet<Key> = apps.iter().cloned().chain(made).collect();
        let pod_keys: BTreeSet<Key> = objects.pods.iter().map(key_of).collect();
        let mut sets: BTreeMap<Key, String> = BTreeMap::new();
        for (pod, app) in objects.pods.iter().zip(&apps).filter(|(pod, _)| !pod.finished()) {
            if let (Some(owner), "Deployment") = (&pod.owner, app.0.as_str()) {
                sets.entry(app.clone()).or_insert_with(|| owner.name.clone());
            }
        }
        let mut jobs = Jobs {
            dump,
            places: hosts.iter().enumerate().map(|(i, host)| (host.name.clone(), i)).collect(),
            hosts,
            names: job::names(&app_keys),
            pod_names: job::names(&pod_keys),
            taken: BTreeSet::new(),
            templates: BTreeMap::new(),
            live: BTreeMap::new(),
            covered: BTreeSet::new(),
            seen: BTreeSet::new(),
            lengths: lengths(&objects.pods, &owners),
            owners,
            apps,
            sets,
            created: None,
            said: Counts::default(),
            import,
        };
        if jobs.import.option("arrival") == "created" {
            let live = objects.pods.iter().filter(|pod| jobs.left_out(pod).is_none());
            let times: Vec<i64> = live.filter_map(|pod| pod.created_ns).collect();
            jobs.created = times.iter().min().copied().zip(times.iter().max().copied());
        }
        Ok(jobs)
    }

    /// Why a pod is no job.
    fn left_out(&self, pod: &Pod) -> Option<&'static str> {
        let drops = |option: &str| self.import.option(option) == "drop";
        if pod.finished() {
            Some("has run to its end (Succeeded or Failed)")
        } else if pod.deleting {
            Some("is being deleted")
        } else if drops("system") && pod.namespace == SYSTEM {
            Some("is of the namespace kube-system (system=drop)")
        } else if drops("daemonsets") && is_tied(pod) {
            Some("is tied to its node (daemonsets=drop)")
        } else {
            None
        }
    }

    /// Adds the pods that are there.
    pub fn add_pods(&mut self) -> Result<()> {
        for (i, pod) in self.dump.objects.pods.iter().enumerate() {
            let app = self.apps[i].clone();
            self.seen.insert(app.clone());
            let done = match self.left_out(pod) {
                Some(reason) => self.leave_out(reason, 1),
                None => self.add_pod(pod, app),
            };
            let of = |why: Error| labelled(why, &label("Pod", &pod.namespace, &pod.name));
            done.map_err(|why| self.dump.place(of(why)))?;
        }
        Ok(())
    }

    /// Counts pods that are no jobs. Where that is an error, its object and place are added where this was called.
    fn leave_out(&mut self, reason: &str, pods: u64) -> Result<()> {
        self.import.drop_rows(&Place::default(), reason, pods).map_err(without_place)
    }

    fn add_pod(&mut self, pod: &Pod, app: Key) -> Result<()> {
        let mut free = pod.clone();
        let bound = free.node_name.take();
        let home = home_of(pod, bound.as_deref());
        let mut group = group::of_pod(&free)?;
        group.app = app.clone();
        *self.live.entry(app.clone()).or_default() += 1;
        let owner = self.owners.owner_of(pod);
        if pod.owner.as_ref().is_some_and(|owner| owner.kind == "Job") {
            group.maker = Some(ControllerKind::Job);
            group.controller = match owner {
                Some(job) => group::replacer(job, &pod.restart_policy),
                None => Replacer::Job {
                    backoff_limit: Replacer::BACKOFF_LIMIT,
                    replacement: Default::default(),
                    in_place: pod.restart_policy == "OnFailure",
                },
            };
            if !self.give_length(&mut group) {
                return self.leave_out("is of a Job, and nothing tells how long it works (open=drop)", 1);
            }
        }
        let index = home.and_then(|home| self.places.get(home).copied());
        if home.is_some() && index.is_none() {
            if is_tied(pod) {
                return self.leave_out("is tied to a node that is not among the hosts", 1);
            }
            self.said.elsewhere += 1;
        }
        match bound {
            Some(_) => self.said.bound += 1,
            None => self.said.pending += 1,
        }
        let name = self.pod_names[&key_of(pod)].clone();
        let arrival = group.replay.arrival.map_or_else(|| self.arrival(pod.created_ns), |at| SimTime(at.0));
        if let (true, Some(index)) = (is_tied(pod), index) {
            self.covered.insert((app, self.hosts[index].name.clone()));
            if pod.mirror {
                group.controller = Replacer::DaemonSet;
            }
            self.add_tied(&group, &name, index, arrival)?;
        } else {
            let template = self.template(&group.app, &group.pod);
            let mut job = job::job(&group, &self.names[&group.app], template);
            (job.name, job.arrival) = (name, arrival);
            self.push(&group, job)?;
        }
        self.import.used(1);
        Ok(())
    }

    /// Adds the pods that objects lack of those they want; `listed` gets the ReplicaSets that own them.
    pub fn add_missing(&mut self, listed: &mut Vec<Controller>) -> Result<()> {
        let objects = &self.dump.objects;
        let makers: Makers<'_> = objects
            .controllers
            .iter()
            .map(|c| (c.kind.name(), c.meta.namespace.as_str(), c.meta.name.as_str()))
            .collect();
        for controller in &objects.controllers {
            let (kind, namespace) = (controller.kind, controller.meta.namespace.as_str());
            if group::of_deployment(controller, &makers)
                || (namespace == SYSTEM && self.import.option("system") == "drop")
                || (kind == ControllerKind::DaemonSet && self.import.option("daemonsets") == "drop")
            {
                continue;
            }
            let of = |why: Error| labelled(why, &group::label_of(controller));
            self.add_of(controller, listed).map_err(|why| self.dump.place(of(why)))?;
        }
        self.list_replica_sets(listed);
        Ok(())
    }

    fn add_of(&mut self, controller: &Controller, listed: &mut Vec<Controller>) -> Result<()> {
        let (kind, key) = (controller.kind, controller_key(controller));
        let path = group::template_path(kind);
        if !controller.has_containers() {
            self.said.without_containers += 1;
            return Ok(());
        }
        let found = group::of_controller(controller, path, Bound::Freed, &mut Ignored::default())?;
        let Some(mut group) = found else {
            self.said.idle += 1;
            return Ok(());
        };
        if kind == ControllerKind::CronJob && group.replay.arrival.is_none() {
            self.said.cron += 1;
            return Ok(());
        }
        if kind == ControllerKind::Job && self.seen.contains(&key) {
            self.said.jobs_as_they_are += 1;
            return Ok(());
        }
        group::resolve_priorities(std::slice::from_mut(&mut group), &self.dump.objects)?;
        if kind == ControllerKind::Deployment {
            let name = match self.sets.get(&key) {
                Some(name) => name.clone(),
                None => group::replica_set(&key, &self.dump.objects.controllers, listed),
            };
            group.pod.owner = Some(Owner { api_version: "apps/v1".into(), kind: "ReplicaSet".into(), name });
        }
        if group.batch && !self.give_length(&mut group) {
            let count = if kind == ControllerKind::DaemonSet { 1 } else { group.count };
            self.import.report.rows_read += count;
            let reason = "is to be made for a Job, and nothing tells how long it works (open=drop)";
            return self.leave_out(reason, count);
        }
        let first = group.replay.arrival.map_or_else(|| self.arrival(None), |at| SimTime(at.0));
        let every = group.replay.every.unwrap_or_default();
        let at = |index: u64| SimTime(first.0.saturating_add(every.0.saturating_mul(index)));
        let app = self.names[&key].clone();
        if kind == ControllerKind::DaemonSet {
            group.pod.tolerations.extend(job::daemon_tolerations());
            let chosen: Vec<usize> = (0..self.hosts.len())
                .filter(|&i| job::admits(&self.hosts[i], &group.pod))
                .filter(|&i| !self.covered.contains(&(key.clone(), self.hosts[i].name.clone())))
                .collect();
            for (index, host) in chosen.into_iter().enumerate() {
                let name = self.free_name(&format!("{app}-{}", self.hosts[host].name));
                self.said.missing += 1;
                self.add_tied(&group, &name, host, at(index as u64))?;
            }
            return Ok(());
        }
        let live = self.live.get(&key).copied().unwrap_or(0);
        self.said.held += u64::from(live > 0);
        let wanted = group.count.saturating_sub(live);
        if wanted == 0 {
            return Ok(());
        }
        let there = self.import.builder().len() as u64;
        self.import.job_fits(there.saturating_add(wanted - 1))?;
        let template = self.template(&key, &group.pod);
        let plain = job::job(&group, &app, template);
        let mut made: Vec<String> = Vec::new();
        let mut number = 0u64;
        for index in 0..wanted {
            let name = loop {
                let name = format!("{app}-{number}");
                number += 1;
                if !self.taken.contains(&name) {
                    break name;
                }
            };
            let before = usize::try_from(index).ok().zip(usize::try_from(group.at_once).ok());
            let before = before.and_then(|(index, at_once)| made.get(index.checked_sub(at_once)?).cloned());
            if group.count > group.at_once {
                made.push(name.clone());
            }
            let job = Job { name, arrival: at(index), after: before.into_iter().collect(), ..plain.clone() };
            self.said.missing += 1;
            self.push(&group, job)?;
        }
        Ok(())
    }

    /// Gives work its length: what its annotation says, or what others of its Job or CronJob took that are through. Else
    /// it runs on as a service; `false`: it is to be left out.
    fn give_length(&mut self, group: &mut Group) -> bool {
        group.batch = true;
        if group.replay.duration.is_some() {
            self.said.timed += group.count;
            return true;
        }
        let cron = self.owners.0.get(&group.app);
        let cron = cron.and_then(|job| job.meta.owner.as_ref()).filter(|owner| owner.kind == "CronJob");
        let cron = cron.map(|owner| ("CronJob".to_string(), group.app.1.clone(), owner.name.clone()));
        let known = [Some(group.app.clone()), cron].into_iter().flatten().find_map(|key| self.lengths.get(&key));
        if let Some(length) = known {
            group.replay.duration = Some(*length);
            self.said.by_others += group.count;
            return true;
        }
        if self.import.option("open") == "drop" {
            return false;
        }
        group.batch = false;
        group.controller = Replacer::Unset;
        self.said.open += group.count;
        true
    }

    /// When a pod arrives that was created then; one that is missing arrives with the last.
    fn arrival(&mut self, created_ns: Option<i64>) -> SimTime {
        let Some((first, last)) = self.created else { return SimTime::ZERO };
        let at = match created_ns {
            Some(at) => at,
            None => {
                self.said.undated += 1;
                last
            }
        };
        SimTime((at.saturating_sub(first).max(0) as u64).div_euclid(1_000))
    }

    /// Adds the job of a pod that belongs to host number `host` alone.
    fn add_tied(&mut self, group: &Group, name: &str, host: usize, arrival: SimTime) -> Result<()> {
        self.said.tied += 1;
        let host = &mut self.hosts[host];
        let mut pod = group.pod.clone();
        for toleration in job::daemon_tolerations() {
            if !pod.tolerations.contains(&toleration) {
                pod.tolerations.push(toleration);
            }
        }
        let (own, hostname) = job::tied(&pod, name, host);
        // It comes with its host, and goes with it.
        let arrival = arrival.max(host.joins);
        let leaves = host.leaves.filter(|&leaves| leaves > arrival).map(|leaves| leaves.since(arrival));
        let template = self.import.builder().template(Arc::new(bare(&own, &own.name.clone())));
        let mut job = job::job(group, &self.names[&group.app], template);
        (job.name, job.arrival) = (name.into(), arrival);
        job.duration = job.duration.into_iter().chain(leaves).min();
        job::to_host(&mut job.spec, &hostname, &pod);
        self.push(group, job)
    }

    /// The number of a template like `pod`: one that the app has already, or a new one.
    fn template(&mut self, app: &Key, pod: &Pod) -> u32 {
        let wanted = bare(pod, &app.2);
        let known = self.templates.entry(app.clone()).or_default();
        if let Some((_, number)) = known.iter().rev().take(TEMPLATES_NEAR).find(|(other, _)| **other == wanted) {
            return *number;
        }
        let wanted = Arc::new(wanted);
        let number = self.import.builder().template(Arc::clone(&wanted));
        known.push((wanted, number));
        number
    }

    fn push(&mut self, group: &Group, mut job: Job) -> Result<()> {
        let pod = &group.pod;
        let said = &mut self.said;
        said.no_request += u64::from(job.cpu_request.0 == 0 && job.memory_request.0 == 0);
        said.gated += u64::from(!pod.gates.is_empty());
        said.other_scheduler += u64::from(pod.scheduler_name != "default-scheduler");
        said.unseen += u64::from(job::asks_for_more(pod));
        said.services += u64::from(job.spec.kind == JobKind::Service && job.duration.is_none());
        said.last_us = said.last_us.max(job.arrival.0);
        said.steps = said.steps.saturating_add(job.usage.len() as u64);
        if said.steps > self.import.budgets.max_usage_steps {
            let most = self.import.budgets.max_usage_steps;
            return Err(Error::budget("usage steps", said.steps, most, "--max-usage-steps"));
        }
        // While a resize is under way more may be in force than the limits that are written.
        let resized = pod.written.containers.iter().chain(&pod.written.init_containers).any(|c| c.reported.is_some());
        if resized {
            let (cpu, memory) = (job.cpu_request, job.memory_request);
            let low = job.cpu_limit.is_some_and(|l| l < cpu) || job.memory_limit.is_some_and(|l| l < memory);
            said.raised += u64::from(low);
            job.cpu_limit = job.cpu_limit.map(|limit| limit.max(cpu));
            job.memory_limit = job.memory_limit.map(|limit| limit.max(memory));
        }
        self.taken.insert(job.name.clone());
        self.import.job_from(&Place::default(), job).map_err(without_place)
    }

    /// `name`, or with a number behind it that makes it new.
    fn free_name(&self, name: &str) -> String {
        let others = (2u64..).map(|n| format!("{name}-{n}"));
        let all = std::iter::once(name.to_string()).chain(others);
        all.into_iter().find(|name| !self.taken.contains(name)).expect("numbers do not end")
    }

    /// Lists the ReplicaSets that own pods and are not in the dump, where their Deployments are: the default spread
    /// constraints go by the owner's selector.
    fn list_replica_sets(&mut self, listed: &mut Vec<Controller>) {
        let mut known: BTreeSet<Key> = listed.iter().map(controller_key).collect();
        for (pod, app) in self.dump.objects.pods.iter().zip(&self.apps).filter(|(pod, _)| !pod.finished()) {
            let Some(owner) = pod.owner.as_ref().filter(|owner| owner.kind == "ReplicaSet") else { continue };
            let key = (owner.kind.clone(), pod.namespace.clone(), owner.name.clone());
            if app.0 != "Deployment" || !known.insert(key) {
                continue;
            }
            let Some(deployment) = self.owners.0.get(app) else { continue };
            let mut set = (*deployment).clone();
            set.kind = ControllerKind::ReplicaSet;
            set.meta.name.clone_from(&owner.name);
            set.meta.owner =
                Some(Owner { api_version: "apps/v1".into(), kind: "Deployment".into(), name: app.2.clone() });
            listed.push(set);
        }
    }

    /// Says what was made of it all; how many jobs.
    pub fn say(self) -> u64 {
        let Jobs { dump, import, said, created, .. } = self;
        let created_or_not = import.option("arrival") == "created";
        if said.services > 0 {
            import.builder().trace_end(SimTime(said.last_us) + TAIL);
        }
        let report = &mut import.report;
        for (what, count) in [
            ("pods", dump.objects.pods.len() as u64),
            ("objects that make pods", dump.objects.controllers.len() as u64),
            ("pods that are bound", said.bound),
            ("pods that wait for a node", said.pending),
            ("pods tied to their node", said.tied),
            ("pods made for objects that lack them", said.missing),
        ] {
            if count > 0 {
                report.count(what, count);
            }
        }
        let choices = &mut report.choices;
        choices.push("where pods run is not kept: every pod is placed anew, by whatever is run".into());
        choices.push(match created {
            Some(_) => "pods arrive when they were created, counted from the first that is left".into(),
            None if created_or_not => "pods arrive at 0: none says when it was created".into(),
            None => "pods all arrive at 0; those of one priority are tried in the order of their names".into(),
        });
        choices.push("a dump holds no usage: it is as --usage says".into());
        if said.services > 0 {
            choices.push(format!("services have no end: the trace ends {TAIL} after the last arrival (assumed)"));
        }
        for (count, what) in [
            (
                said.missing,
                "pods are added that objects want and the dump does not hold; their names end in a number or a host's name",
            ),
            (said.held, "objects that make pods have some here: these count"),
            (said.jobs_as_they_are, "Jobs have pods here: only these count, whatever is left to do"),
            (said.cron, "CronJobs are not run but for the pods that are there"),
            (said.idle, "objects that make pods want none (replicas 0, suspended or finished)"),
            (
                said.without_containers,
                "objects that make pods have no container in their template: nothing is made for them",
            ),
            (said.timed, "pods of Jobs take as long as their plimsoll/duration says"),
            (
                said.by_others,
                "pods of Jobs take as long as others of their Job or CronJob took: the median of those that succeeded",
            ),
            (said.open, "pods of Jobs run on as services, since nothing tells how long they work (open=run)"),
            (said.undated, "pods without a time of creation arrive with the last"),
            (said.raised, "pods are being resized below what is in force: their limits are taken to be that much"),
        ] {
            if count > 0 {
                choices.push(format!("{count} {what}"));
            }
        }
        for (count, what) in [
            (
                said.no_request,
                "pods request neither CPU nor memory: they fit anywhere, and what they use is modelled as nothing unless --usage lays series over them",
            ),
            (said.elsewhere, "pods are bound to nodes that are not in the dump, and are placed here"),
            (said.gated, "pods have scheduling gates, which nothing lifts here; kubernetes leaves them waiting"),
            (
                said.other_scheduler,
                "pods name a schedulerName of their own; here each run places all jobs by its one scheduler",
            ),
            (
                said.unseen,
                "pods ask for more than labels (affinity, spread constraints); only kube-… placements see that",
            ),
        ] {
            if count > 0 {
                report.warnings.push(format!("{count} {what}"));
            }
        }
        if let Some((first, last)) = created
            && let (Ok(first), Ok(last)) = (u64::try_from(first / 1_000), u64::try_from(last / 1_000))
        {
            report.origin_us = first;
            report.span(first, last);
        }
        report.jobs
    }
}

/// An error that is to get the place of its object.
fn without_place(why: Error) -> Error {
    let plain = Error::new(why.kind(), why.message());
    why.field().into_iter().fold(plain, |plain, field| plain.in_field(field))
}

/// Whether a pod runs on its node and nowhere else.
fn is_tied(pod: &Pod) -> bool {
    (pod.mirror && pod.node_name.is_some()) || pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet")
}

/// The node that a pod is bound to; of a DaemonSet's pod that waits the one that it is meant for.
fn home_of<'a>(pod: &'a Pod, bound: Option<&'a str>) -> Option<&'a str> {
    bound.or_else(|| match pod.node_affinity.required.as_deref() {
        Some([term]) if is_tied(pod) => match term.names.as_slice() {
            [names] if names.len() == 1 => Some(names[0].as_str()),
            _ => None,
        },
        _ => None,
    })
}

/// The pod as a template, called `name`: without its life so far, and without what its job says.
fn bare(pod: &Pod, name: &str) -> Pod {
    let mut pod = pod.clone();
    pod.name = name.into();
    pod.key = format!("{}/{name}", pod.namespace);
    pod.node_name = None;
    pod.nominated_node = None;
    pod.phase = String::new();
    pod.start_time_ns = None;
    pod.created_ns = None;
    pod.ran_ns = None;
    pod.preempted = false;
    pod.mirror = false;
    pod.annotations.clear();
    pod
}

fn controller_key(controller: &Controller) -> Key {
    (controller.kind.name().into(), controller.meta.namespace.clone(), controller.meta.name.clone())
}

/// What makes pods, by kind, namespace and name.
struct Owners<'a>(BTreeMap<Key, &'a Controller>);

impl<'a> Owners<'a> {
    /// The object in the dump that owns `pod`.
    fn owner_of(&self, pod: &Pod) -> Option<&'a Controller> {
        let owner = pod.owner.as_ref()?;
        self.0.get(&(owner.kind.clone(), pod.namespace.clone(), owner.name.clone())).copied()
    }

    /// What the pod is one of: its controller, a Deployment where its ReplicaSet says so or is named after one, else
    /// itself.
    fn app_of(&self, pod: &Pod) -> Key {
        // A node that mirrors a static pod is no app.
        let Some(owner) = pod.owner.as_ref().filter(|owner| owner.kind != "Node") else { return key_of(pod) };
        if owner.kind == "ReplicaSet" {
            let set = self.owner_of(pod).and_then(|set| set.meta.owner.as_ref());
            if let Some(above) = set.filter(|above| above.kind == "Deployment") {
                return ("Deployment".into(), pod.namespace.clone(), above.name.clone());
            }
            let hash = pod.labels.get(HASH_LABEL);
            let name = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
            if let Some(name) = name {
                return ("Deployment".into(), pod.namespace.clone(), name.into());
            }
        }
        (owner.kind.clone(), pod.namespace.clone(), owner.name.clone())
    }
}

/// How long pods worked that succeeded, by Job and by CronJob: the median of each.
fn lengths(pods: &[Pod], owners: &Owners<'_>) -> BTreeMap<Key, SimDuration> {
    let mut all: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| pod.phase == "Succeeded") {
        let (Some((began, over)), Some(owner)) = (pod.ran_ns, pod.owner.as_ref().filter(|o| o.kind == "Job")) else {
            continue;
        };
        let length = over.saturating_sub(began).max(0) as u64 / 1_000;
        all.entry((owner.kind.clone(), pod.namespace.clone(), owner.name.clone())).or_default().push(length);
        let cron = owners.owner_of(pod).and_then(|job| job.meta.owner.as_ref());
        // A CronJob's Jobs are called after it, with the time behind.
        let named = owner.name.rsplit_once('-').filter(|(_, at)| at.bytes().all(|b| b.is_ascii_digit()));
        let cron = cron.filter(|cron| cron.kind == "CronJob").map(|cron| cron.name.as_str());
        if let Some(name) = cron.or(named.map(|(name, _)| name)) {
            all.entry(("CronJob".into(), pod.namespace.clone(), name.into())).or_default().push(length);
        }
    }
    let median = |mut list: Vec<u64>| {
        list.sort_unstable();
        SimDuration(list[(list.len() - 1) / 2])
    };
    all.into_iter().map(|(key, list)| (key, median(list))).collect()
}
