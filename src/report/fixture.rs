//! Small experiments for the tests of this folder: a plain one, one whose every name is hostile, and empty ones.

use crate::discovery::Reach;
use crate::discovery::store::StoreLevel;
use crate::experiment::seeds::SeedResult;
use crate::experiment::{
    AppReach, AppResult, BandRow, Choice, EndRow, Experiment, HostTrack, JobSize, Lack, OverRow, PartResult, Record,
    RunLabel, RunResult, SeedStudy, Side, TimelineBucket, TrackBucket,
};
use crate::ids::{AppId, HostId, JobId};
use crate::metrics::Value;
use crate::report::OutputInfo;
use crate::sim::{Change, DownCause, EndReason};
use crate::units::{Bytes, MilliCpu, SECOND_US, SimTime};
use crate::workload::Offered;

/// Names that somebody might put into a trace.
pub const HOSTILE: [&str; 6] = [
    "=cmd()",
    "</script><img src=x onerror=alert(1)>",
    "\u{1b}[2Jgone",
    "\u{202e}gnp.exe",
    "a\r\nb\u{0}\u{fffe}]]><![CDATA[",
    "\"quoted\" 'single' & {{ 7 * 7 }}, %s",
];

const HOSTS: usize = 12;
const STRETCHES: usize = 48;
const STRETCH_US: u64 = 300 * SECOND_US;

/// `output` of `experiment` as text.
pub fn written(output: &OutputInfo, experiment: &Experiment) -> String {
    let mut bytes = Vec::new();
    output.write(experiment, &mut bytes).expect("memory takes all");
    String::from_utf8(bytes).expect("UTF-8")
}

/// A run without record, with metrics of all kinds.
pub fn run(name: &str) -> RunResult {
    RunResult {
        label: RunLabel {
            name: name.into(),
            orchestrator: name.into(),
            placement: "least_jobs".into(),
            enforcement: "none".into(),
            eviction: "off".into(),
            cpu_quota: "off".into(),
            requests: "as-written".into(),
            tie_break: "first".into(),
            seed: 7,
        },
        digest: 1,
        metrics: metrics(0.3125),
        apps: vec![AppResult { name: "web".into(), jobs: 40, availability: Some(0.97), attempts_lost: 3 }],
        choices: vec![Choice {
            what: "a finished unit leaves the count".into(),
            taken: "at exit".into(),
            alternative: "orchestrator option leaves: destroy".into(),
        }],
        platform: Vec::new(),
        record: None,
        explained: Vec::new(),
    }
}

fn metrics(unserved: f64) -> Vec<(&'static str, Value)> {
    let demanded = 100_000.0;
    vec![
        ("cpu_demanded_core_seconds", Value::Amount(demanded)),
        ("cpu_pending_core_seconds", Value::Amount(demanded * unserved * 0.25)),
        ("cpu_starved_core_seconds", Value::Amount(demanded * unserved * 0.5)),
        ("cpu_throttled_core_seconds", Value::Amount(0.0)),
        ("cpu_host_down_core_seconds", Value::Amount(demanded * unserved * 0.25)),
        ("cpu_unserved_share", Value::Amount(unserved)),
        ("memory_pending_byte_seconds", Value::Amount(5e14)),
        ("jobs_submitted", Value::Count(40)),
        ("jobs_finished", Value::Count(31)),
        ("jobs_never_placed", Value::Count(2)),
        ("oom_kills", Value::Count(1_234)),
        ("oom_kills_limit", Value::Count(34)),
        ("oom_kills_host", Value::Count(1_200)),
        ("evictions", Value::Count(17)),
        ("evictions_node_pressure", Value::Count(17)),
        ("evictions_taint", Value::Count(0)),
        ("start_failed", Value::Count(5)),
        ("hosts_down", Value::Count(3)),
        ("host_down_seconds", Value::Amount(5_400.0)),
        ("cpu_overloaded_host_seconds", Value::Amount(72_000.0)),
        ("wait_seconds_p50", Value::Amount(0.25)),
        ("wait_seconds_p95", Value::Amount(312.0)),
        ("wait_seconds_p99", Value::AtLeast(11_100.0)),
        ("batch_slowdown_p50", Value::Undefined),
        ("cpu_used_share_mean", Value::Amount(0.623)),
        ("cpu_imbalance_mean", Value::Amount(f64::NAN)),
        ("hosts_used_max", Value::Count(12)),
    ]
}

/// Three runs of plain names without records.
pub fn bare() -> Experiment {
    let mut experiment = without_runs();
    experiment.runs = ["chef", "fleet", "kubernetes"].map(run).into();
    for (i, run) in experiment.runs.iter_mut().enumerate() {
        run.digest = (i as u64 + 1) << 40;
        run.metrics = metrics(0.3125 / (i + 1) as f64);
    }
    experiment.runs[2].choices.clear();
    experiment
}

/// Three runs of plain names with records, as a reader would meet them.
pub fn plain() -> Experiment {
    let mut experiment = bare();
    for (i, run) in experiment.runs.iter_mut().enumerate() {
        run.record = Some(record(i));
        let reach = AppReach {
            requests: [100.0, 1.0, 2.0, 3.0],
            containers: [90.0, 5.0, 4.0],
            longest: [30.0, 20.0],
            ..AppReach::default()
        };
        run.platform = vec![PartResult { app: "web".into(), role: "app", reach }];
        let reach = Reach { ok: 500_000, timeout: 500_000, ready: 1, dead_listed: 1, ..Reach::default() };
        let end = SimTime(STRETCHES as u64 * STRETCH_US);
        let life = &mut run.record.as_mut().expect("recorded").life;
        for (stretch, read_us) in [(1, 500), (10, 50_000), (20, 900_000), (30, 500)] {
            let level = StoreLevel { read_us, ..StoreLevel::default() };
            life.push((SimTime(stretch * STRETCH_US), Change::Store { level }));
        }
        life.push((end, Change::Reach { app: AppId(0), reach }));
    }
    experiment
}

/// Records, and hostile text wherever text can be.
pub fn hostile() -> Experiment {
    let mut experiment = plain();
    let all = HOSTILE.join(" ");
    experiment.name = HOSTILE[1].into();
    experiment.question = all.clone();
    experiment.command = format!("plimsoll run '{all}'");
    experiment.notes = HOSTILE.map(String::from).into();
    experiment.job_names = HOSTILE.map(String::from).into();
    for (i, name) in HOSTILE.iter().enumerate().skip(1) {
        experiment.host_names[i] = (*name).into();
    }
    for (i, run) in experiment.runs.iter_mut().enumerate() {
        run.digest = i as u64 + 1;
        run.apps = HOSTILE
            .iter()
            .map(|name| AppResult { name: (*name).into(), jobs: 1, availability: None, attempts_lost: 0 })
            .collect();
        let part = run.platform[0].clone();
        run.platform = HOSTILE.map(|name| PartResult { app: name.into(), ..part.clone() }).into();
        run.choices = vec![Choice { what: all.clone(), taken: all.clone(), alternative: all.clone() }];
        for host in &mut run.record.as_mut().expect("recorded").hosts {
            host.name = experiment.host_names[host.host.index()].clone();
        }
    }
    experiment.runs[1].label.name = HOSTILE[1].into();
    experiment.runs[2].label.name = HOSTILE[0].into();
    experiment.runs[2].label.orchestrator = HOSTILE[2].into();
    experiment.seeds = Some(study(&experiment));
    experiment.band = band(&HOSTILE);
    experiment
}

/// The runs of `experiment` under four seeds: the second run is always worse than the first, the third only at times.
fn study(experiment: &Experiment) -> SeedStudy {
    let seeds = (0..4u64).map(|seed| {
        let of = |i: usize| {
            let worse = [0.0, 0.1, if seed % 2 == 0 { 0.05 } else { -0.05 }][i];
            (seed * 3 + i as u64, metrics(0.3 + worse + seed as f64 / 100.0))
        };
        let runs: Vec<_> = (0..3).map(of).collect();
        SeedResult { seed, again: runs.clone(), runs }
    });
    let names = experiment.runs.iter().map(|run| run.label.name.clone()).collect();
    SeedStudy { names, seeds: seeds.collect(), worlds_differ: true }
}

/// Six runs of 700 hosts with load that jumps about, the worst case for the size of pictures.
pub fn many() -> Experiment {
    let mut experiment = plain();
    let stretches = 200;
    for i in 0..6 {
        let mut run = run(&format!("variant-{i}"));
        let mut record = record(i % 3);
        record.edges = (0..=stretches).map(|i| SimTime(i * STRETCH_US)).collect();
        record.hosts = (0..700)
            .map(|host| {
                let mut track = record.hosts[host % HOSTS].clone();
                track.host = HostId(host as u32);
                track.name = format!("openb-node-{host:04}");
                track.buckets = (0..stretches as usize)
                    .map(|stretch| {
                        let mut bucket = track.buckets[stretch % STRETCHES];
                        bucket.cpu_demand_cores = (host * 31 + stretch * 17 + host * stretch % 41) as f64 % 90.0 / 15.0;
                        bucket.memory_used_bytes_max = bucket.cpu_demand_cores * 1e9;
                        bucket
                    })
                    .collect();
                track
            })
            .collect();
        run.record = Some(record);
        experiment.runs.push(run);
    }
    experiment.runs.drain(..3);
    experiment
}

/// An experiment without a run.
pub fn without_runs() -> Experiment {
    Experiment {
        name: "deis-swamped".into(),
        question: "Equal job counts, unequal memory: which hosts are swamped?".into(),
        scenario_yaml: "apiVersion: plimsoll/v1\nkind: Scenario\n".into(),
        command: "plimsoll run scenarios/deis-swamped.yaml".into(),
        digest: 0xdead_beef,
        job_names: (0..6).map(|i| format!("web-{i}")).collect(),
        job_sizes: (0..6).map(|i| JobSize { app: AppId(i / 3), cpu: MilliCpu(500), memory: Bytes(1 << 30) }).collect(),
        host_names: (0..HOSTS).map(|i| format!("host-{i}")).collect(),
        offered: Offered {
            cpu_peak_milli: 7_200,
            memory_peak_bytes: 48 << 30,
            gpu_peak_milli: 0,
            jobs_peak: 38,
            cpu_share: 0.72,
            memory_share: 0.915,
            gpu_share: 0.0,
        },
        end: SimTime(STRETCHES as u64 * STRETCH_US),
        warm_up: SimTime(0),
        notes: vec!["usage: model default-mix, seed 7 (assumed)".into()],
        runs: Vec::new(),
        seeds: None,
        band: Vec::new(),
    }
}

/// A band of `names` at two scales.
pub fn band(names: &[&str]) -> Vec<BandRow> {
    let row = |scale_milli: u32, run: &str, side: Side| BandRow {
        scale_milli,
        hosts: scale_milli as usize / 100,
        run: run.into(),
        side,
        policy: "thrash",
        runaway_jobs: 2,
        hosts_down: side as u64 * 3,
        hosts_lost: side as u64,
        oom_kills: 1234,
        bystanders_lost: 40,
        cpu_unserved: if scale_milli == 300 { Value::Undefined } else { Value::Amount(0.0125) },
    };
    let of_run = |scale, run: &&str| Side::ALL.map(|side| row(scale, run, side));
    [300, 10_000].iter().flat_map(|&scale| names.iter().flat_map(move |run| of_run(scale, run))).collect()
}

/// Records in which no time passes.
pub fn without_time() -> Experiment {
    let mut experiment = plain();
    experiment.end = SimTime(0);
    experiment.runs[0].record = Some(Record::default());
    let record = experiment.runs[1].record.as_mut().expect("recorded");
    record.edges = vec![SimTime(0), SimTime(0)];
    record.timeline.truncate(1);
    for host in &mut record.hosts {
        host.buckets.truncate(1);
        host.cpu_capacity_cores = 0.0;
        host.memory_capacity_bytes = 0.0;
    }
    experiment
}

/// Hosts that fill over time, the later ones more; some fall, some thrash.
fn record(run: usize) -> Record {
    let seconds = STRETCH_US as f64 / SECOND_US as f64;
    let worse = 1.0 / (run + 1) as f64;
    let bucket = |host: usize, stretch: usize| {
        let time = stretch as f64 / STRETCHES as f64;
        let load =
            (0.2 + 1.9 * worse * time * (host + 1) as f64 / HOSTS as f64) * if stretch % 7 == 3 { 0.6 } else { 1.0 };
        let down = host == 11 && (30..38).contains(&stretch) && run < 2;
        let thrash = host == 11 && (26..30).contains(&stretch) && run < 2;
        TrackBucket {
            cpu_demand_cores: if down { 0.0 } else { 4.0 * load },
            cpu_received_cores: if down { 0.0 } else { 4.0 * load.min(1.0) },
            cpu_demand_cores_max: 4.4 * load,
            cpu_requested_cores: 2.0,
            memory_used_bytes: 8e9 * load,
            memory_used_bytes_max: 8.2e9 * load,
            memory_requested_bytes: 4e9,
            attempts: 3.0,
            up: if down { 0.0 } else { 1.0 },
            thrash: if thrash { 1.0 } else { 0.0 },
        }
    };
    let timeline = |stretch: usize| {
        let time = stretch as f64 / STRETCHES as f64;
        TimelineBucket {
            cpu_demanded_core_seconds: 40.0 * seconds,
            cpu_pending_core_seconds: (2.0 + run as f64) * time * seconds,
            cpu_starved_core_seconds: 8.0 * worse * time * time * seconds,
            cpu_slowed_core_seconds: 0.0,
            cpu_throttled_core_seconds: if run == 2 { 1.5 * seconds } else { 0.0 },
            cpu_thread_bound_core_seconds: 0.0,
            cpu_host_down_core_seconds: if (30..38).contains(&stretch) && run < 2 { 3.0 * seconds } else { 0.0 },
            cpu_overloaded_host_seconds: (12.0 * time * worse).floor() * seconds,
            memory_overloaded_host_seconds: (6.0 * time * worse).floor() * seconds,
        }
    };
    let (job, host) = (JobId(0), HostId(0));
    let end = |job, host, why, minute: u64| EndRow { at: SimTime(minute * 60 * SECOND_US), job, attempt: 1, host, why };
    Record {
        edges: (0..=STRETCHES as u64).map(|i| SimTime(i * STRETCH_US)).collect(),
        hosts: (0..HOSTS)
            .map(|i| HostTrack {
                host: HostId(i as u32),
                name: format!("host-{i}"),
                cpu_capacity_cores: 4.0,
                memory_capacity_bytes: 8e9,
                buckets: (0..STRETCHES).map(|stretch| bucket(i, stretch)).collect(),
            })
            .collect(),
        timeline: (0..STRETCHES).map(timeline).collect(),
        ends: vec![
            end(job, host, EndReason::OomHost, 10),
            end(JobId(1), HostId(1), EndReason::EvictedPressure, 20),
            end(JobId(99), HostId(99), EndReason::HostDown, 150),
        ],
        life: vec![
            (SimTime(0), Change::HostUp { host }),
            (SimTime(0), Change::Arrived { job }),
            (SimTime(1), Change::Placed { job, host }),
            (SimTime(2), Change::Started { job, attempt: 1, host }),
            (SimTime(3), Change::Ended { job, attempt: 1, host, why: EndReason::OomHost, served: 1 << 70 }),
            (SimTime(4), Change::HostDown { host: HostId(1), cause: DownCause::Memory }),
            (
                SimTime(5),
                Change::Repeats {
                    job: JobId(1),
                    host,
                    why: crate::sim::EndReason::StartFailed,
                    times: 4,
                    last_attempt: 5,
                },
            ),
        ],
        load: None,
        over: vec![OverRow {
            host: HostId(11),
            lack: Lack::Memory,
            from: SimTime(STRETCH_US),
            to: SimTime(3 * STRETCH_US),
        }],
    }
}

/// Panics unless `text` is one well-formed XML element: tags balance, attributes are quoted, `<` and `&` are escaped.
pub fn check_xml(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_end();
    while let Some(at) = rest.find('<') {
        check_entities(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag without an end");
        let tag = &rest[at + 1..end];
        check_entities(tag);
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes in <{tag}>");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic()), "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') {
            assert!(!open.is_empty() || at == 0, "a second root");
            open.push(name);
        }
        rest = &rest[end + 1..];
        assert!(!open.is_empty() || rest.is_empty(), "text after the root: {rest}");
    }
    assert!(open.is_empty(), "left open: {open:?}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}')));
}

fn check_entities(text: &str) {
    for part in text.split('&').skip(1) {
        let known = ["lt;", "gt;", "amp;", "quot;", "apos;", "#"];
        assert!(known.iter().any(|entity| part.starts_with(entity)), "&{part}");
    }
}
