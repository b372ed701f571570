//! The tables of parameters and choices, and what a run makes of them.

use super::INFO;
use crate::fleet::Version;
use crate::orchestrator::{Options, ParameterInfo, ParameterValue};
use crate::units::SimDuration;

const fn time(name: &'static str, default: &'static str, summary: &'static str, source: &'static str) -> ParameterInfo {
    ParameterInfo { name, default, words: &[], summary, source, range: "" }
}

pub(super) const PARAMETERS: &[ParameterInfo] = &[
    ParameterInfo {
        name: "version",
        default: "0.11.5",
        words: &["0.11.5", "1.0.0"],
        summary: "version of fleet: what its engine does with units that ask for something, and how it reads units from etcd",
        source: "Deis v1 ran 0.9 to 0.11 (deis/deis#3422); 1.0.0 is the last release",
        range: "",
    },
    time(
        "engine_interval",
        "2s",
        "time between engine turns; the leader's lease is five of them",
        "fleet v0.11.5 fleetd/fleetd.go:74, engine/engine.go:62",
    ),
    time(
        "agent_ttl",
        "30s",
        "how long a machine's presence outlives its last heartbeat",
        "fleet v0.11.5 agent/agent.go:32",
    ),
    time("heartbeat", "15s", "time between presence heartbeats", "fleet v0.11.5 heart/monitor.go:24 (TTL/2)"),
    time(
        "watch_delay",
        "1s",
        "time from a write to the schedule until engine and agents act on it",
        "fleet v0.11.5 registry/event.go:89 (the watch sleeps 1 s)",
    ),
    time(
        "agent_interval",
        "5s",
        "time between agent reconciles, which stop stale copies",
        "fleet v0.11.5 agent/reconcile.go:31",
    ),
    time(
        "etcd_timeout",
        "1s",
        "how long fleet waits for one request to etcd",
        "fleet v0.11.5 fleetd/fleetd.go:73; Deis v0.12.0 to v1.10.x set 3s (contrib/coreos/user-data.example)",
    ),
    time("restart_delay", "5s", "systemd RestartSec of the units", "deis v1.12.3 controller/scheduler/fleet.py:380"),
    ParameterInfo {
        name: "visiting",
        default: "by-name",
        words: &["by-name", "shuffled"],
        summary: "in which order a turn visits units: by name, or shuffled anew in each of its two loops",
        source: "fleet walks Go maps, whose order is random (engine/reconciler.go:67-148); by-name makes runs comparable",
        range: "",
    },
    ParameterInfo {
        name: "finished",
        default: "at-exit",
        words: &["at-exit", "kept"],
        summary: "when a finished unit leaves the count: at exit, or never (its submitter keeps it)",
        source: "fleet counts a unit until it is destroyed; when that is, is the submitter's choice",
        range: "",
    },
];

pub(super) const CHOICES: &[[&str; 3]] = &[
    ["fleet: a finished unit leaves the count", "at exit", "parameters: {finished: kept}"],
    ["fleet: visiting order of units in a turn", "by name", "parameters: {visiting: shuffled}"],
];

/// The parameters of a run.
pub(super) struct Settings {
    pub version: Version,
    pub interval: SimDuration,
    /// How long the leader's lease lasts from its last renewal; a turn is cut off after as long.
    pub lease: SimDuration,
    pub agent_ttl: SimDuration,
    pub heartbeat: SimDuration,
    pub watch_delay: SimDuration,
    pub agent_interval: SimDuration,
    pub etcd_timeout: SimDuration,
    pub restart_delay: SimDuration,
    pub shuffled: bool,
    pub keeps_finished: bool,
}

impl Settings {
    pub(super) fn new(options: &Options) -> Settings {
        let d = |name| INFO.duration(options, name);
        let version = match INFO.value(options, "version") {
            ParameterValue::Word(word) => Version::parse(&word).expect("a word of the table"),
            other => panic!("version is {other}"),
        };
        let interval = SimDuration(d("engine_interval").0.max(1));
        Settings {
            version,
            interval,
            lease: SimDuration(interval.0.saturating_mul(5)),
            agent_ttl: d("agent_ttl"),
            heartbeat: d("heartbeat"),
            // News takes some time; none at all would make engine and agents act on themselves within one instant.
            watch_delay: SimDuration(d("watch_delay").0.max(1)),
            agent_interval: d("agent_interval"),
            etcd_timeout: d("etcd_timeout"),
            restart_delay: d("restart_delay"),
            shuffled: INFO.is(options, "visiting", "shuffled"),
            keeps_finished: INFO.is(options, "finished", "kept"),
        }
    }
}
