//! The parameters of the host model, the same for every orchestrator: one table, which scenarios, `list` and docs read.
//!
//! A parameter is a field of one of the parts and a row of that part's table: name, meaning, where its default comes
//! from, and for an assumed one the range to sweep.

mod cpu;
mod kubelet;
mod memory;

pub use cpu::{CpuModel, OciWeight};
pub use kubelet::KubeletModel;
pub use memory::{Disk, Kernel, MemoryModel, MemoryPolicy, OomGroup, PanicOnOom};

use crate::error::{Error, Result, did_you_mean};
use crate::units::SimDuration;

/// How hosts behave.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HostModel {
    /// How CPU is shared.
    pub cpu: CpuModel,
    /// What happens as memory runs out, and how a host comes down.
    pub memory: MemoryModel,
    /// How a kubelet is set.
    pub kubelet: KubeletModel,
}

impl HostModel {
    /// Whether parameters go together; the name of one to change, and why, where they do not.
    pub fn check(&self) -> std::result::Result<(), (&'static str, Error)> {
        self.kubelet.thresholds().map(drop).map_err(|why| ("eviction_soft", why))
    }
}

/// A row of the table of host parameters.
pub struct HostParameter {
    /// Key in a scenario's `host:`.
    pub name: &'static str,
    /// One line: what it means, with its unit.
    pub summary: &'static str,
    /// Where the default comes from, or the word *assumed*.
    pub source: &'static str,
    /// The range to sweep; empty where the default is the real system's.
    pub range: &'static str,
    /// Its value as text that [`HostParameter::set`] reads.
    pub get: fn(&HostModel) -> String,
    /// Reads a value and sets it. Errors say what was found and what would do.
    pub set: fn(&mut HostModel, &str) -> Result<()>,
}

impl std::fmt::Debug for HostParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HostParameter({})", self.name)
    }
}

impl HostParameter {
    /// The default as text.
    pub fn default(&self) -> String {
        (self.get)(&HostModel::default())
    }
}

/// All host parameters, in the order of outputs.
pub fn host_parameters() -> impl Iterator<Item = &'static HostParameter> {
    [cpu::PARAMETERS, memory::PARAMETERS, kubelet::PARAMETERS].into_iter().flatten()
}

/// The host parameter of that name.
pub fn host_parameter(name: &str) -> Option<&'static HostParameter> {
    host_parameters().find(|p| p.name == name)
}

/// Reads `on` or `off`.
fn switch(text: &str) -> Result<bool> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(Error::input(format!("\"{text}\" is neither on nor off"))),
    }
}

fn switch_text(on: bool) -> String {
    if on { "on".into() } else { "off".into() }
}

/// Reads a length of time of more than nothing.
fn period(text: &str) -> Result<SimDuration> {
    match SimDuration::parse(text)? {
        SimDuration::ZERO => Err(Error::input("a period is more than 0s")),
        period => Ok(period),
    }
}

/// A word among `words`, as its place there.
fn word(text: &str, words: &[&str]) -> Result<usize> {
    words.iter().position(|w| *w == text).ok_or_else(|| {
        let hint =
            did_you_mean(text, words.iter().copied()).map_or(String::new(), |w| format!("; did you mean \"{w}\"?"));
        Error::input(format!("\"{text}\" will not do; {} will{hint}", words.join(", ")))
    })
}

/// Reads a share of at most one, in thousandths.
fn share(text: &str) -> Result<u32> {
    match crate::units::parse_milli(text, "share")? {
        milli @ 0..=1000 => Ok(milli),
        _ => Err(Error::input(format!("{text} is more than the whole; a share is at most 1"))),
    }
}

/// Reads a factor of at most a thousand, in thousandths.
fn factor(text: &str) -> Result<u32> {
    match crate::units::parse_milli(text, "factor")? {
        milli @ 0..=1_000_000 => Ok(milli),
        _ => Err(Error::input(format!("{text} is too much; a factor is at most 1000"))),
    }
}

fn share_text(milli: u32) -> String {
    (f64::from(milli) / 1000.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_reads_back_and_every_assumed_one_says_what_to_sweep() {
        let mut names = std::collections::BTreeSet::new();
        for p in host_parameters() {
            assert!(names.insert(p.name), "{} stands twice", p.name);
            let mut model = HostModel::default();
            (p.set)(&mut model, &p.default()).unwrap_or_else(|why| panic!("{}: {why}", p.name));
            assert_eq!(model, HostModel::default(), "{}", p.name);
            assert!(!p.summary.is_empty() && !p.source.is_empty(), "{}", p.name);
            assert!(p.source.contains("assumed") <= !p.range.is_empty(), "{} is assumed: say its range", p.name);
        }
    }

    #[test]
    fn thresholds_are_checked_together_and_defaults_are_replaced_or_merged() {
        let set =
            |name: &str, text: &str, model: &mut HostModel| (host_parameter(name).unwrap().set)(model, text).unwrap();
        let mut model = HostModel::default();
        set("eviction_soft", "memory.available<1Gi", &mut model);
        let (key, why) = model.check().unwrap_err();
        assert_eq!(key, "eviction_soft");
        assert_eq!(why.to_string(), "the soft eviction threshold memory.available has no grace period");
        set("eviction_soft_grace", "memory.available=30s", &mut model);
        assert!(model.check().is_ok());
        // Three hard ones, a soft one, and that of all pods together; written down, the list is all there is.
        let count = |model: &HostModel| model.kubelet.thresholds().unwrap().len();
        assert_eq!(count(&model), 5);
        set("eviction_hard", "pid.available<10%", &mut model);
        assert_eq!(count(&model), 2);
        set("merge_default_eviction", "on", &mut model);
        assert_eq!(count(&model), 6);
        set("enforce_node_allocatable", "none", &mut model);
        set("eviction_hard", "none", &mut model);
        set("merge_default_eviction", "off", &mut model);
        assert_eq!(count(&model), 1);
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        for (name, text, why) in [
            ("memory_policy", "panic", "\"panic\" will not do; kill-only, thrash, host-down will"),
            ("hot_file_share", "1.5", "1.5 is more than the whole; a share is at most 1"),
            ("eviction_period", "0s", "a period is more than 0s"),
            ("daemon_cpu", "1001", "1001 is too much; a factor is at most 1000"),
            ("oci_weight", "cubic", "\"cubic\" will not do; linear, quadratic will"),
            ("contention", "maybe", "\"maybe\" is neither on nor off"),
            (
                "eviction_hard",
                "memory.free<1Gi",
                "\"memory.free\" is not an eviction signal that is modelled (try memory.available, nodefs.available, \
                 imagefs.available or pid.available)",
            ),
            (
                "eviction_hard",
                "memory.available=1Gi",
                "\"memory.available=1Gi\" is not SIGNAL<VALUE (try memory.available<…)",
            ),
            ("eviction_soft", "memory.available<1Gi,memory.available<2Gi", "memory.available stands twice"),
            ("eviction_soft_grace", "memory.available=soon", "\"soon\" is not a duration (try 90s, 5m, 1h30m or 2d)"),
            ("eviction_minimum_reclaim", "memory.available=101%", "\"101%\" is not a percentage (try 10%)"),
            ("enforce_node_allocatable", "all", "\"all\" will not do; none, pods will"),
            ("max_pids", "0", "0 is not a number from 1 to 4194304"),
            ("crash_loop_cap", "10m", "10m is not within 1s to 300s, as the kubelet wants it"),
            ("swap", "9Pi", "\"9Pi\" is too large a memory quantity (at most 2^53 units)"),
            ("fault_time", "2m", "2m is longer than a minute"),
            ("disk", "tape", "\"tape\" will not do; ssd, hdd will"),
        ] {
            let set = host_parameter(name).unwrap().set;
            assert_eq!(set(&mut HostModel::default(), text).unwrap_err().to_string(), why);
        }
    }
}
