//! systemd's time spans (systemd.time(7)): `5`, `20m`, `1min 30s`, `1.5h`, `infinity`.

use crate::error::{Error, Result};
use crate::units::{SECOND_US, SimDuration};

/// Units by their spellings; a month is 30.44 days and a year 365.25, as in systemd.
const UNITS: &[(&[&str], u64)] = &[
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["", "s", "sec", "second", "seconds"], SECOND_US),
    (&["m", "min", "minute", "minutes"], 60 * SECOND_US),
    (&["h", "hr", "hour", "hours"], 3_600 * SECOND_US),
    (&["d", "day", "days"], 86_400 * SECOND_US),
    (&["w", "week", "weeks"], 604_800 * SECOND_US),
    (&["M", "month", "months"], 2_629_800 * SECOND_US),
    (&["y", "year", "years"], 31_557_600 * SECOND_US),
];

/// Reads a time span; `None` is `infinity`. A number without a unit is seconds; terms are added up. What is finer than a
/// microsecond is cut off.
pub fn parse(text: &str) -> Result<Option<SimDuration>> {
    let bad = || Error::input(format!("\"{text}\" is not a time span (try 5, 20m, 1min 30s or infinity)"));
    let mut rest = text.trim();
    if rest == "infinity" {
        return Ok(None);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (whole, tail) = rest.split_at(digits(rest));
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => tail.split_at(digits(tail)),
            None => ("", tail),
        };
        let has_point = rest[whole.len()..].starts_with('.');
        if (has_point && fraction.is_empty()) || (!has_point && whole.is_empty()) {
            return Err(bad());
        }
        let tail = tail.trim_start();
        let (unit, tail) = tail.split_at(tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len()));
        let unit_us = UNITS.iter().find(|(names, _)| names.contains(&unit)).ok_or_else(bad)?.1;
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
        let mut term = whole.checked_mul(unit_us).ok_or_else(bad)?;
        let mut place_us = unit_us;
        for digit in fraction.bytes() {
            place_us /= 10;
            term = term.checked_add(u64::from(digit - b'0') * place_us).ok_or_else(bad)?;
        }
        total = total.checked_add(term).ok_or_else(bad)?;
        rest = tail.trim_start();
    }
    Ok(Some(SimDuration(total)))
}

/// How many decimal digits `text` begins with.
fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_systemd_reads_them() {
        for (text, us) in [
            ("5", 5 * SECOND_US),
            ("0", 0),
            ("20m", 1_200 * SECOND_US),
            ("20min", 1_200 * SECOND_US),
            ("1min 30s", 90 * SECOND_US),
            ("1h30m", 5_400 * SECOND_US),
            ("5 30s", 35 * SECOND_US),
            ("1.5h", 5_400 * SECOND_US),
            (".5", SECOND_US / 2),
            ("100ms", 100_000),
            ("2 days", 172_800 * SECOND_US),
            ("0.0000019s", 1),
            ("1M", 2_629_800 * SECOND_US),
        ] {
            assert_eq!(parse(text).unwrap(), Some(SimDuration(us)), "{text}");
        }
        assert_eq!(parse("infinity").unwrap(), None);
        for text in ["", "s", "-5", "5 parsecs", "1..5", "1.", ".", "5s x", "99999999999999999999", "99999999999y"] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a time span (try 5, 20m, 1min 30s or infinity)"));
        }
    }
}
