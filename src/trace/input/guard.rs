//! A guard in front of the CSV reader: it holds lines and files to their budgets.

use std::io::{self, Read};

use super::super::Budgets;
use crate::error::{Error, Result};

/// Where in a record a byte stands, as `csv-core` sees it: a quote opens a field only at its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    FieldStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
}

/// What a look at all bytes at once tells of them.
struct Glance {
    line_ends: u64,
    quotes: bool,
    pub(super) ascii: bool,
}

impl Glance {
    /// Sums of one byte over pieces in which they cannot overflow and which are whole vectors, which compilers make of them.
    fn at(bytes: &[u8]) -> Glance {
        let (mut line_ends, mut quotes, mut all) = (0u64, 0u8, 0u8);
        for piece in bytes.chunks(192) {
            let mut ends = 0u8;
            for &byte in piece {
                ends += u8::from(byte == b'\n');
                quotes |= u8::from(byte == b'"');
                all |= byte;
            }
            line_ends += u64::from(ends);
        }
        Glance { line_ends, quotes: quotes != 0, ascii: all < 128 }
    }
}

/// Holds what is read to its budgets and ends the last line.
pub(super) struct Guard<R> {
    inner: R,
    delimiter: u8,
    at: At,
    line: u64,
    /// The line on which the record began.
    record_line: u64,
    record_bytes: u64,
    total_bytes: u64,
    max_record_bytes: u64,
    max_total_bytes: u64,
    ended: bool,
    /// Whether no quote was met so far, so that no field holds a line end.
    pub(super) no_quotes: bool,
    /// Whether no byte beyond ASCII was met so far, so that all is UTF-8.
    pub(super) ascii: bool,
}

impl<R: Read> Guard<R> {
    pub(super) fn new(inner: R, delimiter: u8, budgets: &Budgets) -> Self {
        Guard {
            inner,
            delimiter,
            at: At::FieldStart,
            line: 1,
            record_line: 1,
            record_bytes: 0,
            total_bytes: 0,
            max_record_bytes: budgets.max_line_bytes,
            max_total_bytes: budgets.max_decompressed_bytes,
            ended: false,
            no_quotes: true,
            ascii: true,
        }
    }

    /// Does what [`Guard::each_byte`] does, for bytes in which no quote can play a part and which no line longer than
    /// allowed fits into: then only the first and last line end matter. `false`: it is not so.
    fn plain_lines(&mut self, bytes: &[u8], glance: &Glance) -> Result<bool> {
        let Some(&last) = bytes.last() else { return Ok(true) };
        if self.at == At::Quoted || glance.quotes || bytes.len() as u64 > self.max_record_bytes {
            return Ok(false);
        }
        let first_line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()) as u64;
        if self.record_bytes + first_line > self.max_record_bytes {
            let (found, most) = (self.max_record_bytes + 1, self.max_record_bytes);
            return Err(Error::budget("bytes in one line", found, most, "--max-line-bytes").at_line(self.record_line));
        }
        self.at = if last == b'\n' || last == self.delimiter { At::FieldStart } else { At::Unquoted };
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            None => self.record_bytes += first_line,
            Some(at) => {
                self.line += glance.line_ends;
                (self.record_bytes, self.record_line) = ((bytes.len() - at - 1) as u64, self.line);
            }
        }
        Ok(true)
    }

    fn see(&mut self, bytes: &[u8]) -> Result<()> {
        self.total_bytes += bytes.len() as u64;
        if self.total_bytes > self.max_total_bytes {
            let found = format!("more than {}", self.max_total_bytes);
            return Err(Error::budget("bytes after decompression", found, self.max_total_bytes, "--max-input-bytes"));
        }
        let glance = Glance::at(bytes);
        self.ascii &= glance.ascii;
        self.no_quotes &= !glance.quotes;
        if self.plain_lines(bytes, &glance)? { Ok(()) } else { self.each_byte(bytes) }
    }

    fn each_byte(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            let quoted = self.at == At::Quoted;
            if byte == b'\n' {
                self.line += 1;
                if !quoted {
                    (self.at, self.record_bytes, self.record_line) = (At::FieldStart, 0, self.line);
                    continue;
                }
            }
            self.at = match (self.at, byte) {
                (At::FieldStart, b'"') | (At::QuoteInQuoted, b'"') => At::Quoted,
                (At::Quoted, b'"') => At::QuoteInQuoted,
                (At::Quoted, _) => At::Quoted,
                (_, byte) if byte == self.delimiter => At::FieldStart,
                _ => At::Unquoted,
            };
            self.record_bytes += 1;
            if self.record_bytes > self.max_record_bytes {
                let (found, most) = (self.record_bytes, self.max_record_bytes);
                return Err(
                    Error::budget("bytes in one line", found, most, "--max-line-bytes").at_line(self.record_line)
                );
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let n = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if n > 0 {
            self.see(&buffer[..n]).map_err(io::Error::other)?;
            return Ok(n);
        }
        self.ended = true;
        if self.at == At::Quoted {
            let error = Error::input("a quoted field that begins on this line never ends").at_line(self.record_line);
            return Err(io::Error::other(error));
        }
        if self.record_bytes > 0 {
            buffer[0] = b'\n';
            return Ok(1);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_are_guarded_as_byte_by_byte() {
        let budgets = Budgets { max_line_bytes: 12, ..Budgets::default() };
        let letters = b"ab,,\n\n\r\"";
        for seed in 0..3_000u64 {
            let mut dice = crate::rng::Seed(seed).stream(crate::rng::Purpose::Shape, 0);
            let (mut fast, mut slow) =
                (Guard::new(io::empty(), b',', &budgets), Guard::new(io::empty(), b',', &budgets));
            // Quotes are in one text of two, so that both ways are gone.
            let letters = &letters[..letters.len() - (seed % 2) as usize];
            for _ in 0..6 {
                let chunk: Vec<u8> =
                    (0..dice.below(20)).map(|_| letters[dice.below(letters.len() as u64) as usize]).collect();
                let (got, want) =
                    (fast.see(&chunk).map_err(|e| e.to_string()), slow.each_byte(&chunk).map_err(|e| e.to_string()));
                assert_eq!(got, want, "{seed}");
                if want.is_err() {
                    break;
                }
                let state = |g: &Guard<io::Empty>| (g.at, g.line, g.record_line, g.record_bytes);
                assert_eq!(state(&fast), state(&slow), "{seed}");
            }
        }
    }
}
