//! A second opinion on every attempt of a case: what the index says, under each rule for ties, beside what the cycle came to.

use std::sync::Arc;

use crate::index::tie::Tie;
use crate::kube::cycle::{Attempt, Scheduler};
use crate::kube::indexed::{Answer, Indexed, booked, is_about};
use crate::kube::object::pod::Pod;
use crate::kube::tie_break::TieBreak;
use crate::rng::{Purpose, Seed};

/// The seed of random ties.
const SEED: Seed = Seed(1);

/// What the index said of the attempts of a case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ByIndex {
    /// Attempts.
    pub attempts: usize,
    /// Attempts at pods that the index places.
    pub placed: usize,
    /// Where it said something else than the cycle.
    pub differences: Vec<String>,
}

/// What the index says, for ties by name, by the heap and by chance.
pub(super) struct Opinion {
    answers: [Answer; 3],
    start: usize,
}

/// Asks the index about the next attempt, from nothing: it is shown the nodes as they are.
pub(super) fn ask(scheduler: &mut Scheduler, pod: &Arc<Pod>, number: u32, attempts: u32) -> Option<Opinion> {
    scheduler.cache.update(&mut scheduler.snapshot);
    let Scheduler { framework, world, snapshot, nominator, next_start_node, .. } = &*scheduler;
    let mut index = Indexed::new(framework)?;
    let mut bound = snapshot.nodes.iter().flat_map(|node| &node.pods);
    let lonely = nominator.is_empty() && !bound.any(|other| is_about(other, pod, world));
    if !lonely || !Indexed::places(pod) {
        return None;
    }
    let plan = index.plan(framework, world, pod)?;
    if !index.show_all(framework, world, snapshot, |position| booked(&snapshot.nodes[position])) {
        return None;
    }
    index.prepare(&plan, snapshot);
    while let Some(group) = index.unknown_group(&plan) {
        let group_counts = &index.counts().groups()[group];
        let counted = |pod: &&Arc<Pod>| !pod.deleting && group_counts.counts(pod);
        let counts = snapshot.nodes.iter().map(|node| node.pods.iter().filter(counted).count() as i64).collect();
        index.counts().show(group, counts);
    }
    let entity = u64::from(number) << 32 | u64::from(attempts);
    let mut draw = |count: usize| SEED.stream(Purpose::TieBreak, entity).below(count as u64) as usize;
    let images = !pod.images.is_empty();
    let mut find = |mut tie: Tie<'_>| index.find(&plan, images, *next_start_node, &mut tie);
    let answers = [find(Tie::First)?, find(Tie::Heap)?, find(Tie::ByName(&mut draw))?];
    Some(Opinion { answers, start: *next_start_node })
}

impl ByIndex {
    /// Compares an opinion with the attempt that followed.
    pub(super) fn compare(
        &mut self,
        opinion: Option<Opinion>,
        scheduler: &Scheduler,
        attempt: &Attempt,
        (key, number, attempts): (&str, u32, u32),
    ) {
        self.attempts += 1;
        let Some(Opinion { answers, start }) = opinion else { return };
        self.placed += 1;
        let rules = [TieBreak::First, TieBreak::Heap, TieBreak::Random(SEED)];
        for (rule, answer) in rules.into_iter().zip(answers) {
            let chosen = rule.choose(attempt, number, attempts);
            let agrees = match &answer {
                Answer::Node(position, passed) => {
                    let next = (start + passed) % scheduler.snapshot.nodes.len();
                    chosen == Some(*position) && next == scheduler.next_start_node
                }
                Answer::Nowhere(plugins) => {
                    chosen.is_none() && *plugins == attempt.unschedulable_plugins && start == scheduler.next_start_node
                }
            };
            if !agrees {
                let next = scheduler.next_start_node;
                let wanted = format!("{chosen:?}, {:?}, next {next}", attempt.unschedulable_plugins);
                self.differences.push(format!("{key} by {}: {answer:?} from {start}, not {wanted}", rule.name()));
            }
        }
    }
}
