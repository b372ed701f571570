//! The platform: the keys of `platform:`, and what apps say of themselves to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{JobSection, ScenarioFile};
use super::hosts::{Hosts, numbered};
use super::text::{At, Length, Share, Switch};
use crate::discovery::component::{COMPONENTS, ComponentInfo, component};
use crate::discovery::platform::{ConfigChange, ConfigWay, Platform, Role};
use crate::error::{Error, Result, unknown_name};
use crate::ids::AppId;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::{Controller, Job, UsageStep, Workload, WorkloadBuilder};

/// What looks at how apps and components find each other and their configuration. Without this section nobody does.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformSection {
    /// Whether the components of Deis are added as services, each with the size it has in the table of components; default
    /// on. Off: those that the workload names by `role`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Switch>,
    /// How many routers; default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routers: Option<At<u32>>,
    /// From a container's start to its readiness; default 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_in: Option<Length>,
    /// Requests a second from outside to each user app that does not say `requests_per_second`; default 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<Share>,
    /// Changes of configuration that an operator makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<At<ChangeSection>>,
}

/// A change of configuration.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSection {
    /// When.
    pub at: Length,
    /// Whose configuration: an app or a component.
    pub app: String,
    /// How it gets there under Kubernetes: `environment` (default) or `secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<WayWord>,
}

/// How a configuration gets to an app under Kubernetes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WayWord {
    /// Environment variables.
    #[default]
    Environment,
    /// A secret mounted as files.
    Secret,
}

/// From a container's start to its readiness where nothing is said, assumed.
const STARTS_IN: SimDuration = SimDuration::from_secs(5);
/// Requests a second to a user app where nothing is said, thousandths, assumed.
const REQUESTS_MILLI: u32 = 10_000;
/// The label by which what runs once on every host is tied to it.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Adds the components of Deis to the workload, those on every host tied to theirs.
pub(super) fn add(section: &PlatformSection, hosts: &mut Hosts, builder: &mut WorkloadBuilder) -> Result<()> {
    let on = section.components.is_none_or(|on| on.0);
    if let Some(routers) = section.routers.as_ref().filter(|routers| routers.value == 0 || !on) {
        return Err(routers.refuse("routers is for components: on, and at least 1"));
    }
    if !on {
        return Ok(());
    }
    for info in COMPONENTS {
        if info.per_host {
            for host in &mut hosts.specs {
                let label = host.labels.entry(HOSTNAME.into()).or_insert_with(|| host.name.clone()).clone();
                let mut job = service(info, format!("{}-{}", info.name, host.name));
                job.spec.controller = Controller::DaemonSet;
                job.spec.node_selector.push((HOSTNAME.into(), label));
                builder.push(job)?;
            }
        } else {
            let routers = section.routers.as_ref().filter(|_| info.name == "router").map(|routers| routers.value);
            let count = routers.unwrap_or(info.count);
            for index in 0..count {
                builder.push(service(info, numbered(info.name, index, count)))?;
            }
        }
    }
    Ok(())
}

/// One container of a component: there from the beginning, asking for nothing, as Deis shipped it.
fn service(info: &ComponentInfo, name: String) -> Job {
    let mut job = Job::service(name, SimTime::ZERO, MilliCpu(0), Bytes(0));
    job.app = info.name.into();
    job.spec.namespace = "deis".into();
    job.spec.controller = Controller::ReplicaSet;
    job.usage =
        vec![UsageStep { length_us: u64::MAX, cpu_nano: info.cpu.nano_cores(), memory: info.memory, cache: Bytes(0) }];
    job
}

/// The platform that the file describes, over the apps of `workload`.
pub(super) fn resolve(file: &ScenarioFile, workload: &Workload, end: SimTime) -> Result<Option<Platform>> {
    let said = file.workload.apps.iter().chain(&file.workload.jobs);
    let Some(section) = &file.platform else {
        let mut said = said.filter(|app| app.says_of_platform());
        return match said.next() {
            Some(app) => Err(app.refuse(format!(
                "{}: role, calls and requests_per_second count where there is a platform (add platform: {{}})",
                app.name
            ))),
            None => Ok(None),
        };
    };
    let n = workload.apps().len();
    let usual = u64::from(section.requests_per_second.map_or(REQUESTS_MILLI, |rate| rate.0));
    let with_components = section.components.is_none_or(|on| on.0);
    let roles: Vec<Role> = workload
        .apps()
        .iter()
        .map(|app| match component(&app.name) {
            Some((number, _)) if with_components => Role::Component(number),
            _ => Role::App,
        })
        .collect();
    let requests_milli = roles.iter().map(|role| if *role == Role::App { usual } else { 0 }).collect();
    let mut platform = Platform {
        roles,
        requests_milli,
        calls: vec![Vec::new(); n],
        starts_in: section.starts_in.map_or(STARTS_IN, |length| length.0),
        changes: Vec::new(),
    };
    for entry in said {
        apply(entry, &mut platform, workload).map_err(|why| entry.place(why))?;
    }
    for change in &section.changes {
        let app = find(&change.app, workload).map_err(|why| change.place(why))?;
        let way = match change.way.unwrap_or_default() {
            WayWord::Environment => ConfigWay::Environment,
            WayWord::Secret => ConfigWay::Secret,
        };
        let at = SimTime(change.at.0.0);
        if at >= end {
            return Err(change.refuse(format!("a change at {at} comes after the end of the run ({end})")));
        }
        platform.changes.push(ConfigChange { at, app, way });
    }
    platform.changes.sort_by_key(|change| change.at);
    Ok(Some(platform))
}

fn find(name: &str, workload: &Workload) -> Result<AppId> {
    let names = || workload.apps().iter().map(|app| app.name.as_str());
    match names().position(|app| app == name) {
        Some(at) => Ok(AppId::from_index(at)),
        None => Err(Error::input(unknown_name("app", name, &names().collect::<Vec<_>>()))),
    }
}

/// What one app or job says of itself.
fn apply(entry: &At<JobSection>, platform: &mut Platform, workload: &Workload) -> Result<()> {
    if !entry.says_of_platform() {
        return Ok(());
    }
    let app = find(entry.app.as_ref().unwrap_or(&entry.name), workload)?.index();
    if let Some(role) = &entry.role {
        platform.roles[app] = match role.as_str() {
            "app" => Role::App,
            "unannounced" => Role::Unannounced,
            name => match component(name) {
                Some((number, _)) => Role::Component(number),
                None => {
                    let names: Vec<&str> =
                        ["app", "unannounced"].into_iter().chain(COMPONENTS.iter().map(|c| c.name)).collect();
                    return Err(role.refuse(unknown_name("role", name, &names)));
                }
            },
        };
        if platform.roles[app] != Role::App && platform.roles[app] != Role::Unannounced {
            platform.requests_milli[app] = 0;
        }
    }
    if let Some(rate) = entry.requests_per_second {
        platform.requests_milli[app] = rate.0.into();
    }
    for called in &entry.calls {
        let called = find(called, workload).map_err(|why| called.place(why))?;
        platform.calls[app].push(called);
    }
    Ok(())
}
