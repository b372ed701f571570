//! The one integration-test binary: whole-program tests, a module for each concern.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read their environment")]

mod attacks;
mod band;
mod broken_inputs;
mod chef_worlds;
mod cli;
mod conformance;
mod controllers;
mod cpu_worlds;
mod discovery_worlds;
mod fleet_properties;
mod fleet_worlds;
mod goldens;
mod k8s;
mod kube_2016_worlds;
mod kube_broken;
mod kube_cli;
mod kube_explain;
mod kube_fuzz;
mod kube_objects;
mod kube_timelines;
mod kubelet_worlds;
mod manifests;
mod memory_worlds;
mod metamorphic;
mod metrics;
mod program;
mod random_worlds;
mod regressions;
mod repo;
mod seeds;
mod timelines;
mod traces;
mod usage_replays;
mod world;
mod world_platform;
