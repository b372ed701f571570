//! The essay.
