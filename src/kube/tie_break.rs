//! Which of several nodes with the same highest total is taken.

use crate::kube::cycle::Attempt;
use crate::rng::{Purpose, Seed};

/// A rule for ties.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TieBreak {
    /// The lowest name.
    #[default]
    First,
    /// What kube-scheduler v1.36.3 itself takes at parallelism 1; the lowest name where chance decides there.
    Heap,
    /// One drawn from (seed, pod, attempt), equal chances.
    Random(Seed),
}

impl TieBreak {
    /// The name of the rule.
    pub fn name(self) -> &'static str {
        match self {
            TieBreak::First => "first",
            TieBreak::Heap => "heap",
            TieBreak::Random(_) => "random",
        }
    }

    /// The rule in words, for reports.
    pub fn text(self) -> String {
        match self {
            TieBreak::First => "the lowest name".into(),
            TieBreak::Heap => "the one that kube-scheduler 1.36.3 takes at parallelism 1".into(),
            TieBreak::Random(seed) => format!("one drawn with seed {}", seed.0),
        }
    }

    /// The position of the node that is taken; `pod` and `number` (of the attempt) name the draw.
    pub fn choose(self, attempt: &Attempt, pod: u32, number: u32) -> Option<usize> {
        let top = &attempt.top;
        match self {
            TieBreak::Heap => attempt.suggested.or(top.first().copied()),
            TieBreak::Random(seed) if top.len() > 1 => {
                // They stand in order of names.
                let entity = (u64::from(pod) << 32) | u64::from(number);
                let r = seed.stream(Purpose::TieBreak, entity).below(top.len() as u64);
                Some(top[r as usize])
            }
            TieBreak::First | TieBreak::Random(_) => top.first().copied(),
        }
    }
}
