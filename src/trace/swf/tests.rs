use std::collections::BTreeMap;

use super::super::{Budgets, Imported, TraceArg, read_cluster, read_trace_as};
use super::*;
use crate::rng::Seed;
use crate::workload::{UsageMode, Workload};

/// Imports `text` as a file.
fn import(name: &str, text: &str, options: &[(&str, &str)], strict: bool) -> Result<Imported> {
    let path = std::env::temp_dir().join(format!("plimsoll-swf-{name}-{}.swf", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let arg = TraceArg::parse(&path.display().to_string()).unwrap();
    assert_eq!(arg.format.name, "swf");
    let got = read_trace_as(&arg, &options, &Budgets::default(), strict);
    std::fs::remove_file(path).unwrap();
    got
}

/// `name@arrival+duration cpu/memory app [used cpu/memory] [<first]`, times in s, memory in KiB.
fn told(w: &Workload) -> Vec<String> {
    let one = |job| {
        let used: String =
            w.profile(job).iter().map(|s| format!(" used {}m/{}", s.cpu_nano / 1_000_000, s.memory.0 >> 10)).collect();
        let after: String = w.after(job).iter().map(|&first| format!(" <{}", w.name(first))).collect();
        format!(
            "{}@{}+{} {}/{} {}{used}{after}",
            w.name(job),
            w.arrival(job).as_secs_f64(),
            w.duration(job).unwrap().as_secs_f64(),
            w.cpu_request(job),
            w.memory_request(job).0 >> 10,
            w.apps()[w.app(job).index()].name
        )
    };
    w.ids().map(one).collect()
}

fn jobs(name: &str, text: &str, options: &[(&str, &str)]) -> (Vec<String>, super::super::ImportReport) {
    let imported = import(name, text, options, false).unwrap();
    let (workload, _, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    (told(&workload), report)
}

/// 1: all known, memory of 2 × 100 KiB asked and 2 × 50 used, 30 of 60 s of CPU each. 2: only what there must be, and a
/// float. 3: asks for 3 and got 2; failed; ran over its walltime; after 1. 4: cancelled before its start, twice said.
/// 5: cancelled while it ran; after a job that is not there. 6: no processors. 7: no run time. 8: no submit time. 9: in
/// parts beside its own line, which stands between them. 10: in parts alone. 11: 0 s.
const BY_HAND: &str = "\
; Version: 2.2
; Computer: by hand
; MaxNodes: 3 (a rack)
; MaxProcs: 8
; UnixStartTime: 1000
; Note: the first
;       of two notes
; Note: the second

 1 0   5  60 2 30.00  50 2 100 100 1  7 1  3 1 1 -1 -1
 2 10 -1 0.5 1    -1  -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1\r
 3 20  5  70 2    -1  -1 3  60 -1 0  7 1 -1 1 2  1 10
 4 30  5   0 2    -1  -1 2  60 -1 5  7 1 -1 1 2 -1 -1
44 30  5  -1 2    -1  -1 2  60 -1 5  7 1 -1 1 2 -1 -1
 5 31  5  10 2    -1  -1 2  60 -1 5  7 1 -1 1 2 99 -1
 6 32  5  10 0    -1  -1 -1 60 -1 1  7 1 -1 1 2 -1 -1
 7 33  5  -1 1    -1  -1 -1 60 -1 1  7 1 -1 1 2 -1 -1
 8 -1  5  10 1    -1  -1 -1 60 -1 1  7 1 -1 1 2 -1 -1
 9 40  0  10 1    -1  -1  1 60 -1 2  7 1 -1 1 2 -1 -1
 9 40  0  25 1    -1  -1  1 60 -1 1  7 1 -1 1 2 -1 -1
 9 55  0  15 1    -1  -1  1 60 -1 3  7 1 -1 1 2 -1 -1
10 60  0  10 1     5  -1  1 60 -1 2  8 1 -1 1 2 -1 -1
10 90  0  30 1    27  -1  1 60 -1 4  8 1 -1 1 2 -1 -1
11 70  0   0 1    -1  -1  1 60 -1 1  8 1 -1 1 2 -1 -1
";

#[test]
fn jobs_by_hand_are_what_they_should_be() {
    let (got, report) = jobs("hand", BY_HAND, &[]);
    let want = [
        "1@0+60 2/200 app-3 used 1000m/100",
        "2@10+0.5 1/1048576 swf",
        "3@20+70 3/3145728 user-7 <1",
        "5@31+10 2/2097152 user-7",
        "9@40+25 1/1048576 user-7",
        // 5 and 27 s of CPU in 40 s.
        "10@60+40 1/1048576 user-8 used 800m/1048576",
        "11@70+0 1/1048576 user-8",
    ];
    assert_eq!(got, want);
    assert_eq!((report.rows_read, report.rows_used, report.jobs), (15, 8, 7));
    let dropped: Vec<(&str, u64)> = report.rows_dropped.iter().map(|(why, n)| (why.as_str(), *n)).collect();
    assert_eq!(
        dropped,
        [
            ("a part of a job that has a line of its own (status 2, 3 or 4)", 2),
            ("cancelled before it started (status 5)", 2),
            ("number of processors unknown", 1),
            ("run time unknown", 1),
            ("submit time unknown", 1),
        ]
    );
    assert_eq!(report.fields_ignored["preceding jobs (field 17) that do not stand before the job"], 1);
    assert_eq!(report.fields_ignored["think time"], 1);
    let text = report.to_string();
    for said in [
        "6 jobs do not say what memory they want",
        "1 failed jobs (status 0) run their recorded time",
        "1 jobs cancelled while they ran",
        "1 jobs wait for the job of field 17",
        "1 jobs have lines of parts (status 2, 3 or 4) only",
        "header: MaxNodes 3 (a rack)",
        "time 0 is 1000 s of Unix time",
        "note of the log: the first of two notes\n",
        "note of the log: the second\n",
        "1 jobs last 0 s",
        "1 jobs ran longer than they asked for",
        "met: 2 partitions, 2 users",
        "span: from 0s to 1m40s on its own clock",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    // The widest node has 3 cores, and so has the widest job.
    assert!(!text.contains("fits nowhere"), "{text}");
    assert!(
        jobs("wide", &BY_HAND.replace("MaxProcs: 8", "MaxProcs: 6"), &[])
            .1
            .to_string()
            .contains("a node of the header has 2")
    );
}

#[test]
fn options_change_what_they_say() {
    let (got, _) = jobs("apart", BY_HAND, &[("procs", "apart"), ("memory", "2Mi"), ("used", "none")]);
    let want =
        ["1-1@0+60 1/100 app-3", "1-2@0+60 1/100 app-3", "2-1@10+0.5 1/2048 swf", "3-1@20+70 1/2048 user-7 <1-1 <1-2"];
    assert_eq!(got[..4], want);
    assert_eq!(got.len(), 2 + 1 + 3 + 2 + 1 + 1 + 1);
    let (got, _) = jobs("walltime", BY_HAND, &[("end", "walltime")]);
    // 2 asked for nothing, 10 consists of parts.
    let ends: Vec<&str> = got.iter().map(|job| job.split(' ').next().unwrap()).collect();
    assert_eq!(ends, ["1@0+100", "2@10+0.5", "3@20+60", "5@31+60", "7@33+60", "9@40+60", "10@60+40", "11@70+60"]);
    let (got, report) = jobs("partition", BY_HAND, &[("partition", "1")]);
    assert_eq!(got, ["1@0+60 2/200 app-3 used 1000m/100"]);
    assert_eq!(report.rows_dropped["of another partition"], 14);
}

#[test]
fn the_header_has_hosts_where_they_are_asked_for() {
    let imported = import("hosts", BY_HAND, &[("hosts", "header"), ("node_memory", "1Gi")], false).unwrap();
    let told: Vec<_> = imported.hosts.iter().map(|h| (h.name.as_str(), h.cpu.0, h.memory.0 >> 30)).collect();
    assert_eq!(told, [("node-1", 3_000, 3), ("node-2", 3_000, 3), ("node-3", 2_000, 2)]);
    assert_eq!(import("none", BY_HAND, &[], false).unwrap().hosts.len(), 0);
    let path = std::env::temp_dir().join(format!("plimsoll-swf-cluster-{}", std::process::id()));
    std::fs::write(&path, BY_HAND).unwrap();
    let read = read_cluster(&format!("swf:{}", path.display()), &BTreeMap::new(), &Budgets::default()).unwrap();
    assert_eq!(read.hosts.len(), 3);
    std::fs::remove_file(path).unwrap();
    for (from, to, message) in [
        (
            "MaxNodes",
            "Nodes",
            "the header does not tell MaxNodes and MaxProcs, so there are no hosts in it; give --hosts",
        ),
        ("MaxProcs: 8", "MaxProcs: 2", "the header's MaxProcs 2 is less than its MaxNodes 3; give --hosts"),
        ("MaxProcs: 8", "MaxProcs: 99999999999999999", "a node of 33333333333333333 cores is beyond any; give --hosts"),
        (
            "MaxNodes: 3",
            "MaxNodes: 99999999999",
            "the header's MaxProcs 8 is less than its MaxNodes 99999999999; give --hosts",
        ),
    ] {
        let text = BY_HAND.replace(from, to);
        let error = import("bad", &text, &[("hosts", "header")], false).unwrap_err();
        assert!(error.to_string().ends_with(&format!(".swf: {message}")), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
}

#[test]
fn a_line_that_no_quirk_explains_is_an_error_with_its_place() {
    let line = |field: usize, value: &str| {
        let mut words =
            vec!["1", "0", "-1", "60", "1", "-1", "-1", "1", "60", "100", "1", "7", "1", "3", "1", "1", "-1", "-1"];
        words[field - 1] = value;
        words.join(" ")
    };
    for (row, message) in [
        (line(4, "x"), "run time: \"x\" is not a number (-1 where unknown)"),
        (line(2, "-5"), "submit time: \"-5\" is negative; 0 or more will do, and -1 where unknown"),
        (line(8, "1.5"), "requested processors: is not a whole number"),
        (line(8, "8388609"), "requested processors: too large"),
        (line(10, "99999999999999999999"), "requested memory: too large"),
        (line(4, "99999999999999"), "run time: too large"),
        (line(11, "7"), "status: is none of 0 to 5 (-1 where unknown)"),
        (line(1, "-1"), "job number: -1; a job needs its number"),
        ("1 2 3".into(), "3 numbers where a line has 18"),
        (format!("{} 1", line(1, "1")), "19 numbers where a line has 18"),
        (format!("{}\n{}", line(1, "5"), line(1, "5")), "job number: two jobs have the number 5"),
    ] {
        let error = import("row", &format!(";\n{row}\n"), &[], false).unwrap_err().to_string();
        let at = if row.contains('\n') { 3 } else { 2 };
        assert!(error.ends_with(&format!(".swf:{at}: {message}")), "{error}");
    }
    let error = import("strict", BY_HAND, &[], true).unwrap_err().to_string();
    assert!(
        error.contains(".swf:13: left out (cancelled before it started (status 5)), which --strict forbids"),
        "{error}"
    );
    let error = import("empty", "; Version: 2\n", &[], false).unwrap_err().to_string();
    assert!(error.contains("no jobs"), "{error}");
}
