//! CPU in its three spellings: milli-CPU, cgroup v1 shares, cgroup v2 weight; and limits as CFS quotas.

/// Least `cpu.shares`.
pub const SHARES_MIN: u64 = 2;
/// Most `cpu.shares`.
pub const SHARES_MAX: u64 = 262_144;
/// The CFS period that the kubelet takes unless it is configured otherwise, in microseconds.
pub const PERIOD_US: i64 = 100_000;
/// Least CFS quota, in microseconds.
pub const QUOTA_US_MIN: i64 = 1_000;

/// `cpu.shares` of a CPU request (`kubelet/cm/helpers_linux.go: MilliCPUToShares`): 2 for no request, else
/// `m * 1024 / 1000` truncated, within 2 to 262,144.
pub fn shares(request_milli: i64) -> u64 {
    (request_milli.max(0) as u64).saturating_mul(1024).div_euclid(1000).clamp(SHARES_MIN, SHARES_MAX)
}

/// Milli-CPU that stand for `shares` (`SharesToMilliCPU`), rounded up; 0 below the least shares.
pub fn shares_to_milli(shares: u64) -> i64 {
    // The real one divides in 64-bit floats; up to 262,144,000 / 1024 that is exact.
    if shares < SHARES_MIN { 0 } else { shares.min(SHARES_MAX).saturating_mul(1000).div_ceil(1024) as i64 }
}

/// cgroup v2 weight of `shares` as the kubelet writes it for pods, QoS tiers and `kubepods`
/// (`kubelet/cm/cgroup_manager_linux.go: getCPUWeight`): linear from 2 to 1 up to 262,144 to 10,000.
pub fn weight_linear(shares: u64) -> u64 {
    if shares >= SHARES_MAX { 10_000 } else { 1 + (shares.max(SHARES_MIN) - 2) * 9_999 / 262_142 }
}

/// cgroup v2 weight of `shares` as the runtime writes it for containers (runc from 1.3.2, crun from 1.23:
/// `opencontainers/cgroups` v0.0.6 `ConvertCPUSharesToCgroupV2Value`): quadratic in the logarithm, so that 1024 gives
/// the default weight of 100. No shares give no weight (0).
pub fn weight_quadratic(shares: u64) -> u64 {
    match shares {
        0 => 0,
        1..=SHARES_MIN => 1,
        SHARES_MAX.. => 10_000,
        _ => {
            // Floats as there. No value but the exact 100 of 1024 comes closer than 2e-6 to a whole number, so the
            // last bits of a platform's logarithm cannot matter; a test below goes through all of them.
            let l = libm::log2(shares as f64);
            libm::ceil(libm::pow(10.0, (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0)) as u64
        }
    }
}

/// CFS quota of a CPU limit in a period, both in microseconds (`MilliCPUToQuota`): 0, which is no quota, for no limit,
/// else `m * period / 1000` truncated, at least 1 ms.
pub fn quota_us(limit_milli: i64, period_us: i64) -> i64 {
    if limit_milli == 0 {
        return 0;
    }
    let quota = i128::from(limit_milli) * i128::from(period_us) / 1000;
    i64::try_from(quota).unwrap_or(i64::MAX).max(QUOTA_US_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_a_container_can_have_is_the_runtimes() {
        // FNV-1a over the weights of 0 to 262,145 shares, as the formula gives them in Go 1.26 on amd64.
        let hash = (0..=262_145).fold(14_695_981_039_346_656_037u64, |hash, shares| {
            (hash ^ weight_quadratic(shares)).wrapping_mul(1_099_511_628_211)
        });
        assert_eq!(hash, 4_648_436_987_919_443_230);
    }

    #[test]
    fn a_tenth_and_a_whole_cpu_weigh_what_the_documents_say() {
        // 100 * 1024 / 1000 = 102.4; 1 + 100 * 9999 / 262142 = 4.8; 1 + 1022 * 9999 / 262142 = 39.98.
        assert_eq!((shares(100), weight_linear(102), weight_quadratic(102)), (102, 4, 17));
        assert_eq!((shares(1000), weight_linear(1024), weight_quadratic(1024)), (1024, 39, 100));
        assert_eq!([shares(0), shares(-5), shares(1), shares(i64::MAX)], [2, 2, 2, 262_144]);
        // 5m is 0.5 ms in 100 ms, raised to 1 ms.
        assert_eq!([quota_us(0, PERIOD_US), quota_us(5, PERIOD_US), quota_us(500, PERIOD_US)], [0, 1_000, 50_000]);
        // 102 * 1000 / 1024 = 99.6.
        assert_eq!([shares_to_milli(1), shares_to_milli(2), shares_to_milli(102)], [0, 2, 100]);
    }
}
