//! Columns of numbers as text: base 64, five bits a digit, the lowest first; the sixth bit says that more follow.

use serde::Serialize;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Numbers, one after the other.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Column(String);

impl Column {
    /// Adds a number.
    pub fn push(&mut self, number: u64) {
        let mut rest = number;
        loop {
            let more = if rest >= 32 { 32 } else { 0 };
            self.0.push(char::from(DIGITS[(rest & 31 | more) as usize]));
            rest >>= 5;
            if more == 0 {
                break;
            }
        }
    }

    /// Adds a number that may be negative: twice itself, or twice its distance from zero less one.
    pub fn push_signed(&mut self, number: i64) {
        self.push(if number < 0 { number.unsigned_abs() * 2 - 1 } else { number as u64 * 2 });
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_of_five_bits() {
        for (number, expected) in [
            (0, "A"),
            (31, "f"),
            (32, "gB"),    // 32 = 0 + 1 × 32: digit 0 with more to come is 32, `g`
            (1000, "of"),  // 1000 = 8 + 31 × 32: 8 + 32 = 40, `o`; 31, `f`
            (1024, "ggB"), // 0, 0, 1
        ] {
            let mut column = Column::default();
            column.push(number);
            assert_eq!(column.0, expected, "{number}");
        }
    }

    #[test]
    fn signs_alternate() {
        let mut column = Column::default();
        for number in [0, -1, 1, -2, 16, -16] {
            column.push_signed(number);
        }
        // 0, 1, 2, 3, 32, 31
        assert_eq!(column.0, "ABCDgBf");
    }
}
