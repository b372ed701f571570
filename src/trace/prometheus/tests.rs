use super::super::{Budgets, TraceArg, read_trace};
use super::*;
use crate::rng::Seed;
use crate::workload::UsageMode;

type Steps = Vec<(u64, u64, i64)>;

/// Lays the files over two pods, shop/web and default/db, of 4 cores and 4,000 bytes; their steps in s, milli-CPU and
/// bytes.
fn laid(name: &str, files: &[(&str, &str)], list: &str) -> Result<([Steps; 2], String)> {
    let folder = std::env::temp_dir().join(format!("plimsoll-prometheus-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let jobs = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,namespace\n\
        db,0,1,4000,4000,default\nweb,0,1,4000,4000,shop\n";
    std::fs::write(folder.join("jobs.csv"), jobs).unwrap();
    for (file, text) in files {
        std::fs::write(folder.join(file), text).unwrap();
    }
    let budgets = Budgets::default();
    let arg = TraceArg::parse(&format!("native:{}", folder.join("jobs.csv").display())).unwrap();
    let mut imported = read_trace(&arg, &BTreeMap::new(), &budgets).unwrap();
    let list: Vec<String> = list.split(',').map(|part| format!("{}/{part}", folder.display())).collect();
    let over = TraceArg::parse(&format!("prometheus:{}", list.join(","))).unwrap();
    let done = imported.overlay(&over, &BTreeMap::new(), &budgets);
    std::fs::remove_dir_all(&folder).unwrap();
    done?;
    let (workload, _, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
    let steps = |name: &str| {
        let job = workload.find(name).unwrap();
        let told = |s: &crate::workload::UsageStep| (s.length_us / SECOND_US, s.cpu_nano / 1_000_000, s.memory.0);
        workload.profile(job).iter().map(told).collect()
    };
    Ok(([steps("web"), steps("db")], report.to_string()))
}

/// A series: labels as JSON, and points.
fn series(labels: &str, values: &str) -> String {
    format!("{{\"metric\":{{{labels}}},\"values\":[{values}]}}")
}

fn answer(series: &[String]) -> String {
    format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"matrix\",\"result\":[{}]}}}}", series.join(","))
}

const END: u64 = u64::MAX / SECOND_US;
const WEB: &str = "\"namespace\":\"shop\",\"pod\":\"web\"";

#[test]
fn containers_of_a_pod_are_added_up_and_the_pod_is_not_counted_twice() {
    let named = |container: &str| {
        format!("\"__name__\":\"container_cpu_usage_seconds_total\",{WEB},\"container\":\"{container}\"")
    };
    let cpu = answer(&[
        // 1 core, then 2.5 after a reset in 60 s, a gap of a NaN, then 0.5.
        series(&named("app"), "[1000,\"100\"],[1060,\"160\"],[1120.000,\"150\"],[1180,\"NaN\"],[1240,\"210\"]"),
        // Joins at 1060 with half a core.
        series(&named("sidecar"), "[1060,\"0\"],[1120,\"30\"],[1180,\"60\"],[1240,\"90\"]"),
        series(&named("POD"), "[1000,\"100\"],[1060,\"900\"]"),
        // The pod as a whole: an empty label is none.
        series(&format!("\"__name__\":\"container_cpu_usage_seconds_total\",{WEB}"), "[1000,\"0\"],[1060,\"900\"]"),
        series("\"__name__\":\"container_cpu_usage_seconds_total\",\"id\":\"/\"", "[1000,\"0\"],[1060,\"900\"]"),
        series(&named("once"), "[1000,\"7\"]"),
    ]);
    let memory = answer(&[
        series(&format!("{WEB},\"container\":\"app\""), "[1060,\"1e+03\"],[1120,\"1500\"]"),
        series("\"namespace\":\"default\",\"pod\":\"db\"", "[1060,\"700\"]"),
        series("\"namespace\":\"default\",\"pod\":\"gone\"", "[1060,\"700\"]"),
    ]);
    let files = [("a.json", cpu.as_str()), ("b.json", memory.as_str())];
    let ([web, db], report) = laid("sum", &files, "a.json,memory=b.json").unwrap();
    // 1000-1060: 60 s of CPU in 60 s; the memory of the step before 1060. 1060-1120: a reset, so 150 s in 60 s, and
    // half a core beside it. 1120-1240: 60 s in 120 s, and the half; memory is not known, so as requested.
    assert_eq!(web, [(60, 1_000, 1_000), (60, 3_000, 1_500), (END, 1_000, 4_000)]);
    assert_eq!(db, [(END, 4_000, 700)]);
    for said in [
        "1 series belong to no job",
        "lies over 2 jobs",
        "1 × prometheus: values that are NaN or infinite: stale",
        "1 × prometheus: series of the pause container (POD)",
        "1 × prometheus: values of pods as a whole beside their containers",
        "1 × prometheus: series without namespace and pod",
        "1 times a counter began anew",
        "1 counters have one value only",
    ] {
        assert!(report.contains(said), "{said}\n{report}");
    }
}

#[test]
fn rates_without_a_name_and_labels_of_old_are_read() {
    let cpu = answer(&[series(
        "\"kubernetes_namespace\":\"shop\",\"pod_name\":\"web\"",
        "[60,\"0.25\"],[90,\"0.5\"],[150,\"+Inf\"]",
    )]);
    let ([web, _], _) = laid("rates", &[("cpu.json", &cpu)], "cpu=cpu.json").unwrap();
    assert_eq!(web, [(30, 250, 4_000), (END, 500, 4_000)]);
    let cpu = answer(&[series(WEB, "[60,\"5\"],[120,\"35\"]")]);
    let ([web, _], _) = laid("total", &[("cpu.json", &cpu)], "cpu-total=cpu.json").unwrap();
    assert_eq!(web, [(END, 500, 4_000)]);
}

#[test]
fn what_is_no_answer_is_refused_with_its_place() {
    let one = |labels: &str, values: &str| answer(&[series(labels, values)]);
    let plain = |labels: &str| one(&format!("{labels},{WEB}"), "[1,\"1\"],[2,\"2\"]");
    for (list, text, message) in [
        (
            "x.json",
            "{".to_owned(),
            "x.json:1:1: not an answer of Prometheus' query_range (EOF while parsing an object)",
        ),
        (
            "x.json",
            "{\"status\":\"error\",\"error\":\"query timed out\"}".into(),
            "x.json: the server did not answer with success: query timed out",
        ),
        ("x.json", "{\"status\":\"success\"}".into(), "x.json: the answer has no data"),
        (
            "x.json",
            "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}".into(),
            "x.json: resultType is \"vector\", of one moment; a matrix of api/v1/query_range will do",
        ),
        ("x.json", answer(&[]), "no series of usage"),
        (
            "x.json",
            one(WEB, "[1,\"1\"]"),
            "x.json: data.result[0].metric: the series has no __name__; write cpu=FILE, cpu-total=FILE or memory=FILE",
        ),
        (
            "x.json",
            plain("\"__name__\":\"up\""),
            "x.json: data.result[0].metric: up is neither CPU nor memory by its name; write cpu=FILE or memory=FILE",
        ),
        (
            "memory=x.json",
            plain("\"__name__\":\"container_cpu_usage_seconds_total\""),
            "x.json: data.result[0].metric: container_cpu_usage_seconds_total counts CPU time, not memory",
        ),
        (
            "cpu=x.json",
            plain("\"__name__\":\"container_memory_working_set_bytes\""),
            "x.json: data.result[0].metric: container_memory_working_set_bytes is memory, not CPU",
        ),
        ("cpu=x.json", one(WEB, "[1,\"x\"]"), "x.json: data.result[0].values[0]: \"x\" is not a number"),
        (
            "cpu=x.json",
            one(WEB, "[1,\"-2\"]"),
            "x.json: data.result[0].values[0]: \"-2\" is negative; CPU and memory are 0 or more",
        ),
        (
            "cpu=x.json",
            one(WEB, "[2,\"1\"],[1,\"1\"]"),
            "x.json: data.result[0].values[1]: the time is not after the one before it",
        ),
        (
            "cpu=x.json",
            one(WEB, "[-1,\"1\"]"),
            "x.json: data.result[0].values[0]: -1 is no time in seconds of Unix time",
        ),
        ("cpu=x.json", one(WEB, "[1,\"1e300\"]"), "x.json: data.result[0]: a value is too large"),
        ("cpu-total=x.json", one(WEB, "[1,\"1\"],[1.001,\"1e9\"]"), "x.json: data.result[0]: a value is too large"),
    ] {
        let error = laid("refused", &[("x.json", &text)], list).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(error.exit_code(), 3);
    }
}

#[test]
fn what_a_file_holds_may_be_said_before_or_behind_its_folder() {
    for (given, kind, path) in [
        ("a.json", None, "a.json"),
        ("cpu=a.json", Some(Kind::Rate), "a.json"),
        ("here/memory=there/a.json", Some(Kind::Memory), "here/there/a.json"),
        ("here/cpu-total=/a.json", Some(Kind::Counter), "/a.json"),
    ] {
        assert_eq!(told(given), (kind, path.to_owned()), "{given}");
    }
}
