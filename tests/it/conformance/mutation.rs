//! Proof that the suite can fail: every plugin errs on purpose, a little, and some recorded case must object.
//!
//! Each mistake is looked for in the cases by name, smallest first, and must be caught by one of them.

use plimsoll::kube::framework::{Code, Mutation, MutationKind, PLUGINS, Status};
use serde_json::Value;

use super::kube::compare_case;
use super::{read_json, shipped_folder, vectors};

/// One more for every score that ends in 3: a slip that most nodes do not show.
fn slip(score: i64) -> i64 {
    if score % 10 == 3 { score + 1 } else { score }
}

fn one_more_than_nothing(score: i64) -> i64 {
    if score == 0 { 1 } else { score }
}

fn pass(_: Status) -> Option<Status> {
    None
}

fn other_code(mut status: Status) -> Option<Status> {
    status.code = match status.code {
        Code::Unschedulable => Code::UnschedulableAndUnresolvable,
        _ => Code::Unschedulable,
    };
    Some(status)
}

fn other_reason(mut status: Status) -> Option<Status> {
    status.reasons.truncate(1);
    status.reasons[0] = format!("{}.", status.reasons[0]).into();
    Some(status)
}

/// Every plugin and the ways in which it errs. NodeName never rejects (a pod in the queue names no node), PrioritySort
/// orders a queue that the cases do not have, and DefaultBinder decides nothing: they have no entry. Preemption's fourth
/// criterion (fewest victims) never decides: the third one adds 2³¹ for every victim, so that equal sums have equal
/// numbers.
const MUTATIONS: &[(&str, &[(&str, MutationKind)])] = &[
    ("SchedulingGates", &[("NoGate", MutationKind::NoGate)]),
    (
        "NodeUnschedulable",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
        ],
    ),
    (
        "TaintToleration",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("score: one more than nothing", MutationKind::Score(one_more_than_nothing)),
            ("NoNormalize", MutationKind::NoNormalize),
        ],
    ),
    (
        "NodeAffinity",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("score: slip", MutationKind::Score(slip)),
            ("NoNormalize", MutationKind::NoNormalize),
            ("NoPreFilter", MutationKind::NoPreFilter),
            ("NoSkipScore", MutationKind::NoSkipScore),
        ],
    ),
    (
        "NodePorts",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("NoPreFilter", MutationKind::NoPreFilter),
        ],
    ),
    (
        "NodeResourcesFit",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("score: slip", MutationKind::Score(slip)),
        ],
    ),
    ("VolumeRestrictions", &[("NoPreFilter", MutationKind::NoPreFilter)]),
    ("NodeVolumeLimits", &[("NoPreFilter", MutationKind::NoPreFilter)]),
    ("VolumeBinding", &[("NoPreFilter", MutationKind::NoPreFilter), ("NoSkipScore", MutationKind::NoSkipScore)]),
    ("VolumeZone", &[("NoPreFilter", MutationKind::NoPreFilter)]),
    (
        "PodTopologySpread",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("score: slip", MutationKind::Score(slip)),
            ("NoNormalize", MutationKind::NoNormalize),
            ("NoSkipScore", MutationKind::NoSkipScore),
        ],
    ),
    (
        "InterPodAffinity",
        &[
            ("filter: pass", MutationKind::Filter(pass)),
            ("filter: other code", MutationKind::Filter(other_code)),
            ("filter: other reason", MutationKind::Filter(other_reason)),
            ("score: slip", MutationKind::Score(slip)),
            ("NoNormalize", MutationKind::NoNormalize),
            ("NoSkipScore", MutationKind::NoSkipScore),
        ],
    ),
    (
        "DynamicResources",
        &[
            ("NoPreFilter", MutationKind::NoPreFilter),
            ("NoPostFilter", MutationKind::NoPostFilter),
            ("score: one more than nothing", MutationKind::Score(one_more_than_nothing)),
        ],
    ),
    (
        "DefaultPreemption",
        &[
            ("NoPostFilter", MutationKind::NoPostFilter),
            ("NoReprieve", MutationKind::NoReprieve),
            ("IgnoreBudgets", MutationKind::IgnoreBudgets),
            ("SkipCriterion 0", MutationKind::SkipCriterion(0)),
            ("SkipCriterion 1", MutationKind::SkipCriterion(1)),
            ("SkipCriterion 2", MutationKind::SkipCriterion(2)),
            ("SkipCriterion 4", MutationKind::SkipCriterion(4)),
        ],
    ),
    (
        "NodeResourcesBalancedAllocation",
        &[("score: slip", MutationKind::Score(slip)), ("NoSkipScore", MutationKind::NoSkipScore)],
    ),
    ("ImageLocality", &[("score: slip", MutationKind::Score(slip))]),
    ("NodeDeclaredFeatures", &[("NoPreFilter", MutationKind::NoPreFilter)]),
];

#[test]
fn a_mistake_in_any_plugin_is_caught_by_some_case() {
    // Always the shipped cases: a few foreign ones need not exercise every plugin.
    let Some(mut files) = vectors("kube", &shipped_folder("kube")) else { return };
    files.sort_by_key(|(name, path)| (path.metadata().map_or(0, |m| m.len()), name.clone()));
    let cases: Vec<(String, Value)> = files.iter().map(|(name, path)| (name.clone(), read_json(path))).collect();
    let mut missed = Vec::new();
    for (plugin, kinds) in MUTATIONS {
        assert!(PLUGINS.iter().any(|info| info.name == *plugin), "{plugin} is not in the table");
        for (label, kind) in *kinds {
            let mutation = Mutation { plugin, kind: *kind };
            let caught = cases.iter().find(|(name, case)| !compare_case(name, case, Some(mutation)).agrees());
            match caught {
                Some((name, _)) => println!("{plugin}, {label}: caught by {name}"),
                None => missed.push(format!("{plugin}, {label}")),
            }
        }
    }
    assert!(missed.is_empty(), "no case objects to {missed:#?}");
}

#[test]
fn only_plugins_that_decide_nothing_in_a_case_have_no_mistake() {
    let without: Vec<&str> =
        PLUGINS.iter().map(|info| info.name).filter(|name| MUTATIONS.iter().all(|(n, _)| n != name)).collect();
    assert_eq!(without, ["PrioritySort", "NodeName", "DefaultBinder"]);
}
