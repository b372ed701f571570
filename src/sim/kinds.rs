//! Kinds of changes, and sets of them: what an observer asks to be told.

use super::change::Change;

macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// The kind of a [`Change`], by its name.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each is explained by the change of its name")]
        pub enum Kind {
            $($name),*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$name),*];
        }

        impl Change {
            /// Its kind.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Change::$name { .. } => Kind::$name),*
                }
            }
        }
    };
}

kinds!(
    Arrived,
    Placed,
    Preempts,
    Device,
    Started,
    Ended,
    Repeats,
    Finished,
    Removed,
    GaveUp,
    Waits,
    Rate,
    Remainder,
    AttemptGivenUp,
    HeldBack,
    Abandoned,
    Valued,
    HostLoad,
    CpuFelt,
    DaemonCpu,
    DaemonStarved,
    HostUp,
    HostDown,
    HostLeft,
    Thrash,
    DaemonDown,
    DaemonUp,
    ProcessKilled,
    Heartbeats,
    HostLost,
    Pressure,
    Incident,
    Maintenance,
    FailureMissed,
    Store,
    Stage,
    Reach,
    Deploys,
    Configured,
    WindowBegins,
);

const _: () = assert!(Kind::ALL.len() <= 64);

/// A set of kinds of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kinds(u64);

impl Kinds {
    /// No change.
    pub const NONE: Kinds = Kinds(0);
    /// Every change, of kinds that are yet to be thought of, too.
    pub const ALL: Kinds = Kinds(u64::MAX);

    /// These.
    pub const fn of(kinds: &[Kind]) -> Kinds {
        let (mut bits, mut i) = (0, 0);
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u8;
            i += 1;
        }
        Kinds(bits)
    }

    /// These and those.
    pub const fn with(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    /// These but not those.
    pub const fn without(self, other: Kinds) -> Kinds {
        Kinds(self.0 & !other.0)
    }

    /// Whether `kind` is in it.
    #[inline]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }
}
