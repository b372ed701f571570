//! Runs of a paper, put together.

use std::collections::BTreeSet;

use super::{Expected, Paper};
use crate::metrics::DemandColumn;
use crate::sim::Digest;
use crate::workload::inflation::Asked;

/// What is read off a curve, each in percent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Allocated, of the cluster.
    Allocated,
    /// Fragmented, of what is idle; only of GPUs.
    FragmentedOfIdle,
    /// Fragmented, of the cluster; only of GPUs.
    Fragmented,
}

impl Figure {
    /// All, in order.
    pub const ALL: [Figure; 3] = [Figure::Allocated, Figure::FragmentedOfIdle, Figure::Fragmented];

    /// Its name in tables, for a demand of `of`; the names of GPUs are the artefact's.
    pub fn name(self, of: Asked) -> &'static str {
        match (self, of) {
            (Figure::Allocated, Asked::Gpu) => "gpu_alloc_pct",
            (Figure::Allocated, Asked::Cpu) => "cpu_alloc_pct",
            (Figure::Allocated, Asked::Memory) => "memory_alloc_pct",
            (Figure::FragmentedOfIdle, _) => "frag_ratio_pct",
            (Figure::Fragmented, _) => "gpu_frag_pct_of_capacity",
        }
    }

    /// Those that there are for a demand of `of`.
    pub fn of(of: Asked) -> &'static [Figure] {
        if of == Asked::Gpu { &Figure::ALL } else { &Figure::ALL[..1] }
    }

    /// The value in `column`, if it has one.
    pub fn value(self, column: &DemandColumn) -> Option<f64> {
        match self {
            Figure::Allocated => Some(column.allocated_percent),
            Figure::FragmentedOfIdle => column.fragmented_of_idle_percent,
            Figure::Fragmented => column.fragmented_percent,
        }
    }
}

/// What came of one policy under one seed.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// The policy: the name of a run of the scenario.
    pub policy: String,
    /// The seed.
    pub seed: u64,
    /// Digest of the run.
    pub digest: u64,
    /// Jobs that arrived.
    pub arrived: u64,
    /// Jobs that got a host.
    pub placed: u64,
    /// A column per whole per cent of demand arrived, in order; those in which nothing arrived are not there.
    pub columns: Vec<DemandColumn>,
}

impl Curve {
    /// The value of `figure` in the column of `percent`, rounded to 0.01 as published ones are.
    pub fn at(&self, figure: Figure, percent: u32) -> Option<f64> {
        let place = self.columns.binary_search_by_key(&percent, |column| column.arrived_percent).ok()?;
        figure.value(&self.columns[place]).map(hundredths)
    }
}

/// `x` rounded to 0.01.
pub fn hundredths(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// Mean and standard deviation (n - 1) of `values`; the second of fewer than two is none.
pub fn mean_and_sd(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some((mean, (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt())))
}

/// All runs of a paper that finished, and what they are compared with.
#[derive(Clone, Debug)]
pub struct Study<'a> {
    /// The paper.
    pub paper: &'a Paper,
    /// Policies that were asked for, in the scenario's order.
    pub policies: Vec<String>,
    /// Seeds of which a run finished, in order, each once.
    pub seeds: Vec<u64>,
    /// Finished runs: by seed, then by policy.
    pub curves: Vec<Curve>,
    /// Whether arrivals and ties are in the published orders, so that runs can be compared one by one.
    pub orders: bool,
    /// Published figures from a file.
    pub expected: Option<&'a Expected>,
    /// What a reader must know.
    pub notes: Vec<String>,
    /// The command that repeats it.
    pub command: String,
}

impl Study<'_> {
    /// Runs of `policy`, by seed.
    pub fn of<'s>(&'s self, policy: &'s str) -> impl Iterator<Item = &'s Curve> {
        self.curves.iter().filter(move |curve| curve.policy == policy)
    }

    /// The mean over seeds of `figure` of `policy` in the column of `percent`, rounded to 0.01; seeds without a value there
    /// are left out.
    pub fn mean(&self, policy: &str, figure: Figure, percent: u32) -> Option<f64> {
        let values: Vec<f64> = self.of(policy).filter_map(|curve| curve.at(figure, percent)).collect();
        mean_and_sd(&values).map(|(mean, _)| hundredths(mean))
    }

    /// Figures that may be shown.
    pub fn figures(&self) -> &'static [Figure] {
        Figure::of(self.paper.of)
    }

    /// Columns of the table of curves: 0 to 130, and those beyond in which something arrived.
    pub fn columns(&self) -> BTreeSet<u32> {
        let seen = self.curves.iter().flat_map(|curve| &curve.columns).map(|column| column.arrived_percent);
        (0..=130).chain(seen).collect()
    }

    /// One digest over all runs, in order.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for curve in &self.curves {
            digest.word(curve.digest);
        }
        digest.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        // Deviations -1, 0, 1: squares 2, over n - 1 = 2: 1.
        assert_eq!(mean_and_sd(&[1.0, 2.0, 3.0]), Some((2.0, Some(1.0))));
        assert_eq!(mean_and_sd(&[4.0]), Some((4.0, None)));
        assert_eq!(mean_and_sd(&[]), None);
    }
}
