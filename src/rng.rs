//! Seeded randomness by purpose, and the few samplers we own.
//!
//! A stream is named by (seed, purpose, entity), so that a new consumer never shifts the draws of an old one. ChaCha8
//! gives the bits; `libm` gives `ln`, `exp` and `cos`, so the draws are the same on every platform. Golden draws in
//! the tests pin them. Nothing here may decide the order of a replay but a named tie-break.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for. The number is part of the stream's name: never renumber, only append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Choice among equal hosts; entity: job and attempt.
    TieBreak = 1,
    /// Phase of periodic work; entity: host.
    Phase = 2,
    /// Host failures; entity: host.
    Failure = 3,
    /// Usage of a job whose trace has none; entity: job.
    Usage = 4,
    /// The noise on that usage, step by step; entity: job.
    UsageNoise = 5,
    /// Arrival times of a generated workload; entity: 0.
    Arrival = 6,
    /// Sizes, durations and kinds of a generated workload; entity: job.
    Shape = 7,
    /// The `random` placement; entity: job and attempt.
    RandomPlacement = 8,
    /// Resamples of a bootstrap; entity: run, metric and kind of interval.
    Bootstrap = 9,
    /// The seed of a run that is made again in the same world; entity: 0.
    Again = 10,
    /// Latency of requests to the store and their failure; entity: client.
    Store = 11,
    /// Elections of the store and the loss of its leader; entity: 0.
    Election = 12,
    /// Random visiting order of a control plane; entity: turn.
    Visit = 13,
    /// Phases of the loops of a discovery; entity: container.
    Loop = 20,
    /// Which jobs and hosts a sample keeps, and which a growth repeats; entity: hash of the name.
    Sample = 30,
    /// Shapes of generated hosts; entity: host.
    Machine = 31,
    /// Outages of generated hosts; entity: host, or rack in the upper half.
    Outage = 32,
    /// The GPU of a job under the `fgd-random` placement; entity: job and attempt.
    Gpu = 33,
    /// Arrivals of an inflated workload (entity 0), and the order in which its hosts settle ties (entity 1).
    Inflation = 34,
}

/// A run's seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of `purpose` for `entity`.
    pub fn stream(self, purpose: Purpose, entity: u64) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(b"plimsoll");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(entity);
        Stream(rng)
    }
}

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Jumps to draw number `n` of 64 bits, counted from the start of the stream.
    pub fn seek(&mut self, n: u64) {
        self.0.set_word_pos(u128::from(n) * 2);
    }

    /// Uniform in `0..bound` without bias (Lemire's rejection). Panics if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw below 0");
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            let low = product as u64;
            if low >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in [0, 1) with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Exponential with mean 1 (inversion).
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Standard normal (Box-Muller, cosine branch).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(2.0 * self.exponential());
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit())
    }

    /// Log-normal with the given median and sigma.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Weibull with the given shape and mean (inversion; the scale is mean / Gamma(1 + 1/shape)).
    pub fn weibull(&mut self, shape: f64, mean: f64) -> f64 {
        let scale = mean / libm::tgamma(1.0 + 1.0 / shape);
        scale * libm::pow(self.exponential(), 1.0 / shape)
    }

    /// Pareto with minimum 1 and the given tail index.
    pub fn pareto(&mut self, alpha: f64) -> f64 {
        libm::exp(self.exponential() / alpha)
    }

    /// Gamma with scale 1 and shape at least 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        assert!(shape >= 1.0, "gamma needs a shape of at least 1");
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
            if v <= 0.0 {
                continue;
            }
            let u = 1.0 - self.unit();
            if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Beta with both parameters at least 1, from two gammas.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        let y = self.gamma(b);
        x / (x + y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_draws_do_not_move() {
        let mut s = Seed(1).stream(Purpose::Usage, 7);
        let got = format!(
            "{:016x} {} {:.12} {:.12} {:.12} {:.12} {:.12} {:.12}",
            s.bits(),
            s.below(1000),
            s.unit(),
            s.normal(),
            s.log_normal(300.0, 1.9),
            s.weibull(0.8, 40.0),
            s.beta(1.3, 3.0),
            s.pareto(1.0)
        );
        assert_eq!(got, GOLDEN);
    }

    const GOLDEN: &str = "a37d72d439897eee 322 0.614874444049 -0.852447912899 161.503840548785 49.968645739559 0.176635872841 2.922782482801";

    #[test]
    fn streams_of_other_purposes_and_entities_differ() {
        let draw = |p, e| Seed(1).stream(p, e).bits();
        assert_ne!(draw(Purpose::Usage, 0), draw(Purpose::Phase, 0));
        assert_ne!(draw(Purpose::Usage, 0), draw(Purpose::Usage, 1));
        assert_eq!(draw(Purpose::Usage, 3), draw(Purpose::Usage, 3));
    }

    #[test]
    fn a_stream_can_be_read_from_the_middle() {
        let mut whole = Seed(9).stream(Purpose::UsageNoise, 2);
        let draws: Vec<u64> = (0..20).map(|_| whole.bits()).collect();
        let mut middle = Seed(9).stream(Purpose::UsageNoise, 2);
        middle.seek(13);
        assert_eq!(middle.bits(), draws[13]);
    }

    #[test]
    fn sampler_means_are_near_their_theory() {
        let mut s = Seed(3).stream(Purpose::Shape, 0);
        let n = 40_000;
        let mean = |f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || s.unit()) - 0.5).abs() < 0.01);
        assert!((mean(&mut || s.exponential()) - 1.0).abs() < 0.03);
        assert!(mean(&mut || s.normal()).abs() < 0.03);
        assert!((mean(&mut || s.weibull(0.8, 40.0)) - 40.0).abs() < 2.0);
        // Beta(1.3, 3) has mean 1.3/4.3 = 0.3023.
        assert!((mean(&mut || s.beta(1.3, 3.0)) - 0.3023).abs() < 0.01);
    }
}
