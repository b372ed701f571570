//! Integers with a unit, and the parsers of the Kubernetes spellings.
//!
//! Time is microseconds (`u64`), CPU is milli-CPU and memory is bytes (both `i64`, so that usage above capacity is
//! a negative headroom and not a wrap-around). CPU *rates* inside the host model are nano-cores (`u64`), and what
//! they integrate to is nano-core-microseconds (`u128`): 125,514 cores over 149 days are 1.6e27 of them.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use crate::error::{Error, Result};

mod quantity;

pub use quantity::Quantity;
use quantity::QuantityError;

/// Microseconds in a second.
pub const SECOND_US: u64 = 1_000_000;
/// Nano-cores in a core.
pub const NANO_PER_CORE: u64 = 1_000_000_000;
/// Nano-cores in a milli-CPU.
pub const NANO_PER_MILLI: u64 = 1_000_000;
/// Nano-core-microseconds in a core-second.
pub const NANO_US_PER_CORE_SECOND: f64 = 1e15;

/// A moment: microseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SimTime(pub u64);

/// A length of time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SimDuration(pub u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than anything that happens.
    pub const NEVER: SimTime = SimTime(u64::MAX);

    /// The time since `earlier`. Panics if `earlier` is later: time never runs back.
    pub fn since(self, earlier: SimTime) -> SimDuration {
        assert!(self >= earlier, "time ran back from {earlier} to {self}");
        SimDuration(self.0 - earlier.0)
    }

    /// Seconds, for reports.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND_US as f64
    }
}

impl SimDuration {
    /// No time.
    pub const ZERO: SimDuration = SimDuration(0);

    /// `seconds` as a duration.
    pub const fn from_secs(seconds: u64) -> Self {
        SimDuration(seconds * SECOND_US)
    }

    /// Seconds, for reports.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND_US as f64
    }

    /// Reads `90s`, `5m`, `1h30m`, `250ms`, `10us`, `2d`; a bare number is seconds.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::input(format!("\"{text}\" is not a duration (try 90s, 5m, 1h30m or 2d)"));
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(bad());
        }
        let mut total: u128 = 0;
        let mut rest = trimmed;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let unit_us: u64 = match unit {
                "us" | "µs" => 1,
                "ms" => 1_000,
                "s" => SECOND_US,
                "" if rest.len() == trimmed.len() && tail.is_empty() => SECOND_US,
                "m" => 60 * SECOND_US,
                "h" => 3_600 * SECOND_US,
                "d" => 86_400 * SECOND_US,
                _ => return Err(bad()),
            };
            total = total.checked_add(decimal_times(number, unit_us).ok_or_else(bad)?).ok_or_else(bad)?;
            rest = tail;
        }
        // Half the range: sums of two times never wrap.
        match u64::try_from(total) {
            Ok(us) if us <= i64::MAX as u64 => Ok(SimDuration(us)),
            _ => Err(Error::input(format!("\"{text}\" is too long a time (at most 292,271 years)"))),
        }
    }
}

/// `number` (digits with at most one point) times `unit`, truncated; `None` if malformed or beyond `u128`.
fn decimal_times(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || number.len() > 30 {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut value = whole.checked_mul(unit.into())?;
    let fraction = &fraction[..fraction.len().min(18)];
    if !fraction.is_empty() {
        let numerator: u128 = fraction.parse().ok()?;
        value = value.checked_add(numerator.checked_mul(unit.into())? / 10u128.pow(fraction.len() as u32))?;
    }
    Some(value)
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    /// Saturates at [`SimTime::NEVER`].
    fn add(self, d: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(d.0))
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    /// Saturates at zero.
    fn sub(self, d: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(d.0))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    fn add(self, d: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(d.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, d: SimDuration) {
        *self = *self + d;
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    /// The shortest exact form that [`SimDuration::parse`] reads back: `1h30m`, `250ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return write!(f, "0s");
        }
        let mut rest = self.0;
        for (unit_us, unit) in [
            (86_400 * SECOND_US, "d"),
            (3_600 * SECOND_US, "h"),
            (60 * SECOND_US, "m"),
            (SECOND_US, "s"),
            (1_000, "ms"),
            (1, "us"),
        ] {
            if rest >= unit_us {
                write!(f, "{}{unit}", rest / unit_us)?;
                rest %= unit_us;
            }
        }
        Ok(())
    }
}

/// CPU in thousandths of a core.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MilliCpu(pub i64);

/// Memory or storage in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bytes(pub i64);

impl MilliCpu {
    /// Most CPU that a host has or a job asks for: 2^53 nano-cores, 9 million cores, so that rates and the sums of a
    /// host's jobs stay inside 64 bits.
    pub const MOST: MilliCpu = MilliCpu((1 << 53) / NANO_PER_MILLI as i64);

    /// Reads a Kubernetes CPU quantity (`250m`, `2`, `0.5`), rounding up to a milli-CPU. Negative is refused.
    /// The spellings are those of [`Quantity::parse`].
    pub fn parse(text: &str) -> Result<Self> {
        rounded(text, Quantity::milli_value, "CPU", "500m or 2").map(MilliCpu)
    }

    /// The same as a rate in nano-cores; negative counts as 0.
    pub fn nano_cores(self) -> u64 {
        self.0.max(0) as u64 * NANO_PER_MILLI
    }

    /// Cores, for reports.
    pub fn as_cores_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Bytes {
    /// Reads a Kubernetes memory quantity (`64Mi`, `2Gi`, `1.5G`, bytes), rounding up to a byte. Negative is refused.
    /// The spellings are those of [`Quantity::parse`].
    pub fn parse(text: &str) -> Result<Self> {
        rounded(text, Quantity::value, "memory", "512Mi or 2Gi").map(Bytes)
    }

    /// `n` MiB.
    pub const fn mib(n: i64) -> Self {
        Bytes(n << 20)
    }

    /// `n` GiB.
    pub const fn gib(n: i64) -> Self {
        Bytes(n << 30)
    }
}

impl fmt::Display for MilliCpu {
    /// `2` or `250m`, as Kubernetes writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1000 == 0 { write!(f, "{}", self.0 / 1000) } else { write!(f, "{}m", self.0) }
    }
}

impl fmt::Display for Bytes {
    /// The largest binary suffix that is exact (`2Gi`, `1536Mi`), else bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shift, suffix) in [(50, "Pi"), (40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")] {
            if self.0 != 0 && self.0 % (1i64 << shift) == 0 {
                return write!(f, "{}{suffix}", self.0 >> shift);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// Reads a decimal of at most three places and 6 digits before them, in thousandths.
pub fn parse_milli(text: &str, what: &str) -> Result<u32> {
    let bad = || Error::input(format!("\"{text}\" is not a {what} (try 0.25; at most 1000000, in thousandths)"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if text.is_empty() || text == "." || !digits(whole) || !digits(fraction) || fraction.len() > 3 || whole.len() > 9 {
        return Err(bad());
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
    let fraction: u32 = format!("{fraction:0<3}").parse().map_err(|_| bad())?;
    if whole > 1_000_000 { Err(bad()) } else { Ok(whole * 1000 + fraction) }
}

/// A count of an extended resource: a Kubernetes quantity of whole units, rounded up. Negative is refused.
pub fn parse_count(text: &str) -> Result<i64> {
    rounded(text, Quantity::value, "", "1 or 4")
}

/// Largest value accepted, in the smallest unit kept: it is exact in the `f64` that the scheduler's score formulas use.
const LARGEST: i64 = 1 << 53;

/// The quantity in `unit`s (a method of [`Quantity`] that rounds up); errors say `what` it is of and what `would_do`.
fn rounded(text: &str, unit: fn(Quantity) -> i64, what: &str, would_do: &str) -> Result<i64> {
    match Quantity::read(text).map(unit) {
        Ok(value) if value <= LARGEST => Ok(value),
        Ok(_) => Err(QuantityError::TooLarge),
        Err(why) => Err(why),
    }
    .map_err(|why| why.into_error(text, what, would_do, "2^53 units"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_quantity_reads_as_kubernetes_reads_it() {
        for (text, want) in [
            ("2", 2000),
            ("250m", 250),
            ("0.5", 500),
            (".5", 500),
            ("1.", 1000),
            ("0.0001", 1),
            ("100u", 1),
            ("1e2", 100_000),
            ("1E-3", 1),
            ("0.0000000001", 1),
            ("1e-400", 1),
            ("9007199254740.992", 1 << 53),
            ("0", 0),
            ("+3", 3000),
            ("-0", 0),
        ] {
            assert_eq!(MilliCpu::parse(text).unwrap().0, want, "{text}");
        }
        for (text, want) in [
            ("64Mi", 64 << 20),
            ("1.5Gi", 3 << 29),
            ("1G", 1_000_000_000),
            ("128m", 1),
            ("1.1", 2),
            ("1Ki", 1024),
            ("0.5Ki", 512),
            ("1e3", 1000),
            ("4Pi", 4 << 50),
        ] {
            assert_eq!(Bytes::parse(text).unwrap().0, want, "{text}");
        }
        for text in [
            "",
            "two",
            "1.2.3",
            "5x",
            "1 Gi",
            " 1",
            "1 ",
            "--1",
            "e3",
            "0x10",
            "1Kib",
            "NaN",
            "9223372036854775808",
            "1e99",
            "8Ei",
        ] {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Bytes::parse("-1Gi").unwrap_err().to_string(),
            "\"-1Gi\" is negative; a memory quantity is 0 or more"
        );
        assert_eq!(
            MilliCpu::parse("9007199254740.993").unwrap_err().to_string(),
            "\"9007199254740.993\" is too large a CPU quantity (at most 2^53 units)"
        );
    }

    #[test]
    fn durations_read_back_as_written() {
        for (text, us) in [
            ("90s", 90_000_000),
            ("1h30m", 5_400_000_000),
            ("250ms", 250_000),
            ("0.5s", 500_000),
            ("2d", 172_800_000_000),
            ("7", 7_000_000),
        ] {
            assert_eq!(SimDuration::parse(text).unwrap().0, us, "{text}");
        }
        for us in [0, 1, 999, 1_000_000, 90_061_001_001, 172_800_000_000] {
            assert_eq!(SimDuration::parse(&SimDuration(us).to_string()).unwrap().0, us);
        }
        for text in ["", "s", "5x", "-3s", "1..5s", "99999999999999999999d", "3 s", "1h7"] {
            assert!(SimDuration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quantities_print_as_kubernetes_prints_them() {
        assert_eq!(MilliCpu(1500).to_string(), "1500m");
        assert_eq!(MilliCpu(2000).to_string(), "2");
        assert_eq!(Bytes::gib(2).to_string(), "2Gi");
        assert_eq!(Bytes(1000).to_string(), "1000");
    }
}
