//! The lines of a text that is no table.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use super::super::{Budgets, Place};
use super::display_name;
use super::packed::{open_plain, read_error};
use crate::error::{Error, Result};

/// The lines of a text that is no table.
pub struct Lines {
    name: PathBuf,
    reader: BufReader<Box<dyn Read>>,
    buffer: Vec<u8>,
    line: u64,
    total_bytes: u64,
    max_line_bytes: u64,
    max_total_bytes: u64,
}

impl Lines {
    /// Opens `path`, packed or not, `-` for stdin.
    pub(in super::super) fn open(path: &str, budgets: &Budgets) -> Result<Lines> {
        let name = display_name(path);
        let plain = open_plain(path).map_err(|error| error.in_file(&name))?;
        Ok(Lines {
            name,
            reader: BufReader::with_capacity(1 << 16, plain),
            buffer: Vec::new(),
            line: 0,
            total_bytes: 0,
            max_line_bytes: budgets.max_line_bytes,
            max_total_bytes: budgets.max_decompressed_bytes,
        })
    }

    /// The next line without its end, `None` at the end of the text.
    pub fn next_line(&mut self) -> Result<Option<&str>> {
        self.buffer.clear();
        let mut limited = (&mut self.reader).take(self.max_line_bytes.saturating_add(2));
        let read =
            limited.read_until(b'\n', &mut self.buffer).map_err(|error| read_error(error).in_file(&self.name))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.total_bytes += read as u64;
        if self.total_bytes > self.max_total_bytes {
            let found = format!("more than {}", self.max_total_bytes);
            let error = Error::budget("bytes after decompression", found, self.max_total_bytes, "--max-input-bytes");
            return Err(error.in_file(&self.name));
        }
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        if self.buffer.len() as u64 > self.max_line_bytes {
            let (found, most) = (self.max_line_bytes + 1, self.max_line_bytes);
            return Err(self.place(Error::budget("bytes in one line", found, most, "--max-line-bytes")));
        }
        if std::str::from_utf8(&self.buffer).is_err() {
            let what = "not UTF-8 text; convert the file, such as by iconv -t UTF-8";
            return Err(self.place(Error::input(what)));
        }
        Ok(Some(std::str::from_utf8(&self.buffer).expect("just checked")))
    }

    /// The number of the last line, 1-based.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Where the last line is.
    pub fn at(&self) -> Place {
        Place { file: self.name.clone(), line: self.line }
    }

    /// `error` with the place of the last line.
    pub fn place(&self, error: Error) -> Error {
        self.at().of(error)
    }
}
