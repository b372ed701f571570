//! A file that is held to a budget of bytes while it is written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts what is written and ends at the budget, or when the user wants to stop.
pub(super) struct Limited<'a> {
    /// Where it goes.
    pub out: BufWriter<File>,
    /// Bytes that may still be written.
    pub left: u64,
    /// Whether more was to be written than that.
    pub over: bool,
    /// Set when the user wants to stop.
    pub stop: Option<&'a AtomicBool>,
}

impl Limited<'_> {
    /// Whether the user wants to stop.
    pub fn stopped(&self) -> bool {
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
