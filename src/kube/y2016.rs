//! The decisions of kube-scheduler v1.2.4 (May 2016) and v1.3.0 (July 2016) with the default provider, exactly, as a
//! pure library: no clock, no queue, no binding.
//!
//! [`node`] and [`pod`] read the objects as that day's API did, [`algorithm`] has one table of [`predicate`]s and
//! [`priority`] functions for each version, [`scheduler`] runs one cycle over all nodes and settles ties, [`back_off`]
//! says how long a pod that failed waits, [`case`] runs a recorded case. Comments name the Go function; paths are
//! those of `k8s.io/kubernetes`, under `plugin/pkg/scheduler/` where they have no other prefix.
//!
//! Not here: PersistentVolumeClaims (refused when read), extenders, and the predicates and priorities that are not in
//! the default provider.

use crate::error::{Error, Result, unknown_name};

pub mod affinity;
pub mod algorithm;
pub mod back_off;
pub mod case;
pub mod indexed;
pub mod label;
pub mod node;
pub mod node_info;
pub mod owners;
pub mod pod;
pub mod predicate;
pub mod priority;
pub mod scheduler;
pub mod taint;
pub mod volume;

/// Which kube-scheduler decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Version {
    /// v1.2.4, tagged 6 May 2016.
    #[default]
    V1_2_4,
    /// v1.3.0, tagged 1 July 2016.
    V1_3_0,
}

impl Version {
    /// All of them, in order.
    pub const ALL: [Version; 2] = [Version::V1_2_4, Version::V1_3_0];

    /// As its tag spells it.
    pub fn name(self) -> &'static str {
        match self {
            Version::V1_2_4 => "v1.2.4",
            Version::V1_3_0 => "v1.3.0",
        }
    }

    /// Reads a version, with or without the `v`.
    pub fn parse(text: &str) -> Result<Version> {
        let wanted = text.strip_prefix('v').unwrap_or(text);
        let known = Version::ALL.into_iter().find(|version| &version.name()[1..] == wanted);
        known.ok_or_else(|| Error::input(unknown_name("version", text, &Version::ALL.map(Version::name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_the_v() {
        assert_eq!(Version::parse("1.2.4").unwrap(), Version::V1_2_4);
        assert_eq!(Version::parse("v1.3.0").unwrap(), Version::V1_3_0);
        let error = Version::parse("1.3.1").unwrap_err();
        assert!(error.to_string().contains("v1.3.0"), "{error}");
    }
}
