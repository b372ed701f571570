//! The event queue: a closed vocabulary and one total order.
//!
//! Order is (time, rank, order of insertion), which [`TimeQueue`] keeps. Ranks say what goes first at one instant, in one table. Arrivals are not
//! in the queue (they come by cursor), so it holds only running things and what was asked for. Events of an attempt
//! carry its epoch; one whose epoch has passed is stale and is dropped when it comes up.

use super::time_queue::{RANKS, TimeQueue};
use crate::ids::{HostId, JobId};
use crate::units::SimTime;

/// What goes first at one instant, lowest first.
///
/// Ends precede starts: the room they free is visible to the next decision, as in fleet, whose reconciler reads the
/// whole cluster before it decides anything. What the control plane hears comes after all that happened by itself. Loops of
/// discovery have a place of their own before control planes, so that it does not matter who asked to be woken first.
/// The window begins after step ends, whose last microsecond, of which only a remainder was served, lies before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Rank {
    StepEnds = 0,
    Window,
    Host,
    Eviction,
    Removal,
    Arrival,
    Notice,
    Discovery,
    Wake,
    Start,
}

const _: () = assert!((Rank::Start as usize) < RANKS);

/// What will happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Event {
    /// The warm-up is over.
    WindowBegins,
    /// The current usage step of the attempt in `slot` ends.
    StepEnds { slot: u32, epoch: u32 },
    /// A host joins.
    Joins(HostId),
    /// A host leaves.
    Leaves(HostId),
    /// Failure number `n` of the setup begins.
    FailureBegins(u32),
    /// Planned work number `n` of the setup begins.
    MaintenanceBegins(u32),
    /// The control plane has had its time to empty a host.
    DrainTimesOut { host: HostId, epoch: u32 },
    /// A partition heals.
    PartitionHeals { host: HostId, epoch: u32 },
    /// A fallen host has booted.
    Boots { host: HostId, epoch: u32 },
    /// A heartbeat of a host is late by so much that it is felt.
    BeatIsLate { host: HostId, epoch: u32 },
    /// A late heartbeat of a host gets through.
    BeatArrives { host: HostId, epoch: u32 },
    /// The file pages of a host are back.
    Recovers { host: HostId, epoch: u32 },
    /// Jobs have used more than they may for long enough for an operator.
    OperatorReboots { host: HostId, epoch: u32 },
    /// A victim of the kernel is gone: the attempt in `slot`, if it is still the one that began as number `serial`.
    Dies { slot: u32, serial: u32 },
    /// A daemon of a host, by its place in the orchestrator's table, is gone.
    DaemonDies { host: HostId, daemon: u16, epoch: u16 },
    /// It is back.
    DaemonBack { host: HostId, daemon: u16, epoch: u16 },
    /// A host's daemons have been starved long enough to miss its heartbeats.
    DaemonsLapse { host: HostId, epoch: u32 },
    /// The kubelet's eviction loop looks at its host.
    EvictionRound(HostId),
    /// The grace of the attempt in `slot` is over, which the kubelet evicts; `epoch` is of its serial.
    EvictionGraceOver { host: HostId, slot: u32, epoch: u32 },
    /// A service's time is over.
    Removal(JobId),
    /// A user of a closed loop is ready for the next job.
    UserReady,
    /// A fault of the store begins or ends.
    StoreFault { number: u32, begins: bool },
    /// The store's leader is lost, or its election over.
    StoreTimer { epoch: u32 },
    /// An operator changes a configuration.
    ConfigChanges(u32),
    /// Discovery asked to be woken.
    DiscoveryWake(u64),
    /// The orchestrator asked to be woken.
    Wake(u64),
    /// The agent starts a job as the control plane said.
    Start { job: JobId, host: HostId, ticket: u32 },
    /// The images of a job that the control plane sent with `ticket` are there.
    Pulled { job: JobId, host: HostId, ticket: u32 },
    /// The agent restarts a job in place.
    Restart { job: JobId, host: HostId, serial: u32 },
    /// The agent stops its attempt of a job.
    Stop { job: JobId, host: HostId },
}

impl Event {
    fn rank(self) -> Rank {
        match self {
            Event::WindowBegins => Rank::Window,
            Event::StepEnds { .. } => Rank::StepEnds,
            Event::Joins(_)
            | Event::Leaves(_)
            | Event::FailureBegins(_)
            | Event::MaintenanceBegins(_)
            | Event::StoreFault { .. }
            | Event::StoreTimer { .. }
            | Event::ConfigChanges(_)
            | Event::DrainTimesOut { .. }
            | Event::PartitionHeals { .. }
            | Event::Boots { .. }
            | Event::BeatIsLate { .. }
            | Event::BeatArrives { .. }
            | Event::Recovers { .. }
            | Event::Dies { .. }
            | Event::DaemonDies { .. }
            | Event::DaemonBack { .. }
            | Event::DaemonsLapse { .. }
            | Event::OperatorReboots { .. } => Rank::Host,
            Event::EvictionRound(_) | Event::EvictionGraceOver { .. } => Rank::Eviction,
            Event::Removal(_) => Rank::Removal,
            Event::UserReady => Rank::Arrival,
            Event::DiscoveryWake(_) => Rank::Discovery,
            Event::Wake(_) => Rank::Wake,
            Event::Stop { .. } | Event::Start { .. } | Event::Pulled { .. } | Event::Restart { .. } => Rank::Start,
        }
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: TimeQueue<Event>,
}

const _: () = assert!(size_of::<Event>() == 16);

impl EventQueue {
    pub(super) fn push(&mut self, at: SimTime, event: Event) {
        self.events.push(at, event.rank() as u8, event);
    }

    /// Time and rank of the next event.
    pub(super) fn peek(&self) -> Option<(SimTime, u8)> {
        self.events.peek()
    }

    pub(super) fn pop(&mut self) -> Option<(SimTime, Event)> {
        self.events.pop()
    }

    /// Events that will be taken soon: see [`TimeQueue::ahead`].
    pub(super) fn ahead(&mut self) -> Option<Vec<Event>> {
        self.events.ahead()
    }

    pub(super) fn seen(&mut self, ahead: Vec<Event>) {
        self.events.seen(ahead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_go_by_rank_then_by_insertion() {
        let mut q = EventQueue::default();
        q.push(SimTime(5), Event::Wake(1));
        q.push(SimTime(5), Event::Wake(0));
        q.push(SimTime(5), Event::Removal(JobId(9)));
        q.push(SimTime(4), Event::Start { job: JobId(0), host: HostId(0), ticket: 0 });
        let order: Vec<Event> = std::iter::from_fn(|| q.pop()).map(|(_, e)| e).collect();
        assert_eq!(order[1..], [Event::Removal(JobId(9)), Event::Wake(1), Event::Wake(0)]);
    }
}
