//! Annotations `plimsoll/…`: what a replay needs and a manifest does not say.

use crate::error::{Error, Result, unknown_name};
use crate::kube::object::selector::Labels;
use crate::units::{Bytes, MilliCpu, SimDuration};
use crate::workload::UsageStep;

const ARRIVAL: &str = "plimsoll/arrival";
const EVERY: &str = "plimsoll/every";
pub(crate) const DURATION: &str = "plimsoll/duration";
const USAGE_CPU: &str = "plimsoll/usage-cpu";
const USAGE_MEMORY: &str = "plimsoll/usage-memory";
const USAGE_STEPS: &str = "plimsoll/usage-steps";
const USAGE_EPHEMERAL: &str = "plimsoll/usage-ephemeral";
const PROCESSES: &str = "plimsoll/processes";
pub(crate) const JOINS: &str = "plimsoll/joins";
pub(crate) const LEAVES: &str = "plimsoll/leaves";

/// What may stand on a pod, or on the template of pods.
pub(crate) const ON_PODS: &[&str] =
    &[ARRIVAL, EVERY, DURATION, USAGE_CPU, USAGE_MEMORY, USAGE_STEPS, USAGE_EPHEMERAL, PROCESSES];
/// What may stand on a Node.
pub(crate) const ON_NODES: &[&str] = &[JOINS, LEAVES];

/// What the annotations of a pod say.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Replay {
    /// When the first of its pods arrives.
    pub arrival: Option<SimDuration>,
    /// Time between the arrivals of replicas.
    pub every: Option<SimDuration>,
    /// Length of a batch job's work, time until a service is removed.
    pub duration: Option<SimDuration>,
    /// What a pod really uses; empty: by the workload's usage.
    pub usage: Vec<UsageStep>,
    /// Ephemeral storage that a pod really uses.
    pub ephemeral: Bytes,
    /// Processes that a pod runs as.
    pub processes: Option<u32>,
}

impl Replay {
    /// Reads the annotations of a pod whose metadata stands at `path`.
    pub fn read(annotations: &Labels, path: &str) -> Result<Self> {
        refuse_unknown(annotations, ON_PODS, path)?;
        let usage = match (value(annotations, USAGE_CPU), value(annotations, USAGE_MEMORY)) {
            (None, None) => None,
            (Some(cpu), Some(memory)) => {
                let cpu = MilliCpu::parse(cpu).map_err(|why| at(why, path, USAGE_CPU))?;
                let memory = Bytes::parse(memory).map_err(|why| at(why, path, USAGE_MEMORY))?;
                Some(vec![step(None, cpu, memory).map_err(|why| at(why, path, USAGE_CPU))?])
            }
            (None, _) => return Err(missing_beside(path, USAGE_CPU, USAGE_MEMORY)),
            (_, None) => return Err(missing_beside(path, USAGE_MEMORY, USAGE_CPU)),
        };
        let steps = value(annotations, USAGE_STEPS);
        let usage = match (usage, steps) {
            (Some(_), Some(_)) => {
                let what = format!("{USAGE_CPU} and {USAGE_MEMORY} hold throughout; {USAGE_STEPS} excludes them");
                return Err(at(Error::input(what), path, USAGE_STEPS));
            }
            (None, Some(text)) => usage_steps(text).map_err(|why| at(why, path, USAGE_STEPS))?,
            (usage, None) => usage.unwrap_or_default(),
        };
        let ephemeral = value(annotations, USAGE_EPHEMERAL).map(Bytes::parse).transpose();
        let ephemeral = ephemeral.map_err(|why| at(why, path, USAGE_EPHEMERAL))?.unwrap_or_default();
        let processes = match value(annotations, PROCESSES) {
            None => None,
            Some(text) => match text.parse::<u32>() {
                Ok(n @ 1..) => Some(n),
                _ => {
                    let what = format!("\"{text}\" is not a number of processes (try 1)");
                    return Err(at(Error::input(what), path, PROCESSES));
                }
            },
        };
        let length = |key| time(annotations, path, key);
        Ok(Replay {
            arrival: length(ARRIVAL)?,
            every: length(EVERY)?,
            duration: length(DURATION)?,
            usage,
            ephemeral,
            processes,
        })
    }
}

fn value<'a>(annotations: &'a Labels, key: &str) -> Option<&'a str> {
    annotations.get(key).map(|text| text.trim())
}

/// `why` about the annotation `key` of metadata at `path`.
pub(crate) fn at(why: Error, path: &str, key: &str) -> Error {
    Error::input(why.message()).in_field(format!("{path}.annotations.{key}"))
}

fn missing_beside(path: &str, key: &str, other: &str) -> Error {
    at(Error::input(format!("{key} is missing beside it (0 is allowed)")), path, other)
}

/// The length of time that the annotation `key` gives.
pub(crate) fn time(annotations: &Labels, path: &str, key: &str) -> Result<Option<SimDuration>> {
    value(annotations, key).map(SimDuration::parse).transpose().map_err(|why| at(why, path, key))
}

/// Refuses annotations of this program's that are none of `known`.
pub(crate) fn refuse_unknown(annotations: &Labels, known: &[&str], path: &str) -> Result<()> {
    match annotations.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(at(Error::input(unknown_name("annotation", key, known)), path, key)),
        None => Ok(()),
    }
}

/// Reads `60s:500m,1Gi; 1800m,3Gi`: so long so much CPU and memory, one after the other; the last holds.
fn usage_steps(text: &str) -> Result<Vec<UsageStep>> {
    let parts: Vec<&str> = text.split(';').map(str::trim).collect();
    // A semicolon may end the last one, too.
    let parts = if parts.len() > 1 && parts.last() == Some(&"") { &parts[..parts.len() - 1] } else { &parts[..] };
    let read = |(index, part): (usize, &&str)| {
        let bad = || Error::input(format!("\"{part}\" is not a usage step (try 60s:500m,1Gi)"));
        let (lasts, amounts) = match part.split_once(':') {
            Some((lasts, amounts)) => (Some(SimDuration::parse(lasts.trim())?), amounts),
            None => (None, *part),
        };
        if lasts.is_none() && index + 1 < parts.len() {
            return Err(Error::input(format!("\"{part}\" says not how long and is not the last (try 60s:{part})")));
        }
        let (cpu, memory) = amounts.split_once(',').ok_or_else(bad)?;
        step(lasts, MilliCpu::parse(cpu.trim())?, Bytes::parse(memory.trim())?)
    };
    parts.iter().enumerate().map(read).collect()
}

/// Most CPU of one host or job: a million cores, so that rates in nano-cores stay far inside `u64`.
pub(crate) const MOST_CPU: MilliCpu = MilliCpu(1_000_000_000);

/// A stretch of usage; without `lasts` to the end.
pub(crate) fn step(lasts: Option<SimDuration>, cpu: MilliCpu, memory: Bytes) -> Result<UsageStep> {
    if cpu > MOST_CPU {
        return Err(Error::input(format!("{cpu} is over a million cores")));
    }
    let length_us = lasts.map_or(u64::MAX, |lasts| lasts.0);
    Ok(UsageStep { length_us, cpu_nano: cpu.nano_cores(), memory, cache: Bytes(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND_US;

    #[test]
    fn usage_steps_read_as_they_print() {
        let steps = usage_steps("60s:500m,1Gi; 1m: 2, 512Mi ;1800m,3Gi").unwrap();
        let shown: Vec<(u64, u64, i64)> = steps.iter().map(|s| (s.length_us, s.cpu_nano, s.memory.0 >> 20)).collect();
        let want = [(60 * SECOND_US, 500_000_000, 1024), (60 * SECOND_US, 2_000_000_000, 512)];
        assert_eq!(shown[..2], want);
        assert_eq!(shown[2], (u64::MAX, 1_800_000_000, 3072));
        for (text, want) in [
            ("", "\"\" is not a usage step (try 60s:500m,1Gi)"),
            ("1,1Gi;2,2Gi", "\"1,1Gi\" says not how long and is not the last (try 60s:1,1Gi)"),
            ("soon:1,1Gi", "\"soon\" is not a duration (try 90s, 5m, 1h30m or 2d)"),
            ("1s:1", "\"1s:1\" is not a usage step (try 60s:500m,1Gi)"),
        ] {
            assert_eq!(usage_steps(text).unwrap_err().to_string(), want, "{text}");
        }
        assert_eq!(usage_steps("1s:1,1Gi;").unwrap().len(), 1);
    }

    #[test]
    fn every_annotation_stands_in_the_page() {
        let page = include_str!("../../../docs/scenarios.md");
        for name in ON_PODS.iter().chain(ON_NODES) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
