//! What goes wrong within a control plane itself, which no job and no host shows by itself.

/// Something that a control plane's operator would find in its logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Incident {
    /// A converge failed, because a node of the formation did not answer.
    ConvergeFailed = 0,
    /// Scaling down went into the loop that never ends (see [`crate::chef`]).
    EndlessLoop,
    /// A container was given a port that does not exist.
    NoPort,
    /// A turn of the engine, or a pass of a controller, came to nothing.
    TurnLost,
    /// Whoever led no longer does.
    LeadershipLost,
    /// An agent stopped a healthy job that it should have left alone.
    HealthyStopped,
    /// An agent's loops stopped for want of the store.
    LoopsStopped,
}

impl Incident {
    /// All, in order of their numbers.
    pub const ALL: [Incident; 7] = [
        Incident::ConvergeFailed,
        Incident::EndlessLoop,
        Incident::NoPort,
        Incident::TurnLost,
        Incident::LeadershipLost,
        Incident::HealthyStopped,
        Incident::LoopsStopped,
    ];

    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Incident::ConvergeFailed => "converge-failed",
            Incident::EndlessLoop => "endless-loop",
            Incident::NoPort => "no-port",
            Incident::TurnLost => "turn-lost",
            Incident::LeadershipLost => "leadership-lost",
            Incident::HealthyStopped => "healthy-stopped",
            Incident::LoopsStopped => "loops-stopped",
        }
    }
}
