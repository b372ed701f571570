//! Rows of a table in which no quote was met so far: lines cut at separators, with nothing copied.
//!
//! Eight bytes are looked at at once. A reader that knows which field holds what may take whole lines itself ([`Ahead`]), and
//! leaves those that it does not understand. The first chunk with a quote in it is not cut here: all that was not handed out
//! goes to the CSV reader.

use std::io::{self, Read};

use super::guard::Guard;

/// Bytes that are asked for at once; the CSV reader asks for as many, so that an error comes after the same rows.
pub(super) const CHUNK: usize = 1 << 16;
/// Bytes in front of all text and behind it, so that words can be looked at up to the end of any field and from its start.
const PAD: usize = 8;

/// What comes next.
pub(super) enum Next {
    /// A row, which [`PlainRows`] now stands at.
    Row,
    /// The end of the text.
    End,
    /// Text that has to be read otherwise.
    Other,
}

/// The rows of the text that a guard lets through.
pub(super) struct PlainRows<R> {
    guard: Guard<R>,
    delimiter: u8,
    text: Vec<u8>,
    /// Where in `text` what was read ends.
    filled: usize,
    /// Where the next line begins.
    next: usize,
    /// Lines so far.
    lines: u64,
    /// Where the row begins and ends, and where its separators stand.
    start: usize,
    end: usize,
    separators: Vec<u32>,
}

impl<R: Read> PlainRows<R> {
    pub fn new(guard: Guard<R>, delimiter: u8) -> Self {
        PlainRows {
            guard,
            delimiter,
            text: vec![0; PAD + CHUNK + PAD],
            filled: PAD,
            next: PAD,
            lines: 0,
            start: PAD,
            end: PAD,
            separators: Vec::new(),
        }
    }

    /// Goes to the next row that is not a blank line.
    pub fn advance(&mut self) -> io::Result<Next> {
        loop {
            self.separators.clear();
            let mut from = self.next;
            let end = loop {
                match line_end(&self.text, from, self.filled, self.delimiter, &mut self.separators) {
                    Some(end) => break end,
                    None => {
                        let (seen, gone) = (self.filled, self.next - PAD);
                        match self.fill()? {
                            Next::Row => {}
                            other => return Ok(other),
                        }
                        // What was cut of the line stands elsewhere now.
                        self.separators.iter_mut().for_each(|separator| *separator -= gone as u32);
                        from = seen - gone;
                    }
                }
            };
            (self.start, self.end, self.next) = (self.next, end, end + 1);
            self.lines += 1;
            if self.end > self.start && self.text[self.end - 1] == b'\r' {
                self.end -= 1;
            }
            if !self.separators.is_empty() || self.end > self.start {
                return Ok(Next::Row);
            }
        }
    }

    /// Reads a chunk behind what is left of the last one. `Row`: there may be one now.
    fn fill(&mut self) -> io::Result<Next> {
        let gone = self.next - PAD;
        self.text.copy_within(self.next..self.filled, PAD);
        (self.next, self.filled) = (PAD, self.filled - gone);
        let needed = self.filled + CHUNK + PAD;
        if self.text.len() < needed {
            self.text.resize((2 * self.text.len()).max(needed), 0);
        }
        let read = self.guard.read(&mut self.text[self.filled..self.filled + CHUNK])?;
        if read == 0 {
            return Ok(Next::End);
        }
        self.filled += read;
        let plain = self.guard.no_quotes && u32::try_from(self.text.len()).is_ok();
        Ok(if plain { Next::Row } else { Next::Other })
    }

    /// The guard, and the bytes that it let through and that belong to no row so far.
    pub fn into_rest(self) -> (Guard<R>, Vec<u8>) {
        (self.guard, self.text[self.next..self.filled].to_vec())
    }
}

impl<R> PlainRows<R> {
    /// The number of the row's line, 1-based.
    pub fn line(&self) -> u64 {
        self.lines
    }

    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The row that this stands at.
    pub fn row(&self) -> PlainRow<'_> {
        PlainRow { text: &self.text, start: self.start, end: self.end, separators: &self.separators }
    }

    pub fn fields(&self) -> usize {
        self.separators.len() + 1
    }

    /// Whether the row is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.guard.ascii || self.text[self.start..self.end].is_ascii()
    }

    /// The text from the next line on, or the beginning of it, if all of it is ASCII and fields are separated by commas.
    pub fn ahead(&self) -> Option<Ahead<'_>> {
        if !self.guard.ascii || self.delimiter != b',' || self.next == self.filled {
            return None;
        }
        // Padding, and what stands there of earlier text, is ASCII too.
        let end = (self.next + WINDOW).min(self.filled + PAD);
        let text = std::str::from_utf8(&self.text[self.next..end]).ok()?;
        Some(Ahead { text, at: 0, filled: self.filled - self.next })
    }

    /// Passes over so many lines, which are so long together.
    pub fn pass(&mut self, lines: u64, len: usize) {
        self.next += len;
        self.lines += lines;
        debug_assert!(self.next <= self.filled && self.text[self.next - 1] == b'\n');
    }
}

/// How much of the text is looked at ahead at once: many lines, and little where a line in two is none that can be taken.
const WINDOW: usize = 1 << 12;

/// Text that was not cut, from the beginning of a line on: for a reader that knows what each field of it should be, and
/// leaves the line to others where it is not.
#[derive(Clone, Copy)]
pub(in super::super) struct Ahead<'a> {
    text: &'a str,
    at: usize,
    /// Where what was read ends; there is something else behind.
    filled: usize,
}

impl<'a> Ahead<'a> {
    fn word(&self, at: usize) -> Option<u64> {
        self.text.as_bytes().get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The next field; `last`: it ends the line. `None`: it ends otherwise, or holds one of the signs before `-` in ASCII.
    #[inline]
    pub fn field(&mut self, last: bool) -> Option<&'a str> {
        let start = self.at;
        let mut end = start;
        loop {
            let signs = signs(self.word(end)?);
            if signs != 0 {
                end += signs.trailing_zeros() as usize / 8;
                break;
            }
            end += 8;
        }
        self.ends(end, last)?;
        Some(&self.text[start..end])
    }

    /// The next field if it is a number of one to fifteen digits; `Some(None)`: it is blank.
    #[inline]
    pub fn number(&mut self, last: bool) -> Option<Option<u64>> {
        let first = self.word(self.at)?;
        let signs_of_first = signs(first);
        if signs_of_first != 0 {
            let len = signs_of_first.trailing_zeros() / 8;
            self.ends(self.at + len as usize, last)?;
            return if len == 0 {
                Some(None)
            } else {
                eight_digits(first << (64 - 8 * len) | all(b'0').unbounded_shr(8 * len)).map(Some)
            };
        }
        let second = self.word(self.at + 8)?;
        let len = signs(second).trailing_zeros() / 8;
        let high = eight_digits(first)?;
        if len == 8 {
            return None;
        }
        self.ends(self.at + 8 + len as usize, last)?;
        if len == 0 {
            return Some(Some(high));
        }
        let low = eight_digits(second << (64 - 8 * len) | all(b'0') >> (8 * len))?;
        Some(Some(high * TENS[len as usize] + low))
    }

    /// Goes behind the field that ends at `end`.
    #[inline]
    fn ends(&mut self, end: usize, last: bool) -> Option<()> {
        let wanted = if last { b'\n' } else { b',' };
        if self.text.as_bytes().get(end) != Some(&wanted) {
            return None;
        }
        self.at = end + 1;
        Some(())
    }

    /// Whether all up to here was read, and is not what stood behind it before.
    pub fn is_text(&self) -> bool {
        self.at <= self.filled
    }

    /// Where this stands, from where it first stood.
    pub fn place(&self) -> usize {
        self.at
    }

    /// What stands from `start` up to the separator in front of this place.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.text.as_bytes()[start..self.at - 1]
    }
}

/// Powers of ten.
const TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// A row, and the text in which it stands.
#[derive(Clone, Copy)]
pub(in super::super) struct PlainRow<'a> {
    text: &'a [u8],
    start: usize,
    end: usize,
    /// Where in `text` its separators stand.
    separators: &'a [u32],
}

impl<'a> PlainRow<'a> {
    /// Where field `i` stands.
    fn place(&self, i: usize) -> Option<(usize, usize)> {
        let end = match self.separators.get(i) {
            Some(&separator) => separator as usize,
            None if i == self.separators.len() => self.end,
            None => return None,
        };
        Some((if i == 0 { self.start } else { self.separators[i - 1] as usize + 1 }, end))
    }

    /// Field `i`.
    pub fn field(&self, i: usize) -> Option<&'a [u8]> {
        self.place(i).map(|(start, end)| &self.text[start..end])
    }

    /// The row from field `first` to field `last`, with the separators between them.
    pub fn span(&self, first: usize, last: usize) -> Option<&'a [u8]> {
        Some(&self.text[self.place(first)?.0..self.place(last)?.1])
    }

    /// What field `i` holds if it is nothing but one to sixteen digits.
    pub fn digits(&self, i: usize) -> Option<u64> {
        let (start, end) = self.place(i)?;
        let len = end - start;
        // Eight bytes end at the end of the text in front of any field, and sixteen at that of nine digits.
        let eight = |end: usize| u64::from_le_bytes(*self.text[..end].last_chunk().expect("padded text"));
        // The bytes in front of the number become zeros.
        let last = |word: u64, len: usize| {
            let ours = !0u64 << (8 * (8 - len));
            eight_digits(word & ours | all(b'0') & !ours)
        };
        match len {
            1..=8 => last(eight(end), len),
            9..=16 => Some(last(eight(end - 8), len - 8)? * 100_000_000 + eight_digits(eight(end))?),
            _ => None,
        }
    }
}

/// Every byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte of `word` that is below `-` in ASCII: separators, line ends, blanks, quotes and a few more.
#[inline]
fn signs(word: u64) -> u64 {
    // No byte borrows from the next one: each is at least 0x80.
    let below = !((word | all(0x80)) - all(b'-'));
    below & !word & all(0x80)
}

/// The number that eight bytes, the first the lowest, write in digits; `None` where one is no digit.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ all(b'0');
    // 9 + 0x76 is 0x7f; whatever carries into the next byte has its own high bit.
    if (digits | digits.wrapping_add(all(0x76))) & all(0x80) != 0 {
        return None;
    }
    // Neighbours are put together: digits to pairs, pairs to fours, fours to the whole.
    let pairs = digits.wrapping_mul((10 << 8) + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul((100 << 16) + 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul((10_000 << 32) + 1) >> 32)
}

/// The high bit of a byte of `word` that is `byte`: of every one, and of some that stand behind one.
#[inline]
fn perhaps(word: u64, byte: u8) -> u64 {
    let different = word ^ all(byte);
    different.wrapping_sub(all(1)) & !different & all(0x80)
}

/// Where the first line end in `text` from `from` up to `filled` stands; separators in front of it are added to theirs.
fn line_end(text: &[u8], from: usize, filled: usize, delimiter: u8, separators: &mut Vec<u32>) -> Option<usize> {
    let (words, rest) = text[from..filled].as_chunks::<8>();
    let mut base = from;
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        let mut found = perhaps(word, delimiter) | perhaps(word, b'\n');
        while found != 0 {
            let i = found.trailing_zeros() as usize / 8;
            found &= found - 1;
            match bytes[i] {
                b'\n' => return Some(base + i),
                byte if byte == delimiter => separators.push((base + i) as u32),
                _ => {}
            }
        }
        base += 8;
    }
    for (i, &byte) in rest.iter().enumerate() {
        match byte {
            b'\n' => return Some(base + i),
            byte if byte == delimiter => separators.push((base + i) as u32),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::Budgets;
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn lines_are_cut_eight_bytes_at_once_as_one_by_one() {
        for seed in 0..2_000 {
            let mut dice = Seed(seed).stream(Purpose::Shape, 0);
            let letters = b",\n\r;-+*\x0b\x8c\xac\x2d\x2b\x00\xff09a";
            let most = if seed % 2 == 0 { 17 } else { 3 };
            let bytes: Vec<u8> = (0..dice.below(60)).map(|_| letters[dice.below(most) as usize]).collect();
            let from = dice.below(bytes.len() as u64 + 1) as usize;
            for delimiter in [b',', b';', b'\t'] {
                let mut separators = Vec::new();
                let end = line_end(&bytes, from, bytes.len(), delimiter, &mut separators);
                let want = bytes[from..].iter().position(|byte| *byte == b'\n').map(|i| from + i);
                let upto = want.unwrap_or(bytes.len());
                let places = (from..upto).filter(|&i| bytes[i] == delimiter).map(|i| i as u32);
                assert_eq!((end, separators), (want, places.collect()), "{seed}");
            }
        }
    }

    #[test]
    fn digits_are_read_eight_at_once_as_one_by_one() {
        for number in (0..100_000).chain([9_999_999, 10_000_000, 12_345_678, 99_999_999]) {
            let word: [u8; 8] = format!("{number:08}").as_bytes().try_into().unwrap();
            assert_eq!(eight_digits(u64::from_le_bytes(word)), Some(number));
        }
        // Every byte at every place: digits are those from 0 to 9 and no others.
        for byte in 0..=255u8 {
            for place in 0..8 {
                let mut bytes = *b"12345678";
                bytes[place] = byte;
                let want = std::str::from_utf8(&bytes).ok().filter(|_| byte.is_ascii_digit());
                assert_eq!(eight_digits(u64::from_le_bytes(bytes)), want.and_then(|t| t.parse().ok()), "{bytes:?}");
                let below = signs(u64::from_le_bytes(bytes));
                assert_eq!(below, if byte < b'-' { 0x80 << (8 * place) } else { 0 }, "{bytes:?}");
            }
        }
    }

    #[test]
    fn fields_ahead_are_those_of_the_row_or_none() {
        let fields = [
            "",
            "7",
            "0012",
            "12345678",
            "123456789",
            "1234567890123456",
            "12345678901234567",
            "x-1",
            "a b",
            "99999999",
            "-3",
            "1\r",
            "abcdefgh",
            "abcdefghijklmnopq",
        ];
        for seed in 0..3_000 {
            let mut dice = Seed(seed).stream(Purpose::Shape, 0);
            let row: Vec<&str> = (0..1 + dice.below(4)).map(|_| fields[dice.below(14) as usize]).collect();
            let text = row.join(",") + "\n1,2,3\n";
            let guard = Guard::new(text.as_bytes(), b',', &Budgets::default());
            let mut rows = PlainRows::new(guard, b',');
            assert!(matches!(rows.fill().unwrap(), Next::Row));
            let mut ahead = rows.ahead().unwrap();
            for (i, field) in row.iter().enumerate() {
                let last = i + 1 == row.len();
                let plain = !field.contains(['\r', ' ']);
                let (mut by_number, mut by_field) = (ahead, ahead);
                let number = match field.len() {
                    _ if !plain => None,
                    0 => Some(None),
                    1..=15 => field.parse().ok().map(Some),
                    _ => None,
                };
                assert_eq!(by_number.number(last), number, "{text:?}");
                assert_eq!(by_field.field(last), plain.then_some(*field), "{text:?}");
                assert_eq!(ahead.field(!last), None, "{text:?}");
                if !plain {
                    break;
                }
                assert!(number.is_none() || by_number.place() == by_field.place());
                assert_eq!((by_field.since(ahead.place()), by_field.is_text()), (field.as_bytes(), true));
                ahead = by_field;
            }
        }
    }
}
