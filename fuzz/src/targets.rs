//! What is fuzzed: a function of bytes for each kind of input that people hand in.
//!
//! A target returns for every input, whatever it is: with a result or with an error that says where. Anything else (a
//! panic, a hang, memory without bound) is a finding. The same functions run over the corpus, and over mutations of it, in
//! the ordinary tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll::error::{Error, ErrorKind};
use plimsoll::kube::object::Objects;
use plimsoll::rng::Seed;
use plimsoll::scenario;
use plimsoll::trace::{Budgets, FORMATS, Imported, TraceArg, native, read_cluster, read_outages, read_trace};
use plimsoll::units::{Bytes, MilliCpu, Quantity, SimDuration};
use plimsoll::workload::UsageMode;

/// A kind of input.
pub struct Target {
    /// Name of the fuzz target and of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "yaml", run: yaml },
    Target { name: "manifests", run: manifests },
    Target { name: "quantity", run: quantity },
    Target { name: "native", run: |data| trace("native", data) },
    Target { name: "openb", run: |data| trace("openb", data) },
    Target { name: "google-2011", run: |data| trace("google-2011", data) },
    Target { name: "alibaba-2017", run: |data| trace("alibaba-2017", data) },
    Target { name: "alibaba-dlrm", run: |data| trace("alibaba-dlrm", data) },
    Target { name: "swf", run: |data| trace("swf", data) },
    Target { name: "azure-vm", run: |data| trace("azure-vm", data) },
    Target { name: "bitbrains", run: |data| trace("bitbrains", data) },
    Target { name: "prometheus", run: |data| trace("prometheus", data) },
    Target { name: "genai", run: |data| trace("genai", data) },
    Target { name: "opendc", run: |data| trace("opendc", data) },
    Target { name: "opendc-failures", run: |data| trace("opendc-failures", data) },
    Target { name: "k8s", run: |data| trace("k8s", data) },
];

/// Small enough that an input which gets round them is seen at once.
pub fn budgets() -> Budgets {
    Budgets {
        max_jobs: 2_000,
        max_hosts: 500,
        max_usage_steps: 20_000,
        max_line_bytes: 1 << 16,
        max_decompressed_bytes: 4 << 20,
        careful: false,
    }
}

/// A scenario of one file, without any other.
pub fn yaml(data: &[u8]) {
    let budgets =
        scenario::Budgets { trace: budgets(), jobs: 2_000, hosts: 500, failures: 2_000, ..Default::default() };
    if let Ok(file) = scenario::read_text(data, &budgets) {
        // Nothing that a scenario names is there.
        told(scenario::resolve(&file, Path::new("no/such/folder"), &budgets).map(drop), false);
    }
}

/// Kubernetes manifests, as YAML or JSON.
pub fn manifests(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut objects = Objects::default();
    told(objects.read_text(text).and_then(|()| objects.resolve_priorities()), false);
}

/// Amounts and lengths of time as people write them.
pub fn quantity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Quantity::parse(text);
    if let Ok(cpu) = MilliCpu::parse(text) {
        assert_eq!(MilliCpu::parse(&cpu.to_string()).ok(), Some(cpu), "{text:?} prints as {cpu}");
    }
    if let Ok(bytes) = Bytes::parse(text) {
        assert_eq!(Bytes::parse(&bytes.to_string()).ok(), Some(bytes), "{text:?} prints as {bytes}");
    }
    if let Ok(length) = SimDuration::parse(text) {
        assert_eq!(SimDuration::parse(&length.to_string()).ok(), Some(length), "{text:?} prints as {length}");
    }
}

/// The files of one input: everything up to the first line `=== NAME` is the first of `names`, what follows is NAME, if it
/// is one of them.
fn files<'a>(data: &'a [u8], names: &[&'static str]) -> Vec<(&'static str, &'a [u8])> {
    let mut found: Vec<(&'static str, &[u8])> = Vec::new();
    let (mut name, mut from, mut at) = (names.first().copied(), 0, 0);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(next) = line.strip_prefix(b"=== ") {
            found.extend(name.map(|name| (name, &data[from..at])));
            let next = next.trim_ascii_end();
            name = names.iter().copied().find(|known| known.as_bytes() == next);
            from = at + line.len();
        }
        at += line.len();
    }
    found.extend(name.map(|name| (name, &data[from..])));
    found
}

/// Names of the files that a format may find; the first is the one to name, unless it takes their folder.
fn layout(format: &str) -> (&'static [&'static str], bool) {
    match format {
        "native" => (&["x.csv", "x.hosts.csv", "x.usage.csv", "x.outages.csv", "x.objects.json"], false),
        "openb" => (&["openb_pod_list_default.csv", "openb_node_list_all_node.csv"], true),
        "google-2011" => (
            &[
                "task_events.csv",
                "job_events.csv",
                "machine_events.csv",
                "machine_attributes.csv",
                "task_constraints.csv",
                "task_usage.csv",
            ],
            true,
        ),
        "alibaba-2017" => (
            &[
                "batch_task.csv",
                "batch_instance.csv",
                "server_event.csv",
                "container_event.csv",
                "container_usage.csv",
                "server_usage.csv",
            ],
            true,
        ),
        "azure-vm" => (&["vmtable.csv", "vm_cpu_readings-file-1.csv", "vm_cpu_readings-file-2.csv"], true),
        "bitbrains" => (&["1.csv", "2013-7/2.csv", "2013-8/2.csv"], true),
        "k8s" => (&["9-nodes.json", "10-pods.yaml"], true),
        "opendc" => (&["x_tasks.csv", "x_fragments.csv"], true),
        _ => (&["x"], false),
    }
}

/// Reads `data` as a trace of `format`: jobs, hosts, usage and outages, as far as it gives them; what was read is written
/// in the native format and read again.
pub fn trace(format: &'static str, data: &[u8]) {
    let folder = Scratch::new(format);
    let (names, is_folder) = layout(format);
    for (name, bytes) in files(data, names) {
        let path = folder.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder in the scratch folder");
        }
        std::fs::write(path, bytes).expect("a file in the scratch folder");
    }
    let path = if is_folder { folder.0.clone() } else { folder.0.join(names[0]) };
    let info = FORMATS.iter().find(|info| info.name == format).expect("a format of the table");
    let text = format!("{format}:{}", path.display());
    let (arg, none, budgets) = (TraceArg::parse(&text).expect("a known format"), BTreeMap::new(), budgets());
    if info.read_hosts.is_some() {
        told(read_cluster(&text, &none, &budgets).map(drop), true);
    }
    if info.read_outages.is_some() {
        told(read_outages(&arg, &none, &budgets).map(drop), true);
    }
    if info.read_usage.is_some() {
        let jobs = folder.0.join("jobs.csv");
        std::fs::write(&jobs, JOBS).expect("a file in the scratch folder");
        let under = TraceArg::parse(&format!("native:{}", jobs.display())).expect("a known format");
        let mut imported = read_trace(&under, &none, &budgets).expect("jobs by hand");
        told(imported.overlay(&arg, &none, &budgets), true);
    }
    if info.read.is_some() {
        let outcome = |careful| match read_trace(&arg, &none, &Budgets { careful, ..budgets }) {
            Ok(imported) => (again(imported), false),
            Err(error) => (Err(error), true),
        };
        let (fast, careful) = (outcome(false), outcome(true));
        let said = |(result, _): &(Result<_, Error>, bool)| result.as_ref().map_err(Error::to_string).cloned();
        assert!(said(&fast) == said(&careful), "the careful reader says another thing");
        told(fast.0.map(drop), fast.1);
    }
}

/// Jobs for usage to lie over.
const JOBS: &str = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,namespace\n\
    a,0,5000000,1000,1000000,default\nb,0,5000000,500,1000000,shop\n";

/// Sorts what was read, writes it and checks the sums of the report. Gives what was written and the report.
fn again(imported: Imported) -> Result<(native::NativeFiles, String), Error> {
    let report = &imported.report;
    let dropped: u64 = report.rows_dropped.values().sum();
    assert!(report.rows_used <= report.rows_read, "{report:?}");
    assert!(report.rows_used + dropped <= report.rows_read + dropped, "{report:?}");
    assert_eq!(report.hosts, imported.hosts.len() as u64);
    let (workload, hosts, report) = imported.finish(UsageMode::Request, Seed(1))?;
    assert_eq!(report.jobs, workload.len() as u64);
    Ok((native::write(&workload, &hosts)?, report.to_string()))
}

/// An error says something, is one of input, usage or budget, and names its file where it came from one.
fn told(result: Result<(), Error>, of_file: bool) {
    let Err(error) = result else { return };
    assert!(!error.message().is_empty());
    assert!(matches!(error.kind(), ErrorKind::Input | ErrorKind::Usage | ErrorKind::Budget), "{error}");
    assert!(!of_file || error.file().is_some() || error.kind() == ErrorKind::Usage, "no file: {error}");
}

/// A folder that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        // In memory where there is such a place: a fuzzer writes thousands of files a second.
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_path_buf() } else { std::env::temp_dir() };
        let folder = base.join(format!("plimsoll-fuzz-{name}-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
