//! The simulation: clock, queue, loop, changes.

mod change;
mod setup;

pub use change::{Change, DownCause, EndReason, Observer, Waiting, Worth};
pub use setup::{Failure, FailureKind, Loop, Setup};
