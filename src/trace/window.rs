//! A window of a trace's hosts and outages; jobs are cut by [`crate::workload::Workload::crop`].

use super::TraceOutage;
use crate::cluster::HostSpec;
use crate::units::{SimDuration, SimTime};

/// Lets time begin `from` into what is said of hosts and their outages: those that have joined by then are there, those
/// that have left are not. Returns how many hosts have left.
pub fn begin_at(hosts: &mut Vec<HostSpec>, outages: &mut Vec<TraceOutage>, from: SimDuration) -> usize {
    let before = hosts.len();
    let moved = |at: SimTime| SimTime(at.0.saturating_sub(from.0));
    hosts.retain(|host| host.leaves.is_none_or(|leaves| moved(leaves) > SimTime::ZERO));
    for host in hosts.iter_mut() {
        host.joins = moved(host.joins);
        host.leaves = host.leaves.map(moved);
    }
    outages.retain_mut(|outage| {
        let end = outage.at + outage.lasts;
        outage.at = moved(outage.at);
        if outage.lasts.0 != u64::MAX {
            outage.lasts = SimDuration(moved(end).0.saturating_sub(outage.at.0));
        }
        outage.lasts != SimDuration::ZERO
    });
    before - hosts.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bytes, MilliCpu};

    #[test]
    fn hosts_that_left_are_gone_and_outages_under_way_go_on() {
        let mut hosts = ["stays", "left", "comes"].map(|name| HostSpec::new(name, MilliCpu(1), Bytes(1))).to_vec();
        hosts[1].leaves = Some(SimTime(10));
        hosts[2].joins = SimTime(15);
        let outage = |at, lasts| TraceOutage::down("stays".into(), SimTime(at), SimDuration(lasts));
        let mut outages = vec![outage(1, 5), outage(8, 4), outage(9, u64::MAX), outage(20, 7)];
        assert_eq!(begin_at(&mut hosts, &mut outages, SimDuration(10)), 1);
        assert_eq!(
            hosts.iter().map(|host| (host.name.as_str(), host.joins.0)).collect::<Vec<_>>(),
            [("stays", 0), ("comes", 5)]
        );
        assert_eq!(outages, [outage(0, 2), outage(0, u64::MAX), outage(10, 7)]);
    }
}
