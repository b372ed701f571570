//! The one integration-test binary: whole-program tests, a module for each concern.

mod metrics;
mod random_worlds;
mod world;
