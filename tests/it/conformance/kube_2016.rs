//! kube-scheduler v1.2.4 and v1.3.0: predicates, priorities, every field of every step, the real pick and the end of each
//! recorded case, and the message of every failure as far as it is not drawn by chance.

use std::collections::BTreeMap;

use plimsoll::kube::y2016::algorithm::Algorithm;
use plimsoll::kube::y2016::case::{Case, CaseResult};
use serde_json::Value;

use super::{Tally, read_json, vectors};

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reads one vector, which is an object of case and expect.
pub fn read_case(name: &str, vector: &Value) -> Case {
    let keys: Vec<&str> = vector.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
    assert_eq!(keys, ["case", "expect"], "{name}: a kube-2016 vector is an object of case and expect");
    let schema = &vector["expect"]["schema"];
    assert_eq!(schema, "kube-2016-result/1", "{name}: unknown schema of the result");
    Case::read(vector, None).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Compares one vector.
pub fn compare_case(name: &str, vector: &Value) -> Tally {
    let case = read_case(name, vector);
    let algorithm = Algorithm::of(case.version);
    compare_result(name, &vector["expect"], &case.run_by(algorithm))
}

/// Compares what came out of a case with what was recorded.
pub fn compare_result(name: &str, expect: &Value, result: &CaseResult) -> Tally {
    let mut ours = result.to_json();
    let mut tally = Tally::default();
    let list = |value: &Value| value["steps"].as_array().cloned().unwrap_or_default();
    let (want, have) = (list(expect), list(&ours));
    tally.check(|| format!("{name} number of steps"), want.len(), have.len());
    for (i, (want, have)) in want.iter().zip(&have).enumerate() {
        let subject = if want["pod"].is_null() { text(&want["node"]) } else { text(&want["pod"]) };
        tally.compare(&format!("{name} step {i} {} {subject}", text(&want["op"])), want, have);
    }
    let mut rest = expect.clone();
    for value in [&mut rest, &mut ours] {
        value.as_object_mut().expect("a result is an object").remove("steps");
    }
    tally.compare(name, &rest, &ours);
    compare_messages(&mut tally, name, &want, result);
    tally
}

/// The text of a failure: its first line, and for every rejected node one of the recorded reasons. Which one, and in which
/// order the nodes stand, the real scheduler leaves to chance.
fn compare_messages(tally: &mut Tally, name: &str, want: &[Value], result: &CaseResult) {
    let ours: BTreeMap<&str, Vec<&str>> = result.decisions.iter().fold(BTreeMap::new(), |mut all, decision| {
        if decision.skipped.is_none() {
            all.entry(decision.pod.as_str()).or_insert_with(Vec::new).push(&decision.message);
        }
        all
    });
    for step in want.iter().filter(|step| !step["attempt"].is_null()) {
        let pod = text(&step["pod"]);
        let number = step["attempt"].as_u64().unwrap_or(0) as usize;
        let messages = ours.get(pod).map(Vec::as_slice).unwrap_or_default();
        let message = number.checked_sub(1).and_then(|at| messages.get(at)).copied().unwrap_or("nothing");
        let place = format!("{name} {pod} attempt {number} message");
        if step["error"] != "FitError" {
            tally.check(|| place, text(&step["error"]), message);
            continue;
        }
        let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
        let pod_name = pod.rsplit('/').next().unwrap_or(pod);
        tally.check(|| place.clone(), format!("pod ({pod_name}) failed to fit in any node").as_str(), first);
        let mut nodes = 0;
        for group in step["rejected"].as_array().into_iter().flatten() {
            for node in group["nodes"].as_array().into_iter().flatten() {
                nodes += 1;
                let line = |reason: &Value| format!("fit failure on node ({}): {}", text(node), text(reason));
                let said =
                    group["reasons"].as_array().into_iter().flatten().any(|r| rest.lines().any(|l| l == line(r)));
                tally.check(|| format!("{place} node {}", text(node)), true, said);
            }
        }
        tally.check(|| format!("{place} lines"), nodes, rest.lines().count());
        tally.check(|| format!("{place} end"), true, message.ends_with('\n'));
    }
}

#[test]
fn every_recorded_case_of_2016_agrees() {
    let Some(files) = vectors("kube-2016", &super::folder("kube-2016")) else { return };
    let mut all = Tally::default();
    let mut cases = 0;
    for (name, path) in &files {
        let tally = compare_case(name, &read_json(path));
        assert!(tally.checks > 0, "{name}: nothing was compared");
        all.checks += tally.checks;
        all.differences.extend(tally.differences);
        cases += 1;
    }
    for difference in all.differences.iter().take(200) {
        println!("{difference}");
    }
    if all.differences.len() > 200 {
        println!("… and {} more", all.differences.len() - 200);
    }
    println!("conformance kube-2016: {cases} cases, {} checks, {} differences", all.checks, all.differences.len());
    assert!(cases > 0, "no case was found");
    assert_eq!(all.differences.len(), 0, "ours differs from the recorded kube-scheduler of 2016");
}
