//! Decimal numbers as files write them, read exactly.
//!
//! Capacities and requests come as fractions of the largest machine, times as seconds with a point in them. A binary
//! fraction on the way would make what is read depend on rounding; here `0.02499` of 64 cores is what a pencil gives.

/// A decimal number, `digits × 10^exponent`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Most digits that count; later ones round nothing that matters.
const DIGITS_MAX: usize = 30;

impl Decimal {
    /// Reads `-12`, `0.5`, `.5`, `3.`, `1e-05`, `6.25E+2`; blanks around it do not matter. `None`: no such number, or one
    /// whose exponent is beyond ±400.
    pub fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mut digits, mut count, mut exponent) = (0i128, 0usize, 0i32);
        let (mut seen, mut point) = (false, false);
        let mut bytes = unsigned.bytes();
        let mut scientific = None;
        for byte in bytes.by_ref() {
            match byte {
                b'0'..=b'9' => {
                    seen = true;
                    if count < DIGITS_MAX {
                        digits = digits * 10 + i128::from(byte - b'0');
                        count += usize::from(digits != 0);
                        exponent -= i32::from(point);
                    } else {
                        exponent += i32::from(!point);
                    }
                }
                b'.' if !point => point = true,
                b'e' | b'E' if seen => {
                    scientific = Some(());
                    break;
                }
                _ => return None,
            }
            if !(-100_000..100_000).contains(&exponent) {
                return None;
            }
        }
        if !seen {
            return None;
        }
        if scientific.is_some() {
            let rest = &unsigned[unsigned.len() - bytes.len()..];
            let shift: i32 = rest.parse().ok()?;
            if !(-400..=400).contains(&shift) {
                return None;
            }
            exponent += shift;
        }
        Some(Decimal { digits: if negative { -digits } else { digits }, exponent })
    }

    /// Reads what is nothing but at most eighteen digits with at most one point between them: the usual case, at the least
    /// cost. `None`: it may still be a number.
    pub(super) fn short(bytes: &[u8]) -> Option<Decimal> {
        if bytes.len() > 18 {
            return None;
        }
        let (mut digits, mut seen, mut exponent, mut point) = (0u64, 0u32, 0i32, false);
        for byte in bytes {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                digits = digits * 10 + u64::from(digit);
                seen += 1;
                exponent -= i32::from(point);
            } else if *byte == b'.' && !point {
                point = true;
            } else {
                return None;
            }
        }
        (seen > 0).then_some(Decimal { digits: i128::from(digits), exponent })
    }

    /// Whether it is below 0.
    pub fn is_negative(&self) -> bool {
        self.digits < 0
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.digits == 0
    }

    /// It times `unit`, halves rounded up; `None` if that is negative or over 2^63. A positive amount never becomes 0: it
    /// is 1 at least.
    pub fn times(&self, unit: u64) -> Option<u64> {
        if self.is_negative() {
            return None;
        }
        if self.is_zero() || unit == 0 {
            return Some(0);
        }
        // The same as below where 64 bits will do.
        if let (Ok(digits), -18..=0) = (u64::try_from(self.digits), self.exponent)
            && let Some(product) = digits.checked_mul(unit)
        {
            let divisor = 10u64.pow(self.exponent.unsigned_abs());
            let rounded = product / divisor + u64::from(product % divisor >= divisor - divisor / 2);
            return Some(rounded.max(1)).filter(|n| *n <= 1 << 63);
        }
        let (mut digits, mut exponent) = (self.digits, self.exponent);
        while digits % 10 == 0 {
            digits /= 10;
            exponent += 1;
        }
        // 30 digits and 64 bits are more than 127; what is then cut off cannot show in 2^63.
        while digits.checked_mul(i128::from(unit)).is_none() {
            digits /= 10;
            exponent += 1;
        }
        let mut product = digits * i128::from(unit);
        while exponent > 0 {
            product = product.checked_mul(10)?;
            exponent -= 1;
        }
        if exponent < -38 {
            return Some(1);
        }
        let divisor = 10i128.pow(exponent.unsigned_abs());
        let rounded = product / divisor + i128::from(product % divisor >= divisor - divisor / 2);
        u64::try_from(rounded).ok().filter(|n| *n <= 1 << 63).map(|n| n.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_times_a_unit_are_what_a_pencil_gives() {
        for (text, unit, want) in [
            ("0", 64_000, Some(0)),
            ("0.5", 64_000, Some(32_000)),
            (" .25 ", 64_000, Some(16_000)),
            ("3.", 1_000, Some(3_000)),
            ("0.02499", 64_000, Some(1_599)),
            ("0.0249922", 64_000, Some(1_600)),
            ("1e-05", 1_000_000, Some(10)),
            ("6.25E+2", 1, Some(625)),
            ("0.0005", 1_000, Some(1)),
            ("0.5", 1, Some(1)),
            ("1.4999999", 1, Some(1)),
            ("2.5", 1, Some(3)),
            ("1e-300", 1_000, Some(1)),
            ("1e300", 1, None),
            ("9223372036854775808", 1, Some(1 << 63)),
            ("9223372036854775900", 1, None),
            ("-1", 1, None),
            ("-0", 5, Some(0)),
            ("123456789012345678901234567890.5", 1, None),
            ("0.123456789012345678901234567890123456789", 1_000_000, Some(123_457)),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().times(unit), want, "{text} × {unit}");
        }
    }

    #[test]
    fn short_decimals_are_read_as_long_ones_are() {
        for text in
            ["0", "7", "0.5", ".25", "3.", "000123.4500", "123456789.12345678", "99999999999999999", "0.0000001"]
        {
            let long = Decimal::parse(text).unwrap();
            let short = Decimal::short(text.as_bytes()).unwrap();
            for unit in [1, 7, 64_000, 1 << 30, 1 << 53, u64::MAX] {
                assert_eq!(short.times(unit), long.times(unit), "{text} × {unit}");
                // What 64 bits hold comes out as what does not.
                let by_pencil = (long.digits * i128::from(unit), 10i128.pow(long.exponent.unsigned_abs()));
                let rounded = (2 * by_pencil.0 + by_pencil.1) / (2 * by_pencil.1);
                let want =
                    if text == "0" { Some(0) } else { u64::try_from(rounded.max(1)).ok().filter(|n| *n <= 1 << 63) };
                assert_eq!(long.times(unit), want, "{text} × {unit}");
            }
        }
        for text in ["", ".", "-1", "1e3", " 1", "1.2.3", "1234567890123456789"] {
            assert_eq!(Decimal::short(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_none() {
        for text in ["", " ", ".", "-", "1.2.3", "1e", "e5", "1e999", "0x1", "NaN", "inf", "1 2", "--1", "1e+-2", "١"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        let long = format!("0.{}1", "0".repeat(200_000));
        assert_eq!(Decimal::parse(&long), None);
    }
}
