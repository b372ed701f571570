//! How a kubelet is set. Only orchestrators with node-pressure eviction have one.

use super::{HostParameter, period};
use crate::units::{Bytes, SECOND_US, SimDuration};

/// A kubelet's parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct KubeletModel {
    /// Node-pressure eviction starts below this much available memory (`memory.available<100Mi`).
    pub eviction_threshold: Bytes,
    /// The eviction loop's period.
    pub eviction_period: SimDuration,
    /// How long a pressure condition outlasts its cause (`evictionPressureTransitionPeriod`).
    pub pressure_transition: SimDuration,
}

impl Default for KubeletModel {
    fn default() -> Self {
        KubeletModel {
            eviction_threshold: Bytes::mib(100),
            eviction_period: SimDuration(10 * SECOND_US),
            pressure_transition: SimDuration::from_secs(300),
        }
    }
}

pub(super) const PARAMETERS: &[HostParameter] = &[
    HostParameter {
        name: "eviction_threshold",
        summary: "node-pressure eviction starts below this much available memory",
        source: "kubelet evictionHard memory.available<100Mi, v1.36.3",
        range: "",
        get: |m| m.kubelet.eviction_threshold.to_string(),
        set: |m, text| {
            m.kubelet.eviction_threshold = Bytes::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "eviction_period",
        summary: "time between two looks of the eviction manager",
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
];
