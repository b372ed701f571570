//! Small worlds as text, so that cases of other modules are tables: sentences, one a line or apart by `;`.
//!
//! ```text
//! hosts a=1000m/1Gi b=2000m/1Gi,joins:10s,leaves:60s,gpus:1,zone:x,in:z1,pods:2,ephemeral:9Gi,x3   # x3: b1 b2 b3; in: its real zone
//! job web service 0s - 500m/64Mi uses 700m/64Mi@10s 100m/64Mi limit 800m/64Mi  # - : no end; @10s: for so long
//! job work batch 5s 20s 1000m/0 x3 app A type T priority 5 restart never after web gpus 500 ports 80 zone x threads 1 checkpoint defers
//! job y service 0s - 0/0 controller stateful-set tolerates 60s   # a manifest's tolerationSeconds; forever, 0s
//! job z batch 0s 5s 0/0 controller job backoff 2 replacement failed
//! job disk service 0s - 0/0 processes 20 disk 5Gi/1Gi/6Gi stands key=value   # uses 5 Gi of disk, requests 1, may use 6
//! job big service 0s - 0/0 uses 500m/64Mi/32Mi@10s touches 0 leaks 256 processes 3    # the third size is cache; file pages
//! job pod service 0s - 300m/300Mi containers 100m/100Mi<150Mi 200m/200Mi              # request of each container < its memory limit
//! job u service 0s - 0/0 fleet Conflicts=u*.service MachineMetadata=zone=x   # its [X-Fleet] section; _ is a space
//! etcd members 3; etcd rtt 500us; etcd fault rtt=2s 10s 30s; etcd fault member=0 10s forever   # also fsync=, sigma=,
//!                                                            # leader, quorum, unreachable; election 2s, heartbeat 500ms
//! platform starts 5s; platform role web app; platform role r router; platform requests web 10; platform calls a b
//! platform change 20s web; platform change 30s web secret      # the apps that nothing is said of are users' apps
//! fail a down 10s 30s; fail b cut 10s forever
//! drain a 10s 60s timeout 30s; upgrade 10s 60s max 2 a b c; budget APP minAvailable 2
//! end 100s; warm-up 10s; drain 5s; users 2 1s; memory kill-only; reboot 60s; boot 10s; seed 7
//! host hot_file_min 64Mi                                                       # any host parameter
//! ```
//!
//! A run always has the checker on. Options are `ORCHESTRATOR key=value…`: `limits`, `eviction`, `quota` (on, off),
//! `placement`, `ties` (first, heap, random), and the orchestrator's parameters; `kubernetes` and `kubernetes-2016` decide
//! and bind in no time unless these say otherwise.

use std::sync::Arc;

use plimsoll::cluster::{Cluster, HostSpec};
use plimsoll::discovery::etcd::EtcdSetup;
use plimsoll::discovery::{Reach, discovery};
use plimsoll::experiment::{RunFlags, RunResult, run_one};
use plimsoll::fleet::options::Options as UnitOptions;
use plimsoll::host::kubelet::threshold::Condition;
use plimsoll::host::{HostModel, MemoryPolicy, host_parameter};
use plimsoll::ids::{HostId, JobId};
use plimsoll::kube::framework::World as Listed;
use plimsoll::kube::object::Objects;
use plimsoll::kube::object::pod::Pod;
use plimsoll::orchestrator::{Enforcement, Options, StoreOn, TieBreak, orchestrator};
use plimsoll::placement::placement;
use plimsoll::rng::Seed;
use plimsoll::sim::{Change, Failure, FailureKind, Flags, Loop, Maintenance, Observer, Setup, simulate};
use plimsoll::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use plimsoll::workload::{
    Controller, Job, JobKind, PodReplacement, RestartPolicy, Unserved, UsageMode, UsageStep, WorkloadBuilder,
};

use crate::world_platform::{read_etcd, read_platform};

/// The world that `text` describes.
pub fn world(text: &str) -> Setup {
    let mut hosts = Vec::new();
    let mut jobs = WorkloadBuilder::new();
    let mut failures = Vec::new();
    let (mut work, mut budgets) = (Vec::new(), String::new());
    let mut model = HostModel::default();
    let (mut end, mut warm_up, mut drain) = (SimTime(100 * SECOND_US), SimTime::ZERO, SimDuration::ZERO);
    let (mut arrivals, mut seed) = (Loop::Open, Seed(1));
    let (mut etcd, mut platform) = (None, Vec::new());
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    for sentence in lines.flat_map(|line| line.split(';')) {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["hosts", ref specs @ ..] => specs.iter().for_each(|spec| hosts.extend(read_hosts(spec))),
            ["job", ref job @ ..] => {
                let (read, tolerates) = read_jobs(job, &mut jobs);
                let template = tolerates.map(|seconds| jobs.template(Arc::new(tolerating_pod(&read[0], &seconds))));
                for mut job in read {
                    job.spec.template = template.or(job.spec.template);
                    jobs.push(job).unwrap();
                }
            }
            ["drain", host, at, takes] => work.push((vec![host], 1, time(at), duration(takes), None)),
            ["drain", host, at, takes, "timeout", timeout] => {
                work.push((vec![host], 1, time(at), duration(takes), Some(duration(timeout))));
            }
            ["upgrade", at, takes, "max", most, ref names @ ..] => {
                work.push((names.to_vec(), most.parse().unwrap(), time(at), duration(takes), None));
            }
            ["budget", app, wants, n] => budgets += &budget(app, wants, n),
            ["fail", host, kind, at, lasts] => failures.push((host, kind, time(at), lasts)),
            ["end", at] => end = time(at),
            ["warm-up", at] => warm_up = time(at),
            ["drain", lasts] => drain = duration(lasts),
            ["users", n, think] => {
                arrivals = Loop::Closed { users: n.parse().unwrap(), think_time: duration(think) };
            }
            ["etcd", ref words @ ..] => read_etcd(words, etcd.get_or_insert_with(EtcdSetup::default)),
            ["platform", ref words @ ..] => platform.push(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()),
            ["memory", "kill-only"] => model.memory.policy = MemoryPolicy::KillOnly,
            ["memory", "thrash"] => model.memory.policy = MemoryPolicy::Thrash,
            ["memory", "host-down"] => model.memory.policy = MemoryPolicy::HostDown,
            ["reboot", lasts] => model.memory.operator_reboot = duration(lasts),
            ["boot", lasts] => model.memory.boot = duration(lasts),
            ["host", key, value] => (host_parameter(key).expect("a host parameter").set)(&mut model, value).unwrap(),
            ["seed", n] => seed = Seed(n.parse().unwrap()),
            _ => panic!("a sentence that no world knows: {sentence}"),
        }
    }
    let cluster = Cluster::new(hosts, &[]).unwrap();
    let mut failures: Vec<Failure> = failures
        .into_iter()
        .map(|(host, kind, at, lasts)| Failure {
            at,
            host: cluster.find(host).expect("a host of the world"),
            kind: if kind == "down" { FailureKind::Down } else { FailureKind::Partition },
            lasts: duration(lasts),
        })
        .collect();
    failures.sort();
    let mut maintenance: Vec<Maintenance> = work
        .into_iter()
        .map(|(names, at_once, at, takes, timeout)| Maintenance {
            at,
            hosts: names.iter().map(|name| cluster.find(name).expect("a host of the world")).collect(),
            at_once,
            takes,
            timeout,
        })
        .collect();
    maintenance.sort();
    if !budgets.is_empty() {
        let mut objects = Objects::default();
        objects.read_text(&budgets).unwrap();
        jobs.objects(Arc::new(Listed::of(&objects)));
    }
    let workload = jobs.finish(UsageMode::Request, seed).unwrap();
    let platform = read_platform(&platform, &workload);
    Setup {
        cluster,
        workload,
        host_model: model,
        failures,
        maintenance,
        etcd,
        platform,
        arrivals,
        warm_up,
        end,
        drain,
        seed,
    }
}

pub fn duration(text: &str) -> SimDuration {
    if text == "forever" { SimDuration(u64::MAX) } else { SimDuration::parse(text).unwrap() }
}

pub fn time(text: &str) -> SimTime {
    SimTime(duration(text).0)
}

/// `500m/64Mi`.
fn amounts(text: &str) -> (MilliCpu, Bytes) {
    let (cpu, memory) = text.split_once('/').expect("CPU/MEMORY");
    (MilliCpu::parse(cpu).unwrap(), Bytes::parse(memory).unwrap())
}

/// A PodDisruptionBudget for the pods of `app` as a document.
pub fn budget(app: &str, wants: &str, n: &str) -> String {
    format!(
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: {app}}}\n\
         spec: {{selector: {{matchLabels: {{app: {app}}}}}, {wants}: {n}}}\n"
    )
}

/// A pod with the requests of `job` that tolerates unreachable nodes for so long.
fn tolerating_pod(job: &Job, time: &str) -> Pod {
    let seconds = if time == "forever" {
        String::new()
    } else {
        format!(", tolerationSeconds: {}", duration(time).0 / SECOND_US)
    };
    let text = format!(
        "kind: Pod\nmetadata: {{name: p, labels: {{app: {}}}}}\nspec: {{tolerations: [{{key: \
         node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute{seconds}}}], containers: [{{name: c, \
         resources: {{requests: {{cpu: {}m, memory: {}}}}}}}]}}\n",
        job.app, job.cpu_request.0, job.memory_request.0
    );
    let mut objects = Objects::default();
    objects.read_text(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
    objects.pods.remove(0)
}

fn read_hosts(text: &str) -> Vec<HostSpec> {
    let mut parts = text.split(',');
    let (name, size) = parts.next().unwrap().split_once('=').expect("NAME=CPU/MEMORY");
    let (cpu, memory) = amounts(size);
    let mut host = HostSpec::new(name, cpu, memory);
    let mut count = None;
    for part in parts {
        match part.split_once(':') {
            Some(("joins", at)) => host.joins = time(at),
            Some(("leaves", at)) => host.leaves = Some(time(at)),
            Some(("gpus", n)) => host.gpus = n.parse().unwrap(),
            Some(("ephemeral", size)) => host.ephemeral = Bytes::parse(size).unwrap(),
            Some(("pods", n)) => host.pods = Some(n.parse().unwrap()),
            Some(("in", zone)) => drop(host.labels.insert("topology.kubernetes.io/zone".into(), zone.into())),
            Some((key, value)) => drop(host.labels.insert(key.into(), value.into())),
            None => count = Some(part.strip_prefix('x').unwrap().parse::<u32>().unwrap()),
        }
    }
    match count {
        None => vec![host],
        Some(n) => (1..=n).map(|i| HostSpec { name: format!("{name}{i}"), ..host.clone() }).collect(),
    }
}

/// Words of a job that others follow.
const JOB_WORDS: &[&str] = &[
    "uses",
    "limit",
    "app",
    "type",
    "priority",
    "restart",
    "after",
    "gpus",
    "ports",
    "zone",
    "threads",
    "processes",
    "touches",
    "leaks",
    "containers",
    "disk",
    "stands",
    "controller",
    "backoff",
    "replacement",
    "tolerates",
    "fleet",
];

/// A pod of containers `100m/100Mi` or, with a memory limit, `100m/100Mi<150Mi`.
fn pod(containers: &[&str]) -> Pod {
    let container = |(i, word): (usize, &&str)| {
        let (request, limit) =
            word.split_once('<').map_or((*word, String::new()), |(r, l)| (r, format!("memory: {l}")));
        let (cpu, memory) = request.split_once('/').expect("CPU/MEMORY");
        format!("{{name: c{i}, resources: {{requests: {{cpu: {cpu}, memory: {memory}}}, limits: {{{limit}}}}}}}")
    };
    let list: Vec<String> = containers.iter().enumerate().map(container).collect();
    let mut objects = Objects::default();
    objects
        .read_text(&format!("kind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{}]}}\n", list.join(", ")))
        .unwrap();
    objects.pods.remove(0)
}

/// The jobs of a sentence, and how long their pods tolerate an unreachable node, if it says so.
fn read_jobs(words: &[&str], builder: &mut WorkloadBuilder) -> (Vec<Job>, Option<String>) {
    let [name, kind, arrival, lasts, request, rest @ ..] = words else { panic!("job NAME KIND ARRIVAL DURATION SIZE") };
    let (cpu, memory) = amounts(request);
    let mut job = Job::batch(*name, time(arrival), SimDuration::ZERO, cpu, memory);
    job.duration = (*lasts != "-").then(|| duration(lasts));
    job.app = (*name).into();
    if *kind == "service" {
        job.spec.kind = JobKind::Service;
    }
    let mut section = UnitOptions::default();
    let (mut count, mut key, mut tolerates, mut containers) = (None, "", None, Vec::new());
    let (mut backoff_limit, mut replacement) = (Controller::BACKOFF_LIMIT, PodReplacement::TerminatingOrFailed);
    for &word in rest {
        let n = word.strip_prefix('x').and_then(|n| n.parse::<u32>().ok());
        if n.is_some() && key != "zone" {
            count = n;
        } else if word == "defers" {
            job.spec.unserved = Unserved::Defer;
        } else if word == "checkpoint" {
            job.spec.checkpoint = true;
        } else if JOB_WORDS.contains(&word) && key != "controller" {
            key = word;
        } else {
            match key {
                "uses" => {
                    let (size, lasts) = word.split_once('@').unwrap_or((word, "forever"));
                    let (size, cache) = match size.rsplit_once('/') {
                        Some((size, cache)) if size.contains('/') => (size, Bytes::parse(cache).unwrap()),
                        _ => (size, Bytes(0)),
                    };
                    let (cpu, memory) = amounts(size);
                    let length_us = duration(lasts).0;
                    job.usage.push(UsageStep { length_us, cpu_nano: cpu.nano_cores(), memory, cache });
                }
                "limit" => {
                    let (cpu, memory) = amounts(word);
                    job.cpu_limit = (cpu.0 > 0).then_some(cpu);
                    job.memory_limit = (memory.0 > 0).then_some(memory);
                }
                "containers" => containers.push(word),
                "touches" => job.spec.file_touches = Some(word.parse().unwrap()),
                "leaks" => job.spec.leak_touches = word.parse().unwrap(),
                "processes" => job.spec.processes = Some(word.parse().unwrap()),
                "app" => job.app = word.into(),
                "type" => job.spec.process_type = word.into(),
                "priority" => job.spec.priority = word.parse().unwrap(),
                "restart" => {
                    job.spec.restart = match word {
                        "never" => RestartPolicy::Never,
                        "always" => RestartPolicy::Always,
                        _ => RestartPolicy::OnFailure,
                    };
                }
                "controller" => {
                    job.spec.controller = match word {
                        "none" => Controller::Naked,
                        "replica-set" => Controller::ReplicaSet,
                        "stateful-set" => Controller::StatefulSet,
                        "daemon-set" => Controller::DaemonSet,
                        "job" => Controller::Job { backoff_limit: 0, replacement, in_place: false },
                        _ => panic!("no controller: {word}"),
                    };
                    key = "";
                }
                "backoff" => backoff_limit = word.parse().unwrap(),
                "replacement" => replacement = PodReplacement::Failed,
                "tolerates" => tolerates = Some(word.to_owned()),
                // `_` stands for a space.
                "fleet" => {
                    let (option, value) = word.split_once('=').expect("OPTION=VALUE");
                    section.add_line(option, &value.replace('_', " "));
                }
                "after" => job.after.push(word.into()),
                "gpus" => job.spec.gpus.push(word.parse().unwrap()),
                "ports" => job.spec.ports.push(word.parse().unwrap()),
                // USED/REQUESTED, or USED/REQUESTED/LIMIT.
                "disk" => {
                    let sizes: Vec<Bytes> = word.split('/').map(|size| Bytes::parse(size).unwrap()).collect();
                    (job.spec.ephemeral_used, job.spec.ephemeral) = (sizes[0], sizes[1]);
                    job.spec.ephemeral_limit = sizes.get(2).copied();
                }
                "stands" => job.spec.tolerations.push(word.into()),
                "threads" => job.spec.threads = Some(word.parse().unwrap()),
                "zone" => job.spec.node_selector.push(("zone".into(), word.into())),
                _ => panic!("a word that no job knows: {word}"),
            }
        }
    }
    if section != UnitOptions::default() {
        job.spec.unit = Some(builder.unit(Arc::new(section)));
    }
    if !containers.is_empty() {
        job.spec.template = Some(builder.template(Arc::new(pod(&containers))));
    }
    if let Controller::Job { .. } = job.spec.controller {
        let in_place = job.spec.restart != RestartPolicy::Never;
        job.spec.controller = Controller::Job { backoff_limit, replacement, in_place };
    }
    let jobs = match count {
        None => vec![job],
        Some(n) => (1..=n).map(|i| Job { name: format!("{name}{i}"), ..job.clone() }).collect(),
    };
    (jobs, tolerates)
}

/// The options that `text` describes.
pub fn options(text: &str) -> Options {
    let mut words = text.split_whitespace();
    let info = orchestrator(words.next().unwrap()).expect("an orchestrator");
    let mut options = Options::of(info);
    if info.name.starts_with("kubernetes") {
        // Decisions and bindings take no time unless a case says so: its times are then whole seconds.
        for name in ["decision_time", "bind_latency"] {
            let parameter = info.parameters.iter().find(|p| p.name == name).expect("a parameter");
            options.parameters.insert(parameter.name, parameter.parse("0s").unwrap());
        }
    }
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        match key {
            "limits" => options.enforcement = if value == "on" { Enforcement::Limits } else { Enforcement::None },
            "eviction" => options.eviction = value == "on",
            "ties" => {
                options.tie_break = match value {
                    "round-robin" => TieBreak::RoundRobin,
                    "heap" => TieBreak::Heap,
                    "random" => TieBreak::Random,
                    _ => TieBreak::First,
                };
            }
            "quota" => options.cpu_quota = value == "on",
            "discovery" => options.discovery = discovery(value).expect("a discovery").name,
            "store" => {
                options.store = match value {
                    "nowhere" => StoreOn::Nowhere,
                    "hosts" => StoreOn::Hosts,
                    _ => StoreOn::Dedicated,
                }
            }
            "placement" => options.placement = placement(value).expect("a placement").name,
            _ => {
                let info = info.parameter(options.discovery, key).expect("a parameter");
                options.parameters.insert(info.name, info.parse(value).unwrap());
            }
        }
    }
    options
}

/// Runs the world with the checker on, and once more at every tick: idle ticks change nothing.
pub fn run(setup: &Setup, options_text: &str) -> Result<RunResult, String> {
    let options = options(options_text);
    let run = |every_tick| {
        let flags = RunFlags { check: true, every_tick, plain: every_tick, ..RunFlags::default() };
        run_one(setup, &options, flags, &mut |_| true).map_err(|e| e.to_string())
    };
    let result = run(false)?;
    // Ticks of a long or a huge run would be too many.
    let small = setup.end.0 <= 3600 * SECOND_US && setup.cluster.len() < 100;
    if small && run(true)?.digest != result.digest {
        let (few, all) = (lines(setup, &options, false), lines(setup, &options, true));
        let differ = few.iter().zip(&all).find(|(few, all)| few != all);
        let (few_raw, all_raw) = (raw(setup, &options, false), raw(setup, &options, true));
        let at = few_raw.iter().zip(&all_raw).position(|(few, all)| few != all).unwrap_or(0);
        let first = (&few_raw[at.saturating_sub(3)..(at + 3).min(few_raw.len())], all_raw.get(at));
        panic!(
            "{options_text}: an idle tick changed something: {differ:?}, of {} and {} lines; {first:?}",
            few.len(),
            all.len()
        );
    }
    Ok(result)
}

/// All changes of a run, as they are.
fn raw(setup: &Setup, options: &Options, every_tick: bool) -> Vec<String> {
    struct Raw(Vec<String>);
    impl Observer for Raw {
        fn change(&mut self, at: SimTime, change: &Change) {
            self.0.push(format!("{} {change:?}", at.0));
        }
        fn finish(&mut self, _end: SimTime) {}
    }
    let mut raw = Raw(Vec::new());
    let flags = Flags { every_tick, plain: every_tick, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    simulate(setup, options, &mut raw, flags).unwrap();
    raw.0
}

/// What was seen, as lines `SECONDS WHAT`.
struct Story<'a> {
    setup: &'a Setup,
    lines: Vec<(SimTime, &'static str, String)>,
}

impl Story<'_> {
    fn tell(&mut self, at: SimTime, kind: &'static str, what: String) {
        self.lines.push((at, kind, what));
    }
}

impl Observer for Story<'_> {
    fn change(&mut self, at: SimTime, change: &Change) {
        let job = |job: JobId| self.setup.workload.name(job).to_owned();
        let host = |host: HostId| self.setup.cluster.name(host).to_owned();
        let on_off = |on, yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
        match *change {
            Change::Arrived { job: j } => self.tell(at, "arrive", format!("{} arrives", job(j))),
            Change::Placed { job: j, host: h } => self.tell(at, "place", format!("{}>{}", job(j), host(h))),
            Change::Preempts { job: j, host: h, victims, applied } => {
                let would = if applied { "preempts" } else { "would preempt" };
                self.tell(at, "preempt", format!("{} {would} {victims} on {}", job(j), host(h)));
            }
            Change::Started { job: j, attempt, host: h } => {
                self.tell(at, "start", format!("{}.{attempt}+{}", job(j), host(h)));
            }
            Change::Ended { job: j, attempt, host: h, why, .. } => {
                self.tell(at, "end", format!("{}.{attempt}-{} {}", job(j), host(h), why.name()));
            }
            Change::Repeats { job: j, host: h, times, .. } => {
                self.tell(at, "fails", format!("{} failed {times} more on {}", job(j), host(h)));
            }
            Change::Finished { job: j } => self.tell(at, "done", format!("{} done", job(j))),
            Change::Removed { job: j } => self.tell(at, "done", format!("{} removed", job(j))),
            Change::GaveUp { job: j } => self.tell(at, "done", format!("{} gave up", job(j))),
            Change::AttemptGivenUp { job: j, host: h, .. } => {
                self.tell(at, "given-up", format!("{} given up on {}", job(j), host(h)));
            }
            Change::HostUp { host: h } => self.tell(at, "host", format!("{} up", host(h))),
            Change::HostDown { host: h, cause } => self.tell(at, "host", format!("{} down {}", host(h), cause.name())),
            Change::HostLeft { host: h } => self.tell(at, "host", format!("{} left", host(h))),
            Change::DaemonDown { host: h, daemon } => self.tell(at, "daemon", format!("{}/{daemon} dies", host(h))),
            Change::DaemonUp { host: h, daemon } => self.tell(at, "daemon", format!("{}/{daemon} back", host(h))),
            Change::ProcessKilled { job: j, attempt, left, .. } => {
                self.tell(at, "end", format!("{}.{attempt} loses a process of {}", job(j), left + 1));
            }
            Change::Thrash { host: h, on } => {
                self.tell(at, "thrash", format!("{} {}", host(h), on_off(on, "thrashes", "calm")));
            }
            Change::Heartbeats { host: h, on } => {
                self.tell(at, "heard", format!("{} {}", host(h), on_off(on, "heard", "silent")));
            }
            Change::HostLost { host: h, lost } => {
                self.tell(at, "lost", format!("{} {}", host(h), on_off(lost, "lost", "found")));
            }
            Change::Pressure { host: h, condition, on } => {
                let of = match condition {
                    Condition::MemoryPressure => "",
                    Condition::DiskPressure => " of disk",
                    Condition::PidPressure => " of pids",
                };
                self.tell(at, "pressure", format!("{} {}{of}", host(h), on_off(on, "pressed", "relieved")));
            }
            Change::Maintenance { host: h, step } => {
                self.tell(at, "work", format!("{} {}", host(h), step.name()));
            }
            Change::Incident { what, host: h } => {
                let on = h.map_or(String::new(), |h| format!(" on {}", host(h)));
                self.tell(at, "incident", format!("{}{on}", what.name()));
            }
            Change::Store { level } => {
                let words = [on_off(level.reads, "reads", "no reads"), on_off(level.writes, "writes", "no writes")];
                self.tell(at, "store", format!("store {}", words.join(" ")));
            }
            Change::Stage { job: j, host: h, stage } => {
                self.tell(at, "stage", format!("{}@{} {}", job(j), host(h), stage.name()));
            }
            Change::Reach { app, reach } => {
                let app = &self.setup.workload.apps()[app.index()].name;
                let what = format!("{app} {}", shares(reach));
                // What stands behind the same shares may change.
                let last = self.lines.iter().rev().find(|l| l.1 == "reach" && l.2.split(' ').next() == Some(app));
                if last.is_none_or(|last| last.2 != what) {
                    self.tell(at, "reach", what);
                }
            }
            Change::Deploys { possible } => {
                self.tell(at, "deploys", on_off(possible, "deploys", "no deploys"));
            }
            Change::Configured { job: j, number } => {
                self.tell(at, "configured", format!("{} configured {number}", job(j)));
            }
            Change::FailureMissed { host: h } => self.tell(at, "missed", format!("{} missed a failure", host(h))),
            _ => {}
        }
    }

    fn finish(&mut self, _end: SimTime) {}
}

/// `ok`, or the shares that fail in percent: `502 50 503 50`.
fn shares(reach: Reach) -> String {
    let shares = [("502", reach.refused), ("503", reach.nobody), ("504", reach.timeout)];
    let failing = shares.into_iter().filter(|(_, share)| *share > 0);
    let words: Vec<String> = failing.map(|(name, share)| format!("{name} {}", f64::from(share) / 1e4)).collect();
    if words.is_empty() { "ok".into() } else { words.join(" ") }
}

/// All that a run tells.
pub fn lines(setup: &Setup, options: &Options, every_tick: bool) -> Vec<(SimTime, &'static str, String)> {
    let mut story = Story { setup, lines: Vec::new() };
    let flags = Flags { every_tick, plain: every_tick, most_events: u64::MAX, explain: None, pulse: &mut |_| true };
    simulate(setup, options, &mut story, flags).unwrap();
    story.lines
}

/// Times of changes of the kinds in `show`, with what they say. Runs with the checker first.
pub fn story(setup: &Setup, options_text: &str, show: &str) -> Vec<(SimTime, String)> {
    run(setup, options_text).unwrap_or_else(|e| panic!("{options_text}: {e}"));
    let shown: Vec<&str> = show.split_whitespace().collect();
    lines(setup, &options(options_text), false)
        .into_iter()
        .filter(|l| shown.contains(&l.1))
        .map(|(at, _, what)| (at, what))
        .collect()
}

/// Seconds of the first line that says exactly this.
pub fn at(story: &[(SimTime, String)], what: &str) -> f64 {
    let line = story.iter().find(|(_, said)| said == what).unwrap_or_else(|| panic!("no \"{what}\" in {story:?}"));
    line.0.0 as f64 / SECOND_US as f64
}

/// The story as text: `0 x>a; 1 x.1+a`, times in seconds, what happens at one time in one sentence with commas.
pub fn told(setup: &Setup, options_text: &str, show: &str) -> String {
    let mut text = String::new();
    let mut last = None;
    for (at, what) in story(setup, options_text, show) {
        if last == Some(at) {
            text += ", ";
        } else {
            text += if last.is_some() { "; " } else { "" };
            text += &format!("{} ", at.0 as f64 / SECOND_US as f64);
        }
        text += &what;
        last = Some(at);
    }
    text
}

/// Holds the story of `world_text` under `options_text` to `want` (white space and line breaks do not count).
pub fn check(world_text: &str, options_text: &str, show: &str, want: &str) {
    let got = told(&world(world_text), options_text, show);
    let want: Vec<&str> = want.split_whitespace().collect();
    assert_eq!(got, want.join(" "), "{options_text}: {world_text}");
}

/// A metric's value as text.
pub fn metric(result: &RunResult, name: &str) -> String {
    result.metric(name).unwrap_or_else(|| panic!("no metric {name}")).to_string()
}

/// A metric's number.
pub fn number(result: &RunResult, name: &str) -> f64 {
    result.metric(name).and_then(|v| v.number()).unwrap_or_else(|| panic!("{name} is undefined"))
}
