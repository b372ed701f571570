//! Bytes as files hold them: plain, gzip, zstd or Parquet by content, without a byte order mark.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::super::Budgets;
use super::display_name;
use crate::error::{Error, Result};

fn open_raw(path: &str) -> Result<Box<dyn Read>> {
    if path == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::input("there is no such file; check the path, or - reads from stdin"),
        io::ErrorKind::PermissionDenied => Error::input("may not be read (permission denied)"),
        _ => read_error(error),
    })?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(Error::input("is a folder; name a file in it"));
    }
    Ok(Box::new(file))
}

/// What `path` holds, unpacked and without a byte order mark.
pub(super) fn open_plain(path: &str) -> Result<Box<dyn Read>> {
    let raw = open_raw(path)?;
    let (magic, raw) = peek(raw, 4).map_err(read_error)?;
    if magic == b"PAR1" {
        return if path == "-" {
            Err(Error::input("Parquet cannot be read from stdin; name the file"))
        } else {
            parquet(path)
        };
    }
    let plain: Box<dyn Read> = if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(BufReader::new(raw)))
    } else if magic == [0x28, 0xb5, 0x2f, 0xfd] {
        Box::new(Zstd { raw: Some(Box::new(BufReader::with_capacity(1 << 16, raw))), frame: None })
    } else {
        Box::new(raw)
    };
    without_bom(plain).map_err(read_error)
}

/// The rows of a Parquet file, as the text of a table.
#[cfg(feature = "parquet")]
fn parquet(path: &str) -> Result<Box<dyn Read>> {
    super::super::parquet::as_csv(path)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &str) -> Result<Box<dyn Read>> {
    Err(Error::usage(super::super::NO_PARQUET))
}

/// Largest zstd window that is taken on: what `zstd --long=27` makes; a frame that wants more is refused, not allocated.
const ZSTD_WINDOW_MAX: u64 = 1 << 27;

/// The frames of a zstd file, one after the other.
struct Zstd {
    /// The bytes; `None` while a frame has them.
    raw: Option<Box<dyn BufRead>>,
    frame: Option<Box<StreamingDecoder<Box<dyn BufRead>, FrameDecoder>>>,
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |what: String| {
            let what = format!("the zstd data is damaged or ends before its end ({what}); copy or download it again");
            io::Error::other(Error::input(what))
        };
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(buffer).map_err(|why| damaged(why.to_string()))?;
                if n > 0 || buffer.is_empty() {
                    return Ok(n);
                }
                let frame = self.frame.take().expect("just read from");
                self.raw = Some(frame.into_inner());
            }
            let Some(raw) = &mut self.raw else { return Ok(0) };
            if raw.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let raw = self.raw.take().expect("just looked into");
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(ZSTD_WINDOW_MAX);
            let frame = StreamingDecoder::new_with_decoder(raw, decoder).map_err(|why| damaged(why.to_string()))?;
            self.frame = Some(Box::new(frame));
        }
    }
}

/// The first bytes of `path`, unpacked, at most `most`.
pub(in super::super) fn head(path: &str, most: u64, budgets: &Budgets) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = most.min(budgets.max_decompressed_bytes);
    let plain = open_plain(path).map_err(|error| error.in_file(path))?;
    plain.take(most).read_to_end(&mut bytes).map_err(|error| read_error(error).in_file(path))?;
    Ok(bytes)
}

/// All of `path` as text, unpacked, within the budget of bytes: for what can only be read whole.
pub(in super::super) fn whole_text(path: &str, budgets: &Budgets) -> Result<String> {
    let name = display_name(path);
    let most = budgets.max_decompressed_bytes.min(WHOLE_MAX);
    let mut bytes = Vec::new();
    let plain = open_plain(path).map_err(|error| error.in_file(&name))?;
    plain.take(most + 1).read_to_end(&mut bytes).map_err(|error| read_error(error).in_file(&name))?;
    if bytes.len() as u64 > most {
        let found = format!("more than {most}");
        return Err(Error::budget("bytes of text", found, most, "--max-input-bytes").in_file(&name));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::input("is UTF-16, as Windows PowerShell writes files; save it as UTF-8").in_file(&name));
    }
    String::from_utf8(bytes).map_err(|why| {
        let good = &why.as_bytes()[..why.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        Error::input("a byte is not UTF-8; save the file as UTF-8").in_file(&name).at_line(line)
    })
}

/// Most bytes of a text that is read whole.
const WHOLE_MAX: u64 = 2 << 30;

/// The first `n` bytes (fewer at the end), and a reader that still has them.
fn peek<R: Read>(mut reader: R, n: usize) -> io::Result<(Vec<u8>, impl Read + use<R>)> {
    let mut first = Vec::with_capacity(n);
    reader.by_ref().take(n as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}

fn without_bom(reader: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let (first, mut reader) = peek(reader, 3)?;
    if first == "\u{feff}".as_bytes() {
        reader.read_exact(&mut [0; 3])?;
    }
    Ok(Box::new(reader))
}

/// An error of reading in our words; our own, carried through `io::Error`, comes out as it went in.
pub(super) fn read_error(error: io::Error) -> Error {
    let kind = error.kind();
    let text = error.to_string();
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(ours)) => *ours,
        _ if kind == io::ErrorKind::UnexpectedEof => {
            Error::input("the gzip data ends before its end; the file was cut short, so copy or download it again")
        }
        _ if matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            Error::input(format!("the gzip data is damaged ({text}); copy or download the file again"))
        }
        _ => Error::input(format!("cannot be read ({text})")),
    }
}
