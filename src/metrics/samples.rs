//! Exact percentiles of many amounts, some of which are only lower bounds: every one is kept, four bytes where that will do.

use super::Value;

/// Amounts as whole numbers in their order; what they stand for is the caller's affair.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// Those below 2^32, and the others.
    small: Vec<u32>,
    large: Vec<u64>,
    /// Amounts that the true one is at least.
    bounds: Vec<u64>,
    sorted: bool,
}

impl Samples {
    /// One more, known exactly.
    pub fn exact(&mut self, amount: u64) {
        self.sorted = false;
        match u32::try_from(amount) {
            Ok(small) => self.small.push(small),
            Err(_) => self.large.push(amount),
        }
    }

    /// One more, of which only this is known: it is no less.
    pub fn at_least(&mut self, amount: u64) {
        self.sorted = false;
        self.bounds.push(amount);
    }

    fn sort(&mut self) {
        if !std::mem::replace(&mut self.sorted, true) {
            self.small.sort_unstable();
            self.large.sort_unstable();
            self.bounds.sort_unstable();
        }
    }

    /// The exact amount of that rank among exact ones, from 0; they must be sorted.
    fn exact_of(&self, rank: usize) -> Option<u64> {
        match self.small.get(rank) {
            Some(&small) => Some(small.into()),
            None => self.large.get(rank - self.small.len()).copied(),
        }
    }

    /// The same where they need not be, at a cost that grows with their number.
    fn select(&mut self, rank: usize) -> Option<u64> {
        let small = self.small.len();
        if rank < small {
            return Some((*self.small.select_nth_unstable(rank).1).into());
        }
        (rank - small < self.large.len()).then(|| *self.large.select_nth_unstable(rank - small).1)
    }

    /// The amount of that rank among all, from 0, and whether it is only a bound. Of equal ones the exact go first.
    fn of(&self, rank: usize) -> Option<(u64, bool)> {
        // How many bounds go before it: as many as are below the exact amount that they would push back.
        let before = |n: &usize| self.exact_of(rank - n).is_none_or(|exact| self.bounds[n - 1] < exact);
        let (mut low, mut high) = (0, self.bounds.len().min(rank));
        while low < high {
            let middle = (low + high).div_ceil(2);
            if before(&middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        match (self.exact_of(rank - low), self.bounds.get(low)) {
            (Some(exact), Some(&bound)) if bound < exact => Some((bound, true)),
            (Some(exact), _) => Some((exact, false)),
            (None, bound) => bound.map(|&bound| (bound, true)),
        }
    }

    /// Nearest-rank percentiles, as `value` says what an amount stands for. A percentile is a lower bound as soon as a lower bound
    /// is not above it: that one's true value may be anywhere beyond.
    pub fn percentiles<const N: usize>(&mut self, percents: [f64; N], value: impl Fn(u64) -> f64) -> [Value; N] {
        // A few ranks are found without order where no bound has to be put among them.
        let exact = self.bounds.is_empty() && !self.sorted;
        if !exact {
            self.sort();
        }
        let all = self.small.len() + self.large.len() + self.bounds.len();
        let first_bound = self.bounds.first().map(|&bound| value(bound));
        percents.map(|p| {
            let rank = ((p / 100.0 * all as f64).ceil() as usize).clamp(1, all.max(1));
            let found = if exact { self.select(rank - 1).map(|amount| (amount, false)) } else { self.of(rank - 1) };
            let Some((amount, bound)) = found else { return Value::Undefined };
            let amount = value(amount);
            if bound || first_bound.is_some_and(|b| b < amount) {
                Value::AtLeast(amount)
            } else {
                Value::Amount(amount)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    /// The plain way: one list, sorted.
    fn plain<const N: usize>(mut values: Vec<(f64, bool)>, percents: [f64; N]) -> [Value; N] {
        values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let first_bound = values.iter().find(|v| v.1).map(|v| v.0);
        percents.map(|p| {
            if values.is_empty() {
                return Value::Undefined;
            }
            let rank = ((p / 100.0 * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (value, bound) = values[rank - 1];
            if bound || first_bound.is_some_and(|b| b < value) { Value::AtLeast(value) } else { Value::Amount(value) }
        })
    }

    fn of<const N: usize>(values: &[(u64, bool)], percents: [f64; N]) -> [Value; N] {
        let mut samples = Samples::default();
        for &(amount, bound) in values {
            if bound {
                samples.at_least(amount);
            } else {
                samples.exact(amount);
            }
        }
        samples.percentiles(percents, |amount| amount as f64)
    }

    #[test]
    fn percentiles_are_nearest_rank_and_say_when_they_are_only_bounds() {
        let values: Vec<(u64, bool)> = (1..=10).map(|i| (i, false)).collect();
        assert_eq!(of(&values, [50.0, 95.0, 100.0]), [5.0, 10.0, 10.0].map(Value::Amount));
        let values = [(1, false), (2, true), (3, false)];
        // The second may really be 4, then the median is 3: 2 is a lower bound; 1 is certain.
        assert_eq!(of(&values, [33.0, 50.0, 100.0]), [Value::Amount(1.0), Value::AtLeast(2.0), Value::AtLeast(3.0)]);
        assert_eq!(of(&[], [50.0]), [Value::Undefined]);
    }

    /// With many equals, bounds among them, on either side of 2^32.
    #[test]
    fn percentiles_are_those_of_one_sorted_list() {
        for seed in 0..2000u64 {
            let mut s = Seed(seed).stream(Purpose::Shape, 79);
            let (n, bounds, spread) = (s.below(40), s.below(11), 1 + s.below(60));
            let base = if s.below(2) == 0 { 0 } else { (1 << 32) - 20 };
            let values: Vec<(u64, bool)> = (0..n).map(|_| (base + s.below(spread), s.below(10) < bounds)).collect();
            let percents = [1.0, 50.0, 90.0, 95.0, 99.0, 100.0];
            let floats = values.iter().map(|&(amount, bound)| (amount as f64, bound)).collect();
            assert_eq!(of(&values, percents), plain(floats, percents), "seed {seed}: {values:?}");
        }
    }
}
