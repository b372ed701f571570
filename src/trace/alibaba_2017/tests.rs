//! Tasks, instances, containers and servers by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Budgets, Imported, TraceArg, native, read_cluster, read_trace};
use super::*;
use crate::rng::Seed;
use crate::workload::UsageMode;

/// A folder of tables that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, tables: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("plimsoll-alibaba-2017-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (table, text) in tables {
            std::fs::write(folder.join(table), text).unwrap();
        }
        Folder(folder)
    }

    fn read_within(&self, options: &[(&str, &str)], budgets: &Budgets) -> Result<Imported> {
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let arg = TraceArg::parse(&format!("alibaba-2017:{}", self.0.display())).unwrap();
        read_trace(&arg, &options, budgets)
    }

    fn read(&self, options: &[(&str, &str)]) -> Result<Imported> {
        self.read_within(options, &Budgets::default())
    }

    /// Name, arrival and length in seconds, milli-CPU, bytes, app, kind of each job.
    fn jobs(&self, options: &[(&str, &str)]) -> Vec<String> {
        let (workload, _, _) = self.read(options).unwrap().finish(UsageMode::Request, Seed(1)).unwrap();
        let told = |job| {
            let lasts = workload.duration(job).map_or("-".into(), |d| (d.0 / SECOND_US).to_string());
            let app = &workload.apps()[workload.app(job).index()].name;
            let (cpu, memory) = (workload.cpu_request(job).0, workload.memory_request(job).0);
            let (name, arrival) = (workload.name(job), workload.arrival(job).0 / SECOND_US);
            format!("{name} {arrival} {lasts} {cpu} {memory} {app} {}", workload.spec(job).kind)
        };
        workload.ids().map(told).collect()
    }

    fn usage(&self, options: &[(&str, &str)]) -> Vec<String> {
        let (workload, hosts, _) = self.read(options).unwrap().finish(UsageMode::Request, Seed(1)).unwrap();
        let usage = native::write(&workload, &hosts).unwrap().usage.unwrap_or_default();
        String::from_utf8(usage).unwrap().lines().skip(1).map(|line| line.trim_end_matches(',').into()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A header, blanks behind commas, a task before the window, two without an end, some that never ran.
const TASKS_BY_HAND: &str = "\
    task_create_time, task_end_time, job_id, task_id,number_of_instances, status, cpus,memory\n\
    100, 160, 1, 10, 2, Terminated, 50, 0.5\n\
    -20,30,1,11,1,Terminated,100,0.25\n\
    100,0,2,20,1,Running,100,0.25\n\
    50,90,2,21,1,Running,100,0.25\n\
    40,45,3,30,9,Waiting,,\n\
    40,45,3,31,9,Waiting,50,0.5\n\
    40,45,3,32,1,Failed,,\n\
    40,30,3,33,1,Failed,50,0.5\n\
    200,260,3,34,1,Failed,50,0.5\n\
    40,50,3,35,0,Terminated,50,0.5\n\
    -30,-10,3,36,1,Terminated,50,0.5\n";

#[test]
fn tasks_by_hand_become_the_jobs_they_should() {
    let folder = Folder::new("tasks", &[("batch_task_rows1-9.csv", TASKS_BY_HAND)]);
    let small = [("memory", "1000")];
    let mut want = vec![
        "11-0 0 30 1000 250 1 batch",
        "21-0 50 40 1000 250 2 batch",
        "10-0 100 60 500 500 1 batch",
        "10-1 100 60 500 500 1 batch",
        "20-0 100 - 1000 250 2 service",
        "34-0 200 60 500 500 3 batch",
    ];
    assert_eq!(folder.jobs(&small), want);
    let report = folder.read(&small).unwrap().report;
    let dropped: Vec<(&str, u64)> = report.rows_dropped.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
    assert_eq!(
        dropped,
        [
            ("ended before the window", 1),
            ("ends before it was created", 1),
            ("no instances", 1),
            ("waiting, without a plan: it never ran", 1),
            ("waiting: it never ran", 1),
            ("without a plan (unplanned=drop)", 1),
        ]
    );
    assert_eq!((report.rows_read, report.rows_used), (11, 5));
    // The last moment of the table is 260.
    want[4] = "20-0 100 160 1000 250 2 batch";
    assert_eq!(folder.jobs(&[("memory", "1000"), ("open", "last-seen")]), want);
    want.remove(4);
    assert_eq!(folder.jobs(&[("memory", "1000"), ("open", "drop")]), want);
    assert!(folder.jobs(&[("unplanned", "zero")]).contains(&"32-0 40 5 0 0 3 batch".into()));
    let one = folder.jobs(&[("instances", "one"), ("memory", "1000")]);
    assert_eq!(one.iter().filter(|job| job.starts_with("10-")).count(), 1);
    let report = folder.read(&[("instances", "one")]).unwrap().report;
    assert!(report.choices.contains(&"instances=one: one job for each task; its tasks declare 6 instances".into()));
}

#[test]
fn a_budget_of_jobs_names_the_option_that_needs_fewer() {
    let folder = Folder::new(
        "budget",
        &[("batch_task.csv", "0,9,1,1,3,Terminated,50,0.1\n0,9,1,2,11000000,Terminated,50,0.1\n")],
    );
    let budgets = Budgets { max_jobs: 1_000, ..Budgets::default() };
    let error = folder.read_within(&[], &budgets).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with(
            "batch_task.csv:2: 11000003 jobs, with all instances of this task, is over the budget of 1000; raise it with \
             --max-jobs, or make one job of each task by --option instances=one"
        ),
        "{text}"
    );
    assert_eq!(folder.read_within(&[("instances", "one")], &budgets).unwrap().report.jobs, 2);
}

#[test]
fn instances_by_hand_run_as_their_rows_say() {
    let tasks = "100,160,1,10,2,Terminated,50,0.5\n100,160,1,11,2,Terminated,,\n";
    let instances = "\
        110,150,1,10,7,Failed,1,2,2,1,0.2,0.1\n\
        120,160,1,10,7,Terminated,2,2,2,1,0.2,0.1\n\
        130,170,1,10,8,Terminated,1,1,,,,\n\
        0,0,1,10,,Ready,1,1,,,,\n\
        140,0,1,10,8,Running,1,1,,,,\n\
        150,155,1,11,8,Interupted,1,1,,,,\n\
        150,155,,,8,Terminated,1,1,0.5,0.25,,\n\
        150,140,1,10,8,Terminated,1,1,,,,\n";
    let folder = Folder::new("instances", &[("batch_task.csv", tasks), ("batch_instance.csv", instances)]);
    let want = ["10-0 120 40 500 500 1 batch", "10-1 130 40 500 500 1 batch", "10-2 140 - 500 500 1 service"];
    assert_eq!(folder.jobs(&[("memory", "1000")]), want);
    // Mean of CPU, most of memory; what the one row says holds throughout.
    assert_eq!(folder.usage(&[("memory", "1000")]), ["10-0,,1000000000,200"]);
    assert_eq!(
        folder.usage(&[("memory", "1000"), ("usage", "mean"), ("usage-stat", "mean")]),
        ["10-0,,1000000000,100"]
    );
    let report = folder.read(&[]).unwrap().report;
    assert_eq!((report.rows_read, report.rows_used), (8, 3));
    assert_eq!(report.rows_dropped["an earlier try of an instance: the last one counts"], 1);
    assert_eq!(report.rows_dropped["the instance never began"], 1);
    assert_eq!(report.rows_dropped["ends before it began"], 1);
    assert_eq!(report.rows_dropped["without a plan (unplanned=drop)"], 2);
    let zero = folder.jobs(&[("memory", "1000"), ("unplanned", "zero")]);
    assert!(zero.contains(&"unknown-0 150 5 0 0 unknown batch".into()), "{zero:?}");
    assert!(zero.contains(&"11-0 150 5 0 0 1 batch".into()), "{zero:?}");
    assert_eq!(folder.jobs(&[("instances", "one")]).len(), 1);
}

#[test]
fn containers_by_hand_become_services() {
    let events = "\
        0,Create,1,5,4,0.5,0.1,1|2|3|4\n100,Remove,1,5,4,0.5,0.1,1|2\n\
        -5,Create,2,5,2,0.25,0.1,\n50,Remove,3,5,1,0.1,0.1,\n20,Create,4,5,1,0.1,0.1,\n30,Remove,4,5,1,0.1,0.1,\n40,Create,4,5,1,0.1,0.1,\n60,Remove,4,5,1,0.1,0.1,\n";
    let usage = "0,1,50,20,1,0,0,0,1,1,1,1\n300,2,97.5,40,1,0,0,0,,,,\n300,9,1,1,1,0,0,0,,,,\n";
    let folder = Folder::new("containers", &[("container_event.csv", events), ("container_usage.csv", usage)]);
    let small = [("memory", "1000")];
    let want = [
        "container-1 0 100 4000 500 container-1 service",
        "container-2 0 - 2000 250 container-2 service",
        "container-4 20 40 1000 100 container-4 service",
    ];
    assert_eq!(folder.jobs(&small), want);
    // 50 % of 4 cores, 20 % of 500 bytes; 97.5 % of 2 cores is censored.
    assert_eq!(folder.usage(&small), ["container-1,,2000000000,100", "container-2,,1950000000,100"]);
    let report = folder.read(&small).unwrap().report;
    assert_eq!(report.rows_dropped["rows of containers that were never created"], 1);
    let samples = report.usage.unwrap();
    assert_eq!((samples.samples, samples.cpu_censored), (2, 1));
    assert_eq!(report.fields_ignored["rows of container_usage of no container"], 1);
    assert_eq!(
        folder.jobs(&[("memory", "1000"), ("open", "last-seen")])[1],
        "container-2 0 600 2000 250 container-2 service"
    );
    assert_eq!(folder.jobs(&[("memory", "1000"), ("open", "drop")]).len(), 2);
}

#[test]
fn errors_of_servers_change_no_capacity() {
    let events = "0,1,add,,64,0.69,1\n0,2,add,,64,0.5,1\n70,2,softerror,disk_full,0,0,0\n80,2,harderror,x,0,0,0\n90,3,softerror,x,0,0,0\n";
    let tables = [("server_event.csv", events), ("batch_task.csv", TASKS_BY_HAND)];
    let folder = Folder::new("servers", &tables);
    let of = |options: &[(&str, &str)]| -> Vec<String> {
        let options = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let name = format!("alibaba-2017:{}", folder.0.display());
        let hosts = read_cluster(&name, &options, &Budgets::default()).unwrap().hosts;
        hosts.iter().map(|h| format!("{} {} {} {}", h.name, h.cpu.0, h.memory.0, h.taints.join(";"))).collect()
    };
    assert_eq!(of(&[("memory", "1000")]), ["1 64000 690 ", "2 64000 500 "]);
    assert_eq!(of(&[("memory", "1000"), ("errors", "taint")])[1], "2 64000 500 server-error:NoSchedule");
    let report = folder.read(&[]).unwrap().report;
    assert_eq!(
        (report.hosts, report.outages, report.fields_ignored["errors of servers that were never added"]),
        (2, 0, 1)
    );
    assert!(
        report.choices.iter().any(|c| c.starts_with("2 softerror and 1 harderror of 2 servers")),
        "{:?}",
        report.choices
    );
    // The folder is known by its look.
    assert_eq!(TraceArg::parse(&folder.0.to_string_lossy()).unwrap().format.name, "alibaba-2017");
}

#[test]
fn damage_has_its_place() {
    for (table, text, message) in [
        (
            "batch_task.csv",
            "x,1,1,1,1,Terminated,1,1\nx,1,1,1,1,Terminated,1,1\n",
            "2: task create time: \"x\" is not a whole number of seconds",
        ),
        (
            "batch_task.csv",
            "1,2,1,1,1,Done,1,1\n",
            "1: status: \"Done\" will not do; Ready, Waiting, Running, Terminated, Failed or Cancelled will",
        ),
        (
            "batch_task.csv",
            "1,2,1,1,1,Failed,-1,1\n",
            "1: cpus per instance: \"-1\" is negative; 0 or more hundredths of a core will do",
        ),
        ("batch_task.csv", "1,2,1,1,1,Failed\n", "1: 6 columns where a row has 8"),
        (
            "server_event.csv",
            "0,1,gone,,1,1,1\n",
            "1: event type: \"gone\" will not do; add, softerror or harderror will",
        ),
        ("container_event.csv", "0,Move,1,1,1,1,1,\n", "1: event type: \"Move\" will not do; Create or Remove will"),
    ] {
        let folder = Folder::new("damage", &[("batch_task.csv", "0,9,1,1,1,Terminated,50,0.1\n"), (table, text)]);
        let error = folder.read(&[]).unwrap_err().to_string();
        assert!(error.ends_with(&format!("{table}:{message}")), "{error}");
    }
}
