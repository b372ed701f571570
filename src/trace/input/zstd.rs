//! Zstandard, frame after frame.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::error::Error;

/// Largest zstd window that is taken on: what `zstd --long=27` makes; a frame that wants more is refused, not allocated.
const ZSTD_WINDOW_MAX: u64 = 1 << 27;

/// The frames of a zstd file, one after the other.
pub(super) struct Zstd {
    /// The bytes; `None` while a frame has them.
    raw: Option<Box<dyn BufRead>>,
    frame: Option<Box<StreamingDecoder<Box<dyn BufRead>, FrameDecoder>>>,
}

impl Zstd {
    /// Reads what is packed in `raw`.
    pub fn new(raw: Box<dyn BufRead>) -> Self {
        Zstd { raw: Some(raw), frame: None }
    }
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
