//! Eviction thresholds as a kubelet's configuration writes them.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::units::{Quantity, SimDuration};

/// What the kubelet watches. Inodes are not modelled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Signal {
    /// `memory.available`: of the machine.
    Memory,
    /// `allocatableMemory.available`: of all pods together.
    AllocatableMemory,
    /// `nodefs.available`: of the disk that holds logs, volumes and, unless there is another, images.
    Nodefs,
    /// `imagefs.available`: of the disk that holds images.
    Imagefs,
    /// `pid.available`.
    Pid,
}

/// How many signals there are.
pub const SIGNALS: usize = 5;

impl Signal {
    /// All signals, in the order in which the kubelet looks after them (the real order behind memory is undefined).
    pub const ALL: [Signal; SIGNALS] =
        [Signal::Memory, Signal::AllocatableMemory, Signal::Nodefs, Signal::Imagefs, Signal::Pid];

    /// As configuration and events spell it.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Memory => "memory.available",
            Signal::AllocatableMemory => "allocatableMemory.available",
            Signal::Nodefs => "nodefs.available",
            Signal::Imagefs => "imagefs.available",
            Signal::Pid => "pid.available",
        }
    }

    /// The condition of the node that it leads to.
    pub fn condition(self) -> Condition {
        match self {
            Signal::Memory | Signal::AllocatableMemory => Condition::MemoryPressure,
            Signal::Nodefs | Signal::Imagefs => Condition::DiskPressure,
            Signal::Pid => Condition::PidPressure,
        }
    }

    fn parse(name: &str) -> Result<Signal> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| {
            Error::input(format!(
                "\"{name}\" is not an eviction signal that is modelled (try memory.available, nodefs.available, \
                 imagefs.available or pid.available)"
            ))
        })
    }
}

/// A condition of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Condition {
    /// Memory is or was just short.
    MemoryPressure = 0,
    /// Disk space is or was just short.
    DiskPressure,
    /// Process ids are or were just short.
    PidPressure,
}

/// All conditions.
pub const CONDITIONS: [Condition; 3] = [Condition::MemoryPressure, Condition::DiskPressure, Condition::PidPressure];

impl Condition {
    /// As Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Condition::MemoryPressure => "MemoryPressure",
            Condition::DiskPressure => "DiskPressure",
            Condition::PidPressure => "PIDPressure",
        }
    }

    /// The taint by which the node lifecycle controller keeps new pods away (`TaintNodesByCondition`).
    pub fn taint(self) -> &'static str {
        match self {
            Condition::MemoryPressure => "node.kubernetes.io/memory-pressure",
            Condition::DiskPressure => "node.kubernetes.io/disk-pressure",
            Condition::PidPressure => "node.kubernetes.io/pid-pressure",
        }
    }
}

/// The conditions that hold on a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pressure([bool; CONDITIONS.len()]);

impl Pressure {
    /// Those of `conditions`.
    pub fn of(conditions: &[Condition]) -> Self {
        let mut pressure = Pressure::default();
        conditions.iter().for_each(|&condition| pressure.0[condition as usize] = true);
        pressure
    }

    /// Whether `condition` holds.
    pub fn has(self, condition: Condition) -> bool {
        self.0[condition as usize]
    }
}

/// An amount, or a share of the capacity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Amount {
    /// Bytes or processes.
    Quantity(i64),
    /// 0.1 for `10%`, in the 32-bit float that the kubelet keeps it in.
    Share(f32),
}

impl Amount {
    /// Reads `100Mi` or `10%`.
    pub fn parse(text: &str) -> Result<Amount> {
        let Some(percent) = text.strip_suffix('%') else {
            return match Quantity::parse(text)?.value() {
                negative if negative < 0 => Err(Error::input(format!("{text} is less than nothing"))),
                quantity => Ok(Amount::Quantity(quantity)),
            };
        };
        // The 32-bit division is the kubelet's (`parsePercentage`).
        match percent.parse::<f32>() {
            Ok(percent) if percent.is_finite() && (0.0..=100.0).contains(&percent) => {
                Ok(Amount::Share(percent / 100.0))
            }
            _ => Err(Error::input(format!("\"{text}\" is not a percentage (try 10%)"))),
        }
    }

    /// How much of `capacity` that is (`eviction/api: GetThresholdQuantity`), truncated.
    pub fn of(self, capacity: i64) -> i64 {
        match self {
            Amount::Quantity(quantity) => quantity,
            Amount::Share(share) => (capacity as f64 * f64::from(share)) as i64,
        }
    }
}

/// A signal and what must be left of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Threshold {
    /// What is watched.
    pub signal: Signal,
    /// What must be available.
    pub amount: Amount,
    /// How long it may be short before pods go; no time makes the threshold hard.
    pub grace: SimDuration,
    /// How much more must be available before the threshold counts as satisfied again.
    pub reclaim: Option<Amount>,
}

impl Threshold {
    /// Whether pods go at once.
    pub fn is_hard(&self) -> bool {
        self.grace == SimDuration::ZERO
    }
}

/// The eviction part of a kubelet's configuration, as written: signal to text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// `evictionHard`.
    pub hard: BTreeMap<String, String>,
    /// `evictionSoft`.
    pub soft: BTreeMap<String, String>,
    /// `evictionSoftGracePeriod`.
    pub soft_grace: BTreeMap<String, String>,
    /// `evictionMinimumReclaim`.
    pub minimum_reclaim: BTreeMap<String, String>,
    /// Whether `enforceNodeAllocatable` has `pods`, as it has by default.
    pub enforce_pods: bool,
}

impl Written {
    /// The thresholds in force (`ParseThresholdConfig`): hard ones, soft ones, and for all pods together the same as
    /// the hard one on memory. `0%` and `100%` are no thresholds.
    pub fn thresholds(&self) -> Result<Vec<Threshold>> {
        let mut all = Vec::new();
        for (soft, list) in [(false, &self.hard), (true, &self.soft)] {
            for (name, text) in list {
                let grace = match self.soft_grace.get(name) {
                    Some(text) if soft => SimDuration::parse(text)?,
                    None if soft => {
                        return Err(Error::input(format!("the soft eviction threshold {name} has no grace period")));
                    }
                    _ => SimDuration::ZERO,
                };
                let signal = Signal::parse(name)?;
                if text == "0%" || text == "100%" {
                    continue;
                }
                let reclaim = self.minimum_reclaim.get(name).map(|text| Amount::parse(text)).transpose()?;
                all.push(Threshold { signal, amount: Amount::parse(text)?, grace, reclaim });
            }
        }
        if self.enforce_pods {
            let of_machine = all.iter().find(|t| t.signal == Signal::Memory && t.is_hard());
            let of_pods = of_machine.map(|t| Threshold { signal: Signal::AllocatableMemory, ..*t });
            all.extend(of_pods);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_capacity_goes_through_a_32_bit_float() {
        // f32(7.5) / 100 is 0.07500000298…; times 418,340,283,200 that is 31,375,522,486, not 31,375,521,240.
        assert_eq!(Amount::parse("7.5%").unwrap().of(418_340_283_200), 31_375_522_486);
        assert_eq!(Amount::parse("100Mi").unwrap().of(1), 100 << 20);
        for text in ["", "%", "-1%", "101%", "NaN%", "ten", "-1Gi"] {
            assert!(Amount::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_soft_threshold_without_a_grace_period_is_refused() {
        let text = |list: &[(&str, &str)]| list.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let mut written = Written { soft: text(&[("memory.available", "1Gi")]), ..Written::default() };
        assert!(written.thresholds().is_err());
        written.soft_grace = text(&[("memory.available", "2m")]);
        assert_eq!(written.thresholds().unwrap()[0].grace, SimDuration::from_secs(120));
        written.hard = text(&[("nodefs.inodesFree", "5%")]);
        assert_eq!(
            written.thresholds().unwrap_err().to_string(),
            "\"nodefs.inodesFree\" is not an eviction signal that is modelled (try memory.available, \
             nodefs.available, imagefs.available or pid.available)"
        );
    }
}
