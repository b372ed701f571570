//! What is written reads back the same, and what would not is not written.

use std::io::Write;
use std::sync::Arc;

use super::super::{Budgets, TraceArg, read_cluster, read_trace};
use super::*;
use crate::fleet::options::Options as UnitOptions;
use crate::kube::framework::World;
use crate::kube::object::Objects;
use crate::kube::object::other::Controller as ControllerObject;
use crate::kube::object::pod::Pod;
use crate::kube::object::selector::{Operator, Requirement};
use crate::rng::{Purpose, Seed, Stream};
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::{
    Controller, Job, PodReplacement, RestartPolicy, Unserved, UsageMode, UsageStep, WorkloadBuilder,
};

/// Objects of every kind.
fn objects() -> Objects {
    let mut objects = Objects::default();
    objects.read_text(include_str!("../../../tests/traces/k8s/everything.yaml")).unwrap();
    objects
}

/// A workload of everything the format can say, by dice.
fn by_dice(seed: u64) -> (Workload, Vec<HostSpec>) {
    fn some<T>(dice: &mut Stream, value: impl Fn(u64) -> T) -> Vec<T> {
        (0..dice.below(3)).map(value).collect()
    }
    let mut dice = Seed(seed).stream(Purpose::Shape, 0);
    let mut builder = WorkloadBuilder::new();
    let mut objects = objects();
    if dice.below(2) == 0 {
        builder.objects(Arc::new(World::of(&objects)));
    }
    if dice.below(2) == 0 {
        builder.trace_end(SimTime(5_000 + dice.below(9)));
    }
    // Two pods of one name are two templates.
    objects.pods.push(Pod { priority: Some(3), name: "x/huge".into(), ..objects.pods.last().unwrap().clone() });
    let templates: Vec<u32> = objects.pods.iter().map(|pod| builder.template(Arc::new(pod.clone()))).collect();
    let mut section = UnitOptions::default();
    section.add_line("MachineMetadata", "\"a=b\" \"c=d\"");
    section.add_line("Conflicts", "x@*.service");
    let unit = builder.unit(Arc::new(section));
    let n = 1 + dice.below(30);
    for i in 0..n {
        let name = format!("jöb, \"{i}\"");
        let arrival = SimTime(dice.below(1_000));
        let mut job = if dice.below(2) == 0 {
            Job::service(name, arrival, MilliCpu(dice.below(9) as i64), Bytes(dice.below(9) as i64))
        } else {
            Job::batch(name, arrival, SimDuration(dice.below(50)), MilliCpu(7), Bytes(1 << 53))
        };
        if dice.below(2) == 0 {
            job.app = format!("app{}", dice.below(3));
            job.cpu_limit = Some(MilliCpu(100 + i as i64));
            job.memory_limit = Some(Bytes(1 << 53));
            job.spec.priority = dice.below(1_000) as i32 - 500;
            job.spec.restart = [RestartPolicy::Always, RestartPolicy::Never][dice.below(2) as usize];
            job.spec.checkpoint = true;
        }
        job.spec.process_type = ["", "web"][dice.below(2) as usize].into();
        job.spec.ephemeral = Bytes(dice.below(3) as i64);
        job.spec.gpus = some(&mut dice, |i| 460 + i as u16);
        job.spec.gpu_models = some(&mut dice, |i| format!("M{i}"));
        job.spec.node_selector = some(&mut dice, |i| (format!("k{i}"), format!("v={i}")));
        job.spec.tolerations = some(&mut dice, |i| format!("t{i}:NoExecute"));
        job.spec.apart = dice.below(2) == 0;
        job.spec.constraints = some(&mut dice, |i| Requirement {
            key: format!("c{i}"),
            operator: match i {
                0 => Operator::NotIn(vec!["a".into(), String::new()]),
                1 => Operator::Gt(-5),
                _ => Operator::DoesNotExist,
            },
        });
        job.spec.ports = some(&mut dice, |i| 80 + i as u16);
        job.extended = some(&mut dice, |i| (format!("x/{}", 2 - i), i as i64)).into_iter().collect();
        job.usage = some(&mut dice, |i| UsageStep {
            length_us: [5, u64::MAX][i as usize],
            cpu_nano: 17 + i,
            memory: Bytes(3),
            cache: Bytes(4 * i as i64),
        });
        job.spec.template = (dice.below(3) == 0).then(|| templates[dice.below(templates.len() as u64) as usize]);
        job.spec.unit = (dice.below(3) == 0).then_some(unit);
        let of_job = |backoff_limit, replacement, in_place| Controller::Job { backoff_limit, replacement, in_place };
        job.spec.controller = [
            Controller::Unset,
            Controller::Naked,
            Controller::ReplicaSet,
            Controller::StatefulSet,
            Controller::DaemonSet,
            of_job(0, PodReplacement::Failed, true),
            of_job(u32::MAX, PodReplacement::TerminatingOrFailed, false),
        ][dice.below(7) as usize];
        job.spec.unserved = [Unserved::Drop, Unserved::Defer][dice.below(2) as usize];
        job.spec.threads = some(&mut dice, |i| 1 + i as u32).pop();
        job.spec.processes = some(&mut dice, |i| 1 + i as u32).pop();
        job.spec.ephemeral_limit = some(&mut dice, |i| Bytes(i as i64)).pop();
        job.spec.ephemeral_used = Bytes(dice.below(3) as i64);
        job.spec.file_touches = some(&mut dice, |i| i as u32).pop();
        job.spec.leak_touches = dice.below(3) as u32;
        if i > 0 && dice.below(3) == 0 {
            job.after = vec![format!("jöb, \"{}\"", dice.below(i))];
        }
        builder.push(job).unwrap();
    }
    let hosts = (0..1 + dice.below(3))
        .map(|i| HostSpec {
            pods: (dice.below(2) == 0).then_some(5),
            gpus: dice.below(9) as u16,
            gpu_model: "M".into(),
            labels: some(&mut dice, |i| (format!("k{i}"), String::new())).into_iter().collect(),
            taints: some(&mut dice, |i| format!("t{i}=v:NoSchedule")),
            extended: some(&mut dice, |i| (format!("x/{i}"), 3)).into_iter().collect(),
            joins: SimTime(dice.below(5)),
            leaves: (dice.below(2) == 0).then_some(SimTime(9)),
            ephemeral: Bytes(dice.below(5) as i64),
            node: objects.nodes.get(i as usize).filter(|_| dice.below(2) == 0).map(|node| Arc::new(node.clone())),
            ..HostSpec::new(format!("h{i}"), MilliCpu(1), Bytes(1))
        })
        .collect();
    (builder.finish(UsageMode::Request, Seed(1)).unwrap(), hosts)
}

/// Every fact about every job, in words, and what belongs to none.
fn told(w: &Workload) -> Vec<String> {
    let World { namespaces, services, controllers, budgets } = &**w.objects();
    let bare: Vec<ControllerObject> = controllers.values().map(|c| c.clone().bare_of_template()).collect();
    let listed = format!("{:?} {namespaces:?} {services:?} {bare:?} {budgets:?}", w.trace_end());
    w.ids()
        .map(|job| {
            let mut spec = w.spec(job).clone();
            let extended: Vec<(String, i64)> =
                spec.extended.drain(..).map(|(id, n)| (w.resources()[id.index()].clone(), n)).collect();
            // A template's number and name are nobody's.
            let template = w.template(job).map(|pod| Pod { name: "".into(), key: "".into(), ..(**pod).clone() });
            let unit = w.unit(job);
            (spec.template, spec.unit) = (None, None);
            let after: Vec<&str> = w.after(job).iter().map(|&first| w.name(first)).collect();
            format!(
                "{} {} {:?} {:?} {:?} {:?} {:?} {} {spec:?} {extended:?} {after:?} {template:?} {unit:?} {:?}",
                w.name(job),
                w.arrival(job),
                w.duration(job),
                w.cpu_request(job),
                w.memory_request(job),
                w.cpu_limit(job),
                w.memory_limit(job),
                w.apps()[w.app(job).index()].name,
                w.profile(job)
            )
        })
        .chain([listed])
        .collect()
}

#[test]
fn what_is_written_reads_back_the_same() {
    let folder = std::env::temp_dir().join(format!("plimsoll-native-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for seed in 0..50 {
        let (workload, hosts) = by_dice(seed);
        let files = write(&workload, &hosts).unwrap();
        let at = |what: &str| folder.join(format!("t{seed}{what}.csv"));
        std::fs::write(at(""), &files.jobs).unwrap();
        std::fs::write(at(".hosts"), &files.hosts).unwrap();
        if let Some(usage) = &files.usage {
            std::fs::write(at(".usage"), usage).unwrap();
        }
        let beside = folder.join(format!("t{seed}.objects.json"));
        if let Some(objects) = &files.objects {
            std::fs::write(&beside, objects).unwrap();
        }
        let arg = TraceArg::parse(&format!("native:{}", at("").display())).unwrap();
        let imported = read_trace(&arg, &BTreeMap::new(), &Budgets::default()).unwrap();
        let (read, read_hosts, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
        assert_eq!(told(&read), told(&workload), "seed {seed}");
        assert_eq!(read_hosts, hosts, "seed {seed}");
        for cluster in [format!("native:{}", at("").display()), at(".hosts").display().to_string()] {
            let alone = read_cluster(&cluster, &BTreeMap::new(), &Budgets::default()).unwrap();
            assert_eq!(alone.hosts, hosts, "{cluster}");
        }
        assert_eq!(report.jobs, workload.len() as u64);
        assert_eq!(write(&read, &read_hosts).unwrap(), files, "seed {seed}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let mut builder = WorkloadBuilder::new();
    let mut job = Job::batch("a", SimTime(0), SimDuration(1), MilliCpu(1), Bytes(1));
    job.spec.tolerations = vec!["a;b".into()];
    builder.push(job).unwrap();
    let error = write(&builder.finish(UsageMode::Request, Seed(1)).unwrap(), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a: \"a;b\" cannot stand in a list of the native format (blank, or with \";\" in it)"
    );
}

#[test]
fn what_a_manifest_cannot_say_is_not_written() {
    let mut builder = WorkloadBuilder::new();
    let mut job = Job::batch("a", SimTime(0), SimDuration(1), MilliCpu(1), Bytes(1));
    let pod = Pod { name: "p".into(), namespace: "shop".into(), gpus: vec![500], ..Pod::default() };
    job.spec.template = Some(builder.template(Arc::new(pod)));
    builder.push(job).unwrap();
    let error = write(&builder.finish(UsageMode::Request, Seed(1)).unwrap(), &[]).unwrap_err();
    assert_eq!(error.to_string(), "Pod shop/p: it holds what a manifest cannot say, and would not read back the same");
}

#[test]
fn a_template_or_node_that_is_not_beside_is_an_error_with_its_line() {
    let folder = std::env::temp_dir().join(format!("plimsoll-native-beside-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let jobs = folder.join("x.csv");
    let head = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,template,controller\n";
    let read = || {
        let arg = TraceArg::parse(&format!("native:{}", jobs.display())).unwrap();
        read_trace(&arg, &BTreeMap::new(), &Budgets::default()).map(drop).unwrap_err().to_string()
    };
    std::fs::write(&jobs, format!("{head}a,0,1,1,1,shop/web,\n")).unwrap();
    let want =
        "x.csv:2: template: Pod \"shop/web\" is described in NAME.objects.json, and there is none beside the table";
    assert!(read().ends_with(want), "{}", read());
    std::fs::write(folder.join("x.objects.json"), "{\"kind\":\"List\",\"items\":[]}").unwrap();
    let want = "x.csv:2: template: there is no Pod \"shop/web\" in the objects beside the table";
    assert!(read().ends_with(want), "{}", read());
    std::fs::write(
        folder.join("x.objects.json"),
        "{\"kind\":\"List\",\n\"items\":[{\"kind\":\"Pod\",\n\"metadata\":{}}]}",
    )
    .unwrap();
    assert!(read().contains("x.objects.json:3:"), "{}", read());
    std::fs::remove_file(folder.join("x.objects.json")).unwrap();
    std::fs::write(&jobs, format!("{head}a,0,1,1,1,,job:6:failed\n")).unwrap();
    assert!(read().contains("x.csv:2: controller: \"job:6:failed\" is not what stands behind a job;"), "{}", read());
    let hosts = folder.join("x.hosts.csv");
    std::fs::write(&hosts, "host,cpu_milli,memory_bytes,node\nh,1,1,h\n").unwrap();
    let error = read_cluster(&hosts.display().to_string(), &BTreeMap::new(), &Budgets::default()).unwrap_err();
    assert!(error.to_string().contains("x.hosts.csv:2: node: Node \"h\" is described in"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// Rows of a table of jobs by dice: mostly plain, some of everything that a reader has to look at twice.
fn rows_by_dice(seed: u64) -> Vec<u8> {
    let mut dice = Seed(seed).stream(Purpose::Shape, 1);
    let odd = [0, 0, 200, 12][(seed % 4) as usize];
    let some = |dice: &mut Stream, words: &[&str]| words[dice.below(words.len() as u64) as usize].to_owned();
    let optional: Vec<&str> =
        JOB_COLUMNS[5..].iter().copied().filter(|name| *name != "template" && dice.below(3) == 0).collect();
    let mut columns: Vec<&str> = JOB_COLUMNS[..5].iter().copied().chain(optional).collect();
    if dice.below(2) == 0 {
        for i in (1..columns.len()).rev() {
            columns.swap(i, dice.below(i as u64 + 1) as usize);
        }
    }
    let end = some(&mut dice, &["\n", "\n", "\r\n"]);
    let mut text = columns.join(",") + &end;
    for i in 0..dice.below(60) {
        let fields: Vec<String> = columns
            .iter()
            .map(|&column| {
                if odd > 0 && dice.below(odd) == 0 {
                    let odd =
                        ["", " 7", "-1", "1e3", "\"9\"", "x,y", "9007199254740993", "12345678901234567890", "ö", "\r"];
                    return some(&mut dice, &odd);
                }
                let words: &[&str] = match column {
                    "job" => return format!("job-{i:0width$}", width = dice.below(9) as usize),
                    "app" => &["", "web", "web", "db"],
                    "arrival_us" => return (dice.below(1 << 40) >> dice.below(40)).to_string(),
                    "duration_us" | "ephemeral_limit_bytes" => &["1", "5000000", "123456789012", "1152921504606846976"],
                    "cpu_request_milli" | "memory_request_bytes" => &["0", "250", "1000", "4294967296"],
                    "cpu_limit_milli" | "memory_limit_bytes" => &["", "", "4294967296"],
                    "kind" => &["batch", "batch", "", "service"],
                    "restart" => &["", "always", "never", "on-failure"],
                    "priority" => &["0", "", "-5", "1000"],
                    "gpus" | "ports" => &["", "500", "80;81"],
                    "constraints" => &[""],
                    "extended" => &["", "x/y=2"],
                    "apart" | "checkpoint" => &["", "true", "false"],
                    "after" => &["", "", "", "", "", "job-0"],
                    "controller" => &["", "none", "job:6:failed:in-place"],
                    "unserved" => &["", "drop"],
                    "x_fleet" => &["", "MachineMetadata=a"],
                    "node_selector" => &["", "a=b"],
                    "trace_end_us" | "threads" | "processes" | "file_touches" | "leak_touches" => &["", "", "9"],
                    "ephemeral_request_bytes" | "ephemeral_used_bytes" => &["", "0", "7"],
                    _ => &["", "default", "a"],
                };
                some(&mut dice, words)
            })
            .collect();
        text += &fields.join(",");
        text += &end;
        if odd > 0 && dice.below(odd) == 0 {
            text += &some(&mut dice, &["\n", "\r\n", "a\n", "\"\n", ",,,\n", "\0\n"]);
        }
    }
    let mut bytes = text.into_bytes();
    if odd > 0 {
        for _ in 0..dice.below(3) {
            let at = dice.below(bytes.len().max(2) as u64 - 1) as usize;
            if bytes.len() < 2 {
                break;
            }
            match dice.below(3) {
                0 => bytes[at] = b",\n\"\r0\xff"[dice.below(6) as usize],
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
    }
    bytes
}

#[test]
fn the_fast_reader_and_the_careful_one_agree_on_every_table_and_every_error() {
    let folder = std::env::temp_dir().join(format!("plimsoll-native-fast-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("x.csv");
    let arg = TraceArg::parse(&format!("native:{}", path.display())).unwrap();
    let read = |careful| {
        let budgets = Budgets { careful, max_jobs: 55, max_line_bytes: 400, ..Budgets::default() };
        let read = read_trace(&arg, &BTreeMap::new(), &budgets);
        read.and_then(|imported| imported.finish(UsageMode::Request, Seed(1)))
            .map(|(workload, _, report)| (told(&workload), report.to_string()))
            .map_err(|error| error.to_string())
    };
    let (mut good, mut bad) = (0, 0);
    for seed in 0..2_400 {
        let bytes = rows_by_dice(seed);
        std::fs::write(&path, &bytes).unwrap();
        let (fast, careful) = (read(false), read(true));
        assert_eq!(fast, careful, "seed {seed}: {}", String::from_utf8_lossy(&bytes));
        *if fast.is_ok() { &mut good } else { &mut bad } += 1;
    }
    assert!(good > 500 && bad > 500, "{good} {bad}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn rows_that_lie_over_the_ends_of_chunks_are_read_packed_or_not() {
    let folder = std::env::temp_dir().join(format!("plimsoll-native-chunks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut text =
        String::from("job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,app,kind,priority\n");
    for i in 0..9_000u64 {
        text +=
            &format!("job-{i},{},{},{},{},app-{},batch,{}\n", i * 7, i * i * i, i % 64 * 100, i << 20, i / 20, i % 3);
    }
    let gzip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    // As it is; with a quoted name far behind; with a number that is none far behind.
    for (change, to) in [("job-8000,", "job-8000,"), ("job-8000,", "\"job 8,000\","), (",app-417,", "x,app-417,")] {
        let changed = text.replacen(change, to, 1);
        let mut all = Vec::new();
        let plain = changed.as_bytes();
        for (name, bytes) in [("x.csv", plain.to_vec()), ("x.csv.gz", gzip(plain)), ("x.csv.zst", zstd(plain))] {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            let arg = TraceArg::parse(&format!("native:{}", path.display())).unwrap();
            for careful in [false, true] {
                let read = read_trace(&arg, &BTreeMap::new(), &Budgets { careful, ..Budgets::default() });
                let read = read.and_then(|imported| imported.finish(UsageMode::Request, Seed(1)));
                all.push(match read {
                    Ok((workload, ..)) => Ok(told(&workload)),
                    Err(error) => Err(error.to_string().replace(name, "x")),
                });
            }
        }
        assert!(all.iter().all(|one| *one == all[0]), "{to}");
        assert_eq!(all[0].is_ok(), to.starts_with(['j', '"']));
    }
    std::fs::remove_dir_all(folder).unwrap();
}
