//! Scenarios: one YAML file that says what is run, and everything that can be wrong with it.
//!
//! [`ScenarioFile`] is the file as written: every key known, every quantity read, names not yet looked up.
//! [`Scenario`] is what follows from it: hosts and jobs one by one, options of every run, nothing left to check. This
//! module reads files and nothing else of the world; it does not run anything and does not print.

mod band;
mod document;
mod etcd;
mod events;
mod failures;
mod file;
mod generator;
mod host_model;
mod hosts;
mod inflation;
mod jobs;
mod manifest;
mod order;
mod outside;
mod platform;
mod read;
mod resolve;
mod runs;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod units;

pub use band::{BandSection, BandWorld};
pub use document::Document;
pub use etcd::{EtcdFaultSection, EtcdSection, EtcdSweep};
pub use file::{
    ClusterSection, ControllerWord, EventSection, FailureSection, FailureWord, HostGroup, JobSection, Limits,
    LoopSection, Ramp, Requests, ScenarioFile, Step, TraceSection, UsageSection, WorkloadSection,
};
pub use generator::GeneratorSection;
pub use hosts::HostsArg;
pub use inflation::{InflationSection, ListWord};
pub use platform::{ChangeSection, PlatformSection, WayWord};
pub use read::{read, read_text};
pub use resolve::{Scenario, load, resolve};
pub use runs::{OrchestratorEntry, OrchestratorSection, options_of};
pub use schema::{schema_json, starter_yaml};
pub use text::{
    At, Count, Cpu, Length, Load, Memory, Percent, RequestText, Share, Switch, Usage, Words, usage_mode_parse,
};

/// The only `apiVersion` so far.
pub const API_VERSION: &str = "plimsoll/v1";
/// The `kind` of a scenario.
pub const KIND: &str = "Scenario";

/// How much a scenario may ask for; checked before anything of that size is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Inline hosts, `--max-hosts`.
    pub hosts: u64,
    /// Inline and generated jobs, `--max-jobs`.
    pub jobs: u64,
    /// Usage steps over all inline jobs, `--max-usage-steps`.
    pub usage_steps: u64,
    /// Failures, drawn ones included, `--max-failures`.
    pub failures: u64,
    /// Size of the file in bytes, `--max-yaml-bytes`.
    pub yaml_bytes: usize,
    /// YAML nodes, those that aliases repeat included, `--max-yaml-nodes`.
    pub yaml_nodes: usize,
    /// YAML nesting, `--max-yaml-depth`.
    pub yaml_depth: usize,
    /// Traces and host files that the scenario names; the flags of hosts, jobs and usage steps raise both.
    pub trace: crate::trace::Budgets,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            hosts: 200_000,
            jobs: 5_000_000,
            usage_steps: 5_000_000,
            failures: 1_000_000,
            yaml_bytes: 16 << 20,
            yaml_nodes: 500_000,
            yaml_depth: 64,
            trace: crate::trace::Budgets::default(),
        }
    }
}
