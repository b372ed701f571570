//! The components of Deis: what each is for, what it needs and what it takes. The two platforms of the story have the same
//! ones, under other names: Deis 1 on etcd (`deisctl/units`, v1.12.3) and Deis Workflow 2.0 on Kubernetes (deis/charts
//! `workflow-v2.0.0`).

use crate::units::{Bytes, MilliCpu};

/// A component.
#[derive(Clone, Copy, Debug)]
pub struct ComponentInfo {
    /// Its name under Deis 1.
    pub name: &'static str,
    /// What Workflow 2.0 has in its place; empty: nothing, Kubernetes itself does it.
    pub workflow: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// One on every host (`Global=true`, a DaemonSet); else so many by default.
    pub per_host: bool,
    /// How many, where it is not one on every host.
    pub count: u32,
    /// CPU it uses, assumed: all of the platform idles most of the time.
    pub cpu: MilliCpu,
    /// Memory it uses. Assumed in its parts; all together about the 2 to 2.5 GB that the sources name for three hosts
    /// (docs/installing_deis/system-requirements.rst, v1.12.3).
    pub memory: Bytes,
}

const fn row(names: [&'static str; 2], summary: &'static str, count: u32, cpu: i64, memory: i64) -> ComponentInfo {
    let [name, workflow] = names;
    let (cpu, memory) = (MilliCpu(cpu), Bytes::mib(memory));
    ComponentInfo { name, workflow, summary, per_host: count == 0, count, cpu, memory }
}

/// The components. A count of 0 means one on every host.
pub const COMPONENTS: &[ComponentInfo] = &[
    row(["router", "deis-router"], "takes requests from outside to the apps (nginx)", 3, 50, 100),
    row(["controller", "deis-controller"], "the API: apps, releases, configuration (Django)", 1, 50, 250),
    row(["database", "deis-database"], "what the controller knows (PostgreSQL)", 1, 50, 200),
    row(["registry", "deis-registry"], "images of all apps (docker-registry)", 1, 30, 150),
    row(["builder", "deis-builder"], "makes images of what is pushed", 1, 30, 100),
    row(["store-gateway", "deis-minio"], "objects: layers of images, backups (Ceph's gateway; minio)", 1, 30, 150),
    row(["logger", "deis-logger"], "collects the logs of all apps", 1, 20, 60),
    row(["logspout", "fluentd"], "ships the logs of its host to the logger", 0, 10, 30),
    row(["publisher", ""], "announces the app containers of its host in etcd", 0, 10, 20),
];

/// The component of that name, under Deis 1 or Workflow, and its place in the table.
pub fn component(name: &str) -> Option<(u8, &'static ComponentInfo)> {
    let named = |c: &ComponentInfo| c.name == name || !c.workflow.is_empty() && c.workflow == name;
    COMPONENTS.iter().position(named).map(|i| (i as u8, &COMPONENTS[i]))
}
