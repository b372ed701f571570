//! Failures: those written with a time, and those drawn for each host whatever the orchestrator does.

use super::Budgets;
use super::file::FailureSection;
use super::hosts::Hosts;
use super::text::At;
use crate::cluster::Cluster;
use crate::error::{Error, Result, did_you_mean};
use crate::ids::HostId;
use crate::rng::{Purpose, Seed};
use crate::sim::{Failure, FailureKind};
use crate::units::{SimDuration, SimTime};

/// Longest drawn time: a factor of the longest run, so that sums never wrap.
const LONGEST_US: f64 = (1u64 << 60) as f64;

/// All failures of the run in order, and notes on them.
pub(super) fn resolve(
    sections: &[At<FailureSection>],
    hosts: &Hosts,
    cluster: &Cluster,
    seed: Seed,
    end: SimTime,
    budgets: &Budgets,
) -> Result<(Vec<Failure>, Vec<String>)> {
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    for (rule, section) in sections.iter().enumerate() {
        let targets = targets(section, hosts, cluster)?;
        let kind: FailureKind = section.kind.unwrap_or_default().into();
        let before = failures.len();
        match (section.at, section.mtbf) {
            (Some(at), None) => {
                if section.shape.is_some() || section.repair.is_some() || section.repair_sigma.is_some() {
                    return Err(section.refuse("shape, repair and repair_sigma belong to mtbf, not to at"));
                }
                if section.lasts.is_some_and(|lasts| lasts.0 == SimDuration::ZERO) {
                    return Err(section.refuse("a failure for 0s is none"));
                }
                let (at, lasts) = (SimTime(at.0.0), section.lasts.map_or(SimDuration(u64::MAX), |lasts| lasts.0));
                if at >= end {
                    notes.push(format!("a failure at {at} comes after the end of the run ({end}) and has no effect"));
                } else {
                    failures.extend(targets.iter().map(|&host| Failure { at, host, kind, lasts }));
                }
            }
            (None, Some(_)) => {
                let drawn = Drawn::of(section)?;
                for &host in &targets {
                    // Rules do not share draws: the rule stands in the upper half of the entity.
                    drawn.draw(seed, (rule as u64) << 32 | u64::from(host.0), end, |at, lasts| {
                        failures.push(Failure { at, host, kind, lasts });
                        within_budget(failures.len(), budgets)
                    })?;
                }
                notes.push(format!(
                    "{} failures were drawn for {} hosts (time up Weibull with mean {} and shape {}, repair log-normal \
                     with median {} and sigma {}), the same for every orchestrator",
                    failures.len() - before,
                    targets.len(),
                    drawn.mtbf,
                    drawn.shape,
                    drawn.repair,
                    drawn.sigma,
                ));
            }
            (Some(_), Some(_)) => return Err(section.refuse("at and mtbf exclude each other")),
            (None, None) => return Err(section.refuse("a failure needs at (a time) or mtbf (drawn times)")),
        }
        within_budget(failures.len(), budgets)?;
    }
    let given = failures.len();
    let failures = merged(failures);
    if failures.len() < given {
        notes.push(format!("{} failures overlap another of their host and were joined to it", given - failures.len()));
    }
    Ok((failures, notes))
}

fn within_budget(count: usize, budgets: &Budgets) -> Result<()> {
    if count as u64 > budgets.failures {
        return Err(Error::budget("failures", count, budgets.failures, "--max-failures"));
    }
    Ok(())
}

fn targets(section: &At<FailureSection>, hosts: &Hosts, cluster: &Cluster) -> Result<Vec<HostId>> {
    let unknown = |name: &At<String>, what: &str, known: &mut dyn Iterator<Item = &str>| {
        let hint = did_you_mean(name, known).map_or(String::new(), |n| format!("; did you mean \"{n}\"?"));
        Err(name.refuse(format!("unknown {what} \"{}\"{hint}", **name)))
    };
    match (&section.host, &section.hosts) {
        (Some(name), None) => match cluster.find(name) {
            Some(host) => Ok(vec![host]),
            None => unknown(name, "host", &mut cluster.ids().map(|h| cluster.name(h))),
        },
        (None, Some(group)) => match hosts.groups.get(&group.value) {
            Some(names) => Ok(names.iter().filter_map(|name| cluster.find(name)).collect()),
            None => unknown(group, "group of hosts", &mut hosts.groups.keys().map(String::as_str)),
        },
        (Some(_), Some(_)) => Err(section.refuse("host and hosts exclude each other")),
        (None, None) => Err(section.refuse("a failure needs host (one) or hosts (a group)")),
    }
}

/// A rule of drawn failures, checked.
struct Drawn {
    mtbf: SimDuration,
    shape: f64,
    repair: SimDuration,
    sigma: f64,
}

impl Drawn {
    fn of(section: &At<FailureSection>) -> Result<Self> {
        let (Some(mtbf), Some(repair)) = (section.mtbf, section.repair) else {
            return Err(section.refuse("mtbf needs repair (the median time to repair)"));
        };
        if section.lasts.is_some() {
            return Err(section.refuse("for belongs to at; with mtbf say repair"));
        }
        let shape = section.shape.unwrap_or(1.0);
        if !(0.1..=10.0).contains(&shape) {
            return Err(section.refuse(format!("shape {shape} is not between 0.1 and 10")));
        }
        let sigma = section.repair_sigma.unwrap_or(0.0);
        if !(0.0..=10.0).contains(&sigma) {
            return Err(section.refuse(format!("repair_sigma {sigma} is not between 0 and 10")));
        }
        if mtbf.0 == SimDuration::ZERO || repair.0 == SimDuration::ZERO {
            return Err(section.refuse("mtbf and repair are more than 0s"));
        }
        Ok(Drawn { mtbf: mtbf.0, shape, repair: repair.0, sigma })
    }

    /// Failures of one host before `end`, in order: up, down, up, down.
    fn draw(
        &self,
        seed: Seed,
        entity: u64,
        end: SimTime,
        mut failure: impl FnMut(SimTime, SimDuration) -> Result<()>,
    ) -> Result<()> {
        let mut stream = seed.stream(Purpose::Failure, entity);
        // At least a microsecond, truncated: a drawn time never stands still.
        let us = |drawn: f64| SimDuration(drawn.clamp(1.0, LONGEST_US) as u64);
        let mut now = SimTime::ZERO;
        loop {
            now = now + us(stream.weibull(self.shape, self.mtbf.0 as f64));
            if now >= end {
                return Ok(());
            }
            let lasts = us(stream.log_normal(self.repair.0 as f64, self.sigma));
            failure(now, lasts)?;
            now = now + lasts;
        }
    }
}

/// `failures` in order of time, host and kind, those of one host and kind that touch or overlap joined.
fn merged(mut failures: Vec<Failure>) -> Vec<Failure> {
    failures.sort_by_key(|f| (f.host, f.kind, f.at, f.lasts));
    let mut out: Vec<Failure> = Vec::with_capacity(failures.len());
    for next in failures {
        match out.last_mut() {
            Some(last) if (last.host, last.kind) == (next.host, next.kind) && next.at <= last.at + last.lasts => {
                let until = (last.at + last.lasts).max(next.at + next.lasts);
                last.lasts = if until == SimTime::NEVER { SimDuration(u64::MAX) } else { until.since(last.at) };
            }
            _ => out.push(next),
        }
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(at: u64, host: u32, lasts: u64) -> Failure {
        Failure { at: SimTime(at), host: HostId(host), kind: FailureKind::Down, lasts: SimDuration(lasts) }
    }

    #[test]
    fn overlapping_failures_of_a_host_are_one() {
        let got = merged(vec![failure(50, 1, 10), failure(5, 0, 10), failure(12, 0, 10), failure(22, 0, u64::MAX)]);
        assert_eq!(got, [failure(5, 0, u64::MAX), failure(50, 1, 10)]);
    }

    #[test]
    fn drawn_failures_have_the_mean_that_was_asked_for_and_do_not_depend_on_other_hosts() {
        let drawn =
            Drawn { mtbf: SimDuration::from_secs(3600), shape: 0.8, repair: SimDuration::from_secs(60), sigma: 0.0 };
        let times = |entity| {
            let mut got = Vec::new();
            let end = SimTime::ZERO + SimDuration::from_secs(3660 * 4000);
            drawn
                .draw(Seed(1), entity, end, |at, lasts| {
                    got.push((at, lasts));
                    Ok(())
                })
                .unwrap();
            got
        };
        let got = times(3);
        assert_eq!(got, times(3));
        assert_ne!(got, times(4));
        // 4,000 cycles of an hour up and a minute down fit in the time, give or take a few standard deviations.
        assert!((3700..4300).contains(&got.len()), "{}", got.len());
        assert!(got.iter().all(|(_, lasts)| *lasts == SimDuration::from_secs(60)));
        assert!(got.windows(2).all(|w| w[1].0 > w[0].0 + w[0].1));
    }
}
