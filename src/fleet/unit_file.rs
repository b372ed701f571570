//! Reads systemd unit files (`.service`) with `[X-Fleet]`, as fleet's parser does (go-systemd `unit/deserialize.go`;
//! unit/unit.go:36-68): lines, comments, continuations, repeated options, several values in quotes.
//!
//! Where this departs from it: text before the first section is an error and not passed over, a line end may be `\r\n`, and
//! an unknown value of an option that is kept is an error, while systemd warns and goes on.

use super::options::{KNOWN, Options};
use super::service::Service;
use super::unit::{TargetState, Unit};
use super::unit_name::UnitName;
use super::version::Version;
use crate::error::{Error, Result, unknown_name};

/// Lines of so many bytes are refused, as systemd would cut them.
const LINE_MAX: usize = 2048;

/// A unit file: of one unit, or a template for many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitFile {
    name: String,
    entries: Vec<Entry>,
    options: Options,
    service: Service,
}

/// One option as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The section, without brackets.
    pub section: String,
    /// What stands before `=`.
    pub name: String,
    /// What stands behind it, trimmed; continuation lines are joined by `\` and a line end, as fleet keeps them.
    pub value: String,
    /// The line where it begins, from 1.
    pub line: u64,
}

impl UnitFile {
    /// Reads the text of the file `name` (without folders).
    pub fn read(name: &str, text: &str) -> Result<UnitFile> {
        UnitFile::read_text(name, text).map_err(|error| error.in_file(name))
    }

    fn read_text(name: &str, text: &str) -> Result<UnitFile> {
        if !name.strip_suffix(".service").is_some_and(|bare| !bare.is_empty() && !bare.contains('/')) {
            return Err(Error::input("only units named NAME.service are read"));
        }
        let entries = entries(text)?;
        let (mut options, mut service) = (Options::default(), Service::default());
        let mut oneshot = false;
        for entry in &entries {
            match entry.section.as_str() {
                "X-Fleet" => options.add_line(&entry.name, &entry.value),
                "Service" => {
                    // systemd reads a continuation as a space.
                    let value = entry.value.replace("\\\n", " ");
                    let set = service.set(&entry.name, value.trim());
                    set.map_err(|error| error.in_field(&entry.name).at_line(entry.line))?;
                    if entry.name == "Type" {
                        oneshot = value.trim() == "oneshot";
                    }
                }
                _ => {}
            }
        }
        let is_bound = |entry: &Entry| matches!(entry.name.as_str(), "TimeoutStartSec" | "TimeoutSec");
        if oneshot && !entries.iter().any(|entry| entry.section == "Service" && is_bound(entry)) {
            service.start_timeout = None;
        }
        Ok(UnitFile { name: name.to_string(), entries, options, service })
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All options in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The `[X-Fleet]` section.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What is kept of `[Service]`.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Options of `[X-Fleet]` that this version does not know, in the order of the file. The API, which Deis used, takes such
    /// a unit and ignores them.
    pub fn unknown_options(&self, version: Version) -> Vec<&Entry> {
        let known = known(version);
        let entries = self.entries.iter().filter(|entry| entry.section == "X-Fleet");
        entries.filter(|entry| !known.contains(&entry.name.as_str())).collect()
    }

    /// Refuses a unit with unknown options, as `fleetctl` does (`ValidateRequirements`, fleetctl/fleetctl.go:575).
    pub fn check_as_fleetctl(&self, version: Version) -> Result<()> {
        match self.unknown_options(version).first() {
            None => Ok(()),
            Some(entry) => {
                let message = unknown_name("option of [X-Fleet]", &entry.name, &known(version));
                Err(Error::input(message).at_line(entry.line).in_file(&self.name))
            }
        }
    }

    /// The unit `name` made from this file: the file's own, or an instance if the file is a template.
    pub fn unit(&self, name: &str, target_state: TargetState, version: Version) -> Result<Unit> {
        let parts = UnitName::new(name);
        let template = parts.and_then(|parts| parts.template());
        let refuse = |why: String| Err(Error::input(why).in_file(&self.name));
        if parts.is_some_and(|parts| parts.is_template()) {
            let example = name.replacen('@', "@1", 1);
            return refuse(format!(
                "\"{name}\" is a template, which cannot be placed; name an instance (try {example})"
            ));
        }
        if name != self.name && template.as_deref() != Some(self.name.as_str()) {
            return refuse(format!("\"{name}\" is neither this unit nor an instance of it"));
        }
        Ok(Unit::new(name, &self.options, target_state, &version.rules()))
    }
}

fn known(version: Version) -> Vec<&'static str> {
    KNOWN.iter().copied().filter(|name| version.rules().replaces || *name != "Replaces").collect()
}

fn entries(text: &str) -> Result<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = (1..).zip(text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)));
    let mut section: Option<&str> = None;
    let mut entries = Vec::new();
    while let Some((number, line)) = lines.next() {
        let at = |error: Error| error.at_line(number);
        check_length(number, line)?;
        let begins = line.trim_start();
        if begins.is_empty() {
            continue;
        }
        if begins.starts_with(['#', ';']) {
            // A comment that ends in a backslash takes the next line with it.
            let mut comment = line;
            while comment.strip_suffix(' ').unwrap_or(comment).ends_with('\\') {
                let Some((_, next)) = lines.next() else { break };
                comment = next;
            }
        } else if let Some(header) = begins.strip_prefix('[') {
            let Some((name, rest)) = header.split_once(']') else {
                return Err(at(Error::input(format!("\"{begins}\" has no ] (try [Service])"))));
            };
            if !rest.trim().is_empty() {
                return Err(at(Error::input(format!("\"{}\" behind the section [{name}]", rest.trim()))));
            }
            section = Some(name);
        } else {
            let Some((name, first)) = begins.split_once('=') else {
                return Err(at(Error::input(format!("\"{begins}\" is no option (try NAME=VALUE)"))));
            };
            let Some(section) = section else {
                return Err(at(Error::input("an option before the first section (try [Unit] above it)")));
            };
            let mut value = String::new();
            let mut part = first;
            while !part.trim().is_empty() {
                value.push_str(part);
                if !part.ends_with('\\') {
                    break;
                }
                let Some((number, next)) = lines.next() else { break };
                check_length(number, next)?;
                value.push('\n');
                part = next;
            }
            // A continuation into nothing leaves its line end, as in fleet.
            let dangles = value.ends_with('\n');
            let value = value.trim().to_string() + if dangles { "\n" } else { "" };
            entries.push(Entry { section: section.into(), name: name.trim().into(), value, line: number });
        }
    }
    Ok(entries)
}

fn check_length(number: u64, line: &str) -> Result<()> {
    if line.len() < LINE_MAX {
        return Ok(());
    }
    let message = format!("a line of {} bytes; fleet takes less than {LINE_MAX} (continue it with \\)", line.len());
    Err(Error::input(message).at_line(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::docker_run::{DockerLimits, DockerRun};
    use crate::fleet::service::Restart;
    use crate::units::{Bytes, SimDuration};

    const WEB: &str = "\
# A web server.
[Unit]
Description=web
Requires=docker.service

[Service]
ExecStartPre=/bin/sh -c \"docker pull busybox\"
ExecStart=/usr/bin/docker run --name web-%i \\
    -m 256m -c 512 \\
    busybox
Restart=no
TimeoutStartSec=20m
RestartSec=5
Restart=on-failure

; Placement.
[X-Fleet]
Conflicts=%p@*.service
MachineMetadata=\"zone=a\" \"zone=b\"
MachineMetadata=disk=ssd
";

    #[test]
    fn a_real_unit_file_is_read_and_its_template_makes_instances() {
        let file = UnitFile::read("web@.service", WEB).unwrap();
        let limits = DockerLimits { memory: Some(Bytes(256 << 20)), cpu_shares: Some(512) };
        assert_eq!(
            file.service(),
            &Service {
                docker: DockerRun::Limits(limits),
                restart: Restart::OnFailure,
                restart_delay: SimDuration::from_secs(5),
                start_timeout: Some(SimDuration::from_secs(1200)),
            }
        );
        assert_eq!(file.options().values("MachineMetadata"), ["zone=a", "zone=b", "disk=ssd"]);
        file.check_as_fleetctl(Version::V0_11_5).unwrap();
        let unit = file.unit("web@1.service", TargetState::Launched, Version::V0_11_5).unwrap();
        assert_eq!(unit.requirements.conflicts[0].text(), "web@*.service");
        assert_eq!(unit.requirements.metadata.len(), 2);
        assert_eq!(file.entries()[0].line, 3);
        assert_eq!(file.entries().iter().find(|e| e.name == "Restart").unwrap().line, 11);
        assert_eq!(file.entries().last().unwrap().line, 20);
    }

    #[test]
    fn a_unit_is_only_made_from_its_own_file_or_its_template() {
        let file = UnitFile::read("web@.service", WEB).unwrap();
        let error = |name: &str| file.unit(name, TargetState::Launched, Version::V1_0_0).unwrap_err().to_string();
        assert_eq!(
            error("web@.service"),
            "web@.service: \"web@.service\" is a template, which cannot be placed; name an instance (try web@1.service)"
        );
        let other = "web@.service: \"db@1.service\" is neither this unit nor an instance of it";
        assert_eq!(error("db@1.service"), other);
        let single = UnitFile::read("db.service", "[X-Fleet]\nGlobal=true\n").unwrap();
        assert!(single.unit("db.service", TargetState::Launched, Version::V1_0_0).unwrap().requirements.global);
        assert!(single.unit("db@1.service", TargetState::Launched, Version::V1_0_0).is_err());
        // An instance may have a file of its own.
        let own = UnitFile::read("web@1.service", "[Service]\nExecStart=/bin/true").unwrap();
        assert!(own.unit("web@1.service", TargetState::Launched, Version::V1_0_0).is_ok());
    }

    #[test]
    fn systemd_has_its_own_defaults() {
        let service = |text: &str| UnitFile::read("a.service", text).unwrap().service().clone();
        let default = service("[Service]\nExecStart=/bin/sleep 5");
        assert_eq!(default, Service::default());
        assert_eq!(default.restart_delay, SimDuration(100_000));
        assert_eq!(default.start_timeout, Some(SimDuration::from_secs(90)));
        assert_eq!(service("[Service]\nType=oneshot").start_timeout, None);
        assert_eq!(service("[Service]\nTimeoutSec=7\nType=oneshot").start_timeout, Some(SimDuration::from_secs(7)));
        assert_eq!(service("[Service]\nTimeoutStartSec=0").start_timeout, None);
        assert_eq!(service("[Service]\nTimeoutStartSec=infinity").start_timeout, None);
        assert_eq!(service("[Service]\nRestart=always\nRestart=").restart, Restart::No);
        assert_eq!(service("[Unit]\nRestart=always").restart, Restart::No, "another section");
    }

    #[test]
    fn comments_continuations_and_blank_values_are_fleets() {
        let values = |text: &str| {
            let file = UnitFile::read("a.service", text).unwrap();
            file.entries().iter().map(|e| format!("{}={}@{}", e.name, e.value, e.line)).collect::<Vec<_>>()
        };
        assert_eq!(values("[A]\n\r\n x = 1 \r\n#c\n;d\ny=\nz= # no comment\n"), ["x=1@3", "y=@6", "z=# no comment@7"]);
        assert_eq!(values("[A]\nx=a \\\n  b\\\nc\ny=1"), ["x=a \\\n  b\\\nc@2", "y=1@5"]);
        // A comment line inside a continuation belongs to the value, a blank one ends it.
        assert_eq!(values("[A]\nx=a \\\n# b\ny=1"), ["x=a \\\n# b@2", "y=1@4"]);
        assert_eq!(values("[A]\nx=a \\\n\ny=1"), ["x=a \\\n@2", "y=1@4"]);
        assert_eq!(values("[A]\nx=a \\"), ["x=a \\@2"]);
        assert_eq!(values("[A]\n# goes on \\\nx=1\ny=2"), ["y=2@4"]);
        assert_eq!(values("\u{feff}[A]\nx=a=b"), ["x=a=b@2"]);
        assert_eq!(values(""), Vec::<String>::new());
    }

    #[test]
    fn a_continued_line_of_conflicts_works_in_1_0_0_and_matches_nothing_in_0_11_5() {
        let file = UnitFile::read("a.service", "[X-Fleet]\nConflicts=b.service \\\n  c.service\n").unwrap();
        let clashes = |version, name| {
            let unit = file.unit("a.service", TargetState::Launched, version).unwrap();
            unit.requirements.conflicts.iter().any(|pattern| pattern.matches(name))
        };
        for name in ["b.service", "c.service"] {
            assert!(!clashes(Version::V0_11_5, name));
            assert!(clashes(Version::V1_0_0, name));
        }
    }

    #[test]
    fn an_unknown_option_is_refused_by_fleetctl_and_ignored_by_the_api() {
        let text = "[X-Fleet]\nGlobal=true\nConflict=a\nReplaces=b\n";
        let file = UnitFile::read("a.service", text).unwrap();
        let unknown = |version| file.unknown_options(version).iter().map(|e| e.name.as_str()).collect::<Vec<_>>();
        assert_eq!(unknown(Version::V0_11_5), ["Conflict", "Replaces"]);
        assert_eq!(unknown(Version::V1_0_0), ["Conflict"]);
        let error = file.check_as_fleetctl(Version::V1_0_0).unwrap_err().to_string();
        assert_eq!(error, "a.service:3: unknown option of [X-Fleet] \"Conflict\"; did you mean \"Conflicts\"?");
        assert!(
            file.unit("a.service", TargetState::Loaded, Version::V1_0_0).unwrap().requirements.conflicts.is_empty()
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        let error = |text: &str| UnitFile::read("a.service", text).unwrap_err().to_string();
        assert_eq!(error("\nx=1"), "a.service:2: an option before the first section (try [Unit] above it)");
        assert_eq!(error("[A\nx=1]"), "a.service:1: \"[A\" has no ] (try [Service])");
        assert_eq!(error("[A] b"), "a.service:1: \"b\" behind the section [A]");
        assert_eq!(error("[A]\nx"), "a.service:2: \"x\" is no option (try NAME=VALUE)");
        assert_eq!(
            error("[Service]\n\nRestart=on-fail"),
            "a.service:3: Restart: unknown kind of restart \"on-fail\"; did you mean \"on-failure\"?"
        );
        assert_eq!(
            error("[Service]\nTimeoutStartSec=soon"),
            "a.service:2: TimeoutStartSec: \"soon\" is not a time span (try 5, 20m, 1min 30s or infinity)"
        );
        let long = format!("[A]\nx=1 \\\n{}", "y".repeat(2048));
        assert_eq!(error(&long), "a.service:3: a line of 2048 bytes; fleet takes less than 2048 (continue it with \\)");
        for name in ["a.socket", ".service", "a", "x/a.service"] {
            assert!(UnitFile::read(name, "").is_err(), "{name}");
        }
    }
}
