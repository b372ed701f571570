//! Host groups to hosts one by one, and the short form of groups on the command line.

use std::collections::BTreeMap;

use super::file::{ClusterSection, HostGroup};
use super::text::{At, Cpu, Memory};
use super::{Budgets, outside};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::trace::manifest::annotation::MOST_CPU;
use crate::trace::{TraceOutage, begin_at};
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};

/// The hosts of a scenario.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// In the order of the file.
    pub specs: Vec<HostSpec>,
    /// Names of the hosts of each group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// When hosts of a trace are down.
    pub outages: Vec<TraceOutage>,
}

/// `name` alone, or `name-000` … when there are several of them; at least three digits, all of one width.
pub(super) fn numbered(name: &str, index: u32, count: u32) -> String {
    if count <= 1 {
        return name.to_string();
    }
    let width = (count - 1).to_string().len().max(3);
    format!("{name}-{index:0width$}")
}

/// All hosts of `section`, in groups.
pub(super) fn expand(
    section: &ClusterSection,
    folder: &std::path::Path,
    budgets: &Budgets,
    notes: &mut Vec<String>,
) -> Result<Hosts> {
    let wanted: u64 = section.hosts.iter().map(|group| u64::from(group.count.unwrap_or(1))).sum();
    if wanted > budgets.hosts {
        return Err(Error::budget("hosts", wanted, budgets.hosts, "--max-hosts"));
    }
    let mut hosts = Hosts::default();
    let mut first_at: BTreeMap<String, u32> = BTreeMap::new();
    for group in &section.hosts {
        check(group)?;
        let count = group.count.unwrap_or(1);
        let mut names = Vec::with_capacity(count as usize);
        for index in 0..count {
            let name = numbered(&group.name, index, count);
            if let Some(line) = first_at.insert(name.clone(), group.line) {
                return Err(group.refuse(format!("two hosts are named \"{name}\"{}", also_at(line))));
            }
            hosts.specs.push(host(group, name.clone()));
            names.push(name);
        }
        hosts.groups.entry(group.name.clone()).or_default().extend(names);
    }
    if let Some(file) = &section.file {
        hosts.specs.extend(outside::file_hosts(file, folder, budgets).map_err(|why| outside::placed(why, file))?);
    }
    if let Some(trace) = &section.trace {
        let read = outside::trace_hosts(trace, &section.options, folder, budgets)
            .map_err(|why| outside::placed(why, trace))?;
        hosts.specs.extend(read.hosts);
        hosts.outages.extend(read.outages);
        notes.extend(outside::said(&read.report).into_iter().map(|said| format!("cluster: {said}")));
    } else if !section.options.is_empty() {
        return Err(Error::input("options belong to a trace; name one").in_field("options"));
    }
    Ok(hosts)
}

impl Hosts {
    /// Lets time begin `from` into what the hosts say: those that have joined by then are there, those that have left are
    /// not. Returns what is to be said.
    pub fn begin_at(&mut self, from: SimDuration) -> Vec<String> {
        let gone = begin_at(&mut self.specs, &mut self.outages, from);
        let said = (gone > 0).then(|| format!("window from {from}: {gone} hosts have left before it and are left out"));
        said.into_iter().collect()
    }
}

/// ` (the first in line 3)`, or nothing without a line.
pub(super) fn also_at(line: u32) -> String {
    if line == 0 { String::new() } else { format!(" (the first in line {line})") }
}

fn check(group: &At<HostGroup>) -> Result<()> {
    let refuse = |what: String| Err(group.refuse(format!("host \"{}\": {what}", group.name)));
    if group.name.is_empty() {
        return Err(group.refuse("a host has no name"));
    }
    if group.count == Some(0) {
        return refuse("count is 0; leave the group out".into());
    }
    if group.cpu.0.0 <= 0 {
        return refuse(format!("cpu is {}; a host needs more than 0", group.cpu));
    }
    if group.cpu.0 > MOST_CPU {
        return refuse(format!("cpu is {}; at most a million cores will do", group.cpu));
    }
    if group.memory.0.0 <= 0 {
        return refuse(format!("memory is {}; a host needs more than 0", group.memory));
    }
    let joins = group.joins.unwrap_or_default().0;
    if group.leaves.is_some_and(|leaves| leaves.0 <= joins) {
        return refuse("it leaves before it joins".into());
    }
    Ok(())
}

fn host(group: &HostGroup, name: String) -> HostSpec {
    HostSpec {
        ephemeral: group.ephemeral.unwrap_or_default().0,
        pods: group.pods,
        gpus: group.gpus.unwrap_or(0),
        gpu_model: group.gpu_model.clone().unwrap_or_default(),
        extended: group.extended.iter().map(|(name, count)| (name.clone(), count.0)).collect(),
        labels: group.labels.clone(),
        taints: group.taints.clone(),
        joins: SimTime(group.joins.unwrap_or_default().0.0),
        leaves: group.leaves.map(|leaves| SimTime(leaves.0.0)),
        ..HostSpec::new(name, group.cpu.0, group.memory.0)
    }
}

/// The short form of host groups: `10:16,64Gi` is ten hosts of 16 cores and 64 GiB; several groups are joined by `+`
/// or spaces.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HostsArg {
    /// The groups, named `host`, or `host1`, `host2` … when there are several.
    pub groups: Vec<HostGroup>,
}

impl HostsArg {
    /// Reads the short form.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |part: &str| {
            Error::input(format!("\"{part}\" is not a group of hosts (try 10:16,64Gi for ten of 16 cores and 64 GiB)"))
        };
        let parts: Vec<&str> = text.split(['+', ' ']).filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err(bad(text));
        }
        let mut groups = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let (count, size) = part.split_once(':').ok_or_else(|| bad(part))?;
            let (cpu, memory) = size.split_once(',').ok_or_else(|| bad(part))?;
            let count: u32 = count.parse().map_err(|_| bad(part))?;
            let name = if parts.len() == 1 { "host".into() } else { format!("host{}", index + 1) };
            groups.push(HostGroup {
                name,
                count: Some(count),
                cpu: Cpu(MilliCpu::parse(cpu)?),
                memory: Memory(Bytes::parse(memory)?),
                ..HostGroup::default()
            });
        }
        Ok(HostsArg { groups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_a_group_are_numbered_at_one_width_so_that_their_names_sort() {
        assert_eq!(numbered("node", 0, 1), "node");
        assert_eq!(numbered("node", 7, 10), "node-007");
        assert_eq!(numbered("node", 7, 1001), "node-0007");
    }

    #[test]
    fn the_short_form_of_hosts_reads_groups() {
        let arg = HostsArg::parse("10:16,64Gi + 2:500m,1G").unwrap();
        let shown: Vec<String> =
            arg.groups.iter().map(|g| format!("{} {} {} {}", g.name, g.count.unwrap(), g.cpu, g.memory)).collect();
        assert_eq!(shown, ["host1 10 16 64Gi", "host2 2 500m 1000000000"]);
        assert_eq!(HostsArg::parse("3:1,1Gi").unwrap().groups[0].name, "host");
        for text in ["", "10", "10:16", "x:1,1Gi", "-1:1,1Gi", "1:1,-1Gi", "1:1,1Gi,2", "5000000000:1,1Gi"] {
            assert!(HostsArg::parse(text).is_err(), "{text}");
        }
    }
}
