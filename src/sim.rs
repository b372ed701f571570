//! The simulation: clock, queue, loop, changes.

mod change;

pub use change::{Change, DownCause, EndReason, Observer, Waiting, Worth};
