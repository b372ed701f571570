//! Broken scenarios and what they are told, the shipped ones, and files bent at random.

use std::path::{Path, PathBuf};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::rng::{Purpose, Seed};
use crate::units::SimTime;

/// The smallest scenario, in four parts that a case may replace.
const HEAD: &str = "apiVersion: plimsoll/v1\nkind: Scenario\n";
const CLUSTER: &str = "cluster:\n  hosts:\n  - {name: node, count: 2, cpu: 4, memory: 8Gi}\n";
const WORKLOAD: &str = "workload:\n  jobs:\n  - {name: a, duration: 1m, requests: {cpu: 1, memory: 1Gi}}\n";
const RUNS: &str = "orchestrators: [fleet]\n";

fn whole(text: &str) -> Result<Scenario, Error> {
    whole_in(text, Path::new("."))
}

/// The scenario `text` of a file in `folder`.
fn whole_in(text: &str, folder: &Path) -> Result<Scenario, Error> {
    let budgets = Budgets::default();
    read_text(text.as_bytes(), &budgets).and_then(|file| resolve(&file, folder, &budgets))
}

/// Where the shipped scenarios stand, from which they name other files.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The small scenario with `part` in the place of the part that begins with the same key, or at the end.
fn with(part: &str) -> String {
    let key = |text: &str| text.split(':').next().unwrap_or("").to_string();
    let parts = [HEAD, CLUSTER, WORKLOAD, RUNS];
    match parts.iter().position(|p| key(p) == key(part)) {
        Some(at) => parts.iter().enumerate().map(|(i, p)| if i == at { part } else { p }).collect(),
        None => parts.concat() + part,
    }
}

fn check(part: &str, want: &str) {
    match whole(&with(part)) {
        Ok(_) => panic!("accepted: {part}"),
        Err(why) => {
            assert_eq!(why.to_string(), want, "{part}");
            assert_eq!(why.exit_code(), 3, "{part}");
        }
    }
}

#[test]
fn broken_scenarios_are_told_where_and_what_would_do() {
    for (part, want) in [
        ("horizn: 1h\n", "line 10:1: unknown key \"horizn\"; did you mean \"horizon\"?"),
        (
            "cluster:\n  hosts:\n  - {name: node, cpus: 2, memory: 1Gi}\n",
            "line 5:18: unknown key \"cpus\"; did you mean \"cpu\"?",
        ),
        (
            "cluster:\n  hosts:\n  - name: node\n    cpu: 4\n    memory: -1Gi\n",
            "line 7:13: \"-1Gi\" is negative; a memory quantity is 0 or more",
        ),
        (
            "cluster:\n  hosts:\n  - name: node\n    cpu: 4\n    memory: 9223372036854775808\n",
            "line 7:13: \"9223372036854775808\" is too large a memory quantity (at most 2^53 units)",
        ),
        (
            "cluster:\n  hosts:\n  - {name: n, cpu: 1, memory: 1Gi}\n  - {name: n, cpu: 1, memory: 1Gi}\n",
            "line 6:5: two hosts are named \"n\" (the first in line 5)",
        ),
        (
            "cluster:\n  hosts:\n  - {name: n, cpu: 0, memory: 1Gi}\n",
            "line 5:5: host \"n\": cpu is 0; a host needs more than 0",
        ),
        (
            "cluster:\n  hosts:\n  - {name: n, cpu: 1, memory: 1Gi, joins: 2h, leaves: 1h}\n",
            "line 5:5: host \"n\": it leaves before it joins",
        ),
        (
            "cluster:\n  hosts:\n  - {name: n, count: 4000000000, cpu: 1, memory: 1Gi}\n",
            "4000000000 hosts is over the budget of 200000; raise it with --max-hosts",
        ),
        ("cluster: {}\n", "line 3:10: the cluster has no hosts; give hosts, a file, a trace or Nodes in manifests"),
        ("cluster:\n  trace: openb:x\n", "x: there is no such file; check the path, or - reads from stdin"),
        (
            "workload:\n  generator: {name: poison}\n",
            "line 7:14: unknown generator \"poison\"; did you mean \"poisson\"?",
        ),
        ("workload:\n  generator: {name: poisson, jobs: 0}\n", "line 7:14: jobs: 0 will not do; 1 to 50,000,000 will"),
        (
            "workload:\n  generator: {name: poisson, jobs: 40000000}\n",
            "line 7:14: 40000000 jobs is over the budget of 5000000; raise it with --max-jobs",
        ),
        ("workload:\n  generator: {jobs: 3}\n", "line 7:15: the key \"name\" is missing"),
        (
            "workload:\n  generator: {name: mix}\n  jobs: [{name: a}]\n",
            "line 8:10: duration: job \"a\": a batch job needs a duration (or kind: service for an open end)",
        ),
        (
            "workload:\n  trace: {format: openbb, path: x}\n",
            "line 7:19: unknown trace format \"openbb\"; did you mean \"openb\"?",
        ),
        (
            "workload:\n  trace: {format: native, path: no/such.csv}\n",
            "no/such.csv: there is no such file; check the path, or - reads from stdin",
        ),
        (
            "workload:\n  trace: {format: native, path: x, load: much}\n",
            "line 7:42: \"much\" is not a share of the cluster above 0 and up to 1000 (try 0.7 or cpu=0.7)",
        ),
        (
            "cluster:\n  file: no/such.hosts.csv\n",
            "no/such.hosts.csv: there is no such file; check the path, or - reads from stdin",
        ),
        ("cluster: 3\n", "line 3:10: keys are expected here (key: value)"),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m}\n  - {name: a, duration: 1m}\n",
            "line 9:5: two jobs are named \"a\" (the first in line 8)",
        ),
        (
            "workload:\n  jobs:\n  - name: a\n    duration: 1 fortnight\n",
            "line 9:15: \"1 fortnight\" is not a duration (try 90s, 5m, 1h30m or 2d)",
        ),
        (
            "workload:\n  jobs:\n  - name: a\n    duration:\n",
            "line 8:5: duration: job \"a\": a batch job needs a duration (or kind: service for an open end)",
        ),
        (
            "workload:\n  jobs:\n  - {name: a}\n",
            "line 8:5: duration: job \"a\": a batch job needs a duration (or kind: service for an open end)",
        ),
        ("workload:\n  jobs:\n  - {duration: 1m}\n", "line 8:6: the key \"name\" is missing"),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, replicas: 3}\n",
            "line 8:5: job \"a\": replicas and every belong under apps",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, priority: high}\n",
            "line 8:39: not a whole number, or too large",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, kind: servis}\n",
            "line 8:21: \"servis\" is none of the words for this key; did you mean \"service\"?",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, limits: {cpu: 1}, requests: {cpu: 2}}\n",
            "line 8:5: cpu_limit: job \"a\": the limit is below the request",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, requests: {cpu: 2000000}}\n",
            "line 8:5: a.requests.cpu: 2000000 is over a million cores",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, usage: {cpu: 1}}\n",
            "line 8:36: a.usage: memory is missing beside cpu (0 is allowed)",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, usage: {cpu: 1, memory: 1Gi, steps: [{cpu: 1, memory: 1}]}}\n",
            "line 8:36: a.usage: cpu and memory, steps, and ramp exclude each other",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, usage: {ramp: {cpu: 1, from: 1, rate: 1, until: 32Gi}}}\n",
            "line 8:36: a.usage: 34359738368 usage steps is over the budget of 5000000; raise it with --max-usage-steps",
        ),
        (
            "workload:\n  jobs:\n  - {name: alpha, duration: 1m}\n  - {name: b, duration: 1m, after: [alpa]}\n",
            "line 9:37: \"b\" comes after \"alpa\", which is neither a job nor an app; did you mean \"alpha\"?",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, after: [b]}\n  - {name: b, duration: 1m, after: [a]}\n",
            "line 7:3: job \"a\" waits, by way of after, for itself",
        ),
        (
            "workload:\n  apps:\n  - {name: a, duration: 1m, replicas: 4000000000}\n",
            "4000000000 jobs is over the budget of 5000000; raise it with --max-jobs",
        ),
        (
            "workload:\n  apps:\n  - {name: a, kind: service}\n",
            "horizon: nothing here ends (services that arrive at 0s); set horizon",
        ),
        ("workload: {}\n", "line 6:11: the workload has no jobs; give apps, jobs, a trace, a generator or manifests"),
        (
            "workload:\n  usage: model:mixx\n  jobs:\n  - {name: a, duration: 1m}\n",
            "line 7:10: unknown usage model \"mixx\"; did you mean \"mix\"?",
        ),
        (
            "workload:\n  loop: {closed: {users: 0, think_time: 1s}}\n  jobs:\n  - {name: a, duration: 1m}\n",
            "line 7:3: loop: a closed loop needs at least one user",
        ),
        (
            "workload:\n  loop: closd\n  jobs:\n  - {name: a, duration: 1m}\n",
            "line 7:9: \"closd\" is none of the words for this key; did you mean \"closed\"?",
        ),
        ("orchestrators: []\n", "no orchestrators; name at least one (chef, fleet, kubernetes)"),
        ("orchestrators: [chef, kube]\n", "line 9:23: unknown orchestrator \"kube\"; did you mean \"kubernetes\"?"),
        ("orchestrators: [chef, chef]\n", "line 9:23: two runs are named \"chef\"; give one another name"),
        (
            "orchestrators:\n- {name: mine, placement: best-fit}\n",
            "line 10:10: unknown orchestrator \"mine\"; known: chef, fleet, kubernetes, direct, kubernetes-2016, first-fit, best-fit, worst-fit, round-robin, random, least-jobs, least-of-type, kube-default, kube-most-allocated, kube-requested-to-capacity-ratio, kube-least-requested, best-fit-norm, tetris, fgd, fgd-best-fit, fgd-dot-prod, fgd-gpu-clustering, fgd-gpu-packing, fgd-random (say orchestrator: beside a name of your own)",
        ),
        (
            "orchestrators:\n- {name: mine, orchestrator: direct, placement: best-fut}\n",
            "line 10:49: unknown placement \"best-fut\"; did you mean \"best-fit\"?",
        ),
        (
            "orchestrators:\n- {name: mine, orchestrator: direct, parameters: {restart_dely: 1s}}\n",
            "line 10:65: unknown parameter of direct \"restart_dely\"; did you mean \"restart_delay\"?",
        ),
        (
            "orchestrators:\n- {name: a/b, orchestrator: fleet}\n",
            "line 10:10: \"a/b\" cannot name a run (letters, digits, - _ . will do)",
        ),
        ("orchestrators:\n- {name: fleet, eviction: maybe}\n", "line 10:27: \"maybe\" is neither on nor off"),
        ("orchestrators:\n- {name: fleet, cpu_quota: on}\n", "line 10:28: cpu_quota: on needs enforcement: limits"),
        (
            "orchestrators:\n- {name: fleet, requests: 0}\n",
            "line 10:27: requests times 0 are none; say requests: absent",
        ),
        ("horizon: 0s\n", "line 10:10: horizon: a horizon of 0s leaves nothing to run"),
        ("warm_up: 1m\n", "warm_up 1m and drain 0s leave nothing of a run of 1m"),
        ("horizon: -5s\n", "line 10:10: \"-5s\" is not a duration (try 90s, 5m, 1h30m or 2d)"),
        ("seed: -1\n", "line 10:7: not a whole number from 0 on, or too large"),
        ("host: {beat_turns: 2000}\n", "line 10:20: host.beat_turns: \"2000\" is no whole number from 0 to 1000"),
        (
            "host: {memory_policy: trash}\n",
            "line 10:23: host.memory_policy: \"trash\" will not do; kill-only, thrash, host-down will; did you mean \"thrash\"?",
        ),
        (
            "host: {kil_latency: 1}\n",
            "line 10:21: host: unknown host parameter \"kil_latency\"; did you mean \"kill_latency\"?",
        ),
        ("failures:\n- {host: node-01, at: 1s}\n", "line 11:10: unknown host \"node-01\"; did you mean \"node-001\"?"),
        (
            "failures:\n- {hosts: nod, mtbf: 1h, repair: 1m}\n",
            "line 11:11: unknown group of hosts \"nod\"; did you mean \"node\"?",
        ),
        (
            "band: {scales: [0]}\n",
            "line 10:17: band.scales: hosts times 0 are none or too many; from 0.001 to 1000 will do",
        ),
        ("band: {scales: [1, 1.0]}\n", "line 10:20: band.scales: scale 1 stands twice"),
        ("band: {runaway: [leaky]}\n", "line 10:18: band.runaway: unknown app \"leaky\"; known: a"),
        ("failures:\n- {host: node-001}\n", "line 11:3: a failure needs at (a time) or mtbf (drawn times)"),
        ("failures:\n- {hosts: node, mtbf: 1h}\n", "line 11:3: mtbf needs repair (the median time to repair)"),
        (
            "failures:\n- {hosts: node, mtbf: 2us, repair: 1us}\n",
            "1000001 failures is over the budget of 1000000; raise it with --max-failures",
        ),
        (
            "failures:\n- {hosts: node, mtbf: 1h, repair: 1m, shape: .nan}\n",
            "line 11:46: value `.nan` is not a finite number",
        ),
        ("name: a\nname: b\n", "line 11:1: the key \"name\" is there twice"),
        ("horizon: 1h\n\tdrain: 1s\n", "line 10:10: while scanning a plain scalar, found a tab"),
        ("question: [unclosed\n", "line 10:11: unclosed bracket '['"),
        (
            "---\nkind: Scenario\n",
            "line 11: a second scenario (the first in line 2); a file holds one, beside manifests",
        ),
        (
            "apiVersion: plimsoll/v2\nkind: Scenario\n",
            "line 1:13: apiVersion: \"plimsoll/v2\"; a scenario says apiVersion: plimsoll/v1",
        ),
        (
            "apiVersion: plimsoll/v1\nkind: Deployment\nspec: {}\n",
            "line 2:7: kind: \"Deployment\"; a scenario says kind: Scenario",
        ),
        ("apiVersion: plimsoll/v1\n", "line 1: kind: missing; a scenario says kind: Scenario"),
        ("cluster:\n  hosts: 3\n", "line 4:10: a list is expected here (- entry, or [entry])"),
        ("name: [a]\n", "line 10:7: one value is expected here, not a list or keys"),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, checkpoint: maybe}\n",
            "line 8:41: invalid boolean (true or false expected)",
        ),
        (
            "workload:\n  jobs:\n  - {name: a, duration: 1m, ports: [70000]}\n",
            "line 8:37: not a whole number from 0 to 65535",
        ),
        (
            "workload:\n  trace: {format: openb, path: x}\n",
            "x: there is no such folder; name the folder with the two lists, or openb:NODES.csv,PODS.csv",
        ),
        (
            "workload:\n  generator: {name: poisson, rate: 3}\n",
            "line 7:30: unknown key \"rate\"; did you mean \"rate_per_second\"?",
        ),
        ("orchestrators: chef\n", "line 9:16: a list is expected here (- entry, or [entry])"),
        (
            "orchestrators: [3]\n",
            "line 9:17: invalid type: integer `3`, expected the name of an orchestrator, or {name: …, orchestrator: …}",
        ),
        (
            "orchestrators:\n- {name: fleet, placment: random}\n",
            "line 10:17: unknown key \"placment\"; did you mean \"placement\"?",
        ),
    ] {
        check(part, want);
    }
}

#[test]
fn budgets_stop_bombs_before_they_go_off_and_name_the_flag() {
    let aliases: String = (1..10)
        .map(|i| format!("a{i}: &a{i} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}]\n", p = i - 1))
        .collect();
    let bomb = format!("{HEAD}a0: &a0 [x, x, x, x, x, x, x]\n{aliases}");
    let deep = format!("{HEAD}question: {}\n", "[".repeat(5000));
    let deep_block: String = (0..300).map(|i| format!("{}- \n", "  ".repeat(i))).collect();
    let wide = format!("{HEAD}question: [{}]\n", "x, ".repeat(600_000));
    for (text, flag) in [
        (bomb.as_str(), "--max-yaml-nodes"),
        (&deep, "--max-yaml-depth"),
        (&format!("{HEAD}question:\n{deep_block}"), "--max-yaml-depth"),
        (&wide, "--max-yaml-nodes"),
    ] {
        let why = whole(text).unwrap_err();
        assert_eq!((why.kind(), why.exit_code()), (ErrorKind::Budget, 3), "{why}");
        assert!(why.to_string().ends_with(flag), "{why}");
    }
    let small = Budgets { yaml_bytes: 10, ..Budgets::default() };
    assert_eq!(
        read_text(HEAD.as_bytes(), &small).unwrap_err().to_string(),
        "over 10 bytes of YAML is over the budget of 10; raise it with --max-yaml-bytes"
    );
}

#[test]
fn files_that_are_no_text_or_not_there_are_told_so() {
    let budgets = Budgets::default();
    let told = |bytes: &[u8]| read_text(bytes, &budgets).unwrap_err().to_string();
    assert_eq!(told(b"kind: Scenario\nname: \xff\n"), "line 2: a byte is not UTF-8; save the file as UTF-8");
    assert_eq!(told(b" \n"), "the file is empty; plimsoll new FILE writes a scenario to start from");
    let missing = read(Path::new("no/such.yaml"), &budgets).unwrap_err();
    assert!(missing.to_string().starts_with("no/such.yaml: there is no such file; "), "{missing}");
    assert_eq!(missing.exit_code(), 3);
}

#[test]
fn a_job_bigger_than_every_host_is_a_note_not_an_error() {
    let scenario =
        whole(&with("workload:\n  jobs:\n  - {name: whale, duration: 1m, requests: {cpu: 1, memory: 9Gi}}\n"));
    let notes = scenario.unwrap().notes;
    assert!(
        notes.iter().any(|note| note.starts_with(
            "job \"whale\" asks for CPU 1 and memory 9Gi and what goes with them, more than any host has (the largest, \
             \"node-"
        )),
        "{notes:?}"
    );
}

#[test]
fn an_app_in_after_means_all_its_jobs() {
    let scenario = whole(&with(
        "workload:\n  apps:\n  - {name: map, replicas: 3, duration: 1m}\n  jobs:\n  - {name: reduce, duration: 1m, after: [map]}\n",
    ));
    let workload = scenario.unwrap().setup.workload;
    let reduce = workload.find("reduce").unwrap();
    let first: Vec<&str> = workload.after(reduce).iter().map(|&job| workload.name(job)).collect();
    assert_eq!(first, ["map-000", "map-001", "map-002"]);
}

#[test]
fn resources_that_no_job_asks_for_do_not_shift_those_that_one_does() {
    let text = format!(
        "{HEAD}cluster:\n  hosts:\n  - {{name: n, cpu: 1, memory: 1Gi, extended: {{a/a: 1, b/b: 2}}}}\n\
         workload:\n  jobs:\n  - {{name: j, duration: 1m, requests: {{extended: {{b/b: 1}}}}}}\n{RUNS}"
    );
    let setup = whole(&text).unwrap().setup;
    let (resource, _) = setup.workload.spec(setup.workload.find("j").unwrap()).extended[0];
    assert_eq!(setup.cluster.extended(setup.cluster.find("n").unwrap(), resource), 2);
}

#[test]
fn a_trace_beside_the_scenario_gives_jobs_and_hosts_and_its_load_is_scaled() {
    let folder = std::env::temp_dir().join(format!("plimsoll-scenario-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let jobs = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes\n\
                a,0,60000000,1000,1073741824\nb,100000000,60000000,1000,1073741824\n";
    let hosts = "host,cpu_milli,memory_bytes\nh,4000,8589934592\n";
    std::fs::write(folder.join("t.csv"), jobs).unwrap();
    std::fs::write(folder.join("t.hosts.csv"), hosts).unwrap();
    for (trace, last) in
        [("{format: native, path: t.csv}", 100_000_000), ("{format: native, path: t.csv, speed: 10}", 10_000_000)]
    {
        let text = format!("{HEAD}workload:\n  trace: {trace}\n{RUNS}");
        std::fs::write(folder.join("s.yaml"), text).unwrap();
        let scenario = load(&folder.join("s.yaml"), &Budgets::default()).unwrap();
        let workload = &scenario.setup.workload;
        assert_eq!((scenario.name.as_str(), workload.len(), scenario.setup.cluster.len()), ("s", 2, 1));
        assert_eq!(workload.arrival(workload.find("b").unwrap()), SimTime(last));
    }
    // Both at once ask for 2 of 4 cores.
    std::fs::write(
        folder.join("s.yaml"),
        format!("{HEAD}workload:\n  trace: {{format: native, path: t.csv, load: cpu=0.5}}\n{RUNS}"),
    )
    .unwrap();
    assert_eq!(load(&folder.join("s.yaml"), &Budgets::default()).unwrap().offered.cpu_share, 0.5);
}

#[test]
fn a_generator_gives_its_jobs_and_reads_back() {
    let text =
        with("workload:\n  generator: {name: poisson, jobs: 20, service_share: 0, cpu_choices_cores: [0.5, 1]}\n");
    let first = whole(&text).unwrap();
    assert_eq!(first.setup.workload.len(), 20);
    let again = whole(&first.resolved_yaml).unwrap();
    assert_eq!(format!("{:?}", again.setup), format!("{:?}", first.setup));
}

/// The shipped scenarios and the starter, in order of names.
fn shipped() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(scenarios()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_string();
    let mut all: Vec<(String, String)> =
        paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect();
    all.push(("starter".into(), starter_yaml().into()));
    all
}

#[test]
fn every_shipped_scenario_opens_with_its_question_and_resolves_without_a_warning() {
    let all = shipped();
    assert!(all.len() >= 7);
    for (name, text) in all {
        let scenario = whole_in(&text, &scenarios()).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(scenario.name, name);
        assert!(text.starts_with(&format!("# {}\n", scenario.question)), "{name} does not open with its question");
        assert!(!scenario.notes.iter().any(|note| note.contains("more than any host")), "{name}: {:?}", scenario.notes);
    }
}

#[test]
fn a_resolved_scenario_gives_the_same_run_again() {
    for (name, text) in shipped() {
        let first = whole_in(&text, &scenarios()).unwrap();
        let again = whole_in(&first.resolved_yaml, &scenarios())
            .unwrap_or_else(|why| panic!("{name}: {why}\n{}", first.resolved_yaml));
        assert_eq!(format!("{:?}", again.setup), format!("{:?}", first.setup), "{name}");
        assert_eq!(again.runs, first.runs, "{name}");
        assert_eq!(again.resolved_yaml, first.resolved_yaml, "{name}");
    }
    let text =
        with("failures:\n- {hosts: node, mtbf: 20s, shape: 0.8, repair: 5s, repair_sigma: 1, kind: partition}\n");
    let first = whole(&text).unwrap();
    assert!(first.setup.failures.len() > 2 && first.setup.failures.is_sorted());
    assert!(first.setup.failures.iter().all(|failure| failure.at < SimTime(60_000_000)));
    assert_eq!(whole(&first.resolved_yaml).unwrap().setup.failures, first.setup.failures);
}

/// A scenario cut short or with bytes changed is read or refused, never a panic, and a refusal is an input error.
#[test]
fn bent_scenarios_never_panic() {
    let budgets = Budgets { jobs: 10_000, hosts: 10_000, usage_steps: 100_000, failures: 10_000, ..Budgets::default() };
    for (file, (name, text)) in shipped().into_iter().enumerate() {
        for bend in 0..80u64 {
            let mut draw = Seed(7).stream(Purpose::Shape, (file as u64) << 32 | bend);
            let mut bytes = text.clone().into_bytes();
            match draw.below(4) {
                0 => bytes.truncate(draw.below(bytes.len() as u64) as usize),
                1 => {
                    // Lines trade places.
                    let mut lines: Vec<&str> = text.lines().collect();
                    let n = lines.len() as u64;
                    lines.swap(draw.below(n) as usize, draw.below(n) as usize);
                    bytes = lines.join("\n").into_bytes();
                }
                2 => {
                    const PIECES: [&str; 10] =
                        ["-1", "9999999999999999999", "{", "]", "*x", "&x ", "\t", "null", "1e999", "\n- "];
                    let at = draw.below(bytes.len() as u64) as usize;
                    let piece = PIECES[draw.below(PIECES.len() as u64) as usize];
                    bytes.splice(at..at, piece.bytes());
                }
                _ => {
                    for _ in 0..=draw.below(4) {
                        let at = draw.below(bytes.len() as u64) as usize;
                        bytes[at] = draw.below(256) as u8;
                    }
                }
            }
            let told = read_text(&bytes, &budgets).and_then(|file| resolve(&file, Path::new("."), &budgets));
            if let Err(why) = told {
                assert_eq!(why.exit_code(), 3, "{name}, bend {bend}: {why}");
            }
        }
    }
}

#[test]
fn a_unit_file_gives_its_section_its_limit_and_its_restart_and_says_what_it_ignores() {
    let folder = std::env::temp_dir().join(format!("plimsoll-unit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let text = "[Unit]\nDescription=web\n[Service]\nExecStart=/usr/bin/docker run -m 256m -c 512 busybox\nRestart=always\n\
                RestartSec=5\n[X-Fleet]\nConflicts=%p@*.service\nShape=round\n";
    std::fs::write(folder.join("web@.service"), text).unwrap();
    let apps = |more: &str| {
        let app = "  - {name: web, replicas: 2, kind: service, requests: {cpu: 1, memory: 1Mi}";
        with(&format!("workload:\n  apps:\n{app}, {more}}}\n")) + "horizon: 1h\n"
    };
    let scenario =
        whole_in(&apps("unit: web@.service, x_fleet: {MachineMetadata: [zone=a, zone=b]}"), &folder).unwrap();
    let workload = &scenario.setup.workload;
    let job = workload.find("web-1").or_else(|| workload.find("web-001")).unwrap();
    assert_eq!(workload.memory_limit(job), Some(crate::units::Bytes::mib(256)));
    assert_eq!(workload.spec(job).restart, crate::workload::RestartPolicy::Always);
    let unit = workload.unit(job).unwrap();
    assert_eq!(unit.values("Conflicts"), ["%p@*.service"]);
    assert_eq!(unit.values("MachineMetadata"), ["zone=a", "zone=b"]);
    assert_eq!(workload.units().len(), 1, "kept once for all replicas");
    let said = scenario.notes.join("\n");
    assert!(said.contains("unit web@.service: -c 512 is ignored"), "{said}");
    assert!(said.contains("ignored: Service/RestartSec, Unit/Description, X-Fleet/Shape"), "{said}");
    let error = |more: &str| whole_in(&apps(more), &folder).unwrap_err().to_string();
    assert!(error("x_fleet: {Conflict: [a]}").contains("did you mean \"Conflicts\"?"));
    assert!(error("unit: db.service").contains("db.service cannot be read"));
    let _ = std::fs::remove_dir_all(&folder);
}
