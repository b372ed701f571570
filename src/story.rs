//! The story, claim by claim: what is claimed, what was simulated, what was seen, and whether it holds.
//!
//! [`CLAIMS`] is a table; each claim names a shipped scenario and judges its runs by their own numbers. A claim that the
//! model does not bear out is reported as such. [`essay`] makes a page of it all.

pub mod claim;
mod claims;
pub mod essay;
mod figure;

pub use claim::{Claim, Finding, Seen, Verdict};
pub use claims::CLAIMS;
