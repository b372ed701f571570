//! Attribution: to which ingredient of Kubernetes an improvement is due.
//!
//! All combinations of the ingredients (a full factorial) run under one control plane, in the same worlds. Main effects and
//! interactions are the contrasts of the 2^k design (Box, Hunter and Hunter, *Statistics for Experimenters*, chapter 5):
//! the mean over the runs with an even number of absent ingredients of the set less that over the others. Shapley shares
//! (Shapley 1953) divide the whole change from none to all of them fairly: an ingredient's share is what it adds, averaged
//! over all orders in which they could have come.

use super::interval::Interval;
use super::seeds::SeedStudy;
use crate::orchestrator::{Enforcement, Options, orchestrator};
use crate::rng::Seed;

/// An ingredient: how a run is without it, and with it.
#[derive(Clone, Copy)]
pub struct Factor {
    /// Its name.
    pub name: &'static str,
    /// Without.
    pub off: &'static str,
    /// With.
    pub on: &'static str,
    /// Only counts where the scenario has a platform.
    pub of_platform: bool,
    set: fn(&mut Options, bool),
}

impl std::fmt::Debug for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Factor({})", self.name)
    }
}

/// The ingredients.
pub const FACTORS: &[Factor] = &[
    Factor {
        name: "placement",
        off: "least-jobs",
        on: "kube-default",
        of_platform: false,
        set: |options, on| options.placement = if on { "kube-default" } else { "least-jobs" },
    },
    Factor {
        name: "enforcement",
        off: "none",
        on: "limits",
        of_platform: false,
        set: |options, on| {
            options.enforcement = if on { Enforcement::Limits } else { Enforcement::None };
            options.cpu_quota = on;
        },
    },
    Factor { name: "eviction", off: "off", on: "on", of_platform: false, set: |options, on| options.eviction = on },
    Factor {
        name: "discovery",
        off: "etcd",
        on: "dns",
        of_platform: true,
        set: |options, on| options.discovery = if on { "dns" } else { "etcd" },
    },
];

/// The ingredients that a scenario with or without a platform has.
pub fn factors(platform: bool) -> Vec<Factor> {
    FACTORS.iter().filter(|factor| platform || !factor.of_platform).copied().collect()
}

/// A run for every combination of `factors`, all under the `kubernetes` control plane: number `n` has those whose bit is set
/// in `n`.
pub fn cells(factors: &[Factor]) -> Vec<Options> {
    let info = orchestrator("kubernetes").expect("a row of the orchestrators table");
    let cell = |n: usize| {
        let mut options = Options::of(info);
        let with: Vec<&str> =
            factors.iter().enumerate().filter(|(i, _)| n >> i & 1 == 1).map(|(_, f)| f.name).collect();
        options.name = if with.is_empty() { "none".into() } else { with.join("+") };
        for (i, factor) in factors.iter().enumerate() {
            (factor.set)(&mut options, n >> i & 1 == 1);
        }
        options
    };
    (0..1 << factors.len()).map(cell).collect()
}

/// What one ingredient, or several together, do to a metric.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// The ingredients.
    pub of: Vec<&'static str>,
    /// The contrast, over seeds.
    pub interval: Interval,
}

/// What is due to an ingredient.
#[derive(Clone, PartialEq, Debug)]
pub struct Share {
    /// The ingredient.
    pub of: &'static str,
    /// Its Shapley value, in the metric's unit.
    pub interval: Interval,
    /// The same over the whole change; `None` where that is nothing.
    pub share: Option<f64>,
}

/// A metric, attributed.
#[derive(Clone, PartialEq, Debug)]
pub struct Attribution {
    /// The metric.
    pub metric: &'static str,
    /// With none of the ingredients.
    pub none: Interval,
    /// With all.
    pub all: Interval,
    /// The whole change, paired by seed.
    pub change: Interval,
    /// What the change comes to by chance alone: ties and phases.
    pub noise: f64,
    /// Main effects, then interactions of two, of three, …
    pub effects: Vec<Effect>,
    /// Shapley shares.
    pub shares: Vec<Share>,
}

impl Attribution {
    /// Whether the metric is the same in all combinations.
    pub fn is_flat(&self) -> bool {
        self.effects.iter().all(|effect| effect.interval.low == 0.0 && effect.interval.high == 0.0)
    }

    /// Attributes `metric` over a study whose runs are [`cells`] of `factors`. `None` where the metric is undefined in a cell.
    pub fn of(study: &SeedStudy, factors: &[Factor], metric: &str) -> Option<Attribution> {
        let metric = *study.metrics().iter().find(|name| **name == metric)?;
        let cells = 1usize << factors.len();
        let by_cell: Vec<Vec<f64>> = (0..cells)
            .map(|cell| study.values(cell, metric, false).into_iter().collect::<Option<Vec<f64>>>())
            .collect::<Option<_>>()?;
        let seeds = by_cell.first()?.len();
        let draw = Seed(study.seeds.first()?.seed);
        let rows: Vec<Vec<f64>> = (0..seeds).map(|s| by_cell.iter().map(|cell| cell[s]).collect()).collect();
        // Each figure has a number of its own to draw by, so that none moves another.
        let interval = |entity: usize, of: &dyn Fn(&[f64]) -> f64| {
            let values: Vec<f64> = rows.iter().map(|row| of(row)).collect();
            Interval::of(&values, draw, 1 << 48 | entity as u64)
        };
        let last = cells - 1;
        let mut sets: Vec<usize> = (1..cells).collect();
        sets.sort_by_key(|set| (set.count_ones(), *set));
        let effects = sets.iter().map(|&set| {
            let of = names(factors, set);
            Some(Effect { of, interval: interval(set, &|row| contrast(row, set))? })
        });
        let change = interval(cells, &|row| row[last] - row[0])?;
        let shares = (0..factors.len()).map(|i| {
            let interval = interval(cells + 1 + i, &|row| shapley(row, i))?;
            let share = (change.mean != 0.0).then(|| interval.mean / change.mean);
            Some(Share { of: factors[i].name, interval, share })
        });
        let noise = [0, last].into_iter().filter_map(|cell| study.noise(cell, metric)).map(|n| n.reach());
        Some(Attribution {
            metric,
            none: interval(2 * cells, &|row| row[0])?,
            all: interval(2 * cells + 1, &|row| row[last])?,
            noise: noise.fold(0.0, f64::max),
            effects: effects.collect::<Option<_>>()?,
            shares: shares.collect::<Option<_>>()?,
            change,
        })
    }
}

fn names(factors: &[Factor], set: usize) -> Vec<&'static str> {
    factors.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, f)| f.name).collect()
}

/// The contrast of the ingredients in `set` over the cells of `row`.
fn contrast(row: &[f64], set: usize) -> f64 {
    let sign = |cell: usize| if (set & !cell).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
    let sum: f64 = row.iter().enumerate().map(|(cell, y)| sign(cell) * y).sum();
    let all: f64 = row.iter().map(|y| y.abs()).sum();
    // What is left when equal values cancel is rounding, not an effect.
    if sum.abs() < 1e-12 * all { 0.0 } else { sum / (row.len() / 2) as f64 }
}

/// What ingredient number `i` adds, averaged over all orders.
fn shapley(row: &[f64], i: usize) -> f64 {
    let k = row.len().trailing_zeros();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let without = (0..row.len()).filter(|cell| cell >> i & 1 == 0);
    without
        .map(|cell| {
            let before = cell.count_ones();
            let weight = factorial(before) * factorial(k - before - 1) / factorial(k);
            weight * (row[cell | 1 << i] - row[cell])
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrasts_and_shares_of_a_hand_worked_table() {
        // y = 10 - 4a - 2b - 1c + 3ab: cells none, a, b, ab, c, ac, bc, abc.
        let y = [10.0, 6.0, 8.0, 7.0, 9.0, 5.0, 7.0, 6.0];
        // a: mean with (6+7+5+6)/4 = 6, without (10+8+9+7)/4 = 8.5.
        assert_eq!(contrast(&y, 0b001), -2.5);
        assert_eq!(contrast(&y, 0b010), -0.5);
        assert_eq!(contrast(&y, 0b100), -1.0);
        // ab by half of the difference of a's effects: ((7-8) - (6-10)) / 2 = 1.5.
        assert_eq!(contrast(&y, 0b011), 1.5);
        assert_eq!(contrast(&y, 0b111), 0.0);
        // Shapley: the interaction is shared by halves.
        assert!((shapley(&y, 0) - (-4.0 + 1.5)).abs() < 1e-12);
        assert!((shapley(&y, 1) - (-2.0 + 1.5)).abs() < 1e-12);
        assert!((shapley(&y, 2) - -1.0).abs() < 1e-12);
        let sum: f64 = (0..3).map(|i| shapley(&y, i)).sum();
        assert!((sum - (y[7] - y[0])).abs() < 1e-12);
    }

    #[test]
    fn every_combination_is_run_once() {
        let factors = factors(true);
        let cells = cells(&factors);
        assert_eq!((cells.len(), cells[0].name.as_str()), (16, "none"));
        assert_eq!(cells[15].name, "placement+enforcement+eviction+discovery");
        let plain = Options::of(orchestrator("kubernetes").unwrap());
        assert_eq!(Options { name: plain.name.clone(), discovery: plain.discovery, ..cells[15].clone() }, plain);
        assert_eq!(super::factors(false).len(), 3);
    }
}
