//! Lives, machines, constraints and usage by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Budgets, Imported, TraceArg, native, read_cluster, read_trace, read_trace_as};
use super::*;
use crate::rng::Seed;
use crate::workload::UsageMode;

/// A folder of tables that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, tables: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("plimsoll-google-2011-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (table, text) in tables {
            let file = folder.join(table);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        Folder(folder)
    }

    fn read(&self, options: &[(&str, &str)], strict: bool) -> Result<Imported> {
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let arg = TraceArg::parse(&format!("google-2011:{}", self.0.display())).unwrap();
        read_trace_as(&arg, &options, &Budgets::default(), strict)
    }

    /// The columns of the native files: jobs, hosts, usage.
    fn native(&self, options: &[(&str, &str)]) -> [String; 3] {
        let (workload, hosts, _) = self.read(options, false).unwrap().finish(UsageMode::Request, Seed(1)).unwrap();
        let files = native::write(&workload, &hosts).unwrap();
        [files.jobs, files.hosts, files.usage.unwrap_or_default()].map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn error(&self, options: &[(&str, &str)]) -> String {
        let error = self.read(options, false).unwrap_err().to_string();
        error.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A row of task 0 of `job` at `second`, with requests of 0.5 and 0.25.
fn row(second: u64, job: usize, kind: u8, machine: &str) -> String {
    format!("{},,{job},0,{machine},{kind},u,0,2,0.5,0.25,0.001,0\n", second * 1_000_000)
}

/// Lives in words, in the order of the rows: S submit, R schedule (run), E evict, X fail, F finish, K kill, L lost, P and U
/// updates, M submit on a machine; each with its second. Then arrival and length on the clock of the run with
/// attempts=last, and the length with attempts=sum; or why it is left out.
const LIVES: &[(&str, &str)] = &[
    ("S700 R710 F800", "100 90 90"),
    // SCHEDULE stands before its SUBMIT in the file, at one moment.
    ("R700 S700 F800", "100 100 100"),
    ("F700 R700 S700", "100 0 0"),
    // FAIL, then SUBMIT at the same moment, in either order: one task submitted again.
    ("S700 R700 X800 S800 R810 F900", "100 90 190"),
    ("S700 R700 S800 X800 R810 F900", "100 90 190"),
    ("S700 R700 R800 S800 X800 F900", "100 100 200"),
    // Evicted, lost, then killed in the third run: no run succeeded, the last counts.
    ("S700 R700 E720 S720 R730 L770 S770 R780 K790", "100 10 70"),
    // A run that succeeded counts before a later one that did not.
    ("S700 R700 F750 S760 R760 X765", "100 50 55"),
    // There before time 0, on a machine; the second by SUBMIT alone.
    ("S0 R0 F700", "0 100 100"),
    ("M0 F700", "0 100 100"),
    ("M0 R700 F750", "0 50 50"),
    // Without an end: runs on.
    ("S700 R710", "100 - -"),
    ("S700", "100 - -"),
    ("S700 R700 E720 S720", "100 - -"),
    ("M0", "0 - -"),
    // Updates change no life, wherever they stand.
    ("P700 S700 U710 R710 F800 U800", "100 90 90"),
    // Without a SUBMIT.
    ("R710 F800", "110 90 90"),
    ("S700 R700 F800 F800 K900", "100 100 100"),
    ("S700 R700 S750 R760 F800", "100 100 100"),
    ("S700 K800", "rows of tasks that never ran"),
    ("F800", "rows of tasks that were neither submitted nor scheduled"),
    ("U800", "rows of tasks that were neither submitted nor scheduled"),
];

fn rows_of(lives: &[(&str, &str)]) -> Vec<String> {
    let mut rows = Vec::new();
    for (i, (life, _)) in lives.iter().enumerate() {
        for word in life.split(' ') {
            let second = word[1..].parse().unwrap();
            let (kind, machine) = match &word[..1] {
                "M" => (0, "77"),
                letter => ("SREXFKLPU".find(letter).unwrap() as u8, ""),
            };
            rows.push(row(second, i + 1, kind, machine));
        }
    }
    rows
}

/// Arrival and length in seconds by job; `-`: no end.
fn told(jobs: &str) -> BTreeMap<String, (String, String)> {
    let told = jobs.lines().skip(1).map(|line| {
        let f: Vec<&str> = line.split(',').collect();
        let seconds =
            |us: &str| if us.is_empty() { "-".into() } else { (us.parse::<u64>().unwrap() / 1_000_000).to_string() };
        (f[0].to_owned(), (seconds(f[1]), seconds(f[2])))
    });
    told.collect()
}

#[test]
fn lives_by_hand_become_the_jobs_they_should_whatever_the_order_of_rows() {
    let rows = rows_of(LIVES);
    let mut backwards = rows.clone();
    backwards.reverse();
    let mut by_time = rows.clone();
    by_time.sort_by_key(|row| row.split(',').next().unwrap().parse::<u64>().unwrap());
    let forwards = Folder::new("lives", &[("task_events.csv", &rows.concat())]);
    let others = [
        Folder::new("lives-backwards", &[("task_events.csv", &backwards.concat())]),
        Folder::new(
            "lives-parts",
            &[
                ("task_events/part-00010-of-00500.csv", &by_time[30..].concat()),
                ("task_events/part-00009-of-00500.csv", &by_time[..30].concat()),
            ],
        ),
    ];
    let last = forwards.native(&[])[0].clone();
    let sum = forwards.native(&[("attempts", "sum")])[0].clone();
    for other in &others {
        assert_eq!(other.native(&[])[0], last);
        assert_eq!(other.native(&[("attempts", "sum")])[0], sum);
    }
    let (last, sum) = (told(&last), told(&sum));
    let report = forwards.read(&[], false).unwrap().report;
    let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
    for (i, (life, want)) in LIVES.iter().enumerate() {
        let name = format!("{}-0", i + 1);
        match last.get(&name) {
            Some((arrival, lasts)) => {
                assert_eq!(format!("{arrival} {lasts} {}", sum[&name].1), *want, "{life}");
            }
            None => *dropped.entry((*want).to_owned()).or_default() += life.split(' ').count() as u64,
        }
    }
    assert_eq!(report.rows_dropped, dropped);
    assert_eq!(report.rows_read, rows.len() as u64);
    assert_eq!(report.rows_used + dropped.values().sum::<u64>(), report.rows_read);
    assert_eq!(report.entities["KILL events of tasks"], 3);
    // On a machine at time 0: two that ended, and one without an end; a later SCHEDULE says that the fourth was not yet.
    assert!(report.choices.contains(&"3 jobs ran before time 0: they have what remained of the run".into()));
    // Dropped rows are an error where every row has to be used.
    let error = forwards.read(&[], true).unwrap_err().to_string();
    assert!(error.contains("which --strict forbids"), "{error}");
}

#[test]
fn ends_that_are_not_told_are_as_the_option_says() {
    let rows =
        rows_of(&[("S700 R710", ""), ("S720", ""), ("S700 R710 F800", ""), ("S700 R700 X710 S720 R750 U790", "")]);
    let usage = "810000000,840000000,1,0,5,0.1,0.1,0.1,,,0.1,,,0.2,,,,,,\n";
    let folder = Folder::new("open", &[("task_events.csv", &rows.concat()), ("task_usage.csv", usage)]);
    let of = |open: &str| -> Vec<String> {
        let told = told(&folder.native(&[("open", open)])[0]);
        told.into_iter().map(|(name, (arrival, lasts))| format!("{name} {arrival} {lasts}")).collect()
    };
    assert_eq!(of("run"), ["1-0 100 -", "2-0 120 -", "3-0 100 90", "4-0 100 -"]);
    // The first was last seen by its usage, the fourth by its update; the second never ran.
    assert_eq!(of("last-seen"), ["1-0 100 130", "3-0 100 90", "4-0 100 40"]);
    assert_eq!(of("drop"), ["3-0 100 90"]);
    let report = folder.read(&[("open", "drop")], false).unwrap().report;
    assert_eq!(report.rows_dropped["rows of tasks whose end is not told (open=drop)"], 9);
}

#[test]
fn moments_before_and_after_the_window_and_far_from_order() {
    let late = format!("{},,2,0,,4,u,0,2,0.5,0.25,0.001,0\n", (1u64 << 63) - 1);
    let rows = [row(0, 2, 0, ""), row(0, 2, 1, ""), late, row(700, 3, 0, ""), row(700, 3, 1, ""), row(703, 3, 4, "")];
    let folder = Folder::new("window", &[("task_events.csv", &rows.concat())]);
    let imported = folder.read(&[], false).unwrap();
    assert_eq!(imported.report.rows_dropped["after the end of the trace (2^63-1)"], 1);
    assert_eq!(imported.report.origin_us, 600_000_000);
    assert_eq!(told(&folder.native(&[])[0])["2-0"], ("0".into(), "-".into()));
    // A buffer of two rows cannot put a row of second 700 before those of 900 that have gone.
    let far = [row(700, 1, 0, ""), row(900, 1, 1, ""), row(901, 1, 4, ""), row(800, 2, 0, "")];
    let folder = Folder::new("far", &[("task_events.csv", &far.concat())]);
    let files = parts::of_table(&folder.0, TASK_EVENTS).unwrap();
    let (options, budgets) = (BTreeMap::new(), Budgets::default());
    let mut import = Import::new(&INFO, &options, &budgets, false).unwrap();
    let error = tasks::read_with(&files, &mut numbers::Numbers::default(), &mut import, 2).unwrap_err().to_string();
    assert!(error.contains("task_events.csv:4: rows are too far from the order of their times"), "{error}");
    assert!(error.ends_with("sort the table by its first column"), "{error}");
    let mut import = Import::new(&INFO, &options, &budgets, false).unwrap();
    tasks::read_with(&files, &mut numbers::Numbers::default(), &mut import, 4).unwrap();
}

#[test]
fn requests_limits_services_and_priorities_are_as_the_options_say() {
    let text = "\
        700000000,,1,0,,0,u,3,9,0.5,0.25,0.1,1\n700000000,,1,0,,1,u,3,9,0.5,0.25,0.1,1\n800000000,,1,0,,4,u,3,9,0.5,0.25,0.1,1\n\
        700000000,2,2,0,,0,u,2,11,,,,\n700000000,,2,0,,1,u,2,11,,,,\n800000000,,2,0,,4,u,2,11,,,,\n\
        700000000,,3,0,,0,u,0,0,0.1,0,0.1,0\n710000000,,3,0,,7,u,0,0,1e-06,0,0.1,0\n720000000,,3,0,,1,u,0,0,1e-06,0,0.1,0\n\
        800000000,1,3,0,,4,u,0,0,,,0.1,0\n";
    let folder = Folder::new("asks", &[("task_events.csv", text)]);
    // Name, CPU, memory, kind, priority, limits.
    let of = |options: &[(&str, &str)]| -> Vec<String> {
        let jobs = folder.native(options)[0].clone();
        let line = |line: &str| {
            let f: Vec<&str> = line.split(',').collect();
            [f[0], f[3], f[4], f[8], f[10], f[11], f[12]].join(" ").trim_end().to_owned()
        };
        jobs.lines().skip(1).map(line).collect()
    };
    // A millionth of 64 cores is 0.064 milli-CPU, which stays more than nothing; blanks are nothing.
    let want = ["1-0 32000 68719476736 service 9", "2-0 0 0 batch 11", "3-0 1 0 batch 0"];
    assert_eq!(of(&[]), want);
    let want = ["1-0 500 250 batch 9 500 250", "3-0 1 0 batch 0 1"];
    let options = [("cpu", "1"), ("memory", "1000"), ("requests", "drop"), ("limits", "request"), ("services", "none")];
    assert_eq!(of(&options), want);
    let kinds: Vec<String> =
        of(&[("services", "priority-9")]).iter().map(|l| l.split(' ').nth(3).unwrap().into()).collect();
    assert_eq!(kinds, ["service", "service", "batch"]);
    let report = folder.read(&[], false).unwrap().report;
    assert_eq!(report.entities["rows with missing info 2 (no record of the creation)"], 1);
    assert_eq!(report.entities["rows with missing info 1 (a time that may be too late)"], 1);
    assert_eq!(report.fields_ignored["earlier requests of tasks whose requests changed: the last ones count"], 1);
    assert!(report.choices.contains(&"requests=zero: 1 jobs have blank requests and ask for nothing".into()));
    assert!(report.sentences().contains(&"unit: CPU 1.0: 64 (--option cpu)".into()), "{:?}", report.units);
    let workload = folder.read(&[], false).unwrap().finish(UsageMode::Request, Seed(1)).unwrap().0;
    let apart: Vec<bool> = workload.ids().map(|job| workload.spec(job).apart).collect();
    assert_eq!(apart, [true, false, false]);
    let conflicts = workload.unit(workload.find("1-0").unwrap()).unwrap().values("Conflicts").to_vec();
    assert_eq!(conflicts, ["1@*.service"]);
}

#[test]
fn constraints_and_attributes_become_selectors_affinity_and_labels() {
    let events: String = [1, 2].iter().flat_map(|job| [row(700, *job, 0, ""), row(700, *job, 1, "")]).collect();
    let constraints = "\
        700000000,1,0,0,a+/b=,7\n700000000,1,0,1,c,x=\n700000000,1,0,2,d,5\n700000000,1,0,3,d,1\n700000000,1,0,0,e,\n\
        700000000,1,0,1,f,\n700000000,1,0,1,f,\n\
        700000000,2,0,0,c,old\n800000000,2,0,0,c,new\n700000000,3,0,0,c,y\n";
    let attributes = "\
        0,5,a+/b=,7,0\n0,5,d,3,0\n700000000,5,d,4,0\n0,5,g,,0\n0,5,h,1,1\n0,6,c,x=,\n0,99,c,1,0\n";
    let machines = "0,5,0,p,0.5,0.25\n0,6,0,p,1,1\n0,7,0,p,,\n\
        800000000,5,1,p,,\n900000000,5,0,p,0.5,0.25\n900000000,6,2,p,0.5,1\n950000000,6,1,p,0.5,1\n";
    let tables = [
        ("task_events.csv", events.as_str()),
        ("task_constraints.csv", constraints),
        ("machine_events.csv", machines),
        ("machine_attributes.csv", attributes),
    ];
    let folder = Folder::new("rules", &tables);
    let imported = folder.read(&[], false).unwrap();
    let report = imported.report.clone();
    let outages: Vec<String> =
        imported.outages.iter().map(|o| format!("{:?} {} {}", o.target, o.at.0, o.lasts.0)).collect();
    assert_eq!(outages, ["Host(\"5\") 200000000 100000000"]);
    let (workload, hosts, _) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    let of = |name: &str| {
        let spec = workload.spec(workload.find(name).unwrap()).clone();
        let constraints: Vec<String> = spec.constraints.iter().map(ToString::to_string).collect();
        let selector: Vec<String> = spec.node_selector.iter().map(|(k, v)| format!("{k}={v}")).collect();
        (selector.join(";"), constraints.join(";"))
    };
    assert_eq!(of("1-0"), ("a-_b=7".into(), "c not in (x);d above 1;d below 5;no e;f".into()));
    // The later constraint of a task replaces the earlier one.
    assert_eq!(of("2-0"), ("c=new".into(), String::new()));
    let unit = workload.unit(workload.find("1-0").unwrap()).unwrap();
    assert_eq!(unit.values("MachineMetadata"), ["a-_b=7"]);
    let told: Vec<String> = hosts
        .iter()
        .map(|h| format!("{} {} {} {:?} {:?}", h.name, h.cpu.0, h.memory.0, h.leaves.map(|l| l.0), h.labels))
        .collect();
    assert_eq!(
        told,
        [
            "5 32000 68719476736 None {\"a-_b\": \"7\", \"d\": \"3\"}",
            "6 64000 274877906944 Some(350000000) {\"c\": \"x\"}"
        ]
    );
    for (what, count) in [
        ("constraints that later ones of the same task replace", 1),
        ("constraints of tasks without events", 1),
        ("later values of attributes", 1),
        ("deletions of attributes", 1),
        ("attributes without a value, as absent ones", 1),
        ("attributes of machines that machine_events does not know", 1),
        ("machines without a capacity, left out", 1),
        ("changes of a machine's capacity: a host keeps its first", 1),
    ] {
        assert_eq!(report.fields_ignored[what], count, "{what}");
    }
    assert_eq!(report.warnings, ["constraints name 2 attributes that no machine has"]);
    let alone = read_cluster(&format!("google-2011:{}", folder.0.display()), &BTreeMap::new(), &Budgets::default());
    let alone = alone.unwrap();
    assert_eq!((alone.hosts, alone.outages.len()), (hosts, 1));
}

#[test]
fn usage_becomes_steps_and_busy_machines_are_counted() {
    let events: String = [1, 2].iter().flat_map(|job| [row(600, *job, 0, ""), row(600, *job, 1, "")]).collect();
    let machines = "0,5,0,p,1,1\n0,6,0,p,1,1\n";
    // In the first window both tasks fill machine 5: 0.5 + 0.46 of 1. In the second the one task that is there has 0.3
    // for the whole window. Columns: mean CPU, memory; assigned; most memory; most CPU.
    let usage = "\
        600000000,900000000,1,0,5,0.25,0.1,0.3,,,0.15,,,0.6,,,,,,\n\
        900000000,1200000000,1,0,5,0.3,0.2,0.3,,,0.29,,,0.7,,,,,,\n\
        600000000,900000000,2,0,5,0.71,0.1,0.3,,,0.1,,,0.9,,,,,,\n\
        1200000000,1500000000,2,0,99,0.1,0.1,0.3,,,0.1,,,0.1,,,,,\n\
        600000000,900000000,9,0,5,0.9,0.1,0.3,,,0.1,,,0.9,,,,,\n\
        600000000,600000000,1,0,5,,0.1,0.3,,,0.1,,,0.9,,,,,\n";
    let tables = [("task_events.csv", events.as_str()), ("machine_events.csv", machines), ("task_usage.csv", usage)];
    let folder = Folder::new("usage", &tables);
    let small = [("cpu", "1"), ("memory", "1000")];
    let usage = folder.native(&small)[2].clone();
    let lines: Vec<&str> = usage.lines().skip(1).map(|line| line.trim_end_matches(',')).collect();
    assert_eq!(
        lines,
        ["1-0,300000000,250000000,150", "1-0,,300000000,290", "2-0,600000000,710000000,100", "2-0,,100000000,100"]
    );
    let report = folder.read(&small, false).unwrap().report;
    let samples = report.usage.unwrap();
    // Of task 1 the second sample is at 290 of 300 assigned; of task 2 the first one is over its request of 0.5 too.
    assert_eq!((samples.samples, samples.on_busy_hosts, samples.cpu_censored, samples.memory_censored), (4, 2, 2, 1));
    assert_eq!((samples.without_length, samples.gaps), (1, 1));
    assert_eq!(report.fields_ignored["rows of task_usage of tasks without events"], 1);
    assert_eq!(report.span_us, Some((600_000_000, 1_500_000_000)));
    let more = |more: (&'static str, &'static str)| [small[0], small[1], more];
    let bounded = folder.native(&more(("uncensor", "x2")))[2].clone();
    assert!(bounded.contains("1-0,300000000,500000000,150") && bounded.contains("1-0,,300000000,580"), "{bounded}");
    let most = folder.native(&more(("usage-stat", "max")))[2].clone();
    assert!(most.contains("1-0,300000000,600000000,150"), "{most}");
    let mean = folder.native(&more(("usage", "mean")))[2].clone();
    assert!(mean.contains("1-0,,275000000,290"), "{mean}");
    assert_eq!(folder.native(&more(("usage", "none")))[2].lines().count(), 0);
}

#[test]
fn tables_that_are_missing_are_said_and_damage_has_its_place() {
    let good = [row(700, 1, 0, ""), row(700, 1, 1, "")].concat();
    let folder =
        Folder::new("missing", &[("task_events.csv", &good), ("job_events.csv", "0,,1,0,u,3,n,l\n0,,8,0,u,3,n,l\n")]);
    let report = folder.read(&[], false).unwrap().report;
    for table in ["task_constraints", "machine_events", "task_usage"] {
        assert!(report.choices.iter().any(|choice| choice.starts_with(&format!("there is no {table}: "))), "{table}");
    }
    assert_eq!(report.entities["jobs of the trace without tasks"], 1);
    for (table, text, message) in [
        (
            "task_events.csv",
            "700000000,,1,0,,9,u,0,2,0.5,0.25,0,0\n",
            "event type: \"9\" is too large; at most 8 will do",
        ),
        (
            "task_events.csv",
            "x,,1,0,,0,u,0,2,0.5,0.25,0,0\nx,,1,0,,0,u,0,2,0.5,0.25,0,0\n",
            "time: \"x\" is not a whole number of microseconds",
        ),
        (
            "task_events.csv",
            "5,,1,0,,0,u,0,2,-0.5,0.25,0,0\n",
            "CPU request: \"-0.5\" is negative; 0 or more CPU of the largest machine will do",
        ),
        ("task_events.csv", "5,,1,0,,0\n", "6 columns where a row has 13"),
        (
            "task_events.csv",
            "9223372036854775806,,1,0,,0,u,0,2,0.5,0.25,0,0\n",
            "time: \"9223372036854775806\" is too late; at most 2^61 µs will do, or 2^63-1",
        ),
        (
            "task_constraints.csv",
            "5,1,0,2,a,x\n",
            "attribute value: \"x\" is not a whole number of an attribute's value",
        ),
        ("task_constraints.csv", "5,1,0,0,,x\n", "attribute name: blank; a constraint needs an attribute"),
        ("task_usage.csv", "1,2,1,0,5,0.1,0.1\n", "7 columns where a row has 19 to 20"),
        ("machine_events.csv", "0,5,3,p,1,1\n", "event type: \"3\" is too large; at most 2 will do"),
    ] {
        let folder = Folder::new(
            "damage",
            &[("task_events.csv", &good), ("machine_events.csv", "0,5,0,p,1,1\n"), (table, text)],
        );
        let line = text.lines().count().min(2);
        assert_eq!(folder.error(&[]), format!("{table}:{line}: {message}"));
    }
    let folder = Folder::new("nothing", &[("job_events.csv", "")]);
    assert!(folder.error(&[]).ends_with(": the folder has no task_events (a file or a folder of parts)"));
    let budgets = Budgets { max_jobs: 1, ..Budgets::default() };
    let two = [row(700, 1, 0, ""), row(700, 2, 0, "")].concat();
    let folder = Folder::new("budget", &[("task_events.csv", &two)]);
    let arg = TraceArg::parse(&folder.0.to_string_lossy()).unwrap();
    assert_eq!(arg.format.name, "google-2011");
    let error = read_trace(&arg, &BTreeMap::new(), &budgets).unwrap_err().to_string();
    assert!(error.ends_with("task_events.csv:2: 2 jobs is over the budget of 1; raise it with --max-jobs"), "{error}");
}
