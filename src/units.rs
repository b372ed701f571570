//! Integers with a unit, and the parsers of the Kubernetes spellings.
//!
//! Time is microseconds (`u64`), CPU is milli-CPU and memory is bytes (both `i64`, so that usage above capacity is
//! a negative headroom and not a wrap-around). CPU *rates* inside the host model are nano-cores (`u64`), and what
//! they integrate to is nano-core-microseconds (`u128`): 125,514 cores over 149 days are 1.6e27 of them.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use crate::error::{Error, Result};

/// Microseconds in a second.
pub const SECOND_US: u64 = 1_000_000;
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
    pub fn parse(text: &str) -> Result<Self> {
        quantity(text, 1_000).map(MilliCpu).map_err(|why| why.into_error(text, "CPU", "500m or 2"))
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
    pub fn parse(text: &str) -> Result<Self> {
        quantity(text, 1).map(Bytes).map_err(|why| why.into_error(text, "memory", "512Mi or 2Gi"))
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

/// A count of an extended resource: a Kubernetes quantity of whole units, rounded up. Negative is refused.
pub fn parse_count(text: &str) -> Result<i64> {
    quantity(text, 1).map_err(|why| why.into_error(text, "", "1 or 4"))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum QuantityError {
    Malformed,
    Negative,
    TooLarge,
}

impl QuantityError {
    fn into_error(self, text: &str, what: &str, would_do: &str) -> Error {
        let what = if what.is_empty() { String::new() } else { format!("{what} ") };
        Error::input(match self {
            QuantityError::Malformed => format!("\"{text}\" is not a {what}quantity (try {would_do})"),
            QuantityError::Negative => format!("\"{text}\" is negative; a {what}quantity is 0 or more"),
            QuantityError::TooLarge => format!("\"{text}\" is too large a {what}quantity (at most 2^53 units)"),
        })
    }
}

/// Largest quantity accepted, in the smallest unit kept: the value is exact in the `f64` that the scheduler's score formulas use.
const QUANTITY_MAX: i128 = 1 << 53;

/// Reads `text` as a Kubernetes quantity times `scale`, exactly, rounded up (away from zero).
/// Suffixes n u m (none) k M G T P E, Ki Mi Gi Ti Pi Ei, and e/E exponents: `apimachinery` `resource.ParseQuantity`.
fn quantity(text: &str, scale: i128) -> std::result::Result<i64, QuantityError> {
    use QuantityError::*;
    let text = text.trim();
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(Malformed);
    }
    let (binary_shift, decimal_exponent): (u32, i32) = match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => match suffix.strip_prefix(['e', 'E']).map(str::parse::<i32>) {
            Some(Ok(exponent)) if exponent.abs() <= 40 => (0, exponent),
            Some(Ok(exponent)) if exponent > 40 => return Err(TooLarge),
            Some(Ok(_)) => (0, -40),
            _ => return Err(Malformed),
        },
    };
    let digits: String = [whole.trim_start_matches('0'), fraction].concat();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    if negative {
        return Err(Negative);
    }
    // value = digits * 10^(exponent - len(fraction)) * 2^shift * scale, rounded up.
    let exponent = decimal_exponent - i32::try_from(fraction.len()).map_err(|_| TooLarge)?;
    let magnitude = digits.len() as i64 + i64::from(exponent) + i64::from(binary_shift) * 3 / 10;
    if magnitude > 20 {
        return Err(TooLarge);
    }
    if magnitude < -25 {
        return Ok(1);
    }
    // Beyond 36 significant digits only "is there anything more" matters, since the result is rounded up.
    let kept = digits.len().min(20);
    let dropped = digits.len() - kept;
    let tail_nonzero = digits[kept..].bytes().any(|b| b != b'0');
    let mut mantissa: i128 = digits[..kept].parse().map_err(|_| Malformed)?;
    mantissa = mantissa.checked_mul(scale).ok_or(TooLarge)?;
    let exponent = exponent + dropped as i32;
    let value = if exponent >= 0 {
        let value = mantissa.checked_mul(10i128.checked_pow(exponent as u32).ok_or(TooLarge)?).ok_or(TooLarge)?;
        let value = value.checked_mul(1i128 << binary_shift).ok_or(TooLarge)?;
        value + i128::from(tail_nonzero)
    } else {
        let mut divisor = 10i128.checked_pow((-exponent).min(38) as u32).ok_or(TooLarge)?;
        // The shift and the power of ten share factors of two; take them out so that the product stays in range.
        let mut shift = binary_shift;
        while shift > 0 && divisor % 2 == 0 {
            divisor /= 2;
            shift -= 1;
        }
        let product = mantissa.checked_mul(1i128 << shift).ok_or(TooLarge)?;
        product / divisor + i128::from(product % divisor != 0 || tail_nonzero)
    };
    if value > QUANTITY_MAX { Err(TooLarge) } else { Ok(value as i64) }
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
        for text in
            ["", "two", "1.2.3", "5x", "1 Gi", "--1", "e3", "0x10", "1Kib", "NaN", "9223372036854775808", "1e99", "8Ei"]
        {
            assert!(Bytes::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Bytes::parse("-1Gi").unwrap_err().to_string(),
            "\"-1Gi\" is negative; a memory quantity is 0 or more"
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
