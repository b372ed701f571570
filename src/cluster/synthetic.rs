//! Hosts without a trace: shapes with weights, racks, and drawn outages; and the shapes of hosts that are there.
//!
//! Outages are drawn host by host and rack by rack, each from a stream of its own, so that more hosts keep the outages of
//! the first.

use std::collections::BTreeMap;

use super::HostSpec;
use crate::error::{Error, Result};
use crate::rng::{Purpose, Seed, Stream};
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};

/// Hosts of one size.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostShape {
    /// CPU of each.
    pub cpu: MilliCpu,
    /// Memory of each.
    pub memory: Bytes,
    /// GPU devices of each.
    pub gpus: u16,
    /// Their model, empty if none.
    pub gpu_model: String,
    /// How many there are, or how likely each is.
    pub count: u64,
}

/// The machines of Google's trace of 2011 (Reiss et al., SoCC 2012, table 1): share of the largest machine's CPU and memory
/// in hundredths, and how many. The remaining 15 of other shapes are left out.
const GOOGLE_2011: [(i64, i64, u64); 6] =
    [(50, 50, 6_732), (50, 25, 3_863), (50, 75, 1_001), (100, 100, 795), (25, 25, 126), (50, 12, 52)];
/// What 1.0 of that trace is taken for, 64 cores and 256 GiB (*assumed*: the trace does not tell).
const LARGEST_MILLI: i64 = 64_000;
const LARGEST_GIB: i64 = 256;

/// The shapes of Google's trace of 2011, with 64 cores and 256 GiB for its largest machine; memory in whole GiB.
pub fn google_2011() -> Vec<HostShape> {
    let shape = |&(cpu, memory, count): &(i64, i64, u64)| HostShape {
        cpu: MilliCpu(LARGEST_MILLI * cpu / 100),
        // 12 hundredths of 256 GiB are 30.72 GiB: 31.
        memory: Bytes::gib((LARGEST_GIB * memory + 50) / 100),
        gpus: 0,
        gpu_model: String::new(),
        count,
    };
    GOOGLE_2011.iter().map(shape).collect()
}

/// The shapes of `hosts`, the most frequent first.
pub fn shapes(hosts: &[HostSpec]) -> Vec<HostShape> {
    let mut counts: BTreeMap<(MilliCpu, Bytes, u16, &str), u64> = BTreeMap::new();
    for host in hosts {
        *counts.entry((host.cpu, host.memory, host.gpus, &host.gpu_model)).or_default() += 1;
    }
    let mut shapes: Vec<HostShape> = counts
        .into_iter()
        .map(|((cpu, memory, gpus, model), count)| HostShape { cpu, memory, gpus, gpu_model: model.into(), count })
        .collect();
    shapes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| b.cmp(a)));
    shapes
}

/// `count` hosts of these shapes, each drawn by its weight, named `host-00000` and so on, `per_rack` of them with the same
/// label `rack`. No shape, no host.
pub fn hosts(count: u64, shapes: &[HostShape], per_rack: u64, seed: Seed) -> Vec<HostSpec> {
    let all: u64 = shapes.iter().map(|shape| shape.count).sum();
    if all == 0 {
        return Vec::new();
    }
    let one = |i: u64| {
        let mut left = seed.stream(Purpose::Machine, i).below(all);
        let shape = shapes
            .iter()
            .find(|shape| match left.checked_sub(shape.count) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
            .expect("the draw is below the sum of the weights");
        let mut host = HostSpec::new(format!("host-{i:05}"), shape.cpu, shape.memory);
        (host.gpus, host.gpu_model) = (shape.gpus, shape.gpu_model.clone());
        if !shape.gpu_model.is_empty() {
            host.labels.insert("gpu-model".into(), shape.gpu_model.clone());
        }
        host.labels.insert("rack".into(), format!("rack-{:04}", i / per_rack.max(1)));
        host
    };
    (0..count).map(one).collect()
}

/// How often something fails, and for how long.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FailureLaw {
    /// Mean time from one repair to the next failure (Weibull).
    pub up_mean: SimDuration,
    /// Shape of that Weibull distribution; below 1 failures come in bunches.
    pub up_shape: f64,
    /// Median time to repair (log-normal).
    pub repair_median: SimDuration,
    /// Sigma of that log-normal distribution.
    pub repair_sigma: f64,
}

impl FailureLaw {
    /// A machine: up for 40 days in the mean with shape 0.8, repaired in 20 minutes at the median with sigma 1. Google's
    /// trace of 2011 has about one removal a machine in 41 days, mostly reboots of a quarter to half an hour; shape after
    /// Schroeder and Gibson (DSN 2006).
    pub const MACHINE: FailureLaw = FailureLaw {
        up_mean: SimDuration::from_secs(40 * 86_400),
        up_shape: 0.8,
        repair_median: SimDuration::from_secs(20 * 60),
        repair_sigma: 1.0,
    };
    /// A rack fails as a whole ten times more rarely than a machine (*assumed*).
    pub const RACK_FACTOR: u64 = 10;
    /// Machines of a rack (*assumed*).
    pub const RACK_SIZE: u64 = 40;

    /// Failures before `end` in order, each with how long it lasts: up, down, up, down from time 0.
    ///
    /// Errors: those of `failure`.
    pub fn draw(
        &self,
        stream: &mut Stream,
        end: SimTime,
        mut failure: impl FnMut(SimTime, SimDuration) -> Result<()>,
    ) -> Result<()> {
        // At least a microsecond, truncated: a drawn time never stands still. At most 2^60 µs, so that sums never wrap.
        let us = |drawn: f64| SimDuration(drawn.clamp(1.0, (1u64 << 60) as f64) as u64);
        let mut now = SimTime::ZERO;
        loop {
            now = now + us(stream.weibull(self.up_shape, self.up_mean.0 as f64));
            if now >= end {
                return Ok(());
            }
            let lasts = us(stream.log_normal(self.repair_median.0 as f64, self.repair_sigma));
            failure(now, lasts)?;
            now = now + lasts;
        }
    }
}

/// A time for which a host is down; the host as an index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DrawnOutage {
    /// Begins then.
    pub at: SimTime,
    /// The host, as an index.
    pub host: usize,
    /// Lasts so long.
    pub lasts: SimDuration,
}

/// Outages of `hosts` hosts before `end`: each host by `machine`, and each rack of `per_rack` hosts that follow each other
/// by `rack`. What overlaps on one host is one outage. In order of time, then host.
///
/// Errors: more than `most` (budget).
pub fn outages(
    hosts: u64,
    (machine, rack): (Option<&FailureLaw>, Option<&FailureLaw>),
    per_rack: u64,
    end: SimTime,
    seed: Seed,
    most: u64,
) -> Result<Vec<DrawnOutage>> {
    let mut drawn: Vec<DrawnOutage> = Vec::new();
    let over = || Error::budget("outages", format!("more than {most}"), most, "--max-failures");
    if let Some(law) = machine {
        for host in 0..hosts {
            let mut stream = seed.stream(Purpose::Outage, host);
            law.draw(&mut stream, end, |at, lasts| {
                drawn.push(DrawnOutage { at, host: host as usize, lasts });
                if drawn.len() as u64 > most { Err(over()) } else { Ok(()) }
            })?;
        }
    }
    if let Some(law) = rack {
        let per_rack = per_rack.max(1);
        for rack in 0..hosts.div_ceil(per_rack) {
            let mut stream = seed.stream(Purpose::Outage, (rack + 1) << 32);
            law.draw(&mut stream, end, |at, lasts| {
                let members = rack * per_rack..((rack + 1) * per_rack).min(hosts);
                drawn.extend(members.map(|host| DrawnOutage { at, host: host as usize, lasts }));
                if drawn.len() as u64 > most { Err(over()) } else { Ok(()) }
            })?;
        }
    }
    drawn.sort_unstable_by_key(|outage| (outage.host, outage.at, outage.lasts));
    let mut joined: Vec<DrawnOutage> = Vec::with_capacity(drawn.len());
    for next in drawn {
        match joined.last_mut() {
            Some(last) if last.host == next.host && next.at <= last.at + last.lasts => {
                let until = (last.at + last.lasts).max(next.at + next.lasts);
                last.lasts = until.since(last.at);
            }
            _ => joined.push(next),
        }
    }
    joined.sort_unstable();
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_hosts_have_the_shapes_of_the_table_and_stand_in_racks() {
        let drawn = hosts(12_569, &google_2011(), 40, Seed(1));
        let found = shapes(&drawn);
        // More than half have 32 cores and 128 GiB.
        assert_eq!((found[0].cpu, found[0].memory), (MilliCpu(32_000), Bytes::gib(128)));
        assert!((6_500..6_950).contains(&found[0].count), "{found:?}");
        assert_eq!(found.iter().map(|shape| shape.count).sum::<u64>(), 12_569);
        assert_eq!((found.len(), found[5].memory), (6, Bytes::gib(31)));
        assert_eq!((drawn[39].labels["rack"].as_str(), drawn[40].labels["rack"].as_str()), ("rack-0000", "rack-0001"));
        assert_eq!(hosts(5, &google_2011(), 40, Seed(1)), drawn[..5]);
        assert!(hosts(5, &[], 40, Seed(1)).is_empty());
    }

    #[test]
    fn outages_have_their_means_and_racks_fail_together() {
        const DAY: u64 = 86_400_000_000;
        let end = SimTime(400 * DAY);
        let law = FailureLaw::MACHINE;
        let found = outages(400, (Some(&law), None), 40, end, Seed(2), 1 << 30).unwrap();
        // 400 hosts, 400 days, 40 days up: about 4,000; the first bunch of a shape below 1 adds some.
        assert!((3_800..4_800).contains(&found.len()), "{}", found.len());
        let mut lengths: Vec<u64> = found.iter().map(|outage| outage.lasts.0 / 60_000_000).collect();
        lengths.sort_unstable();
        assert!((18..23).contains(&lengths[lengths.len() / 2]), "{}", lengths[lengths.len() / 2]);
        assert!(found.is_sorted());
        // A rack goes down as a whole: the last one has only 20 hosts.
        let rack = FailureLaw { up_mean: SimDuration(100 * DAY), ..law };
        let found = outages(60, (None, Some(&rack)), 40, end, Seed(2), 1 << 30).unwrap();
        assert!(!found.is_empty());
        for outage in &found {
            let together = found.iter().filter(|o| (o.at, o.lasts) == (outage.at, outage.lasts)).count();
            assert_eq!(together, if outage.host < 40 { 40 } else { 20 });
        }
        // Hosts do not share draws, and what overlaps is one.
        let few = outages(10, (Some(&law), None), 40, end, Seed(2), 1 << 30).unwrap();
        assert!(few.iter().all(|o| o.host < 10));
        let both = outages(40, (Some(&law), Some(&rack)), 40, end, Seed(2), 1 << 30).unwrap();
        for host in 0..40 {
            let of: Vec<_> = both.iter().filter(|o| o.host == host).collect();
            assert!(of.windows(2).all(|pair| pair[0].at + pair[0].lasts < pair[1].at));
        }
        assert_eq!(outages(400, (Some(&law), None), 40, end, Seed(2), 10).unwrap_err().exit_code(), 3);
    }
}
