//! What the control plane believes it has put where: running sums per host.
//!
//! These are sums of requests, never of usage, and they may be wrong about the world (a lost host, a job that ended
//! unseen). Whoever owns a `Bookings` keeps it in step with its own decisions.

use std::collections::BTreeMap;

use super::{Cluster, Devices};
use crate::ids::{HostId, JobId, ResourceId};
use crate::kube::object::selector::Requirement;
use crate::units::{Bytes, MilliCpu};

/// What placements compare: the request of one job under the run's options.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// CPU request; 0 if none.
    pub cpu: MilliCpu,
    /// Memory request; 0 if none.
    pub memory: Bytes,
    /// Ephemeral storage request.
    pub ephemeral: Bytes,
    /// Thousandths wanted of each of several GPUs.
    pub gpus: &'a [u16],
    /// GPU models that will do; empty: any.
    pub gpu_models: &'a [String],
    /// Extended resources other than GPUs.
    pub extended: &'a [(ResourceId, i64)],
    /// Labels the host must have.
    pub selector: &'a [(String, String)],
    /// What else is asked of its labels.
    pub constraints: &'a [Requirement],
    /// Taints the job tolerates.
    pub tolerations: &'a [String],
    /// Host ports the job binds.
    pub ports: &'a [u16],
}

/// CPU that a job without a CPU request counts as when hosts are scored (kube-scheduler `DefaultMilliCPURequest`).
const NON_ZERO_CPU: i64 = 100;
/// Memory likewise (`DefaultMemoryRequest`, 200 MiB).
const NON_ZERO_MEMORY: i64 = 200 << 20;

impl Request<'_> {
    /// The class of a job by its GPUs: 0 if it shares one, the number of GPUs if it wants whole ones or several; `None`
    /// without any.
    pub fn gpu_class(&self) -> Option<u16> {
        match self.gpus {
            [] => None,
            [share] if *share < 1_000 => Some(0),
            gpus => Some(gpus.len() as u16),
        }
    }

    /// CPU and memory with kube-scheduler's stand-ins for missing requests (100m, 200 MiB), used for scoring only.
    pub fn non_zero(&self) -> (i64, i64) {
        (
            if self.cpu.0 == 0 { NON_ZERO_CPU } else { self.cpu.0 },
            if self.memory.0 == 0 { NON_ZERO_MEMORY } else { self.memory.0 },
        )
    }
}

/// Sums of one host: all that a booking changes stands side by side.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Row {
    cpu: i64,
    memory: i64,
    ephemeral: i64,
    non_zero_cpu: i64,
    non_zero_memory: i64,
    /// How often what is booked has changed.
    version: u64,
    jobs: u32,
    open: bool,
    /// Whether it stands among the changed ones.
    changed: bool,
    /// Whether it has jobs that bind ports.
    ports: bool,
}

/// Bytes of one host's sums; lists of ports, GPUs and extended resources come on top where there are any.
pub const BYTES_PER_HOST: usize = size_of::<Row>();
const _: () = assert!(BYTES_PER_HOST == 64);

/// Booked sums of every host.
#[derive(Clone, Debug)]
pub struct Bookings {
    rows: Vec<Row>,
    extended: Vec<i64>,
    resources: usize,
    devices: Devices,
    chosen: BTreeMap<(JobId, HostId), Vec<u16>>,
    /// Per host: jobs with GPUs by class; empty where no host has GPUs.
    classes: Vec<Vec<(u16, u32)>>,
    /// Ports that jobs bind, by host.
    ports: BTreeMap<HostId, Vec<u16>>,
    /// Hosts of which something has changed since they were last taken, if somebody follows.
    changed: Vec<HostId>,
    followed: bool,
    gains: u64,
}

impl Bookings {
    /// Nothing booked, every host closed until the control plane hears of it.
    pub fn new(cluster: &Cluster) -> Self {
        let n = cluster.len();
        let resources = cluster.resources().len();
        Bookings {
            rows: vec![Row::default(); n],
            extended: vec![0; n * resources],
            resources,
            devices: Devices::new(cluster),
            chosen: BTreeMap::new(),
            classes: Vec::new(),
            ports: BTreeMap::new(),
            changed: Vec::new(),
            followed: false,
            gains: 0,
        }
    }

    /// CPU requests booked on `host`, milli-CPU.
    pub fn cpu(&self, host: HostId) -> i64 {
        self.rows[host.index()].cpu
    }

    /// Memory requests booked on `host`, bytes.
    pub fn memory(&self, host: HostId) -> i64 {
        self.rows[host.index()].memory
    }

    /// CPU and memory booked on `host` with the scorer's stand-ins, milli-CPU and bytes.
    pub fn non_zero(&self, host: HostId) -> (i64, i64) {
        let row = &self.rows[host.index()];
        (row.non_zero_cpu, row.non_zero_memory)
    }

    /// Jobs booked on `host`.
    pub fn jobs(&self, host: HostId) -> u32 {
        self.rows[host.index()].jobs
    }

    /// Whether the control plane would put a job on `host`: joined, not left, not known lost, not under pressure.
    pub fn is_open(&self, host: HostId) -> bool {
        self.rows[host.index()].open
    }

    /// From now on `host` takes jobs, or none.
    pub fn set_open(&mut self, host: HostId, open: bool) {
        let row = &mut self.rows[host.index()];
        self.gains += u64::from(open && !row.open);
        row.open = open;
        self.notes(host);
    }

    /// Sets memory of `host` aside for other things than jobs, for good; bytes.
    pub fn reserve(&mut self, host: HostId, memory: i64) {
        self.rows[host.index()].memory += memory;
        self.gains += u64::from(memory < 0);
        self.notes(host);
    }

    /// From now on hosts that change are noted, all of them at first.
    pub fn follow(&mut self) {
        self.followed = true;
        (0..self.rows.len()).for_each(|host| self.notes(HostId::from_index(host)));
    }

    /// One of the hosts of which something was booked, or taken back, or that were opened or closed since it was last handed out
    /// here; `None` if there is no more, or nobody follows.
    pub fn take_changed(&mut self) -> Option<HostId> {
        let host = self.changed.pop()?;
        self.rows[host.index()].changed = false;
        Some(host)
    }

    fn notes(&mut self, host: HostId) {
        if self.followed && !std::mem::replace(&mut self.rows[host.index()].changed, true) {
            self.changed.push(host);
        }
    }

    /// Counts `job` with `request` on `host`. GPUs are promised if they fit, and not counted if they do not: a job that wants
    /// one gets `device` if that has room, every other the fullest that have.
    pub fn book(&mut self, job: JobId, request: &Request, host: HostId, device: Option<u16>) {
        self.add(request, host, 1);
        if !request.gpus.is_empty()
            && let Some(chosen) = self.devices.choose_with(host, request.gpus, device)
        {
            self.devices.take(host, &chosen, request.gpus);
            self.chosen.insert((job, host), chosen);
        }
        if !request.ports.is_empty() {
            self.rows[host.index()].ports = true;
            self.ports.entry(host).or_default().extend_from_slice(request.ports);
        }
    }

    /// The GPUs promised to `job` on `host`, one for each wish; empty if it wants or got none.
    pub fn devices(&self, job: JobId, host: HostId) -> &[u16] {
        self.chosen.get(&(job, host)).map_or(&[], Vec::as_slice)
    }

    /// Takes back what [`Bookings::book`] counted for the same job, request and host.
    pub fn unbook(&mut self, job: JobId, request: &Request, host: HostId) {
        self.add(request, host, -1);
        if !request.gpus.is_empty()
            && let Some(chosen) = self.chosen.remove(&(job, host))
        {
            self.devices.give(host, &chosen, request.gpus);
        }
        self.free_ports(request, host);
    }

    /// Forgets which GPUs were promised to `job` on `host`, and gives them: all that was booked stays booked until
    /// [`Bookings::release`].
    pub fn detach(&mut self, job: JobId, host: HostId) -> Vec<u16> {
        self.chosen.remove(&(job, host)).unwrap_or_default()
    }

    /// Takes back what was booked with `request` on `host` and detached with these GPUs.
    pub fn release(&mut self, request: &Request, host: HostId, devices: &[u16]) {
        self.add(request, host, -1);
        self.devices.give(host, devices, request.gpus);
        self.free_ports(request, host);
    }

    fn free_ports(&mut self, request: &Request, host: HostId) {
        if request.ports.is_empty() {
            return;
        }
        let Some(ports) = self.ports.get_mut(&host) else { return };
        for port in request.ports {
            if let Some(at) = ports.iter().position(|p| p == port) {
                ports.swap_remove(at);
            }
        }
        if ports.is_empty() {
            self.ports.remove(&host);
            self.rows[host.index()].ports = false;
        }
    }

    fn add(&mut self, request: &Request, host: HostId, sign: i64) {
        let h = host.index();
        if let Some(class) = request.gpu_class() {
            if self.classes.is_empty() {
                self.classes.resize(self.rows.len(), Vec::new());
            }
            let classes = &mut self.classes[h];
            match classes.iter_mut().find(|(known, _)| *known == class) {
                Some((_, jobs)) => *jobs = jobs.saturating_add_signed(sign as i32),
                None => classes.push((class, 1)),
            }
        }
        let (non_zero_cpu, non_zero_memory) = request.non_zero();
        let row = &mut self.rows[h];
        row.version += 1;
        row.cpu += sign * request.cpu.0;
        row.memory += sign * request.memory.0;
        row.ephemeral += sign * request.ephemeral.0;
        row.non_zero_cpu += sign * non_zero_cpu;
        row.non_zero_memory += sign * non_zero_memory;
        row.jobs = row.jobs.checked_add_signed(sign as i32).expect("unbooked a job that was not booked");
        for &(resource, amount) in request.extended {
            self.extended[h * self.resources + resource.index()] += sign * amount;
        }
        self.gains += u64::from(sign < 0);
        self.notes(host);
    }

    /// Moves on whenever a job that fitted nowhere may fit: something was taken back, or a host opened.
    pub fn gains(&self) -> u64 {
        self.gains
    }

    /// Moves on whenever what is booked on `host` changes (whether it is open is no part of that).
    pub fn version(&self, host: HostId) -> u64 {
        self.rows[host.index()].version
    }

    /// Thousandths of each GPU of `host` that are not promised.
    pub fn free_gpus(&self, host: HostId) -> &[u16] {
        self.devices.free(host)
    }

    /// Which GPUs of `host` would serve `wanted` (see [`choose_devices`](super::choose_devices)); `None` if they do not fit.
    pub fn choose_gpus(&self, host: HostId, wanted: &[u16]) -> Option<Vec<u16>> {
        self.devices.choose(host, wanted)
    }

    /// Whether `host` has jobs booked of this class of [`Request::gpu_class`], and whether of others.
    pub fn gpu_classes(&self, host: HostId, class: u16) -> (bool, bool) {
        let booked = self.classes.get(host.index()).into_iter().flatten().filter(|(_, jobs)| *jobs > 0);
        booked.fold((false, false), |(same, others), (known, _)| (same || *known == class, others || *known != class))
    }

    /// Whether `host` has room for `request` beside what is booked: CPU, memory, storage, extended resources, GPUs,
    /// labels and ports. Pods limit and taints are the orchestrator's to add.
    pub fn fits(&self, cluster: &Cluster, request: &Request, host: HostId) -> bool {
        let h = host.index();
        let spec = cluster.spec(host);
        let room = |wanted: i64, booked: i64, capacity: i64| wanted <= 0 || wanted <= capacity - booked;
        let row = &self.rows[h];
        room(request.cpu.0, row.cpu, spec.cpu.0)
            && room(request.memory.0, row.memory, spec.memory.0)
            && room(request.ephemeral.0, row.ephemeral, spec.ephemeral.0)
            && request.extended.iter().all(|&(resource, amount)| {
                room(amount, self.extended[h * self.resources + resource.index()], cluster.extended(host, resource))
            })
            && cluster.matches(host, request.selector, request.gpu_models)
            && request.constraints.iter().all(|asked| asked.matches(&spec.labels))
            && (request.gpus.is_empty() || self.devices.fits(host, request.gpus))
            && (request.ports.is_empty() || !row.ports || !self.binds(host, request.ports))
    }

    fn binds(&self, host: HostId, ports: &[u16]) -> bool {
        self.ports.get(&host).is_some_and(|bound| ports.iter().any(|port| bound.contains(port)))
    }

    /// Whether an empty `host` could hold `request` at all.
    pub fn could_fit(cluster: &Cluster, request: &Request, host: HostId) -> bool {
        let spec = cluster.spec(host);
        request.cpu.0 <= spec.cpu.0
            && request.memory.0 <= spec.memory.0
            && request.ephemeral.0 <= spec.ephemeral.0
            && request.extended.iter().all(|&(resource, amount)| amount <= cluster.extended(host, resource))
            && cluster.matches(host, request.selector, request.gpu_models)
            && request.constraints.iter().all(|asked| asked.matches(&spec.labels))
            && request.gpus.len() <= usize::from(spec.gpus)
    }
}
