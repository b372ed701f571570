//! What a version decides by: who is looked at, what must hold, what is scored, who is taken.

use crate::kube::y2016::Version;
use crate::kube::y2016::node::{Node, eligible_1_2_4, eligible_1_3_0};
use crate::kube::y2016::predicate::{self, Check};
use crate::kube::y2016::priority::{self, Score};

/// A predicate and its name.
#[derive(Clone, Copy, Debug)]
pub struct Predicate {
    /// Name in the provider.
    pub name: &'static str,
    /// What it checks.
    pub check: Check,
}

/// A priority, its name and its weight.
#[derive(Clone, Copy, Debug)]
pub struct Priority {
    /// Name in the provider.
    pub name: &'static str,
    /// By which its score is multiplied.
    pub weight: i64,
    /// What it scores.
    pub score: Score,
}

/// Which of `tied` nodes, by names ascending, is taken after `counter` successes.
pub type Pick = fn(tied: usize, counter: u64) -> usize;

/// The default provider of a version: `algorithmprovider/defaults/defaults.go`.
#[derive(Clone, Debug)]
pub struct Algorithm {
    /// The version.
    pub version: Version,
    /// Whether a node is looked at at all.
    pub eligible: fn(&Node) -> bool,
    /// Predicates by name. The real scheduler keeps them in a map and runs them in random order.
    pub predicates: Vec<Predicate>,
    /// Priorities by name.
    pub priorities: Vec<Priority>,
    /// Settles ties.
    pub pick: Pick,
}

/// `selectHost` (`generic_scheduler.go`): of the nodes with the highest score, sorted by name **descending**, the one at
/// `counter` modulo their number. The source calls it random in v1.2.4, and is not.
pub fn round_robin(tied: usize, counter: u64) -> usize {
    let at = counter % (tied.max(1) as u64);
    tied.saturating_sub(1).saturating_sub(at as usize)
}

impl Algorithm {
    /// The default provider of `version`.
    pub fn of(version: Version) -> Self {
        let checks: &[(&'static str, Check)] = match version {
            Version::V1_2_4 => &[
                ("HostName", predicate::host_name),
                ("MatchNodeSelector", predicate::match_node_selector),
                ("MaxEBSVolumeCount", predicate::max_ebs_1_2_4),
                ("MaxGCEPDVolumeCount", predicate::max_gce_pd_1_2_4),
                ("NoDiskConflict", predicate::no_disk_conflict),
                ("NoVolumeZoneConflict", predicate::no_volume_zone_conflict),
                ("PodFitsHostPorts", predicate::fits_host_ports),
                ("PodFitsResources", predicate::fits_resources),
            ],
            Version::V1_3_0 => &[
                ("CheckNodeMemoryPressure", predicate::memory_pressure),
                ("GeneralPredicates", predicate::general),
                ("MaxEBSVolumeCount", predicate::max_ebs_1_3_0),
                ("MaxGCEPDVolumeCount", predicate::max_gce_pd_1_3_0),
                ("NoDiskConflict", predicate::no_disk_conflict),
                ("NoVolumeZoneConflict", predicate::no_volume_zone_conflict),
                ("PodToleratesNodeTaints", predicate::tolerates_taints),
            ],
        };
        let spread: Score = match version {
            Version::V1_2_4 => priority::selector_spread_1_2_4,
            Version::V1_3_0 => priority::selector_spread_1_3_0,
        };
        let mut scores: Vec<(&'static str, Score)> = vec![
            ("BalancedResourceAllocation", priority::balanced_resource_allocation),
            ("LeastRequestedPriority", priority::least_requested),
            ("NodeAffinityPriority", priority::node_affinity),
            ("SelectorSpreadPriority", spread),
        ];
        if version == Version::V1_3_0 {
            scores.push(("TaintTolerationPriority", priority::taint_toleration));
        }
        Algorithm {
            version,
            eligible: if version == Version::V1_2_4 { eligible_1_2_4 } else { eligible_1_3_0 },
            predicates: checks.iter().map(|&(name, check)| Predicate { name, check }).collect(),
            priorities: scores.into_iter().map(|(name, score)| Priority { name, weight: 1, score }).collect(),
            pick: round_robin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_is_first_and_then_they_take_turns() {
        let picks = |tied: usize| (0..4).map(|counter| round_robin(tied, counter)).collect::<Vec<_>>();
        assert_eq!(picks(1), [0, 0, 0, 0]);
        assert_eq!(picks(3), [2, 1, 0, 2]);
        // The counter is unsigned: 2⁶⁴ − 1 = 3·6148914691236517205.
        assert_eq!(round_robin(3, u64::MAX), 2);
    }

    #[test]
    fn rows_stand_by_name() {
        for version in Version::ALL {
            let algorithm = Algorithm::of(version);
            assert!(algorithm.predicates.is_sorted_by_key(|row| row.name));
            assert!(algorithm.priorities.is_sorted_by_key(|row| row.name));
        }
    }
}
