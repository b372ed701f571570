//! Traces from disk: the real openb files against an independent computation, and files that are broken.
//!
//! No row of a public trace is in this repository; where the shared folder is absent the first part is skipped, and
//! says so, unless `PLIMSOLL_REQUIRE` names `traces`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use plimsoll::rng::Seed;
use plimsoll::trace::{Budgets, TraceArg, read_hosts, read_trace};
use plimsoll::workload::{Capacity, JobKind, LoadScale, UsageMode, Workload, offered, scale_to};

/// The folder of the openb trace; `None`, announced, where it is absent.
pub fn openb() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces/alibaba-gpu-2023-openb");
    let required = std::env::var("PLIMSOLL_REQUIRE").is_ok_and(|what| what.split(',').any(|w| w.trim() == "traces"));
    assert!(folder.is_dir() || !required, "PLIMSOLL_REQUIRE names traces, and {} is absent", folder.display());
    there(folder)
}

/// The folder; `None`, announced, where it is absent.
pub fn there(folder: PathBuf) -> Option<PathBuf> {
    if folder.is_dir() {
        return Some(folder);
    }
    // Not by eprintln!, which the test harness would swallow.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {} is absent", folder.display()).unwrap();
    None
}

fn read_openb(path: &str, options: &[(&str, &str)]) -> (Workload, Capacity, usize) {
    let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let arg = TraceArg::parse(&format!("openb:{path}")).unwrap();
    let imported = read_trace(&arg, &options, &Budgets::default()).unwrap();
    let (workload, hosts, _) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    let capacity = Capacity {
        cpu_milli: hosts.iter().map(|h| h.cpu.0).sum(),
        memory_bytes: hosts.iter().map(|h| h.memory.0).sum(),
        gpu_milli: hosts.iter().map(|h| i64::from(h.gpus) * 1000).sum(),
    };
    (workload, capacity, hosts.len())
}

/// Jobs, sum of durations in s, most pods, milli-CPU and MiB at one moment; from the CSV by nothing but its commas.
fn by_hand(text: &str) -> (usize, i64, i64, i64, i64) {
    let mut events: Vec<(i64, i64, i64, i64)> = Vec::new();
    let (mut jobs, mut total) = (0, 0);
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let n = |i: usize| f[i].parse::<i64>().unwrap();
        let duration = n(9) - if f[10].is_empty() { n(8) } else { n(10) };
        (jobs, total) = (jobs + 1, total + duration);
        if duration > 0 {
            events.push((n(8), 1, n(1), n(2)));
            events.push((n(8) + duration, -1, -n(1), -n(2)));
        }
    }
    events.sort_unstable();
    let (mut now, mut peak) = ([0; 3], [0; 3]);
    for (_, one, cpu, memory) in events {
        now = [now[0] + one, now[1] + cpu, now[2] + memory];
        peak = std::array::from_fn(|i| peak[i].max(now[i]));
    }
    (jobs, total, peak[0], peak[1], peak[2])
}

#[test]
fn openb_is_what_ten_lines_make_of_its_csv() {
    let Some(folder) = openb() else { return };
    let text = std::fs::read_to_string(folder.join("openb_pod_list_default.csv")).unwrap();
    let (jobs, seconds, most, cpu, memory) = by_hand(&text);
    let (workload, capacity, hosts) = read_openb(folder.to_str().unwrap(), &[]);
    let sum: u64 = workload.ids().map(|job| workload.duration(job).unwrap().0).sum();
    let peak = offered(&workload, capacity);
    assert_eq!((workload.len(), hosts), (8_152, 1_523));
    assert_eq!((workload.len(), sum), (jobs, seconds as u64 * 1_000_000));
    assert_eq!(
        (peak.jobs_peak as i64, peak.cpu_peak_milli, peak.memory_peak_bytes >> 20),
        (most, cpu, memory),
        "peak concurrency, CPU and memory"
    );
    assert_eq!(peak.jobs_peak, 56);
    // The README of the trace: 125,514 cores and 6,212 GPUs.
    assert_eq!((capacity.cpu_milli, capacity.gpu_milli), (125_514_000, 6_212_000));
    assert!(workload.ids().all(|job| workload.spec(job).kind == JobKind::Batch));
    // The README of the trace: 897 pods were never scheduled.
    assert_eq!(read_openb(folder.to_str().unwrap(), &[("pending", "drop")]).0.len(), 8_152 - 897);
}

#[test]
fn openb_reaches_the_load_it_is_asked_for() {
    let Some(folder) = openb() else { return };
    for (load, share) in [("0.7", 0.7), ("cpu=0.5", 0.5), ("memory=0.3", 0.3), ("gpu=0.9", 0.9)] {
        let (workload, capacity, _) = read_openb(folder.to_str().unwrap(), &[]);
        let before: Vec<_> = workload.ids().map(|job| workload.duration(job)).collect();
        let (scaled, did) = scale_to(workload, capacity, LoadScale::parse(load).unwrap()).unwrap();
        let reached = did.offered.shares()[usize::from(did.resource)];
        assert!((reached - share).abs() <= 5e-4 * share, "{load}: {reached} at factor {}", did.factor);
        assert_eq!(offered(&scaled, capacity), did.offered);
        assert_eq!(scaled.ids().map(|job| scaled.duration(job)).collect::<Vec<_>>(), before);
    }
    let (workload, capacity, _) = read_openb(folder.to_str().unwrap(), &[]);
    let error = scale_to(workload, capacity, LoadScale::parse("cpu=0.9").unwrap()).unwrap_err();
    // Of the notes on public traces: requests in all are 68 % of CPU if all pods ran at once.
    assert_eq!(
        (error.to_string().as_str(), error.exit_code()),
        (
            "--load: even with all jobs arriving at once the peak of cpu is 0.68 of the cluster, below 0.9; that is the most reachable",
            3
        )
    );
}

#[test]
fn other_lists_of_openb_are_read_by_name_and_from_gzip() {
    let Some(folder) = openb() else { return };
    let at = |name: &str| folder.join(name).display().to_string();
    for (pods, jobs) in [("cpu050", 7_439), ("gpushare100", 8_152), ("gpuspec33", 8_152)] {
        let pods = at(&format!("openb_pod_list_{pods}.csv.gz"));
        let (workload, _, hosts) = read_openb(&format!("{},{pods}", at("openb_node_list_gpu_node.csv")), &[]);
        assert_eq!((workload.len(), hosts), (jobs, 1_213));
    }
    assert_eq!(read_hosts(&format!("openb:{}", folder.display()), &Budgets::default()).unwrap().len(), 1_523);
}

/// A folder of its own that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("plimsoll-it-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const HEAD: &str = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Reads `format:FOLDER/path` to the end and gives the error's text, its folder taken out, and its exit code.
fn broken(scratch: &Scratch, trace: &str, budgets: &Budgets) -> (String, u8) {
    let (format, path) = trace.split_once(':').unwrap();
    let arg = TraceArg::parse(&format!("{format}:{}", scratch.0.join(path).display())).unwrap();
    let error = read_trace(&arg, &BTreeMap::new(), budgets)
        .and_then(|imported| imported.finish(UsageMode::Request, Seed(1)))
        .and_then(|(_, hosts, _)| plimsoll::cluster::Cluster::new(hosts, &[]))
        .expect_err(trace);
    (error.to_string().replace(&format!("{}/", scratch.0.display()), ""), error.exit_code())
}

#[test]
fn a_broken_file_gives_its_place_what_was_found_and_what_would_do() {
    let head = |more: &str| HEAD.trim_end().to_string() + more + "\n";
    let rows: String = (0..20_000).map(|i| format!("j{i},{i},{},1,1\n", i * 7919 % 10_007)).collect();
    let whole = gzip(format!("{HEAD}{rows}").as_bytes());
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x55;
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            whole[..whole.len() / 2].to_vec(),
            "x.csv: the gzip data ends before its end; the file was cut short, so copy or download it again",
        ),
        (
            b"".to_vec(),
            "x.csv: no jobs: a header with job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes is needed (the file is empty)",
        ),
        (HEAD.into(), "x.csv: no jobs: there is no row below the header"),
        (
            [HEAD.as_bytes(), b"a,0,1,1,1\nb\xff,0,1,1,1\n"].concat(),
            "x.csv:3: not UTF-8 text; convert the file, such as by iconv -t UTF-8",
        ),
        (
            format!("{HEAD}a,0,1,1,-5\n").into(),
            "x.csv:2: memory_request_bytes: \"-5\" is negative; 0 or more bytes will do",
        ),
        (
            format!("{HEAD}a,0,1,9223372036854775808,1\n").into(),
            "x.csv:2: cpu_request_milli: \"9223372036854775808\" is too large; at most 2^53 will do",
        ),
        (
            format!("{HEAD}a,9223372036854775808,1,1,1\n").into(),
            "x.csv:2: arrival_us: \"9223372036854775808\" is too large; at most 2^61 µs, 2305843009213693952 microseconds will do",
        ),
        (
            format!("{HEAD}a,0,1,two,1\n").into(),
            "x.csv:2: cpu_request_milli: \"two\" is not a whole number of milli-CPU",
        ),
        (
            format!("{HEAD}a,0,1,,1\n").into(),
            "x.csv:2: cpu_request_milli: blank; a whole number of milli-CPU is needed",
        ),
        (format!("{HEAD}a,0,1,1,1\na,5,1,1,1\n").into(), "x.csv: two jobs are named \"a\""),
        (format!("{HEAD},0,1,1,1\n").into(), "x.csv:2: job: a job has no name"),
        (
            format!("{HEAD}a,0,,1,1\n").into(),
            "x.csv:2: duration: job \"a\": a batch job needs a duration (or kind: service for an open end)",
        ),
        (format!("{HEAD}\r\na,0,1,1,1,9\r\n").into(), "x.csv:3: 6 columns where the header has 5"),
        (
            format!("{}a,0,1,1,1,x\n", head(",priorty")).into(),
            "x.csv:1: unknown column \"priorty\"; did you mean \"priority\"?",
        ),
        (format!("{}a,0,1,1,1,x\n", head(",app,app")).into(), "x.csv:1: two columns are named \"app\""),
        (
            b"job,arrival_us\na,0\n".to_vec(),
            "x.csv:1: the header has no column \"duration_us\"; it has: job, arrival_us",
        ),
        (
            format!("{}a,0,1,1,1,cron\n", head(",kind")).into(),
            "x.csv:2: kind: \"cron\" will not do; batch or service will",
        ),
        (
            format!("{}a,0,1,1,1,1000;0\n", head(",gpus")).into(),
            "x.csv:2: gpus: job \"a\": 0 thousandths of a GPU; 1 to 1000 will do",
        ),
        (
            format!("{}a,0,1,1,1,zone\n", head(",node_selector")).into(),
            "x.csv:2: node_selector: \"zone\" is not KEY=VALUE",
        ),
        (format!("{}a,0,1,1,1,b\n", head(",after")).into(), "x.csv: job \"a\" comes after \"b\", which is not a job"),
        (
            format!("{HEAD}a,0,1,1,{}\n", "1".repeat(10_000_000)).into(),
            "x.csv:2: 1048577 bytes in one line is over the budget of 1048576; raise it with --max-line-bytes",
        ),
        (
            format!("{HEAD}\"a,0,1,1,1\nb,0,1,1,1\n").into(),
            "x.csv:2: a quoted field that begins on this line never ends",
        ),
    ];
    let scratch = Scratch::new("broken");
    for (bytes, message) in cases {
        scratch.file("x.csv", &bytes);
        assert_eq!(broken(&scratch, "native:x.csv", &Budgets::default()), (message.to_string(), 3));
    }
    // Where exactly damage shows depends on the decoder, so only the end of the sentence is held.
    scratch.file("x.csv", &damaged);
    let (message, code) = broken(&scratch, "native:x.csv", &Budgets::default());
    assert!(code == 3 && message.starts_with("x.csv:"), "{message}");

    for (trace, message) in [
        ("native:none.csv", "none.csv: there is no such file; check the path, or - reads from stdin"),
        (
            "openb:none",
            "none: there is no such folder; name the folder with the two lists, or openb:NODES.csv,PODS.csv",
        ),
        ("openb:x.csv", "x.csv: is one file; name both lists as openb:NODES.csv,PODS.csv, or their folder"),
    ] {
        assert_eq!(broken(&scratch, trace, &Budgets::default()), (message.to_string(), 3));
    }
}

#[test]
fn a_broken_file_beside_the_jobs_is_named() {
    let scratch = Scratch::new("beside");
    scratch.file("x.csv", format!("{HEAD}a,0,1,1,1\n").as_bytes());
    for (file, text, message) in [
        ("hosts", "host,cpu_milli,memory_bytes\nh,1,1\nh,1,1\n", "x.hosts.csv:3: host: two hosts are named \"h\""),
        (
            "hosts",
            "host,cpu_milli,memory_bytes\nh,0,1\n",
            "x.hosts.csv:2: cpu_milli: 0 is too little; a host needs more",
        ),
        (
            "hosts",
            "host,cpu_milli,memory_bytes,joins_us,leaves_us\nh,1,1,5,5\n",
            "x.hosts.csv:2: leaves_us: the host leaves before it joins",
        ),
        (
            "hosts",
            "host,cpu_milli,memory_bytes,label\nh,1,1,\n",
            "x.hosts.csv:1: unknown column \"label\"; did you mean \"labels\"?",
        ),
        (
            "usage",
            "job,length_us,cpu_milli,memory_bytes\na,1,1,1\nzz,1,1,1\n",
            "x.usage.csv:3: job: \"zz\" is not a job of x.csv",
        ),
        (
            "usage",
            "job,length_us,cpu_nano,memory_bytes\na,0,1,1\n",
            "x.usage.csv:2: length_us: a step of 0 µs; leave the row out",
        ),
        (
            "usage",
            "job,length_us,cpu_nano,cpu_milli,memory_bytes\na,1,1,1,1\n",
            "x.usage.csv:1: both cpu_nano and cpu_milli; one will do",
        ),
    ] {
        let name = format!("x.{file}.csv");
        scratch.file(&name, text.as_bytes());
        let got = broken(&scratch, "native:x.csv", &Budgets::default());
        assert_eq!(got, (message.to_string(), 3));
        std::fs::remove_file(scratch.0.join(name)).unwrap();
    }
    scratch.file("x.hosts.csv", b"");
    scratch.file("x.hosts.csv.gz", b"");
    assert_eq!(
        broken(&scratch, "native:x.csv", &Budgets::default()).0,
        "x.hosts.csv: x.hosts.csv.gz is there too; remove the one that does not belong"
    );
}

#[test]
fn a_budget_stops_a_trace_and_names_its_flag() {
    let scratch = Scratch::new("budget");
    scratch.file("x.csv", &gzip(format!("{HEAD}a,0,1,1,1\nb,0,1,1,1\n").as_bytes()));
    scratch.file("x.hosts.csv", b"host,cpu_milli,memory_bytes\ng,1,1\nh,1,1\n");
    scratch.file("x.usage.csv", b"job,length_us,cpu_nano,memory_bytes\na,1,1,1\na,1,1,1\n");
    let default = Budgets::default;
    for (budgets, message) in [
        (Budgets { max_jobs: 1, ..default() }, "x.csv:3: 2 jobs is over the budget of 1; raise it with --max-jobs"),
        (
            Budgets { max_hosts: 1, ..default() },
            "x.hosts.csv:3: 2 hosts is over the budget of 1; raise it with --max-hosts",
        ),
        (
            Budgets { max_usage_steps: 1, ..default() },
            "x.usage.csv:3: 2 usage steps is over the budget of 1; raise it with --max-usage-steps",
        ),
        (
            Budgets { max_decompressed_bytes: 60, ..default() },
            "x.csv: more than 60 bytes after decompression is over the budget of 60; raise it with --max-input-bytes",
        ),
    ] {
        assert_eq!(broken(&scratch, "native:x.csv", &budgets), (message.to_string(), 3));
    }
}

#[test]
fn gzip_of_several_members_bom_and_dos_line_ends_are_read() {
    let scratch = Scratch::new("forms");
    let (first, second) = (format!("\u{feff}{}a,5,1,1,1\r\n", HEAD.replace('\n', "\r\n")), "b,0,1,1,1");
    scratch.file("x.csv.gz", &[gzip(first.as_bytes()), gzip(second.as_bytes())].concat());
    scratch.file("x.hosts.csv", b"host,cpu_milli,memory_bytes\nh,1,1\n");
    let arg = TraceArg::parse(&format!("native:{}", scratch.0.join("x.csv.gz").display())).unwrap();
    let imported = read_trace(&arg, &BTreeMap::new(), &Budgets::default()).unwrap();
    let (workload, hosts, _) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    // Times out of order are fine: jobs are sorted by arrival.
    assert_eq!(workload.ids().map(|job| workload.name(job)).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(hosts.len(), 1);
    let plain = scratch.0.join("x.hosts.csv").display().to_string();
    assert_eq!(read_hosts(&plain, &Budgets::default()).unwrap(), hosts);
    assert_eq!(read_hosts(&format!("native:{plain}"), &Budgets::default()).unwrap(), hosts);
    // Hosts alone need no list of pods.
    scratch.file("openb_node_list_all_node.csv", b"sn,cpu_milli,memory_mib,gpu,model\nn,1,1,0,\n");
    assert_eq!(read_hosts(&format!("openb:{}", scratch.0.display()), &Budgets::default()).unwrap().len(), 1);
    for (text, message) in [
        ("opnb:x", "unknown trace format \"opnb\"; did you mean \"openb\"?"),
        ("none.csv", "none.csv: there is no such file; check the path, or - reads from stdin"),
    ] {
        assert_eq!(read_hosts(text, &Budgets::default()).unwrap_err().to_string(), message);
    }
}
