//! Apache Parquet as the tables that readers know: rows of a file as the text of a CSV with a header, and a CSV as a
//! file.
//!
//! A reader of a trace asks for columns by name and for numbers by row, whatever the file is. So a Parquet file is read
//! as the table that it is: numbers as decimals, times as milliseconds, nothing as a blank. Columns that hold lists or
//! records are there with blanks, for readers to say that they do not use them.
//!
//! A file may be hostile. Sizes of its footer, its schema and its pages are bounded before the crate sees them
//! ([`guard`]), and where the crate panics on damage, that is an error like any other.

mod guard;
mod native;
mod thrift;
mod write;

use std::fs::File;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use ::parquet::column::page::PageReader;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use ::parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::schema::types::ColumnDescriptor;

use crate::error::{Error, Result};
use guard::{Guarded, Pages};
pub use native::native_table;
pub use write::{Numbers, parquet_of};

/// Rows that are decoded at once.
const BATCH: usize = 4_096;
/// Bytes of text that are made at once, give or take a row.
const OUT: usize = 1 << 16;

/// Opens `path`, and gives the text of a CSV with its columns and rows.
pub(super) fn as_csv(path: &str) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(|why| Error::input(format!("cannot be read ({why})")))?;
    Ok(Box::new(Rows::open(file)?))
}

/// What the crate says, or panics with, in our words.
fn caught<T>(read: impl FnOnce() -> ParquetResult<T>) -> Result<T> {
    let damaged = |why: &str| {
        let why: String = why.chars().take(200).collect();
        Error::input(format!("the Parquet data is damaged ({why}); copy or download the file again"))
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(why)) => Err(damaged(&why.to_string())),
        Err(_) => Err(damaged("what it says of itself does not hold")),
    }
}

/// A field of a row.
#[derive(Clone)]
enum Cell {
    Blank,
    Whole(i64),
    Unsigned(u64),
    /// Milliseconds, and thousandths or millionths of them behind the point: how many digits.
    Time(i64, usize),
    Float(f64),
    Single(f32),
    Truth(bool),
    /// Text, which shares the bytes of its page: a dictionary's word may stand in every row.
    Text(ByteArray),
    Hex(FixedLenByteArray),
}

impl Cell {
    fn write(&self, text: &mut Vec<u8>) {
        text.clear();
        // Writing to a vector cannot fail.
        let _ = match self {
            Cell::Blank => Ok(()),
            Cell::Whole(n) => write!(text, "{n}"),
            Cell::Unsigned(n) => write!(text, "{n}"),
            Cell::Time(n, digits) => {
                let one = 10i64.pow(*digits as u32);
                let (sign, n) = (if *n < 0 { "-" } else { "" }, n.unsigned_abs());
                let (whole, rest) = (n / one.unsigned_abs(), n % one.unsigned_abs());
                match rest {
                    0 => write!(text, "{sign}{whole}"),
                    _ => write!(text, "{sign}{whole}.{rest:0digits$}"),
                }
            }
            Cell::Float(x) => write!(text, "{x}"),
            Cell::Single(x) => write!(text, "{x}"),
            Cell::Truth(truth) => write!(text, "{truth}"),
            Cell::Text(bytes) => text.write_all(bytes.data()),
            Cell::Hex(bytes) => bytes.data().iter().try_for_each(|byte| write!(text, "{byte:02x}")),
        };
    }
}

/// How whole numbers of a column are meant.
#[derive(Clone, Copy)]
enum Meant {
    Signed,
    Unsigned,
    /// A time, with so many digits of milliseconds behind the point.
    Time(usize),
}

/// A column of the file: the leaf that is read, or `None` for a list or a record.
struct Column {
    name: String,
    leaf: Option<(usize, Meant)>,
}

/// What the whole numbers of a column are.
///
/// Errors: decimals with a scale, as nothing here has any.
fn meant(column: &ColumnDescriptor) -> Result<Meant> {
    let time = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 0,
        TimeUnit::MICROS => 3,
        TimeUnit::NANOS => 6,
    };
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(of)) => return Ok(Meant::Time(time(&of.unit))),
        Some(LogicalType::Integer(of)) if !of.is_signed => return Ok(Meant::Unsigned),
        Some(LogicalType::Decimal(of)) if of.scale != 0 => {
            return Err(Error::input("decimals are not read; write the column as numbers").in_field(column.name()));
        }
        _ => {}
    }
    Ok(match column.converted_type() {
        ConvertedType::TIMESTAMP_MICROS => Meant::Time(3),
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Meant::Unsigned
        }
        _ => Meant::Signed,
    })
}

/// The rows of a file, as text.
struct Rows {
    file: SerializedFileReader<Guarded>,
    columns: Vec<Column>,
    /// The next row group, and rows left in the current one.
    group: usize,
    left: u64,
    readers: Vec<Option<ColumnReader>>,
    /// Bytes of pages that the readers hold.
    held: Arc<AtomicU64>,
    /// Rows that are decoded, by column, and the first that is not yet in `out`.
    batch: Vec<Vec<Cell>>,
    row: usize,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Rows {
    fn open(file: File) -> Result<Rows> {
        let guarded = Guarded::new(file)?;
        let pages = guarded.pages_follow();
        let file = caught(|| SerializedFileReader::new(guarded))?;
        pages.begin();
        let schema = file.metadata().file_metadata().schema_descr();
        let mut columns: Vec<Column> = Vec::new();
        for (i, leaf) in schema.columns().iter().enumerate() {
            let root = leaf.path().parts().first().cloned().unwrap_or_default();
            let plain = leaf.path().parts().len() == 1 && leaf.max_rep_level() == 0;
            match columns.last() {
                Some(last) if last.leaf.is_none() && last.name == root && !plain => {}
                _ => columns.push(Column { name: root, leaf: if plain { Some((i, meant(leaf)?)) } else { None } }),
            }
        }
        if columns.is_empty() {
            return Err(Error::input("the Parquet file has no columns"));
        }
        let mut header = Vec::new();
        csv_line(columns.iter().map(|column| column.name.as_bytes()), &mut header);
        Ok(Rows {
            file,
            columns,
            group: 0,
            left: 0,
            readers: Vec::new(),
            held: Arc::default(),
            batch: Vec::new(),
            row: 0,
            out: header,
            at: 0,
            ended: false,
        })
    }

    /// Opens the next row group that has rows; `false` at the end.
    fn next_group(&mut self) -> Result<bool> {
        while self.left == 0 {
            if self.group == self.file.metadata().num_row_groups() {
                return Ok(false);
            }
            self.readers.clear();
            let (file, columns, number, held) = (&self.file, &self.columns, self.group, &self.held);
            let rows = file.metadata().row_group(number).num_rows();
            let rows = u64::try_from(rows)
                .map_err(|_| Error::input("a row group of the Parquet file has less than no rows"))?;
            self.readers = caught(|| {
                let group = file.get_row_group(number)?;
                let open = |column: &Column| {
                    let Some((leaf, _)) = column.leaf else { return Ok(None) };
                    let pages: Box<dyn PageReader> = Box::new(Pages::new(group.get_column_page_reader(leaf)?, held));
                    let described = file.metadata().file_metadata().schema_descr().column(leaf);
                    Ok(Some(get_column_reader(described, pages)))
                };
                columns.iter().map(open).collect()
            })?;
            self.left = rows;
            self.group += 1;
        }
        Ok(true)
    }

    /// Decodes the next rows; `false` at the end.
    fn next_batch(&mut self) -> Result<bool> {
        self.batch.clear();
        self.row = 0;
        if !self.next_group()? {
            return Ok(false);
        }
        let want = self.left.min(BATCH as u64) as usize;
        for (column, reader) in self.columns.iter().zip(&mut self.readers) {
            let (Some((_, meant)), Some(reader)) = (column.leaf, reader) else {
                self.batch.push(vec![Cell::Blank; want]);
                continue;
            };
            let cells = caught(|| cells(reader, meant, want)).map_err(|why| why.in_field(&column.name))?;
            if cells.len() != want {
                let what = "the column has fewer rows than the file says; copy or download the file again";
                return Err(Error::input(what).in_field(&column.name));
            }
            self.batch.push(cells);
        }
        self.left -= want as u64;
        Ok(true)
    }

    /// Puts a few more rows into `out`; `false` at the end.
    fn more(&mut self) -> Result<bool> {
        self.out.clear();
        self.at = 0;
        if self.batch.first().is_none_or(|cells| cells.len() == self.row) && !self.next_batch()? {
            return Ok(false);
        }
        let rows = self.batch.first().map_or(0, Vec::len);
        let mut texts = vec![Vec::new(); self.batch.len()];
        // Long texts may stand in many rows, so a line at a time is made of them.
        while self.row < rows && self.out.len() < OUT {
            for (text, cells) in texts.iter_mut().zip(&self.batch) {
                cells[self.row].write(text);
            }
            csv_line(texts.iter().map(Vec::as_slice), &mut self.out);
            self.row += 1;
        }
        Ok(true)
    }
}

impl Read for Rows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            if self.ended {
                return Ok(0);
            }
            self.ended = !self.more().map_err(io::Error::other)?;
        }
        let n = buffer.len().min(self.out.len() - self.at);
        buffer[..n].copy_from_slice(&self.out[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Adds a line of a CSV; fields with separators, quotes or ends of lines in them are quoted.
fn csv_line<'a>(fields: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let begins = out.len();
    for (i, field) in fields.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if field.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
            out.push(b'"');
            for byte in field {
                out.extend(std::iter::repeat_n(*byte, 1 + usize::from(*byte == b'"')));
            }
            out.push(b'"');
        } else {
            out.extend(field);
        }
    }
    // A line of one blank field would be passed over.
    if out.len() == begins {
        out.extend(b"\"\"");
    }
    out.push(b'\n');
}

/// The next `want` cells of a column.
fn cells(reader: &mut ColumnReader, meant: Meant, want: usize) -> ParquetResult<Vec<Cell>> {
    let whole = |n: i64, unsigned: u64| match meant {
        Meant::Signed => Cell::Whole(n),
        Meant::Unsigned => Cell::Unsigned(unsigned),
        Meant::Time(digits) => Cell::Time(n, digits),
    };
    match reader {
        ColumnReader::BoolColumnReader(reader) => take(reader, want, |truth| Cell::Truth(*truth)),
        ColumnReader::Int32ColumnReader(reader) => {
            take(reader, want, |n| whole((*n).into(), u64::from(n.cast_unsigned())))
        }
        ColumnReader::Int64ColumnReader(reader) => take(reader, want, |n| whole(*n, n.cast_unsigned())),
        ColumnReader::Int96ColumnReader(_) => {
            Err(::parquet::errors::ParquetError::NYI("times of 96 bits are not read".into()))
        }
        ColumnReader::FloatColumnReader(reader) => take(reader, want, |x| Cell::Single(*x)),
        ColumnReader::DoubleColumnReader(reader) => take(reader, want, |x| Cell::Float(*x)),
        ColumnReader::ByteArrayColumnReader(reader) => take(reader, want, |bytes| Cell::Text(bytes.clone())),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => take(reader, want, |bytes| Cell::Hex(bytes.clone())),
    }
}

fn take<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    want: usize,
    cell: impl Fn(&T::T) -> Cell,
) -> ParquetResult<Vec<Cell>> {
    let (mut values, mut levels): (Vec<T::T>, Vec<i16>) = (Vec::with_capacity(want), Vec::new());
    let (rows, found, _) = reader.read_records(want, Some(&mut levels), None, &mut values)?;
    if levels.is_empty() && rows == found {
        return Ok(values.iter().map(cell).collect());
    }
    // Only the columns of the first level are read: a value is there, or it is not.
    let mut values = values.iter();
    Ok(levels
        .iter()
        .map(|level| if *level > 0 { values.next().map_or(Cell::Blank, &cell) } else { Cell::Blank })
        .collect())
}

#[cfg(test)]
mod tests;
