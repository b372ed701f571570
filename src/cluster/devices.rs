//! GPUs as devices of 1000 thousandths: which are free on each host.
//!
//! The control plane keeps one of these for what it has promised, the simulation another for what is really taken.

use super::Cluster;
use crate::ids::HostId;

/// Which devices with so many thousandths `free` would serve `wanted`, a list of thousandths each from a different
/// device: for each wish, largest first, the fullest device that still has room, lowest index among equals. `None` if
/// they do not fit.
pub fn choose_devices(free: &[u16], wanted: &[u16]) -> Option<Vec<u16>> {
    if wanted.is_empty() {
        return Some(Vec::new());
    }
    if wanted.len() > free.len() {
        return None;
    }
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(wanted[i]));
    let mut chosen = vec![u16::MAX; wanted.len()];
    for i in order {
        let device = (0..free.len())
            .filter(|&d| free[d] >= wanted[i] && !chosen.contains(&(d as u16)))
            .min_by_key(|&d| free[d])?;
        chosen[i] = device as u16;
    }
    Some(chosen)
}

/// Free thousandths of every GPU of every host.
#[derive(Clone, Debug)]
pub struct Devices {
    free: Vec<u16>,
    /// `start[h]..start[h + 1]` are host `h`'s devices in `free`.
    start: Vec<u32>,
}

impl Devices {
    /// All devices of `cluster`, free.
    pub fn new(cluster: &Cluster) -> Self {
        let mut start = vec![0u32];
        for host in cluster.ids() {
            start.push(start[host.index()] + u32::from(cluster.spec(host).gpus));
        }
        Devices { free: vec![1000; start[cluster.len()] as usize], start }
    }

    /// Free thousandths of each device of `host`.
    pub fn free(&self, host: HostId) -> &[u16] {
        &self.free[self.start[host.index()] as usize..self.start[host.index() + 1] as usize]
    }

    /// Which devices of `host` would serve `wanted`; see [`choose_devices`].
    pub fn choose(&self, host: HostId, wanted: &[u16]) -> Option<Vec<u16>> {
        choose_devices(self.free(host), wanted)
    }

    /// The same, but one wish goes to `device` if that has room for it.
    pub fn choose_with(&self, host: HostId, wanted: &[u16], device: Option<u16>) -> Option<Vec<u16>> {
        match (wanted, device) {
            (&[share], Some(device)) if self.free(host).get(usize::from(device)).is_some_and(|&free| free >= share) => {
                Some(vec![device])
            }
            _ => self.choose(host, wanted),
        }
    }

    /// Whether `wanted` fits on `host` now.
    pub fn fits(&self, host: HostId, wanted: &[u16]) -> bool {
        self.choose(host, wanted).is_some()
    }

    /// Takes `wanted` from the devices `chosen` of `host`. Panics when a device has not that much left.
    pub fn take(&mut self, host: HostId, chosen: &[u16], wanted: &[u16]) {
        let start = self.start[host.index()] as usize;
        for (&device, &amount) in chosen.iter().zip(wanted) {
            let free = &mut self.free[start + usize::from(device)];
            *free = free.checked_sub(amount).expect("took more of a GPU than it has");
        }
    }

    /// Gives back what [`Devices::take`] took.
    pub fn give(&mut self, host: HostId, chosen: &[u16], wanted: &[u16]) {
        let start = self.start[host.index()] as usize;
        for (&device, &amount) in chosen.iter().zip(wanted) {
            self.free[start + usize::from(device)] += amount;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::HostSpec;
    use crate::units::{Bytes, MilliCpu};

    #[test]
    fn shares_go_to_the_fullest_device_that_has_room() {
        let mut host = HostSpec::new("a", MilliCpu(1000), Bytes(1));
        host.gpus = 3;
        let mut devices = Devices::new(&Cluster::new(vec![host], &[]).unwrap());
        let h = HostId(0);
        devices.take(h, &[1], &[600]);
        assert_eq!(devices.choose(h, &[300]), Some(vec![1]));
        assert_eq!(devices.choose(h, &[500]), Some(vec![0]));
        assert_eq!(devices.choose(h, &[400, 1000, 1000]), Some(vec![1, 0, 2]));
        assert_eq!(devices.choose(h, &[1000, 1000, 1000]), None);
        devices.give(h, &[1], &[600]);
        assert!(devices.fits(h, &[1000, 1000, 1000]));
    }
}
