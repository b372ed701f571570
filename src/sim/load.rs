//! Load: a host is worked out once for all that touched it at one instant: CPU first, then memory.

use super::engine::Simulation;

impl Simulation<'_> {
    /// Works out every touched host, in order of ids, until none is touched any more at this instant.
    pub(super) fn work_out_hosts(&mut self) {
        let mut hosts = std::mem::take(&mut self.dirty);
        hosts.sort_unstable();
        for &host in &hosts {
            self.hosts[host.index()].dirty = false;
            self.share_cpu(host);
        }
        for &host in &hosts {
            self.apply_memory(host);
        }
        hosts.clear();
        // What memory did may have touched hosts again: they come up in the next round of this instant.
        if self.dirty.is_empty() {
            self.dirty = hosts;
        }
    }
}
