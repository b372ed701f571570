//! Random: any open host with equal chance, whatever the job needs.

use super::{Ask, Changed, Finder, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::index::bits::Bits;
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "random",
    summary: "any host with equal chance, drawn from (seed, job, decision); looks at no resource",
    looks_at_requests: false,
    draws: true,
    build: |_, _| Box::new(Random),
    find: Some(|cluster| Box::new(AnyUsable { usable: Bits::new(cluster.len() as u32), looked: 0 })),
    ..PlacementInfo::BASE
};

struct Random;

impl Placement for Random {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        let open = ask.admitted().count() as u64;
        if open == 0 {
            return None;
        }
        let r = ask.draw(Purpose::RandomPlacement).below(open);
        ask.admitted().nth(r as usize)
    }
}

/// Usable hosts in order of names.
struct AnyUsable {
    usable: Bits,
    looked: u64,
}

impl Finder for AnyUsable {
    fn changed(&mut self, _ask: &Changed, host: HostId, usable: bool) {
        if usable {
            self.usable.insert(host.0);
        } else {
            self.usable.remove(host.0);
        }
    }

    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId> {
        if !all {
            self.looked += ask.cluster.len() as u64;
            return Random.choose(ask);
        }
        if self.usable.is_empty() {
            return None;
        }
        let r = ask.draw(Purpose::RandomPlacement).below(self.usable.len().into());
        self.usable.nth(None, r as u32, &mut self.looked).map(HostId)
    }

    fn looked_at(&self) -> u64 {
        self.looked
    }
}
