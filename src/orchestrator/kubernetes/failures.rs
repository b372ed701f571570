//! What is known of jobs that fitted nowhere: which nodes have to be looked at again.
//!
//! Pods of one class get the same answers. As long as every filter looks at the node alone, a class that fitted nowhere
//! can only fit where something changed; with thousands of pods waiting, that is nearly all that is ever asked. The
//! reference with every idle tick asks all nodes each time, and must come to the same.

use std::collections::BTreeMap;

use crate::ids::HostId;

/// No plugin: the host is not a node.
const NONE: u8 = u8::MAX;

/// How a class failed.
struct Failure {
    /// How much of the log it has seen.
    seen: usize,
    /// Which plugin rejects it on each host, by number of its bit.
    plugin: Vec<u8>,
    /// Hosts by plugin.
    counts: [u32; 32],
}

/// Failures by class, and the log of what changed.
#[derive(Default)]
pub(super) struct Failures {
    log: Vec<HostId>,
    by_class: BTreeMap<u32, Failure>,
}

impl Failures {
    /// Something about `host` changed.
    pub fn changed(&mut self, host: HostId) {
        if !self.by_class.is_empty() {
            self.log.push(host);
        }
    }

    /// Nodes came or went: all is open again.
    pub fn forget_all(&mut self) {
        self.log.clear();
        self.by_class.clear();
    }

    /// `class` fits again, or is judged by other things.
    pub fn forget(&mut self, class: u32) {
        self.by_class.remove(&class);
    }

    /// Whether `class` failed before, and the hosts that changed since.
    pub fn changed_since(&self, class: u32) -> Option<Vec<HostId>> {
        let failure = self.by_class.get(&class)?;
        let mut hosts = self.log[failure.seen..].to_vec();
        hosts.sort_unstable();
        hosts.dedup();
        Some(hosts)
    }

    /// `class` failed: the bit of the plugin by each of `rejected`, all hosts the first time.
    pub fn failed(&mut self, class: u32, hosts: usize, rejected: impl Iterator<Item = (HostId, u32)>) {
        let seen = self.log.len();
        let fresh = || Failure { seen, plugin: vec![NONE; hosts], counts: [0; 32] };
        let failure = self.by_class.entry(class).or_insert_with(fresh);
        failure.seen = seen;
        for (host, bit) in rejected {
            let slot = &mut failure.plugin[host.index()];
            if *slot != NONE {
                failure.counts[usize::from(*slot)] -= 1;
            }
            *slot = bit.trailing_zeros() as u8;
            failure.counts[usize::from(*slot)] += 1;
        }
    }

    /// The bits of the plugins that reject `class` somewhere.
    pub fn rejectors(&self, class: u32) -> u32 {
        let Some(failure) = self.by_class.get(&class) else { return 0 };
        failure.counts.iter().enumerate().filter(|(_, n)| **n > 0).fold(0, |all, (bit, _)| all | 1 << bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_asked_only_where_something_changed_since_it_failed() {
        let mut failures = Failures::default();
        failures.changed(HostId(0));
        assert_eq!(failures.changed_since(7), None);
        failures.failed(7, 3, [(HostId(0), 1), (HostId(1), 4), (HostId(2), 4)].into_iter());
        assert_eq!((failures.rejectors(7), failures.changed_since(7)), (5, Some(vec![])));
        failures.changed(HostId(2));
        failures.changed(HostId(0));
        failures.changed(HostId(2));
        assert_eq!(failures.changed_since(7), Some(vec![HostId(0), HostId(2)]));
        failures.failed(7, 3, [(HostId(0), 4), (HostId(2), 4)].into_iter());
        assert_eq!((failures.rejectors(7), failures.changed_since(7)), (4, Some(vec![])));
        failures.forget(7);
        assert_eq!(failures.changed_since(7), None);
    }
}
