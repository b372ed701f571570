//! First-fit: the first host, in order of names, whose free requests hold the job.

use super::{Ask, Changed, Finder, Placement, PlacementInfo};
use crate::cluster::{Cluster, HostSpec};
use crate::ids::HostId;
use crate::index::most::{Most, NOTHING};

pub(super) const INFO: PlacementInfo = PlacementInfo {
    name: "first-fit",
    summary: "the first host in order of names whose free requests hold the job",
    looks_at_requests: true,
    build: |_, _| Box::new(FirstFit),
    find: Some(|cluster| Box::new(FirstWithRoom::new(cluster))),
    ..PlacementInfo::BASE
};

pub(super) struct FirstFit;

impl Placement for FirstFit {
    fn choose(&mut self, ask: &Ask) -> Option<HostId> {
        ask.feasible().next()
    }
}

/// Free CPU and memory of usable hosts in order of names, and the share of what they have less of: a stretch of hosts of which
/// some lack CPU and the others memory is passed over by that.
struct FirstWithRoom {
    row: Most<3>,
    /// The most CPU and memory that a host has.
    largest: [i64; 2],
}

/// The smaller one of two shares in steps of 2^-30. Floating point rounds the larger of two amounts to no less than the smaller
/// one, and a part of the larger of two hosts to no more than that of the smaller, which is all that is asked of it.
fn smaller(amount: [i64; 2], of: [i64; 2]) -> i64 {
    let share = |d: usize| (amount[d] as f64 / of[d] as f64 * f64::from(1 << 30)) as i64;
    share(0).min(share(1))
}

impl FirstWithRoom {
    fn new(cluster: &Cluster) -> FirstWithRoom {
        let most = |of: fn(&HostSpec) -> i64| cluster.ids().map(|host| of(cluster.spec(host))).max().unwrap_or(1);
        let largest = [most(|spec| spec.cpu.0), most(|spec| spec.memory.0)];
        FirstWithRoom { row: Most::new(cluster.len()), largest }
    }
}

impl Finder for FirstWithRoom {
    fn changed(&mut self, ask: &Changed, host: HostId, usable: bool) {
        let sizes = |[cpu, memory]: [i64; 2]| {
            let spec = ask.cluster.spec(host);
            [cpu, memory, smaller([cpu, memory], [spec.cpu.0, spec.memory.0])]
        };
        self.row.set(host.index(), if usable { sizes(ask.free(host)) } else { [NOTHING; 3] });
    }

    fn find(&mut self, ask: &Ask, all: bool) -> Option<HostId> {
        // Nothing wanted fits wherever a job may go, even where more is booked than there is.
        let room = |wanted: i64| if wanted <= 0 { NOTHING + 1 } else { wanted };
        let (cpu, memory) = (ask.request.cpu.0, ask.request.memory.0);
        let share = if cpu > 0 && memory > 0 { smaller([cpu, memory], self.largest) } else { NOTHING + 1 };
        let wanted = [room(cpu), room(memory), share];
        let all = all && ask.only_sizes();
        let mut from = 0;
        loop {
            let at = self.row.next(from, wanted)?;
            let host = HostId::from_index(at);
            if all || ask.takes(host) {
                return Some(host);
            }
            from = at + 1;
        }
    }

    fn looked_at(&self) -> u64 {
        self.row.looked_at()
    }
}
