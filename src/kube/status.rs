//! A rejection and its reasons: `fwk.Status` and `NodeToStatus` (`framework/types.go` v1.36.3).
//!
//! Nodes are rejected by the thousand in one cycle, so that a status with one fixed reason allocates nothing, and
//! [`Rejections`] is a sorted list.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};

use serde::{Serialize, Serializer};

/// How a plugin turned a pod down.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Code {
    /// Preemption may help.
    Unschedulable,
    /// Preemption cannot help.
    UnschedulableAndUnresolvable,
    /// The plugin could not decide; the cycle fails.
    Error,
}

impl Code {
    /// The name of the code in Go.
    pub fn name(self) -> &'static str {
        match self {
            Code::Unschedulable => "Unschedulable",
            Code::UnschedulableAndUnresolvable => "UnschedulableAndUnresolvable",
            Code::Error => "Error",
        }
    }
}

/// Reasons, read as a slice.
#[derive(Clone, Debug)]
pub struct Reasons(List);

/// One reason, which is nearly always so, stands in place.
#[derive(Clone, Debug)]
enum List {
    One(Cow<'static, str>),
    Many(Vec<Cow<'static, str>>),
}

impl Reasons {
    /// No reason.
    pub const NONE: Reasons = Reasons(List::Many(Vec::new()));

    /// One reason.
    pub fn one(reason: impl Into<Cow<'static, str>>) -> Self {
        Reasons(List::One(reason.into()))
    }

    /// Adds a reason.
    pub fn push(&mut self, reason: impl Into<Cow<'static, str>>) {
        let before = std::mem::replace(&mut self.0, List::Many(Vec::new()));
        self.0 = match before {
            List::Many(list) if list.is_empty() => List::One(reason.into()),
            List::Many(mut list) => {
                list.push(reason.into());
                List::Many(list)
            }
            List::One(first) => List::Many(vec![first, reason.into()]),
        };
    }

    /// Keeps the first `count`.
    pub fn truncate(&mut self, count: usize) {
        match &mut self.0 {
            List::One(_) if count == 0 => *self = Reasons::NONE,
            List::One(_) => {}
            List::Many(list) => list.truncate(count),
        }
    }
}

impl Deref for Reasons {
    type Target = [Cow<'static, str>];

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            List::One(reason) => std::slice::from_ref(reason),
            List::Many(list) => list,
        }
    }
}

impl DerefMut for Reasons {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.0 {
            List::One(reason) => std::slice::from_mut(reason),
            List::Many(list) => list,
        }
    }
}

// As slices, not as lists: one reason equals a list of that one.
impl PartialEq for Reasons {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Reasons {}

impl PartialOrd for Reasons {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reasons {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

/// A rejection: `fwk.Status` without its successes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Status {
    /// The plugin; empty where the framework itself speaks.
    pub plugin: &'static str,
    /// The code.
    pub code: Code,
    /// Reasons, as they are counted in messages.
    pub reasons: Reasons,
}

impl Status {
    /// [`Code::Unschedulable`] for one reason.
    pub fn unschedulable(reason: impl Into<Cow<'static, str>>) -> Self {
        Status { plugin: "", code: Code::Unschedulable, reasons: Reasons::one(reason) }
    }

    /// [`Code::UnschedulableAndUnresolvable`] for one reason.
    pub fn unresolvable(reason: impl Into<Cow<'static, str>>) -> Self {
        Status { plugin: "", code: Code::UnschedulableAndUnresolvable, reasons: Reasons::one(reason) }
    }

    /// [`Code::Error`]: what Go returns when the state that PreFilter or PreScore should have left is not there.
    pub fn no_state(key: &str) -> Self {
        let reason = format!("reading \"{key}\" from cycleState: not found");
        Status { plugin: "", code: Code::Error, reasons: Reasons::one(reason) }
    }

    /// Reasons joined as `Status.Message` does.
    pub fn message(&self) -> String {
        self.reasons.join(", ")
    }
}

/// Rejected nodes by position, in ascending order: `NodeToStatus`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rejections(Vec<(usize, Status)>);

impl Rejections {
    /// Of nodes in any order; the last status of a node counts.
    pub(super) fn of(mut list: Vec<(usize, Status)>) -> Self {
        // A search that starts in the middle leaves two ascending runs, which the stable sort merges in one pass.
        list.sort_by_key(|(position, _)| *position);
        list.reverse();
        list.dedup_by_key(|(position, _)| *position);
        list.reverse();
        Rejections(list)
    }

    /// The status of a node, if it was rejected.
    pub fn get(&self, position: &usize) -> Option<&Status> {
        self.0.binary_search_by_key(position, |(p, _)| *p).ok().map(|i| &self.0[i].1)
    }

    /// Positions and statuses, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&usize, &Status)> {
        self.0.iter().map(|(position, status)| (position, status))
    }

    /// The statuses, by position.
    pub fn values(&self) -> impl Iterator<Item = &Status> {
        self.0.iter().map(|(_, status)| status)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_the_same_whether_one_or_a_list_holds_them() {
        let mut reasons = Reasons::NONE;
        assert!(reasons.is_empty());
        reasons.push("a");
        assert_eq!(reasons, Reasons::one("a".to_string()));
        reasons.push("b");
        assert_eq!(reasons.join(", "), "a, b");
        reasons.truncate(1);
        assert_eq!(reasons, Reasons::one("a"));
        reasons[0] = "c".into();
        assert_eq!(serde_json::to_value(&reasons).unwrap(), serde_json::json!(["c"]));
        reasons.truncate(0);
        assert_eq!(reasons, Reasons::NONE);
    }

    #[test]
    fn the_last_status_of_a_node_counts_wherever_the_search_began() {
        let status = |reason: &'static str| Status::unresolvable(reason);
        let list = [(7, "nominated"), (5, "a"), (7, "again"), (0, "b"), (3, "c")];
        let rejections = Rejections::of(list.iter().map(|(i, reason)| (*i, status(reason))).collect());
        assert_eq!(rejections.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 3, 5, 7]);
        assert_eq!(rejections.get(&7), Some(&status("again")));
        assert_eq!(rejections.get(&1), None);
    }
}
