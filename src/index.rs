//! Ways to find a host without looking at all of them, exactly: each comes to what a plain scan comes to.
//!
//! They know numbers only: hosts by number, what is booked on them, and what is asked for. Whoever decides keeps one in step
//! with its own books, and keeps the plain scan beside it (`--plain`).

pub mod bits;
pub mod column;
pub mod fewest;
pub mod finder;
pub mod group;
pub mod host;
pub mod levels;
pub mod most;
pub mod plain;
pub mod rule;
pub mod shelves;
pub mod tie;

#[cfg(test)]
mod tests;
