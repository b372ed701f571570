//! The simulation: clock, queue, loop, changes.

mod band;
mod change;
mod checker;
mod contention;
mod daemons;
mod digest;
mod discovery;
mod engine;
mod eviction;
mod images;
mod jobs;
mod kinds;
mod life;
mod load;
mod look_ahead;
mod maintenance;
mod memory;
mod oom;
mod pods;
mod power;
mod queue;
mod rates;
mod restart;
mod setup;
mod state;
mod time_queue;

pub use change::{Change, DownCause, EndReason, MaintenanceStep, Observer, Waiting, Worth};
pub use checker::{Account, Checker};
pub use digest::Digest;
pub use engine::{Flags, simulate};
pub use kinds::{Kind, Kinds};
pub use rates::CpuRates;
pub use setup::{Failure, FailureKind, Loop, Maintenance, Setup};
pub use time_queue::{RANKS, TimeQueue};
