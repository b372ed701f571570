//! Least jobs: fleet's rule. The number of units decides, nothing else; sizes never count.
//!
//! fleet v0.11.5 `engine/scheduler.go: leastLoadedScheduler.Decide`: machines ascending by (number of units, machine
//! ID), the first that is able. Here a host's name stands for the machine ID.

use super::{Ask, Changed, Finder, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::index::bits::Bits;
use crate::index::fewest::Fewest;
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "least-jobs",
    summary: "the host with the fewest jobs, then the lowest name (fleet's rule); looks at no resource",
    looks_at_requests: false,
    build: |_, _| Box::new(LeastJobs),
    find: Some(|cluster| Box::new(ByJobs::new(cluster.len()))),
    ..PlacementInfo::BASE
};

struct LeastJobs;

impl Placement for LeastJobs {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.admitted(), |host| ask.bookings.jobs(host))
    }
}

/// The count of a host that is not usable.
const UNUSABLE: u32 = u32::MAX;

/// Usable hosts by the number of their jobs.
struct ByJobs {
    fewest: Fewest,
    /// The count that each host stands under.
    counts: Vec<u32>,
}

impl ByJobs {
    fn new(hosts: usize) -> ByJobs {
        ByJobs { fewest: Fewest::new(hosts as u32), counts: vec![UNUSABLE; hosts] }
    }
}

impl Finder for ByJobs {
    fn changed(&mut self, ask: &Changed, host: HostId, usable: bool) {
        let new = if usable { ask.bookings.jobs(host) } else { UNUSABLE };
        let old = std::mem::replace(&mut self.counts[host.index()], new);
        match (old, new) {
            (UNUSABLE, UNUSABLE) => {}
            (UNUSABLE, new) => self.fewest.add(host.0, new),
            (old, UNUSABLE) => self.fewest.remove(host.0, old),
            (old, new) => self.fewest.moves(host.0, old, new),
        }
    }

    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId> {
        find_fewest(&mut self.fewest, None, ask, all)
    }

    fn looked_at(&self) -> u64 {
        self.fewest.looked_at()
    }
}

/// The admitted host with the lowest count among those in `mask`, by the run's tie rule; `all`: every one of them is admitted.
pub(crate) fn find_fewest(fewest: &mut Fewest, mask: Option<&Bits>, ask: &Ask, all: bool) -> Option<HostId> {
    if all && !ask.random_ties {
        return fewest.first(mask).map(|(_, host)| HostId(host));
    }
    if all {
        let (count, equals) = fewest.equals(mask)?;
        let r = if equals > 1 { ask.draw(Purpose::TieBreak).below(equals.into()) } else { 0 };
        return fewest.nth(mask, count, r as u32).map(HostId);
    }
    let admits = |host: u32| (ask.admits)(HostId(host));
    let mut at = fewest.first(mask)?;
    while !admits(at.1) {
        at = fewest.next(mask, at)?;
    }
    if !ask.random_ties {
        return Some(HostId(at.1));
    }
    let (count, mut equals) = (at.0, vec![at.1]);
    while let Some(host) = fewest.of_count(mask, count, at.1 + 1) {
        at.1 = host;
        equals.extend(admits(host).then_some(host));
    }
    let r = if equals.len() > 1 { ask.draw(Purpose::TieBreak).below(equals.len() as u64) } else { 0 };
    Some(HostId(equals[r as usize]))
}
