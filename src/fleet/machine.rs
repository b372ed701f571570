//! A machine as its presence key describes it (machine/state.go, machine/machine.go).

use std::collections::{BTreeMap, BTreeSet};

/// Bytes of an ID that are enough to name it.
const SHORT_ID_LEN: usize = 8;

/// A live machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// Its ID, usually 32 hexadecimal digits; ties go to the lowest, byte by byte.
    pub id: String,
    /// What it says of itself (`metadata` in its configuration).
    pub metadata: BTreeMap<String, String>,
}

impl Machine {
    /// A machine with these `key=value` metadata.
    pub fn new(id: &str, metadata: &[(&str, &str)]) -> Machine {
        let pairs = metadata.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Machine { id: id.to_string(), metadata: pairs.collect() }
    }

    /// Whether `id` is its ID or the first 8 bytes of it (`MatchID`, machine/state.go:30-39).
    pub fn answers_to(&self, id: &str) -> bool {
        let own = self.id.as_bytes();
        id == self.id || id.as_bytes() == &own[..own.len().min(SHORT_ID_LEN)]
    }

    /// Whether it has every key with one of the values that will do (`HasMetadata`, machine/machine.go:28-47).
    pub fn has(&self, metadata: &BTreeMap<String, BTreeSet<String>>) -> bool {
        metadata.iter().all(|(key, values)| self.metadata.get(key).is_some_and(|own| values.contains(own)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_answers_to_its_full_id_and_its_first_eight_characters() {
        let machine = Machine::new("0122b71badf8dfa7", &[]);
        assert!(machine.answers_to("0122b71badf8dfa7"));
        assert!(machine.answers_to("0122b71b"));
        for other in ["0122b71", "0122b71ba", "", "0122B71B"] {
            assert!(!machine.answers_to(other), "{other}");
        }
        assert!(Machine::new("m1", &[]).answers_to("m1"), "an ID of at most 8 is its own short form");
        assert!(!Machine::new("m1", &[]).answers_to("m"));
    }

    #[test]
    fn every_key_must_be_there_with_one_of_its_values() {
        let machine = Machine::new("a", &[("disk", "ssd"), ("zone", "y")]);
        let has = |want: &[(&str, &str)]| {
            let mut metadata: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (key, value) in want {
                metadata.entry(key.to_string()).or_default().insert(value.to_string());
            }
            machine.has(&metadata)
        };
        assert!(has(&[]));
        assert!(has(&[("zone", "x"), ("zone", "y")]));
        assert!(has(&[("zone", "y"), ("disk", "ssd")]));
        assert!(!has(&[("zone", "x"), ("disk", "ssd")]));
        assert!(!has(&[("gpu", "1")]));
    }
}
