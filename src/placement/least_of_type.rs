//! Least of the same process type: the rule of Deis before v0.8.0.
//!
//! deis v0.7.0 `controller/api/models.py: next_runtime_node`: nodes ascending by the number of containers of that
//! process type over all apps of the formation. Ties there go by memory address; here by name, which stands for the
//! order of creation.

use super::{Ask, Placement, PlacementInfo};
use crate::ids::HostId;

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "least-of-type",
    summary: "the host with the fewest jobs of the same process type, then the lowest name (Deis before v0.8.0); looks at no resource",
    looks_at_requests: false,
    build: |_, _| Box::new(LeastOfType),
    ..PlacementInfo::BASE
};

struct LeastOfType;

impl Placement for LeastOfType {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.lowest(ask.admitted(), |host| (ask.same_type)(host))
    }
}
