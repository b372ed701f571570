//! CPU sharing in a tree of cgroups: hierarchical weighted max-min in integer nano-cores.
//!
//! Caps go up (a group wants what its children want, within its own quota), then CPU comes down: each group shares what
//! it got among its children by [`cpu::share`], with the remainder to the lowest ids, so that results are the same on
//! every machine. This is the fluid limit of the kernel's group scheduling: it knows no run queues, and so is right for
//! single containers on one CPU and for sums on several (`docs/model.md`). Nothing here keeps state.

use super::cpu::{self, Claim};

/// A cgroup. Nodes are numbered by their place in a slice; parents stand before their children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// The group that it is in; `None` for those right below the root.
    pub parent: Option<u32>,
    /// Its weight among its siblings, at least 1.
    pub weight: u64,
    /// Most it can use, nano-cores: of a leaf demand, threads and quota, whichever is least; of a group its quota, or
    /// `u64::MAX` without one.
    pub cap: u64,
}

/// Memory that [`share_tree`] uses again.
#[derive(Default)]
pub struct Scratch {
    caps: Vec<u64>,
    /// Where each node's children begin in `children`; the root's come first.
    first: Vec<u32>,
    children: Vec<u32>,
    ends: Vec<u32>,
    claims: Vec<Claim>,
    part: Vec<u64>,
    order: Vec<u32>,
}

/// Shares `capacity` nano-cores among the leaves of a tree; `received` is overwritten, with what each group passes on
/// for inner nodes.
///
/// Σ of the leaves is min(capacity, Σ of caps). A leaf is within one nano-core of the exact share of what its group got,
/// so within one nano-core a level of the exact share of the whole.
pub fn share_tree(capacity: u64, nodes: &[Node], received: &mut Vec<u64>, scratch: &mut Scratch) {
    let n = nodes.len();
    let Scratch { caps, first, children, ends, claims, part, order } = scratch;
    // Slot 0 is the root, slot i + 1 node i.
    let slot = |node: &Node| node.parent.map_or(0, |p| p as usize + 1);
    first.clear();
    first.resize(n + 2, 0);
    for (i, node) in nodes.iter().enumerate() {
        assert!(node.parent.is_none_or(|p| (p as usize) < i), "node {i} stands before its parent");
        first[slot(node) + 1] += 1;
    }
    for s in 1..first.len() {
        first[s] += first[s - 1];
    }
    // Filled from the back, which moves each slot's end down to its begin.
    children.clear();
    children.resize(n, 0);
    ends.clear();
    ends.extend_from_slice(&first[1..]);
    for (i, node) in nodes.iter().enumerate().rev() {
        let end = &mut ends[slot(node)];
        *end -= 1;
        children[*end as usize] = i as u32;
    }
    let of = |first: &[u32], s: usize| first[s] as usize..first[s + 1] as usize;
    caps.clear();
    caps.extend(nodes.iter().map(|node| node.cap));
    for i in (0..n).rev() {
        let below = &children[of(first, i + 1)];
        if !below.is_empty() {
            let wanted = below.iter().fold(0u64, |sum, &c| sum.saturating_add(caps[c as usize]));
            caps[i] = caps[i].min(wanted);
        }
    }
    received.clear();
    received.resize(n, 0);
    for s in 0..=n {
        let below = &children[of(first, s)];
        if below.is_empty() {
            continue;
        }
        let available = if s == 0 { capacity } else { received[s - 1] };
        claims.clear();
        claims.extend(below.iter().map(|&c| Claim { cap: caps[c as usize], weight: nodes[c as usize].weight }));
        cpu::share(available, claims, part, order);
        for (&c, &x) in below.iter().zip(part.iter()) {
            received[c as usize] = x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed, Stream};

    fn shared(capacity: u64, nodes: &[Node]) -> Vec<u64> {
        let mut received = Vec::new();
        share_tree(capacity, nodes, &mut received, &mut Scratch::default());
        received
    }

    fn node(parent: Option<u32>, weight: u64, cap: u64) -> Node {
        Node { parent, weight, cap }
    }

    #[test]
    fn a_group_of_many_gets_no_more_than_its_weight() {
        // system 1024 and kubepods 1024 { a 2048, b 1024, c 1024 with a quota of 100 }.
        let tree = [
            node(None, 1024, 4000),
            node(None, 1024, u64::MAX),
            node(Some(1), 2048, 4000),
            node(Some(1), 1024, 4000),
            node(Some(1), 1024, 100),
        ];
        // 2000 each; c is full at 100; 1900 are split 2:1 = 1266 + 2/3 and 633 + 1/3, the odd one to the lower id.
        assert_eq!(shared(4000, &tree), [2000, 2000, 1267, 633, 100]);
        // All fits: everyone has its cap.
        assert_eq!(shared(20_000, &tree), [4000, 8100, 4000, 4000, 100]);
        assert_eq!(shared(0, &tree), [0; 5]);
        assert_eq!(shared(5, &[]), [0; 0]);
    }

    #[test]
    fn a_quota_of_a_group_holds_for_all_in_it_and_others_take_what_it_leaves() {
        let tree =
            [node(None, 9, 300), node(Some(0), 1, 900), node(Some(0), 2, 900), node(None, 1, 5000), node(None, 1, 100)];
        assert_eq!(shared(1000, &tree), [300, 100, 200, 600, 100]);
    }

    fn below(nodes: &[Node], group: Option<usize>) -> Vec<usize> {
        (0..nodes.len()).filter(|&i| nodes[i].parent == group.map(|g| g as u32)).collect()
    }

    /// An exact share as a fraction.
    type Exact = (u128, u128);

    /// The slow solver: rounds of giving everyone its weight's part of the rest and fixing who is full, in fractions.
    fn exact(capacity: Exact, nodes: &[Node], group: Option<usize>, out: &mut [Exact]) {
        let wants = |i: usize| wanted(nodes, i);
        let mut open = below(nodes, group);
        let (mut rest, den) = capacity;
        loop {
            let weight: u128 = open.iter().map(|&i| u128::from(nodes[i].weight)).sum();
            let full = |&i: &usize| wants(i) * den * weight <= rest * u128::from(nodes[i].weight);
            let (done, left): (Vec<usize>, Vec<usize>) = open.iter().partition(|i| full(i));
            for &i in &done {
                out[i] = (wants(i), 1);
                // What is full had no more than its part of the rest, so all of them together fit.
                rest -= wants(i) * den;
            }
            if done.is_empty() || left.is_empty() {
                for &i in &left {
                    out[i] = (rest * u128::from(nodes[i].weight), den * weight);
                }
                break;
            }
            open = left;
        }
        for i in below(nodes, group) {
            exact(out[i], nodes, Some(i), out);
        }
    }

    fn wanted(nodes: &[Node], i: usize) -> u128 {
        let (own, inside) = (u128::from(nodes[i].cap), below(nodes, Some(i)));
        if inside.is_empty() { own } else { own.min(inside.into_iter().map(|c| wanted(nodes, c)).sum()) }
    }

    fn random_tree(s: &mut Stream) -> Vec<Node> {
        let n = 1 + s.below(14) as usize;
        let mut nodes: Vec<Node> = Vec::new();
        let mut depth: Vec<u32> = Vec::new();
        for i in 0..n {
            let parent = if i > 0 && s.below(3) > 0 { Some(s.below(i as u64) as u32) } else { None };
            let parent = parent.filter(|&p| depth[p as usize] < 2);
            depth.push(parent.map_or(0, |p| depth[p as usize] + 1));
            let cap = if s.below(4) == 0 { 50_000 } else { s.below(1000) };
            nodes.push(node(parent, 1 + s.below(50), cap));
        }
        nodes
    }

    #[test]
    fn sharing_in_a_tree_is_bounded_work_conserving_and_next_to_the_exact_solution() {
        for seed in 0..3000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 0);
            let nodes = random_tree(&mut s);
            let capacity = s.below(4000);
            let x = shared(capacity, &nodes);
            let wanted_all: u128 = below(&nodes, None).into_iter().map(|i| wanted(&nodes, i)).sum();
            let is_leaf = |i: usize| below(&nodes, Some(i)).is_empty();
            let leaves: u64 = (0..nodes.len()).filter(|&i| is_leaf(i)).map(|i| x[i]).sum();
            assert_eq!(u128::from(leaves), wanted_all.min(u128::from(capacity)), "work conserving, seed {seed}");
            let mut whole = vec![(0, 1); nodes.len()];
            exact((u128::from(capacity), 1), &nodes, None, &mut whole);
            for i in 0..nodes.len() {
                assert!(u128::from(x[i]) <= wanted(&nodes, i), "above its cap, seed {seed}");
                let passed: u64 = below(&nodes, Some(i)).into_iter().map(|c| x[c]).sum();
                assert!(is_leaf(i) || passed == x[i], "a group passes on what it got, seed {seed}");
                // Against the exact share of what its group really got: at most one nano-core away.
                let got = nodes[i].parent.map_or(capacity, |p| x[p as usize]);
                let mut level = vec![(0, 1); nodes.len()];
                exact((u128::from(got), 1), &nodes, nodes[i].parent.map(|p| p as usize), &mut level);
                let away = |(num, den): Exact| (u128::from(x[i]) * den).abs_diff(num) as f64 / den as f64;
                assert!(away(level[i]) <= 1.0, "node {i} is {} away, seed {seed}", away(level[i]));
                let depth = std::iter::successors(Some(i as u32), |&g| nodes[g as usize].parent).count();
                assert!(away(whole[i]) <= depth as f64, "node {i} is {} away, seed {seed}", away(whole[i]));
            }
        }
    }

    #[test]
    fn more_weight_is_never_less_cpu() {
        for seed in 0..3000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 1);
            let mut nodes = random_tree(&mut s);
            let capacity = s.below(4000);
            let before = shared(capacity, &nodes);
            let i = s.below(nodes.len() as u64) as usize;
            nodes[i].weight += 1 + s.below(30);
            let after = shared(capacity, &nodes);
            // The last nano-core goes by id.
            assert!(after[i] + 1 >= before[i], "seed {seed}: {} before, {} after", before[i], after[i]);
        }
    }

    #[test]
    fn one_level_is_the_flat_solver() {
        for seed in 0..500 {
            let mut s = Seed(seed).stream(Purpose::Shape, 2);
            let nodes: Vec<Node> = (0..1 + s.below(8)).map(|_| node(None, 1 + s.below(50), s.below(1000))).collect();
            let claims: Vec<Claim> = nodes.iter().map(|n| Claim { cap: n.cap, weight: n.weight }).collect();
            let capacity = s.below(4000);
            let mut flat = Vec::new();
            cpu::share(capacity, &claims, &mut flat, &mut Vec::new());
            assert_eq!(shared(capacity, &nodes), flat, "seed {seed}");
        }
    }
}
