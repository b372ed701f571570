//! Proof that the suite of 2016 can fail: a mistake in what decides, or in how objects are read, is caught by some
//! recorded case, and so is a change of any recorded field.
//!
//! No recorded case has taints, disks, GPUs, init containers or a node without conditions; those are worked out by hand beside the code.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll::kube::object::selector::Selector;
use plimsoll::kube::y2016::Version;
use plimsoll::kube::y2016::affinity::Affinity;
use plimsoll::kube::y2016::algorithm::Algorithm;
use plimsoll::kube::y2016::case::Case;
use plimsoll::kube::y2016::node::{Node, eligible_1_2_4};
use plimsoll::kube::y2016::node_info::NodeInfo;
use plimsoll::kube::y2016::pod::{Container, Pod};
use plimsoll::kube::y2016::predicate::{self, Check, Reason};
use plimsoll::kube::y2016::priority::{self, Ask, Score};
use serde_json::Value;

use super::kube_2016::{compare_result, read_case};
use super::{read_json, shipped_folder, vectors};

/// What is done wrong.
enum Mistake {
    /// In what decides.
    Decides(fn(&mut Algorithm)),
    /// In what is read.
    Reads(fn(&mut Case)),
}

use Mistake::{Decides, Reads};

/// Another check in place of a predicate, where the version has it.
fn check(algorithm: &mut Algorithm, name: &str, check: Check) {
    algorithm.predicates.iter_mut().filter(|row| row.name == name).for_each(|row| row.check = check);
}

/// Another score in place of a priority, where the version has it.
fn score(algorithm: &mut Algorithm, name: &str, score: Score) {
    algorithm.priorities.iter_mut().filter(|row| row.name == name).for_each(|row| row.score = score);
}

fn pass(_: &Pod, _: &Node, _: &NodeInfo) -> Option<Reason> {
    None
}

/// One priority, asked in a changed world.
fn elsewhere(ask: &Ask<'_>, score: Score, node: fn(&mut Node), pod: fn(&mut Pod)) -> Vec<i64> {
    let change = |info: &NodeInfo| {
        let mut changed = NodeInfo { node: info.node.clone(), ..NodeInfo::default() };
        changed.node.iter_mut().for_each(node);
        for other in &info.pods {
            let mut other = (**other).clone();
            pod(&mut other);
            changed.add(Arc::new(other));
        }
        changed
    };
    let all: BTreeMap<Arc<str>, NodeInfo> = ask.all.iter().map(|(name, info)| (name.clone(), change(info))).collect();
    let feasible: Vec<(&Node, &NodeInfo)> = ask
        .feasible
        .iter()
        .map(|(node, _)| {
            let info = &all[node.name.as_str()];
            (info.node.as_ref().expect("a feasible node is there"), info)
        })
        .collect();
    score(&Ask { pod: ask.pod, feasible: &feasible, all: &all, owners: ask.owners })
}

fn used(ask: &Ask<'_>, info: &NodeInfo) -> (i64, i64) {
    let own = ask.pod.non_zero();
    (info.non_zero.milli_cpu + own.milli_cpu, info.non_zero.memory + own.memory)
}

/// Every container of every pod.
fn containers(case: &mut Case, change: fn(&mut Container)) {
    case.pods.iter_mut().chain(&mut case.bound).flat_map(|pod| &mut pod.containers).for_each(change);
}

const LEAST: &str = "LeastRequestedPriority";
const BALANCED: &str = "BalancedResourceAllocation";
const SPREAD: &str = "SelectorSpreadPriority";

const MISTAKES: &[(&str, Mistake)] = &[
    ("ties go by ascending names", Decides(|a| a.pick = |tied, counter| (counter % tied as u64) as usize)),
    ("ties always go to the last name", Decides(|a| a.pick = |tied, _| tied - 1)),
    (
        "the counter starts at 1",
        Decides(|a| a.pick = |tied, counter| tied - 1 - ((counter + 1) % tied as u64) as usize),
    ),
    (
        "a cordoned node is looked at",
        Decides(|a| a.eligible = |n| eligible_1_2_4(&Node { unschedulable: false, ..n.clone() })),
    ),
    (
        "an unknown OutOfDisk does not exclude",
        Decides(|a| {
            a.eligible = |node| {
                let mut node = node.clone();
                node.conditions.retain(|c| (c.kind.as_str(), c.status.as_str()) != ("OutOfDisk", "Unknown"));
                eligible_1_2_4(&node)
            };
        }),
    ),
    (
        "MemoryPressure keeps every pod away",
        Decides(|a| {
            check(a, "CheckNodeMemoryPressure", |_, n, i| predicate::memory_pressure(&Pod::default(), n, i));
        }),
    ),
    ("MemoryPressure keeps no pod away", Decides(|a| check(a, "CheckNodeMemoryPressure", pass))),
    (
        "memory is never short",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| {
                predicate::fits_resources(p, &Node { memory: i64::MAX / 2, ..n.clone() }, i)
            });
        }),
    ),
    (
        "there is room for one pod more",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| {
                predicate::fits_resources(p, &Node { pods: n.pods + 1, ..n.clone() }, i)
            });
        }),
    ),
    (
        "a pod that asks for nothing is refused by an overcommitted node",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| {
                let over = i.taken.milli_cpu > n.milli_cpu || i.taken.memory > n.memory;
                predicate::fits_resources(p, n, i).or(over.then_some(Reason::Predicate("PodFitsResources")))
            });
        }),
    ),
    (
        "a pod that asks for no CPU is not refused for it",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| {
                let milli_cpu = if p.request().milli_cpu == 0 { i64::MAX / 2 } else { n.milli_cpu };
                predicate::fits_resources(p, &Node { milli_cpu, ..n.clone() }, i)
            });
        }),
    ),
    (
        "the message of v1.3.0 in v1.2.4",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| predicate::fits_resources(p, n, i).and(predicate::general(p, n, i)))
        }),
    ),
    (
        "the message of v1.2.4 in v1.3.0",
        Decides(|a| {
            check(a, "GeneralPredicates", |p, n, i| {
                predicate::fits_resources(p, n, i).or_else(|| predicate::general(p, n, i))
            });
        }),
    ),
    (
        "GeneralPredicates begin with the selector",
        Decides(|a| {
            check(a, "GeneralPredicates", |p, n, i| {
                predicate::match_node_selector(p, n, i).or_else(|| predicate::general(p, n, i))
            });
        }),
    ),
    ("host ports are free", Decides(|a| check(a, "PodFitsHostPorts", pass))),
    (
        "nodeSelector is not looked at",
        Decides(|a| {
            check(a, "MatchNodeSelector", |p, n, i| {
                predicate::match_node_selector(&Pod { node_selector: Selector::everything(), ..p.clone() }, n, i)
            });
        }),
    ),
    (
        "required node affinity is not looked at",
        Decides(|a| {
            check(a, "MatchNodeSelector", |p, n, i| {
                predicate::match_node_selector(&Pod { affinity: Affinity::default(), ..p.clone() }, n, i)
            });
        }),
    ),
    (
        "a second failure is not told",
        Decides(|a| {
            check(a, "PodFitsResources", |p, n, i| {
                let before = predicate::match_node_selector(p, n, i).or(predicate::fits_host_ports(p, n, i));
                if before.is_some() { None } else { predicate::fits_resources(p, n, i) }
            });
        }),
    ),
    (
        "least requested weighs twice",
        Decides(|a| a.priorities.iter_mut().filter(|p| p.name == LEAST).for_each(|p| p.weight = 2)),
    ),
    (
        "the parts of least requested are not truncated",
        Decides(|a| {
            score(a, LEAST, |ask| {
                let part =
                    |used: i64, of: i64| if of == 0 || used > of { 0.0 } else { (of - used) as f64 * 10.0 / of as f64 };
                let one = |(node, info): &(&Node, &NodeInfo)| {
                    let (milli_cpu, memory) = used(ask, info);
                    ((part(milli_cpu, node.milli_cpu) + part(memory, node.memory)) / 2.0) as i64
                };
                ask.feasible.iter().map(one).collect()
            });
        }),
    ),
    (
        "the pod itself does not count in least requested",
        Decides(|a| {
            score(a, LEAST, |ask| priority::least_requested(&Ask { pod: &Pod::default(), ..*ask }));
        }),
    ),
    (
        "balance of a node that is used up is scored",
        Decides(|a| {
            score(a, BALANCED, |ask| {
                let one = |(node, info): &(&Node, &NodeInfo)| {
                    let (milli_cpu, memory) = used(ask, info);
                    let of = |used: i64, of: i64| if of == 0 { 1.0 } else { used as f64 / of as f64 };
                    (10.0 - (of(milli_cpu, node.milli_cpu) - of(memory, node.memory)).abs() * 10.0) as i64
                };
                ask.feasible.iter().map(one).collect()
            });
        }),
    ),
    (
        "balance is rounded",
        Decides(|a| {
            score(a, BALANCED, |ask| {
                let one = |(node, info): &(&Node, &NodeInfo)| {
                    let (milli_cpu, memory) = used(ask, info);
                    let of = |used: i64, of: i64| if of == 0 { 1.0 } else { used as f64 / of as f64 };
                    let (milli_cpu, memory) = (of(milli_cpu, node.milli_cpu), of(memory, node.memory));
                    if milli_cpu >= 1.0 || memory >= 1.0 {
                        0
                    } else {
                        (10.0 - (milli_cpu - memory).abs() * 10.0).round() as i64
                    }
                };
                ask.feasible.iter().map(one).collect()
            });
        }),
    ),
    ("v1.2.4 spreads as v1.3.0 does", Decides(|a| score(a, SPREAD, priority::selector_spread_1_3_0))),
    ("v1.3.0 spreads as v1.2.4 does", Decides(|a| score(a, SPREAD, priority::selector_spread_1_2_4))),
    (
        "terminating pods count for spreading",
        Decides(|a| {
            if a.version != Version::V1_2_4 {
                return;
            }
            score(a, SPREAD, |ask| elsewhere(ask, priority::selector_spread_1_2_4, |_| (), |pod| pod.deleting = false));
        }),
    ),
    (
        "zones do not count for spreading",
        Decides(|a| {
            if a.version != Version::V1_2_4 {
                return;
            }
            score(a, SPREAD, |ask| elsewhere(ask, priority::selector_spread_1_2_4, |node| node.labels.clear(), |_| ()));
        }),
    ),
    (
        "0/0 is 0",
        Decides(|a| {
            if a.version != Version::V1_3_0 {
                return;
            }
            score(a, SPREAD, |ask| priority::selector_spread_1_3_0(ask).into_iter().map(|s| s.max(0)).collect());
        }),
    ),
    (
        "a preference is rounded up",
        Decides(|a| {
            score(a, "NodeAffinityPriority", |ask| {
                priority::node_affinity(ask).into_iter().map(|s| if (1..10).contains(&s) { s + 1 } else { s }).collect()
            });
        }),
    ),
    (
        "no preference is 10 for all",
        Decides(|a| {
            score(a, "NodeAffinityPriority", |ask| {
                let scores = priority::node_affinity(ask);
                if scores.iter().all(|s| *s == 0) { vec![10; scores.len()] } else { scores }
            });
        }),
    ),
    ("no taint is 0 for all", Decides(|a| score(a, "TaintTolerationPriority", |ask| vec![0; ask.feasible.len()]))),
    (
        "a missing request counts as nothing",
        Reads(|case| {
            containers(case, |c| {
                c.milli_cpu.get_or_insert(0);
                c.memory.get_or_insert(0);
            });
        }),
    ),
    (
        "a request of 0 is a missing one",
        Reads(|case| {
            containers(case, |c| {
                c.milli_cpu = c.milli_cpu.filter(|n| *n != 0);
                c.memory = c.memory.filter(|n| *n != 0);
            });
        }),
    ),
    ("every pod is BestEffort", Reads(|case| containers(case, |c| c.bounded = false))),
    ("services and controllers are not read", Reads(|case| case.owners = Default::default())),
    ("pods that run already are not there", Reads(|case| case.bound.clear())),
    (
        "the other version decides",
        Decides(|a| *a = Algorithm::of(Version::ALL[usize::from(a.version == Version::V1_2_4)])),
    ),
];

#[test]
fn a_mistake_in_the_scheduler_of_2016_is_caught_by_some_case() {
    // Always the shipped cases: a few foreign ones need not show every mistake.
    let Some(mut files) = vectors("kube-2016", &shipped_folder("kube-2016")) else { return };
    files.sort_by_key(|(name, path)| (path.metadata().map_or(0, |m| m.len()), name.clone()));
    let read = |(name, path): &(String, std::path::PathBuf)| {
        let vector: Value = read_json(path);
        (name.clone(), read_case(name, &vector), vector["expect"].clone())
    };
    let cases: Vec<(String, Case, Value)> = files.iter().map(read).collect();
    let mut missed = Vec::new();
    for (label, mistake) in MISTAKES {
        let agrees = |case: &Case, expect: &Value, name: &str| {
            let (mut case, mut algorithm) = (case.clone(), Algorithm::of(case.version));
            match mistake {
                Decides(change) => change(&mut algorithm),
                Reads(change) => change(&mut case),
            }
            compare_result(name, expect, &case.run_by(algorithm)).agrees()
        };
        match cases.iter().find(|(name, case, expect)| !agrees(case, expect, name)) {
            Some((name, ..)) => println!("{label}: caught by {name}"),
            None => missed.push(*label),
        }
    }
    println!("conformance kube-2016: {} mistakes, {} missed", MISTAKES.len(), missed.len());
    assert!(missed.is_empty(), "no case objects to {missed:#?}");
}

/// Calls `with` on the value with each of its leaves changed in turn.
fn each_change(root: &mut Value, path: &str, with: &mut impl FnMut(&Value, &str)) {
    let keys: Vec<String> = match root.pointer(path).expect("the path leads somewhere") {
        Value::Object(map) if !map.is_empty() => {
            map.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect()
        }
        Value::Array(list) if !list.is_empty() => (0..list.len()).map(|i| i.to_string()).collect(),
        leaf => {
            let changed = match leaf {
                Value::Number(n) => Value::from(n.as_i64().unwrap_or(0) ^ 1),
                Value::String(text) => Value::from(format!("{text}.")),
                _ => Value::Null,
            };
            let before = std::mem::replace(root.pointer_mut(path).expect("as before"), changed);
            with(root, path);
            *root.pointer_mut(path).expect("as before") = before;
            return;
        }
    };
    for key in keys {
        each_change(root, &format!("{path}/{key}"), with);
    }
}

#[test]
fn a_change_of_any_recorded_field_of_2016_is_caught() {
    for name in ["conditions-1", "dynamic-1", "hostports-1", "v130-conditions-1", "v130-spread-zones-1"] {
        let vector = read_json(&shipped_folder("kube-2016").join(format!("{name}.json.gz")));
        let case = read_case(name, &vector);
        let algorithm = Algorithm::of(case.version);
        let result = case.run_by(algorithm);
        let mut expect = vector["expect"].clone();
        assert!(compare_result(name, &expect, &result).agrees(), "{name}");
        let mut changes = 0;
        each_change(&mut expect, "", &mut |changed, path| {
            changes += 1;
            assert!(!compare_result(name, changed, &result).agrees(), "{name}: a change of {path} is not seen");
        });
        println!("{name}: {changes} changes");
        assert!(changes > 50, "{name}: only {changes} changes");
    }
}
