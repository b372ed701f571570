//! The daemons that a host needs beside its jobs: what they take of CPU and memory, and what their death does.
//!
//! They are entities of the same CPU and memory model as jobs, so that they can starve and be killed. How much each takes
//! is *assumed* (figures of an idle to lightly loaded host; sweep by the factors in the table of host parameters); what
//! their scores were, and what hangs on them, is documented where they stand.

use crate::units::{Bytes, MilliCpu};

/// What the death of a daemon does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DaemonDeath {
    /// Every container on the host ends with it, and none starts until it is back.
    Containers,
    /// Nothing is heard of the host until it is back; what runs goes on.
    Silence,
    /// A member of the cluster's store is down until it is back.
    Member,
    /// No container starts until it is back; what runs goes on.
    NoStarts,
    /// Nothing that is modelled.
    Nothing,
}

/// A daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Daemon {
    /// Its name.
    pub name: &'static str,
    /// CPU that it would take.
    pub cpu: MilliCpu,
    /// Resident memory; part of the memory of the system's own processes.
    pub memory: Bytes,
    /// `oom_score_adj`, -1000 to 1000.
    pub oom_score_adj: i64,
    /// What its death does.
    pub death: DaemonDeath,
}

/// dockerd before live-restore (docker 1.12) and before its score was lowered (moby#24516, July 2016): containers end
/// with it.
pub const DOCKERD_2015: Daemon = Daemon {
    name: "dockerd",
    cpu: MilliCpu(40),
    memory: Bytes::mib(100),
    oom_score_adj: 0,
    death: DaemonDeath::Containers,
};

/// etcd 2 on a host of its cluster, with no score of its own (coreos/bugs#381: it ran out of memory).
pub const ETCD_2: Daemon =
    Daemon { name: "etcd", cpu: MilliCpu(50), memory: Bytes::mib(100), oom_score_adj: 0, death: DaemonDeath::Member };

/// fleetd, engine and agent (coreos/bugs#337: killed out of memory); systemd goes on with its units.
pub const FLEETD: Daemon =
    Daemon { name: "fleetd", cpu: MilliCpu(20), memory: Bytes::mib(40), oom_score_adj: 0, death: DaemonDeath::Silence };

/// chef-client as a daemon: between converges it sleeps.
pub const CHEF_CLIENT: Daemon = Daemon {
    name: "chef-client",
    cpu: MilliCpu(10),
    memory: Bytes::mib(80),
    oom_score_adj: 0,
    death: DaemonDeath::Silence,
};

/// The kubelet (`oom_score_adj` -999, `pkg/kubelet/qos/policy.go`, v1.36.3).
pub const KUBELET: Daemon = Daemon {
    name: "kubelet",
    cpu: MilliCpu(60),
    memory: Bytes::mib(90),
    oom_score_adj: -999,
    death: DaemonDeath::Silence,
};

/// kube-proxy with iptables (`oom_score_adj` -999, `pkg/kubelet/qos`, v1.2.4): its rules stay when it
/// dies, and are only not brought up to date.
pub const KUBE_PROXY: Daemon = Daemon {
    name: "kube-proxy",
    cpu: MilliCpu(10),
    memory: Bytes::mib(20),
    oom_score_adj: -999,
    death: DaemonDeath::Nothing,
};

/// containerd (`OOMScoreAdjust=-999` in its unit since 2020, containerd#4409); containers live on without it.
pub const CONTAINERD: Daemon = Daemon {
    name: "containerd",
    cpu: MilliCpu(40),
    memory: Bytes::mib(70),
    oom_score_adj: -999,
    death: DaemonDeath::NoStarts,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostModel;

    #[test]
    fn the_daemons_of_an_era_fit_into_the_memory_of_the_system() {
        let fleet = [DOCKERD_2015, ETCD_2, FLEETD];
        let (kube_2016, chef, kube) =
            ([DOCKERD_2015, KUBELET, KUBE_PROXY], [DOCKERD_2015, CHEF_CLIENT], [KUBELET, CONTAINERD]);
        for era in [&fleet[..], &kube_2016, &chef, &kube] {
            let memory: i64 = era.iter().map(|d| d.memory.0).sum();
            assert!(memory <= HostModel::default().memory.system_anon.0);
        }
    }
}
