//! The cluster's store: the keys of `etcd:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{At, Length, Share, Switch, Words};
use crate::discovery::etcd::{EtcdFault, EtcdFaultKind, EtcdSetup};
use crate::error::{Error, Result};
use crate::units::{SimDuration, SimTime};

/// The store that control planes and platforms hang on. Without this section every store always answers, at once.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EtcdSection {
    /// Number of members; default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// Median round trip between any two machines; default 500us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Length>,
    /// Sigma of the log-normal distribution of round trips and fsync, in natural logarithms; default 0.692 (the 99th
    /// percentile is five times the median).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<Share>,
    /// Median time to make a write durable; default 2ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsync: Option<Length>,
    /// Time between a leader's heartbeats; default 100ms (etcd's; Deis set 500ms up to v1.8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Length>,
    /// Least time without a heartbeat after which a member stands for election; default 1s (etcd's; Deis set 2s up to v1.8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub election: Option<Length>,
    /// Whether reads are answered while there is no leader; default on (etcd 2 without `quorum=true`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads_without_leader: Option<Switch>,
    /// Whether a write takes effect whose client gave up waiting; default off (the client closes its connection, and a new
    /// one takes a round trip before anything is sent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_writes_count: Option<Switch>,
    /// What goes wrong with it, whatever the orchestrator does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<At<EtcdFaultSection>>,
}

/// A fault of the store: one of `rtt`, `fsync`, `sigma`, `down`, `unreachable` from `at` on `for` so long; or a `sweep`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EtcdFaultSection {
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Length>,
    /// How long it lasts.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Length>,
    /// Median round trip meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Length>,
    /// Median time to make a write durable meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsync: Option<Length>,
    /// Sigma of both meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<Share>,
    /// Who is down: a member by number from 0, the `leader`, or a `quorum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down: Option<At<Words>>,
    /// Whether nobody is answered, as if the network before the store were cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<Switch>,
    /// Round trips that rise step by step, and fall again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<At<EtcdSweep>>,
}

/// Round trips in steps of equal ratio from `from` to `to`, each for `every`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdSweep {
    /// Median round trip at first.
    pub from: Length,
    /// Median round trip at last.
    pub to: Length,
    /// Number of steps, both ends included; at least 2.
    pub steps: u32,
    /// How long each lasts.
    pub every: Length,
    /// Whether it goes down again the same way (the highest step once); default on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub and_back: Option<Switch>,
}

const MOST_MEMBERS: u32 = 99;
const MOST_STEPS: u32 = 1000;

impl EtcdSweep {
    /// The round trips, one a step, rounded to a microsecond.
    pub fn levels(&self) -> Result<Vec<SimDuration>> {
        let (from, to) = (self.from.0.0, self.to.0.0);
        if from == 0 || to == 0 {
            return Err(Error::input("a sweep in equal ratios cannot begin or end at 0s (try 1ms)"));
        }
        if !(2..=MOST_STEPS).contains(&self.steps) {
            return Err(Error::input(format!("{} steps: a sweep has 2 to {MOST_STEPS}", self.steps)));
        }
        if self.every.0 == SimDuration::ZERO {
            return Err(Error::input("steps of 0s are none"));
        }
        let ratio = libm::log(to as f64 / from as f64) / f64::from(self.steps - 1);
        let up = (0..self.steps).map(|k| SimDuration((from as f64 * libm::exp(ratio * f64::from(k))).round() as u64));
        let mut levels: Vec<SimDuration> = up.collect();
        if self.and_back.is_none_or(|back| back.0) {
            levels.extend(levels.clone().iter().rev().skip(1));
        }
        Ok(levels)
    }
}

impl EtcdSection {
    /// The store it describes, and what to note of it.
    pub(super) fn setup(&self, end: SimTime) -> Result<(EtcdSetup, Vec<String>)> {
        let plain = EtcdSetup::default();
        let members = self.members.unwrap_or(plain.members);
        if !(1..=MOST_MEMBERS).contains(&members) {
            return Err(Error::input(format!("{members} members: a store has 1 to {MOST_MEMBERS}")).in_field("members"));
        }
        let length = |written: Option<Length>, default: SimDuration| written.map_or(default, |length| length.0);
        let mut setup = EtcdSetup {
            members,
            rtt: length(self.rtt, plain.rtt),
            sigma_milli: self.sigma.map_or(plain.sigma_milli, |sigma| sigma.0),
            fsync: length(self.fsync, plain.fsync),
            heartbeat: length(self.heartbeat, plain.heartbeat),
            election: length(self.election, plain.election),
            reads_without_leader: self.reads_without_leader.map_or(plain.reads_without_leader, |on| on.0),
            late_writes_count: self.late_writes_count.map_or(plain.late_writes_count, |on| on.0),
            faults: Vec::new(),
        };
        if setup.heartbeat == SimDuration::ZERO || setup.election < setup.heartbeat {
            return Err(Error::input("the election time-out must not be shorter than a heartbeat, nor that 0s"));
        }
        let mut notes = Vec::new();
        for fault in &self.faults {
            fault.add(members, &mut setup.faults).map_err(|why| fault.place(why))?;
        }
        setup.faults.sort();
        let late = setup.faults.iter().filter(|fault| fault.at >= end).count();
        if late > 0 {
            setup.faults.retain(|fault| fault.at < end);
            notes.push(format!("{late} faults of the store begin after the end of the run ({end}) and have no effect"));
        }
        Ok((setup, notes))
    }

    /// The section with its defaults filled in.
    pub(super) fn written(&self, setup: &EtcdSetup) -> EtcdSection {
        EtcdSection {
            members: Some(setup.members),
            rtt: Some(Length(setup.rtt)),
            sigma: Some(Share(setup.sigma_milli)),
            fsync: Some(Length(setup.fsync)),
            heartbeat: Some(Length(setup.heartbeat)),
            election: Some(Length(setup.election)),
            reads_without_leader: Some(Switch(setup.reads_without_leader)),
            late_writes_count: Some(Switch(setup.late_writes_count)),
            faults: self.faults.clone(),
        }
    }
}

impl EtcdFaultSection {
    fn add(&self, members: u32, faults: &mut Vec<EtcdFault>) -> Result<()> {
        let Some(at) = self.at else { return Err(Error::input("at is missing: when does it begin?")) };
        let at = SimTime(at.0.0);
        if let Some(sweep) = &self.sweep {
            let others = self.lasts.is_some()
                || self.rtt.is_some()
                || self.fsync.is_some()
                || self.sigma.is_some()
                || self.down.is_some()
                || self.unreachable.is_some();
            if others {
                return Err(sweep.refuse("a sweep stands alone beside at"));
            }
            let mut from = at;
            for rtt in sweep.levels().map_err(|why| sweep.place(why))? {
                faults.push(EtcdFault { at: from, lasts: sweep.every.0, kind: EtcdFaultKind::Rtt(rtt) });
                from = from + sweep.every.0;
            }
            return Ok(());
        }
        let lasts = match self.lasts {
            Some(Length(SimDuration::ZERO)) => return Err(Error::input("a fault for 0s is none")),
            Some(lasts) => lasts.0,
            None => SimDuration(u64::MAX),
        };
        let mut kinds = Vec::new();
        kinds.extend(self.rtt.map(|rtt| EtcdFaultKind::Rtt(rtt.0)));
        kinds.extend(self.fsync.map(|fsync| EtcdFaultKind::Fsync(fsync.0)));
        kinds.extend(self.sigma.map(|sigma| EtcdFaultKind::Sigma(sigma.0)));
        if let Some(who) = &self.down {
            kinds.push(match who.0.as_str() {
                "leader" => EtcdFaultKind::Leader,
                "quorum" => EtcdFaultKind::Quorum,
                number => match number.parse::<u32>() {
                    Ok(member) if member < members => EtcdFaultKind::Member(member),
                    _ => {
                        let last = members - 1;
                        let what = format!("\"{number}\" is no member (0 to {last}, leader or quorum will do)");
                        return Err(who.refuse(what));
                    }
                },
            });
        }
        if self.unreachable.is_some_and(|on| on.0) {
            kinds.push(EtcdFaultKind::Unreachable);
        }
        if kinds.is_empty() {
            return Err(Error::input("a fault is one or more of rtt, fsync, sigma, down, unreachable; or a sweep"));
        }
        faults.extend(kinds.into_iter().map(|kind| EtcdFault { at, lasts, kind }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_up_in_equal_ratios_and_down_again() {
        let length = |text: &str| Length::parse(text).unwrap();
        let sweep = EtcdSweep { from: length("1ms"), to: length("1s"), steps: 4, every: length("1m"), and_back: None };
        let levels: Vec<String> = sweep.levels().unwrap().iter().map(SimDuration::to_string).collect();
        assert_eq!(levels, ["1ms", "10ms", "100ms", "1s", "100ms", "10ms", "1ms"]);
        let section = EtcdFaultSection { at: Some(length("10m")), sweep: Some(sweep.into()), ..Default::default() };
        let mut faults = Vec::new();
        section.add(3, &mut faults).unwrap();
        assert_eq!((faults.len(), faults[6].at), (7, SimTime::ZERO + SimDuration::from_secs(960)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let of = |text: &str| {
            let section: EtcdSection = serde_saphyr::from_str(text).map_err(|why| why.to_string())?;
            section.setup(SimTime(1_000_000_000)).map(|(setup, _)| setup).map_err(|why| why.message().to_string())
        };
        for (text, why) in [
            ("members: 0", "0 members: a store has 1 to 99"),
            ("election: 50ms", "the election time-out must not be shorter than a heartbeat, nor that 0s"),
            ("faults: [{at: 1s, for: 0s, rtt: 1s}]", "a fault for 0s is none"),
            ("faults: [{for: 1s, rtt: 1s}]", "at is missing: when does it begin?"),
            ("faults: [{at: 1s}]", "a fault is one or more of rtt, fsync, sigma, down, unreachable; or a sweep"),
            ("faults: [{at: 1s, down: 3}]", "\"3\" is no member (0 to 2, leader or quorum will do)"),
            (
                "faults: [{at: 1s, rtt: 1s, sweep: {from: 1ms, to: 1s, steps: 3, every: 1m}}]",
                "a sweep stands alone beside at",
            ),
            (
                "faults: [{at: 1s, sweep: {from: 0s, to: 1s, steps: 3, every: 1m}}]",
                "a sweep in equal ratios cannot begin or end at 0s (try 1ms)",
            ),
        ] {
            assert_eq!(of(text).unwrap_err(), why, "{text}");
        }
        let good =
            of("members: 5\nfaults: [{at: 1s, for: 5s, down: leader, rtt: 20ms}, {at: 2000s, rtt: 1s}]").unwrap();
        assert_eq!((good.members, good.faults.len()), (5, 2));
    }
}
