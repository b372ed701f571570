//! OpenMetrics text with time stamps: load of hosts over time and the metrics of every run, as Prometheus' `promtool tsdb
//! create-blocks-from openmetrics` takes it.
//!
//! After the specification of OpenMetrics 1.0: families one after the other, `# EOF` at the end, time stamps in seconds
//! from the run's beginning. Everything is a gauge: what is a count over a run has been counted when the run ends.

use std::io::{self, Write};

use super::ExportInfo;
use crate::experiment::Experiment;
use crate::metrics::{HostTrack, TrackBucket, Value};
use crate::report::text::sentence;
use crate::units::SimTime;

pub(super) const INFO: ExportInfo = ExportInfo {
    name: "openmetrics",
    file: "metrics.prom",
    summary: "OpenMetrics text with time stamps, for Prometheus: load of hosts stretch by stretch, and every metric of every run",
    write,
};

/// A gauge of hosts: name, unit, help, and what it is in a stretch.
struct Gauge {
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    of: fn(&TrackBucket) -> f64,
}

const fn gauge(name: &'static str, unit: &'static str, help: &'static str, of: fn(&TrackBucket) -> f64) -> Gauge {
    Gauge { name, unit, help, of }
}

const GAUGES: [Gauge; 8] = [
    gauge("plimsoll_host_cpu_demand_cores", "cores", "CPU demanded within quotas, mean of the stretch", |b| {
        b.cpu_demand_cores
    }),
    gauge("plimsoll_host_cpu_received_cores", "cores", "CPU received, mean of the stretch", |b| b.cpu_received_cores),
    gauge("plimsoll_host_cpu_requested_cores", "cores", "CPU requested by live attempts, mean of the stretch", |b| {
        b.cpu_requested_cores
    }),
    gauge("plimsoll_host_memory_used_bytes", "bytes", "Memory in use by jobs, mean of the stretch", |b| {
        b.memory_used_bytes
    }),
    gauge("plimsoll_host_memory_used_max_bytes", "bytes", "Memory in use by jobs, highest in the stretch", |b| {
        b.memory_used_bytes_max
    }),
    gauge("plimsoll_host_memory_requested_bytes", "bytes", "Memory requested by live attempts, mean", |b| {
        b.memory_requested_bytes
    }),
    gauge("plimsoll_host_attempts", "", "Live attempts, mean of the stretch", |b| b.attempts),
    gauge("plimsoll_host_up_ratio", "ratio", "Share of the stretch that the host was up", |b| b.up),
];

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    type Capacity = (&'static str, &'static str, &'static str, fn(&HostTrack) -> f64);
    let capacities: [Capacity; 2] = [
        ("plimsoll_host_cpu_capacity_cores", "cores", "CPU that the host has", |h| h.cpu_capacity_cores),
        ("plimsoll_host_memory_capacity_bytes", "bytes", "Memory that the host has for jobs", |h| {
            h.memory_capacity_bytes
        }),
    ];
    for (name, unit, help, of) in capacities {
        head(out, name, unit, help)?;
        for (run, record) in recorded(experiment) {
            for host in &record.hosts {
                point(out, name, &[("run", run), ("host", &host.name)], of(host), SimTime::ZERO)?;
            }
        }
    }
    for Gauge { name, unit, help, of } in &GAUGES {
        head(out, name, unit, help)?;
        for (run, record) in recorded(experiment) {
            for host in &record.hosts {
                // A stretch's mean is known when it is over.
                for (bucket, end) in host.buckets.iter().zip(record.edges.iter().skip(1)) {
                    point(out, name, &[("run", run), ("host", &host.name)], of(bucket), *end)?;
                }
            }
        }
    }
    for info in crate::metrics::metrics() {
        let name = format!("plimsoll_{}", info.name);
        let mut begun = false;
        for run in &experiment.runs {
            let Some(value) = run.metric(info.name) else { continue };
            let (known, number) = match *value {
                Value::Undefined => continue,
                Value::Count(n) => ("exact", n as f64),
                Value::Amount(x) => ("exact", x),
                Value::AtLeast(x) => ("at_least", x),
            };
            if !std::mem::replace(&mut begun, true) {
                head(out, &name, "", info.summary)?;
            }
            point(out, &name, &[("run", &run.label.name), ("known", known)], number, experiment.end)?;
        }
    }
    writeln!(out, "# EOF")
}

/// Runs with a record, by name.
fn recorded(experiment: &Experiment) -> impl Iterator<Item = (&str, &crate::metrics::Record)> {
    experiment.runs.iter().filter_map(|run| Some((run.label.name.as_str(), run.record.as_ref()?)))
}

fn head(out: &mut dyn Write, name: &str, unit: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# TYPE {name} gauge")?;
    if !unit.is_empty() {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    writeln!(out, "# HELP {name} {}", escaped(help))
}

/// One point; numbers that there are none of are left out.
fn point(out: &mut dyn Write, name: &str, labels: &[(&str, &str)], value: f64, at: SimTime) -> io::Result<()> {
    if !value.is_finite() {
        return Ok(());
    }
    write!(out, "{name}{{")?;
    for (i, (label, text)) in labels.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        write!(out, "{comma}{label}=\"{}\"", escaped(&sentence(text)))?;
    }
    writeln!(out, "}} {value} {}.{:06}", at.0 / 1_000_000, at.0 % 1_000_000)
}

/// Backslashes, quotes and line feeds as the format has them.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::collections::{BTreeMap, BTreeSet};

    /// A point read back: labels, value, time stamp in microseconds.
    type Point = (BTreeMap<String, String>, f64, u64);

    /// Reads what was written, by the grammar of the format, and holds it to its rules.
    fn parsed(text: &str) -> BTreeMap<String, Vec<Point>> {
        let body = text.strip_suffix("# EOF\n").expect("an end");
        let mut families: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        let mut current = String::new();
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or(""));
                match what {
                    "TYPE" => {
                        assert_eq!(rest, "gauge");
                        current = name.to_string();
                        assert!(families.insert(current.clone(), Vec::new()).is_none(), "{name} stands twice");
                    }
                    "UNIT" => assert!(name == current && name.ends_with(&format!("_{rest}")), "{line}"),
                    "HELP" => assert_eq!(name, current),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (name, rest) = line.split_once('{').expect("labels");
            assert_eq!(name, current);
            let (mut labels, mut rest) = (BTreeMap::new(), rest);
            loop {
                let (label, after) = rest.split_once("=\"").expect("a label");
                let (mut text, mut chars) = (String::new(), after.char_indices());
                let end = loop {
                    match chars.next().expect("a closing quote") {
                        (at, '"') => break at,
                        (_, '\\') => match chars.next().unwrap().1 {
                            'n' => text.push('\n'),
                            c => text.push(c),
                        },
                        (_, c) => text.push(c),
                    }
                };
                assert!(labels.insert(label.to_string(), text).is_none());
                rest = &after[end + 1..];
                match rest.strip_prefix(',') {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            let mut numbers = rest.strip_prefix("} ").expect("numbers").split(' ');
            let value: f64 = numbers.next().unwrap().parse().unwrap();
            let (seconds, micros) = numbers.next().unwrap().split_once('.').unwrap();
            assert_eq!((micros.len(), numbers.next()), (6, None));
            let at = seconds.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap();
            families.get_mut(&current).unwrap().push((labels, value, at));
        }
        for (name, points) in &families {
            // Points of one series stand together, in order of time.
            let mut over = BTreeSet::new();
            for pair in points.windows(2) {
                if pair[0].0 == pair[1].0 {
                    assert!(pair[0].2 < pair[1].2, "{name}");
                } else {
                    assert!(over.insert(pair[0].0.clone()) && !over.contains(&pair[1].0), "{name}");
                }
            }
        }
        families
    }

    #[test]
    fn what_is_read_back_is_the_record_and_the_metrics() {
        for experiment in [fixture::hostile(), fixture::bare()] {
            let mut out = Vec::new();
            write(&experiment, &mut out).unwrap();
            let families = parsed(&String::from_utf8(out).unwrap());
            let used = &families["plimsoll_host_memory_used_bytes"];
            let mut wanted = Vec::new();
            for (run, record) in recorded(&experiment) {
                for host in &record.hosts {
                    for (bucket, end) in host.buckets.iter().zip(&record.edges[1..]) {
                        let labels = [("run", run), ("host", host.name.as_str())];
                        let labels = labels.map(|(label, text)| (label.to_string(), sentence(text)));
                        wanted.push((BTreeMap::from(labels), bucket.memory_used_bytes, end.0));
                    }
                }
            }
            assert_eq!(*used, wanted);
            let metrics = experiment.runs.iter().flat_map(|run| run.metrics.iter().map(move |metric| (run, metric)));
            for (run, (name, value)) in metrics {
                let (known, number) = match *value {
                    Value::Count(n) => ("exact", n as f64),
                    Value::Amount(x) => ("exact", x),
                    Value::AtLeast(x) => ("at_least", x),
                    Value::Undefined => continue,
                };
                if !number.is_finite() {
                    continue;
                }
                let labels = [("run", sentence(&run.label.name)), ("known", known.to_string())];
                let labels = BTreeMap::from(labels.map(|(label, text)| (label.to_string(), text)));
                assert!(families[&format!("plimsoll_{name}")].contains(&(labels, number, experiment.end.0)), "{name}");
            }
        }
    }
}
