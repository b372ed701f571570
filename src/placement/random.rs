//! Random: any open host with equal chance, whatever the job needs.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "random",
    summary: "any host with equal chance, drawn from (seed, job, decision); looks at no resource",
    looks_at_requests: false,
    draws: true,
    build: |_, _| Box::new(Random),
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
