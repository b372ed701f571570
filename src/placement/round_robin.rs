//! Round-robin: one host after the other, whatever the job needs.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "round-robin",
    summary: "one host after the other in order of names; looks at no resource",
    looks_at_requests: false,
    build: |_, _| Box::new(RoundRobin { next: 0 }),
    ..PlacementInfo::BASE
};

struct RoundRobin {
    /// Index of the host to try first.
    next: usize,
}

impl Placement for RoundRobin {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        let n = ask.cluster.len();
        let host = (0..n).map(|i| HostId::from_index((self.next + i) % n)).find(|&host| (ask.admits)(host))?;
        self.next = (host.index() + 1) % n;
        Some(host)
    }
}
