//! A table that was written as CSV, as a Parquet file.

use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::Type;

use crate::error::{Error, Result};

/// Rows of a row group.
const GROUP: usize = 100_000;

/// Which columns are numbers.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// Those of these names hold whole numbers, the others text, whatever stands in them.
    Named(&'a [&'a str]),
    /// Those in which every field that is not blank is one.
    AsTheyAre,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Whole,
    Float,
    Text,
}

/// The bytes of a Parquet file with the columns and rows of the CSV text `csv`, which has a header. A blank field is
/// null.
///
/// Errors: a field of a column that is to hold whole numbers is none; the text is no CSV.
pub fn parquet_of(csv: &[u8], numbers: Numbers) -> Result<Vec<u8>> {
    let failed = |why: &dyn std::fmt::Display| Error::failed(format!("cannot write the table as Parquet ({why})"));
    let mut reader = csv::Reader::from_reader(csv);
    let names: Vec<String> = reader.headers().map_err(|why| failed(&why))?.iter().map(String::from).collect();
    let mut kinds: Vec<Kind> = match numbers {
        Numbers::Named(list) => {
            names.iter().map(|name| if list.contains(&name.as_str()) { Kind::Whole } else { Kind::Text }).collect()
        }
        Numbers::AsTheyAre => vec![Kind::Whole; names.len()],
    };
    if matches!(numbers, Numbers::AsTheyAre) {
        let mut some = vec![false; names.len()];
        for record in reader.records() {
            let record = record.map_err(|why| failed(&why))?;
            for ((kind, some), field) in kinds.iter_mut().zip(&mut some).zip(&record) {
                *some |= !field.is_empty();
                *kind = match *kind {
                    _ if field.is_empty() => *kind,
                    Kind::Whole if whole(field).is_some() => Kind::Whole,
                    Kind::Whole | Kind::Float if float(field).is_some() => Kind::Float,
                    _ => Kind::Text,
                };
            }
        }
        // A column of blanks says nothing of itself.
        for (kind, some) in kinds.iter_mut().zip(some) {
            if !some {
                *kind = Kind::Text;
            }
        }
        reader = csv::Reader::from_reader(csv);
    }
    let columns = names.iter().zip(&kinds).map(|(name, kind)| {
        let (physical, logical) = match kind {
            Kind::Whole => (Physical::INT64, None),
            Kind::Float => (Physical::DOUBLE, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let built = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        built.with_logical_type(logical).build().map(Arc::new)
    });
    let columns: Vec<_> = columns.collect::<ParquetResult<_>>().map_err(|why| failed(&why))?;
    let schema = Type::group_type_builder("table").with_fields(columns).build().map_err(|why| failed(&why))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("plimsoll ", env!("CARGO_PKG_VERSION")).into())
        .build();
    let mut file =
        SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).map_err(|why| failed(&why))?;
    let mut rows: Vec<csv::StringRecord> = Vec::new();
    let mut records = reader.records();
    loop {
        match records.next().transpose().map_err(|why| failed(&why))? {
            Some(record) => rows.push(record),
            None if rows.is_empty() => break,
            None => {
                let mut group = file.next_row_group().map_err(|why| failed(&why))?;
                write_group(&mut group, &rows, &names, &kinds)?;
                group.close().map_err(|why| failed(&why))?;
                break;
            }
        }
        if rows.len() == GROUP {
            let mut group = file.next_row_group().map_err(|why| failed(&why))?;
            write_group(&mut group, &rows, &names, &kinds)?;
            group.close().map_err(|why| failed(&why))?;
            rows.clear();
        }
    }
    file.into_inner().map_err(|why| failed(&why))
}

/// A whole number, spelt as it is written back.
fn whole(field: &str) -> Option<i64> {
    field.parse().ok().filter(|n: &i64| n.to_string() == field)
}

/// A finite number with a point.
fn float(field: &str) -> Option<f64> {
    field.parse().ok().filter(|x: &f64| x.is_finite())
}

fn write_group(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[csv::StringRecord],
    names: &[String],
    kinds: &[Kind],
) -> Result<()> {
    let failed =
        |why: ::parquet::errors::ParquetError| Error::failed(format!("cannot write the table as Parquet ({why})"));
    for (i, kind) in kinds.iter().enumerate() {
        let fields: Vec<&str> = rows.iter().map(|row| row.get(i).unwrap_or_default()).collect();
        let levels: Vec<i16> = fields.iter().map(|field| i16::from(!field.is_empty())).collect();
        let there = fields.into_iter().filter(|field| !field.is_empty());
        let refuse = |field: &str| Error::failed(format!("\"{field}\" is no number")).in_field(&names[i]);
        let Some(mut column) = group.next_column().map_err(failed)? else { break };
        let levels = Some(levels.as_slice());
        let written = match kind {
            Kind::Whole => {
                let values: Vec<i64> =
                    there.map(|field| field.parse().map_err(|_| refuse(field))).collect::<Result<_>>()?;
                column.typed::<Int64Type>().write_batch(&values, levels, None)
            }
            Kind::Float => {
                let values: Vec<f64> =
                    there.map(|field| float(field).ok_or_else(|| refuse(field))).collect::<Result<_>>()?;
                column.typed::<DoubleType>().write_batch(&values, levels, None)
            }
            Kind::Text => {
                let values: Vec<ByteArray> = there.map(|field| ByteArray::from(field.as_bytes().to_vec())).collect();
                column.typed::<ByteArrayType>().write_batch(&values, levels, None)
            }
        };
        written.map_err(failed)?;
        column.close().map_err(failed)?;
    }
    Ok(())
}
