//! Plimsoll replays job traces against the schedulers of the fleet-to-Kubernetes story and shows which hosts went
//! below the line, and what that did to the jobs on them.
//!
//! Start with ARCHITECTURE.md in the repository for the map; [`experiment`] is the way in for programs.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod chef;
pub mod cli;
pub mod cluster;
pub mod discovery;
pub mod error;
pub mod experiment;
pub mod fleet;
pub mod host;
pub mod ids;
pub mod index;
pub mod kube;
pub mod metrics;
pub mod orchestrator;
pub mod paper;
pub mod parameter;
pub mod placement;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod sim;
pub mod story;
pub mod trace;
pub mod units;
pub mod workload;
