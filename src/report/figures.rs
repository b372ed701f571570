//! Numbers for people: three or four figures, thousands separators, units. Files keep the exact numbers.

use crate::metrics::Value;

/// What a metric's number is a number of, as far as printing cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Things.
    Count,
    /// A part of a whole, 1 is all.
    Share,
    /// A number without a unit.
    Ratio,
    /// Core-seconds.
    CoreSeconds,
    /// Host-seconds.
    HostSeconds,
    /// Byte-seconds.
    ByteSeconds,
    /// Seconds that somebody waits.
    Seconds,
    /// Bytes.
    Bytes,
    /// Cores.
    Cores,
    /// Thousandths of a core.
    MilliCores,
}

impl Unit {
    /// The unit of metric `name`, read from the unit in its name.
    pub fn of_metric(name: &str) -> Unit {
        let has = |part: &str| name.contains(part);
        if has("_nano_core_us") {
            Unit::Count
        } else if has("_core_seconds") {
            Unit::CoreSeconds
        } else if has("_byte_seconds") {
            Unit::ByteSeconds
        } else if has("host_seconds") || has("host_down_seconds") {
            Unit::HostSeconds
        } else if has("_seconds") {
            Unit::Seconds
        } else if has("_share") || has("availability") {
            Unit::Share
        } else if has("_milli") {
            Unit::MilliCores
        } else if has("_core_") {
            Unit::Cores
        } else if has("_bytes") {
            Unit::Bytes
        } else if has("slowdown") || has("imbalance") || has("depth") {
            Unit::Ratio
        } else {
            Unit::Count
        }
    }

    /// The scale for a row whose largest number is `largest`: divisor and the unit's name, so that numbers of one
    /// row can be compared by eye. The name is empty where each cell carries its own unit.
    pub fn scale(self, largest: f64) -> (f64, &'static str) {
        match self {
            Unit::CoreSeconds if largest >= 36_000.0 => (3_600.0, "core-h"),
            Unit::CoreSeconds => (1.0, "core-s"),
            Unit::HostSeconds if largest >= 36_000.0 => (3_600.0, "host-h"),
            Unit::HostSeconds => (1.0, "host-s"),
            Unit::ByteSeconds if largest >= 36_000.0 * GIB => (3_600.0 * GIB, "GiB-h"),
            Unit::ByteSeconds if largest >= 10.0 * GIB => (GIB, "GiB-s"),
            Unit::ByteSeconds => (MIB, "MiB-s"),
            Unit::Bytes if largest >= 1024.0 * GIB => (1024.0 * GIB, "TiB"),
            Unit::Bytes if largest >= GIB => (GIB, "GiB"),
            Unit::Bytes => (MIB, "MiB"),
            Unit::Cores => (1.0, "cores"),
            Unit::MilliCores => (1_000.0, "cores"),
            Unit::Count | Unit::Share | Unit::Ratio | Unit::Seconds => (1.0, ""),
        }
    }

    /// `x` in this unit, divided by `divisor` (from [`Unit::scale`]).
    pub fn show(self, x: f64, divisor: f64) -> String {
        match self {
            Unit::Share => percent(x),
            Unit::Seconds => duration(x),
            Unit::Count if x.fract() == 0.0 && x.abs() < 1e15 => thousands(x),
            _ => number(x / divisor),
        }
    }

    /// `value` in this unit: `>` before a lower bound, `-` for undefined.
    pub fn show_value(self, value: &Value, divisor: f64) -> String {
        match (value, value.number()) {
            (_, Some(x)) if !x.is_finite() => "-".into(),
            (Value::AtLeast(x), _) => format!(">{}", self.show(*x, divisor)),
            (_, Some(x)) => self.show(x, divisor),
            (_, None) => "-".into(),
        }
    }
}

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// Three or four figures: `0`, `0.0123`, `1.23`, `12.3`, `123`, `12,345`.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        "-".into()
    } else if size == 0.0 {
        "0".into()
    } else if !(1e-4..1e12).contains(&size) {
        format!("{x:.2e}")
    } else if size < 0.9995 {
        // By comparison: a logarithm may differ in the last bit between platforms.
        let places = 3 + [0.09995, 0.009995, 0.0009995].iter().filter(|bound| size < **bound).count();
        trimmed(format!("{x:.places$}"))
    } else if size < 9.995 {
        trimmed(format!("{x:.2}"))
    } else if size < 99.95 {
        trimmed(format!("{x:.1}"))
    } else {
        thousands(x.round())
    }
}

/// A share as percent.
pub fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A whole number with thousands separators.
pub fn thousands(x: f64) -> String {
    let digits = format!("{:.0}", x.abs());
    let mut out = String::new();
    if x < 0.0 && digits != "0" {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds as somebody would say them: `350 ms`, `12.3 s`, `5m 12s`, `3h 05m`, `2d 04h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".into();
    }
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    let pair = |whole: u64, unit: u64| (whole / unit, whole % unit);
    if seconds == 0.0 {
        "0 s".into()
    } else if seconds < 0.9995 {
        format!("{} ms", number(seconds * 1e3))
    } else if seconds < 59.95 {
        format!("{} s", number(seconds))
    } else if seconds < 3_599.5 {
        let (m, s) = pair(seconds.round() as u64, 60);
        format!("{m}m {s:02}s")
    } else if seconds < 86_370.0 {
        let (h, m) = pair((seconds / 60.0).round() as u64, 60);
        format!("{h}h {m:02}m")
    } else {
        let (d, h) = pair((seconds / 3_600.0).round() as u64, 24);
        format!("{}d {h:02}h", thousands(d as f64))
    }
}

/// Without zeros that say nothing: `1.50` is `1.5`, `2.00` is `2`.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_or_four_figures() {
        for (x, expected) in [
            (0.0, "0"),
            (0.01234, "0.0123"),
            (0.99951, "1"),
            (1.5, "1.5"),
            (9.999, "10"),
            (99.96, "100"),
            (12_345.6, "12,346"),
            (-1234.0, "-1,234"),
            (1.0e13, "1.00e13"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(number(x), expected, "{x}");
        }
        assert_eq!(percent(0.3123), "31.2 %");
    }

    #[test]
    fn durations_read_as_said() {
        for (x, expected) in [
            (0.0, "0 s"),
            (0.35, "350 ms"),
            (12.34, "12.3 s"),
            (59.97, "1m 00s"),
            (312.0, "5m 12s"),
            (11_100.0, "3h 05m"),
            (3_599.7, "1h 00m"),
            (187_200.0, "2d 04h"),
        ] {
            assert_eq!(duration(x), expected, "{x}");
        }
    }

    #[test]
    fn a_lower_bound_is_marked_and_the_undefined_is_a_dash() {
        assert_eq!(Unit::Seconds.show_value(&Value::AtLeast(60.0), 1.0), ">1m 00s");
        assert_eq!(Unit::Seconds.show_value(&Value::Undefined, 1.0), "-");
        assert_eq!(Unit::Share.show_value(&Value::Amount(f64::NAN), 1.0), "-");
    }

    #[test]
    fn the_unit_stands_in_the_name() {
        for (name, unit) in [
            ("cpu_unserved_share", Unit::Share),
            ("cpu_pending_core_seconds", Unit::CoreSeconds),
            ("memory_held_byte_seconds", Unit::ByteSeconds),
            ("cpu_overloaded_host_seconds", Unit::HostSeconds),
            ("host_down_seconds", Unit::HostSeconds),
            ("worst_host_overloaded_seconds", Unit::Seconds),
            ("wait_seconds_p50", Unit::Seconds),
            ("cpu_requested_peak_milli", Unit::MilliCores),
            ("cpu_stranded_core_mean", Unit::Cores),
            ("memory_stranded_bytes_mean", Unit::Bytes),
            ("ledger_residual_nano_core_us", Unit::Count),
            ("oom_kills_host", Unit::Count),
        ] {
            assert_eq!(Unit::of_metric(name), unit, "{name}");
        }
    }
}
