//! Round-robin: one host after the other, whatever the job needs.

use super::{Ask, Changed, Finder, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::index::bits::Bits;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "round-robin",
    summary: "one host after the other in order of names; looks at no resource",
    looks_at_requests: false,
    build: |_, _| Box::new(RoundRobin { next: 0 }),
    find: Some(|cluster| Box::new(NextUsable { usable: Bits::new(cluster.len() as u32), next: 0, looked: 0 })),
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

/// Usable hosts in order of names, and whose turn it is.
struct NextUsable {
    usable: Bits,
    next: u32,
    looked: u64,
}

impl Finder for NextUsable {
    fn changed(&mut self, _ask: &Changed, host: HostId, usable: bool) {
        if usable {
            self.usable.insert(host.0);
        } else {
            self.usable.remove(host.0);
        }
    }

    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId> {
        let n = ask.cluster.len() as u32;
        // To the last host, and from the first on again.
        for (mut from, to) in [(self.next, n), (0, self.next)] {
            while let Some(host) = self.usable.next(None, from, &mut self.looked).filter(|&host| host < to) {
                if all || (ask.admits)(HostId(host)) {
                    self.next = (host + 1) % n;
                    return Some(HostId(host));
                }
                from = host + 1;
            }
        }
        None
    }

    fn looked_at(&self) -> u64 {
        self.looked
    }
}
