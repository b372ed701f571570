//! Kubernetes quantities, exactly: `250m`, `1.5Gi`, `1e3`, `0.0005`. Whatever reads one, reads it here.
//!
//! The scheduler rounds late: sums over the containers of a pod are exact, and only the sum is rounded up to a
//! milli-CPU or a byte. So this module keeps every value in nano-units. The simulator's own files say one value a job
//! or host, which [`MilliCpu::parse`](super::MilliCpu::parse) and its like round as they are read.

use std::fmt;

use crate::error::{Error, Result};

/// Nano-units in one unit.
const NANO: i128 = 1_000_000_000;
/// Nano-units in a thousandth.
const MILLI: i128 = 1_000_000;

/// A quantity in nano-units: `apimachinery` v0.36.3 `resource.Quantity`, which keeps no finer digits either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Quantity(i128);

impl Quantity {
    /// No amount.
    pub const ZERO: Quantity = Quantity(0);

    /// `n` whole units.
    pub const fn whole(n: i64) -> Self {
        Quantity(n as i128 * NANO)
    }

    /// `n` thousandths.
    pub const fn milli(n: i64) -> Self {
        Quantity(n as i128 * MILLI)
    }

    /// Reads every spelling that `resource.ParseQuantity` (v0.36.3) reads, but for a suffix alone (`Gi`, which is 0
    /// there). Finer digits than nano are rounded up, binary values above 2⁶³−1 are capped as there; negative and
    /// larger decimal ones are refused, and so is space before or after, as there.
    pub fn parse(text: &str) -> Result<Self> {
        Quantity::read(text).map_err(|why| why.into_error(text, "", "500m, 2 or 512Mi", "2^63-1"))
    }

    /// As [`Quantity::parse`], for callers who know what the quantity is of and word the error themselves.
    pub(super) fn read(text: &str) -> std::result::Result<Self, QuantityError> {
        use QuantityError::{Malformed, Negative, TooLarge};
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
        let (shift, exponent) = suffix_factor(suffix).ok_or(Malformed)?;
        let digits = [whole, fraction].concat();
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Quantity::ZERO);
        }
        if negative {
            return Err(Negative);
        }
        let fraction_len = i64::try_from(fraction.len()).unwrap_or(i64::MAX / 4);
        match scaled_nano(digits, exponent - fraction_len, shift) {
            Some(nano) if nano <= i64::MAX as i128 * NANO => Ok(Quantity(nano)),
            _ if shift > 0 => Ok(Quantity::whole(i64::MAX)),
            _ => Err(TooLarge),
        }
    }

    /// Rounded up to a thousandth, as the API server does with every resource list (`SetDefaults_ResourceList`).
    pub fn rounded_to_milli(self) -> Self {
        Quantity((self.0 + MILLI - 1).div_euclid(MILLI) * MILLI)
    }

    /// Thousandths, rounded up: `Quantity.MilliValue`. Beyond `i64` it is the largest `i64`.
    pub fn milli_value(self) -> i64 {
        i64::try_from((self.0 + MILLI - 1).div_euclid(MILLI)).unwrap_or(i64::MAX)
    }

    /// Whole units, rounded up: `Quantity.Value`. Beyond `i64` it is the largest `i64`.
    pub fn value(self) -> i64 {
        i64::try_from((self.0 + NANO - 1).div_euclid(NANO)).unwrap_or(i64::MAX)
    }
}

/// Why a text is not a quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QuantityError {
    Malformed,
    Negative,
    TooLarge,
}

impl QuantityError {
    /// `what` the quantity is of ("" for any), what `would_do`, and the `most` there may be.
    pub(super) fn into_error(self, text: &str, what: &str, would_do: &str, most: &str) -> Error {
        let text = shorten(text);
        let what = if what.is_empty() { String::new() } else { format!("{what} ") };
        Error::input(match self {
            QuantityError::Malformed => format!("\"{text}\" is not a {what}quantity (try {would_do})"),
            QuantityError::Negative => format!("\"{text}\" is negative; a {what}quantity is 0 or more"),
            QuantityError::TooLarge => format!("\"{text}\" is too large a {what}quantity (at most {most})"),
        })
    }
}

impl std::ops::Add for Quantity {
    type Output = Quantity;
    fn add(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Quantity {
    /// Plain decimal without trailing zeros: `0.5`, `1073741824`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / NANO)?;
        let rest = self.0 % NANO;
        if rest != 0 {
            write!(f, ".{}", format!("{rest:09}").trim_end_matches('0'))?;
        }
        Ok(())
    }
}

/// The binary shift and the decimal exponent that a suffix stands for.
fn suffix_factor(suffix: &str) -> Option<(u32, i64)> {
    Some(match suffix {
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
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            (0, i64::from(exponent.parse::<i32>().ok()?))
        }
    })
}

/// `digits` · 10^`exponent` · 2^`shift` in nano-units, rounded up; `None` when it does not fit.
fn scaled_nano(digits: &str, exponent: i64, shift: u32) -> Option<i128> {
    // 19 digits before the point are already beyond 2^63; what lies below a nano-unit only rounds up.
    let magnitude = digits.len() as i64 + exponent;
    if magnitude > 20 {
        return None;
    }
    let exponent = exponent + 9;
    let kept = digits.len().min(29);
    let more = digits[kept..].bytes().any(|b| b != b'0');
    let exponent = exponent + (digits.len() - kept) as i64;
    let mantissa: i128 = digits[..kept].parse().ok()?;
    if exponent >= 0 {
        let value = mantissa.checked_mul(10i128.checked_pow(u32::try_from(exponent).ok()?)?)?;
        return value.checked_mul(1i128 << shift)?.checked_add(i128::from(more));
    }
    let mut power = u32::try_from(-exponent).unwrap_or(u32::MAX);
    let mut shift = shift;
    // 10^p = 2^p · 5^p: take the shared factors of two out, so that the product stays in range.
    let mut twos = power;
    let common = twos.min(shift);
    twos -= common;
    shift -= common;
    if power > 50 {
        // Far below a nano-unit whatever the mantissa.
        power = 50;
        twos = twos.min(50);
    }
    let product = mantissa.checked_mul(1i128 << shift)?;
    let Some(divisor) = 5i128.checked_pow(power).and_then(|fives| fives.checked_mul(1i128.checked_shl(twos)?)) else {
        return Some(1);
    };
    Some(product / divisor + i128::from(product % divisor != 0 || more))
}

/// At most 40 characters of `text`, for messages.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_string() } else { text.chars().take(37).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_happens_per_container_to_milli_and_per_pod_to_the_unit() {
        for (text, milli, value) in [
            ("2", 2000, 2),
            ("250m", 250, 1),
            ("0.5", 500, 1),
            (".5", 500, 1),
            ("1.", 1000, 1),
            ("0.0005", 1, 1),
            ("100u", 1, 1),
            ("1n", 1, 1),
            ("0.0000000001", 1, 1),
            ("1e3", 1_000_000, 1000),
            ("12E-1", 1200, 2),
            ("1.5Gi", 1_610_612_736_000, 1_610_612_736),
            ("0.1Ki", 102_400, 103),
            ("1.1", 1100, 2),
            ("8Ei", i64::MAX, i64::MAX),
            ("0", 0, 0),
            ("-0", 0, 0),
            ("+3", 3000, 3),
            ("000123456789012345678.5", i64::MAX, 123_456_789_012_345_679),
        ] {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!((quantity.milli_value(), quantity.value()), (milli, value), "{text}");
        }
        assert_eq!(Quantity::parse("1.1").unwrap().rounded_to_milli(), Quantity::milli(1100));
        assert_eq!(Quantity::parse("0.0011").unwrap().rounded_to_milli(), Quantity::milli(2));
        let half = Quantity::parse("0.5").unwrap();
        assert_eq!((half + half).value(), 1);
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "two", "1.2.3", "5x", "1 Gi", " 1", "--1", "e3", "0x10", "1Kib", "NaN", "-1", "1e30", "1e"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
        assert!(Quantity::parse(&"9".repeat(100_000)).is_err());
        assert_eq!(Quantity::parse(&format!("0.{}1", "0".repeat(100_000))).unwrap().value(), 1);
        assert_eq!(Quantity::parse("1e-400").unwrap().value(), 1);
    }
}
