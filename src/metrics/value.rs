//! A metric's value: a count, an amount, an amount that is only a lower bound, or nothing.

use std::fmt;

use serde::Serialize;

/// What a metric came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// A whole number.
    Count(u64),
    /// An amount.
    Amount(f64),
    /// A percentile that falls on jobs whose end was not seen: the true value is at least this.
    AtLeast(f64),
    /// Not defined for this run (no such jobs, no such hosts). `null` in JSON, empty in CSV, `-` in tables.
    Undefined,
}

impl Value {
    /// The number, if there is one (lower bounds included).
    pub fn number(self) -> Option<f64> {
        match self {
            Value::Count(n) => Some(n as f64),
            Value::Amount(x) | Value::AtLeast(x) => Some(x),
            Value::Undefined => None,
        }
    }
}

impl fmt::Display for Value {
    /// The exact form of outputs: shortest decimal that reads back to the same number; `>` before a lower bound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(n) => write!(f, "{n}"),
            Value::Amount(x) => write!(f, "{x}"),
            Value::AtLeast(x) => write!(f, ">{x}"),
            Value::Undefined => Ok(()),
        }
    }
}

impl Serialize for Value {
    /// Numbers as numbers (a lower bound too: `lower_bounds` of its run names it), nothing as `null`.
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Count(n) => s.serialize_u64(*n),
            Value::Amount(x) | Value::AtLeast(x) => s.serialize_f64(*x),
            Value::Undefined => s.serialize_none(),
        }
    }
}
