//! CPU sharing: weighted max-min in integer nano-cores.
//!
//! One flat level; [`super::cpu_tree`] is any tree from scratch, [`super::cpu_group`] what the replay keeps sorted. Quotas are
//! caps. Nothing here keeps state.

pub use super::kubelet::conversion::shares;
use super::kubelet::conversion::{PERIOD_US, quota_us};

/// A claim on a host's CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Most it can use now: demand within its quota, nano-cores.
    pub cap: u64,
    /// Its weight among its neighbours, at least 1.
    pub weight: u64,
}

/// Docker's and systemd's default `cpu.shares`.
pub const DEFAULT_SHARES: u64 = 1024;

/// CFS quota of a CPU limit as a rate in nano-cores (at least 1 ms in 100 ms, i.e. 10m).
pub fn quota_nano(limit_milli: i64) -> u64 {
    // A microsecond in the kubelet's period is this much CPU; a limit of nothing counts as the least.
    const NANO_CORES: u64 = (1_000_000_000 / PERIOD_US) as u64;
    (quota_us(limit_milli.max(1), PERIOD_US) as u64).saturating_mul(NANO_CORES)
}

/// Shares `capacity` nano-cores among `claims`: everyone gets its cap if that fits, otherwise weighted max-min: water
/// is filled in proportion to weight until a claim is full. The last nano-cores go one each to the lowest indexes
/// that are not full, so that Σ received is exactly min(capacity, Σ cap). `received` and `order` are overwritten.
pub fn share(capacity: u64, claims: &[Claim], received: &mut Vec<u64>, order: &mut Vec<u32>) {
    received.clear();
    received.extend(claims.iter().map(|c| c.cap));
    let wanted: u128 = claims.iter().map(|c| u128::from(c.cap)).sum();
    if wanted <= u128::from(capacity) {
        return;
    }
    order.clear();
    order.extend(0..claims.len() as u32);
    // cap_a / weight_a < cap_b / weight_b, without a division.
    order.sort_unstable_by(|&a, &b| {
        let (ca, cb) = (claims[a as usize], claims[b as usize]);
        let left = u128::from(ca.cap) * u128::from(cb.weight);
        let right = u128::from(cb.cap) * u128::from(ca.weight);
        left.cmp(&right).then(a.cmp(&b))
    });
    let mut rest = u128::from(capacity);
    let mut weight: u128 = claims.iter().map(|c| u128::from(c.weight)).sum();
    let mut full = 0;
    for &i in order.iter() {
        let claim = claims[i as usize];
        if u128::from(claim.cap) * weight > rest * u128::from(claim.weight) {
            break;
        }
        rest -= u128::from(claim.cap);
        weight -= u128::from(claim.weight);
        full += 1;
    }
    let open = &mut order[full..];
    let mut left = rest;
    for &i in open.iter() {
        // Below its cap by at least one: cap * weight > rest * w implies floor(rest * w / weight) < cap.
        let x = rest * u128::from(claims[i as usize].weight) / weight;
        received[i as usize] = x as u64;
        left -= x;
    }
    open.sort_unstable();
    for &i in open.iter().take(left as usize) {
        received[i as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn shared(capacity: u64, claims: &[(u64, u64)]) -> Vec<u64> {
        let claims: Vec<Claim> = claims.iter().map(|&(cap, weight)| Claim { cap, weight }).collect();
        let mut received = Vec::new();
        share(capacity, &claims, &mut received, &mut Vec::new());
        received
    }

    #[test]
    fn shares_of_1024_and_2048_on_a_full_host_split_one_to_two() {
        assert_eq!(shared(3000, &[(3000, 1024), (3000, 2048)]), [1000, 2000]);
        // The small claim is full at 500; the rest, 2500, goes to the other.
        assert_eq!(shared(3000, &[(500, 1024), (3000, 2048)]), [500, 2500]);
        // 10 nano-cores among three equals: 4, 3, 3.
        assert_eq!(shared(10, &[(9, 1), (9, 1), (9, 1)]), [4, 3, 3]);
        assert_eq!(shared(10, &[(3, 1), (7, 5)]), [3, 7]);
        assert_eq!(shared(0, &[(3, 1), (7, 5)]), [0, 0]);
    }

    #[test]
    fn sharing_is_bounded_work_conserving_and_max_min_fair() {
        for seed in 0..2000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 0);
            let n = 1 + s.below(8);
            let claims: Vec<(u64, u64)> = (0..n).map(|_| (s.below(1000), 1 + s.below(50))).collect();
            let capacity = s.below(2500);
            let x = shared(capacity, &claims);
            let wanted: u64 = claims.iter().map(|c| c.0).sum();
            assert_eq!(x.iter().sum::<u64>(), wanted.min(capacity), "work conserving, seed {seed}");
            for (i, &(cap, weight)) in claims.iter().enumerate() {
                assert!(x[i] <= cap, "seed {seed}");
                if x[i] < cap {
                    // Whoever is not full has at least as much per weight as anyone else, but for one nano-core.
                    for (j, &(_, other)) in claims.iter().enumerate() {
                        assert!((x[i] + 1) * other >= x[j].saturating_sub(1) * weight, "fair, seed {seed}");
                    }
                }
            }
        }
    }

    #[test]
    fn cgroup_values_are_the_kubelets() {
        assert_eq!([0, 1, 100, 1000, 1_000_000].map(shares), [2, 2, 102, 1024, 262_144]);
        assert_eq!(quota_nano(5), 10_000_000);
        assert_eq!(quota_nano(500), 500_000_000);
    }
}
