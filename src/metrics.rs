//! Metrics: what the changes say. One file a family, one row a metric.

mod value;
pub use value::Value;
