//! A run of which only the curve of what is held by what was asked for is kept.

use crate::error::Result;
use crate::metrics::{DemandColumn, DemandCurve};
use crate::orchestrator::Options;
use crate::sim::{Flags, Setup, simulate};
use crate::units::SimTime;
use crate::workload::inflation::Asked;

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct DemandRun {
    /// Digest of the run.
    pub digest: u64,
    /// Jobs that arrived.
    pub arrived: u64,
    /// Jobs that were placed.
    pub placed: u64,
    /// The curve.
    pub columns: Vec<DemandColumn>,
}

/// One run of at most `most_events` events. `pulse` is called now and then with the simulated time; `false` interrupts.
///
/// Errors: interrupted; over the budget of events; the clock is stuck.
pub fn run_demand(
    setup: &Setup,
    options: &Options,
    of: Asked,
    most_events: u64,
    pulse: &mut dyn FnMut(SimTime) -> bool,
) -> Result<DemandRun> {
    let mut curve = DemandCurve::new(setup, of);
    let flags = Flags { every_tick: false, plain: false, most_events, explain: None, pulse };
    let digest = simulate(setup, options, &mut curve, flags)?;
    let (arrived, placed) = curve.jobs();
    Ok(DemandRun { digest, arrived, placed, columns: curve.columns() })
}
