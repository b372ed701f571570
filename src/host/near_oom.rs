//! The last megabytes: how slow work becomes when the file cache no longer holds the pages in use, how long it lasts.
//!
//! Without swap the kernel drops file pages, code included, before it kills. Whoever needs them waits for the disk; whoever
//! only computes, or only takes memory, hardly notices. Formulas fitted to runs of real kernels
//! (`tests/vectors/kernel/near_oom.json`), right to a factor, not to a digit. In integers, parts in a million.

/// One, in parts of a million.
pub const PPM: u64 = 1_000_000;
/// What a major fault takes on an SSD, µs (measured 1.0 to 1.4 ms; range 0.3 to 5).
pub const FAULT_SSD_US: u64 = 1_200;
/// What a major fault takes on a hard disk, µs (measured 14 to 24 ms; range 15 to 40).
pub const FAULT_HDD_US: u64 = 22_000;
/// Touches of file pages by a file-backed job for each second of its CPU (range 0, pure computation, to 250,000).
pub const TOUCHES_PER_S: u64 = 2_500;
/// Speed of pure computation near OOM, ppm: reclaim takes its part of the CPU (measured 0.5 to 1.0).
pub const COMPUTE_PPM: u64 = 900_000;
/// Between "out of memory" and memory being free again, µs (measured 0.1 to 1.2 s).
pub const KILL_US: u64 = 200_000;

/// How long after a kill the file pages are back on an SSD, µs (measured 0.2 to 1.5 s).
pub const RECOVERY_SSD_US: u64 = 600_000;
/// A heartbeat that is late by less than this is not felt, µs: every control plane here waits longer (assumed).
pub const FELT_US: u64 = 1_000_000;

/// (i / 20)^1.6 in ppm: written out, as `powf` differs between platforms.
const POWER: [u64; 21] = [
    0, 8_286, 25_119, 48_056, 76_146, 108_819, 145_678, 186_427, 230_832, 278_702, 329_877, 384_220, 441_613, 501_951,
    565_141, 631_100, 699_752, 771_028, 844_866, 921_208, 1_000_000,
];

/// Part of touches that miss when `left` of `hot` bytes of file pages fit, ppm: (1 - left/hot)^1.6, for working sets
/// of which a fifth takes four fifths of the touches. Straight lines between twenty points.
pub fn missing_ppm(left: u64, hot: u64) -> u64 {
    if left >= hot {
        return 0;
    }
    let at = (u128::from(hot - left) * 20 * u128::from(PPM) / u128::from(hot)) as u64;
    let (i, part) = ((at / PPM) as usize, at % PPM);
    if i == 20 {
        return PPM;
    }
    POWER[i] + (POWER[i + 1] - POWER[i]) * part / PPM
}

/// Speed of work that touches file pages `touches_per_s` times for each second of its own, ppm:
/// 1 / (1 + touches * missing * tasks * fault), where `tasks` fault at the same time and share the disk.
/// A leak that runs code is slowed by the same rule: its touches a second are its rate times its touches per MiB.
pub fn speed_ppm(touches_per_s: u64, missing_ppm: u64, tasks: u64, fault_us: u64) -> u64 {
    let one = u128::from(PPM) * u128::from(PPM);
    let wait = u128::from(touches_per_s) * u128::from(missing_ppm) * u128::from(tasks) * u128::from(fault_us);
    (one * u128::from(PPM) / (one + wait)) as u64
}

/// What is left when the kernel kills: the min watermark, 1 % of memory and at least 5 MiB.
pub fn floor(memory: u64) -> u64 {
    (memory / 100).max(5 << 20)
}

/// How long a leak of `rate` bytes a second stays in the band before the kernel kills, µs: (hot - floor) / rate; swap
/// is filled first. A plain leak is not slowed.
pub fn band_us(hot: u64, floor: u64, swap: u64, rate: u64) -> u64 {
    (u128::from(hot.saturating_sub(floor) + swap) * 1_000_000 / u128::from(rate.max(1))) as u64
}

/// How late a heartbeat may be, µs: it needs `windows` of 128 KiB of its daemon's code, each behind the faults of `tasks`
/// others, `turns` times (1 to 2 for a daemon that beats every 100 ms, 2 to 4 for a cold one, to 8 where CPU is short).
pub fn beat_delay_us(windows: u64, tasks: u64, fault_us: u64, turns: u64) -> u64 {
    windows.saturating_mul(turns).saturating_mul(tasks).saturating_mul(fault_us)
}

/// How long after the kill the file pages are back, µs: `hot` bytes by windows of 128 KiB.
pub fn recovery_us(hot: u64, fault_us: u64) -> u64 {
    hot.div_ceil(128 << 10).saturating_mul(fault_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misses_grow_as_the_cache_shrinks() {
        for (i, &p) in POWER.iter().enumerate() {
            let exact = (i as f64 / 20.0).powf(1.6) * 1e6;
            assert!((exact - p as f64).abs() <= 1.0, "{i}: {exact}");
            assert_eq!(missing_ppm(20 - i as u64, 20), p);
        }
        assert_eq!(missing_ppm(100, 76), 0);
        // Half of the way between 0.5 and 0.55 gone: (329,877 + 384,220) / 2.
        assert_eq!(missing_ppm(19, 40), 357_048);
    }

    #[test]
    fn at_half_the_set_an_ssd_halves_a_common_job_and_stops_one_that_only_touches() {
        // 2500 * 0.33 * 1.2 ms = 0.99: half the speed.
        assert_eq!(speed_ppm(TOUCHES_PER_S, 329_877, 1, FAULT_SSD_US) / 1000, 502);
        // 250,000 * 0.33 * 1.2 ms = 99: one in a hundred.
        assert_eq!(speed_ppm(250_000, 329_877, 1, FAULT_SSD_US) / 1000, 10);
        assert_eq!(speed_ppm(0, PPM, 8, FAULT_HDD_US), PPM);
    }

    #[test]
    fn the_band_lasts_as_long_as_the_leak_needs_for_the_file_set() {
        let mib = 1u64 << 20;
        // (76 - 5) / 5 = 14.2 s.
        assert_eq!(band_us(76 * mib, floor(470 * mib), 0, 5 * mib), 14_200_000);
        assert_eq!(floor(16_000 * mib), 160 * mib);
        // 32 windows behind 8 tasks on a hard disk: 5.6 s.
        assert_eq!(beat_delay_us(32, 8, FAULT_HDD_US, 1), 5_632_000);
        assert_eq!(recovery_us(76 * mib, FAULT_SSD_US), 608 * 1200);
    }
}
