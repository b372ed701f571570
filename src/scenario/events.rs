//! Planned work on hosts: drains and rolling upgrades.

use super::failures::{group, host};
use super::file::EventSection;
use super::hosts::Hosts;
use super::text::{At, Length};
use crate::cluster::Cluster;
use crate::error::Result;
use crate::sim::Maintenance;
use crate::units::{SimDuration, SimTime};

/// All planned work in order of time, and notes on it.
pub(super) fn resolve(
    sections: &[At<EventSection>],
    hosts: &Hosts,
    cluster: &Cluster,
    end: SimTime,
) -> Result<(Vec<Maintenance>, Vec<String>)> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for section in sections {
        let s = &section.value;
        let Some(at) = s.at else { return Err(section.refuse("at is missing: when does it begin?")) };
        let at = SimTime(at.0.0);
        let more_than_none = |key: &str, length: Option<Length>| match length {
            Some(length) if length.0 == SimDuration::ZERO => Err(section.refuse(format!("{key}: 0s is no time"))),
            Some(length) => Ok(length.0),
            None => Err(section.refuse(format!("{key} is missing: how long is a host down?"))),
        };
        let timeout = s.timeout.map(|timeout| timeout.0);
        let work = match (&s.drain, &s.upgrade) {
            (Some(name), None) => {
                if s.takes.is_some() || s.max_unavailable.is_some() {
                    return Err(section.refuse("takes and max_unavailable belong to upgrade; a drain says for"));
                }
                let takes = more_than_none("for", s.lasts)?;
                Maintenance { at, hosts: vec![host(name, cluster)?], at_once: 1, takes, timeout }
            }
            (None, Some(name)) => {
                if s.lasts.is_some() {
                    return Err(section.refuse("for belongs to drain; an upgrade says takes"));
                }
                let takes = more_than_none("takes", s.takes)?;
                let at_once = s.max_unavailable.unwrap_or(1);
                if at_once == 0 {
                    return Err(section.refuse("max_unavailable: 0 would never begin"));
                }
                let mut hosts = group(name, hosts, cluster)?;
                hosts.sort_by_key(|&host| cluster.name(host));
                Maintenance { at, hosts, at_once, takes, timeout }
            }
            (Some(_), Some(_)) => return Err(section.refuse("drain and upgrade exclude each other")),
            (None, None) => return Err(section.refuse("an event is a drain (one host) or an upgrade (a group)")),
        };
        if at >= end {
            notes.push(format!("planned work at {at} comes after the end of the run ({end}) and has no effect"));
        } else {
            all.push(work);
        }
    }
    all.sort();
    Ok((all, notes))
}
