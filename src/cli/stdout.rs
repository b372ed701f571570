//! Standard output: a closed pipe is no error, any other failure is.

use std::io::{ErrorKind, Write};

use crate::error::{Error, Result};

/// Prints `text` as it is.
pub(super) fn print(text: &str) -> Result<()> {
    write_with(|out| out.write_all(text.as_bytes()))
}

/// Lets `write` write to standard output.
pub(super) fn write_with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            // What is still in the buffer has nowhere to go.
            let _ = out.into_parts();
            Ok(())
        }
        Err(error) => Err(Error::failed(format!("standard output cannot be written ({error})"))),
        Ok(()) => Ok(()),
    }
}
