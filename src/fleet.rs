//! fleet's engine, exactly, as a pure library: no clock, no etcd, no simulation. Versions [`Version::V0_11_5`] and
//! [`Version::V1_0_0`]; how they differ is one table, [`version::Rules`].
//!
//! [`unit_file`] reads systemd unit files with `[X-Fleet]`, [`options`] holds that section as fleet parses it, [`requirements`]
//! is what a unit of some name asks of a machine, [`registry`] is what etcd holds, [`cluster_state`] what one turn of the
//! engine makes of it, [`able_to_run`] whether a machine may take a unit, [`engine`] one turn: unscheduling, then scheduling.
//! What decides is the recorded behaviour in `tests/vectors/fleet`; comments name the source file at v0.11.5, or at v1.0.0
//! where that is said.
//!
//! Not here: when a turn runs, the lease, what becomes of a task whose write fails, agents and systemd. Nothing looks at CPU
//! or memory, because fleet does not.

pub mod able_to_run;
pub mod agent_state;
pub mod cluster_state;
pub mod docker_run;
pub mod engine;
pub mod kept;
pub mod machine;
pub mod options;
pub mod pattern;
pub mod registry;
pub mod requirements;
pub mod service;
pub mod task;
pub mod time_span;
pub mod unit;
pub mod unit_file;
pub mod unit_name;
pub mod version;

pub use version::Version;
