//! How a kubelet, and whatever else starts containers on a host, is set.
//!
//! Eviction and back-off are the kubelet's: only orchestrators that have one, or `eviction: on`, read them. Image pulls are
//! everybody's.

use std::collections::BTreeMap;

use super::{HostParameter, period, share, share_text, switch, switch_text};
use crate::error::{Error, Result};
use crate::host::kubelet::threshold::{Amount, Threshold, Written};
use crate::units::{Bytes, SECOND_US, SimDuration};

/// What a kubelet evicts for unless it is told otherwise (`DefaultEvictionHard`, inodes left out).
const DEFAULT_HARD: &str = "memory.available<100Mi,nodefs.available<10%,imagefs.available<15%";
/// No list.
const NONE: &str = "none";

/// A kubelet's parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct KubeletModel {
    /// Thresholds as written.
    pub eviction: Written,
    /// Whether the default hard thresholds stand for signals that `eviction.hard` leaves out
    /// (`mergeDefaultEvictionSettings`).
    pub merge_default_eviction: bool,
    /// Most time that a pod evicted for a soft threshold gets (`evictionMaxPodGracePeriod`).
    pub eviction_max_pod_grace: SimDuration,
    /// The eviction loop's period.
    pub eviction_period: SimDuration,
    /// How long a pressure condition outlasts its cause (`evictionPressureTransitionPeriod`).
    pub pressure_transition: SimDuration,
    /// Share of the file cache that a host needs which is on the active list, in thousandths: the working set, and so what
    /// `memory.available` does not count, holds it.
    pub active_file_milli: u32,
    /// Memory kept for Kubernetes' daemons (`kubeReserved`).
    pub kube_reserved: Bytes,
    /// Memory kept for the system's daemons (`systemReserved`).
    pub system_reserved: Bytes,
    /// Process ids of a host.
    pub max_pids: u64,
    /// Disk space of images that no job uses, when the host comes up for the first time.
    pub image_cache: Bytes,
    /// Longest wait before a container that crashes is restarted (`crashLoopBackOff.maxContainerRestartPeriod`).
    pub crash_loop_cap: SimDuration,
    /// Time from a container's end to the kubelet's look at it.
    pub restart_latency: SimDuration,
    /// How long it takes to pull an image that a host lacks.
    pub image_pull: SimDuration,
    /// Whether a host pulls one image after the other (`serializeImagePulls`).
    pub serialize_image_pulls: bool,
}

impl Default for KubeletModel {
    fn default() -> Self {
        KubeletModel {
            eviction: Written {
                hard: list(DEFAULT_HARD, '<').expect("the defaults can be read"),
                enforce_pods: true,
                ..Written::default()
            },
            merge_default_eviction: false,
            eviction_max_pod_grace: SimDuration::ZERO,
            eviction_period: SimDuration(10 * SECOND_US),
            pressure_transition: SimDuration::from_secs(300),
            active_file_milli: 0,
            kube_reserved: Bytes(0),
            system_reserved: Bytes(0),
            max_pids: 4_194_304,
            image_cache: Bytes(0),
            crash_loop_cap: SimDuration::from_secs(300),
            restart_latency: SimDuration::ZERO,
            image_pull: SimDuration::ZERO,
            serialize_image_pulls: true,
        }
    }
}

impl KubeletModel {
    /// The thresholds in force. Errors: a soft threshold has no grace period.
    pub fn thresholds(&self) -> Result<Vec<Threshold>> {
        let mut written = self.eviction.clone();
        if self.merge_default_eviction {
            for (signal, amount) in list(DEFAULT_HARD, '<')? {
                written.hard.entry(signal).or_insert(amount);
            }
        }
        written.thresholds()
    }

    /// Memory that is kept from pods.
    pub fn reserved(&self) -> Bytes {
        Bytes(self.kube_reserved.0.saturating_add(self.system_reserved.0))
    }
}

/// Reads `memory.available<100Mi,pid.available<10%`, `none` for no entry. Amounts are looked at when all is there.
fn list(text: &str, sign: char) -> Result<BTreeMap<String, String>> {
    let mut entries = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty() && *entry != NONE) {
        let Some((signal, value)) = entry.split_once(sign) else {
            return Err(Error::input(format!("\"{entry}\" is not SIGNAL{sign}VALUE (try memory.available{sign}…)")));
        };
        let (signal, value) = (signal.trim(), value.trim());
        if entries.insert(signal.to_string(), value.to_string()).is_some() {
            return Err(Error::input(format!("{signal} stands twice")));
        }
    }
    Ok(entries)
}

/// What [`list`] reads.
fn list_text(entries: &BTreeMap<String, String>, sign: char) -> String {
    if entries.is_empty() {
        return NONE.into();
    }
    entries.iter().map(|(signal, value)| format!("{signal}{sign}{value}")).collect::<Vec<_>>().join(",")
}

/// Thresholds `text` alone, each with a grace period: an error that names what is wrong with one of them.
fn thresholds(text: &str) -> Result<BTreeMap<String, String>> {
    let hard = list(text, '<')?;
    Written { hard: hard.clone(), ..Written::default() }.thresholds()?;
    Ok(hard)
}

pub(super) const PARAMETERS: &[HostParameter] = &[
    HostParameter {
        name: "eviction_hard",
        summary: "what must be left of memory, disk and process ids, or the kubelet evicts at once",
        source: "kubelet evictionHard, v1.36.3, inodes left out; what is written replaces the whole list",
        range: "",
        get: |m| list_text(&m.kubelet.eviction.hard, '<'),
        set: |m, text| {
            m.kubelet.eviction.hard = thresholds(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "merge_default_eviction",
        summary: "whether the defaults of eviction_hard stand for signals that it leaves out",
        source: "kubelet mergeDefaultEvictionSettings, v1.36.3",
        range: "",
        get: |m| switch_text(m.kubelet.merge_default_eviction),
        set: |m, text| {
            m.kubelet.merge_default_eviction = switch(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_soft",
        summary: "what must be left, or the kubelet evicts after a grace period",
        source: "kubelet evictionSoft, v1.36.3",
        range: "",
        get: |m| list_text(&m.kubelet.eviction.soft, '<'),
        set: |m, text| {
            m.kubelet.eviction.soft = thresholds(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_soft_grace",
        summary: "how long less may be left before a soft threshold counts, as SIGNAL=TIME",
        source: "kubelet evictionSoftGracePeriod, v1.36.3",
        range: "",
        get: |m| list_text(&m.kubelet.eviction.soft_grace, '='),
        set: |m, text| {
            let graces = list(text, '=')?;
            graces.values().try_for_each(|grace| SimDuration::parse(grace).map(drop))?;
            m.kubelet.eviction.soft_grace = graces;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_minimum_reclaim",
        summary: "how far above a threshold eviction goes on, as SIGNAL=AMOUNT",
        source: "kubelet evictionMinimumReclaim, v1.36.3",
        range: "",
        get: |m| list_text(&m.kubelet.eviction.minimum_reclaim, '='),
        set: |m, text| {
            let amounts = list(text, '=')?;
            amounts.values().try_for_each(|amount| Amount::parse(amount).map(drop))?;
            m.kubelet.eviction.minimum_reclaim = amounts;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_max_pod_grace",
        summary: "most time that a pod evicted for a soft threshold gets; at least 1 s",
        source: "kubelet evictionMaxPodGracePeriod, v1.36.3",
        range: "",
        get: |m| m.kubelet.eviction_max_pod_grace.to_string(),
        set: |m, text| {
            m.kubelet.eviction_max_pod_grace = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "enforce_node_allocatable",
        summary: "whether all pods together have a threshold of their own, equal to the hard one on memory: pods or none",
        source: "kubelet enforceNodeAllocatable, v1.36.3",
        range: "",
        get: |m| if m.kubelet.eviction.enforce_pods { "pods".into() } else { NONE.into() },
        set: |m, text| {
            m.kubelet.eviction.enforce_pods = super::word(text, &[NONE, "pods"])? == 1;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_period",
        summary: "time between two looks of the eviction manager that evict nobody",
        source: "kubelet monitoring period of the eviction manager, v1.36.3",
        range: "",
        get: |m| m.kubelet.eviction_period.to_string(),
        set: |m, text| {
            m.kubelet.eviction_period = period(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "pressure_transition",
        summary: "how long a pressure condition outlasts its cause",
        source: "kubelet evictionPressureTransitionPeriod, v1.36.3",
        range: "",
        get: |m| m.kubelet.pressure_transition.to_string(),
        set: |m, text| {
            m.kubelet.pressure_transition = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "active_file_share",
        summary: "share of the file cache a host needs that counts as used in memory.available",
        source: "assumed (the working set leaves out the inactive list only)",
        range: "0 to 1",
        get: |m| share_text(m.kubelet.active_file_milli),
        set: |m, text| {
            m.kubelet.active_file_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "kube_reserved",
        summary: "memory kept from pods for Kubernetes' daemons",
        source: "kubelet kubeReserved, v1.36.3",
        range: "",
        get: |m| m.kubelet.kube_reserved.to_string(),
        set: |m, text| {
            m.kubelet.kube_reserved = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "system_reserved",
        summary: "memory kept from pods for the system's daemons",
        source: "kubelet systemReserved, v1.36.3",
        range: "",
        get: |m| m.kubelet.system_reserved.to_string(),
        set: |m, text| {
            m.kubelet.system_reserved = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "max_pids",
        summary: "process ids of a host",
        source: "kernel.pid_max as systemd 243 and later sets it on 64 bits",
        range: "",
        get: |m| m.kubelet.max_pids.to_string(),
        set: |m, text| match text.parse::<u64>() {
            Ok(n @ 1..=4_194_304) => {
                m.kubelet.max_pids = n;
                Ok(())
            }
            _ => Err(Error::input(format!("{text} is not a number from 1 to 4194304"))),
        },
    },
    HostParameter {
        name: "image_cache",
        summary: "disk space of images that no job uses, which goes before pods do",
        source: "assumed",
        range: "0 to half of the disk",
        get: |m| m.kubelet.image_cache.to_string(),
        set: |m, text| {
            m.kubelet.image_cache = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "crash_loop_cap",
        summary: "longest wait before a container that crashes is restarted, 1s to 300s",
        source: "kubelet crashLoopBackOff.maxContainerRestartPeriod, v1.36.3",
        range: "",
        get: |m| m.kubelet.crash_loop_cap.to_string(),
        set: |m, text| match SimDuration::parse(text)? {
            cap if (SimDuration::from_secs(1)..=SimDuration::from_secs(300)).contains(&cap) => {
                m.kubelet.crash_loop_cap = cap;
                Ok(())
            }
            _ => Err(Error::input(format!("{text} is not within 1s to 300s, as the kubelet wants it"))),
        },
    },
    HostParameter {
        name: "restart_latency",
        summary: "time from a container's end to the kubelet's look at it",
        source: "assumed (PLEG relists every 1 s, a pod in back-off is looked at every 10 s)",
        range: "0s to 10s",
        get: |m| m.kubelet.restart_latency.to_string(),
        set: |m, text| {
            m.kubelet.restart_latency = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "image_pull",
        summary: "how long a host takes to pull an image that it lacks",
        source: "assumed: images are there",
        range: "0s to 2m",
        get: |m| m.kubelet.image_pull.to_string(),
        set: |m, text| {
            m.kubelet.image_pull = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "serialize_image_pulls",
        summary: "whether a host pulls one image after the other",
        source: "kubelet serializeImagePulls, v1.36.3",
        range: "",
        get: |m| switch_text(m.kubelet.serialize_image_pulls),
        set: |m, text| {
            m.kubelet.serialize_image_pulls = switch(text)?;
            Ok(())
        },
    },
];
