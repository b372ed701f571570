//! Bugs that were found and fixed, each named after what a user would have seen.
