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
    /// Components whose address it must know to start, and uses as it runs. Under Deis 1 its templates read them without a
    /// default (`controller/templates/confd_settings.py:30-44`, v1.12.3, and the like).
    pub needs: &'static [&'static str],
    /// Whether it waits at its start for those under Workflow too, where names always resolve: assumed of what opens
    /// connections as it starts (Django to its database, PostgreSQL to its backups).
    pub waits_in_workflow: bool,
    /// Keys of configuration that its start writes where they are absent, and that it must find to go on.
    pub keys: &'static [&'static str],
    /// How it starts under Deis 1.
    pub boot: Boot,
}

/// How a component starts under Deis 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boot {
    /// Waits for etcd, sleeps until stale keys are gone, runs confd until it succeeds, then starts and goes on running
    /// confd (`controller/bin/boot`, v1.12.3, and the like).
    Script,
    /// The same with a shorter sleep (`router/cmd/boot/boot.go:52,109-132`, v1.12.3).
    Router,
    /// Starts at once and has no confd (publisher, logger).
    Plain,
    /// Starts at once, reads the logger's address, and ends if there is none (`logspout/logspout.go:211-224`, v1.12.3).
    Logspout,
}

const fn row(names: [&'static str; 2], summary: &'static str, count: u32, cpu: i64, memory: i64) -> ComponentInfo {
    let [name, workflow] = names;
    let (cpu, memory) = (MilliCpu(cpu), Bytes::mib(memory));
    ComponentInfo {
        name,
        workflow,
        summary,
        per_host: count == 0,
        count,
        cpu,
        memory,
        needs: &[],
        waits_in_workflow: false,
        keys: &[],
        boot: Boot::Plain,
    }
}

impl ComponentInfo {
    const fn boots(self, boot: Boot, needs: &'static [&'static str], keys: &'static [&'static str]) -> ComponentInfo {
        ComponentInfo { boot, needs, keys, ..self }
    }

    const fn waits(self) -> ComponentInfo {
        ComponentInfo { waits_in_workflow: true, ..self }
    }
}

/// The components. A count of 0 means one on every host.
pub const COMPONENTS: &[ComponentInfo] = &[
    row(["router", "deis-router"], "takes requests from outside to the apps (nginx)", 3, 50, 100).boots(
        Boot::Router,
        &[],
        &["/deis/router/enforceHTTPS"],
    ),
    row(["controller", "deis-controller"], "the API: apps, releases, configuration (Django)", 1, 50, 250)
        .boots(Boot::Script, &["database", "registry"], &["/deis/controller/registrationMode"])
        .waits(),
    row(["database", "deis-database"], "what the controller knows (PostgreSQL)", 1, 50, 200)
        .boots(Boot::Script, &["store-gateway"], &["/deis/database/engine"])
        .waits(),
    row(["registry", "deis-registry"], "images of all apps (docker-registry)", 1, 30, 150).boots(
        Boot::Script,
        &["store-gateway"],
        &["/deis/registry/protocol"],
    ),
    // That the builder waits for the registry as it does for the controller is assumed.
    row(["builder", "deis-builder"], "makes images of what is pushed", 1, 30, 100).boots(
        Boot::Script,
        &["controller", "registry"],
        &["/deis/builder/users"],
    ),
    row(["store-gateway", "deis-minio"], "objects: layers of images, backups (Ceph's gateway; minio)", 1, 30, 150)
        .boots(Boot::Script, &[], &["/deis/store/gateway/accessKey"]),
    row(["logger", "deis-logger"], "collects the logs of all apps", 1, 20, 60),
    row(["logspout", "fluentd"], "ships the logs of its host to the logger", 0, 10, 30).boots(
        Boot::Logspout,
        &["logger"],
        &[],
    ),
    row(["publisher", ""], "announces the app containers of its host in etcd", 0, 10, 20),
];

/// The component of that name, under Deis 1 or Workflow, and its place in the table.
pub fn component(name: &str) -> Option<(u8, &'static ComponentInfo)> {
    let named = |c: &ComponentInfo| c.name == name || !c.workflow.is_empty() && c.workflow == name;
    COMPONENTS.iter().position(named).map(|i| (i as u8, &COMPONENTS[i]))
}

/// Something that must run, or be stood in for, before a component is ready.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Need {
    /// What: a component's name under that discovery, or `etcd`.
    pub name: &'static str,
    /// How many of it.
    pub count: u32,
}

/// All that must run, or be stood in for, before `component` is ready where things find each other by `discovery` (a row of
/// the discoveries), what is needed first coming first; `None` for a component that is not in the table. Under Deis 1 that
/// begins with etcd and its three members, of which two must agree on every announcement; elsewhere names need no store
/// that a component would wait for.
pub fn closure(discovery: &str, component_name: &str) -> Option<Vec<Need>> {
    fn add(place: u8, discovery: &str, found: &mut Vec<Need>) {
        let info = &COMPONENTS[place as usize];
        let waits = match discovery {
            "etcd" => true,
            "dns" => info.waits_in_workflow,
            _ => false,
        };
        for (peer, _) in info.needs.iter().filter(|_| waits).filter_map(|name| component(name)) {
            add(peer, discovery, found);
            let info = &COMPONENTS[peer as usize];
            let workflow = discovery == "dns" && !info.workflow.is_empty();
            let name = if workflow { info.workflow } else { info.name };
            if found.iter().all(|need| need.name != name) {
                found.push(Need { name, count: 1 });
            }
        }
    }
    let (place, _) = component(component_name)?;
    let mut found = Vec::new();
    if discovery == "etcd" {
        found.push(Need { name: "etcd", count: 3 });
    }
    add(place, discovery, &mut found);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_components_and_none_needs_itself() {
        for c in COMPONENTS {
            let closed = closure("etcd", c.name).unwrap();
            assert!(closed.iter().all(|need| need.name != c.name), "{} needs itself", c.name);
            for need in c.needs {
                assert!(component(need).is_some(), "{} needs {need}, which is no component", c.name);
            }
            assert_eq!(c.keys.is_empty(), matches!(c.boot, Boot::Plain | Boot::Logspout), "{}", c.name);
        }
    }

    #[test]
    fn what_a_component_needs_comes_before_it() {
        let told = |discovery: &str, name: &str| {
            let needs = closure(discovery, name).unwrap();
            needs.iter().map(|need| format!("{} x{}", need.name, need.count)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told("etcd", "router"), "etcd x3");
        assert_eq!(told("etcd", "controller"), "etcd x3, store-gateway x1, database x1, registry x1");
        assert_eq!(told("etcd", "builder"), "etcd x3, store-gateway x1, database x1, registry x1, controller x1");
        assert_eq!(told("dns", "deis-controller"), "deis-minio x1, deis-database x1, deis-registry x1");
        assert_eq!((told("dns", "builder"), told("converge", "controller")), (String::new(), String::new()));
        assert_eq!(closure("etcd", "nobody"), None);
    }
}
