//! What the jobs of a workload are to the platform that runs them.

use crate::ids::AppId;
use crate::units::{SimDuration, SimTime};

/// What an app is to the platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// An app of a user's: announced by whatever the platform announces apps with, reached through routers.
    #[default]
    App,
    /// An app that nothing announces: a bare unit without a publisher, a pod without a Service.
    Unannounced,
    /// A component of the platform, by its place in the table of components.
    Component(u8),
}

/// A change of configuration that an operator makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigChange {
    /// When.
    pub at: SimTime,
    /// Of which app's or component's configuration.
    pub app: AppId,
    /// How it reaches the app where there is a choice.
    pub way: ConfigWay,
}

/// How configuration reaches an app.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ConfigWay {
    /// Keys in etcd, environment variables in Kubernetes.
    #[default]
    Environment,
    /// Keys in etcd, a secret mounted as files in Kubernetes.
    Secret,
}

/// The platform of an experiment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Platform {
    /// What each app is, by number.
    pub roles: Vec<Role>,
    /// Requests from outside to each app, thousandths a second.
    pub requests_milli: Vec<u64>,
    /// Apps that each app calls, as its configuration names them.
    pub calls: Vec<Vec<AppId>>,
    /// From a container's start to its readiness, where nothing else is said.
    pub starts_in: SimDuration,
    /// Changes of configuration, in order of time.
    pub changes: Vec<ConfigChange>,
}

impl Platform {
    /// What `app` is.
    pub fn role(&self, app: AppId) -> Role {
        self.roles.get(app.index()).copied().unwrap_or_default()
    }
}
