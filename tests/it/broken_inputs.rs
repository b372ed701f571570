//! Broken inputs through the program: each ends with its documented exit code and says where and what would do.

use crate::program::{Folder, expect};

const HEADER: &str = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\n";

fn scenario(cluster: &str, workload: &str, rest: &str) -> String {
    format!(
        "apiVersion: plimsoll/v1\nkind: Scenario\nname: x\nhorizon: 1m\ncluster:\n  hosts:\n  - {{{cluster}}}\nworkload:\n  apps:\n  - {{{workload}}}\norchestrators: [fleet]\n{rest}"
    )
}

const HOST: &str = "name: a, cpu: 4, memory: 8Gi";
const JOB: &str = "name: j, duration: 10s, requests: {cpu: 1, memory: 1Gi}";

#[test]
fn broken_scenarios_say_where_and_what_would_do() {
    let folder = Folder::new("broken-scenarios");
    let bomb = (0..30).fold(String::from("a0: &a0 [x]\n"), |text, i| {
        format!("{text}a{}: &a{} [*a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}]\n", i + 1, i + 1)
    });
    let cases: &[(&str, String, &str)] = &[
        ("wrong key", scenario(HOST, JOB, "horizn: 3s\n"), "did you mean \"horizon\"?"),
        ("negative memory", scenario("name: a, cpu: 4, memory: -1Gi", JOB, ""), "negative"),
        ("2^63 memory", scenario("name: a, cpu: 4, memory: 9223372036854775808", JOB, ""), "too large"),
        (
            "duplicate host",
            scenario("name: a, cpu: 4, memory: 8Gi}\n  - {name: a, cpu: 1, memory: 1Gi", JOB, ""),
            "two hosts are named \"a\"",
        ),
        ("duplicate job", scenario(HOST, &format!("{JOB}}}\n  - {{{JOB}"), ""), "two jobs are named \"j\""),
        ("leave before join", scenario(&format!("{HOST}, joins: 5m, leaves: 1m"), JOB, ""), "leaves before it joins"),
        (
            "masters everywhere",
            scenario(HOST, JOB, "")
                .replace("fleet", "{name: k, orchestrator: kubernetes-2016, parameters: {masters: 1}}"),
            "masters 1 leaves no host for jobs, of 1",
        ),
        ("unknown role", scenario(HOST, &format!("{JOB}, role: routr"), "platform: {}\n"), "did you mean \"router\"?"),
        (
            "role without a platform",
            scenario(HOST, &format!("{JOB}, role: router"), ""),
            "count where there is a platform",
        ),
        ("unknown member", scenario(HOST, JOB, "etcd: {faults: [{at: 1s, down: 7}]}\n"), "\"7\" is no member"),
        ("unknown orchestrator", scenario(HOST, JOB, "").replace("fleet", "fleat"), "did you mean \"fleet\"?"),
        ("bad duration", scenario(HOST, "name: j, duration: soon", ""), "not a duration"),
        ("horizon 0", scenario(HOST, JOB, "").replace("1m", "0s"), "horizon"),
        ("unknown host in a failure", scenario(HOST, JOB, "failures:\n- {host: b, at: 1s}\n"), "\"b\""),
        ("too many replicas", scenario(HOST, "name: j, duration: 1s, replicas: 4000000000", ""), "--max-jobs"),
        ("too many hosts", scenario(&format!("{HOST}, count: 4000000000"), JOB, ""), "--max-hosts"),
        ("alias bomb", bomb, "--max-yaml-nodes"),
        ("deep nesting", format!("x: {}{}", "[".repeat(100_000), "]".repeat(100_000)), "--max-yaml"),
        ("not a scenario", "- 1\n- 2\n".into(), ""),
        ("empty", String::new(), ""),
    ];
    for (name, text, says) in cases {
        let path = folder.put("s.yaml", text.as_bytes());
        for command in ["run", "check"] {
            let (_, err) = expect(3, &[command, &path]);
            assert!(err.contains("s.yaml"), "{name}: no file named in {err}");
            assert!(err.contains(says), "{name}: {err}");
        }
    }
    let (_, err) = expect(3, &["run", &folder.put("b.yaml", b"name: \xff\xfe\n")]);
    assert!(err.contains("b.yaml"), "{err}");
    let (_, err) = expect(3, &["run", &folder.of("none.yaml")]);
    assert!(err.contains("none.yaml"), "{err}");
    // Wrong keys are shown by line and column.
    let path = folder.put("s.yaml", scenario(HOST, JOB, "horizn: 3s\n").as_bytes());
    assert!(expect(3, &["run", &path]).1.contains("s.yaml:12:1:"));
}

#[test]
fn broken_traces_say_where_and_what_would_do() {
    let folder = Folder::new("broken-traces");
    let long = format!("{HEADER}{},0,1,1,1\n", "x".repeat(10 << 20));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, format!("{HEADER}a,0,1,1,1\n").repeat(50).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty trace", Vec::new(), "no jobs"),
        ("header only", HEADER.into(), "no jobs"),
        ("negative memory", format!("{HEADER}a,0,1,1,-5\n").into(), "t.csv:2: memory_request_bytes"),
        ("2^63", format!("{HEADER}a,0,1,1,9223372036854775808\n").into(), "t.csv:2: memory_request_bytes"),
        ("arrival 2^63", format!("{HEADER}a,9223372036854775808,1,1,1\n").into(), "t.csv:2: arrival"),
        ("duplicate names", format!("{HEADER}a,0,1,1,1\na,5,1,1,1\n").into(), "two jobs are named \"a\""),
        ("wrong column count", format!("{HEADER}a,0,1,1\n").into(), "t.csv:2"),
        (
            "unknown column",
            b"job,arrival_us,duration_us,cpu_request_mili,memory_request_bytes\n".to_vec(),
            "did you mean",
        ),
        ("not UTF-8", [HEADER.as_bytes(), b"\xff,0,1,1,1\n"].concat(), "t.csv:2"),
        ("a 10 MB line", long.into(), "--max-line-bytes"),
        ("truncated gzip", gzip[..gzip.len() - 12].to_vec(), "t.csv"),
        ("words for numbers", format!("{HEADER}a,0,1,two,1\n").into(), "t.csv:2: cpu_request_milli"),
    ];
    for (name, bytes, says) in cases {
        let path = folder.put("t.csv", bytes);
        let (_, err) = expect(3, &["run", "--trace", &format!("native:{path}"), "--hosts", "2:4,8Gi"]);
        assert!(err.contains(says), "{name}: {err}");
    }
    let fine = folder.put("fine.csv", format!("{HEADER}b,50,1000000,100,100\na,0,1000000,100,100\n").as_bytes());
    let trace = format!("native:{fine}");
    let run = |code, more: &[&str]| expect(code, &[&["run", "--trace", &trace][..], more].concat());
    // Times out of order are sorted.
    run(0, &["--hosts", "2:4,8Gi", "--check"]);
    assert!(run(3, &[]).1.contains("no hosts"));
    assert!(run(2, &["--hosts", "2:4"]).1.contains("--hosts"));
    assert!(run(3, &["--hosts", "2:4,8Gi", "--load", "0.9"]).1.contains("most reachable"));
    assert!(run(3, &["--hosts", "2:4,8Gi", "--max-jobs", "1"]).1.contains("--max-jobs"));
    assert!(run(3, &["--hosts", "2:4,8Gi", "--max-events", "5"]).1.contains("--max-events"));
    assert!(run(2, &["--hosts", "2:4,8Gi", "--speed", "0"]).1.contains("--speed"));
    assert!(run(2, &["--hosts", "2:4,8Gi", "--option", "x"]).1.contains("KEY=VALUE"));
    assert!(run(2, &["--hosts", "2:4,8Gi", "--usage", "model:nix"]).1.contains("mix"));
    let (_, err) = expect(2, &["run", "--trace", "opnb:x"]);
    assert!(err.contains("did you mean \"openb\"?"), "{err}");
    let (_, err) = expect(3, &["run", "--trace", &format!("native:{}", folder.of("none.csv")), "--hosts", "1:1,1Gi"]);
    assert!(err.contains("none.csv"), "{err}");
}

#[test]
fn a_job_bigger_than_every_host_is_a_warning() {
    let folder = Folder::new("bigger");
    let path =
        folder.put("s.yaml", scenario(HOST, "name: j, duration: 10s, requests: {cpu: 64, memory: 1Gi}", "").as_bytes());
    let (out, err) = expect(0, &["run", &path, "--orchestrator", "first-fit"]);
    assert!(err.contains("warning: job \"j\" asks for") && out.contains("never placed"), "{out}{err}");
}

/// The sentence in full, so that a change of words is seen; FOLDER stands for the test's own.
#[test]
fn what_went_wrong_stands_in_one_full_sentence() {
    let folder = Folder::new("sentences");
    let ok = folder.put("ok.yaml", scenario(HOST, JOB, "").as_bytes());
    folder.put("file", b"");
    std::fs::create_dir(folder.path().join("other")).unwrap();
    folder.put("other/z", b"");
    let broken = |name: &str, from: &str, to: &str| {
        let text = scenario(HOST, JOB, "");
        assert!(text.contains(from), "{from}");
        folder.put(name, text.replace(from, to).as_bytes())
    };
    let cases: &[(i32, Vec<String>, &str)] = &[
        (
            3,
            vec![folder.of("none.yaml")],
            "FOLDER/none.yaml: there is no such file; check the path, or write a scenario to start from with plimsoll new FILE",
        ),
        (
            3,
            vec![broken("1.yaml", "memory: 1Gi", "memory: -1Gi")],
            "FOLDER/1.yaml:10:57: \"-1Gi\" is negative; a memory quantity is 0 or more",
        ),
        (
            3,
            vec![broken("2.yaml", "requests:", "reqests:")],
            "FOLDER/2.yaml:10:30: unknown key \"reqests\"; did you mean \"requests\"?",
        ),
        (
            3,
            vec![broken("3.yaml", "[fleet]", "[{name: a, orchestrator: fleet, placement: best}]")],
            "FOLDER/3.yaml:11:59: unknown placement \"best\"; did you mean \"best-fit\"?",
        ),
        (
            3,
            vec![broken("4.yaml", "[fleet]", "[fleet, fleet]")],
            "FOLDER/4.yaml:11:24: two runs are named \"fleet\"; give one another name",
        ),
        (
            3,
            vec![broken("5.yaml", "cpu: 4", "count: 0, cpu: 4")],
            "FOLDER/5.yaml:7:5: host \"a\": count is 0; leave the group out",
        ),
        (3, vec![broken("6.yaml", "1m", "0s")], "FOLDER/6.yaml:4:10: horizon: a horizon of 0s leaves nothing to run"),
        (
            3,
            vec![broken("7.yaml", "plimsoll/v1", "plimsoll/v2")],
            "FOLDER/7.yaml:1:13: apiVersion: \"plimsoll/v2\"; a scenario says apiVersion: plimsoll/v1",
        ),
        (
            3,
            vec![folder.put("8.yaml", b"")],
            "FOLDER/8.yaml: the file is empty; plimsoll new FILE writes a scenario to start from",
        ),
        (
            3,
            vec![folder.put("9.yaml", b"apiVersion: plimsoll/v1\nname: \xff\n")],
            "FOLDER/9.yaml:2: a byte is not UTF-8; save the file as UTF-8",
        ),
        (3, vec![ok.clone(), "--max-events=1".into()], "2 events is over the budget of 1; raise it with --max-events"),
        (
            3,
            vec![ok.clone(), "--max-changes=1".into(), "-o".into(), folder.of("new")],
            "more changes is over the budget of 1; raise it with --max-changes",
        ),
        (
            2,
            vec![ok.clone(), "-o".into(), folder.of("file")],
            "FOLDER/file: is a file; -o wants a directory for its results",
        ),
        (
            1,
            vec![ok.clone(), "-o".into(), folder.of("file/x")],
            "FOLDER/file/x: cannot be read (Not a directory (os error 20))",
        ),
        (
            2,
            vec![ok.clone(), "-o".into(), folder.of("other")],
            "FOLDER/other: holds files that Plimsoll did not write; choose another directory, or write into this one with --force",
        ),
        (
            2,
            vec![ok.clone(), "-o".into(), "-".into()],
            "-o is always a directory; --format json prints to standard output",
        ),
        (
            2,
            vec![ok.clone(), "--load=0.5".into()],
            "--load, --speed, --option, --usage-stat, --uncensor, --from and --to need a trace (--trace, or trace in the scenario)",
        ),
    ];
    for (code, args, sentence) in cases {
        let args: Vec<&str> = ["run"].into_iter().chain(args.iter().map(String::as_str)).collect();
        let (out, err) = expect(*code, &args);
        assert_eq!(err.replace(folder.path().to_str().unwrap(), "FOLDER"), format!("error: {sentence}\n"), "{args:?}");
        assert!(out.is_empty(), "{args:?} printed results:\n{out}");
    }
    assert!(!folder.path().join("new").exists());
}
