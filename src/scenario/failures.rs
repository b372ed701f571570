//! Failures: those written with a time, those of a table of outages, and those drawn for each host whatever the
//! orchestrator does.

use std::path::Path;

use super::file::FailureSection;
use super::hosts::Hosts;
use super::text::At;
use super::{Budgets, inflation, outside};
use crate::cluster::Cluster;
use crate::cluster::synthetic::FailureLaw;
use crate::error::{Error, Result, did_you_mean};
use crate::ids::HostId;
use crate::rng::{Purpose, Seed};
use crate::sim::{Failure, FailureKind};
use crate::trace::{OutageTarget, TraceOutage, read_outage_rows};
use crate::units::{SimDuration, SimTime};

/// All failures of the run in order, and notes on them.
pub(super) fn resolve(
    sections: &[At<FailureSection>],
    folder: &Path,
    (hosts, cluster): (&Hosts, &Cluster),
    seed: Seed,
    end: SimTime,
    budgets: &Budgets,
) -> Result<(Vec<Failure>, Vec<String>)> {
    let (mut failures, mut notes) = (Vec::new(), Vec::new());
    for (rule, section) in sections.iter().enumerate() {
        if let Some(path) = &section.file {
            let alone = FailureSection { file: Some(path.clone()), ..FailureSection::default() };
            if section.value != alone {
                return Err(section.refuse("file excludes all other keys; the table says the rest"));
            }
            if let Some((outages, said)) =
                outside::outages(path, folder, budgets).map_err(|why| outside::placed(why, path))?
            {
                notes.extend(said);
                let drawn = Drawing { cluster, seed, rule: rule as u64, end };
                notes.extend(drawn.of_trace(&outages, &mut failures, budgets)?);
                continue;
            }
            let drawing = Drawing { cluster, seed, rule: rule as u64, end };
            let found = outside::found(path, folder);
            notes.extend(drawing.of_table(&found, &mut failures, budgets).map_err(|why| outside::placed(why, path))?);
            continue;
        }
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
    let drawing = Drawing { cluster, seed, rule: TRACE_RULE, end };
    notes.extend(drawing.of_trace(&hosts.outages, &mut failures, budgets)?);
    let missed = failures.iter().filter(|failure| misses(failure, cluster)).count();
    if missed > 0 {
        notes.push(format!(
            "{missed} failures begin before their host has joined or after it has left, and have no effect"
        ));
    }
    let given = failures.len();
    let failures = merged(failures);
    if failures.len() < given {
        notes.push(format!("{} failures overlap another of their host and were joined to it", given - failures.len()));
    }
    Ok((failures, notes))
}

/// Whether the host of `failure` is no member of the cluster when it begins.
fn misses(failure: &Failure, cluster: &Cluster) -> bool {
    let spec = cluster.spec(failure.host);
    failure.at < spec.joins || spec.leaves.is_some_and(|leaves| leaves <= failure.at)
}

/// The entry under `failures` that outages of the trace itself would be: behind all that are written.
const TRACE_RULE: u64 = (1 << 31) - 1;

/// Outages that change nothing.
#[derive(Default)]
struct Counts {
    late: u64,
    nobody: u64,
}

impl Counts {
    /// What is to be said of them.
    fn said(&self, of: &str, rows: &str, nobody: &str) -> Vec<String> {
        let all = [(self.late, "begin after the end of the run and have no effect"), (self.nobody, nobody)];
        all.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{of}: {count} {rows}{what}")).collect()
    }
}

/// What outages of a share of all hosts are drawn with.
struct Drawing<'a> {
    cluster: &'a Cluster,
    seed: Seed,
    /// Number of the entry under `failures`.
    rule: u64,
    end: SimTime,
}

impl Drawing<'_> {
    /// Adds the outages of a trace to `failures`; returns notes.
    fn of_trace(&self, outages: &[TraceOutage], failures: &mut Vec<Failure>, budgets: &Budgets) -> Result<Vec<String>> {
        let mut counts = Counts::default();
        for (row, outage) in outages.iter().enumerate() {
            self.add(outage, row as u64 + 1, failures, &mut counts, budgets)?;
        }
        let strangers = "take down no host: it is not in the cluster, or the share is less than half a host";
        Ok(counts.said("outages of the trace", "", strangers))
    }

    /// Adds the outages of the table at `path`; returns notes.
    fn of_table(&self, path: &str, failures: &mut Vec<Failure>, budgets: &Budgets) -> Result<Vec<String>> {
        let (mut counts, mut rows) = (Counts::default(), 0);
        read_outage_rows(path, &budgets.trace, &mut |row, column, outage| {
            rows += 1;
            if let (OutageTarget::Host(name), Some(column), None) = (&outage.target, column, self.host(&outage)) {
                return Err(row.refuse(column, no_such_host(name, self.cluster)));
            }
            self.add(&outage, rows, failures, &mut counts, budgets)
        })?;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let nobody = "are a share of less than half a host and have no effect";
        Ok(counts.said(&format!("outages of {name}"), "rows ", nobody))
    }

    /// The host that `outage` names, if it is in the cluster.
    fn host(&self, outage: &TraceOutage) -> Option<HostId> {
        match &outage.target {
            OutageTarget::Host(name) => self.cluster.find(name),
            OutageTarget::Share(_) => None,
        }
    }

    /// Adds outage number `row`.
    fn add(
        &self,
        outage: &TraceOutage,
        row: u64,
        failures: &mut Vec<Failure>,
        counts: &mut Counts,
        budgets: &Budgets,
    ) -> Result<()> {
        let targets = match &outage.target {
            OutageTarget::Share(share) => self.drawn(*share, row),
            OutageTarget::Host(_) => self.host(outage).into_iter().collect(),
        };
        counts.nobody += u64::from(targets.is_empty());
        if outage.at >= self.end {
            counts.late += 1;
            return Ok(());
        }
        let TraceOutage { at, lasts, kind, .. } = *outage;
        failures.extend(targets.into_iter().map(|host| Failure { at, host, kind, lasts }));
        within_budget(failures.len(), budgets)
    }

    /// So many thousandths of all hosts, rounded to the nearest, for row number `row`: the same for every orchestrator.
    fn drawn(&self, share: u32, row: u64) -> Vec<HostId> {
        let mut all: Vec<HostId> = self.cluster.ids().collect();
        let count = ((all.len() as u64 * u64::from(share) + 500) / 1000) as usize;
        // Apart from the streams of drawn failures: their rule stands below the highest bit.
        let mut stream = self.seed.stream(Purpose::Failure, 1 << 63 | self.rule << 32 | row);
        for i in 0..count {
            let other = i + stream.below((all.len() - i) as u64) as usize;
            all.swap(i, other);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

fn within_budget(count: usize, budgets: &Budgets) -> Result<()> {
    if count as u64 > budgets.failures {
        return Err(Error::budget("failures", count, budgets.failures, "--max-failures"));
    }
    Ok(())
}

fn targets(section: &At<FailureSection>, hosts: &Hosts, cluster: &Cluster) -> Result<Vec<HostId>> {
    match (&section.host, &section.hosts) {
        (Some(name), None) => Ok(vec![host(name, cluster)?]),
        (None, Some(name)) => group(name, hosts, cluster),
        (Some(_), Some(_)) => Err(section.refuse("host and hosts exclude each other")),
        (None, None) => Err(section.refuse("a failure needs host (one) or hosts (a group)")),
    }
}

fn unknown(name: &At<String>, what: &str, known: &mut dyn Iterator<Item = &str>) -> Error {
    let hint = did_you_mean(name, known).map_or(String::new(), |n| format!("; did you mean \"{n}\"?"));
    name.refuse(format!("unknown {what} \"{}\"{hint}", **name))
}

/// The host of that name.
pub(super) fn host(name: &At<String>, cluster: &Cluster) -> Result<HostId> {
    cluster.find(name).ok_or_else(|| name.refuse(no_such_host(name, cluster)))
}

/// What is to be said of a host that the cluster does not have.
fn no_such_host(name: &str, cluster: &Cluster) -> String {
    let hint = match inflation::renamed(name, cluster) {
        Some(new) => format!("; inflation calls it \"{new}\""),
        None => {
            let near = did_you_mean(name, cluster.ids().map(|h| cluster.name(h)));
            near.map_or(String::new(), |n| format!("; did you mean \"{n}\"?"))
        }
    };
    format!("unknown host \"{name}\"{hint}")
}

/// The hosts of the group of that name.
pub(super) fn group(name: &At<String>, hosts: &Hosts, cluster: &Cluster) -> Result<Vec<HostId>> {
    match hosts.groups.get(&name.value) {
        Some(names) => Ok(names.iter().filter_map(|name| cluster.find(name)).collect()),
        None => Err(unknown(name, "group of hosts", &mut hosts.groups.keys().map(String::as_str))),
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
        failure: impl FnMut(SimTime, SimDuration) -> Result<()>,
    ) -> Result<()> {
        let law = FailureLaw {
            up_mean: self.mtbf,
            up_shape: self.shape,
            repair_median: self.repair,
            repair_sigma: self.sigma,
        };
        law.draw(&mut seed.stream(Purpose::Failure, entity), end, failure)
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
