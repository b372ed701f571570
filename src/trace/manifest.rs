//! Kubernetes objects as hosts and jobs: what a scenario's manifests and the dump of a cluster have in common.
//!
//! Nodes become hosts ([`host`]), pods and what makes pods become groups of jobs ([`group`], [`job`]); what a replay needs
//! and an object does not say comes from annotations ([`annotation`]). Errors begin with the object and the field that
//! they speak of, whose line [`source`] finds.
//!
//! Not here: which pods count. That is for the scenario or the format to say.

pub(crate) mod annotation;
pub(crate) mod group;
pub(crate) mod host;
pub(crate) mod job;
pub(crate) mod source;

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind};

/// `Kind name` as errors begin: with the namespace, unless it is `default`.
pub(crate) fn label(kind: &str, namespace: &str, name: &str) -> String {
    if namespace.is_empty() || namespace == "default" {
        format!("{kind} {name}")
    } else {
        format!("{kind} {namespace}/{name}")
    }
}

/// `error` about the object that is called `label`. A budget stays one.
pub(crate) fn labelled(error: Error, label: &str) -> Error {
    if error.kind() == ErrorKind::Budget { error } else { Error::input(format!("{label}: {error}")) }
}

/// `5 fields (Pod.spec.a 3, Pod.spec.b 2)`, the most frequent ones by name.
pub(crate) fn listed(what: &str, counts: &BTreeMap<String, u64>) -> String {
    const NAMED: usize = 8;
    let mut all: Vec<(&String, &u64)> = counts.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let more = all.len().saturating_sub(NAMED);
    let mut names: Vec<String> = all.iter().take(NAMED).map(|(name, count)| format!("{name} {count}")).collect();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    format!("{} {what} ({})", counts.values().sum::<u64>(), names.join(", "))
}
