//! Hosts of an OpenDC topology: a JSON of clusters, each with hosts, each so many times.

use serde::Deserialize;

use super::super::{Decimal, Import, Place, Source, input};
use super::memory_unit;
use crate::cluster::HostSpec;
use crate::error::{Error, Result, visible};
use crate::units::{Bytes, MilliCpu};

#[derive(Deserialize)]
struct Topology {
    clusters: Vec<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    name: Option<String>,
    hosts: Vec<Host>,
    count: Option<u64>,
}

#[derive(Deserialize)]
struct Host {
    name: Option<String>,
    cpu: Cpu,
    memory: Memory,
    count: Option<u64>,
}

#[derive(Deserialize)]
struct Cpu {
    #[serde(rename = "coreCount")]
    cores: u64,
    /// Processors of that many cores.
    count: Option<u64>,
}

#[derive(Deserialize)]
struct Memory {
    #[serde(rename = "memorySize")]
    size: serde_json::Value,
}

/// Most cores of a host.
const CORES_MAX: u64 = 1 << 20;

/// Reads the hosts of the topology at the source.
pub(super) fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    let path = source.path.as_str();
    let text = input::whole_text(path, import.budgets)?;
    let topology: Topology = serde_json::from_str(&text).map_err(|why| {
        let what = why.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        let error = Error::input(format!("not a topology of OpenDC ({what})")).in_file(path);
        error.at(why.line().max(1) as u64, why.column().max(1) as u64)
    })?;
    let unit = memory_unit(import);
    let place = Place { file: input::display_name(path), line: 0 };
    let mut cores_in_all = 0u64;
    for (i, cluster) in topology.clusters.iter().enumerate() {
        let cluster_name = cluster.name.clone().unwrap_or_else(|| format!("cluster-{}", i + 1));
        let copies = cluster.count.unwrap_or(1);
        // Clusters without hosts are no work either.
        import.host_fits(copies.saturating_sub(1)).map_err(|why| place.of(why))?;
        for copy in 0..copies {
            for (j, host) in cluster.hosts.iter().enumerate() {
                let field = format!("clusters[{i}].hosts[{j}]");
                let refuse = |field: &str, what: String| place.of(Error::input(what).in_field(field));
                let cores = host.cpu.cores.checked_mul(host.cpu.count.unwrap_or(1));
                let Some(cores) = cores.filter(|cores| (1..=CORES_MAX).contains(cores)) else {
                    return Err(refuse(&format!("{field}.cpu.coreCount"), "1 to 1048576 cores will do".into()));
                };
                let size = memory(&host.memory.size, unit).ok_or_else(|| {
                    let what = visible(&host.memory.size.to_string());
                    refuse(
                        &format!("{field}.memory.memorySize"),
                        format!("{what} is no amount of memory (a number of MB, or \"549755813888 bytes\")"),
                    )
                })?;
                let name = host.name.clone().unwrap_or_else(|| format!("host-{}", j + 1));
                let name = if copies > 1 { format!("{cluster_name}-{}-{name}", copy + 1) } else { name };
                let count = host.count.unwrap_or(1);
                let width = count.to_string().len();
                for number in 1..=count {
                    let one = if count > 1 { format!("{name}-{number:0width$}") } else { name.clone() };
                    // The same name may stand in several clusters.
                    let one = if import.has_host(&one) { format!("{cluster_name}-{one}") } else { one };
                    let mut spec = HostSpec::new(one, MilliCpu((cores * 1_000) as i64), size);
                    spec.labels.insert("cluster".into(), cluster_name.clone());
                    import.host_from(&place, &format!("{field}.name"), spec)?;
                    cores_in_all = cores_in_all.saturating_add(cores);
                }
            }
        }
    }
    let report = &mut import.report;
    report.count("clusters", topology.clusters.len() as u64);
    report.count("cores", cores_in_all);
    report.units.push(format!("memory 1: 1 {}, {unit} bytes", if unit == 1 << 10 { "KB" } else { "MB" }));
    for field in ["coreSpeed", "power models", "power sources", "GPUs of hosts"] {
        report.ignore(field, 0);
    }
    Ok(())
}

/// A number in the unit, or a text with its own: `549755813888 bytes`, `512 GiB`.
fn memory(size: &serde_json::Value, unit: u64) -> Option<Bytes> {
    let bytes = match size {
        serde_json::Value::Number(number) => Decimal::parse(&number.to_string())?.times(unit)?,
        serde_json::Value::String(text) => {
            let text = text.trim();
            let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
            let one = match text[digits..].trim() {
                "" => unit,
                "bytes" | "byte" | "B" => 1,
                "kB" | "KB" => 1_000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                "TB" => 1_000_000_000_000,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "TiB" => 1 << 40,
                _ => return None,
            };
            Decimal::parse(&text[..digits])?.times(one)?
        }
        _ => return None,
    };
    (1..=1 << 53).contains(&bytes).then_some(Bytes(bytes as i64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::{Budgets, ImportedHosts, read_cluster};
    use super::*;

    fn import(name: &str, text: &str, budgets: &Budgets) -> Result<ImportedHosts> {
        let path = std::env::temp_dir().join(format!("plimsoll-topology-{name}-{}.json", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let got = read_cluster(&format!("opendc:{}", path.display()), &BTreeMap::new(), budgets);
        std::fs::remove_file(path).unwrap();
        got
    }

    #[test]
    fn a_topology_by_hand_becomes_hosts() {
        let text = r#"{"clusters": [
            {"name": "A", "hosts": [
                {"name": "H", "cpu": {"coreCount": 4, "coreSpeed": 2100}, "memory": {"memorySize": 100}, "count": 10,
                 "cpuPowerModel": {"modelType": "sqrt"}},
                {"cpu": {"coreCount": 2, "count": 2}, "memory": {"memorySize": "1073741824 bytes"}}]},
            {"name": "B", "count": 2, "hosts": [{"name": "H", "cpu": {"coreCount": 1}, "memory": {"memorySize": "1.5 GiB"}}]},
            {"name": "C", "hosts": [{"name": "H-01", "cpu": {"coreCount": 1}, "memory": {"memorySize": "1 MB"}}]}]}"#;
        let read = import("hand", text, &Budgets::default()).unwrap();
        let told: Vec<(&str, i64, i64)> = read.hosts.iter().map(|h| (h.name.as_str(), h.cpu.0, h.memory.0)).collect();
        assert_eq!(told.len(), 14);
        assert_eq!(told[0], ("H-01", 4_000, 100 << 20));
        assert_eq!(told[9].0, "H-10");
        assert_eq!(told[10..12], [("host-2", 4_000, 1 << 30), ("B-1-H", 1_000, 3 << 29)]);
        assert_eq!(told[13], ("C-H-01", 1_000, 1_000_000));
        assert_eq!(read.hosts[12].labels["cluster"], "B");
        assert_eq!(read.report.entities["cores"], 10 * 4 + 4 + 2 + 1);
    }

    #[test]
    fn what_is_no_topology_is_refused_with_its_place() {
        let host = |cores: &str, memory: &str, count: &str| {
            format!(
                r#"{{"clusters":[{{"hosts":[{{"cpu":{{"coreCount":{cores}}},"memory":{{"memorySize":{memory}}},"count":{count}}}]}}]}}"#
            )
        };
        for (text, message) in [
            ("{}".to_owned(), ".json:1:2: not a topology of OpenDC (missing field `clusters`)"),
            (host("0", "1", "1"), ".json: clusters[0].hosts[0].cpu.coreCount: 1 to 1048576 cores will do"),
            (
                host("1", "\"1 parsec\"", "1"),
                ".json: clusters[0].hosts[0].memory.memorySize: \"1 parsec\" is no amount of memory (a number of MB, or \"549755813888 bytes\")",
            ),
            (
                host("1", "1", "99999999999999"),
                ".json: 1000001 hosts is over the budget of 1000000; raise it with --max-hosts",
            ),
            (r#"{"clusters":[]}"#.to_owned(), ".json: no hosts: there is no row below the header"),
        ] {
            let error = import("bad", &text, &Budgets::default()).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
    }
}
