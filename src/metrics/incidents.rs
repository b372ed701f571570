//! Incidents: what went wrong within the control plane itself.

use super::{Family, FamilyInfo, MetricInfo, Value, row};
use crate::orchestrator::{Incident, Options};
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |_: &Setup, _: &Options| Box::new(Incidents::default()) };

const ROWS: &[MetricInfo] = &[
    row("converges_failed", "converges of Chef that failed because a node did not answer"),
    row("endless_loops", "times that Chef's controller went into the loop that never ends, scaling down"),
    row("ports_exhausted", "containers that Chef's controller gave a port beyond 65535"),
    row("turns_lost", "turns of fleet's engine or passes of a controller that came to nothing, for want of the store"),
    row("leadership_losses", "times that whoever led the control plane no longer did"),
    row("healthy_stops", "healthy jobs that their agent stopped because it could not read that they were wanted"),
    row("loops_stopped", "times that an agent's loops stopped for want of the store"),
];
const _: () = assert!(ROWS.len() == Incident::ALL.len());

/// Counts them.
#[derive(Default)]
struct Incidents {
    counts: [u64; Incident::ALL.len()],
}

impl Observer for Incidents {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[Kind::Incident, Kind::WindowBegins]);
        WANTED
    }

    fn change(&mut self, _at: SimTime, change: &Change) {
        match *change {
            Change::Incident { what, .. } => self.counts[what as usize] += 1,
            Change::WindowBegins => self.counts = Default::default(),
            _ => {}
        }
    }

    fn finish(&mut self, _end: SimTime) {}
}

impl Family for Incidents {
    fn values(&self) -> Vec<Value> {
        self.counts.iter().map(|&count| Value::Count(count)).collect()
    }
}
