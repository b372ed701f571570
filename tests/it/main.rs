//! The one integration-test binary: whole-program tests, a module for each concern.

mod attacks;
mod conformance;
mod kube_explain;
mod kube_fuzz;
mod kube_objects;
mod metrics;
mod random_worlds;
mod regressions;
mod timelines;
mod traces;
mod world;
