//! Whole-program and whole-library tests, in one binary.

mod traces;
