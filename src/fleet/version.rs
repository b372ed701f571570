//! The versions whose decisions are recorded, and what they do differently.

use crate::error::{Error, Result, unknown_name};

/// A version of fleet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// What Deis v1 ran in its last year; v0.8.3 to v0.11.8 decide alike.
    V0_11_5,
    /// The last release.
    V1_0_0,
}

/// What an engine does that another version does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Unscheduling judges all units by the agents as they were when the turn began; otherwise they are worked out anew
    /// for each unit (engine/reconciler.go:84, and :87-107 at v1.0.0).
    pub one_snapshot: bool,
    /// Each value of `Conflicts=` is split at white space (job/job.go:221-231, 343-350 at v1.0.0).
    pub splits_conflicts: bool,
    /// A global unit stays off a machine that holds a unit it conflicts with (engine/state.go:91-105 at v1.0.0).
    pub globals_heed_conflicts: bool,
    /// `Replaces=` means something (since v0.13.0).
    pub replaces: bool,
    /// What `Global=` may say, in lower case (job/job.go:105-117).
    pub global_words: &'static [&'static str],
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Version; 2] = [Version::V0_11_5, Version::V1_0_0];

    /// The version without a leading `v`.
    pub const fn name(self) -> &'static str {
        match self {
            Version::V0_11_5 => "0.11.5",
            Version::V1_0_0 => "1.0.0",
        }
    }

    /// Reads `0.11.5` or `v0.11.5`.
    pub fn parse(text: &str) -> Result<Version> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let known = Version::ALL.into_iter().find(|version| version.name() == bare);
        known.ok_or_else(|| Error::input(unknown_name("version of fleet", text, &Version::ALL.map(Version::name))))
    }

    /// How its engine decides.
    pub const fn rules(self) -> Rules {
        match self {
            Version::V0_11_5 => Rules {
                one_snapshot: true,
                splits_conflicts: false,
                globals_heed_conflicts: false,
                replaces: false,
                global_words: &["true"],
            },
            Version::V1_0_0 => Rules {
                one_snapshot: false,
                splits_conflicts: true,
                globals_heed_conflicts: true,
                replaces: true,
                global_words: &["true", "yes", "1", "on", "t"],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_with_or_without_its_v_and_no_other_is_taken() {
        assert_eq!(Version::parse("v0.11.5").unwrap(), Version::V0_11_5);
        assert_eq!(Version::parse("1.0.0").unwrap(), Version::V1_0_0);
        let error = Version::parse("0.11.4").unwrap_err().to_string();
        assert_eq!(error, "unknown version of fleet \"0.11.4\"; did you mean \"0.11.5\"?");
    }
}
