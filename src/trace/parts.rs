//! Files of a folder: tables that are one file or many parts, in the order of their numbers.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::{Column, Import, Row, TableShape};
use crate::error::{Error, Result};

/// What a packed file's name may end with.
const PACKED: [&str; 2] = [".gz", ".zst"];

/// A file's name without the ending of its packing and without `.csv`.
pub(super) fn stem(name: &str) -> &str {
    let plain = PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    plain.strip_suffix(".csv").unwrap_or(plain)
}

/// The order of people: numbers in names by their value, so that `file-9` stands before `file-10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        match (left.first(), right.first()) {
            (None, None) => return a.cmp(b),
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
                let (n, m) = (digits(left), digits(right));
                let value = |text: &[u8]| -> Vec<u8> { text.iter().copied().skip_while(|b| *b == b'0').collect() };
                let (x, y) = (value(&left[..n]), value(&right[..m]));
                match x.len().cmp(&y.len()).then_with(|| x.cmp(&y)) {
                    Ordering::Equal => (left, right) = (&left[n..], &right[m..]),
                    other => return other,
                }
            }
            (Some(x), Some(y)) if x == y => (left, right) = (&left[1..], &right[1..]),
            (Some(x), Some(y)) => return x.cmp(y),
        }
    }
}

/// `path`, which has to be a folder; `wanted` is what would do.
pub(super) fn folder<'a>(path: &'a str, wanted: &str) -> Result<&'a Path> {
    let folder = Path::new(path);
    if folder.is_dir() {
        return Ok(folder);
    }
    let what = if folder.exists() { "is one file" } else { "there is no such folder" };
    Err(Error::input(format!("{what}; name {wanted}")).in_file(folder))
}

/// The names in `folder`, in natural order; files that begin with a dot are passed over.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::input("there is no such folder; check the path").in_file(folder),
        _ => Error::input(format!("cannot be read ({error})")).in_file(folder),
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_by(|a, b| natural(a, b));
    Ok(names)
}

/// The files of the table `table` in `folder`, in the order of their numbers: `table.csv`, files whose names begin with
/// `table` and `-`, `_` or `.` (`table-file-1-of-125.csv.gz`), or everything in a folder `table`
/// (`table/part-00000-of-00500.csv.gz`). Empty if there is none.
///
/// Errors: the same part plain and packed, since only one of the two can be meant.
pub(super) fn of_table(folder: &Path, table: &str) -> Result<Vec<PathBuf>> {
    let begins =
        |name: &str| name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_', '.']));
    let all = names(folder)?;
    let (holder, mut found): (PathBuf, Vec<String>) = if folder.join(table).is_dir() {
        let inside = folder.join(table);
        let names = names(&inside)?;
        (inside, names)
    } else {
        (folder.to_path_buf(), all.into_iter().filter(|name| begins(name)).collect())
    };
    found.retain(|name| holder.join(name).is_file());
    for pair in found.windows(2) {
        if stem(&pair[0]) == stem(&pair[1]) {
            let what = format!("{} is there too; remove the one that does not belong", pair[1]);
            return Err(Error::input(what).in_file(holder.join(&pair[0])));
        }
    }
    Ok(found.iter().map(|name| holder.join(name)).collect())
}

/// What one row is handed to, with the columns of its table.
pub(super) type EachRow<'f, const N: usize> = dyn FnMut(&mut Import, &Row, &[Column; N]) -> Result<()> + 'f;

/// Goes over the rows of `files`, parts of one table, in order; returns how many there are.
pub(super) fn rows<const N: usize>(
    files: &[PathBuf],
    shape: &TableShape,
    import: &mut Import,
    each: &mut EachRow<N>,
) -> Result<u64> {
    let mut count = 0;
    for file in files {
        let mut table = import.fixed_table(&text(file), shape)?;
        let columns: [Column; N] = std::array::from_fn(|i| table.fixed_column(shape, i));
        while let Some(row) = table.next_row()? {
            count += 1;
            each(import, &row, &columns)?;
        }
    }
    Ok(count)
}

/// `path` as text for [`super::Table`].
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_the_order_of_their_numbers() {
        let folder = std::env::temp_dir().join(format!("plimsoll-parts-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("events")).unwrap();
        let put = |name: &str| std::fs::write(folder.join(name), "").unwrap();
        for name in ["t-file-10-of-12.csv.gz", "t-file-9-of-12.csv.gz", "t-file-1-of-12.csv", "tt.csv", ".t-x.csv"] {
            put(name);
        }
        for name in ["events/part-00002-of-3.csv.gz", "events/part-00000-of-3.csv.gz", "events/part-1-of-3.csv.zst"] {
            put(name);
        }
        let names = |table: &str| -> Vec<String> {
            let files = of_table(&folder, table).unwrap();
            files.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("t"), ["t-file-1-of-12.csv", "t-file-9-of-12.csv.gz", "t-file-10-of-12.csv.gz"]);
        assert_eq!(names("events"), ["part-00000-of-3.csv.gz", "part-1-of-3.csv.zst", "part-00002-of-3.csv.gz"]);
        assert_eq!(names("nothing"), [""; 0]);
        put("t-file-1-of-12.csv.gz");
        let error = of_table(&folder, "t").unwrap_err().to_string();
        assert!(error.ends_with("t-file-1-of-12.csv.gz is there too; remove the one that does not belong"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_order_is_total() {
        let mut names = vec!["a10", "a9", "a09", "a", "b1", "a1b2", "a1b10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "a1b2", "a1b10", "a09", "a9", "a10", "b1"]);
    }
}
