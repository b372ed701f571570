//! Jobs as fleet's units: names, what they ask for, and which are copies of global units.
//!
//! A unit is named as its job, with `.service` behind it; replica `web-003` of the app `web` is the instance
//! `web@003.service`, whatever its unit file is called, so that `%p` is the app and `Conflicts=web@*.service` means all
//! replicas.
//!
//! A global unit runs on every machine whose metadata match; a job has one place. So a job whose unit says
//! `Global=true`, or whose controller is a `daemon-set`, is the copy on one machine: the jobs of one app that ask for
//! the same are, by name, the copies on the machines that match, by name, each on one. A job beyond the last such
//! machine never runs; a machine beyond the last job has no copy and counts none.

use std::collections::BTreeMap;

use crate::fleet::Version;
use crate::fleet::machine::Machine;
use crate::fleet::options::Options as UnitOptions;
use crate::fleet::requirements::Requirements;
use crate::fleet::unit::{TargetState, Unit};
use crate::ids::{HostId, JobId};
use crate::orchestrator::World;
use crate::workload::{Controller, Workload};

/// A key that no unit can ask for and no machine has of itself: it ties the copy of a global unit to its machine.
const OWN: &str = "=machine";

/// The units of a workload.
pub(super) struct Units {
    pub version: Version,
    /// Copies of global units and where they run; `None`: nowhere.
    homes: BTreeMap<JobId, Option<HostId>>,
    /// Whether some unit asks for something, so that numbers alone do not decide.
    pub ask: bool,
    /// Whether some copy of a global unit has something to ask for.
    pub globals_ask: bool,
}

impl Units {
    pub(super) fn new(world: &World, version: Version) -> Units {
        let workload = world.workload;
        let asks = |options: &UnitOptions| Requirements::new("x.service", options, &version.rules());
        let listed: Vec<Requirements> = workload.units().iter().map(|options| asks(options)).collect();
        let bare = |wants: &Requirements| *wants == Requirements { global: wants.global, ..Requirements::default() };
        let mut copies: BTreeMap<_, Vec<JobId>> = BTreeMap::new();
        let (mut ask, mut globals_ask) = (false, false);
        for job in workload.ids() {
            let spec = workload.spec(job);
            let wants = spec.unit.map(|number| &listed[number as usize]);
            let global = spec.controller == Controller::DaemonSet || wants.is_some_and(|wants| wants.global);
            let asking = wants.is_some_and(|wants| !bare(wants));
            ask |= asking;
            globals_ask |= asking && global;
            if global {
                copies.entry((workload.app(job), workload.spec_id(job))).or_default().push(job);
            }
        }
        let mut homes = BTreeMap::new();
        for ((_, _), mut jobs) in copies {
            jobs.sort_by_key(|&job| workload.name(job));
            let spec = workload.spec(jobs[0]);
            let wants = spec.unit.map(|number| &listed[number as usize]);
            let mut matching = world.cluster.ids().filter(|&host| {
                world.cluster.matches(host, &spec.node_selector, &[])
                    && wants.is_none_or(|wants| machine(world, host).has(&wants.metadata))
            });
            for job in jobs {
                homes.insert(job, matching.next());
            }
        }
        Units { version, homes, ask, globals_ask }
    }

    /// Whether a job is the copy of a global unit, and then where it runs.
    pub(super) fn home(&self, job: JobId) -> Option<Option<HostId>> {
        if self.homes.is_empty() { None } else { self.homes.get(&job).copied() }
    }

    /// The copies of global units, with their machines.
    pub(super) fn globals(&self) -> impl Iterator<Item = (JobId, Option<HostId>)> + '_ {
        self.homes.iter().map(|(&job, &home)| (job, home))
    }

    /// The job as the unit `name`; `None` for a copy without a machine.
    pub(super) fn unit(&self, world: &World, job: JobId, name: &str) -> Option<Unit> {
        let nothing = UnitOptions::default();
        let options = world.workload.unit(job).map_or(&nothing, |options| options);
        let mut unit = Unit::new(name, options, TargetState::Launched, &self.version.rules());
        if let Some(home) = self.home(job) {
            let own = world.cluster.name(home?).to_owned();
            unit.requirements.global = true;
            unit.requirements.metadata = BTreeMap::from([(OWN.to_owned(), [own].into())]);
        }
        Some(unit)
    }
}

/// The name of a job's unit.
pub(super) fn name(workload: &Workload, job: JobId) -> String {
    let name = workload.name(job);
    if name.ends_with(".service") {
        return name.to_owned();
    }
    let app = &workload.apps()[workload.app(job).index()].name;
    let number = name.strip_prefix(app.as_str()).and_then(|rest| rest.strip_prefix('-'));
    match number.filter(|number| !app.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
        Some(number) => format!("{app}@{number}.service"),
        None => format!("{name}.service"),
    }
}

/// Writes the same behind `text`.
pub(super) fn write_name(workload: &Workload, job: JobId, text: &mut String) {
    let name = workload.name(job);
    let app = workload.apps()[workload.app(job).index()].name.as_str();
    let numbered = !name.ends_with(".service") && !app.is_empty() && name.len() > app.len() + 1;
    let dash = numbered && name.as_bytes()[app.len()] == b'-' && name.starts_with(app);
    if dash && name.as_bytes()[app.len() + 1..].iter().all(u8::is_ascii_digit) {
        text.push_str(app);
        text.push('@');
        text.push_str(&name[app.len() + 1..]);
    } else {
        text.push_str(name);
    }
    if !name.ends_with(".service") {
        text.push_str(".service");
    }
}

/// The host as a machine: its name is its ID, its labels are its metadata.
pub(super) fn machine(world: &World, host: HostId) -> Machine {
    let spec = world.cluster.spec(host);
    let mut metadata = spec.labels.clone();
    metadata.insert(OWN.to_owned(), spec.name.clone());
    Machine { id: spec.name.clone(), metadata }
}

/// The names of all units, both ways. Kept only where the engine is asked by name.
pub(super) struct Names {
    of: Vec<String>,
    jobs: BTreeMap<String, JobId>,
}

impl Names {
    pub(super) fn new(workload: &Workload) -> Names {
        let mut names = Names { of: Vec::with_capacity(workload.len()), jobs: BTreeMap::new() };
        for job in workload.ids() {
            let mut own = name(workload, job);
            // `x` and `x.service` are two jobs: the later is told apart.
            while names.jobs.contains_key(&own) {
                own.insert(0, '_');
            }
            names.jobs.insert(own.clone(), job);
            names.of.push(own);
        }
        names
    }

    /// The unit of a job.
    pub(super) fn of(&self, job: JobId) -> &str {
        &self.of[job.index()]
    }

    /// The job of a unit.
    pub(super) fn job(&self, unit: &str) -> JobId {
        self.jobs[unit]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::units::{Bytes, MilliCpu, SimTime};
    use crate::workload::{Job, UsageMode, WorkloadBuilder};

    #[test]
    fn names_are_written_as_they_are_made() {
        let mut builder = WorkloadBuilder::new();
        let names = ["a", "a-1", "a-12", "a-", "a-x", "a-1x", "b-1", "a-3.service", "a.service", "é-7", "ab-1", "-1"];
        for (i, name) in names.iter().enumerate() {
            for app in ["a", "b", "é", "a-1"] {
                let mut job = Job::service(format!("{name}{}", ""), SimTime(i as u64), MilliCpu(1), Bytes(1));
                job.app = app.into();
                job.name = if app == "a" { (*name).into() } else { format!("{app}-{name}") };
                // The same name twice is no workload.
                let _ = builder.push(job);
            }
        }
        let workload = builder.finish(UsageMode::Request, Seed(1)).unwrap();
        for job in workload.ids() {
            let mut text = String::from("x");
            write_name(&workload, job, &mut text);
            assert_eq!(text, format!("x{}", name(&workload, job)));
        }
    }
}
