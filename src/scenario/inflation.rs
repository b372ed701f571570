//! `inflation`: the jobs of a scenario as a list from which arrivals are drawn that stay for good.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Budgets;
use super::file::{LoopSection, ScenarioFile};
use super::hosts::Hosts;
use super::order::Orders;
use super::outside::{found, placed};
use super::text::{At, Length, Percent};
use crate::cluster::{Cluster, HostSpec};
use crate::error::{Error, Result};
use crate::rng::{Purpose, Seed};
use crate::trace::OutageTarget;
use crate::units::SimDuration;
use crate::workload::Workload;
use crate::workload::inflation::{Asked, Inflation, arrive_and_stay, asked_by, by_name, draw_order, list_of, shuffle};

/// Jobs drawn from those of the workload arrive one by one and stay, until they ask for so much of the cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InflationSection {
    /// What is added up: `cpu`, `memory` or `gpu`; default `gpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Asked>,
    /// How much of it in all, of what the cluster has; default `130%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<At<Percent>>,
    /// Which jobs are drawn: `all` or `without-gpus`; default `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<ListWord>,
    /// Time between arrivals; default 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<At<Length>>,
    /// A file with the orders of arrivals and of hosts, instead of drawn ones; relative to the scenario's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<At<String>>,
}

/// Which jobs are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListWord {
    /// All of the workload.
    #[default]
    All,
    /// Those that ask for no GPU.
    WithoutGpus,
}

/// What `to` is by default: as in the experiment that this is made for (FGD, USENIX ATC 2023).
const TO: Percent = Percent(130_000);
/// What `every` is by default; *assumed*, and of no effect on what is placed.
const EVERY: SimDuration = SimDuration::from_secs(1);
/// Fewest digits before the name of a host.
const DIGITS: usize = 4;

impl InflationSection {
    /// With its defaults filled in.
    pub(super) fn written(&self) -> Self {
        InflationSection {
            of: Some(self.of.unwrap_or_default()),
            to: Some(self.to.unwrap_or(TO.into())),
            jobs: Some(self.jobs.unwrap_or_default()),
            every: Some(self.every.unwrap_or(Length(EVERY).into())),
            order: self.order.clone(),
        }
    }

    fn every(&self) -> SimDuration {
        self.every.map_or(EVERY, |every| every.0)
    }
}

/// What `inflation` has no meaning beside.
fn check(section: &At<InflationSection>, file: &ScenarioFile) -> Result<()> {
    let refuse = |what: &str| Err(section.refuse(what).in_field("inflation"));
    if let Some(trace) = &file.workload.trace
        && (trace.load.is_some() || trace.speed.is_some())
    {
        return refuse("it sets when jobs arrive and how many; leave load and speed of the trace out");
    }
    if matches!(file.workload.arrivals, Some(LoopSection::Closed { .. })) {
        return refuse("its jobs never end, so that a closed loop would stand still; loop: open will do");
    }
    if file.platform.is_some() {
        return refuse("parts of a platform are no list to draw from; leave platform out");
    }
    if section.to.is_some_and(|to| to.0 == 0) {
        return refuse("to is 0%; more will do");
    }
    Ok(())
}

/// The jobs drawn from `workload` for `hosts`, which are given names in the order in which ties are settled. Says what it
/// did in `notes`.
///
/// Errors name the place: what makes no sense together, a resource that no host or no job has, a bad order file.
pub(super) fn resolve(
    section: &At<InflationSection>,
    file: &ScenarioFile,
    (workload, hosts): (Workload, &mut Hosts),
    (folder, budgets): (&Path, &Budgets),
    seed: Seed,
    notes: &mut Vec<String>,
) -> Result<Workload> {
    check(section, file)?;
    if hosts.specs.is_empty() {
        // Whoever looks at the hosts next says so.
        return Ok(workload);
    }
    let here = |why: Error| section.place(why);
    let without_gpus = section.jobs == Some(ListWord::WithoutGpus);
    let (base, tied) = list_of(workload, without_gpus).map_err(|why| here(why.in_field("jobs")))?;
    if tied > 0 {
        notes.push(format!("inflation: {tied} jobs that are tied to one host by its name are left out of the list"));
    }
    let of = section.of.unwrap_or_default();
    hosts.specs.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = hosts.specs.windows(2).find(|pair| pair[0].name == pair[1].name) {
        // Their new names would differ.
        return Err(file.cluster.refuse(format!("two hosts are named \"{}\"", pair[0].name)));
    }
    let total: i128 = hosts.specs.iter().map(|host| amount(of, host)).sum();
    let (order, ranks) = match &section.order {
        Some(path) => {
            let names: Vec<&str> = hosts.specs.iter().map(|host| host.name.as_str()).collect();
            let orders = Orders::read(&found(path, folder), base.len(), &names, budgets);
            let orders = orders.map_err(|why| placed(why, path))?;
            (orders.arrivals, orders.ranks)
        }
        None => {
            if total == 0 {
                let what = format!("the hosts have no {}, so that nothing can be a share of it", of.name());
                return Err(here(Error::input(what).in_field("of")));
            }
            let to = section.to.map_or(TO, |to| to.value);
            let target = total * i128::from(to.0) / 100_000;
            let order = draw_order(&base, Inflation { of, target, most_jobs: budgets.jobs }, seed).map_err(here)?;
            let mut ranks: Vec<usize> = (0..hosts.specs.len()).collect();
            shuffle(&mut ranks, &mut seed.stream(Purpose::Inflation, 1));
            (order, ranks)
        }
    };
    let inflated = arrive_and_stay(&base, &order, section.every()).map_err(here)?;
    notes.extend(said(section, &base, (of, total), &order));
    rename(hosts, &ranks);
    Ok(inflated)
}

/// How much of `of` a host has.
fn amount(of: Asked, host: &HostSpec) -> i128 {
    match of {
        Asked::Cpu => host.cpu.0.into(),
        Asked::Memory => host.memory.0.into(),
        Asked::Gpu => i128::from(host.gpus) * 1_000,
    }
}

/// What is to be said of it.
fn said(section: &InflationSection, base: &Workload, (of, total): (Asked, i128), order: &[u32]) -> Vec<String> {
    let how = if section.order.is_some() { "in the order of the file" } else { "drawn" };
    let mut notes = vec![format!(
        "inflation: {} arrivals, {how} from {} jobs, one every {}, stay for good; times and ends of the jobs do not count",
        order.len(),
        base.len(),
        section.every(),
    )];
    let asked = asked_by(base, of, order);
    if total > 0 {
        // Hundredths of a per cent.
        let share = asked * 10_000 / total;
        let unread = if section.order.is_some() { " (`to` is not looked at)" } else { "" };
        let (whole, rest, of) = (share / 100, share % 100, of.name());
        notes.push(format!("inflation: they ask for {whole}.{rest:02} % of the cluster's {of}{unread}"));
    }
    let list = by_name(base);
    let count = |what: &dyn Fn(crate::ids::JobId) -> bool| list.iter().filter(|&&job| what(job)).count();
    for (jobs, what) in [
        (count(&|job| !base.profile(job).is_empty()), "have a usage of their own, which does not count: usage decides"),
        (count(&|job| !base.after(job).is_empty()), "wait for others, which does not count"),
    ] {
        if jobs > 0 {
            notes.push(format!("inflation: {jobs} jobs of the list {what}"));
        }
    }
    let order = if section.order.is_some() { "the order of the file" } else { "an order drawn with the seed" };
    notes.push(format!(
        "inflation: hosts are called NNNN-NAME, numbered in {order}: among equal hosts the first by name is taken"
    ));
    notes
}

/// The name that the host `name` of the cluster as written has under inflation, if some host's looks so.
pub(super) fn renamed<'c>(name: &str, cluster: &'c Cluster) -> Option<&'c str> {
    let of = |long: &str| {
        let (rank, rest) = long.split_once('-')?;
        (rest == name && rank.len() >= DIGITS && rank.bytes().all(|b| b.is_ascii_digit())).then_some(())
    };
    cluster.ids().map(|host| cluster.name(host)).find(|long| of(long).is_some())
}

/// Puts the rank of each host, in order of names, before its name, wherever the name stands.
fn rename(hosts: &mut Hosts, ranks: &[usize]) {
    let digits = hosts.specs.len().saturating_sub(1).to_string().len().max(DIGITS);
    let mut names = std::collections::BTreeMap::new();
    for (host, rank) in hosts.specs.iter_mut().zip(ranks) {
        let name = format!("{rank:0digits$}-{}", host.name);
        names.insert(std::mem::replace(&mut host.name, name.clone()), name);
    }
    let renamed = |name: &mut String| {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    };
    hosts.groups.values_mut().flatten().for_each(renamed);
    for outage in &mut hosts.outages {
        if let OutageTarget::Host(name) = &mut outage.target {
            renamed(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scenario, read_text, resolve};
    use super::*;
    use crate::units::SimTime;

    const HEAD: &str = "apiVersion: plimsoll/v1\nkind: Scenario\norchestrators: [first-fit]\n";
    const HOSTS: &str =
        "cluster: {hosts: [{name: n, count: 2, cpu: 4, memory: 8Gi, gpus: 2}, {name: m, cpu: 2, memory: 1Gi}]}\n";
    const JOBS: &str = "  jobs:\n  - {name: a, duration: 1m, requests: {cpu: 500m, memory: 1Gi}, gpus: [250]}\n  \
                        - {name: b, duration: 1m, requests: {cpu: 1, memory: 2Gi}}\n";

    fn read(text: &str, budgets: &Budgets) -> Result<Scenario> {
        read_text(text.as_bytes(), budgets).and_then(|file| resolve(&file, Path::new("."), budgets))
    }

    fn with(inflation: &str, more: &str) -> Result<Scenario> {
        let text = format!("{HEAD}{HOSTS}workload:\n{JOBS}  inflation: {inflation}\n{more}");
        read(&text, &Budgets { jobs: 100, ..Budgets::default() })
    }

    fn told(inflation: &str, more: &str) -> String {
        let why = with(inflation, more).map(|_| ()).unwrap_err();
        assert_eq!(why.exit_code(), 3, "{why}");
        why.to_string()
    }

    #[test]
    fn arrivals_ask_for_the_wanted_share_of_the_cluster() {
        // 4 GPUs, of which 62.5 % are ten times a quarter; 10 cores, of which 45 % are 4.5.
        for (inflation, gpus, cpu) in [
            ("{to: 62.5%}", Some(2_500), None),
            ("{to: 62.4%}", Some(2_250), None),
            ("{of: cpu, to: 45%, jobs: without-gpus}", Some(0), Some(4_000)),
            ("{of: memory, to: 100%}", None, None),
            ("{}", Some(5_000), None),
        ] {
            let s = with(inflation, "").unwrap_or_else(|why| panic!("{inflation}: {why}"));
            let w = &s.setup.workload;
            let sum = |of: Asked| w.ids().map(|job| of.of(w, job)).sum::<i128>();
            assert!(gpus.is_none_or(|gpus| sum(Asked::Gpu) == gpus), "{inflation}: {}", sum(Asked::Gpu));
            assert!(cpu.is_none_or(|cpu| sum(Asked::Cpu) == cpu), "{inflation}: {}", sum(Asked::Cpu));
            assert!(sum(Asked::Memory) <= 17 << 30 || !inflation.contains("memory"), "{inflation}");
            assert_eq!(s.setup.end, SimTime(w.len() as u64 * 1_000_000));
            // The seed decides all.
            let again = read(&s.resolved_yaml, &Budgets::default()).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(format!("{:?}", again.setup), format!("{:?}", s.setup), "{inflation}");
            assert_eq!(again.resolved_yaml, s.resolved_yaml, "{inflation}");
            assert_ne!(format!("{:?}", with(inflation, "seed: 7\n").unwrap().setup), format!("{:?}", s.setup));
        }
    }

    #[test]
    fn hosts_are_numbered_in_every_order_and_groups_and_outages_follow() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let more = format!("seed: {seed}\nfailures: [{{hosts: n, mtbf: 10s, repair: 1s}}]\n");
            let s = with("{}", &more).unwrap();
            let cluster = &s.setup.cluster;
            let names: Vec<&str> = cluster.ids().map(|host| cluster.name(host)).collect();
            for (rank, name) in names.iter().enumerate() {
                assert_eq!(name[..5], format!("{rank:04}-"), "{names:?}");
            }
            assert!(s.setup.failures.iter().all(|failure| cluster.name(failure.host).contains("-n-00")));
            assert!(!s.setup.failures.is_empty());
            seen.insert(names.iter().map(|name| name[5..].to_owned()).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 6, "{seen:?}");
        let mut hosts = Hosts { specs: vec![], ..Hosts::default() };
        for name in ["h1", "h2"] {
            hosts.specs.push(HostSpec::new(name, crate::units::MilliCpu(1), crate::units::Bytes(1)));
            let target = OutageTarget::Host(name.into());
            let (at, lasts) = (SimTime::ZERO, SimDuration(1));
            let kind = crate::sim::FailureKind::Down;
            hosts.outages.push(crate::trace::TraceOutage { at, target, lasts, kind });
        }
        rename(&mut hosts, &[1, 0]);
        assert_eq!(hosts.outages[0].target, OutageTarget::Host("0001-h1".into()));
        assert_eq!(hosts.outages[1].target, OutageTarget::Host("0000-h2".into()));
    }

    #[test]
    fn what_makes_no_sense_beside_inflation_is_refused_with_what_would_do() {
        for (inflation, more, want) in [
            ("{to: 130}", "", "line 9:19: \"130\" is not a percentage (try 130%; at most 1000000%)"),
            ("{to: 0%}", "", "line 9:14: inflation: to is 0%; more will do"),
            ("{of: disk}", "", "line 9:19: \"disk\" is none of the words for this key"),
            ("{jobs: some}", "", "line 9:21: \"some\" is none of the words for this key"),
            (
                "{every: 0s}",
                "",
                "line 9:14: every: jobs that arrive at once would come in order of their names; 1us or more will do",
            ),
            ("{form: gpu}", "", "line 9:15: unknown key \"form\""),
            ("{to: 1000000%}", "", "101 jobs is over the budget of 100; raise it with --max-jobs"),
            ("{to: 0.001%}", "", "to: no job is left under 0 of gpu; raise it"),
            ("{jobs: without-gpus}", "", "of: no job asks for any gpu; cpu or memory will do"),
            ("{order: no/such.txt}", "", "no/such.txt: there is no such file; check the path"),
            (
                "{}\n  loop: {closed: {users: 1, think_time: 1s}}",
                "",
                "its jobs never end, so that a closed loop would stand still",
            ),
            ("{}", "platform: {}\n", "parts of a platform are no list to draw from; leave platform out"),
            ("{}", "failures: [{host: n-001, at: 1s}]\n", "unknown host \"n-001\"; inflation calls it \"000"),
            ("{}", "failures: [{host: x-001, at: 1s}]\n", "unknown host \"x-001\""),
        ] {
            let got = told(inflation, more);
            assert!(got.contains(want), "{inflation} {more}: {got}");
        }
        let no_gpus = format!(
            "{HEAD}cluster: {{hosts: [{{name: n, cpu: 1, memory: 1Gi}}]}}\nworkload:\n{JOBS}  inflation: {{}}\n"
        );
        let why = read(&no_gpus, &Budgets::default()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(why, "line 9:14: of: the hosts have no gpu, so that nothing can be a share of it");
        let none = format!("{HEAD}cluster: {{}}\nworkload:\n{JOBS}  inflation: {{}}\n");
        let why = read(&none, &Budgets::default()).map(|_| ()).unwrap_err().to_string();
        assert!(why.contains("the cluster has no hosts; give hosts"), "{why}");
    }

    #[test]
    fn a_window_of_a_trace_chooses_the_list_and_load_and_speed_are_refused() {
        let folder = std::env::temp_dir().join(format!("plimsoll-inflation-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let jobs = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,after\n\
                    a,0,60000000,1000,1073741824,\nb,100000000,60000000,500,1073741824,\nc,200000000,60000000,500,1073741824,b\n";
        std::fs::write(folder.join("t.csv"), jobs).unwrap();
        let budgets = Budgets::default();
        let whole = |trace: &str| {
            let trace = format!("  trace: {{format: native, path: t.csv{trace}}}\n");
            let text = format!("{HEAD}{HOSTS}workload:\n{trace}  inflation: {{of: cpu}}\n");
            read_text(text.as_bytes(), &budgets).and_then(|file| resolve(&file, &folder, &budgets))
        };
        let s = whole(", from: 90s").unwrap();
        let w = &s.setup.workload;
        // 13 cores in halves.
        assert_eq!((w.len(), w.shapes().len()), (26, 1));
        assert!(w.ids().all(|job| !w.name(job).starts_with('a') && w.after(job).is_empty()));
        let said = "inflation: 1 jobs of the list wait for others, which does not count";
        assert!(s.notes.iter().any(|note| note == said), "{:?}", s.notes);
        for key in [", load: 0.7", ", speed: 2"] {
            let why = whole(key).map(|_| ()).unwrap_err().to_string();
            assert!(why.ends_with("leave load and speed of the trace out"), "{why}");
        }
        let _ = std::fs::remove_dir_all(&folder);
    }
}
