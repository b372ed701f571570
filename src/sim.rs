//! The simulation: clock, queue, loop, changes.

mod change;
mod checker;
mod digest;
mod engine;
mod life;
mod load;
mod maintenance;
mod power;
mod queue;
mod restart;
mod setup;
mod state;

pub use change::{Change, DownCause, EndReason, MaintenanceStep, Observer, Waiting, Worth};
pub use checker::{Account, Checker};
pub use digest::Digest;
pub use engine::{Flags, simulate};
pub use setup::{Failure, FailureKind, Loop, Maintenance, Setup};
