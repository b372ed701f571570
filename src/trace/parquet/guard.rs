//! What stands between a file and the crate that reads it: no footer, schema, page or dictionary is taken on that
//! claims more than a file of a trace has, so that no claim of a file becomes memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result as ParquetResult};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::thrift::{page, schema_is_sane};
use crate::error::{Error, Result};

/// Most bytes of a footer: one of a file of thousands of row groups has a few million.
const FOOTER_MAX: usize = 16 << 20;
/// Most elements of a schema.
const COLUMNS_MAX: usize = 10_000;
/// Most bytes of a page, packed or not: writers make pages of about one MiB.
const PAGE_MAX: usize = 64 << 20;
/// Most bytes of the pages that are unpacked at a time.
const HELD_MAX: u64 = 256 << 20;
/// Most bytes of a page's header.
const HEADER_MAX: u64 = 64 << 10;

fn refused<T>(what: &str) -> ParquetResult<T> {
    Err(ParquetError::General(what.into()))
}

/// Says that the footer is read, and what follows is pages.
pub(super) struct PagesFollow(Arc<AtomicBool>);

impl PagesFollow {
    /// From now on the file's parts are page headers and pages.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The file.
pub(super) struct Guarded {
    file: Mutex<File>,
    length: u64,
    pages: Arc<AtomicBool>,
    /// Bytes in front of what is packed in the page whose header was read last.
    levels: AtomicU64,
}

impl Guarded {
    pub fn new(file: File) -> Result<Self> {
        let length = file.metadata().map_err(|why| Error::input(format!("cannot be read ({why})")))?.len();
        Ok(Guarded { file: Mutex::new(file), length, pages: Arc::default(), levels: AtomicU64::new(0) })
    }

    /// To be told when the footer is read.
    pub fn pages_follow(&self) -> PagesFollow {
        PagesFollow(Arc::clone(&self.pages))
    }

    /// At most `most` bytes from `start` on.
    fn part(&self, start: u64, most: u64) -> ParquetResult<Vec<u8>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut *file).take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Length for Guarded {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Guarded {
    type T = Cursor<Vec<u8>>;

    /// Asked for the few bytes that say where the footer is, and then for the header of each page.
    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let mut bytes = self.part(start, HEADER_MAX)?;
        if self.pages.load(Ordering::Relaxed) {
            let Some(sizes) = page(&bytes) else { return refused("the header of a page cannot be read") };
            let most = PAGE_MAX as i64;
            let fits = |size: i64| (0..=most).contains(&size);
            if !fits(sizes.unpacked) || !fits(sizes.packed) || !fits(sizes.levels) || sizes.levels > sizes.packed {
                return refused("a page says that it has no size that a page has (64 MiB at most)");
            }
            self.levels.store(sizes.levels as u64, Ordering::Relaxed);
            bytes.truncate(sizes.header);
        }
        Ok(Cursor::new(bytes))
    }

    /// Asked for the footer, and then for pages.
    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let pages = self.pages.load(Ordering::Relaxed);
        let most = if pages { PAGE_MAX } else { FOOTER_MAX };
        if length > most || start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return refused("a part of the file is larger than it can be, or not there");
        }
        let bytes = self.part(start, length as u64)?;
        if bytes.len() != length {
            return refused("the file ends before its end");
        }
        if !pages {
            if !schema_is_sane(&bytes, COLUMNS_MAX) {
                return refused("the schema says that it has columns that are not there");
            }
        } else if let Some(packed) = bytes.get(self.levels.load(Ordering::Relaxed) as usize..)
            && packed.starts_with(&[0x1f, 0x8b])
        {
            // The one packing whose reader unpacks without a bound. What is no gzip fails there as it will have to.
            let mut bounded = MultiGzDecoder::new(packed).take(PAGE_MAX as u64 + 1);
            if io::copy(&mut bounded, &mut io::sink()).is_ok_and(|n| n > PAGE_MAX as u64) {
                return refused("a page unpacks to more than 64 MiB");
            }
        }
        Ok(bytes.into())
    }
}

/// The pages of a column, whose dictionaries hold no more values than bytes can tell, and which take no more memory
/// than all columns of a file may.
pub(super) struct Pages {
    inner: Box<dyn PageReader>,
    /// Bytes of pages that all columns hold.
    all: Arc<AtomicU64>,
    /// Of these, the dictionary and the last page of this one.
    dictionary: u64,
    last: u64,
}

impl Pages {
    pub fn new(inner: Box<dyn PageReader>, all: &Arc<AtomicU64>) -> Self {
        Pages { inner, all: Arc::clone(all), dictionary: 0, last: 0 }
    }

    /// Counts the page in the place of the one before it.
    fn hold(&mut self, page: &Page) -> ParquetResult<()> {
        let size = page.buffer().len() as u64;
        let held = if page.is_dictionary_page() { &mut self.dictionary } else { &mut self.last };
        let before = std::mem::replace(held, size);
        let all = self.all.fetch_add(size, Ordering::Relaxed) + size;
        self.all.fetch_sub(before, Ordering::Relaxed);
        if all - before > HELD_MAX {
            refused("the pages of all columns are larger than 256 MiB together")
        } else {
            Ok(())
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.all.fetch_sub(self.dictionary + self.last, Ordering::Relaxed);
    }
}

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let page = self.inner.get_next_page()?;
        if let Some(page) = &page {
            self.hold(page)?;
        }
        if let Some(Page::DictionaryPage { buf, num_values, .. }) = &page
            && *num_values as usize > buf.len() * 8
        {
            return refused("a dictionary says that it has more values than it has bytes for");
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.inner.skip_next_page()
    }
}
