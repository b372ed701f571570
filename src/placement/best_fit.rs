//! Best-fit: the fitting host with the least CPU and memory share left after placement.

use super::{Ask, Changed, Finder, Placement, PlacementInfo};
use crate::cluster::Cluster;
use crate::ids::HostId;
use crate::index::shelves::{Shelves, Wish};
use crate::rng::Purpose;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "best-fit",
    summary: "the fitting host with the least CPU share + memory share left after placement",
    looks_at_requests: true,
    build: |_, _| Box::new(BestFit),
    find: Some(|cluster| Box::new(ByRoom::new(cluster, Wish::Least))),
    ..PlacementInfo::BASE
};

struct BestFit;

impl Placement for BestFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        by_scan(ask, Wish::Least)
    }
}

/// Free CPU / CPU + free memory / memory of `host` once the job is there, in steps of 2^-40 rounded toward zero, so
/// that no float decides a tie.
pub(super) fn left(ask: &Ask, host: HostId) -> i128 {
    let spec = ask.cluster.spec(host);
    let share = |capacity: i64, booked: i64, wanted: i64| {
        i128::from(capacity - booked - wanted) * (1 << 40) / i128::from(capacity)
    };
    share(spec.cpu.0, ask.bookings.cpu(host), ask.request.cpu.0)
        + share(spec.memory.0, ask.bookings.memory(host), ask.request.memory.0)
}

/// All hosts that hold the job, one by one.
pub(super) fn by_scan(ask: &Ask, wish: Wish) -> Option<HostId> {
    match wish {
        Wish::Least => ask.lowest(ask.feasible(), |host| left(ask, host)),
        Wish::Most => ask.lowest(ask.feasible(), |host| -left(ask, host)),
    }
}

/// Usable hosts by what they have left.
pub(super) struct ByRoom {
    shelves: Shelves,
    wish: Wish,
}

impl ByRoom {
    pub(super) fn new(cluster: &Cluster, wish: Wish) -> ByRoom {
        let has = cluster.ids().map(|host| [cluster.spec(host).cpu.0, cluster.spec(host).memory.0]);
        ByRoom { shelves: Shelves::new(has.collect()), wish }
    }
}

impl Finder for ByRoom {
    fn changed(&mut self, ask: &Changed, host: HostId, usable: bool) {
        self.shelves.set(host.0, usable.then(|| ask.free(host)));
    }

    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId> {
        let wanted = [ask.request.cpu.0, ask.request.memory.0];
        if wanted[0] < 0 || wanted[1] < 0 {
            return by_scan(ask, self.wish);
        }
        let takes = |host: u32| ask.takes(HostId(host));
        let will_do: Option<&dyn Fn(u32) -> bool> = if all && ask.only_sizes() { None } else { Some(&takes) };
        let mut draw = |equals: u64| ask.draw(Purpose::TieBreak).below(equals);
        let draw: Option<&mut dyn FnMut(u64) -> u64> = if ask.random_ties { Some(&mut draw) } else { None };
        self.shelves.find(self.wish, wanted, will_do, draw).map(HostId)
    }

    fn looked_at(&self) -> u64 {
        self.shelves.looked_at()
    }
}
