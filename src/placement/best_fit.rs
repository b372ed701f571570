//! Best-fit: the fitting host with the least CPU and memory share left after placement.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "best-fit",
    summary: "the fitting host with the least CPU share + memory share left after placement",
    looks_at_requests: true,
    build: |_, _| Box::new(BestFit),
    ..PlacementInfo::BASE
};

struct BestFit;

impl Placement for BestFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.feasible(), |host| left(ask, host))
    }
}

/// Free CPU / CPU + free memory / memory of `host` once the job is there, in steps of 2^-40 rounded toward zero, so
/// that no float decides a tie.
pub(super) fn left(ask: &Ask, host: HostId) -> i128 {
    let h = host.index();
    let spec = ask.cluster.spec(host);
    let share = |capacity: i64, booked: i64, wanted: i64| {
        i128::from(capacity - booked - wanted) * (1 << 40) / i128::from(capacity)
    };
    share(spec.cpu.0, ask.bookings.cpu[h], ask.request.cpu.0)
        + share(spec.memory.0, ask.bookings.memory[h], ask.request.memory.0)
}
