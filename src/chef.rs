//! The placement of Deis before v0.8.0, exactly, as a pure library: no clock, no host, no simulation.
//!
//! "Chef" only carries out what the controller has decided (`controller/api/models.py` at deis v0.7.0; the line numbers
//! below are of that file). A formation owns nodes; the containers of all its apps live on them. Nothing looks at CPU or
//! memory: what counts is the number of containers **of one process type** on a node, whichever app they belong to.
//!
//! Where the source leaves the order to memory addresses (nodes with equal counts) or to a dict (process types), the order
//! here is that of creation, and of names.

use std::collections::{BTreeMap, VecDeque};

/// The first port that a formation gives out (376-380).
pub const FIRST_PORT: u32 = 10_001;
/// The last one there is.
pub const LAST_PORT: u32 = 65_535;

/// The node that takes the next container (`next_runtime_node`, 353-374): the first of those with the fewest of its type.
pub fn fewest(counts: &[usize]) -> Option<usize> {
    (0..counts.len()).min_by_key(|&node| counts[node])
}

/// The node that gives up the next container (the same, `reverse`): the last of those with the most of its type.
pub fn fullest(counts: &[usize]) -> Option<usize> {
    (0..counts.len()).max_by_key(|&node| counts[node])
}

/// The moves that level one process type (`balance`, 599-645), as (from, to): while the fullest nodes have two more than the
/// emptiest, one goes from the first of the fullest to the first of the emptiest. Nodes of one count stand in order of
/// creation at first; one that got there by a move stands last.
pub fn balance(counts: &[usize]) -> Vec<(usize, usize)> {
    let mut by_count: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (node, &count) in counts.iter().enumerate() {
        by_count.entry(count).or_default().push(node);
    }
    let mut moves = Vec::new();
    while let (Some((&least, _)), Some((&most, _))) = (by_count.first_key_value(), by_count.last_key_value()) {
        if most - least <= 1 {
            break;
        }
        let mut first_of = |count: usize| {
            let nodes = by_count.entry(count).or_default();
            let node = nodes.remove(0);
            if nodes.is_empty() {
                by_count.remove(&count);
            }
            node
        };
        let (over, under) = (first_of(most), first_of(least));
        moves.push((over, under));
        by_count.entry(most - 1).or_default().push(over);
        by_count.entry(least + 1).or_default().push(under);
    }
    moves
}

/// The same moves from hosts in order of their counts, of which only those that give or take are looked at. `first(count, after)`
/// is the first node after `after` (`None`: of all) that has so many at the beginning, `next(count, up)` the next count up or down
/// that some node has at the beginning.
pub fn balance_ordered(
    least: usize,
    most: usize,
    mut first: impl FnMut(usize, Option<usize>) -> Option<usize>,
    mut next: impl FnMut(usize, bool) -> Option<usize>,
) -> Vec<(usize, usize)> {
    // Of each count: the node that was taken last of those that had it at the beginning, and those that got there since. What
    // moves on the way up stays apart from what moves on the way down, until the two meet and everything is level.
    let mut taken: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    let mut arrived: BTreeMap<usize, VecDeque<usize>> = BTreeMap::new();
    let (mut low, mut high) = (least, most);
    let mut moves = Vec::new();
    let mut take = |count: usize, arrived: &mut BTreeMap<usize, VecDeque<usize>>| {
        let after = taken.entry(count).or_insert(None);
        if let Some(node) = first(count, *after) {
            *after = Some(node);
            return Some(node);
        }
        let queue = arrived.get_mut(&count)?;
        let node = queue.pop_front();
        if queue.is_empty() {
            arrived.remove(&count);
        }
        node
    };
    // A node that was looked for and found stands here until its counterpart is known.
    let (mut over, mut under) = (None, None);
    while high > low + 1 {
        if over.is_none() {
            over = take(high, &mut arrived);
            if over.is_none() {
                // What came there by moves is gone too; one below stand at least those that came from here.
                let came = arrived.range(..high).next_back().map(|(&count, _)| count);
                high = came.max(next(high, false)).map_or(low, |below| below.max(low));
                continue;
            }
        }
        if under.is_none() {
            under = take(low, &mut arrived);
            if under.is_none() {
                let came = arrived.range(low + 1..).next().map(|(&count, _)| count);
                let above = [came, next(low, true)].into_iter().flatten().min();
                low = above.map_or(high, |above| above.min(high));
                continue;
            }
        }
        if let (Some(from), Some(to)) = (over.take(), under.take()) {
            moves.push((from, to));
            arrived.entry(high - 1).or_default().push_back(from);
            arrived.entry(low + 1).or_default().push_back(to);
        }
    }
    moves
}

/// A container in the controller's database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Container {
    /// Its app.
    pub app: String,
    /// Its process type: `web`, `worker`.
    pub kind: String,
    /// Its number within the app, from 1, never given out twice in a row.
    pub number: u32,
    /// The name of its node.
    pub node: String,
    /// Its port on the node.
    pub port: u32,
}

/// What cannot be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// No node at all ("No nodes available for containers").
    NoNodes,
    /// Scaling down never ends: the fullest node of this type holds no container of this app, and nothing that the loop
    /// does will change that (553-597). The real controller's worker spins for ever.
    NeverEnds {
        /// Whose.
        app: String,
        /// Of which type.
        kind: String,
        /// The node that it looks at again and again.
        node: String,
    },
    /// Ports are used up: they count up from the highest in use, and there is none beyond 65,535.
    NoPort,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Problem::NoNodes => f.write_str("no nodes available for containers"),
            Problem::NeverEnds { app, kind, node } => {
                write!(f, "scaling {kind} of {app} down never ends: {node} has the most {kind} and none of {app}")
            }
            Problem::NoPort => write!(f, "no port is left below {LAST_PORT}"),
        }
    }
}

/// What a change of a formation does, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A container is made.
    Create(Container),
    /// A container goes.
    Delete(Container),
}

/// A formation: its runtime nodes and the containers of its apps, each in order of creation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Formation {
    nodes: Vec<String>,
    containers: Vec<Container>,
    /// What each app was last scaled to.
    structures: BTreeMap<String, BTreeMap<String, usize>>,
    /// Number of the last container that was made, by app.
    numbers: BTreeMap<String, u32>,
}

impl Formation {
    /// A formation of these nodes, without containers.
    pub fn new(nodes: &[&str]) -> Formation {
        Formation { nodes: nodes.iter().map(|n| (*n).to_owned()).collect(), ..Formation::default() }
    }

    /// Its containers in order of creation.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// Containers of a type on each node, of all apps.
    pub fn counts(&self, kind: &str) -> Vec<usize> {
        let on = |node: &String| self.containers.iter().filter(|c| c.kind == kind && c.node == *node).count();
        self.nodes.iter().map(on).collect()
    }

    /// The port of the next container: one more than the highest in use.
    pub fn next_port(&self) -> Result<u32, Problem> {
        match self.containers.iter().map(|c| c.port).max() {
            Some(port) if port >= LAST_PORT => Err(Problem::NoPort),
            Some(port) => Ok(port + 1),
            None => Ok(FIRST_PORT),
        }
    }

    fn create(&mut self, app: &str, kind: &str, node: usize, steps: &mut Vec<Step>) -> Result<(), Problem> {
        let port = self.next_port()?;
        let number = self.numbers.entry(app.to_owned()).or_insert(0);
        *number += 1;
        let (app, kind, node) = (app.to_owned(), kind.to_owned(), self.nodes[node].clone());
        let container = Container { app, kind, number: *number, node, port };
        self.containers.push(container.clone());
        steps.push(Step::Create(container));
        Ok(())
    }

    fn delete(&mut self, at: usize, steps: &mut Vec<Step>) {
        steps.push(Step::Delete(self.containers.remove(at)));
    }

    /// Scales an app to so many containers of each type (553-597). Types that are not named stay as they are. What was done
    /// before a problem came up stays done.
    pub fn scale(&mut self, app: &str, wanted: &[(&str, usize)], steps: &mut Vec<Step>) -> Result<(), Problem> {
        let structure = self.structures.entry(app.to_owned()).or_default();
        let wanted: BTreeMap<String, usize> = wanted.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect();
        structure.extend(wanted.clone());
        for (kind, n) in &wanted {
            let has = |f: &Formation| f.containers.iter().filter(|c| c.app == app && c.kind == *kind).count();
            while has(self) > *n {
                let node = fullest(&self.counts(kind)).ok_or(Problem::NoNodes)?;
                let node = self.nodes[node].clone();
                let oldest = self.containers.iter().position(|c| c.app == app && c.kind == *kind && c.node == node);
                match oldest {
                    Some(at) => self.delete(at, steps),
                    None => return Err(Problem::NeverEnds { app: app.to_owned(), kind: kind.clone(), node }),
                }
            }
            while has(self) < *n {
                let node = fewest(&self.counts(kind)).ok_or(Problem::NoNodes)?;
                self.create(app, kind, node, steps)?;
            }
        }
        Ok(())
    }

    /// Levels every process type over the nodes (599-645): the oldest container of a node goes, one of the same app comes.
    pub fn balance(&mut self, steps: &mut Vec<Step>) -> Result<(), Problem> {
        let kinds: std::collections::BTreeSet<String> = self.containers.iter().map(|c| c.kind.clone()).collect();
        for kind in kinds {
            for (over, under) in balance(&self.counts(&kind)) {
                let node = self.nodes[over].clone();
                let oldest = self.containers.iter().position(|c| c.kind == kind && c.node == node);
                let Some(oldest) = oldest else { continue };
                let app = self.containers[oldest].app.clone();
                self.delete(oldest, steps);
                self.create(&app, &kind, under, steps)?;
            }
        }
        Ok(())
    }

    /// Scales the layer to so many nodes (316-351): the oldest go first, with their containers; new ones are named by
    /// `name`. Then every app is scaled to what it was, and all is balanced.
    pub fn scale_nodes(
        &mut self,
        wanted: usize,
        mut name: impl FnMut() -> String,
        steps: &mut Vec<Step>,
    ) -> Result<(), Problem> {
        while self.nodes.len() > wanted {
            let gone = self.nodes.remove(0);
            while let Some(at) = self.containers.iter().position(|c| c.node == gone) {
                self.delete(at, steps);
            }
        }
        while self.nodes.len() < wanted {
            self.nodes.push(name());
        }
        for (app, structure) in self.structures.clone() {
            let wanted: Vec<(&str, usize)> = structure.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
            self.scale(&app, &wanted, steps)?;
        }
        self.balance(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was done, as `+app.kind.number@node:port` and `-…`.
    fn told(steps: &[Step]) -> Vec<String> {
        let one = |c: &Container| format!("{}.{}.{}@{}:{}", c.app, c.kind, c.number, c.node, c.port);
        steps
            .iter()
            .map(|step| match step {
                Step::Create(c) => format!("+{}", one(c)),
                Step::Delete(c) => format!("-{}", one(c)),
            })
            .collect()
    }

    #[test]
    fn types_are_counted_over_all_apps_and_not_all_containers() {
        let mut f = Formation::new(&["n1", "n2"]);
        let mut steps = Vec::new();
        f.scale("a", &[("web", 1)], &mut steps).unwrap();
        // A worker looks at workers only, so it joins the web container.
        f.scale("a", &[("worker", 1)], &mut steps).unwrap();
        // Another app's web container looks at the first app's.
        f.scale("b", &[("web", 2)], &mut steps).unwrap();
        assert_eq!(
            told(&steps),
            ["+a.web.1@n1:10001", "+a.worker.2@n1:10002", "+b.web.1@n2:10003", "+b.web.2@n1:10004"]
        );
    }

    #[test]
    fn scaling_down_takes_the_oldest_of_the_app_from_the_latest_of_the_fullest() {
        let mut f = Formation::new(&["n1", "n2", "n3"]);
        f.scale("a", &[("web", 6)], &mut Vec::new()).unwrap();
        let mut steps = Vec::new();
        f.scale("a", &[("web", 4)], &mut steps).unwrap();
        // Two each: of three equals the latest node, then of the two left.
        assert_eq!(told(&steps), ["-a.web.3@n3:10003", "-a.web.2@n2:10002"]);
        assert_eq!(f.counts("web"), [2, 1, 1]);
        // Ports are not used again below the highest in use, numbers not at all.
        steps.clear();
        f.scale("a", &[("web", 5)], &mut steps).unwrap();
        assert_eq!(told(&steps), ["+a.web.7@n2:10007"]);
    }

    #[test]
    fn scaling_down_never_ends_where_the_fullest_node_has_none_of_the_app() {
        let mut f = Formation::new(&["n1", "n2"]);
        f.scale("a", &[("web", 1)], &mut Vec::new()).unwrap();
        f.scale("b", &[("web", 3)], &mut Vec::new()).unwrap();
        // n1: a, b. n2: b, b; then b leaves n2 twice is not what is asked: a is to go from n1, but n2 ties and is later.
        assert_eq!(f.counts("web"), [2, 2]);
        let problem = f.scale("a", &[("web", 0)], &mut Vec::new()).unwrap_err();
        assert_eq!(problem.to_string(), "scaling web of a down never ends: n2 has the most web and none of a");
        assert_eq!(f.containers().len(), 4);
    }

    #[test]
    fn balance_levels_to_a_difference_of_one_and_appends_moved_nodes() {
        assert_eq!(balance(&[4, 0, 1]), [(0, 1), (0, 2)]);
        // 5 0 0: to the first empty one, then to the other; [3,1,1]: back to the one that came first.
        assert_eq!(balance(&[5, 0, 0]), [(0, 1), (0, 2), (0, 1)]);
        assert_eq!(balance(&[2, 1, 1]), []);
        // 3 3 0 0: the first of each; then n2, which is alone at 3, to n4, which is alone at 0.
        assert_eq!(balance(&[3, 3, 0, 0]), [(0, 2), (1, 3)]);
        assert!(balance(&[]).is_empty());
        let mut f = Formation::new(&["n1"]);
        f.scale("a", &[("web", 2)], &mut Vec::new()).unwrap();
        f.scale("b", &[("web", 1)], &mut Vec::new()).unwrap();
        let mut steps = Vec::new();
        let mut names = ["n2", "n3"].iter();
        f.scale_nodes(3, || (*names.next().unwrap()).to_owned(), &mut steps).unwrap();
        assert_eq!(told(&steps), ["-a.web.1@n1:10001", "+a.web.3@n2:10004", "-a.web.2@n1:10002", "+a.web.4@n3:10005"]);
    }

    #[test]
    fn moves_from_an_order_are_those_of_all_counts() {
        use crate::rng::{Purpose, Seed};
        for seed in 0..3_000 {
            let mut draw = Seed(seed).stream(Purpose::Shape, 0);
            let (nodes, most) = (1 + draw.below(12), 1 + draw.below(9));
            let counts: Vec<usize> = (0..nodes).map(|_| draw.below(most) as usize).collect();
            let (Some(&low), Some(&high)) = (counts.iter().min(), counts.iter().max()) else { panic!("no nodes") };
            let first = |count, after: Option<usize>| {
                (after.map_or(0, |after| after + 1)..counts.len()).find(|&node| counts[node] == count)
            };
            let next = |count, up| {
                let others = counts.iter().copied();
                if up { others.filter(|&c| c > count).min() } else { others.filter(|&c| c < count).max() }
            };
            assert_eq!(balance_ordered(low, high, first, next), balance(&counts), "{counts:?}");
        }
    }

    #[test]
    fn fewer_nodes_lose_the_oldest_and_every_app_gets_its_structure_back() {
        let mut f = Formation::new(&["n1", "n2", "n3"]);
        f.scale("a", &[("web", 3)], &mut Vec::new()).unwrap();
        let mut steps = Vec::new();
        f.scale_nodes(2, || unreachable!(), &mut steps).unwrap();
        assert_eq!(told(&steps), ["-a.web.1@n1:10001", "+a.web.4@n2:10004"]);
        assert_eq!(f.scale_nodes(0, || unreachable!(), &mut steps), Err(Problem::NoNodes));
    }

    #[test]
    fn ports_end() {
        let mut f = Formation::new(&["n1"]);
        f.scale("a", &[("web", 1)], &mut Vec::new()).unwrap();
        f.containers[0].port = LAST_PORT;
        assert_eq!(f.scale("a", &[("web", 2)], &mut Vec::new()), Err(Problem::NoPort));
    }
}
