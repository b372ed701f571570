//! The table of claims: those of the story in its order, then the doubts.

mod discovery;
mod doubts;
mod placement;
mod store;

use super::Claim;

/// The claims.
pub const CLAIMS: &[Claim] = &[
    placement::CHEF,
    placement::LEAST_JOBS_CPU,
    placement::LEAST_JOBS_RAM,
    placement::NOT_RESOURCE_AWARE,
    discovery::HEARTBEATS,
    discovery::CONFIGURATION,
    discovery::LOGSPOUT,
    discovery::TESTING,
    discovery::NO_DISCOVERY,
    store::LATENCY,
    store::SINGLE_POINT,
    placement::NODE_DOWN,
    discovery::DNS,
    discovery::ON_THE_FLY,
    store::NOT_STUCK,
    store::STABILITY,
    doubts::EQUAL_JOBS,
    doubts::NO_REQUESTS,
    doubts::REQUEST_FACTORS,
    doubts::DOCKER_M,
    doubts::BEST_EFFORT,
    doubts::PACKING,
    doubts::HOST_LOSS,
    doubts::SINGLETONS,
    doubts::ANTI_CORRELATED,
    doubts::API_ETCD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_has_its_own_name_and_a_shipped_scenario() {
        for (i, claim) in CLAIMS.iter().enumerate() {
            assert!(CLAIMS[..i].iter().all(|other| other.name != claim.name), "{} twice", claim.name);
            assert!(claim.scenario.starts_with('#') && claim.file.starts_with("scenarios/"), "{}", claim.name);
            for metric in claim.shows.iter().map(|(metric, _)| metric).chain([&claim.figure]) {
                assert!(crate::metrics::metrics().any(|m| m.name == *metric), "{}: {metric}", claim.name);
            }
            assert!(claim.claim.ends_with('.') && claim.depends.ends_with('.'), "{}", claim.name);
        }
    }
}
