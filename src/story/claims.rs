//! The table of claims.

use super::Claim;

/// The claims, in the order of the story, then the doubts.
pub const CLAIMS: &[Claim] = &[];
