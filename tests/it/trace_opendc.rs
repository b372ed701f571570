//! Workloads, failures and topologies of OpenDC against short computations of their own, and replayed. What is Parquet
//! takes the feature of that name; without it the program says how to be built.

use plimsoll::trace::{Budgets, read_cluster};

#[cfg(not(feature = "parquet"))]
use crate::program;
use crate::shared_traces::shared;

#[test]
fn topologies_are_hosts() {
    for (file, hosts, cores, bytes) in [
        ("surf.json", 277, 16, 100_000i64 << 20),
        ("borg.json", 1_534, 48, 100_000 << 20),
        ("marconi.json", 972, 48, 100_000 << 20),
        ("solvinity.json", 0, 0, 0),
    ] {
        let Some(path) = shared(&format!("opendc-topologies/{file}")) else { return };
        let read =
            read_cluster(&format!("opendc:{}", path.display()), &Default::default(), &Budgets::default()).unwrap();
        if hosts > 0 {
            assert_eq!(read.hosts.len(), hosts, "{file}");
            assert!(read.hosts.iter().all(|h| (h.cpu.0, h.memory.0) == (cores * 1_000, bytes)), "{file}");
            continue;
        }
        // Each host by itself, with memory in bytes.
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(read.hosts.len(), text.matches("\"cpu\"").count());
        let sum: u64 = text
            .lines()
            .filter(|line| line.contains("memorySize"))
            .map(|line| line.split(' ').find_map(|word| word.trim_matches('"').parse::<u64>().ok()).unwrap())
            .sum();
        assert_eq!(read.hosts.iter().map(|h| h.memory.0 as u64).sum::<u64>(), sum);
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_the_feature_the_program_says_how_to_be_built() {
    let folder = program::Folder::new("no-parquet");
    let file = folder.put("x.parquet", b"PAR1");
    let hidden = folder.put("x.csv", b"PAR1 and more");
    for (trace, code) in [
        (format!("opendc:{file},{file}"), 2),
        (format!("opendc:{}", folder.path().display()), 2),
        (format!("native:{file}"), 2),
        (file.clone(), 2),
        // Found out when it is opened, as any other damage.
        (format!("native:{hidden}"), 3),
    ] {
        let (_, err) = program::expect(code, &["run", "--trace", &trace, "--hosts", "1:1,1Gi"]);
        assert!(err.contains("build with: cargo build --release --features parquet"), "{err}");
    }
    let (_, err) = program::expect(2, &["run", "scenarios/burst.yaml", "-o", &folder.of("out"), "--parquet"]);
    assert!(err.contains("--parquet: this build writes no Parquet"), "{err}");
    let jobs = folder.put("j.csv", b"job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\na,0,1,1,1\n");
    let (_, err) = program::expect(2, &["trace", "import", "native", &jobs, "-o", &folder.of("y.parquet")]);
    assert!(err.contains("this build writes no Parquet"), "{err}");
}

#[cfg(feature = "parquet")]
mod parquet {
    use std::collections::BTreeMap;
    use std::path::Path;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::Field;
    use plimsoll::trace::{Budgets, OutageTarget, TraceArg, native, native_table, read_outages};
    use plimsoll::workload::Workload;

    use crate::program::{self, Folder};
    use crate::shared_traces::{import, shared};

    /// The rows of a file, as far as they are numbers.
    fn rows(path: &Path) -> Vec<BTreeMap<String, f64>> {
        let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let number = |field: &Field| match field {
            Field::Int(n) => Some(f64::from(*n)),
            Field::Long(n) | Field::TimestampMillis(n) => Some(*n as f64),
            Field::Float(x) => Some(f64::from(*x)),
            Field::Double(x) => Some(*x),
            Field::Str(text) => text.parse().ok(),
            _ => None,
        };
        let row = |row: ::parquet::errors::Result<::parquet::record::Row>| {
            row.unwrap().get_column_iter().filter_map(|(name, field)| Some((name.clone(), number(field)?))).collect()
        };
        file.get_row_iter(None).unwrap().map(row).collect()
    }

    /// Core-seconds of each task over its duration.
    fn work(workload: &Workload) -> BTreeMap<u64, f64> {
        let of = |job| {
            let (mut left, mut work) = (workload.duration(job).unwrap().0, 0.0);
            for step in workload.profile(job) {
                let length = step.length_us.min(left);
                left -= length;
                work += step.cpu_nano as f64 / 1e9 * length as f64 / 1e6;
            }
            (workload.name(job).parse().unwrap(), work)
        };
        workload.ids().map(of).collect()
    }

    #[test]
    fn workloads_are_what_a_few_lines_make_of_their_files() {
        for (stem, jobs, fragments, unit) in
            [("bitbrains-opendc/bitbrains-small", 50, 276_979, "KB"), ("opendc-surf/surf_week", 6_295, 2_323_475, "MB")]
        {
            let Some(tasks) = shared(&format!("{stem}_tasks.parquet")) else { return };
            let fragments_path = shared(&format!("{stem}_fragments.parquet")).unwrap();
            let arg = format!("opendc:{},{}", tasks.display(), fragments_path.display());
            let (workload, _, report) = import(&arg, &[("mem_unit", unit)]);
            let rows_of_tasks = rows(&tasks);
            assert_eq!((workload.len(), rows_of_tasks.len()), (jobs, jobs), "{stem}");
            assert_eq!(report.rows_used, jobs as u64);
            let sum = |column: &str| rows_of_tasks.iter().map(|row| row[column]).sum::<f64>();
            let ms: u64 = workload.ids().map(|job| workload.duration(job).unwrap().0 / 1_000).sum();
            assert_eq!(ms as f64, sum("duration"));
            let first = rows_of_tasks.iter().map(|row| row["submission_time"]).fold(f64::MAX, f64::min);
            assert_eq!(report.origin_us as f64, first * 1e3);
            let arrivals: u64 = workload.ids().map(|job| workload.arrival(job).0 / 1_000).sum();
            assert_eq!(arrivals as f64, sum("submission_time") - first * jobs as f64);
            let cores: i64 = workload.ids().map(|job| workload.cpu_request(job).0 / 1_000).sum();
            assert_eq!(cores as f64, sum("cpu_count"));
            let memory: i64 = workload.ids().map(|job| workload.memory_request(job).0).sum();
            let one = if unit == "KB" { 1024.0 } else { 1_048_576.0 };
            assert!((memory as f64 / (sum("mem_capacity") * one) - 1.0).abs() < 1e-9, "{memory}");
            // Fragments follow one another, the last goes on to the end of the task.
            let mut want: BTreeMap<u64, (f64, f64, f64)> = BTreeMap::new();
            let known: BTreeMap<u64, &BTreeMap<String, f64>> =
                rows_of_tasks.iter().map(|row| (row["id"] as u64, row)).collect();
            let all = rows(&fragments_path);
            assert_eq!(
                (all.len(), report.usage.unwrap().samples + report.usage.unwrap().without_length),
                (fragments, fragments as u64)
            );
            for row in &all {
                let task = known[&(row["id"] as u64)];
                let (at, work, share) = want.entry(row["id"] as u64).or_default();
                let length = row["duration"].min(task["duration"] - *at).max(0.0);
                *share = row["cpu_usage"] / task["cpu_capacity"] * task["cpu_count"];
                *work += *share * length / 1e3;
                *at += row["duration"];
            }
            let got = work(&workload);
            for (id, (at, work, share)) in want {
                let want = work + share * (known[&id]["duration"] - at).max(0.0) / 1e3;
                assert!((got[&id] - want).abs() <= 1e-4 * want.max(1.0), "{stem} {id}: {} {want}", got[&id]);
            }
        }
    }

    #[test]
    fn workloads_run_on_every_orchestrator() {
        let Some(surf) = shared("opendc-surf") else { return };
        let Some(topology) = shared("opendc-topologies/surf.json") else { return };
        let (trace, cluster) = (format!("opendc:{}", surf.display()), format!("opendc:{}", topology.display()));
        let args =
            ["run", "--trace", &trace, "--cluster", &cluster, "--to", "2h", "--horizon", "3h", "--format", "csv"];
        let (out, _) = program::expect(0, &args);
        assert_eq!(out.lines().count(), 4, "{out}");
        let Some(small) = shared("bitbrains-opendc/bitbrains-small_tasks.parquet") else { return };
        let fragments = shared("bitbrains-opendc/bitbrains-small_fragments.parquet").unwrap();
        let trace = format!("opendc:{},{}", small.display(), fragments.display());
        let args = [
            "run",
            "--trace",
            &trace,
            "--option",
            "mem_unit=KB",
            "--hosts",
            "8:32,256Gi",
            "--horizon",
            "12h",
            "--check",
            "--format",
            "csv",
        ];
        let (out, _) = program::expect(0, &args);
        assert_eq!(out.lines().count(), 4, "{out}");
    }

    #[test]
    fn failures_follow_one_another_and_run_in_a_scenario() {
        for file in ["Facebook_user_reported", "Instagram_user_reported"] {
            let Some(path) = shared(&format!("failure-opendc/{file}.parquet")) else { return };
            let arg = TraceArg::parse(&format!("opendc-failures:{}", path.display())).unwrap();
            let read = read_outages(&arg, &BTreeMap::new(), &Budgets::default()).unwrap();
            let table = rows(&path);
            if file.starts_with("Facebook") {
                assert_eq!(table.len(), 4_069);
            }
            let dropped: u64 = read.report.rows_dropped.values().sum();
            assert_eq!(read.outages.len() as u64 + dropped, table.len() as u64);
            let last = read.outages.last().unwrap();
            let end: f64 = table.iter().map(|row| row["failure_interval"] + row["failure_duration"]).sum();
            assert_eq!((last.at.0 + last.lasts.0) as f64, end * 1e3);
            let halves = table.iter().filter(|row| row["failure_intensity"] == 0.5).count();
            assert_eq!(read.outages.iter().filter(|outage| outage.target == OutageTarget::Share(500)).count(), halves);
            let folder = Folder::new(file);
            let text = format!(
                "apiVersion: plimsoll/v1\nkind: Scenario\nname: outages\nquestion: Who is down?\nseed: 1\nhorizon: 2d\n\
                 cluster:\n  hosts:\n  - {{name: node, count: 4, cpu: 4, memory: 8Gi}}\n\
                 workload:\n  apps:\n  - {{name: web, replicas: 6, duration: 1d, requests: {{cpu: 1, memory: 1Gi}}}}\n  usage: request\n\
                 failures:\n- {{file: \"opendc-failures:{}\"}}\norchestrators:\n- kubernetes\n",
                path.display()
            );
            let scenario = folder.put("s.yaml", text.as_bytes());
            let (out, _) = program::expect(0, &["run", &scenario, "--check", "--format", "csv"]);
            assert_eq!(out.lines().count(), 2, "{out}");
        }
    }

    #[test]
    fn results_are_written_as_parquet_beside_their_tables() {
        let folder = Folder::new("results-parquet");
        let (one, out) = (folder.of("runs.parquet"), folder.of("out"));
        program::expect(0, &["run", "scenarios/burst.yaml", "-o", &out, "--parquet"]);
        for table in ["runs", "hosts", "apps"] {
            let csv = std::fs::read_to_string(format!("{out}/{table}.csv")).unwrap();
            let file =
                SerializedFileReader::new(std::fs::File::open(format!("{out}/{table}.parquet")).unwrap()).unwrap();
            let columns: Vec<String> =
                file.metadata().file_metadata().schema_descr().columns().iter().map(|c| c.name().to_owned()).collect();
            assert_eq!(columns.join(","), csv.lines().next().unwrap());
            assert_eq!(file.metadata().file_metadata().num_rows() as usize, csv.lines().count() - 1);
        }
        // Another run into the folder leaves none that are not its own.
        program::expect(0, &["run", "scenarios/burst.yaml", "-o", &out]);
        assert!(!std::path::Path::new(&format!("{out}/runs.parquet")).exists() && !std::path::Path::new(&one).exists());
    }

    #[test]
    fn a_native_trace_in_parquet_reads_back_the_same() {
        let folder = Folder::new("native-parquet");
        let csv = folder.put(
            "x.csv",
            b"job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,app,gpus,after\n\
              a,5,10,1000,64,web,,\nb,7,10,500,64,web,1000;460,a\n",
        );
        folder.put("x.hosts.csv", b"host,cpu_milli,memory_bytes,labels\nh1,4000,1024,zone=a\nh2,4000,1024,\n");
        folder.put("x.usage.csv", b"job,length_us,cpu_nano,memory_bytes\na,3,700,60\na,,900,62\n");
        let (workload, hosts, _) = import(&format!("native:{csv}"), &[]);
        let files = native::write(&workload, &hosts).unwrap();
        let put = |name: &str, table: &str, csv: &[u8]| folder.put(name, &native_table(table, csv).unwrap());
        let jobs = put("y.parquet", "", &files.jobs);
        put("y.hosts.parquet", "hosts", &files.hosts);
        put("y.usage.parquet", "usage", files.usage.as_ref().unwrap());
        // As the command writes it, too.
        let told = folder.of("z.parquet");
        program::expect(0, &["trace", "import", "native", &csv, "-o", &told]);
        assert_eq!(std::fs::read(&told).unwrap(), std::fs::read(&jobs).unwrap());
        assert!(Path::new(&folder.of("z.hosts.parquet")).exists() && Path::new(&folder.of("z.usage.parquet")).exists());
        program::expect(2, &["trace", "import", "native", &csv, "-o", &folder.of("z.csv")]);
        program::expect(0, &["trace", "import", "native", &csv, "-o", &folder.of("z.csv"), "--force"]);
        assert!(!Path::new(&told).exists() && !Path::new(&folder.of("z.hosts.parquet")).exists());
        // By its look, too.
        for arg in [format!("native:{jobs}"), jobs] {
            let (again, hosts, report) = import(&arg, &[]);
            assert_eq!(report.format, "native");
            assert_eq!(native::write(&again, &hosts).unwrap(), files);
        }
    }
}
