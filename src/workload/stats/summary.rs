//! Figures of a list of numbers: quantiles, fits, tails, and how far two lists are apart.
//!
//! Quantiles are the ones that most tools show by default: with n values in order, quantile q lies at (n − 1) q between
//! its neighbours, linearly. Floats shape figures only; nothing here decides a replay.

use serde::Serialize;

/// Least, quantiles, most, mean and sum of a list of numbers, in the unit of the numbers.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Summary {
    /// How many numbers.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// A tenth of the numbers are below.
    pub p10: f64,
    /// The median.
    pub p50: f64,
    /// A tenth of the numbers are above.
    pub p90: f64,
    /// A hundredth of the numbers are above.
    pub p99: f64,
    /// The most.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The sum.
    pub sum: f64,
}

impl Summary {
    /// The figures of `numbers`, which are sorted; `None` without any.
    pub fn of(numbers: &mut [f64]) -> Option<Summary> {
        numbers.sort_unstable_by(f64::total_cmp);
        Summary::of_sorted(numbers)
    }

    /// The same of numbers in order.
    pub fn of_sorted(sorted: &[f64]) -> Option<Summary> {
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let sum: f64 = sorted.iter().sum();
        Some(Summary {
            count: sorted.len() as u64,
            min,
            p10: quantile(sorted, 0.1),
            p50: quantile(sorted, 0.5),
            p90: quantile(sorted, 0.9),
            p99: quantile(sorted, 0.99),
            max,
            mean: sum / sorted.len() as f64,
            sum,
        })
    }
}

/// Quantile `q` (0 to 1) of numbers in order: at (n − 1) q, linear between neighbours. 0 without numbers.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = last as f64 * q.clamp(0.0, 1.0);
    let below = (at as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

/// A log-normal distribution.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct LogNormal {
    /// Its median, in the unit of the numbers: e to the mean of their logarithms.
    pub median: f64,
    /// Standard deviation of the logarithms (of all numbers, so divided by n).
    pub sigma: f64,
}

impl LogNormal {
    /// The fit to the numbers above 0, by the moments of their logarithms; `None` without any.
    pub fn fit(numbers: &[f64]) -> Option<LogNormal> {
        let logs = || numbers.iter().filter(|n| **n > 0.0).map(|n| libm::log(*n));
        let count = logs().count() as f64;
        if count == 0.0 {
            return None;
        }
        let mean = logs().sum::<f64>() / count;
        let variance = logs().map(|log| (log - mean) * (log - mean)).sum::<f64>() / count;
        Some(LogNormal { median: libm::exp(mean), sigma: libm::sqrt(variance) })
    }
}

/// Hill's tail index over the top `share` of numbers in order: k ÷ Σ ln(x ÷ x₀) over the k largest, x₀ being the next
/// one. Below 1 the mean of such a tail does not exist. `None` where fewer than ten numbers are in the tail, or where
/// they are all equal.
pub fn hill(sorted: &[f64], share: f64) -> Option<f64> {
    let positive = &sorted[sorted.partition_point(|n| *n <= 0.0)..];
    let k = (positive.len() as f64 * share) as usize;
    if k < 10 {
        return None;
    }
    let (rest, tail) = positive.split_at(positive.len() - k);
    let least = libm::log(*rest.last()?);
    let sum: f64 = tail.iter().map(|n| libm::log(*n) - least).sum();
    (sum > 0.0).then(|| k as f64 / sum)
}

/// Mean and coefficient of variation (standard deviation of all ÷ mean; 0 where the mean is 0).
pub fn mean_and_cv(numbers: &[f64]) -> (f64, f64) {
    if numbers.is_empty() {
        return (0.0, 0.0);
    }
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (mean, if mean > 0.0 { libm::sqrt(variance) / mean } else { 0.0 })
}

/// Kolmogorov-Smirnov distance of two lists, each in order: the largest difference of their shares below any value, 0
/// for the same distribution, 1 for lists that do not touch. `None` where one is empty.
pub fn ks_distance(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (mut i, mut j, mut most) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        // All equal values of both lists at once: in between, the shares mean nothing.
        let at = if a[i].total_cmp(&b[j]).is_le() { a[i] } else { b[j] };
        while a.get(i).is_some_and(|x| x.total_cmp(&at).is_le()) {
            i += 1;
        }
        while b.get(j).is_some_and(|x| x.total_cmp(&at).is_le()) {
            j += 1;
        }
        most = most.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    Some(most)
}

/// Spearman's rank correlation of pairs, equal values sharing their mean rank; `None` for fewer than three pairs, or
/// where one side is all the same.
pub fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let a = ranks(pairs, |pair| pair.0);
    let b = ranks(pairs, |pair| pair.1);
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        ab += (x - mean) * (y - mean);
        aa += (x - mean) * (x - mean);
        bb += (y - mean) * (y - mean);
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / libm::sqrt(aa * bb))
}

/// The rank of each pair by `key`, from 1; equal keys share their mean rank.
fn ranks(pairs: &[(f64, f64)], key: impl Fn(&(f64, f64)) -> f64) -> Vec<f64> {
    let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
    order.sort_by(|&a, &b| key(&pairs[a as usize]).total_cmp(&key(&pairs[b as usize])));
    let mut ranks = vec![0.0; pairs.len()];
    let mut from = 0;
    while from < order.len() {
        let value = key(&pairs[order[from] as usize]);
        let equal = order[from..].iter().take_while(|&&i| key(&pairs[i as usize]).total_cmp(&value).is_eq()).count();
        // Ranks from + 1 to from + equal: their mean.
        let rank = from as f64 + (equal as f64 + 1.0) / 2.0;
        for &i in &order[from..from + equal] {
            ranks[i as usize] = rank;
        }
        from += equal;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
    }

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let summary = Summary::of(&mut [30.0, 10.0, 20.0, 40.0]).unwrap();
        // (4 − 1) × 0.5 = 1.5: halfway from 20 to 30; (4 − 1) × 0.9 = 2.7.
        assert_eq!((summary.count, summary.min, summary.max, summary.sum, summary.mean), (4, 10.0, 40.0, 100.0, 25.0));
        near(summary.p50, 25.0);
        near(summary.p90, 37.0);
        near(summary.p10, 13.0);
        assert_eq!(Summary::of(&mut []), None);
        near(Summary::of(&mut [7.0]).unwrap().p99, 7.0);
    }

    #[test]
    fn a_log_normal_is_found_again() {
        let mut dice = Seed(4).stream(Purpose::Shape, 0);
        let drawn: Vec<f64> = (0..20_000).map(|_| dice.log_normal(300.0, 1.9)).collect();
        let fit = LogNormal::fit(&drawn).unwrap();
        assert!((fit.median / 300.0 - 1.0).abs() < 0.05 && (fit.sigma - 1.9).abs() < 0.03, "{fit:?}");
        // By hand: logarithms 0 and 2 have mean 1 and deviation 1; 0 has no logarithm and is left out.
        let fit = LogNormal::fit(&[0.0, 1.0, libm::exp(2.0)]).unwrap();
        near(fit.median, libm::exp(1.0));
        near(fit.sigma, 1.0);
        assert_eq!(LogNormal::fit(&[0.0]), None);
    }

    #[test]
    fn a_pareto_tail_is_found_again() {
        let mut dice = Seed(4).stream(Purpose::Shape, 1);
        let mut drawn: Vec<f64> = (0..50_000).map(|_| dice.pareto(1.3)).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let index = hill(&drawn, 0.05).unwrap();
        assert!((index - 1.3).abs() < 0.08, "{index}");
        assert_eq!(hill(&[1.0; 1000], 0.05), None);
        assert_eq!(hill(&[1.0, 2.0, 3.0], 0.05), None);
    }

    #[test]
    fn the_distance_of_lists_is_their_largest_gap() {
        near(ks_distance(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).unwrap(), 0.0);
        near(ks_distance(&[1.0, 2.0], &[3.0, 4.0]).unwrap(), 1.0);
        // Up to 1: 2 of 4 against 1 of 4; up to 2: 3 of 4 against 2 of 4.
        near(ks_distance(&[1.0, 1.0, 2.0, 9.0], &[1.0, 2.0, 8.0, 9.0]).unwrap(), 0.25);
        assert_eq!(ks_distance(&[], &[1.0]), None);
    }

    #[test]
    fn ranks_correlate_whatever_the_scale() {
        let pairs: Vec<(f64, f64)> = (1..20).map(|i| (f64::from(i), f64::from(i * i))).collect();
        near(rank_correlation(&pairs).unwrap(), 1.0);
        let pairs: Vec<(f64, f64)> = (1..20).map(|i| (f64::from(i), -f64::from(i * i))).collect();
        near(rank_correlation(&pairs).unwrap(), -1.0);
        // Ranks of a: 1.5 1.5 3; of b: 1 2 3; Σ ab = 0.5 + 0 + 1 = 1.5; Σ aa = 0.25 + 0.25 + 1 = 1.5; Σ bb = 2.
        near(rank_correlation(&[(1.0, 1.0), (1.0, 2.0), (5.0, 3.0)]).unwrap(), 1.5 / libm::sqrt(3.0));
        assert_eq!(rank_correlation(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn variation_is_deviation_over_mean() {
        // 1 and 3: mean 2, deviation 1.
        assert_eq!(mean_and_cv(&[1.0, 3.0]), (2.0, 0.5));
        assert_eq!(mean_and_cv(&[]), (0.0, 0.0));
    }
}
