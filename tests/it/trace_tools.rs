//! `plimsoll trace`: what is converted replays as before, samples do not depend on rows, what is generated can be run,
//! and nothing is written by halves.

use std::io::Read;

use plimsoll::rng::Seed;
use plimsoll::trace::{Budgets, TraceArg, read_trace};
use plimsoll::units::{SECOND_US, SimDuration, SimTime};
use plimsoll::workload::stats::{LogNormal, Summary, hill, stats};
use plimsoll::workload::{Job, UsageMode, Workload, WorkloadBuilder};

use crate::program::{Folder, expect, plimsoll, run};
use crate::traces::openb;

/// Nodes and pods in the layout of openb, made by hand: pods that wait, share GPUs, are never scheduled, or are dropped.
fn openb_like(folder: &Folder) -> String {
    let mut nodes = String::from("sn,cpu_milli,memory_mib,gpu,model\n");
    for i in 0..6 {
        let (gpus, model) = if i < 2 { (2, "A1") } else { (0, "") };
        nodes.push_str(&format!("node-{i},{},{},{gpus},{model}\n", 8_000 + 4_000 * i, 16_384));
    }
    let mut pods = String::from(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n",
    );
    for i in 0..120u64 {
        let at = i * 37 % 1_000;
        let scheduled = if i % 9 == 4 { String::new() } else { (at + i % 5).to_string() };
        let deleted = if i == 50 { String::new() } else { (at + 60 + i * i % 700).to_string() };
        let (gpus, milli) = if i % 4 == 0 { (1, 250) } else { (0, 0) };
        pods.push_str(&format!(
            "pod-{i:03},{},{},{gpus},{milli},,LS,Running,{at},{deleted},{scheduled}\n",
            500 + i * 70 % 4_000,
            256 + i * 90 % 5_000
        ));
    }
    folder.put("nodes.csv", nodes.as_bytes());
    folder.put("pods.csv", pods.as_bytes());
    format!("{},{}", folder.of("nodes.csv"), folder.of("pods.csv"))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Digests of a run of `trace` against three control planes.
fn digests(trace: &str) -> Vec<String> {
    let (out, _) = expect(0, &["run", "--trace", trace, "--seed", "3", "--format", "json"]);
    let runs = json(&out)["runs"].as_array().unwrap().clone();
    assert_eq!(runs.len(), 3, "chef, fleet and kubernetes");
    runs.iter().map(|run| format!("{} {}", run["name"], run["digest"])).collect()
}

#[test]
fn an_imported_trace_replays_as_the_trace_itself() {
    let folder = Folder::new("import-replay");
    let trace = openb_like(&folder);
    let direct = digests(&format!("openb:{trace}"));
    for (name, packed) in [("x.csv", false), ("y.csv.gz", true)] {
        let (out, err) = expect(0, &["trace", "import", "openb", &trace, "-o", &folder.of(name)]);
        assert!(out.contains("119 of 120 rows used") && out.contains("dropped: 1 ×") && err.is_empty(), "{out}{err}");
        assert_eq!(digests(&format!("native:{}", folder.of(name))), direct);
        let hosts = if packed { "y.hosts.csv.gz" } else { "x.hosts.csv" };
        assert!(folder.path().join(hosts).exists() && !folder.path().join("x.usage.csv").exists());
    }
    // Files one by one are joined as the format wants them; the jobs go to stdout alone, what is said to stderr.
    let files: Vec<&str> = trace.split(',').collect();
    let (out, err) = expect(0, &["trace", "import", "openb", files[0], files[1], "-o", "-"]);
    assert_eq!(out, std::fs::read_to_string(folder.path().join("x.csv")).unwrap());
    assert!(err.contains("119 of 120 rows used"), "{err}");
    let mut plain = String::new();
    let packed = std::fs::File::open(folder.path().join("y.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut plain).unwrap();
    assert_eq!(plain, out);
}

#[test]
fn an_imported_cluster_replays_as_the_dump_itself() {
    let folder = Folder::new("import-cluster");
    let dump = "tests/traces/k8s/cluster.json";
    expect(0, &["trace", "import", "k8s", dump, "-o", &folder.of("k.csv.gz")]);
    assert!(folder.path().join("k.objects.json.gz").exists());
    assert_eq!(digests(&format!("native:{}", folder.of("k.csv.gz"))), digests(&format!("k8s:{dump}")));
}

#[test]
fn a_report_counts_what_was_left_out_and_strict_forbids_it() {
    let folder = Folder::new("import-report");
    let trace = openb_like(&folder);
    let report = folder.of("r.json");
    expect(0, &["trace", "import", "openb", &trace, "-o", &folder.of("x.csv"), "--report", &report]);
    let said = json(&std::fs::read_to_string(&report).unwrap());
    assert_eq!(
        (&said["rows_read"], &said["rows_used"], &said["jobs"], &said["hosts"]),
        (&120.into(), &119.into(), &119.into(), &6.into())
    );
    let dropped: u64 = said["rows_dropped"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(dropped, 1);
    assert!(said["warnings"].is_array());
    let (_, err) = expect(3, &["trace", "import", "openb", &trace, "-o", &folder.of("z.csv"), "--strict"]);
    assert!(err.contains("pods.csv:52") && err.contains("--strict"), "{err}");
    assert!(!folder.path().join("z.csv").exists());
    // Nothing that is there is overwritten, be it the table or the report.
    let (_, err) = expect(2, &["trace", "import", "openb", &trace, "-o", &folder.of("x.csv")]);
    assert!(err.contains("x.csv") && err.contains("--force"), "{err}");
    let (_, err) = expect(2, &["trace", "import", "openb", &trace, "-o", &folder.of("z.csv"), "--report", &report]);
    assert!(err.contains("r.json") && err.contains("--force"), "{err}");
    let (_, err) = expect(2, &["trace", "import", "openb", &trace, "-o", &report, "--report", &report]);
    assert!(err.contains(".csv"), "{err}");
    expect(0, &["trace", "import", "openb", &trace, "-o", &folder.of("x.csv"), "--report", &report, "--force"]);
    let args = ["trace", "import", "openb", &trace, "-o", &folder.of("z.csv"), "--max-output-bytes", "500"];
    let (_, err) = expect(3, &args);
    assert!(err.contains("--max-output-bytes") && !folder.path().join("z.csv").exists(), "{err}");
    assert!(
        std::fs::read_dir(folder.path()).unwrap().all(|f| !f.unwrap().file_name().to_str().unwrap().contains("tmp"))
    );
}

#[test]
fn a_window_is_cut_on_import() {
    let folder = Folder::new("import-window");
    let trace = openb_like(&folder);
    let args = ["trace", "import", "openb", &trace, "-o", &folder.of("x.csv"), "--from", "300s", "--to", "500s"];
    let (out, _) = expect(0, &args);
    assert!(out.contains("window from 5m"), "{out}");
    let (out, _) = expect(0, &["trace", "stat", &format!("native:{}", folder.of("x.csv")), "--format", "json"]);
    let w = &json(&out)["workload"];
    assert!(w["last_arrival_s"].as_f64().unwrap() < 200.0 && w["jobs"].as_u64().unwrap() < 119, "{out}");
    assert_eq!(w["first_arrival_s"], 0.0);
    let (_, err) = expect(2, &["trace", "import", "openb", &trace, "-o", "-", "--from", "5s", "--to", "5s"]);
    assert!(err.contains("--to"), "{err}");
}

#[test]
fn a_sample_is_the_same_whatever_the_order_of_rows() {
    let folder = Folder::new("sample");
    let jobs = |order: &dyn Fn(u64) -> u64| {
        let mut text = String::from("job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,app,after\n");
        for row in 0..400 {
            let i = order(row);
            let after = if i % 4 == 3 { format!("j{}", i - 1) } else { String::new() };
            text.push_str(&format!("j{i},{},1000,100,1000,a{},{after}\n", i * 10, i / 4));
        }
        text
    };
    folder.put("a.csv", jobs(&|row| row).as_bytes());
    folder.put("b.csv", jobs(&|row| 399 - row).as_bytes());
    let rows = |row: &str| (0..20).map(|i| format!("h{i},{row}\n")).collect::<String>();
    folder.put("a.hosts.csv", format!("host,cpu_milli,memory_bytes\n{}", rows("1000,1000")).as_bytes());
    folder.put("a.outages.csv", format!("host,at,for\n{}", rows("1s,1s")).as_bytes());
    let sample = |file: &str, more: &[&str]| {
        let trace = format!("native:{}", folder.of(file));
        expect(0, &[&["trace", "sample", &trace, "-o", "-"], more].concat())
    };
    for more in [&["--share", "0.3"][..], &["--jobs", "50"], &["--jobs", "50", "--by", "app"]] {
        let (one, said) = sample("a.csv", more);
        assert_eq!(one, sample("b.csv", more).0, "{more:?}");
        assert!(said.contains("of 400 under seed 1"), "{said}");
        // What no longer waits is counted, unless apps are kept whole.
        assert_eq!(said.contains("no longer hold"), !more.contains(&"app"), "{more:?}: {said}");
        assert_ne!(one, sample("a.csv", &[more, &["--seed", "2"]].concat()).0);
    }
    let trace = format!("native:{}", folder.of("a.csv"));
    let (out, _) =
        expect(0, &["trace", "sample", &trace, "--jobs", "52", "--hosts-share", "0.5", "-o", &folder.of("s.csv")]);
    let rows = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count() - 1;
    assert_eq!((rows("s.csv"), rows("s.hosts.csv")), (52, rows("s.outages.csv")), "{out}");
    assert!((4..17).contains(&rows("s.hosts.csv")), "{out}");
    let (_, err) = expect(2, &["trace", "sample", &trace, "-o", "-"]);
    assert!(err.contains("--share"), "{err}");
}

#[test]
fn scaling_moves_arrivals_and_never_changes_durations() {
    let folder = Folder::new("scale");
    let trace = openb_like(&folder);
    let openb = format!("openb:{trace}");
    let durations = |text: &str| {
        let mut all: Vec<String> = text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().into()).collect();
        all.sort();
        all
    };
    let (plain, _) = expect(0, &["trace", "import", "openb", &trace, "-o", "-"]);
    for more in [&["--load", "0.5"][..], &["--speed", "4"], &["--load", "memory=0.4"]] {
        let (out, said) = expect(0, &[&["trace", "scale", &openb, "-o", "-"], more].concat());
        assert_eq!(durations(&out), durations(&plain), "{more:?}");
        assert_ne!(out, plain);
        assert!(said.contains("times between arrivals divided by"), "{said}");
    }
    let (more, said) = expect(0, &["trace", "scale", &openb, "--growth", "1.5", "-o", "-"]);
    let copies = more.lines().filter(|line| line.split(',').next().unwrap().ends_with("+1")).count();
    assert!((40..80).contains(&copies) && more.lines().count() == 120 + copies, "{said}");
    for line in more.lines().filter(|line| line.contains("+1,")) {
        let original = line.replacen("+1,", ",", 1);
        assert!(more.contains(&original), "{line}");
    }
    let (_, err) = expect(2, &["trace", "scale", &openb, "-o", "-"]);
    assert!(err.contains("nothing to do"), "{err}");
    let args =
        ["trace", "scale", &format!("native:{}", folder.put("n.csv", plain.as_bytes())), "--load", "0.5", "-o", "-"];
    let (_, err) = expect(2, &args);
    assert!(err.contains("--cluster"), "{err}");
    expect(0, &[&args[..], &["--cluster", &openb]].concat());
}

#[test]
fn figures_come_as_table_json_csv_and_picture() {
    let folder = Folder::new("stat");
    let trace = format!("openb:{}", openb_like(&folder));
    let svg = folder.of("x.svg");
    let (table, _) = expect(0, &["trace", "stat", &trace, "--svg", &svg]);
    for word in ["119 jobs (119 batch, 0 services", "log-normal fit", "arrivals by hour", "6 hosts:", "dropped: 1"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 130 || line.starts_with("  ")), "{table}");
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.contains("<title>") && picture.contains("GPUs requested at once") && !picture.contains("/tmp"));
    let (_, err) = expect(2, &["trace", "stat", &trace, "--svg", &svg]);
    assert!(err.contains("--force"), "{err}");
    let value = json(&expect(0, &["trace", "stat", &trace, "--format", "json"]).0);
    let (csv, _) = expect(0, &["trace", "stat", &trace, "--format", "csv"]);
    let cell = |start: &str| {
        let line = csv.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {csv}"));
        line.rsplit(',').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(cell("duration,p50,s,"), value["workload"]["duration_s"]["p50"].as_f64().unwrap());
    assert_eq!(cell("rows dropped,"), 1.0);
    assert!(csv.lines().all(|line| line.split(',').count() == 4 || line.contains('"')), "{csv}");
}

#[test]
fn what_is_generated_is_the_same_again_and_can_be_run() {
    let folder = Folder::new("generate");
    let args = ["trace", "generate", "--jobs", "300", "--hosts", "60", "--host-mtbf", "1d", "--seed", "5", "-o"];
    let (said, _) = expect(0, &[&args[..], &[&folder.of("a.csv")]].concat());
    assert!(said.contains("300 jobs") && said.contains("60 hosts") && said.contains("offered load"), "{said}");
    expect(0, &[&args[..], &[&folder.of("b.csv")]].concat());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for table in ["csv", "hosts.csv", "outages.csv", "usage.csv"] {
        assert_eq!(read(&format!("a.{table}")), read(&format!("b.{table}")), "{table}");
        assert!(read(&format!("a.{table}")).lines().count() > 10, "{table}");
    }
    // Usage is what a run under the same seed would draw itself.
    let usage = [
        "trace",
        "generate",
        "--jobs",
        "300",
        "--hosts",
        "60",
        "--seed",
        "5",
        "--host-mtbf",
        "0s",
        "--rack-mtbf",
        "0s",
    ];
    expect(0, &[&usage[..], &["-o", &folder.of("c.csv")]].concat());
    expect(0, &[&usage[..], &["--usage-steps", "0", "-o", &folder.of("d.csv")]].concat());
    assert!(!folder.path().join("c.outages.csv").exists() && !folder.path().join("d.usage.csv").exists());
    let digest = |name: &str| {
        let trace = format!("native:{}", folder.of(name));
        let args = ["run", "--trace", &trace, "--orchestrator", "first-fit", "--seed", "5", "--format", "json"];
        let args = [&args[..], &["--horizon", "1h"]].concat();
        json(&expect(0, &args).0)["runs"][0]["digest"].to_string()
    };
    assert_eq!(digest("c.csv"), digest("d.csv"));
    // For a time instead of a number; durations of a list.
    let list = folder.put("list.csv", b"runtime\n12.5\n12.5\n");
    let (out, _) =
        expect(0, &["trace", "generate", "--for", "30m", "--durations", &list, "--service-share", "0", "-o", "-"]);
    let column =
        |n: usize| out.lines().skip(1).map(move |line| line.split(',').nth(n).unwrap().parse::<u64>().unwrap());
    assert!(
        column(1).all(|at| at < 1_800 * SECOND_US) && column(2).all(|us| us == 12_500_000) && column(1).count() > 50
    );
    for (args, message) in [
        (&["--rate", "0"][..], "--rate: 0 will not do"),
        (&["--jobs", "0"], "--jobs"),
        (&["--for", "0s"], "--for"),
        (&["--durations", "/nowhere"], "no such file"),
        (&["--sizes", "log-normal"], "--like"),
        (&["--host-mtbf", "1us"], "--host-mtbf"),
    ] {
        let output = run(&[&["trace", "generate", "-o", "-"], args].concat());
        let err = String::from_utf8(output.stderr).unwrap();
        assert!([2, 3].contains(&output.status.code().unwrap()) && err.contains(message), "{args:?}: {err}");
    }
    let bad = folder.put("bad.csv", b"1\nx\n");
    let (_, err) = expect(3, &["trace", "generate", "--durations", &bad, "-o", "-"]);
    assert!(err.contains("bad.csv:2: seconds"), "{err}");
}

#[test]
fn a_trace_like_another_says_how_like_it_is() {
    let folder = Folder::new("like");
    let trace = format!("openb:{}", openb_like(&folder));
    for sizes in ["empirical", "log-normal"] {
        let args = [
            "trace",
            "generate",
            "--like",
            &trace,
            "--jobs",
            "500",
            "--sizes",
            sizes,
            "-o",
            &folder.of("l.csv"),
            "--force",
        ];
        let (said, _) = expect(0, &args);
        for word in ["time between arrivals, s", "rank correlation", "KS", "mean cores requested at once", "6 hosts"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        let rows = std::fs::read_to_string(folder.path().join("l.csv")).unwrap();
        assert_eq!(rows.lines().count(), 501);
    }
}

#[test]
fn help_stands_and_a_closed_pipe_is_no_error() {
    for command in ["import", "stat", "sample", "scale", "generate"] {
        let (out, _) = expect(0, &["trace", command, "--help"]);
        assert!(out.contains("Examples:"), "{command}");
    }
    let mut child = plimsoll()
        .args(["trace", "generate", "--jobs", "20000", "--usage-steps", "0", "-o", "-"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A workload of the pods of openb that last from creation to deletion.
fn created_to_deleted(text: &str) -> Workload {
    let mut builder = WorkloadBuilder::new();
    for line in text.lines().skip(1) {
        let f: Vec<&str> = line.split(',').collect();
        let n = |i: usize| f[i].parse::<u64>().unwrap();
        let (at, length) = (SimTime(n(8) * SECOND_US), SimDuration((n(9) - n(8)) * SECOND_US));
        let cpu = plimsoll::units::MilliCpu(n(1) as i64);
        builder.push(Job::batch(f[0], at, length, cpu, plimsoll::units::Bytes::mib(n(2) as i64))).unwrap();
    }
    builder.finish(UsageMode::Request, Seed(1)).unwrap()
}

/// The notes on public traces (section 6.1) measured openb from creation to deletion of a pod, its wait included; what is
/// replayed leaves the wait out (section 2), so its durations are shorter.
#[test]
fn openb_has_the_figures_of_the_notes_on_public_traces() {
    let Some(folder) = openb() else { return };
    let text = std::fs::read_to_string(folder.join("openb_pod_list_default.csv")).unwrap();
    let rounded = |s: Summary| [s.p10, s.p50, s.p90, s.p99].map(f64::round);
    let near = |found: f64, wanted: f64, by: f64| assert!((found - wanted).abs() <= by, "{found} is not {wanted}");
    let noted = stats(&created_to_deleted(&text), 0);
    assert_eq!(rounded(noted.duration_s.unwrap()), [80.0, 540.0, 6_573.0, 96_510.0]);
    let LogNormal { median, sigma } = noted.duration_fit.unwrap();
    near(median, 629.0, 1.0);
    near(sigma, 1.88, 0.005);
    near(noted.duration_tail_index.unwrap(), 0.80, 0.005);
    let gaps = noted.between_arrivals_s.unwrap();
    assert_eq!((gaps.p50, gaps.mean.round()), (161.0, 1_583.0));
    near(noted.between_arrivals_cv, 21.0, 0.5);
    near(noted.top_percent_work_share.unwrap(), 0.92, 0.005);

    let arg = TraceArg::parse(&format!("openb:{}", folder.display())).unwrap();
    let read = read_trace(&arg, &Default::default(), &Budgets::default()).unwrap();
    let (workload, _, _) = read.finish(UsageMode::Request, Seed(1)).unwrap();
    let replayed = stats(&workload, 0);
    assert_eq!(rounded(replayed.duration_s.unwrap()), [60.0, 485.0, 6_517.0, 94_573.0]);
    near(replayed.duration_fit.unwrap().median, 561.0, 1.0);
    near(replayed.duration_tail_index.unwrap(), 0.80, 0.005);
    near(replayed.top_percent_work_share.unwrap(), 0.92, 0.005);
    near(replayed.between_arrivals_cv, 21.0, 0.5);
    // Run times of Philly, a column with a header: 61 / 1,186 / 12,860 / 287,300 s in the notes; 0 s are kept there.
    let path = folder.join("../philly-runtimes/philly_runtime.csv.gz");
    let mut column = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut column).unwrap();
    let mut runs: Vec<f64> = column.lines().skip(1).map(|line| line.trim().parse().unwrap()).collect();
    let philly = Summary::of(&mut runs).unwrap();
    assert_eq!((philly.p10, philly.p50, philly.p90.round()), (61.0, 1_186.0, 12_859.0));
    near(hill(&runs, 0.05).unwrap(), 0.91, 0.005);
}

/// Of a log in the standard workload format, whose run times have no wait in them, the notes' figures come out as they are.
#[test]
fn the_log_of_nasa_has_the_figures_of_the_notes_on_public_traces() {
    let Some(folder) = openb() else { return };
    let path = folder.join("../swf/NASA-iPSC-1993-3.1-cln.swf.gz");
    let arg = TraceArg::parse(&format!("swf:{}", path.display())).unwrap();
    let read = read_trace(&arg, &Default::default(), &Budgets::default()).unwrap();
    let origin_us = read.report.origin_us;
    let (workload, _, _) = read.finish(UsageMode::Request, Seed(1)).unwrap();
    let found = stats(&workload, origin_us);
    let near = |found: f64, wanted: f64, by: f64| assert!((found - wanted).abs() <= by, "{found} is not {wanted}");
    let duration = found.duration_s.unwrap();
    assert_eq!((duration.count, duration.p10, duration.p50, duration.p90.round()), (18_239, 14.0, 86.0, 1_479.0));
    near(duration.p99, 10_930.0, 5.0);
    near(found.duration_fit.unwrap().median, 108.0, 0.5);
    near(found.duration_fit.unwrap().sigma, 1.82, 0.005);
    near(found.duration_tail_index.unwrap(), 1.25, 0.005);
    assert_eq!((found.between_arrivals_s.unwrap().p50, found.between_arrivals_s.unwrap().mean.round()), (90.0, 436.0));
    near(found.between_arrivals_cv, 9.5, 0.05);
    near(found.hourly_dispersion.unwrap(), 17.0, 0.5);
    let share = |hour: usize| found.arrivals_by_hour[hour] as f64 / found.jobs as f64;
    near(share(3), 0.003, 0.0005);
    near(share(11), 0.093, 0.0005);
}
