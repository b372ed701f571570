//! The `[X-Fleet]` section of a unit as fleet parses it: options, each with its values in the order of the file.

use std::collections::BTreeMap;

/// The options that mean something (`validRequirements`, job/job.go:55-67), old spellings included. `Replaces` came with
/// v0.13.0; v0.11.5 does not know it.
pub const KNOWN: &[&str] = &[
    "Conflicts",
    "Global",
    "MachineID",
    "MachineMetadata",
    "MachineOf",
    "Replaces",
    "X-ConditionMachineBootID",
    "X-ConditionMachineID",
    "X-ConditionMachineMetadata",
    "X-ConditionMachineOf",
    "X-Conflicts",
];

/// Options and their values, specifiers not yet replaced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options(BTreeMap<String, Vec<String>>);

impl Options {
    /// Adds a line of the section; a quoted value becomes several ([`split_quoted`]).
    pub fn add_line(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_string()).or_default().extend(split_quoted(value));
    }

    /// Adds one value as it is.
    pub fn add_value(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.to_string()).or_default().push(value.into());
    }

    /// The values of an option, none where it is absent.
    pub fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The options in byte order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

/// The values of one line: where it begins and ends with `"`, its parts between spaces that stand outside quotes, without the
/// quotes; otherwise the line itself (`parseMultivalueLine`, unit/unit.go:70-98). Two spaces make an empty value, as there.
pub fn split_quoted(line: &str) -> Vec<String> {
    if !line.starts_with('"') || !line.ends_with('"') {
        return vec![line.to_string()];
    }
    let (mut values, mut value, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => values.push(std::mem::take(&mut value)),
            _ => value.push(c),
        }
    }
    values.push(value);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_line_is_several_values_and_any_other_is_one() {
        let check = |line: &str, want: &[&str]| assert_eq!(split_quoted(line), want, "{line}");
        check(r#""a=b" "c=d""#, &["a=b", "c=d"]);
        check(r#""a b" "c""#, &["a b", "c"]);
        check(r#""a"  "b""#, &["a", "", "b"]);
        check(r#""a""b""#, &["ab"]);
        check(r#""a=b" c"#, &[r#""a=b" c"#]);
        check("a b", &["a b"]);
        check("", &[""]);
        check("\"", &[""]);
        check("\"\"", &[""]);
    }

    #[test]
    fn values_of_repeated_lines_are_kept_in_order() {
        let mut options = Options::default();
        options.add_line("MachineMetadata", r#""z=1" "z=2""#);
        options.add_line("MachineMetadata", "d=3");
        assert_eq!(options.values("MachineMetadata"), ["z=1", "z=2", "d=3"]);
        assert!(options.values("MachineOf").is_empty());
    }
}
