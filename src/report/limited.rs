//! A file that is held to a budget of bytes while it is written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind};

/// Counts what is written and ends at the budget, or when the user wants to stop.
pub(super) struct Limited<'a> {
    out: BufWriter<File>,
    /// Bytes that may still be written.
    pub left: u64,
    over: bool,
    stop: Option<&'a AtomicBool>,
}

impl<'a> Limited<'a> {
    /// A file for `left` bytes.
    pub fn new(file: File, left: u64, stop: Option<&'a AtomicBool>) -> Self {
        Limited { out: BufWriter::with_capacity(1 << 16, file), left, over: false, stop }
    }

    /// Why writing ended before its end, if that was for the budget of `limit` bytes or for the user.
    pub fn ended(&self, limit: u64, place: &Path) -> Option<Error> {
        if self.over {
            let found = format!("more than {limit}");
            return Some(Error::budget("bytes of output", found, limit, "--max-output-bytes").in_file(place));
        }
        self.stopped().then(|| Error::new(ErrorKind::Interrupted, "stopped; nothing was written"))
    }

    /// Whether the user wants to stop.
    fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.over = true;
            return Err(io::Error::other("over the budget"));
        }
        if self.stopped() {
            return Err(io::Error::other("stopped"));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
