//! Lists in a field of the native format, read and written.

use std::collections::BTreeMap;

use super::super::{Column, Row};
use crate::error::{Error, Result};
use crate::kube::object::selector::{Operator, Requirement};

/// Most ports, GPUs and other entries of one list.
pub(super) const LIST_MAX: usize = 1_024;

/// `text` cut at `separator`, blanks around entries taken off; nothing for a blank text.
pub(super) fn list<'a>(row: &Row<'a>, column: Option<Column>, separator: char) -> Result<Vec<&'a str>> {
    if column.is_none_or(|column| row.is_blank(column)) {
        return Ok(Vec::new());
    }
    let text = row.optional(column)?;
    let entries: Vec<&str> = text.split(separator).map(str::trim).take(LIST_MAX + 1).collect();
    match column {
        Some(column) if entries.len() > LIST_MAX => {
            Err(row.refuse(column, format!("more than {LIST_MAX} entries in a list")))
        }
        Some(column) if entries.contains(&"") => {
            Err(row.refuse(column, format!("an entry between two \"{separator}\" is blank")))
        }
        _ => Ok(entries),
    }
}

/// A list of `key=value`.
pub(super) fn pairs<'a>(row: &Row<'a>, column: Option<Column>) -> Result<Vec<(&'a str, &'a str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for entry in list(row, column, ';')? {
        match (entry.split_once('='), column) {
            (Some((key, value)), _) if !key.is_empty() && !pairs.iter().any(|(other, _)| *other == key) => {
                pairs.push((key, value));
            }
            (Some((key, _)), Some(column)) if !key.is_empty() => {
                return Err(row.refuse(column, format!("\"{key}\" stands twice")));
            }
            (_, Some(column)) => return Err(row.refuse(column, format!("\"{entry}\" is not KEY=VALUE"))),
            (_, None) => unreachable!("an entry comes from a column"),
        }
    }
    Ok(pairs)
}

/// Labels that a host must have, in order; a key may ask for several values, which no host has.
pub(super) fn selector(row: &Row, column: Option<Column>) -> Result<Vec<(String, String)>> {
    let entries = list(row, column, ';')?;
    let Some(column) = column else { return Ok(Vec::new()) };
    let pair = |entry: &str| match entry.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(row.refuse(column, format!("\"{entry}\" is not KEY=VALUE"))),
    };
    entries.into_iter().map(pair).collect()
}

pub(super) fn numbers(row: &Row, column: Option<Column>, unit: &str, most: u64, most_text: &str) -> Result<Vec<u16>> {
    let entries = list(row, column, ';')?;
    let Some(column) = column else { return Ok(Vec::new()) };
    entries.iter().map(|entry| row.number(column, entry, unit, most, most_text).map(|n| n as u16)).collect()
}

pub(super) fn extended(row: &Row, column: Option<Column>) -> Result<BTreeMap<String, i64>> {
    let pairs = pairs(row, column)?;
    let Some(column) = column else { return Ok(BTreeMap::new()) };
    pairs
        .into_iter()
        .map(|(name, amount)| Ok((name.to_string(), row.number(column, amount, "units", 1 << 53, "2^53")? as i64)))
        .collect()
}

/// The value whose `Display` form the field holds; `default` where blank.
pub(super) fn one_of<T: Copy + ToString>(row: &Row, column: Option<Column>, default: T, values: &[T]) -> Result<T> {
    let text = row.optional(column)?.trim();
    if text.is_empty() {
        return Ok(default);
    }
    match (values.iter().find(|value| value.to_string() == text), column) {
        (Some(value), _) => Ok(*value),
        (None, Some(column)) if !text.is_empty() => {
            let names: Vec<String> = values.iter().map(T::to_string).collect();
            Err(row.refuse(column, format!("\"{text}\" will not do; {} will", names.join(" or "))))
        }
        _ => Ok(default),
    }
}

/// A list of demands on labels, each `key!=a|b`, `key=a|b`, `key<5`, `key>5`, `key` or `!key`.
pub(super) fn constraints(row: &Row, column: Option<Column>) -> Result<Vec<Requirement>> {
    let entries = list(row, column, ';')?;
    let Some(column) = column else { return Ok(Vec::new()) };
    let refuse = |entry: &str| {
        row.refuse(
            column,
            format!("\"{entry}\" is no demand on a label (key!=a|b, key=a|b, key<5, key>5, key or !key)"),
        )
    };
    entries.into_iter().map(|entry| constraint(entry).ok_or_else(|| refuse(entry))).collect()
}

/// Reads what [`constraint_text`] writes.
pub(super) fn constraint(text: &str) -> Option<Requirement> {
    let made = |key: &str, operator| {
        (!key.is_empty() && !key.contains(['=', '<', '>', '!'])).then(|| Requirement { key: key.into(), operator })
    };
    let values = |text: &str| text.split('|').map(String::from).collect();
    if let Some(key) = text.strip_prefix('!') {
        return made(key, Operator::DoesNotExist);
    }
    let Some(at) = text.find(['!', '<', '>', '=']) else { return made(text, Operator::Exists) };
    let (key, rest) = text.split_at(at);
    if let Some(list) = rest.strip_prefix("!=") {
        made(key, Operator::NotIn(values(list)))
    } else if let Some(list) = rest.strip_prefix('=') {
        made(key, Operator::In(values(list)))
    } else if let Some(bound) = rest.strip_prefix('<') {
        made(key, Operator::Lt(bound.parse().ok()?))
    } else {
        made(key, Operator::Gt(rest.strip_prefix('>')?.parse().ok()?))
    }
}

/// A demand on a label as a list of the format holds it.
///
/// Errors: a key or value that would not come back as it was.
pub(super) fn constraint_text(name: &str, asked: &Requirement) -> Result<String> {
    let key = &asked.key;
    let text = match &asked.operator {
        Operator::In(values) => format!("{key}={}", values.join("|")),
        Operator::NotIn(values) => format!("{key}!={}", values.join("|")),
        Operator::Exists => key.clone(),
        Operator::DoesNotExist => format!("!{key}"),
        Operator::Gt(bound) => format!("{key}>{bound}"),
        Operator::Lt(bound) => format!("{key}<{bound}"),
    };
    if constraint(&text).as_ref() == Some(asked) {
        return Ok(text);
    }
    Err(Error::input(format!(
        "{name}: the demand \"{text}\" cannot stand in the native format (=, !, <, > or | in it)"
    )))
}

pub(super) fn owned(entries: Vec<&str>) -> Vec<String> {
    entries.into_iter().map(String::from).collect()
}

/// Entries joined by `separator`; an entry that is blank, holds the separator or has blanks around it would not come
/// back as it was.
pub(super) fn joined(what: &str, entries: impl IntoIterator<Item = String>, separator: char) -> Result<String> {
    let mut text = String::new();
    for (i, entry) in entries.into_iter().enumerate() {
        if entry.is_empty() || entry.contains(separator) || entry.trim() != entry {
            return Err(Error::input(format!(
                "{what}: \"{entry}\" cannot stand in a list of the native format (blank, or with \"{separator}\" in it)"
            )));
        }
        if i == LIST_MAX {
            return Err(Error::input(format!("{what}: more than {LIST_MAX} entries in a list of the native format")));
        }
        if i > 0 {
            text.push(separator);
        }
        text.push_str(&entry);
    }
    Ok(text)
}

/// `name=amount` entries of extended resources.
///
/// Errors: an amount that reading would refuse.
pub(super) fn amounts<'a>(what: &str, all: impl Iterator<Item = (&'a String, i64)>) -> Result<Vec<String>> {
    let entry = |(name, amount): (&String, i64)| {
        if name.contains('=') || !(0..=1 << 53).contains(&amount) {
            let why =
                format!("{what}: {name}={amount} cannot stand in the native format (0 to 2^53, no = in the name)");
            return Err(Error::input(why));
        }
        Ok(format!("{name}={amount}"))
    };
    all.map(entry).collect()
}
