//! Least jobs: fleet's rule. The number of units decides, nothing else; sizes never count.
//!
//! fleet v0.11.5 `engine/scheduler.go: leastLoadedScheduler.Decide`: machines ascending by (number of units, machine
//! ID), the first that is able. Here a host's name stands for the machine ID.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "least-jobs",
    summary: "the host with the fewest jobs, then the lowest name (fleet's rule); looks at no resource",
    looks_at_requests: false,
    build: |_, _| Box::new(LeastJobs),
    ..PlacementInfo::BASE
};

struct LeastJobs;

impl Placement for LeastJobs {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.admitted(), |host| ask.bookings.jobs[host.index()])
    }
}
