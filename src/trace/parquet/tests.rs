use std::path::PathBuf;

use ::parquet::basic::{Compression, GzipLevel, Repetition, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::super::{Budgets, Table};
use super::thrift::{PageSizes, page, schema_is_sane};
use super::*;

fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("plimsoll-parquet-{name}-{}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// All of the file as text.
fn text(name: &str, bytes: &[u8]) -> Result<String> {
    let path = put(name, bytes);
    let mut text = Vec::new();
    let read = as_csv(&path.to_string_lossy()).map(|mut rows| rows.read_to_end(&mut text));
    std::fs::remove_file(path).unwrap();
    match read? {
        Ok(_) => Ok(String::from_utf8(text).unwrap()),
        Err(why) => Err(*why.into_inner().unwrap().downcast::<Error>().unwrap()),
    }
}

const BY_HAND: &str = "name,n,x,empty\n\"a, \"\"b\"\"\",1,0.5,\n,-7,,\nü,,1e3,\n";

#[test]
fn a_table_comes_back_as_it_was_written() {
    let file = parquet_of(BY_HAND.as_bytes(), Numbers::AsTheyAre).unwrap();
    assert_eq!(text("hand", &file).unwrap(), BY_HAND.replace("1e3", "1000"));
    let file = parquet_of(BY_HAND.as_bytes(), Numbers::Named(&["n"])).unwrap();
    assert_eq!(text("named", &file).unwrap(), BY_HAND);
    assert_eq!(file, parquet_of(BY_HAND.as_bytes(), Numbers::Named(&["n"])).unwrap());
    let error = parquet_of(BY_HAND.as_bytes(), Numbers::Named(&["name"])).unwrap_err();
    assert_eq!(error.to_string(), "name: \"a, \"b\"\" is no number");
    // More than one row group, and more than one batch.
    let rows: String = (0..100_001).map(|i| format!("{i},r{}\n", i % 7)).collect();
    let long = format!("i,r\n{rows}");
    assert_eq!(text("long", &parquet_of(long.as_bytes(), Numbers::AsTheyAre).unwrap()).unwrap(), long);
    let none = "a,b\n";
    assert_eq!(text("none", &parquet_of(none.as_bytes(), Numbers::AsTheyAre).unwrap()).unwrap(), none);
}

/// A file of all kinds of columns, in four versions: of pages 1 and 2, packed and not.
fn all_kinds(version: WriterVersion, compression: Compression) -> Vec<u8> {
    let message = "message m {
        required int32 small; optional int64 large; required int32 unsigned (INTEGER(32,false));
        required int64 ms (TIMESTAMP(MILLIS,true)); required int64 us (TIMESTAMP(MICROS,true));
        optional boolean truth; required float single; required double double; required binary text (UTF8);
        optional group list { repeated int32 entry; }
    }";
    let properties = WriterProperties::builder().set_writer_version(version).set_compression(compression);
    let properties = properties.set_data_page_row_count_limit(2).set_write_batch_size(2).build();
    let schema = parse_message_type(message).unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), schema.into(), properties.into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    macro_rules! column {
        ($kind:ty, $values:expr, $levels:expr, $repeats:expr) => {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<$kind>().write_batch(&$values, $levels, $repeats).unwrap();
            column.close().unwrap();
        };
    }
    column!(Int32Type, [1, -2, 3], None, None);
    column!(Int64Type, [1i64 << 60], Some(&[0, 1, 0]), None);
    column!(Int32Type, [-1, 0, 1], None, None);
    column!(Int64Type, [1_500, 0, -1], None, None);
    column!(Int64Type, [1_500, -20, 3_000], None, None);
    column!(BoolType, [true, false], Some(&[1, 1, 0]), None);
    column!(FloatType, [0.1, 2.0, -1.5], None, None);
    column!(DoubleType, [0.1, 1e15, 0.25], None, None);
    let texts = ["a", "a,b", "a"].map(ByteArray::from);
    column!(ByteArrayType, texts, None, None);
    column!(Int32Type, [5, 6], Some(&[2, 2, 0, 1]), Some(&[0, 1, 0, 0]));
    group.close().unwrap();
    file.into_inner().unwrap()
}

#[test]
fn columns_of_all_kinds_become_text() {
    let want = "small,large,unsigned,ms,us,truth,single,double,text,list\n\
        1,,4294967295,1500,1.500,true,0.1,0.1,a,\n\
        -2,1152921504606846976,0,0,-0.020,false,2,1000000000000000,\"a,b\",\n\
        3,,1,-1,3,,-1.5,0.25,a,\n";
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(::parquet::basic::ZstdLevel::default()),
            Compression::GZIP(GzipLevel::default()),
        ] {
            let file = all_kinds(version, compression);
            assert_eq!(text("kinds", &file).unwrap(), want, "{version:?} {compression:?}");
        }
    }
}

/// Reads all rows of a file as a table, within budgets so small that no claim of the file matters.
fn read(bytes: &[u8]) -> Result<usize> {
    // Tests run side by side.
    let path = put(&format!("mutated-{:?}", std::thread::current().id()), bytes);
    let budgets = Budgets { max_decompressed_bytes: 1 << 20, ..Budgets::default() };
    let counted = Table::open(&path.to_string_lossy(), "rows", &budgets).and_then(|mut table| {
        let mut rows = 0;
        while table.next_row()?.is_some() {
            rows += 1;
        }
        Ok(rows)
    });
    std::fs::remove_file(path).unwrap();
    counted
}

#[test]
fn a_damaged_file_is_an_error_and_never_more() {
    // What the crate panics with is caught, and must not fill the screen.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut same, mut refused, mut wrong) = (0u32, 0u32, Vec::new());
    for (version, compression) in [
        (WriterVersion::PARQUET_1_0, Compression::SNAPPY),
        (WriterVersion::PARQUET_2_0, Compression::GZIP(GzipLevel::default())),
    ] {
        let whole = all_kinds(version, compression);
        assert_eq!(read(&whole).unwrap(), 3);
        let mut take = |bytes: &[u8]| match std::panic::catch_unwind(|| read(bytes)) {
            Ok(Ok(_)) => same += 1,
            Ok(Err(why)) if why.exit_code() == 3 => refused += 1,
            Ok(Err(why)) => wrong.push(format!("{why}")),
            Err(_) => wrong.push("a panic got out".to_owned()),
        };
        for at in 0..whole.len() {
            take(&whole[..at]);
            for change in [0x01u8, 0x80, 0xff, 0x55] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                take(&bytes);
            }
        }
        take(&[&whole[..], &whole[..]].concat());
        // Five bytes that make the largest of numbers, everywhere.
        for at in 0..whole.len() - 5 {
            let mut bytes = whole.clone();
            bytes[at..at + 5].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0x0f]);
            take(&bytes);
        }
    }
    std::panic::set_hook(hook);
    assert_eq!(wrong, [""; 0]);
    assert!(refused > 1_000 && same > 100, "{refused} refused, {same} read");
}

#[test]
fn what_a_page_unpacks_to_is_bounded_before_it_is_unpacked() {
    let big = vec![0u8; 80 << 20];
    let mut properties = WriterProperties::builder().set_dictionary_enabled(false);
    properties = properties.set_compression(Compression::GZIP(GzipLevel::default()));
    let column = ::parquet::schema::types::Type::primitive_type_builder("b", Physical::BYTE_ARRAY);
    let column = column.with_repetition(Repetition::REQUIRED).build().unwrap();
    let schema =
        ::parquet::schema::types::Type::group_type_builder("m").with_fields(vec![column.into()]).build().unwrap();
    let mut file = SerializedFileWriter::new(Vec::new(), schema.into(), properties.build().into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(big)], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let mut bytes = file.into_inner().unwrap();
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("a page says that it has no size that a page has"), "{error}");
    // The page lies: it says 1 byte. (80 << 20) + 4 bytes are A8 80 80 ... in the header; find and change them.
    let sizes = page(&bytes[4..]).unwrap();
    assert_eq!(sizes.unpacked, (80 << 20) + 4);
    // Type, then the unpacked size, each a byte of head before it.
    assert_eq!((bytes[4], bytes[6]), (0x15, 0x15));
    bytes[7..11].copy_from_slice(&[0x82, 0x80, 0x80, 0x00]);
    let end = bytes.iter().skip(7).position(|byte| byte & 0x80 == 0).unwrap();
    assert_eq!(end, 3, "the number was four bytes long");
    assert_eq!(page(&bytes[4..]).unwrap().unpacked, 1);
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains("a page unpacks to more than 64 MiB"), "{error}");
}

#[test]
fn sizes_in_headers_are_read_and_schemas_that_lie_are_refused() {
    // DATA_PAGE_V2: type 3, unpacked 100, packed 60, version 2 struct with levels of 7 and 5 bytes.
    let header = [
        0x15, 0x06, 0x15, 0xc8, 0x01, 0x15, 0x78, 0x5c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x02, 0x15, 0x00, 0x15, 0x0e,
        0x15, 0x0a, 0x00, 0x00,
    ];
    let want = PageSizes { header: header.len(), unpacked: 100, packed: 60, levels: 12 };
    assert_eq!(page(&header), Some(want));
    assert_eq!(page(&header[..10]), None);
    // A footer: version 1, then a list of elements, each with a name (4) and children (5).
    let element = |children: u8| [0x48, 0x01, b'a', 0x15, children * 2, 0x00];
    let footer = |elements: &[u8]| {
        let mut bytes = vec![0x15, 0x02, 0x19, ((elements.len() as u8) << 4) | 0x0c];
        elements.iter().for_each(|children| bytes.extend(element(*children)));
        bytes.push(0);
        bytes
    };
    for (children, sane) in [
        (&[2, 0, 0][..], true),
        (&[1, 1, 1, 0], true),
        (&[2, 0], false),
        (&[60, 0], false),
        (&[1, 0, 0], false),
        (&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], true),
    ] {
        assert_eq!(schema_is_sane(&footer(children), 100), sane, "{children:?}");
    }
    assert!(!schema_is_sane(&footer(&[2, 0, 0]), 2));
    assert!(!schema_is_sane(&[0x15, 0x02, 0x00], 100));
}
