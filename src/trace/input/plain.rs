//! Rows of a table in which no quote was met so far: lines cut at separators, with nothing copied.
//!
//! Where separators and line ends stand is found out a chunk at a time, eight bytes at once, before any row is looked at.
//! The first chunk with a quote in it is not cut here: all that was not handed out goes to the CSV reader.

use std::io::{self, Read};

use super::guard::Guard;

/// Bytes that are asked for at once; the CSV reader asks for as many, so that an error comes after the same rows.
pub(super) const CHUNK: usize = 1 << 16;
/// Bytes in front of all text, so that sixteen bytes can be looked at up to the end of any number of nine digits or more,
/// and eight up to the end of any other.
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
    /// Where separators and line ends stand, and how many of either were passed over.
    separators: Vec<u32>,
    passed_separators: usize,
    line_ends: Vec<u32>,
    passed_line_ends: usize,
    /// Where the next line begins.
    next: usize,
    /// Lines so far.
    lines: u64,
    /// Where the row begins and ends, the number of its first separator, and its fields.
    start: usize,
    end: usize,
    first: usize,
    fields: usize,
}

impl<R: Read> PlainRows<R> {
    pub fn new(guard: Guard<R>, delimiter: u8) -> Self {
        PlainRows {
            guard,
            delimiter,
            text: vec![0; PAD + CHUNK],
            filled: PAD,
            separators: Vec::new(),
            passed_separators: 0,
            line_ends: Vec::new(),
            passed_line_ends: 0,
            next: PAD,
            lines: 0,
            start: PAD,
            end: PAD,
            first: 0,
            fields: 0,
        }
    }

    /// Goes to the next row that is not a blank line.
    pub fn advance(&mut self) -> io::Result<Next> {
        loop {
            let Some(&at) = self.line_ends.get(self.passed_line_ends) else {
                match self.fill()? {
                    Next::Row => continue,
                    other => return Ok(other),
                }
            };
            self.passed_line_ends += 1;
            self.lines += 1;
            let first = self.passed_separators;
            // Most rows have as many fields as the one before.
            let guess = first + self.fields.saturating_sub(1);
            let before = guess == first || self.separators.get(guess - 1).is_some_and(|&last| last < at);
            let mut past = if before { guess } else { first };
            while self.separators.get(past).is_some_and(|&separator| separator < at) {
                past += 1;
            }
            (self.start, self.end) = (self.next, at as usize);
            (self.next, self.passed_separators) = (at as usize + 1, past);
            if self.end > self.start && self.text[self.end - 1] == b'\r' {
                self.end -= 1;
            }
            (self.first, self.fields) = (first, past - first + 1);
            if self.fields != 1 || self.end > self.start {
                return Ok(Next::Row);
            }
        }
    }

    /// Reads a chunk behind what is left of the last one. `Row`: there may be one now.
    fn fill(&mut self) -> io::Result<Next> {
        let gone = self.next - PAD;
        self.text.copy_within(self.next..self.filled, PAD);
        (self.next, self.filled) = (PAD, self.filled - gone);
        let passed = std::mem::take(&mut self.passed_separators);
        self.separators.drain(..passed);
        for separator in &mut self.separators {
            *separator -= gone as u32;
        }
        self.line_ends.clear();
        self.passed_line_ends = 0;
        if self.text.len() < self.filled + CHUNK {
            self.text.resize((2 * self.text.len()).max(self.filled + CHUNK), 0);
        }
        let read = self.guard.read(&mut self.text[self.filled..self.filled + CHUNK])?;
        if read == 0 {
            return Ok(Next::End);
        }
        let chunk = self.filled;
        self.filled += read;
        if !self.guard.no_quotes || u32::try_from(self.filled).is_err() {
            return Ok(Next::Other);
        }
        let chunk = (&self.text[chunk..self.filled], chunk);
        cut(chunk, self.delimiter, &mut self.separators, &mut self.line_ends);
        Ok(Next::Row)
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
        let separators = &self.separators[self.first..self.first + self.fields - 1];
        PlainRow { text: &self.text, start: self.start, end: self.end, separators }
    }

    pub fn fields(&self) -> usize {
        self.fields
    }

    /// Whether the row is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.guard.ascii || self.text[self.start..self.end].is_ascii()
    }
}

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
        match len {
            1..=8 => eight_digits(eight(end), len),
            9..=16 => {
                let high = eight_digits(eight(end - 8), len - 8)?;
                Some(high * 100_000_000 + eight_digits(eight(end), 8)?)
            }
            _ => None,
        }
    }
}

/// Every byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The number that the last `len` of eight bytes, the first the lowest, write in digits; `None` where one is no digit.
fn eight_digits(word: u64, len: usize) -> Option<u64> {
    // The bytes in front become zeros.
    let ours = !0u64 << (8 * (8 - len));
    let word = word & ours | all(b'0') & !ours;
    if word & all(0xf0) != all(0x30) || word.wrapping_add(all(6)) & all(0xf0) != all(0x30) {
        return None;
    }
    // Neighbours are put together: digits to pairs, pairs to fours, fours to the whole.
    let pairs = (word & all(0x0f)).wrapping_mul((10 << 8) + 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul((100 << 16) + 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul((10_000 << 32) + 1) >> 32)
}

/// Where `delimiter` and line ends stand in `chunk`, which begins at its second part.
fn cut(chunk: (&[u8], usize), delimiter: u8, separators: &mut Vec<u32>, line_ends: &mut Vec<u32>) {
    let (bytes, mut base) = chunk;
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        // One or none for each byte, which compilers do for many bytes at once; then eight of them to eight bits.
        let flags = block.map(|byte| u8::from(byte == delimiter) | u8::from(byte == b'\n'));
        let (words, _) = flags.as_chunks::<8>();
        let mut bits = 0;
        for (i, word) in words.iter().enumerate() {
            bits |= u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56 << (8 * i);
        }
        while bits != 0 {
            let at = bits.trailing_zeros();
            let place = base as u32 + at;
            if block[at as usize] == b'\n' {
                line_ends.push(place);
            } else {
                separators.push(place);
            }
            bits &= bits - 1;
        }
        base += 64;
    }
    for (i, &byte) in rest.iter().enumerate() {
        match byte {
            b'\n' => line_ends.push((base + i) as u32),
            byte if byte == delimiter => separators.push((base + i) as u32),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn bytes_are_cut_eight_at_once_as_one_by_one() {
        for seed in 0..300 {
            let mut dice = Seed(seed).stream(Purpose::Shape, 0);
            let letters = b",\n\r;-+*\x0b\x8c\xac\x2d\x2b\x00\xff09a";
            let bytes: Vec<u8> = (0..dice.below(400)).map(|_| letters[dice.below(17) as usize]).collect();
            for delimiter in [b',', b';', b'\t'] {
                let (mut separators, mut line_ends) = (Vec::new(), Vec::new());
                cut((&bytes, 5), delimiter, &mut separators, &mut line_ends);
                let places = |wanted| {
                    let at = bytes.iter().enumerate().filter(move |(_, byte)| **byte == wanted);
                    at.map(|(i, _)| i as u32 + 5).collect::<Vec<u32>>()
                };
                assert_eq!(separators, places(delimiter), "{seed}");
                assert_eq!(line_ends, places(b'\n'), "{seed}");
            }
        }
    }

    #[test]
    fn digits_are_read_eight_at_once_as_one_by_one() {
        let at = |text: &str| {
            let word: [u8; 8] = format!("{:x>8}", text).as_bytes().try_into().unwrap();
            eight_digits(u64::from_le_bytes(word), text.len())
        };
        for number in (0..100_000).chain([9_999_999, 10_000_000, 12_345_678, 99_999_999]) {
            assert_eq!(at(&number.to_string()), Some(number));
        }
        assert_eq!(at("00000007"), Some(7));
        // Every byte at every place: digits are those from 0 to 9 and no others.
        for byte in 0..128u8 {
            for place in 0..8 {
                let mut bytes = *b"12345678";
                bytes[place] = byte;
                let want = std::str::from_utf8(&bytes).unwrap().parse().ok().filter(|_| byte.is_ascii_digit());
                assert_eq!(eight_digits(u64::from_le_bytes(bytes), 8), want, "{bytes:?}");
            }
        }
        assert_eq!(eight_digits(u64::from_le_bytes([0xb1; 8]), 8), None);
    }
}
