//! PrioritySort: the order of the queue (`queuesort/priority_sort.go` v1.36.3).

use std::cmp::Ordering;

use crate::kube::framework::{Plugin, PluginInfo, Point};

/// The row of the table.
pub const INFO: PluginInfo = PluginInfo {
    name: "PrioritySort",
    weight: None,
    summary: "high priority first, then who entered the queue earlier",
    points: &[Point::QueueSort],
    modelled: true,
    build: |_| Ok(Box::new(PrioritySort)),
};

/// The plugin; the queue asks [`order`].
pub struct PrioritySort;

impl Plugin for PrioritySort {}

/// Who goes first of two pods given as (priority, moment of entering the queue). Equal ones are left to the heap.
pub fn order<T: Ord>(a: (i32, T), b: (i32, T)) -> Ordering {
    b.0.cmp(&a.0).then(a.1.cmp(&b.1))
}
