//! Which of several hosts with the same judgement is taken.

use std::cmp::Ordering;

/// A rule for ties.
pub enum Tie<'a> {
    /// The first by name.
    First,
    /// The one with this place among them by name, of so many.
    ByName(&'a mut dyn FnMut(usize) -> usize),
    /// The one that a binary heap of all hosts that fit, in the order of the search, has at its root.
    Heap,
}

/// Which of two places in a binary heap comes first when each parent is visited before its children, left before right.
/// Of equal greatest entries Go's `heap.Init` leaves the one that comes first so at the root (`container/heap`; a test holds
/// it to that).
pub fn pre_order(a: usize, b: usize) -> Ordering {
    // Numbered from 1, the path from the root is the number in binary.
    let (a, b) = (a as u64 + 1, b as u64 + 1);
    let (deep_a, deep_b) = (a.ilog2(), b.ilog2());
    let deep = deep_a.min(deep_b);
    (a >> (deep_a - deep)).cmp(&(b >> (deep_b - deep))).then(deep_a.cmp(&deep_b))
}
