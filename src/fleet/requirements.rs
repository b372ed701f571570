//! What a unit asks of a machine: its options with specifiers replaced, as a version reads them (job/job.go).

use std::collections::{BTreeMap, BTreeSet};

use super::options::Options;
use super::pattern::Pattern;
use super::unit_name::UnitName;
use super::version::Rules;

/// Requirements, read once for a unit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Requirements {
    /// The machine that it must run on, by full or short ID.
    pub machine_id: Option<String>,
    /// For each key the values that will do; every key must be met.
    pub metadata: BTreeMap<String, BTreeSet<String>>,
    /// Units that must be on the machine already, by name.
    pub peers: Vec<String>,
    /// Units that must not be there.
    pub conflicts: Vec<Pattern>,
    /// Units that it takes the place of; empty where the version knows no such thing.
    pub replaces: Vec<Pattern>,
    /// Whether it runs on every machine whose metadata match, without the engine.
    pub global: bool,
}

impl Requirements {
    /// What the unit `name` with these options asks.
    pub fn new(name: &str, options: &Options, rules: &Rules) -> Requirements {
        let parts = UnitName::new(name);
        let values = |key: &str| -> Vec<String> {
            let values = options.values(key).iter();
            values.map(|value| parts.map_or_else(|| value.clone(), |parts| parts.fill(value))).collect()
        };
        // The old spelling comes first wherever both count.
        let both = |old: &str, new: &str| [values(old), values(new)].concat();
        let mut conflicts = both("X-Conflicts", "Conflicts");
        if rules.splits_conflicts {
            conflicts = conflicts.iter().flat_map(|line| line.split_whitespace()).map(str::to_string).collect();
        }
        let replaces = if rules.replaces { values("Replaces") } else { Vec::new() };
        // Only the first value of the first of these that is there counts (job/job.go:223-250).
        let machine_id = ["MachineID", "X-ConditionMachineID", "X-ConditionMachineBootID"]
            .into_iter()
            .find_map(|key| values(key).into_iter().next());
        // The last value wins.
        let global = values("Global").last().is_some_and(|v| rules.global_words.contains(&v.to_lowercase().as_str()));
        Requirements {
            machine_id,
            metadata: metadata(&both("X-ConditionMachineMetadata", "MachineMetadata")),
            peers: both("X-ConditionMachineOf", "MachineOf"),
            conflicts: conflicts.into_iter().map(Pattern::new).collect(),
            replaces: replaces.into_iter().map(Pattern::new).collect(),
            global,
        }
    }
}

/// Values that are no `key=value` with exactly one `=` and something on both sides are dropped, as fleet does without a word
/// (job/job.go:255-281).
fn metadata(values: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut metadata: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pair in values {
        let parts = pair.split_once('=');
        if let Some((key, value)) = parts.filter(|(k, v)| !k.is_empty() && !v.is_empty() && !v.contains('=')) {
            metadata.entry(key.to_string()).or_default().insert(value.to_string());
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Version;

    fn read(version: Version, name: &str, lines: &[(&str, &str)]) -> Requirements {
        let mut options = Options::default();
        for (key, value) in lines {
            options.add_line(key, value);
        }
        Requirements::new(name, &options, &version.rules())
    }

    fn old(lines: &[(&str, &str)]) -> Requirements {
        read(Version::V0_11_5, "a@7.service", lines)
    }

    fn texts(patterns: &[Pattern]) -> Vec<&str> {
        patterns.iter().map(Pattern::text).collect()
    }

    #[test]
    fn only_the_first_value_of_the_first_key_that_names_a_machine_counts() {
        let id = |lines: &[(&str, &str)]| old(lines).machine_id;
        assert_eq!(id(&[]), None);
        assert_eq!(id(&[("MachineID", "m2"), ("MachineID", "m3")]).as_deref(), Some("m2"));
        assert_eq!(id(&[("X-ConditionMachineID", "m1"), ("MachineID", "m3")]).as_deref(), Some("m3"));
        assert_eq!(id(&[("X-ConditionMachineBootID", "m1"), ("X-ConditionMachineID", "m2")]).as_deref(), Some("m2"));
        assert_eq!(id(&[("X-ConditionMachineBootID", "m%i")]).as_deref(), Some("m7"));
        // An empty value is a value: it asks for a machine without a name.
        assert_eq!(id(&[("MachineID", "")]).as_deref(), Some(""));
    }

    #[test]
    fn metadata_of_one_key_are_alternatives_and_what_is_no_pair_is_dropped() {
        let lines = [("X-ConditionMachineMetadata", "z=3"), ("MachineMetadata", r#""z=%i" "d=ssd""#)];
        let metadata = old(&lines).metadata;
        let want = |key: &str| metadata[key].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((want("z"), want("d")), (vec!["3", "7"], vec!["ssd"]));
        for dropped in ["z", "z=", "=1", "z=1=2", "", "z==1"] {
            assert!(old(&[("MachineMetadata", dropped)]).metadata.is_empty(), "{dropped}");
        }
        // Nothing is trimmed: this is the key "z " and the value " 1".
        assert!(old(&[("MachineMetadata", "z = 1")]).metadata.contains_key("z "));
    }

    #[test]
    fn old_spellings_come_before_the_new_ones() {
        let lines = [("MachineOf", "%p.service"), ("X-ConditionMachineOf", "b.service")];
        assert_eq!(old(&lines).peers, ["b.service", "a.service"]);
        let lines = [("Conflicts", "c"), ("X-Conflicts", "d")];
        assert_eq!(texts(&old(&lines).conflicts), ["d", "c"]);
    }

    #[test]
    fn a_line_of_conflicts_is_one_pattern_in_0_11_5_and_split_in_1_0_0() {
        let lines = [("Conflicts", " p.service \t%p@*.service"), ("Replaces", "x y")];
        let old = old(&lines);
        assert_eq!(texts(&old.conflicts), [" p.service \ta@*.service"]);
        assert!(old.replaces.is_empty(), "0.11.5 knows no Replaces");
        let new = read(Version::V1_0_0, "a@7.service", &lines);
        assert_eq!(texts(&new.conflicts), ["p.service", "a@*.service"]);
        assert_eq!(texts(&new.replaces), ["x y"]);
    }

    #[test]
    fn a_unit_is_global_by_its_last_value_in_the_words_of_its_version() {
        for (value, in_0_11_5, in_1_0_0) in [
            ("true", true, true),
            ("TRUE", true, true),
            ("yes", false, true),
            ("On", false, true),
            ("t", false, true),
            ("1", false, true),
            ("false", false, false),
            ("", false, false),
            ("true ", false, false),
        ] {
            assert_eq!(old(&[("Global", value)]).global, in_0_11_5, "{value}");
            assert_eq!(read(Version::V1_0_0, "a.service", &[("Global", value)]).global, in_1_0_0, "{value}");
        }
        assert!(!old(&[("Global", "true"), ("Global", "false")]).global);
        assert!(old(&[("Global", "false"), ("Global", "true")]).global);
        assert!(!old(&[]).global);
    }

    #[test]
    fn in_a_name_without_a_dot_nothing_is_replaced() {
        let peers = read(Version::V0_11_5, "plain", &[("MachineOf", "%n")]).peers;
        assert_eq!(peers, ["%n"]);
    }
}
