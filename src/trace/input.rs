//! Bytes to rows: plain, gzip or zstd, by name or place of column, with the line of every row, and never more in memory
//! than a line.
//!
//! Knows no format. A guard in front of what cuts rows holds lines and files to their budgets, since the CSV reader itself
//! would buffer one endless line; the guard also ends the last line, so that a row's line number can be computed. Rows are
//! cut by a reader that knows no quotes ([`plain`]) until there is one, and by the `csv` crate from there.

mod guard;
mod lines;
mod packed;
mod plain;

pub use lines::Lines;
pub(super) use packed::{head, whole_text};

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Terminator};

use super::{Budgets, Decimal, Place};
use crate::error::{Error, Result, unknown_name};

use guard::Guard;
use packed::{open_plain, read_error};
pub(super) use plain::{Ahead, PlainRow};
use plain::{CHUNK, Next, PlainRows};

/// Largest amount that a row may hold: 2^53 of its unit, exact in the `f64` of a score.
pub(super) const AMOUNT_MAX: u64 = 1 << 53;
/// Largest time that a row may hold: 2^61 µs.
pub(super) const TIME_MAX_US: u64 = crate::workload::LONGEST_US;

/// `path` as errors name it: `-` is `<stdin>`.
pub(super) fn display_name(path: &str) -> PathBuf {
    PathBuf::from(if path == "-" { "<stdin>" } else { path })
}

/// A table whose columns have fixed places, with or without a header.
#[derive(Clone, Copy, Debug)]
pub struct TableShape {
    /// What the columns are called, in order.
    pub columns: &'static [&'static str],
    /// How many of them a row has at least; those after it may be missing.
    pub least: usize,
    /// A column that holds numbers: if it is neither a number nor blank in the first row, this row is a header.
    pub number: usize,
    /// What stands between fields; a tab after it belongs to it.
    pub delimiter: u8,
}

impl TableShape {
    /// All columns in every row, commas between, a number in the first column.
    pub const fn of(columns: &'static [&'static str]) -> Self {
        TableShape { columns, least: columns.len(), number: 0, delimiter: b',' }
    }
}

/// A table.
pub struct Table {
    name: PathBuf,
    cut: Cut,
    header: Vec<String>,
    /// Fewest fields of a row.
    least: usize,
    line: u64,
    /// The record that was read to look for a header and is the first row.
    held: bool,
    /// Whether the first row is a header.
    has_header: bool,
}

/// How rows are cut.
enum Cut {
    /// There was no quote so far.
    Plain(Box<PlainRows<Box<dyn Read>>>),
    /// By the CSV reader.
    Careful(Box<Careful>),
}

/// Rows by the CSV reader.
struct Careful {
    reader: csv::Reader<Rest>,
    record: ByteRecord,
    /// Lines before what it reads.
    lines: u64,
}

/// Bytes that were let through already, and what the guard lets through after them.
struct Rest {
    pending: io::Cursor<Vec<u8>>,
    guard: Guard<Box<dyn Read>>,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.pending.read(buffer)? {
            0 => self.guard.read(buffer),
            n => Ok(n),
        }
    }
}

impl Careful {
    fn new(delimiter: u8, guard: Guard<Box<dyn Read>>, pending: Vec<u8>, lines: u64) -> Box<Self> {
        // A line ends at \n alone, and the \r before it is taken off here: the CSV reader's own \r\n handling would
        // make its line numbers depend on the line ends.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(CHUNK)
            .from_reader(Rest { pending: io::Cursor::new(pending), guard });
        Box::new(Careful { reader, record: ByteRecord::new(), lines })
    }

    /// Reads the next record that is not a blank line, and gives its line.
    fn advance(&mut self) -> csv::Result<Option<u64>> {
        loop {
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(None);
            }
            // The guard ends every line, so the reader stands behind the record's own line end.
            let inside = match self.reader.get_ref().guard.no_quotes {
                true => 0,
                false => self.record.as_slice().iter().filter(|b| **b == b'\n').count() as u64,
            };
            let line = self.lines + self.reader.position().line() - 1 - inside;
            let fields = self.record.len();
            if self.record.get(fields.wrapping_sub(1)).is_some_and(|last| last.ends_with(b"\r")) {
                let last = self.record[fields - 1].to_vec();
                self.record.truncate(fields - 1);
                self.record.push_field(&last[..last.len() - 1]);
            }
            if self.record.len() != 1 || !self.record[0].is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

impl Table {
    /// Opens `path`, packed or not (by content, whatever its name), `-` for stdin, and reads the header. `needed` is
    /// what an empty file lacks.
    pub(super) fn open(path: &str, needed: &str, budgets: &Budgets) -> Result<Table> {
        let mut table = Table::unread(path, b',', budgets)?;
        if !table.advance()? {
            return Err(Error::input(format!("{needed} (the file is empty)")).in_file(table.name));
        }
        let row = Row { table: &table };
        let header: Vec<String> =
            (0..row.len()).map(|i| Ok(row.bytes_as_text(i)?.trim().to_string())).collect::<Result<_>>()?;
        for (i, column) in header.iter().enumerate() {
            if header[..i].contains(column) {
                return Err(row.place(Error::input(format!("two columns are named \"{column}\""))));
            }
        }
        table.least = header.len();
        table.header = header;
        table.has_header = true;
        Ok(table)
    }

    /// Opens a table whose columns have fixed places; a header, if there is one, is passed over. An empty file is a
    /// table without rows.
    pub(super) fn fixed(path: &str, shape: &TableShape, budgets: &Budgets) -> Result<Table> {
        let mut table = Table::unread(path, shape.delimiter, budgets)?;
        table.header = shape.columns.iter().map(|name| (*name).to_owned()).collect();
        table.least = shape.least;
        if table.advance()? {
            let first = table.field(shape.number).unwrap_or_default().trim_ascii();
            let number = first.is_empty() || std::str::from_utf8(first).is_ok_and(|t| Decimal::parse(t).is_some());
            table.has_header = !number;
            table.held = number;
        }
        Ok(table)
    }

    fn unread(path: &str, delimiter: u8, budgets: &Budgets) -> Result<Table> {
        let name = display_name(path);
        let plain = open_plain(path).map_err(|error| error.in_file(&name))?;
        Ok(Table::of(name, plain, delimiter, budgets))
    }

    /// A table of what `plain` reads.
    fn of(name: PathBuf, plain: Box<dyn Read>, delimiter: u8, budgets: &Budgets) -> Table {
        let guard = Guard::new(plain, delimiter, budgets);
        let cut = match budgets.careful {
            true => Cut::Careful(Careful::new(delimiter, guard, Vec::new(), 0)),
            false => Cut::Plain(Box::new(PlainRows::new(guard, delimiter))),
        };
        Table { name, cut, header: Vec::new(), least: 0, line: 0, held: false, has_header: false }
    }

    /// The file as errors name it.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Whether its first row is a header.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// The column at place `index` of a table of fixed places.
    pub fn fixed_column(&self, shape: &TableShape, index: usize) -> Column {
        Column { index, name: shape.columns[index] }
    }

    /// The columns, in order.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Where the column `name` is.
    pub fn column(&self, name: &'static str) -> Result<Column> {
        self.optional(name).ok_or_else(|| {
            let found = self.header.join(", ");
            let found: String = if found.chars().count() > 200 {
                found.chars().take(200).chain("…".chars()).collect()
            } else {
                found
            };
            Error::input(format!("the header has no column \"{name}\"; it has: {found}"))
                .in_file(&self.name)
                .at_line(self.line)
        })
    }

    /// Where the column `name` is, if there is one.
    pub fn optional(&self, name: &'static str) -> Option<Column> {
        self.header.iter().position(|column| column == name).map(|index| Column { index, name })
    }

    /// Refuses a column that is not in `known`.
    pub fn refuse_other_columns(&self, known: &[&str]) -> Result<()> {
        match self.header.iter().find(|column| !known.contains(&column.as_str())) {
            Some(column) => {
                Err(Error::input(unknown_name("column", column, known)).in_file(&self.name).at_line(self.line))
            }
            None => Ok(()),
        }
    }

    /// The next row, `None` at the end. Blank lines are passed over.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if !std::mem::take(&mut self.held) && !self.advance()? {
            return Ok(None);
        }
        let row = Row { table: self };
        if row.len() < self.least || row.len() > self.header.len() {
            let (found, most) = (row.len(), self.header.len());
            let wanted = if self.least == most { most.to_string() } else { format!("{} to {most}", self.least) };
            let known = if self.has_header { "the header has" } else { "a row has" };
            return Err(row.place(Error::input(format!("{found} columns where {known} {wanted}"))));
        }
        let ascii = match &row.table.cut {
            Cut::Plain(rows) => rows.is_ascii(),
            Cut::Careful(rows) => rows.reader.get_ref().guard.ascii || rows.record.as_slice().is_ascii(),
        };
        if !ascii {
            for i in 0..row.len() {
                row.bytes_as_text(i)?;
            }
        }
        Ok(Some(row))
    }

    /// The text from the next line on, where a reader may take lines from it ([`Table::pass`]) without asking for rows.
    pub(super) fn ahead(&self) -> Option<Ahead<'_>> {
        match &self.cut {
            Cut::Plain(rows) if !self.held => rows.ahead(),
            _ => None,
        }
    }

    /// Passes over so many lines, so long together, that were taken from [`Table::ahead`].
    pub(super) fn pass(&mut self, lines: u64, len: usize) {
        if let (Cut::Plain(rows), 1..) = (&mut self.cut, lines) {
            rows.pass(lines, len);
        }
    }

    /// Goes to the next row that is not a blank line.
    fn advance(&mut self) -> Result<bool> {
        if let Cut::Plain(rows) = &mut self.cut {
            match rows.advance() {
                Ok(Next::Row) => {
                    self.line = rows.line();
                    return Ok(true);
                }
                Ok(Next::End) => return Ok(false),
                Ok(Next::Other) => self.hand_over(),
                Err(error) => return Err(read_error(error).in_file(&self.name)),
            }
        }
        let Cut::Careful(rows) = &mut self.cut else { unreachable!("plain rows are handed out above") };
        match rows.advance() {
            Ok(None) => Ok(false),
            Ok(Some(line)) => {
                self.line = line;
                Ok(true)
            }
            Err(error) => {
                let error = match error.into_kind() {
                    csv::ErrorKind::Io(error) => read_error(error),
                    other => Error::input(format!("not a table: {other:?}")),
                };
                Err(error.in_file(&self.name))
            }
        }
    }

    /// Lets the CSV reader cut what was not cut so far.
    fn hand_over(&mut self) {
        let nothing = Guard::new(Box::new(io::empty()) as Box<dyn Read>, b',', &Budgets::default());
        let nothing = Cut::Careful(Careful::new(b',', nothing, Vec::new(), 0));
        self.cut = match std::mem::replace(&mut self.cut, nothing) {
            Cut::Plain(rows) => {
                let (lines, delimiter) = (rows.line(), rows.delimiter());
                let (guard, pending) = rows.into_rest();
                Cut::Careful(Careful::new(delimiter, guard, pending, lines))
            }
            careful => careful,
        };
    }

    /// Number of fields of the row.
    fn fields(&self) -> usize {
        match &self.cut {
            Cut::Plain(rows) => rows.fields(),
            Cut::Careful(rows) => rows.record.len(),
        }
    }

    /// Field `i` of the row.
    fn field(&self, i: usize) -> Option<&[u8]> {
        match &self.cut {
            Cut::Plain(rows) => rows.row().field(i),
            Cut::Careful(rows) => rows.record.get(i),
        }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    index: usize,
    name: &'static str,
}

impl Column {
    /// Its place in a row.
    pub(super) fn index(&self) -> usize {
        self.index
    }
}

/// One row of a table, which knows its place.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
}

impl<'a> Row<'a> {
    /// Number of fields.
    fn len(&self) -> usize {
        self.table.fields()
    }

    /// Its line, 1-based.
    pub fn line(&self) -> u64 {
        self.table.line
    }

    /// Where it is, for what is found out later.
    pub fn at(&self) -> Place {
        Place { file: self.table.name.clone(), line: self.table.line }
    }

    /// `error` with this row's place.
    pub fn place(&self, error: Error) -> Error {
        error.in_file(&self.table.name).at_line(self.table.line)
    }

    /// An input error at that field.
    pub fn refuse(&self, column: Column, what: impl Into<String>) -> Error {
        self.place(Error::input(what).in_field(column.name))
    }

    fn bytes_as_text(&self, index: usize) -> Result<&'a str> {
        std::str::from_utf8(self.table.field(index).unwrap_or_default())
            .map_err(|_| self.place(Error::input("not UTF-8 text; convert the file, such as by iconv -t UTF-8")))
    }

    /// What the field holds if it is nothing but one to nineteen digits: the usual case, at the least cost.
    fn digits(&self, column: Column) -> Option<u64> {
        if let Cut::Plain(rows) = &self.table.cut
            && let Some(number) = rows.row().digits(column.index)
        {
            return Some(number);
        }
        let bytes = self.table.field(column.index)?;
        if bytes.is_empty() || bytes.len() > 19 {
            return None;
        }
        let mut number = 0u64;
        for byte in bytes {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number * 10 + u64::from(digit);
        }
        Some(number)
    }

    /// The field as text; a field that a short row lacks is blank.
    pub fn text(&self, column: Column) -> Result<&'a str> {
        if column.index >= self.len() { Ok("") } else { self.bytes_as_text(column.index) }
    }

    /// The field as it is written; empty where it is not there.
    pub fn bytes(&self, column: Column) -> &'a [u8] {
        self.table.field(column.index).unwrap_or_default()
    }

    /// The row for those who know where its fields are; `None` where fields may be in quotes.
    pub(super) fn plain(&self) -> Option<PlainRow<'a>> {
        match &self.table.cut {
            Cut::Plain(rows) => Some(rows.row()),
            Cut::Careful(_) => None,
        }
    }

    /// Whether the field is blank, or not there.
    pub fn is_blank(&self, column: Column) -> bool {
        match self.table.field(column.index) {
            None | Some([]) => true,
            Some(bytes) => bytes.trim_ascii().is_empty(),
        }
    }

    /// A whole number of either sign that 64 bits hold; `None` where blank.
    pub fn signed(&self, column: Column, unit: &str) -> Result<Option<i64>> {
        let text = self.text(column)?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = || self.refuse(column, format!("\"{text}\" is not a whole number of {unit}"));
        text.parse().map(Some).map_err(|_| refuse())
    }

    /// A decimal number; `None` where blank.
    pub fn decimal(&self, column: Column, unit: &str) -> Result<Option<Decimal>> {
        match self.table.field(column.index) {
            None | Some([]) => return Ok(None),
            Some(bytes) => {
                if let Some(decimal) = Decimal::short(bytes) {
                    return Ok(Some(decimal));
                }
            }
        }
        let text = self.text(column)?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = || self.refuse(column, format!("\"{text}\" is not a number of {unit}"));
        Decimal::parse(text).map(Some).ok_or_else(refuse)
    }

    /// A decimal number of 0 or more times `one`, rounded, at most `most`; `None` where blank. More than nothing stays
    /// more than nothing.
    pub fn scaled(&self, column: Column, unit: &str, one: u64, most: u64) -> Result<Option<u64>> {
        let Some(number) = self.decimal(column, unit)? else { return Ok(None) };
        if let Some(n) = number.times(one).filter(|n| *n <= most) {
            return Ok(Some(n));
        }
        let text = self.text(column)?.trim();
        match number.is_negative() {
            true => Err(self.refuse(column, format!("\"{text}\" is negative; 0 or more {unit} will do"))),
            false => Err(self.refuse(column, format!("\"{text}\" {unit} is too large"))),
        }
    }

    /// A time of 0 or more `unit`, each of `unit_us`, perhaps with a point, at most 2^61 µs; `None` where blank.
    pub fn decimal_time_us(&self, column: Column, unit: &str, unit_us: u64) -> Result<Option<u64>> {
        // A time of less than half a microsecond is 0, unlike an amount.
        let Some(number) = self.decimal(column, unit)? else { return Ok(None) };
        if number.is_zero() {
            return Ok(Some(0));
        }
        self.scaled(column, unit, unit_us, TIME_MAX_US)
    }

    /// The field as text; empty where there is no such column.
    pub fn optional(&self, column: Option<Column>) -> Result<&'a str> {
        column.map_or(Ok(""), |column| self.text(column))
    }

    /// A whole number from 0 to 2^53: `unit` says of what.
    pub fn amount(&self, column: Column, unit: &str) -> Result<i64> {
        if let Some(n) = self.digits(column).filter(|n| *n <= AMOUNT_MAX) {
            return Ok(n as i64);
        }
        self.number(column, self.text(column)?, unit, AMOUNT_MAX, "2^53").map(|n| n as i64)
    }

    /// The same, `None` where blank or without such a column.
    pub fn optional_amount(&self, column: Option<Column>, unit: &str) -> Result<Option<i64>> {
        match column {
            Some(column) if self.table.field(column.index).is_none_or(<[u8]>::is_empty) => Ok(None),
            Some(column) if !self.text(column)?.trim().is_empty() => self.amount(column, unit).map(Some),
            _ => Ok(None),
        }
    }

    /// A time or duration in whole `unit`, 0 to 2^61 µs, each of `unit_us`; `None` where blank.
    pub fn time_us(&self, column: Column, unit: &str, unit_us: u64) -> Result<Option<u64>> {
        if let Some(n) = self.digits(column).filter(|n| *n <= TIME_MAX_US / unit_us) {
            return Ok(Some(n * unit_us));
        }
        let text = self.text(column)?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let n = self.number(
            column,
            text,
            unit,
            TIME_MAX_US / unit_us,
            &format!("2^61 µs, {} {unit}", TIME_MAX_US / unit_us),
        )?;
        Ok(Some(n * unit_us))
    }

    /// A whole number from 0 to `most`, which stands in the error as it is.
    pub fn whole(&self, column: Column, unit: &str, most: u64) -> Result<u64> {
        match self.digits(column) {
            Some(n) if n <= most => Ok(n),
            _ => self.number(column, self.text(column)?, unit, most, &most.to_string()),
        }
    }

    /// A whole number from 0 to `most`.
    pub fn number(&self, column: Column, text: &str, unit: &str, most: u64, most_text: &str) -> Result<u64> {
        let digits = text.trim();
        let refuse = |what: String| Err(self.refuse(column, what));
        if let Ok(n) = digits.parse::<u64>()
            && n <= most
        {
            return Ok(n);
        }
        if digits.is_empty() {
            return refuse(format!("blank; a whole number of {unit} is needed"));
        }
        let (negative, unsigned) = match digits.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, digits),
        };
        if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
            return refuse(format!("\"{text}\" is not a whole number of {unit}"));
        }
        if negative {
            return refuse(format!("\"{text}\" is negative; 0 or more {unit} will do"));
        }
        refuse(format!("\"{text}\" is too large; at most {most_text} will do"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guarded(text: &[u8]) -> Result<Vec<(u64, Vec<String>)>> {
        let file = std::env::temp_dir().join(format!("plimsoll-input-{}-{:x}.csv", std::process::id(), {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut h = DefaultHasher::new();
            text.hash(&mut h);
            h.finish()
        }));
        std::fs::write(&file, text).unwrap();
        let budgets = Budgets { max_line_bytes: 40, max_decompressed_bytes: 200, ..Budgets::default() };
        let rows = (|| {
            let mut table = Table::open(file.to_str().unwrap(), "no rows", &budgets)?;
            let mut rows = vec![(table.line, table.header.clone())];
            while let Some(row) = table.next_row()? {
                let fields = (0..row.len()).map(|i| row.bytes_as_text(i).map(String::from)).collect::<Result<_>>()?;
                rows.push((row.line(), fields));
            }
            Ok(rows)
        })();
        std::fs::remove_file(file).unwrap();
        rows
    }

    #[test]
    fn line_numbers_are_right_whatever_ends_a_line() {
        let want = [(1, "a|b"), (2, "1|2"), (4, "3|x\ny"), (6, "5|6")];
        for end in ["\n", "\r\n"] {
            for (bom, last) in [("", end), ("", ""), ("\u{feff}", "")] {
                // Line 3 is blank; the quoted field on line 4 goes on to line 5.
                let text = format!("{bom}a,b{end}1,2{end}{end}3,\"x\ny\"{end}5,6{last}");
                let got = guarded(text.as_bytes()).unwrap();
                let got: Vec<(u64, String)> = got.into_iter().map(|(line, fields)| (line, fields.join("|"))).collect();
                assert_eq!(got.iter().map(|(l, f)| (*l, f.as_str())).collect::<Vec<_>>(), want, "{text:?}");
            }
        }
    }

    #[test]
    fn a_line_without_end_a_quote_without_end_and_a_bomb_are_stopped() {
        let place = |text: &[u8]| {
            let error = guarded(text).unwrap_err().to_string();
            error.split_once(".csv:").unwrap().1.to_string()
        };
        let long = format!("a,b\n1,{}", "9".repeat(100));
        assert_eq!(
            place(long.as_bytes()),
            "2: 41 bytes in one line is over the budget of 40; raise it with --max-line-bytes"
        );
        assert_eq!(place(b"a,b\n1,\"2\n3,4\n"), "2: a quoted field that begins on this line never ends");
        let long = format!("a,b\n1,\"{}", "9\n".repeat(50));
        assert_eq!(
            place(long.as_bytes()),
            "2: 41 bytes in one line is over the budget of 40; raise it with --max-line-bytes"
        );
        let bomb = format!("a,b\n{}", "1,2\n".repeat(60));
        assert_eq!(
            place(bomb.as_bytes()),
            " more than 200 bytes after decompression is over the budget of 200; raise it with --max-input-bytes"
        );
        // A quote inside an unquoted field opens nothing.
        assert_eq!(guarded(b"a,b\n1,5\" disk\n2,x\n").unwrap().len(), 3);
    }

    fn put(name: &str, bytes: &[u8]) -> String {
        let path = std::env::temp_dir().join(format!("plimsoll-input-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path.to_string_lossy().into_owned()
    }

    const SHAPE: TableShape =
        TableShape { columns: &["time", "name", "cpu", "more"], least: 3, number: 0, delimiter: b',' };

    fn fixed(name: &str, bytes: &[u8]) -> Result<Vec<(u64, String)>> {
        let mut table = Table::fixed(&put(name, bytes), &SHAPE, &Budgets::default())?;
        let column = |index| Column { index, name: SHAPE.columns[index] };
        let mut rows = Vec::new();
        while let Some(row) = table.next_row()? {
            let cpu = row.scaled(column(2), "cores", 1_000, 1 << 53)?;
            rows.push((row.line(), format!("{} {cpu:?} [{}]", row.text(column(1))?, row.text(column(3))?)));
        }
        Ok(rows)
    }

    #[test]
    fn a_table_of_fixed_places_has_a_header_or_not_and_rows_that_end_early() {
        let rows = fixed("plain.csv", b"5,a,0.5\n,b,,x\n").unwrap();
        assert_eq!(rows, [(1, "a Some(500) []".to_string()), (2, "b None [x]".to_string())]);
        let rows = fixed("header.csv", b"time, name, cpu, more\r\n5,a,2,y\r\n").unwrap();
        assert_eq!(rows, [(2, "a Some(2000) [y]".to_string())]);
        assert_eq!(fixed("empty.csv", b"").unwrap(), []);
        for (name, bytes, message) in [
            ("short.csv", &b"5,a\n"[..], ":1: 2 columns where a row has 3 to 4"),
            ("long.csv", b"5,a,1,x,y\n", ":1: 5 columns where a row has 3 to 4"),
            ("word.csv", b"5,a,1\n6,b,x\n", ":2: cpu: \"x\" is not a number of cores"),
            ("minus.csv", b"5,a,-1\n", ":1: cpu: \"-1\" is negative; 0 or more cores will do"),
            ("big.csv", b"5,a,1e300\n", ":1: cpu: \"1e300\" cores is too large"),
        ] {
            let error = fixed(name, bytes).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }

    /// Gives as many bytes at a time as it likes.
    struct Drip {
        bytes: Vec<u8>,
        at: usize,
        dice: crate::rng::Stream,
        most: u64,
    }

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let left = self.bytes.len() - self.at;
            let n = left.min(buffer.len()).min(1 + self.dice.below(self.most) as usize);
            buffer[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
            self.at += n;
            Ok(n)
        }
    }

    #[test]
    fn rows_are_the_same_by_either_reader_however_the_bytes_come() {
        let mut quoted = 0;
        for seed in 0..4_000u64 {
            let mut dice = crate::rng::Seed(seed).stream(crate::rng::Purpose::Shape, 0);
            // Quotes in one text of two, rare ones in one of four; long texts, so that some rows come before the first.
            let letters =
                [&b"1234567890,,,,\n\n\r;x"[..], b"12,,\n\"a\r", "12,;ö\n\r ".as_bytes()][(seed % 3) as usize];
            let mut text: Vec<u8> =
                (0..dice.below(300)).map(|_| letters[dice.below(letters.len() as u64) as usize]).collect();
            if seed % 4 == 0 && !text.is_empty() {
                let at = dice.below(text.len() as u64) as usize;
                text[at] = b'"';
            }
            quoted += u32::from(text.contains(&b'"'));
            let most = 1 + dice.below(40);
            let read = |careful: bool| {
                let budgets = Budgets { careful, max_line_bytes: 30 + seed % 60, ..Budgets::default() };
                let dice = crate::rng::Seed(seed).stream(crate::rng::Purpose::Shape, 1);
                let drip = Drip { bytes: text.clone(), at: 0, dice, most };
                let mut table = Table::of("x.csv".into(), Box::new(drip), b',', &budgets);
                table.header = (0..6).map(|i| format!("c{i}")).collect();
                table.least = 2;
                let mut told = Vec::new();
                loop {
                    match table.next_row() {
                        Err(error) => break told.push(error.to_string()),
                        Ok(None) => break,
                        Ok(Some(row)) => {
                            let column = |index| Column { index, name: "c" };
                            let numbers: Vec<_> = (0..6).map(|i| row.digits(column(i))).collect();
                            let fields: Vec<_> = (0..7).map(|i| row.table.field(i)).collect();
                            told.push(format!("{} {} {fields:?} {numbers:?}", row.line(), row.len()));
                            let whole = row.plain().and_then(|row| row.span(0, fields.iter().flatten().count() - 1));
                            assert!(whole.is_none_or(|whole| whole
                                == fields[..row.len()].iter().flatten().copied().collect::<Vec<_>>().join(&b',')));
                        }
                    }
                }
                (told, matches!(table.cut, Cut::Careful(_)))
            };
            let ((fast, handed_on), (careful, _)) = (read(false), read(true));
            assert_eq!(fast, careful, "{seed} {:?}", String::from_utf8_lossy(&text));
            assert!(!handed_on || text.contains(&b'"'), "{seed}");
        }
        assert!(quoted > 1_000);
    }

    #[test]
    fn zstd_is_read_frame_by_frame_and_a_cut_one_is_an_error() {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        let pack = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let mut packed = pack(b"5,a,0.5\n6,b");
        packed.extend(pack(b",1\n"));
        let rows = fixed("frames.csv.zst", &packed).unwrap();
        assert_eq!(rows, [(1, "a Some(500) []".to_string()), (2, "b Some(1000) []".to_string())]);
        for cut in 5..packed.len() {
            let whole = cut == pack(b"5,a,0.5\n6,b").len();
            match fixed("cut.csv.zst", &packed[..cut]) {
                Ok(rows) => panic!("{cut}: {rows:?}"),
                Err(error) if whole => assert!(error.to_string().ends_with(":2: 2 columns where a row has 3 to 4")),
                Err(error) => assert!(error.to_string().contains("the zstd data is damaged or ends before"), "{error}"),
            }
        }
    }

    #[test]
    fn lines_keep_their_numbers_and_their_budgets() {
        let path = put("lines.txt", b"\xef\xbb\xbfone\r\n\ntwo");
        let mut lines = Lines::open(&path, &Budgets::default()).unwrap();
        assert_eq!(lines.next_line().unwrap(), Some("one"));
        assert_eq!(lines.next_line().unwrap(), Some(""));
        assert_eq!(lines.next_line().unwrap(), Some("two"));
        assert_eq!(lines.line(), 3);
        assert_eq!(lines.next_line().unwrap(), None);
        let small = Budgets { max_line_bytes: 2, ..Budgets::default() };
        let error = Lines::open(&path, &small).unwrap().next_line().unwrap_err().to_string();
        assert!(
            error.ends_with(":1: 3 bytes in one line is over the budget of 2; raise it with --max-line-bytes"),
            "{error}"
        );
        let path = put("binary.txt", b"ok\n\xff\n");
        let mut lines = Lines::open(&path, &Budgets::default()).unwrap();
        lines.next_line().unwrap();
        assert!(
            lines
                .next_line()
                .unwrap_err()
                .to_string()
                .ends_with(":2: not UTF-8 text; convert the file, such as by iconv -t UTF-8")
        );
        assert_eq!(whole_text(&put("whole.txt", b"a\nb"), &Budgets::default()).unwrap(), "a\nb");
        let error = whole_text(&put("whole2.txt", b"a\n\xff"), &Budgets::default()).unwrap_err().to_string();
        assert!(error.ends_with(":2: a byte is not UTF-8; save the file as UTF-8"), "{error}");
    }
}
