//! The decisions of kube-scheduler v1.36.3, exactly, as a pure library: no clock, no queue, no simulation.
//!
//! [`object`] reads manifests, [`config`] a KubeSchedulerConfiguration, [`framework`] holds the plugins (one file
//! each under [`plugin`]) at their extension points, [`snapshot`] the nodes as the scheduler's cache sees them,
//! [`cycle`] runs one scheduling cycle and [`preemption`] its PostFilter, [`hint`] says what wakes a rejected pod, [`case`] a whole recorded case.
//! What decides is the recorded behaviour in `tests/vectors/kube`; comments name the source function.
//! [`y2016`] is apart: the scheduler of v1.2.4 and v1.3.0, held to `tests/vectors/kube-2016`.
//!
//! Not here: time (queue, backoff, binding), volumes, resource claims and gangs. Plugins for the last three stand in
//! the table with their real places and skip, as the real ones do for pods that do not use them.

pub mod against;
pub mod case;
pub mod config;
pub mod cycle;
pub mod explain;
pub mod framework;
pub mod hint;
pub mod honesty;
pub mod indexed;
pub mod kinds;
pub mod manifests;
pub mod object;
pub mod plugin;
pub mod preemption;
pub mod recheck;
pub mod snapshot;
pub mod status;
pub mod tie_break;
pub mod topology;
pub mod y2016;
