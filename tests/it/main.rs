//! The one integration-test binary: whole-program tests, a module for each concern.

mod random_worlds;
mod traces;
