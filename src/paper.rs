//! Published experiments that can be repeated: what was run, what was published of it, and how ours compares.
//!
//! [`PAPERS`] is a table; each paper names a shipped scenario and holds what is published. The data of a paper are not
//! shipped: whoever repeats it names a folder. [`mod@replay`] makes the runs, [`mod@compare`] sets them beside what is
//! published, [`table`], [`tables`] and [`page`] show it. Nothing here touches a file.

pub mod compare;
pub mod expected;
pub mod page;
pub mod published;
pub mod replay;
pub mod study;
pub mod table;
pub mod tables;

pub use compare::{Finding, Row, Verdict, compare};
pub use expected::Expected;
pub use published::Published;
pub use replay::{Replayed, replay};
pub use study::{Curve, Figure, Study};

use crate::workload::inflation::Asked;

/// A published experiment.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The question it asks.
    pub question: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// Where its data are to be had.
    pub data: &'static str,
    /// Its scenario, as a path in the repository.
    pub file: &'static str,
    /// The scenario itself.
    pub scenario: &'static str,
    /// Hosts, and jobs of the list that are drawn from.
    pub size: (usize, u64),
    /// The resource that is counted.
    pub of: Asked,
    /// Means and spreads that are published; empty: none are.
    pub published: &'static [Published],
    /// Policies that place by chance, so that no order of arrivals makes two runs alike.
    pub by_chance: &'static [&'static str],
    /// What of it cannot be repeated, and why, a paragraph each.
    pub limits: &'static [&'static str],
}

/// All papers.
pub const PAPERS: &[Paper] = &[
    Paper {
        name: "fgd-atc23",
        summary: "GPU packing on the openb trace, USENIX ATC 2023: six policies, jobs that arrive and stay",
        question: "How many GPUs can still be given out when jobs that share GPUs arrive until nothing fits?",
        citation: "Qizhen Weng et al., Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient \
                   Descent, USENIX ATC 2023; figures of its artefact, hkust-adsl/kubernetes-scheduler-simulator",
        data: DATA,
        file: "scenarios/papers/fgd-atc23.yaml",
        scenario: include_str!("../scenarios/papers/fgd-atc23.yaml"),
        size: (1_213, 8_152),
        of: Asked::Gpu,
        published: published::FGD_ATC23,
        by_chance: &["Random"],
        limits: &[
            "Random: the source draws among hosts in the order in which sixteen workers happened to find them. That order is in no \
             file, so only its mean over many seeds can be compared.",
            "Typical jobs: fragmentation counts the most frequent kinds of jobs until they are 95 % of all. Where two kinds are equally \
             frequent at that cut, the source keeps whichever its map and its unstable sort left first. The default list has no such \
             tie; some of the other lists have.",
            "The other sixteen lists of jobs (more or less CPU, sharing, models, several GPUs) are not part of this.",
        ],
    },
    Paper {
        name: "fgd-atc23-cpu",
        summary: "the same hosts with the jobs that ask for no GPU, by CPU; nothing is published, the figures are ours alone",
        question: "How much CPU can still be given out when jobs without GPUs arrive until nothing fits?",
        citation: "hosts and jobs as in fgd-atc23; nothing is published of this variant",
        data: DATA,
        file: "scenarios/papers/fgd-atc23-cpu.yaml",
        scenario: include_str!("../scenarios/papers/fgd-atc23-cpu.yaml"),
        size: (1_213, 1_088),
        of: Asked::Cpu,
        published: &[],
        by_chance: &[],
        limits: &[
            "Nothing is published of this variant: the figures show our own placements side by side and confirm nothing.",
        ],
    },
];

const DATA: &str = "github.com/alibaba/clusterdata, folder cluster-trace-gpu-v2023/csv";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_paper_has_its_own_name_and_a_scenario_of_that_name() {
        for (i, paper) in PAPERS.iter().enumerate() {
            assert!(PAPERS[..i].iter().all(|other| other.name != paper.name));
            assert_eq!(paper.file, format!("scenarios/papers/{}.yaml", paper.name));
            assert!(!paper.summary.ends_with('.') && paper.question.ends_with('?'), "{}", paper.name);
        }
    }
}
