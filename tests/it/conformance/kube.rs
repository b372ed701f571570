//! kube-scheduler v1.36.3: effective profile, node order, every step and the end of each recorded case.

use std::collections::BTreeMap;

use plimsoll::kube::case::{Case, Keep};
use plimsoll::kube::framework::Mutation;
use serde_json::Value;

use super::{Tally, read_json, vectors};

/// Compares one vector; `mutation` makes a plugin err on purpose.
pub fn compare_case(name: &str, vector: &Value, mutation: Option<Mutation>) -> Tally {
    let keys: Vec<&str> = vector.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default();
    assert_eq!(keys, ["case", "expect"], "{name}: a kube vector is an object of case and expect");
    let expect = &vector["expect"];
    assert_eq!(expect["schema"], "kube-oracle-result/1", "{name}: unknown schema of the result");
    let result = Case::read(vector).and_then(|case| case.run(mutation)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let ours = result.to_json();
    let mut tally = Tally::default();
    for (field, want) in expect.as_object().into_iter().flatten().filter(|(field, _)| *field != "steps") {
        tally.compare(&format!("{name} {field}"), want, &ours[field]);
    }
    compare_steps(&mut tally, name, expect, &ours);
    tally
}

/// Compares the steps of two results, one after the other.
pub fn compare_steps(tally: &mut Tally, name: &str, expect: &Value, ours: &Value) {
    let steps = |value: &Value| value["steps"].as_array().cloned().unwrap_or_default();
    let (want, have) = (steps(expect), steps(ours));
    tally.check(|| format!("{name} number of steps"), want.len(), have.len());
    for (i, (want, have)) in want.iter().zip(&have).enumerate() {
        compare_step(tally, name, i, want, have);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn compare_step(tally: &mut Tally, case: &str, index: usize, want: &Value, have: &Value) {
    let subject = if want["pod"].is_null() { text(&want["node"]) } else { text(&want["pod"]) };
    let place = format!("{case} step {index} {} {subject}", text(&want["op"]));
    let nodes: Vec<&str> = want["feasible"].as_array().into_iter().flatten().map(text).collect();
    let keys = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let mut fields = keys(want);
    fields.extend(keys(have).into_iter().filter(|key| want.get(key).is_none()));
    for field in fields {
        let (want, have) = (&want[&field], &have[&field]);
        let place = format!("{place} {field}");
        match field.as_str() {
            "rejected" => compare_groups(tally, &place, want, have),
            "scores" => compare_scores(tally, &place, &nodes, want, have),
            "preemption" if want["notHelpful"] != have["notHelpful"] => {
                compare_groups(tally, &format!("{place} notHelpful"), &want["notHelpful"], &have["notHelpful"]);
                tally.compare(&place, want, have);
            }
            _ => tally.compare(&place, want, have),
        }
    }
}

/// Node by node, then the grouping and its order.
fn compare_groups(tally: &mut Tally, place: &str, want: &Value, have: &Value) {
    let by_node = |groups: &Value| -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for group in groups.as_array().into_iter().flatten() {
            let status = format!("plugin {} {} {}", text(&group["plugin"]), text(&group["code"]), group["reasons"]);
            for node in group["nodes"].as_array().into_iter().flatten() {
                all.insert(text(node).to_string(), status.clone());
            }
        }
        all
    };
    let (by_want, by_have) = (by_node(want), by_node(have));
    let none = String::from("nothing");
    for (node, status) in &by_want {
        tally.check(|| format!("{place} node {node}"), status, by_have.get(node).unwrap_or(&none));
    }
    for (node, status) in by_have.iter().filter(|(node, _)| !by_want.contains_key(*node)) {
        tally.check(|| format!("{place} node {node}"), &none, status);
    }
    tally.compare(place, want, have);
}

/// Plugin by plugin and node by node.
fn compare_scores(tally: &mut Tally, place: &str, nodes: &[&str], want: &Value, have: &Value) {
    let columns = |value: &Value| -> BTreeMap<String, Vec<Value>> {
        let mut all = BTreeMap::new();
        let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
        all.insert("total".to_string(), list(&value["total"]));
        for (plugin, scores) in value["plugins"].as_object().into_iter().flatten() {
            for (kind, column) in scores.as_object().into_iter().flatten() {
                all.insert(format!("plugin {plugin} {kind}"), list(column));
            }
        }
        all
    };
    let (by_want, by_have) = (columns(want), columns(have));
    for (column, scores) in &by_want {
        let ours = by_have.get(column).cloned().unwrap_or_default();
        for (i, score) in scores.iter().enumerate() {
            let node = nodes.get(i).copied().unwrap_or("?");
            tally.check(|| format!("{place} {column} node {node}"), score, ours.get(i).unwrap_or(&Value::Null));
        }
        tally.check(|| format!("{place} {column} number of nodes"), scores.len(), ours.len());
    }
    for column in by_have.keys().filter(|column| !by_want.contains_key(*column)) {
        tally.check(|| format!("{place} {column}"), "nothing", "a column");
    }
    tally.compare(&format!("{place} skipped"), &want["skipped"], &have["skipped"]);
}

#[test]
fn every_recorded_case_agrees() {
    let Some(files) = vectors("kube", &super::folder("kube")) else { return };
    let mut all = Tally::default();
    let mut cases = 0;
    for (name, path) in &files {
        let tally = compare_case(name, &read_json(path), None);
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
    println!("conformance kube: {cases} cases, {} checks, {} differences", all.checks, all.differences.len());
    assert!(cases > 0, "no case was found");
    assert_eq!(all.differences.len(), 0, "ours differs from the recorded kube-scheduler");
}

#[test]
fn the_index_places_the_pods_of_every_recorded_case_as_the_cycle_does() {
    let Some(files) = vectors("kube", &super::folder("kube")) else { return };
    let (mut placed, mut attempts, mut differences) = (0, 0, Vec::new());
    for (name, path) in &files {
        let case = Case::read(&read_json(path)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let result =
            case.run_keeping(Keep { by_index: true, ..Keep::default() }).unwrap_or_else(|e| panic!("{name}: {e}"));
        placed += result.by_index.placed;
        attempts += result.by_index.attempts;
        differences.extend(result.by_index.differences.iter().map(|d| format!("{name}: {d}")));
    }
    for difference in differences.iter().take(50) {
        println!("{difference}");
    }
    println!("conformance kube: {placed} of {attempts} attempts by the index, {} differences", differences.len());
    assert!(placed > 1_000, "only {placed} of {attempts} attempts were at pods that the index places");
    assert_eq!(differences.len(), 0, "the index differs from the cycle");
}

#[test]
fn the_logarithm_is_the_one_of_go_in_every_bit() {
    let path = super::folder("kube").join("tables/ln-bits.json.gz");
    if !path.is_file() {
        println!("conformance kube: there is no table {}; the logarithm was not compared", path.display());
        return;
    }
    let table = read_json(&path);
    let first = table["first"].as_u64().expect("first is a number");
    let bits = table["bits"].as_array().expect("bits is a list");
    assert!(bits.len() > 1000, "{} entries", bits.len());
    let mut std_differs = 0;
    for (i, bits) in bits.iter().enumerate() {
        let n = (first + i as u64) as f64;
        let want = u64::from_str_radix(text(bits).trim_start_matches("0x"), 16).expect("bits are hexadecimal");
        assert_eq!(libm::log(n).to_bits(), want, "ln({n})");
        std_differs += usize::from(n.ln().to_bits() != want);
    }
    println!("conformance kube: ln of {} integers agrees; the standard library differs on {std_differs}", bits.len());
}
